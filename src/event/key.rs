//! The cells of a group, turned into one canonical byte string and its hash.
//!
//! Two groups are the same exactly where their canonical bytes are: numbers that SQL calls equal (`1` and `1.0`, `0`
//! and `-0.0`) have the same bytes. The hash is the same on every machine and in every process.
//!
//! Form, per cell: the tag byte; `Bool`, `Int`, `Float`, `Time`: 8 bytes little-endian (`Bool`: 1 byte); `Str`,
//! `Json`: the length as `u32` little-endian, then the bytes.
//!
//! One key is of no cells: [`OVERFLOW`], a tag alone that no cell has. It decodes to nothing, so that whoever shows it
//! shows NULLs, and it sorts after all others.

use super::{Cell, Tag, Value};

/// The key of the group of all that is beyond a cap on groups.
pub const OVERFLOW: &[u8] = &[7];

/// Bytes of the block that a short text is copied in.
const SHORT: usize = 32;

/// Appends the canonical bytes of one cell.
#[inline]
pub fn encode(cell: Cell, arena: &[u8], out: &mut Vec<u8>) {
    match cell.tag() {
        Tag::Null => out.push(Tag::Null as u8),
        Tag::Bool => out.extend_from_slice(&[Tag::Bool as u8, cell.bits() as u8]),
        Tag::Int | Tag::Time => number(cell.tag(), cell.bits(), out),
        Tag::Float => {
            let (tag, bits) = canonical_float(f64::from_bits(cell.bits()));
            number(tag, bits, out);
        }
        Tag::Str | Tag::Json => {
            let text = cell.text(arena);
            let mut head = [cell.tag() as u8; 5];
            head[1..].copy_from_slice(&(text.len() as u32).to_le_bytes());
            out.extend_from_slice(&head);
            // Short texts are copied as a block of fixed size, which needs no call, and cut.
            let start = cell.bits() as usize;
            match arena.get(start..start + SHORT).and_then(|b| <&[u8; SHORT]>::try_from(b).ok()) {
                Some(block) if text.len() <= SHORT => {
                    let end = out.len() + text.len();
                    out.extend_from_slice(block);
                    out.truncate(end);
                }
                _ => out.extend_from_slice(text),
            }
        }
    }
}

/// Appends one cell in the same form, but with floats kept as they are: for values, not for keys. [`decode`] reads it.
#[inline]
pub fn encode_value(cell: Cell, arena: &[u8], out: &mut Vec<u8>) {
    match cell.tag() {
        Tag::Float => number(Tag::Float, cell.bits(), out),
        _ => encode(cell, arena, out),
    }
}

/// Appends the first cell of values in its canonical form, and gives the rest. `None` as for [`decode`].
#[inline]
pub fn canonical<'a>(values: &'a [u8], out: &mut Vec<u8>) -> Option<&'a [u8]> {
    let (value, rest) = decode(values)?;
    match value {
        Value::Float(v) => {
            let (tag, bits) = canonical_float(v);
            number(tag, bits, out);
        }
        _ => out.extend_from_slice(&values[..values.len() - rest.len()]),
    }
    Some(rest)
}

#[inline]
fn number(tag: Tag, bits: u64, out: &mut Vec<u8>) {
    let mut form = [tag as u8; 9];
    form[1..].copy_from_slice(&bits.to_le_bytes());
    out.extend_from_slice(&form);
}

