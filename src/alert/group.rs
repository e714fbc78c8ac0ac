//! The rows of one group in any order, with corrections, into what is to be said of its alerts and what to take back.
//!
//! Rows that can still be corrected are kept; of all before them there is only the phase they have led to. A row that comes
//! in order goes on from the phase at the tip; any other row makes the life since the kept phase anew, and the difference is
//! said.

use super::life::{Kind, Moment, Phase, Said};
use super::{Rule, State};
use crate::result::Op;
use serde::{Deserialize, Serialize};

/// A revision that is not said any more: of which alert and state, when the change was, and how often it was said.
type TakenBack = ((i64, Option<u64>), State, i64, u32);

/// The life of the alerts of one group.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Group {
    /// After all rows that cannot change any more.
    base: Phase,
    /// The last of them, where an alert is open.
    base_row: Option<Moment>,
    /// Rows that can, in order.
    rows: Vec<Moment>,
    /// After all rows, and the time up to `clock`.
    tip: Phase,
    /// The time that has passed.
    clock: i64,
    /// What was said since `base`, in order.
    said: Vec<Said>,
    taken_back: Vec<TakenBack>,
}

/// What hears what is said: the change, at which time, and whether it holds or is taken back.
pub(super) type Say<'a> = &'a mut dyn FnMut(&Said, i64, Op);

impl Group {
    /// A group that nothing is known of.
    pub fn new() -> Self {
        Self { clock: i64::MIN, ..Self::default() }
    }

    /// When something changes next if no row comes.
    pub(super) fn deadline(&self, rule: &Rule) -> Option<i64> {
        self.tip.deadline(rule)
    }

    /// When there is something to forget: the time after which nothing of the first of what is kept can change.
    pub(super) fn forgets_at(&self, rule: &Rule) -> Option<i64> {
        let row = self.rows.first().map(Moment::at);
        let said = self.said.first().map(|said| said.at);
        let back = self.taken_back.iter().map(|(_, _, at, _)| *at).min();
        row.into_iter().chain(said).chain(back).min().map(|at| at.saturating_add(rule.keep))
    }

    /// True where nothing needs to be known of it.
    pub(super) fn is_gone(&self, rule: &Rule) -> bool {
        self.rows.is_empty()
            && self.said.is_empty()
            && self.taken_back.is_empty()
            && self.tip.kind == Kind::Quiet
            && self.deadline(rule).is_none()
    }

    /// Alerts that are pending, and that fire or have no data.
    pub(super) fn open(&self) -> (usize, usize) {
        match self.tip.kind {
            Kind::Quiet => (0, 0),
            Kind::Pending { .. } => (1, 0),
            Kind::Firing { .. } | Kind::Silent { .. } => (0, 1),
        }
    }

    /// Bytes, roughly.
    pub(super) fn bytes(&self) -> usize {
        let row = |row: &Moment| std::mem::size_of::<Moment>() + row.values.len();
        std::mem::size_of::<Self>()
            + self.rows.iter().chain(&self.base_row).map(row).sum::<usize>()
            + self.said.iter().map(|said| std::mem::size_of::<Said>() + said.row.values.len()).sum::<usize>()
    }

    /// Lets time pass, up to and with `until`: each change is said at its own time.
    pub(super) fn pass(&mut self, rule: &Rule, until: i64, say: Say<'_>) {
        if until <= self.clock {
            return;
        }
        self.clock = until;
        let from = self.said.len();
        self.pass_tip(rule, until);
        self.tell(rule, from, None, say);
    }

    /// Says what has just been derived, from `from` on; where `time` is not given each at its own.
    fn tell(&mut self, rule: &Rule, from: usize, time: Option<i64>, say: Say<'_>) {
        for said in &mut self.said[from..] {
            let time = time.unwrap_or(said.at);
            said.revision = revision(&self.taken_back, said, time, rule);
            say(said, time, Op::Assert);
        }
    }

    /// Takes the updates of one time, after all before it. What they say is said at that time.
    pub(super) fn update(&mut self, rule: &Rule, time: i64, updates: &mut Vec<(Moment, Op)>, say: Say<'_>) {
        self.pass(rule, time.saturating_sub(1), say);
        if rule.running && updates.iter().all(|(_, op)| *op == Op::Retract) {
            // The row is gone and none has taken its place: what was asked of it does not hold from now on.
            updates.truncate(1);
            for (row, op) in updates.iter_mut() {
                (row.window.1, row.holds, row.ends, *op) = (time, false, true, Op::Assert);
            }
        }
        // What replaces another comes first, so that each is there to be taken back.
        updates.sort_by(|(a, op), (b, other)| (*other, a.order()).cmp(&(*op, b.order())));
        let from = self.said.len();
        let mut anew = false;
        for (row, op) in updates.drain(..) {
            match op {
                Op::Retract if rule.running => {}
                Op::Retract => {
                    if let Ok(at) = self.rows.binary_search_by(|one| one.order().cmp(&row.order())) {
                        self.rows.remove(at);
                        anew = true;
                    }
                }
                Op::Assert => {
                    let at = self.rows.partition_point(|one| one.order() <= row.order());
                    anew |= at < self.rows.len() || self.said.last().is_some_and(|said| said.at >= row.at());
                    if !anew {
                        self.pass_tip(rule, row.at().saturating_sub(1));
                        let said = &mut self.said;
                        self.tip.see(rule, &row, &mut |state, at, since, fired| {
                            said.push(change(rule, (state, at, since, fired), &row));
                        });
                    }
                    self.rows.insert(at, row);
                }
            }
        }
        if anew {
            // Nothing of this time has been told yet.
            self.said.truncate(from);
            self.derive(rule, time, say);
        } else {
            self.pass_tip(rule, self.clock);
            self.tell(rule, from, Some(time), say);
        }
    }

