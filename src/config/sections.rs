//! The one list of everything that a pipeline file can say: sections, keys, types, defaults, words.
//!
//! The reader takes keys, bounds, words and defaults from here, so that what `check` accepts, what the documentation
//! prints and what completions offer cannot differ.

mod alert;

pub(super) use alert::ALERT;

use super::join_sections::{JOIN, JOIN_ON, JOIN_WITHIN};
use super::notify_sections as notify;
use super::reference::{Key, KeyKind, Section};
use super::serve::{SERVE, SERVE_TOKENS};
use super::size::ByteSize;
pub(super) use super::table_sections::{STREAM_ENRICH, TABLE, TABLE_FILE, TABLE_STREAM, TABLE_TIME};
use super::view_sections::{VIEW, VIEW_JOIN, VIEW_TOP};
use crate::time::Span;

/// Every section, in the order of the documentation.
pub fn reference() -> &'static [Section] {
    SECTIONS
}

/// The shortest window and slide.
pub(super) const SHORTEST: Span = Span(1_000);
/// The longest window and slide: ten years.
pub(super) const LONGEST: Span = Span(3_650 * 86_400_000_000);
/// The most windows that one event may be in.
pub(super) const MOST_OVERLAP: i64 = 100_000;
/// The most values that a window may select.
pub(super) const MOST_VALUES: usize = 64;
/// The columns that rows and matches have of themselves.
pub(super) const RESERVED: [&str; 11] = [
    "name",
    "window_start",
    "window_end",
    "revision",
    "early",
    "op",
    "overflow",
    "approx",
    "key",
    "match_start",
    "match_end",
];

/// The columns that matches have of themselves.
pub(super) const PATTERN_RESERVED: [&str; 8] =
    ["name", "key", "match_start", "match_end", "events", "timed_out", "revision", "op"];
/// The most event types of a pattern.
pub(super) const MOST_TYPES: usize = 1_000;

/// What the fields of a line can be.
pub(super) const TYPES: &[&str] = &["auto", "text", "int", "float", "bool", "time"];

pub(super) const ANY_SPAN: KeyKind = KeyKind::Span { least: Span::ZERO, most: LONGEST };
const SHARE: KeyKind = KeyKind::Number { least: 0.0, most: 1.0 };
pub(super) const WINDOW_SPAN: KeyKind = KeyKind::Span { least: SHORTEST, most: LONGEST };

pub(super) const fn key(name: &'static str, kind: KeyKind, doc: &'static str, example: &'static str) -> Key {
    Key { name, kind, required: false, default: None, doc, example }
}

pub(super) const fn required(name: &'static str, kind: KeyKind, doc: &'static str, example: &'static str) -> Key {
    Key { required: true, ..key(name, kind, doc, example) }
}

pub(super) const fn optional(
    name: &'static str,
    kind: KeyKind,
    default: &'static str,
    doc: &'static str,
    example: &'static str,
) -> Key {
    Key { default: Some(default), ..key(name, kind, doc, example) }
}

pub(super) const fn word(known: &'static [&'static str], planned: &'static [&'static str]) -> KeyKind {
    KeyKind::Word { known, planned }
}

pub(super) static TOP: Section = Section {
    path: "",
    of: None,
    noun: "the file",
    doc: "The top of the file. Strings anywhere may use `${NAME}` and `${NAME:-default}` for environment variables; \
          `$${` is a literal `${`. Names of parts are letters, digits, `_` and `-`, and no two parts share one.",
    keys: &[
        key(
            "name",
            KeyKind::Text,
            "The pipeline's name, for logs. Not given: the file's name without its ending.",
            "\"shop\"",
        ),
        key("run", KeyKind::Table, "How the pipeline is run.", "{ tick = \"1s\" }"),
        key("serve", KeyKind::Table, "How the run can be looked at over HTTP.", "{ listen = \"127.0.0.1:8080\" }"),
        required("sources", KeyKind::Table, "Where events come from, one table a source.", "{}"),
        key("tables", KeyKind::Table, "Rows that are looked up by a key, one table a table.", "{}"),
        key("streams", KeyKind::Table, "Filters and derived fields, one table a stream.", "{}"),
        key("joins", KeyKind::Table, "Pairs of events of two streams, one table a join.", "{}"),
        key("windows", KeyKind::Table, "Aggregates over windows of event time, one table a window.", "{}"),
        key("patterns", KeyKind::Table, "Sequences of events of a key, one table a pattern.", "{}"),
        key("views", KeyKind::Table, "Queries over the rows of these and of each other, one table a view.", "{}"),
        key("alerts", KeyKind::Table, "Conditions over rows, and what becomes of them, one table an alert.", "{}"),
        key(
            "sinks",
            KeyKind::Table,
            "Where rows go, one table a sink. A file without a sink prints a table of every window, pattern, view and alert to standard output.",
            "{}",
        ),
        key("actions", KeyKind::Table, "Who is told about alerts, one table an action.", "{}"),
        key("inhibitions", KeyKind::Table, "Alerts that keep others quiet, one table an inhibition.", "{}"),
        key("silences", KeyKind::Table, "Times in which nobody is told, one table a silence.", "{}"),
        key("notify", KeyKind::Table, "What holds for all who are told.", "{ drain_timeout = \"10s\" }"),
    ],
    planned: &["checkpoint", "cluster", "limits", "models", "observe", "top"],
};

