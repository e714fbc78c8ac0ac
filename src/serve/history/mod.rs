//! Rows on disk: what the server has kept, for runs to come and for questions about times that have left memory.
//!
//! One file, of an embedded store, that one run has open: of every part the rows that hold now, keyed by the end of the window, those of
//! alerts among them. [`writer`] brings rows into it without holding anybody up, [`disk`] is what is in it, [`read`] reads it while it is
//! written, [`refill`] fills the memory of a new run from it.
//!
//! A run that states a row again takes its place; a row that only an earlier run has stated stays until it is too old or there is no room.

mod disk;
mod form;
mod read;
mod refill;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod writer;

pub(super) use read::Reader;

use super::book::Book;
use super::face::now;
use super::store::Store;
use crate::error::Error;
use crate::observe::ServerMetrics;
use crate::result::{RowBatch, RowSchema};
use disk::{Disk, Limits, Opener, opener};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use tokio::sync::Semaphore;
use writer::{Queue, Writer};

/// Questions that read the file at one time: each may take a thread that waits for the disk.
const READS: usize = 2;

/// Where rows are kept on disk, and how much of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistorySettings {
    /// The file.
    pub path: PathBuf,
    /// Event time that a window's end may be behind the newest statement of its part, microseconds.
    pub keep: i64,
    /// Bytes of the file, about.
    pub bytes: u64,
}

/// The rows on disk, of a run.
pub(super) struct History {
    queue: Arc<Queue>,
    thread: Mutex<Option<JoinHandle<()>>>,
    counts: Arc<ServerMetrics>,
    /// It was logged that the file could not be read.
    told: AtomicBool,
    /// A turn for each question that reads the file.
    pub(super) turns: Arc<Semaphore>,
}

impl History {
    /// Opens the file, and fills the memory of a run from it.
    ///
    /// # Errors
    /// `history.open`, `history.locked`, `history.format`.
    pub(super) fn open(
        settings: &HistorySettings,
        schemas: &[RowSchema],
        memory: (&mut Store, &mut Book),
        counts: &Arc<ServerMetrics>,
    ) -> Result<Self, Error> {
        Self::start(settings, opener(settings.path.clone()), schemas, memory, counts)
    }

    fn start(
        settings: &HistorySettings,
        opener: Opener,
        schemas: &[RowSchema],
        (store, book): (&mut Store, &mut Book),
        counts: &Arc<ServerMetrics>,
    ) -> Result<Self, Error> {
        let limits = Limits { keep: settings.keep, bytes: settings.bytes };
        let place = settings.path.display().to_string();
        let mut disk = Disk::open(&opener, &place, schemas, limits, now())?;
        let failed = |e: redb::Error| {
            Error::outside("history.open", format!("cannot read the file of the history: {e}")).at(place.clone())
        };
        let left_out = disk.left_out().map_err(failed)?;
        for (part, rows) in &left_out {
            let changed = schemas.iter().any(|schema| schema.name == *part);
            let why = if changed { "has other columns now" } else { "is not in the pipeline" };
            tracing::warn!(file = %place, part, rows, "rows of the history are left out: the part {why}");
        }
        let left_out: u64 = left_out.iter().map(|(_, rows)| rows).sum();
        counts.history_left_out.set(i64::try_from(left_out).unwrap_or(i64::MAX));
        refill::fill(&disk, schemas, store, book).map_err(failed)?;
        let queue = Arc::new(Queue::default());
        queue.set_reader(Some(disk.reader()));
        let writer = Writer {
            queue: Arc::clone(&queue),
            opener,
            path: settings.path.clone(),
            schemas: schemas.to_vec(),
            limits,
            counts: Arc::clone(counts),
            now,
        };
        writer.count(disk.apply(&RowBatch::default(), now()).map_err(failed)?);
        let thread = std::thread::Builder::new()
            .name("history".to_owned())
            .spawn(move || writer.run(disk))
            .map_err(|e| Error::outside("history.open", format!("cannot start the thread of the history: {e}")))?;
        let (thread, counts) = (Mutex::new(Some(thread)), Arc::clone(counts));
        Ok(Self { queue, thread, counts, told: AtomicBool::new(false), turns: Arc::new(Semaphore::new(READS)) })
    }

    /// Takes the updates of complete times, in their final order. Before the memory does: what leaves it is on its way then.
    pub(super) fn take(&self, batch: &RowBatch) {
        self.counts.history_lost.add(self.queue.push(batch) as u64);
    }

    /// Waits until all that was taken is on the disk; not for long, and not for a disk that fails.
    pub(super) fn settle(&self) {
        self.queue.settle();
    }

    /// What reads the file; `None` while it cannot be read.
    pub(super) fn reader(&self) -> Option<Reader> {
        self.queue.reader()
    }

    /// Counts that the file could not be read, and logs it the first time: who asks may ask often.
    pub(super) fn unreadable(&self, why: &redb::Error) {
        self.counts.history_failures.add(1);
        if !self.told.swap(true, Ordering::Relaxed) {
            tracing::error!("the history cannot be read from disk: {why}");
        }
    }

    /// Writes what waits, and closes the file.
    pub(super) fn close(&self) {
        self.queue.close();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        // A panic of the thread has been told by itself.
        let _ = thread.map(JoinHandle::join);
    }
}

impl Drop for History {
    fn drop(&mut self) {
        self.close();
    }
}
