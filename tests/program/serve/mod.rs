//! The real program, asked over HTTP and WebSockets.

mod api;
mod browser;
mod client;
mod fuzz;
mod history;
mod ingest;
mod origins;
mod page_cost;
mod pages;
mod scrape;
mod shape;
mod story;
#[cfg(feature = "tls")]
mod tls;
mod whole;

use crate::harness::Scratch;
use client::{Follower, Served};
use serde_json::Value;
use std::fmt::Write as _;
use std::io::{Read, Write};
use std::process::{Command, Stdio};

const JOB: &str = r#"
name = "shop"
[sources.events]
type = "stdin"

[windows.pages]
from = "events"
size = "10s"
allowed_lateness = "10m"
group_by = { page = "page" }
select = { n = "count(*)", last = "max(v)" }

[sinks.rows]
type = "stdout"
format = "json"
from = "pages"
"#;

const TOKENS: &str = r#"
[serve.tokens]
read = "${READ}"
ingest = "ingest-0123456789abcdef"
operate = ["operate-0123456789abcdef"]
"#;

fn job(more: &str) -> Scratch {
    let scratch = Scratch::new();
    scratch.write("p.toml", &format!("{JOB}{more}"));
    scratch
}

fn event(second: u32, page: &str, v: u32) -> String {
    format!("{{\"timestamp\": {}, \"page\": \"{page}\", \"v\": {v}}}\n", 1_767_614_400 + second)
}

/// A row without what only a change has.
fn plain(row: &Value) -> String {
    let mut row = row.clone();
    row.as_object_mut().unwrap().remove("op");
    row.to_string()
}

#[test]
fn results_are_what_the_sinks_wrote_and_corrections_take_their_place() {
    let scratch = job("");
    let served = Served::start(&scratch, &[]);
    for page in ["a", "b", "c"] {
        served.child.feed(event(1, page, 1));
        served.child.feed(event(11, page, 2));
    }
    served.child.feed(event(25, "a", 3));
    served.until("/v1/results/pages", |answer| answer.json()["rows"].as_array().unwrap().len() == 6);
    // Late: the first window is corrected.
    served.child.feed(event(2, "b", 9));
    served.child.feed(event(28, "a", 4));
    let fixed = served.until("/v1/results/pages?page=b&order=oldest", |answer| answer.body.contains("\"revision\":1"));
    let rows = fixed.json()["rows"].clone();
    assert_eq!(
        (rows[0]["n"].as_u64(), rows[0]["last"].as_u64(), rows.as_array().unwrap().len()),
        (Some(2), Some(9), 2)
    );

    // Pages put together are the whole, in both orders and forms.
    let whole = |order: &str| -> Vec<String> {
        let all = served.get(&format!("/v1/results/pages?order={order}")).json();
        all["rows"].as_array().unwrap().iter().map(plain).collect()
    };
    for order in ["newest", "oldest"] {
        let (mut rows, mut cursor) = (Vec::new(), String::new());
        loop {
            let path = format!("/v1/results/pages?order={order}&limit=4{cursor}&format=ndjson");
            let answer = served.get(&path);
            rows.extend(answer.body.lines().map(|l| plain(&serde_json::from_str(l).unwrap())));
            match answer.header("highwater-cursor") {
                "" => break,
                next => cursor = format!("&cursor={next}"),
            }
        }
        assert_eq!(rows, whole(order));
    }
    let mut turned = whole("newest");
    turned.reverse();
    assert_eq!(turned, whole("oldest"));

    let csv = served.ask("/v1/results/pages?page=a&page=c&until=2026-01-05T12:00:10Z", "Accept: text/csv\r\n");
    assert_eq!(csv.header("content-type"), "text/csv; charset=utf-8");
    assert_eq!(csv.body.lines().count(), 3, "{}", csv.body);
    let after = served.get("/v1/results/pages?from=1767614410000&page=c").json();
    assert_eq!(after["rows"].as_array().unwrap().len(), 1, "{after}");

    for (path, status, says) in [
        ("/v1/results/page", 404, "did you mean pages?"),
        ("/v1/results/pages?pge=a", 400, "did you mean page?"),
        ("/v1/results/pages?limit=0", 400, "from 1 to 10000"),
        ("/v1/results/pages?from=soon", 400, "2026-01-05T12:00:00Z"),
        ("/v1/results/pages?cursor=abc", 400, "cursor of the answer before"),
        ("/v1/results/pages?format=xml", 400, "ndjson"),
        ("/v1/pipeline?x=1", 400, "no parameters"),
        ("/v1/stream", 426, "/v1/events"),
        ("/v2", 404, "/openapi.json"),
    ] {
        let answer = served.get(path);
        let error = &answer.json()["error"];
        assert_eq!(answer.status, status, "{path} {}", answer.body);
        assert!(error["help"].as_str().unwrap().contains(says), "{path} {}", answer.body);
        assert!(error["code"].as_str().unwrap().starts_with("api."));
    }

    // The rows that hold are those that the sink asserted and did not take back.
    let mut child = served.child;
    let address = served.address;
    child.close_input();
    child.until_err("the input has ended; serving on");
    let served = Served { child, address };
    let api: std::collections::BTreeSet<String> = whole_rows(&served).iter().map(plain).collect();
    assert_eq!(served.get("/readyz").json()["state"], "ended");
    served.child.signal("INT");
    let ended = served.child.end();
    ended.expect(0, &[]);
    let mut sink = std::collections::BTreeSet::new();
    for line in ended.out.lines() {
        let row: Value = serde_json::from_str(line).unwrap();
        if row["op"] == "+" {
            sink.insert(plain(&row));
        } else {
            sink.remove(&plain(&row));
        }
    }
    assert_eq!(api, sink);
}

