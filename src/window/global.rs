//! The one window over all of time of a part on the worker that owns its groups: partial states in, rows that are kept up
//! to date out.
//!
//! In: contributions `(slice, tick)`; a slice is as long as the period. Out: at the end of each slice the rows of the groups
//! that have changed.
//!
//! Rules, for period P; x is an event's time, t its tick:
//! 1. A statement at e, a multiple of P, holds all events with x < e and t < e. So a late event is in the statement that
//!    its tick comes before, and none is too late.
//! 2. At e the row of each group with new events is retracted as it was stated, and asserted with the next revision and
//!    e as the window's end. Where all values are the same nothing is said. A group that had no row gets revision 0.
//! 3. At the end of the input what waits is stated at the end of its slice.
//! 4. State never leaves: one aggregate a group, the end and revision of its row, and the slices that wait. The row to
//!    retract is computed.
//! 5. With a cap the groups of the least hashes have rows, and all others one; a group that falls out is retracted, and
//!    never comes back.
//!
//! Cost: each partial state is merged once; a statement visits the groups that have changed. Aggregates that keep lists
//! (percentiles and distinct counts of few values) are put in order over all groups at each statement.

use super::WindowSpec;
use super::answer::Answers;
use super::cap::Cap;
use super::directory::Directory;
use super::slices::{BATCH_BYTES, Stated, push_row};
use crate::aggregate::{GroupTable, Layout};
use crate::event::key;
use crate::result::{Op, RowBatch, RowHead};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// Where the window begins in its rows.
const START: i64 = 0;

/// The row of a group as it stands.
#[derive(Debug, Clone, Copy)]
struct Stands {
    /// When it was stated.
    end: i64,
    revision: u32,
}

/// The state of one global window on one worker.
pub struct Global {
    spec: WindowSpec,
    part: u32,
    layout: Arc<Layout>,
    answers: Answers,
    /// What was stated.
    all: GroupTable,
    /// For each group of `all` its row.
    stands: Vec<Stands>,
    /// What waits, by the slice at whose end it counts.
    waiting: BTreeMap<i64, GroupTable>,
    cap: Option<Cap>,
    directory: Directory,
    spare: Vec<GroupTable>,
    out: RowBatch,
    stated: Stated,
}

impl Global {
    /// An empty state. `part`: the index of the rows' schema.
    pub fn new(spec: WindowSpec, part: u32, layout: Arc<Layout>, answers: Answers) -> Self {
        Self {
            spec,
            part,
            all: GroupTable::new(Arc::clone(&layout)),
            layout,
            answers,
            stands: Vec::new(),
            waiting: BTreeMap::new(),
            cap: None,
            directory: Directory::default(),
            spare: Vec::new(),
            out: RowBatch::default(),
            stated: Stated::default(),
        }
    }

    /// The same where at most so many groups are kept; all others are one.
    pub fn capped(self, most: usize) -> Self {
        Self { cap: Some(Cap::new(most)), ..self }
    }

    /// The slice at whose end a contribution counts: its own, or that of its tick.
    fn counts_in(&self, slice: i64, late: Option<i64>) -> i64 {
        late.and_then(|tick| self.spec.slice_of(tick)).map_or(slice, |s| s.start)
    }

    /// The table that takes a contribution: events of `slice`, on time, or late with the tick given.
    pub fn table(&mut self, slice: i64, late: Option<i64>) -> &mut GroupTable {
        let slice = self.counts_in(slice, late);
        let (layout, spare) = (&self.layout, &mut self.spare);
        let make = || spare.pop().unwrap_or_else(|| GroupTable::new(Arc::clone(layout)));
        let table = self.waiting.entry(slice).or_insert_with(make);
        // What came last is folded here, before more comes.
        self.cap.map(|cap| cap.fold_large(table));
        table
    }

    /// Takes a whole table as a contribution.
    pub fn adopt(&mut self, slice: i64, late: Option<i64>, table: GroupTable) {
        use std::collections::btree_map::Entry;
        match self.waiting.entry(self.counts_in(slice, late)) {
            Entry::Vacant(entry) => drop(entry.insert(table)),
            Entry::Occupied(mut entry) => {
                let mine = entry.get_mut();
                mine.merge(&table);
                self.cap.map(|cap| cap.fold_large(mine));
                self.recycle(table);
            }
        }
    }

    fn recycle(&mut self, mut table: GroupTable) {
        if self.spare.len() < 4 {
            table.clear();
            self.spare.push(table);
        }
    }

    /// The next time at which there is something to say.
    pub fn next_time(&self) -> Option<i64> {
        self.waiting.keys().next().map(|slice| self.spec.first_end(*slice))
    }

