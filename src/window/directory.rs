//! Several slice tables, turned into one list of the groups that are in any of them, with where each is.
//!
//! Made anew for each window and re-used, so that stating a window allocates nothing.

use crate::aggregate::GroupTable;

/// No entry, no next part.
const NONE: u32 = u32::MAX;

#[derive(Debug, Clone, Copy)]
struct Entry {
    hash: u64,
    first: u32,
    last: u32,
}

#[derive(Debug, Clone, Copy)]
struct Part {
    slice: u32,
    group: u32,
    next: u32,
}

/// The union of the groups of some tables.
#[derive(Debug, Default)]
pub(super) struct Directory {
    /// Open addressing: an entry's index, or [`NONE`].
    index: Vec<u32>,
    entries: Vec<Entry>,
    parts: Vec<Part>,
}

impl Directory {
    /// Fills the directory with the groups of `tables` that `wanted` lets pass.
    pub(super) fn fill(&mut self, tables: &[&GroupTable], wanted: &dyn Fn(usize, u32) -> bool) {
        self.entries.clear();
        self.parts.clear();
        let most: usize = tables.iter().map(|t| t.len()).sum();
        let capacity = (most * 2).next_power_of_two().max(16);
        self.index.clear();
        self.index.resize(capacity, NONE);
        for (slice, table) in tables.iter().enumerate() {
            for group in 0..table.len() as u32 {
                if wanted(slice, group) {
                    self.add(tables, slice as u32, group);
                }
            }
        }
    }

    fn add(&mut self, tables: &[&GroupTable], slice: u32, group: u32) {
        let table = tables[slice as usize];
        let hash = table.hash(group);
        let mask = self.index.len() - 1;
        let mut at = (hash >> 7) as usize & mask;
        let part = self.parts.len() as u32;
        loop {
            let found = self.index[at];
            if found == NONE {
                self.index[at] = self.entries.len() as u32;
                self.entries.push(Entry { hash, first: part, last: part });
                break;
            }
            let entry = &mut self.entries[found as usize];
            if entry.hash == hash {
                let p = self.parts[entry.first as usize];
                if tables[p.slice as usize].key(p.group) == table.key(group) {
                    self.parts[entry.last as usize].next = part;
                    entry.last = part;
                    break;
                }
            }
            at = (at + 1) & mask;
        }
        self.parts.push(Part { slice, group, next: NONE });
    }

    /// How many groups there are.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// The hash and the key of group `i`.
    pub(super) fn name<'a>(&self, i: usize, tables: &[&'a GroupTable]) -> (u64, &'a [u8]) {
        let entry = self.entries[i];
        let part = self.parts[entry.first as usize];
        (entry.hash, tables[part.slice as usize].key(part.group))
    }

    /// [`GroupTable::touch`]es group `i` in all tables.
    #[inline]
    pub(super) fn touch(&self, i: usize, tables: &[&GroupTable]) -> u64 {
        let (mut at, mut all) = (self.entries[i].first, 0);
        while at != NONE {
            let part = self.parts[at as usize];
            all ^= tables[part.slice as usize].touch(part.group);
            at = part.next;
        }
        all
    }

    /// In how many of the first `tables` tables group `i` is.
    pub(super) fn parts_below(&self, i: usize, tables: usize) -> usize {
        let (mut at, mut n) = (self.entries[i].first, 0);
        while at != NONE && (self.parts[at as usize].slice as usize) < tables {
            at = self.parts[at as usize].next;
            n += 1;
        }
        n
    }

    /// Puts where group `i` is into `out`: (table, group), in the order of the tables.
    pub(super) fn parts<'a>(&self, i: usize, tables: &[&'a GroupTable], out: &mut Vec<(&'a GroupTable, u32)>) {
        out.clear();
        let mut at = self.entries[i].first;
        while at != NONE {
            let part = self.parts[at as usize];
            out.push((tables[part.slice as usize], part.group));
            at = part.next;
        }
    }
}
