//! Records of one kind, into requests of a thread of its own, through a bounded queue.
//!
//! Invariants:
//! 1. [`Lane::push`] waits for nobody. What finds no room is dropped.
//! 2. Each record ends in one way: it was sent, it failed (was refused, or tried too often), or it was dropped; and is counted once.
//! 3. At the end nothing is waited for longer than is said.
//! 4. That the receiver is away is said once, and once that it is back.

use crate::error::Error;
use crate::notify::Failure;
use crate::observe::TelemetryMetrics;
use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Records that may wait.
const ROOM: usize = 4096;
/// Records of one request.
const BATCH: usize = 512;
/// How long, beyond its time, the end of a request is waited for that is on its way when all is to end.
const GRACE: Duration = Duration::from_millis(200);
/// The longest wait that a receiver may ask for.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// Who takes records to their receiver.
pub(super) trait Carries<T>: Send {
    /// Takes some, within `timeout`; how many of them were not taken, and why.
    ///
    /// # Errors
    /// None were taken.
    fn carry(&mut self, records: &[T], timeout: Duration) -> Result<Option<(u64, String)>, Failure>;
}

/// How long is waited, and how often something is tried.
#[derive(Debug, Clone, Copy)]
pub(super) struct Tries {
    /// How long one request may take.
    pub(super) timeout: Duration,
    /// How long the first of several records waits for others.
    pub(super) gather: Duration,
    /// How often a request is made again.
    pub(super) retries: u32,
    /// How long before it is made again for the first time; then twice as long each time.
    pub(super) pause: Duration,
}

impl Default for Tries {
    fn default() -> Self {
        let (second, ten) = (Duration::from_secs(1), Duration::from_secs(10));
        Self { timeout: ten, gather: second, retries: 4, pause: second }
    }
}

struct State<T> {
    queue: VecDeque<T>,
    /// No record follows; by then all is over.
    end: Option<Instant>,
    ended: bool,
}

struct Shared<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
    counts: Arc<TelemetryMetrics>,
}

/// A queue and its thread.
pub(super) struct Lane<T>(Arc<Shared<T>>);

impl<T> Shared<T> {
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&'a self, state: MutexGuard<'a, State<T>>, time: Duration) -> MutexGuard<'a, State<T>> {
        self.changed.wait_timeout(state, time).unwrap_or_else(PoisonError::into_inner).0
    }

    fn dropped(&self, n: usize) {
        self.counts.dropped.add(n as u64);
        self.counts.waiting.add(-(n as i64));
    }
}

impl<T: Send + 'static> Lane<T> {
    /// Starts the thread.
    ///
    /// # Errors
    /// `observe.start` where the system gives none.
    pub(super) fn start(
        counts: Arc<TelemetryMetrics>,
        tries: Tries,
        carrier: impl Carries<T> + 'static,
    ) -> Result<Self, Error> {
        let state = Mutex::new(State { queue: VecDeque::new(), end: None, ended: false });
        let name = format!("otlp {}", counts.name);
        let shared = Arc::new(Shared { state, changed: Condvar::new(), counts });
        let inside = Arc::clone(&shared);
        std::thread::Builder::new().name(name).spawn(move || run(&inside, tries, carrier)).map_err(|error| {
            Error::outside("observe.start", format!("a thread that sends telemetry cannot be started: {error}"))
                .help("look at how many threads the system allows")
        })?;
        Ok(Self(shared))
    }

    /// Queues a record.
    pub(super) fn push(&self, record: T) {
        let mut state = self.0.lock();
        if state.queue.len() >= ROOM || state.end.is_some() {
            drop(state);
            self.0.counts.dropped.add(1);
            return;
        }
        state.queue.push_back(record);
        let wakes = matches!(state.queue.len(), 1 | BATCH);
        drop(state);
        self.0.counts.waiting.add(1);
        if wakes {
            self.0.changed.notify_all();
        }
    }

    /// Says that no record follows, and that all is to be over by `end`.
    pub(super) fn close(&self, end: Instant) {
        self.0.lock().end = Some(end);
        self.0.changed.notify_all();
    }

    /// Waits for the end that [`Lane::close`] has said.
    pub(super) fn finish(&self) {
        let mut state = self.0.lock();
        while !state.ended {
            let end = state.end.unwrap_or_else(Instant::now) + GRACE;
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            state = self.0.wait(state, left);
        }
        let left = state.queue.len();
        state.queue.clear();
        drop(state);
        self.0.dropped(left);
    }
}

