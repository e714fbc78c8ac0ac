//! Rows as updates of a differential collection: (row, time, assert or retract), with revision.
//!
//! Rows travel in a [`RowBatch`]: fixed heads and one byte arena, no allocation a row.

mod columns;

pub use columns::Columns;

use crate::event::{Value, key};
use std::cmp::Ordering;

/// Assert or retract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub enum Op {
    /// The row is taken back (`-`); sorts before the assertion that replaces it.
    Retract,
    /// The row holds (`+`).
    Assert,
}

impl Op {
    /// `+` or `-`, as change streams write it.
    pub fn sign(self) -> char {
        match self {
            Op::Assert => '+',
            Op::Retract => '-',
        }
    }
}

/// What the rows of one part look like. A row's `part` is its index among the plan's part schemas.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowSchema {
    /// The part's name, as in the pipeline file.
    pub name: String,
    /// The names of the group's dimensions, in file order.
    pub dimensions: Vec<String>,
    /// The names of the selected values, in file order; at most 64.
    pub values: Vec<String>,
    /// Its groups are capped: there may be rows of all others together.
    pub capped: bool,
    /// Some of its rows are provisional.
    pub early: bool,
    /// What its rows are.
    pub kind: RowKind,
    /// Every update of a row comes at a time below the row's `window_end` and this, microseconds; what is kept of a row
    /// may be forgotten then; [`RowSchema::FOREVER`]: never.
    pub keep: i64,
}

/// What the rows of a part are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowKind {
    /// Windows, and what views make of windows: of a window and group there is one row.
    Window,
    /// Matches of a pattern; one is told from others by all of its values.
    Match,
    /// Rows of a table; their window is the time in which they hold.
    Table,
    /// Rows of a table whose keys have versions: of a key, each holds until the next, as its window says.
    Versions,
    /// Changes of alerts; one is told from others by all of its values.
    Alert,
}

impl RowKind {
    /// Whether the rows are those of a table.
    pub fn is_table(self) -> bool {
        matches!(self, Self::Table | Self::Versions)
    }
}

impl RowSchema {
    /// `keep` of rows that are corrected for ever, as those of a window over all of time; can be added to any time.
    pub const FOREVER: i64 = i64::MAX / 4;

    /// The names of the two times of a row.
    pub fn times(&self) -> [&'static str; 2] {
        match self.kind {
            RowKind::Match => ["match_start", "match_end"],
            _ => ["window_start", "window_end"],
        }
    }

    /// True where a row is told from others by all of its values, and not by window and group alone.
    pub fn by_values(&self) -> bool {
        matches!(self.kind, RowKind::Match | RowKind::Alert)
    }

    /// The columns that expressions over its rows can read: the two times, the dimensions, the values.
    pub fn columns(&self) -> impl Iterator<Item = &str> {
        let named = self.dimensions.iter().chain(&self.values).map(String::as_str);
        self.times().into_iter().chain(named)
    }
}

/// The fixed part of a row. The row's bytes are its key (the dimensions, canonical, or [`key::OVERFLOW`]) and then its values
/// ([`key::encode_value`]), one after the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RowHead {
    /// The time of the statement, microseconds: `max(window end, tick of the late event + one tick)`; of a provisional
    /// row before the window's end.
    pub time: i64,
    /// First moment of the window, or the time of a match's first event, microseconds.
    pub window_start: i64,
    /// First moment after the window, or the time of a match's last event, microseconds.
    pub window_end: i64,
    /// Index of the part's [`RowSchema`].
    pub part: u32,
    /// 0 for a first statement, n for the nth correction; 0 for a provisional row.
    pub revision: u32,
    /// n for the nth provisional row of the window and group, before its first statement; 0 for all others.
    pub early: u32,
    /// Bit i: value i came from a sketch, not from an exact computation.
    pub approximate: u64,
    /// Where the row's bytes begin in the arena.
    pub start: u32,
    /// Bytes of the key.
    pub key_len: u32,
    /// Bytes of the values.
    pub values_len: u32,
    /// Assert or retract.
    pub op: Op,
}

impl RowHead {
    /// The head of a first statement, for a row whose bytes are still to be written: it asserts, with revision 0, exactly.
    pub fn new(part: u32, time: i64, (window_start, window_end): (i64, i64)) -> Self {
        Self {
            time,
            window_start,
            window_end,
            part,
            revision: 0,
            early: 0,
            approximate: 0,
            start: 0,
            key_len: 0,
            values_len: 0,
            op: Op::Assert,
        }
    }
}

