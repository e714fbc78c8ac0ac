//! Events that are sent to a run, over HTTP and WebSockets.
//!
//! What is accepted is held against a run that reads the same events from a file, or against what was counted by who sent them.

use super::client::{Answer, Follower, Served};
use crate::harness::{LIMIT, Scratch};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use std::io::Write;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use tungstenite::Message;

const JOB: &str = r#"
name = "shop"
[sources.events]
type = "http"
max_body = "1MiB"
max_line = "2KiB"
dead_letters = "dead.ndjson"

[windows.pages]
from = "events"
size = "10s"
group_by = { page = "page" }
select = { n = "count(*)", last = "max(v)" }

[sinks.rows]
type = "stdout"
format = "json"
from = "pages"
"#;

/// Nothing is read but a little now and then: what is sent waits.
const SLOW: &str = "[sources.events]\nrate_limit = \"1/h\"\nqueue = \"64KiB\"\nmax_body = \"32KiB\"\n";

fn job(more: &str) -> Scratch {
    let scratch = Scratch::new();
    let text = match more.strip_prefix("[sources.events]\n") {
        Some(keys) => {
            let keep = |line: &&str| !(keys.contains("max_body") && line.starts_with("max_body"));
            let job: Vec<&str> = JOB.lines().filter(keep).collect();
            job.join("\n").replace("type = \"http\"", &format!("type = \"http\"\n{keys}"))
        }
        None => format!("{JOB}{more}"),
    };
    scratch.write("p.toml", &text);
    scratch
}

/// A run that reads.
fn start(scratch: &Scratch, more: &[&str]) -> Served {
    let served = Served::start(scratch, more);
    served.until("/readyz", |answer| answer.status == 200);
    served
}

fn event(n: u64, page: &str) -> String {
    format!("{{\"timestamp\": {}, \"page\": \"{page}\", \"v\": {n}}}", 1_767_614_400 + n / 10)
}

fn lines(range: std::ops::Range<u64>) -> String {
    range.map(|n| event(n, ["a", "b", "c"][n as usize % 3]) + "\n").collect()
}

fn array(range: std::ops::Range<u64>, between: &str) -> String {
    let all: Vec<String> = lines(range).lines().map(str::to_owned).collect();
    format!("[{}]", all.join(between))
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut out = GzEncoder::new(Vec::new(), Compression::default());
    out.write_all(text).unwrap();
    out.finish().unwrap()
}

fn zstd(text: &[u8]) -> Vec<u8> {
    ruzstd::encoding::compress_to_vec(text, ruzstd::encoding::CompressionLevel::Fastest)
}

const PATH: &str = "/v1/ingest/events";

fn post(served: &Served, path: &str, headers: &str, body: impl AsRef<[u8]>) -> Answer {
    served.kept().post(path, headers, body.as_ref()).unwrap()
}

#[track_caller]
fn accepts(answer: &Answer, events: u64) {
    assert_eq!((answer.status, answer.json()["accepted"].as_u64()), (202, Some(events)), "{}", answer.body);
}

/// The rows of a finished run, in an order of their own.
fn rows(out: &str) -> Vec<&str> {
    let mut rows: Vec<&str> = out.lines().collect();
    rows.sort_unstable();
    rows
}

/// The events of all rows that hold.
fn counted(out: &str) -> u64 {
    let rows = out.lines().map(|row| serde_json::from_str::<Value>(row).unwrap());
    let signed = rows.map(|row| row["n"].as_i64().unwrap() * if row["op"] == "-" { -1 } else { 1 });
    signed.sum::<i64>() as u64
}

fn drain(served: Served) -> String {
    served.child.signal("TERM");
    let ended = served.child.end();
    ended.expect(0, &[]);
    ended.out
}

fn figure(served: &Served, name: &str, label: Option<&str>) -> u64 {
    let all = served.get(&format!("/v1/metrics?prefix={name}")).json();
    let is = |m: &&Value| label.is_none_or(|label| m["labels"]["outcome"] == label);
    let found: f64 = all["metrics"].as_array().unwrap().iter().filter(is).map(|m| m["value"].as_f64().unwrap()).sum();
    found as u64
}

