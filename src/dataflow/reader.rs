//! The reading side of one source on one worker: blocks, decoded and put through the streams, held until the clocks of
//! the blocks before them are known.
//!
//! Invariant: a block is emitted only when its base, and what its streams look up, is known, and in the order of its number among this worker's
//! blocks of the partition; the worker's tick never passes the base of a block it still holds.
//!
//! Where the time of events is that of the wall clock, a block is stamped when it is decoded, and its events have its
//! stamp or that of a block before it, whichever is later: so time never runs back in a partition, whichever workers and
//! processes read it. The stamp is known to be right only when the block is emitted, so the streams wait until then.
//! The worker's tick is then the stamp of the first block it holds, or the clock.
//!
//! Where streams look up in tables that are not read as a whole, the rows that a block needs are asked for when it is
//! decoded. A block is held until they are there, as where its base is not known, and who brings them wakes the source. What
//! the streams see of a block's rows is fixed then.

use super::part::Part;
use super::shared::Shared;
use crate::codec::json::{Reject, RejectReason, explain};
use crate::codec::{Decoder, Wanted};
use crate::config::OnBad;
use crate::error::Error;
use crate::event::{EventBatch, RowKeys};
use crate::observe::trace::BlockNote;
use crate::observe::{Fault, Metrics, OF_BLOCK, SourceId, TableId, moment};
use crate::plan::{Plan, SourcePlan};
use crate::source::{Block, DeadLetter, LINE_TOO_LONG, Next, TOO_LATE, WallClock};
use crate::stream::{Asked, Steps};
use crate::time::EventTime;
use crate::watermark::tick_at;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Decoded blocks that one worker holds of one partition, at most, while those before them are missing.
const PENDING: usize = 16;
/// So often a partition that is far ahead looks again at once for the frontier, before it does so each millisecond.
const LOOKS: u32 = 64;

/// A decoded block.
pub(super) struct Decoded {
    block: Block,
    /// Rows and columns.
    pub(super) batch: EventBatch,
    /// Row numbers by step.
    pub(super) selections: Vec<Vec<u32>>,
    /// The keys of the rows of each part.
    pub(super) keys: Vec<RowKeys>,
    rejects: Vec<Reject>,
    bytes: u64,
    /// The wall clock when it was decoded, where that is the time of its events.
    stamp: i64,
    /// What the streams have asked servers of tables for.
    asked: Asked,
    /// The streams have run over it.
    ready: bool,
    /// When it was asked for, read and decoded, where that is traced.
    at: [u64; 3],
}

impl Decoded {
    /// Gives all events the time `time`; none is before another, so none has a clock in the block.
    fn set_time(&mut self, time: i64) {
        let batch = &mut self.batch;
        batch.time.fill(time);
        batch.clock.fill(i64::MIN);
        batch.max_time = time;
        batch.min_time = if batch.time.is_empty() { i64::MAX } else { time };
    }

    /// Events that were too late for a window, as letters: rows and the ticks they came at.
    pub(super) fn too_late(&self, rows: &[(u32, i64)]) -> Vec<DeadLetter> {
        let letters = rows.iter().map(|(row, tick)| {
            let offset = self.batch.offset[*row as usize];
            let rest = &self.batch.bytes[self.block.range.start + offset as usize..self.block.range.end];
            let line = rest.split(|b| *b == b'\n').next().unwrap_or_default();
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            let (time, tick) = (EventTime(self.batch.time[*row as usize]), EventTime(*tick));
            DeadLetter {
                position: self.block.position + u64::from(offset),
                length: line.len() as u64,
                reason: TOO_LATE,
                detail: format!("its time is {time}, and the watermark was at {tick}"),
                line: line.to_vec(),
            }
        });
        letters.collect()
    }

    /// Where the block's bytes are in the arena.
    pub(super) fn range(&self) -> std::ops::Range<usize> {
        self.block.range.clone()
    }

    /// The number of the block in its partition.
    pub(super) fn index(&self) -> u64 {
        self.block.index
    }

    /// The lines that are no events, in the order of their positions.
    fn letters(&self) -> Vec<DeadLetter> {
        self.letters_of(&self.rejects, &self.block.oversized)
    }

    /// The last of them.
    fn newest_letters(&self) -> Vec<DeadLetter> {
        let (rejects, long) = (&self.rejects, &self.block.oversized);
        let last = |n: usize| n.saturating_sub(OF_BLOCK);
        self.letters_of(&rejects[last(rejects.len())..], &long[last(long.len())..])
    }

