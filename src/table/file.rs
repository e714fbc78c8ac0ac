//! A file of rows, turned into a table.
//!
//! Errors say the file and the line. A line that is no row is one: half a table would give wrong answers in silence.

use super::Builder;
use super::spec::{Loaded, Spec};
use crate::codec::json::{Projection, Reject, explain};
use crate::codec::{Decoder, Wanted};
use crate::config::{SourceFormat, TableFile};
use crate::error::{Error, nearest};
use crate::event::{EventBatch, FieldPath, key};
use crate::time::TimeUnit;
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::sync::Arc;

/// Bytes that are read and decoded together.
const BLOCK: usize = 1 << 20;
/// The longest line, bytes.
const LONGEST: usize = 64 << 20;

/// A file as it was when it was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    modified: (i64, i64),
    length: u64,
    id: (u64, u64),
}

/// The file as it is now; `None` where it cannot be looked at.
pub(super) fn stamp(file: &TableFile) -> Option<Stamp> {
    std::fs::metadata(&file.path.value).ok().map(|meta| Stamp::of(&meta))
}

impl Stamp {
    fn of(meta: &std::fs::Metadata) -> Self {
        Self { modified: (meta.mtime(), meta.mtime_nsec()), length: meta.len(), id: (meta.dev(), meta.ino()) }
    }
}

/// Reads the file of a table.
///
/// # Errors
/// Where it cannot be read, has not the columns, or has a line that is no row.
pub(super) fn load(spec: &Spec, from: &TableFile) -> Result<Loaded, Error> {
    let path = from.path.value.as_str();
    let unread = |e: std::io::Error| {
        Error::user("table.open", format!("the file of table {} cannot be read: {e}", spec.name))
            .at(path)
            .help("give the path of a file of rows, relative to the working directory")
    };
    let file = File::open(path).map_err(unread)?;
    let meta = file.metadata().map_err(unread)?;
    if meta.is_dir() {
        return Err(unread(std::io::Error::from(std::io::ErrorKind::IsADirectory)));
    }
    let stamp = Stamp::of(&meta);
    let slots = spec.slots();
    let (paths, keys, values) = (slots.paths(), slots.keys, slots.values);
    let time = from.time.as_ref();
    let projection = match time {
        Some(time) => Projection::new(&paths, &time.field.value, time.unit, None).with_format(time.format.clone()),
        None => Projection::untimed(&paths, None),
    };
    let wanted = Wanted {
        paths: paths.clone(),
        time: time.map(|time| time.field.value.clone()),
        unit: time.map_or(TimeUnit::Seconds, |time| time.unit),
        format: time.and_then(|time| time.format.clone()),
        prefilter: None,
    };
    let mut reading = Reading {
        spec,
        from,
        decoder: Decoder::new(&from.format, projection, wanted),
        batch: EventBatch::new(paths.len()),
        builder: Builder::new(values.len(), time.is_some()),
        keys,
        values,
        head: None,
        lines: 0,
        rejects: Vec::new(),
        wrong: None,
        others: 0,
        content: 0,
        seen: vec![false; paths.len()],
    };
    reading.all(file).map_err(|e| match e {
        Failed::Read(e) => unread(e),
        Failed::Told(e) => e,
    })?;
    reading.finish(stamp, &paths)
}

enum Failed {
    Read(std::io::Error),
    Told(Error),
}

/// A file that is being read.
struct Reading<'a> {
    spec: &'a Spec,
    from: &'a TableFile,
    decoder: Decoder,
    batch: EventBatch,
    builder: Builder,
    keys: Vec<usize>,
    values: Vec<usize>,
    /// The line with the names, where there is one.
    head: Option<Arc<[u8]>>,
    /// Lines before those of the batch.
    lines: u64,
    rejects: Vec<Reject>,
    /// The first line that is no row, and how many others there are.
    wrong: Option<Error>,
    others: u64,
    content: u64,
    /// Which columns have had a value.
    seen: Vec<bool>,
}

