//! Values, turned into how often each occurs: exactly while there are few different ones, from a sample of rows beyond.
//!
//! Counts are exact up to [`COUNTED_VALUES`] different values with [`COUNTED_BYTES`] bytes; beyond that they are dropped
//! for good. The sample is always kept: of all rows those with the least hash of their origins, up to
//! [`SAMPLE`] rows with [`COUNTED_BYTES`] bytes. That is a uniform sample which no order of arrival changes.
//!
//! Values longer than [`LONGEST`] bytes take no part, and are counted as values that are not taken. Numbers that are
//! equal are one value. Memory: below 2 MiB a group.

use super::json;
use super::kept::{Bytes, How, Keep, Row, cell, is_value, put_bytes, written};
use super::layout::Function;
use super::prefix::{Bound, Prefix};
use crate::event::{Cell, Origin, Tag, Value, key};
use std::collections::HashMap;

/// Up to so many different values of a group in a window, `mode` and `top_k` are exact.
pub const COUNTED_VALUES: usize = 4096;
/// And up to so many bytes of them.
pub const COUNTED_BYTES: usize = 256 * 1024;
/// Rows of the sample.
const SAMPLE: usize = 4096;
/// The longest value that takes part, in bytes.
const LONGEST: usize = 1024;

const BOUND: Bound = Bound { once: false, values: SAMPLE, bytes: COUNTED_BYTES };

/// The values of one group.
#[derive(Debug, Default)]
pub(super) struct Tops {
    /// How often each canonical value occurs; empty where there were too many.
    counts: HashMap<Box<[u8]>, u64>,
    /// Bytes of the values in `counts`.
    bytes: usize,
    /// There were too many.
    over: bool,
    total: u64,
    sample: Prefix,
    scratch: Vec<u8>,
}

fn priority(origin: Origin) -> u64 {
    let mut bytes = [0; Origin::BYTES];
    bytes[..8].copy_from_slice(&origin.time.to_le_bytes());
    bytes[8..12].copy_from_slice(&origin.partition.to_le_bytes());
    bytes[12..].copy_from_slice(&origin.position.to_le_bytes());
    key::hash(&bytes)
}

impl Tops {
    fn count(&mut self, value: &[u8], n: u64) {
        if self.over {
            return;
        }
        match self.counts.get_mut(value) {
            Some(count) => *count = count.saturating_add(n),
            None => {
                self.bytes += value.len();
                self.counts.insert(value.into(), n);
                if self.counts.len() > COUNTED_VALUES || self.bytes > COUNTED_BYTES {
                    self.drop_counts();
                }
            }
        }
    }

    fn drop_counts(&mut self) {
        self.over = true;
        self.counts = HashMap::new();
        self.bytes = 0;
    }

    /// The most frequent values with their counts, and whether those are estimates.
    fn top(&mut self, k: usize, sampled: bool) -> (Vec<(u64, Vec<u8>)>, bool) {
        let sampled = sampled || self.over;
        let mut list: Vec<(u64, Vec<u8>)> = Vec::new();
        if sampled {
            self.sample.settle(BOUND);
            let mut values: Vec<&[u8]> = self.sample.values().map(|(_, value)| value).collect();
            values.sort_unstable();
            let rows = values.len() as u128;
            for same in values.chunk_by(|a, b| a == b) {
                let share = same.len() as u128 * u128::from(self.total);
                list.push((((share + rows / 2) / rows) as u64, same[0].to_vec()));
            }
        } else {
            list.extend(self.counts.iter().map(|(value, n)| (*n, value.to_vec())));
        }
        list.sort_unstable_by(|a, b| b.0.cmp(&a.0).then_with(|| key::compare(&a.1, &b.1)));
        list.truncate(k);
        (list, sampled)
    }
}

impl Keep for Tops {
    fn add(&mut self, _how: &How, row: &Row<'_>) -> bool {
        if row.value.text(row.arena).len() > LONGEST {
            return false;
        }
        let mut value = std::mem::take(&mut self.scratch);
        value.clear();
        key::encode(row.value, row.arena, &mut value);
        self.total = self.total.saturating_add(1);
        self.count(&value, 1);
        self.sample.push(BOUND, (priority(row.origin), row.origin), &value);
        self.scratch = value;
        true
    }

    fn merge(&mut self, _how: &How, other: &Self) {
        self.total = self.total.saturating_add(other.total);
        if other.over {
            self.drop_counts();
        }
        for (value, n) in &other.counts {
            self.count(value, *n);
        }
        self.sample.join(BOUND, &other.sample);
    }

    fn bytes(&self) -> usize {
        // A box in a map: its pointer, the count, the allocation's own bytes and free places.
        self.counts.capacity() * 26 + self.counts.len() * 16 + self.bytes + self.sample.held() + self.scratch.capacity()
    }

    fn encode(&self, out: &mut Vec<u8>) {
        for word in [self.total, u64::from(self.over), self.counts.len() as u64] {
            out.extend_from_slice(&word.to_le_bytes());
        }
        for (value, n) in &self.counts {
            out.extend_from_slice(&n.to_le_bytes());
            put_bytes(value, out);
        }
        self.sample.write(out);
    }

    fn decode(_how: &How, bytes: &[u8]) -> Option<Self> {
        let mut bytes = Bytes(bytes);
        let mut tops = Tops { total: bytes.u64()?, ..Self::default() };
        let (over, values) = (bytes.u64()?, bytes.u64()?);
        for _ in 0..values {
            let n = bytes.u64()?;
            tops.count(bytes.bytes().filter(|v| is_value(v))?, n);
        }
        match over {
            0 => {}
            1 => tops.drop_counts(),
            _ => return None,
        }
        tops.sample = Prefix::read(BOUND, bytes.0)?;
        Some(tops)
    }

    fn answer(&mut self, _how: &How, function: &Function, arena: &mut Vec<u8>) -> (Cell, bool) {
        if self.total == 0 {
            return (Cell::NULL, false);
        }
        let (k, sampled) = match function {
            Function::TopK(k) => (*k as usize, false),
            Function::ApproxTopK(k) => (*k as usize, true),
            _ => (1, false),
        };
        let (list, sampled) = self.top(k, sampled);
        let values = list.iter().filter_map(|(n, bytes)| Some((*n, key::decode(bytes)?.0)));
        if *function == Function::Mode {
            return (values.map(|(_, value)| cell(value, arena)).next().unwrap_or(Cell::NULL), sampled);
        }
        let start = arena.len();
        arena.push(b'[');
        for (i, (n, value)) in values.enumerate() {
            arena.extend_from_slice(if i > 0 { b",{\"value\":" } else { b"{\"value\":" });
            json::write(value, arena);
            arena.extend_from_slice(b",\"count\":");
            json::write(Value::Int(n.min(i64::MAX as u64) as i64), arena);
            arena.push(b'}');
        }
        arena.push(b']');
        (written(Tag::Json, start, arena), sampled)
    }
}
