//! The functions over times. All of them are UTC, in the proleptic Gregorian calendar.

use super::heap::Heap;
use super::number::whole;
use crate::event::{Cell, Tag, Value};
use crate::time::{civil_from_days, days_from_civil};

/// The units of `date_trunc`, with their length in microseconds where it is fixed.
pub(super) const UNITS: [(&str, Option<i64>); 10] = [
    ("microseconds", Some(1)),
    ("milliseconds", Some(1_000)),
    ("second", Some(1_000_000)),
    ("minute", Some(60_000_000)),
    ("hour", Some(3_600_000_000)),
    ("day", Some(DAY)),
    ("week", None),
    ("month", None),
    ("quarter", None),
    ("year", None),
];

/// The fields of `extract` and `date_part`.
pub(super) const FIELDS: [&str; 13] = [
    "epoch",
    "year",
    "quarter",
    "month",
    "day",
    "hour",
    "minute",
    "second",
    "milliseconds",
    "microseconds",
    "dow",
    "isodow",
    "doy",
];

pub(super) const DAY: i64 = 86_400_000_000;

pub(super) fn date_trunc(args: &[Cell], heap: &mut Heap<'_>) -> Cell {
    let Value::Time(us) = args[1].value(heap.arena) else { return heap.fail() };
    let Some(unit) = heap.text(args[0]) else { return Cell::NULL };
    let Some((name, fixed)) = UNITS.iter().find(|(name, _)| unit.eq_ignore_ascii_case(name.as_bytes())) else {
        return heap.fail();
    };
    if let Some(length) = fixed {
        return heap.time(us.checked_sub(us.rem_euclid(*length)));
    }
    let days = us.div_euclid(DAY);
    let (year, month, _) = civil_from_days(days);
    let start = match *name {
        // 1970-01-01 was a Thursday; weeks begin on Monday
        "week" => days - (days + 3).rem_euclid(7),
        "month" => days_from_civil(year, month, 1),
        "quarter" => days_from_civil(year, (month - 1) / 3 * 3 + 1, 1),
        _ => days_from_civil(year, 1, 1),
    };
    heap.time(start.checked_mul(DAY))
}

pub(super) fn date_part(args: &[Cell], heap: &mut Heap<'_>) -> Cell {
    let Some(field) = heap.text(args[0]) else { return Cell::NULL };
    let Some(field) = FIELDS.iter().find(|name| field.eq_ignore_ascii_case(name.as_bytes())) else {
        return heap.fail();
    };
    let us = match args[1].value(heap.arena) {
        Value::Time(us) => us,
        // the length between two times is a number of seconds already
        Value::Int(_) | Value::Float(_) if *field == "epoch" => return args[1],
        _ => return heap.fail(),
    };
    let (days, of_day) = (us.div_euclid(DAY), us.rem_euclid(DAY));
    let (year, month, day) = civil_from_days(days);
    let of_minute = of_day % 60_000_000;
    Cell::int(match *field {
        "epoch" => return Cell::float(us as f64 / 1e6),
        "second" => return Cell::float(of_minute as f64 / 1e6),
        "milliseconds" => return Cell::float(of_minute as f64 / 1e3),
        "microseconds" => of_minute,
        "minute" => of_day / 60_000_000 % 60,
        "hour" => of_day / 3_600_000_000,
        "day" => day,
        "month" => month,
        "quarter" => (month - 1) / 3 + 1,
        "year" => year,
        "dow" => (days + 4).rem_euclid(7),
        "isodow" => (days + 3).rem_euclid(7) + 1,
        _ => days - days_from_civil(year, 1, 1) + 1,
    })
}

pub(super) fn to_timestamp(args: &[Cell], heap: &mut Heap<'_>) -> Cell {
    let us = match args[0].value(heap.arena) {
        Value::Int(s) => s.checked_mul(1_000_000),
        Value::Float(s) => whole(s * 1e6),
        _ => None,
    };
    heap.time(us)
}

pub(super) fn epoch_ms(args: &[Cell], heap: &mut Heap<'_>) -> Cell {
    match args[0].tag() {
        Tag::Time => Cell::int((args[0].bits() as i64).div_euclid(1_000)),
        _ => heap.fail(),
    }
}
