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
use std::hint::black_box;
use std::sync::Arc;

/// So many groups are touched together before they are stated.
const TOUCHED: usize = 16;

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

    /// Takes a whole table as a contribution.
    pub fn adopt(&mut self, slice: i64, late: Option<i64>, table: GroupTable) {
        if late.is_none()
            && let Some(waiting) = &mut self.waiting
        {
            waiting.on_time(slice);
        }
        self.take(slice, late, table);
    }

    fn take(&mut self, slice: i64, late: Option<i64>, table: GroupTable) {
        let map = match late {
            None => &mut self.slices,
            Some(tick) => self.late.entry(tick).or_default(),
        };
        match map.entry(slice) {
            std::collections::btree_map::Entry::Vacant(entry) => drop(entry.insert(table)),
            std::collections::btree_map::Entry::Occupied(mut entry) => {
                entry.get_mut().merge(&table);
                self.cap.map(|cap| cap.fold_large(entry.get_mut()));
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
            let (slice, table) = entry.remove_entry();
            if let Some(merged) = &mut self.merged {
                merged.expire(slice);
            }
            self.recycle(table);
        }
        while let Some(entry) = self.revisions.first_entry().filter(|e| *e.key() + self.spec.lateness <= frontier) {
            entry.remove();
        }
    }

    fn state_window(&mut self, end: i64, emit: &mut dyn FnMut(i64, &mut RowBatch)) {
        let start = self.spec.start_of(end);
        let tables = cover(&mut self.slices, &mut self.merged, self.cap, &mut self.pieces, start, end);
        let head = RowHead::new(self.part, end, (start, end));
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
                    let (mut parts, n) = (Vec::with_capacity(tables.len()), self.directory.len());
                    for first in (0..n).step_by(TOUCHED) {
                        let some = first..(first + TOUCHED).min(n);
                        // Only in the first table are they one after the other.
                        black_box(some.clone().fold(0, |all, i| all ^ self.directory.touch(i, &tables)));
                        for i in some {
                            self.directory.parts(i, &tables, &mut parts);
                            say(self.directory.name(i, &tables).1, &parts);
                        }
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
            self.take(slice, None, table);
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
            let mut head = RowHead { op: Op::Retract, ..RowHead::new(self.part, time, (start, end)) };
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
        let head = RowHead { early: 1, ..RowHead::new(self.part, time, (start, end)) };
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
mod tests;
