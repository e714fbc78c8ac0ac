//! Where a window has its quotes, its line ends, and what needs a closer look.
//!
//! In: a window of the block. Units: positions are bytes from the window's start.

use super::index::WINDOW;
use super::simd::Kernel;

/// Steps of 64 bytes in the largest window, and room for reading past the last.
const CHUNKS: usize = WINDOW.div_ceil(64) + 2;

/// The marks of a window.
pub(super) struct Guide {
    /// A bit for each byte of the window.
    quotes: Box<[u8; 8 * CHUNKS]>,
    /// How many steps of 64 bytes, each one and those before it, have a backslash or a control character that is no line
    /// end.
    odd: Box<[u16; CHUNKS]>,
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
        Self { quotes: table(0), odd: table(0), lines: table(0), line_count: 0, foreign: false }
    }

    /// Marks `bytes[start..end]`, at most [`WINDOW`] bytes with 64 more behind them.
    #[inline(always)]
    pub(super) fn fill<K: Kernel>(&mut self, kernel: K, bytes: &[u8], start: usize, end: usize) {
        let len = end - start;
        assert!(len <= WINDOW && end + 64 <= bytes.len(), "a window has its size and its padding");
        let mut foreign = kernel.nothing();
        let mut lines = 0usize;
        let mut odds = 0;
        let text = bytes[start..].as_chunks::<64>().0;
        let marks = self.quotes.as_chunks_mut::<8>().0.iter_mut().zip(self.odd.iter_mut());
        for (i, (chunk, (quotes, odd))) in text[..len.div_ceil(64).min(text.len())].iter().zip(marks).enumerate() {
            let mut m = kernel.marks(chunk, &mut foreign);
            let base = 64 * i;
            if len - base < 64 {
                m.newline &= (1 << (len - base)) - 1;
            }
            *quotes = m.quote.to_le_bytes();
            odds += u16::from(m.odd);
            *odd = odds;
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
        let before = if start < 64 { 0 } else { self.odd[start / 64 - 1] };
        self.odd[end / 64] != before
    }

    /// The first quote at or after `at`; behind the window there is one soon.
    #[inline(always)]
    pub(super) fn quote(&self, at: u32) -> u32 {
        let word = |byte: u32| {
            let byte = byte as usize;
            let bits = self.quotes.get(byte..byte + 8).and_then(|q| q.first_chunk());
            bits.map_or(u64::MAX, |b| u64::from_le_bytes(*b))
        };
        let bits = word(at / 8) >> (at % 8);
        if bits != 0 {
            return at + bits.trailing_zeros();
        }
        let mut byte = at / 8 + 8;
        loop {
            let bits = word(byte);
            if bits != 0 {
                return 8 * byte + bits.trailing_zeros();
            }
            byte += 8;
        }
    }
}
