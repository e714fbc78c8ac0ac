//! A moment, turned into the windows that hold it, by walking.

use jiff::Timestamp;
use jiff::tz::TimeZone;

/// A day and a quarter of an hour, microseconds.
const DAY: i64 = 86_400_000_000;
const QUARTER: i64 = 900_000_000;

/// Where windows begin and end; microseconds.
#[derive(Debug, Clone)]
pub enum Shape {
    /// `[s, s + size)` with s - offset a multiple of the slide.
    Sliding { size: i64, slide: i64, offset: i64 },
    /// `[s, s + k * step)` up to `size` with s - offset a multiple of the size.
    Cumulating { size: i64, step: i64, offset: i64 },
    /// From the first moment of a local day to that of another; lengths in days. With a step in microseconds: windows
    /// that begin with the first day, end a step apart, and at last with the last day.
    Days { zone: String, size: i64, slide: i64, offset: i64, step: Option<i64> },
    /// By the events.
    Session { gap: i64 },
    /// All of time, stated at each offset + k * every.
    Global { every: i64, offset: i64 },
}

impl Shape {
    /// Tumbling and sliding windows from 1970 on.
    pub fn sliding(size: i64, slide: i64) -> Self {
        Self::Sliding { size, slide, offset: 0 }
    }

    /// The windows that hold `time`: start and end.
    pub fn windows(&self, time: i64) -> Vec<(i64, i64)> {
        match self {
            Self::Sliding { size, slide, offset } => {
                let starts = starts(time, *size, *slide, *offset);
                starts.into_iter().map(|start| (start, start + size)).collect()
            }
            Self::Cumulating { size, step, offset } => {
                let start = starts(time, *size, *size, *offset)[0];
                (1..=size / step).map(|k| (start, start + k * step)).filter(|(_, end)| time < *end).collect()
            }
            Self::Days { zone, size, slide, offset, step } => {
                let zone = TimeZone::get(zone).expect("a zone that there is");
                let of_day = |start: i64| (first_of(&zone, start), first_of(&zone, start + size));
                let days = starts(day(&zone, time), *size, *slide, *offset).into_iter().map(of_day);
                let Some(step) = step else { return days.collect() };
                let ends = |(start, end): (i64, i64)| {
                    let own = (1..).map(move |k| start + k * step).take_while(move |e| *e < end).chain([end]);
                    own.filter(|e| time < *e).map(move |e| (start, e)).collect::<Vec<_>>()
                };
                days.flat_map(ends).collect()
            }
            Self::Session { .. } | Self::Global { .. } => unreachable!("they have pages of their own"),
        }
    }

    /// The times inside a window that are `every` apart from its start on; of days, whole days apart, or from each
    /// midnight on.
    pub fn inside(&self, start: i64, end: i64, every: i64) -> Vec<i64> {
        let Self::Days { zone, .. } = self else {
            return (1..).map(|k| start + k * every).take_while(|time| *time < end).collect();
        };
        let zone = TimeZone::get(zone).expect("a zone that there is");
        let first = day(&zone, start);
        let mut all = Vec::new();
        for number in (first..).take_while(|number| first_of(&zone, *number) < end) {
            let midnight = first_of(&zone, number);
            if every >= DAY {
                all.extend(((number - first) % (every / DAY) == 0).then_some(midnight));
            } else {
                let next = first_of(&zone, number + 1);
                all.extend((0..).map(|k| midnight + k * every).take_while(|time| *time < next));
            }
        }
        all.retain(|time| start < *time && *time < end);
        all
    }

    /// False for a moment between two windows.
    pub fn has_window(&self, time: i64) -> bool {
        matches!(self, Self::Session { .. } | Self::Global { .. }) || !self.windows(time).is_empty()
    }
}

fn starts(at: i64, size: i64, slide: i64, offset: i64) -> Vec<i64> {
    let mut starts = Vec::new();
    let mut start = (at - offset).div_euclid(slide) * slide + offset;
    while at < start + size {
        starts.push(start);
        start -= slide;
    }
    starts
}

/// The number of the local day of a moment.
fn day(zone: &TimeZone, time: i64) -> i64 {
    let moment = Timestamp::from_microsecond(time).expect("a time of this century or near 1970");
    (time + i64::from(zone.to_offset(moment).seconds()) * 1_000_000).div_euclid(DAY)
}

/// The first moment of a local day: zones change at quarters of an hour.
fn first_of(zone: &TimeZone, number: i64) -> i64 {
    let mut time = number * DAY - DAY;
    while day(zone, time) < number {
        time += QUARTER;
    }
    time
}
