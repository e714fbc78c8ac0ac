//! Values, turned into the answers of aggregates by the plainest means: big integers, sorting, sets of bytes.
//!
//! It shares only the order of values and their canonical bytes with the code that it judges.

use crate::event::{Cell, Tag, Value, key};
use std::collections::HashSet;

/// A whole number of any size: sign and magnitude in 32-bit digits, least first.
mod big {
    use std::cmp::Ordering;

    pub fn trim(mut a: Vec<u32>) -> Vec<u32> {
        while a.last() == Some(&0) {
            a.pop();
        }
        a
    }

    pub fn compare(a: &[u32], b: &[u32]) -> Ordering {
        a.len().cmp(&b.len()).then_with(|| a.iter().rev().cmp(b.iter().rev()))
    }

    pub fn add(a: &[u32], b: &[u32]) -> Vec<u32> {
        let (mut out, mut carry) = (Vec::new(), 0);
        for i in 0..a.len().max(b.len()) + 1 {
            let t = u64::from(*a.get(i).unwrap_or(&0)) + u64::from(*b.get(i).unwrap_or(&0)) + carry;
            out.push(t as u32);
            carry = t >> 32;
        }
        trim(out)
    }

    /// a - b where a >= b.
    pub fn subtract(a: &[u32], b: &[u32]) -> Vec<u32> {
        let (mut out, mut borrow) = (Vec::new(), 0);
        for (i, digit) in a.iter().enumerate() {
            let t = i64::from(*digit) - i64::from(*b.get(i).unwrap_or(&0)) - borrow;
            borrow = i64::from(t < 0);
            out.push((t + (borrow << 32)) as u32);
        }
        trim(out)
    }

    pub fn times(a: &[u32], b: &[u32]) -> Vec<u32> {
        let mut out = Vec::new();
        for (i, digit) in b.iter().enumerate() {
            let (mut row, mut carry) = (vec![0; i], 0u64);
            for other in a {
                carry += u64::from(*other) * u64::from(*digit);
                row.push(carry as u32);
                carry >>= 32;
            }
            row.push(carry as u32);
            out = add(&out, &row);
        }
        out
    }

    pub fn shifted(v: u64, by: usize) -> Vec<u32> {
        let mut out = vec![0; by / 32];
        let t = u128::from(v) << (by % 32);
        out.extend([t as u32, (t >> 32) as u32, (t >> 64) as u32]);
        trim(out)
    }
}

/// The magnitude in units of 2^-1074 of |v|.
fn units(v: f64) -> Vec<u32> {
    let bits = v.abs().to_bits();
    let (exponent, fraction) = (bits >> 52, bits & ((1 << 52) - 1));
    if exponent == 0 { big::shifted(fraction, 0) } else { big::shifted(fraction | 1 << 52, exponent as usize - 1) }
}

/// The exact sum as (is negative, units of 2^-1074).
pub fn exact_sum(values: &[Cell]) -> (bool, Vec<u32>) {
    let (mut plus, mut minus) = (Vec::new(), Vec::new());
    for cell in values.iter().filter(|c| c.as_f64().is_some()) {
        let (negative, magnitude) = match cell.value(&[]) {
            Value::Int(v) => (v < 0, big::shifted(v.unsigned_abs(), 1074)),
            Value::Float(v) => (v < 0.0, units(v)),
            _ => continue,
        };
        let side = if negative { &mut minus } else { &mut plus };
        *side = big::add(side, &magnitude);
    }
    let negative = big::compare(&plus, &minus).is_lt();
    (negative, if negative { big::subtract(&minus, &plus) } else { big::subtract(&plus, &minus) })
}

