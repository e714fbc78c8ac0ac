//! The operator of patterns that look at the same events by the same key: narrow, marked events in, by key; rows of
//! matches out, as the frontier passes.
//!
//! Sources work out which conditions each event meets by itself and send those that matter, once for all patterns, to
//! the worker of their key. There they are put in one order and shown to the patterns whose conditions they meet.
//!
//! A capability is retained while events wait or a pattern has something open; it stands at the frontier as it was last
//! seen, below everything that can still be said, and is dropped when nothing is left. A row's time is the tick in which
//! it was decided.

use super::container::{PacketBox, RowBox, to_target};
use super::sent::Sent;
use super::shared::Shared;
use super::window::damaged;
use crate::config::SourceFormat;
use crate::event::{Cell, EventBatch, Tag, key};
use crate::expr::{Rows, Scratch};
use crate::observe::trace::PartNotes;
use crate::observe::{Metrics, PartId, Share};
use crate::pattern::{Conditions, Counts, Machine, Matcher, Show, Statement, Store, Taken, Teller};
use crate::plan::{Head, Marks, PatternGroup, Plan};
use crate::result::RowBatch;
use crate::stream::{Damaged, Event, Ordered, Writer};
use crate::watermark::tick_at;
use crate::window::PreAggregate;
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use timely::container::CapacityContainerBuilder;
use timely::dataflow::Stream;
use timely::dataflow::operators::Capability;
use timely::dataflow::operators::generic::operator::Operator;

/// The sending side of one road to a group of patterns.
pub(super) struct MarkSender {
    selection: usize,
    road: (u32, u32),
    tick: i64,
    /// The column of the key.
    key: Option<usize>,
    marks: Marker,
    words: usize,
    /// Events without a mark are sent as well.
    all: bool,
    /// They may be taken by a step, and not only stand in the way.
    taken: bool,
    /// The column of whole events, and whether these are JSON.
    full: Option<(usize, bool)>,
    writer: Writer,
    packets: Vec<Vec<u8>>,
    /// For each pattern of the group its part and the marks that it looks at.
    looks: Vec<(u32, Vec<u64>)>,
    /// For each, events that it would have looked at, but that have no key.
    no_key: Vec<u64>,
    failures: u64,
}

impl MarkSender {
    pub(super) fn new(plan: &Plan, group: usize, input: usize, peers: usize) -> Self {
        let g = &plan.pattern_groups[group];
        let of = &g.inputs[input];
        // Only lines of a source are whole events.
        let source = if let Head::Source(source) = of.from { Some(&plan.sources[source]) } else { None };
        let looks: Vec<(u32, Vec<u64>)> = g.patterns.iter().map(|p| (p.shown.part, p.looks(g))).collect();
        Self {
            selection: of.selection,
            road: (input as u32, g.inputs.len() as u32),
            tick: plan.tick,
            key: of.key,
            marks: Marker::new(&of.marks),
            words: g.words(),
            all: g.patterns.iter().any(|p| p.sees_all()),
            taken: g.patterns.iter().any(|p| p.marks.iter().any(Option::is_none)),
            full: of.full.zip(source).map(|(column, source)| (column, source.config.format == SourceFormat::Json)),
            writer: Writer::new(of.key.as_slice(), of.columns.clone()),
            packets: vec![Vec::new(); peers],
            no_key: vec![0; looks.len()],
            failures: 0,
            looks,
        }
    }

    /// Takes its rows of a block of partition `partition`, whose bytes are `whole` of the arena.
    pub(super) fn add(
        &mut self,
        batch: &mut EventBatch,
        selections: &[Vec<u32>],
        whole: Range<usize>,
        partition: u32,
        base: i64,
        out_of_orderness: i64,
    ) {
        batch.partition = partition * self.road.1 + self.road.0;
        let peers = self.packets.len();
        let rows = &selections[self.selection];
        self.marks.mark(batch, rows, self.words);
        for (row, words) in rows.iter().zip(self.marks.bits.chunks_exact(self.words)) {
            let i = *row as usize;
            if !self.all && words.iter().all(|word| *word == 0) {
                continue;
            }
            if self.key.is_some_and(|key| batch.columns[key][i].is_null()) {
                for ((_, looks), no_key) in self.looks.iter().zip(&mut self.no_key) {
                    *no_key += u64::from(looks.iter().zip(words).any(|(a, b)| a & b != 0));
                }
                continue;
            }
            if let Some((column, json)) = self.full {
                let cell = line(batch, whole.clone(), i, json);
                let cells = &mut batch.columns[column];
                cells.resize(cells.len().max(i + 1), Cell::NULL);
                cells[i] = cell;
            }
            let tick = tick_at(base.max(batch.clock[i]), out_of_orderness, self.tick);
            let owner = |hash| PreAggregate::owner(hash, peers);
            let bare = !self.taken && words.iter().all(|word| *word == 0);
            self.writer.write(batch, *row, (tick, words, bare), owner, &mut self.packets);
        }
    }

