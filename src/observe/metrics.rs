//! What happens in a run, turned into counts: a registry built from the plan, and snapshots of it.
//!
//! Invariants:
//! 1. Every field of the structs is one entry of [`list`]: both are made from the same lines below.
//! 2. Counters and marks only grow. A gauge may be fed by several workers: each adds its changes ([`Share`]).
//! 3. A snapshot reads each number by itself; numbers of one snapshot may be a batch apart.
//! 4. Snapshots of several processes join into that of the run: what is counted or held is added up, of marks and levels the
//!    greatest counts. The order does not matter.
//!
//! Cost: one relaxed atomic addition; meant for once a batch, not once an event. Operators and workers are counted only where
//! somebody looks ([`Metrics::with_costs`]): that takes the clock twice for each time an operator is run.

use super::histogram::{Histogram, Spread};
use super::rejects::Rejects;
use super::trace::Trace;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};

/// How a number moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moves {
    /// It counts what happens: a rate of it means something.
    Up,
    /// It is how much there is at this moment.
    Both,
    /// It is how many there were of which size.
    Spread,
}

/// What can be counted with.
pub(super) trait Kind {
    /// How it moves.
    const MOVES: Moves;
    /// What is read of it.
    type Plain;
    /// Makes what one process counted what both did.
    fn join(one: &mut Self::Plain, other: &Self::Plain);
}

impl Kind for Counter {
    const MOVES: Moves = Moves::Up;
    type Plain = u64;
    fn join(one: &mut u64, other: &u64) {
        *one = one.saturating_add(*other);
    }
}

impl Kind for ByLabel {
    const MOVES: Moves = Moves::Up;
    type Plain = Vec<(String, u64)>;
    fn join(one: &mut Self::Plain, other: &Self::Plain) {
        for (label, n) in other {
            match one.iter_mut().find(|(of, _)| of == label) {
                Some((_, sum)) => *sum = sum.saturating_add(*n),
                None => one.push((label.clone(), *n)),
            }
        }
    }
}

impl Kind for Gauge {
    const MOVES: Moves = Moves::Both;
    type Plain = i64;
    fn join(one: &mut i64, other: &i64) {
        *one = one.saturating_add(*other);
    }
}

impl Kind for Level {
    const MOVES: Moves = Moves::Both;
    type Plain = i64;
    fn join(one: &mut i64, other: &i64) {
        *one = (*one).max(*other);
    }
}

impl Kind for Mark {
    const MOVES: Moves = Moves::Both;
    type Plain = Option<i64>;
    fn join(one: &mut Option<i64>, other: &Option<i64>) {
        *one = (*one).max(*other);
    }
}

impl Kind for Depth {
    const MOVES: Moves = Moves::Both;
    type Plain = Waiting;
    fn join(one: &mut Waiting, other: &Waiting) {
        one.0 = one.0.saturating_add(other.0);
    }
}

/// One thing that is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Metric {
    /// What it is counted of: `source`, `partition`, `part`, `table`, `sink`, `action`, `operator`, `worker`, `server`,
    /// `ingest` or `telemetry`.
    pub scope: &'static str,
    /// Its name; unique in its scope.
    pub name: &'static str,
    /// Its unit, such as `events` or `bytes`.
    pub unit: &'static str,
    /// How it moves.
    pub moves: Moves,
    /// What it means, one sentence.
    pub doc: &'static str,
}

/// A number that only grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds `n`.
    pub fn add(&self, n: u64) {
        if n > 0 {
            self.0.fetch_add(n, Relaxed);
        }
    }

    /// Sets the count to one that another place keeps.
    pub fn set(&self, n: u64) {
        self.0.store(n, Relaxed);
    }

    /// The count.
    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// A number that goes up and down.
#[derive(Debug, Default)]
pub struct Gauge(AtomicI64);

impl Gauge {
    /// Changes it by `n`.
    pub fn add(&self, n: i64) {
        if n != 0 {
            self.0.fetch_add(n, Relaxed);
        }
    }

    /// Sets it; only where one place alone feeds it.
    pub fn set(&self, n: i64) {
        self.0.store(n, Relaxed);
    }

    /// The number.
    pub fn get(&self) -> i64 {
        self.0.load(Relaxed)
    }
}

/// How much waits between workers. What one has put in may be counted after another has taken it out: then nothing waits.
#[derive(Debug, Default)]
pub struct Depth(AtomicI64);

impl Depth {
    /// Changes it by `n`.
    pub fn add(&self, n: i64) {
        self.0.fetch_add(n, Relaxed);
    }

    /// How much waits, as far as this process knows.
    pub fn get(&self) -> Waiting {
        Waiting(self.0.load(Relaxed))
    }
}

/// What a [`Depth`] was at one moment. What one process has put in and another has taken out is below zero there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct Waiting(i64);

impl Waiting {
    /// How much waits.
    pub fn records(self) -> i64 {
        self.0.max(0)
    }
}

