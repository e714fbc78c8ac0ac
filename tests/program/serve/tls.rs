//! The server by TLS, with certificates that `openssl` makes; where there is none the tests say SKIP.

use super::client::{Answer, Served};
use super::{JOB, event};
use crate::harness::{Input, LIMIT, Scratch, eventually};
use crate::server::skip;
use rustls::pki_types::{CertificateDer, ServerName, pem::PemObject};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde_json::Value;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::sync::Arc;
use tungstenite::client::IntoClientRequest;

const TLS: &str = "[serve]\ntls = { certificate = \"cert.pem\", key = \"key.pem\" }\n";

/// Makes a certificate that vouches for itself, and its key.
fn make(scratch: &Scratch, name: &str, kind: &[&str]) -> bool {
    let file = |end: &str| scratch.path(&format!("{name}.{end}")).display().to_string();
    let made = Command::new("openssl")
        .args(["req", "-x509", "-nodes", "-days", "30", "-subj", &format!("/CN={name}")])
        .args(["-keyout", &file("key"), "-out", &file("pem"), "-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE", "-newkey"])
        .args(kind)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    let made = made.is_ok_and(|status| status.success());
    if !made {
        skip("openssl makes no certificates");
    }
    made
}

const EC: &[&str] = &["ec", "-pkeyopt", "ec_paramgen_curve:P-256"];
const RSA: &[&str] = &["rsa:2048"];

/// Puts a file in the place of another, as those do who renew certificates.
fn put(scratch: &Scratch, from: &str, to: &str) {
    std::fs::copy(scratch.path(from), scratch.path("new")).unwrap();
    std::fs::rename(scratch.path("new"), scratch.path(to)).unwrap();
}

/// Two certificates, the first of them in its place, and the pipeline; none where they cannot be made.
fn job() -> Option<Scratch> {
    let scratch = Scratch::new();
    if !make(&scratch, "one", EC) || !make(&scratch, "two", RSA) {
        return None;
    }
    put(&scratch, "one.pem", "cert.pem");
    put(&scratch, "one.key", "key.pem");
    scratch.write("p.toml", &format!("{JOB}{TLS}"));
    Some(scratch)
}

fn start(scratch: &Scratch) -> Served {
    let mut child = scratch.program(["run", "p.toml", "--serve", "127.0.0.1:0"]).input(Input::Fed).start();
    let address = child.said("serving on https://").trim_end_matches('/').to_owned();
    Served { child, address }
}

