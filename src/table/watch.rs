//! Tables, looked at every so often; where one has changed its new rows take the place of the old.
//!
//! One thread a process for all files, and one for each table of a server, as that may be silent for long. They end with the
//! [`Watcher`]; one that waits for a server is not waited for, and what it reads then is dropped.

use super::file::Stamp;
use super::live::Tables;
use super::spec::{Loaded, Spec, load};
use crate::error::Error;
use crate::observe::{Metrics, TableId};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// A table that is looked at.
#[derive(Debug)]
pub struct Watched {
    /// Its number in the plan.
    pub table: usize,
    /// What is read.
    pub spec: Spec,
    /// Its file as it was read, where it has one.
    pub stamp: Option<Stamp>,
    /// The hash of what was read.
    pub content: u64,
    /// How often it is looked at.
    pub every: Duration,
    /// It could not be read when it was looked at last.
    pub failed: bool,
}

/// Whether the looking is over, and who waits to hear of it.
type Stop = (Mutex<bool>, Condvar);

/// The thread that looks; it ends when this is dropped.
#[derive(Debug)]
pub struct Watcher {
    stop: Arc<Stop>,
    /// Those that end at once.
    threads: Vec<JoinHandle<()>>,
}

impl Watcher {
    /// Starts to look at these tables.
    ///
    /// # Errors
    /// Where the system gives no thread.
    pub fn start(list: Vec<Watched>, tables: Arc<Tables>, metrics: Arc<Metrics>) -> Result<Self, Error> {
        let mut watcher = Self { stop: Arc::new((Mutex::new(false), Condvar::new())), threads: Vec::new() };
        let (files, servers): (Vec<_>, Vec<_>) = list.into_iter().partition(|one| one.stamp.is_some());
        let files = Some(files).filter(|files| !files.is_empty());
        for group in files.into_iter().chain(servers.into_iter().map(|one| vec![one])) {
            let (tables, metrics, stop) = (Arc::clone(&tables), Arc::clone(&metrics), Arc::clone(&watcher.stop));
            let joined = group.iter().all(|one| one.stamp.is_some());
            let thread = std::thread::Builder::new()
                .name("tables".into())
                .spawn(move || watch(group, &tables, &metrics, &stop))
                .map_err(|e| Error::outside("table.thread", format!("no thread to look at tables: {e}")))?;
            watcher.threads.extend(Some(thread).filter(|_| joined));
        }
        Ok(watcher)
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        *self.stop.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.stop.1.notify_all();
        for thread in self.threads.drain(..) {
            // A panic of it has been told where it happened.
            let _ = thread.join();
        }
    }
}

fn watch(list: Vec<Watched>, tables: &Tables, metrics: &Metrics, stop: &Stop) {
    let begin = Instant::now();
    let mut list: Vec<(Instant, Watched)> = list.into_iter().map(|one| (begin + one.every, one)).collect();
    loop {
        let Some(next) = list.iter().map(|(due, _)| *due).min() else { return };
        let left = next.saturating_duration_since(Instant::now());
        let guard = stop.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (guard, _) = stop.1.wait_timeout_while(guard, left, |stop| !*stop).unwrap_or_else(PoisonError::into_inner);
        if *guard {
            return;
        }
        drop(guard);
        let now = Instant::now();
        for (due, one) in list.iter_mut().filter(|(due, _)| *due <= now) {
            one.look(tables, metrics, stop);
            // From the end of the reading: a table that takes long to read leaves time for all else.
            *due = Instant::now() + one.every;
        }
    }
}

impl Watched {
    /// Reads the table where it may be another than before.
    fn look(&mut self, tables: &Tables, metrics: &Metrics, stop: &Stop) {
        let stamp = self.spec.stamp();
        // A file that is away for a moment, while it is replaced, is no change.
        if self.stamp.is_some() && (stamp.is_none() || stamp == self.stamp) {
            return;
        }
        let loaded = load(&self.spec);
        if *stop.0.lock().unwrap_or_else(PoisonError::into_inner) {
            return;
        }
        let (table, place) = (&self.spec.name, self.spec.place());
        let counts = metrics.table(TableId(self.table as u32));
        match loaded {
            Ok(loaded) => {
                if std::mem::take(&mut self.failed) {
                    tracing::info!(table, place, "the table can be read again");
                }
                self.stamp = loaded.stamp;
                if loaded.content == std::mem::replace(&mut self.content, loaded.content) {
                    return;
                }
                let rows = loaded.table.rows();
                set(metrics, self.table, &loaded);
                tables.get(self.table).replace(loaded.table);
                counts.reloads.add(1);
                tracing::info!(table, place, rows, "the table has changed and was read again");
            }
            Err(error) => {
                // A file not again before it changes.
                self.stamp = stamp;
                counts.reload_failures.add(1);
                let first = !std::mem::replace(&mut self.failed, true) || stamp.is_some();
                if first {
                    tracing::warn!(table, place, %error, "the table cannot be read; its old rows stay");
                }
            }
        }
    }
}

/// Tells the metrics what a table has.
pub fn set(metrics: &Metrics, table: usize, loaded: &Loaded) {
    let counts = metrics.table(TableId(table as u32));
    counts.rows.set(loaded.table.rows() as i64);
    counts.state_bytes.set(loaded.table.bytes() as i64);
    counts.replaced.set(loaded.replaced as i64);
    counts.without_key.set(loaded.without_key as i64);
}
