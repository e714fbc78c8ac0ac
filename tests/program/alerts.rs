//! Alerts in a pipeline file: the smallest story, why an alert fired, and history through other rules.

use crate::harness::Scratch;
use serde_json::Value;

const SHOP: &str = r#"
name = "shop"
[sources.events]
type = "file"
path = "demo.ndjson"
time = { field = "timestamp", unit = "s" }
out_of_orderness = "2s"

[windows.service_health]
from = "events"
size = "15s"
slide = "5s"
group_by = { service = "source", env = "coalesce(tags.env, 'unknown')" }
[windows.service_health.select]
requests = "count(*)"
errors = "count(*) FILTER (WHERE event_type = 'error')"
p95_ms = "percentile(data.response_time, 0.95)"

[patterns.purchase_funnel]
from = "events"
key = "coalesce(session_id, user_id, 'global')"
match = "view -> cart -> buy"
within = "5m"
define.view = "event_type = 'user_action' AND data.action = 'view_product'"
define.cart = "event_type = 'user_action' AND data.action = 'add_to_cart'"
define.buy = "event_type = 'transaction' AND data.type = 'purchase'"
select = { user = "first(view.user_id)", amount = "last(buy.data.amount)" }

[alerts.high_error_rate]
from = "service_health"
when = "errors > 5"
severity = "critical"
summary = "{service}: {errors} errors in {window}"
notify = "log"

[alerts.slow]
from = "service_health"
when = "p95_ms > 1000"
until = "coalesce(p95_ms, 0) <= 1000"

[alerts.sold]
from = "purchase_funnel"
summary = "{user} has paid {amount}"

[sinks.alerts]
type = "file"
path = "out/{name}.ndjson"
from = ["high_error_rate", "slow", "sold"]
"#;

fn shop() -> Scratch {
    let scratch = Scratch::new();
    scratch.write("demo.ndjson", include_str!("../cases/demo.ndjson"));
    scratch.write("shop.toml", SHOP);
    scratch
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|e| panic!("{e}: {text}"))
}

#[test]
fn the_smallest_story_when_run_then_fires_once_and_is_over() {
    let scratch = shop();
    let ended = scratch.run(["run", "shop.toml"]);
    let said = ended.expect(
        0,
        &[
            "firing [critical]: api_service: 7 errors in 2026-01-05T12:00:00Z to 2026-01-05T12:00:15Z",
            "high_error_rate: fired 1, resolved 1\n",
            "slow: fired 2, resolved 1, 1 still firing\n",
        ],
    );
    assert_eq!(said.err.matches("firing [critical]: ").count(), 1, "{}", said.err);
    let rows: Vec<Value> = scratch.read("out/high_error_rate.ndjson").lines().map(json).collect();
    let [fired, over] = &rows[..] else { panic!("{rows:?}") };
    assert_eq!(
        (&fired["state"], &fired["errors"], &fired["window_end"]),
        (&"firing".into(), &7.into(), &"2026-01-05T12:00:15Z".into())
    );
    assert_eq!(
        (&over["state"], &over["errors"], &over["at"]),
        (&"resolved".into(), &4.into(), &"2026-01-05T12:00:25Z".into())
    );
    assert_eq!(fired["alert_id"], over["alert_id"]);
}

