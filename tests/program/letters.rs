//! What was dropped is kept: lines that are no events and events that are too late come back after a fix.

use crate::harness::Scratch;
use std::collections::BTreeMap;

const JOB: &str = r#"
[sources.events]
type = "file"
path = ["a.ndjson", "b.ndjson"]
dead_letters = "dead.ndjson"

[windows.w]
from = "events"
size = "10s"
allowed_lateness = "5s"
too_late = "late/w.ndjson"
group_by = ["k"]
select = { n = "count(*)", sum = "sum(v)" }

[sinks.rows]
type = "stdout"
format = "json"
from = ["w"]
"#;

/// An event of second `s`; the value tells them apart.
fn event(s: u32, v: u32) -> String {
    format!("{{\"timestamp\": {s}, \"k\": \"k{}\", \"v\": {v}}}", v % 2)
}

/// What holds at the end: the value of each window and group.
fn last(out: &str) -> BTreeMap<String, (u64, u64)> {
    let mut rows = BTreeMap::new();
    for line in out.lines() {
        let row: serde_json::Value = serde_json::from_str(line).unwrap();
        let key = format!("{} {}", row["window_start"], row["k"]);
        let value = (row["n"].as_u64().unwrap(), row["sum"].as_u64().unwrap());
        if row["op"] == "+" {
            rows.insert(key, value)
        } else {
            rows.remove(&key)
        };
    }
    rows
}

fn letters(text: &str) -> Vec<serde_json::Value> {
    text.lines().map(|l| serde_json::from_str(l).unwrap()).collect()
}

#[test]
fn what_was_dropped_when_mended_and_fed_back_then_the_answer_is_as_if_it_had_been_right() {
    // In each file: event 7 has lost its brace, the one before the last is of a window that closed long ago.
    let file = |first: u32| {
        let mut lines: Vec<String> = (0..40).map(|s| event(s, first + s)).collect();
        lines.insert(39, event(3, first + 100));
        lines
    };
    let broken = |lines: &[String]| {
        let broken = |(i, l): (usize, &String)| if i == 7 { l.trim_end_matches('}').to_owned() } else { l.clone() };
        lines.iter().enumerate().map(broken).collect::<Vec<_>>().join("\n") + "\n"
    };
    let (a, b) = (file(0), file(1000));
    for workers in ["1", "3"] {
        let scratch = Scratch::new();
        scratch.write("p.toml", JOB);
        scratch.write("a.ndjson", &(a.join("\n") + "\n"));
        scratch.write("b.ndjson", &(b.join("\n") + "\n"));
        let run = |args: &[&str]| {
            let mut all = vec!["run", "p.toml", "-w", workers];
            all.extend(args);
            scratch.run(all)
        };
        let patient = ["--set", "windows.w.allowed_lateness=1h"];
        let truth = run(&patient);
        truth.expect(0, &["82 events", "late         2\n"]);

        scratch.write("a.ndjson", &broken(&a));
        scratch.write("b.ndjson", &broken(&b));
        let dropped = run(&[]);
        let kept = "0, 2 too late (w: 2), kept in late/w.ndjson";
        dropped.expect(0, &["80 events", "rejected     2 (syntax: 2), kept in dead.ndjson", kept]);
        let mut late = letters(&scratch.read("late/w.ndjson"));
        late.sort_by_key(|l| l["partition"].to_string());
        let lines: Vec<_> = late.iter().map(|l| l["line"].as_str().unwrap()).collect();
        assert_eq!(lines, [&*event(3, 100), &*event(3, 1100)]);
        let at = |l: &serde_json::Value| (l["part"].clone(), l["reason"].clone(), l["position"].as_u64().unwrap());
        let position = broken(&a).find(&event(3, 100)).unwrap() as u64;
        assert_eq!(at(&late[0]), ("w".into(), "too_late".into(), position));
        assert!(late[0]["detail"].as_str().unwrap().contains("the watermark was at 1970-01-01T00:00:38Z"), "{late:?}");

        std::fs::rename(scratch.path("late/w.ndjson"), scratch.path("fed.ndjson")).unwrap();

        // The lines are mended, and the window takes what is late.
        let mut dead = letters(&scratch.read("dead.ndjson"));
        for letter in &mut dead {
            letter["line"] = format!("{}}}", letter["line"].as_str().unwrap()).into();
        }
        let mended: String = dead.iter().map(|l| format!("{l}\n")).collect();
        scratch.write("mended.ndjson", &mended);
        let fed = run(&[&patient[..], &["--dead-letters", "mended.ndjson"]].concat());
        fed.expect(0, &["82 events", "rejected     2"]);
        assert_eq!(last(&fed.out), last(&truth.out));

        // By themselves: only what was too late.
        scratch.write("none.ndjson", "");
        let alone = run(&["--set", "sources.events.path=none.ndjson", "--dead-letters", "fed.ndjson"]);
        alone.expect(0, &["2 events"]);
        assert_eq!(last(&alone.out).into_values().collect::<Vec<_>>(), [(2, 1200)]);
    }
}

