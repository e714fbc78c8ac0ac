//! Rows of a batch, turned into additions to the states of their groups, one kernel after the other.
//!
//! In: columns of cells, the rows that take part, and the group of each, as [`GroupTable::group`] or
//! [`GroupTable::groups_of`] give it.
//!
//! Cost: a column is read once for each kernel that needs it, and one row of words is touched for each value; the
//! kernel is chosen outside of the loop over rows. Nothing is allocated but where a buffer grows.

use super::bools;
use super::extreme::{self, Texts};
use super::kept::Input;
use super::layout::{Kernel, Kind, Layout};
use super::quantile;
use super::squares;
use super::sum;
use super::table::{GroupTable, state};
use crate::event::{Cell, Column, Origins, Tag, key};
use std::sync::Arc;

/// Values that numeric aggregates could not use.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tally {
    /// By call: values that were neither NULL nor a number. Stays 0 for calls that take any value.
    pub non_numeric: Vec<u64>,
}

impl Tally {
    /// A tally of nothing, for the calls of `layout`.
    pub fn new(layout: &Layout) -> Self {
        Self { non_numeric: vec![0; layout.calls().len()] }
    }
}

impl GroupTable {
    /// Adds rows: `rows[i]` is a row of `columns`, `groups[i]` its group. Text lies in `arena`. Not for layouts that
    /// need the rows' origins.
    pub fn add(&mut self, groups: &[u32], rows: &[u32], columns: &[Column], arena: &[u8], tally: &mut Tally) {
        debug_assert!(!self.layout.needs_origins(), "rows of this layout come with their origins");
        self.add_from(groups, rows, columns, arena, Origins::None, tally);
    }

    /// The same with the rows' origins, which are read where the layout needs them.
    pub fn add_from(
        &mut self,
        groups: &[u32],
        rows: &[u32],
        columns: &[Column],
        arena: &[u8],
        origins: Origins<'_>,
        tally: &mut Tally,
    ) {
        let layout = Arc::clone(&self.layout);
        let (mut picked_groups, mut picked_rows) = std::mem::take(&mut self.picked);
        let mut picked = None;
        for kernel in &layout.kernels {
            let strange = if let Some(filter) = kernel.filter {
                if picked != Some(filter) {
                    picked = Some(filter);
                    pick(groups, rows, &columns[filter], &mut picked_groups, &mut picked_rows);
                }
                self.add_kernel(kernel, &picked_groups, &picked_rows, columns, arena, origins)
            } else {
                self.add_kernel(kernel, groups, rows, columns, arena, origins)
            };
            if strange > 0 {
                for call in &kernel.calls {
                    tally.non_numeric[*call] += strange;
                }
            }
        }
        self.picked = (picked_groups, picked_rows);
        self.settle();
    }

    /// Adds rows to one kernel; gives the number of values that are neither NULL nor of a type it takes.
    fn add_kernel(
        &mut self,
        kernel: &Kernel,
        groups: &[u32],
        rows: &[u32],
        columns: &[Column],
        arena: &[u8],
        origins: Origins<'_>,
    ) -> u64 {
        let (width, offset) = (self.layout.width(), kernel.offset);
        let words = &mut self.words[..];
        if kernel.kind == Kind::Rows {
            for group in groups {
                let count = &mut words[*group as usize * width + offset];
                *count = count.wrapping_add(1);
            }
            return 0;
        }
        let column = &columns[kernel.input][..];
        match kernel.kind {
            Kind::Rows => 0,
            Kind::Count => {
                for (group, row) in groups.iter().zip(rows) {
                    let count = &mut words[*group as usize * width + offset];
                    *count = count.wrapping_add(u64::from(!column[*row as usize].is_null()));
                }
                0
            }
            Kind::Sum => {
                let spills = &mut self.spills[kernel.side];
                let mut strange = 0;
                for (group, row) in groups.iter().zip(rows) {
                    let cell = column[*row as usize];
                    let state = state(words, *group as usize * width + offset);
                    match cell.tag() {
                        Tag::Int => sum::add_int(state, cell.bits() as i64),
                        Tag::Float => {
                            let v = f64::from_bits(cell.bits());
                            if !sum::add_float(state, v) {
                                spills.make(*group, state).add_float(v);
                            }
                        }
                        Tag::Null => continue,
                        _ => {
                            strange += 1;
                            continue;
                        }
                    }
                    if sum::is_full(state) {
                        spills.make(*group, state).take(state);
                    }
                }
                strange
            }
            Kind::Min => {
                if let Some(twin) = kernel.twin {
                    let max = &self.layout.kernels[twin];
                    let offsets = (offset, max.offset);
                    let sides = (kernel.side, max.side);
                    both_extremes(words, width, offsets, &mut self.texts, sides, groups, rows, column, arena);
                } else {
                    extremes::<false>(words, width, offset, &mut self.texts[kernel.side], groups, rows, column, arena);
                }
                0
            }
            Kind::Max if kernel.twin.is_some() => 0,
            Kind::Max => {
                extremes::<true>(words, width, offset, &mut self.texts[kernel.side], groups, rows, column, arena);
                0
            }
            Kind::Values => {
                let mut nulls = 0;
                let added = self.values[kernel.side].extend(groups, |i| {
                    let cell = column[rows[i] as usize];
                    nulls += usize::from(cell.is_null());
                    cell.as_f64().map(quantile::form)
                });
                (groups.len() - added - nulls) as u64
            }
            Kind::Bools | Kind::Squares | Kind::Kept => self.add_rare(kernel, groups, rows, columns, arena, origins),
            Kind::Distinct => {
                self.sets[kernel.side].extend(groups, |i| {
                    let cell = column[rows[i] as usize];
                    (!cell.is_null()).then(|| key::hash_cell(cell, arena))
                });
                0
            }
        }
    }

