//! Connections into connections that are encrypted: the hand-shake, and a certificate that is renewed while the server runs.
//!
//! Invariants: (1) a hand-shake holds up nobody but its own connection, and no longer than [`PATIENCE`]; (2) a new pair of files
//! that cannot be used changes nothing: it is said once and counted, and the pair before goes on; (3) a connection keeps what it began with.
//!
//! Whoever speaks plain HTTP to it is told so, once, and the connection is closed.

mod pair;

use super::access::Refusal;
use super::answer::Wrong;
use super::face::Face;
use crate::config::TlsFiles;
use crate::error::Problem;
use pair::{Mark, Pair};
use rustls::ServerConfig;
use socket2::SockRef;
use std::io::ErrorKind;
use std::net::Shutdown;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::task::spawn_blocking;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// How long a hand-shake may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(1);
/// How long a client that is told something may take to go.
const GOING: Duration = Duration::from_secs(2);
/// Bytes that are read of a request that is not answered.
const LARGEST: usize = 64 << 10;

/// The certificate of a server.
pub(super) struct Tls {
    files: TlsFiles,
    /// What new connections get.
    now: RwLock<Arc<ServerConfig>>,
    /// What the files held at the start.
    began: Mark,
}

/// What became of a connection before its first request.
pub(super) enum Opened {
    /// Both sides agree.
    Stream(Box<TlsStream<TcpStream>>),
    /// What came is no TLS, or none that the server speaks, or did not come in time.
    Refused,
    /// Nothing came: somebody looked whether the port is open.
    Gone,
}

impl Tls {
    /// Reads the files.
    pub(super) fn read(files: &TlsFiles) -> Result<Self, Vec<Problem>> {
        let pair = Pair::read(files);
        Ok(Self { files: files.clone(), now: RwLock::new(pair.config(files)?), began: pair.mark() })
    }

    /// What the next connection gets.
    fn now(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.now.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The hand-shake.
    pub(super) async fn open(&self, stream: TcpStream) -> Opened {
        let shake = async {
            let mut first = [0];
            match stream.peek(&mut first).await {
                Ok(1..) if first[0].is_ascii_alphabetic() => {
                    let _ = tell(&stream).await;
                    Opened::Refused
                }
                Ok(1..) => match TlsAcceptor::from(self.now()).accept(stream).await {
                    Ok(stream) => Opened::Stream(Box::new(stream)),
                    Err(_) => Opened::Refused,
                },
                Ok(0) | Err(_) => Opened::Gone,
            }
        };
        timeout(PATIENCE, shake).await.unwrap_or(Opened::Refused)
    }

    /// Looks at the files until the server stops.
    pub(super) async fn watch(self: Arc<Self>, face: Arc<Face>) {
        let mut stop = face.stop.clone();
        let mut every = interval(LOOK);
        every.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut watch = Watch { used: self.began, last: self.began };
        loop {
            tokio::select! {
                _ = every.tick() => {}
                _ = stop.wait_for(|stop| *stop) => return,
            }
            let files = self.files.clone();
            let Ok(pair) = spawn_blocking(move || Pair::read(&files)).await else { continue };
            if !watch.is_new(pair.mark()) {
                continue;
            }
            match pair.config(&self.files) {
                Ok(config) => {
                    *self.now.write().unwrap_or_else(PoisonError::into_inner) = config;
                    face.counts.reloads.add(1);
                    tracing::info!("the certificate of the server has changed; new connections get the new one");
                }
                Err(problems) => {
                    face.counts.reload_failures.add(1);
                    for problem in problems {
                        let help = problem.help.unwrap_or_default();
                        tracing::warn!(
                            code = problem.code,
                            help,
                            "{}: {}; connections get the certificate as before",
                            problem.text,
                            problem.message
                        );
                    }
                }
            }
        }
    }
}

/// What the files held when they were looked at.
struct Watch {
    /// What was last taken, or refused.
    used: Mark,
    last: Mark,
}

impl Watch {
    /// True where there is something new, and the same as at the look before: two files are not written at one moment.
    fn is_new(&mut self, mark: Mark) -> bool {
        let settled = mark == std::mem::replace(&mut self.last, mark);
        let is_new = settled && mark != self.used;
        if is_new {
            self.used = mark;
        }
        is_new
    }
}

/// Tells a client that speaks plain HTTP what to do.
async fn tell(stream: &TcpStream) -> std::io::Result<()> {
    listen(stream, Some(b"\r\n\r\n")).await?;
    let body = serde_json::json!({ "error": Wrong::refused(Refusal::Handshake).error() }).to_string();
    let answer = format!(
        "HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    let mut rest = answer.as_bytes();
    while !rest.is_empty() {
        stream.writable().await?;
        match stream.try_write(rest) {
            Ok(n) => rest = &rest[n..],
            Err(e) if e.kind() == ErrorKind::WouldBlock => {}
            Err(e) => return Err(e),
        }
    }
    SockRef::from(stream).shutdown(Shutdown::Write)?;
    // A connection that is closed on bytes that were not read takes the answer with it.
    timeout(GOING, listen(stream, None)).await.unwrap_or(Ok(()))
}

/// Reads and forgets up to these bytes, or the end, or as much as is read at most.
async fn listen(stream: &TcpStream, end: Option<&[u8]>) -> std::io::Result<()> {
    let mut heard = Vec::new();
    let mut piece = [0; 4096];
    while heard.len() < LARGEST && end.is_none_or(|end| memchr::memmem::find(&heard, end).is_none()) {
        stream.readable().await?;
        match stream.try_read(&mut piece) {
            Ok(0) => return Ok(()),
            Ok(n) => heard.extend_from_slice(&piece[..n]),
            Err(e) if e.kind() == ErrorKind::WouldBlock => {}
            Err(e) => return Err(e),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_new_is_taken_once_and_only_when_it_has_settled() {
        let mark = |n: u8| [n; 32];
        let mut watch = Watch { used: mark(0), last: mark(0) };
        let seen = [0, 1, 2, 2, 2, 0, 2, 2, 3, 3, 0, 0].map(|n| watch.is_new(mark(n)));
        let is_new = [3, 9, 11];
        assert_eq!(seen.to_vec(), (0..12).map(|i| is_new.contains(&i)).collect::<Vec<_>>());
    }
}
