//! A window's settings, turned into where windows and slices begin and end. Pure arithmetic.
//!
//! Time is cut into slices such that each window is a run of whole slices:
//! 1. Tumbling and sliding: windows begin at `offset + k * slide`, so slices are cut there and where windows end: one
//!    slice a slide where the slide divides the size, else two. A slide longer than the size leaves slices that are in
//!    no window.
//! 2. Cumulating: a slice is a step. The windows of one cycle begin together and end one step apart; the last one ends
//!    with the cycle.
//! 3. Session: a slice is as long as the gap, so that all events of a group in one slice are in one session.
//! 4. Global: one window over all of time; a slice is what comes between two of its statements.
//!
//! Where windows have provisional rows ([`Early`]), slices are cut at the times of these too.
//!
//! With a time zone, sizes, slides and offsets of shapes 1 and 2 count local days: a day begins at the first moment
//! of its date, so some have 23 or 25 hours. Nothing else knows of zones.
//!
//! Units: microseconds, but for days where there is a zone.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp, Unit};

/// A day where there is no zone, microseconds.
const DAY: i64 = 86_400_000_000;

/// What kind of window it is. Lengths are microseconds, or days where the [`WindowSpec`] has a zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// `[s, s + size)` for each s = offset + k * slide; tumbling where both are equal.
    Sliding {
        /// The length of a window.
        size: i64,
        /// From one start to the next.
        slide: i64,
        /// Where windows begin, as seen from 1970.
        offset: i64,
    },
    /// `[s, s + step)`, `[s, s + 2 * step)`, ... `[s, s + size)` for each s = offset + k * size.
    Cumulating {
        /// The length of the last window of a cycle.
        size: i64,
        /// From one end to the next; always microseconds where `fine`.
        step: i64,
        /// Where cycles begin, as seen from 1970.
        offset: i64,
        /// The step is less than a day of a zone: it counts from the beginning of the cycle.
        fine: bool,
    },
    /// Events of a group no further apart than the gap.
    Session {
        /// The greatest distance of two neighbours.
        gap: i64,
    },
    /// All of time, stated at each offset + k * every.
    Global {
        /// From one statement to the next.
        every: i64,
        /// Where statements are made, as seen from 1970.
        offset: i64,
    },
}

/// The times of provisional rows of a sliding window, counted from where windows begin; with a zone and less than a day
/// from each midnight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Early {
    /// From one to the next; divides size and slide. Microseconds, or days.
    pub every: i64,
    /// There is a zone, and the period is days.
    pub days: bool,
}

/// The shape of a window in time, and how late its events may be.
#[derive(Debug, Clone, PartialEq)]
pub struct WindowSpec {
    /// Its kind and lengths.
    pub shape: Shape,
    /// When its rows so far are stated before its end; only of [`Shape::Sliding`].
    pub early: Option<Early>,
    /// The zone whose days are counted.
    pub zone: Option<TimeZone>,
    /// How long after its end a window takes corrections; microseconds.
    pub lateness: i64,
    /// The pipeline's tick; every end of a window is a multiple of it, but for sessions.
    pub tick: i64,
}

/// A slice: a run of time. The first moment, and the first after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slice {
    /// The first moment.
    pub start: i64,
    /// The first moment after it.
    pub end: i64,
}

impl WindowSpec {
    /// Windows of `size` every `slide`, from 1970 on.
    pub fn sliding(size: i64, slide: i64, lateness: i64, tick: i64) -> Self {
        Self { shape: Shape::Sliding { size, slide, offset: 0 }, early: None, zone: None, lateness, tick }
    }

    /// Sessions with this gap.
    pub fn session(gap: i64, lateness: i64, tick: i64) -> Self {
        Self { shape: Shape::Session { gap }, early: None, zone: None, lateness, tick }
    }

    /// All of time, stated every `every`.
    pub fn global(every: i64, tick: i64) -> Self {
        Self { shape: Shape::Global { every, offset: 0 }, early: None, zone: None, lateness: 0, tick }
    }

    /// How far apart the ends of its windows are, where that is one span: not of sessions, and not of days.
    pub fn every(&self) -> Option<i64> {
        match self.shape {
            _ if self.zone.is_some() => None,
            Shape::Sliding { slide, .. } => Some(slide),
            Shape::Cumulating { step, .. } => Some(step),
            Shape::Global { every, .. } => Some(every),
            Shape::Session { .. } => None,
        }
    }

    /// The gap of sessions.
    pub fn gap(&self) -> Option<i64> {
        match self.shape {
            Shape::Session { gap } => Some(gap),
            _ => None,
        }
    }

