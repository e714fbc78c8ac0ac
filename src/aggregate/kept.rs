//! Values with their places, turned into states of any shape, one for each group, beside the rows of a table.
//!
//! A [`Keep`] is the state of one group; a [`Store`] holds those of all groups for one kernel. Each state is bounded by
//! itself, whatever comes: [`Keep::bytes`] never passes what its file documents.
//!
//! Cost: an addition finds its state by the group's number and touches nothing else; states are made with their groups.

use super::buckets::Buckets;
use super::layout::Function;
use super::pick::Pick;
use super::prefix::Prefix;
use super::tops::Tops;
use super::uniques::Uniques;
use super::user::{Held, UserAggregate};
use crate::event::{Cell, Column, Origin, Origins, Tag, Value};
use std::any::Any;
use std::fmt::Debug;
use std::sync::Arc;

/// What is kept.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum How {
    /// The value of the first row.
    First,
    /// The value of the last row.
    Last,
    /// The value of the row with the least value of this column.
    ArgMin(usize),
    /// The value of the row with the greatest value of this column.
    ArgMax(usize),
    /// The first values.
    Collect,
    /// The least different values.
    CollectDistinct,
    /// How often each value occurs, and a sample of rows.
    Tops,
    /// Different numbers.
    Uniques,
    /// Counts of numbers between bounds.
    Buckets(Arc<[Value<'static>]>),
    /// What an aggregate of the program keeps.
    User(UserAggregate),
}

impl How {
    pub(super) fn of(function: &Function) -> Option<How> {
        Some(match function {
            Function::First => How::First,
            Function::Last => How::Last,
            Function::ArgMin(by) => How::ArgMin(*by),
            Function::ArgMax(by) => How::ArgMax(*by),
            Function::Collect | Function::StringAgg(_) => How::Collect,
            Function::CollectDistinct | Function::StringAggDistinct(_) => How::CollectDistinct,
            Function::Mode | Function::TopK(_) | Function::ApproxTopK(_) => How::Tops,
            Function::SumDistinct | Function::AvgDistinct => How::Uniques,
            Function::Histogram(bounds) => How::Buckets(Arc::clone(bounds)),
            Function::User(aggregate) => How::User(aggregate.clone()),
            _ => return None,
        })
    }

    /// The column whose value decides, where there is one.
    fn by(&self) -> Option<usize> {
        match self {
            How::ArgMin(by) | How::ArgMax(by) => Some(*by),
            _ => None,
        }
    }

    /// The same over other columns.
    pub(super) fn over(&self, column: &dyn Fn(usize) -> usize) -> How {
        match self {
            How::ArgMin(by) => How::ArgMin(column(*by)),
            How::ArgMax(by) => How::ArgMax(column(*by)),
            other => other.clone(),
        }
    }

    pub(super) fn needs_origins(&self) -> bool {
        !matches!(self, How::CollectDistinct | How::Uniques | How::Buckets(_) | How::User(_))
    }

    pub(super) fn describe(&self, input: usize) -> String {
        let values = super::COLLECTED_VALUES;
        match self {
            How::First => format!("first value of column {input} and its place"),
            How::Last => format!("last value of column {input} and its place"),
            How::ArgMin(by) => format!("value of column {input} where column {by} is least, and its place"),
            How::ArgMax(by) => format!("value of column {input} where column {by} is greatest, and its place"),
            How::Collect => format!("first {values} values of column {input} and their places"),
            How::CollectDistinct => format!("least {values} different values of column {input}"),
            How::Tops => format!(
                "counts of up to {} different values of column {input}, and a sample of rows",
                super::COUNTED_VALUES
            ),
            How::Uniques => format!("up to {} different numbers of column {input}", super::EXACT_DISTINCT),
            How::User(aggregate) => format!("state of {aggregate:?} of column {input}"),
            How::Buckets(bounds) => format!("{} counts of column {input}, by bounds {bounds:?}", bounds.len() + 1),
        }
    }

    pub(super) fn store(&self) -> Box<dyn Store> {
        match self {
            How::First | How::Last | How::ArgMin(_) | How::ArgMax(_) => Of::<Pick>::make(self),
            How::Collect | How::CollectDistinct => Of::<Prefix>::make(self),
            How::Tops => Of::<Tops>::make(self),
            How::Uniques => Of::<Uniques>::make(self),
            How::Buckets(_) => Of::<Buckets>::make(self),
            How::User(_) => Of::<Held>::make(self),
        }
    }
}

/// One row's part in a state.
pub(super) struct Row<'a> {
    /// The value, not NULL.
    pub(super) value: Cell,
    /// The value that decides, not NULL where there is one.
    pub(super) by: Cell,
    pub(super) arena: &'a [u8],
    pub(super) origin: Origin,
}

