//! A batch, turned into the rows and columns that its consumers see: `enrich`, `where`, `sample` and `set`. Pure.
//!
//! The streams and windows of a source are *steps*, each from the rows of an earlier one. Step `i` makes selection
//! `i + 1`; selection 0 is every row of the batch. All work on one batch: a step that filters makes a list of row
//! numbers, a step that computes fills columns of its own, and nothing is copied.

mod asked;
mod dedup;
mod enrich;
mod join;
mod lookup;
mod ordered;
mod sample;
mod versions;

pub use asked::Asked;
pub use dedup::Dedup;
pub use enrich::Enrich;
pub use join::{Bounds, Join, Joined};
pub use lookup::Lookup;
pub use ordered::{Damaged, Event, KeyHash, Ordered, Writer, hash_of};
pub use sample::Sample;
pub use versions::Versions;

use crate::event::{Column, EventBatch};
use crate::expr::{Program, Rows, Scratch};
use crate::table::{Handles, Tables};
use std::sync::Arc;

/// One `where` and its `set`s, or what a window computes before it groups.
#[derive(Debug, Clone)]
pub struct Step {
    /// The part it belongs to.
    pub name: String,
    /// The selection it reads.
    pub from: usize,
    /// Selections whose rows it leaves out; each is made of rows of `from`.
    pub minus: Vec<usize>,
    /// Its lookups in tables, in order.
    pub enrich: Vec<Enrich>,
    /// They are made before all else; where false, for the rows that are kept, as nothing that chooses rows reads what
    /// they add.
    pub enrich_first: bool,
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
    tables: Handles,
    room: enrich::Room,
}

impl Steps {
    /// Steps in an order in which each comes after the one it reads; `tables`: those of the plan.
    pub fn new(list: Vec<Step>, tables: &Arc<Tables>) -> Self {
        let (scratch, tables) = (Scratch::default(), Handles::new(tables));
        Self { list, scratch, keys: Column::new(), tables, room: enrich::Room::default() }
    }

    /// Runs all steps. `selections` gets one list of row numbers for every row of the batch, and one for each step. For
    /// steps that look up only in tables that are read as a whole.
    pub fn run(&mut self, batch: &mut EventBatch, selections: &mut Vec<Vec<u32>>) {
        let done = self.try_run(batch, selections, &mut Asked::default());
        debug_assert!(done, "planning lets no such step wait");
    }

    /// [`Steps::run`], where keys may have to be asked for: false where the answers have not come. Then it is to be called
    /// again with the same batch when they have, which `asked` knows.
    pub fn try_run(&mut self, batch: &mut EventBatch, selections: &mut Vec<Vec<u32>>, asked: &mut Asked) -> bool {
        if !asked.settle() {
            return false;
        }
        selections.resize_with(self.list.len() + 1, Vec::new);
        selections[0].clear();
        selections[0].extend(0..batch.rows() as u32);
        // All of a batch sees one version.
        self.tables.refresh();
        let Self { list, scratch, keys, tables, room } = self;
        // What is gone through again is counted once.
        let failures = scratch.failures();
        room.begin();
        for (i, step) in list.iter().enumerate() {
            let mut rows = std::mem::take(&mut selections[i + 1]);
            rows.clear();
            rows.extend_from_slice(&selections[step.from]);
            step.minus.iter().for_each(|taken| leave_out(&mut rows, &selections[*taken]));
            let mut done = true;
            if step.enrich_first {
                done = step.enrich.iter().all(|e| e.run(tables, batch, &rows, scratch, (room, asked)));
            }
            if let Some(filter) = &step.filter
                && done
            {
                let view = Rows { columns: &batch.columns, time: &batch.time };
                filter.filter(&view, &mut batch.bytes, &mut rows, scratch);
            }
            if let Some(sample) = &step.sample
                && done
            {
                sample.keep(batch, &mut rows, scratch, keys);
            }
            if !step.enrich_first {
                done = step.enrich.iter().all(|e| e.run(tables, batch, &rows, scratch, (room, asked)));
            }
            if !done {
                selections[i + 1] = rows;
                scratch.take_back(failures);
                return false;
            }
            for (slot, program) in &step.sets {
                let mut out = std::mem::take(&mut batch.columns[*slot]);
                let view = Rows { columns: &batch.columns, time: &batch.time };
                program.eval(&view, &mut batch.bytes, &rows, scratch, &mut out);
                batch.columns[*slot] = out;
            }
            selections[i + 1] = rows;
        }
        room.commit();
        true
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

    /// For each table how many lookups were made and how many found nothing, since this was called last.
    pub fn lookups(&mut self) -> impl Iterator<Item = (usize, (u64, u64))> {
        self.room.counts.iter_mut().map(std::mem::take).enumerate().filter(|(_, (made, _))| *made > 0)
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
