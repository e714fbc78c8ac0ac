//! A window of a block, turned into the positions and classes of its structural characters, and its lines.
//!
//! Structural are, outside strings, `{ } [ ] : ,` and the first character of every run of other characters (numbers,
//! literals, rubbish); and every quote that begins or ends a string. The class of a position says which of these it
//! is; numbers are one class, `true` and `false` another. Whatever is no JSON at all has a class no template holds.
//!
//! In: bytes `start..end` of the arena, which has at least 64 more bytes after them, whatever they are. Out: an
//! [`Index`]. Units: positions are bytes from `start`; ordinals count structural characters from `start`.
//!
//! Invariants:
//! 1. Lines are in order; line i has the ordinals `lines[i - 1].ordinal..lines[i].ordinal`, and ends before
//!    `lines[i].at`, where its line end is. What follows the last line end is no part of the index.
//! 2. A line whose string is still open at its end is `hard`, and the next one begins outside strings: one bad line
//!    costs its own length, not that of the block.
//! 3. `soft` and `hard` are ranges of positions in order; every line with a backslash meets a soft one, every line
//!    with a control character in a string meets a hard one.
//! 4. The same bytes give the same index at every SIMD level, but for the classes of runs that are not JSON.

use super::simd::Kernel;

/// The most bytes of a window: positions and ordinals fit 16 bits.
pub(super) const WINDOW: usize = 65_472;

/// Entries of the tables that may be written or read past the last one.
pub(super) const SLACK: usize = 1_024;

/// Classes of structural characters.
pub(super) mod class {
    pub(in super::super) const QUOTE: u8 = 0x08;
    pub(in super::super) const NUMBER: u8 = 0x01;
    pub(in super::super) const TRUTH: u8 = 0x02;
    pub(in super::super) const NULL: u8 = 0x03;
    pub(in super::super) const OPEN_OBJECT: u8 = 0x81;
    pub(in super::super) const CLOSE_OBJECT: u8 = 0x82;
    pub(in super::super) const OPEN_ARRAY: u8 = 0x83;
    pub(in super::super) const CLOSE_ARRAY: u8 = 0x84;
    pub(in super::super) const COLON: u8 = 0x85;
    pub(in super::super) const COMMA: u8 = 0x86;
    /// Not structural: white space, line ends among it.
    pub(in super::super) const SPACE: u8 = 0x40;
    pub(in super::super) const NEWLINE: u8 = 0x60;
    pub(in super::super) const BACKSLASH: u8 = 0x10;
    /// The bit of the six operators.
    pub(in super::super) const OPERATOR: u8 = 0x80;
    /// The bits of what may follow a number or literal.
    pub(in super::super) const ENDS: u8 = OPERATOR | SPACE;
}

/// The class of every byte; 0 for those that begin nothing.
pub(super) static CLASSES: [u8; 256] = {
    let mut table = [0; 256];
    let mut digit = b'0';
    while digit <= b'9' {
        table[digit as usize] = class::NUMBER;
        digit += 1;
    }
    table[b'-' as usize] = class::NUMBER;
    table[b't' as usize] = class::TRUTH;
    table[b'f' as usize] = class::TRUTH;
    table[b'n' as usize] = class::NULL;
    table[b'"' as usize] = class::QUOTE;
    table[b'\\' as usize] = class::BACKSLASH;
    table[b'{' as usize] = class::OPEN_OBJECT;
    table[b'}' as usize] = class::CLOSE_OBJECT;
    table[b'[' as usize] = class::OPEN_ARRAY;
    table[b']' as usize] = class::CLOSE_ARRAY;
    table[b':' as usize] = class::COLON;
    table[b',' as usize] = class::COMMA;
    table[b' ' as usize] = class::SPACE;
    table[b'\t' as usize] = class::SPACE;
    table[b'\r' as usize] = class::SPACE;
    table[b'\n' as usize] = class::NEWLINE;
    table
};

/// What 64 bytes hold, a bit a byte.
#[derive(Clone, Copy)]
pub(super) struct Masks {
    pub(super) operator: u64,
    pub(super) space: u64,
    pub(super) quote: u64,
    pub(super) backslash: u64,
    pub(super) control: u64,
    pub(super) newline: u64,
}

/// Where a line ends.
#[derive(Clone, Copy, Default)]
pub(super) struct LineEnd {
    /// The ordinal of the first structural character after the line.
    pub(super) ordinal: u16,
    /// The position of its line end.
    pub(super) at: u16,
}

/// The index of a window. Tables are as long as the largest window; only what a window needs is touched.
pub(super) struct Index {
    pub(super) positions: Box<[u16; 65_536 + SLACK]>,
    pub(super) classes: Box<[u8; 65_536 + SLACK]>,
    pub(super) lines: Box<[LineEnd; 65_536]>,
    pub(super) line_count: usize,
    pub(super) soft: Vec<(u16, u16)>,
    pub(super) hard: Vec<(u16, u16)>,
    /// True where a byte is above 127.
    pub(super) foreign: bool,
}

