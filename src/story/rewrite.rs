//! A case and what its runs told, turned into the text of a case that expects just that.
//!
//! Rows are written in the order in which the engine states them: by the time of the statement, then by window, group,
//! revision and op. Where the rows of a window name only some values, the new ones name the same. All other bytes of
//! the file stay.

use super::Verdict;
use super::case::{Case, Expect};
use super::differ::{judge, rows_of, total};
use super::read::parse;
use super::rows::Row;
use super::run::Told;
use crate::error::{Error, Kind};
use crate::result::RowSchema;
use std::collections::BTreeSet;
use std::fmt::Write;
use std::ops::Range;

/// The text of the case with the expectation that holds.
///
/// # Errors
/// A verdict where the expectation is wrong in another way than by its rows: a window or a counter that is not there.
pub fn rewrite(case: &Case, told: &Told) -> Result<String, Verdict> {
    let mut edits: Vec<(Range<usize>, String)> = Vec::new();
    for expect in &case.expects {
        edits.push((expect.rows.span.clone(), quoted(&lines(case, expect, told))));
    }
    for count in &case.counts {
        edits.extend(total(count, told).ok().map(|number| (count.span.clone(), number.to_string())));
    }
    edits.sort_by_key(|(span, _)| span.start);
    let mut text = case.text.clone();
    for (span, new) in edits.iter().rev() {
        text.replace_range(span.clone(), new);
    }
    if case.expects.is_empty() && case.counts.is_empty() {
        if !text.ends_with('\n') {
            text.push('\n');
        }
        text.push_str("\n[expect]\n");
        let all = told.schemas.iter().enumerate();
        for (part, schema) in all.filter(|(_, schema)| !schema.kind.is_table()) {
            let rows: String = of_part(told, Some(part)).map(|(line, _)| format!("{line}\n")).collect();
            let _ = writeln!(text, "{} = {}", schema.name, quoted(&rows));
        }
    }
    // Nothing is written that does not do what it should.
    match parse(&case.file, &text).map(|new| judge(&new, told)) {
        Ok(Verdict::Passed) => Ok(text),
        Ok(Verdict::Failed(_)) => {
            let message = format!("the new expectation of {} does not hold", case.file);
            Err(Verdict::Broke(Error::new(Kind::Bug, "case.rewrite", message)))
        }
        Ok(verdict) => Err(verdict),
        Err(problems) => Err(Verdict::Wrong(problems)),
    }
}

fn of_part(told: &Told, part: Option<usize>) -> impl Iterator<Item = &(String, Row)> {
    told.rows.iter().filter(move |(_, row)| part.is_none_or(|part| row.part == part))
}

/// The rows of one text of the case, as they came.
fn lines(case: &Case, expect: &Expect, told: &Told) -> String {
    let part = expect.part.as_ref().and_then(|name| told.schemas.iter().position(|schema| schema.name == *name));
    if expect.part.is_some() && part.is_none() {
        return expect.rows.text.clone();
    }
    let (before, _) = rows_of(case, expect, &told.schemas);
    let named: Vec<Option<BTreeSet<&str>>> =
        told.schemas.iter().enumerate().map(|(i, schema)| named(case, &before, i, schema)).collect();
    let mut out = String::new();
    for (line, row) in of_part(told, part) {
        match &named[row.part] {
            None => out.push_str(line),
            Some(names) => only(row, names, &told.schemas[row.part], &mut out),
        }
        out.push('\n');
    }
    out
}

/// What the rows of a part name; `None` where that is everything, or there are none.
fn named<'r>(case: &Case, rows: &'r [Row], part: usize, schema: &RowSchema) -> Option<BTreeSet<&'r str>> {
    let mut of_part = rows.iter().filter(|row| row.part == part).peekable();
    of_part.peek()?;
    // What a row of revision 0 says of it, or one with + of that, may be left out.
    let said = |row: &Row, name: &str| match name {
        "revision" => row.revision == 0,
        "op" => row.op == '+',
        _ => true,
    };
    let names = of_part.flat_map(|row| row.written.iter().filter(|(name, _)| said(row, name)));
    let mut names: BTreeSet<&str> = names.map(|(name, _)| name.as_str()).collect();
    if case.exact || schema.values.iter().all(|name| names.contains(name.as_str())) {
        let all = ["name", "revision", "op"].iter().all(|name| names.contains(name));
        if all {
            return None;
        }
        names.insert("approx");
    }
    Some(names)
}

/// A row with what tells it apart and the values of these names.
fn only(row: &Row, names: &BTreeSet<&str>, schema: &RowSchema, out: &mut String) {
    let keep = |name: &str| match name {
        "window_start" | "window_end" | "match_start" | "match_end" | "early" | "overflow" => true,
        "revision" => row.revision > 0 || names.contains("revision"),
        "op" => row.op != '+' || names.contains("op"),
        name => names.contains(name) || schema.dimensions.iter().any(|d| d == name),
    };
    let mut before = '{';
    for (name, value) in row.written.iter().filter(|(name, _)| keep(name)) {
        let _ = write!(out, "{before}{}:{value}", serde_json::Value::from(name.as_str()));
        before = ',';
    }
    out.push('}');
}

/// Text of whole lines as a TOML string of several lines.
fn quoted(text: &str) -> String {
    if !text.contains("'''") && !text.contains('\u{7f}') {
        return format!("'''\n{text}'''");
    }
    let mut out = String::from("\"\"\"\n");
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '"' => out.push_str("\\\""),
            '\u{7f}' => out.push_str("\\u007f"),
            c => out.push(c),
        }
    }
    out.push_str("\"\"\"");
    out
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn rows_are_quoted_so_that_toml_gives_them_back() {
        for text in ["", "{\"a\":\"b\\n\"}\n", "{\"a\":\"'''\"}\n{\"b\":\"\\\"\u{7f}\"}\n", "it's ''fine''\n"] {
            let file = format!("expect = {}\n", quoted(text));
            let table: toml::Table = file.parse().unwrap_or_else(|e| panic!("{e}: {file}"));
            assert_eq!(table["expect"].as_str(), Some(text));
        }
    }
}
