//! A value of one class, turned into another; what cannot be turned is NULL and counted.
//!
//! | to | from |
//! |---|---|
//! | `bigint` | numbers (rounded, ties away from zero), text that is a whole number, booleans (0, 1) |
//! | `double precision` | numbers, text that is a finite number |
//! | `boolean` | whole numbers (0 is FALSE), text: true, t, yes, y, on, 1, false, f, no, n, off, 0 in any case |
//! | `timestamp` | text: RFC 3339, or without an offset (then UTC), or a date alone |
//! | `text` | any value: numbers in their shortest exact form, times as RFC 3339, JSON as it is |

use super::heap::{Heap, range};
use super::number::whole;
use super::tree::Type;
use crate::event::{Cell, Tag, Value, key::canonical_float};
use crate::time::{EventTime, parse_rfc3339, write_rfc3339};

/// Turns `cell` into a value of type `target`.
pub(super) fn cast(cell: Cell, target: Type, heap: &mut Heap<'_>) -> Cell {
    let value = cell.value(heap.arena);
    if matches!(value, Value::Null) {
        return Cell::NULL;
    }
    match target {
        Type::Bool => match value {
            Value::Bool(_) => cell,
            Value::Int(v) => Cell::bool(v != 0),
            Value::Str(text) => match read_bool(text) {
                Some(v) => Cell::bool(v),
                None => heap.fail(),
            },
            _ => heap.fail(),
        },
        Type::Int => match value {
            Value::Int(_) => cell,
            Value::Bool(v) => Cell::int(i64::from(v)),
            Value::Float(v) => heap.int(whole(v)),
            Value::Str(text) => {
                let read = trimmed(text).and_then(|t| t.parse().ok());
                heap.int(read)
            }
            _ => heap.fail(),
        },
        Type::Float | Type::Number => match value {
            Value::Float(_) => cell,
            Value::Int(v) => Cell::float(v as f64),
            Value::Str(text) => {
                let read = trimmed(text).and_then(|t| t.parse().ok()).unwrap_or(f64::NAN);
                heap.float(read)
            }
            _ => heap.fail(),
        },
        Type::Time => match value {
            Value::Time(_) => cell,
            Value::Str(text) => {
                let read = trimmed(text).and_then(read_time);
                heap.time(read)
            }
            _ => heap.fail(),
        },
        Type::Str | Type::Json | Type::Any => to_text(cell, heap),
    }
}

/// Any value but NULL as text.
pub(super) fn to_text(cell: Cell, heap: &mut Heap<'_>) -> Cell {
    match cell.tag() {
        Tag::Null | Tag::Str => cell,
        Tag::Json => Cell::str(cell.bits() as u32, cell.text(heap.arena).len() as u32),
        _ => heap.build(|arena| write(cell, arena)),
    }
}

/// Appends the text of any value to the arena it lies in; NULL has none.
pub(super) fn write(cell: Cell, arena: &mut Vec<u8>) {
    match cell.tag() {
        Tag::Null => {}
        Tag::Bool => arena.extend_from_slice(if cell.bits() != 0 { b"true" } else { b"false" }),
        Tag::Int => arena.extend_from_slice(itoa::Buffer::new().format(cell.bits() as i64).as_bytes()),
        Tag::Float => write_float(f64::from_bits(cell.bits()), arena),
        Tag::Time => write_rfc3339(EventTime(cell.bits() as i64), arena),
        Tag::Str | Tag::Json => {
            let span = range(cell, arena);
            arena.extend_from_within(span);
        }
    }
}

/// The shortest digits that read back as the same float; whole numbers below 10^15 without a fraction.
fn write_float(v: f64, out: &mut Vec<u8>) {
    if v.abs() < 1e15
        && let (Tag::Int, bits) = canonical_float(v)
    {
        out.extend_from_slice(itoa::Buffer::new().format(bits as i64).as_bytes());
        return;
    }
    out.extend_from_slice(zmij::Buffer::new().format(v).as_bytes());
}

fn trimmed(text: &[u8]) -> Option<&str> {
    std::str::from_utf8(text).ok().map(str::trim)
}

fn read_bool(text: &[u8]) -> Option<bool> {
    let text = trimmed(text)?;
    let is = |words: [&str; 6]| words.iter().any(|w| text.eq_ignore_ascii_case(w));
    if is(["true", "t", "yes", "y", "on", "1"]) {
        Some(true)
    } else if is(["false", "f", "no", "n", "off", "0"]) {
        Some(false)
    } else {
        None
    }
}

/// Reads RFC 3339, the same without an offset, or a date alone; the last two are UTC.
pub(super) fn read_time(text: &str) -> Option<i64> {
    if let Some(time) = parse_rfc3339(text.as_bytes()) {
        return Some(time.0);
    }
    // the longest form without an offset: seconds with a fraction of up to 29 digits
    let rest: &[u8] = if text.len() == 10 { b"T00:00:00Z" } else { b"Z" };
    let mut full = [0; 64];
    let (head, tail) = full.split_at_mut_checked(text.len())?;
    head.copy_from_slice(text.as_bytes());
    tail.get_mut(..rest.len())?.copy_from_slice(rest);
    parse_rfc3339(&full[..text.len() + rest.len()]).map(|t| t.0)
}
