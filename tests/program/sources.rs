//! Sources as a user meets them: files that are followed while they are rotated and truncated, patterns, formats, errors.

use crate::harness::Scratch;
use std::fs::{File, OpenOptions};
use std::io::Write;

const WINDOW: &str = r#"
[windows.w]
from = "events"
size = "10s"
select = { n = "count(*)", last = "max(v)" }

[sinks.rows]
type = "stdout"
format = "json"
from = ["w"]
"#;

fn pipeline(scratch: &Scratch, source: &str) {
    scratch.write("p.toml", &format!("[sources.events]\ntype = \"file\"\n{source}\n{WINDOW}"));
}

fn event(second: u32) -> String {
    format!("{{\"timestamp\": {}, \"v\": {second}}}\n", 1_767_614_400 + second)
}

fn events(seconds: &[u32]) -> String {
    seconds.iter().map(|s| event(*s)).collect()
}

/// How a row of the window shows its values.
fn row(n: u32, last: u32) -> String {
    format!("\"n\":{n},\"last\":{last},")
}

fn append(scratch: &Scratch, name: &str, text: &str) {
    let mut file = OpenOptions::new().append(true).create(true).open(scratch.path(name)).unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

#[test]
fn a_followed_file_when_rotated_and_truncated_then_loses_and_doubles_no_line() {
    for workers in ["1", "3"] {
        let scratch = Scratch::new();
        pipeline(&scratch, "path = \"app.log\"\nfollow = true");
        scratch.write("app.log", &events(&[0, 1, 11]));
        let mut child = scratch.program(["run", "p.toml", "-w", workers]).env("RUST_LOG", "info").start();
        child.until_out(&row(2, 1));
        // A line that comes in two parts, the second one with the next line.
        let line = event(12);
        let (first, second) = line.split_at(9);
        append(&scratch, "app.log", first);
        append(&scratch, "app.log", &format!("{second}{}", event(21)));
        child.until_out(&row(2, 12));
        // Its writer holds the old file a little longer; its last line has no end.
        std::fs::rename(scratch.path("app.log"), scratch.path("app.log.1")).unwrap();
        append(&scratch, "app.log.1", event(22).trim_end());
        append(&scratch, "app.log", &events(&[23, 24, 31]));
        child.until_out(&row(4, 24));
        child.until_err("the file was rotated");
        // Copied away and truncated.
        File::options().write(true).open(scratch.path("app.log")).unwrap().set_len(0).unwrap();
        child.until_err("the file was truncated");
        append(&scratch, "app.log", &events(&[32, 41]));
        child.until_out(&row(2, 32));
        append(&scratch, "app.log", event(42).trim_end());
        child.signal("INT");
        let ended = child.end();
        ended.expect(0, &["11 events"]);
        assert!(ended.out.contains(&row(1, 41)), "{}", ended.out);
    }
}

#[test]
fn patterns_when_nothing_matches_then_the_error_says_so() {
    let scratch = Scratch::new();
    for (source, says) in [
        ("path = \"*.none\"", "no file matches *.none"),
        ("path = \"empty\"", "the folder empty has no files"),
        ("path = \"a.gz\"\nfollow = true", "a.gz is compressed and cannot be followed"),
    ] {
        std::fs::create_dir_all(scratch.path("empty")).unwrap();
        scratch.write("a.gz", "");
        pipeline(&scratch, source);
        scratch.run(["run", "p.toml"]).expect(2, &[says, "sources.events.path", "help:"]);
    }
}

#[test]
fn lines_and_fields_when_some_are_bad_then_those_are_counted_and_kept() {
    let scratch = Scratch::new();
    std::fs::create_dir_all(scratch.path("in/deep")).unwrap();
    scratch.write("in/a.csv", "timestamp,v\n1,5\n2,\"6\n3,7,8\n4,x\n");
    scratch.write("in/deep/b.csv", "v;ignored,timestamp\n");
    let source = "path = \"in/**/*.csv\"\nformat = \"csv\"\ntypes = { v = \"int\" }\ndead_letters = \"bad.ndjson\"";
    pipeline(&scratch, source);
    let ended = scratch.run(["run", "p.toml"]);
    ended.expect(0, &["1 event in", "rejected     3"]);
    assert!(ended.out.contains(&row(1, 5)), "{}", ended.out);
    let kept = scratch.read("bad.ndjson");
    let kept: Vec<serde_json::Value> = kept.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    let told: Vec<_> = kept.iter().map(|l| (l["position"].as_u64().unwrap(), l["reason"].as_str().unwrap())).collect();
    assert_eq!(told, [(16, "quotes"), (21, "field_count"), (27, "value_type")]);

    scratch.write("in.log", "1 GET 5\nnothing\n2 PUT 9\n");
    pipeline(
        &scratch,
        "path = \"in.log\"\nformat = \"lines\"\npattern = '^(?<timestamp>\\d+) [A-Z]+ (?<v>\\d+)$'\ntypes = { v = \"int\" }",
    );
    let ended = scratch.run(["run", "p.toml"]);
    ended.expect(0, &["2 events", "no_match"]);
    assert!(ended.out.contains(&row(2, 9)), "{}", ended.out);
}
