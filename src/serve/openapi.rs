//! The list of routes, turned into a description after OpenAPI 3.1.

use super::routes::{Form, Parameter, RESULTS, ROUTES, Route};
use axum::http::{Method, StatusCode};
use serde_json::{Map, Value, json};

/// What the JSON of routes is: the method and path, the names of what is sent, and of what is given.
const BODIES: &[(Method, &str, Option<&str>, &str)] = &[
    (Method::GET, "/healthz", None, "Alive"),
    (Method::GET, "/readyz", None, "Ready"),
    (Method::GET, "/v1/metrics", None, "Figures"),
    (Method::GET, "/v1/pipeline", None, "Pipeline"),
    (Method::GET, RESULTS, None, "Rows"),
    (Method::POST, "/v1/ingest/{source}", None, "Accepted"),
    (Method::GET, "/v1/alerts", None, "Alerts"),
    (Method::GET, "/v1/alerts/{id}", None, "AlertLife"),
    (Method::GET, "/v1/matches", None, "Matches"),
    (Method::GET, "/v1/recommendations", None, "Recommendations"),
    (Method::GET, "/v1/silences", None, "Silences"),
    (Method::POST, "/v1/silences", Some("NewSilence"), "Silence"),
    (Method::GET, "/v1/rejects", None, "Rejects"),
    (Method::GET, "/v1/graph", None, "Graph"),
];

/// With which statuses routes refuse that others do not: there is no such part, there is no room, it stands in a file, process 0 is to
/// answer and does not.
const REFUSALS: &[(Method, &str, &[StatusCode])] = &[
    (Method::GET, "/v1/alerts", &[StatusCode::SERVICE_UNAVAILABLE]),
    (Method::GET, "/v1/alerts/{id}", &[StatusCode::SERVICE_UNAVAILABLE]),
    (Method::GET, "/v1/silences", &[StatusCode::SERVICE_UNAVAILABLE]),
    (Method::GET, "/v1/stream", &[StatusCode::NOT_FOUND]),
    (Method::GET, "/v1/events", &[StatusCode::NOT_FOUND]),
    (
        Method::POST,
        "/v1/silences",
        &[StatusCode::CONFLICT, StatusCode::TOO_MANY_REQUESTS, StatusCode::SERVICE_UNAVAILABLE],
    ),
    (Method::DELETE, "/v1/silences/{id}", &[StatusCode::CONFLICT, StatusCode::SERVICE_UNAVAILABLE]),
    (
        Method::POST,
        "/v1/ingest/{source}",
        &[
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            StatusCode::UNPROCESSABLE_ENTITY,
            StatusCode::TOO_MANY_REQUESTS,
            StatusCode::SERVICE_UNAVAILABLE,
        ],
    ),
];

/// Every status with which a route refuses.
fn refusals(route: &Route) -> Vec<StatusCode> {
    let mut all = vec![StatusCode::BAD_REQUEST, StatusCode::FORBIDDEN, StatusCode::MISDIRECTED_REQUEST];
    if route.needs.is_some() {
        all.push(StatusCode::UNAUTHORIZED);
    }
    if route.path.contains('{') {
        all.push(StatusCode::NOT_FOUND);
    }
    if !route.takes.is_empty() {
        all.extend([StatusCode::REQUEST_TIMEOUT, StatusCode::PAYLOAD_TOO_LARGE]);
    }
    if route.status == StatusCode::SWITCHING_PROTOCOLS {
        all.push(StatusCode::UPGRADE_REQUIRED);
    }
    let own = REFUSALS.iter().filter(|(method, path, _)| *method == route.method && *path == route.path);
    all.extend(own.flat_map(|(.., statuses)| *statuses));
    all
}

