//! What the threads of the link phase know together: who has a place, who is ready, what went wrong.
//!
//! Invariants: 1. a place belongs to one run of a process; another run gets it only when the first's connection has
//! ended. 2. What arrives on a control connection before anyone listens is kept.

use super::explain::{differs, twice};
use super::handshake::{Me, Trouble};
use super::hello::{Channel, Hello};
use super::message::{Inbox, Message};
use super::topology::Topology;
use crate::error::Error;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tracing::{info, warn};

/// How long a second process with an index waits for the first to be found gone.
const GRACE: Duration = Duration::from_millis(500);

/// A control connection, and what has arrived on it already.
#[derive(Debug)]
pub struct Line {
    /// The connection.
    pub stream: TcpStream,
    /// Bytes that are not yet a whole message.
    pub inbox: Inbox,
    /// Messages that arrived before anyone listened.
    pub early: Vec<Message>,
}

impl Line {
    /// A line on which nothing has arrived.
    pub fn new(stream: TcpStream) -> Self {
        Self { stream, inbox: Inbox::default(), early: Vec::new() }
    }
}

/// Everything the hand-shake threads share.
pub(super) struct Desk {
    pub(super) me: Me,
    pub(super) topology: Topology,
    pub(super) until: Instant,
    pub(super) state: Mutex<State>,
    pub(super) changed: Condvar,
}

pub(super) struct State {
    pub(super) seats: Vec<Seat>,
    pub(super) failure: Option<Error>,
    pub(super) over: bool,
    pub(super) pending: usize,
    pub(super) strangers: usize,
    pub(super) last_stranger: Option<String>,
}

impl State {
    /// Who is not there when the time is over, and why, as far as known.
    pub(super) fn missing(&self, topology: &Topology) -> Error {
        let absent: Vec<String> = (0..topology.processes)
            .filter(|q| *q != topology.process)
            .filter(|q| !self.seats[*q].complete() || !self.seats[*q].ready)
            .map(|q| {
                let why = match &self.seats[q] {
                    Seat { note: Some(note), .. } => note.as_str(),
                    seat if seat.complete() => "it waits for other processes",
                    _ => "it has not called",
                };
                format!("{}: {why}", topology.name(q))
            })
            .collect();
        let seconds = topology.connect_timeout.as_secs_f64();
        let mut place = absent.join("\n      ");
        if let Some(last) = &self.last_stranger {
            place += &format!("\n      {} other connections were closed, the last from {last}", self.strangers);
        }
        let text = format!("{} of {} processes are not there after {seconds} s", absent.len(), topology.processes);
        Error::outside("cluster.missing", text)
            .at(place)
            .help("start them, let their addresses be reached from here, or wait longer with --connect-timeout")
    }
}

/// What a look at a control connection gave.
pub(super) enum Heard {
    Nothing,
    Gone,
    Failed(u32, String),
}

/// What we have of one peer.
#[derive(Default)]
pub(super) struct Seat {
    pub(super) run: Option<[u8; 16]>,
    pub(super) control: Option<Line>,
    pub(super) data: Option<TcpStream>,
    /// It said that all its connections are there, and whether it has the counters of the run.
    pub(super) ready: bool,
    pub(super) counts: bool,
    /// We said so to it.
    pub(super) told: bool,
    /// Why it is not there, as far as we know.
    pub(super) note: Option<String>,
}

impl Seat {
    /// Reads what has arrived on the control connection, without waiting.
    pub(super) fn hear(&mut self) -> Heard {
        let Some(line) = &mut self.control else { return Heard::Nothing };
        if line.stream.set_nonblocking(true).is_err() {
            return Heard::Gone;
        }
        let mut buffer = [0; 4096];
        loop {
            match line.stream.read(&mut buffer) {
                Ok(0) => return Heard::Gone,
                Ok(n) => line.inbox.push(&buffer[..n]),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                Err(e) if e.kind() == io::ErrorKind::WouldBlock => return Heard::Nothing,
                Err(_) => return Heard::Gone,
            }
            loop {
                match line.inbox.take() {
                    Ok(Some(Message::Ready(counts))) => (self.ready, self.counts) = (true, counts),
                    Ok(Some(Message::Failed { culprit, text })) => return Heard::Failed(culprit, text),
                    Ok(Some(message)) => line.early.push(message),
                    Ok(None) => break,
                    Err(_) => return Heard::Gone,
                }
            }
        }
    }