/// The state of one group: a function of the multiset of the rows it has seen, in any order and any tree of merges.
pub(super) trait Keep: Default + Debug + Send + 'static {
    /// Takes a row; false where its value is not of a type that is taken.
    fn add(&mut self, how: &How, row: &Row<'_>) -> bool;
    /// Takes all that another state has seen.
    fn merge(&mut self, how: &How, other: &Self);
    /// Memory held beside the struct.
    fn bytes(&self) -> usize;
    /// Appends the state as bytes.
    fn encode(&self, out: &mut Vec<u8>);
    /// Reads what `encode` wrote; none where the bytes are something else.
    fn decode(how: &How, bytes: &[u8]) -> Option<Self>;
    /// The value of a call, and whether it is approximate; text is appended to `arena`.
    fn answer(&mut self, how: &How, function: &Function, arena: &mut Vec<u8>) -> (Cell, bool);
}

/// Rows of a batch for one kernel.
pub(super) struct Input<'a> {
    pub(super) groups: &'a [u32],
    pub(super) rows: &'a [u32],
    pub(super) columns: &'a [Column],
    pub(super) input: usize,
    pub(super) arena: &'a [u8],
    pub(super) origins: Origins<'a>,
}

/// The states of all groups for one kernel.
pub(super) trait Store: Debug + Send {
    /// Adds rows; gives the number of values that are neither NULL nor of a type that is taken.
    fn add(&mut self, input: &Input<'_>) -> u64;
    /// Adds a state of another store of the same kind.
    fn merge(&mut self, group: u32, other: &dyn Store, other_group: u32);
    /// Appends the state of a group, or nothing where it has none.
    fn encode(&self, group: u32, out: &mut Vec<u8>);
    /// Adds a state as [`Store::encode`] writes it; none where the bytes are something else.
    fn take(&mut self, group: u32, bytes: &[u8]) -> Option<()>;
    /// Gives the value of each function over the states of some groups, and whether it is approximate.
    fn answers(
        &self,
        parts: &[(&dyn Store, u32)],
        functions: &mut dyn Iterator<Item = &Function>,
        arena: &mut Vec<u8>,
        say: &mut dyn FnMut(Cell, bool),
    );
    fn clear(&mut self);
    fn bytes(&self) -> usize;
    fn any(&self) -> &dyn Any;
}

#[derive(Debug)]
struct Of<K> {
    how: How,
    /// By group: index into `states` plus one, 0 for none.
    index: Vec<u32>,
    states: Vec<K>,
    held: usize,
}

impl<K: Keep> Of<K> {
    fn make(how: &How) -> Box<dyn Store> {
        Box::new(Of::<K> { how: how.clone(), index: Vec::new(), states: Vec::new(), held: 0 })
    }

    fn get(&self, group: u32) -> Option<&K> {
        let i = *self.index.get(group as usize)?;
        self.states.get((i as usize).wrapping_sub(1))
    }

    /// Changes the state of a group, made where there is none.
    fn with<R>(&mut self, group: u32, change: impl FnOnce(&How, &mut K) -> R) -> R {
        let group = group as usize;
        if self.index.len() <= group {
            self.index.resize(group + 1, 0);
        }
        if self.index[group] == 0 {
            self.states.push(K::default());
            self.index[group] = self.states.len() as u32;
        }
        let state = &mut self.states[self.index[group] as usize - 1];
        let before = state.bytes();
        let result = change(&self.how, state);
        self.held = self.held + state.bytes() - before;
        result
    }
}

fn same<K: Keep>(store: &dyn Store) -> &Of<K> {
    store.any().downcast_ref().expect("stores of equal layouts are of one kind")
}

impl<K: Keep> Store for Of<K> {
    fn add(&mut self, input: &Input<'_>) -> u64 {
        let column = &input.columns[input.input];
        let by = self.how.by().map(|by| &input.columns[by]);
        let mut strange = 0;
        for (group, row) in input.groups.iter().zip(input.rows) {
            let value = column[*row as usize];
            let by = by.map(|by| by[*row as usize]);
            if value.is_null() || by.is_some_and(Cell::is_null) {
                continue;
            }
            let origin = input.origins.of(*row);
            let row = Row { value, by: by.unwrap_or(Cell::NULL), arena: input.arena, origin };
            strange += u64::from(!self.with(*group, |how, state| state.add(how, &row)));
        }
        strange
    }