#[test]
fn batches_of_every_form_are_the_events_of_a_file() {
    for workers in ["1", "3"] {
        let scratch = job("");
        let served = start(&scratch, &["-w", workers]);
        let mut kept = served.kept();
        let mut send = |headers: &str, body: &[u8]| kept.post(PATH, headers, body).unwrap();
        accepts(&send("Content-Type: application/x-ndjson\r\n", lines(0..100).as_bytes()), 100);
        accepts(&send("", lines(100..200).trim_end().as_bytes()), 100);
        accepts(&send("Content-Type: application/json\r\n", array(200..300, ",").as_bytes()), 100);
        accepts(&send("Content-Type: application/json\r\n", array(300..400, " ,\r\n\t").as_bytes()), 100);
        accepts(&send("", event(400, "b").as_bytes()), 1);
        accepts(&send("Content-Type: application/json\r\n", event(401, "c").replace(", ", ",\n ").as_bytes()), 1);
        accepts(&send("Content-Encoding: gzip\r\n", &gzip(lines(402..500).as_bytes())), 98);
        accepts(&send("Content-Encoding: zstd\r\n", &zstd(array(500..600, ",").as_bytes())), 100);
        accepts(&send("", b""), 0);
        accepts(&send("", b" []\n"), 0);
        // In pieces, whose length nobody says before.
        let text = lines(600..620);
        let pieces: String = text.lines().map(|line| format!("{:x}\r\n{line}\n\r\n", line.len() + 1)).collect();
        let head = format!("POST {PATH} HTTP/1.1\r\nHost: {}\r\nTransfer-Encoding: chunked\r\n\r\n", served.address);
        kept.write(format!("{head}{pieces}0\r\n\r\n").as_bytes());
        accepts(&kept.answer().unwrap(), 20);
        let mut socket = served.socket(PATH);
        socket.0.send(Message::text(array(620..640, ","))).unwrap();
        socket.0.send(Message::binary(lines(640..650).into_bytes())).unwrap();
        assert_eq!(socket.next(), Some(json!({ "ack": 1, "accepted": 20, "rejected": 0 })));
        assert_eq!(socket.next(), Some(json!({ "ack": 2, "accepted": 10, "rejected": 0 })));
        assert_eq!(figure(&served, "ingest_events", None), 650);
        assert_eq!(figure(&served, "ingest_batches", Some("accepted")), 13);
        let out = drain(served);
        scratch.write("all.ndjson", &lines(0..650));
        let plain = Scratch::new();
        plain.write("all.ndjson", &lines(0..650));
        plain.write(
            "p.toml",
            &JOB.replace("type = \"http\"\nmax_body = \"1MiB\"", "type = \"file\"\npath = \"all.ndjson\""),
        );
        let file = plain.run(["run", "p.toml"]);
        file.expect(0, &[]);
        assert_eq!(rows(&out), rows(&file.out), "{workers} workers");
        assert!(rows(&out).len() > 15);
    }
}

