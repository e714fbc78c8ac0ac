//! Sequences of events of a key, as a program says it.

use super::part::{IntoNames, IntoSpan, Part, offers};
use crate::config::Given;
use crate::event::Value;
use crate::expr::Answer;

/// A pattern: `[patterns.<name>]` of a pipeline file, with the same keys, defaults and checks.
///
/// ```
/// use highwater::{Pattern, Pipeline, Source};
///
/// let events = [
///     r#"{"timestamp": 1, "id": "e1", "user": "u1", "does": "view", "price": 900}"#,
///     r#"{"timestamp": 2, "id": "e2", "user": "u2", "does": "buy"}"#,
///     r#"{"timestamp": 7, "id": "e3", "user": "u1", "does": "buy"}"#,
/// ];
/// let (rows, seen) = std::sync::mpsc::channel();
/// Pipeline::new("shop")
///     .source("events", Source::lines(events))
///     .pattern(
///         "bought",
///         Pattern::from("events")
///             .key("\"user\"")
///             .matching("view -> buy")
///             .step("view", "does = 'view'")
///             .step_fn("buy", ["does", "view.price"], |[does, viewed]| {
///                 does.as_str() == Some("buy") && viewed.as_f64().is_some_and(|price| price > 500.0)
///             })
///             .within("5m"),
///     )
///     .on_rows("bought", move |row| rows.send((row.match_start(), row.get("events").as_json().map(str::to_owned))))
///     .run()?;
/// let (start, events) = seen.recv()?;
/// assert_eq!((start.0, events.as_deref()), (1_000_000, Some(r#"{"view":["e1"],"buy":["e3"]}"#)));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
#[must_use]
pub struct Pattern {
    pub(super) part: Part,
}

impl Pattern {
    /// A pattern over all events of sources and streams: one name, or several for their union.
    #[track_caller]
    pub fn from(names: impl IntoNames) -> Self {
        let (mut part, names) = (Part::default(), names.into_names());
        part.say("from", "from", &[&names], names.clone());
        Self { part }
    }

    /// How steps follow each other (key `match`): `"view -> cart+ -> buy"`.
    #[track_caller]
    pub fn matching(mut self, text: &str) -> Self {
        self.part.say("match", "matching", &[&text.into()], text.into());
        self
    }

    /// The simple form of [`Pattern::matching`]: a step of each event type, in this order, with other events between them.
    #[track_caller]
    pub fn types(mut self, types: impl IntoNames) -> Self {
        let types = types.into_names();
        self.part.say("match", "types", &[&types], types.clone());
        self
    }

    /// The condition of a step (key `define`), in SQL: over the event under test, and over the events that the match has
    /// so far: `"price > avg(cart.price)"`.
    #[track_caller]
    pub fn step(mut self, name: &str, sql: &str) -> Self {
        self.part.say_in("define", "step", name, sql);
        self
    }

    /// The condition of a step, by a closure over the fields that it names, as
    /// [`Stream::filter_fn`](super::Stream::filter_fn): only they are decoded. `cart.price`, with a step before the field, is
    /// the price of the last event that the match has of that step. For what else SQL knows of such events there are functions that a
    /// condition calls: [`Pipeline::function`](super::Pipeline::function), and then `"dear(price, avg(cart.price))"`.
    #[track_caller]
    pub fn step_fn<const N: usize, R: Answer>(
        mut self,
        name: &str,
        paths: [&str; N],
        condition: impl Fn([Value<'_>; N]) -> R + Send + Sync + 'static,
    ) -> Self {
        self.part.say_closure(("define", "step_fn", name), paths, condition);
        self
    }

    /// The key, by a closure over fields of the event, as [`Stream::field_fn`](super::Stream::field_fn).
    #[track_caller]
    pub fn key_fn<const N: usize, R: Answer>(
        mut self,
        paths: [&str; N],
        key: impl Fn([Value<'_>; N]) -> R + Send + Sync + 'static,
    ) -> Self {
        self.part.say_closure(("key", "key_fn", ""), paths, key);
        self
    }

    /// A value: a name and an SQL expression over the events of a match: `"first(view.user_id)"`.
    #[track_caller]
    pub fn select(mut self, name: &str, sql: &str) -> Self {
        self.part.say_in("select", "select", name, sql);
        self
    }

    /// A value that a closure computes of the last events of steps (`buy.price`), as [`Pattern::step_fn`].
    #[track_caller]
    pub fn select_fn<const N: usize, R: Answer>(
        mut self,
        name: &str,
        paths: [&str; N],
        value: impl Fn([Value<'_>; N]) -> R + Send + Sync + 'static,
    ) -> Self {
        self.part.say_closure(("select", "select_fn", name), paths, value);
        self
    }

    /// How much event time there is between an event of a step and the one before it, less than this, where
    /// [`Pattern::within_step`] says it of all.
    #[track_caller]
    pub fn within_step_of(mut self, step: &str, span: impl IntoSpan) -> Self {
        self.part.say_value_in("within_step", "within_step_of", step, span.into());
        self
    }

    /// The preferred match of each first event alone, as SQL's MATCH_RECOGNIZE has it (`mode = "row"`).
    #[track_caller]
    pub fn mode_row(mut self) -> Self {
        self.part.say("mode", "mode_row", &[], "row".into());
        self
    }

    offers! {
        /// An SQL expression: events with the same value make one sequence. All events are one where it is unsaid.
        key(sql: &str) says "key";
        /// How much event time there is between the first and any other event of a match: less than this.
        within(span: impl IntoSpan) says "within";
        /// How much event time there is between neighbouring events of a match: less than this.
        within_step(span: impl IntoSpan) says "within_step";
        /// What a match leaves to others: `past_last` (if unsaid), `no_skip`, `to_next`, `to_first(step)` or
        /// `to_last(step)`.
        skip(skip: &str) says "skip";
        /// Whether partial matches that run out of time are rows too.
        timed_out(timed_out: bool) says "timed_out";
        /// How long a key's matches take late events and are corrected.
        allowed_lateness(span: impl IntoSpan) says "allowed_lateness";
        /// The most partial matches of one key.
        max_partial_matches(most: i64) says "max_partial_matches";
        /// What names an event in the column `events`, an SQL expression; the field `event_id` or `id` if unsaid.
        event_id(sql: &str) says "event_id";
        /// What the column `events` has: `ids` (if unsaid), `full`, or `none` for no such column.
        events(events: &str) says "events";
        /// The field that has the event type of [`Pattern::types`]; `event_type` if unsaid.
        type_field(path: &str) says "type_field";
    }

    /// Any key of a pattern by its name.
    #[track_caller]
    pub fn with(mut self, key: &str, value: impl Into<Given>) -> Self {
        let value = value.into();
        self.part.say(key, "with", &[&key.into(), &value], value.clone());
        self
    }
}
