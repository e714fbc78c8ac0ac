//! 64-bit hashes of values, turned into the number of distinct ones: exact for a small set, from registers for a large.
//!
//! The registers are HyperLogLog's: 2^14 of them, each the greatest rank (1 + leading zeros of the 50 bits after the
//! register's number) of its hashes; the standard error is 1.04 / 2^7 = 0.81 %. The estimate is the improved one of
//! Otmar Ertl, "New cardinality estimation algorithms for HyperLogLog sketches" (2017), section 3.4: a function of the
//! registers alone, without tables, from operations that IEEE 754 rounds exactly (the square root is one).

use super::exchange::Words;
use super::list::Sketch;

/// A window's group with at most this many distinct values has an exact count of them (up to collisions of 64-bit
/// hashes, of which a set this large has one with a chance below 1e-12).
pub const EXACT_DISTINCT: usize = 4096;

const BITS: u32 = 14;
const REGISTERS: usize = 1 << BITS;
/// The greatest rank.
const TOP: usize = 64 - BITS as usize + 1;

/// The registers of one set.
#[derive(Debug)]
pub(super) struct Registers(Box<[u8; REGISTERS]>);

impl Default for Registers {
    fn default() -> Self {
        Self(Box::new([0; REGISTERS]))
    }
}

impl Registers {
    pub(super) fn clear(&mut self) {
        self.0.fill(0);
    }

    /// The estimated number of distinct values.
    pub(super) fn estimate(&self) -> i64 {
        let mut counts = [0u32; TOP + 1];
        for rank in self.0.iter() {
            counts[usize::from(*rank).min(TOP)] += 1;
        }
        let m = REGISTERS as f64;
        let mut z = m * tau(1.0 - f64::from(counts[TOP]) / m);
        for count in counts[1..TOP].iter().rev() {
            z = 0.5 * (z + f64::from(*count));
        }
        z += m * sigma(f64::from(counts[0]) / m);
        // 1 / (2 ln 2)
        let estimate = 0.721_347_520_444_481_7 * m * m / z;
        (estimate + 0.5) as i64
    }
}

/// x + the sum over k of x^(2^k) * 2^(k-1); infinite at 1.
fn sigma(mut x: f64) -> f64 {
    if x == 1.0 {
        return f64::INFINITY;
    }
    let (mut y, mut z) = (1.0, x);
    loop {
        x *= x;
        let before = z;
        z += x * y;
        y += y;
        if z == before {
            return z;
        }
    }
}

/// (1 - x - the sum over k of (1 - x^(2^-k))^2 * 2^-k) / 3; zero at both ends.
fn tau(mut x: f64) -> f64 {
    if x == 0.0 || x == 1.0 {
        return 0.0;
    }
    let (mut y, mut z) = (1.0, 1.0 - x);
    loop {
        x = x.sqrt();
        let before = z;
        y *= 0.5;
        z -= (1.0 - x) * (1.0 - x) * y;
        if z == before {
            return z / 3.0;
        }
    }
}

/// A scratch hash set of hashes, emptied for each use.
#[derive(Debug, Default)]
pub(super) struct Slots(Vec<u64>);

impl Slots {
    /// Moves one of each distinct value to the front and gives their number; none where there are more than
    /// [`EXACT_DISTINCT`], and then all distinct values are still somewhere in `values`.
    pub(super) fn unique(&mut self, values: &mut [u64]) -> Option<usize> {
        // A third in use at most: values are hashes, so that few meet on their way to a slot.
        let size = (values.len().min(EXACT_DISTINCT + 1) * 3).next_power_of_two();
        self.0.clear();
        self.0.resize(size, 0);
        let (slots, mask) = (&mut self.0[..size], size - 1);
        let (mut n, mut zero) = (0, false);
        for i in 0..values.len() {
            let v = values[i];
            if v == 0 {
                // 0 marks a free slot.
                if std::mem::replace(&mut zero, true) {
                    continue;
                }
            } else {
                let mut at = v as usize & mask;
                while slots[at] != 0 && slots[at] != v {
                    at = (at + 1) & mask;
                }
                if slots[at] == v {
                    continue;
                }
                slots[at] = v;
            }
            if n == EXACT_DISTINCT {
                return None;
            }
            values[n] = v;
            n += 1;
        }
        Some(n)
    }
}

impl Sketch for Registers {
    // Duplicates among so few are not worth a look: they are dropped when a window is answered.
    const SMALL: usize = 32;
    type Spare = Slots;

    fn keep(values: &mut [u64], spare: &mut Slots) -> Option<usize> {
        spare.unique(values)
    }

    fn add(&mut self, values: &mut [u64], _spare: &mut Slots) {
        for hash in values {
            let register = &mut self.0[(*hash >> (64 - BITS)) as usize];
            // The bit below the hash's own bounds the rank where they are all zero.
            let rank = (*hash << BITS | 1 << (BITS - 1)).leading_zeros() as u8 + 1;
            *register = (*register).max(rank);
        }
    }

    fn merge(&mut self, other: &Self, _spare: &mut Slots) {
        for (mine, theirs) in self.0.iter_mut().zip(other.0.iter()) {
            *mine = (*mine).max(*theirs);
        }
    }

    fn bytes(&self) -> usize {
        REGISTERS
    }

    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.0[..]);
    }

    fn decode(words: Words<'_>) -> Option<Self> {
        let bytes = words.bytes();
        if bytes.iter().any(|rank| usize::from(*rank) > TOP) {
            return None;
        }
        Some(Self(Box::new(bytes.try_into().ok()?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Cell, key::hash_cell};

    #[test]
    fn estimates_are_within_four_standard_errors() {
        let mut registers = Registers::default();
        let mut n = 0;
        for goal in [5_000, 10_000, 100_000, 1_000_000] {
            while n < goal {
                registers.add(&mut [hash_cell(Cell::int(n), &[])], &mut Slots::default());
                n += 1;
            }
            let off = (registers.estimate() - goal).abs() as f64 / goal as f64;
            assert!(off < 4.0 * 0.0081, "{goal}: off by {off}");
        }
    }

    #[test]
    fn duplicates_are_dropped_up_to_the_limit() {
        let mut slots = Slots::default();
        let mut list = [5, 0, 5, 64, 0, 128, 64, u64::MAX];
        assert_eq!(slots.unique(&mut list), Some(5));
        assert_eq!(list[..5], [5, 0, 64, 128, u64::MAX]);
        assert_eq!(slots.unique(&mut []), Some(0));
        for n in [4095u64, 4096, 4097, 9000] {
            let mut list: Vec<u64> = (0..n).chain(0..n).map(|v| v << 40).collect();
            let kept = slots.unique(&mut list);
            assert_eq!(kept, (n <= 4096).then_some(n as usize));
            list.truncate(kept.unwrap_or(list.len()));
            list.sort_unstable();
            list.dedup();
            assert_eq!(list.len(), n as usize, "no value is lost");
        }
    }

    #[test]
    fn full_registers_give_a_finite_estimate() {
        let registers = Registers(Box::new([TOP as u8; REGISTERS]));
        assert!(registers.estimate() > 1 << 60);
        assert_eq!(Registers::default().estimate(), 0);
    }
}
