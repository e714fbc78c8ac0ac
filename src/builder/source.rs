//! Where events come from, as a program says it.

use super::channel::{Sender, channel};
use super::items::Items;
use super::part::{IntoNames, IntoSpan, Part, offers};
use crate::config::Given;
use serde::Serialize;
use std::io::Read;

/// A source of events: `[sources.<name>]` of a pipeline file, with the same keys, defaults and checks.
///
/// Each constructor is a `type`; a source of the program's own events ([`Source::lines`], [`Source::events`],
/// [`Source::channel`]) is one partition, with a clock of its own. For several partitions give several sources and let
/// streams and windows read all of them.
#[must_use]
pub struct Source {
    pub(super) part: Part,
    pub(super) reader: Option<Box<dyn Read + Send>>,
}

impl Source {
    #[track_caller]
    fn of(kind: Given, reader: Option<Box<dyn Read + Send>>) -> Self {
        let mut part = Part::default();
        part.say("type", "type", &[&kind], kind.clone());
        Self { part, reader }
    }

    /// Files: one path, folder or pattern, or several of them.
    #[track_caller]
    pub fn file(path: impl IntoNames) -> Self {
        let mut source = Self::of("file".into(), None);
        let path = path.into_names();
        source.part.say("path", "file", &[&path], path.clone());
        source
    }

    /// Standard input.
    #[track_caller]
    pub fn stdin() -> Self {
        Self::of("stdin".into(), None)
    }

    /// The built-in generator.
    #[track_caller]
    pub fn generate() -> Self {
        Self::of("generate".into(), None)
    }

    /// Events that are sent to the server of the run, over HTTP or a WebSocket, at `/v1/ingest/` and the name of the source;
    /// for that there must be one (`serve.listen`). Such a source has no end: [`Running::drain`](crate::engine::Running::drain)
    /// finishes what was accepted.
    ///
    /// ```
    /// # use highwater::{Pipeline, Source, Window};
    /// let pipeline = Pipeline::new("sent")
    ///     .with("serve.listen", "127.0.0.1:8080")
    ///     .source("events", Source::http().max_body("1MiB"))
    ///     .window("counts", Window::tumbling("10s").from("events").select("n", "count(*)"));
    /// # pipeline.check().unwrap();
    /// ```
    #[track_caller]
    pub fn http() -> Self {
        Self::of("http".into(), None)
    }

    /// A source of the named `type`, for one that has no constructor here.
    #[track_caller]
    pub fn of_type(kind: &str) -> Self {
        Self::of(kind.into(), None)
    }

    /// Events as texts, such as JSON objects; a line end inside of a text is read as a blank. Nothing is asked of the
    /// iterator before it is needed, and it is read on a thread of its own; events are handed on in blocks, so for those
    /// that come over time use [`Source::channel`].
    ///
    /// ```
    /// # use highwater::{Pipeline, Source, Window};
    /// let lines = (0..10).map(|i| format!(r#"{{"timestamp": {i}, "n": {i}}}"#));
    /// let pipeline = Pipeline::new("texts")
    ///     .source("events", Source::lines(lines))
    ///     .window("sums", Window::tumbling("5s").from("events").select("total", "sum(n)"));
    /// # pipeline.check().unwrap();
    /// ```
    #[track_caller]
    pub fn lines<I>(lines: I) -> Self
    where
        I: IntoIterator<IntoIter: Send + 'static>,
        I::Item: AsRef<str>,
    {
        let items = lines.into_iter().map(|line| Ok(line.as_ref().as_bytes().to_vec()));
        Self::of(Given::Program, Some(Box::new(Items::new(items))))
    }

    /// Events as values that `serde` can write: structs, maps, `serde_json::Value`. As [`Source::lines`].
    ///
    /// ```
    /// # use highwater::{Pipeline, Source, Window};
    /// #[derive(serde::Serialize)]
    /// struct Visit {
    ///     timestamp: f64,
    ///     page: &'static str,
    /// }
    /// let visits = vec![Visit { timestamp: 1.0, page: "home" }, Visit { timestamp: 2.5, page: "cart" }];
    /// let source = Source::events(visits);
    /// # Pipeline::new("p").source("v", source).window("w", Window::tumbling("5s").from("v").select("n", "count(*)")).check().unwrap();
    /// ```
    #[track_caller]
    pub fn events<I>(events: I) -> Self
    where
        I: IntoIterator<IntoIter: Send + 'static>,
        I::Item: Serialize,
    {
        let items = events.into_iter().map(|event| serde_json::to_vec(&event).map_err(std::io::Error::other));
        Self::of(Given::Program, Some(Box::new(Items::new(items))))
    }