impl Samples for Waiting {
    fn samples(&self, f: &mut Tell<'_>) {
        f(None, self.records(), None);
    }
}

/// One worker's part of a [`Gauge`] that several workers feed.
#[derive(Debug, Default)]
pub struct Share(i64);

impl Share {
    /// Makes this worker's part `n`.
    pub fn set(&mut self, gauge: &Gauge, n: i64) {
        gauge.add(n - self.0);
        self.0 = n;
    }
}

/// A number that each process of a run has for itself, and that is one for the run: the greatest.
#[derive(Debug, Default)]
pub struct Level(AtomicI64);

impl Level {
    /// Sets it.
    pub fn set(&self, n: i64) {
        self.0.store(n, Relaxed);
    }

    /// The number.
    pub fn get(&self) -> i64 {
        self.0.load(Relaxed)
    }
}

/// A number that is unknown at first and then only grows, such as a watermark.
#[derive(Debug)]
pub struct Mark(AtomicI64);

impl Default for Mark {
    fn default() -> Self {
        Self(AtomicI64::new(i64::MIN))
    }
}

impl Mark {
    /// Raises the mark to `n` where it is below.
    pub fn raise(&self, n: i64) {
        self.0.fetch_max(n, Relaxed);
    }

    /// The mark; `None` where it was never raised.
    pub fn get(&self) -> Option<i64> {
        Some(self.0.load(Relaxed)).filter(|n| *n != i64::MIN)
    }
}

/// A count for each of a fixed list of labels, such as reasons.
#[derive(Debug, Default)]
pub struct ByLabel(Vec<(String, Counter)>);

impl ByLabel {
    fn new(labels: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self(labels.into_iter().map(|l| (l.into(), Counter::default())).collect())
    }

    /// Adds `n` to the count of label `i`; a label that is not there counts nothing.
    pub fn add(&self, i: usize, n: u64) {
        if let Some((_, counter)) = self.0.get(i) {
            counter.add(n);
        }
    }

    /// Label and count, in the order of the list.
    pub fn get(&self) -> Vec<(String, u64)> {
        self.0.iter().map(|(l, c)| (l.clone(), c.get())).collect()
    }
}

/// One number of a snapshot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample<'a> {
    /// What is counted.
    pub metric: &'static Metric,
    /// The name of the source, partition, part, table or sink.
    pub of: &'a str,
    /// The reason or the selected name, where the metric has one.
    pub label: Option<&'a str>,
    /// The number; where there are many of a size each, how many.
    pub value: i64,
    /// How many there were of which size.
    pub spread: Option<&'a Spread>,
}

/// Who is told a label, where there is one, a number, and what it is the count of.
pub(super) type Tell<'f> = dyn FnMut(Option<&str>, i64, Option<&Spread>) + 'f;

