//! What operators, and the threads of sinks, see of the steps that are traced, into spans. Each has notes of its own.

use super::ticks::MOST_OPEN;
use super::{BLOCKS, Live, Span, SpanId, Trace, TraceId};
use std::collections::VecDeque;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::{Arc, Mutex, PoisonError};

/// A block of a source that was read and decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BlockNote {
    /// The partition, of those of the source.
    pub partition: usize,
    /// The number of the block in it.
    pub index: u64,
    /// Where it begins there, bytes.
    pub position: u64,
    /// Its bytes.
    pub bytes: u64,
    /// Its events.
    pub events: u64,
    /// Lines of it that are none.
    pub rejected: u64,
    /// When it was asked for, when it was there, and when it was decoded and put through the streams.
    pub at: [u64; 3],
}

/// What a step has of one source and worker.
struct Stay {
    tick: i64,
    first: u64,
    blocks: Vec<BlockNote>,
    sums: [u64; 4],
}

/// The notes of a source's operator.
pub struct SourceNotes {
    trace: Arc<Trace>,
    source: String,
    partitions: Vec<String>,
    worker: usize,
    /// The tick at which it stands.
    at: i64,
    /// Those of this turn.
    blocks: Vec<BlockNote>,
    stays: Vec<Stay>,
}

impl SourceNotes {
    /// Notes of a source with these partitions, of one worker of all.
    pub fn new(trace: &Arc<Trace>, source: &str, partitions: Vec<String>, worker: usize) -> Self {
        let (trace, source, at) = (Arc::clone(trace), source.to_owned(), i64::MIN);
        Self { trace, source, partitions, worker, at, blocks: Vec::new(), stays: Vec::new() }
    }

    /// A block is used, in this turn.
    pub fn block(&mut self, note: impl FnOnce() -> BlockNote) {
        if self.trace.is_on() {
            self.blocks.push(note());
        }
    }

    /// A turn ends, with the source at `tick`; `None` at its end. `newest`: the tick that what it has read has come to.
    pub fn turn(&mut self, tick: Option<i64>, newest: i64) {
        let trace = Arc::clone(&self.trace);
        let Some((on, live)) = trace.live() else { return };
        let (from, to) = (self.at, tick.unwrap_or(i64::MAX));
        let seen = tick.unwrap_or(newest);
        if to <= from && live.open.load(Relaxed) == 0 {
            self.blocks.clear();
            return;
        }
        let now = on.now();
        let mut ended = Vec::new();
        {
            let mut ticks = live.ticks();
            if seen > i64::MIN && ticks.sight(from.min(seen), seen, now) {
                live.count(&ticks);
            }
            let first = self.blocks.iter().map(|block| block.at[0]).min().unwrap_or(now);
            for one in ticks.known_mut().filter(|one| one.tick >= from && one.tick <= to) {
                one.began = one.began.min(first);
                let at = self.stays.iter().position(|stay| stay.tick == one.tick).unwrap_or_else(|| {
                    self.stays.push(Stay { tick: one.tick, first, blocks: Vec::new(), sums: [0; 4] });
                    self.stays.len() - 1
                });
                let stay = &mut self.stays[at];
                for block in &self.blocks {
                    let more = [1, block.bytes, block.events, block.rejected];
                    stay.sums.iter_mut().zip(more).for_each(|(sum, n)| *sum += n);
                    if stay.blocks.len() < BLOCKS {
                        stay.blocks.push(*block);
                    }
                }
                if one.tick < to {
                    ended.push((one.id, self.stays.swap_remove(at)));
                }
            }
        }
        self.at = from.max(to);
        self.blocks.clear();
        // Where more are under way than are taken, those that came to nothing go.
        let excess = self.stays.len().saturating_sub(MOST_OPEN);
        self.stays.drain(..excess);
        for (id, stay) in ended {
            self.tell(live, id, &stay, now, &on.takes);
        }
    }

