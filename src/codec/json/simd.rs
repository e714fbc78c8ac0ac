//! 64 bytes, turned into bit masks and compressed positions, at the best SIMD level of the CPU.
//!
//! With the levels in it the only room of the crate with `unsafe`: calls of functions that need CPU features which were
//! found at run time, and unaligned loads and stores of whole vectors from and to slices of the right length.
//!
//! A [`Kernel`] is a token: whoever has one runs on a CPU that has its features. Tokens are made in [`at_level`] only.
#![allow(unsafe_code)]

#[cfg(target_arch = "x86_64")]
mod x86;

use super::follow::LINES;
use super::index::{CLASSES, Masks, class};
use super::number::Digits;
use super::template::{GROUP, LONGEST};

/// How wide the decoder works.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SimdLevel {
    /// Any CPU.
    Portable,
    /// x86-64 with AVX2, BMI and PCLMULQDQ.
    Avx2,
    /// x86-64 with AVX-512 VBMI2 besides.
    Avx512,
}

impl SimdLevel {
    /// The best level of this CPU.
    pub fn detect() -> Self {
        #[cfg(target_arch = "x86_64")]
        {
            macro_rules! have {
                ($($feature:tt)*) => { $(is_x86_feature_detected!($feature))&&* };
            }
            if have!("avx2" "bmi1" "bmi2" "lzcnt" "popcnt" "pclmulqdq" "sse4.1" "ssse3") {
                if have!("avx512f" "avx512bw" "avx512vl" "avx512dq" "avx512vbmi" "avx512vbmi2") {
                    return Self::Avx512;
                }
                return Self::Avx2;
            }
        }
        Self::Portable
    }
}

/// The operations that differ from level to level.
pub(super) trait Kernel: Copy {
    /// The classes of 64 bytes, kept for [`Kernel::emit`].
    type Classes: Copy;
    /// Collects bytes above 127.
    type Foreign: Copy;
    /// Collects the bits in which texts differ.
    type Differ: Copy;

    fn nothing(self) -> Self::Foreign;
    fn any(self, foreign: Self::Foreign) -> bool;
    fn classify(self, chunk: &[u8; 64], foreign: &mut Self::Foreign) -> (Masks, Self::Classes);
    /// Bit i of the result: the parity of bits 0 to i.
    fn prefix_xor(self, bits: u64) -> u64;
    /// Writes the positions (`base` + bit) and classes of the set bits to the front of `out`; both slices have 64
    /// entries, and what lies behind the last one is overwritten.
    fn emit(self, bits: u64, base: u16, classes: Self::Classes, chunk: &[u8; 64], out: (&mut [u16], &mut [u8]));
    /// Ends a window: where [`Kernel::emit`] has left the characters themselves, they become their classes. `kinds`
    /// may go on behind the last one by up to 64 entries.
    #[inline(always)]
    fn settle(self, _kinds: &mut [u8]) {}
    /// See [`Digits::find`].
    fn digits(self, text: &[u8; 16]) -> Digits;
    /// See [`Digits::mantissa`].
    fn mantissa(self, text: &[u8; 16], digits: Digits) -> u64;
    /// The values of the first `lens` bytes of each text, at most 16, which are digits.
    #[inline(always)]
    fn wholes(self, texts: [&[u8; 16]; 2], lens: [u32; 2]) -> [u64; 2] {
        [0, 1].map(|i| self.mantissa(texts[i], Digits { whole: lens[i], point: false, len: lens[i] }))
    }
    /// Writes those of the first `count` lines to `out` whose branch is this; gives how many they are. Behind the last
    /// one `out` may be written over.
    #[inline(always)]
    fn choose(
        self,
        branches: &[u8; LINES],
        branch: u8,
        lines: &[u8; LINES],
        count: usize,
        out: &mut [u8; LINES],
    ) -> usize {
        let mut chosen = 0;
        for (line, at) in lines.iter().zip(branches).take(count) {
            out[chosen % LINES] = *line;
            chosen += usize::from(*at == branch);
        }
        chosen
    }
    /// True where the first `n` classes are those wanted; `got` has `n` rounded up to 64.
    fn same(self, got: &[u8], want: &[[u8; 64]], n: usize) -> bool;
    /// True where the line has each of the keys: part i is at `positions[ordinals[i]]` + 1 of `text`.
    fn has_keys(self, positions: &[u16; LONGEST], text: &[u8], ordinals: &[u16], keys: &[KeyPart]) -> bool;
    /// See [`Marks`]; bytes are collected in `foreign`.
    fn marks(self, chunk: &[u8; 64], foreign: &mut Self::Foreign) -> Marks;
    /// No difference.
    fn alike(self) -> Self::Differ;
    /// Adds what differs from `want` in `got`.
    fn differ(self, sum: &mut Self::Differ, got: &[u8; 32], want: &Literal);
    /// True where nothing differed.
    fn is_alike(self, sum: Self::Differ) -> bool;
    /// Bit i: a line with these words may match template i.
    fn candidates(self, probe: &Probe, word: u64, class: u64) -> u32;
}

