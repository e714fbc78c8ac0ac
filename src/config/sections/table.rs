//! What a pipeline file can say of tables, and of the lookups of streams in them; part of the list in [`super`].

use super::{DELIMITER, NULL, QUOTE, SHORTEST, TYPES, UNIT, WINDOW_SPAN, key, optional, required, word};
use crate::config::reference::{Key, KeyKind, Section};
use crate::time::Span;

pub(in crate::config) static TABLE: Section = Section {
    path: "tables.<name>",
    of: None,
    noun: "a table",
    doc: "Rows that are looked up by a key. Streams add columns of them to events (`enrich`).",
    keys: &[
        required("type", word(&["file", "stream", "postgres", "redis"], &[]), "Where the rows come from.", "\"file\""),
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
        UNIT,
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

/// A key of a table of a server.
const SERVER_REFRESH: Key = key(
    "refresh",
    WINDOW_SPAN,
    "How often the whole table is read again. Where something is different the new rows take the place of the old all at \
     once. A table that cannot be read leaves the old rows as they are, with a warning, and is counted. Which events are looked \
     up in the old rows and which in the new depends on the clock then, so another run or width may give other results. Not \
     given: the table is read once, before the first event. Not of `mode = \"lookup\"`.",
    "\"1m\"",
);
/// A key of a table of a server.
const SERVER_TIMEOUT: Key = optional(
    "timeout",
    KeyKind::Span { least: SHORTEST, most: Span(3_600_000_000) },
    "\"10s\"",
    "How long the server may be silent: while it is reached, and before each answer or next rows. In `mode = \"lookup\"` how \
     long a key may wait for its answer; then the event gets NULLs, which is counted, and the run goes on.",
    "\"2s\"",
);
/// A key of a table of a server.
const SERVER_MODE: Key = optional(
    "mode",
    word(&["load", "lookup"], &[]),
    "\"load\"",
    "`load`: the table is read as a whole before the first event, and every process holds a copy. `lookup`, for tables that are \
     too large to hold: a row is asked for when an event needs it, together with those of other events, and kept for a while. \
     What an event sees depends on when it is asked then, so another run or width may give other results; only streams that \
     read sources, and no views, can use such a table.",
    "\"lookup\"",
);
/// A key of a table of a server.
const SERVER_CACHE: Key = optional(
    "cache",
    KeyKind::Count { least: 1, most: 1_000_000_000 },
    "100_000",
    "Of `mode = \"lookup\"`: how many keys a process keeps, those without a row among them. The ones that were not asked for \
     the longest leave.",
    "1_000_000",
);
/// A key of a table of a server.
const SERVER_CACHE_FOR: Key = optional(
    "cache_for",
    WINDOW_SPAN,
    "\"1m\"",
    "Of `mode = \"lookup\"`: how long a row is kept before it is asked for again.",
    "\"10s\"",
);

pub(in crate::config) static TABLE_POSTGRES: Section = Section {
    path: "tables.<name>",
    of: Some("postgres"),
    noun: "a table of type postgres",
    doc: "A table or query of PostgreSQL. Needs a program that was built with `--features postgres`. Only the columns that \
          something reads are asked for. Whole numbers, floats, text, booleans and JSON are what they are; `numeric` is a whole \
          number where it is one of 64 bits, else the nearest float; `timestamptz`, `timestamp` (taken as UTC) and `date` (its \
          midnight) are times; `uuid` and enums are text; NaN and what is infinite is NULL. A column of another type ends the run: \
          cast it to text. Of rows with the same key (and, with `time`, the same time) the one counts whose values are \
          greatest in a fixed order, whatever order the server sends them in; the others are counted. TLS to the server is \
          not in this version.",
    keys: &[
        required(
            "url",
            KeyKind::Secret,
            "The server, the database and who logs in: `postgres://user:password@host:port/database`. It is shown nowhere; \
             `${NAME}` takes it, or a part of it, from the environment.",
            "\"postgres://localhost/shop\"",
        ),
        key(
            "from",
            KeyKind::Text,
            "The table or view, with its schema where it needs one, as the database writes it. Either this or `query`.",
            "\"public.users\"",
        ),
        key(
            "query",
            KeyKind::Text,
            "A query, whose columns are the table's.",
            "\"SELECT id AS user_id, country FROM users WHERE active\"",
        ),
        key(
            "time",
            KeyKind::Table,
            "Makes rows of a key its versions, each valid from the time in this column on: an event sees the newest that is \
             not after its event time, and before the first none. A column of a time is taken as it is, whatever `unit` says. \
             With `refresh`, results do not depend on the clock as long as a version is in the table before events of its \
             time are read. Not given: a key has one row.",
            "{ field = \"valid_from\" }",
        ),
        SERVER_REFRESH,
        SERVER_TIMEOUT,
        SERVER_MODE,
        SERVER_CACHE,
        SERVER_CACHE_FOR,
    ],
    planned: &[],
};

pub(in crate::config) static TABLE_REDIS: Section = Section {
    path: "tables.<name>",
    of: Some("redis"),
    noun: "a table of type redis",
    doc: "Hashes of Redis. Needs a program that was built with `--features redis`. With `match`, each hash of a matching name \
          is a row, and its key column is what stands behind the prefix; a value that is a number of JSON's grammar is a number, \
          `true` and `false` are truth values, all else is text, each for itself. With `hash`, each field of that hash is a row, \
          whose key column is the field's name and whose other columns are those of the JSON object that is its value. What \
          changes while the table is read may be in it or not. Redis 6 or later; its clusters, and TLS, are not in this \
          version.",
    keys: &[
        required(
            "url",
            KeyKind::Secret,
            "The server, who logs in, and the number of the database: `redis://user:password@host:port/0`. It is \
             shown nowhere; `${NAME}` takes it, or a part of it, from the environment.",
            "\"redis://localhost\"",
        ),
        key("match", KeyKind::Text, "The names of hashes: a prefix and `*`. Either this or `hash`.", "\"user:*\""),
        key("hash", KeyKind::Text, "The name of one hash, whose values are JSON objects.", "\"users\""),
        key(
            "types",
            KeyKind::Types { known: TYPES },
            "What the key, and the fields of hashes, are, as with `csv`. Not named: each value says for itself.",
            "{ user_id = \"text\" }",
        ),
        SERVER_REFRESH,
        SERVER_TIMEOUT,
        SERVER_MODE,
        SERVER_CACHE,
        SERVER_CACHE_FOR,
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
