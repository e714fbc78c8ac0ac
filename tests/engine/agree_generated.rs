//! Large generated input: the same bytes at every width, and sums of awkward floats against the oracle's.
//!
//! Catches what only shows in many groups, blocks and workers. Cannot catch (but in the sums) an answer that is wrong
//! at every width. `HIGHWATER_EVENTS` sets how many floats are summed.

use super::harness::{Width, in_time, run, same_bytes, write_case};
use super::oracle::Agg;
use super::random::Random;
use highwater::generate::{Generator, Settings};
use serde_json::{Value, json};

const J1: &str = r#"
[sources.events]
type = "file"
path = ["{0}", "{1}"]
time = { field = "timestamp", unit = "s" }
out_of_orderness = "2s"

[windows.activity]
from = "events"
size = "10s"
slide = "5s"
allowed_lateness = "5s"
group_by = { user_type = "coalesce(tags.user_type, 'unknown')", page = "coalesce(data.page, 'unknown')" }
[windows.activity.select]
events = "count(*)"
total = "sum(data.duration)"
average = "avg(data.duration)"
least = "min(data.duration)"
greatest = "max(data.duration)"
p95 = "percentile(data.duration, 0.95)"
p99 = "percentile(data.duration, 0.99)"
users = "count(DISTINCT user_id)"

[windows.all]
from = "events"
size = "20s"
[windows.all.select]
p95 = "percentile(data.duration, 0.95)"
users = "count(DISTINCT user_id)"
events = "count(*)"

[windows.each]
from = "events"
size = "5s"
group_by = { user = "user_id", session = "session_id" }
select = { events = "count(*)" }

[sinks.out]
type = "stdout"
format = "json"
times = "unix_ms"
from = ["activity", "all", "each"]
"#;

fn generated(events: u64) -> Vec<Vec<u8>> {
    let settings =
        Settings { events, rate: 2_000.0, late: 0.01, bad: 0.005, partitions: 2, users: 20_000, ..Settings::default() };
    (0..2)
        .map(|p| {
            let generator = Generator::new(settings.clone(), p);
            let mut text = Vec::new();
            (0..generator.blocks().expect("it has an end")).for_each(|k| generator.block(k, &mut text));
            text
        })
        .collect()
}

fn agree(events: u64, pipeline: &'static str, widths: &'static [Width]) {
    let folder = tempfile::tempdir().expect("a scratch folder");
    let text = write_case(folder.path(), pipeline, &generated(events));
    in_time("generated events", move || {
        let first = run(&text, Width::new(1, None)).unwrap_or_else(|e| panic!("{e}"));
        let counts = &first.counts[0];
        assert_eq!(counts.events() + counts.rejected(), events);
        assert!(counts.rejected() > events / 1_000 && counts.parts[0].late > 0 && counts.parts[1].too_late > 0);
        let rows = first.rows();
        assert!(rows.iter().any(|r| r["revision"] == 1), "there are corrections");
        if events > 100_000 {
            assert!(rows.iter().any(|r| r.get("approx").is_some()), "some answers come from sketches");
        }
        for width in widths {
            let other = run(&text, *width).unwrap_or_else(|e| panic!("{e}"));
            same_bytes(&other, &first, &format!("{width:?} and one worker"));
            assert_eq!(other.rejected(), first.rejected(), "{width:?}");
            for part in 0..3 {
                let (late, too_late) = (other.sum(|s| s.parts[part].late), other.sum(|s| s.parts[part].too_late));
                assert_eq!((late, too_late), (counts.parts[part].late, counts.parts[part].too_late), "{width:?}");
            }
        }
    });
}

#[test]
fn agree_generated_events_when_run_at_any_width_then_write_the_same_bytes() {
    const WIDTHS: &[Width] = &[
        Width { workers: 2, processes: 1, block: None },
        Width { workers: 3, processes: 1, block: Some(65_537) },
        Width { workers: 1, processes: 1, block: Some(8_192) },
        Width { workers: 3, processes: 1, block: Some(8_192) },
        Width { workers: 2, processes: 2, block: Some(100_000) },
    ];
    agree(200_000, J1, WIDTHS);
}

