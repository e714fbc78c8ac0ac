//! How long to wait before the next try, and when not to try at all; pure.

use std::time::{Duration, Instant};

/// The wait before try `n` again, n from 1 on: twice as long each time, up to `most`; `chance`, 0 to 1, leaves out up to half.
pub fn backoff(first: Duration, most: Duration, n: u64, chance: f64) -> Duration {
    let doublings = i32::try_from(n.saturating_sub(1).min(60)).unwrap_or(60);
    let whole = (first.as_secs_f64() * 2f64.powi(doublings)).min(most.as_secs_f64());
    Duration::try_from_secs_f64(whole * (1.0 - chance.clamp(0.0, 1.0) / 2.0)).unwrap_or(most)
}

/// Stops trying where nothing goes through: after `after` failures in a row for `pause`, then one try, and so on until one
/// goes through.
#[derive(Debug)]
pub struct Breaker {
    after: u64,
    pause: Duration,
    failures: u64,
    open_until: Option<Instant>,
}

/// Whether a try may be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Permit {
    /// Now.
    Now,
    /// Not before this moment.
    At(Instant),
}

impl Breaker {
    /// One that lets everything through at first.
    pub fn new(after: u64, pause: Duration) -> Self {
        Self { after: after.max(1), pause, failures: 0, open_until: None }
    }

    /// Whether a try may be made. Where it was closed for a while, the one who asks first after that makes the try, and all
    /// others wait for what comes of it.
    pub fn permit(&mut self, now: Instant) -> Permit {
        match self.open_until {
            Some(until) if now < until => Permit::At(until),
            Some(_) => {
                self.open_until = Some(now + self.pause);
                Permit::Now
            }
            None => Permit::Now,
        }
    }

    /// A try went through.
    pub fn passed(&mut self) {
        (self.failures, self.open_until) = (0, None);
    }

    /// A try failed.
    pub fn failed(&mut self, now: Instant) {
        self.failures = self.failures.saturating_add(1);
        if self.failures >= self.after {
            self.open_until = Some(now + self.pause);
        }
    }

    /// True while nothing is tried but one message now and then.
    pub fn is_open(&self) -> bool {
        self.open_until.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest_and_chance_leaves_out_up_to_half() {
        let ms = Duration::from_millis;
        let wait = |n, chance| backoff(ms(100), ms(1500), n, chance);
        assert_eq!([1, 2, 3, 4, 5, 6, 1000].map(|n| wait(n, 0.0).as_millis()), [100, 200, 400, 800, 1500, 1500, 1500]);
        assert_eq!((wait(3, 1.0), wait(3, 0.5)), (ms(200), ms(300)));
    }

    #[test]
    fn a_breaker_opens_lets_one_through_and_closes_when_that_passes() {
        let (start, pause) = (Instant::now(), Duration::from_secs(10));
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut breaker = Breaker::new(3, pause);
        for _ in 0..2 {
            assert_eq!(breaker.permit(start), Permit::Now);
            breaker.failed(start);
        }
        assert!(!breaker.is_open());
        breaker.failed(start);
        assert_eq!((breaker.is_open(), breaker.permit(at(9))), (true, Permit::At(at(10))));
        assert_eq!(breaker.permit(at(11)), Permit::Now);
        assert_eq!(breaker.permit(at(11)), Permit::At(at(21)), "one probe at a time");
        breaker.failed(at(12));
        assert_eq!(breaker.permit(at(13)), Permit::At(at(22)));
        assert_eq!(breaker.permit(at(22)), Permit::Now);
        breaker.passed();
        assert_eq!((breaker.is_open(), breaker.permit(at(22))), (false, Permit::Now));
        breaker.failed(at(23));
        assert!(!breaker.is_open(), "failures count from the last that passed");
    }
}
