//! Random patterns whose events come late, within the allowed lateness and beyond it: what holds in the end is what the
//! reference says of the events that were not too late, in order.
//!
//! What is said on the way is held to this alone: nothing is taken back that does not hold, nothing is said that holds,
//! and a match that comes again has the number of times it was taken back.

use super::super::harness::{Width, in_time};
use super::super::random::Random;
use super::ask::{Change, Question, Said, ask};
use super::draw::{Drawn, in_order};
use super::form::{Entry, Event};
use super::random::{Same, drawn, expected, listed, seeds, widths};
use super::translate::Manner;
use super::unroll::Rules;
use std::collections::BTreeMap;

/// Seeds that have failed once, of sequences and of row patterns.
const FAILED: [&[u64]; 2] = [&[328, 535], &[106]];

/// The events of a file, each as much later as it pleases. Those of one time count in the order of their arrival.
fn delayed(file: &[Entry], r: &mut Random) -> Vec<Entry> {
    let most = r.pick(&[3, 6, 12]);
    let mut arrived: Vec<(i64, Entry)> =
        file.iter().map(|e| (e.time() + if r.one_in(2) { r.below(most) as i64 } else { 0 }, e.clone())).collect();
    arrived.sort_by_key(|(at, _)| *at);
    arrived.into_iter().map(|(_, e)| e).collect()
}

/// The events that are not too late: those of which the clock of their own file was not beyond the lateness before they
/// were read.
fn kept(file: &[Entry], out_of_orderness: i64, lateness: i64) -> Vec<Entry> {
    let mut clock = i64::MIN;
    let mut kept = Vec::new();
    for entry in file {
        if entry.time() >= clock.saturating_sub(lateness) {
            kept.push(entry.clone());
        }
        clock = clock.max(entry.time() - out_of_orderness);
    }
    kept
}

/// What holds in the end, and what is wrong on the way.
fn consolidated(changes: &[Change]) -> Result<Vec<Said>, String> {
    // Whether it holds, and how often it was taken back.
    let mut held: BTreeMap<&Said, (bool, u64)> = BTreeMap::new();
    for change in changes {
        let (holds, times) = held.entry(&change.said).or_insert((false, 0));
        if *holds != change.takes_back || change.revision != *times {
            return Err(format!("{change:?}, though it holds: {holds}, and was taken back {times} times"));
        }
        *holds = !change.takes_back;
        *times += u64::from(change.takes_back);
    }
    Ok(held.into_iter().filter(|(_, (holds, _))| *holds).map(|(said, _)| said.clone()).collect())
}

struct Late {
    question: Question,
    expected: Vec<Said>,
    too_late: Vec<Event>,
}

/// The kinds of patterns and streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A few events.
    Few { row: bool },
    /// So many that a key forgets what is settled while it goes on.
    Many { row: bool },
}

fn late(seed: u64, kind: Kind) -> Late {
    let mut drawn = match kind {
        Kind::Few { row } => drawn(seed, row),
        Kind::Many { row } => Drawn::long(seed, row),
    };
    let row = drawn.row;
    let mut r = Random::new(seed ^ 0x1a7e);
    let (out_of_orderness, lateness) = (
        r.pick(&[0, 0, 0, 1]),
        r.pick(if matches!(kind, Kind::Few { .. }) { &[1, 3, 5, 100, 100] } else { &[1, 3, 5, 10, 20] }),
    );
    let files: Vec<Vec<Entry>> = drawn.files.iter().map(|f| delayed(f, &mut r)).collect();
    let kept: Vec<Vec<Entry>> = files.iter().map(|f| kept(f, out_of_orderness, lateness)).collect();
    let dropped = |e: &&Entry| !kept.iter().flatten().any(|k| k == *e);
    let too_late = files.iter().flatten().filter(dropped).filter_map(Entry::event).cloned().collect();
    drawn.case.events = in_order(&kept);
    let mut expected = expected(&drawn);
    expected.sort();
    let base = Manner::sequence(Rules::Ours);
    let manner = Manner { row, timed_out: drawn.timed_out, lateness, ..base };
    let question = Question { case: drawn.case, files, out_of_orderness, manner };
    Late { question, expected, too_late }
}

/// What is wrong with what is said of thirty seeds, at most, and how many rows are taken back.
fn thirty(seeds: &[u64], kind: Kind, widths: Vec<Width>) -> (Vec<String>, usize) {
    let (mut wrong, mut corrected) = (Vec::new(), 0);
    let asked: Vec<Late> = seeds.iter().map(|seed| late(*seed, kind)).collect();
    let questions: Vec<Question> = asked.iter().map(|a| a.question.clone()).collect();
    let mut same = Same::default();
    for width in widths {
        let answers = ask(&questions, width);
        wrong.extend(same.compare(width, &answers));
        for (i, Late { question, expected, too_late }) in asked.iter().enumerate() {
            corrected += answers.changes[i].iter().filter(|c| c.takes_back).count();
            let found = consolidated(&answers.changes[i]);
            let counted = answers.too_late(question, i, too_late);
            if found.as_ref() == Ok(expected) && counted.is_ok() {
                continue;
            }
            wrong.push(format!(
                "seed {}: {}\n  found: {found:?}\n  expected: {expected:?}\n  {counted:?}\n  {width:?}\n{}\n{}",
                seeds[i],
                question.case.id,
                answers.text(i),
                listed(question)
            ));
        }
    }
    (wrong, corrected)
}

fn check(kind: Kind) {
    let seeds = match kind {
        Kind::Few { row } => seeds(FAILED[usize::from(row)], 300),
        Kind::Many { .. } => seeds(&[], 30),
    };
    let (mut wrong, mut corrected) = (Vec::new(), 0);
    for (n, chunk) in seeds.chunks(30).enumerate() {
        let seeds = chunk.to_vec();
        let widths = match kind {
            Kind::Few { .. } => widths(n),
            // A block for each event takes too long.
            Kind::Many { .. } => vec![Width::new(1, None), Width::new(2, Some(1_000)), Width::new(3, Some(300))],
        };
        let (new, more) = in_time(&format!("seeds {chunk:?}"), move || thirty(&seeds, kind, widths));
        wrong.extend(new);
        corrected += more;
    }
    let shown = wrong.iter().take(10).cloned().collect::<Vec<_>>().join("\n\n");
    assert!(wrong.is_empty(), "{} are wrong:\n{shown}", wrong.len());
    assert!(seeds.len() == 1 || corrected > 20, "only {corrected} rows are taken back");
}

#[test]
fn late_events_when_in_time_then_lead_to_the_matches_of_all_events_in_order() {
    check(Kind::Few { row: false });
}

#[test]
fn late_events_of_row_patterns_when_in_time_then_lead_to_the_matches_of_all_events_in_order() {
    check(Kind::Few { row: true });
}

#[test]
fn late_events_of_long_streams_when_in_time_then_lead_to_the_matches_of_all_events_in_order() {
    check(Kind::Many { row: false });
    check(Kind::Many { row: true });
}
