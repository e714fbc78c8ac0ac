//! Times and weights of pairs, turned into scores that fade, without ever touching what is past.
//!
//! A weight grows with its time, by 2^(time / half_life), instead of fading as time goes on: the order of scores is the same,
//! and only the one who reads them at a moment divides by 2^(moment / half_life). Growth knows no bound, so it is kept as a
//! mantissa and an exponent ([`Grown`]), and weights are summed by stretch of event time, in which they grow from 1 on.
//!
//! Units: times and spans in microseconds; weights in 2^-40.
//!
//! Invariants: (1) powers are products of square roots of 2, and nothing but sums, products and quotients of `f64` is used:
//! every machine has the same bits; (2) weights are whole numbers, so their sum is the same in every order; (3) a stretch is a
//! multiple of the period, and at most 17 half-lives long where the settings are right, so no sum overflows below 2^30 pairs.

use std::cmp::Ordering;

/// Bits of a weight behind the point.
const POINT: i32 = 40;
/// The greatest weight that counts.
const MOST_WEIGHT: f64 = 1_048_576.0;
/// Stretches in the time that pairs are kept.
const STRETCHES: i64 = 64;
/// Bits of a fraction of a half-life.
const BITS: usize = 32;

/// How pairs fade and leave.
#[derive(Debug, Clone, PartialEq)]
pub struct Fading {
    half_life: Option<i64>,
    every: i64,
    keep: i64,
    stretch: i64,
    /// 2^(1/2), 2^(1/4), and so on.
    roots: [f64; BITS],
    /// What is left of a weight after so many stretches.
    left: Vec<f64>,
}

/// A number that is not negative, of any size: mantissa * 2^exponent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Grown {
    /// The power of two.
    pub exponent: i64,
    /// From 1 to below 2; 0 for nothing.
    pub mantissa: f64,
}

impl Grown {
    /// Nothing: less than anything else.
    pub const NOTHING: Self = Self { exponent: i64::MIN, mantissa: 0.0 };

    /// `value * 2^exponent`; `value` is finite and not negative.
    fn new(value: f64, exponent: i64) -> Self {
        if value <= 0.0 {
            return Self::NOTHING;
        }
        // What is too small for a mantissa of full length is made larger first.
        let (value, less) = if value < f64::MIN_POSITIVE { (value * scale(64), 64) } else { (value, 0) };
        let bits = value.to_bits();
        let own = (bits >> 52) as i64 - 1023;
        let mantissa = f64::from_bits((bits & ((1 << 52) - 1)) | (1023 << 52));
        Self { exponent: exponent.saturating_add(own - less), mantissa }
    }
}

/// A sum of numbers that are no greater than a certain one by more than a factor of 2: the same in every order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(super) struct Sum(i128);

/// Bits of a mantissa, and of a sum behind those.
const MANTISSA: i32 = 52;
const BEHIND: i64 = 60;

impl Sum {
    /// Adds a number, where `base` is the exponent of the greatest; what is less than 2^-112 of that is cut off.
    pub(super) fn add(&mut self, grown: Grown, base: i64) {
        let less = base.saturating_sub(grown.exponent);
        if (0..BEHIND + i64::from(MANTISSA)).contains(&less) {
            let mantissa = (grown.mantissa * scale(MANTISSA.into())) as i128;
            self.0 = self.0.saturating_add((mantissa << BEHIND) >> less);
        }
    }

    /// The sum.
    pub(super) fn grown(self, base: i64) -> Grown {
        Grown::new(self.0 as f64, base.saturating_sub(BEHIND + i64::from(MANTISSA)))
    }
}

impl Eq for Grown {}

impl Ord for Grown {
    fn cmp(&self, other: &Self) -> Ordering {
        self.exponent.cmp(&other.exponent).then(self.mantissa.total_cmp(&other.mantissa))
    }
}

