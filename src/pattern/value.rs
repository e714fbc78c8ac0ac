//! Values of expressions over a match: calls such as `avg(x.price)`, and what is made of them.
//!
//! A call goes back through the chain and gathers the values of its step's events; they are in the order of the match,
//! so sums are the same wherever they are computed.

use super::matcher::Judge;
use super::store::Store;
use super::tree::StepId;
use crate::event::{Cell, Column, Tag, Value, key};
use crate::expr::{Program, Rows, Scratch};

/// What a call computes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Function {
    /// How many events, or where there is an argument how many values.
    Count,
    /// Their sum; NULL of none.
    Sum,
    /// Their mean.
    Avg,
    /// The least.
    Min,
    /// The greatest.
    Max,
    /// The n-th from the first.
    First,
    /// The n-th from the last.
    Last,
    /// All, as a JSON array.
    Collect,
    /// The time of the match's first event.
    MatchStart,
    /// The time of its last event.
    MatchEnd,
}

/// A call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Call {
    /// What it computes.
    pub function: Function,
    /// Of the events of this step; `None`: of all.
    pub step: Option<StepId>,
    /// Of the values of this column of the events; `None`: of the events themselves.
    pub column: Option<usize>,
    /// The n of [`Function::First`] and [`Function::Last`].
    pub offset: u32,
}

/// An expression over a match: columns of the current event first, then a column for each of its calls.
#[derive(Debug, Clone)]
pub struct Expression {
    /// Its code.
    pub program: Program,
    /// Its calls.
    pub calls: Vec<Call>,
}

/// Computes expressions; owns its scratch.
#[derive(Debug, Default)]
pub struct Evaluator {
    /// Columns that an event has.
    width: usize,
    columns: Vec<Column>,
    arena: Vec<u8>,
    scratch: Scratch,
    out: Column,
    events: Vec<u32>,
    /// The event whose columns are in place, and how much of the arena is theirs.
    loaded: Option<u32>,
    own: usize,
}

/// What of a match an expression sees.
#[derive(Debug, Clone, Copy)]
pub struct View {
    /// The chain.
    pub link: u32,
    /// The event that `x` without a step is of.
    pub event: u32,
    /// The step under test, where its event counts as taken.
    pub with: Option<StepId>,
}

impl Evaluator {
    /// An evaluator for events of `width` columns.
    pub fn new(width: usize) -> Self {
        Self { width, ..Self::default() }
    }

    /// Values that could not be computed so far.
    pub fn failures(&self) -> u64 {
        self.scratch.failures()
    }

    /// Another event may be in the place of the last one.
    pub fn turn(&mut self) {
        self.loaded = None;
    }

    /// The value; its text is in [`Evaluator::arena`] until the next one.
    pub fn value(&mut self, store: &Store, of: &Expression, view: View) -> Cell {
        self.columns.resize_with((self.width + of.calls.len()).max(self.columns.len()), Column::new);
        if self.loaded == Some(view.event) {
            self.arena.truncate(self.own);
        } else {
            self.arena.clear();
            let mut bytes = store.bytes(view.event);
            for column in 0..self.width {
                let cell = match key::decode_cell(bytes, &mut self.arena) {
                    Some((cell, rest)) => {
                        bytes = rest;
                        cell
                    }
                    None => Cell::NULL,
                };
                self.columns[column].clear();
                self.columns[column].push(cell);
            }
            (self.loaded, self.own) = (Some(view.event), self.arena.len());
        }
        for (i, call) in of.calls.iter().enumerate() {
            let cell = self.call(store, *call, view);
            self.columns[self.width + i].clear();
            self.columns[self.width + i].push(cell);
        }
        let rows = Rows { columns: &self.columns, time: &[store.origin(view.event).time] };
        of.program.eval(&rows, &mut self.arena, &[0], &mut self.scratch, &mut self.out);
        self.out[0]
    }

    /// The text of the last value.
    pub fn arena(&self) -> &[u8] {
        &self.arena
    }

    fn call(&mut self, store: &Store, call: Call, view: View) -> Cell {
        let of = |step: StepId| call.step.is_none_or(|s| s == step);
        let mut events = std::mem::take(&mut self.events);
        events.clear();
        if view.with.is_some_and(of) {
            events.push(view.event);
        }
        events.extend(store.back(view.link).filter(|(step, _)| of(*step)).map(|(_, event)| event));
        let cell = self.over(store, call, view, &events);
        self.events = events;
        cell
    }

