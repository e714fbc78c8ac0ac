//! What a process says of itself when a connection begins, turned into bytes, proofs and mismatches. Pure.
//!
//! ```text
//! connector                                   listener
//!   hello (nonce c)            ────────▶
//!                              ◀────────        hello (nonce l)
//!   proof = HMAC(token, "c" + both hellos) ──▶  checks; wrong: refused(token)
//!                              ◀────────        proof = HMAC(token, "l" + both hellos)
//!   checks                                      compares what both said
//!   compares what both said    ◀────────        accepted, or refused(index)
//! ```
//!
//! Shapes, all numbers little-endian: a hello is magic (8 bytes), protocol `u16`, length of the rest `u16` (at most
//! [`MAX_BODY`]), then kind `u8`, index, target, processes, workers `u32` each, fingerprint 32 bytes, run 16 bytes,
//! nonce 32 bytes, version as `u8` length and text. An answer is tag `u8`, length `u16` (at most [`MAX_ANSWER`]), and
//! the rest.
//!
//! Invariants: 1. decoding any bytes gives a value or [`Garbled`], never a panic, and reserves nothing by a length that
//! was read. 2. A proof covers every byte both sides have said, both nonces included, and the role, so that it can
//! neither be replayed nor reflected. 3. The token itself never travels.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::fmt;

/// The first bytes of every connection.
pub const MAGIC: [u8; 8] = *b"highwatr";
/// The version of the hand-shake and of control messages. Magic, protocol and length never change their places.
pub const PROTOCOL: u16 = 2;
/// Bytes of a hello before its body: magic, protocol, length.
pub const HEADER: usize = 12;
/// The longest body of a hello.
pub const MAX_BODY: usize = 256;
/// The longest version text that is compared.
pub const MAX_VERSION: usize = 64;
/// The longest answer after its tag and length.
pub const MAX_ANSWER: usize = 64;
/// Bytes of an answer before the rest: tag, length.
pub const ANSWER_HEADER: usize = 3;
/// Bytes of a proof.
pub const PROOF: usize = 32;

const FIXED: usize = 1 + 4 * 4 + 32 + 16 + 32 + 1;

/// What a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Channel {
    /// Given to timely.
    Data,
    /// Heartbeats and messages of our own.
    Control,
}

impl Channel {
    /// Both, in the order they are made.
    pub const ALL: [Channel; 2] = [Channel::Control, Channel::Data];

    /// 0 for control, 1 for data.
    pub fn slot(self) -> usize {
        match self {
            Channel::Control => 0,
            Channel::Data => 1,
        }
    }
}

/// What a process says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hello {
    /// What the connection is for.
    pub channel: Channel,
    /// The speaker's process index.
    pub index: u32,
    /// The process index that the speaker believes to talk to.
    pub target: u32,
    /// How many processes the speaker knows of.
    pub processes: u32,
    /// Workers per process.
    pub workers: u32,
    /// The fingerprint of the speaker's pipeline.
    pub fingerprint: [u8; 32],
    /// Drawn once in the life of a process: tells a process from a second one with its index.
    pub run: [u8; 16],
    /// Drawn for this connection.
    pub nonce: [u8; 32],
    /// The version of the program.
    pub version: String,
}

/// Bytes that are not what our hand-shake says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Garbled {
    /// The first bytes are not ours.
    Magic,
    /// Ours, of another protocol.
    Protocol(u16),
    /// Too long, too short, or with a value that does not exist.
    Shape,
}

impl fmt::Display for Garbled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Garbled::Magic => write!(f, "it does not speak as highwater does"),
            Garbled::Protocol(p) => write!(f, "it speaks protocol {p}, this is protocol {PROTOCOL}"),
            Garbled::Shape => write!(f, "its hand-shake is garbled"),
        }
    }
}

