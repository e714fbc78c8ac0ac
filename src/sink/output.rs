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
        Value::Float(v) if v.is_finite() => {
            if !write_short(v, out) {
                out.extend_from_slice(zmij::Buffer::new().format_finite(v).as_bytes());
            }
        }
        Value::Bool(v) => out.extend_from_slice(if v { b"true" } else { b"false" }),
        _ => return false,
    }
    true
}

/// Appends a float that is a whole number of thousandths, as many measurements and percentiles are; false where it is
/// not, or is large.
///
/// The quotient of two whole numbers below 2^53 is rounded once, so where it is `v` the decimal number reads back as `v`.
/// No two decimal numbers of at most 15 digits do, so none is shorter.
#[inline]
fn write_short(v: f64, out: &mut Vec<u8>) -> bool {
    /// A number below 2^51 and this have no place for a fraction: the sum is rounded to a whole number.
    const ROUND: f64 = 6_755_399_441_055_744.0;
    const MOST: f64 = 1e12;
    let thousandths = v * 1_000.0;
    if thousandths.abs() >= MOST {
        return false;
    }
    let whole = (thousandths + ROUND) - ROUND;
    // Bits, as -0.0 is equal to 0.0.
    if (whole / 1_000.0).to_bits() != v.to_bits() {
        return false;
    }
    let n = whole.abs() as u64;
    if whole < 0.0 {
        out.push(b'-');
    }
    out.extend_from_slice(itoa::Buffer::new().format(n / 1_000).as_bytes());
    let rest = (n % 1_000) as u32;
    let digits = [b'.', b'0' + (rest / 100) as u8, b'0' + (rest / 10 % 10) as u8, b'0' + (rest % 10) as u8];
    let length = if rest.is_multiple_of(100) {
        2
    } else if rest.is_multiple_of(10) {
        3
    } else {
        4
    };
    out.extend_from_slice(&digits[..length]);
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn written(v: f64) -> String {
        let mut out = Vec::new();
        assert!(write_plain(Value::Float(v), &mut out));
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn floats_of_few_digits_are_written_as_all_others_are() {
        for (v, text) in [
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (-1.0, "-1.0"),
            (8.75, "8.75"),
            (0.001, "0.001"),
            (-0.05, "-0.05"),
            (0.1 + 0.2, "0.30000000000000004"),
            (999_999_999.999, "999999999.999"),
            (1e9, "1000000000.0"),
        ] {
            assert_eq!(written(v), text);
            assert_eq!(written(v), zmij::Buffer::new().format_finite(v));
        }
        let mut out = Vec::new();
        assert!(
            write_short(999_999_999.999, &mut out) && !write_short(1e9, &mut out) && !write_short(0.0625, &mut out)
        );
        assert!(!write_short(-0.0, &mut out) && write_short(0.0, &mut out));
    }

    proptest! {
        #[test]
        fn floats_are_written_in_the_shortest_way(
            n in -2_000_000_000_000i64..2_000_000_000_000, scale in 0..6i32, ulps in -2..3i64, any in any::<f64>(),
        ) {
            let near = f64::from_bits((n as f64 / 10f64.powi(scale)).to_bits().wrapping_add_signed(ulps));
            for v in [near, any].into_iter().filter(|v| v.is_finite()) {
                prop_assert_eq!(written(v), zmij::Buffer::new().format_finite(v).to_owned());
            }
        }
    }

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
