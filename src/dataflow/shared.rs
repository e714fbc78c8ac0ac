//! What the workers of one process share: partitions, their clocks, the wish to stop, and the first failure.

use crate::error::Error;
use crate::observe::{Reached, moment};
use crate::sink::is_closed;
use crate::source::{DeadLetters, Partition, WallClock};
use crate::table::Tables;
use crate::watermark::{Activity, Clock, tick_at};
use crate::window::Handover;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};
use std::time::{Duration, Instant};
use timely::scheduling::SyncActivator;

/// A partition, its clock, and how it is numbered.
pub struct SharedPartition {
    /// Where its blocks come from.
    pub partition: Box<dyn Partition>,
    clock: Mutex<Clock>,
    /// [`Clock::prefix`], to look at without the lock.
    prefix: std::sync::atomic::AtomicI64,
    /// The error of the first block that must end the run, of those that this process has decoded.
    bad: Mutex<Option<(u64, Error)>>,
    /// This process has read all it will of it.
    ended: AtomicBool,
    /// It was silent for `idle_after` when it was last looked at, and how often it became so.
    idle: AtomicBool,
    idles: AtomicU64,
    /// This process has read blocks of it.
    read: AtomicBool,
    /// When its ticks went on, by what this process has read or was told.
    reached: Mutex<Reached>,
}

/// A source as all workers of a process see it.
pub struct SharedSource {
    /// Its partitions, in file order.
    pub partitions: Vec<SharedPartition>,
    /// Where rejected lines go.
    pub dead_letters: Option<DeadLetters>,
    pace: Pace,
    wakes: Vec<Wake>,
}

/// Wakes the source operator of one worker where it is waiting.
#[derive(Default)]
pub struct Wake {
    waiting: AtomicBool,
    activator: Mutex<Option<SyncActivator>>,
}

/// How a source's event time moves.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// The pipeline's tick, microseconds.
    pub tick: i64,
    /// How far the watermark is behind the newest event, microseconds.
    pub out_of_orderness: i64,
    /// After which silence a partition no longer holds the others back.
    pub idle_after: Option<Duration>,
    /// The time of its events is that of the wall clock.
    pub processing: bool,
}

/// How a message reaches the other processes.
pub type Tell = Box<dyn Fn(&[u8]) + Send + Sync>;

/// How a worker looks for what other processes have told; true: it is about to wait.
pub type Look = Box<dyn Fn(bool) + Send + Sync>;

/// How all processes are asked for something.
pub type Ask = Box<dyn Fn() + Send + Sync>;

/// A source's partitions, and its dead letters where it keeps them.
pub type Opened = (Vec<Box<dyn Partition>>, Option<DeadLetters>);

/// All that the workers of one process share.
pub struct Shared {
    /// The sources in plan order.
    pub sources: Vec<SharedSource>,
    /// Where each window keeps the events that are too late; the lanes are the partitions of all sources.
    pub too_late: Vec<Option<DeadLetters>>,
    /// The tables of the plan.
    pub tables: Arc<Tables>,
    /// By window: how its tables change hands between these workers.
    pub(super) handovers: Vec<Arc<Handover>>,
    /// The wall clock, for sources whose events have no time of their own.
    pub(super) wall: WallClock,
    workers: usize,
    draining: AtomicBool,
    /// Bytes that wait in each sink's queue.
    backlogs: Vec<AtomicU64>,
    failed: AtomicBool,
    failure: Mutex<Option<Error>>,
    /// Tells the other processes; set where there are any.
    tell: OnceLock<Tell>,
    /// Looks for what they have told; set where this process waits for what others read.
    look: OnceLock<Look>,
    /// Asks all processes to read no more; set where there are others.
    ask_to_drain: Mutex<Option<Ask>>,
    /// Whether a source can be idle: then processes tell each other how far they have come.
    idles: bool,
    /// What was last told of this process, and how often it could have been told since.
    told: Mutex<(Option<Activity>, u32)>,
    /// How far each other process has come, as far as it has said.
    others: Mutex<Vec<Option<Activity>>>,
    began: Instant,
    /// Somebody looks at the run: processes tell each other also of partitions that one of them reads alone.
    looked_at: AtomicBool,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

impl Wake {
    pub(super) fn set(&self, activator: SyncActivator) {
        *lock(&self.activator) = Some(activator);
    }

