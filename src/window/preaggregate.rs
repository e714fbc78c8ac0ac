//! Rows of a block, turned into contributions to slices, before the exchange.
//!
//! On the worker that reads, the groups of each open slice are aggregated in a table of their own and sent when the
//! worker's tick reaches the slice's end. Where nearly every event is a new group that is wasted work, so it steps
//! aside by itself: the rows are sent as they are and aggregated once, by the owner. On a single worker there is
//! nothing to exchange, and a table changes hands whole. So it does between the workers of a process: a slice has a table
//! for each owner then, and what another process is to have is sent as bytes.
//!
//! What is chosen changes no result: merging is order-independent to the last bit.
//!
//! Where groups are capped a table never has more than twice the cap and a block's groups, and all of it goes to the one
//! worker that owns the part: a key that comes often is still one group of a slice and reader.
//!
//! Invariant: everything for a slice is sent before the worker's tick reaches the slice's end; late contributions are
//! sent with the block they came in.

use super::cap::{AtReader, Cap};
use super::handover::Handover;
use super::packet::RawRows;
use super::{Slice, WindowSpec};
use crate::aggregate::{GroupTable, Layout, Tally};
use crate::event::{EventBatch, RowKeys};
use crate::watermark::tick_at;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Fewer events than this for each group, and sending rows is cheaper than sending groups.
const WORTH_IT: u64 = 3;
/// A table is judged when its slice ends, and before that once it has this many groups.
const JUDGE_GROUPS: usize = 8 * 1024;
/// Rows that a judgement needs, over several tables: the first and the last slice of an input are no measure.
const JUDGE_ROWS: u64 = 8 * 1024;
/// After so many rows were sent as they are, groups are tried again.
const TRY_AGAIN_ROWS: u64 = 1 << 22;
/// With more owners than this a slice has one table for all: each more makes all of them slower.
const MOST_OWNERS: usize = 16;
/// Open tables are sent early when they hold more than this.
const OPEN_BYTES: usize = 32 << 20;

/// Whether to aggregate before the exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Decide by the data.
    Auto,
    /// Always.
    Always,
    /// Never: send rows.
    Never,
}

/// The body of a contribution.
pub enum SegmentKind {
    /// A whole table; only on a single worker.
    Table(Box<GroupTable>),
    /// The place of a whole table in the [`Handover`] of the process.
    Left(u64),
    /// Groups as [`GroupTable::encode`] writes them.
    Groups(Vec<u8>),
    /// Rows as [`RawRows`] writes them.
    Rows(Vec<u8>),
}

/// A contribution to one slice, for one worker.
pub struct Segment {
    /// The worker that owns the groups in it.
    pub target: u32,
    /// The start of the slice.
    pub slice: i64,
    /// The tick of its events where they are late.
    pub late: Option<i64>,
    /// Groups or rows.
    pub kind: SegmentKind,
}

/// What a part counted.
#[derive(Debug)]
pub struct Tallies {
    /// Late events that still correct something.
    pub late: u64,
    /// Events that were too late for all their windows.
    pub too_late: u64,
    /// Values that a numeric aggregate could not take, by aggregate call.
    pub tally: Tally,
}

impl Tallies {
    /// Nothing counted.
    pub fn new(layout: &Layout) -> Self {
        Self { late: 0, too_late: 0, tally: Tally::new(layout) }
    }
}

/// The worker's side of one window part.
pub struct PreAggregate {
    spec: WindowSpec,
    layout: Arc<Layout>,
    keys: Vec<usize>,
    mode: Mode,
    peers: usize,
    /// Where groups are capped: how.
    cap: Option<AtReader>,
    /// Tables change hands whole.
    whole: bool,
    /// Where a slice has a table for each owner: how they come to those in this process.
    handover: Option<Arc<Handover>>,
    /// Open tables are sent with every call.
    eager: bool,
    /// Tables by slice, one or one for each owner, and how many rows they have taken.
    open: BTreeMap<i64, (Vec<GroupTable>, u64)>,
    late: BTreeMap<(i64, i64), GroupTable>,
    raw: BTreeMap<(i64, u32), Vec<u8>>,
    rows: RawRows,
    /// Rows still to be sent as they are before groups are tried again; 0: groups.
    aside: u64,
    /// Groups and rows since the last judgement.
    judged: (u64, u64),
    spare: Vec<GroupTable>,
    buckets: Vec<Bucket>,
    late_rows: Vec<(i64, i64, u32)>,
    /// Rows of the last block that were too late, and their ticks, where they are to be kept.
    too_late: Option<Vec<(u32, i64)>>,
    groups: Vec<u32>,
    /// By owner: the rows of a slice whose groups it has.
    shares: Vec<Bucket>,
}

