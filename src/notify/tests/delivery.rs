//! Messages to real receivers on this machine: what they get, and what becomes of messages where they fail.
//!
//! Nothing is timed: a test waits for what a receiver gets, or for the end of the notifier.

use super::server::{Fault, Http, LIMIT, Request, Smtp};
use super::*;
use base64::{Engine, prelude::BASE64_STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use std::path::Path;
use std::time::Instant;

/// Waits are short where they are waited for.
const QUICK: &str = "backoff = '1ms'\nmax_backoff = '5ms'\n";

fn start(tables: &str) -> Notifier {
    Notifier::start(&setup(tables), Arc::new(SystemClock), None).unwrap()
}

/// Starts the action `ops` of this kind, tells it of `page/api`, and gives what was counted at the end.
fn told(keys: &str) -> ActionCounts {
    let notifier = start(&format!("[actions.ops]\n{keys}\n{QUICK}"));
    notifier.changes(&[change("page/api", Life::Firing, 0)]);
    notifier.finish()["ops"]
}

fn letters(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn a_webhook_gets_the_document_signed_with_its_headers() {
    let server = Http::start(&[]);
    let counts = told(&format!(
        "type = 'webhook'\nurl = '{}/in?a=b'\nmethod = 'PUT'\nheaders = {{ X-Team = 'shop' }}\nuser = 'me'\npassword = 'pä'\n\
         secret = 'key'\n[notify]\nexternal_url = 'http://here/'\n[actions.other]\ntype = 'log'\n",
        server.url
    ));
    let request = server.next();
    assert_eq!((request.method.as_str(), request.path.as_str()), ("PUT", "/in?a=b"));
    assert_eq!((request.header("X-Team"), request.header("content-type")), (Some("shop"), Some("application/json")));
    let login = format!("Basic {}", BASE64_STANDARD.encode("me:pä"));
    assert_eq!(request.header("Authorization"), Some(login.as_str()));
    let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(b"key").unwrap();
    mac.update(&request.body);
    let signed = request.header("X-Highwater-Signature").unwrap().strip_prefix("sha256=").unwrap();
    let bytes: Vec<u8> =
        (0..signed.len()).step_by(2).map(|i| u8::from_str_radix(&signed[i..i + 2], 16).unwrap()).collect();
    mac.verify_slice(&bytes).unwrap();
    let labels = json!({ "alert": "page", "severity": "critical", "service": "api" });
    let document = request.json();
    let alert = json!({
        "status": "firing",
        "labels": labels,
        "annotations": { "summary": "api is bad" },
        "startsAt": "1970-01-01T00:00:10Z",
        "endsAt": "0001-01-01T00:00:00Z",
        "generatorURL": "http://here/",
        "fingerprint": key_of(&change("page/api", Life::Firing, 0).labels),
        "id": "page/api-0",
        "state": "firing",
        "values": { "service": "api", "errors": 7 },
        "window": { "start": "1970-01-01T00:00:00Z", "end": "1970-01-01T00:00:10Z" },
    });
    let expected = json!({
        "version": "4",
        "groupKey": "{alert=\"page\"}",
        "truncatedAlerts": 0,
        "status": "firing",
        "receiver": "ops",
        "groupLabels": { "alert": "page" },
        "commonLabels": labels,
        "commonAnnotations": { "summary": "api is bad" },
        "externalURL": "http://here/",
        "alerts": [alert],
    });
    assert_eq!(document, expected);
    assert_eq!(counts, ActionCounts { sent: 1, ..ActionCounts::default() });
}

#[test]
fn a_body_of_templates_becomes_json_whatever_the_values_are() {
    let server = Http::start(&[]);
    let notifier = start(&format!(
        "[actions.ops]\ntype = 'webhook'\nurl = '{}'\ntoken = 't'\n\
         body = {{ text = '{{count}} x {{alert}}: {{summary}}', n = '{{errors}}', none = '{{x}}', all = ['{{alerts}}'], k = 1 }}\n",
        server.url
    ));
    let mut one = change("page/api", Life::Firing, 0);
    one.annotations.insert("summary".into(), "a \"quote\"\n{x}".into());
    notifier.changes(&[one]);
    let request = server.next();
    assert_eq!(request.header("Authorization"), Some("Bearer t"));
    let body = request.json();
    assert_eq!(
        (&body["text"], &body["n"], &body["none"], &body["k"]),
        (&json!("1 x page: a \"quote\"\n{x}"), &json!(7), &Value::Null, &json!(1))
    );
    assert_eq!(body["all"][0][0]["status"], "firing");
    notifier.finish();
}

#[test]
fn what_fails_for_a_while_goes_through_in_order_and_once() {
    let faults = [
        Fault::Answer(500, ""),
        Fault::Reset,
        Fault::Answer(429, "Retry-After: 0\r\n"),
        Fault::Hang,
        Fault::Half,
        Fault::Answer(503, ""),
    ];
    let server = Http::start(&faults);
    let notifier = start(&format!(
        "[notify]\ndrain_timeout = '60s'\n[actions.ops]\ntype = 'webhook'\nurl = '{}'\ngroup_interval = '0s'\ntimeout = '300ms'\n\
         break_after = 3\nbreak_for = '5ms'\n{QUICK}",
        server.url
    ));
    notifier.changes(&[change("page/api", Life::Firing, 0)]);
    notifier.changes(&[change("page/api", Life::Resolved, 0)]);
    let counts = notifier.finish()["ops"];
    let state = |request: Request| request.json()["alerts"][0]["state"].as_str().unwrap().to_owned();
    let got: Vec<String> = server.requests.try_iter().map(state).collect();
    assert_eq!(got, [vec!["firing"; 7], vec!["resolved"]].concat());
    assert_eq!(counts, ActionCounts { sent: 2, retried: 6, ..ActionCounts::default() });
}

#[test]
fn what_is_refused_is_a_dead_letter_and_holds_up_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deep/letters.ndjson");
    let server = Http::start(&[Fault::Answer(400, ""), Fault::Answer(302, "Location: /elsewhere\r\n")]);
    let notifier = start(&format!(
        "[actions.ops]\ntype = 'webhook'\nurl = '{}'\ndead_letters = '{}'\n{QUICK}",
        server.url,
        path.display()
    ));
    notifier.changes(&["a/x", "b/x", "c/x"].map(|alert| change(alert, Life::Firing, 0)));
    let counts = notifier.finish()["ops"];
    assert_eq!(counts, ActionCounts { sent: 1, failed: 2, ..ActionCounts::default() });
    let letters = letters(&path);
    assert_eq!(letters.len(), 2);
    assert_eq!((&letters[0]["reason"], &letters[0]["tries"]), (&json!("the answer was 400: so"), &json!(1)));
    assert_eq!(letters[1]["reason"], "the answer was 302: so");
    let kept: Notification = serde_json::from_value(letters[0]["message"].clone()).unwrap();
    assert_eq!((kept.action.as_str(), kept.alerts[0].change.rule.as_str()), ("ops", "a"));
}

#[test]
fn a_dead_receiver_holds_up_nobody_and_what_it_does_not_get_is_kept_and_bounded() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("letters.ndjson");
    let server = Http::start(&[Fault::Hang; 200]);
    let notifier = start(&format!(
        "[notify]\ndrain_timeout = '50ms'\n[actions.ops]\ntype = 'webhook'\nurl = '{}'\ngroup_by = '...'\nqueue = 3\ntimeout = '60s'\n\
         dead_letters = '{}'\n{QUICK}[actions.quick]\ntype = 'file'\npath = '{}'\n",
        server.url,
        path.display(),
        folder.path().join("quick.ndjson").display()
    ));
    let began = Instant::now();
    for i in 0..100 {
        let mut one = change(&format!("page/{i}"), Life::Firing, 0);
        one.notify.push("quick".into());
        notifier.changes(&[one]);
    }
    server.next();
    assert!(notifier.counts()["ops"].waiting <= 4);
    let counts = notifier.finish();
    assert!(began.elapsed() < LIMIT, "nobody waits for the receiver");
    assert_eq!((counts["ops"].sent, counts["ops"].dropped), (0, 100));
    assert_eq!(counts["quick"].sent, 100);
    let letters = letters(&path);
    assert_eq!(letters.len(), 100);
    let reasons =
        |what: &str| letters.iter().filter(|letter| letter["reason"].as_str().unwrap().contains(what)).count();
    assert_eq!(reasons("too many messages wait") + reasons("the run ended"), 100);
    assert!(reasons("the run ended") >= 1);
}

