//! Rows of alerts, turned into what each alert is now and how it came to that.
//!
//! Invariants:
//! 1. A change is here that was asserted and not taken back; an alert of which nothing is left is gone.
//! 2. What fires, is pending or has no data stays, however long ago it began. What is over leaves first when it is older than the
//!    history or there is too much, the oldest first; only where that is not enough do others leave, and that is counted.
//!    What was not over when an earlier run ended is shown as it was, until this run says something of it or has come further than the
//!    history: nobody knows whether it is over.
//! 3. Memory is bounded: by bytes, by the number of alerts, and by [`FACTS`] changes of one.
//!
//! Cost: a search in two trees for each row of an alert.

use super::store::{Bounds, Row};
use crate::alert::{State, Told};
use crate::plan::AlertPlan;
use crate::result::{Op, RowBatch, RowRef};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Changes of one alert that are kept: the first, and the newest.
const FACTS: usize = 200;
/// Alerts that are kept.
const ALERTS: usize = 50_000;

/// One alert: its changes, in order.
#[derive(Debug, Clone, Default)]
pub(super) struct Life {
    facts: Vec<(i64, State, Arc<Row>)>,
    /// A match that fires and is over without a word.
    moment: bool,
    /// Some of its changes are of an earlier run; this run may state them again.
    restored: bool,
    /// This run has said nothing of it.
    earlier: bool,
}

impl Life {
    /// What it is now.
    pub(super) fn state(&self) -> State {
        match self.facts.last() {
            Some((_, State::Firing, _)) if self.moment => State::Resolved,
            Some((_, state, _)) => *state,
            None => State::Resolved,
        }
    }

    /// When its last change was.
    pub(super) fn at(&self) -> i64 {
        self.facts.last().map_or(i64::MIN, |(at, ..)| *at)
    }

    /// True until it is over.
    pub(super) fn is_active(&self) -> bool {
        !matches!(self.state(), State::Resolved | State::Corrected)
    }

    /// True where all that is known of it was said by an earlier run.
    pub(super) fn is_of_earlier_run(&self) -> bool {
        self.earlier
    }

    /// The row of its last change.
    pub(super) fn row(&self) -> Option<&Arc<Row>> {
        self.facts.last().map(|(.., row)| row)
    }

    /// The rows of all its changes that are kept, in order.
    pub(super) fn rows(&self) -> impl Iterator<Item = &Arc<Row>> {
        self.facts.iter().map(|(.., row)| row)
    }

    fn weight(&self) -> usize {
        self.facts.iter().map(|(.., row)| row.weight() + 32).sum::<usize>() + 200
    }
}

/// Where an alert stands in the order in which they leave: first what is over or of an earlier run, then by its last change.
type Turn = (bool, i64, u32, String);

/// The alerts of a run.
#[derive(Debug)]
pub(super) struct Book {
    /// For each part that is an alert, whether its alerts are moments.
    parts: BTreeMap<u32, bool>,
    lives: BTreeMap<(u32, String), Life>,
    turns: BTreeSet<Turn>,
    bytes: usize,
    newest: i64,
    /// The newest statement of an earlier run.
    earlier: i64,
    left_out: u64,
    bounds: Bounds,
}

impl Book {
    /// An empty book for the alerts of a plan.
    pub(super) fn new(alerts: &[AlertPlan], bounds: Bounds) -> Self {
        Self::of(
            alerts.iter().map(|alert| (alert.part, alert.rule.moments && alert.rule.linger == 0)).collect(),
            bounds,
        )
    }

    /// `parts`: those that are alerts, and whether their alerts are moments.
    fn of(parts: BTreeMap<u32, bool>, bounds: Bounds) -> Self {
        let (lives, turns) = (BTreeMap::new(), BTreeSet::new());
        Self { parts, lives, turns, bytes: 0, newest: i64::MIN, earlier: i64::MIN, left_out: 0, bounds }
    }

    /// Takes the updates of complete times, in their final order; those that are of no alert are left out.
    pub(super) fn take(&mut self, batch: &RowBatch) {
        if self.parts.is_empty() {
            return;
        }
        for row in batch.iter() {
            self.newest = self.newest.max(row.head.time);
            if let Some(moment) = self.parts.get(&row.head.part).copied() {
                self.one(row, moment, false);
            }
        }
        self.trim(self.newest);
    }

    /// Takes a row that an earlier run has stated; those of no alert are left out.
    pub(super) fn restore(&mut self, row: RowRef<'_>) {
        if let Some(moment) = self.parts.get(&row.head.part).copied() {
            self.one(row, moment, true);
            self.trim(i64::MIN);
        }
    }

