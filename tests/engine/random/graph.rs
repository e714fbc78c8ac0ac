//! The streams of a random case: as a pipeline file has them, and as what they do to an event on each road.

use super::super::oracle::{Arrived, canonical};
use super::expression::{Group, Test};
use super::{Random, micros};
use rapidhash::v3::rapidhash_v3;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fmt::Write;

/// A stream.
#[derive(Debug, Clone)]
struct Node {
    name: String,
    from: Vec<String>,
    rest_of: Vec<String>,
    filter: Option<Test>,
    sample: Option<Sample>,
    /// A column of its own.
    set: Option<(String, Group)>,
    /// What duplicates have in common, and how near they are.
    dedup: Option<(Group, &'static str)>,
    /// A stream before it drops duplicates.
    behind: bool,
}

/// A share of events.
#[derive(Debug, Clone)]
struct Sample {
    rate: f64,
    by: Option<Group>,
    seed: u64,
}

impl Sample {
    fn random(r: &mut Random) -> Self {
        let by = if r.one_in(3) { None } else { Some(Group::random(r)) };
        Self { rate: r.pick(&[0.0, 0.25, 0.5, 0.5, 0.75, 0.9, 1.0]), by, seed: r.pick(&[0, 0, 1, u64::MAX >> 1]) }
    }

    fn toml(&self) -> String {
        match &self.by {
            None if self.seed == 0 => format!("{:?}", self.rate),
            None => format!("{{ rate = {:?}, seed = {} }}", self.rate, self.seed),
            Some(by) => format!("{{ rate = {:?}, by = '''{}''', seed = {} }}", self.rate, by.sql(), self.seed),
        }
    }

    /// By the rule of the reference.
    fn keeps(&self, place: &Arrived, event: &Value) -> bool {
        let bytes = match &self.by {
            None => [place.time.to_le_bytes(), place.position.to_le_bytes()].concat(),
            Some(by) => match canonical(&by.of(event)) {
                Value::String(text) => text.into_bytes(),
                Value::Null => vec![0; 9],
                Value::Bool(truth) => [&[1][..], &u64::from(truth).to_le_bytes()].concat(),
                Value::Number(n) if n.is_i64() => [&[2][..], &n.as_i64().unwrap_or(0).to_le_bytes()].concat(),
                Value::Number(n) => [&[3][..], &n.as_f64().unwrap_or(0.0).to_bits().to_le_bytes()].concat(),
                nested => return self.below(rapidhash_v3(nested.to_string().as_bytes()) ^ 0x9e37_79b9_7f4a_7c15),
            },
        };
        self.below(rapidhash_v3(&bytes))
    }

    fn below(&self, hash: u64) -> bool {
        let mut z = hash ^ self.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^= z >> 31;
        // Rates are sums of a few powers of two, or far from any hash: a float tells.
        self.rate >= 1.0 || (z as f64) < self.rate * 2f64.powi(64)
    }
}

/// The streams before one window.
#[derive(Debug, Clone)]
pub(super) struct Graph {
    nodes: Vec<Node>,
    /// What the window reads.
    pub(super) from: Vec<String>,
}

/// Where a road begins.
#[derive(Debug, Clone, Copy)]
enum Head {
    Source(usize),
    /// A stream that drops duplicates.
    Dedup(usize),
}

/// From its beginning to the window, or to a stream that drops duplicates: the streams between.
#[derive(Debug, Clone)]
struct Road {
    head: Head,
    path: Vec<usize>,
}

impl Graph {
    /// A few streams that read sources and each other, of which one or two are read.
    pub(super) fn random(r: &mut Random, window: usize, sources: usize) -> Self {
        let mut nodes: Vec<Node> = Vec::new();
        let home = r.below(sources as u64) as usize;
        let count = if r.one_in(2) { r.pick(&[0, 0, 1, 1, 2]) } else { 2 + r.below(3) };
        let plain = count < 2;
        for i in 0..count {
            let known: Vec<String> =
                (0..sources).map(|s| format!("s{s}")).chain(nodes.iter().map(|n| n.name.clone())).collect();
            let last = nodes.last().map_or(format!("s{home}"), |n| n.name.clone());
            let mut from = vec![if plain || r.one_in(3) { last } else { r.pick(&known) }];
            if !plain && r.one_in(4) {
                from.push(r.pick(&known));
                from.dedup();
            }
            let mut rest_of = Vec::new();
            if r.one_in(2)
                && let Some(first) = nodes.iter().rev().find(|n| n.filter.is_some()).cloned()
            {
                let siblings = nodes.iter().filter(|n| n.from == first.from).map(|n| n.name.clone());
                rest_of = if r.one_in(2) { siblings.collect() } else { vec![first.name.clone()] };
                from = first.from.clone();
            }
            let behind = |name: &String| nodes.iter().any(|n| n.name == *name && (n.dedup.is_some() || n.behind));
            let behind = from.iter().any(behind);
            let dedup = if !behind && r.one_in(4) {
                let by = if r.one_in(3) { Group::Path("n") } else { Group::random(r) };
                Some((by, r.pick(&["1ms", "500ms", "2s", "2s", "10s", "1h"])))
            } else {
                None
            };
            nodes.push(Node {
                dedup,
                behind,
                name: format!("w{window}_{i}"),
                from,
                rest_of,
                sample: if r.one_in(5) { Some(Sample::random(r)) } else { None },
                filter: if r.one_in(4) { None } else { Some(Test::random(r)) },
                set: if r.one_in(2) { Some((format!("own{}", r.pick(&[i, 0, 1])), Group::random(r))) } else { None },
            });
        }
        let mut from = vec![nodes.last().map_or(format!("s{home}"), |n| n.name.clone())];
        if r.one_in(3) {
            let known = (0..sources).map(|s| format!("s{s}")).chain(nodes.iter().map(|n| n.name.clone()));
            from.push(r.pick(&known.collect::<Vec<_>>()));
            from.dedup();
        }
        Self { nodes, from }
    }

