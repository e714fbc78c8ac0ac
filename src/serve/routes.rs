//! The one list of what can be asked: the router is built from it, and so is the document that describes it.
//!
//! A route is a path and how it is asked: its method, the role it needs, its parameters, what its body may be, and the
//! forms of its answer; `/openapi.json` says the same to programs. Several routes may share a path.

use super::access::Refusal;
use super::answer::{Answer, Wrong, guard, json};
use super::face::Face;
use super::origins::{Caller, is_preflight, preflight};
use super::question::{Question, decode};
use super::{
    alerts, figures, graph, health, ingest, live, matches, openapi, page, pipeline, recommendations, rejects, results,
    silences,
};
use crate::config::Access;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::http::request::Parts;
use axum::http::{HeaderValue, Method, Response, StatusCode, header};
use axum::routing::any;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

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
    /// At once; on a thread that may wait for the disk where rows are kept there.
    Aside(fn(&Face, &Ask) -> Answer),
    /// At once, to a body of at most [`LARGEST`] bytes.
    Body(fn(&Face, &Ask, &Bytes) -> Answer),
    /// With a stream or another protocol, or to a body that it reads itself.
    Later(fn(Arc<Face>, Ask) -> Coming),
}

/// A parameter of a route.
pub(super) struct Parameter {
    pub(super) name: &'static str,
    /// Where it stands: in the query or, as a header, in the head.
    pub(super) place: &'static str,
    pub(super) form: Form,
    pub(super) doc: &'static str,
}

impl Parameter {
    /// The same, written in this way.
    const fn of(self, form: Form) -> Self {
        Self { form, ..self }
    }
}

/// How a parameter is written.
#[derive(Clone, Copy)]
pub(super) enum Form {
    /// As any text.
    Text,
    /// As one of these words.
    Word(&'static [&'static str]),
    /// As texts with commas between; where there are words, as some of these.
    List(&'static [&'static str]),
    /// As a whole number within bounds.
    Count(usize, usize),
    /// As a time.
    Moment,
}

/// Bytes of a body that a [`Handler::Body`] takes, at most.
const LARGEST: usize = 64 << 10;
/// How long such a body may take.
const PATIENCE: Duration = Duration::from_secs(30);

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
    Parameter { name, place: "query", form: Form::Text, doc }
}

const fn header_of(name: &'static str, doc: &'static str) -> Parameter {
    Parameter { name, place: "header", form: Form::Text, doc }
}

/// The route of results.
pub(super) const RESULTS: &str = "/v1/results/{name}";

const FOLLOW: &[Parameter] = &[
    parameter("name", "Windows, patterns and other parts with rows, with commas between. Not given: all.")
        .of(Form::List(&[])),
    parameter(
        "kind",
        "Only parts of these kinds, with commas between: rows (of windows, views and tables), matches, alerts; and engine: what is \
         counted of the run, each second. Not given: rows, matches and alerts.",
    )
    .of(Form::List(&["rows", "matches", "alerts", "engine"])),
    parameter("cursor", "Go on behind this cursor, of a message seen before; no snapshot then."),
    parameter("snapshot", "How many of the newest rows of each part come first, at most 10000; 0: none. Default 1000.")
        .of(Form::Count(0, 10_000)),
];

const ON_BAD: Parameter = parameter(
    "on_bad",
    "What becomes of a batch with records that are no events: reject (default) takes nothing of it, skip takes the others.",
)
.of(Form::Word(&["reject", "skip"]));

