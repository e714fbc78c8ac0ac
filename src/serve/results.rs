//! Rows of a part, as JSON, NDJSON or CSV, a page at a time.
//!
//! Where rows are kept on disk too, those that have left memory come from there: each row once, in order, wherever it is.
//!
//! Cost: the store is held for at most [`LOOK`] rows at a time; text is made outside. On disk at most [`DEEP`] rows are looked at.

use super::answer::{Answer, Wrong, text};
use super::face::{Face, Shelf};
use super::history::History;
use super::routes::{Ask, RESULTS, route};
use super::store::{Row, Scan, Spot};
use crate::error::suggest;
use crate::result::{RowRef, RowSchema};
use crate::sink::{CsvRows, JsonRows, Times};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::sync::Arc;

/// How many rows are looked at before others may have the store.
const LOOK: usize = 20_000;
/// How many rows on disk are looked at for one question; a cursor goes on behind them.
const DEEP: usize = 200_000;
/// How many rows an answer has, at most.
const MOST: usize = 10_000;

/// Says that there is no such part.
pub(super) fn no_part(face: &Face, name: &str) -> Wrong {
    let names = || face.schemas.iter().map(|s| s.name.as_str());
    let help = suggest(name, names(), "there are");
    let message = format!("no window, pattern or other part with rows is called '{name}'");
    Wrong::new(StatusCode::NOT_FOUND, super::access::Refusal::Path, "api.part", message, help)
}

fn write_cursor(newest_first: bool, spot: &Spot) -> String {
    let mut bytes = vec![u8::from(newest_first)];
    bytes.extend_from_slice(&spot.end.to_le_bytes());
    bytes.extend_from_slice(&spot.start.to_le_bytes());
    bytes.extend_from_slice(&(spot.key.len() as u32).to_le_bytes());
    bytes.extend_from_slice(&spot.key);
    bytes.extend_from_slice(&spot.values);
    URL_SAFE_NO_PAD.encode(bytes)
}

fn read_cursor(newest_first: bool, text: &str) -> Option<Spot> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    let (order, rest) = bytes.split_first()?;
    let (end, rest) = rest.split_first_chunk()?;
    let (start, rest) = rest.split_first_chunk()?;
    let (length, rest) = rest.split_first_chunk()?;
    let (key, values) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
    (*order == u8::from(newest_first)).then(|| Spot {
        end: i64::from_le_bytes(*end),
        start: i64::from_le_bytes(*start),
        key: key.to_vec(),
        values: values.to_vec(),
    })
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    Json,
    Lines,
    Csv,
}

fn form(ask: &Ask) -> Result<Form, Wrong> {
    let accepted = ask.head.headers.get(header::ACCEPT).and_then(|a| a.to_str().ok()).unwrap_or_default();
    let word = match ask.question.get("format") {
        Some(_) => ask.question.word("format", &["json", "ndjson", "csv"])?,
        None if accepted.contains("text/csv") => "csv",
        None if accepted.contains("ndjson") || accepted.contains("jsonl") => "ndjson",
        None => "json",
    };
    Ok(match word {
        "csv" => Form::Csv,
        "ndjson" => Form::Lines,
        _ => Form::Json,
    })
}

/// Rows as a JSON array.
pub(super) fn array(rows: &[Arc<Row>], encoder: &mut JsonRows, out: &mut Vec<u8>) {
    out.push(b'[');
    for (i, row) in rows.iter().enumerate() {
        if i > 0 {
            out.push(b',');
        }
        encoder.row(row.get(), out);
        // The line break.
        out.pop();
    }
    out.push(b']');
}

fn body(form: Form, schema: &RowSchema, part: u32, rows: &[Arc<Row>], cursor: Option<&str>) -> Vec<u8> {
    let mut out = Vec::new();
    let json = || JsonRows::new([(part, schema)], Times::Rfc3339, false);
    match form {
        Form::Csv => {
            let mut encoder = CsvRows::new([(part, schema)], Times::Rfc3339, false);
            encoder.header(&mut out);
            rows.iter().for_each(|row| {
                encoder.row(row.get(), &mut out);
            });
        }
        Form::Lines => {
            let mut encoder = json();
            rows.iter().for_each(|row| {
                encoder.row(row.get(), &mut out);
            });
        }
        Form::Json => {
            out.extend_from_slice(b"{\"rows\":");
            array(rows, &mut json(), &mut out);
            let cursor = serde_json::Value::from(cursor);
            out.extend_from_slice(format!(",\"cursor\":{cursor}}}").as_bytes());
        }
    }
    out
}

