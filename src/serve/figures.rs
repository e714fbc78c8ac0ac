//! What is counted, as text for Prometheus and as JSON.

use super::answer::{Answer, json, text as body};
use super::face::{Face, now};
use super::routes::Ask;
use crate::observe::{Figure, IngestCounts, Spread, figures, prometheus};
use serde_json::{Map, Value, json as value};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

fn all(face: &Face) -> Vec<Figure> {
    let run = face.snapshot();
    let run = run.as_ref().map(|(snapshot, partitions)| (snapshot, &partitions[..]));
    let (rows, bytes, dropped) = face.shelf.store().totals();
    face.counts.kept_rows.set(i64::try_from(rows).unwrap_or(i64::MAX));
    face.counts.kept_bytes.set(i64::try_from(bytes).unwrap_or(i64::MAX));
    face.counts.dropped_rows.set(dropped);
    let ingest: Vec<IngestCounts> = face
        .inlets
        .iter()
        .map(|inlet| {
            inlet.counts.waiting.set(i64::try_from(inlet.door.taken()).unwrap_or(i64::MAX));
            inlet.counts.read()
        })
        .collect();
    figures(run, (&face.counts.read(), &ingest), now())
}

/// How many spans there were, how long they were together, and what half, 90 and 99 of 100 were not longer than, in seconds.
pub(super) fn quantiles(of: &Spread) -> Map<String, Value> {
    let span = |share| of.quantile(share).map_or(Value::Null, |seconds| ((seconds * 1e6).round() / 1e6).into());
    let entries = [("count", of.count().into()), ("sum", of.seconds().into())];
    let shares = [("p50", span(0.5)), ("p90", span(0.9)), ("p99", span(0.99))];
    entries.into_iter().chain(shares).map(|(name, value)| (name.to_owned(), value)).collect()
}

/// `/metrics`
pub(super) fn text(face: &Face, _: &Ask) -> Answer {
    Ok(body("text/plain; version=0.0.4; charset=utf-8", prometheus(&all(face))))
}

/// Figures as JSON.
fn shown(all: Vec<Figure>) -> Vec<Value> {
    all.into_iter().map(one).collect()
}

/// How old figures may be that several clients are told.
const FRESH: Duration = Duration::from_millis(500);

/// What clients that follow are told, made once for all of them: the rest of a message.
pub(super) fn said(face: &Face) -> Arc<str> {
    let mut told = face.told.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((at, text)) = &*told
        && at.elapsed() < FRESH
    {
        return Arc::clone(text);
    }
    let state = Value::from(face.phase().word());
    let text: Arc<str> = format!(",\"state\":{state},\"metrics\":{}", Value::from(shown(all(face)))).into();
    *told = Some((Instant::now(), Arc::clone(&text)));
    text
}

fn one(figure: Figure) -> Value {
    let kind = figure.kind();
    let labels: Map<String, Value> =
        figure.labels.into_iter().map(|(name, text)| (name.to_owned(), text.into())).collect();
    let mut one = value!({ "name": figure.name, "labels": labels, "type": kind, "value": figure.value });
    if let (Some(spread), Some(one)) = (&figure.spread, one.as_object_mut()) {
        one.extend(quantiles(spread));
    }
    one
}

/// `/v1/metrics`
pub(super) fn list(face: &Face, ask: &Ask) -> Answer {
    let prefix = ask.question.get("prefix").unwrap_or_default();
    let wanted = |figure: &Figure| {
        figure.name.starts_with(prefix) || figure.name.trim_start_matches("highwater_").starts_with(prefix)
    };
    let found = shown(all(face).into_iter().filter(wanted).collect());
    Ok(json(&value!({ "state": face.phase().word(), "metrics": found })))
}