pub(super) static RUN: Section = Section {
    path: "run",
    of: None,
    noun: "[run]",
    doc: "How the pipeline is run. Only `tick` can change a result.",
    keys: &[
        key(
            "tick",
            KeyKind::Span { least: SHORTEST, most: Span(86_400_000_000) },
            "The step in which event time advances: watermarks are rounded down to it, and an event below the tick of \
             its partition is late. Not given: chosen from the slides, at most 1s.",
            "\"1s\"",
        ),
        optional(
            "max_inflight",
            KeyKind::Size { least: ByteSize(1 << 20), most: ByteSize(1 << 40) },
            "\"64MiB\"",
            "How many bytes of rows may wait for the sinks of a process. Above it its sources wait.",
            "\"64MiB\"",
        ),
        optional(
            "max_drift",
            WINDOW_SPAN,
            "\"1m\"",
            "How far in event time one partition may be ahead of the slowest one. Beyond it that partition waits.",
            "\"1m\"",
        ),
    ],
    planned: &["generation", "state_dir", "workers"],
};

pub(super) static SOURCE: Section = Section {
    path: "sources.<name>",
    of: None,
    noun: "a source",
    doc: "Where events come from.",
    keys: &[
        required(
            "type",
            word(
                &["file", "stdin", "generate"],
                &[
                    "amqp",
                    "http",
                    "kafka",
                    "kinesis",
                    "mqtt",
                    "nats",
                    "pubsub",
                    "pulsar",
                    "rabbitmq",
                    "redis",
                    "websocket",
                ],
            ),
            "What kind of source it is.",
            "\"file\"",
        ),
        key(
            "time",
            KeyKind::Table,
            "Which field is the event time. Not given: `timestamp`, in seconds.",
            "{ field = \"timestamp\", unit = \"s\" }",
        ),
        optional(
            "format",
            word(&["json", "csv", "lines"], &["avro", "protobuf"]),
            "\"json\"",
            "How events are written: `json` is one JSON object a line; `csv` is fields between delimiters, with a line \
             end inside quotes a line that is not an event; `lines` is any text, with `pattern` taken apart.",
            "\"json\"",
        ),
        optional(
            "out_of_orderness",
            ANY_SPAN,
            "\"0s\"",
            "How far behind the newest event of its partition an event may be without being late. The default takes \
             events to come in the order of their times.",
            "\"2s\"",
        ),
        key(
            "idle_after",
            WINDOW_SPAN,
            "After such a silence a partition no longer holds the windows of the others open; events that it brings \
             later count from where the others are then, and correct. Only a silence of the input counts, never a wait of \
             our own. It makes the order of statements depend on the clock, so it is off but for `follow`, where it is \
             `30s`.",
            "\"30s\"",
        ),
        optional(
            "on_bad",
            word(&["skip", "stop"], &[]),
            "\"skip\"",
            "What becomes of a line that is not an event: `skip` counts it by reason, `stop` ends the run.",
            "\"skip\"",
        ),
        key(
            "dead_letters",
            KeyKind::Path,
            "A file that keeps lines that are not events, with position and reason. Not given: they are only counted.",
            "\"out/bad.ndjson\"",
        ),
        optional(
            "max_line",
            KeyKind::Size { least: ByteSize(1 << 10), most: ByteSize(256 << 20) },
            "\"1MiB\"",
            "The longest line that is read; a longer one is a line that is not an event.",
            "\"1MiB\"",
        ),
        key(
            "rate_limit",
            KeyKind::Rate,
            "The most lines that are read in a second (`s`), a minute (`m`) or an hour (`h`), by the wall clock: beyond it \
             the source waits, and drops nothing. Several processes divide it. Results do not depend on it.",
            "\"1000/s\"",
        ),
        optional(
            "header",
            KeyKind::Flag,
            "true",
            "Of `csv`: whether the first line of each file names the columns. Where it does not, `columns` must.",
            "false",
        ),
        key(
            "columns",
            KeyKind::Names,
            "Of `csv`: the names of the columns, in their order; they go before those of a header. Dots stand for \
             nested fields: `data.page`.",
            "[\"at\", \"user\", \"amount\"]",
        ),
        optional(
            "delimiter",
            KeyKind::Character { none: false },
            "\",\"",
            "Of `csv`: what stands between fields.",
            "\";\"",
        ),
        optional(
            "quote",
            KeyKind::Character { none: true },
            "'\"'",
            "Of `csv`: what stands around a field that has delimiters in it; within, two stand for one. Empty: nothing \
             does, and quotes are text.",
            "\"'\"",
        ),
        optional(
            "null",
            KeyKind::AnyText,
            "\"\"",
            "Of `csv`: the text of a field that has no value; the same text in quotes is text.",
            "\"NA\"",
        ),
        key(
            "types",
            KeyKind::Types { known: TYPES },
            "Of `csv` and `lines`: what fields are; a line with another value is not an event. `auto`, which holds for \
             fields of `csv` that are not named: a number of JSON's grammar is a number, `true` and `false` are truth \
             values, all else is text, each value for itself. `text`, which holds for `lines`: text. `int`, `float`, \
             `bool`; `time`: RFC 3339.",
            "{ amount = \"float\", at = \"time\" }",
        ),
        key(
            "pattern",
            KeyKind::Text,
            "Of `lines`: a regular expression that is looked for in the line; its named groups are fields beside \
             `line`, and a line without it is not an event.",
            "'^(?<timestamp>\\S+) (?<level>[A-Z]+) (?<message>.*)'",
        ),
    ],
    planned: &["align", "max_drift"],
};