impl PartialOrd for Grown {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// 2^n; 0 or infinity where an `f64` has no such number of full length.
fn scale(n: i64) -> f64 {
    match n {
        -1022..=1023 => f64::from_bits(((n + 1023) as u64) << 52),
        n if n < 0 => 0.0,
        _ => f64::INFINITY,
    }
}

impl Fading {
    /// `half_life`: after how long what is seen counts half as much; `None`: it does not fade. `every`: the period; `keep`: how
    /// long pairs count.
    pub fn new(half_life: Option<i64>, every: i64, keep: i64) -> Self {
        let every = every.max(1);
        let up = |span: i64| (span.max(1) - 1).div_euclid(every).saturating_add(1).saturating_mul(every);
        let mut roots = [std::f64::consts::SQRT_2; BITS];
        for i in 1..BITS {
            roots[i] = roots[i - 1].sqrt();
        }
        let (half_life, stretch) = (half_life.map(|span| span.max(1)), up(keep / STRETCHES));
        let mut fading = Self { half_life, every, keep: up(keep), stretch, roots, left: Vec::new() };
        // No two that are kept are farther apart.
        fading.left = (0..STRETCHES + 3).map(|stretches| fading.left_after(stretches)).collect();
        fading
    }

    fn left_after(&self, stretches: i64) -> f64 {
        let (whole, rest) = self.power(stretches.saturating_mul(self.stretch));
        scale(-whole) / rest
    }

    /// The period.
    pub fn every(&self) -> i64 {
        self.every
    }

    /// How long a stretch of event time is whose pairs leave together.
    pub fn stretch(&self) -> i64 {
        self.stretch
    }

    /// How long pairs count, from the end of their stretch on.
    pub fn keep(&self) -> i64 {
        self.keep
    }

    /// The half-life.
    pub fn half_life(&self) -> Option<i64> {
        self.half_life
    }

    /// The first multiple of the period after a time.
    pub fn moment(&self, time: i64) -> i64 {
        time.div_euclid(self.every).saturating_add(1).saturating_mul(self.every)
    }

    /// The stretch that a time is in.
    pub fn stretch_of(&self, time: i64) -> i64 {
        time.div_euclid(self.stretch)
    }

    /// When the pairs of a stretch leave.
    pub fn leaves(&self, stretch: i64) -> i64 {
        stretch.saturating_add(1).saturating_mul(self.stretch).saturating_add(self.keep)
    }

    /// The stretches that have left at a moment are those below this.
    pub fn first_kept(&self, moment: i64) -> i64 {
        moment.saturating_sub(self.keep).div_euclid(self.stretch)
    }

    /// 2^(span / half_life): the whole power, and the rest from 1 to below 2.
    fn power(&self, span: i64) -> (i64, f64) {
        let Some(half_life) = self.half_life else { return (0, 1.0) };
        let rest = span.rem_euclid(half_life);
        let bits = (((rest as u128) << BITS) / half_life as u128) as u64;
        let roots = self.roots.iter().enumerate().filter(|(i, _)| bits >> (BITS - 1 - i) & 1 == 1);
        (span.div_euclid(half_life), roots.fold(1.0, |product, (_, root)| product * root))
    }

    /// What a pair at `time` with this weight adds to its stretch. A weight that is no positive number adds nothing.
    pub fn weigh(&self, time: i64, weight: f64) -> i128 {
        let (whole, rest) = self.power(time.rem_euclid(self.stretch));
        let weight = if weight > 0.0 { weight.min(MOST_WEIGHT) } else { 0.0 };
        (weight * rest * scale(whole.saturating_add(POINT.into()).min(80))).round() as i128
    }

    /// What pairs weigh together, by stretch, ascending.
    pub fn grown(&self, weights: impl DoubleEndedIterator<Item = (i64, i128)>) -> Grown {
        let mut weights = weights.rev();
        let Some((newest, weight)) = weights.next() else { return Grown::NOTHING };
        let mut sum = weight as f64;
        for (stretch, weight) in weights {
            let after = newest - stretch;
            let left = usize::try_from(after).ok().and_then(|after| self.left.get(after).copied());
            sum += weight as f64 * left.unwrap_or_else(|| self.left_after(after));
        }
        let (whole, rest) = self.power(newest.saturating_mul(self.stretch));
        Grown::new(sum * rest, whole.saturating_sub(POINT.into()))
    }

