//! The places of groups among each other, kept from one batch to the next.
//!
//! The rows of a window are sorted by their group, and the groups of the next window are mostly the same: to know the
//! place of a row a look-up of its key is enough, which is a third of what it takes to sort it. Groups that were not
//! there before are put in between.
//!
//! Invariants: 1. what is known decides the time a batch takes, and never its order. 2. At most [`MOST`] keys are kept, and
//! not many more than a batch has rows: those of groups that are gone are forgotten.
//! 3. Where groups do not come again, batches are soon sorted without a look here: after each miss twice as many.

use crate::event::key;
use crate::result::RowBatch;
use hashbrown::HashTable;

/// Fewer rows are sorted at once.
const LEAST: usize = 64;
/// More keys are not kept.
const MOST: usize = 1 << 16;
/// More new groups among this many rows are a miss.
const NEW: usize = 8;
/// Where more keys than so many times the rows are known, it is learned anew.
const STALE: usize = 4;
/// After misses so many batches, at most, are not looked up.
const PAUSE: u32 = 64;

/// The keys of a part's groups, by their place.
#[derive(Debug, Default)]
pub(super) struct Ranks {
    /// In order; no two are equal in it.
    keys: Vec<Box<[u8]>>,
    /// The places of the keys.
    index: HashTable<u32>,
    /// By place, a row and one; 0 for none.
    rows: Vec<u32>,
    /// Rows of keys that are not known.
    strangers: Vec<u32>,
    /// Batches that are not to be learned from yet, and how many it will be after the next miss.
    pause: u32,
    next_pause: u32,
}

impl Ranks {
    /// Puts the numbers of a batch's rows into `order` as they are to leave; false, and nothing is put, where that is
    /// not known. The rows are of one time, part and window.
    pub(super) fn place(&mut self, batch: &RowBatch, order: &mut Vec<u32>) -> bool {
        let n = batch.heads.len();
        if self.keys.is_empty() || n < LEAST || self.keys.len() > STALE * n {
            return false;
        }
        self.rows.clear();
        self.rows.resize(self.keys.len(), 0);
        self.strangers.clear();
        for i in 0..n as u32 {
            let key = batch.row(i as usize).key;
            match self.index.find(key::hash(key), |rank| *self.keys[*rank as usize] == *key) {
                // A second row of a group: which is first is not said by its key.
                Some(rank) if self.rows[*rank as usize] != 0 => return self.miss(),
                Some(rank) => self.rows[*rank as usize] = i + 1,
                None if (self.strangers.len() + 1) * NEW > n => return self.miss(),
                None => self.strangers.push(i),
            }
        }
        if !self.strangers.is_empty() && !self.add(batch) {
            return self.miss();
        }
        order.extend(self.rows.iter().filter(|row| **row != 0).map(|row| row - 1));
        self.next_pause = 1;
        true
    }

    /// Learns the keys of a batch whose rows, in this order, are of one time, part and window.
    pub(super) fn learn(&mut self, batch: &RowBatch, order: &[u32]) {
        if !(LEAST..=MOST).contains(&order.len()) {
            return;
        }
        if self.pause > 0 {
            self.pause -= 1;
            return;
        }
        let key = |row: u32| batch.row(row as usize).key;
        if order.windows(2).all(|pair| key::compare(key(pair[0]), key(pair[1])).is_lt()) {
            self.keys = order.iter().map(|row| key(*row).into()).collect();
            self.index_all();
        }
    }

    /// Forgets all.
    fn miss(&mut self) -> bool {
        (self.pause, self.next_pause) = (self.next_pause, (self.next_pause * 2).clamp(1, PAUSE));
        self.keys.clear();
        self.index.clear();
        false
    }

    /// Puts the strangers between the rows that are known.
    fn add(&mut self, batch: &RowBatch) -> bool {
        if self.keys.len() + self.strangers.len() > MOST {
            return false;
        }
        let key = |row: u32| batch.row(row as usize).key;
        self.strangers.sort_unstable_by(|a, b| key::compare(key(*a), key(*b)));
        if !self.strangers.windows(2).all(|pair| key::compare(key(pair[0]), key(pair[1])).is_lt()) {
            return false;
        }
        // From the last to the first, so that each key moves once.
        let (mut end, mut to) = (self.keys.len(), self.keys.len() + self.strangers.len());
        self.keys.resize(to, Box::default());
        self.rows.resize(to, 0);
        while let Some(row) = self.strangers.pop() {
            let Err(at) = self.keys[..end].binary_search_by(|known| key::compare(known, key(row))) else {
                return false;
            };
            for i in (at..end).rev() {
                to -= 1;
                self.keys.swap(i, to);
                self.rows.swap(i, to);
            }
            end = at;
            to -= 1;
            (self.keys[to], self.rows[to]) = (key(row).into(), row + 1);
        }
        self.index_all();
        true
    }

