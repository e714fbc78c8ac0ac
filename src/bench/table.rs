//! Keys, turned into the states of their groups, slice by slice: the hash tables of the hand-written loops.
//!
//! In: key bytes. Out: the state of the key's group in one slice. States stay allocated when a slice leaves, so that
//! the next slice finds its lists grown; keys lie one after the other in one buffer.

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

/// A state that can be used again.
pub trait Reset: Default {
    /// Makes the state empty; allocations stay.
    fn reset(&mut self);
}

/// The groups of one slice.
#[derive(Debug)]
pub struct Table<S> {
    index: HashTable<u32>,
    /// The first `used` are groups; those behind them wait to be used again.
    groups: Vec<Group<S>>,
    used: usize,
    keys: Vec<u8>,
}

/// A group; its state lies beside its hash, for one miss of the cache instead of two.
#[derive(Debug, Default)]
struct Group<S> {
    hash: u64,
    start: u32,
    end: u32,
    state: S,
}

impl<S> Group<S> {
    #[inline]
    fn is(&self, hash: u64, key: &[u8], keys: &[u8]) -> bool {
        let own = &keys[self.start as usize..self.end as usize];
        // An empty key is not compared: the buffer of a table without key bytes has no memory, and a masked load from
        // where none is costs the CPU some hundred cycles although it loads nothing.
        self.hash == hash && own.len() == key.len() && (key.is_empty() || own == key)
    }
}

impl<S> Default for Table<S> {
    fn default() -> Self {
        Self { index: HashTable::new(), groups: Vec::new(), used: 0, keys: Vec::new() }
    }
}

/// The hash of a key.
#[inline]
pub fn hash(key: &[u8]) -> u64 {
    rapidhash::v3::rapidhash_v3(key)
}

impl<S: Reset> Table<S> {
    /// The state of the group with this key, made where there is none.
    #[inline]
    pub fn state(&mut self, hash: u64, key: &[u8]) -> &mut S {
        let (groups, keys) = (&self.groups, &self.keys);
        let same = |i: &u32| groups[*i as usize].is(hash, key, keys);
        let at = match self.index.entry(hash, same, |i| groups[*i as usize].hash) {
            Entry::Occupied(entry) => *entry.get() as usize,
            Entry::Vacant(entry) => {
                let at = self.used;
                entry.insert(at as u32);
                self.used += 1;
                let start = self.keys.len() as u32;
                self.keys.extend_from_slice(key);
                if self.groups.len() == at {
                    self.groups.push(Group::default());
                }
                let group = &mut self.groups[at];
                (group.hash, group.start, group.end) = (hash, start, self.keys.len() as u32);
                at
            }
        };
        &mut self.groups[at].state
    }

    /// The state of the group with this key, where there is one.
    #[inline]
    pub fn find(&self, hash: u64, key: &[u8]) -> Option<&S> {
        let found = self.index.find(hash, |i| self.groups[*i as usize].is(hash, key, &self.keys));
        found.map(|i| &self.groups[*i as usize].state)
    }

    /// The state of the group with this key, to be changed, where there is one.
    #[inline]
    pub fn find_mut(&mut self, hash: u64, key: &[u8]) -> Option<&mut S> {
        let found = self.index.find(hash, |i| self.groups[*i as usize].is(hash, key, &self.keys));
        found.map(|i| &mut self.groups[*i as usize].state)
    }

    /// Forgets the groups for whose states `keep` says no, and gives their memory back.
    pub(super) fn retain(&mut self, mut keep: impl FnMut(&mut S) -> bool) {
        let old = std::mem::take(self);
        for mut group in old.groups.into_iter().take(old.used) {
            if keep(&mut group.state) {
                let key = &old.keys[group.start as usize..group.end as usize];
                *self.state(group.hash, key) = group.state;
            }
        }
    }

    /// All groups: hash, key, state.
    pub fn groups(&self) -> impl Iterator<Item = (u64, &[u8], &S)> {
        self.groups[..self.used].iter().map(|g| (g.hash, &self.keys[g.start as usize..g.end as usize], &g.state))
    }

    /// The states of all groups.
    pub fn states(&mut self) -> impl Iterator<Item = &mut S> {
        self.groups[..self.used].iter_mut().map(|g| &mut g.state)
    }

    /// All groups, to be changed: key, state.
    pub(super) fn groups_mut(&mut self) -> impl Iterator<Item = (&[u8], &mut S)> {
        let keys = &self.keys;
        self.groups[..self.used].iter_mut().map(|g| (&keys[g.start as usize..g.end as usize], &mut g.state))
    }

