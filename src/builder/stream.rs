//! Some events of a source, with fields that are computed, as a program says it.

use super::part::{At, IntoNames, IntoSpan, Part, offers};
use crate::config::{Given, Setting};
use crate::event::Value;
use crate::expr::Answer;

/// A stream: `[streams.<name>]` of a pipeline file, with the same keys, defaults and checks.
///
/// Expressions are SQL, as in the file; where that does not reach, closures: [`Stream::filter_fn`],
/// [`Stream::field_fn`], and functions that any expression can call: [`Pipeline::function`](super::Pipeline::function).
#[derive(Clone)]
#[must_use]
pub struct Stream {
    pub(super) part: Part,
}

impl Stream {
    /// A stream of all events of sources and streams: one name, or several for their union.
    #[track_caller]
    pub fn from(names: impl IntoNames) -> Self {
        let (mut part, names) = (Part::default(), names.into_names());
        part.say("from", "from", &[&names], names.clone());
        Self { part }
    }

    offers! {
        /// The events it keeps (key `where`): an SQL condition. Of several, and those of [`Stream::filter_fn`], all must
        /// hold.
        filter(sql: &str) says "where";
        /// The share of these that it keeps, chosen by content; each event for itself.
        sample(share: f64) says "sample";
    }

    /// Streams with the same `from`: this one has the events that none of them took.
    #[track_caller]
    pub fn rest_of(mut self, names: impl IntoNames) -> Self {
        let names = names.into_names();
        self.part.say("rest_of", "rest_of", &[&names], names.clone());
        self
    }

    /// The share that it keeps: all events of a key (an SQL expression) or none. Another seed makes another choice; 0 is
    /// the one of a file that says none.
    #[track_caller]
    pub fn sample_by(mut self, share: f64, sql: &str, seed: u64) -> Self {
        let said: [&Given; 3] = [&share.into(), &sql.into(), &seed.into()];
        for (key, value) in ["sample.rate", "sample.by", "sample.seed"].into_iter().zip(said) {
            self.part.say(key, "sample_by", &said, value.clone());
        }
        self
    }

    /// Adds columns of a table to the events, before all else: `key` is an SQL expression for each column of the table's
    /// key, `add` the columns. Of several lookups a later one may use what an earlier one added.
    #[track_caller]
    pub fn enrich(mut self, table: &str, key: impl IntoNames, add: impl IntoNames) -> Self {
        let (table, key, add): (Given, Given, Given) = (table.into(), key.into_names(), add.into_names());
        let call = format!("enrich({}, {}, {})", table.written(), key.written(), add.written());
        let place = At::here().place(&call);
        let entry = |key: &str, value: &Given| Setting { key: key.into(), value: value.clone(), place: place.clone() };
        let one = Given::Table(vec![entry("table", &table), entry("key", &key), entry("add", &add)]);
        self.part.say("enrich", "enrich", &[&table, &key, &add], Given::List(vec![one]));
        self
    }

    /// A field that is computed by an SQL expression (key `set`); it hides a field of the event with the same name.
    #[track_caller]
    pub fn field(mut self, name: &str, sql: &str) -> Self {
        self.part.say_in("set", "field", name, sql);
        self
    }

    /// The events it keeps, by a closure over the fields that it names (dotted; those that a stream before this one sets
    /// are among them): only they are decoded. It sees NULLs, gives `bool` or `Option<bool>`, and must depend on its
    /// arguments alone: it runs on any worker, any number of times.
    ///
    /// ```
    /// # use highwater::Stream;
    /// let large = Stream::from("events").filter_fn(["data.price", "user_id"], |[price, user]| {
    ///     price.as_f64().is_some_and(|price| price > 100.0) && user.as_str().is_some()
    /// });
    /// ```
    #[track_caller]
    pub fn filter_fn<const N: usize, R: Answer>(
        mut self,
        paths: [&str; N],
        keep: impl Fn([Value<'_>; N]) -> R + Send + Sync + 'static,
    ) -> Self {
        self.part.say_closure(("where", "filter_fn", ""), paths, keep);
        self
    }

    /// A field that a closure computes, as [`Stream::filter_fn`]: a `bool`, a number, text, a time
    /// ([`EventTime`](crate::time::EventTime)), an [`OwnedValue`](crate::OwnedValue) or an `Option` of one. What is no
    /// value of SQL (NaN, text that is no JSON where it says so) is NULL, counted as a failed expression.
    ///
    /// ```
    /// # use highwater::Stream;
    /// let shopping = Stream::from("events").field_fn("shop", ["data.page"], |[page]| {
    ///     page.as_str().and_then(|page| page.split('/').next()).map(str::to_lowercase)
    /// });
    /// ```
    #[track_caller]
    pub fn field_fn<const N: usize, R: Answer>(
        mut self,
        name: &str,
        paths: [&str; N],
        value: impl Fn([Value<'_>; N]) -> R + Send + Sync + 'static,
    ) -> Self {
        self.part.say_closure(("set", "field_fn", name), paths, value);
        self
    }

    /// Drops duplicates: events that have the same value of an SQL expression as one that was kept, and are nearer to it
    /// in event time than `within`.
    #[track_caller]
    pub fn dedup(mut self, sql: &str, within: impl IntoSpan) -> Self {
        let within = within.into();
        let said = [&sql.into(), &within];
        self.part.say("dedup.by", "dedup", &said, sql.into());
        self.part.say("dedup.within", "dedup", &said, within.clone());
        self
    }

    /// Any key of a stream by its name, with dots for tables in tables.
    #[track_caller]
    pub fn with(mut self, key: &str, value: impl Into<Given>) -> Self {
        let value = value.into();
        self.part.say(key, "with", &[&key.into(), &value], value.clone());
        self
    }
}
