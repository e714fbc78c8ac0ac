//! The schema against the reader: what `check` accepts it accepts, and it refuses wrong types, words, keys and bounds.
//!
//! Cannot catch: what an editor makes of it.

use super::list::{EVERY_KIND, part_of};
use super::messages::{cases, text_of};
use super::validator::faults;
use super::*;
use crate::config::schema::as_json;
use serde_json::Value;
use std::path::Path;

fn json(text: &str) -> Value {
    as_json(&toml::Value::Table(toml::from_str(text).unwrap()))
}

fn faults_of(text: &str) -> Vec<String> {
    faults(&schema(), &json(text))
}

/// Sets a dotted key of a file.
fn with(text: &str, flag: &str) -> Value {
    let (path, value) = flag.split_once('=').unwrap();
    let mut file = json(text);
    let mut at = &mut file;
    for step in path.split('.') {
        at = at.as_object_mut().unwrap().entry(step).or_insert(Value::Object(serde_json::Map::new()));
    }
    *at = json(&format!("v = {value}"))["v"].clone();
    file
}

/// The pipelines of the repository's examples and cases, as text.
fn pipelines() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    for folder in ["examples", "tests/cases"] {
        for entry in std::fs::read_dir(root.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_none_or(|ending| ending != "toml") {
                continue;
            }
            let name = path.display().to_string();
            let text = std::fs::read_to_string(&path).unwrap();
            let pipeline = toml::from_str::<toml::Table>(&text).unwrap().get("pipeline").cloned();
            match pipeline {
                Some(toml::Value::String(inline)) if inline.contains('\n') => found.push((name, inline)),
                // The path of a pipeline that stands in the same folder.
                Some(_) => {}
                None => found.push((name, text)),
            }
        }
    }
    found
}

#[test]
fn pipelines_of_the_repository_meet_the_schema() {
    let pipelines = pipelines();
    assert!(pipelines.len() > 5);
    for (name, text) in pipelines {
        assert_eq!(faults_of(&text), [""; 0], "{name}");
    }
    let readme = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    let file = readme.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    assert_eq!(faults_of(file), [""; 0]);
    assert_eq!(faults_of(GOOD), [""; 0]);
}

/// Wrong for every kind of value.
fn wrong(kind: KeyKind) -> &'static str {
    match kind {
        KeyKind::Table | KeyKind::NumberOrTable { .. } | KeyKind::SpanOrSection { .. } => "[1]",
        KeyKind::SqlTable | KeyKind::TextTable => "[1]",
        KeyKind::Count { .. } | KeyKind::Number { .. } => "-1",
        KeyKind::Dimensions | KeyKind::Columns => "1",
        KeyKind::TableOrList => "[1]",
        _ => "[{}]",
    }
}

#[test]
fn every_key_is_in_the_schema_with_its_example_default_and_words_and_no_value_of_another_kind() {
    let schema = schema();
    assert_eq!(faults_of(EVERY_KIND), [""; 0]);
    for section in reference() {
        let Some(part) = part_of(section) else { continue };
        for key in section.keys {
            let path = format!("{part}.{}", key.name);
            let mut values = vec![key.example.to_owned()];
            values.extend(key.default.map(str::to_owned));
            if let KeyKind::Word { known, .. } = key.kind {
                values.extend(known.iter().map(|word| format!("\"{word}\"")));
            }
            let environment = !matches!(
                key.kind,
                KeyKind::Table
                    | KeyKind::TableOrList
                    | KeyKind::SqlTable
                    | KeyKind::Dimensions
                    | KeyKind::Types { .. }
                    | KeyKind::TextTable
                    | KeyKind::Texts
                    | KeyKind::Tree
            );
            values.extend(environment.then(|| "\"${X:-1}\"".to_owned()));
            for value in values.iter().filter(|_| key.name != "type") {
                let found = faults(&schema, &with(EVERY_KIND, &format!("{path}={value}")));
                assert_eq!(found, [""; 0], "{path} = {value}");
            }
            let flag = format!("{path}={}", wrong(key.kind));
            assert_ne!(faults(&schema, &with(EVERY_KIND, &flag)), [""; 0], "{flag}");
            if key.required {
                let mut file = json(EVERY_KIND);
                let table = part.split('.').fold(&mut file, |at, step| &mut at[step]);
                if let Some(table) = table.as_object_mut() {
                    table.remove(key.name);
                    assert_ne!(faults(&schema, &file), [""; 0], "{path} left out");
                }
            }
        }
        for name in section.planned {
            assert_ne!(faults(&schema, &with(EVERY_KIND, &format!("{part}.{name}=1"))), [""; 0], "{part}.{name}");
        }
    }
}

#[test]
fn what_the_reader_refuses_for_its_form_does_not_meet_the_schema() {
    let (_, cases) = cases(include_str!("messages.txt"));
    let mut seen = 0;
    for case in cases.iter().filter(|case| !case.head.iter().any(|line| line.starts_with("$ "))) {
        let formal = ["key", "required", "type", "span", "size", "rate"];
        let formal = formal.iter().any(|code| case.answer.contains(&format!("error[config.{code}]")));
        let Ok(table) = toml::from_str::<toml::Table>(&text_of(case)) else { continue };
        // The reader looks into what the environment gives; the schema cannot.
        if formal && !text_of(case).contains("${") {
            seen += 1;
            let found = faults(&schema(), &as_json(&toml::Value::Table(table)));
            assert_ne!(found, [""; 0], "{}", case.head[0]);
        }
    }
    assert!(seen > 12, "{seen}");
}

#[test]
fn wrong_files_do_not_meet_the_schema_and_say_where() {
    for (old, new, said) in [
        ("name = \"shop\"", "nam = \"shop\"", ".nam: is not a key"),
        ("size = \"60s\"", "size = \"60\"", ".windows.per_user.size: meets no form"),
        ("size = \"60s\"", "size = \"3651d\"", ".windows.per_user.size: meets no form"),
        ("[streams.shopping]", "[streams.\"a b\"]", ".streams.a b: does not match"),
        ("events = \"count(*)\"", "\"a-b\" = \"count(*)\"", ".windows.per_user.select.a-b: does not match"),
        ("events = \"count(*)\"", "events = \" \"", ".windows.per_user.select.events: does not match"),
        ("from = \"shopping\"", "from = [\"shopping\", \"shopping\"]", ".windows.per_user.from: meets no form"),
        ("type = \"file\"", "type = \"kafka\"", ".sources.events: meets not one form"),
        ("type = \"file\"", "type = \"generate\"", ".sources.events: meets not one form"),
        ("type = \"stdout\"", "type = \"stdout\"\nformat = \"parquet\"", ".sinks.out: meets not one form"),
    ] {
        assert!(GOOD.contains(old), "{old}");
        let found = faults_of(&GOOD.replacen(old, new, 1));
        assert!(found.iter().any(|fault| fault.starts_with(said)), "{new}: {found:?}");
    }
    assert_ne!(faults_of("[sources]"), [""; 0]);
}

#[test]
fn a_type_from_the_environment_leaves_the_keys_of_every_type_open() {
    let text = GOOD.replace("type = \"stdout\"", "type = \"${SINK:-stdout}\"\nformat = \"table\"");
    assert_eq!(faults_of(&text), [""; 0]);
    assert_eq!(faults_of(&text.replace("table", "csv\"\npath = \"x.csv")), [""; 0]);
    assert_ne!(faults_of(&text.replace("format", "form")), [""; 0]);
}
