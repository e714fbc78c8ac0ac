//! Alerts told to real servers: the Alertmanager of Prometheus, and a mail server.
//!
//! The servers are found on `PATH`, started on a free port in a folder of the test, and ended with it. Where one is missing its test
//! says SKIP and why; with `REQUIRE_SERVERS` set it fails.
//!
//! What it can catch: requests and dialogues that we think are right and the server does not.

use crate::harness::{LIMIT, Scratch, ports};
use crate::server::start as server;
use highwater::alert::{Change, State};
use highwater::notify::{ActionCounts, Notifier, Setup, SystemClock};
use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
#[cfg(feature = "tls")]
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};

fn notifier(tables: &str) -> Notifier {
    let text = format!(
        "[sources.events]\ntype = \"stdin\"\n[windows.w]\nfrom = \"events\"\nsize = \"1s\"\nselect = {{ n = \"count(*)\" }}\n{tables}"
    );
    let (config, problems) = highwater::config::parse("p.toml", &text, &[], &|_| None);
    assert!(!problems.has_errors(), "{problems}");
    let mut wrong = Vec::new();
    let setup = Setup::compile(&config.unwrap(), &mut wrong);
    assert!(wrong.is_empty(), "{wrong:?}");
    Notifier::start(&setup, Arc::new(SystemClock), None).unwrap()
}

fn change(state: State) -> Change {
    let labels = [("alert", "high_error_rate"), ("severity", "critical"), ("service", "api"), ("tags.env", "prod")];
    Change {
        id: "0123456789abcdef".into(),
        rule: "high_error_rate".into(),
        state,
        severity: "critical".into(),
        labels: labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        annotations: [("summary".to_owned(), "api: 7 errors – too many".to_owned())].into(),
        values: vec![("errors".into(), 7.into())],
        window: (1_767_614_400_000_000, 1_767_614_415_000_000),
        since: 1_767_614_415_000_000,
        fired: Some(1_767_614_415_000_000),
        at: 1_767_614_425_000_000,
        notify: vec!["ops".into()],
    }
}

/// Takes what an Alertmanager sends.
fn hook() -> (String, Receiver<Value>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let (say, said) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut reader = BufReader::new(stream);
            let (mut length, mut line) = (0, String::new());
            while reader.read_line(&mut line).is_ok_and(|n| n > 2) {
                if let Some(text) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                    length = text.trim().parse().unwrap();
                }
                line.clear();
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).unwrap();
            let _ = reader.get_mut().write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            if say.send(serde_json::from_slice(&body).unwrap()).is_err() {
                return;
            }
        }
    });
    (url, said)
}

