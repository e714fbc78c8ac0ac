//! Named fields of text, turned into typed cells and rows of a batch.
//!
//! What a value becomes depends on its own text and its column's type alone. A `null` is no value of any type.
//! Cost: nothing is allocated a row.

use super::Wanted;
use super::json::{RejectReason, number};
use crate::config::FieldType;
use crate::event::{Cell, EventBatch};
use crate::time::{TimeUnit, parse_rfc3339};

/// What becomes of one column.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Column {
    ty: FieldType,
    slots: Vec<usize>,
    is_time: bool,
}

impl Column {
    /// True where nobody reads it.
    #[inline]
    pub(super) fn is_idle(&self) -> bool {
        self.slots.is_empty() && !self.is_time
    }
}

/// A row on its way into the batch.
#[derive(Debug)]
pub(super) struct Rows {
    wanted: Wanted,
    types: Vec<(String, FieldType)>,
    usual: FieldType,
    row: Vec<Cell>,
    time: Result<i64, RejectReason>,
    /// The time of a row that has not said one.
    unsaid: Result<i64, RejectReason>,
    /// Text that is not in the block as it is; it is appended to the arena in the end.
    arena: Vec<u8>,
    arena_start: usize,
}

/// What a text is as a value of this type; `None`: text.
///
/// # Errors
/// Where it is no value of the type.
#[inline]
pub fn scalar(ty: FieldType, bytes: &[u8]) -> Result<Option<Cell>, RejectReason> {
    let cell = match ty {
        FieldType::Text => return Ok(None),
        FieldType::Auto => match bytes {
            [b'0'..=b'9' | b'-', ..] => return Ok(number::read(bytes)),
            b"true" => Cell::bool(true),
            b"false" => Cell::bool(false),
            _ => return Ok(None),
        },
        FieldType::Int => {
            let whole = number::read(bytes).filter(|cell| cell.tag() == crate::event::Tag::Int);
            whole.ok_or(RejectReason::ValueType)?
        }
        FieldType::Float => {
            let float = number::read(bytes).and_then(Cell::as_f64);
            float.map(Cell::float).ok_or(RejectReason::ValueType)?
        }
        FieldType::Bool => match bytes {
            b"true" => Cell::bool(true),
            b"false" => Cell::bool(false),
            _ => return Err(RejectReason::ValueType),
        },
        FieldType::Time => parse_rfc3339(bytes).map(|t| Cell::time(t.0)).ok_or(RejectReason::ValueType)?,
    };
    Ok(Some(cell))
}

/// The text of a field.
#[derive(Debug, Clone, Copy)]
pub(super) enum Text<'a> {
    /// It is in the block, from this byte of the arena on.
    InPlace(&'a [u8], usize),
    /// It was unescaped.
    Made(&'a [u8]),
}

impl Rows {
    pub(super) fn new(wanted: Wanted, types: &[(String, FieldType)], usual: FieldType) -> Self {
        let row = vec![Cell::NULL; wanted.paths.len()];
        let unsaid = if wanted.time.is_some() { Err(RejectReason::TimeMissing) } else { Ok(0) };
        Self { wanted, types: types.to_vec(), usual, row, time: unsaid, unsaid, arena: Vec::new(), arena_start: 0 }
    }

    /// The column named `name`.
    pub(super) fn column(&self, name: &str) -> Column {
        let named = |path: &crate::event::FieldPath| path.to_string() == name;
        let ty = self.types.iter().find(|(one, _)| one == name).map_or(self.usual, |(_, ty)| *ty);
        let slots = (0..self.wanted.paths.len()).filter(|slot| named(&self.wanted.paths[*slot])).collect();
        Column { ty, slots, is_time: self.wanted.time.as_ref().is_some_and(named) }
    }

    /// Begins a block whose unescaped text will be in the arena from `arena_start` on.
    pub(super) fn begin(&mut self, arena_start: usize) {
        self.arena_start = arena_start;
        self.arena.clear();
    }

    /// Ends the block.
    pub(super) fn end(&self, bytes: &mut Vec<u8>) {
        bytes.extend_from_slice(&self.arena);
    }

    /// Begins a row: all of it is NULL.
    #[inline]
    pub(super) fn clear(&mut self) {
        self.row.fill(Cell::NULL);
        self.time = self.unsaid;
    }

    /// Puts a value into the row.
    #[inline]
    pub(super) fn put(&mut self, column: &Column, text: Text<'_>) -> Result<(), RejectReason> {
        let (Text::InPlace(bytes, _) | Text::Made(bytes)) = text;
        if column.is_time {
            self.time = match (&self.wanted.format, self.wanted.unit) {
                (Some(format), _) => format.read(bytes).map(|t| t.0).ok_or(RejectReason::TimeType),
                (None, TimeUnit::Rfc3339) => parse_rfc3339(bytes).map(|t| t.0).ok_or(RejectReason::TimeType),
                (None, unit) => number::read_micros(bytes, unit),
            };
        }
        if column.slots.is_empty() {
            return Ok(());
        }
        let cell = match scalar(column.ty, bytes)? {
            Some(cell) => cell,
            None => self.text(text),
        };
        for slot in &column.slots {
            self.row[*slot] = cell;
        }
        Ok(())
    }

    fn text(&mut self, text: Text<'_>) -> Cell {
        match text {
            Text::InPlace(bytes, at) => Cell::str(at as u32, bytes.len() as u32),
            Text::Made(bytes) => {
                let at = self.arena_start + self.arena.len();
                if at + bytes.len() > u32::MAX as usize {
                    return Cell::NULL;
                }
                self.arena.extend_from_slice(bytes);
                Cell::str(at as u32, bytes.len() as u32)
            }
        }
    }

    /// Appends the row to the batch. `bytes`: the block, which the batch does not have at the moment.
    #[inline]
    pub(super) fn commit(&self, batch: &mut EventBatch, bytes: &[u8], offset: u32) -> Result<(), RejectReason> {
        let time = self.time?;
        let clock = batch.max_time;
        batch.events += 1;
        batch.max_time = clock.max(time);
        if let Some((slot, allowed)) = &self.wanted.prefilter {
            let cell = self.row[*slot];
            let text = match (cell.tag(), cell.bits() as usize) {
                (crate::event::Tag::Str, at) if at < self.arena_start => cell.text(bytes),
                (crate::event::Tag::Str, at) => {
                    let at = at - self.arena_start;
                    let len = cell.text_len();
                    &self.arena[at..at + len]
                }
                _ => return Ok(()),
            };
            if !allowed.iter().any(|one| one.as_bytes() == text) {
                return Ok(());
            }
        }
        for (column, cell) in batch.columns.iter_mut().zip(&self.row) {
            column.push(*cell);
        }
        batch.time.push(time);
        batch.clock.push(clock);
        batch.offset.push(offset);
        batch.min_time = batch.min_time.min(time);
        Ok(())
    }
}
