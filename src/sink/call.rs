//! Rows, turned into calls of a function of the program.
//!
//! Errors: `sink.call` (the function failed) and `sink.call_panic` (it panicked), each with the sink and the row.

use super::{Delivery, Finished, Mode, Sink, Times, Written, json};
use crate::error::{Error, Kind, panic_text};
use crate::event::Value;
use crate::result::{Op, RowBatch, RowRef, RowSchema};
use crate::time::EventTime;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// A function that takes rows.
pub type OnRow = Box<dyn FnMut(&Row<'_>) -> Result<(), String> + Send>;

/// What a function that takes rows may give: nothing, or a result whose error ends the run.
pub trait RowResult {
    /// Nothing, or what went wrong.
    ///
    /// # Errors
    /// Those of the function.
    fn into_result(self) -> Result<(), String>;
}

impl RowResult for () {
    fn into_result(self) -> Result<(), String> {
        Ok(())
    }
}

impl<E: fmt::Display> RowResult for Result<(), E> {
    fn into_result(self) -> Result<(), String> {
        self.map_err(|error| error.to_string())
    }
}

/// One row: a window's values for a group, or a match of a pattern, stated, corrected or taken back. Shown (`{}`) as the line of JSON that a sink
/// would write.
#[derive(Debug, Clone, Copy)]
pub struct Row<'a> {
    schema: &'a RowSchema,
    row: RowRef<'a>,
}

impl<'a> Row<'a> {
    /// The name of the window or pattern.
    pub fn name(&self) -> &'a str {
        &self.schema.name
    }

    /// The first moment of the window, or the time of a match's first event.
    pub fn window_start(&self) -> EventTime {
        EventTime(self.row.head.window_start)
    }

    /// The first moment after the window, or the time of a match's last event.
    pub fn window_end(&self) -> EventTime {
        EventTime(self.row.head.window_end)
    }

    /// The time of a match's first event, or the first moment of the window.
    pub fn match_start(&self) -> EventTime {
        self.window_start()
    }

    /// The time of a match's last event, or the first moment after the window.
    pub fn match_end(&self) -> EventTime {
        self.window_end()
    }

    /// The event time at which the row is said: the window's end, the end of a match, or later for a correction.
    pub fn stated_at(&self) -> EventTime {
        EventTime(self.row.head.time)
    }

    /// 0 for a first statement, n for the nth correction.
    pub fn revision(&self) -> u32 {
        self.row.head.revision
    }

    /// Whether the row holds, or is taken back because a correction follows.
    pub fn op(&self) -> Op {
        self.row.head.op
    }

    /// The dimensions of the group, by name; of a match its `key`.
    pub fn dimensions(&self) -> impl Iterator<Item = (&'a str, Value<'a>)> + use<'a> {
        self.schema.dimensions.iter().map(String::as_str).zip(self.row.dimensions())
    }

    /// The selected values, by name; of a match also `timed_out` and `events`, where it has these columns.
    pub fn values(&self) -> impl Iterator<Item = (&'a str, Value<'a>)> + use<'a> {
        self.schema.values.iter().map(String::as_str).zip(self.row.values())
    }

    /// A dimension or a selected value; NULL where there is none of that name.
    pub fn get(&self, name: &str) -> Value<'a> {
        let found = self.dimensions().chain(self.values()).find(|(one, _)| *one == name);
        found.map_or(Value::Null, |(_, value)| value)
    }

    /// Whether a selected value came from a sketch, not from an exact computation.
    pub fn is_approximate(&self, name: &str) -> bool {
        let place = self.schema.values.iter().position(|one| one == name);
        place.is_some_and(|i| self.row.head.approximate >> i & 1 == 1)
    }
}

impl fmt::Display for Row<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut line = Vec::new();
        json::Encoder::new([(self.row.head.part, self.schema)], Times::Rfc3339, true).row(self.row, &mut line);
        f.write_str(String::from_utf8_lossy(&line).trim_end())
    }
}

/// A function as a sink.
pub struct CallSink {
    name: String,
    schemas: Vec<RowSchema>,
    mode: Mode,
    on_row: OnRow,
    rows: u64,
}

