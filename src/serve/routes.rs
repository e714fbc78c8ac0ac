//! The one list of what can be asked: the router is built from it, and so is the document that describes it.
//!
//! Each path is read with GET. A route names the role it needs, its parameters and the forms of its answer; `/openapi.json`
//! says the same to programs.

use super::access::Refusal;
use super::answer::{Answer, Wrong, guard, json};
use super::face::Face;
use super::question::{Question, decode};
use super::{figures, health, live, page, pipeline, results};
use crate::config::Access;
use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::request::Parts;
use axum::http::{Method, Response};
use axum::routing::any;
use serde_json::{Map, Value, json as value};
use std::pin::Pin;
use std::sync::Arc;

/// What is asked.
pub(super) struct Ask {
    pub(super) head: Parts,
    /// The part of the path that the route leaves open.
    pub(super) name: String,
    pub(super) question: Question,
}

/// An answer that is still to come.
type Coming = Pin<Box<dyn Future<Output = Answer> + Send>>;

/// Who answers.
#[derive(Clone, Copy)]
pub(super) enum Handler {
    /// At once.
    Now(fn(&Face, &Ask) -> Answer),
    /// With a stream or another protocol.
    Later(fn(Arc<Face>, Ask) -> Coming),
}

/// A parameter of a route.
pub(super) struct Parameter {
    pub(super) name: &'static str,
    pub(super) doc: &'static str,
}

/// A path and all there is to know about it.
pub(super) struct Route {
    pub(super) path: &'static str,
    /// The role that is needed; `None`: anyone.
    pub(super) needs: Option<Access>,
    pub(super) doc: &'static str,
    pub(super) parameters: &'static [Parameter],
    /// Parameters that are none of these are filters by group.
    pub(super) filters: bool,
    /// The media types of the answer.
    pub(super) gives: &'static [&'static str],
    pub(super) handler: Handler,
}

impl Route {
    /// The names of its parameters.
    pub(super) fn known(&self) -> Vec<&'static str> {
        self.parameters.iter().map(|p| p.name).collect()
    }
}

const fn parameter(name: &'static str, doc: &'static str) -> Parameter {
    Parameter { name, doc }
}

/// The route of results.
pub(super) const RESULTS: &str = "/v1/results/{name}";

const FOLLOW: &[Parameter] = &[
    parameter("name", "Windows, patterns and other parts with rows, with commas between. Not given: all."),
    parameter("cursor", "Go on behind this cursor, of a message seen before; no snapshot then."),
    parameter("snapshot", "How many of the newest rows of each part come first, at most 10000; 0: none. Default 1000."),
];

/// Every route.
pub(super) const ROUTES: &[Route] = &[
    Route {
        path: "/healthz",
        needs: None,
        doc: "The process is alive.",
        parameters: &[],
        filters: false,
        gives: &["application/json"],
        handler: Handler::Now(health::alive),
    },
    Route {
        path: "/readyz",
        needs: None,
        doc: "The run does its work: sources are open, event time moves or the input has ended, sinks take rows. 503 where not.",
        parameters: &[],
        filters: false,
        gives: &["application/json"],
        handler: Handler::Now(health::ready),
    },
    Route {
        path: "/metrics",
        needs: Some(Access::Read),
        doc: "All figures in the text format of Prometheus.",
        parameters: &[],
        filters: false,
        gives: &["text/plain; version=0.0.4; charset=utf-8"],
        handler: Handler::Now(figures::text),
    },
    Route {
        path: "/openapi.json",
        needs: None,
        doc: "This description.",
        parameters: &[],
        filters: false,
        gives: &["application/json"],
        handler: Handler::Now(|_, _| Ok(json(&document()))),
    },
    Route {
        path: "/v1/metrics",
        needs: Some(Access::Read),
        doc: "Figures as JSON.",
        parameters: &[parameter("prefix", "Only names that begin so, with or without highwater_.")],
        filters: false,
        gives: &["application/json"],
        handler: Handler::Now(figures::list),
    },
    Route {
        path: "/v1/pipeline",
        needs: Some(Access::Read),
        doc: "The pipeline: its file with secrets hidden, its plan, its parts with their figures.",
        parameters: &[],
        filters: false,
        gives: &["application/json"],
        handler: Handler::Now(pipeline::show),
    },
    Route {
        path: RESULTS,
        needs: Some(Access::Read),
        doc: "The rows of a part that hold now and are still kept.",
        parameters: &[
            parameter("from", "Only windows that end behind this time: RFC 3339, or milliseconds since 1970."),
            parameter("until", "Only windows that begin before this time."),
            parameter("order", "newest (default) or oldest: which windows come first."),
            parameter("limit", "How many rows, 1 to 10000. Default 1000."),
            parameter(
                "cursor",
                "Go on behind this cursor, of the answer before; in the body, and in the header highwater-cursor.",
            ),
            parameter("format", "json (default), ndjson or csv; the header Accept does the same."),
        ],
        filters: true,
        gives: &["application/json", "application/x-ndjson", "text/csv; charset=utf-8"],
        handler: Handler::Now(results::rows),
    },
    Route {
        path: "/v1/stream",
        needs: Some(Access::Read),
        doc: "A WebSocket of messages: hello, snapshot, changes, gap (what a slow client has missed).",
        parameters: FOLLOW,
        filters: true,
        gives: &["application/json"],
        handler: Handler::Later(|face, ask| Box::pin(live::stream(face, ask))),
    },
    Route {
        path: "/v1/events",
        needs: Some(Access::Read),
        doc: "The messages of /v1/stream as server-sent events; the id of an event is a cursor, also as Last-Event-ID.",
        parameters: FOLLOW,
        filters: true,
        gives: &["text/event-stream"],
        handler: Handler::Later(|face, ask| Box::pin(live::events(face, ask))),
    },
    Route {
        path: "/",
        needs: None,
        doc: "The page.",
        parameters: &[],
        filters: false,
        gives: &["text/html; charset=utf-8"],
        handler: Handler::Now(page::index),
    },
    Route {
        path: "/page/{name}",
        needs: None,
        doc: "What the page is made of.",
        parameters: &[],
        filters: false,
        gives: &["text/css; charset=utf-8", "text/javascript; charset=utf-8", "image/svg+xml"],
        handler: Handler::Now(page::file),
    },
];