/// How a parameter is written.
fn form(parameter: &Parameter) -> Value {
    let mut about = json!({
        "name": parameter.name, "in": parameter.place, "required": false, "description": parameter.doc,
    });
    about["schema"] = match parameter.form {
        Form::Text => json!({ "type": "string" }),
        Form::Word(words) => json!({ "enum": words }),
        Form::Count(least, most) => json!({ "type": "integer", "minimum": least, "maximum": most }),
        Form::Moment => json!({ "anyOf": [{ "type": "string", "format": "date-time" }, { "type": "integer" }] }),
        Form::List(words) => {
            // With commas between.
            about["style"] = "form".into();
            about["explode"] = false.into();
            list(if words.is_empty() { json!({ "type": "string" }) } else { json!({ "enum": words }) })
        }
    };
    about
}

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

fn about(route: &Route, tokens: bool) -> Value {
    let mut parameters: Vec<Value> = route.parameters.iter().map(form).collect();
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
    let wrong = |what: &str, of: &str| json!({ "description": what, "content": { "application/json": { "schema": named(of) } } });
    let mut responses = json!({ "default": wrong("A question that is not answered as it was asked.", "Error") });
    for status in refusals(route) {
        responses[status.as_str()] = wrong(status.canonical_reason().unwrap_or_default(), "Error");
    }
    if route.path == "/readyz" {
        responses["503"] = wrong("It does not do its work.", "Ready");
    }
    responses[route.status.as_str()] = right;
    let mut about = json!({ "summary": route.doc, "parameters": parameters, "responses": responses });
    if !route.takes.is_empty() {
        let takes = bodies.and_then(|(_, _, takes, _)| *takes);
        about["requestBody"] = json!({ "required": true, "content": content(route.takes, takes) });
    }
    if let Some(role) = route.needs {
        if tokens {
            about["security"] = json!([{ "token": [] }]);
        }
        about["x-role"] = json!(role.word());
    }
    about
}

/// The description of the interface, of a server with or without tokens.
pub(super) fn document(tokens: bool) -> Value {
    let mut paths: Map<String, Value> = Map::new();
    for route in ROUTES {
        let of = paths.entry(route.path).or_insert_with(|| json!({}));
        of[route.method.as_str().to_ascii_lowercase()] = about(route, tokens);
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
        "Alive": object(json!({ "alive": yes(), "version": text() })),
        "Ready": object(json!({
            "ready": yes(), "state": text(),
            "checks": list(object(json!({ "name": text(), "ok": yes(), "detail": text() }))),
        })),
        "Figures": object(json!({
            "state": text(),
            "metrics": list(object(json!({ "name": text(), "labels": texts(), "type": text() }))),
        })),
        "Pipeline": object(json!({
            "name": text(), "file": text(), "text": text(), "plan": any(), "server": text(), "state": text(),
            "parts": list(any()),
        })),
        "Rows": object(json!({ "rows": list(any()), "cursor": perhaps() })),
        "Accepted": {
            "type": "object",
            "required": ["accepted", "rejected"],
            "properties": { "accepted": count(), "rejected": count(), "bad": list(any()) },
        },
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
            "silenced": yes(), "inhibited": yes(), "earlier_run": yes(),
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
            "allOf": [
                { "oneOf": [{ "required": ["match"] }, { "required": ["labels"] }] },
                { "oneOf": [{ "required": ["until"] }, { "required": ["duration"] }] },
            ],
            "properties": {
                "match": { "type": "string", "minLength": 1, "description": "Which alerts: SQL over their labels, such as service = 'api'." },
                "labels": { "type": "object", "additionalProperties": { "type": "string" }, "minProperties": 1,
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
        let document = document(true);
        let text = document.to_string();
        for (at, _) in text.match_indices("#/components/schemas/") {
            let name = text[at..].split(['"', '/']).nth(3).unwrap();
            assert!(document["components"]["schemas"][name].is_object(), "{name}");
        }
        let methods: usize =
            document["paths"].as_object().unwrap().values().map(|p| p.as_object().unwrap().len()).sum();
        assert_eq!(methods, ROUTES.len());
        let specials = REFUSALS.iter().map(|(method, path, _)| (method, path));
        for (method, path) in BODIES.iter().map(|(method, path, ..)| (method, path)).chain(specials) {
            assert!(ROUTES.iter().any(|route| route.method == *method && route.path == *path), "{method} {path}");
        }
    }
}
