//! Values of PostgreSQL in their binary form, turned into cells.
//!
//! | type | cell |
//! |---|---|
//! | `smallint`, `integer`, `bigint`, `oid` | whole number |
//! | `real`, `double precision` | float; NaN and what is infinite: NULL |
//! | `numeric` | declared without decimal places a whole number, where that has 64 bits; else the nearest float |
//! | `boolean` | truth value |
//! | `text`, `varchar`, `char`, `name`, `citext`, `xml`, enums, `uuid` | text |
//! | `timestamptz`, `timestamp` (as UTC), `date` (its midnight, UTC) | time; what is infinite: NULL |
//! | `json`, `jsonb` | objects and arrays JSON, scalars what they are, `null` NULL |
//!
//! A domain is what it stands for. Any other type is none.

use crate::config::TableTime;
use crate::event::{Cell, EventBatch, Tag, Value};
use crate::time::{TimeUnit, parse_rfc3339};
use std::error::Error;
use tokio_postgres::types::{FromSql, Kind as Sort, Type};

/// The bytes of a value; none for NULL.
pub(super) struct Raw<'a>(pub(super) Option<&'a [u8]>);

impl<'a> FromSql<'a> for Raw<'a> {
    fn from_sql(_: &Type, raw: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Raw(Some(raw)))
    }

    fn from_sql_null(_: &Type) -> Result<Self, Box<dyn Error + Sync + Send>> {
        Ok(Raw(None))
    }

    fn accepts(_: &Type) -> bool {
        true
    }
}

/// How the values of a column are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Bool,
    Int2,
    Int4,
    Int8,
    Oid,
    Float4,
    Float8,
    Numeric { whole: bool },
    Text,
    Uuid,
    Moment { zone: bool },
    Date,
    Json { binary: bool },
}

/// Microseconds from 1970 to 2000, where PostgreSQL begins to count.
const EPOCH: i64 = 946_684_800_000_000;
const DAY: i64 = 86_400_000_000;

impl Kind {
    /// How a type is read; none where it is no value. `modifier`: what a column's declaration adds to its type.
    pub(super) fn of(ty: &Type, modifier: i32) -> Option<Self> {
        match ty.kind() {
            Sort::Domain(inner) => return Self::of(inner, modifier),
            Sort::Enum(_) => return Some(Kind::Text),
            _ => {}
        }
        Some(match *ty {
            Type::BOOL => Kind::Bool,
            Type::INT2 => Kind::Int2,
            Type::INT4 => Kind::Int4,
            Type::INT8 => Kind::Int8,
            Type::OID => Kind::Oid,
            Type::FLOAT4 => Kind::Float4,
            Type::FLOAT8 => Kind::Float8,
            // The lower 11 bits are the decimal places; -1: nothing is declared.
            Type::NUMERIC => Kind::Numeric { whole: modifier >= 4 && (modifier - 4) & 0x7ff == 0 },
            Type::TEXT | Type::VARCHAR | Type::BPCHAR | Type::NAME | Type::XML => Kind::Text,
            Type::UUID => Kind::Uuid,
            Type::TIMESTAMPTZ => Kind::Moment { zone: true },
            Type::TIMESTAMP => Kind::Moment { zone: false },
            Type::DATE => Kind::Date,
            Type::JSON => Kind::Json { binary: false },
            Type::JSONB => Kind::Json { binary: true },
            _ if ty.name() == "citext" => Kind::Text,
            _ => return None,
        })
    }

