//! Proven control connections, turned into heartbeats, messages, and news of lost peers.
//!
//! Each peer has a thread that reads and a thread that writes; one more thread says every 500 ms that this process
//! lives. On both ends what can be done without waiting is done by who comes along: a message is written by its sender
//! where the connection takes it at once, and read by a worker that looks in (see `ear`). A peer is lost when nothing
//! was heard of it for the peer time-out, when its connection ends before both ends have said *bye*, when it says
//! something that does not exist, or when it takes what is sent to it so slowly that [`MAX_QUEUE`] bytes wait:
//! messages are never dropped, the run stops instead.
//!
//! Invariants: 1. application messages of one peer arrive in the order they were sent, each once. 2. Sending never
//! waits for the network. 3. Each peer is reported lost at most once, and not after an orderly end.
//!
//! Cost: a message is copied into its frame once for all peers; three threads a peer pair and no busy waiting. Between
//! busy workers a message is one system call at each end and no switch of threads.

use super::ear::{Ear, NAP};
use super::link::Line;
use super::message::{MAX_APP, Message, app_frame};
use crate::error::Error;
use rustix::net::{SendFlags, send};
use std::collections::VecDeque;
use std::io::{self, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// How often a process says that it lives.
pub const HEARTBEAT: Duration = Duration::from_millis(500);
/// The most bytes that wait for one peer.
pub const MAX_QUEUE: usize = 16 << 20;
/// The most bytes of application messages that are kept until someone listens.
pub const MAX_KEPT: usize = 64 << 20;

/// How long a broken writer leaves it to the reader to find out why.
const GRACE: Duration = Duration::from_secs(1);

/// What the control plane has found out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    /// A peer is gone without a word, and how.
    Lost(usize, String),
    /// A peer says that the run is over.
    Failed {
        /// Who says so.
        from: usize,
        /// Who was the first to fail.
        culprit: usize,
        /// What it says.
        text: String,
    },
    /// A peer asks all to finish what was read and read no more.
    Drain(usize),
}

/// A function that application messages are given to: the sender's index and the bytes.
pub type Listener = Arc<dyn Fn(usize, &[u8]) + Send + Sync>;

/// The control plane of one process. Dropping it closes all connections without a word.
pub struct Control {
    inner: Arc<Inner>,
}

struct Inner {
    process: usize,
    peer_timeout: Duration,
    peers: Vec<Option<Peer>>,
    news: Box<dyn Fn(News) + Send + Sync>,
    app: Mutex<App>,
    stop: Mutex<bool>,
    stopped: Condvar,
}

#[derive(Default)]
struct App {
    listener: Option<Listener>,
    kept: VecDeque<(usize, Vec<u8>)>,
    kept_bytes: usize,
}

struct Peer {
    stream: TcpStream,
    ear: Ear,
    out: Mutex<Out>,
    changed: Condvar,
}

#[derive(Default)]
struct Out {
    queue: VecDeque<Arc<[u8]>>,
    bytes: usize,
    writing: bool,
    /// Nothing can be written any more.
    broken: bool,
    bye_said: bool,
    bye_heard: bool,
    /// Nothing will be heard any more.
    gone: bool,
    /// The peer was reported, or there is nothing to report.
    reported: bool,
}

impl Out {
    fn both_bye(&self) -> bool {
        self.bye_said && self.bye_heard
    }
}

impl Peer {
    /// Writes a frame where nothing waits before it and the connection takes it at once; what is left of it otherwise.
    fn send_now(&self, out: &Out, frame: Arc<[u8]>) -> Option<Arc<[u8]>> {
        if !out.queue.is_empty() || out.writing {
            return Some(frame);
        }
        match send(&self.stream, &frame, SendFlags::DONTWAIT | SendFlags::NOSIGNAL) {
            Ok(n) if n == frame.len() => None,
            Ok(n) => Some(frame[n..].into()),
            // The writer will wait, or find out what is wrong.
            Err(_) => Some(frame),
        }
    }

