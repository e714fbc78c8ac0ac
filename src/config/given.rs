//! Settings that a program says, into the tree of a file.
//!
//! A program's settings go the way of a file's: they become nodes, and the same reader checks them, against the same
//! reference and with the same defaults. Only the place differs: a line of the program and the call that stands there.
//!
//! Said twice, a table gains entries and a list gains items; any other value said twice is a problem, and the first one
//! is kept. Parts are always added: two of one name are a problem that is found with all other names.

use super::sections::TOP;
use super::tree::{Data, HIDDEN, Node, Place, is_secret, join, one_line};
use crate::error::Problem;
use crate::time::Span;
use std::time::Duration;

/// A value that a program says.
#[derive(Debug, Clone, PartialEq)]
pub enum Given {
    /// Text; nothing of it comes from the environment.
    Text(String),
    /// A whole number.
    Int(i128),
    /// A number.
    Float(f64),
    /// `true` or `false`.
    Flag(bool),
    /// A list.
    List(Vec<Given>),
    /// A table.
    Table(Vec<Setting>),
    /// As a `type`: the program brings the source or the sink itself.
    Program,
}

/// A key, its value, and the call that says so.
#[derive(Debug, Clone, PartialEq)]
pub struct Setting {
    /// The key of the table it is in.
    pub key: String,
    /// The value.
    pub value: Given,
    /// What a problem shows: `src/main.rs:14  windows.per_user.slide("7s")`.
    pub place: String,
}

impl Given {
    /// The value as the file would have it.
    pub fn written(&self) -> String {
        match self {
            Given::Text(text) => format!("{text:?}"),
            Given::Int(n) => n.to_string(),
            Given::Float(n) => format!("{n:?}"),
            Given::Flag(flag) => flag.to_string(),
            Given::List(items) => {
                format!("[{}]", items.iter().map(Given::written).collect::<Vec<_>>().join(", "))
            }
            Given::Table(entries) => {
                let entries = entries.iter().map(|entry| format!("{} = {}", entry.key, entry.value.written()));
                format!("{{ {} }}", entries.collect::<Vec<_>>().join(", "))
            }
            Given::Program => "the program's own".to_owned(),
        }
    }

    fn node(&self, path: String, said: &str, problems: &mut Vec<Problem>) -> Node {
        let table = matches!(self, Given::Table(_));
        let written = if table { String::new() } else { one_line(&self.written()) };
        let written = if is_secret(&path) { HIDDEN.to_owned() } else { written };
        let place = Place { line: 0, path, written, set: Some(said.to_owned()) };
        let data = match self {
            Given::Text(text) => Data::Text { text: text.clone(), from_env: false },
            Given::Int(n) => Data::Int(*n),
            Given::Float(n) => Data::Float(*n),
            Given::Flag(_) => Data::Bool,
            Given::List(items) => {
                Data::Array(items.iter().map(|item| item.node(place.path.clone(), said, problems)).collect())
            }
            Given::Table(settings) => {
                let mut entries = Vec::new();
                merge(settings, &place.path, &mut entries, problems);
                Data::Table(entries)
            }
            Given::Program => Data::Program,
        };
        Node { data, place }
    }
}

/// Adds settings to the tables of a file.
pub(super) fn add(settings: &[Setting], top: &mut Vec<(String, Node)>, problems: &mut Vec<Problem>) {
    for setting in settings {
        let tables = TOP.key(&setting.key).is_some_and(|key| key.kind == super::KeyKind::Table)
            && !matches!(&*setting.key, "run" | "serve" | "observe" | "notify");
        match (&setting.value, top.iter_mut().find(|(key, _)| *key == setting.key)) {
            (Given::Table(parts), Some((_, Node { data: Data::Table(entries), .. }))) if tables => {
                for part in parts {
                    let path = join(&setting.key, &part.key);
                    entries.push((part.key.clone(), part.value.node(path, &part.place, problems)));
                }
            }
            (Given::Table(parts), None) if tables => {
                let mut node = Given::Table(Vec::new()).node(setting.key.clone(), &setting.place, problems);
                let parts = parts.iter().map(|part| {
                    let path = join(&setting.key, &part.key);
                    (part.key.clone(), part.value.node(path, &part.place, problems))
                });
                node.data = Data::Table(parts.collect());
                top.push((setting.key.clone(), node));
            }
            _ => merge(std::slice::from_ref(setting), "", top, problems),
        }
    }
}

/// Adds the settings of one table.
fn merge(settings: &[Setting], path: &str, entries: &mut Vec<(String, Node)>, problems: &mut Vec<Problem>) {
    for Setting { key, value, place } in settings {
        let path = join(path, key);
        let Some((_, old)) = entries.iter_mut().find(|(one, _)| one == key) else {
            entries.push((key.clone(), value.node(path, place, problems)));
            continue;
        };
        match (&mut old.data, value) {
            (Data::Table(entries), Given::Table(more)) => merge(more, &path, entries, problems),
            (Data::Array(items), Given::List(more)) => {
                items.extend(more.iter().map(|item| item.node(path.clone(), place, problems)));
            }
            _ => {
                let node = value.node(path, place, problems);
                let message = format!("{} is said twice", one_line(key));
                problems.push(node.place.problem("config.duplicate", message, Some("remove or rename one".into())));
            }
        }
    }
}

macro_rules! given {
    ($($from:ty => $of:expr;)*) => {$(
        impl From<$from> for Given {
            fn from(value: $from) -> Self {
                #[allow(clippy::redundant_closure_call)]
                ($of)(value)
            }
        }
    )*};
}

given! {
    &str => |text: &str| Given::Text(text.to_owned());
    &String => |text: &String| Given::Text(text.clone());
    String => Given::Text;
    bool => Given::Flag;
    f64 => Given::Float;
    i32 => |n| Given::Int(i128::from(n));
    i64 => |n| Given::Int(i128::from(n));
    u32 => |n| Given::Int(i128::from(n));
    u64 => |n| Given::Int(i128::from(n));
    usize => |n: usize| Given::Int(n as i128);
    Span => |span: Span| Given::Text(span.to_string());
    super::ByteSize => |size: super::ByteSize| Given::Text(size.to_string());
    // A fraction of a microsecond counts as a whole one.
    Duration => |time: Duration| {
        let us = time.as_nanos().div_ceil(1000);
        Given::Text(Span(i64::try_from(us).unwrap_or(i64::MAX)).to_string())
    };
}

impl<T: Into<Given>> From<Vec<T>> for Given {
    fn from(items: Vec<T>) -> Self {
        Given::List(items.into_iter().map(Into::into).collect())
    }
}

impl<T: Into<Given>, const N: usize> From<[T; N]> for Given {
    fn from(items: [T; N]) -> Self {
        Given::List(items.into_iter().map(Into::into).collect())
    }
}
