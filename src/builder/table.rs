//! Rows that are looked up, as a program says them.

use super::part::{IntoNames, IntoSpan, Part, offers};
use crate::config::Given;

/// What stands for an address, which says who logs in.
const HIDDEN: &str = "***";

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

    /// A table or view of PostgreSQL, looked up by one column or several; needs the feature `postgres`. `url`:
    /// `postgres://user:password@host:port/database`, which no problem shows.
    #[track_caller]
    pub fn postgres(url: &str, from: &str, key: impl IntoNames) -> Self {
        Self::on_server("postgres", url, ("from", from), key.into_names())
    }

    /// A query of PostgreSQL, whose columns are the table's; see [`Table::postgres`].
    #[track_caller]
    pub fn postgres_query(url: &str, query: &str, key: impl IntoNames) -> Self {
        Self::on_server("postgres_query", url, ("query", query), key.into_names())
    }

    /// Hashes of Redis, each a row that is looked up by what is behind the prefix of its name: `user:*`; needs the feature
    /// `redis`. `url`: `redis://user:password@host:port/0`, which no problem shows.
    #[track_caller]
    pub fn redis(url: &str, pattern: &str, key: &str) -> Self {
        Self::on_server("redis", url, ("match", pattern), key.into_names())
    }

    /// One hash of Redis, whose fields are keys and whose values are rows as JSON objects; see [`Table::redis`].
    #[track_caller]
    pub fn redis_hash(url: &str, hash: &str, key: &str) -> Self {
        Self::on_server("redis_hash", url, ("hash", hash), key.into_names())
    }

    #[track_caller]
    fn on_server(method: &str, url: &str, (rows, said): (&str, &str), key: Given) -> Self {
        let kind = method.split('_').next().unwrap_or(method);
        let (hidden, rows_said) = (Given::from(HIDDEN), Given::from(said));
        let (mut part, shown) = (Part::default(), [&hidden, &rows_said, &key]);
        part.say("type", method, &shown, kind.into());
        part.say("url", method, &shown, url.into());
        part.say(rows, method, &shown, said.into());
        part.say("key", method, &shown, key.clone());
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
        /// How often it is looked whether the file, or the table of a server, has changed; if unsaid, never. Results depend on
        /// the clock then.
        refresh(span: impl IntoSpan) says "refresh";
        /// How long a server may be silent.
        timeout(span: impl IntoSpan) says "timeout";
        /// `load`: the table of a server is read as a whole; `lookup`: rows are asked for when events need them.
        mode(mode: &str) says "mode";
        /// How many keys are kept of a table whose rows are asked for.
        cache(keys: u64) says "cache";
        /// How long each of them is kept.
        cache_for(span: impl IntoSpan) says "cache_for";
    }

    /// Any key of a table by its name, with dots for tables in tables.
    #[track_caller]
    pub fn with(mut self, key: &str, value: impl Into<Given>) -> Self {
        let value = value.into();
        let shown = if key == "url" { Given::from(HIDDEN) } else { value.clone() };
        self.part.say(key, "with", &[&key.into(), &shown], value);
        self
    }
}
