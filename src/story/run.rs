//! A case, run at each of its widths, turned into the one thing that all of them told.
//!
//! Cost: two runs for each number of workers, the second in blocks of about a fiftieth of the input, so that blocks end
//! in the middle of lines.

use super::case::Case;
use super::pipeline::{Prepared, Trouble, prepare};
use super::rows::{Row, row};
use super::scratch::Scratch;
use super::{Differences, Verdict};
use crate::config::Config;
use crate::engine::{self, Options};
use crate::error::{Error, Kind, Problems, Severity};
use crate::observe::Snapshot;
use crate::plan::compile;
use crate::result::RowSchema;
use crate::source::WallClock;
use crate::time::EventTime;
use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

/// How many blocks the longest input is cut into when it is read in small ones.
const BLOCKS: u64 = 50;

/// What the runs of a case told, all alike.
#[derive(Debug)]
pub struct Told {
    /// What rows look like.
    pub schemas: Vec<RowSchema>,
    /// The rows as they were written, one a line, and as they are compared.
    pub rows: Vec<(String, Row)>,
    /// What was counted.
    pub counts: Snapshot,
}

/// How wide a run is; changes no result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Width {
    workers: usize,
    block: Option<u64>,
}

/// What one run wrote and counted, or how it failed.
type Ran = Result<(String, Snapshot), Error>;

/// Runs a case at every width: `workers`, where they are given, instead of its own.
///
/// # Errors
/// The verdict, where it is known without looking at rows: the case is wrong, the run failed (as expected or not), or
/// the widths differ.
pub fn tell(case: &Case, workers: Option<&[usize]>) -> Result<Told, Verdict> {
    let scratch = Scratch::new().map_err(Verdict::Broke)?;
    let prepared = match prepare(case, &scratch) {
        Ok(prepared) => prepared,
        Err(Trouble::Error(error)) => return Err(Verdict::Broke(error)),
        Err(Trouble::Problems(problems)) => return Err(failed_to_begin(case, problems)),
    };
    let small = (prepared.longest / BLOCKS).max(7);
    let workers = workers.unwrap_or(&case.workers).iter().copied();
    let mut first: Option<(Width, Ran)> = None;
    for width in workers.flat_map(|workers| [None, Some(small)].map(|block| Width { workers, block })) {
        let ran = run(&prepared.config, width, &scratch);
        match &first {
            None => first = Some((width, ran)),
            Some((other, before)) => {
                if let Some(how) = uneven((*other, before), (width, &ran)) {
                    return Err(Verdict::Uneven(how));
                }
            }
        }
    }
    let Some((_, ran)) = first else {
        let error = Error::user("case.value", "a case needs workers to run with").help("for example --workers 1,2");
        return Err(Verdict::Broke(error));
    };
    match (ran, &case.error) {
        (Err(error), Some(expected)) => Err(as_expected(&expected.text, error.to_string())),
        (Err(error), None) => Err(Verdict::Broke(error)),
        (Ok(_), Some(expected)) => Err(as_expected(&expected.text, "the run ended well".to_owned())),
        (Ok((output, counts)), None) => told(prepared, &output, counts),
    }
}

/// The pipeline, or what the case says of it, is wrong; that may be what the case is about.
fn failed_to_begin(case: &Case, problems: Problems) -> Verdict {
    let of_pipeline = problems.list.iter().any(|p| !p.code.starts_with("case.") && p.severity == Severity::Error);
    match &case.error {
        Some(expected) if of_pipeline => as_expected(&expected.text, problems.to_string()),
        _ => Verdict::Wrong(problems),
    }
}

fn as_expected(expected: &str, got: String) -> Verdict {
    if got.contains(expected) {
        return Verdict::Passed;
    }
    Verdict::Failed(Differences { end: Some((expected.to_owned(), got)), ..Differences::default() })
}

/// Standard output of a run.
#[derive(Clone, Default)]
struct Captured(Arc<Mutex<Vec<u8>>>);

impl Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

fn run(config: &Config, width: Width, scratch: &Scratch) -> Ran {
    // It compiled before; a plan is made for each run, as a run uses it up.
    let plan = compile(config).map_err(|problems| Error::new(Kind::Bug, "case.plan", problems.to_string()))?;
    let output = Captured::default();
    let options = Options {
        stdin: None,
        stdout: Box::new(output.clone()),
        block_bytes: width.block,
        clock: WallClock::still(EventTime(0)),
        ..Options::local(width.workers)
    };
    let outcome = engine::run(plan, options).map_err(|error| scratch.hide(error))?;
    let bytes = std::mem::take(&mut *output.0.lock().unwrap_or_else(PoisonError::into_inner));
    let text = String::from_utf8(bytes)
        .map_err(|_| Error::new(Kind::Bug, "case.output", "rows were written that are not UTF-8"))?;
    Ok((text, outcome.metrics.snapshot()))
}

