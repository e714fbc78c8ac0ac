//! The sessions of one window part on the worker that owns their groups: partial states in, rows and corrections out.
//!
//! Time is cut into slices as long as the gap, so all events of a group in one slice are in one session, and a session
//! is a run of slices: what a slice holds of a group is aggregated once and never taken apart. Each partial state
//! carries the times of its first and its last event, as two aggregates of its own.
//!
//! Rules, for gap G, lateness L and pipeline tick D; x is an event's time, t its tick:
//! 1. Events of a group are in one session where the distance of neighbours is at most G: a distance of exactly the gap
//!    joins. The row's window is [first, last + G).
//! 2. An event with x + G + L < t is too late and counted as such, whatever else is there: that depends on the event
//!    and its partition alone. All other events count; sessions that are stated never overlap or touch.
//! 3. A session is stated at T, the first tick after last + G, with all events whose tick is below T. So an event that
//!    is on time never changes what was stated.
//! 4. Late events with tick t, all of a group together, are applied at t + D. Stated sessions that they change are
//!    retracted then, with their revisions. The session they make is asserted at once where its T is at most t, and at
//!    its T else. Where it is what was stated before, nothing is said.
//! 5. The revision of a session is one more than the greatest of all that were stated for its parts; 0 where none was.
//! 6. A slice leaves when no event that is accepted can join its events: when the frontier has passed its end +
//!    2 * G + L. What a session that goes on has there moves to its next slice, so that a session that never ends
//!    is kept in a bounded number of slices.
//! 7. At the end of the input every session is stated.
//!
//! Cost: each partial state is merged once; a session's statement visits its slices.

use super::WindowSpec;
use super::answer::Answers;
use super::directory::Directory;
use super::slices::{BATCH_BYTES, Stated, push_row};
use crate::aggregate::{Finisher, GroupTable, Layout};
use crate::event::Value;
use crate::result::{Op, RowBatch, RowHead};
use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;
use std::sync::Arc;

/// The calls of a layout that are the times of a group's first and last event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ends {
    /// The least event time.
    pub first: usize,
    /// The greatest event time.
    pub last: usize,
}

/// A run of events of one group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Session {
    first: i64,
    last: i64,
    /// The revision it was stated with, where it was.
    stated: Option<u32>,
    /// The revision of its next statement.
    next: u32,
}

/// A slice's groups, and whether they had additions since they were sealed.
struct Part {
    table: GroupTable,
    dirty: bool,
}

/// The state of one window part of sessions on one worker.
pub struct Sessions {
    spec: WindowSpec,
    gap: i64,
    part: u32,
    layout: Arc<Layout>,
    answers: Answers,
    finisher: Finisher,
    ends: Ends,
    /// What came on time since the last call.
    fresh: BTreeMap<i64, GroupTable>,
    late: BTreeMap<i64, BTreeMap<i64, GroupTable>>,
    slices: BTreeMap<i64, Part>,
    groups: HashMap<Rc<[u8]>, Vec<Session>>,
    /// When to look at a group: at or before the time of its next statement.
    timers: BTreeMap<i64, Vec<Rc<[u8]>>>,
    spare: Vec<GroupTable>,
    directory: Directory,
    out: RowBatch,
    stated: Stated,
}

impl Sessions {
    /// An empty state. `part`: the index of the rows' schema; `gap`: that of `spec`.
    pub fn new(spec: WindowSpec, gap: i64, part: u32, layout: Arc<Layout>, answers: Answers, ends: Ends) -> Self {
        Self {
            spec,
            gap,
            part,
            answers,
            finisher: Finisher::new(Arc::clone(&layout)),
            layout,
            ends,
            fresh: BTreeMap::new(),
            late: BTreeMap::new(),
            slices: BTreeMap::new(),
            groups: HashMap::new(),
            timers: BTreeMap::new(),
            spare: Vec::new(),
            directory: Directory::default(),
            out: RowBatch::default(),
            stated: Stated::default(),
        }
    }

