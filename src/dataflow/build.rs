//! A plan, turned into one timely dataflow on each worker.

use super::alert::{alert, tell};
use super::container::PacketBox;
use super::cost;
use super::head::head;
use super::part::Fed;
use super::pattern::patterns;
use super::recommend::recommendation;
use super::rows::{Results, to_all};
use super::shared::Shared;
use super::sink::{SinkCell, sink};
use super::source::source;
use super::table::table;
use super::versions::versions;
use super::view::view;
use super::window::window;
use crate::alert::Hears;
use crate::config::TableKind;
use crate::error::{Error, Panicked};
use crate::observe::trace::SinkNotes;
use crate::observe::{Metrics, SinkId};
use crate::plan::{HeadKind, Plan};
use crate::result::RowSchema;
use crate::sink::{Finished, Sink, SinkHandle, Timed, is_closed, noted};
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use timely::dataflow::Stream;
use timely::dataflow::operators::core::{Concatenate, Probe};
use timely::dataflow::operators::probe::Handle;
use timely::worker::Worker;

/// The least room of a sink's queue, bytes.
const LEAST_QUEUE: u64 = 1 << 20;

/// Who takes rows.
#[derive(Default)]
pub struct Takers {
    /// Sinks that were opened, in plan order, on the first worker of a process; nothing on others.
    pub sinks: Vec<Option<Box<dyn Sink>>>,
    /// How many of the plan's sinks are the pipeline's own: their rows go to worker 0. One may come behind them, of which ...
    pub own: usize,
    /// ... each of these workers gets all rows.
    pub lookers: Vec<usize>,
}

/// A dataflow that was built on this worker.
pub struct Built {
    /// The frontier behind everything: done when it is empty.
    pub probe: Handle<i64>,
    sinks: Vec<SinkCell>,
}

