//! Rows in any order, turned into a [`Table`].
//!
//! Cost: a sort of 16 bytes a row, and one copy of all rows. At the end there are twice the bytes of the rows.

use super::TooLarge;
use super::pages::Pages;
use super::rows::{HEAD, MOST, PAD, Table, UNIT, VERSION, stretch};
use crate::event::{EventBatch, key};

/// Bytes before the key and the values of a row that was taken: its time, and how long both are.
const TAKEN: usize = 16;

/// Rows that are looked at together.
const TOGETHER: usize = 32;
/// Rows that are sorted by comparing them, about.
const FEW: usize = 32;

/// Gathers rows.
#[derive(Debug)]
pub struct Builder {
    versioned: bool,
    /// Of rows of one key and time the last counts; else the greatest by the bytes of its values.
    ordered: bool,
    columns: usize,
    /// For each row its hash and where it is.
    list: Vec<(u64, u64)>,
    /// For each row its time, bytes of its key and of its values, and these.
    taken: Vec<u8>,
    without_key: u64,
}

/// A table and what became of the rows that are not in it.
#[derive(Debug)]
pub struct Built {
    /// The table.
    pub table: Table,
    /// Rows in whose place there is a later one with the same key and time.
    pub replaced: u64,
    /// Rows with a NULL in the key.
    pub without_key: u64,
}

impl Builder {
    /// A builder of rows with so many values; `versioned`: their times matter.
    pub fn new(columns: usize, versioned: bool) -> Self {
        Self { versioned, ordered: true, columns, list: Vec::new(), taken: Vec::new(), without_key: 0 }
    }

    /// The order of the rows says nothing: of one key and time the row counts whose values are greatest by their bytes.
    #[must_use]
    pub fn unordered(self) -> Self {
        Self { ordered: false, ..self }
    }

    /// Takes the rows of a batch. `keys` and `values`: their columns.
    pub fn add(&mut self, batch: &EventBatch, keys: &[usize], values: &[usize]) {
        for row in 0..batch.rows() {
            if keys.iter().any(|column| batch.columns[*column][row].is_null()) {
                self.without_key += 1;
                continue;
            }
            let at = self.taken.len();
            self.taken.extend_from_slice(&[0; TAKEN]);
            for column in keys {
                key::encode(batch.columns[*column][row], &batch.bytes, &mut self.taken);
            }
            let middle = self.taken.len();
            for column in values {
                key::encode_value(batch.columns[*column][row], &batch.bytes, &mut self.taken);
            }
            let time = if self.versioned { batch.time[row] } else { 0 };
            self.seal(at, middle, time);
        }
    }

    /// Takes one row as bytes: the canonical key, and the values as [`key::encode_value`] has them.
    pub fn push(&mut self, key: &[u8], time: i64, values: &[u8]) {
        let at = self.taken.len();
        self.taken.extend_from_slice(&[0; TAKEN]);
        self.taken.extend_from_slice(key);
        let middle = self.taken.len();
        self.taken.extend_from_slice(values);
        self.seal(at, middle, if self.versioned { time } else { 0 });
    }

    fn seal(&mut self, at: usize, middle: usize, time: i64) {
        let (key, values) = (middle - at - TAKEN, self.taken.len() - middle);
        let head = &mut self.taken[at..at + TAKEN];
        head[..8].copy_from_slice(&time.to_le_bytes());
        head[8..12].copy_from_slice(&(key as u32).to_le_bytes());
        head[12..].copy_from_slice(&(values as u32).to_le_bytes());
        let hash = key::hash(&self.taken[at + TAKEN..middle]);
        self.list.push((hash, at as u64));
    }

    /// Rows taken, those without a key among them.
    pub fn rows(&self) -> u64 {
        self.list.len() as u64 + self.without_key
    }

