//! Every operation of the description, asked in ways that nobody means.
//!
//! What it can catch: an answer that the description does not have (its status, its media type, what its JSON is), a fault of the
//! server, and one that ends it. It cannot tell whether an answer is the right one.

use super::client::{Answer, Served};
use super::shape::differs;
use super::story::{JOB, calm, errors, funnel};
use crate::harness::Scratch;
use serde_json::Value;
use std::fmt::Write as _;
use std::io::{Read, Write};

/// How often each operation is asked.
const TIMES: u64 = 100;

/// Random numbers that are the same each time.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % sides as u64) as usize
    }

    fn one<'a, T: ?Sized>(&mut self, of: &[&'a T]) -> &'a T {
        of[self.roll(of.len())]
    }

    /// Text that a request line can have.
    fn word(&mut self) -> String {
        let plain = [
            "",
            "0",
            "1",
            "-1",
            "10000",
            "10001",
            "99999999999999999999999999",
            "1e9",
            "0x10",
            "NaN",
            "null",
            "true",
            "%",
            "%%",
            "%zz",
            "%2",
            "%00",
            "%0d%0aX:%20y",
            "%c3%28",
            "%f0%9f%98%80",
            "%e2%80%ae",
            "a,b,,c",
            ",",
            "+",
            "..%2f..",
            "{name}",
            "'%20OR%201=1--",
            "%22",
            "%5c",
            "group.",
            "2026-01-05T12:00:00Z",
            "2026-13-45T99:99:99Z",
            "-9223372036854775808",
            "9223372036854775807",
            "9223372036854775",
            "%3Cscript%3E",
            "health",
            "funnel",
            "high_errors",
            "firing",
            "api",
            "events",
            "sent",
            "newest",
            "csv",
            "all",
        ];
        match self.roll(12) {
            0 => "x".repeat(1 + self.roll(8_000)),
            1 => "%f0%9f%98%80".repeat(1 + self.roll(300)),
            2 => ",".repeat(self.roll(2_000)),
            3 => (0..self.roll(20)).map(|_| format!("%{:02x}", self.roll(256))).collect(),
            _ => self.one(&plain).to_owned(),
        }
    }

    /// The text of a header.
    fn header(&mut self) -> String {
        let plain =
            ["", " ", "gzip", "zstd", "br", "gzip, gzip", "identity", "key-1", "key 1", "*/*", "text/csv", "null"];
        match self.roll(6) {
            0 => "k".repeat(self.roll(600)),
            1 => "\u{e4}\u{1f600}".to_owned(),
            _ => self.one(&plain).to_owned(),
        }
    }

    fn body(&mut self) -> Vec<u8> {
        let texts = [
            "",
            "[",
            "{}",
            "[]",
            "null",
            "0",
            "\"",
            "{\"a\":",
            "[{}]",
            "[1,2]",
            "\n\n\n",
            "\0",
            "{\"timestamp\": 1e400}",
            "{\"timestamp\": \"soon\"}\n{\"timestamp\": 1767614400}",
            "[{\"timestamp\": 1767614400}, 5]",
            "{\"match\": \"service = 'api'\", \"duration\": \"1h\"}",
            "{\"match\": \"(((\", \"duration\": \"1h\"}",
            "{\"match\": \"TRUE\", \"duration\": \"99999999999999y\"}",
            "{\"match\": \"TRUE\", \"until\": \"9999-12-31T23:59:59Z\"}",
            "{\"match\": \"TRUE\", \"from\": \"0001-01-01T00:00:00Z\", \"duration\": \"1h\"}",
            "{\"labels\": {\"\": \"\"}, \"duration\": \"1s\"}",
            "{\"labels\": {\"a'\\\"\\u0000\": \"'\"}, \"duration\": \"1s\"}",
            "{\"match\": null, \"labels\": null}",
        ];
        match self.roll(8) {
            0 => (0..self.roll(300)).map(|_| self.roll(256) as u8).collect(),
            1 => "[".repeat(self.roll(20_000)).into_bytes(),
            2 => format!("{{\"match\": \"{}\", \"duration\": \"1h\"}}", "NOT ".repeat(self.roll(9_000))).into_bytes(),
            3 => format!("{{\"timestamp\": 1, \"x\": \"{}\"}}", "y".repeat(self.roll(100_000))).into_bytes(),
            _ => self.one(&texts).as_bytes().to_vec(),
        }
    }
}