    /// True where a stream that is read keeps a share, of keys or of events.
    pub(super) fn samples(&self, keys: bool) -> bool {
        self.read().any(|node| node.sample.as_ref().is_some_and(|s| s.by.is_some() == keys))
    }

    /// True where a stream that is read is the rest of others.
    pub(super) fn routes(&self) -> bool {
        self.read().any(|node| !node.rest_of.is_empty())
    }

    /// The columns that streams set.
    pub(super) fn own(&self) -> Vec<String> {
        self.nodes.iter().filter_map(|n| n.set.as_ref()).map(|(name, _)| name.clone()).collect()
    }

    /// The streams as a pipeline file has them.
    pub(super) fn toml(&self) -> String {
        let mut out = String::new();
        for node in &self.nodes {
            let _ = writeln!(out, "[streams.{}]\nfrom = {}", node.name, list(&node.from));
            if !node.rest_of.is_empty() {
                let _ = writeln!(out, "rest_of = {}", list(&node.rest_of));
            }
            if let Some(filter) = &node.filter {
                let _ = writeln!(out, "where = '''{}'''", filter.sql());
            }
            if let Some(sample) = &node.sample {
                let _ = writeln!(out, "sample = {}", sample.toml());
            }
            if let Some((name, group)) = &node.set {
                let _ = writeln!(out, "set = {{ {name} = '''{}''' }}", group.sql());
            }
            if let Some((by, within)) = &node.dedup {
                let _ = writeln!(out, "dedup = {{ by = '''{}''', within = \"{within}\" }}", by.sql());
            }
            out.push('\n');
        }
        out
    }

    /// The roads to a reader of these inputs, in their order.
    fn roads(&self, from: &[String]) -> Vec<Road> {
        let mut roads = Vec::new();
        for name in from {
            match self.nodes.iter().position(|n| n.name == *name) {
                None => {
                    let head = Head::Source(name[1..].parse().expect("a source"));
                    roads.push(Road { head, path: Vec::new() });
                }
                Some(node) if self.nodes[node].dedup.is_some() => {
                    roads.push(Road { head: Head::Dedup(node), path: Vec::new() });
                }
                Some(node) => roads.extend(self.through(node)),
            }
        }
        roads
    }

    /// The roads through a stream.
    fn through(&self, node: usize) -> Vec<Road> {
        let mut roads = self.roads(&self.nodes[node].from);
        roads.iter_mut().for_each(|road| road.path.push(node));
        roads
    }

    /// The streams that drop duplicates before the window.
    fn dedups(&self) -> BTreeSet<usize> {
        let heads = self.roads(&self.from).into_iter().map(|road| road.head);
        heads.filter_map(|head| if let Head::Dedup(node) = head { Some(node) } else { None }).collect()
    }

