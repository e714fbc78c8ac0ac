//! A pipeline text and the text of its files, turned into what the run wrote, at a given width.
//!
//! A pipeline names its files `{0}`, `{1}`, ... (the partitions, by number) and `{dir}` (a folder of the run); the last
//! sink is one on standard output as JSON with `times = "unix_ms"`.

use highwater::cluster::Topology;
use highwater::config;
use highwater::engine::{self, Options, Outcome};
use highwater::error::Error;
use highwater::observe::Snapshot;
use highwater::plan::{self, Plan};
use serde_json::Value;
use std::io::Write;
use std::net::TcpListener;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How wide a run is; changes no result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Width {
    /// Worker threads of each process.
    pub workers: usize,
    /// Processes, played by threads of the test.
    pub processes: usize,
    /// Bytes of a block; the default where there is none.
    pub block: Option<u64>,
}

impl Width {
    /// One process.
    pub fn new(workers: usize, block: Option<u64>) -> Self {
        Self { workers, processes: 1, block }
    }

    /// Two processes.
    pub fn two_processes(workers: usize, block: Option<u64>) -> Self {
        Self { workers, processes: 2, block }
    }
}

/// What a run wrote and counted.
#[derive(Debug)]
pub struct Ran {
    /// Everything on standard output.
    pub output: Vec<u8>,
    /// The counts, of each process.
    pub counts: Vec<Snapshot>,
}

impl Ran {
    /// The rows on standard output.
    pub fn rows(&self) -> Vec<Value> {
        let text = std::str::from_utf8(&self.output).expect("JSON is text");
        text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"))).collect()
    }

    /// A count over all processes.
    pub fn sum(&self, count: impl Fn(&Snapshot) -> u64) -> u64 {
        self.counts.iter().map(count).sum()
    }

    /// Rejected lines by reason, those that are there.
    pub fn rejected(&self) -> Vec<(String, u64)> {
        let mut all = std::collections::BTreeMap::new();
        for (reason, n) in self.counts.iter().flat_map(|c| &c.sources).flat_map(|s| &s.rejected) {
            *all.entry(reason.clone()).or_insert(0) += n;
        }
        all.into_iter().filter(|(_, n)| *n > 0).collect()
    }
}

/// Standard output of a run.
#[derive(Clone, Default)]
pub struct Captured(Arc<Mutex<Vec<u8>>>);

impl Captured {
    /// What has been written so far.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }
}

impl Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// The path of partition `i` in `folder`.
pub fn partition_path(folder: &Path, i: usize) -> String {
    folder.join(format!("in{i}.ndjson")).display().to_string()
}

/// Writes the partitions and the pipeline, with its paths filled in, into `folder`; gives the pipeline's text.
pub fn write_case(folder: &Path, pipeline: &str, partitions: &[Vec<u8>]) -> String {
    let mut text = pipeline.replace("{dir}", &folder.display().to_string());
    for (i, bytes) in partitions.iter().enumerate() {
        let path = partition_path(folder, i);
        std::fs::write(&path, bytes).expect("the scratch folder takes files");
        text = text.replace(&format!("{{{i}}}"), &path);
    }
    std::fs::write(folder.join("pipeline.toml"), &text).expect("the scratch folder takes files");
    text
}

/// The plan of a pipeline text that has no problem.
pub fn plan_of(text: &str) -> Plan {
    let (config, problems) = config::parse("pipeline.toml", text, &[], &|_| None);
    assert!(!problems.has_errors(), "{problems}\n{text}");
    plan::compile(&config.expect("there was no problem")).unwrap_or_else(|problems| panic!("{problems}\n{text}"))
}

/// Runs a pipeline that [`write_case`] has written.
pub fn run(text: &str, width: Width) -> Result<Ran, Error> {
    run_with(text, width, |_| {})
}

