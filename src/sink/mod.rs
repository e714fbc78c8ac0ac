//! Rows, turned into tables, NDJSON and CSV, on standard output and in files.
//!
//! The engine hands each sink its rows in their one final order ([`crate::result::RowRef::order`]), a batch for each
//! step of the frontier. A sink runs on a thread of its own behind a queue that is bounded in bytes ([`SinkHandle`]),
//! so that a slow disk or pipe never stops a dataflow thread in the middle of a step.
//!
//! A row is flat: `name`, `window_start`, `window_end`, the dimensions, the values, `revision`, of a provisional row
//! `early`, in a change stream `op`, `overflow`, true in the row of all groups beyond `max_groups`, whose dimensions are
//! NULL, and `approx`: the values that came from a sketch. These eight names are reserved ([`RESERVED`]).
//!
//! Errors: `sink.open` (a file cannot be made), `sink.write` (a write failed), `sink.closed` (the reader of standard
//! output went away: a clean end, see [`is_closed`]), `sink.panic` (a bug of ours), `sink.call` and `sink.call_panic` (a function
//! of the program failed or panicked). After its first error a sink is
//! not called again.

mod call;
mod csv;
mod file;
mod json;
mod noted;
mod order;
mod output;
mod queue;
mod ranks;
mod stream;
mod syncer;
mod table;
mod timed;

pub use call::{CallSink, OnRow, Row, RowResult};
pub use csv::Encoder as CsvRows;
pub use json::Encoder as JsonRows;
pub use noted::noted;
pub use order::Ordered;
pub use queue::SinkHandle;
pub use timed::Timed;

use crate::error::Error;
use crate::result::{Op, RowBatch, RowHead, RowSchema};
use std::io::Write;

/// The names that a row has of itself; no dimension or value may have them.
pub const RESERVED: [&str; 8] = ["name", "window_start", "window_end", "revision", "early", "op", "overflow", "approx"];

/// The code of the error that says: the reader of standard output went away.
pub const CLOSED: &str = "sink.closed";

/// True where `error` only says that nobody reads the output any more (`| head`); a run then stops quietly.
pub fn is_closed(error: &Error) -> bool {
    error.code == CLOSED
}

/// How moments are written: the window's bounds and values that are times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Times {
    /// RFC 3339 in UTC: `2026-01-05T12:00:00Z`.
    Rfc3339,
    /// Whole milliseconds since 1970 as a number; finer digits are cut.
    UnixMs,
}

impl Times {
    /// The words of the pipeline file, in the order of the reference.
    pub const ALL: [(&'static str, Times); 2] = [("rfc3339", Times::Rfc3339), ("unix_ms", Times::UnixMs)];
}

/// Which updates a sink writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Every assertion and every retraction, with an `op` column.
    Changes,
    /// Assertions only: provisional rows, first statements and corrections; no `op` column.
    Corrections,
    /// First statements only (revision 0, not provisional); no `op` column.
    First,
}

impl Mode {
    /// The words of the pipeline file, in the order of the reference.
    pub const ALL: [(&'static str, Mode); 3] =
        [("changes", Mode::Changes), ("corrections", Mode::Corrections), ("first", Mode::First)];

    /// True where a row of this kind is written.
    #[inline]
    pub fn takes(self, head: &RowHead) -> bool {
        match self {
            Mode::Changes => true,
            Mode::Corrections => head.op == Op::Assert,
            Mode::First => head.op == Op::Assert && head.revision == 0 && head.early == 0,
        }
    }
}

/// The form of the rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// One JSON object a line.
    Json,
    /// Comma-separated values with one header line.
    Csv,
    /// For people: the newest rows of each part, at the end of the run; standard output only.
    Table,
}

impl Format {
    /// The words of the pipeline file, in the order of the reference.
    pub const ALL: [(&'static str, Format); 3] =
        [("json", Format::Json), ("csv", Format::Csv), ("table", Format::Table)];
}

/// Where rows go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SinkKind {
    /// Standard output.
    Stdout {
        /// The form of the rows.
        format: Format,
    },
    /// Files.
    File {
        /// The path; `{name}` stands for the part's name, which gives each part a file of its own.
        path: String,
        /// [`Format::Json`] or [`Format::Csv`].
        format: Format,
    },
}

/// All that is needed to open a sink.
#[derive(Debug, Clone)]
pub struct SinkSpec {
    /// The sink's name in the pipeline file.
    pub name: String,
    /// Where rows go, and in which form.
    pub kind: SinkKind,
    /// The row schemas of the plan, by part index.
    pub schemas: Vec<RowSchema>,
    /// The parts whose rows this sink takes; rows of others are passed over.
    pub parts: Vec<u32>,
    /// How moments are written.
    pub times: Times,
    /// Which updates are written.
    pub mode: Mode,
}

impl SinkSpec {
    /// The schemas of the parts that the sink takes, with their part index, in the order of `parts`; each once.
    fn taken(&self) -> impl Iterator<Item = (u32, &RowSchema)> {
        let once = self.parts.iter().enumerate().filter(|(i, p)| !self.parts[..*i].contains(p));
        once.filter_map(|(_, p)| self.schemas.get(*p as usize).map(|s| (*p, s)))
    }
}

/// What a sink can promise about a run that dies and is started again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// Rows may be written again after a restart.
    AtLeastOnce,
    /// The whole output appears at the finish, at once, or not at all.
    AtomicFinish,
}

/// What a sink has taken so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Written {
    /// Rows written (after the choice of [`Mode`]).
    pub rows: u64,
    /// Bytes of output, those still buffered among them.
    pub bytes: u64,
}

/// The account of a sink that came to its end.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Finished {
    /// Rows written.
    pub rows: u64,
    /// Bytes written.
    pub bytes: u64,
    /// Where they are: paths, or `standard output`.
    pub places: Vec<String>,
}

