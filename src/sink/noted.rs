//! A sink, into the same with notes of when its rows are written, for those who trace the run.

use super::{Delivery, Finished, Sink, Written};
use crate::error::Error;
use crate::observe::trace::SinkNotes;
use crate::result::RowBatch;
use std::sync::Arc;

struct Noted {
    sink: Box<dyn Sink>,
    notes: Arc<SinkNotes>,
}

/// `sink`, which notes when it writes the rows of one time. A batch has the rows of one time.
pub fn noted(sink: Box<dyn Sink>, notes: &Arc<SinkNotes>) -> Box<dyn Sink> {
    if notes.is_on() { Box::new(Noted { sink, notes: Arc::clone(notes) }) } else { sink }
}

impl Sink for Noted {
    fn write(&mut self, batch: &RowBatch) -> Result<(), Error> {
        let time = batch.heads.first().map(|head| head.time);
        self.notes.write(time, || self.sink.write(batch))
    }

    fn flush(&mut self) -> Result<(), Error> {
        self.notes.flush(|| self.sink.flush())
    }

    fn finish(&mut self) -> Result<Finished, Error> {
        self.sink.finish()
    }

    fn promise(&self) -> Delivery {
        self.sink.promise()
    }

    fn written(&self) -> Written {
        self.sink.written()
    }
}
