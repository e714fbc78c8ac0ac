//! What a user can say about a generated stream, and what is wrong with it.

use crate::time::{EventTime, Span};

/// The settings of a generated stream. All partitions together make one stream: event `i` of it is in partition
/// `i % partitions`, and what it says does not depend on the number of partitions (only the delay of late events does).
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// Events of all partitions together; `u64::MAX` for a stream without end.
    pub events: u64,
    /// Another seed gives another stream; the same seed gives the same bytes on every machine.
    pub seed: u64,
    /// Events per second of event time, all partitions together.
    pub rate: f64,
    /// The event time of the first event.
    pub start: EventTime,
    /// How many users there are; few of them do much, many do little.
    pub users: u64,
    /// How many pages there are; few of them are seen often.
    pub pages: u32,
    /// The share (0 to 1) of events that come out of order: moved back in time by up to `max_delay`.
    pub disorder: f64,
    /// How far an event that is out of order, but not late, lies back at most.
    pub max_delay: Span,
    /// The share (0 to 1) of events that come later than `max_delay`: moved back by `max_delay`, 1 to 10 seconds, and
    /// 16 events of the partition, so that all but the first of a partition are late for a source with
    /// `out_of_orderness = max_delay` and a tick of up to a second.
    pub late: f64,
    /// The share (0 to 1) of lines that are not an event: cut short, no JSON, no object, or without a time.
    pub bad: f64,
    /// How many partitions share the stream.
    pub partitions: u32,
    /// Events of one block, 1 to 65,536; has no influence on what the events say. See [`Settings::paced_block`].
    pub block: u32,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            events: u64::MAX,
            seed: 1,
            rate: 10_000.0,
            start: EventTime(1_767_614_400_000_000),
            users: 100_000,
            pages: 750,
            disorder: 0.1,
            max_delay: Span(2_000_000),
            late: 0.0,
            bad: 0.0,
            partitions: 1,
            block: 1_024,
        }
    }
}

impl Settings {
    /// Everything that is wrong with the settings: the name of the field and one sentence. A generator made in spite
    /// of problems does not panic; it takes the nearest setting that works.
    pub fn problems(&self) -> Vec<(&'static str, String)> {
        let mut found = Vec::new();
        if !(self.rate.is_finite() && (MIN_RATE..=MAX_RATE).contains(&self.rate)) {
            found.push(("rate", "rate is events per second, from 0.001 to 1000000000".to_owned()));
        }
        if !(EventTime::EARLIEST..=EventTime::LATEST).contains(&self.start) {
            found.push(("start", "start lies outside the years 1 to 9999".to_owned()));
        }
        if self.users == 0 || self.users > MAX_USERS {
            found.push(("users", format!("users is from 1 to {MAX_USERS}")));
        }
        if self.pages == 0 {
            found.push(("pages", "there must be at least one page".to_owned()));
        }
        for (name, share) in [("disorder", self.disorder), ("late", self.late), ("bad", self.bad)] {
            if !(0.0..=1.0).contains(&share) {
                found.push((name, format!("{name} is a share from 0 to 1, such as 0.1 for a tenth of the events")));
            }
        }
        if self.disorder + self.late > 1.0 {
            found.push(("late", "disorder and late together are more than all events".to_owned()));
        }
        if !(0..=MAX_DELAY).contains(&self.max_delay.0) {
            found.push(("max_delay", "max_delay is a span from 0s to 365d".to_owned()));
        }
        if self.partitions == 0 {
            found.push(("partitions", "there must be at least one partition".to_owned()));
        }
        if !(1..=MAX_BLOCK).contains(&self.block) {
            found.push(("block", format!("block is from 1 to {MAX_BLOCK} events")));
        }
        found
    }

    /// The block size for a stream that is paced in real time: at most 1,024 events, and at most about 50 ms of the
    /// stream.
    pub fn paced_block(&self) -> u32 {
        let per_partition = self.rate / f64::from(self.partitions.max(1));
        ((per_partition / 20.0) as u32).clamp(1, 1_024)
    }

    /// The nearest settings that work.
    pub(super) fn repaired(mut self) -> Self {
        let share = |v: f64| if v.is_nan() { 0.0 } else { v.clamp(0.0, 1.0) };
        self.rate = if self.rate.is_nan() { 10_000.0 } else { self.rate.clamp(MIN_RATE, MAX_RATE) };
        self.start = self.start.clamp(EventTime::EARLIEST, EventTime::LATEST);
        self.users = self.users.clamp(1, MAX_USERS);
        self.pages = self.pages.max(1);
        self.disorder = share(self.disorder);
        self.late = share(self.late);
        self.bad = share(self.bad);
        self.max_delay = Span(self.max_delay.0.clamp(0, MAX_DELAY));
        self.partitions = self.partitions.max(1);
        self.block = self.block.clamp(1, MAX_BLOCK);
        self
    }
}

const MIN_RATE: f64 = 0.001;
const MAX_RATE: f64 = 1e9;
/// Far below 2^53, so that every user can be drawn by floating-point arithmetic.
const MAX_USERS: u64 = 1_000_000_000_000;
const MAX_DELAY: i64 = 365 * 86_400_000_000;
const MAX_BLOCK: u32 = 65_536;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_when_checked_then_have_no_problem() {
        assert_eq!(Settings::default().problems(), vec![]);
    }

    #[test]
    fn impossible_settings_when_checked_then_all_are_named_at_once() {
        let wrong = Settings {
            rate: f64::NAN,
            start: EventTime(i64::MAX),
            users: 0,
            pages: 0,
            disorder: 0.7,
            late: 0.6,
            bad: -1.0,
            max_delay: Span(-1),
            partitions: 0,
            block: 0,
            ..Settings::default()
        };
        let names: Vec<_> = wrong.problems().into_iter().map(|(name, _)| name).collect();
        assert_eq!(names, ["rate", "start", "users", "pages", "bad", "late", "max_delay", "partitions", "block"]);
        assert_eq!(wrong.repaired().problems().len(), 1, "only the sum of two shares is left to the caller");
    }

    #[test]
    fn slow_streams_when_paced_then_have_small_blocks() {
        let at = |rate| Settings { rate, ..Settings::default() }.paced_block();
        assert_eq!((at(1.0), at(10_000.0), at(1e9)), (1, 500, 1_024));
    }
}
