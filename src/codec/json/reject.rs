//! A line that is no event, turned into a reason, a place and a sentence.

use std::fmt;

/// Why a line was refused. The numbers and codes are stable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum RejectReason {
    /// The line is not JSON.
    Syntax = 0,
    /// The line is JSON, but not an object.
    NotAnObject = 1,
    /// The line is not UTF-8.
    Encoding = 2,
    /// A number is outside the range of a 64-bit float.
    NumberRange = 3,
    /// Objects and arrays are nested deeper than 127 levels.
    TooDeep = 4,
    /// The time field is missing or null.
    TimeMissing = 5,
    /// The time field has another type than the pipeline says, or is no time.
    TimeType = 6,
    /// The time is before the year 1 or after the year 9999.
    TimeRange = 7,
    /// The line lies beyond the first 4 GiB of its block.
    TooLong = 8,
    /// A line of fields has more or fewer of them than there are columns.
    FieldCount = 9,
    /// The quotes of a line of fields are wrong.
    Quotes = 10,
    /// A field is not of the type that the source states.
    ValueType = 11,
    /// The pattern is not found in the line.
    NoMatch = 12,
}

impl RejectReason {
    /// All reasons, in the order of their numbers.
    pub const ALL: [RejectReason; 13] = [
        RejectReason::Syntax,
        RejectReason::NotAnObject,
        RejectReason::Encoding,
        RejectReason::NumberRange,
        RejectReason::TooDeep,
        RejectReason::TimeMissing,
        RejectReason::TimeType,
        RejectReason::TimeRange,
        RejectReason::TooLong,
        RejectReason::FieldCount,
        RejectReason::Quotes,
        RejectReason::ValueType,
        RejectReason::NoMatch,
    ];

    /// The stable code, as counters and dead letters show it.
    pub const fn code(self) -> &'static str {
        match self {
            RejectReason::Syntax => "syntax",
            RejectReason::NotAnObject => "not_an_object",
            RejectReason::Encoding => "encoding",
            RejectReason::NumberRange => "number_range",
            RejectReason::TooDeep => "too_deep",
            RejectReason::TimeMissing => "time_missing",
            RejectReason::TimeType => "time_type",
            RejectReason::TimeRange => "time_range",
            RejectReason::TooLong => "too_long",
            RejectReason::FieldCount => "field_count",
            RejectReason::Quotes => "quotes",
            RejectReason::ValueType => "value_type",
            RejectReason::NoMatch => "no_match",
        }
    }

    /// One sentence, without a full stop.
    pub const fn sentence(self) -> &'static str {
        match self {
            RejectReason::Syntax => "the line is not valid JSON",
            RejectReason::NotAnObject => "the line is JSON, but not an object",
            RejectReason::Encoding => "the line is not valid UTF-8",
            RejectReason::NumberRange => "a number is outside the range of a 64-bit float",
            RejectReason::TooDeep => "objects and arrays are nested deeper than 127 levels",
            RejectReason::TimeMissing => "the time field is missing or null",
            RejectReason::TimeType => "the time field is not a time in the unit that the source states",
            RejectReason::TimeRange => "the time is outside the years 1 to 9999",
            RejectReason::TooLong => "the line lies beyond the first 4 GiB of its block",
            RejectReason::FieldCount => "the line has more or fewer fields than there are columns",
            RejectReason::Quotes => "a quote is not closed on its line, or stands inside a field",
            RejectReason::ValueType => "a field is not of the type that the source states",
            RejectReason::NoMatch => "the pattern is not found in the line",
        }
    }
}

impl fmt::Display for RejectReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.sentence())
    }
}

/// A line that was refused. It left no trace in the batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reject {
    /// Where the line begins, in bytes from the start of the block.
    pub offset: u32,
    /// Bytes of the line, without its line end.
    pub len: u32,
    /// Why.
    pub reason: RejectReason,
    /// The byte column of the fault, from 1; 0 where it is not known.
    pub column: u32,
}

/// What is wrong with a line, in a sentence for a dead letter.
pub fn explain(line: &[u8], reason: RejectReason) -> String {
    match reason {
        RejectReason::Syntax | RejectReason::NumberRange | RejectReason::TooDeep => {
            match serde_json::from_slice::<serde_json::Value>(line) {
                Err(e) => format!("{reason}: {e}"),
                Ok(_) => reason.to_string(),
            }
        }
        RejectReason::Encoding => match std::str::from_utf8(line) {
            Err(e) => format!("{reason}: {e}"),
            Ok(_) => reason.to_string(),
        },
        _ => reason.to_string(),
    }
}