    /// [`MarkSender::add`] for rows that have places of their own, those in `partitions`, and their ticks as their clocks.
    pub(super) fn add_placed(&mut self, batch: &mut EventBatch, selections: &[Vec<u32>], partitions: &[u32]) {
        for (place, partition) in batch.places.iter_mut().zip(partitions) {
            place.partition = partition * self.road.1 + self.road.0;
        }
        self.add(batch, selections, 0..0, 0, i64::MIN, 0);
    }

    /// Gives out what has been taken.
    pub(super) fn flush(&mut self, send: &mut dyn FnMut(&mut PacketBox)) {
        for (target, bytes) in self.packets.iter_mut().enumerate().filter(|(_, bytes)| !bytes.is_empty()) {
            send(&mut PacketBox { target: target as u32, bytes: std::mem::take(bytes) });
        }
    }

    /// Hands what was counted to the metrics.
    pub(super) fn count(&mut self, metrics: &Metrics) {
        if let Some((part, _)) = self.looks.first() {
            let failures = self.marks.scratch.failures();
            metrics
                .part(PartId(*part))
                .expression_failures
                .add(failures - std::mem::replace(&mut self.failures, failures));
        }
        for ((part, _), no_key) in self.looks.iter().zip(&mut self.no_key) {
            metrics.part(PartId(*part)).no_key.add(std::mem::take(no_key));
        }
    }
}

/// Hashes of texts, ascending, each with the marks that an event with the text may have.
type ByHash = Vec<(u64, Vec<u32>)>;

/// Works out which conditions events meet by themselves.
struct Marker {
    marks: Marks,
    /// Columns that are looked at once for all.
    by_text: Vec<(usize, ByHash)>,
    /// For each row of the last batch its marks.
    bits: Vec<u64>,
    /// For each mark the rows that may have it.
    rows: Vec<Vec<u32>>,
    scratch: Scratch,
}

impl Marker {
    fn new(marks: &Marks) -> Self {
        let by_text = marks.by_text.iter().map(|(column, texts)| {
            let mut by_hash: BTreeMap<u64, Vec<u32>> = BTreeMap::new();
            for (text, mark) in texts {
                by_hash.entry(key::hash(text.as_bytes())).or_default().push(*mark as u32);
            }
            (*column, by_hash.into_iter().collect())
        });
        Self {
            by_text: by_text.collect(),
            bits: Vec::new(),
            rows: vec![Vec::new(); marks.conditions.len()],
            scratch: Scratch::default(),
            marks: marks.clone(),
        }
    }

    /// Fills `bits`: `words` for each of these rows, which ascend.
    fn mark(&mut self, batch: &mut EventBatch, selection: &[u32], words: usize) {
        let Self { marks, by_text, bits, rows, scratch } = self;
        bits.clear();
        bits.resize(selection.len() * words, 0);
        for mark in &marks.free {
            rows[*mark].extend_from_slice(selection);
        }
        for (column, texts) in by_text {
            let cells = &batch.columns[*column];
            for row in selection {
                let cell = cells[*row as usize];
                if cell.tag() != Tag::Str {
                    continue;
                }
                // Texts with one hash are told apart by the conditions.
                let hash = key::hash(cell.text(&batch.bytes));
                if let Ok(at) = texts.binary_search_by_key(&hash, |(hash, _)| *hash) {
                    texts[at].1.iter().for_each(|mark| rows[*mark as usize].push(*row));
                }
            }
        }
        for (mark, rows) in rows.iter_mut().enumerate().filter(|(_, rows)| !rows.is_empty()) {
            let view = Rows { columns: &batch.columns, time: &batch.time };
            marks.conditions[mark].filter(&view, &mut batch.bytes, rows, scratch);
            let mut at = 0;
            for row in rows.drain(..) {
                // Both ascend.
                at += selection[at..].partition_point(|r| *r < row);
                bits[at * words + mark / 64] |= 1 << (mark % 64);
            }
        }
    }
}

/// The line of a row.
fn line(batch: &EventBatch, whole: Range<usize>, row: usize, json: bool) -> Cell {
    let start = whole.start + batch.offset[row] as usize;
    let rest = batch.bytes.get(start..whole.end).unwrap_or_default();
    let line = rest.split(|b| *b == b'\n').next().unwrap_or_default();
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    match u32::try_from(start) {
        Ok(start) if json => Cell::json(start, line.len() as u32),
        Ok(start) if std::str::from_utf8(line).is_ok() => Cell::str(start, line.len() as u32),
        _ => Cell::NULL,
    }
}

