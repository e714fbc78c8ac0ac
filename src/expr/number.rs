//! Arithmetic and the functions over numbers.
//!
//! Results are the same bits on every machine: beyond the operations that IEEE 754 rounds exactly, the functions are those
//! of the `libm` crate, which is compiled in, never of the platform.
//!
//! Errors: none stop a row: overflow, division by zero, NaN and wrong classes are counted and give NULL.

use super::heap::{Heap, get};
use super::tree::Arithmetic;
use crate::event::{Cell, Tag, Value};

const MICROS: f64 = 1_000_000.0;

/// `a op b` for two values that are not NULL. Times: time ± seconds = time, time - time = seconds.
#[inline]
pub(super) fn arithmetic(op: Arithmetic, a: Cell, b: Cell, heap: &mut Heap<'_>) -> Cell {
    match (a.value(heap.arena), b.value(heap.arena)) {
        (Value::Int(a), Value::Int(b)) => heap.int(match op {
            Arithmetic::Add => a.checked_add(b),
            Arithmetic::Sub => a.checked_sub(b),
            Arithmetic::Mul => a.checked_mul(b),
            Arithmetic::Div => a.checked_div(b),
            // the remainder of i64::MIN by -1 is 0, though the quotient is out of range
            Arithmetic::Rem => (b != 0).then(|| a.wrapping_rem(b)),
        }),
        (Value::Time(a), Value::Time(b)) if op == Arithmetic::Sub => Cell::float(a.saturating_sub(b) as f64 / MICROS),
        (Value::Time(a), _) if matches!(op, Arithmetic::Add | Arithmetic::Sub) => {
            let shift = get!(micros(b, heap));
            heap.time(if op == Arithmetic::Add { a.checked_add(shift) } else { a.checked_sub(shift) })
        }
        (_, Value::Time(b)) if op == Arithmetic::Add => {
            let shift = get!(micros(a, heap));
            heap.time(b.checked_add(shift))
        }
        _ => {
            let (a, b) = (get!(heap.number(a)), get!(heap.number(b)));
            heap.float(match op {
                Arithmetic::Add => a + b,
                Arithmetic::Sub => a - b,
                Arithmetic::Mul => a * b,
                // 1 / 0 is infinite and 0 / 0 is NaN: both become NULL
                Arithmetic::Div => a / b,
                Arithmetic::Rem => a % b,
            })
        }
    }
}

/// A number of seconds as microseconds.
fn micros(seconds: Cell, heap: &mut Heap<'_>) -> Option<i64> {
    let us = match seconds.value(heap.arena) {
        Value::Int(s) => s.checked_mul(1_000_000),
        Value::Float(s) => whole(s * MICROS),
        _ => None,
    };
    if us.is_none() {
        heap.fail();
    }
    us
}

/// The nearest whole number, ties away from zero; `None` outside of `i64`.
pub(super) fn whole(v: f64) -> Option<i64> {
    let v = v.round();
    (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&v).then_some(v as i64)
}

pub(super) fn negate(cell: Cell, heap: &mut Heap<'_>) -> Cell {
    match cell.value(heap.arena) {
        Value::Null => Cell::NULL,
        Value::Int(v) => heap.int(v.checked_neg()),
        Value::Float(v) => Cell::float(-v),
        _ => heap.fail(),
    }
}

/// One function for integers, one for floats.
fn one(cell: Cell, heap: &mut Heap<'_>, int: impl Fn(i64) -> Option<i64>, float: impl Fn(f64) -> f64) -> Cell {
    match cell.value(heap.arena) {
        Value::Int(v) => heap.int(int(v)),
        Value::Float(v) => heap.float(float(v)),
        _ => heap.fail(),
    }
}

pub(super) fn abs(args: &[Cell], heap: &mut Heap<'_>) -> Cell {
    one(args[0], heap, i64::checked_abs, f64::abs)
}

pub(super) fn floor(args: &[Cell], heap: &mut Heap<'_>) -> Cell {
    one(args[0], heap, Some, f64::floor)
}

pub(super) fn ceil(args: &[Cell], heap: &mut Heap<'_>) -> Cell {
    one(args[0], heap, Some, f64::ceil)
}

pub(super) fn trunc(args: &[Cell], heap: &mut Heap<'_>) -> Cell {
    one(args[0], heap, Some, f64::trunc)
}

pub(super) fn sign(args: &[Cell], heap: &mut Heap<'_>) -> Cell {
    one(args[0], heap, |v| Some(v.signum()), |v| if v == 0.0 { 0.0 } else { v.signum() })
}

pub(super) fn round(args: &[Cell], heap: &mut Heap<'_>) -> Cell {
    let Some(places) = args.get(1) else { return one(args[0], heap, Some, f64::round) };
    let places = get!(heap.whole(*places)).clamp(-400, 400) as i32;
    one(
        args[0],
        heap,
        |v| {
            if places >= 0 {
                return Some(v);
            }
            // 10^19 is above twice the largest integer's half: everything rounds to 0 from 20 places on
            let unit = 10_i128.pow(places.unsigned_abs().min(20));
            let (v, half) = (i128::from(v), unit / 2);
            i64::try_from((v + if v < 0 { -half } else { half }) / unit * unit).ok()
        },
        |v| {
            if places >= 0 {
                let scaled = v * libm::pow(10.0, f64::from(places));
                // from 2^53 on a float has no fraction left to round
                if scaled.abs() < 9_007_199_254_740_992.0 {
                    scaled.round() / libm::pow(10.0, f64::from(places))
                } else {
                    v
                }
            } else {
                let unit = libm::pow(10.0, f64::from(-places));
                if unit.is_finite() { (v / unit).round() * unit } else { 0.0 }
            }
        },
    )
}

pub(super) fn sqrt(args: &[Cell], heap: &mut Heap<'_>) -> Cell {
    let v = get!(heap.number(args[0]));
    heap.float(v.sqrt())
}

pub(super) fn exp(args: &[Cell], heap: &mut Heap<'_>) -> Cell {
    let v = get!(heap.number(args[0]));
    heap.float(libm::exp(v))
}

pub(super) fn ln(args: &[Cell], heap: &mut Heap<'_>) -> Cell {
    let v = get!(heap.number(args[0]));
    heap.float(libm::log(v))
}

pub(super) fn log(args: &[Cell], heap: &mut Heap<'_>) -> Cell {
    let v = get!(heap.number(args[0]));
    match args.get(1) {
        None => heap.float(libm::log10(v)),
        // the base is written first, as in PostgreSQL
        Some(x) => {
            let x = get!(heap.number(*x));
            heap.float(libm::log(x) / libm::log(v))
        }
    }
}

pub(super) fn power(args: &[Cell], heap: &mut Heap<'_>) -> Cell {
    let (a, b) = (get!(heap.number(args[0])), get!(heap.number(args[1])));
    heap.float(libm::pow(a, b))
}

pub(super) fn remainder(args: &[Cell], heap: &mut Heap<'_>) -> Cell {
    if args.iter().any(|c| c.tag() == Tag::Time) {
        return heap.fail();
    }
    arithmetic(Arithmetic::Rem, args[0], args[1], heap)
}