    /// The table of all rows.
    ///
    /// # Errors
    /// Where they are more bytes than a table can have.
    pub fn build(self) -> Result<Built, TooLarge> {
        let Self { versioned, ordered, columns, mut list, taken, without_key } = self;
        let row = |at: u64| Taken::read(&taken, at as usize);
        // Rows of one hash are nearly always of one key, and in the order in which they came.
        sort(&mut list);
        let mut groups: Vec<(u64, usize, usize)> = Vec::new();
        let mut first = 0;
        while first < list.len() {
            let hash = list[first].0;
            let end = first + list[first..].iter().take_while(|(other, _)| *other == hash).count();
            if end == first + 1 {
                groups.push((hash, first, end));
                first = end;
            } else {
                let order = |at: u64| {
                    let taken = row(at);
                    (taken.key, taken.time, if ordered { &[][..] } else { taken.values }, at)
                };
                list[first..end].sort_by(|(_, a), (_, b)| order(*a).cmp(&order(*b)));
            }
            while first < end {
                let key = row(list[first].1).key;
                let same = first + list[first..end].iter().take_while(|(_, at)| row(*at).key == key).count();
                groups.push((hash, first, same));
                first = same;
            }
        }
        let bits = groups.len().max(1).next_power_of_two().ilog2();
        let mut starts = vec![0_u32; (1 << bits) + 1];
        // A record has less before its key than a row that was taken, and 4 bytes and those of its versions more; it
        // is filled up to a unit.
        let most = taken.len() + groups.len() * (UNIT + 4) + if versioned { list.len() * VERSION } else { 0 } + PAD;
        let mut records = Pages::new(most).map_err(TooLarge::Memory)?;
        let (mut rows, mut filled) = (0, 0);
        for (i, (hash, first, end)) in groups.iter().enumerate() {
            if i % TOGETHER == 0 {
                touch(&taken, groups[i..].iter().take(TOGETHER).map(|(_, first, _)| list[*first].1 as usize));
            }
            let at = records.len();
            if (at + PAD) as u64 > MOST {
                return Err(TooLarge::Bytes(MOST));
            }
            let stretch = stretch(*hash, bits);
            starts[filled..=stretch].fill((at / UNIT) as u32);
            filled = stretch + 1;
            // Of one time the last of this order counts.
            let group = &list[*first..*end];
            let counts = |i: &usize| group.get(i + 1).is_none_or(|next| row(next.1).time != row(group[*i].1).time);
            let versions = || (0..group.len()).filter(counts).map(|i| row(group[i].1));
            records.put(&[0; HEAD]);
            let key = row(group[0].1).key;
            records.put(key);
            if versioned {
                records.put(&(versions().count() as u32).to_le_bytes());
                let mut end = 0;
                for version in versions() {
                    end += version.values.len() as u32;
                    records.put(&version.time.to_le_bytes());
                    records.put(&end.to_le_bytes());
                }
            }
            for version in versions() {
                records.put(version.values);
                rows += 1;
            }
            let size = records.len() - at;
            let Ok(bytes) = u32::try_from(size) else { return Err(TooLarge::Bytes(u64::from(u32::MAX))) };
            records.set(at, &(key.len() as u32).to_le_bytes());
            records.set(at + 4, &bytes.to_le_bytes());
            records.put(&[0; UNIT][..size.next_multiple_of(UNIT) - size]);
        }
        starts[filled..].fill((records.len() / UNIT) as u32);
        records.put(&[0; PAD]);
        let replaced = (list.len() - rows) as u64;
        let table = Table { records, starts, bits, versioned, columns, keys: groups.len(), rows };
        Ok(Built { table, replaced, without_key })
    }
}

/// Sorts rows by hash and place. Hashes are spread evenly, so most of the work is one pass that puts each near where it
/// belongs.
fn sort(list: &mut Vec<(u64, u64)>) {
    let bits = (list.len() / FEW).max(1).ilog2().min(16);
    if bits == 0 {
        list.sort_unstable();
        return;
    }
    let part = |hash: u64| (hash >> (64 - bits)) as usize;
    let mut ends = vec![0_usize; 1 << bits];
    list.iter().for_each(|(hash, _)| ends[part(*hash)] += 1);
    let mut sum = 0;
    for end in &mut ends {
        sum += std::mem::replace(end, sum);
    }
    let mut sorted = vec![(0, 0); list.len()];
    for row in list.iter() {
        let end = &mut ends[part(row.0)];
        sorted[*end] = *row;
        *end += 1;
    }
    let mut start = 0;
    for end in ends {
        sorted[start..end].sort_unstable();
        start = end;
    }
    *list = sorted;
}

/// Loads the beginnings of rows, which lie anywhere: those of a loop are loaded together, those that are needed one after the
/// other each in its turn.
fn touch(taken: &[u8], rows: impl Iterator<Item = usize>) {
    // Most rows lie in two lines of the cache.
    let touched = rows.fold(0, |touched, at| touched ^ taken[at] ^ taken[(at + 63).min(taken.len() - 1)]);
    std::hint::black_box(touched);
}

/// A row that was taken.
struct Taken<'a> {
    time: i64,
    key: &'a [u8],
    values: &'a [u8],
}

impl<'a> Taken<'a> {
    fn read(taken: &'a [u8], at: usize) -> Self {
        let (head, rest) = taken[at..].split_at(TAKEN);
        let number = |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]) as usize;
        let (key, rest) = rest.split_at(number(8));
        let time = u64::from_le_bytes([head[0], head[1], head[2], head[3], head[4], head[5], head[6], head[7]]);
        Self { time: time as i64, key, values: &rest[..number(12)] }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn rows_when_they_are_many_then_are_sorted_as_by_comparing_them(
            few in proptest::collection::vec((any::<u64>(), 0..9_u64), 0..40),
            count in 0..5_000_u64,
            spread in any::<bool>(),
        ) {
            // Hashes that are spread, and some that all begin alike.
            let hash = |i: u64| i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> if spread { 0 } else { 40 };
            let mut list: Vec<(u64, u64)> = few.into_iter().chain((0..count).map(|i| (hash(i), i % 7))).collect();
            let mut expected = list.clone();
            expected.sort_unstable();
            sort(&mut list);
            prop_assert_eq!(list, expected);
        }
    }
}
