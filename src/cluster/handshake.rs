//! A fresh connection, turned into a proven one, or into the reason why it is none.
//!
//! The words are [`super::hello`]'s; here they meet the socket. Invariants: 1. one hand-shake takes no longer than its
//! limit in all, however slowly bytes drip in. 2. No byte after the hand-shake is read, so the socket can be handed on.
//! 3. Only a peer that has proved the token can cause anything but [`Trouble::Unproven`] on the listening side.

use super::hello::{
    ANSWER_HEADER, Answer, Channel, Garbled, HEADER, Hello, MAGIC, Mismatch, PROTOCOL, Role, body_length, mismatch,
    prove, proven,
};
use super::topology::Topology;
use crate::error::Error;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// How long one hand-shake may take in all.
pub const LIMIT: Duration = Duration::from_secs(5);

/// What this process says in every hand-shake.
#[derive(Clone)]
pub struct Me {
    hello: Hello,
    token: Vec<u8>,
}

impl Me {
    /// Draws the nonce of this run.
    pub fn new(topology: &Topology) -> Result<Self, Error> {
        let hello = Hello {
            channel: Channel::Control,
            index: topology.process as u32,
            target: 0,
            processes: topology.processes as u32,
            workers: topology.workers as u32,
            fingerprint: topology.fingerprint,
            run: random()
                .map_err(|e| Error::outside("cluster.start", format!("the system gives no random numbers: {e}")))?,
            nonce: [0; 32],
            version: topology.version.clone(),
        };
        // No token is a key of no bytes: it proves nothing, and differs from every token.
        Ok(Self { hello, token: topology.token.clone().unwrap_or_default() })
    }

    /// What this process has drawn once.
    pub fn run(&self) -> [u8; 16] {
        self.hello.run
    }

    fn hello(&self, channel: Channel, target: u32) -> Result<Hello, Trouble> {
        let nonce = random().map_err(|e| Trouble::Unproven(format!("the system gives no random numbers: {e}")))?;
        Ok(Hello { channel, target, nonce, ..self.hello.clone() })
    }
}

pub(super) fn random<const N: usize>() -> Result<[u8; N], getrandom::Error> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes)?;
    Ok(bytes)
}

/// Why a connection is no link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trouble {
    /// Nothing was proved: a stranger, garbage, silence, an end. No harm done.
    Unproven(String),
    /// The other end speaks our hand-shake in another protocol version.
    Protocol(u16),
    /// The tokens differ; the index that the other end claims.
    Token(u32),
    /// The other end knows the token, but is not part of this computation.
    Mismatch(Mismatch, u32),
    /// The other end knows the token, but another process is already there with this index.
    Taken(u32),
}

impl From<io::Error> for Trouble {
    fn from(e: io::Error) -> Self {
        match e.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
                Trouble::Unproven("it did not finish the hand-shake in time".to_string())
            }
            io::ErrorKind::UnexpectedEof => Trouble::Unproven("it closed the connection in the hand-shake".to_string()),
            _ => Trouble::Unproven(e.to_string()),
        }
    }
}

impl From<Garbled> for Trouble {
    fn from(g: Garbled) -> Self {
        match g {
            Garbled::Protocol(p) => Trouble::Protocol(p),
            other => Trouble::Unproven(other.to_string()),
        }
    }
}

/// The connecting side: says hello to process `target` and returns what that process said.
pub fn connect(stream: &TcpStream, me: &Me, channel: Channel, target: u32, limit: Duration) -> Result<Hello, Trouble> {
    let mut wire = Wire { stream, until: Instant::now() + limit };
    let mine = me.hello(channel, target)?;
    let said = mine.encode();
    wire.write(&said)?;
    let (theirs, heard) = wire.read_hello()?;
    wire.write(&Answer::Proof(prove(&me.token, Role::Connector, &said, &heard)).encode())?;
    match wire.read_answer()? {
        Answer::Proof(proof) if proven(&me.token, Role::Listener, &said, &heard, &proof) => {}
        Answer::Proof(_) | Answer::RefusedToken => return Err(Trouble::Token(theirs.index)),
        _ => return Err(Garbled::Shape.into()),
    }
    if let Some(found) = mismatch(&mine, &theirs) {
        return Err(Trouble::Mismatch(found, theirs.index));
    }
    match wire.read_answer()? {
        Answer::Accepted if theirs.channel == channel => {}
        Answer::RefusedIndex => return Err(Trouble::Taken(mine.index)),
        _ => return Err(Garbled::Shape.into()),
    }
    wire.release()?;
    Ok(theirs)
}

