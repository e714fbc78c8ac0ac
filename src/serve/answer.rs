//! Answers, turned into responses with the headers that every response has; errors as JSON.
//!
//! Every response says what it is, that a browser must not guess, where scripts may come from (this server only, none inside
//! a page), and that nobody may frame it. An error is `{"error": {"code", "message", "help"}}`.

use super::access::Refusal;
use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, Response, StatusCode, header};
use serde::Serialize;
use serde_json::{Map, Value};

/// What a handler gives.
pub(super) type Answer = Result<Response<Body>, Wrong>;

/// A question that is not answered as it was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wrong {
    pub(super) status: StatusCode,
    pub(super) refusal: Refusal,
    pub(super) code: &'static str,
    pub(super) message: String,
    pub(super) help: String,
    /// What the response has besides.
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    /// What the body says besides the error.
    pub(super) more: Map<String, Value>,
}

/// The policy of pages: everything from here, nothing inline, nobody frames them.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const HEADERS: [(HeaderName, &str); 6] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (header::REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (header::CACHE_CONTROL, "no-store"),
];

impl Wrong {
    pub(super) fn new(
        status: StatusCode,
        refusal: Refusal,
        code: &'static str,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Self {
        let (message, help) = (message.into(), help.into());
        Self { status, refusal, code, message, help, headers: Vec::new(), more: Map::new() }
    }

    /// A question that makes no sense.
    pub(super) fn question(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, Refusal::Question, "api.question", message, help)
    }

    /// What a refusal says.
    pub(super) fn refused(refusal: Refusal) -> Self {
        let (status, code, message, help) = match refusal {
            Refusal::Token => (
                StatusCode::UNAUTHORIZED,
                "api.token",
                "this needs a token that the server knows",
                "send the header Authorization: Bearer TOKEN",
            ),
            Refusal::Role => (
                StatusCode::FORBIDDEN,
                "api.role",
                "the role of this token may not do this",
                "use a token of the role that the description of the interface names",
            ),
            Refusal::Host => (
                StatusCode::MISDIRECTED_REQUEST,
                "api.host",
                "the server was called by a name that is not its own",
                "use its address, such as 127.0.0.1, or configure tokens",
            ),
            Refusal::Origin => (
                StatusCode::FORBIDDEN,
                "api.origin",
                "a page of another site asks",
                "open the page of this server, list the site in allow_origins of [serve], or ask without a browser",
            ),
            Refusal::Method => (
                StatusCode::METHOD_NOT_ALLOWED,
                "api.method",
                "this path is not asked in this way",
                "/openapi.json has every path",
            ),
            Refusal::Path | Refusal::Question | Refusal::Body | Refusal::Full | Refusal::Closed => {
                (StatusCode::NOT_FOUND, "api.path", "there is nothing at this path", "/openapi.json has every path")
            }
            Refusal::Handshake => (
                StatusCode::BAD_REQUEST,
                "api.tls",
                "this port speaks TLS, and the request came without",
                "ask https:// at the same address",
            ),
            Refusal::Busy => (
                StatusCode::SERVICE_UNAVAILABLE,
                "api.busy",
                "there are as many connections as the server takes",
                "close some, or raise max_connections of [serve]",
            ),
        };
        Self::new(status, refusal, code, message, help)
    }

    /// The error as JSON.
    pub(super) fn error(&self) -> Value {
        serde_json::json!({ "code": self.code, "message": self.message, "help": self.help })
    }

    /// The response.
    pub(super) fn response(&self) -> Response<Body> {
        let mut body = serde_json::json!({ "error": self.error() });
        self.more.iter().for_each(|(name, value)| body[name] = value.clone());
        let mut response = json(&body);
        *response.status_mut() = self.status;
        if self.status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response.headers_mut().extend(self.headers.iter().cloned());
        response
    }
}

/// A response with a body of a type.
pub(super) fn text(kind: &'static str, body: impl Into<Body>) -> Response<Body> {
    let mut response = Response::new(body.into());
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

/// A response of JSON.
pub(super) fn json(value: &impl Serialize) -> Response<Body> {
    text("application/json", serde_json::to_vec(value).expect("what is shown has texts as its names"))
}

/// Adds the headers that every response has.
pub(super) fn guard(mut response: Response<Body>) -> Response<Body> {
    for (name, value) in HEADERS {
        response.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}
