//! A rate, turned into how long a source waits before its next block.
//!
//! A block costs as much time as its lines take at the rate; until that has passed, no other is read: reading waits,
//! and nothing is dropped. Time that was not used is not saved up: whatever the span, no more lines are read in it than
//! the rate allows, but for the last block. Results do not depend on it.
//!
//! Several processes divide the rate among those that read.

use super::{Block, Found, Next, Partition};
use crate::error::Error;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The least block of a source that is held to a rate: smaller ones would cost more than they smooth.
const LEAST_BLOCK: u64 = 4 * 1024;

/// When the next block may be read; pure.
#[derive(Debug)]
struct Debt {
    each: Duration,
    due: Duration,
}

impl Debt {
    /// How long there is to wait at `now`, if at all.
    fn wait(&self, now: Duration) -> Option<Duration> {
        self.due.checked_sub(now).filter(|wait| !wait.is_zero())
    }

    /// So many lines were read at `now`.
    fn add(&mut self, lines: u64, now: Duration) {
        let cost = self.each.checked_mul(u32::try_from(lines).unwrap_or(u32::MAX)).unwrap_or(Duration::MAX / 4);
        self.due = self.due.max(now).saturating_add(cost);
    }
}

/// The clock of a limit: how much time has passed since it was made.
type Clock = Box<dyn Fn() -> Duration + Send + Sync>;

/// The rate of one source, shared by its partitions.
pub struct Limit {
    debt: Mutex<Debt>,
    clock: Clock,
}

impl Limit {
    /// So many lines a second, by the wall clock.
    pub fn new(per_second: f64) -> Arc<Self> {
        let began = Instant::now();
        Self::with_clock(per_second, Box::new(move || began.elapsed()))
    }

    fn with_clock(per_second: f64, clock: Clock) -> Arc<Self> {
        let each = Duration::try_from_secs_f64(1.0 / per_second).unwrap_or(Duration::MAX / 4);
        Arc::new(Self { debt: Mutex::new(Debt { each, due: Duration::ZERO }), clock })
    }

    /// A size of blocks that are read about ten times a second, at most `most`; for lines of some 256 bytes.
    pub fn block(per_second: f64, most: u64) -> u64 {
        ((per_second * 0.1 * 256.0) as u64).clamp(LEAST_BLOCK.min(most), most)
    }

    fn wait(&self) -> Option<Duration> {
        let now = (self.clock)();
        self.debt.lock().unwrap_or_else(PoisonError::into_inner).wait(now)
    }

    fn add(&self, lines: u64) {
        let now = (self.clock)();
        self.debt.lock().unwrap_or_else(PoisonError::into_inner).add(lines, now);
    }
}

/// A partition that is read no faster than a limit allows.
pub struct LimitedPartition {
    inner: Box<dyn Partition>,
    limit: Arc<Limit>,
    /// What a line costs here: as much as it does in each of the processes that read at once.
    weight: u64,
    stopped: AtomicBool,
}

impl LimitedPartition {
    /// Holds all partitions of a source to one limit. `processes`: how many there are.
    pub fn all(partitions: Vec<Box<dyn Partition>>, per_second: f64, processes: u64) -> Vec<Box<dyn Partition>> {
        let limit = Limit::new(per_second);
        // A partition that is not shared belongs to one process, the next to the next.
        let alone = partitions.iter().filter(|p| !p.is_shared()).count() as u64;
        let limited = |inner: Box<dyn Partition>| {
            let weight = if inner.is_shared() { processes } else { processes.min(alone) };
            let stopped = AtomicBool::new(false);
            Box::new(Self { inner, limit: Arc::clone(&limit), weight, stopped }) as Box<dyn Partition>
        };
        partitions.into_iter().map(limited).collect()
    }
}

impl Partition for LimitedPartition {
    fn next(&self, buffer: &mut Vec<u8>) -> Result<Next, Error> {
        // Once stopped there is nothing to wait for.
        if !self.stopped.load(Ordering::SeqCst)
            && let Some(wait) = self.limit.wait()
        {
            return Ok(Next::Wait(Some(wait)));
        }
        let next = self.inner.next(buffer)?;
        if let Next::Block(block) = &next {
            let lines = memchr::memchr_iter(b'\n', &buffer[block.range.clone()]).count();
            self.limit.add((lines as u64).max(1) * self.weight);
        }
        Ok(next)
    }

    fn stop(&self) -> u64 {
        self.stopped.store(true, Ordering::SeqCst);
        self.inner.stop()
    }

    fn name(&self) -> &str {
        self.inner.name()
    }

    fn length(&self) -> Option<u64> {
        self.inner.length()
    }

