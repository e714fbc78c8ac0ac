//! A small HTTP client and a WebSocket client, with a limit on every wait.

use crate::harness::{Child, LIMIT, Scratch};
use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use tungstenite::client::IntoClientRequest;
use tungstenite::{Message, WebSocket};

/// A served run.
pub struct Served {
    pub child: Child,
    pub address: String,
}

/// An answer.
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("{e}: {}", self.body))
    }

    /// The value of a header; empty where it is not there.
    pub fn header(&self, name: &str) -> &str {
        let find = |line: &'_ str| line.split_once(": ").is_some_and(|(n, _)| n.eq_ignore_ascii_case(name));
        self.head.lines().find(|line| find(line)).and_then(|line| line.split_once(": ")).map_or("", |(_, v)| v)
    }
}

impl Served {
    /// Starts a run that serves on a free port, and reads its input from the test.
    pub fn start(scratch: &Scratch, more: &[&str]) -> Self {
        let args = ["run", "p.toml", "--serve", "127.0.0.1:0"];
        let program = scratch.program(args).args(more).input(crate::harness::Input::Fed);
        let mut child = program.start();
        let address = child.said("serving on http://").trim_end_matches('/').to_owned();
        Self { child, address }
    }

    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(&self.address).unwrap();
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        stream.set_write_timeout(Some(LIMIT)).unwrap();
        stream
    }

    /// Sends a request as it is, and reads to the end of the connection.
    pub fn raw(&self, request: &str) -> Answer {
        self.attempt(request.as_bytes()).unwrap()
    }

    /// The same; an error where the server closes the connection.
    fn attempt(&self, request: &[u8]) -> std::io::Result<Answer> {
        let mut stream = self.connect();
        stream.write_all(request)?;
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes)?;
        let text = String::from_utf8(bytes).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let status = head.split(' ').nth(1).and_then(|s| s.parse().ok()).unwrap_or(0);
        Ok(Answer { status, head: head.to_owned(), body: body.to_owned() })
    }

    fn request(&self, path: &str, headers: &str) -> String {
        format!("GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n{headers}\r\n", self.address)
    }

    /// Asks with further headers, each with a line break behind it.
    pub fn ask(&self, path: &str, headers: &str) -> Answer {
        self.raw(&self.request(path, headers))
    }

    /// Asks by a method, with a body.
    pub fn send(&self, method: &str, path: &str, headers: &str, body: &[u8]) -> Answer {
        let head = format!(
            "{method} {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\nContent-Length: {}\r\n{headers}\r\n",
            self.address,
            body.len()
        );
        self.attempt(&[head.as_bytes(), body].concat()).unwrap()
    }

    pub fn get(&self, path: &str) -> Answer {
        self.ask(path, "")
    }

    /// Asks until the answer is as it should be.
    pub fn until(&self, path: &str, right: impl Fn(&Answer) -> bool) -> Answer {
        let mut last = None;
        let found = crate::harness::eventually(|| {
            let Ok(answer) = self.attempt(self.request(path, "").as_bytes()) else { return false };
            let is_right = right(&answer);
            last = Some(answer);
            is_right
        });
        let last = last.expect("the server answers");
        assert!(found, "{path} never was right: {} {}", last.status, last.body);
        last
    }

    /// A connection that is kept.
    pub fn kept(&self) -> Kept {
        Kept { stream: BufReader::new(self.connect()), address: self.address.clone() }
    }

    /// A WebSocket at a path.
    pub fn socket(&self, path: &str) -> Follower {
        let request = format!("ws://{}{path}", self.address).into_client_request().unwrap();
        Follower(tungstenite::client(request, self.connect()).unwrap().0)
    }

    pub fn follow(&self, query: &str) -> Follower {
        self.follow_on(query, self.connect())
    }

    pub fn follow_on(&self, query: &str, stream: TcpStream) -> Follower {
        let request = format!("ws://{}/v1/stream?{query}", self.address).into_client_request().unwrap();
        Follower(tungstenite::client(request, stream).unwrap().0)
    }
}

/// A connection that is kept from one request to the next.
pub struct Kept {
    stream: BufReader<TcpStream>,
    address: String,
}

impl Kept {
    /// Sends a body with further headers, each with a line break behind it; an error where the server has closed.
    pub fn post(&mut self, path: &str, headers: &str, body: &[u8]) -> std::io::Result<Answer> {
        let (address, length) = (&self.address, body.len());
        let head = format!("POST {path} HTTP/1.1\r\nHost: {address}\r\nContent-Length: {length}\r\n{headers}\r\n");
        self.stream.get_mut().write_all(&[head.as_bytes(), body].concat())?;
        self.answer()
    }

    /// Reads the next answer.
    pub fn answer(&mut self) -> std::io::Result<Answer> {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if self.stream.read_line(&mut head)? == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
        }
        let status = head.split(' ').nth(1).and_then(|s| s.parse().ok()).unwrap_or(0);
        let mut answer = Answer { status, head, body: String::new() };
        let mut body = vec![0; answer.header("content-length").parse().unwrap()];
        self.stream.read_exact(&mut body)?;
        answer.body = String::from_utf8(body).unwrap();
        Ok(answer)
    }

    /// Sends bytes as they are.
    pub fn write(&mut self, bytes: &[u8]) {
        self.stream.get_mut().write_all(bytes).unwrap();
    }
}

/// A client that follows.
pub struct Follower(pub WebSocket<TcpStream>);

impl Follower {
    /// The next message; `None` when the server closes, which it must do as a server that goes away.
    pub fn next(&mut self) -> Option<Value> {
        loop {
            match self.0.read().unwrap() {
                Message::Text(text) => return Some(serde_json::from_str(&text).unwrap()),
                Message::Close(frame) => {
                    assert_eq!(u16::from(frame.unwrap().code), 1001);
                    return None;
                }
                _ => {}
            }
        }
    }

    /// The next message, which is of a type.
    #[track_caller]
    pub fn next_is(&mut self, kind: &str) -> Value {
        let message = self.next().expect("the server goes on");
        assert_eq!(message["type"], kind, "{message}");
        message
    }

    /// Reads changes until there are `n`, and says how many were missed.
    pub fn changes(&mut self, n: u64) -> (Vec<Value>, u64) {
        let (mut all, mut missed) = (Vec::new(), 0);
        while all.len() as u64 + missed < n {
            let message = self.next().expect("the server goes on");
            match message["type"].as_str().unwrap() {
                "changes" => all.extend(message["changes"].as_array().unwrap().iter().cloned()),
                "gap" => missed += message["missed"].as_u64().unwrap(),
                _ => {}
            }
        }
        (all, missed)
    }
}
