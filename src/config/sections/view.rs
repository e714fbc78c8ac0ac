//! The sections of `[views]`.

use super::{WINDOW_SPAN, key, optional, required, word};
use crate::config::reference::{KeyKind, Section};

pub(in crate::config) static VIEW: Section = Section {
    path: "views.<name>",
    of: None,
    noun: "a view",
    doc: "A query over the rows of windows, patterns, recommendations and other views, kept right as these are corrected. Its clauses hold in \
          the order of this table. Rows of it change for as long as those that they are made of; provisional rows do not get \
          here. It is read like a window: by sinks, alerts and other views.",
    keys: &[
        required(
            "from",
            KeyKind::Parts,
            "The windows, patterns, recommendations and views it reads, one or a list. Of several it has the rows of all, which must have the \
             same columns, and groups that are in one of them alone.",
            "\"service_health\"",
        ),
        key(
            "join",
            KeyKind::Table,
            "Adds columns of the rows of another window, pattern or view.",
            "{ with = \"user_activity\", on = [], add = { other = \"n\" } }",
        ),
        key(
            "set",
            KeyKind::SqlTable,
            "Columns that are computed, each over those before it. A name that is a value of the row takes its place. Series \
             functions look at earlier windows of the same group.",
            "{ twice = \"2 * n\" }",
        ),
        key("where", KeyKind::Sql, "Which rows it keeps. Not given: all.", "\"n > 10\""),
        key(
            "size",
            WINDOW_SPAN,
            "Makes windows over these rows: a row is in those in which its own window ends, the first moment of a window \
             left out, the last taken in. With `select`.",
            "\"1h\"",
        ),
        key(
            "slide",
            WINDOW_SPAN,
            "How far apart these windows begin. Not given: `size`, so that no two overlap.",
            "\"10m\"",
        ),
        key(
            "group_by",
            KeyKind::Dimensions,
            "The dimensions of these windows: names and SQL expressions over columns, or a list of columns. Not given: one row \
             a window.",
            "{ level = \"n\" }",
        ),
        key(
            "select",
            KeyKind::SqlTable,
            "The values of these windows: names and SQL expressions of aggregates over the rows.",
            "{ events = \"sum(n)\" }",
        ),
        key(
            "having",
            KeyKind::Sql,
            "Which of the rows made so far it keeps: over the columns of `select`, where there is one. Not given: all.",
            "\"n > 3\"",
        ),
        key(
            "distinct",
            KeyKind::Names,
            "One row for each window and value of these columns, which are its dimensions; others are left out.",
            "[\"n\"]",
        ),
        key(
            "top",
            KeyKind::Table,
            "Only the first rows of each window by some value; adds the column `rank`, from 1.",
            "{ n = 3, by = \"n\" }",
        ),
        key(
            "columns",
            KeyKind::Names,
            "The values that rows have, in this order; dimensions are always there. Not given: all.",
            "[\"n\"]",
        ),
    ],
    planned: &[],
};

pub(in crate::config) static VIEW_JOIN: Section = Section {
    path: "views.<name>.join",
    of: None,
    noun: "the join of a view",
    doc: "Adds columns of rows of another part to the rows of a view. Without `within` rows of the same window meet: both \
          begin and end at the same moments. Dimensions of the other part that are not in `on` are dimensions of the \
          joined rows, so that several partners give a row each.",
    keys: &[
        required(
            "with",
            KeyKind::Text,
            "The window, pattern, view or table whose columns are added. Of a table the row as it is now, or, where its keys have versions (a file with `time`, a table of events), that which held in the last moment of the window, or at the last event of the match; when the file of a table with `refresh` changes, or a version comes late, rows that may still change are joined anew.",
            "\"user_activity\"",
        ),
        required(
            "on",
            KeyKind::Pairs,
            "The columns that are equal: a list of names that both have, or a table of names here and names there. Values \
             that are NULL meet none. An empty list: rows of the same window, whatever they have.",
            "[]",
        ),
        optional(
            "kind",
            word(&["inner", "left"], &["full", "right"]),
            "\"inner\"",
            "What becomes of rows without a partner: `inner` leaves them out, `left` has NULLs for what is added.",
            "\"left\"",
        ),
        key(
            "within",
            WINDOW_SPAN,
            "The partner is the newest row whose window (match) ends with the row or before it, by less than this; of \
             several with one window the last in the order of its dimensions. Not given: rows of the same window.",
            "\"1h\"",
        ),
        key(
            "add",
            KeyKind::Pairs,
            "The columns that are added: a list of names, or a table of new names and names there. Not given: all values of \
             the other part.",
            "{ other = \"n\" }",
        ),
    ],
    planned: &[],
};

pub(in crate::config) static VIEW_TOP: Section = Section {
    path: "views.<name>.top",
    of: None,
    noun: "the top of a view",
    doc: "Which rows of a window a view keeps, by a value. NULLs come last, and ties go by the dimensions, so the answer is \
          one.",
    keys: &[
        required("n", KeyKind::Count { least: 1, most: 1_000_000 }, "How many rows are kept.", "10"),
        required("by", KeyKind::Sql, "What rows are ordered by.", "\"n\""),
        optional(
            "order",
            word(&["desc", "asc"], &[]),
            "\"desc\"",
            "Whether the greatest come first or the least.",
            "\"asc\"",
        ),
        optional(
            "per",
            KeyKind::Names,
            "[\"window\"]",
            "So many for each window and value of these columns; `window` may be named, and holds anyway.",
            "[\"window\", \"n\"]",
        ),
    ],
    planned: &[],
};
