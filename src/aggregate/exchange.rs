//! Groups of a table, turned into flat bytes for the worker that owns them, and those into groups of another table.
//!
//! Form: parts, one after the other. A part is three words, the layout's fingerprint, the bytes of records and the bytes
//! of lists that follow; the records, one a group; and the lists, those of numbers first.
//!
//! A record:
//!
//! | words | content |
//! |---|---|
//! | 1 | words of the record (low half), bytes of the key (high half) |
//! | 1 | hash of the key |
//! | .. | the key, padded with zeros |
//! | width | the row |
//! | 35 each | the wide total of each total that has the flag |
//! | 68 each | the wide total of each total of squares that has the flag |
//! | 1 + .. each | length and bytes, padded, of each least or greatest value that is text |
//! | 1 + .. each | for each store of kept states, length and bytes, padded |
//!
//! A list: a word each for the number of its values and of its sketches; for each value the number of a record in the
//! part, in 4 bytes, all together padded; the values, in 8 bytes each; the sketches, each the number of a record, its words,
//! and those. So values cross as they came, in no order, and only the owner of the groups puts them in one.
//!
//! All words are little-endian. Every length is checked before it is used; damaged bytes give a [`DecodeError`], or
//! groups that hold the wrong numbers, and never a panic. Keys are checked against their hashes, text to be UTF-8.

use super::extreme;
use super::keys::BLOCK;
use super::layout::{Kernel, Kind, Layout};
use super::list::{List, Sketch};
use super::squares;
use super::sum::{self, WIDE_WORDS, Wide};
use super::table::{Aside, GroupTable};
use crate::event::key;
use std::sync::Arc;

/// Encoded groups that cannot be read. What came before the damage has been merged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The bytes come from a table of another layout.
    #[error("encoded groups have another layout")]
    Layout,
    /// The bytes end too early, or a length or value is impossible.
    #[error("encoded groups are damaged")]
    Damaged,
}

/// Bytes, read as little-endian words.
#[derive(Debug, Clone, Copy)]
pub(super) struct Words<'a>(&'a [u8]);

impl Iterator for Words<'_> {
    type Item = u64;

    #[inline]
    fn next(&mut self) -> Option<u64> {
        let (word, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u64::from_le_bytes(*word))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.0.len() / 8, Some(self.0.len() / 8))
    }
}

impl ExactSizeIterator for Words<'_> {}

impl<'a> Words<'a> {
    pub(super) fn bytes(self) -> &'a [u8] {
        self.0
    }

    /// Copies the first words to `to`.
    pub(super) fn copy_to(self, to: &mut [u64]) {
        for (to, word) in to.iter_mut().zip(self.0.as_chunks().0) {
            *to = u64::from_le_bytes(*word);
        }
    }

    /// The next `n` words.
    fn take_words(&mut self, n: usize) -> Option<Words<'a>> {
        let (head, rest) = self.0.split_at_checked(n.checked_mul(8)?)?;
        self.0 = rest;
        Some(Words(head))
    }

    /// The next `n` bytes, which are padded to words.
    fn take_bytes(&mut self, n: usize) -> Option<&'a [u8]> {
        self.take_words(n.div_ceil(8))?.0.get(..n)
    }
}

fn put(word: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(&word.to_le_bytes());
}

fn put_all(words: &[u64], out: &mut Vec<u8>) {
    let start = out.len();
    out.resize(start + words.len() * 8, 0);
    for (to, word) in out[start..].chunks_exact_mut(8).zip(words) {
        to.copy_from_slice(&word.to_le_bytes());
    }
}

fn put_padded(bytes: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(bytes);
    out.resize(out.len() + bytes.len().next_multiple_of(8) - bytes.len(), 0);
}

/// Bytes of one value of a list, with the number of its record.
const ENTRY: usize = 12;
/// A list with more values a group than this is put in order before it is sent: sets lose their duplicates, and large
/// groups become sketches.
const MANY: usize = 32;

/// Which target has each group, and as which record.
struct Places {
    owner: Vec<u32>,
    record: Vec<u32>,
}

/// Adds `n` zeros to be written over.
fn room(n: usize, out: &mut Vec<u8>) -> &mut [u8] {
    let start = out.len();
    out.resize(start + n, 0);
    &mut out[start..]
}