    /// All rows of earlier runs are here; `newest`: the newest statement of theirs.
    pub(super) fn restored(&mut self, newest: i64) {
        self.earlier = newest;
        let turns = self.lives.iter().map(|((part, id), life)| self.turn(life, *part, id)).collect();
        self.turns = turns;
        self.trim(newest);
    }

    fn turn(&self, life: &Life, part: u32, id: &str) -> Turn {
        let of_earlier = life.earlier && life.is_active();
        let at = if of_earlier { life.at().max(self.earlier) } else { life.at() };
        (life.is_active() && !of_earlier, at, part, id.to_owned())
    }

    fn trim(&mut self, newest: i64) {
        let least = newest.saturating_sub(self.bounds.history);
        while let Some((stays, at, part, id)) = self.turns.first()
            && ((!stays && *at < least) || self.lives.len() > ALERTS || self.bytes > self.bounds.bytes)
        {
            let (stays, place) = (*stays, (*part, id.clone()));
            self.turns.pop_first();
            self.left_out += u64::from(stays);
            if let Some(life) = self.lives.remove(&place) {
                self.bytes -= life.weight();
            }
        }
    }

    fn one(&mut self, row: RowRef<'_>, moment: bool, earlier: bool) {
        let Some(told) = Told::of(row) else { return };
        let Some(state) = State::ALL.into_iter().find(|state| state.word() == told.state) else { return };
        let place = (row.head.part, told.id);
        let mut life = match self.lives.remove(&place) {
            Some(life) => {
                self.bytes -= life.weight();
                self.turns.remove(&self.turn(&life, place.0, &place.1));
                life
            }
            None => Life { moment, earlier, ..Life::default() },
        };
        life.restored |= earlier;
        life.earlier &= earlier;
        let same = |one: &RowRef<'_>| {
            let times = |row: &RowRef<'_>| (row.head.window_start, row.head.window_end);
            one.values == row.values && one.key == row.key && times(one) == times(&row)
        };
        let found = |life: &Life| life.facts.iter().position(|(.., one)| same(&one.get()));
        match row.head.op {
            // Stated again.
            Op::Assert if life.restored && found(&life).is_some() => {}
            Op::Assert => {
                let at = life.facts.partition_point(|(at, other, _)| (*at, *other) <= (told.at, state));
                life.facts.insert(at, (told.at, state, Arc::new(Row::new(row))));
                if life.facts.len() > FACTS {
                    life.facts.remove(1);
                }
            }
            Op::Retract => {
                found(&life).map(|at| life.facts.remove(at));
            }
        }
        if !life.facts.is_empty() {
            self.bytes += life.weight();
            self.turns.insert(self.turn(&life, place.0, &place.1));
            self.lives.insert(place, life);
        }
    }

    /// Alerts that are not over, and those that were not when an earlier run ended.
    pub(super) fn active(&self) -> impl Iterator<Item = (u32, &Life)> {
        let mut earlier: Vec<_> = self.turned(false).filter(|(_, life)| life.is_active()).collect();
        earlier.sort_by_key(|(_, life)| std::cmp::Reverse(life.at()));
        self.turned(true).chain(earlier)
    }

    /// Alerts that are over, the newest first.
    pub(super) fn over(&self) -> impl Iterator<Item = (u32, &Life)> {
        self.turned(false).filter(|(_, life)| !life.is_active())
    }

    fn turned(&self, active: bool) -> impl Iterator<Item = (u32, &Life)> {
        let low = (active, i64::MIN, 0, String::new());
        let found = self.turns.range(low..).take_while(move |turn| turn.0 == active);
        let found: Vec<_> = found.filter_map(|(_, _, part, id)| Some((*part, self.life(*part, id)?))).collect();
        found.into_iter().rev()
    }

    fn life(&self, part: u32, id: &str) -> Option<&Life> {
        self.lives.get(&(part, id.to_owned()))
    }

    /// An alert, with the part of its rule.
    pub(super) fn find(&self, id: &str) -> Option<(u32, &Life)> {
        self.parts.keys().find_map(|part| Some((*part, self.life(*part, id)?)))
    }

    /// Alerts that had to leave although they were not over.
    pub(super) fn left_out(&self) -> u64 {
        self.left_out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Cell, key};
    use crate::result::RowHead;

    const WIDE: Bounds = Bounds { history: 1000, rows: 1000, bytes: 1 << 20, changes: 1000, change_bytes: 1 << 20 };

    fn book(bounds: Bounds, moment: bool) -> Book {
        Book::of([(1, moment)].into(), bounds)
    }

    fn row(op: Op, id: &str, state: State, (at, since): (i64, i64)) -> RowBatch {
        let mut batch = RowBatch::default();
        let mut head = RowHead::new(1, at, (since, at));
        head.op = op;
        for text in [id, state.word()] {
            key::encode_value(Cell::str(0, text.len() as u32), text.as_bytes(), &mut batch.bytes);
        }
        for time in [at, since, since] {
            key::encode_value(Cell::time(time), &[], &mut batch.bytes);
        }
        for text in ["critical", "it is so"] {
            key::encode_value(Cell::str(0, text.len() as u32), text.as_bytes(), &mut batch.bytes);
        }
        head.values_len = batch.bytes.len() as u32;
        batch.heads.push(head);
        batch
    }

    fn ids(book: &Book) -> (Vec<i64>, Vec<i64>) {
        (book.active().map(|(_, life)| life.at()).collect(), book.over().map(|(_, life)| life.at()).collect())
    }

    #[test]
    fn what_is_over_leaves_with_the_history_and_what_fires_stays() {
        let mut book = book(WIDE, false);
        book.take(&row(Op::Assert, "a", State::Firing, (10, 10)));
        book.take(&row(Op::Assert, "b", State::Firing, (20, 20)));
        book.take(&row(Op::Assert, "b", State::Resolved, (30, 20)));
        assert_eq!(ids(&book), (vec![10], vec![30]));
        assert_eq!(book.find("b").unwrap().1.rows().count(), 2);
        book.take(&row(Op::Assert, "c", State::Firing, (1500, 1500)));
        assert_eq!(ids(&book), (vec![1500, 10], vec![]));
        assert!(book.find("b").is_none() && book.left_out() == 0);
    }

    #[test]
    fn a_correction_takes_back_what_was_said() {
        let mut book = book(WIDE, false);
        book.take(&row(Op::Assert, "a", State::Firing, (10, 10)));
        book.take(&row(Op::Assert, "a", State::Resolved, (30, 10)));
        book.take(&row(Op::Retract, "a", State::Resolved, (30, 10)));
        assert_eq!(ids(&book), (vec![10], vec![]));
        book.take(&row(Op::Retract, "a", State::Firing, (10, 10)));
        assert_eq!(ids(&book), (vec![], vec![]));
        assert_eq!(book.bytes, 0);
    }

    #[test]
    fn what_an_earlier_run_said_is_shown_until_this_one_says_something_or_has_gone_on() {
        let mut before = book(WIDE, false);
        for batch in [
            row(Op::Assert, "over", State::Firing, (5000, 5000)),
            row(Op::Assert, "over", State::Resolved, (5100, 5000)),
            row(Op::Assert, "long", State::Firing, (10, 10)),
            row(Op::Assert, "again", State::Firing, (4000, 4000)),
            row(Op::Assert, "old", State::Resolved, (20, 10)),
        ] {
            before.restore(batch.row(0));
        }
        before.restored(5500);
        // What is over leaves with the history; what was not stays, however long ago it began.
        assert_eq!(ids(&before), (vec![4000, 10], vec![5100]));
        assert!(before.active().all(|(_, life)| life.is_of_earlier_run()) && before.left_out() == 0);
        // The same is said again, and more.
        before.take(&row(Op::Assert, "again", State::Firing, (4000, 4000)));
        before.take(&row(Op::Assert, "over", State::Resolved, (5100, 5000)));
        let facts = |book: &Book, id: &str| book.find(id).map(|(_, life)| (life.rows().count(), life.earlier));
        assert_eq!((facts(&before, "again"), facts(&before, "over")), (Some((1, false)), Some((2, false))));
        assert_eq!(facts(&before, "long"), Some((1, true)));
        before.take(&row(Op::Assert, "new", State::Firing, (6600, 6600)));
        assert_eq!(ids(&before), (vec![6600, 4000], vec![]));
        before.take(&row(Op::Retract, "again", State::Firing, (4000, 4000)));
        before.take(&row(Op::Retract, "new", State::Firing, (6600, 6600)));
        assert_eq!((before.bytes, before.turns.len(), before.left_out()), (0, 0, 0));
    }

    #[test]
    fn a_match_is_over_at_once_and_too_many_leave_the_oldest_first() {
        let mut moments = book(WIDE, true);
        moments.take(&row(Op::Assert, "a", State::Firing, (10, 10)));
        assert_eq!(ids(&moments), (vec![], vec![10]));
        let mut small = book(Bounds { bytes: 2000, ..WIDE }, false);
        for i in 0..20 {
            small.take(&row(Op::Assert, &format!("{i}"), State::Firing, (i, i)));
        }
        assert!(small.bytes <= 2000 && small.left_out() > 0);
        assert_eq!(ids(&small).0[0], 19);
        for i in 0..2 * FACTS as i64 {
            small.take(&row(Op::Assert, "long", State::NoData, (30 + i, 30)));
        }
        assert!(small.bytes <= 2000);
    }
}
