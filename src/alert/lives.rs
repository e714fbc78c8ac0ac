//! Rows of a part, as they come, into the rows of an alert over it: for each group a life, and what is due when.
//!
//! In: updates of rows, in any order within a time; how far they are complete; and how far event time has come. Out: the rows
//! of the alert, by the time at which they are said, which depends on the content of the input alone.
//!
//! State: the rows that can still be corrected, the phase before them, and what was said; [`Lives::snapshot`] is all of it.
//! A group without anything open leaves when its last row can no longer be corrected.

use super::group::Group;
use super::life::Moment;
use super::{Rule, Shown, State};
use crate::event::Cell;
use crate::expr::{Program, Scratch};
use crate::result::{Columns, Op, RowBatch, RowRef, RowSchema};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// What was counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Tallies {
    /// Alerts that are pending.
    pub pending: u64,
    /// Alerts that fire, those without data among them.
    pub firing: u64,
    /// Times that one fired.
    pub fired: u64,
    /// Times that one was over.
    pub resolved: u64,
    /// Times that one had no data.
    pub no_data: u64,
    /// Times that one turned out not to have fired.
    pub corrected: u64,
    /// Rows that were said.
    pub rows: u64,
    /// Rows that were taken back or said anew.
    pub corrections: u64,
    /// Bytes, roughly.
    pub bytes: u64,
}

/// A group with what is due.
struct Slot {
    key: Box<[u8]>,
    life: Group,
    /// Rows that wait for their time to be complete.
    waiting: u32,
    /// When it is to be looked at for time alone, and when to forget.
    timer: Option<i64>,
    forget: Option<i64>,
    /// Bytes that are counted of it.
    bytes: u64,
}

/// All groups of one alert on one worker.
pub struct Lives {
    rule: Rule,
    shown: Arc<Shown>,
    conditions: (Option<Program>, Option<Program>),
    from: u32,
    columns: Columns,
    /// The values of the two conditions.
    found: [Vec<Cell>; 2],
    all: Vec<u32>,
    scratch: Scratch,
    groups: Vec<Option<Slot>>,
    by_key: HashMap<Box<[u8]>, u32>,
    free: Vec<u32>,
    waiting: BTreeMap<i64, Vec<(u32, Moment, Op)>>,
    timers: BTreeMap<i64, Vec<u32>>,
    forgets: BTreeMap<i64, Vec<u32>>,
    /// How far event time has come.
    known: i64,
    tallies: Tallies,
    updates: Vec<(Moment, Op)>,
}

/// The whole state, to be kept and read back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    groups: Vec<(Vec<u8>, Group)>,
    waiting: Vec<(i64, Vec<u8>, Moment, Op)>,
    known: i64,
    tallies: Tallies,
}

impl Lives {
    /// No groups. `from`: the part whose rows it looks at, and what they look like.
    pub fn new(
        rule: Rule,
        shown: Arc<Shown>,
        conditions: (Option<Program>, Option<Program>),
        (from, schema): (u32, &RowSchema),
    ) -> Self {
        Self {
            rule,
            shown,
            conditions,
            from,
            columns: Columns::new(schema, 0),
            found: Default::default(),
            all: Vec::new(),
            scratch: Scratch::default(),
            groups: Vec::new(),
            by_key: HashMap::new(),
            free: Vec::new(),
            waiting: BTreeMap::new(),
            timers: BTreeMap::new(),
            forgets: BTreeMap::new(),
            known: i64::MIN,
            tallies: Tallies::default(),
            updates: Vec::new(),
        }
    }

    /// What was counted so far.
    pub fn tallies(&self) -> Tallies {
        self.tallies
    }

    /// Groups that are known.
    pub fn groups(&self) -> usize {
        self.by_key.len()
    }

    /// Values that a condition could not compute.
    pub fn failures(&self) -> u64 {
        self.scratch.failures()
    }

    /// The first time at which something may be said.
    pub fn next_time(&self) -> Option<i64> {
        let first = |map: Option<&i64>| map.copied();
        let timer = self.timers.keys().next();
        first(self.waiting.keys().next()).into_iter().chain(first(timer)).min()
    }

