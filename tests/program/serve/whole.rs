//! Several processes of one run: each that is given an address serves all of it.

use super::client::{Answer, Served};
use super::story::{calm, errors, funnel, job};
use crate::cluster::Hosts;
use crate::harness::{Child, Input, Scratch};
use serde_json::{Value, json};

/// Starts processes with workers; those of `served` serve. Process 0 reads from the test.
fn start(hosts: &Hosts<'_>, n: usize, served: &[usize], more: &[&str]) -> Vec<(Child, Option<String>)> {
    let mut all: Vec<Child> = (0..n)
        .map(|p| {
            let serve: &[&str] = if served.contains(&p) { &["--serve", "127.0.0.1:0"] } else { &[] };
            hosts.program(p, more).args(serve).input(if p == 0 { Input::Fed } else { Input::Empty }).start()
        })
        .collect();
    let address = |(p, child): (usize, &mut Child)| {
        served.contains(&p).then(|| child.said("serving on http://").trim_end_matches('/').to_owned())
    };
    let addresses: Vec<Option<String>> = all.iter_mut().enumerate().map(address).collect();
    all.iter_mut().for_each(|child| child.until_err("ready"));
    all.into_iter().zip(addresses).collect()
}

fn serving((child, address): (Child, Option<String>)) -> Served {
    Served { child, address: address.unwrap() }
}

fn figure(answer: &Answer, start: &str) -> u64 {
    let line = answer.body.lines().find(|line| line.starts_with(start));
    line.and_then(|line| line.rsplit(' ').next()).map_or(0, |n| n.parse().unwrap())
}

fn alert(answer: &Answer) -> Value {
    answer.json()["alerts"][0].clone()
}