/// The double nearest to a magnitude, by bisection over all doubles.
pub fn nearest(magnitude: &[u32]) -> f64 {
    let limit = big::shifted(1, 2098); // 2^1024
    let value = |bits: u64| if bits == f64::INFINITY.to_bits() { limit.clone() } else { units(f64::from_bits(bits)) };
    let (mut low, mut high) = (0, f64::INFINITY.to_bits());
    if big::compare(magnitude, &limit).is_ge() {
        return f64::INFINITY;
    }
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if big::compare(&value(middle), magnitude).is_le() { low = middle } else { high = middle }
    }
    let below = big::subtract(magnitude, &value(low));
    let above = big::subtract(&value(high), magnitude);
    let up = match big::compare(&below, &above) {
        std::cmp::Ordering::Less => false,
        std::cmp::Ordering::Greater => true,
        std::cmp::Ordering::Equal => low & 1 == 1,
    };
    f64::from_bits(if up { high } else { low })
}

pub fn sum(values: &[Cell]) -> Cell {
    let numbers: Vec<Cell> = values.iter().copied().filter(|c| c.as_f64().is_some()).collect();
    if numbers.is_empty() {
        return Cell::NULL;
    }
    if numbers.iter().all(|c| c.tag() == Tag::Int) {
        let total: i128 = numbers.iter().map(|c| i128::from(c.bits() as i64)).sum();
        return i64::try_from(total).map_or(Cell::float(total as f64), Cell::int);
    }
    let (negative, magnitude) = exact_sum(&numbers);
    let v = nearest(&magnitude);
    Cell::float(if negative && v != 0.0 { -v } else { v })
}

pub fn average(values: &[Cell]) -> Cell {
    let n = values.iter().filter(|c| c.as_f64().is_some()).count();
    let (negative, magnitude) = exact_sum(values);
    if n == 0 {
        return Cell::NULL;
    }
    let v = match nearest(&magnitude) {
        v if v.is_finite() => v / n as f64,
        _ => {
            let scaled: Vec<u32> = magnitude[2..].to_vec();
            // Two digits less are 2^-64; what is cut only matters where it breaks a tie.
            let sticky = u32::from(magnitude[..2].iter().any(|d| *d != 0));
            nearest(&big::add(&scaled, &[sticky])) / n as f64 * 18_446_744_073_709_551_616.0
        }
    };
    Cell::float(if negative { -v } else { v })
}

pub fn extreme(values: &[Cell], arena: &[u8], greatest: bool) -> Option<Cell> {
    let mut best: Option<Cell> = None;
    for cell in values.iter().filter(|c| !c.is_null()) {
        let zero = if cell.tag() == Tag::Float && cell.as_f64() == Some(0.0) { Cell::float(0.0) } else { *cell };
        let wins = best.is_none_or(|b| {
            let order = key::compare_values(zero.value(arena), b.value(arena));
            let order = if greatest { order.reverse() } else { order };
            order.is_lt() || (order.is_eq() && zero.tag() == Tag::Int)
        });
        if wins {
            best = Some(zero);
        }
    }
    best
}

pub fn percentile(values: &[Cell], p: f64) -> Option<(f64, f64, f64)> {
    let mut v: Vec<f64> = values.iter().filter_map(|c| c.as_f64()).map(|v| v + 0.0).collect();
    v.sort_by(f64::total_cmp);
    let last = v.len().checked_sub(1)?;
    let at = p * last as f64;
    let (low, part) = (at.floor() as usize, at - at.floor());
    Some((v[low], v[(low + 1).min(last)], part))
}

pub fn distinct(values: &[Cell], arena: &[u8]) -> usize {
    let bytes = |c: &Cell| {
        let mut out = Vec::new();
        key::encode(*c, arena, &mut out);
        out
    };
    values.iter().filter(|c| !c.is_null()).map(bytes).collect::<HashSet<_>>().len()
}

