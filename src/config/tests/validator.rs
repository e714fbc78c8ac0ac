//! The keywords of JSON Schema that our schema uses, by the words of the specification; any other is a panic, so that
//! nothing is taken to hold that was not looked at.

use regex::Regex;
use serde_json::Value;

/// Where and how a value does not meet a schema; empty where it does.
pub(super) fn faults(root: &Value, value: &Value) -> Vec<String> {
    let mut out = Vec::new();
    check(root, root, value, "", &mut out);
    out
}

fn meets(root: &Value, schema: &Value, value: &Value) -> bool {
    let mut out = Vec::new();
    check(root, schema, value, "", &mut out);
    out.is_empty()
}

fn check(root: &Value, schema: &Value, value: &Value, at: &str, out: &mut Vec<String>) {
    let mut within = Vec::new();
    let mut wrong = |what: String| out.push(format!("{at}: {what}"));
    let table = value.as_object();
    let list = value.as_array();
    let schema = schema.as_object().expect("a schema is an object");
    for (word, asks) in schema {
        let meet = |one: &&Value| meets(root, one, value);
        match word.as_str() {
            "$schema" | "$defs" | "title" | "description" | "default" | "examples" => {}
            "$ref" => {
                let plain = |c: char| c.is_ascii_alphanumeric() || "#$/._-".contains(c);
                assert!(asks.as_str().is_some_and(|path| path.chars().all(plain)), "{asks} is not a reference");
                let path = asks.as_str().and_then(|path| path.strip_prefix('#')).unwrap();
                let there = root.pointer(path).unwrap_or_else(|| panic!("{path} is not defined"));
                check(root, there, value, at, &mut within);
                continue;
            }
            "type" => {
                let is = match asks.as_str().unwrap() {
                    "object" => value.is_object(),
                    "array" => value.is_array(),
                    "string" => value.is_string(),
                    "boolean" => value.is_boolean(),
                    "number" => value.is_number(),
                    "integer" => value.is_i64() || value.is_u64(),
                    other => panic!("type {other}"),
                };
                if !is {
                    wrong(format!("is not of type {asks}"));
                }
            }
            "const" if value != asks => wrong(format!("is not {asks}")),
            "enum" if !asks.as_array().unwrap().contains(value) => wrong(format!("is none of {asks}")),
            "pattern" => {
                let pattern = Regex::new(asks.as_str().unwrap()).unwrap();
                if value.as_str().is_some_and(|text| !pattern.is_match(text)) {
                    wrong(format!("does not match {pattern}"));
                }
            }
            "minimum" if value.as_f64().is_some_and(|n| n < asks.as_f64().unwrap()) => wrong("is too little".into()),
            "maximum" if value.as_f64().is_some_and(|n| n > asks.as_f64().unwrap()) => wrong("is too much".into()),
            "minItems" if list.is_some_and(|l| (l.len() as u64) < asks.as_u64().unwrap()) => wrong("is short".into()),
            "minProperties" if table.is_some_and(|t| (t.len() as u64) < asks.as_u64().unwrap()) => {
                wrong("is short".into());
            }
            "uniqueItems" if list.is_some_and(|l| (1..l.len()).any(|i| l[..i].contains(&l[i]))) => {
                wrong("has an item twice".into());
            }
            "anyOf" if !asks.as_array().unwrap().iter().any(|one| meet(&one)) => wrong("meets no form".into()),
            "oneOf" if asks.as_array().unwrap().iter().filter(meet).count() != 1 => wrong("meets not one form".into()),
            "allOf" => asks.as_array().unwrap().iter().for_each(|one| check(root, one, value, at, &mut within)),
            "required" => {
                for name in asks.as_array().unwrap().iter().map(|name| name.as_str().unwrap()) {
                    if table.is_some_and(|table| !table.contains_key(name)) {
                        wrong(format!("has no {name}"));
                    }
                }
            }
            "items" => {
                for (i, item) in list.into_iter().flatten().enumerate() {
                    check(root, asks, item, &format!("{at}[{i}]"), &mut within);
                }
            }
            "propertyNames" => {
                for name in table.into_iter().flat_map(|table| table.keys()) {
                    check(root, asks, &Value::String(name.clone()), &format!("{at}.{name}"), &mut within);
                }
            }
            "properties" => {
                for (name, one) in asks.as_object().unwrap() {
                    if let Some(found) = value.get(name) {
                        check(root, one, found, &format!("{at}.{name}"), &mut within);
                    }
                }
            }
            "additionalProperties" => {
                let known = schema.get("properties").and_then(Value::as_object);
                let others =
                    table.into_iter().flatten().filter(|(name, _)| known.is_none_or(|k| !k.contains_key(*name)));
                for (name, found) in others {
                    let at = format!("{at}.{name}");
                    match asks {
                        Value::Bool(true) => {}
                        Value::Bool(false) => within.push(format!("{at}: is not a key")),
                        one => check(root, one, found, &at, &mut within),
                    }
                }
            }
            "const" | "enum" | "minimum" | "maximum" | "minItems" | "minProperties" | "uniqueItems" | "anyOf"
            | "oneOf" => {}
            other => panic!("the keyword {other} is not looked at"),
        }
    }
    out.append(&mut within);
}
