//! Groups of a window beyond a cap, turned into one more: the overflow group.
//!
//! Of the groups of a window those are kept that have the least hashes of their canonical keys, as many as the cap says;
//! ties go by the bytes of the keys. The events of all others are those of one group, whose key is [`key::OVERFLOW`].
//!
//! Invariants:
//! 1. A group that is among the k least of a whole is among the k least of each part of it. So every table, whether of a
//!    slice or of a run of slices, of a reader or of the owner, may fold what is beyond its own k least whenever it
//!    likes: no event of a group that is kept is lost, and when and where others were folded shows in no answer.
//! 2. More events can make a kept group fall out; none that is out comes back.
//!
//! Cost: a table is folded when it has twice as many groups as are kept, which costs its groups one merge each; a
//! reader then folds rows of greater hashes than those kept without looking for their groups. A correction looks at the
//! keys of all groups that the window's tables have.

use super::directory::Directory;
use crate::aggregate::GroupTable;
use crate::event::{RowKeys, key};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A group of a table.
type Part<'a> = (&'a GroupTable, u32);
/// The hash and the key of a group: what decides.
type Name<'a> = (u64, &'a [u8]);

/// How many groups are kept; at least 1.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cap(usize);

/// True for a group that is not kept. `last`: the greatest that is, where not all are.
fn is_beyond(name: Name<'_>, last: Option<Name<'_>>) -> bool {
    name.1 == key::OVERFLOW || last.is_some_and(|last| name > last)
}

impl Cap {
    /// A cap of so many groups.
    pub(super) fn new(most: usize) -> Self {
        Self(most.max(1))
    }

    /// Folds all groups of a table that are beyond the cap. Gives the greatest hash of those that are left where there
    /// was something to fold.
    pub(super) fn fold(self, table: &mut GroupTable) -> Option<u64> {
        if table.len() <= self.0 {
            return None;
        }
        let hash = key::hash(key::OVERFLOW);
        let overflow = table.find(hash, key::OVERFLOW);
        if table.len() - usize::from(overflow.is_some()) <= self.0 {
            return None;
        }
        let name = |group: u32| (table.hash(group), table.key(group));
        let mut names: Vec<Name<'_>> = (0..table.len() as u32).filter(|g| Some(*g) != overflow).map(name).collect();
        let last = *names.select_nth_unstable(self.0 - 1).1;
        let mut folded = GroupTable::new(Arc::clone(table.layout()));
        folded.merge_as(table, |group| match name(group) {
            name if is_beyond(name, Some(last)) => (hash, key::OVERFLOW),
            name => name,
        });
        let limit = last.0;
        *table = folded;
        Some(limit)
    }

    /// [`Cap::fold`] where the table has grown far beyond the cap.
    pub(super) fn fold_large(self, table: &mut GroupTable) -> Option<u64> {
        if table.len() > self.0.saturating_mul(2) { self.fold(table) } else { None }
    }

