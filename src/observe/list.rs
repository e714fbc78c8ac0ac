//! The one list of what is counted, by what it is counted of: add a line here, and it is counted, shown and described.
//!
//! Invariant: every field of the structs is one entry of [`list`]: both are made from the same lines below.

use super::histogram::{Histogram, Spread};
use super::kinds::{ByLabel, Counter, Depth, Gauge, Kind, Level, Mark, Moves, Samples, Waiting};

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
    sent: Counter => u64, "bytes", "Bytes that were sent to it from other workers, by those of this process. Groups that change hands within it are no bytes.";
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
