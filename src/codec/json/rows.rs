//! The steps of one line, turned into a row of cells: values are read where the index says they are.
//!
//! Rows are staged, a few at a time, and go to the columns of the batch together. A line that turns out to be wrong
//! half-way leaves cells in the stage that the next row overwrites, and no trace in the batch.

use super::careful::{self, Found};
use super::escape::{escapes_are_right, unescape};
use super::index::{CLASSES, class};
use super::number::{self, Short};
use super::projection::Projection;
use super::simd::Kernel;
use super::template::{Scalar, Steps, View};
use crate::event::{Cell, EventBatch};
use crate::time::TimeUnit;
use std::ops::Range;

/// Rows that are staged before they go to the columns together.
const STAGE: usize = 64;

/// From one slot to the next in the stage; not a power of two, so that the cells of a row do not share cache sets.
pub(super) const STRIDE: usize = STAGE + 4;

/// Rows on their way into the batch, and what a line needs besides its steps.
pub(super) struct Rows {
    pub(super) projection: Projection,
    /// The cells of the staged rows, `STRIDE` a slot. Cells of the next row may be there already.
    pub(super) stage: Vec<Cell>,
    times: [i64; STAGE],
    clocks: [i64; STAGE],
    offsets: [u32; STAGE],
    /// Rows in the stage, always fewer than `STAGE` before a line is read.
    pub(super) staged: usize,
    events: u64,
    min_time: i64,
    max_time: i64,
    /// Text that was unescaped; it is appended to the arena in the end.
    arena: Vec<u8>,
    /// Where in the arena it will be.
    arena_start: usize,
    /// A text to compare.
    text: Vec<u8>,
}

impl Rows {
    pub(super) fn new(projection: Projection) -> Self {
        Self {
            stage: vec![Cell::NULL; STRIDE * projection.slots.max(1)],
            projection,
            times: [0; STAGE],
            clocks: [0; STAGE],
            offsets: [0; STAGE],
            staged: 0,
            events: 0,
            min_time: i64::MAX,
            max_time: i64::MIN,
            arena: Vec::new(),
            arena_start: 0,
            text: Vec::new(),
        }
    }

    /// Begins a block; text that is unescaped will be in the arena from `arena_start` on.
    pub(super) fn begin(&mut self, batch: &EventBatch, arena_start: usize) {
        self.arena_start = arena_start;
        self.arena.clear();
        self.staged = 0;
        (self.events, self.min_time, self.max_time) = (batch.events, batch.min_time, batch.max_time);
    }

    /// Ends a block: what is left goes to the batch and its arena.
    pub(super) fn end(&mut self, batch: &mut EventBatch, bytes: &mut Vec<u8>) {
        self.flush(batch);
        (batch.events, batch.min_time, batch.max_time) = (self.events, self.min_time, self.max_time);
        bytes.extend_from_slice(&self.arena);
    }

    /// True where the next row needs a flush before it.
    #[inline(always)]
    pub(super) fn is_full(&self) -> bool {
        self.staged == STAGE
    }

    /// Reads a line by its steps. False where a number or literal is wrong, an escape is wrong, or the time is not
    /// good: the line has left no trace then. `escapes`: where the line is in the window, if it may have backslashes.
    #[inline(always)]
    pub(super) fn apply<K: Kernel>(
        &mut self,
        kernel: K,
        view: &View<'_>,
        steps: &Steps,
        offset: u32,
        escapes: Option<Range<usize>>,
    ) -> bool {
        let time = match (steps.time, self.projection.scale) {
            (Some(time), Some(scale)) => time_at(kernel, view.text, view.at(time), scale, self.projection.unit),
            (Some(time), None) => careful::text_time(view.string(time), &self.projection).ok(),
            (None, _) => self.projection.untimed.then_some(0),
        };
        let Some(time) = time else { return false };
        for &(ordinal, scalar) in &steps.unread {
            let at = view.at(ordinal);
            let good = match scalar {
                Scalar::Number => is_number_at(kernel, view.text, at),
                Scalar::Truth => truth_at(view.text, at).is_some(),
                Scalar::Null => is_null_at(view.text, at),
            };
            if !good {
                return false;
            }
        }
        let stage = &mut self.stage[self.staged..];
        for &(ordinal, slot) in &steps.numbers {
            let Some(cell) = number_at(kernel, view.text, view.at(ordinal)) else { return false };
            stage[usize::from(slot) * STRIDE] = cell;
        }
        for &(ordinal, slot) in &steps.truths {
            let Some(cell) = truth_at(view.text, view.at(ordinal)) else { return false };
            stage[usize::from(slot) * STRIDE] = cell;
        }
        if let Some(line) = &escapes
            && !escapes_are_right(&view.text[line.clone()])
        {
            return false;
        }
        let clock = self.count(time);
        if self.projection.prefilter.is_some() {
            let passes = steps.filter.is_some_and(|ordinal| match escapes {
                None => self.projection.allows(view.string(ordinal)),
                Some(_) => self.allows_raw(view.string(ordinal)),
            });
            if !passes {
                return true;
            }
        }
        let stage = &mut self.stage[self.staged..];
        for &(ordinal, slot) in &steps.texts {
            let (open, close) = view.quotes(ordinal);
            stage[usize::from(slot) * STRIDE] =
                Cell::str((view.window + open + 1) as u32, close.wrapping_sub(open + 1) as u32);
        }
        for &(slot, open, close) in &steps.nested {
            let (open, close) = (view.at(open), view.at(close));
            stage[usize::from(slot) * STRIDE] = Cell::json((view.window + open) as u32, (close + 1 - open) as u32);
        }
        for &slot in &steps.nulls {
            stage[usize::from(slot) * STRIDE] = Cell::NULL;
        }
        if escapes.is_some() {
            self.unescape_texts(view, steps);
        }
        self.keep(time, clock, offset);
        true
    }