#[test]
fn what_is_not_taken_is_told_why_and_where() {
    let scratch = job("");
    let served = start(&scratch, &[]);
    let good = event(1, "a");
    let long = format!("{{\"timestamp\": 1, \"x\": \"{}\"}}", "y".repeat(3000));
    let large = "{}\n".repeat(400_000);
    let (bad_gzip, cut) = (gzip(b"x")[..12].to_vec(), zstd(lines(0..50).as_bytes())[..30].to_vec());
    let bomb = [b' '; 1 << 16].repeat(64);
    let (gzip_bomb, zstd_bomb) = (gzip(&bomb), zstd(&bomb));
    assert!(gzip_bomb.len() < 10_000 && zstd_bomb.len() < 10_000);
    // A frame that asks for a window of 64 MiB.
    let wide: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x80, 0x01, 0x00, 0x00];
    for (path, headers, body, status, code, says) in [
        ("/v1/ingest/event", "", good.as_bytes(), 404, "api.source", "did you mean events?"),
        ("/v1/ingest/events?on_bad=drop", "", good.as_bytes(), 400, "api.question", "reject, skip"),
        ("/v1/ingest/events?x=1", "", good.as_bytes(), 400, "api.question", "on_bad"),
        (PATH, "Content-Encoding: br\r\n", good.as_bytes(), 415, "api.body", "gzip or zstd"),
        (PATH, "Content-Encoding: gzip\r\n", good.as_bytes(), 400, "api.body", "Content-Encoding"),
        (PATH, "Content-Encoding: gzip\r\n", &bad_gzip, 400, "api.body", "Content-Encoding"),
        (PATH, "Content-Encoding: zstd\r\n", &cut, 400, "api.body", "Content-Encoding"),
        (PATH, "Content-Encoding: zstd\r\n", wide, 400, "api.body", "Content-Encoding"),
        (PATH, "Content-Encoding: gzip\r\n", &gzip_bomb, 413, "api.body", "max_body"),
        (PATH, "Content-Encoding: zstd\r\n", &zstd_bomb, 413, "api.body", "max_body"),
        (PATH, "", large.as_bytes(), 413, "api.body", "max_body"),
        (PATH, "", b"[{}", 400, "api.body", "array of objects"),
        (PATH, "Idempotency-Key: \r\n", good.as_bytes(), 400, "api.question", "UUID"),
        (PATH, "", b"[1, 2]", 422, "api.records", "?on_bad=skip"),
        (PATH, "", long.as_bytes(), 422, "api.records", "?on_bad=skip"),
        (PATH, "", b"\xff\xfe\x00", 422, "api.records", "?on_bad=skip"),
    ] {
        let answer = post(&served, path, headers, body);
        let error = answer.json()["error"].clone();
        assert_eq!((answer.status, error["code"].as_str()), (status, Some(code)), "{path} {headers} {}", answer.body);
        assert!(error["help"].as_str().unwrap().contains(says), "{}", answer.body);
    }
    let text = format!("{good}\n{{\"timestamp\": \"soon\"}}\n\n{good}\nnot json\n{{}}\n");
    let refused = post(&served, PATH, "", &text).json();
    assert_eq!((refused["accepted"].as_u64(), refused["rejected"].as_u64()), (Some(0), Some(3)));
    let places: Vec<_> =
        refused["bad"].as_array().unwrap().iter().map(|b| (b["line"].as_u64(), b["reason"].as_str())).collect();
    assert_eq!(places, [(Some(2), Some("time_type")), (Some(5), Some("syntax")), (Some(6), Some("time_missing"))]);
    let offset = refused["bad"][1]["offset"].as_u64().unwrap() as usize;
    assert!(text[offset..].starts_with("not json"), "{refused}");
    let skipped = post(&served, &format!("{PATH}?on_bad=skip"), "", &text);
    accepts(&skipped, 2);
    assert_eq!(skipped.json()["bad"], refused["bad"]);
    let indexed = post(&served, PATH, "", format!("[{good},7,\n{{}}]"));
    assert_eq!(
        (indexed.json()["bad"][0]["index"].as_u64(), indexed.json()["bad"][1]["index"].as_u64()),
        (Some(1), Some(2))
    );
    let long = post(&served, &format!("{PATH}?on_bad=skip"), "", format!("{long}\n{good}\n"));
    accepts(&long, 1);
    assert_eq!(long.json()["bad"][0]["reason"], "line_too_long");

    // What went in is what was said, and the rest is where the lines of a file would be.
    served.until("/v1/metrics?prefix=source_events", |answer| answer.json()["metrics"][0]["value"] == 3.0);
    assert_eq!(figure(&served, "ingest_events", None), 3);
    assert_eq!(figure(&served, "ingest_batches", Some("bad")), 13);
    assert_eq!(figure(&served, "ingest_batches", Some("large")), 3);
    // Who goes in the middle of a body leaves nothing behind.
    let mut kept = served.kept();
    kept.write(format!("POST {PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: 500\r\n\r\n{good}\n").as_bytes());
    drop(kept);
    served.until("/v1/metrics?prefix=ingest_waiting", |answer| answer.json()["metrics"][0]["value"] == 0.0);
    drain(served);
    let dead = scratch.read("dead.ndjson");
    let reasons: Vec<Value> =
        dead.lines().map(|l| serde_json::from_str::<Value>(l).unwrap()["reason"].clone()).collect();
    assert_eq!(reasons, ["time_type", "syntax", "time_missing", "line_too_long"]);
}