/// A number of a snapshot, or several with labels.
pub(super) trait Samples {
    /// Calls `f` for each.
    fn samples(&self, f: &mut Tell<'_>);
}

impl Samples for u64 {
    fn samples(&self, f: &mut Tell<'_>) {
        f(None, i64::try_from(*self).unwrap_or(i64::MAX), None);
    }
}

impl Samples for i64 {
    fn samples(&self, f: &mut Tell<'_>) {
        f(None, *self, None);
    }
}

impl Samples for Option<i64> {
    fn samples(&self, f: &mut Tell<'_>) {
        if let Some(n) = self {
            f(None, *n, None);
        }
    }
}

impl Samples for Vec<(String, u64)> {
    fn samples(&self, f: &mut Tell<'_>) {
        for (label, n) in self {
            f(Some(label), i64::try_from(*n).unwrap_or(i64::MAX), None);
        }
    }
}

/// Makes, for one scope, the struct of atomics, the struct of plain numbers, and the entries of the list.
macro_rules! scope {
    ($scope:literal, $about:literal, $atomics:ident, $counts:ident, $list:ident,
     $($field:ident: $kind:ty => $plain:ty, $unit:literal, $doc:literal;)*) => {
        #[doc = concat!("What is counted of ", $about, ".")]
        #[derive(Debug, Default)]
        pub struct $atomics {
            /// Its name.
            pub name: String,
            $(#[doc = $doc] pub $field: $kind,)*
        }

        #[doc = concat!("The counts of ", $about, " at one moment.")]
        #[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
        pub struct $counts {
            /// Its name.
            pub name: String,
            $(#[doc = $doc] pub $field: $plain,)*
        }

        impl $atomics {
            /// The counts at this moment.
            pub fn read(&self) -> $counts {
                $counts { name: self.name.clone(), $($field: self.$field.get(),)* }
            }
        }

        impl $counts {
            /// Makes these counts of one process those of another as well.
            pub fn join(&mut self, other: &Self) {
                $(<$kind as Kind>::join(&mut self.$field, &other.$field);)*
            }

            /// Calls `f` for every number.
            pub fn each(&self, f: &mut dyn FnMut(Sample<'_>)) {
                let mut metrics = $list.iter();
                $(if let Some(metric) = metrics.next() {
                    self.$field.samples(&mut |label, value, spread| {
                        f(Sample { metric, of: &self.name, label, value, spread });
                    });
                })*
            }
        }

        const $list: &[Metric] =
            &[$(Metric {
                scope: $scope,
                name: stringify!($field),
                unit: $unit,
                moves: <$kind as Kind>::MOVES,
                doc: $doc,
            },)*];
    };
}

scope! { "source", "one source", SourceMetrics, SourceCounts, SOURCE,
    events: Counter => u64, "events", "Events decoded; rejected ones are not among them.";
    bytes: Counter => u64, "bytes", "Bytes decoded; of compressed input, after decompression.";
    filtered: Counter => u64, "events", "Events that no `where` let through.";
    expression_failures: Counter => u64, "values", "Values that a stream's expression could not compute; they are NULL.";
    rejected: ByLabel => Vec<(String, u64)>, "records", "Records that are no event, by reason.";
}

scope! { "partition", "one partition of a source", PartitionMetrics, PartitionCounts, PARTITION,
    position: Mark => Option<i64>, "us", "Its watermark: the event time up to which it is complete.";
    offset: Mark => Option<i64>, "bytes", "How far it is read.";
    length: Mark => Option<i64>, "bytes", "Where it ends, for bounded input.";
    ended: Level => i64, "1", "1 when it is read to its end.";
    idle: Level => i64, "1", "1 while nothing has come for longer than `idle_after`.";
    idles: Level => i64, "1", "How often nothing came for longer than `idle_after`.";
    restarts: Level => i64, "1", "How often the file that is followed was rotated or truncated.";
    waiting: Gauge => i64, "bytes", "Bytes that were read ahead, or accepted, and that no worker has taken.";
    held: Gauge => i64, "blocks", "Blocks that are decoded and wait for those before them, or for rows of tables.";
}

scope! { "part", "one part of the pipeline, such as a window", PartMetrics, PartCounts, PART,
    late: Counter => u64, "events", "Events behind their partition's watermark that still counted.";
    too_late: Counter => u64, "events", "Events dropped as later than the allowed lateness.";
    non_numeric: ByLabel => Vec<(String, u64)>, "values", "Values a numeric aggregate could not take, by selected name.";
    expression_failures: Counter => u64, "values", "Values that an expression could not compute; they are NULL.";
    duplicates: Counter => u64, "events", "Events that a stream dropped as duplicates.";
    overflowed: Counter => u64, "windows", "Windows with more groups than `max_groups`, so that there is a row of all others.";
    no_key: Counter => u64, "events", "Events that a pattern or recommendation would look at, but that have no key.";
    left_out: Counter => u64, "events", "Sightings that made no pairs with some near them, of which there were more than `max_pairs`.";
    matches: Counter => u64, "matches", "Matches of a pattern.";
    timed_out: Counter => u64, "matches", "Partial matches that ran out of time and were stated.";
    pruned: Counter => u64, "matches", "Partial matches that the skip strategy ended, or that one preferred to them stands for.";
    partial_overflow: Counter => u64, "matches", "Partial matches that were given up, as a key had more than `max_partial_matches`.";
    fired: Counter => u64, "alerts", "Times that an alert fired.";
    resolved: Counter => u64, "alerts", "Times that an alert that had fired was over.";
    no_data: Counter => u64, "alerts", "Times that there was no data of an alert.";
    corrected: Counter => u64, "alerts", "Times that an alert turned out not to have fired, with what came late.";
    pending: Gauge => i64, "alerts", "Alerts that are pending.";
    firing: Gauge => i64, "alerts", "Alerts that fire, those without data among them.";
    rows: Counter => u64, "rows", "First statements of rows.";
    corrections: Counter => u64, "rows", "Corrections of rows stated before.";
    early: Counter => u64, "rows", "Provisional rows, stated before the end of their window.";
    groups: Gauge => i64, "groups", "Group states held; of a pattern, keys with something open.";
    partial_matches: Gauge => i64, "matches", "Partial matches held.";
    buffer_bytes: Gauge => i64, "bytes", "Memory of the events that partial matches have taken, and of the links between them.";
    state_bytes: Gauge => i64, "bytes", "Memory of the state held.";
    open_slices: Gauge => i64, "slices", "Slices of time held.";
    arranged: Gauge => i64, "updates", "Updates in the arrangements of a view: rows that came, left or changed and are not yet compacted.";
}

scope! { "table", "one table", TableMetrics, TableCounts, TABLE,
    rows: Level => i64, "rows", "Rows that can be looked up; of a table that is not read as a whole, keys that are kept.";
    state_bytes: Gauge => i64, "bytes", "Memory of its rows, or of those that are kept.";
    replaced: Level => i64, "rows", "Rows of its file or server that another one with the same key, and time where it has versions, stands for.";
    without_key: Level => i64, "rows", "Rows of its file or server without a value of the key.";
    lookups: Counter => u64, "events", "Events that were looked up; where a `where` reads nothing that is added, those that it keeps.";
    missing: Counter => u64, "events", "Events for which there was no row, so that they got NULL.";
    timeouts: Counter => u64, "keys", "Keys that a server had no answer for in time, or none that is a row, so that their events got NULL.";
    reloads: Counter => u64, "1", "How often it had changed and was read again.";
    reload_failures: Counter => u64, "1", "How often it was to be read again and could not, so that the old rows stayed.";
}

scope! { "sink", "one sink", SinkMetrics, SinkCounts, SINK,
    rows: Counter => u64, "rows", "Rows written.";
    bytes: Counter => u64, "bytes", "Bytes written.";
    backlog: Gauge => i64, "bytes", "Bytes of rows that wait for the sink.";
    latency: Histogram => Spread, "seconds", "From when the block was read, or the batch accepted, that let event time pass a moment, until the rows of that moment were handed to the sink.";
    write: Histogram => Spread, "seconds", "How long a write or a flush took.";
}

scope! { "action", "one action, which tells of alerts", ActionMetrics, ActionCounts, ACTION,
    sent: Counter => u64, "messages", "Messages that were taken.";
    retried: Counter => u64, "tries", "Tries that were made again.";
    failed: Counter => u64, "messages", "Messages that were refused, or tried too often.";
    dropped: Counter => u64, "messages", "Messages that were never tried: too many waited, or the run ended.";
    silenced: Counter => u64, "alerts", "Alerts that were silenced when they would have been told.";
    inhibited: Counter => u64, "alerts", "Alerts that others kept quiet.";
    waiting: Gauge => i64, "messages", "Messages that wait or are on their way.";
    open: Gauge => i64, "1", "1 while the receiver is left alone but for a try now and then.";
}

scope! { "operator", "one operator of the dataflow, over the workers of this process", OperatorMetrics, OperatorCounts, OPERATOR,
    busy: Counter => u64, "ns", "How long it ran, over all workers.";
    runs: Counter => u64, "1", "How often it was run.";
    queued: Depth => Waiting, "records", "Records on their way to it: rows and updates, and packets of many events or groups.";
    sent: Counter => u64, "bytes", "Bytes that were sent to it from other workers, by those of this process.";
    messages: Counter => u64, "messages", "Messages in which they were sent.";
}

scope! { "worker", "one worker", WorkerMetrics, WorkerCounts, WORKER,
    busy: Counter => u64, "ns", "How long it ran operators.";
    parked: Counter => u64, "ns", "How long it slept, as there was nothing to do.";
}

scope! { "server", "the HTTP server", ServerMetrics, ServerCounts, SERVER,
    requests: Counter => u64, "requests", "Requests answered, refused ones among them.";
    refused: ByLabel => Vec<(String, u64)>, "requests", "Requests and connections refused, by reason.";
    connections: Gauge => i64, "connections", "Connections that are open.";
    streams: Gauge => i64, "clients", "Clients that follow changes.";
    missed: Counter => u64, "changes", "Changes that slow clients were told they had missed.";
    changes: Counter => u64, "changes", "Changes of rows that clients could follow.";
    kept_rows: Gauge => i64, "rows", "Rows kept to be asked for.";
    kept_bytes: Gauge => i64, "bytes", "Memory of the rows and changes that are kept.";
    dropped_rows: Counter => u64, "rows", "Rows no longer kept, as they are older than the history or there are too many.";
    history_rows: Gauge => i64, "rows", "Rows on disk.";
    history_bytes: Gauge => i64, "bytes", "Room on the disk that the file of the history takes.";
    history_left_out: Gauge => i64, "rows", "Rows on disk that were not read at the start, as their part has other columns now or is gone.";
    history_written: Counter => u64, "rows", "Changes of rows that were written to disk.";
    history_dropped: Counter => u64, "rows", "Rows that left the disk, as they were older than `history_keep` or there were too many.";
    history_lost: Counter => u64, "rows", "Changes of rows that were not written to disk, as it failed or they are too large.";
    history_failures: Counter => u64, "1", "How often the file of the history could not be written or read.";
    reloads: Counter => u64, "1", "How often the certificate had changed and was read again.";
    reload_failures: Counter => u64, "1", "How often it was to be read again and could not be used, so that the one before stayed.";
}

scope! { "ingest", "one source that is sent its events", IngestMetrics, IngestCounts, INGEST,
    batches: ByLabel => Vec<(String, u64)>, "batches", "Batches that were sent, by what became of them.";
    events: Counter => u64, "events", "Events that were accepted.";
    bytes: Counter => u64, "bytes", "Bytes that were accepted, decompressed.";
    waiting: Gauge => i64, "bytes", "Bytes that were accepted and are not yet read, with those on their way in.";
}

scope! { "telemetry", "what is sent to a receiver of OpenTelemetry: `traces` or `logs`", TelemetryMetrics, TelemetryCounts, TELEMETRY,
    sent: Counter => u64, "records", "Spans or logs that the receiver has taken.";
    failed: Counter => u64, "records", "Spans or logs that the receiver has refused, or has not taken after some tries.";
    dropped: Counter => u64, "records", "Spans or logs that were never sent: too many waited, or the run ended.";
    retried: Counter => u64, "requests", "Requests that were made again.";
    waiting: Gauge => i64, "records", "Spans or logs that wait or are on their way.";
}

impl TelemetryMetrics {
    /// Counts of `traces` or `logs`.
    pub fn new(name: &str) -> Self {
        Self { name: name.to_owned(), ..Self::default() }
    }
}

/// What a run tells of itself to a receiver of OpenTelemetry; by default nothing.
#[derive(Debug, Clone, Default)]
pub struct Telemetry {
    /// Its traces.
    pub trace: Arc<Trace>,
    /// What is counted of traces and logs, where they are sent.
    pub counts: Vec<Arc<TelemetryMetrics>>,
}

impl IngestMetrics {
    /// Counts of a source, whose batches have these outcomes.
    pub fn new(name: &str, outcomes: &[&str]) -> Self {
        Self { name: name.to_owned(), batches: ByLabel::new(outcomes.iter().copied()), ..Self::default() }
    }
}

impl ServerMetrics {
    /// Counts of a server, which refuses for these reasons.
    pub fn new(name: &str, reasons: &[&str]) -> Self {
        Self { name: name.to_owned(), refused: ByLabel::new(reasons.iter().copied()), ..Self::default() }
    }
}

/// The one list of what is counted.
pub fn list() -> impl Iterator<Item = &'static Metric> {
    [SOURCE, PARTITION, PART, TABLE, SINK, ACTION, OPERATOR, WORKER, SERVER, INGEST, TELEMETRY].into_iter().flatten()
}

/// A source of the plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SourceId(pub u32);

/// A partition of a source, numbered through all sources; see [`Metrics::partition_id`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PartitionId(u32);

/// A part of the plan: the index of its row schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PartId(pub u32);

/// A table of the plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TableId(pub u32);

/// A sink of the plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SinkId(pub u32);

/// What must be known of a source to count it.
#[derive(Debug, Clone)]
pub struct SourceShape {
    /// Its name.
    pub name: String,
    /// The names of its partitions.
    pub partitions: Vec<String>,
    /// The reasons for which its records are rejected, by reason index.
    pub reasons: &'static [&'static str],
}

/// What must be known of a part to count it.
#[derive(Debug, Clone)]
pub struct PartShape {
    /// Its name.
    pub name: String,
    /// The names of its selected values.
    pub values: Vec<String>,
}

/// The registry: shared by all workers of a process.
#[derive(Debug, Default)]
pub struct Metrics {
    sources: Vec<SourceMetrics>,
    partitions: Vec<PartitionMetrics>,
    /// Where each source's partitions begin.
    first_partition: Vec<u32>,
    parts: Vec<PartMetrics>,
    tables: Vec<TableMetrics>,
    sinks: Vec<SinkMetrics>,
    actions: Vec<ActionMetrics>,
    /// Known once the first worker has built the dataflow; all build the same.
    operators: OnceLock<Vec<OperatorMetrics>>,
    /// Those of this process.
    workers: Vec<WorkerMetrics>,
    looked_at: AtomicBool,
    rejects: Rejects,
    telemetry: Telemetry,
}

impl Metrics {
    /// A registry with all counts at zero.
    pub fn new(sources: &[SourceShape], parts: &[PartShape], sinks: &[String]) -> Self {
        let mut metrics = Self::default();
        for shape in sources {
            metrics.first_partition.push(metrics.partitions.len() as u32);
            let rejected = ByLabel::new(shape.reasons.iter().copied());
            metrics.sources.push(SourceMetrics { name: shape.name.clone(), rejected, ..Default::default() });
            let partitions = shape.partitions.iter();
            metrics.partitions.extend(partitions.map(|n| PartitionMetrics { name: n.clone(), ..Default::default() }));
        }
        metrics.parts.extend(parts.iter().map(|shape| PartMetrics {
            name: shape.name.clone(),
            non_numeric: ByLabel::new(&shape.values),
            ..Default::default()
        }));
        metrics.sinks.extend(sinks.iter().map(|n| SinkMetrics { name: n.clone(), ..Default::default() }));
        metrics
    }

    /// With tables of these names.
    #[must_use]
    pub fn with_tables(mut self, names: impl IntoIterator<Item = String>) -> Self {
        self.tables = names.into_iter().map(|name| TableMetrics { name, ..Default::default() }).collect();
        self
    }

    /// With actions.
    #[must_use]
    pub fn with_actions(mut self, actions: impl IntoIterator<Item = String>) -> Self {
        self.actions = actions.into_iter().map(|name| ActionMetrics { name, ..Default::default() }).collect();
        self
    }

    /// With what goes to a receiver of OpenTelemetry.
    #[must_use]
    pub fn with_telemetry(mut self, telemetry: Telemetry) -> Self {
        self.telemetry = telemetry;
        self
    }

    /// The traces of the process; off where nobody asked for them.
    pub fn trace(&self) -> &Arc<Trace> {
        &self.telemetry.trace
    }

    /// With workers of these numbers.
    #[must_use]
    pub fn with_workers(mut self, workers: Range<usize>) -> Self {
        self.workers = workers.map(|i| WorkerMetrics { name: i.to_string(), ..Default::default() }).collect();
        self
    }

    /// Somebody looks: what operators and workers cost is counted from now on, and rejected lines are kept.
    pub fn look(&self) {
        self.looked_at.store(true, Relaxed);
        self.rejects.keep();
    }

    /// True where it is counted what operators and workers cost.
    pub fn counts_costs(&self) -> bool {
        self.looked_at.load(Relaxed)
    }

    /// Says what operators there are, in the order of the plan; the first who says it is heard. Gives them.
    pub fn name_operators(&self, names: &[String]) -> &[OperatorMetrics] {
        let of = |name: &String| OperatorMetrics { name: name.clone(), ..Default::default() };
        self.operators.get_or_init(|| names.iter().map(of).collect())
    }

    /// The operators, as far as they are known.
    pub fn operators(&self) -> &[OperatorMetrics] {
        self.operators.get().map_or(&[], |all| all)
    }

    /// The counts of worker `i` of this process.
    pub fn worker(&self, i: usize) -> Option<&WorkerMetrics> {
        self.workers.get(i)
    }

    /// The newest rejected lines.
    pub fn rejects(&self) -> &Rejects {
        &self.rejects
    }

    /// How many partitions each source has.
    pub fn partitions(&self) -> Vec<usize> {
        let ends = self.first_partition.iter().skip(1).map(|n| *n as usize).chain([self.partitions.len()]);
        self.first_partition.iter().zip(ends).map(|(first, end)| end - *first as usize).collect()
    }

    /// The counts of a source.
    ///
    /// # Panics
    /// Where the registry was made without it; so too for the other scopes.
    pub fn source(&self, id: SourceId) -> &SourceMetrics {
        &self.sources[id.0 as usize]
    }

    /// The handle of partition `i` of a source.
    pub fn partition_id(&self, source: SourceId, i: usize) -> PartitionId {
        PartitionId(self.first_partition[source.0 as usize] + i as u32)
    }

    /// The counts of a partition.
    pub fn partition(&self, id: PartitionId) -> &PartitionMetrics {
        &self.partitions[id.0 as usize]
    }

    /// The counts of a part.
    pub fn part(&self, id: PartId) -> &PartMetrics {
        &self.parts[id.0 as usize]
    }

    /// The counts of a table.
    pub fn table(&self, id: TableId) -> &TableMetrics {
        &self.tables[id.0 as usize]
    }

    /// The counts of a sink.
    pub fn sink(&self, id: SinkId) -> &SinkMetrics {
        &self.sinks[id.0 as usize]
    }

    /// The counts of an action.
    pub fn action(&self, name: &str) -> Option<&ActionMetrics> {
        self.actions.iter().find(|action| action.name == name)
    }

    /// All counts at this moment.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot {
            sources: self.sources.iter().map(SourceMetrics::read).collect(),
            partitions: self.partitions.iter().map(PartitionMetrics::read).collect(),
            parts: self.parts.iter().map(PartMetrics::read).collect(),
            tables: self.tables.iter().map(TableMetrics::read).collect(),
            sinks: self.sinks.iter().map(SinkMetrics::read).collect(),
            actions: self.actions.iter().map(ActionMetrics::read).collect(),
            operators: self.operators().iter().map(OperatorMetrics::read).collect(),
            workers: self.workers.iter().filter(|_| self.counts_costs()).map(WorkerMetrics::read).collect(),
            telemetry: self.telemetry.counts.iter().map(|counts| counts.read()).collect(),
        }
    }
}