    /// The worker is about to wait; whoever changes something after this wakes it.
    pub(super) fn wait(&self) {
        self.waiting.store(true, Ordering::SeqCst);
    }

    fn wake(&self) {
        if self.waiting.swap(false, Ordering::SeqCst)
            && let Some(activator) = &*lock(&self.activator)
        {
            // An error means that the worker is gone, and then nothing waits.
            let _ = activator.activate();
        }
    }
}

impl SharedPartition {
    /// A partition from its beginning.
    pub fn new(partition: Box<dyn Partition>) -> Self {
        let prefix = std::sync::atomic::AtomicI64::new(i64::MIN);
        Self {
            partition,
            clock: Mutex::default(),
            prefix,
            bad: Mutex::default(),
            ended: AtomicBool::new(false),
            idle: AtomicBool::new(false),
            idles: AtomicU64::new(0),
            read: AtomicBool::new(false),
            reached: Mutex::default(),
        }
    }

    /// The partition's clock.
    pub fn clock(&self) -> MutexGuard<'_, Clock> {
        lock(&self.clock)
    }

    /// Block `index` must end the run. Said before its clock is, so that whoever knows the clocks of all blocks up to
    /// one of them also knows the first that is bad.
    pub(super) fn keep_bad(&self, index: u64, error: Error) {
        let mut bad = lock(&self.bad);
        if bad.as_ref().is_none_or(|(first, _)| index < *first) {
            *bad = Some((index, error));
        }
    }

    /// The error of the first bad block, where that is `index` or one before it.
    pub(super) fn first_bad(&self, index: u64) -> Option<Error> {
        lock(&self.bad).as_ref().filter(|(first, _)| *first <= index).map(|(_, error)| error.clone())
    }

    /// This process has read all it will of it; true where that was not known.
    fn end(&self) -> bool {
        let first = !self.ended.swap(true, Ordering::SeqCst);
        // Of one that another process reads there is nothing here, and that is not its end.
        if self.partition.is_shared() || self.read.load(Ordering::SeqCst) {
            lock(&self.reached).end();
        }
        first
    }

    /// Whether it has been silent for `idle_after`.
    pub(super) fn is_idle(&self, idle_after: Duration) -> bool {
        let idle = self.partition.silent_for().is_some_and(|time| time >= idle_after);
        if idle != self.idle.swap(idle, Ordering::SeqCst) {
            let partition = self.partition.name();
            if idle {
                self.idles.fetch_add(1, Ordering::SeqCst);
                tracing::info!(partition, "nothing comes from it, so windows no longer wait for it (idle_after)");
            } else {
                tracing::info!(partition, "events come from it again");
            }
        }
        idle
    }

    /// How often it became idle.
    pub(super) fn idles(&self) -> u64 {
        self.idles.load(Ordering::SeqCst)
    }

    /// The greatest event time of all blocks known without a gap.
    pub fn prefix(&self) -> i64 {
        self.prefix.load(Ordering::SeqCst)
    }
}

