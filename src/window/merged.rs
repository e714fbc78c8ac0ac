//! Slices of a window that has many, turned into few tables that hold the same: runs of slices, merged once.
//!
//! A node of level k holds all slices that begin in one stretch of time, 8 times as long as one of level k - 1; level
//! 0 is the slices. A window is covered by the greatest nodes that are wholly in it, and by single slices at its edges:
//! at most 14 tables a level instead of one for each slice. A node is made when a window needs it first, when all on-time
//! events of its slices are there; late ones are added to it later. Merging is order-independent, so this changes no
//! bit of an answer.
//!
//! Cost: each slice is merged once a level; memory: where slices have other groups than their neighbours, as much
//! again a level.

use super::cap::Cap;
use super::{Shape, WindowSpec};
use crate::aggregate::{GroupTable, Layout};
use std::collections::BTreeMap;
use std::sync::Arc;

/// From one level to the next.
const FAN: i64 = 8;
/// With fewer slices than this in a window, all are visited.
const MANY: i64 = 16;
/// Days of a zone, as microseconds: only how long nodes are depends on it.
const DAY: i64 = 86_400_000_000;

/// A table of a window's cover: a slice (level 0) or a node, and where it begins.
pub(super) type Piece = (usize, i64);

/// The nodes of one window part.
pub(super) struct Merged {
    layout: Arc<Layout>,
    /// How many groups of a table are kept, where that is capped.
    pub(super) cap: Option<Cap>,
    /// How long the nodes of each level are, from level 1 on; ascending.
    lengths: Vec<i64>,
    nodes: BTreeMap<Piece, GroupTable>,
}

impl Merged {
    /// Nothing yet; `None` where windows have few slices.
    pub(super) fn new(spec: &WindowSpec, layout: &Arc<Layout>) -> Option<Self> {
        let n = spec.slices();
        let unit = if spec.zone.is_some() { DAY } else { 1 };
        let length = match (spec.shape, spec.early) {
            (Shape::Session { .. } | Shape::Global { .. }, _) => return None,
            (_, Some(early)) => early.every * if early.days { DAY } else { 1 },
            (Shape::Sliding { slide, .. }, None) => slide * unit,
            (Shape::Cumulating { step, fine, .. }, None) => step * if fine { 1 } else { unit },
        };
        let lengths = std::iter::successors(Some(FAN), |fan| Some(fan * FAN)).take_while(|fan| fan * 2 <= n);
        let lengths = lengths.map(|fan| fan * length).collect();
        (n >= MANY).then(|| Self { layout: Arc::clone(layout), cap: None, lengths, nodes: BTreeMap::new() })
    }

    /// The tables that together hold the slices of `start..end`, in `out`; all of them sealed.
    pub(super) fn cover(&mut self, slices: &mut BTreeMap<i64, GroupTable>, start: i64, end: i64, out: &mut Vec<Piece>) {
        out.clear();
        let mut at = start;
        while at < end {
            let fits = |length: &i64| at.rem_euclid(*length) == 0 && at + length <= end;
            if let Some(level) = self.lengths.iter().rposition(fits) {
                let next = at + self.lengths[level];
                if slices.range(at..next).next().is_some() {
                    self.make(slices, level + 1, at);
                    out.push((level + 1, at));
                }
                at = next;
            } else {
                let next = (at.div_euclid(self.lengths[0]) * self.lengths[0] + self.lengths[0]).min(end);
                for (slice, table) in slices.range_mut(at..next) {
                    self.cap.map(|cap| cap.fold(table));
                    table.seal();
                    out.push((0, *slice));
                }
                at = next;
            }
        }
        for piece in out.iter() {
            if let Some(table) = self.nodes.get_mut(piece) {
                self.cap.map(|cap| cap.fold(table));
                table.seal();
            }
        }
    }

    /// Makes the node of `level` at `at`, and those below it, where they are not there.
    fn make(&mut self, slices: &BTreeMap<i64, GroupTable>, level: usize, at: i64) {
        if self.nodes.contains_key(&(level, at)) {
            return;
        }
        let mut table = GroupTable::new(Arc::clone(&self.layout));
        let end = at + self.lengths[level - 1];
        if level == 1 {
            slices.range(at..end).for_each(|(_, slice)| table.merge(slice));
        } else {
            let below = self.lengths[level - 2];
            for child in (0..FAN).map(|i| at + i * below) {
                if slices.range(child..child + below).next().is_some() {
                    self.make(slices, level - 1, child);
                    if let Some(child) = self.nodes.get(&(level - 1, child)) {
                        table.merge(child);
                    }
                }
            }
        }
        self.cap.map(|cap| cap.fold(&mut table));
        self.nodes.insert((level, at), table);
    }

    /// The tables of a cover.
    pub(super) fn tables<'a>(&'a self, slices: &'a BTreeMap<i64, GroupTable>, pieces: &[Piece]) -> Vec<&'a GroupTable> {
        let table = |piece: &Piece| if piece.0 == 0 { slices.get(&piece.1) } else { self.nodes.get(piece) };
        pieces.iter().filter_map(table).collect()
    }

    /// Adds what came late for `slice` to the nodes that hold it.
    pub(super) fn add(&mut self, slice: i64, late: &GroupTable) {
        for (i, length) in self.lengths.iter().enumerate() {
            if let Some(table) = self.nodes.get_mut(&(i + 1, slice.div_euclid(*length) * length)) {
                table.merge(late);
                self.cap.map(|cap| cap.fold_large(table));
            }
        }
    }

    /// Drops the nodes that begin at or before a slice that has left: all windows that hold them are over.
    pub(super) fn expire(&mut self, slice: i64) {
        for level in 1..=self.lengths.len() {
            while let Some((piece, _)) = self.nodes.range((level, i64::MIN)..=(level, slice)).next() {
                let piece = *piece;
                self.nodes.remove(&piece);
            }
        }
    }

    /// Bytes held.
    pub(super) fn bytes(&self) -> usize {
        self.nodes.values().map(GroupTable::bytes).sum()
    }
}