/// The length of the body that follows a hello's header.
pub fn body_length(header: &[u8; HEADER]) -> Result<usize, Garbled> {
    if header[..8] != MAGIC {
        return Err(Garbled::Magic);
    }
    let protocol = u16::from_le_bytes([header[8], header[9]]);
    if protocol != PROTOCOL {
        return Err(Garbled::Protocol(protocol));
    }
    let length = u16::from_le_bytes([header[10], header[11]]) as usize;
    if (FIXED..=MAX_BODY).contains(&length) { Ok(length) } else { Err(Garbled::Shape) }
}

impl Hello {
    /// The bytes of the hello, header and body.
    pub fn encode(&self) -> Vec<u8> {
        let version = clipped(&self.version, MAX_VERSION).as_bytes();
        let mut out = Vec::with_capacity(HEADER + FIXED + version.len());
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&PROTOCOL.to_le_bytes());
        out.extend_from_slice(&((FIXED + version.len()) as u16).to_le_bytes());
        out.push(self.channel.slot() as u8);
        for number in [self.index, self.target, self.processes, self.workers] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        out.extend_from_slice(&self.fingerprint);
        out.extend_from_slice(&self.run);
        out.extend_from_slice(&self.nonce);
        out.push(version.len() as u8);
        out.extend_from_slice(version);
        out
    }

    /// Reads the body that follows a header.
    pub fn decode(body: &[u8]) -> Result<Self, Garbled> {
        let mut rest = body;
        let [channel] = take(&mut rest)?;
        let channel = match channel {
            0 => Channel::Control,
            1 => Channel::Data,
            _ => return Err(Garbled::Shape),
        };
        let mut number = || take(&mut rest).map(u32::from_le_bytes);
        let (index, target, processes, workers) = (number()?, number()?, number()?, number()?);
        let (fingerprint, run, nonce) = (take(&mut rest)?, take(&mut rest)?, take(&mut rest)?);
        let [length] = take(&mut rest)?;
        if length as usize != rest.len() || rest.len() > MAX_VERSION {
            return Err(Garbled::Shape);
        }
        let version = std::str::from_utf8(rest).map_err(|_| Garbled::Shape)?.to_string();
        Ok(Self { channel, index, target, processes, workers, fingerprint, run, nonce, version })
    }
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Result<[u8; N], Garbled> {
    let (first, rest) = bytes.split_first_chunk::<N>().ok_or(Garbled::Shape)?;
    *bytes = rest;
    Ok(*first)
}

/// The longest start of `text` of at most `limit` bytes.
pub(crate) fn clipped(text: &str, limit: usize) -> &str {
    let mut end = text.len().min(limit);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// Who makes a proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The side that connected.
    Connector,
    /// The side that accepted.
    Listener,
}

fn mac(token: &[u8], role: Role, connector: &[u8], listener: &[u8]) -> Hmac<Sha256> {
    let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(token).expect("HMAC takes keys of any length");
    mac.update(match role {
        Role::Connector => b"highwater/connector/",
        Role::Listener => b"highwater/listener//",
    });
    // The lengths stand inside the hellos, so no two transcripts have the same bytes.
    mac.update(connector);
    mac.update(listener);
    mac
}

/// The proof that `role` knows `token`, over the bytes of both hellos.
pub fn prove(token: &[u8], role: Role, connector: &[u8], listener: &[u8]) -> [u8; PROOF] {
    mac(token, role, connector, listener).finalize().into_bytes().into()
}

/// True where `proof` is `role`'s; the comparison takes the same time for every wrong proof.
pub fn proven(token: &[u8], role: Role, connector: &[u8], listener: &[u8], proof: &[u8]) -> bool {
    mac(token, role, connector, listener).verify_slice(proof).is_ok()
}

/// What follows the hellos.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The speaker knows the token.
    Proof([u8; PROOF]),
    /// All is well: the connection is taken.
    Accepted,
    /// The other's proof is wrong.
    RefusedToken,
    /// The other's index is taken by another process.
    RefusedIndex,
}

