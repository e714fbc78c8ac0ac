//! The ends of input: of all, of none, of bad lines, of a drain; what is counted, and what becomes of bad lines.

use super::harness::{Ran, Width, in_time, partition_path, run, run_with, write_case};
use super::oracle::{self, Agg, OracleAgg, OracleWindow, Partition, Shape, Unit};
use highwater::error::Kind;
use serde_json::Value;
use std::path::Path;

const S: i64 = 1_000_000;

/// `SOURCE` stands for more keys of the source, `WINDOW` for more keys of the window.
const COUNTING: &str = r#"
[sources.events]
type = "file"
path = PATHS
time = { field = "t", unit = "s" }
SOURCE

[windows.counts]
from = "events"
size = "10s"
slide = "5s"
WINDOW
group_by = { k = "k" }
select = { n = "count(*)", total = "sum(v)" }

[sinks.out]
type = "stdout"
format = "json"
times = "unix_ms"
from = ["counts"]
"#;

fn counting(partitions: usize, source: &str, window: &str) -> String {
    let paths: Vec<String> = (0..partitions).map(|p| format!("\"{{{p}}}\"")).collect();
    COUNTING.replace("PATHS", &format!("[{}]", paths.join(", "))).replace("SOURCE", source).replace("WINDOW", window)
}

const WIDTHS: &[Width] = &[
    Width { workers: 1, processes: 1, block: None },
    Width { workers: 1, processes: 1, block: Some(1) },
    Width { workers: 2, processes: 1, block: Some(50) },
    Width { workers: 3, processes: 1, block: Some(7) },
    Width { workers: 3, processes: 1, block: Some(1_000) },
    Width { workers: 2, processes: 2, block: Some(100) },
];

/// Runs at every width; `check` sees each run and the folder.
fn at_widths(pipeline: &str, partitions: &[&[u8]], check: impl Fn(Width, &Ran, &Path) + Send + 'static) {
    let folder = tempfile::tempdir().expect("a scratch folder");
    let partitions: Vec<Vec<u8>> = partitions.iter().map(|p| p.to_vec()).collect();
    let text = write_case(folder.path(), pipeline, &partitions);
    in_time("a run", move || {
        for width in WIDTHS {
            let ran = run(&text, *width).unwrap_or_else(|e| panic!("{width:?}: {e}"));
            check(*width, &ran, folder.path());
        }
    });
}

fn lines(of: &[(f64, &str, i64)]) -> String {
    of.iter().map(|(t, k, v)| format!("{{\"t\":{t},\"k\":\"{k}\",\"v\":{v}}}\n")).collect()
}

/// `start k n total op revision`, in seconds.
fn told(ran: &Ran) -> Vec<String> {
    let row = |r: &Value| {
        let start = r["window_start"].as_i64().expect("milliseconds") / 1_000;
        let op = r["op"].as_str().expect("a sign");
        format!("{start} {} {} {} {op}{}", r["k"], r["n"], r["total"], r["revision"])
    };
    ran.rows().iter().map(row).collect()
}

#[test]
fn windows_when_the_input_ends_then_all_are_stated() {
    let text = lines(&[(1.0, "a", 1), (7.0, "b", 2), (100.0, "a", 4)]);
    at_widths(&counting(1, "", ""), &[text.as_bytes()], |width, ran, _| {
        let expected = [
            "-5 \"a\" 1 1 +0",
            "0 \"a\" 1 1 +0",
            "0 \"b\" 1 2 +0",
            "5 \"b\" 1 2 +0",
            "95 \"a\" 1 4 +0",
            "100 \"a\" 1 4 +0",
        ];
        assert_eq!(told(ran), expected, "{width:?}");
        assert_eq!(ran.sum(|s| s.parts[0].rows), 6);
    });
}

#[test]
fn input_when_there_is_none_then_nothing_is_said() {
    for files in [[&b""[..], b""], [b"\n", b"\r\n \n\t\n"]] {
        at_widths(&counting(2, "", ""), &files, |width, ran, _| {
            assert!(ran.output.is_empty(), "{width:?}");
            assert_eq!((ran.sum(|s| s.events()), ran.sum(|s| s.rejected())), (0, 0), "{width:?}");
        });
    }
}

