//! Alerts, silences, matches, rejects and the graph, asked over HTTP.

use super::client::{Answer, Served};
use super::shape::fits;
use super::story::{calm, errors, funnel, job};
use crate::harness::Scratch;
use serde_json::Value;

const OPERATE: &str = "Authorization: Bearer operate-0123456789abcdef\r\n";
const READ: &str = "Authorization: Bearer read-0123456789abcdef\r\n";

fn firing(scratch: &Scratch, more: &[&str]) -> (Served, Value) {
    let served = Served::start(scratch, more);
    served.child.feed(errors(0, "api", 7));
    served.child.feed(calm(11, "db"));
    let answer = served.until("/v1/alerts", |answer| answer.body.contains("\"state\":\"firing\",\"severity\""));
    let alert = answer.json()["alerts"][0].clone();
    (served, alert)
}

#[test]
fn an_alert_is_listed_with_its_life_and_rows_and_goes_to_the_history() {
    let scratch = job("");
    let (served, alert) = firing(&scratch, &[]);
    assert_eq!(
        (&alert["rule"], &alert["severity"], &alert["summary"]),
        (&"high_errors".into(), &"critical".into(), &"api: 7 errors".into())
    );
    assert_eq!(alert["group"].to_string(), r#"{"service":"api"}"#);
    assert_eq!((alert["values"]["errors"].as_u64(), alert["silenced"].as_bool()), (Some(7), Some(false)));
    assert_eq!((&alert["since"], &alert["ended"]), (&"2026-01-05T12:00:10Z".into(), &Value::Null));
    assert_eq!(alert["window"]["start"], "2026-01-05T12:00:00Z");
    let list = served.get("/v1/alerts?rule=high_errors&severity=critical&state=firing").json();
    let rule = &list["rules"][0];
    assert_eq!(
        (rule["state"].as_str(), rule["now"]["firing"].as_u64(), rule["when"].as_str()),
        (Some("firing"), Some(1), Some("errors > 5"))
    );
    assert_eq!(served.get("/v1/alerts?severity=warning").json()["alerts"], serde_json::json!([]));

    let id = alert["id"].as_str().unwrap();
    // A late event corrects the row behind it: it goes on, and what is shown is what holds now.
    served.child.feed(errors(2, "api", 2));
    served.child.feed(calm(14, "db"));
    let path = format!("/v1/alerts/{id}");
    let one = served.until(&path, |answer| answer.status == 200 && answer.body.contains("9 errors")).json();
    assert_eq!(one["alert"]["summary"], "api: 9 errors");
    assert_eq!(one["life"].as_array().unwrap().len(), 1, "{one}");
    let rows = one["behind"]["rows"].as_array().unwrap();
    assert_eq!((rows.len(), rows[0]["errors"].as_u64(), rows[0]["revision"].as_u64()), (1, Some(9), Some(1)), "{one}");
    assert_eq!((one["behind"]["part"].as_str(), one["behind"]["more"].as_bool()), (Some("health"), Some(false)));

    served.child.feed(calm(15, "api"));
    served.child.feed(calm(40, "api"));
    let over =
        served.until("/v1/alerts?state=resolved", |answer| answer.json()["alerts"].as_array().unwrap().len() == 1);
    assert_eq!(
        (&over.json()["alerts"][0]["id"], &over.json()["alerts"][0]["ended"]),
        (&id.into(), &"2026-01-05T12:00:20Z".into())
    );
    let one = served.get(&path).json();
    let states: Vec<&str> =
        one["life"].as_array().unwrap().iter().map(|fact| fact["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["firing", "resolved"]);
    assert_eq!(one["behind"]["rows"].as_array().unwrap().len(), 2, "{one}");
    for (path, status, says) in [
        ("/v1/alerts/0123456789abcdef", 404, "/v1/alerts?state=resolved"),
        ("/v1/alerts?rule=high_error", 400, "did you mean high_errors?"),
        ("/v1/alerts?state=on", 400, "no_data"),
        ("/v1/matches?pattern=funel", 400, "did you mean funnel?"),
        ("/v1/rejects?limit=0", 400, "from 1 to 1000"),
    ] {
        let answer = served.get(path);
        assert_eq!(answer.status, status, "{path} {}", answer.body);
        assert!(answer.json()["error"]["help"].as_str().unwrap().contains(says), "{path} {}", answer.body);
    }
}

#[test]
fn a_silence_is_made_holds_at_once_and_is_ended_by_who_may() {
    let scratch = job("[serve.tokens]\nread = \"read-0123456789abcdef\"\noperate = \"operate-0123456789abcdef\"\n\
         [silences.fixed]\nmatch = \"service = 'db'\"\nuntil = \"2100-01-01T00:00:00Z\"\n");
    let served = Served::start(&scratch, &[]);
    served.child.feed(errors(0, "api", 7));
    served.child.feed(calm(11, "db"));
    let alerts = |served: &Served| served.ask("/v1/alerts", READ);
    assert!(crate::harness::eventually(|| alerts(&served).body.contains("\"state\":\"firing\",\"severity\"")));
    let body = r#"{"labels": {"service": "api"}, "duration": "2h", "comment": "known", "by": "ada"}"#;
    assert_eq!(served.send("POST", "/v1/silences", READ, body.as_bytes()).status, 403);
    assert_eq!(served.send("POST", "/v1/silences", "", body.as_bytes()).status, 401);
    let made = served.send("POST", "/v1/silences", OPERATE, body.as_bytes());
    assert_eq!(made.status, 201, "{}", made.body);
    let id = made.json()["id"].as_str().unwrap().to_owned();
    assert_eq!(made.header("location"), format!("/v1/silences/{id}"));
    let alert = alerts(&served).json()["alerts"][0].clone();
    assert_eq!((alert["silenced"].as_bool(), alert["inhibited"].as_bool()), (Some(true), Some(false)));
    let list = served.ask("/v1/silences", OPERATE).json();
    let of = |id: &str| list["silences"].as_array().unwrap().iter().find(|one| one["id"] == id).unwrap().clone();
    assert_eq!((of(&id)["origin"].as_str(), of("fixed")["origin"].as_str()), (Some("api"), Some("pipeline")));
    assert_eq!((of(&id)["by"].as_str(), of(&id)["state"].as_str()), (Some("ada"), Some("active")));
    assert_eq!(
        (list["may_change"].as_bool(), served.ask("/v1/silences", READ).json()["may_change"].as_bool()),
        (Some(true), Some(false))
    );

    for (body, says) in [
        ("", "no JSON"),
        (r#"{"match": "service =", "duration": "2h"}"#, "match is 'service ='"),
        (r#"{"match": "service = 'api'", "until": "2001-01-01T00:00:00Z"}"#, "over already"),
    ] {
        let answer = served.send("POST", "/v1/silences", OPERATE, body.as_bytes());
        assert_eq!(answer.status, 400, "{}", answer.body);
        let error = &answer.json()["error"];
        assert!(error["message"].as_str().unwrap().contains(says), "{}", answer.body);
        assert!(error["help"].as_str().unwrap().contains("\"duration\": \"2h\""), "{}", answer.body);
    }
    let large = format!("{{\"match\": \"{}\"}}", "x".repeat(70_000));
    assert_eq!(served.send("POST", "/v1/silences", OPERATE, large.as_bytes()).status, 413);
    let wrong = served.send("PUT", "/v1/silences", OPERATE, b"{}");
    assert_eq!((wrong.status, wrong.header("allow")), (405, "GET, POST, HEAD"));

    assert_eq!(served.send("DELETE", "/v1/silences/fixed", OPERATE, b"").status, 409);
    assert_eq!(served.send("DELETE", &format!("/v1/silences/{id}"), READ, b"").status, 403);
    assert_eq!(served.send("DELETE", &format!("/v1/silences/{id}"), OPERATE, b"").status, 204);
    assert_eq!(served.send("DELETE", &format!("/v1/silences/{id}"), OPERATE, b"").status, 404);
    assert_eq!(alerts(&served).json()["alerts"][0]["silenced"], false);
    served.child.signal("TERM");
    served.child.end().expect(0, &[]);
}

#[test]
fn where_nobody_is_notified_there_is_nothing_to_silence() {
    let scratch = job("");
    let without = scratch.read("p.toml").replace("notify = \"log\"\n", "");
    scratch.write("p.toml", &without);
    let (served, alert) = firing(&scratch, &[]);
    assert_eq!(alert["silenced"], false);
    let answer = served.send("POST", "/v1/silences", "", br#"{"match": "TRUE", "duration": "1h"}"#);
    assert_eq!((answer.status, answer.json()["error"]["code"].as_str()), (409, Some("api.silence")));
}

#[test]
fn who_is_told_is_counted_and_a_silenced_alert_is_not() {
    let scratch = job("");
    let served = Served::start(&scratch, &[]);
    served.until("/readyz", |answer| answer.status == 200);
    let body = r#"{"match": "service = 'db'", "duration": "1h"}"#;
    assert_eq!(served.send("POST", "/v1/silences", "", body.as_bytes()).status, 201);
    served.child.feed(errors(0, "api", 7));
    served.child.feed(errors(1, "db", 7));
    served.child.feed(calm(11, "x"));
    let counted = |answer: &Answer, name: &str| {
        let all = answer.json()["metrics"].as_array().unwrap().clone();
        all.iter().find(|m| m["name"] == name).map_or(0.0, |m| m["value"].as_f64().unwrap())
    };
    let figures = served.until("/v1/metrics?prefix=action", |answer| {
        counted(answer, "highwater_action_sent_total") == 1.0
            && counted(answer, "highwater_action_silenced_total") == 1.0
    });
    assert_eq!(counted(&figures, "highwater_action_failed_total"), 0.0);
    let graph = served.get("/v1/graph").json();
    let log = graph["nodes"].as_array().unwrap().iter().find(|n| n["id"] == "action log").unwrap().clone();
    assert_eq!((log["counts"]["sent"].as_u64(), log["counts"]["silenced"].as_u64()), (Some(1), Some(1)));
}

#[test]
fn matches_rejects_and_the_graph_say_what_the_run_has_seen() {
    let scratch = job("");
    let served = Served::start(&scratch, &[]);
    served.child.feed(funnel(1, "ann"));
    served.child.feed(funnel(5, "bob"));
    served.child.feed("{\"timestamp\": \"soon\"}\nno event\n");
    served.child.feed(calm(30, "api"));
    let all = served.until("/v1/matches", |answer| answer.json()["matches"].as_array().unwrap().len() == 2).json();
    let first = &all["matches"][0];
    assert_eq!(
        (first["pattern"].as_str(), first["key"]["user_id"].as_str().or(first["key"]["key"].as_str())),
        (Some("funnel"), Some("bob"))
    );
    assert_eq!((&first["start"], &first["end"]), (&"2026-01-05T12:00:05Z".into(), &"2026-01-05T12:00:07Z".into()));
    assert_eq!(first["values"]["amount"], 12);
    assert_eq!(first["events"]["cart"][0]["type"], "cart");
    // The steps stay in the order of the pattern.
    let text = served.get("/v1/matches?key=ann").body;
    let at = |step: &str| text.find(&format!("\"{step}\":[")).unwrap();
    assert!(at("view") < at("cart") && at("cart") < at("buy"), "{text}");
    assert_eq!(text.matches("\"pattern\":").count(), 1);
    assert_eq!((&all["patterns"][0]["matches"], &all["patterns"][0]["name"]), (&2.into(), &"funnel".into()));

    let rejects = served.until("/v1/rejects", |answer| answer.json()["kept"] == 2).json();
    let newest = &rejects["rejects"][0];
    assert_eq!(
        (newest["line"].as_str(), newest["reason"].as_str(), newest["source"].as_str()),
        (Some("no event"), Some("syntax"), Some("events"))
    );
    assert_eq!((newest["cut"].as_bool(), newest["length"].as_u64()), (Some(false), Some(8)));
    assert!(newest["position"].as_u64().unwrap() > 0 && !newest["detail"].as_str().unwrap().is_empty());
    let other = served.get("/v1/rejects?reason=syntax&source=events&limit=5").json();
    assert_eq!((other["kept"].as_u64(), rejects["counted"]["events"]["syntax"].as_u64()), (Some(1), Some(1)));

    let graph = served.until("/v1/graph", |answer| answer.json()["nodes"][0]["rate"]["per_second"].is_number()).json();
    let ids: Vec<&str> = graph["nodes"].as_array().unwrap().iter().map(|node| node["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["events", "health", "funnel", "high_errors", "sink rows", "action log"]);
    assert_eq!(graph["edges"].as_array().unwrap().len(), 5, "{graph}");
    assert_eq!(
        (graph["nodes"][0]["counts"]["events"].as_u64(), graph["nodes"][0]["position"].as_str()),
        (Some(7), Some("2026-01-05T12:00:30Z"))
    );
}

#[test]
fn rejected_lines_are_bounded_however_many_there_are() {
    let scratch = job("");
    let mut served = Served::start(&scratch, &[]);
    let wrong = format!("no event {}\n", "x".repeat(2000));
    for _ in 0..20 {
        served.child.feed(wrong.repeat(500));
    }
    served.child.close_input();
    served.child.until_err("the input has ended; serving on");
    let answer = served.get("/v1/rejects?limit=1000").json();
    assert_eq!(answer["counted"]["events"]["syntax"], 10_000);
    let list = answer["rejects"].as_array().unwrap();
    assert!(!list.is_empty() && list.len() <= 1000 && list.len() as u64 == answer["kept"].as_u64().unwrap());
    assert!(list.iter().all(|one| one["cut"] == true && one["line"].as_str().unwrap().len() <= 500));
    // The last line of the input is among them.
    assert_eq!(list[0]["position"].as_u64().unwrap(), (10_000 - 1) * wrong.len() as u64);
}

#[test]
fn what_is_pending_and_what_hears_nothing_is_told_apart() {
    let scratch = job("[alerts.slow]\nfrom = \"health\"\nwhen = \"requests > 2\"\nfor = \"20s\"\npending = true\n\
         no_data_after = \"30s\"\nsummary = \"{service} is busy\"\n");
    let served = Served::start(&scratch, &[]);
    let busy = |second: u32| -> String { (0..3).map(|i| calm(second + i, "api")).collect() };
    let slow = |answer: &Answer| {
        let list = answer.json()["rules"].as_array().unwrap().clone();
        let rule = list.iter().find(|rule| rule["name"] == "slow").unwrap().clone();
        let now = ["firing", "no_data", "pending"].map(|word| rule["now"][word].as_u64().unwrap());
        (rule["state"].as_str().unwrap().to_owned(), now)
    };
    served.child.feed(busy(0));
    served.child.feed(calm(1, "db"));
    served.child.feed(calm(11, "db"));
    let answer = served.until("/v1/alerts?rule=slow", |answer| {
        // Counts and rows come on different ways.
        slow(answer) == ("pending".to_owned(), [0, 0, 1]) && answer.json()["alerts"][0]["rule"] == "slow"
    });
    let alert = answer.json()["alerts"][0].clone();
    assert_eq!((alert["state"].as_str(), &alert["fired"]), (Some("pending"), &Value::Null));
    assert_eq!(alert["labels"]["service"], "api");
    served.child.feed(busy(10));
    served.child.feed(busy(20));
    served.child.feed(calm(31, "db"));
    let answer = served.until("/v1/alerts?rule=slow", |answer| slow(answer) == ("firing".to_owned(), [1, 0, 0]));
    assert_eq!(answer.json()["alerts"][0]["id"], alert["id"]);
    // Nobody hears of it: it names no action.
    assert_eq!(answer.json()["alerts"][0]["notify"], serde_json::json!([]));
    for second in [40, 50, 60, 70] {
        served.child.feed(calm(second + 1, "db"));
    }
    let answer = served.until("/v1/alerts?state=no_data", |answer| slow(answer).0 == "no_data");
    assert_eq!(answer.json()["alerts"][0]["id"], alert["id"]);
    let one = served.get(&format!("/v1/alerts/{}", alert["id"].as_str().unwrap())).json();
    let states: Vec<&str> =
        one["life"].as_array().unwrap().iter().map(|fact| fact["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["pending", "firing", "no_data"], "{one}");
}

#[test]
fn answers_are_what_the_description_says() {
    let scratch = job("[silences.fixed]\nmatch = \"service = 'db'\"\nuntil = \"2100-01-01T00:00:00Z\"\n");
    let (served, alert) = firing(&scratch, &[]);
    served.child.feed(funnel(12, "ann"));
    served.child.feed("no event\n");
    served.child.feed(calm(25, "api"));
    served.child.feed(calm(45, "api"));
    served.until("/v1/alerts?state=resolved", |answer| answer.json()["alerts"].as_array().unwrap().len() == 1);
    served.until("/v1/matches", |answer| answer.json()["matches"].as_array().unwrap().len() == 1);
    served.until("/v1/rejects", |answer| answer.json()["kept"] == 1);
    for path in ["/v1/alerts", "/v1/matches", "/v1/recommendations", "/v1/silences", "/v1/rejects", "/v1/graph"] {
        fits(&served, "get", path, &served.get(path));
        // What is wrong has its own form.
        let wrong = served.get(&format!("{path}?nothing=1"));
        assert_eq!(wrong.status, 400, "{path}");
        fits(&served, "get", path, &wrong);
    }
    fits(&served, "get", "/v1/alerts", &served.get("/v1/alerts?state=resolved"));
    fits(&served, "get", "/v1/alerts/{id}", &served.get(&format!("/v1/alerts/{}", alert["id"].as_str().unwrap())));
    fits(&served, "get", "/v1/alerts/{id}", &served.get("/v1/alerts/none"));
    let made = served.send("POST", "/v1/silences", "", br#"{"match": "TRUE", "duration": "1h"}"#);
    fits(&served, "post", "/v1/silences", &made);
    fits(&served, "post", "/v1/silences", &served.send("POST", "/v1/silences", "", b"[]"));
    fits(&served, "get", "/v1/silences", &served.get("/v1/silences"));
}

#[test]
fn who_follows_chooses_kinds_and_is_told_what_is_counted() {
    let scratch = job("");
    let (served, _) = firing(&scratch, &[]);
    for (kind, parts) in [
        ("rows", serde_json::json!(["health"])),
        ("matches", serde_json::json!(["funnel"])),
        ("alerts", serde_json::json!(["high_errors"])),
        ("rows,alerts", serde_json::json!(["health", "high_errors"])),
        ("engine", serde_json::json!([])),
        ("alerts&name=health", serde_json::json!([])),
    ] {
        let mut follower = served.follow(&format!("kind={kind}"));
        assert_eq!(follower.next_is("hello")["parts"], parts, "{kind}");
    }
    let mut follower = served.follow("kind=engine");
    follower.next_is("hello");
    follower.next_is("snapshot");
    for _ in 0..2 {
        let told = follower.next_is("engine");
        assert_eq!(told["state"], "running");
        let metrics = told["metrics"].as_array().unwrap();
        let events = metrics.iter().find(|one| one["name"] == "highwater_source_events_total").unwrap();
        assert_eq!((events["value"].as_f64(), &events["labels"]["source"]), (Some(8.0), &"events".into()));
    }
    let wrong = served.get("/v1/events?kind=row");
    assert_eq!((wrong.status, wrong.json()["error"]["code"].as_str()), (400, Some("api.question")));
}

#[test]
fn recommendations_are_the_lists_that_hold_now_by_item_and_by_user() {
    let scratch = Scratch::new();
    let shop = r#"
name = "shop"
[serve]
history = "1m"
[sources.views]
type = "stdin"
[recommendations.also]
from = "views"
by = "user"
item = "page"
within = "10s"
every = "10s"
keep = "10d"
per_user = { n = 2 }
[windows.pages]
from = "views"
size = "10s"
group_by = { page = "page" }
select = { n = "count(*)" }
"#;
    scratch.write("p.toml", shop);
    let served = Served::start(&scratch, &[]);
    let see = |second: u32, user: &str, page: &str| {
        served.child.feed(format!("{{\"timestamp\": {second}, \"user\": \"{user}\", \"page\": \"{page}\"}}\n"));
    };
    for (second, user, page) in [
        (1, "ann", "shoes"),
        (2, "ann", "socks"),
        (3, "bob", "shoes"),
        (4, "bob", "socks"),
        (5, "bob", "hats"),
        (11, "cid", "ties"),
    ] {
        see(4000 + second, user, page);
    }
    let both =
        served.until("/v1/recommendations?item=shoes&user=ann", |a| a.json()["lists"].as_array().unwrap().len() == 2);
    fits(&served, "get", "/v1/recommendations", &both);
    let both = both.json();
    assert_eq!(both["recommendations"][0]["users"], "also.users");
    let of =
        |whose: &str| both["lists"].as_array().unwrap().iter().find(|one| one.get(whose).is_some()).unwrap().clone();
    let entries = |list: &Value, what: &str| -> Vec<String> {
        list["entries"].as_array().unwrap().iter().map(|entry| entry[what].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(
        (of("item")["item"].as_str(), entries(&of("item"), "other")),
        (Some("shoes"), vec!["socks".into(), "hats".into()])
    );
    assert_eq!(of("item")["entries"][0]["times"], 2);
    assert_eq!((of("user")["user"].as_str(), entries(&of("user"), "item")), (Some("ann"), vec!["hats".to_owned()]));
    // A list that nothing has changed for longer than the history is still the one that holds.
    see(9000, "cid", "ties");
    see(9100, "cid", "ties");
    served.until("/v1/results/pages", |answer| answer.json()["rows"].as_array().unwrap().len() == 1);
    let all = served.get("/v1/recommendations?name=also").json();
    assert_eq!(all["lists"].as_array().unwrap().len(), 3, "{all}");
    assert_eq!(served.get("/v1/recommendations?limit=1").json()["lists"].as_array().unwrap().len(), 1);
    assert!(served.get("/v1/recommendations?name=als").json()["error"]["help"].as_str().unwrap().contains("also"));

    let Some(mut browser) = super::browser::Browser::start() else { return };
    browser.open(&format!("http://{}/#/recommendations", served.address));
    let body = "document.querySelector('section.page:not([hidden]) tbody')";
    browser.until(&format!("{body}.textContent.includes('socks (2), hats (1)')"));
    browser.value("document.querySelectorAll('section.page:not([hidden]) input')[1].value = 'ann'");
    browser
        .value("document.querySelectorAll('section.page:not([hidden]) input')[1].dispatchEvent(new Event('change'))");
    browser.until(&format!("{body}.rows.length === 1 && {body}.textContent.includes('user ann')"));
    assert_eq!(browser.errors, Vec::<String>::new());
}
