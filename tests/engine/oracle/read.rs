//! Lines of a partition, turned into events with their times.

use super::at_path;
use serde_json::Value;

/// The lines of one partition in reading order, and how to read them.
pub struct Partition {
    /// The lines, without line ends.
    pub lines: Vec<String>,
    /// Microseconds that the watermark lies behind the newest event.
    pub out_of_orderness: i64,
    /// The dotted path of the event's time.
    pub time_path: String,
    /// How the time is written.
    pub unit: Unit,
}

/// How a time is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// A number of seconds.
    Seconds,
    /// A number of milliseconds.
    Millis,
    /// A number of microseconds.
    Micros,
    /// A number of nanoseconds.
    Nanos,
    /// RFC 3339 text.
    Rfc3339,
}

impl Partition {
    /// The event of a line and its time; `None` for a reject.
    pub fn read(&self, line: &str) -> Option<(Value, i64)> {
        let event: Value = serde_json::from_str(line).ok().filter(Value::is_object)?;
        let field = at_path(&event, &self.time_path);
        let digits = match self.unit {
            Unit::Seconds => 6,
            Unit::Millis => 3,
            Unit::Micros => 0,
            Unit::Nanos => -3,
            Unit::Rfc3339 => {
                let moment: jiff::Timestamp = field.as_str()?.parse().ok()?;
                return in_range(i128::from(moment.as_microsecond())).map(|time| (event, time));
            }
        };
        let number = match &field {
            Value::Number(number) => number.to_string(),
            _ => return None,
        };
        in_range(scaled(&number, digits)?).map(|time| (event, time))
    }
}

/// A JSON number times ten to the `digits`, with what is left of the decimals cut off. The number has gone through
/// `f64`: of a time in this century in seconds, six decimals are as they were written.
fn scaled(number: &str, digits: i32) -> Option<i128> {
    let (number, exponent) = match number.split_once(['e', 'E']) {
        Some((number, exponent)) => (number, exponent.parse::<i32>().ok()?),
        None => (number, 0),
    };
    let (sign, number) = number.strip_prefix('-').map_or((1, number), |rest| (-1, rest));
    let (whole, part) = number.split_once('.').unwrap_or((number, ""));
    // The digits without their point, and how many of them stand before it once it has moved.
    let all = format!("{whole}{part}");
    let before = whole.len() as i32 + exponent + digits;
    let mut total: i128 = 0;
    for i in 0..before {
        let digit = all.as_bytes().get(i as usize).map_or(0, |b| i128::from(b - b'0'));
        // Far beyond any accepted time: no need to go on.
        total = total.checked_mul(10)?.checked_add(digit)?;
    }
    Some(sign * total)
}

/// The years 1 to 9999.
fn in_range(time: i128) -> Option<i64> {
    (-62_135_596_800_000_000..=253_402_300_799_999_999).contains(&time).then_some(time as i64)
}
