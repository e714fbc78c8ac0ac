//! The operator of a stream that drops duplicates: narrow events in, by key; contributions to windows out.
//!
//! Sources send the events of the stream to the worker that has their key. When the frontier passes, they are looked
//! at in one order, and those that are kept go on through the streams behind, and into the windows, as at a source.
//!
//! A capability for each output is retained while events wait or slices are open; it stands at the frontier as it was
//! last seen, below everything that can still come, and is dropped when nothing is left.

use super::container::{PacketBox, SegmentBox, to_target};
use super::part::{Fed, Part};
use super::shared::Shared;
use super::window::damaged;
use crate::event::EventBatch;
use crate::observe::{Metrics, PartId, Share};
use crate::plan::{DedupPlan, Plan};
use crate::stream::{Damaged, Dedup, Event, Ordered, Steps, Writer};
use crate::watermark::tick_at;
use crate::window::PreAggregate;
use std::sync::Arc;
use timely::container::CapacityContainerBuilder;
use timely::dataflow::operators::Capability;
use timely::dataflow::operators::generic::OutputBuilder;
use timely::dataflow::operators::generic::builder_rc::OperatorBuilder;
use timely::dataflow::{Scope, Stream};

/// Rows that go through the streams together.
const ROWS: usize = 4_096;
/// Bytes of text of such rows, at most, but for the last.
const TEXT: usize = 1 << 20;

/// The sending side of one road to such a stream.
pub(super) struct Sender {
    selection: usize,
    road: (u32, u32),
    tick: i64,
    writer: Writer,
    packets: Vec<Vec<u8>>,
}

impl Sender {
    pub(super) fn new(plan: &Plan, dedup: usize, feed: usize, peers: usize) -> Self {
        let p = &plan.dedups[dedup];
        let of = &p.inputs[feed];
        Self {
            selection: of.selection,
            road: (feed as u32, p.inputs.len() as u32),
            tick: plan.tick,
            writer: Writer::new(Some(of.key), of.columns.clone()),
            packets: vec![Vec::new(); peers],
        }
    }

    /// Takes its rows of a block of partition `partition`.
    pub(super) fn add(
        &mut self,
        batch: &mut EventBatch,
        selections: &[Vec<u32>],
        partition: u32,
        base: i64,
        out_of_orderness: i64,
    ) {
        batch.partition = partition * self.road.1 + self.road.0;
        let peers = self.packets.len();
        for row in &selections[self.selection] {
            let tick = tick_at(base.max(batch.clock[*row as usize]), out_of_orderness, self.tick);
            self.writer.write(
                batch,
                *row,
                (tick, &[], false),
                |hash| PreAggregate::owner(hash, peers),
                &mut self.packets,
            );
        }
    }

    /// Gives out what has been taken.
    pub(super) fn flush(&mut self, send: &mut dyn FnMut(&mut PacketBox)) {
        for (target, bytes) in self.packets.iter_mut().enumerate().filter(|(_, bytes)| !bytes.is_empty()) {
            send(&mut PacketBox { target: target as u32, bytes: std::mem::take(bytes) });
        }
    }
}

/// What the operator does between its input and its outputs.
struct Machine {
    ordered: Ordered,
    dedup: Dedup,
    /// Columns that come with the events.
    columns: usize,
    on_time: Rows,
    late: Rows,
    stages: Stages,
    duplicates: u64,
}

/// The streams behind, and the windows.
struct Stages {
    steps: Steps,
    selections: Vec<Vec<u32>>,
    parts: Vec<Part>,
}

/// Rows on their way.
struct Rows {
    batch: EventBatch,
    /// The partitions of their places.
    partitions: Vec<u32>,
}

impl Rows {
    fn new(columns: usize) -> Self {
        Self { batch: EventBatch::new(columns), partitions: Vec::new() }
    }

    fn push(&mut self, event: &Event<'_>, columns: usize, stages: &mut Stages) -> Result<(), Damaged> {
        event.push(columns, &mut self.batch)?;
        self.partitions.push(event.origin.partition);
        if self.batch.rows() >= ROWS || self.batch.bytes.len() >= TEXT {
            self.pass_on(stages);
        }
        Ok(())
    }

    fn pass_on(&mut self, stages: &mut Stages) {
        if self.batch.rows() > 0 {
            stages.steps.run(&mut self.batch, &mut stages.selections);
            for part in &mut stages.parts {
                part.add_placed(&mut self.batch, &stages.selections, &self.partitions);
            }
            self.batch.clear();
            self.partitions.clear();
        }
    }
}