#[test]
fn why_tells_the_life_of_an_alert_with_its_rows_and_events() {
    let scratch = shop();
    scratch.run(["run", "-q", "shop.toml"]).expect(0, &[]);
    let id = |name: &str| {
        let rows = scratch.read(&format!("out/{name}.ndjson"));
        json(rows.lines().next().unwrap())["alert_id"].as_str().unwrap().to_owned()
    };
    let [errors, sold] = ["high_error_rate", "sold"].map(id);
    std::fs::remove_dir_all(scratch.path("out")).unwrap();
    let ended = scratch.run(["why", "shop.toml", &errors]);
    let told = &ended.expect(0, &[]).out;
    for words in [
        "alert      high_error_rate (critical), ",
        "of         service_health: service=api_service, env=production\n",
        "when       errors > 5\n",
        "2026-01-05T12:00:15Z  firing\n    api_service: 7 errors in ",
        "2026-01-05T12:00:25Z  resolved, after 10s\n",
        "\n3 rows of service_health from then on\n",
        "\n9 events from 2026-01-05T12:00:00Z to 2026-01-05T12:00:15Z\n",
        "\"event_id\": \"evt_4\"",
    ] {
        assert!(told.contains(words), "no {words:?} in {told}");
    }
    let found = json(&scratch.run(["why", "shop.toml", &sold, "--format", "json"]).expect(0, &[]).out);
    assert_eq!((&found["alert"], &found["event_count"]), (&"sold".into(), &3.into()));
    let ids: Vec<&Value> = found["events"].as_array().unwrap().iter().map(|event| &event["event_id"]).collect();
    assert_eq!(ids, ["evt_1", "evt_2", "evt_3"]);
    assert_eq!(found["changes"][0]["summary"], "user_1 has paid 99.99");
    let near = id_with_a_slip(&scratch);
    scratch.run(["why", "shop.toml", &near]).expect(2, &["error[why.id]", "highwater backtest shop.toml lists them"]);
    scratch.run(["why", "shop.toml", "nothing", "--set", "sources.events.type=stdin"]).expect(2, &["config.key"]);
    assert!(!scratch.path("out").exists(), "nothing is written");
}

#[test]
fn why_tells_the_events_of_an_alert_over_views_of_a_window() {
    let scratch = Scratch::new();
    scratch.write(
        "p.toml",
        r#"
[sources.e]
type = "file"
path = "e.ndjson"
[tables.owners]
type = "file"
path = "owners.csv"
key = "service"
[windows.health]
from = "e"
size = "5s"
group_by = { service = "lower(s)", env = "env" }
select = { n = "count(*)" }
[views.owned]
from = "health"
join = { with = "owners", on = ["service"], add = ["owner"] }
where = "n > 0"
[views.longer]
from = "owned"
size = "10s"
group_by = { svc = "service" }
select = { n = "sum(n)" }
[windows.capped]
from = "e"
size = "5s"
max_groups = 1
group_by = { service = "lower(s)" }
select = { n = "count(*)" }
[views.some]
from = "capped"
where = "n > 0"
[alerts.any]
from = "some"
when = "n > 0"
[alerts.owned_many]
from = "owned"
when = "n > 1"
[alerts.many]
from = "longer"
when = "n > 2"
[sinks.out]
type = "file"
path = "out/{name}.ndjson"
from = ["owned_many", "many", "any"]
"#,
    );
    scratch.write("owners.csv", "service,owner\napi,ann\nweb,bob\n");
    let event = |i: u32, time: u32, s: &str, env: &str| {
        format!("{{\"id\":{i},\"timestamp\":{time},\"s\":\"{s}\",\"env\":\"{env}\"}}\n")
    };
    let events = [
        event(1, 1, "API", "prod"),
        event(2, 2, "api", "prod"),
        event(3, 2, "api", "test"),
        event(4, 3, "web", "prod"),
        event(5, 8, "Api", "prod"),
        event(6, 11, "api", "prod"),
    ];
    scratch.write("e.ndjson", &events.concat());
    scratch.run(["run", "-q", "p.toml"]).expect(0, &[]);
    for (alert, expected) in [("owned_many", vec![1, 2]), ("many", vec![1, 2, 3, 5])] {
        let rows = scratch.read(&format!("out/{alert}.ndjson"));
        let id = json(rows.lines().next().unwrap())["alert_id"].as_str().unwrap().to_owned();
        let found = json(&scratch.run(["why", "p.toml", &id, "--format", "json"]).expect(0, &[]).out);
        let ids: Vec<u64> =
            found["events"].as_array().unwrap().iter().map(|event| event["id"].as_u64().unwrap()).collect();
        assert_eq!((ids, &found["event_count"]), (expected.clone(), &expected.len().into()), "{alert}: {found}");
    }
    let rows = scratch.read("out/any.ndjson");
    let rest = rows.lines().map(json).find(|row| row["overflow"] == true).unwrap();
    let found = json(
        &scratch.run(["why", "p.toml", rest["alert_id"].as_str().unwrap(), "--format", "json"]).expect(0, &[]).out,
    );
    assert!(found["no_events"].as_str().unwrap().contains("max_groups") && found["event_count"] == 0, "{found}");
}

