//! What a case expects and what its runs told, turned into what differs.
//!
//! Rows that are told apart by the same things are paired: first as many as can be whose values are equal, as a row that
//! names few values may equal several, then the rest in the order they stand. What is left over is missing or
//! unexpected. Differences come in the order of the windows they are about, whatever kind they are, so that what belongs
//! together stands together.

use super::Verdict;
use super::case::{Case, Count, Expect};
use super::rows::{Row, equal, like, row, value_name};
use super::run::{Told, counted};
use crate::error::Problem;
use crate::result::RowSchema;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// All that is not as expected.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Differences {
    /// How many rows are as expected.
    pub same: usize,
    /// Rows that are not.
    pub rows: Vec<RowDifference>,
    /// Counts that are not.
    pub counts: Vec<CountDifference>,
    /// The end of the run, where it is not: what its error should have said, and how it ended.
    pub end: Option<(String, String)>,
}

impl Differences {
    /// How many there are.
    pub fn count(&self) -> usize {
        self.rows.len() + self.counts.len() + usize::from(self.end.is_some())
    }
}

/// How a row is not as expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RowKind {
    /// It was expected and did not come.
    Missing,
    /// It came with other values.
    Differs,
    /// It came and was not expected.
    Unexpected,
}

impl RowKind {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            RowKind::Missing => "missing",
            RowKind::Differs => "differs",
            RowKind::Unexpected => "unexpected",
        }
    }
}

/// A row that is not as expected.
#[derive(Debug, Clone, PartialEq)]
pub struct RowDifference {
    /// How.
    pub kind: RowKind,
    /// Its part.
    pub part: String,
    /// The names of its two times.
    pub times: [&'static str; 2],
    /// The row; where it differs the one that was expected.
    pub row: Row,
    /// Its dimensions by name.
    pub group: Vec<(String, Value)>,
    /// Values by name: expected, got. Where it differs those that do.
    pub values: Vec<(String, Option<Value>, Option<Value>)>,
}

/// A count that is not as expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CountDifference {
    /// Which, as the case names it.
    pub name: String,
    /// The line of the case.
    pub line: usize,
    /// The number that was expected.
    pub expected: u64,
    /// The number that came.
    pub got: u64,
}

/// Compares what a case expects with what its runs told.
pub fn judge(case: &Case, told: &Told) -> Verdict {
    let mut problems = Vec::new();
    if case.expects.is_empty() && case.counts.is_empty() {
        let help = "add expect, expect_counts or expect_error; --rewrite fills expect in";
        let problem = case.problem("case.required", 0, "the case expects nothing", Some(help.into()));
        problems.push(Problem { text: case.file.clone(), ..problem });
    }
    let mut differences = Differences::default();
    if let Some(expected) = expected(case, told, &mut problems) {
        rows(case, told, expected, &mut differences);
    }
    for count in &case.counts {
        match total(count, told) {
            Ok(got) if got != count.number => differences.counts.push(CountDifference {
                name: count.path.join("."),
                line: count.line,
                expected: count.number,
                got,
            }),
            Ok(_) => {}
            Err((message, help)) => problems.push(case.problem("case.count", count.line, message, Some(help))),
        }
    }
    if !problems.is_empty() {
        problems.sort_by_key(|p| p.line);
        return Verdict::Wrong(case.problems(problems));
    }
    if differences.count() == 0 { Verdict::Passed } else { Verdict::Failed(differences) }
}

/// The rows of one text of the case: those that can be read, and problems of the others.
pub(super) fn rows_of(case: &Case, expect: &Expect, schemas: &[RowSchema]) -> (Vec<Row>, Vec<Problem>) {
    let part = match &expect.part {
        None => None,
        Some(name) => match schemas.iter().position(|schema| schema.name == *name) {
            Some(part) => Some(part),
            None => {
                let help = like(name, schemas.iter().map(|s| s.name.as_str()));
                let message = format!("there is no window or pattern '{name}'");
                return (Vec::new(), vec![case.problem("case.row", expect.line, message, Some(help))]);
            }
        },
    };
    let (mut rows, mut problems) = (Vec::new(), Vec::new());
    for (i, text) in expect.rows.text.lines().enumerate().filter(|(_, text)| !text.trim().is_empty()) {
        let line = expect.rows.line + i;
        match row(text, line, schemas, part) {
            Ok(row) => rows.push(row),
            Err((message, help)) => problems.push(case.problem("case.row", line, message, help)),
        }
    }
    (rows, problems)
}

