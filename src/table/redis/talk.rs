//! Commands to a server of Redis and its replies, over one connection (RESP, version 2).
//!
//! Commands may be sent one after the other before their replies are read, which come in the same order.
//!
//! Invariants: 1. no wait is longer than the limit, but for the one for the address of a name, which the system limits; 2. a
//! reply that is no reply ends the connection: nothing is guessed.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

/// The longest text of a reply, as the server itself has it.
const LONGEST: i64 = 512 << 20;
/// How deep lists may be in lists.
const DEEPEST: u32 = 8;

/// Where a server is and who logs in.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Address {
    pub(super) host: String,
    pub(super) port: u16,
    user: Option<String>,
    password: Option<String>,
    database: u32,
}

/// What a server says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Reply {
    Text(Vec<u8>),
    Number(i64),
    Nothing,
    List(Vec<Reply>),
    /// What it does not do, and why.
    Refused(String),
}

/// Why a server says nothing more.
#[derive(Debug, thiserror::Error)]
pub(super) enum Broken {
    /// It was silent for too long.
    #[error("silent")]
    Silent,
    /// The connection is gone, or was never there.
    #[error("{0}")]
    Gone(std::io::Error),
    /// It sent no reply of this protocol.
    #[error("what it sends is no reply of Redis")]
    NoReply,
    /// It refuses what every connection needs.
    #[error("it says: {0}")]
    Refused(String),
}

impl From<std::io::Error> for Broken {
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut => Broken::Silent,
            _ => Broken::Gone(error),
        }
    }
}

impl Address {
    /// Takes `redis://user:password@host:port/0` apart.
    pub(super) fn of(url: &str) -> Option<Self> {
        let (_, rest) = url.split_once("://")?;
        let (rest, database) = match rest.split_once('/') {
            Some((rest, "")) => (rest, 0),
            Some((rest, number)) => (rest, number.parse().ok()?),
            None => (rest, 0),
        };
        let (login, place) = match rest.rsplit_once('@') {
            Some((login, place)) => (Some(login), place),
            None => (None, rest),
        };
        let (user, password) = match login.map(|login| login.split_once(':').unwrap_or((login, ""))) {
            Some((user, password)) => (plain(user)?, plain(password)?),
            None => (String::new(), String::new()),
        };
        let (host, port) = match place.strip_prefix('[') {
            Some(rest) => {
                let (host, rest) = rest.split_once(']')?;
                (host, if rest.is_empty() { None } else { Some(rest.strip_prefix(':')?) })
            }
            None => place.split_once(':').map_or((place, None), |(host, port)| (host, Some(port))),
        };
        let port = port.map_or(Some(6379), |port| port.parse().ok())?;
        let given = |text: String| (!text.is_empty()).then_some(text);
        let (user, password) = (given(user), given(password));
        if host.is_empty() || (user.is_some() && password.is_none()) {
            return None;
        }
        Some(Self { host: host.to_owned(), port, user, password, database })
    }
}

/// A text with `%40` for `@`.
fn plain(text: &str) -> Option<String> {
    let mut out = Vec::new();
    let mut bytes = text.bytes();
    while let Some(b) = bytes.next() {
        if b != b'%' {
            out.push(b);
            continue;
        }
        let mut digit = || char::from(bytes.next()?).to_digit(16);
        let (high, low) = (digit()?, digit()?);
        out.push((high * 16 + low) as u8);
    }
    String::from_utf8(out).ok()
}

/// A connection.
pub(super) struct Talk {
    reader: BufReader<TcpStream>,
    /// Commands that are not sent yet.
    out: Vec<u8>,
}

impl Talk {
    /// Connects and logs in.
    pub(super) fn start(address: &Address, limit: Duration) -> Result<Self, Broken> {
        let mut last = std::io::Error::other("the name of the host says no address");
        for one in (address.host.as_str(), address.port).to_socket_addrs()? {
            match TcpStream::connect_timeout(&one, limit) {
                Ok(stream) => {
                    stream.set_read_timeout(Some(limit))?;
                    stream.set_write_timeout(Some(limit))?;
                    stream.set_nodelay(true)?;
                    let mut talk = Self { reader: BufReader::with_capacity(64 << 10, stream), out: Vec::new() };
                    talk.log_in(address)?;
                    return Ok(talk);
                }
                Err(error) => last = error,
            }
        }
        Err(last.into())
    }

    fn log_in(&mut self, address: &Address) -> Result<(), Broken> {
        if let Some(password) = &address.password {
            let login = address.user.iter().chain([password]).map(String::as_bytes);
            let command: Vec<&[u8]> = std::iter::once(&b"AUTH"[..]).chain(login).collect();
            self.ask(&command)?;
        }
        if address.database > 0 {
            self.ask(&[b"SELECT", address.database.to_string().as_bytes()])?;
        }
        Ok(())
    }

