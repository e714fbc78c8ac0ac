//! Cells, turned into the least or the greatest of them.
//!
//! A value is an order-preserving 128-bit key in two words, low word first: the class (booleans 1, numbers 2, times 3,
//! text 4, JSON 5, in the order of [`key::compare_values`](crate::event::key::compare_values)) from bit 80; 64 bits of
//! value; and 16 bits that decide between neighbours. A number is its nearest double, then what a whole number lost
//! by that, then whether it is whole, so that numbers compare exactly and of equal ones the whole one wins. Text is
//! its first eight bytes; all of it lies in [`Texts`], and decides where keys are equal.

use crate::event::{Cell, Tag};

/// Row words of a least value over nothing: above every key.
pub(super) const EMPTY_MIN: [u64; 2] = [u64::MAX; 2];
/// Row words of a greatest value over nothing: below every key.
pub(super) const EMPTY_MAX: [u64; 2] = [0; 2];

const CLASS: u32 = 80;
const NUMBER: u128 = 2 << CLASS;
const TEXT: u64 = 4;
const JSON: u64 = 5;
/// In the middle of the 15 bits that hold what rounding took from a whole number (at most 512 either way).
const REST: i64 = 1 << 14;
const TWO_63: f64 = 9_223_372_036_854_775_808.0;

/// The bits of a float as a number of the same order; -0.0 as 0.0.
#[inline]
pub(super) fn ordered(v: f64) -> u64 {
    let bits = (v + 0.0).to_bits();
    bits ^ (((bits as i64) >> 63) as u64 | 1 << 63)
}

/// The float that [`ordered`] was given.
#[inline]
pub(super) fn unordered(order: u64) -> f64 {
    let turn = if order >> 63 == 1 { 1 << 63 } else { u64::MAX };
    f64::from_bits(order ^ turn)
}

/// The key of a cell; `MAX` turns the preference for whole numbers round. NULL has the key of nothing.
#[inline]
pub(super) fn key<const MAX: bool>(cell: Cell, arena: &[u8]) -> u128 {
    match cell.tag() {
        Tag::Int => {
            let v = cell.bits() as i64;
            let near = v as f64;
            let rest = v.wrapping_sub(near as i64) - i64::from(near == TWO_63);
            NUMBER | u128::from(ordered(near)) << 16 | ((REST + rest) << 1) as u128 | u128::from(MAX)
        }
        Tag::Float => {
            let order = ordered(f64::from_bits(cell.bits()));
            NUMBER | u128::from(order) << 16 | (REST << 1) as u128 | u128::from(!MAX)
        }
        Tag::Bool => 1 << CLASS | u128::from(cell.bits()) << 16,
        Tag::Time => 3 << CLASS | u128::from(cell.bits() ^ 1 << 63) << 16,
        Tag::Str => u128::from(TEXT) << CLASS | u128::from(prefix(cell.text(arena))) << 16,
        Tag::Json => u128::from(JSON) << CLASS | u128::from(prefix(cell.text(arena))) << 16,
        Tag::Null => {
            if MAX {
                0
            } else {
                u128::MAX
            }
        }
    }
}

/// The key for a greatest value from the key for a least one, not of NULL.
#[inline]
pub(super) fn turn(key: u128) -> u128 {
    key ^ u128::from(key >> CLASS == 2)
}

fn prefix(text: &[u8]) -> u64 {
    let mut head = [0; 8];
    let n = text.len().min(8);
    head[..n].copy_from_slice(&text[..n]);
    u64::from_be_bytes(head)
}

/// The two words of a row as a key.
#[inline]
pub(super) fn join(words: &[u64; 2]) -> u128 {
    u128::from(words[0]) | u128::from(words[1]) << 64
}

/// A key as the two words of a row.
#[inline]
pub(super) fn split(key: u128) -> [u64; 2] {
    [key as u64, (key >> 64) as u64]
}

/// True where the key is one of text, which lies in [`Texts`].
#[inline]
pub(super) fn is_text(key: u128) -> bool {
    matches!((key >> CLASS) as u64, TEXT | JSON)
}

/// True where the key is one that [`key`] makes, or that of nothing; the text is checked by the reader of the bytes.
pub(super) fn is_valid<const MAX: bool>(key: u128) -> bool {
    let nothing = if MAX { EMPTY_MAX } else { EMPTY_MIN };
    key == join(&nothing) || matches!((key >> CLASS) as u64, 1..=5)
}

/// True where `(key, text)` is beyond `(best, best_text)`.
#[inline]
pub(super) fn wins<const MAX: bool>(key: u128, text: &[u8], best: u128, best_text: &[u8]) -> bool {
    if key == best && is_text(key) {
        return if MAX { text > best_text } else { text < best_text };
    }
    if MAX { key > best } else { key < best }
}

/// The cell of a key; text is appended to `arena`. NULL for the key of nothing.
pub(super) fn cell<const MAX: bool>(key: u128, text: &[u8], arena: &mut Vec<u8>) -> Cell {
    let (class, value) = ((key >> CLASS) as u64, (key >> 16) as u64);
    match class {
        1 => Cell::bool(value != 0),
        2 => {
            let near = unordered(value);
            let rest = ((key as u64 & 0xffff) >> 1) as i64 - REST;
            // The last bit makes whole numbers win: they are the lesser in a least value, the greater in a greatest.
            if (key & 1 == 1) != MAX {
                Cell::float(near)
            } else {
                let whole = (near as i128).saturating_add(i128::from(rest));
                Cell::int(whole.clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64)
            }
        }
        3 => Cell::time((value ^ 1 << 63) as i64),
        TEXT | JSON => {
            let start = arena.len();
            if start + text.len() > u32::MAX as usize {
                return Cell::NULL;
            }
            arena.extend_from_slice(text);
            let make = if class == TEXT { Cell::str } else { Cell::json };
            make(start as u32, text.len() as u32)
        }
        _ => Cell::NULL,
    }
}