    /// Takes rows; those of other parts are left out.
    pub fn take(&mut self, rows: &RowBatch) {
        self.columns.clear();
        rows.iter().filter(|row| row.head.part == self.from).for_each(|row| self.columns.push(row));
        let n = self.columns.len();
        self.all.clear();
        self.all.extend(0..n as u32);
        let mut bytes = std::mem::take(&mut self.columns.bytes);
        let conditions = [&self.conditions.0, &self.conditions.1];
        for (condition, found) in conditions.into_iter().zip(&mut self.found) {
            if let Some(program) = condition {
                program.eval(&self.columns.rows(), &mut bytes, &self.all, &mut self.scratch, found);
            }
        }
        let is = |condition: &Option<Program>, found: &[Cell], i: usize| {
            condition.as_ref().map(|_| found[i].value(&bytes).as_bool())
        };
        for (i, row) in rows.iter().filter(|row| row.head.part == self.from).enumerate() {
            let when = is(&self.conditions.0, &self.found[0], i).unwrap_or(Some(true));
            let until = is(&self.conditions.1, &self.found[1], i);
            let moment = Moment {
                window: (row.head.window_start, row.head.window_end),
                holds: when == Some(true),
                ends: until.map_or(when == Some(false), |until| until == Some(true)),
                approximate: row.head.approximate,
                values: row.values.to_vec(),
            };
            let slot = slot(row, &mut self.by_key, &mut self.groups, &mut self.free);
            self.waiting.entry(row.head.time).or_default().push((slot, moment, row.head.op));
        }
        self.columns.bytes = bytes;
    }

    /// Goes on to `frontier`: all rows below it are here; `None`: all rows are. `known`: event time has come this far, and
    /// what depends on time alone happens up to it. Rows are added to `out`, by the time at which they are said.
    pub fn advance(&mut self, frontier: Option<i64>, known: i64, out: &mut BTreeMap<i64, RowBatch>) {
        self.known = self.known.max(known);
        let below = |time: &i64| frontier.is_none_or(|frontier| *time < frontier);
        while let Some(entry) = self.waiting.first_entry().filter(|entry| below(entry.key())) {
            let (time, mut rows) = entry.remove_entry();
            rows.sort_by_key(|(slot, ..)| *slot);
            let mut rows = rows.into_iter().peekable();
            while let Some((slot, row, op)) = rows.next() {
                self.updates.push((row, op));
                while let Some((_, row, op)) = rows.next_if(|(next, ..)| *next == slot) {
                    self.updates.push((row, op));
                }
                self.turn(slot, out, |life, rule, updates, say| life.update(rule, time, updates, say));
            }
        }
        let known = self.known;
        while let Some(entry) = self.timers.first_entry().filter(|entry| below(entry.key()) && *entry.key() <= known) {
            let (time, slots) = entry.remove_entry();
            for slot in slots {
                if let Some(Some(of)) = self.groups.get_mut(slot as usize)
                    && of.timer == Some(time)
                {
                    of.timer = None;
                    self.turn(slot, out, |life, rule, _, say| life.pass(rule, time, say));
                }
            }
        }
        let Some(frontier) = frontier else { return };
        while let Some(entry) = self.forgets.first_entry().filter(|entry| *entry.key() <= frontier) {
            let (time, slots) = entry.remove_entry();
            for slot in slots {
                if let Some(Some(of)) = self.groups.get_mut(slot as usize)
                    && of.forget == Some(time)
                {
                    of.forget = None;
                    self.turn(slot, out, |life, rule, _, _| life.forget(rule, frontier));
                }
            }
        }
    }

    /// Gives up all that only time could bring: no more of it will come.
    pub fn end(&mut self) {
        self.timers.clear();
        self.groups.iter_mut().flatten().for_each(|slot| slot.timer = None);
    }

