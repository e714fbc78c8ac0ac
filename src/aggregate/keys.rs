//! Canonical group keys, turned into small dense numbers: an open-addressing table over one arena of keys.
//!
//! A slot is one word: 32 bits of the hash, and the group's number plus one (0 is free). The slot of a hash comes from
//! its product with an odd constant, so that it has nothing to do with the bits that chose the owning worker. Heads
//! keep the full hash, so growing never reads a key.
//!
//! Cost: one slot, one head, one comparison of key bytes; [`Keys::find_many`] does each step for a block of keys
//! before the next step, so that the misses of a large table overlap.

use super::recycle;

const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;
const LEAST_SLOTS: usize = 64;

#[derive(Debug, Clone, Copy)]
struct Head {
    hash: u64,
    /// Where the key begins; it ends where the next begins.
    start: u64,
}

/// The groups of a table: number, hash and key.
#[derive(Debug)]
pub(super) struct Keys {
    /// A power of two of them, at most 5/8 in use.
    slots: Vec<u64>,
    shift: u32,
    heads: Vec<Head>,
    bytes: Vec<u8>,
    recent: [usize; 2],
}

/// What [`Keys::find_many`] works on at a time.
pub(super) const BLOCK: usize = 32;

impl Keys {
    pub(super) fn new() -> Self {
        let mut keys = Self { slots: Vec::new(), shift: 0, heads: Vec::new(), bytes: Vec::new(), recent: [0; 2] };
        keys.resize(LEAST_SLOTS);
        keys
    }

    pub(super) fn len(&self) -> usize {
        self.heads.len()
    }

    pub(super) fn bytes(&self) -> usize {
        self.slots.capacity() * 8 + self.heads.capacity() * size_of::<Head>() + self.bytes.capacity()
    }

    /// Bytes of all keys.
    pub(super) fn key_bytes(&self) -> usize {
        self.bytes.len()
    }

    pub(super) fn hash(&self, group: u32) -> u64 {
        self.heads[group as usize].hash
    }

    #[inline]
    pub(super) fn key(&self, group: u32) -> &[u8] {
        let group = group as usize;
        let end = self.heads.get(group + 1).map_or(self.bytes.len(), |h| h.start as usize);
        &self.bytes[self.heads[group].start as usize..end]
    }

    pub(super) fn clear(&mut self) {
        let [heads, bytes] = &mut self.recent;
        recycle(&mut self.heads, heads);
        recycle(&mut self.bytes, bytes);
        let enough = slots_for(self.recent[0]);
        if self.slots.len() > 8 * enough {
            self.slots = Vec::new();
            self.resize(enough);
        } else {
            self.slots.fill(0);
        }
    }

    #[inline]
    fn slot(&self, hash: u64) -> usize {
        (hash.wrapping_mul(SPREAD) >> self.shift) as usize
    }

    #[inline]
    fn is(&self, group: u32, hash: u64, key: &[u8]) -> bool {
        // The one empty key has no bytes to look at, and comparing nothing is slow where the arena is empty.
        self.heads[group as usize].hash == hash && (key.is_empty() || self.key(group) == key)
    }

    /// The group of a key, or the free slot where it belongs.
    #[inline]
    fn probe(&self, hash: u64, key: &[u8]) -> Result<u32, usize> {
        let mask = self.slots.len() - 1;
        let mut at = self.slot(hash);
        loop {
            let slot = self.slots[at];
            if slot == 0 {
                return Err(at);
            }
            if slot >> 32 == hash & 0xffff_ffff {
                let group = slot as u32 - 1;
                if self.is(group, hash, key) {
                    return Ok(group);
                }
            }
            at = (at + 1) & mask;
        }
    }

    /// The group of a key, where there is one.
    #[inline]
    pub(super) fn find(&self, hash: u64, key: &[u8]) -> Option<u32> {
        self.probe(hash, key).ok()
    }

    /// The group of a key, made where there is none; a new group has the greatest number.
    #[inline]
    pub(super) fn find_or_make(&mut self, hash: u64, key: &[u8]) -> u32 {
        match self.probe(hash, key) {
            Ok(group) => group,
            Err(at) => self.make(hash, key, at),
        }
    }

    fn make(&mut self, hash: u64, key: &[u8], mut at: usize) -> u32 {
        if (self.heads.len() + 1) * 8 > self.slots.len() * 5 {
            self.resize(self.slots.len() * 2);
            at = self.free(hash);
        }
        let group = self.heads.len() as u32;
        self.slots[at] = hash << 32 | u64::from(group + 1);
        self.heads.push(Head { hash, start: self.bytes.len() as u64 });
        self.bytes.extend_from_slice(key);
        group
    }

