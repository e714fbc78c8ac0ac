//! The slices of one window part on the worker that owns their groups: partial states in, rows and corrections out.
//!
//! In: contributions `(slice, tick)`, on time (`tick` is `None`) or late. Out: rows at statement times.
//!
//! Invariants:
//! 1. All windows that end at or before `done` have been stated; a later change of them is a correction.
//! 2. A late contribution waits in `late` until the frontier has passed its tick, so that a statement at `e` holds
//!    exactly the events with a tick below `e`, whatever arrived early.
//! 3. What is stated is computed from the slices, so the row to retract is too: nothing stated is stored, but the
//!    revisions of windows that were corrected.
//!
//! Cost: a window of few slices visits each (slice, group) once; one of many visits runs of them that were merged once
//! ([`Merged`]).

use super::WindowSpec;
use super::answer::Answers;
use super::cap::Cap;
use super::directory::Directory;
use super::early::{Said, Told, Waiting};
use super::merged::{Merged, Piece};
use crate::aggregate::{GroupTable, Layout};
use crate::event::key;
use crate::result::{Op, RowBatch, RowHead};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::Arc;

/// Rows are handed on when their bytes pass this.
pub(super) const BATCH_BYTES: usize = 128 * 1024;

/// What [`Slices`] did so far, for the metrics.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Stated {
    /// Rows asserted for the first time, those of groups that came late among them.
    pub rows: u64,
    /// Corrections: a retraction with its assertion.
    pub corrections: u64,
    /// Windows with a row of the overflow group.
    pub overflowed: u64,
    /// Provisional rows asserted.
    pub early: u64,
}

/// The state of one window part on one worker.
pub struct Slices {
    spec: WindowSpec,
    part: u32,
    layout: Arc<Layout>,
    answers: Answers,
    cap: Option<Cap>,
    slices: BTreeMap<i64, GroupTable>,
    /// Where windows have many slices: runs of them.
    merged: Option<Merged>,
    pieces: Vec<Piece>,
    /// Where the part has provisional rows by event time: what they wait for.
    waiting: Option<Waiting>,
    /// The provisional rows that stand.
    told: Told,
    late: BTreeMap<i64, BTreeMap<i64, GroupTable>>,
    revisions: BTreeMap<i64, HashMap<Box<[u8]>, u32>>,
    done: i64,
    spare: Vec<GroupTable>,
    directory: Directory,
    out: RowBatch,
    stated: Stated,
}

impl Slices {
    /// An empty state. `part`: the index of the rows' schema.
    pub fn new(spec: WindowSpec, part: u32, layout: Arc<Layout>, answers: Answers) -> Self {
        Self {
            merged: Merged::new(&spec, &layout),
            pieces: Vec::new(),
            waiting: spec.early.map(|_| Waiting::default()),
            told: Told::default(),
            spec,
            part,
            layout,
            answers,
            cap: None,
            slices: BTreeMap::new(),
            late: BTreeMap::new(),
            revisions: BTreeMap::new(),
            done: i64::MIN,
            spare: Vec::new(),
            directory: Directory::default(),
            out: RowBatch::default(),
            stated: Stated::default(),
        }
    }

    /// The same where of a window's groups at most so many are kept; all others are one.
    pub fn capped(mut self, most: usize) -> Self {
        self.cap = Some(Cap::new(most));
        if let Some(merged) = &mut self.merged {
            merged.cap = self.cap;
        }
        self
    }

    /// The table that takes a contribution: events of `slice`, on time, or late with the tick given.
    pub fn table(&mut self, slice: i64, late: Option<i64>) -> &mut GroupTable {
        if late.is_none()
            && let Some(waiting) = &mut self.waiting
        {
            waiting.on_time(slice);
        }
        let (layout, spare) = (&self.layout, &mut self.spare);
        let make = || spare.pop().unwrap_or_else(|| GroupTable::new(Arc::clone(layout)));
        let table = match late {
            None => self.slices.entry(slice).or_insert_with(make),
            Some(tick) => self.late.entry(tick).or_default().entry(slice).or_insert_with(make),
        };
        // What came last is folded here, before more comes.
        self.cap.map(|cap| cap.fold_large(table));
        table
    }

    /// Takes a whole table as a contribution. Gives a spare one back where there is one.
    pub fn adopt(&mut self, slice: i64, late: Option<i64>, table: GroupTable) -> Option<GroupTable> {
        if late.is_none()
            && let Some(waiting) = &mut self.waiting
        {
            waiting.on_time(slice);
        }
        self.take(slice, late, table)
    }

    fn take(&mut self, slice: i64, late: Option<i64>, table: GroupTable) -> Option<GroupTable> {
        let map = match late {
            None => &mut self.slices,
            Some(tick) => self.late.entry(tick).or_default(),
        };
        match map.entry(slice) {
            std::collections::btree_map::Entry::Vacant(entry) => {
                entry.insert(table);
                self.spare.pop()
            }
            std::collections::btree_map::Entry::Occupied(mut entry) => {
                entry.get_mut().merge(&table);
                self.cap.map(|cap| cap.fold_large(entry.get_mut()));
                let mut table = table;
                table.clear();
                Some(table)
            }
        }
    }

