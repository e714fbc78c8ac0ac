//! Signals to a live run: the first drains it, so that what was read is stated and files are finished; a second one
//! stops it at once.

use crate::harness::{Child, Input, Output, Scratch};
use serde_json::Value;

/// Reads standard input, states to standard output and to a file.
const LIVE: &str = r#"
[sources.events]
type = "stdin"
dead_letters = "bad.ndjson"

[windows.w]
from = "events"
size = "10s"
select = { n = "count(*)" }

[sinks.rows]
type = "stdout"
format = "json"
from = ["w"]

[sinks.file]
type = "file"
path = "w.ndjson"
from = ["w"]
"#;

/// A generator that goes on for days, at the pace of the clock; small windows.
const PACED: &str = r#"
[sources.events]
type = "generate"
pace = "real-time"
events = 1_000_000_000
rate = 2000

[windows.w]
from = "events"
size = "100ms"
select = { n = "count(*)" }

[sinks.rows]
type = "stdout"
format = "json"
from = ["w"]

[sinks.file]
type = "file"
path = "w.ndjson"
from = ["w"]
"#;

fn event(second: u32) -> String {
    format!("{{\"timestamp\": {}, \"source\": \"test\"}}\n", 1_767_614_400 + second)
}

/// A run that has read three events and one bad line, and has stated the first window.
fn live(scratch: &Scratch, workers: &str) -> Child {
    scratch.write("p.toml", LIVE);
    let mut child = scratch.program(["run", "p.toml", "-w", workers]).input(Input::Fed).start();
    child.feed(event(1) + "bad\n" + &event(2) + &event(15));
    child.until_out("12:00:10Z");
    child
}

fn counts(text: &str) -> Vec<u64> {
    text.lines().map(|l| serde_json::from_str::<Value>(l).unwrap()["n"].as_u64().unwrap()).collect()
}

#[test]
fn a_signal_drains_standard_input_that_is_held_open() {
    for (signal, workers) in [("INT", "1"), ("TERM", "1"), ("INT", "2"), ("TERM", "3")] {
        let scratch = Scratch::new();
        let child = live(&scratch, workers);
        assert!(!scratch.path("w.ndjson").exists(), "a file appears when it is whole");
        child.signal(signal);
        let ended = child.end();
        ended.expect(0, &["finishing what was read", "3 events in "]);
        assert_eq!((counts(&ended.out), scratch.read("w.ndjson") == ended.out), (vec![2, 1], true), "{signal}");
        assert_eq!(scratch.read("bad.ndjson").lines().count(), 1);
        assert!(!scratch.path("w.ndjson.part").exists());
    }
}

#[test]
fn a_signal_drains_a_generator_that_is_paced_by_the_clock() {
    for (signal, workers) in [("INT", "1"), ("TERM", "2")] {
        let scratch = Scratch::new();
        scratch.write("p.toml", PACED);
        let mut child = scratch.program(["run", "p.toml", "-w", workers]).start();
        child.until_out("12:00:00.500Z");
        child.signal(signal);
        let ended = child.end();
        ended.expect(0, &["events in "]);
        let counts = counts(&ended.out);
        // Nothing that was read is lost: all windows but the last are whole.
        let (last, whole) = counts.split_last().unwrap();
        assert!(whole.len() >= 5 && whole.iter().all(|n| *n == 200) && *last <= 200, "{counts:?}");
        let said: u64 =
            ended.err.lines().find_map(|l| l.split_once(" events in")?.0.replace(',', "").parse().ok()).unwrap();
        assert_eq!(counts.iter().sum::<u64>(), said);
        assert_eq!(scratch.read("w.ndjson"), ended.out);
    }
}

#[test]
fn a_second_signal_stops_at_once() {
    let scratch = Scratch::new();
    scratch.write("p.toml", &PACED.replace("\"100ms\"\n", "\"100ms\"\ngroup_by = [\"event_id\"]\n"));
    // Nobody reads, so the drain cannot come to its end.
    let sets = ["--set", "sources.events.pace=none", "--set", "run.max_inflight=1MiB"];
    let program = scratch.program(["run", "p.toml"]).args(sets).env("RUST_LOG", "info").output(Output::Gated);
    let mut child = program.start();
    child.until_err("ready");
    // The output is full when a file's worth of rows has come to the other sink.
    assert!(crate::harness::eventually(|| {
        std::fs::metadata(scratch.path("w.ndjson.part")).is_ok_and(|m| m.len() > 200_000)
    }));
    child.signal("INT");
    child.until_err("a second signal stops at once");
    child.signal("INT");
    assert_eq!(child.end().code(), 130);
    assert!(!scratch.path("w.ndjson").exists());
}