impl CallSink {
    /// A sink of rows whose parts are among `schemas`.
    pub fn new(name: &str, schemas: Vec<RowSchema>, mode: Mode, on_row: OnRow) -> Self {
        Self { name: name.to_owned(), schemas, mode, on_row, rows: 0 }
    }

    fn failed(&self, error: Error, row: &Row<'_>) -> Error {
        error.at(format!("sinks.{} at {row}", self.name))
    }
}

impl Sink for CallSink {
    fn write(&mut self, batch: &RowBatch) -> Result<(), Error> {
        for row in batch.iter().filter(|row| self.mode.takes(row.head)) {
            let Some(schema) = self.schemas.get(row.head.part as usize) else { continue };
            let row = Row { schema, row };
            self.rows += 1;
            let on_row = &mut self.on_row;
            match catch_unwind(AssertUnwindSafe(|| on_row(&row))) {
                Ok(Ok(())) => {}
                Ok(Err(text)) => {
                    let message = format!("the function that takes rows of {} failed: {text}", row.name());
                    return Err(self.failed(Error::outside("sink.call", message), &row));
                }
                Err(cause) => {
                    let text = panic_text(&*cause);
                    let message = format!("the function that takes rows of {} panicked: {text}", row.name());
                    return Err(self.failed(Error::new(Kind::User, "sink.call_panic", message), &row));
                }
            }
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), Error> {
        Ok(())
    }

    fn finish(&mut self) -> Result<Finished, Error> {
        Ok(Finished { rows: self.rows, bytes: 0, places: vec!["the program".to_owned()] })
    }

    fn promise(&self) -> Delivery {
        Delivery::AtLeastOnce
    }

    fn written(&self) -> Written {
        Written { rows: self.rows, bytes: 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{add, head, spec};
    use super::super::{Format, SinkKind};
    use super::*;
    use crate::result::RowHead;
    use std::sync::{Arc, Mutex};

    fn sink(mode: Mode, on_row: OnRow) -> CallSink {
        CallSink::new("mine", spec(SinkKind::Stdout { format: Format::Json }).schemas, mode, on_row)
    }

    fn batch() -> RowBatch {
        let mut batch = RowBatch::default();
        add(&mut batch, head(1, 10), &[Value::Str(b"api")], &[Value::Int(7)]);
        add(&mut batch, RowHead { op: Op::Retract, ..head(1, 10) }, &[Value::Str(b"api")], &[Value::Int(7)]);
        batch
    }

    #[test]
    fn a_function_sees_names_values_and_ops_of_the_rows_that_its_mode_takes() {
        let seen: Arc<Mutex<Vec<_>>> = Arc::default();
        let see = Arc::clone(&seen);
        let mut sink = sink(
            Mode::Changes,
            Box::new(move |row| {
                let text = row.get("service").into_owned();
                see.lock().unwrap().push((row.name().to_owned(), text, row.get("errors").as_i64(), row.op()));
                assert!(row.get("nothing").is_null() && row.to_string().starts_with("{\"name\":"));
                Ok(())
            }),
        );
        sink.write(&batch()).unwrap();
        let seen = std::mem::take(&mut *seen.lock().unwrap());
        assert_eq!(seen.len(), 2);
        assert_eq!((seen[0].1.clone(), seen[0].2, seen[1].3), ("api".into(), Some(7), Op::Retract));
        assert_eq!(sink.finish().unwrap().rows, 2);
        let mut first = self::sink(Mode::First, Box::new(|_| Ok(())));
        first.write(&batch()).unwrap();
        assert_eq!(first.written().rows, 1);
    }

    #[test]
    fn an_error_and_a_panic_of_the_function_name_it_and_the_row() {
        let failing = |on_row: OnRow| sink(Mode::Changes, on_row).write(&batch()).unwrap_err();
        let error = failing(Box::new(|_| Err("no disk".into())));
        assert_eq!((error.kind, error.code), (Kind::Outside, "sink.call"));
        assert!(error.message.ends_with("failed: no disk"), "{error}");
        assert!(error.place.unwrap().starts_with("sinks.mine at {\"name\":"));
        let error = failing(Box::new(|_| panic!("on purpose")));
        assert_eq!((error.kind, error.code), (Kind::User, "sink.call_panic"));
        assert!(error.message.ends_with("panicked: on purpose"), "{error}");
    }
}
