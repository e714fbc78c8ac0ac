//! Sources whose time is that of the clock: rows come while the input is silent and open, in one process and in two.
//!
//! What cannot be said here is which window an event is in: that depends on the clock, so only sums are compared.

use crate::cluster::Hosts;
use crate::harness::{Child, Ended, Input, Scratch};
use std::fs::OpenOptions;
use std::io::Write;

const JOB: &str = r#"
[sources.events]
SOURCE
format = "lines"
time = { clock = "processing" }

[windows.w]
from = "events"
size = "1s"
group_by = { word = "line" }
select = { n = "count(*)" }

[sinks.rows]
type = "stdout"
format = "json"
from = ["w"]
"#;

fn pipeline(source: &str) -> Scratch {
    let scratch = Scratch::new();
    scratch.write("p.toml", &JOB.replace("SOURCE", source));
    scratch
}

/// How many events the rows have, all of them first statements.
fn counted(ended: &Ended) -> u64 {
    let row = |line: &str| serde_json::from_str::<serde_json::Value>(line).unwrap();
    let rows = ended.out.lines().map(row);
    rows.inspect(|r| assert_eq!((r["revision"].as_u64(), r["op"].as_str()), (Some(0), Some("+")), "{r}"))
        .map(|r| r["n"].as_u64().unwrap())
        .sum()
}

#[test]
fn a_window_by_the_clock_when_the_input_is_silent_then_is_stated_all_the_same() {
    for workers in ["1", "3"] {
        let scratch = pipeline("type = \"stdin\"");
        let mut child = scratch.program(["run", "p.toml", "-w", workers]).input(Input::Fed).start();
        child.feed("one\n");
        child.until_out("\"word\":\"one\",\"n\":1,");
        child.feed("two\nthree\ntwo\n");
        child.until_out("\"word\":\"three\",\"n\":1,");
        assert!(child.is_alive());
        child.feed("last\n");
        child.close_input();
        let ended = child.end();
        ended.expect(0, &["5 events"]);
        assert_eq!(counted(&ended), 5);
        assert!(!ended.err.contains("late"), "{}", ended.err);
    }
}

#[test]
fn windows_by_the_clock_when_two_processes_read_then_wait_for_neither() {
    let scratch = pipeline("type = \"file\"\npath = [\"a.log\", \"b.log\"]\nfollow = true");
    scratch.write("a.log", "one\n");
    scratch.write("b.log", "");
    let hosts = Hosts::new(&scratch, 2);
    let mut all = hosts.meet(&[]);
    // Each file is read by one process; the other one says nothing.
    all[0].until_out("\"word\":\"one\",\"n\":1,");
    let append = |name: &str, text: &str| {
        OpenOptions::new().append(true).open(scratch.path(name)).unwrap().write_all(text.as_bytes()).unwrap();
    };
    append("b.log", "two\n");
    all[0].until_out("\"word\":\"two\",\"n\":1,");
    append("a.log", "three\n");
    all[0].until_out("\"word\":\"three\",\"n\":1,");
    all[1].signal("INT");
    let ended: Vec<Ended> = all.into_iter().map(Child::end).collect();
    assert!(ended.iter().all(|e| e.code() == 0 && !e.err.contains("late")), "{ended:?}");
    assert_eq!(counted(&ended[0]), 3);
}

#[test]
fn a_file_by_the_clock_when_two_processes_share_its_blocks_then_counts_every_line_once() {
    let scratch = pipeline("type = \"file\"\npath = \"a.log\"");
    scratch.write("a.log", &"some line\nanother\n".repeat(100_000));
    let hosts = Hosts::new(&scratch, 2);
    let all = hosts.meet(&["-w", "2"]);
    let ended: Vec<Ended> = all.into_iter().map(Child::end).collect();
    assert!(ended.iter().all(|e| e.code() == 0 && !e.err.contains("late")), "{ended:?}");
    assert_eq!(counted(&ended[0]), 200_000);
}

#[test]
fn explain_says_whose_time_it_is() {
    let scratch = pipeline("type = \"stdin\"");
    for (form, says) in [
        ("text", "time          the wall clock when a line is read: results depend on it"),
        ("json", "\"clock\": \"processing\""),
        ("dot", "until now"),
    ] {
        let ended = scratch.run(["explain", "p.toml", "--format", form]);
        assert!(ended.out.contains(says), "{form}: {}", ended.out);
    }
}
