//! The one list of what can be asked: the router is built from it, and so is the document that describes it.
//!
//! A route is a path and how it is asked: its method, the role it needs, its parameters, what its body may be, and the
//! forms of its answer; `/openapi.json` says the same to programs. Several routes may share a path.

use super::access::Refusal;
use super::answer::{Answer, Wrong, guard, json};
use super::face::Face;
use super::question::{Question, decode};
use super::{figures, health, ingest, live, page, pipeline, results};
use crate::config::Access;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method, Response, StatusCode, header};
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
    /// What was sent with it, not yet read.
    pub(super) body: Body,
}

/// An answer that is still to come.
type Coming = Pin<Box<dyn Future<Output = Answer> + Send>>;

/// Who answers.
#[derive(Clone, Copy)]
pub(super) enum Handler {
    /// At once.
    Now(fn(&Face, &Ask) -> Answer),
    /// At once, to a body of at most [`LARGEST`] bytes.
    #[allow(dead_code, reason = "what is sent to operate the run comes next")]
    Body(fn(&Face, &Ask, &Bytes) -> Answer),
    /// With a stream or another protocol, or to a body that it reads itself.
    Later(fn(Arc<Face>, Ask) -> Coming),
}

/// A parameter of a route.
pub(super) struct Parameter {
    pub(super) name: &'static str,
    /// Where it stands: in the query or, as a header, in the head.
    place: &'static str,
    pub(super) doc: &'static str,
}

/// Bytes of a body that a [`Handler::Body`] takes, at most.
const LARGEST: usize = 64 << 10;

/// A path, how it is asked, and all there is to know about it.
pub(super) struct Route {
    /// Of one path each method is there once; GET is HEAD too.
    pub(super) method: Method,
    pub(super) path: &'static str,
    /// The role that is needed; `None`: anyone.
    pub(super) needs: Option<Access>,
    pub(super) doc: &'static str,
    pub(super) parameters: &'static [Parameter],
    /// Parameters that are none of these are filters by group.
    pub(super) filters: bool,
    /// The media types of the body; none: it has none.
    pub(super) takes: &'static [&'static str],
    /// The status where all is well.
    pub(super) status: StatusCode,
    /// The media types of the answer.
    pub(super) gives: &'static [&'static str],
    pub(super) handler: Handler,
}

impl Route {
    /// The names of its parameters in the query.
    pub(super) fn known(&self) -> Vec<&'static str> {
        self.parameters.iter().filter(|p| p.place == "query").map(|p| p.name).collect()
    }
}

const fn parameter(name: &'static str, doc: &'static str) -> Parameter {
    Parameter { name, place: "query", doc }
}

const fn header_of(name: &'static str, doc: &'static str) -> Parameter {
    Parameter { name, place: "header", doc }
}

/// The route of results.
pub(super) const RESULTS: &str = "/v1/results/{name}";

const FOLLOW: &[Parameter] = &[
    parameter("name", "Windows, patterns and other parts with rows, with commas between. Not given: all."),
    parameter("cursor", "Go on behind this cursor, of a message seen before; no snapshot then."),
    parameter("snapshot", "How many of the newest rows of each part come first, at most 10000; 0: none. Default 1000."),
];

const ON_BAD: Parameter = parameter(
    "on_bad",
    "What becomes of a batch with records that are no events: reject (default) takes nothing of it, skip takes the others.",
);

const INGEST: &[Parameter] = &[
    ON_BAD,
    header_of("Content-Encoding", "gzip or zstd where the body is compressed."),
    header_of(
        "Idempotency-Key",
        "A word of this batch. Sent again within ten minutes it is answered as the first time, and not taken again.",
    ),
];

