//! How far event time has come, into the steps that are traced, and how far each of them has come; pure.
//!
//! A step of event time is known by the tick at its end. It is decided when event time is first seen to reach it, once and for all. It has passed when
//! the frontier behind everything has, and it is done when the sinks have written its rows too.
//!
//! Invariant: at most [`MOST_OPEN`] steps are under way and [`KEPT`] known; where event time stands still no more is taken.

use super::id::TraceId;
use super::sample::{Sampler, best};
use std::collections::VecDeque;

/// Steps that are under way.
pub(super) const MOST_OPEN: usize = 8;
/// Steps that are known: those of alerts that are told later, too.
pub(super) const KEPT: usize = 64;

/// A step that is traced.
#[derive(Debug, Clone, Copy)]
pub(super) struct Traced {
    /// Its end, event time in microseconds.
    pub(super) tick: i64,
    /// Its trace.
    pub(super) id: TraceId,
    /// When the first span of it began in this process.
    pub(super) began: u64,
    /// The frontier has passed it.
    pub(super) passed: bool,
    /// Sinks that have its rows in hand.
    pub(super) waiting: u32,
    /// All has been said, but for who is told of alerts.
    pub(super) done: bool,
}

/// The steps.
#[derive(Debug)]
pub(super) struct Ticks {
    step: i64,
    run: [u8; 16],
    sampler: Sampler,
    decided: i64,
    known: VecDeque<Traced>,
}

impl Ticks {
    /// Steps of `step` microseconds of a run, of which about one in `every` nanoseconds of the clock is traced.
    pub(super) fn new(run: [u8; 16], step: i64, every: u64) -> Self {
        Self { step: step.max(1), run, sampler: Sampler::new(every), decided: i64::MIN, known: VecDeque::new() }
    }

    /// Event time has come from `from` to `to` somewhere in the process; true where a step is traced from now on.
    pub(super) fn sight(&mut self, from: i64, to: i64, now: u64) -> bool {
        if to <= self.decided {
            return false;
        }
        // At first it comes from nowhere: then only the last step counts.
        let least = if self.decided == i64::MIN { to.saturating_sub(self.step - 1) } else { self.decided + 1 };
        self.decided = to;
        let Some((tick, level)) = best(self.step, from.max(least), to) else { return false };
        if self.open() >= MOST_OPEN || !self.sampler.takes(level, now) {
            return false;
        }
        if self.known.len() >= KEPT
            && let Some(at) = self.known.iter().position(|one| one.done)
        {
            self.known.remove(at);
        }
        let id = TraceId::of_tick(&self.run, tick);
        self.known.push_back(Traced { tick, id, began: now, passed: false, waiting: 0, done: false });
        true
    }

    /// Steps that are under way.
    pub(super) fn open(&self) -> usize {
        self.known.iter().filter(|one| !one.done).count()
    }

    /// Those that are known, the earliest first.
    pub(super) fn known(&self) -> impl Iterator<Item = &Traced> {
        self.known.iter()
    }

    /// Those that are known, to be changed.
    pub(super) fn known_mut(&mut self) -> impl Iterator<Item = &mut Traced> {
        self.known.iter_mut()
    }

    /// The step at `tick`, where it is traced.
    pub(super) fn find(&mut self, tick: i64) -> Option<&mut Traced> {
        self.known.iter_mut().find(|one| one.tick == tick)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ticks(every: u64) -> Ticks {
        Ticks::new([7; 16], 10, every)
    }

    fn known(ticks: &Ticks) -> Vec<i64> {
        ticks.known().map(|one| one.tick).collect()
    }

    #[test]
    fn a_step_is_decided_once_where_it_is_seen_first() {
        let mut ticks = ticks(0);
        assert!(ticks.sight(i64::MIN, 47, 1));
        assert!(!ticks.sight(i64::MIN, 47, 2) && !ticks.sight(0, 40, 2) && !ticks.sight(47, 49, 2));
        // The best of those on the way.
        assert!(ticks.sight(47, 95, 3));
        assert!(!ticks.sight(47, 95, 3));
        assert_eq!(known(&ticks), [40, 80]);
        assert_eq!(ticks.find(80).unwrap().id, TraceId::of_tick(&[7; 16], 80));
        assert!(ticks.find(60).is_none());
    }

    #[test]
    fn where_nothing_passes_no_more_is_taken_and_what_is_kept_is_bounded() {
        let mut ticks = ticks(0);
        for i in 0..100 {
            ticks.sight(i * 10, i * 10 + 9, 1);
        }
        assert_eq!((ticks.open(), known(&ticks).len()), (MOST_OPEN, MOST_OPEN));
        for i in 100..300 {
            ticks.known_mut().for_each(|one| one.done = true);
            assert!(ticks.sight(i * 10, i * 10 + 9, 1));
        }
        assert_eq!((ticks.open(), known(&ticks).len()), (1, KEPT));
        assert_eq!(known(&ticks).last(), Some(&2990));
    }
}
