//! The sections of `[joins]` in the one list of everything that a pipeline file can say.

use super::{ANY_SPAN, LONGEST, optional, required, word};
use crate::config::reference::{KeyKind, Section};
use crate::time::Span;

pub(in crate::config) static JOIN: Section = Section {
    path: "joins.<name>",
    of: None,
    noun: "a join",
    doc: "Pairs of events of two streams that have the same key and are near in time. A join is read like a stream: streams, \
          windows, patterns and joins take it in `from`, `left` or `right`. The fields of a pair are `left.x` and `right.x`; its \
          event time is the later of the two.",
    keys: &[
        required("left", KeyKind::Text, "The source, stream or join on the left.", "\"orders\""),
        required(
            "right",
            KeyKind::Text,
            "The source, stream or join on the right. It may be the one on the left: each of its events is on both sides then, \
             and makes a pair with itself too.",
            "\"payments\"",
        ),
        required(
            "on",
            KeyKind::SqlOrSection,
            "What the two events of a pair have in common: an SQL expression over the fields of either, or one for each side. An \
             event for which it is NULL has no partner.",
            "\"order_id\"",
        ),
        required(
            "within",
            KeyKind::SpanOrSection { least: Span::ZERO, most: LONGEST },
            "How far apart in event time the two events are at most, whichever is earlier; or how much earlier, and how much \
             later, than the left event the right one may be. What is exactly that far away is a partner.",
            "\"5m\"",
        ),
        optional(
            "kind",
            word(&["inner", "left"], &["full", "right"]),
            "\"inner\"",
            "Which events there are. `inner`: pairs. `left`: pairs, and each left event that has no partner, with its own time \
             and NULL for every field of the right side; it is known when the watermark has passed its time, `after` and \
             `allowed_lateness`, so the watermark behind the join stays that far behind, and what reads it waits so long.",
            "\"left\"",
        ),
        optional(
            "allowed_lateness",
            ANY_SPAN,
            "\"0s\"",
            "How long events are kept, beyond the time in which an event that is not late can be their partner. Events that are \
             late by no more than this find all of their partners; later ones find those that are still kept, and are counted as \
             too late where that cannot be any, or where a left one finds none.",
            "\"1m\"",
        ),
    ],
    planned: &[],
};

pub(in crate::config) static JOIN_ON: Section = Section {
    path: "joins.<name>.on",
    of: None,
    noun: "the key of a join",
    doc: "What the two events of a pair have in common, where the sides name it differently.",
    keys: &[
        required("left", KeyKind::Sql, "Over the fields of a left event.", "\"id\""),
        required("right", KeyKind::Sql, "Over the fields of a right event.", "\"data.order\""),
    ],
    planned: &[],
};

pub(in crate::config) static JOIN_WITHIN: Section = Section {
    path: "joins.<name>.within",
    of: None,
    noun: "the time of a join",
    doc: "When the right event of a pair may be, seen from the left one.",
    keys: &[
        optional("before", ANY_SPAN, "\"0s\"", "How much earlier it may be.", "\"1m\""),
        optional("after", ANY_SPAN, "\"0s\"", "How much later it may be.", "\"5m\""),
    ],
    planned: &[],
};
