//! Batches of rows, turned into calls of a sink on a thread of its own, through a queue that is bounded in bytes.
//!
//! Invariants:
//! 1. No call but [`SinkHandle::finish`] waits for the sink. A batch that finds no room is given back; the `wake`
//!    callback then says when to try again.
//! 2. The backlog (what is queued and what the sink has in hand) is at most the limit and one batch.
//! 3. After the sink's first error it is not called again. The error is there to be read at once
//!    ([`SinkHandle::failed`]), `wake` is called, later batches are taken and dropped, and `finish` returns the error.
//! 4. A handle that is dropped without `finish` ends the sink without finishing it: files do not appear.
//!
//! Cost: one lock a batch; empty batches come back through [`SinkHandle::spare`] with their allocations.

use super::{Finished, Sink, Written};
use crate::error::{Error, Kind, panic_text};
use crate::result::{RowBatch, RowHead};
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

/// How many empty batches are kept for re-use.
const SPARES: usize = 8;

enum Job {
    Rows(RowBatch, usize),
    Flush,
}

#[derive(Default)]
struct State {
    jobs: VecDeque<Job>,
    spares: Vec<RowBatch>,
    /// A batch was given back since the last `wake`.
    refused: bool,
    /// No batch follows.
    closed: bool,
    /// The handle is gone: stop, do not finish.
    abandoned: bool,
    error: Option<Error>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    work: Condvar,
    backlog: AtomicUsize,
    failed: AtomicBool,
    rows: AtomicU64,
    bytes: AtomicU64,
}

impl Shared {
    /// The state. A panic while it was locked cannot leave it half changed: no code of others runs under the lock.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The dataflow's end of a sink that runs on a thread of its own.
pub struct SinkHandle {
    shared: Arc<Shared>,
    limit: usize,
    thread: Option<JoinHandle<Option<Finished>>>,
}

/// What a batch weighs in the queue.
fn weight(batch: &RowBatch) -> usize {
    64 + batch.bytes.len() + batch.heads.len() * size_of::<RowHead>()
}

impl SinkHandle {
    /// Starts the thread of a sink. `limit` bounds the backlog in bytes; `wake` is called from the sink's thread when
    /// there is room again after a batch was given back, and when the sink failed.
    ///
    /// # Errors
    /// `sink.open` where the system gives no thread.
    pub fn start(
        name: &str,
        sink: Box<dyn Sink>,
        limit: usize,
        wake: impl Fn() + Send + 'static,
    ) -> Result<Self, Error> {
        let shared = Arc::new(Shared::default());
        let inside = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name(format!("sink {}", name.replace('\0', "_")))
            .spawn(move || run(sink, &inside, limit, &wake))
            .map_err(|e| Error::outside("sink.open", format!("cannot start the thread of sink '{name}': {e}")))?;
        Ok(Self { shared, limit, thread: Some(thread) })
    }

    /// Queues a batch for the sink.
    ///
    /// # Errors
    /// Gives the batch back where there is no room; `wake` says when to try again.
    pub fn try_push(&self, batch: RowBatch) -> Result<(), RowBatch> {
        let mut state = self.shared.lock();
        if state.error.is_some() {
            keep(&mut state, batch, self.limit);
            return Ok(());
        }
        let weight = weight(&batch);
        let backlog = self.shared.backlog.load(Ordering::Relaxed);
        if backlog > 0 && backlog + weight > self.limit {
            state.refused = true;
            return Err(batch);
        }
        self.shared.backlog.fetch_add(weight, Ordering::Relaxed);
        state.jobs.push_back(Job::Rows(batch, weight));
        drop(state);
        self.shared.work.notify_one();
        Ok(())
    }

    /// Asks the sink to make visible all that was queued so far; called at ticks. Takes no room.
    pub fn flush(&self) {
        let mut state = self.shared.lock();
        if state.error.is_none() && !matches!(state.jobs.back(), Some(Job::Flush)) {
            state.jobs.push_back(Job::Flush);
            drop(state);
            self.shared.work.notify_one();
        }
    }

    /// An empty batch, with the allocations of one that was written where there is one.
    pub fn spare(&self) -> RowBatch {
        self.shared.lock().spares.pop().unwrap_or_default()
    }

    /// Bytes that are queued or that the sink has in hand.
    pub fn backlog_bytes(&self) -> usize {
        self.shared.backlog.load(Ordering::Relaxed)
    }

    /// What the sink has taken so far.
    pub fn written(&self) -> Written {
        let shared = &self.shared;
        Written { rows: shared.rows.load(Ordering::Relaxed), bytes: shared.bytes.load(Ordering::Relaxed) }
    }

    /// The sink's error, where it failed.
    pub fn failed(&self) -> Option<Error> {
        if !self.shared.failed.load(Ordering::Acquire) {
            return None;
        }
        self.shared.lock().error.clone()
    }

