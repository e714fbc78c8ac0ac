//! A block of lines, turned into rows and rejects: windows, lines, templates, and what is left for the careful path.

use super::careful;
use super::follow::{Follower, LINES, Window};
use super::guide::Guide;
use super::index::{Index, WINDOW};
use super::projection::Projection;
use super::reject::{Reject, RejectReason};
use super::rows::Rows;
use super::simd::{Job, Kernel, SimdLevel, at_level};
use super::template::{Cache, Plan, Steps, View};
use super::track::Tracks;
use super::walk::walk;
use crate::event::EventBatch;
use std::ops::Range;

/// Bytes of a window: its text, its index and the templates fit the first cache together.
const STEP: usize = 16 * 1_024;

/// Bytes of a window that is followed: enough lines for the queues, and all of it in the second cache.
const FOLLOWED: usize = 48 * 1_024;

/// Decodes blocks of lines; keeps its tables and the shapes it has seen from block to block.
pub struct JsonDecoder {
    level: SimdLevel,
    index: Index,
    cache: Cache,
    plan: Plan,
    rows: Rows,
    guide: Guide,
    follower: Follower,
    tracks: Tracks,
    /// Windows of lines that seldom fit that are still let pass.
    patience: u32,
    /// Windows that are not followed, as the lines before them seldom fitted a track.
    unfollowed: u32,
    /// False where tracks are not to be used.
    follows: bool,
}

impl std::fmt::Debug for JsonDecoder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("JsonDecoder")
            .field("level", &self.level)
            .field("projection", &self.rows.projection)
            .finish_non_exhaustive()
    }
}

impl JsonDecoder {
    /// A decoder at the best SIMD level of this CPU.
    pub fn new(projection: Projection) -> Self {
        Self::with_level(projection, SimdLevel::detect())
    }

    /// A decoder at a given level, or the best one below it that the CPU has; all give the same rows.
    pub fn with_level(projection: Projection, level: SimdLevel) -> Self {
        Self {
            level: level.min(SimdLevel::detect()),
            index: Index::new(),
            cache: Cache::new(),
            plan: Plan::default(),
            follower: Follower::new(&projection),
            rows: Rows::new(projection),
            guide: Guide::new(),
            tracks: Tracks::default(),
            patience: PATIENCE,
            unfollowed: 0,
            follows: true,
        }
    }

    /// The decoder without tracks: every line goes by the index.
    #[cfg(test)]
    pub(super) fn without_tracks(mut self) -> Self {
        self.follows = false;
        self
    }

    /// True where some shape has a track.
    #[cfg(test)]
    pub(super) fn has_tracks(&self) -> bool {
        !self.tracks.is_empty()
    }

    /// Decodes the complete lines in `batch.bytes[range]`: rows are appended to the batch, bad lines to `rejects`,
    /// both in the order of the block. The last line may lack its line end. Blank lines are passed over.
    ///
    /// At least 64 bytes are appended to `batch.bytes`; leave room for them.
    ///
    /// # Panics
    /// Where the batch has fewer columns than the projection has slots, or `range` is not in `batch.bytes`.
    pub fn decode(&mut self, batch: &mut EventBatch, range: Range<usize>, rejects: &mut Vec<Reject>) {
        assert!(batch.columns.len() >= self.rows.projection.slots, "a batch has a column for each slot");
        assert!(range.start <= range.end && range.end <= batch.bytes.len(), "the block is in the arena");
        let mut bytes = std::mem::take(&mut batch.bytes);
        let mut range = range;
        // Cells and rejects count bytes in 32 bits.
        let most = u32::MAX as usize - 256;
        let cut = range.end > most;
        if cut {
            range.end = memchr::memrchr(b'\n', &bytes[range.start.min(most)..most]).map_or(range.start, |n| n + 1);
        }
        bytes.resize(bytes.len() + 64, 0);
        self.rows.begin(batch, bytes.len());
        let start = range.start;
        at_level(self.level, Block { decoder: self, batch, bytes: &bytes, range: range.clone(), rejects });
        if cut {
            let at = (range.end - start) as u32;
            rejects.push(Reject { offset: at, len: 0, reason: RejectReason::TooLong, column: 0 });
        }
        self.rows.end(batch, &mut bytes);
        batch.bytes = bytes;
    }
}

/// One call of [`JsonDecoder::decode`].
struct Block<'a> {
    decoder: &'a mut JsonDecoder,
    batch: &'a mut EventBatch,
    bytes: &'a [u8],
    range: Range<usize>,
    rejects: &'a mut Vec<Reject>,
}

