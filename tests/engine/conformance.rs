//! Cases from the test suites of other engines: what a window holds in the end.
//!
//! `tests/cases/windows.jsonl` has one case a line: rows and watermarks in, changes out, and which rows are too late
//! where the source says that. Watermarks are given by events that the window filters out and that lie so far ahead
//! that the other events never move the clock; a watermark w there is a frontier w + 1 here.
//!
//! What is compared is the last row of each window and key, and the number of rows that are too late. What is said
//! before the last row differs by design: here one correction a tick. Other engines' habits are put into ours where
//! that says the same: a negative offset is a positive one; a session that does not take its exact gap has a gap that
//! is a millisecond shorter; an end that is a millisecond later is that; windows that begin before 1970 are left out
//! where the source leaves them out, and so are those that its last watermark does not reach; a truncated average is
//! the average, truncated; a list is as long as its count.
//!
//! Left out, each by [`left_out`]: windows of counts and by difference, processing time, inputs that retract, and
//! panes that discard what was said before. [`differs`] has the cases whose answer is another one here, with the
//! reason.

use super::harness::{Width, in_time, run, write_case};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write;

/// How far the events of the clock are ahead, milliseconds: more than any case lasts.
const AHEAD: i64 = 100_000_000_000;

/// Why a case is not run at all.
fn left_out(case: &Value) -> Option<&'static str> {
    let retracts = |e: &Value| e["op"].as_str().is_some_and(|op| op.starts_with('-'));
    match case["window"]["kind"].as_str().expect("a kind") {
        "tumble_count" | "hop_count" => return Some("windows of counts depend on the order of arrival"),
        "sliding_by_difference" => return Some("a window for each event is not offered"),
        _ => {}
    }
    if case["time"] != "event" {
        Some("processing time gives another answer each time")
    } else if case["accumulation"] != "accumulating" {
        Some("a correction replaces a row; it never says only what is new")
    } else if case["input"].as_array().expect("a list").iter().any(retracts) {
        Some("sources give events, which are not taken back")
    } else {
        None
    }
}

/// Why the answer of a case is another one here.
fn differs(id: &str) -> Option<&'static str> {
    let list = [(
        "flink-DS-SideOutputDueToLatenessSessionZeroLateness",
        "a late event that is near enough to a session that was stated joins it; there both are stated, and overlap",
    )];
    list.iter().find(|(name, _)| *name == id).map(|(_, why)| *why)
}

fn text(v: &Value) -> String {
    v.as_str().expect("text").to_owned()
}

fn milliseconds(case: &Value, key: &str) -> Option<i64> {
    case["window"].get(key).map(|v| v.as_i64().expect("milliseconds"))
}

/// The keys of the window's shape.
fn shape(case: &Value) -> String {
    let window = &case["window"];
    let apart = milliseconds(case, "slide_ms").or(milliseconds(case, "size_ms"));
    let apart = if window["kind"] == "cumulate" { milliseconds(case, "size_ms") } else { apart };
    let offset = milliseconds(case, "offset_ms").zip(apart).map(|(offset, apart)| offset.rem_euclid(apart));
    // Neighbours whose distance is exactly the gap stay apart.
    let gap = milliseconds(case, "gap_ms").map(|gap| gap - i64::from(window["merge_touching"] == false));
    [
        ("size", milliseconds(case, "size_ms")),
        ("slide", milliseconds(case, "slide_ms")),
        ("step", milliseconds(case, "step_ms")),
        ("offset", offset),
        ("gap", gap),
    ]
    .iter()
    .filter_map(|(name, value)| value.map(|v| format!("{name} = \"{v}ms\"\n")))
    .collect()
}

fn pipeline(case: &Value) -> String {
    let mut select = String::new();
    for aggregate in case["aggregates"].as_array().expect("a list") {
        let field = aggregate.get("field").map_or("*".to_owned(), |f| format!("fields.\"{}\"", text(f)));
        let call = match text(&aggregate["fn"]).as_str() {
            "count_distinct" => format!("count(DISTINCT {field})"),
            "percentile" => format!("percentile({field}, {})", aggregate["p"]),
            "list" => "count(*)".to_owned(),
            "avg_int" => format!("avg({field})"),
            name => format!("{name}({field})"),
        };
        let _ = writeln!(select, "\"{}\" = '''{call}'''", text(&aggregate["as"]));
    }
    format!(
        "[run]\ntick = \"1ms\"\n\
         [sources.events]\ntype = \"file\"\npath = \"{{0}}\"\ntime = {{ field = \"t\", unit = \"ms\" }}\n\
         out_of_orderness = \"{}s\"\n\
         [streams.rows]\nfrom = \"events\"\nwhere = \"clock IS NULL\"\n\
         [windows.w]\nfrom = \"rows\"\n{}allowed_lateness = \"{}ms\"\n\
         group_by = {{ \"group\" = '''\"key\"''' }}\n[windows.w.select]\n{select}\
         [sinks.out]\ntype = \"stdout\"\nformat = \"json\"\ntimes = \"unix_ms\"\nfrom = [\"w\"]\n",
        AHEAD / 1_000,
        shape(case),
        case["allowed_lateness_ms"],
    )
}

