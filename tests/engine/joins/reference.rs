//! Streams, dedups and joins by the plainest road: all events of each part, from those of the parts that it reads, by loops
//! over all of them.
//!
//! Rules. An event has a time t and a tick k (none before the first watermark). All times are microseconds.
//! 1. A part with several inputs has the events of each road to it; an event on a road has the partition `old * roads +
//!    road`, where roads are counted in the order of inputs, those of a join's left side before those of its right.
//! 2. A join has each pair (l, r) of one key, which is not NULL, with t(l) - before <= t(r) <= t(l) + after, where
//!    k(r) <= t(l) + after + lateness and k(l) <= t(r) + before + lateness. Its time is the later one, its tick the later
//!    one less the delay, its place partition 0 and the hash of both places.
//! 3. With left events without a partner: such an event, where it is in no pair and k <= t + lateness, or its key is NULL;
//!    with its own time and tick less the delay. The delay is after + lateness, rounded up to ticks; else 0.
//! 4. Too late, and counted: an event with a key and k > t + before + after + lateness; a left one with a key that is in no
//!    pair, and would be there without one, with k > t + lateness.
//! 5. A dedup keeps an event in the order of (the later of t and k, t, partition, place) where none of its key that was kept
//!    is nearer than `within`; what is so late that nothing behind takes it is kept and leaves no trace.
//! 6. A lookup has each of its events, with the newest row of its key by (t, partition, place) among those that come before
//!    it (by the later of t and k, then t; a row of the same is before it) with t(row) <= s, and t(row) > s - keep; s is t, or
//!    where that is later what is just not too late for all that is behind.

use super::super::oracle::{Arrived, at_path, canonical};
use super::Span;
use rapidhash::v3::rapidhash_v3;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write;

/// When two events are partners.
pub struct Near {
    pub before: Span,
    pub after: Span,
    pub lateness: Span,
    pub outer: bool,
}

pub enum Kind {
    /// Events whose field is a number below another.
    Plain {
        from: Vec<String>,
        field: String,
        below: i64,
    },
    Dedup {
        from: String,
        by: String,
        within: Span,
    },
    Join {
        from: [String; 2],
        on: [String; 2],
        near: Near,
    },
    /// Events, each with all fields of the row of a table of events; of its key here and there.
    Lookup {
        events: String,
        rows: String,
        key: String,
        column: String,
        prefix: String,
        keep: Option<Span>,
    },
}

/// The fields that a lookup adds.
const ADDED: [&str; 4] = ["k", "g", "v", "t"];
pub struct Node {
    pub name: String,
    pub kind: Kind,
}

/// Parts, each after what it reads.
pub struct Graph {
    pub nodes: Vec<Node>,
}

/// The events that reach the window, and what was counted before it.
pub struct Run {
    pub events: Vec<Arrived>,
    pub too_late: u64,
    pub duplicates: u64,
    /// Lookups that found no row.
    pub missing: u64,
}

