//! A value of the file into what its key takes, or what is wrong with it.
//!
//! Each function takes the [`Node`] and its [`Key`] of the reference. Problems name the value as it is written, never
//! what an environment variable put there.

use super::rate::{EventRate, parse_rate};
use super::reference::{Key, KeyKind};
use super::size::{ByteSize, parse_size};
use super::tree::{Data, Node};
use crate::error::nearest;
use crate::event::FieldPath;
use crate::time::{EventTime, Span, parse_rfc3339, parse_span};
use std::fmt::Display;

/// What is wrong with a value.
pub(super) struct Wrong {
    pub code: &'static str,
    pub message: String,
    pub help: Option<String>,
}

/// A value, or what is wrong; `Err(None)` where that has been reported already.
pub(super) type Read<T> = Result<T, Option<Wrong>>;

pub(super) fn wrong<T>(code: &'static str, message: String, help: impl Into<Option<String>>) -> Read<T> {
    Err(Some(Wrong { code, message, help: help.into() }))
}

/// A text as a problem may show it: as written where it uses the environment.
pub(super) fn shown(node: &Node) -> String {
    match &node.data {
        Data::Text { text, from_env: false } => super::tree::one_line(text),
        _ => node.place.written.trim_matches(['"', '\'']).to_owned(),
    }
}

/// The value has another type than the key takes.
fn mismatch<T>(node: &Node, key: &Key) -> Read<T> {
    let help = match (&node.data, key.kind) {
        (Data::Int(n), KeyKind::Span { .. }) if *n >= 0 => {
            format!("write it with a unit, such as {} = \"{n}s\"", key.name)
        }
        (Data::Int(n), KeyKind::Size { .. }) if *n >= 0 => {
            format!("write it with a unit, such as {} = \"{n}B\"", key.name)
        }
        (Data::Int(n), KeyKind::Rate) if *n > 0 => format!("write it with a span, such as {} = \"{n}/s\"", key.name),
        (Data::Text { text, from_env: false }, KeyKind::Count { .. } | KeyKind::Number { .. })
            if text.parse::<f64>().is_ok_and(f64::is_finite) =>
        {
            format!("write it without quotes: {} = {text}", key.name)
        }
        (Data::Text { .. }, KeyKind::SqlTable) => format!("give it a name, such as {} = {}", key.name, key.example),
        _ => format!("for example {} = {}", key.name, key.example),
    };
    wrong("config.type", format!("{} must be {}, found {}", key.name, key.kind, node.found()), help)
}

/// Text that is not empty.
pub(super) fn text(node: &Node, key: &Key) -> Read<String> {
    let text = match &node.data {
        Data::Text { text, .. } => text.clone(),
        Data::Broken => return Err(None),
        // A value of --set needs no quotes.
        Data::Int(_) | Data::Float(_) | Data::Bool | Data::Time(_) if node.place.set.is_some() => {
            node.place.written.clone()
        }
        _ => return mismatch(node, key),
    };
    if text.trim().is_empty() {
        return wrong(
            "config.value",
            format!("{} is empty", key.name),
            format!("for example {} = {}", key.name, key.example),
        );
    }
    if text.contains('\0') {
        return wrong("config.value", format!("{} has a NUL character", key.name), None);
    }
    Ok(text)
}

fn within<T: PartialOrd + Display>(value: T, least: T, most: T, key: &Key) -> Read<T> {
    if value < least {
        return wrong("config.value", format!("{} must be at least {least}", key.name), None);
    }
    if value > most {
        return wrong("config.value", format!("{} must be at most {most}", key.name), None);
    }
    Ok(value)
}

/// What a parser of texts says, or, where the text uses the environment, only what is asked for.
fn parsed<T>(code: &'static str, result: Result<T, String>, node: &Node, key: &Key) -> Read<T> {
    match (result, &node.data) {
        (Ok(value), _) => Ok(value),
        (Err(_), Data::Text { from_env: true, .. }) => {
            let help = format!("with its variables filled in it must read like {}", key.example);
            wrong(code, format!("{} is not {}", shown(node), key.kind), help)
        }
        (Err(message), _) => wrong(code, message, None),
    }
}