    fn letters_of(&self, rejects: &[Reject], oversized: &[(u64, u64)]) -> Vec<DeadLetter> {
        let rejects = rejects.iter().map(|reject| {
            let at = self.block.range.start + reject.offset as usize;
            let line = &self.batch.bytes[at..at + reject.len as usize];
            DeadLetter {
                position: self.block.position + u64::from(reject.offset),
                length: u64::from(reject.len),
                reason: reject.reason.code(),
                detail: explain(line, reject.reason),
                line: line.to_vec(),
            }
        });
        let oversized = oversized.iter().map(|(position, length)| DeadLetter {
            position: *position,
            length: *length,
            reason: LINE_TOO_LONG,
            detail: format!("the line has {length} bytes; max_line allows fewer"),
            line: Vec::new(),
        });
        let mut letters: Vec<DeadLetter> = rejects.chain(oversized).collect();
        letters.sort_by_key(|l| l.position);
        letters
    }
}

/// What a source with `on_bad = "stop"` ends with.
fn bad_line(partition: &str, letter: &DeadLetter) -> Error {
    Error::user("source.bad", format!("a line cannot be used ({}): {}", letter.reason, letter.detail))
        .at(format!("{partition} at byte {}", letter.position))
        .help("mend the line, or set on_bad = \"skip\" to count and skip such lines")
}

/// The decoder of a source.
fn decoder(plan: &SourcePlan) -> Decoder {
    let slot = |path| plan.stage.paths.iter().position(|p| p == path);
    let wanted = Wanted {
        paths: plan.stage.paths.clone(),
        time: (!plan.processing).then(|| plan.config.time.field.clone()),
        unit: plan.config.time.unit,
        format: plan.config.time.format.clone(),
        prefilter: plan.prefilter.as_ref().and_then(|(path, allowed)| Some((slot(path)?, allowed.clone()))),
    };
    Decoder::new(&plan.config.format, plan.projection.clone(), wanted)
}

/// What came of asking for more.
pub(super) enum Progress {
    /// A block was read.
    Read,
    /// Nothing to read now; ask again after the time given, or when woken.
    Wait(Option<Duration>),
    /// This worker will read no more.
    End,
}

struct Lane {
    pending: VecDeque<Decoded>,
    ended: bool,
}

/// One source on one worker.
pub(super) struct Reader {
    shared: Arc<Shared>,
    metrics: Arc<Metrics>,
    source: usize,
    /// Partitions of the sources before this one: so are partitions numbered through all sources.
    before: u32,
    tick: i64,
    out_of_orderness: i64,
    stop_on_bad: bool,
    /// The clock, where it is the time of the events.
    wall: Option<WallClock>,
    columns: usize,
    /// The streams ask servers of tables for rows.
    asks: bool,
    decoder: Decoder,
    steps: Steps,
    lanes: Vec<Lane>,
    spare: Vec<Decoded>,
    failures: u64,
    /// How often it was looked in vain whether the frontier has come closer.
    looks: u32,
}

impl Reader {
    pub(super) fn new(plan: &Plan, source: usize, shared: Arc<Shared>, metrics: Arc<Metrics>) -> Self {
        let p: &SourcePlan = &plan.sources[source];
        let lanes = shared.sources[source].partitions.iter().map(|_| Lane { pending: VecDeque::new(), ended: false });
        let before = shared.sources[..source].iter().map(|s| s.partitions.len() as u32).sum();
        Self {
            lanes: lanes.collect(),
            before,
            decoder: decoder(p),
            steps: Steps::new(p.stage.steps.clone(), &shared.tables),
            columns: p.stage.columns,
            asks: p.stage.steps.iter().flat_map(|step| &step.enrich).any(|e| shared.tables.desk(e.table).is_some()),
            out_of_orderness: p.out_of_orderness,
            stop_on_bad: p.on_bad == OnBad::Stop,
            wall: p.processing.then(|| shared.wall.clone()),
            tick: plan.tick,
            spare: Vec::new(),
            failures: 0,
            looks: 0,
            shared,
            metrics,
            source,
        }
    }

    /// The partition's out-of-orderness, microseconds.
    pub(super) fn out_of_orderness(&self) -> i64 {
        self.out_of_orderness
    }

