//! Memory and input while something stands still: the reader of the output, or one of two sources.
//!
//! What it can catch: queues without a bound. What it cannot: a bound that is a little off.

use crate::harness::{Child, Input, Output, Scratch, eventually, ports};

/// The most memory a child may have, bytes: about 40 MB are used; without bounds it would be more than 120 MB.
const MOST: u64 = 80 << 20;

/// Events of the large inputs.
const EVENTS: u64 = 1_000_000;

/// A row for every event.
const WIDE: &str = r#"
[run]
max_inflight = "4MiB"
max_drift = "2s"

[sources.events]
type = "generate"
events = 1_000_000
rate = 10_000

[windows.w]
from = "events"
size = "1s"
group_by = ["event_id", "user_id", "session_id"]
select = { n = "count(*)", longest = "max(data.duration)" }

[sinks.rows]
type = "stdout"
format = "json"
from = ["w"]
"#;

#[test]
fn a_reader_that_stops_holds_the_run_and_its_memory() {
    let scratch = Scratch::new();
    scratch.write("p.toml", WIDE);
    let mut child = scratch.program(["run", "p.toml", "-w", "2"]).output(Output::Gated).start();
    child.until_still();
    assert!(child.is_alive(), "it cannot have written its rows: nobody has read them");
    let peak = child.peak();
    assert!(peak < MOST, "{peak} bytes while nobody reads");
    child.open_gate();
    let ended = child.end();
    ended.expect(0, &["1,000,000 events in "]);
    assert_eq!(ended.lines, EVENTS);
}

/// A fast generator beside standard input.
const BESIDE: &str = r#"
[run]
max_inflight = "4MiB"
max_drift = "5s"

[sources.ahead]
type = "generate"
events = 1_000_000
rate = 10_000

[sources.silent]
type = "stdin"

[windows.fast]
from = "ahead"
size = "1s"
group_by = ["event_id", "user_id", "session_id"]
select = { n = "count(*)" }

[windows.slow]
from = "silent"
size = "1s"
select = { n = "count(*)" }

[sinks.of_fast]
type = "file"
path = "out/fast.ndjson"
from = ["fast"]

[sinks.of_slow]
type = "file"
path = "out/slow.ndjson"
from = ["slow"]
"#;

#[test]
fn a_source_that_is_ahead_waits_for_the_one_that_is_silent() {
    let scratch = Scratch::new();
    scratch.write("p.toml", BESIDE);
    let program = scratch.program(["run", "p.toml", "-w", "2"]).env("RUST_LOG", "info").input(Input::Fed);
    let mut child = program.start();
    child.until_err("ready");
    // Second 20 of the 100: the fast one may read five seconds more.
    child.feed("{\"timestamp\": 1767614420}\n");
    let part = scratch.path("out/fast.ndjson.part");
    let written = || std::fs::read_to_string(&part).unwrap_or_default();
    assert!(eventually(|| written().contains("\"window_start\":\"2026-01-05T12:00:22Z\"")));
    child.until_still();
    assert!(child.is_alive() && !scratch.path("out/fast.ndjson").exists());
    let peak = child.peak();
    assert!(peak < MOST, "{peak} bytes while one source is silent");
    let ahead = written();
    assert!(!ahead.contains("2026-01-05T12:00:28Z"), "the fast source went on");
    child.close_input();
    child.end().expect(0, &["1,000,001 events in "]);
    let rows = scratch.read("out/fast.ndjson");
    assert_eq!((rows.lines().count() as u64, scratch.read("out/slow.ndjson").lines().count()), (EVENTS, 1));
}

#[test]
fn a_reader_that_stops_holds_all_processes() {
    let scratch = Scratch::new();
    scratch.write("p.toml", WIDE);
    let hosts: String = ports(2).iter().map(|p| format!("127.0.0.1:{p}\n")).collect();
    scratch.write("hosts.txt", &hosts);
    let start = |p: &str| {
        let program = scratch.program(["run", "p.toml", "--hosts", "hosts.txt", "-n", "2", "-p", p]);
        program.env("HIGHWATER_TOKEN", "secret").output(Output::Gated).start()
    };
    let mut both = [start("0"), start("1")];
    for child in &mut both {
        child.until_still();
        assert!(child.is_alive());
    }
    let peaks = both.each_ref().map(Child::peak);
    assert!(peaks.iter().all(|peak| *peak < MOST), "{peaks:?} bytes while nobody reads");
    both[0].open_gate();
    let [first, second] = both.map(Child::end);
    first.expect(0, &[]);
    second.expect(0, &[]);
    assert_eq!((first.lines, second.lines), (EVENTS, 0));
}

#[test]
fn rows_of_one_time_that_are_more_than_the_bound_pass() {
    let scratch = Scratch::new();
    // 20,000 rows a window are more than a sink's queue of 1 MiB takes.
    scratch.write("p.toml", &WIDE.replace("\"1s\"", "\"2s\""));
    let sets = ["--set", "run.max_inflight=1MiB", "--set", "sources.events.events=200000"];
    let ended = scratch.program(["run", "p.toml"]).args(sets).output(Output::Gated).start();
    ended.open_gate();
    let ended = ended.end();
    ended.expect(0, &["200,000 events in "]);
    assert_eq!(ended.lines, 200_000);
}
