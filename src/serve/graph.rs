//! The graph of the pipeline with what is counted of its parts, how fast that moves, and what it costs.
//!
//! The operators of a part are those that have its name before a colon; what a part costs is how much of one worker's time they
//! take, so that of three workers it may be up to 3. Streams have none of their own: what they do is done at their sources. The
//! first of several patterns that are looked for together has the time of all.

use super::ROWS;
use super::answer::{Answer, json};
use super::face::{Face, now};
use super::fields::moment;
use super::figures::quantiles;
use super::pipeline::put;
use super::routes::Ask;
use crate::observe::{Snapshot, Spread};
use crate::plan::{Node, NodeKind};
use serde_json::{Map, Value, json as value};
use std::collections::VecDeque;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

/// How often it is looked at what is counted.
const EVERY: Duration = Duration::from_secs(1);
/// Looks that are kept: rates are over this many seconds.
const LOOKS: usize = 6;

/// What was counted at one moment.
#[derive(Debug, Default)]
struct Look {
    /// Of each node, what its rate is of.
    counts: Vec<u64>,
    /// Of each node, the nanoseconds that its operators ran; `None` where it has none.
    busy: Vec<Option<u64>>,
    /// Of each sink of the run, how late its rows were.
    latency: Vec<Spread>,
}

/// What was counted at the last moments.
#[derive(Debug, Default)]
pub(super) struct Looks(VecDeque<(Instant, Look)>);

impl Looks {
    /// Takes a look.
    fn take(&mut self, at: Instant, look: Look) {
        self.0.push_back((at, look));
        while self.0.len() > LOOKS {
            self.0.pop_front();
        }
    }

    /// The first and the last look, and the seconds between them; `None` where there are not two.
    fn ends(&self) -> Option<(&Look, &Look, f64)> {
        let ((then, old), (now, new)) = (self.0.front()?, self.0.back()?);
        let seconds = now.saturating_duration_since(*then).as_secs_f64();
        (seconds > 0.0).then_some((old, new, seconds))
    }

    /// How much node `i` counts in a second; `None` where it is not known yet.
    fn rate(&self, i: usize) -> Option<f64> {
        let (old, new, seconds) = self.ends()?;
        let counted = new.counts.get(i)?.saturating_sub(*old.counts.get(i)?);
        Some((counted as f64 / seconds * 10.0).round() / 10.0)
    }

    /// How much of one worker's time node `i` takes; `None` where it is not known.
    fn busy(&self, i: usize) -> Option<f64> {
        let (old, new, seconds) = self.ends()?;
        let ran = new.busy.get(i).copied()??.saturating_sub(old.busy.get(i).copied()??);
        Some((ran as f64 / 1e9 / seconds * 1e4).round() / 1e4)
    }

    /// How late the rows of sink `i` of the run were of late; `None` where none came.
    pub(super) fn latency(&self, i: usize) -> Option<Value> {
        let (old, new, _) = self.ends()?;
        let spread = new.latency.get(i)?.since(old.latency.get(i)?);
        (spread.count() > 0).then(|| quantiles(&spread).into())
    }
}

/// Looks each second until the server stops.
pub(super) async fn watch(face: Arc<Face>) {
    let mut stop = face.stop.clone();
    let mut every = tokio::time::interval(EVERY);
    loop {
        tokio::select! {
            _ = every.tick() => {}
            _ = stop.wait_for(|stop| *stop) => return,
        }
        let Some((run, _)) = face.snapshot() else { continue };
        let look = Look {
            counts: face.graph.nodes.iter().map(|node| moved(node, &run)).collect(),
            busy: face.graph.nodes.iter().map(|node| ran(node, &run)).collect(),
            latency: run.sinks.iter().map(|sink| sink.latency.clone()).collect(),
        };
        face.looks.lock().unwrap_or_else(PoisonError::into_inner).take(Instant::now(), look);
    }
}

