//! The text of a JSON number, turned into a cell, and into event time.
//!
//! Units: event time in microseconds. Time is read from the decimal digits, never through a float; what is finer
//! than a microsecond is cut. Cost: numbers of up to 15 characters without exponent are read without a loop
//! ([`Digits`]); others by the standard library.

use super::reject::RejectReason;
use crate::event::Cell;
use crate::time::{EventTime, TimeUnit};

/// Digits and at most one point at the start of 16 bytes: `mantissa` / 10^[`Digits::fraction`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Digits {
    /// Digits before the point.
    pub(super) whole: u32,
    /// Has a point.
    pub(super) point: bool,
    /// Characters.
    pub(super) len: u32,
}

/// Powers of ten; filled up with the last that fits.
const POWERS: [u64; 32] = {
    let mut powers = [10_000_000_000_000_000_000; 32];
    powers[0] = 1;
    let mut i = 1;
    while i < 20 {
        powers[i] = powers[i - 1] * 10;
        i += 1;
    }
    powers
};

const FLOAT_POWERS: [f64; 16] = [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];

impl Digits {
    /// Finds them; the plain form of the SIMD one.
    #[inline]
    pub(super) fn find(text: &[u8; 16]) -> Self {
        let (mut len, mut whole, mut point) = (0usize, 0, false);
        while len < 16 {
            if text[len].is_ascii_digit() {
                whole += u32::from(!point);
            } else if text[len] == b'.' && !point {
                point = true;
            } else {
                break;
            }
            len += 1;
        }
        Self { whole, point, len: len as u32 }
    }

    /// The digits without the point, below 10^16; the plain form of the SIMD one.
    #[inline]
    pub(super) fn mantissa(self, text: &[u8; 16]) -> u64 {
        let digits = text[..self.len as usize % 17].iter().filter(|b| **b != b'.');
        digits.fold(0, |sum, digit| sum * 10 + u64::from(digit.wrapping_sub(b'0') & 15))
    }

    /// Digits after the point.
    #[inline]
    pub(super) fn fraction(self) -> u32 {
        self.len - self.whole - u32::from(self.point)
    }

    /// Those before the point.
    #[inline]
    pub(super) fn before(self) -> Self {
        Self { whole: self.whole, point: false, len: self.whole }
    }

    /// True where the grammar of JSON allows these digits, there are at most 15 characters, and `first` is the first of
    /// them. Says nothing on what follows.
    #[inline]
    pub(super) fn is_number(self, first: u8) -> bool {
        let zero = first == b'0' && self.whole > 1;
        self.whole != 0 && !zero && (self.fraction() != 0) == self.point && self.len < 16
    }

    /// The cell of the number: exact, as a mantissa of 15 digits is below 2^53 and the power of ten is exact too.
    #[inline]
    pub(super) fn cell(self, mantissa: u64, negative: bool) -> Cell {
        let float = mantissa as f64 / FLOAT_POWERS[self.fraction() as usize & 15];
        let float = f64::from_bits(float.to_bits() ^ u64::from(negative) << 63);
        let whole = mantissa as i64;
        if self.point || (negative && whole == 0) {
            Cell::float(float)
        } else {
            Cell::int((whole ^ -i64::from(negative)) + i64::from(negative))
        }
    }
}

/// The event time of a number: what is before its point, below 10^15, and of how many digits what is after it, at most
/// 15; `None` where it is out of range.
#[inline]
pub(super) fn micros(whole: u64, (rest, digits): (u64, u32), negative: bool, scale: i32) -> Option<i64> {
    let us = if scale < 0 {
        u128::from(whole / POWERS[scale.unsigned_abs() as usize & 31])
    } else {
        let shift = scale - digits as i32;
        // At most 15 digits, and the sum of digits and shift is at most 6.
        let rest = if shift >= 0 {
            rest * POWERS[shift as usize & 15]
        } else {
            rest / POWERS[shift.unsigned_abs() as usize & 31]
        };
        // Below 10^15 * 10^6: no overflow of 128 bits, and of 64 only where it is out of range anyway.
        u128::from(whole) * u128::from(POWERS[scale as usize & 15]) + u128::from(rest)
    };
    let us = i64::try_from(us).ok()?;
    in_range(if negative { -us } else { us })
}

