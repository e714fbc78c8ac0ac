//! A pipeline and a file, turned into nanoseconds an event, stage by stage.
//!
//! Each figure is a difference of two measured runs on one thread: the road up to and with the stage, less the road
//! before it; of several runs the quickest counts. Time is the thread's own on a CPU
//! ([`ThreadClock`]), the kernel's work for it included. Nothing is estimated. What is not in it: timely itself and the
//! exchange between workers. In a real run the last stage is on the sink's own thread, beside the worker.
//!
//! The stages are those of the engine, from the same public parts, for a pipeline with one file source and one window.

use super::measure::ThreadClock;
use crate::aggregate::GroupTable;
use crate::codec::json::{JsonDecoder, Reject};
use crate::config::{SourceKind, Times};
use crate::error::Error;
use crate::event::{EventBatch, RowKeys};
use crate::plan::Plan;
use crate::result::RowBatch;
use crate::sink::{Format, Mode, Ordered, Sink, SinkKind, SinkSpec};
use crate::source::{Compression, FilePartition, Lines, Next, Partition, Share};
use crate::stream::Steps;
use crate::table::Tables;
use crate::watermark::tick_at;
use crate::window::{Answers, PreAggregate, SegmentKind, Slices, Tallies};
use std::path::Path;
use std::sync::Arc;

/// The stages, in the order of the road.
pub const STAGES: [(&str, &str); 6] = [
    ("read", "blocks of the file into memory"),
    ("decode", "index, walk, cells, prefilter"),
    ("streams", "where and set, and what the window computes"),
    ("aggregate", "key, hash, group and states of each slice"),
    ("windows", "slices into windows, finished values, rows"),
    ("write", "rows sorted, rendered and written"),
];

/// What a stage took.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stage {
    /// Its name.
    pub name: &'static str,
    /// What it does.
    pub what: &'static str,
    /// Nanoseconds for each event of the input, those that are dropped early among them.
    pub nanoseconds: f64,
}

/// Measures every stage of the first window of `plan`; rows go to `output`. `repeat`: runs of each road.
///
/// # Errors
/// Where the plan is not one file and one window, or a file cannot be read or written.
pub fn profile(plan: &Plan, output: &Path, repeat: usize) -> Result<Vec<Stage>, Error> {
    let mut quickest = [f64::INFINITY; STAGES.len()];
    let mut events = 0;
    // Round by round, so that what disturbs the machine for a while disturbs all roads.
    for _ in 0..repeat.max(1) {
        for (road, best) in quickest.iter_mut().enumerate() {
            let clock = ThreadClock::start();
            events = travel(plan, road, output)?.max(events);
            *best = best.min(clock.seconds());
        }
    }
    let mut before = 0.0;
    let stage = |(i, (name, what)): (usize, &(&'static str, &'static str))| {
        let spent = quickest[i] - before;
        before = quickest[i];
        Stage { name, what, nanoseconds: spent * 1e9 / events.max(1) as f64 }
    };
    Ok(STAGES.iter().enumerate().map(stage).collect())
}

/// Takes the whole file along the road up to and with stage `last`; gives the events that were decoded.
fn travel(plan: &Plan, last: usize, output: &Path) -> Result<u64, Error> {
    let unfit = || {
        Error::user(
            "bench.profile",
            "a profile needs a pipeline of one plain file, one window that is no session, and no tables",
        )
    };
    let (source, window) = (plan.sources.first().ok_or_else(unfit)?, plan.windows.first().ok_or_else(unfit)?);
    let [feed] = &window.feeds[..] else { return Err(unfit()) };
    if window.ends.is_some() || !plan.tables.is_empty() {
        return Err(unfit());
    }
    let SourceKind::File(files) = &source.config.kind else { return Err(unfit()) };
    let path = files.paths.first().filter(|path| Compression::of_name(path) == Compression::None).ok_or_else(unfit)?;
    let file = FilePartition::one(path, Lines::new(source.config.max_line.0), Share { process: 0, processes: 1 })?;

    let mut decoder = JsonDecoder::new(source.projection.clone());
    let mut steps = Steps::new(source.stage.steps.clone(), &Tables::new(Vec::new()));
    let mut pre = PreAggregate::new(window.spec.clone(), Arc::clone(&window.layout), feed.keys.clone(), window.mode, 1);
    let mut tallies = Tallies::new(&window.layout);
    let answers = Answers::new(Arc::clone(&window.layout), window.answers.clone());
    let mut slices = Slices::new(window.spec.clone(), window.part, Arc::clone(&window.layout), answers);
    let mut sink = if last >= 5 { Some(open(plan, output)?) } else { None };
    let mut batch = EventBatch::new(source.stage.columns);
    let (mut selections, mut rejects): (Vec<Vec<u32>>, Vec<Reject>) = (Vec::new(), Vec::new());
    let mut keys = RowKeys::default();
    let (mut newest, mut events) = (i64::MIN, 0);
    // The window's end, and its rows so far.
    let mut stated = (i64::MIN, RowBatch::default());
    let mut failed = None;
    loop {
        batch.clear();
        rejects.clear();
        let block = match file.next(&mut batch.bytes)? {
            Next::Block(block) => Some(block),
            Next::Wait(_) => continue,
            Next::End => None,
        };
        let ended = block.is_none();
        if let Some(block) = block {
            if last >= 1 {
                decoder.decode(&mut batch, block.range, &mut rejects);
                events += batch.events;
            }
            if last >= 2 {
                steps.run(&mut batch, &mut selections);
            }
            if last >= 3 {
                let rows = &selections[feed.selection];
                pre.find_keys(&batch, rows, &mut keys);
                pre.add(&batch, rows, &keys, newest, source.out_of_orderness, &mut tallies);
            }
            newest = newest.max(batch.max_time);
        }
        let tick = (!ended).then(|| tick_at(newest, source.out_of_orderness, plan.tick));
        let mut spare: Vec<GroupTable> = Vec::new();
        pre.flush(tick, &mut |segment| {
            if let SegmentKind::Table(table) = segment.kind {
                let mut table = *table;
                if last >= 4 {
                    slices.adopt(segment.slice, segment.late, table);
                    spare.extend(slices.spare());
                } else {
                    table.clear();
                    spare.push(table);
                }
            }
        });
        spare.into_iter().for_each(|table| pre.give_back(table));
        slices.advance(tick, &mut |time, rows| {
            if let Some(sink) = &mut sink {
                if stated.0 != time {
                    failed = failed.take().or_else(|| sink.write(&stated.1).err());
                    stated.0 = time;
                    stated.1.clear();
                }
                rows.iter().for_each(|row| stated.1.push(row));
            }
            rows.clear();
        });
        if ended {
            break;
        }
    }
    if let Some(sink) = &mut sink {
        failed = failed.or_else(|| sink.write(&stated.1).err());
        failed = failed.or_else(|| sink.finish().err());
    }
    failed.map_or(Ok(events), Err)
}