/// All rows that are expected; `None` where the case says nothing of rows.
fn expected(case: &Case, told: &Told, problems: &mut Vec<Problem>) -> Option<Vec<Row>> {
    if case.expects.is_empty() {
        return None;
    }
    let mut all = Vec::new();
    for expect in &case.expects {
        let (rows, wrong) = rows_of(case, expect, &told.schemas);
        all.extend(rows);
        problems.extend(wrong);
    }
    Some(all)
}

/// The parts that a case speaks of; `None`: all.
fn scope(case: &Case, schemas: &[RowSchema]) -> Option<BTreeSet<usize>> {
    let place = |expect: &Expect| {
        let name = expect.part.as_ref()?;
        schemas.iter().position(|schema| schema.name == *name)
    };
    case.expects.iter().map(place).collect()
}

fn rows(case: &Case, told: &Told, expected: Vec<Row>, out: &mut Differences) {
    let scope = scope(case, &told.schemas);
    let in_scope = |row: &&Row| scope.as_ref().is_none_or(|parts| parts.contains(&row.part));
    let mut groups: BTreeMap<&str, (Vec<&Row>, Vec<&Row>)> = BTreeMap::new();
    for row in &expected {
        groups.entry(&row.identity).or_default().0.push(row);
    }
    for row in told.rows.iter().map(|(_, row)| row).filter(in_scope) {
        groups.entry(&row.identity).or_default().1.push(row);
    }
    for (wanted, got) in groups.into_values() {
        let (mut wanted, mut got) =
            unpaired(wanted, got, &|row, other| values(case, &told.schemas[row.part], row, other).is_empty());
        let paired = wanted.len().min(got.len());
        for (row, other) in wanted.drain(..paired).zip(got.drain(..paired)) {
            let schema = &told.schemas[row.part];
            out.rows.push(difference(RowKind::Differs, row, schema, values(case, schema, row, other)));
        }
        for row in wanted {
            let schema = &told.schemas[row.part];
            let values = row.values.iter().map(|(i, v)| (value_name(schema, *i).to_owned(), Some(v.clone()), None));
            out.rows.push(difference(RowKind::Missing, row, schema, values.collect()));
        }
        for row in got {
            let schema = &told.schemas[row.part];
            let values = row.values.iter().map(|(i, v)| (value_name(schema, *i).to_owned(), None, Some(v.clone())));
            out.rows.push(difference(RowKind::Unexpected, row, schema, values.collect()));
        }
    }
    let unexpected = out.rows.iter().filter(|d| d.kind == RowKind::Unexpected).count();
    let all = told.rows.iter().map(|(_, row)| row).filter(in_scope).count();
    let differing = out.rows.iter().filter(|d| d.kind == RowKind::Differs).count();
    out.same = all - unexpected - differing;
    out.rows.sort_by_cached_key(|d| {
        let Row { end, start, part, revision, early, op, group, overflow, .. } = &d.row;
        let of = (*overflow, Value::from(group.clone()).to_string());
        // Provisional rows first, then the others.
        (*end, *start, *part, of, *early == 0, *early, *revision, *op, d.kind)
    });
}

/// What is left over when as many rows as can be have an equal one: of those that were expected, and of those that came.
fn unpaired<'r>(
    wanted: Vec<&'r Row>,
    got: Vec<&'r Row>,
    equal: &dyn Fn(&Row, &Row) -> bool,
) -> (Vec<&'r Row>, Vec<&'r Row>) {
    // For each row that came the expected one that has it.
    let mut taken: Vec<Option<usize>> = vec![None; got.len()];
    let without: Vec<bool> = (0..wanted.len()).map(|row| !pair(row, &wanted, &got, equal, &mut taken)).collect();
    let left = wanted.into_iter().zip(without).filter_map(|(row, without)| without.then_some(row)).collect();
    (left, got.into_iter().zip(taken).filter_map(|(row, by)| by.is_none().then_some(row)).collect())
}

