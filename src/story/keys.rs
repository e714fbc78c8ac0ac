//! The one list of what a case file can say.

/// One key of a case file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    /// The key.
    pub name: &'static str,
    /// What it takes.
    pub takes: &'static str,
    /// What holds where it is not given; empty where that is nothing.
    pub default: &'static str,
    /// What it does.
    pub doc: &'static str,
    /// A value as TOML.
    pub example: &'static str,
}

/// Every key, in the order of the documentation.
pub const KEYS: &[Key] = &[
    Key {
        name: "pipeline",
        takes: "a path, or a pipeline as text of several lines",
        default: "required",
        doc: "The pipeline: the path of its file, relative to the case, or its text. Its sinks are replaced by one \
              that takes every row of every window and pattern, and it keeps no dead letters: nothing is written.",
        example: "\"shop.toml\"",
    },
    Key {
        name: "input",
        takes: "a table of sources, each with text or `{ file = \"...\" }`, or a list of these",
        default: "",
        doc: "What each source reads, instead of its own files or standard input: the lines as text, in the source's \
              format (of `csv` with its header), or files relative to the case. Each item of a list is a partition. \
              Format, `time`, `out_of_orderness` and all else of the source hold; of a source with the clock \
              `processing` the clock stands still, at 1970-01-01T00:00:00Z. Every source needs an input, except \
              `generate`, which gives its own events where it has none. A table of type `file` may be given its rows here \
              too; else it reads its own file. One of a server must be: its rows are lines of JSON then. No table is looked at \
              again.",
        example: "{ events = '{\"timestamp\": 1767614400}' }",
    },
    Key {
        name: "expect",
        takes: "rows as text, or a table of windows and patterns, each with its rows as text",
        default: "",
        doc: "The rows, one JSON object a line, as a sink with `format = \"json\"` and `mode = \"changes\"` writes \
              them. As one text: every row there is. As a table: those of the windows and patterns it names, the \
              others may give any. Rows are told apart by `name` (not needed in a table), `window_start`, `window_end`, the \
              group (of the row of all groups beyond `max_groups` by `\"overflow\":true`), `revision` (0 where it is left \
              out), `op` (`+`) and, where it is provisional, `early`; their order does not matter. A row of a pattern has `match_start`, `match_end` and `key` in \
              place of window and group; what several have in common, their values and `events` tell apart. Of the \
              values only those a row names are compared. Numbers are compared by value (5 is 5.0), times as moments.",
        example: "{ w = '{\"window_start\":\"2026-01-05T12:00:00Z\",\"window_end\":\"2026-01-05T12:00:10Z\",\"n\":1}' }",
    },
    Key {
        name: "expect_counts",
        takes: "a table of counters and whole numbers",
        default: "",
        doc: "What the counters of sources and parts say at the end, over all of them (`late = 1`), of one \
              (`w.too_late = 1`) or of one label (`rejected.syntax = 1`).",
        example: "{ late = 1, rejected = 0 }",
    },
    Key {
        name: "expect_error",
        takes: "text",
        default: "",
        doc: "The run must fail, with this text in its error: a code such as `source.bad`, or words of the message. \
              It has no rows and no counts then.",
        example: "\"source.bad\"",
    },
    Key {
        name: "exact",
        takes: "true or false",
        default: "false",
        doc: "Whether expected rows must name every value, and `approx` where a row has it.",
        example: "true",
    },
    Key {
        name: "tolerance",
        takes: "a number",
        default: "0",
        doc: "How far numbers among the values may be apart: by this much, or by this share of the larger one.",
        example: "1e-9",
    },
    Key {
        name: "workers",
        takes: "a list of whole numbers, 1 to 64",
        default: "[1, 2, 3]",
        doc: "How many workers the case runs with: once for each, in blocks of the ordinary size, and once more in \
              blocks that are a small share of the input. Every run must give the same bytes.",
        example: "[1, 4]",
    },
    Key {
        name: "set",
        takes: "a list of texts",
        default: "",
        doc: "What is changed in the pipeline, as with `--set`.",
        example: "[\"windows.w.size=20s\"]",
    },
    Key {
        name: "env",
        takes: "a table of names and texts",
        default: "",
        doc: "The environment variables that the pipeline sees; there are no others.",
        example: "{ REGION = \"eu\" }",
    },
];
