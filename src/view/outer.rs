//! Rows in a window over windows, turned into its row: the group is aggregated anew from all of its rows.
//!
//! The answer is exact and no order shows in it: aggregates are functions of the multiset of their inputs. Rows that have
//! the same inputs are one with a count.

use super::Reduce;
use super::row::{Stored, write_head};
use super::top::window_of;
use crate::aggregate::{GroupTable, Layout, Tally};
use crate::event::{Column, Origin, Origins, key};
use crate::window::{Answer, Answers};
use std::sync::Arc;

/// Rows that are added at once, at most.
const BLOCK: usize = 4096;

/// What is aggregated.
#[derive(Debug, Clone)]
pub struct Outer {
    /// The aggregates, over the values of the rows that come in.
    pub layout: Arc<Layout>,
    /// What is selected.
    pub answers: Vec<Answer>,
    /// For each selected value which of the values that come in it is made of, as bits.
    pub made_of: Vec<u64>,
    /// How many values come in.
    pub inputs: usize,
}

/// [`Outer`] at work.
pub(super) struct Windows {
    made_of: Vec<u64>,
    table: GroupTable,
    answers: Answers,
    columns: Vec<Column>,
    arena: Vec<u8>,
    origins: Vec<Origin>,
    /// The rows of a block, each as often as it is there.
    rows: Vec<u32>,
    groups: Vec<u32>,
    tally: Tally,
    values: Vec<u8>,
}

impl Windows {
    pub(super) fn new(of: &Outer) -> Self {
        Self {
            made_of: of.made_of.clone(),
            table: GroupTable::new(Arc::clone(&of.layout)),
            answers: Answers::new(Arc::clone(&of.layout), of.answers.clone()),
            columns: vec![Column::new(); of.inputs],
            arena: Vec::new(),
            origins: Vec::new(),
            rows: Vec::new(),
            groups: Vec::new(),
            tally: Tally::new(&of.layout),
            values: Vec::new(),
        }
    }

    fn add(&mut self, group: u32) {
        self.groups.clear();
        self.groups.resize(self.rows.len(), group);
        let origins = Origins::List(&self.origins);
        self.table.add_from(&self.groups, &self.rows, &self.columns, &self.arena, origins, &mut self.tally);
        self.rows.clear();
    }

    fn clear(&mut self) {
        self.columns.iter_mut().for_each(Vec::clear);
        self.arena.clear();
        self.origins.clear();
    }
}

impl Reduce for Windows {
    fn reduce(&mut self, key: &[u8], rows: &[(&[u8], isize)], out: &mut Vec<(Vec<u8>, isize)>) {
        let Some((window, cells)) = window_of(key) else { return };
        self.table.clear();
        let group = self.table.group(key::hash(cells), cells);
        let mut approximate = 0;
        for (place, (bytes, count)) in rows.iter().enumerate() {
            let Some(row) = Stored::read(bytes) else { continue };
            approximate |= row.approximate;
            let index = self.origins.len() as u32;
            let mut rest = row.values;
            for column in &mut self.columns {
                let cell = match key::decode_cell(rest, &mut self.arena) {
                    Some((cell, more)) => {
                        rest = more;
                        cell
                    }
                    None => crate::event::Cell::NULL,
                };
                column.push(cell);
            }
            // Rows of one moment go by their bytes.
            self.origins.push(Origin { time: row.window.1, partition: 0, position: place as u64 });
            for _ in 0..count.unsigned_abs() {
                self.rows.push(index);
                if self.rows.len() == BLOCK {
                    self.add(group);
                }
            }
            if self.origins.len() == BLOCK {
                self.add(group);
                self.clear();
            }
        }
        self.add(group);
        self.clear();
        self.table.seal();
        self.values.clear();
        let mut mask = self.answers.write(&[(&self.table, group)], &mut self.values);
        for (i, of) in self.made_of.iter().enumerate().take(64) {
            mask |= u64::from(of & approximate != 0) << i;
        }
        let mut bytes = Vec::with_capacity(32 + cells.len() + self.values.len());
        write_head(window, mask, cells.len(), &mut bytes);
        bytes.extend_from_slice(cells);
        bytes.extend_from_slice(&self.values);
        out.push((bytes, 1));
    }
}
