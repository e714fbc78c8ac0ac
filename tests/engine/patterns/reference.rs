//! The judge of sequences: a case, turned into its matches, by trying everything.
//!
//! It agrees with what Flink's tests expect, and with what Flink says of random patterns (the tests below). What it
//! cannot catch is a wrong reading of what neither of them has: alternatives, and our own decisions.

use super::ask::Said;
use super::assign::{Matcher, Miss};
use super::expression::field;
use super::form::{Case, Entry, Event};
use super::row;
use super::unroll::Rules;
use serde_json::Value;
use std::collections::BTreeMap;

/// The events of a match, by step.
pub type Steps = BTreeMap<String, Vec<String>>;

/// What a case gives.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Answer {
    pub matches: Vec<Steps>,
    /// With the step reached, and the time at which time ran out.
    pub timed_out: Vec<(Steps, String, i64)>,
    pub late: Vec<String>,
}

/// The entries of each key in the order in which they count, and the ids of the events that are too late.
pub fn feeds(case: &Case) -> (BTreeMap<String, Vec<Entry>>, Vec<String>) {
    let key = |e: &Event| Value::from_iter(case.key().into_iter().map(|name| field(e, name))).to_string();
    let mut feeds: BTreeMap<String, Vec<Entry>> = BTreeMap::new();
    let mut late = Vec::new();
    if case.mode.as_deref() != Some("operator") {
        for entry in &case.events {
            match entry.event() {
                Some(event) => feeds.entry(key(event)).or_default().push(entry.clone()),
                None if case.key().is_empty() => feeds.entry("[]".into()).or_default().push(entry.clone()),
                None => feeds.values_mut().for_each(|feed| feed.push(entry.clone())),
            }
        }
        return (feeds, late);
    }
    let mut held: Vec<&Event> = Vec::new();
    let mut clock = i64::MIN;
    for entry in &case.events {
        match entry {
            Entry::Event(event) if event.t <= clock => late.push(event.id.clone()),
            Entry::Event(event) => {
                feeds.entry(key(event)).or_default();
                held.push(event);
            }
            Entry::Watermark { watermark } if *watermark > clock => {
                clock = *watermark;
                let rank = |e: &Event| -> Vec<i64> {
                    let ties = case.tie_break.iter().map(|f| field(e, f).as_i64().expect("whole numbers break ties"));
                    std::iter::once(e.t).chain(ties).collect()
                };
                held.sort_by_key(|e| rank(e));
                let (released, rest) = held.into_iter().partition(|e: &&Event| e.t <= clock);
                held = rest;
                for event in released {
                    let event: &Event = event;
                    feeds.entry(key(event)).or_default().push(Entry::Event(event.clone()));
                }
                feeds.values_mut().for_each(|feed| feed.push(entry.clone()));
            }
            Entry::Watermark { .. } => {}
        }
    }
    (feeds, late)
}

/// A case behind which nothing comes.
pub fn ended(case: &Case) -> Case {
    let mut case = case.clone();
    case.events.push(Entry::Watermark { watermark: i64::MAX });
    case
}

/// What a case gives. `ends`: nothing comes behind its entries, so that nothing waits for it.
pub fn answer(case: &Case, rules: Rules, ends: bool) -> Result<Answer, Miss> {
    let case = if ends { ended(case) } else { case.clone() };
    let (feeds, late) = feeds(&case);
    let mut answer = Answer { late, ..Answer::default() };
    for feed in feeds.values() {
        let found = Matcher::new(&case.pattern, rules, feed).run(ends)?;
        let named = |taken: &[(usize, usize)]| Matcher::named(&case.pattern, feed, taken);
        answer.matches.extend(found.matches.iter().map(|taken| named(taken)));
        let names = case.pattern.names();
        let reached = |taken: &[(usize, usize)]| names[taken[taken.len() - 1].0].to_owned();
        answer.timed_out.extend(found.timed_out.iter().map(|(taken, time)| (named(taken), reached(taken), *time)));
    }
    answer.matches.sort();
    answer.timed_out.sort();
    Ok(answer)
}

