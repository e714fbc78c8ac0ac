//! The graph of the pipeline with what is counted of its parts, and how fast that moves.

use super::answer::{Answer, json};
use super::face::{Face, now};
use super::fields::moment;
use super::pipeline::put;
use super::routes::Ask;
use crate::observe::Snapshot;
use crate::plan::{Node, NodeKind};
use serde_json::{Map, Value, json as value};
use std::collections::VecDeque;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

/// How often it is looked at what is counted.
const EVERY: Duration = Duration::from_secs(1);
/// Looks that are kept: rates are over this many seconds.
const LOOKS: usize = 6;

/// What was counted of each node at the last moments.
#[derive(Debug, Default)]
pub(super) struct Looks(VecDeque<(Instant, Vec<u64>)>);

impl Looks {
    /// Takes a look.
    fn take(&mut self, at: Instant, counts: Vec<u64>) {
        self.0.push_back((at, counts));
        while self.0.len() > LOOKS {
            self.0.pop_front();
        }
    }

    /// How much node `i` counts in a second; `None` where it is not known yet.
    fn rate(&self, i: usize) -> Option<f64> {
        let ((then, old), (now, new)) = (self.0.front()?, self.0.back()?);
        let seconds = now.saturating_duration_since(*then).as_secs_f64();
        let counted = new.get(i)?.saturating_sub(*old.get(i)?);
        (seconds > 0.0).then(|| (counted as f64 / seconds * 10.0).round() / 10.0)
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
        let counts = face.graph.nodes.iter().map(|node| moved(node, &run)).collect();
        face.looks.lock().unwrap_or_else(PoisonError::into_inner).take(Instant::now(), counts);
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
        let start = Instant::now();
        assert_eq!(looks.rate(0), None);
        for i in 0..10u64 {
            looks.take(start + Duration::from_secs(i), vec![i * i, 5]);
        }
        // From second 4 to second 9.
        assert_eq!((looks.rate(0), looks.rate(1), looks.rate(2)), (Some(13.0), Some(0.0), None));
        assert_eq!(looks.0.len(), LOOKS);
    }
}
