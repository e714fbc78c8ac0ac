//! What `[windows.<name>]` can say.

use super::{ANY_SPAN, WINDOW_SPAN, key, optional, required, word};
use crate::config::reference::{KeyKind, Section};

pub(in crate::config) static WINDOW: Section = Section {
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
