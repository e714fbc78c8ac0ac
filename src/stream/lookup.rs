//! Rows of a table, as they come, and events, turned into what each event finds: the newest row of its key that is not
//! later than it.
//!
//! Rows and events come in the order of [`super::Ordered`], where of the same time rows are before events. Rules, for a
//! horizon H and, where rows are there for a while only, that span (`keep`):
//! 1. An event with time t and tick k is looked up as of s, the later of t and k - H: what is later than H behind its tick
//!    is too late for all that reads it.
//! 2. It finds the row of its key that came before it, is newest by (time, partition, place) of those with a time of at
//!    most s, and, with `keep`, has a time above s - `keep`.
//! 3. A late row is found by what comes behind it. It changes nothing that was found before.
//!
//! So when the frontier is f, what comes is looked up as of f - H or later: a row that another one of its key with a time of
//! at most f - H is newer than, or that is over by then, is forgotten.
//!
//! Cost: a search in a tree for each row and event, and some 120 bytes and its cells for each row that is kept.

use super::ordered::KeyHash;
use crate::event::Origin;
use std::collections::BTreeMap;

/// The rows of a table that something may still find.
#[derive(Debug)]
pub struct Lookup {
    horizon: i64,
    keep: Option<i64>,
    rows: BTreeMap<(KeyHash, Origin), Box<[u8]>>,
    /// Rows that nothing finds as of the end of a stretch of event time or later. A row may be there twice.
    leaving: BTreeMap<i64, Vec<(KeyHash, Origin)>>,
    stretch: i64,
    cells: usize,
}

/// Memory of one row, without its cells.
const BYTES: usize = 120;
/// The shortest stretch, microseconds.
const STRETCH: i64 = 1_000_000;

impl Lookup {
    /// No rows; spans in microseconds.
    pub fn new(horizon: i64, keep: Option<i64>) -> Self {
        let stretch = (horizon / 16).max(STRETCH);
        Self { horizon, keep, rows: BTreeMap::new(), leaving: BTreeMap::new(), stretch, cells: 0 }
    }

    /// Takes a row.
    pub fn put(&mut self, key: KeyHash, place: Origin, cells: &[u8]) {
        let row = (key, place);
        let before = self.rows.range((key, FIRST)..row).next_back().map(|(row, _)| *row);
        let after = self.rows.range(row..=(key, LAST)).next().map(|(row, _)| row.1.time);
        if let Some(before) = before {
            self.leaves(before, place.time);
        }
        let over = self.keep.map(|keep| place.time.saturating_add(keep));
        if let Some(until) = after.into_iter().chain(over).min() {
            self.leaves(row, until);
        }
        self.cells += cells.len();
        if let Some(old) = self.rows.insert(row, cells.into()) {
            self.cells -= old.len();
        }
    }

    /// The row before a place and its cells, and the time of the first at or behind it.
    pub(super) fn around(&self, key: KeyHash, place: Origin) -> (Option<(Origin, &[u8])>, Option<i64>) {
        let row = (key, place);
        let before = self.rows.range((key, FIRST)..row).next_back();
        let after = self.rows.range(row..=(key, LAST)).next();
        (before.map(|((_, place), cells)| (*place, &cells[..])), after.map(|((_, place), _)| place.time))
    }

    /// Nothing finds a row as of `time` or later.
    fn leaves(&mut self, row: (KeyHash, Origin), time: i64) {
        self.leaving.entry(time.div_euclid(self.stretch)).or_default().push(row);
    }

    /// The cells of the row that an event finds. `tick`: [`i64::MIN`] where there is none yet.
    pub fn find(&self, key: KeyHash, time: i64, tick: i64) -> Option<&[u8]> {
        let seen = time.max(tick.saturating_sub(self.horizon));
        let newest = self.rows.range((key, FIRST)..=(key, Origin { time: seen, ..LAST })).next_back();
        let there = |place: &Origin| self.keep.is_none_or(|keep| place.time > seen.saturating_sub(keep));
        newest.filter(|((_, place), _)| there(place)).map(|(_, cells)| &cells[..])
    }

    /// Forgets what no event with a tick of at least `frontier` (`None`: none will come) finds.
    pub fn advance(&mut self, frontier: Option<i64>) {
        let Some(frontier) = frontier else {
            self.rows.clear();
            self.leaving.clear();
            self.cells = 0;
            return;
        };
        let seen = frontier.saturating_sub(self.horizon);
        let over = |stretch: i64| (stretch + 1).saturating_mul(self.stretch) <= seen;
        while let Some(entry) = self.leaving.first_entry().filter(|entry| over(*entry.key())) {
            for row in entry.remove() {
                self.cells -= self.rows.remove(&row).map_or(0, |cells| cells.len());
            }
        }
    }