impl Reading<'_> {
    fn place(&self, line: u64) -> String {
        format!("{}:{line}", self.from.path.value)
    }

    fn all(&mut self, mut file: File) -> Result<(), Failed> {
        let mut rest: Vec<u8> = Vec::new();
        let mut first = true;
        loop {
            let mut bytes = std::mem::take(&mut self.batch.bytes);
            bytes.clear();
            bytes.append(&mut rest);
            let old = bytes.len();
            (&mut file).take(BLOCK as u64).read_to_end(&mut bytes).map_err(Failed::Read)?;
            let ended = bytes.len() == old;
            if std::mem::take(&mut first) && bytes.starts_with(b"\xef\xbb\xbf") {
                bytes.drain(..3);
            }
            let end = if ended { bytes.len() } else { memchr::memrchr(b'\n', &bytes).map_or(0, |at| at + 1) };
            if !ended && end == 0 && bytes.len() > LONGEST {
                let message = format!("a line of table {} has more than {LONGEST} bytes", self.spec.name);
                return Err(Failed::Told(Error::user("table.row", message).at(self.place(self.lines + 1))));
            }
            rest.extend_from_slice(&bytes[end..]);
            bytes.truncate(end);
            self.content = self.content.rotate_left(7).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ key::hash(&bytes);
            self.block(bytes)?;
            if ended {
                return Ok(());
            }
        }
    }

    /// Whole lines.
    fn block(&mut self, bytes: Vec<u8>) -> Result<(), Failed> {
        let mut start = 0;
        if self.head.is_none() && matches!(self.from.format, SourceFormat::Csv(_)) && !bytes.is_empty() {
            let end = memchr::memchr(b'\n', &bytes).unwrap_or(bytes.len());
            self.head = Some(bytes[..end].strip_suffix(b"\r").unwrap_or(&bytes[..end]).into());
            self.names().map_err(Failed::Told)?;
            start = (end + 1).min(bytes.len());
            self.lines += 1;
        }
        self.batch.clear();
        self.batch.bytes = bytes;
        let range = start..self.batch.bytes.len();
        self.rejects.clear();
        self.decoder.decode(&mut self.batch, range.clone(), self.head.as_ref(), &mut self.rejects);
        let lines = |to: usize| memchr::memchr_iter(b'\n', &self.batch.bytes[start..start + to]).count() as u64;
        if let Some(reject) = self.rejects.first()
            && self.wrong.is_none()
        {
            let at = start + reject.offset as usize;
            let line = &self.batch.bytes[at..at + reject.len as usize];
            let message = format!(
                "a line is no row of table {} ({}): {}",
                self.spec.name,
                reject.reason.code(),
                explain(line, reject.reason)
            );
            let number = self.lines + lines(reject.offset as usize) + 1;
            self.wrong = Some(Error::user("table.row", message).at(self.place(number)));
            self.others += self.rejects.len() as u64 - 1;
        } else {
            self.others += self.rejects.len() as u64;
        }
        self.lines += lines(range.len());
        for (seen, column) in self.seen.iter_mut().zip(&self.batch.columns) {
            *seen = *seen || column.iter().any(|cell| !cell.is_null());
        }
        self.builder.add(&self.batch, &self.keys, &self.values);
        Ok(())
    }

    /// Looks whether the columns are in the header.
    fn names(&self) -> Result<(), Error> {
        let (Decoder::Csv(decoder), Some(head)) = (&self.decoder, &self.head) else { return Ok(()) };
        let names = decoder.names(head);
        let time = self.from.time.as_ref().map(|time| time.field.value.to_string());
        for column in self.spec.keys.iter().chain(&time).chain(&self.spec.columns) {
            if !names.contains(column) {
                let message = format!("table {} has no column '{column}'", self.spec.name);
                let help = match nearest(column, names.iter().map(String::as_str)) {
                    Some(near) => format!("did you mean {near}? The first line names the columns"),
                    None if names.is_empty() => "the first line names the columns; it cannot be taken apart".to_owned(),
                    None => format!("the first line names {}", names.join(", ")),
                };
                return Err(Error::user("table.column", message).at(self.place(1)).help(help));
            }
        }
        Ok(())
    }

    fn finish(self, stamp: Stamp, paths: &[FieldPath]) -> Result<Loaded, Error> {
        let (spec, path) = (self.spec, self.from.path.value.as_str());
        if let Some(wrong) = self.wrong {
            let help = match self.others {
                0 => "mend the line".to_owned(),
                1 => "mend the line; one other is wrong too".to_owned(),
                n => format!("mend the line; {n} others are wrong too"),
            };
            return Err(wrong.help(help));
        }
        if self.head.is_none() && matches!(self.from.format, SourceFormat::Csv(_)) {
            let message = format!("the file of table {} is empty", spec.name);
            return Err(Error::user("table.column", message).at(path).help("its first line names the columns"));
        }
        let rows = self.builder.rows();
        let unseen = |columns: &[usize]| -> Vec<String> {
            columns.iter().filter(|slot| !self.seen[**slot]).map(|slot| paths[*slot].to_string()).collect()
        };
        let (keys, values) = (unseen(&self.keys), unseen(&self.values));
        if rows > 0 && !keys.is_empty() {
            let message = format!("no row of table {} has a value of its key: {}", spec.name, keys.join(", "));
            return Err(Error::user("table.key", message).at(path).help("look at the names of the columns"));
        }
        if rows > 0 {
            spec.warn_unseen(path, &values);
        }
        spec.finish(self.builder, path, Some((stamp, self.content)))
    }
}