/// A client that trusts one certificate.
fn trusting(scratch: &Scratch, name: &str, version: &'static rustls::SupportedProtocolVersion) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    let text = scratch.read(&format!("{name}.pem"));
    roots.add(CertificateDer::from_pem_slice(text.as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_protocol_versions(&[version]).unwrap();
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Arc::new(config)
}

type Stream = StreamOwned<ClientConnection, TcpStream>;

/// A connection behind its hand-shake.
fn connect(served: &Served, config: &Arc<ClientConfig>) -> std::io::Result<Stream> {
    let name = ServerName::try_from("127.0.0.1").unwrap();
    let connection = ClientConnection::new(Arc::clone(config), name).unwrap();
    let mut stream = StreamOwned::new(connection, served.connect());
    while stream.conn.is_handshaking() {
        stream.conn.complete_io(&mut stream.sock)?;
    }
    Ok(stream)
}

/// Asks on a connection that is kept.
fn ask(stream: &mut Stream, path: &str) -> Answer {
    write!(stream, "GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n").unwrap();
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).unwrap();
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let mut answer = Answer { status, head, body: String::new() };
    let mut body = vec![0; answer.header("content-length").parse().unwrap_or(0)];
    stream.read_exact(&mut body).unwrap();
    answer.body = String::from_utf8(body).unwrap();
    answer
}

/// What the server has counted under a name, with a reason where there are several.
fn counted(stream: &mut Stream, name: &str, reason: Option<&str>) -> u64 {
    let answer = ask(stream, &format!("/v1/metrics?prefix={name}")).json();
    let found = answer["metrics"].as_array().unwrap().iter();
    let mut found = found.filter(|m| reason.is_none_or(|reason| m["labels"]["reason"] == reason));
    found.next().map_or(0, |m| m["value"].as_f64().unwrap() as u64)
}

#[test]
fn https_websockets_and_events_go_by_tls_and_what_is_none_is_refused() {
    let Some(scratch) = job() else { return };
    let served = start(&scratch);
    served.child.feed(event(1, "a", 1));
    // One that says nothing holds nobody up, neither now nor at the end.
    let silent = served.connect();
    let [old, new] =
        [&rustls::version::TLS12, &rustls::version::TLS13].map(|version| trusting(&scratch, "one", version));
    for config in [&old, &new] {
        let mut stream = connect(&served, config).unwrap();
        assert_eq!(stream.conn.alpn_protocol(), Some(&b"http/1.1"[..]));
        let answer = ask(&mut stream, "/healthz");
        assert_eq!((answer.status, answer.header("strict-transport-security")), (200, "max-age=31536000"));
        let pipeline = ask(&mut stream, "/v1/pipeline");
        assert_eq!(pipeline.json()["server"], format!("https://{}/", served.address));
        assert!(!pipeline.body.contains("PRIVATE KEY"));
    }

    // Plain HTTP is told what to do; its page, by another scheme, is not the server's own.
    let plain = served.get("/healthz");
    assert_eq!((plain.status, plain.json()["error"]["code"].as_str()), (400, Some("api.tls")), "{}", plain.body);
    assert!(plain.body.contains("https://"), "{}", plain.body);
    let mut stream = connect(&served, &new).unwrap();
    for (scheme, status) in [("https", 200), ("http", 403)] {
        write!(stream, "GET /v1/graph HTTP/1.1\r\nHost: {0}\r\nOrigin: {scheme}://{0}\r\n", served.address).unwrap();
        let answer = ask_rest(&mut stream);
        assert_eq!(answer.status, status, "{scheme}");
    }
    // Neither are bytes that are no TLS, half a hand-shake, and one who does not trust the server.
    for bytes in [&[0, 1, 2, 3][..], &[0x16, 3, 1, 0, 5, 1, 0, 0, 1, 9], &[0x16, 3, 1]] {
        let mut stream = served.connect();
        stream.write_all(bytes).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        assert!(!answer.starts_with(b"HTTP"));
    }
    assert!(connect(&served, &trusting(&scratch, "two", &rustls::version::TLS13)).is_err());
    assert!(eventually(|| counted(&mut stream, "server_refused", Some("handshake")) == 5));
    // Who only looks whether the port is open is not counted.
    drop(served.connect());

    let request = format!("wss://{}/v1/stream?name=pages", served.address).into_client_request().unwrap();
    let (mut socket, _) = tungstenite::client(request, connect(&served, &new).unwrap()).unwrap();
    let next = |socket: &mut tungstenite::WebSocket<Stream>| -> Value {
        serde_json::from_str(socket.read().unwrap().to_text().unwrap()).unwrap()
    };
    assert_eq!(next(&mut socket)["type"], "hello");
    assert_eq!(next(&mut socket)["type"], "snapshot");
    let mut events = connect(&served, &new).unwrap();
    write!(events, "GET /v1/events?name=pages&snapshot=0 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n").unwrap();
    // It follows once it has said so.
    hear(&mut events, "event: hello");
    served.child.feed(event(12, "a", 1));
    assert_eq!(next(&mut socket)["changes"][0]["n"], 1);
    hear(&mut events, "\"page\":\"a\"");
    assert_eq!(counted(&mut stream, "server_refused", Some("handshake")), 5);
    served.child.signal("INT");
    // The server says goodbye, also by TLS: the end is no cut.
    stream.read_to_end(&mut Vec::new()).unwrap();
    served.child.end_within(LIMIT).expect(0, &[]);
    drop(silent);
}

/// Reads until there is a text.
fn hear(stream: &mut Stream, text: &str) {
    let mut heard = Vec::new();
    let find = |heard: &[u8], text: &[u8]| memchr::memmem::find_iter(heard, text).count();
    while find(&heard, text.as_bytes()) == 0 {
        let mut piece = [0; 1024];
        let n = stream.read(&mut piece).unwrap();
        heard.extend_from_slice(&piece[..n]);
        // A server that has nothing to say shows that it lives, and the wait would have no end.
        let lives = find(&heard, b"\r\n:\n\n");
        assert!(n > 0 && lives < 4, "no {text} in {}", String::from_utf8_lossy(&heard));
    }
}

/// Ends the head of a request that has been begun, and reads the answer.
fn ask_rest(stream: &mut Stream) -> Answer {
    // The line that `ask` begins with stands for a header nobody reads.
    write!(stream, "X-Rest: ").unwrap();
    ask(stream, "/")
}

#[test]
fn a_new_certificate_is_taken_by_new_connections_and_a_wrong_one_changes_nothing() {
    let Some(scratch) = job() else { return };
    let mut served = start(&scratch);
    let [one, two] = ["one", "two"].map(|name| trusting(&scratch, name, &rustls::version::TLS13));
    let mut kept = connect(&served, &one).unwrap();
    assert_eq!(ask(&mut kept, "/healthz").status, 200);

    // Half of it: the pair before goes on.
    put(&scratch, "two.pem", "cert.pem");
    served.child.until_err("the key is not that of the certificate");
    assert!(connect(&served, &two).is_err());
    assert_eq!(ask(&mut connect(&served, &one).unwrap(), "/healthz").status, 200);

    put(&scratch, "two.key", "key.pem");
    assert!(eventually(|| connect(&served, &two).is_ok()));
    assert!(connect(&served, &one).is_err());
    assert_eq!(ask(&mut connect(&served, &two).unwrap(), "/healthz").status, 200);
    // A connection keeps what it began with.
    assert_eq!(ask(&mut kept, "/healthz").status, 200);
    assert_eq!(counted(&mut kept, "server_reloads", None), 1);
    assert_eq!(counted(&mut kept, "server_reload_failures", None), 1);

    served.child.signal("INT");
    let ended = served.child.end();
    ended.expect(0, &["serve.tls.key = \"key.pem\""]);
    assert_eq!(ended.err.matches("the key is not that").count(), 1, "{}", ended.err);
    assert!(!ended.err.contains("PRIVATE"), "{}", ended.err);
}

#[test]
fn wrong_files_are_said_by_check_and_before_the_run_all_at_once() {
    let Some(scratch) = job() else { return };
    scratch.run(["check", "p.toml"]).expect(0, &[]);
    let check = |files: &str, says: &[&str]| {
        let set = format!("serve.tls={{ {files} }}");
        for args in [vec!["check", "p.toml", "--set", &set], vec!["run", "p.toml", "--serve", "0", "--set", &set]] {
            let ended = scratch.run(args);
            ended.expect(2, &["error[listen.tls]", "help: "]).expect(2, says);
            assert!(!ended.err.contains("serving on"), "{}", ended.err);
        }
    };
    check(
        "certificate = \"none.pem\", key = \"none.key\"",
        &["the file of the certificate cannot", "the file of the key cannot"],
    );
    check("certificate = \"one.key\", key = \"one.pem\"", &["there is no certificate", "no private key", "exchanged?"]);
    check("certificate = \"one.pem\", key = \"two.key\"", &["the key is not that of the certificate"]);
    check("certificate = \".\", key = \"one.key\"", &["it is no file"]);
    // With TLS an address that others can reach needs a token all the same.
    scratch.run(["run", "p.toml", "--serve", "0.0.0.0:0"]).expect(2, &["error[listen.public]"]);
}
