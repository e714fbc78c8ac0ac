//! A seed and an index, turned into random numbers: whole numbers, shares, skewed ranks, skewed sizes.
//!
//! Invariants: (1) the same on every machine: integer arithmetic and the IEEE operations that are exact to the last
//! bit everywhere (`+`, `*`, square root), never a library's power or logarithm. (2) the numbers of one index do not
//! depend on any other index, so that any worker can make any event.
//!
//! Source: the mixing function is that of SplitMix64 (Steele, Lea, Flood: "Fast splittable pseudorandom number
//! generators", 2014).

const STEP: u64 = 0x9E37_79B9_7F4A_7C15;

/// Spreads every bit of `x` over the whole word.
#[inline]
pub(super) fn mix(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ (x >> 31)
}

/// The random numbers of one event.
pub(super) struct Draws(u64);

impl Draws {
    /// Those of event `index` under `key` (a mixed seed).
    #[inline]
    pub(super) fn new(key: u64, index: u64) -> Self {
        Self(mix(key.wrapping_add(index.wrapping_mul(STEP))))
    }

    /// 64 random bits.
    #[inline]
    pub(super) fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(STEP);
        mix(self.0)
    }

    /// A number from 0 up to, but without, `n`; 0 where `n` is 0.
    #[inline]
    pub(super) fn below(&mut self, n: u64) -> u64 {
        ((u128::from(self.bits()) * u128::from(n)) >> 64) as u64
    }

    /// One of a list; lists are never empty and repeat what should come more often.
    #[inline]
    pub(super) fn one_of<T: Copy, const N: usize>(&mut self, list: &[T; N]) -> T {
        list[(self.bits() >> 32) as usize % N]
    }
}

/// A share of all draws, as a limit on 32 random bits.
#[derive(Debug, Clone, Copy)]
pub(super) struct Share(u64);

impl Share {
    /// From 0 (never) to 1 (always).
    pub(super) fn new(share: f64) -> Self {
        Self((share * 4_294_967_296.0) as u64)
    }

    /// Whether 32 random bits fall into the share.
    #[inline]
    pub(super) fn holds(self, bits: u32) -> bool {
        u64::from(bits) < self.0
    }
}

/// Ranks from 0 up to a count, of which low ones come often: rank r with a weight near (r + 1)^(-3/4).
///
/// A weight of that power has a cumulative share that grows with the fourth root of the rank, so a rank is the fourth
/// power of an even draw between the fourth roots of 1 and count + 1, less 1: no table, no library function.
#[derive(Debug, Clone, Copy)]
pub(super) struct Skew {
    width: f64,
    last: u64,
}

impl Skew {
    /// Ranks below `count`, which is at least 1.
    pub(super) fn new(count: u64) -> Self {
        Self { width: (count as f64 + 1.0).sqrt().sqrt() - 1.0, last: count.saturating_sub(1) }
    }

    /// The rank that 64 random bits fall on.
    #[inline]
    pub(super) fn rank(self, bits: u64) -> u64 {
        let even = (bits >> 11) as f64 * (1.0 / 9_007_199_254_740_992.0);
        let root = 1.0 + even * self.width;
        let square = root * root;
        ((square * square - 1.0) as u64).min(self.last)
    }
}

/// A size near `median` whose logarithm is bell-shaped (a sum of four even draws), from 1/32 to 32 times the median
/// and at least 1. `median` is below 2^40.
#[inline]
pub(super) fn size(bits: u64, median: u64) -> u64 {
    let sum = (bits & 0xFFFF) + ((bits >> 16) & 0xFFFF) + ((bits >> 32) & 0xFFFF) + (bits >> 48);
    // The base-two logarithm with 16 bits of fraction, from 0 to just below 10; 5 is the median.
    let log = sum * 5 / 2;
    let (whole, part) = (log >> 16, log & 0xFFFF);
    // 2^part by a parabola through its ends; within 0.3 %, and it need not be better.
    let power = 65_536 + ((part * (43_024 + ((22_512 * part) >> 16))) >> 16);
    (((u128::from(median) * u128::from(power)) << whole) >> 21).max(1) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_when_drawn_then_low_ones_come_often_and_all_come() {
        let skew = Skew::new(100);
        let mut counts = [0u32; 100];
        let mut draws = Draws::new(7, 0);
        for _ in 0..100_000 {
            counts[skew.rank(draws.bits()) as usize] += 1;
        }
        assert!(counts[0] > 6_000 && counts[0] < 12_000, "{}", counts[0]);
        assert!(counts[0] > counts[3] && counts[3] > counts[30] && counts[30] > counts[99]);
        assert!(counts[99] > 100);
        assert_eq!(skew.rank(u64::MAX), 99);
        assert_eq!(skew.rank(0), 0);
        assert_eq!(Skew::new(1).rank(u64::MAX), 0);
    }

    #[test]
    fn sizes_when_drawn_then_lie_round_the_median() {
        let mut draws = Draws::new(7, 0);
        let mut sizes: Vec<u64> = (0..10_001).map(|_| size(draws.bits(), 1_000)).collect();
        sizes.sort_unstable();
        assert!((950..1_050).contains(&sizes[5_000]), "{}", sizes[5_000]);
        assert!(sizes[0] >= 31 && sizes[10_000] <= 32_000);
        assert!(sizes[9_500] > 3_000, "{}", sizes[9_500]);
        assert_eq!(size(0, 1), 1);
    }

    #[test]
    fn shares_when_none_or_all_then_never_or_always_hold() {
        assert!(!Share::new(0.0).holds(0));
        assert!(Share::new(1.0).holds(u32::MAX));
    }
}
