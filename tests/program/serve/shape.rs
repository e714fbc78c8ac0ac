//! Answers against the schemas that the description of the interface names for them: as much of JSON Schema as these use.

use super::client::{Answer, Served};
use serde_json::Value;

fn is(value: &Value, kind: &str) -> bool {
    match kind {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        other => panic!("a schema has the type {other}"),
    }
}

/// What does not fit, each with its place.
fn misfits(all: &Value, schema: &Value, value: &Value, at: &str, out: &mut Vec<String>) {
    if let Some(name) = schema["$ref"].as_str() {
        let found = all.pointer(name.trim_start_matches('#')).unwrap_or_else(|| panic!("there is no {name}"));
        return misfits(all, found, value, at, out);
    }
    let kinds: Vec<&str> = match &schema["type"] {
        Value::String(kind) => vec![kind],
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    if !kinds.is_empty() && !kinds.iter().any(|kind| is(value, kind)) {
        out.push(format!("{at} is {value}, not {kinds:?}"));
    }
    if schema["enum"].as_array().is_some_and(|words| !words.contains(value)) {
        out.push(format!("{at} is {value}, not one of {}", schema["enum"]));
    }
    if schema["format"] == "date-time" && value.as_str().is_some_and(|text| !text.ends_with('Z')) {
        out.push(format!("{at} is {value}, no time"));
    }
    for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        if value.get(name).is_none() {
            out.push(format!("{at} has no {name}"));
        }
    }
    for (name, of) in schema["properties"].as_object().into_iter().flatten() {
        if let Some(value) = value.get(name) {
            misfits(all, of, value, &format!("{at}.{name}"), out);
        }
    }
    if let Some(of) = schema.get("additionalProperties").filter(|of| of.is_object()) {
        let known = |name: &String| schema["properties"].get(name).is_some();
        for (name, value) in value.as_object().into_iter().flatten().filter(|(name, _)| !known(name)) {
            misfits(all, of, value, &format!("{at}.{name}"), out);
        }
    }
    for (i, one) in value.as_array().into_iter().flatten().enumerate() {
        misfits(all, &schema["items"], one, &format!("{at}[{i}]"), out);
    }
}

/// Fails where an answer is not what the description says of it. `path`: as the description has it.
#[track_caller]
pub fn fits(served: &Served, method: &str, path: &str, answer: &Answer) {
    let all = served.get("/openapi.json").json();
    let responses = &all["paths"][path][method]["responses"];
    let schema = |status: &str| responses[status]["content"]["application/json"]["schema"].clone();
    let described = responses.get(answer.status.to_string()).is_some();
    let schema = if described { schema(&answer.status.to_string()) } else { schema("default") };
    assert!(schema.is_object(), "{method} {path} does not say what {} is", answer.status);
    assert!(described || answer.status >= 400, "{method} {path} gives {}", answer.status);
    let mut out = Vec::new();
    misfits(&all, &schema, &answer.json(), "answer", &mut out);
    assert!(out.is_empty(), "{method} {path}: {out:#?}");
}