/// The listening side: hears a hello and returns it; `admit` says whether the speaker's place is free.
pub fn accept(
    stream: &TcpStream,
    me: &Me,
    limit: Duration,
    admit: impl FnOnce(&Hello) -> bool,
) -> Result<Hello, Trouble> {
    let mut wire = Wire { stream, until: Instant::now() + limit };
    let (theirs, heard) = match wire.read_hello() {
        Ok(hello) => hello,
        Err(trouble) => {
            if let Trouble::Protocol(_) = trouble {
                // A header without a body: enough for the other end to see which protocol is spoken here.
                let header: Vec<u8> = MAGIC.into_iter().chain(PROTOCOL.to_le_bytes()).chain([0, 0]).collect();
                let _ = wire.write(&header);
            }
            return Err(trouble);
        }
    };
    let mine = me.hello(theirs.channel, theirs.index)?;
    let said = mine.encode();
    wire.write(&said)?;
    let Answer::Proof(proof) = wire.read_answer()? else { return Err(Garbled::Shape.into()) };
    if !proven(&me.token, Role::Connector, &heard, &said, &proof) {
        let _ = wire.write(&Answer::RefusedToken.encode());
        return Err(Trouble::Token(theirs.index));
    }
    wire.write(&Answer::Proof(prove(&me.token, Role::Listener, &heard, &said)).encode())?;
    if let Some(found) = mismatch(&mine, &theirs) {
        return Err(Trouble::Mismatch(found, theirs.index));
    }
    if !admit(&theirs) {
        let _ = wire.write(&Answer::RefusedIndex.encode());
        return Err(Trouble::Taken(theirs.index));
    }
    wire.write(&Answer::Accepted.encode())?;
    wire.release()?;
    Ok(theirs)
}

/// A socket with a moment after which nothing more is read or written.
struct Wire<'a> {
    stream: &'a TcpStream,
    until: Instant,
}

