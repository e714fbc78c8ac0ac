//! Rows, turned into the keys and values of the file, and back.
//!
//! Form 1. A key is the end of the window, its start (each `i64`, little-endian), the length of the group's bytes (`u32`,
//! little-endian), the group's bytes and, where rows are told apart by them, the values. A value is the time of the statement
//! (`i64`), which values are approximate (`u64`), the revision and the number of the provisional row (`u32` each), and the values
//! where they are not in the key. Groups and values are in the form of [`crate::event::key`].
//!
//! Invariant: keys stand in the order of the rows in memory ([`super::super::store`]), so that both can be read as one.

use super::super::store::{Row, Spot};
use crate::event::key;
use crate::result::{RowHead, RowKind, RowRef, RowSchema};
use redb::{Key, TypeName, Value};
use serde::{Deserialize, Serialize};
use std::cmp::Ordering;

/// The form of the file. It is raised by whoever changes what is above, [`Place`], [`About`] or the form of cells.
pub(super) const FORM: &[u8] = b"1";

/// Bytes before the group in a key, and before the values in a value.
const FRONT: usize = 20;
const HEAD: usize = 24;

/// What the rows of a part in the file look like, and what is known of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct About {
    /// The name of the part.
    pub(super) name: String,
    /// What its rows are.
    pub(super) kind: String,
    /// The names of the dimensions, in order.
    pub(super) dimensions: Vec<String>,
    /// The names of the values, in order.
    pub(super) values: Vec<String>,
    /// The time of the newest statement, microseconds.
    pub(super) newest: i64,
    /// The length of the longest window, microseconds; never less.
    pub(super) longest: i64,
    /// Bytes of keys and values, and [`OVER`] a row.
    pub(super) bytes: u64,
}

/// What a row takes in the file beside its key and value: its share of offsets and of what stands above its page.
pub(super) const OVER: usize = 16;

fn word(kind: RowKind) -> &'static str {
    match kind {
        RowKind::Window => "window",
        RowKind::Match => "match",
        RowKind::Table => "table",
        RowKind::Versions => "versions",
        RowKind::Alert => "alert",
    }
}

impl About {
    /// Of a part that has no rows yet.
    pub(super) fn new(schema: &RowSchema) -> Self {
        Self {
            name: schema.name.clone(),
            kind: word(schema.kind).to_owned(),
            dimensions: schema.dimensions.clone(),
            values: schema.values.clone(),
            newest: i64::MIN,
            longest: 0,
            bytes: 0,
        }
    }

    /// True where the rows are of a part that looks like this.
    pub(super) fn is_of(&self, schema: &RowSchema) -> bool {
        let own = (&self.name, self.kind.as_str(), &self.dimensions, &self.values);
        own == (&schema.name, word(schema.kind), &schema.dimensions, &schema.values)
    }
}

/// A key of the file.
#[derive(Debug)]
pub(super) struct Place;

impl Value for Place {
    type SelfType<'a> = &'a [u8];
    type AsBytes<'a> = &'a [u8];

    fn fixed_width() -> Option<usize> {
        None
    }

    fn from_bytes<'a>(data: &'a [u8]) -> &'a [u8]
    where
        Self: 'a,
    {
        data
    }

    fn as_bytes<'a, 'b: 'a>(value: &'a Self::SelfType<'b>) -> &'a [u8]
    where
        Self: 'b,
    {
        value
    }

    fn type_name() -> TypeName {
        TypeName::new("highwater::place")
    }
}

impl Key for Place {
    fn compare(a: &[u8], b: &[u8]) -> Ordering {
        match (split(a), split(b)) {
            (Some(x), Some(y)) => (x.end, x.start)
                .cmp(&(y.end, y.start))
                .then_with(|| key::compare(x.key, y.key))
                .then_with(|| x.values.cmp(y.values)),
            // Nothing else is ever written; it has a place all the same.
            (x, y) => x.is_some().cmp(&y.is_some()).then_with(|| a.cmp(b)),
        }
    }
}

struct Split<'a> {
    end: i64,
    start: i64,
    key: &'a [u8],
    values: &'a [u8],
}

fn split(bytes: &[u8]) -> Option<Split<'_>> {
    let (end, rest) = bytes.split_first_chunk()?;
    let (start, rest) = rest.split_first_chunk()?;
    let (length, rest) = rest.split_first_chunk()?;
    let (key, values) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
    Some(Split { end: i64::from_le_bytes(*end), start: i64::from_le_bytes(*start), key, values })
}

/// The key of a row's place. `values`: empty where they do not tell rows apart.
pub(super) fn place(end: i64, start: i64, key: &[u8], values: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(FRONT + key.len() + values.len());
    out.extend_from_slice(&end.to_le_bytes());
    out.extend_from_slice(&start.to_le_bytes());
    out.extend_from_slice(&(key.len() as u32).to_le_bytes());
    out.extend_from_slice(key);
    out.extend_from_slice(values);
    out
}

