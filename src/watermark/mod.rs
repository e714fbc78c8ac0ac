//! The event times of a partition, turned into its clock and its ticks.
//!
//! `tick(e)` is the watermark of e's own partition just before e was read, rounded down to the pipeline's tick. The
//! watermark is the greatest event time of the earlier events less the partition's `out_of_orderness`. An event is
//! *late* when its time is below its tick. Both depend on the partition's content alone.
//!
//! A partition is read in numbered blocks by many workers at once. A block decoded out of turn waits until the clocks
//! of all blocks before it are known; [`Clock`] keeps that book, so that reading in parallel gives the ticks of
//! reading in order.
//!
//! Units: microseconds; [`i64::MIN`] is "no event yet".

mod idle;

pub use idle::Activity;

use std::collections::BTreeMap;

/// Rounds the watermark that belongs to a partition clock of `newest` down to the tick.
///
/// `newest` is the greatest event time seen, [`i64::MIN`] for none, which gives [`i64::MIN`].
#[inline]
pub fn tick_at(newest: i64, out_of_orderness: i64, tick: i64) -> i64 {
    if newest == i64::MIN { i64::MIN } else { (newest - out_of_orderness).div_euclid(tick) * tick }
}

/// Which blocks of a partition are known, and the partition's clock before each block that still waits.
///
/// Invariants:
/// 1. `prefix` is the greatest event time of all blocks below `resolved`.
/// 2. A block's base is given out once, when all blocks before it are known; it is then forgotten.
/// 3. Memory is bounded by the number of blocks that are claimed and not yet taken.
#[derive(Debug)]
pub struct Clock {
    resolved: u64,
    prefix: i64,
    known: BTreeMap<u64, i64>,
    bases: BTreeMap<u64, i64>,
    end: Option<u64>,
}

impl Default for Clock {
    fn default() -> Self {
        Self { resolved: 0, prefix: i64::MIN, known: BTreeMap::new(), bases: BTreeMap::new(), end: None }
    }
}

impl Clock {
    /// Says that block `index` has been decoded and that its greatest event time is `newest`. `ours`: this process
    /// has the block and will [`Clock::take`] its base. Saying a block twice changes nothing.
    pub fn publish(&mut self, index: u64, newest: i64, ours: bool) {
        if index < self.resolved || self.known.contains_key(&index) {
            return;
        }
        self.known.insert(index, newest);
        if ours {
            self.bases.insert(index, i64::MIN);
        }
        while let Some(newest) = self.known.remove(&self.resolved) {
            if let Some(base) = self.bases.get_mut(&self.resolved) {
                *base = self.prefix;
            }
            self.prefix = self.prefix.max(newest);
            self.resolved += 1;
        }
    }

    /// The clock just before block `index`, once all blocks before it are known.
    pub fn base(&self, index: u64) -> Option<i64> {
        if index < self.resolved { self.bases.get(&index).copied() } else { None }
    }

    /// What the clock before block `index` is at least: that clock, or the prefix while blocks before it are missing. It
    /// never goes down as more blocks are known, and never above the block's base, though the prefix does.
    pub fn floor(&self, index: u64) -> i64 {
        self.base(index).unwrap_or(self.prefix)
    }

    /// Forgets a block that has been emitted.
    pub fn take(&mut self, index: u64) {
        self.bases.remove(&index);
    }

    /// The greatest event time of all blocks that are known without a gap.
    pub fn prefix(&self) -> i64 {
        self.prefix
    }

    /// Says that no block from `end` on will ever be known; the least of several calls holds. Blocks from there on
    /// are dropped by who has them: a run that is drained ends with a whole prefix of each partition.
    pub fn cut(&mut self, end: u64) {
        self.end = Some(self.end.map_or(end, |e| e.min(end)));
    }

    /// True where block `index` will never be emitted.
    pub fn is_cut(&self, index: u64) -> bool {
        self.end.is_some_and(|end| index >= end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_round_down_also_before_1970() {
        assert_eq!(tick_at(i64::MIN, 5, 10), i64::MIN);
        assert_eq!(tick_at(27, 5, 10), 20);
        assert_eq!(tick_at(-1, 0, 10), -10);
        assert_eq!(tick_at(30, 0, 10), 30);
    }

    #[test]
    fn a_block_out_of_turn_waits_for_those_before_it() {
        let mut clock = Clock::default();
        clock.publish(2, 70, true);
        clock.publish(1, 90, false);
        assert_eq!(clock.base(2), None);
        assert_eq!(clock.prefix(), i64::MIN);
        clock.publish(0, 50, true);
        assert_eq!(clock.base(0), Some(i64::MIN));
        assert_eq!(clock.base(2), Some(90));
        assert_eq!(clock.prefix(), 90);
        clock.take(2);
        assert_eq!(clock.base(2), None);
    }

    #[test]
    fn the_floor_of_a_block_when_blocks_come_in_any_order_then_never_passes_its_base() {
        let newest = [5, 3, 9, i64::MIN, 9, 12, 2];
        let bases = [i64::MIN, 5, 5, 9, 9, 9, 12];
        for shift in 0..newest.len() {
            let mut clock = Clock::default();
            let mut floors = [i64::MIN; 7];
            for i in 0..newest.len() {
                let index = (i * 3 + shift) % newest.len();
                clock.publish(index as u64, newest[index], true);
                for known in (0..=i).map(|i| (i * 3 + shift) % newest.len()) {
                    let floor = clock.floor(known as u64);
                    assert!((floors[known]..=bases[known]).contains(&floor), "block {known}, shift {shift}: {floor}");
                    floors[known] = floor;
                }
            }
            assert_eq!(floors, bases, "shift {shift}");
        }
    }

    #[test]
    fn blocks_in_any_order_give_the_clocks_of_reading_in_order() {
        let newest = [5, 3, 9, i64::MIN, 9, 12, 2];
        for shift in 0..newest.len() {
            let mut clock = Clock::default();
            for i in 0..newest.len() {
                let index = (i * 3 + shift) % newest.len();
                clock.publish(index as u64, newest[index], true);
                clock.publish(index as u64, newest[index], true);
            }
            let mut expected = i64::MIN;
            for (i, n) in newest.iter().enumerate() {
                assert_eq!(clock.base(i as u64), Some(expected), "block {i}, shift {shift}");
                expected = expected.max(*n);
            }
        }
    }
}
