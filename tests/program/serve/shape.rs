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

/// What of an answer the description does not say: its status by number, its media type, what its JSON has. `path`: as the
/// description has it.
pub fn differs(all: &Value, method: &str, path: &str, answer: &Answer) -> Option<String> {
    let responses = &all["paths"][path][method]["responses"];
    let Some(response) = responses.get(answer.status.to_string()) else {
        return Some(format!("the status {} is not among those of the description", answer.status));
    };
    let kind = answer.header("content-type");
    let Some(content) = response.get("content") else {
        let nothing = kind.is_empty() && answer.body.is_empty();
        return (!nothing).then(|| format!("{} has a body of {kind}: {}", answer.status, answer.body));
    };
    let Some(of) = content.get(kind) else {
        return Some(format!("{} is {kind}, not one of {content}", answer.status));
    };
    if kind != "application/json" {
        return None;
    }
    let Ok(value) = serde_json::from_str(&answer.body) else {
        return Some(format!("{} is no JSON: {}", answer.status, answer.body));
    };
    let mut out = Vec::new();
    // The description does not describe itself.
    if of["schema"].is_null() {
        return None;
    }
    misfits(all, &of["schema"], &value, "answer", &mut out);
    (!out.is_empty()).then(|| format!("{out:#?}").chars().take(1000).collect())
}

/// Fails where an answer is not what the description says of it. `path`: as the description has it.
#[track_caller]
pub fn fits(served: &Served, method: &str, path: &str, answer: &Answer) {
    let all = served.get("/openapi.json").json();
    let schema = &all["paths"][path][method]["responses"][answer.status.to_string()]["content"]["application/json"];
    assert!(schema["schema"].is_object(), "{method} {path} does not say what {} is", answer.status);
    assert_eq!(differs(&all, method, path, answer), None, "{method} {path}");
}