/// Every route.
pub(super) const ROUTES: &[Route] = &[
    Route {
        method: Method::GET,
        path: "/healthz",
        needs: None,
        doc: "The process is alive.",
        parameters: &[],
        filters: false,
        takes: &[],
        status: StatusCode::OK,
        gives: &["application/json"],
        handler: Handler::Now(health::alive),
    },
    Route {
        method: Method::GET,
        path: "/readyz",
        needs: None,
        doc: "The run does its work: sources are open, event time moves or the input has ended, sinks take rows. 503 where not.",
        parameters: &[],
        filters: false,
        takes: &[],
        status: StatusCode::OK,
        gives: &["application/json"],
        handler: Handler::Now(health::ready),
    },
    Route {
        method: Method::GET,
        path: "/metrics",
        needs: Some(Access::Read),
        doc: "All figures in the text format of Prometheus.",
        parameters: &[],
        filters: false,
        takes: &[],
        status: StatusCode::OK,
        gives: &["text/plain; version=0.0.4; charset=utf-8"],
        handler: Handler::Now(figures::text),
    },
    Route {
        method: Method::GET,
        path: "/openapi.json",
        needs: None,
        doc: "This description.",
        parameters: &[],
        filters: false,
        takes: &[],
        status: StatusCode::OK,
        gives: &["application/json"],
        handler: Handler::Now(|_, _| Ok(json(&document()))),
    },
    Route {
        method: Method::GET,
        path: "/v1/metrics",
        needs: Some(Access::Read),
        doc: "Figures as JSON.",
        parameters: &[parameter("prefix", "Only names that begin so, with or without highwater_.")],
        filters: false,
        takes: &[],
        status: StatusCode::OK,
        gives: &["application/json"],
        handler: Handler::Now(figures::list),
    },
    Route {
        method: Method::GET,
        path: "/v1/pipeline",
        needs: Some(Access::Read),
        doc: "The pipeline: its file with secrets hidden, its plan, its parts with their figures.",
        parameters: &[],
        filters: false,
        takes: &[],
        status: StatusCode::OK,
        gives: &["application/json"],
        handler: Handler::Now(pipeline::show),
    },
    Route {
        method: Method::GET,
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
        takes: &[],
        status: StatusCode::OK,
        gives: &["application/json", "application/x-ndjson", "text/csv; charset=utf-8"],
        handler: Handler::Now(results::rows),
    },
    Route {
        method: Method::GET,
        path: "/v1/stream",
        needs: Some(Access::Read),
        doc: "A WebSocket of messages: hello, snapshot, changes, gap (what a slow client has missed).",
        parameters: FOLLOW,
        filters: true,
        takes: &[],
        status: StatusCode::SWITCHING_PROTOCOLS,
        gives: &["application/json"],
        handler: Handler::Later(|face, ask| Box::pin(live::stream(face, ask))),
    },
    Route {
        method: Method::GET,
        path: "/v1/events",
        needs: Some(Access::Read),
        doc: "The messages of /v1/stream as server-sent events; the id of an event is a cursor, also as Last-Event-ID.",
        parameters: FOLLOW,
        filters: true,
        takes: &[],
        status: StatusCode::OK,
        gives: &["text/event-stream"],
        handler: Handler::Later(|face, ask| Box::pin(live::events(face, ask))),
    },
    Route {
        method: Method::POST,
        path: "/v1/ingest/{source}",
        needs: Some(Access::Ingest),
        doc: "Events for a source: lines of JSON, an array, or one object. The whole batch is taken, or nothing of it. 429 with \
              Retry-After: there is no room. 422: records are no events; they are listed.",
        parameters: INGEST,
        filters: false,
        takes: &["application/x-ndjson", "application/json"],
        status: StatusCode::ACCEPTED,
        gives: &["application/json"],
        handler: Handler::Later(|face, ask| Box::pin(ingest::post(face, ask))),
    },
    Route {
        method: Method::GET,
        path: "/v1/ingest/{source}",
        needs: Some(Access::Ingest),
        doc: "A WebSocket: each message is a batch of events, answered by {\"ack\": n, \"accepted\": ..} before the next is read.",
        parameters: &[ON_BAD],
        filters: false,
        takes: &[],
        status: StatusCode::SWITCHING_PROTOCOLS,
        gives: &["application/json"],
        handler: Handler::Later(|face, ask| Box::pin(ingest::socket(face, ask))),
    },
    Route {
        method: Method::GET,
        path: "/",
        needs: None,
        doc: "The page.",
        parameters: &[],
        filters: false,
        takes: &[],
        status: StatusCode::OK,
        gives: &["text/html; charset=utf-8"],
        handler: Handler::Now(page::index),
    },
    Route {
        method: Method::GET,
        path: "/page/{name}",
        needs: None,
        doc: "What the page is made of.",
        parameters: &[],
        filters: false,
        takes: &[],
        status: StatusCode::OK,
        gives: &["text/css; charset=utf-8", "text/javascript; charset=utf-8", "image/svg+xml"],
        handler: Handler::Now(page::file),
    },
];

