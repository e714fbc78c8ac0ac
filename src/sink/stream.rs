//! Rows, turned into NDJSON or CSV on standard output.
//!
//! Cost: one write call for 64 KiB, and one at each tick. Promise: at least once.

use super::output::Output;
use super::{Delivery, Finished, Format, Sink, SinkSpec, Written};
use crate::error::Error;
use crate::result::RowBatch;
use std::io::Write;

const BUFFER: usize = 64 * 1024;

/// What users read where a path would stand.
pub(super) const PLACE: &str = "standard output";

/// Standard output, or a stand-in.
pub(super) struct StreamSink<W> {
    output: Output<W>,
}

impl<W: Write> StreamSink<W> {
    pub(super) fn new(spec: &SinkSpec, format: Format, writer: W) -> Self {
        Self { output: Output::new(spec, format, spec.taken(), writer, PLACE.into(), BUFFER) }
    }
}

impl<W: Write + Send> Sink for StreamSink<W> {
    fn write(&mut self, batch: &RowBatch) -> Result<(), Error> {
        batch.iter().try_for_each(|row| self.output.row(row))
    }

    fn flush(&mut self) -> Result<(), Error> {
        self.output.flush()
    }

    fn finish(&mut self) -> Result<Finished, Error> {
        self.output.flush()?;
        Ok(Finished { rows: self.output.rows, bytes: self.output.bytes(), places: vec![PLACE.into()] })
    }

    fn promise(&self) -> Delivery {
        Delivery::AtLeastOnce
    }

    fn written(&self) -> Written {
        Written { rows: self.output.rows, bytes: self.output.bytes() }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::super::*;
    use crate::event::Value;
    use std::io::ErrorKind;
    use std::sync::atomic::Ordering;

    fn rows(n: i64) -> RowBatch {
        let mut batch = RowBatch::default();
        for i in 0..n {
            add(&mut batch, head(1, 10 + i), &[Value::Str(b"api")], &[Value::Int(i)]);
        }
        batch
    }

    #[test]
    fn rows_are_visible_after_a_flush_and_counted() {
        let out = Shared::default();
        let mut sink = open(&spec(SinkKind::Stdout { format: Format::Json }), out.clone()).unwrap();
        sink.write(&rows(3)).unwrap();
        assert_eq!(out.text(), "");
        sink.flush().unwrap();
        assert_eq!(out.text().lines().count(), 3);
        let finished = sink.finish().unwrap();
        assert_eq!((finished.rows, finished.bytes), (3, out.text().len() as u64));
        assert_eq!(sink.promise(), Delivery::AtLeastOnce);
    }

    #[test]
    fn csv_has_its_header_even_without_rows() {
        let out = Shared::default();
        let mut sink = open(&spec(SinkKind::Stdout { format: Format::Csv }), out.clone()).unwrap();
        sink.finish().unwrap();
        assert_eq!(out.text(), "name,window_start,window_end,kind,page,n,avg,service,errors,revision,op,approx\n");
    }

    #[test]
    fn a_closed_pipe_is_told_from_a_failed_write() {
        for (kind, closed) in [(ErrorKind::BrokenPipe, true), (ErrorKind::StorageFull, false)] {
            let out = Failing { kind, calls: Default::default() };
            let mut sink = open(&spec(SinkKind::Stdout { format: Format::Json }), out.clone()).unwrap();
            sink.write(&rows(1)).unwrap();
            let error = sink.flush().unwrap_err();
            assert_eq!(is_closed(&error), closed, "{error}");
            assert_eq!(out.calls.load(Ordering::Relaxed), 1);
            if !closed {
                assert_eq!(error.code, "sink.write");
                assert!(error.help.unwrap().contains("disk is full"));
            }
        }
    }

    /// Shows the cost of a row of 3 dimensions and 8 values into a buffer; not of any disk or pipe:
    /// `cargo test --release --lib sink::stream::tests::measure -- --ignored --nocapture`.
    #[test]
    #[ignore = "measures"]
    fn measure_the_cost_of_a_row() {
        let dims = [Value::Str(b"premium"), Value::Str(b"/products/1234"), Value::Str(b"web-frontend-3")];
        let mut batch = RowBatch::default();
        for i in 0..8_192_i64 {
            let f = |k: f64| Value::Float((i as f64 + k) * 1.000_123);
            let ints = [Value::Int(i), Value::Int(i * 77), Value::Int(3)];
            let values = [ints[0], f(0.1), f(7.7), Value::Float(12.5), f(90.0), f(1e3), ints[1], ints[2]];
            add(&mut batch, head(0, 10 + i / 64), &dims, &values);
        }
        let names = ["count", "avg_duration", "sum_duration", "min_ms", "p95", "p99", "total", "users"];
        for format in [Format::Json, Format::Csv, Format::Table] {
            let mut spec = spec(SinkKind::Stdout { format });
            spec.schemas = vec![schema("user_activity", &["user_type", "page", "service"], &names)];
            spec.parts = vec![0];
            let mut sink = open(&spec, std::io::sink()).unwrap();
            let mut best = f64::MAX;
            for _ in 0..40 {
                let start = std::time::Instant::now();
                sink.write(&batch).unwrap();
                best = best.min(start.elapsed().as_nanos() as f64 / batch.heads.len() as f64);
            }
            let bytes = sink.written().bytes / sink.written().rows;
            println!("{format:?}: {best:.0} ns a row of {bytes} bytes");
        }
    }
}
