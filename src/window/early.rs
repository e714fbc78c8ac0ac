//! What the provisional rows of a window part wait for, and what they said: when there is something to say next, of
//! which groups, and what is to be retracted then.
//!
//! Invariants:
//! 1. A slice is in `fresh` from its first contribution on time until the end of the slice has passed; a late
//!    contribution is in `late` from the time it was taken in until the end of the slice that was open then.
//! 2. What was said of a window and group is kept as bytes until the window's first statement.
//!
//! Cost: at the end of a slice only those groups are computed that have changed since the last one.

use super::WindowSpec;
use crate::aggregate::GroupTable;
use crate::result::{Op, RowBatch, RowHead, RowRef};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Bytes that one kept row takes beside its key and values.
const OVERHEAD: usize = 2 * size_of::<usize>() + size_of::<Said>() + 8;

/// A provisional row as it was said.
pub(super) struct Said {
    early: u32,
    approximate: u64,
    values: Box<[u8]>,
}

impl Said {
    /// The provisional statement `early` with the values of a row.
    pub(super) fn new(early: u32, row: &RowRef<'_>) -> Self {
        Self { early, approximate: row.head.approximate, values: row.values.into() }
    }

    /// Which statement of its window and group it was, from 1.
    pub(super) fn early(&self) -> u32 {
        self.early
    }

    /// True where the row says the same.
    pub(super) fn says(&self, row: &RowRef<'_>) -> bool {
        *self.values == *row.values && self.approximate == row.head.approximate
    }

    /// Appends the retraction; time, window and part are those of `head`.
    pub(super) fn retract(&self, head: RowHead, key: &[u8], out: &mut RowBatch) {
        let head = RowHead {
            revision: 0,
            early: self.early,
            approximate: self.approximate,
            key_len: key.len() as u32,
            values_len: self.values.len() as u32,
            op: Op::Retract,
            ..head
        };
        out.push(RowRef { head: &head, key, values: &self.values });
    }

    fn bytes(&self, key: &[u8]) -> usize {
        key.len() + self.values.len() + OVERHEAD
    }
}

/// What was said of the groups of one window.
pub(super) type OfWindow = HashMap<Box<[u8]>, Said>;

/// What has changed since the last provisional rows.
#[derive(Default)]
pub(super) struct Waiting {
    fresh: BTreeSet<i64>,
    late: Vec<(i64, GroupTable)>,
    /// When the first of `late` was taken in.
    since: i64,
}

/// The provisional rows that stand.
#[derive(Default)]
pub(super) struct Told {
    said: BTreeMap<i64, OfWindow>,
    bytes: usize,
}

impl Waiting {
    /// Bytes held.
    pub(super) fn bytes(&self) -> usize {
        self.late.iter().map(|(_, table)| table.bytes()).sum()
    }

    /// Something came on time for `slice`.
    pub(super) fn on_time(&mut self, slice: i64) {
        self.fresh.insert(slice);
    }

    /// Something that came late for `slice` counts from `time` on.
    pub(super) fn late(&mut self, slice: i64, table: GroupTable, time: i64) {
        if self.late.is_empty() {
            self.since = time;
        }
        self.late.push((slice, table));
    }

    /// The next time at which something may have changed in a window that goes on.
    pub(super) fn next_time(&self, spec: &WindowSpec) -> Option<i64> {
        let goes_on = |time: &i64| spec.provisional_ends(*time).next().is_some();
        let fresh = self.fresh.iter().map(|slice| spec.first_time(*slice)).find(goes_on);
        let late = self.time_of_late(spec).filter(|time| self.late.iter().any(|(s, _)| spec.last_end(*s) > *time));
        [fresh, late].into_iter().flatten().min()
    }

    /// The first end of a slice at which the late contributions count; `None` where all their windows are over.
    fn time_of_late(&self, spec: &WindowSpec) -> Option<i64> {
        if self.late.is_empty() {
            return None;
        }
        // The slice that ends then, or the one that is open.
        spec.slice_of(self.since - 1)
            .filter(|s| s.end == self.since)
            .or_else(|| spec.slice_of(self.since))
            .map(|s| s.end)
    }

    /// What has changed in `start..end` since the last time.
    pub(super) fn changes<'a>(
        &'a self,
        slices: &'a BTreeMap<i64, GroupTable>,
        start: i64,
        end: i64,
    ) -> Vec<&'a GroupTable> {
        let fresh = self.fresh.range(start..end).filter_map(|slice| slices.get(slice));
        let late = self.late.iter().filter(|(slice, _)| (start..end).contains(slice)).map(|(_, table)| table);
        fresh.chain(late).collect()
    }

    /// Forgets the changes that count by `time`: they were said, or their windows are over.
    pub(super) fn passed(&mut self, time: i64, spec: &WindowSpec) {
        while self.fresh.first().is_some_and(|slice| spec.first_time(*slice) <= time) {
            self.fresh.pop_first();
        }
        if self.time_of_late(spec).is_none_or(|counts| counts <= time) {
            self.late.clear();
        }
    }
}

impl Told {
    /// Bytes held.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// What was said last of a window and group.
    pub(super) fn said(&self, end: i64, key: &[u8]) -> Option<&Said> {
        self.said.get(&end)?.get(key)
    }

    /// Remembers what is said, and gives what was before.
    pub(super) fn say(&mut self, end: i64, key: &[u8], said: Said) -> Option<Said> {
        self.bytes += said.bytes(key);
        let old = self.said.entry(end).or_default().insert(key.into(), said);
        self.bytes -= old.as_ref().map_or(0, |old| old.bytes(key));
        old
    }

    /// Takes back what was said of those groups of a window that are gone, in the order of their keys.
    pub(super) fn forget(&mut self, end: i64, gone: impl Fn(&[u8]) -> bool) -> Vec<(Box<[u8]>, Said)> {
        let Some(said) = self.said.get_mut(&end) else { return Vec::new() };
        let mut taken: Vec<_> = said.extract_if(|key, _| gone(key)).collect();
        self.bytes -= taken.iter().map(|(key, said)| said.bytes(key)).sum::<usize>();
        taken.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        taken
    }

    /// All that was said of a window, which is over.
    pub(super) fn take(&mut self, end: i64) -> Option<OfWindow> {
        let said = self.said.remove(&end)?;
        self.bytes -= said.iter().map(|(key, said)| said.bytes(key)).sum::<usize>();
        Some(said)
    }
}