    /// The score at a moment.
    pub fn at(&self, grown: Grown, moment: i64) -> f64 {
        if grown.mantissa == 0.0 {
            return 0.0;
        }
        let (whole, rest) = self.power(moment);
        grown.mantissa / rest * scale(grown.exponent.saturating_sub(whole))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000_000;

    #[test]
    fn what_is_a_half_life_old_counts_half_at_any_time_there_is() {
        let fading = Fading::new(Some(HOUR), 60_000_000, 100 * HOUR);
        for far in [0, -1_000 * HOUR, 2_000_000 * HOUR, 4_000_000_000_000_000_000 / HOUR * HOUR] {
            let score = |list: &[(i64, f64)], moment: i64| {
                let mut all = std::collections::BTreeMap::<i64, i128>::new();
                for (time, weight) in list {
                    *all.entry(fading.stretch_of(*time)).or_default() += fading.weigh(*time, *weight);
                }
                fading.at(fading.grown(all.into_iter()), moment)
            };
            let near = |a: f64, b: f64| assert!((a - b).abs() < 1e-9 * b, "{a} {b} at {far}");
            near(score(&[(far, 1.0)], far), 1.0);
            near(score(&[(far, 1.0)], far + HOUR), 0.5);
            near(score(&[(far, 1.0)], far + HOUR / 2), 0.5f64.sqrt());
            near(score(&[(far, 3.0), (far + 90 * HOUR, 0.25)], far + 90 * HOUR), 0.25);
            near(score(&[(far, 3.0), (far + HOUR, 0.25)], far + 2 * HOUR), 0.875);
        }
    }

    #[test]
    fn without_a_half_life_scores_are_sums_to_the_last_bit() {
        let fading = Fading::new(None, 10, 1_000);
        let sum: i128 = (0..1_000).map(|time| fading.weigh(time, 1.5)).sum();
        assert_eq!(fading.at(fading.grown([(0, sum), (7, sum)].into_iter()), 123), 3_000.0);
        assert_eq!(fading.weigh(5, f64::NAN) + fading.weigh(5, -1.0), 0);
    }

    #[test]
    fn order_is_that_of_the_numbers_and_nothing_is_least() {
        let list = [(1.5, -7), (0.75, -3), (1.0, 0), (1.9, 0), (5e-324, 1_080)];
        let grown = list.map(|(value, exponent)| Grown::new(value, exponent));
        assert!(Grown::NOTHING < grown[0] && grown.is_sorted(), "{grown:?}");
        assert_eq!(Grown::new(5e-324, 1_074), Grown { exponent: 0, mantissa: 1.0 });
    }

    #[test]
    fn sums_are_the_same_in_every_order_also_of_what_is_far_apart() {
        let list = [(1.1, 0), (1.7, -3), (1.3, -60), (1.9, -200), (1.2, -1)].map(|(m, e)| Grown::new(m, e));
        let sum = |list: &mut dyn Iterator<Item = &Grown>| {
            let mut sum = Sum::default();
            list.for_each(|grown| sum.add(*grown, 0));
            sum
        };
        let all = sum(&mut list.iter());
        assert_eq!(all, sum(&mut list.iter().rev()));
        let expected = 1.1 + 1.7 / 8.0 + 1.2 / 2.0;
        let Grown { exponent, mantissa } = all.grown(0);
        assert!((mantissa * scale(exponent) - expected).abs() < 1e-12, "{mantissa} {exponent}");
    }

    #[test]
    fn stretches_fit_the_period_and_leave_after_their_time() {
        let fading = Fading::new(None, 60, 6_400);
        assert_eq!((fading.stretch(), fading.keep()), (120, 6_420));
        assert_eq!((fading.moment(119), fading.moment(120), fading.moment(-1)), (120, 180, 0));
        for moment in (-500..20_000).step_by(60) {
            let first = fading.first_kept(moment);
            assert!(fading.leaves(first - 1) <= moment && fading.leaves(first) > moment, "{moment}");
        }
    }
}