const INGEST: &[Parameter] = &[
    ON_BAD,
    header_of("Content-Encoding", "gzip or zstd where the body is compressed.")
        .of(Form::Word(&["gzip", "identity", "zstd"])),
    header_of(
        "Idempotency-Key",
        "A word of this batch, at most 256 bytes. Sent again within ten minutes it is answered as the first time, and not taken again.",
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
        handler: Handler::Now(|face, _| Ok(json(&openapi::document(face.tokens.needed())))),
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
            parameter("from", "Only windows that end behind this time: RFC 3339, or milliseconds since 1970.")
                .of(Form::Moment),
            parameter("until", "Only windows that begin before this time.").of(Form::Moment),
            parameter("order", "newest (default) or oldest: which windows come first.")
                .of(Form::Word(&["newest", "oldest"])),
            parameter("limit", "How many rows, 1 to 10000. Default 1000.").of(Form::Count(1, 10_000)),
            parameter(
                "cursor",
                "Go on behind this cursor, of the answer before; in the body, and in the header highwater-cursor. Where there is one there \
                 may be more rows, however few the answer has: of rows on disk only so many are looked at for one question.",
            ),
            parameter("format", "json (default), ndjson or csv; the header Accept does the same.")
                .of(Form::Word(&["json", "ndjson", "csv"])),
        ],
        filters: true,
        takes: &[],
        status: StatusCode::OK,
        gives: &["application/json", "application/x-ndjson", "text/csv; charset=utf-8"],
        handler: Handler::Aside(results::rows),
    },
    Route {
        method: Method::GET,
        path: "/v1/alerts",
        needs: Some(Access::Read),
        doc: "Every rule with how many of its groups fire, are pending or have no data, and the alerts that are not over.",
        parameters: &[
            parameter(
                "state",
                "Only alerts that are this: firing, no_data, pending or resolved, with commas between. Not given: those not over.",
            )
            .of(Form::List(&["firing", "no_data", "pending", "resolved"])),
            parameter("rule", "Only alerts of these rules, with commas between.").of(Form::List(&[])),
            parameter("severity", "Only alerts of these severities, with commas between.").of(Form::List(&[])),
            parameter("limit", "How many alerts, 1 to 10000. Default 500.").of(Form::Count(1, 10_000)),
        ],
        filters: false,
        takes: &[],
        status: StatusCode::OK,
        gives: &["application/json"],
        handler: Handler::Now(alerts::list),
    },
    Route {
        method: Method::GET,
        path: "/v1/alerts/{id}",
        needs: Some(Access::Read),
        doc: "An alert, its life so far, and the rows behind it that are still kept.",
        parameters: &[],
        filters: false,
        takes: &[],
        status: StatusCode::OK,
        gives: &["application/json"],
        handler: Handler::Aside(alerts::one),
    },
    Route {
        method: Method::GET,
        path: "/v1/matches",
        needs: Some(Access::Read),
        doc: "The newest matches of patterns, with what their rows have of their events, and how many there were.",
        parameters: &[
            parameter("pattern", "Only matches of these patterns, with commas between.").of(Form::List(&[])),
            parameter("key", "Only matches of this key."),
            parameter(
                "timed_out",
                "all (default); true: only partial matches that ran out of time; false: only whole ones.",
            )
            .of(Form::Word(&["all", "true", "false"])),
            parameter("from", "Only matches that end behind this time: RFC 3339, or milliseconds since 1970.")
                .of(Form::Moment),
            parameter("until", "Only matches that begin before this time.").of(Form::Moment),
            parameter("limit", "How many matches, 1 to 1000. Default 100.").of(Form::Count(1, 1000)),
        ],
        filters: false,
        takes: &[],
        status: StatusCode::OK,
        gives: &["application/json"],
        handler: Handler::Aside(matches::list),
    },
    Route {
        method: Method::GET,
        path: "/v1/recommendations",
        needs: Some(Access::Read),
        doc: "The recommendations of the pipeline, and lists of them as they are now, those that changed last first: what is seen with \
              an item, or what a user may like.",
        parameters: &[
            parameter("name", "Only these recommendations, with commas between.").of(Form::List(&[])),
            parameter("item", "Only the lists of this item."),
            parameter("user", "Only the lists of this user; with item too, both."),
            parameter("limit", "How many lists, 1 to 1000. Default 50.").of(Form::Count(1, 1000)),
        ],
        filters: false,
        takes: &[],
        status: StatusCode::OK,
        gives: &["application/json"],
        handler: Handler::Now(recommendations::list),
    },
    Route {
        method: Method::GET,
        path: "/v1/silences",
        needs: Some(Access::Read),
        doc: "All silences: those of the pipeline, of its file, and those that were made here.",
        parameters: &[],
        filters: false,
        takes: &[],
        status: StatusCode::OK,
        gives: &["application/json"],
        handler: Handler::Now(silences::list),
    },
    Route {
        method: Method::POST,
        path: "/v1/silences",
        needs: Some(Access::Operate),
        doc: "Makes a silence, which holds at once. It is kept in memory: it ends with the run.",
        parameters: &[],
        filters: false,
        takes: &["application/json"],
        status: StatusCode::CREATED,
        gives: &["application/json"],
        handler: Handler::Body(silences::create),
    },
    Route {
        method: Method::DELETE,
        path: "/v1/silences/{id}",
        needs: Some(Access::Operate),
        doc: "Ends a silence that was made here.",
        parameters: &[],
        filters: false,
        takes: &[],
        status: StatusCode::NO_CONTENT,
        gives: &[],
        handler: Handler::Now(silences::expire),
    },
    Route {
        method: Method::GET,
        path: "/v1/rejects",
        needs: Some(Access::Read),
        doc: "The newest lines that were no events, and how many there were by reason.",
        parameters: &[
            parameter("source", "Only lines of these sources, with commas between.").of(Form::List(&[])),
            parameter("reason", "Only lines with these reasons, with commas between.").of(Form::List(&[])),
            parameter("limit", "How many lines, 1 to 1000. Default 100.").of(Form::Count(1, 1000)),
        ],
        filters: false,
        takes: &[],
        status: StatusCode::OK,
        gives: &["application/json"],
        handler: Handler::Now(rejects::list),
    },
    Route {
        method: Method::GET,
        path: "/v1/graph",
        needs: Some(Access::Read),
        doc: "The parts of the pipeline and what reads what, with their counts, rates, state and queue sizes, and event time.",
        parameters: &[],
        filters: false,
        takes: &[],
        status: StatusCode::OK,
        gives: &["application/json"],
        handler: Handler::Now(graph::show),
    },
    Route {
        method: Method::GET,
        path: "/v1/stream",
        needs: Some(Access::Read),
        doc: "A WebSocket of messages: hello, snapshot, changes, gap (what a slow client has missed), engine.",
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
        gives: &["text/html; charset=utf-8", "text/css; charset=utf-8", "text/javascript; charset=utf-8", "image/svg+xml"],
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
                    let caller = Caller::of(request.headers());
                    let answered = answer(&face, &routes, request).await;
                    finish(&face, answered, &caller)
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
            finish(&face, Err(wrong), &Caller::of(request.headers()))
        }
    })
}