fn open(plan: &Plan, output: &Path) -> Result<Box<dyn Sink>, Error> {
    let times = match plan.sinks.first().map(|s| s.config.times) {
        Some(Times::UnixMs) => crate::sink::Times::UnixMs,
        _ => crate::sink::Times::Rfc3339,
    };
    let spec = SinkSpec {
        name: "profile".to_owned(),
        kind: SinkKind::File { path: output.display().to_string(), format: Format::Json },
        schemas: plan.schemas.clone(),
        parts: vec![0],
        times,
        mode: Mode::Changes,
    };
    Ok(Box::new(Ordered::new(crate::sink::open(&spec, std::io::sink())?)))
}

/// The stages as a table, with their sum.
pub fn text(stages: &[Stage]) -> String {
    let sum: f64 = stages.iter().map(|s| s.nanoseconds).sum();
    let share = |v: f64| format!("{:.0} %", v / sum * 100.0);
    let mut rows = vec![["stage", "ns/event", "share", ""].map(str::to_owned).to_vec()];
    for s in stages {
        rows.push(vec![s.name.to_owned(), format!("{:.1}", s.nanoseconds), share(s.nanoseconds)]);
    }
    rows.push(vec!["all".to_owned(), format!("{sum:.1}"), share(sum)]);
    let table = super::report::table(&rows);
    let what = std::iter::once("").chain(stages.iter().map(|s| s.what)).chain([""]);
    table.lines().zip(what).map(|(line, what)| format!("{line}   {what}").trim_end().to_owned() + "\n").collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::jobs::Job;
    use crate::bench::session::{input, plan};

    #[test]
    fn roads_when_travelled_to_the_end_then_write_what_the_loop_writes() {
        let folder = tempfile::tempdir().unwrap();
        let (exact, output) = (folder.path().join("loop.ndjson"), folder.path().join("rows.ndjson"));
        let is_fit = |job: &Job| !job.is_pattern() && ![Job::Js, Job::Jg, Job::Jz, Job::Vt, Job::En].contains(job);
        for job in Job::ALL.into_iter().filter(is_fit) {
            let input = input(job.input(), 30_000, folder.path(), &mut |_| {}).unwrap();
            let plan = plan(job, &input, &output).unwrap();
            assert_eq!(travel(&plan, 1, &output).unwrap(), 30_000);
            assert_eq!(travel(&plan, 5, &output).unwrap(), 30_000);
            job.baseline(&input, &exact).unwrap();
            let read = |path: &Path| crate::bench::compare::RowSet::read(path).unwrap();
            let agreement = crate::bench::compare::compare(&read(&exact), &read(&output)).unwrap();
            assert_eq!(agreement.rows == 0, job == Job::J0);
        }
    }

    #[test]
    fn stages_when_shown_then_have_shares_and_a_sum() {
        let stage = |name, nanoseconds| Stage { name, what: "something", nanoseconds };
        let text = text(&[stage("read", 25.0), stage("decode", 75.0)]);
        let lines: Vec<Vec<&str>> = text.lines().map(|l| l.split_whitespace().collect()).collect();
        assert_eq!(lines[1], ["read", "25.0", "25", "%", "something"]);
        assert_eq!(lines[3], ["all", "100.0", "100", "%"]);
    }
}