pub(super) static SOURCE_FILE: Section = Section {
    path: "sources.<name>",
    of: Some("file"),
    noun: "a source of type file",
    doc: "Files of lines.",
    keys: &[
        required(
            "path",
            KeyKind::Paths,
            "Files, folders and patterns, one or a list; relative to the working directory. A folder stands for the files \
             in it that are not hidden; in a pattern `*` and `?` stand for characters of a name, `[ab]` for one of them, \
             `**` for any folders. Each file is one partition. Files of a folder or pattern come in the order of the \
             bytes of their paths, those of several entries in the order of the list; a file is read once. What is \
             there when the run begins is read.",
            "\"logs/*.ndjson\"",
        ),
        optional(
            "as_one",
            KeyKind::Flag,
            "false",
            "All files are one partition, with one watermark: they are read one after the other, in their order.",
            "true",
        ),
        optional(
            "compression",
            word(&["auto", "none", "gzip", "zstd"], &[]),
            "\"auto\"",
            "How files are compressed. `auto` goes by the name: `.gz` and `.gzip`, `.zst` and `.zstd`. A compressed file \
             is unpacked by one thread of one process.",
            "\"gzip\"",
        ),
        optional(
            "follow",
            KeyKind::Flag,
            "false",
            "Each file (with `as_one`: the last) is read on as it grows, until the run is stopped; a last line waits for \
             its end. When the file is rotated its successor of the same name is read on, when it is truncated it is \
             read from its beginning; both are counted. In a cluster each followed file is read by one process.",
            "true",
        ),
    ],
    planned: &[],
};

pub(super) static SOURCE_STDIN: Section = Section {
    path: "sources.<name>",
    of: Some("stdin"),
    noun: "a source of type stdin",
    doc: "Standard input, as one partition. At most one source can be of this type.",
    keys: &[],
    planned: &[],
};