    /// The next time at which there is something to say: the end of a window, the time of a correction or of a
    /// provisional row.
    pub fn next_time(&self) -> Option<i64> {
        let late = self.late.keys().next().map(|tick| tick + self.spec.tick);
        [self.next_end(), late, self.next_provisional()].into_iter().flatten().min()
    }

    fn next_provisional(&self) -> Option<i64> {
        self.waiting.as_ref()?.next_time(&self.spec)
    }

    /// The end of the first window that is not stated and has a slice. The first slice that has one knows: windows over
    /// later slices end no sooner.
    fn next_end(&self) -> Option<i64> {
        self.slices.keys().find_map(|slice| self.spec.end_after(*slice, self.done))
    }

    /// States and corrects all that the frontier allows: contributions with a tick below `frontier` are complete
    /// (`None`: all are). Rows go to `emit` with their statement time, times ascending.
    pub fn advance(&mut self, frontier: Option<i64>, emit: &mut dyn FnMut(i64, &mut RowBatch)) {
        while let Some(time) = self.next_time().filter(|t| frontier.is_none_or(|f| *t <= f)) {
            while let Some(entry) = self.late.first_entry().filter(|e| *e.key() + self.spec.tick <= time) {
                let (tick, contributions) = entry.remove_entry();
                self.correct(tick, contributions, emit);
            }
            if self.next_end() == Some(time) {
                self.state_window(time, emit);
            }
            if self.next_provisional() == Some(time) {
                self.state_provisional(time, emit);
            }
            self.done = self.done.max(time);
            self.expire(time);
        }
        if let Some(frontier) = frontier {
            self.done = self.done.max(frontier);
            self.expire(frontier);
        }
    }

    /// Drops what no later contribution can reach (rule 5).
    fn expire(&mut self, frontier: i64) {
        if let Some(waiting) = &mut self.waiting {
            waiting.passed(frontier, &self.spec);
        }
        while let Some(entry) =
            self.slices.first_entry().filter(|e| self.spec.last_end(*e.key()) + self.spec.lateness <= frontier)
        {
            let (slice, mut table) = entry.remove_entry();
            if let Some(merged) = &mut self.merged {
                merged.expire(slice);
            }
            if self.spare.len() < 4 {
                table.clear();
                self.spare.push(table);
            }
        }
        while let Some(entry) = self.revisions.first_entry().filter(|e| *e.key() + self.spec.lateness <= frontier) {
            entry.remove();
        }
    }

    fn state_window(&mut self, end: i64, emit: &mut dyn FnMut(i64, &mut RowBatch)) {
        let start = self.spec.start_of(end);
        let tables = cover(&mut self.slices, &mut self.merged, self.cap, &mut self.pieces, start, end);
        let head = RowHead {
            time: end,
            window_start: start,
            window_end: end,
            part: self.part,
            revision: 0,
            early: 0,
            approximate: 0,
            start: 0,
            key_len: 0,
            values_len: 0,
            op: Op::Assert,
        };
        let mut said = self.told.take(end);
        let mut say = |key: &[u8], parts: &[(&GroupTable, u32)]| {
            if let Some(old) = said.as_mut().and_then(|said| said.remove(key)) {
                old.retract(head, key, &mut self.out);
            }
            push_row(&mut self.out, head, key, &mut self.answers, parts);
            self.stated.rows += 1;
            self.stated.overflowed += u64::from(self.cap.is_some() && key == key::OVERFLOW);
            if self.out.bytes.len() > BATCH_BYTES {
                emit(end, &mut self.out);
                self.out.clear();
            }
        };
        if let [table] = tables[..] {
            for group in 0..table.len() as u32 {
                say(table.key(group), &[(table, group)]);
            }
        } else {
            self.directory.fill(&tables, &|_, _| true);
            match self.cap {
                Some(cap) => cap.groups(&self.directory, &tables, &mut say),
                None => {
                    let mut parts = Vec::with_capacity(tables.len());
                    for i in 0..self.directory.len() {
                        self.directory.parts(i, &tables, &mut parts);
                        say(self.directory.name(i, &tables).1, &parts);
                    }
                }
            }
        }
        // Groups that have fallen out of the cap since.
        let mut gone: Vec<_> = said.into_iter().flatten().collect();
        gone.sort_unstable_by(|(a, _), (b, _)| a.cmp(b));
        gone.iter().for_each(|(key, old)| old.retract(head, key, &mut self.out));
        if !self.out.heads.is_empty() {
            emit(end, &mut self.out);
            self.out.clear();
        }
    }

    /// States the rows so far, at the end `time` of a slice, of the windows that go on.
    fn state_provisional(&mut self, time: i64, emit: &mut dyn FnMut(i64, &mut RowBatch)) {
        let Some(waiting) = self.waiting.take() else { return };
        let spec = self.spec.clone();
        for end in spec.provisional_ends(time) {
            let start = spec.start_of(end);
            seal(&mut self.slices, &mut self.merged, self.cap, &mut self.pieces, start, time);
            let tables = sealed(&self.slices, &self.merged, &self.pieces, start, time);
            let changes = waiting.changes(&self.slices, start, time);
            let mut speaker = Speaker {
                part: self.part,
                cap: self.cap,
                answers: &mut self.answers,
                directory: &mut self.directory,
                told: &mut self.told,
                out: &mut self.out,
                stated: &mut self.stated,
            };
            speaker.say(time, (start, end), &tables, &changes, emit);
        }
        self.waiting = Some(waiting);
        self.hand_on(time, emit);
    }