    fn merge(&mut self, group: u32, other: &dyn Store, other_group: u32) {
        if let Some(other) = same::<K>(other).get(other_group) {
            self.with(group, |how, state| state.merge(how, other));
        }
    }

    fn encode(&self, group: u32, out: &mut Vec<u8>) {
        if let Some(state) = self.get(group) {
            state.encode(out);
        }
    }

    fn take(&mut self, group: u32, bytes: &[u8]) -> Option<()> {
        if !bytes.is_empty() {
            let other = K::decode(&self.how, bytes)?;
            self.with(group, |how, state| state.merge(how, &other));
        }
        Some(())
    }

    fn answers(
        &self,
        parts: &[(&dyn Store, u32)],
        functions: &mut dyn Iterator<Item = &Function>,
        arena: &mut Vec<u8>,
        say: &mut dyn FnMut(Cell, bool),
    ) {
        let mut whole = K::default();
        for (store, group) in parts {
            if let Some(state) = same::<K>(*store).get(*group) {
                whole.merge(&self.how, state);
            }
        }
        for function in functions {
            let (cell, approximate) = whole.answer(&self.how, function, arena);
            say(cell, approximate);
        }
    }

    fn clear(&mut self) {
        self.index.clear();
        self.states.clear();
        self.index.shrink_to(65_536);
        self.states.shrink_to(1024);
        self.held = 0;
    }

    fn bytes(&self) -> usize {
        self.index.capacity() * 4 + self.states.capacity() * size_of::<K>() + self.held
    }

    fn any(&self) -> &dyn Any {
        self
    }
}

/// True where the bytes are one value that [`key::encode_value`](crate::event::key::encode_value) makes.
pub(super) fn is_value(bytes: &[u8]) -> bool {
    match crate::event::key::decode(bytes) {
        Some((Value::Str(text) | Value::Json(text), [])) => std::str::from_utf8(text).is_ok(),
        Some((Value::Null, _)) => false,
        Some((Value::Float(v), [])) => v.is_finite(),
        Some((_, rest)) => rest.is_empty(),
        None => false,
    }
}

/// The cell of a value; text is appended to `arena`. NULL where the arena would pass 4 GiB.
pub(super) fn cell(value: Value<'_>, arena: &mut Vec<u8>) -> Cell {
    match value {
        Value::Null => Cell::NULL,
        Value::Bool(v) => Cell::bool(v),
        Value::Int(v) => Cell::int(v),
        Value::Float(v) => Cell::float(v),
        Value::Time(v) => Cell::time(v),
        Value::Str(text) => text_cell(Tag::Str, text, arena),
        Value::Json(text) => text_cell(Tag::Json, text, arena),
    }
}

fn text_cell(tag: Tag, text: &[u8], arena: &mut Vec<u8>) -> Cell {
    let start = arena.len();
    arena.extend_from_slice(text);
    written(tag, start, arena)
}

/// The cell of the text that was appended to `arena` from `start` on. NULL where the arena passes 4 GiB.
pub(super) fn written(tag: Tag, start: usize, arena: &mut Vec<u8>) -> Cell {
    let len = arena.len() - start;
    if arena.len() > u32::MAX as usize {
        arena.truncate(start);
        return Cell::NULL;
    }
    let make = if tag == Tag::Str { Cell::str } else { Cell::json };
    make(start as u32, len as u32)
}

/// Bytes, read from the front.
pub(super) struct Bytes<'a>(pub(super) &'a [u8]);

impl<'a> Bytes<'a> {
    pub(super) fn u64(&mut self) -> Option<u64> {
        let (word, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u64::from_le_bytes(*word))
    }

    pub(super) fn origin(&mut self) -> Option<Origin> {
        let (origin, rest) = Origin::decode(self.0)?;
        self.0 = rest;
        Some(origin)
    }

    /// A length and so many bytes.
    pub(super) fn bytes(&mut self) -> Option<&'a [u8]> {
        let len = usize::try_from(self.u64()?).ok()?;
        let (head, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(head)
    }
}

pub(super) fn put_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&(bytes.len() as u64).to_le_bytes());
    out.extend_from_slice(bytes);
}
