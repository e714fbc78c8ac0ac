//! A plan and a topology, turned into a finished run: opens sources and sinks, builds the dataflow on every worker,
//! waits, and says what was written.
//!
//! Nothing is created before everything that can be checked was checked; files appear only when the run has finished
//! (see [`crate::sink`]).

mod open;
mod told;
mod whole;

pub use whole::{NoAnswer, Notices, Whole};

use crate::alert::Hears;
use crate::cluster::{Fate, Handle, Topology, execute_with};
use crate::dataflow::{Opened, Pace, Shared, Takers, build};
use crate::error::Error;
use crate::notify::ActionCounts;
use crate::observe::trace::About;
use crate::observe::{Metrics, PartShape, SourceShape, Telemetry};
use crate::plan::Plan;
use crate::sink::{Finished, Sink, is_closed};
use crate::source::{DeadLetters, Door, WallClock};
use crate::table::Watcher;
use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;
use whole::Speaker;

/// What a program brings to a run: the bytes of sources and the takers of rows that are its own, by name.
#[derive(Default)]
pub struct Brought {
    /// Lines of sources; read in process 0.
    pub sources: Vec<(String, Box<dyn Read + Send>)>,
    /// The ways into sources of events that are sent; read in process 0.
    pub doors: Vec<(String, Arc<Door>)>,
    /// Sinks, each of which gets its rows in their final order; used in process 0.
    pub sinks: Vec<(String, Box<dyn Sink>)>,
    /// Who hears of alerts beside those who are notified; used in process 0.
    pub hears: Option<Box<dyn Hears>>,
}

/// The name under which the rows for [`Options::beside`] are counted; no sink can have it.
pub const BESIDE: &str = "serve:rows";

/// How to run a plan.
pub struct Options {
    /// Workers and processes; the plan's fingerprint is filled in by [`run`].
    pub topology: Topology,
    /// How failures end: for a program [`Fate::exiting`], installed as the panic hook.
    pub fate: Arc<Fate>,
    /// What `stdin` sources read.
    pub stdin: Option<Box<dyn Read + Send>>,
    /// What `stdout` sinks write to.
    pub stdout: Box<dyn Write + Send>,
    /// Bytes of a file's block; another size changes no result.
    pub block_bytes: Option<u64>,
    /// Dead-letter files whose lines are read too; see [`crate::source::Letters`].
    pub dead_letters: Vec<String>,
    /// What the program itself brings.
    pub given: Brought,
    /// The actions of the pipeline are told of alerts; else only [`Brought::hears`] is.
    pub notify: bool,
    /// Who takes the rows of every part too, in their final order; each process of a run may have one. Its counts are last among
    /// those of the sinks.
    pub beside: Option<Box<dyn Sink>>,
    /// Where traces of the run go.
    pub telemetry: Telemetry,
    /// The clock of sources whose events have the time at which they are read.
    pub clock: WallClock,
    /// Called when all processes are there, before the first event is read.
    pub on_ready: Box<dyn FnOnce(&Running)>,
}

impl Options {
    /// One process with `workers` workers, standard input and output, and a fate that only returns errors.
    pub fn local(workers: usize) -> Self {
        Self {
            topology: Topology::local(workers),
            fate: Fate::new(|_| {}),
            stdin: Some(Box::new(std::io::stdin())),
            stdout: Box::new(std::io::stdout()),
            block_bytes: None,
            dead_letters: Vec::new(),
            given: Brought::default(),
            notify: false,
            beside: None,
            telemetry: Telemetry::default(),
            clock: WallClock::system(),
            on_ready: Box::new(|_| {}),
        }
    }
}

/// A run that is under way.
#[derive(Clone)]
pub struct Running {
    /// What is counted; of this process.
    pub metrics: Arc<Metrics>,
    /// Who is notified of alerts; `None` where nobody is.
    pub notices: Option<Notices>,
    /// What the other processes have counted.
    pub whole: Arc<Whole>,
    handle: Handle,
}

impl Running {
    /// Asks all processes to read no more and to finish what was read.
    pub fn drain(&self) {
        self.handle.request_drain();
    }
}

/// A finished run.
#[derive(Debug)]
pub struct Outcome {
    /// What was counted; of this process.
    pub metrics: Arc<Metrics>,
    /// What the other processes have counted; all of it in process 0, and in those that are looked at.
    pub whole: Arc<Whole>,
    /// It was asked to read no more before its input ended.
    pub drained: bool,
    /// What each sink wrote, in plan order; only in process 0.
    pub sinks: Vec<Finished>,
    /// What was counted of each action that was told of alerts; only in process 0.
    pub actions: BTreeMap<String, ActionCounts>,
}