#[test]
fn a_batch_that_is_sent_again_under_its_key_is_answered_as_before_and_not_taken() {
    let scratch = job("");
    let served = start(&scratch, &[]);
    let key = "Idempotency-Key: 5b1e\r\n";
    // What was refused has changed nothing.
    assert_eq!(post(&served, PATH, key, "{}").status, 422);
    let first = post(&served, PATH, key, lines(0..10));
    accepts(&first, 10);
    assert_eq!(first.header("highwater-repeated"), "");
    for body in [lines(0..10), lines(0..50), "no".into()] {
        let again = post(&served, PATH, key, body);
        assert_eq!((again.status, &again.body, again.header("highwater-repeated")), (202, &first.body, "true"));
    }
    accepts(&post(&served, PATH, "Idempotency-Key: 5b1f\r\n", lines(0..10)), 10);
    // Many at once: one of them is the first.
    let repeated = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let answer = post(&served, PATH, "Idempotency-Key: once\r\n", lines(0..10));
                accepts(&answer, 10);
                repeated.fetch_add(u64::from(answer.header("highwater-repeated") == "true"), Ordering::SeqCst);
            });
        }
    });
    assert_eq!(repeated.load(Ordering::SeqCst), 7);
    assert_eq!(figure(&served, "ingest_events", None), 30);
    assert_eq!(counted(&drain(served)), 30);
}

#[test]
fn without_room_nothing_is_taken_and_what_was_is_read_at_the_end() {
    let scratch = job(SLOW);
    let served = start(&scratch, &["-w", "2"]);
    // The first lines are read at once, and then none for an hour.
    let mut kept = served.kept();
    let (mut sent, mut full) = (0, None);
    while full.is_none() && sent < 1_000_000 {
        let answer = kept.post(PATH, "", lines(sent..sent + 100).as_bytes()).unwrap();
        match answer.status {
            202 => sent += 100,
            _ => full = Some(answer),
        }
    }
    let full = full.unwrap();
    assert_eq!(
        (full.status, full.header("retry-after"), full.json()["error"]["code"].as_str()),
        (429, "1", Some("api.full"))
    );
    assert!((1000..10_000).contains(&sent), "{sent}");
    let ready = served.get("/readyz");
    assert_eq!(ready.status, 503);
    assert!(ready.body.contains("full: ") && ready.body.contains("bytes wait for source events"), "{}", ready.body);
    assert!(figure(&served, "ingest_waiting", None) <= 64 << 10);
    // Bodies whose size is not known, and packed ones, find no room either; the connection stays.
    assert_eq!(kept.post(PATH, "Content-Encoding: gzip\r\n", &gzip(lines(0..100).as_bytes())).unwrap().status, 429);
    // A WebSocket waits: neither an answer nor more is read. What is not accepted may be lost.
    let mut socket = served.socket(PATH);
    socket.0.send(Message::text(lines(0..200))).unwrap();
    served.child.signal("TERM");
    // It hears so, where the run has come to read it.
    if let Some(refused) = socket.next() {
        assert_eq!((&refused["ack"], &refused["error"]["code"]), (&json!(1), &json!("api.closed")), "{refused}");
        assert_eq!(socket.next(), None);
    }
    let ended = served.child.end();
    ended.expect(0, &[]);
    assert_eq!(counted(&ended.out), sent);
}

#[test]
fn memory_stays_bounded_whatever_is_sent() {
    let scratch = job(&SLOW.replace("64KiB", "4MiB").replace("32KiB", "4MiB"));
    let served = start(&scratch, &[]);
    let before = served.child.peak();
    let bomb = gzip(&[b' '; 1 << 16].repeat(1000));
    let body = lines(0..20_000);
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                let mut kept = served.kept();
                for i in 0..12 {
                    let (headers, body) =
                        if i % 3 == 0 { ("Content-Encoding: gzip\r\n", &bomb[..]) } else { ("", body.as_bytes()) };
                    let answer = kept.post(PATH, headers, body).unwrap();
                    assert!([202, 413, 429].contains(&answer.status), "{}", answer.body);
                }
            });
        }
    });
    // Of 8 clients with 60 MB, 64 MB each packed: what waits, what is on its way, and what was unpacked.
    let grown = served.child.peak() - before;
    assert!(grown < 40 << 20, "{grown}");
    drain(served);
}

