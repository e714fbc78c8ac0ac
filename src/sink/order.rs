//! Batches of complete times, turned into the one order in which rows leave the engine.
//!
//! In: each batch has all rows of one statement time, in any order. Out: the same rows sorted ([`RowRef::order`]), to
//! the sink inside. Sorting happens here, on the sink's thread, so that the dataflow does not pay for it.

use super::{Delivery, Finished, Sink, Written};
use crate::error::Error;
use crate::event::Value;
use crate::result::{RowBatch, RowRef};

/// A sink that gets its rows sorted.
pub struct Ordered {
    inner: Box<dyn Sink>,
    sorted: RowBatch,
    order: Vec<(u128, u32)>,
}

/// The beginning of a group's first dimension as a number that orders as [`RowRef::order`] orders the group, where it
/// differs: most comparisons need to look no further.
fn prefix(row: &RowRef<'_>) -> u128 {
    let number = |v: f64| {
        let bits = (if v == 0.0 { 0.0 } else { v }).to_bits();
        u128::from(if bits >> 63 == 0 { bits | 1 << 63 } else { !bits }) << 61
    };
    let text = |bytes: &[u8]| {
        let mut first = [0; 16];
        let n = bytes.len().min(16);
        first[..n].copy_from_slice(&bytes[..n]);
        u128::from_be_bytes(first) >> 3
    };
    let (class, rest) = match row.dimensions().next() {
        None | Some(Value::Null) => (0, 0),
        Some(Value::Bool(v)) => (1, u128::from(v)),
        Some(Value::Int(v)) => (2, number(v as f64)),
        Some(Value::Float(v)) => (2, number(v)),
        Some(Value::Time(v)) => (3, u128::from(v as u64 ^ 1 << 63)),
        Some(Value::Str(v)) => (4, text(v)),
        Some(Value::Json(v)) => (5, text(v)),
    };
    class << 125 | rest
}

impl Ordered {
    /// Sorts what goes to `inner`.
    pub fn new(inner: Box<dyn Sink>) -> Self {
        Self { inner, sorted: RowBatch::default(), order: Vec::new() }
    }
}

impl Sink for Ordered {
    fn write(&mut self, batch: &RowBatch) -> Result<(), Error> {
        self.order.clear();
        self.order.extend((0..batch.heads.len()).map(|i| (prefix(&batch.row(i)), i as u32)));
        let place = |i: u32| {
            let head = &batch.heads[i as usize];
            (head.time, head.part, head.window_end, head.window_start)
        };
        self.order.sort_unstable_by(|a, b| {
            let rest = || batch.row(a.1 as usize).order(&batch.row(b.1 as usize));
            place(a.1).cmp(&place(b.1)).then(a.0.cmp(&b.0)).then_with(rest)
        });
        self.sorted.clear();
        self.order.iter().for_each(|(_, i)| self.sorted.push(batch.row(*i as usize)));
        self.inner.write(&self.sorted)
    }

    fn flush(&mut self) -> Result<(), Error> {
        self.inner.flush()
    }

    fn finish(&mut self) -> Result<Finished, Error> {
        self.inner.finish()
    }

    fn promise(&self) -> Delivery {
        self.inner.promise()
    }

    fn written(&self) -> Written {
        self.inner.written()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Cell, key};
    use crate::result::{Op, RowHead};
    use proptest::prelude::*;

    fn cell() -> impl Strategy<Value = (Vec<u8>, u8)> {
        prop_oneof![
            Just((Vec::new(), 0)),
            any::<bool>().prop_map(|b| (vec![u8::from(b)], 1)),
            prop_oneof![any::<i64>(), -3..3i64].prop_map(|v| (v.to_le_bytes().to_vec(), 2)),
            prop_oneof![any::<f64>(), -2.0..2.0].prop_map(|v| (v.to_le_bytes().to_vec(), 3)),
            any::<i64>().prop_map(|v| (v.to_le_bytes().to_vec(), 4)),
            prop_oneof!["[ab]{0,20}", "user_[0-9]{0,12}"].prop_map(|v| (v.into_bytes(), 5)),
            "[ab]{0,18}".prop_map(|v| (v.into_bytes(), 6)),
        ]
    }

    fn encoded((bytes, tag): &(Vec<u8>, u8)) -> Vec<u8> {
        let eight = || <[u8; 8]>::try_from(&bytes[..]).unwrap();
        let cell = match tag {
            0 => Cell::NULL,
            1 => Cell::bool(bytes[0] != 0),
            2 => Cell::int(i64::from_le_bytes(eight())),
            3 => Cell::float(f64::from_le_bytes(eight())),
            4 => Cell::time(i64::from_le_bytes(eight())),
            5 => Cell::str(0, bytes.len() as u32),
            _ => Cell::json(0, bytes.len() as u32),
        };
        let mut out = Vec::new();
        key::encode(cell, bytes, &mut out);
        out
    }

    proptest! {
        #[test]
        fn prefixes_when_they_differ_then_order_as_the_rows_do(a in cell(), b in cell()) {
            let head = |key: &[u8]| RowHead {
                time: 0, window_start: 0, window_end: 0, part: 0, revision: 0, early: 0, approximate: 0, start: 0,
                key_len: key.len() as u32, values_len: 0, op: Op::Assert,
            };
            let (a, b) = (encoded(&a), encoded(&b));
            let (ha, hb) = (head(&a), head(&b));
            let (a, b) = (RowRef { head: &ha, key: &a, values: &[] }, RowRef { head: &hb, key: &b, values: &[] });
            prop_assert!(prefix(&a) == prefix(&b) || prefix(&a).cmp(&prefix(&b)) == a.order(&b));
        }
    }
}