fn put_list<S: Sketch>(list: &List<S>, groups: usize, places: &Places, out: &mut [Vec<u8>], heads: &[Option<usize>]) {
    let parts = || heads.iter().enumerate().filter(|(_, head)| head.is_some()).map(|(t, _)| t);
    let starts: Vec<usize> = out.iter().map(Vec::len).collect();
    if let [to] = out {
        // All groups go there, each as the record of its number.
        put_all(&[list.len() as u64, 0], to);
        let mut records = room((4 * list.len()).next_multiple_of(8), to).chunks_exact_mut(4);
        list.each_group(&mut |many: &[u32]| {
            many.iter().zip(&mut records).for_each(|(group, record)| record.copy_from_slice(&group.to_le_bytes()));
        });
        list.each_value(&mut |many| put_all(many, to));
    } else {
        let mut counts = vec![0usize; out.len()];
        list.each(&mut |group, _| counts[places.owner[group as usize] as usize] += 1);
        // Where the next record number and the next value of each target belong.
        let mut next = vec![(0, 0); out.len()];
        for t in parts() {
            put_all(&[counts[t] as u64, 0], &mut out[t]);
            let records = (4 * counts[t]).next_multiple_of(8);
            next[t] = (out[t].len(), out[t].len() + records);
            room(records + 8 * counts[t], &mut out[t]);
        }
        list.each(&mut |group, value| {
            let t = places.owner[group as usize] as usize;
            let (record, at) = next[t];
            out[t][record..record + 4].copy_from_slice(&places.record[group as usize].to_le_bytes());
            out[t][at..at + 8].copy_from_slice(&value.to_le_bytes());
            next[t] = (record + 4, at + 8);
        });
    }
    let mut sketches = vec![0u64; out.len()];
    for group in (0..groups as u32).filter(|_| list.has_sketches()) {
        let Some(sketch) = list.sketch(group) else { continue };
        let t = places.owner[group as usize] as usize;
        let to = &mut out[t];
        put(u64::from(places.record[group as usize]), to);
        let at = to.len();
        put(0, to);
        sketch.encode(to);
        let words = (to.len() - at) as u64 / 8 - 1;
        to[at..at + 8].copy_from_slice(&words.to_le_bytes());
        sketches[t] += 1;
    }
    for t in parts() {
        out[t][starts[t] + 8..starts[t] + 16].copy_from_slice(&sketches[t].to_le_bytes());
    }
}

fn take_list<S: Sketch>(list: &mut List<S>, map: &[u32], words: &mut Words<'_>) -> Option<()> {
    let (values, sketches) = (usize::try_from(words.next()?).ok()?, words.next()?);
    let records = words.take_bytes(values.checked_mul(4)?)?;
    let values = words.take_words(values)?;
    let of = |record: &[u8]| map.get(u32::from_le_bytes(record.try_into().ok()?) as usize).copied();
    if !list.take(records.chunks_exact(4).map(of), values) {
        return None;
    }
    for _ in 0..sketches {
        let group = *map.get(usize::try_from(words.next()?).ok()?)?;
        let n = usize::try_from(words.next()?).ok()?;
        list.push_sketch(group, &S::decode(words.take_words(n)?)?);
    }
    Some(())
}

impl GroupTable {
    /// Appends each group to `out[target(hash)]`, as whole words of 8 bytes. What is appended can follow other encoded
    /// groups of the same layout. The table keeps its groups; lists of many values a group are put in order first.
    pub fn encode(&mut self, target: &dyn Fn(u64) -> usize, out: &mut [Vec<u8>]) {
        let groups = self.len();
        self.values.iter_mut().for_each(|list| list.settle_above(MANY * groups, groups));
        self.sets.iter_mut().for_each(|list| list.settle_above(MANY * groups, groups));
        let (mut owner, mut record) = std::mem::take(&mut self.picked);
        owner.clear();
        record.clear();
        let mut counts = vec![0u32; out.len()];
        for group in 0..groups as u32 {
            let t = target(self.hash(group));
            owner.push(t as u32);
            record.push(counts[t]);
            counts[t] += 1;
        }
        let places = Places { owner, record };
        self.reserve(groups, &counts, out);
        let heads: Vec<Option<usize>> = out.iter().zip(&counts).map(|(to, n)| (*n > 0).then_some(to.len())).collect();
        for to in out.iter_mut().zip(&counts).filter(|(_, n)| **n > 0).map(|(to, _)| to) {
            put_all(&[self.layout.fingerprint, 0, 0], to);
        }
        for group in 0..groups as u32 {
            self.encode_group(group, self.hash(group), &mut out[places.owner[group as usize] as usize]);
        }
        let lists: Vec<usize> = out.iter().map(Vec::len).collect();
        self.values.iter().for_each(|list| put_list(list, groups, &places, out, &heads));
        self.sets.iter().for_each(|list| put_list(list, groups, &places, out, &heads));
        for (to, (head, lists)) in out.iter_mut().zip(heads.iter().zip(lists)) {
            if let Some(head) = *head {
                let (records, rest) = ((lists - head - 24) as u64, (to.len() - lists) as u64);
                to[head + 8..head + 16].copy_from_slice(&records.to_le_bytes());
                to[head + 16..head + 24].copy_from_slice(&rest.to_le_bytes());
            }
        }
        self.picked = (places.owner, places.record);
    }

