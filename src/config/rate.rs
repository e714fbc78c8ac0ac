//! Text such as `1000/s` into events a second, and back.

use std::fmt;

/// Units, with how many seconds each is.
const UNITS: [(&str, f64); 3] = [("s", 1.0), ("m", 60.0), ("h", 3_600.0)];

/// The lowest and the highest rate, events a second.
const BOUNDS: std::ops::RangeInclusive<f64> = 1.0 / 3_600.0..=1e9;

/// Events a second; above 0 and finite.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct EventRate(pub f64);

impl fmt::Display for EventRate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/s", self.0)
    }
}

/// Reads a rate such as `1000/s`, `2.5/s` or `100/m`.
///
/// # Errors
/// A sentence that says what is wrong and what a rate looks like.
pub fn parse_rate(text: &str) -> Result<EventRate, String> {
    let wrong = || format!("'{text}' is not a rate; write events a span, such as 1000/s (spans are s, m, h)");
    let (number, unit) = text.split_once('/').ok_or_else(wrong)?;
    let number: f64 = number.trim().parse().map_err(|_| wrong())?;
    let (_, seconds) = UNITS.iter().find(|(word, _)| *word == unit.trim()).ok_or_else(wrong)?;
    let rate = number / seconds;
    if BOUNDS.contains(&rate) { Ok(EventRate(rate)) } else { Err(format!("'{text}' is not from 1/h to 1000000000/s")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_read_and_written_back() {
        for (text, rate) in [("1000/s", 1000.0), ("90 / m", 1.5), ("1/h", 1.0 / 3_600.0), ("0.5/s", 0.5)] {
            let read = parse_rate(text).unwrap();
            assert_eq!(read, EventRate(rate), "{text}");
            assert_eq!(parse_rate(&read.to_string()), Ok(read));
        }
        for text in ["1000", "/s", "1/d", "-1/s", "0/s", "nan/s", "1e10/s", "inf/s", ""] {
            assert!(parse_rate(text).is_err(), "{text}");
        }
    }
}
