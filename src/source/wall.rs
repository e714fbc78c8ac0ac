//! The wall clock, turned into the event times of sources that have none of their own (`clock = "processing"`).
//!
//! Invariant: what one clock and its copies say never decreases, also where the system's clock is set back: then it
//! stands still until that has caught up. Units: microseconds since 1970.

use crate::time::EventTime;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// A clock; copies are the same clock.
#[derive(Clone)]
pub struct WallClock {
    read: Arc<dyn Fn() -> i64 + Send + Sync>,
    last: Arc<AtomicI64>,
}

impl fmt::Debug for WallClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WallClock").field("last", &self.last).finish_non_exhaustive()
    }
}

impl WallClock {
    /// The system's clock.
    pub fn system() -> Self {
        Self::of(|| {
            let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            i64::try_from(since.as_micros()).unwrap_or(EventTime::LATEST.0)
        })
    }

    /// A clock that stands still.
    pub fn still(at: EventTime) -> Self {
        Self::of(move || at.0)
    }

    /// A clock that says what `read` says, but never less than before.
    pub fn of(read: impl Fn() -> i64 + Send + Sync + 'static) -> Self {
        Self { read: Arc::new(read), last: Arc::new(AtomicI64::new(i64::MIN)) }
    }

    /// What it says now.
    pub fn now(&self) -> i64 {
        let now = (self.read)().clamp(EventTime::EARLIEST.0, EventTime::LATEST.0);
        self.last.fetch_max(now, Ordering::SeqCst).max(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_set_back_stands_still_until_it_has_caught_up() {
        let time = Arc::new(AtomicI64::new(50));
        let theirs = Arc::clone(&time);
        let clock = WallClock::of(move || theirs.load(Ordering::SeqCst));
        let copy = clock.clone();
        assert_eq!(clock.now(), 50);
        for (set, says) in [(60, 60), (20, 60), (59, 60), (61, 61)] {
            time.store(set, Ordering::SeqCst);
            assert_eq!(copy.now(), says);
            assert_eq!(clock.now(), says);
        }
    }

    #[test]
    fn the_clock_of_the_system_is_after_2020_and_one_that_stands_still_stands_still() {
        assert!(WallClock::system().now() > 1_577_836_800_000_000);
        let still = WallClock::still(EventTime(7));
        assert_eq!((still.now(), still.now()), (7, 7));
    }
}
