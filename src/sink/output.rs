//! Rows, turned into encoded bytes in a buffer, and these into one writer.
//!
//! Cost: no allocation a row once the buffer has grown; one write call for each full buffer.
//! Errors: `sink.write`, or `sink.closed` where the reader of a pipe went away.

use super::{CLOSED, Format, Mode, SinkSpec, Times, csv, json};
use crate::error::Error;
use crate::event::Value;
use crate::result::{RowRef, RowSchema};
use crate::time::{EventTime, write_rfc3339};
use std::io::{self, ErrorKind, Write};

/// The form of rows as bytes.
pub(super) enum Encoder {
    /// NDJSON.
    Json(json::Encoder),
    /// CSV.
    Csv(csv::Encoder),
}

/// One writer, the buffer before it, and the encoder before that.
pub(super) struct Output<W> {
    encoder: Encoder,
    mode: Mode,
    buffer: Vec<u8>,
    limit: usize,
    place: String,
    pub(super) writer: W,
    pub(super) rows: u64,
    sent: u64,
}

impl<W: Write> Output<W> {
    /// An output of the given parts. `place` is what users read; at `limit` bytes the buffer is written.
    pub(super) fn new<'a>(
        spec: &SinkSpec,
        format: Format,
        parts: impl IntoIterator<Item = (u32, &'a RowSchema)>,
        writer: W,
        place: String,
        limit: usize,
    ) -> Self {
        let mut buffer = Vec::with_capacity(limit + limit / 4);
        let with_op = spec.mode == Mode::Changes;
        let encoder = if format == Format::Csv {
            let encoder = csv::Encoder::new(parts, spec.times, with_op);
            let encoder = if spec.mode == Mode::First { encoder.without_early() } else { encoder };
            encoder.header(&mut buffer);
            Encoder::Csv(encoder)
        } else {
            Encoder::Json(json::Encoder::new(parts, spec.times, with_op))
        };
        Self { encoder, mode: spec.mode, buffer, limit, place, writer, rows: 0, sent: 0 }
    }

    /// Encodes one row, where the mode takes it and the part is one of this output's.
    #[inline]
    pub(super) fn row(&mut self, row: RowRef<'_>) -> Result<(), Error> {
        if !self.mode.takes(row.head) {
            return Ok(());
        }
        let known = match &mut self.encoder {
            Encoder::Json(encoder) => encoder.row(row, &mut self.buffer),
            Encoder::Csv(encoder) => encoder.row(row, &mut self.buffer),
        };
        self.rows += u64::from(known);
        if self.buffer.len() >= self.limit { self.send() } else { Ok(()) }
    }

    /// Writes the buffer out.
    fn send(&mut self) -> Result<(), Error> {
        let written = self.writer.write_all(&self.buffer);
        self.sent += self.buffer.len() as u64;
        self.buffer.clear();
        written.map_err(|e| write_error(&e, &self.place))
    }

    /// Writes the buffer out and flushes the writer.
    pub(super) fn flush(&mut self) -> Result<(), Error> {
        if !self.buffer.is_empty() {
            self.send()?;
        }
        self.writer.flush().map_err(|e| write_error(&e, &self.place))
    }

    /// Bytes that have been written out.
    pub(super) fn sent(&self) -> u64 {
        self.sent
    }

    /// Bytes of output so far, those in the buffer among them.
    pub(super) fn bytes(&self) -> u64 {
        self.sent + self.buffer.len() as u64
    }
}

/// A failed write, for users.
pub(super) fn write_error(error: &io::Error, place: &str) -> Error {
    if error.kind() == ErrorKind::BrokenPipe {
        return Error::outside(CLOSED, format!("the reader of {place} has gone"))
            .help("nothing is wrong if it only wanted the first rows");
    }
    Error::outside("sink.write", format!("cannot write to {place}: {error}")).help(advice(error))
}

/// What to do about a failed open or write.
pub(super) fn advice(error: &io::Error) -> &'static str {
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => "the disk is full; free some space or use another path",
        ErrorKind::FileTooLarge => "the file system or a limit (ulimit -f) allows no larger file; use another path",
        ErrorKind::PermissionDenied => "no permission; change the rights of the folder or use another path",
        ErrorKind::ReadOnlyFilesystem => "the file system is read-only; use another path",
        ErrorKind::NotADirectory | ErrorKind::AlreadyExists => {
            "a folder of the path is the name of a file; use another path"
        }
        _ => "look at the disk and the path, and run again",
    }
}

/// Appends a moment; RFC 3339 without quotes.
pub(super) fn write_time(times: Times, us: i64, out: &mut Vec<u8>) {
    match times {
        Times::Rfc3339 => write_rfc3339(EventTime(us), out),
        Times::UnixMs => out.extend_from_slice(itoa::Buffer::new().format(us.div_euclid(1_000)).as_bytes()),
    }
}

/// Appends a number or a boolean; false where the value is neither. The form is that of JSON: floats are the shortest
/// text that reads back as the same number.
#[inline]
pub(super) fn write_plain(value: Value<'_>, out: &mut Vec<u8>) -> bool {
    match value {
        Value::Int(v) => out.extend_from_slice(itoa::Buffer::new().format(v).as_bytes()),
        Value::Float(v) if v.is_finite() => out.extend_from_slice(zmij::Buffer::new().format_finite(v).as_bytes()),
        Value::Bool(v) => out.extend_from_slice(if v { b"true" } else { b"false" }),
        _ => return false,
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_write_names_the_file_and_says_what_to_do() {
        for (kind, help) in [
            (ErrorKind::StorageFull, "disk is full"),
            (ErrorKind::PermissionDenied, "no permission"),
            (ErrorKind::ReadOnlyFilesystem, "read-only"),
            (ErrorKind::Other, "look at the disk"),
        ] {
            let error = write_error(&kind.into(), "out/pages.csv");
            assert_eq!(error.code, "sink.write");
            assert!(error.message.contains("out/pages.csv"), "{error}");
            assert!(error.help.unwrap().contains(help));
        }
    }
}