/// One pattern with the rows it has said.
struct One {
    machine: Machine<Conditions>,
    show: Show,
    /// For each step its mark; none for one that any event meets.
    marks: Vec<Option<usize>>,
    part: PartId,
    before: (Counts, crate::pattern::Tallies, u64),
    shares: [Share; 4],
}

impl One {
    /// Bit s: the event meets what step s asks of it alone.
    fn mask(&self, words: &[u64]) -> u64 {
        let met = |mark: &Option<usize>| mark.is_none_or(|m| words[m / 64] >> (m % 64) & 1 == 1);
        self.marks.iter().enumerate().fold(0, |mask, (step, mark)| mask | u64::from(met(mark)) << step)
    }

    fn count(&mut self, metrics: &Metrics, waiting: usize) {
        let counts = metrics.part(self.part);
        let (now, tallies) = (self.machine.counts(), self.machine.tallies());
        let failures = self.machine.judge().failures() + self.show.failures();
        let (before, was, failed) = self.before;
        counts.late.add(now.late - before.late);
        counts.too_late.add(now.too_late - before.too_late);
        counts.matches.add(now.matches - before.matches);
        counts.timed_out.add(now.timed_out - before.timed_out);
        counts.rows.add((now.matches + now.timed_out) - (before.matches + before.timed_out));
        counts.corrections.add(now.corrections - before.corrections);
        counts.pruned.add(tallies.pruned - was.pruned);
        counts.partial_overflow.add(tallies.overflowed - was.overflowed);
        counts.expression_failures.add(failures - failed);
        if was.overflowed == 0 && tallies.overflowed > 0 {
            tracing::warn!(
                part = counts.name,
                max_partial_matches = self.machine.most(),
                "a key has more partial matches than max_partial_matches: those that began first are given up; the metric \
                 partial_overflow counts them"
            );
        }
        self.before = (now, tallies, failures);
        let (keys, partial) = self.machine.open();
        let (buffer, all) = self.machine.bytes();
        self.shares[0].set(&counts.groups, keys as i64);
        self.shares[1].set(&counts.partial_matches, partial as i64);
        self.shares[2].set(&counts.buffer_bytes, buffer as i64);
        self.shares[3].set(&counts.state_bytes, (all + waiting) as i64);
    }
}

/// What the operator does between its input and its output.
struct Group {
    ordered: Ordered,
    patterns: Vec<One>,
    /// Patterns that look at every event.
    all: Vec<usize>,
    /// For each mark the patterns that look at it.
    by_mark: Vec<Vec<usize>>,
    words: usize,
    tick: i64,
    rows: BTreeMap<i64, RowBatch>,
    chosen: Vec<usize>,
}

impl Group {
    fn new(plan: &Plan, g: &PatternGroup) -> Self {
        let patterns: Vec<One> = g
            .patterns
            .iter()
            .map(|p| {
                let conditions = Conditions::new(p.conditions.clone(), p.shown.width, p.rules.preferred);
                let mut machine = Machine::new(Matcher::new(p.rules.clone()), conditions, p.lateness, plan.tick);
                if let Some(trace) = plan.trace.as_ref().filter(|t| t.part == p.shown.part) {
                    machine.tell(Teller::new(trace, p.shown.steps.clone(), p.shown.event));
                }
                One {
                    machine,
                    show: Show::new(p.shown.clone()),
                    marks: p.marks.clone(),
                    part: PartId(p.shown.part),
                    before: Default::default(),
                    shares: Default::default(),
                }
            })
            .collect();
        let all = (0..patterns.len()).filter(|p| g.patterns[*p].sees_all()).collect();
        let mut by_mark = vec![Vec::new(); g.marks.len()];
        for (p, pattern) in g.patterns.iter().enumerate().filter(|(_, p)| !p.sees_all()) {
            for mark in pattern.marks.iter().flatten() {
                if !by_mark[*mark].contains(&p) {
                    by_mark[*mark].push(p);
                }
            }
        }
        let (rows, chosen) = (BTreeMap::new(), Vec::new());
        Self {
            ordered: Ordered::new(plan.tick),
            patterns,
            all,
            by_mark,
            words: g.words(),
            tick: plan.tick,
            rows,
            chosen,
        }
    }

