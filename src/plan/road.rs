//! Which streams lead to a window, in which order they are planned, and how the roads of one window come together.
//!
//! A stream or window with several inputs, or one that several streams lead to, is planned once for each *road* on
//! which events reach it from a source: each road has its own columns, as the streams on it compute them. Roads of one
//! window are in the order of the `from` lists, the window's own first.

use super::{Feed, Head, WindowPlan};
use crate::aggregate::Layout;
use crate::config::{Config, JoinConfig, Located, StreamConfig};
use std::collections::BTreeSet;
use std::sync::Arc;

/// The most roads to one part.
pub(super) const MOST_ROADS: usize = 64;

/// The streams and joins that a window or pattern needs: those on a road to it, and those that one of these is the rest
/// of.
pub(super) fn needed(config: &Config) -> BTreeSet<&str> {
    leading(config, true)
}

/// The streams and joins on a road to a window or pattern.
pub(super) fn on_road(config: &Config) -> BTreeSet<&str> {
    leading(config, false)
}

fn leading(config: &Config, rests: bool) -> BTreeSet<&str> {
    let read = config.windows.iter().flat_map(|w| &w.from).chain(config.patterns.iter().flat_map(|p| &p.from));
    let read = read.chain(config.recommendations.iter().flat_map(|part| &part.from));
    let mut open: Vec<&Located<String>> = read.collect();
    let mut needed = BTreeSet::new();
    // Views read the rows of tables.
    for lookup in config.lookups.iter().filter(|lookup| lookup.is_rows()) {
        needed.insert(lookup.name.as_str());
        open.extend(&lookup.from[0]);
    }
    while let Some(name) = open.pop() {
        for stream in config.streams.iter().filter(|s| s.name == name.value) {
            if needed.insert(stream.name.as_str()) {
                open.extend(stream.from.iter().chain(stream.rest_of.iter().filter(|_| rests)));
            }
        }
        for lookup in config.lookups.iter().filter(|lookup| lookup.name == name.value) {
            if needed.insert(lookup.name.as_str()) {
                open.extend(lookup.from.iter().flatten());
            }
        }
        for join in config.joins.iter().filter(|j| j.name == name.value) {
            if needed.insert(join.name.as_str()) {
                open.extend(&join.from);
            }
        }
    }
    needed
}

/// The sources, streams and joins that events reach; a join where they reach both of its sides.
pub(super) fn reached(config: &Config) -> BTreeSet<&str> {
    let mut reached: BTreeSet<&str> = config.sources.iter().map(|s| s.name.as_str()).collect();
    let reads = |stream: &StreamConfig, reached: &BTreeSet<&str>| {
        stream.from.iter().any(|from| reached.contains(from.value.as_str()))
    };
    loop {
        let new = |name: &str| !reached.contains(name);
        let stream = config.streams.iter().find(|s| new(&s.name) && reads(s, &reached)).map(|s| &s.name);
        let both = |join: &&JoinConfig| join.from.iter().all(|from| reached.contains(from.value.as_str()));
        let join = config.joins.iter().filter(|j| new(&j.name)).find(both).map(|j| &j.name);
        let any = |from: &Vec<Located<String>>| from.iter().any(|from| reached.contains(from.value.as_str()));
        let lookup = config.lookups.iter().filter(|l| new(&l.name));
        let lookup = lookup.filter(|l| any(&l.from[0]) && (l.is_rows() || any(&l.from[1]))).map(|l| &l.name).next();
        let Some(name) = stream.or(join).or(lookup) else { return reached };
        reached.insert(name);
    }
}

/// The readers of one part, each after those it is the rest of; else in the order of the file. Streams that wait for
/// each other are left out: that is reported elsewhere.
pub(super) fn in_order(mut readers: Vec<&StreamConfig>) -> Vec<&StreamConfig> {
    let mut order: Vec<&StreamConfig> = Vec::new();
    while let Some(at) = readers.iter().position(|stream| {
        stream.rest_of.iter().all(|rest| order.iter().any(|done: &&StreamConfig| done.name == rest.value))
    }) {
        order.push(readers.remove(at));
    }
    order
}

/// Adds a road to a window: the same calls, over the columns of another road.
pub(super) fn join(window: &mut WindowPlan, other: WindowPlan) {
    let Some(feed) = other.feeds.into_iter().next() else { return };
    // The calls are those of the same texts; only their columns differ.
    let columns: Vec<(usize, usize)> = window.layout.columns().into_iter().zip(other.layout.columns()).collect();
    let column = |old: usize| columns.iter().find(|(from, _)| *from == old).map_or(old, |(_, to)| *to);
    let layout = window.layout.over(&column);
    window.feeds.push(Feed { layout, ..feed });
    window.feeds.sort_by(|a, b| a.road.cmp(&b.road));
}

/// The one road of a window that has just been planned.
pub(super) fn first(head: Head, selection: usize, keys: Vec<usize>, layout: &Arc<Layout>, road: &[usize]) -> Vec<Feed> {
    vec![Feed { head, selection, keys, layout: Arc::clone(layout), road: road.iter().rev().copied().collect() }]
}
