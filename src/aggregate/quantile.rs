//! Numbers, turned into percentiles: exact from all values of a small group, from a histogram for a large one.
//!
//! Values are doubles in the order-preserving form of [`ordered`](super::extreme::ordered). The bucket of a value is
//! its sign, its exponent and the first seven bits of its mantissa: the top 19 bits of that form. A bucket is at most
//! 2^-7 of its lower bound wide, so its middle is within 2^-8 (0.4 %) of every value in it; values nearer to zero than
//! 2^-1022 share one bucket, which answers 0. The least and the greatest value are kept as they are.
//!
//! Cost: 16 bytes a bucket in use, 128 buckets for each doubling of magnitude that the values span.

use super::exchange::Words;
use super::extreme::{ordered, unordered};
use super::list::Sketch;

/// A window's group with at most this many values has exact percentiles.
pub const EXACT_VALUES: usize = 1024;

const DROP: u32 = 64 - 19;
const ZERO: u32 = 1 << 18;

/// Counts of values by bucket.
#[derive(Debug, Default)]
pub(super) struct Histogram {
    /// Bucket and count, ascending.
    buckets: Vec<(u32, u64)>,
    count: u64,
    /// In the ordered form; meaningless without values.
    least: u64,
    greatest: u64,
}

fn bucket(order: u64) -> u32 {
    if unordered(order).abs() < f64::MIN_POSITIVE { ZERO } else { (order >> DROP) as u32 }
}

/// The middle of a bucket.
fn middle(bucket: u32) -> f64 {
    if bucket == ZERO {
        return 0.0;
    }
    let order = u64::from(bucket) << DROP;
    let half = 1 << (DROP - 1);
    // Negative numbers have their bits turned: the bits of the bucket are those of the magnitude's lower bound.
    if bucket > ZERO {
        f64::from_bits((order ^ 1 << 63) | half)
    } else {
        f64::from_bits((!order >> DROP << DROP) | half)
    }
}

impl Histogram {
    pub(super) fn clear(&mut self) {
        self.buckets.clear();
        self.count = 0;
    }

    pub(super) fn count(&self) -> u64 {
        self.count
    }

    fn widen(&mut self, least: u64, greatest: u64) {
        if self.count == 0 {
            (self.least, self.greatest) = (least, greatest);
        } else {
            self.least = self.least.min(least);
            self.greatest = self.greatest.max(greatest);
        }
    }

    /// The order statistic of a rank (from 0): exact at both ends, else the middle of its bucket.
    pub(super) fn at(&self, rank: u64) -> f64 {
        let (least, greatest) = (unordered(self.least), unordered(self.greatest));
        if rank == 0 {
            return least;
        }
        if rank.saturating_add(1) >= self.count {
            return greatest;
        }
        let mut seen = 0u64;
        for (bucket, n) in &self.buckets {
            seen = seen.saturating_add(*n);
            if seen > rank {
                return middle(*bucket).max(least).min(greatest);
            }
        }
        greatest
    }

    /// Adds ascending runs of (bucket, count); `spare` is scratch. Buckets that exist are counted up in place.
    fn add_runs(&mut self, runs: impl Iterator<Item = (u32, u64)>, spare: &mut Vec<(u32, u64)>) {
        spare.clear();
        let mut from = 0;
        for (bucket, n) in runs {
            self.count = self.count.saturating_add(n);
            match self.buckets[from..].binary_search_by_key(&bucket, |b| b.0) {
                Ok(i) => {
                    from += i;
                    self.buckets[from].1 = self.buckets[from].1.saturating_add(n);
                }
                Err(i) => {
                    from += i;
                    spare.push((bucket, n));
                }
            }
        }
        if spare.is_empty() {
            return;
        }
        // Merges the new buckets in from the end, in place.
        let (mut old, mut new) = (self.buckets.len(), spare.len());
        self.buckets.resize(old + new, (0, 0));
        while new > 0 {
            let at = old + new - 1;
            if old > 0 && self.buckets[old - 1].0 > spare[new - 1].0 {
                self.buckets[at] = self.buckets[old - 1];
                old -= 1;
            } else {
                self.buckets[at] = spare[new - 1];
                new -= 1;
            }
        }
    }
}

impl Sketch for Histogram {
    const SMALL: usize = EXACT_VALUES;
    type Spare = Vec<(u32, u64)>;

    fn keep(values: &mut [u64], _spare: &mut Self::Spare) -> Option<usize> {
        (values.len() <= EXACT_VALUES).then_some(values.len())
    }