impl Machine {
    fn new(plan: &Plan, p: &DedupPlan, parts: Vec<Part>) -> Self {
        Self {
            ordered: Ordered::new(plan.tick),
            dedup: Dedup::new(p.within, p.horizon),
            columns: p.stage.paths.len(),
            on_time: Rows::new(p.stage.columns),
            late: Rows::new(p.stage.columns),
            stages: Stages { steps: Steps::new(p.stage.steps.clone()), selections: Vec::new(), parts },
            duplicates: 0,
        }
    }

    /// Looks at all events that the frontier has passed.
    fn advance(&mut self, frontier: Option<i64>) -> Result<(), Damaged> {
        let Self { ordered, dedup, columns, on_time, late, stages, duplicates } = self;
        ordered.release(frontier, &mut |_| {}, &mut |event: Event<'_>| {
            let time = event.origin.time;
            if !dedup.keeps(event.key, time, event.tick) {
                *duplicates += 1;
                return Ok(());
            }
            // Rows whose ticks matter are apart: theirs ascend, and the others have none to look at.
            if time < event.tick {
                late.push(&event, *columns, stages)
            } else {
                on_time.push(&event.without_tick(), *columns, stages)
            }
        })?;
        on_time.pass_on(stages);
        late.pass_on(stages);
        dedup.advance(frontier);
        Ok(())
    }

    fn is_open(&self) -> bool {
        !self.ordered.is_empty() || self.stages.parts.iter().any(Part::is_open)
    }
}

/// Builds the operator of stream `dedup`; gives a stream of contributions for each feed, with the window it is for.
pub(super) fn dedup<'scope>(
    scope: Scope<'scope, i64>,
    packets: Stream<'scope, i64, PacketBox>,
    plan: &Arc<Plan>,
    dedup: usize,
    peers: usize,
    shared: &Arc<Shared>,
    metrics: &Arc<Metrics>,
) -> Vec<(usize, Fed<'scope>)> {
    let p = &plan.dedups[dedup];
    let mut builder = OperatorBuilder::new(format!("{}:dedup", p.name), scope);
    let mut input = builder.new_input(packets, to_target());
    let (mut outputs, mut streams, mut parts) = (Vec::new(), Vec::new(), Vec::new());
    for (w, f) in &p.stage.feeds {
        let (output, stream) = builder.new_output::<SegmentBox>();
        outputs.push(OutputBuilder::<i64, CapacityContainerBuilder<SegmentBox>>::from(output));
        let (part, tables) = Part::new(plan, *w, *f, peers);
        streams.push((*w, (stream, tables)));
        parts.push(part);
    }
    let mut machine = Machine::new(plan, p, parts);
    let (shared, metrics, id) = (Arc::clone(shared), Arc::clone(metrics), PartId(p.part));
    builder.build(move |first| {
        // Nothing can be said before something has come.
        drop(first);
        // One an output; dropped when nothing waits and no slice is open.
        let mut held: Vec<Capability<i64>> = Vec::new();
        let mut shares: [Share; 2] = Default::default();
        let mut failures = 0;
        move |frontiers| {
            let mut result = Ok(());
            input.for_each(|capability, packet| {
                let taken = machine.ordered.take(&packet.bytes);
                result = result.and(taken);
                if let Some(time) = capability.least()
                    && held.first().is_none_or(|h| time < h.time())
                {
                    held = (0..outputs.len()).map(|output| capability.delayed(time, output)).collect();
                }
            });
            let frontier = frontiers[0].frontier().first().copied();
            machine.stages.parts.iter_mut().for_each(Part::refill);
            if let Err(e) = result.and_then(|()| machine.advance(frontier)) {
                shared.fail(damaged(&e.to_string()));
            }
            for (i, part) in machine.stages.parts.iter_mut().enumerate().filter(|_| !held.is_empty()) {
                let mut output = outputs[i].activate();
                let mut session = output.session_with_builder(&held[i]);
                part.flush(frontier, &mut |segment| session.give_container(segment));
                drop(session);
                drop(output);
                part.count(&metrics);
            }
            match frontier {
                Some(frontier) if machine.is_open() => {
                    held.iter_mut().filter(|c| frontier > *c.time()).for_each(|c| c.downgrade(&frontier));
                }
                _ => held.clear(),
            }
            let counts = metrics.part(id);
            counts.duplicates.add(std::mem::take(&mut machine.duplicates));
            let now = machine.stages.steps.failures();
            counts.expression_failures.add(now - failures);
            failures = now;
            shares[0].set(&counts.state_bytes, (machine.ordered.bytes() + machine.dedup.bytes()) as i64);
            shares[1].set(&counts.groups, machine.dedup.len() as i64);
        }
    });
    streams
}
