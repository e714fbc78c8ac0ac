//! The one list of the reference into a JSON Schema (draft 2020-12), by which editors complete, explain and check a
//! pipeline file while it is written.
//!
//! Out: one object; a definition for each section under `$defs`, named by its path without `<name>`, and for each span
//! and size by its bounds.
//!
//! Invariants: (1) it says what [`super::reference()`] says and nothing else; (2) what `check` accepts it accepts; it
//! accepts more, as names, expressions and what keys mean together are seen by `check` alone; (3) every text may come
//! from the environment, so a text with `${` fits wherever text can be filled in; (4) keys and words of a later version
//! are not offered, and refused as `check` does.
//!
//! Not accepted although `check` takes it: white space within a number (`"1 0s"`).

mod pattern;

use super::reference::{Key, KeyKind, Section};
use super::sections::reference;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// The dialect.
const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

/// The schema of a pipeline file.
pub fn schema() -> Value {
    let mut definitions = Map::new();
    definitions.insert(
        "environment".into(),
        json!({
            "description": "Text with `${NAME}` or `${NAME:-default}`, filled in from the environment.",
            "type": "string",
            "pattern": r"\$\{",
        }),
    );
    let paths: BTreeSet<&str> =
        reference().iter().map(|section| section.path).filter(|path| !path.is_empty()).collect();
    for path in paths {
        let table = table(path, &mut definitions);
        definitions.insert(name_of(path), table);
    }
    let mut top = table("", &mut definitions);
    top["$schema"] = DIALECT.into();
    top["title"] = "A pipeline of Highwater".into();
    top["$defs"] = definitions.into();
    top
}

/// What the definition of a section is called.
fn name_of(path: &str) -> String {
    path.replace(".<name>", "")
}

fn refer(name: &str) -> Value {
    json!({ "$ref": format!("#/$defs/{name}") })
}

/// Or what the environment gives.
fn or_environment(value: Value) -> Value {
    json!({ "anyOf": [value, refer("environment")] })
}

/// The table at `path`: one object, or one for each `type`.
fn table(path: &str, definitions: &mut Map<String, Value>) -> Value {
    let sections: Vec<&Section> = reference().iter().filter(|section| section.path == path).collect();
    let (common, kinds): (Vec<&Section>, Vec<&Section>) = sections.iter().partition(|section| section.of.is_none());
    let doc = common.first().map_or("", |section| section.doc);
    if kinds.is_empty() {
        return object(doc, &common, None, definitions);
    }
    let mut forms: Vec<Value> = kinds
        .iter()
        .map(|kind| {
            let both: Vec<&Section> = common.iter().copied().chain([*kind]).collect();
            object(kind.doc, &both, kind.of.map(|of| json!({ "const": of })), definitions)
        })
        .collect();
    // Which type the environment gives is not known here: any key may be right.
    forms.push(object(doc, &sections, Some(refer("environment")), definitions));
    json!({ "description": doc, "oneOf": forms })
}

/// A table with the keys of `sections`, and with `kind` as its `type`.
fn object(doc: &str, sections: &[&Section], kind: Option<Value>, definitions: &mut Map<String, Value>) -> Value {
    let mut properties: Map<String, Value> = Map::new();
    let mut required = BTreeSet::new();
    let any_kind = sections.iter().filter(|section| section.of.is_some()).count() > 1;
    for section in sections {
        for key in section.keys {
            let mut value = described(section, key, definitions);
            if let (Some(kind), "type") = (&kind, key.name) {
                value = json!({ "description": key.doc, "allOf": [kind] });
            }
            if let Some(other) = properties.remove(key.name) {
                value = json!({ "anyOf": [other, value] });
            }
            properties.insert(key.name.into(), value);
            if key.required && !(any_kind && section.of.is_some()) {
                required.insert(key.name);
            }
        }
    }
    let mut object = json!({
        "description": doc,
        "type": "object",
        "properties": properties,
        "additionalProperties": false,
    });
    if !required.is_empty() {
        object["required"] = required.into_iter().collect();
    }
    object
}

/// A key: what it takes, and what an editor shows of it.
fn described(section: &Section, key: &Key, definitions: &mut Map<String, Value>) -> Value {
    let mut value = takes(section, key, definitions);
    value["description"] = key.doc.into();
    if let Some(default) = key.default {
        value["default"] = read(default);
    }
    value["examples"] = json!([read(key.example)]);
    value
}

