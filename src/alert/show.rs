//! A change in the life of an alert, into a row of its part, and such a row into a [`Change`].

use super::life::Said;
use super::{Change, State, Template};
use crate::event::{OwnedValue, Value, key};
use crate::result::{Op, RowBatch, RowHead, RowRef};
use crate::time::{EventTime, format_rfc3339};
use std::collections::BTreeMap;

/// What the rows and messages of an alert say.
#[derive(Debug, Clone, PartialEq)]
pub struct Shown {
    /// The rule's name.
    pub rule: String,
    /// The index of its part.
    pub part: u32,
    /// How grave it is.
    pub severity: String,
    /// Labels beside those of the group.
    pub labels: Vec<(String, Template)>,
    /// What happened.
    pub summary: Template,
    /// Further texts.
    pub annotations: Vec<(String, Template)>,
    /// The actions that are told.
    pub notify: Vec<String>,
    /// The dimensions of the rows that it looks at.
    pub dimensions: Vec<String>,
    /// Their values.
    pub values: Vec<String>,
    /// How many of these rows of the alert have: the first.
    pub taken: usize,
    /// The names of the two times of the rows.
    pub times: [&'static str; 2],
}

/// How many values rows of alerts have before those of the row behind.
const OWN: usize = 7;

impl Shown {
    /// The names that templates can use beside the columns of the row.
    pub const NAMES: [&'static str; 8] =
        ["alert", "alert_id", "severity", "state", "at", "since", "fired_at", "window"];

    /// Appends the row of a change; `key` are the bytes of the group.
    pub(super) fn row(&self, key: &[u8], said: &Said, (time, op): (i64, Op), out: &mut RowBatch) {
        let Said { state, at, since, fired, row, revision, .. } = said;
        let id = said.id(&self.rule, key);
        let find = |name: &str| {
            let values = || cells(&row.values);
            self.find(name, (&id, *state), (*at, *since, *fired), row.window, cells(key), values())
        };
        let summary = self.summary.render(&find);
        let start = out.bytes.len();
        out.bytes.extend_from_slice(key);
        let time_or_null = |time: Option<i64>| time.map_or(OwnedValue::Null, OwnedValue::Time);
        put(&mut out.bytes, Value::Str(id.as_bytes()));
        put(&mut out.bytes, Value::Str(state.word().as_bytes()));
        put(&mut out.bytes, Value::Time(*at));
        put(&mut out.bytes, Value::Time(*since));
        put(&mut out.bytes, time_or_null(*fired).as_value());
        put(&mut out.bytes, Value::Str(self.severity.as_bytes()));
        put(&mut out.bytes, Value::Str(summary.as_bytes()));
        out.bytes.extend_from_slice(first(&row.values, self.taken));
        let head = RowHead {
            revision: *revision,
            op,
            approximate: (row.approximate & ((1u64 << self.taken.min(57)) - 1)) << OWN,
            start: start as u32,
            key_len: key.len() as u32,
            values_len: (out.bytes.len() - start - key.len()) as u32,
            ..RowHead::new(self.part, time, row.window)
        };
        out.heads.push(head);
    }

    /// The value of a name in a template.
    fn find<'a>(
        &self,
        name: &str,
        (id, state): (&str, State),
        (at, since, fired): (i64, i64, Option<i64>),
        (start, end): (i64, i64),
        mut dimensions: impl Iterator<Item = Value<'a>>,
        mut values: impl Iterator<Item = Value<'a>>,
    ) -> Option<OwnedValue> {
        if let Some(i) = self.dimensions.iter().position(|one| one == name) {
            return Some(dimensions.nth(i).unwrap_or(Value::Null).into_owned());
        }
        if let Some(i) = self.values.iter().position(|one| one == name) {
            return Some(values.nth(i).unwrap_or(Value::Null).into_owned());
        }
        let text = |text: &str| OwnedValue::Text(text.to_owned());
        Some(match name {
            _ if name == self.times[0] => OwnedValue::Time(start),
            _ if name == self.times[1] => OwnedValue::Time(end),
            "alert" => text(&self.rule),
            "alert_id" => text(id),
            "severity" => text(&self.severity),
            "state" => text(state.word()),
            "at" => OwnedValue::Time(at),
            "since" => OwnedValue::Time(since),
            "fired_at" => fired.map_or(OwnedValue::Null, OwnedValue::Time),
            "window" => OwnedValue::Text(window(start, end)),
            _ => return None,
        })
    }

    /// What a row of the alert tells; `None` where nobody is to hear of it: it is pending, or over without having fired, or
    /// the retraction of anything but that it fired or had no data. Where it fired and a correction only changed how, the
    /// assertion beside tells; see [`changes`].
    pub(super) fn change(&self, row: RowRef<'_>) -> Option<Change> {
        let told = Told::of(row)?;
        let state = State::ALL.into_iter().find(|state| state.word() == told.state)?;
        let silent = state == State::NoData;
        if state == State::Pending || (told.fired.is_none() && !silent) {
            return None;
        }
        let state = match row.head.op {
            Op::Assert => state,
            Op::Retract => State::Corrected,
        };
        Some(self.as_change(row, told, state))
    }

