//! Rows of a batch, turned into their canonical keys and hashes, all at once.
//!
//! Made where a block is decoded, while its text is in the cache; used where its rows are grouped, which may be later.
//!
//! Cost: nothing is allocated once warm.

use super::{EventBatch, key};

/// The keys of some rows, in their order.
#[derive(Debug, Clone)]
pub struct RowKeys {
    hashes: Vec<u64>,
    bytes: Vec<u8>,
    /// Key i is `bytes[offsets[i]..offsets[i + 1]]`.
    offsets: Vec<u32>,
}

impl Default for RowKeys {
    fn default() -> Self {
        Self { hashes: Vec::new(), bytes: Vec::new(), offsets: vec![0] }
    }
}

impl RowKeys {
    /// Forgets all keys; allocations stay.
    pub fn clear(&mut self) {
        self.hashes.clear();
        self.bytes.clear();
        self.offsets.truncate(1);
    }

    /// Makes these the keys of `rows`, each of the cells in `columns`.
    pub fn fill(&mut self, batch: &EventBatch, columns: &[usize], rows: &[u32]) {
        self.clear();
        for row in rows {
            let start = self.bytes.len();
            for column in columns {
                key::encode(batch.columns[*column][*row as usize], &batch.bytes, &mut self.bytes);
            }
            self.hashes.push(key::hash(&self.bytes[start..]));
            self.offsets.push(self.bytes.len() as u32);
        }
    }

    /// Appends a key and its [`key::hash`].
    #[inline]
    pub fn push(&mut self, hash: u64, key: &[u8]) {
        self.hashes.push(hash);
        self.bytes.extend_from_slice(key);
        self.offsets.push(self.bytes.len() as u32);
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.hashes.len()
    }

    /// True without keys.
    pub fn is_empty(&self) -> bool {
        self.hashes.is_empty()
    }

    /// The hash of key `i`.
    #[inline]
    pub fn hash(&self, i: u32) -> u64 {
        self.hashes[i as usize]
    }

    /// Key `i`.
    #[inline]
    pub fn key(&self, i: u32) -> &[u8] {
        let i = i as usize;
        &self.bytes[self.offsets[i] as usize..self.offsets[i + 1] as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Cell;

    #[test]
    fn keys_are_those_of_the_rows_named_in_their_order() {
        let mut batch = EventBatch::new(2);
        batch.bytes.extend_from_slice(b"abc");
        for (i, cell) in [Cell::str(0, 1), Cell::NULL, Cell::str(1, 2)].into_iter().enumerate() {
            batch.columns[0].push(cell);
            batch.columns[1].push(Cell::int(i as i64));
        }
        let mut keys = RowKeys::default();
        keys.push(1, b"gone");
        keys.fill(&batch, &[1, 0], &[2, 0]);
        assert_eq!(keys.len(), 2);
        for (i, row) in [(0, 2usize), (1, 0)] {
            let mut want = Vec::new();
            key::encode(batch.columns[1][row], &batch.bytes, &mut want);
            key::encode(batch.columns[0][row], &batch.bytes, &mut want);
            assert_eq!((keys.hash(i), keys.key(i)), (key::hash(&want), &want[..]));
        }
    }
}
