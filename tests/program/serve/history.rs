//! What runs leave on disk for those after them: rows, alerts, pages; after a clean end, after a kill, with another pipeline.
//!
//! What they cannot catch: a machine that loses power.

use super::browser::Browser;
use super::client::Served;
use super::shape::fits;
use super::story::{calm, errors, job};
use crate::harness::Scratch;
use serde_json::Value;

const HISTORY: &str = "[serve]\nhistory_path = \"kept/rows.redb\"\n";

/// The second of the end of the window and the group of each row.
fn rows(answer: &Value) -> Vec<(String, String)> {
    let text = |row: &Value, name: &str| row[name].as_str().unwrap().to_owned();
    let rows = answer["rows"].as_array().unwrap().iter();
    rows.map(|row| (text(row, "window_end")[11..19].to_owned(), text(row, "service"))).collect()
}

fn figure(served: &Served, name: &str) -> f64 {
    let all = served.get(&format!("/v1/metrics?prefix=server_history_{name}")).json();
    all["metrics"][0]["value"].as_f64().unwrap_or_else(|| panic!("{all}"))
}

/// Waits until all that a run has said is on the disk.
fn settled(served: &Served) {
    served.until("/v1/metrics?prefix=server_", |answer| {
        let all = answer.json();
        let of = |name: &str| {
            let found = all["metrics"]
                .as_array()
                .unwrap()
                .iter()
                .find(|m| m["name"] == format!("highwater_server_{name}_total"));
            found.unwrap_or_else(|| panic!("{name}: {all}"))["value"].as_f64().unwrap()
        };
        of("changes") > 0.0 && of("history_written") == of("changes")
    });
}

/// Ends a run as who stops it does.
fn stop(served: Served) -> String {
    served.child.signal("TERM");
    let ended = served.child.end();
    ended.expect(0, &[]);
    ended.err
}

/// A run of windows `first..last` of ten seconds, all of which are on the disk.
fn run(scratch: &Scratch, service: &str, (first, last): (u32, u32)) -> Served {
    let served = Served::start(scratch, &[]);
    for window in first..last {
        served.child.feed(calm(window * 10 + 1, service));
    }
    served.child.feed(calm(last * 10 + 1, service));
    // The newest window is still open.
    let all = (last - first) as usize;
    served.until(&format!("/v1/results/health?service={service}&limit=9999"), |answer| {
        answer.json()["rows"].as_array().unwrap().len() >= all
    });
    served
}

#[test]
fn rows_of_the_run_before_are_read_on_from_memory_into_the_disk() {
    // Two rows in memory: all others are read from disk.
    let scratch = job(&format!("{HISTORY}max_rows = 2\n"));
    let served = run(&scratch, "old", (0, 6));
    stop(served);
    let served = run(&scratch, "new", (8, 11));
    let order = |newest: bool| {
        let mut all: Vec<(String, String)> = (1..=11)
            .filter(|window| *window != 8)
            .map(|window| {
                let name = if window < 8 { "old" } else { "new" };
                (format!("12:{:02}:{:02}", window * 10 / 60, window * 10 % 60), name.to_owned())
            })
            .collect();
        if newest {
            all.reverse();
        }
        all
    };
    for order_word in ["newest", "oldest"] {
        for limit in [1, 3, 100] {
            let (mut all, mut cursor) = (Vec::new(), String::new());
            loop {
                let path = format!("/v1/results/health?order={order_word}&limit={limit}{cursor}");
                let answer = served.get(&path);
                all.extend(rows(&answer.json()));
                match answer.header("highwater-cursor") {
                    "" => break,
                    next => cursor = format!("&cursor={next}"),
                }
            }
            assert_eq!(all, order(order_word == "newest"), "{order_word} {limit}");
        }
    }
    let part = served.get("/v1/results/health?from=2026-01-05T12:00:20Z&until=2026-01-05T12:00:40Z&service=old").json();
    assert_eq!(rows(&part).iter().map(|(end, _)| &end[3..]).collect::<Vec<_>>(), ["00:40", "00:30"]);
    assert_eq!(served.get("/v1/results/health?service=none").json()["rows"], serde_json::json!([]));
    assert!(figure(&served, "rows") >= 10.0 && figure(&served, "bytes") > 0.0 && figure(&served, "written") >= 3.0);
    assert_eq!((figure(&served, "lost"), figure(&served, "failures"), figure(&served, "left_out")), (0.0, 0.0, 0.0));
    stop(served);
}

