//! The lines of a window, read along the tracks: node by node, each for all lines that have come to it.
//!
//! In: up to [`LINES`] lines of a window without backslashes and control characters, and its marks. Out: for each line a
//! staged row, or that it is for the index.
//!
//! How: where a value begins is known only when the one before it has been read, and which node comes next only when
//! its fork has been looked at. Line by line the processor would wait for each of these in turn; of the many lines at
//! one node none waits for another, and what is done for them is the same. So lines stand in queues before the chains
//! of nodes, in the order of their numbers, and go from fork to fork.
//!
//! Invariants:
//! 1. `at` of a line is behind the text of all nodes that it has passed. Text has a line end only at an end, so a line
//!    that is not led astray stays within its bounds; one that is ends anywhere but behind its line end, and is not done.
//! 2. A line is done once, at an end, and all that its row has is in the stage then.
//!
//! Cost: per value one look for a quote or one number, and 32 bytes compared; per node and window one loop.
//!
//! Units: positions are bytes from the window's start.

use super::careful;
use super::guide::Guide;
use super::number;
use super::projection::Projection;
use super::rows::{digits_at, run_at, time_and_len_at, truth_at};
use super::simd::{Kernel, Literal};
use super::track::{Fork, Kind, NO_BRANCH, NOWHERE, Node, Tracks};
use crate::event::Cell;

/// Lines that are read together.
pub(super) const LINES: usize = 256;

/// From one slot to the next in the stage; not a power of two, so that the cells of a row do not share cache sets.
const STRIDE: usize = LINES + 4;

/// Where a line is that fits no track: behind all text, with room for all lengths behind it.
const LOST: u32 = 1 << 30;

/// Lines before a chain, in order.
pub(super) type Queue = [u8; LINES];

/// Lines that are followed together.
#[derive(Clone, Copy)]
pub(super) struct Window<'a> {
    /// The text, and what comes behind it.
    pub(super) text: &'a [u8],
    /// Where it begins in the arena.
    pub(super) at: u32,
    pub(super) guide: &'a Guide,
    /// Where the first line begins.
    pub(super) start: usize,
    /// Where the lines end; at most [`LINES`].
    pub(super) lines: &'a [u16],
}

/// Lines on their way along the tracks, and what was read of them.
pub(super) struct Follower {
    /// Where each line has come to.
    at: [u32; LINES],
    /// Behind its line end.
    ends: [u32; LINES],
    /// The line has come to its end.
    done: [bool; LINES],
    /// The prefilter lets it pass.
    passes: [bool; LINES],
    /// Rows without a time have 0.
    times: [i64; LINES],
    /// The cells, `STRIDE` a slot.
    stage: Vec<Cell>,
    /// By chain.
    queues: Vec<Queue>,
    /// How many lines are in each.
    counts: Vec<u16>,
    /// What the prefilter lets pass, where all texts are short.
    allowed: Option<Vec<(u32, Literal)>>,
}

impl Follower {
    pub(super) fn new(projection: &Projection) -> Self {
        let allowed = projection.prefilter.iter().flat_map(|p| &p.allowed);
        let allowed = allowed.map(|a| (a.len() <= 32).then(|| (a.len() as u32, Literal::new(a.as_bytes()))));
        Self {
            at: [0; LINES],
            ends: [0; LINES],
            done: [false; LINES],
            passes: [false; LINES],
            times: [0; LINES],
            stage: vec![Cell::NULL; STRIDE * projection.slots.max(1)],
            queues: Vec::new(),
            counts: Vec::new(),
            allowed: allowed.collect(),
        }
    }

    /// What was read of a line: its time, and whether the prefilter lets it pass; none where it is for the index.
    #[inline(always)]
    pub(super) fn read(&self, line: u8) -> Option<(i64, bool)> {
        let line = usize::from(line);
        self.done[line].then_some((self.times[line], self.passes[line]))
    }

    /// The cells of a slot, by line.
    pub(super) fn cells(&self, slot: usize) -> &[Cell] {
        &self.stage[slot * STRIDE..][..LINES]
    }

