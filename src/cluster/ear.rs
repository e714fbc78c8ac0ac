//! The listening end of a control connection: a thread that waits on it, and workers that look in on their way.
//!
//! A message that wakes a thread costs two switches, and where every CPU has work it is a worker that must give way. So
//! a worker that is busy looks for itself, without waiting, at each of its turns ([`Ear::glance`]). While workers do, the
//! connection is *attended*: the thread naps, and looks each [`NAP`] whether that is still so. A worker that is about to
//! wait says so ([`Ear::leave`]), and the thread waits on the connection again.
//!
//! Invariants: 1. messages are taken in the order they came, whoever takes them: both hold [`Heard`]. 2. Nobody looks in
//! who could take what the thread waits for: only while the connection is attended. 3. What a worker takes are messages
//! of the application; it leaves everything else to the thread, and wakes it. 4. What came is taken after [`NAP`] at the
//! latest, whatever the workers do.

use super::message::{Inbox, Message, Next};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{RecvFlags, recv};
use std::net::TcpStream;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError, TryLockError};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

/// How long the thread leaves an attended connection to the workers.
pub(super) const NAP: Duration = Duration::from_millis(4);
/// Bytes that are taken at once.
const PIECE: usize = 16 << 10;

/// The listening end of one connection.
#[derive(Debug)]
pub(super) struct Ear {
    stream: TcpStream,
    heard: Mutex<Heard>,
    /// How often a worker has looked in, or would have.
    glances: AtomicU64,
    /// The thread naps, or is about to.
    attended: AtomicBool,
    /// A worker waits since: no nap.
    left: AtomicBool,
    thread: OnceLock<Thread>,
    nap: Duration,
}

/// What has arrived.
#[derive(Debug)]
pub(super) struct Heard {
    /// Bytes that nobody has taken.
    pub(super) inbox: Inbox,
    /// What came before anyone listened is taken; until then only the thread takes anything.
    pub(super) open: bool,
    /// When something was last heard.
    pub(super) last: Instant,
    /// Nothing more will arrive, and why.
    pub(super) end: Option<String>,
    piece: Vec<u8>,
}

impl Ear {
    /// The end of `stream`, where `inbox` has arrived already; `nap`: [`NAP`].
    pub(super) fn new(stream: TcpStream, inbox: Inbox, nap: Duration) -> Self {
        let heard = Heard { inbox, open: false, last: Instant::now(), end: None, piece: vec![0; PIECE] };
        Self {
            stream,
            heard: Mutex::new(heard),
            glances: AtomicU64::new(0),
            attended: AtomicBool::new(false),
            left: AtomicBool::new(false),
            thread: OnceLock::new(),
            nap,
        }
    }

    /// What has arrived, with all that the system has of it; for the thread.
    pub(super) fn hear(&self) -> MutexGuard<'_, Heard> {
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.read(&self.stream);
        heard
    }

    /// Waits until something may have arrived, or for `limit`. `seen`: the glances of the last time. Called by one
    /// thread only.
    pub(super) fn wait(&self, seen: &mut u64, limit: Duration) {
        self.thread.get_or_init(thread::current);
        let glances = self.glances.load(Ordering::SeqCst);
        if glances != std::mem::replace(seen, glances) {
            self.attended.store(true, Ordering::SeqCst);
            // Whoever leaves from here on sees that the thread is to be woken.
            let left = self.left.swap(false, Ordering::SeqCst);
            if !left {
                thread::park_timeout(self.nap.min(limit));
            }
            self.attended.store(false, Ordering::SeqCst);
            if !left {
                return;
            }
        }
        let limit = Timespec::try_from(limit.max(Duration::from_millis(1))).ok();
        // An error is a signal that came in between: who waits looks at the connection in any case.
        let _ = poll(&mut [PollFd::new(&self.stream, PollFlags::IN)], limit.as_ref());
    }

    /// Looks whether messages of the application have come, and hands them to `take`; never waits.
    pub(super) fn glance(&self, mut take: impl FnMut(Vec<u8>)) {
        self.glances.fetch_add(1, Ordering::SeqCst);
        if !self.attended.load(Ordering::SeqCst) {
            return;
        }
        let mut heard = match self.heard.try_lock() {
            Ok(heard) => heard,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            // Another one is looking.
            Err(TryLockError::WouldBlock) => return,
        };
        // It may have gone to wait in the meantime, and would not hear of what is taken here.
        if !heard.open || !self.attended.load(Ordering::SeqCst) {
            return;
        }
        heard.read(&self.stream);
        loop {
            match heard.inbox.next() {
                Next::App => match heard.inbox.take() {
                    Ok(Some(Message::App(bytes))) => take(bytes),
                    _ => break,
                },
                Next::Part if heard.end.is_none() => return,
                Next::Part | Next::Other => break,
            }
        }
        self.wake();
    }

    /// This worker is about to wait: the thread is to hear what comes.
    pub(super) fn leave(&self) {
        self.left.store(true, Ordering::SeqCst);
        if self.attended.load(Ordering::SeqCst) {
            self.wake();
        }
    }

    fn wake(&self) {
        if let Some(thread) = self.thread.get() {
            thread.unpark();
        }
    }
}

