//! Nanoseconds an event for whole jobs, of windows and of patterns, in one process, and nanoseconds a group and a row
//! for the exchange.
//!
//! Shows: the engine with one worker beside the hand-written loop, in the same process over the same file, round by
//! round; and what it costs to send groups or rows of J1 to another worker: encoding them, and merging what was
//! encoded into an empty table.
//!
//! Does not show: start-up, scaling, memory (`highwater bench` does), nor sockets and timely's own buffers.

#![allow(clippy::print_stdout, reason = "a bench prints its figures")]

use highwater::aggregate::{GroupTable, Tally};
use highwater::bench::jobs::Job;
use highwater::bench::session::{input, plan};
use highwater::bench::statistics::median;
use highwater::codec::json::JsonDecoder;
use highwater::engine::{Options, run};
use highwater::event::{EventBatch, RowKeys};
use highwater::stream::Steps;
use highwater::table::Tables;
use highwater::window::{Mode, PreAggregate, RawRows, SegmentKind, Tallies};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

const EVENTS: u64 = 300_000;
const ROUNDS: usize = 5;

fn main() {
    let folder = tempfile::tempdir().expect("a folder for the input");
    let output = folder.path().join("rows.ndjson");
    for job in Job::ALL {
        let input = input(job.input(), EVENTS, folder.path(), &mut |_| {}).expect("the input can be written");
        let (mut by_hand, mut by_engine) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            let began = Instant::now();
            job.baseline(&input, &output).expect("the loop runs");
            by_hand.push(began.elapsed().as_secs_f64());
            let plan = plan(job, &input, &output).expect("the pipelines of the jobs are right");
            let began = Instant::now();
            run(plan, Options::local(1)).expect("the engine runs");
            by_engine.push(began.elapsed().as_secs_f64());
        }
        let each = |seconds: &[f64]| median(seconds) * 1e9 / EVENTS as f64;
        let (by_hand, by_engine) = (each(&by_hand), each(&by_engine));
        println!("{:<4} loop {by_hand:>8.1} ns/event, engine {by_engine:>8.1} ns/event", job.name());
        if job == Job::J1 {
            exchange(&input, Mode::Always);
            exchange(&input, Mode::Never);
        }
    }
}

/// What two workers would send each other for J1, encoded and merged.
fn exchange(input: &Path, mode: Mode) {
    let plan = plan(Job::J1, input, Path::new("out.ndjson")).expect("the pipelines of the jobs are right");
    let (source, window) = (&plan.sources[0], &plan.windows[0]);
    let mut batch = EventBatch::new(source.stage.columns);
    batch.bytes = std::fs::read(input).expect("the input is there");
    let length = batch.bytes.len();
    let mut selections = Vec::new();
    JsonDecoder::new(source.projection.clone()).decode(&mut batch, 0..length, &mut Vec::new());
    Steps::new(source.stage.steps.clone(), &Tables::new(Vec::new())).run(&mut batch, &mut selections);

    // Too short for the thread's own clock, which moves in steps of the scheduler: wall time, and the median.
    let (mut encode, mut merge, mut bytes, mut count) = (Vec::new(), Vec::new(), 0, 0);
    for _ in 0..ROUNDS {
        let mut pre =
            PreAggregate::new(window.spec.clone(), Arc::clone(&window.layout), window.feeds[0].keys.clone(), mode, 2);
        let mut tallies = Tallies::new(&window.layout);
        let mut sent = Vec::new();
        let rows = &selections[window.feeds[0].selection];
        let mut keys = RowKeys::default();
        // Rows are encoded as they are added, groups when they are sent.
        let began = Instant::now();
        pre.find_keys(&batch, rows, &mut keys);
        pre.add(&batch, rows, &keys, i64::MIN, source.out_of_orderness, &mut tallies);
        let added = began.elapsed().as_secs_f64();
        pre.flush(None, &mut |segment| sent.push(segment.kind));
        encode.push(if mode == Mode::Never { added } else { began.elapsed().as_secs_f64() - added });

        let mut raw = RawRows::new(&window.layout);
        let mut tally = Tally::new(&window.layout);
        (bytes, count) = (0, 0);
        let began = Instant::now();
        for kind in &sent {
            let mut table = GroupTable::new(Arc::clone(&window.layout));
            let merged = match kind {
                SegmentKind::Groups(body) => table.merge_encoded(body).map_err(|e| e.to_string()),
                SegmentKind::Rows(body) => raw.add_to(body, &mut table, &mut tally).map_err(|e| e.to_string()),
                SegmentKind::Table(_) | SegmentKind::Left(_) => Ok(0),
            };
            count += merged.expect("what was encoded can be read");
            bytes += match kind {
                SegmentKind::Groups(body) | SegmentKind::Rows(body) => body.len(),
                SegmentKind::Table(_) | SegmentKind::Left(_) => 0,
            };
        }
        merge.push(began.elapsed().as_secs_f64());
    }
    let what = if mode == Mode::Never { "row, with its key" } else { "group" };
    let each = |seconds: &[f64]| median(seconds) * 1e9 / count.max(1) as f64;
    println!(
        "     exchange: {count} x {what}, {} bytes each, encode {:.1} ns, merge {:.1} ns",
        bytes / count.max(1),
        each(&encode),
        each(&merge)
    );
}
