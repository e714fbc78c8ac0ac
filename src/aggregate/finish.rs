//! The states of one group in the slices of a window, turned into the cells of a result row.
//!
//! The states are read where they are; nothing is merged into a table. Which percentiles and distinct counts come from
//! a sketch depends on the number of values in all slices together, so that another cut of the same events into
//! slices, workers or batches gives the same bits.

use super::distinct::{Registers, Slots};
use super::extreme::{self, Texts};
use super::layout::{Function, Kernel, Kind, Layout};
use super::list::{List, Sketch};
use super::quantile::{self, Histogram};
use super::sum::Total;
use super::table::GroupTable;
use crate::event::Cell;
use std::sync::Arc;

/// Answers windows; owns the scratch space that this needs.
#[derive(Debug)]
pub struct Finisher {
    layout: Arc<Layout>,
    scratch: Vec<u64>,
    histogram: Histogram,
    histogram_spare: Vec<(u32, u64)>,
    registers: Registers,
    slots: Slots,
}

/// A slice's table and the group in it.
type Part<'a> = (&'a GroupTable, u32);

impl Finisher {
    /// A finisher for tables of `layout`.
    pub fn new(layout: Arc<Layout>) -> Self {
        Self {
            layout,
            scratch: Vec::new(),
            histogram: Histogram::default(),
            histogram_spare: Vec::new(),
            registers: Registers::default(),
            slots: Slots::default(),
        }
    }

    /// Appends one cell for each call to `out`, for a group whose states in the slices of the window are `parts`; text
    /// is appended to `arena`. Bit i of the result: call i was answered by a sketch. Quick where tables are sealed.
    pub fn finish(&mut self, parts: &[(&GroupTable, u32)], out: &mut Vec<Cell>, arena: &mut Vec<u8>) -> u64 {
        let layout = Arc::clone(&self.layout);
        let start = out.len();
        out.resize(start + layout.calls().len(), Cell::NULL);
        let cells = &mut out[start..];
        let mut approximate = 0;
        for kernel in &layout.kernels {
            let from_sketch = match kernel.kind {
                Kind::Rows | Kind::Count => {
                    let count = |p: &Part| p.0.row(p.1)[kernel.offset];
                    let n = parts.iter().map(count).fold(0u64, u64::saturating_add);
                    answer(cells, kernel, Cell::int(n.min(i64::MAX as u64) as i64));
                    false
                }
                Kind::Sum => {
                    totals(&layout, kernel, parts, cells);
                    false
                }
                Kind::Min => {
                    answer(cells, kernel, best::<false>(kernel, parts, arena));
                    false
                }
                Kind::Max => {
                    answer(cells, kernel, best::<true>(kernel, parts, arena));
                    false
                }
                Kind::Values => self.percentiles(&layout, kernel, parts, cells),
                Kind::Distinct => {
                    let (n, from_sketch) = self.distinct(kernel, parts);
                    answer(cells, kernel, Cell::int(n));
                    from_sketch
                }
            };
            if from_sketch {
                // Calls past the 64th cannot be marked; a row has at most 64 values.
                approximate |=
                    kernel.calls.iter().fold(0, |mask, call| mask | 1u64.checked_shl(*call as u32).unwrap_or(0));
            }
        }
        approximate
    }

    /// The answer of a least or greatest value alone; NULL for other calls. Text is appended to `arena`.
    pub fn extreme(&self, call: usize, parts: &[(&GroupTable, u32)], arena: &mut Vec<u8>) -> Cell {
        let kernel = self.layout.kernels.iter().find(|k| k.calls.contains(&call));
        match kernel.map(|k| (k, k.kind)) {
            Some((kernel, Kind::Min)) => best::<false>(kernel, parts, arena),
            Some((kernel, Kind::Max)) => best::<true>(kernel, parts, arena),
            _ => Cell::NULL,
        }
    }