    /// The type that texts of keys are cast to; none where no key can be of it.
    pub(super) fn cast(self) -> Option<&'static str> {
        Some(match self {
            Kind::Bool => "bool",
            Kind::Int2 => "int2",
            Kind::Int4 => "int4",
            Kind::Int8 => "int8",
            Kind::Oid => "oid",
            Kind::Float4 => "float4",
            Kind::Float8 => "float8",
            Kind::Numeric { .. } => "numeric",
            Kind::Text => "text",
            Kind::Uuid => "uuid",
            Kind::Moment { zone: true } => "timestamptz",
            Kind::Moment { zone: false } => "timestamp",
            Kind::Date | Kind::Json { .. } => return None,
        })
    }

    /// True where a column of this kind can be equal to the value: else it is not asked for, as casting it might fail.
    pub(super) fn may_be(self, value: Value<'_>) -> bool {
        match (self, value) {
            (Kind::Int2, Value::Int(n)) => i16::try_from(n).is_ok(),
            (Kind::Int4, Value::Int(n)) => i32::try_from(n).is_ok(),
            (Kind::Oid, Value::Int(n)) => u32::try_from(n).is_ok(),
            (Kind::Int8, Value::Int(_)) | (Kind::Bool, Value::Bool(_)) => true,
            (Kind::Float8 | Kind::Numeric { .. }, Value::Int(_) | Value::Float(_)) => true,
            (Kind::Float4, Value::Int(n)) => (n as f32).is_finite(),
            (Kind::Float4, Value::Float(n)) => f64::from(n as f32) == n,
            (Kind::Text, Value::Str(text)) => !text.contains(&0),
            (Kind::Uuid, Value::Str(text)) => {
                let dash = |i: usize| [8, 13, 18, 23].contains(&i);
                text.len() == 36
                    && text.iter().enumerate().all(|(i, b)| if dash(i) { *b == b'-' } else { b.is_ascii_hexdigit() })
            }
            (Kind::Moment { .. }, Value::Time(_)) => true,
            _ => false,
        }
    }

    /// The cell of a value, with its text in the arena of `batch`; none where the bytes are no such value.
    pub(super) fn cell(self, bytes: Option<&[u8]>, batch: &mut EventBatch) -> Option<Cell> {
        let Some(bytes) = bytes else { return Some(Cell::NULL) };
        let moment = |us: Option<i64>| us.map_or(Cell::NULL, Cell::time);
        Some(match self {
            Kind::Bool => Cell::bool(*bytes.first()? != 0),
            Kind::Int2 => Cell::int(i16::from_be_bytes(bytes.try_into().ok()?).into()),
            Kind::Int4 => Cell::int(i32::from_be_bytes(bytes.try_into().ok()?).into()),
            Kind::Int8 => Cell::int(i64::from_be_bytes(bytes.try_into().ok()?)),
            Kind::Oid => Cell::int(u32::from_be_bytes(bytes.try_into().ok()?).into()),
            Kind::Float4 => Cell::float(f32::from_be_bytes(bytes.try_into().ok()?).into()),
            Kind::Float8 => Cell::float(f64::from_be_bytes(bytes.try_into().ok()?)),
            Kind::Numeric { whole } => numeric(bytes, whole)?,
            Kind::Text => text(bytes, batch)?,
            Kind::Uuid => {
                let bytes: &[u8; 16] = bytes.try_into().ok()?;
                let mut text = String::with_capacity(36);
                for (i, byte) in bytes.iter().enumerate() {
                    if [4, 6, 8, 10].contains(&i) {
                        text.push('-');
                    }
                    text.extend([byte >> 4, byte & 15].map(|n| char::from_digit(n.into(), 16).unwrap_or('0')));
                }
                batch.push_str(text.as_bytes())
            }
            Kind::Moment { .. } => match i64::from_be_bytes(bytes.try_into().ok()?) {
                i64::MAX | i64::MIN => Cell::NULL,
                us => moment(us.checked_add(EPOCH)),
            },
            Kind::Date => match i32::from_be_bytes(bytes.try_into().ok()?) {
                i32::MAX | i32::MIN => Cell::NULL,
                days => moment(i64::from(days).checked_mul(DAY).and_then(|us| us.checked_add(EPOCH))),
            },
            Kind::Json { binary: true } => json(bytes.strip_prefix(&[1])?, batch)?,
            Kind::Json { binary: false } => json(bytes, batch)?,
        })
    }
}

fn text(bytes: &[u8], batch: &mut EventBatch) -> Option<Cell> {
    // A database without an encoding may send any bytes.
    simdutf8::basic::from_utf8(bytes).ok()?;
    Some(batch.push_str(bytes))
}

fn json(bytes: &[u8], batch: &mut EventBatch) -> Option<Cell> {
    let start = bytes.iter().position(|b| !b.is_ascii_whitespace())?;
    if matches!(bytes[start], b'{' | b'[') {
        let text = text(bytes.trim_ascii(), batch)?;
        // It stays on one line; a line end inside a text is escaped, so these are between values.
        for b in &mut batch.bytes[text.bits() as usize..] {
            if matches!(b, b'\n' | b'\r') {
                *b = b' ';
            }
        }
        return Some(if text.is_null() { text } else { Cell::json(text.bits() as u32, text.text_len() as u32) });
    }
    Some(match serde_json::from_slice(bytes).ok()? {
        serde_json::Value::Bool(flag) => Cell::bool(flag),
        serde_json::Value::Number(n) => match (n.as_i64(), n.as_f64()) {
            (Some(n), _) => Cell::int(n),
            (None, Some(n)) => Cell::float(n),
            (None, None) => Cell::NULL,
        },
        serde_json::Value::String(text) => batch.push_str(text.as_bytes()),
        _ => Cell::NULL,
    })
}