#[test]
fn partition_when_it_is_empty_then_the_other_one_is_not_held_up() {
    let text = lines(&[(1.0, "a", 1)]);
    at_widths(&counting(2, "", ""), &[b"", text.as_bytes()], |width, ran, _| {
        assert_eq!(told(ran), ["-5 \"a\" 1 1 +0", "0 \"a\" 1 1 +0"], "{width:?}");
    });
}

/// One line for each reason, in the order of the reasons, and how it is called.
const BAD: &[(&[u8], &str)] = &[
    (b"{\"t\":1,\"k\":", "syntax"),
    (b"[1,2]", "not_an_object"),
    (b"{\"t\":1,\"k\":\"\xff\"}", "encoding"),
    (b"{\"t\":1,\"v\":1e999}", "number_range"),
    (b"{\"k\":\"a\"}", "time_missing"),
    (b"{\"t\":\"soon\"}", "time_type"),
    (b"{\"t\":1e15}", "time_range"),
];

fn bad_lines() -> Vec<u8> {
    BAD.iter().flat_map(|(line, _)| [line, &b"\n"[..]].concat()).collect()
}

#[test]
fn lines_when_all_are_bad_then_each_is_counted_by_its_reason() {
    at_widths(&counting(1, "", ""), &[&bad_lines()], |width, ran, _| {
        assert!(ran.output.is_empty());
        let mut expected: Vec<(String, u64)> = BAD.iter().map(|(_, reason)| ((*reason).to_owned(), 1)).collect();
        expected.sort();
        assert_eq!(ran.rejected(), expected, "{width:?}");
    });
}

#[test]
fn dead_letters_when_written_at_any_width_then_are_the_bad_lines_in_order() {
    // Good lines between the bad ones, so that most blocks have some of each.
    let mut text = Vec::new();
    let mut expected = Vec::new();
    for round in 0..20 {
        for (line, reason) in BAD {
            text.extend_from_slice(lines(&[(f64::from(round), "a", 1)]).as_bytes());
            expected.push((text.len() as u64, line.len() as u64, (*reason).to_owned(), line.to_vec()));
            text.extend_from_slice(line);
            text.push(b'\n');
        }
    }
    let first = std::sync::Mutex::new(None::<String>);
    at_widths(&counting(1, "dead_letters = \"{dir}/dead.ndjson\"", ""), &[&text], move |width, ran, folder| {
        assert_eq!(ran.sum(|s| s.rejected()), expected.len() as u64, "{width:?}");
        let read = |name: &str| std::fs::read_to_string(folder.join(name)).expect("a dead-letter file");
        if width.processes > 1 {
            // Each process has a file of the blocks it read.
            let both = read("dead.ndjson") + &read("dead.ndjson.1");
            assert_eq!(both.lines().count(), expected.len());
            return;
        }
        let written = read("dead.ndjson");
        let letters: Vec<Value> = written.lines().map(|l| serde_json::from_str(l).expect("JSON")).collect();
        assert_eq!(letters.len(), expected.len(), "{width:?}");
        for (letter, (position, length, reason, line)) in letters.iter().zip(&expected) {
            assert_eq!(letter["source"], "events");
            assert_eq!(letter["partition"], partition_path(folder, 0).as_str());
            assert_eq!((letter["position"].as_u64(), letter["length"].as_u64()), (Some(*position), Some(*length)));
            assert_eq!(letter["reason"], reason.as_str());
            match std::str::from_utf8(line) {
                Ok(line) => assert_eq!(letter["line"], line),
                Err(_) => assert!(letter["line_base64"].is_string()),
            }
        }
        let mut first = first.lock().expect("no panic holds it");
        let first = first.get_or_insert_with(|| written.clone());
        assert_eq!(*first, written, "{width:?}");
    });
}