/// What a key takes.
fn takes(section: &Section, key: &Key, definitions: &mut Map<String, Value>) -> Value {
    let text = || json!({ "type": "string", "pattern": r"\S" });
    let list = |item: Value| json!({ "anyOf": [item.clone(), { "type": "array", "items": item, "minItems": 1, "uniqueItems": true }] });
    let columns =
        || json!({ "type": "object", "propertyNames": { "pattern": pattern::COLUMN }, "additionalProperties": text() });
    let mut bounded = |name: String, pattern: String| {
        definitions.entry(name.clone()).or_insert_with(|| json!({ "type": "string", "pattern": pattern }));
        or_environment(refer(&name))
    };
    match key.kind {
        KeyKind::Text | KeyKind::Path | KeyKind::Part | KeyKind::Sql | KeyKind::Secret | KeyKind::Template => text(),
        KeyKind::Texts => json!({ "type": "array", "items": { "type": "string" } }),
        KeyKind::TextTable => json!({ "type": "object", "additionalProperties": text() }),
        KeyKind::Tree => json!({ "type": "object" }),
        KeyKind::AnyText => json!({ "type": "string" }),
        KeyKind::Paths | KeyKind::Names | KeyKind::Parts | KeyKind::SomeTexts => list(text()),
        KeyKind::Flag => or_environment(json!({ "type": "boolean" })),
        KeyKind::Character { none } => or_environment(json!({ "type": "string", "pattern": pattern::character(none) })),
        KeyKind::Types { known } => {
            json!({ "type": "object", "additionalProperties": or_environment(json!({ "enum": known })) })
        }
        KeyKind::Field => or_environment(json!({ "type": "string", "pattern": pattern::FIELD })),
        KeyKind::Pairs => {
            let list = json!({ "type": "array", "items": text(), "uniqueItems": true });
            json!({ "anyOf": [text(), list, columns()] })
        }
        KeyKind::SqlTable => columns(),
        KeyKind::Dimensions => {
            let fields = json!({ "type": "string", "pattern": pattern::COLUMNS });
            json!({ "anyOf": [columns(), { "type": "array", "items": fields }] })
        }
        KeyKind::Span { least, most } => bounded(format!("span-{least}-{most}"), pattern::span(least, most)),
        KeyKind::Size { least, most } => bounded(format!("size-{least}-{most}"), pattern::size(least, most)),
        KeyKind::Rate => or_environment(json!({ "type": "string", "pattern": pattern::RATE })),
        KeyKind::Count { least, most } => {
            or_environment(json!({ "type": "integer", "minimum": least, "maximum": most }))
        }
        KeyKind::Number { least, most } => or_environment(number(least, most)),
        KeyKind::NumberOrTable { least, most } => {
            json!({ "anyOf": [number(least, most), refer("environment"), refer(&below(section, key))] })
        }
        KeyKind::SpanOrTable { least, most } => {
            let span = bounded(format!("span-{least}-{most}"), pattern::span(least, most));
            json!({ "anyOf": [span, { "type": "object", "additionalProperties": span }] })
        }
        KeyKind::SpanOrSection { least, most } => {
            let span = bounded(format!("span-{least}-{most}"), pattern::span(least, most));
            json!({ "anyOf": [span, refer(&below(section, key))] })
        }
        KeyKind::SqlOrSection => json!({ "anyOf": [text(), refer(&below(section, key))] }),
        // An expression may be there twice.
        KeyKind::SqlList => json!({ "anyOf": [text(), { "type": "array", "items": text(), "minItems": 1 }] }),
        KeyKind::Columns => {
            let mut table = columns();
            table["minProperties"] = 1.into();
            json!({ "anyOf": [list(text()), table] })
        }
        KeyKind::TableOrList => {
            let one = refer(&below(section, key));
            json!({ "anyOf": [one, { "type": "array", "items": one, "minItems": 1 }] })
        }
        KeyKind::Match => json!({ "anyOf": [text(), { "type": "array", "items": text(), "minItems": 1 }] }),
        KeyKind::Skip => or_environment(json!({ "type": "string", "pattern": pattern::SKIP })),
        KeyKind::Time => or_environment(json!({ "type": "string", "pattern": pattern::TIME })),
        KeyKind::Word { known, .. } => or_environment(json!({ "enum": known })),
        KeyKind::Table => {
            let name = below(section, key);
            let parts = reference().iter().any(|section| section.path == format!("{name}.<name>"));
            if !parts {
                return refer(&name);
            }
            let mut parts = json!({
                "type": "object",
                "propertyNames": { "pattern": pattern::PART },
                "additionalProperties": refer(&name),
            });
            if key.required {
                parts["minProperties"] = 1.into();
            }
            parts
        }
    }
}

fn number(least: f64, most: f64) -> Value {
    json!({ "type": "number", "minimum": least, "maximum": most })
}

/// The definition of the section that a key opens.
fn below(section: &Section, key: &Key) -> String {
    let path = name_of(section.path);
    if path.is_empty() { key.name.to_owned() } else { format!("{path}.{}", key.name) }
}

/// A value of TOML, as the reference has it.
fn read(text: &str) -> Value {
    let line: toml::Table = toml::from_str(&format!("v = {text}")).expect("the reference has values of TOML");
    as_json(line.get("v").expect("it was written"))
}

/// TOML as JSON, as editors take it; a date is its text.
pub(super) fn as_json(value: &toml::Value) -> Value {
    match value {
        toml::Value::String(text) => text.as_str().into(),
        toml::Value::Integer(n) => (*n).into(),
        toml::Value::Float(n) => (*n).into(),
        toml::Value::Boolean(b) => (*b).into(),
        toml::Value::Datetime(time) => time.to_string().into(),
        toml::Value::Array(items) => items.iter().map(as_json).collect(),
        toml::Value::Table(entries) => {
            Value::Object(entries.iter().map(|(key, value)| (key.clone(), as_json(value))).collect())
        }
    }
}