    /// Reads and decodes one block of the partition that is furthest behind. `limit`: a partition whose tick is above
    /// it is not read. `parts`: who will want the keys of their rows.
    pub(super) fn read(&mut self, limit: i64, parts: &[Part]) -> Result<Progress, Error> {
        let shared = Arc::clone(&self.shared);
        let source = &shared.sources[self.source];
        let mut order: Vec<usize> = (0..self.lanes.len()).filter(|i| !self.lanes[*i].ended).collect();
        order.sort_by_key(|i| source.partitions[*i].prefix());
        let mut wait: Option<Duration> = None;
        for lane in order {
            let p = &source.partitions[lane];
            if self.lanes[lane].pending.len() >= PENDING {
                continue;
            }
            // The wall clock is ahead of no other source: it cannot be held.
            if self.wall.is_none() && tick_at(p.prefix(), self.out_of_orderness, self.tick) > limit {
                // The frontier must come closer. It moves while this worker runs: where it waits for nobody else, a few
                // turns are enough, and sparse input is read at full speed.
                self.looks = self.looks.saturating_add(1);
                let pause = if self.looks < LOOKS { Duration::ZERO } else { Duration::from_millis(1) };
                wait = Some(wait.map_or(pause, |w| w.min(pause)));
                continue;
            }
            let mut decoded = self.spare.pop().unwrap_or_else(|| Decoded {
                block: Block { index: 0, range: 0..0, position: 0, oversized: Vec::new(), head: None, arrived: None },
                batch: EventBatch::new(self.columns),
                selections: Vec::new(),
                keys: Vec::new(),
                rejects: Vec::new(),
                bytes: 0,
                stamp: i64::MIN,
                asked: Asked::default(),
                ready: false,
                at: [0; 3],
            });
            // The old bytes stay for the partition to write over: clearing them would mean to zero them again.
            let bytes = std::mem::take(&mut decoded.batch.bytes);
            decoded.batch.clear();
            decoded.batch.bytes = bytes;
            decoded.rejects.clear();
            decoded.asked.clear();
            let asked = self.metrics.trace().now();
            match p.partition.next(&mut decoded.batch.bytes)? {
                Next::Block(block) => {
                    self.looks = 0;
                    decoded.at = [asked, self.metrics.trace().now(), 0];
                    let arrived = block.arrived.unwrap_or_else(moment);
                    self.decode(lane, (block, arrived), decoded, parts);
                    return Ok(Progress::Read);
                }
                Next::Wait(time) => {
                    self.count_waiting(lane);
                    // Look again when its silence has become long enough to be idle.
                    let left = |after: Duration| after.saturating_sub(p.partition.silent_for().unwrap_or_default());
                    let idle = shared.idle_after(self.source).map(left).filter(|left| !left.is_zero());
                    let time = time.or(idle);
                    wait = match (wait, time) {
                        (Some(a), Some(b)) => Some(a.min(b)),
                        (a, b) => a.or(b),
                    };
                    self.spare.push(decoded);
                }
                Next::End => {
                    self.lanes[lane].ended = true;
                    self.shared.end(self.source, lane);
                    self.spare.push(decoded);
                    let id = self.metrics.partition_id(SourceId(self.source as u32), lane);
                    self.metrics.partition(id).ended.set(1);
                    self.metrics.partition(id).waiting.set(0);
                }
            }
        }
        if self.lanes.iter().all(|l| l.ended && l.pending.is_empty()) {
            return Ok(Progress::End);
        }
        // With the clock the tick moves on, also while nothing comes.
        let next = self.wall.as_ref().map(|wall| {
            let left = self.tick - wall.now().rem_euclid(self.tick);
            Duration::from_micros(left.unsigned_abs())
        });
        Ok(Progress::Wait(wait.into_iter().chain(next).min()))
    }

    /// Hands how much of a partition waits to the metrics.
    fn count_waiting(&self, lane: usize) {
        let waiting = self.shared.sources[self.source].partitions[lane].partition.waiting();
        let id = self.metrics.partition_id(SourceId(self.source as u32), lane);
        self.metrics.partition(id).waiting.set(i64::try_from(waiting).unwrap_or(i64::MAX));
    }

