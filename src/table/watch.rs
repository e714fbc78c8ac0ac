//! Files of tables, looked at every so often; a changed one is read and takes the place of the old table.
//!
//! One thread a process. It ends with the [`Watcher`].

use super::file::{Loaded, Spec, Stamp, load};
use super::live::Tables;
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
    /// Its file.
    pub spec: Spec,
    /// The file as it was read.
    pub stamp: Stamp,
    /// The hash of what was read.
    pub content: u64,
    /// How often it is looked at.
    pub every: Duration,
}

/// The thread that looks; it ends when this is dropped.
#[derive(Debug)]
pub struct Watcher {
    stop: Arc<(Mutex<bool>, Condvar)>,
    thread: Option<JoinHandle<()>>,
}

impl Watcher {
    /// Starts to look at these tables.
    ///
    /// # Errors
    /// Where the system gives no thread.
    pub fn start(list: Vec<Watched>, tables: Arc<Tables>, metrics: Arc<Metrics>) -> Result<Self, Error> {
        let stop = Arc::new((Mutex::new(false), Condvar::new()));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::Builder::new()
            .name("tables".into())
            .spawn(move || watch(list, &tables, &metrics, &stopped))
            .map_err(|e| Error::outside("table.thread", format!("no thread to look at tables: {e}")))?;
        Ok(Self { stop, thread: Some(thread) })
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        *self.stop.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.stop.1.notify_all();
        if let Some(thread) = self.thread.take() {
            // A panic of it has been told where it happened.
            let _ = thread.join();
        }
    }
}

fn watch(list: Vec<Watched>, tables: &Tables, metrics: &Metrics, stop: &(Mutex<bool>, Condvar)) {
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
            one.look(tables, metrics);
            // From the end of the reading: a table that takes long to read leaves time for all else.
            *due = Instant::now() + one.every;
        }
    }
}

impl Watched {
    /// Reads the file where it is another than before.
    fn look(&mut self, tables: &Tables, metrics: &Metrics) {
        // A file that is away for a moment, while it is replaced, is no change.
        let Some(stamp) = self.spec.stamp().filter(|stamp| *stamp != self.stamp) else { return };
        let (table, path) = (&self.spec.name, self.spec.path());
        let counts = metrics.table(TableId(self.table as u32));
        match load(&self.spec) {
            Ok(loaded) => {
                self.stamp = loaded.stamp;
                if loaded.content == std::mem::replace(&mut self.content, loaded.content) {
                    return;
                }
                let rows = loaded.table.rows();
                set(metrics, self.table, &loaded);
                tables.get(self.table).replace(loaded.table);
                counts.reloads.add(1);
                tracing::info!(table, path, rows, "the table has changed and was read again");
            }
            Err(error) => {
                // Not again before the file changes.
                self.stamp = stamp;
                counts.reload_failures.add(1);
                tracing::warn!(table, path, %error, "the table has changed and cannot be read; its old rows stay");
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