/// Rows and their arena.
#[derive(Debug, Clone, Default)]
pub struct RowBatch {
    /// The fixed parts.
    pub heads: Vec<RowHead>,
    /// The arena that heads point into.
    pub bytes: Vec<u8>,
}

/// One row of a batch.
#[derive(Debug, Clone, Copy)]
pub struct RowRef<'a> {
    /// The fixed part.
    pub head: &'a RowHead,
    /// The canonical bytes of the group.
    pub key: &'a [u8],
    /// The bytes of the values.
    pub values: &'a [u8],
}

impl RowBatch {
    /// Row `i`.
    pub fn row(&self, i: usize) -> RowRef<'_> {
        let head = &self.heads[i];
        let (start, split) = (head.start as usize, head.start as usize + head.key_len as usize);
        RowRef { head, key: &self.bytes[start..split], values: &self.bytes[split..split + head.values_len as usize] }
    }

    /// All rows, in the order they were added.
    pub fn iter(&self) -> impl Iterator<Item = RowRef<'_>> {
        (0..self.heads.len()).map(|i| self.row(i))
    }

    /// Appends a copy of a row.
    pub fn push(&mut self, row: RowRef<'_>) {
        let start = self.bytes.len() as u32;
        self.bytes.extend_from_slice(row.key);
        self.bytes.extend_from_slice(row.values);
        self.heads.push(RowHead { start, ..*row.head });
    }

    /// Appends copies of all rows of another batch.
    pub fn append(&mut self, rows: &RowBatch) {
        let base = self.bytes.len() as u32;
        self.bytes.extend_from_slice(&rows.bytes);
        self.heads.extend(rows.heads.iter().map(|head| RowHead { start: base + head.start, ..*head }));
    }

    /// Empties the batch; allocations stay.
    pub fn clear(&mut self) {
        self.heads.clear();
        self.bytes.clear();
    }
}

impl<'a> RowRef<'a> {
    /// The group's dimensions; none of the overflow group.
    pub fn dimensions(&self) -> impl Iterator<Item = Value<'a>> + use<'a> {
        cells(self.key)
    }

    /// True for the row of all groups beyond a cap; it has no dimensions.
    pub fn is_overflow(&self) -> bool {
        self.key == key::OVERFLOW
    }

    /// The selected values.
    pub fn values(&self) -> impl Iterator<Item = Value<'a>> + use<'a> {
        cells(self.values)
    }

    /// The one order in which rows leave the engine: statement time, part, window, group by value, provisional ones
    /// first, revision, retract before assert, values. It depends on the content alone.
    pub fn order(&self, other: &RowRef<'_>) -> Ordering {
        let (a, b) = (self.head, other.head);
        (a.time, a.part, a.window_end, a.window_start)
            .cmp(&(b.time, b.part, b.window_end, b.window_start))
            .then_with(|| key::compare(self.key, other.key))
            .then_with(|| (a.early == 0, a.early, a.revision, a.op).cmp(&(b.early == 0, b.early, b.revision, b.op)))
            // Of a window and group there is one such row, but there may be several matches.
            .then_with(|| self.values.cmp(other.values))
    }
}

fn cells<'a>(mut bytes: &'a [u8]) -> impl Iterator<Item = Value<'a>> + use<'a> {
    std::iter::from_fn(move || {
        let (value, rest) = key::decode(bytes)?;
        bytes = rest;
        Some(value)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_that_are_appended_together_are_as_if_each_was() {
        let batch = |parts: &[(&[u8], &[u8])]| {
            let mut batch = RowBatch::default();
            for (i, (key, values)) in parts.iter().enumerate() {
                let lengths = RowHead {
                    key_len: key.len() as u32,
                    values_len: values.len() as u32,
                    ..RowHead::new(0, 0, (0, 0))
                };
                batch.push(RowRef { head: &RowHead { revision: i as u32, ..lengths }, key, values });
            }
            batch
        };
        let (mut one, two) = (batch(&[(b"a", b"bc"), (b"", b"d")]), batch(&[(b"ef", b""), (b"g", b"hij")]));
        let mut each = one.clone();
        two.iter().for_each(|row| each.push(row));
        one.append(&two);
        assert_eq!((one.heads, one.bytes), (each.heads, each.bytes));
    }
}