    /// Reads the lines of the window.
    #[inline(always)]
    pub(super) fn follow<K: Kernel>(
        &mut self,
        kernel: K,
        projection: &Projection,
        tracks: &Tracks,
        window: Window<'_>,
    ) {
        let Window { text, guide, start, lines, .. } = window;
        self.done[..lines.len().min(LINES)].fill(false);
        let Some(root) = tracks.root() else { return };
        let chains = tracks.chains();
        if self.queues.len() < chains.len() {
            self.queues.resize(chains.len(), [0; LINES]);
            self.counts.resize(chains.len(), 0);
        }
        self.passes[..lines.len().min(LINES)].fill(projection.prefilter.is_none());
        let mut queue = [0; LINES];
        let (mut count, mut start) = (0, start);
        for (line, end) in lines.iter().enumerate().take(LINES) {
            let end = usize::from(*end);
            self.at[line] = start as u32;
            self.ends[line] = end as u32 + 1;
            queue[count % LINES] = line as u8;
            count += usize::from(start != end && !guide.is_odd(start, end));
            start = end + 1;
        }
        self.part(kernel, root, text, &queue, count);
        for (i, chain) in chains.iter().enumerate() {
            let count = usize::from(std::mem::take(&mut self.counts[i]));
            if count == 0 {
                continue;
            }
            let queue = self.queues[i];
            let lines = &queue[..count.min(LINES)];
            for node in tracks.nodes(chain) {
                for (i, part) in tracks.parts(node).iter().enumerate() {
                    let ahead = 32 * (i as u32 + 1);
                    for &line in lines {
                        let at = &mut self.at[usize::from(line)];
                        *at = if is_at(kernel, text, *at + ahead, part) { *at } else { LOST };
                    }
                }
                self.pass(kernel, projection, tracks, window, node, lines);
            }
            if let Some(fork) = tracks.fork(chain) {
                self.part(kernel, fork, text, &queue, count);
            }
        }
    }

    /// Sends the lines to the chains behind a fork.
    #[inline(always)]
    fn part<K: Kernel>(&mut self, kernel: K, fork: &Fork, text: &[u8], queue: &Queue, count: usize) {
        let mut branches = [NO_BRANCH; LINES];
        let lines = queue.iter().zip(&mut branches).take(count);
        if let Some(table) = &fork.table {
            for (line, branch) in lines {
                let at = self.at[usize::from(*line)] as usize + fork.at;
                *branch = text.get(at).map_or(NO_BRANCH, |byte| table[usize::from(*byte)]);
            }
        } else {
            for (line, branch) in lines {
                let at = self.at[usize::from(*line)] as usize + fork.at;
                let word = text.get(at..at + 8).and_then(|t| t.first_chunk());
                let found = word.map_or(0, |w| kernel.candidates(&fork.probe, u64::from_le_bytes(*w), 0) & fork.all());
                *branch = found.trailing_zeros() as u8;
            }
        }
        for (branch, chain) in fork.chains().iter().enumerate() {
            let chain = usize::from(*chain);
            if let (Some(to), Some(sent)) = (self.queues.get_mut(chain), self.counts.get_mut(chain)) {
                *sent = kernel.choose(&branches, branch as u8, queue, count, to) as u16;
            }
        }
    }