    /// States at `time` the rows of all windows that end later, with what has come.
    pub fn state_so_far(&mut self, time: i64, emit: &mut dyn FnMut(i64, &mut RowBatch)) {
        let spec = self.spec.clone();
        let past = self.done.max(time);
        // Ends over a slice that lie ahead.
        let spec = &spec;
        let ahead = |slice: &i64| {
            let slice = *slice;
            std::iter::successors(spec.end_after(slice, past), move |end| spec.end_after(slice, *end))
        };
        let ends: BTreeSet<i64> = self.slices.keys().flat_map(ahead).collect();
        for end in ends {
            let start = spec.start_of(end);
            // Not all that belongs into them is there yet, so no slices are merged for it.
            for (_, table) in self.slices.range_mut(start..end) {
                self.cap.map(|cap| cap.fold(table));
                table.seal();
            }
            let tables: Vec<&GroupTable> = self.slices.range(start..end).map(|(_, table)| table).collect();
            let mut speaker = Speaker {
                part: self.part,
                cap: self.cap,
                answers: &mut self.answers,
                directory: &mut self.directory,
                told: &mut self.told,
                out: &mut self.out,
                stated: &mut self.stated,
            };
            speaker.say(time, (start, end), &tables, &tables, emit);
        }
        self.hand_on(time, emit);
    }

    fn hand_on(&mut self, time: i64, emit: &mut dyn FnMut(i64, &mut RowBatch)) {
        if !self.out.heads.is_empty() {
            emit(time, &mut self.out);
            self.out.clear();
        }
    }

    /// Corrects the windows that were stated before contributions with tick `tick` came, then takes them in.
    fn correct(
        &mut self,
        tick: i64,
        mut contributions: BTreeMap<i64, GroupTable>,
        emit: &mut dyn FnMut(i64, &mut RowBatch),
    ) {
        let spec = self.spec.clone();
        let time = tick + spec.tick;
        // Windows up to the tick are stated, or were empty: what comes now for them is a correction.
        self.done = self.done.max(tick);
        for table in contributions.values_mut() {
            table.seal();
        }
        // The windows touched: all over the slices touched that were stated by then and still take corrections.
        let mut ends: Vec<i64> = contributions
            .keys()
            .flat_map(|slice| spec.ends(*slice))
            .filter(|end| *end <= tick && end + spec.lateness > tick)
            .collect();
        ends.sort_unstable();
        ends.dedup();
        for end in ends {
            self.correct_window(end, time, &contributions, emit);
        }
        if !self.out.heads.is_empty() {
            emit(time, &mut self.out);
            self.out.clear();
        }
        for (slice, table) in contributions {
            if spec.last_end(slice) + spec.lateness <= tick {
                continue;
            }
            if let Some(merged) = &mut self.merged {
                merged.add(slice, &table);
            }
            if let Some(waiting) = &mut self.waiting {
                let make = || GroupTable::new(Arc::clone(&self.layout));
                self.slices.entry(slice).or_insert_with(make).merge(&table);
                if spec.last_end(slice) > time {
                    waiting.late(slice, table, time);
                }
                continue;
            }
            if let Some(spare) = self.take(slice, None, table)
                && self.spare.len() < 4
            {
                self.spare.push(spare);
            }
        }
    }