/// Builds the dataflow. `hears`: who is told of alerts, on worker 0.
pub fn build(
    worker: &mut Worker,
    plan: &Arc<Plan>,
    shared: &Arc<Shared>,
    metrics: &Arc<Metrics>,
    takers: Takers,
    hears: Option<Box<dyn Hears>>,
) -> Built {
    let probe = Handle::new();
    let cells: Vec<SinkCell> = plan.sinks.iter().map(|_| Rc::new(RefCell::new(None))).collect();
    let Takers { sinks, own, lookers } = takers;
    let mut opened = sinks.into_iter();
    let local = worker.clone();
    cost::listen(worker, worker.index() % shared.workers(), metrics);
    worker.dataflow_named::<i64, _, _>(&plan.name, |scope| {
        let mut results = Results::default();
        let mut fed: Vec<Vec<Fed<'_>>> = plan.windows.iter().map(|_| Vec::new()).collect();
        let mut packets: Vec<Vec<Stream<'_, i64, PacketBox>>> = plan.heads.iter().map(|_| Vec::new()).collect();
        let mut marked: Vec<Vec<Stream<'_, i64, PacketBox>>> = plan.pattern_groups.iter().map(|_| Vec::new()).collect();
        let mut clocks = Vec::new();
        // Heads come after all that leads to them.
        for at in 0..plan.sources.len() + plan.heads.len() {
            let (contributions, events, marks) = match at.checked_sub(plan.sources.len()) {
                None => {
                    let (contributions, events, marks, clock) =
                        source(scope, &local, plan, at, shared, metrics, &probe);
                    clocks.extend(clock);
                    (contributions, events, marks)
                }
                Some(h) => {
                    let packets = scope.concatenate(std::mem::take(&mut packets[h]));
                    let p = &plan.heads[h];
                    if let HeadKind::Versions(of) = &p.kind {
                        let stated = versions(packets, plan, p, of, shared, metrics);
                        results.add(vec![of.part], stated.probe_with(&probe));
                        continue;
                    }
                    if let HeadKind::Recommendation(of) = &p.kind {
                        for (part, said) in recommendation(scope, packets, plan, (p, &**of), shared, metrics) {
                            results.add(vec![part], said.probe_with(&probe));
                        }
                        continue;
                    }
                    head(scope, packets, plan, h, local.peers(), shared, metrics)
                }
            };
            contributions.into_iter().for_each(|(w, feed)| fed[w].push(feed));
            events.into_iter().for_each(|(h, stream)| packets[h].push(stream));
            marks.into_iter().for_each(|(g, stream)| marked[g].push(stream));
        }
        for (w, mut feeds) in fed.into_iter().enumerate() {
            let (contributions, tables) = match feeds.len() {
                0 => continue,
                1 => feeds.remove(0),
                // The frontier behind it is the least of all.
                _ => (scope.concatenate(feeds.into_iter().map(|(contributions, _)| contributions)), None),
            };
            let stated = window(contributions, plan, w, shared, metrics, tables);
            results.add(vec![plan.windows[w].part], stated.probe_with(&probe));
        }
        for (g, packets) in marked.into_iter().enumerate().filter(|(_, packets)| !packets.is_empty()) {
            let said = patterns(scope.concatenate(packets), plan, g, shared, metrics);
            let parts = plan.pattern_groups[g].patterns.iter().map(|one| one.shown.part);
            results.add(parts.collect(), said.probe_with(&probe));
        }
        // What stands before them: its frontier says when a change of a table is stated.
        let all: Vec<u32> = (0..plan.schemas.len() as u32).collect();
        let rows = results.of(scope, &all);
        for (t, p) in plan.tables.iter().enumerate() {
            // Those of events come from their heads.
            if matches!(p.config.kind, TableKind::Stream { .. }) {
                continue;
            }
            let is_it = |schema: &RowSchema| schema.kind.is_table() && schema.name == p.name;
            let Some(part) = plan.schemas.iter().position(is_it) else { continue };
            let stated = table(rows.clone(), &p.name, (t, part as u32), shared);
            results.add(vec![part as u32], stated.probe_with(&probe));
        }
        for v in 0..plan.views.len() {
            let said = view(scope, &results, plan, v, metrics);
            results.add(vec![plan.views[v].part], said.probe_with(&probe));
        }
        for (a, p) in plan.alerts.iter().enumerate() {
            let clocks = plan.sources_of(p.from).into_iter().map(|s| clocks[s].clone()).collect::<Vec<_>>();
            let said = alert(results.of(scope, &[p.from]), scope.concatenate(clocks), plan, a, shared, metrics);
            results.add(vec![p.part], said.probe_with(&probe));
        }
        // Alerts that notify nobody may keep others quiet.
        let told: Vec<u32> = plan.alerts.iter().map(|p| p.part).collect();
        if !told.is_empty() {
            tell(results.of(scope, &told), plan, hears, metrics).probe_with(&probe);
        }
        for (i, p) in plan.sinks.iter().enumerate() {
            let all = results.of(scope, &p.parts);
            let limit = plan.max_inflight.max(LEAST_QUEUE) as usize;
            let name = p.config.name.clone();
            let notes = Arc::new(SinkNotes::new(metrics.trace(), &name));
            let start = opened.next().flatten().map(|sink| {
                let times = metrics.sink(SinkId(i as u32)).write.clone();
                let (name, sink) = (name.clone(), noted(Box::new(Timed::new(sink, times)), &notes));
                let start: super::sink::Start = Box::new(move |activator| {
                    // Where the worker is gone, nothing waits for room.
                    SinkHandle::start(&name, sink, limit, move || {
                        let _ = activator.activate();
                    })
                });
                start
            });
            let (place, start) = ((Rc::clone(&cells[i]), i), (start, notes));
            match (i < own, &lookers[..]) {
                (true, _) | (false, [0]) => sink(all, &name, place, start, shared, metrics).probe_with(&probe),
                // Nobody looks at any process.
                (false, []) => continue,
                (false, _) => {
                    let all = to_all(all, &name, lookers.clone());
                    sink(all, &name, place, start, shared, metrics).probe_with(&probe)
                }
            };
        }
    });
    cost::built(worker);
    Built { probe, sinks: cells }
}

impl Built {
    /// Steps the worker until the dataflow is complete or the run has failed, and finishes the sinks of this worker.
    ///
    /// # Errors
    /// The run's first failure.
    pub fn run(self, worker: &mut Worker, shared: &Shared, metrics: &Metrics) -> Result<Vec<Finished>, Error> {
        // One worker of the process looks how far all have come.
        let looks = metrics.trace().is_on() && worker.index().is_multiple_of(shared.workers());
        while !self.probe.done() && !shared.has_failed() {
            // After a panic of the program's code the dataflow cannot go on; it is dropped below.
            if let Err(error) = Panicked::caught(|| worker.step_or_park(Some(PARK))) {
                shared.fail(error);
            }
            if looks {
                metrics.trace().passed(self.probe.with_frontier(|f| f.first().copied()));
            }
        }
        if let Some(error) = shared.failure() {
            for dataflow in worker.installed_dataflows() {
                worker.drop_dataflow(dataflow);
            }
            return Err(error);
        }
        let mut finished = Vec::new();
        for (i, cell) in self.sinks.iter().enumerate() {
            if let Some(handle) = cell.borrow_mut().take() {
                match handle.finish() {
                    Ok(f) => {
                        let counts = metrics.sink(SinkId(i as u32));
                        counts.rows.set(f.rows);
                        counts.bytes.set(f.bytes);
                        counts.backlog.set(0);
                        finished.push(f);
                    }
                    Err(error) => {
                        if !is_closed(&error) {
                            shared.fail(error.clone());
                        }
                        return Err(error);
                    }
                }
            }
        }
        Ok(finished)
    }
}

/// How long a worker sleeps when nothing wakes it; a failure elsewhere is noticed at the latest then.
const PARK: Duration = Duration::from_millis(100);
