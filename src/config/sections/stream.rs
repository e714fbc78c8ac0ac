//! What `[streams.<name>]` can say, but for lookups in tables.

use super::{SHARE, WINDOW_SPAN, key, optional, required};
use crate::config::reference::{KeyKind, Section};

pub(in crate::config) static STREAM: Section = Section {
    path: "streams.<name>",
    of: None,
    noun: "a stream",
    doc: "Some events of a source or another stream, with fields that are computed.",
    keys: &[
        required(
            "from",
            KeyKind::Parts,
            "The sources and streams it reads, one or a list. Of several it is the union: all events of each. An event \
             that comes by two roads counts twice; a field that only one of them has is NULL for the other.",
            "[\"events\", \"spare\"]",
        ),
        key(
            "rest_of",
            KeyKind::Parts,
            "Streams with the same `from`: this one has the events that none of them took by its `where` and `sample`.",
            "\"shopping_errors\"",
        ),
        key(
            "enrich",
            KeyKind::TableOrList,
            "Looks rows up in tables and adds columns of them to the events, before all that is below; one lookup or a list \
             of them.",
            "{ table = \"users\", key = \"user_id\", add = [\"country\", \"plan\"] }",
        ),
        key(
            "where",
            KeyKind::Sql,
            "Which events it keeps. Not given: all.",
            "\"event_type IN ('user_action', 'transaction')\"",
        ),
        key(
            "sample",
            KeyKind::NumberOrTable { least: 0.0, most: 1.0 },
            "The share of these that it keeps, chosen by content: the same events in every run, at any width. A number: \
             each event for itself; a table: all events of a key or none.",
            "0.1",
        ),
        key(
            "set",
            KeyKind::SqlTable,
            "Fields that are computed; they hide fields of the event with the same name.",
            "{ segment = \"coalesce(tags.user_type, 'unknown')\" }",
        ),
        key(
            "dedup",
            KeyKind::Table,
            "Drops duplicates, after all else: events of a key near one that was kept.",
            "{ by = \"event_id\", within = \"10m\" }",
        ),
    ],
    planned: &[],
};

pub(in crate::config) static STREAM_SAMPLE: Section = Section {
    path: "streams.<name>.sample",
    of: None,
    noun: "the sample of a stream",
    doc: "Which share of its events a stream keeps, as `{ rate = 0.1, by = \"user_id\" }`. A lower rate keeps some of what \
          a higher one keeps. The rule: h is the rapidhash v3 of the key (of text its bytes, of anything else 9 bytes: its \
          type and value), or without `by` that of the event time in microseconds and the place in the partition, as 16 \
          bytes; an event is kept where the SplitMix64 finaliser of h xor (seed * 0x9e3779b97f4a7c15) is below rate * 2^64.",
    keys: &[
        required("rate", SHARE, "The share that is kept.", "0.1"),
        key(
            "by",
            KeyKind::Sql,
            "Events that have the same value here are kept or left out together; those without one (NULL) too. Not \
             given: each event for itself.",
            "\"user_id\"",
        ),
        optional(
            "seed",
            KeyKind::Count { least: 0, most: i64::MAX as u64 },
            "0",
            "Another seed makes another choice. Streams with one seed and key choose alike.",
            "7",
        ),
    ],
    planned: &[],
};

pub(in crate::config) static STREAM_DEDUP: Section = Section {
    path: "streams.<name>.dedup",
    of: None,
    noun: "the dedup of a stream",
    doc: "Which events of a stream are duplicates. They are looked at in the order of event time, those behind their \
          tick when it comes, and ties by partition and place. One is dropped where another of the same key was kept \
          whose event time is less than `within` away, before or behind. An event that is too late for every window behind \
          the stream (by its longest size or gap and allowed lateness; for a global window, by `within`) is passed on to be counted there. Memory is some \
          60 bytes for each event kept in the last `within` and the time of those windows.",
    keys: &[
        required(
            "by",
            KeyKind::Sql,
            "What duplicates have in common. Events without it (NULL) are kept.",
            "\"event_id\"",
        ),
        required("within", WINDOW_SPAN, "How near in event time a duplicate is.", "\"10m\""),
    ],
    planned: &[],
};