    /// How many roads there are to the window from each source, those through [`Graph::dedups`] among them.
    pub(super) fn roads_of_sources(&self, sources: usize) -> Vec<usize> {
        let mut count = vec![0; sources];
        let mut add = |roads: Vec<Road>| {
            for road in roads {
                if let Head::Source(source) = road.head {
                    count[source] += 1;
                }
            }
        };
        add(self.roads(&self.from));
        self.dedups().into_iter().for_each(|node| add(self.through(node)));
        count
    }

    /// The streams that are read.
    fn read(&self) -> impl Iterator<Item = &Node> {
        let dedups = self.dedups();
        let before = dedups.into_iter().flat_map(|node| self.through(node));
        let all = self.roads(&self.from).into_iter().chain(before);
        all.flat_map(|road| road.path).map(|node| &self.nodes[node])
    }

    /// The events that reach the window from those of the sources. `horizon`: how far behind its tick an event is too
    /// late for the window anyhow; of a window for which none is, `within` of the stream that drops duplicates.
    pub(super) fn events(&self, sources: &[Vec<Arrived>], horizon: Option<i64>) -> Vec<Arrived> {
        self.along(&self.roads(&self.from), sources, horizon)
    }

    /// How many duplicates are dropped.
    pub(super) fn duplicates(&self, sources: &[Vec<Arrived>], horizon: Option<i64>) -> u64 {
        let dropped = |node| {
            let before = self.along(&self.through(node), sources, horizon).len();
            before - self.unique(node, sources, horizon).len()
        };
        self.dedups().into_iter().map(dropped).sum::<usize>() as u64
    }

    fn along(&self, roads: &[Road], sources: &[Vec<Arrived>], horizon: Option<i64>) -> Vec<Arrived> {
        let mut events = Vec::new();
        for (number, road) in roads.iter().enumerate() {
            let begin = match road.head {
                Head::Source(source) => sources[source].clone(),
                Head::Dedup(node) => self.unique(node, sources, horizon),
            };
            let partition = |old: u64| old * roads.len() as u64 + number as u64;
            let taken = begin.into_iter().filter_map(|a| self.take(&road.path, &a).map(|event| (event, a)));
            events.extend(taken.map(|(event, a)| Arrived { event, partition: partition(a.partition), ..a }));
        }
        events
    }

    /// The events of a stream without duplicates, by looking at each against all that were kept.
    fn unique(&self, node: usize, sources: &[Vec<Arrived>], horizon: Option<i64>) -> Vec<Arrived> {
        let (by, within) = self.nodes[node].dedup.as_ref().expect("it drops duplicates");
        let within = micros(within);
        let past = horizon.unwrap_or(within);
        let mut events = self.along(&self.through(node), sources, horizon);
        events.sort_by_key(|a| (a.tick.map_or(a.time, |tick| tick.max(a.time)), a.time, a.partition, a.position));
        let mut kept: Vec<(String, i64)> = Vec::new();
        events.retain(|a| {
            let key = canonical(&by.of(&a.event));
            if key.is_null() || a.tick.is_some_and(|tick| a.time + past <= tick) {
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

    /// What the streams make of an event.
    fn take(&self, path: &[usize], a: &Arrived) -> Option<Value> {
        let mut event = a.event.clone();
        for node in path {
            let node = &self.nodes[*node];
            if !self.passes(node, a, &event) {
                return None;
            }
            if let Some((name, group)) = &node.set {
                let value: Value = group.of(&event);
                event.as_object_mut().expect("an event is an object").insert(name.clone(), value);
            }
        }
        Some(event)
    }

    fn passes(&self, node: &Node, a: &Arrived, event: &Value) -> bool {
        let taken = |name: &String| {
            let other = self.nodes.iter().find(|n| n.name == *name).expect("a stream");
            self.passes(other, a, event)
        };
        !node.rest_of.iter().any(taken)
            && node.filter.as_ref().is_none_or(|test| test.of(event) == Some(true))
            && node.sample.as_ref().is_none_or(|sample| sample.keeps(a, event))
    }
}

/// One name, or a list.
pub(super) fn list(names: &[String]) -> String {
    match names {
        [one] => format!("\"{one}\""),
        _ => format!("[{}]", names.iter().map(|n| format!("\"{n}\"")).collect::<Vec<_>>().join(", ")),
    }
}