/// Somewhere rows go. After an error a sink is not called again.
pub trait Sink: Send {
    /// Takes the rows of one step of the frontier, in their final order.
    ///
    /// # Errors
    /// `sink.write`, `sink.closed`.
    fn write(&mut self, batch: &RowBatch) -> Result<(), Error>;

    /// Makes all that was written visible; called at ticks.
    ///
    /// # Errors
    /// As [`Sink::write`].
    fn flush(&mut self) -> Result<(), Error>;

    /// Ends the output; nothing is written after it.
    ///
    /// # Errors
    /// As [`Sink::write`].
    fn finish(&mut self) -> Result<Finished, Error>;

    /// What it can promise.
    fn promise(&self) -> Delivery;

    /// What it has taken so far.
    fn written(&self) -> Written;
}

/// One option of a kind of sink.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SinkOption {
    /// The key in the pipeline file.
    pub name: &'static str,
    /// What it does, one sentence.
    pub doc: &'static str,
    /// The words it may be; empty where it is free text.
    pub words: &'static [&'static str],
    /// What holds where it is unsaid; `None` where it must be said.
    pub default: Option<&'static str>,
}

/// One kind of sink, as the reference shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SinkDoc {
    /// The `type` in the pipeline file.
    pub name: &'static str,
    /// What it is.
    pub doc: &'static str,
    /// Its options, those that every sink has among them.
    pub options: &'static [SinkOption],
}

const TIMES: SinkOption = SinkOption {
    name: "times",
    doc: "How moments are written: RFC 3339 text in UTC, or whole milliseconds since 1970.",
    words: &["rfc3339", "unix_ms"],
    default: Some("rfc3339"),
};

const MODE: SinkOption = SinkOption {
    name: "mode",
    doc: "Which updates are written: all with `op`; provisional rows, first statements and corrections; or first \
          statements only.",
    words: &["changes", "corrections", "first"],
    default: Some("changes"),
};

/// The one list of sinks.
pub fn kinds() -> &'static [SinkDoc] {
    &[
        SinkDoc {
            name: "stdout",
            doc: "Standard output. Promises rows at least once.",
            options: &[
                SinkOption {
                    name: "format",
                    doc: "One JSON object a line; one CSV with the columns of all its parts; or, at the end, a table \
                          of each part's newest 40 rows.",
                    words: &["json", "csv", "table"],
                    default: Some("json"),
                },
                TIMES,
                MODE,
            ],
        },
        SinkDoc {
            name: "file",
            doc: "Files, written beside their final name with `.part` added, flushed at ticks, and put in place at \
                  the finish: the old file stays until then. Devices and pipes are written to directly.",
            options: &[
                SinkOption {
                    name: "path",
                    doc: "The file; `{name}` stands for the part's name. Missing folders are made.",
                    words: &[],
                    default: None,
                },
                SinkOption {
                    name: "format",
                    doc: "One JSON object a line, or CSV with a header line.",
                    words: &["json", "csv"],
                    default: Some("json"),
                },
                TIMES,
                MODE,
            ],
        },
    ]
}

/// Opens a sink. `stdout` is where a [`SinkKind::Stdout`] writes; it is given so that tests and progress lines can
/// stand in between.
///
/// # Errors
/// `sink.open` where a file cannot be made.
pub fn open(spec: &SinkSpec, stdout: impl Write + Send + 'static) -> Result<Box<dyn Sink>, Error> {
    Ok(match &spec.kind {
        SinkKind::Stdout { format: Format::Table } => Box::new(table::TableSink::new(spec, stdout)),
        SinkKind::Stdout { format } => Box::new(stream::StreamSink::new(spec, *format, stdout)),
        SinkKind::File { path, format } => Box::new(file::FileSink::open(spec, path, *format)?),
    })
}

#[cfg(test)]
pub(crate) mod testing {
    //! Rows for the tests of this room.

    use super::*;
    use crate::event::{Cell, Value, key};
    use crate::result::RowRef;

    /// A cell for a value; text goes to the arena.
    pub(crate) fn cell(value: Value<'_>, arena: &mut Vec<u8>) -> Cell {
        let mut text = |t: &[u8]| {
            let start = arena.len() as u32;
            arena.extend_from_slice(t);
            (start, t.len() as u32)
        };
        match value {
            Value::Null => Cell::NULL,
            Value::Bool(v) => Cell::bool(v),
            Value::Int(v) => Cell::int(v),
            Value::Float(v) => Cell::float(v),
            Value::Time(v) => Cell::time(v),
            Value::Str(t) => {
                let (start, len) = text(t);
                Cell::str(start, len)
            }
            Value::Json(t) => {
                let (start, len) = text(t);
                Cell::json(start, len)
            }
        }
    }

