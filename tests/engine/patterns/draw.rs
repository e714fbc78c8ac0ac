//! A seed, turned into a pattern and a few events.
//!
//! What the language has is drawn, but for what it refuses and for what is not decided: two negations in a row, and one
//! at the end of a group.

use super::super::random::Random;
use super::form::{Case, Contiguity, Entry, Event, Node, Pattern, Quantifier, WithinKind};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// A pattern and the events of its partitions.
#[derive(Debug, Clone)]
pub struct Drawn {
    /// With all events in the order in which they count.
    pub case: Case,
    /// The events of each file, in order of time.
    pub files: Vec<Vec<Entry>>,
    /// It is a row pattern.
    pub row: bool,
    /// Partial matches that ran out of time are wanted.
    pub timed_out: bool,
}

struct Draw<'a> {
    r: &'a mut Random,
    row: bool,
    /// Steps that take events, and their conditions.
    steps: Vec<(String, Value)>,
    /// How many names there are, of all kinds.
    names: usize,
    /// Loops without a limit that may still be drawn.
    loops: usize,
}

const CONTIGUITIES: [Contiguity; 6] = [
    Contiguity::Strict,
    Contiguity::Relaxed,
    Contiguity::Relaxed,
    Contiguity::Relaxed,
    Contiguity::NonDeterministicRelaxed,
    Contiguity::NonDeterministicRelaxed,
];

/// Ways to unroll a pattern, at most: the reference tries them all.
const MOST_WAYS: f64 = 3_000.0;

/// How many ways there are to unroll these nodes to each number of slots.
fn ways(nodes: &[Node], limit: usize) -> Vec<f64> {
    let then = |a: &[f64], b: &[f64]| {
        let mut all = vec![0.0; limit + 1];
        for (i, x) in a.iter().enumerate() {
            b.iter().take(limit + 1 - i).enumerate().for_each(|(j, y)| all[i + j] += x * y);
        }
        all
    };
    let mut all = vec![0.0; limit + 1];
    all[0] = 1.0;
    for node in nodes.iter().filter(|n| !n.negated) {
        let mut once = vec![0.0; limit + 1];
        match (&node.group, &node.alt) {
            (Some(group), _) => once = ways(group, limit),
            (_, Some(alt)) => {
                alt.iter().for_each(|a| ways(a, limit).iter().zip(&mut once).for_each(|(n, of)| *of += n));
            }
            _ => once[1] = 1.0,
        }
        let quantifier = node.quantifier.as_ref();
        let (min, max) = quantifier.map_or((1, 1), |q| (q.min, q.max.unwrap_or(limit)));
        if quantifier.is_some() {
            once[0] = 0.0;
        }
        let mut times = vec![0.0; limit + 1];
        times[0] = f64::from(u8::from(quantifier.is_some_and(|q| q.optional)));
        let mut power = once.clone();
        for n in 1..=max.min(limit) {
            if n >= min {
                power.iter().zip(&mut times).for_each(|(more, of)| *of += more);
            }
            power = then(&power, &once);
        }
        all = then(&all, &times);
    }
    all
}