/// A float as its canonical tag and bits: an `Int` where it is a whole number that `i64` holds exactly.
#[inline]
pub fn canonical_float(v: f64) -> (Tag, u64) {
    let whole = v as i64;
    if whole as f64 == v && (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(&v) {
        (Tag::Int, whole as u64)
    } else {
        (Tag::Float, v.to_bits())
    }
}

/// Reads the first cell of `bytes`, giving the value and the rest. `None` where the bytes are no cell: not canonical, or
/// [`OVERFLOW`].
pub fn decode(bytes: &[u8]) -> Option<(Value<'_>, &[u8])> {
    let (&tag, rest) = bytes.split_first()?;
    let eight = || rest.get(..8).and_then(|b| b.try_into().ok()).map(u64::from_le_bytes);
    Some(match tag {
        0 => (Value::Null, rest),
        1 => (Value::Bool(*rest.first()? != 0), rest.get(1..)?),
        2 => (Value::Int(eight()? as i64), rest.get(8..)?),
        3 => (Value::Float(f64::from_bits(eight()?)), rest.get(8..)?),
        4 => (Value::Time(eight()? as i64), rest.get(8..)?),
        5 | 6 => {
            let len = u32::from_le_bytes(rest.get(..4)?.try_into().ok()?) as usize;
            let text = rest.get(4..4 + len)?;
            let value = if tag == 5 { Value::Str(text) } else { Value::Json(text) };
            (value, rest.get(4 + len..)?)
        }
        _ => return None,
    })
}

/// Reads the first cell of `bytes` with its text appended to `arena`, and gives the rest. `None` as for [`decode`], and
/// where the arena would pass 4 GiB.
#[inline]
pub fn decode_cell<'a>(bytes: &'a [u8], arena: &mut Vec<u8>) -> Option<(Cell, &'a [u8])> {
    let (value, rest) = decode(bytes)?;
    let cell = match value {
        Value::Null => Cell::NULL,
        Value::Bool(v) => Cell::bool(v),
        Value::Int(v) => Cell::int(v),
        Value::Float(v) => Cell::float(v),
        Value::Time(v) => Cell::time(v),
        Value::Str(text) | Value::Json(text) => {
            let start = u32::try_from(arena.len()).ok()?;
            arena.extend_from_slice(text);
            let length = text.len() as u32;
            if matches!(value, Value::Str(_)) { Cell::str(start, length) } else { Cell::json(start, length) }
        }
    };
    Some((cell, rest))
}

/// The 64-bit hash of canonical bytes: rapidhash v3 with its default seed, the same everywhere.
#[inline]
pub fn hash(bytes: &[u8]) -> u64 {
    rapidhash::v3::rapidhash_v3(bytes)
}

/// The 64-bit hash of one cell's canonical value, without building its bytes; equal values hash equally.
/// Not the same number as [`hash`] of [`encode`].
#[inline]
pub fn hash_cell(cell: Cell, arena: &[u8]) -> u64 {
    let (tag, bits) = match cell.tag() {
        Tag::Str => return rapidhash::v3::rapidhash_v3(cell.text(arena)),
        Tag::Json => return rapidhash::v3::rapidhash_v3(cell.text(arena)) ^ 0x9e37_79b9_7f4a_7c15,
        Tag::Float => canonical_float(f64::from_bits(cell.bits())),
        tag => (tag, cell.bits()),
    };
    let mut form = [tag as u8; 9];
    form[1..].copy_from_slice(&bits.to_le_bytes());
    rapidhash::v3::rapidhash_v3(&form)
}

/// Compares two canonical keys by value: NULL, booleans, numbers, times, text, JSON; numbers by size, text by bytes. What
/// is no cell goes by its bytes: [`OVERFLOW`] is last.
pub fn compare(mut a: &[u8], mut b: &[u8]) -> std::cmp::Ordering {
    use std::cmp::Ordering;
    while !a.is_empty() && !b.is_empty() {
        let (Some((x, rest_a)), Some((y, rest_b))) = (decode(a), decode(b)) else {
            return a.cmp(b);
        };
        let order = compare_values(x, y);
        if order != Ordering::Equal {
            return order;
        }
        (a, b) = (rest_a, rest_b);
    }
    a.len().cmp(&b.len())
}

/// The total order of values that [`compare`] uses for each cell.
pub fn compare_values(x: Value<'_>, y: Value<'_>) -> std::cmp::Ordering {
    fn class(v: Value<'_>) -> u8 {
        match v {
            Value::Null => 0,
            Value::Bool(_) => 1,
            Value::Int(_) | Value::Float(_) => 2,
            Value::Time(_) => 3,
            Value::Str(_) => 4,
            Value::Json(_) => 5,
        }
    }
    match (x, y) {
        (Value::Bool(a), Value::Bool(b)) => a.cmp(&b),
        (Value::Int(a), Value::Int(b)) | (Value::Time(a), Value::Time(b)) => a.cmp(&b),
        (Value::Float(a), Value::Float(b)) => a.total_cmp(&b),
        (Value::Int(a), Value::Float(b)) => compare_int_float(a, b),
        (Value::Float(a), Value::Int(b)) => compare_int_float(b, a).reverse(),
        (Value::Str(a), Value::Str(b)) | (Value::Json(a), Value::Json(b)) => a.cmp(b),
        _ => class(x).cmp(&class(y)),
    }
}

