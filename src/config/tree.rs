//! TOML text into a tree of values that know their line, their full name and how they were written.
//!
//! Invariants: (1) entries of a table are in the order of the file; (2) the tree is at most [`DEEPEST`] levels deep, so
//! walking and dropping it cannot overflow the stack; (3) `written` is the text of the file, before environment
//! variables are filled in.
//! Errors: the first mistake of syntax stops the reading; keys written twice are all reported and the first one is
//! kept.

use super::depth;
use super::environment;
use super::settings::Located;
use crate::error::{Problem, Severity};
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// How many levels of tables and arrays a file may have; the deepest setting has five.
pub(super) const DEEPEST: usize = 32;

/// How much of a value a problem shows, in characters.
const SHOWN: usize = 60;

/// Where a value stands.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Place {
    /// From 1; 0 for `--set`.
    pub line: usize,
    /// The full name.
    pub path: String,
    /// The value as written, one line, cut; empty for a table with a header.
    pub written: String,
    /// `--set path=value`, or the call of a program, for what comes from there.
    pub set: Option<String>,
}

impl Place {
    /// The text a problem shows.
    pub(super) fn text(&self) -> String {
        match &self.set {
            Some(set) => set.clone(),
            None if self.written.is_empty() && self.path.is_empty() => String::new(),
            None if self.written.is_empty() => format!("[{}]", self.path),
            None => format!("{} = {}", self.path, self.written),
        }
    }

    /// A problem at this place.
    pub(super) fn problem(&self, code: &'static str, message: impl Into<String>, help: Option<String>) -> Problem {
        Problem {
            severity: Severity::Error,
            code,
            message: message.into(),
            line: self.line,
            text: self.text(),
            column: None,
            help,
        }
    }
}

/// A value and its place.
#[derive(Debug, Clone)]
pub(super) struct Node {
    pub data: Data,
    pub place: Place,
}

/// What a value is.
#[derive(Debug, Clone)]
pub(super) enum Data {
    /// Text with its variables filled in; `from_env` where it has any.
    Text {
        text: String,
        from_env: bool,
    },
    /// Text whose variables could not be filled in; that has been reported.
    Broken,
    /// A whole number in the range of `i128`.
    Int(i128),
    /// A number, with a NaN or an infinity where the file says so, and an infinity where it is out of range.
    Float(f64),
    Bool,
    /// A date, a time or both, as written.
    Time(String),
    Array(Vec<Node>),
    /// What a program brings itself.
    Program,
    Table(Vec<(String, Node)>),
}

impl Node {
    /// `value` at the place of this node.
    pub(super) fn located<T>(&self, value: T) -> Located<T> {
        Located { value, line: self.place.line, path: self.place.path.clone(), text: self.place.text() }
    }

    /// What a user calls this value.
    pub(super) fn found(&self) -> &'static str {
        match &self.data {
            Data::Text { .. } | Data::Broken => "text",
            Data::Int(_) => "a whole number",
            Data::Float(_) => "a number",
            Data::Bool => "true or false",
            Data::Time(_) => "a date or time",
            Data::Array(_) => "a list",
            Data::Program => "a value of the program",
            Data::Table(_) => "a table",
        }
    }
}

/// `path.key`, with the key in quotes where TOML needs them.
pub(super) fn join(path: &str, key: &str) -> String {
    let bare = !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
    let key = if bare { key.to_owned() } else { format!("{key:?}") };
    if path.is_empty() { key } else { format!("{path}.{key}") }
}

/// Keys whose values no problem may show; of `headers` every value is one.
const SECRETS: [&str; 4] = ["password", "routing_key", "secret", "token"];

/// True for a full name, or the left side of a line, whose value no problem may show.
pub(super) fn is_secret(path: &str) -> bool {
    let mut steps = path.trim().rsplit('.').map(|step| step.trim().trim_matches(['"', '\'']));
    let last = steps.next().unwrap_or_default();
    let before = steps.next();
    // The address of a server of a table says who logs in.
    let mut login = || last == "url" && before.is_some() && steps.next() == Some("tables");
    SECRETS.contains(&last) || last == "headers" || before == Some("headers") || login()
}