#[test]
fn dead_letters_when_there_are_two_partitions_then_are_in_order_within_each() {
    let text = bad_lines().repeat(10);
    at_widths(&counting(2, "dead_letters = \"{dir}/dead.ndjson\"", ""), &[&text, &text], |width, _, folder| {
        if width.processes > 1 {
            return;
        }
        let written = std::fs::read_to_string(folder.join("dead.ndjson")).expect("a dead-letter file");
        let letters: Vec<Value> = written.lines().map(|l| serde_json::from_str(l).expect("JSON")).collect();
        for partition in 0..2 {
            let path = partition_path(folder, partition);
            let positions: Vec<u64> =
                letters.iter().filter(|l| l["partition"] == *path).filter_map(|l| l["position"].as_u64()).collect();
            assert_eq!(positions.len(), 10 * BAD.len(), "{width:?}");
            assert!(positions.is_sorted(), "{width:?}");
        }
    });
}

#[test]
fn bad_line_when_the_run_is_to_stop_then_the_error_names_its_place() {
    let mut text = lines(&[(1.0, "a", 1), (2.0, "a", 1)]).into_bytes();
    let position = text.len();
    text.extend_from_slice(b"{\"t\":\n");
    text.extend_from_slice(lines(&[(3.0, "a", 1)]).repeat(50).as_bytes());
    let pipeline = counting(1, "on_bad = \"stop\"", "")
        .replace("type = \"stdout\"\nformat = \"json\"", "type = \"file\"\npath = \"{dir}/rows.ndjson\"");
    let folder = tempfile::tempdir().expect("a scratch folder");
    let text = write_case(folder.path(), &pipeline, &[text]);
    in_time("a run", move || {
        for width in WIDTHS.iter().filter(|w| w.processes == 1) {
            let error = run(&text, *width).expect_err("the line is bad");
            assert_eq!((error.kind, error.code), (Kind::User, "source.bad"), "{width:?}");
            let place = error.place.clone().unwrap_or_default();
            assert_eq!(place, format!("{} at byte {position}", partition_path(folder.path(), 0)), "{width:?}");
            assert!(error.message.contains("syntax") && error.help.is_some(), "{error}");
            assert!(!folder.path().join("rows.ndjson").exists(), "{width:?}: a run that failed leaves no file");
        }
    });
}

#[test]
fn line_when_it_is_longer_than_allowed_then_it_is_rejected_and_the_next_one_read() {
    let long = format!("{{\"t\":2,\"k\":\"{}\"}}\n", "x".repeat(5_000));
    let nearly = format!("{{\"t\":3,\"k\":\"b\",\"x\":\"{}\"}}\n", "y".repeat(900));
    let text =
        [lines(&[(1.0, "a", 1)]), long.clone(), nearly, lines(&[(4.0, "c", 1)]), long.trim_end().to_owned()].concat();
    let keys = "max_line = \"1KiB\"\ndead_letters = \"{dir}/dead.ndjson\"";
    at_widths(&counting(1, keys, ""), &[text.as_bytes()], move |width, ran, folder| {
        assert_eq!(ran.sum(|s| s.events()), 3, "{width:?}");
        assert_eq!(ran.rejected(), [("line_too_long".to_owned(), 2)], "{width:?}");
        if width.processes == 1 {
            let written = std::fs::read_to_string(folder.join("dead.ndjson")).expect("a dead-letter file");
            let lengths: Vec<u64> = written
                .lines()
                .filter_map(|l| serde_json::from_str::<Value>(l).expect("JSON")["length"].as_u64())
                .collect();
            assert_eq!(lengths, [long.len() as u64 - 1; 2], "{width:?}");
        }
        let keys: Vec<String> = ran.rows().iter().map(|r| r["k"].to_string()).collect();
        assert_eq!(keys, ["\"a\"", "\"b\"", "\"c\"", "\"a\"", "\"b\"", "\"c\""], "{width:?}");
    });
}

#[test]
fn line_when_it_is_huge_and_allowed_then_it_is_read_whole_across_blocks() {
    let page = "é".repeat(100_000);
    let text = format!("{{\"t\":1,\"k\":\"{page}\",\"v\":1}}\n{{\"t\":2,\"k\":\"b\",\"v\":1}}");
    let folder = tempfile::tempdir().expect("a scratch folder");
    let pipeline = write_case(folder.path(), &counting(1, "", ""), &[text.into_bytes()]);
    in_time("a run", move || {
        for width in [Width::new(1, None), Width::new(2, Some(1_000)), Width::new(3, Some(64))] {
            let rows = run(&pipeline, width).unwrap_or_else(|e| panic!("{e}")).rows();
            assert_eq!(rows.len(), 4, "{width:?}");
            assert_eq!(rows.iter().filter(|r| r["k"] == page.as_str()).count(), 2, "{width:?}");
        }
    });
}