/// Finds an equal row for an expected one; others that have theirs may take another for it.
fn pair(
    row: usize,
    wanted: &[&Row],
    got: &[&Row],
    equal: &dyn Fn(&Row, &Row) -> bool,
    taken: &mut [Option<usize>],
) -> bool {
    // For each row that came and was asked for: the place whose expected row would move to it, none for the new one.
    let mut asked: Vec<Option<Option<usize>>> = vec![None; got.len()];
    let mut queue = VecDeque::from([(row, None)]);
    while let Some((asks, from)) = queue.pop_front() {
        for at in 0..got.len() {
            if asked[at].is_some() || !equal(wanted[asks], got[at]) {
                continue;
            }
            asked[at] = Some(from);
            if let Some(other) = taken[at] {
                queue.push_back((other, Some(at)));
                continue;
            }
            let mut to = at;
            while let Some(Some(from)) = asked[to] {
                taken[to] = taken[from];
                to = from;
            }
            taken[to] = Some(row);
            return true;
        }
    }
    false
}

fn difference(
    kind: RowKind,
    row: &Row,
    schema: &RowSchema,
    values: Vec<(String, Option<Value>, Option<Value>)>,
) -> RowDifference {
    let group = schema.dimensions.iter().cloned().zip(row.group.iter().cloned()).collect();
    let (part, times) = (schema.name.clone(), schema.times());
    RowDifference { kind, part, times, row: row.clone(), group, values }
}

/// The values of two rows that differ: name, expected, got.
fn values(case: &Case, schema: &RowSchema, wanted: &Row, got: &Row) -> Vec<(String, Option<Value>, Option<Value>)> {
    let mut list = Vec::new();
    for (place, value) in &wanted.values {
        let other = got.value(*place, schema);
        if !other.as_ref().is_some_and(|other| equal(value, other, case.tolerance)) {
            list.push((value_name(schema, *place).to_owned(), Some(value.clone()), other));
        }
    }
    if case.exact {
        let unnamed = got.values.iter().filter(|(place, _)| !wanted.values.iter().any(|(one, _)| one == place));
        list.extend(unnamed.map(|(place, value)| (value_name(schema, *place).to_owned(), None, Some(value.clone()))));
    }
    list
}

/// What a counter of the case says, over all it stands for.
pub(super) fn total(count: &Count, told: &Told) -> Result<u64, (String, String)> {
    let all = counted(&told.counts);
    let path: Vec<&str> = count.path.iter().map(String::as_str).collect();
    let sum = |of: Option<&str>, counter: &str, label: Option<&str>| {
        let numbers = all.iter().filter(|(name, metric, l, _)| {
            of.is_none_or(|of| of == name)
                && *metric == counter
                && label.is_none_or(|label| l.as_deref() == Some(label))
        });
        let numbers: Vec<u64> = numbers.map(|(_, _, _, n)| *n).collect();
        (!numbers.is_empty()).then(|| numbers.iter().sum::<u64>())
    };
    let is_part = |name: &str| all.iter().any(|(of, ..)| of == name);
    let found = match path[..] {
        [counter] => sum(None, counter, None),
        [of, counter] if is_part(of) => sum(Some(of), counter, None),
        [counter, label] => sum(None, counter, Some(label)),
        [of, counter, label] => sum(Some(of), counter, Some(label)),
        _ => None,
    };
    found.ok_or_else(|| {
        let of = path.first().filter(|of| is_part(of));
        let mut known: Vec<&str> = Vec::new();
        for (name, metric, label, _) in &all {
            let candidates = match (of, path.len()) {
                (Some(of), _) if *of != name.as_str() => continue,
                (Some(_), 2) | (None, 1) => [Some(*metric), (path.len() == 1).then_some(name.as_str())],
                _ if path.contains(metric) => [label.as_deref(), None],
                _ => [Some(*metric), (path.len() == 1).then_some(name.as_str())],
            };
            for candidate in candidates.into_iter().flatten() {
                if !known.contains(&candidate) {
                    known.push(candidate);
                }
            }
        }
        let last = path.last().copied().unwrap_or_default();
        (format!("there is no counter {}", path.join(".")), like(last, known.into_iter()))
    })
}