impl Shared {
    /// The shared state of process `process` of `processes`, with `workers` workers. Sources and their partitions come
    /// in plan order, and with each source its pace; `too_late` (one a window), `wall` and `tables`: see there.
    pub fn new(
        sources: Vec<(Opened, Pace)>,
        too_late: Vec<Option<DeadLetters>>,
        (wall, tables): (WallClock, Arc<Tables>),
        workers: usize,
        (process, processes): (usize, usize),
        sinks: usize,
    ) -> Arc<Self> {
        // This process itself adds nothing to what the others say.
        let others = (0..processes).map(|p| (p == process).then_some(Activity::NONE)).collect();
        let idles = sources.iter().any(|(_, pace)| pace.idle_after.is_some());
        let sources = sources
            .into_iter()
            .map(|((partitions, dead_letters), pace)| SharedSource {
                partitions: partitions.into_iter().map(SharedPartition::new).collect(),
                dead_letters,
                pace,
                wakes: (0..workers).map(|_| Wake::default()).collect(),
            })
            .collect();
        let own = process * workers..(process + 1) * workers;
        let shared = Arc::new(Self {
            sources,
            handovers: too_late.iter().map(|_| Arc::new(Handover::new(own.clone()))).collect(),
            too_late,
            tables,
            wall,
            workers,
            draining: AtomicBool::new(false),
            backlogs: (0..sinks).map(|_| AtomicU64::new(0)).collect(),
            failed: AtomicBool::new(false),
            failure: Mutex::new(None),
            tell: OnceLock::new(),
            look: OnceLock::new(),
            ask_to_drain: Mutex::default(),
            idles,
            told: Mutex::default(),
            others: Mutex::new(others),
            began: moment(),
            looked_at: AtomicBool::new(false),
        });
        for (i, source) in shared.sources.iter().enumerate() {
            for p in &source.partitions {
                let weak = Arc::downgrade(&shared);
                p.partition.on_ready(Box::new(move || {
                    if let Some(shared) = weak.upgrade() {
                        shared.wake(i);
                    }
                }));
            }
        }
        shared
    }

    /// Workers of this process.
    pub fn workers(&self) -> usize {
        self.workers
    }

    /// Bytes that wait in the sinks of this process.
    pub(super) fn backlog(&self) -> u64 {
        self.backlogs.iter().map(|b| b.load(Ordering::Relaxed)).sum()
    }

    pub(super) fn set_backlog(&self, sink: usize, bytes: u64) {
        self.backlogs[sink].store(bytes, Ordering::Relaxed);
    }

    /// How messages reach the other processes; the first way holds.
    pub fn on_tell(&self, tell: Tell) {
        let _ = self.tell.set(tell);
    }

    fn tell(&self, message: &Message) {
        if let Some(tell) = self.tell.get() {
            tell(&message.encode());
        }
    }

    /// The partitions whose blocks can be drawn by all processes of a machine, in plan order. Where lines are kept in
    /// files, each process has the same of them in every run, and none is drawn.
    pub fn drawn(&self) -> impl Iterator<Item = &dyn Partition> {
        let keeps = self.too_late.iter().any(Option::is_some);
        let sources = self.sources.iter().filter(move |source| !keeps && source.dead_letters.is_none());
        let partitions = sources.flat_map(|source| source.partitions.iter().map(|p| &*p.partition));
        partitions.filter(|partition| partition.can_draw())
    }

    /// How workers look for the messages of other processes, where there is something to wait for; the first way holds.
    pub fn on_look(&self, look: Look) {
        if self.sources.iter().flat_map(|source| &source.partitions).any(|p| p.partition.is_shared()) {
            let _ = self.look.set(look);
        }
    }

    /// Hears what other processes have told, at each turn of a source; `waits`: it is about to wait.
    pub(super) fn look_around(&self, waits: bool) {
        if let Some(look) = self.look.get() {
            look(waits);
        }
    }

    pub(super) fn wake_of(&self, source: usize, worker: usize) -> &Wake {
        &self.sources[source].wakes[worker]
    }

    fn wake(&self, source: usize) {
        self.sources[source].wakes.iter().for_each(Wake::wake);
    }

    /// Wakes every source operator of the process.
    pub fn wake_all(&self) {
        (0..self.sources.len()).for_each(|s| self.wake(s));
    }

    /// Somebody looks at the run; said in all processes or in none, before it begins.
    pub fn look(&self) {
        self.looked_at.store(true, Ordering::SeqCst);
    }

    /// Whether others are told of a partition that this process reads alone.
    fn tells_of(&self, p: &SharedPartition) -> bool {
        p.partition.is_shared() || (self.looked_at.load(Ordering::SeqCst) && lock(&self.others).len() > 1)
    }