    /// The call over events from the last one back.
    fn over(&mut self, store: &Store, call: Call, view: View, events: &[u32]) -> Cell {
        let value = |event: &u32| match call.column {
            Some(column) => at(store.bytes(*event), column),
            None => Value::Null,
        };
        match call.function {
            Function::Count => Cell::int(match call.column {
                Some(_) => events.iter().filter(|e| value(e) != Value::Null).count(),
                None => events.len(),
            } as i64),
            Function::First | Function::Last => {
                let n = call.offset as usize;
                let event = match call.function {
                    Function::First => events.len().checked_sub(n + 1).map(|i| &events[i]),
                    _ => events.get(n),
                };
                event.map_or(Cell::NULL, |e| push(value(e), &mut self.arena))
            }
            Function::Sum | Function::Avg => {
                let (mut n, mut whole, mut float, mut floats) = (0u64, 0i128, 0.0, false);
                // From the first on.
                for event in events.iter().rev() {
                    match value(event) {
                        Value::Int(v) => (n, whole, float) = (n + 1, whole + i128::from(v), float + v as f64),
                        Value::Float(v) => (n, float, floats) = (n + 1, float + v, true),
                        _ => {}
                    }
                }
                match (n, call.function, floats) {
                    (0, ..) => Cell::NULL,
                    (_, Function::Sum, false) => match i64::try_from(whole) {
                        Ok(sum) => Cell::int(sum),
                        Err(_) => Cell::float(whole as f64),
                    },
                    (_, Function::Sum, true) => Cell::float(float),
                    (_, _, false) => Cell::float(whole as f64 / n as f64),
                    (..) => Cell::float(float / n as f64),
                }
            }
            Function::Min | Function::Max => {
                let values = events.iter().map(value).filter(|v| *v != Value::Null);
                let best = match call.function {
                    Function::Min => values.reduce(|a, b| if key::compare_values(b, a).is_le() { b } else { a }),
                    _ => values.reduce(|a, b| if key::compare_values(b, a).is_ge() { b } else { a }),
                };
                best.map_or(Cell::NULL, |v| push(v, &mut self.arena))
            }
            Function::Collect => {
                let mut text = Vec::from(b"[");
                for event in events.iter().rev() {
                    if text.len() > 1 {
                        text.push(b',');
                    }
                    json(value(event), &mut text);
                }
                text.push(b']');
                push(Value::Json(&text), &mut self.arena)
            }
            Function::MatchStart => {
                let first = store.back(view.link).last().map_or(view.event, |(_, event)| event);
                Cell::time(store.origin(first).time)
            }
            Function::MatchEnd => Cell::time(store.origin(view.event).time),
        }
    }
}

/// Column `column` of an event.
pub fn at(mut bytes: &[u8], column: usize) -> Value<'_> {
    for _ in 0..column {
        match key::decode(bytes) {
            Some((_, rest)) => bytes = rest,
            None => return Value::Null,
        }
    }
    key::decode(bytes).map_or(Value::Null, |(value, _)| value)
}

pub(super) fn push(value: Value<'_>, arena: &mut Vec<u8>) -> Cell {
    match value {
        Value::Null => Cell::NULL,
        Value::Bool(v) => Cell::bool(v),
        Value::Int(v) => Cell::int(v),
        Value::Float(v) => Cell::float(v),
        Value::Time(v) => Cell::time(v),
        Value::Str(text) | Value::Json(text) => {
            let Ok(start) = u32::try_from(arena.len()) else { return Cell::NULL };
            arena.extend_from_slice(text);
            let length = text.len() as u32;
            if matches!(value, Value::Str(_)) { Cell::str(start, length) } else { Cell::json(start, length) }
        }
    }
}

/// Appends a value as JSON.
pub fn json(value: Value<'_>, out: &mut Vec<u8>) {
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Bool(v) => out.extend_from_slice(if v { b"true" } else { b"false" }),
        Value::Int(v) => out.extend_from_slice(v.to_string().as_bytes()),
        Value::Float(v) => out.extend_from_slice(serde_json::to_string(&v).unwrap_or_default().as_bytes()),
        Value::Time(v) => {
            out.push(b'"');
            out.extend_from_slice(crate::time::EventTime(v).to_string().as_bytes());
            out.push(b'"');
        }
        Value::Str(text) => {
            let text = String::from_utf8_lossy(text);
            out.extend_from_slice(serde_json::to_string(&*text).unwrap_or_default().as_bytes());
        }
        Value::Json(text) => out.extend_from_slice(text),
    }
}

/// The conditions that look at the match so far.
#[derive(Debug)]
pub struct Conditions {
    list: Vec<Option<Expression>>,
    evaluator: Evaluator,
    /// The step under test counts as taken.
    with: bool,
}

impl Conditions {
    /// For each step what of its condition looks back. `with`: the event under test is seen as taken by its step.
    pub fn new(list: Vec<Option<Expression>>, width: usize, with: bool) -> Self {
        Self { list, evaluator: Evaluator::new(width), with }
    }

    /// Values that could not be computed so far.
    pub fn failures(&self) -> u64 {
        self.evaluator.failures()
    }
}

impl Judge for Conditions {
    fn turn(&mut self) {
        self.evaluator.turn();
    }

    fn met(&mut self, store: &Store, step: StepId, before: u32, event: u32) -> bool {
        let Some(of) = &self.list[step] else { return true };
        let view = View { link: before, event, with: self.with.then_some(step) };
        let cell = self.evaluator.value(store, of, view);
        cell.tag() == Tag::Bool && cell.bits() != 0
    }
}
