//! Where rows go, as a program says it.

use super::part::{IntoNames, Part, offers};
use crate::config::Given;
use crate::sink::{OnRow, Row, RowResult};

/// A sink: `[sinks.<name>]` of a pipeline file, with the same keys, defaults and checks, or a function of the program.
#[must_use]
pub struct Sink {
    pub(super) part: Part,
    pub(super) on_row: Option<OnRow>,
}

impl Sink {
    #[track_caller]
    fn of(kind: Given, on_row: Option<OnRow>) -> Self {
        let mut part = Part::default();
        part.say("type", "type", &[&kind], kind.clone());
        Self { part, on_row }
    }

    /// Standard output.
    #[track_caller]
    pub fn stdout() -> Self {
        Self::of("stdout".into(), None)
    }

    /// Files; `{name}` in the path stands for the name of the window or pattern.
    #[track_caller]
    pub fn file(path: &str) -> Self {
        let mut sink = Self::of("file".into(), None);
        sink.part.say("path", "file", &[&path.into()], path.into());
        sink
    }

    /// A sink of the named `type`, for one that has no constructor here.
    #[track_caller]
    pub fn of_type(kind: &str) -> Self {
        Self::of(kind.into(), None)
    }

    /// A function that is called with each row, in the one final order of rows, on a thread of its own. While it is busy
    /// rows wait, up to `max_inflight` bytes of them, and then the sources do. Its error or panic ends the run.
    #[track_caller]
    pub fn call<R: RowResult>(mut on_row: impl FnMut(&Row<'_>) -> R + Send + 'static) -> Self {
        Self::of(Given::Program, Some(Box::new(move |row| on_row(row).into_result())))
    }

    /// What a function of the program hears of an alert.
    #[track_caller]
    pub(super) fn program(alert: &str) -> Self {
        Self::of(Given::Program, None).from(alert)
    }

    /// The windows, patterns and alerts whose rows it takes: one name or several.
    #[track_caller]
    pub fn from(mut self, names: impl IntoNames) -> Self {
        let names = names.into_names();
        self.part.say("from", "from", &[&names], names.clone());
        self
    }

    offers! {
        /// How rows are written: `json` or `csv`, on standard output also `table`.
        format(format: &str) says "format";
        /// How times are written: `rfc3339` (if unsaid) or `unix_ms`.
        times(times: &str) says "times";
        /// Which rows are given: `changes` (if unsaid), `corrections` or `first`.
        mode(mode: &str) says "mode";
    }

    /// Any key of a sink by its name.
    #[track_caller]
    pub fn with(mut self, key: &str, value: impl Into<Given>) -> Self {
        let value = value.into();
        self.part.say(key, "with", &[&key.into(), &value], value.clone());
        self
    }
}
