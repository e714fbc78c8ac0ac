//! The pace of event time into the steps that are traced: about one in so much time of the clock.
//!
//! A step has a level: how often two divides its number. Those of a level are evenly spaced, and those of a higher level are among them.
//! Where they come too fast the least level is raised, where they come too slowly it is lowered. As processes see event time at one pace,
//! each comes to the same level by itself, and to the same steps: no message is needed. Where their levels differ, the steps of one are among those of
//! the other.
//!
//! Invariants: (1) two steps are never nearer than a third of the span; (2) where event time goes at one pace, they come to be from seven
//! tenths of it to not quite twice as far apart. Units: nanoseconds of the clock.

/// The highest level.
const HIGHEST: u32 = 40;

/// Which steps are traced.
#[derive(Debug)]
pub(super) struct Sampler {
    every: u64,
    level: u32,
    last: Option<u64>,
    /// How often the level was lowered since then.
    lowered: u64,
}

impl Sampler {
    pub(super) fn new(every: u64) -> Self {
        Self { every, level: 0, last: None, lowered: 0 }
    }

    /// Whether a step of level `level`, which is seen now, is traced.
    pub(super) fn takes(&mut self, level: u32, now: u64) -> bool {
        let gone = match self.last {
            Some(last) if self.every > 0 => now.saturating_sub(last),
            _ => {
                self.last = Some(now);
                return true;
            }
        };
        // Once more for each span that nothing comes: what is at hand is waited for.
        if gone > (self.every / 5 * 9).saturating_add(self.every.saturating_mul(self.lowered)) {
            self.lowered += 1;
            self.level = self.level.saturating_sub(1);
        }
        if level < self.level {
            return false;
        }
        if gone < self.every / 10 * 7 {
            self.level = (self.level + 1).min(HIGHEST);
        }
        if gone < self.every / 3 {
            return false;
        }
        (self.last, self.lowered) = (Some(now), 0);
        true
    }
}

/// Of the multiples of `step` from `from` to `to`, both among them, the one with the highest level, and the last of those; with its level.
pub(super) fn best(step: i64, from: i64, to: i64) -> Option<(i64, u32)> {
    let last = |level: u32| {
        let apart = step.checked_shl(level).filter(|apart| apart >> level == step && *apart > 0)?;
        Some(to.div_euclid(apart).checked_mul(apart)?).filter(|tick| *tick >= from)
    };
    let mut found = (last(0)?, 0);
    while found.1 < HIGHEST
        && let Some(tick) = last(found.1 + 1)
    {
        found = (tick, found.1 + 1);
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_step_of_a_stretch_is_the_one_that_two_divides_most_often() {
        for (from, to, found) in [
            (50, 50, Some((50, 0))),
            (51, 59, None),
            (10, 70, Some((40, 2))),
            (10, 30, Some((20, 1))),
            (-70, -10, Some((-40, 2))),
            (-30, 30, Some((0, HIGHEST))),
        ] {
            assert_eq!(best(10, from, to), found, "{from} to {to}");
        }
        assert_eq!(best(1, i64::MIN, i64::MAX).unwrap().1, HIGHEST);
        // Against the slow way.
        for from in -40..40i64 {
            for to in from..40 {
                let of = |n: i64| if n == 0 { HIGHEST } else { n.trailing_zeros() };
                let slow = (from..=to).filter(|t| t % 3 == 0).max_by_key(|t| (of(t / 3), *t));
                assert_eq!(best(3, from, to).map(|(tick, _)| tick), slow, "{from} to {to}");
            }
        }
    }

    /// The ticks that a process takes which sees tick n at the time that `at` gives.
    fn taken(every: u64, ticks: i64, at: impl Fn(i64) -> u64) -> Vec<(i64, u64)> {
        let mut sampler = Sampler::new(every);
        let seen = (1..=ticks).map(|tick| (tick, at(tick)));
        seen.filter(|(tick, now)| sampler.takes(tick.trailing_zeros(), *now)).collect()
    }

    #[test]
    fn about_one_is_taken_in_a_span_at_any_pace() {
        for pace in [1, 3, 10, 77, 1000, 5_000, 100_000, 2_000_000, 9_999_999] {
            let all = taken(1_000_000, 60_000_000 / pace as i64, |tick| tick as u64 * pace);
            let most = 60_000_000 / pace.max(700_000) as usize;
            assert!(all.len() >= most / 3 && all.len() <= most + 10, "{pace}: {}", all.len());
            for pair in all.windows(2) {
                assert!(pair[1].1 - pair[0].1 >= 333_333, "{pace}");
            }
            for pair in all[all.len() / 2..].windows(2) {
                let apart = pair[1].1 - pair[0].1;
                assert!((700_000..=1_800_000.max(pace)).contains(&apart), "{pace}: {apart}");
            }
        }
        assert_eq!(taken(0, 100, |tick| tick as u64).len(), 100);
    }

    #[test]
    fn it_goes_on_after_a_pause_and_when_the_pace_changes() {
        let at = |tick: i64| match tick {
            ..=50_000 => tick as u64 * 100,
            // A tick a second from there.
            _ => 5_000_000 + (tick as u64 - 50_000) * 1_000_000,
        };
        let all = taken(1_000_000, 50_060, at);
        // It was one of 8192 before.
        assert_eq!(all.iter().filter(|(tick, _)| *tick > 50_030).count(), 30, "{all:?}");
    }

    #[test]
    fn two_that_see_the_same_pace_a_little_apart_come_to_the_same_ticks() {
        for pace in [5_000u64, 33_000, 260_000, 1_000_000, 1_400_000] {
            let every = 1_000_000;
            let one = taken(every, 120_000_000 / pace as i64, |tick| tick as u64 * pace);
            // Up to 30 ms earlier or later each time.
            let jitter = |tick: i64| (tick as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 50;
            let two = taken(every, 120_000_000 / pace as i64, |tick| {
                (tick as u64 * pace + 16_000 + 2 * jitter(tick)).saturating_sub(16_384)
            });
            let both = one.iter().filter(|(tick, _)| two.iter().any(|(other, _)| other == tick)).count();
            assert!(both * 10 >= one.len() * 8, "{pace}: {both} of {} and {}", one.len(), two.len());
        }
    }
}
