//! Cases from the test suites of other engines: what a window holds in the end.
//!
//! `tests/cases/windows_core.jsonl` has one case a line: rows and watermarks in, the last row of each window and key
//! out, and how many rows are too late where the source says that. Watermarks are given by events that the window filters out and that lie so far
//! ahead that the other events never move the clock; a watermark w there is a frontier w + 1 here.
//!
//! Left out, as this version has no such thing: sessions, cumulating windows, windows of counts and by difference,
//! offsets, slides that are longer than the size or do not divide it, processing time, inputs that retract, `list`,
//! decimals that truncate (`avg_int`, of one case that is here otherwise), weighted percentiles, panes that discard
//! what was said before, and rows that are held back until the lateness is over. What is said before the last row differs by design: here one correction a tick.

use super::harness::{Width, in_time, run, write_case};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write;

/// How far the events of the clock are ahead, milliseconds: more than any case lasts.
const AHEAD: i64 = 1_000_000_000;

fn pipeline(case: &Value) -> String {
    let text = |v: &Value| v.as_str().expect("text").to_owned();
    let mut select = String::new();
    for aggregate in case["aggregates"].as_array().expect("a list") {
        let field = aggregate.get("field").map_or("*".to_owned(), |f| format!("fields.\"{}\"", text(f)));
        let call = match text(&aggregate["fn"]).as_str() {
            "count_distinct" => format!("count(DISTINCT {field})"),
            "percentile" => format!("percentile({field}, {})", aggregate["p"]),
            name => format!("{name}({field})"),
        };
        let _ = writeln!(select, "\"{}\" = '''{call}'''", text(&aggregate["as"]));
    }
    let window = &case["window"];
    let slide = window.get("slide_ms").map_or(String::new(), |slide| format!("slide = \"{slide}ms\"\n"));
    format!(
        "[run]\ntick = \"1ms\"\n\
         [sources.events]\ntype = \"file\"\npath = \"{{0}}\"\ntime = {{ field = \"t\", unit = \"ms\" }}\n\
         out_of_orderness = \"{}s\"\n\
         [streams.rows]\nfrom = \"events\"\nwhere = \"clock IS NULL\"\n\
         [windows.w]\nfrom = \"rows\"\nsize = \"{}ms\"\n{slide}allowed_lateness = \"{}ms\"\n\
         group_by = {{ \"group\" = '''\"key\"''' }}\n[windows.w.select]\n{select}\
         [sinks.out]\ntype = \"stdout\"\nformat = \"json\"\ntimes = \"unix_ms\"\nfrom = [\"w\"]\n",
        AHEAD / 1_000,
        window["size_ms"],
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

/// Values as numbers where they are some, so that 5 is 5.0.
fn value(value: &Value) -> String {
    value.as_f64().map_or_else(|| value.to_string(), |v| format!("{v:.9e}"))
}

fn check(case: &Value, width: Width) {
    let id = case["id"].as_str().expect("a name");
    let folder = tempfile::tempdir().expect("a scratch folder");
    let text = write_case(folder.path(), &pipeline(case), &[input(case)]);
    let ran = run(&text, width).unwrap_or_else(|e| panic!("{id}: {e}"));
    let names: Vec<&str> =
        case["aggregates"].as_array().expect("a list").iter().map(|a| a["as"].as_str().expect("a name")).collect();
    let row = |row: &Value, key: &str| {
        let window = (row["window_start"].as_i64(), row["window_end"].as_i64(), row[key].to_string());
        (window, names.iter().map(|name| value(&row[*name])).collect::<Vec<_>>())
    };
    // The last assertion of each window and key holds; retractions come before what replaces them.
    let found: BTreeMap<_, _> = ran.rows().iter().filter(|r| r["op"] == "+").map(|r| row(r, "group")).collect();
    let expected: BTreeMap<_, _> = case["final"].as_array().expect("a list").iter().map(|r| row(r, "key")).collect();
    assert_eq!(found, expected, "{id} {width:?}");
    if let Some(late) = case["late"].as_u64() {
        assert_eq!(ran.sum(|s| s.parts[0].too_late), late, "{id} {width:?}: too late");
    }
}

#[test]
fn windows_of_other_engines_when_run_then_hold_the_same_in_the_end() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cases/windows_core.jsonl");
    let cases = std::fs::read_to_string(path).expect("the cases are there");
    assert!(cases.lines().count() >= 10);
    in_time("the cases", move || {
        for line in cases.lines() {
            let case: Value = serde_json::from_str(line).expect("JSON");
            for width in [Width::new(1, None), Width::new(2, Some(100)), Width::new(3, Some(7))] {
                check(&case, width);
            }
        }
    });
}
