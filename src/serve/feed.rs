//! The rows of a run, from a sink's thread into the store.

use super::face::Shelf;
use super::history::History;
use crate::error::Error;
use crate::observe::ServerMetrics;
use crate::result::RowBatch;
use crate::sink::{Delivery, Finished, Sink, Written};
use std::sync::Arc;

/// A sink that fills the store and what is on disk, and rings.
pub(super) struct Feed {
    shelf: Arc<Shelf>,
    history: Option<Arc<History>>,
    counts: Arc<ServerMetrics>,
    written: Written,
}

impl Feed {
    pub(super) fn new(shelf: Arc<Shelf>, history: Option<Arc<History>>, counts: Arc<ServerMetrics>) -> Self {
        Self { shelf, history, counts, written: Written::default() }
    }
}

impl Sink for Feed {
    fn write(&mut self, batch: &RowBatch) -> Result<(), Error> {
        if let Some(history) = &self.history {
            history.take(batch);
        }
        self.shelf.book().take(batch);
        let latest = {
            let mut store = self.shelf.store();
            store.take(batch);
            store.latest()
        };
        self.written.rows += batch.heads.len() as u64;
        self.written.bytes += batch.bytes.len() as u64;
        self.counts.changes.set(latest);
        self.shelf.ring(latest);
        Ok(())
    }

    fn flush(&mut self) -> Result<(), Error> {
        Ok(())
    }

    fn finish(&mut self) -> Result<Finished, Error> {
        if let Some(history) = &self.history {
            history.settle();
        }
        let Written { rows, bytes } = self.written;
        Ok(Finished { rows, bytes, places: Vec::new() })
    }

    fn promise(&self) -> Delivery {
        Delivery::AtLeastOnce
    }

    fn written(&self) -> Written {
        self.written
    }
}
