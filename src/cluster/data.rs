//! Data connections as timely's threads use them: many small messages become few.
//!
//! Each step of a worker can tell the others how far it has come, and each such message wakes a thread at either end and
//! the worker behind it. Where workers are busy that costs more than the message is worth, so messages that follow each
//! other closely go together then: a connection that has been quiet sends at once, and [`BURST`] times so; then one message
//! each [`PAUSE`] is enough, with all that has come together in between. As soon as a worker waits all goes at once: others
//! may wait for it.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};
use timely::communication::allocator::zero_copy::stream::Stream;

/// The time between two messages on a connection that is always busy, on average.
const PAUSE: Duration = Duration::from_millis(8);
/// How many may follow each other at once before that.
const BURST: u32 = 8;

/// When the next message may go: a bucket of [`BURST`] that fills by one each [`PAUSE`].
#[derive(Debug, Clone, Copy)]
struct Pacer {
    /// When the bucket is full again.
    full: Instant,
}

impl Pacer {
    fn new(now: Instant) -> Self {
        Self { full: now }
    }

    /// A message went at `now`: how long to gather before the next.
    fn sent(&mut self, now: Instant) -> Duration {
        self.full = self.full.max(now) + PAUSE;
        self.full.saturating_duration_since(now).saturating_sub(PAUSE * BURST)
    }
}

/// Whether the workers of this process are busy, which is when messages are gathered.
#[derive(Debug, Default)]
pub(super) struct Gathering {
    busy: AtomicBool,
    lock: Mutex<()>,
    idle: Condvar,
}

impl Gathering {
    /// A worker goes on without waiting.
    pub(super) fn busy(&self) {
        // Most often it is known; then this is a look.
        if !self.busy.load(Ordering::Relaxed) {
            self.busy.store(true, Ordering::SeqCst);
        }
    }

    /// A worker is about to wait.
    pub(super) fn idle(&self) {
        if self.busy.swap(false, Ordering::SeqCst) {
            // Under the lock: who is about to gather must not miss it.
            let _lock = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
            self.idle.notify_all();
        }
    }

    /// Waits for `pause`, or until a worker is idle; true where one is.
    fn gather(&self, pause: Duration) -> bool {
        let lock = self.lock.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.idle.wait_timeout_while(lock, pause, |()| self.busy.load(Ordering::SeqCst));
        !waited.unwrap_or_else(PoisonError::into_inner).1.timed_out()
    }
}

/// A data connection. Only the thread that writes ever gathers.
#[derive(Debug)]
pub(super) struct DataStream {
    stream: TcpStream,
    pacer: Pacer,
    gathering: Arc<Gathering>,
    /// Something was written since it was last flushed.
    wrote: bool,
}

impl DataStream {
    pub(super) fn new(stream: TcpStream, gathering: &Arc<Gathering>) -> Self {
        Self { stream, pacer: Pacer::new(Instant::now()), gathering: Arc::clone(gathering), wrote: false }
    }
}

impl Read for DataStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.read(buffer)
    }
}

impl Write for DataStream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.wrote = true;
        self.stream.write(bytes)
    }

    /// Called when all is written that there is; gathers then.
    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()?;
        if std::mem::take(&mut self.wrote) {
            let pause = self.pacer.sent(Instant::now());
            if !pause.is_zero() {
                self.gathering.gather(pause);
            }
        }
        Ok(())
    }
}

impl Stream for DataStream {
    fn try_clone(&self) -> io::Result<Self> {
        Ok(Self::new(self.stream.try_clone()?, &self.gathering))
    }

    fn set_nonblocking(&self, nonblocking: bool) -> io::Result<()> {
        self.stream.set_nonblocking(nonblocking)
    }

    fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.stream.shutdown(how)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;
    use std::thread;

    #[test]
    fn a_quiet_connection_sends_at_once_and_a_busy_one_once_a_pause() {
        let start = Instant::now();
        let mut pacer = Pacer::new(start);
        let at = |n: u32| start + PAUSE * n;
        for _ in 0..BURST {
            assert_eq!(pacer.sent(start), Duration::ZERO);
        }
        // The bucket is empty: each waits until there is one in it again.
        let mut now = start;
        for n in 1..50 {
            let pause = pacer.sent(now);
            now += pause;
            assert_eq!(now, at(n));
        }
        // It fills while nothing is sent, and never holds more than a burst.
        now += PAUSE * 1_000;
        let free = (0..100).take_while(|_| pacer.sent(now).is_zero()).count();
        assert_eq!(free, BURST as usize);
    }

    #[test]
    fn nobody_gathers_when_workers_wait_or_once_one_does() {
        let gathering = Arc::new(Gathering::default());
        let long = Duration::from_secs(3_600);
        assert!(gathering.gather(long), "nobody was busy");
        // Many times: a worker may wait before the thread gathers, and after.
        for _ in 0..100 {
            gathering.busy();
            let (tells, told) = mpsc::channel();
            let threads = Arc::clone(&gathering);
            thread::spawn(move || {
                tells.send(true).unwrap();
                tells.send(threads.gather(long)).unwrap();
            });
            assert!(told.recv().unwrap());
            (0..100).for_each(|_| thread::yield_now());
            gathering.idle();
            assert!(told.recv_timeout(Duration::from_secs(30)).expect("it is woken"));
        }
        gathering.busy();
        assert!(!gathering.gather(Duration::from_millis(1)));
    }
}