/// The route of a path of the list that is read.
pub(super) fn route(path: &str) -> &'static Route {
    let found = ROUTES.iter().find(|route| route.path == path && route.method == Method::GET);
    found.expect("the path is written in the list")
}

/// The paths, each with its routes.
fn paths() -> Vec<(&'static str, Vec<&'static Route>)> {
    let mut paths: Vec<(&str, Vec<&Route>)> = Vec::new();
    for route in ROUTES {
        match paths.iter_mut().find(|(path, _)| *path == route.path) {
            Some((_, routes)) => routes.push(route),
            None => paths.push((route.path, vec![route])),
        }
    }
    paths
}

/// The router of a server.
pub(super) fn router(face: &Arc<Face>) -> Router {
    let mut router = Router::new();
    for (path, routes) in paths() {
        let (face, routes): (_, Arc<[&Route]>) = (Arc::clone(face), routes.into());
        router = router.route(
            path,
            any(move |request: Request| {
                let (face, routes) = (Arc::clone(&face), Arc::clone(&routes));
                async move {
                    let answered = answer(&face, &routes, request).await;
                    finish(&face, answered)
                }
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

/// The answer of the route of a path that is asked in the way of the request.
async fn answer(face: &Arc<Face>, routes: &[&'static Route], request: Request) -> Answer {
    let (head, body) = request.into_parts();
    let method = if head.method == Method::HEAD { &Method::GET } else { &head.method };
    let found = routes.iter().copied().find(|route| route.method == *method);
    let needs = found.or(routes.first().copied()).and_then(|route| route.needs);
    face.tokens.check(&head.headers, needs).map_err(Wrong::refused)?;
    let route = found.ok_or_else(|| not_so(routes))?;
    let question = Question::new(head.uri.query().unwrap_or_default());
    if !route.filters {
        question.only(&route.known())?;
    }
    let name = route
        .path
        .split_once('{')
        .map_or_else(String::new, |(before, _)| decode(head.uri.path().strip_prefix(before).unwrap_or_default()));
    let mut ask = Ask { head, name, question, body };
    match route.handler {
        Handler::Now(handler) => handler(face, &ask),
        Handler::Body(handler) => {
            let body = read(std::mem::take(&mut ask.body), LARGEST).await?;
            handler(face, &ask, &body)
        }
        Handler::Later(handler) => handler(Arc::clone(face), ask).await,
    }
}

/// A body of at most `most` bytes.
pub(super) async fn read(body: Body, most: usize) -> Result<Bytes, Wrong> {
    axum::body::to_bytes(body, most).await.map_err(|_| {
        let message = format!("the body is larger than {most} bytes, or has not come whole");
        let status = StatusCode::PAYLOAD_TOO_LARGE;
        Wrong::new(status, Refusal::Question, "api.body", message, "send less at a time")
    })
}

/// The refusal of a method that the path does not have.
fn not_so(routes: &[&'static Route]) -> Wrong {
    let mut methods: Vec<&str> = routes.iter().map(|route| route.method.as_str()).collect();
    if methods.contains(&"GET") {
        methods.push("HEAD");
    }
    let methods = methods.join(", ");
    let mut wrong = Wrong::refused(Refusal::Method);
    wrong.help = format!("use {methods}; /openapi.json has every path");
    wrong.headers.extend(HeaderValue::from_str(&methods).map(|methods| (header::ALLOW, methods)));
    wrong
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
                    "name": p.name, "in": p.place, "required": false, "description": p.doc, "schema": { "type": "string" }
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
        let kinds = |kinds: &[&str]| -> Map<String, Value> {
            kinds.iter().map(|kind| ((*kind).to_owned(), value!({}))).collect()
        };
        let wrong = value!({
            "description": "A question that is not answered as it was asked.",
            "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Error" } } }
        });
        let mut about = value!({
            "summary": route.doc,
            "parameters": parameters,
            "responses": { "default": wrong },
        });
        about["responses"][route.status.as_str()] =
            value!({ "description": "The answer.", "content": kinds(route.gives) });
        if !route.takes.is_empty() {
            about["requestBody"] = value!({ "required": true, "content": kinds(route.takes) });
        }
        if let Some(role) = route.needs {
            about["security"] = value!([{ "token": [] }]);
            about["x-role"] = value!(role.word());
        }
        let path = paths.entry(route.path).or_insert_with(|| value!({}));
        path[route.method.as_str().to_ascii_lowercase()] = about;
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
