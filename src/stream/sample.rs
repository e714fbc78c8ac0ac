//! A share of the rows, chosen by a hash of their content: the same rows at any width, in any order.
//!
//! The rule, which is stated to users: h is the 64-bit hash of the key's value (rapidhash v3; of text its bytes, of a
//! number its canonical form), or without a key that of the event time and the place in the partition, 8 bytes each,
//! little-endian. A row is kept where the SplitMix64 finaliser of `h ^ (seed * 0x9e3779b97f4a7c15)` is below
//! `rate * 2^64`. So a lower rate keeps some of what a higher one keeps, and another seed an independent choice.
//!
//! Cost: one hash a row; nothing is allocated.

use crate::event::{Cell, Column, EventBatch, key};
use crate::expr::{Program, Rows, Scratch};

/// Which rows are kept.
#[derive(Debug, Clone)]
pub struct Sample {
    /// Below this a hash is kept; 2^64 keeps all.
    limit: u128,
    seed: u64,
    by: Option<Program>,
}

impl Sample {
    /// A share of `rate` from 0 to 1: of keys where there is `by`, else of rows.
    pub fn new(rate: f64, seed: u64, by: Option<Program>) -> Self {
        // 2^64 as a float is exact.
        let limit = (rate.clamp(0.0, 1.0) * 18_446_744_073_709_551_616.0) as u128;
        Self { limit, seed: seed.wrapping_mul(0x9e37_79b9_7f4a_7c15), by }
    }

    fn takes(&self, hash: u64) -> bool {
        u128::from(finalise(hash ^ self.seed)) < self.limit
    }

    fn takes_cell(&self, cell: Cell, arena: &[u8]) -> bool {
        self.takes(key::hash_cell(cell, arena))
    }

    /// Removes from `rows` those that are not kept. `keys`: room for the values of the key.
    pub(super) fn keep(&self, batch: &mut EventBatch, rows: &mut Vec<u32>, scratch: &mut Scratch, keys: &mut Column) {
        let Some(by) = &self.by else {
            let origins = batch.origins();
            rows.retain(|row| {
                let origin = origins.of(*row);
                let mut form = [0; 16];
                form[..8].copy_from_slice(&origin.time.to_le_bytes());
                form[8..].copy_from_slice(&origin.position.to_le_bytes());
                self.takes(key::hash(&form))
            });
            return;
        };
        if let Some(slot) = by.as_slot() {
            let (column, arena) = (&batch.columns[slot], &batch.bytes);
            rows.retain(|row| self.takes_cell(column[*row as usize], arena));
            return;
        }
        let view = Rows { columns: &batch.columns, time: &batch.time };
        by.eval(&view, &mut batch.bytes, rows, scratch, keys);
        rows.retain(|row| self.takes_cell(keys[*row as usize], &batch.bytes));
    }
}

/// The last step of SplitMix64.
fn finalise(z: u64) -> u64 {
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::FieldPath;
    use std::collections::BTreeSet;

    const EVENTS: u32 = 100_000;

    /// Events with keys of column 0, each key ten times.
    fn batch() -> EventBatch {
        let mut batch = EventBatch::new(1);
        for i in 0..EVENTS {
            batch.time.push(i64::from(i) * 1_000);
            batch.offset.push(i * 100);
            batch.columns[0].push(Cell::int(i64::from(i % (EVENTS / 10))));
        }
        batch
    }

    fn kept(rate: f64, seed: u64, by: Option<&str>) -> BTreeSet<u32> {
        let program = |text| {
            crate::expr::compile(&crate::expr::parse(text).unwrap(), &mut |path| {
                assert_eq!(*path, FieldPath::dotted("k"));
                0
            })
        };
        let mut rows: Vec<u32> = (0..EVENTS).collect();
        let sample = Sample::new(rate, seed, by.map(program));
        sample.keep(&mut batch(), &mut rows, &mut Scratch::default(), &mut Column::new());
        rows.into_iter().collect()
    }

    #[test]
    fn of_many_events_and_keys_the_share_is_the_rate() {
        for rate in [0.001, 0.1, 0.5, 0.9] {
            for (by, of) in [(None, EVENTS), (Some("k"), EVENTS / 10)] {
                let n = kept(rate, 0, by).len() as f64 * f64::from(of) / f64::from(EVENTS);
                let (mean, deviation) = (f64::from(of) * rate, (f64::from(of) * rate * (1.0 - rate)).sqrt());
                assert!((n - mean).abs() < 4.0 * deviation, "{n} of {of} at {rate}, by {by:?}");
            }
        }
        assert_eq!((kept(0.0, 0, None).len(), kept(1.0, 0, Some("k")).len()), (0, EVENTS as usize));
    }

    #[test]
    fn all_events_of_a_key_are_kept_or_none() {
        let rows = kept(0.3, 0, Some("k"));
        assert!(rows.iter().all(|row| (0..10).all(|i| rows.contains(&(row % (EVENTS / 10) + i * (EVENTS / 10))))));
        // Equal values are one key, however they are computed.
        assert_eq!(rows, kept(0.3, 0, Some("k * 1.0")));
    }

    #[test]
    fn a_lower_rate_keeps_a_part_and_another_seed_something_else() {
        for by in [None, Some("k")] {
            let (few, many, other) = (kept(0.1, 0, by), kept(0.2, 0, by), kept(0.1, 1, by));
            assert!(few.is_subset(&many));
            let both = few.intersection(&other).count() as f64;
            assert!((both - 1_000.0).abs() < 500.0, "{both} of 1000 are in both");
        }
    }

    #[test]
    fn the_rule_is_the_one_that_is_stated() {
        // So that no change of it goes unseen: answers would change with it.
        let first: Vec<u32> = kept(0.001, 7, None).into_iter().take(4).collect();
        let keys: Vec<u32> = kept(0.001, 7, Some("k")).into_iter().take(4).collect();
        assert_eq!((first, keys), (vec![382, 1571, 2146, 3631], vec![1147, 1461, 4738, 6307]));
    }
}