fn whole_rows(served: &Served) -> Vec<Value> {
    served.get("/v1/results/pages?limit=10000").json()["rows"].as_array().unwrap().clone()
}

#[test]
fn each_route_asks_for_the_role_that_the_description_names() {
    let scratch = job(TOKENS);
    let program = scratch.program(["run", "p.toml", "--serve", "0.0.0.0:0"]).env("READ", "read-0123456789abcdef");
    let mut child = program.input(crate::harness::Input::Fed).start();
    let said = child.said("serving on http://0.0.0.0:");
    let served = Served { child, address: format!("127.0.0.1:{}", said.trim_end_matches('/')) };
    served.until("/readyz", |answer| answer.status == 200);
    let document = served.get("/openapi.json").json();
    let paths = document["paths"].as_object().unwrap();
    assert!(paths.len() > 8);
    let callers = [
        ("", "nobody"),
        ("Authorization: Bearer wrong-0123456789abcdef\r\n", "nobody"),
        ("Authorization: Bearer read-0123456789abcdef\r\n", "read"),
        ("Authorization: Bearer ingest-0123456789abcdef\r\n", "ingest"),
        ("Authorization: Bearer operate-0123456789abcdef\r\n", "operate"),
    ];
    let mut refused = 0;
    for (path, methods) in paths {
        let path = path.replace("/v1/results/{name}", "/v1/results/pages").replace("{name}", "index.html");
        // The source that it has is not sent its events.
        let path = path.replace("{source}", "events");
        // What can be got can be asked for without its body.
        let head = methods.get("get").map(|about| ("head", about));
        let methods_of = methods.as_object().unwrap().iter().map(|(method, about)| (method.as_str(), about));
        for (method, about) in methods_of.chain(head) {
            let needs = about["x-role"].as_str();
            for (header, role) in callers {
                let expected = match needs {
                    Some(_) if role == "nobody" => 401,
                    Some(needs) if role != needs && role != "operate" => 403,
                    // It is not asked as a WebSocket.
                    _ if path == "/v1/stream" => 426,
                    _ if path == "/v1/ingest/events" => 404,
                    // There is none of the name, and nobody is notified.
                    _ if path == "/v1/alerts/{id}" => 404,
                    _ if path.starts_with("/v1/silences") && !["get", "head"].contains(&method) => 409,
                    _ => 200,
                };
                refused += u64::from(expected != 200);
                let status = match path.as_str() {
                    // It does not end by itself.
                    "/v1/events" if expected == 200 && method == "get" => first_line(&served, &path, header),
                    _ => served.send(&method.to_ascii_uppercase(), &path, header, b"").status,
                };
                assert_eq!(status, expected, "{method} {path} as {role}");
            }
        }
        let patched = served.send("PATCH", &path, callers[4].0, b"");
        assert_eq!(patched.status, 405, "{path}");
        let allowed: Vec<&str> = patched.header("allow").split(", ").filter(|method| *method != "HEAD").collect();
        let described: Vec<String> = methods.as_object().unwrap().keys().map(|m| m.to_ascii_uppercase()).collect();
        assert!(allowed.len() == described.len() && described.iter().all(|m| allowed.contains(&&**m)), "{allowed:?}");
        refused += 1;
    }
    let figures = served.ask("/v1/metrics?prefix=server_refused", callers[2].0).json();
    let counted: f64 = figures["metrics"].as_array().unwrap().iter().map(|m| m["value"].as_f64().unwrap()).sum();
    assert_eq!(counted as u64, refused);
    // Neither tokens of the environment nor of the file are shown, the way to them is.
    let pipeline = served.ask("/v1/pipeline", callers[2].0);
    assert!(!pipeline.body.contains("0123456789abcdef"), "{}", pipeline.body);
    assert!(pipeline.json()["text"].as_str().unwrap().contains("read = \"${READ}\""), "{}", pipeline.body);
    for header in ["content-security-policy", "x-content-type-options", "x-frame-options"] {
        assert!(!pipeline.header(header).is_empty());
    }
    served.child.signal("TERM");
    let ended = served.child.end();
    ended.expect(0, &[]);
    assert!(!ended.err.contains("0123456789abcdef"), "{}", ended.err);
}