#[test]
fn a_file_of_letters_keeps_the_newest_up_to_twice_its_bound() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("letters.ndjson");
    let server = Http::start(&[Fault::Answer(400, ""); 50]);
    let notifier = start(&format!(
        "[actions.ops]\ntype = 'webhook'\nurl = '{}'\ngroup_by = '...'\ndead_letters = '{}'\ndead_letters_max = '2KiB'\n",
        server.url,
        path.display()
    ));
    let many: Vec<_> = (0..50).map(|i| change(&format!("page/{i:02}"), Life::Firing, 0)).collect();
    notifier.changes(&many);
    assert_eq!(notifier.finish()["ops"].failed, 50);
    let older = folder.path().join("letters.ndjson.1");
    for file in [&path, &older] {
        assert!(std::fs::metadata(file).unwrap().len() <= 2048);
    }
    assert_eq!(letters(&path).last().unwrap()["message"]["group"]["service"], "49");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
}

#[test]
fn slack_gets_text_in_which_nothing_of_an_alert_is_a_mark() {
    let server = Http::start(&[]);
    let mut one = change("page/api", Life::Firing, 0);
    one.annotations.insert("summary".into(), "<!channel> a & b".into());
    let notifier = start(&format!(
        "[actions.ops]\ntype = 'slack'\nurl = '{0}'\nchannel = '#x'\nusername = 'hw'\nicon = ':a:'\n\
        [actions.own]\ntype = 'slack'\nurl = '{0}'\ntitle = '<!here> {{summary}}'\ntext = '*{{alert}}* {{errors:.1}}'\n",
        server.url
    ));
    notifier.changes(&[one.clone()]);
    let body = server.next().json();
    let text = "*FIRING 1: alert=page*\nfiring [critical]: &lt;!channel&gt; a &amp; b";
    assert_eq!(body, json!({ "text": text, "channel": "#x", "username": "hw", "icon_emoji": ":a:" }));
    one.notify = vec!["own".into()];
    notifier.changes(&[one]);
    assert_eq!(server.next().json(), json!({ "text": "<!here> &lt;!channel&gt; a &amp; b\n*page* 7.0" }));
    notifier.finish();
}

