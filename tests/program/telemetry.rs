//! Traces and logs, taken by a receiver of OpenTelemetry that is the test's own, and read as what they are.
//!
//! What it can catch: requests that are not what the protocol has; spans without their parents or of other traces; a run that waits for its
//! receiver. What it cannot: a wrong idea of the protocol that both ends share, but that the types of the messages are not ours.

use crate::harness::Scratch;

const JOB: &str = r#"
name = "shop"
[sources.events]
type = "stdin"

[windows.pages]
from = "events"
size = "10s"
group_by = { page = "page" }
select = { n = "count(*)" }

[sinks.rows]
type = "stdout"
format = "json"
from = "pages"
"#;

fn job(otlp: &str) -> Scratch {
    let scratch = Scratch::new();
    scratch.write("p.toml", &format!("{JOB}\n{otlp}"));
    scratch
}

#[cfg(not(feature = "otlp"))]
#[test]
fn a_program_that_was_built_without_it_says_how_to_build_it() {
    let scratch = job("[observe.otlp]\n");
    let checked = scratch.run(["check", "p.toml"]);
    let all = checked.expect(0, &[]).out.clone() + &checked.err;
    assert!(all.contains("warning[observe.otlp]") && all.contains("p.toml:17  [observe.otlp]"), "{all}");
    let said = scratch.run(["run", "p.toml"]);
    said.expect(2, &["error[observe.otlp]", "--features otlp"]);
    assert!(!said.err.contains("WARN"), "{}", said.err);
}

#[cfg(feature = "otlp")]
mod with_it {
    use super::job;
    use crate::harness::{Child, Input, LIMIT, Scratch, ports};
    use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsServiceRequest;
    use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
    use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value::Value};
    use opentelemetry_proto::tonic::logs::v1::LogRecord;
    use opentelemetry_proto::tonic::trace::v1::{Span, span::SpanKind};
    use prost::Message;
    use std::collections::BTreeMap;
    use std::io::{BufRead, BufReader, Read, Write};
    use std::net::{TcpListener, TcpStream};
    use std::sync::mpsc::{Receiver, channel};
    use std::time::Instant;

    /// A request: its path, its headers in small letters, its body.
    struct Request {
        path: String,
        headers: Vec<String>,
        body: Vec<u8>,
    }

    /// Takes all that is sent to it, until the test has ended.
    fn receiver() -> (String, Receiver<Request>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (say, said) = channel();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let say = say.clone();
                std::thread::spawn(move || {
                    let mut reader = BufReader::new(stream);
                    while let Some(request) = read(&mut reader) {
                        let answer =
                            b"HTTP/1.1 200 OK\r\nContent-Type: application/x-protobuf\r\nContent-Length: 0\r\n\r\n";
                        if say.send(request).is_err() || reader.get_mut().write_all(answer).is_err() {
                            return;
                        }
                    }
                });
            }
        });
        (url, said)
    }

    fn read(reader: &mut impl BufRead) -> Option<Request> {
        let (mut first, mut headers, mut length) = (String::new(), Vec::new(), 0);
        reader.read_line(&mut first).ok().filter(|n| *n > 0)?;
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).ok().filter(|n| *n > 0)?;
            let line = line.trim().to_owned();
            if line.is_empty() {
                break;
            }
            let (name, value) = line.split_once(':').unwrap();
            let name = name.to_ascii_lowercase();
            if name == "content-length" {
                length = value.trim().parse().unwrap();
            }
            headers.push(format!("{name}: {}", value.trim()));
        }
        let mut body = vec![0; length];
        reader.read_exact(&mut body).ok()?;
        Some(Request { path: first.split(' ').nth(1).unwrap().to_owned(), headers, body })
    }

    fn text(list: &[KeyValue], name: &str) -> String {
        let found = list.iter().find(|one| one.key == name).and_then(|one| one.value.as_ref()?.value.clone());
        match found {
            Some(Value::StringValue(text)) => text,
            Some(Value::IntValue(n)) => n.to_string(),
            Some(Value::BoolValue(flag)) => flag.to_string(),
            other => format!("{name} is {other:?}"),
        }
    }

    /// All that came, as spans and logs with the process that sent each.
    #[derive(Default)]
    struct Heard {
        spans: Vec<(String, Span)>,
        logs: Vec<(String, LogRecord)>,
    }

    impl Heard {
        fn take(&mut self, request: &Request) {
            assert!(request.headers.contains(&"content-type: application/x-protobuf".to_owned()));
            match request.path.as_str() {
                "/v1/traces" => {
                    for of in ExportTraceServiceRequest::decode(&request.body[..]).unwrap().resource_spans {
                        let about = of.resource.unwrap().attributes;
                        assert_eq!(text(&about, "service.name"), "shop-test");
                        assert_eq!(text(&about, "deployment.environment"), "test");
                        let process = text(&about, "service.instance.id");
                        let spans = of.scope_spans.into_iter().flat_map(|scope| scope.spans);
                        self.spans.extend(spans.map(|span| (process.clone(), span)));
                    }
                }
                "/v1/logs" => {
                    for of in ExportLogsServiceRequest::decode(&request.body[..]).unwrap().resource_logs {
                        let process = text(&of.resource.unwrap().attributes, "service.instance.id");
                        let logs = of.scope_logs.into_iter().flat_map(|scope| scope.log_records);
                        self.logs.extend(logs.map(|log| (process.clone(), log)));
                    }
                }
                other => panic!("{other}"),
            }
        }

        /// What came while the processes lived: they have ended.
        fn all(requests: &Receiver<Request>) -> Self {
            let mut heard = Self::default();
            requests.try_iter().for_each(|request| heard.take(&request));
            heard
        }

        fn until(&mut self, requests: &Receiver<Request>, enough: impl Fn(&Self) -> bool) {
            let began = Instant::now();
            while !enough(self) {
                let left = LIMIT.saturating_sub(began.elapsed());
                let request = requests.recv_timeout(left).unwrap_or_else(|_| {
                    panic!("it never came; spans: {:?}", self.spans.iter().map(|(_, s)| &s.name).collect::<Vec<_>>())
                });
                self.take(&request);
            }
        }

        fn said(&self, line: &str) -> bool {
            self.logs.iter().any(|(_, log)| body(log).contains(line))
        }
    }

    fn body(log: &LogRecord) -> String {
        match log.body.as_ref().and_then(|body| body.value.clone()) {
            Some(Value::StringValue(text)) => text,
            other => panic!("{other:?}"),
        }
    }

    fn otlp(url: &str, more: &str) -> String {
        format!(
            "[observe.otlp]\nendpoint = \"{url}\"\nservice_name = \"shop-test\"\nattributes = {{ \"deployment.environment\" = \"test\" }}\n{more}\n"
        )
    }

    fn event(second: u32, page: &str) -> String {
        format!("{{\"timestamp\": {}, \"page\": \"{page}\"}}\n", 1_767_614_400 + second)
    }

    const PACED: &str = r#"