/// The status of an answer that goes on.
fn first_line(served: &Served, path: &str, headers: &str) -> u16 {
    let mut stream = served.connect();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {}\r\n{headers}\r\n", served.address).unwrap();
    let mut line = [0; 12];
    stream.read_exact(&mut line).unwrap();
    std::str::from_utf8(&line[9..]).unwrap().parse().unwrap()
}

#[test]
fn an_address_that_others_reach_needs_a_token_and_one_in_use_is_said() {
    let scratch = job("");
    let public = scratch.run(["run", "p.toml", "--serve", "0.0.0.0:0"]);
    public.expect(2, &["error[listen.public]", "listen on 127.0.0.1, or give a token", "[serve.tokens]"]);
    assert_eq!(public.out, "");
    let set = scratch.run(["run", "p.toml", "--set", "serve.listen=\"[::]:0\""]);
    set.expect(2, &["error[listen.public]"]);
    scratch.run(["run", "p.toml", "--serve", "nowhere"]).expect(2, &["error[listen.address]", "127.0.0.1:8080"]);
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    scratch.run(["run", "p.toml", "--serve", &address]).expect(3, &["error[listen.address]", &address]);
    let short = scratch.run(["run", "p.toml", "--set", "serve.tokens.read=hushhush", "--serve", "0"]);
    short.expect(2, &["error[listen.token]", "at least 16"]);
    assert!(!short.err.contains("hushhush"), "{}", short.err);
}

