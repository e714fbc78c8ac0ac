//! A sink, turned into one of which it is known how long its writes take.

use super::{Delivery, Finished, Sink, Written};
use crate::error::Error;
use crate::observe::Histogram;
use crate::result::RowBatch;

/// Counts how long each write and each flush takes.
pub struct Timed {
    inner: Box<dyn Sink>,
    times: Histogram,
}

impl Timed {
    /// Counts the times of `inner`.
    pub fn new(inner: Box<dyn Sink>, times: Histogram) -> Self {
        Self { inner, times }
    }
}

impl Sink for Timed {
    fn write(&mut self, batch: &RowBatch) -> Result<(), Error> {
        self.times.time(|| self.inner.write(batch))
    }

    fn flush(&mut self) -> Result<(), Error> {
        self.times.time(|| self.inner.flush())
    }

    fn finish(&mut self) -> Result<Finished, Error> {
        self.inner.finish()
    }

    fn promise(&self) -> Delivery {
        self.inner.promise()
    }

    fn written(&self) -> Written {
        self.inner.written()
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{Shared, add, head, spec};
    use super::super::{Format, SinkKind, open};
    use super::*;
    use crate::event::Value;

    #[test]
    fn writes_and_flushes_when_they_are_timed_then_are_counted_and_what_is_written_is_the_same() {
        let (out, times) = (Shared::default(), Histogram::default());
        let sink = open(&spec(SinkKind::Stdout { format: Format::Json }), out.clone()).unwrap();
        let mut sink = Timed::new(sink, times.clone());
        let mut batch = RowBatch::default();
        add(&mut batch, head(1, 10), &[Value::Str(b"api")], &[Value::Int(1)]);
        sink.write(&batch).unwrap();
        sink.write(&batch).unwrap();
        sink.flush().unwrap();
        assert_eq!((sink.written().rows, sink.promise()), (2, Delivery::AtLeastOnce));
        assert_eq!((sink.finish().unwrap().rows, out.text().lines().count()), (2, 2));
        assert_eq!(times.get().count(), 3);
    }
}
