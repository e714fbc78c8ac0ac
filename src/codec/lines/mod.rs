//! Lines of any text, turned into the cells of the wanted fields and the event time of each line.
//!
//! The whole line is the field `line`. With a pattern, its named groups are fields as well (a group named `line` hides
//! the line); a line in which the pattern is not found is a reject (`no_match`). A group that has no part in the match
//! is NULL. Lines that are empty or of spaces alone are passed over. A carriage return before the line end is not data.
//!
//! Cost: no allocation a line; the search is linear in the line, whatever the pattern.

use super::Wanted;
use super::csv::is_blank;
use super::fields::{Column, Rows, Text};
use super::json::{Reject, RejectReason};
use crate::config::{FieldType, LinesConfig};
use crate::event::EventBatch;
use regex::{CaptureLocations, Regex};
use std::ops::Range;

/// Decodes blocks of lines.
#[derive(Debug)]
pub struct LinesDecoder {
    pattern: Option<Pattern>,
    /// The field `line`, where it is read.
    line: Option<Column>,
    rows: Rows,
}

/// What is looked for in a line.
#[derive(Debug)]
struct Pattern {
    regex: Regex,
    /// Where the groups of the last match are.
    places: CaptureLocations,
    /// The named groups.
    groups: Vec<(usize, Column)>,
}

impl LinesDecoder {
    /// A decoder with these settings.
    ///
    /// # Panics
    /// Where the pattern is wrong; the configuration has checked it.
    pub fn new(config: &LinesConfig, wanted: Wanted) -> Self {
        let rows = Rows::new(wanted, &config.types, FieldType::Text);
        let pattern = config.pattern.as_ref().map(|pattern| {
            let regex = Regex::new(pattern).expect("the configuration has read the pattern");
            let names = regex.capture_names().enumerate();
            let groups = names.filter_map(|(i, name)| Some((i, rows.column(name?)))).collect();
            Pattern { places: regex.capture_locations(), groups, regex: regex.clone() }
        });
        let line = Some(rows.column("line")).filter(|column| !column.is_idle());
        Self { pattern, line, rows }
    }

    /// See [`Decoder::decode`](super::Decoder::decode).
    pub fn decode(&mut self, batch: &mut EventBatch, range: Range<usize>, rejects: &mut Vec<Reject>) {
        let bytes = std::mem::take(&mut batch.bytes);
        self.rows.begin(bytes.len());
        let block = &bytes[..range.end];
        let mut start = range.start;
        while start < range.end {
            let end = memchr::memchr(b'\n', &block[start..]).map_or(range.end, |i| start + i);
            let line = &block[start..end];
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            if !is_blank(line) {
                let offset = (start - range.start) as u32;
                let done = self.line(line, start).and_then(|()| self.rows.commit(batch, block, offset));
                if let Err(reason) = done {
                    rejects.push(Reject { offset, len: line.len() as u32, reason, column: 0 });
                }
            }
            start = end + 1;
        }
        batch.bytes = bytes;
    }

    /// Reads a line that begins at byte `start` of the arena into the row.
    fn line(&mut self, line: &[u8], start: usize) -> Result<(), RejectReason> {
        let text = std::str::from_utf8(line).map_err(|_| RejectReason::Encoding)?;
        self.rows.clear();
        if let Some(column) = &self.line {
            self.rows.put(column, Text::InPlace(line, start))?;
        }
        if let Some(Pattern { regex, places, groups }) = &mut self.pattern {
            if regex.captures_read(places, text).is_none() {
                return Err(RejectReason::NoMatch);
            }
            for (i, column) in groups.iter().filter(|(_, column)| !column.is_idle()) {
                if let Some((from, to)) = places.get(*i) {
                    self.rows.put(column, Text::InPlace(&line[from..to], start + from))?;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
