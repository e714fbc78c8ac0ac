//! Spans of time, turned into how many there were of which length, and that into estimates of what most of them were.
//!
//! Bounds are Renard's numbers, ten to each decade, from 100 microseconds to 1,000 seconds: neighbours are about a quarter
//! apart, and so is an estimate at most from the truth between these ends. All histograms have the same bounds, so those of
//! several processes, or two looks at one, can be added or taken from each other.
//!
//! Units: nanoseconds for the sum, microseconds for bounds, seconds for what is shown.
//! Cost: a search among 71 bounds and two relaxed atomic additions; 576 bytes. Meant for once a batch, not once an event.

use super::kinds::{Kind, Moves, Samples, Tell};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// Renard's ten steps from one power of ten to the next, in hundredths.
const STEPS: [u64; 10] = [100, 125, 160, 200, 250, 315, 400, 500, 630, 800];
const DECADES: usize = 7;
const BOUNDS: usize = DECADES * STEPS.len() + 1;

/// The greatest span of each bucket but the last, in microseconds; in the last there are all longer ones.
const LIMITS: [u64; BOUNDS] = {
    let mut limits = [0; BOUNDS];
    let (mut i, mut scale) = (0, 1);
    while i < BOUNDS {
        limits[i] = STEPS[i % STEPS.len()] * scale;
        i += 1;
        if i.is_multiple_of(STEPS.len()) {
            scale *= 10;
        }
    }
    limits
};

/// Every so many steps of [`STEPS`] there is a bound that Prometheus is shown: 1, 2.5 and 5.
const SHOWN: [usize; 3] = [0, 4, 7];

#[derive(Debug)]
struct Cells {
    /// One more than there are bounds.
    counts: [AtomicU64; BOUNDS + 1],
    /// Nanoseconds of all spans.
    sum: AtomicU64,
}

/// How many spans there were of which length. Clones share what they count.
#[derive(Debug, Clone)]
pub struct Histogram(Arc<Cells>);

impl Default for Histogram {
    fn default() -> Self {
        Self(Arc::new(Cells { counts: [const { AtomicU64::new(0) }; BOUNDS + 1], sum: AtomicU64::new(0) }))
    }
}

impl Histogram {
    /// Counts a span.
    pub fn add(&self, span: Duration) {
        let us = u64::try_from(span.as_nanos().div_ceil(1_000)).unwrap_or(u64::MAX);
        let cell = LIMITS.partition_point(|limit| *limit < us);
        self.0.counts[cell].fetch_add(1, Relaxed);
        self.0.sum.fetch_add(u64::try_from(span.as_nanos()).unwrap_or(u64::MAX), Relaxed);
    }

    /// Counts how long `work` takes.
    pub fn time<T>(&self, work: impl FnOnce() -> T) -> T {
        let began = Instant::now();
        let made = work();
        self.add(began.elapsed());
        made
    }

    /// What was counted so far.
    pub fn get(&self) -> Spread {
        Spread { counts: self.0.counts.iter().map(|cell| cell.load(Relaxed)).collect(), sum: self.0.sum.load(Relaxed) }
    }
}

impl Kind for Histogram {
    const MOVES: Moves = Moves::Spread;
    type Plain = Spread;
    fn join(one: &mut Spread, other: &Spread) {
        one.add(other);
    }
}

/// What a [`Histogram`] has counted at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct Spread {
    /// By bucket; empty is all zero.
    counts: Vec<u64>,
    /// Nanoseconds of all spans.
    sum: u64,
}

impl Spread {
    /// How many spans there were.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// How long all of them were together, in seconds.
    pub fn seconds(&self) -> f64 {
        self.sum as f64 / 1e9
    }

    /// The span, in seconds, that `share` of all are not longer than, from 0 to 1: an estimate, evenly spread in its bucket;
    /// of one beyond the bounds the last of them. `None` where there is none.
    pub fn quantile(&self, share: f64) -> Option<f64> {
        let count = self.count();
        if count == 0 {
            return None;
        }
        let wanted = (share.clamp(0.0, 1.0) * count as f64).max(1.0);
        let mut before = 0;
        for (i, n) in self.counts.iter().enumerate() {
            let (low, high) = (if i == 0 { 0 } else { LIMITS[i - 1] }, LIMITS.get(i).copied());
            if *n > 0 && (before + n) as f64 >= wanted {
                let high = high.unwrap_or(low);
                let part = (wanted - before as f64) / *n as f64;
                return Some((low as f64 + (high - low) as f64 * part.clamp(0.0, 1.0)) / 1e6);
            }
            before += n;
        }
        None
    }