    /// Puts a command behind those that will be sent.
    pub(super) fn put(&mut self, command: &[&[u8]]) {
        self.out.extend_from_slice(format!("*{}\r\n", command.len()).as_bytes());
        for word in command {
            self.out.extend_from_slice(format!("${}\r\n", word.len()).as_bytes());
            self.out.extend_from_slice(word);
            self.out.extend_from_slice(b"\r\n");
        }
    }

    /// Sends what was put.
    pub(super) fn send(&mut self) -> Result<(), Broken> {
        let sent = self.reader.get_mut().write_all(&self.out);
        self.out.clear();
        Ok(sent?)
    }

    /// One command and its reply; one that is refused is an error.
    pub(super) fn ask(&mut self, command: &[&[u8]]) -> Result<Reply, Broken> {
        self.put(command);
        self.send()?;
        match self.reply()? {
            Reply::Refused(why) => Err(Broken::Refused(why)),
            reply => Ok(reply),
        }
    }

    /// The next reply.
    pub(super) fn reply(&mut self) -> Result<Reply, Broken> {
        read(&mut self.reader, 0)
    }
}

fn read(from: &mut impl BufRead, depth: u32) -> Result<Reply, Broken> {
    let mut line = Vec::new();
    from.take(64 << 10).read_until(b'\n', &mut line)?;
    if line.is_empty() {
        return Err(Broken::Gone(std::io::Error::new(std::io::ErrorKind::UnexpectedEof, "it closed the connection")));
    }
    let line = line.strip_suffix(b"\r\n").ok_or(Broken::NoReply)?;
    let (kind, rest) = line.split_first().ok_or(Broken::NoReply)?;
    let number = || std::str::from_utf8(rest).ok().and_then(|text| text.parse::<i64>().ok()).ok_or(Broken::NoReply);
    Ok(match kind {
        b'+' => Reply::Text(rest.to_vec()),
        b'-' => Reply::Refused(String::from_utf8_lossy(rest).into_owned()),
        b':' => Reply::Number(number()?),
        b'$' => match number()? {
            -1 => Reply::Nothing,
            n @ 0..=LONGEST => {
                let mut text = Vec::new();
                let whole = from.take(n as u64 + 2).read_to_end(&mut text)?;
                if whole as i64 != n + 2 || !text.ends_with(b"\r\n") {
                    return Err(Broken::NoReply);
                }
                text.truncate(n as usize);
                Reply::Text(text)
            }
            _ => return Err(Broken::NoReply),
        },
        b'*' => match number()? {
            -1 => Reply::Nothing,
            n @ 0.. if depth < DEEPEST => {
                let mut list = Vec::new();
                for _ in 0..n {
                    list.push(read(from, depth + 1)?);
                }
                Reply::List(list)
            }
            _ => return Err(Broken::NoReply),
        },
        _ => return Err(Broken::NoReply),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_taken_apart_and_wrong_ones_are_none() {
        let of = |url: &str| {
            let a = Address::of(url)?;
            Some(format!("{:?} {:?} {} {} {}", a.user, a.password, a.host, a.port, a.database))
        };
        for (url, address) in [
            ("redis://h", Some("None None h 6379 0")),
            ("redis://h:7/", Some("None None h 7 0")),
            ("redis://:p%40%3a@[::1]:7/3", Some("None Some(\"p@:\") ::1 7 3")),
            ("redis://me:x:y@h/1", Some("Some(\"me\") Some(\"x:y\") h 6379 1")),
            ("redis://me@h", None),
            ("redis://", None),
            ("redis://h:x", None),
            ("redis://h/one", None),
            ("redis://:%4@h", None),
            ("redis://[::1", None),
        ] {
            assert_eq!(of(url).as_deref(), address, "{url}");
        }
    }

    #[test]
    fn replies_are_read_and_what_is_none_is_an_end() {
        let read = |bytes: &[u8]| read(&mut &*bytes, 0);
        let text = |text: &str| Reply::Text(text.into());
        let list = b"*4\r\n$3\r\na\r\n\r\n:-7\r\n$-1\r\n*1\r\n-ERR no\r\n";
        let replies =
            vec![text("a\r\n"), Reply::Number(-7), Reply::Nothing, Reply::List(vec![Reply::Refused("ERR no".into())])];
        assert_eq!(read(list).unwrap(), Reply::List(replies));
        assert_eq!(read(b"+OK\r\n").unwrap(), text("OK"));
        for n in 0..list.len() {
            assert!(read(&list[..n]).is_err(), "{n}");
        }
        let deep = b"*1\r\n".repeat(20);
        for bytes in [&b"HTTP/1.1 400\r\n"[..], b"$99999999999999\r\n", b"$x\r\n", b"*-2\r\n", b"$1\r\nabc\r\n", &deep]
        {
            assert!(matches!(read(bytes), Err(Broken::NoReply)), "{bytes:?}");
        }
    }
}