/// Digits of a microsecond in the unit: the power of ten from the unit to microseconds. `None` for RFC 3339.
pub(super) fn scale(unit: TimeUnit) -> Option<i32> {
    match unit {
        TimeUnit::Seconds => Some(6),
        TimeUnit::Millis => Some(3),
        TimeUnit::Micros => Some(0),
        TimeUnit::Nanos => Some(-3),
        TimeUnit::Rfc3339 => None,
    }
}

#[inline]
fn in_range(us: i64) -> Option<i64> {
    (EventTime::EARLIEST.0..=EventTime::LATEST.0).contains(&us).then_some(us)
}

/// Reads any JSON number. `None` where `text` is none, or is out of the range of a float.
pub(in crate::codec) fn read(text: &[u8]) -> Option<Cell> {
    let parts = Parts::split(text)?;
    let text = std::str::from_utf8(text).ok()?;
    if parts.fraction.is_none()
        && parts.exponent.is_none()
        && text != "-0"
        && let Ok(v) = text.parse::<i64>()
    {
        return Some(Cell::int(v));
    }
    text.parse::<f64>().ok().filter(|v| v.is_finite()).map(Cell::float)
}

/// Reads a JSON number as event time, exactly, whatever its form.
pub(in crate::codec) fn read_micros(text: &[u8], unit: TimeUnit) -> Result<i64, RejectReason> {
    let (Some(parts), Some(scale)) = (Parts::split(text), scale(unit)) else { return Err(RejectReason::TimeType) };
    let fraction = parts.fraction.unwrap_or_default();
    let mut digits = parts.whole.iter().chain(fraction).skip_while(|d| **d == b'0').peekable();
    if digits.peek().is_none() {
        return Ok(0);
    }
    let leading = parts.whole.iter().chain(fraction).take_while(|d| **d == b'0').count() as i64;
    // Digits of the result: those before the point, once the point has moved.
    let exponent = parts.exponent.map_or(0, saturating);
    let count = (parts.whole.len() as i64 - leading).saturating_add(exponent).saturating_add(i64::from(scale));
    if count > 18 {
        return Err(RejectReason::TimeRange);
    }
    let us = (0..count.max(0)).fold(0i64, |us, _| us * 10 + digits.next().map_or(0, |d| i64::from(d - b'0')));
    in_range(if parts.negative { -us } else { us }).ok_or(RejectReason::TimeRange)
}

/// The exponent, cut to a range in which sums do not overflow.
fn saturating(text: &[u8]) -> i64 {
    let (negative, digits) = match text.split_first() {
        Some((b'-', rest)) => (true, rest),
        Some((b'+', rest)) => (false, rest),
        _ => (false, text),
    };
    let n = digits.iter().fold(0i64, |n, d| (n * 10 + i64::from(d - b'0')).min(1 << 50));
    if negative { -n } else { n }
}

/// The parts of a number that follows the grammar.
struct Parts<'a> {
    negative: bool,
    whole: &'a [u8],
    fraction: Option<&'a [u8]>,
    exponent: Option<&'a [u8]>,
}

impl<'a> Parts<'a> {
    fn split(text: &'a [u8]) -> Option<Self> {
        let negative = text.first() == Some(&b'-');
        let (whole, mut rest) = digits(&text[usize::from(negative)..]);
        if whole.is_empty() || (whole[0] == b'0' && whole.len() > 1) {
            return None;
        }
        let mut fraction = None;
        if let Some((b'.', after)) = rest.split_first() {
            let (found, after) = digits(after);
            if found.is_empty() {
                return None;
            }
            (fraction, rest) = (Some(found), after);
        }
        let mut exponent = None;
        if let Some((b'e' | b'E', after)) = rest.split_first() {
            let sign = usize::from(matches!(after.first(), Some(b'+' | b'-')));
            let (found, left) = digits(&after[sign..]);
            if found.is_empty() {
                return None;
            }
            (exponent, rest) = (Some(&after[..sign + found.len()]), left);
        }
        rest.is_empty().then_some(Self { negative, whole, fraction, exponent })
    }
}