impl Draw<'_> {
    fn contiguity(&mut self) -> Contiguity {
        if self.row { Contiguity::Strict } else { self.r.pick(&CONTIGUITIES) }
    }

    fn name(&mut self) -> String {
        self.names += 1;
        format!("s{}", self.names - 1)
    }

    fn letter(&mut self) -> Value {
        json!(["==", ["field", "name"], self.r.pick(&["a", "a", "b", "b", "c"])])
    }

    /// A condition that looks at the events of a step.
    fn looks_back(&mut self, step: &str) -> Value {
        let (step, price) = (json!(["step", step]), json!(["field", "price"]));
        match self.r.below(8) {
            0 => json!([">", price, ["avg", step, "price"]]),
            1 => json!([">=", price, ["last", step, "price"]]),
            2 => json!(["<", ["+", ["sum", step, "price"], price], 12]),
            3 => json!(["<", ["count", step], 2]),
            4 => json!([">", price, ["first", step, "price", 1]]),
            5 => json!(["!=", price, [self.r.pick(&["min", "max"]), step, "price"]]),
            6 => json!(["<", ["-", ["field", "t"], ["first", step, "t"]], 4]),
            _ => json!(["or", ["==", ["count", step, "price"], 0], [">", price, ["last", step, "price", 1]]]),
        }
    }

    fn condition(&mut self, own: &str) -> Value {
        let letter = self.letter();
        match self.r.below(14) {
            0 => json!(true),
            1..=3 if self.row => json!(["in", ["field", "name"], "a", self.r.pick(&["b", "c"])]),
            1 | 2 => json!(["and", letter, [">", ["field", "price"], self.r.below(6)]]),
            3 => json!([">", ["field", "price"], self.r.below(8)]),
            4 | 5 if !self.steps.is_empty() => {
                let step = self.r.pick(&self.steps).0;
                json!(["and", letter, self.looks_back(&step)])
            }
            6 => json!(["and", letter, self.looks_back(own)]),
            _ => letter,
        }
    }

    fn quantifier(&mut self, small: bool) -> Quantifier {
        let mut list = vec![(1, Some(1), true), (2, Some(2), false), (1, Some(2), false)];
        if !small {
            list.extend([(1, Some(3), true), (2, Some(3), false), (2, Some(2), true)]);
        }
        if !small && self.loops > 0 {
            list.extend([(1, None, false), (1, None, false), (1, None, true), (1, None, true), (2, None, false)]);
        }
        let (min, max, optional) = self.r.pick(&list);
        self.loops -= usize::from(max.is_none());
        Quantifier {
            min,
            max,
            optional,
            greedy: self.r.one_in(2),
            inner_contiguity: self.contiguity(),
            window_ms: if self.r.one_in(12) && !self.row { Some(1 + self.r.below(4) as i64) } else { None },
        }
    }

    fn step(&mut self, follows: Option<Contiguity>) -> Node {
        let (name, condition) = if self.r.one_in(10) && !self.steps.is_empty() {
            self.r.pick(&self.steps)
        } else {
            let name = self.name();
            let condition = self.condition(&name);
            (name, condition)
        };
        self.steps.push((name.clone(), condition.clone()));
        Node { name: Some(name), condition, ..Node::empty(follows) }
    }

    fn until(&mut self, node: &mut Node) {
        let ends = node.quantifier.as_ref().is_some_and(|q| q.max != Some(1) && q.max != Some(q.min));
        if !ends || self.row || !self.r.one_in(5) {
            return;
        }
        let own = self.steps[self.steps.len() - 1].0.clone();
        node.until = Some(match self.r.below(3) {
            0 => json!([">", ["field", "price"], 3 + self.r.below(5)]),
            1 => json!([">=", ["count", ["step", own]], 2]),
            _ => self.letter(),
        });
    }

    fn quantified_step(&mut self, follows: Option<Contiguity>, small: bool) -> Node {
        let mut node = self.step(follows);
        node.quantifier = Some(self.quantifier(small));
        self.until(&mut node);
        node
    }

    fn negation(&mut self) -> Node {
        let name = self.name();
        let follows = self.contiguity();
        let condition = match self.r.below(3) {
            0 => json!(["or", self.letter(), [">", ["field", "price"], 6 + self.r.below(3)]]),
            1 if !self.steps.is_empty() => {
                let step = self.r.pick(&self.steps).0;
                json!(["and", self.letter(), self.looks_back(&step)])
            }
            _ => self.letter(),
        };
        Node { name: Some(name), negated: true, condition, ..Node::empty(Some(follows)) }
    }

    /// Steps, one after the other; one of them is taken whenever the group is.
    fn group(&mut self) -> Vec<Node> {
        let mut nodes = Vec::new();
        let count = self.r.pick(&[2, 2, 3]);
        let sure = self.r.below(count);
        for i in 0..count {
            let follows = (i > 0).then(|| self.contiguity());
            if i > 0 && !self.row && self.r.one_in(6) && !nodes.last().is_some_and(|n: &Node| n.negated) {
                nodes.push(self.negation());
            }
            let quantified = i != sure && self.r.one_in(3);
            nodes.push(if quantified { self.quantified_step(follows, true) } else { self.step(follows) });
        }
        nodes
    }

    fn alternatives(&mut self) -> Vec<Vec<Node>> {
        (0..2 + self.r.below(2))
            .map(|_| match self.r.below(5) {
                0 => self.group(),
                1 => {
                    let mut node = self.quantified_step(None, true);
                    node.quantifier.iter_mut().for_each(|q| q.optional = false);
                    vec![node]
                }
                _ => vec![self.step(None)],
            })
            .collect()
    }

    fn permuted(&mut self) -> Vec<Vec<Node>> {
        let nodes: Vec<Node> = (0..2 + self.r.below(2)).map(|_| self.step(None)).collect();
        let mut orders: Vec<Vec<usize>> = vec![Vec::new()];
        for _ in 0..nodes.len() {
            let mut longer = Vec::new();
            for order in &orders {
                longer.extend((0..nodes.len()).filter(|i| !order.contains(i)).map(|i| [&order[..], &[i]].concat()));
            }
            orders = longer;
        }
        let order = |order: Vec<usize>| {
            let strict = |(place, i): (usize, usize)| {
                let follows = (place > 0).then_some(Contiguity::Strict);
                Node { contiguity: follows, ..nodes[i].clone() }
            };
            order.into_iter().enumerate().map(strict).collect()
        };
        orders.into_iter().map(order).collect()
    }

    fn item(&mut self, follows: Option<Contiguity>) -> Node {
        let mut node = Node::empty(follows);
        match self.r.below(20) {
            0..=8 => return self.step(follows),
            9..=14 => return self.quantified_step(follows, false),
            15 | 16 => node.group = Some(self.group()),
            17 if self.row => {
                (node.alt, node.permute) = (Some(self.permuted()), true);
                return node;
            }
            _ => node.alt = Some(self.alternatives()),
        }
        if self.r.one_in(2) {
            let mut quantifier = self.quantifier(false);
            // Of an optional group of a few it is said as two groups, whose preference is the same.
            quantifier.greedy |= self.row && quantifier.optional && quantifier.min > 1;
            node.quantifier = Some(quantifier);
            self.until(&mut node);
        }
        node
    }

    fn pattern(&mut self) -> Pattern {
        let mut steps = Vec::new();
        for i in 0..self.r.pick(&[1, 2, 2, 2, 3, 3, 4]) {
            if i > 0 && !self.row && self.r.one_in(6) {
                steps.push(self.negation());
            }
            let follows = (i > 0).then(|| self.contiguity());
            steps.push(self.item(follows));
        }
        if steps.len() == 1 && steps[0].quantifier.is_none() {
            let follows = Some(self.contiguity());
            steps.push(self.item(follows));
        }
        if !self.row && self.r.one_in(7) {
            steps.push(self.negation());
        }
        let mut pattern = Pattern {
            steps,
            within_ms: None,
            within_kind: WithinKind::FirstAndLast,
            within_step: None,
            gap_ms: None,
            gaps: BTreeMap::new(),
            after_match: None,
            after_match_miss: None,
        };
        if self.r.one_in(2) {
            pattern.within_ms = Some(2 + self.r.below(7) as i64);
        }
        if !self.row {
            match self.r.below(8) {
                0 => pattern.gap_ms = Some(1 + self.r.below(5) as i64),
                1 => {
                    let step = self.r.pick(&self.steps).0;
                    pattern.gaps.insert(step, 1 + self.r.below(5) as i64);
                }
                _ => {}
            }
        }
        if let Some(name) = pattern.last_negation().filter(|n| n.contiguity != Some(Contiguity::Strict)) {
            let name = name.name.clone().expect("a negation has a name");
            if self.r.one_in(3)
                && pattern.gap_ms.is_none()
                && pattern.last_negation().is_some_and(|n| n.condition[0] != "or")
            {
                pattern.gaps.insert(name, 1 + self.r.below(5) as i64);
            } else if pattern.within_ms.or(pattern.gap_ms).is_none() {
                pattern.within_ms = Some(3 + self.r.below(5) as i64);
            }
        }
        let target = self.r.pick(&self.steps).0;
        let skip = match self.r.below(8) {
            0 => "skip_to_next".to_owned(),
            1 => "skip_past_last".to_owned(),
            2 => format!("skip_to_first:{target}"),
            3 => format!("skip_to_last:{target}"),
            _ => "no_skip".to_owned(),
        };
        pattern.after_match = Some(skip);
        pattern
    }

    fn measures(&mut self) -> BTreeMap<String, Value> {
        let mut measures = BTreeMap::new();
        for i in 0..self.r.below(3) {
            let step = json!(["step", self.r.pick(&self.steps).0]);
            let measure = match self.r.below(8) {
                0 => json!(["count", step]),
                1 => json!([self.r.pick(&["sum", "avg", "min", "max", "count"]), step, "price"]),
                2 => json!(["first", step, "id"]),
                3 => json!(["last", step, "name"]),
                4 => json!(["list", step, "id"]),
                5 => json!(["sum", step, ["*", ["field", "price"], ["field", "t"]]]),
                6 => json!(["last", step, "price", 1]),
                _ => json!(["count", ["any"]]),
            };
            measures.insert(format!("m{i}"), measure);
        }
        measures
    }
}

