//! A table of the file, read key by key against its sections of the reference.
//!
//! Invariant: a key is read only through its entry in the reference (its type, bounds, words and default are taken
//! from there); a key that is in the file and in no section is a problem.

use super::reference::{Key, Section};
use super::sections::TOP;
use super::settings::{Expressions, Located};
use super::tree::{Data, Node, Place, join, one_line, read_set};
use super::value::{self, Read};
use crate::error::{Problem, nearest, suggest};
use std::collections::BTreeSet;

/// What the reading of one file gathers.
#[derive(Default)]
pub(super) struct Context {
    /// Problems, in the order they were found.
    pub problems: Vec<Problem>,
    /// Every key that was asked for, as (section, type, key); a test holds it against the reference.
    pub asked: BTreeSet<(&'static str, Option<&'static str>, &'static str)>,
}

impl Context {
    /// Keeps what is right; reports what is wrong at `place`.
    pub(super) fn keep<T>(&mut self, read: Read<T>, place: &Place) -> Option<T> {
        match read {
            Ok(value) => Some(value),
            Err(None) => None,
            Err(Some(wrong)) => {
                self.problems.push(place.problem(wrong.code, wrong.message, wrong.help));
                None
            }
        }
    }
}

/// A table and the sections it is read by.
pub(super) struct Fields<'a> {
    /// Where the table stands.
    pub place: &'a Place,
    entries: &'a [(String, Node)],
    sections: Vec<&'static Section>,
}