/// A number in groups of four decimal digits.
fn numeric(bytes: &[u8], whole: bool) -> Option<Cell> {
    let (head, groups) = bytes.split_first_chunk::<8>()?;
    let number = |at: usize| i16::from_be_bytes([head[at], head[at + 1]]);
    let (count, weight, sign) = (number(0), number(2), number(4) as u16);
    let negative = match sign {
        0 => false,
        0x4000 => true,
        // No number, or an infinite one.
        _ => return Some(Cell::NULL),
    };
    let group = |i: i32| -> Option<i16> {
        let i = usize::try_from(i).ok().filter(|i| *i < count.max(0) as usize);
        Some(match i {
            Some(i) => i16::from_be_bytes(groups.get(i * 2..i * 2 + 2)?.try_into().ok()?),
            None => 0,
        })
    };
    let weight = i32::from(weight);
    let mut text = String::from(if negative { "-0" } else { "0" });
    for i in 0..=weight {
        text.push_str(&format!("{:04}", group(i)?));
    }
    if whole && let Ok(n) = text.parse::<i64>() {
        return Some(Cell::int(n));
    }
    text.push('.');
    // Digits far behind the point may have no groups of their own.
    for i in weight.min(-1) + 1..i32::from(count) {
        if i > weight {
            text.push_str(&format!("{:04}", group(i)?));
        }
    }
    Some(text.parse().map_or(Cell::NULL, Cell::float))
}

/// The time that a cell says a row is valid from.
pub(super) fn time(cell: Cell, arena: &[u8], time: &TableTime) -> Option<i64> {
    let scaled = |n: f64, factor: f64| {
        let us = (n * factor).trunc();
        (us.abs() < 9e18).then_some(us as i64)
    };
    match cell.tag() {
        Tag::Time => Some(cell.bits() as i64),
        Tag::Int => {
            let n = cell.bits() as i64;
            match time.unit {
                TimeUnit::Seconds => n.checked_mul(1_000_000),
                TimeUnit::Millis => n.checked_mul(1_000),
                TimeUnit::Micros => Some(n),
                TimeUnit::Nanos => Some(n.div_euclid(1_000)),
                TimeUnit::Rfc3339 => None,
            }
        }
        Tag::Float => {
            let n = cell.as_f64()?;
            match time.unit {
                TimeUnit::Seconds => scaled(n, 1e6),
                TimeUnit::Millis => scaled(n, 1e3),
                TimeUnit::Micros => scaled(n, 1.0),
                TimeUnit::Nanos => scaled(n, 1e-3),
                TimeUnit::Rfc3339 => None,
            }
        }
        Tag::Str => match (&time.format, time.unit) {
            (Some(format), _) => format.read(cell.text(arena)).map(|time| time.0),
            (None, TimeUnit::Rfc3339) => parse_rfc3339(cell.text(arena)).map(|time| time.0),
            (None, _) => None,
        },
        Tag::Null | Tag::Bool | Tag::Json => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A number as the server sends it: groups, weight, sign.
    fn sent(groups: &[i16], weight: i16, sign: u16) -> Vec<u8> {
        let head = [groups.len() as i16, weight, sign as i16, 0];
        head.iter().chain(groups).flat_map(|n| n.to_be_bytes()).collect()
    }

    #[test]
    fn numbers_of_any_length_are_the_nearest_float_or_whole() {
        for (groups, weight, sign, float) in [
            (&[][..], 0, 0, 0.0),
            (&[1], 0, 0, 1.0),
            (&[1, 2345, 6700], 1, 0x4000, -12_345.67),
            (&[5000], -1, 0, 0.5),
            (&[1], -2, 0, 0.000_000_01),
            (&[1], 2, 0, 1e8),
            (&[12, 0, 1], 0, 0, 12.000_000_01),
            (&[9223, 3720, 3685, 4775, 8070], 4, 0, 92_233_720_368_547_758_070.0),
        ] {
            let bytes = sent(groups, weight, sign);
            assert_eq!(numeric(&bytes, false).unwrap().as_f64(), Some(float), "{groups:?} {weight}");
        }
        let whole = |bytes: &[u8]| numeric(bytes, true).unwrap().value(&[]);
        assert_eq!(whole(&sent(&[922, 3372, 368, 5477, 5807], 4, 0)), crate::event::Value::Int(i64::MAX));
        assert_eq!(whole(&sent(&[922, 3372, 368, 5477, 5808], 4, 0)), crate::event::Value::Float(2f64.powi(63)));
        assert!(numeric(&sent(&[], 0, 0xC000), true).unwrap().is_null());
        assert!(numeric(&[0, 1, 0], true).is_none() && numeric(&sent(&[1, 2], 1, 0)[..10], true).is_none());
    }

    #[test]
    fn json_when_it_is_a_scalar_is_that_and_else_stays_on_one_line() {
        let mut batch = EventBatch::new(0);
        let mut shown = |text: &str| {
            let cell = json(text.as_bytes(), &mut batch);
            cell.map(|cell| format!("{:?} {}", cell.tag(), String::from_utf8_lossy(cell.text(&batch.bytes))))
        };
        for (text, cell) in [
            (" {\"a\":\n[1]}\n", Some("Json {\"a\": [1]}")),
            ("\"a\\nb\"", Some("Str a\nb")),
            (" 3", Some("Int ")),
            ("2.5", Some("Float ")),
            ("null", Some("Null ")),
            ("x", None),
            ("", None),
        ] {
            assert_eq!(shown(text).as_deref(), cell, "{text}");
        }
    }
}