impl Answer {
    /// The bytes of the answer.
    pub fn encode(&self) -> Vec<u8> {
        let (tag, rest): (u8, &[u8]) = match self {
            Answer::Proof(proof) => (1, proof),
            Answer::Accepted => (2, &[]),
            Answer::RefusedToken => (3, &[]),
            Answer::RefusedIndex => (4, &[]),
        };
        let mut out = vec![tag];
        out.extend_from_slice(&(rest.len() as u16).to_le_bytes());
        out.extend_from_slice(rest);
        out
    }

    /// The length of what follows an answer's tag and length.
    pub fn rest_length(header: &[u8; ANSWER_HEADER]) -> Result<usize, Garbled> {
        let length = u16::from_le_bytes([header[1], header[2]]) as usize;
        if length <= MAX_ANSWER { Ok(length) } else { Err(Garbled::Shape) }
    }

    /// Reads an answer with `tag` and the bytes that followed.
    pub fn decode(tag: u8, rest: &[u8]) -> Result<Self, Garbled> {
        match (tag, rest.len()) {
            (1, PROOF) => Ok(Answer::Proof(rest.try_into().expect("the length was looked at"))),
            (2, 0) => Ok(Answer::Accepted),
            (3, 0) => Ok(Answer::RefusedToken),
            (4, 0) => Ok(Answer::RefusedIndex),
            _ => Err(Garbled::Shape),
        }
    }
}

/// In what two processes that know the same token differ; the first difference that explains the others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mismatch {
    /// Other program versions: ours, theirs.
    Version(String, String),
    /// Other process counts: ours, theirs.
    Processes(u32, u32),
    /// Other worker counts: ours, theirs.
    Workers(u32, u32),
    /// Other pipelines: ours, theirs.
    Fingerprint([u8; 32], [u8; 32]),
    /// Both say they are this process.
    Twice(u32),
    /// The hosts files disagree: the address of the first process belongs to the second.
    Place(u32, u32),
}

