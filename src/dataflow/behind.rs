//! What is behind a head: rows that have places of their own, through the streams there, into windows, patterns and other
//! heads.

use super::container::{PacketBox, SegmentBox};
use super::part::{Fed, Part};
use super::pattern::MarkSender;
use super::sender::Sender;
use super::shared::Shared;
use super::source::Made;
use crate::event::EventBatch;
use crate::observe::{Metrics, TableId};
use crate::plan::{Plan, Stage};
use crate::stream::Steps;
use timely::container::CapacityContainerBuilder;
use timely::dataflow::operators::Capability;
use timely::dataflow::operators::generic::OutputBuilder;
use timely::dataflow::operators::generic::builder_rc::OperatorBuilder;

/// Rows that go through the streams together.
const ROWS: usize = 4_096;
/// Bytes of text of such rows, at most, but for the last.
const TEXT: usize = 1 << 20;

type Segments = OutputBuilder<i64, CapacityContainerBuilder<SegmentBox>>;
type Packets = OutputBuilder<i64, CapacityContainerBuilder<PacketBox>>;

/// The streams, windows, heads and patterns behind a head.
pub(super) struct Behind {
    steps: Steps,
    selections: Vec<Vec<u32>>,
    parts: Vec<(Part, Segments)>,
    senders: Vec<(Sender, Packets)>,
    markers: Vec<(MarkSender, Packets)>,
    failures: u64,
}

impl Behind {
    /// With an output of the operator for each road, in the order windows, heads, patterns.
    pub(super) fn new<'scope>(
        builder: &mut OperatorBuilder<'scope, i64>,
        plan: &Plan,
        stage: &Stage,
        peers: usize,
        shared: &Shared,
    ) -> (Self, Made<'scope>) {
        let (mut fed, mut packets, mut marked): Made<'scope> = Default::default();
        let (mut parts, mut senders, mut markers) = (Vec::new(), Vec::new(), Vec::new());
        for (w, f) in &stage.feeds {
            let (output, stream) = builder.new_output::<SegmentBox>();
            let (part, tables) = Part::new(plan, *w, *f, peers, &shared.handovers[*w]);
            let one: Fed<'scope> = (stream, tables);
            fed.push((*w, one));
            parts.push((part, Segments::from(output)));
        }
        for (h, i) in &stage.heads {
            let (output, stream) = builder.new_output::<PacketBox>();
            packets.push((*h, stream));
            senders.push((Sender::new(plan, *h, *i, peers), Packets::from(output)));
        }
        for (g, i) in &stage.patterns {
            let (output, stream) = builder.new_output::<PacketBox>();
            marked.push((*g, stream));
            markers.push((MarkSender::new(plan, *g, *i, peers), Packets::from(output)));
        }
        let (steps, selections) = (Steps::new(stage.steps.clone(), &shared.tables), Vec::new());
        (Self { steps, selections, parts, senders, markers, failures: 0 }, (fed, packets, marked))
    }

    /// How many outputs there are.
    pub(super) fn outputs(&self) -> usize {
        self.parts.len() + self.senders.len() + self.markers.len()
    }

    /// Takes empty tables back from the windows.
    pub(super) fn refill(&mut self) {
        self.parts.iter_mut().for_each(|(part, _)| part.refill());
    }

    /// True where something waits to be sent.
    pub(super) fn is_open(&self) -> bool {
        self.parts.iter().any(|(part, _)| part.is_open())
    }

    /// Sends what must go before the watermark becomes `frontier`; `held` has a capability for each output.
    pub(super) fn flush(&mut self, frontier: Option<i64>, held: &[Capability<i64>], metrics: &Metrics) {
        let mut held = held.iter();
        for ((part, output), capability) in self.parts.iter_mut().zip(&mut held) {
            let mut output = output.activate();
            let mut session = output.session_with_builder(capability);
            part.flush(frontier, &mut |segment| session.give_container(segment));
            drop(session);
            drop(output);
            part.count(metrics);
        }
        for ((sender, output), capability) in self.senders.iter_mut().zip(&mut held) {
            let mut output = output.activate();
            let mut session = output.session_with_builder(capability);
            sender.flush(&mut |packet| session.give_container(packet));
        }
        for ((marker, output), capability) in self.markers.iter_mut().zip(&mut held) {
            let mut output = output.activate();
            let mut session = output.session_with_builder(capability);
            marker.flush(&mut |packet| session.give_container(packet));
            drop(session);
            drop(output);
            marker.count(metrics);
        }
    }

    /// Values that could not be computed since this was last asked; hands lookups to the metrics.
    pub(super) fn count(&mut self, metrics: &Metrics) -> u64 {
        for (table, (made, missing)) in self.steps.lookups() {
            let counts = metrics.table(TableId(table as u32));
            counts.lookups.add(made);
            counts.missing.add(missing);
        }
        let failures = self.steps.failures();
        failures - std::mem::replace(&mut self.failures, failures)
    }
}

/// Rows on their way.
pub(super) struct Rows {
    pub(super) batch: EventBatch,
    /// The partitions of their places.
    partitions: Vec<u32>,
}

impl Rows {
    pub(super) fn new(columns: usize) -> Self {
        Self { batch: EventBatch::new(columns), partitions: Vec::new() }
    }

    /// Counts the row that was just appended to the batch; passes all on where they are many.
    pub(super) fn pushed(&mut self, behind: &mut Behind) {
        self.partitions.push(self.batch.places.last().map_or(0, |place| place.partition));
        if self.batch.rows() >= ROWS || self.batch.bytes.len() >= TEXT {
            self.pass_on(behind);
        }
    }

    /// Passes all rows on.
    pub(super) fn pass_on(&mut self, behind: &mut Behind) {
        let Self { batch, partitions } = self;
        if batch.rows() == 0 {
            return;
        }
        let Behind { steps, selections, parts, senders, markers, .. } = behind;
        steps.run(batch, selections);
        parts.iter_mut().for_each(|(part, _)| part.add_placed(batch, selections, partitions));
        senders.iter_mut().for_each(|(sender, _)| sender.add_placed(batch, selections, partitions));
        markers.iter_mut().for_each(|(marker, _)| marker.add_placed(batch, selections, partitions));
        batch.clear();
        partitions.clear();
    }
}