    /// The place of a moment on the axis: itself, or the number of its local day.
    #[inline]
    fn index(&self, x: i64) -> i64 {
        match &self.zone {
            None => x,
            Some(zone) => day_of(zone, x),
        }
    }

    /// The first moment of a place on the axis.
    #[inline]
    fn moment(&self, index: i64) -> i64 {
        match &self.zone {
            None => index,
            Some(zone) => first_moment(zone, index),
        }
    }

    fn slice_of_indexes(&self, start: i64, end: i64) -> Slice {
        Slice { start: self.moment(start), end: self.moment(end) }
    }

    /// The slice that holds moment `x`; `None` where `x` is in no window.
    #[inline]
    pub fn slice_of(&self, x: i64) -> Option<Slice> {
        let slice = self.whole_of(x)?;
        Some(match (self.early, self.shape) {
            (Some(early), Shape::Sliding { offset, .. }) => self.cut(x, offset, early),
            _ => slice,
        })
    }

    /// The piece of a slice, as it would be without provisional rows, that holds `x`.
    fn cut(&self, x: i64, offset: i64, early: Early) -> Slice {
        let every = early.every;
        if let Some(zone) = self.zone.as_ref().filter(|_| !early.days) {
            let day = day_of(zone, x);
            let (from, to) = (first_moment(zone, day), first_moment(zone, day + 1));
            let start = from + (x - from).div_euclid(every) * every;
            return Slice { start, end: (start + every).min(to) };
        }
        let i = self.index(x);
        let start = i - (i - offset).rem_euclid(every);
        self.slice_of_indexes(start, start + every)
    }

    /// The slice that would hold `x` without provisional rows.
    #[inline]
    fn whole_of(&self, x: i64) -> Option<Slice> {
        match self.shape {
            Shape::Sliding { size, slide, offset } => {
                let i = self.index(x);
                let behind = (i - offset).rem_euclid(slide);
                let base = i - behind;
                // Where the windows that begin here and `size / slide` slides before end.
                let cut = size % slide;
                if behind >= cut && size < slide {
                    return None;
                }
                Some(if cut == 0 {
                    self.slice_of_indexes(base, base + slide)
                } else if behind < cut {
                    self.slice_of_indexes(base, base + cut)
                } else {
                    self.slice_of_indexes(base + cut, base + slide)
                })
            }
            Shape::Cumulating { step, fine, .. } => {
                let (first, last) = self.cycle(x);
                Some(if fine {
                    let (from, to) = (self.moment(first), self.moment(last));
                    let start = from + (x - from).div_euclid(step) * step;
                    Slice { start, end: (start + step).min(to) }
                } else {
                    let start = first + (self.index(x) - first).div_euclid(step) * step;
                    self.slice_of_indexes(start, start + step)
                })
            }
            Shape::Session { gap } => {
                let start = x.div_euclid(gap) * gap;
                Some(Slice { start, end: start + gap })
            }
            Shape::Global { every, offset } => {
                let start = x - (x - offset).rem_euclid(every);
                Some(Slice { start, end: start + every })
            }
        }
    }

    /// The first and the last place of the cycle that holds `x`.
    fn cycle(&self, x: i64) -> (i64, i64) {
        let (Shape::Sliding { size, offset, .. } | Shape::Cumulating { size, offset, .. }) = self.shape else {
            return (x, x);
        };
        let i = self.index(x);
        let first = i - (i - offset).rem_euclid(size);
        (first, first + size)
    }

    /// The first moment at which something over the slice is stated: what it holds must have been sent by then.
    #[inline]
    pub fn first_time(&self, slice: i64) -> i64 {
        match self.early {
            None => self.first_end(slice),
            Some(_) => self.slice_of(slice).map_or(slice, |s| s.end),
        }
    }

    /// The ends of the windows that have a provisional row at `time`, the end of a slice: those that hold what is before
    /// and go on.
    pub fn provisional_ends(&self, time: i64) -> impl Iterator<Item = i64> {
        let before = time - 1;
        std::iter::successors(self.end_after(before, time), move |end| self.end_after(before, *end))
    }

    /// The end of the first window over the slice; without provisional rows the first moment at which something over it
    /// is stated.
    #[inline]
    pub fn first_end(&self, slice: i64) -> i64 {
        match self.shape {
            Shape::Sliding { size, slide, offset } => {
                let i = self.index(slice);
                let behind = (i - offset).rem_euclid(slide);
                // The first start after `i - size`.
                let start = i - behind - (size - behind - 1).max(0) / slide * slide;
                self.moment(start + size)
            }
            Shape::Cumulating { .. } | Shape::Global { .. } => self.slice_of(slice).map_or(slice, |s| s.end),
            // A session may be stated as soon as the tick has passed one of its events without a later one known.
            Shape::Session { .. } => slice + 1,
        }
    }

