//! Questions to the engine: many patterns, each with a source of its own, in one run; and what is said of each.

use super::super::harness::{Ran, Width, partition_path, run};
use super::expression::Seen;
use super::form::{Case, Entry, Event};
use super::reference::Steps;
use super::sql::step_names;
use super::translate::{Manner, input, pipeline, sections};
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// A pattern, the files it is asked over, and how.
#[derive(Debug, Clone)]
pub struct Question {
    pub case: Case,
    pub files: Vec<Vec<Entry>>,
    /// Milliseconds.
    pub out_of_orderness: i64,
    pub manner: Manner,
}

/// A row of a match.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Said {
    /// The steps by the names of the case.
    pub steps: Steps,
    /// What it selects, in JSON.
    pub measures: String,
    /// The step reached by a partial match that ran out of time.
    pub reached: Option<String>,
}

impl Said {
    /// A match.
    pub fn full(steps: Steps, measures: &Value) -> Self {
        Self { steps, measures: measures.to_string(), reached: None }
    }
}

/// A row as it was written: whether it takes one back, and the number of its statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    pub said: Said,
    pub takes_back: bool,
    pub revision: u64,
}

/// The answers to questions.
pub struct Answers {
    /// By question, in the order in which they were written.
    pub changes: Vec<Vec<Change>>,
    pub ran: Ran,
    /// What was run.
    pub pipeline: String,
}

impl Answers {
    /// How many events were too late for a question; whether these may be so many. What meets no condition does not
    /// reach a pattern that would skip it anyway, and is not counted there.
    pub fn too_late(&self, question: &Question, number: usize, late: &[Event]) -> Result<(), String> {
        let name = format!("p{number}");
        let found = self.ran.sum(|s| s.parts.iter().filter(|p| p.name == name).map(|p| p.too_late).sum());
        let nodes = question.case.pattern.nodes();
        let conditions = nodes.iter().flat_map(|n| n.name.iter().map(|_| &n.condition).chain(&n.until));
        let conditions: Vec<&Value> = conditions.collect();
        let counts = |event: &&Event| conditions.iter().any(|c| Seen::may_meet(c, event));
        let (least, most) = (late.iter().filter(counts).count() as u64, late.len() as u64);
        if (least..=most).contains(&found) {
            return Ok(());
        }
        Err(format!("{}: {found} too late, expected {least} to {most}", question.case.id))
    }

    /// The sections of a question, to be shown.
    pub fn text(&self, question: usize) -> String {
        let of = |n: usize| format!("[sources.s{n}]");
        let start = self.pipeline.find(&of(question)).expect("every question has a source");
        let rest = &self.pipeline[start..];
        rest[..rest.find(&of(question + 1)).or(rest.find("[sinks")).unwrap_or(rest.len())].to_owned()
    }
}

/// Asks all in one run.
pub fn ask(questions: &[Question], width: Width) -> Answers {
    let folder = tempfile::tempdir().expect("a scratch folder");
    let mut parts = Vec::new();
    let mut number = 0;
    for (i, question) in questions.iter().enumerate() {
        let mut files = Vec::new();
        for entries in &question.files {
            let path = partition_path(folder.path(), number);
            number += 1;
            std::fs::write(&path, input(entries)).expect("the scratch folder takes files");
            files.push(path);
        }
        parts.push(sections(&question.case, i, &files, question.out_of_orderness, question.manner));
    }
    let pipeline = pipeline(&parts);
    let ran = run(&pipeline, width).unwrap_or_else(|e| panic!("{e}\n{pipeline}"));
    let mut changes = vec![Vec::new(); questions.len()];
    for row in ran.rows() {
        let name = row["name"].as_str().expect("a row has a name");
        let question: usize = name[1..].parse().expect("patterns are numbered");
        changes[question].push(change(&questions[question], row));
    }
    Answers { changes, ran, pipeline }
}

fn change(question: &Question, row: Value) -> Change {
    let case = &question.case;
    let names: BTreeMap<String, String> =
        step_names(&case.pattern).into_iter().map(|(name, ours)| (ours, name)).collect();
    let mut row: Map<String, Value> = row.as_object().cloned().expect("a row is an object");
    let mut take = |column: &str| row.remove(column).unwrap_or_else(|| panic!("no {column}"));
    let steps = take("events");
    let steps: Steps = steps
        .as_object()
        .expect("events by step")
        .iter()
        .map(|(step, ids)| (names[step].clone(), serde_json::from_value(ids.clone()).expect("a list of ids")))
        .collect();
    let times = case.only_events().filter(|e| steps.values().flatten().any(|id| *id == e.id)).map(|e| e.t);
    let (start, end) = (take("match_start"), take("match_end"));
    let (first, last) = (times.clone().min(), times.max());
    assert_eq!((start.as_i64(), end.as_i64()), (first, last), "{}: when {steps:?} begins and ends", case.id);
    take("name");
    if !case.key().is_empty() {
        take("key");
    }
    let reached = if question.manner.timed_out { take("timed_out") } else { Value::Null };
    let reached = reached.as_str().map(|step| names[step].clone());
    let revision = take("revision").as_u64().expect("a number");
    let op = take("op");
    assert!(op == "+" || op == "-", "{op}");
    let measures: Map<String, Value> =
        case.measures.keys().map(|name| (name.clone(), super::row::plain(&take(&format!("m_{name}"))))).collect();
    assert!(row.is_empty(), "{}: {row:?} was not asked for", case.id);
    let said = Said { steps, measures: Value::Object(measures).to_string(), reached };
    Change { said, takes_back: op == "-", revision }
}

/// What is in `a` more often than in `b`, both in order.
pub fn beyond<T: Ord + Clone>(a: &[T], b: &[T]) -> Vec<T> {
    let mut rest = b.to_vec();
    let mut out = a.to_vec();
    out.retain(|x| match rest.iter().position(|y| y == x) {
        Some(i) => {
            rest.remove(i);
            false
        }
        None => true,
    });
    out
}

/// What was said, where that is all first statements; and how it differs from what was to be said.
pub fn compare(id: &str, changes: &[Change], expected: &[Said]) -> Result<(), String> {
    if let Some(change) = changes.iter().find(|c| c.takes_back || c.revision > 0) {
        return Err(format!("{id}: nothing was late, yet {change:?}"));
    }
    let found: Vec<Said> = changes.iter().map(|c| c.said.clone()).collect();
    let (extra, missing) = (beyond(&found, expected), beyond(expected, &found));
    if extra.is_empty() && missing.is_empty() {
        return Ok(());
    }
    let list = |all: &[Said]| {
        let line = |s: &Said| format!("\n    {:?} {} {:?}", s.steps, s.measures, s.reached);
        all.iter().map(line).collect::<String>()
    };
    Err(format!("{id}\n  not expected:{}\n  missing:{}", list(&extra), list(&missing)))
}

/// An order of arrival in which no event is more than `disorder` behind the latest one, and those of one time stay in
/// their order; by a source of numbers below what they are given.
pub fn shuffled(entries: &[Entry], disorder: i64, mut below: impl FnMut(u64) -> u64) -> Vec<Entry> {
    let mut rest: Vec<&Entry> = entries.iter().collect();
    let mut out = Vec::new();
    while let Some(earliest) = rest.iter().map(|e| e.time()).min() {
        let may = |i: &usize| {
            let time = rest[*i].time();
            time <= earliest.saturating_add(disorder) && rest[..*i].iter().all(|e| e.time() != time)
        };
        let may: Vec<usize> = (0..rest.len()).filter(may).collect();
        out.push(rest.remove(may[below(may.len() as u64) as usize]).clone());
    }
    out
}