#[test]
fn line_ends_when_written_otherwise_then_the_rows_are_the_same() {
    let plain = lines(&[(1.0, "a", 1), (2.0, "b", 2), (13.0, "a", 4)]);
    let forms = [
        plain.trim_end().to_owned(),
        plain.replace('\n', "\r\n"),
        plain.replace('\n', "\r\n").trim_end().to_owned(),
        format!("\u{feff}{plain}"),
        plain.replace('\n', "\n\n \r\n"),
    ];
    let expected =
        ["-5 \"a\" 1 1 +0", "-5 \"b\" 1 2 +0", "0 \"a\" 1 1 +0", "0 \"b\" 1 2 +0", "5 \"a\" 1 4 +0", "10 \"a\" 1 4 +0"];
    for form in forms {
        let shown = form.clone();
        at_widths(&counting(1, "", ""), &[form.as_bytes()], move |width, ran, _| {
            assert_eq!(told(ran), expected, "{width:?} {shown:?}");
            assert_eq!(ran.sum(|s| s.rejected()), 0, "{width:?} {shown:?}");
        });
    }
}

#[test]
fn late_events_when_counted_at_any_width_then_are_late_or_too_late() {
    // Ticks: none, 20, 20, 20, 20. With a lateness of 5, windows that end at 15 or before take no more.
    let text = lines(&[(20.0, "a", 1), (19.0, "a", 1), (9.0, "a", 1), (4.0, "a", 1), (20.0, "a", 1)]);
    let expected = oracle::run(&counts_of_oracle(5), &[partition(&text)]).1;
    assert_eq!((expected.late, expected.too_late), (3, 2));
    at_widths(&counting(1, "", "allowed_lateness = \"5s\""), &[text.as_bytes()], |width, ran, _| {
        assert_eq!(ran.sum(|s| s.parts[0].late), 1, "{width:?}");
        assert_eq!(ran.sum(|s| s.parts[0].too_late), 2, "{width:?}");
    });
}

#[test]
fn values_when_they_are_no_numbers_then_are_counted_once_by_each_numeric_aggregate() {
    let values = ["1", "\"x\"", "true", "null", "{\"a\":1}", "2.5", "[]", "\"7\""];
    let mut text: String = values.iter().map(|v| format!("{{\"t\":1,\"k\":\"a\",\"v\":{v}}}\n")).collect();
    // Too late: not counted. Late, but taken: counted.
    text.push_str("{\"t\":40,\"k\":\"a\"}\n{\"t\":2,\"k\":\"a\",\"v\":\"z\"}\n{\"t\":31,\"k\":\"a\",\"v\":\"z\"}\n");
    for mode in ["auto", "always", "never"] {
        let select = "select = { n = \"count(*)\", total = \"sum(v)\", mean = \"avg(v)\", some = \"count(v)\", \
                      high = \"max(v)\", p = \"median(v) FILTER (WHERE t > 1)\" }";
        let pipeline = counting(1, "", &format!("allowed_lateness = \"5s\"\npre_aggregate = \"{mode}\""))
            .replace("select = { n = \"count(*)\", total = \"sum(v)\" }", select);
        at_widths(&pipeline, &[text.as_bytes()], move |width, ran, _| {
            let mut all = std::collections::BTreeMap::new();
            for (call, n) in ran.counts.iter().flat_map(|c| &c.parts[0].non_numeric) {
                *all.entry(call.clone()).or_insert(0) += n;
            }
            let found: Vec<u64> = all.values().copied().filter(|n| *n > 0).collect();
            // The median sees only the late one; sum and mean five and the late one.
            assert_eq!(found, [6, 1, 6], "{width:?} {mode} {all:?}");
        });
    }
}

