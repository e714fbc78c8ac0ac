//! The judge of row patterns: matches by backtracking, in the order in which SQL:2016 prefers them.

use super::expression::Seen;
use super::form::{Case, Entry, Event, Node, Pattern, Quantifier};
use super::reference::{Steps, feeds};
use serde_json::{Map, Value, json};

/// The rows of a match: the name of the step, and which row.
pub type Taken<'a> = Vec<(&'a str, usize)>;

/// What comes next: true where that is enough.
type Next<'a, 'b> = &'b mut dyn FnMut(usize, &Taken<'a>) -> bool;

/// The rows of one partition.
struct Rows<'a>(&'a [Event]);

impl<'a> Rows<'a> {
    fn seen(&self, taken: &Taken<'a>, row: usize) -> Seen<'a> {
        Seen { taken: taken.iter().map(|(name, i)| (*name, &self.0[*i])).collect(), rows: Some((self.0, row)) }
    }

    fn sequence(&self, nodes: &'a [Node], row: usize, taken: &Taken<'a>, next: Next<'a, '_>) -> bool {
        let Some((node, rest)) = nodes.split_first() else { return next(row, taken) };
        let mut then = |row: usize, taken: &Taken<'a>| self.sequence(rest, row, taken, &mut *next);
        match &node.quantifier {
            None => self.once(node, row, taken, &mut then),
            Some(quantifier) => self.repeat(node, quantifier, 0, row, taken, &mut then),
        }
    }

    fn repeat(
        &self,
        node: &'a Node,
        q: &Quantifier,
        n: usize,
        row: usize,
        taken: &Taken<'a>,
        next: Next<'a, '_>,
    ) -> bool {
        let stops = n >= q.min || (n == 0 && q.optional);
        if !q.greedy && stops && next(row, taken) {
            return true;
        }
        let goes_on = q.max.is_none_or(|max| n < max);
        let mut again = |i: usize, taken: &Taken<'a>| i > row && self.repeat(node, q, n + 1, i, taken, &mut *next);
        (goes_on && self.once(node, row, taken, &mut again)) || (q.greedy && stops && next(row, taken))
    }

    fn once(&self, node: &'a Node, row: usize, taken: &Taken<'a>, next: Next<'a, '_>) -> bool {
        if let Some(alternatives) = &node.alt {
            return alternatives.iter().any(|a| self.sequence(a, row, taken, &mut *next));
        }
        if let Some(group) = &node.group {
            return self.sequence(group, row, taken, next);
        }
        let Some(event) = self.0.get(row) else { return false };
        let mut taken = taken.clone();
        taken.push((node.name.as_deref().expect("a step has a name"), row));
        self.seen(&taken, row).meets(&node.condition, event) && next(row + 1, &taken)
    }

    /// The matches that begin at a row, the preferred one first; `one`: that one alone. None of them is empty.
    fn matches(&self, pattern: &'a Pattern, start: usize, one: bool) -> Vec<Taken<'a>> {
        let mut found: Vec<Taken<'a>> = Vec::new();
        self.sequence(&pattern.steps, start, &Vec::new(), &mut |_, taken| {
            let Some((_, last)) = taken.last() else { return false };
            let span = self.0[*last].t - self.0[start].t;
            if pattern.within_ms.is_some_and(|within| span >= within) {
                return false;
            }
            if !found.contains(taken) {
                found.push(taken.clone());
            }
            one
        });
        found
    }
}

/// The first row at which the next match may begin.
fn skip(pattern: &Pattern, taken: &Taken) -> usize {
    let (kind, step) = pattern.skip();
    let mut of_step = taken.iter().filter(|(name, _)| Some(*name) == step).map(|(_, row)| *row);
    let target = match kind {
        "skip_past_last" => taken.last().map(|(_, row)| row + 1),
        "skip_to_first" => of_step.next(),
        "skip_to_last" => of_step.next_back(),
        _ => None,
    };
    target.unwrap_or(0).max(taken[0].1 + 1)
}

fn preferred<'a>(pattern: &'a Pattern, rows: &'a [Event]) -> Vec<Taken<'a>> {
    let mut out = Vec::new();
    let mut start = 0;
    while start < rows.len() {
        match Rows(rows).matches(pattern, start, true).pop() {
            Some(taken) => {
                start = skip(pattern, &taken);
                out.push(taken);
            }
            None => start += 1,
        }
    }
    out
}

/// The measures over the events of a match, as a case states them.
pub fn select<'a>(case: &'a Case, taken: Vec<(&'a str, &'a Event)>) -> Value {
    let last = taken.last().expect("no match is empty").1;
    let seen = Seen { taken, rows: Some((&[], 0)) };
    let values = case.measures.iter().map(|(name, e)| (name.clone(), plain(&seen.value(e, last))));
    Value::Object(values.collect::<Map<_, _>>())
}

/// The measures of the rows of a match.
pub fn measures<'a>(case: &'a Case, rows: &'a [Event], taken: &Taken<'a>) -> Value {
    select(case, taken.iter().map(|(name, row)| (*name, &rows[*row])).collect())
}