/// Every row that is to be said of a sequence, in any order; `timed_out`: those of partial matches, too.
pub fn rows(case: &Case, rules: Rules, timed_out: bool) -> Vec<Said> {
    let case = ended(case);
    let names = case.pattern.names();
    let mut all = Vec::new();
    for feed in feeds(&case).0.values() {
        let found = Matcher::new(&case.pattern, rules, feed).run(true).expect("no skip is an error");
        let said = |taken: &[(usize, usize)]| {
            let events = taken.iter().map(|(step, x)| (names[*step], feed[*x].event().expect("only events are taken")));
            Said::full(Matcher::named(&case.pattern, feed, taken), &row::select(&case, events.collect()))
        };
        all.extend(found.matches.iter().map(|taken| said(taken)));
        for (taken, _) in found.timed_out.iter().filter(|_| timed_out) {
            let reached = Some(names[taken[taken.len() - 1].0].to_owned());
            all.push(Said { reached, ..said(taken) });
        }
    }
    all
}

/// Matches as a case states them.
pub fn stated(expected: &[Value]) -> Vec<Steps> {
    let mut all: Vec<Steps> =
        expected.iter().map(|m| serde_json::from_value(m.clone()).expect("steps and ids")).collect();
    all.sort();
    all
}

#[cfg(test)]
mod tests {
    use super::super::form::load;
    use super::*;

    fn check(case: &Case, rules: Rules, expected: &[Value]) -> Result<(), String> {
        let found = match (answer(case, rules, false), &case.expected_error) {
            (Ok(found), None) => found,
            (Err(Miss), Some(_)) => return Ok(()),
            (found, _) => return Err(format!("{}: {found:?}", case.id)),
        };
        let expected = stated(expected);
        if found.matches != expected {
            return Err(format!("{}\n  found: {:?}\n  expected: {expected:?}", case.id, found.matches));
        }
        if let Some(timed_out) = &case.timed_out {
            let mut expected: Vec<_> = timed_out
                .iter()
                .map(|t| (stated(&[t["match"].clone()]).remove(0), t["t"].as_i64().expect("a time")))
                .collect();
            expected.sort();
            let timed_out: Vec<_> = found.timed_out.into_iter().map(|(steps, _, time)| (steps, time)).collect();
            if timed_out != expected {
                return Err(format!("{}\n  timed out: {timed_out:?}\n  expected: {expected:?}", case.id));
            }
        }
        match &case.expected_late {
            Some(late) if *late != found.late => Err(format!("{}: {:?} late", case.id, found.late)),
            _ => Ok(()),
        }
    }

    #[test]
    fn the_reference_when_run_on_cases_of_flink_then_agrees() {
        let mut wrong = Vec::new();
        for (file, cases) in [("cep_flink.jsonl", 159), ("cep_generated.jsonl", 747)] {
            let all = load(file);
            assert_eq!(all.len(), cases, "cases of {file}");
            wrong.extend(all.iter().filter_map(|case| check(case, Rules::Flink, &case.expected).err()));
        }
        assert!(wrong.is_empty(), "{} are wrong:\n{}", wrong.len(), wrong.join("\n"));
    }

    #[test]
    fn the_reference_when_it_follows_the_documentation_then_differs_in_the_windows_of_loops_alone() {
        let mut wrong = Vec::new();
        let mut differ = 0;
        for case in load("cep_flink.jsonl").iter().chain(&load("cep_generated.jsonl")) {
            differ += usize::from(case.documented_rule_expected.is_some());
            let expected = case.documented_rule_expected.as_ref().unwrap_or(&case.expected);
            wrong.extend(check(case, Rules::Documented, expected).err());
        }
        assert!(wrong.is_empty(), "{} are wrong:\n{}", wrong.len(), wrong.join("\n"));
        assert_eq!(differ, 2, "cases whose answer is another one by the documentation");
    }
}