    fn tell(&self, live: &Live, trace: TraceId, stay: &Stay, now: u64, takes: &dyn Fn(Span)) {
        let [blocks, bytes, events, rejected] = stay.sums;
        let name = format!("source {}", self.source);
        let source = live
            .span(trace, SpanId::root(trace), name, (stay.first, now))
            .with("highwater.source", self.source.as_str())
            .with("highwater.worker", self.worker)
            .with("highwater.blocks", blocks)
            .with("highwater.bytes", bytes)
            .with("highwater.events", events)
            .with("highwater.rejected", rejected);
        let parent = source.id;
        takes(source);
        for block in &stay.blocks {
            let [asked, read, decoded] = block.at;
            let partition = self.partitions.get(block.partition).cloned().unwrap_or_default();
            takes(
                live.span(trace, parent, "read", (asked, read))
                    .with("highwater.partition", partition)
                    .with("highwater.block", block.index)
                    .with("highwater.position", block.position)
                    .with("highwater.bytes", block.bytes),
            );
            takes(
                live.span(trace, parent, "decode", (read, decoded))
                    .with("highwater.block", block.index)
                    .with("highwater.events", block.events)
                    .with("highwater.rejected", block.rejected),
            );
        }
    }
}

/// What a step has of one part and worker.
struct Work {
    tick: i64,
    first: u64,
    busy: u64,
    turns: u64,
    rows: u64,
}

/// The notes of the operator of a part.
pub struct PartNotes {
    trace: Arc<Trace>,
    kind: &'static str,
    part: String,
    worker: usize,
    /// The frontier of its input.
    at: i64,
    work: Vec<Work>,
}

impl PartNotes {
    /// Notes of a part, such as a window, of one worker of all.
    pub fn new(trace: &Arc<Trace>, kind: &'static str, part: &str, worker: usize) -> Self {
        Self { trace: Arc::clone(trace), kind, part: part.to_owned(), worker, at: i64::MIN, work: Vec::new() }
    }

    /// A turn begins.
    pub fn begin(&self) -> u64 {
        self.trace.now()
    }

    /// The turn that began at `begun` ends, with its input complete up to `frontier`; `rows`: how many it stated.
    pub fn end(&mut self, begun: u64, frontier: Option<i64>, rows: u64) {
        let trace = Arc::clone(&self.trace);
        let Some((on, live)) = trace.live().filter(|_| begun > 0) else { return };
        let (from, to) = (self.at, frontier.unwrap_or(i64::MAX));
        if to <= from && live.open.load(Relaxed) == 0 {
            return;
        }
        let now = on.now();
        let mut passed = Vec::new();
        {
            let mut ticks = live.ticks();
            // At the end of all input event time has come nowhere.
            if to < i64::MAX && to > i64::MIN && ticks.sight(from, to, now) {
                live.count(&ticks);
            }
            for one in ticks.known_mut().filter(|one| one.tick >= from) {
                let gone = one.tick < to;
                if one.done && !gone {
                    continue;
                }
                one.began = one.began.min(begun);
                let at = self.work.iter().position(|work| work.tick == one.tick).unwrap_or_else(|| {
                    self.work.push(Work { tick: one.tick, first: begun, busy: 0, turns: 0, rows: 0 });
                    self.work.len() - 1
                });
                self.work[at].busy += now - begun;
                self.work[at].turns += 1;
                self.work[at].rows += rows;
                if gone {
                    passed.push((one.id, self.work.swap_remove(at)));
                }
            }
        }
        self.at = from.max(to);
        let excess = self.work.len().saturating_sub(MOST_OPEN);
        self.work.drain(..excess);
        for (trace, work) in passed {
            let name = format!("{} {}", self.kind, self.part);
            (on.takes)(
                live.span(trace, SpanId::root(trace), name, (work.first, now))
                    .with("highwater.part", self.part.as_str())
                    .with("highwater.worker", self.worker)
                    .with("highwater.turns", work.turns)
                    .with("highwater.busy_us", work.busy / 1000)
                    .with("highwater.rows", work.rows),
            );
        }
    }
}