    /// What a row of the alert says, whoever hears of it.
    pub fn standing(&self, row: RowRef<'_>) -> Option<Change> {
        let told = Told::of(row)?;
        let state = State::ALL.into_iter().find(|state| state.word() == told.state)?;
        Some(self.as_change(row, told, state))
    }

    fn as_change(&self, row: RowRef<'_>, told: Told, state: State) -> Change {
        let window = (row.head.window_start, row.head.window_end);
        let find = |name: &str| {
            let values = row.values().skip(OWN);
            self.find(name, (&told.id, state), (told.at, told.since, told.fired), window, row.dimensions(), values)
        };
        let shown = |value: OwnedValue| Template::parse("{v}").unwrap_or_default().render(&|_| Some(value.clone()));
        let cells: Vec<Value<'_>> = row.dimensions().collect();
        let cell = |i: usize| cells.get(i).copied().unwrap_or(Value::Null);
        let dimensions = self.dimensions.iter().enumerate().map(|(i, name)| (name, cell(i)));
        let mut labels: BTreeMap<String, String> = dimensions
            .clone()
            .map(|(name, value)| (name.clone(), shown(value.into_owned())))
            .chain(self.labels.iter().map(|(name, text)| (name.clone(), text.render(&find))))
            .collect();
        labels.insert("alert".to_owned(), self.rule.clone());
        labels.insert("severity".to_owned(), self.severity.clone());
        let mut annotations: BTreeMap<String, String> =
            self.annotations.iter().map(|(name, text)| (name.clone(), text.render(&find))).collect();
        annotations.insert("summary".to_owned(), told.summary.clone());
        let values = self.values[..self.taken].iter().zip(row.values().skip(OWN));
        Change {
            id: told.id,
            rule: self.rule.clone(),
            state,
            severity: self.severity.clone(),
            labels,
            annotations,
            values: dimensions.chain(values).map(|(name, value)| (name.clone(), value.into_owned())).collect(),
            window,
            since: told.since,
            fired: told.fired,
            at: told.at,
            notify: self.notify.clone(),
        }
    }
}

/// What a row of an alert says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// The alert.
    pub id: String,
    /// The word of its state.
    pub state: String,
    /// When the change was.
    pub at: i64,
    /// When its condition began to hold.
    pub since: i64,
    /// When it fired.
    pub fired: Option<i64>,
    /// What happened.
    pub summary: String,
}

impl Told {
    /// Reads a row of an alert; `None` where it is none.
    pub fn of(row: RowRef<'_>) -> Option<Self> {
        let mut values = row.values();
        let text = |values: &mut dyn Iterator<Item = Value<'_>>| values.next()?.as_str().map(str::to_owned);
        let (id, state) = (text(&mut values)?, text(&mut values)?);
        let (at, since, fired) = (values.next()?.as_time()?, values.next()?.as_time()?, values.next()?.as_time());
        let _severity = values.next()?;
        Some(Self { id, state, at, since, fired, summary: text(&mut values)? })
    }
}

/// A window as people read it.
fn window(start: i64, end: i64) -> String {
    format!("{} to {}", format_rfc3339(EventTime(start)), format_rfc3339(EventTime(end)))
}

fn put(out: &mut Vec<u8>, value: Value<'_>) {
    let mut arena = Vec::new();
    let mut cell = |bytes: &[u8]| {
        arena.extend_from_slice(bytes);
        bytes.len() as u32
    };
    let cell = match value {
        Value::Null => crate::event::Cell::NULL,
        Value::Bool(v) => crate::event::Cell::bool(v),
        Value::Int(v) => crate::event::Cell::int(v),
        Value::Float(v) => crate::event::Cell::float(v),
        Value::Time(v) => crate::event::Cell::time(v),
        Value::Str(text) => crate::event::Cell::str(0, cell(text)),
        Value::Json(text) => crate::event::Cell::json(0, cell(text)),
    };
    key::encode_value(cell, &arena, out);
}

fn cells(mut bytes: &[u8]) -> impl Iterator<Item = Value<'_>> {
    std::iter::from_fn(move || {
        let (value, rest) = key::decode(bytes)?;
        bytes = rest;
        Some(value)
    })
}

/// The bytes of the first `n` values.
fn first(values: &[u8], n: usize) -> &[u8] {
    let mut rest = values;
    for _ in 0..n {
        match key::decode(rest) {
            Some((_, more)) => rest = more,
            None => break,
        }
    }
    &values[..values.len() - rest.len()]
}