    /// A head with a window of 10 s that ends at `end` seconds.
    pub(crate) fn head(part: u32, end: i64) -> RowHead {
        RowHead {
            time: end * 1_000_000,
            window_start: (end - 10) * 1_000_000,
            window_end: end * 1_000_000,
            part,
            revision: 0,
            early: 0,
            approximate: 0,
            start: 0,
            key_len: 0,
            values_len: 0,
            op: Op::Assert,
        }
    }

    /// Adds a row.
    pub(crate) fn add(batch: &mut RowBatch, head: RowHead, dimensions: &[Value<'_>], values: &[Value<'_>]) {
        let (mut arena, mut k, mut v) = (Vec::new(), Vec::new(), Vec::new());
        for d in dimensions {
            let c = cell(*d, &mut arena);
            key::encode(c, &arena, &mut k);
        }
        for d in values {
            let c = cell(*d, &mut arena);
            key::encode_value(c, &arena, &mut v);
        }
        let head = RowHead { key_len: k.len() as u32, values_len: v.len() as u32, ..head };
        batch.push(RowRef { head: &head, key: &k, values: &v });
    }

    /// A schema.
    pub(crate) fn schema(name: &str, dimensions: &[&str], values: &[&str]) -> RowSchema {
        let own = |list: &[&str]| list.iter().map(|s| (*s).to_owned()).collect();
        RowSchema {
            name: name.into(),
            dimensions: own(dimensions),
            values: own(values),
            capped: false,
            early: false,
            kind: crate::result::RowKind::Window,
            keep: 0,
        }
    }

    /// Adds a row of the overflow group.
    pub(crate) fn add_overflow(batch: &mut RowBatch, head: RowHead, values: &[Value<'_>]) {
        add(batch, head, &[], values);
        let end = batch.bytes.len() - batch.heads.last().unwrap().values_len as usize;
        batch.bytes.splice(end..end, key::OVERFLOW.iter().copied());
        batch.heads.last_mut().unwrap().key_len = key::OVERFLOW.len() as u32;
    }

    /// Two parts: `pages` by (kind, page) with (n, avg), and `health` by (service) with (errors).
    pub(crate) fn spec(kind: SinkKind) -> SinkSpec {
        SinkSpec {
            name: "out".into(),
            kind,
            schemas: vec![
                schema("pages", &["kind", "page"], &["n", "avg"]),
                schema("health", &["service"], &["errors"]),
            ],
            parts: vec![0, 1],
            times: Times::Rfc3339,
            mode: Mode::Changes,
        }
    }

    /// A writer that a test can read while the sink has it.
    #[derive(Clone, Default)]
    pub(crate) struct Shared(pub(crate) std::sync::Arc<std::sync::Mutex<Vec<u8>>>);

    impl Shared {
        pub(crate) fn text(&self) -> String {
            String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
        }
    }

    impl Write for Shared {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    /// A writer that fails always, and counts how often it was asked.
    #[derive(Clone)]
    pub(crate) struct Failing {
        pub(crate) kind: std::io::ErrorKind,
        pub(crate) calls: std::sync::Arc<std::sync::atomic::AtomicUsize>,
    }

    impl Write for Failing {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            self.calls.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            Err(self.kind.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::testing::*;
    use super::*;

    #[test]
    fn the_words_of_the_list_are_those_of_the_code() {
        let words = |name: &str, option: &str| {
            let kind = kinds().iter().find(|k| k.name == name).unwrap();
            kind.options.iter().find(|o| o.name == option).unwrap().words.to_vec()
        };
        assert_eq!(words("stdout", "format"), Format::ALL.map(|(w, _)| w));
        assert_eq!(words("stdout", "times"), Times::ALL.map(|(w, _)| w));
        assert_eq!(words("file", "mode"), Mode::ALL.map(|(w, _)| w));
    }

    #[test]
    fn a_part_that_is_named_twice_is_taken_once() {
        let mut spec = spec(SinkKind::Stdout { format: Format::Json });
        spec.parts = vec![1, 0, 1, 9];
        assert_eq!(spec.taken().map(|(p, _)| p).collect::<Vec<_>>(), [1, 0]);
    }

    #[test]
    fn a_mode_takes_what_it_says() {
        let first = head(0, 10);
        let correction = RowHead { revision: 2, ..first };
        let retraction = RowHead { op: Op::Retract, ..first };
        let provisional = RowHead { early: 1, ..first };
        for (mode, taken) in [
            (Mode::Changes, [true; 4]),
            (Mode::Corrections, [true, true, false, true]),
            (Mode::First, [true, false, false, false]),
        ] {
            assert_eq!([first, correction, retraction, provisional].map(|h| mode.takes(&h)), taken, "{mode:?}");
        }
    }
}