    fn out(&self) -> MutexGuard<'_, Out> {
        self.out.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Control {
    /// Takes over the control connections of process `process`. `news` is called from threads of the control plane.
    pub fn start(
        process: usize,
        lines: Vec<Option<Line>>,
        peer_timeout: Duration,
        news: impl Fn(News) + Send + Sync + 'static,
    ) -> Result<Self, Error> {
        let outside = |e: io::Error| Error::outside("cluster.start", format!("cannot set up control connections: {e}"));
        let (mut peers, mut readers) = (Vec::new(), Vec::new());
        for (q, line) in lines.into_iter().enumerate() {
            let Some(line) = line else {
                peers.push(None);
                continue;
            };
            line.stream.set_write_timeout(Some(peer_timeout)).map_err(outside)?;
            let stream = line.stream.try_clone().map_err(outside)?;
            readers.push((q, line.early));
            let ear = Ear::new(line.stream, line.inbox, NAP);
            peers.push(Some(Peer { stream, ear, out: Mutex::default(), changed: Condvar::new() }));
        }
        let inner = Arc::new(Inner {
            process,
            peer_timeout,
            peers,
            news: Box::new(news),
            app: Mutex::default(),
            stop: Mutex::new(false),
            stopped: Condvar::new(),
        });
        // Made first, so that an error on the way closes what has begun.
        let control = Self { inner };
        for (q, early) in readers {
            let inner = Arc::clone(&control.inner);
            spawn(format!("highwater:control-read-{q}"), move || inner.read(q, early))?;
            let inner = Arc::clone(&control.inner);
            spawn(format!("highwater:control-write-{q}"), move || inner.write(q))?;
        }
        if control.inner.peers().next().is_some() {
            let inner = Arc::clone(&control.inner);
            spawn("highwater:heartbeat".to_string(), move || inner.beat())?;
        }
        Ok(control)
    }

    /// Sends an application message of at most [`MAX_APP`] bytes to process `to`; to itself is nothing. A lost peer
    /// gets nothing; the news of it is on its way.
    pub fn send(&self, to: usize, bytes: &[u8]) -> Result<(), Error> {
        let frame = framed(bytes)?;
        self.inner.push(to, frame);
        Ok(())
    }

    /// Sends an application message of at most [`MAX_APP`] bytes to all peers.
    pub fn broadcast(&self, bytes: &[u8]) -> Result<(), Error> {
        let frame = framed(bytes)?;
        self.inner.push_all(&frame);
        Ok(())
    }

    /// Gives application messages to `listener`: first those that came before, then each as it arrives. It is called
    /// by one thread a peer at a time, so from several at once, also by those that [`Control::glance`], and should not
    /// take long: it delays its own peer's messages.
    pub fn listen(&self, listener: Listener) {
        let mut app = self.inner.app();
        for (from, bytes) in std::mem::take(&mut app.kept) {
            listener(from, &bytes);
        }
        app.kept_bytes = 0;
        app.listener = Some(listener);
    }

    /// Takes the application messages that have come, without waiting; for who has other work between two looks. Until
    /// it says that it will not look again for a while, with [`Control::leave`], no other thread is woken by what comes.
    pub fn glance(&self) {
        for (q, peer) in self.inner.peers() {
            peer.ear.glance(|bytes| {
                // Too much is kept for a listener that is not there.
                if let Err(why) = self.inner.deliver(q, bytes) {
                    self.inner.lost(q, why);
                }
            });
        }
    }

    /// Who glanced is about to wait.
    pub fn leave(&self) {
        self.inner.peers().for_each(|(_, peer)| peer.ear.leave());
    }

    /// Asks all peers to drain.
    pub fn drain(&self) {
        self.inner.push_all(&Message::Drain.encode().into());
    }

    /// Says *bye* to all peers and waits until each has said it too, or is lost.
    pub fn finish(&self) {
        let bye: Arc<[u8]> = Message::Bye.encode().into();
        for (_, peer) in self.inner.peers() {
            {
                // In one step: the writer must not leave between the two, nor the peer's end arrive.
                let mut out = peer.out();
                out.bytes += bye.len();
                out.queue.push_back(Arc::clone(&bye));
                out.bye_said = true;
            }
            peer.changed.notify_all();
        }
        for (_, peer) in self.inner.peers() {
            let mut out = peer.out();
            while !out.gone {
                out = peer.changed.wait(out).unwrap_or_else(PoisonError::into_inner);
            }
        }
    }

    /// A function that tells all peers of a failure (culprit, `None` for this process) and waits, at most `limit` in
    /// all, until it is on its way. It holds nothing alive.
    pub fn teller(&self, limit: Duration) -> impl Fn(Option<usize>, &str) + Send + Sync + 'static {
        let inner = Arc::downgrade(&self.inner);
        move |culprit, text| {
            let Some(inner) = inner.upgrade() else { return };
            let culprit = culprit.unwrap_or(inner.process) as u32;
            inner.push_all(&Message::Failed { culprit, text: text.to_string() }.encode().into());
            inner.flush(Instant::now() + limit);
        }
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        *self.inner.stop.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.inner.stopped.notify_all();
        for (_, peer) in self.inner.peers() {
            {
                let mut out = peer.out();
                (out.reported, out.broken) = (true, true);
            }
            // An orderly end has closed it already.
            let _ = peer.stream.shutdown(Shutdown::Both);
            peer.changed.notify_all();
        }
    }
}

