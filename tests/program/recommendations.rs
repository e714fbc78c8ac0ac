//! Recommendations through the program: rows in files by part, what `explain` says of them, and the events behind them.

use crate::harness::Scratch;
use serde_json::Value;

const SHOP: &str = r#"
name = "shop"
[sources.views]
type = "file"
path = "views.ndjson"
[recommendations.also]
from = "views"
by = "user"
item = "page"
where = "kind = 'view'"
within = "10s"
every = "10s"
keep = "1h"
per_user = { n = 1 }
[alerts.close]
from = "also"
when = "times >= 2"
[alerts.wanted]
from = "also.users"
when = "score >= 2"
[sinks.rows]
type = "file"
path = "out/{name}.ndjson"
from = ["also", "also.users", "close", "wanted"]
"#;

/// Shoes and socks are seen together by two users, hats with neither by a third one.
const VIEWS: &str = r#"{"timestamp": 4001, "id": 1, "user": "ann", "page": "shoes", "kind": "view"}
{"timestamp": 4002, "id": 2, "user": "ann", "page": "socks", "kind": "view"}
{"timestamp": 4003, "id": 3, "user": "ann", "page": "hats", "kind": "buy"}
{"timestamp": 4003, "id": 4, "user": "bob", "page": "socks", "kind": "view"}
{"timestamp": 4004, "id": 5, "user": "bob", "page": "shoes", "kind": "view"}
{"timestamp": 4005, "id": 6, "user": "cid", "page": "hats", "kind": "view"}
{"timestamp": 4006, "id": 7, "user": "eve", "page": "socks", "kind": "view"}
{"timestamp": 4006, "id": 8, "page": "socks", "kind": "view"}
"#;

fn shop() -> Scratch {
    let scratch = Scratch::new();
    scratch.write("shop.toml", SHOP);
    scratch.write("views.ndjson", VIEWS);
    scratch
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|e| panic!("{e}: {text}"))
}

#[test]
fn a_recommendation_writes_rows_of_items_and_of_users_to_files_of_their_own() {
    for workers in ["1", "3"] {
        let scratch = shop();
        scratch.run(["run", "shop.toml", "-w", workers]).expect(0, &["  no key       1 (also: 1)\n"]);
        let read = |part: &str, columns: &[&str]| -> Vec<String> {
            let text = scratch.read(&format!("out/{part}.ndjson"));
            let row =
                |line: &str| columns.iter().map(|name| json(line)[name].to_string()).collect::<Vec<_>>().join(" ");
            text.lines().map(row).collect()
        };
        assert_eq!(
            read("also", &["item", "other", "times", "score", "rank", "op"]),
            ["\"shoes\" \"socks\" 2 2.0 1 \"+\"", "\"socks\" \"shoes\" 2 2.0 1 \"+\""]
        );
        assert_eq!(read("also.users", &["user", "item", "score", "rank"]), ["\"eve\" \"shoes\" 2.0 1"]);
        assert_eq!((read("close", &["state"]).len(), read("wanted", &["state"]).len()), (2, 1));
    }
}

#[test]
fn why_shows_the_sightings_of_both_items_or_of_the_user() {
    let scratch = shop();
    let all = json(&scratch.run(["backtest", "shop.toml", "--format", "json"]).expect(0, &[]).out);
    let alerts = all["alerts"].as_array().expect("alerts");
    for (rule, ids) in [("close", &[1, 2, 4, 5, 7][..]), ("wanted", &[7])] {
        let of = alerts.iter().find(|alert| alert["alert"] == rule).unwrap_or_else(|| panic!("{rule} in {all}"));
        let id = of["id"].as_str().expect("an id");
        let found = json(&scratch.run(["why", "shop.toml", id, "--format", "json"]).expect(0, &[]).out);
        let events: Vec<i64> =
            found["events"].as_array().expect("events").iter().filter_map(|event| event["id"].as_i64()).collect();
        assert_eq!(events, ids, "{found}");
    }
}

#[test]
fn explain_names_both_parts_and_the_wrong_name_of_one_is_told() {
    let scratch = shop();
    let told = scratch.run(["explain", "shop.toml"]).expect(0, &[]).out.clone();
    for line in ["recommendation also  from views", "sink rows  from also, also.users, close, wanted"] {
        assert!(told.contains(line), "no {line:?} in {told}");
    }
    let other = ["check", "shop.toml", "--set", "sinks.rows.from=alsso.users"];
    scratch.run(other).expect(2, &["nothing is named 'alsso.users'", "did you mean also.users?"]);
}