    fn index_all(&mut self) {
        self.index.clear();
        for (rank, one) in self.keys.iter().enumerate() {
            self.index.insert_unique(key::hash(one), rank as u32, |rank| key::hash(&self.keys[*rank as usize]));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Cell;
    use crate::result::{RowHead, RowRef};
    use proptest::prelude::*;

    fn ints(numbers: impl IntoIterator<Item = i64>) -> RowBatch {
        let mut batch = RowBatch::default();
        for number in numbers {
            let mut bytes = Vec::new();
            key::encode(Cell::int(number), &[], &mut bytes);
            let head = RowHead { key_len: bytes.len() as u32, ..RowHead::new(0, 10, (0, 10)) };
            batch.push(RowRef { head: &head, key: &bytes, values: &[] });
        }
        batch
    }

    fn sorted(batch: &RowBatch) -> Vec<u32> {
        let mut order: Vec<u32> = (0..batch.heads.len() as u32).collect();
        order.sort_by(|a, b| batch.row(*a as usize).order(&batch.row(*b as usize)));
        order
    }

    /// What a sink does; whether the order was known.
    fn write(ranks: &mut Ranks, batch: &RowBatch) -> bool {
        let mut order = Vec::new();
        if ranks.place(batch, &mut order) {
            assert_eq!(order, sorted(batch));
            return true;
        }
        assert!(order.is_empty());
        ranks.learn(batch, &sorted(batch));
        false
    }

    #[test]
    fn groups_that_come_again_are_known_with_a_few_that_are_new_and_those_then_are_too() {
        let mut ranks = Ranks::default();
        assert!(!write(&mut ranks, &ints(100..200)));
        assert!(write(&mut ranks, &ints((100..200).rev())));
        // Before the first, in between is none, and behind the last; then some are gone.
        assert!(write(&mut ranks, &ints((95..205).rev())));
        assert_eq!(ranks.keys.len(), 110);
        assert!(write(&mut ranks, &ints((95..205).step_by(1).filter(|n| n % 3 > 0))));
        assert_eq!(ranks.keys.len(), 110);
        assert!(!write(&mut ranks, &ints(0..63)), "few rows are not looked up");
        assert!(write(&mut ranks, &ints(95..205)), "and change nothing");
    }

    #[test]
    fn groups_that_are_gone_are_forgotten() {
        let mut ranks = Ranks::default();
        // A few are new each time, and as many are gone.
        for first in (0..4_000).step_by(10) {
            write(&mut ranks, &ints(first..first + 100));
            assert!(ranks.keys.len() <= STALE * 100 + 10);
        }
        assert!(ranks.keys.len() >= 100);
    }

    #[test]
    fn groups_that_never_come_again_are_looked_up_ever_more_seldom() {
        let mut ranks = Ranks::default();
        let mut learned = 0;
        for round in 0..400 {
            assert!(!write(&mut ranks, &ints(round * 100..(round + 1) * 100)));
            learned += i32::from(!ranks.keys.is_empty());
        }
        assert!(learned < 14, "{learned}");
        assert!((0..66).any(|_| write(&mut ranks, &ints(0..100))), "and are looked up again");
    }

    #[test]
    fn rows_whose_keys_do_not_say_which_is_first_are_not_known() {
        let twice = ints((0..100).chain([50]));
        let mut ranks = Ranks::default();
        assert!(!write(&mut ranks, &twice) && ranks.keys.is_empty(), "nothing is learned of them");
        assert!(!write(&mut ranks, &ints(0..100)));
        assert!(!write(&mut ranks, &twice));
        // A group that is new, twice.
        assert!((0..9).any(|_| write(&mut ranks, &ints(0..100))));
        assert!(!write(&mut ranks, &ints((0..100).chain([100, 100]))));
    }

    #[test]
    fn no_more_keys_are_kept_than_allowed() {
        let mut ranks = Ranks::default();
        let most = MOST as i64;
        assert!(!write(&mut ranks, &ints(0..most)));
        assert!(write(&mut ranks, &ints(0..most)));
        assert!(!write(&mut ranks, &ints(1..most + 1)));
        assert!(ranks.keys.len() <= MOST);
        let mut ranks = Ranks::default();
        assert!(!write(&mut ranks, &ints(0..most + 1)) && ranks.keys.is_empty());
    }

    proptest! {
        #[test]
        fn any_batches_leave_in_their_order(
            batches in proptest::collection::vec((0..40i64, 60..120i64, 1..4i64, any::<u64>()), 1..8),
        ) {
            let mut ranks = Ranks::default();
            for (first, n, step, seed) in batches {
                let mut keys: Vec<i64> = (0..n).map(|i| first + i * step - 20).collect();
                // In any order, and sometimes one twice.
                keys.sort_by_key(|n| (*n as u64 ^ seed).wrapping_mul(0x9e37_79b9_7f4a_7c15));
                if seed % 5 == 0 {
                    keys.push(keys[0]);
                }
                write(&mut ranks, &ints(keys));
            }
        }
    }
}