/// The route of a path of the list.
pub(super) fn route(path: &str) -> &'static Route {
    ROUTES.iter().find(|route| route.path == path).expect("the path is written in the list")
}

/// The router of a server.
pub(super) fn router(face: &Arc<Face>) -> Router {
    let mut router = Router::new();
    for route in ROUTES {
        let face = Arc::clone(face);
        router = router.route(
            route.path,
            any(move |request: Request| {
                let face = Arc::clone(&face);
                async move { answer(face, route, request).await }
            }),
        );
    }
    let face = Arc::clone(face);
    router.fallback(move |request: Request| {
        let face = Arc::clone(&face);
        async move {
            // Whoever may not ask does not learn what there is.
            let wrong = match face.tokens.check(request.headers(), None) {
                Ok(()) => Wrong::refused(Refusal::Path),
                Err(refusal) => Wrong::refused(refusal),
            };
            finish(&face, Err(wrong))
        }
    })
}

async fn answer(face: Arc<Face>, route: &'static Route, request: Request) -> Response<Body> {
    let (head, _) = request.into_parts();
    if let Err(refusal) = face.tokens.check(&head.headers, route.needs) {
        return finish(&face, Err(Wrong::refused(refusal)));
    }
    if head.method != Method::GET && head.method != Method::HEAD {
        return finish(&face, Err(Wrong::refused(Refusal::Method)));
    }
    let question = Question::new(head.uri.query().unwrap_or_default());
    if !route.filters
        && let Err(wrong) = question.only(&route.known())
    {
        return finish(&face, Err(wrong));
    }
    let name = route
        .path
        .split_once('{')
        .map_or_else(String::new, |(before, _)| decode(head.uri.path().strip_prefix(before).unwrap_or_default()));
    let ask = Ask { head, name, question };
    let answered = match route.handler {
        Handler::Now(handler) => handler(&face, &ask),
        Handler::Later(handler) => handler(Arc::clone(&face), ask).await,
    };
    finish(&face, answered)
}

/// Counts an answer and adds what every response has.
fn finish(face: &Face, answered: Answer) -> Response<Body> {
    face.counts.requests.add(1);
    guard(answered.unwrap_or_else(|wrong| {
        face.counts.refused.add(wrong.refusal as usize, 1);
        wrong.response()
    }))
}

/// The description of the interface, after OpenAPI 3.1.
pub(super) fn document() -> Value {
    let mut paths = Map::new();
    for route in ROUTES {
        let mut parameters: Vec<Value> = route
            .parameters
            .iter()
            .map(|p| {
                value!({
                    "name": p.name, "in": "query", "required": false, "description": p.doc, "schema": { "type": "string" }
                })
            })
            .collect();
        if let Some((_, rest)) = route.path.split_once('{') {
            parameters.push(value!({
                "name": rest.trim_end_matches('}'), "in": "path", "required": true, "schema": { "type": "string" }
            }));
        }
        if route.filters {
            parameters.push(value!({
                "name": "group", "in": "query", "required": false, "style": "form", "explode": true,
                "description": "Filters: the name of a dimension and the value it must have.",
                "schema": { "type": "object", "additionalProperties": { "type": "string" } }
            }));
        }
        let content: Map<String, Value> = route.gives.iter().map(|kind| ((*kind).to_owned(), value!({}))).collect();
        let wrong = value!({
            "description": "A question that is not answered as it was asked.",
            "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Error" } } }
        });
        let mut about = value!({
            "summary": route.doc,
            "parameters": parameters,
            "responses": { "200": { "description": "The answer.", "content": content }, "default": wrong },
        });
        if let Some(role) = route.needs {
            about["security"] = value!([{ "token": [] }]);
            about["x-role"] = value!(role.word());
        }
        paths.insert(route.path.to_owned(), value!({ "get": about }));
    }
    value!({
        "openapi": "3.1.0",
        "info": { "title": "highwater", "version": env!("CARGO_PKG_VERSION"), "summary": "A run of highwater" },
        "paths": paths,
        "components": {
            "securitySchemes": { "token": { "type": "http", "scheme": "bearer" } },
            "schemas": { "Error": {
                "type": "object",
                "required": ["error"],
                "properties": { "error": {
                    "type": "object",
                    "required": ["code", "message", "help"],
                    "properties": {
                        "code": { "type": "string" }, "message": { "type": "string" }, "help": { "type": "string" }
                    }
                } }
            } }
        }
    })
}