impl<'a> Fields<'a> {
    /// The table `node` as `sections`; a problem where it is not a table.
    pub(super) fn open(node: &'a Node, sections: &[&'static Section], ctx: &mut Context) -> Option<Self> {
        match &node.data {
            Data::Table(entries) => Some(Self { place: &node.place, entries, sections: sections.to_vec() }),
            _ => {
                let name = node.place.path.clone();
                let message = format!("{name} must be a table, found {}", node.found());
                let such = sections[0].keys.first().map(|key| format!(", such as {} = {}", key.name, key.example));
                let help = format!("write a header [{name}] with its keys below{}", such.unwrap_or_default());
                ctx.problems.push(node.place.problem("config.type", message, Some(help)));
                None
            }
        }
    }

    /// Reads by one more section.
    pub(super) fn also(&mut self, section: &'static Section) {
        self.sections.push(section);
    }

    /// The key `name`: its entry in the reference and its value, where the file has one.
    pub(super) fn entry(&self, name: &str, ctx: &mut Context) -> (&'static Key, Option<&'a Node>) {
        let (section, key) = (self.sections.iter().rev())
            .find_map(|s| s.key(name).map(|key| (s, key)))
            .expect("a key that the code asks for is in the reference");
        ctx.asked.insert((section.path, section.of, key.name));
        (key, self.entries.iter().find(|(k, _)| k == name).map(|(_, node)| node))
    }

    /// The keys of all sections.
    fn known(&self) -> impl Iterator<Item = &'static str> {
        self.sections.iter().flat_map(|s| s.keys.iter().map(|key| key.name))
    }

    fn knows(&self, name: &str) -> bool {
        self.known().any(|key| key == name)
    }

    /// True where a key that is not known looks like one of these: it is reported as such.
    pub(super) fn misspells(&self, keys: &[&str]) -> bool {
        let misspelt =
            |name: &str| !self.knows(name) && nearest(name, self.known()).is_some_and(|near| keys.contains(&near));
        self.entries.iter().any(|(name, _)| misspelt(name))
    }

    /// Reports a missing key that must be given.
    fn absent(&self, key: &Key, ctx: &mut Context) {
        if key.required && !self.misspells(&[key.name]) {
            let noun = self.sections.last().map_or("the file", |s| s.noun);
            let message = format!("{noun} needs {}", key.name);
            let help = format!("for example {} = {}", key.name, key.example);
            ctx.problems.push(self.place.problem("config.required", message, Some(help)));
        }
    }

    /// The value of `name` as `read` sees it; the default where it is absent or wrong (which is reported); `None`
    /// where there is no default.
    pub(super) fn get<T>(
        &self,
        name: &str,
        ctx: &mut Context,
        read: impl Fn(&Node, &Key) -> Read<T>,
    ) -> Option<Located<T>> {
        let (key, node) = self.entry(name, ctx);
        match node {
            Some(node) => {
                if let Some(value) = ctx.keep(read(node, key), &node.place) {
                    return Some(node.located(value));
                }
            }
            None => self.absent(key, ctx),
        }
        let node = default(key, self.place)?;
        let value = read(&node, key).ok().expect("a default of the reference is a right value");
        Some(node.located(value))
    }

    /// The value of `name`, which has a default.
    pub(super) fn or_default<T>(&self, name: &str, ctx: &mut Context, read: impl Fn(&Node, &Key) -> Read<T>) -> T {
        self.get(name, ctx, read).expect("the key has a default in the reference").value
    }

    /// The texts of a key that takes one or a list; those that are wrong are reported.
    pub(super) fn list(&self, name: &str, ctx: &mut Context) -> Vec<Located<String>> {
        let (key, node) = self.entry(name, ctx);
        let Some(node) = node else {
            self.absent(key, ctx);
            return Vec::new();
        };
        let mut list: Vec<Located<String>> = Vec::new();
        for (item, read) in ctx.keep(value::texts(node, key), &node.place).unwrap_or_default() {
            let Some(text) = ctx.keep(read, &item.place) else { continue };
            if list.iter().any(|one| one.value == text) {
                let message = format!("'{}' is in {name} twice", value::shown(item));
                ctx.problems.push(item.place.problem("config.value", message, Some("remove one".into())));
            } else {
                list.push(item.located(text));
            }
        }
        list
    }

    /// The texts of a key that takes one or a list, in their order, the same ones too; those that are wrong are reported.
    pub(super) fn items(&self, name: &str, ctx: &mut Context) -> Vec<Located<String>> {
        let (key, node) = self.entry(name, ctx);
        let Some(node) = node else {
            self.absent(key, ctx);
            return Vec::new();
        };
        let read = ctx.keep(value::texts(node, key), &node.place).unwrap_or_default();
        read.into_iter().filter_map(|(item, read)| ctx.keep(read, &item.place).map(|text| item.located(text))).collect()
    }

    /// The names of a key that takes one, a list or a table of them, each with the name it goes by: a new one of a table,
    /// else its own. Wrong ones are reported.
    pub(super) fn pairs(&self, name: &str, ctx: &mut Context) -> Expressions {
        let (key, node) = self.entry(name, ctx);
        let Some(node) = node else {
            self.absent(key, ctx);
            return Vec::new();
        };
        let mut list: Expressions = Vec::new();
        for (new, item, read) in ctx.keep(value::pairs(node, key), &node.place).unwrap_or_default() {
            if let Some(new) = new {
                check_name(new, "a column", &item.place, ctx);
            }
            let Some(text) = ctx.keep(read, &item.place) else { continue };
            let new = new.unwrap_or(&text).to_owned();
            if list.iter().any(|(one, _)| *one == new) {
                let message = format!("'{}' is in {name} twice", value::shown(item));
                ctx.problems.push(item.place.problem("config.value", message, Some("remove one".into())));
            } else {
                list.push((new, item.located(text)));
            }
        }
        list
    }

    /// The SQL expressions of a key that takes a table of them; wrong ones, and names that are no names for a column,
    /// are reported.
    pub(super) fn expressions(&self, name: &str, ctx: &mut Context) -> Expressions {
        self.named(name, "a column", ctx)
    }

    /// [`Fields::expressions`], where the names are those of `what`.
    pub(super) fn named(&self, name: &str, what: &str, ctx: &mut Context) -> Expressions {
        let (key, node) = self.entry(name, ctx);
        let Some(node) = node else {
            self.absent(key, ctx);
            return Vec::new();
        };
        let mut list = Vec::new();
        for (name, item, read) in ctx.keep(value::expressions(node, key), &node.place).unwrap_or_default() {
            check_name(name, what, &item.place, ctx);
            if let Some(text) = ctx.keep(read, &item.place) {
                list.push((name.to_owned(), item.located(text)));
            }
        }
        list
    }

    /// The texts of a key that takes a table of them; wrong ones, and names that are no names, are reported.
    pub(super) fn texts(&self, name: &str, ctx: &mut Context) -> Expressions {
        let (key, node) = self.entry(name, ctx);
        let Some(node) = node else {
            self.absent(key, ctx);
            return Vec::new();
        };
        let what = format!("one of {name}");
        let mut list = Vec::new();
        for (name, item, read) in ctx.keep(value::named_texts(node, key), &node.place).unwrap_or_default() {
            check_name(name, &what, &item.place, ctx);
            if let Some(text) = ctx.keep(read, &item.place) {
                list.push((name.to_owned(), item.located(text)));
            }
        }
        list
    }

    /// Reports the keys that no section has. `others` are sections that the table could have had by another `type`.
    pub(super) fn unknown_keys(&self, others: &[&'static Section], ctx: &mut Context) {
        let noun = self.sections.last().map_or("the file", |s| s.noun);
        for (name, node) in self.entries {
            if self.knows(name) {
                continue;
            }
            let problem = if self.sections.iter().any(|s| s.planned.contains(&name.as_str())) {
                let what = if noun == TOP.noun { format!("[{name}]") } else { format!("'{name}' of {noun}") };
                let message = format!("{what} is planned but not in this version");
                node.place.problem("config.planned", message, Some("remove it to run the rest".into()))
            } else if let Some(other) = others.iter().find(|s| s.key(name).is_some()) {
                let message = format!("'{name}' is a key of {}, not of {noun}", other.noun);
                node.place.problem("config.key", message, Some("remove it, or change type".into()))
            } else {
                let help = suggest(name, self.known(), "its keys are");
                node.place.problem("config.key", format!("{noun} has no key '{name}'"), Some(help))
            };
            ctx.problems.push(problem);
        }
    }
}

/// The default of a key as if it were written in the table at `place`.
fn default(key: &Key, place: &Place) -> Option<Node> {
    let text = key.default?;
    let place = Place { path: join(&place.path, key.name), written: text.into(), ..place.clone() };
    Some(read_set(text, &place, &|_| None, &mut Vec::new()))
}

/// True for letters, digits and `_`, and `-` where `dash`, not beginning with a digit or `-`.
pub(super) fn is_name(name: &str, dash: bool) -> bool {
    name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || (dash && b == b'-'))
        && name.bytes().next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
}

/// Reports a name that SQL could not use without quotes.
fn check_name(name: &str, what: &str, place: &Place, ctx: &mut Context) {
    if is_name(name, false) {
        return;
    }
    let message = format!("'{}' is not a name for {what}", one_line(name));
    let better: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    let help = if is_name(&better, false) {
        format!("use letters, digits and _, such as {}", one_line(&better))
    } else {
        "use letters, digits and _, beginning with a letter".to_owned()
    };
    ctx.problems.push(place.problem("config.name", message, Some(help)));
}