/// Windows that go by the index before the tracks are tried again.
const PAUSE: u32 = 64;

/// Windows of lines that fit no track, at first, as none is known, or one after another, before a pause.
const PATIENCE: u32 = 4;

impl Job for Block<'_> {
    #[inline(always)]
    fn run<K: Kernel>(mut self, kernel: K) {
        let mut at = self.range.start;
        while at < self.range.end && self.decoder.follows && self.decoder.unfollowed == 0 {
            match self.follow(kernel, at, self.range.end.min(at + FOLLOWED)) {
                0 => break,
                used => at += used,
            }
        }
        if at < self.range.end {
            at_level(self.decoder.level, Indexed { block: &mut self, at });
        }
    }
}

/// The rest of a block, by the index.
struct Indexed<'b, 'a> {
    block: &'b mut Block<'a>,
    at: usize,
}

impl Job for Indexed<'_, '_> {
    #[inline(always)]
    fn run<K: Kernel>(self, kernel: K) {
        self.block.indexed(kernel, self.at);
    }
}

/// One line of a block, by the index; its line end is at `end`.
struct Line<'b, 'a> {
    block: &'b mut Block<'a>,
    start: usize,
    end: usize,
    /// Whether to make a track of it.
    learn: bool,
}

impl Job for Line<'_, '_> {
    #[inline(always)]
    fn run<K: Kernel>(self, kernel: K) {
        self.block.decoder.index.fill(kernel, self.block.bytes, self.start, self.end, true);
        self.block.window(kernel, self.start, self.end - self.start + 1, self.learn);
    }
}