#[test]
fn one_connection_keeps_its_order_with_several_workers() {
    let scratch = job("");
    let served = start(&scratch, &["-w", "3"]);
    let mut kept = served.kept();
    let mut socket = served.socket(PATH);
    for i in 0..200 {
        // Any two that changed places would be late.
        if i % 2 == 0 {
            accepts(&kept.post(PATH, "", lines(i * 7..i * 7 + 7).as_bytes()).unwrap(), 7);
        } else {
            socket.0.send(Message::text(lines(i * 7..i * 7 + 7))).unwrap();
            assert_eq!(socket.next().unwrap()["accepted"], 7);
        }
    }
    served.until("/v1/metrics?prefix=source_events", |answer| answer.json()["metrics"][0]["value"] == 1400.0);
    let late = served.get("/v1/metrics?prefix=part_late").json();
    assert_eq!(late["metrics"][0]["value"], 0.0, "{late}");
    drain(served);
}

#[test]
fn messages_are_acknowledged_in_their_order_and_bad_ones_say_why() {
    let scratch = job("");
    let served = start(&scratch, &[]);
    let mut socket = served.socket(PATH);
    let bodies = ["{}".to_owned(), lines(0..3), "[".to_owned(), array(3..5, ","), "\n".to_owned()];
    bodies.iter().for_each(|body| socket.0.send(Message::text(body.clone())).unwrap());
    let answers: Vec<Value> = bodies.iter().map(|_| socket.next().unwrap()).collect();
    let said: Vec<_> =
        answers.iter().map(|a| (a["ack"].as_u64(), a["accepted"].as_u64(), a["error"]["code"].as_str())).collect();
    assert_eq!(
        said,
        [
            (Some(1), Some(0), Some("api.records")),
            (Some(2), Some(3), None),
            (Some(3), Some(0), Some("api.body")),
            (Some(4), Some(2), None),
            (Some(5), Some(0), None),
        ]
    );
    assert_eq!(answers[0]["bad"][0]["reason"], "time_missing");
    let mut skipping = served.socket(&format!("{PATH}?on_bad=skip"));
    skipping.0.send(Message::text(format!("{{}}\n{}", event(6, "a")))).unwrap();
    let skipped = skipping.next().unwrap();
    assert_eq!((&skipped["accepted"], &skipped["rejected"]), (&json!(1), &json!(1)));
    // A message that is too large ends it; why arrives where the rest of the message does not come in between.
    let _ = skipping.0.send(Message::text("x".repeat((1 << 20) + 1)));
    let code = closed(&mut skipping);
    assert!(code.is_none_or(|code| code == 1009), "{code:?}");
    assert_eq!(served.get(PATH).status, 426);
    let origin = served.ask(PATH, "Origin: http://evil.example\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n");
    assert_eq!(origin.status, 403);
    drain(served);
}

/// The code that a WebSocket is closed with; none where it is only gone.
fn closed(socket: &mut Follower) -> Option<u16> {
    loop {
        if let Message::Close(frame) = socket.0.read().ok()? {
            return Some(u16::from(frame.unwrap().code));
        }
    }
}

