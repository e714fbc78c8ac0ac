//! Batches of complete times, turned into the one order in which rows leave the engine.
//!
//! In: each batch has all rows of one statement time, in any order. Out: the same rows sorted ([`RowRef::order`]), to
//! the sink inside. Sorting happens here, on the sink's thread, so that the dataflow does not pay for it.

use super::ranks::Ranks;
use super::{Delivery, Finished, Sink, Written};
use crate::error::Error;
use crate::event::Value;
use crate::result::{RowBatch, RowRef};
use std::collections::BTreeMap;

/// A sink that gets its rows sorted.
pub struct Ordered {
    inner: Box<dyn Sink>,
    sorted: RowBatch,
    order: Vec<(Prefix, u32)>,
    rows: Vec<u32>,
    /// By part.
    ranks: BTreeMap<u32, Ranks>,
}

/// The beginning of a group as bytes that order as [`RowRef::order`] orders the group, where they differ: most
/// comparisons need to look no further.
type Prefix = [u128; 2];

/// Bytes of a prefix.
const LENGTH: usize = 32;
/// Whole numbers below this are floats too; of those beyond, two can be one float.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// For each dimension the class of its value, and the value so that its bytes order as it does. A text ends with a 0,
/// behind which a class stands, or nothing; a 0 in it is followed by 255, which is greater.
fn prefix(row: &RowRef<'_>) -> Prefix {
    let (mut bytes, mut at) = ([0; LENGTH], 0);
    let mut put = |part: &[u8]| {
        let n = part.len().min(LENGTH - at);
        bytes[at..at + n].copy_from_slice(&part[..n]);
        at += n;
        at < LENGTH
    };
    if row.is_overflow() {
        put(&[6]);
    }
    for value in row.dimensions() {
        let more = match value {
            Value::Null => put(&[0]),
            Value::Bool(v) => put(&[1, u8::from(v)]),
            Value::Int(v) => put(&[2]) && put(&number(v as f64)) && (v as f64).abs() < EXACT,
            Value::Float(v) => put(&[2]) && put(&number(v)) && v.abs() < EXACT,
            Value::Time(v) => put(&[3]) && put(&(v as u64 ^ 1 << 63).to_be_bytes()),
            Value::Str(v) => put(&[4]) && text(v, &mut put),
            Value::Json(v) => put(&[5]) && text(v, &mut put),
        };
        if !more {
            break;
        }
    }
    let [high, low] = bytes.as_chunks().0 else { unreachable!("a prefix has two halves") };
    [u128::from_be_bytes(*high), u128::from_be_bytes(*low)]
}

fn number(v: f64) -> [u8; 8] {
    let bits = (if v == 0.0 { 0.0 } else { v }).to_bits();
    (if bits >> 63 == 0 { bits | 1 << 63 } else { !bits }).to_be_bytes()
}

fn text(text: &[u8], put: &mut impl FnMut(&[u8]) -> bool) -> bool {
    let text = &text[..text.len().min(LENGTH)];
    let mut parts = text.split(|b| *b == 0);
    parts.next().is_none_or(&mut *put) && parts.all(|part| put(&[0, 255]) && put(part)) && put(&[0])
}

impl Ordered {
    /// Sorts what goes to `inner`.
    pub fn new(inner: Box<dyn Sink>) -> Self {
        Self { inner, sorted: RowBatch::default(), order: Vec::new(), rows: Vec::new(), ranks: BTreeMap::new() }
    }
}

