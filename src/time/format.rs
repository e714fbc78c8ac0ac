//! Times written in a format of `strptime`, such as those of access logs, into event times.
//!
//! A format is checked once, by writing a time with it and reading that back. A time without an offset is UTC, and a
//! date alone is its midnight.
//! Cost: the format is looked at again for each time; nothing is allocated unless the text is wrong.

use super::EventTime;
use jiff::fmt::strtime::{self, BrokenDownTime};
use jiff::{Timestamp, ZonedDateTime, tz::TimeZone};
use std::fmt;
use std::sync::Arc;

/// A time that shows what a format keeps: no part of it is its own least value.
const SAMPLE: i64 = 1_732_398_237_654_321;

/// Longer texts are no times.
const LONGEST: usize = 256;

/// A format of `strptime` that says a moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TimeFormat(Arc<str>);

impl fmt::Display for TimeFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TimeFormat {
    /// Checks a format.
    ///
    /// # Errors
    /// Why it says no moment.
    pub fn new(format: &str) -> Result<Self, String> {
        let sample = Timestamp::from_microsecond(SAMPLE).map_err(|e| e.to_string())?;
        let sample = ZonedDateTime::new(sample, TimeZone::UTC);
        let text = strtime::format(format, &sample).map_err(|e| e.to_string())?;
        moment(format, text.as_bytes())?;
        Ok(Self(format.into()))
    }

    /// The moment that a text in this format says; `None` where it says none, or one outside the years 1 to 9999.
    pub fn read(&self, text: &[u8]) -> Option<EventTime> {
        if text.len() > LONGEST {
            return None;
        }
        let time = moment(&self.0, text).ok()?;
        (EventTime::EARLIEST..=EventTime::LATEST).contains(&time).then_some(time)
    }
}

fn moment(format: &str, text: &[u8]) -> Result<EventTime, String> {
    let said = BrokenDownTime::parse(format, text).map_err(|e| e.to_string())?;
    let moment = if said.offset().is_some() {
        said.to_timestamp()
    } else {
        let shown = said.to_datetime().or_else(|_| said.to_date().map(|date| date.at(0, 0, 0, 0)));
        // A count of seconds since 1970 (%s) is a moment and shows no date.
        shown.and_then(|shown| TimeZone::UTC.to_timestamp(shown)).or_else(|e| said.to_timestamp().map_err(|_| e))
    };
    let nanos = moment.map_err(|e| e.to_string())?.as_nanosecond();
    i64::try_from(nanos.div_euclid(1_000)).map(EventTime).map_err(|e| e.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::{format_rfc3339, parse_rfc3339};
    use proptest::prelude::*;

    #[test]
    fn times_of_logs_are_read_as_they_are_written() {
        for (format, text, time) in [
            ("%d/%b/%Y:%H:%M:%S %z", "10/Oct/2000:13:55:36 -0700", "2000-10-10T20:55:36Z"),
            ("%d/%b/%Y:%H:%M:%S %z", "01/Jan/1970:00:00:00 +0000", "1970-01-01T00:00:00Z"),
            ("%Y-%m-%d %H:%M:%S%.f", "2026-01-05 12:00:00.25", "2026-01-05T12:00:00.250Z"),
            ("%Y-%m-%d %H:%M:%S%.f", "1969-12-31 23:59:59.9999999", "1969-12-31T23:59:59.999999Z"),
            ("%Y-%m-%d %H:%M:%S%.f", "2026-01-05 12:00:00", "2026-01-05T12:00:00Z"),
            ("%a, %d %b %Y %T %z", "Mon, 05 Jan 2026 12:00:00 +0100", "2026-01-05T11:00:00Z"),
            ("%m/%d/%y %I:%M %p", "01/05/26 01:30 PM", "2026-01-05T13:30:00Z"),
            ("%Y-%m-%d", "2026-01-05", "2026-01-05T00:00:00Z"),
            ("[%s]", "[1767614400]", "2026-01-05T12:00:00Z"),
        ] {
            let format = TimeFormat::new(format).unwrap_or_else(|e| panic!("{format}: {e}"));
            assert_eq!(format.read(text.as_bytes()).map(format_rfc3339).as_deref(), Some(time), "{format} {text}");
        }
    }

    #[test]
    fn formats_that_say_no_moment_are_refused_and_texts_that_are_no_times_too() {
        for format in ["%b %d %H:%M:%S", "%H:%M", "%Y", "%!", "%", "at", ""] {
            assert!(TimeFormat::new(format).is_err(), "{format}");
        }
        let format = TimeFormat::new("%d/%b/%Y:%H:%M:%S %z").unwrap();
        let long = format!("{}10/Oct/2000:13:55:36 -0700", " ".repeat(400));
        for text in
            ["", "soon", "31/Feb/2000:13:55:36 -0700", "10/Oct/2000:13:55:36", "10/Oct/2000:13:55:36 -0700 x", &long]
        {
            assert_eq!(format.read(text.as_bytes()), None, "{text}");
        }
        assert_eq!(format.read(b"10/Oct/2000:13:55:36 \xff0700"), None);
        let wide = TimeFormat::new("%Y-%m-%d").unwrap();
        assert_eq!((wide.read(b"-0001-01-01"), wide.read(b"0000-12-31")), (None, None));
    }

    proptest! {
        /// Against RFC 3339, which is read by our own code.
        #[test]
        fn what_is_written_apart_is_read_as_rfc_3339_reads_it(
            (y, mo, d, h, mi, s) in (1_i64..10_000, 1_i64..13, 1_i64..32, 0_i64..24, 0_i64..60, 0_i64..60),
            offset in -14_i64 * 60..14 * 60,
        ) {
            let month = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"][mo as usize - 1];
            let (sign, oh, om) = (if offset < 0 { '-' } else { '+' }, offset.abs() / 60, offset.abs() % 60);
            let log = format!("{d:02}/{month}/{y:04}:{h:02}:{mi:02}:{s:02} {sign}{oh:02}{om:02}");
            let rfc = format!("{y:04}-{mo:02}-{d:02}T{h:02}:{mi:02}:{s:02}{sign}{oh:02}:{om:02}");
            let format = TimeFormat::new("%d/%b/%Y:%H:%M:%S %z").unwrap();
            let range = EventTime::EARLIEST..=EventTime::LATEST;
            let expected = parse_rfc3339(rfc.as_bytes()).filter(|time| range.contains(time));
            prop_assert_eq!(format.read(log.as_bytes()), expected, "{}", log);
        }
    }
}