    /// Forgets all groups.
    pub(super) fn clear(&mut self) {
        self.states().for_each(Reset::reset);
        self.used = 0;
        self.index.clear();
        self.keys.clear();
    }
}

/// A slice and its groups.
#[derive(Debug)]
pub struct Slice<S> {
    /// Its first moment, microseconds.
    pub start: i64,
    /// True once its groups have been prepared for rows; no event can come for it any more.
    pub sealed: bool,
    /// Its groups.
    pub table: Table<S>,
}

/// The slices that are open, in order of time.
#[derive(Debug)]
pub struct Slices<S> {
    width: i64,
    list: Vec<Slice<S>>,
    /// The end of the first window that was not passed yet.
    next_end: i64,
    spare: Vec<Table<S>>,
}

impl<S: Reset> Slices<S> {
    /// No slices yet; each is `width` microseconds long.
    pub fn new(width: i64) -> Self {
        Self { width, list: Vec::new(), next_end: i64::MIN, spare: Vec::new() }
    }

    /// The groups of the slice that holds moment `time`; `None` where a window over it has been stated.
    #[inline]
    pub fn at(&mut self, time: i64) -> Option<&mut Table<S>> {
        // Newest first: most events are for the newest slice.
        let found = self.list.iter().rposition(|s| time >= s.start && time - s.start < self.width);
        match found {
            Some(i) if self.list[i].sealed => None,
            Some(i) => Some(&mut self.list[i].table),
            None => self.open(time.div_euclid(self.width) * self.width),
        }
    }

    #[cold]
    fn open(&mut self, start: i64) -> Option<&mut Table<S>> {
        if start + self.width < self.next_end {
            return None;
        }
        let at = self.list.partition_point(|s| s.start < start);
        let table = self.spare.pop().unwrap_or_default();
        self.list.insert(at, Slice { start, sealed: false, table });
        Some(&mut self.list[at].table)
    }

    /// The slices from `from` up to, but without, `to`, oldest first.
    pub fn range(&mut self, from: i64, to: i64) -> &mut [Slice<S>] {
        let (a, b) = (self.list.partition_point(|s| s.start < from), self.list.partition_point(|s| s.start < to));
        &mut self.list[a..b]
    }

    /// The start of the oldest slice that is held.
    pub fn first(&self) -> Option<i64> {
        self.list.first().map(|s| s.start)
    }

    /// Every window that ends before this has been stated.
    pub fn next_end(&self) -> i64 {
        self.next_end
    }

    /// Says that windows that end at `watermark` or before are over, also those that had no events.
    pub fn pass(&mut self, watermark: i64) {
        self.next_end = self.next_end.max((watermark.div_euclid(self.width) + 1) * self.width);
    }

    /// Says that the window of length `size` that ends at `end` has been stated: slices that no later window needs
    /// leave.
    pub fn stated(&mut self, end: i64, size: i64) {
        self.next_end = end + self.width;
        let needed = self.next_end - size;
        self.list.iter_mut().filter(|s| s.start < end).for_each(|s| s.sealed = true);
        while self.list.first().is_some_and(|s| s.start < needed) {
            let mut table = self.list.remove(0).table;
            table.clear();
            self.spare.push(table);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Default)]
    struct Count(u64);

    impl Reset for Count {
        fn reset(&mut self) {
            self.0 = 0;
        }
    }

    #[test]
    fn groups_when_added_to_then_are_found_until_the_slice_leaves() {
        let mut slices = Slices::<Count>::new(10);
        for (time, key) in [(3, "a"), (12, "a"), (9, "b"), (4, "a"), (25, "c")] {
            slices.at(time).unwrap().state(hash(key.as_bytes()), key.as_bytes()).0 += 1;
        }
        let [first, second] = slices.range(0, 20) else { panic!("two slices") };
        assert_eq!(first.table.find(hash(b"a"), b"a").unwrap().0, 2);
        assert_eq!(second.table.groups().count(), 1);
        assert!(second.table.find(hash(b"b"), b"b").is_none());
        slices.stated(20, 10);
        assert!(slices.at(15).is_none());
        assert_eq!(slices.first(), Some(20));
        let again = slices.at(31).unwrap();
        assert_eq!(again.state(hash(b"a"), b"a").0, 0);
    }
}