/// What a rate of a node is of, and how many there were.
fn moved(node: &Node, run: &Snapshot) -> u64 {
    let name = &node.name;
    match node.kind {
        NodeKind::Source => run.sources.iter().find(|one| one.name == *name).map_or(0, |one| one.events),
        NodeKind::Table => run.tables.iter().find(|one| one.name == *name).map_or(0, |one| one.lookups),
        NodeKind::Sink => run.sinks.iter().find(|one| one.name == *name).map_or(0, |one| one.rows),
        NodeKind::Action => run.actions.iter().find(|one| one.name == *name).map_or(0, |one| one.sent),
        _ => run.parts.iter().find(|one| one.name == *name).map_or(0, |one| one.rows + one.corrections + one.early),
    }
}

/// Nanoseconds that the operators of a node ran; `None` where it has none, or nobody counts.
fn ran(node: &Node, run: &Snapshot) -> Option<u64> {
    let is_sink = node.kind == NodeKind::Sink;
    // Sinks and actions may have the names of parts, and what takes the rows for the server is of none.
    let rows = format!("{ROWS}:sink");
    let own = |operator: &str| match operator.split_once(':').filter(|_| operator != rows) {
        Some((part, kind)) => {
            part == node.name && (kind == "sink") == is_sink && kind != "tell" && node.kind != NodeKind::Action
        }
        None => false,
    };
    let mut all = run.operators.iter().filter(|one| own(&one.name)).map(|one| one.busy).peekable();
    all.peek().is_some().then(|| all.sum())
}

/// The unit of the rate of a node; `None` where nothing is counted of it.
fn unit(node: &Node, run: &Snapshot) -> Option<&'static str> {
    match node.kind {
        NodeKind::Source => Some("events"),
        NodeKind::Table => Some("lookups"),
        NodeKind::Sink | NodeKind::Window | NodeKind::Recommendation | NodeKind::View | NodeKind::Alert => Some("rows"),
        NodeKind::Pattern => Some("matches"),
        NodeKind::Action => Some("messages"),
        NodeKind::Stream | NodeKind::Lookup | NodeKind::Join => {
            run.parts.iter().any(|part| part.name == node.name && part.rows > 0).then_some("rows")
        }
    }
}

fn counts(node: &Node, run: &Snapshot) -> Map<String, Value> {
    let mut all = Map::new();
    let name = &node.name;
    let mut add = |s: crate::observe::Sample<'_>| put(&mut all, s);
    match node.kind {
        NodeKind::Source => run.sources.iter().filter(|one| one.name == *name).for_each(|one| one.each(&mut add)),
        NodeKind::Table => run.tables.iter().filter(|one| one.name == *name).for_each(|one| one.each(&mut add)),
        NodeKind::Sink => run.sinks.iter().filter(|one| one.name == *name).for_each(|one| one.each(&mut add)),
        NodeKind::Action => run.actions.iter().filter(|one| one.name == *name).for_each(|one| one.each(&mut add)),
        _ => run.parts.iter().filter(|one| one.name == *name).for_each(|one| one.each(&mut add)),
    }
    all
}

