//! The sections of `[recommendations]` in the one list of everything that a pipeline file can say.

use super::{ANY_SPAN, WINDOW_SPAN, key, optional, required};
use crate::config::reference::{KeyKind, Section};

/// The most rows of an item or a user.
const MOST: u64 = 1_000;

pub(in crate::config) static RECOMMENDATION: Section = Section {
    path: "recommendations.<name>",
    of: None,
    noun: "a recommendation",
    doc: "Items that are seen together: for each item the first others, kept up to date. Two sightings of one user that are near \
          in time are a pair where their items differ; the pair counts once for either item. The columns of a row are `item`, \
          `other`, `times` (how often they were seen together), `score` (the sum of what the pairs weigh, at the moment of the \
          statement, which is `window_end`) and `rank` from 1; of equal scores the lesser item comes first. The rows of an \
          item are stated again where its list has changed; that its scores fade is no change. With `per_user` there are rows \
          of a second part, `<name>.users`, with `user`, `item`, `score` and `rank`.",
    keys: &[
        required("from", KeyKind::Parts, "The sources and streams it reads, one or a list.", "\"shopping\""),
        required(
            "by",
            KeyKind::Sql,
            "Who sees: a user or a session. Events for which it is NULL are left out, and counted.",
            "\"user_id\"",
        ),
        required(
            "item",
            KeyKind::Sql,
            "What is seen. Events for which it is NULL are left out, and counted.",
            "\"data.page\"",
        ),
        key("where", KeyKind::Sql, "Which events are sightings. Not given: all.", "\"data.action = 'view_product'\""),
        required(
            "within",
            WINDOW_SPAN,
            "How far apart in event time two sightings of a user are at most that make a pair.",
            "\"30m\"",
        ),
        key(
            "half_life",
            WINDOW_SPAN,
            "What is seen together now counts twice as much as what was seen this much earlier. Not less than `every`. Not given: \
             what is seen does not fade.",
            "\"1d\"",
        ),
        key(
            "weight",
            KeyKind::Sql,
            "How much a sighting counts, up to a million (2^20); a pair counts as much as both multiplied. Where it is NULL, no \
             number, or not above 0, the sighting is left out. Not given: 1.",
            "\"CASE WHEN data.action = 'buy' THEN 5 ELSE 1 END\"",
        ),
        optional(
            "every",
            WINDOW_SPAN,
            "\"1m\"",
            "The step of event time at which rows are stated: what is seen counts at the next one. What comes late counts at the \
             next one then.",
            "\"1m\"",
        ),
        optional(
            "keep",
            WINDOW_SPAN,
            "\"7d\"",
            "For how long a pair counts, and up to a 64th of it longer; at most 1000 half-lives. Items that have not been seen \
             together for so long leave the state, and their rows are taken back when something is seen next.",
            "\"30d\"",
        ),
        optional("n", KeyKind::Count { least: 1, most: MOST }, "10", "How many others an item has at most.", "5"),
        optional(
            "min_times",
            KeyKind::Count { least: 1, most: 1 << 40 },
            "1",
            "Others that were seen with an item less often than this are left out.",
            "2",
        ),
        optional(
            "max_pairs",
            KeyKind::Count { least: 1, most: MOST },
            "100",
            "With how many sightings of its user before it, the nearest ones, a sighting makes pairs at most; one that comes \
             behind others by event time with as many after it. What has more near it is counted (`left_out`).",
            "20",
        ),
        key(
            "per_user",
            KeyKind::Table,
            "Items for each user as well: those that stand in the lists of the items that it saw last, and are none of these.",
            "{ n = 5 }",
        ),
        optional(
            "allowed_lateness",
            ANY_SPAN,
            "\"0s\"",
            "How late a sighting may be. What comes later is counted and dropped.",
            "\"1m\"",
        ),
    ],
    planned: &[],
};

pub(in crate::config) static RECOMMENDATION_USERS: Section = Section {
    path: "recommendations.<name>.per_user",
    of: None,
    noun: "the per_user of a recommendation",
    doc: "What each user gets: of the lists of the items that it saw last the first others, by the sum of their scores. The rows \
          of a user are stated again where it has seen something, and where one of these lists has changed.",
    keys: &[
        optional("n", KeyKind::Count { least: 1, most: MOST }, "10", "How many items a user has at most.", "5"),
        optional(
            "recent",
            KeyKind::Count { least: 1, most: 1_000 },
            "20",
            "How many items a user is remembered by: those that it saw last.",
            "5",
        ),
        optional("keep", WINDOW_SPAN, "\"30d\"", "How long a user is remembered to have seen an item.", "\"1d\""),
    ],
    planned: &[],
};
