//! The source operator: one for each source and worker, with an output for each window part that reads it.
//!
//! Each activation reads and decodes a block, emits the blocks whose clocks are known, sends what must go before the
//! worker's tick moves on, and downgrades its capabilities to that tick. They are dropped when this worker has read
//! all it will, when the run is drained, or when it fails.

use super::container::SegmentBox;
use super::reader::{Progress, Reader};
use super::shared::Shared;
use super::window::Tables;
use crate::error::Error;
use crate::observe::{Metrics, PartId};
use crate::plan::Plan;
use crate::window::{PreAggregate, Tallies};
use std::sync::Arc;
use timely::container::CapacityContainerBuilder;
use timely::dataflow::operators::Capability;
use timely::dataflow::operators::generic::OutputBuilder;
use timely::dataflow::operators::generic::builder_rc::OperatorBuilder;
use timely::dataflow::operators::probe::Handle;
use timely::dataflow::{Scope, Stream};
use timely::worker::Worker;

/// Blocks emitted in one activation, at most, so that other operators get their turn.
const EMIT: usize = 8;

/// Builds the operator; gives a stream of contributions for each window part of the source.
pub(super) fn source<'scope>(
    scope: Scope<'scope, i64>,
    worker: &Worker,
    plan: &Arc<Plan>,
    source: usize,
    shared: &Arc<Shared>,
    metrics: &Arc<Metrics>,
    behind: &Handle<i64>,
) -> Vec<(usize, Stream<'scope, i64, SegmentBox>, Option<Tables>)> {
    let p = &plan.sources[source];
    let mut builder = OperatorBuilder::new(format!("{}:source", p.name), scope);
    let info = builder.operator_info();
    let activator = scope.activator_for(info.address.clone());
    let local = worker.index() % shared.workers();
    shared.wake_of(source, local).set(worker.sync_activator_for(info.address.to_vec()));

    let mut outputs = Vec::new();
    let mut streams = Vec::new();
    let mut parts = Vec::new();
    for w in &p.windows {
        let (output, stream) = builder.new_output::<SegmentBox>();
        outputs.push(OutputBuilder::<i64, WholeContainers>::from(output));
        let tables: Option<Tables> = (worker.peers() == 1).then(Tables::default);
        streams.push((*w, stream, tables.clone()));
        let window = &plan.windows[*w];
        let mut pre = PreAggregate::new(
            window.spec.clone(),
            Arc::clone(&window.layout),
            window.keys.clone(),
            window.mode,
            worker.peers(),
        );
        if shared.too_late[*w].is_some() {
            pre.keep_too_late();
        }
        parts.push(Part {
            window: *w,
            selection: window.selection,
            pre,
            tallies: Tallies::new(&window.layout),
            tables,
        });
    }
    let mut reader = Reader::new(plan, source, Arc::clone(shared), Arc::clone(metrics));
    let (shared, metrics, behind) = (Arc::clone(shared), Arc::clone(metrics), behind.clone());
    let idles = shared.idle_after(source).is_some();
    let (max_drift, max_inflight) = (plan.max_drift, plan.max_inflight);

    builder.build(move |capabilities| {
        // Dropped at the end of the input, of a drain, or of a failed run.
        let mut capabilities: Vec<Capability<i64>> = capabilities;
        move |_frontiers| {
            if capabilities.is_empty() {
                return;
            }
            if shared.has_failed() {
                capabilities.clear();
                return;
            }
            parts.iter_mut().for_each(Part::refill);
            let wake = shared.wake_of(source, local);
            let mut armed = false;
            let mut wait = None;
            // Where an idle partition speaks again, the worker may have gone past its clock: its events count from here.
            let reached = capabilities.first().map(|c| *c.time()).filter(|time| idles && *time > i64::MIN);
            let least_base = reached.map_or(i64::MIN, |time| time.saturating_add(reader.out_of_orderness()));
            let mut turn = || -> Result<bool, Error> {
                loop {
                    let mut emitted = 0;
                    while emitted < EMIT
                        && let Some((decoded, base)) = reader.emit()?
                    {
                        let base = base.max(least_base);
                        for part in &mut parts {
                            let rows = &decoded.selections[part.selection];
                            part.pre.add(&decoded.batch, rows, base, reader.out_of_orderness(), &mut part.tallies);
                            if let Some(kept) = &shared.too_late[part.window] {
                                let letters = decoded.too_late(&part.pre.take_too_late());
                                let lane = shared.sources[source].first_lane + decoded.batch.partition as usize;
                                kept.block(lane, decoded.index(), letters)?;
                            }
                        }
                        reader.recycle(decoded);
                        emitted += 1;
                    }
                    if emitted > 0 {
                        return Ok(false);
                    }
                    let progress = if shared.backlog() > max_inflight {
                        Progress::Wait(Some(FULL))
                    } else {
                        let frontier = behind.with_frontier(|f| f.first().copied());
                        reader.read(frontier.map_or(i64::MAX, |f| f.saturating_add(max_drift)))?
                    };
                    match progress {
                        Progress::Read => {}
                        Progress::End => {
                            shared.tell_clocks();
                            shared.tell_activity(true);
                            return Ok(true);
                        }
                        Progress::Wait(time) if armed => {
                            wait = Some(time);
                            return Ok(false);
                        }
                        Progress::Wait(_) => {
                            // From here on whoever changes something wakes us; look once more for what came before.
                            shared.tell_clocks();
                            shared.tell_activity(true);
                            wake.wait();
                            armed = true;
                        }
                    }
                }
            };
            let step = turn();
            let ended = matches!(step, Ok(true));
            if let Err(error) = step {
                shared.fail(error);
                capabilities.clear();
                return;
            }
            shared.tell_activity(false);
            // Never behind what it has reached: an idle partition that speaks again may be.
            let tick = reader.tick().map(|tick| reached.map_or(tick, |reached| tick.max(reached)));
            for (i, part) in parts.iter_mut().enumerate() {
                let mut output = outputs[i].activate();
                let mut session = output.session_with_builder(&capabilities[i]);
                part.pre.flush(tick, &mut |segment| session.give_container(&mut SegmentBox(Some(segment))));
                drop(session);
                drop(output);
                part.count(&metrics);
            }
            if ended {
                capabilities.clear();
                return;
            }
            if let Some(tick) = tick {
                for capability in &mut capabilities {
                    if tick > *capability.time() {
                        capability.downgrade(&tick);
                    }
                }
            }
            match wait {
                None => activator.activate(),
                Some(Some(time)) => activator.activate_after(time),
                // Woken by the partition, the clock or the sink.
                Some(None) => {}
            }
        }
    });
    streams
}

/// How long to look away while the sinks are full; they wake the source too.
const FULL: std::time::Duration = std::time::Duration::from_millis(20);

type WholeContainers = CapacityContainerBuilder<SegmentBox>;

/// One window part as this operator feeds it.
struct Part {
    window: usize,
    selection: usize,
    pre: PreAggregate,
    tallies: Tallies,
    tables: Option<Tables>,
}

impl Part {
    /// Takes empty tables back from the window.
    fn refill(&mut self) {
        while let Some(tables) = &self.tables
            && self.pre.wants_tables()
            && let Some(table) = tables.borrow_mut().pop()
        {
            self.pre.give_back(table);
        }
    }

    /// Hands what was counted to the metrics.
    fn count(&mut self, metrics: &Metrics) {
        let counts = metrics.part(PartId(self.window as u32));
        counts.late.add(std::mem::take(&mut self.tallies.late));
        counts.too_late.add(std::mem::take(&mut self.tallies.too_late));
        super::window::count_non_numeric(&mut self.tallies.tally, counts);
    }
}
