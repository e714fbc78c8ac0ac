//! The smallest story: 14 events of a shop and its services through the two windows of the first example.
//!
//! The case runs with the others (see `cases`); here the rows it expects are held against the oracle, and the engine
//! against both as two processes, which a case does not have.

use super::harness::{Width, in_time, run, write_case};
use super::oracle::{self, Agg, Condition, Field, OracleAgg, OracleRow, OracleWindow, Partition, Shape, Unit, at_path};
use highwater::story::{self, PipelineText};
use serde_json::Value;
use std::path::PathBuf;

const S: i64 = 1_000_000;

const SINK: &str = r#"
[sinks.activity]
type = "stdout"
format = "json"
from = ["user_activity", "service_health"]
"#;

fn file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/cases").join(name)
}

fn or_unknown(path: &'static str) -> Field {
    Box::new(move |event| match at_path(event, path) {
        Value::Null => Value::from("unknown"),
        found => found,
    })
}

fn all(agg: Agg) -> OracleAgg {
    OracleAgg { agg, filter: None }
}

fn is_one_of(types: &'static [&'static str]) -> Condition {
    Box::new(move |event| event["event_type"].as_str().is_some_and(|found| types.contains(&found)))
}

fn user_activity() -> OracleWindow {
    let duration = || "data.duration".to_owned();
    OracleWindow {
        shape: Shape::sliding(10 * S, 5 * S),
        early: None,
        lateness: 60 * S,
        tick: S,
        group: vec![or_unknown("tags.user_type"), or_unknown("data.page")],
        max_groups: None,
        filter: Some(is_one_of(&["user_action", "transaction"])),
        aggregates: vec![
            all(Agg::CountRows),
            all(Agg::Avg(duration())),
            all(Agg::Percentile(duration(), 0.95)),
            all(Agg::CountDistinct("user_id".to_owned())),
        ],
    }
}

fn service_health() -> OracleWindow {
    OracleWindow {
        shape: Shape::sliding(15 * S, 5 * S),
        early: None,
        lateness: 0,
        tick: S,
        group: vec![Box::new(|event| event["source"].clone()), or_unknown("tags.env")],
        max_groups: None,
        filter: None,
        aggregates: vec![
            all(Agg::CountRows),
            OracleAgg { agg: Agg::CountRows, filter: Some(is_one_of(&["error"])) },
            all(Agg::Percentile("data.response_time".to_owned(), 0.95)),
        ],
    }
}

fn line(name: &str, columns: &[&str], row: &OracleRow) -> String {
    let moment = |us| jiff::Timestamp::from_microsecond(us).expect("a time of this century");
    let (start, end) = (moment(row.window_start), moment(row.window_end));
    let mut out = format!("{{\"name\":\"{name}\",\"window_start\":\"{start}\",\"window_end\":\"{end}\"");
    for (column, value) in columns.iter().zip(row.key.iter().chain(&row.values)) {
        out.push_str(&format!(",\"{column}\":{value}"));
    }
    out.push_str(&format!(",\"revision\":{},\"op\":\"{}\"}}\n", row.revision, row.op));
    out
}