    /// Does something with a group, says and counts what comes of it, and sees when it is due next.
    fn turn(
        &mut self,
        slot: u32,
        out: &mut BTreeMap<i64, RowBatch>,
        act: impl FnOnce(&mut Group, &Rule, &mut Vec<(Moment, Op)>, &mut dyn FnMut(&super::life::Said, i64, Op)),
    ) {
        let Self { rule, shown, groups, tallies, updates, .. } = self;
        let Some(Some(of)) = groups.get_mut(slot as usize) else { return };
        of.waiting -= updates.len() as u32;
        let (pending, firing) = of.life.open();
        let (mut unfired, mut fired_again) = (0, 0);
        let key = &of.key;
        act(&mut of.life, rule, updates, &mut |said, time, op| {
            let first = op == Op::Assert && said.revision == 0;
            let fires = said.state == State::Firing && said.fired == Some(said.at);
            tallies.rows += u64::from(first);
            tallies.corrections += u64::from(!first);
            match said.state {
                State::Firing if fires && first => tallies.fired += 1,
                State::Firing if fires && op == Op::Retract => unfired += 1,
                State::Firing if fires => fired_again += 1,
                State::Resolved if first && said.fired.is_some() => tallies.resolved += 1,
                State::NoData if first => tallies.no_data += 1,
                _ => {}
            }
            shown.row(key, said, (time, op), out.entry(time).or_default());
        });
        tallies.corrected += u64::saturating_sub(unfired, fired_again);
        let now = of.life.open();
        tallies.pending = tallies.pending + now.0 as u64 - pending as u64;
        tallies.firing = tallies.firing + now.1 as u64 - firing as u64;
        let bytes = std::mem::replace(&mut of.bytes, of.life.bytes() as u64);
        tallies.bytes = tallies.bytes + of.bytes - bytes;
        if of.waiting == 0 && of.life.is_gone(rule) {
            tallies.bytes -= of.bytes;
            self.by_key.remove(&of.key);
            groups[slot as usize] = None;
            self.free.push(slot);
            return;
        }
        if let Some(at) = of.life.deadline(rule).filter(|at| of.timer.is_none_or(|timer| *at < timer)) {
            of.timer = Some(at);
            self.timers.entry(at).or_default().push(slot);
        }
        if of.forget.is_none()
            && let Some(at) = of.life.forgets_at(rule)
        {
            of.forget = Some(at);
            self.forgets.entry(at).or_default().push(slot);
        }
    }

    /// All of the state.
    pub fn snapshot(&self) -> Snapshot {
        let mut groups: Vec<(Vec<u8>, Group)> =
            self.groups.iter().flatten().map(|slot| (slot.key.to_vec(), slot.life.clone())).collect();
        groups.sort_by(|a, b| a.0.cmp(&b.0));
        let key = |slot: &u32| self.groups[*slot as usize].as_ref().map_or(Vec::new(), |slot| slot.key.to_vec());
        let waiting = self.waiting.iter().flat_map(|(time, rows)| rows.iter().map(move |row| (time, row)));
        let mut waiting: Vec<_> = waiting.map(|(time, (slot, row, op))| (*time, key(slot), row.clone(), *op)).collect();
        waiting.sort_by(|a, b| (a.0, &a.1, a.2.order(), a.3).cmp(&(b.0, &b.1, b.2.order(), b.3)));
        // Bytes are counted again when it is read.
        Snapshot { groups, waiting, known: self.known, tallies: Tallies { bytes: 0, ..self.tallies } }
    }

    /// Goes on from a state, where there was none.
    pub fn restore(&mut self, snapshot: Snapshot) {
        let Snapshot { groups, waiting, known, tallies } = snapshot;
        (self.known, self.tallies) = (known, Tallies { bytes: 0, ..tallies });
        for (key, life) in groups {
            let slot = slot_of(&key, &mut self.by_key, &mut self.groups, &mut self.free);
            if let Some(of) = &mut self.groups[slot as usize] {
                of.life = life;
            }
        }
        for (time, key, row, op) in waiting {
            let slot = slot_of(&key, &mut self.by_key, &mut self.groups, &mut self.free);
            if let Some(of) = &mut self.groups[slot as usize] {
                of.waiting += 1;
            }
            self.waiting.entry(time).or_default().push((slot, row, op));
        }
        for slot in 0..self.groups.len() as u32 {
            self.turn(slot, &mut BTreeMap::new(), |_, _, _, _| {});
        }
    }
}

/// The group of a row, which has a row more to wait for.
fn slot(
    row: RowRef<'_>,
    by_key: &mut HashMap<Box<[u8]>, u32>,
    groups: &mut Vec<Option<Slot>>,
    free: &mut Vec<u32>,
) -> u32 {
    let slot = slot_of(row.key, by_key, groups, free);
    if let Some(of) = &mut groups[slot as usize] {
        of.waiting += 1;
    }
    slot
}

fn slot_of(
    key: &[u8],
    by_key: &mut HashMap<Box<[u8]>, u32>,
    groups: &mut Vec<Option<Slot>>,
    free: &mut Vec<u32>,
) -> u32 {
    if let Some(slot) = by_key.get(key) {
        return *slot;
    }
    let slot = free.pop().unwrap_or_else(|| {
        groups.push(None);
        groups.len() as u32 - 1
    });
    groups[slot as usize] =
        Some(Slot { key: key.into(), life: Group::new(), waiting: 0, timer: None, forget: None, bytes: 0 });
    by_key.insert(key.into(), slot);
    slot
}
