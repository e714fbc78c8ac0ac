//! Rows of a batch, turned into rows with columns of a table: the lookups of a stream.
//!
//! The keys of all rows are made first, then looked for together (see [`Table::find`]), and the values of the rows that
//! are found become cells; their text is copied to the arena of the batch, as cells can lie nowhere else.
//!
//! Cost: nothing is allocated once warm.

use crate::event::{Cell, Column, EventBatch, RowKeys, key};
use crate::expr::{Program, Rows, Scratch};
use crate::table::Table;

/// One lookup.
#[derive(Debug, Clone)]
pub struct Enrich {
    /// The table's number in the plan.
    pub table: usize,
    /// The columns of the key that are computed for this, with what computes them.
    pub sets: Vec<(usize, Program)>,
    /// The columns of the key.
    pub keys: Vec<usize>,
    /// Columns of the table and those that they fill, by ascending column of the table.
    pub add: Vec<(usize, usize)>,
}

/// Room that lookups use, and what they counted.
#[derive(Debug, Default)]
pub(super) struct Room {
    keys: RowKeys,
    columns: Vec<Column>,
    /// For each table how many lookups were made, and how many of them found nothing.
    pub(super) counts: Vec<(u64, u64)>,
}

impl Enrich {
    /// Fills the columns for `rows`.
    pub(super) fn run(
        &self,
        table: &Table,
        batch: &mut EventBatch,
        rows: &[u32],
        scratch: &mut Scratch,
        room: &mut Room,
    ) {
        for (slot, program) in &self.sets {
            let mut out = std::mem::take(&mut batch.columns[*slot]);
            let view = Rows { columns: &batch.columns, time: &batch.time };
            program.eval(&view, &mut batch.bytes, rows, scratch, &mut out);
            batch.columns[*slot] = out;
        }
        room.keys.fill(batch, &self.keys, rows);
        room.columns.resize_with(room.columns.len().max(self.add.len()), Column::new);
        for ((_, slot), column) in self.add.iter().zip(&mut room.columns) {
            std::mem::swap(column, &mut batch.columns[*slot]);
            column.resize(batch.time.len(), Cell::NULL);
        }
        let EventBatch { bytes: arena, time, .. } = batch;
        let (columns, mut missing) = (&mut room.columns[..self.add.len()], 0);
        table.find(
            &room.keys,
            |i| time[rows[i] as usize],
            |i, found| {
                let row = rows[i] as usize;
                match found {
                    Some(values) => self.put(values, arena, row, columns),
                    None => {
                        missing += 1;
                        columns.iter_mut().for_each(|column| column[row] = Cell::NULL);
                    }
                }
            },
        );
        for ((_, slot), column) in self.add.iter().zip(&mut room.columns) {
            std::mem::swap(column, &mut batch.columns[*slot]);
        }
        room.counts.resize(room.counts.len().max(self.table + 1), (0, 0));
        let counts = &mut room.counts[self.table];
        counts.0 += rows.len() as u64;
        counts.1 += missing;
    }

    /// Puts the values of a row of the table into row `row` of the columns.
    #[inline]
    fn put(&self, mut values: &[u8], arena: &mut Vec<u8>, row: usize, columns: &mut [Column]) {
        let mut at = 0;
        for ((wanted, _), column) in self.add.iter().zip(columns) {
            // A column that two fields have is read again; a table's columns are few.
            while at < *wanted {
                values = key::decode(values).map_or(&[], |(_, rest)| rest);
                at += 1;
            }
            column[row] = key::decode_cell(values, arena).map_or(Cell::NULL, |(cell, _)| cell);
        }
    }
}
