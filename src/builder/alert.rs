//! Conditions over rows, and functions that hear what becomes of alerts, as a program says it.

use super::caught;
use super::part::{IntoNames, IntoSpan, Part, offers};
use crate::alert::{Change, Shown, changes};
use crate::config::Given;
use crate::error::{Error, Kind};
use crate::event::Value;
use crate::expr::Answer;
use crate::result::RowBatch;
use crate::sink::{Delivery, Finished, RowResult, Sink, Written};
use std::sync::Arc;

/// A function that hears changes.
pub(super) type OnChange = Box<dyn FnMut(&Change) -> Result<(), String> + Send>;

/// An alert: `[alerts.<name>]` of a pipeline file, with the same keys, defaults and checks.
///
/// ```
/// use highwater::{Alert, Pipeline, Source, Window};
///
/// let events = (0..60).map(|i| serde_json::json!({"timestamp": i, "host": "a", "ok": !(20..40).contains(&i)}));
/// let (said, heard) = std::sync::mpsc::channel();
/// Pipeline::new("hosts")
///     .source("events", Source::events(events))
///     .window("health", Window::tumbling("10s").from("events").group_by("host", "host").select("bad", "count(*) FILTER (WHERE NOT ok)"))
///     .alert(
///         "down",
///         Alert::over("health")
///             .when_fn(["bad"], |[bad]| bad.as_i64() > Some(5))
///             .summary("{host} had {bad} failures")
///             .on_change(move |change| said.send(format!("{}: {}", change.state.word(), change.annotations["summary"]))),
///     )
///     .run()?;
/// assert_eq!(heard.iter().collect::<Vec<_>>(), ["firing: a had 10 failures", "resolved: a had 0 failures"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub struct Alert {
    pub(super) part: Part,
    pub(super) on_change: Option<OnChange>,
}

impl Alert {
    /// An alert over the rows of a window or pattern.
    #[track_caller]
    pub fn over(name: &str) -> Self {
        let mut part = Part::default();
        part.say("from", "over", &[&name.into()], name.into());
        Self { part, on_change: None }
    }

    /// What is to be told, by a closure over columns of a row, as [`Stream::filter_fn`](super::Stream::filter_fn).
    #[track_caller]
    pub fn when_fn<const N: usize, R: Answer>(
        mut self,
        columns: [&str; N],
        condition: impl Fn([Value<'_>; N]) -> R + Send + Sync + 'static,
    ) -> Self {
        self.part.say_closure(("when", "when_fn", ""), columns, condition);
        self
    }

    /// When it is over, by a closure over columns of a row.
    #[track_caller]
    pub fn until_fn<const N: usize, R: Answer>(
        mut self,
        columns: [&str; N],
        condition: impl Fn([Value<'_>; N]) -> R + Send + Sync + 'static,
    ) -> Self {
        self.part.say_closure(("until", "until_fn", ""), columns, condition);
        self
    }

    /// At which row it fires: one at which the condition has held for so long (key `for`).
    #[track_caller]
    pub fn hold_for(mut self, span: impl IntoSpan) -> Self {
        let span = span.into();
        self.part.say("for", "hold_for", &[&span], span.clone());
        self
    }

    /// A label that notifications have beside those of the group; names of columns in braces stand for their values.
    #[track_caller]
    pub fn label(mut self, name: &str, text: &str) -> Self {
        self.part.say_in("labels", "label", name, text);
        self
    }

    /// A further text of notifications.
    #[track_caller]
    pub fn annotation(mut self, name: &str, text: &str) -> Self {
        self.part.say_in("annotations", "annotation", name, text);
        self
    }

    /// The actions that are told: names of one or several; `log` is the program's log.
    #[track_caller]
    pub fn notify(mut self, names: impl IntoNames) -> Self {
        let names = names.into_names();
        self.part.say("notify", "notify", &[&names], names.clone());
        self
    }

    /// A function that hears each change: firing, resolved, no data, and that a firing was none
    /// ([`State::Corrected`](crate::alert::State::Corrected)). It is called on a thread of its own, in one order at any number of workers.
    /// While it is busy changes wait, up to `max_inflight` bytes of them, and then the sources do. Its error or panic ends the run.
    pub fn on_change<R: RowResult>(mut self, mut on_change: impl FnMut(&Change) -> R + Send + 'static) -> Self {
        self.on_change = Some(Box::new(move |change| on_change(change).into_result()));
        self
    }

    offers! {
        /// What is to be told: an SQL condition over the columns of a row. Every match of a pattern where it is unsaid.
        when(sql: &str) says "when";
        /// When it is over; where the condition is FALSE if unsaid.
        until(sql: &str) says "until";
        /// How long what ends it must have held.
        keep_firing_for(span: impl IntoSpan) says "keep_firing_for";
        /// After which time without a row there is no data.
        no_data_after(span: impl IntoSpan) says "no_data_after";
        /// Whose silence is told: `open` (if unsaid) or `all`.
        no_data(of: &str) says "no_data";
        /// Whether rows are made of what is pending.
        pending(pending: bool) says "pending";
        /// How grave it is; `warning` if unsaid.
        severity(word: &str) says "severity";
        /// What happened, in one line; names of columns in braces stand for their values.
        summary(text: &str) says "summary";
    }

    /// Any key of an alert by its name.
    #[track_caller]
    pub fn with(mut self, key: &str, value: impl Into<Given>) -> Self {
        let value = value.into();
        self.part.say(key, "with", &[&key.into(), &value], value.clone());
        self
    }
}

/// A function that hears changes, as a sink of the alert's rows.
pub(super) struct ChangeSink {
    pub(super) shown: Arc<Shown>,
    pub(super) on_change: OnChange,
    pub(super) changes: u64,
}

impl Sink for ChangeSink {
    fn write(&mut self, batch: &RowBatch) -> Result<(), Error> {
        // The rows are in order of their times; those of one time tell a change together.
        let mut rows = RowBatch::default();
        let mut all = batch.iter().peekable();
        while let Some(row) = all.next() {
            rows.push(row);
            if all.peek().is_some_and(|next| next.head.time == row.head.time) {
                continue;
            }
            for change in changes(&rows, |part| (part == self.shown.part).then_some(&*self.shown)) {
                self.changes += 1;
                let failed = |error: Error| error.at(format!("alerts.{} {}", change.rule, change.id));
                let on_change = &mut self.on_change;
                match caught(|| on_change(&change)) {
                    Ok(Ok(())) => {}
                    Ok(Err(text)) => {
                        let message = format!("the function that hears of alert {} failed: {text}", change.rule);
                        return Err(failed(Error::outside("alert.call", message)));
                    }
                    Err(text) => {
                        let message = format!("the function that hears of alert {} panicked: {text}", change.rule);
                        return Err(failed(Error::new(Kind::User, "alert.call_panic", message)));
                    }
                }
            }
            rows.clear();
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), Error> {
        Ok(())
    }

    fn finish(&mut self) -> Result<Finished, Error> {
        Ok(Finished { rows: self.changes, bytes: 0, places: vec!["the program".to_owned()] })
    }

    fn promise(&self) -> Delivery {
        Delivery::AtLeastOnce
    }

    fn written(&self) -> Written {
        Written { rows: self.changes, bytes: 0 }
    }
}