    /// Makes room for about what these groups need, so that buffers need not grow, which copies them.
    fn reserve(&self, groups: usize, counts: &[u32], out: &mut [Vec<u8>]) {
        let values = |n: usize| n * ENTRY + 24;
        let lists = self.values.iter().map(|list| values(list.len()));
        let lists: usize = lists.chain(self.sets.iter().map(|list| values(list.len()))).sum();
        let each = (16 + self.layout.width() * 8) * groups + self.keys.key_bytes() + lists + 8 * groups;
        for (to, n) in out.iter_mut().zip(counts).filter(|(_, n)| **n > 0) {
            let share = each as u128 * u128::from(*n) / groups as u128;
            to.reserve(24 + share as usize + share as usize / 16);
        }
    }

    fn encode_group(&self, group: u32, hash: u64, out: &mut Vec<u8>) {
        let start = out.len();
        let key = self.key(group);
        put_all(&[0, hash], out);
        put_padded(key, out);
        let row = self.row(group);
        put_all(row, out);
        for kernel in &self.layout.kernels {
            match kernel.kind {
                Kind::Sum if row[kernel.offset + 3] & sum::SPILLED != 0 => {
                    put_all(&self.spills[kernel.side].get(group).unwrap_or(&Wide::ZERO).0, out);
                }
                Kind::Min | Kind::Max if extreme::is_text(row_key(kernel, row)) => {
                    let text = self.texts[kernel.side].get(group);
                    put(text.len() as u64, out);
                    put_padded(text, out);
                }
                Kind::Squares if row[kernel.offset + 6] & squares::SPILLED != 0 => {
                    put_all(self.squares[kernel.side].get(group).unwrap_or(&[0; squares::WIDE_WORDS]), out);
                }
                _ => {}
            }
        }
        for store in &self.kept {
            let start = out.len();
            put(0, out);
            store.encode(group, out);
            let bytes = out.len() - start - 8;
            out[start..start + 8].copy_from_slice(&(bytes as u64).to_le_bytes());
            out.resize(out.len() + bytes.next_multiple_of(8) - bytes, 0);
        }
        let words = (out.len() - start) as u64 / 8;
        out[start..start + 8].copy_from_slice(&(words | (key.len() as u64) << 32).to_le_bytes());
    }

    /// Merges encoded groups, as [`GroupTable::encode`] makes them for an equal layout; gives the number of groups.
    pub fn merge_encoded(&mut self, bytes: &[u8]) -> Result<usize, DecodeError> {
        let layout = Arc::clone(&self.layout);
        let mut record = Record::new(&layout);
        let mut map = Vec::new();
        let (mut parts, mut merged) = (Words(bytes), 0);
        while !parts.0.is_empty() {
            let fingerprint = parts.next().ok_or(DecodeError::Damaged)?;
            if fingerprint != layout.fingerprint {
                return Err(DecodeError::Layout);
            }
            let mut words = || {
                let len = parts.next().filter(|n| n % 8 == 0).ok_or(DecodeError::Damaged)?;
                usize::try_from(len / 8).map_err(|_| DecodeError::Damaged)
            };
            let (records, lists) = (words()?, words()?);
            let mut records = parts.take_words(records).ok_or(DecodeError::Damaged)?;
            let mut lists = parts.take_words(lists).ok_or(DecodeError::Damaged)?;
            map.clear();
            while !records.0.is_empty() {
                self.merge_block(&mut records, &mut record, &mut map).ok_or(DecodeError::Damaged)?;
            }
            merged += map.len();
            self.take_lists(&map, &mut lists).ok_or(DecodeError::Damaged)?;
            self.settle();
        }
        Ok(merged)
    }