/// All counts at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct Snapshot {
    /// By source.
    pub sources: Vec<SourceCounts>,
    /// By partition, those of the first source first.
    pub partitions: Vec<PartitionCounts>,
    /// By part.
    pub parts: Vec<PartCounts>,
    /// By table.
    pub tables: Vec<TableCounts>,
    /// By sink.
    pub sinks: Vec<SinkCounts>,
    /// By action.
    pub actions: Vec<ActionCounts>,
    /// By operator, where costs are counted.
    pub operators: Vec<OperatorCounts>,
    /// By worker of this process, where costs are counted.
    pub workers: Vec<WorkerCounts>,
    /// Of what is sent to a receiver of OpenTelemetry.
    pub telemetry: Vec<TelemetryCounts>,
}

/// Joins lists of the same names in the same order; what only the other has comes behind.
fn join<C: Clone>(one: &mut Vec<C>, other: &[C], name: fn(&C) -> &str, join: fn(&mut C, &C)) {
    for (i, theirs) in other.iter().enumerate() {
        match one.get_mut(i).filter(|ours| name(ours) == name(theirs)) {
            Some(ours) => join(ours, theirs),
            None => one.push(theirs.clone()),
        }
    }
}

impl Snapshot {
    /// Makes these counts of one process those of another process of the same run as well.
    pub fn join(&mut self, other: &Snapshot) {
        join(&mut self.sources, &other.sources, |c| &c.name, SourceCounts::join);
        join(&mut self.partitions, &other.partitions, |c| &c.name, PartitionCounts::join);
        join(&mut self.parts, &other.parts, |c| &c.name, PartCounts::join);
        join(&mut self.tables, &other.tables, |c| &c.name, TableCounts::join);
        join(&mut self.sinks, &other.sinks, |c| &c.name, SinkCounts::join);
        join(&mut self.actions, &other.actions, |c| &c.name, ActionCounts::join);
        join(&mut self.operators, &other.operators, |c| &c.name, OperatorCounts::join);
        // Workers are numbered through all processes.
        self.workers.extend_from_slice(&other.workers);
        self.workers.sort_by_key(|worker| worker.name.parse().unwrap_or(usize::MAX));
        join(&mut self.telemetry, &other.telemetry, |c| &c.name, TelemetryCounts::join);
    }

