//! Values with their places, turned into the first of them in an order: as many as fit a bound.
//!
//! Three orders: that of rows (`collect`, `string_agg`), that of values, each once (their DISTINCT forms), and a random
//! one that is the same everywhere, by a hash of the row's place or of the value (samples).
//!
//! Invariants:
//! 1. What is kept is the longest run from the front of all values seen, in the order, that has at most
//!    [`Bound::values`] values and [`Bound::bytes`] bytes.
//! 2. `cut` is the first value that is not in it. A merge drops all from the lesser `cut` on: that is why (1) holds in
//!    any order of arrival and any tree of merges.
//!
//! Cost: a value is appended to a log; where the log has twice the bound it is sorted and cut. Memory: 40 bytes for each
//! of twice the values, four times the bytes (which is 336 KiB where values are collected), and one value as long as any
//! that came, the cut.

use super::json;
use super::kept::{Bytes, How, Keep, Row, is_value, put_bytes, written};
use super::layout::Function;
use crate::event::{Cell, Origin, Tag, Value, key};
use std::cmp::Ordering;

/// The most values that `collect` and `string_agg` give.
pub const COLLECTED_VALUES: usize = 1024;
/// The most bytes of values that they give.
pub const COLLECTED_BYTES: usize = 64 * 1024;

/// Where a value stands; of values in the order of values, the number is 0.
type Place = (u64, Origin);

#[derive(Debug, Clone, Copy)]
struct Item {
    place: Place,
    start: u32,
    len: u32,
}

/// An order, and how much is kept.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bound {
    /// Equal values are one.
    pub(super) once: bool,
    pub(super) values: usize,
    pub(super) bytes: usize,
}

const COLLECT: Bound = Bound { once: false, values: COLLECTED_VALUES, bytes: COLLECTED_BYTES };

fn bound(how: &How) -> Bound {
    Bound { once: *how == How::CollectDistinct, ..COLLECT }
}

/// The first values in an order.
#[derive(Debug, Default)]
pub(super) struct Prefix {
    items: Vec<Item>,
    /// The values that items name.
    values: Vec<u8>,
    cut: Option<(Place, Vec<u8>)>,
    /// Items are in order, each once, and within the bound.
    ordered: bool,
}

fn order(a: (Place, &[u8]), b: (Place, &[u8])) -> Ordering {
    a.0.cmp(&b.0).then_with(|| key::compare(a.1, b.1))
}

impl Prefix {
    /// Takes a value.
    pub(super) fn push(&mut self, bound: Bound, place: Place, value: &[u8]) {
        let start = self.values.len();
        self.values.extend_from_slice(value);
        self.take(bound, place, start);
    }

    /// Takes the value that was appended to `values` from `start` on.
    fn take(&mut self, bound: Bound, place: Place, start: usize) {
        let value = &self.values[start..];
        if let Some((cut, cut_value)) = &self.cut
            && order((place, value), (*cut, cut_value)).is_ge()
        {
            self.forget(bound, start);
            return;
        }
        if value.len() > bound.bytes {
            // Nothing from here on can be kept.
            self.cut = Some((place, value.to_vec()));
            self.forget(bound, start);
            self.ordered = false;
            return;
        }
        self.items.push(Item { place, start: start as u32, len: value.len() as u32 });
        self.ordered = false;
        if self.items.len() >= 2 * bound.values || self.values.len() > 2 * bound.bytes {
            self.settle(bound);
        }
    }

    /// Drops the value that was appended last, and the memory of a long one.
    fn forget(&mut self, bound: Bound, start: usize) {
        self.values.truncate(start);
        if self.values.capacity() > 4 * bound.bytes {
            self.values.shrink_to(2 * bound.bytes);
        }
    }

    /// Brings the state to invariant 1, with its items in order.
    pub(super) fn settle(&mut self, bound: Bound) {
        if std::mem::replace(&mut self.ordered, true) {
            return;
        }
        let mut items = std::mem::take(&mut self.items);
        let values = std::mem::take(&mut self.values);
        let text = |item: &Item| &values[item.start as usize..(item.start + item.len) as usize];
        let full = |item: &Item| (item.place, text(item));
        items.sort_unstable_by(|a, b| order(full(a), full(b)));
        if bound.once {
            items.dedup_by(|b, a| order(full(a), full(b)).is_eq());
        }
        if let Some((place, value)) = &self.cut {
            let kept = items.partition_point(|item| order(full(item), (*place, value)).is_lt());
            items.truncate(kept);
        }
        let mut bytes = 0;
        let fits = |item: &&Item| {
            bytes += item.len as usize;
            bytes <= bound.bytes
        };
        let kept = items.iter().take(bound.values).take_while(fits).count();
        if let Some(item) = items.get(kept) {
            self.cut = Some((item.place, text(item).to_vec()));
            items.truncate(kept);
        }
        let mut left = Vec::with_capacity(values.len().min(2 * bound.bytes));
        for item in &mut items {
            let start = left.len() as u32;
            left.extend_from_slice(text(item));
            item.start = start;
        }
        (self.items, self.values) = (items, left);
    }

