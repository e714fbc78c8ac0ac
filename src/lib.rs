//! Highwater turns streams of events into event-time windows, with exact corrections for late events and the same
//! answer at any number of workers and processes.
//!
//! # The map of the house
//! One road runs through it; a room uses rooms before it on the road, never one further along:
//!
//! ```text
//! time, error -> event -> config -> codec, expr -> source, watermark -> table -> stream -> aggregate -> window
//!             -> result -> pattern, recommend, view, alert, notify, telemetry, sink -> plan -> dataflow -> cluster -> engine -> serve
//!             -> builder, story -> cli
//! ```
//!
//! | room | what turns into what |
//! |---|---|
//! | [`time`] | text such as `5s` or RFC 3339 into microseconds, and back |
//! | [`error`] | a problem into what the user reads, with a code, a place and a hint |
//! | [`event`] | cells, columns and batches of events; canonical group keys |
//! | [`config`] | a pipeline file into checked settings, all problems at once |
//! | [`codec`] | bytes into event batches: projected JSON, CSV and plain lines |
//! | [`expr`] | SQL text into code over columns |
//! | [`generate`] | a seed into a realistic stream of events |
//! | [`source`] | files, standard input, the generator and what is sent into numbered blocks of bytes |
//! | [`watermark`] | event times of a partition into its clock and ticks |
//! | [`table`] | rows of files and servers into tables that events are looked up in |
//! | [`stream`] | batches of events into those that a part reads: enriched, filtered, sampled, routed, without duplicates |
//! | [`aggregate`] | cells into mergeable, order-independent group states |
//! | [`window`] | slices of group states into window rows and corrections |
//! | [`result`] | rows as updates: time, row, revision, assert or retract |
//! | [`pattern`] | the text of a pattern and the events of its keys into matches, and what late events change in them |
//! | [`alert`] | rows into the lives of alerts |
//! | [`notify`] | changes of alerts into messages that reach receivers: grouped, silenced, tried again |
//! | [`telemetry`] | spans and log lines into requests to a receiver of OpenTelemetry |
//! | [`recommend`] | what users saw into what is seen together, and what a user may like |
//! | [`view`] | rows into rows: joins, windows over windows, top n, series, with what corrections change in them |
//! | [`sink`] | rows into tables, NDJSON and CSV |
//! | [`plan`] | a configuration into a typed graph that both `run` and `explain` read |
//! | [`dataflow`] | a plan into a timely dataflow |
//! | [`cluster`] | processes into one computation: sockets, hand-shake, heartbeats |
//! | [`engine`] | a plan and a topology into a finished run |
//! | [`builder`] | a program's calls into the settings of a pipeline, and these into a run |
//! | [`serve`] | a run into HTTP and pages: results, live changes, alerts, silences, figures, health; rows into a history on disk; and batches over HTTP into events |
//! | [`story`] | case files into verdicts: the runner of users' tests, and of our own |
//! | [`observe`] | the one list of counters and the set-up of logs |
//! | [`mod@bench`] | jobs into figures: the engine against a hand-written loop |
//! | [`cli`] | the command line, one file a command |
//!
//! Only `dataflow` and `cluster` name timely. Only `source`, `sink`, `notify`, `telemetry`, `config` and `table` loading, `cluster`,
//! `serve`, `story` and `cli` touch files or sockets. All else is pure: no clock, no thread, no I/O.
//!
//! # From a program
//! A [`Pipeline`] is built of a [`Source`], [`Table`]s, [`Stream`]s, [`Join`]s, [`Window`]s, [`Pattern`]s, [`Recommendation`]s, [`View`]s, [`Alert`]s and [`Sink`]s, with closures where SQL does not
//! reach, and run in the program; an [`Aggregate`] is one of the program's own. In a timely dataflow of one's own
//! windows are an operator: [`dataflow::WindowAggregate`].
//!
//! It is not a database, not a message broker, and not a batch engine.

pub mod aggregate;
pub mod alert;
pub mod bench;
pub mod builder;
pub mod cli;
pub mod cluster;
pub mod codec;
pub mod config;
pub mod dataflow;
pub mod engine;
pub mod error;
pub mod event;
pub mod expr;
pub mod generate;
pub mod notify;
pub mod observe;
pub mod pattern;
pub mod plan;
pub mod recommend;
pub mod result;
pub mod serve;
pub mod sink;
pub mod source;
pub mod story;
pub mod stream;
pub mod table;
pub mod telemetry;
pub mod time;
pub mod view;
pub mod watermark;
pub mod window;

pub use aggregate::Aggregate;
pub use builder::{
    Alert, Closed, Join, Pattern, Pipeline, PipelineError, Recommendation, Sender, Sink, Source, Stream, Table, View,
    Window,
};
pub use event::{OwnedValue, Value};
pub use sink::Row;

#[cfg(test)]
mod house;

/// The examples of the front page.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
mod readme {}