    fn percentiles(&mut self, layout: &Layout, kernel: &Kernel, parts: &[Part], cells: &mut [Cell]) -> bool {
        let any_sketch = gather(parts, |table| &table.values[kernel.side], &mut self.scratch);
        if self.scratch.is_empty() && !any_sketch {
            return false;
        }
        if !any_sketch && self.scratch.len() <= quantile::EXACT_VALUES {
            let mut calls = kernel.calls.iter();
            let fractions = kernel.calls.iter().map(|call| layout.fraction(*call));
            quantile::exact(&mut self.scratch, fractions, |v| {
                if let Some(call) = calls.next() {
                    cells[*call] = Cell::float(v);
                }
            });
            return false;
        }
        self.histogram.clear();
        for (table, group) in parts {
            if let Some(sketch) = table.values[kernel.side].sketch(*group) {
                self.histogram.merge(sketch, &mut self.histogram_spare);
            }
        }
        self.histogram.add(&mut self.scratch, &mut self.histogram_spare);
        for call in &kernel.calls {
            let (low, part) = quantile::rank(layout.fraction(*call), self.histogram.count().max(1));
            let low_value = self.histogram.at(low);
            let high_value = if part > 0.0 { self.histogram.at(low + 1) } else { low_value };
            cells[*call] = Cell::float(quantile::between(low_value, high_value, part));
        }
        true
    }

    fn distinct(&mut self, kernel: &Kernel, parts: &[Part]) -> (i64, bool) {
        let any_sketch = gather(parts, |table| &table.sets[kernel.side], &mut self.scratch);
        if !any_sketch && let Some(n) = self.slots.unique(&mut self.scratch) {
            return (n as i64, false);
        }
        self.registers.clear();
        for (table, group) in parts {
            if let Some(sketch) = table.sets[kernel.side].sketch(*group) {
                self.registers.merge(sketch, &mut self.slots);
            }
        }
        self.registers.add(&mut self.scratch, &mut self.slots);
        (self.registers.estimate(), true)
    }
}

fn answer(cells: &mut [Cell], kernel: &Kernel, cell: Cell) {
    for call in &kernel.calls {
        cells[*call] = cell;
    }
}

fn totals(layout: &Layout, kernel: &Kernel, parts: &[Part], cells: &mut [Cell]) {
    let mut total = Total::new();
    for (table, group) in parts {
        let state = table.row(*group)[kernel.offset..].first_chunk().expect("a row holds the words of its kernels");
        total.add(state, &table.spills[kernel.side], *group);
    }
    let Some(sum) = total.sum() else {
        return;
    };
    for call in &kernel.calls {
        cells[*call] = match layout.calls()[*call].function {
            Function::Avg => total.average().map_or(Cell::NULL, Cell::float),
            _ => total.whole().map_or_else(|| Cell::float(sum), Cell::int),
        };
    }
}

fn best<const MAX: bool>(kernel: &Kernel, parts: &[Part], arena: &mut Vec<u8>) -> Cell {
    let nothing = if MAX { extreme::EMPTY_MAX } else { extreme::EMPTY_MIN };
    let (mut key, mut text): (u128, &[u8]) = (extreme::join(&nothing), &[]);
    for (table, group) in parts {
        let row = table.row(*group)[kernel.offset..].first_chunk().expect("a row holds the words of its kernels");
        let (other, texts): (u128, &Texts) = (extreme::join(row), &table.texts[kernel.side]);
        let other_text = if extreme::is_text(other) { texts.get(*group) } else { &[] };
        if extreme::wins::<MAX>(other, other_text, key, text) {
            (key, text) = (other, other_text);
        }
    }
    extreme::cell::<MAX>(key, text, arena)
}

/// Copies the values of all parts to `out`; true where a part has a sketch, too.
fn gather<'a, S: Sketch + 'a>(
    parts: &[(&'a GroupTable, u32)],
    list: impl Fn(&'a GroupTable) -> &'a List<S>,
    out: &mut Vec<u64>,
) -> bool {
    out.clear();
    let mut any_sketch = false;
    for (table, group) in parts {
        let list = list(table);
        out.extend_from_slice(list.grouped(*group));
        out.extend(list.logged(*group));
        any_sketch |= list.sketch(*group).is_some();
    }
    any_sketch
}
