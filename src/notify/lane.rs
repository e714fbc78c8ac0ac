//! Messages of one action, into calls of its receiver on threads of their own, through bounded queues.
//!
//! Invariants:
//! 1. [`Lanes::push`] never waits. A message that finds no room is given back.
//! 2. Messages of one group go through one lane, in their order.
//! 3. Each message ends in one way: it was sent, or it is a dead letter; then `done` is called with its number.
//! 4. At the end nothing is waited for longer than is said: what is not sent by then is a dead letter.

use super::letters::Letters;
use super::message::Notification;
use super::pause::{Breaker, Permit, backoff};
use super::receive::{Failure, Receiver};
use super::setup::Action;
use crate::config::DeliveryConfig;
use crate::error::{Error, panic_text};
use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long, beyond its time, the end of a try is waited for that is on its way when all is to end.
const GRACE: Duration = Duration::from_millis(100);

/// What was counted of the messages of an action.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) sent: AtomicU64,
    pub(super) retried: AtomicU64,
    pub(super) failed: AtomicU64,
    pub(super) dropped: AtomicU64,
}

/// What the lanes of an action share.
struct Common {
    action: Arc<Action>,
    counts: Counts,
    breaker: Mutex<Breaker>,
    letters: Mutex<Letters>,
    done: Box<dyn Fn(u64) + Send + Sync>,
    now: Box<dyn Fn() -> i64 + Send + Sync>,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Arc<Notification>>,
    /// What the thread has in hand.
    current: Option<Arc<Notification>>,
    /// No message follows; by then all is over.
    end: Option<Instant>,
    /// The thread is not waited for any more.
    abandoned: bool,
    ended: bool,
}

#[derive(Default)]
struct Lane {
    state: Mutex<State>,
    changed: Condvar,
}