impl Wire<'_> {
    fn left(&self) -> io::Result<Option<Duration>> {
        match self.until.checked_duration_since(Instant::now()) {
            Some(left) if !left.is_zero() => Ok(Some(left)),
            _ => Err(io::ErrorKind::TimedOut.into()),
        }
    }

    fn read(&mut self, mut buffer: &mut [u8]) -> io::Result<()> {
        while !buffer.is_empty() {
            self.stream.set_read_timeout(self.left()?)?;
            match self.stream.read(buffer) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(n) => buffer = &mut buffer[n..],
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        // At most a few hundred bytes in an empty send buffer: one call takes them all.
        self.stream.set_write_timeout(self.left()?)?;
        self.stream.write_all(bytes)
    }

    fn read_hello(&mut self) -> Result<(Hello, Vec<u8>), Trouble> {
        let mut header = [0; HEADER];
        self.read(&mut header)?;
        let mut bytes = header.to_vec();
        bytes.resize(HEADER + body_length(&header)?, 0);
        self.read(&mut bytes[HEADER..])?;
        Ok((Hello::decode(&bytes[HEADER..])?, bytes))
    }

    fn read_answer(&mut self) -> Result<Answer, Trouble> {
        let mut header = [0; ANSWER_HEADER];
        self.read(&mut header)?;
        let mut rest = vec![0; Answer::rest_length(&header)?];
        self.read(&mut rest)?;
        Ok(Answer::decode(header[0], &rest)?)
    }

    fn release(&self) -> io::Result<()> {
        self.stream.set_read_timeout(None)?;
        self.stream.set_write_timeout(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{Shutdown, TcpListener};

    fn topology(process: usize) -> Topology {
        let hosts = vec!["127.0.0.1:1".to_string(), "127.0.0.1:2".to_string(), "127.0.0.1:3".to_string()];
        let token = Some(b"secret".to_vec());
        Topology { processes: 3, process, hosts, token, ..Topology::local(2) }
    }

    fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let there = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        (there, listener.accept().unwrap().0)
    }

    /// Both ends' findings where process 1 connects to process 0.
    fn meet(c: Topology, l: Topology, free: bool) -> (Result<Hello, Trouble>, Result<Hello, Trouble>) {
        let (there, here) = pair();
        let connector = std::thread::spawn(move || connect(&there, &Me::new(&c).unwrap(), Channel::Data, 0, LIMIT));
        let heard = accept(&here, &Me::new(&l).unwrap(), LIMIT, |_| free);
        drop(here);
        (connector.join().unwrap(), heard)
    }

    #[test]
    fn both_ends_know_each_other_when_all_is_the_same() {
        let (c, l) = meet(topology(1), topology(0), true);
        assert_eq!(c.unwrap().index, 0);
        let l = l.unwrap();
        assert_eq!((l.index, l.channel), (1, Channel::Data));
    }

    #[test]
    fn both_ends_refuse_when_the_tokens_differ() {
        for (c, l) in [
            (Some(b"Secret".to_vec()), Some(b"secret".to_vec())),
            (None, Some(b"x".to_vec())),
            (Some(b"x".to_vec()), None),
        ] {
            let (c, l) = meet(Topology { token: c, ..topology(1) }, Topology { token: l, ..topology(0) }, true);
            assert_eq!((c, l), (Err(Trouble::Token(0)), Err(Trouble::Token(1))));
        }
    }

    #[test]
    fn both_ends_name_the_difference_when_the_token_is_right() {
        let other = Topology { fingerprint: [1; 32], ..topology(1) };
        let (c, l) = meet(other, topology(0), true);
        assert_eq!(c, Err(Trouble::Mismatch(Mismatch::Fingerprint([1; 32], [0; 32]), 0)));
        assert_eq!(l, Err(Trouble::Mismatch(Mismatch::Fingerprint([0; 32], [1; 32]), 1)));
        let (c, l) = meet(topology(1), topology(0), false);
        assert_eq!((c, l), (Err(Trouble::Taken(1)), Err(Trouble::Taken(1))));
    }

    #[test]
    fn strangers_silence_and_early_ends_are_unproven() {
        let me = Me::new(&topology(0)).unwrap();
        let hello = me.hello(Channel::Data, 0).unwrap().encode();
        for bytes in [&b""[..], b"GET / HTTP/1.1\r\nHost: me\r\n\r\n", &hello[..20], &hello, &[0xff; 400]] {
            let (mut there, here) = pair();
            there.write_all(bytes).unwrap();
            there.shutdown(Shutdown::Write).unwrap();
            let found = accept(&here, &me, LIMIT, |_| panic!("admitted"));
            assert!(matches!(found, Err(Trouble::Unproven(_))), "{found:?}");
        }
        let (_half_open, here) = pair();
        let found = accept(&here, &me, Duration::from_millis(20), |_| true);
        assert_eq!(found, Err(Trouble::Unproven("it did not finish the hand-shake in time".to_string())));
    }

    #[test]
    fn another_protocol_is_told_to_both_ends() {
        let (mut there, here) = pair();
        let mut hello = Me::new(&topology(1)).unwrap().hello(Channel::Data, 0).unwrap().encode();
        hello[8] = 9;
        there.write_all(&hello).unwrap();
        let found = accept(&here, &Me::new(&topology(0)).unwrap(), LIMIT, |_| true);
        assert_eq!(found, Err(Trouble::Protocol(9)));
        let mut header = [0; HEADER];
        there.read_exact(&mut header).unwrap();
        assert_eq!(header[8..10], PROTOCOL.to_le_bytes());
    }
}
