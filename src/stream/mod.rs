//! A batch, turned into the rows and columns that its consumers see: `where`, `sample` and `set`. Pure.
//!
//! The streams and windows of a source are *steps*, each from the rows of an earlier one. Step `i` makes selection
//! `i + 1`; selection 0 is every row of the batch. All work on one batch: a step that filters makes a list of row
//! numbers, a step that computes fills columns of its own, and nothing is copied.

mod dedup;
mod ordered;
mod sample;

pub use dedup::Dedup;
pub use ordered::{Damaged, Event, KeyHash, Ordered, Writer, hash_of};
pub use sample::Sample;

use crate::event::{Column, EventBatch};
use crate::expr::{Program, Rows, Scratch};

/// One `where` and its `set`s, or what a window computes before it groups.
#[derive(Debug, Clone)]
pub struct Step {
    /// The part it belongs to.
    pub name: String,
    /// The selection it reads.
    pub from: usize,
    /// Selections whose rows it leaves out; each is made of rows of `from`.
    pub minus: Vec<usize>,
    /// Keeps the rows for which this is TRUE.
    pub filter: Option<Program>,
    /// Keeps a share of them.
    pub sample: Option<Sample>,
    /// Columns it fills, in order; later ones may read earlier ones.
    pub sets: Vec<(usize, Program)>,
}

/// The steps of one source with their scratch.
pub struct Steps {
    list: Vec<Step>,
    scratch: Scratch,
    /// Room for the keys of samples.
    keys: Column,
}

impl Steps {
    /// Steps in an order in which each comes after the one it reads.
    pub fn new(list: Vec<Step>) -> Self {
        Self { list, scratch: Scratch::default(), keys: Column::new() }
    }

    /// Runs all steps. `selections` gets one list of row numbers for every row of the batch, and one for each step.
    pub fn run(&mut self, batch: &mut EventBatch, selections: &mut Vec<Vec<u32>>) {
        selections.resize_with(self.list.len() + 1, Vec::new);
        selections[0].clear();
        selections[0].extend(0..batch.rows() as u32);
        for (i, step) in self.list.iter().enumerate() {
            let mut rows = std::mem::take(&mut selections[i + 1]);
            rows.clear();
            rows.extend_from_slice(&selections[step.from]);
            step.minus.iter().for_each(|taken| leave_out(&mut rows, &selections[*taken]));
            if let Some(filter) = &step.filter {
                let view = Rows { columns: &batch.columns, time: &batch.time };
                filter.filter(&view, &mut batch.bytes, &mut rows, &mut self.scratch);
            }
            if let Some(sample) = &step.sample {
                sample.keep(batch, &mut rows, &mut self.scratch, &mut self.keys);
            }
            for (slot, program) in &step.sets {
                let mut out = std::mem::take(&mut batch.columns[*slot]);
                let view = Rows { columns: &batch.columns, time: &batch.time };
                program.eval(&view, &mut batch.bytes, &rows, &mut self.scratch, &mut out);
                batch.columns[*slot] = out;
            }
            selections[i + 1] = rows;
        }
    }

    /// How many rows of a batch at least one reader of the source keeps, after [`Steps::run`].
    pub fn kept(&self, selections: &[Vec<u32>]) -> usize {
        let mut roots =
            self.list.iter().enumerate().filter(|(_, step)| step.from == 0).map(|(i, _)| &selections[i + 1]);
        let Some(first) = roots.next() else { return 0 };
        let mut rest = roots.peekable();
        if rest.peek().is_none() || first.len() == selections[0].len() {
            return first.len();
        }
        let mut kept = vec![false; selections[0].len()];
        for row in first.iter().chain(rest.flatten()) {
            kept[*row as usize] = true;
        }
        kept.iter().filter(|k| **k).count()
    }

    /// Values that could not be computed so far (overflow, division by zero, a failed cast): they became NULL.
    pub fn failures(&self) -> u64 {
        self.scratch.failures()
    }
}

/// Removes from `rows` those in `taken`; both ascend.
fn leave_out(rows: &mut Vec<u32>, taken: &[u32]) {
    let mut taken = taken.iter().copied().peekable();
    rows.retain(|row| {
        while taken.next_if(|t| t < row).is_some() {}
        taken.next_if_eq(row).is_none()
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_is_left_out_and_nothing_else() {
        for (rows, taken, left) in [
            (vec![0, 1, 2, 5, 9], vec![1, 5], vec![0, 2, 9]),
            (vec![0, 1], vec![], vec![0, 1]),
            (vec![3, 4], vec![3, 4], vec![]),
            (vec![7], vec![0, 7, 8], vec![]),
        ] {
            let mut rows = rows;
            leave_out(&mut rows, &taken);
            assert_eq!(rows, left);
        }
    }
}
