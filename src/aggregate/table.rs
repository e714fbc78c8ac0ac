//! Keys, turned into groups with a state each; and the states of many tables into one.
//!
//! A group's number is good until the table is cleared and says nothing about the
//! group: numbers follow arrival and must not reach an output.
//!
//! Cost: memory is bounded by the number of groups: 8 bytes for each word of a row, at most 8 KiB of
//! values and 32 KiB of hashes before sketches take over (16 KiB of registers; a histogram's buckets in use), a
//! log as large as the values held, and what the states of [`kept`](super::kept) document.

use super::add::offer;
use super::bools;
use super::distinct::Registers;
use super::extreme::{self, Texts};
use super::kept::{How, Store};
use super::keys::{BLOCK, Keys};
use super::layout::{Kind, Layout};
use super::list::List;
use super::quantile::Histogram;
use super::recycle;
use super::squares;
use super::sum::{self, Spills, Wide};
use crate::event::RowKeys;
use std::sync::Arc;

/// With fewer groups than this, slots and keys are in the cache and looking keys up one by one is quickest.
const CACHED: usize = 16_384;

/// The states of all groups of a slice, or of what a worker has read since it last sent.
#[derive(Debug)]
pub struct GroupTable {
    pub(super) layout: Arc<Layout>,
    pub(super) keys: Keys,
    /// One row of `layout.width()` words for each group.
    pub(super) words: Vec<u64>,
    pub(super) spills: Vec<Spills>,
    pub(super) texts: Vec<Texts>,
    pub(super) values: Vec<List<Histogram>>,
    pub(super) sets: Vec<List<Registers>>,
    pub(super) squares: Vec<squares::Spills>,
    pub(super) kept: Vec<Box<dyn Store>>,
    /// Rows that pass a filter, and their groups.
    pub(super) picked: (Vec<u32>, Vec<u32>),
    recent_words: usize,
}

/// Where the parts of a state lie that are not in its row.
pub(super) trait Aside {
    fn wide(&self, side: usize) -> Option<&Wide>;
    fn text(&self, side: usize) -> &[u8];
    fn squares(&self, side: usize) -> Option<&squares::Wide>;
}

struct OfTable<'a>(&'a GroupTable, u32);

impl Aside for OfTable<'_> {
    fn wide(&self, side: usize) -> Option<&Wide> {
        self.0.spills[side].get(self.1)
    }

    fn text(&self, side: usize) -> &[u8] {
        self.0.texts[side].get(self.1)
    }

    fn squares(&self, side: usize) -> Option<&squares::Wide> {
        self.0.squares[side].get(self.1)
    }
}

/// The words of one kernel, from word `at` on.
#[inline]
pub(super) fn state<const N: usize>(words: &mut [u64], at: usize) -> &mut [u64; N] {
    words[at..].first_chunk_mut().expect("a row holds the words of its kernels")
}

impl GroupTable {
    /// An empty table.
    pub fn new(layout: Arc<Layout>) -> Self {
        let [spills, texts, values, sets, squares, _] = layout.sides;
        Self {
            keys: Keys::new(),
            words: Vec::new(),
            spills: (0..spills).map(|_| Spills::default()).collect(),
            texts: (0..texts).map(|_| Texts::default()).collect(),
            values: (0..values).map(|_| List::default()).collect(),
            sets: (0..sets).map(|_| List::default()).collect(),
            squares: (0..squares).map(|_| squares::Spills::default()).collect(),
            kept: layout.kernels.iter().filter_map(|k| k.how.as_ref()).map(How::store).collect(),
            picked: Default::default(),
            recent_words: 0,
            layout,
        }
    }

    /// Forgets all groups. Memory is kept for the next use, but for what is far more than lately needed.
    pub fn clear(&mut self) {
        self.keys.clear();
        recycle(&mut self.words, &mut self.recent_words);
        self.spills.iter_mut().for_each(Spills::clear);
        self.texts.iter_mut().for_each(Texts::clear);
        self.values.iter_mut().for_each(List::clear);
        self.sets.iter_mut().for_each(List::clear);
        self.squares.iter_mut().for_each(squares::Spills::clear);
        self.kept.iter_mut().for_each(|store| store.clear());
    }