impl Graph {
    pub fn toml(&self) -> String {
        let mut out = String::new();
        for Node { name, kind } in &self.nodes {
            let _ = match kind {
                Kind::Plain { from, field, below } => {
                    writeln!(out, "[streams.{name}]\nfrom = {from:?}\nwhere = \"{field} < {below}\"")
                }
                Kind::Dedup { from, by, within } => {
                    let dedup = format!("{{ by = \"{by}\", within = \"{}\" }}", within.0);
                    writeln!(out, "[streams.{name}]\nfrom = \"{from}\"\ndedup = {dedup}")
                }
                Kind::Lookup { events, rows, key, column, prefix, keep } => {
                    let add: Vec<String> = ADDED.iter().map(|f| format!("{f} = \"{prefix}{f}\"")).collect();
                    let keep = keep.map_or(String::new(), |span| format!("keep = \"{}\"\n", span.0));
                    writeln!(
                        out,
                        "[tables.t_{name}]\ntype = \"stream\"\nfrom = \"{rows}\"\nkey = \"{column}\"\n{keep}[streams.{name}]\n\
                         from = \"{events}\"\nenrich = {{ table = \"t_{name}\", key = \"{key}\", add = {{ {} }} }}",
                        add.join(", ")
                    )
                }
                Kind::Join { from: [left, right], on, near } => {
                    let on = match on {
                        [one, other] if one == other => format!("\"{one}\""),
                        [left, right] => format!("{{ left = \"{left}\", right = \"{right}\" }}"),
                    };
                    let within = match near {
                        Near { before, after, .. } if before == after => format!("\"{}\"", after.0),
                        Near { before, after, .. } => {
                            format!("{{ before = \"{}\", after = \"{}\" }}", before.0, after.0)
                        }
                    };
                    let kind = if near.outer { "left" } else { "inner" };
                    writeln!(
                        out,
                        "[joins.{name}]\nleft = \"{left}\"\nright = \"{right}\"\non = {on}\nwithin = {within}\nkind = \"{kind}\"\n\
                         allowed_lateness = \"{}\"",
                        near.lateness.0
                    )
                }
            };
        }
        out
    }

    fn node(&self, name: &str) -> Option<&Node> {
        self.nodes.iter().find(|n| n.name == name)
    }

    /// The roads to a reader of these: where each begins, and the plain streams on it.
    fn roads(&self, from: &[String]) -> Vec<(String, Vec<&Node>)> {
        let mut roads = Vec::new();
        for name in from {
            match self.node(name) {
                Some(node @ Node { kind: Kind::Plain { from, .. }, .. }) => {
                    roads.extend(self.roads(from).into_iter().map(|(head, mut path)| {
                        path.push(node);
                        (head, path)
                    }));
                }
                _ => roads.push((name.clone(), Vec::new())),
            }
        }
        roads
    }

    /// How late an event is too late for all readers of a part; `window` is how late it is for the window, which reads
    /// these, and `within` stands for it where none is.
    fn reach(&self, name: &str, readers: &[String], tick: i64, window: Option<i64>, within: i64) -> i64 {
        let reads = |from: &[String]| self.roads(from).iter().any(|(head, _)| head == name);
        let mut most = if reads(readers) { window.unwrap_or(within) } else { 0 };
        // Parts that lead to no window are not there.
        for node in self.nodes.iter().filter(|node| self.leads(&node.name, readers)) {
            let own = |name: &str| self.reach(name, readers, tick, window, within);
            most = most.max(match &node.kind {
                Kind::Plain { .. } => 0,
                Kind::Dedup { from, .. } if reads(std::slice::from_ref(from)) => own(&node.name),
                // A row is never too late.
                Kind::Lookup { events, rows, .. } if reads(&[events.clone(), rows.clone()]) => {
                    own(&node.name).max(within)
                }
                Kind::Join { from, near, .. } if reads(from) => {
                    let span = near.before.1 + near.after.1 + near.lateness.1 + 1;
                    if near.outer { span.max(own(&node.name) + delay(near, tick)) } else { span }
                }
                _ => 0,
            });
        }
        most
    }

    /// True where a part is on a road to one of these.
    fn leads(&self, name: &str, readers: &[String]) -> bool {
        readers.iter().any(|reader| {
            reader == name
                || self.node(reader).is_some_and(|node| match &node.kind {
                    Kind::Plain { from, .. } => self.leads(name, from),
                    Kind::Dedup { from, .. } => self.leads(name, std::slice::from_ref(from)),
                    Kind::Join { from, .. } => self.leads(name, from),
                    Kind::Lookup { events, rows, .. } => self.leads(name, &[events.clone(), rows.clone()]),
                })
        })
    }
}

fn delay(near: &Near, tick: i64) -> i64 {
    let span = near.after.1 + near.lateness.1;
    if near.outer { (span + tick - 1) / tick * tick } else { 0 }
}