/// The answer of the route of a path that is asked in the way of the request.
async fn answer(face: &Arc<Face>, routes: &[&'static Route], request: Request) -> Answer {
    let (head, body) = request.into_parts();
    if is_preflight(&head.method, &head.headers) {
        // A browser asks this without a token, which it sends where it may.
        face.tokens.check(&head.headers, None).map_err(Wrong::refused)?;
        return Ok(preflight(&methods(routes)));
    }
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
        Handler::Aside(handler) => match &face.history {
            None => handler(face, &ask),
            Some(history) => {
                let turn = Arc::clone(&history.turns).acquire_owned().await;
                let theirs = Arc::clone(face);
                let asked = tokio::task::spawn_blocking(move || {
                    let _turn = turn;
                    handler(&theirs, &ask)
                });
                match asked.await {
                    Ok(answer) => answer,
                    Err(e) if e.is_panic() => std::panic::resume_unwind(e.into_panic()),
                    Err(_) => Err(stops()),
                }
            }
        },
        Handler::Body(handler) => {
            let body = timeout(PATIENCE, read(std::mem::take(&mut ask.body), LARGEST));
            let body = body.await.map_err(|_| too_slow())??;
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

/// The refusal of a body that does not come.
fn too_slow() -> Wrong {
    let message = format!("the body did not come within {} s", PATIENCE.as_secs());
    Wrong::new(StatusCode::REQUEST_TIMEOUT, Refusal::Question, "api.body", message, "send it at once")
}

/// The refusal of a server that stops.
fn stops() -> Wrong {
    let status = StatusCode::SERVICE_UNAVAILABLE;
    Wrong::new(status, Refusal::Busy, "api.busy", "the server stops", "ask the next run")
}

/// How a path is asked.
fn methods(routes: &[&'static Route]) -> String {
    let mut methods: Vec<&str> = routes.iter().map(|route| route.method.as_str()).collect();
    if methods.contains(&"GET") {
        methods.push("HEAD");
    }
    methods.join(", ")
}

/// The refusal of a method that the path does not have.
fn not_so(routes: &[&'static Route]) -> Wrong {
    let methods = methods(routes);
    let mut wrong = Wrong::refused(Refusal::Method);
    wrong.help = format!("use {methods}; /openapi.json has every path");
    wrong.headers.extend(HeaderValue::from_str(&methods).map(|methods| (header::ALLOW, methods)));
    wrong
}

/// Counts an answer and adds what every response has.
fn finish(face: &Face, answered: Answer, caller: &Caller) -> Response<Body> {
    face.counts.requests.add(1);
    let mut response = guard(answered.unwrap_or_else(|wrong| {
        face.counts.refused.add(wrong.refusal as usize, 1);
        wrong.response()
    }));
    face.tokens.origins.tell(&mut response, caller);
    response
}
