//! Alerts in the engine: the same bytes at any width, with corrections that un-fire some, and what the end of the input is.
//!
//! What the lives of alerts are is tested where they are; here it is that rows come to the right lives at the right times, and
//! that time passes alike however the input is read.

use super::harness::{Ran, Width, in_time, run, write_case};
use serde_json::{Value, json};
use std::collections::BTreeSet;

const PIPELINE: &str = r#"
[sources.events]
type = "file"
path = ["{0}", "{1}"]
out_of_orderness = "2s"

[streams.bad]
from = "events"
where = "level = 'error'"

[windows.health]
from = "events"
size = "10s"
slide = "5s"
allowed_lateness = "40s"
group_by = { host = "host" }
select = { errors = "count(*) FILTER (WHERE level = 'error')", slowest = "max(ms)" }

[windows.total]
from = "events"
global = "10s"
select = { errors = "count(*) FILTER (WHERE level = 'error')" }

[patterns.twice]
from = "bad"
key = "host"
match = "a -> b"
within = "3s"
allowed_lateness = "20s"

[alerts.errors]
from = "health"
when = "errors > 3"
until = "errors < 2"
for = "5s"
keep_firing_for = "10s"
severity = "critical"
summary = "{host}: {errors} errors, at most {slowest:.1} ms"

[alerts.slow]
from = "health"
when = "slowest > 95"
no_data_after = "12s"
pending = true

[alerts.silent]
from = "health"
when = "errors > 1000"
no_data_after = "15s"
no_data = "all"

[alerts.many]
from = "total"
when = "errors % 100 > 50"

[alerts.again]
from = "twice"
keep_firing_for = "4s"

[alerts.each]
from = "twice"

[sinks.out]
type = "stdout"
format = "json"
times = "unix_ms"
from = ["errors", "slow", "silent", "many", "again", "each"]
"#;

const ALERTS: [&str; 6] = ["errors", "slow", "silent", "many", "again", "each"];

/// Hosts that fail at times and are silent at others; some events come late. Partition `which` of two.
fn events(which: u64) -> Vec<u8> {
    let mut out = Vec::new();
    let mut seed = 7 + which;
    let mut next = |n: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % n
    };
    for i in 0..3_000_u64 {
        let time = i / 10;
        let host = next(5);
        // Each host is silent for a while, and one of them at the end.
        if (time / 40 + host) % 6 == 0 || (host == 4 && time > 200) {
            continue;
        }
        let late = if next(12) == 0 { next(35) } else { 0 };
        let failing = (time / 15 + host) % 4 == 0;
        let level = if next(100) < if failing { 45 } else { 8 } { "error" } else { "info" };
        let event = json!({
            "timestamp": 1_000 + time.saturating_sub(late),
            "host": format!("h{host}"),
            "level": level,
            "ms": next(100),
        });
        out.extend_from_slice(format!("{event}\n").as_bytes());
    }
    out
}

fn count(ran: &Ran, alert: &str, state: &str, op: &str) -> usize {
    let is = |row: &&Value| row["name"] == alert && row["state"] == state && row["op"] == op;
    ran.rows().iter().filter(is).count()
}

#[test]
fn alerts_when_rows_are_corrected_then_are_the_same_bytes_at_any_width() {
    let folder = tempfile::tempdir().expect("a scratch folder");
    let text = write_case(folder.path(), PIPELINE, &[events(0), events(1)]);
    in_time("alerts", move || {
        let first = run(&text, Width::new(1, None)).unwrap_or_else(|e| panic!("{e}"));
        for alert in ALERTS {
            assert!(count(&first, alert, "firing", "+") > 3 || alert == "silent", "{alert}");
        }
        assert!(count(&first, "errors", "firing", "-") > 0, "an alert is un-fired");
        assert!(count(&first, "slow", "no_data", "+") > 0 && count(&first, "slow", "pending", "+") == 0);
        assert!(count(&first, "silent", "no_data", "+") > 3 && count(&first, "silent", "resolved", "+") > 3);
        assert!(count(&first, "again", "resolved", "+") > 3 && count(&first, "each", "resolved", "+") == 0);
        assert_eq!(count(&first, "many", "firing", "-"), 0);
        // Nothing is taken back that was not said, and what stands in the end is one life for each alert.
        let mut standing: BTreeSet<String> = BTreeSet::new();
        for mut row in first.rows() {
            let op = row["op"].take();
            let text = row.to_string();
            assert!(if op == "+" { standing.insert(text) } else { standing.remove(&text) }, "{op} {row}");
        }
        let widths = [
            Width::new(2, Some(1_000)),
            Width::new(3, Some(97)),
            Width::two_processes(1, Some(5_000)),
            Width::two_processes(2, None),
        ];
        for width in widths {
            let ran = run(&text, width).unwrap_or_else(|e| panic!("{e}"));
            let lines = |ran: &Ran| -> Vec<String> {
                String::from_utf8_lossy(&ran.output).lines().map(str::to_owned).collect()
            };
            let differs = lines(&first).into_iter().zip(lines(&ran)).find(|(one, other)| one != other);
            assert!(ran.output == first.output, "{width:?} says something else: {differs:#?}");
            let sum = |count: fn(&highwater::observe::PartCounts) -> u64| {
                [&first, &ran].map(|ran| ran.sum(|s| s.over_parts(count)))
            };
            for [one, other] in [sum(|p| p.fired), sum(|p| p.resolved), sum(|p| p.no_data), sum(|p| p.corrected)] {
                assert!(one == other && one > 0, "{one} {other}");
            }
        }
    });
}

#[test]
fn silence_is_told_where_event_time_goes_on_and_not_because_the_input_ends() {
    let pipeline = r#"
[sources.events]
type = "file"
path = "{0}"
[windows.w]
from = "events"
size = "1s"
group_by = ["host"]
select = { n = "count(*)" }
[alerts.up]
from = "w"
when = "n > 0"
until = "n < 0"
no_data_after = "10s"
[sinks.out]
type = "stdout"
format = "json"
times = "unix_ms"
from = "up"
"#;
    let event = |time: i64, host: &str| format!("{{\"timestamp\": {time}, \"host\": \"{host}\"}}\n");
    let first = event(100, "a") + &event(101, "b");
    for (last, silent) in [(110, 0), (111, 1), (112, 2), (200, 2)] {
        let events = first.clone() + &event(last, "c");
        let folder = tempfile::tempdir().expect("a scratch folder");
        let text = write_case(folder.path(), pipeline, &[events.into_bytes()]);
        for width in [Width::new(1, None), Width::new(3, Some(20)), Width::two_processes(1, None)] {
            let ran = in_time("silence", {
                let text = text.clone();
                move || run(&text, width).unwrap_or_else(|e| panic!("{e}"))
            });
            assert_eq!(count(&ran, "up", "firing", "+"), 3, "{last} {width:?}");
            assert_eq!(count(&ran, "up", "no_data", "+"), silent, "{last} {width:?}");
            assert_eq!(ran.sum(|s| s.parts.iter().map(|p| p.firing as u64).sum()), 3);
        }
    }
}