/// Schemes of addresses that say who logs in.
const LOGINS: [&str; 3] = ["postgres://", "postgresql://", "redis://"];

/// True where a text holds something that no problem may show.
fn holds_secret(text: &str) -> bool {
    SECRETS.iter().chain(&LOGINS).any(|word| text.contains(word))
}

/// What stands for a value that is not shown.
pub(super) const HIDDEN: &str = "***";

/// `text` on one line, cut to what a problem shows.
pub(super) fn one_line(text: &str) -> String {
    let mut out = String::new();
    let words = text.split_whitespace().flat_map(|w| [" ", w]).skip(1).flat_map(str::chars);
    for (i, c) in words.enumerate() {
        if i == SHOWN {
            out.push_str("...");
            break;
        }
        out.push(if c.is_control() { ' ' } else { c });
    }
    out
}

/// A line of a file without what is secret in it.
fn hide(line: &str) -> String {
    match line.split_once('=') {
        Some((key, _)) if is_secret(key) || holds_secret(line) => {
            format!("{key}= {HIDDEN}")
        }
        _ => line.to_owned(),
    }
}

/// The text of a file and where its lines begin.
pub(super) struct Lines<'a> {
    text: &'a str,
    starts: Vec<usize>,
}

impl<'a> Lines<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        let starts = std::iter::once(0).chain(memchr::memchr_iter(b'\n', text.as_bytes()).map(|at| at + 1)).collect();
        Self { text, starts }
    }

    /// The line of a byte, from 1.
    fn line(&self, at: usize) -> usize {
        self.starts.partition_point(|start| *start <= at)
    }

    fn slice(&self, span: Range<usize>) -> &'a str {
        self.text.get(span).unwrap_or("")
    }

    /// A mistake of syntax at a byte.
    pub(super) fn mistake(&self, code: &'static str, message: &str, at: usize, help: Option<String>) -> Problem {
        let at = at.min(self.text.len());
        // A mistake at the very end is one of the last line that has text.
        let at = if at == self.text.len() { self.text.trim_end().len().saturating_sub(1) } else { at };
        let line = self.line(at);
        let start = self.starts[line - 1];
        let end = self.starts.get(line).map_or(self.text.len(), |next| *next);
        let before = self.text.as_bytes()[start..at].iter().filter(|b| **b & 0xC0 != 0x80).count();
        Problem {
            severity: Severity::Error,
            code,
            message: format!("{message} (column {})", before + 1),
            line,
            text: hide(&one_line(self.slice(start..end))),
            column: None,
            help,
        }
    }
}

/// Reads the text of a file; `None` where it is not TOML. Problems go to `problems`.
pub(super) fn read(
    text: &str,
    env: &dyn Fn(&str) -> Option<String>,
    problems: &mut Vec<Problem>,
) -> Option<Vec<(String, Node)>> {
    let lines = Lines::new(text);
    if let Some(at) = depth::too_deep(text, DEEPEST) {
        let message = format!("tables and lists are nested more than {DEEPEST} deep");
        problems.push(lines.mistake("config.syntax", &message, at, None));
        return None;
    }
    let (table, mut errors) = DeTable::parse_recoverable(text);
    errors.sort_by_key(|e| e.span().map_or(usize::MAX, |s| s.start));
    if let Some(error) = errors.iter().find(|e| e.message() != "duplicate key") {
        let at = error.span().map_or(text.len(), |s| s.start);
        problems.push(lines.mistake("config.syntax", &format!("not TOML: {}", error.message()), at, None));
        return None;
    }
    for error in &errors {
        let span = error.span().unwrap_or(0..0);
        let message = format!("{} is written twice", one_line(lines.slice(span.clone())));
        problems.push(lines.mistake("config.duplicate", &message, span.start, Some("remove or rename one".into())));
    }
    let mut grower = Grower { lines: &lines, env, problems };
    Some(grower.entries(table.get_ref(), ""))
}

