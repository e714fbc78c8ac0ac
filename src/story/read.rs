//! The text of a case file, turned into a [`Case`], with every problem of it at once.
//!
//! Reading is pure ([`parse`]) but for the file itself ([`read`]). Each text that has lines of its own keeps the line
//! it begins in, so that what is wrong in it is shown where its author finds it: exact for `'''` texts and for `"""`
//! texts in which no line is continued by a backslash.

use super::case::{Case, Count, Expect, Feed, Input, PipelineText, Written, problem};
use super::keys::KEYS;
use crate::config::too_deep;
use crate::error::{Problem, Problems, Severity, suggest};
use std::ops::Range;
use std::path::Path;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// The largest case file, in bytes.
const LARGEST: u64 = 64 << 20;
/// Levels of tables and lists; a case has four.
const DEEPEST: usize = 16;
/// The most workers of a run.
const MOST_WORKERS: usize = 64;

/// Reads a case file.
///
/// # Errors
/// `case.open`, and every problem of the text.
pub fn read(file: &Path) -> Result<Case, Problems> {
    let name = file.display().to_string();
    match super::find::read_text(file, LARGEST) {
        Ok(text) => parse(&name, &text),
        Err(message) => {
            let problem = Problem {
                severity: Severity::Error,
                code: "case.open",
                message: format!("the case cannot be read: {message}"),
                line: 0,
                text: name.clone(),
                column: None,
                help: None,
            };
            Err(Problems { file: name, list: vec![problem] })
        }
    }
}

/// Reads the text of a case file.
///
/// # Errors
/// Every problem of the text.
pub fn parse(file: &str, text: &str) -> Result<Case, Problems> {
    let mut reader = Reader { text, problems: Vec::new() };
    let case = reader.case(file);
    let mut list = reader.problems;
    list.sort_by_key(|p| p.line);
    match case {
        Some(case) if list.is_empty() => Ok(case),
        _ => Err(Problems { file: file.to_owned(), list }),
    }
}

/// The line of a byte, from 1.
fn line_of(text: &str, at: usize) -> usize {
    memchr::memchr_iter(b'\n', &text.as_bytes()[..at.min(text.len())]).count() + 1
}

type Value<'a> = Spanned<DeValue<'a>>;

struct Reader<'a> {
    text: &'a str,
    problems: Vec<Problem>,
}