impl Sink for Ordered {
    fn write(&mut self, batch: &RowBatch) -> Result<(), Error> {
        let place = |i: u32| {
            let head = &batch.heads[i as usize];
            (head.time, head.part, head.window_end, head.window_start)
        };
        let one_window = (1..batch.heads.len() as u32).all(|i| place(i) == place(0));
        self.rows.clear();
        let part = batch.heads.first().filter(|_| one_window).map(|head| head.part);
        let mut ranks = part.map(|part| self.ranks.entry(part).or_default());
        if !ranks.as_mut().is_some_and(|ranks| ranks.place(batch, &mut self.rows)) {
            self.order.clear();
            self.order.extend((0..batch.heads.len()).map(|i| (prefix(&batch.row(i)), i as u32)));
            let rest = |a: u32, b: u32| batch.row(a as usize).order(&batch.row(b as usize));
            if one_window {
                self.order.sort_unstable_by(|a, b| a.0.cmp(&b.0).then_with(|| rest(a.1, b.1)));
            } else {
                self.order.sort_unstable_by(|a, b| {
                    place(a.1).cmp(&place(b.1)).then(a.0.cmp(&b.0)).then_with(|| rest(a.1, b.1))
                });
            }
            self.rows.extend(self.order.iter().map(|(_, i)| *i));
            if let Some(ranks) = ranks {
                ranks.learn(batch, &self.rows);
            }
        }
        self.sorted.clear();
        self.rows.iter().for_each(|i| self.sorted.push(batch.row(*i as usize)));
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

    /// Where floats begin to leave out whole numbers.
    fn large() -> impl Strategy<Value = i64> {
        (-3..3i64).prop_map(|v| (1 << 53) + v)
    }

    fn cell() -> impl Strategy<Value = (Vec<u8>, u8)> {
        prop_oneof![
            Just((Vec::new(), 0)),
            any::<bool>().prop_map(|b| (vec![u8::from(b)], 1)),
            prop_oneof![any::<i64>(), -3..3i64, large()].prop_map(|v| (v.to_le_bytes().to_vec(), 2)),
            prop_oneof![any::<f64>(), -2.0..2.0, large().prop_map(|v| v as f64)]
                .prop_map(|v| (v.to_le_bytes().to_vec(), 3)),
            any::<i64>().prop_map(|v| (v.to_le_bytes().to_vec(), 4)),
            prop_oneof!["[ab]{0,20}", "user_[0-9]{0,12}", "[a\\x00\\x01]{0,3}", "a{28,34}"]
                .prop_map(|v| (v.into_bytes(), 5)),
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

    #[test]
    fn what_follows_a_number_that_floats_do_not_tell_apart_decides_nothing() {
        let large = 1 << 53;
        let int = |v: i64| (v.to_le_bytes().to_vec(), 2);
        let float = |v: f64| (v.to_le_bytes().to_vec(), 3);
        let text = |v: &str| (v.as_bytes().to_vec(), 5);
        // The first is less by its number, and greater by its text.
        for (less, more) in
            [(int(large), int(large + 1)), (float(large as f64), int(large + 1)), (text("a"), text("a\0"))]
        {
            let key = |number, name| [encoded(number), encoded(&text(name))].concat();
            let (a, b) = (key(&less, "z"), key(&more, "a"));
            let head = |key: &[u8]| RowHead { key_len: key.len() as u32, ..RowHead::new(0, 0, (0, 0)) };
            let (ha, hb) = (head(&a), head(&b));
            let (a, b) = (RowRef { head: &ha, key: &a, values: &[] }, RowRef { head: &hb, key: &b, values: &[] });
            assert!(a.order(&b).is_lt() && prefix(&a) <= prefix(&b), "{less:?} {more:?}");
        }
    }

    proptest! {
        #[test]
        fn prefixes_when_they_differ_then_order_as_the_rows_do(
            same in proptest::collection::vec(cell(), 0..3),
            a in proptest::collection::vec(cell(), 1..3),
            b in proptest::collection::vec(cell(), 1..3),
            overflow in 0..8u8,
        ) {
            let head = |key: &[u8]| RowHead {
                time: 0, window_start: 0, window_end: 0, part: 0, revision: 0, early: 0, approximate: 0, start: 0,
                key_len: key.len() as u32, values_len: 0, op: Op::Assert,
            };
            // Rows of one part have equally many dimensions.
            let n = a.len().min(b.len());
            let key = |cells: &[(Vec<u8>, u8)]| same.iter().chain(&cells[..n]).flat_map(encoded).collect::<Vec<u8>>();
            let or_overflow = |key: Vec<u8>, which: u8| if overflow & 3 == which { key::OVERFLOW.to_vec() } else { key };
            let (a, b) = (or_overflow(key(&a), 1), or_overflow(key(&b), 2));
            let (ha, hb) = (head(&a), head(&b));
            let (a, b) = (RowRef { head: &ha, key: &a, values: &[] }, RowRef { head: &hb, key: &b, values: &[] });
            prop_assert!(prefix(&a) == prefix(&b) || prefix(&a).cmp(&prefix(&b)) == a.order(&b));
        }
    }
}