    /// This process has read all it will of a partition.
    pub(super) fn end(&self, source: usize, partition: usize) {
        let p = &self.sources[source].partitions[partition];
        if p.end() && !p.partition.is_shared() && p.read.load(Ordering::SeqCst) && self.tells_of(p) {
            let (source, partition) = (source as u32, partition as u32);
            self.tell(&Message::Clock(BlockClock { source, partition, index: END, newest: i64::MAX }));
        }
    }

    /// Another process has read a block of a partition that it reads alone, or its end. It says how far the partition is, and
    /// nothing waits for that here.
    fn heard(&self, source: usize, partition: usize, index: u64, newest: i64) {
        let (p, pace) = (&self.sources[source].partitions[partition], &self.sources[source].pace);
        if index == END {
            lock(&p.reached).end();
        } else if !pace.processing {
            let mut clock = p.clock();
            clock.publish(index, newest, false);
            lock(&p.reached).note(tick_at(clock.prefix(), pace.out_of_orderness, pace.tick), moment());
        }
    }

    /// How long it is that what came of the sources was enough for event time to pass `time`: since the last of the
    /// partitions that are not silent was past it. Where the time of a source is the wall clock's, since that was. What other
    /// processes have read counts from when they said so. `None` where that is not known.
    pub(super) fn passed_since(&self, time: i64) -> Option<Duration> {
        let of = |source: &SharedSource, p: &SharedPartition| {
            let read = lock(&p.reached).since(time);
            if !source.pace.processing {
                return read;
            }
            // By the clock, or by the end of the input, whichever was first.
            let next = tick_at(time, 0, source.pace.tick).saturating_add(source.pace.tick);
            let by_clock = u64::try_from(self.wall.now().saturating_sub(next)).ok().map(Duration::from_micros);
            // What was before all events waits since the run began.
            by_clock.map(|span| span.min(self.began.elapsed())).max(read)
        };
        self.sources.iter().flat_map(|s| s.partitions.iter().filter_map(move |p| of(s, p))).min()
    }

    /// A worker of this process has decoded a block, which came at `arrived`.
    pub(super) fn publish(&self, source: usize, partition: usize, index: u64, newest: i64, arrived: Instant) {
        let p = &self.sources[source].partitions[partition];
        if self.tells_of(p) {
            let clock = BlockClock { source: source as u32, partition: partition as u32, index, newest };
            self.tell(&Message::Clock(clock));
        }
        self.know(source, partition, index, newest, Some(arrived));
    }

    /// How far the partitions of this process have come.
    fn activity(&self) -> Activity {
        let mut all = Activity::NONE;
        // The wall clock says nothing on how far events have come.
        for source in self.sources.iter().filter(|source| !source.pace.processing) {
            for p in &source.partitions {
                let tick = tick_at(p.prefix(), source.pace.out_of_orderness, source.pace.tick);
                let idle = || source.pace.idle_after.is_some_and(|after| p.is_idle(after));
                all = all.with(tick, !p.ended.load(Ordering::SeqCst) && !idle());
            }
        }
        all
    }

    /// Tells the other processes how far this one has come, where idle partitions anywhere may depend on it. `now`: it
    /// is about to wait; otherwise not each time.
    pub(super) fn tell_activity(&self, now: bool) {
        if !self.idles || lock(&self.others).len() < 2 {
            return;
        }
        let mut told = lock(&self.told);
        told.1 += 1;
        if !now && told.1 < TELL_ACTIVITY {
            return;
        }
        told.1 = 0;
        let activity = self.activity();
        if told.0 != Some(activity) {
            told.0 = Some(activity);
            self.tell(&Message::Activity(activity));
        }
    }

    /// The tick at which an idle partition is taken to stand; [`i64::MIN`] while another process has not yet said how
    /// far it has come.
    pub(super) fn floor(&self) -> i64 {
        let others = lock(&self.others);
        match others.iter().copied().collect::<Option<Vec<Activity>>>() {
            Some(others) => others.into_iter().fold(self.activity(), Activity::and).floor(),
            None => i64::MIN,
        }
    }

