//! Rows of one part, turned into columns of cells that expressions read.
//!
//! Columns, by slot: the two times of a row, its dimensions, its values, in the order of [`RowSchema::columns`]; slots
//! behind them are for what is computed. A row of all groups beyond a cap has NULLs for its dimensions.

use super::{RowRef, RowSchema};
use crate::event::{Cell, Column, key};
use crate::expr::Rows;

/// Columns of rows, re-used from batch to batch.
#[derive(Debug, Default)]
pub struct Columns {
    /// The arena of their texts.
    pub bytes: Vec<u8>,
    /// By slot.
    pub columns: Vec<Column>,
    /// The event time of each row: the last moment of its window, `window_end`.
    pub time: Vec<i64>,
    dimensions: usize,
    values: usize,
}

impl Columns {
    /// Columns for rows of `schema`, with `computed` slots behind.
    pub fn new(schema: &RowSchema, computed: usize) -> Self {
        let (dimensions, values) = (schema.dimensions.len(), schema.values.len());
        let columns = vec![Column::new(); 2 + dimensions + values + computed];
        Self { bytes: Vec::new(), columns, time: Vec::new(), dimensions, values }
    }

    /// Rows that are here.
    pub fn len(&self) -> usize {
        self.time.len()
    }

    /// True where there are none.
    pub fn is_empty(&self) -> bool {
        self.time.is_empty()
    }

    /// Takes all rows out; allocations stay.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.columns.iter_mut().for_each(Vec::clear);
        self.time.clear();
    }

    /// Appends a row.
    pub fn push(&mut self, row: RowRef<'_>) {
        self.time.push(row.head.window_end);
        self.columns[0].push(Cell::time(row.head.window_start));
        self.columns[1].push(Cell::time(row.head.window_end));
        let (mut key, mut values) = (row.key, row.values);
        for column in &mut self.columns[2..2 + self.dimensions] {
            column.push(next(&mut key, &mut self.bytes));
        }
        for column in &mut self.columns[2 + self.dimensions..2 + self.dimensions + self.values] {
            column.push(next(&mut values, &mut self.bytes));
        }
    }

    /// What programs read.
    pub fn rows(&self) -> Rows<'_> {
        Rows { columns: &self.columns, time: &self.time }
    }
}

fn next(bytes: &mut &[u8], arena: &mut Vec<u8>) -> Cell {
    match key::decode_cell(bytes, arena) {
        Some((cell, rest)) => {
            *bytes = rest;
            cell
        }
        None => Cell::NULL,
    }
}