#[test]
fn demo_when_run_at_any_width_then_tells_the_story_that_the_oracle_tells() {
    let events = std::fs::read(file("demo.ndjson")).expect("the story is there");
    let partition = Partition {
        lines: String::from_utf8(events.clone()).expect("text").lines().map(str::to_owned).collect(),
        out_of_orderness: 2 * S,
        time_path: "timestamp".to_owned(),
        unit: Unit::Seconds,
    };
    let activity = ["user_type", "page", "events", "avg_duration", "p95_duration", "users"];
    let health = ["service", "env", "requests", "errors", "p95_ms"];
    let partitions = [partition];
    let mut rows = Vec::new();
    for (part, (name, columns, window)) in
        [("user_activity", &activity[..], user_activity()), ("service_health", &health[..], service_health())]
            .into_iter()
            .enumerate()
    {
        let (stated, counts) = oracle::run(&window, &partitions);
        assert_eq!((counts.events, counts.rejected, counts.late), (14, 0, 0));
        rows.extend(stated.iter().map(|row| (row.time, part, line(name, columns, row))));
    }
    rows.sort_by_key(|(time, part, _)| (*time, *part));
    let told: String = rows.into_iter().map(|(_, _, line)| line).collect();
    let case = story::read(&file("demo.case.toml")).unwrap_or_else(|e| panic!("{e}"));
    let [expect] = &case.expects[..] else { panic!("the case expects all rows") };
    assert_eq!(told, expect.rows.text, "the oracle against the case");

    let PipelineText::Here(pipeline) = &case.pipeline else { panic!("the case has its pipeline") };
    let pipeline = format!("{}\n{SINK}", pipeline.text.replace("demo.ndjson", "{0}"));
    let folder = tempfile::tempdir().expect("a scratch folder");
    let text = write_case(folder.path(), &pipeline, &[events]);
    in_time("demo", move || {
        for width in [Width::new(1, None), Width::two_processes(1, None), Width::two_processes(2, Some(300))] {
            let ran = run(&text, width).unwrap_or_else(|e| panic!("{e}"));
            assert_eq!(String::from_utf8(ran.output).expect("text"), told, "{width:?}");
        }
    });
}

#[test]
fn demo_when_asked_for_the_funnel_in_either_form_then_has_one_purchase() {
    let events = std::fs::read(file("demo.ndjson")).expect("the story is there");
    let pipeline = format!(
        r#"[sources.events]
type = "file"
path = "{{0}}"
time = {{ field = "timestamp", unit = "s" }}
out_of_orderness = "2s"
[patterns.purchase_funnel]
from = "events"
key = "coalesce(session_id, user_id, 'global')"
match = "view -> cart -> buy"
within = "5m"
define.view = "event_type = 'user_action' AND data.action = 'view_product'"
define.cart = "event_type = 'user_action' AND data.action = 'add_to_cart'"
define.buy = "event_type = 'transaction' AND data.type = 'purchase'"
select = {{ user = "first(view.user_id)", amount = "last(buy.data.amount)" }}
[patterns.simple]
from = "events"
key = "coalesce(session_id, user_id, 'global')"
match = ["user_action", "user_action", "transaction"]
within = "5m"
define.user_action = "data.action IN ('view_product', 'add_to_cart')"
define.transaction = "data.type = 'purchase'"
{}"#,
        SINK.replace(r#""user_activity", "service_health""#, r#""purchase_funnel", "simple""#)
    );
    let folder = tempfile::tempdir().expect("a scratch folder");
    let text = write_case(folder.path(), &pipeline, &[events]);
    let rest = r#""match_start":"2026-01-05T12:00:00Z","match_end":"2026-01-05T12:00:02Z","key":"session_1""#;
    let told = format!(
        "{{\"name\":\"purchase_funnel\",{rest},\"user\":\"user_1\",\"amount\":99.99,\"events\":{{\"view\":[\"evt_1\"],\
         \"cart\":[\"evt_2\"],\"buy\":[\"evt_3\"]}},\"revision\":0,\"op\":\"+\"}}\n{{\"name\":\"simple\",{rest},\
         \"events\":{{\"user_action\":[\"evt_1\"],\"user_action_2\":[\"evt_2\"],\"transaction\":[\"evt_3\"]}},\
         \"revision\":0,\"op\":\"+\"}}\n"
    );
    in_time("demo", move || {
        for width in [Width::new(1, None), Width::new(3, Some(300)), Width::two_processes(2, Some(300))] {
            let ran = run(&text, width).unwrap_or_else(|e| panic!("{e}"));
            assert_eq!(String::from_utf8(ran.output).expect("text"), told, "{width:?}");
        }
    });
}