    fn correct_window(
        &mut self,
        end: i64,
        time: i64,
        contributions: &BTreeMap<i64, GroupTable>,
        emit: &mut dyn FnMut(i64, &mut RowBatch),
    ) {
        let start = self.spec.start_of(end);
        let changes: Vec<&GroupTable> = contributions.range(start..end).map(|(_, t)| t).collect();
        let tables = cover(&mut self.slices, &mut self.merged, self.cap, &mut self.pieces, start, end);
        let mut say = |key: &[u8], old: &[(&GroupTable, u32)], new: &[(&GroupTable, u32)]| {
            let mut head = RowHead {
                time,
                window_start: start,
                window_end: end,
                part: self.part,
                revision: 0,
                early: 0,
                approximate: 0,
                start: 0,
                key_len: 0,
                values_len: 0,
                op: Op::Retract,
            };
            if old.is_empty() {
                head.op = Op::Assert;
                push_row(&mut self.out, head, key, &mut self.answers, new);
                self.stated.rows += 1;
                self.stated.overflowed += u64::from(self.cap.is_some() && key == key::OVERFLOW);
            } else {
                let revisions = self.revisions.get_mut(&end);
                let revision = revisions.as_ref().and_then(|r| r.get(key)).copied().unwrap_or(0);
                head.revision = revision;
                let before = (self.out.heads.len(), self.out.bytes.len());
                push_row(&mut self.out, head, key, &mut self.answers, old);
                if new.is_empty() {
                    revisions.map(|r| r.remove(key));
                    return;
                }
                head.revision = revision + 1;
                head.op = Op::Assert;
                push_row(&mut self.out, head, key, &mut self.answers, new);
                let n = self.out.heads.len();
                let (a, b) = (self.out.row(n - 2), self.out.row(n - 1));
                if a.values == b.values && a.head.approximate == b.head.approximate {
                    self.out.heads.truncate(before.0);
                    self.out.bytes.truncate(before.1);
                    return;
                }
                self.revisions.entry(end).or_default().insert(key.into(), revision + 1);
                self.stated.corrections += 1;
            }
            if self.out.bytes.len() > BATCH_BYTES {
                emit(time, &mut self.out);
                self.out.clear();
            }
        };
        if let Some(cap) = self.cap.filter(|cap| cap.is_near(&tables, &changes)) {
            cap.changes(&mut self.directory, &tables, &changes, &mut say);
            return;
        }
        self.directory.fill(&changes, &|_, _| true);
        let mut new = Vec::new();
        let mut old = Vec::with_capacity(tables.len());
        for i in 0..self.directory.len() {
            self.directory.parts(i, &changes, &mut new);
            let (hash, key) = self.directory.name(i, &changes);
            old.clear();
            old.extend(tables.iter().filter_map(|t| t.find(hash, key).map(|g| (*t, g))));
            new.extend_from_slice(&old);
            say(key, &old, &new);
        }
    }

    /// An empty table that was used before, where there is one.
    pub fn spare(&mut self) -> Option<GroupTable> {
        self.spare.pop()
    }

    /// Bytes held, groups and slices, for the metrics.
    pub fn size(&self) -> (usize, usize, usize) {
        let tables = || self.slices.values().chain(self.late.values().flat_map(|m| m.values()));
        let merged = self.merged.as_ref().map_or(0, Merged::bytes);
        let provisional = self.told.bytes() + self.waiting.as_ref().map_or(0, Waiting::bytes);
        (
            tables().map(GroupTable::bytes).sum::<usize>() + merged + provisional,
            tables().map(GroupTable::len).sum(),
            self.slices.len(),
        )
    }

    /// What was stated so far.
    pub fn stated(&self) -> Stated {
        self.stated
    }
}

/// What is needed to say provisional rows.
struct Speaker<'a> {
    part: u32,
    cap: Option<Cap>,
    answers: &'a mut Answers,
    directory: &'a mut Directory,
    told: &'a mut Told,
    out: &'a mut RowBatch,
    stated: &'a mut Stated,
}

impl Speaker<'_> {
    /// Says at `time` the rows of the groups in `changes` over `tables`, those of a window so far, where they differ from
    /// what was said last. With a cap all groups are looked at: any change may make any of them fall out.
    fn say(
        &mut self,
        time: i64,
        (start, end): (i64, i64),
        tables: &[&GroupTable],
        changes: &[&GroupTable],
        emit: &mut dyn FnMut(i64, &mut RowBatch),
    ) {
        let head = RowHead {
            time,
            window_start: start,
            window_end: end,
            part: self.part,
            revision: 0,
            early: 1,
            approximate: 0,
            start: 0,
            key_len: 0,
            values_len: 0,
            op: Op::Assert,
        };
        let Self { cap, answers, directory, told, out, stated, .. } = self;
        let mut say = |key: &[u8], parts: &[(&GroupTable, u32)]| {
            let before = (out.heads.len(), out.bytes.len());
            push_row(out, head, key, answers, parts);
            let row = out.row(before.0);
            let old = told.said(end, key);
            if old.is_some_and(|old| old.says(&row)) {
                out.heads.truncate(before.0);
                out.bytes.truncate(before.1);
                return;
            }
            let early = old.map_or(0, Said::early).saturating_add(1);
            let new = Said::new(early, &row);
            out.heads[before.0].early = early;
            if let Some(old) = told.say(end, key, new) {
                old.retract(head, key, out);
            }
            stated.early += 1;
            if out.bytes.len() > BATCH_BYTES {
                emit(time, out);
                out.clear();
            }
        };
        let Some(cap) = cap else {
            let mut parts = Vec::new();
            directory.fill(changes, &|_, _| true);
            for i in 0..directory.len() {
                let (hash, key) = directory.name(i, changes);
                parts.clear();
                parts.extend(tables.iter().filter_map(|t| t.find(hash, key).map(|g| (*t, g))));
                say(key, &parts);
            }
            return;
        };
        let mut kept: HashSet<Box<[u8]>> = HashSet::new();
        directory.fill(tables, &|_, _| true);
        cap.groups(directory, tables, &mut |key, parts| {
            kept.insert(key.into());
            say(key, parts);
        });
        for (key, old) in told.forget(end, |key| !kept.contains(key)) {
            old.retract(head, &key, out);
        }
    }
}

