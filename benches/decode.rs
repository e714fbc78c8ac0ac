//! Nanoseconds an event for reading the fields of a job out of lines of JSON.
//!
//! Shows: the engine's decoder at every SIMD level that this CPU has, on the fields of J1 and on those of J2 with its
//! prefilter, beside the scanner of the hand-written loop and `serde_json`, over the same lines in the same run, round
//! by round; time is wall time, the least of the rounds.
//!
//! Does not show: anything but the generator's lines, which come in about a dozen shapes with their keys in the same
//! order, as most producers write them; nor the cost of reading a file (the lines are in memory, block by block).

#![allow(clippy::print_stdout, reason = "a bench prints its figures")]

use highwater::bench::baseline::Fields;
use highwater::bench::inputs::Input;
use highwater::bench::jobs::Job;
use highwater::bench::session::plan;
use highwater::codec::json::{JsonDecoder, SimdLevel};
use highwater::event::EventBatch;
use highwater::generate::Generator;
use serde::Deserialize;
use std::borrow::Cow;
use std::hint::black_box;
use std::path::Path;
use std::time::Instant;

const EVENTS: u64 = 200_000;
const ROUNDS: usize = 5;

/// The fields of J1 as `serde` users would write them.
#[derive(Deserialize)]
struct Typed<'a> {
    #[serde(borrow)]
    event_type: Cow<'a, str>,
    timestamp: f64,
    #[serde(borrow)]
    data: Data<'a>,
    #[serde(borrow, default)]
    tags: Tags<'a>,
    user_id: Option<Cow<'a, str>>,
}

#[derive(Deserialize)]
struct Data<'a> {
    #[serde(borrow)]
    page: Option<Cow<'a, str>>,
    duration: Option<f64>,
}

#[derive(Deserialize, Default)]
struct Tags<'a> {
    #[serde(borrow)]
    user_type: Option<Cow<'a, str>>,
}

/// Calls `each` with every line; gives how many there are.
fn lines(block: &[u8], mut each: impl FnMut(&[u8])) -> u64 {
    let (mut rest, mut count) = (block, 0);
    while let Some(length) = memchr::memchr(b'\n', rest) {
        each(&rest[..length]);
        rest = &rest[length + 1..];
        count += 1;
    }
    count
}

fn main() {
    let generator = Generator::new(Input::Shop.settings(EVENTS), 0);
    let blocks: Vec<Vec<u8>> = (0..EVENTS / 1_000)
        .map(|k| {
            let mut block = Vec::new();
            (k * 1_000..(k + 1) * 1_000).for_each(|i| generator.event(i).write(&mut block));
            block
        })
        .collect();

    type Subject<'a> = (String, Box<dyn FnMut(&[u8]) -> u64 + 'a>);
    let mut subjects: Vec<Subject<'_>> = Vec::new();
    for job in [Job::J1, Job::J2] {
        let plan = plan(job, Path::new("in"), Path::new("out.ndjson")).expect("the pipelines of the jobs are right");
        let source = &plan.sources[0];
        for level in [SimdLevel::Portable, SimdLevel::Avx2, SimdLevel::Avx512] {
            if level > SimdLevel::detect() {
                continue;
            }
            let mut decoder = JsonDecoder::with_level(source.projection.clone(), level);
            let (mut batch, mut rejects) = (EventBatch::new(source.stage.columns), Vec::new());
            let decode = move |block: &[u8]| {
                batch.clear();
                rejects.clear();
                batch.bytes.reserve(block.len() + 64);
                batch.bytes.extend_from_slice(block);
                decoder.decode(&mut batch, 0..block.len(), &mut rejects);
                black_box(&batch);
                batch.events
            };
            subjects.push((format!("{} decoder, {level:?}", job.name()), Box::new(decode)));
        }
    }
    let is_visit = |kind: &[u8]| matches!(kind, b"user_action" | b"transaction");
    let scan = move |block: &[u8]| {
        lines(block, |line| {
            black_box(Fields::read(line, is_visit));
        })
    };
    let typed = |block: &[u8]| {
        lines(block, |line| {
            let event: Typed<'_> = serde_json::from_slice(line).expect("the generator writes JSON");
            black_box((&event.event_type, event.timestamp, &event.data.page, event.data.duration));
            black_box((&event.tags.user_type, &event.user_id));
        })
    };
    let values = |block: &[u8]| {
        lines(block, |line| {
            black_box(serde_json::from_slice::<serde_json::Value>(line).expect("the generator writes JSON"));
        })
    };
    subjects.push(("j1 scanner of the loop".to_owned(), Box::new(scan)));
    subjects.push(("j1 serde_json, struct".to_owned(), Box::new(typed)));
    subjects.push(("serde_json, Value".to_owned(), Box::new(values)));

    let mut best = vec![f64::INFINITY; subjects.len()];
    for _ in 0..ROUNDS {
        for ((_, run), best) in subjects.iter_mut().zip(&mut best) {
            let began = Instant::now();
            let events: u64 = blocks.iter().map(|block| run(block)).sum();
            *best = best.min(began.elapsed().as_secs_f64() * 1e9 / events as f64);
        }
    }
    let bytes = blocks.iter().map(Vec::len).sum::<usize>() as f64 / EVENTS as f64;
    println!("{EVENTS} events of {bytes:.0} bytes, best of {ROUNDS} rounds");
    for ((name, _), ns) in subjects.iter().zip(best) {
        println!("{name:<28} {ns:>8.1} ns/event {:>8.0} MB/s", bytes / ns * 1e3);
    }
}
