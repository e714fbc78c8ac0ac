//! What `[alerts.<name>]` can say.

use super::{LONGEST, WINDOW_SPAN, key, optional, required, word};
use crate::config::reference::{KeyKind, Section};
use crate::time::Span;

const SPAN: KeyKind = KeyKind::Span { least: Span::ZERO, most: LONGEST };

pub(in crate::config) static ALERT: Section = Section {
    path: "alerts.<name>",
    of: None,
    noun: "an alert",
    doc: "A rule over the rows of a window, view, pattern or recommendation, one alert a group. It looks at each row of the group in the order of \
          `window_end`, which is its time: all spans are of event time. A late correction of a row corrects what was said of \
          the alert. Each change of an alert is a row of the part, which sinks can take: the dimensions of the source, \
          `alert_id` (the same for all changes of one alert), `state` (`pending`, `firing`, `resolved`, `no_data`), `at`, \
          `since`, `fired_at`, `severity`, `summary`, and the values of the row behind it (of more than 57 the first 57).",
    keys: &[
        required(
            "from",
            KeyKind::Part,
            "The window, view, pattern or recommendation whose rows it looks at.",
            "\"service_health\"",
        ),
        key(
            "when",
            KeyKind::Sql,
            "What is to be told, over the columns of a row. Of a pattern it may be left out: every match is told.",
            "\"errors > 5\"",
        ),
        key(
            "until",
            KeyKind::Sql,
            "When it is over; while neither `when` nor `until` is TRUE it goes on as it is. Where both are, `when` counts. Not \
             given: where `when` is FALSE. NULL ends nothing.",
            "\"errors < 2\"",
        ),
        optional(
            "for",
            SPAN,
            "\"0s\"",
            "It fires at the first row at which `when` has been TRUE for this long, at every row. Before that it is pending, \
             and gone at the first row where `when` is not TRUE. Where there is no row nothing changes.",
            "\"10s\"",
        ),
        optional(
            "keep_firing_for",
            SPAN,
            "\"0s\"",
            "How long what ends it must have held, at every row, without `when` being TRUE again. It ends then, also where \
             no further row comes. Of a pattern: how long after a match it keeps firing; matches in that time belong to it. \
             With `0s` a match is told once.",
            "\"30s\"",
        ),
        key(
            "no_data_after",
            WINDOW_SPAN,
            "After which time without a row of its group an alert that is pending or fires has `no_data`. The next row tells \
             how it goes on. The end of the input is no silence. Not given: never.",
            "\"1m\"",
        ),
        optional(
            "no_data",
            word(&["open", "all"], &[]),
            "\"open\"",
            "Whose silence is told: `open`: of alerts that are pending or fire; `all`: of every group that was seen, which is \
             an alert of its own until the next row. With `all` a group is never forgotten.",
            "\"all\"",
        ),
        optional(
            "pending",
            KeyKind::Flag,
            "false",
            "Rows are made also where an alert becomes pending, and where a pending one is over (`resolved`, without \
             `fired_at`). Nobody is notified of these.",
            "true",
        ),
        optional("severity", KeyKind::Text, "\"warning\"", "How grave it is, a word of your choice.", "\"critical\""),
        key(
            "labels",
            KeyKind::TextTable,
            "Labels that notifications have beside `alert`, `severity` and the dimensions of the group. Their texts may have names \
             of columns in braces, as `summary`.",
            "{ team = \"shop\" }",
        ),
        key(
            "summary",
            KeyKind::Text,
            "What happened, in one line. `{name}` stands for a column of the row or one of `alert`, `alert_id`, `severity`, \
             `state`, `at`, `since`, `fired_at`, `window`; `{name:.1}` for a number with so many decimals; `{{` for a brace. Not \
             given: the name of the alert and what its group is.",
            "\"{service}: {errors} errors in {window}\"",
        ),
        key(
            "annotations",
            KeyKind::TextTable,
            "Further texts of notifications, as `summary`.",
            "{ runbook = \"https://example.com/{service}\" }",
        ),
        key(
            "notify",
            KeyKind::Names,
            "Who is told of its changes, one or a list: names of `[actions]`; `log` writes them to the program's log. Not given: \
             nobody; its rows go to sinks all the same.",
            "\"log\"",
        ),
    ],
    planned: &[],
};