pub(super) static SOURCE_GENERATE: Section = Section {
    path: "sources.<name>",
    of: Some("generate"),
    noun: "a source of type generate",
    doc: "The built-in generator: events of a shop and its services. The same settings give the same events.",
    keys: &[
        optional(
            "events",
            KeyKind::Count { least: 1, most: 1_000_000_000_000 },
            "100000",
            "How many events, over all partitions.",
            "200000",
        ),
        optional(
            "seed",
            KeyKind::Count { least: 0, most: i64::MAX as u64 },
            "1",
            "The same seed gives the same events.",
            "42",
        ),
        optional(
            "rate",
            KeyKind::Number { least: 0.001, most: 1_000_000_000.0 },
            "10000.0",
            "Events a second of event time, over all partitions.",
            "500",
        ),
        optional(
            "disorder",
            SHARE,
            "0.0",
            "The share of events that come out of order, behind by up to `max_delay`.",
            "0.1",
        ),
        optional(
            "max_delay",
            KeyKind::Span { least: Span::ZERO, most: Span(365 * 86_400_000_000) },
            "\"2s\"",
            "How far behind, at most, in event time. An `out_of_orderness` of as much keeps them from being late.",
            "\"2s\"",
        ),
        optional(
            "late",
            SHARE,
            "0.0",
            "The share of events that are further behind than `max_delay`. With `disorder` at most 1.",
            "0.01",
        ),
        optional("bad", SHARE, "0.0", "The share of lines that are not an event.", "0.001"),
        optional(
            "users",
            KeyKind::Count { least: 1, most: 1_000_000_000_000 },
            "100000",
            "How many users act; few of them do much, many do little.",
            "1000",
        ),
        optional(
            "pages",
            KeyKind::Count { least: 1, most: u32::MAX as u64 },
            "750",
            "How many pages there are; few of them are seen often.",
            "100",
        ),
        optional(
            "partitions",
            KeyKind::Count { least: 1, most: 1024 },
            "1",
            "How many partitions the events are spread over.",
            "4",
        ),
        optional(
            "start",
            KeyKind::Time,
            "\"2026-01-05T12:00:00Z\"",
            "The time of the first event.",
            "\"2026-01-05T12:00:00Z\"",
        ),
        optional(
            "pace",
            word(&["none", "real-time"], &[]),
            "\"none\"",
            "`none` gives events out as fast as they are read, `real-time` one second of event time in one second.",
            "\"real-time\"",
        ),
    ],
    planned: &[],
};

pub(super) static SOURCE_TIME: Section = Section {
    path: "sources.<name>.time",
    of: None,
    noun: "the time of a source",
    doc: "Which field is the event time, and how it is written; or that the time is that of the clock.",
    keys: &[
        optional("field", KeyKind::Field, "\"timestamp\"", "The field, dotted where it is nested.", "\"data.at\""),
        optional(
            "unit",
            word(&["s", "ms", "us", "ns", "rfc3339"], &[]),
            "\"s\"",
            "How it is written: a number of seconds (fractions are read), milliseconds, microseconds or nanoseconds \
             since 1970, or RFC 3339 text.",
            "\"ms\"",
        ),
        key(
            "format",
            KeyKind::Text,
            "Instead of `unit`: how text is written, as `strptime` has it. `%Y` year, `%m` or `%b` month, `%d` day, `%H` `%M` \
             `%S` time (`%I` and `%p` of twelve hours), `%.f` fraction, `%z` offset, `%s` seconds since 1970. Without an \
             offset it is UTC, without a time midnight.",
            "\"%d/%b/%Y:%H:%M:%S %z\"",
        ),
        optional(
            "clock",
            word(&["event", "processing"], &[]),
            "\"event\"",
            "Whose time it is. `event`: the event says it, in `field`. `processing`: the wall clock, when a line is read; \
             within a partition it never runs back. It goes on while nothing comes, so windows close in silence too; \
             no event is late, and `out_of_orderness` and `idle_after` mean nothing. Such results depend on the clock: \
             another run, or another number of workers, gives others. A part cannot read sources of both clocks; a sink that takes rows of both writes \
             them in the order of time, so those of the clock wait for the others.",
            "\"processing\"",
        ),
    ],
    planned: &[],
};