/// Events with small times, many of them equal, in order of time.
fn events(r: &mut Random, count: u64, keys: bool) -> Vec<Event> {
    let mut t = r.below(4) as i64;
    (0..count)
        .map(|i| {
            t += r.pick(&[0, 0, 1, 1, 1, 2, 3]);
            let mut fields = Map::new();
            if !r.one_in(12) {
                fields.insert("price".to_owned(), json!(r.below(10)));
            }
            if keys {
                fields.insert("k".to_owned(), json!(r.pick(&["x", "x", "y"])));
            }
            Event { id: format!("e{i}"), name: json!(r.pick(&["a", "a", "a", "b", "b", "b", "c", "d"])), t, fields }
        })
        .collect()
}

/// The events of all files in the order in which they count: by time, file and place in the file.
pub fn in_order(files: &[Vec<Entry>]) -> Vec<Entry> {
    let mut all: Vec<Entry> = files.concat();
    all.sort_by_key(Entry::time);
    all
}

impl Drawn {
    /// The pattern and a few events of a seed. `row`: a row pattern.
    pub fn new(seed: u64, row: bool) -> Self {
        Self::of(seed, row, false)
    }

    /// A pattern of a short time and many events.
    pub fn long(seed: u64, row: bool) -> Self {
        Self::of(seed, row, true)
    }