#[test]
fn every_process_shows_the_same_rows_alerts_silences_rejects_and_figures() {
    let scratch = job("");
    let hosts = Hosts::new(&scratch, 3);
    let mut all = start(&hosts, 3, &[0, 2], &["-w", "2"]);
    let (last, middle, first) = (serving(all.pop().unwrap()), all.pop().unwrap().0, serving(all.pop().unwrap()));
    first.child.feed(errors(0, "api", 7));
    first.child.feed(funnel(3, "ada"));
    first.child.feed("no event\n");
    first.child.feed(calm(31, "db"));
    let both = [&first, &last];
    for served in both {
        let found = served.until("/v1/alerts", |answer| answer.body.contains("\"state\":\"firing\",\"severity\""));
        assert_eq!(alert(&found)["silenced"], false);
        let rejects = served.until("/v1/rejects", |answer| answer.body.contains("no event")).json();
        assert_eq!(rejects["rejects"].as_array().unwrap().len(), 1, "{rejects}");
        served.until("/metrics", |answer| {
            figure(answer, "highwater_source_events_total{source=\"events\"}") == 11
                && figure(answer, "highwater_part_fired_total{part=\"high_errors\"}") == 1
        });
        assert_eq!(served.get("/readyz").status, 200);
        let matches = served.get("/v1/matches").json();
        assert_eq!(matches["matches"][0]["key"].to_string(), "{\"key\":\"ada\"}", "{matches}");
    }
    let rows = both.map(|served| served.get("/v1/results/health").json()["rows"].clone());
    assert_eq!(rows[0], rows[1]);
    assert_eq!(rows[0].as_array().unwrap().len(), 2, "{}", rows[0]);

    // A silence that is made at the one is one for all: process 0 tells of alerts.
    let body = json!({ "match": "service = 'api'", "duration": "2h", "comment": "known", "by": "ada" }).to_string();
    let made = last.send("POST", "/v1/silences", "Content-Type: application/json\r\n", body.as_bytes());
    assert_eq!(made.status, 201, "{}", made.body);
    let id = made.json()["id"].as_str().unwrap().to_owned();
    for served in both {
        let silences = served.get("/v1/silences").json();
        assert_eq!((&silences["silences"][0]["id"], &silences["may_change"]), (&id.clone().into(), &true.into()));
        assert_eq!(alert(&served.get("/v1/alerts"))["silenced"], true);
    }
    let wrong = json!({ "match": "service =", "duration": "2h" }).to_string();
    let said = both.map(|served| served.send("POST", "/v1/silences", "", wrong.as_bytes()));
    assert_eq!((said[1].status, &said[1].body), (400, &said[0].body));
    let path = format!("/v1/silences/{id}");
    assert_eq!(last.send("DELETE", &path, "", b"").status, 204);
    assert_eq!(last.send("DELETE", &path, "", b"").status, 404);
    assert_eq!(alert(&first.get("/v1/alerts"))["silenced"], false);

    // Who follows one sees what is read by another, and a late event as a correction.
    let mut follower = last.follow("name=health&snapshot=0");
    follower.next_is("hello");
    first.child.feed(errors(2, "api", 2));
    first.child.feed(calm(44, "db"));
    let (changes, _) = follower.changes(3);
    let said = |row: &Value| format!("{} {} {}", row["op"], row["service"], row["errors"]);
    let said: Vec<String> = changes.iter().map(said).collect();
    assert_eq!(said, [r#""-" "api" 7"#, r#""+" "api" 9"#, r#""+" "db" 0"#]);

    first.child.signal("TERM");
    for child in [first.child, middle, last.child] {
        child.end().expect(0, &[]);
    }
}

#[test]
fn a_process_alone_serves_the_rows_and_figures_of_all_also_behind_their_end() {
    let scratch = Scratch::new();
    let files = r#"
name = "files"
[sources.events]
type = "file"
path = "in/*.ndjson"
dead_letters = "dead.ndjson"
[windows.pages]
from = "events"
size = "10s"
group_by = { page = "page" }
select = { n = "count(*)" }
[sinks.rows]
type = "stdout"
format = "json"
from = "pages"
"#;
    scratch.write("p.toml", files);
    std::fs::create_dir(scratch.path("in")).unwrap();
    for file in 0..6 {
        let line = |i: u32| format!("{{\"timestamp\": {}, \"page\": \"p{}\"}}\n", 1_767_614_400 + i, i % 7);
        let text: String = (0..500).map(line).chain([format!("bad in {file}\n")]).collect();
        scratch.write(&format!("in/{file}.ndjson"), &text);
    }
    let quiet = scratch.run(["run", "p.toml"]);
    quiet.expect(0, &["syntax: 6"]);
    let hosts = Hosts::new(&scratch, 3);
    let mut all = start(&hosts, 3, &[1], &[]);
    let (last, served, first) = (all.pop().unwrap().0, serving(all.pop().unwrap()), all.pop().unwrap().0);
    let (first, _) = (first.end(), last.end().expect(0, &[]));
    assert_eq!(first.out, quiet.out);
    // Process 0 says what all have counted.
    first.expect(0, &["3,000 events", "syntax: 6"]);
    served.until("/v1/metrics", |answer| answer.json()["state"] == "ended");
    let metrics = served.get("/metrics");
    assert_eq!(figure(&metrics, "highwater_source_events_total{source=\"events\"}"), 3000);
    assert_eq!(figure(&metrics, "highwater_source_rejected_total{source=\"events\",reason=\"syntax\"}"), 6);
    let rows = served.get("/v1/results/pages?limit=10000").json()["rows"].as_array().unwrap().len();
    assert_eq!(rows, quiet.out.lines().count());
    let rejects = served.get("/v1/rejects").json();
    assert_eq!(rejects["rejects"].as_array().unwrap().len(), 6, "{rejects}");
    served.child.signal("TERM");
    served.child.end().expect(0, &[]);
}

#[test]
fn events_are_sent_to_process_0_and_another_says_so() {
    let scratch = Scratch::new();
    scratch.write(
        "p.toml",
        r#"
name = "sent"
[sources.events]
type = "http"
[windows.all]
from = "events"
size = "10s"
select = { n = "count(*)" }
"#,
    );
    let hosts = Hosts::new(&scratch, 2);
    let mut all = start(&hosts, 2, &[0, 1], &[]);
    let (other, first) = (serving(all.pop().unwrap()), serving(all.pop().unwrap()));
    let events = b"{\"timestamp\": 1767614400}\n{\"timestamp\": 1767614500}\n";
    let refused = other.send("POST", "/v1/ingest/events", "", events);
    assert_eq!((refused.status, refused.json()["error"]["code"].as_str().unwrap()), (421, "api.process"));
    assert_eq!(first.send("POST", "/v1/ingest/events", "", events).status, 202);
    let rows = |served: &Served| served.until("/v1/results/all", |a| a.body.contains("\"n\":1")).json()["rows"].clone();
    assert_eq!(rows(&first), rows(&other));
    // One signal ends both, and none goes on serving.
    other.child.signal("TERM");
    first.child.end().expect(0, &[]);
    other.child.end().expect(0, &[]);
}