/// A span of time within the bounds of its key.
pub(super) fn span(node: &Node, key: &Key) -> Read<Span> {
    // "5 s" and "1h 30m" are as good as "5s" and "1h30m".
    let text: String = text(node, key)?.split_whitespace().collect();
    let span = parsed("config.span", parse_span(&text), node, key)?;
    match key.kind {
        KeyKind::Span { least, most } => within(span, least, most, key),
        _ => Ok(span),
    }
}

/// A dotted field.
pub(super) fn field(node: &Node, key: &Key) -> Read<FieldPath> {
    let text = text(node, key)?;
    if text.split('.').any(|step| step.trim().is_empty()) {
        let message = format!("'{}' is not the name of a field", shown(node));
        return wrong("config.value", message, "write names with dots between, such as data.at".to_owned());
    }
    Ok(FieldPath::dotted(&text))
}

/// A size within the bounds of its key.
pub(super) fn size(node: &Node, key: &Key) -> Read<ByteSize> {
    let text = text(node, key)?;
    let size = parsed("config.size", parse_size(&text), node, key)?;
    match key.kind {
        KeyKind::Size { least, most } => within(size, least, most, key),
        _ => Ok(size),
    }
}

/// A whole number within the bounds of its key.
pub(super) fn count(node: &Node, key: &Key) -> Read<u64> {
    let KeyKind::Count { least, most } = key.kind else { return mismatch(node, key) };
    let n = match &node.data {
        Data::Int(n) => *n,
        Data::Float(n) if n.is_infinite() => i128::MAX,
        Data::Text { text, from_env: true } => match text.trim().parse() {
            Ok(n) => n,
            Err(_) => return parsed("config.type", Err(String::new()), node, key),
        },
        Data::Broken => return Err(None),
        _ => return mismatch(node, key),
    };
    within(n, i128::from(least), i128::from(most), key).map(|n| n as u64)
}

/// Events a second.
pub(super) fn rate(node: &Node, key: &Key) -> Read<EventRate> {
    let text = text(node, key)?;
    parsed("config.rate", parse_rate(&text), node, key)
}

/// True or false.
pub(super) fn flag(node: &Node, key: &Key) -> Read<bool> {
    let text = match &node.data {
        Data::Bool => node.place.written.trim(),
        Data::Text { text, from_env } if *from_env || node.place.set.is_some() => text.trim(),
        Data::Broken => return Err(None),
        _ => return mismatch(node, key),
    };
    match text {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => mismatch(node, key),
    }
}

/// Any text, also empty.
pub(super) fn any_text(node: &Node, key: &Key) -> Read<String> {
    match &node.data {
        Data::Text { text, .. } => Ok(text.clone()),
        _ => text(node, key),
    }
}

/// One character of ASCII; `None` for empty text, where that is allowed.
pub(super) fn character(node: &Node, key: &Key) -> Read<Option<u8>> {
    let text = any_text(node, key)?;
    match (text.as_bytes(), key.kind) {
        ([], KeyKind::Character { none: true }) => Ok(None),
        ([c], _) if c.is_ascii() && !matches!(c, b'\n' | b'\r' | 0) => Ok(Some(*c)),
        _ => wrong(
            "config.value",
            format!("{} must be {}", key.name, key.kind),
            format!("for example {} = {}", key.name, key.example),
        ),
    }
}

/// A table of fields and words.
pub(super) fn types<'a>(node: &'a Node, key: &Key) -> Read<Vec<(&'a str, &'a Node, Read<&'static str>)>> {
    let (Data::Table(entries), KeyKind::Types { known }) = (&node.data, key.kind) else { return mismatch(node, key) };
    let of = |name: &'a str, node: &'a Node| {
        let word = Key { name: "its type", kind: KeyKind::Word { known, planned: &[] }, ..*key };
        (name, node, self::word(node, &word))
    };
    Ok(entries.iter().map(|(name, node)| of(name, node)).collect())
}