impl Lane {
    /// The state. A panic while it was locked cannot leave it half changed: no code of others runs under the lock.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until `at`; false where the end comes before that.
    fn pause(&self, at: Instant) -> bool {
        let mut state = self.lock();
        loop {
            let now = Instant::now();
            if now >= at {
                return true;
            }
            if state.abandoned || state.end.is_some_and(|end| now >= end) {
                return false;
            }
            let wake = state.end.map_or(at, |end| end.min(at));
            let left = wake.saturating_duration_since(now);
            state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

/// The lanes of one action.
pub(super) struct Lanes {
    lanes: Vec<Arc<Lane>>,
    common: Arc<Common>,
    room: usize,
}

fn span(span: crate::time::Span) -> Duration {
    Duration::from_micros(span.0.max(0) as u64)
}

impl Lanes {
    /// Starts the threads of an action. `done` is called with the number of each message that has come to its end, `now` gives the
    /// time that letters have.
    ///
    /// # Errors
    /// `notify.start` where the system gives no thread.
    pub(super) fn start(
        action: &Arc<Action>,
        receiver: &dyn Fn() -> Box<dyn Receiver>,
        done: impl Fn(u64) + Send + Sync + 'static,
        now: impl Fn() -> i64 + Send + Sync + 'static,
    ) -> Result<Self, Error> {
        let delivery = &action.config.delivery;
        let common = Arc::new(Common {
            action: Arc::clone(action),
            counts: Counts::default(),
            breaker: Mutex::new(Breaker::new(delivery.break_after, span(delivery.break_for))),
            letters: Mutex::new(Letters::new(delivery.dead_letters.as_deref(), delivery.dead_letters_max.0)),
            done: Box::new(done),
            now: Box::new(now),
        });
        let count = usize::try_from(delivery.concurrency).unwrap_or(1).max(1);
        let room = usize::try_from(delivery.queue).unwrap_or(usize::MAX).div_ceil(count);
        let mut lanes = Vec::new();
        for _ in 0..count {
            let lane = Arc::new(Lane::default());
            let (inside, common, receiver) = (Arc::clone(&lane), Arc::clone(&common), receiver());
            let name = format!("action {}", action.config.name);
            std::thread::Builder::new().name(name).spawn(move || run(&inside, &common, receiver)).map_err(|error| {
                let message = format!("the thread of action '{}' cannot be started: {error}", action.config.name);
                Error::outside("notify.start", message).help("look at how many threads the system allows")
            })?;
            lanes.push(lane);
        }
        Ok(Self { lanes, common, room })
    }

    /// Queues a message.
    ///
    /// # Errors
    /// Gives it back where there is no room.
    pub(super) fn push(&self, message: Arc<Notification>) -> Result<(), Arc<Notification>> {
        let mut hash = DefaultHasher::new();
        message.group_key.hash(&mut hash);
        let at = (hash.finish() % self.lanes.len() as u64) as usize;
        let lane = &self.lanes[at];
        let mut state = lane.lock();
        if state.queue.len() >= self.room {
            return Err(message);
        }
        state.queue.push_back(message);
        drop(state);
        lane.changed.notify_all();
        Ok(())
    }

    /// Keeps a message that found no room.
    pub(super) fn drop_full(&self, message: &Notification) {
        self.common.give_up(message, "too many messages wait", 0);
    }

    pub(super) fn counts(&self) -> &Counts {
        &self.common.counts
    }

    /// How many messages wait or are on their way.
    pub(super) fn waiting(&self) -> usize {
        let count = |lane: &Arc<Lane>| {
            let state = lane.lock();
            state.queue.len() + usize::from(state.current.is_some())
        };
        self.lanes.iter().map(count).sum()
    }

    /// True while the receiver is left alone but for a try now and then.
    pub(super) fn is_open(&self) -> bool {
        self.common.breaker.lock().unwrap_or_else(PoisonError::into_inner).is_open()
    }

    /// Says that no message follows, and that all is to be over by `end`.
    pub(super) fn close(&self, end: Instant) {
        for lane in &self.lanes {
            lane.lock().end = Some(end);
            lane.changed.notify_all();
        }
    }

    /// Waits for the end that [`Lanes::close`] has said. What is not sent by then is kept.
    pub(super) fn finish(&self) {
        for lane in &self.lanes {
            let mut state = lane.lock();
            while !state.ended {
                let end = state.end.unwrap_or_else(Instant::now) + GRACE;
                let left = end.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    break;
                }
                state = lane.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
            }
            state.abandoned = true;
            let left: Vec<_> = state.current.take().into_iter().chain(state.queue.drain(..)).collect();
            drop(state);
            lane.changed.notify_all();
            left.iter().for_each(|message| self.common.give_up(message, "the run ended before it was sent", 0));
        }
    }
}

impl Drop for Lanes {
    fn drop(&mut self) {
        // Not joined: a receiver that hangs must not hang a run that is being given up.
        for lane in &self.lanes {
            lane.lock().abandoned = true;
            lane.changed.notify_all();
        }
    }
}

impl Common {
    fn give_up(&self, message: &Notification, reason: &str, tries: u64) {
        let count = if tries == 0 { &self.counts.dropped } else { &self.counts.failed };
        count.fetch_add(1, Relaxed);
        self.letters.lock().unwrap_or_else(PoisonError::into_inner).keep(message, reason, tries, (self.now)());
        (self.done)(message.number);
    }
}

/// A number from 0 to 1.
fn chance() -> f64 {
    let mut bytes = [0; 4];
    // Without randomness all wait as long.
    if getrandom::fill(&mut bytes).is_err() {
        return 0.0;
    }
    f64::from(u32::from_le_bytes(bytes)) / f64::from(u32::MAX)
}

/// What became of a message.
enum End {
    Sent,
    GivenUp { reason: String, tries: u64 },
}

/// The thread of a lane.
fn run(lane: &Lane, common: &Common, mut receiver: Box<dyn Receiver>) {
    loop {
        let message = {
            let mut state = lane.lock();
            loop {
                if state.abandoned {
                    return;
                }
                if let Some(message) = state.queue.pop_front() {
                    state.current = Some(Arc::clone(&message));
                    break message;
                }
                if state.end.is_some() {
                    state.ended = true;
                    drop(state);
                    lane.changed.notify_all();
                    return;
                }
                state = lane.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
        };
        let end = deliver(lane, common, &mut *receiver, &message);
        // Whoever takes it out of hand says what became of it.
        if lane.lock().current.take().is_none() {
            return;
        }
        match end {
            End::Sent => {
                common.counts.sent.fetch_add(1, Relaxed);
                (common.done)(message.number);
            }
            End::GivenUp { reason, tries } => common.give_up(&message, &reason, tries),
        }
    }
}

/// Tries until it is sent, refused, or tried too often.
fn deliver(lane: &Lane, common: &Common, receiver: &mut dyn Receiver, message: &Notification) -> End {
    let delivery: &DeliveryConfig = &common.action.config.delivery;
    let breaker = || common.breaker.lock().unwrap_or_else(PoisonError::into_inner);
    let mut tries = 0;
    let over = |tries| End::GivenUp { reason: "the run ended before it was sent".to_owned(), tries };
    loop {
        loop {
            let permit = breaker().permit(Instant::now());
            match permit {
                Permit::Now => break,
                Permit::At(at) if lane.pause(at) => {}
                Permit::At(_) => return over(tries),
            }
        }
        let mut timeout = span(delivery.timeout);
        if let Some(end) = lane.lock().end {
            timeout = timeout.min(end.saturating_duration_since(Instant::now()));
        }
        if timeout.is_zero() {
            return over(tries);
        }
        tries += 1;
        let outcome = catch_unwind(AssertUnwindSafe(|| receiver.send(message, timeout)))
            .unwrap_or_else(|cause| Err(Failure::Refused { reason: format!("it panicked: {}", panic_text(&*cause)) }));
        let (reason, after) = match outcome {
            Ok(()) => {
                breaker().passed();
                return End::Sent;
            }
            Err(Failure::Refused { reason }) => {
                // It answers, so it is there.
                breaker().passed();
                return End::GivenUp { reason, tries };
            }
            Err(Failure::Again { reason, after }) => (reason, after),
        };
        breaker().failed(Instant::now());
        tracing::debug!(action = %common.action.config.name, tries, reason, "a message about alerts did not go through");
        if tries > delivery.retries {
            return End::GivenUp { reason, tries };
        }
        let wait = backoff(span(delivery.backoff), span(delivery.max_backoff), tries, chance());
        if !lane.pause(Instant::now() + after.map_or(wait, |after| after.max(wait))) {
            return End::GivenUp { reason: format!("the run ended before it was sent; {reason}"), tries };
        }
        common.counts.retried.fetch_add(1, Relaxed);
    }
}
