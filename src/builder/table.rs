//! Rows that are looked up, as a program says them.

use super::part::{IntoNames, IntoSpan, Part, offers};
use crate::config::Given;

/// A table: `[tables.<name>]` of a pipeline file, with the same keys, defaults and checks. Streams look up in it:
/// [`Stream::enrich`](super::Stream::enrich).
#[derive(Clone)]
#[must_use]
pub struct Table {
    pub(super) part: Part,
}

impl Table {
    /// A table of the named `type`, for one that has no constructor here.
    #[track_caller]
    pub fn of_type(kind: &str) -> Self {
        let mut part = Part::default();
        part.say("type", "of_type", &[&kind.into()], kind.into());
        Self { part }
    }

    /// A file of rows, looked up by one column or several.
    #[track_caller]
    pub fn file(path: &str, key: impl IntoNames) -> Self {
        let (mut part, key) = (Part::default(), key.into_names());
        part.say("type", "file", &[&path.into(), &key], "file".into());
        part.say("path", "file", &[&path.into(), &key], path.into());
        part.say("key", "file", &[&path.into(), &key], key.clone());
        Self { part }
    }

    /// The column that says from when on a row is valid, and its unit: `s`, `ms`, `us`, `ns` or `rfc3339`. Rows of a key
    /// are its versions then.
    #[track_caller]
    pub fn time(mut self, field: &str, unit: &str) -> Self {
        let said = [&Given::from(field), &Given::from(unit)];
        self.part.say("time.field", "time", &said, field.into());
        self.part.say("time.unit", "time", &said, unit.into());
        self
    }

    offers! {
        /// How rows are written: `json` or `csv`; if unsaid, by the path's ending.
        format(format: &str) says "format";
        /// How often it is looked whether the file has changed; if unsaid, never. Results depend on the clock then.
        refresh(span: impl IntoSpan) says "refresh";
    }

    /// Any key of a table by its name, with dots for tables in tables.
    #[track_caller]
    pub fn with(mut self, key: &str, value: impl Into<Given>) -> Self {
        let value = value.into();
        self.part.say(key, "with", &[&key.into(), &value], value.clone());
        self
    }
}