    /// The table that takes a contribution: events of `slice`, on time, or late with the tick given.
    pub fn table(&mut self, slice: i64, late: Option<i64>) -> &mut GroupTable {
        let (layout, spare) = (&self.layout, &mut self.spare);
        let make = || spare.pop().unwrap_or_else(|| GroupTable::new(Arc::clone(layout)));
        match late {
            None => self.fresh.entry(slice).or_insert_with(make),
            Some(tick) => self.late.entry(tick).or_default().entry(slice).or_insert_with(make),
        }
    }

    /// Takes a whole table as a contribution.
    pub fn adopt(&mut self, slice: i64, late: Option<i64>, table: GroupTable) {
        use std::collections::btree_map::Entry;
        let map = match late {
            None => &mut self.fresh,
            Some(tick) => self.late.entry(tick).or_default(),
        };
        match map.entry(slice) {
            Entry::Vacant(entry) => drop(entry.insert(table)),
            Entry::Occupied(mut entry) => {
                entry.get_mut().merge(&table);
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

    /// The time of the statement of a session whose last event is at `last`: the first tick after `last` + gap.
    fn time_of(&self, last: i64) -> i64 {
        let tick = self.spec.tick;
        (last + self.gap).div_euclid(tick) * tick + tick
    }

    /// A time before which there is nothing to say.
    pub fn next_time(&self) -> Option<i64> {
        let fresh = self.fresh.keys().next().map(|slice| self.time_of(*slice));
        let late = self.late.keys().next().map(|tick| tick + self.spec.tick);
        let timer = self.timers.keys().next().copied();
        [fresh, late, timer].into_iter().flatten().min()
    }

    /// States and corrects all that the frontier allows: contributions with a tick below `frontier` are complete
    /// (`None`: all are). Rows go to `emit` with their statement time, times ascending.
    pub fn advance(&mut self, frontier: Option<i64>, emit: &mut dyn FnMut(i64, &mut RowBatch)) {
        self.absorb();
        while let Some(time) = self.next_time().filter(|t| frontier.is_none_or(|f| *t <= f)) {
            while let Some(entry) = self.late.first_entry().filter(|e| *e.key() + self.spec.tick <= time) {
                let (tick, contributions) = entry.remove_entry();
                self.correct(tick, contributions, emit);
            }
            while let Some(entry) = self.timers.first_entry().filter(|e| *e.key() <= time) {
                let groups = entry.remove();
                self.state(time, groups, emit);
            }
            if !self.out.heads.is_empty() {
                emit(time, &mut self.out);
                self.out.clear();
            }
        }
        if let Some(frontier) = frontier {
            self.expire(frontier);
        }
    }

    /// Makes what came on time part of the sessions.
    fn absorb(&mut self) {
        while let Some((slice, table)) = self.fresh.pop_first() {
            for group in 0..table.len() as u32 {
                let Some((first, last)) = self.span(&table, group) else { continue };
                let time = self.time_of(last);
                let known = self.groups.get_key_value(table.key(group)).map(|(key, _)| Rc::clone(key));
                let key = known.unwrap_or_else(|| Rc::from(table.key(group)));
                let sessions = self.groups.entry(Rc::clone(&key)).or_default();
                let before = sessions.len();
                let new = Session { first, last, stated: None, next: 0 };
                // One that goes on has its timer already.
                let (_, joined) = join(sessions, new, self.gap, &mut |_| {});
                if !joined || sessions.len() > before {
                    self.timers.entry(time).or_default().push(key);
                }
            }
            self.keep(slice, table);
        }
    }

    /// The times of the first and the last event of a partial state.
    fn span(&self, table: &GroupTable, group: u32) -> Option<(i64, i64)> {
        let mut text = Vec::new();
        let mut time = |call| match self.finisher.extreme(call, &[(table, group)], &mut text).value(&[]) {
            Value::Time(time) => Some(time),
            _ => None,
        };
        Some((time(self.ends.first)?, time(self.ends.last)?))
    }

    fn keep(&mut self, slice: i64, table: GroupTable) {
        use std::collections::btree_map::Entry;
        match self.slices.entry(slice) {
            Entry::Vacant(entry) => drop(entry.insert(Part { table, dirty: true })),
            Entry::Occupied(mut entry) => {
                let part = entry.get_mut();
                part.table.merge(&table);
                part.dirty = true;
                self.recycle(table);
            }
        }
    }

    fn seal(&mut self, last: i64) {
        for part in self.slices.range_mut(..=last).map(|(_, part)| part).filter(|part| part.dirty) {
            part.table.seal();
            part.dirty = false;
        }
    }

    /// States those sessions of `groups` that are due at `time`.
    fn state(&mut self, time: i64, groups: Vec<Rc<[u8]>>, emit: &mut dyn FnMut(i64, &mut RowBatch)) {
        self.seal(time - self.gap);
        let mut parts = Vec::new();
        for key in groups {
            let Some(sessions) = self.groups.get_mut(&key) else { continue };
            let mut again = None::<i64>;
            for session in sessions.iter_mut().filter(|s| s.stated.is_none()) {
                let tick = self.spec.tick;
                let due = (session.last + self.gap).div_euclid(tick) * tick + tick;
                if due > time {
                    again = Some(again.map_or(due, |a| a.min(due)));
                    continue;
                }
                parts.clear();
                gather(&self.slices, self.gap, &key, session, &mut parts);
                let head = head(self.part, time, session, self.gap, session.next, Op::Assert);
                push_row(&mut self.out, head, &key, &mut self.answers, &parts);
                if session.next == 0 {
                    self.stated.rows += 1;
                } else {
                    self.stated.corrections += 1;
                }
                session.stated = Some(session.next);
                session.next += 1;
                if self.out.bytes.len() > BATCH_BYTES {
                    emit(time, &mut self.out);
                    self.out.clear();
                }
            }
            if let Some(again) = again {
                self.timers.entry(again).or_default().push(key);
            }
        }
    }

    /// Applies the late contributions with tick `tick` (rule 4).
    fn correct(
        &mut self,
        tick: i64,
        mut contributions: BTreeMap<i64, GroupTable>,
        emit: &mut dyn FnMut(i64, &mut RowBatch),
    ) {
        let time = tick + self.spec.tick;
        for table in contributions.values_mut() {
            table.seal();
        }
        // What was stated by now, and what is to be, ends before the tick.
        self.seal(tick);
        let tables: Vec<&GroupTable> = contributions.values().collect();
        let mut directory = std::mem::take(&mut self.directory);
        directory.fill(&tables, &|_, _| true);
        let mut new = Vec::new();
        for i in 0..directory.len() {
            directory.parts(i, &tables, &mut new);
            self.correct_group(tick, &new);
            if self.out.bytes.len() > BATCH_BYTES {
                emit(time, &mut self.out);
                self.out.clear();
            }
        }
        self.directory = directory;
        drop(tables);
        if !self.out.heads.is_empty() {
            emit(time, &mut self.out);
            self.out.clear();
        }
        for (slice, table) in contributions {
            self.keep(slice, table);
        }
    }

    fn correct_group(&mut self, tick: i64, new: &[(&GroupTable, u32)]) {
        let key: &[u8] = new[0].0.key(new[0].1);
        let time = tick + self.spec.tick;
        let spans: Vec<_> = new.iter().map(|(table, group)| self.span(table, *group)).collect();
        let known = self.groups.get_key_value(key).map(|(key, _)| Rc::clone(key));
        let key: Rc<[u8]> = known.unwrap_or_else(|| Rc::from(key));
        let mut sessions = self.groups.remove(&key).unwrap_or_default();
        // Those that were stated and are now part of another, and those that others became part of.
        let mut olds: Vec<Session> = Vec::new();
        for (first, last) in spans.iter().flatten() {
            let one = Session { first: *first, last: *last, stated: None, next: 0 };
            join(&mut sessions, one, self.gap, &mut |old| olds.push(*old));
        }
        for session in &mut sessions {
            let touched = spans.iter().flatten().any(|(first, _)| session.first <= *first && *first <= session.last);
            if !touched {
                continue;
            }
            let within = |old: &&Session| session.first <= old.first && old.last <= session.last;
            let old: Vec<Session> = olds.iter().filter(within).copied().collect();
            let before = (self.out.heads.len(), self.out.bytes.len());
            let mut parts = Vec::new();
            for old in &old {
                parts.clear();
                gather(&self.slices, self.gap, &key, old, &mut parts);
                let revision = old.stated.unwrap_or(0);
                let head = head(self.part, time, old, self.gap, revision, Op::Retract);
                push_row(&mut self.out, head, &key, &mut self.answers, &parts);
            }
            let due = (session.last + self.gap).div_euclid(self.spec.tick) * self.spec.tick + self.spec.tick;
            if due > tick {
                self.timers.entry(due).or_default().push(Rc::clone(&key));
                continue;
            }
            parts.clear();
            gather(&self.slices, self.gap, &key, session, &mut parts);
            let mine = new
                .iter()
                .zip(&spans)
                .filter(|(_, span)| span.is_some_and(|(first, _)| session.first <= first && first <= session.last));
            parts.extend(mine.map(|(part, _)| *part));
            let row = head(self.part, time, session, self.gap, session.next, Op::Assert);
            push_row(&mut self.out, row, &key, &mut self.answers, &parts);
            if let [same] = old[..]
                && (same.first, same.last) == (session.first, session.last)
            {
                let n = self.out.heads.len();
                let (a, b) = (self.out.row(n - 2), self.out.row(n - 1));
                if a.values == b.values && a.head.approximate == b.head.approximate {
                    self.out.heads.truncate(before.0);
                    self.out.bytes.truncate(before.1);
                    *session = same;
                    continue;
                }
            }
            self.stated.corrections += 1;
            session.stated = Some(session.next);
            session.next += 1;
        }
        self.groups.insert(key, sessions);
    }

    /// Drops what no later contribution can reach, and draws together what goes on (rule 6).
    fn expire(&mut self, frontier: i64) {
        let behind = 3 * self.gap + self.spec.lateness;
        while let Some(entry) = self.slices.first_entry().filter(|e| *e.key() + behind <= frontier) {
            let (slice, mut part) = entry.remove_entry();
            part.table.seal();
            let table = part.table;
            for group in 0..table.len() as u32 {
                let key = table.key(group);
                let Some(sessions) = self.groups.get_mut(key) else { continue };
                let Some(at) = sessions.iter().position(|s| s.last >= slice) else { continue };
                if sessions[at].last < slice + self.gap {
                    sessions.remove(at);
                    if sessions.is_empty() {
                        self.groups.remove(key);
                    }
                    continue;
                }
                // Its next event is at most a gap away, so in the next slice.
                if let Some(next) = self.slices.get_mut(&(slice + self.gap)) {
                    let mine = next.table.group(table.hash(group), key);
                    next.table.merge_group(mine, &table, group);
                    next.dirty = true;
                }
            }
            self.recycle(table);
        }
    }

    /// An empty table that was used before, where there is one.
    pub fn spare(&mut self) -> Option<GroupTable> {
        self.spare.pop()
    }

    /// Bytes held, groups and slices, for the metrics.
    pub fn size(&self) -> (usize, usize, usize) {
        let waiting = self.fresh.values().chain(self.late.values().flat_map(|m| m.values()));
        let tables = || self.slices.values().map(|p| &p.table);
        let each = 2 * size_of::<Session>() + 64;
        let bytes = tables().chain(waiting).map(GroupTable::bytes).sum::<usize>() + self.groups.len() * each;
        (bytes, tables().map(GroupTable::len).sum(), self.slices.len())
    }

    /// What was stated so far.
    pub fn stated(&self) -> Stated {
        self.stated
    }
}

fn head(part: u32, time: i64, session: &Session, gap: i64, revision: u32, op: Op) -> RowHead {
    RowHead {
        time,
        window_start: session.first,
        window_end: session.last + gap,
        part,
        revision,
        early: 0,
        approximate: 0,
        start: 0,
        key_len: 0,
        values_len: 0,
        op,
    }
}

/// Where the states of a group's session are.
fn gather<'a>(
    slices: &'a BTreeMap<i64, Part>,
    gap: i64,
    key: &[u8],
    session: &Session,
    parts: &mut Vec<(&'a GroupTable, u32)>,
) {
    let hash = crate::event::key::hash(key);
    let first = session.first.div_euclid(gap) * gap;
    let tables = slices.range(first..=session.last).map(|(_, part)| &part.table);
    parts.extend(tables.filter_map(|table| table.find(hash, key).map(|group| (table, group))));
}

/// Makes `new` one with all sessions that it touches, which stay ordered and apart; `was` hears of those that were
/// stated. Gives the place of the result, and whether there was one to join.
fn join(sessions: &mut Vec<Session>, mut new: Session, gap: i64, was: &mut dyn FnMut(&Session)) -> (usize, bool) {
    let from = sessions.partition_point(|s| s.last + gap < new.first);
    let mut to = from;
    while let Some(other) = sessions.get(to).filter(|s| s.first <= new.last + gap) {
        if other.stated.is_some() {
            was(other);
        }
        new.first = new.first.min(other.first);
        new.last = new.last.max(other.last);
        new.next = new.next.max(other.next);
        to += 1;
    }
    sessions.splice(from..to, [new]);
    (from, to > from)
}

#[cfg(test)]
mod tests {
    use super::super::answer::Answer;
    use super::*;
    use crate::aggregate::{Call, Function, Tally};
    use crate::event::{Cell, key};

    /// Gap 10, lateness 20, tick 1; count and sum of column 0 by one text key, times in column 1.
    fn sessions(lateness: i64) -> Sessions {
        let call = |function, input| Call { function, input, filter: None };
        let (first, last) = (call(Function::Min, Some(1)), call(Function::Max, Some(1)));
        let layout = Layout::new(&[call(Function::CountRows, None), call(Function::Sum, Some(0)), first, last]);
        let answers = Answers::new(Arc::clone(&layout), vec![Answer::Call(0), Answer::Call(1)]);
        Sessions::new(WindowSpec::session(10, lateness, 1), 10, 3, layout, answers, Ends { first: 2, last: 3 })
    }

    fn add(sessions: &mut Sessions, name: &str, late: Option<i64>, events: &[(i64, i64)]) {
        for (time, value) in events {
            let mut bytes = Vec::new();
            key::encode(Cell::str(0, name.len() as u32), name.as_bytes(), &mut bytes);
            let table = sessions.table(time.div_euclid(10) * 10, late);
            let group = table.group(key::hash(&bytes), &bytes);
            let mut tally = Tally::new(table.layout());
            table.add(&[group], &[0], &[vec![Cell::int(*value)], vec![Cell::time(*time)]], &[], &mut tally);
        }
    }

    /// Rows as `time op[start,end) count sum revision`, in the order of the engine.
    fn advance(sessions: &mut Sessions, frontier: Option<i64>) -> Vec<String> {
        let mut all = RowBatch::default();
        sessions.advance(frontier, &mut |time, rows| {
            assert!(rows.iter().all(|r| r.head.time == time && r.head.part == 3));
            rows.iter().for_each(|row| all.push(row));
        });
        let mut rows: Vec<_> = all.iter().collect();
        rows.sort_by(|a, b| a.order(b));
        let say = |row: &crate::result::RowRef<'_>| {
            let values: Vec<String> = row.values().map(|v| format!("{v:?}")).collect();
            let h = row.head;
            let (sign, values) = (h.op.sign(), values.join(" "));
            format!("{} {sign}[{},{}) {values} r{}", h.time, h.window_start, h.window_end, h.revision)
        };
        rows.iter().map(say).collect()
    }

    #[test]
    fn a_distance_of_exactly_the_gap_joins_and_one_more_does_not() {
        let mut s = sessions(0);
        add(&mut s, "a", None, &[(0, 1), (10, 2), (21, 4)]);
        // An event at 20 could still join while the frontier is there.
        assert_eq!(advance(&mut s, Some(20)), [""; 0]);
        assert_eq!(advance(&mut s, Some(21)), ["21 +[0,20) Int(2) Int(3) r0"]);
        assert_eq!(advance(&mut s, Some(31)), [""; 0]);
        assert_eq!(advance(&mut s, None), ["32 +[21,31) Int(1) Int(4) r0"]);
        assert_eq!(s.stated(), Stated { rows: 2, ..Stated::default() });
    }

    #[test]
    fn a_late_event_that_bridges_takes_both_back_and_states_one() {
        let mut s = sessions(30);
        add(&mut s, "a", None, &[(0, 1), (18, 2)]);
        let rows = ["11 +[0,10) Int(1) Int(1) r0", "29 +[18,28) Int(1) Int(2) r0"];
        assert_eq!(advance(&mut s, Some(30)), rows);
        add(&mut s, "a", Some(30), &[(9, 4)]);
        let rows = ["31 -[0,10) Int(1) Int(1) r0", "31 +[0,28) Int(3) Int(7) r1", "31 -[18,28) Int(1) Int(2) r0"];
        assert_eq!(advance(&mut s, Some(31)), rows);
        // One that changes no bound is a plain correction.
        add(&mut s, "a", Some(31), &[(5, 8)]);
        assert_eq!(advance(&mut s, Some(32)), ["32 -[0,28) Int(3) Int(7) r1", "32 +[0,28) Int(4) Int(15) r2"]);
    }

    #[test]
    fn a_stated_session_that_joins_an_open_one_is_taken_back_and_stated_with_it() {
        let mut s = sessions(30);
        add(&mut s, "a", None, &[(0, 1), (18, 2)]);
        assert_eq!(advance(&mut s, Some(20)), ["11 +[0,10) Int(1) Int(1) r0"]);
        add(&mut s, "a", Some(20), &[(9, 4)]);
        let rows = ["21 -[0,10) Int(1) Int(1) r0", "29 +[0,28) Int(3) Int(7) r1"];
        assert_eq!(advance(&mut s, None), rows);
    }

    #[test]
    fn a_late_event_alone_is_a_session_of_its_own() {
        let mut s = sessions(30);
        add(&mut s, "a", Some(40), &[(25, 1), (36, 2)]);
        assert_eq!(s.next_time(), Some(41));
        let rows = ["41 +[25,35) Int(1) Int(1) r0", "47 +[36,46) Int(1) Int(2) r0"];
        assert_eq!(advance(&mut s, None), rows);
    }

    #[test]
    fn a_session_that_never_ends_is_kept_in_few_slices_and_whole() {
        let mut s = sessions(20);
        let mut most = 0;
        for time in (0..10_000).step_by(7) {
            add(&mut s, "a", None, &[(time, 1)]);
            assert_eq!(advance(&mut s, Some(time)), [""; 0]);
            most = most.max(s.size().2);
        }
        assert!(most <= 7, "{most}");
        assert_eq!(advance(&mut s, Some(10_500)), ["10007 +[0,10006) Int(1429) Int(1429) r0"]);
        assert_eq!((s.size().1, s.size().2, s.groups.len(), s.timers.len()), (0, 0, 0, 0));
    }
}