#[test]
fn agree_generated_events_when_blocks_are_small_then_write_the_same_bytes() {
    const WIDTHS: &[Width] = &[
        Width { workers: 1, processes: 1, block: Some(100) },
        Width { workers: 2, processes: 1, block: Some(700) },
        Width { workers: 3, processes: 1, block: Some(64) },
        Width { workers: 1, processes: 2, block: Some(333) },
    ];
    agree(20_000, J1, WIDTHS);
}

const CAPPED: &str = r#"
[sources.events]
type = "file"
path = ["{0}", "{1}"]
time = { field = "timestamp", unit = "s" }
out_of_orderness = "2s"

[windows.users]
from = "events"
size = "10s"
slide = "5s"
allowed_lateness = "5s"
group_by = ["user_id"]
max_groups = 50
[windows.users.select]
events = "count(*)"
total = "sum(data.duration)"
p95 = "percentile(data.duration, 0.95)"
pages = "count(DISTINCT event_id)"
first = "first(session_id)"
most = "top_k(data.page, 3)"
some = "collect(DISTINCT data.page)"

[sinks.out]
type = "stdout"
format = "json"
times = "unix_ms"
from = ["users"]
"#;

#[test]
fn agree_generated_events_when_groups_are_capped_then_write_the_same_bytes() {
    let folder = tempfile::tempdir().expect("a scratch folder");
    let text = write_case(folder.path(), CAPPED, &generated(60_000));
    in_time("generated events", move || {
        let first = run(&text, Width::new(1, None)).unwrap_or_else(|e| panic!("{e}"));
        let rows = first.rows();
        let windows: std::collections::BTreeSet<i64> = rows.iter().filter_map(|r| r["window_end"].as_i64()).collect();
        let standing = |end: i64| {
            let sign = |r: &&Value| if r["op"] == "+" { 1 } else { -1 };
            rows.iter().filter(|r| r["window_end"] == end).map(|r| sign(&r)).sum::<i64>()
        };
        let standing: Vec<i64> = windows.iter().map(|end| standing(*end)).collect();
        // The first and the last windows may have few events.
        assert!(standing.iter().all(|n| *n <= 51), "{standing:?}: at most 50 groups and overflow");
        assert!(standing.iter().filter(|n| **n == 51).count() > 4, "{standing:?}");
        let overflow = |r: &&Value| r["overflow"] == true;
        assert!(rows.iter().filter(overflow).any(|r| r["approx"] == json!(["p95", "pages"])));
        assert!(rows.iter().filter(overflow).any(|r| r["revision"] == 3));
        let overflowed = standing.iter().filter(|n| **n == 51).count() as u64;
        assert_eq!(first.sum(|s| s.parts[0].overflowed), overflowed);
        for width in [
            Width::new(2, None),
            Width::new(3, Some(8_192)),
            Width::new(1, Some(1_000)),
            Width::two_processes(2, Some(30_000)),
        ] {
            let other = run(&text, width).unwrap_or_else(|e| panic!("{e}"));
            same_bytes(&other, &first, &format!("{width:?} and one worker"));
            assert_eq!(other.sum(|s| s.parts[0].overflowed), overflowed, "{width:?}");
        }
    });
}

#[test]
fn agree_generated_events_when_read_from_the_source_itself_then_are_those_of_the_files() {
    let settings = Settings { events: 20_000, partitions: 2, rate: 2_000.0, ..Settings::default() };
    let files: Vec<Vec<u8>> = (0..2)
        .map(|p| {
            let generator = Generator::new(settings.clone(), p);
            let mut text = Vec::new();
            (0..generator.blocks().expect("it has an end")).for_each(|k| generator.block(k, &mut text));
            text
        })
        .collect();
    let from_source = J1.replace(
        "type = \"file\"\npath = [\"{0}\", \"{1}\"]",
        "type = \"generate\"\nevents = 20_000\nrate = 2000\npartitions = 2\n\
         seed = 1\nusers = 100_000\npages = 750\ndisorder = 0.1\nmax_delay = \"2s\"\nlate = 0\nbad = 0",
    );
    let folder = tempfile::tempdir().expect("a scratch folder");
    let generated = write_case(folder.path(), &from_source, &[]);
    let read = write_case(folder.path(), J1, &files);
    in_time("generated events", move || {
        let files = run(&read, Width::new(1, None)).unwrap_or_else(|e| panic!("{e}"));
        for width in [Width::new(1, None), Width::new(3, None), Width::two_processes(2, None)] {
            let source = run(&generated, width).unwrap_or_else(|e| panic!("{e}"));
            assert!(source.output == files.output, "{width:?}");
        }
    });
}

