//! What a pipeline file can say of tables, and of the lookups of streams in them; part of the list in [`super`].

use super::{DELIMITER, NULL, QUOTE, TYPES, WINDOW_SPAN, key, optional, required, word};
use crate::config::reference::{KeyKind, Section};

pub(in crate::config) static TABLE: Section = Section {
    path: "tables.<name>",
    of: None,
    noun: "a table",
    doc: "Rows that are looked up by a key. Streams add columns of them to events (`enrich`).",
    keys: &[
        required("type", word(&["file", "stream"], &["postgres", "redis"]), "Where the rows come from.", "\"file\""),
        required(
            "key",
            KeyKind::Names,
            "The column, or the columns, that a row is looked up by. Numbers that are equal are the same key (`1` and `1.0`); \
             text and numbers never are. A row where one of them is NULL is in no lookup, and counted.",
            "\"user_id\"",
        ),
    ],
    planned: &[],
};

pub(in crate::config) static TABLE_FILE: Section = Section {
    path: "tables.<name>",
    of: Some("file"),
    noun: "a table of type file",
    doc: "A file of rows, read as a whole before the first event. Every process reads its own copy, which its workers \
          share; only the columns that something reads are kept. A line that is no row ends the run with its number. Of \
          rows with the same key (and, with `time`, the same time) the last counts; the others are counted.",
    keys: &[
        required("path", KeyKind::Path, "The file, relative to the working directory.", "\"users.csv\""),
        key(
            "format",
            word(&["json", "csv"], &["parquet"]),
            "`json` is one JSON object a line, dots stand for nested fields; `csv` is fields between delimiters, with a \
             first line that names the columns. Not given: by the path's ending, `.ndjson`, `.jsonl` and `.json`, or `.csv`.",
            "\"csv\"",
        ),
        key(
            "refresh",
            WINDOW_SPAN,
            "How often it is looked whether the file has changed; a changed file is read again and takes the place of the \
             old rows all at once. One that cannot be read leaves the old rows as they are, with a warning, and is counted. \
             Which events are looked up in the old rows and which in the new depends on the clock then, so another run or \
             width may give other results; with `time` they do not, as long as a version is in the file before events of its \
             time are read. Replace the file by renaming a new one to its name: half a file is no table. Not given: never.",
            "\"5s\"",
        ),
        key(
            "time",
            KeyKind::Table,
            "Makes rows of a key its versions, each valid from the time in this column on: an event sees the newest that is \
             not after its event time, and before the first none. Not given: a key has one row.",
            "{ field = \"valid_from\", unit = \"s\" }",
        ),
        DELIMITER,
        QUOTE,
        NULL,
        key(
            "types",
            KeyKind::Types { known: TYPES },
            "Of `csv`: what columns are, as of a source. Not named: a number of JSON's grammar is a number, `true` and \
             `false` are truth values, all else is text, each value for itself.",
            "{ user_id = \"text\" }",
        ),
    ],
    planned: &[],
};

pub(in crate::config) static TABLE_TIME: Section = Section {
    path: "tables.<name>.time",
    of: None,
    noun: "the time of a table",
    doc: "From when on a row is valid, and how that is written.",
    keys: &[
        required("field", KeyKind::Field, "The column, dotted where it is nested.", "\"valid_from\""),
        optional(
            "unit",
            word(&["s", "ms", "us", "ns", "rfc3339"], &[]),
            "\"s\"",
            "How it is written: a number of seconds (fractions are read), milliseconds, microseconds or nanoseconds \
             since 1970, or RFC 3339 text.",
            "\"rfc3339\"",
        ),
        key(
            "format",
            KeyKind::Text,
            "Instead of `unit`: how text is written, as `strptime` has it; see the time of a source.",
            "\"%Y-%m-%d\"",
        ),
    ],
    planned: &[],
};

pub(in crate::config) static TABLE_STREAM: Section = Section {
    path: "tables.<name>",
    of: Some("stream"),
    noun: "a table of type stream",
    doc: "The events of a source or stream: each is the newest version of its key's row, from its event time on. An event that is \
          looked up sees the newest version that is not later than it, by event time, partition and place; of the same time, a \
          version comes first. Both are sent to the worker of the key and wait for the watermark, so it does not matter which is \
          read first. A late event sees the version of its own time, as long as something behind still takes it (a window over \
          all of time: of its tick); a late version is seen by what comes behind it, and changes nothing that was said before.",
    keys: &[
        required("from", KeyKind::Parts, "The source, stream or join.", "\"shopping\""),
        key(
            "columns",
            KeyKind::Names,
            "The fields that a row has beside its key. Not given: every field that a lookup asks for.",
            "[\"segment\", \"data.page\"]",
        ),
        key(
            "keep",
            WINDOW_SPAN,
            "How long a row is there after the event that it is of; then its key has none, until the next event. Not given: \
             until a newer one takes its place, so that the newest row of each key is kept for ever.",
            "\"1d\"",
        ),
    ],
    planned: &[],
};

pub(in crate::config) static STREAM_ENRICH: Section = Section {
    path: "streams.<name>.enrich",
    of: None,
    noun: "an enrich of a stream",
    doc: "A lookup for each event. Several are made in their order, and a later one may use what an earlier one added.",
    keys: &[
        required("table", KeyKind::Text, "The table.", "\"users\""),
        required(
            "key",
            KeyKind::SqlList,
            "What is looked up: an SQL expression over the event, or one for each column of the table's key, in its order. \
             Where one is NULL there is no row.",
            "\"user_id\"",
        ),
        required(
            "add",
            KeyKind::Columns,
            "The columns of the table's row that the event gets, or a table of the event's new fields and these; a column with \
             dots gives a field named by its last step. Where there is no row they are NULL.",
            "[\"country\", \"plan\"]",
        ),
    ],
    planned: &[],
};
