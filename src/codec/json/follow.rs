//! The lines of a window, followed along the tracks: where the quotes and line ends are, then value by value.
//!
//! In: a window of the block. Out: for each line a staged row, or that it is for the index.
//!
//! Units: positions are bytes from the window's start.

use super::careful;
use super::index::WINDOW;
use super::number;
use super::rows::{Rows, STRIDE, run_at, short_at, time_and_len_at, truth_at};
use super::simd::Kernel;
use super::track::{Kind, NOWHERE, Tracks};
use crate::event::Cell;

/// Steps of 64 bytes in the largest window, and room for reading past the last.
const CHUNKS: usize = WINDOW.div_ceil(64) + 2;

/// Where a window has quotes and line ends.
pub(super) struct Guide {
    /// A bit for each byte of the window.
    quotes: Box<[u8; 8 * CHUNKS]>,
    /// For each 64 bytes, whether they have a backslash or a control character that is no line end.
    odd: Box<[bool; CHUNKS]>,
    any_odd: bool,
    lines: Box<[u16; 65_536]>,
    line_count: usize,
    /// True where a byte is above 127.
    pub(super) foreign: bool,
}

fn table<T: Copy, const N: usize>(value: T) -> Box<[T; N]> {
    vec![value; N].into_boxed_slice().try_into().unwrap_or_else(|_| unreachable!("the slice has N entries"))
}

impl Guide {
    pub(super) fn new() -> Self {
        Self { quotes: table(0), odd: table(false), any_odd: false, lines: table(0), line_count: 0, foreign: false }
    }

    /// Marks `bytes[start..end]`, at most [`WINDOW`] bytes with 64 more behind them.
    #[inline(always)]
    pub(super) fn fill<K: Kernel>(&mut self, kernel: K, bytes: &[u8], start: usize, end: usize) {
        let len = end - start;
        assert!(len <= WINDOW && end + 64 <= bytes.len(), "a window has its size and its padding");
        let mut foreign = kernel.nothing();
        let mut lines = 0usize;
        let mut any_odd = false;
        let text = bytes[start..].as_chunks::<64>().0;
        let marks = self.quotes.as_chunks_mut::<8>().0.iter_mut().zip(self.odd.iter_mut());
        for (i, (chunk, (quotes, odd))) in text[..len.div_ceil(64).min(text.len())].iter().zip(marks).enumerate() {
            let mut m = kernel.marks(chunk, &mut foreign);
            let base = 64 * i;
            if len - base < 64 {
                m.newline &= (1 << (len - base)) - 1;
            }
            *quotes = m.quote.to_le_bytes();
            *odd = m.odd;
            any_odd |= m.odd;
            let first = m.newline & m.newline.wrapping_neg();
            self.lines[lines & 0xffff] = (base + (first.trailing_zeros() & 63) as usize) as u16;
            lines += usize::from(first != 0);
            let mut more = m.newline ^ first;
            while more != 0 {
                self.lines[lines & 0xffff] = (base + more.trailing_zeros() as usize) as u16;
                lines += 1;
                more &= more - 1;
            }
        }
        // A look for a quote may go on behind the window; it ends at once.
        let behind = 8 * len.div_ceil(64);
        self.quotes[behind..behind + 8].fill(0xff);
        self.any_odd = any_odd;
        self.line_count = lines;
        self.foreign = kernel.any(foreign);
    }

    /// The positions of the line ends.
    #[inline(always)]
    pub(super) fn lines(&self) -> &[u16] {
        &self.lines[..self.line_count.min(65_536)]
    }

    /// True where the line may have a backslash or a control character.
    #[inline(always)]
    pub(super) fn is_odd(&self, start: usize, end: usize) -> bool {
        self.any_odd && self.odd[start / 64..=end / 64].contains(&true)
    }

    /// The first quote at or after `at`, which is before the end of the window.
    #[inline(always)]
    fn quote(&self, at: usize) -> usize {
        let word =
            |byte: usize| self.quotes.get(byte..).and_then(|q| q.first_chunk()).map_or(1, |b| u64::from_le_bytes(*b));
        let bits = word(at / 8) >> (at % 8);
        if bits != 0 {
            return at + bits.trailing_zeros() as usize;
        }
        let mut byte = at / 8 + 8;
        loop {
            let bits = word(byte);
            if bits != 0 {
                return 8 * byte + bits.trailing_zeros() as usize;
            }
            byte += 8;
        }
    }
}