    fn decode(&mut self, lane: usize, (block, arrived): (Block, Instant), mut decoded: Decoded, parts: &[Part]) {
        decoded.bytes = block.range.len() as u64;
        self.decoder.decode(&mut decoded.batch, block.range.clone(), block.head.as_ref(), &mut decoded.rejects);
        let partition = &self.shared.sources[self.source].partitions[lane].partition;
        (decoded.batch.partition, decoded.batch.position) = (self.before + lane as u32, partition.place(&block));
        decoded.block = block;
        let index = decoded.block.index;
        if let Some(wall) = &self.wall {
            decoded.stamp = wall.now();
        }
        let newest = if self.wall.is_some() { decoded.stamp } else { decoded.batch.max_time };
        if self.stop_on_bad
            && let Some(letter) = decoded.letters().first()
        {
            let partition = &self.shared.sources[self.source].partitions[lane];
            partition.keep_bad(index, bad_line(partition.partition.name(), letter));
        }
        // As soon as it is known: other workers wait for it. This one looks at the lane only when the block is in it.
        self.shared.publish(self.source, lane, index, newest, arrived);
        if self.wall.is_none() {
            // All that reads the block's text is done now, while it is in the cache.
            decoded.ready = self.prepare(&mut decoded, parts);
        } else if self.asks {
            // What it will ask for is asked for now; with another time it may ask for more.
            decoded.set_time(decoded.stamp);
            decoded.ready = self.prepare(&mut decoded, parts);
        }
        decoded.at[2] = self.metrics.trace().now();
        self.lanes[lane].pending.push_back(decoded);
        self.count_held(lane, 1);
    }

    /// Counts blocks that are held, or no more.
    fn count_held(&self, lane: usize, n: i64) {
        let id = self.metrics.partition_id(SourceId(self.source as u32), lane);
        self.metrics.partition(id).held.add(n);
    }

    /// Runs the streams over a block, and finds the keys of its rows; false where rows of tables are on their way.
    fn prepare(&mut self, decoded: &mut Decoded, parts: &[Part]) -> bool {
        if !self.steps.try_run(&mut decoded.batch, &mut decoded.selections, &mut decoded.asked) {
            return false;
        }
        decoded.keys.resize_with(parts.len(), RowKeys::default);
        for (part, keys) in parts.iter().zip(&mut decoded.keys) {
            part.find_keys(&decoded.batch, &decoded.selections, keys);
        }
        true
    }

    /// The next decoded block whose base is known: the lane, the block and the base. Give it back with
    /// [`Reader::recycle`]. `parts`: as of [`Reader::read`].
    pub(super) fn emit(&mut self, parts: &[Part]) -> Result<Option<(Decoded, i64)>, Error> {
        let shared = Arc::clone(&self.shared);
        for lane in 0..self.lanes.len() {
            while let Some(index) = self.lanes[lane].pending.front().map(|d| d.block.index) {
                let p = &shared.sources[self.source].partitions[lane];
                let clock = p.clock();
                let (base, cut) = (clock.base(index), clock.is_cut(index));
                drop(clock);
                match base {
                    Some(base) => {
                        let Some(mut decoded) = self.lanes[lane].pending.pop_front() else { break };
                        if let Some(stamp) = self.wall.as_ref().map(|_| decoded.stamp) {
                            decoded.set_time(base.max(stamp));
                            decoded.ready = false;
                        }
                        if !decoded.ready && !self.prepare(&mut decoded, parts) {
                            // Rows of tables are on their way: held, as where its base is not known.
                            self.lanes[lane].pending.push_front(decoded);
                            break;
                        }
                        p.clock().take(index);
                        self.count_held(lane, -1);
                        self.account(lane, &decoded)?;
                        return Ok(Some((decoded, base)));
                    }
                    // The run is being drained, and a block before this one will never be read.
                    None if cut => {
                        if let Some(decoded) = self.lanes[lane].pending.pop_front() {
                            self.count_held(lane, -1);
                            self.recycle(decoded);
                        }
                    }
                    None => break,
                }
            }
        }
        Ok(None)
    }

    /// What is noted of a block where it is traced.
    pub(super) fn note(&self, decoded: &Decoded) -> BlockNote {
        BlockNote {
            partition: (decoded.batch.partition - self.before) as usize,
            index: decoded.block.index,
            position: decoded.block.position,
            bytes: decoded.bytes,
            events: decoded.batch.events,
            rejected: (decoded.rejects.len() + decoded.block.oversized.len()) as u64,
            at: decoded.at,
        }
    }

    /// Takes a block back when it has been used.
    pub(super) fn recycle(&mut self, decoded: Decoded) {
        if self.spare.len() <= PENDING {
            self.spare.push(decoded);
        }
    }

