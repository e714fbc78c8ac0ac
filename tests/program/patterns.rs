//! Patterns in a pipeline file: the same bytes at any width, late events and corrections among them.

use crate::cluster::Hosts;
use crate::harness::{Child, Scratch};
use serde_json::Value;

/// Two files with late events, and a pattern of each kind: a loop with a condition over the match, an absence that time
/// decides, partial matches that run out of time, and several matches of one beginning.
const JOB: &str = r#"
[sources.events]
type = "file"
path = ["a.ndjson", "b.ndjson"]
out_of_orderness = "1s"

[streams.visits]
from = "events"
where = "event_type IN ('user_action', 'transaction')"
set = { visitor = "coalesce(session_id, user_id)", what = "CASE data.action WHEN 'view_product' THEN 'view' ELSE data.type END" }

[patterns.funnel]
from = "visits"
key = "visitor"
match = "view -> cart+ -> buy"
within = "20s"
allowed_lateness = "4s"
event_id = "event_id"
define.view = "data.action = 'view_product'"
define.cart = "data.action = 'add_to_cart' AND data.page <> view.data.page"
define.buy = "data.type = 'purchase' AND data.amount > 2 * count(cart)"
select = { carts = "count(cart)", pages = "collect(cart.data.page)", amount = "buy.data.amount" }

[patterns.left]
from = "visits"
key = "visitor"
match = "cart{2} -> !buy"
within = "5s"
allowed_lateness = "1m"
events = "none"
define.cart = "data.action = 'add_to_cart'"
define.buy = "data.type = 'purchase'"
select = { seconds = "match_end() - match_start()" }

[patterns.bought]
from = "visits"
key = "visitor"
match = ["view", "purchase"]
type_field = "what"
within = "3s"
timed_out = true
skip = "no_skip"
event_id = "event_id"
allowed_lateness = "10s"

[sinks.rows]
type = "file"
path = "out/{name}.ndjson"
from = ["funnel", "left", "bought"]
"#;

const PARTS: [&str; 3] = ["funnel", "left", "bought"];

fn rows(scratch: &Scratch) -> [String; 3] {
    PARTS.map(|part| scratch.read(&format!("out/{part}.ndjson")))
}

#[test]
fn matches_and_their_corrections_are_the_same_bytes_at_any_number_of_workers_and_processes() {
    let scratch = Scratch::new();
    for (name, seed) in [("a.ndjson", "1"), ("b.ndjson", "2")] {
        let late = ["--disorder", "0.2", "--max-delay", "3s", "--late", "0.01", "--bad", "0.001", "--users", "300"];
        let args = ["generate", "-e", "25000", "--rate", "500", "--seed", seed, "-o", name];
        scratch.run(args.iter().chain(&late)).expect(0, &[]);
    }
    scratch.write("p.toml", JOB);
    scratch.run(["run", "p.toml"]).expect(0, &["corrections", "too late"]);
    let expected = rows(&scratch);
    for (part, text) in PARTS.iter().zip(&expected) {
        let all: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let taken_back = all.iter().filter(|row| row["op"] == "-").count();
        assert!(all.len() > 100 && taken_back > 5, "{part}: {} rows, {taken_back} taken back", all.len());
    }
    assert!(expected[2].contains("\"timed_out\":\"view\"") && expected[2].contains("\"timed_out\":null"));
    std::fs::remove_dir_all(scratch.path("out")).unwrap();
    scratch.run(["run", "p.toml", "-w", "3"]).expect(0, &["corrections"]);
    assert!(rows(&scratch) == expected, "3 workers say something else");
    for workers in ["1", "2"] {
        std::fs::remove_dir_all(scratch.path("out")).unwrap();
        let hosts = Hosts::new(&scratch, 2);
        for ended in hosts.meet(&["-w", workers]).into_iter().map(Child::end) {
            ended.expect(0, &["events in "]);
        }
        assert!(rows(&scratch) == expected, "2 processes of {workers} workers say something else");
    }
}

#[test]
fn the_pipeline_of_the_front_page_says_what_stands_below_it() {
    let readme = include_str!("../../README.md").split("\n## Patterns\n").nth(1).unwrap();
    let blocks = |kind: &str| -> Vec<String> {
        let head = format!("```{kind}\n");
        readme.split(&*head).skip(1).map(|rest| rest.split("```").next().unwrap().to_owned()).collect()
    };
    let scratch = Scratch::new();
    scratch.write("funnel.toml", &blocks("toml")[0]);
    let (visits, rows) = (&blocks("json")[0], &blocks("json")[1]);
    scratch.write("visits.ndjson", visits);
    assert_eq!(scratch.run(["run", "funnel.toml"]).expect(0, &["2 corrections"]).out, *rows);
    scratch.run(["explain", "funnel.toml"]).expect(0, &[]);
    let command = blocks("sh")[0].trim().strip_prefix("highwater ").unwrap().to_owned();
    let traced = scratch.run(command.split(' '));
    assert!(traced.expect(0, &[]).out.contains("(late)"), "{}", traced.out);
}

#[test]
fn the_case_of_patterns_holds_and_a_wrong_event_in_it_is_shown() {
    let scratch = Scratch::new();
    let case = include_str!("../cases/patterns.case.toml");
    scratch.write("right.case.toml", case);
    assert!(scratch.run(["test", "right.case.toml"]).expect(0, &[]).out.ends_with("1 case: 1 ok\n"));
    scratch.write("wrong.case.toml", &case.replace("[\"c5\"],\"buy\"", "[\"c6\"],\"buy\""));
    let ended = scratch.run(["test", "wrong.case.toml"]);
    let said = &ended.expect(1, &[]).out;
    for words in [
        "  18 rows as expected, 1 differs\n",
        "  differs     routes  1970-01-01T00:00:20Z .. 1970-01-01T00:00:40Z  key=\"u3\"  revision 0 +  line ",
        "  got {\"buy\":[\"b3\"],\"cart\":[\"c5\"],\"view\":[\"v3\"]}\n",
    ] {
        assert!(said.contains(words), "no {words:?} in {said}");
    }
}