    fn add(&mut self, values: &mut [u64], spare: &mut Self::Spare) {
        values.sort_unstable();
        let (Some(&least), Some(&greatest)) = (values.first(), values.last()) else {
            return;
        };
        self.widen(least, greatest);
        let mut rest = &values[..];
        let runs = std::iter::from_fn(|| {
            let first = bucket(*rest.first()?);
            let n = rest.iter().take_while(|v| bucket(**v) == first).count();
            rest = &rest[n..];
            Some((first, n as u64))
        });
        self.add_runs(runs, spare);
    }

    fn merge(&mut self, other: &Self, spare: &mut Self::Spare) {
        if other.count > 0 {
            self.widen(other.least, other.greatest);
            self.add_runs(other.buckets.iter().copied(), spare);
        }
    }

    fn bytes(&self) -> usize {
        self.buckets.capacity() * size_of::<(u32, u64)>()
    }

    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.least.to_le_bytes());
        out.extend_from_slice(&self.greatest.to_le_bytes());
        for (bucket, n) in &self.buckets {
            out.extend_from_slice(&u64::from(*bucket).to_le_bytes());
            out.extend_from_slice(&n.to_le_bytes());
        }
    }

    fn decode(mut words: Words<'_>) -> Option<Self> {
        let (least, greatest) = (words.next()?, words.next()?);
        let finite = |order| unordered(order).is_finite();
        let mut histogram = Histogram { least, greatest, ..Self::default() };
        while let Some(bucket) = words.next() {
            let (bucket, n) = (u32::try_from(bucket).ok().filter(|b| *b < 1 << 19)?, words.next()?);
            let ascends = histogram.buckets.last().is_none_or(|last| last.0 < bucket);
            if !ascends || n == 0 || !middle(bucket).is_finite() {
                return None;
            }
            histogram.count = histogram.count.checked_add(n)?;
            histogram.buckets.push((bucket, n));
        }
        (histogram.count > 0 && finite(least) && finite(greatest) && least <= greatest).then_some(histogram)
    }
}

/// The rank below `p` of `n` values (`n` > 0), and how far beyond it `p` lies.
pub(super) fn rank(p: f64, n: u64) -> (u64, f64) {
    let at = p * (n - 1) as f64;
    let low = at as u64;
    (low.min(n - 1), at - low as f64)
}

/// The point between two order statistics.
pub(super) fn between(low: f64, high: f64, part: f64) -> f64 {
    if part == 0.0 || low == high {
        return low;
    }
    let step = high - low;
    // The distance of two doubles may be no double; their parts always are.
    let v = if step.is_finite() { low + step * part } else { low * (1.0 - part) + high * part };
    v.max(low).min(high)
}

/// The percentiles `p` (ascending) of at least one value in the ordered form; the values are reordered.
pub(super) fn exact(values: &mut [u64], p: impl Iterator<Item = f64>, mut answer: impl FnMut(f64)) {
    let n = values.len();
    // Below this a sort is quicker than the selections.
    let sorted = n <= 32;
    if sorted {
        values.sort_unstable();
    }
    // Everything below `done` is in its final place.
    let mut done = 0;
    let mut place = |values: &mut [u64], rank: usize| {
        if !sorted && rank >= done {
            values[done..].select_nth_unstable(rank - done);
            done = rank + 1;
        }
        unordered(values[rank])
    };
    for p in p {
        let (low, part) = rank(p, n as u64);
        let low_value = place(values, low as usize);
        let high = (low as usize + 1).min(n - 1);
        let high_value = if part > 0.0 { place(values, high) } else { low_value };
        answer(between(low_value, high_value, part));
    }
}

/// A number as a list holds it.
#[inline]
pub(super) fn form(v: f64) -> u64 {
    ordered(v)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_of_a_bucket_is_near_every_value_in_it() {
        let mut v = 1e-300;
        while v < 1e300 {
            for x in [v, -v] {
                let m = middle(bucket(ordered(x)));
                assert!((m - x).abs() <= x.abs() / 256.0, "{x:e} {m:e}");
            }
            v *= 1.0037;
        }
        assert_eq!(middle(bucket(ordered(0.0))), 0.0);
        assert_eq!(middle(bucket(ordered(-5e-324))), 0.0);
        assert!(middle(bucket(ordered(f64::MAX))).is_finite());
        assert_eq!(bucket(ordered(f64::MIN_POSITIVE)), ZERO + 128);
    }

    #[test]
    fn interpolation_stays_between_its_neighbours() {
        assert_eq!(between(1.0, 2.0, 0.25), 1.25);
        assert_eq!(between(-f64::MAX, f64::MAX, 0.5), 0.0);
        assert_eq!(between(0.1, 0.1, 0.7), 0.1);
        assert_eq!(rank(0.5, 4), (1, 0.5));
        assert_eq!(rank(1.0, 7), (6, 0.0));
    }
}