/// The exact sum by buckets of equal exponents: fast enough for many values.
pub fn bucketed(values: &[Cell]) -> (bool, Vec<u32>) {
    let mut buckets = vec![0i128; 2048];
    for cell in values {
        let bits = cell.bits();
        let exponent = (bits >> 52 & 0x7ff) as usize;
        let fraction = (bits & ((1 << 52) - 1)) as i128 | if exponent > 0 { 1 << 52 } else { 0 };
        buckets[exponent.max(1)] += if bits >> 63 == 1 { -fraction } else { fraction };
    }
    let (mut plus, mut minus) = (Vec::new(), Vec::new());
    for (exponent, total) in buckets.iter().enumerate().skip(1) {
        let side = if *total < 0 { &mut minus } else { &mut plus };
        let (magnitude, by) = (total.unsigned_abs(), exponent - 1);
        *side = big::add(side, &big::shifted(magnitude as u64, by));
        *side = big::add(side, &big::shifted((magnitude >> 64) as u64, by + 64));
    }
    let negative = big::compare(&plus, &minus).is_lt();
    (negative, if negative { big::subtract(&minus, &plus) } else { big::subtract(&plus, &minus) })
}

/// The variance times its divisor in units of 2^-2148, and the divisor.
pub fn deviations(values: &[Cell], sample: bool) -> Option<(Vec<u32>, Vec<u32>)> {
    let numbers: Vec<Cell> = values.iter().copied().filter(|c| c.as_f64().is_some()).collect();
    let n = numbers.len() as u64;
    let other = if sample { n.checked_sub(1)? } else { n };
    if other == 0 {
        return None;
    }
    let square = |cell: &Cell| {
        let (_, magnitude) = exact_sum(&[*cell]);
        big::times(&magnitude, &magnitude)
    };
    let squares = numbers.iter().map(square).fold(Vec::new(), |sum, v| big::add(&sum, &v));
    let (_, total) = exact_sum(&numbers);
    let times_n = big::times(&squares, &big::shifted(n, 0));
    let divisor = big::times(&big::shifted(n, 0), &big::shifted(other, 0));
    Some((big::subtract(&times_n, &big::times(&total, &total)), divisor))
}

/// The double nearest to a variance.
pub fn variance(values: &[Cell], sample: bool) -> Cell {
    let Some((wanted, divisor)) = deviations(values, sample) else {
        return Cell::NULL;
    };
    // Twice a double times the divisor, so that the middle of two doubles is whole.
    let at = |magnitude: Vec<u32>| big::times(&big::times(&magnitude, &big::shifted(1, 1074)), &divisor);
    let value =
        |bits: u64| if bits == f64::INFINITY.to_bits() { big::shifted(1, 2098) } else { units(f64::from_bits(bits)) };
    let (mut low, mut high) = (0, f64::INFINITY.to_bits());
    if big::compare(&at(value(high)), &wanted).is_le() {
        return Cell::NULL;
    }
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if big::compare(&at(value(middle)), &wanted).is_le() { low = middle } else { high = middle }
    }
    let middle = at(big::add(&value(low), &value(high)));
    let up = match big::compare(&big::add(&wanted, &wanted), &middle) {
        std::cmp::Ordering::Less => false,
        std::cmp::Ordering::Greater => true,
        std::cmp::Ordering::Equal => low & 1 == 1,
    };
    Cell::float(f64::from_bits(if up { high } else { low }))
}

/// True where a double is within one unit of the last place of the square root of the variance.
pub fn is_deviation(values: &[Cell], sample: bool, v: Cell) -> bool {
    let Some((wanted, divisor)) = deviations(values, sample) else {
        return v.is_null();
    };
    let square = |v: f64| {
        let magnitude = if v.is_finite() { units(v) } else { big::shifted(1, 2098) };
        big::times(&big::times(&magnitude, &magnitude), &divisor)
    };
    match v.as_f64() {
        None => big::compare(&square(f64::MAX), &wanted).is_le(),
        Some(0.0) => big::compare(&square(5e-324), &wanted).is_ge(),
        Some(v) => {
            big::compare(&square(v.next_down()), &wanted).is_le() && big::compare(&square(v.next_up()), &wanted).is_ge()
        }
    }
}