impl Block<'_> {
    /// Decodes the whole lines of the window `at..end` along the tracks, and those that fit none by the index. Gives
    /// how many bytes these lines have; none where there is no line or the window is not valid UTF-8.
    #[inline(always)]
    fn follow<K: Kernel>(&mut self, kernel: K, window: usize, end: usize) -> usize {
        self.decoder.guide.fill(kernel, self.bytes, window, end);
        let Some(used) = self.decoder.guide.lines().last().map(|last| usize::from(*last) + 1) else { return 0 };
        let text = &self.bytes[window..];
        if self.decoder.guide.foreign && simdutf8::basic::from_utf8(&text[..used]).is_err() {
            return 0;
        }
        let (mut start, mut astray, mut first) = (0, 0, 0);
        while first < self.decoder.guide.lines().len() {
            let JsonDecoder { guide, follower, tracks, rows, .. } = &mut *self.decoder;
            let lines = &guide.lines()[first..];
            let lines = &lines[..lines.len().min(LINES)];
            let part = Window { text, at: window as u32, guide, start, lines };
            follower.follow(kernel, &rows.projection, tracks, part);
            let mut starts = [0; LINES];
            let mut next = start;
            for (start, end) in starts.iter_mut().zip(lines) {
                *start = (window + next - self.range.start) as u32;
                next = usize::from(*end) + 1;
            }
            let count = lines.len();
            let mut line = 0;
            loop {
                let JsonDecoder { guide, follower, rows, .. } = &mut *self.decoder;
                line = rows.append(self.batch, follower, &starts[..count], line);
                if line == count {
                    break;
                }
                let from = starts[line] as usize + self.range.start - window;
                let to = usize::from(guide.lines()[first + line]);
                line += 1;
                if from == to {
                    continue;
                }
                astray += 1;
                let (start, end, learn) = (window + from, window + to, !guide.is_odd(from, to));
                at_level(self.decoder.level, Line { block: self, start, end, learn });
                self.decoder.rows.flush(self.batch);
            }
            first += count;
            start = next;
        }
        let decoder = &mut *self.decoder;
        if astray * 2 <= decoder.guide.lines().len() {
            decoder.patience = PATIENCE;
        } else if decoder.patience > 0 {
            decoder.patience -= 1;
        } else {
            decoder.unfollowed = PAUSE;
        }
        used
    }

    /// Decodes the lines from `at` on by the index.
    #[inline(always)]
    fn indexed<K: Kernel>(&mut self, kernel: K, mut at: usize) {
        let (mut step, range_end) = (STEP, self.range.end);
        while at < range_end {
            let end = range_end.min(at + step);
            self.decoder.index.fill(kernel, self.bytes, at, end, end == range_end);
            let lines = self.decoder.index.line_count;
            let used = if lines == 0 { 0 } else { usize::from(self.decoder.index.lines[lines - 1].at) + 1 };
            if lines != 0 {
                self.window(kernel, at, used, false);
                at += used;
                // Lines of about a window's length would be indexed twice.
                step = if used * 4 < step * 3 { WINDOW } else { STEP };
                self.decoder.unfollowed = self.decoder.unfollowed.saturating_sub(1);
            } else if step < WINDOW {
                step = WINDOW;
            } else {
                let rest = &self.bytes[at..range_end];
                let len = memchr::memchr(b'\n', rest).unwrap_or(rest.len());
                self.careful(at, at + len);
                at += len + 1;
            }
        }
    }

    /// Decodes the lines of the indexed window, which fill its first `used` bytes. `make_track`: the window is one
    /// line, which fitted no track.
    #[inline(always)]
    fn window<K: Kernel>(&mut self, kernel: K, window: usize, used: usize, make_track: bool) {
        let text = &self.bytes[window..self.bytes.len().min(window + used)];
        let broken = self.decoder.index.foreign && simdutf8::basic::from_utf8(text).is_err();
        let (mut soft, mut hard) = (0, 0);
        let (mut first, mut start) = (0, 0);
        for line in 0..self.decoder.index.line_count {
            let decoder = &mut *self.decoder;
            let index = &decoder.index;
            let end = index.lines[line];
            let (ordinal, at) = (usize::from(end.ordinal), usize::from(end.at));
            let count = ordinal - first;
            if count != 0 {
                let escapes = meets(&index.soft, &mut soft, start, at);
                let doubt = meets(&index.hard, &mut hard, start, at)
                    || (broken && simdutf8::basic::from_utf8(&text[start..at]).is_err());
                let view = View::new(index, self.bytes, window, first, count);
                let (steps, known) = if doubt {
                    (None, false)
                } else {
                    match decoder.cache.find(kernel, &view) {
                        Some(steps) => (Some(steps), true),
                        None => {
                            let projection = &decoder.rows.projection;
                            (learn(&mut decoder.cache, &mut decoder.plan, projection, &view, escapes), false)
                        }
                    }
                };
                let place = (window + start - self.range.start) as u32;
                let done = steps
                    .is_some_and(|steps| decoder.rows.apply(kernel, &view, steps, place, escapes.then_some(start..at)));
                if make_track
                    && done
                    && known
                    && let Some(steps) = steps
                {
                    decoder.tracks.learn(&view, steps, decoder.rows.projection.untimed, (start, at));
                }
                if decoder.rows.is_full() {
                    decoder.rows.flush(self.batch);
                }
                if !done {
                    self.careful(window + start, window + at);
                }
            }
            (first, start) = (ordinal, at + 1);
        }
    }

    /// Decodes or rejects the line `bytes[start..end]` with the help of `serde_json`.
    #[cold]
    #[inline(never)]
    fn careful(&mut self, start: usize, end: usize) {
        let mut line = &self.bytes[start..end];
        if let Some(shorter) = line.strip_suffix(b"\r") {
            line = shorter;
        }
        if line.iter().all(u8::is_ascii_whitespace) && !line.contains(&0x0c) {
            return;
        }
        let offset = (start - self.range.start) as u32;
        let rows = &mut self.decoder.rows;
        match careful::read(line, &rows.projection) {
            Err((reason, column)) => {
                self.rejects.push(Reject { offset, len: line.len() as u32, reason, column: column as u32 });
            }
            Ok((time, found)) => {
                rows.commit(line, start, time, &found, offset);
                if rows.is_full() {
                    rows.flush(self.batch);
                }
            }
        }
    }
}

/// True where a range of `list` meets `start..=end`; `next` is the first that may, and moves along.
#[inline(always)]
fn meets(list: &[(u16, u16)], next: &mut usize, start: usize, end: usize) -> bool {
    while let Some((from, to)) = list.get(*next) {
        if usize::from(*to) >= start {
            return usize::from(*from) <= end;
        }
        *next += 1;
    }
    false
}

/// Walks a line of a shape that is not known; makes its template where it comes again.
#[inline(never)]
fn learn<'a>(
    cache: &mut Cache,
    plan: &'a mut Plan,
    projection: &Projection,
    view: &View<'_>,
    escapes: bool,
) -> Option<&'a Steps> {
    walk(view, projection, escapes, plan)?;
    cache.note(view, plan);
    Some(&plan.steps)
}
