//! Lines of fields between delimiters, turned into the cells of the wanted columns and the event time of each line.
//!
//! RFC 4180, with one limit: a line end inside quotes ends the line, as blocks of lines are decoded in parallel.
//!
//! - A field that begins with the quote ends with it; within, two quotes stand for one. A quote anywhere else, or one
//!   that is not closed on its line, makes the line a reject (`quotes`).
//! - A line with more or fewer fields than columns is a reject (`field_count`).
//! - A field that is the text of `null`, without quotes, is NULL. Quotes say nothing on the type of a value.
//! - Every line is checked as UTF-8; values are looked at only where something reads them.
//! - Lines that are empty or of spaces alone are passed over. A carriage return before the line end is not data.
//! - Of columns with the same name the last counts, as with duplicate keys of JSON.
//!
//! Cost: no allocation a line; `memchr` for line ends, quotes and delimiters.

use super::Wanted;
use super::fields::{Column, Rows, Text};
use super::json::{Reject, RejectReason};
use crate::config::{CsvConfig, FieldType};
use crate::event::EventBatch;
use std::ops::Range;
use std::sync::Arc;

/// Decodes blocks of lines; keeps the columns of the last header.
#[derive(Debug)]
pub struct CsvDecoder {
    delimiter: u8,
    quote: Option<u8>,
    null: Vec<u8>,
    /// The header names the columns.
    by_head: bool,
    columns: Vec<Column>,
    head: Option<Arc<[u8]>>,
    rows: Rows,
    text: Vec<u8>,
}

impl CsvDecoder {
    /// A decoder with these settings.
    pub fn new(config: &CsvConfig, wanted: Wanted) -> Self {
        let rows = Rows::new(wanted, &config.types, FieldType::Auto);
        Self {
            delimiter: config.delimiter,
            quote: config.quote,
            null: config.null.as_bytes().to_vec(),
            by_head: config.columns.is_empty(),
            columns: config.columns.iter().map(|name| rows.column(name)).collect(),
            head: None,
            rows,
            text: Vec::new(),
        }
    }

    /// See [`Decoder::decode`](super::Decoder::decode).
    pub fn decode(
        &mut self,
        batch: &mut EventBatch,
        range: Range<usize>,
        head: Option<&Arc<[u8]>>,
        rejects: &mut Vec<Reject>,
    ) {
        if let Some(head) = head
            && self.by_head
            && !self.head.as_ref().is_some_and(|known| Arc::ptr_eq(known, head))
        {
            self.columns = self.names(head).iter().map(|name| self.rows.column(name)).collect();
            self.head = Some(Arc::clone(head));
        }
        let mut bytes = std::mem::take(&mut batch.bytes);
        self.rows.begin(bytes.len());
        let block = &bytes[..range.end];
        let broken = simdutf8::basic::from_utf8(&block[range.clone()]).is_err();
        let mut start = range.start;
        while start < range.end {
            let end = memchr::memchr(b'\n', &block[start..]).map_or(range.end, |i| start + i);
            let line = &block[start..end];
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            if !is_blank(line) {
                let offset = (start - range.start) as u32;
                let done = if broken && std::str::from_utf8(line).is_err() {
                    Err(RejectReason::Encoding)
                } else {
                    self.line(line, start).and_then(|()| self.rows.commit(batch, block, offset))
                };
                if let Err(reason) = done {
                    rejects.push(Reject { offset, len: line.len() as u32, reason, column: 0 });
                }
            }
            start = end + 1;
        }
        self.rows.end(&mut bytes);
        batch.bytes = bytes;
    }