    /// How many rows are kept.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// True where none is.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Memory of what is kept.
    pub fn bytes(&self) -> usize {
        self.cells + self.rows.len() * BYTES
    }
}

const FIRST: Origin = Origin { time: i64::MIN, partition: 0, position: 0 };
const LAST: Origin = Origin { time: i64::MAX, partition: u32::MAX, position: u64::MAX };

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const S: i64 = 1_000_000;

    fn place(time: i64, position: u64) -> Origin {
        Origin { time, partition: 0, position }
    }

    #[test]
    fn the_newest_row_that_is_not_later_is_found() {
        let mut lookup = Lookup::new(10, None);
        let found = |lookup: &Lookup, time, tick| lookup.find((1, 1), time, tick).map(|cells| cells[0]);
        assert_eq!(found(&lookup, 5, i64::MIN), None);
        lookup.put((1, 1), place(5, 0), b"a");
        lookup.put((1, 2), place(6, 0), b"x");
        lookup.put((1, 1), place(8, 1), b"b");
        lookup.put((1, 1), place(8, 0), b"c");
        assert_eq!(
            [4, 5, 7, 8, 9].map(|t| found(&lookup, t, i64::MIN)),
            [None, Some(b'a'), Some(b'a'), Some(b'b'), Some(b'b')]
        );
        // As of 10 behind its tick, where it is later than that.
        assert_eq!(found(&lookup, 4, 18), Some(b'b'));
    }

    #[test]
    fn a_row_is_over_in_time_and_forgotten() {
        let mut lookup = Lookup::new(0, Some(10 * S));
        lookup.put((1, 1), place(S, 0), b"a");
        assert!(lookup.find((1, 1), 11 * S - 1, i64::MIN).is_some() && lookup.find((1, 1), 11 * S, i64::MIN).is_none());
        lookup.advance(Some(11 * S));
        assert_eq!(lookup.len(), 1);
        lookup.advance(Some(12 * S));
        assert_eq!((lookup.len(), lookup.bytes(), lookup.leaving.len()), (0, 0, 0));
    }

    #[test]
    fn of_each_key_the_newest_row_stays_and_what_late_events_ask_for() {
        let mut lookup = Lookup::new(16 * S, None);
        (0..1_000).for_each(|i| lookup.put((i % 2, 0), place(i as i64 * S, 0), b"row"));
        lookup.advance(Some(1_000 * S));
        assert!((16..=20).contains(&lookup.len()), "{}", lookup.len());
        lookup.advance(Some(10_000 * S));
        assert_eq!(lookup.len(), 2);
    }

    proptest! {
        #[test]
        fn forgetting_changes_no_answer(
            events in proptest::collection::vec((any::<bool>(), 0u64..2, 0i64..60, 0i64..80), 1..80),
            horizon in 0i64..40,
            keep in proptest::option::of(1i64..30),
        ) {
            let mut events: Vec<_> = events.into_iter().map(|(row, key, time, tick)| (row, key, time * S, tick * S)).collect();
            let (horizon, keep) = (horizon * S, keep.map(|keep| keep * S));
            let moment = |(row, _, time, tick): &(bool, u64, i64, i64)| (*time.max(tick), *time, !row);
            events.sort_by_key(moment);
            let mut forgetful = Lookup::new(horizon, keep);
            let mut naive: Vec<(u64, Origin)> = Vec::new();
            for (i, event) in events.iter().enumerate() {
                let (row, key, time, tick) = *event;
                forgetful.advance(events[i..].iter().map(|e| e.3).min());
                if row {
                    forgetful.put((key, 0), place(time, i as u64), &(i as u64).to_le_bytes());
                    naive.push((key, place(time, i as u64)));
                    continue;
                }
                let seen = time.max(tick - horizon);
                let newest = naive.iter().filter(|(k, at)| *k == key && at.time <= seen).map(|(_, at)| *at).max();
                let expected = newest.filter(|at| keep.is_none_or(|keep| at.time > seen - keep));
                let found = forgetful.find((key, 0), time, tick).map(|cells| u64::from_le_bytes(cells.try_into().unwrap()));
                prop_assert_eq!(found, expected.map(|at| at.position));
            }
        }
    }
}
