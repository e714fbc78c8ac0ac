//! Rows of complete times, turned into the rows that hold now and a numbered list of the latest changes.
//!
//! In: the updates of all parts, in their final order. Out: rows of a part by window and group, and changes behind a number.
//!
//! Invariants:
//! 1. A row is here that was asserted and not taken back, unless it is older than the history or there are too many: then the
//!    oldest windows have left first. Rows over all of time, such as lists of recommendations, hold however old they are.
//!    Behind the newest row that has left, nothing is missing.
//! 2. Changes have numbers one apart, from 1. Whoever asks behind a number that has left is told how many are missing.
//! 3. Memory is bounded by [`Bounds`], whatever comes.
//!
//! Cost: two allocations a row; a search in a tree.

use crate::event::key;
use crate::result::{Op, RowBatch, RowHead, RowRef, RowSchema};
use std::cmp::Ordering;
use std::collections::{BTreeSet, VecDeque};
use std::ops::Bound;
use std::sync::{Arc, OnceLock};

/// How much is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Event time that a window's end may be behind the newest statement of its part, microseconds. Rows over all of time are not
    /// bounded by it.
    pub history: i64,
    /// Rows of a part.
    pub rows: usize,
    /// Bytes of the rows of a part.
    pub bytes: usize,
    /// Changes of all parts.
    pub changes: usize,
    /// Bytes of the changes of all parts.
    pub change_bytes: usize,
}

/// A row by itself.
#[derive(Debug)]
pub struct Row {
    head: RowHead,
    bytes: Box<[u8]>,
}

impl Row {
    /// A copy of a row.
    pub(super) fn new(row: RowRef<'_>) -> Self {
        let bytes = [row.key, row.values].concat().into_boxed_slice();
        Self { head: RowHead { start: 0, ..*row.head }, bytes }
    }

    /// The row as others read it.
    pub fn get(&self) -> RowRef<'_> {
        let (key, values) = self.bytes.split_at(self.head.key_len as usize);
        RowRef { head: &self.head, key, values }
    }

    /// Bytes that it takes.
    pub(super) fn weight(&self) -> usize {
        // The tree's share, the counts of the Arc, and what the allocator adds.
        size_of::<Self>() + self.bytes.len() + 64
    }
}

/// A row in its place among those of its part.
#[derive(Debug, Clone)]
struct Entry {
    row: Arc<Row>,
    /// Rows are told apart by their values too.
    by_values: bool,
}

/// Where a row stands: window, group and, where rows are told apart by them, values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spot {
    /// The end of the window.
    pub end: i64,
    /// Its start.
    pub start: i64,
    /// The group.
    pub key: Vec<u8>,
    /// The values; empty where they do not count.
    pub values: Vec<u8>,
}

impl Entry {
    fn probe(spot: &Spot, by_values: bool) -> Self {
        let head = RowHead {
            key_len: spot.key.len() as u32,
            values_len: spot.values.len() as u32,
            ..RowHead::new(0, 0, (spot.start, spot.end))
        };
        let row = Row::new(RowRef { head: &head, key: &spot.key, values: &spot.values });
        Self { row: Arc::new(row), by_values }
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> Ordering {
        let (a, b) = (self.row.get(), other.row.get());
        (a.head.window_end, a.head.window_start)
            .cmp(&(b.head.window_end, b.head.window_start))
            .then_with(|| key::compare(a.key, b.key))
            // Keys that compare equal may differ in form; of one group they do not.
            .then_with(|| if self.by_values { a.values.cmp(b.values) } else { Ordering::Equal })
    }
}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Entry {}

/// A change: a row that holds from now on, or no longer.
#[derive(Debug)]
pub struct Change {
    /// Its number.
    pub number: u64,
    /// The row; its head says whether it is asserted or taken back.
    pub row: Arc<Row>,
    /// The row as text; made once, by who first needs it.
    pub text: OnceLock<String>,
}

/// What came behind a number.
#[derive(Debug, Default)]
pub struct Changes {
    /// Changes that are no longer here.
    pub missed: u64,
    /// Changes, in order.
    pub list: Vec<Arc<Change>>,
}

#[derive(Debug)]
struct Part {
    rows: BTreeSet<Entry>,
    by_values: bool,
    /// Its rows hold for ever: the history does not end them.
    forever: bool,
    bytes: usize,
    newest: i64,
    dropped: u64,
    /// The newest row that has left, or had no room: above it nothing is missing.
    floor: Option<Entry>,
}

/// Which rows are looked at, and in which order.
#[derive(Debug, Clone, Default)]
pub struct Scan {
    /// The newest windows first.
    pub newest_first: bool,
    /// The row behind which to begin, in the order of the scan.
    pub behind: Option<Spot>,
    /// Only windows that end behind this.
    pub ends_behind: Option<i64>,
    /// Rows to give, at most.
    pub limit: usize,
    /// Rows to look at, at most: nobody holds the store for longer.
    pub look: usize,
    /// Only rows above those that have left, so that the others can be had from where all of them are.
    pub whole: bool,
}

/// What a scan gave.
#[derive(Debug, Default)]
pub struct Page {
    /// The rows.
    pub rows: Vec<Arc<Row>>,
    /// Where it stopped because it had looked at enough, and not at all; go on behind it.
    pub stopped: Option<Spot>,
    /// Of a `whole` scan: it has come to rows that have left. Those up to this one are to be had elsewhere, next.
    pub elsewhere: Option<Spot>,
}

/// What is known of the rows of a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    /// Rows that are here.
    pub rows: usize,
    /// Rows that have left as too old or too many.
    pub dropped: u64,
    /// The end of the oldest window that is here.
    pub oldest: Option<i64>,
}

