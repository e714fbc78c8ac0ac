//! Cases from the test suites of other engines, as patterns of ours: the events of each match, and what it selects.
//!
//! What is compared is everything that is said until the end of the input, with the reference, which agrees with what
//! the cases expect. The two differ only in what is said at the end: here the end of the input is the end of time, so
//! that what waits is said; there a test stops where its last event or watermark leaves it. A loop's window is the one
//! that is documented. Row patterns are compared by what they select, too.
//!
//! Esper says a match as soon as a row completes it. Where all matches are wanted that is a sequence of strict gaps;
//! where one is wanted it is the preferred one here, if waiting changes nothing.
//!
//! [`left_out`] has the cases that are not run, each with the reason.

use super::super::harness::{Width, in_time};
use super::super::random::Random;
use super::ask::{Question, Said, ask, beyond, compare, shuffled};
use super::assign::Matcher;
use super::form::{Case, Contiguity, Entry, Event, Node, load};
use super::reference::{self, ended, stated};
use super::row;
use super::translate::{Manner, arranged, disorder, has_watermarks};
use super::unroll::Rules;
use serde_json::json;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Why a case is not run, or has another answer here.
fn left_out(id: &str) -> Option<&'static str> {
    let list = [
        (
            "flink-AfterMatchSkip-SkipToFirstElementOfMatch",
            "a skip to the first event of a match skips nothing; it is no error at run time",
        ),
        ("flink-MR-LogicalOffsetsWithStarVariable", "first and last are of a step, not of all events of the match"),
        ("esper-Repetition-Prev", "prev is not there yet"),
        ("esper-Prev-OffsetsInDefine", "prev is not there yet"),
        (
            "esper-DataSet-FinancialW",
            "prev is of row patterns, which give one match for each start; there all are wanted",
        ),
        ("esper-DataSet-ExampleWithPREV", "prev is of row patterns, which give one match for each start"),
    ];
    list.iter().find(|(name, _)| *name == id).map(|(_, why)| *why)
}

/// A case as a question, and what is to be said.
struct Asked {
    question: Question,
    expected: Vec<Said>,
    /// The ids of events that are too late.
    late: Vec<String>,
}

fn question(case: Case, manner: Manner) -> Question {
    let entries = arranged(&case);
    let case = Case { events: entries.clone(), ..case };
    Question { out_of_orderness: disorder(&entries), files: vec![entries], case, manner }
}

/// A sequence; what the case expects is a part of what is to be said.
fn sequence(case: Case) -> Asked {
    let manner = Manner { timed_out: case.timed_out.is_some(), ..Manner::sequence(Rules::Documented) };
    let answer = reference::answer(&case, Rules::Documented, true).expect("no error is expected");
    let expected = stated(case.documented_rule_expected.as_ref().unwrap_or(&case.expected));
    assert!(beyond(&expected, &answer.matches).is_empty(), "{}: the reference does not agree", case.id);
    let all = reference::rows(&case, Rules::Documented, manner.timed_out);
    let late = case.expected_late.clone().unwrap_or_default();
    Asked { question: question(case, manner), expected: all, late }
}

/// The nodes of a row pattern as those of a sequence: no loop forbids what follows it. `including`: conditions see the
/// event under test.
fn as_sequence(nodes: &[Node], including: bool) -> Vec<Node> {
    let one = |node: &Node| {
        let mut node = node.clone();
        node.group = node.group.map(|group| as_sequence(&group, including));
        node.alt = node.alt.map(|alt| alt.iter().map(|a| as_sequence(a, including)).collect());
        if let Some(quantifier) = &mut node.quantifier {
            quantifier.greedy = false;
        }
        if let Some(name) = node.name.as_ref().filter(|_| including && node.condition != true) {
            node.condition = json!(["including", name, node.condition]);
        }
        node
    };
    let mut nodes: Vec<Node> = nodes.iter().map(one).collect();
    nodes.iter_mut().skip(1).for_each(|node| node.contiguity = Some(Contiguity::Strict));
    nodes
}

/// The matches of a row pattern as a sequence of strict gaps.
fn sequence_of_rows(case: &Case) -> Vec<Said> {
    let mut pattern = case.pattern.clone();
    pattern.steps = as_sequence(&pattern.steps, true);
    let names = pattern.names();
    let mut all = Vec::new();
    for rows in row::partitions(&ended(case)) {
        let feed: Vec<Entry> = rows.iter().cloned().map(Entry::Event).collect();
        let found = Matcher::new(&pattern, Rules::Ours, &feed).run(true).expect("no error is expected");
        for taken in found.matches {
            let named = taken.iter().map(|(step, x)| (names[*step], *x)).collect();
            all.push(Said::full(Matcher::named(&pattern, &feed, &taken), &row::measures(case, &rows, &named)));
        }
    }
    all
}

fn looks_back(nodes: &[Node]) -> bool {
    nodes.iter().any(|n| {
        let below = n.group.iter().chain(n.alt.iter().flatten()).any(|below| looks_back(below));
        below || n.condition.to_string().contains("\"prev\"")
    })
}

