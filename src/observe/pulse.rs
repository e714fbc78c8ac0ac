//! A span of wall time, turned into moments at which something is due.

use std::time::{Duration, Instant};

/// Something that is done every so often, by whoever is woken now and then.
#[derive(Debug)]
pub struct Pulse {
    every: Duration,
    next: Instant,
    /// When whoever looks will be woken, where that was asked for.
    woken: Option<Instant>,
}

impl Pulse {
    /// Due first after `every`.
    pub fn new(every: Duration) -> Self {
        Self::from(Instant::now(), every)
    }

    fn from(now: Instant, every: Duration) -> Self {
        Self { every, next: now + every, woken: None }
    }

    /// True where it is due: then it is due again after the span. And after which time to look again, where no wake-up
    /// was asked for yet.
    pub fn look(&mut self) -> (bool, Option<Duration>) {
        self.look_at(Instant::now())
    }

    fn look_at(&mut self, now: Instant) -> (bool, Option<Duration>) {
        let due = now >= self.next;
        if due {
            self.next = now + self.every;
        }
        if self.woken.is_some_and(|woken| now < woken) {
            return (due, None);
        }
        self.woken = Some(self.next);
        (due, Some(self.next - now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_due_once_a_span_and_asks_for_one_wake_up_at_a_time() {
        let start = Instant::now();
        let ms = Duration::from_millis;
        let mut pulse = Pulse::from(start, ms(10));
        assert_eq!(pulse.look_at(start), (false, Some(ms(10))));
        assert_eq!(pulse.look_at(start + ms(4)), (false, None));
        // Woken late: the next one is a whole span later.
        assert_eq!(pulse.look_at(start + ms(13)), (true, Some(ms(10))));
        assert_eq!(pulse.look_at(start + ms(20)), (false, None));
        assert_eq!(pulse.look_at(start + ms(23)), (true, Some(ms(10))));
    }
}