/// Numbers as fractions, so that 5 is 5.0, and an empty list as null.
pub fn plain(value: &Value) -> Value {
    match value {
        Value::Number(n) => json!(n.as_f64()),
        Value::Array(list) if list.is_empty() => Value::Null,
        Value::Array(list) => list.iter().map(plain).collect(),
        Value::Object(map) => Value::Object(map.iter().map(|(k, v)| (k.clone(), plain(v))).collect()),
        other => other.clone(),
    }
}

/// Values in any order, to be compared.
pub fn sorted(values: impl IntoIterator<Item = Value>) -> Vec<String> {
    let mut all: Vec<String> = values.into_iter().map(|v| plain(&v).to_string()).collect();
    all.sort();
    all
}

/// The rows of each partition, in order.
pub fn partitions(case: &Case) -> Vec<Vec<Event>> {
    let rows = |feed: Vec<Entry>| feed.iter().filter_map(Entry::event).cloned().collect();
    feeds(case).0.into_values().map(rows).collect()
}

/// The preferred match of each start row, as far as the skip strategy leaves it: its events by step, and its measures.
pub fn answer(case: &Case) -> Vec<(Steps, Value)> {
    let mut all = Vec::new();
    for rows in partitions(case) {
        for taken in preferred(&case.pattern, &rows) {
            let mut steps = Steps::new();
            for (name, row) in &taken {
                steps.entry((*name).to_owned()).or_default().push(rows[*row].id.clone());
            }
            all.push((steps, measures(case, &rows, &taken)));
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::super::form::load;
    use super::*;

    /// Every match as soon as its last row is there: all of them, or for each row the one that begins first.
    fn eager(case: &Case) -> Vec<String> {
        let mut out = Vec::new();
        for rows in partitions(case) {
            let pattern = &case.pattern;
            let by_start: Vec<_> = (0..rows.len()).map(|start| Rows(&rows).matches(pattern, start, false)).collect();
            let mut from = 0;
            for row in 0..rows.len() {
                let ends_here = |taken: &&Taken| taken.last().is_some_and(|(_, last)| *last == row);
                let ending = by_start.iter().skip(from).flatten().filter(ends_here);
                let said: Vec<_> = ending.take(if case.all_matches { usize::MAX } else { 1 }).collect();
                if let Some(taken) = said.last().filter(|_| {
                    pattern.skip().0 != "no_skip" && (!case.all_matches || pattern.skip().0 == "skip_past_last")
                }) {
                    from = from.max(if case.all_matches { row + 1 } else { skip(pattern, taken) });
                }
                out.extend(said.iter().map(|taken| measures(case, &rows, taken)));
            }
        }
        sorted(out)
    }

    #[test]
    fn the_preferred_matches_when_run_on_row_patterns_then_are_those_of_the_standard() {
        let cases: Vec<Case> = load("match_recognize.jsonl");
        let cases: Vec<_> = cases.iter().filter(|c| c.emission.as_deref() == Some("preferred")).collect();
        assert_eq!(cases.len(), 16);
        for case in cases {
            let expected = case.sql_standard_expected.as_ref().unwrap_or(&case.expected);
            let found = sorted(answer(case).into_iter().map(|(_, measures)| measures));
            assert_eq!(found, sorted(expected.iter().cloned()), "{}", case.id);
            let late = feeds(case).1;
            assert_eq!(case.expected_late.as_ref().unwrap_or(&late), &late, "{}", case.id);
        }
    }

    #[test]
    fn all_matches_when_said_at_once_then_are_those_of_esper() {
        let cases: Vec<Case> = load("match_recognize.jsonl");
        let cases: Vec<_> = cases.iter().filter(|c| c.emission.as_deref() == Some("eager")).collect();
        assert_eq!(cases.len(), 85);
        for case in cases {
            assert_eq!(eager(case), sorted(case.expected.iter().cloned()), "{}", case.id);
        }
    }
}