/// Compares a whole number with a float exactly, without rounding the whole number. `b` is finite.
pub fn compare_int_float(a: i64, b: f64) -> std::cmp::Ordering {
    if b >= 9_223_372_036_854_775_808.0 {
        std::cmp::Ordering::Less
    } else if b < -9_223_372_036_854_775_808.0 {
        std::cmp::Ordering::Greater
    } else {
        let floor = b.floor();
        a.cmp(&(floor as i64)).then(if b > floor { std::cmp::Ordering::Less } else { std::cmp::Ordering::Equal })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cmp::Ordering;

    fn key(cells: &[Cell], arena: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        for c in cells {
            encode(*c, arena, &mut out);
        }
        out
    }

    #[test]
    fn numbers_that_are_equal_have_the_same_key_and_hash() {
        for (a, b) in [(Cell::int(1), Cell::float(1.0)), (Cell::int(0), Cell::float(-0.0))] {
            assert_eq!(key(&[a], &[]), key(&[b], &[]));
            assert_eq!(hash_cell(a, &[]), hash_cell(b, &[]));
        }
        assert_ne!(key(&[Cell::int(1)], &[]), key(&[Cell::float(1.5)], &[]));
    }

    #[test]
    fn keys_decode_to_what_was_encoded() {
        let cells = [Cell::NULL, Cell::bool(true), Cell::int(-7), Cell::float(0.5), Cell::time(3), Cell::str(0, 2)];
        let bytes = key(&cells, b"ab");
        let mut rest = &bytes[..];
        for c in cells {
            let (v, r) = decode(rest).unwrap();
            assert_eq!(v, c.value(b"ab"));
            rest = r;
        }
        assert!(rest.is_empty());
    }

    #[test]
    fn values_when_they_are_made_canonical_then_are_the_keys_of_their_cells() {
        let cells =
            [Cell::NULL, Cell::bool(true), Cell::int(-7), Cell::float(2.0), Cell::float(-0.0), Cell::float(0.5)];
        let cells: Vec<Cell> = cells.into_iter().chain([Cell::time(3), Cell::str(0, 2), Cell::json(0, 2)]).collect();
        let (mut values, mut out) = (Vec::new(), Vec::new());
        cells.iter().for_each(|cell| encode_value(*cell, b"ab", &mut values));
        let mut rest = &values[..];
        while !rest.is_empty() {
            rest = canonical(rest, &mut out).unwrap();
        }
        assert_eq!(out, key(&cells, b"ab"));
        assert_eq!(canonical(&values[values.len() - 2..], &mut out), None);
    }

    #[test]
    fn the_overflow_key_is_no_cell_and_sorts_after_all_others() {
        assert_eq!(decode(OVERFLOW), None);
        let cells = [Cell::NULL, Cell::bool(true), Cell::int(-1), Cell::float(0.5), Cell::time(3)];
        let cells = cells.into_iter().chain([Cell::str(0, 2), Cell::json(0, 2)]);
        for other in cells.map(|c| key(&[c, c], b"\xff\xff")) {
            assert_eq!((compare(&other, OVERFLOW), compare(OVERFLOW, &other)), (Ordering::Less, Ordering::Greater));
        }
        assert_eq!((compare(&[], OVERFLOW), compare(OVERFLOW, OVERFLOW)), (Ordering::Less, Ordering::Equal));
    }

    #[test]
    fn numbers_compare_exactly_across_kinds() {
        assert_eq!(compare_int_float(i64::MAX, 9_223_372_036_854_775_807.0), Ordering::Less);
        assert_eq!(compare_int_float(i64::MIN, -9_223_372_036_854_775_808.0), Ordering::Equal);
        assert_eq!(compare_int_float(3, 2.5), Ordering::Greater);
        assert_eq!(compare_int_float(-3, -2.5), Ordering::Less);
    }
}