/// Words in which templates differ: template i has `words[i]` where `masks[i]` is set, and `classes[i]`.
#[derive(Clone, Copy, Default)]
#[repr(C, align(64))]
pub(super) struct Probe {
    pub(super) words: [u64; GROUP],
    pub(super) masks: [u64; GROUP],
    pub(super) classes: [u64; GROUP],
}

/// The 16 bytes at `at`.
#[inline(always)]
fn part_of(text: &[u8], at: usize) -> Option<&[u8; 16]> {
    text.get(at..at + 16).and_then(|b| b.try_into().ok())
}

/// Up to 32 bytes that must stand somewhere.
#[derive(Clone, Copy)]
#[repr(C, align(32))]
pub(super) struct Literal {
    pub(super) want: [u8; 32],
    /// 255 for each byte that counts.
    mask: [u8; 32],
}

impl Literal {
    pub(super) fn new(text: &[u8]) -> Self {
        let mut part = Self { want: [0; 32], mask: [0; 32] };
        part.want[..text.len()].copy_from_slice(text);
        part.mask[..text.len()].fill(0xff);
        part
    }
}

/// Where 64 bytes have quotes and line ends, and whether they have backslashes or other control characters.
#[derive(Clone, Copy)]
pub(super) struct Marks {
    pub(super) quote: u64,
    pub(super) newline: u64,
    pub(super) odd: bool,
}

/// Up to 16 bytes of a key of a template, its closing quote among them.
#[derive(Clone, Copy)]
#[repr(C, align(16))]
pub(super) struct KeyPart {
    pub(super) want: [u8; 16],
    /// 255 for each byte that counts.
    pub(super) mask: [u8; 16],
}

/// Something to do at a level.
pub(super) trait Job {
    /// `#[inline(always)]` in every implementation, so that its code is compiled for the level's features.
    fn run<K: Kernel>(self, kernel: K);
}

/// Does the job at `level`, or the best one there is.
pub(super) fn at_level<J: Job>(level: SimdLevel, job: J) {
    #[cfg(target_arch = "x86_64")]
    match level.min(SimdLevel::detect()) {
        // SAFETY: the features were found just now.
        SimdLevel::Avx512 => return unsafe { x86::run_avx512(job) },
        // SAFETY: the features were found just now.
        SimdLevel::Avx2 => return unsafe { x86::run_avx2(job) },
        SimdLevel::Portable => {}
    }
    job.run(Portable);
}

/// Plain Rust.
#[derive(Clone, Copy)]
struct Portable;

impl Kernel for Portable {
    type Classes = ();
    type Foreign = u64;
    type Differ = u128;

    #[inline(always)]
    fn nothing(self) -> u64 {
        0
    }

    #[inline(always)]
    fn any(self, foreign: u64) -> bool {
        foreign & 0x8080_8080_8080_8080 != 0
    }

