//! The streams of a random case: as a pipeline file has them, and as what they do to an event on each road.

use super::super::oracle::{Place, Take, canonical};
use super::Random;
use super::expression::{Group, Test};
use rapidhash::v3::rapidhash_v3;
use serde_json::Value;
use std::fmt::Write;
use std::rc::Rc;

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
    fn keeps(&self, place: &Place, event: &Value) -> bool {
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

/// From a source to the window: the source, and the streams between.
#[derive(Debug, Clone)]
pub(super) struct Road {
    pub(super) source: usize,
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
            nodes.push(Node {
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

    /// True where a stream that is read is the rest of others.
    pub(super) fn routes(&self) -> bool {
        self.roads().iter().flat_map(|road| &road.path).any(|node| !self.nodes[*node].rest_of.is_empty())
    }

    /// True where a stream that is read keeps a share, of keys or of events.
    pub(super) fn samples(&self, keys: bool) -> bool {
        let samples = |node: &usize| self.nodes[*node].sample.as_ref().is_some_and(|s| s.by.is_some() == keys);
        self.roads().iter().flat_map(|road| &road.path).any(samples)
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
            out.push('\n');
        }
        out
    }

    /// The roads to the window, in the order of the lists of inputs.
    pub(super) fn roads(&self) -> Vec<Road> {
        self.roads_from(&self.from)
    }

    fn roads_from(&self, from: &[String]) -> Vec<Road> {
        let mut roads = Vec::new();
        for name in from {
            match self.nodes.iter().position(|n| n.name == *name) {
                None => roads.push(Road { source: name[1..].parse().expect("a source"), path: Vec::new() }),
                Some(node) => roads.extend(self.roads_from(&self.nodes[node].from).into_iter().map(|mut road| {
                    road.path.push(node);
                    road
                })),
            }
        }
        roads
    }

    /// What the road makes of an event.
    pub(super) fn take(&self, road: &Road) -> Take {
        let (graph, path) = (self.clone(), road.path.clone());
        Rc::new(move |place: &Place| {
            let mut event = place.event.clone();
            for node in &path {
                let node = &graph.nodes[*node];
                if !graph.passes(node, place, &event) {
                    return None;
                }
                if let Some((name, group)) = &node.set {
                    let value: Value = group.of(&event);
                    event.as_object_mut().expect("an event is an object").insert(name.clone(), value);
                }
            }
            Some(event)
        })
    }

    fn passes(&self, node: &Node, place: &Place, event: &Value) -> bool {
        let taken = |name: &String| {
            let other = self.nodes.iter().find(|n| n.name == *name).expect("a stream");
            self.passes(other, place, event)
        };
        !node.rest_of.iter().any(taken)
            && node.filter.as_ref().is_none_or(|test| test.of(event) == Some(true))
            && node.sample.as_ref().is_none_or(|sample| sample.keeps(place, event))
    }
}

/// One name, or a list.
pub(super) fn list(names: &[String]) -> String {
    match names {
        [one] => format!("\"{one}\""),
        _ => format!("[{}]", names.iter().map(|n| format!("\"{n}\"")).collect::<Vec<_>>().join(", ")),
    }
}