/// The next records, when there are enough or the first has waited for long enough; none at the end.
fn gather<T>(shared: &Shared<T>, tries: &Tries) -> Vec<T> {
    let mut state = shared.lock();
    while state.queue.is_empty() {
        if state.end.is_some() {
            return Vec::new();
        }
        state = shared.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
    }
    let until = Instant::now() + tries.gather;
    while state.queue.len() < BATCH && state.end.is_none() {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            break;
        }
        state = shared.wait(state, left);
    }
    let n = state.queue.len().min(BATCH);
    state.queue.drain(..n).collect()
}

/// The thread of a lane.
fn run<T>(shared: &Shared<T>, tries: Tries, mut carrier: impl Carries<T>) {
    let mut voice = Voice { name: shared.counts.name.clone(), away: false, full: 0 };
    loop {
        let records = gather(shared, &tries);
        if records.is_empty() {
            break;
        }
        deliver(shared, &tries, &mut carrier, &records, &mut voice);
        voice.full(shared.counts.dropped.get());
    }
    shared.lock().ended = true;
    shared.changed.notify_all();
}

/// What was said of the receiver; what is so already is not said again. True where something is said.
struct Voice {
    name: String,
    away: bool,
    full: u64,
}

impl Voice {
    fn away(&mut self, reason: &str) -> bool {
        let new = !std::mem::replace(&mut self.away, true);
        if new {
            tracing::warn!(
                signal = self.name,
                reason,
                "the receiver of OpenTelemetry does not take what it is sent; it is tried again, and what finds no room is dropped"
            );
        }
        new
    }

    fn back(&mut self) -> bool {
        let new = std::mem::take(&mut self.away);
        if new {
            tracing::info!(signal = self.name, "the receiver of OpenTelemetry takes what it is sent again");
        }
        new
    }

    fn full(&mut self, dropped: u64) -> bool {
        let new = self.full == 0 && dropped > 0;
        if new {
            tracing::warn!(
                signal = self.name,
                "too much waits for the receiver of OpenTelemetry: some is dropped; the metric dropped counts it"
            );
        }
        self.full = dropped;
        new
    }
}

