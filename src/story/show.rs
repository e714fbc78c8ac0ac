//! A verdict, turned into text for people and JSON for programs.

use super::Verdict;
use super::differ::{CountDifference, Differences, RowDifference, RowKind};
use crate::time::format_rfc3339;
use serde_json::{Value, json as object};
use std::fmt::Write;

/// How many rows that differ are shown.
const SHOWN: usize = 20;
/// How many characters of a value are shown.
const WIDEST: usize = 60;

/// What came of a case, for people: one line, and below it what is not as it should be.
pub fn text(file: &str, story: &str, verdict: &Verdict) -> String {
    let word = match verdict {
        Verdict::Passed => "ok    ",
        Verdict::Failed(_) | Verdict::Broke(_) => "FAILED",
        Verdict::Wrong(_) => "ERROR ",
        Verdict::Uneven(_) => "BUG   ",
    };
    let mut out = format!("{word}  {file}");
    if !story.is_empty() {
        let _ = write!(out, ": {story}");
    }
    out.push('\n');
    match verdict {
        Verdict::Passed => {}
        Verdict::Failed(differences) => self::differences(differences, &mut out),
        Verdict::Broke(error) => {
            out.push_str("  the run failed:\n");
            indented(&error.to_string(), &mut out);
        }
        Verdict::Wrong(problems) => indented(&problems.to_string(), &mut out),
        Verdict::Uneven(how) => {
            indented(how, &mut out);
            out.push_str("  All widths must give the same: this is a bug of highwater. Please report it.\n");
        }
    }
    out
}

fn indented(text: &str, out: &mut String) {
    for line in text.lines() {
        let _ = writeln!(out, "  {line}");
    }
}

fn differences(all: &Differences, out: &mut String) {
    let mut said = vec![format!("{} as expected", rows(all.same))];
    for kind in [RowKind::Missing, RowKind::Differs, RowKind::Unexpected] {
        let n = all.rows.iter().filter(|row| row.kind == kind).count();
        if n > 0 {
            said.push(format!("{n} {}", if kind == RowKind::Differs && n > 1 { "differ" } else { kind.word() }));
        }
    }
    if all.end.is_none() && (all.same > 0 || !all.rows.is_empty()) {
        let _ = writeln!(out, "  {}", said.join(", "));
    }
    let shown = &all.rows[..all.rows.len().min(SHOWN)];
    let heads: Vec<[String; 5]> = shown.iter().map(head).collect();
    let width = |i: usize| heads.iter().map(|head| head[i].chars().count()).max().unwrap_or(0);
    let widths: [usize; 5] = std::array::from_fn(width);
    for (row, head) in shown.iter().zip(&heads) {
        let mut line = format!("  {:<10}", row.kind.word());
        for (cell, width) in head.iter().zip(widths).filter(|(_, width)| *width > 0) {
            let _ = write!(line, "  {cell:<width$}");
        }
        let _ = writeln!(out, "{}", line.trim_end());
        values(row, out);
    }
    if all.rows.len() > shown.len() {
        let _ = writeln!(out, "  ... and {} that are not as expected", rows(all.rows.len() - shown.len()));
    }
    counts(&all.counts, out);
    if let Some((expected, got)) = &all.end {
        let _ = writeln!(out, "  the run was expected to fail with {expected:?}, but:");
        indented(got, out);
    }
}

fn rows(n: usize) -> String {
    format!("{n} row{}", if n == 1 { "" } else { "s" })
}

fn head(row: &RowDifference) -> [String; 5] {
    let line = if row.row.line > 0 { format!("line {}", row.row.line) } else { String::new() };
    let revision = format!("revision {} {}", row.row.revision, row.row.op);
    let group: Vec<String> = row.group.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let group = if row.row.overflow { "overflow".to_owned() } else { cut(&group.join(" ")) };
    [row.part.clone(), row.row.window(), group, revision, line]
}

