//! Events in the order of [`super::Ordered`], turned into those that are no duplicates.
//!
//! Rules, for a span W and a horizon H:
//! 1. An event is a duplicate, and dropped, where one of the same key was kept whose event time is less than W away.
//! 2. An event without a key is kept.
//! 3. An event whose time is H or more behind its tick is too late for every window that reads the stream: it passes,
//!    to be counted there, and makes no other a duplicate.
//!
//! So what was kept at time k concerns only events with a time below k + W, and with a tick below k + W + H: it is
//! forgotten when the frontier has passed that, and no answer depends on when exactly.
//!
//! Cost: a search in a tree for each event; some 60 bytes for each event that was kept within W + H.

use super::ordered::KeyHash;
use std::collections::{BTreeMap, BTreeSet};

/// What was kept of late, by key and event time.
#[derive(Debug)]
pub struct Dedup {
    within: i64,
    horizon: i64,
    kept: BTreeSet<(KeyHash, i64)>,
    /// The same by stretches of event time, to be forgotten together.
    leaving: BTreeMap<i64, Vec<(KeyHash, i64)>>,
    stretch: i64,
}

/// Memory of one event that was kept: twice 24 bytes, and what the tree needs.
const BYTES: usize = 60;

impl Dedup {
    /// `within` and `horizon` in microseconds.
    pub fn new(within: i64, horizon: i64) -> Self {
        let stretch = (within.saturating_add(horizon) / 16).max(1);
        Self { within, horizon, kept: BTreeSet::new(), leaving: BTreeMap::new(), stretch }
    }

    /// True where the event is kept. `tick`: [`i64::MIN`] where there is none yet.
    pub fn keeps(&mut self, key: Option<KeyHash>, time: i64, tick: i64) -> bool {
        let Some(key) = key else { return true };
        if tick > i64::MIN && time <= tick.saturating_sub(self.horizon) {
            return true;
        }
        let near = time.saturating_sub(self.within - 1)..=time.saturating_add(self.within - 1);
        if self.kept.range((key, *near.start())..=(key, *near.end())).next().is_some() {
            return false;
        }
        self.kept.insert((key, time));
        self.leaving.entry(time.div_euclid(self.stretch)).or_default().push((key, time));
        true
    }

    /// Forgets what concerns no event with a tick of at least `frontier` (`None`: all).
    pub fn advance(&mut self, frontier: Option<i64>) {
        let concerns = |stretch: i64| {
            let last = (stretch + 1).saturating_mul(self.stretch);
            frontier.is_some_and(|f| last.saturating_add(self.within).saturating_add(self.horizon) > f)
        };
        while let Some(entry) = self.leaving.first_entry().filter(|entry| !concerns(*entry.key())) {
            for kept in entry.remove() {
                self.kept.remove(&kept);
            }
        }
    }

    /// How many events are remembered.
    pub fn len(&self) -> usize {
        self.kept.len()
    }

    /// True where nothing is remembered.
    pub fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// Memory of what is remembered.
    pub fn bytes(&self) -> usize {
        self.kept.len() * BYTES
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const A: Option<KeyHash> = Some((1, 2));
    const B: Option<KeyHash> = Some((1, 3));

    #[test]
    fn duplicates_are_those_near_one_that_was_kept() {
        let mut dedup = Dedup::new(10, 100);
        let kept = |dedup: &mut Dedup, key, time| dedup.keeps(key, time, i64::MIN);
        assert!(kept(&mut dedup, A, 0));
        assert!(!kept(&mut dedup, A, 0) && !kept(&mut dedup, A, 9));
        assert!(kept(&mut dedup, B, 9), "another key");
        assert!(kept(&mut dedup, A, 10), "9 was dropped, and 0 is far enough");
        assert!(!kept(&mut dedup, A, -9) && kept(&mut dedup, A, -10), "a late one looks both ways");
        assert!(kept(&mut dedup, None, 0) && kept(&mut dedup, None, 0), "without a key there are no duplicates");
    }

    #[test]
    fn what_is_too_late_for_everything_passes_and_leaves_no_trace() {
        let mut dedup = Dedup::new(10, 100);
        assert!(dedup.keeps(A, 50, 150) && dedup.keeps(A, 50, 150));
        assert_eq!(dedup.len(), 0);
        assert!(dedup.keeps(A, 51, 150) && !dedup.keeps(A, 51, 150));
    }

    #[test]
    fn what_was_kept_is_forgotten_in_time() {
        let mut dedup = Dedup::new(10, 100);
        (0..1_000).for_each(|time| assert!(dedup.keeps(Some((time as u64, 0)), time, i64::MIN)));
        dedup.advance(Some(1_000));
        // Nothing that is needed, and at most a stretch (6) more.
        assert!((110..=117).contains(&dedup.len()), "{}", dedup.len());
        assert!(dedup.bytes() > 0);
        dedup.advance(None);
        assert!(dedup.is_empty());
    }

    proptest! {
        #[test]
        fn forgetting_changes_no_answer(
            events in proptest::collection::vec((0u64..3, 0i64..60, 0i64..80), 1..80),
            within in 1i64..20,
            horizon in 0i64..40,
        ) {
            let mut events = events;
            let moment = |(_, time, tick): &(u64, i64, i64)| (*time.max(tick), *time);
            events.sort_by_key(moment);
            let mut forgetful = Dedup::new(within, horizon);
            let mut naive: Vec<(u64, i64)> = Vec::new();
            for event in &events {
                let (key, time, tick) = *event;
                // All that is to come has a moment of at least this one's, and so may have a tick as low as the least.
                let least = events.iter().filter(|e| moment(e) >= moment(event)).map(|e| e.2).min();
                forgetful.advance(least);
                let late = time <= tick - horizon;
                let near = naive.iter().any(|(k, t)| *k == key && (t - time).abs() < within);
                prop_assert_eq!(forgetful.keeps(Some((key, 0)), time, tick), late || !near);
                if !late && !near {
                    naive.push((key, time));
                }
            }
        }
    }
}