    /// The number of groups.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// True without groups.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes of memory held, whether in use or not. Cheap.
    pub fn bytes(&self) -> usize {
        let rows = self.words.capacity() * 8 + (self.picked.0.capacity() + self.picked.1.capacity()) * 4;
        let rare: usize = self.spills.iter().map(Spills::bytes).chain(self.texts.iter().map(Texts::bytes)).sum();
        let lists: usize = self.values.iter().map(List::bytes).chain(self.sets.iter().map(List::bytes)).sum();
        let squares: usize = self.squares.iter().map(squares::Spills::bytes).sum();
        let kept: usize = self.kept.iter().map(|store| store.bytes()).sum();
        self.keys.bytes() + rows + rare + lists + squares + kept
    }

    /// The layout that the table was made with.
    pub fn layout(&self) -> &Arc<Layout> {
        &self.layout
    }

    /// The group with this canonical key, made where there is none. `hash` is [`key::hash`](crate::event::key::hash) of the key.
    #[inline]
    pub fn group(&mut self, hash: u64, key: &[u8]) -> u32 {
        let group = self.keys.find_or_make(hash, key);
        self.fit();
        group
    }

    /// Appends to `out` the groups of those of `keys` that `picks` names, made where there are none. Quicker than one by
    /// one, above all where the table is large.
    pub fn groups_of(&mut self, keys: &RowKeys, picks: &[u32], out: &mut Vec<u32>) {
        if self.keys.len() < CACHED {
            out.reserve(picks.len());
            for pick in picks {
                out.push(self.keys.find_or_make(keys.hash(*pick), keys.key(*pick)));
            }
            self.fit();
            return;
        }
        let (mut found, mut hashes) = ([0; BLOCK], [0; BLOCK]);
        for picks in picks.chunks(BLOCK) {
            for (hash, pick) in hashes.iter_mut().zip(picks) {
                *hash = keys.hash(*pick);
            }
            self.keys.find_many(&hashes[..picks.len()], |i| keys.key(picks[i]), &mut found);
            out.extend_from_slice(&found[..picks.len()]);
        }
        self.fit();
    }