pub(super) static STREAM: Section = Section {
    path: "streams.<name>",
    of: None,
    noun: "a stream",
    doc: "Some events of a source or another stream, with fields that are computed.",
    keys: &[
        required(
            "from",
            KeyKind::Parts,
            "The sources and streams it reads, one or a list. Of several it is the union: all events of each. An event \
             that comes by two roads counts twice; a field that only one of them has is NULL for the other.",
            "[\"events\", \"spare\"]",
        ),
        key(
            "rest_of",
            KeyKind::Parts,
            "Streams with the same `from`: this one has the events that none of them took by its `where` and `sample`.",
            "\"shopping_errors\"",
        ),
        key(
            "enrich",
            KeyKind::TableOrList,
            "Looks rows up in tables and adds columns of them to the events, before all that is below; one lookup or a list \
             of them.",
            "{ table = \"users\", key = \"user_id\", add = [\"country\", \"plan\"] }",
        ),
        key(
            "where",
            KeyKind::Sql,
            "Which events it keeps. Not given: all.",
            "\"event_type IN ('user_action', 'transaction')\"",
        ),
        key(
            "sample",
            KeyKind::NumberOrTable { least: 0.0, most: 1.0 },
            "The share of these that it keeps, chosen by content: the same events in every run, at any width. A number: \
             each event for itself; a table: all events of a key or none.",
            "0.1",
        ),
        key(
            "set",
            KeyKind::SqlTable,
            "Fields that are computed; they hide fields of the event with the same name.",
            "{ segment = \"coalesce(tags.user_type, 'unknown')\" }",
        ),
        key(
            "dedup",
            KeyKind::Table,
            "Drops duplicates, after all else: events of a key near one that was kept.",
            "{ by = \"event_id\", within = \"10m\" }",
        ),
    ],
    planned: &[],
};

pub(super) static STREAM_SAMPLE: Section = Section {
    path: "streams.<name>.sample",
    of: None,
    noun: "the sample of a stream",
    doc: "Which share of its events a stream keeps, as `{ rate = 0.1, by = \"user_id\" }`. A lower rate keeps some of what \
          a higher one keeps. The rule: h is the rapidhash v3 of the key (of text its bytes, of anything else 9 bytes: its \
          type and value), or without `by` that of the event time in microseconds and the place in the partition, as 16 \
          bytes; an event is kept where the SplitMix64 finaliser of h xor (seed * 0x9e3779b97f4a7c15) is below rate * 2^64.",
    keys: &[
        required("rate", SHARE, "The share that is kept.", "0.1"),
        key(
            "by",
            KeyKind::Sql,
            "Events that have the same value here are kept or left out together; those without one (NULL) too. Not \
             given: each event for itself.",
            "\"user_id\"",
        ),
        optional(
            "seed",
            KeyKind::Count { least: 0, most: i64::MAX as u64 },
            "0",
            "Another seed makes another choice. Streams with one seed and key choose alike.",
            "7",
        ),
    ],
    planned: &[],
};

pub(super) static STREAM_DEDUP: Section = Section {
    path: "streams.<name>.dedup",
    of: None,
    noun: "the dedup of a stream",
    doc: "Which events of a stream are duplicates. They are looked at in the order of event time, those behind their \
          tick when it comes, and ties by partition and place. One is dropped where another of the same key was kept \
          whose event time is less than `within` away, before or behind. An event that is too late for every window behind \
          the stream (by its longest size or gap and allowed lateness; for a global window, by `within`) is passed on to be counted there. Memory is some \
          60 bytes for each event kept in the last `within` and the time of those windows.",
    keys: &[
        required(
            "by",
            KeyKind::Sql,
            "What duplicates have in common. Events without it (NULL) are kept.",
            "\"event_id\"",
        ),
        required("within", WINDOW_SPAN, "How near in event time a duplicate is.", "\"10m\""),
    ],
    planned: &[],
};