#[test]
fn pagerduty_gets_an_event_an_alert_and_its_end_by_the_same_key() {
    let server = Http::start(&[]);
    let notifier = start(&format!(
        "[actions.ops]\ntype = 'pagerduty'\nurl = '{}'\nrouting_key = 'r'\ntext = '{{alert}}: {{summary}}'\n",
        server.url
    ));
    notifier.changes(&[change("page/api", Life::Firing, 0)]);
    notifier.changes(&[change("page/api", Life::Corrected, 0)]);
    notifier.finish();
    let [trigger, resolve] = [server.next().json(), server.next().json()];
    assert_eq!((&trigger["event_action"], &resolve["event_action"]), (&json!("trigger"), &json!("resolve")));
    assert_eq!((&trigger["dedup_key"], &trigger["routing_key"]), (&resolve["dedup_key"], &json!("r")));
    let payload = &trigger["payload"];
    assert_eq!(
        (&payload["summary"], &payload["severity"], &payload["source"], &payload["custom_details"]["values"]["errors"]),
        (&json!("page: api is bad"), &json!("critical"), &json!("api"), &json!(7))
    );
}

#[test]
fn an_alertmanager_gets_alerts_with_an_end_and_one_of_several_is_enough() {
    let (down, up) = (Http::start(&[Fault::Answer(500, ""); 9]), Http::start(&[]));
    let notifier =
        start(&format!("[actions.ops]\ntype = 'alertmanager'\nurl = ['{}/', '{}']\n{QUICK}", down.url, up.url));
    let mut one = change("page/api", Life::Firing, 0);
    one.labels.insert("tags.env".into(), "prod".into());
    one.labels.insert("none".into(), String::new());
    notifier.changes(&[one.clone()]);
    let request = up.next();
    assert_eq!(request.path, "/api/v2/alerts");
    let alert = &request.json()[0];
    let labels =
        json!({ "alert": "page", "alertname": "page", "severity": "critical", "service": "api", "tags_env": "prod" });
    assert_eq!((&alert["labels"], &alert["startsAt"]), (&labels, &json!("1970-01-01T00:00:10Z")));
    let time = |text: &Value| crate::time::parse_rfc3339(text.as_str().unwrap().as_bytes()).unwrap().0;
    assert!(time(&alert["endsAt"]) > SystemClock.now(), "it fires until a while after its next repeat");
    one.state = Life::Resolved;
    // Event time may be ahead of the clock; what is over is over there too.
    (one.fired, one.at) = (Some(4_102_444_700_000_000), 4_102_444_800_000_000);
    notifier.changes(&[one]);
    let counts = notifier.finish()["ops"];
    let alert = &up.next().json()[0];
    assert!(time(&alert["startsAt"]) <= time(&alert["endsAt"]) && time(&alert["endsAt"]) <= SystemClock.now());
    assert_eq!((counts.sent, counts.retried), (2, 0));
}

