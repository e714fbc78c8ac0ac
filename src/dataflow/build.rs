//! A plan, turned into one timely dataflow on each worker.

use super::container::{PacketBox, RowBox};
use super::dedup::dedup;
use super::part::Fed;
use super::pattern::patterns;
use super::shared::Shared;
use super::sink::{SinkCell, sink};
use super::source::source;
use super::window::window;
use crate::error::{Error, Panicked};
use crate::observe::{Metrics, SinkId};
use crate::plan::Plan;
use crate::sink::{Finished, Sink, SinkHandle, is_closed};
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

/// A dataflow that was built on this worker.
pub struct Built {
    /// The frontier behind everything: done when it is empty.
    pub probe: Handle<i64>,
    sinks: Vec<SinkCell>,
}

/// Builds the dataflow. `sinks`: the opened sinks in plan order, on worker 0; nothing on all others.
pub fn build(
    worker: &mut Worker,
    plan: &Arc<Plan>,
    shared: &Arc<Shared>,
    metrics: &Arc<Metrics>,
    sinks: Option<Vec<Box<dyn Sink>>>,
) -> Built {
    let probe = Handle::new();
    let cells: Vec<SinkCell> = plan.sinks.iter().map(|_| Rc::new(RefCell::new(None))).collect();
    let mut opened = sinks.map(Vec::into_iter);
    let local = worker.clone();
    worker.dataflow_named::<i64, _, _>(&plan.name, |scope| {
        let mut rows: Vec<Option<Stream<'_, i64, RowBox>>> = plan.schemas.iter().map(|_| None).collect();
        let mut fed: Vec<Vec<Fed<'_>>> = plan.windows.iter().map(|_| Vec::new()).collect();
        let mut packets: Vec<Vec<Stream<'_, i64, PacketBox>>> = plan.dedups.iter().map(|_| Vec::new()).collect();
        let mut marked: Vec<Vec<Stream<'_, i64, PacketBox>>> = plan.pattern_groups.iter().map(|_| Vec::new()).collect();
        for s in 0..plan.sources.len() {
            let (contributions, events, marks) = source(scope, &local, plan, s, shared, metrics, &probe);
            contributions.into_iter().for_each(|(w, feed)| fed[w].push(feed));
            events.into_iter().for_each(|(d, stream)| packets[d].push(stream));
            marks.into_iter().for_each(|(g, stream)| marked[g].push(stream));
        }
        for (d, packets) in packets.into_iter().enumerate() {
            let packets = scope.concatenate(packets);
            let contributions = dedup(scope, packets, plan, d, local.peers(), shared, metrics);
            contributions.into_iter().for_each(|(w, feed)| fed[w].push(feed));
        }
        for (w, mut feeds) in fed.into_iter().enumerate() {
            let (contributions, tables) = match feeds.len() {
                0 => continue,
                1 => feeds.remove(0),
                // The frontier behind it is the least of all.
                _ => (scope.concatenate(feeds.into_iter().map(|(contributions, _)| contributions)), None),
            };
            let stated = window(contributions, plan, w, shared, metrics, tables);
            rows[w] = Some(stated.probe_with(&probe));
        }
        let mut matches = Vec::new();
        for (g, packets) in marked.into_iter().enumerate().filter(|(_, packets)| !packets.is_empty()) {
            let said = patterns(scope.concatenate(packets), plan, g, shared, metrics);
            matches.push((g, said.probe_with(&probe)));
        }
        for (i, p) in plan.sinks.iter().enumerate() {
            let mut taken: Vec<_> = p.parts.iter().filter_map(|part| rows[*part as usize].clone()).collect();
            // The rows of all patterns of a group come together; a sink leaves those of others out.
            let of = |g: usize| plan.pattern_groups[g].patterns.iter().any(|one| p.parts.contains(&one.shown.part));
            taken.extend(matches.iter().filter(|(g, _)| of(*g)).map(|(_, rows)| rows.clone()));
            let all = scope.concatenate(taken);
            let limit = plan.max_inflight.max(LEAST_QUEUE) as usize;
            let name = p.config.name.clone();
            let start = opened.as_mut().and_then(Iterator::next).map(|sink| {
                let name = name.clone();
                let start: super::sink::Start = Box::new(move |activator| {
                    // Where the worker is gone, nothing waits for room.
                    SinkHandle::start(&name, sink, limit, move || {
                        let _ = activator.activate();
                    })
                });
                start
            });
            sink(all, &name, Rc::clone(&cells[i]), start, i, shared, metrics).probe_with(&probe);
        }
    });
    Built { probe, sinks: cells }
}

impl Built {
    /// Steps the worker until the dataflow is complete or the run has failed, and finishes the sinks of this worker.
    ///
    /// # Errors
    /// The run's first failure.
    pub fn run(self, worker: &mut Worker, shared: &Shared, metrics: &Metrics) -> Result<Vec<Finished>, Error> {
        while !self.probe.done() && !shared.has_failed() {
            // After a panic of the program's code the dataflow cannot go on; it is dropped below.
            if let Err(error) = Panicked::caught(|| worker.step_or_park(Some(PARK))) {
                shared.fail(error);
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