    /// The greatest of those groups of a directory that are kept, of all that `among` lets pass; none where all are.
    fn last<'a>(
        self,
        directory: &Directory,
        tables: &[&'a GroupTable],
        among: impl Fn(usize) -> bool,
    ) -> Option<Name<'a>> {
        let names = (0..directory.len()).filter(|i| among(*i)).map(|i| directory.name(i, tables));
        let mut names: Vec<Name<'_>> = names.filter(|(_, name)| *name != key::OVERFLOW).collect();
        (names.len() > self.0).then(|| *names.select_nth_unstable(self.0 - 1).1)
    }

    /// Gives the groups of a filled directory, each with its parts: those that are kept, and then the overflow group.
    pub(super) fn groups<'a>(
        self,
        directory: &Directory,
        tables: &[&'a GroupTable],
        say: &mut impl FnMut(&[u8], &[Part<'a>]),
    ) {
        let last = self.last(directory, tables, |_| true);
        let (mut parts, mut rest) = (Vec::new(), Vec::new());
        for i in 0..directory.len() {
            directory.parts(i, tables, &mut parts);
            let name = directory.name(i, tables);
            if is_beyond(name, last) {
                rest.extend_from_slice(&parts);
            } else {
                say(name.1, &parts);
            }
        }
        if !rest.is_empty() {
            say(key::OVERFLOW, &rest);
        }
    }

    /// True where tables together may have more groups than are kept.
    pub(super) fn is_near(self, tables: &[&GroupTable], more: &[&GroupTable]) -> bool {
        tables.iter().chain(more).map(|t| t.len()).sum::<usize>() > self.0
    }

    /// Gives the groups of a window that `late` contributions change, each with its parts before and after: none before
    /// where it is new, none after where it is no longer kept.
    pub(super) fn changes<'a>(
        self,
        directory: &mut Directory,
        before: &[&'a GroupTable],
        late: &[&'a GroupTable],
        say: &mut impl FnMut(&[u8], &[Part<'a>], &[Part<'a>]),
    ) {
        let tables: Vec<&GroupTable> = before.iter().chain(late).copied().collect();
        directory.fill(&tables, &|_, _| true);
        let old_parts = |i: usize| directory.parts_below(i, before.len());
        let was = self.last(directory, &tables, |i| old_parts(i) > 0);
        let is = self.last(directory, &tables, |_| true);
        let (mut parts, mut rest, mut old_rest, mut rest_changes) = (Vec::new(), Vec::new(), Vec::new(), false);
        for i in 0..directory.len() {
            directory.parts(i, &tables, &mut parts);
            let (name, old) = (directory.name(i, &tables), &parts[..old_parts(i)]);
            let changes = old.len() < parts.len();
            if !is_beyond(name, is) {
                if changes {
                    say(name.1, old, &parts);
                }
                continue;
            }
            rest.extend_from_slice(&parts);
            if is_beyond(name, was) {
                old_rest.extend_from_slice(old);
                rest_changes |= changes;
            } else {
                rest_changes = true;
                if !old.is_empty() {
                    say(name.1, old, &[]);
                }
            }
        }
        if rest_changes {
            say(key::OVERFLOW, &old_rest, &rest);
        }
    }
}

/// The cap of a part where it is read.
#[derive(Debug)]
pub(super) struct AtReader {
    cap: Cap,
    /// The worker that owns all groups.
    pub(super) owner: u32,
    /// Of tables that were folded, by slice and tick of late events: the greatest hash that is kept.
    limits: BTreeMap<(i64, Option<i64>), u64>,
}

impl AtReader {
    /// `owner`: the worker of all groups.
    pub(super) fn new(cap: Cap, owner: u32) -> Self {
        Self { cap, owner, limits: BTreeMap::new() }
    }

    /// [`GroupTable::groups_of`] for the table of a slice, with what is known to be beyond the cap folded.
    pub(super) fn groups_of(
        &self,
        slice: (i64, Option<i64>),
        table: &mut GroupTable,
        keys: &RowKeys,
        picks: &[u32],
        out: &mut Vec<u32>,
    ) {
        let Some(limit) = self.limits.get(&slice) else {
            return table.groups_of(keys, picks, out);
        };
        let overflow = table.group(key::hash(key::OVERFLOW), key::OVERFLOW);
        out.reserve(picks.len());
        for pick in picks {
            let hash = keys.hash(*pick);
            out.push(if hash > *limit { overflow } else { table.group(hash, keys.key(*pick)) });
        }
    }

    /// Folds the table of a slice where it has become large.
    pub(super) fn fold_large(&mut self, slice: (i64, Option<i64>), table: &mut GroupTable) {
        if let Some(limit) = self.cap.fold_large(table) {
            self.limits.insert(slice, limit);
        }
    }

    /// Folds the table of a slice, which is on its way.
    pub(super) fn finish(&mut self, slice: (i64, Option<i64>), table: &mut GroupTable) {
        self.limits.remove(&slice);
        self.cap.fold(table);
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Mode, PreAggregate, SegmentKind, Tallies, WindowSpec};
    use super::*;
    use crate::aggregate::{Call, Finisher, Function, Layout, Tally};
    use crate::event::{Cell, EventBatch};

    fn layout() -> Arc<Layout> {
        Layout::new(&[Call { function: Function::CountRows, input: None, filter: None }])
    }

    fn number(n: i64) -> Vec<u8> {
        let mut bytes = Vec::new();
        key::encode(Cell::int(n), &[], &mut bytes);
        bytes
    }

    /// A table with an event of each of these groups.
    fn table(names: &[Name<'_>]) -> GroupTable {
        let mut table = GroupTable::new(layout());
        for (hash, key) in names {
            let group = table.group(*hash, key);
            table.add(&[group], &[0], &[], &[], &mut Tally::new(&layout()));
        }
        table
    }

    /// The groups and how many events they have, by hash and key.
    fn counts(table: &GroupTable) -> Vec<(u64, Vec<u8>, u64)> {
        let (mut finisher, mut cells) = (Finisher::new(layout()), Vec::new());
        let of = |group: u32| {
            cells.clear();
            finisher.finish(&[(table, group)], &mut cells, &mut Vec::new());
            (table.hash(group), table.key(group).to_vec(), cells[0].bits())
        };
        let mut list: Vec<_> = (0..table.len() as u32).map(of).collect();
        list.sort();
        list
    }

    fn rest() -> (u64, Vec<u8>) {
        (key::hash(key::OVERFLOW), key::OVERFLOW.to_vec())
    }

    #[test]
    fn the_least_hashes_are_kept_and_ties_go_by_the_keys() {
        let names: &[Name<'_>] = &[(7, b"c"), (9, b"x"), (7, b"a"), (3, b"z"), (7, b"b"), (7, b"c")];
        for (most, kept) in [(1, 1), (2, 2), (3, 3), (4, 4), (5, 5), (6, 5)] {
            let mut folded = table(names);
            let limit = Cap::new(most).fold(&mut folded);
            let all: [(u64, &[u8], u64); 5] = [(3, b"z", 1), (7, b"a", 1), (7, b"b", 1), (7, b"c", 2), (9, b"x", 1)];
            let mut expected: Vec<_> = all[..kept].iter().map(|(h, k, n)| (*h, k.to_vec(), *n)).collect();
            assert_eq!(limit, (kept < 5).then(|| all[kept - 1].0), "{most}");
            if kept < 5 {
                expected.push((rest().0, rest().1, all[kept..].iter().map(|(.., n)| n).sum()));
            }
            expected.sort();
            assert_eq!(counts(&folded), expected, "{most}");
            assert_eq!(Cap::new(most).fold(&mut folded), None, "there is nothing left to fold");
        }
    }

    #[test]
    fn when_and_where_groups_are_folded_changes_nothing() {
        let keys: Vec<Vec<u8>> = (0..60).map(number).collect();
        let names: Vec<Name<'_>> = keys.iter().map(|k| (key::hash(k), &k[..])).collect();
        let mut whole = table(&names);
        Cap::new(5).fold(&mut whole);
        for parts in [1, 2, 7, 30] {
            let mut other = GroupTable::new(layout());
            for names in names.chunks(parts) {
                let mut part = table(names);
                Cap::new(5).fold(&mut part);
                other.merge(&part);
                Cap::new(5).fold_large(&mut other);
                assert!(other.len() <= 11);
            }
            Cap::new(5).fold(&mut other);
            assert_eq!(counts(&other), counts(&whole), "parts of {parts}");
        }
    }

    /// Tumbling windows of 10 by column 0, at one of two readers; the groups are owned by worker 1.
    fn reader(most: usize) -> (PreAggregate, Tallies) {
        let spec = WindowSpec::sliding(10, 10, 100, 1);
        let pre = PreAggregate::new(spec, layout(), vec![0], Mode::Auto, 2).capped(Some(most), 3);
        (pre, Tallies::new(&layout()))
    }

    fn block(time: i64, keys: impl Iterator<Item = i64>) -> EventBatch {
        let mut batch = EventBatch::new(1);
        for key in keys {
            batch.time.push(time);
            batch.clock.push(time);
            batch.columns[0].push(Cell::int(key));
        }
        (batch.min_time, batch.max_time) = (time, time);
        batch
    }

    /// What is sent to worker 1, merged; how many messages and bytes.
    fn sent(pre: &mut PreAggregate, tick: Option<i64>) -> (GroupTable, usize, usize) {
        let (mut table, mut messages, mut size) = (GroupTable::new(layout()), 0, 0);
        pre.flush(tick, &mut |segment| {
            let SegmentKind::Groups(bytes) = segment.kind else { panic!("rows are aggregated") };
            assert_eq!(segment.target, 1);
            table.merge_encoded(&bytes).unwrap();
            (messages, size) = (messages + 1, size + bytes.len());
        });
        (table, messages, size)
    }

    fn add(pre: &mut PreAggregate, batch: &EventBatch, rows: &[u32], tallies: &mut Tallies) {
        let mut keys = RowKeys::default();
        pre.find_keys(batch, rows, &mut keys);
        pre.add(batch, rows, &keys, i64::MIN, 0, tallies);
    }

    #[test]
    fn a_flood_of_a_million_keys_leaves_a_reader_with_as_many_groups_as_are_kept() {
        let (mut pre, mut tallies) = reader(100);
        let rows: Vec<u32> = (0..10_000).collect();
        for i in 0..100i64 {
            add(&mut pre, &block(5, (0..10_000).map(|k| i * 10_000 + k)), &rows, &mut tallies);
            assert!(i == 0 || pre.open_groups() <= 201, "{}", pre.open_groups());
        }
        let (table, messages, size) = sent(&mut pre, Some(10));
        assert_eq!((messages, table.len()), (1, 101));
        assert!(size < 8_000, "{size} bytes");
        let keys: Vec<Vec<u8>> = (0..1_000_000).map(number).collect();
        let mut names: Vec<Name<'_>> = keys.iter().map(|k| (key::hash(k), &k[..])).collect();
        names.sort_unstable();
        let mut expected: Vec<_> = names[..100].iter().map(|(hash, key)| (*hash, key.to_vec(), 1)).collect();
        expected.push((rest().0, rest().1, 999_900));
        expected.sort();
        assert_eq!(counts(&table), expected);
    }

    #[test]
    fn a_group_that_is_kept_gets_its_events_after_a_fold_too() {
        let (mut pre, mut tallies) = reader(10);
        let rows: Vec<u32> = (0..1_000).collect();
        for _ in 0..3 {
            add(&mut pre, &block(5, 0..1_000), &rows, &mut tallies);
        }
        let (table, ..) = sent(&mut pre, None);
        let mut events: Vec<u64> = counts(&table).iter().map(|(.., n)| *n).collect();
        events.sort_unstable();
        assert_eq!(events, [&[3; 10][..], &[2_970]].concat());
    }

    #[test]
    fn a_key_that_comes_often_is_one_group_of_a_slice_and_reader() {
        let (mut pre, mut tallies) = reader(1_000);
        let rows: Vec<u32> = (0..1_000).collect();
        for i in 0..50 {
            add(&mut pre, &block(i / 10 * 10, (0..1_000).map(|k| k % 2)), &rows, &mut tallies);
        }
        let (table, messages, _) = sent(&mut pre, None);
        assert_eq!((table.len(), messages), (2, 5), "five slices of two groups");
    }

    #[test]
    fn late_events_are_folded_by_slice_and_tick() {
        let (mut pre, mut tallies) = reader(3);
        let rows: Vec<u32> = (0..1_000).collect();
        let late = |tick: i64, keys: std::ops::Range<i64>| {
            let mut batch = block(5, keys);
            batch.clock.fill(tick);
            batch
        };
        for tick in [20, 30] {
            add(&mut pre, &late(tick, 0..1_000), &rows, &mut tallies);
            add(&mut pre, &late(tick, 500..1_500), &rows, &mut tallies);
        }
        assert_eq!(tallies.late, 4_000);
        let (table, messages, _) = sent(&mut pre, Some(31));
        assert_eq!((table.len(), messages), (4, 2));
        let events: u64 = counts(&table).iter().map(|(.., n)| n).sum();
        assert_eq!(events, 4_000);
    }
}