#[test]
fn a_signal_while_many_send_loses_nothing_that_was_accepted() {
    const CLIENTS: u64 = 6;
    let scratch = job("");
    let served = start(&scratch, &["-w", "2"]);
    let (accepted, unknown) = (AtomicU64::new(0), AtomicU64::new(0));
    let enough = AtomicBool::new(false);
    let ended = std::thread::scope(|scope| {
        let senders: Vec<_> = (0..CLIENTS)
            .map(|i| {
                let mut kept = served.kept();
                let (accepted, unknown, enough) = (&accepted, &unknown, &enough);
                scope.spawn(move || {
                    let began = std::time::Instant::now();
                    loop {
                        match kept.post(PATH, "", lines(0..10 + i).as_bytes()) {
                            Ok(answer) if answer.status == 202 => {
                                let all = accepted.fetch_add(10 + i, Ordering::SeqCst);
                                enough.fetch_or(all > 20_000, Ordering::SeqCst);
                            }
                            Ok(answer) if answer.status == 429 => {}
                            Ok(answer) => {
                                assert_eq!(answer.status, 503, "{}", answer.body);
                                return;
                            }
                            Err(_) => {
                                unknown.fetch_add(10 + i, Ordering::SeqCst);
                                return;
                            }
                        }
                        assert!(began.elapsed() < LIMIT, "the run does not end");
                    }
                })
            })
            .collect();
        assert!(crate::harness::eventually(|| enough.load(Ordering::SeqCst)));
        served.child.signal("TERM");
        let ended = served.child.end();
        senders.into_iter().for_each(|sender| sender.join().unwrap());
        ended
    });
    ended.expect(0, &[]);
    let (total, accepted, unknown) = (counted(&ended.out), accepted.into_inner(), unknown.into_inner());
    let fits = total >= accepted && total <= accepted + unknown;
    assert!(fits, "{accepted} accepted, {unknown} unknown, {total} counted");
}

#[test]
fn garbage_is_answered_and_the_run_goes_on() {
    let scratch = job("");
    let served = start(&scratch, &[]);
    let mut state = 88_172_645_463_325_252_u64;
    let mut random = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    for i in 0..300 {
        let length = random() % 400;
        let mut body: Vec<u8> = (0..length).map(|_| b"{}[]\":,\\\n 1\xffat"[random() as usize % 14]).collect();
        let headers = match i % 4 {
            0 => "Content-Encoding: gzip\r\n",
            1 => "Content-Encoding: zstd\r\n",
            2 => "Content-Type: application/x-ndjson\r\n",
            _ => "",
        };
        if i % 8 < 2 {
            body = if i % 4 == 0 { gzip(&body) } else { zstd(&body) };
            let at = random() as usize % body.len();
            body[at] ^= 1 << (random() % 8);
        }
        let answer = post(&served, PATH, headers, &body);
        assert!([202, 400, 422].contains(&answer.status), "{i}: {} {body:?}", answer.body);
        answer.json();
    }
    accepts(&post(&served, PATH, "", lines(0..5)), 5);
    drain(served);
}

#[test]
fn a_source_without_a_server_says_what_to_write() {
    let scratch = job("");
    let run = scratch.run(["run", "p.toml"]);
    run.expect(2, &["error[source.http]", "--serve 127.0.0.1:8080", "sources.events"]);
    let check = scratch.run(["check", "p.toml"]);
    check.expect(0, &[]);
    assert!(check.out.contains("warning[source.http]") && check.out.contains("[serve]"), "{}", check.out);
    scratch.run(["why", "p.toml", "pages"]).expect(2, &["error[history.input]", "type=file"]);
    let served = job("[serve]\nlisten = \"127.0.0.1:0\"\n");
    let check = served.run(["check", "p.toml"]);
    check.expect(0, &[]);
    assert!(!check.out.contains("source.http"), "{}", check.out);
    let explain = served.run(["explain", "p.toml"]);
    explain.expect(0, &[]);
    assert!(explain.out.contains("sent to /v1/ingest/events, 1 partition, 64MiB may wait"), "{}", explain.out);
}

#[test]
fn in_a_cluster_process_0_takes_events_and_all_of_them_count() {
    let scratch = job("");
    let hosts = crate::cluster::Hosts::new(&scratch, 2);
    let mut all = hosts.meet(&["--serve", "127.0.0.1:0", "-w", "2"]);
    let (other, mut child) = (all.pop().unwrap(), all.pop().unwrap());
    let address = child.said("serving on http://").trim_end_matches('/').to_owned();
    let served = Served { child, address };
    served.until("/readyz", |answer| answer.status == 200);
    for i in 0..20 {
        accepts(&post(&served, PATH, "", lines(i * 50..i * 50 + 50)), 50);
    }
    // The signal to one drains both.
    served.child.signal("TERM");
    let ended = served.child.end();
    ended.expect(0, &[]);
    other.end().expect(0, &[]);
    assert_eq!(counted(&ended.out), 1000);
}