    /// Replaces the cells of strings that have escapes.
    #[inline(never)]
    fn unescape_texts(&mut self, view: &View<'_>, steps: &Steps) {
        for &(ordinal, slot) in &steps.texts {
            let start = view.window + view.at(ordinal) + 1;
            self.stage[self.staged + usize::from(slot) * STRIDE] =
                text_cell(&mut self.arena, self.arena_start, view.string(ordinal), start);
        }
    }

    /// Counts a good event, giving the clock before it.
    #[inline(always)]
    pub(super) fn count(&mut self, time: i64) -> i64 {
        let clock = self.max_time;
        self.events += 1;
        self.max_time = clock.max(time);
        clock
    }

    /// Keeps the row whose cells are in the stage.
    #[inline(always)]
    pub(super) fn keep(&mut self, time: i64, clock: i64, offset: u32) {
        let row = self.staged % STAGE;
        self.times[row] = time;
        self.clocks[row] = clock;
        self.offsets[row] = offset;
        self.min_time = self.min_time.min(time);
        self.staged = row + 1;
    }

    /// Moves the staged rows to the batch.
    #[inline(never)]
    pub(super) fn flush(&mut self, batch: &mut EventBatch) {
        let n = std::mem::take(&mut self.staged);
        let columns = batch.columns.iter_mut().take(self.projection.slots);
        for (column, cells) in columns.zip(self.stage.chunks_exact(STRIDE)) {
            column.extend_from_slice(&cells[..n]);
        }
        batch.time.extend_from_slice(&self.times[..n]);
        batch.clock.extend_from_slice(&self.clocks[..n]);
        batch.offset.extend_from_slice(&self.offsets[..n]);
    }

    /// [`Projection::allows`] for the inside of a string.
    fn allows_raw(&mut self, raw: &[u8]) -> bool {
        self.text.clear();
        unescape(raw, &mut self.text).is_some() && self.projection.allows(&self.text)
    }

    /// Stages what the careful path has found.
    pub(super) fn commit(&mut self, line: &[u8], start: usize, time: i64, found: &[Found], offset: u32) {
        let clock = self.count(time);
        if let Some(prefilter) = &self.projection.prefilter {
            let slot = prefilter.slot;
            if !matches!(&found[slot], Found::Text(at) if self.allows_raw(&line[at.clone()])) {
                return;
            }
        }
        for (slot, found) in found.iter().enumerate() {
            self.stage[self.staged + slot * STRIDE] = match found {
                Found::Null => Cell::NULL,
                Found::Text(at) => text_cell(&mut self.arena, self.arena_start, &line[at.clone()], start + at.start),
                Found::Json(at) => Cell::json((start + at.start) as u32, at.len() as u32),
                Found::Scalar(at) => match &line[at.clone()] {
                    b"true" => Cell::bool(true),
                    b"false" => Cell::bool(false),
                    text => number::read(text).unwrap_or(Cell::NULL),
                },
            };
        }
        self.keep(time, clock, offset);
    }
}

/// The cell of the string with this inside, which begins at `start` of the block's arena.
#[inline]
fn text_cell(arena: &mut Vec<u8>, arena_start: usize, raw: &[u8], start: usize) -> Cell {
    if !raw.contains(&b'\\') {
        return Cell::str(start as u32, raw.len() as u32);
    }
    let at = arena.len();
    // The escapes are right: whoever calls has checked them.
    let _ = unescape(raw, arena);
    if arena_start + arena.len() > u32::MAX as usize {
        arena.truncate(at);
        return Cell::NULL;
    }
    Cell::str((arena_start + at) as u32, (arena.len() - at) as u32)
}

