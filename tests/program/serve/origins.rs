//! Pages of other sites: those that are listed may ask, and no others.

use super::client::Served;
use super::{JOB, TOKENS, event};
use crate::harness::Scratch;
use tungstenite::client::IntoClientRequest;
use tungstenite::http::HeaderValue;

const DASH: &str = "https://dash.example";
const READ: &str = "Authorization: Bearer operate-0123456789abcdef\r\n";

fn start(scratch: &Scratch, tokens: &str) -> Served {
    let origins = "[serve]\nallow_origins = [\"https://Dash.example:443\", \"http://localhost:3000\"]\n";
    scratch.write("p.toml", &format!("{JOB}{origins}{tokens}"));
    let served = Served::start(scratch, &["--set", "serve.tokens.read=read-0123456789abcdef"]);
    served.child.feed(event(1, "a", 1));
    served
}

#[test]
fn pages_of_listed_sites_may_ask_and_read_the_answers() {
    let scratch = Scratch::new();
    let served = start(&scratch, &TOKENS.replace("read = \"${READ}\"\n", ""));
    for origin in [DASH, "http://localhost:3000"] {
        let answer = served.ask("/v1/pipeline", &format!("Origin: {origin}\r\n{READ}"));
        assert_eq!((answer.status, answer.header("access-control-allow-origin")), (200, origin));
        assert!(answer.header("access-control-expose-headers").contains("highwater-cursor"));
        assert_eq!((answer.header("vary"), answer.header("access-control-allow-credentials")), ("Origin", ""));
        // What is refused can be read too.
        for (headers, status) in [("", 401), (READ, 404)] {
            let path = if status == 404 { "/v1/results/none" } else { "/v1/pipeline" };
            let refused = served.ask(path, &format!("Origin: {origin}\r\n{headers}"));
            assert_eq!((refused.status, refused.header("access-control-allow-origin")), (status, origin));
        }
    }
    for origin in ["https://evil.example", "http://dash.example", "https://dash.example:8443", "null", "*"] {
        let refused = served.ask("/v1/pipeline", &format!("Origin: {origin}\r\n{READ}"));
        assert_eq!((refused.status, refused.header("access-control-allow-origin")), (403, ""), "{origin}");
        assert_eq!(refused.header("vary"), "Origin");
        assert!(refused.body.contains("allow_origins"), "{}", refused.body);
    }
    let own = served.ask("/v1/pipeline", &format!("Origin: http://{}\r\n{READ}", served.address));
    assert_eq!((own.status, own.header("access-control-allow-origin"), own.header("vary")), (200, "", "Origin"));
}

#[test]
fn a_browser_that_asks_first_is_told_how_each_path_is_asked_without_a_token() {
    let scratch = Scratch::new();
    let served = start(&scratch, &TOKENS.replace("read = \"${READ}\"\n", ""));
    let preflight = |path: &str, origin: &str| {
        let asks = "Access-Control-Request-Method: POST\r\nAccess-Control-Request-Headers: authorization\r\n";
        served.send("OPTIONS", path, &format!("Origin: {origin}\r\n{asks}"), b"")
    };
    for (path, of) in served.get("/openapi.json").json()["paths"].as_object().unwrap() {
        let answer = preflight(path, DASH);
        assert_eq!((answer.status, answer.body.as_str()), (204, ""), "{path}");
        assert_eq!(answer.header("access-control-allow-origin"), DASH);
        let methods: Vec<&str> = answer.header("access-control-allow-methods").split(", ").collect();
        assert!(
            of.as_object().unwrap().keys().all(|m| methods.contains(&&*m.to_ascii_uppercase())),
            "{path} {methods:?}"
        );
        for name in ["authorization", "content-type", "content-encoding", "idempotency-key", "last-event-id"] {
            assert!(answer.header("access-control-allow-headers").contains(name), "{name}");
        }
        let refused = preflight(path, "https://evil.example");
        assert_eq!((refused.status, refused.header("access-control-allow-origin")), (403, ""), "{path}");
        assert_eq!(refused.header("access-control-allow-methods"), "");
    }
    // Without the headers of a browser it is a method as others are.
    assert_eq!(served.send("OPTIONS", "/v1/pipeline", READ, b"").status, 405);
    assert_eq!(preflight("/v1/nothing", DASH).status, 404);
}

#[test]
fn websockets_are_opened_by_pages_of_listed_sites_only() {
    let scratch = Scratch::new();
    let served = start(&scratch, "");
    let open = |origin: &str| {
        let mut request = format!("ws://{}/v1/stream?name=pages", served.address).into_client_request().unwrap();
        request.headers_mut().insert("Origin", HeaderValue::from_str(origin).unwrap());
        request.headers_mut().insert("Authorization", HeaderValue::from_static("Bearer read-0123456789abcdef"));
        tungstenite::client(request, served.connect()).ok().map(|(mut socket, _)| socket.read().unwrap())
    };
    for origin in [DASH, &format!("http://{}", served.address)] {
        assert!(open(origin).unwrap().to_text().unwrap().contains("hello"), "{origin}");
    }
    assert!(open("https://evil.example").is_none());
}

#[test]
fn what_is_no_origin_is_said_before_the_run() {
    let scratch = Scratch::new();
    scratch.write("p.toml", JOB);
    for (text, says) in
        [("*", "name each site"), ("https://dash.example/x", "write https://dash.example"), ("dash", "scheme://host")]
    {
        let set = format!("serve.allow_origins=[\"{text}\"]");
        scratch.run(["check", "p.toml", "--set", &set]).expect(2, &["error[listen.origin]", says]);
    }
}
