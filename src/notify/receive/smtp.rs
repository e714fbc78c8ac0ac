//! A mail into the dialogue of SMTP (RFC 5321), with STARTTLS and AUTH where they are asked for.
//!
//! Invariants: (1) where TLS is asked for nothing but the greeting is sent without it; (2) no line of the mail can end it early;
//! (3) the whole dialogue ends within its time. An answer of 4xx may be another later, one of 5xx will not.

use super::{Failure, short};
use crate::config::MailTls;
use base64::{Engine, prelude::BASE64_STANDARD};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

/// The most lines of an answer, and the most bytes of one.
const MOST_LINES: usize = 100;
const MOST_BYTES: u64 = 4096;

/// A mail server.
pub(super) struct Server<'a> {
    pub(super) host: &'a str,
    pub(super) port: u16,
    pub(super) tls: MailTls,
    /// The file of the authorities that are trusted.
    #[cfg_attr(not(feature = "tls"), expect(dead_code, reason = "without TLS nobody is asked who they are"))]
    pub(super) ca: Option<&'a str>,
    /// User and password.
    pub(super) login: Option<(&'a str, &'a str)>,
}

enum Wire {
    Plain(TcpStream),
    #[cfg(feature = "tls")]
    Tls(Box<rustls::StreamOwned<rustls::ClientConnection, TcpStream>>),
}

impl Wire {
    fn socket(&self) -> &TcpStream {
        match self {
            Wire::Plain(socket) => socket,
            #[cfg(feature = "tls")]
            Wire::Tls(stream) => &stream.sock,
        }
    }
}