impl Reader<'_> {
    fn say(&mut self, code: &'static str, at: usize, message: impl Into<String>, help: Option<&str>) {
        let line = line_of(self.text, at);
        self.problems.push(problem(self.text, code, line, message.into(), help.map(str::to_owned)));
    }

    fn case(&mut self, file: &str) -> Option<Case> {
        if let Some(at) = too_deep(self.text, DEEPEST) {
            self.say("case.syntax", at, format!("tables and lists are nested more than {DEEPEST} deep"), None);
            return None;
        }
        let (table, errors) = DeTable::parse_recoverable(self.text);
        if let Some(error) = errors.iter().min_by_key(|e| e.span().map_or(usize::MAX, |s| s.start)) {
            let at = error.span().map_or(self.text.trim_end().len(), |s| s.start);
            let help = "rows and events are best written between ''' and '''";
            self.say("case.syntax", at, format!("not TOML: {}", error.message()), Some(help));
            return None;
        }
        let mut case = Case {
            file: file.to_owned(),
            text: self.text.to_owned(),
            story: story(self.text),
            pipeline: PipelineText::Here(Written { text: String::new(), line: 1, span: 0..0 }),
            inputs: Vec::new(),
            expects: Vec::new(),
            counts: Vec::new(),
            error: None,
            exact: false,
            tolerance: 0.0,
            workers: vec![1, 2, 3],
            set: Vec::new(),
            env: Vec::new(),
        };
        let mut has_pipeline = false;
        for (key, at, value) in entries(table.get_ref()) {
            match key {
                "pipeline" => {
                    has_pipeline = true;
                    self.pipeline(value, at, &mut case);
                }
                "input" => self.inputs(value, at, &mut case),
                "expect" => self.expects(value, at, &mut case),
                "expect_counts" => self.counts(value, at, &mut Vec::new(), &mut case.counts),
                "expect_error" => case.error = self.written(key, value),
                "exact" => match value.get_ref() {
                    DeValue::Boolean(flag) => case.exact = *flag,
                    _ => self.mismatch(key, value),
                },
                "tolerance" => case.tolerance = self.tolerance(value),
                "workers" => case.workers = self.workers(value),
                "set" => case.set = self.texts(key, value),
                "env" => case.env = self.named_texts(key, value),
                unknown => self.unknown(unknown, at),
            }
        }
        if !has_pipeline && !self.problems.iter().any(|p| p.code == "case.key") {
            let help = "for example pipeline = \"shop.toml\", relative to the case, or the pipeline's text between ''' \
                        and '''";
            let problem = problem(self.text, "case.required", 0, "a case needs pipeline".into(), Some(help.into()));
            self.problems.push(Problem { text: file.to_owned(), ..problem });
        }
        if let Some(error) = &case.error
            && !(case.expects.is_empty() && case.counts.is_empty())
        {
            let at = error.span.start;
            let help = "remove expect and expect_counts, or expect_error";
            self.say("case.value", at, "a run that fails has no rows and no counts", Some(help));
        }
        Some(case)
    }

    fn unknown(&mut self, key: &str, at: usize) {
        let known = || KEYS.iter().map(|k| k.name);
        let help = suggest(key, known(), "its keys are");
        self.say("case.key", at, format!("a case has no key '{key}'"), Some(&help));
    }

    /// The value has another type than its key takes.
    fn mismatch(&mut self, name: &str, value: &Value<'_>) {
        let key = KEYS.iter().find(|k| name.split('.').next() == Some(k.name));
        let takes = key.map_or("text", |k| k.takes);
        let help = key.map(|k| format!("for example {} = {}", k.name, k.example));
        let message = format!("{name} must be {takes}, found {}", found(value.get_ref()));
        self.say("case.type", value.span().start, message, help.as_deref());
    }

    fn written(&mut self, name: &str, value: &Value<'_>) -> Option<Written> {
        match value.get_ref() {
            DeValue::String(text) => Some(self.text_at(text, value.span())),
            _ => {
                self.mismatch(name, value);
                None
            }
        }
    }

    fn text_at(&self, text: &str, span: Range<usize>) -> Written {
        let source = self.text.get(span.clone()).unwrap_or_default();
        let long = ["'''", "\"\"\""].iter().find_map(|quotes| source.strip_prefix(*quotes));
        let skips = long.is_some_and(|rest| rest.starts_with('\n') || rest.starts_with("\r\n"));
        Written { text: text.to_owned(), line: line_of(self.text, span.start) + usize::from(skips), span }
    }

    fn pipeline(&mut self, value: &Value<'_>, at: usize, case: &mut Case) {
        if value.get_ref().is_table() {
            let help = "write the path of its file, or its text between ''' and '''";
            self.say("case.type", at, "pipeline must be text, found a table", Some(help));
            return;
        }
        let Some(written) = self.written("pipeline", value) else { return };
        if written.text.trim().is_empty() {
            let help = "for example pipeline = \"shop.toml\"";
            self.say("case.value", at, "pipeline is empty", Some(help));
        }
        case.pipeline =
            if written.text.contains('\n') { PipelineText::Here(written) } else { PipelineText::File(written) };
    }

    fn inputs(&mut self, value: &Value<'_>, at: usize, case: &mut Case) {
        let DeValue::Table(table) = value.get_ref() else {
            let help = "for example [input] with events = '''...''', named as the source is";
            self.say("case.type", at, "input must be a table of sources", Some(help));
            return;
        };
        for (source, at, value) in entries(table) {
            let feeds = match value.get_ref() {
                DeValue::Array(items) => items.iter().filter_map(|item| self.feed(source, item)).collect(),
                _ => self.feed(source, value).into_iter().collect::<Vec<_>>(),
            };
            if feeds.is_empty() && value.get_ref().is_array() {
                self.say("case.value", at, format!("input.{source} is an empty list"), Some("for no events write ''"));
            }
            case.inputs.push(Input { source: source.to_owned(), line: line_of(self.text, at), feeds });
        }
    }

    fn feed(&mut self, source: &str, value: &Value<'_>) -> Option<Feed> {
        match value.get_ref() {
            DeValue::String(text) => return Some(Feed::Text(text.to_string())),
            DeValue::Table(table) => {
                let all: Vec<_> = entries(table).collect();
                if let [("file", _, file)] = &all[..]
                    && let DeValue::String(path) = file.get_ref()
                {
                    return Some(Feed::File(path.to_string()));
                }
            }
            _ => {}
        }
        let help = format!("for example input.{source} = {{ file = \"events.ndjson\" }}");
        let message = format!("input.{source} must be lines as text, or a table with file alone");
        self.say("case.type", value.span().start, message, Some(&help));
        None
    }

    fn expects(&mut self, value: &Value<'_>, at: usize, case: &mut Case) {
        let list: Vec<_> = match value.get_ref() {
            DeValue::Table(table) => entries(table).map(|(part, at, value)| (Some(part), at, value)).collect(),
            _ => vec![(None, at, value)],
        };
        for (part, at, value) in list {
            let name = part.map_or("expect".to_owned(), |part| format!("expect.{part}"));
            if let Some(rows) = self.written(&name, value) {
                case.expects.push(Expect { part: part.map(str::to_owned), line: line_of(self.text, at), rows });
            }
        }
    }

    fn counts(&mut self, value: &Value<'_>, at: usize, path: &mut Vec<String>, counts: &mut Vec<Count>) {
        match value.get_ref() {
            DeValue::Table(table) if path.len() < 3 => {
                for (key, at, value) in entries(table) {
                    path.push(key.to_owned());
                    self.counts(value, at, path, counts);
                    path.pop();
                }
            }
            DeValue::Integer(n) if !path.is_empty() => match u64::from_str_radix(n.as_str(), n.radix()) {
                Ok(number) => {
                    let line = line_of(self.text, at);
                    counts.push(Count { path: path.clone(), number, line, span: value.span() });
                }
                Err(_) => self.say("case.value", at, format!("{} is not a count", n.as_str()), None),
            },
            _ => self.mismatch("expect_counts", value),
        }
    }

    fn tolerance(&mut self, value: &Value<'_>) -> f64 {
        let number = match value.get_ref() {
            DeValue::Float(n) => n.as_str().parse::<f64>().ok(),
            DeValue::Integer(n) if n.radix() == 10 => n.as_str().parse::<f64>().ok(),
            _ => {
                self.mismatch("tolerance", value);
                return 0.0;
            }
        };
        match number {
            Some(number) if number.is_finite() && number >= 0.0 => number,
            _ => {
                self.say("case.value", value.span().start, "tolerance must be a number, 0 or more", None);
                0.0
            }
        }
    }

    fn workers(&mut self, value: &Value<'_>) -> Vec<usize> {
        let one = |value: &Value<'_>| match value.get_ref() {
            DeValue::Integer(n) if n.radix() == 10 => {
                n.as_str().parse().ok().filter(|n| (1..=MOST_WORKERS).contains(n))
            }
            _ => None,
        };
        let list: Option<Vec<usize>> = match value.get_ref() {
            DeValue::Array(items) => items.iter().map(one).collect(),
            _ => one(value).map(|n| vec![n]),
        };
        match list {
            Some(list) if !list.is_empty() => list,
            _ => {
                self.mismatch("workers", value);
                vec![1]
            }
        }
    }

    fn texts(&mut self, name: &str, value: &Value<'_>) -> Vec<String> {
        let one = |value: &Value<'_>| value.get_ref().as_str().map(str::to_owned);
        let list: Option<Vec<String>> = match value.get_ref() {
            DeValue::Array(items) => items.iter().map(one).collect(),
            _ => one(value).map(|text| vec![text]),
        };
        list.unwrap_or_else(|| {
            self.mismatch(name, value);
            Vec::new()
        })
    }

    fn named_texts(&mut self, name: &str, value: &Value<'_>) -> Vec<(String, String)> {
        let DeValue::Table(table) = value.get_ref() else {
            self.mismatch(name, value);
            return Vec::new();
        };
        let mut list = Vec::new();
        for (key, _, value) in entries(table) {
            match value.get_ref().as_str() {
                Some(text) => list.push((key.to_owned(), text.to_owned())),
                None => self.mismatch(&format!("{name}.{key}"), value),
            }
        }
        list
    }
}

/// The entries of a table in the order of the file, each with the byte its key begins at.
fn entries<'t, 'a>(table: &'t DeTable<'a>) -> impl Iterator<Item = (&'t str, usize, &'t Value<'a>)> {
    let mut list: Vec<_> = table.iter().map(|(key, value)| (&**key.get_ref(), key.span().start, value)).collect();
    list.sort_by_key(|(_, at, _)| *at);
    list.into_iter()
}

/// What a user calls a value.
fn found(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

/// The first comment, where the file begins with one.
fn story(text: &str) -> String {
    let first = text.trim_start_matches('\u{feff}').lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
    first.trim().strip_prefix('#').unwrap_or_default().trim().to_owned()
}
