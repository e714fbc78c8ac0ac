//! Events, each the newest version of its key's row, turned into rows that hold for a time, and into what a version changes
//! about them.
//!
//! A version holds from its event time on until that of the next one of its key (of the same time the last by partition and
//! place counts), and with a span (`keep`) no longer than that. Versions come in the order of [`super::Ordered`]. One that
//! comes late takes its place between those that are there: the row before it is taken back and said again with another
//! end.
//!
//! Invariant: what was said and not taken back is, of each key, the versions that have come, with their times.
//!
//! Memory: as of a [`Lookup`] with the horizon: a version that ended so far behind the frontier is forgotten, as what ends
//! then is no part of any row that can still change.

use super::lookup::Lookup;
use super::ordered::KeyHash;
use crate::event::Origin;

/// The versions that something can still change.
#[derive(Debug)]
pub struct Versions {
    rows: Lookup,
    keep: Option<i64>,
}

/// What is said of a row: its cells, from when on it holds and until when (`None`: there is no end yet), and whether that is
/// so now (or is taken back).
pub type Said<'a> = (&'a [u8], i64, Option<i64>, bool);

impl Versions {
    /// No versions; spans in microseconds.
    pub fn new(horizon: i64, keep: Option<i64>) -> Self {
        Self { rows: Lookup::new(horizon, keep), keep }
    }

    /// Takes a version and says what that changes.
    pub fn put(&mut self, key: KeyHash, place: Origin, cells: &[u8], say: &mut dyn FnMut(Said<'_>)) {
        let (before, after) = self.rows.around(key, place);
        let end = |from: i64, next: Option<i64>| {
            let over = self.keep.map(|keep| from.saturating_add(keep));
            next.into_iter().chain(over).min()
        };
        let mut put = |cells: &[u8], from: i64, until: Option<i64>, is: bool| {
            if until.is_none_or(|until| from < until) {
                say((cells, from, until, is));
            }
        };
        if let Some((before, cells)) = before {
            let (old, new) = (end(before.time, after), end(before.time, Some(place.time)));
            if old != new {
                put(cells, before.time, old, false);
                put(cells, before.time, new, true);
            }
        }
        put(cells, place.time, end(place.time, after), true);
        self.rows.put(key, place, cells);
    }

    /// Forgets what is no part of anything that can still change.
    pub fn advance(&mut self, frontier: Option<i64>) {
        self.rows.advance(frontier);
    }

    /// How many versions are kept.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// True where none is.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Memory of what is kept.
    pub fn bytes(&self) -> usize {
        self.rows.bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    /// Cells, from, until.
    type Row = (u64, i64, Option<i64>);

    fn said(rows: &mut BTreeMap<Row, i64>, (cells, from, until, is): Said<'_>) {
        let number = u64::from_le_bytes(cells.try_into().unwrap());
        *rows.entry((number, from, until)).or_default() += if is { 1 } else { -1 };
        rows.retain(|_, count| *count != 0);
    }

    #[test]
    fn a_late_version_when_it_comes_then_ends_the_one_before_it() {
        let mut versions = Versions::new(100, None);
        let mut rows = BTreeMap::new();
        for (time, number) in [(10, 1u64), (30, 2), (20, 3), (30, 4)] {
            let place = Origin { time, partition: 0, position: number };
            versions.put((1, 1), place, &number.to_le_bytes(), &mut |one| said(&mut rows, one));
        }
        let expected = [((1, 10, Some(20)), 1), ((3, 20, Some(30)), 1), ((4, 30, None), 1)];
        assert_eq!(rows, expected.into());
    }

    proptest! {
        #[test]
        fn what_stands_when_versions_come_in_any_order_is_each_until_the_next(
            events in proptest::collection::vec((0u64..3, 0i64..40), 1..60),
            keep in proptest::option::of(1i64..20),
        ) {
            let mut versions = Versions::new(1_000, keep);
            let mut rows: BTreeMap<u64, BTreeMap<Row, i64>> = BTreeMap::new();
            let mut all: BTreeMap<u64, BTreeMap<(i64, u64), u64>> = BTreeMap::new();
            for (i, (key, time)) in events.into_iter().enumerate() {
                let number = i as u64;
                let place = Origin { time, partition: 0, position: number };
                let of = rows.entry(key).or_default();
                versions.put((key, 0), place, &number.to_le_bytes(), &mut |one| said(of, one));
                all.entry(key).or_default().insert((time, number), number);
            }
            for (key, list) in all {
                let mut expected: BTreeMap<Row, i64> = BTreeMap::new();
                for ((time, at), number) in &list {
                    let next = list.range((*time, at + 1)..).next().map(|((next, _), _)| *next);
                    let until = [next, keep.map(|keep| time + keep)].into_iter().flatten().min();
                    if until != Some(*time) {
                        expected.insert((*number, *time, until), 1);
                    }
                }
                prop_assert_eq!(&rows[&key], &expected);
            }
        }
    }
}