/// The tables that together hold the slices of `start..end`, sealed.
fn cover<'a>(
    slices: &'a mut BTreeMap<i64, GroupTable>,
    merged: &'a mut Option<Merged>,
    cap: Option<Cap>,
    pieces: &mut Vec<Piece>,
    start: i64,
    end: i64,
) -> Vec<&'a GroupTable> {
    seal(slices, merged, cap, pieces, start, end);
    sealed(slices, merged, pieces, start, end)
}

/// Makes and seals the tables that [`sealed`] gives.
fn seal(
    slices: &mut BTreeMap<i64, GroupTable>,
    merged: &mut Option<Merged>,
    cap: Option<Cap>,
    pieces: &mut Vec<Piece>,
    start: i64,
    end: i64,
) {
    if let Some(merged) = merged {
        return merged.cover(slices, start, end, pieces);
    }
    for (_, table) in slices.range_mut(start..end) {
        cap.map(|cap| cap.fold(table));
        table.seal();
    }
}

fn sealed<'a>(
    slices: &'a BTreeMap<i64, GroupTable>,
    merged: &'a Option<Merged>,
    pieces: &[Piece],
    start: i64,
    end: i64,
) -> Vec<&'a GroupTable> {
    match merged {
        Some(merged) => merged.tables(slices, pieces),
        None => slices.range(start..end).map(|(_, t)| t).collect(),
    }
}

pub(super) fn push_row(
    out: &mut RowBatch,
    mut head: RowHead,
    key: &[u8],
    answers: &mut Answers,
    parts: &[(&GroupTable, u32)],
) {
    head.start = out.bytes.len() as u32;
    head.key_len = key.len() as u32;
    out.bytes.extend_from_slice(key);
    let values = out.bytes.len();
    head.approximate = answers.write(parts, &mut out.bytes);
    head.values_len = (out.bytes.len() - values) as u32;
    out.heads.push(head);
}

#[cfg(test)]
mod tests {
    use super::super::Early;
    use super::super::answer::Answer;
    use super::*;
    use crate::aggregate::{Call, Function, Tally};
    use crate::event::{Cell, Value, key};

    /// Size 10, slide 5, lateness 7, tick 1; count and sum of column 0 by one text key.
    fn slices() -> Slices {
        of(WindowSpec::sliding(10, 5, 7, 1))
    }

    fn of(spec: WindowSpec) -> Slices {
        let call = |function, input| Call { function, input, filter: None };
        let layout = Layout::new(&[call(Function::CountRows, None), call(Function::Sum, Some(0))]);
        let answers = Answers::new(Arc::clone(&layout), vec![Answer::Call(0), Answer::Call(1)]);
        Slices::new(spec, 3, layout, answers)
    }

    fn add(slices: &mut Slices, slice: i64, late: Option<i64>, name: &str, value: i64) {
        let mut bytes = Vec::new();
        key::encode(Cell::str(0, name.len() as u32), name.as_bytes(), &mut bytes);
        let table = slices.table(slice, late);
        let group = table.group(key::hash(&bytes), &bytes);
        let mut tally = Tally::new(table.layout());
        table.add(&[group], &[0], &[vec![Cell::int(value)]], &[], &mut tally);
    }