    /// Adds what another one has counted.
    pub fn add(&mut self, other: &Spread) {
        if self.counts.len() < other.counts.len() {
            self.counts.resize(other.counts.len(), 0);
        }
        self.counts.iter_mut().zip(&other.counts).for_each(|(n, more)| *n = n.saturating_add(*more));
        self.sum = self.sum.saturating_add(other.sum);
    }

    /// What was counted since `earlier`, which is an earlier look at the same.
    #[must_use]
    pub fn since(&self, earlier: &Spread) -> Spread {
        let before = earlier.counts.iter().chain(std::iter::repeat(&0));
        let counts = self.counts.iter().zip(before).map(|(n, before)| n.saturating_sub(*before)).collect();
        Spread { counts, sum: self.sum.saturating_sub(earlier.sum) }
    }

    /// For each bound that is shown, in seconds, how many spans were not longer.
    pub(super) fn cumulated(&self) -> impl Iterator<Item = (f64, u64)> {
        let mut so_far = 0;
        let all = LIMITS.iter().enumerate().map(move |(i, limit)| {
            so_far += self.counts.get(i).copied().unwrap_or(0);
            (i, *limit as f64 / 1e6, so_far)
        });
        all.filter(|(i, ..)| SHOWN.contains(&(i % STEPS.len()))).map(|(_, limit, n)| (limit, n))
    }
}

impl Samples for Spread {
    fn samples(&self, f: &mut Tell<'_>) {
        f(None, i64::try_from(self.count()).unwrap_or(i64::MAX), Some(self));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn bounds_when_they_are_looked_at_then_ascend_evenly_and_those_of_whole_decades_are_shown() {
        assert_eq!((LIMITS[0], LIMITS[10], LIMITS[BOUNDS - 1]), (100, 1_000, 1_000_000_000));
        assert!(LIMITS.windows(2).all(|pair| (1.2..1.3).contains(&(pair[1] as f64 / pair[0] as f64))));
        let shown: Vec<f64> = Spread::default().cumulated().map(|(limit, _)| limit).collect();
        assert_eq!(shown[..7], [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01]);
        assert_eq!((shown.len(), shown.last()), (22, Some(&1_000.0)));
    }

    #[test]
    fn spans_at_the_ends_when_they_are_counted_then_are_in_the_first_and_beyond_the_last_bucket() {
        let histogram = Histogram::default();
        assert_eq!((histogram.get().quantile(0.5), histogram.get().count()), (None, 0));
        for span in [Duration::ZERO, Duration::from_micros(100), Duration::from_secs(5_000)] {
            histogram.clone().add(span);
        }
        let spread = histogram.get();
        let all: Vec<u64> = spread.cumulated().map(|(_, n)| n).collect();
        assert_eq!((all[0], *all.last().unwrap(), spread.count()), (2, 2, 3));
        assert_eq!((spread.quantile(1.0), spread.seconds()), (Some(1_000.0), 5_000.000_1));
        assert_eq!(histogram.time(|| 7), 7);
        assert_eq!(histogram.get().since(&spread).count(), 1);
        let mut both = Spread::default();
        both.add(&spread);
        both.add(&spread);
        assert_eq!((both.count(), both.since(&spread)), (6, spread));
    }

    proptest! {
        #[test]
        fn estimates_when_spans_are_between_the_ends_then_are_near_those_of_a_sort(
            mut spans in proptest::collection::vec((2.01..9.0f64).prop_map(|power| 10f64.powf(power) as u64), 1..300),
            share in 0.0..1.0f64,
        ) {
            let histogram = Histogram::default();
            spans.iter().for_each(|us| histogram.add(Duration::from_micros(*us)));
            spans.sort_unstable();
            let at = ((share * spans.len() as f64).ceil() as usize).clamp(1, spans.len()) - 1;
            let (found, truth) = (histogram.get().quantile(share).unwrap(), spans[at] as f64 / 1e6);
            prop_assert!(found >= truth / 1.27 && found <= truth * 1.27, "{found} for {truth}");
            prop_assert_eq!(histogram.get().count(), spans.len() as u64);
            let sum: u64 = spans.iter().sum();
            prop_assert!((histogram.get().seconds() - sum as f64 / 1e6).abs() < 1e-6 * sum as f64);
            // What Prometheus is shown is what a count of all gives.
            for (limit, n) in histogram.get().cumulated() {
                prop_assert_eq!(n, spans.iter().filter(|us| **us as f64 / 1e6 <= limit).count() as u64);
            }
        }
    }
}