    /// The end of the last window over a slice.
    #[inline]
    pub fn last_end(&self, slice: i64) -> i64 {
        match self.shape {
            Shape::Sliding { size, slide, offset } => {
                let i = self.index(slice);
                self.moment(i - (i - offset).rem_euclid(slide) + size)
            }
            Shape::Cumulating { .. } => self.moment(self.cycle(slice).1),
            Shape::Session { gap } => slice + gap + gap,
            Shape::Global { .. } => i64::MAX,
        }
    }

    /// The first end after moment `past` of a window over `slice`; `None` where no window over it ends later.
    pub fn end_after(&self, slice: i64, past: i64) -> Option<i64> {
        let first = self.first_end(slice);
        if past < first {
            return Some(first);
        }
        let last = self.last_end(slice);
        if past >= last {
            return None;
        }
        Some(match self.shape {
            Shape::Sliding { size, slide, offset } => {
                let grid = offset + size;
                let least = self.index(past) + 1 - grid;
                self.moment(grid + (least + slide - 1).div_euclid(slide) * slide)
            }
            Shape::Cumulating { .. } | Shape::Global { .. } => self.slice_of(past).map_or(last, |s| s.end),
            Shape::Session { .. } => last,
        })
    }

    /// The ends of all windows over a slice, ascending.
    pub fn ends(&self, slice: i64) -> impl Iterator<Item = i64> {
        std::iter::successors(Some(self.first_end(slice)), move |end| self.end_after(slice, *end))
    }

    /// The start of the window that ends at `end`.
    pub fn start_of(&self, end: i64) -> i64 {
        match self.shape {
            Shape::Sliding { size, .. } => self.moment(self.index(end - 1) + 1 - size),
            Shape::Cumulating { .. } => self.moment(self.cycle(end - 1).0),
            Shape::Session { .. } => end,
            Shape::Global { .. } => 0,
        }
    }

    /// True where an event at `x`, in `slice`, with this tick is too late for all its windows.
    #[inline]
    pub fn is_too_late(&self, x: i64, slice: i64, tick: i64) -> bool {
        match self.shape {
            // A session is stated at the first tick after its last event plus the gap, so at that very moment it is
            // not over.
            Shape::Session { gap } => x + gap + self.lateness < tick,
            Shape::Global { .. } => false,
            _ => self.last_end(slice) + self.lateness <= tick,
        }
    }

    /// The most slices that a window has.
    pub fn slices(&self) -> i64 {
        if let (Some(early), Shape::Sliding { size, .. }) = (self.early, self.shape) {
            let fine = self.zone.is_some() && !early.days;
            // A day of a zone has up to 25 hours.
            return if fine { size * ((DAY + 3_600_000_000 - 1) / early.every + 1) } else { size / early.every };
        }
        match self.shape {
            Shape::Sliding { size, slide, .. } => {
                size / slide * (1 + i64::from(size % slide != 0 && size > slide)) + i64::from(size % slide != 0)
            }
            Shape::Cumulating { size, step, fine, .. } => {
                if fine {
                    (size * DAY + 3_600_000_000) / step
                } else {
                    size / step
                }
            }
            Shape::Session { .. } | Shape::Global { .. } => 1,
        }
    }
}

/// The number of the local date of a moment, from 1970-01-01 on. Times that a calendar does not reach count days of
/// UTC.
fn day_of(zone: &TimeZone, x: i64) -> i64 {
    let plain = x.div_euclid(DAY);
    let Ok(moment) = Timestamp::from_microsecond(x) else { return plain };
    let date = zone.to_datetime(moment).date();
    Date::constant(1970, 1, 1).until((Unit::Day, date)).map_or(plain, |span| i64::from(span.get_days()))
}

