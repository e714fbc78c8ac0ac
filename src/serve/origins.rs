//! Where the pages come from that ask: which of them may, and what browsers are told of that.
//!
//! Invariants: (1) a page of the server's own may ask, under the scheme that the server speaks; (2) of others only those that are
//! listed, each by its name: `*` is never said; (3) no cookie is involved: who may do what is said by tokens alone.

use super::routes::ROUTES;
use axum::body::Body;
use axum::http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, HOST, ORIGIN,
    STRICT_TRANSPORT_SECURITY, VARY,
};
use axum::http::{HeaderMap, HeaderValue, Method, Response, StatusCode};
use std::collections::BTreeSet;

/// Headers of answers that pages of other sites may read besides the usual.
const SHOWN: &str = "allow, highwater-cursor, highwater-repeated, location, retry-after";
/// For how long a browser need not ask again, seconds.
const MAX_AGE: HeaderValue = HeaderValue::from_static("600");
/// For how long browsers ask this host by TLS only: a year.
const STRICT: HeaderValue = HeaderValue::from_static("max-age=31536000");

/// Where pages may come from.
#[derive(Default)]
pub(super) struct Origins {
    /// The server speaks TLS.
    pub(super) secure: bool,
    /// Other sites, as browsers write them.
    pub(super) listed: Vec<String>,
}

impl Origins {
    /// True where a page of `origin` may ask the server, which it calls `host`; both in small letters.
    pub(super) fn allow(&self, origin: &str, host: Option<&str>) -> bool {
        let own = origin.split_once("://").is_some_and(|(scheme, site)| {
            // Before a server without TLS there may be something that has it.
            Some(site) == host && (scheme == "https" || (scheme == "http" && !self.secure))
        });
        own || self.find(origin).is_some()
    }

    fn find(&self, origin: &str) -> Option<&str> {
        self.listed.iter().find(|one| *one == origin).map(String::as_str)
    }

    /// Adds to a response what browsers are told.
    pub(super) fn tell(&self, response: &mut Response<Body>, caller: &Caller) {
        let headers = response.headers_mut();
        if self.secure && !caller.is_local {
            headers.insert(STRICT_TRANSPORT_SECURITY, STRICT);
        }
        if self.listed.is_empty() {
            return;
        }
        headers.append(VARY, HeaderValue::from_static("Origin"));
        let origin = caller.origin.as_ref().and_then(|origin| origin.to_str().ok());
        let origin = origin.and_then(|origin| self.find(origin)).and_then(|origin| HeaderValue::from_str(origin).ok());
        if let Some(origin) = origin {
            headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(SHOWN));
        }
    }
}

/// Who asks, as far as a browser says so.
pub(super) struct Caller {
    origin: Option<HeaderValue>,
    /// The server is called localhost. What a browser is told of that name holds for all servers of the machine.
    is_local: bool,
}

impl Caller {
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let host = headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default().to_ascii_lowercase();
        let name = host.split(':').next().unwrap_or_default();
        let is_local = name == "localhost" || name.ends_with(".localhost");
        Self { origin: headers.get(ORIGIN).cloned(), is_local }
    }
}

/// True for the question of a browser whether a page may ask at all.
pub(super) fn is_preflight(method: &Method, headers: &HeaderMap) -> bool {
    method == Method::OPTIONS && headers.contains_key(ORIGIN) && headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD)
}

/// The answer to it, where the page may: how the path is asked, and with which headers.
pub(super) fn preflight(methods: &str) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    // Those of the list of routes, and what every request may have.
    let own = ROUTES.iter().flat_map(|route| route.parameters).filter(|p| p.place == "header");
    let own = own.map(|p| p.name.to_ascii_lowercase());
    let names: BTreeSet<String> =
        ["authorization", "content-type", "last-event-id"].map(str::to_owned).into_iter().chain(own).collect();
    let names = names.into_iter().collect::<Vec<_>>().join(", ");
    let headers = response.headers_mut();
    for (name, value) in [(ACCESS_CONTROL_ALLOW_METHODS, methods), (ACCESS_CONTROL_ALLOW_HEADERS, &names)] {
        headers.extend(HeaderValue::from_str(value).map(|value| (name, value)));
    }
    headers.insert(ACCESS_CONTROL_MAX_AGE, MAX_AGE);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_pages_and_listed_ones_may_ask_and_no_others() {
        let listed = vec!["https://dash.example".to_owned()];
        for (secure, origin, may) in [
            (false, "http://h:1", true),
            (false, "https://h:1", true),
            (true, "https://h:1", true),
            (true, "http://h:1", false),
            (true, "ftp://h:1", false),
            (false, "http://h:2", false),
            (false, "http://h", false),
            (false, "https://dash.example", true),
            (false, "http://dash.example", false),
            (false, "https://dash.example:8443", false),
            (false, "https://dash.example.evil.example", false),
            (false, "null", false),
            (false, "", false),
        ] {
            let origins = Origins { secure, listed: listed.clone() };
            assert_eq!(origins.allow(origin, Some("h:1")), may, "{origin} {secure}");
            assert_eq!(origins.allow(origin, None), origin == "https://dash.example", "{origin}");
        }
    }

    #[test]
    fn only_a_listed_origin_is_named_and_every_answer_says_that_it_depends_on_it() {
        let told = |listed: &[&str], origin: &str| {
            let origins = Origins { secure: false, listed: listed.iter().map(|&o| o.to_owned()).collect() };
            let mut response = Response::new(Body::empty());
            let caller = [(ORIGIN, HeaderValue::from_str(origin).unwrap())].into_iter().collect();
            origins.tell(&mut response, &Caller::of(&caller));
            let of = |name| response.headers().get(name).map(|v: &HeaderValue| v.to_str().unwrap().to_owned());
            (of(ACCESS_CONTROL_ALLOW_ORIGIN), of(VARY))
        };
        let dash = "https://dash.example";
        assert_eq!(told(&[dash], dash), (Some(dash.into()), Some("Origin".into())));
        assert_eq!(told(&[dash], "https://evil.example"), (None, Some("Origin".into())));
        assert_eq!(told(&[], dash), (None, None));
    }

    #[test]
    fn a_host_is_bound_to_tls_only_by_a_server_that_speaks_it_and_localhost_never() {
        for (secure, host, is_bound) in [
            (true, "stats.example:8443", true),
            (true, "stats.example", true),
            (true, "localhost:8443", false),
            (true, "a.LOCALHOST", false),
            (false, "stats.example", false),
        ] {
            let mut response = Response::new(Body::empty());
            let caller = [(HOST, HeaderValue::from_static(host))].into_iter().collect();
            Origins { secure, listed: Vec::new() }.tell(&mut response, &Caller::of(&caller));
            assert_eq!(response.headers().contains_key(STRICT_TRANSPORT_SECURITY), is_bound, "{secure} {host}");
        }
    }
}