/// The rows and changes of a run.
#[derive(Debug)]
pub struct Store {
    parts: Vec<Part>,
    log: VecDeque<Arc<Change>>,
    log_bytes: usize,
    /// The number of the latest change.
    latest: u64,
    bounds: Bounds,
}

impl Store {
    /// An empty store for the parts of a plan.
    pub fn new(schemas: &[RowSchema], bounds: Bounds) -> Self {
        let part = |schema: &RowSchema| Part {
            rows: BTreeSet::new(),
            by_values: schema.by_values(),
            forever: schema.keep >= RowSchema::FOREVER,
            bytes: 0,
            newest: i64::MIN,
            dropped: 0,
            floor: None,
        };
        let parts = schemas.iter().map(part).collect();
        Self { parts, log: VecDeque::new(), log_bytes: 0, latest: 0, bounds }
    }

    /// Takes the updates of complete times, in their final order.
    pub fn take(&mut self, batch: &RowBatch) {
        for row in batch.iter() {
            let Some(part) = self.parts.get_mut(row.head.part as usize) else { continue };
            let entry = Entry { row: Arc::new(Row::new(row)), by_values: part.by_values };
            let weight = entry.row.weight();
            self.latest += 1;
            self.log_bytes += weight;
            let change = Change { number: self.latest, row: Arc::clone(&entry.row), text: OnceLock::new() };
            self.log.push_back(Arc::new(change));
            part.newest = part.newest.max(row.head.time);
            let old = match row.head.op {
                Op::Assert => {
                    part.bytes += weight;
                    part.rows.replace(entry)
                }
                Op::Retract => part.rows.take(&entry),
            };
            part.bytes -= old.map_or(0, |old| old.row.weight());
        }
        let bounds = self.bounds;
        for part in &mut self.parts {
            let least = if part.forever { i64::MIN } else { part.newest.saturating_sub(bounds.history) };
            while let Some(first) = part.rows.first()
                && (first.row.head.window_end < least || part.rows.len() > bounds.rows || part.bytes > bounds.bytes)
            {
                part.bytes -= first.row.weight();
                part.dropped += 1;
                let left = part.rows.pop_first();
                part.floor = left.max(part.floor.take());
            }
        }
        while self.log.len() > bounds.changes || self.log_bytes > bounds.change_bytes {
            let Some(first) = self.log.pop_front() else { break };
            self.log_bytes -= first.row.weight();
        }
    }

    /// Takes a row that an earlier run has stated; the newest ones first. False: there is no room for it, nor for older ones.
    /// `newest`: the newest statement of its part.
    pub(super) fn restore(&mut self, row: Arc<Row>, newest: i64) -> bool {
        let (bounds, head) = (self.bounds, row.head);
        let Some(part) = self.parts.get_mut(head.part as usize) else { return false };
        let (weight, entry) = (row.weight(), Entry { row, by_values: part.by_values });
        let old = !part.forever && head.window_end < newest.saturating_sub(bounds.history);
        if old || part.rows.len() >= bounds.rows || part.bytes + weight > bounds.bytes {
            part.floor = part.floor.take().max(Some(entry));
            return false;
        }
        part.bytes += weight;
        part.rows.insert(entry);
        true
    }

    /// The number of the latest change; 0 before the first.
    pub fn latest(&self) -> u64 {
        self.latest
    }