    #[inline(always)]
    fn classify(self, chunk: &[u8; 64], foreign: &mut u64) -> (Masks, ()) {
        let mut m = Masks { operator: 0, space: 0, quote: 0, backslash: 0, control: 0, newline: 0 };
        for (i, word) in chunk.as_chunks::<8>().0.iter().enumerate() {
            let text = u64::from_le_bytes(*word);
            *foreign |= text;
            let classes = u64::from_le_bytes(word.map(|b| CLASSES[b as usize]));
            // The bit of each byte, gathered into the low 8 bits.
            let gather = |bit: u32| {
                ((classes >> bit & 0x0101_0101_0101_0101).wrapping_mul(0x0102_0408_1020_4080) >> 56) << (8 * i)
            };
            m.operator |= gather(7);
            m.space |= gather(6);
            m.quote |= gather(3);
            m.backslash |= gather(4);
            m.newline |= gather(5);
            let high = text & 0xe0e0_e0e0_e0e0_e0e0;
            let some = high | high << 1 | high << 2;
            m.control |= ((!some >> 7 & 0x0101_0101_0101_0101).wrapping_mul(0x0102_0408_1020_4080) >> 56) << (8 * i);
        }
        (m, ())
    }

    #[inline(always)]
    fn prefix_xor(self, bits: u64) -> u64 {
        let mut x = bits;
        for shift in [1, 2, 4, 8, 16, 32] {
            x ^= x << shift;
        }
        x
    }

    #[inline(always)]
    fn emit(self, bits: u64, base: u16, (): (), chunk: &[u8; 64], (positions, classes): (&mut [u16], &mut [u8])) {
        bit_by_bit(bits, base, chunk, positions, classes);
    }

    #[inline(always)]
    fn digits(self, text: &[u8; 16]) -> Digits {
        Digits::find(text)
    }

    #[inline(always)]
    fn mantissa(self, text: &[u8; 16], digits: Digits) -> u64 {
        digits.mantissa(text)
    }

    #[inline(always)]
    fn same(self, got: &[u8], want: &[[u8; 64]], n: usize) -> bool {
        got[..n] == want.as_flattened()[..n]
    }

    #[inline(always)]
    fn has_keys(self, positions: &[u16; LONGEST], text: &[u8], ordinals: &[u16], keys: &[KeyPart]) -> bool {
        let mut sum = 0;
        for (&ordinal, key) in ordinals.iter().zip(keys) {
            let Some(got) = part_of(text, usize::from(positions[usize::from(ordinal) % LONGEST]) + 1) else {
                return false;
            };
            let [got, want, mask] = [got, &key.want, &key.mask].map(|b| u128::from_le_bytes(*b));
            sum |= (got ^ want) & mask;
        }
        sum == 0
    }

    #[inline(always)]
    fn marks(self, chunk: &[u8; 64], foreign: &mut u64) -> Marks {
        let (m, ()) = self.classify(chunk, foreign);
        Marks { quote: m.quote, newline: m.newline, odd: (m.backslash | (m.control & !m.newline)) != 0 }
    }

    #[inline(always)]
    fn alike(self) -> u128 {
        0
    }

    #[inline(always)]
    fn differ(self, sum: &mut u128, got: &[u8; 32], want: &Literal) {
        let halves = |bytes: &[u8; 32]| [0, 1].map(|i| u128::from_le_bytes(bytes.as_chunks::<16>().0[i]));
        let (got, mask, want) = (halves(got), halves(&want.mask), halves(&want.want));
        *sum |= ((got[0] ^ want[0]) & mask[0]) | ((got[1] ^ want[1]) & mask[1]);
    }

    #[inline(always)]
    fn is_alike(self, sum: u128) -> bool {
        sum == 0
    }

    #[inline(always)]
    fn candidates(self, probe: &Probe, word: u64, class: u64) -> u32 {
        let mut found = 0;
        for i in 0..GROUP {
            let differ = ((word ^ probe.words[i]) & probe.masks[i]) | (class ^ probe.classes[i]);
            found |= u32::from(differ == 0) << i;
        }
        found
    }
}

