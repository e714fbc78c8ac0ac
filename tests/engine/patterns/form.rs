//! The neutral form of a pattern: a line of JSON, turned into its steps, its events, and what is expected of it.
//!
//! `gap_ms` and `gaps` (by step) are `within_step` as we have it; no case of another engine has them.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// How a step follows the one before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Contiguity {
    /// The next event.
    Strict,
    /// Events that do not meet its condition are skipped.
    Relaxed,
    /// Any event may be skipped.
    NonDeterministicRelaxed,
}

/// How often a step may be taken: `min` to `max` times, or not at all where it is optional.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quantifier {
    pub min: usize,
    pub max: Option<usize>,
    pub optional: bool,
    pub greedy: bool,
    pub inner_contiguity: Contiguity,
    /// How far apart its iterations may be: less than.
    #[serde(default)]
    pub window_ms: Option<i64>,
}

/// A step, a group or alternatives.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Node {
    #[serde(default)]
    pub name: Option<String>,
    /// None for the first one of a sequence.
    pub contiguity: Option<Contiguity>,
    pub negated: bool,
    #[serde(default = "always", rename = "where")]
    pub condition: Value,
    #[serde(default)]
    pub quantifier: Option<Quantifier>,
    #[serde(default)]
    pub until: Option<Value>,
    #[serde(default)]
    pub group: Option<Vec<Node>>,
    #[serde(default)]
    pub alt: Option<Vec<Vec<Node>>>,
    /// The alternatives are all orders of the nodes of the first one.
    #[serde(default)]
    pub permute: bool,
}

fn always() -> Value {
    Value::Bool(true)
}

impl Node {
    /// A node of neither a name nor parts yet.
    pub fn empty(contiguity: Option<Contiguity>) -> Self {
        Self {
            name: None,
            contiguity,
            negated: false,
            condition: always(),
            quantifier: None,
            until: None,
            group: None,
            alt: None,
            permute: false,
        }
    }

    /// The node and all below it, as they are written.
    pub fn walk<'a>(&'a self, found: &mut Vec<&'a Node>) {
        found.push(self);
        self.group.iter().flatten().for_each(|n| n.walk(found));
        self.alt.iter().flatten().flatten().for_each(|n| n.walk(found));
    }
}

/// What `within_ms` is counted from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WithinKind {
    #[default]
    FirstAndLast,
    PreviousAndCurrent,
}

/// The steps and what bounds them.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pattern {
    pub steps: Vec<Node>,
    #[serde(default)]
    pub within_ms: Option<i64>,
    #[serde(default)]
    pub within_kind: WithinKind,
    #[serde(default)]
    pub within_step: Option<String>,
    #[serde(default)]
    pub gap_ms: Option<i64>,
    #[serde(default)]
    pub gaps: BTreeMap<String, i64>,
    #[serde(default)]
    pub after_match: Option<String>,
    #[serde(default)]
    pub after_match_miss: Option<String>,
}

impl Pattern {
    /// All nodes, as they are written.
    pub fn nodes(&self) -> Vec<&Node> {
        let mut found = Vec::new();
        self.steps.iter().for_each(|n| n.walk(&mut found));
        found
    }

    /// The names of the steps, each once, in the order in which they are first written.
    pub fn names(&self) -> Vec<&str> {
        let mut names = Vec::new();
        for name in self.nodes().iter().filter_map(|n| n.name.as_deref()) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }

    /// The negation at its end, if there is one.
    pub fn last_negation(&self) -> Option<&Node> {
        self.steps.last().filter(|n| n.negated)
    }

    /// The skip strategy: its name, and the step it goes to.
    pub fn skip(&self) -> (&str, Option<&str>) {
        let skip = self.after_match.as_deref().unwrap_or("no_skip");
        skip.split_once(':').map_or((skip, None), |(kind, step)| (kind, Some(step)))
    }
}

/// An event.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
pub struct Event {
    pub id: String,
    /// A text, or null.
    pub name: Value,
    pub t: i64,
    pub fields: Map<String, Value>,
}

/// What arrives.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(untagged)]
pub enum Entry {
    /// No event whose time is this or earlier is on time from here on.
    Watermark {
        watermark: i64,
    },
    Event(Event),
}

impl Entry {
    /// The event, if it is one.
    pub fn event(&self) -> Option<&Event> {
        match self {
            Entry::Event(event) => Some(event),
            Entry::Watermark { .. } => None,
        }
    }

    /// The time to which it moves the clock.
    pub fn time(&self) -> i64 {
        match self {
            Entry::Event(event) => event.t,
            Entry::Watermark { watermark } => *watermark,
        }
    }
}

/// A pattern, what arrives, and what is expected.
#[derive(Debug, Clone, Deserialize)]
pub struct Case {
    pub id: String,
    /// `operator`: watermarks release the events, in order of time; otherwise they count as they arrive.
    #[serde(default)]
    pub mode: Option<String>,
    pub pattern: Pattern,
    pub events: Vec<Entry>,
    #[serde(default)]
    pub expected: Vec<Value>,
    #[serde(default)]
    pub expected_error: Option<String>,
    #[serde(default)]
    pub expected_late: Option<Vec<String>>,
    #[serde(default)]
    pub timed_out: Option<Vec<Value>>,
    /// The answer by the documentation of a loop's window, where Flink gives another one.
    #[serde(default)]
    pub documented_rule_expected: Option<Vec<Value>>,
    #[serde(default)]
    pub sql_standard_expected: Option<Vec<Value>>,
    #[serde(default)]
    pub list_order: bool,
    #[serde(default)]
    pub key_field: Option<String>,
    #[serde(default)]
    pub partition_by: Vec<String>,
    #[serde(default)]
    pub tie_break: Vec<String>,
    #[serde(default)]
    pub emission: Option<String>,
    #[serde(default)]
    pub all_matches: bool,
    #[serde(default)]
    pub measures: BTreeMap<String, Value>,
}

impl Case {
    /// The fields that its key is made of.
    pub fn key(&self) -> Vec<&str> {
        self.key_field.iter().chain(&self.partition_by).map(String::as_str).collect()
    }

    /// The events, without watermarks.
    pub fn only_events(&self) -> impl Iterator<Item = &Event> + Clone {
        self.events.iter().filter_map(Entry::event)
    }
}

/// The cases of a file in `tests/cases`.
pub fn load(name: &str) -> Vec<Case> {
    let path = format!("{}/tests/cases/{name}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{path}: {e}"));
    text.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"))).collect()
}
