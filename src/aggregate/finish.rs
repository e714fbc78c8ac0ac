//! The states of one group in the slices of a window, turned into the cells of a result row.
//!
//! The states are read where they are; nothing is merged into a table. Which percentiles and distinct counts come from
//! a sketch depends on the number of values in all slices together, so that another cut of the same events into
//! slices, workers or batches gives the same bits.

use super::bools;
use super::distinct::{Registers, Slots};
use super::extreme::{self, Texts};
use super::kept::Store;
use super::layout::{Function, Kernel, Kind, Layout};
use super::list::{List, Sketch};
use super::quantile::{self, Histogram};
use super::squares::{self, Squares};
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
            approximate |= match kernel.kind {
                Kind::Rows | Kind::Count => {
                    let count = |p: &Part| p.0.row(p.1)[kernel.offset];
                    let n = parts.iter().map(count).fold(0u64, u64::saturating_add);
                    for call in &kernel.calls {
                        cells[*call] = match layout.calls()[*call].function {
                            Function::RateRows(us) => Cell::float(n as f64 / seconds(us)),
                            _ => Cell::int(n.min(i64::MAX as u64) as i64),
                        };
                    }
                    0
                }
                Kind::Sum => {
                    totals(&layout, kernel, parts, cells);
                    0
                }
                Kind::Min => {
                    answer(cells, kernel, best::<false>(kernel, parts, arena));
                    0
                }
                Kind::Max => {
                    answer(cells, kernel, best::<true>(kernel, parts, arena));
                    0
                }
                Kind::Values => self.percentiles(&layout, kernel, parts, cells),
                Kind::Distinct => self.distinct(&layout, kernel, parts, cells),
                Kind::Bools => {
                    let mut state = bools::EMPTY;
                    for (table, group) in parts {
                        bools::merge(&mut state, words(table, *group, kernel));
                    }
                    for call in &kernel.calls {
                        cells[*call] = bools::answer(state, &layout.calls()[*call].function);
                    }
                    0
                }
                Kind::Squares => {
                    variances(&layout, kernel, parts, cells);
                    0
                }
                Kind::Kept => kept(&layout, kernel, parts, cells, arena),
            };
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

    /// Gives the calls that a sketch answered.
    fn percentiles(&mut self, layout: &Layout, kernel: &Kernel, parts: &[Part], cells: &mut [Cell]) -> u64 {
        let any_sketch = gather(parts, |table| &table.values[kernel.side], &mut self.scratch);
        if self.scratch.is_empty() && !any_sketch {
            return 0;
        }
        let exact = !any_sketch && self.scratch.len() <= quantile::EXACT_VALUES;
        let wants_sketch = |call: &usize| matches!(layout.calls()[*call].function, Function::ApproxPercentile(_));
        if exact {
            let mut calls = kernel.calls.iter();
            let fractions = kernel.calls.iter().map(|call| layout.fraction(*call));
            quantile::exact(&mut self.scratch, fractions, |v| {
                if let Some(call) = calls.next() {
                    cells[*call] = Cell::float(v);
                }
            });
            if !kernel.calls.iter().any(wants_sketch) {
                return 0;
            }
        }
        self.histogram.clear();
        for (table, group) in parts {
            if let Some(sketch) = table.values[kernel.side].sketch(*group) {
                self.histogram.merge(sketch, &mut self.histogram_spare);
            }
        }
        self.histogram.add(&mut self.scratch, &mut self.histogram_spare);
        let mut from_sketch = 0;
        for call in kernel.calls.iter().filter(|call| !exact || wants_sketch(call)) {
            let (low, part) = quantile::rank(layout.fraction(*call), self.histogram.count().max(1));
            let low_value = self.histogram.at(low);
            let high_value = if part > 0.0 { self.histogram.at(low + 1) } else { low_value };
            cells[*call] = Cell::float(quantile::between(low_value, high_value, part));
            from_sketch |= bit(*call);
        }
        from_sketch
    }

    /// Gives the calls that a sketch answered.
    fn distinct(&mut self, layout: &Layout, kernel: &Kernel, parts: &[Part], cells: &mut [Cell]) -> u64 {
        let any_sketch = gather(parts, |table| &table.sets[kernel.side], &mut self.scratch);
        let wants_sketch = |call: &usize| layout.calls()[*call].function == Function::ApproxCountDistinct;
        let exact = if any_sketch { None } else { self.slots.unique(&mut self.scratch) };
        if let Some(n) = exact {
            answer(cells, kernel, Cell::int(n as i64));
            if !kernel.calls.iter().any(wants_sketch) {
                return 0;
            }
            self.scratch.truncate(n);
        }
        self.registers.clear();
        for (table, group) in parts {
            if let Some(sketch) = table.sets[kernel.side].sketch(*group) {
                self.registers.merge(sketch, &mut self.slots);
            }
        }
        self.registers.add(&mut self.scratch, &mut self.slots);
        let estimate = self.registers.estimate();
        let mut from_sketch = 0;
        for call in kernel.calls.iter().filter(|call| exact.is_none() || wants_sketch(call)) {
            // Where a count is not exact there are more values than are counted exactly.
            let least = if wants_sketch(call) { 0 } else { super::EXACT_DISTINCT as i64 + 1 };
            cells[*call] = Cell::int(estimate.max(least));
            from_sketch |= bit(*call);
        }
        from_sketch
    }
}