    /// Waits until all that was queued is written, and finishes the sink.
    ///
    /// # Errors
    /// The sink's first error, also where [`SinkHandle::failed`] gave it before.
    pub fn finish(mut self) -> Result<Finished, Error> {
        self.shared.lock().closed = true;
        self.shared.work.notify_one();
        let finished = self.thread.take().and_then(|t| t.join().ok()).flatten();
        match (finished, self.shared.lock().error.take()) {
            (_, Some(error)) => Err(error),
            (Some(finished), None) => Ok(finished),
            (None, None) => Err(Error::new(Kind::Bug, "sink.panic", "the thread of a sink ended by itself")),
        }
    }
}

impl Drop for SinkHandle {
    fn drop(&mut self) {
        // Not joined: a sink that hangs in a write must not hang a run that is being given up.
        self.shared.lock().abandoned = true;
        self.shared.work.notify_one();
    }
}

/// Keeps a batch for re-use, unless it is larger than the queue or there are enough.
fn keep(state: &mut State, mut batch: RowBatch, limit: usize) {
    if state.spares.len() < SPARES && batch.bytes.capacity() <= limit {
        batch.clear();
        state.spares.push(batch);
    }
}

/// The thread of a sink.
fn run(mut sink: Box<dyn Sink>, shared: &Shared, limit: usize, wake: &dyn Fn()) -> Option<Finished> {
    loop {
        let job = {
            let mut state = shared.lock();
            loop {
                if state.abandoned {
                    return None;
                }
                if let Some(job) = state.jobs.pop_front() {
                    break Some(job);
                }
                if state.closed {
                    break None;
                }
                state = shared.work.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
        };
        let last = job.is_none();
        let mut finished = None;
        let outcome = guarded(|| {
            match &job {
                Some(Job::Rows(batch, _)) => sink.write(batch)?,
                Some(Job::Flush) => sink.flush()?,
                None => finished = Some(sink.finish()?),
            }
            Ok(sink.written())
        });
        let woken = {
            let mut state = shared.lock();
            if let Some(Job::Rows(batch, weight)) = job {
                shared.backlog.fetch_sub(weight, Ordering::Relaxed);
                keep(&mut state, batch, limit);
            }
            match outcome {
                Ok(Written { rows, bytes }) => {
                    shared.rows.store(rows, Ordering::Relaxed);
                    shared.bytes.store(bytes, Ordering::Relaxed);
                    let room = shared.backlog.load(Ordering::Relaxed) <= limit / 2;
                    room && std::mem::take(&mut state.refused)
                }
                Err(error) => {
                    state.error = Some(error);
                    state.jobs.clear();
                    shared.backlog.store(0, Ordering::Relaxed);
                    shared.failed.store(true, Ordering::Release);
                    drop(state);
                    wake();
                    return None;
                }
            }
        };
        if woken {
            wake();
        }
        if last {
            return finished;
        }
    }
}

/// Calls the sink; a panic becomes an error, so that the run can say what happened.
fn guarded<T>(call: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    catch_unwind(AssertUnwindSafe(call)).unwrap_or_else(|cause| {
        Err(Error::new(Kind::Bug, "sink.panic", format!("a sink panicked: {}", panic_text(&*cause))))
    })
}

#[cfg(test)]
mod tests {
    use super::super::testing::{self, Failing, add, head, spec};
    use super::super::{Delivery, Format, SinkKind, is_closed, open};
    use super::*;
    use crate::event::Value;
    use std::sync::mpsc::{Receiver, Sender, channel};

    /// A sink whose writes wait for a permit each.
    struct Gated {
        permits: Receiver<()>,
        entered: Sender<()>,
        rows: u64,
    }

    impl Sink for Gated {
        fn write(&mut self, batch: &RowBatch) -> Result<(), Error> {
            let _ = self.entered.send(());
            let _ = self.permits.recv();
            self.rows += batch.heads.len() as u64;
            Ok(())
        }
        fn flush(&mut self) -> Result<(), Error> {
            Ok(())
        }
        fn finish(&mut self) -> Result<Finished, Error> {
            Ok(Finished { rows: self.rows, bytes: 0, places: vec![] })
        }
        fn promise(&self) -> Delivery {
            Delivery::AtLeastOnce
        }
        fn written(&self) -> Written {
            Written { rows: self.rows, bytes: 0 }
        }
    }

    fn rows(n: i64) -> RowBatch {
        let mut batch = RowBatch::default();
        for i in 0..n {
            add(&mut batch, head(1, 10 + i), &[Value::Str(b"api")], &[Value::Int(i)]);
        }
        batch
    }

    #[test]
    fn a_slow_sink_bounds_the_backlog_and_wakes_when_there_is_room() {
        let (permit, permits) = channel();
        let (entered, inside) = channel();
        let (wake, woken) = channel();
        let one = weight(&rows(10));
        let limit = 4 * one;
        let sink = Box::new(Gated { permits, entered, rows: 0 });
        let handle = SinkHandle::start("slow", sink, limit, move || wake.send(()).unwrap()).unwrap();
        handle.try_push(rows(10)).unwrap();
        inside.recv().unwrap();
        let taken = (0..100).take_while(|_| handle.try_push(rows(10)).is_ok()).count();
        assert_eq!((taken, handle.backlog_bytes()), (3, limit));
        // Two batches of four leave half of the room: only then is it worth to wake.
        permit.send(()).unwrap();
        inside.recv().unwrap();
        assert!(woken.try_recv().is_err());
        permit.send(()).unwrap();
        woken.recv().unwrap();
        assert!(handle.backlog_bytes() <= limit / 2);
        handle.try_push(rows(10)).unwrap();
        assert!(handle.spare().bytes.capacity() > 0, "a written batch comes back");
        drop(permit);
        assert_eq!(handle.finish().unwrap().rows, 50);
    }

    #[test]
    fn a_batch_larger_than_the_limit_passes_alone() {
        let out = testing::Shared::default();
        let sink = open(&spec(SinkKind::Stdout { format: Format::Json }), out.clone()).unwrap();
        let handle = SinkHandle::start("small", sink, 1, || {}).unwrap();
        handle.try_push(rows(10)).unwrap();
        handle.flush();
        assert_eq!(handle.finish().unwrap().rows, 10);
        assert_eq!(out.text().lines().count(), 10);
    }

    #[test]
    fn a_failing_writer_is_reported_once_and_not_asked_again() {
        for kind in [std::io::ErrorKind::StorageFull, std::io::ErrorKind::BrokenPipe] {
            let out = Failing { kind, calls: Default::default() };
            let sink = open(&spec(SinkKind::Stdout { format: Format::Json }), out.clone()).unwrap();
            let (wake, woken) = channel();
            let handle = SinkHandle::start("broken", sink, 1 << 20, move || wake.send(()).unwrap()).unwrap();
            assert_eq!(handle.failed(), None);
            handle.try_push(rows(3)).unwrap();
            handle.flush();
            woken.recv().unwrap();
            let error = handle.failed().unwrap();
            assert_eq!(is_closed(&error), kind == std::io::ErrorKind::BrokenPipe);
            for _ in 0..100 {
                handle.try_push(rows(3)).unwrap();
                handle.flush();
            }
            assert_eq!(handle.backlog_bytes(), 0);
            assert_eq!(handle.finish().unwrap_err(), error);
            assert_eq!(out.calls.load(Ordering::Relaxed), 1);
            assert!(woken.try_recv().is_err());
        }
    }

    #[test]
    fn a_dropped_handle_does_not_finish_the_file() {
        struct Watched(Box<dyn Sink>, Sender<()>);
        impl Sink for Watched {
            fn write(&mut self, batch: &RowBatch) -> Result<(), Error> {
                self.0.write(batch)
            }
            fn flush(&mut self) -> Result<(), Error> {
                self.0.flush()
            }
            fn finish(&mut self) -> Result<Finished, Error> {
                self.0.finish()
            }
            fn promise(&self) -> Delivery {
                self.0.promise()
            }
            fn written(&self) -> Written {
                self.0.written()
            }
        }
        impl Drop for Watched {
            fn drop(&mut self) {
                let _ = self.1.send(());
            }
        }
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("rows.csv");
        let kind = SinkKind::File { path: path.display().to_string(), format: Format::Csv };
        let (gone, end) = channel();
        let sink = Box::new(Watched(open(&spec(kind), std::io::sink()).unwrap(), gone));
        let handle = SinkHandle::start("file", sink, 1 << 20, || {}).unwrap();
        handle.try_push(rows(3)).unwrap();
        drop(handle);
        end.recv().unwrap();
        assert!(!path.exists());
        assert!(dir.path().join("rows.csv.part").exists());
    }

    #[test]
    fn a_panic_of_a_sink_is_an_error_of_ours() {
        struct Panics;
        impl Sink for Panics {
            fn write(&mut self, _: &RowBatch) -> Result<(), Error> {
                panic!("on purpose")
            }
            fn flush(&mut self) -> Result<(), Error> {
                Ok(())
            }
            fn finish(&mut self) -> Result<Finished, Error> {
                Ok(Finished::default())
            }
            fn promise(&self) -> Delivery {
                Delivery::AtLeastOnce
            }
            fn written(&self) -> Written {
                Written::default()
            }
        }
        let handle = SinkHandle::start("panics", Box::new(Panics), 1 << 20, || {}).unwrap();
        handle.try_push(rows(1)).unwrap();
        let error = handle.finish().unwrap_err();
        assert_eq!((error.kind, error.code), (Kind::Bug, "sink.panic"));
        assert!(error.message.contains("on purpose"));
    }
}
