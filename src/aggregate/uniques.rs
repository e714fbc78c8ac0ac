//! Numbers, turned into the sum or the average of the different ones: exact while there are few.
//!
//! Of the different numbers those with the least hashes are kept, [`EXACT_DISTINCT`] of them: where that is not all, they
//! are a uniform sample of the different numbers, whose number is estimated from the greatest hash kept. Memory: below
//! 1 MiB a group.

use super::distinct::EXACT_DISTINCT;
use super::kept::{How, Keep, Row};
use super::layout::Function;
use super::prefix::{Bound, Prefix};
use super::sum::{self, Total};
use crate::event::{Cell, Origin, Tag, key};

/// Bytes of a number's canonical form.
const FORM: usize = 9;
const BOUND: Bound = Bound { once: true, values: EXACT_DISTINCT, bytes: EXACT_DISTINCT * FORM };

/// The different numbers of one group, by hash.
#[derive(Debug, Default)]
pub(super) struct Uniques(Prefix);

impl Keep for Uniques {
    fn add(&mut self, _how: &How, row: &Row<'_>) -> bool {
        let (tag, bits) = match row.value.tag() {
            Tag::Float => key::canonical_float(f64::from_bits(row.value.bits())),
            Tag::Int => (Tag::Int, row.value.bits()),
            _ => return false,
        };
        let mut form = [tag as u8; FORM];
        form[1..].copy_from_slice(&bits.to_le_bytes());
        self.0.push(BOUND, (key::hash(&form), Origin::default()), &form);
        true
    }

    fn merge(&mut self, _how: &How, other: &Self) {
        self.0.join(BOUND, &other.0);
    }

    fn bytes(&self) -> usize {
        self.0.held()
    }

    fn encode(&self, out: &mut Vec<u8>) {
        self.0.write(out);
    }

    fn decode(_how: &How, bytes: &[u8]) -> Option<Self> {
        let prefix = Prefix::read(BOUND, bytes)?;
        let numbers = prefix.values().all(|(_, value)| value.len() == FORM);
        numbers.then_some(Self(prefix))
    }

    fn answer(&mut self, _how: &How, function: &Function, _arena: &mut Vec<u8>) -> (Cell, bool) {
        self.0.settle(BOUND);
        let (mut state, mut spills) = (sum::EMPTY, sum::Spills::default());
        let mut last = 0;
        for (place, bytes) in self.0.values() {
            if let Some((value, _)) = key::decode(bytes) {
                sum::add_value(&mut state, &mut spills, 0, value);
            }
            last = place.0;
        }
        let mut total = Total::new();
        total.add(&state, &spills, 0);
        let (Some(sum), Some(average)) = (total.sum(), total.average()) else {
            return (Cell::NULL, false);
        };
        let cut = self.0.is_cut();
        let cell = match function {
            Function::AvgDistinct => Cell::float(average),
            _ if cut => {
                // So many different hashes in so much of their range: as many more as the range is larger.
                let different = (self.0.len() - 1) as f64 / (last as f64 / 18_446_744_073_709_551_616.0);
                Cell::float(average * different)
            }
            _ => total.whole().map_or_else(|| Cell::float(sum), Cell::int),
        };
        (cell, cut)
    }
}