#[test]
fn alerts_and_a_page_are_there_at_once_after_a_restart() {
    let scratch = job(HISTORY);
    let served = Served::start(&scratch, &[]);
    served.child.feed(errors(0, "over", 7));
    served.child.feed(errors(15, "open", 8));
    served.child.feed(calm(21, "over"));
    served.until("/v1/alerts", |answer| answer.json()["alerts"][0]["summary"] == "open: 8 errors");
    let states = |served: &Served, path: &str| -> Vec<(String, bool)> {
        let list = served.get(path).json();
        let one = |alert: &Value| {
            (alert["group"]["service"].as_str().unwrap().to_owned(), alert["earlier_run"].as_bool().unwrap())
        };
        list["alerts"].as_array().unwrap().iter().map(one).collect()
    };
    // The last event closes the window in which the one is over.
    served.child.feed(calm(41, "other"));
    served.until("/v1/alerts?state=resolved", |answer| answer.body.contains("over: "));
    let firing = states(&served, "/v1/alerts?state=firing");
    assert_eq!(firing, [("open".to_owned(), false)]);
    settled(&served);
    served.child.signal("KILL");
    assert_eq!(served.child.end().code(), -1);

    let served = Served::start(&scratch, &[]);
    let answer = served.get("/v1/alerts");
    fits(&served, "get", "/v1/alerts", &answer);
    // As it was left; the rule itself has no alerts yet.
    assert_eq!(states(&served, "/v1/alerts"), [("open".to_owned(), true)]);
    assert_eq!(answer.json()["rules"][0]["now"]["firing"], 0);
    assert_eq!(states(&served, "/v1/alerts?state=resolved"), [("over".to_owned(), true)]);
    let id = answer.json()["alerts"][0]["id"].as_str().unwrap().to_owned();
    let one = served.get(&format!("/v1/alerts/{id}"));
    fits(&served, "get", "/v1/alerts/{id}", &one);
    assert_eq!(one.json()["behind"]["rows"][0]["errors"], 8);
    if let Some(mut browser) = Browser::start() {
        browser.open(&format!("http://{}/#/parts/health", served.address));
        browser.until("document.querySelector('tbody').textContent.includes('over')");
        browser.value("location.hash = '#/alerts'");
        browser.until(
            "document.querySelector('section.page:not([hidden]) tbody').textContent.includes('as an earlier run left it')",
        );
        assert!(browser.errors.is_empty(), "{:#?}", browser.errors);
    }
    // The same input again says the same again: nothing is there twice, and it is an alert of this run.
    served.child.feed(errors(0, "over", 7));
    served.child.feed(errors(15, "open", 8));
    served.child.feed(calm(21, "over"));
    served.child.feed(calm(41, "other"));
    served.until("/v1/alerts?state=resolved", |answer| answer.json()["alerts"][0]["earlier_run"] == false);
    assert_eq!(states(&served, "/v1/alerts"), [("open".to_owned(), false)]);
    let life = served.get(&format!("/v1/alerts/{id}")).json()["life"].as_array().unwrap().len();
    assert_eq!(life, 1);
    stop(served);
}

#[test]
fn a_kill_loses_nothing_that_was_on_the_disk() {
    let scratch = job(HISTORY);
    let served = run(&scratch, "old", (0, 4));
    // What has waited for a second is there.
    settled(&served);
    for window in 5..200 {
        served.child.feed(calm(window * 10 + 1, "more"));
    }
    served.child.signal("KILL");
    assert_eq!(served.child.end().code(), -1);
    let served = Served::start(&scratch, &[]);
    let found = rows(&served.get("/v1/results/health?order=oldest&service=old").json());
    assert!(found.len() >= 4 && found[0].0 == "12:00:10", "{found:?}");
    stop(served);
}

#[test]
fn rows_of_a_part_with_other_columns_are_left_out_and_it_is_said() {
    let scratch = job(HISTORY);
    stop(run(&scratch, "old", (0, 3)));
    let changed = std::fs::read_to_string(scratch.path("p.toml")).unwrap();
    scratch.write("p.toml", &changed.replace("requests = \"count(*)\"", "all = \"count(*)\""));
    let served = run(&scratch, "new", (0, 2));
    let found = served.get("/v1/results/health").json();
    assert!(found["rows"].as_array().unwrap().iter().all(|row| row["service"] == "new"), "{found}");
    assert!(figure(&served, "left_out") >= 3.0);
    let said = stop(served);
    assert!(said.contains("the part has other columns now") && said.contains("part=\"health\""), "{said}");
    scratch.write("p.toml", &changed);
    let served = Served::start(&scratch, &[]);
    let found = served.get("/v1/results/health").json();
    assert!(found["rows"].as_array().unwrap().len() >= 3, "{found}");
    stop(served);
}

#[test]
fn a_file_that_another_run_has_open_or_that_is_none_of_ours_is_an_error() {
    let scratch = job(HISTORY);
    let served = Served::start(&scratch, &[]);
    let second = scratch.run(["run", "p.toml", "--serve", "127.0.0.1:0"]);
    second.expect(3, &["error[history.locked]", "kept/rows.redb", "its own history_path"]);
    stop(served);
    scratch.write("kept/rows.redb", "service,n\na,1\n");
    let other = scratch.run(["run", "p.toml", "--serve", "127.0.0.1:0"]);
    other.expect(2, &["error[history.format]", "kept/rows.redb", "move the file away"]);
    assert_eq!(scratch.read("kept/rows.redb"), "service,n\na,1\n");
}