/// The text of the groups whose least or greatest value is text, beside the rows of one kernel.
#[derive(Debug, Default)]
pub(super) struct Texts {
    /// By group: start and length in `bytes`; empty where no group has text.
    spans: Vec<(u64, u32)>,
    bytes: Vec<u8>,
    /// Bytes that no span names any more.
    garbage: usize,
}

impl Texts {
    /// The text of a group; empty where it has none.
    pub(super) fn get(&self, group: u32) -> &[u8] {
        let Some(&(start, len)) = self.spans.get(group as usize) else {
            return &[];
        };
        &self.bytes[start as usize..start as usize + len as usize]
    }

    /// Replaces the text of a group. The bytes held stay below about twice those in use.
    pub(super) fn set(&mut self, group: u32, text: &[u8]) {
        let group = group as usize;
        if self.spans.len() <= group {
            self.spans.resize(group + 1, (0, 0));
        }
        let (start, len) = self.spans[group];
        if text.len() <= len as usize {
            self.bytes[start as usize..start as usize + text.len()].copy_from_slice(text);
            self.spans[group].1 = text.len() as u32;
            self.garbage += len as usize - text.len();
        } else {
            self.garbage += len as usize;
            self.spans[group] = (self.bytes.len() as u64, text.len() as u32);
            self.bytes.extend_from_slice(text);
        }
        if self.garbage > self.bytes.len() / 2 + 16_384 {
            self.compact();
        }
    }

    fn compact(&mut self) {
        let mut bytes = Vec::with_capacity(self.bytes.len() - self.garbage);
        for (start, len) in &mut self.spans {
            let from = *start as usize;
            *start = bytes.len() as u64;
            bytes.extend_from_slice(&self.bytes[from..from + *len as usize]);
        }
        (self.bytes, self.garbage) = (bytes, 0);
    }

    pub(super) fn clear(&mut self) {
        self.spans.clear();
        self.bytes.clear();
        self.garbage = 0;
        self.spans.shrink_to(65_536);
        self.bytes.shrink_to(1 << 20);
    }

    pub(super) fn bytes(&self) -> usize {
        self.spans.capacity() * size_of::<(u64, u32)>() + self.bytes.capacity()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::key::compare_values;

    #[test]
    fn keys_order_as_values_do() {
        let arena = b"abcdefghixy";
        let mut cells: Vec<Cell> =
            [0, 1, -1, i64::MAX, i64::MAX - 1, i64::MIN, i64::MIN + 1, (1 << 53) + 1, 1 << 53].map(Cell::int).to_vec();
        let floats = [0.5, -0.5, TWO_63, -TWO_63, 1e300, -1e300, 5e-324, TWO_63 * 2.0, 9_007_199_254_740_994.0];
        cells.extend(floats.map(Cell::float));
        cells.extend([Cell::bool(true), Cell::bool(false), Cell::time(5), Cell::time(-5)]);
        cells.extend([Cell::str(0, 9), Cell::str(0, 8), Cell::str(9, 1), Cell::str(0, 0), Cell::json(0, 3)]);
        for x in &cells {
            for y in &cells {
                let (a, b) = (key::<false>(*x, arena), key::<false>(*y, arena));
                let order = compare_values(x.value(arena), y.value(arena));
                let less = wins::<false>(a, x.text(arena), b, y.text(arena));
                assert_eq!(turn(a), key::<true>(*x, arena));
                assert!(is_valid::<false>(a) && is_valid::<true>(turn(a)));
                let same_number = order.is_eq() && x.tag() != y.tag();
                assert_eq!(less, order.is_lt() || (same_number && x.tag() == Tag::Int), "{x:?} {y:?}");
                let (a, b) = (key::<true>(*x, arena), key::<true>(*y, arena));
                let more = wins::<true>(a, x.text(arena), b, y.text(arena));
                assert_eq!(more, order.is_gt() || (same_number && x.tag() == Tag::Int), "{x:?} {y:?}");
            }
        }
    }

    #[test]
    fn words_that_are_no_key_are_told() {
        assert!(is_valid::<false>(join(&EMPTY_MIN)) && is_valid::<true>(join(&EMPTY_MAX)));
        assert!(!is_valid::<false>(join(&EMPTY_MAX)) && !is_valid::<true>(join(&EMPTY_MIN)));
        assert!(!is_valid::<true>(6 << CLASS) && !is_valid::<false>(NUMBER | 1 << 100));
    }

    #[test]
    fn texts_stay_bounded_when_they_are_replaced_often() {
        let mut texts = Texts::default();
        let long = [b'x'; 4000];
        for i in 0..10_000 {
            texts.set((i % 3) as u32, &long[..(i * 7) % 4000]);
        }
        assert_eq!(texts.get(0).len(), (9999 * 7) % 4000);
        assert!(texts.bytes() < 200_000, "{}", texts.bytes());
    }
}