    /// How long a source's partitions may be silent before they are idle.
    pub(super) fn idle_after(&self, source: usize) -> Option<Duration> {
        self.sources[source].pace.idle_after
    }

    /// `ours`: when the block came, where this process reads it.
    fn know(&self, source: usize, partition: usize, index: u64, newest: i64, ours: Option<Instant>) {
        let (p, pace) = (&self.sources[source].partitions[partition], &self.sources[source].pace);
        if ours.is_some() {
            p.read.store(true, Ordering::SeqCst);
        }
        let mut clock = p.clock();
        clock.publish(index, newest, ours.is_some());
        let prefix = clock.prefix();
        p.prefix.store(prefix, Ordering::SeqCst);
        if !pace.processing {
            let tick = tick_at(prefix, pace.out_of_orderness, pace.tick);
            lock(&p.reached).note(tick, ours.unwrap_or_else(moment));
        }
        drop(clock);
        // An idle partition of another source may go with this one.
        if self.idles { self.wake_all() } else { self.wake(source) }
    }

    /// Process `from` says something; garbage is ignored.
    pub fn hear(&self, from: usize, bytes: &[u8]) {
        match Message::decode(bytes) {
            Some(Message::Clock(BlockClock { source, partition, index, newest })) => {
                let (source, partition) = (source as usize, partition as usize);
                match self.sources.get(source).and_then(|s| s.partitions.get(partition)) {
                    Some(p) if p.partition.is_shared() => self.know(source, partition, index, newest, None),
                    Some(_) => self.heard(source, partition, index, newest),
                    None => {}
                }
            }
            Some(Message::Cut { source, partition, end }) => {
                let found = self.sources.get(source as usize).and_then(|s| s.partitions.get(partition as usize));
                if let Some(p) = found {
                    p.clock().cut(end);
                    self.wake(source as usize);
                }
            }
            Some(Message::Activity(activity)) => {
                if let Some(other) = lock(&self.others).get_mut(from) {
                    *other = Some(activity);
                }
                self.wake_all();
            }
            None => tracing::warn!("a message between processes was not understood"),
        }
    }

    /// Stops reading: what has been read is finished, everything else is left. Idempotent.
    pub fn drain(&self) {
        if self.draining.swap(true, Ordering::SeqCst) {
            return;
        }
        for (s, source) in self.sources.iter().enumerate() {
            for (i, p) in source.partitions.iter().enumerate() {
                let end = p.partition.stop();
                p.clock().cut(end);
                if p.partition.is_shared() {
                    self.tell(&Message::Cut { source: s as u32, partition: i as u32, end });
                }
            }
        }
        self.wake_all();
    }

    /// True once [`Shared::drain`] was called.
    pub fn is_draining(&self) -> bool {
        self.draining.load(Ordering::SeqCst)
    }

    /// Sets how all processes are asked to read no more, where there are others.
    pub fn on_ask_to_drain(&self, ask: Ask) {
        *lock(&self.ask_to_drain) = Some(ask);
    }

    /// A sink has failed, which ends the run. Where only nobody reads standard output any more, the other processes
    /// have done nothing wrong: all finish what they have read, for nobody, and end well.
    pub(super) fn sink_failed(&self, error: Error) {
        match &*lock(&self.ask_to_drain) {
            Some(ask) if is_closed(&error) => ask(),
            _ => self.fail(error),
        }
    }

    /// Ends the run with an error; the first one holds.
    pub fn fail(&self, error: Error) {
        let mut failure = lock(&self.failure);
        failure.get_or_insert(error);
        drop(failure);
        self.failed.store(true, Ordering::SeqCst);
        self.wake_all();
    }

    /// True once the run has failed.
    pub fn has_failed(&self) -> bool {
        self.failed.load(Ordering::SeqCst)
    }

    /// The first failure.
    pub fn failure(&self) -> Option<Error> {
        lock(&self.failure).clone()
    }
}

/// In place of the number of a block: the end of a partition that one process reads alone.
const END: u64 = u64::MAX;

