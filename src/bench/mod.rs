//! Jobs, turned into figures: the engine against a hand-written loop for the same job, in the same session.
//!
//! What it shows: how much of the speed of a loop written for one job remains in an engine that is configured by a
//! file, corrects late events, and answers the same at every width; how it scales; what it costs in memory and CPU
//! seconds; and, stage by stage, where the time goes ([`profile`]).
//!
//! What it does not show: latency (but for [`ingest`]), behaviour under late or bad input, more than two processes, input that is not in
//! the page cache, or any data but the generator's.
//!
//! | file | what turns into what |
//! |---|---|
//! | [`jobs`], [`pipelines`], [`patterns`] | a job's name into its input, pipeline file and loop: all axes in one place |
//! | [`inputs`], [`ticks`] | an input's name into its lines |
//! | [`scan`], [`table`], [`rows`] | the loops' tools: lines into fields, keys into groups, values into lines |
//! | [`baseline`], [`loops`], [`sessions`], [`days`], [`many`], [`chain`], [`enrich`], [`views`] | a file into rows, by hand |
//! | [`order`], [`funnel`], [`pattern_loops`] | a file into matches of patterns, by hand |
//! | [`compare`] | two files of rows into a verdict |
//! | [`measure`] | commands into wall time, CPU seconds and memory |
//! | [`statistics`], [`report`] | measurements into medians, ratios, tables and JSON |
//! | [`session`] | settings into a report: rounds of loop and engine in turn |
//! | [`ingest`], [`send`] | batches of events over HTTP into events a second, and into how long a row takes |
//! | [`subscribers`] | clients that follow rows into what they cost the dataflow |
//! | [`profile`] | a pipeline into nanoseconds an event, by stage |
//!
//! This room touches files, processes and the clock; it stands at the end of the road, before [`crate::cli`].

pub mod baseline;
pub mod chain;
pub mod compare;
pub mod days;
pub mod enrich;
pub mod funnel;
pub mod ingest;
pub mod inputs;
pub mod jobs;
pub mod loops;
pub mod many;
pub mod measure;
#[cfg(test)]
mod naive;
pub mod order;
pub mod pattern_loops;
pub mod patterns;
pub mod pipelines;
pub mod profile;
pub mod report;
pub mod rows;
pub mod scan;
pub mod send;
mod served;
pub mod session;
pub mod sessions;
pub mod statistics;
pub mod subscribers;
pub mod table;
pub mod ticks;
pub mod views;
