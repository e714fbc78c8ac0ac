//! The rows of a table by key: canonical key bytes and an event time, turned into the values of a row.
//!
//! Records lie in the order of the hashes of their keys, so that the upper bits of a hash say where to look: a directory
//! has the beginning of each stretch of hashes, of about one record each. A lookup touches the directory once and the
//! record once, as a record has its key and its values side by side.
//!
//! Form of a record, which begins at a multiple of 8: bytes of the key, bytes of the record (`u32` each), the key, and
//! - without versions the values, each as [`crate::event::key::encode_value`] has it;
//! - with versions their number (`u32`), for each, oldest first, its time (`i64`) and where its values end (`u32`, from the
//!   end of this list), and the values.
//!
//! Cost: 8 bytes a key beside its key and values; a lookup of many keys ([`Table::find`]) waits for memory once for
//! dozens of them.

use super::pages::Pages;
use crate::event::RowKeys;
use std::fmt;

/// Bytes of the head of a record.
pub(super) const HEAD: usize = 8;
/// Records begin at multiples of this.
pub(super) const UNIT: usize = 8;
/// The most bytes of all records: the directory counts units in 32 bits.
pub(super) const MOST: u64 = (u32::MAX as u64) * UNIT as u64;
/// Bytes behind the last record, which may be looked at with it.
pub(super) const PAD: usize = 48;
/// Keys that are looked for together.
const TOGETHER: usize = 64;

/// An immutable table.
pub struct Table {
    /// Records by ascending hash, and of equal hashes by key; [`PAD`] bytes behind them.
    pub(super) records: Pages,
    /// Where the records of each stretch begin, in units, and where those of the last end.
    pub(super) starts: Vec<u32>,
    /// How many bits of a hash say its stretch.
    pub(super) bits: u32,
    pub(super) versioned: bool,
    pub(super) columns: usize,
    pub(super) keys: usize,
    pub(super) rows: usize,
}

impl PartialEq for Table {
    /// True where both have the same rows.
    fn eq(&self, other: &Self) -> bool {
        (self.versioned, self.columns) == (other.versioned, other.columns) && *self.records == *other.records
    }
}

impl fmt::Debug for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} rows of {} keys", self.rows, self.keys)
    }
}

impl Table {
    /// A table without rows, of so many columns beside the key.
    pub fn empty(columns: usize) -> Self {
        Self::without_rows(columns, false)
    }

    /// A table without rows, which have versions where `versioned`.
    pub fn without_rows(columns: usize, versioned: bool) -> Self {
        Self { records: Pages::Heap(vec![0; PAD]), starts: vec![0, 0], bits: 0, versioned, columns, keys: 0, rows: 0 }
    }

    /// How many keys it has.
    pub fn keys(&self) -> usize {
        self.keys
    }

    /// How many rows it has: more than keys where these have versions.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// How many values a row has.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// Whether rows are versions, valid from a time on.
    pub fn is_versioned(&self) -> bool {
        self.versioned
    }

    /// Bytes of memory.
    pub fn bytes(&self) -> usize {
        self.records.len() + self.starts.len() * 4
    }

    /// A hash of all rows; the order in which they came changes nothing.
    pub fn content(&self) -> u64 {
        crate::event::key::hash(&self.records) ^ u64::from(self.versioned)
    }

    #[inline]
    fn stretch(&self, hash: u64) -> (usize, usize) {
        let at = stretch(hash, self.bits);
        (self.starts[at] as usize * UNIT, self.starts[at + 1] as usize * UNIT)
    }

    /// Bytes of the key of the record at `at`, and of the record.
    #[inline]
    fn head(records: &[u8], at: usize) -> (usize, usize) {
        match records.get(at..at + HEAD) {
            Some(&[a, b, c, d, e, f, g, h]) => {
                (u32::from_le_bytes([a, b, c, d]) as usize, u32::from_le_bytes([e, f, g, h]) as usize)
            }
            _ => (0, HEAD),
        }
    }

    /// The values of the row of `key`, whose [`crate::event::key::hash`] is `hash`, as of the event time `time`: one after the other in
    /// the form of [`crate::event::key::encode_value`].
    #[inline]
    pub fn lookup(&self, hash: u64, key: &[u8], time: i64) -> Option<&[u8]> {
        let (at, end) = self.stretch(hash);
        self.search(&self.records, (at, end), key, time)
    }