fn framed(bytes: &[u8]) -> Result<Arc<[u8]>, Error> {
    if bytes.len() > MAX_APP {
        let text = format!("a message between processes has {} bytes, {MAX_APP} are allowed", bytes.len());
        return Err(Error::new(crate::error::Kind::Bug, "cluster.message", text));
    }
    Ok(app_frame(bytes).into())
}

fn spawn(name: String, body: impl FnOnce() + Send + 'static) -> Result<(), Error> {
    match thread::Builder::new().name(name).spawn(body) {
        Ok(_) => Ok(()),
        Err(e) => Err(Error::outside("cluster.start", format!("the system gives no thread: {e}"))),
    }
}

impl Inner {
    fn peers(&self) -> impl Iterator<Item = (usize, &Peer)> {
        self.peers.iter().enumerate().filter_map(|(q, p)| p.as_ref().map(|p| (q, p)))
    }

    fn app(&self) -> MutexGuard<'_, App> {
        self.app.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push_all(&self, frame: &Arc<[u8]>) {
        for (q, _) in self.peers() {
            self.push(q, Arc::clone(frame));
        }
    }

    fn push(&self, to: usize, frame: Arc<[u8]>) {
        let Some(Some(peer)) = self.peers.get(to) else { return };
        let full = {
            let mut out = peer.out();
            if out.broken || out.gone {
                return;
            }
            // One frame always has a place, so that the news of a failure does not fail by its own length.
            let full = !out.queue.is_empty() && out.bytes + frame.len() > MAX_QUEUE;
            if full {
                out.broken = true;
                (out.bytes, out.queue) = (0, VecDeque::new());
            } else {
                let Some(rest) = peer.send_now(&out, frame) else { return };
                out.bytes += rest.len();
                out.queue.push_back(rest);
            }
            full
        };
        peer.changed.notify_all();
        if full {
            self.lost(to, format!("does not take its messages: more than {MAX_QUEUE} bytes wait for it"));
        }
    }

    /// Reports the peer, unless it was reported or both ends have said bye.
    fn lost(&self, q: usize, why: String) {
        let Some(Some(peer)) = self.peers.get(q) else { return };
        {
            let mut out = peer.out();
            // A bye that could not be written is none.
            if out.reported || (out.both_bye() && !out.broken) {
                return;
            }
            out.reported = true;
        }
        (self.news)(News::Lost(q, why));
    }

    fn flush(&self, until: Instant) {
        for (_, peer) in self.peers() {
            let left = until.saturating_duration_since(Instant::now());
            let busy = |out: &mut Out| !out.broken && !out.gone && (out.writing || !out.queue.is_empty());
            drop(peer.changed.wait_timeout_while(peer.out(), left, busy));
        }
    }

    fn read(&self, q: usize, early: Vec<Message>) {
        let Some(Some(peer)) = self.peers.get(q) else { return };
        let why = self.hear(q, peer, early);
        self.lost(q, why);
        // After the news, so that `finish` returns only when the failure is known.
        peer.out().gone = true;
        peer.changed.notify_all();
    }