    /// Events that the program sends while the pipeline runs; see [`Sender`].
    ///
    /// ```
    /// # use highwater::{Pipeline, Source, Window};
    /// let (sender, source) = Source::channel();
    /// let feeding = std::thread::spawn(move || {
    ///     for i in 0..100 {
    ///         sender.send(&format!(r#"{{"timestamp": {i}}}"#))?;
    ///     }
    ///     // The source ends when its last sender is dropped.
    ///     Ok::<(), highwater::Closed>(())
    /// });
    /// let pipeline = Pipeline::new("live")
    ///     .source("events", source)
    ///     .window("counts", Window::tumbling("10s").from("events").select("n", "count(*)"))
    ///     .on_rows("counts", |row| println!("{row}"));
    /// pipeline.run()?;
    /// feeding.join().unwrap()?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    #[track_caller]
    pub fn channel() -> (Sender, Self) {
        let (sender, receiver) = channel();
        (sender, Self::of(Given::Program, Some(Box::new(receiver))))
    }

    /// Which field is the event time (dotted where it is nested), and its unit: `s`, `ms`, `us`, `ns` or `rfc3339`.
    #[track_caller]
    pub fn time(mut self, field: &str, unit: &str) -> Self {
        let said = [&Given::from(field), &Given::from(unit)];
        self.part.say("time.field", "time", &said, field.into());
        self.part.say("time.unit", "time", &said, unit.into());
        self
    }

    /// Any key of a source by its name, with dots for tables in tables: `with("time.unit", "ms")`.
    #[track_caller]
    pub fn with(mut self, key: &str, value: impl Into<Given>) -> Self {
        let value = value.into();
        self.part.say(key, "with", &[&key.into(), &value], value.clone());
        self
    }

    offers! {
        /// How events are written: `json` (if unsaid), `csv` or `lines`.
        format(format: &str) says "format";
        /// How far behind the newest event of its partition an event may be without being late.
        out_of_orderness(span: impl IntoSpan) says "out_of_orderness";
        /// After which silence a partition no longer holds the windows of the others open.
        idle_after(span: impl IntoSpan) says "idle_after";
        /// What becomes of a line that is not an event: `skip` (if unsaid) or `stop`.
        on_bad(what: &str) says "on_bad";
        /// A file that keeps lines that are not events.
        dead_letters(path: &str) says "dead_letters";
        /// The longest line that is read: `"1MiB"`.
        max_line(size: &str) says "max_line";
        /// The most lines that are read in a span of time: `"1000/s"`.
        rate_limit(rate: &str) says "rate_limit";
        /// Of events that are sent: how many bytes may be accepted and not yet read: `"64MiB"`.
        queue(size: &str) says "queue";
        /// Of events that are sent: the largest batch: `"16MiB"`.
        max_body(size: &str) says "max_body";
        /// Of files: all are one partition, read one after the other.
        as_one(yes: bool) says "as_one";
        /// Of files: how they are compressed.
        compression(kind: &str) says "compression";
        /// Of files: they are read on as they grow, until the run is stopped.
        follow(yes: bool) says "follow";
        /// Of `csv`: whether the first line names the columns.
        header(yes: bool) says "header";
        /// Of `csv`: the names of the columns.
        columns(names: Vec<&str>) says "columns";
        /// Of `csv`: what stands between fields.
        delimiter(character: &str) says "delimiter";
        /// Of `csv`: what stands around a field; empty for nothing.
        quote(character: &str) says "quote";
        /// Of `csv`: the text of a field without a value.
        null(text: &str) says "null";
        /// Of `lines`: a regular expression whose named groups are fields.
        pattern(regex: &str) says "pattern";
        /// Of the generator: how many events.
        count(events: u64) says "events";
        /// Of the generator: another seed, other events.
        seed(seed: u64) says "seed";
        /// Of the generator: events a second of event time.
        rate(events: f64) says "rate";
        /// Of the generator: the share of events that come out of order.
        disorder(share: f64) says "disorder";
        /// Of the generator: how far behind those are, at most.
        max_delay(span: impl IntoSpan) says "max_delay";
        /// Of the generator: the share of events that are further behind.
        late(share: f64) says "late";
        /// Of the generator: the share of lines that are no event.
        bad(share: f64) says "bad";
        /// Of the generator: how many users act.
        users(users: u64) says "users";
        /// Of the generator: how many pages there are.
        pages(pages: u64) says "pages";
        /// Of the generator: how many partitions.
        partitions(partitions: u64) says "partitions";
        /// Of the generator: the time of the first event, RFC 3339.
        start(time: &str) says "start";
        /// Of the generator: `none` (if unsaid) or `real-time`.
        pace(pace: &str) says "pace";
    }

    /// Of `csv` and `lines`: what a field is: `auto`, `text`, `int`, `float`, `bool` or `time`.
    #[track_caller]
    pub fn field_type(mut self, field: &str, kind: &str) -> Self {
        self.part.say_in("types", "field_type", field, kind);
        self
    }
}