#[test]
fn letters_when_they_cannot_be_fed_then_the_error_says_why() {
    let scratch = Scratch::new();
    scratch.write("p.toml", JOB);
    scratch.write("a.ndjson", &event(1, 1));
    scratch.write("b.ndjson", "{\n");
    scratch.run(["run", "p.toml"]).expect(0, &["1 event in", "rejected     1"]);
    let fed = |file: &str| scratch.run(["run", "p.toml", "--dead-letters", file]);
    fed("dead.ndjson").expect(2, &["dead.ndjson is read, and this run would write it", "help:"]);
    assert_eq!(letters(&scratch.read("dead.ndjson")).len(), 1, "it is still there");
    fed("a.ndjson").expect(2, &["not a dead letter", "a.ndjson:1", "help:"]);
    fed("nowhere.ndjson").expect(3, &["cannot open nowhere.ndjson"]);
    let other = scratch.read("dead.ndjson").replace("\"source\":\"events\"", "\"source\":\"clicks\"");
    scratch.write("other.ndjson", &other);
    fed("other.ndjson").expect(2, &["letters of source clicks", "this pipeline's sources are: events"]);
}

#[test]
fn what_is_too_late_on_several_roads_when_kept_then_is_there_once_with_its_source() {
    let scratch = Scratch::new();
    let source = |name: &str| format!("[sources.{name}]\ntype = \"file\"\npath = \"{name}.ndjson\"\n");
    let streams = "[streams.s]\nfrom = \"a\"\nwhere = \"v > 0\"\n[streams.t]\nfrom = \"a\"\n";
    let window = "[windows.w]\nfrom = [\"s\", \"t\", \"b\"]\nsize = \"10s\"\ntoo_late = \"late.ndjson\"\n\
                  select = { n = \"count(*)\" }\n";
    scratch.write("p.toml", &format!("{}{}{streams}{window}", source("a"), source("b")));
    scratch.write("a.ndjson", &format!("{}\n{}\n{}\n", event(1, 1), event(40, 1), event(3, 1)));
    scratch.write("b.ndjson", &format!("{}\n{}\n{}\n", event(2, 2), event(41, 2), event(4, 2)));
    for workers in ["1", "3"] {
        // By two roads the event of a is two for the window, and one line.
        scratch
            .run(["run", "p.toml", "-w", workers])
            .expect(0, &["6 events", "3 too late (w: 3), kept in late.ndjson"]);
        let mut kept: Vec<_> = letters(&scratch.read("late.ndjson"))
            .iter()
            .map(|l| ["source", "partition", "line"].map(|key| l[key].as_str().unwrap().to_owned()))
            .collect();
        kept.sort();
        assert_eq!(kept, [["a", "a.ndjson", &*event(3, 1)], ["b", "b.ndjson", &*event(4, 2)]]);
    }
}