#[test]
fn a_file_gets_a_line_an_alert() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("new/alerts.ndjson");
    let counts = told(&format!("type = 'file'\npath = '{}'", path.display()));
    let lines = letters(&path);
    assert_eq!((lines.len(), counts.sent), (1, 1));
    assert_eq!(
        (&lines[0]["state"], &lines[0]["action"], &lines[0]["id"]),
        (&json!("firing"), &json!("ops"), &json!("page/api-0"))
    );
}

fn mail(port: u16, more: &str) -> String {
    format!(
        "type = 'email'\nhost = '127.0.0.1'\nport = {port}\ntls = 'none'\nfrom = 'hw@example.org'\nto = ['a@example.org', 'b@example.org']\n{more}"
    )
}

#[test]
fn a_mail_is_sent_by_the_book_and_says_what_there_is_to_say() {
    let server = Smtp::start(&[]);
    let counts = told(&mail(server.port, "user = 'u'\npassword = 'p'\nsubject = 'spät: {alert}'"));
    let mail = server.next();
    let login = format!("AUTH PLAIN {}", BASE64_STANDARD.encode("\0u\0p"));
    let expected = [
        "EHLO [127.0.0.1]",
        &login,
        "MAIL FROM:<hw@example.org>",
        "RCPT TO:<a@example.org>",
        "RCPT TO:<b@example.org>",
        "DATA",
        "QUIT",
    ];
    assert_eq!(mail.commands, expected);
    let (head, body) = mail.text.split_once("\n\n").unwrap();
    for line in [
        "From: Highwater <hw@example.org>",
        "To: a@example.org, b@example.org",
        "Subject: =?utf-8?B?c3DDpHQ6IHBhZ2U=?=",
        "Content-Transfer-Encoding: base64",
        "Auto-Submitted: auto-generated",
    ] {
        assert!(head.lines().any(|one| one == line), "{line}\n{head}");
    }
    let text = String::from_utf8(BASE64_STANDARD.decode(body.replace('\n', "")).unwrap()).unwrap();
    assert!(text.starts_with("firing [critical]: api is bad\r\n") && text.contains("  errors: 7\r\n"), "{text}");
    assert_eq!(counts.sent, 1);
}

#[test]
fn a_mail_server_may_say_later_never_and_not_to_this_one() {
    // Later, and a connection that is lost, are tried again; one address of two is enough.
    let server = Smtp::start(&[("MAIL", "451 later"), ("DATA", "hang up"), ("RCPT TO:<a@", "550 no such user")]);
    let counts = told(&mail(server.port, ""));
    assert_eq!((counts.sent, counts.retried, counts.failed), (1, 2, 0));
    assert!(server.next().text.is_empty() && server.next().text.is_empty() && !server.next().text.is_empty());
    let server = Smtp::start(&[("RCPT TO:<a@", "550 no"), ("RCPT TO:<b@", "550 no")]);
    assert_eq!(told(&mail(server.port, "")), ActionCounts { failed: 1, ..ActionCounts::default() });
    let server = Smtp::start(&[(".", "554 spam")]);
    assert_eq!(told(&mail(server.port, "")).failed, 1);
    let server = Smtp::start(&[
        ("AUTH LOGIN", "334 VXNlcm5hbWU6"),
        ("dQ==", "334 UGFzc3dvcmQ6"),
        ("cA==", "235 ok"),
        ("EHLO", "250-x\r\n250 AUTH LOGIN"),
    ]);
    assert_eq!(told(&mail(server.port, "user = 'u'\npassword = 'p'")).sent, 1);
}

