//! What a worker, a source or a signal handler asks of the cluster, turned into control messages.
//!
//! A [`Handle`] is cheap to clone and may be used from any thread. With one process it works the same and says nothing
//! to anyone.

use super::control::Control;
use super::counter::Counter;
use super::data::Gathering;
use super::fate::Fate;
use crate::error::Error;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// The way from the application to the cluster.
#[derive(Clone)]
pub struct Handle {
    control: Arc<Control>,
    fate: Arc<Fate>,
    drain: Arc<Drain>,
    processes: usize,
    process: usize,
    workers: usize,
    run: [u8; 16],
    counters: Arc<Mutex<Vec<Counter>>>,
    gathering: Arc<Gathering>,
}

impl Handle {
    pub(super) fn new(
        control: Arc<Control>,
        fate: Arc<Fate>,
        drain: Arc<Drain>,
        (topology, run): (&super::topology::Topology, [u8; 16]),
        (counters, gathering): (Vec<Counter>, Arc<Gathering>),
    ) -> Self {
        let (processes, process, workers) = (topology.processes, topology.process, topology.workers);
        let counters = Arc::new(Mutex::new(counters));
        Self { control, fate, drain, processes, process, workers, run, counters, gathering }
    }

    /// How many processes there are.
    pub fn processes(&self) -> usize {
        self.processes
    }

    /// Which process this is.
    pub fn process(&self) -> usize {
        self.process
    }

    /// Workers per process.
    pub fn workers(&self) -> usize {
        self.workers
    }

    /// What all processes of this run have in common, and no other run has.
    pub fn run(&self) -> [u8; 16] {
        self.run
    }

    /// What all processes count with, for the first who asks: as many as the topology says, or none, in all processes
    /// alike.
    pub fn counters(&self) -> Vec<Counter> {
        std::mem::take(&mut *self.counters.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Sends bytes to another process; see [`Control::send`].
    pub fn send(&self, to: usize, bytes: &[u8]) -> Result<(), Error> {
        self.control.send(to, bytes)
    }

    /// Sends bytes to all other processes; see [`Control::broadcast`].
    pub fn broadcast(&self, bytes: &[u8]) -> Result<(), Error> {
        self.control.broadcast(bytes)
    }

    /// Takes what other processes have sent, without waiting; see [`Control::glance`]. For a worker that has work: what it
    /// tells others of its progress may be gathered for some milliseconds, until it says that it waits.
    pub fn glance(&self) {
        self.gathering.busy();
        self.control.glance();
    }

    /// Who glanced is about to wait; see [`Control::leave`].
    pub fn leave(&self) {
        self.control.leave();
        self.gathering.idle();
    }

    /// Sets who gets the bytes that other processes send; see [`Control::listen`]. What came before is kept for it.
    pub fn on_app(&self, listener: impl Fn(usize, &[u8]) + Send + Sync + 'static) {
        self.control.listen(Arc::new(listener));
    }

    /// Asks this process and all others to finish what was read and read no more.
    pub fn request_drain(&self) {
        if self.drain.set() {
            self.control.drain();
        }
    }

    /// True once this or another process has asked for a drain.
    pub fn draining(&self) -> bool {
        self.drain.asked.load(Ordering::Acquire)
    }

    /// Calls `callback` once when a drain is asked for, at once where it was asked for before.
    pub fn on_drain(&self, callback: impl FnOnce() + Send + 'static) {
        self.drain.add(Box::new(callback));
    }

    /// Ends the whole computation with `error`, this process with its exit code. See [`Fate::fail`].
    pub fn fail(&self, error: Error) {
        self.fate.fail(error);
    }

    /// The first failure, if there was one; of use only where the end does not end the process.
    pub fn verdict(&self) -> Option<Error> {
        self.fate.verdict()
    }
}

/// Whether a drain was asked for, and who wants to know.
#[derive(Default)]
pub(super) struct Drain {
    asked: AtomicBool,
    waiting: Mutex<Vec<Box<dyn FnOnce() + Send>>>,
}

impl Drain {
    /// True for the first who asks.
    pub(super) fn set(&self) -> bool {
        let waiting = {
            let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            if self.asked.swap(true, Ordering::AcqRel) {
                return false;
            }
            std::mem::take(&mut *waiting)
        };
        for callback in waiting {
            callback();
        }
        true
    }

    fn add(&self, callback: Box<dyn FnOnce() + Send>) {
        {
            let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
            if !self.asked.load(Ordering::Acquire) {
                waiting.push(callback);
                return;
            }
        }
        callback();
    }
}
