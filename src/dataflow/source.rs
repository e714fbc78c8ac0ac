//! The source operator: one for each source and worker, with an output for each road on which it feeds a window, a head or a
//! group of patterns.
//!
//! Each activation reads and decodes a block, emits the blocks whose clocks are known, sends what must go before the
//! worker's tick moves on, and downgrades its capabilities to that tick. They are dropped when this worker has read
//! all it will, when the run is drained, or when it fails.

use super::alert;
use super::container::{PacketBox, SegmentBox};
use super::part::{Fed, Part};
use super::pattern::MarkSender;
use super::reader::{Progress, Reader};
use super::sender::Sender;
use super::shared::Shared;
use crate::error::Error;
use crate::observe::Metrics;
use crate::observe::trace::SourceNotes;
use crate::plan::Plan;
use crate::watermark::tick_at;
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

/// What a source or a head gives: contributions, each with the window they are for, and events, each with the head that
/// takes them, or with the group of patterns that looks at them.
pub(super) type Made<'scope> = (Vec<(usize, Fed<'scope>)>, Packets<'scope>, Packets<'scope>);

/// What a source gives: that, and, for alerts, how far it has come.
pub(super) type Given<'scope> =
    (Vec<(usize, Fed<'scope>)>, Packets<'scope>, Packets<'scope>, Option<Stream<'scope, i64, PacketBox>>);
/// Events on their way, each with the number of who takes them.
type Packets<'scope> = Vec<(usize, Stream<'scope, i64, PacketBox>)>;