/// The run of characters at `at` up to white space, an operator or a quote.
#[cold]
pub(super) fn run_at(bytes: &[u8], at: usize) -> &[u8] {
    let rest = &bytes[at..];
    let len = rest.iter().position(|b| CLASSES[usize::from(*b)] & (class::ENDS | class::QUOTE) != 0);
    &rest[..len.unwrap_or(rest.len())]
}

/// True where a number or literal may end before `at`.
#[inline(always)]
fn ends(bytes: &[u8], at: usize) -> bool {
    bytes.get(at).is_some_and(|b| CLASSES[usize::from(*b)] & class::ENDS != 0)
}

#[inline(always)]
fn time_at<K: Kernel>(kernel: K, text: &[u8], at: usize, scale: i32, unit: TimeUnit) -> Option<i64> {
    time_and_len_at(kernel, text, at, scale, unit).map(|(time, _)| time)
}

/// The time at `at`, and how long its text is.
#[inline(always)]
pub(super) fn time_and_len_at<K: Kernel>(
    kernel: K,
    text: &[u8],
    at: usize,
    scale: i32,
    unit: TimeUnit,
) -> Option<(i64, usize)> {
    match short_at(kernel, text, at) {
        Some((short, negative)) => Some((short.micros(negative, scale)?, short.len as usize + usize::from(negative))),
        None => long_time_at(kernel, text, at, scale).or_else(|| {
            let run = run_at(text, at);
            number::read(run).and_then(|_| Some((number::read_micros(run, unit).ok()?, run.len())))
        }),
    }
}

/// A time of more than 15 characters, as with six digits after the point: what is before the point, and what is after.
/// `None` for all that is not as plain as that.
#[inline]
fn long_time_at<K: Kernel>(kernel: K, bytes: &[u8], at: usize, scale: i32) -> Option<(i64, usize)> {
    let digits: &[u8; 16] = bytes.get(at..at + 16)?.try_into().ok()?;
    let first = kernel.short(digits);
    let from = at + first.whole as usize + 1;
    let after: &[u8; 16] = bytes.get(from..from + 16)?.try_into().ok()?;
    let second = kernel.short(after);
    let good = first.len == 16
        && first.point
        && first.whole != 0
        && (digits[0] != b'0' || first.whole == 1)
        && (1..16).contains(&second.whole)
        && !second.point
        && ends(bytes, from + second.len as usize);
    let len = (from + second.len as usize) - at;
    if good { Short::micros_of_parts(first, second, scale).map(|time| (time, len)) } else { None }
}

#[inline(always)]
fn is_number_at<K: Kernel>(kernel: K, text: &[u8], at: usize) -> bool {
    short_at(kernel, text, at).is_some() || number::read(run_at(text, at)).is_some()
}

#[inline(always)]
fn number_at<K: Kernel>(kernel: K, bytes: &[u8], at: usize) -> Option<Cell> {
    match short_at(kernel, bytes, at) {
        Some((short, negative)) => Some(short.cell(negative)),
        None => number::read(run_at(bytes, at)),
    }
}

/// The number at `at` and whether it is below zero; `None` where it is long, has an exponent, or is none.
#[inline(always)]
pub(super) fn short_at<K: Kernel>(kernel: K, bytes: &[u8], at: usize) -> Option<(Short, bool)> {
    let sign = *bytes.get(at)?;
    let at = at + usize::from(sign == b'-');
    let digits: &[u8; 16] = bytes.get(at..at + 16)?.try_into().ok()?;
    let short = kernel.short(digits);
    (short.is_number(digits[0]) & ends(bytes, at + short.len as usize)).then_some((short, sign == b'-'))
}

#[inline(always)]
pub(super) fn truth_at(bytes: &[u8], at: usize) -> Option<Cell> {
    let word = u64::from_le_bytes(bytes.get(at..at + 8)?.try_into().ok()?);
    let truth = word as u32 == u32::from_le_bytes(*b"true");
    let falsehood = word & 0xff_ffff_ffff == u64::from_le_bytes(*b"false\0\0\0");
    ((truth | falsehood) && ends(bytes, at + 4 + usize::from(falsehood))).then_some(Cell::bool(truth))
}

#[inline(always)]
fn is_null_at(bytes: &[u8], at: usize) -> bool {
    bytes.get(at..at + 4).is_some_and(|b| b == b"null") && ends(bytes, at + 4)
}