    /// Calls `f` for every number, in the order of the plan.
    pub fn each(&self, f: &mut dyn FnMut(Sample<'_>)) {
        self.sources.iter().for_each(|s| s.each(f));
        self.partitions.iter().for_each(|s| s.each(f));
        self.parts.iter().for_each(|s| s.each(f));
        self.tables.iter().for_each(|s| s.each(f));
        self.sinks.iter().for_each(|s| s.each(f));
        self.actions.iter().for_each(|s| s.each(f));
        self.operators.iter().for_each(|s| s.each(f));
        self.workers.iter().for_each(|s| s.each(f));
        self.telemetry.iter().for_each(|s| s.each(f));
    }

    /// Events of all sources.
    pub fn events(&self) -> u64 {
        self.sources.iter().map(|s| s.events).sum()
    }

    /// Bytes of all sources.
    pub fn bytes(&self) -> u64 {
        self.sources.iter().map(|s| s.bytes).sum()
    }

    /// Rejected records of all sources and reasons.
    pub fn rejected(&self) -> u64 {
        self.sources.iter().flat_map(|s| &s.rejected).map(|(_, n)| n).sum()
    }

    /// A sum over all parts.
    pub fn over_parts(&self, f: impl Fn(&PartCounts) -> u64) -> u64 {
        self.parts.iter().map(f).sum()
    }

    /// The event time up to which the run is complete: the least watermark of the partitions that have one and are
    /// neither idle nor at their end; where all are, the greatest. Microseconds.
    pub fn position(&self) -> Option<i64> {
        let known = |moves: bool| self.partitions.iter().filter(move |p| (p.ended == 0 && p.idle == 0) == moves);
        known(true).filter_map(|p| p.position).min().or_else(|| known(false).filter_map(|p| p.position).max())
    }

    /// How much of bounded input is read, from 0 to 1; `None` where the length of a partition is not known.
    pub fn fraction(&self) -> Option<f64> {
        let mut read = 0.0;
        let mut total = 0.0;
        for p in &self.partitions {
            let length = p.length?.max(0);
            let offset = if p.ended != 0 { length } else { p.offset.unwrap_or(0).clamp(0, length) };
            read += offset as f64;
            total += length as f64;
        }
        (total > 0.0).then(|| read / total)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn metrics() -> Metrics {
        let source = |name: &str, n: usize| SourceShape {
            name: name.into(),
            partitions: (0..n).map(|i| format!("{name}-{i}")).collect(),
            reasons: &["not_json", "no_time"],
        };
        let parts = [PartShape { name: "pages".into(), values: vec!["n".into(), "avg".into()] }];
        let metrics = Metrics::new(&[source("a", 2), source("b", 1)], &parts, &["out".into()])
            .with_tables(["users".into()])
            .with_actions(["ops".to_owned()])
            .with_telemetry(Telemetry { counts: vec![TelemetryMetrics::new("logs").into()], ..Telemetry::default() })
            .with_workers(2..3);
        metrics.look();
        metrics
    }

    #[test]
    fn the_list_names_each_metric_once_and_a_snapshot_shows_them_all() {
        let names: BTreeSet<_> = list().map(|m| (m.scope, m.name)).collect();
        assert_eq!(names.len(), list().count());
        assert!(list().all(|m| m.doc.ends_with('.') && !m.unit.is_empty()));
        let m = metrics();
        m.name_operators(&["pages:window".to_owned()]);
        assert_eq!(m.name_operators(&["other".to_owned()])[0].name, "pages:window");
        let unseen = Metrics::default().with_workers(0..4);
        assert!(!unseen.counts_costs() && m.counts_costs() && unseen.snapshot().workers.is_empty());
        let p = m.partition(m.partition_id(SourceId(1), 0));
        p.position.raise(1);
        p.offset.raise(1);
        p.length.raise(1);
        let mut seen = BTreeSet::new();
        let mut see = |s: Sample<'_>| {
            assert_eq!(s.label.is_some(), matches!(s.metric.name, "rejected" | "non_numeric" | "refused" | "batches"));
            assert!(!s.of.is_empty() && s.value <= 1);
            assert_eq!(s.spread.is_some(), s.metric.moves == Moves::Spread);
            seen.insert((s.metric.scope, s.metric.name));
        };
        m.snapshot().each(&mut see);
        ServerMetrics::new("http", &["token"]).read().each(&mut see);
        IngestMetrics::new("events", &["accepted"]).read().each(&mut see);
        assert_eq!(seen, names);
    }

    #[test]
    fn counts_land_where_their_handle_says() {
        let m = metrics();
        m.source(SourceId(1)).events.add(3);
        m.source(SourceId(1)).rejected.add(1, 2);
        m.source(SourceId(1)).rejected.add(9, 5);
        m.part(PartId(0)).non_numeric.add(1, 4);
        m.partition(m.partition_id(SourceId(1), 0)).position.raise(7);
        let s = m.snapshot();
        assert_eq!((s.events(), s.rejected()), (3, 2));
        assert_eq!(s.sources[1].rejected, [("not_json".into(), 0), ("no_time".into(), 2)]);
        assert_eq!(s.parts[0].non_numeric[1], ("avg".into(), 4));
        assert_eq!(s.partitions[2].position, Some(7));
        assert_eq!(s.partitions[2].name, "b-0");
    }

    #[test]
    fn what_processes_counted_joins_in_any_order() {
        let count = |n: i64| {
            let m = metrics();
            m.source(SourceId(0)).events.add(n as u64);
            m.source(SourceId(0)).rejected.add(1, n as u64);
            let p = m.partition(m.partition_id(SourceId(0), 1));
            p.position.raise(n * 10);
            p.ended.set(i64::from(n == 2));
            m.part(PartId(0)).groups.add(n);
            m.table(TableId(0)).rows.set(7);
            m.table(TableId(0)).state_bytes.set(n);
            m.snapshot()
        };
        let mut all = count(1);
        all.join(&count(2));
        let mut other = count(2);
        other.join(&count(1));
        assert_eq!(all, other);
        assert_eq!((all.events(), all.sources[0].rejected[1].1, all.parts[0].groups), (3, 3, 3));
        assert_eq!(
            (all.partitions[1].position, all.partitions[1].ended, all.partitions[0].position),
            (Some(20), 1, None)
        );
        assert_eq!((all.tables[0].rows, all.tables[0].state_bytes), (7, 3));
        // A process without sinks.
        let mut bare = Snapshot { sinks: Vec::new(), ..count(0) };
        bare.join(&count(1));
        assert_eq!((bare.sinks.len(), bare.sources.len()), (1, 2));
        let told = serde_json::to_string(&all).unwrap();
        assert_eq!(serde_json::from_str::<Snapshot>(&told).unwrap(), all);
    }

    #[test]
    fn shares_of_a_gauge_add_up() {
        let gauge = Gauge::default();
        let (mut a, mut b) = (Share::default(), Share::default());
        a.set(&gauge, 10);
        b.set(&gauge, 5);
        a.set(&gauge, 3);
        assert_eq!(gauge.get(), 8);
    }

    #[test]
    fn the_position_is_that_of_the_slowest_partition_not_at_its_end() {
        let m = metrics();
        assert_eq!((m.snapshot().position(), m.snapshot().fraction()), (None, None));
        let p: Vec<_> = [(0, 0), (0, 1), (1, 0)].map(|(s, i)| m.partition(m.partition_id(SourceId(s), i))).into();
        for (p, n) in p.iter().zip([30, 10, 20]) {
            p.position.raise(n);
            p.position.raise(n - 1);
            p.length.raise(100);
        }
        assert_eq!((m.snapshot().position(), m.snapshot().fraction()), (Some(10), Some(0.0)));
        p[1].idle.set(1);
        assert_eq!(m.snapshot().position(), Some(20));
        p[1].idle.set(0);
        p[1].ended.set(1);
        p[0].offset.raise(50);
        assert_eq!((m.snapshot().position(), m.snapshot().fraction()), (Some(20), Some(0.5)));
        p[0].ended.set(1);
        p[2].ended.set(1);
        assert_eq!((m.snapshot().position(), m.snapshot().fraction()), (Some(30), Some(1.0)));
    }
}