/// Builds the operator.
pub(super) fn source<'scope>(
    scope: Scope<'scope, i64>,
    worker: &Worker,
    plan: &Arc<Plan>,
    source: usize,
    shared: &Arc<Shared>,
    metrics: &Arc<Metrics>,
    behind: &Handle<i64>,
) -> Given<'scope> {
    let p = &plan.sources[source];
    let mut builder = OperatorBuilder::new(format!("{}:source", p.name), scope);
    let info = builder.operator_info();
    let activator = scope.activator_for(info.address.clone());
    let local = worker.index() % shared.workers();
    shared.wake_of(source, local).set(worker.sync_activator_for(info.address.to_vec()));

    let mut outputs = Vec::new();
    let mut streams = Vec::new();
    let mut parts: Vec<Part> = Vec::new();
    // Windows whose events that are too late are kept.
    let mut kept: Vec<usize> = Vec::new();
    for (w, f) in &p.stage.feeds {
        let (output, stream) = builder.new_output::<SegmentBox>();
        outputs.push(OutputBuilder::<i64, WholeContainers>::from(output));
        let (mut part, tables) = Part::new(plan, *w, *f, worker.peers(), &shared.handovers[*w]);
        if shared.too_late[*w].is_some() {
            part.keep_too_late();
            if !kept.contains(w) {
                kept.push(*w);
            }
        }
        streams.push((*w, (stream, tables)));
        parts.push(part);
    }
    let (mut packet_outputs, mut packet_streams, mut senders) = (Vec::new(), Vec::new(), Vec::new());
    for (d, f) in &p.stage.heads {
        let (output, stream) = builder.new_output::<PacketBox>();
        packet_outputs.push(OutputBuilder::<i64, CapacityContainerBuilder<PacketBox>>::from(output));
        packet_streams.push((*d, stream));
        senders.push(Sender::new(plan, *d, *f, worker.peers()));
    }
    let (mut mark_outputs, mut mark_streams, mut markers) = (Vec::new(), Vec::new(), Vec::new());
    for (g, i) in &p.stage.patterns {
        let (output, stream) = builder.new_output::<PacketBox>();
        mark_outputs.push(OutputBuilder::<i64, CapacityContainerBuilder<PacketBox>>::from(output));
        mark_streams.push((*g, stream));
        markers.push(MarkSender::new(plan, *g, *i, worker.peers()));
    }
    let (clock_output, clocks) = match plan.alerts.is_empty() {
        true => (None, None),
        false => {
            let (output, stream) = builder.new_output::<PacketBox>();
            (Some(OutputBuilder::<i64, CapacityContainerBuilder<PacketBox>>::from(output)), Some(stream))
        }
    };
    let (mut clock_output, tick_size, peers) = (clock_output, plan.tick, worker.peers());
    // The greatest clock of what this worker has read.
    let mut newest = i64::MIN;
    let mut reader = Reader::new(plan, source, Arc::clone(shared), Arc::clone(metrics));
    let (shared, metrics, behind) = (Arc::clone(shared), Arc::clone(metrics), behind.clone());
    let partitions = shared.sources[source].partitions.iter().map(|p| p.partition.name().to_owned()).collect();
    let mut notes = SourceNotes::new(metrics.trace(), &p.name, partitions, worker.index());
    let jumps = p.processing || shared.idle_after(source).is_some();
    // What is behind by itself holds no source back.
    let (max_drift, max_inflight) = (plan.max_drift.saturating_add(plan.held), plan.max_inflight);

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
            // Where a partition speaks again that was idle, or while the wall clock went on, the worker may have gone
            // past its clock: its events count from here.
            let reached = capabilities.first().map(|c| *c.time()).filter(|time| jumps && *time > i64::MIN);
            let least_base = reached.map_or(i64::MIN, |time| time.saturating_add(reader.out_of_orderness()));
            let mut turn = || -> Result<bool, Error> {
                loop {
                    if !armed {
                        shared.look_around(false);
                    }
                    let mut emitted = 0;
                    while emitted < EMIT
                        && let Some((mut decoded, base)) = reader.emit(&parts)?
                    {
                        let partition = decoded.batch.partition;
                        notes.block(|| reader.note(&decoded));
                        let base = base.max(least_base);
                        let late = reader.out_of_orderness();
                        newest = newest.max(base).max(decoded.batch.max_time);
                        for (part, keys) in parts.iter_mut().zip(&decoded.keys) {
                            part.add(&mut decoded.batch, &decoded.selections, keys, partition, base, late);
                        }
                        for w in &kept {
                            let of = parts.iter_mut().filter(|part| part.window() == *w);
                            let mut rows: Vec<(u32, i64)> = of.flat_map(Part::take_too_late).collect();
                            // What comes by several roads is one event.
                            rows.sort_unstable();
                            rows.dedup();
                            if let Some(file) = &shared.too_late[*w] {
                                let letters = decoded.too_late(&rows);
                                reader.show(partition, &letters);
                                file.block(partition as usize, decoded.index(), letters)?;
                            }
                        }
                        for sender in &mut senders {
                            sender.add(&mut decoded.batch, &decoded.selections, partition, base, late);
                        }
                        for marker in &mut markers {
                            let whole = decoded.range();
                            marker.add(&mut decoded.batch, &decoded.selections, whole, partition, base, late);
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
                        reader.read(frontier.map_or(i64::MAX, |f| f.saturating_add(max_drift)), &parts)?
                    };
                    match progress {
                        Progress::Read => {}
                        Progress::End => {
                            shared.tell_activity(true);
                            shared.look_around(true);
                            return Ok(true);
                        }
                        Progress::Wait(time) if armed => {
                            wait = Some(time);
                            return Ok(false);
                        }
                        Progress::Wait(_) => {
                            // From here on whoever changes something wakes us; look once more for what came before.
                            shared.tell_activity(true);
                            wake.wait();
                            shared.look_around(true);
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
            let reached_tick = tick_at(newest, reader.out_of_orderness(), tick_size);
            for (i, part) in parts.iter_mut().enumerate() {
                let mut output = outputs[i].activate();
                let mut session = output.session_with_builder(&capabilities[i]);
                part.flush(tick, &mut |segment| session.give_container(segment));
                drop(session);
                drop(output);
                part.count(&metrics);
            }
            for (i, sender) in senders.iter_mut().enumerate() {
                let mut output = packet_outputs[i].activate();
                let mut session = output.session_with_builder(&capabilities[parts.len() + i]);
                sender.flush(&mut |packet| session.give_container(packet));
            }
            for (i, marker) in markers.iter_mut().enumerate() {
                let mut output = mark_outputs[i].activate();
                let mut session = output.session_with_builder(&capabilities[parts.len() + senders.len() + i]);
                marker.flush(&mut |packet| session.give_container(packet));
                marker.count(&metrics);
            }
            if ended
                && newest > i64::MIN
                && let (Some(output), Some(capability)) = (&mut clock_output, capabilities.last())
            {
                let reached = tick_at(newest, reader.out_of_orderness(), tick_size);
                let mut output = output.activate();
                let mut session = output.session_with_builder(capability);
                alert::clock(reached, peers).for_each(|mut clock| session.give_container(&mut clock));
            }
            notes.turn(tick.filter(|_| !ended), reached_tick);
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
    (streams, packet_streams, mark_streams, clocks)
}

/// How long to look away while the sinks are full; they wake the source too.
const FULL: std::time::Duration = std::time::Duration::from_millis(20);

type WholeContainers = CapacityContainerBuilder<SegmentBox>;