/// The id of an alert, with another last digit.
fn id_with_a_slip(scratch: &Scratch) -> String {
    let all = json(&scratch.run(["backtest", "shop.toml", "--format", "json"]).expect(0, &[]).out);
    let id = all["alerts"][0]["id"].as_str().unwrap().to_owned();
    let last = if id.ends_with('0') { '1' } else { '0' };
    format!("{}{last}", &id[..id.len() - 1])
}

#[test]
fn backtest_shows_when_alerts_would_have_fired_and_what_another_file_changes() {
    let scratch = shop();
    let ended = scratch.run(["backtest", "shop.toml"]);
    let told = &ended.expect(0, &[]).out;
    for words in ["shop.toml: 14 events, up to ", "high_error_rate", "10s", "a moment", "open", "api_service"] {
        assert!(told.contains(words), "no {words:?} in {told}");
    }
    assert!(told.lines().all(|line| line.chars().count() <= 80), "{told}");
    let later = scratch.run(["backtest", "shop.toml", "--from", "2026-01-05T12:00:24Z", "--format", "json"]);
    let later = json(&later.expect(0, &[]).out);
    let names: Vec<&Value> = later["alerts"].as_array().unwrap().iter().map(|one| &one["alert"]).collect();
    assert_eq!(names, ["slow", "high_error_rate"]);
    assert_eq!(later["totals"][0]["fired_for_us"], 1_000_000);

    scratch.write("old.toml", &SHOP.replace("errors > 5", "errors > 2").replace("p95_ms > 1000", "p95_ms > 1500"));
    let text = scratch.run(["backtest", "shop.toml", "--against", "old.toml"]);
    let text = &text.expect(0, &[]).out;
    for words in ["against old.toml: 2 alerts the same\n", "fires 5s later", "fires now"] {
        assert!(text.contains(words), "no {words:?} in {text}");
    }
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    let found =
        json(&scratch.run(["backtest", "shop.toml", "--against", "old.toml", "--format", "json"]).expect(0, &[]).out);
    let against = &found["against"];
    assert_eq!(against["same"], 2);
    assert_eq!(against["new"][0]["group"]["service"], "api_service");
    assert_eq!(against["moved"][0]["before"]["fired"], "2026-01-05T12:00:10Z");
    assert_eq!(against["gone"].as_array().unwrap().len(), 0);
    assert!(!scratch.path("out").exists(), "nothing is written");

    let without = SHOP.split("[alerts").next().unwrap();
    scratch.write("none.toml", without);
    scratch.run(["backtest", "none.toml"]).expect(2, &["error[history.alerts]: the pipeline has no alert"]);
    scratch.run(["backtest", "shop.toml", "--from", "yesterday"]).expect(2, &["not a time in RFC 3339"]);
}

#[test]
fn the_alerts_of_the_front_page_say_what_stands_below_them() {
    let readme = include_str!("../../README.md").split("\n## Alerts\n").nth(1).unwrap();
    let block = |kind: &str| {
        let rest = readme.split(&*format!("```{kind}\n")).nth(1).unwrap();
        rest.split("```").next().unwrap().to_owned()
    };
    let scratch = Scratch::new();
    scratch.write("demo.ndjson", include_str!("../cases/demo.ndjson"));
    scratch.write("shop.toml", &block("toml"));
    assert_eq!(scratch.run(["backtest", "shop.toml"]).expect(0, &[]).out, block("text"));
    let commands = block("sh");
    let why = commands.lines().next().unwrap().strip_prefix("highwater ").unwrap().to_owned();
    let told = scratch.run(why.split(' '));
    assert!(told.expect(0, &[]).out.contains("9 events from "), "{}", told.out);
}