/// The answer to a request of an API that gives JSON.
fn get(port: u16, path: &str) -> Value {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    write!(stream, "GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap_or(Value::Null)
}

#[test]
fn an_alertmanager_takes_alerts_and_their_ends_and_tells_its_own_receivers() {
    let scratch = Scratch::new();
    let (url, said) = hook();
    scratch.write(
        "am.yml",
        &format!(
            "route: {{ receiver: hook, group_by: [alertname], group_wait: 100ms, group_interval: 100ms, repeat_interval: 1h }}\n\
             receivers: [{{ name: hook, webhook_configs: [{{ url: \"{url}\", send_resolved: true }}] }}]\n"
        ),
    );
    let port = ports(1)[0];
    let args = [
        format!("--config.file={}", scratch.path("am.yml").display()),
        format!("--storage.path={}", scratch.path("data").display()),
        format!("--web.listen-address=127.0.0.1:{port}"),
        "--cluster.listen-address=".to_owned(),
    ];
    let Some(_server) = server(&["prometheus-alertmanager", "alertmanager"], &args, port) else { return };
    let notifier = notifier(&format!(
        "[notify]\nexternal_url = \"http://here/\"\n[actions.ops]\ntype = \"alertmanager\"\nurl = \"http://127.0.0.1:{port}\"\n\
         group_interval = \"0s\"\nbackoff = \"10ms\"\nretries = 1000\n"
    ));
    notifier.changes(&[change(State::Firing)]);
    let told = said.recv_timeout(LIMIT).unwrap();
    let alert = &told["alerts"][0];
    assert_eq!((&told["status"], &alert["status"]), (&"firing".into(), &"firing".into()));
    let labels = serde_json::json!({
        "alert": "high_error_rate", "alertname": "high_error_rate", "severity": "critical", "service": "api", "tags_env": "prod",
    });
    assert_eq!(alert["labels"], labels);
    assert_eq!(alert["annotations"]["summary"], "api: 7 errors – too many");
    assert_eq!((&alert["startsAt"], &alert["generatorURL"]), (&"2026-01-05T12:00:15Z".into(), &"http://here/".into()));
    let known = get(port, "/api/v2/alerts");
    assert_eq!((known.as_array().unwrap().len(), &known[0]["status"]["state"]), (1, &"active".into()));
    notifier.changes(&[change(State::Corrected)]);
    let told = said.recv_timeout(LIMIT).unwrap();
    assert_eq!(
        (&told["status"], &told["alerts"][0]["annotations"]["state"]),
        (&"resolved".into(), &"corrected".into())
    );
    assert_eq!(get(port, "/api/v2/alerts").as_array().unwrap().len(), 0);
    let counts = notifier.finish()["ops"];
    assert_eq!((counts.sent, counts.failed, counts.dropped), (2, 0, 0));
}

/// Sends one mail by a real server to a folder, and gives what arrived there. `tls` are more arguments and keys.
fn mail(tls: Option<(&[String], &str)>) -> Option<(ActionCounts, String)> {
    let scratch = Scratch::new();
    let port = ports(1)[0];
    let (more, keys) = tls.unwrap_or((&[], "tls = \"none\"\n"));
    let box_path = scratch.path("box");
    let mut args = vec!["-n".to_owned(), "-l".into(), format!("127.0.0.1:{port}")];
    args.extend_from_slice(more);
    args.extend(["-c".into(), "aiosmtpd.handlers.Mailbox".into(), box_path.display().to_string()]);
    let _server = server(&["aiosmtpd"], &args, port)?;
    let notifier = notifier(&format!(
        "[notify]\ndrain_timeout = \"60s\"\n[actions.ops]\ntype = \"email\"\nhost = \"localhost\"\nport = {port}\nfrom = \"hw@example.org\"\n\
         to = [\"a@example.org\", \"b@example.org\"]\nretries = 0\n{keys}"
    ));
    notifier.changes(&[change(State::Firing)]);
    let counts = notifier.finish()["ops"];
    let mut arrived = String::new();
    for entry in std::fs::read_dir(box_path.join("new")).into_iter().flatten() {
        arrived.push_str(&std::fs::read_to_string(entry.unwrap().path()).unwrap());
    }
    Some((counts, arrived))
}

fn check_mail(mail: &str) {
    let mail = mail.replace("\r\n", "\n");
    for line in [
        "From: Highwater <hw@example.org>",
        "To: a@example.org, b@example.org",
        "Subject: FIRING 1: alert=high_error_rate",
        "X-RcptTo: a@example.org, b@example.org",
    ] {
        assert!(mail.lines().any(|one| one == line), "{line}\n{mail}");
    }
}

#[test]
fn a_mail_server_takes_a_mail() {
    let Some((counts, arrived)) = mail(None) else { return };
    assert_eq!((counts.sent, counts.failed), (1, 0), "{arrived}");
    check_mail(&arrived);
}

#[cfg(feature = "tls")]
#[test]
fn a_mail_goes_by_tls_to_a_server_that_is_trusted_and_to_no_other() {
    let scratch = Scratch::new();
    let [ca, ca_key, csr, key, cert, names] = ["ca.pem", "ca.key", "leaf.csr", "key.pem", "cert.pem", "names"]
        .map(|name| scratch.path(name).display().to_string());
    scratch.write("names", "subjectAltName=DNS:localhost\n");
    let openssl = |args: &[&str]| {
        let done = Command::new("openssl").args(args).stdout(Stdio::null()).stderr(Stdio::null()).status();
        done.is_ok_and(|status| status.success())
    };
    let made =
        openssl(&["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", &ca_key, "-out", &ca, "-subj", "/CN=ca"])
            && openssl(&[
                "req",
                "-newkey",
                "rsa:2048",
                "-nodes",
                "-keyout",
                &key,
                "-out",
                &csr,
                "-subj",
                "/CN=localhost",
            ])
            && openssl(&[
                "x509",
                "-req",
                "-in",
                &csr,
                "-CA",
                &ca,
                "-CAkey",
                &ca_key,
                "-CAcreateserial",
                "-extfile",
                &names,
                "-out",
                &cert,
            ]);
    if !made {
        assert!(std::env::var_os("REQUIRE_SERVERS").is_none(), "openssl makes no certificates");
        eprintln!("SKIP: openssl makes no certificates");
        return;
    }
    for (tls, cert_flag, key_flag) in [("starttls", "--tlscert", "--tlskey"), ("tls", "--smtpscert", "--smtpskey")] {
        let more = [cert_flag.to_owned(), cert.clone(), key_flag.to_owned(), key.clone()];
        let Some((counts, arrived)) = mail(Some((&more, &format!("tls = \"{tls}\"\nca = \"{ca}\"\n")))) else { return };
        assert_eq!((counts.sent, counts.failed), (1, 0), "{tls}: {arrived}");
        check_mail(&arrived);
        let (counts, arrived) = mail(Some((&more, &format!("tls = \"{tls}\"\n")))).unwrap();
        assert_eq!((counts.sent, counts.failed, arrived.as_str()), (0, 1, ""), "{tls}: nobody vouches for the server");
    }
    let (counts, _) = mail(Some((&[], &format!("tls = \"starttls\"\nca = \"{ca}\"\n")))).unwrap();
    assert_eq!((counts.sent, counts.failed), (0, 1), "nothing is sent in the open where TLS is asked for");
}
