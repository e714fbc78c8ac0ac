//! Receivers for tests: an HTTP server with faults, and a mail server. Each runs on a thread until the tests end.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

/// The longest wait for anything: far above what is needed, as the machine may be busy.
pub const LIMIT: Duration = Duration::from_secs(60);

/// What the server does with a request.
#[derive(Debug, Clone, Copy)]
pub enum Fault {
    /// It answers this, with these header lines.
    Answer(u16, &'static str),
    /// It never answers.
    Hang,
    /// It resets the connection.
    Reset,
    /// It answers half of a line, and then no more.
    Half,
}

/// A request.
#[derive(Debug)]
pub struct Request {
    pub method: String,
    pub path: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Request {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(one, _)| one.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// An HTTP server.
pub struct Http {
    pub url: String,
    pub requests: Receiver<Request>,
}

impl Http {
    /// One that meets each request with a fault of the list, and answers 200 when that is at its end.
    pub fn start(faults: &[Fault]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (say, requests) = channel();
        let faults = faults.to_vec();
        std::thread::spawn(move || serve(&listener, faults, &say));
        Self { url, requests }
    }

    /// The next request.
    pub fn next(&self) -> Request {
        self.requests.recv_timeout(LIMIT).expect("a request comes")
    }
}

fn serve(listener: &TcpListener, faults: Vec<Fault>, say: &Sender<Request>) {
    let mut faults = faults.into_iter();
    let mut held = Vec::new();
    for stream in listener.incoming() {
        let Ok(mut stream) = stream else { continue };
        let Some(request) = request(&mut stream) else { continue };
        let fault = faults.next().unwrap_or(Fault::Answer(200, ""));
        if say.send(request).is_err() {
            return;
        }
        match fault {
            Fault::Answer(status, headers) => {
                let text =
                    format!("HTTP/1.1 {status} x\r\n{headers}Connection: close\r\nContent-Length: 3\r\n\r\nso\n");
                let _ = stream.write_all(text.as_bytes());
            }
            Fault::Reset => {
                let _ = socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO));
            }
            Fault::Hang => held.push(stream),
            Fault::Half => {
                let _ = stream.write_all(b"HTTP/1.1 2");
                held.push(stream);
            }
        }
    }
}

fn request(stream: &mut TcpStream) -> Option<Request> {
    let mut reader = BufReader::new(stream);
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let line = line.trim_end().to_owned();
        if line.is_empty() {
            break;
        }
        lines.push(line);
    }
    let mut first = lines.first()?.split(' ').map(str::to_owned);
    let (method, path) = (first.next()?, first.next()?);
    let headers: Vec<(String, String)> = lines[1..]
        .iter()
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect();
    let length = headers.iter().find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    let mut body = vec![0; length.map_or(0, |(_, length)| length.parse().unwrap())];
    reader.read_exact(&mut body).ok()?;
    Some(Request { method, path, headers, body })
}

/// What a mail server got: the commands of a connection, and the mail where there was one.
#[derive(Debug, Default)]
pub struct Mail {
    pub commands: Vec<String>,
    pub text: String,
}

/// A mail server.
pub struct Smtp {
    pub port: u16,
    pub mails: Receiver<Mail>,
}

impl Smtp {
    /// One that answers commands that begin with one of these texts so, each once, and all others as it should.
    pub fn start(answers: &[(&'static str, &'static str)]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (say, mails) = channel();
        let mut answers = answers.to_vec();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if say.send(dialogue(stream, &mut answers)).is_err() {
                    return;
                }
            }
        });
        Self { port, mails }
    }

    /// What came in the next connection.
    pub fn next(&self) -> Mail {
        self.mails.recv_timeout(LIMIT).expect("a connection comes to its end")
    }
}

fn dialogue(stream: TcpStream, answers: &mut Vec<(&'static str, &'static str)>) -> Mail {
    let mut out = stream.try_clone().unwrap();
    let mut lines = BufReader::new(stream).lines();
    let mut mail = Mail::default();
    let _ = out.write_all(b"220-test\r\n220 ready\r\n");
    while let Some(Ok(line)) = lines.next() {
        mail.commands.push(line.clone());
        let special = answers.iter().position(|(command, _)| line.starts_with(command));
        let answer = match special.map(|at| answers.remove(at).1) {
            Some("hang up") => break,
            Some(answer) => answer,
            None => match line.split([' ', ':']).next().unwrap_or_default() {
                "EHLO" => "250-test\r\n250-SIZE 1000000\r\n250 AUTH LOGIN PLAIN",
                "AUTH" => "235 ok",
                "DATA" => "354 go on",
                "QUIT" => "221 bye",
                _ => "250 ok",
            },
        };
        let _ = out.write_all(format!("{answer}\r\n").as_bytes());
        if answer.starts_with("221") {
            break;
        }
        if answer.starts_with("354") {
            while let Some(Ok(line)) = lines.next() {
                if line == "." {
                    break;
                }
                mail.text.push_str(line.strip_prefix('.').unwrap_or(&line));
                mail.text.push('\n');
            }
            let refused = answers.iter().position(|(command, _)| *command == ".");
            let answer = refused.map_or("250 taken", |at| answers.remove(at).1);
            let _ = out.write_all(format!("{answer}\r\n").as_bytes());
        }
    }
    mail
}