/// What was found.
#[derive(Default)]
pub(super) struct Found {
    pub(super) rows: Vec<Arc<Row>>,
    /// Where the search was given up as too long; go on behind it.
    pub(super) stopped: Option<Spot>,
}

/// At most `most` rows of a part for which `wanted` holds. `until`: only windows that begin before it can be wanted.
pub(super) fn gather(
    face: &Face,
    of: (u32, Option<i64>),
    scan: Scan,
    most: usize,
    wanted: impl Fn(RowRef<'_>) -> bool,
) -> Found {
    search((&face.shelf, face.history.as_deref()), of, scan, most, wanted)
}

/// The same, in memory and on disk; the store is held for no longer than a look.
pub(super) fn search(
    (shelf, history): (&Shelf, Option<&History>),
    (part, until): (u32, Option<i64>),
    scan: Scan,
    most: usize,
    wanted: impl Fn(RowRef<'_>) -> bool,
) -> Found {
    let disk = history.and_then(|history| Some((history, history.reader().filter(|reader| reader.has(part))?)));
    let mut scan = Scan { limit: most, look: LOOK, whole: disk.is_some(), ..scan };
    let mut found = Found::default();
    let mut looked = 0;
    loop {
        let page = shelf.store().rows(part, &scan, &wanted);
        found.rows.extend(page.rows);
        scan.limit = most - found.rows.len();
        if scan.limit == 0 {
            return found;
        }
        if let Some(spot) = page.stopped {
            scan.behind = Some(spot);
            continue;
        }
        let (Some(top), Some((history, reader))) = (page.elsewhere, &disk) else { return found };
        // What had left memory may still be on its way.
        history.settle();
        loop {
            let page = match reader.rows(part, &scan, (Some(&top), until), &wanted) {
                Ok(page) => page,
                Err(why) => {
                    history.unreadable(&why);
                    break;
                }
            };
            found.rows.extend(page.rows);
            scan.limit = most - found.rows.len();
            if scan.limit == 0 {
                return found;
            }
            let Some(spot) = page.stopped else { break };
            scan.behind = Some(spot);
            looked += LOOK;
            if looked >= DEEP {
                found.stopped = scan.behind;
                return found;
            }
        }
        if scan.newest_first {
            return found;
        }
        // All below is seen; newer rows may have left memory by now.
        scan.behind = Some(top);
    }
}

/// `/v1/results/{name}`
pub(super) fn rows(face: &Face, ask: &Ask) -> Answer {
    let (part, schema) = face.part(&ask.name).ok_or_else(|| no_part(face, &ask.name))?;
    let question = &ask.question;
    let mut filter = question.filter(&route(RESULTS).known(), schema)?;
    filter.from = question.moment("from")?;
    filter.until = question.moment("until")?;
    let newest_first = question.word("order", &["newest", "oldest"])? == "newest";
    let limit = question.count("limit", 1000, MOST)?;
    let form = form(ask)?;
    let behind = match question.get("cursor") {
        None => None,
        Some(text) => Some(read_cursor(newest_first, text).ok_or_else(|| {
            Wrong::question(
                "the cursor is not one of this question",
                "give the cursor of the answer before, and the same order",
            )
        })?),
    };
    // One more tells whether there are more.
    let scan = Scan { newest_first, behind, ends_behind: filter.from, ..Scan::default() };
    let Found { mut rows, stopped } = gather(face, (part, filter.until), scan, limit + 1, |row| filter.takes(row));
    let more = rows.len() > limit;
    rows.truncate(limit);
    let last = rows.last().filter(|_| more).map(|last| face.shelf.store().spot(last)).or(stopped);
    let cursor = last.map(|spot| write_cursor(newest_first, &spot));
    let kind = match form {
        Form::Json => "application/json",
        Form::Lines => "application/x-ndjson",
        Form::Csv => "text/csv; charset=utf-8",
    };
    let mut response = text(kind, body(form, schema, part, &rows, cursor.as_deref()));
    if let Some(cursor) = cursor.and_then(|cursor| HeaderValue::from_str(&cursor).ok()) {
        response.headers_mut().insert(HeaderName::from_static("highwater-cursor"), cursor);
    }
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_come_back_and_others_do_not_pass() {
        let spot = Spot { end: 5, start: -3, key: vec![1, 2, 255], values: vec![9] };
        let text = write_cursor(true, &spot);
        assert_eq!(read_cursor(true, &text), Some(spot));
        assert_eq!(read_cursor(false, &text), None);
        for text in ["", "x", "AA", "AAAA", &text[..text.len() / 2]] {
            assert_eq!(read_cursor(true, text), None, "{text}");
        }
    }
}
