//! Text into event times and spans, and back.

use super::{EventTime, Span};

/// Reads a span such as `5s`, `250ms`, `1m`, `1h`, `1d`, `10us` or a sum of them, such as `1h30m`.
///
/// # Errors
/// A sentence that says what is wrong and which units there are.
pub fn parse_span(text: &str) -> Result<Span, String> {
    const UNITS: &str = "units are us, ms, s, m, h, d";
    let mut rest = text.trim();
    if rest.is_empty() {
        return Err(format!("a span of time is empty; write a number and a unit, such as 5s ({UNITS})"));
    }
    let mut total: i64 = 0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        if digits == 0 {
            return Err(format!("'{text}' is not a span of time; write a number and a unit, such as 5s ({UNITS})"));
        }
        let number: i64 = rest[..digits].parse().map_err(|_| format!("'{text}' is too long a span of time"))?;
        rest = &rest[digits..];
        let letters = rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len());
        let unit = match &rest[..letters] {
            "us" => 1,
            "ms" => 1_000,
            "s" => 1_000_000,
            "m" | "min" => 60_000_000,
            "h" => 3_600_000_000,
            "d" => 86_400_000_000,
            "" => {
                return Err(format!("'{text}' has no unit; write {text}s for seconds ({UNITS})"));
            }
            other => {
                return Err(format!("'{other}' in '{text}' is not a unit of time ({UNITS})"));
            }
        };
        rest = &rest[letters..];
        total = number
            .checked_mul(unit)
            .and_then(|n| total.checked_add(n))
            .filter(|n| *n <= 315_360_000_000_000_000)
            .ok_or_else(|| format!("'{text}' is too long a span of time (at most 10000 years)"))?;
    }
    Ok(Span(total))
}

/// Days since 1970-01-01 of a civil date in the proleptic Gregorian calendar.
///
/// Source: H. Hinnant, "chrono-Compatible Low-Level Date Algorithms".
pub(crate) fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let y = if month <= 2 { year - 1 } else { year };
    let era = y.div_euclid(400);
    let yoe = y - era * 400;
    let doy = (153 * (month + if month > 2 { -3 } else { 9 }) + 2) / 5 + day - 1;
    let doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
    era * 146_097 + doe - 719_468
}

/// The inverse of [`days_from_civil`].
pub(crate) fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let doe = z - era * 146_097;
    let yoe = (doe - doe / 1_460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let day = doy - (153 * mp + 2) / 5 + 1;
    let month = if mp < 10 { mp + 3 } else { mp - 9 };
    (yoe + era * 400 + i64::from(month <= 2), month, day)
}

/// Reads an RFC 3339 time (`2026-01-05T12:00:00.5Z`, `2026-01-05 13:00:00+01:00`); a fraction finer than a
/// microsecond is cut. `None` where the text is not one or the time is outside the years 1 to 9999.
pub fn parse_rfc3339(text: &[u8]) -> Option<EventTime> {
    let two = |at: usize| -> Option<i64> {
        let (a, b) = (text.get(at)?.wrapping_sub(b'0'), text.get(at + 1)?.wrapping_sub(b'0'));
        (a < 10 && b < 10).then(|| i64::from(a) * 10 + i64::from(b))
    };
    let is = |at: usize, wanted: &[u8]| text.get(at).is_some_and(|b| wanted.contains(b));
    let year = two(0)? * 100 + two(2)?;
    let (month, day, hour, minute, second) = (two(5)?, two(8)?, two(11)?, two(14)?, two(17)?);
    if !(is(4, b"-") && is(7, b"-") && is(10, b"Tt ") && is(13, b":") && is(16, b":")) {
        return None;
    }
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let length = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 => 28 + i64::from(leap),
        _ => return None,
    };
    if year < 1 || day < 1 || day > length || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let mut at = 19;
    let mut micros = 0;
    if is(at, b".") {
        at += 1;
        let start = at;
        let mut scale = 100_000;
        while let Some(d) = text.get(at).map(|b| b.wrapping_sub(b'0')).filter(|d| *d < 10) {
            micros += i64::from(d) * scale;
            scale /= 10;
            at += 1;
        }
        if at == start {
            return None;
        }
    }
    let shift = match text.get(at)? {
        b'Z' | b'z' => {
            at += 1;
            0
        }
        sign @ (b'+' | b'-') => {
            let (h, m) = (two(at + 1)?, two(at + 4)?);
            if !is(at + 3, b":") || h > 23 || m > 59 {
                return None;
            }
            at += 6;
            (h * 60 + m) * if *sign == b'+' { 1 } else { -1 }
        }
        _ => return None,
    };
    if at != text.len() {
        return None;
    }
    let seconds = days_from_civil(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second - shift * 60;
    let time = EventTime(seconds * 1_000_000 + micros);
    (EventTime::EARLIEST..=EventTime::LATEST).contains(&time).then_some(time)
}

