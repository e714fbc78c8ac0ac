//! Partitions that fall silent: the windows of the others go on, and what comes later corrects them.

use crate::cluster::Hosts;
use crate::harness::{Child, Scratch};
use std::fs::OpenOptions;
use std::io::Write;

const JOB: &str = r#"
[sources.events]
type = "file"
path = ["a.log", "b.log"]
follow = true
idle_after = "300ms"

[windows.w]
from = "events"
size = "10s"
allowed_lateness = "LATENESS"
select = { n = "count(*)", last = "max(v)" }

[sinks.rows]
type = "stdout"
format = "json"
from = ["w"]
"#;

fn events(seconds: &[u32]) -> String {
    seconds.iter().map(|s| format!("{{\"timestamp\": {}, \"v\": {s}}}\n", 1_767_614_400 + s)).collect()
}

fn append(scratch: &Scratch, name: &str, text: &str) {
    let mut file = OpenOptions::new().append(true).create(true).open(scratch.path(name)).unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

fn pipeline(lateness: &str) -> Scratch {
    let scratch = Scratch::new();
    scratch.write("p.toml", &JOB.replace("LATENESS", lateness));
    scratch
}

fn row(n: u32, last: u32, revision: u32, op: char) -> String {
    format!("\"n\":{n},\"last\":{last},\"revision\":{revision},\"op\":\"{op}\"")
}

/// Reads rows at process 0 and appends to the files, which are there already; the last process reads b.
fn story(scratch: &Scratch, all: &mut [Child]) {
    let (first, last) = (0, all.len() - 1);
    // b speaks once, and then no more: without idleness nothing would be stated.
    all[first].until_out(&row(3, 8, 0, '+'));
    all[first].until_out(&row(2, 15, 0, '+'));
    // It speaks again, of a time that was stated: a correction, not a loss, as soon as event time moves on.
    append(scratch, "b.log", &events(&[7]));
    all[last].until_err("events come from it again partition=\"b.log\"");
    append(scratch, "a.log", &events(&[23]));
    all[first].until_out(&row(3, 8, 0, '-'));
    all[first].until_out(&row(4, 8, 1, '+'));
}

#[test]
fn a_partition_when_silent_then_the_others_go_on_and_what_it_brings_corrects() {
    for workers in ["1", "3"] {
        let scratch = pipeline("1m");
        scratch.write("a.log", &events(&[1, 8, 12, 15, 21]));
        scratch.write("b.log", &events(&[3]));
        let mut child = scratch.program(["run", "p.toml", "-w", workers]).env("RUST_LOG", "info").start();
        story(&scratch, std::slice::from_mut(&mut child));
        child.until_err("windows no longer wait for it");
        child.signal("INT");
        let ended = child.end();
        ended.expect(0, &["8 events", "a.log: ", "b.log: 2)"]);
        assert!(ended.out.contains(&row(2, 23, 0, '+')), "{}", ended.out);
    }
}

#[test]
fn a_partition_of_another_process_when_silent_then_the_others_go_on_too() {
    let scratch = pipeline("1m");
    scratch.write("a.log", &events(&[1, 8, 12, 15, 21]));
    scratch.write("b.log", &events(&[3]));
    let hosts = Hosts::new(&scratch, 2);
    let mut all = hosts.meet(&[]);
    story(&scratch, &mut all);
    all[0].signal("INT");
    let ended: Vec<_> = all.into_iter().map(Child::end).collect();
    assert!(ended.iter().all(|e| e.code() == 0), "{ended:?}");
    assert!(ended[0].out.contains(&row(2, 23, 0, '+')), "{}", ended[0].out);
}

#[test]
fn what_a_silent_partition_brings_when_beyond_the_lateness_then_it_is_counted() {
    let scratch = pipeline("2s");
    scratch.write("a.log", &events(&[1, 8, 12, 15, 21]));
    scratch.write("b.log", &events(&[3]));
    let mut child = scratch.program(["run", "p.toml"]).start();
    child.until_out(&row(2, 15, 0, '+'));
    append(&scratch, "b.log", &events(&[7, 41]));
    child.until_out(&row(1, 21, 0, '+'));
    child.signal("INT");
    child.end().expect(0, &["8 events", "1 too late (w: 1)"]);
}

#[test]
fn a_partition_when_it_may_be_silent_for_ever_then_the_others_wait_for_it() {
    let scratch = pipeline("1m");
    let text = scratch.read("p.toml").replace("300ms", "365d");
    scratch.write("p.toml", &text);
    scratch.write("a.log", &events(&[1, 8, 12, 15, 21]));
    scratch.write("b.log", &events(&[3]));
    let mut child = scratch.program(["run", "p.toml"]).start();
    append(&scratch, "b.log", &events(&[7, 11]));
    // Stated once and right: it was waited for.
    child.until_out(&row(4, 8, 0, '+'));
    child.signal("INT");
    let ended = child.end();
    ended.expect(0, &["8 events"]);
    assert!(!ended.out.contains("\"op\":\"-\""), "{}", ended.out);
    assert!(!ended.err.contains("idle"), "{}", ended.err);
}