/// Tries until they are taken, refused, or tried too often.
fn deliver<T>(shared: &Shared<T>, tries: &Tries, carrier: &mut impl Carries<T>, records: &[T], voice: &mut Voice) {
    let (counts, all) = (&shared.counts, records.len() as u64);
    let mut made = 0;
    // The last try is one after the end was said.
    let (mut last, mut sent) = (false, 0);
    loop {
        let end = shared.lock().end;
        let left = end.map_or(Duration::MAX, |end| end.saturating_duration_since(Instant::now()));
        last |= end.is_some();
        if left.is_zero() {
            break;
        }
        if made > 0 {
            counts.retried.add(1);
        }
        made += 1;
        let after = match carrier.carry(records, tries.timeout.min(left)) {
            Ok(refused) => {
                voice.back();
                let (n, why) = refused.unwrap_or_default();
                if n > 0 {
                    voice.away(&why);
                }
                sent = all - n.min(all);
                break;
            }
            Err(Failure::Refused { reason }) => {
                voice.away(&reason);
                break;
            }
            Err(Failure::Again { reason, after }) => {
                voice.away(&reason);
                after
            }
        };
        if last || made > tries.retries {
            break;
        }
        let pause = tries.pause.saturating_mul(1 << (made - 1).min(8));
        let until = Instant::now() + after.map_or(pause, |after| after.max(pause)).min(LONGEST_WAIT);
        let mut state = shared.lock();
        while state.end.is_none() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            state = shared.wait(state, left);
        }
    }
    counts.sent.add(sent);
    counts.failed.add(all - sent);
    counts.waiting.add(-(records.len() as i64));
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::{Receiver, Sender, channel};

    #[test]
    fn what_is_so_already_is_not_said_again() {
        let mut voice = Voice { name: "logs".into(), away: false, full: 0 };
        assert_eq!(
            [voice.back(), voice.away("a"), voice.away("b"), voice.back(), voice.back()],
            [false, true, false, true, false]
        );
        assert!(voice.away("again"));
        assert_eq!([voice.full(0), voice.full(3), voice.full(5)], [false, true, false]);
    }

    /// Waits for what it is told to answer.
    struct Told {
        asked: Sender<usize>,
        answers: Receiver<Result<Option<(u64, String)>, Failure>>,
    }

    impl Carries<u32> for Told {
        fn carry(&mut self, records: &[u32], _: Duration) -> Result<Option<(u64, String)>, Failure> {
            let _ = self.asked.send(records.len());
            self.answers.recv().unwrap_or_else(|_| Err(Failure::again("gone")))
        }
    }

    type Answers = Sender<Result<Option<(u64, String)>, Failure>>;

    fn lane(retries: u32) -> (Lane<u32>, Answers, Receiver<usize>, Arc<TelemetryMetrics>) {
        let (answer, answers) = channel();
        let (asked, asks) = channel();
        let counts = Arc::new(TelemetryMetrics::new("logs"));
        let (gather, pause) = (Duration::ZERO, Duration::ZERO);
        let tries = Tries { gather, pause, retries, ..Tries::default() };
        let lane = Lane::start(Arc::clone(&counts), tries, Told { asked, answers }).unwrap();
        (lane, answer, asks, counts)
    }

    fn ended(lane: &Lane<u32>, counts: &TelemetryMetrics) -> [u64; 5] {
        lane.close(Instant::now() + Duration::from_secs(60));
        lane.finish();
        let now = counts.read();
        [now.sent, now.failed, now.dropped, now.retried, now.waiting as u64]
    }

    #[test]
    fn what_is_not_taken_is_tried_again_and_each_record_is_counted_once() {
        let (lane, answer, asks, counts) = lane(2);
        for (n, answers) in [
            (1, vec![Ok(None)]),
            (2, vec![Err(Failure::again("away")), Ok(None)]),
            (3, vec![Err(Failure::refused("never"))]),
            (4, vec![Ok(Some((1, "one is too old".to_owned())))]),
            (5, vec![Err(Failure::again("a")), Err(Failure::again("b")), Err(Failure::again("c"))]),
        ] {
            // Each by itself, as nothing is gathered.
            lane.push(n);
            for one in answers {
                assert_eq!(asks.recv().unwrap(), 1);
                answer.send(one).unwrap();
            }
        }
        assert_eq!(ended(&lane, &counts), [2, 3, 0, 3, 0]);
    }

    #[test]
    fn what_finds_no_room_is_dropped_and_requests_are_bounded() {
        let (lane, answer, asks, counts) = lane(0);
        lane.push(0);
        asks.recv().unwrap();
        (0..ROOM as u32 + 10).for_each(|n| lane.push(n));
        assert_eq!((counts.dropped.get(), counts.waiting.get()), (10, ROOM as i64 + 1));
        (0..=ROOM / BATCH).for_each(|_| answer.send(Ok(None)).unwrap());
        (0..ROOM / BATCH).for_each(|_| assert_eq!(asks.recv().unwrap(), BATCH));
        assert_eq!(ended(&lane, &counts), [ROOM as u64 + 1, 0, 10, 0, 0]);
        lane.push(1);
        assert_eq!(counts.dropped.get(), 11);
    }

    #[test]
    fn at_the_end_a_receiver_that_is_away_is_asked_once_more_and_not_waited_for() {
        let (lane, answer, asks, counts) = lane(1000);
        lane.push(0);
        asks.recv().unwrap();
        lane.push(1);
        lane.close(Instant::now() + Duration::from_secs(60));
        drop(answer);
        lane.finish();
        let now = counts.read();
        assert_eq!((now.sent, now.failed + now.dropped, now.waiting), (0, 2, 0));

        let (lane, _answer, asks, counts) = self::lane(1000);
        lane.push(0);
        asks.recv().unwrap();
        lane.push(1);
        // It never answers: what waits behind it is dropped.
        lane.close(Instant::now());
        lane.finish();
        assert_eq!((counts.dropped.get(), counts.sent.get()), (1, 0));
    }
}