fn input(case: &Value) -> Vec<u8> {
    let mut text = String::new();
    for entry in case["input"].as_array().expect("a list") {
        let line = match entry.get("watermark").and_then(Value::as_i64) {
            None => entry.clone(),
            // The end of the input says that.
            Some(i64::MAX) => continue,
            Some(watermark) => json!({"t": watermark + 1 + AHEAD, "clock": true}),
        };
        let _ = writeln!(text, "{line}");
    }
    text.into_bytes()
}

/// Values as numbers where they are some, so that 5 is 5.0; lists as their lengths.
fn value(value: &Value, function: &Value) -> String {
    match (value, function.as_str()) {
        (Value::Array(list), _) => format!("{:.9e}", list.len() as f64),
        (_, Some("avg_int")) => value.as_f64().map_or_else(|| value.to_string(), |v| format!("{:.9e}", v.trunc())),
        _ => value.as_f64().map_or_else(|| value.to_string(), |v| format!("{v:.9e}")),
    }
}

/// A window by what the source says of it (start, end, key), and the values.
type Row = ((Option<i64>, Option<i64>, String), Vec<String>);

fn check(case: &Value, width: Width) -> Result<(), String> {
    let id = case["id"].as_str().expect("a name");
    let folder = tempfile::tempdir().expect("a scratch folder");
    let text = write_case(folder.path(), &pipeline(case), &[input(case)]);
    let ran = run(&text, width).unwrap_or_else(|e| panic!("{id}: {e}"));
    let changes = case["expected"].as_array().expect("a list");
    let aggregates = case["aggregates"].as_array().expect("a list");
    let has = |name: &str| changes.iter().all(|r| r.get(name).is_some());
    let (has_start, has_end, has_key) = (has("window_start"), has("window_end"), has("key"));
    // Where other engines have the end elsewhere.
    let later = milliseconds(case, "end_inclusive").unwrap_or(0) + i64::from(case["window"]["merge_touching"] == false);
    let row = |row: &Value, key: &str, later: i64| -> Row {
        let start = row["window_start"].as_i64().filter(|_| has_start);
        let end = row["window_end"].as_i64().map(|end| end + later).filter(|_| has_end);
        let key = if has_key { row[key].to_string() } else { String::new() };
        let values = aggregates.iter().map(|a| value(&row[a["as"].as_str().expect("a name")], &a["fn"]));
        ((start, end, key), values.collect())
    };
    // The changes of a row, one after the other, leave the row that holds.
    let apply = |rows: Vec<(bool, Row)>| {
        let mut held = BTreeMap::new();
        for (asserts, (window, values)) in rows {
            if asserts {
                held.insert(window, values);
            } else {
                held.remove(&window);
            }
        }
        held
    };
    // Here the end of the input states every window; there a last watermark is the end.
    let watermarks = case["input"].as_array().expect("a list").iter().filter_map(|e| e["watermark"].as_i64());
    let last = watermarks.max().filter(|_| case["emit"] != "on_update").unwrap_or(i64::MAX);
    let held = if case["emit"] == "after_lateness" { case["allowed_lateness_ms"].as_i64().unwrap_or(0) } else { 0 };
    let counts = |r: &&Value| {
        let (start, end) = (r["window_start"].as_i64().expect("a time"), r["window_end"].as_i64().expect("a time"));
        (case["window"]["no_negative_start"] != true || start >= 0) && end + later + held - 1 <= last
    };
    let found = apply(ran.rows().iter().filter(counts).map(|r| (r["op"] == "+", row(r, "group", later))).collect());
    let expected = apply(
        changes.iter().map(|r| (r["op"].as_str().is_some_and(|op| op.starts_with('+')), row(r, "key", 0))).collect(),
    );
    if case["rows_not_asserted"].is_null() && found != expected {
        return Err(format!("{id} {width:?}\n  found: {found:?}\n  expected: {expected:?}"));
    }
    let late = ran.sum(|s| s.parts[0].too_late);
    match case["expected_late"].as_array() {
        Some(list) if late != list.len() as u64 => Err(format!("{id} {width:?}: {late} too late, expected {list:?}")),
        _ => Ok(()),
    }
}

#[test]
fn windows_of_other_engines_when_run_then_hold_the_same_in_the_end() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cases/windows.jsonl");
    let cases = std::fs::read_to_string(path).expect("the cases are there");
    in_time("the cases", move || {
        let (mut ran, mut wrong) = (0, Vec::new());
        for line in cases.lines() {
            let case: Value = serde_json::from_str(line).expect("JSON");
            if left_out(&case).is_some() {
                continue;
            }
            let expected = differs(case["id"].as_str().expect("a name"));
            for width in [Width::new(1, None), Width::new(2, Some(100)), Width::new(3, Some(7))] {
                match (check(&case, width), expected) {
                    (Ok(()), Some(why)) => wrong.push(format!("{} is right now, though {why}", case["id"])),
                    (Err(what), None) => wrong.push(what),
                    _ => {}
                }
            }
            ran += 1;
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
        assert_eq!(ran, 53, "cases that are run");
    });
}
