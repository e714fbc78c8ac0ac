//! The rows of a run, from a sink's thread into the store.

use super::face::Shelf;
use crate::error::Error;
use crate::observe::ServerMetrics;
use crate::result::RowBatch;
use crate::sink::{Delivery, Finished, Sink, Written};
use std::sync::Arc;

/// A sink that fills the store, and rings.
pub(super) struct Feed {
    shelf: Arc<Shelf>,
    counts: Arc<ServerMetrics>,
    written: Written,
}

impl Feed {
    pub(super) fn new(shelf: Arc<Shelf>, counts: Arc<ServerMetrics>) -> Self {
        Self { shelf, counts, written: Written::default() }
    }
}

impl Sink for Feed {
    fn write(&mut self, batch: &RowBatch) -> Result<(), Error> {
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