    /// Reads until the end, and says what the end was.
    fn hear(&self, q: usize, peer: &Peer, early: Vec<Message>) -> String {
        let (mut early, mut seen) = (early, 0);
        loop {
            let left = {
                let mut heard = peer.ear.hear();
                for message in early.drain(..) {
                    if let Err(why) = self.take(q, message) {
                        return why;
                    }
                }
                heard.open = true;
                loop {
                    match heard.inbox.take() {
                        Ok(None) => break,
                        Ok(Some(message)) => {
                            if let Err(why) = self.take(q, message) {
                                return why;
                            }
                        }
                        Err(_) => return "sent something that is no message".to_string(),
                    }
                }
                if let Some(why) = heard.end.take() {
                    return why;
                }
                self.peer_timeout.saturating_sub(heard.last.elapsed())
            };
            if left.is_zero() {
                return format!("stopped answering: nothing was heard for {} s", self.peer_timeout.as_secs_f64());
            }
            peer.ear.wait(&mut seen, left);
        }
    }

    fn take(&self, q: usize, message: Message) -> Result<(), String> {
        match message {
            Message::Ready(_) | Message::Heartbeat => {}
            Message::Bye => {
                if let Some(Some(peer)) = self.peers.get(q) {
                    peer.out().bye_heard = true;
                    peer.changed.notify_all();
                }
            }
            Message::Failed { culprit, text } => {
                if let Some(Some(peer)) = self.peers.get(q) {
                    peer.out().reported = true;
                }
                (self.news)(News::Failed { from: q, culprit: culprit as usize, text });
            }
            Message::Drain => (self.news)(News::Drain(q)),
            Message::App(bytes) => self.deliver(q, bytes)?,
        }
        Ok(())
    }

    fn deliver(&self, from: usize, bytes: Vec<u8>) -> Result<(), String> {
        let listener = {
            let mut app = self.app();
            match &app.listener {
                Some(listener) => Arc::clone(listener),
                None if app.kept_bytes + bytes.len() > MAX_KEPT => {
                    return Err(format!("sent more than {MAX_KEPT} bytes before this process was ready for them"));
                }
                None => {
                    // The fixed part pays for the places of very small messages.
                    app.kept_bytes += bytes.len() + 64;
                    app.kept.push_back((from, bytes));
                    return Ok(());
                }
            }
        };
        // Outside the lock: a message may be answered, and peers do not wait for each other.
        listener(from, &bytes);
        Ok(())
    }

    fn write(&self, q: usize) {
        let Some(Some(peer)) = self.peers.get(q) else { return };
        loop {
            let mut out = peer.out();
            while out.queue.is_empty() && !out.both_bye() && !out.gone && !out.broken {
                out = peer.changed.wait(out).unwrap_or_else(PoisonError::into_inner);
            }
            // The peer's orderly end may be seen before this thread runs again; our own half is still to be closed.
            if out.broken || (out.gone && !out.both_bye()) {
                return;
            }
            let Some(frame) = out.queue.pop_front() else { break };
            out.bytes -= frame.len();
            out.writing = true;
            drop(out);
            let result = (&peer.stream).write_all(&frame);
            let mut out = peer.out();
            out.writing = false;
            out.broken |= result.is_err();
            drop(out);
            peer.changed.notify_all();
            if let Err(e) = result {
                return self.broken(q, peer, &e);
            }
        }
        // Both have said bye and all is written: the other end may stop listening. Its own end makes `read` return.
        let _ = peer.stream.shutdown(Shutdown::Write);
    }

    fn broken(&self, q: usize, peer: &Peer, e: &io::Error) {
        if !matches!(e.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) {
            // The peer has closed; its last words may still be unread, and they say more than we know here.
            drop(peer.changed.wait_timeout_while(peer.out(), GRACE, |out| !out.gone && !out.reported));
        }
        self.lost(q, format!("does not take its messages ({e})"));
    }

    fn beat(&self) {
        let beat: Arc<[u8]> = Message::Heartbeat.encode().into();
        let pause = HEARTBEAT.min(self.peer_timeout / 4);
        loop {
            for (q, peer) in self.peers() {
                let quiet = {
                    let out = peer.out();
                    out.queue.is_empty() && !out.writing && !out.both_bye()
                };
                if quiet {
                    self.push(q, Arc::clone(&beat));
                }
            }
            let stop = self.stop.lock().unwrap_or_else(PoisonError::into_inner);
            let (stop, _) =
                self.stopped.wait_timeout_while(stop, pause, |s| !*s).unwrap_or_else(PoisonError::into_inner);
            if *stop {
                return;
            }
        }
    }
}
