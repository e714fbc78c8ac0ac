//! Moments at which a clock of events went on, turned into when it had passed a time.
//!
//! Invariant: both the clock and the moments ascend; at most [`KEPT`] of them are kept, the newest.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Steps that are kept. Who looks further back is given the oldest, so that the span since then is too short.
const KEPT: usize = 1_024;

/// When a clock reached what.
#[derive(Debug, Default)]
pub struct Reached(VecDeque<(i64, Instant)>);

impl Reached {
    /// The clock is at `clock`, by what came at `moment`.
    pub fn note(&mut self, clock: i64, moment: Instant) {
        match self.0.back_mut() {
            // What came at once is read in any order.
            Some((last, at)) if *last == i64::MAX && clock == i64::MAX => *at = moment.max(*at),
            Some((last, _)) if *last >= clock => {}
            Some((_, at)) => {
                let moment = moment.max(*at);
                if self.0.len() == KEPT {
                    self.0.pop_front();
                }
                self.0.push_back((clock, moment));
            }
            None => self.0.push_back((clock, moment)),
        }
    }

    /// No more will come: the clock is past all times, as from now.
    pub fn end(&mut self) {
        self.note(i64::MAX, Instant::now());
    }

    /// How long the clock has been past `time`; `None` where it is not.
    pub fn since(&self, time: i64) -> Option<Duration> {
        let at = self.0.partition_point(|(clock, _)| *clock <= time);
        self.0.get(at).map(|(_, moment)| moment.elapsed())
    }
}

/// This moment.
pub fn moment() -> Instant {
    Instant::now()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_when_the_clock_has_passed_it_then_is_as_old_as_the_first_step_beyond_it() {
        let mut reached = Reached::default();
        let start = Instant::now() - Duration::from_secs(1_000);
        let at = |s: u64| start + Duration::from_secs(s);
        assert_eq!(reached.since(0), None);
        for (clock, s) in [(10, 0), (20, 100), (20, 200), (15, 250), (30, 300), (40, 290)] {
            reached.note(clock, at(s));
        }
        let since = |reached: &Reached, time| reached.since(time).map(|span| span.as_secs() / 10 * 10);
        // By the step to 10, 20, 20, 30; that to 40 came no later than the one before.
        assert_eq!([5, 10, 19, 20].map(|time| since(&reached, time)), [1_000, 900, 900, 700].map(Some));
        assert_eq!((since(&reached, 39), since(&reached, 40)), (Some(700), None));
        reached.end();
        assert_eq!(since(&reached, i64::MAX - 1), Some(0));
        reached.note(50, at(999));
        assert_eq!(since(&reached, 45), Some(0));
    }

    #[test]
    fn steps_when_there_are_many_then_the_newest_are_kept() {
        let mut reached = Reached::default();
        let start = Instant::now();
        (0..5_000).for_each(|clock| reached.note(clock, start));
        assert_eq!((reached.0.len(), reached.0[0].0), (KEPT, 5_000 - KEPT as i64));
        assert!(reached.since(0).is_some() && reached.since(4_999).is_none());
    }
}