/// The rows of a block that are in one slice, and which of the keys are theirs.
#[derive(Default)]
struct Bucket {
    slice: i64,
    rows: Vec<u32>,
    picks: Vec<u32>,
}

impl PreAggregate {
    /// `keys`: the columns of the group; `peers`: how many workers own groups.
    pub fn new(spec: WindowSpec, layout: Arc<Layout>, keys: Vec<usize>, mode: Mode, peers: usize) -> Self {
        let rows = RawRows::new(&layout);
        Self {
            spec,
            layout,
            keys,
            mode,
            peers,
            cap: None,
            whole: peers == 1,
            handover: None,
            eager: false,
            open: BTreeMap::new(),
            late: BTreeMap::new(),
            raw: BTreeMap::new(),
            rows,
            aside: 0,
            judged: (0, 0),
            spare: Vec::new(),
            buckets: Vec::new(),
            late_rows: Vec::new(),
            too_late: None,
            groups: Vec::new(),
            shares: Vec::new(),
        }
    }

    /// Tables change hands between the workers of this process. After [`PreAggregate::capped`].
    pub fn handing(self, handover: Arc<Handover>) -> Self {
        let each = self.peers > 1 && self.peers <= MOST_OWNERS && self.cap.is_none();
        Self { handover: each.then_some(handover), ..self }
    }

    /// Groups are always sent as bytes: for a window that has more than one of these, each with columns of its own.
    pub fn one_of_several(self) -> Self {
        Self { whole: false, ..self }
    }

    /// Where there is a cap on the groups of a window: what is beyond it is folded here already, and all groups are owned
    /// by one worker. Rows are never sent as they are then.
    pub fn capped(self, most: Option<usize>, owner: usize) -> Self {
        match most {
            Some(most) => {
                let cap = AtReader::new(Cap::new(most), (owner % self.peers) as u32);
                Self { cap: Some(cap), mode: Mode::Always, ..self }
            }
            None => self,
        }
    }

    /// Nothing is held back: for a window whose rows are stated with what has come.
    pub fn eager(self) -> Self {
        Self { eager: true, ..self }
    }

    /// From now on [`PreAggregate::take_too_late`] gives the rows that were too late.
    pub fn keep_too_late(&mut self) {
        self.too_late.get_or_insert_default();
    }

