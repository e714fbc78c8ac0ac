//! A match, turned into a row.
//!
//! The key of the row is that of the pattern, or nothing; its values are the selected ones, then, where the pattern says
//! partial matches, the step that one had reached, then its events by step as JSON.

use super::machine::Statement;
use super::store::Store;
use super::value::{Evaluator, Expression, View, at, json, push};
use crate::event::{Cell, Value, key};
use crate::result::{RowBatch, RowHead};

/// What a row says of the events of a match.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Events {
    /// Nothing.
    None,
    /// What names them.
    Ids,
    /// The whole events.
    Full,
}

/// How the matches of a pattern are shown.
#[derive(Debug, Clone)]
pub struct Shown {
    /// Index of the part's schema.
    pub part: u32,
    /// The names of the steps.
    pub steps: Vec<String>,
    /// The column of the key; `None`: all events are one sequence.
    pub key: Option<usize>,
    /// The column of what names an event, or of the whole event.
    pub event: Option<usize>,
    /// What is shown of events.
    pub events: Events,
    /// Rows have a column for the step that a partial match had reached.
    pub timed_out: bool,
    /// The selected values.
    pub select: Vec<Expression>,
    /// Columns of an event.
    pub width: usize,
}

/// Writes rows; owns its scratch.
#[derive(Debug)]
pub struct Show {
    shown: Shown,
    evaluator: Evaluator,
    text: Vec<u8>,
    chain: Vec<(usize, u32)>,
    /// `"view":` for each step.
    names: Vec<Vec<u8>>,
}

impl Show {
    /// A writer of such rows.
    pub fn new(shown: Shown) -> Self {
        let name = |step: &String| {
            let mut name = serde_json::to_vec(step).unwrap_or_default();
            name.push(b':');
            name
        };
        Self {
            evaluator: Evaluator::new(shown.width),
            text: Vec::new(),
            chain: Vec::new(),
            names: shown.steps.iter().map(name).collect(),
            shown,
        }
    }

    /// Values that could not be computed so far.
    pub fn failures(&self) -> u64 {
        self.evaluator.failures()
    }

    /// Appends the row of a statement.
    pub fn row(&mut self, store: &Store, of: Statement, rows: &mut RowBatch) {
        let last = store.of(of.link);
        self.chain.clear();
        self.chain.extend(store.back(of.link));
        let first = self.chain.last().map_or(last.event, |(_, event)| *event);
        let (start, end) = (store.origin(first).time, store.origin(last.event).time);
        let mut head = RowHead::new(self.shown.part, of.time, (start, end));
        (head.op, head.revision, head.start) = (of.op, of.revision, rows.bytes.len() as u32);
        if let Some(column) = self.shown.key {
            self.text.clear();
            let cell = push(at(store.bytes(last.event), column), &mut self.text);
            key::encode(cell, &self.text, &mut rows.bytes);
        }
        head.key_len = rows.bytes.len() as u32 - head.start;
        let view = View { link: of.link, event: last.event, with: None };
        self.evaluator.turn();
        for of in &self.shown.select {
            let cell = self.evaluator.value(store, of, view);
            key::encode_value(cell, self.evaluator.arena(), &mut rows.bytes);
        }
        if self.shown.timed_out {
            match of.timed_out {
                true => {
                    let step = self.shown.steps[last.step as usize].as_bytes();
                    key::encode_value(Cell::str(0, step.len() as u32), step, &mut rows.bytes);
                }
                false => key::encode_value(Cell::NULL, &[], &mut rows.bytes),
            }
        }
        if self.shown.events != Events::None {
            self.events(store);
            key::encode_value(Cell::json(0, self.text.len() as u32), &self.text, &mut rows.bytes);
        }
        head.values_len = rows.bytes.len() as u32 - head.start - head.key_len;
        rows.heads.push(head);
    }

    /// The events by step, in the order of the steps.
    fn events(&mut self, store: &Store) {
        let text = &mut self.text;
        text.clear();
        text.push(b'{');
        for (step, name) in self.names.iter().enumerate() {
            let mut first = true;
            for (_, event) in self.chain.iter().rev().filter(|(s, _)| *s == step) {
                if first {
                    if text.len() > 1 {
                        text.push(b',');
                    }
                    text.extend_from_slice(name);
                }
                text.push(if first { b'[' } else { b',' });
                first = false;
                let shown = self.shown.event.map_or(Value::Null, |column| at(store.bytes(*event), column));
                match shown {
                    Value::Null => {
                        let origin = store.origin(*event);
                        text.extend_from_slice(format!("\"{}:{}\"", origin.partition, origin.position).as_bytes());
                    }
                    // A whole event is JSON text, and one that is not (a line of a CSV file) is text.
                    shown => json(shown, text),
                }
            }
            if !first {
                text.push(b']');
            }
        }
        text.push(b'}');
    }
}
