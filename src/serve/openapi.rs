//! The list of routes, turned into a description after OpenAPI 3.1.

use super::routes::{ROUTES, Route};
use axum::http::Method;
use serde_json::{Map, Value, json};

/// What the JSON of routes is: the method and path, the names of what is sent, and of what is given.
const BODIES: &[(Method, &str, Option<&str>, &str)] = &[
    (Method::GET, "/v1/alerts", None, "Alerts"),
    (Method::GET, "/v1/alerts/{id}", None, "AlertLife"),
    (Method::GET, "/v1/matches", None, "Matches"),
    (Method::GET, "/v1/recommendations", None, "Recommendations"),
    (Method::GET, "/v1/silences", None, "Silences"),
    (Method::POST, "/v1/silences", Some("NewSilence"), "Silence"),
    (Method::GET, "/v1/rejects", None, "Rejects"),
    (Method::GET, "/v1/graph", None, "Graph"),
];

/// Media types, each with what JSON is.
fn content(kinds: &[&str], of: Option<&str>) -> Map<String, Value> {
    let schema = |kind: &str| match of {
        Some(name) if kind == "application/json" => json!({ "schema": named(name) }),
        _ => json!({}),
    };
    kinds.iter().map(|kind| ((*kind).to_owned(), schema(kind))).collect()
}