/// `/v1/graph`
pub(super) fn show(face: &Face, _: &Ask) -> Answer {
    let run = face.snapshot();
    let looks = face.looks.lock().unwrap_or_else(PoisonError::into_inner);
    let nodes = face.graph.nodes.iter().enumerate().map(|(i, node)| {
        let mut shown = value!({ "id": node.id(), "name": node.name, "kind": node.kind.word(), "about": node.about });
        let Some((run, partitions)) = &run else { return shown };
        shown["counts"] = counts(node, run).into();
        if let Some(unit) = unit(node, run) {
            shown["rate"] = value!({ "per_second": looks.rate(i), "of": unit });
        }
        if ran(node, run).is_some() {
            shown["busy"] = looks.busy(i).map_or(Value::Null, Value::from);
        }
        let sink = run.sinks.iter().position(|sink| node.kind == NodeKind::Sink && sink.name == node.name);
        if let Some(sink) = sink {
            shown["latency"] = looks.latency(sink).unwrap_or_default();
        }
        if node.kind == NodeKind::Source {
            let position = position(run, partitions, &node.name);
            shown["position"] = position.map_or(Value::Null, |us| moment(us).into());
            let behind = position.map(|us| now().saturating_sub(us) as f64 / 1e6);
            shown["behind_seconds"] = behind.map_or(Value::Null, Value::from);
        }
        shown
    });
    let nodes: Vec<Value> = nodes.collect();
    drop(looks);
    let ids: Vec<String> = face.graph.nodes.iter().map(Node::id).collect();
    let edges: Vec<Value> =
        face.graph.edges.iter().map(|(from, to)| value!({ "from": ids[*from], "to": ids[*to] })).collect();
    let position = run.as_ref().and_then(|(run, _)| run.position());
    Ok(json(&value!({
        "state": face.phase().word(),
        "position": position.map_or(Value::Null, |us| moment(us).into()),
        "nodes": nodes,
        "edges": edges,
    })))
}

/// How far the partitions of a source have come that are neither idle nor at their end; where all are, the furthest.
fn position(run: &Snapshot, partitions: &[usize], source: &str) -> Option<i64> {
    let at = run.sources.iter().position(|one| one.name == source)?;
    let before: usize = partitions.iter().take(at).sum();
    let own = run.partitions.get(before..before + partitions.get(at)?)?;
    let moving = own.iter().filter(|p| p.ended == 0 && p.idle == 0).filter_map(|p| p.position).min();
    moving.or_else(|| own.iter().filter_map(|p| p.position).max())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_over_the_last_looks() {
        let mut looks = Looks::default();
        let (start, late) = (Instant::now(), crate::observe::Histogram::default());
        assert_eq!((looks.rate(0), looks.busy(0), looks.latency(0)), (None, None, None));
        for i in 0..10u64 {
            late.add(Duration::from_millis(if i < 5 { 400 } else { 4 }));
            let (counts, busy) = (vec![i * i, 5], vec![Some(i * 1_500_000_000), None]);
            looks.take(start + Duration::from_secs(i), Look { counts, busy, latency: vec![late.get()] });
        }
        // From second 4 to second 9.
        assert_eq!((looks.rate(0), looks.rate(1), looks.rate(2)), (Some(13.0), Some(0.0), None));
        assert_eq!((looks.busy(0), looks.busy(1), looks.busy(2)), (Some(1.5), None, None));
        let late = looks.latency(0).unwrap();
        assert_eq!((&late["count"], late["p99"].as_f64().unwrap() < 0.005), (&Value::from(5), true), "{late}");
        assert_eq!((looks.latency(1), looks.0.len()), (None, LOOKS));
    }

    #[test]
    fn operators_when_a_sink_has_the_name_of_a_part_then_are_told_apart() {
        let metrics = crate::observe::Metrics::default();
        let names = [
            "pages:source",
            "pages:window",
            "pages:sink",
            "pages:join 2 wait",
            "alerts:tell",
            "pages2:window",
            "serve:rows:sink",
        ];
        let named = metrics.name_operators(&names.map(str::to_owned));
        named.iter().zip([1, 2, 4, 8, 16, 32, 64]).for_each(|(one, ns)| one.busy.add(ns));
        let run = metrics.snapshot();
        let node = |kind, name: &str| Node { kind, name: name.to_owned(), about: String::new() };
        assert_eq!(ran(&node(NodeKind::Window, "pages"), &run), Some(11));
        assert_eq!(ran(&node(NodeKind::Sink, "pages"), &run), Some(4));
        assert_eq!(ran(&node(NodeKind::Action, "pages"), &run), None);
        assert_eq!(ran(&node(NodeKind::Window, "alerts"), &run), None);
        assert_eq!(ran(&node(NodeKind::Stream, "other"), &run), None);
        assert_eq!(ran(&node(NodeKind::Window, "serve"), &run), None);
    }
}