/// Calls past the 64th cannot be marked; a row has at most 64 values.
fn bit(call: usize) -> u64 {
    1u64.checked_shl(call as u32).unwrap_or(0)
}

fn seconds(us: i64) -> f64 {
    us as f64 / 1e6
}

/// The words of a kernel in the row of a group.
fn words<'a, const N: usize>(table: &'a GroupTable, group: u32, kernel: &Kernel) -> &'a [u64; N] {
    table.row(group)[kernel.offset..].first_chunk().expect("a row holds the words of its kernels")
}

fn variances(layout: &Layout, kernel: &Kernel, parts: &[Part], cells: &mut [Cell]) {
    let Some(sum) = kernel.twin.map(|twin| &layout.kernels[twin]) else {
        return;
    };
    let (mut total, mut squares) = (Total::new(), Squares::new());
    for (table, group) in parts {
        total.add(words(table, *group, sum), &table.spills[sum.side], *group);
        squares.add(words::<{ squares::WORDS }>(table, *group, kernel), table.squares[kernel.side].get(*group));
    }
    for call in &kernel.calls {
        cells[*call] = squares::answer(&mut total, &squares, &layout.calls()[*call].function);
    }
}

fn kept(layout: &Layout, kernel: &Kernel, parts: &[Part], cells: &mut [Cell], arena: &mut Vec<u8>) -> u64 {
    let stores: Vec<(&dyn Store, u32)> =
        parts.iter().map(|(table, group)| (&*table.kept[kernel.side], *group)).collect();
    let mut functions = kernel.calls.iter().map(|call| &layout.calls()[*call].function);
    let (mut calls, mut approximate) = (kernel.calls.iter(), 0);
    let Some((first, _)) = stores.first() else {
        return 0;
    };
    first.answers(&stores, &mut functions, arena, &mut |cell, from_sample| {
        if let Some(call) = calls.next() {
            cells[*call] = cell;
            approximate |= if from_sample { bit(*call) } else { 0 };
        }
    });
    approximate
}

fn answer(cells: &mut [Cell], kernel: &Kernel, cell: Cell) {
    for call in &kernel.calls {
        cells[*call] = cell;
    }
}

fn totals(layout: &Layout, kernel: &Kernel, parts: &[Part], cells: &mut [Cell]) {
    if kernel.calls.is_empty() {
        // It is there for a total of squares alone.
        return;
    }
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
            Function::Rate(us) => Cell::float(sum / seconds(us)),
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