    fn take_lists(&mut self, map: &[u32], lists: &mut Words<'_>) -> Option<()> {
        for list in &mut self.values {
            take_list(list, map, lists)?;
        }
        for list in &mut self.sets {
            take_list(list, map, lists)?;
        }
        lists.0.is_empty().then_some(())
    }

    /// Merges the next records, up to a block, so that their groups are looked up together; `map` gets these.
    fn merge_block(&mut self, records: &mut Words<'_>, record: &mut Record, map: &mut Vec<u32>) -> Option<()> {
        let mut hashes = [0u64; BLOCK];
        let mut keys: [&[u8]; BLOCK] = [&[]; BLOCK];
        let mut bodies = [Words(&[]); BLOCK];
        let mut n = 0;
        while n < BLOCK && !records.0.is_empty() {
            let head = records.next()?;
            let mut body = records.take_words((head as u32 as usize).checked_sub(1)?)?;
            hashes[n] = body.next()?;
            keys[n] = body.take_bytes((head >> 32) as usize)?;
            if key::hash(keys[n]) != hashes[n] {
                return None;
            }
            bodies[n] = body;
            n += 1;
        }
        let mut groups = [0; BLOCK];
        self.groups_apart(&hashes[..n], |i| keys[i], &mut groups);
        for i in 0..n {
            let mut kept = record.read(bodies[i])?;
            self.merge_row(groups[i], &record.row, record);
            for store in &mut self.kept {
                let len = usize::try_from(kept.next()?).ok()?;
                store.take(groups[i], kept.take_bytes(len)?)?;
            }
            if !kept.0.is_empty() {
                return None;
            }
        }
        map.extend_from_slice(&groups[..n]);
        Some(())
    }
}

fn row_key(kernel: &Kernel, row: &[u64]) -> u128 {
    extreme::join(row[kernel.offset..].first_chunk().expect("a row holds the words of its kernels"))
}

/// The row of an encoded group and what belongs beside it. Buffers are used again for the next.
struct Record {
    layout: Arc<Layout>,
    row: Vec<u64>,
    wide: Vec<Wide>,
    texts: Vec<Vec<u8>>,
    squares: Vec<squares::Wide>,
}

impl Record {
    fn new(layout: &Arc<Layout>) -> Self {
        Self {
            layout: Arc::clone(layout),
            row: vec![0; layout.width()],
            wide: vec![Wide::ZERO; layout.sides[0]],
            texts: vec![Vec::new(); layout.sides[1]],
            squares: vec![[0; squares::WIDE_WORDS]; layout.sides[4]],
        }
    }

    /// Reads and checks the part before the kept states; gives the rest.
    fn read<'a>(&mut self, mut words: Words<'a>) -> Option<Words<'a>> {
        let row = words.take_words(self.row.len())?;
        for (to, word) in self.row.iter_mut().zip(row) {
            *to = word;
        }
        for kernel in &self.layout.kernels {
            match kernel.kind {
                Kind::Sum if self.row[kernel.offset + 3] & sum::SPILLED != 0 => {
                    let content = words.take_words(WIDE_WORDS)?;
                    for (to, word) in self.wide[kernel.side].0.iter_mut().zip(content) {
                        *to = word;
                    }
                }
                Kind::Squares if self.row[kernel.offset + 6] & squares::SPILLED != 0 => {
                    let content = words.take_words(squares::WIDE_WORDS)?;
                    for (to, word) in self.squares[kernel.side].iter_mut().zip(content) {
                        *to = word;
                    }
                }
                Kind::Min | Kind::Max => {
                    let key = row_key(kernel, &self.row);
                    let valid =
                        if kernel.kind == Kind::Min { extreme::is_valid::<false> } else { extreme::is_valid::<true> };
                    if !valid(key) {
                        return None;
                    }
                    if extreme::is_text(key) {
                        let len = usize::try_from(words.next()?).ok()?;
                        let text = words.take_bytes(len)?;
                        std::str::from_utf8(text).ok()?;
                        self.texts[kernel.side].clear();
                        self.texts[kernel.side].extend_from_slice(text);
                    }
                }
                _ => {}
            }
        }
        Some(words)
    }
}

impl Aside for Record {
    fn wide(&self, side: usize) -> Option<&Wide> {
        self.wide.get(side)
    }

    fn text(&self, side: usize) -> &[u8] {
        &self.texts[side]
    }

    fn squares(&self, side: usize) -> Option<&squares::Wide> {
        self.squares.get(side)
    }
}