#[cfg(unix)]
fn script(folder: &Path, name: &str, text: &str) -> String {
    use std::os::unix::fs::PermissionsExt;
    let path = folder.join(name);
    std::fs::write(&path, format!("#!/bin/sh\n{text}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path.display().to_string()
}

#[cfg(unix)]
#[test]
fn a_program_gets_its_arguments_as_they_are_and_the_document() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out").display().to_string();
    let program = script(folder.path(), "tell", "printf '%s|' \"$@\" > \"$1\"; cat >> \"$1\"");
    let notifier = start(&format!(
        "[actions.ops]\ntype = 'command'\nprogram = '{program}'\nargs = ['{out}', '{{status}}', '', '{{summary}}', '$HOME']\n"
    ));
    let mut one = change("page/api", Life::Firing, 0);
    one.annotations.insert("summary".into(), "$(touch x); `id` \"'&|> *".into());
    notifier.changes(&[one]);
    assert_eq!(notifier.finish()["ops"].sent, 1);
    let text = std::fs::read_to_string(&out).unwrap();
    let (args, document) = text.split_once("|{").unwrap();
    assert_eq!(args, format!("{out}|firing||$(touch x); `id` \"'&|> *|$HOME"));
    let document: Value = serde_json::from_str(&format!("{{{document}")).unwrap();
    assert_eq!(document["alerts"][0]["labels"]["service"], "api");
}

#[cfg(unix)]
#[test]
fn a_program_that_fails_is_run_again_one_that_hangs_is_ended_and_one_that_is_not_there_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let letters_of = |keys: &str| {
        let path = folder.path().join("letters.ndjson");
        let _ = std::fs::remove_file(&path);
        let counts = told(&format!("type = 'command'\n{keys}\ndead_letters = '{}'", path.display()));
        (counts, letters(&path).first().map(|letter| letter["reason"].as_str().unwrap().to_owned()))
    };
    let once = script(folder.path(), "once", "[ -e \"$0.ran\" ] && exit 0; touch \"$0.ran\"; exit 3");
    let (counts, _) = letters_of(&format!("program = '{once}'"));
    assert_eq!((counts.sent, counts.retried), (1, 1));
    let never = script(folder.path(), "never", "echo 'no way' >&2; exit 3");
    let (counts, reason) = letters_of(&format!("program = '{never}'\nretries = 1"));
    assert_eq!((counts.failed, counts.retried), (1, 1));
    assert_eq!(reason.as_deref(), Some("exit status: 3: no way"));
    let hangs = script(folder.path(), "hangs", "exec sleep 1000");
    let (counts, reason) = letters_of(&format!("program = '{hangs}'\nretries = 0\ntimeout = '50ms'"));
    assert_eq!(counts.failed, 1);
    assert_eq!(reason.as_deref(), Some("it took longer than 50ms and was ended"));
    let (counts, reason) = letters_of("program = '/no/such/program'");
    assert_eq!((counts.failed, counts.retried), (1, 0));
    assert!(reason.unwrap().starts_with("/no/such/program cannot be run"));
}

#[cfg(unix)]
#[test]
fn programs_run_side_by_side_where_that_is_allowed() {
    let folder = tempfile::tempdir().unwrap();
    // Each waits for the other: one by one they would never end.
    let meet =
        script(folder.path(), "meet", "touch \"$1/$2\"; while [ ! -e \"$1/a\" ] || [ ! -e \"$1/b\" ]; do :; done");
    // Two groups that go through two lanes.
    let lane = |service: &str| {
        use std::hash::{DefaultHasher, Hash, Hasher};
        let mut hash = DefaultHasher::new();
        format!("{{service={service:?}}}").hash(&mut hash);
        hash.finish() % 2
    };
    let other = (0..).map(|i| format!("b{i}")).find(|name| lane(name) != lane("a")).unwrap();
    let dir = folder.path().display();
    let notifier = start(&format!(
        "[notify]\ndrain_timeout = '60s'\n[actions.ops]\ntype = 'command'\nprogram = '{meet}'\nargs = ['{dir}', '{{mark}}']\ngroup_by = 'service'\n\
         concurrency = 2\ntimeout = '60s'\n"
    ));
    let mut both = [change("page/a", Life::Firing, 0), change(&format!("page/{other}"), Life::Firing, 0)];
    both[0].annotations.insert("mark".into(), "a".into());
    both[1].annotations.insert("mark".into(), "b".into());
    notifier.changes(&both);
    assert_eq!(notifier.finish()["ops"].sent, 2);
}

#[test]
fn what_waits_for_its_time_is_told_by_the_notifiers_own_thread() {
    let server = Http::start(&[]);
    let notifier = start(&format!(
        "[actions.ops]\ntype = 'webhook'\nurl = '{}'\ngroup_wait = '50ms'\ngroup_interval = '10ms'\nrepeat_interval = '20ms'\n",
        server.url
    ));
    notifier.changes(&[change("page/api", Life::Firing, 0)]);
    for _ in 0..3 {
        assert_eq!(server.next().json()["status"], "firing");
    }
    drop(notifier);
}

