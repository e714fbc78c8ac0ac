//! Batches of rows, through a bounded queue onto the disk, by a thread of its own.
//!
//! Whoever brings rows waits only where [`QUEUE`] bytes wait already; that is the thread of the server's sink, so that a slow disk
//! holds sources back as any slow sink does, and nothing else. What has waited for [`INTERVAL`], or is half a queue, or what somebody
//! wants to read, is written in one transaction: a kill loses at most the last interval and what was being written.
//!
//! A failure ends nothing: the same rows are tried again every interval, with the file opened anew, and those for which there is no room
//! meanwhile are let go and counted.
//!
//! Invariants: (1) batches are written in the order in which they came, each once; (2) after [`Queue::settle`] everything that was brought
//! before is on the disk, unless the disk fails.

use super::disk::{Applied, Disk, Limits, Opener};
use super::read::Reader;
use crate::observe::ServerMetrics;
use crate::result::{RowBatch, RowHead, RowSchema};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Bytes of rows that wait, at most, but for one batch.
const QUEUE: usize = 16 << 20;
/// How long rows wait for others.
pub(super) const INTERVAL: Duration = Duration::from_secs(1);
/// How long somebody who wants to read waits for what is being written.
const PATIENCE: Duration = Duration::from_secs(5);

#[derive(Default)]
struct State {
    waiting: RowBatch,
    /// When the oldest of them came.
    since: Option<Instant>,
    /// Batches that were brought, and those of them that are done with; up to which somebody waits.
    brought: u64,
    written: u64,
    wanted: u64,
    failing: bool,
    /// Nothing more comes.
    closed: bool,
    /// The thread is gone.
    ended: bool,
}

impl State {
    fn weight(&self) -> usize {
        weight(&self.waiting)
    }
}

fn weight(batch: &RowBatch) -> usize {
    batch.bytes.len() + batch.heads.len() * size_of::<RowHead>()
}

/// What the thread shares with those who bring and read rows.
#[derive(Default)]
pub(super) struct Queue {
    state: Mutex<State>,
    changed: Condvar,
    reader: Mutex<Option<Reader>>,
}

