//! What `[sinks.<name>]` can say.

use super::{key, optional, required, word};
use crate::config::reference::{KeyKind, Section};

pub(in crate::config) static SINK: Section = Section {
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
            "The windows, patterns, recommendations, views and alerts whose rows it takes.",
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

pub(in crate::config) static SINK_STDOUT: Section = Section {
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

pub(in crate::config) static SINK_FILE: Section = Section {
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