    /// Rows of a part, in the order that `scan` asks for, for which `wanted` holds.
    pub fn rows(&self, part: u32, scan: &Scan, wanted: impl Fn(RowRef<'_>) -> bool) -> Page {
        let mut page = Page::default();
        let Some(part) = self.parts.get(part as usize) else { return page };
        let probe = |spot: &Spot| Entry::probe(spot, part.by_values);
        // Behind every window that ends there.
        let lower = |end: i64| probe(&Spot { end, start: i64::MAX, key: Vec::new(), values: Vec::new() });
        let (lower, behind) = (scan.ends_behind.map(lower), scan.behind.as_ref().map(probe));
        let (mut low, high) = if scan.newest_first { (lower, behind) } else { (lower.max(behind), None) };
        if let Some(floor) =
            part.floor.as_ref().filter(|floor| scan.whole && low.as_ref().is_none_or(|low| low < floor))
        {
            page.elsewhere = Some(self.spot(&floor.row));
            if !scan.newest_first {
                // What is elsewhere comes first.
                return page;
            }
            low = Some(floor.clone());
        }
        if let (Some(low), Some(high)) = (&low, &high)
            && low >= high
        {
            return page;
        }
        let excluded = |edge: Option<Entry>| edge.map_or(Bound::Unbounded, Bound::Excluded);
        let (low, high) = (excluded(low), excluded(high));
        let mut range = part.rows.range((low, high));
        let mut looked = 0;
        while page.rows.len() < scan.limit {
            let Some(entry) = (if scan.newest_first { range.next_back() } else { range.next() }) else { return page };
            if wanted(entry.row.get()) {
                page.rows.push(Arc::clone(&entry.row));
            }
            looked += 1;
            if looked >= scan.look {
                page.stopped = Some(self.spot(&entry.row));
                return page;
            }
        }
        page
    }

    /// Where a row stands.
    pub fn spot(&self, row: &Row) -> Spot {
        let by_values = self.parts.get(row.head.part as usize).is_some_and(|part| part.by_values);
        let (head, row) = (&row.head, row.get());
        let values = if by_values { row.values.to_vec() } else { Vec::new() };
        Spot { end: head.window_end, start: head.window_start, key: row.key.to_vec(), values }
    }

    /// Changes behind number `after`, at most `limit`.
    pub fn changes(&self, after: u64, limit: usize) -> Changes {
        let after = after.min(self.latest);
        let first = self.latest - self.log.len() as u64;
        let missed = first.saturating_sub(after);
        let skip = (after.max(first) - first) as usize;
        Changes { missed, list: self.log.iter().skip(skip).take(limit).cloned().collect() }
    }

    /// What is known of the rows of a part.
    pub fn held(&self, part: u32) -> Option<Held> {
        let part = self.parts.get(part as usize)?;
        let oldest = part.rows.first().map(|first| first.row.head.window_end);
        Some(Held { rows: part.rows.len(), dropped: part.dropped, oldest })
    }

    /// Rows kept, bytes kept, rows dropped; of all parts.
    pub fn totals(&self) -> (usize, usize, u64) {
        let rows = self.parts.iter().map(|p| p.rows.len()).sum();
        let bytes = self.parts.iter().map(|p| p.bytes).sum::<usize>() + self.log_bytes;
        (rows, bytes, self.parts.iter().map(|p| p.dropped).sum())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Cell, Value};
    use crate::result::RowKind;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    const WIDE: Bounds = Bounds { history: i64::MAX, rows: 1000, bytes: 1 << 20, changes: 1000, change_bytes: 1 << 20 };

    const ALL: Scan = Scan { newest_first: false, behind: None, ends_behind: None, limit: 99, look: 99, whole: false };

    fn schema(kind: RowKind) -> RowSchema {
        RowSchema {
            name: "w".into(),
            dimensions: vec!["page".into()],
            values: vec!["n".into()],
            capped: false,
            early: false,
            kind,
            keep: 0,
        }
    }

    fn add(batch: &mut RowBatch, op: Op, part: u32, end: i64, group: i64, n: i64) {
        let (mut k, mut v) = (Vec::new(), Vec::new());
        key::encode(Cell::int(group), &[], &mut k);
        key::encode_value(Cell::int(n), &[], &mut v);
        let (key_len, values_len) = (k.len() as u32, v.len() as u32);
        let head = RowHead { key_len, values_len, op, ..RowHead::new(part, end, (end - 10, end)) };
        batch.push(RowRef { head: &head, key: &k, values: &v });
    }

    fn plain(rows: &[Arc<Row>]) -> Vec<(i64, i64, i64)> {
        let int = |v: Option<Value<'_>>| match v {
            Some(Value::Int(n)) => n,
            other => panic!("{other:?}"),
        };
        let one = |r: &Arc<Row>| {
            let row = r.get();
            (row.head.window_end, int(row.dimensions().next()), int(row.values().next()))
        };
        rows.iter().map(one).collect()
    }