/// Appends `time` as RFC 3339 in UTC: `2026-01-05T12:00:00Z`, with three or six digits of fraction where there is
/// one. Times outside the years 0 to 9999 are clamped to the nearest that can be written.
pub fn write_rfc3339(time: EventTime, out: &mut Vec<u8>) {
    let us = time.0.clamp(-62_167_219_200_000_000, EventTime::LATEST.0);
    let (seconds, micros) = (us.div_euclid(1_000_000), us.rem_euclid(1_000_000));
    let (days, second) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let (year, month, day) = civil_from_days(days);
    let digit = |n: i64| b'0' + (n % 10) as u8;
    let two = |out: &mut Vec<u8>, n: i64| out.extend_from_slice(&[digit(n / 10), digit(n)]);
    two(out, year / 100);
    two(out, year % 100);
    out.push(b'-');
    two(out, month);
    out.push(b'-');
    two(out, day);
    out.push(b'T');
    two(out, second / 3_600);
    out.push(b':');
    two(out, second / 60 % 60);
    out.push(b':');
    two(out, second % 60);
    if micros != 0 {
        out.push(b'.');
        let (digits, mut n) = if micros % 1_000 == 0 { (3, micros / 1_000) } else { (6, micros) };
        let mut text = [b'0'; 6];
        for place in (0..digits).rev() {
            text[place] = digit(n);
            n /= 10;
        }
        out.extend_from_slice(&text[..digits]);
    }
    out.push(b'Z');
}

/// [`write_rfc3339`] into a fresh string.
pub fn format_rfc3339(time: EventTime) -> String {
    let mut out = Vec::with_capacity(28);
    write_rfc3339(time, &mut out);
    String::from_utf8(out).expect("RFC 3339 text is ASCII")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read_and_written_back() {
        for text in ["5s", "250ms", "1m", "1h", "1d", "7us", "0s", "1500ms"] {
            assert_eq!(parse_span(text).unwrap().to_string(), text);
        }
        assert_eq!(parse_span("1h30m").unwrap(), Span(5_400_000_000));
        for bad in ["", "5", "s", "5 parsecs", "-5s", "99999999999d", "5sx"] {
            assert!(parse_span(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn rfc3339_round_trips_over_the_calendar() {
        for us in [0, 1, 999_000, 1_767_614_400_000_000, -1, -62_135_596_800_000_000, 253_402_300_799_999_999] {
            let text = format_rfc3339(EventTime(us));
            assert_eq!(parse_rfc3339(text.as_bytes()), Some(EventTime(us)), "{text}");
        }
        for day in (-719_162..2_932_896).step_by(97) {
            let text = format_rfc3339(EventTime(day * 86_400_000_000));
            assert_eq!(parse_rfc3339(text.as_bytes()), Some(EventTime(day * 86_400_000_000)), "{text}");
        }
    }

    #[test]
    fn rfc3339_offsets_and_fractions_are_read() {
        let t = parse_rfc3339(b"2026-01-05T13:00:00.5+01:00").unwrap();
        assert_eq!(format_rfc3339(t), "2026-01-05T12:00:00.500Z");
        for bad in ["2026-02-29T00:00:00Z", "2026-01-05", "2026-01-05T12:00:00", "2026-13-05T12:00:00Z", "x", ""] {
            assert_eq!(parse_rfc3339(bad.as_bytes()), None, "{bad}");
        }
    }
}