/// Where a line is.
#[derive(Clone, Copy)]
pub(super) struct LineAt {
    /// The window's start in the arena.
    pub(super) window: usize,
    /// The line's first byte in the window.
    pub(super) start: usize,
    /// Its line end in the window.
    pub(super) end: usize,
    /// The line's first byte in the block.
    pub(super) offset: u32,
}

impl Rows {
    /// Reads a line of the window along the tracks; it has no backslash and no control character. False where it fits no track, or a number
    /// or the time is not good: the line has left no trace then.
    #[inline(always)]
    pub(super) fn follow<K: Kernel>(
        &mut self,
        kernel: K,
        tracks: &Tracks,
        guide: &Guide,
        text: &[u8],
        line: LineAt,
    ) -> bool {
        let LineAt { window, start, end, offset } = line;
        let mut passes = self.projection.prefilter.is_none();
        let mut time = self.projection.untimed.then_some(0);
        let mut differ = kernel.alike();
        let mut at = start;
        let mut node = None;
        let stage = &mut self.stage[self.staged..];
        let mut put = |slot: u16, cell: Cell| {
            if slot != NOWHERE
                && let Some(place) = stage.get_mut(usize::from(slot) * STRIDE)
            {
                *place = cell;
            }
        };
        loop {
            let Some(here) = tracks.next(kernel, node, text, at) else { return false };
            let Some(got) = text.get(at..).and_then(|t| t.first_chunk()) else { return false };
            kernel.differ(&mut differ, got, &here.first);
            if here.more.0 != here.more.1 {
                for (i, part) in tracks.parts[here.more.0 as usize..here.more.1 as usize].iter().enumerate() {
                    let Some(got) = text.get(at + 32 * (i + 1)..).and_then(|t| t.first_chunk()) else { return false };
                    kernel.differ(&mut differ, got, part);
                }
            }
            at += here.len;
            if at > end {
                // Nothing comes after the line end; and what is before it has its end behind it.
                let Kind::End(from, to) = here.kind else { return false };
                let Some(time) = time.filter(|_| at == end + 1 && kernel.is_alike(differ)) else { return false };
                let clock = self.count(time);
                if passes {
                    for slot in &tracks.nulls[from as usize..to as usize] {
                        self.stage[self.staged + usize::from(*slot) * STRIDE] = Cell::NULL;
                    }
                    self.keep(time, clock, offset);
                }
                return true;
            }
            match here.kind {
                Kind::Text(slot) => {
                    let quote = guide.quote(at);
                    put(slot, Cell::str((window + at) as u32, (quote - at) as u32));
                    at = quote;
                }
                Kind::Filter(slot) => {
                    let quote = guide.quote(at);
                    passes = text.get(at..quote).is_some_and(|t| self.projection.allows(t));
                    put(slot, Cell::str((window + at) as u32, (quote - at) as u32));
                    at = quote;
                }
                Kind::TimeText => {
                    let quote = guide.quote(at);
                    time = text.get(at..quote).and_then(|t| careful::text_time(t, &self.projection).ok());
                    at = quote;
                }
                Kind::Time => {
                    let Some(scale) = self.projection.scale else { return false };
                    match time_and_len_at(kernel, text, at, scale, self.projection.unit) {
                        Some((found, len)) => (time, at) = (Some(found), at + len),
                        None => return false,
                    }
                }
                Kind::Number(slot) => match short_at(kernel, text, at) {
                    Some((short, negative)) => {
                        if slot != NOWHERE {
                            put(slot, short.cell(negative));
                        }
                        at += short.len as usize + usize::from(negative);
                    }
                    None => {
                        let run = run_at(text, at);
                        let Some(cell) = number::read(run) else { return false };
                        put(slot, cell);
                        at += run.len();
                    }
                },
                Kind::Truth(slot) => {
                    let Some(truth) = truth_at(text, at) else { return false };
                    put(slot, truth);
                    at += if text[at] == b't' { 4 } else { 5 };
                }
                Kind::End(..) => return false,
            }
            node = Some(here);
        }
    }
}