    /// The rows of the blocks since the last call that were too late for all their windows, with their ticks.
    pub fn take_too_late(&mut self) -> Vec<(u32, i64)> {
        self.too_late.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// The worker that owns a group.
    #[inline]
    pub fn owner(hash: u64, peers: usize) -> usize {
        (((hash >> 40) * peers as u64) >> 24) as usize
    }

    /// Makes `keys` those of the rows `selection` of a block, for [`PreAggregate::add`].
    pub fn find_keys(&self, batch: &EventBatch, selection: &[u32], keys: &mut RowKeys) {
        keys.fill(batch, &self.keys, selection);
    }

    /// Takes the rows `selection` of a block, with their keys. `base`: the partition's clock just before the block.
    pub fn add(
        &mut self,
        batch: &EventBatch,
        selection: &[u32],
        keys: &RowKeys,
        base: i64,
        out_of_orderness: i64,
        tallies: &mut Tallies,
    ) {
        if selection.is_empty() {
            return;
        }
        let spec = self.spec.clone();
        let last = base.max(batch.clock.last().copied().unwrap_or(i64::MIN));
        let newest = tick_at(last, out_of_orderness, spec.tick);
        let mut buckets = std::mem::take(&mut self.buckets);
        for bucket in &mut buckets {
            bucket.rows.clear();
            bucket.picks.clear();
        }
        let mut used = 0;
        let mut current = Slice { start: i64::MAX, end: i64::MIN };
        let mut at = 0;
        let check = batch.min_time < newest;
        for (pick, row) in (0..).zip(selection) {
            let time = batch.time[*row as usize];
            let slice = if time >= current.start && time < current.end {
                current
            } else if let Some(slice) = spec.slice_of(time) {
                slice
            } else {
                continue;
            };
            if check {
                let tick = tick_at(base.max(batch.clock[*row as usize]), out_of_orderness, spec.tick);
                if time < tick {
                    if spec.is_too_late(time, slice.start, tick) {
                        tallies.too_late += 1;
                        if let Some(kept) = &mut self.too_late {
                            kept.push((*row, tick));
                        }
                    } else {
                        tallies.late += 1;
                        self.late_rows.push((tick, slice.start, pick));
                    }
                    continue;
                }
            }
            if slice.start != current.start {
                let found = buckets[..used].iter().position(|bucket| bucket.slice == slice.start);
                at = found.unwrap_or_else(|| {
                    if used == buckets.len() {
                        buckets.push(Bucket::default());
                    }
                    buckets[used].slice = slice.start;
                    used += 1;
                    used - 1
                });
                current = slice;
            }
            buckets[at].rows.push(*row);
            buckets[at].picks.push(pick);
        }
        for bucket in &buckets[..used] {
            self.add_rows(batch, bucket, keys, tallies);
        }
        self.buckets = buckets;
        if !self.late_rows.is_empty() {
            self.add_late(batch, selection, keys, tallies);
        }
    }

    fn add_rows(&mut self, batch: &EventBatch, bucket: &Bucket, keys: &RowKeys, tallies: &mut Tallies) {
        let Bucket { slice, rows, picks } = bucket;
        if self.mode == Mode::Never || self.aside > 0 {
            self.aside = self.aside.saturating_sub(rows.len() as u64);
            for (row, pick) in rows.iter().zip(picks) {
                let hash = keys.hash(*pick);
                let target = Self::owner(hash, self.peers) as u32;
                let out = self.raw.entry((*slice, target)).or_default();
                self.rows.write(hash, keys.key(*pick), *row, batch, out);
            }
            return;
        }
        let owners = if self.handover.is_some() { self.peers } else { 1 };
        let (layout, spare) = (&self.layout, &mut self.spare);
        let mut make =
            || (0..owners).map(|_| spare.pop().unwrap_or_else(|| GroupTable::new(Arc::clone(layout)))).collect();
        let (tables, added) = self.open.entry(*slice).or_insert_with(|| (make(), 0));
        *added += rows.len() as u64;
        let mut take = |table: &mut GroupTable, rows: &[u32], picks: &[u32]| {
            self.groups.clear();
            match &self.cap {
                None => table.groups_of(keys, picks, &mut self.groups),
                Some(cap) => cap.groups_of((*slice, None), table, keys, picks, &mut self.groups),
            }
            table.add_from(&self.groups, rows, &batch.columns, &batch.bytes, batch.origins(), &mut tallies.tally);
        };
        if let [table] = &mut tables[..] {
            take(table, rows, picks);
            if let Some(cap) = &mut self.cap {
                cap.fold_large((*slice, None), table);
            }
        } else {
            self.shares.resize_with(owners, Bucket::default);
            for share in &mut self.shares {
                share.rows.clear();
                share.picks.clear();
            }
            for (row, pick) in rows.iter().zip(picks) {
                let share = &mut self.shares[Self::owner(keys.hash(*pick), owners)];
                share.rows.push(*row);
                share.picks.push(*pick);
            }
            for (table, share) in tables.iter_mut().zip(&self.shares) {
                take(table, &share.rows, &share.picks);
            }
        }
        let groups: usize = tables.iter().map(GroupTable::len).sum();
        let added = *added;
        if groups >= JUDGE_GROUPS && self.mode == Mode::Auto && self.peers > 1 && added < WORTH_IT * groups as u64 {
            self.aside = TRY_AGAIN_ROWS;
        }
    }

    /// Steps aside where nearly all events were groups of their own; judges only on enough of them.
    fn judge(&mut self, groups: usize, added: u64) {
        self.judged = (self.judged.0 + groups as u64, self.judged.1 + added);
        if self.judged.1 < JUDGE_ROWS {
            return;
        }
        let (groups, added) = std::mem::take(&mut self.judged);
        if self.mode == Mode::Auto && self.peers > 1 && added < WORTH_IT * groups {
            self.aside = TRY_AGAIN_ROWS;
        }
    }

    fn add_late(&mut self, batch: &EventBatch, selection: &[u32], keys: &RowKeys, tallies: &mut Tallies) {
        let mut late = std::mem::take(&mut self.late_rows);
        late.sort_unstable();
        let (mut rows, mut picks) = (Vec::new(), Vec::new());
        for same in late.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1)) {
            picks.clear();
            picks.extend(same.iter().map(|(_, _, pick)| *pick));
            rows.clear();
            rows.extend(picks.iter().map(|pick| selection[*pick as usize]));
            let (layout, spare) = (&self.layout, &mut self.spare);
            let table = self
                .late
                .entry((same[0].0, same[0].1))
                .or_insert_with(|| spare.pop().unwrap_or_else(|| GroupTable::new(Arc::clone(layout))));
            self.groups.clear();
            let place = (same[0].1, Some(same[0].0));
            match &self.cap {
                None => table.groups_of(keys, &picks, &mut self.groups),
                Some(cap) => cap.groups_of(place, table, keys, &picks, &mut self.groups),
            }
            table.add_from(&self.groups, &rows, &batch.columns, &batch.bytes, batch.origins(), &mut tallies.tally);
            if let Some(cap) = &mut self.cap {
                cap.fold_large(place, table);
            }
        }
        late.clear();
        self.late_rows = late;
    }

    /// Sends what must go before the worker's tick becomes `tick` (`None`: the input has ended). Late contributions
    /// and rows that are not aggregated go with every call.
    pub fn flush(&mut self, tick: Option<i64>, send: &mut dyn FnMut(Segment)) {
        // On a single worker the tables change hands, and would only be merged again: there is nothing to gain.
        let open = || self.open.values().flat_map(|(tables, _)| tables).map(GroupTable::bytes).sum::<usize>();
        let full = self.peers > 1 && open() > OPEN_BYTES;
        while let Some(entry) = self.open.first_entry() {
            let slice = *entry.key();
            if !full && !self.eager && tick.is_some_and(|t| self.spec.first_time(slice) > t) {
                break;
            }
            let (tables, added) = entry.remove();
            if !self.eager {
                self.judge(tables.iter().map(GroupTable::len).sum(), added);
            }
            self.send_tables(slice, tables, send);
        }
        while let Some(((tick, slice), table)) = self.late.pop_first() {
            self.send_table(slice, Some(tick), table, send);
        }
        while let Some(((slice, target), bytes)) = self.raw.pop_first() {
            send(Segment { target, slice, late: None, kind: SegmentKind::Rows(bytes) });
        }
    }

    /// Sends the tables of a slice: the one that there is, or to each owner its own.
    fn send_tables(&mut self, slice: i64, tables: Vec<GroupTable>, send: &mut dyn FnMut(Segment)) {
        let Some(handover) = self.handover.clone() else {
            return tables.into_iter().for_each(|table| self.send_table(slice, None, table, send));
        };
        for (target, mut table) in tables.into_iter().enumerate() {
            let kind = if table.is_empty() {
                self.give_back(table);
                continue;
            } else if handover.reaches(target) {
                SegmentKind::Left(handover.leave(table))
            } else {
                let mut out = [Vec::new()];
                table.encode(&|_| 0, &mut out);
                table.clear();
                self.give_back(table);
                let [bytes] = out;
                SegmentKind::Groups(bytes)
            };
            send(Segment { target: target as u32, slice, late: None, kind });
        }
    }

    fn send_table(&mut self, slice: i64, late: Option<i64>, mut table: GroupTable, send: &mut dyn FnMut(Segment)) {
        if let Some(cap) = &mut self.cap {
            cap.finish((slice, late), &mut table);
        }
        if self.whole {
            send(Segment { target: 0, slice, late, kind: SegmentKind::Table(Box::new(table)) });
            return;
        }
        let (peers, owner) = (self.peers, self.cap.as_ref().map(|cap| cap.owner as usize));
        let mut out = vec![Vec::new(); peers];
        table.encode(&|hash| owner.unwrap_or_else(|| Self::owner(hash, peers)), &mut out);
        for (target, bytes) in out.into_iter().enumerate() {
            if !bytes.is_empty() {
                send(Segment { target: target as u32, slice, late, kind: SegmentKind::Groups(bytes) });
            }
        }
        table.clear();
        self.give_back(table);
    }

    /// Takes back a table that was handed over and is empty again, with its allocations.
    pub fn give_back(&mut self, table: GroupTable) {
        if self.spare.len() < 2 * self.wanted() {
            self.spare.push(table);
        }
    }

    /// True where more tables may be given back.
    pub fn wants_tables(&self) -> bool {
        self.spare.len() < self.wanted()
    }

    /// Tables that the next slice needs, and one more.
    fn wanted(&self) -> usize {
        1 + if self.handover.is_some() { self.peers } else { 1 }
    }

    /// The most groups of a slice that waits to be sent.
    #[cfg(test)]
    pub(super) fn open_groups(&self) -> usize {
        self.open.values().map(|(tables, _)| tables.iter().map(GroupTable::len).sum()).max().unwrap_or(0)
    }

    /// Slices that wait to be sent.
    pub fn open_slices(&self) -> usize {
        self.open.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aggregate::{Call, Function};
    use crate::event::{Cell, key};

    fn stage_layout() -> Arc<Layout> {
        Layout::new(&[Call { function: Function::CountRows, input: None, filter: None }])
    }

    /// Tumbling 10, lateness 5, tick 1; a count by column 0.
    fn stage(mode: Mode, peers: usize) -> (PreAggregate, Tallies) {
        let spec = WindowSpec::sliding(10, 10, 5, 1);
        let layout = stage_layout();
        let tallies = Tallies::new(&layout);
        (PreAggregate::new(spec, layout, vec![0], mode, peers), tallies)
    }

    /// A block of events with these times and keys.
    fn block(events: &[(i64, i64)]) -> EventBatch {
        let mut batch = EventBatch::new(1);
        for (time, name) in events {
            batch.clock.push(batch.max_time);
            batch.time.push(*time);
            batch.columns[0].push(Cell::int(*name));
            batch.max_time = batch.max_time.max(*time);
            batch.min_time = batch.min_time.min(*time);
        }
        batch
    }

    fn add(stage: &mut PreAggregate, batch: &EventBatch, rows: &[u32], base: i64, late: i64, tallies: &mut Tallies) {
        let mut keys = RowKeys::default();
        stage.find_keys(batch, rows, &mut keys);
        stage.add(batch, rows, &keys, base, late, tallies);
    }

    /// What is sent: slice, tick of late ones, groups or bytes, and the kind.
    fn flush(stage: &mut PreAggregate, tick: Option<i64>) -> Vec<(i64, Option<i64>, usize, &'static str)> {
        let mut sent = Vec::new();
        stage.flush(tick, &mut |s| {
            let (n, kind) = match s.kind {
                SegmentKind::Table(t) => (t.len(), "table"),
                SegmentKind::Left(_) => (0, "left"),
                SegmentKind::Groups(b) => (b.len(), "groups"),
                SegmentKind::Rows(b) => (b.len(), "rows"),
            };
            sent.push((s.slice, s.late, n, kind));
        });
        sent
    }

    #[test]
    fn slices_are_sent_when_the_tick_reaches_their_end_and_late_events_at_once() {
        let (mut stage, mut tallies) = stage(Mode::Auto, 1);
        let rows = [0, 1, 2, 3, 4, 5];
        // Out of order by up to 2: before the last event but one the clock is 22, so the tick is 20.
        let batch = block(&[(1, 7), (2, 8), (12, 7), (22, 7), (9, 7), (4, 8)]);
        add(&mut stage, &batch, &rows, i64::MIN, 2, &mut tallies);
        assert_eq!((tallies.late, tallies.too_late), (0, 2), "9 and 4 are of a window that closed at 15");
        assert_eq!(flush(&mut stage, Some(10)), [(0, None, 2, "table")]);
        add(&mut stage, &block(&[(19, 7)]), &[0], 22, 2, &mut tallies);
        assert_eq!((tallies.late, tallies.too_late), (1, 2));
        assert_eq!(flush(&mut stage, Some(20)), [(10, None, 1, "table"), (10, Some(20), 1, "table")]);
        assert_eq!(flush(&mut stage, None), [(20, None, 1, "table")]);
    }

    #[test]
    fn rows_go_as_they_are_where_nearly_every_event_is_a_new_group() {
        let events: Vec<(i64, i64)> = (0..JUDGE_ROWS as i64).map(|i| (1, i)).collect();
        let rows: Vec<u32> = (0..events.len() as u32).collect();
        for (mode, distinct, peers, expected) in [
            (Mode::Auto, true, 2, "rows"),
            (Mode::Auto, false, 2, "groups"),
            (Mode::Auto, true, 1, "table"),
            (Mode::Always, true, 2, "groups"),
            (Mode::Never, false, 2, "rows"),
        ] {
            let (mut stage, mut tallies) = stage(mode, peers);
            let events: Vec<_> = events.iter().map(|(t, n)| (*t, if distinct { *n } else { *n % 50 })).collect();
            add(&mut stage, &block(&events), &rows, i64::MIN, 0, &mut tallies);
            flush(&mut stage, Some(10));
            add(&mut stage, &block(&[(11, 1)]), &[0], 1, 0, &mut tallies);
            let sent = flush(&mut stage, Some(20));
            assert!(sent.iter().all(|s| s.3 == expected), "{mode:?} distinct {distinct} peers {peers}: {sent:?}");
        }
    }

    #[test]
    fn tables_change_hands_in_the_process_and_are_bytes_for_others() {
        let (plain, mut tallies) = stage(Mode::Auto, 3);
        let handover = Arc::new(Handover::new(1..3));
        let mut stage = plain.handing(Arc::clone(&handover));
        let events: Vec<(i64, i64)> = (0..600).map(|i| (1 + i % 2 * 10, i % 100)).collect();
        let rows: Vec<u32> = (0..600).collect();
        let mut counts = BTreeMap::new();
        for turn in 0..3 {
            add(&mut stage, &block(&events), &rows, i64::MIN, 20, &mut tallies);
            stage.flush(None, &mut |segment| {
                let (table, kind) = match segment.kind {
                    SegmentKind::Left(place) => (handover.fetch(place).unwrap(), "left"),
                    SegmentKind::Groups(bytes) => {
                        let mut table = GroupTable::new(Arc::clone(&stage_layout()));
                        table.merge_encoded(&bytes).unwrap();
                        (table, "groups")
                    }
                    _ => panic!("groups are sent"),
                };
                assert_eq!(kind, if segment.target == 0 { "groups" } else { "left" });
                for group in 0..table.len() as u32 {
                    assert_eq!(PreAggregate::owner(table.hash(group), 3), segment.target as usize);
                }
                *counts.entry((turn, segment.slice)).or_insert(0) += table.len();
            });
            // Empty tables of all owners are used again.
            assert!(stage.spare.iter().all(GroupTable::is_empty));
        }
        let all: Vec<_> = (0..3).flat_map(|turn| [((turn, 0), 50), ((turn, 10), 50)]).collect();
        assert_eq!(counts.into_iter().collect::<Vec<_>>(), all);
    }

    #[test]
    fn owners_are_spread_and_in_range() {
        for peers in 1..9 {
            let mut counts = vec![0; peers];
            for i in 0..10_000u64 {
                counts[PreAggregate::owner(key::hash(&i.to_le_bytes()), peers)] += 1;
            }
            assert!(counts.iter().all(|c| *c > 5_000 / peers), "{counts:?}");
        }
        assert_eq!(PreAggregate::owner(u64::MAX, 7), 6);
    }
}
