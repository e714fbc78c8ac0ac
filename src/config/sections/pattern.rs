//! What `[patterns.<name>]` can say.

use super::{ANY_SPAN, LONGEST, SHORTEST, WINDOW_SPAN, key, optional, required, word};
use crate::config::reference::{KeyKind, Section};

pub(in crate::config) static PATTERN: Section = Section {
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
