//! A batch, turned into the rows and columns that its consumers see: `where` and `set`. Pure.
//!
//! The streams and windows of a source are *steps*, each from the rows of an earlier one. Step `i` makes selection
//! `i + 1`; selection 0 is every row of the batch. All work on one batch: a step that filters makes a list of row
//! numbers, a step that computes fills columns of its own, and nothing is copied.

use crate::event::EventBatch;
use crate::expr::{Program, Rows, Scratch};

/// One `where` and its `set`s, or what a window computes before it groups.
#[derive(Debug, Clone)]
pub struct Step {
    /// The part it belongs to.
    pub name: String,
    /// The selection it reads.
    pub from: usize,
    /// Keeps the rows for which this is TRUE.
    pub filter: Option<Program>,
    /// Columns it fills, in order; later ones may read earlier ones.
    pub sets: Vec<(usize, Program)>,
}

/// The steps of one source with their scratch.
pub struct Steps {
    list: Vec<Step>,
    scratch: Scratch,
}

impl Steps {
    /// Steps in an order in which each comes after the one it reads.
    pub fn new(list: Vec<Step>) -> Self {
        Self { list, scratch: Scratch::default() }
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
            if let Some(filter) = &step.filter {
                let view = Rows { columns: &batch.columns, time: &batch.time };
                filter.filter(&view, &mut batch.bytes, &mut rows, &mut self.scratch);
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