    #[test]
    fn a_correction_takes_the_place_of_what_it_corrects() {
        let mut store = Store::new(&[schema(RowKind::Window)], WIDE);
        let mut batch = RowBatch::default();
        add(&mut batch, Op::Assert, 0, 10, 1, 5);
        add(&mut batch, Op::Assert, 0, 10, 2, 7);
        add(&mut batch, Op::Retract, 0, 10, 1, 5);
        add(&mut batch, Op::Assert, 0, 10, 1, 6);
        add(&mut batch, Op::Retract, 0, 10, 2, 7);
        store.take(&batch);
        assert_eq!(plain(&store.rows(0, &ALL, |_| true).rows), [(10, 1, 6)]);
        let changes = store.changes(0, 9);
        assert_eq!((changes.missed, changes.list.len(), store.latest()), (0, 5, 5));
        assert_eq!(store.changes(3, 1).list[0].number, 4);
        assert_eq!(store.changes(99, 9).list.len(), 0);
    }

    #[test]
    fn rows_over_all_of_time_hold_however_old_they_are() {
        let bounds = Bounds { history: 100, rows: 2, ..WIDE };
        let mut store = Store::new(&[RowSchema { keep: RowSchema::FOREVER, ..schema(RowKind::Window) }], bounds);
        for (end, group) in [(10, 1), (9000, 2), (9001, 3)] {
            let mut batch = RowBatch::default();
            add(&mut batch, Op::Assert, 0, end, group, 0);
            store.take(&batch);
        }
        assert_eq!(plain(&store.rows(0, &ALL, |_| true).rows), [(9000, 2, 0), (9001, 3, 0)]);
        store.bounds.rows = 3;
        let mut batch = RowBatch::default();
        add(&mut batch, Op::Assert, 0, 99_999, 4, 0);
        store.take(&batch);
        assert_eq!(store.held(0).unwrap().oldest, Some(9000));
    }

    #[test]
    fn matches_of_one_window_and_key_are_told_apart_by_their_values() {
        let mut store = Store::new(&[schema(RowKind::Match)], WIDE);
        let mut batch = RowBatch::default();
        for n in [3, 1, 2] {
            add(&mut batch, Op::Assert, 0, 10, 1, n);
        }
        add(&mut batch, Op::Retract, 0, 10, 1, 2);
        store.take(&batch);
        assert_eq!(plain(&store.rows(0, &ALL, |_| true).rows), [(10, 1, 1), (10, 1, 3)]);
    }

    #[test]
    fn what_is_too_old_or_too_much_leaves_and_who_missed_changes_is_told() {
        let bounds = Bounds { history: 100, rows: 3, bytes: 1 << 20, changes: 4, change_bytes: 1 << 20 };
        let mut store = Store::new(&[schema(RowKind::Window)], bounds);
        for end in [10, 20, 30, 40, 50, 140] {
            let mut batch = RowBatch::default();
            add(&mut batch, Op::Assert, 0, end, 1, end);
            store.take(&batch);
        }
        let held = store.held(0).unwrap();
        assert_eq!((held.rows, held.dropped, held.oldest), (3, 3, Some(40)));
        let changes = store.changes(1, 99);
        assert_eq!((changes.missed, changes.list.len(), changes.list[0].number), (1, 4, 3));
        assert_eq!(store.changes(2, 99).missed, 0);
    }

    proptest! {
        #[test]
        fn rows_are_those_of_a_plain_map_and_pages_put_together_are_all(
            updates in proptest::collection::vec((any::<bool>(), 0..4i64, 0..5i64, 0..9i64), 0..80),
            most in 1..20usize, page in 1..5usize, look in 1..5usize,
            newest_first in any::<bool>(), ends_behind in proptest::option::of(-1..4i64),
        ) {
            let bounds = Bounds { rows: most, ..WIDE };
            let mut store = Store::new(&[schema(RowKind::Window)], bounds);
            let mut map: BTreeMap<(i64, i64), i64> = BTreeMap::new();
            for (assert, end, group, n) in updates {
                let mut batch = RowBatch::default();
                add(&mut batch, if assert { Op::Assert } else { Op::Retract }, 0, end, group, n);
                store.take(&batch);
                if assert { map.insert((end, group), n); } else { map.remove(&(end, group)); }
                if map.len() > most { map.pop_first(); }
            }
            let mut expected: Vec<_> = map.into_iter().map(|((end, group), n)| (end, group, n)).collect();
            if newest_first { expected.reverse(); }
            let (mut all, mut behind) = (Vec::new(), None);
            expected.retain(|(end, ..)| ends_behind.is_none_or(|least| *end > least));
            loop {
                let scan = Scan { newest_first, behind, ends_behind, limit: page, look, whole: false };
                let found = store.rows(0, &scan, |_| true);
                all.extend(plain(&found.rows));
                behind = found.stopped.or_else(|| found.rows.last().map(|last| store.spot(last)));
                if found.rows.is_empty() { break; }
            }
            prop_assert_eq!(all, expected);
            let bytes: usize = store.parts[0].rows.iter().map(|e| e.row.weight()).sum();
            prop_assert_eq!(store.parts[0].bytes, bytes);
        }
    }
}