    fn free(&self, hash: u64) -> usize {
        let mask = self.slots.len() - 1;
        let mut at = self.slot(hash);
        while self.slots[at] != 0 {
            at = (at + 1) & mask;
        }
        at
    }

    fn resize(&mut self, slots: usize) {
        self.slots.clear();
        self.slots.resize(slots, 0);
        self.shift = 64 - slots.trailing_zeros();
        for group in 0..self.heads.len() {
            let hash = self.heads[group].hash;
            let at = self.free(hash);
            self.slots[at] = hash << 32 | (group as u64 + 1);
        }
    }

    /// The groups of up to [`BLOCK`] keys, made where there are none, in the order of the keys.
    pub(super) fn find_many<'a>(&mut self, hashes: &[u64], key: impl Fn(usize) -> &'a [u8], out: &mut [u32; BLOCK]) {
        let n = hashes.len().min(BLOCK);
        // First the slots, then the heads of those that look right, then the bytes: loads of one kind overlap.
        let mut slots = [0u64; BLOCK];
        for (slot, hash) in slots.iter_mut().zip(hashes) {
            *slot = self.slots[self.slot(*hash)];
        }
        let mut spans = [(0u64, 0u64); BLOCK];
        for i in 0..n {
            let group = (slots[i] as u32).wrapping_sub(1) as usize;
            if slots[i] >> 32 == hashes[i] & 0xffff_ffff
                && let Some(head) = self.heads.get(group)
                && head.hash == hashes[i]
            {
                let end = self.heads.get(group + 1).map_or(self.bytes.len() as u64, |h| h.start);
                spans[i] = (head.start, end);
            } else {
                slots[i] = 0;
            }
        }
        for i in 0..n {
            let key = key(i);
            let (start, end) = spans[i];
            out[i] = if slots[i] != 0 && &self.bytes[start as usize..end as usize] == key {
                slots[i] as u32 - 1
            } else {
                self.find_or_make(hashes[i], key)
            };
        }
    }
}

fn slots_for(groups: usize) -> usize {
    (groups * 8 / 5 + 1).next_power_of_two().max(LEAST_SLOTS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::key::hash;

    #[test]
    fn keys_of_one_hash_are_kept_apart_by_their_bytes() {
        let mut keys = Keys::new();
        let a = keys.find_or_make(7, b"a");
        let b = keys.find_or_make(7, b"b");
        assert_ne!(a, b);
        assert_eq!((keys.find(7, b"a"), keys.find(7, b"b"), keys.find(7, b"c")), (Some(a), Some(b), None));
        assert_eq!((keys.key(a), keys.key(b), keys.hash(b)), (&b"a"[..], &b"b"[..], 7));
    }

    #[test]
    fn many_keys_are_found_again_singly_and_in_blocks() {
        let mut keys = Keys::new();
        let names: Vec<Vec<u8>> = (0..5000u32).map(|i| i.to_le_bytes().repeat(i as usize % 4)).collect();
        let hashes: Vec<u64> = names.iter().map(|n| hash(n)).collect();
        let mut many = Vec::new();
        for at in (0..names.len()).step_by(BLOCK) {
            let mut out = [0; BLOCK];
            let end = (at + BLOCK).min(names.len());
            keys.find_many(&hashes[at..end], |i| &names[at + i][..], &mut out);
            many.extend_from_slice(&out[..end - at]);
        }
        for (i, name) in names.iter().enumerate() {
            assert_eq!(keys.find(hashes[i], name), Some(many[i]));
            assert_eq!(keys.key(many[i]), &name[..]);
        }
        assert_eq!(keys.len(), 1 + 5000 * 3 / 4, "keys without bytes are one key");
    }

    #[test]
    fn a_table_that_was_large_gives_its_memory_back() {
        let mut keys = Keys::new();
        for i in 0..100_000u64 {
            keys.find_or_make(hash(&i.to_le_bytes()), &i.to_le_bytes());
        }
        let large = keys.bytes();
        for _ in 0..80 {
            keys.clear();
            keys.find_or_make(1, b"x");
        }
        assert!(keys.bytes() < large / 10, "{} of {large}", keys.bytes());
        assert_eq!(keys.find(1, b"x"), Some(0));
    }
}