fn values(row: &RowDifference, out: &mut String) {
    let show = |value: &Option<Value>| value.as_ref().map(|value| cut(&value.to_string()));
    if row.kind != RowKind::Differs {
        let pairs: Vec<String> = (row.values.iter())
            .filter_map(|(name, wanted, got)| Some(format!("{name}={}", show(wanted).or_else(|| show(got))?)))
            .collect();
        if !pairs.is_empty() {
            let _ = writeln!(out, "{:14}{}", "", pairs.join(" "));
        }
        return;
    }
    let cells: Vec<[String; 3]> = (row.values.iter())
        .map(|(name, wanted, got)| {
            let wanted = show(wanted).unwrap_or_else(|| "nothing".into());
            [name.clone(), wanted, show(got).unwrap_or_else(|| "nothing".into())]
        })
        .collect();
    let width = |i: usize| cells.iter().map(|cell| cell[i].chars().count()).max().unwrap_or(0);
    let (names, wants) = (width(0), width(1));
    for [name, wanted, got] in &cells {
        let _ = writeln!(out, "{:14}{name:<names$}  expected {wanted:<wants$}  got {got}", "");
    }
}

fn counts(counts: &[CountDifference], out: &mut String) {
    let name = counts.iter().map(|count| count.name.len()).max().unwrap_or(0);
    let wide = counts.iter().map(|count| count.expected.to_string().len()).max().unwrap_or(0);
    for count in counts {
        let CountDifference { name: of, line, expected, got } = count;
        let _ = writeln!(out, "  counter     {of:<name$}  expected {expected:<wide$}  got {got}  line {line}");
    }
}

/// Text of one line that is not too long.
fn cut(text: &str) -> String {
    if text.chars().count() <= WIDEST {
        return text.to_owned();
    }
    text.chars().take(WIDEST).chain("...".chars()).collect()
}

/// What came of a case, for programs.
pub fn json(file: &str, story: &str, verdict: &Verdict) -> Value {
    let result = match verdict {
        Verdict::Passed => "ok",
        Verdict::Failed(_) => "failed",
        Verdict::Broke(_) => "broke",
        Verdict::Wrong(_) => "wrong",
        Verdict::Uneven(_) => "uneven",
    };
    let mut out = object!({ "file": file, "story": story, "result": result });
    match verdict {
        Verdict::Passed => {}
        Verdict::Failed(all) => {
            out["same"] = all.same.into();
            out["rows"] = all.rows.iter().map(row).collect();
            out["counts"] = (all.counts.iter())
                .map(|c| object!({ "name": c.name, "line": c.line, "expected": c.expected, "got": c.got }))
                .collect();
            if let Some((expected, got)) = &all.end {
                out["end"] = object!({ "expected": expected, "got": got });
            }
        }
        Verdict::Broke(error) => out["error"] = error.to_string().into(),
        Verdict::Wrong(problems) => {
            let list = problems.list.iter();
            out["problems"] = list
                .map(|p| object!({ "code": p.code, "message": p.message, "line": p.line, "help": p.help }))
                .collect();
            out["in"] = problems.file.clone().into();
        }
        Verdict::Uneven(how) => out["error"] = how.clone().into(),
    }
    out
}

fn row(difference: &RowDifference) -> Value {
    let RowDifference { kind, part, times: [start, end], row, group, values } = difference;
    let list: Vec<Value> = (values.iter())
        .map(|(name, expected, got)| {
            let mut value = object!({ "name": name });
            let sides = [("expected", expected), ("got", got)];
            sides.into_iter().for_each(|(key, side)| side.iter().for_each(|side| value[key] = side.clone()));
            value
        })
        .collect();
    object!({
        "kind": kind.word(),
        "name": part,
        *start: format_rfc3339(row.start),
        *end: format_rfc3339(row.end),
        "group": group.iter().cloned().collect::<serde_json::Map<_, _>>(),
        "overflow": row.overflow,
        "revision": row.revision,
        "op": row.op.to_string(),
        "line": row.line,
        "values": list,
    })
}