    /// Says, once, that all connections of this process are there; `counts`: and the counters of the run.
    pub(super) fn tell_ready(&mut self, counts: bool) {
        if let (false, Some(line)) = (self.told, &mut self.control) {
            // The first bytes on an empty connection are taken at once; where they are not, `hear` finds the end.
            self.told = line.stream.write_all(&Message::Ready(counts).encode()).is_ok();
        }
    }

    pub(super) fn complete(&self) -> bool {
        self.control.is_some() && self.data.is_some()
    }
}

impl Desk {
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the place of `hello`'s speaker is free, or its own.
    pub(super) fn admit(&self, hello: &Hello) -> bool {
        let q = hello.index as usize;
        let taken = |state: &mut State| {
            state.seats.get(q).is_some_and(|s| (s.control.is_some() || s.data.is_some()) && s.run != Some(hello.run))
        };
        let (mut state, _) =
            self.changed.wait_timeout_while(self.lock(), GRACE, |s| taken(s)).unwrap_or_else(PoisonError::into_inner);
        if taken(&mut state) {
            return false;
        }
        // After the end there are no seats; the connection is closed when it is delivered.
        if let Some(seat) = state.seats.get_mut(q) {
            seat.run = Some(hello.run);
        }
        true
    }

    pub(super) fn deliver(&self, hello: &Hello, stream: TcpStream) {
        let mut state = self.lock();
        let Some(seat) = state.seats.get_mut(hello.index as usize) else { return };
        if seat.run != Some(hello.run) {
            return;
        }
        match hello.channel {
            Channel::Control => {
                (seat.ready, seat.told) = (false, false);
                seat.control = Some(Line::new(stream));
            }
            Channel::Data => seat.data = Some(stream),
        }
        seat.note = None;
        if seat.complete() {
            info!(process = hello.index, "connected");
        }
        self.changed.notify_all();
    }

    pub(super) fn fail(&self, error: Error) {
        self.lock().failure.get_or_insert(error);
        self.changed.notify_all();
    }

    /// What a failed hand-shake of an accepted connection means.
    pub(super) fn refuse(&self, from: SocketAddr, trouble: Trouble) {
        match trouble {
            Trouble::Unproven(why) => {
                warn!(%from, "a connection was closed: {why}");
                self.stranger(format!("{from}: {why}"));
            }
            Trouble::Protocol(p) => {
                let why = format!("it speaks protocol {p} of highwater, another version");
                warn!(%from, "a connection was closed: {why}");
                self.stranger(format!("{from}: {why}"));
            }
            Trouble::Token(q) => {
                warn!(%from, "a connection was refused: it says it is process {q}, but its token is another");
                let note = format!("{from} said it is this process, but its token is another");
                match self.lock().seats.get_mut(q as usize) {
                    Some(seat) if !seat.complete() => seat.note = Some(note),
                    _ => {}
                }
            }
            Trouble::Mismatch(found, q) => self.fail(differs(&self.topology, &found, q, &from.to_string())),
            Trouble::Taken(q) => self.fail(twice(q).at(format!("a second one called from {from}"))),
        }
    }

    fn stranger(&self, text: String) {
        let mut state = self.lock();
        state.strangers += 1;
        state.last_stranger = Some(text);
    }

    /// Waits until a connection to process `q` is missing; `None` when the wait for processes is over.
    pub(super) fn next_missing(&self, q: usize) -> Option<Channel> {
        let mut state = self.lock();
        loop {
            if state.over {
                return None;
            }
            let seat = state.seats.get(q)?;
            if seat.control.is_none() {
                return Some(Channel::Control);
            }
            if seat.data.is_none() {
                return Some(Channel::Data);
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Waits for `time`, unless the wait for processes is over.
    pub(super) fn pause(&self, q: usize, note: String, time: Duration) {
        let mut state = self.lock();
        if let Some(seat) = state.seats.get_mut(q) {
            seat.note = Some(note);
        }
        drop(self.changed.wait_timeout_while(state, time, |s| !s.over));
    }
}
