//! Pairs of events of two streams, as a program says it.

use super::part::{IntoSpan, Part, offers};
use crate::config::Given;

/// A join: `[joins.<name>]` of a pipeline file, with the same keys, defaults and checks. What reads it takes its name as
/// that of a stream; the fields of a pair are `left.x` and `right.x`.
///
/// ```
/// use highwater::{Join, Pipeline, Source, Stream, Window};
///
/// let events = [
///     r#"{"timestamp": 1, "type": "order", "id": 7, "price": 5}"#,
///     r#"{"timestamp": 3, "type": "payment", "id": 7}"#,
///     r#"{"timestamp": 4, "type": "order", "id": 8, "price": 2}"#,
/// ];
/// let (rows, seen) = std::sync::mpsc::channel();
/// Pipeline::new("shop")
///     .source("events", Source::lines(events))
///     .stream("orders", Stream::from("events").filter("type = 'order'"))
///     .stream("payments", Stream::from("events").filter("type = 'payment'"))
///     .join("paid", Join::of("orders", "payments").on("id").within("5s").left())
///     .window("sales", Window::tumbling("10s").from("paid").select("open", "sum(left.price) FILTER (WHERE right.id IS NULL)"))
///     .on_rows("sales", move |row| rows.send(row.get("open").as_i64()))
///     .run()?;
/// assert_eq!(seen.iter().collect::<Vec<_>>(), [Some(2)]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone)]
#[must_use]
pub struct Join {
    pub(super) part: Part,
}

impl Join {
    /// A join of the source, stream or join on the left with the one on the right; both may be one.
    #[track_caller]
    pub fn of(left: &str, right: &str) -> Self {
        let mut part = Part::default();
        let said: [&Given; 2] = [&left.into(), &right.into()];
        part.say("left", "Join::of", &said, left.into());
        part.say("right", "Join::of", &said, right.into());
        Self { part }
    }

    offers! {
        /// What the two events of a pair have in common: an SQL expression over the fields of either.
        on(sql: &str) says "on";
    }

    /// What the two events of a pair have in common: an SQL expression for each side.
    #[track_caller]
    pub fn on_each(mut self, left: &str, right: &str) -> Self {
        let said: [&Given; 2] = [&left.into(), &right.into()];
        self.part.say("on.left", "on_each", &said, left.into());
        self.part.say("on.right", "on_each", &said, right.into());
        self
    }

    /// How far apart in event time the two events are at most.
    #[track_caller]
    pub fn within(mut self, span: impl IntoSpan) -> Self {
        let span = span.into();
        self.part.say("within", "within", &[&span], span.clone());
        self
    }

    /// How much earlier, and how much later, than the left event the right one may be.
    #[track_caller]
    pub fn between(mut self, before: impl IntoSpan, after: impl IntoSpan) -> Self {
        let (before, after) = (before.into(), after.into());
        let said = [&before, &after];
        self.part.say("within.before", "between", &said, before.clone());
        self.part.say("within.after", "between", &said, after.clone());
        self
    }

    /// Left events without a partner are there too (`kind = "left"`).
    #[track_caller]
    pub fn left(mut self) -> Self {
        self.part.say("kind", "left", &[], "left".into());
        self
    }

    /// How long events are kept beyond that for late ones.
    #[track_caller]
    pub fn allowed_lateness(mut self, span: impl IntoSpan) -> Self {
        let span = span.into();
        self.part.say("allowed_lateness", "allowed_lateness", &[&span], span.clone());
        self
    }

    /// Any key of a join by its name, with dots for tables in tables.
    #[track_caller]
    pub fn with(mut self, key: &str, value: impl Into<Given>) -> Self {
        let value = value.into();
        self.part.say(key, "with", &[&key.into(), &value], value.clone());
        self
    }
}