    /// States all that the frontier allows: contributions with a tick below `frontier` are complete (`None`: all are).
    /// Rows go to `emit` with their statement time, times ascending.
    pub fn advance(&mut self, frontier: Option<i64>, emit: &mut dyn FnMut(i64, &mut RowBatch)) {
        while let Some(time) = self.next_time().filter(|t| frontier.is_none_or(|f| *t <= f)) {
            let Some((_, mut changes)) = self.waiting.pop_first() else { return };
            changes.seal();
            self.state(time, &changes, emit);
            self.recycle(changes);
        }
    }

    fn state(&mut self, time: i64, changes: &GroupTable, emit: &mut dyn FnMut(i64, &mut RowBatch)) {
        if let Some(cap) = self.cap {
            return self.state_capped(cap, time, changes, emit);
        }
        let known = self.stands.len();
        for group in 0..changes.len() as u32 {
            let (hash, key) = (changes.hash(group), changes.key(group));
            let mut head = RowHead::new(self.part, time, (START, time));
            let Some(mine) = self.all.find(hash, key) else {
                push_row(&mut self.out, head, key, &mut self.answers, &[(changes, group)]);
                // New groups are added in this order below.
                self.stands.push(Stands { end: time, revision: 0 });
                self.stated.rows += 1;
                continue;
            };
            let before = (self.out.heads.len(), self.out.bytes.len());
            let stands = &mut self.stands[mine as usize];
            let old = RowHead { window_end: stands.end, revision: stands.revision, op: Op::Retract, ..head };
            push_row(&mut self.out, old, key, &mut self.answers, &[(&self.all, mine)]);
            head.revision = stands.revision + 1;
            push_row(&mut self.out, head, key, &mut self.answers, &[(&self.all, mine), (changes, group)]);
            let (a, b) = (self.out.row(before.0), self.out.row(before.0 + 1));
            if a.values == b.values && a.head.approximate == b.head.approximate {
                self.out.heads.truncate(before.0);
                self.out.bytes.truncate(before.1);
                continue;
            }
            *stands = Stands { end: time, revision: head.revision };
            self.stated.corrections += 1;
            if self.out.bytes.len() > BATCH_BYTES {
                emit(time, &mut self.out);
                self.out.clear();
            }
        }
        self.all.merge(changes);
        self.all.seal();
        debug_assert_eq!(self.all.len(), self.stands.len(), "{known} groups were known");
        if !self.out.heads.is_empty() {
            emit(time, &mut self.out);
            self.out.clear();
        }
    }

    /// [`Global::state`] where groups may fall out.
    fn state_capped(&mut self, cap: Cap, time: i64, changes: &GroupTable, emit: &mut dyn FnMut(i64, &mut RowBatch)) {
        let names = (0..self.all.len() as u32).map(|group| Box::from(self.all.key(group)));
        let mut stands: HashMap<Box<[u8]>, Stands> = names.zip(self.stands.iter().copied()).collect();
        let overflowed = stands.contains_key(key::OVERFLOW);
        cap.changes(&mut self.directory, &[&self.all], &[changes], &mut |key, old, new| {
            let head = RowHead::new(self.part, time, (START, time));
            let before = (self.out.heads.len(), self.out.bytes.len());
            let stood = stands.get(key).copied().filter(|_| !old.is_empty());
            if let Some(stood) = stood {
                let head = RowHead { window_end: stood.end, revision: stood.revision, op: Op::Retract, ..head };
                push_row(&mut self.out, head, key, &mut self.answers, old);
            }
            if new.is_empty() {
                stands.remove(key);
            } else {
                let revision = stood.map_or(0, |stood| stood.revision + 1);
                push_row(&mut self.out, RowHead { revision, ..head }, key, &mut self.answers, new);
                if stood.is_some() {
                    let (a, b) = (self.out.row(before.0), self.out.row(before.0 + 1));
                    if a.values == b.values && a.head.approximate == b.head.approximate {
                        self.out.heads.truncate(before.0);
                        self.out.bytes.truncate(before.1);
                        return;
                    }
                    self.stated.corrections += 1;
                } else {
                    self.stated.rows += 1;
                }
                stands.insert(key.into(), Stands { end: time, revision });
            }
            if self.out.bytes.len() > BATCH_BYTES {
                emit(time, &mut self.out);
                self.out.clear();
            }
        });
        self.stated.overflowed += u64::from(!overflowed && stands.contains_key(key::OVERFLOW));
        self.all.merge(changes);
        cap.fold(&mut self.all);
        self.all.seal();
        // The groups of the table are those that have a row now.
        let fallback = Stands { end: time, revision: 0 };
        let of = |group: u32| stands.get(self.all.key(group)).copied().unwrap_or(fallback);
        self.stands = (0..self.all.len() as u32).map(of).collect();
        if !self.out.heads.is_empty() {
            emit(time, &mut self.out);
            self.out.clear();
        }
    }

