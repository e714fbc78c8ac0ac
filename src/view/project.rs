//! Rows of one schema, turned into rows of another, one for one or none: computed columns, filters, choice of columns.
//!
//! Cost: programs run over whole batches of rows; nothing is allocated a row once buffers are warm.

use super::row::{Stored, write_head};
use super::series;
use crate::event::{Cell, Column, key};
use crate::expr::{Program, Scratch, SeriesFunction};
use crate::result::{Columns, RowRef, RowSchema};

/// One step; each sees the columns of those before, and the rows that they kept.
#[derive(Debug, Clone)]
pub enum Step {
    /// Computes a column.
    Set(usize, Program),
    /// Computes a column from that of earlier rows; only where all rows of a group are together.
    Series(Series),
    /// Keeps the rows for which it is TRUE.
    Keep(Program),
}

/// A column computed from another one of earlier rows.
#[derive(Debug, Clone)]
pub struct Series {
    /// The column that is computed.
    pub slot: usize,
    /// The column it is computed from.
    pub from: usize,
    /// What is computed.
    pub function: SeriesFunction,
    /// As of [`crate::expr::SeriesCall`].
    pub n: u32,
    /// As of [`crate::expr::SeriesCall`].
    pub span: i64,
    /// As of [`crate::expr::SeriesCall`].
    pub alpha: f64,
    /// How far apart windows are, microseconds.
    pub step: i64,
    /// How far before the rows that are given out the column is needed, microseconds.
    pub reach: i64,
}

/// What is made of rows.
#[derive(Debug, Clone)]
pub struct Project {
    /// The rows that come in.
    pub input: RowSchema,
    /// How many columns are computed.
    pub computed: usize,
    /// What is done, in order.
    pub steps: Vec<Step>,
    /// The columns of the group; `None`: that of the row.
    pub key: Option<Vec<usize>>,
    /// The columns of the values.
    pub values: Vec<usize>,
    /// For each column which values of the row it is made of, as bits; what is made of an approximate one is approximate.
    pub made_of: Vec<u64>,
}

impl Project {
    /// Rows as they are.
    pub fn identity(input: &RowSchema) -> Self {
        let first = 2 + input.dimensions.len();
        let own = (0..input.values.len()).map(|i| 1u64.wrapping_shl(i as u32));
        Self {
            input: input.clone(),
            computed: 0,
            steps: Vec::new(),
            key: None,
            values: (first..first + input.values.len()).collect(),
            made_of: std::iter::repeat_n(0, first).chain(own).collect(),
        }
    }

    /// True where rows go through as they are.
    pub fn is_identity(&self) -> bool {
        let first = 2 + self.input.dimensions.len();
        let same = self.values.iter().copied().eq(first..first + self.input.values.len());
        self.steps.is_empty() && self.key.is_none() && same
    }

    /// True where every row that comes in goes out.
    pub fn keeps_all(&self) -> bool {
        !self.steps.iter().any(|step| matches!(step, Step::Keep(_)))
    }
}

/// A [`Project`] at work.
#[derive(Debug)]
pub struct Projector {
    project: Project,
    columns: Columns,
    scratch: Scratch,
    /// The rows that are kept.
    selected: Vec<u32>,
    /// Of each row its window, its mask, and where its key and values end in `raw`.
    rows: Vec<((i64, i64), u64, usize, usize)>,
    raw: Vec<u8>,
    /// Programs need columns, or a route does.
    spread: bool,
}

impl Projector {
    /// `cells`: columns are asked for one by one.
    pub fn new(project: &Project, cells: bool) -> Self {
        Self {
            columns: Columns::new(&project.input, project.computed),
            scratch: Scratch::default(),
            selected: Vec::new(),
            rows: Vec::new(),
            raw: Vec::new(),
            spread: cells || !project.is_identity(),
            project: project.clone(),
        }
    }

    /// Adds a row.
    pub fn push(&mut self, row: RowRef<'_>) {
        self.raw.extend_from_slice(row.key);
        let key = self.raw.len();
        self.raw.extend_from_slice(row.values);
        let window = (row.head.window_start, row.head.window_end);
        self.rows.push((window, row.head.approximate, key, self.raw.len()));
        if self.spread {
            self.columns.push(row);
        }
    }