/// A served run with something of everything.
fn start(scratch: &Scratch) -> Served {
    let more = "[sources.sent]\ntype = \"http\"\nmax_body = \"64KiB\"\n[windows.counts]\nfrom = \"sent\"\nsize = \"10s\"\n\
                select = { n = \"count(*)\" }\n";
    scratch.write("p.toml", &format!("{JOB}{more}"));
    let served = Served::start(scratch, &["--set", "sources.sent.idle_after=1ms"]);
    served.child.feed(errors(0, "api", 7));
    served.child.feed(funnel(1, "ann"));
    served.child.feed("no event\n");
    served.child.feed(calm(15, "db"));
    served.until("/v1/results/health", |answer| answer.body.contains("\"api\""));
    served
}

/// Asks, and reads the whole answer, or of one that goes on its head.
fn ask(served: &Served, method: &str, path: &str, headers: &str, body: &[u8]) -> Answer {
    let mut stream = served.connect();
    let length = if body.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
    let head = format!(
        "{} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n{length}{headers}\r\n",
        method.to_ascii_uppercase(),
        served.address,
    );
    // The server may answer before it has read all.
    let _ = stream.write_all(&[head.as_bytes(), body].concat());
    let (mut bytes, mut piece) = (Vec::new(), [0; 8192]);
    let split = |bytes: &[u8]| memchr::memmem::find(bytes, b"\r\n\r\n");
    loop {
        let n = stream.read(&mut piece).unwrap();
        bytes.extend_from_slice(&piece[..n]);
        let goes_on =
            split(&bytes).is_some_and(|at| memchr::memmem::find(&bytes[..at], b"text/event-stream").is_some());
        if n == 0 || goes_on {
            break;
        }
    }
    let at = split(&bytes).unwrap_or_else(|| panic!("{method} {path} {headers:?} has no answer"));
    let head = String::from_utf8(bytes[..at].to_vec()).unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Answer { status, head, body: String::from_utf8(bytes[at + 4..].to_vec()).unwrap() }
}

/// Every operation: its path, its method, what is said of it.
fn operations(all: &Value) -> Vec<(&String, &String, &Value)> {
    let paths = all["paths"].as_object().unwrap().iter();
    paths
        .flat_map(|(path, of)| of.as_object().unwrap().iter().map(move |(method, about)| (path, method, about)))
        .collect()
}

/// A path whose open part is a text.
fn filled(path: &str, text: &str) -> String {
    match path.split_once('{') {
        Some((before, _)) => format!("{before}{text}"),
        None => path.to_owned(),
    }
}

#[test]
fn whatever_is_asked_the_answer_is_one_that_the_description_has() {
    let scratch = Scratch::new();
    let served = start(&scratch);
    let all = served.get("/openapi.json").json();
    let list = operations(&all);
    assert!(list.len() > 15);
    let (mut right, mut wrong, mut faults) = (0, 0, Vec::new());
    for (path, method, about) in list {
        let parameters: Vec<&Value> = about["parameters"].as_array().unwrap().iter().collect();
        let of = |place: &str| -> Vec<&str> {
            let found = parameters.iter().filter(|p| p["in"] == place);
            found.map(|p| p["name"].as_str().unwrap()).collect()
        };
        let (mut names, headers) = (of("query"), of("header"));
        names.extend(["service", "group.service", "nothing", "%zz", ""]);
        for seed in 0..TIMES {
            let mut dice = Dice(seed ^ (path.len() as u64) << 32);
            let open = match dice.roll(3) {
                0 => dice.word().replace("..%2f..", "x"),
                _ => dice.one(&["health", "funnel", "sent", "events", "index.html", "none"]).to_owned(),
            };
            let mut asked = filled(path, if open.is_empty() { "x" } else { &open });
            for i in 0..dice.roll(4) {
                let _ = write!(asked, "{}{}={}", if i == 0 { "?" } else { "&" }, dice.one(&names), dice.word());
            }
            let mut head = String::new();
            for name in &headers {
                if dice.roll(3) == 0 {
                    let _ = write!(head, "{name}: {}\r\n", dice.header());
                }
            }
            if dice.roll(4) == 0 {
                let _ = write!(head, "Accept: {}\r\n", dice.header());
            }
            let body = if about.get("requestBody").is_some() { dice.body() } else { Vec::new() };
            let sent = if method == "get" && dice.roll(8) == 0 { "head" } else { method };
            let answer = ask(&served, sent, &asked, &head, &body);
            let told = || {
                let cut = |text: &[u8]| String::from_utf8_lossy(&text[..text.len().min(300)]).into_owned();
                let (body, said) = (cut(&body), cut(answer.body.as_bytes()));
                format!("seed {seed}: {sent} {asked}\n{head}{body}\n{} {said}", answer.status)
            };
            let found = match sent {
                "head" => {
                    let known = all["paths"][path]["get"]["responses"].get(answer.status.to_string()).is_some();
                    (!known || !answer.body.is_empty()).then(|| "HEAD is not as GET".to_owned())
                }
                _ => differs(&all, method, path, &answer),
            };
            let failed = (answer.status >= 500 && path != "/readyz").then(|| "a fault of the server".to_owned());
            // Of each kind one.
            if let Some(found) = found.or(failed)
                && !faults
                    .iter()
                    .any(|(path_of, method_of, kind, _)| (*path_of, *method_of, kind) == (path, method, &found))
            {
                faults.push((path, method, found, told()));
            }
            *(if answer.status < 300 { &mut right } else { &mut wrong }) += 1;
        }
    }
    assert!(faults.is_empty(), "{} faults\n{:#?}", faults.len(), &faults[..faults.len().min(5)]);
    // Both kinds of answers were looked at.
    assert!(right > 50 && wrong > 50, "{right} {wrong}");
    assert_eq!(served.get("/healthz").status, 200);
    assert_eq!(served.until("/readyz", |answer| answer.status == 200).json()["state"], "running");
}