fn table<T: Copy, const N: usize>(value: T) -> Box<[T; N]> {
    vec![value; N].into_boxed_slice().try_into().unwrap_or_else(|_| unreachable!("the slice has N entries"))
}

impl Index {
    pub(super) fn new() -> Self {
        Self {
            positions: table(0),
            classes: table(0),
            lines: table(LineEnd::default()),
            line_count: 0,
            soft: Vec::new(),
            hard: Vec::new(),
            foreign: false,
        }
    }

    /// Indexes `bytes[start..end]`; with `last`, its end is a line end.
    #[inline(always)]
    pub(super) fn fill<K: Kernel>(&mut self, kernel: K, bytes: &[u8], start: usize, end: usize, last: bool) {
        let len = end - start;
        assert!(len <= WINDOW && end + 64 <= bytes.len(), "a window has its size and its padding");
        self.soft.clear();
        self.hard.clear();
        let (mut count, mut lines) = (0usize, 0usize);
        // What the bytes before this step leave behind: inside a string (all bits), inside a run, an open escape.
        let (mut in_string, mut in_run, mut escape) = (0u64, 0u64, 0u64);
        let mut foreign = kernel.nothing();
        let mut base = 0usize;
        while base < len + usize::from(last) {
            let chunk: &[u8; 64] = bytes[start + base..start + base + 64].try_into().expect("64 bytes");
            let (mut m, classes) = kernel.classify(chunk, &mut foreign);
            let rest = len - base;
            if rest < 64 {
                let valid = (1u64 << rest) - 1;
                m.operator &= valid;
                m.quote &= valid;
                m.backslash &= valid;
                m.control &= valid;
                m.newline = m.newline & valid | u64::from(last) << rest;
                m.space |= !valid;
            }
            if (m.backslash | escape) != 0 {
                m.quote &= !escaped(m.backslash, &mut escape);
                if m.backslash != 0 {
                    self.soft.push(span(base, m.backslash));
                }
            }
            let inside = kernel.prefix_xor(m.quote) ^ in_string;
            let run = !(m.operator | m.space | m.quote | inside);
            let mut structural = (m.operator & !inside) | m.quote | (run & !(run << 1 | in_run));
            in_string = ((inside as i64) >> 63) as u64;
            in_run = run >> 63;
            let mut next = base + 64;
            let bad = (m.control | m.newline) & inside;
            if bad != 0 {
                let open = m.newline & inside;
                if open == 0 {
                    self.hard.push(span(base, bad));
                } else {
                    // The line ends inside a string: take up the next one afresh.
                    let cut = open & open.wrapping_neg();
                    self.hard.push(span(base, bad & (cut | (cut - 1))));
                    structural &= cut - 1;
                    m.newline &= cut | (cut - 1);
                    next = base + cut.trailing_zeros() as usize + 1;
                    (in_string, in_run, escape) = (0, 0, 0);
                }
            }
            let room = (&mut self.positions[count..count + 64], &mut self.classes[count..count + 64]);
            kernel.emit(structural, base as u16, classes, chunk, room);
            let end_of = |newline: u64| LineEnd {
                ordinal: (count + (structural & newline.wrapping_sub(1)).count_ones() as usize) as u16,
                at: (base + newline.trailing_zeros() as usize) as u16,
            };
            // Most steps have no line end or one: written without a branch on which.
            let first = m.newline & m.newline.wrapping_neg();
            self.lines[lines & 0xffff] = end_of(first);
            lines += usize::from(first != 0);
            let mut more = m.newline ^ first;
            while more != 0 {
                let newline = more & more.wrapping_neg();
                self.lines[lines & 0xffff] = end_of(newline);
                lines += 1;
                more ^= newline;
            }
            count += structural.count_ones() as usize;
            base = next;
        }
        kernel.settle(&mut self.classes[..count.next_multiple_of(64)]);
        self.line_count = lines;
        self.foreign = kernel.any(foreign);
    }
}

/// The characters that an unescaped backslash is before. `open`: the first one is, and then, whether the one after
/// the 64 is.
#[cold]
fn escaped(backslash: u64, open: &mut u64) -> u64 {
    let mut found = *open;
    let mut rest = backslash & !*open;
    *open = 0;
    while rest != 0 {
        let at = rest & rest.wrapping_neg();
        let after = at << 1;
        found |= after;
        *open = u64::from(after == 0);
        rest &= !(at | after);
    }
    found
}

fn span(base: usize, bits: u64) -> (u16, u16) {
    ((base + bits.trailing_zeros() as usize) as u16, (base + 63 - bits.leading_zeros() as usize) as u16)
}