fn digits(text: &[u8]) -> (&[u8], &[u8]) {
    text.split_at(text.iter().position(|b| !b.is_ascii_digit()).unwrap_or(text.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_is_read_exactly_in_every_unit_and_form() {
        let us = |text: &str, unit| read_micros(text.as_bytes(), unit);
        for (text, unit, want) in [
            ("1767614400.123", TimeUnit::Seconds, Ok(1_767_614_400_123_000)),
            ("1767614400.1234569", TimeUnit::Seconds, Ok(1_767_614_400_123_456)),
            ("-1.5", TimeUnit::Seconds, Ok(-1_500_000)),
            ("-0.0000019", TimeUnit::Seconds, Ok(-1)),
            ("1.7676144e9", TimeUnit::Seconds, Ok(1_767_614_400_000_000)),
            ("1767614400123", TimeUnit::Millis, Ok(1_767_614_400_123_000)),
            ("1767614400123456789", TimeUnit::Nanos, Ok(1_767_614_400_123_456)),
            ("12E-1", TimeUnit::Micros, Ok(1)),
            ("0.00000e99999999999999999999", TimeUnit::Micros, Ok(0)),
            ("1e-99999999999999999999", TimeUnit::Micros, Ok(0)),
            ("1e99999999999999999999", TimeUnit::Micros, Err(RejectReason::TimeRange)),
            ("253402300799.999999", TimeUnit::Seconds, Ok(EventTime::LATEST.0)),
            ("253402300800", TimeUnit::Seconds, Err(RejectReason::TimeRange)),
            ("-62135596800", TimeUnit::Seconds, Ok(EventTime::EARLIEST.0)),
            ("-62135596801", TimeUnit::Seconds, Err(RejectReason::TimeRange)),
            ("1", TimeUnit::Rfc3339, Err(RejectReason::TimeType)),
        ] {
            assert_eq!(us(text, unit), want, "{text}");
        }
    }

    #[test]
    fn a_time_in_two_parts_is_what_it_is_as_text() {
        let part = |text: &str| {
            let mut all = [b' '; 16];
            let n = text.len().min(16);
            all[..n].copy_from_slice(&text.as_bytes()[..n]);
            all
        };
        let units = [TimeUnit::Seconds, TimeUnit::Millis, TimeUnit::Micros, TimeUnit::Nanos];
        for text in [
            "1767614400",
            "1767614400.5",
            "1767614400.123456",
            "1767614400.1234569999999",
            "1767614400.99999999999999",
            "0.00000000000001",
            "0.123456789012345",
            "253402300799.999999",
            "253402300800.000000",
            "62135596800",
            "62135596800.000001",
            "99999999999999.0",
            "621355968010000.5",
        ] {
            let (before, after) = text.split_once('.').unwrap_or((text, ""));
            let (before, after) = (part(before), part(after));
            let (whole, rest) = (Digits::find(&before), Digits::find(&after));
            for unit in units {
                for negative in [false, true] {
                    let want = read_micros(format!("{}{text}", if negative { "-" } else { "" }).as_bytes(), unit).ok();
                    let got = micros(
                        whole.mantissa(&before),
                        (rest.mantissa(&after), rest.len),
                        negative,
                        scale(unit).unwrap(),
                    );
                    assert_eq!(got, want, "{text} {unit:?} {negative}");
                }
            }
        }
    }

    #[test]
    fn numbers_that_the_grammar_forbids_are_none() {
        for bad in ["", "-", "01", "-01", "1.", ".5", "1e", "1e+", "1.e5", "+1", "1a", "1 ", "1e999", "0x1", "NaN"] {
            assert!(read(bad.as_bytes()).is_none(), "{bad}");
        }
    }
}
