//! What a run costs and how late its results are: which operators are counted, under which names, and how often.
//!
//! Times are not looked at, but for what must hold between them. What it cannot catch: a clock that is read at the wrong moment;
//! the tests beside the code do.

use crate::harness::{Width, in_time, plan_of, topologies, write_case};
use highwater::engine::{self, Options, Outcome};
use highwater::error::Error;
use highwater::observe::Snapshot;
use highwater::result::RowBatch;
use highwater::sink::{Delivery, Finished, Sink, Written};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};

const PIPELINE: &str = r#"
[sources.events]
type = "file"
path = ["{0}", "{1}"]
format = "json"
time = { field = "t", unit = "s" }

[windows.w]
from = "events"
size = "10s"
group_by = ["k"]
select = { n = "count(*)" }

[views.most]
from = "w"
top = { n = 2, by = "n", order = "desc", per = ["window"] }

[alerts.many]
from = "w"
when = "n > 5"

[sinks.out]
type = "file"
format = "json"
path = "{dir}/{name}.ndjson"
from = ["w", "most"]
"#;

/// Counts what it is told.
struct Counting(Arc<AtomicU64>);

impl Sink for Counting {
    fn write(&mut self, _: &RowBatch) -> Result<(), Error> {
        self.0.fetch_add(1, SeqCst);
        Ok(())
    }

    fn flush(&mut self) -> Result<(), Error> {
        Ok(())
    }

    fn finish(&mut self) -> Result<Finished, Error> {
        Ok(Finished::default())
    }

    fn promise(&self) -> Delivery {
        Delivery::AtLeastOnce
    }

    fn written(&self) -> Written {
        Written::default()
    }
}

/// Runs the pipeline, looked at or not; what each process counted, and how often rows were handed to who looks.
fn run(text: &str, width: Width, looked_at: bool) -> (Vec<Snapshot>, u64) {
    let handed = Arc::new(AtomicU64::new(0));
    let outcomes: Vec<Outcome> = std::thread::scope(|scope| {
        let start = |topology: highwater::cluster::Topology| {
            let sink: Option<Box<dyn Sink>> = match topology.process {
                0 => Some(Box::new(Counting(Arc::clone(&handed)))),
                _ => None,
            };
            scope.spawn(move || {
                let options = Options {
                    block_bytes: width.block,
                    stdin: None,
                    stdout: Box::new(std::io::sink()),
                    topology,
                    beside: sink.filter(|_| looked_at),
                    ..Options::local(width.workers)
                };
                engine::run(plan_of(text), options).unwrap_or_else(|e| panic!("{e}"))
            })
        };
        let processes: Vec<_> = topologies(width).into_iter().map(start).collect();
        processes.into_iter().map(|process| process.join().expect("the run does not panic")).collect()
    });
    (outcomes.iter().map(|outcome| outcome.metrics.snapshot()).collect(), handed.load(SeqCst))
}

fn events(partition: i64) -> Vec<u8> {
    let line = |i: i64| format!("{{\"t\":{},\"k\":\"{}\"}}\n", i / 4, (i * 7 + partition) % 5);
    (0..2_000).map(line).collect::<String>().into_bytes()
}

#[test]
fn operators_when_somebody_looks_then_are_counted_under_the_same_names_at_any_width() {
    let folder = tempfile::tempdir().expect("a scratch folder");
    let text = write_case(folder.path(), PIPELINE, &[events(0), events(3)]);
    in_time("runs that are looked at", move || {
        let written = |name: &str| std::fs::read(folder.path().join(name)).expect("the run has written it");
        let (unseen, handed) = run(&text, Width::new(2, Some(1_000)), false);
        let rows = ["w.ndjson", "most.ndjson"].map(&written);
        assert!(unseen[0].operators.is_empty() && unseen[0].workers.is_empty() && handed == 0);
        assert_eq!((unseen[0].sinks[0].latency.count(), unseen[0].sinks[0].rows > 0), (0, true));
        for width in
            [1, 2, 3].map(|workers| Width::new(workers, Some(1_000))).into_iter().chain([Width::two_processes(1, None)])
        {
            let (counts, handed) = run(&text, width, true);
            assert_eq!(["w.ndjson", "most.ndjson"].map(&written), rows, "{width:?}: who looks changes nothing");
            for (process, counts) in counts.iter().enumerate() {
                let names: Vec<&str> = counts.operators.iter().map(|one| one.name.as_str()).collect();
                assert_eq!(names, NAMES, "{width:?}");
                assert_eq!(counts.workers.len(), width.workers);
                assert_eq!(counts.workers[0].name, (process * width.workers).to_string());
                // All time of a worker is that of some operator.
                let all: u64 = counts.operators.iter().map(|one| one.busy).sum();
                assert_eq!(all, counts.workers.iter().map(|one| one.busy).sum::<u64>(), "{width:?}");
                assert!(
                    all > 0 && counts.operators.iter().all(|one| one.runs > 0),
                    "{width:?}: {:?}",
                    counts.operators
                );
            }
            let sum = |name: &str, of: fn(&highwater::observe::OperatorCounts) -> i64| -> i64 {
                counts.iter().flat_map(|c| &c.operators).filter(|one| one.name == name).map(of).sum()
            };
            for name in NAMES {
                let sent = sum(name, |one| one.sent as i64);
                assert_eq!(sum(name, |one| one.messages as i64) > 0, sent > 0, "{width:?} {name}");
                assert!(sent == 0 || width.workers * width.processes > 1, "{width:?} {name}");
            }
            if width.workers * width.processes > 1 {
                for name in ["w:window", "most:top wait", "out:sink", "serve:rows:sink"] {
                    assert!(sum(name, |one| one.sent as i64) > 0, "{width:?} {name}");
                }
            }
            if width.processes == 2 {
                // What goes from worker 0 to worker 0 does not leave it.
                let sent = |process: usize| {
                    counts[process].operators.iter().find(|one| one.name == "out:sink").map(|one| one.sent)
                };
                assert!(sent(0) == Some(0) && sent(1) > Some(0), "{width:?}: {:?} {:?}", sent(0), sent(1));
            }
            // Each time that was handed over was looked up, and nothing waits at the end.
            let [out, looking] = &counts[0].sinks[..] else { panic!("two sinks") };
            assert!(handed > 20);
            assert_eq!((looking.latency.count(), out.latency.count() <= handed), (handed, true), "{width:?}");
            assert!(out.latency.count() > 20 && out.write.count() >= out.latency.count(), "{width:?}");
            if width.processes == 1 {
                assert!(counts[0].operators.iter().all(|one| one.queued.records() == 0), "{:?}", counts[0].operators);
            }
            let partitions = counts.iter().flat_map(|c| &c.partitions);
            assert!(partitions.into_iter().all(|p| (p.held, p.waiting) == (0, 0)), "{width:?}");
        }
    });
}

/// The operators of the pipeline, in the order of the plan.
const NAMES: [&str; 18] = [
    "events:source",
    "w:window",
    "most:feed",
    "most:top wait",
    "most:top arrange",
    "most:top",
    "most:top answer",
    "most:top 2 wait",
    "most:top 2 arrange",
    "most:top 2",
    "most:top 2 answer",
    "most:state",
    "many:alert:by_group",
    "many:alert",
    "alerts:tell",
    "out:sink",
    "serve:rows:sink",
    "dataflow:rest",
];