impl Heard {
    /// Takes all that has arrived, without waiting.
    fn read(&mut self, stream: &TcpStream) {
        while self.end.is_none() {
            match recv(stream, &mut self.piece[..], RecvFlags::DONTWAIT) {
                Ok((_, 0)) => self.end = Some("closed the connection".to_string()),
                Ok((_, n)) => {
                    self.inbox.push(&self.piece[..n]);
                    self.last = Instant::now();
                    if n < self.piece.len() {
                        return;
                    }
                }
                Err(Errno::INTR) => {}
                Err(e) if e == Errno::AGAIN || e == Errno::WOULDBLOCK => return,
                Err(e) => self.end = Some(format!("closed the connection ({e})")),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::net::TcpListener;
    use std::sync::{Arc, mpsc};

    /// Longer than anything here takes on a machine that works.
    const LONG: Duration = Duration::from_secs(30);
    /// Longer than anybody waits for the thread here.
    const NEVER: Duration = Duration::from_secs(3_600);

    /// An ear with a thread that does what the control plane's does, what that takes, and the speaker.
    fn listening(nap: Duration) -> (Arc<Ear>, mpsc::Receiver<Message>, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let speaker = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let ear = Arc::new(Ear::new(listener.accept().unwrap().0, Inbox::default(), nap));
        let (heard, takes) = (Arc::clone(&ear), mpsc::channel());
        thread::spawn(move || {
            let mut seen = 0;
            loop {
                let mut now = heard.hear();
                now.open = true;
                while let Ok(Some(message)) = now.inbox.take() {
                    takes.0.send(message).unwrap();
                }
                if now.end.is_some() {
                    return;
                }
                drop(now);
                heard.wait(&mut seen, NEVER);
            }
        });
        (ear, takes.1, speaker)
    }

    fn app(text: &str) -> Message {
        Message::App(text.as_bytes().to_vec())
    }

    fn say(speaker: &mut TcpStream, messages: &[Message]) {
        speaker.write_all(&messages.iter().flat_map(Message::encode).collect::<Vec<u8>>()).unwrap();
    }

    /// Glances until that gives something.
    fn glanced(ear: &Ear) -> Message {
        let mut got = Vec::new();
        while got.is_empty() {
            ear.glance(|bytes| got.push(Message::App(bytes)));
            thread::yield_now();
        }
        assert_eq!(got.len(), 1);
        got.remove(0)
    }

    /// Glances, and speaks, until the thread naps.
    fn attend(ear: &Ear, taken: &mpsc::Receiver<Message>, speaker: &mut TcpStream) {
        while !ear.attended.load(Ordering::SeqCst) {
            let mut came = 0;
            ear.glance(|_| came += 1);
            say(speaker, &[app("wake up")]);
            while came + taken.try_iter().count() == 0 {
                ear.glance(|_| came += 1);
                thread::yield_now();
            }
        }
    }

    #[test]
    fn what_comes_is_taken_by_who_glances_and_by_the_thread_where_it_is_for_that_or_nobody_will_glance() {
        // No nap ends by itself.
        let (ear, taken, mut speaker) = listening(NEVER);
        let next = || taken.recv_timeout(LONG).unwrap();
        say(&mut speaker, &[app("first")]);
        assert_eq!(next(), app("first"), "nobody has glanced");
        attend(&ear, &taken, &mut speaker);
        say(&mut speaker, &[app("second")]);
        assert_eq!(glanced(&ear), app("second"));
        // What is not for a worker wakes the thread, and what is behind it is the thread's too.
        say(&mut speaker, &[app("third"), Message::Drain, app("fourth")]);
        assert_eq!(glanced(&ear), app("third"));
        assert_eq!([next(), next()], [Message::Drain, app("fourth")]);
        say(&mut speaker, &[app("fifth")]);
        assert_eq!(glanced(&ear), app("fifth"));
        // Part of a message is left until the rest is there.
        let whole = app("sixth").encode();
        speaker.write_all(&whole[..7]).unwrap();
        for _ in 0..100 {
            ear.glance(|_| panic!("no whole message"));
        }
        speaker.write_all(&whole[7..]).unwrap();
        assert_eq!(glanced(&ear), app("sixth"));
        ear.leave();
        say(&mut speaker, &[app("seventh")]);
        assert_eq!(next(), app("seventh"));
    }

    #[test]
    fn an_end_that_is_seen_at_a_glance_is_the_thread_s() {
        let (ear, taken, mut speaker) = listening(NEVER);
        attend(&ear, &taken, &mut speaker);
        say(&mut speaker, &[app("last")]);
        assert_eq!(glanced(&ear), app("last"));
        drop(speaker);
        // The channel ends with the thread.
        while !matches!(taken.try_recv(), Err(mpsc::TryRecvError::Disconnected)) {
            ear.glance(|_| panic!("nothing more was said"));
            thread::yield_now();
        }
    }

    #[test]
    fn what_comes_when_nobody_glances_any_more_is_heard_after_the_nap() {
        let (ear, taken, mut speaker) = listening(Duration::from_millis(1));
        for n in 0..20 {
            ear.glance(|_| panic!("the thread was not asked to nap"));
            say(&mut speaker, &[app(&n.to_string())]);
            assert_eq!(taken.recv_timeout(LONG).unwrap(), app(&n.to_string()));
            say(&mut speaker, &[app("unseen")]);
            assert_eq!(taken.recv_timeout(LONG).unwrap(), app("unseen"));
            // Until it waits on the connection again.
            while ear.attended.load(Ordering::SeqCst) {
                thread::yield_now();
            }
        }
    }
}