    /// Lets time pass at the tip, with the last row behind what it brings.
    fn pass_tip(&mut self, rule: &Rule, until: i64) {
        let Some(row) = self.rows.last().or(self.base_row.as_ref()) else { return };
        let said = &mut self.said;
        self.tip.pass(rule, until, &mut |state, at, since, fired| {
            said.push(change(rule, (state, at, since, fired), row));
        });
    }

    /// Makes the life since `base` anew and says what is other.
    fn derive(&mut self, rule: &Rule, time: i64, say: Say<'_>) {
        let mut now: Vec<Said> = Vec::new();
        let mut tip = self.base;
        let mut before = self.base_row.as_ref();
        for row in &self.rows {
            // What time brings before the row has the row before it behind it.
            if let Some(before) = before {
                tip.pass(rule, row.at().saturating_sub(1), &mut |state, at, since, fired| {
                    now.push(change(rule, (state, at, since, fired), before));
                });
            }
            tip.see(rule, row, &mut |state, at, since, fired| {
                now.push(change(rule, (state, at, since, fired), row));
            });
            before = Some(row);
        }
        if let Some(before) = before {
            tip.pass(rule, self.clock, &mut |state, at, since, fired| {
                now.push(change(rule, (state, at, since, fired), before));
            });
        }
        self.tip = tip;
        let old = std::mem::replace(&mut self.said, now);
        let mut known = vec![false; self.said.len()];
        for said in old {
            let same = (0..known.len()).find(|i| !known[*i] && self.said[*i].same(&said));
            match same {
                Some(i) => {
                    known[i] = true;
                    self.said[i].revision = said.revision;
                }
                None => {
                    let (mark, state) = (said.mark(), said.state);
                    say(&said, time, Op::Retract);
                    // What could be forgotten is, so that it does not matter whether it was.
                    self.taken_back.retain(|back| back.2.saturating_add(rule.keep) > time);
                    match self.taken_back.iter_mut().find(|back| (back.0, back.1) == (mark, state)) {
                        Some(back) => (back.2, back.3) = (back.2.max(said.at), back.3.max(said.revision + 1)),
                        None => self.taken_back.push((mark, state, said.at, said.revision + 1)),
                    }
                }
            }
        }
        for i in (0..known.len()).filter(|i| !known[*i]) {
            self.said[i].revision = revision(&self.taken_back, &self.said[i], time, rule);
            say(&self.said[i], time, Op::Assert);
        }
    }

    /// Forgets what can no longer change once everything below `frontier` is known.
    pub(super) fn forget(&mut self, rule: &Rule, frontier: i64) {
        let horizon = frontier.saturating_sub(rule.keep);
        let n = self.rows.partition_point(|row| row.at() <= horizon);
        let mut told = 0;
        for row in self.rows.drain(..n) {
            self.base.see(rule, &row, &mut |_, _, _, _| told += 1);
            self.base_row = Some(row);
        }
        // Time that no row can come into any more.
        self.base.pass(rule, horizon.min(self.clock), &mut |_, _, _, _| told += 1);
        self.said.drain(..told.min(self.said.len()));
        self.taken_back.retain(|(_, _, at, _)| *at > horizon);
        if self.is_gone(rule) {
            self.base_row = None;
        }
    }
}

/// The revision of a change that is said at `time`: how often it was taken back, as long as that can be known.
fn revision(taken_back: &[TakenBack], said: &Said, time: i64, rule: &Rule) -> u32 {
    let mark = said.mark();
    let known = |back: &&TakenBack| (back.0, back.1) == (mark, said.state) && back.2.saturating_add(rule.keep) > time;
    taken_back.iter().find(known).map_or(0, |back| back.3)
}

fn change(rule: &Rule, (state, at, since, fired): (State, i64, i64, Option<i64>), row: &Moment) -> Said {
    Said { state, at, since, fired, row: row.clone(), once: rule.moments && rule.linger == 0, revision: 0 }
}