pub(super) static WINDOW: Section = Section {
    path: "windows.<name>",
    of: None,
    noun: "a window",
    doc: "Aggregates over windows of event time, one row a window and group.",
    keys: &[
        required(
            "from",
            KeyKind::Parts,
            "The sources and streams it reads, one or a list. Of several it is over the union, as of a stream. Its time \
             is that of the source that is furthest behind.",
            "[\"shopping\", \"spare\"]",
        ),
        key("size", WINDOW_SPAN, "How long a window is. Every window has this, `gap` or `global`.", "\"10s\""),
        key(
            "slide",
            WINDOW_SPAN,
            "How far apart windows begin. Not given: `size`, so that no two windows overlap (tumbling). Windows that \
             are further apart than they are long leave out the events between them.",
            "\"5s\"",
        ),
        key(
            "step",
            WINDOW_SPAN,
            "Makes the window cumulating: rows every step from the beginning of each `size`, each with all since that \
             beginning. It must divide `size`. With a `time_zone` and a step of less than a day it counts from \
             midnight, and the last window ends with the day.",
            "\"2s\"",
        ),
        key(
            "offset",
            ANY_SPAN,
            "How long after 1970-01-01T00:00:00Z (with a `time_zone`: after that day began there) a window begins; all \
             others follow from that. Less than what windows are apart. Not given: 0. For weeks that begin on \
             Mondays `4d`.",
            "\"3s\"",
        ),
        key(
            "time_zone",
            KeyKind::Text,
            "The time zone whose days the window counts: it begins and ends at midnight there, also on days of 23 and \
             25 hours. `size`, `slide` and `offset` must be whole days. Not given: UTC.",
            "\"Europe/Berlin\"",
        ),
        key(
            "gap",
            WINDOW_SPAN,
            "Makes the window a session, instead of `size`: events of a group are in one session where neighbours are \
             no further apart than this; a distance of exactly the gap joins. `window_end` is the last event + gap.",
            "\"30s\"",
        ),
        key(
            "global",
            WINDOW_SPAN,
            "Makes the window one over all of time, instead of `size`, and says how often it is stated: every so often in \
             event time, from 1970-01-01T00:00:00Z + `offset` on. The row of each group that has changed is taken back and \
             stated anew, with the next `revision`; `window_start` is 1970-01-01T00:00:00Z and `window_end` the moment of the \
             statement, which holds all events whose time and tick are below it. No event is too late. The state of a group \
             is kept for ever.",
            "\"10s\"",
        ),
        optional(
            "allowed_lateness",
            ANY_SPAN,
            "\"0s\"",
            "How long after its end, in event time, a window takes late events and states corrections. Of a session the \
             end that counts is that of the late event alone: its time + `gap`.",
            "\"1m\"",
        ),
        key(
            "early",
            WINDOW_SPAN,
            "How often, in event time from the beginning of a window, its rows so far are stated before its end, \
             each with all events whose time and tick are below that moment. Such a row is provisional: its column `early` \
             is 1 for the first of its window and group, 2 for the next that differs. It is retracted when the next one, or \
             the first statement, takes its place; all other rows are as without `early`. It must divide `size` and \
             `slide`; with a `time_zone` it is whole days, or divides a day and counts from each midnight. Not given: no \
             provisional rows.",
            "\"2s\"",
        ),
        optional(
            "early_clock",
            word(&["event", "wall"], &[]),
            "\"event\"",
            "By which clock `early` counts. `wall`: every so often by the clock of the machine, any span, also of a window with \
             `step`, the rows of all open windows with what has come are stated, at most once between two ticks; sinks get \
             them with the next tick. These provisional rows, and no others, depend on the clock and on the width.",
            "\"wall\"",
        ),
        key(
            "too_late",
            KeyKind::Path,
            "A file that keeps the events that come after the allowed lateness, in the form of `dead_letters`. Not given: \
             they are only counted.",
            "\"out/too-late.ndjson\"",
        ),
        key(
            "group_by",
            KeyKind::Dimensions,
            "The dimensions: names and SQL expressions, or a list of fields, each named by its last step. Not given: \
             one row a window.",
            "{ page = \"coalesce(data.page, 'unknown')\" }",
        ),
        key(
            "max_groups",
            KeyKind::Count { least: 1, most: 100_000_000 },
            "The most groups of a window that have rows of their own; the events of all others make up one row more, with \
             `overflow` true and no dimensions. The groups with the least hashes are kept, so the events alone decide and \
             the same keys tend to be kept in every window. (The first to come would depend on how the input is cut and \
             read.) The hash is the rapidhash v3 of all dimensions in order: each is a byte for its type (0 NULL, 1 truth \
             value, 2 whole number, 3 other number, 4 time, 5 text, 6 object or list), and then 1 byte of a truth value, 8 \
             of a number or time, the length in 4 bytes and the bytes of a text; numbers little-endian; ties go by these \
             bytes. A late event may bring a group of a lesser hash: the row of the group that has to go is taken back, and \
             the overflow row corrected. Memory is bounded by three times as many groups a slice, at readers and at the one \
             worker that has all groups of the window; events are always aggregated before they are sent there. Not given: \
             no cap.",
            "10000",
        ),
        required(
            "select",
            KeyKind::SqlTable,
            "The values: names and SQL expressions of aggregates, 1 to 64.",
            "{ events = \"count(*)\" }",
        ),
        optional(
            "pre_aggregate",
            word(&["auto", "always", "never"], &[]),
            "\"auto\"",
            "Whether events are aggregated before they are sent to the worker of their group; `auto` does so where \
             that makes less of them. It changes speed, never a result.",
            "\"auto\"",
        ),
    ],
    planned: &["having", "top"],
};