/// All events of the parts that lead to `from`.
pub fn run(graph: &Graph, from: &[String], sources: Vec<Vec<Arrived>>, tick: i64, window: Option<i64>) -> Run {
    let mut known: BTreeMap<String, Vec<Arrived>> =
        sources.into_iter().enumerate().map(|(s, events)| (format!("s{s}"), events)).collect();
    let (mut too_late, mut duplicates, mut missing) = (0, 0, 0);
    for node in graph.nodes.iter().filter(|node| graph.leads(&node.name, from)) {
        let events = match &node.kind {
            Kind::Plain { .. } => continue,
            Kind::Dedup { from: input, by, within } => {
                let reach = graph.reach(&node.name, from, tick, window, within.1);
                let before = along(graph, &known, std::slice::from_ref(input), (0, 0));
                let (all, events) = (before.len(), unique(before, by, within.1, reach));
                duplicates += (all - events.len()) as u64;
                events
            }
            Kind::Lookup { events, rows, key, column, prefix, keep } => {
                let count = |name: &String| graph.roads(std::slice::from_ref(name)).len() as u64;
                let (first, all) = (count(rows), count(rows) + count(events));
                let rows = along(graph, &known, std::slice::from_ref(rows), (0, all));
                let events = along(graph, &known, std::slice::from_ref(events), (first, all));
                let reach = graph.reach(&node.name, from, tick, window, 0);
                let keep = keep.map(|keep| keep.1);
                let (events, without) = looked_up(&rows, events, (column, key, prefix), keep, reach);
                missing += without;
                events
            }
            Kind::Join { from: [left, right], on, near } => {
                let count = |name: &String| graph.roads(std::slice::from_ref(name)).len() as u64;
                let (lefts, rights) = (count(left), count(right));
                let left = along(graph, &known, std::slice::from_ref(left), (0, lefts + rights));
                let right = along(graph, &known, std::slice::from_ref(right), (lefts, lefts + rights));
                let (events, late) = joined(&left, &right, on, near, tick);
                too_late += late;
                events
            }
        };
        known.insert(node.name.clone(), events);
    }
    Run { events: along(graph, &known, from, (0, 0)), too_late, duplicates, missing }
}

/// The events on the roads to a reader; `(first, all)`: the number of the first road, and how many there are in all, or 0.
fn along(
    graph: &Graph,
    known: &BTreeMap<String, Vec<Arrived>>,
    from: &[String],
    (first, all): (u64, u64),
) -> Vec<Arrived> {
    let roads = graph.roads(from);
    let all = if all == 0 { roads.len() as u64 } else { all };
    let mut events = Vec::new();
    for (number, (head, path)) in roads.iter().enumerate() {
        let passes = |event: &Value| {
            path.iter().all(|node| match &node.kind {
                Kind::Plain { field, below, .. } => at_path(event, field).as_f64().is_some_and(|n| n < *below as f64),
                _ => false,
            })
        };
        let taken = known[head].iter().filter(|a| passes(&a.event)).cloned();
        events.extend(taken.map(|a| Arrived { partition: a.partition * all + first + number as u64, ..a }));
    }
    events
}

fn unique(mut events: Vec<Arrived>, by: &str, within: i64, reach: i64) -> Vec<Arrived> {
    events.sort_by_key(|a| (a.tick.map_or(a.time, |tick| tick.max(a.time)), a.time, a.partition, a.position));
    let mut kept: Vec<(String, i64)> = Vec::new();
    events.retain(|a| {
        let key = canonical(&at_path(&a.event, by));
        if key.is_null() || a.tick.is_some_and(|tick| a.time + reach <= tick) {
            return true;
        }
        let key = key.to_string();
        let near = kept.iter().any(|(other, time)| *other == key && (time - a.time).abs() < within);
        if !near {
            kept.push((key, a.time));
        }
        !near
    });
    events
}