/// So many turns of a worker that goes on reading, and it says how far it has come.
const TELL_ACTIVITY: u32 = 16;

/// A block is decoded; its greatest event time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct BlockClock {
    source: u32,
    partition: u32,
    index: u64,
    newest: i64,
}

/// What processes tell each other about the partitions they read together.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Message {
    /// A block is decoded.
    Clock(BlockClock),
    /// The sender reads no block from `end` on.
    Cut { source: u32, partition: u32, end: u64 },
    /// How far the sender's partitions have come.
    Activity(Activity),
}

impl Message {
    /// A byte for the kind, then 24 bytes of a block (source, partition, index, clock) or 16 for a cut or an activity.
    fn encode(&self) -> Vec<u8> {
        let mut out = vec![match self {
            Message::Clock(_) => 1,
            Message::Cut { .. } => 2,
            Message::Activity(_) => 3,
        }];
        match self {
            Message::Clock(BlockClock { source, partition, index, newest }) => {
                out.extend_from_slice(&source.to_le_bytes());
                out.extend_from_slice(&partition.to_le_bytes());
                out.extend_from_slice(&index.to_le_bytes());
                out.extend_from_slice(&newest.to_le_bytes());
            }
            Message::Cut { source, partition, end } => {
                out.extend_from_slice(&source.to_le_bytes());
                out.extend_from_slice(&partition.to_le_bytes());
                out.extend_from_slice(&end.to_le_bytes());
            }
            Message::Activity(Activity { least, newest }) => {
                out.extend_from_slice(&least.to_le_bytes());
                out.extend_from_slice(&newest.to_le_bytes());
            }
        }
        out
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (kind, rest) = bytes.split_first()?;
        let four = |b: &[u8], at: usize| Some(u32::from_le_bytes(b.get(at..at + 4)?.try_into().ok()?));
        let eight = |b: &[u8], at: usize| Some(u64::from_le_bytes(b.get(at..at + 8)?.try_into().ok()?));
        match (kind, rest.len()) {
            (1, 24) => {
                let (source, partition) = (four(rest, 0)?, four(rest, 4)?);
                Some(Message::Clock(BlockClock {
                    source,
                    partition,
                    index: eight(rest, 8)?,
                    newest: eight(rest, 16)? as i64,
                }))
            }
            (2, 16) => Some(Message::Cut { source: four(rest, 0)?, partition: four(rest, 4)?, end: eight(rest, 8)? }),
            (3, 16) => {
                let (least, newest) = (eight(rest, 0)? as i64, eight(rest, 8)? as i64);
                Some(Message::Activity(Activity { least, newest }))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::{Lines, StreamPartition};

    fn shared(partitions: usize, processing: bool, now: i64) -> Arc<Shared> {
        let partition =
            |_| -> Box<dyn Partition> { Box::new(StreamPartition::start("p", std::io::empty(), Lines::new(1_000))) };
        let pace = Pace { tick: 10, out_of_orderness: 5, idle_after: None, processing };
        let opened = ((0..partitions).map(partition).collect(), None);
        let tables = Arc::new(Tables::default());
        Shared::new(vec![(opened, pace)], Vec::new(), (WallClock::of(move || now), tables), 1, (0, 1), 0)
    }

    #[test]
    fn a_time_when_all_partitions_have_passed_it_then_waits_since_the_last_of_them_was_past_it() {
        let shared = shared(2, false, 0);
        let ago = |s: u64| moment() - Duration::from_secs(s);
        let passed = |time| shared.passed_since(time).map(|span| span.as_secs() / 10 * 10);
        assert_eq!(passed(0), None);
        // Blocks of the first come to 27 and 44, which are the ticks 20 and 30; of the second to 31, which is 20.
        shared.publish(0, 0, 0, 27, ago(900));
        shared.publish(0, 0, 1, 44, ago(700));
        assert_eq!((passed(19), passed(20), passed(30)), (Some(900), Some(700), None));
        // Out of turn, it is known when the block before it is.
        shared.publish(0, 1, 1, 31, ago(200));
        assert_eq!((passed(9), passed(20)), (Some(900), Some(700)));
        shared.publish(0, 1, 0, 3, ago(100));
        assert_eq!((passed(9), passed(19), passed(20)), (Some(100), Some(100), Some(700)));
        // Those that are at their end are past all.
        shared.end(0, 1);
        assert_eq!((passed(19), passed(20)), (Some(100), Some(0)));
        shared.end(0, 0);
        assert_eq!(passed(1_000), Some(0));
    }

    #[test]
    fn a_partition_that_another_process_reads_when_it_is_told_of_then_counts_and_its_silence_here_is_no_end() {
        let shared = shared(2, false, 0);
        // The second one is the other process's: here it is at its end at once.
        shared.end(0, 1);
        shared.publish(0, 0, 0, 27, moment() - Duration::from_secs(900));
        let passed = |time| shared.passed_since(time).map(|span| span.as_secs() / 10 * 10);
        assert_eq!((passed(19), passed(20)), (Some(900), None));
        let say = |index, newest| {
            let clock = BlockClock { source: 0, partition: 1, index, newest };
            shared.hear(1, &Message::Clock(clock).encode());
        };
        say(0, 18);
        assert_eq!((passed(9), passed(19)), (Some(0), Some(900)));
        assert_eq!(shared.sources[0].partitions[1].prefix(), i64::MIN, "nothing else goes by it");
        say(END, i64::MAX);
        assert_eq!((passed(19), passed(50)), (Some(0), Some(0)));
    }

    #[test]
    fn what_one_process_reads_alone_when_somebody_looks_then_is_told_with_its_end() {
        let opened = || -> Vec<Box<dyn Partition>> {
            vec![Box::new(StreamPartition::start("p", std::io::empty(), Lines::new(1_000)))]
        };
        for looked_at in [false, true] {
            let pace = Pace { tick: 10, out_of_orderness: 5, idle_after: None, processing: false };
            let wall = (WallClock::of(|| 0), Arc::new(Tables::default()));
            let shared = Shared::new(vec![((opened(), None), pace)], Vec::new(), wall, 2, (0, 2), 0);
            if looked_at {
                shared.look();
            }
            let told: Arc<Mutex<Vec<Message>>> = Arc::default();
            let hears = Arc::clone(&told);
            shared.on_tell(Box::new(move |bytes| lock(&hears).extend(Message::decode(bytes))));
            shared.publish(0, 0, 0, 27, moment());
            // Each worker comes to the end.
            shared.end(0, 0);
            shared.end(0, 0);
            let one = |index, newest| BlockClock { source: 0, partition: 0, index, newest };
            let expected = [Message::Clock(one(0, 27)), Message::Clock(one(END, i64::MAX))];
            assert_eq!(*lock(&told), if looked_at { &expected[..] } else { &[] });
        }
    }

    #[test]
    fn a_time_when_it_is_the_wall_clock_s_then_waits_since_that_was_past_it() {
        let shared = shared(1, true, 57);
        shared.publish(0, 0, 0, 57, moment());
        // The next tick of 49 is 50, and of 50 is 60.
        let passed = |time| shared.passed_since(time);
        assert!(passed(49).is_some_and(|span| span <= Duration::from_micros(7)) && passed(50).is_none());
        assert!(passed(i64::MIN).is_some_and(|span| span < Duration::from_secs(3_600)));
        shared.end(0, 0);
        assert!(passed(50).is_some());
    }

    #[test]
    fn messages_between_processes_survive_the_wire_and_garbage_is_refused() {
        for message in [
            Message::Clock(BlockClock { source: 1, partition: 2, index: 3, newest: -4 }),
            Message::Cut { source: 1, partition: 2, end: u64::MAX },
            Message::Activity(Activity { least: -5, newest: i64::MAX }),
        ] {
            assert_eq!(Message::decode(&message.encode()), Some(message.clone()));
            assert_eq!(Message::decode(&message.encode()[1..]), None);
        }
        assert_eq!(Message::decode(&[]), None);
    }
}