/// A finite number within the bounds of its key.
pub(super) fn number(node: &Node, key: &Key) -> Read<f64> {
    let KeyKind::Number { least, most } = key.kind else { return mismatch(node, key) };
    let n = match &node.data {
        Data::Int(n) => *n as f64,
        Data::Float(n) => *n,
        Data::Text { text, from_env: true } => match text.trim().parse() {
            Ok(n) => n,
            Err(_) => return parsed("config.type", Err(String::new()), node, key),
        },
        Data::Broken => return Err(None),
        _ => return mismatch(node, key),
    };
    if n.is_nan() {
        return wrong("config.value", format!("{} is not a number", key.name), None);
    }
    within(n, least, most, key)
}

/// A moment.
pub(super) fn time(node: &Node, key: &Key) -> Read<EventTime> {
    let text = match &node.data {
        Data::Time(text) => text.clone(),
        _ => text(node, key)?,
    };
    let what = if matches!(node.data, Data::Text { .. }) { shown(node) } else { text.clone() };
    match parse_rfc3339(text.as_bytes()) {
        Some(time) => Ok(time),
        None => wrong(
            "config.value",
            format!("'{what}' is not a time in RFC 3339"),
            format!("write date, time and offset, such as {} = {}", key.name, key.example),
        ),
    }
}

/// One of the words of its key.
pub(super) fn word(node: &Node, key: &Key) -> Read<&'static str> {
    let KeyKind::Word { known, planned } = key.kind else { return mismatch(node, key) };
    let text = text(node, key)?;
    if let Some(word) = known.iter().find(|word| **word == text) {
        return Ok(word);
    }
    let list = format!("{} is {}", key.name, key.kind);
    if planned.contains(&text.as_str()) {
        let message = format!("{} '{}' is planned but not in this version", key.name, shown(node));
        return wrong("config.planned", message, list);
    }
    let help = match nearest(&text, known.iter().copied()) {
        Some(near) => format!("did you mean {near}? {list}"),
        None => list,
    };
    wrong("config.value", format!("{} cannot be '{}'", key.name, shown(node)), help)
}

/// One text or a list of them; at least one. Each with its node.
pub(super) fn texts<'a>(node: &'a Node, key: &Key) -> Read<Vec<(&'a Node, Read<String>)>> {
    match &node.data {
        Data::Array(items) if items.is_empty() => wrong(
            "config.value",
            format!("{} is an empty list", key.name),
            format!("for example {} = {}", key.name, key.example),
        ),
        Data::Array(items) => Ok(items.iter().map(|item| (item, text(item, key))).collect()),
        _ => Ok(vec![(node, text(node, key))]),
    }
}

/// A name of a list or table of names: the new one that a table gives it, where it stands, and the name.
pub(super) type Pair<'a> = (Option<&'a str>, &'a Node, Read<String>);

/// One name, a list of them (also an empty one), each standing for itself, or a table of names and names. Each with its node.
pub(super) fn pairs<'a>(node: &'a Node, key: &Key) -> Read<Vec<Pair<'a>>> {
    let name = |item: &'a Node| text(item, &Key { kind: KeyKind::Text, ..*key });
    Ok(match &node.data {
        Data::Table(entries) => entries.iter().map(|(one, item)| (Some(one.as_str()), item, name(item))).collect(),
        Data::Array(items) => items.iter().map(|item| (None, item, name(item))).collect(),
        Data::Text { .. } => vec![(None, node, text(node, key))],
        Data::Broken => return Err(None),
        _ if node.place.set.is_some() => vec![(None, node, text(node, key))],
        _ => return mismatch(node, key),
    })
}

/// A table of names and SQL expressions; one that is not text is an error of its own.
pub(super) fn expressions<'a>(node: &'a Node, key: &Key) -> Read<Vec<(&'a str, &'a Node, Read<String>)>> {
    let Data::Table(entries) = &node.data else { return mismatch(node, key) };
    Ok(entries.iter().map(|(name, item)| (name.as_str(), item, expression(name, item))).collect())
}