    fn of(seed: u64, row: bool, long: bool) -> Self {
        let mut r = Random::new(seed.wrapping_mul(2).wrapping_add(u64::from(row)));
        let (pattern, measures) = loop {
            let mut draw = Draw { r: &mut r, row, steps: Vec::new(), names: 0, loops: if long { 0 } else { 2 } };
            let mut pattern = draw.pattern();
            if long {
                // Without a limit the reference would try too much.
                pattern.within_ms = Some(2 + draw.r.below(4) as i64);
            }
            if ways(&pattern.steps, 16).iter().sum::<f64>() <= MOST_WAYS {
                let measures = draw.measures();
                break (pattern, measures);
            }
        };
        let keys = r.one_in(3);
        let count = match long {
            true => 150 + r.below(150),
            false => 4 + r.below(6) + if keys { 3 } else { 0 } + if row { 5 } else { 0 },
        };
        let events = events(&mut r, count, keys);
        let mut files = vec![Vec::new(); if r.one_in(3) { 2 } else { 1 }];
        for event in events {
            let file = r.below(files.len() as u64) as usize;
            files[file].push(Entry::Event(event));
        }
        let limited = pattern.within_ms.is_some() || pattern.gap_ms.is_some() || !pattern.gaps.is_empty();
        let timed_out = !row && limited && pattern.skip().0 == "no_skip" && r.one_in(2);
        let case = Case {
            id: format!("drawn of {seed}{}", if row { ", row" } else { "" }),
            mode: None,
            pattern,
            events: in_order(&files),
            expected: Vec::new(),
            expected_error: None,
            expected_late: None,
            timed_out: None,
            documented_rule_expected: None,
            sql_standard_expected: None,
            list_order: false,
            key_field: keys.then(|| "k".to_owned()),
            partition_by: Vec::new(),
            tie_break: Vec::new(),
            emission: None,
            all_matches: false,
            measures,
        };
        Self { case, files, row, timed_out }
    }
}
