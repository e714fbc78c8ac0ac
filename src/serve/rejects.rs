//! The newest lines that were no events.

use super::answer::{Answer, json};
use super::face::Face;
use super::fields::moment;
use super::routes::Ask;
use crate::observe::Rejected;
use serde_json::{Map, Value, json as value};

/// Lines in one answer, at most.
const MOST: usize = 1000;

/// `/v1/rejects`
pub(super) fn list(face: &Face, ask: &Ask) -> Answer {
    let question = &ask.question;
    let limit = question.count("limit", 100, MOST)?;
    let (sources, reasons) = (question.list("source"), question.list("reason"));
    let wanted = |one: &Rejected| {
        (sources.is_empty() || sources.contains(&one.source.as_str()))
            && (reasons.is_empty() || reasons.contains(&&*one.reason))
    };
    let phase = face.phase();
    let (list, kept) = phase.metrics().map_or((Vec::new(), 0), |metrics| metrics.rejects().newest(limit, wanted));
    let list: Vec<Value> = list
        .into_iter()
        .map(|one| {
            value!({
                "number": one.number,
                "seen": moment(one.seen),
                "source": one.source,
                "partition": one.partition,
                "position": one.position,
                "length": one.length,
                "reason": one.reason,
                "detail": one.detail,
                "line": one.line,
                "cut": one.cut,
            })
        })
        .collect();
    let run = face.snapshot();
    let sources = run.iter().flat_map(|(run, _)| &run.sources);
    let counted: Map<String, Value> = sources
        .map(|source| {
            let by = source.rejected.iter().filter(|(_, n)| *n > 0);
            let by: Map<String, Value> = by.map(|(reason, n)| (reason.clone(), (*n).into())).collect();
            (source.name.clone(), by.into())
        })
        .collect();
    Ok(json(&value!({ "rejects": list, "kept": kept, "counted": counted })))
}