    /// Takes the lines over a node: those that have its text and a value behind it. The others are lost.
    #[inline(always)]
    fn pass<K: Kernel>(
        &mut self,
        kernel: K,
        projection: &Projection,
        tracks: &Tracks,
        window: Window<'_>,
        node: &Node,
        queue: &[u8],
    ) {
        let Window { text, at: window, guide, .. } = window;
        let Self { at, ends, done, passes, times, stage, allowed, .. } = self;
        let (first, len) = (node.first, node.len);
        let mut cells = match node.slot {
            NOWHERE => None,
            slot => cells_of(stage, slot),
        };
        // Takes each line over the text of the node and the value behind it, which begins at `$from`; `$to` is where
        // that ends. A macro, as a closure would not be compiled for the level's features. No line is taken out of the
        // queue: where the next one is found would wait for this one.
        macro_rules! each {
            (|$line:ident, $from:ident| $to:expr) => {
                for $line in queue.iter().map(|line| usize::from(*line)) {
                    let here = at[$line];
                    let fits = is_at(kernel, text, here, &first);
                    let $from = here + len;
                    let to: u32 = $to;
                    at[$line] = if fits { to } else { LOST };
                }
            };
        }
        match node.kind {
            Kind::Text => match cells {
                None => each!(|line, from| guide.quote(from)),
                Some(cells) => each!(|line, from| {
                    let quote = guide.quote(from);
                    cells[line] = Cell::str(window + from, quote - from);
                    quote
                }),
            },
            Kind::Filter => each!(|line, from| {
                let quote = guide.quote(from);
                passes[line] = match allowed {
                    Some(allowed) => {
                        let mut passes = false;
                        for (len, allowed) in allowed {
                            passes |= (*len == quote - from) & is_at(kernel, text, from, allowed);
                        }
                        passes
                    }
                    None => text.get(from as usize..quote as usize).is_some_and(|t| projection.allows(t)),
                };
                if let Some(cells) = &mut cells {
                    cells[line] = Cell::str(window + from, quote - from);
                }
                quote
            }),
            Kind::Number => match cells {
                None => each!(|line, from| match digits_at(kernel, text, from as usize) {
                    Some((.., to)) => to as u32,
                    None => long_number(text, from).map_or(LOST, |(_, len)| from + len),
                }),
                Some(cells) => each!(|line, from| match digits_at(kernel, text, from as usize) {
                    Some((part, digits, to)) => {
                        let negative = to as u32 > from + digits.len;
                        cells[line] = digits.cell(kernel.mantissa(part, digits), negative);
                        to as u32
                    }
                    None => long_number(text, from).map_or(LOST, |(cell, len)| {
                        cells[line] = cell;
                        from + len
                    }),
                }),
            },
            Kind::Time => {
                let scale = projection.scale.unwrap_or_default();
                each!(|line, from| match time_and_len_at(kernel, text, from as usize, scale, projection.unit) {
                    Some((time, len)) => {
                        times[line] = time;
                        from + len as u32
                    }
                    None => LOST,
                });
            }
            Kind::TimeText => each!(|line, from| {
                let quote = guide.quote(from);
                let time = text.get(from as usize..quote as usize).and_then(|t| careful::text_time(t, projection).ok());
                times[line] = time.unwrap_or_default();
                if time.is_some() { quote } else { LOST }
            }),
            Kind::Truth => each!(|line, from| match truth_at(text, from as usize) {
                Some(truth) => {
                    if let Some(cells) = &mut cells {
                        cells[line] = truth;
                    }
                    from + if truth.is_true() { 4 } else { 5 }
                }
                None => LOST,
            }),
            Kind::End => {
                each!(|line, from| from);
                for line in queue.iter().map(|line| usize::from(*line)) {
                    // Nothing comes after the line end; and what is before it has its end behind it.
                    done[line] = at[line] == ends[line];
                }
                for slot in tracks.nulls(node) {
                    if let Some(cells) = cells_of(stage, *slot) {
                        queue.iter().for_each(|line| cells[usize::from(*line)] = Cell::NULL);
                    }
                }
            }
        }
    }
}

/// The cells of a slot.
#[inline(always)]
fn cells_of(stage: &mut [Cell], slot: u16) -> Option<&mut [Cell; LINES]> {
    stage.get_mut(usize::from(slot) * STRIDE..).and_then(|c| c.first_chunk_mut())
}

/// True where the text has this at `at`.
#[inline(always)]
fn is_at<K: Kernel>(kernel: K, text: &[u8], at: u32, want: &Literal) -> bool {
    let at = at as usize;
    let Some(got) = text.get(at..at + 32).and_then(|t| t.first_chunk()) else { return false };
    let mut differ = kernel.alike();
    kernel.differ(&mut differ, got, want);
    kernel.is_alike(differ)
}

/// A number that is long or has an exponent, and how many bytes it has.
#[cold]
fn long_number(text: &[u8], at: u32) -> Option<(Cell, u32)> {
    let run = text.get(at as usize..).map(|_| run_at(text, at as usize))?;
    Some((number::read(run)?, run.len() as u32))
}