#[test]
fn what_was_not_sent_before_a_restart_is_sent_after_it() {
    let (dead, alive) = (Http::start(&[Fault::Hang]), Http::start(&[]));
    let with = |url: &str| setup(&format!("[actions.ops]\ntype = 'webhook'\nurl = '{url}'\n"));
    let notifier = Notifier::start(&with(&dead.url), Arc::new(SystemClock), None).unwrap();
    notifier.changes(&[change("page/api", Life::Firing, 0)]);
    dead.next();
    let state = notifier.snapshot();
    drop(notifier);
    let notifier = Notifier::start(&with(&alive.url), Arc::new(SystemClock), Some(state)).unwrap();
    assert_eq!(alive.next().json()["alerts"][0]["labels"]["service"], "api");
    notifier.changes(&[change("page/api", Life::Firing, 0)]);
    assert_eq!(notifier.finish()["ops"].sent, 1, "it is told once");
}

#[test]
fn a_file_of_silences_is_read_at_the_start_and_when_it_changes_and_wrong_ones_change_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("silences.toml");
    let write = |text: &str| {
        let new = folder.path().join("new");
        std::fs::write(&new, text).unwrap();
        std::fs::rename(new, &path).unwrap();
    };
    write("[silences.first]\nmatch = \"service = 'api'\"\nuntil = 2100-01-01T00:00:00Z\n");
    let server = Http::start(&[]);
    let notifier = start(&format!(
        "[notify]\nsilences = '{}'\n[actions.ops]\ntype = 'webhook'\nurl = '{}'\ngroup_by = '...'\n",
        path.display(),
        server.url
    ));
    notifier.changes(&[change("page/api", Life::Firing, 0), change("page/web", Life::Firing, 0)]);
    assert_eq!(server.next().json()["groupLabels"]["service"], "web");
    assert_eq!(notifier.counts()["ops"].silenced, 1);
    let names = || notifier.silences().into_iter().map(|one| one.name).collect::<Vec<_>>();
    let wait_until = |there: &dyn Fn() -> bool| {
        let end = Instant::now() + LIMIT;
        while !there() {
            assert!(Instant::now() < end, "{:?}", names());
            std::thread::park_timeout(std::time::Duration::from_millis(20));
        }
    };
    let wait_for = |expected: &[&str]| wait_until(&|| names() == expected);
    write("[silences.first\n");
    wait_until(&|| notifier.wrong_files() == 1);
    assert_eq!(names(), ["first"]);
    let two = "[silences.a]\nmatch = \"service = 'x'\"\nuntil = 2100-01-01T00:00:00Z\n[silences.b]\nmatch = 'false'\nuntil = 2100-01-01T00:00:00Z\n";
    write(two);
    wait_for(&["a", "b"]);
    std::fs::remove_file(&path).unwrap();
    wait_for(&[]);
    notifier.finish();
}

#[test]
fn a_function_of_the_program_is_called_in_order_again_where_it_asks_and_may_panic() {
    use crate::config::{Given, Setting};
    let set = |key: &str, value: Given| Setting { key: key.into(), value, place: String::new() };
    let action = Given::Table(vec![set("type", Given::Program), set("backoff", "1ms".into())]);
    let given = [set("actions", Given::Table(vec![set("ops", action)]))];
    let (config, problems) = config::assemble("p.toml", PIPELINE, &[], &|_| None, &given);
    assert!(!problems.has_errors(), "{problems}");
    let setup = Setup::compile(&config.unwrap(), &mut Vec::new());
    let heard = Arc::new(std::sync::Mutex::new(Vec::new()));
    let (hears, mut calls) = (Arc::clone(&heard), 0);
    let mut programs = Programs::default();
    programs.add("ops", move |message| {
        calls += 1;
        match calls {
            1 => Err(Failure::again("not yet")),
            3 => panic!("on purpose"),
            _ => {
                hears.lock().unwrap().push(say(message));
                Ok(())
            }
        }
    });
    let notifier = Notifier::start_with(&setup, Arc::new(SystemClock), None, &programs).unwrap();
    for (alert, state) in [("a/x", Life::Firing), ("b/x", Life::Firing), ("a/x", Life::Resolved)] {
        notifier.changes(&[change(alert, state, 0)]);
    }
    let counts = notifier.finish()["ops"];
    assert_eq!(*heard.lock().unwrap(), ["firing a/x", "resolved a/x"]);
    assert_eq!(counts, ActionCounts { sent: 2, retried: 1, failed: 1, ..ActionCounts::default() });
}
