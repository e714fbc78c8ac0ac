//! Addresses, turned into two proven connections for each pair of processes.
//!
//! Process `p` listens on its own address and connects to every process before it, once for control and once for data.
//! When all its connections are there it says *ready* on every control connection; when all others have said so too,
//! the links are done. Until then a process may go and come back: its place is empty again.
//!
//! Invariants: 1. only a proven peer takes a place or ends the wait. 2. At most [`MAX_PENDING`] hand-shakes run at
//! once; further connections are closed at once (an honest peer comes again). 3. The wait ends at the deadline.
//!
//! Errors: what a proven peer has otherwise than we ends the wait on both ends; `cluster.token` on the connecting end
//! only; `cluster.missing` names who is not there and why, as far as we know.

use super::counter::{Counter, Counters};
pub use super::desk::Line;
use super::desk::{Desk, Heard, Seat, State};
use super::explain::{SAME_PROGRAM, SAME_TOKEN, differs, followed, twice};
use super::handshake::{self, Me, Trouble};
use super::hello::Channel;
use super::message::Message;
use super::topology::Topology;
use crate::error::{Error, Kind};
use socket2::{SockRef, TcpKeepalive};
use std::io::{self, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};
use tracing::warn;

/// How many hand-shakes of accepted connections run at once.
pub const MAX_PENDING: usize = 64;

/// How often the door and the connections are looked at; more often within [`LIVELY`] of something new, as processes are
/// often started together.
const TICK: Duration = Duration::from_millis(2);
const SHORT_TICK: Duration = Duration::from_micros(200);
const LIVELY: Duration = Duration::from_millis(20);
/// How long to wait before another try to connect, at first and at most.
const FIRST_PAUSE: Duration = Duration::from_micros(500);
const LONGEST_PAUSE: Duration = Duration::from_millis(64);
const CONNECT: Duration = Duration::from_secs(2);

/// All connections of this process; `None` at its own index.
#[derive(Debug, Default)]
pub struct Links {
    /// For timely.
    pub data: Vec<Option<TcpStream>>,
    /// For [`super::control`].
    pub control: Vec<Option<Line>>,
    /// Kept so that a second process with our address finds the port in use.
    pub listener: Option<TcpListener>,
    /// What process 0 has drawn for this run: the same in all processes.
    pub run: [u8; 16],
    /// What all processes count with; none where one of them could not.
    pub counters: Vec<Counter>,
}

/// Listens on this process's own address.
pub fn listen(topology: &Topology) -> Result<TcpListener, Error> {
    let addresses = topology.resolve(topology.process)?;
    TcpListener::bind(&addresses[..]).map_err(|e| {
        let host = &topology.hosts[topology.process];
        match e.kind() {
            io::ErrorKind::AddrInUse => Error::outside("cluster.port", format!("the port is in use: {host}"))
                .help("another program listens there, or this process was started twice: stop it, or use other ports"),
            io::ErrorKind::AddrNotAvailable => {
                Error::user("cluster.address", format!("{host} is not an address of this machine"))
                    .help("look at --process and the hosts file: each process listens on its own address")
            }
            _ => Error::outside("cluster.address", format!("cannot listen on {host}: {e}"))
                .help("use another address or port; ports below 1024 need special rights"),
        }
    })
}

/// Connects this process, listening on `listener`, to all others.
pub fn connect(topology: &Topology, listener: TcpListener) -> Result<Links, Error> {
    let outside = |e: io::Error| Error::outside("cluster.start", format!("cannot use the listening socket: {e}"));
    listener.set_nonblocking(true).map_err(outside)?;
    let desk = Arc::new(Desk {
        me: Me::new(topology)?,
        topology: topology.clone(),
        until: Instant::now() + topology.connect_timeout,
        state: Mutex::new(State {
            seats: (0..topology.processes).map(|_| Seat::default()).collect(),
            failure: None,
            over: false,
            pending: 0,
            strangers: 0,
            last_stranger: None,
        }),
        changed: Condvar::new(),
    });
    for q in 0..topology.process {
        spawn_connector(&desk, q)?;
    }
    // The names that process 0 gives are gone in any case when this returns.
    let mut counters = if topology.process == 0 { Counters::make(desk.me.run(), topology.counters) } else { None };
    let found = wait(&desk, &listener, &mut counters);
    let mut state = desk.lock();
    state.over = true;
    desk.changed.notify_all();
    let seats = std::mem::take(&mut state.seats);
    drop(state);
    match found {
        Ok(all_count) => {
            let counters = counters.filter(|_| all_count).map(Counters::into_counters).unwrap_or_default();
            links(seats, topology.process, (listener, desk.me.run()), counters).map_err(outside)
        }
        Err(error) => {
            farewell(seats, topology.process, &error);
            Err(error)
        }
    }
}

