//! The one list of everything that a pipeline file can say: sections, keys, types, defaults, words.
//!
//! The reader takes keys, bounds, words and defaults from here, so that what `check` accepts, what the documentation
//! prints and what completions offer cannot differ. One file a section; what several need, and the list of all, is here.

mod alert;
mod join;
pub(super) mod notify;
mod observe;
mod pattern;
mod recommendation;
mod serve;
mod sink;
mod source;
mod stream;
mod table;
mod view;
mod window;

pub(super) use alert::ALERT;
pub(super) use join::{JOIN, JOIN_ON, JOIN_WITHIN};
pub(super) use observe::{OBSERVE, OBSERVE_OTLP};
pub(super) use pattern::PATTERN;
pub(super) use recommendation::{RECOMMENDATION, RECOMMENDATION_USERS};
pub(super) use serve::{SERVE, SERVE_TLS, SERVE_TOKENS};
pub(super) use sink::{SINK, SINK_FILE, SINK_STDOUT};
pub(super) use source::{SOURCE, SOURCE_FILE, SOURCE_GENERATE, SOURCE_HTTP, SOURCE_STDIN, SOURCE_TIME};
pub(super) use stream::{STREAM, STREAM_DEDUP, STREAM_SAMPLE};
pub(super) use table::{STREAM_ENRICH, TABLE, TABLE_FILE, TABLE_POSTGRES, TABLE_REDIS, TABLE_STREAM, TABLE_TIME};
pub(super) use view::{VIEW, VIEW_JOIN, VIEW_TOP};
pub(super) use window::WINDOW;

use super::reference::{Key, KeyKind, Section};
use super::size::ByteSize;
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

/// A key of what is written as CSV.
const UNIT: Key = optional(
    "unit",
    word(&["s", "ms", "us", "ns", "rfc3339"], &[]),
    "\"s\"",
    "How it is written: a number of seconds (fractions are read), milliseconds, microseconds or nanoseconds since 1970, or \
     RFC 3339 text.",
    "\"ms\"",
);
const DELIMITER: Key = optional(
    "delimiter",
    KeyKind::Character { none: false },
    "\",\"",
    "Of `csv`: what stands between fields.",
    "\";\"",
);
/// A key of what is written as CSV.
const QUOTE: Key = optional(
    "quote",
    KeyKind::Character { none: true },
    "'\"'",
    "Of `csv`: what stands around a field that has delimiters in it; within, two stand for one. Empty: nothing \
             does, and quotes are text.",
    "\"'\"",
);
/// A key of what is written as CSV.
const NULL: Key = optional(
    "null",
    KeyKind::AnyText,
    "\"\"",
    "Of `csv`: the text of a field that has no value; the same text in quotes is text.",
    "\"NA\"",
);

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
        key("observe", KeyKind::Table, "Where traces and logs of the run go.", "{ otlp = {} }"),
        required("sources", KeyKind::Table, "Where events come from, one table a source.", "{}"),
        key("tables", KeyKind::Table, "Rows that are looked up by a key, one table a table.", "{}"),
        key("streams", KeyKind::Table, "Filters and derived fields, one table a stream.", "{}"),
        key("joins", KeyKind::Table, "Pairs of events of two streams, one table a join.", "{}"),
        key("windows", KeyKind::Table, "Aggregates over windows of event time, one table a window.", "{}"),
        key("patterns", KeyKind::Table, "Sequences of events of a key, one table a pattern.", "{}"),
        key("recommendations", KeyKind::Table, "Items that are seen together, one table a recommendation.", "{}"),
        key("views", KeyKind::Table, "Queries over the rows of these and of each other, one table a view.", "{}"),
        key("alerts", KeyKind::Table, "Conditions over rows, and what becomes of them, one table an alert.", "{}"),
        key(
            "sinks",
            KeyKind::Table,
            "Where rows go, one table a sink. A file without a sink prints a table of every window, pattern, recommendation, view and alert to standard output.",
            "{}",
        ),
        key("actions", KeyKind::Table, "Who is told about alerts, one table an action.", "{}"),
        key("inhibitions", KeyKind::Table, "Alerts that keep others quiet, one table an inhibition.", "{}"),
        key("silences", KeyKind::Table, "Times in which nobody is told, one table a silence.", "{}"),
        key("notify", KeyKind::Table, "What holds for all who are told.", "{ drain_timeout = \"10s\" }"),
    ],
    planned: &["checkpoint", "cluster", "limits", "models", "top"],
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

static SECTIONS: &[Section] = &[
    TOP,
    RUN,
    SERVE,
    SERVE_TOKENS,
    SERVE_TLS,
    OBSERVE,
    OBSERVE_OTLP,
    SOURCE,
    SOURCE_FILE,
    SOURCE_STDIN,
    SOURCE_HTTP,
    SOURCE_GENERATE,
    SOURCE_TIME,
    TABLE,
    TABLE_FILE,
    TABLE_TIME,
    TABLE_STREAM,
    TABLE_POSTGRES,
    TABLE_REDIS,
    STREAM,
    STREAM_ENRICH,
    STREAM_SAMPLE,
    STREAM_DEDUP,
    JOIN,
    JOIN_ON,
    JOIN_WITHIN,
    WINDOW,
    PATTERN,
    RECOMMENDATION,
    RECOMMENDATION_USERS,
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
