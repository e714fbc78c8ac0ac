//! One line that the fast parts would not decide, turned into its wanted values or the reason why it is refused.
//!
//! `serde_json` judges the line; what is left is to find the wanted places in text that is known to be good.
//!
//! Cost: about a microsecond for 200 bytes, and memory of the order of the line.

use super::escape::unescape;
use super::number;
use super::projection::Projection;
use super::reject::RejectReason;
use crate::time::{TimeUnit, parse_rfc3339};
use std::ops::Range;

/// A wanted value, as a range of the line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Found {
    /// Missing or null.
    Null,
    /// The inside of a string.
    Text(Range<usize>),
    /// An object or array.
    Json(Range<usize>),
    /// A number or a truth value.
    Scalar(Range<usize>),
}

/// Reads a line (no line end in it, not blank): the event time, and what is in each slot. Otherwise the reason and
/// the byte column, from 1.
pub(super) fn read(line: &[u8], projection: &Projection) -> Result<(i64, Vec<Found>), (RejectReason, usize)> {
    if let Err(e) = std::str::from_utf8(line) {
        return Err((RejectReason::Encoding, e.valid_up_to() + 1));
    }
    match serde_json::from_slice::<serde_json::Value>(line) {
        Err(e) => return Err((reason(&e), e.column())),
        Ok(value) if !value.is_object() => {
            let first = line.iter().position(|b| !b.is_ascii_whitespace()).unwrap_or(0);
            return Err((RejectReason::NotAnObject, first + 1));
        }
        Ok(_) => {}
    }
    let mut reader =
        Reader { line, at: 0, projection, slots: vec![Found::Null; projection.slots + 1], key: Vec::new() };
    reader.value(Some(0));
    let mut slots = reader.slots;
    let time = slots.pop().unwrap_or(Found::Null);
    let (result, place) = match &time {
        Found::Null if projection.untimed => return Ok((0, slots)),
        Found::Null => return Err((RejectReason::TimeMissing, 0)),
        Found::Json(at) => (Err(RejectReason::TimeType), at),
        Found::Scalar(at) => (number::read_micros(&line[at.clone()], projection.unit), at),
        Found::Text(at) => (text_time(&line[at.clone()], projection), at),
    };
    result.map(|us| (us, slots)).map_err(|reason| (reason, place.start + 1))
}

/// The event time in the inside of a string.
pub(super) fn text_time(raw: &[u8], projection: &Projection) -> Result<i64, RejectReason> {
    if projection.unit != TimeUnit::Rfc3339 {
        return Err(RejectReason::TimeType);
    }
    let read = |text: &[u8]| projection.format.as_ref().map_or_else(|| parse_rfc3339(text), |format| format.read(text));
    let mut text = Vec::new();
    let time = if raw.contains(&b'\\') { unescape(raw, &mut text).and_then(|()| read(&text)) } else { read(raw) };
    time.map(|t| t.0).ok_or(RejectReason::TimeType)
}

fn reason(e: &serde_json::Error) -> RejectReason {
    // The library names these two only in its message.
    let message = e.to_string();
    if message.starts_with("number out of range") {
        RejectReason::NumberRange
    } else if message.starts_with("recursion limit exceeded") {
        RejectReason::TooDeep
    } else {
        RejectReason::Syntax
    }
}

/// Walks over valid JSON.
struct Reader<'a> {
    line: &'a [u8],
    at: usize,
    projection: &'a Projection,
    slots: Vec<Found>,
    key: Vec<u8>,
}

impl Reader<'_> {
    /// The next byte that is no white space.
    fn peek(&mut self) -> u8 {
        while self.line.get(self.at).is_some_and(u8::is_ascii_whitespace) {
            self.at += 1;
        }
        self.line.get(self.at).copied().unwrap_or(0)
    }

    /// The inside of the string that begins here.
    fn string(&mut self) -> Range<usize> {
        let start = self.at + 1;
        self.at = start;
        while let Some(found) = memchr::memchr2(b'"', b'\\', &self.line[self.at..]) {
            self.at += found;
            if self.line[self.at] == b'"' {
                break;
            }
            self.at += 2;
        }
        let inside = start..self.at;
        self.at += 1;
        inside
    }

    /// Passes one value; fills the slots of `node` and below. The depth is what `serde_json` allows, 127.
    fn value(&mut self, node: Option<u16>) {
        let found = match self.peek() {
            b'"' => Found::Text(self.string()),
            b'n' => {
                self.at += 4;
                Found::Null
            }
            open @ (b'{' | b'[') => {
                let start = self.at;
                self.at += 1;
                while !matches!(self.peek(), b'}' | b']' | 0) {
                    if self.line[self.at] == b',' {
                        self.at += 1;
                    } else if open == b'{' {
                        self.member(node);
                    } else {
                        self.value(None);
                    }
                }
                self.at += 1;
                Found::Json(start..self.at)
            }
            _ => {
                let rest = &self.line[self.at..];
                let ends = |b: &u8| matches!(b, b',' | b'}' | b']') || b.is_ascii_whitespace();
                let start = self.at;
                self.at += rest.iter().position(ends).unwrap_or(rest.len());
                Found::Scalar(start..self.at)
            }
        };
        if let Some(node) = node {
            for slot in &self.projection.nodes[usize::from(node)].slots {
                self.slots[usize::from(*slot)] = found.clone();
            }
        }
    }

    fn member(&mut self, node: Option<u16>) {
        let raw = self.string();
        self.key.clear();
        // The escapes are right: serde_json has read them.
        let _ = unescape(&self.line[raw], &mut self.key);
        let child = node.and_then(|n| self.projection.child(n, &self.key));
        for slot in child.iter().flat_map(|c| &self.projection.nodes[usize::from(*c)].below) {
            self.slots[usize::from(*slot)] = Found::Null;
        }
        self.peek();
        self.at += 1;
        self.value(child);
    }
}