name = "shop"
[run]
tick = "100ms"

[sources.events]
type = "generate"
pace = "real-time"
events = 3000
rate = 1000
partitions = 2

[windows.pages]
from = "events"
size = "200ms"
select = { n = "count(*)" }

[alerts.busy]
from = "pages"
when = "n % 2 = 0"
notify = ["log"]

[sinks.rows]
type = "file"
path = "{name}.ndjson"
from = ["pages", "busy"]
"#;

    #[test]
    fn the_processes_of_a_run_make_spans_of_the_same_traces() {
        let (url, requests) = receiver();
        let scratch = Scratch::new();
        scratch.write("p.toml", &format!("{PACED}\n{}", otlp(&url, "sample = \"0s\"\nlogs = \"off\"")));
        let hosts: Vec<String> = ports(2).iter().map(|port| format!("127.0.0.1:{port}\n")).collect();
        scratch.write("hosts", &hosts.concat());
        let start = |p: &str| {
            scratch.program(["run", "p.toml", "-q", "-w", "2", "-n", "2", "-p", p, "--hosts", "hosts"]).start()
        };
        let children: Vec<Child> = ["0", "1"].map(start).into();
        for child in children {
            child.end().expect(0, &[]);
        }
        let heard = Heard::all(&requests);
        assert!(heard.logs.is_empty());
        let mut traces = BTreeMap::<Vec<u8>, Vec<&(String, Span)>>::new();
        heard.spans.iter().for_each(|one| traces.entry(one.1.trace_id.clone()).or_default().push(one));
        let mut whole = 0;
        for spans in traces.values() {
            let Some((_, root)) = spans.iter().find(|(_, span)| span.parent_span_id.is_empty()) else { continue };
            let named = |name: &str, process: &str| spans.iter().any(|(p, s)| s.name == name && p == process);
            assert!(named("tick", "0") && !named("tick", "1"));
            assert_eq!(text(&root.attributes, "highwater.processes"), "2");
            for (_, span) in spans {
                assert!(span.start_time_unix_nano <= span.end_time_unix_nano, "{span:?}");
                let parent = &span.parent_span_id;
                assert!(parent.is_empty() || spans.iter().any(|(_, one)| one.span_id == *parent), "{span:?}");
            }
            let ids: std::collections::BTreeSet<&[u8]> = spans.iter().map(|(_, span)| &span.span_id[..]).collect();
            assert_eq!(ids.len(), spans.len(), "each span has a name of its own");
            let both = ["source events", "read", "decode", "window pages", "alert busy"];
            let sink = ["sink rows", "wait", "write", "flush", "action log"];
            if both.iter().all(|name| named(name, "0") && named(name, "1")) && sink.iter().all(|name| named(name, "0"))
            {
                whole += 1;
                let of = |name: &str| &spans.iter().find(|(_, span)| span.name == name).unwrap().1;
                assert_eq!(of("action log").kind(), SpanKind::Client);
                assert!(text(&of("sink rows").attributes, "highwater.rows").parse::<u32>().unwrap() > 0);
                let stated = spans.iter().filter(|(_, span)| span.name == "window pages");
                let stated = stated.map(|(_, span)| text(&span.attributes, "highwater.rows").parse::<u32>().unwrap());
                assert!(stated.sum::<u32>() > 0);
                assert!(text(&of("decode").attributes, "highwater.events").parse::<u32>().unwrap() > 0);
                assert_eq!(of("decode").parent_span_id.len(), 8);
            }
        }
        let names = |spans: &[&(String, Span)]| {
            spans.iter().map(|(p, span)| format!("{p}:{}", span.name)).collect::<Vec<_>>().join(" ")
        };
        let all: Vec<String> = traces.values().map(|spans| names(spans)).collect();
        assert!(whole > 0, "no trace is whole:\n{}", all.join("\n"));
    }

    #[test]
    fn logs_and_headers_arrive_and_secrets_are_nowhere_else() {
        let (url, requests) = receiver();
        let more = "headers = { X-Scope = \"tenant\", Authorization = \"${SECRET}\" }\nsample = \"0s\"";
        let scratch = job(&otlp(&url, more));
        let mut child = scratch
            .program(["run", "p.toml"])
            .env("SECRET", "Bearer hush")
            .env("RUST_LOG", "off")
            .input(Input::Fed)
            .start();
        child.feed([event(1, "a"), event(12, "b"), event(25, "a")].concat());
        child.close_input();
        let ended = child.end();
        ended.expect(0, &[]);
        assert!(!ended.err.contains("hush") && !ended.err.contains("ready"), "{}", ended.err);
        let mut heard = Heard::default();
        for request in requests.try_iter() {
            for header in ["x-scope: tenant", "authorization: Bearer hush"] {
                assert!(request.headers.contains(&header.to_owned()), "{:?}", request.headers);
            }
            heard.take(&request);
        }
        let (_, ready) = heard.logs.iter().find(|(_, log)| body(log) == "ready").unwrap();
        assert_eq!((ready.severity_text.as_str(), ready.severity_number), ("INFO", 9));
        assert_eq!(text(&ready.attributes, "target"), "highwater::cli::run");
        assert!(heard.spans.iter().any(|(_, span)| span.name == "sink rows"));
    }

    #[test]
    fn a_run_that_fails_sends_its_last_words() {
        let (url, requests) = receiver();
        let scratch = job(&otlp(&url, ""));
        let set = "--set=sources.events.on_bad=stop";
        let mut child = scratch.program(["run", "p.toml", set]).input(Input::Fed).start();
        child.feed("no event\n");
        child.close_input();
        child.end().expect(2, &["error[source.bad]"]);
        assert!(Heard::all(&requests).said("error[source.bad]"));
    }

    #[test]
    fn a_receiver_that_is_away_or_never_answers_changes_nothing_of_a_run() {
        // It takes connections, and never reads.
        let silent = TcpListener::bind("127.0.0.1:0").unwrap();
        let hole = format!("http://{}", silent.local_addr().unwrap());
        let away = format!("http://127.0.0.1:{}", ports(1)[0]);
        let events: String = (0..200).map(|second| event(second, "a")).collect();
        let run = |otlp: &str| {
            let scratch = job(otlp);
            scratch.write("events", &events);
            let input = Input::File(scratch.path("events"));
            scratch.program(["run", "p.toml"]).input(input).start().end()
        };
        let plain = run("");
        for url in [&hole, &away] {
            let ended = run(&otlp(url, "sample = \"0s\"\ntimeout = \"200ms\""));
            ended.expect(0, &["the receiver of OpenTelemetry does not take what it is sent"]);
            assert_eq!(ended.out, plain.out);
            assert_eq!(ended.err.matches("signal=\"traces\"").count(), 1, "{}", ended.err);
        }
    }

    #[test]
    fn a_request_with_events_joins_the_trace_of_who_sent_it_and_what_is_sent_is_counted() {
        let (url, requests) = receiver();
        let more =
            format!("[serve]\nlisten = \"127.0.0.1:0\"\nafter_end = \"stop\"\n{}", otlp(&url, "logs = \"warn\""));
        let scratch = job(&more);
        let mut child = scratch.program(["run", "p.toml", "--set=sources.events.type=http"]).start();
        let at = child.said("serving on http://").trim_end_matches('/').to_owned();
        let ask = |head: &str, body: &str| {
            let mut stream = TcpStream::connect(&at).unwrap();
            let length = body.len();
            write!(stream, "{head}\r\nHost: {at}\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n{body}")
                .unwrap();
            let mut answer = String::new();
            stream.read_to_string(&mut answer).unwrap();
            answer
        };
        // A request that comes before the run has begun is not traced.
        assert!(crate::harness::eventually(|| ask("GET /readyz HTTP/1.1", "").starts_with("HTTP/1.1 200")));
        let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let head = format!("POST /v1/ingest/events HTTP/1.1\r\ntraceparent: {parent}");
        assert!(ask(&head, &event(1, "a")).starts_with("HTTP/1.1 202"));
        let mut heard = Heard::default();
        let is_it = |span: &Span| span.name == "POST /v1/ingest/{source}";
        heard.until(&requests, |heard| heard.spans.iter().any(|(_, span)| is_it(span)));
        let span = &heard.spans.iter().find(|(_, span)| is_it(span)).unwrap().1;
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        assert_eq!(format!("{}-{}", hex(&span.trace_id), hex(&span.parent_span_id)), &parent[3..52]);
        assert_eq!((span.kind(), text(&span.attributes, "highwater.source")), (SpanKind::Server, "events".into()));
        assert_eq!(text(&span.attributes, "http.response.status_code"), "202");
        assert!(crate::harness::eventually(|| {
            let figures = ask("GET /metrics HTTP/1.1", "");
            let sent = figures.lines().find(|l| l.starts_with("highwater_telemetry_sent_total{telemetry=\"traces\"}"));
            sent.is_some_and(|line| !line.ends_with(" 0"))
        }));
        child.signal("TERM");
        child.end().expect(0, &[]);
    }

    #[test]
    fn the_environment_says_where_to_where_the_file_does_not() {
        let (url, requests) = receiver();
        let scratch = job("[observe.otlp]\ntraces = false\nattributes = { \"deployment.environment\" = \"test\" }\n");
        scratch.write("events", &event(1, "a"));
        let ended = scratch
            .program(["run", "p.toml"])
            .env("OTEL_EXPORTER_OTLP_ENDPOINT", &url)
            .env("OTEL_EXPORTER_OTLP_HEADERS", "x-key=a%20b")
            .env("OTEL_SERVICE_NAME", "shop-test")
            .input(Input::File(scratch.path("events")))
            .start()
            .end();
        ended.expect(0, &[]);
        let all: Vec<Request> = requests.try_iter().collect();
        assert!(!all.is_empty());
        assert!(all.iter().all(|one| one.path == "/v1/logs" && one.headers.contains(&"x-key: a b".to_owned())));
    }
}