/// The rows of a step, on their way through a sink.
struct Handed {
    tick: i64,
    trace: TraceId,
    id: SpanId,
    complete: u64,
    written: Option<(u64, u64)>,
    rows: u64,
    bytes: u64,
}

/// The notes of a sink, of its operator and its thread.
pub struct SinkNotes {
    trace: Arc<Trace>,
    sink: String,
    handed: Mutex<VecDeque<Handed>>,
}

impl SinkNotes {
    /// Notes of a sink.
    pub fn new(trace: &Arc<Trace>, sink: &str) -> Self {
        Self { trace: Arc::clone(trace), sink: sink.to_owned(), handed: Mutex::default() }
    }

    /// True where a run is traced.
    pub fn is_on(&self) -> bool {
        self.trace.is_on()
    }

    fn handed(&self) -> std::sync::MutexGuard<'_, VecDeque<Handed>> {
        self.handed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The first of them, once it is written.
    fn next_written(&self) -> Option<(Handed, (u64, u64))> {
        let mut handed = self.handed();
        let written = handed.front()?.written?;
        Some((handed.pop_front()?, written))
    }

    /// The rows of `time` are complete, and are about to be handed to the thread; perhaps not for the first time, where there was no room.
    pub fn complete(&self, time: i64, rows: usize, bytes: usize) {
        let Some((on, live)) = self.trace.live().filter(|(_, live)| live.open.load(Relaxed) > 0) else { return };
        let mut ticks = live.ticks();
        let Some(one) = ticks.find(time).filter(|one| !one.done) else { return };
        let mut handed = self.handed();
        if handed.iter().any(|handed| handed.tick == time) {
            return;
        }
        one.waiting += 1;
        let id = live.span(one.id, SpanId::root(one.id), "", (0, 0)).id;
        let (rows, bytes) = (rows as u64, bytes as u64);
        handed.push_back(Handed { tick: time, trace: one.id, id, complete: on.now(), written: None, rows, bytes });
    }

    /// Writes rows of `time`, by `write`.
    pub fn write<T>(&self, time: Option<i64>, write: impl FnOnce() -> T) -> T {
        let start = self.trace.now();
        let done = write();
        if start > 0 {
            let end = self.trace.now();
            if let Some(one) = self.handed().iter_mut().find(|one| Some(one.tick) == time) {
                one.written = Some((start, end));
            }
        }
        done
    }

    /// Makes what was written visible, by `flush`.
    pub fn flush<T>(&self, flush: impl FnOnce() -> T) -> T {
        let start = self.trace.now();
        let done = flush();
        let Some((on, live)) = self.trace.live().filter(|_| start > 0) else { return done };
        let end = on.now();
        while let Some((one, (from, to))) = self.next_written() {
            let sink = Span::new(
                (one.trace, one.id, Some(SpanId::root(one.trace))),
                format!("sink {}", self.sink),
                (one.complete, end),
            );
            (on.takes)(
                sink.with("highwater.sink", self.sink.as_str())
                    .with("highwater.rows", one.rows)
                    .with("highwater.bytes", one.bytes),
            );
            (on.takes)(live.span(one.trace, one.id, "wait", (one.complete, from)));
            (on.takes)(live.span(one.trace, one.id, "write", (from, to)));
            (on.takes)(live.span(one.trace, one.id, "flush", (start, end)));
            let mut ticks = live.ticks();
            let root = ticks.find(one.tick).and_then(|traced| {
                traced.waiting = traced.waiting.saturating_sub(1);
                live.settle(traced, end)
            });
            live.count(&ticks);
            drop(ticks);
            root.into_iter().for_each(|span| (on.takes)(span));
        }
        done
    }
}