    /// Rows as `time op end key count sum revision`, in the order of the engine.
    fn advance(slices: &mut Slices, frontier: Option<i64>) -> Vec<String> {
        let mut all = RowBatch::default();
        slices.advance(frontier, &mut |time, rows| {
            assert!(rows.iter().all(|r| r.head.time == time && r.head.part == 3));
            rows.iter().for_each(|row| all.push(row));
        });
        let mut rows: Vec<_> = all.iter().collect();
        rows.sort_by(|a, b| a.order(b));
        let say = |row: &crate::result::RowRef<'_>| {
            let name = match row.dimensions().next() {
                None if row.is_overflow() => "overflow".to_owned(),
                Some(Value::Str(name)) => String::from_utf8_lossy(name).into_owned(),
                other => panic!("{other:?}"),
            };
            let values: Vec<String> = row.values().map(|v| format!("{v:?}")).collect();
            let h = row.head;
            let number = if h.early > 0 { format!("e{}", h.early) } else { format!("r{}", h.revision) };
            format!("{} {}{} {name} {} {number}", h.time, h.op.sign(), h.window_end, values.join(" "))
        };
        rows.iter().map(say).collect()
    }

    #[test]
    fn windows_are_stated_at_their_end_and_share_slices() {
        let mut s = slices();
        add(&mut s, 0, None, "a", 1);
        add(&mut s, 5, None, "a", 2);
        add(&mut s, 5, None, "b", 4);
        assert_eq!(advance(&mut s, Some(4)), [""; 0]);
        assert_eq!(advance(&mut s, Some(5)), ["5 +5 a Int(1) Int(1) r0"]);
        assert_eq!(s.next_time(), Some(10));
        let rows = ["10 +10 a Int(2) Int(3) r0", "10 +10 b Int(1) Int(4) r0"];
        assert_eq!(advance(&mut s, Some(12)), rows);
        let rows = ["15 +15 a Int(1) Int(2) r0", "15 +15 b Int(1) Int(4) r0"];
        assert_eq!(advance(&mut s, None), rows);
        assert_eq!(s.stated(), Stated { rows: 5, ..Stated::default() });
    }

    #[test]
    fn late_contributions_correct_what_was_stated_before_their_tick_and_nothing_else() {
        let mut s = slices();
        add(&mut s, 0, None, "a", 1);
        assert_eq!(advance(&mut s, Some(6)), ["5 +5 a Int(1) Int(1) r0"]);
        // With tick 8: window 5 was stated, window 10 was not.
        add(&mut s, 0, Some(8), "a", 10);
        add(&mut s, 0, Some(8), "c", 20);
        assert_eq!(s.next_time(), Some(9));
        assert_eq!(advance(&mut s, Some(8)), [""; 0]);
        let rows = ["9 -5 a Int(1) Int(1) r0", "9 +5 a Int(2) Int(11) r1", "9 +5 c Int(1) Int(20) r0"];
        assert_eq!(advance(&mut s, Some(9)), rows);
        // With tick 11 a second correction of window 5, the first of window 10; with tick 12 window 5 is closed.
        add(&mut s, 0, Some(11), "a", 100);
        add(&mut s, 0, Some(12), "c", 200);
        let rows = [
            "10 +10 a Int(2) Int(11) r0",
            "10 +10 c Int(1) Int(20) r0",
            "12 -5 a Int(2) Int(11) r1",
            "12 +5 a Int(3) Int(111) r2",
            "12 -10 a Int(2) Int(11) r0",
            "12 +10 a Int(3) Int(111) r1",
            "13 -10 c Int(1) Int(20) r0",
            "13 +10 c Int(2) Int(220) r1",
        ];
        assert_eq!(advance(&mut s, Some(16)), rows);
        assert_eq!(s.size().2, 1, "window 10 takes corrections until 17");
        assert_eq!(advance(&mut s, Some(17)), [""; 0]);
        assert_eq!(s.size().2, 0);
        assert_eq!(s.stated(), Stated { rows: 4, corrections: 4, ..Stated::default() });
    }

    /// The names of some groups by their hashes, the least first.
    fn by_hash(names: &[&str]) -> Vec<String> {
        let hash = |name: &str| {
            let mut bytes = Vec::new();
            key::encode(Cell::str(0, name.len() as u32), name.as_bytes(), &mut bytes);
            key::hash(&bytes)
        };
        let mut names: Vec<String> = names.iter().map(|n| (*n).to_owned()).collect();
        names.sort_by_key(|name| hash(name));
        names
    }

    #[test]
    fn groups_beyond_the_cap_are_one_row_and_a_lesser_hash_that_comes_late_takes_a_place() {
        let names = by_hash(&["a", "b", "c", "d"]);
        let [first, second, third, fourth] = &names[..] else { panic!("four names") };
        let mut s = slices().capped(2);
        // In each slice there is room, in the window over both there is not.
        add(&mut s, 0, None, third, 1);
        add(&mut s, 0, None, second, 2);
        add(&mut s, 5, None, third, 4);
        add(&mut s, 5, None, fourth, 8);
        let sorted = |mut rows: Vec<String>| {
            rows.sort();
            rows
        };
        let row = |rest: &str, name: &str, values: &str| format!("{rest} {name} {values}");
        let rows = [row("5 +5", second, "Int(1) Int(2) r0"), row("5 +5", third, "Int(1) Int(1) r0")];
        assert_eq!(sorted(advance(&mut s, Some(5))), sorted(rows.into()));
        let rows = [
            row("10 +10", second, "Int(1) Int(2) r0"),
            row("10 +10", third, "Int(2) Int(5) r0"),
            row("10 +10", "overflow", "Int(1) Int(8) r0"),
        ];
        assert_eq!(sorted(advance(&mut s, Some(10))), sorted(rows.into()));
        assert_eq!(s.stated(), Stated { rows: 5, overflowed: 1, ..Stated::default() });
        // Late: a kept group changes, and one that is not kept.
        add(&mut s, 5, Some(10), third, 16);
        add(&mut s, 5, Some(10), fourth, 32);
        let rows = [
            row("11 -10", third, "Int(2) Int(5) r0"),
            row("11 +10", third, "Int(3) Int(21) r1"),
            row("11 -10", "overflow", "Int(1) Int(8) r0"),
            row("11 +10", "overflow", "Int(2) Int(40) r1"),
        ];
        assert_eq!(sorted(advance(&mut s, Some(11))), sorted(rows.into()));
        // A lesser hash: in the first window third falls out, and so there is an overflow group; in the second too.
        add(&mut s, 0, Some(11), first, 64);
        let rows = [
            row("12 -5", third, "Int(1) Int(1) r0"),
            row("12 +5", first, "Int(1) Int(64) r0"),
            row("12 +5", "overflow", "Int(1) Int(1) r0"),
            row("12 -10", third, "Int(3) Int(21) r1"),
            row("12 +10", first, "Int(1) Int(64) r0"),
            row("12 -10", "overflow", "Int(2) Int(40) r1"),
            row("12 +10", "overflow", "Int(5) Int(61) r2"),
        ];
        assert_eq!(sorted(advance(&mut s, Some(12))), sorted(rows.into()));
        // What comes for a group that fell out changes the overflow group alone.
        add(&mut s, 5, Some(12), third, 128);
        let rows = [row("13 -10", "overflow", "Int(5) Int(61) r2"), row("13 +10", "overflow", "Int(6) Int(189) r3")];
        assert_eq!(sorted(advance(&mut s, Some(13))), sorted(rows.into()));
        assert_eq!(s.stated(), Stated { rows: 8, corrections: 4, overflowed: 2, early: 0 });
    }

    #[test]
    fn a_flood_of_groups_leaves_a_slice_with_few() {
        let mut s = slices().capped(100);
        for i in 0..50_000 {
            // Those with tick 8 are late for the first window and not for the second.
            add(&mut s, 0, None, &format!("g{i}"), 1);
            add(&mut s, 0, Some(8), &format!("h{i}"), 1);
            assert!(s.size().1 <= 402, "{} groups in two tables", s.size().1);
        }
        let rows: Vec<String> = advance(&mut s, Some(10)).into_iter().filter(|row| row.starts_with("10 +10")).collect();
        assert_eq!(rows.len(), 101);
        assert_eq!(rows[100], "10 +10 overflow Int(99900) Int(99900) r0");
    }

    #[test]
    fn windows_of_many_slices_keep_the_least_hashes_of_all() {
        // 20 slices in a window, so that runs of them are merged; each slice has groups of its own.
        let spec = WindowSpec::sliding(20, 1, 50, 1);
        let layout = Arc::clone(&slices().layout);
        let answers = Answers::new(Arc::clone(&layout), vec![Answer::Call(0), Answer::Call(1)]);
        let mut s = Slices::new(spec, 3, layout, answers).capped(3);
        let names: Vec<String> = (0..80).map(|i| format!("g{i}")).collect();
        let least = by_hash(&names.iter().map(String::as_str).collect::<Vec<_>>());
        for (i, name) in names.iter().enumerate().filter(|(_, name)| **name != least[1]) {
            add(&mut s, i as i64 % 20, None, name, 1);
        }
        let of_window = |rows: Vec<String>| -> Vec<String> {
            let mut rows: Vec<String> =
                rows.into_iter().filter(|row| row.contains("+20 ") || row.contains("-20 ")).collect();
            rows.sort();
            rows
        };
        let mut rows = Vec::new();
        for end in 1..=20 {
            rows.extend(advance(&mut s, Some(end)));
        }
        let one = |sign: char, time: i64, name: &str| format!("{time} {sign}20 {name} Int(1) Int(1) r0");
        let rest = |sign: char, time: i64, n: i64, r: u32| format!("{time} {sign}20 overflow Int({n}) Int({n}) r{r}");
        let mut expected: Vec<String> = [0, 2, 3].iter().map(|i| one('+', 20, &least[*i])).collect();
        expected.push(rest('+', 20, 76, 0));
        expected.sort();
        assert_eq!(of_window(rows), expected);
        add(&mut s, 7, Some(30), &least[1], 1);
        add(&mut s, 19, Some(30), &least[70], 1);
        let mut expected =
            vec![one('+', 31, &least[1]), one('-', 31, &least[3]), rest('-', 31, 76, 0), rest('+', 31, 78, 1)];
        expected.sort();
        assert_eq!(of_window(advance(&mut s, Some(31))), expected);
    }

    #[test]
    fn a_late_contribution_that_comes_first_of_all_hides_no_later_window() {
        let mut s = slices();
        add(&mut s, 5, Some(14), "a", 1);
        assert_eq!(advance(&mut s, None), ["15 +10 a Int(1) Int(1) r0", "15 +15 a Int(1) Int(1) r0"]);
    }

    /// Windows of 6 every 3, rows so far every unit of time.
    fn early(lateness: i64) -> Slices {
        let early = Some(Early { every: 1, days: false });
        of(WindowSpec { early, ..WindowSpec::sliding(6, 3, lateness, 1) })
    }

    #[test]
    fn groups_that_fall_out_of_the_cap_take_their_provisional_rows_with_them() {
        let names = by_hash(&["a", "b"]);
        let [first, second] = &names[..] else { panic!("two names") };
        let mut s = early(0).capped(1);
        let sorted = |mut rows: Vec<String>| {
            rows.sort();
            rows
        };
        add(&mut s, 0, None, second, 1);
        let rows = [3, 6].map(|end| format!("1 +{end} {second} Int(1) Int(1) e1"));
        assert_eq!(sorted(advance(&mut s, Some(2))), rows);
        // At 3 one window ends, the other goes on: in both there is room for the lesser hash only.
        add(&mut s, 2, None, first, 2);
        let rows = [(3, "r0"), (6, "e1")].map(|(end, number)| {
            [
                format!("3 -{end} {second} Int(1) Int(1) e1"),
                format!("3 +{end} {first} Int(1) Int(2) {number}"),
                format!("3 +{end} overflow Int(1) Int(1) {number}"),
            ]
        });
        assert_eq!(sorted(advance(&mut s, Some(3))), sorted(rows.concat()));
        let rows = [
            format!("6 -6 {first} Int(1) Int(2) e1"),
            format!("6 +6 {first} Int(1) Int(2) r0"),
            "6 -6 overflow Int(1) Int(1) e1".to_owned(),
            "6 +6 overflow Int(1) Int(1) r0".to_owned(),
        ];
        assert_eq!(sorted(advance(&mut s, None)), sorted(rows.into()));
        assert_eq!(s.told.bytes(), 0);
    }

    #[test]
    fn rows_so_far_are_stated_where_they_differ_and_taken_back_by_what_comes_next() {
        let mut s = early(0);
        add(&mut s, 0, None, "a", 1);
        add(&mut s, 2, None, "a", 2);
        assert_eq!(s.next_time(), Some(1));
        assert_eq!(advance(&mut s, Some(1)), ["1 +3 a Int(1) Int(1) e1", "1 +6 a Int(1) Int(1) e1"]);
        let held = s.size().0;
        // At 2 there is nothing new. At 3 the first window ends, and one begins that holds nothing yet.
        let rows = [
            "3 -3 a Int(1) Int(1) e1",
            "3 +3 a Int(2) Int(3) r0",
            "3 -6 a Int(1) Int(1) e1",
            "3 +6 a Int(2) Int(3) e2",
        ];
        assert_eq!(advance(&mut s, Some(3)), rows);
        add(&mut s, 4, None, "b", 5);
        assert_eq!(s.next_time(), Some(5));
        let rows = [
            "5 +6 b Int(1) Int(5) e1",
            "5 +9 b Int(1) Int(5) e1",
            "6 -6 a Int(2) Int(3) e2",
            "6 +6 a Int(2) Int(3) r0",
            "6 -6 b Int(1) Int(5) e1",
            "6 +6 b Int(1) Int(5) r0",
            "9 -9 b Int(1) Int(5) e1",
            "9 +9 b Int(1) Int(5) r0",
        ];
        assert_eq!(advance(&mut s, None), rows);
        assert_eq!(s.stated(), Stated { rows: 4, early: 5, ..Stated::default() });
        assert_eq!(s.next_time(), None);
        assert!(held > 0 && s.told.bytes() == 0);
    }

    #[test]
    fn late_contributions_are_in_the_rows_so_far_from_their_tick_on() {
        let mut s = early(2);
        add(&mut s, 0, None, "a", 1);
        add(&mut s, 1, None, "b", 7);
        assert_eq!(advance(&mut s, Some(2)).len(), 4);
        // With tick 3: the window that ended at 3 is corrected at 4, the row so far of the next one is another then.
        add(&mut s, 0, Some(3), "a", 10);
        let rows = [
            "3 -3 a Int(1) Int(1) e1",
            "3 +3 a Int(1) Int(1) r0",
            "3 -3 b Int(1) Int(7) e1",
            "3 +3 b Int(1) Int(7) r0",
        ];
        assert_eq!(advance(&mut s, Some(3)), rows);
        let rows = [
            "4 -3 a Int(1) Int(1) r0",
            "4 +3 a Int(2) Int(11) r1",
            "4 -6 a Int(1) Int(1) e1",
            "4 +6 a Int(2) Int(11) e2",
        ];
        assert_eq!(advance(&mut s, Some(4)), rows);
        // Too late for a row so far: at 6 the window ends.
        add(&mut s, 0, Some(5), "a", 100);
        let rows = [
            "6 -6 a Int(2) Int(11) e2",
            "6 +6 a Int(3) Int(111) r0",
            "6 -6 b Int(1) Int(7) e1",
            "6 +6 b Int(1) Int(7) r0",
        ];
        assert_eq!(advance(&mut s, Some(9)), rows);
        assert_eq!((s.next_time(), s.told.bytes()), (None, 0));
    }

    #[test]
    fn rows_with_what_has_come_are_stated_when_asked_for_and_change_no_other() {
        let mut s = slices();
        add(&mut s, 0, None, "a", 1);
        assert_eq!(advance(&mut s, Some(2)), [""; 0]);
        let ask = |s: &mut Slices, time| {
            let mut rows = Vec::new();
            s.state_so_far(time, &mut |at, batch| {
                assert_eq!(at, time);
                rows.extend(batch.iter().map(|r| (r.head.window_end, r.head.op.sign(), r.head.early)));
            });
            rows.sort_unstable_by_key(|(end, op, early)| (*end, *early, *op != '-'));
            rows
        };
        assert_eq!(ask(&mut s, 2), [(5, '+', 1), (10, '+', 1)]);
        assert_eq!(ask(&mut s, 3), []);
        // A window that ends by the moment of the statement is left to its first statement.
        add(&mut s, 0, None, "a", 2);
        assert_eq!(ask(&mut s, 5), [(10, '-', 1), (10, '+', 2)]);
        let rows = [
            "5 -5 a Int(1) Int(1) e1",
            "5 +5 a Int(2) Int(3) r0",
            "10 -10 a Int(2) Int(3) e2",
            "10 +10 a Int(2) Int(3) r0",
        ];
        assert_eq!(advance(&mut s, None), rows);
        assert_eq!(s.told.bytes(), 0);
    }
}
