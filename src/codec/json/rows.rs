//! The steps of one line, turned into a row of cells: values are read where the index says they are.
//!
//! Rows are staged, a few at a time, and go to the columns of the batch together. A line that turns out to be wrong
//! half-way leaves cells in the stage that the next row overwrites, and no trace in the batch.

use super::careful::{self, Found};
use super::escape::{escapes_are_right, unescape};
use super::follow::{Follower, LINES};
use super::index::{CLASSES, class};
use super::number::{self, Digits};
use super::projection::Projection;
use super::simd::Kernel;
use super::template::{Scalar, Steps, View};
use crate::event::{Cell, EventBatch};
use crate::time::TimeUnit;
use std::ops::Range;

/// Rows that are staged before they go to the columns together.
const STAGE: usize = 64;

/// From one slot to the next in the stage; not a power of two, so that the cells of a row do not share cache sets.
const STRIDE: usize = STAGE + 4;

/// Rows on their way into the batch, and what a line needs besides its steps.
pub(super) struct Rows {
    pub(super) projection: Projection,
    /// The cells of the staged rows, `STRIDE` a slot. Cells of the next row may be there already.
    stage: Vec<Cell>,
    times: [i64; STAGE],
    clocks: [i64; STAGE],
    offsets: [u32; STAGE],
    /// Rows in the stage, always fewer than `STAGE` before a line is read.
    staged: usize,
    events: u64,
    min_time: i64,
    max_time: i64,
    kept: Box<Kept>,
    /// Text that was unescaped; it is appended to the arena in the end.
    arena: Vec<u8>,
    /// Where in the arena it will be.
    arena_start: usize,
    /// A text to compare.
    text: Vec<u8>,
}

/// Lines that were followed and pass, on their way into the batch.
struct Kept {
    lines: [u8; LINES],
    times: [i64; LINES],
    clocks: [i64; LINES],
    offsets: [u32; LINES],
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
            kept: Box::new(Kept { lines: [0; LINES], times: [0; LINES], clocks: [0; LINES], offsets: [0; LINES] }),
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
    fn count(&mut self, time: i64) -> i64 {
        let clock = self.max_time;
        self.events += 1;
        self.max_time = clock.max(time);
        clock
    }

    /// Keeps the row whose cells are in the stage.
    #[inline(always)]
    fn keep(&mut self, time: i64, clock: i64, offset: u32) {
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

    /// Appends the rows of lines that were followed, from line `from` on to the first that was not; gives that one.
    /// `starts`: where each line begins in the block.
    #[inline(never)]
    pub(super) fn append(&mut self, batch: &mut EventBatch, follower: &Follower, starts: &[u32], from: usize) -> usize {
        let Kept { lines: kept, times, clocks, offsets } = &mut *self.kept;
        let (mut count, mut line) = (0, from);
        let (mut clock, mut least) = (self.max_time, self.min_time);
        while line < starts.len()
            && let Some((time, passes)) = follower.read(line as u8)
        {
            let row = count % LINES;
            (kept[row], times[row], clocks[row], offsets[row]) = (line as u8, time, clock, starts[line]);
            count += usize::from(passes);
            least = if passes { least.min(time) } else { least };
            clock = clock.max(time);
            line += 1;
        }
        self.events += (line - from) as u64;
        (self.max_time, self.min_time) = (clock, least);
        let count = count.min(LINES);
        batch.time.extend_from_slice(&times[..count]);
        batch.clock.extend_from_slice(&clocks[..count]);
        batch.offset.extend_from_slice(&offsets[..count]);
        for (slot, column) in batch.columns.iter_mut().enumerate().take(self.projection.slots) {
            let cells = follower.cells(slot);
            column.extend(kept[..count].iter().map(|line| cells[usize::from(*line)]));
        }
        line
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
    match plain_time_at(kernel, text, at, scale) {
        Some(found) => Some(found),
        None => other_time_at(text, at, unit),
    }
}

/// A time without an exponent, with at most 15 digits before and after its point.
#[inline(always)]
fn plain_time_at<K: Kernel>(kernel: K, text: &[u8], at: usize, scale: i32) -> Option<(i64, usize)> {
    let negative = *text.get(at)? == b'-';
    let from = at + usize::from(negative);
    let before = part_of(text, from)?;
    let first = kernel.digits(before).before();
    let mut to = from + first.len as usize;
    let (mut after, mut len) = (before, 0);
    if *text.get(to)? == b'.' {
        after = part_of(text, to + 1)?;
        let second = kernel.digits(after);
        if second.len == 0 || second.len > 15 || second.point {
            return None;
        }
        len = second.len;
        to += 1 + len as usize;
    }
    if !first.is_number(before[0]) || !ends(text, to) {
        return None;
    }
    let [whole, rest] = kernel.wholes([before, after], [first.len, len]);
    Some((number::micros(whole, (rest, len), negative, scale)?, to - at))
}

/// A time of any other form.
#[cold]
fn other_time_at(text: &[u8], at: usize, unit: TimeUnit) -> Option<(i64, usize)> {
    let run = text.get(at..).map(|_| run_at(text, at))?;
    number::read(run).and_then(|_| Some((number::read_micros(run, unit).ok()?, run.len())))
}

#[inline(always)]
fn is_number_at<K: Kernel>(kernel: K, text: &[u8], at: usize) -> bool {
    let short = digits_at(kernel, text, at).is_some_and(|(.., to)| ends(text, to));
    short || number::read(run_at(text, at)).is_some()
}

#[inline(always)]
fn number_at<K: Kernel>(kernel: K, text: &[u8], at: usize) -> Option<Cell> {
    match digits_at(kernel, text, at).filter(|(.., to)| ends(text, *to)) {
        Some((part, digits, to)) => Some(digits.cell(kernel.mantissa(part, digits), to - at > digits.len as usize)),
        None => number::read(run_at(text, at)),
    }
}

/// The 16 bytes at `at`.
#[inline(always)]
fn part_of(text: &[u8], at: usize) -> Option<&[u8; 16]> {
    text.get(at..at + 16)?.first_chunk()
}

/// The number at `at`: its digits, what they are, and where it ends; one more than its digits where it is below zero.
/// `None` where it is long, has an exponent, or is none. What else may follow it is not looked at.
#[inline(always)]
pub(super) fn digits_at<K: Kernel>(kernel: K, text: &[u8], at: usize) -> Option<(&[u8; 16], Digits, usize)> {
    let at = at + usize::from(*text.get(at)? == b'-');
    let part = part_of(text, at)?;
    let digits = kernel.digits(part);
    let has_exponent = part[digits.len as usize % 16] | 0x20 == b'e';
    (digits.is_number(part[0]) & !has_exponent).then_some((part, digits, at + digits.len as usize))
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
