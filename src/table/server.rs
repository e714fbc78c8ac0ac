//! What goes wrong with the servers of tables, turned into what their user can do.

use super::Spec;
use super::asker::NO_ROW;
use super::desk::{Found, Key, Version};
use crate::error::Error;
use crate::event::{EventBatch, Value, key};
use crate::time::{EventTime, format_rfc3339};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

/// Rows that go to the builder together.
pub(super) const ROWS: usize = 4_096;

/// The server cannot be reached, or lets nobody in; `why` holds no secret.
pub(super) fn away(spec: &Spec, host: &str, why: impl std::fmt::Display) -> Error {
    let message = format!("the server of table {} ({host}) cannot be read: {why}", spec.name);
    let help = "start the server, or mend url: host, port, database, and who logs in";
    Error::outside("table.server", message).at(format!("tables.{}.url", spec.name)).help(help)
}

/// What is said of a server that was silent for so long.
pub(super) fn silent(limit: Duration) -> String {
    let span = crate::time::Span(i64::try_from(limit.as_micros()).unwrap_or(i64::MAX));
    format!("it was silent for {span}, which is its timeout")
}

/// The address cannot be taken apart.
pub(super) fn no_address(spec: &Spec, example: &str) -> Error {
    let message = format!("the address of the server of table {} cannot be taken apart", spec.name);
    let help = format!("write {example}, and %40 for @, %3A for :, %2F for / in names and passwords");
    Error::user("table.url", message).at(format!("tables.{}.url", spec.name)).help(help)
}

/// A row that is none; half a table would give wrong answers in silence.
pub(super) fn no_row(spec: &Spec, why: &str) -> Error {
    Error::user(NO_ROW, format!("a row of table {} cannot be used: {why}", spec.name)).at(spec.place())
}

/// Rows as they come, by their keys.
#[derive(Debug, Default)]
pub(super) struct Answers {
    rows: HashMap<Key, Vec<Version>>,
}

impl Answers {
    /// Takes the rows of a batch; `keys`, `values`: their columns.
    pub(super) fn add(&mut self, batch: &EventBatch, keys: &[usize], values: &[usize]) {
        for row in 0..batch.rows() {
            let (mut of, mut all) = (Vec::new(), Vec::new());
            for column in keys {
                key::encode(batch.columns[*column][row], &batch.bytes, &mut of);
            }
            for column in values {
                key::encode_value(batch.columns[*column][row], &batch.bytes, &mut all);
            }
            self.rows.entry(of.into()).or_default().push((batch.time[row], all));
        }
    }

    /// All of them.
    pub(super) fn finish(self) -> Found {
        self.rows.into_iter().map(|(key, rows)| (key, Arc::new(rows))).collect()
    }
}

/// The values of a key.
pub(super) fn values_of(mut key: &[u8]) -> Vec<Value<'_>> {
    let mut values = Vec::new();
    while let Some((value, rest)) = key::decode(key) {
        values.push(value);
        key = rest;
    }
    values
}

/// A value as text that says it again; none for what is no text.
pub(super) fn text_of(value: Value<'_>) -> Option<String> {
    Some(match value {
        Value::Null => return None,
        Value::Bool(flag) => flag.to_string(),
        Value::Int(n) => n.to_string(),
        Value::Float(n) => format!("{n:?}"),
        Value::Time(us) => format_rfc3339(EventTime(us)),
        Value::Str(text) | Value::Json(text) => std::str::from_utf8(text).ok()?.to_owned(),
    })
}