    fn inputs(&self) -> Vec<Found> {
        self.inner.inputs()
    }

    fn is_shared(&self) -> bool {
        self.inner.is_shared()
    }

    fn place(&self, block: &Block) -> u64 {
        self.inner.place(block)
    }

    fn restarts(&self) -> u64 {
        self.inner.restarts()
    }

    fn waiting(&self) -> u64 {
        self.inner.waiting()
    }

    fn silent_for(&self) -> Option<Duration> {
        self.inner.silent_for()
    }

    fn on_ready(&self, wake: Box<dyn Fn() + Send + Sync>) {
        self.inner.on_ready(wake);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicU64;

    /// Blocks of three lines, without an end until it is stopped.
    #[derive(Default)]
    struct Endless(AtomicBool);

    impl Partition for Endless {
        fn next(&self, buffer: &mut Vec<u8>) -> Result<Next, Error> {
            if self.0.load(Ordering::SeqCst) {
                return Ok(Next::End);
            }
            buffer.clear();
            buffer.extend_from_slice(b"{}\n{}\n{}\n");
            Ok(Next::Block(Block {
                index: 0,
                range: 0..9,
                position: 0,
                oversized: Vec::new(),
                head: None,
                arrived: None,
            }))
        }

        fn stop(&self) -> u64 {
            self.0.store(true, Ordering::SeqCst);
            0
        }

        fn name(&self) -> &str {
            "endless"
        }

        fn is_shared(&self) -> bool {
            false
        }

        fn silent_for(&self) -> Option<Duration> {
            Some(Duration::from_secs(7))
        }
    }

    /// A partition at 10 lines a second, and its clock in milliseconds.
    fn limited(weight: u64) -> (LimitedPartition, Arc<AtomicU64>) {
        let clock = Arc::new(AtomicU64::new(0));
        let shown = Arc::clone(&clock);
        let limit = Limit::with_clock(10.0, Box::new(move || Duration::from_millis(shown.load(Ordering::SeqCst))));
        let inner = Box::new(Endless::default());
        (LimitedPartition { inner, limit, weight, stopped: AtomicBool::new(false) }, clock)
    }

    fn blocks_until(p: &LimitedPartition, clock: &AtomicU64, end: u64) -> u64 {
        let mut blocks = 0;
        let mut buffer = Vec::new();
        while clock.load(Ordering::SeqCst) < end {
            match p.next(&mut buffer).unwrap() {
                Next::Block(_) => blocks += 1,
                Next::Wait(Some(time)) => {
                    clock.fetch_add(time.as_millis() as u64, Ordering::SeqCst);
                }
                other => panic!("{other:?}"),
            }
        }
        blocks
    }

    #[test]
    fn lines_come_at_the_rate_and_none_is_lost() {
        let (p, clock) = limited(1);
        assert_eq!(p.next(&mut Vec::new()).map(|n| matches!(n, Next::Block(_))), Ok(true));
        assert_eq!(p.next(&mut Vec::new()), Ok(Next::Wait(Some(Duration::from_millis(300)))));
        assert_eq!(1 + blocks_until(&p, &clock, 30_000), 100, "10 lines a second for 30 s are 100 blocks of 3");
    }

    #[test]
    fn time_that_was_not_used_is_not_saved_up() {
        let (p, clock) = limited(1);
        clock.store(1_000_000, Ordering::SeqCst);
        assert_eq!(blocks_until(&p, &clock, 1_003_000), 10);
    }

    #[test]
    fn a_rate_that_processes_divide_is_each_ones_part() {
        let (p, clock) = limited(2);
        assert_eq!(blocks_until(&p, &clock, 30_000), 50);
    }

    #[test]
    fn a_source_that_is_stopped_does_not_wait() {
        let (p, _) = limited(1);
        p.next(&mut Vec::new()).unwrap();
        p.stop();
        assert_eq!(p.next(&mut Vec::new()), Ok(Next::End));
    }

    #[test]
    fn what_a_partition_says_of_itself_is_passed_on() {
        let (p, _) = limited(1);
        assert_eq!((p.name(), p.silent_for()), ("endless", Some(Duration::from_secs(7))));
    }

    #[test]
    fn blocks_are_small_where_the_rate_is() {
        assert_eq!(Limit::block(1.0, 1 << 18), LEAST_BLOCK);
        assert_eq!(Limit::block(1_000.0, 1 << 18), 25_600);
        assert_eq!(Limit::block(1e9, 1 << 18), 1 << 18);
        assert_eq!(Limit::block(1.0, 100), 100, "a block that is asked for is not made larger");
    }
}