/// What differs between `mine` and `theirs`, if anything. Both ends find the same kind of difference.
pub fn mismatch(mine: &Hello, theirs: &Hello) -> Option<Mismatch> {
    if clipped(&mine.version, MAX_VERSION) != theirs.version {
        return Some(Mismatch::Version(mine.version.clone(), theirs.version.clone()));
    }
    if mine.processes != theirs.processes {
        return Some(Mismatch::Processes(mine.processes, theirs.processes));
    }
    if mine.workers != theirs.workers {
        return Some(Mismatch::Workers(mine.workers, theirs.workers));
    }
    if mine.fingerprint != theirs.fingerprint {
        return Some(Mismatch::Fingerprint(mine.fingerprint, theirs.fingerprint));
    }
    if mine.index == theirs.index {
        return Some(Mismatch::Twice(mine.index));
    }
    // The listener says back whom it talks to, so its target is right by construction; the connector's may be wrong.
    if mine.target != theirs.index {
        return Some(Mismatch::Place(mine.target, theirs.index));
    }
    if theirs.target != mine.index || theirs.index >= mine.processes {
        return Some(Mismatch::Place(theirs.target, mine.index));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn hello(index: u32, target: u32) -> Hello {
        Hello {
            channel: Channel::Data,
            index,
            target,
            processes: 3,
            workers: 2,
            fingerprint: [7; 32],
            run: [index as u8; 16],
            nonce: [9 + index as u8; 32],
            version: "0.1.0".to_string(),
        }
    }

    fn read(bytes: &[u8]) -> Result<Hello, Garbled> {
        let header = bytes.first_chunk().ok_or(Garbled::Shape)?;
        let length = body_length(header)?;
        Hello::decode(bytes.get(HEADER..HEADER + length).ok_or(Garbled::Shape)?)
    }

    #[test]
    fn a_hello_comes_back_as_it_was_said() {
        let said = hello(2, 0);
        assert_eq!(read(&said.encode()), Ok(said.clone()));
        let long = Hello { version: "é".repeat(60), ..said };
        assert_eq!(read(&long.encode()).unwrap().version, "é".repeat(32));
    }

    #[test]
    fn other_magic_protocol_and_lengths_are_refused() {
        let good = hello(2, 0).encode();
        let with = |at: usize, byte: u8| {
            let mut b = good.clone();
            b[at] = byte;
            read(&b)
        };
        assert_eq!(with(0, b'H'), Err(Garbled::Magic));
        assert_eq!(with(8, 9), Err(Garbled::Protocol(9)));
        assert_eq!(with(11, 255), Err(Garbled::Shape));
        assert_eq!(with(10, 3), Err(Garbled::Shape));
        assert_eq!(with(12, 2), Err(Garbled::Shape));
        assert_eq!(read(b"GET / HTTP/1.1\r\n\r\n"), Err(Garbled::Magic));
    }

    #[test]
    fn a_proof_holds_only_for_its_token_role_and_words() {
        let (c, l) = (hello(1, 0).encode(), hello(0, 1).encode());
        let proof = prove(b"secret", Role::Connector, &c, &l);
        assert!(proven(b"secret", Role::Connector, &c, &l, &proof));
        assert!(!proven(b"Secret", Role::Connector, &c, &l, &proof));
        assert!(!proven(b"", Role::Connector, &c, &l, &proof));
        assert!(!proven(b"secret", Role::Listener, &c, &l, &proof), "reflected");
        assert!(!proven(b"secret", Role::Connector, &l, &c, &proof));
        for at in [0, 12, 13, 20, 40, 70, 100, c.len() - 1] {
            let mut other = c.clone();
            other[at] ^= 1;
            assert!(!proven(b"secret", Role::Connector, &other, &l, &proof), "byte {at} is not covered");
        }
        let replay = Hello { nonce: [1; 32], ..hello(0, 1) }.encode();
        assert!(!proven(b"secret", Role::Connector, &c, &replay, &proof), "replayed");
        assert!(!proven(b"secret", Role::Connector, &c, &l, &proof[..31]));
    }

    #[test]
    fn both_ends_find_the_same_difference() {
        type Change = fn(&mut Hello);
        let cases: [(&str, Change); 5] = [
            ("Version", |h| h.version = "0.2.0".to_string()),
            ("Processes", |h| h.processes = 4),
            ("Workers", |h| h.workers = 1),
            ("Fingerprint", |h| h.fingerprint[31] = 0),
            ("Place", |h| h.target = 1),
        ];
        assert_eq!(mismatch(&hello(2, 0), &hello(0, 2)), None);
        for (name, change) in cases {
            let (mut c, l) = (hello(2, 0), hello(0, 2));
            change(&mut c);
            for found in [mismatch(&c, &l), mismatch(&l, &c)] {
                assert!(format!("{found:?}").starts_with(&format!("Some({name}")), "{name}: {found:?}");
            }
        }
        assert_eq!(mismatch(&hello(2, 1), &hello(2, 2)), Some(Mismatch::Twice(2)));
    }

    proptest! {
        #[test]
        fn garbage_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..300), tag in any::<u8>()) {
            let _ = Hello::decode(&bytes);
            let _ = read(&bytes);
            let _ = Answer::decode(tag, &bytes);
            let mut ours = MAGIC.to_vec();
            ours.extend_from_slice(&PROTOCOL.to_le_bytes());
            ours.extend_from_slice(&bytes);
            if let Ok(hello) = read(&ours) {
                prop_assert_eq!(read(&hello.encode()), Ok(hello));
            }
        }

        #[test]
        fn answers_come_back(proof in any::<[u8; 32]>()) {
            for answer in [Answer::Proof(proof), Answer::Accepted, Answer::RefusedToken, Answer::RefusedIndex] {
                let bytes = answer.encode();
                let header = bytes.first_chunk().unwrap();
                prop_assert_eq!(Answer::rest_length(header), Ok(bytes.len() - ANSWER_HEADER));
                prop_assert_eq!(Answer::decode(bytes[0], &bytes[ANSWER_HEADER..]), Ok(answer));
            }
        }
    }
}