/// Reads the value of a `--set`, which is text where it is not TOML.
pub(super) fn read_set(
    value: &str,
    place: &Place,
    env: &dyn Fn(&str) -> Option<String>,
    problems: &mut Vec<Problem>,
) -> Node {
    let lines = Lines::new(value);
    let parsed = if depth::too_deep(value, DEEPEST).is_some() { None } else { DeValue::parse(value).ok() };
    let parsed = parsed.unwrap_or_else(|| Spanned::new(0..value.len(), DeValue::String(value.into())));
    let mut node = Grower { lines: &lines, env, problems }.node(&parsed, place.clone());
    relocate(&mut node, place);
    node
}

/// Gives everything in a value of `--set` the place of that flag; each keeps its full name and how it was written.
fn relocate(node: &mut Node, place: &Place) {
    (node.place.line, node.place.set) = (place.line, place.set.clone());
    match &mut node.data {
        Data::Array(items) => items.iter_mut().for_each(|item| relocate(item, place)),
        Data::Table(entries) => entries.iter_mut().for_each(|(_, item)| relocate(item, place)),
        _ => {}
    }
}

/// Turns parsed TOML into nodes.
struct Grower<'a> {
    lines: &'a Lines<'a>,
    env: &'a dyn Fn(&str) -> Option<String>,
    problems: &'a mut Vec<Problem>,
}

impl Grower<'_> {
    fn entries(&mut self, table: &DeTable<'_>, path: &str) -> Vec<(String, Node)> {
        let mut ordered: Vec<_> = table.iter().collect();
        ordered.sort_by_key(|(key, _)| key.span().start);
        let mut entries = Vec::with_capacity(ordered.len());
        for (key, value) in ordered {
            let place = self.place(key.span().start, value, join(path, key.get_ref()));
            entries.push((key.get_ref().to_string(), self.node(value, place)));
        }
        entries
    }

    fn place(&self, at: usize, value: &Spanned<DeValue<'_>>, path: String) -> Place {
        let source = self.lines.slice(value.span());
        // A table with a header, or one that a dotted key implies, has no text of its own.
        let own = !value.get_ref().is_table() || source.starts_with('{');
        let array_of_tables = value.get_ref().is_array() && source.starts_with("[[");
        let written = if own && !array_of_tables { one_line(source) } else { String::new() };
        // A table on one line may hold a secret as well as be one.
        let inner = written.starts_with(['{', '[']) && holds_secret(&written);
        let written =
            if (is_secret(&path) && !value.get_ref().is_bool()) || inner { HIDDEN.to_owned() } else { written };
        Place { line: self.lines.line(at), path, written, set: None }
    }

    fn node(&mut self, value: &Spanned<DeValue<'_>>, place: Place) -> Node {
        let data = match value.get_ref() {
            DeValue::String(raw) => match environment::expand(raw, self.env) {
                Ok(e) => Data::Text { text: e.text, from_env: e.from_env },
                Err(bad) => {
                    self.problems.push(place.problem("config.env", bad.message, Some(bad.help)));
                    Data::Broken
                }
            },
            DeValue::Integer(n) => match i128::from_str_radix(n.as_str(), n.radix()) {
                Ok(n) => Data::Int(n),
                Err(_) => Data::Float(f64::INFINITY),
            },
            DeValue::Float(n) => Data::Float(n.as_str().parse().unwrap_or(f64::NAN)),
            DeValue::Boolean(_) => Data::Bool,
            DeValue::Datetime(t) => Data::Time(t.to_string()),
            DeValue::Array(items) => {
                let mut nodes = Vec::with_capacity(items.len());
                for item in items.iter() {
                    let place = self.place(item.span().start, item, place.path.clone());
                    nodes.push(self.node(item, place));
                }
                Data::Array(nodes)
            }
            DeValue::Table(table) => Data::Table(self.entries(table, &place.path)),
        };
        Node { data, place }
    }
}