fn spawn(name: String, body: impl FnOnce() + Send + 'static) -> Result<(), Error> {
    match thread::Builder::new().name(name).spawn(body) {
        Ok(_) => Ok(()),
        Err(e) => Err(Error::outside("cluster.start", format!("the system gives no thread: {e}"))),
    }
}

/// A thread that connects to process `q` whenever a connection to it is missing, one after the other, so that both
/// ends always mean the same pair of sockets.
fn spawn_connector(desk: &Arc<Desk>, q: usize) -> Result<(), Error> {
    let desk = Arc::clone(desk);
    spawn(format!("highwater:connect-{q}"), move || {
        let mut pause = FIRST_PAUSE;
        while let Some(channel) = desk.next_missing(q) {
            match dial(&desk, q, channel) {
                Ok(()) => pause = FIRST_PAUSE,
                Err(Dial::Again(note)) => {
                    desk.pause(q, note, pause);
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
                Err(Dial::Fail(error)) => return desk.fail(error),
            }
        }
    })
}

enum Dial {
    Again(String),
    Fail(Error),
}

fn dial(desk: &Desk, q: usize, channel: Channel) -> Result<(), Dial> {
    let topology = &desk.topology;
    let addresses = topology.resolve(q).map_err(|e| match e.code {
        // A name may be known later, when the other machine is up.
        "cluster.address" => Dial::Again("its address cannot be resolved".to_string()),
        _ => Dial::Fail(e),
    })?;
    let mut last = String::new();
    for address in addresses {
        let left = desk.until.saturating_duration_since(Instant::now()).min(CONNECT);
        if left.is_zero() {
            break;
        }
        match TcpStream::connect_timeout(&address, left) {
            Ok(stream) => return greet(desk, q, channel, stream),
            Err(e) => last = format!("no connection: {e}"),
        }
    }
    Err(Dial::Again(last))
}

fn greet(desk: &Desk, q: usize, channel: Channel, stream: TcpStream) -> Result<(), Dial> {
    let topology = &desk.topology;
    prepare(&stream, channel).map_err(|e| Dial::Again(e.to_string()))?;
    let place = topology.name(q);
    let hello = match handshake::connect(&stream, &desk.me, channel, q as u32, handshake::LIMIT) {
        Ok(hello) => hello,
        Err(Trouble::Unproven(why)) => return Err(Dial::Again(format!("something listens there, but {why}"))),
        Err(Trouble::Protocol(p)) => {
            let text = format!("{place} is another version of highwater: it speaks protocol {p}");
            return Err(Dial::Fail(Error::user("cluster.version", text).help(SAME_PROGRAM)));
        }
        Err(Trouble::Token(_)) => {
            let text = format!("{place} refused: its token and ours are not the same");
            return Err(Dial::Fail(Error::user("cluster.token", text).help(SAME_TOKEN)));
        }
        Err(Trouble::Mismatch(found, theirs)) => {
            return Err(Dial::Fail(differs(topology, &found, theirs, &topology.hosts[q])));
        }
        Err(Trouble::Taken(mine)) => return Err(Dial::Fail(twice(mine).at(format!("{place} has seen both")))),
    };
    {
        let mut state = desk.lock();
        if let Some(seat) = state.seats.get_mut(q) {
            let restarted = seat.run.is_some_and(|run| run != hello.run) && seat.control.is_some();
            if restarted {
                // The first connection is to a process that has gone since; `wait` will find its end and dial anew.
                return Err(Dial::Again("it was restarted".to_string()));
            }
            seat.run = Some(hello.run);
        }
    }
    desk.deliver(&hello, stream);
    Ok(())
}

/// After so long without an acknowledgement the system gives a data connection up; heartbeats notice long before.
#[cfg(target_os = "linux")]
const UNACKNOWLEDGED: Duration = Duration::from_secs(30);

/// Socket options: small messages go at once, and the system itself notices a dead host on a quiet data connection.
fn prepare(stream: &TcpStream, channel: Channel) -> io::Result<()> {
    stream.set_nodelay(true)?;
    if channel == Channel::Data {
        let keepalive = TcpKeepalive::new().with_time(Duration::from_secs(5)).with_interval(Duration::from_secs(1));
        SockRef::from(stream).set_tcp_keepalive(&keepalive)?;
        #[cfg(target_os = "linux")]
        SockRef::from(stream).set_tcp_user_timeout(Some(UNACKNOWLEDGED))?;
    }
    Ok(())
}

/// Accepts, listens for ends and failures, and says ready, until all are there or something ends the wait. True where all
/// have the counters of the run; those of process 0 are opened on the way.
fn wait(desk: &Arc<Desk>, listener: &TcpListener, counters: &mut Option<Counters>) -> Result<bool, Error> {
    let me = desk.topology.process;
    let mut lively = Instant::now() + LIVELY;
    loop {
        if answer(desk, listener) {
            lively = Instant::now() + LIVELY;
        }
        let mut state = desk.lock();
        for q in 0..state.seats.len() {
            match state.seats[q].hear() {
                Heard::Nothing => {}
                Heard::Failed(culprit, text) => {
                    return Err(followed(&desk.topology, culprit as usize, &text, Some(q)));
                }
                Heard::Gone => {
                    warn!(process = q, "the process went away before all were there");
                    let note = Some("it was there, and went away".to_string());
                    state.seats[q] = Seat { note, ..Seat::default() };
                    desk.changed.notify_all();
                }
            }
        }
        if let Some(error) = state.failure.take() {
            return Err(error);
        }
        let others = || (0..desk.topology.processes).filter(|q| *q != me);
        if others().all(|q| state.seats[q].complete()) {
            if let Some(run) = state.seats[0].run.filter(|_| me != 0 && others().any(|q| !state.seats[q].told)) {
                *counters = Counters::open(run, desk.topology.counters);
            }
            for q in others() {
                state.seats[q].tell_ready(counters.is_some());
            }
            if others().all(|q| state.seats[q].ready && state.seats[q].told) {
                return Ok(counters.is_some() && others().all(|q| state.seats[q].counts));
            }
        }
        if Instant::now() >= desk.until {
            return Err(state.missing(&desk.topology));
        }
        let tick = if Instant::now() < lively { SHORT_TICK } else { TICK };
        drop(desk.changed.wait_timeout(state, tick));
    }
}

/// Starts the hand-shake of every connection that waits at the door; true where there was one.
fn answer(desk: &Arc<Desk>, listener: &TcpListener) -> bool {
    let mut came = false;
    loop {
        let (stream, from) = match listener.accept() {
            Ok(accepted) => accepted,
            Err(e) if e.kind() == io::ErrorKind::WouldBlock => return came,
            Err(e) => {
                // A connection that ended in the queue, or no file handles left: both may be better the next time.
                warn!("a connection could not be accepted: {e}");
                return came;
            }
        };
        came = true;
        {
            let mut state = desk.lock();
            if state.pending == MAX_PENDING {
                warn!(%from, "a connection was closed: too many at once");
                continue;
            }
            state.pending += 1;
        }
        let at_desk = Arc::clone(desk);
        let started = spawn("highwater:accept".to_string(), move || {
            let desk = at_desk;
            let result = stream
                .set_nonblocking(false)
                .map_err(Trouble::from)
                .and_then(|()| handshake::accept(&stream, &desk.me, handshake::LIMIT, |hello| desk.admit(hello)));
            match result {
                Ok(hello) => match prepare(&stream, hello.channel) {
                    Ok(()) => desk.deliver(&hello, stream),
                    Err(e) => warn!(%from, "a connection was closed: {e}"),
                },
                Err(trouble) => desk.refuse(from, trouble),
            }
            desk.lock().pending -= 1;
        });
        if let Err(error) = started {
            // The connection went with the closure; who called calls again.
            warn!(%from, "a connection was closed: {}", error.message);
            desk.lock().pending -= 1;
        }
    }
}

fn links(
    seats: Vec<Seat>,
    me: usize,
    (listener, own): (TcpListener, [u8; 16]),
    counters: Vec<Counter>,
) -> io::Result<Links> {
    // Whoever is not process 0 has connected to it, and heard its hello.
    let run = seats.first().and_then(|first| first.run).filter(|_| me != 0).unwrap_or(own);
    let mut links = Links { data: Vec::new(), control: Vec::new(), listener: Some(listener), run, counters };
    for (q, seat) in seats.into_iter().enumerate() {
        if let (Some(line), true) = (&seat.control, q != me) {
            line.stream.set_nonblocking(false)?;
        }
        links.control.push(seat.control);
        links.data.push(seat.data);
    }
    Ok(links)
}

/// Tells those who are here already why the run does not begin.
fn farewell(seats: Vec<Seat>, me: usize, error: &Error) {
    // Who only follows has been told by the first to fail, and so have the others.
    if error.kind == Kind::Followed {
        return;
    }
    let frame = Message::Failed { culprit: me as u32, text: format!("failed: {}", error.message) }.encode();
    for line in seats.into_iter().filter_map(|seat| seat.control) {
        let _ = line.stream.set_nonblocking(true);
        let _ = (&line.stream).write_all(&frame);
    }
}