#[test]
fn each_parameter_takes_what_the_description_says_and_nothing_beyond() {
    let scratch = Scratch::new();
    let served = start(&scratch);
    let all = served.get("/openapi.json").json();
    let mut looked = 0;
    for (path, method, about) in operations(&all) {
        if method != "get" {
            continue;
        }
        for parameter in about["parameters"].as_array().unwrap().iter().filter(|p| p["in"] == "query") {
            let (name, schema) = (parameter["name"].as_str().unwrap(), &parameter["schema"]);
            let words = |of: &Value| -> Vec<String> {
                of.as_array().into_iter().flatten().map(|word| word.as_str().unwrap().to_owned()).collect()
            };
            let (good, bad): (Vec<String>, Vec<String>) = if schema["type"] == "integer" {
                let (least, most) = (schema["minimum"].as_i64().unwrap(), schema["maximum"].as_i64().unwrap());
                ([least, most].map(|n| n.to_string()).into(), [least - 1, most + 1].map(|n| n.to_string()).into())
            } else if schema["enum"].is_array() {
                (words(&schema["enum"]), vec!["".into(), "none".into()])
            } else if schema["items"]["enum"].is_array() {
                let all = words(&schema["items"]["enum"]);
                ([all.clone(), vec![all.join(",")]].concat(), vec!["none".into(), format!("{},none", all[0])])
            } else if schema["anyOf"].is_array() {
                (
                    vec!["2026-01-05T12:00:00Z".into(), "1767614400000".into(), "-1".into()],
                    vec!["".into(), "soon".into()],
                )
            } else {
                continue;
            };
            // What a WebSocket would be is asked without becoming one.
            let fine = if about["responses"].get("101").is_some() { 426 } else { 200 };
            let asked = |value: &str| {
                let part = if path.contains("ingest") { "sent" } else { "health" };
                let asked = format!("{}?{name}={value}", filled(path, part));
                (ask(&served, "get", &asked, "", b"").status, asked)
            };
            for value in good {
                let (status, asked) = asked(&value);
                assert_eq!(status, fine, "{asked}");
            }
            for value in bad {
                let (status, asked) = asked(&value);
                assert_eq!(status, 400, "{asked}");
            }
            looked += 1;
        }
    }
    assert!(looked > 12, "{looked}");
}

#[test]
fn what_is_no_request_ends_its_connection_and_nothing_else() {
    let scratch = Scratch::new();
    let served = start(&scratch);
    for text in [
        "\r\n\r\n",
        "GET\r\n\r\n",
        "GET / HTTP/9.9\r\n\r\n",
        "GET / HTTP/1.1\r\nno header\r\n\r\n",
        "GET /\u{e4} HTTP/1.1\r\nHost: x\r\n\r\n",
        "\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        "POST /v1/silences HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        "POST /v1/silences HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        "POST /v1/silences HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        "POST /v1/silences HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
    ] {
        let mut stream = served.connect();
        stream.write_all(text.as_bytes()).unwrap();
        // Whatever the server still wants, it does not come.
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        assert!(!answer.starts_with(b"HTTP/1.1 5"), "{text:?}");
    }
    assert_eq!(served.get("/healthz").status, 200);
}