#[test]
fn a_page_of_another_site_and_a_foreign_name_are_refused() {
    let scratch = job("");
    let served = Served::start(&scratch, &[]);
    assert_eq!(served.ask("/v1/pipeline", "Origin: http://evil.example\r\n").status, 403);
    assert_eq!(served.ask("/v1/pipeline", &format!("Origin: http://{}\r\n", served.address)).status, 200);
    let named = "GET /v1/pipeline HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n";
    assert_eq!(served.raw(named).status, 421);
    // A head that is too large is not read to its end.
    let large = format!("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nx: {}\r\n\r\n", "y".repeat(200_000));
    let mut stream = served.connect();
    let _ = stream.write_all(large.as_bytes());
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    assert!(!answer.starts_with(b"HTTP/1.1 200"));
    assert_eq!(served.get("/healthz").status, 200);
}

#[test]
fn a_run_stays_after_its_end_unless_it_is_told_not_to() {
    let scratch = job("[serve]\nafter_end = \"stop\"\nlisten = \"127.0.0.1:0\"\n");
    let ended = scratch.run(["run", "p.toml"]);
    ended.expect(0, &["serving on http://127.0.0.1:"]);
    assert!(!ended.err.contains("until Ctrl-C"), "{}", ended.err);
    // One that is drained by a signal does not stay.
    let scratch = job("");
    let served = Served::start(&scratch, &[]);
    served.child.feed(event(1, "a", 1));
    served.until("/readyz", |answer| answer.status == 200);
    served.child.signal("INT");
    served.child.end().expect(0, &[]);
}

#[test]
fn one_connection_too_many_is_closed_and_counted() {
    let scratch = job("[serve]\nmax_connections = 1\n");
    let served = Served::start(&scratch, &[]);
    // One that is kept open.
    let mut kept = served.connect();
    write!(kept, "GET /healthz HTTP/1.1\r\nHost: {}\r\n\r\n", served.address).unwrap();
    let mut byte = [0];
    while byte != *b"}" {
        kept.read_exact(&mut byte).unwrap();
    }
    let mut refused = served.connect();
    let mut answer = Vec::new();
    let _ = refused.read_to_end(&mut answer);
    assert!(answer.is_empty());
    drop(kept);
    let busy = |m: &Value| m["labels"]["reason"] == "busy" && m["value"].as_f64().unwrap() >= 1.0;
    served.until("/v1/metrics?prefix=server_refused", |answer| {
        answer.status == 200 && answer.json()["metrics"].as_array().unwrap().iter().any(busy)
    });
}