/// The first moment of a local date; of one that a zone has skipped, that of the next.
fn first_moment(zone: &TimeZone, day: i64) -> i64 {
    let date = i32::try_from(day).ok().and_then(|n| {
        let span = Span::new().try_days(n).ok()?;
        Date::constant(1970, 1, 1).checked_add(span).ok()
    });
    date.and_then(|date| {
        date.to_datetime(jiff::civil::Time::midnight()).to_zoned_datetime(zone.clone()).ok()?.start_of_day().ok()
    })
    .map_or(day.saturating_mul(DAY), |moment| moment.timestamp().as_microsecond())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HOUR: i64 = 3_600_000_000;

    fn spec(shape: Shape) -> WindowSpec {
        WindowSpec { shape, early: None, zone: None, lateness: 0, tick: 1 }
    }

    /// The windows that hold `x`, by trying every one near it.
    fn naive(shape: Shape, x: i64) -> Vec<(i64, i64)> {
        let mut all = Vec::new();
        for k in -200..200 {
            match shape {
                Shape::Sliding { size, slide, offset } => all.push((offset + k * slide, offset + k * slide + size)),
                Shape::Cumulating { size, step, offset, .. } => {
                    let start = offset + k * size;
                    all.extend((1..=size / step).map(|i| (start, start + i * step)));
                }
                Shape::Session { .. } | Shape::Global { .. } => {}
            }
        }
        all.retain(|(start, end)| (*start..*end).contains(&x));
        all.sort_by_key(|(_, end)| *end);
        all
    }

    fn shapes() -> impl Strategy<Value = Shape> {
        let sliding = (1i64..40, 1i64..40, 0i64..40).prop_map(|(size, slide, offset)| Shape::Sliding {
            size,
            slide,
            offset: offset % slide,
        });
        let cumulating = (1i64..12, 1i64..9, 0i64..40).prop_map(|(step, n, offset)| Shape::Cumulating {
            size: step * n,
            step,
            offset: offset % (step * n),
            fine: false,
        });
        prop_oneof![sliding, cumulating]
    }

    /// A shape, and a period of provisional rows that fits it.
    fn early() -> impl Strategy<Value = (Shape, i64)> {
        (1i64..8, 1i64..8, 1i64..8, 0i64..40).prop_map(|(every, n, m, offset)| {
            (Shape::Sliding { size: every * n, slide: every * m, offset: offset % (every * m) }, every)
        })
    }

    proptest! {
        #[test]
        fn slices_of_provisional_rows_end_at_their_times((shape, every) in early(), x in -100i64..100) {
            let spec = WindowSpec { early: Some(Early { every, days: false }), ..spec(shape) };
            let windows = naive(shape, x);
            let Some(slice) = spec.slice_of(x) else {
                prop_assert!(windows.is_empty());
                return Ok(());
            };
            prop_assert!(slice.start <= x && x < slice.end && slice.end - slice.start == every);
            for y in slice.start..slice.end {
                prop_assert_eq!(naive(shape, y), windows.clone());
                prop_assert_eq!(spec.slice_of(y), Some(slice));
            }
            prop_assert_eq!(spec.ends(slice.start).collect::<Vec<_>>(), windows.iter().map(|w| w.1).collect::<Vec<_>>());
            let provisional: Vec<i64> = windows.iter().map(|w| w.1).filter(|end| *end > slice.end).collect();
            prop_assert_eq!(spec.provisional_ends(slice.end).collect::<Vec<_>>(), provisional);
            prop_assert_eq!(spec.first_time(slice.start), slice.end);
            for (start, end) in windows {
                prop_assert_eq!(spec.start_of(end), start);
                prop_assert!((end - start) / every <= spec.slices() && (slice.end - start) % every == 0);
            }
        }

        #[test]
        fn a_slice_is_in_the_windows_that_hold_its_moments(shape in shapes(), x in -100i64..100, past in -100i64..100) {
            let spec = spec(shape);
            let expected = naive(shape, x);
            let Some(slice) = spec.slice_of(x) else {
                prop_assert!(expected.is_empty());
                return Ok(());
            };
            prop_assert!(slice.start <= x && x < slice.end);
            // All moments of a slice are in the same windows, and name the same slice.
            for y in slice.start..slice.end {
                prop_assert_eq!(naive(shape, y), expected.clone());
                prop_assert_eq!(spec.slice_of(y), Some(slice));
            }
            let ends: Vec<i64> = spec.ends(slice.start).collect();
            prop_assert_eq!(&ends, &expected.iter().map(|(_, end)| *end).collect::<Vec<_>>());
            prop_assert_eq!(spec.first_end(slice.start), ends[0]);
            prop_assert_eq!(spec.last_end(slice.start), ends[ends.len() - 1]);
            prop_assert_eq!(spec.end_after(slice.start, past), ends.iter().copied().find(|end| *end > past));
            prop_assert_eq!(spec.end_after(slice.start, i64::MIN), Some(ends[0]));
            for (start, end) in expected {
                prop_assert_eq!(spec.start_of(end), start);
                // A window is a run of whole slices, as many as it is said to have at most.
                let (mut at, mut n) = (start, 0);
                while at < end {
                    let one = spec.slice_of(at).unwrap();
                    prop_assert_eq!(one.start, at);
                    (at, n) = (one.end, n + 1);
                }
                prop_assert!(at == end && n <= spec.slices());
            }
        }
    }

    fn zoned(zone: &str, shape: Shape) -> WindowSpec {
        WindowSpec { zone: Some(TimeZone::get(zone).unwrap()), ..spec(shape) }
    }

    fn at(text: &str) -> i64 {
        text.parse::<Timestamp>().unwrap().as_microsecond()
    }

    #[test]
    fn days_of_a_zone_begin_at_its_midnight_and_have_23_to_25_hours() {
        let day = Shape::Sliding { size: 1, slide: 1, offset: 0 };
        for (zone, moment, start, hours) in [
            ("Europe/Berlin", "2026-03-29T10:00:00Z", "2026-03-28T23:00:00Z", 23),
            ("Europe/Berlin", "2026-10-24T22:00:00Z", "2026-10-24T22:00:00Z", 25),
            ("Europe/Berlin", "2026-10-24T21:59:59Z", "2026-10-23T22:00:00Z", 24),
            // There is no midnight on that day: it begins at 01:00.
            ("Africa/Cairo", "2026-04-24T12:00:00Z", "2026-04-23T22:00:00Z", 23),
            // The clock goes back from midnight to 23:00: the day before has 25 hours.
            ("Africa/Cairo", "2026-10-29T21:30:00Z", "2026-10-28T21:00:00Z", 25),
            ("Asia/Kathmandu", "2026-01-01T18:15:00Z", "2026-01-01T18:15:00Z", 24),
            ("UTC", "1969-12-31T23:59:59Z", "1969-12-31T00:00:00Z", 24),
        ] {
            let slice = zoned(zone, day).slice_of(at(moment)).unwrap();
            assert_eq!((slice.start, slice.end - slice.start), (at(start), hours * HOUR), "{zone} {moment}");
        }
        // A day that the zone has left out is not there.
        let slice = zoned("Pacific/Apia", day).slice_of(at("2011-12-30T10:00:00Z")).unwrap();
        assert_eq!((slice.start, slice.end), (at("2011-12-30T10:00:00Z"), at("2011-12-31T10:00:00Z")));
        let before = zoned("Pacific/Apia", day).slice_of(slice.start - 1).unwrap();
        assert_eq!(before.end, slice.start);
    }

    #[test]
    fn steps_of_a_day_end_with_the_day() {
        let steps = Shape::Cumulating { size: 1, step: 6 * HOUR, offset: 0, fine: true };
        let spec = zoned("Europe/Berlin", steps);
        for (day, lengths) in [("2026-03-29", vec![6, 12, 18, 23]), ("2026-10-25", vec![6, 12, 18, 24, 25])] {
            let slice = spec.slice_of(at(&format!("{day}T00:30:00Z"))).unwrap();
            let start = spec.start_of(slice.end);
            let ends: Vec<i64> = spec.ends(start).map(|end| (end - start) / HOUR).collect();
            assert_eq!(ends, lengths, "{day}");
        }
    }

    #[test]
    fn provisional_rows_of_days_count_from_midnight_and_end_with_the_day() {
        let week = Shape::Sliding { size: 7, slide: 7, offset: 3 };
        let spec = |every, days| WindowSpec { early: Some(Early { every, days }), ..zoned("Europe/Berlin", week) };
        for (day, hours) in [("2026-03-29", vec![6, 12, 18, 23]), ("2026-10-25", vec![6, 12, 18, 24, 25])] {
            let mut slice = spec(6 * HOUR, false).slice_of(at(&format!("{day}T00:30:00Z"))).unwrap();
            let midnight = slice.start;
            let mut ends = Vec::new();
            while ends.len() < hours.len() {
                ends.push((slice.end - midnight) / HOUR);
                slice = spec(6 * HOUR, false).slice_of(slice.end).unwrap();
            }
            assert_eq!(ends, hours, "{day}");
            let slice = spec(1, true).slice_of(at(&format!("{day}T12:00:00Z"))).unwrap();
            assert_eq!((slice.start, slice.end), (midnight, midnight + hours[hours.len() - 1] * HOUR));
        }
    }

    #[test]
    fn moments_beyond_the_calendar_do_no_harm() {
        let spec = zoned("Europe/Berlin", Shape::Sliding { size: 7, slide: 1, offset: 4 });
        for x in [i64::MIN / 4, -377_705_116_800_000_000, 253_402_300_799_999_999, i64::MAX / 4] {
            let slice = spec.slice_of(x).unwrap();
            assert!(spec.ends(slice.start).take(20).count() < 20, "{x}");
        }
    }
}
