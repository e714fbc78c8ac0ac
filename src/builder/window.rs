//! Aggregates over windows of event time, as a program says it.

use super::part::{IntoNames, IntoSpan, Part, offers};
use crate::config::Given;
use crate::event::Value;
use crate::expr::Answer;

/// A window: `[windows.<name>]` of a pipeline file, with the same keys, defaults and checks.
#[derive(Clone)]
#[must_use]
pub struct Window {
    pub(super) part: Part,
}

impl Window {
    #[track_caller]
    fn of(method: &str, spans: &[(&str, &Given)]) -> Self {
        let mut part = Part::default();
        let said: Vec<&Given> = spans.iter().map(|(_, span)| *span).collect();
        for (key, span) in spans {
            part.say(key, method, &said, (*span).clone());
        }
        Self { part }
    }

    /// Windows of `size`, one after the other.
    #[track_caller]
    pub fn tumbling(size: impl IntoSpan) -> Self {
        Self::of("tumbling", &[("size", &size.into())])
    }

    /// Windows of `size`, a new one every `slide`.
    #[track_caller]
    pub fn sliding(size: impl IntoSpan, slide: impl IntoSpan) -> Self {
        Self::of("sliding", &[("size", &size.into()), ("slide", &slide.into())])
    }

    /// Windows that begin together and end one `step` apart, up to `size`.
    #[track_caller]
    pub fn cumulating(size: impl IntoSpan, step: impl IntoSpan) -> Self {
        Self::of("cumulating", &[("size", &size.into()), ("step", &step.into())])
    }

    /// Events of a group that are no further apart than `gap`.
    #[track_caller]
    pub fn session(gap: impl IntoSpan) -> Self {
        Self::of("session", &[("gap", &gap.into())])
    }

    /// One window over all of time, stated every so often in event time.
    #[track_caller]
    pub fn global(every: impl IntoSpan) -> Self {
        Self::of("global", &[("global", &every.into())])
    }

    /// The sources and streams it reads: one name, or several for their union.
    #[track_caller]
    pub fn from(mut self, names: impl IntoNames) -> Self {
        let names = names.into_names();
        self.part.say("from", "from", &[&names], names.clone());
        self
    }

    /// A dimension: a name and an SQL expression.
    #[track_caller]
    pub fn group_by(mut self, name: &str, sql: &str) -> Self {
        self.part.say_in("group_by", "group_by", name, sql);
        self
    }

    /// A dimension that a closure computes from fields, as [`Stream::field_fn`](super::Stream::field_fn).
    #[track_caller]
    pub fn group_by_fn<const N: usize, R: Answer>(
        mut self,
        name: &str,
        paths: [&str; N],
        value: impl Fn([Value<'_>; N]) -> R + Send + Sync + 'static,
    ) -> Self {
        self.part.say_closure(("group_by", "group_by_fn", name), paths, value);
        self
    }

    /// A value: a name and an SQL expression of aggregates.
    #[track_caller]
    pub fn select(mut self, name: &str, sql: &str) -> Self {
        self.part.say_in("select", "select", name, sql);
        self
    }

    offers! {
        /// How long after an even time windows begin.
        offset(span: impl IntoSpan) says "offset";
        /// The time zone whose days the window counts.
        time_zone(name: &str) says "time_zone";
        /// How long after its end a window takes late events and states corrections.
        allowed_lateness(span: impl IntoSpan) says "allowed_lateness";
        /// How often its rows so far are stated before its end.
        early(span: impl IntoSpan) says "early";
        /// The most groups of a window that have rows of their own; all others have one.
        max_groups(most: i64) says "max_groups";
        /// A file that keeps the events that come later than that.
        too_late(path: &str) says "too_late";
        /// Whether events are aggregated before they are sent to the worker of their group: `auto` (if unsaid), `always`
        /// or `never`; it changes no result.
        pre_aggregate(when: &str) says "pre_aggregate";
    }

    /// Any key of a window by its name.
    #[track_caller]
    pub fn with(mut self, key: &str, value: impl Into<Given>) -> Self {
        let value = value.into();
        self.part.say(key, "with", &[&key.into(), &value], value.clone());
        self
    }
}
