//! Event times, spans and their text forms.
//!
//! Units: an [`EventTime`] is microseconds since 1970-01-01T00:00:00Z (negative before); a [`Span`] is a length of
//! time in microseconds. Both are plain `i64` inside, so that a column of them is a column of numbers.

mod format;
mod text;

pub use format::TimeFormat;
pub(crate) use text::{civil_from_days, days_from_civil};
pub use text::{format_rfc3339, parse_rfc3339, parse_span, write_rfc3339};

use std::fmt;

/// A moment of event time: microseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct EventTime(pub i64);

impl EventTime {
    /// Before every event.
    pub const MIN: EventTime = EventTime(i64::MIN);
    /// The earliest event time that is accepted: 0001-01-01T00:00:00Z.
    pub const EARLIEST: EventTime = EventTime(-62_135_596_800_000_000);
    /// The latest event time that is accepted: 9999-12-31T23:59:59.999999Z.
    pub const LATEST: EventTime = EventTime(253_402_300_799_999_999);
}

impl fmt::Display for EventTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&format_rfc3339(*self))
    }
}

/// A length of time in microseconds; never negative where a setting makes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Span(pub i64);

impl Span {
    /// No time at all.
    pub const ZERO: Span = Span(0);
    /// One second.
    pub const SECOND: Span = Span(1_000_000);
}

impl fmt::Display for Span {
    /// The shortest exact text that [`parse_span`] reads back: `5s`, `1m`, `1500ms`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let us = self.0;
        for (unit, word) in
            [(86_400_000_000, "d"), (3_600_000_000, "h"), (60_000_000, "m"), (1_000_000, "s"), (1_000, "ms")]
        {
            if us != 0 && us % unit == 0 {
                return write!(f, "{}{word}", us / unit);
            }
        }
        if us == 0 { f.write_str("0s") } else { write!(f, "{us}us") }
    }
}

/// How a time field is written in an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub enum TimeUnit {
    /// Seconds since 1970 as a number; fractions are read to the microsecond, finer digits are cut.
    Seconds,
    /// Milliseconds since 1970 as a number; fractions are read to the microsecond.
    Millis,
    /// Microseconds since 1970 as a number; a fraction is cut.
    Micros,
    /// Nanoseconds since 1970 as a number; digits finer than a microsecond are cut.
    Nanos,
    /// RFC 3339 text, such as `2026-01-05T12:00:00.5+01:00`.
    Rfc3339,
}

impl TimeUnit {
    /// The words of the pipeline file, in the order of the reference.
    pub const ALL: [(&'static str, TimeUnit); 5] = [
        ("s", TimeUnit::Seconds),
        ("ms", TimeUnit::Millis),
        ("us", TimeUnit::Micros),
        ("ns", TimeUnit::Nanos),
        ("rfc3339", TimeUnit::Rfc3339),
    ];

    /// The word of the pipeline file.
    pub fn word(self) -> &'static str {
        Self::ALL.iter().find(|(_, u)| *u == self).map_or("s", |(w, _)| w)
    }
}