/// What differs between two runs, in words.
fn uneven((width, a): (Width, &Ran), (other, b): (Width, &Ran)) -> Option<String> {
    let name = |width: Width| {
        let plural = if width.workers == 1 { "" } else { "s" };
        match width.block {
            None => format!("{} worker{plural}", width.workers),
            Some(block) => format!("{} worker{plural} in blocks of {block} bytes", width.workers),
        }
    };
    let how = match (a, b) {
        (Ok((a, before)), Ok((b, now))) => {
            if let Some((i, (a, b))) = lines(a).zip(lines(b)).enumerate().find(|(_, (a, b))| a != b) {
                format!("row {}\n  {a}\n  {b}", i + 1)
            } else if counted(before) != counted(now) {
                format!("counts\n  {:?}\n  {:?}", counted(before), counted(now))
            } else {
                return None;
            }
        }
        // Which of several mistakes ends a run first may differ in place, not in kind.
        (Err(a), Err(b)) if a.code == b.code => return None,
        (a, b) => {
            let end = |ran: &Ran| ran.as_ref().map_or_else(|e| e.to_string(), |_| "the run ended well".to_owned());
            format!("the end\n  {}\n  {}", end(a), end(b))
        }
    };
    Some(format!("{} and {} differ in {how}", name(width), name(other)))
}

/// The lines of a text, and then, without end, nothing.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    let count = text.lines().count();
    text.lines().chain(std::iter::repeat_n("(no more rows)", 1)).take(count + 1)
}

/// The counts that a case can speak of: those that do not depend on the moment or the width.
pub(super) fn counted(counts: &Snapshot) -> Vec<(String, &'static str, Option<String>, u64)> {
    const OF_THE_MOMENT: [&str; 9] = [
        "arranged",
        "reloads",
        "reload_failures",
        "groups",
        "state_bytes",
        "open_slices",
        "bytes",
        "partial_matches",
        "buffer_bytes",
    ];
    let mut list = Vec::new();
    counts.each(&mut |sample| {
        let metric = sample.metric;
        if matches!(metric.scope, "source" | "part" | "table") && !OF_THE_MOMENT.contains(&metric.name) {
            let number = u64::try_from(sample.value).unwrap_or_default();
            list.push((sample.of.to_owned(), metric.name, sample.label.map(str::to_owned), number));
        }
    });
    list
}

fn told(prepared: Prepared, output: &str, counts: Snapshot) -> Result<Told, Verdict> {
    let schemas = prepared.schemas;
    let mut rows = Vec::new();
    for line in output.lines() {
        match row(line, 0, &schemas, None) {
            Ok(row) => rows.push((line.to_owned(), row)),
            Err((message, _)) => {
                let message = format!("a row cannot be read back: {message}");
                return Err(Verdict::Broke(Error::new(Kind::Bug, "case.output", message).at(line)));
            }
        }
    }
    Ok(Told { schemas, rows, counts })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::{PartCounts, SourceCounts};

    fn ran(rows: &str, late: u64) -> Ran {
        let part = PartCounts { name: "w".into(), late, groups: 5, ..PartCounts::default() };
        Ok((rows.to_owned(), Snapshot { parts: vec![part], ..Snapshot::default() }))
    }

    #[test]
    fn what_differs_between_widths_is_told_by_its_first_row_count_or_end() {
        let error = |code| -> Ran { Err(Error::user(code, "no")) };
        let how = |a: &Ran, b: &Ran| {
            uneven((Width { workers: 1, block: None }, a), (Width { workers: 2, block: Some(7) }, b))
        };
        let one = ran("a\nb\n", 1);
        for same in [(&one, &ran("a\nb\n", 1)), (&error("x"), &error("x"))] {
            assert_eq!(how(same.0, same.1), None);
        }
        for (other, words) in [
            (ran("a\nc\n", 1), "1 worker and 2 workers in blocks of 7 bytes differ in row 2\n  b\n  c"),
            (ran("a\n", 1), "row 2\n  b\n  (no more rows)"),
            (ran("a\nb\nc\n", 1), "row 3\n  (no more rows)\n  c"),
            (ran("a\nb\n", 2), "counts\n"),
            (error("x"), "the end\n  the run ended well\n  error[x]: no"),
        ] {
            let said = how(&one, &other);
            assert!(said.as_ref().is_some_and(|said| said.contains(words)), "{said:?}: {words}");
        }
        assert!(how(&error("x"), &error("y")).is_some());
    }

    #[test]
    fn counts_are_those_that_do_not_depend_on_the_moment() {
        let source =
            SourceCounts { name: "s".into(), bytes: 9, rejected: vec![("syntax".into(), 2)], ..Default::default() };
        let Ok((_, mut counts)) = ran("", 1) else { panic!("it is well") };
        counts.sources.push(source);
        let all = counted(&counts);
        assert!(all.contains(&("s".into(), "rejected", Some("syntax".into()), 2)), "{all:?}");
        assert!(all.contains(&("w".into(), "late", None, 1)), "{all:?}");
        assert!(!all.iter().any(|(_, name, ..)| ["bytes", "groups"].contains(name)), "{all:?}");
    }
}
