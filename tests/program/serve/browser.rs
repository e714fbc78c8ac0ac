//! A headless Chromium, driven over the DevTools protocol by a client of ours.
//!
//! Where there is no Chromium a test says SKIP; with `REQUIRE_BROWSER` set it fails. Conditions are looked at inside the page, by a
//! promise: no test sleeps. Errors of the page (exceptions, failed loads, `console.error`) are kept.

use crate::harness::LIMIT;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::channel;
use tungstenite::client::IntoClientRequest;
use tungstenite::{Message, WebSocket};

/// A browser with one page.
pub struct Browser {
    child: Child,
    socket: WebSocket<TcpStream>,
    session: Option<String>,
    number: u64,
    /// What the page said was wrong.
    pub errors: Vec<String>,
    _folder: tempfile::TempDir,
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.call("Browser.close", json!({}));
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Browser {
    /// Starts one; none where there is no Chromium.
    pub fn start() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let data = format!("--user-data-dir={}", folder.path().join("data").display());
        let quiet = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run"];
        let child = Command::new("chromium")
            .args(quiet)
            .args(["--no-proxy-server", "--disable-background-networking", "--remote-debugging-port=0", &data])
            .env("HOME", folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn();
        let mut child = match child {
            Ok(child) => child,
            Err(why) => {
                assert!(std::env::var_os("REQUIRE_BROWSER").is_none(), "chromium: {why}");
                eprintln!("SKIP: chromium is not here ({why})");
                return None;
            }
        };
        let (told, hears) = channel();
        let said = BufReader::new(child.stderr.take().unwrap());
        std::thread::spawn(move || {
            // Read to its end: a full pipe would stop the browser.
            for line in said.lines().map_while(Result::ok) {
                if let Some(address) = line.strip_prefix("DevTools listening on ") {
                    let _ = told.send(address.trim().to_owned());
                }
            }
        });
        let address = hears.recv_timeout(LIMIT).expect("chromium says where it listens");
        let request = address.as_str().into_client_request().unwrap();
        let place = address.trim_start_matches("ws://").split('/').next().unwrap();
        let stream = TcpStream::connect(place).unwrap();
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        let (socket, _) = tungstenite::client(request, stream).unwrap();
        let mut browser = Self { child, socket, session: None, number: 0, errors: Vec::new(), _folder: folder };
        let target = browser.ask("Target.createTarget", json!({ "url": "about:blank" }));
        let attach = json!({ "targetId": target["targetId"], "flatten": true });
        let session = browser.ask("Target.attachToTarget", attach);
        browser.session = session["sessionId"].as_str().map(str::to_owned);
        for domain in ["Runtime", "Log", "Page"] {
            browser.ask(&format!("{domain}.enable"), json!({}));
        }
        Some(browser)
    }

    /// Calls a method; what is wrong as an error.
    fn call(&mut self, method: &str, params: Value) -> Result<Value, String> {
        self.number += 1;
        let number = self.number;
        let mut call = json!({ "id": number, "method": method, "params": params });
        if let Some(session) = &self.session {
            call["sessionId"] = session.as_str().into();
        }
        self.socket.send(Message::text(call.to_string())).map_err(|e| e.to_string())?;
        loop {
            let Message::Text(text) = self.socket.read().map_err(|e| format!("{method}: {e}"))? else { continue };
            let heard: Value = serde_json::from_str(&text).unwrap();
            if heard["id"] == number {
                return match heard.get("error") {
                    Some(error) => Err(format!("{method}: {error}")),
                    None => Ok(heard["result"].clone()),
                };
            }
            self.hear(&heard);
        }
    }

    /// Calls a method of the protocol.
    pub fn ask(&mut self, method: &str, params: Value) -> Value {
        self.call(method, params).unwrap()
    }

    fn hear(&mut self, heard: &Value) {
        let params = &heard["params"];
        match heard["method"].as_str() {
            Some("Runtime.exceptionThrown") => self.errors.push(params["exceptionDetails"].to_string()),
            Some("Runtime.consoleAPICalled") if params["type"] == "error" => {
                self.errors.push(params["args"].to_string());
            }
            Some("Log.entryAdded") if params["entry"]["level"] == "error" => {
                self.errors.push(params["entry"].to_string());
            }
            _ => {}
        }
    }

    /// Opens a page, anew where it is another part of the same.
    pub fn open(&mut self, url: &str) {
        self.ask("Page.navigate", json!({ "url": url }));
    }

    /// The value of an expression in the page; of a promise what it gives.
    pub fn value(&mut self, expression: &str) -> Value {
        let params = json!({ "expression": expression, "awaitPromise": true, "returnByValue": true });
        let found = self.ask("Runtime.evaluate", params);
        assert!(found.get("exceptionDetails").is_none(), "{expression}: {found}");
        found["result"]["value"].clone()
    }

    /// Waits inside the page until an expression is true; what throws is not, yet.
    #[track_caller]
    pub fn until(&mut self, expression: &str) {
        let limit = LIMIT.as_millis() - 10_000;
        let wait = format!(
            "new Promise((done) => {{
                const end = Date.now() + {limit};
                const look = () => {{
                    try {{ if ({expression}) return done(true); }} catch {{ }}
                    if (Date.now() > end) return done(false);
                    setTimeout(look, 20);
                }};
                look();
            }})"
        );
        if self.value(&wait) != true {
            let shown = self.value("document.body.innerText");
            panic!(
                "it never was so: {expression}\nthe page shows:\n{}\nerrors: {:#?}",
                shown.as_str().unwrap(),
                self.errors
            );
        }
    }
}