pub(super) static PATTERN: Section = Section {
    path: "patterns.<name>",
    of: None,
    noun: "a pattern",
    doc: "Sequences of events of a key, one row a match. The language of `match` and of its conditions has a chapter of its \
          own.",
    keys: &[
        required(
            "from",
            KeyKind::Parts,
            "The sources and streams it reads, one or a list. Of several it is over the union, as of a stream. Events of a \
             key are looked at in the order of event time, ties by partition and place.",
            "[\"shopping\", \"spare\"]",
        ),
        key(
            "key",
            KeyKind::Sql,
            "Events with the same value here make one sequence; those without one (NULL) are in none. Not given: all events \
             are one sequence, which one worker has.",
            "\"session_id\"",
        ),
        required(
            "match",
            KeyKind::Match,
            "The pattern, such as `view -> cart -> buy`: steps, and how they follow each other. Or a list of event types: a \
             step of each, in this order, other events between them are skipped; a step is named like its type, the second \
             of one type with `_2` behind it, and what cannot stand in a name is `_`.",
            "\"view -> cart+ -> buy\"",
        ),
        key(
            "define",
            KeyKind::SqlTable,
            "The conditions of the steps. Over the fields of the event under test, and over events that the match has so far: \
             `price > avg(cart.price)`. A step without one takes any event; of a list of types it is what the event must \
             meet beside its type.",
            "{ buy = \"event_type = 'transaction'\" }",
        ),
        key(
            "within",
            WINDOW_SPAN,
            "How much event time there is between the first and any other event of a match: less than this. Not given: \
             no limit, and what a match waits for is kept for ever.",
            "\"5m\"",
        ),
        key(
            "within_step",
            KeyKind::SpanOrTable { least: SHORTEST, most: LONGEST },
            "How much event time there is between neighbouring events of a match: less than this. A table of steps: \
             between each event of that step and the one before it.",
            "\"30s\"",
        ),
        optional(
            "skip",
            KeyKind::Skip,
            "\"past_last\"",
            "What a match leaves to others. `past_last`: none begins before its last event has passed. `no_skip`: every match \
             there is. `to_next`: none other with its first event. `to_first(step)`, `to_last(step)`: none begins before \
             the first or last event of that step.",
            "\"to_next\"",
        ),
        optional(
            "timed_out",
            KeyKind::Flag,
            "false",
            "Partial matches that run out of `within` are rows too; their column `timed_out` is the last step they have \
             reached, NULL for a whole match.",
            "true",
        ),
        optional(
            "allowed_lateness",
            ANY_SPAN,
            "\"0s\"",
            "How long a key's matches can be corrected: a late event that is not older than this takes back the matches that \
             are wrong with it, and states those that are right. What comes later is counted and dropped.",
            "\"1m\"",
        ),
        optional(
            "max_partial_matches",
            KeyKind::Count { least: 1, most: 1_000_000 },
            "10000",
            "The most partial matches of one key. Beyond it the ones that began first are dropped, and counted.",
            "1000",
        ),
        optional(
            "event_id",
            KeyKind::Sql,
            "\"coalesce(event_id, id)\"",
            "What names an event in the column `events`. Where it is NULL: `partition:position`.",
            "\"event_id\"",
        ),
        optional(
            "events",
            word(&["ids", "full", "none"], &[]),
            "\"ids\"",
            "The column `events`, an object of steps and their events: `ids` has what `event_id` gives, `full` the events \
             themselves; `none`: there is no such column.",
            "\"full\"",
        ),
        optional(
            "type_field",
            KeyKind::Field,
            "\"event_type\"",
            "Of a list of event types: the field that has the type.",
            "\"data.kind\"",
        ),
        optional(
            "mode",
            word(&["sequence", "row"], &[]),
            "\"sequence\"",
            "Which matches there are. `sequence`: every one that contiguity and `skip` allow. `row`: for each first event \
             the preferred one alone (greedy loops as long as can be, alternatives from the left), found with backtracking, \
             as SQL's MATCH_RECOGNIZE has it.",
            "\"row\"",
        ),
        key(
            "select",
            KeyKind::SqlTable,
            "The values: names and SQL expressions over the events of the match, at most 64. Not given: none.",
            "{ user = \"first(view.user_id)\", amount = \"sum(buy.data.amount)\" }",
        ),
    ],
    planned: &[],
};