    /// Takes the steps; gives the rows that are kept, by index, in order. `newest`: the time from which on rows are given
    /// out, for series.
    pub fn run(&mut self, newest: i64) -> &[u32] {
        self.selected.clear();
        self.selected.extend(0..self.rows.len() as u32);
        for step in &self.project.steps {
            match step {
                Step::Set(slot, program) => {
                    let mut out = std::mem::take(&mut self.columns.columns[*slot]);
                    let mut arena = std::mem::take(&mut self.columns.bytes);
                    program.eval(&self.columns.rows(), &mut arena, &self.selected, &mut self.scratch, &mut out);
                    (self.columns.columns[*slot], self.columns.bytes) = (out, arena);
                }
                Step::Series(of) => {
                    let mut out = std::mem::take(&mut self.columns.columns[of.slot]);
                    out.resize(self.rows.len(), Cell::NULL);
                    series::fill(of, &self.columns, &self.selected, newest.saturating_sub(of.reach), &mut out);
                    self.columns.columns[of.slot] = out;
                }
                Step::Keep(program) => {
                    let mut arena = std::mem::take(&mut self.columns.bytes);
                    program.filter(&self.columns.rows(), &mut arena, &mut self.selected, &mut self.scratch);
                    self.columns.bytes = arena;
                }
            }
        }
        &self.selected
    }

    /// The rows that the last run kept.
    pub fn selected(&self) -> &[u32] {
        &self.selected
    }

    /// The window of a row.
    pub fn window(&self, i: u32) -> (i64, i64) {
        self.rows[i as usize].0
    }

    /// Appends the cells of some columns of a row as a canonical key; false where one is NULL.
    pub fn cells(&self, i: u32, slots: &[usize], out: &mut Vec<u8>) -> bool {
        let mut whole = true;
        for slot in slots {
            let cell = self.columns.columns[*slot][i as usize];
            whole &= !cell.is_null();
            key::encode(cell, &self.columns.bytes, out);
        }
        whole
    }

    fn before(&self, i: u32) -> usize {
        if i == 0 { 0 } else { self.rows[i as usize - 1].3 }
    }

    /// Appends the group of a row as it came in.
    pub fn group(&self, i: u32, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.raw[self.before(i)..self.rows[i as usize].2]);
    }

    /// The mask of approximate values of a row that goes out.
    pub fn approximate(&self, i: u32) -> u64 {
        let mask = self.rows[i as usize].1;
        if mask == 0 {
            return 0;
        }
        let bit =
            |(at, slot): (usize, &usize)| u64::from(self.project.made_of[*slot] & mask != 0).wrapping_shl(at as u32);
        self.project.values.iter().enumerate().take(64).map(bit).fold(0, |a, b| a | b)
    }

    /// Appends the key of a row that goes out.
    pub fn key(&self, i: u32, out: &mut Vec<u8>) {
        match &self.project.key {
            None => self.group(i, out),
            Some(slots) => {
                self.cells(i, slots, out);
            }
        }
    }

    /// Appends the values of a row that goes out.
    pub fn values(&self, i: u32, out: &mut Vec<u8>) {
        if !self.spread || self.project.is_identity() {
            let (.., key, end) = self.rows[i as usize];
            out.extend_from_slice(&self.raw[key..end]);
            return;
        }
        for slot in &self.project.values {
            key::encode_value(self.columns.columns[*slot][i as usize], &self.columns.bytes, out);
        }
    }

    /// Appends a row that goes out as [`Stored`] has it.
    pub fn stored(&self, i: u32, out: &mut Vec<u8>) {
        let start = out.len();
        write_head(self.window(i), self.approximate(i), 0, out);
        let at = out.len();
        self.key(i, out);
        let length = (out.len() - at) as u32;
        out[at - 4..at].copy_from_slice(&length.to_le_bytes());
        self.values(i, out);
        debug_assert!(Stored::read(&out[start..]).is_some(), "a row that was written can be read");
    }

    /// Values that could not be computed so far.
    pub fn failures(&self) -> u64 {
        self.scratch.failures()
    }

    /// Forgets all rows; allocations stay.
    pub fn clear(&mut self) {
        self.columns.clear();
        self.selected.clear();
        self.rows.clear();
        self.raw.clear();
    }
}

/// The values of a column, for what looks at them one by one.
pub(super) fn column(columns: &Columns, slot: usize) -> &Column {
    &columns.columns[slot]
}