/// A table of names and texts; one that is not text is an error of its own.
pub(super) fn named_texts<'a>(node: &'a Node, key: &Key) -> Read<Vec<(&'a str, &'a Node, Read<String>)>> {
    let Data::Table(entries) = &node.data else { return mismatch(node, key) };
    let of = |name: &'a str, item: &'a Node| {
        let read = match &item.data {
            Data::Text { text, .. } if text.trim().is_empty() => {
                wrong("config.value", format!("the text of {name} is empty"), None)
            }
            Data::Text { .. } | Data::Broken => text(item, key),
            // A value of --set needs no quotes.
            Data::Int(_) | Data::Float(_) | Data::Bool if item.place.set.is_some() => text(item, key),
            _ => wrong("config.type", format!("the text of {name} must be text, found {}", item.found()), None),
        };
        (name, item, read)
    };
    Ok(entries.iter().map(|(name, item)| of(name, item)).collect())
}

/// An SQL expression as text.
fn expression(name: &str, node: &Node) -> Read<String> {
    match &node.data {
        Data::Text { text, .. } if text.trim().is_empty() => {
            wrong("config.value", format!("the expression of {name} is empty"), None)
        }
        Data::Text { text, .. } => Ok(text.clone()),
        Data::Broken => Err(None),
        // A value of --set needs no quotes.
        Data::Int(_) | Data::Float(_) | Data::Bool if node.place.set.is_some() => Ok(node.place.written.clone()),
        Data::Int(_) | Data::Float(_) | Data::Bool => {
            let message = format!("the expression of {name} must be text, found {}", node.found());
            wrong("config.type", message, format!("put it in quotes: \"{}\"", node.place.written))
        }
        _ => wrong("config.type", format!("the expression of {name} must be text, found {}", node.found()), None),
    }
}

/// A list of texts, which may be empty.
pub(super) fn any_texts<'a>(node: &'a Node, key: &Key) -> Read<Vec<(&'a Node, Read<String>)>> {
    let Data::Array(items) = &node.data else { return mismatch(node, key) };
    let item = Key { kind: KeyKind::AnyText, ..*key };
    Ok(items.iter().map(|node| (node, any_text(node, &item))).collect())
}

/// A table of names and texts.
pub(super) fn text_table<'a>(node: &'a Node, key: &Key) -> Read<Vec<(&'a str, &'a Node, Read<String>)>> {
    let Data::Table(entries) = &node.data else { return mismatch(node, key) };
    let item = Key { kind: KeyKind::Text, ..*key };
    Ok(entries.iter().map(|(name, node)| (name.as_str(), node, text(node, &item))).collect())
}

/// A table of any values, as JSON; a date is its text.
pub(super) fn tree(node: &Node, key: &Key) -> Read<serde_json::Value> {
    match &node.data {
        Data::Table(_) => json(node),
        _ => mismatch(node, key),
    }
}

fn json(node: &Node) -> Read<serde_json::Value> {
    use serde_json::Value;
    Ok(match &node.data {
        Data::Text { text, .. } | Data::Time(text) => Value::String(text.clone()),
        Data::Broken => return Err(None),
        Data::Int(n) => match (i64::try_from(*n), u64::try_from(*n)) {
            (Ok(n), _) => n.into(),
            (_, Ok(n)) => n.into(),
            _ => (*n as f64).into(),
        },
        Data::Float(n) => (*n).into(),
        Data::Bool => (node.place.written.trim() == "true").into(),
        Data::Array(items) => items.iter().map(json).collect::<Read<Vec<_>>>()?.into(),
        Data::Program => return Err(None),
        Data::Table(entries) => {
            Value::Object(entries.iter().map(|(name, node)| Ok((name.clone(), json(node)?))).collect::<Read<_>>()?)
        }
    })
}
