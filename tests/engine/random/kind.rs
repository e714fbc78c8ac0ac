//! The shapes of the windows of random cases, as the pipeline file and as the oracle have them.

use super::super::oracle::Shape;
use super::{Random, micros};

/// A shape; spans as they are written.
#[derive(Debug, Clone, Copy)]
pub(super) enum Kind {
    Sliding(&'static str, Option<&'static str>, Option<&'static str>),
    Cumulating(&'static str, &'static str, Option<&'static str>),
    Session(&'static str),
    Global(&'static str, Option<&'static str>),
    /// Zone, size, slide, offset, all in days; step.
    Days(&'static str, i64, Option<i64>, i64, Option<&'static str>),
}

const PLAIN: &[Kind] = &[
    Kind::Sliding("1s", None, None),
    Kind::Sliding("1s", Some("1s"), None),
    Kind::Sliding("10s", None, None),
    Kind::Sliding("10s", Some("5s"), None),
    Kind::Sliding("3s", Some("1s"), None),
    Kind::Sliding("500ms", Some("250ms"), None),
    Kind::Sliding("4s", Some("500ms"), None),
    Kind::Sliding("15s", Some("5s"), None),
    Kind::Sliding("1500ms", None, None),
];

const OTHER: &[Kind] = &[
    Kind::Sliding("10s", None, Some("3s")),
    Kind::Sliding("10s", Some("5s"), Some("1500ms")),
    Kind::Sliding("7s", Some("5s"), None),
    Kind::Sliding("7s", Some("2s"), Some("500ms")),
    Kind::Sliding("2s", Some("5s"), None),
    Kind::Sliding("1s", Some("1500ms"), Some("250ms")),
    Kind::Sliding("20s", Some("1s"), None),
    Kind::Cumulating("6s", "2s", None),
    Kind::Cumulating("10s", "500ms", None),
    Kind::Cumulating("4s", "1s", Some("3500ms")),
    Kind::Cumulating("5s", "5s", None),
    Kind::Global("1s", None),
    Kind::Global("10s", Some("2500ms")),
    Kind::Global("3s", None),
    Kind::Session("500ms"),
    Kind::Session("1s"),
    Kind::Session("1s"),
    Kind::Session("1s"),
    Kind::Session("3s"),
    Kind::Session("3s"),
    Kind::Session("10s"),
    Kind::Session("30s"),
];

const DAYS: &[Kind] = &[
    Kind::Days("Europe/Berlin", 1, None, 0, None),
    Kind::Days("Europe/Berlin", 1, None, 0, Some("6h")),
    Kind::Days("America/New_York", 1, None, 0, Some("1h")),
    Kind::Days("America/New_York", 3, Some(2), 1, None),
    Kind::Days("Australia/Lord_Howe", 1, None, 0, None),
    // Here the clock goes forward at midnight: that day has no 00:00.
    Kind::Days("Africa/Cairo", 1, None, 0, Some("12h")),
    Kind::Days("America/Santiago", 2, Some(1), 0, None),
    Kind::Days("Asia/Kathmandu", 7, None, 4, Some("1d")),
    Kind::Days("Europe/Berlin", 1, Some(2), 1, None),
    Kind::Session("2h"),
    Kind::Sliding("12h", Some("5h"), Some("90m")),
    Kind::Cumulating("1d", "6h", Some("3h")),
];

impl Kind {
    /// How long after an event its last window can end, at most, as the reference states it; microseconds. `None`: there
    /// is no last one.
    pub(super) fn reach(self) -> Option<i64> {
        match self {
            Kind::Sliding(size, ..) | Kind::Cumulating(size, ..) => Some(micros(size)),
            Kind::Session(gap) => Some(micros(gap) + 1),
            Kind::Global(..) => None,
            Kind::Days(_, size, ..) => Some((size + 1) * micros("1d")),
        }
    }

    /// True where a window may have an allowed lateness.
    pub(super) fn takes_lateness(self) -> bool {
        !matches!(self, Kind::Global(..))
    }

    pub(super) fn random(r: &mut Random, days: bool) -> Self {
        let list = match days {
            true => DAYS,
            false if r.one_in(3) => PLAIN,
            false => OTHER,
        };
        r.pick(list)
    }

    pub(super) fn is_session(self) -> bool {
        matches!(self, Kind::Session(_))
    }

    /// The keys of the window.
    pub(super) fn toml(self) -> String {
        let line = |name: &str, span: Option<&str>| span.map_or(String::new(), |s| format!("{name} = \"{s}\"\n"));
        match self {
            Self::Sliding(size, slide, offset) => {
                line("size", Some(size)) + &line("slide", slide) + &line("offset", offset)
            }
            Self::Cumulating(size, step, offset) => {
                line("size", Some(size)) + &line("step", Some(step)) + &line("offset", offset)
            }
            Self::Session(gap) => line("gap", Some(gap)),
            Self::Global(every, offset) => line("global", Some(every)) + &line("offset", offset),
            Self::Days(zone, size, slide, offset, step) => {
                let days = |n: i64| format!("{n}d");
                line("time_zone", Some(zone))
                    + &line("size", Some(&days(size)))
                    + &line("slide", slide.map(days).as_deref())
                    + &line("offset", Some(&days(offset)))
                    + &line("step", step)
            }
        }
    }

    /// Spans that provisional rows may be apart.
    pub(super) fn earlies(self) -> Vec<&'static str> {
        let spans = ["125ms", "250ms", "500ms", "1s", "2s", "5s", "30m", "1h", "6h", "1d", "2d"];
        let fits = |early: &&str| {
            let every = micros(early);
            match self {
                // A few times a window, not thousands.
                Self::Sliding(size, slide, _) => {
                    let (size, slide) = (micros(size), micros(slide.unwrap_or(size)));
                    every < size && size % every == 0 && slide % every == 0 && size / every <= 48
                }
                Self::Days(_, size, slide, _, None) => {
                    let day = micros("1d");
                    let whole =
                        every % day == 0 && size % (every / day) == 0 && slide.unwrap_or(size) % (every / day) == 0;
                    every < size * day && (whole || day % every == 0 && size * day / every <= 200)
                }
                _ => false,
            }
        };
        spans.into_iter().filter(fits).collect()
    }

    /// True where every end of a window is a multiple of the tick.
    pub(super) fn takes_tick(self, tick: i64) -> bool {
        let or_none = |span: Option<&str>| span.map_or(0, micros);
        let spans = match self {
            Self::Sliding(size, slide, offset) => [micros(slide.unwrap_or(size)), micros(size) + or_none(offset)],
            Self::Cumulating(_, step, offset) => [micros(step), or_none(offset)],
            Self::Session(gap) => [micros(gap), 0],
            Self::Global(every, offset) => [micros(every), or_none(offset)],
            Self::Days(..) => [1_000_000, 0],
        };
        spans.iter().all(|span| span % tick == 0)
    }

    pub(super) fn oracle(self) -> Shape {
        let or_none = |span: Option<&str>| span.map_or(0, micros);
        match self {
            Self::Sliding(size, slide, offset) => {
                Shape::Sliding { size: micros(size), slide: micros(slide.unwrap_or(size)), offset: or_none(offset) }
            }
            Self::Cumulating(size, step, offset) => {
                Shape::Cumulating { size: micros(size), step: micros(step), offset: or_none(offset) }
            }
            Self::Session(gap) => Shape::Session { gap: micros(gap) },
            Self::Global(every, offset) => Shape::Global { every: micros(every), offset: or_none(offset) },
            Self::Days(zone, size, slide, offset, step) => Shape::Days {
                zone: zone.to_owned(),
                size,
                slide: slide.unwrap_or(size),
                offset,
                step: step.map(micros),
            },
        }
    }
}