#[test]
fn oracle_awkward_floats_when_summed_at_any_width_then_are_the_exact_sum_rounded_once() {
    const FLOATS: &str = r#"
[sources.events]
type = "file"
path = "{0}"
[windows.sums]
from = "events"
size = "1h"
group_by = { k = "k" }
select = { total = "sum(v)", average = "avg(v)" }
[sinks.out]
type = "stdout"
format = "json"
from = ["sums"]
"#;
    let count: u64 = std::env::var("HIGHWATER_EVENTS").map_or(300_000, |n| n.parse().expect("a number"));
    let mut random = Random::new(7);
    let mut events: Vec<Vec<Value>> = vec![Vec::new(); 3];
    let mut text = String::new();
    for i in 0..count {
        let group = random.below(3) as usize;
        // Of any size, of sizes near each other, and of few decimals.
        let v = match group {
            0 => f64::from_bits(random.below(0x7f00 << 48) | (random.below(2) << 63)),
            1 => f64::from_bits((0x3df0_0000_0000_0000 + random.below(1 << 57)) | (random.below(2) << 63)),
            _ => (random.below(2_000_000) as f64 - 1e6) / 1e3,
        };
        let event = json!({"timestamp": 1_767_614_400 + i % 3_000, "k": group, "v": v});
        text.push_str(&event.to_string());
        text.push('\n');
        events[group].push(event);
    }
    let expected: Vec<[Value; 2]> = events
        .iter()
        .map(|events| {
            let events: Vec<&Value> = events.iter().collect();
            [Agg::Sum("v".to_owned()).of(&events), Agg::Avg("v".to_owned()).of(&events)]
        })
        .collect();
    let folder = tempfile::tempdir().expect("a scratch folder");
    // The clock goes round, so events come late: an hour is long enough.
    let text = write_case(folder.path(), &FLOATS.replace("1h", "1h\"\nallowed_lateness = \"1h"), &[text.into_bytes()]);
    in_time("floats", move || {
        for width in [Width::new(1, None), Width::new(2, Some(10_007)), Width::new(3, Some(100_000))] {
            let ran = run(&text, width).unwrap_or_else(|e| panic!("{e}"));
            let rows = ran.rows();
            assert_eq!(rows.len(), 3, "{width:?}");
            for (row, expected) in rows.iter().zip(&expected) {
                let found = [row["total"].to_string(), row["average"].to_string()];
                assert_eq!(found, [expected[0].to_string(), expected[1].to_string()], "{width:?}");
            }
        }
    });
}

#[test]
fn generated_events_when_times_are_equal_go_by_their_order() {
    // 700 events have the same microsecond, and blocks end anywhere among them.
    const FIRST_AND_LAST: &str = "
        [sources.events]\ntype = \"generate\"\nevents = 50_000\nrate = 700_000_000\n\
        [windows.all]\nfrom = \"events\"\nsize = \"10s\"\ngroup_by = { at = \"event_time()\" }\n\
        select = { first = \"first(event_id)\", last = \"last(event_id)\", events = \"count(*)\" }\n\
        [sinks.out]\ntype = \"stdout\"\nformat = \"json\"\ntimes = \"unix_ms\"\nfrom = [\"all\"]\n";
    let folder = tempfile::tempdir().expect("a scratch folder");
    let text = write_case(folder.path(), FIRST_AND_LAST, &[]);
    in_time("ties of the generator", move || {
        for width in [Width::new(1, None), Width::new(3, None), Width::two_processes(1, None)] {
            let rows = run(&text, width).unwrap_or_else(|e| panic!("{e}")).rows();
            assert!(rows.len() > 50);
            let number = |id: &Value| id.as_str().unwrap().trim_start_matches("evt_").parse::<u64>().unwrap();
            for row in rows {
                let (first, last) = (number(&row["first"]), number(&row["last"]));
                assert_eq!(row["events"], json!(last - first + 1), "{width:?} {row}");
            }
        }
    });
}
