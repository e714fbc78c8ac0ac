//! The sending side of a road to a stream that drops duplicates or to a join: rows in, narrow events for the worker of
//! their key out.

use super::container::PacketBox;
use crate::event::EventBatch;
use crate::plan::{HeadKind, Plan};
use crate::stream::Writer;
use crate::watermark::tick_at;
use crate::window::PreAggregate;

/// Set in the partition of an event that is looked up, so that rows of the same time come before it.
pub(super) const LOOKED_UP: u32 = 1 << 31;

/// One road.
pub(super) struct Sender {
    selection: usize,
    road: (u32, u32),
    /// What is set in the partitions of its places.
    mark: u32,
    tick: i64,
    writer: Writer,
    packets: Vec<Vec<u8>>,
}

impl Sender {
    /// Input `input` of head `head`.
    pub(super) fn new(plan: &Plan, head: usize, input: usize, peers: usize) -> Self {
        let p = &plan.heads[head];
        let of = &p.inputs[input];
        Self {
            selection: of.selection,
            road: (input as u32, p.inputs.len() as u32),
            mark: if matches!(p.kind, HeadKind::Lookup(_)) && of.side == 1 { LOOKED_UP } else { 0 },
            tick: plan.tick,
            writer: Writer::new(&of.keys, of.columns.clone()),
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
        batch.partition = (partition * self.road.1 + self.road.0) | self.mark;
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

    /// [`Sender::add`] for rows that have places of their own, those in `partitions`, and their ticks as their clocks.
    pub(super) fn add_placed(&mut self, batch: &mut EventBatch, selections: &[Vec<u32>], partitions: &[u32]) {
        for (place, partition) in batch.places.iter_mut().zip(partitions) {
            place.partition = (partition * self.road.1 + self.road.0) | self.mark;
        }
        self.add(batch, selections, 0, i64::MIN, 0);
    }

    /// Gives out what has been taken.
    pub(super) fn flush(&mut self, send: &mut dyn FnMut(&mut PacketBox)) {
        for (target, bytes) in self.packets.iter_mut().enumerate().filter(|(_, bytes)| !bytes.is_empty()) {
            send(&mut PacketBox { target: target as u32, bytes: std::mem::take(bytes) });
        }
    }
}
