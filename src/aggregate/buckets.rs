//! Numbers, turned into counts by bucket: below the first bound, from each bound up to the next, from the last on.
//!
//! Whole numbers and floats compare exactly. Memory: 8 bytes a bucket.

use super::json;
use super::kept::{Bytes, How, Keep, Row, written};
use super::layout::Function;
use crate::event::{Cell, Tag, Value, key};

/// Counts by bucket; empty before the first number.
#[derive(Debug, Default)]
pub(super) struct Buckets(Vec<u64>);

fn bounds(how: &How) -> &[Value<'static>] {
    match how {
        How::Buckets(bounds) => bounds,
        _ => &[],
    }
}

impl Keep for Buckets {
    fn add(&mut self, how: &How, row: &Row<'_>) -> bool {
        if !matches!(row.value.tag(), Tag::Int | Tag::Float) {
            return false;
        }
        let (bounds, value) = (bounds(how), row.value.value(row.arena));
        let bucket = bounds.partition_point(|bound| key::compare_values(*bound, plain(value)).is_le());
        self.0.resize(bounds.len() + 1, 0);
        self.0[bucket] = self.0[bucket].wrapping_add(1);
        true
    }

    fn merge(&mut self, how: &How, other: &Self) {
        self.0.resize(bounds(how).len() + 1, 0);
        for (mine, theirs) in self.0.iter_mut().zip(&other.0) {
            *mine = mine.wrapping_add(*theirs);
        }
    }

    fn bytes(&self) -> usize {
        self.0.capacity() * 8
    }

    fn encode(&self, out: &mut Vec<u8>) {
        self.0.iter().for_each(|n| out.extend_from_slice(&n.to_le_bytes()));
    }

    fn decode(how: &How, bytes: &[u8]) -> Option<Self> {
        let mut words = Bytes(bytes);
        let counts: Vec<u64> = std::iter::from_fn(|| words.u64()).collect();
        (words.0.is_empty() && counts.len() == bounds(how).len() + 1).then_some(Self(counts))
    }

    fn answer(&mut self, _how: &How, _function: &Function, arena: &mut Vec<u8>) -> (Cell, bool) {
        if self.0.iter().all(|n| *n == 0) {
            return (Cell::NULL, false);
        }
        let start = arena.len();
        json::array(self.0.iter().map(|n| Value::Int((*n).min(i64::MAX as u64) as i64)), arena);
        (written(Tag::Json, start, arena), false)
    }
}

/// Without the sign of zero, which has an order of its own among floats.
fn plain(value: Value<'_>) -> Value<'_> {
    match value {
        Value::Float(v) => Value::Float(v + 0.0),
        other => other,
    }
}