    #[inline]
    fn search<'t>(&self, records: &'t [u8], (mut at, end): (usize, usize), key: &[u8], time: i64) -> Option<&'t [u8]> {
        while at < end {
            let (length, size) = Self::head(records, at);
            let record = &records[at + HEAD..at + size];
            if length == key.len() && same(&record[..length], key) {
                return if self.versioned { as_of(&record[length..], time) } else { Some(&record[length..]) };
            }
            at += size.next_multiple_of(UNIT);
        }
        None
    }

    /// [`Table::lookup`] of many keys: `each` is called with the number of each key, in their order, and the values of its
    /// row. `time`: the event time of a key.
    #[inline]
    pub fn find<'t>(
        &'t self,
        keys: &RowKeys,
        time: impl Fn(usize) -> i64,
        mut each: impl FnMut(usize, Option<&'t [u8]>),
    ) {
        let mut places = [(0_usize, 0_usize); TOGETHER];
        let (records, mut first): (&[u8], usize) = (&self.records, 0);
        while first < keys.len() {
            let count = TOGETHER.min(keys.len() - first);
            // The loads of a loop do not wait for each other, those of a search do. So what the searches will need is
            // loaded before, for many keys at once.
            for (i, place) in places[..count].iter_mut().enumerate() {
                *place = self.stretch(keys.hash((first + i) as u32));
            }
            let mut touched = 0_u8;
            for (at, _) in &places[..count] {
                // Most records lie in two lines of the cache.
                touched ^= records[*at] ^ records[*at + PAD - 1];
            }
            std::hint::black_box(touched);
            for (i, place) in places[..count].iter().enumerate() {
                let key = keys.key((first + i) as u32);
                each(first + i, self.search(records, *place, key, time(first + i)));
            }
            first += count;
        }
    }

    /// Each key with its rows, in an order that depends on the keys alone.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], KeyRows<'_>)> {
        let end = self.starts.last().map_or(0, |end| *end as usize * UNIT);
        let mut at = 0;
        std::iter::from_fn(move || {
            if at >= end {
                return None;
            }
            let (length, size) = Self::head(&self.records, at);
            let (key, rest) = self.records[at + HEAD..at + size].split_at(length);
            at += size.next_multiple_of(UNIT);
            Some((key, KeyRows { record: rest, versioned: self.versioned }))
        })
    }
}

/// The rows of a key: one, or its versions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyRows<'t> {
    record: &'t [u8],
    versioned: bool,
}

impl<'t> KeyRows<'t> {
    /// Each row by age: from when on it is valid, the time it is valid before (`None`: there is no next one), and its values.
    /// The one row of a key without versions is valid from [`i64::MIN`] on.
    pub fn iter(self) -> impl Iterator<Item = (i64, Option<i64>, &'t [u8])> {
        let (count, rest) = match self.record.split_first_chunk::<4>().filter(|_| self.versioned) {
            Some((count, rest)) => (u32::from_le_bytes(*count) as usize, rest),
            None => (0, self.record),
        };
        let (list, values) = rest.split_at(if self.versioned { (count * VERSION).min(rest.len()) } else { 0 });
        let one = (!self.versioned).then_some((i64::MIN, None, values));
        let mut start = 0;
        let versions = (0..count).filter_map(move |i| {
            let (time, end) = version(list, i)?;
            let row = values.get(std::mem::replace(&mut start, end)..end)?;
            Some((time, version(list, i + 1).map(|(next, _)| next), row))
        });
        one.into_iter().chain(versions)
    }
}

/// Whether two keys of one length are the same; they are short, and a call would take longer than to look.
#[inline]
fn same(a: &[u8], b: &[u8]) -> bool {
    let (words, rest) = a.as_chunks::<8>();
    let (others, other) = b.as_chunks::<8>();
    let word = |bytes: &[u8; 8]| u64::from_ne_bytes(*bytes);
    words.iter().zip(others).all(|(a, b)| word(a) == word(b)) && rest.iter().zip(other).all(|(a, b)| a == b)
}

/// The stretch of a hash.
#[inline]
pub(super) fn stretch(hash: u64, bits: u32) -> usize {
    // In two steps, as none of 64 bits may be left.
    ((hash >> 1) >> (63 - bits)) as usize
}

/// Bytes of a version in the list of a record.
pub(super) const VERSION: usize = 12;

/// The values of the newest version that is not after `time`.
fn as_of(record: &[u8], time: i64) -> Option<&[u8]> {
    let (count, rest) = record.split_first_chunk::<4>()?;
    let count = u32::from_le_bytes(*count) as usize;
    let (list, values) = rest.split_at_checked(count * VERSION)?;
    // The first that is after `time`.
    let (mut low, mut high) = (0, count);
    while low < high {
        let middle = low + (high - low) / 2;
        if version(list, middle)?.0 <= time { low = middle + 1 } else { high = middle }
    }
    let last = low.checked_sub(1)?;
    let start = if last == 0 { 0 } else { version(list, last - 1)?.1 };
    values.get(start..version(list, last)?.1)
}

/// The time of a version of a list, and where its values end.
fn version(list: &[u8], i: usize) -> Option<(i64, usize)> {
    let (time, end) = list.get(i * VERSION..(i + 1) * VERSION)?.split_first_chunk::<8>()?;
    Some((i64::from_le_bytes(*time), u32::from_le_bytes(end.try_into().ok()?) as usize))
}