#[test]
fn prometheus_takes_the_figures() {
    let scratch = job("");
    let served = Served::start(&scratch, &[]);
    served.child.feed(event(1, "a", 1));
    served.child.feed("no event\n");
    served.child.feed(event(15, "a", 1));
    let counted = [
        "highwater_source_events_total{source=\"events\"} 2\n",
        "highwater_sink_latency_seconds_count{sink=\"rows\"} 1\n",
        "highwater_sink_latency_seconds_count{sink=\"serve:rows\"} 1\n",
    ];
    let answer = served.until("/metrics", |answer| counted.iter().all(|line| answer.body.contains(line)));
    for line in [
        "# TYPE highwater_source_events_total counter",
        "highwater_source_rejected_total{source=\"events\",reason=\"syntax\"} 1",
        "highwater_source_lag_seconds{source=\"events\"} ",
        "highwater_partition_position_timestamp_seconds{source=\"events\",partition=\"stdin\"} 1767614415",
        "highwater_part_state_bytes{part=\"pages\"} ",
        "highwater_sink_backlog_bytes{sink=\"rows\"} ",
        "highwater_server_connections{server=\"http\"} ",
        "# TYPE highwater_sink_latency_seconds histogram",
        "highwater_sink_latency_seconds_bucket{sink=\"rows\",le=\"+Inf\"} 1",
        "highwater_sink_write_seconds_sum{sink=\"rows\"} ",
        "highwater_operator_busy_seconds_total{operator=\"events:source\"} ",
        "highwater_operator_sent_bytes_total{operator=\"pages:window\"} 0",
        "highwater_worker_parked_seconds_total{worker=\"0\"} ",
    ] {
        assert!(answer.body.lines().any(|l| l.starts_with(line)), "{line}\n{}", answer.body);
    }
    let latency = served.get("/v1/metrics?prefix=sink_latency").json()["metrics"].clone();
    let own = latency.as_array().unwrap().iter().find(|one| one["labels"]["sink"] == "rows").unwrap();
    assert_eq!((&own["type"], own["value"].as_f64(), own["count"].as_u64()), (&"histogram".into(), Some(1.0), Some(1)));
    assert!(own["p50"].as_f64().unwrap() <= own["p99"].as_f64().unwrap(), "{own}");
    // Two looks, a second apart, say what a part costs.
    let graph = served.until("/v1/graph", |answer| answer.json()["nodes"][0]["busy"].is_number()).json();
    let busy =
        |name: &str| graph["nodes"].as_array().unwrap().iter().find(|n| n["name"] == name).unwrap()["busy"].clone();
    assert!(busy("pages").is_number() && busy("rows").is_number(), "{graph}");
    let tool = Command::new("promtool").args(["check", "metrics"]).stdin(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut tool = match tool {
        Ok(tool) => tool,
        Err(why) => {
            assert!(std::env::var_os("REQUIRE_SERVERS").is_none(), "promtool: {why}");
            eprintln!("SKIP: promtool is not here ({why})");
            return;
        }
    };
    tool.stdin.take().unwrap().write_all(answer.body.as_bytes()).unwrap();
    let output = tool.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// How many files a process may have open.
fn open_files() -> u64 {
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"));
    line.and_then(|line| line.split_whitespace().next()).and_then(|n| n.parse().ok()).unwrap_or(1024)
}

#[test]
fn clients_that_follow_get_every_change_in_order_whoever_else_is_slow_or_dies() {
    // Each is two open files, one here and one there.
    let clients = if open_files() >= 8192 { 2000 } else { 200 };
    const WINDOWS: u32 = 40;
    let scratch = job("");
    let mut served = Served::start(&scratch, &[]);
    served.child.feed(event(1, "a", 1));
    served.child.feed(event(12, "a", 1));
    served.until("/v1/results/pages", |answer| answer.json()["rows"].as_array().unwrap().len() == 1);
    let mut clients: Vec<Follower> = (0..clients).map(|_| served.follow("name=pages")).collect();
    let cursors: Vec<String> = clients
        .iter_mut()
        .map(|client| {
            let hello = client.next_is("hello");
            let snapshot = client.next_is("snapshot");
            assert_eq!((snapshot["rows"].as_array().unwrap().len(), &snapshot["more"]), (1, &Value::Bool(false)));
            hello["cursor"].as_str().unwrap().to_owned()
        })
        .collect();
    let mut filtered = served.follow("name=pages&page=b&snapshot=0");
    filtered.next_is("hello");
    // One never reads, one is gone without a word.
    let _slow = served.follow("");
    drop(served.follow(""));
    let mut text = String::new();
    for i in 0..WINDOWS {
        for page in ["a", "b", "c", "d", "e"] {
            text += &event(20 + 10 * i, page, i);
        }
    }
    // A correction, and what moves event time behind it.
    text += &event(25, "b", 77);
    text += &event(20 + 10 * WINDOWS + 10, "a", 0);
    served.child.feed(text);
    served.child.close_input();
    served.child.until_err("the input has ended; serving on");
    let total: u64 = served.get("/v1/pipeline").json()["sinks"][1]["counts"]["rows"].as_u64().unwrap();
    let mut first: Option<Vec<Value>> = None;
    for client in &mut clients {
        // The one row of the snapshot was a change too.
        let (changes, missed) = client.changes(total - 1);
        assert_eq!(missed, 0);
        assert_eq!(*first.get_or_insert_with(|| changes.clone()), changes);
    }
    let all = first.unwrap();
    assert!(all.iter().any(|row| row["op"] == "-" && row["revision"] == 0));
    assert!(all.iter().any(|row| row["op"] == "+" && row["revision"] == 1 && row["last"] == 77));
    let of_b: Vec<Value> = all.iter().filter(|row| row["page"] == "b").cloned().collect();
    assert_eq!(filtered.changes(of_b.len() as u64), (of_b, 0));

    // Who goes on from a cursor misses nothing and sees nothing twice.
    let mut again = served.follow(&format!("cursor={}", cursors[0]));
    again.next_is("hello");
    assert_eq!(again.changes(total - 1), (all.clone(), 0));
    // A cursor of another run is a gap, and all begins anew.
    let mut strange = served.follow("cursor=0123456789ab-5");
    strange.next_is("hello");
    assert!(strange.next_is("gap")["missed"].is_null());
    strange.next_is("snapshot");

    // The same as server-sent events.
    let mut stream = served.connect();
    let mut request = String::new();
    write!(request, "GET /v1/events HTTP/1.1\r\nHost: {}\r\nLast-Event-ID: {}\r\n\r\n", served.address, cursors[0])
        .unwrap();
    stream.write_all(request.as_bytes()).unwrap();

    let (mut heard, mut piece) = (String::new(), vec![0; 1 << 16]);
    while !heard.contains("event: changes\nid: ") {
        let n = stream.read(&mut piece).unwrap();
        assert!(n > 0, "the server goes on");
        heard += &String::from_utf8_lossy(&piece[..n]);
    }
    assert!(heard.contains("event: hello\nid: "), "{heard}");

    served.child.signal("TERM");
    // It ends as a body ends.
    stream.read_to_string(&mut heard).unwrap();
    assert!(heard.ends_with("0\r\n\r\n"), "{heard}");
    assert!(clients.into_iter().all(|mut client| client.next().is_none()), "a clean close");
    served.child.end().expect(0, &[]);
}

#[test]
fn a_client_too_slow_for_what_is_kept_is_told_how_much_it_missed() {
    const GROUPS: u32 = 5_000;
    const WINDOWS: u32 = 14;
    // Few changes are kept.
    let scratch = job("[serve]\nmax_bytes = \"64KiB\"\n");
    let mut served = Served::start(&scratch, &[]);
    served.until("/readyz", |answer| answer.status == 200);
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    // What the system holds for it is small too.
    socket.set_recv_buffer_size(4096).unwrap();
    socket.connect(&served.address.parse::<std::net::SocketAddr>().unwrap().into()).unwrap();
    let mut slow = served.follow_on("snapshot=0", socket.into());
    slow.next_is("hello");
    for window in 0..WINDOWS {
        let text: String = (0..GROUPS).map(|g| event(10 * window, &format!("{}{g}", "p".repeat(40)), g)).collect();
        served.child.feed(text);
    }
    served.child.close_input();
    // The engine did not wait for it.
    served.child.until_err("the input has ended; serving on");
    let total = u64::from(GROUPS * WINDOWS);
    let figures = served.get("/v1/metrics?prefix=server_changes").json();
    assert_eq!(figures["metrics"][0]["value"].as_f64().unwrap() as u64, total);
    let (changes, missed) = slow.changes(total);
    assert_eq!(changes.len() as u64 + missed, total);
    assert!(missed > 0 && !changes.is_empty(), "{missed} missed");
    let figures = served.get("/v1/metrics?prefix=server_missed").json();
    assert_eq!(figures["metrics"][0]["value"].as_f64().unwrap() as u64, missed);
}

#[cfg(not(feature = "tls"))]
#[test]
fn a_program_that_was_built_without_tls_says_how_to_build_it() {
    let scratch = job("[serve]\ntls = { certificate = \"c.pem\", key = \"k.pem\" }\n");
    for args in [&["check", "p.toml"][..], &["run", "p.toml", "--serve", "0"]] {
        scratch.run(args).expect(2, &["error[listen.tls]: this program was built without TLS", "--features tls"]);
    }
    // What does not serve does not need it.
    scratch.run(["explain", "p.toml"]).expect(0, &[]);
}
