//! Trigonometry, roots, whole numbers and their bits.
//!
//! Results are the same bits on every machine: the functions are those of the `libm` crate, never of the platform.

use super::heap::{Heap, get};
use crate::event::Cell;

macro_rules! floats {
    ($($name:ident = $f:expr;)*) => {
        $(pub(super) fn $name(args: &[Cell], heap: &mut Heap<'_>) -> Cell {
            let x = get!(heap.number(args[0]));
            let f: fn(f64) -> f64 = $f;
            heap.float(f(x))
        })*
    };
}

floats! {
    cbrt = libm::cbrt;
    log2 = libm::log2;
    sin = libm::sin;
    cos = libm::cos;
    tan = libm::tan;
    asin = libm::asin;
    acos = libm::acos;
    atan = libm::atan;
    sinh = libm::sinh;
    cosh = libm::cosh;
    tanh = libm::tanh;
    degrees = |x| x * (180.0 / std::f64::consts::PI);
    radians = |x| x * (std::f64::consts::PI / 180.0);
}

pub(super) fn pi(_: &[Cell], _: &mut Heap<'_>) -> Cell {
    Cell::float(std::f64::consts::PI)
}

pub(super) fn atan2(args: &[Cell], heap: &mut Heap<'_>) -> Cell {
    let (y, x) = (get!(heap.number(args[0])), get!(heap.number(args[1])));
    heap.float(libm::atan2(y, x))
}

pub(super) fn width_bucket(args: &[Cell], heap: &mut Heap<'_>) -> Cell {
    let (x, low, high) = (get!(heap.number(args[0])), get!(heap.number(args[1])), get!(heap.number(args[2])));
    let n = get!(heap.whole(args[3]));
    // a count above 2^52 would not be exact in a float
    if !(1..=1 << 52).contains(&n) || low == high {
        return heap.fail();
    }
    let (x, low, high) = if low < high { (x, low, high) } else { (-x, -low, -high) };
    // half of each where the distance is more than a float can be
    let (x, low, high) = if (high - low).is_finite() { (x, low, high) } else { (x / 2.0, low / 2.0, high / 2.0) };
    Cell::int(if x < low {
        0
    } else if x >= high {
        n + 1
    } else {
        let part = ((x - low) / (high - low) * n as f64) as i64;
        part.clamp(0, n - 1) + 1
    })
}

fn divisor(mut a: u64, mut b: u64) -> u64 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

pub(super) fn gcd(args: &[Cell], heap: &mut Heap<'_>) -> Cell {
    let (a, b) = (get!(heap.whole(args[0])), get!(heap.whole(args[1])));
    heap.int(i64::try_from(divisor(a.unsigned_abs(), b.unsigned_abs())).ok())
}

pub(super) fn lcm(args: &[Cell], heap: &mut Heap<'_>) -> Cell {
    let (a, b) = (get!(heap.whole(args[0])).unsigned_abs(), get!(heap.whole(args[1])).unsigned_abs());
    let found = if a == 0 || b == 0 { Some(0) } else { (a / divisor(a, b)).checked_mul(b) };
    heap.int(found.and_then(|n| i64::try_from(n).ok()))
}

macro_rules! bits {
    ($($name:ident = $f:expr;)*) => {
        $(pub(super) fn $name(args: &[Cell], heap: &mut Heap<'_>) -> Cell {
            let (a, b) = (get!(heap.whole(args[0])), get!(heap.whole(args[1])));
            let f: fn(i64, i64) -> Option<i64> = $f;
            heap.int(f(a, b))
        })*
    };
}

bits! {
    bitand = |a, b| Some(a & b);
    bitor = |a, b| Some(a | b);
    bitxor = |a, b| Some(a ^ b);
    shift_left = |a, n| u32::try_from(n).ok().and_then(|n| a.checked_shl(n));
    shift_right = |a, n| u32::try_from(n).ok().and_then(|n| a.checked_shr(n));
}

pub(super) fn bitnot(args: &[Cell], heap: &mut Heap<'_>) -> Cell {
    Cell::int(!get!(heap.whole(args[0])))
}

pub(super) fn bit_count(args: &[Cell], heap: &mut Heap<'_>) -> Cell {
    Cell::int(i64::from(get!(heap.whole(args[0])).count_ones()))
}