    /// The names in a header; none where it cannot be taken apart.
    pub fn names(&self, head: &[u8]) -> Vec<String> {
        let head = head.strip_suffix(b"\r").unwrap_or(head);
        let (mut names, mut at, mut text) = (Vec::new(), 0, Vec::new());
        loop {
            // A header that cannot be taken apart has no columns: every line has too many fields then.
            let Ok((field, next)) = field(head, at, self.delimiter, self.quote, &mut text) else { return Vec::new() };
            let name = match field {
                Field::Plain(at) => &head[at],
                Field::Quoted(at) => &head[at],
                Field::Made => &text,
            };
            names.push(String::from_utf8_lossy(name).into_owned());
            match next {
                Some(next) => at = next,
                None => return names,
            }
        }
    }

    /// Reads a line that begins at byte `start` of the arena into the row.
    #[inline]
    fn line(&mut self, line: &[u8], start: usize) -> Result<(), RejectReason> {
        self.rows.clear();
        let quote = self.quote.filter(|quote| memchr::memchr(*quote, line).is_some());
        let (mut at, mut count) = (0, 0);
        loop {
            let (found, next) = field(line, at, self.delimiter, quote, &mut self.text)?;
            let Some(column) = self.columns.get(count) else { return Err(RejectReason::FieldCount) };
            if !column.is_idle() {
                match found {
                    Field::Plain(at) if line[at.clone()] == *self.null => {}
                    Field::Plain(at) | Field::Quoted(at) => {
                        let place = start + at.start;
                        self.rows.put(column, Text::InPlace(&line[at], place))?;
                    }
                    Field::Made => self.rows.put(column, Text::Made(&self.text))?,
                }
            }
            count += 1;
            match next {
                Some(next) => at = next,
                None if count < self.columns.len() => return Err(RejectReason::FieldCount),
                None => return Ok(()),
            }
        }
    }
}

/// True for lines that are empty or of spaces alone.
#[inline]
pub(super) fn is_blank(line: &[u8]) -> bool {
    matches!(line.first(), None | Some(b' ')) && line.iter().all(|b| *b == b' ')
}

/// A field of a line.
enum Field {
    /// As it is.
    Plain(Range<usize>),
    /// Without its quotes.
    Quoted(Range<usize>),
    /// With doubled quotes undone, in the text that was given.
    Made,
}

/// The field that begins at `at`, and where the next one begins.
#[inline]
fn field(
    line: &[u8],
    at: usize,
    delimiter: u8,
    quote: Option<u8>,
    text: &mut Vec<u8>,
) -> Result<(Field, Option<usize>), RejectReason> {
    match quote {
        Some(quote) if line.get(at) == Some(&quote) => quoted(line, at + 1, delimiter, quote, text),
        _ => {
            let stop = memchr::memchr(delimiter, &line[at..]).map(|i| at + i);
            let end = stop.unwrap_or(line.len());
            if quote.is_some_and(|quote| memchr::memchr(quote, &line[at..end]).is_some()) {
                return Err(RejectReason::Quotes);
            }
            Ok((Field::Plain(at..end), stop.map(|stop| stop + 1)))
        }
    }
}

/// [`field`], with what follows its opening quote at `at`.
fn quoted(
    line: &[u8],
    at: usize,
    delimiter: u8,
    quote: u8,
    text: &mut Vec<u8>,
) -> Result<(Field, Option<usize>), RejectReason> {
    let (mut from, mut made) = (at, false);
    loop {
        let end = from + memchr::memchr(quote, &line[from..]).ok_or(RejectReason::Quotes)?;
        let after = line.get(end + 1).copied();
        if after == Some(quote) {
            if !made {
                text.clear();
            }
            made = true;
            text.extend_from_slice(&line[from..=end]);
            from = end + 2;
            continue;
        }
        let next = match after {
            None => None,
            Some(b) if b == delimiter => Some(end + 2),
            Some(_) => return Err(RejectReason::Quotes),
        };
        if !made {
            return Ok((Field::Quoted(at..end), next));
        }
        text.extend_from_slice(&line[from..end]);
        return Ok((Field::Made, next));
    }
}

#[cfg(test)]
mod tests;