    /// The same for up to [`BLOCK`] keys that lie apart.
    pub(super) fn groups_apart<'a>(&mut self, hashes: &[u64], key: impl Fn(usize) -> &'a [u8], out: &mut [u32; BLOCK]) {
        self.keys.find_many(hashes, key, out);
        self.fit();
    }

    /// Gives new groups their empty rows.
    #[inline]
    fn fit(&mut self) {
        let width = self.layout.width();
        while self.words.len() < self.keys.len() * width {
            self.words.extend_from_slice(&self.layout.empty);
        }
    }

    /// The group with this key, where there is one.
    pub fn find(&self, hash: u64, key: &[u8]) -> Option<u32> {
        self.keys.find(hash, key)
    }

    /// The hash that a group was made with.
    pub fn hash(&self, group: u32) -> u64 {
        self.keys.hash(group)
    }

    /// The canonical key of a group.
    pub fn key(&self, group: u32) -> &[u8] {
        self.keys.key(group)
    }

    pub(super) fn row(&self, group: u32) -> &[u64] {
        let width = self.layout.width();
        &self.words[group as usize * width..(group as usize + 1) * width]
    }

    /// Loads what is read of a group first when it is answered, so that who touches some groups before they are answered
    /// waits for the memory once and not for each. What is given means nothing.
    #[inline]
    pub fn touch(&self, group: u32) -> u64 {
        let row = self.row(group);
        let ends = row.first().copied().unwrap_or(0) ^ row.last().copied().unwrap_or(0);
        let lists = self.values.iter().map(|list| list.touch(group));
        lists.chain(self.sets.iter().map(|list| list.touch(group))).fold(ends, |all, one| all ^ one)
    }

    /// Lets lists grow into grouped parts and sketches where their logs are long.
    pub(super) fn settle(&mut self) {
        let groups = self.len();
        self.values.iter_mut().for_each(|list| list.settle(groups));
        self.sets.iter_mut().for_each(|list| list.settle(groups));
    }

    /// Orders all lists by group: makes [`Finisher::finish`](super::Finisher::finish) and
    /// [`GroupTable::merge_group`] quick, which are right but slow on a table that had additions since. Changes no
    /// answer; adding goes on as before.
    pub fn seal(&mut self) {
        let groups = self.len();
        self.values.iter_mut().for_each(|list| list.compact(groups));
        self.sets.iter_mut().for_each(|list| list.compact(groups));
    }

    /// Seals, and gives back the memory that only additions need: for a table that will be read for long.
    pub fn trim(&mut self) {
        self.seal();
        self.values.iter_mut().for_each(List::trim);
        self.sets.iter_mut().for_each(List::trim);
        self.picked = Default::default();
    }

    /// Adds all groups of `other`, a table of an equal layout.
    pub fn merge(&mut self, other: &GroupTable) {
        self.merge_as(other, |group| (other.hash(group), other.key(group)));
    }

    /// Adds all groups of `other`, a table of an equal layout, each under the hash and key that `name` gives for it; those
    /// that are given the same become one.
    pub fn merge_as<'a>(&mut self, other: &'a GroupTable, name: impl Fn(u32) -> (u64, &'a [u8])) {
        debug_assert_eq!(self.layout.fingerprint, other.layout.fingerprint, "tables of one layout are merged");
        let mut map = Vec::with_capacity(other.len());
        for group in 0..other.len() as u32 {
            let (hash, key) = name(group);
            let mine = self.group(hash, key);
            self.merge_row(mine, other.row(group), &OfTable(other, group));
            self.merge_kept(mine, other, group);
            map.push(mine);
        }
        for (list, from) in self.values.iter_mut().zip(&other.values) {
            list.merge(from, &map);
        }
        for (list, from) in self.sets.iter_mut().zip(&other.sets) {
            list.merge(from, &map);
        }
        self.settle();
    }

    /// Adds one group of `other`, a table of an equal layout, to `group`. `other` should be sealed.
    pub fn merge_group(&mut self, group: u32, other: &GroupTable, other_group: u32) {
        self.merge_row(group, other.row(other_group), &OfTable(other, other_group));
        self.merge_kept(group, other, other_group);
        for (list, from) in self.values.iter_mut().zip(&other.values) {
            list.merge_one(group, from, other_group);
        }
        for (list, from) in self.sets.iter_mut().zip(&other.sets) {
            list.merge_one(group, from, other_group);
        }
        self.settle();
    }

    fn merge_kept(&mut self, group: u32, other: &GroupTable, other_group: u32) {
        for (store, from) in self.kept.iter_mut().zip(&other.kept) {
            store.merge(group, &**from, other_group);
        }
    }

    /// Adds the row of a state, and what lies beside it, but no lists.
    pub(super) fn merge_row(&mut self, group: u32, row: &[u64], aside: &impl Aside) {
        let base = group as usize * self.layout.width();
        let mut rare = false;
        for kernel in &self.layout.kernels {
            let at = base + kernel.offset;
            let from = &row[kernel.offset..];
            match kernel.kind {
                Kind::Rows | Kind::Count => self.words[at] = self.words[at].wrapping_add(from[0]),
                Kind::Sum => {
                    let spills = &mut self.spills[kernel.side];
                    let mine = state(&mut self.words, at);
                    sum::merge(mine, from.first_chunk().expect("rows have equal widths"));
                    if from[3] & sum::SPILLED != 0
                        && let Some(wide) = aside.wide(kernel.side)
                    {
                        spills.make(group, mine).merge(wide);
                    }
                    if sum::is_full(mine) {
                        spills.make(group, mine).take(mine);
                    }
                }
                Kind::Min | Kind::Max => {
                    let texts = &mut self.texts[kernel.side];
                    let mine = state(&mut self.words, at);
                    let key = extreme::join(from.first_chunk().expect("rows have equal widths"));
                    let text = if extreme::is_text(key) { aside.text(kernel.side) } else { &[] };
                    if kernel.kind == Kind::Min {
                        offer::<false>(mine, texts, group, key, text);
                    } else {
                        offer::<true>(mine, texts, group, key, text);
                    }
                }
                Kind::Bools | Kind::Squares => rare = true,
                Kind::Values | Kind::Distinct | Kind::Kept => {}
            }
        }
        if rare {
            self.merge_rare(group, row, aside);
        }
    }

    /// The kinds that are asked for less often; apart, so that the loop over the others stays as it is.
    #[inline(never)]
    fn merge_rare(&mut self, group: u32, row: &[u64], aside: &impl Aside) {
        let base = group as usize * self.layout.width();
        for kernel in &self.layout.kernels {
            let at = base + kernel.offset;
            let from = &row[kernel.offset..];
            match kernel.kind {
                Kind::Bools => {
                    let from = from.first_chunk().expect("rows have equal widths");
                    bools::merge(state(&mut self.words, at), from);
                }
                Kind::Squares => {
                    let wide = aside.squares(kernel.side).filter(|_| from[6] & squares::SPILLED != 0);
                    let mine = state(&mut self.words, at);
                    squares::merge(mine, &mut self.squares[kernel.side], group, from, wide);
                }
                _ => {}
            }
        }
    }
}