    /// The values, in order after [`Prefix::settle`].
    pub(super) fn values(&self) -> impl Iterator<Item = (Place, &[u8])> {
        let text = |item: &Item| &self.values[item.start as usize..(item.start + item.len) as usize];
        self.items.iter().map(move |item| (item.place, text(item)))
    }

    pub(super) fn len(&self) -> usize {
        self.items.len()
    }

    /// True where values were left out, after [`Prefix::settle`].
    pub(super) fn is_cut(&self) -> bool {
        self.cut.is_some()
    }

    pub(super) fn join(&mut self, bound: Bound, other: &Prefix) {
        if let Some((place, value)) = &other.cut
            && self.cut.as_ref().is_none_or(|(p, v)| order((*place, value), (*p, v)).is_lt())
        {
            self.cut = Some((*place, value.clone()));
            self.ordered = false;
        }
        for (place, value) in other.values() {
            self.push(bound, place, value);
        }
    }

    pub(super) fn held(&self) -> usize {
        self.items.capacity() * size_of::<Item>()
            + self.values.capacity()
            + self.cut.as_ref().map_or(0, |(_, value)| value.capacity())
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let mut put = |place: Place, value: &[u8]| {
            out.extend_from_slice(&place.0.to_le_bytes());
            place.1.encode(out);
            put_bytes(value, out);
        };
        self.values().for_each(|(place, value)| put(place, value));
        if let Some((place, value)) = &self.cut {
            put(*place, value);
        }
        out.extend_from_slice(&(self.items.len() as u64 * 2 + u64::from(self.cut.is_some())).to_le_bytes());
    }

    /// Reads all of `bytes`.
    pub(super) fn read(bound: Bound, bytes: &[u8]) -> Option<Self> {
        let (rest, last) = bytes.split_last_chunk()?;
        let (count, mut bytes) = (u64::from_le_bytes(*last), Bytes(rest));
        let mut prefix = Prefix::default();
        let next = |bytes: &mut Bytes<'_>| -> Option<(Place, Vec<u8>)> {
            let place = (bytes.u64()?, bytes.origin()?);
            bytes.bytes().filter(|v| is_value(v)).map(|v| (place, v.to_vec()))
        };
        for _ in 0..count / 2 {
            let (place, value) = next(&mut bytes)?;
            prefix.push(bound, place, &value);
        }
        if count % 2 == 1 {
            prefix.cut = Some(next(&mut bytes)?);
            prefix.ordered = false;
        }
        bytes.0.is_empty().then_some(prefix)
    }
}

impl Keep for Prefix {
    fn add(&mut self, how: &How, row: &Row<'_>) -> bool {
        let (bound, start) = (bound(how), self.values.len());
        if bound.once {
            key::encode(row.value, row.arena, &mut self.values);
            self.take(bound, (0, Origin::default()), start);
        } else {
            key::encode_value(row.value, row.arena, &mut self.values);
            self.take(bound, (0, row.origin), start);
        }
        true
    }

    fn merge(&mut self, how: &How, other: &Self) {
        self.join(bound(how), other);
    }

    fn bytes(&self) -> usize {
        self.held()
    }

    fn encode(&self, out: &mut Vec<u8>) {
        self.write(out);
    }

    fn decode(how: &How, bytes: &[u8]) -> Option<Self> {
        Self::read(bound(how), bytes)
    }

    fn answer(&mut self, how: &How, function: &Function, arena: &mut Vec<u8>) -> (Cell, bool) {
        self.settle(bound(how));
        if self.items.is_empty() {
            // Where even the first value is too long, nothing is given, and that is no whole answer.
            return (Cell::NULL, self.is_cut());
        }
        let start = arena.len();
        let values = self.values().filter_map(|(_, bytes)| key::decode(bytes)).map(|(value, _)| value);
        let tag = match function {
            Function::StringAgg(separator) | Function::StringAggDistinct(separator) => {
                for (i, value) in values.enumerate() {
                    if i > 0 {
                        arena.extend_from_slice(separator.as_bytes());
                    }
                    match value {
                        Value::Str(text) => arena.extend_from_slice(text),
                        Value::Time(us) => json::write_time(us, arena),
                        other => json::write(other, arena),
                    }
                }
                Tag::Str
            }
            _ => {
                json::array(values, arena);
                Tag::Json
            }
        };
        (written(tag, start, arena), self.is_cut())
    }
}