    /// An empty table that was used before, where there is one.
    pub fn spare(&mut self) -> Option<GroupTable> {
        self.spare.pop()
    }

    /// Bytes held, groups and slices, for the metrics.
    pub fn size(&self) -> (usize, usize, usize) {
        let waiting = self.waiting.values().map(GroupTable::bytes).sum::<usize>();
        let stands = self.stands.capacity() * size_of::<Stands>();
        (self.all.bytes() + waiting + stands, self.all.len(), self.waiting.len())
    }

    /// What was stated so far.
    pub fn stated(&self) -> Stated {
        self.stated
    }
}

#[cfg(test)]
mod tests {
    use super::super::answer::Answer;
    use super::*;
    use crate::aggregate::{Call, Function, Tally};
    use crate::event::{Cell, Value};

    /// Stated every 10, tick 1; count and maximum of column 0 by one text key.
    fn global() -> Global {
        let call = |function, input| Call { function, input, filter: None };
        let layout = Layout::new(&[call(Function::CountRows, None), call(Function::Max, Some(0))]);
        let answers = Answers::new(Arc::clone(&layout), vec![Answer::Call(1)]);
        Global::new(WindowSpec::global(10, 1), 3, layout, answers)
    }

    fn add(global: &mut Global, slice: i64, late: Option<i64>, name: &str, value: i64) {
        let mut bytes = Vec::new();
        key::encode(Cell::str(0, name.len() as u32), name.as_bytes(), &mut bytes);
        let table = global.table(slice, late);
        let mut tally = Tally::new(table.layout());
        let group = table.group(key::hash(&bytes), &bytes);
        table.add(&[group], &[0], &[vec![Cell::int(value)]], &[], &mut tally);
    }

    /// Rows as `time op end key max revision`, in the order of the engine.
    fn advance(global: &mut Global, frontier: Option<i64>) -> Vec<String> {
        let mut all = RowBatch::default();
        global.advance(frontier, &mut |time, rows| {
            assert!(rows.iter().all(|r| (r.head.time, r.head.part, r.head.window_start) == (time, 3, 0)));
            rows.iter().for_each(|row| all.push(row));
        });
        let mut rows: Vec<_> = all.iter().collect();
        rows.sort_by(|a, b| a.order(b));
        let say = |row: &crate::result::RowRef<'_>| {
            let (Some(Value::Str(name)), Some(Value::Int(most))) = (row.dimensions().next(), row.values().next())
            else {
                panic!("{row:?}")
            };
            let (h, name) = (row.head, String::from_utf8_lossy(name));
            format!("{} {}{} {name} {most} r{}", h.time, h.op.sign(), h.window_end, h.revision)
        };
        rows.iter().map(say).collect()
    }

    #[test]
    fn groups_that_have_changed_are_stated_in_place_of_what_stood() {
        let mut g = global();
        add(&mut g, 0, None, "a", 5);
        add(&mut g, 0, None, "b", 7);
        assert_eq!(advance(&mut g, Some(9)), [""; 0]);
        assert_eq!(advance(&mut g, Some(10)), ["10 +10 a 5 r0", "10 +10 b 7 r0"]);
        // The maximum of a is the same. That of b is not, and the row to retract is that of 10.
        add(&mut g, 10, None, "a", 4);
        add(&mut g, 30, None, "b", 9);
        add(&mut g, 30, None, "c", 1);
        assert_eq!(g.next_time(), Some(20));
        assert_eq!(advance(&mut g, Some(35)), [""; 0]);
        assert_eq!(advance(&mut g, None), ["40 -10 b 7 r0", "40 +40 b 9 r1", "40 +40 c 1 r0"]);
        assert_eq!(g.stated(), Stated { rows: 3, corrections: 1, ..Stated::default() });
        assert_eq!((g.size().1, g.size().2), (3, 0));
    }

    #[test]
    fn a_late_contribution_counts_in_the_next_statement_after_its_tick_however_late_it_is() {
        let mut g = global();
        add(&mut g, -500, Some(19), "a", 5);
        add(&mut g, 0, Some(20), "a", 6);
        assert_eq!(g.next_time(), Some(20));
        assert_eq!(advance(&mut g, Some(20)), ["20 +20 a 5 r0"]);
        assert_eq!(advance(&mut g, Some(30)), ["30 -20 a 5 r0", "30 +30 a 6 r1"]);
    }
}