/// [`run`], with something to do when it has begun (in process 0).
pub fn run_with(
    text: &str,
    width: Width,
    on_ready: impl FnOnce(&engine::Running) + Send + 'static,
) -> Result<Ran, Error> {
    let output = Captured::default();
    let mut on_ready = Some(on_ready);
    let outcomes: Vec<Result<Outcome, Error>> = std::thread::scope(|scope| {
        let mut start = |topology: Topology| {
            let (output, on_ready) = (output.clone(), on_ready.take());
            scope.spawn(move || {
                let options = Options {
                    block_bytes: width.block,
                    stdin: None,
                    stdout: Box::new(output),
                    topology,
                    on_ready: Box::new(move |running| {
                        if let Some(on_ready) = on_ready {
                            on_ready(running);
                        }
                    }),
                    ..Options::local(width.workers)
                };
                engine::run(plan_of(text), options)
            })
        };
        let processes: Vec<_> = topologies(width).into_iter().map(&mut start).collect();
        let join = |p: std::thread::ScopedJoinHandle<'_, _>| match p.join() {
            Ok(outcome) => outcome,
            Err(panic) => std::panic::resume_unwind(panic),
        };
        processes.into_iter().map(join).collect()
    });
    let mut counts = Vec::new();
    for outcome in outcomes {
        counts.push(outcome?.metrics.snapshot());
    }
    let output = std::mem::take(&mut *output.0.lock().unwrap_or_else(PoisonError::into_inner));
    Ok(Ran { output, counts })
}

/// The topology of each process, on ports of this machine that were free a moment ago.
pub fn topologies(width: Width) -> Vec<Topology> {
    let local = Topology::local(width.workers);
    if width.processes == 1 {
        return vec![local];
    }
    let listeners: Vec<TcpListener> =
        (0..width.processes).map(|_| TcpListener::bind("127.0.0.1:0").expect("a port is free")).collect();
    let hosts: Vec<String> =
        listeners.iter().map(|l| l.local_addr().expect("it listens somewhere").to_string()).collect();
    (0..width.processes)
        .map(|process| Topology {
            processes: width.processes,
            process,
            hosts: hosts.clone(),
            token: Some(b"open sesame".to_vec()),
            connect_timeout: Duration::from_secs(60),
            peer_timeout: Duration::from_secs(60),
            ..local.clone()
        })
        .collect()
}

/// Runs in a thread of its own, and panics with `what` where that takes longer than anything here should.
pub fn in_time<T: Send + 'static>(what: &str, work: impl FnOnce() -> T + Send + 'static) -> T {
    let (tell, told) = std::sync::mpsc::channel();
    let worker = std::thread::spawn(move || {
        // Nobody listens any more where it took too long.
        let _ = tell.send(work());
    });
    match told.recv_timeout(Duration::from_secs(60)) {
        Ok(result) => result,
        Err(std::sync::mpsc::RecvTimeoutError::Timeout) => panic!("{what}: no end after a minute"),
        Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => match worker.join() {
            Err(panic) => std::panic::resume_unwind(panic),
            Ok(()) => unreachable!("it sends before it ends"),
        },
    }
}

/// Two runs have written the same bytes; `what` says which runs.
pub fn same_bytes(one: &Ran, other: &Ran, what: &str) {
    assert!(one.output == other.output, "{what}: {}", apart(&one.output, &other.output));
}

/// The seeds of a test that runs as long as one likes: `HIGHWATER_SEEDS=100..400`.
pub fn seeds() -> std::ops::Range<u64> {
    let seeds = std::env::var("HIGHWATER_SEEDS").unwrap_or_else(|_| "100..300".into());
    let (from, to) = seeds.split_once("..").expect("from..to");
    from.parse().expect("a number")..to.parse().expect("a number")
}

/// The first lines that two outputs have not in common, and how many lines they have.
fn apart(one: &[u8], other: &[u8]) -> String {
    let [one, other] = [one, other].map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    let (a, b): (Vec<&str>, Vec<&str>) = (one.lines().collect(), other.lines().collect());
    let i = (0..a.len().max(b.len())).find(|i| a.get(*i) != b.get(*i)).unwrap_or(0);
    format!("line {i} of {} and {}\n  {:?}\n  {:?}", a.len(), b.len(), a.get(i), b.get(i))
}