fn counts_of_oracle(lateness: i64) -> OracleWindow {
    let all = |agg| OracleAgg { agg, filter: None };
    OracleWindow {
        shape: Shape::sliding(10 * S, 5 * S),
        early: None,
        lateness: lateness * S,
        tick: S,
        group: vec![Box::new(|event| event["k"].clone())],
        max_groups: None,
        filter: None,
        aggregates: vec![all(Agg::CountRows), all(Agg::Sum("v".to_owned()))],
    }
}

fn partition(text: &str) -> Partition {
    Partition {
        lines: text.lines().map(str::to_owned).collect(),
        out_of_orderness: 0,
        time_path: "t".to_owned(),
        unit: Unit::Seconds,
    }
}

#[test]
fn drain_when_asked_for_then_what_was_read_is_a_beginning_and_is_stated_whole() {
    const EVENTS: usize = 60_000;
    let all: Vec<(f64, &str, i64)> = (0..EVENTS).map(|i| (i as f64 / 10.0, ["a", "b"][i % 2], i as i64)).collect();
    let text = lines(&all);
    let folder = tempfile::tempdir().expect("a scratch folder");
    let pipeline = write_case(folder.path(), &counting(1, "", ""), &[text.clone().into_bytes()]);
    in_time("a drain", move || {
        for (workers, processes, block) in [(1, 1, 500), (3, 1, 300), (1, 2, 400), (2, 2, 1_000)] {
            let width = Width { workers, processes, block: Some(block) };
            let ran = run_with(&pipeline, width, |running| {
                let running = running.clone();
                std::thread::spawn(move || {
                    // Ends with the run at the latest.
                    while running.metrics.snapshot().events() == 0 {
                        std::thread::yield_now();
                    }
                    running.drain();
                });
            })
            .unwrap_or_else(|e| panic!("{width:?}: {e}"));
            let read = ran.sum(|s| s.events()) as usize;
            assert!(read > 0 && read <= EVENTS, "{width:?} {read}");
            let beginning: String = text.lines().take(read).map(|line| format!("{line}\n")).collect();
            let (rows, _) = oracle::run(&counts_of_oracle(0), &[partition(&beginning)]);
            let expected: Vec<String> = rows
                .iter()
                .map(|r| {
                    let (start, key) = (r.window_start / S, &r.key[0]);
                    format!("{start} {key} {} {} {}{}", r.values[0], r.values[1], r.op, r.revision)
                })
                .collect();
            assert!(told(&ran) == expected, "{width:?}: after {read} events");
        }
    });
}

#[test]
fn drain_when_the_input_has_no_end_then_the_run_has_one() {
    const ENDLESS: &str = r#"
[sources.events]
type = "generate"
events = 1_000_000_000_000
[windows.counts]
from = "events"
size = "1s"
select = { n = "count(*)" }
[sinks.out]
type = "stdout"
format = "json"
from = ["counts"]
"#;
    in_time("a drain", || {
        for width in [Width::new(1, None), Width::new(3, None), Width::two_processes(1, None)] {
            let ran = run_with(ENDLESS, width, |running| {
                let running = running.clone();
                std::thread::spawn(move || {
                    while running.metrics.snapshot().events() < 3_000 {
                        std::thread::yield_now();
                    }
                    running.drain();
                });
            })
            .unwrap_or_else(|e| panic!("{width:?}: {e}"));
            let counted: u64 = ran.rows().iter().filter_map(|r| r["n"].as_u64()).sum();
            let late = ran.sum(|s| s.over_parts(|p| p.too_late));
            assert_eq!(counted + late, ran.sum(|s| s.events()), "{width:?}");
        }
    });
}

#[cfg(target_os = "linux")]
#[test]
fn run_when_it_has_ended_then_no_file_is_held_open() {
    let text = lines(&[(1.0, "a", 1)]);
    let pipeline = counting(1, "dead_letters = \"{dir}/dead.ndjson\"", "");
    at_widths(&pipeline, &[text.as_bytes()], |width, _, folder| {
        let open = std::fs::read_dir("/proc/self/fd").expect("Linux says what is open").flatten();
        let ours: Vec<_> =
            open.filter_map(|fd| std::fs::read_link(fd.path()).ok()).filter(|path| path.starts_with(folder)).collect();
        assert!(ours.is_empty(), "{width:?}: {ours:?}");
    });
}
