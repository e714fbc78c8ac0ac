//! A group's slices, turned into the selected values of its row.

use crate::aggregate::{Finisher, GroupTable, Layout};
use crate::event::{Cell, Column, key};
use crate::expr::{Program, Rows, Scratch};
use std::sync::Arc;

/// One selected value: what is computed from the finished aggregates.
#[derive(Debug, Clone)]
pub enum Answer {
    /// The value is aggregate call `i` itself.
    Call(usize),
    /// An expression over the calls; column `i` of its rows is call `i`. `calls`: bit i, it reads call i.
    Post {
        /// The expression.
        program: Program,
        /// The calls it reads.
        calls: u64,
    },
}

/// Computes values; owns its scratch, allocates nothing a group once warm.
pub struct Answers {
    finisher: Finisher,
    list: Vec<Answer>,
    cells: Vec<Cell>,
    arena: Vec<u8>,
    columns: Vec<Column>,
    out: Column,
    scratch: Scratch,
}

impl Answers {
    /// Answers of these aggregates in file order.
    pub fn new(layout: Arc<Layout>, list: Vec<Answer>) -> Self {
        Self {
            finisher: Finisher::new(layout),
            list,
            cells: Vec::new(),
            arena: Vec::new(),
            columns: Vec::new(),
            out: Column::new(),
            scratch: Scratch::default(),
        }
    }

    /// Appends the values of the group that has these parts, and gives the mask of values that a sketch answered.
    pub fn write(&mut self, parts: &[(&GroupTable, u32)], out: &mut Vec<u8>) -> u64 {
        self.cells.clear();
        self.arena.clear();
        let calls = self.finisher.finish(parts, &mut self.cells, &mut self.arena);
        let mut mask = 0;
        let mut spread = false;
        for (i, answer) in self.list.iter().enumerate() {
            match answer {
                Answer::Call(call) => {
                    key::encode_value(self.cells[*call], &self.arena, out);
                    mask |= (calls >> call & 1) << i;
                }
                Answer::Post { program, calls: read } => {
                    if !spread {
                        self.columns.resize_with(self.cells.len(), Column::new);
                        for (column, cell) in self.columns.iter_mut().zip(&self.cells) {
                            column.clear();
                            column.push(*cell);
                        }
                        spread = true;
                    }
                    let rows = Rows { columns: &self.columns, time: &[0] };
                    program.eval(&rows, &mut self.arena, &[0], &mut self.scratch, &mut self.out);
                    key::encode_value(self.out[0], &self.arena, out);
                    mask |= u64::from(calls & read != 0) << i;
                }
            }
        }
        mask
    }
}
