//! Rows of a batch, turned into rows with columns of a table: the lookups of a stream.
//!
//! The keys of all rows are made first, then looked for together (see [`Table::find`]), and the values of the rows that
//! are found become cells; their text is copied to the arena of the batch, as cells can lie nowhere else.
//!
//! Cost: nothing is allocated once warm.

use super::Asked;
use crate::event::{Cell, Column, EventBatch, RowKeys, key};
use crate::expr::{Program, Rows, Scratch};
use crate::table::{Handles, Table};

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
    /// The same of the batch that is gone through.
    batch: Vec<(u64, u64)>,
}

impl Room {
    /// A batch begins, or begins again.
    pub(super) fn begin(&mut self) {
        self.batch.iter_mut().for_each(|count| *count = (0, 0));
    }

    /// The batch is through.
    pub(super) fn commit(&mut self) {
        self.counts.resize(self.counts.len().max(self.batch.len()), (0, 0));
        for ((made, missing), batch) in self.counts.iter_mut().zip(&self.batch) {
            (*made, *missing) = (*made + batch.0, *missing + batch.1);
        }
    }
}

impl Enrich {
    /// Fills the columns for `rows`. False where keys are asked for and their answers have not come: then the batch is as
    /// it was, but for columns that are filled again.
    pub(super) fn run(
        &self,
        tables: &Handles,
        batch: &mut EventBatch,
        rows: &[u32],
        scratch: &mut Scratch,
        (room, asked): (&mut Room, &mut Asked),
    ) -> bool {
        for (slot, program) in &self.sets {
            let mut out = std::mem::take(&mut batch.columns[*slot]);
            let view = Rows { columns: &batch.columns, time: &batch.time };
            program.eval(&view, &mut batch.bytes, rows, scratch, &mut out);
            batch.columns[*slot] = out;
        }
        room.keys.fill(batch, &self.keys, rows);
        let whole = tables.get(self.table);
        match tables.desk(self.table) {
            None => self.put_all(whole, batch, rows, room),
            Some(desk) => {
                let shape = (whole.columns(), whole.is_versioned());
                let Some(table) = asked.table((self.table, desk), shape, &room.keys) else { return false };
                self.put_all(table, batch, rows, room);
            }
        }
        true
    }

    /// Puts the rows of the keys in `room` into the columns.
    fn put_all(&self, table: &Table, batch: &mut EventBatch, rows: &[u32], room: &mut Room) {
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
        room.batch.resize(room.batch.len().max(self.table + 1), (0, 0));
        let counts = &mut room.batch[self.table];
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