    /// [`GroupTable::add_kernel`] for the kinds that are asked for less often; apart, so that its loops stay as they are.
    #[inline(never)]
    fn add_rare(
        &mut self,
        kernel: &Kernel,
        groups: &[u32],
        rows: &[u32],
        columns: &[Column],
        arena: &[u8],
        origins: Origins<'_>,
    ) -> u64 {
        let (width, offset) = (self.layout.width(), kernel.offset);
        let (words, column) = (&mut self.words[..], &columns[kernel.input][..]);
        let pairs = groups.iter().zip(rows);
        let strange = match kernel.kind {
            Kind::Bools => pairs
                .filter(|(group, row)| {
                    let state = state(words, **group as usize * width + offset);
                    !bools::add(state, column[**row as usize])
                })
                .count(),
            Kind::Squares => {
                let spills = &mut self.squares[kernel.side];
                pairs
                    .filter(|(group, row)| {
                        let state = state(words, **group as usize * width + offset);
                        !squares::add(state, spills, **group, column[**row as usize])
                    })
                    .count()
            }
            _ => {
                let input = Input { groups, rows, columns, input: kernel.input, arena, origins };
                return self.kept[kernel.side].add(&input);
            }
        };
        strange as u64
    }
}

/// The rows where `filter` is TRUE, and their groups.
fn pick(groups: &[u32], rows: &[u32], filter: &[Cell], out_groups: &mut Vec<u32>, out_rows: &mut Vec<u32>) {
    out_groups.clear();
    out_groups.resize(groups.len(), 0);
    out_rows.clear();
    out_rows.resize(groups.len(), 0);
    let mut n = 0;
    for (group, row) in groups.iter().zip(rows) {
        let cell = filter[*row as usize];
        out_groups[n] = *group;
        out_rows[n] = *row;
        n += usize::from(cell.tag() == Tag::Bool && cell.bits() != 0);
    }
    out_groups.truncate(n);
    out_rows.truncate(n);
}

/// Puts a value in the place of the best one where it is beyond it.
#[inline]
pub(super) fn offer<const MAX: bool>(state: &mut [u64; 2], texts: &mut Texts, group: u32, key: u128, text: &[u8]) {
    let best = extreme::join(state);
    if extreme::is_text(key) {
        let best_text = if key == best { texts.get(group) } else { &[] };
        if extreme::wins::<MAX>(key, text, best, best_text) {
            texts.set(group, text);
            *state = extreme::split(key);
        }
    } else if if MAX { key > best } else { key < best } {
        *state = extreme::split(key);
    }
}

#[expect(clippy::too_many_arguments, reason = "the parts of a table that the loop needs, borrowed one by one")]
fn extremes<const MAX: bool>(
    words: &mut [u64],
    width: usize,
    offset: usize,
    texts: &mut Texts,
    groups: &[u32],
    rows: &[u32],
    column: &[Cell],
    arena: &[u8],
) {
    for (group, row) in groups.iter().zip(rows) {
        let cell = column[*row as usize];
        let key = extreme::key::<MAX>(cell, arena);
        let state = state(words, *group as usize * width + offset);
        let text = if extreme::is_text(key) { cell.text(arena) } else { &[] };
        offer::<MAX>(state, texts, *group, key, text);
    }
}

/// The least and the greatest values in one pass.
#[expect(clippy::too_many_arguments, reason = "the parts of a table that the loop needs, borrowed one by one")]
fn both_extremes(
    words: &mut [u64],
    width: usize,
    (min, max): (usize, usize),
    texts: &mut [Texts],
    (min_side, max_side): (usize, usize),
    groups: &[u32],
    rows: &[u32],
    column: &[Cell],
    arena: &[u8],
) {
    for (group, row) in groups.iter().zip(rows) {
        let cell = column[*row as usize];
        if cell.is_null() {
            continue;
        }
        let key = extreme::key::<false>(cell, arena);
        let greatest = extreme::turn(key);
        let row = &mut words[*group as usize * width..];
        if extreme::is_text(key) {
            let text = cell.text(arena);
            offer::<false>(state(row, min), &mut texts[min_side], *group, key, text);
            offer::<true>(state(row, max), &mut texts[max_side], *group, greatest, text);
            continue;
        }
        let least: &mut [u64; 2] = state(row, min);
        if key < extreme::join(least) {
            *least = extreme::split(key);
        }
        let most: &mut [u64; 2] = state(row, max);
        if greatest > extreme::join(most) {
            *most = extreme::split(greatest);
        }
    }
}