fn named(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

fn about(route: &Route) -> Value {
    let mut parameters: Vec<Value> = route
        .parameters
        .iter()
        .map(|p| {
            json!({
                "name": p.name, "in": p.place, "required": false, "description": p.doc, "schema": { "type": "string" }
            })
        })
        .collect();
    if let Some((_, rest)) = route.path.split_once('{') {
        parameters.push(json!({
            "name": rest.trim_end_matches('}'), "in": "path", "required": true, "schema": { "type": "string" }
        }));
    }
    if route.filters {
        parameters.push(json!({
            "name": "group", "in": "query", "required": false, "style": "form", "explode": true,
            "description": "Filters: the name of a dimension and the value it must have.",
            "schema": { "type": "object", "additionalProperties": { "type": "string" } }
        }));
    }
    let bodies = BODIES.iter().find(|(method, path, ..)| *method == route.method && *path == route.path);
    let mut right = json!({ "description": "The answer." });
    if !route.gives.is_empty() {
        right["content"] = content(route.gives, bodies.map(|(.., gives)| *gives)).into();
    }
    let wrong = json!({
        "description": "A question that is not answered as it was asked.",
        "content": { "application/json": { "schema": named("Error") } }
    });
    let mut about = json!({
        "summary": route.doc,
        "parameters": parameters,
        "responses": { route.status.as_str(): right, "default": wrong },
    });
    if !route.takes.is_empty() {
        let takes = bodies.and_then(|(_, _, takes, _)| *takes);
        about["requestBody"] = json!({ "required": true, "content": content(route.takes, takes) });
    }
    if let Some(role) = route.needs {
        about["security"] = json!([{ "token": [] }]);
        about["x-role"] = json!(role.word());
    }
    about
}

/// The description of the interface.
pub(super) fn document() -> Value {
    let mut paths: Map<String, Value> = Map::new();
    for route in ROUTES {
        let of = paths.entry(route.path).or_insert_with(|| json!({}));
        of[route.method.as_str().to_ascii_lowercase()] = about(route);
    }
    json!({
        "openapi": "3.1.0",
        "info": { "title": "highwater", "version": env!("CARGO_PKG_VERSION"), "summary": "A run of highwater" },
        "paths": paths,
        "components": {
            "securitySchemes": { "token": { "type": "http", "scheme": "bearer" } },
            "schemas": schemas(),
        }
    })
}

/// An object that has all of these.
fn object(properties: Value) -> Value {
    let names: Vec<&String> = properties.as_object().into_iter().flat_map(Map::keys).collect();
    json!({ "type": "object", "required": names, "properties": properties })
}

fn list(of: Value) -> Value {
    json!({ "type": "array", "items": of })
}

/// What bodies are.
fn schemas() -> Value {
    let text = || json!({ "type": "string" });
    let perhaps = || json!({ "type": ["string", "null"] });
    let count = || json!({ "type": "integer", "minimum": 0 });
    let time = || json!({ "type": "string", "format": "date-time" });
    let perhaps_time = || json!({ "type": ["string", "null"], "format": "date-time" });
    let yes = || json!({ "type": "boolean" });
    let any = || json!({ "type": "object", "additionalProperties": true });
    let texts = || json!({ "type": "object", "additionalProperties": { "type": "string" } });
    let state = || json!({ "enum": ["firing", "no_data", "pending", "resolved"] });
    let span = || object(json!({ "start": time(), "end": time() }));
    let counts = |names: &[&str]| {
        let each: Map<String, Value> = names.iter().map(|name| ((*name).to_owned(), count())).collect();
        object(each.into())
    };
    json!({
        "Error": object(json!({ "error": object(json!({ "code": text(), "message": text(), "help": text() })) })),
        "Rule": object(json!({
            "name": text(), "from": text(), "severity": text(),
            "state": { "enum": ["firing", "no_data", "pending", "inactive"] },
            "when": perhaps(), "until": perhaps(), "for": text(), "keep_firing_for": text(), "no_data_after": perhaps(),
            "notify": list(text()),
            "now": counts(&["firing", "no_data", "pending"]),
            "total": counts(&["fired", "resolved", "no_data", "corrected"]),
        })),
        "Alert": object(json!({
            "id": text(), "rule": text(), "state": state(), "severity": text(), "summary": text(),
            "group": any(), "values": any(), "window": span(),
            "since": time(), "fired": perhaps_time(), "ended": perhaps_time(), "at": time(),
            "labels": texts(), "annotations": texts(), "notify": list(text()),
            "silenced": yes(), "inhibited": yes(),
        })),
        "Alerts": object(json!({
            "rules": list(named("Rule")), "alerts": list(named("Alert")), "more": count(), "left_out": count(),
        })),
        "AlertLife": object(json!({
            "alert": named("Alert"), "rule": named("Rule"),
            "life": list(object(json!({
                "state": state(), "at": time(), "summary": text(), "window": span(), "values": any(),
            }))),
            "behind": object(json!({ "part": text(), "rows": list(any()), "more": yes() })),
        })),
        "Matches": object(json!({
            "patterns": list(object(json!({
                "name": text(), "matches": count(), "timed_out": count(), "partial_matches": count(), "no_key": count(),
            }))),
            "matches": list(object(json!({
                "pattern": text(), "key": any(), "start": time(), "end": time(), "revision": count(),
                "timed_out": perhaps(), "values": any(),
            }))),
        })),
        "Recommendations": object(json!({
            "recommendations": list(object(json!({
                "name": text(), "by": text(), "item": text(), "users": perhaps(), "rows": count(),
            }))),
            "lists": list(json!({
                "type": "object",
                "required": ["recommendation", "at", "entries"],
                "properties": { "recommendation": text(), "at": time(), "entries": list(any()), "item": {}, "user": {} },
            })),
        })),
        "NewSilence": {
            "type": "object",
            "additionalProperties": false,
            "properties": {
                "match": { "type": "string", "description": "Which alerts: SQL over their labels, such as service = 'api'." },
                "labels": { "type": "object", "additionalProperties": { "type": "string" },
                    "description": "Instead of match: labels that must be so." },
                "from": { "type": "string", "format": "date-time", "description": "Not given: now." },
                "until": time(),
                "duration": { "type": "string", "description": "Instead of until: how long from the beginning on, such as 2h." },
                "comment": text(), "by": text(),
            },
        },
        "Silence": object(json!({
            "id": text(), "match": text(), "from": perhaps_time(), "until": time(), "comment": text(), "by": text(),
            "origin": { "enum": ["pipeline", "file", "api"] }, "state": { "enum": ["waiting", "active", "over"] },
        })),
        "Silences": object(json!({ "silences": list(named("Silence")), "may_change": yes(), "file": perhaps() })),
        "Rejects": object(json!({
            "rejects": list(object(json!({
                "number": count(), "seen": time(), "source": text(), "partition": text(), "position": count(),
                "length": count(), "reason": text(), "detail": text(), "line": text(), "cut": yes(),
            }))),
            "kept": count(), "counted": any(),
        })),
        "Graph": object(json!({
            "state": text(), "position": perhaps_time(),
            "nodes": list(json!({
                "type": "object",
                "required": ["id", "name", "kind", "about"],
                "properties": {
                    "id": text(), "name": text(), "kind": text(), "about": text(), "counts": any(),
                    "rate": object(json!({ "per_second": { "type": ["number", "null"] }, "of": text() })),
                    "position": perhaps_time(), "behind_seconds": { "type": ["number", "null"] },
                },
            })),
            "edges": list(object(json!({ "from": text(), "to": text() }))),
        })),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_schema_that_is_named_is_there_and_each_route_stands_once() {
        let document = document();
        let text = document.to_string();
        for (at, _) in text.match_indices("#/components/schemas/") {
            let name = text[at..].split(['"', '/']).nth(3).unwrap();
            assert!(document["components"]["schemas"][name].is_object(), "{name}");
        }
        let methods: usize =
            document["paths"].as_object().unwrap().values().map(|p| p.as_object().unwrap().len()).sum();
        assert_eq!(methods, ROUTES.len());
        for (method, path, ..) in BODIES {
            assert!(ROUTES.iter().any(|route| route.method == *method && route.path == *path), "{method} {path}");
        }
    }
}
