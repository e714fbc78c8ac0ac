//! Batches that are sent, through the queue of their source, against the same lines in a file.
//!
//! What it can catch: lines that are lost, doubled or out of order, and answers that depend on how batches are cut into
//! blocks, or on who reads them. What it cannot: anything before the queue.

use crate::harness::{Captured, Width, in_time, plan_of, run, write_case};
use highwater::engine::{self, Brought, Options};
use highwater::source::{Door, Shut};
use highwater::{Pipeline, Source, Window};
use std::fmt::Write;
use std::io::{Read, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::thread::yield_now;

const JOB: &str = r#"
[sources.events]
KIND
out_of_orderness = "1s"

[windows.w]
from = "events"
size = "4s"
slide = "2s"
allowed_lateness = "3s"
group_by = { k = "k" }
select = { n = "count(*)", sum = "sum(v)", first = "first(v)", last = "last(v)" }

[sinks.out]
type = "stdout"
format = "json"
times = "unix_ms"
from = ["w"]
"#;

/// Numbers that look random.
struct Draw(u64);

impl Draw {
    fn below(&mut self, n: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % n
    }
}

/// Events in batches of many sizes: out of order, late, too late; and lines that are none.
fn batches(seed: u64) -> Vec<String> {
    let mut draw = Draw(seed);
    let mut time = 1_000_000;
    let sizes = [1, 2, 5, 40, 700];
    (0..60)
        .map(|_| {
            let mut text = String::new();
            for _ in 0..sizes[draw.below(5) as usize] {
                time += draw.below(60);
                let behind = [0, 0, 300, 900, 2500, 6000][draw.below(6) as usize];
                let (at, k, v) = (time - behind, draw.below(5), draw.below(1000) as f64 / 7.0);
                let _ = match draw.below(40) {
                    0 => writeln!(text, "no event {v}"),
                    1 => writeln!(text),
                    _ => writeln!(text, "{{\"timestamp\": {}.{:03}, \"k\": {k}, \"v\": {v}}}", at / 1000, at % 1000),
                };
            }
            // The line end of the last is not asked for.
            text.pop();
            text
        })
        .collect()
}

/// Sends all batches, drains, and gives what was written.
fn sent(batches: Vec<String>, workers: usize, limit: u64) -> String {
    let door = Door::new(limit);
    let (ready, told) = channel();
    let output = Captured::default();
    let stdout = Box::new(output.clone());
    let behind = Arc::clone(&door);
    let running = std::thread::spawn(move || {
        let options = Options {
            stdout,
            given: Brought { doors: vec![("events".into(), behind)], ..Brought::default() },
            on_ready: Box::new(move |running| ready.send(running.clone()).expect("the test waits for it")),
            ..Options::local(workers)
        };
        engine::run(plan_of(&JOB.replace("KIND", "type = \"http\"")), options).expect("nothing of it fails")
    });
    let handle = told.recv().expect("the run begins");
    for batch in batches {
        let room = loop {
            match door.room(batch.len() as u64) {
                Ok(room) => break room,
                Err(Shut::Full) => yield_now(),
                Err(Shut::Closed) => panic!("the run goes on"),
            }
        };
        room.enter(batch.into_bytes(), Vec::new()).expect("the run goes on");
    }
    // What has entered is read.
    handle.drain();
    running.join().expect("the run does not panic");
    assert!(door.is_closed() && door.taken() == 0);
    output.text()
}

#[test]
fn what_is_sent_is_what_a_file_has_at_every_width_and_with_little_room() {
    for seed in [1, 2] {
        let batches = batches(seed);
        let folder = tempfile::tempdir().expect("a folder");
        let text = write_case(
            folder.path(),
            &JOB.replace("KIND", "type = \"file\"\npath = \"{0}\""),
            &[batches.iter().map(|batch| format!("{batch}\n")).collect::<String>().into_bytes()],
        );
        let file = run(&text, Width::new(1, None)).expect("it runs");
        let expected = String::from_utf8(file.output).expect("JSON is text");
        assert!(expected.lines().filter(|row| row.contains("\"op\":\"-\"")).count() > 20, "there are corrections");
        for workers in [1, 2, 3] {
            for limit in [1, 64 << 20] {
                let batches = batches.clone();
                let out = in_time("what is sent", move || sent(batches, workers, limit));
                assert!(out == expected, "seed {seed}, {workers} workers, room for {limit}");
            }
        }
    }
}

#[test]
fn a_source_that_is_sent_its_events_needs_a_way_in() {
    let failed = engine::run(plan_of(&JOB.replace("KIND", "type = \"http\"")), Options::local(1));
    let error = failed.expect_err("nobody can send anything").to_string();
    assert!(error.contains("source.http") && error.contains("--serve"), "{error}");
}

#[test]
fn a_pipeline_of_a_program_is_sent_its_events_too() {
    // Free a moment ago.
    let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("there are ports");
    let address = free.to_string();
    let rows = in_time("a program is sent events", move || {
        let (rows, kept) = (Arc::new(Mutex::new(Vec::new())), address.clone());
        let theirs = Arc::clone(&rows);
        let send = move |running: &engine::Running| {
            let body = "[{\"timestamp\": 1}, {\"timestamp\": 2}]";
            let mut stream = TcpStream::connect(&kept).expect("it listens");
            let head = format!("POST /v1/ingest/events HTTP/1.1\r\nHost: {kept}\r\nConnection: close\r\n");
            write!(stream, "{head}Content-Length: {}\r\n\r\n{body}", body.len()).expect("it reads");
            let mut answer = String::new();
            stream.read_to_string(&mut answer).expect("it answers");
            assert!(answer.ends_with("{\"accepted\":2,\"rejected\":0}"), "{answer}");
            running.drain();
        };
        Pipeline::new("sent")
            .with("serve.listen", address.as_str())
            .source("events", Source::http())
            .window("w", Window::tumbling("10s").from("events").select("n", "count(*)"))
            .on_rows("w", move |row| theirs.lock().expect("nobody panics").push(row.to_string()))
            .run_with(Options { on_ready: Box::new(send), ..Options::local(2) })
            .expect("it runs");
        Arc::into_inner(rows).and_then(|rows| rows.into_inner().ok()).expect("it has ended")
    });
    assert!(rows.len() == 1 && rows[0].contains("\"n\":2"), "{rows:?}");
}
