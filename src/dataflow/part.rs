//! A road to a window at the operator where it ends: rows go into contributions, contributions out of it.

use super::container::SegmentBox;
use super::window::Tables;
use crate::event::{EventBatch, RowKeys};
use crate::observe::{Metrics, PartId};
use crate::plan::Plan;
use crate::window::{Handover, PreAggregate, Segment, Tallies};
use std::sync::Arc;
use timely::dataflow::Stream;

/// The contributions of a feed, and the way back for tables where those change hands.
pub(super) type Fed<'scope> = (Stream<'scope, i64, SegmentBox>, Option<Tables>);

/// One feed of a window.
pub(super) struct Part {
    window: usize,
    selection: usize,
    /// The number of its road among how many to the window.
    road: (u32, u32),
    pre: PreAggregate,
    tallies: Tallies,
    tables: Option<Tables>,
    /// The keys of rows that come without theirs.
    keys: RowKeys,
}

impl Part {
    /// Feed `feed` of window `window`; with the way back for tables where those change hands.
    pub(super) fn new(
        plan: &Plan,
        window: usize,
        feed: usize,
        peers: usize,
        handover: &Arc<Handover>,
    ) -> (Self, Option<Tables>) {
        let p = &plan.windows[window];
        let (of, roads) = (&p.feeds[feed], p.feeds.len());
        let pre = PreAggregate::new(p.spec.clone(), Arc::clone(&of.layout), of.keys.clone(), p.mode, peers)
            .capped(p.max_groups, window);
        let pre = if p.early_wall.is_some() { pre.eager() } else { pre };
        let tables = (roads == 1).then(Tables::default);
        let part = Self {
            window,
            selection: of.selection,
            road: (feed as u32, roads as u32),
            pre: if roads == 1 { pre.handing(Arc::clone(handover)) } else { pre.one_of_several() },
            tallies: Tallies::new(&p.layout),
            tables: tables.clone(),
            keys: RowKeys::default(),
        };
        (part, tables)
    }

    /// Takes empty tables back from the window.
    pub(super) fn refill(&mut self) {
        while let Some(tables) = &self.tables
            && self.pre.wants_tables()
            && let Some(table) = tables.borrow_mut().pop()
        {
            self.pre.give_back(table);
        }
    }

    /// Makes `keys` those of its rows of a batch.
    pub(super) fn find_keys(&self, batch: &EventBatch, selections: &[Vec<u32>], keys: &mut RowKeys) {
        self.pre.find_keys(batch, &selections[self.selection], keys);
    }

    /// Takes its rows of a batch, whose events are those of partition `partition`; see [`PreAggregate::add`].
    pub(super) fn add(
        &mut self,
        batch: &mut EventBatch,
        selections: &[Vec<u32>],
        keys: &RowKeys,
        partition: u32,
        base: i64,
        out_of_orderness: i64,
    ) {
        // An event that comes by several roads has a place of its own on each.
        batch.partition = partition * self.road.1 + self.road.0;
        self.pre.add(batch, &selections[self.selection], keys, base, out_of_orderness, &mut self.tallies);
    }

    /// [`Part::add`] for rows that have places of their own, those in `partitions`.
    pub(super) fn add_placed(&mut self, batch: &mut EventBatch, selections: &[Vec<u32>], partitions: &[u32]) {
        for (place, partition) in batch.places.iter_mut().zip(partitions) {
            place.partition = partition * self.road.1 + self.road.0;
        }
        let selection = &selections[self.selection];
        self.pre.find_keys(batch, selection, &mut self.keys);
        self.pre.add(batch, selection, &self.keys, i64::MIN, 0, &mut self.tallies);
    }

    /// The window it feeds.
    pub(super) fn window(&self) -> usize {
        self.window
    }

    /// See [`PreAggregate::keep_too_late`].
    pub(super) fn keep_too_late(&mut self) {
        self.pre.keep_too_late();
    }

    /// See [`PreAggregate::take_too_late`].
    pub(super) fn take_too_late(&mut self) -> Vec<(u32, i64)> {
        self.pre.take_too_late()
    }

    /// Sends what must go before the tick becomes `tick`; see [`PreAggregate::flush`].
    pub(super) fn flush(&mut self, tick: Option<i64>, send: &mut dyn FnMut(&mut SegmentBox)) {
        self.pre.flush(tick, &mut |segment: Segment| send(&mut SegmentBox::new(segment)));
    }

    /// True where something waits to be sent.
    pub(super) fn is_open(&self) -> bool {
        self.pre.open_slices() > 0
    }

    /// Hands what was counted to the metrics.
    pub(super) fn count(&mut self, metrics: &Metrics) {
        let counts = metrics.part(PartId(self.window as u32));
        counts.late.add(std::mem::take(&mut self.tallies.late));
        counts.too_late.add(std::mem::take(&mut self.tallies.too_late));
        super::window::count_non_numeric(&mut self.tallies.tally, counts);
    }
}