impl Read for Wire {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        match self {
            Wire::Plain(socket) => socket.read(out),
            #[cfg(feature = "tls")]
            Wire::Tls(stream) => stream.read(out),
        }
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        match self {
            Wire::Plain(socket) => socket.write(bytes),
            #[cfg(feature = "tls")]
            Wire::Tls(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> std::io::Result<()> {
        match self {
            Wire::Plain(socket) => socket.flush(),
            #[cfg(feature = "tls")]
            Wire::Tls(stream) => stream.flush(),
        }
    }
}

#[cfg(feature = "tls")]
fn private(wire: Wire, server: &Server<'_>) -> Result<Wire, Failure> {
    use rustls::pki_types::{CertificateDer, pem::PemObject};
    use std::sync::Arc;
    let Wire::Plain(socket) = wire else { return Ok(wire) };
    let mut roots = rustls::RootCertStore::empty();
    match server.ca {
        None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
        Some(ca) => {
            let text = super::read_authorities(ca)?;
            let certificates = CertificateDer::pem_slice_iter(&text).flatten();
            roots.add_parsable_certificates(certificates);
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| Failure::refused(format!("TLS cannot be set up: {error}")))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = rustls::pki_types::ServerName::try_from(server.host.to_owned())
        .map_err(|_| Failure::refused("the host is no name that a certificate can have"))?;
    let connection = rustls::ClientConnection::new(Arc::new(config), name)
        .map_err(|error| Failure::refused(format!("TLS cannot be set up: {error}")))?;
    Ok(Wire::Tls(Box::new(rustls::StreamOwned::new(connection, socket))))
}

#[cfg(not(feature = "tls"))]
fn private(_: Wire, _: &Server<'_>) -> Result<Wire, Failure> {
    Err(Failure::refused("this program was built without TLS"))
}

/// An answer: its code and its lines without it.
struct Answer {
    code: u16,
    lines: Vec<String>,
}

impl Answer {
    fn failure(&self, what: &str) -> Failure {
        let reason = format!("the mail server answered {} {} to {what}", self.code, short(&self.lines.join(" ")));
        if (400..500).contains(&self.code) { Failure::again(reason) } else { Failure::refused(reason) }
    }
}

/// A connection to a server.
struct Dialogue {
    wire: BufReader<Wire>,
    end: Instant,
}

impl Dialogue {
    fn connect(server: &Server<'_>, end: Instant) -> Result<Self, Failure> {
        let addresses = (server.host, server.port)
            .to_socket_addrs()
            .map_err(|error| Failure::again(format!("the mail server is not known: {error}")))?;
        let mut last = Failure::again("the mail server has no address");
        for address in addresses {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            match TcpStream::connect_timeout(&address, left) {
                Ok(socket) => return Ok(Self { wire: BufReader::new(Wire::Plain(socket)), end }),
                Err(error) => last = Failure::again(format!("there is no connection to the mail server: {error}")),
            }
        }
        Err(last)
    }

    /// Goes on in private. What came before it is not trusted.
    fn go_private(self, server: &Server<'_>) -> Result<Self, Failure> {
        if !self.wire.buffer().is_empty() {
            return Err(Failure::refused("the mail server spoke before TLS began"));
        }
        Ok(Self { wire: BufReader::new(private(self.wire.into_inner(), server)?), end: self.end })
    }

    /// Bounds the next read or write by what is left of the time.
    fn bound(&self) -> Result<(), Failure> {
        let left = self.end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(Failure::again("the mail server took too long"));
        }
        let socket = self.wire.get_ref().socket();
        let set = socket.set_read_timeout(Some(left)).and_then(|()| socket.set_write_timeout(Some(left)));
        set.map_err(|error| Failure::again(format!("the connection failed: {error}")))
    }

    fn failed(error: &std::io::Error) -> Failure {
        match error.kind() {
            std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut => {
                Failure::again("the mail server took too long")
            }
            _ => Failure::again(format!("the connection to the mail server failed: {error}")),
        }
    }

    fn say(&mut self, text: &str) -> Result<(), Failure> {
        self.bound()?;
        let wire = self.wire.get_mut();
        wire.write_all(text.as_bytes()).and_then(|()| wire.flush()).map_err(|error| Self::failed(&error))
    }

    fn answer(&mut self) -> Result<Answer, Failure> {
        let mut lines = Vec::new();
        loop {
            self.bound()?;
            let mut line = Vec::new();
            let read = self.wire.by_ref().take(MOST_BYTES).read_until(b'\n', &mut line);
            if read.map_err(|error| Self::failed(&error))? == 0 {
                return Err(Failure::again("the mail server closed the connection"));
            }
            let line = String::from_utf8_lossy(&line).trim_end().to_owned();
            let code = line.get(..3).and_then(|code| code.parse().ok());
            let Some(code) = code.filter(|_| lines.len() < MOST_LINES) else {
                return Err(Failure::again("the answer of the mail server cannot be read"));
            };
            lines.push(line.get(4..).unwrap_or_default().to_owned());
            if line.as_bytes().get(3) != Some(&b'-') {
                return Ok(Answer { code, lines });
            }
        }
    }

    /// Says a command, and takes an answer with this code. `what` stands for it in a reason.
    fn ask(&mut self, command: &str, what: &str, code: u16) -> Result<Answer, Failure> {
        self.say(&format!("{command}\r\n"))?;
        let answer = self.answer()?;
        if answer.code == code { Ok(answer) } else { Err(answer.failure(what)) }
    }

    /// Says hello; what the server can do.
    fn hello(&mut self) -> Result<Vec<String>, Failure> {
        let name = match self.wire.get_ref().socket().local_addr().map(|address| address.ip()) {
            Ok(std::net::IpAddr::V4(ip)) => format!("[{ip}]"),
            Ok(std::net::IpAddr::V6(ip)) => format!("[IPv6:{ip}]"),
            Err(_) => "localhost".to_owned(),
        };
        let answer = self.ask(&format!("EHLO {name}"), "EHLO", 250)?;
        Ok(answer.lines.iter().skip(1).map(|line| line.to_ascii_uppercase()).collect())
    }

    fn login(&mut self, can: &[String], (user, password): (&str, &str)) -> Result<(), Failure> {
        let ways = can.iter().find_map(|line| line.strip_prefix("AUTH ")).unwrap_or_default();
        let knows = |way: &str| ways.split_whitespace().any(|one| one == way);
        if knows("PLAIN") {
            let secret = BASE64_STANDARD.encode(format!("\0{user}\0{password}"));
            self.ask(&format!("AUTH PLAIN {secret}"), "AUTH", 235)?;
        } else if knows("LOGIN") {
            self.ask("AUTH LOGIN", "AUTH", 334)?;
            self.ask(&BASE64_STANDARD.encode(user), "AUTH", 334)?;
            self.ask(&BASE64_STANDARD.encode(password), "AUTH", 235)?;
        } else {
            return Err(Failure::refused("the mail server offers no login by PLAIN or LOGIN"));
        }
        Ok(())
    }
}

/// Sends a mail.
pub(super) fn send(
    server: &Server<'_>,
    from: &str,
    to: &[String],
    mail: &str,
    timeout: Duration,
) -> Result<(), Failure> {
    let mut dialogue = Dialogue::connect(server, Instant::now() + timeout)?;
    if server.tls == MailTls::Tls {
        dialogue = dialogue.go_private(server)?;
    }
    let greeting = dialogue.answer()?;
    if greeting.code != 220 {
        return Err(greeting.failure("the connection"));
    }
    let mut can = dialogue.hello()?;
    if server.tls == MailTls::StartTls {
        if !can.iter().any(|line| line == "STARTTLS") {
            return Err(Failure::refused("the mail server offers no TLS"));
        }
        dialogue.ask("STARTTLS", "STARTTLS", 220)?;
        dialogue = dialogue.go_private(server)?;
        can = dialogue.hello()?;
    }
    if let Some(login) = server.login {
        dialogue.login(&can, login)?;
    }
    dialogue.ask(&format!("MAIL FROM:<{from}>"), "MAIL FROM", 250)?;
    let mut refused = None;
    let mut taken = 0;
    for address in to {
        dialogue.say(&format!("RCPT TO:<{address}>\r\n"))?;
        let answer = dialogue.answer()?;
        if matches!(answer.code, 250 | 251) {
            taken += 1;
        } else {
            tracing::warn!(to = %address, code = answer.code, "a mail server does not take mail for an address");
            refused = Some(answer.failure("RCPT TO"));
        }
    }
    if let Some(refused) = refused.filter(|_| taken == 0) {
        return Err(refused);
    }
    dialogue.ask("DATA", "DATA", 354)?;
    // A line that begins with a dot is given one more, so that none ends the mail.
    let lines: Vec<String> = mail
        .trim_end_matches("\r\n")
        .split("\r\n")
        .map(|line| if line.starts_with('.') { format!(".{line}") } else { line.to_owned() })
        .collect();
    dialogue.say(&format!("{}\r\n", lines.join("\r\n")))?;
    dialogue.ask(".", "the mail", 250)?;
    // It is taken, whatever becomes of the farewell.
    let _ = dialogue.say("QUIT\r\n");
    Ok(())
}
