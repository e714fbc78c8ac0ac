//! Matches of patterns, the newest first, with what their rows have of their events.

use super::answer::{Answer, Wrong, json};
use super::face::Face;
use super::fields::{Fields, Span};
use super::results::gather;
use super::routes::Ask;
use super::store::{Row, Scan};
use crate::event::Value;
use crate::result::{RowKind, RowRef, RowSchema};
use serde::Serialize;
use std::sync::Arc;

/// Matches in one answer, at most.
const MOST: usize = 1000;

/// The columns that a row has of itself, where the pattern asks for them.
const TIMED_OUT: &str = "timed_out";
const EVENTS: &str = "events";

#[derive(Serialize)]
struct Match<'a> {
    pattern: &'a str,
    /// The key; empty where the pattern has none.
    key: Fields<'a>,
    #[serde(flatten)]
    span: Span,
    revision: u32,
    /// The step that a partial match had reached when it ran out of time.
    timed_out: Option<&'a str>,
    values: Fields<'a>,
    /// Its events by step, as the pattern shows them.
    #[serde(flatten)]
    events: Fields<'a>,
}

#[derive(Serialize, Default)]
struct Pattern<'a> {
    name: &'a str,
    matches: u64,
    timed_out: u64,
    partial_matches: i64,
    no_key: u64,
}

#[derive(Serialize)]
struct Matches<'a> {
    patterns: Vec<Pattern<'a>>,
    matches: Vec<Match<'a>>,
}

fn shown<'a>(schema: &'a RowSchema, row: RowRef<'a>) -> Match<'a> {
    let mut values = Vec::new();
    let (mut timed_out, mut events) = (None, Vec::new());
    for (name, value) in schema.values.iter().zip(row.values()) {
        match name.as_str() {
            TIMED_OUT => timed_out = value.as_str(),
            EVENTS => events.push((EVENTS, value)),
            name => values.push((name, value)),
        }
    }
    Match {
        pattern: &schema.name,
        key: Fields(schema.dimensions.iter().map(String::as_str).zip(row.dimensions()).collect()),
        span: Span::of((row.head.window_start, row.head.window_end)),
        revision: row.head.revision,
        timed_out,
        values: Fields(values),
        events: Fields(events),
    }
}

/// `/v1/matches`
pub(super) fn list(face: &Face, ask: &Ask) -> Answer {
    let question = &ask.question;
    let patterns = || face.schemas.iter().enumerate().filter(|(_, schema)| schema.kind == RowKind::Match);
    let names = question.list("pattern");
    if let Some(wrong) = names.iter().find(|name| patterns().all(|(_, schema)| schema.name != **name)) {
        let all: Vec<&str> = patterns().map(|(_, schema)| schema.name.as_str()).collect();
        let help = crate::error::suggest(wrong, all.iter().copied(), "patterns are");
        return Err(Wrong::question(format!("no pattern is called '{wrong}'"), help));
    }
    let limit = question.count("limit", 100, MOST)?;
    let (from, until) = (question.moment("from")?, question.moment("until")?);
    let out_of_time = match question.word("timed_out", &["all", "true", "false"])? {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    };
    let key = question.get("key");
    let mut found: Vec<(usize, Arc<Row>)> = Vec::new();
    for (part, schema) in patterns().filter(|(_, s)| names.is_empty() || names.contains(&s.name.as_str())) {
        let at = schema.values.iter().position(|name| name == TIMED_OUT);
        let wanted = |row: RowRef<'_>| {
            let late = at.is_some_and(|at| row.values().nth(at).is_some_and(|value| value != Value::Null));
            until.is_none_or(|until| row.head.window_start < until)
                && out_of_time.is_none_or(|wants| wants == late)
                && key.is_none_or(|key| row.dimensions().any(|value| super::question::is(value, key)))
        };
        let scan = Scan { newest_first: true, ends_behind: from, ..Scan::default() };
        let rows = gather(face, (part as u32, until), scan, limit, wanted).rows;
        found.extend(rows.into_iter().map(|row| (part, row)));
    }
    // Stable: within a pattern the order of the store stays.
    found.sort_by_key(|(_, row)| std::cmp::Reverse(row.get().head.window_end));
    found.truncate(limit);
    let run = face.snapshot();
    let about = |(_, schema): (usize, &'_ RowSchema)| -> Pattern<'_> {
        let counts = run.as_ref().and_then(|(run, _)| run.parts.iter().find(|part| part.name == schema.name));
        let name = face.schemas.iter().find(|one| one.name == schema.name).map_or("", |one| one.name.as_str());
        counts.map_or(Pattern { name, ..Pattern::default() }, |counts| Pattern {
            name,
            matches: counts.matches,
            timed_out: counts.timed_out,
            partial_matches: counts.partial_matches,
            no_key: counts.no_key,
        })
    };
    let matches = found.iter().map(|(part, row)| shown(&face.schemas[*part], row.get())).collect();
    Ok(json(&Matches { patterns: patterns().map(about).collect(), matches }))
}