    /// The least tick that anything this worker emits later can have; `None` where nothing will come.
    pub(super) fn tick(&self) -> Option<i64> {
        if let Some(wall) = &self.wall {
            // Looked at before the lanes are: what comes into them later is stamped later.
            let now = wall.now();
            let lanes = self.lanes.iter().enumerate().filter(|(_, lane)| !(lane.ended && lane.pending.is_empty()));
            let stamps = lanes.map(|(i, lane)| {
                let id = self.metrics.partition_id(SourceId(self.source as u32), i);
                let stamp = lane.pending.front().map_or(now, |decoded| decoded.stamp);
                self.metrics.partition(id).position.raise(stamp);
                stamp
            });
            return stamps.min().map(|stamp| tick_at(stamp, 0, self.tick));
        }
        let source = &self.shared.sources[self.source];
        let idle_after = self.shared.idle_after(self.source);
        let (mut least, mut idle) = (None::<i64>, false);
        for (i, (lane, p)) in self.lanes.iter().zip(&source.partitions).enumerate() {
            if lane.ended && lane.pending.is_empty() {
                continue;
            }
            if let Some(after) = idle_after {
                let silent = lane.pending.is_empty() && p.is_idle(after);
                let id = self.metrics.partition_id(SourceId(self.source as u32), i);
                self.metrics.partition(id).idle.set(i64::from(silent));
                self.metrics.partition(id).idles.set(p.idles() as i64);
                if silent {
                    idle = true;
                    continue;
                }
            }
            // Asked in one breath: the prefix may go past a block the moment after its base was not known.
            let clock = lane.pending.front().map_or_else(|| p.prefix(), |d| p.clock().floor(d.block.index));
            let tick = tick_at(clock, self.out_of_orderness, self.tick);
            least = Some(least.map_or(tick, |l| l.min(tick)));
        }
        if idle {
            let floor = self.shared.floor();
            least = Some(least.map_or(floor, |l| l.min(floor)));
        }
        least
    }

    /// Keeps the newest of the letters of a block for those who look at the run.
    pub(super) fn show(&self, partition: u32, letters: &[DeadLetter]) {
        if letters.is_empty() || !self.metrics.rejects().wanted() {
            return;
        }
        let lane = &self.shared.sources[self.source].partitions[(partition - self.before) as usize];
        let source = &self.metrics.source(SourceId(self.source as u32)).name;
        let newest = &letters[letters.len().saturating_sub(OF_BLOCK)..];
        self.metrics.rejects().take(
            source,
            lane.partition.name(),
            newest.iter().map(|letter| Fault {
                position: letter.position,
                length: letter.length,
                reason: letter.reason,
                detail: &letter.detail,
                line: &letter.line,
            }),
        );
    }

    fn account(&mut self, lane: usize, decoded: &Decoded) -> Result<(), Error> {
        let source = &self.shared.sources[self.source];
        let (block, batch) = (&decoded.block, &decoded.batch);
        let id = SourceId(self.source as u32);
        let counts = self.metrics.source(id);
        counts.events.add(batch.events);
        counts.bytes.add(decoded.bytes);
        counts.filtered.add(batch.events - self.steps.kept(&decoded.selections) as u64);
        let failures = self.steps.failures();
        counts.expression_failures.add(failures - self.failures);
        self.failures = failures;
        for (table, (made, missing)) in self.steps.lookups() {
            let counts = self.metrics.table(TableId(table as u32));
            counts.lookups.add(made);
            counts.missing.add(missing);
        }
        let partition = self.metrics.partition(self.metrics.partition_id(id, lane));
        partition.restarts.set(source.partitions[lane].partition.restarts() as i64);
        self.count_waiting(lane);
        partition.offset.raise((block.position + block.range.len() as u64) as i64);
        let clock = source.partitions[lane].prefix();
        if clock > i64::MIN {
            partition.position.raise(clock - self.out_of_orderness);
        }
        if decoded.rejects.is_empty() && block.oversized.is_empty() && source.dead_letters.is_none() {
            return Ok(());
        }
        if self.stop_on_bad
            && let Some(error) = source.partitions[lane].first_bad(block.index)
        {
            return Err(error);
        }
        for reject in &decoded.rejects {
            counts.rejected.add(reject.reason as usize, 1);
        }
        counts.rejected.add(RejectReason::ALL.len(), block.oversized.len() as u64);
        let partition = batch.partition;
        let Some(dead) = &source.dead_letters else {
            if self.metrics.rejects().wanted() {
                self.show(partition, &decoded.newest_letters());
            }
            return Ok(());
        };
        let letters = decoded.letters();
        self.show(partition, &letters);
        dead.block(lane, block.index, letters)
    }
}