impl Queue {
    /// No code of others runs under the lock, so that a panic leaves nothing half changed.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State>, most: Duration) -> MutexGuard<'a, State> {
        self.changed.wait_timeout(state, most).unwrap_or_else(PoisonError::into_inner).0
    }

    /// Brings rows; waits while there is no room. Gives how many were let go as the disk fails.
    pub(super) fn push(&self, batch: &RowBatch) -> usize {
        let weight = weight(batch);
        let mut state = self.lock();
        while state.weight() > 0 && state.weight() + weight > QUEUE && !state.ended {
            if state.failing {
                return batch.heads.len();
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        if state.ended {
            return batch.heads.len();
        }
        batch.iter().for_each(|row| state.waiting.push(row));
        state.brought += 1;
        // The thread sleeps until something is due; the first row and half a queue change when that is.
        let wakes = state.since.is_none() || state.weight() >= QUEUE / 2;
        state.since.get_or_insert_with(Instant::now);
        drop(state);
        if wakes {
            self.changed.notify_all();
        }
        0
    }

    /// Waits until all that was brought is on the disk; not for long, and not for a disk that fails.
    pub(super) fn settle(&self) {
        let end = Instant::now() + PATIENCE;
        let mut state = self.lock();
        let goal = state.brought;
        state.wanted = state.wanted.max(goal);
        self.changed.notify_all();
        while state.written < goal && !state.failing && !state.ended {
            let Some(left) = end.checked_duration_since(Instant::now()) else { return };
            state = self.wait(state, left);
        }
    }

    /// Says that nothing more comes.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }

    /// What reads the file; `None` while it cannot be read.
    pub(super) fn reader(&self) -> Option<Reader> {
        self.reader.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn set_reader(&self, reader: Option<Reader>) {
        *self.reader.lock().unwrap_or_else(PoisonError::into_inner) = reader;
    }

    /// Waits until something is due, and takes all that waits into `batch`; the number of the last of it. `None`: it is over.
    pub(super) fn take(&self, batch: &mut RowBatch) -> Option<u64> {
        let mut state = self.lock();
        loop {
            let Some(since) = state.since else {
                if state.closed {
                    return None;
                }
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            let due = INTERVAL.saturating_sub(since.elapsed());
            if due.is_zero() || state.closed || state.wanted > state.written || state.weight() >= QUEUE / 2 {
                break;
            }
            state = self.wait(state, due);
        }
        batch.clear();
        if batch.bytes.capacity() > 2 * QUEUE {
            // Of one batch that was large; others will not be.
            *batch = RowBatch::default();
        }
        std::mem::swap(batch, &mut state.waiting);
        state.since = None;
        let last = state.brought;
        drop(state);
        // There is room again.
        self.changed.notify_all();
        Some(last)
    }

    /// Says how a transaction ended that goes up to a batch. True where it is to be tried again.
    pub(super) fn done(&self, last: u64, failed: bool) -> bool {
        let mut state = self.lock();
        state.failing = failed;
        if !failed {
            state.written = last;
        }
        self.changed.notify_all();
        if !failed || state.closed {
            return false;
        }
        let end = Instant::now() + INTERVAL;
        while !state.closed
            && let Some(left) = end.checked_duration_since(Instant::now())
        {
            state = self.wait(state, left);
        }
        true
    }
}

/// Says that the thread is gone, however it ended: nobody waits for it.
struct Ended(Arc<Queue>);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.lock().ended = true;
        self.0.changed.notify_all();
    }
}

/// What the thread needs.
pub(super) struct Writer {
    pub(super) queue: Arc<Queue>,
    pub(super) opener: Opener,
    pub(super) path: PathBuf,
    pub(super) schemas: Vec<RowSchema>,
    pub(super) limits: Limits,
    pub(super) counts: Arc<ServerMetrics>,
    /// The time by the clock of the machine, microseconds since 1970.
    pub(super) now: fn() -> i64,
}

impl Writer {
    /// Writes until nothing more comes, and closes the file.
    pub(super) fn run(self, disk: Disk) {
        let _ended = Ended(Arc::clone(&self.queue));
        let mut disk = Some(disk);
        let mut batch = RowBatch::default();
        let mut told = false;
        while let Some(last) = self.queue.take(&mut batch) {
            loop {
                let outcome = self.write(&mut disk, &batch);
                let failed = outcome.is_err();
                match outcome {
                    Ok(applied) => {
                        self.count(applied);
                        if std::mem::take(&mut told) {
                            tracing::info!(file = %self.path.display(), "the history is written to disk again");
                        }
                    }
                    Err(why) => {
                        self.counts.history_failures.add(1);
                        self.queue.set_reader(None);
                        disk = None;
                        if !std::mem::replace(&mut told, true) {
                            let file = self.path.display();
                            tracing::error!(%file, "the history cannot be written to disk, and is tried again: {why}");
                        }
                    }
                }
                if !self.queue.done(last, failed) {
                    if failed {
                        self.counts.history_lost.add(batch.heads.len() as u64);
                    }
                    break;
                }
            }
        }
        self.queue.set_reader(None);
    }

    /// One transaction; the file is opened where it is not.
    fn write(&self, slot: &mut Option<Disk>, batch: &RowBatch) -> Result<Applied, String> {
        let attempt = || -> Result<Applied, String> {
            let disk = match slot {
                Some(disk) => disk,
                None => {
                    let place = self.path.display().to_string();
                    let disk = Disk::open(&self.opener, &place, &self.schemas, self.limits, (self.now)());
                    let disk = slot.insert(disk.map_err(|e| e.message)?);
                    self.queue.set_reader(Some(disk.reader()));
                    disk
                }
            };
            disk.apply(batch, (self.now)()).map_err(|e| e.to_string())
        };
        // A file that others have changed may be found out by what cannot be.
        catch_unwind(AssertUnwindSafe(attempt)).unwrap_or_else(|_| Err("the file is damaged".to_owned()))
    }

    pub(super) fn count(&self, applied: Applied) {
        let counts = &self.counts;
        counts.history_written.add(applied.written);
        counts.history_dropped.add(applied.dropped);
        counts.history_lost.add(applied.too_large);
        counts.history_rows.set(i64::try_from(applied.rows).unwrap_or(i64::MAX));
        counts.history_bytes.set(i64::try_from(size(&self.path)).unwrap_or(i64::MAX));
    }
}

/// Bytes that the file takes on the disk: it may be longer, with holes.
pub(super) fn size(path: &std::path::Path) -> u64 {
    let Ok(about) = std::fs::metadata(path) else { return 0 };
    #[cfg(unix)]
    let bytes = std::os::unix::fs::MetadataExt::blocks(&about) * 512;
    #[cfg(not(unix))]
    let bytes = about.len();
    bytes
}