/// Runs the plan to the end of its input, or until it is drained.
///
/// # Errors
/// The first failure: of a source, a sink, a peer. Under a fate that exits the process this may not return.
pub fn run(mut plan: Plan, options: Options) -> Result<Outcome, Error> {
    let Options { mut topology, fate, stdin, stdout, block_bytes, dead_letters, mut given, .. } = options;
    let Options { notify, beside, telemetry, clock, on_ready, .. } = options;
    topology.check()?;
    let processes = (topology.process, topology.processes);
    let several = topology.processes > 1;
    let whole = Whole::new(processes, beside.is_some());
    let own_sinks = plan.sinks.len();
    // Where another process is looked at, this one sends it rows.
    if beside.is_some() || several {
        plan.sinks.push(open::beside(&plan));
    }
    let plan = Arc::new(plan);
    // Before anything is read of the sources: there is no event without its tables.
    let loaded = open::tables(&plan)?;
    let mut askers = open::askers(&plan)?;
    let inputs = open::Inputs { stdin, given: given.sources, doors: given.doors };
    let (sources, too_late) = open::sources(&plan, &topology, inputs, block_bytes, &dead_letters)?;
    topology.fingerprint = open::fingerprint(&plan, &sources, &loaded);
    let mut sinks: Vec<Option<Box<dyn Sink>>> = match topology.process {
        0 => open::sinks(&plan.sinks[..own_sinks], &plan, stdout, &mut given.sinks)?.into_iter().map(Some).collect(),
        _ => plan.sinks[..own_sinks].iter().map(|_| None).collect(),
    };
    let has_sinks = topology.process == 0;
    let counted = if has_sinks || beside.is_some() { plan.sinks.len() } else { 0 };
    let first = topology.process * topology.workers;
    let metrics = metrics(&plan, &sources, counted).with_workers(first..first + topology.workers);
    let metrics = Arc::new(metrics.with_telemetry(telemetry));
    if plan.sinks.len() > own_sinks {
        sinks.push(beside.map(open::ordered));
    }
    let (tables, watched) = open::lookups(&plan, loaded, &mut askers, &metrics)?;
    let _watcher = match watched.is_empty() {
        true => None,
        false => Some(Watcher::start(watched, Arc::clone(&tables), Arc::clone(&metrics))?),
    };
    let paced = plan.sources.iter().zip(sources).map(|(p, opened)| {
        let idle_after = p.idle_after.map(|time| Duration::from_micros(time.unsigned_abs()));
        (opened, Pace { tick: plan.tick, out_of_orderness: p.out_of_orderness, idle_after, processing: p.processing })
    });
    let shared = Shared::new(paced.collect(), too_late, (clock, tables), topology.workers, processes, plan.sinks.len());

    topology.counters = shared.drawn().count();

    for desk in shared.tables.desks() {
        let waiting = Arc::downgrade(&shared);
        desk.on_answer(Box::new(move || {
            if let Some(shared) = waiting.upgrade() {
                shared.wake_all();
            }
        }));
    }

    let sinks = Mutex::new(sinks);
    // Each change is told once: in process 0, by worker 0.
    let actions = told::Actions::start(&plan, notify && topology.process == 0, &metrics)?;
    let hears = Mutex::new(actions.with(given.hears.filter(|_| topology.process == 0)));
    let speaker: Arc<OnceLock<Speaker>> = Arc::default();
    let looked_at: Arc<OnceLock<Vec<usize>>> = Arc::default();
    let ready = {
        let (shared, metrics, whole) = (Arc::clone(&shared), Arc::clone(&metrics), Arc::clone(&whole));
        let (speaker, looked_at, desk) = (Arc::clone(&speaker), Arc::clone(&looked_at), actions.desk());
        let told_there = notify && processes.0 != 0 && told::Actions::are_told(&plan);
        let about = About { process: processes.0, processes: processes.1, ..about(&plan) };
        move |handle: &Handle| {
            // Weak: the handle would keep the files of the run open through what it calls.
            let listening = Arc::downgrade(&shared);
            let (ours, counts) = (Arc::clone(&whole), Arc::clone(&metrics));
            handle.on_app(move |from, bytes| {
                if Whole::is_ours(bytes) {
                    ours.hear(from, bytes, &counts);
                } else if let Some(shared) = listening.upgrade() {
                    shared.hear(from, bytes);
                }
            });
            let telling = handle.clone();
            shared.on_tell(Box::new(move |bytes| {
                // A failed send is a lost peer, and the control plane says so itself.
                let _ = telling.broadcast(bytes);
            }));
            for (partition, counter) in shared.drawn().zip(handle.counters()) {
                partition.draw_from(Box::new(move || counter.draw()));
            }
            if several {
                let looking = handle.clone();
                shared.on_look(Box::new(move |waits| if waits { looking.leave() } else { looking.glance() }));
                let asking = handle.clone();
                shared.on_ask_to_drain(Box::new(move || asking.request_drain()));
            }
            let draining = Arc::downgrade(&shared);
            handle.on_drain(move || {
                if let Some(shared) = draining.upgrade() {
                    shared.drain();
                }
            });
            metrics.trace().begin(About { run: handle.run(), ..about });
            let lookers = whole.meet(handle);
            if !lookers.is_empty() {
                metrics.look();
                shared.look();
            }
            if several {
                match Speaker::start(&whole, handle, &metrics, lookers.clone(), desk.clone()) {
                    Ok(one) => drop(speaker.set(one)),
                    Err(error) => handle.fail(error),
                }
            }
            let _ = looked_at.set(lookers);
            let notices = match desk {
                Some(desk) => Some(Notices::here(desk, Arc::clone(&metrics))),
                None => told_there.then(|| Notices::there(Arc::clone(&whole), handle.clone())),
            };
            on_ready(&Running { metrics, notices, whole, handle: handle.clone() });
        }
    };
    let results = {
        let (plan, shared, metrics) = (Arc::clone(&plan), Arc::clone(&shared), Arc::clone(&metrics));
        let (workers, at_work, speaker) = (topology.workers, AtomicUsize::new(topology.workers), Arc::clone(&speaker));
        execute_with(topology, fate, ready, move |worker, handle| {
            let sinks = match worker.index() % workers {
                0 => std::mem::take(&mut *sinks.lock().unwrap_or_else(PoisonError::into_inner)),
                _ => Vec::new(),
            };
            let lookers =
                looked_at.get().map_or(&[][..], Vec::as_slice).iter().map(|process| process * workers).collect();
            let takers = Takers { sinks, own: own_sinks, lookers };
            let hears = match worker.index() {
                0 => hears.lock().unwrap_or_else(PoisonError::into_inner).take(),
                _ => None,
            };
            let built = build(worker, &plan, &shared, &metrics, takers, hears);
            let result = built.run(worker, &shared, &metrics);
            if at_work.fetch_sub(1, Ordering::AcqRel) == 1
                && let Some(speaker) = speaker.get()
            {
                speaker.last_word();
            }
            if several
                && let Err(error) = &result
                && !is_closed(error)
            {
                handle.fail(error.clone());
            }
            result
        })?
    };
    let mut written = Vec::new();
    for result in results {
        written.extend(result?);
    }
    let dead = shared.sources.iter().map(|s| &s.dead_letters).chain(&shared.too_late);
    dead.flatten().try_for_each(DeadLetters::finish)?;
    Ok(Outcome { metrics, whole, drained: shared.is_draining(), sinks: written, actions: actions.finish() })
}