pub(super) static SINK: Section = Section {
    path: "sinks.<name>",
    of: None,
    noun: "a sink",
    doc: "Where rows go.",
    keys: &[
        required(
            "type",
            word(
                &["stdout", "file"],
                &[
                    "clickhouse",
                    "elasticsearch",
                    "falkordb",
                    "http",
                    "influxdb",
                    "kafka",
                    "memcached",
                    "nats",
                    "neo4j",
                    "opensearch",
                    "parquet",
                    "postgres",
                    "prometheus",
                    "rabbitmq",
                    "redis",
                    "timescale",
                    "webhook",
                ],
            ),
            "What kind of sink it is.",
            "\"stdout\"",
        ),
        required(
            "from",
            KeyKind::Parts,
            "The windows, patterns, views and alerts whose rows it takes.",
            "[\"user_activity\", \"service_health\"]",
        ),
        optional(
            "times",
            word(&["rfc3339", "unix_ms"], &[]),
            "\"rfc3339\"",
            "How times are written: RFC 3339 text in UTC, or milliseconds since 1970.",
            "\"unix_ms\"",
        ),
        optional(
            "mode",
            word(&["changes", "corrections", "first"], &["upsert"]),
            "\"changes\"",
            "Which rows are written: `changes` is every assertion and retraction with `op`; `corrections` is \
             provisional rows (where a window has `early`), first statements and corrections, told apart by `early` and \
             `revision`; `first` is first statements only.",
            "\"first\"",
        ),
    ],
    planned: &["batch", "retry"],
};

pub(super) static SINK_STDOUT: Section = Section {
    path: "sinks.<name>",
    of: Some("stdout"),
    noun: "a sink of type stdout",
    doc: "Standard output.",
    keys: &[optional(
        "format",
        word(&["table", "json", "csv"], &[]),
        "\"table\"",
        "`table` is a readable table at the end of the run, `json` one JSON object a line, `csv` has a header.",
        "\"json\"",
    )],
    planned: &[],
};

pub(super) static SINK_FILE: Section = Section {
    path: "sinks.<name>",
    of: Some("file"),
    noun: "a sink of type file",
    doc: "Files of rows.",
    keys: &[
        required(
            "path",
            KeyKind::Path,
            "The file, relative to the working directory. `{name}` stands for the name of the part; it \
             is needed where the sink takes more than one.",
            "\"out/{name}.ndjson\"",
        ),
        key(
            "format",
            word(&["json", "csv"], &["parquet"]),
            "`json` is one JSON object a line, `csv` has a header. Not given: by the path's ending, `.ndjson`, \
             `.jsonl` and `.json`, or `.csv`.",
            "\"csv\"",
        ),
    ],
    planned: &[],
};

static SECTIONS: &[Section] = &[
    TOP,
    RUN,
    SERVE,
    SERVE_TOKENS,
    SOURCE,
    SOURCE_FILE,
    SOURCE_STDIN,
    SOURCE_GENERATE,
    SOURCE_TIME,
    TABLE,
    TABLE_FILE,
    TABLE_TIME,
    TABLE_STREAM,
    STREAM,
    STREAM_ENRICH,
    STREAM_SAMPLE,
    STREAM_DEDUP,
    JOIN,
    JOIN_ON,
    JOIN_WITHIN,
    WINDOW,
    PATTERN,
    VIEW,
    VIEW_JOIN,
    VIEW_TOP,
    ALERT,
    SINK,
    SINK_STDOUT,
    SINK_FILE,
    notify::ACTION,
    notify::ACTION_LOG,
    notify::ACTION_FILE,
    notify::ACTION_WEBHOOK,
    notify::ACTION_SLACK,
    notify::ACTION_ALERTMANAGER,
    notify::ACTION_PAGERDUTY,
    notify::ACTION_EMAIL,
    notify::ACTION_COMMAND,
    notify::INHIBITION,
    notify::SILENCE,
    notify::NOTIFY,
];