/// Eight at a time, whether or not there are as many: a branch for each would cost more.
#[inline(always)]
fn bit_by_bit(bits: u64, base: u16, chunk: &[u8; 64], positions: &mut [u16], classes: &mut [u8]) {
    let mut rest = bits;
    for (positions, classes) in positions.as_chunks_mut::<8>().0.iter_mut().zip(classes.as_chunks_mut::<8>().0) {
        if rest == 0 {
            break;
        }
        for (position, class) in positions.iter_mut().zip(classes) {
            let at = rest.trailing_zeros() & 63;
            *position = base + at as u16;
            *class = CLASSES[usize::from(chunk[at as usize])];
            rest &= rest.wrapping_sub(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the operations give for a text.
    #[derive(Debug, PartialEq)]
    struct Given {
        digits: Vec<Digits>,
        mantissas: Vec<u64>,
        wholes: Vec<[u64; 2]>,
        chosen: Vec<Vec<u8>>,
    }

    struct Ask<'a> {
        texts: &'a [[u8; 16]],
        branches: &'a [u8; LINES],
        given: &'a mut Option<Given>,
    }

    impl Job for Ask<'_> {
        fn run<K: Kernel>(self, kernel: K) {
            let digits: Vec<Digits> = self.texts.iter().map(|t| kernel.digits(t)).collect();
            let mantissas = self.texts.iter().zip(&digits).map(|(t, d)| kernel.mantissa(t, *d)).collect();
            let pairs = self.texts.iter().zip(&digits).zip(self.texts.iter().zip(&digits).skip(1));
            let wholes = pairs.map(|((a, x), (b, y))| kernel.wholes([a, b], [x.whole, y.whole])).collect();
            let lines = std::array::from_fn(|line| (line as u8).wrapping_mul(7));
            let chosen = [0, 1, 63, 64, 65, 200, 255, 256].iter().flat_map(|count| {
                // What is behind the last line has no branch.
                let branches = std::array::from_fn(|i| if i < *count { self.branches[i] } else { u8::MAX });
                [0, 1, 2, 7].map(|branch| {
                    let mut out = [0; LINES];
                    let n = kernel.choose(&branches, branch, &lines, *count, &mut out);
                    out[..n].to_vec()
                })
            });
            *self.given = Some(Given { digits, mantissas, wholes, chosen: chosen.collect() });
        }
    }

    #[test]
    fn operations_when_asked_then_give_the_same_at_every_level() {
        let texts =
            ["", "7", "12,", "0.5]", "1767614400.12345", "1234567890123456", ".5", "1..2", "12.", "9a9", "15.25}"];
        let texts = texts.map(|text| std::array::from_fn(|i| *text.as_bytes().get(i).unwrap_or(&b' ')));
        let branches = std::array::from_fn(|i| [0, 2, 1, 2, u8::MAX, 7][i * i % 6]);
        let given = [SimdLevel::Portable, SimdLevel::Avx2, SimdLevel::Avx512].map(|level| {
            let mut given = None;
            at_level(level, Ask { texts: &texts, branches: &branches, given: &mut given });
            given.unwrap()
        });
        let plain = &given[0];
        assert_eq!(plain.mantissas, [0, 7, 12, 5, 176_761_440_012_345, 1_234_567_890_123_456, 5, 1, 12, 9, 1525]);
        assert_eq!(plain.wholes[3..5], [[0, 1_767_614_400], [1_767_614_400, 1_234_567_890_123_456]]);
        let want: Vec<u8> = (0..200).filter(|i| branches[*i] == 2).map(|i| (i as u8).wrapping_mul(7)).collect();
        assert_eq!(plain.chosen[5 * 4 + 2], want);
        assert_eq!(&given[1], plain);
        assert_eq!(&given[2], plain);
    }
}