/// What a run is for its traces: a step is as long as the shortest slide, as something is stated at its end.
fn about(plan: &Plan) -> About {
    let slides = plan.windows.iter().filter_map(|w| w.spec.every());
    let step = slides.filter(|every| *every >= plan.tick).min().unwrap_or(plan.tick);
    About { run: [0; 16], process: 0, processes: 1, pipeline: plan.name.clone(), step }
}

/// `sinks`: how many of the plan's are counted here.
fn metrics(plan: &Plan, sources: &[Opened], sinks: usize) -> Metrics {
    let shapes: Vec<SourceShape> = plan
        .sources
        .iter()
        .zip(sources)
        .map(|(p, (partitions, _))| SourceShape {
            name: p.name.clone(),
            partitions: partitions.iter().map(|p| p.name().to_owned()).collect(),
            reasons: open::reasons(),
        })
        .collect();
    let windows = plan.windows.iter().map(|w| PartShape { name: w.name.clone(), values: w.calls.clone() });
    // Recommendations are counted with their rows.
    let heads = plan.heads.iter().filter(|head| head.part as usize >= plan.schemas.len());
    let heads = heads.map(|head| PartShape { name: head.name.clone(), values: Vec::new() });
    let patterns = plan.schemas[plan.windows.len()..].iter();
    let patterns = patterns.map(|s| PartShape { name: s.name.clone(), values: Vec::new() });
    let parts: Vec<PartShape> = windows.chain(patterns).chain(heads).collect();
    let has_sinks = sinks > 0;
    let sinks: Vec<String> = plan.sinks.iter().take(sinks).map(|s| s.config.name.clone()).collect();
    let metrics = Metrics::new(&shapes, &parts, &sinks).with_tables(plan.tables.iter().map(|table| table.name.clone()));
    let told = |name: &str| plan.alerts.iter().any(|alert| alert.shown.notify.iter().any(|one| one == name));
    let actions = plan.notify.actions.iter().map(|action| action.config.name.clone());
    let metrics = metrics.with_actions(actions.filter(|name| has_sinks && told(name)));
    for (s, (partitions, _)) in sources.iter().enumerate() {
        for (i, p) in partitions.iter().enumerate() {
            if let Some(length) = p.length() {
                let id = metrics.partition_id(crate::observe::SourceId(s as u32), i);
                metrics.partition(id).length.raise(i64::try_from(length).unwrap_or(i64::MAX));
            }
        }
    }
    metrics
}