/// The key of a spot.
pub(super) fn place_of(spot: &Spot) -> Vec<u8> {
    place(spot.end, spot.start, &spot.key, &spot.values)
}

/// The end of the window of a key.
pub(super) fn end(key: &[u8]) -> i64 {
    split(key).map_or(i64::MIN, |split| split.end)
}

/// The key and value of a row.
pub(super) fn write(row: RowRef<'_>, by_values: bool) -> (Vec<u8>, Vec<u8>) {
    let head = row.head;
    let (in_key, in_value) = if by_values { (row.values, &[][..]) } else { (&[][..], row.values) };
    let mut value = Vec::with_capacity(HEAD + in_value.len());
    value.extend_from_slice(&head.time.to_le_bytes());
    value.extend_from_slice(&head.approximate.to_le_bytes());
    value.extend_from_slice(&head.revision.to_le_bytes());
    value.extend_from_slice(&head.early.to_le_bytes());
    value.extend_from_slice(in_value);
    (place(head.window_end, head.window_start, row.key, in_key), value)
}

/// A row of the file, read where it is.
pub(super) struct Seen<'a> {
    head: RowHead,
    key: &'a [u8],
    values: &'a [u8],
}

impl<'a> Seen<'a> {
    /// Reads a row of a part; `None` for bytes that are none.
    pub(super) fn new(part: u32, by_values: bool, place: &'a [u8], value: &'a [u8]) -> Option<Self> {
        let Split { end, start, key, values: in_key } = split(place)?;
        let (time, rest) = value.split_first_chunk()?;
        let (approximate, rest) = rest.split_first_chunk()?;
        let (revision, rest) = rest.split_first_chunk()?;
        let (early, in_value) = rest.split_first_chunk()?;
        let values = if by_values { in_key } else { in_value };
        let head = RowHead {
            approximate: u64::from_le_bytes(*approximate),
            revision: u32::from_le_bytes(*revision),
            early: u32::from_le_bytes(*early),
            key_len: key.len() as u32,
            values_len: values.len() as u32,
            ..RowHead::new(part, i64::from_le_bytes(*time), (start, end))
        };
        Some(Self { head, key, values })
    }

    pub(super) fn get(&self) -> RowRef<'_> {
        RowRef { head: &self.head, key: self.key, values: self.values }
    }

    /// Where it stands.
    pub(super) fn spot(&self, by_values: bool) -> Spot {
        let values = if by_values { self.values.to_vec() } else { Vec::new() };
        Spot { end: self.head.window_end, start: self.head.window_start, key: self.key.to_vec(), values }
    }

    /// A copy.
    pub(super) fn row(&self) -> Row {
        Row::new(self.get())
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{add, schema};
    use super::*;
    use crate::result::{Op, RowBatch};
    use proptest::prelude::*;

    #[test]
    fn rows_come_back_as_they_were_written() {
        for by_values in [false, true] {
            let mut batch = RowBatch::default();
            add(&mut batch, Op::Assert, 3, (10, 25), "a", 7);
            batch.heads[0].approximate = 1 << 63 | 1;
            batch.heads[0].revision = 4;
            batch.heads[0].early = 2;
            let (place, value) = write(batch.row(0), by_values);
            let seen = Seen::new(3, by_values, &place, &value).unwrap();
            let (old, new) = (batch.row(0), seen.get());
            assert_eq!((RowHead { start: 0, ..*old.head }, old.key, old.values), (*new.head, new.key, new.values));
            assert_eq!(end(&place), 25);
            for cut in 0..place.len().min(FRONT) {
                assert!(Seen::new(3, by_values, &place[..cut], &value).is_none());
            }
            assert!(Seen::new(3, by_values, &place, &value[..HEAD - 1]).is_none());
        }
    }

    #[test]
    fn a_part_is_known_by_name_kind_dimensions_and_values() {
        let one = schema("w", RowKind::Window);
        let about = About::new(&one);
        assert!(about.is_of(&RowSchema { keep: 5, early: true, ..one.clone() }));
        for other in [
            RowSchema { name: "v".into(), ..one.clone() },
            RowSchema { kind: RowKind::Match, ..one.clone() },
            RowSchema { dimensions: vec![], ..one.clone() },
            RowSchema { values: vec!["n".into(), "m".into()], ..one.clone() },
        ] {
            assert!(!about.is_of(&other));
        }
    }

    proptest! {
        #[test]
        fn keys_of_any_bytes_can_be_compared(a in proptest::collection::vec(0..9u8, 0..30), b in proptest::collection::vec(0..9u8, 0..30)) {
            prop_assert_eq!(Place::compare(&a, &b), Place::compare(&b, &a).reverse());
            prop_assert_eq!(Place::compare(&a, &a), Ordering::Equal);
        }
    }
}