fn looked_up(
    rows: &[Arrived],
    events: Vec<Arrived>,
    (column, key, prefix): (&str, &str, &str),
    keep: Option<i64>,
    reach: i64,
) -> (Vec<Arrived>, u64) {
    let moment = |a: &Arrived| (a.tick.map_or(a.time, |tick| tick.max(a.time)), a.time);
    let mut missing = 0;
    let found = events.into_iter().map(|mut e| {
        let asked = canonical(&at_path(&e.event, key));
        // What is too late for all is looked up as of when it would not be.
        let seen = e.tick.map_or(e.time, |tick| e.time.max(tick - reach));
        let row = rows
            .iter()
            .filter(|r| !asked.is_null() && same(&canonical(&at_path(&r.event, column)), &asked))
            .filter(|r| moment(r) <= moment(&e) && r.time <= seen)
            .max_by_key(|r| (r.time, r.partition, r.position))
            .filter(|r| keep.is_none_or(|keep| seen - r.time < keep));
        missing += u64::from(row.is_none());
        let object = e.event.as_object_mut().expect("an event is an object");
        for field in ADDED {
            let value = row.map_or(Value::Null, |row| at_path(&row.event, &format!("{prefix}{field}")));
            object.insert(field.to_owned(), value);
        }
        e
    });
    (found.collect(), missing)
}

fn joined(left: &[Arrived], right: &[Arrived], on: &[String; 2], near: &Near, tick: i64) -> (Vec<Arrived>, u64) {
    let (before, after, lateness) = (near.before.1, near.after.1, near.lateness.1);
    let reach = before + after + lateness;
    let behind = |tick_of: Option<i64>| tick_of.map(|k| k - delay(near, tick));
    // A tick that is none is before all.
    let later_than = |a: &Arrived, time: i64| a.tick.is_some_and(|tick| tick > time);
    let key = |a: &Arrived, side: usize| canonical(&at_path(&a.event, &on[side]));
    let mut events = Vec::new();
    let keyed_late = |list: &[Arrived], side: usize| {
        list.iter().filter(|a| !key(a, side).is_null() && later_than(a, a.time + reach)).count() as u64
    };
    let mut too_late = keyed_late(left, 0) + keyed_late(right, 1);
    for l in left {
        let mut alone = true;
        for r in right {
            let one = !key(l, 0).is_null() && same(&key(l, 0), &key(r, 1));
            let is_near = l.time - before <= r.time && r.time <= l.time + after;
            let kept = !later_than(r, l.time + after + lateness) && !later_than(l, r.time + before + lateness);
            if one && is_near && kept {
                alone = false;
                events.push(Arrived {
                    event: json!({ "left": l.event, "right": r.event }),
                    time: l.time.max(r.time),
                    tick: behind(l.tick.max(r.tick)),
                    partition: 0,
                    position: rapidhash_v3(&[place(l), place(r)].concat()),
                });
            }
        }
        if alone && near.outer {
            let null = key(l, 0).is_null();
            if null || !later_than(l, l.time + lateness) {
                let (position, event) = (rapidhash_v3(&place(l)), json!({ "left": l.event }));
                events.push(Arrived { event, tick: behind(l.tick), partition: 0, position, ..*l });
            } else if !later_than(l, l.time + reach) {
                too_late += 1;
            }
        }
    }
    (events, too_late)
}

/// True for canonical values that are written alike.
fn same(one: &Value, other: &Value) -> bool {
    let (one, other) = (one.to_string(), other.to_string());
    one == other
}

/// The place of an event as bytes: time, partition and position, little-endian.
fn place(a: &Arrived) -> Vec<u8> {
    let partition = u32::try_from(a.partition).expect("partitions are few");
    [&a.time.to_le_bytes()[..], &partition.to_le_bytes(), &a.position.to_le_bytes()].concat()
}
