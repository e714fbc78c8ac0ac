//! `--set a.b.c=value` into the tree, before anything is read from it.
//!
//! The value is TOML where it reads as a TOML value, else text. A part (`sources.events`) must be in the file for a
//! key of it to be set; its keys, and `[run]`, need not be. A part set to a table is that table, and nothing of the file's; it
//! need not be there. What is set has line 0 and is shown as the flag.

use super::tree::{DEEPEST, Data, HIDDEN, Node, Place, is_secret, join, one_line, read_set};
use crate::error::{Problem, nearest};
use toml::de::{DeTable, DeValue};

/// Sections whose tables are parts with names of the user.
const PARTS: [&str; 13] = [
    "sources",
    "tables",
    "joins",
    "streams",
    "windows",
    "patterns",
    "recommendations",
    "views",
    "alerts",
    "actions",
    "inhibitions",
    "silences",
    "sinks",
];

/// Applies one flag to the entries at the top of the file.
pub(super) fn apply(
    flag: &str,
    top: &mut Vec<(String, Node)>,
    env: &dyn Fn(&str) -> Option<String>,
    problems: &mut Vec<Problem>,
) {
    let shown = |path: &str, value: &str| {
        format!("--set {path}={}", if is_secret(path) { HIDDEN.to_owned() } else { one_line(value) })
    };
    let Some((path, value)) = flag.split_once('=') else {
        let place = Place {
            line: 0,
            path: flag.into(),
            written: String::new(),
            set: Some(format!("--set {}", one_line(flag))),
        };
        let help = "write --set path=value, such as --set sources.events.path=other.ndjson";
        problems.push(place.problem("config.set", "a setting needs a value", Some(help.into())));
        return;
    };
    let (path, value) = (path.trim(), value.trim());
    let place =
        Place { line: 0, path: path.into(), written: one_line(value), set: Some(shown(&one_line(path), value)) };
    let Some(steps) = steps(path) else {
        let message = format!("'{}' is not the path of a key", one_line(path));
        let help = "write names with dots between, such as windows.per_user.size";
        problems.push(place.problem("config.set", message, Some(help.into())));
        return;
    };
    match hole(&steps, top, &place) {
        Ok((entries, last)) => {
            let mut path = String::new();
            steps.iter().for_each(|step| path = join(&path, step));
            let node = read_set(value, &Place { path, ..place.clone() }, env, problems);
            if steps.len() == 2 && PARTS.contains(&steps[0].as_str()) && !matches!(node.data, Data::Table(_)) {
                let message = format!("'{}' is a part, and the value is no table", steps.join("."));
                let help = format!(
                    "write --set {}.<key>=value, or give all of it: --set '{}={{ key = value }}'",
                    steps.join("."),
                    steps.join(".")
                );
                problems.push(place.problem("config.set", message, Some(help)));
                return;
            }
            match entries.iter_mut().find(|(name, _)| name == last) {
                Some((_, old)) => *old = node,
                None => entries.push((last.to_owned(), node)),
            }
        }
        Err((message, help)) => problems.push(place.problem("config.set", message, help)),
    }
}

/// The steps of a path, read as a TOML key.
fn steps(path: &str) -> Option<Vec<String>> {
    if path.contains(['\n', '\r', '#', '=', '[', '{']) || path.matches('.').count() >= DEEPEST {
        return None;
    }
    let line = format!("{path} = 0");
    let table = DeTable::parse(&line).ok()?;
    let mut steps = Vec::new();
    let mut inner = table.get_ref();
    loop {
        let (key, value) = inner.iter().next()?;
        steps.push(key.get_ref().to_string());
        match value.get_ref() {
            DeValue::Table(table) => inner = table,
            _ => return Some(steps),
        }
    }
}

type Hole<'t, 's> = (&'t mut Vec<(String, Node)>, &'s str);

/// The table that a path ends in, and its last step; tables on the way are made at `place`.
fn hole<'t, 's>(
    steps: &'s [String],
    top: &'t mut Vec<(String, Node)>,
    place: &Place,
) -> Result<Hole<'t, 's>, (String, Option<String>)> {
    let (last, way) = steps.split_last().expect("a path has at least one step");
    let parts = PARTS.contains(&steps[0].as_str());
    // All of a part: it need not be there.
    let whole = parts && steps.len() == 2;
    if parts && steps.len() < 2 {
        let message = format!("'{}' is not the path of a key of a part", steps.join("."));
        return Err((message, Some(format!("write --set {}.<name>.<key>=value", steps[0]))));
    }
    let mut entries = top;
    for (depth, step) in way.iter().enumerate() {
        let at = match entries.iter().position(|(name, _)| name == step) {
            Some(at) => at,
            None if parts && depth < 2 && !whole => {
                let known: Vec<&str> = entries.iter().map(|(name, _)| name.as_str()).collect();
                let help = match nearest(step, known.iter().copied()) {
                    Some(near) => format!("did you mean {near}?"),
                    None if depth == 1 && !known.is_empty() => format!("[{}] has {}", steps[0], known.join(", ")),
                    None => "a part must be in the file to be changed".to_owned(),
                };
                let what = if depth == 0 {
                    format!("the file has no [{step}]")
                } else {
                    format!("[{}] has no part '{step}'", steps[0])
                };
                return Err((what, Some(help)));
            }
            None => {
                let mut path = String::new();
                steps[..=depth].iter().for_each(|step| path = join(&path, step));
                let place = Place { path, ..place.clone() };
                entries.push((step.clone(), Node { data: Data::Table(Vec::new()), place }));
                entries.len() - 1
            }
        };
        match &mut entries[at].1.data {
            Data::Table(inner) => entries = inner,
            _ => {
                let message = format!("'{}' is not a table", steps[..=depth].join("."));
                return Err((message, Some("set the whole of it, or a key of a table".into())));
            }
        }
    }
    Ok((entries, last))
}