/// A row pattern: as the preferred matches, and as a sequence of all, where that says the same.
fn row_pattern(mut case: Case) -> Result<Vec<Asked>, String> {
    // The clock of an interval, which does not say what is late.
    if case.mode.is_none() {
        case.events.retain(|entry| entry.event().is_some());
    }
    let stated = |case: &Case| {
        let expected = case.sql_standard_expected.as_ref().unwrap_or(&case.expected);
        row::sorted(expected.iter().cloned())
    };
    let same = |all: &[Said], case: &Case| {
        let measures = all.iter().map(|said| serde_json::from_str(&said.measures).expect("JSON"));
        row::sorted(measures) == stated(case)
    };
    let preferred = row::answer(&ended(&case)).into_iter().map(|(steps, m)| Said::full(steps, &m));
    let preferred: Vec<Said> = preferred.collect();
    let base = Manner::sequence(Rules::Ours);
    let late = case.expected_late.clone().unwrap_or_default();
    let mut sequences = vec![case.clone()];
    if case.all_matches {
        // There a skip is from row to row, and all that end in a row are said.
        sequences.push(case.clone());
        sequences[1].pattern.after_match = None;
    } else if case.emission.as_deref() != Some("eager") {
        sequences.clear();
    }
    let mut asked = Vec::new();
    for mut case in sequences.into_iter().filter(|c| !looks_back(&c.pattern.steps)) {
        let expected = sequence_of_rows(&case);
        if same(&expected, &case) {
            case.pattern.steps = as_sequence(&case.pattern.steps, false);
            let manner = Manner { including: true, ..base };
            asked.push(Asked { question: question(case, manner), expected, late: late.clone() });
            break;
        }
    }
    if same(&preferred, &case) {
        let manner = Manner { row: true, ..base };
        asked.push(Asked { question: question(case.clone(), manner), expected: preferred, late });
    }
    if asked.is_empty() {
        return Err(format!("{} is neither a preferred match nor a sequence: {:?}", case.id, stated(&case)));
    }
    Ok(asked)
}

fn all(file: &str) -> Vec<Asked> {
    let only = std::env::var("HIGHWATER_CASE").ok();
    let cases = load(file).into_iter().filter(|c| only.as_ref().is_none_or(|id| *id == c.id));
    let cases = cases.filter(|c| left_out(&c.id).is_none());
    let (mut asked, mut wrong) = (Vec::new(), Vec::new());
    for case in cases {
        if case.measures.is_empty() {
            asked.push(sequence(case));
        } else {
            match row_pattern(case) {
                Ok(a) => asked.extend(a),
                Err(what) => wrong.push(what),
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    asked
}

/// How cases are run: how wide, and the seed of another order of arrival.
const RUNS: [(Width, Option<u64>); 5] = [
    (Width { workers: 1, processes: 1, block: None }, None),
    (Width { workers: 2, processes: 1, block: Some(100) }, None),
    (Width { workers: 3, processes: 1, block: Some(7) }, None),
    (Width { workers: 2, processes: 1, block: None }, Some(1)),
    (Width { workers: 3, processes: 1, block: Some(50) }, Some(2)),
];

/// Asks all in one run, in this order or, where there is a seed, in another one.
fn check(asked: &[Asked], width: Width, seed: Option<u64>) -> Vec<String> {
    let mut questions: Vec<Question> = asked.iter().map(|a| a.question.clone()).collect();
    if let Some(seed) = seed {
        let mut random = Random::new(seed);
        for question in questions.iter_mut().filter(|q| !has_watermarks(&q.case)) {
            question.out_of_orderness += random.below(6) as i64;
            let entries = &mut question.files[0];
            *entries = shuffled(entries, question.out_of_orderness, |n| random.below(n));
        }
    }
    let answers = ask(&questions, width);
    let mut wrong = Vec::new();
    for (i, asked) in asked.iter().enumerate() {
        let question = &asked.question;
        if let Err(what) = compare(&question.case.id, &answers.changes[i], &asked.expected) {
            wrong.push(format!("{what}\n  {width:?}, seed {seed:?}\n{}", answers.text(i)));
        }
        let late: Vec<Event> = question.case.only_events().filter(|e| asked.late.contains(&e.id)).cloned().collect();
        wrong.extend(answers.too_late(question, i, &late).err());
    }
    wrong
}

fn run_file(file: &'static str, cases: usize, everywhere: bool) {
    let asked = Arc::new(all(file));
    let names: BTreeSet<&str> = asked.iter().map(|a| a.question.case.id.as_str()).collect();
    assert!(std::env::var("HIGHWATER_CASE").is_ok() || names.len() == cases, "{} cases are run", names.len());
    let mut wrong = Vec::new();
    for (n, start) in (0..asked.len()).step_by(40).enumerate() {
        for (i, (width, seed)) in RUNS.into_iter().enumerate().filter(|(i, _)| everywhere || (n + i) % 3 == 0) {
            let asked = Arc::clone(&asked);
            wrong.extend(in_time(&format!("{file}, run {i} from {start}"), move || {
                check(&asked[start..asked.len().min(start + 40)], width, seed)
            }));
        }
    }
    let shown = wrong.iter().take(10).cloned().collect::<Vec<_>>().join("\n\n");
    assert!(wrong.is_empty(), "{} are wrong:\n{shown}", wrong.len());
}

#[test]
fn sequences_of_flink_when_run_then_match_the_same() {
    run_file("cep_flink.jsonl", 158, true);
}

#[test]
fn generated_sequences_when_run_then_match_the_same() {
    run_file("cep_generated.jsonl", 747, false);
}

#[test]
fn row_patterns_of_other_engines_when_run_then_select_the_same() {
    run_file("match_recognize.jsonl", 103, true);
}
