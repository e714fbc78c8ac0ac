//! What `[sources.<name>]` can say.

use super::{ANY_SPAN, DELIMITER, NULL, QUOTE, SHARE, TYPES, UNIT, WINDOW_SPAN, key, optional, required, word};
use crate::config::reference::{KeyKind, Section};
use crate::config::size::ByteSize;
use crate::time::Span;

pub(in crate::config) static SOURCE: Section = Section {
    path: "sources.<name>",
    of: None,
    noun: "a source",
    doc: "Where events come from.",
    keys: &[
        required(
            "type",
            word(
                &["file", "stdin", "generate", "http"],
                &["amqp", "kafka", "kinesis", "mqtt", "nats", "pubsub", "pulsar", "rabbitmq", "redis"],
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
             our own. It makes the order of statements depend on the clock, so it is off but for `follow` and `http`, where \
             it is `30s`.",
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
        DELIMITER,
        QUOTE,
        NULL,
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

pub(in crate::config) static SOURCE_FILE: Section = Section {
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

pub(in crate::config) static SOURCE_STDIN: Section = Section {
    path: "sources.<name>",
    of: Some("stdin"),
    noun: "a source of type stdin",
    doc: "Standard input, as one partition. At most one source can be of this type.",
    keys: &[],
    planned: &[],
};

pub(in crate::config) static SOURCE_HTTP: Section = Section {
    path: "sources.<name>",
    of: Some("http"),
    noun: "a source of type http",
    doc: "Events that are sent to the server of the run (`--serve` or `[serve]`), as JSON: POST or WebSocket to \
          `/v1/ingest/<name>`. One partition, in process 0, in the order in which batches are accepted. It has no end: Ctrl-C \
          finishes what was accepted. What was accepted is in memory until it is read.",
    keys: &[
        optional(
            "queue",
            KeyKind::Size { least: ByteSize(1 << 16), most: ByteSize(1 << 40) },
            "\"64MiB\"",
            "How many bytes may be accepted and not yet read, with those on their way in. A batch for which there is no room \
             is refused (429), on a WebSocket it waits.",
            "\"256MiB\"",
        ),
        optional(
            "max_body",
            KeyKind::Size { least: ByteSize(1 << 10), most: ByteSize(1 << 30) },
            "\"16MiB\"",
            "The largest batch, as it is sent and decompressed; at most `queue`, and that where it is not given. On a WebSocket a message is at most 1 MiB.",
            "\"4MiB\"",
        ),
    ],
    planned: &[],
};

pub(in crate::config) static SOURCE_GENERATE: Section = Section {
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

pub(in crate::config) static SOURCE_TIME: Section = Section {
    path: "sources.<name>.time",
    of: None,
    noun: "the time of a source",
    doc: "Which field is the event time, and how it is written; or that the time is that of the clock.",
    keys: &[
        optional("field", KeyKind::Field, "\"timestamp\"", "The field, dotted where it is nested.", "\"data.at\""),
        UNIT,
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