    /// Looks at all events that the frontier has passed, and at the limits of time that it has.
    fn advance(&mut self, frontier: Option<i64>) -> Result<(), Damaged> {
        let Self { ordered, patterns, all, by_mark, words, tick, rows, chosen } = self;
        let mut marks = vec![0u64; *words];
        // With more patterns each event costs more than its memory.
        let mut ahead = 0u32;
        let warms = patterns.len() == 1;
        let patterns = std::cell::RefCell::new(patterns);
        let mut see = |event: Event<'_>| {
            if let Some(key) = event.key.filter(|_| warms) {
                ahead = ahead.wrapping_add(patterns.borrow()[0].machine.warm(key));
            }
        };
        ordered.release(frontier, &mut see, &mut |event: Event<'_>| {
            let mut patterns = patterns.borrow_mut();
            let Some(key) = event.key else { return Err(Damaged) };
            let (found, cells) = event.marked(*words);
            marks.fill(0);
            marks.iter_mut().zip(found).for_each(|(word, found)| *word = found);
            chosen.clear();
            chosen.extend_from_slice(all);
            for (w, word) in marks.iter().enumerate() {
                let mut left = *word;
                while left != 0 {
                    let mark = w * 64 + left.trailing_zeros() as usize;
                    left &= left - 1;
                    chosen.extend_from_slice(by_mark.get(mark).ok_or(Damaged)?);
                }
            }
            if chosen.len() > 1 {
                chosen.sort_unstable();
                chosen.dedup();
            }
            for p in chosen.iter() {
                let one = &mut patterns[*p];
                let mask = one.mask(&marks);
                let taken = Taken { key, origin: event.origin, tick: event.tick, mask, cells };
                let One { machine, show, .. } = one;
                machine.event(taken, &mut |store, said| keep(rows, *tick, show, store, said));
            }
            Ok(())
        })?;
        std::hint::black_box(ahead);
        for One { machine, show, .. } in patterns.into_inner() {
            machine.advance(frontier, &mut |store, said| keep(rows, *tick, show, store, said));
        }
        Ok(())
    }

    fn is_open(&self) -> bool {
        !self.ordered.is_empty() || self.patterns.iter().any(|p| p.machine.open().0 > 0)
    }
}

/// Puts a row among those of its time: the tick in which it was decided.
fn keep(rows: &mut BTreeMap<i64, RowBatch>, tick: i64, show: &mut Show, store: &Store, said: Statement) {
    let time = said.time.div_euclid(tick).saturating_mul(tick);
    show.row(store, Statement { time, ..said }, rows.entry(time).or_default());
}

/// Builds the operator of group `group`; all rows of its patterns come out of it.
pub(super) fn patterns<'scope>(
    packets: Stream<'scope, i64, PacketBox>,
    plan: &Arc<Plan>,
    group: usize,
    shared: &Arc<Shared>,
    metrics: &Arc<Metrics>,
) -> Stream<'scope, i64, RowBox> {
    let g = &plan.pattern_groups[group];
    let mut state = Group::new(plan, g);
    let name = format!("{}:pattern", g.patterns.first().map_or("", |p| &p.name));
    let (shared, metrics) = (Arc::clone(shared), Arc::clone(metrics));
    let names: Vec<&str> = g.patterns.iter().map(|p| p.name.as_str()).collect();
    let mut notes = PartNotes::new(metrics.trace(), "pattern", &names.join(", "), packets.scope().index());
    let pact = to_target(Sent::to(&name, packets.scope(), &metrics));
    packets.unary_frontier::<CapacityContainerBuilder<RowBox>, _, _, _>(pact, &name, move |first, _| {
        // Nothing can be said before something has come.
        drop(first);
        let mut held: Option<Capability<i64>> = None;
        move |(input, frontier), output| {
            let (begun, mut said) = (notes.begin(), 0);
            let mut result = Ok(());
            input.for_each(|capability, packet| {
                let taken = state.ordered.take(&packet.bytes);
                packet.bytes.clear();
                result = result.and(taken);
                if let Some(time) = capability.least()
                    && held.as_ref().is_none_or(|h| time < h.time())
                {
                    held = Some(capability.delayed(time, output.output_index()));
                }
            });
            let frontier = frontier.frontier().first().copied();
            if let Err(e) = result.and_then(|()| state.advance(frontier)) {
                shared.fail(damaged(&e.to_string()));
            }
            if let Some(capability) = &held {
                while let Some((time, rows)) = state.rows.pop_first() {
                    let at = capability.delayed(&time.max(*capability.time()));
                    said += rows.heads.len() as u64;
                    output.session(&at).give_container(&mut RowBox(rows));
                }
            }
            match (frontier, &mut held) {
                (Some(frontier), Some(capability)) if state.is_open() => {
                    if frontier > *capability.time() {
                        capability.downgrade(&frontier);
                    }
                }
                _ => held = None,
            }
            let waiting = state.ordered.bytes() / state.patterns.len().max(1);
            state.patterns.iter_mut().for_each(|p| p.count(&metrics, waiting));
            notes.end(begun, frontier, said);
        }
    })
}
