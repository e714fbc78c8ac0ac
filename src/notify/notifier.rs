//! A router, lanes and a thread for what is due by the clock: changes in, messages out.
//!
//! Invariants: (1) [`Notifier::changes`] waits for no receiver and no disk; (2) messages of a restored state that are not known
//! to be sent are sent again; (3) a file of silences that is wrong changes nothing.

use super::clock::Clock;
use super::lane::Lanes;
use super::message::Notification;
use super::receive::{Programs, receiver, traced};
use super::router::{Router, State};
use super::setup::{Setup, read_silences};
use super::silence::{NotAdded, Origin, Silence};
use crate::alert::Change;
use crate::error::Error;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

/// How often it is looked whether the file of silences has changed.
const POLL: Duration = Duration::from_secs(1);
/// How many messages that found no room wait to be written down; of more only their number is kept.
const MOST_OVERFLOW: usize = 10_000;

/// What was counted of one action.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ActionCounts {
    /// Messages that were taken.
    pub sent: u64,
    /// Tries that were made again.
    pub retried: u64,
    /// Messages that were refused, or tried too often.
    pub failed: u64,
    /// Messages that were never tried: too many waited, or the run ended.
    pub dropped: u64,
    /// Alerts that were silenced when they would have been told.
    pub silenced: u64,
    /// Alerts that others kept quiet.
    pub inhibited: u64,
    /// Messages that wait or are on their way.
    pub waiting: u64,
    /// The receiver is left alone but for a try now and then.
    pub open: bool,
}

impl ActionCounts {
    /// The counts with their words, as people read them.
    pub fn words(&self) -> [(&'static str, u64); 6] {
        [
            ("sent", self.sent),
            ("tried again", self.retried),
            ("failed", self.failed),
            ("dropped", self.dropped),
            ("silenced", self.silenced),
            ("inhibited", self.inhibited),
        ]
    }
}

struct Core {
    router: Router,
    overflow: Vec<Arc<Notification>>,
    closing: bool,
}

struct Shared {
    core: Mutex<Core>,
    work: Condvar,
    clock: Arc<dyn Clock>,
    lanes: BTreeMap<String, Lanes>,
    /// Numbers of messages that have come to their end.
    ends: Arc<Mutex<Vec<u64>>>,
    /// Messages that were lost because even what is to be written down was too much.
    lost: AtomicU64,
    /// How often the file of silences was wrong when it was read.
    wrong_files: AtomicU64,
}

/// Tells who is to be told; see the top of the room.
pub struct Notifier {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
    drain: Duration,
}

impl Shared {
    /// The router, which has heard of all messages that have come to their end.
    fn lock(&self) -> MutexGuard<'_, Core> {
        let mut core = self.core.lock().unwrap_or_else(PoisonError::into_inner);
        let ends = std::mem::take(&mut *self.ends.lock().unwrap_or_else(PoisonError::into_inner));
        ends.into_iter().for_each(|number| core.router.done(number));
        core
    }

    fn post(&self, core: &mut Core, messages: Vec<Arc<Notification>>) {
        for message in messages {
            let Some(lanes) = self.lanes.get(&message.action) else { continue };
            let Err(message) = lanes.push(message) else { continue };
            if core.overflow.len() < MOST_OVERFLOW {
                core.overflow.push(message);
            } else {
                core.router.done(message.number);
                self.lost.fetch_add(1, Relaxed);
            }
        }
    }

    /// Writes down what found no room; on the notifier's own thread.
    fn keep_overflow(&self, overflow: Vec<Arc<Notification>>) {
        for message in overflow {
            if let Some(lanes) = self.lanes.get(&message.action) {
                lanes.drop_full(&message);
            }
        }
    }
}

impl Notifier {
    /// Starts the threads of all actions, and goes on from `state` where there is one.
    ///
    /// # Errors
    /// `notify.start` where the system gives no thread.
    pub fn start(setup: &Setup, clock: Arc<dyn Clock>, state: Option<State>) -> Result<Self, Error> {
        Self::start_with(setup, clock, state, &Programs::default())
    }

    /// [`Notifier::start`], with functions of the program for actions that it brings itself.
    ///
    /// # Errors
    /// As [`Notifier::start`].
    pub fn start_with(
        setup: &Setup,
        clock: Arc<dyn Clock>,
        state: Option<State>,
        programs: &Programs,
    ) -> Result<Self, Error> {
        let ends = Arc::new(Mutex::new(Vec::new()));
        let url = setup.settings.external_url.clone().unwrap_or_default();
        let mut lanes = BTreeMap::new();
        for action in &setup.actions {
            let (ends, clock) = (Arc::clone(&ends), Arc::clone(&clock));
            let done = move |number| ends.lock().unwrap_or_else(PoisonError::into_inner).push(number);
            let started =
                Lanes::start(action, &|| traced(receiver(action, &url, programs), &setup.trace), done, move || {
                    clock.now()
                })?;
            lanes.insert(action.config.name.clone(), started);
        }
        let mut router = Router::new(setup);
        state.into_iter().for_each(|state| router.restore(state));
        let unsent = router.unsent();
        let core = Mutex::new(Core { router, overflow: Vec::new(), closing: false });
        let shared = Arc::new(Shared {
            core,
            work: Condvar::new(),
            clock,
            lanes,
            ends,
            lost: AtomicU64::new(0),
            wrong_files: AtomicU64::new(0),
        });
        let mut file = setup.settings.silences.clone().map(SilencesFile::new);
        // Before anything is told.
        file.iter_mut().for_each(|file| file.look(&shared));
        shared.post(&mut shared.lock(), unsent);
        let inside = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("notifier".to_owned())
            .spawn(move || run(&inside, file))
            .map_err(|error| Error::outside("notify.start", format!("the notifier cannot be started: {error}")))?;
        let drain = Duration::from_micros(setup.settings.drain_timeout.0.max(0) as u64);
        Ok(Self { shared, thread: Some(thread), drain })
    }

    /// Takes in changes in their order. It waits for nobody.
    pub fn changes(&self, changes: &[Change]) {
        let mut core = self.shared.lock();
        let messages = core.router.on_changes(self.shared.clock.now(), changes);
        self.shared.post(&mut core, messages);
        drop(core);
        self.shared.work.notify_all();
    }

    /// A handle for those who look at the run.
    pub fn desk(&self) -> Desk {
        Desk(Arc::clone(&self.shared))
    }

    /// All that is to be remembered over a restart.
    pub fn snapshot(&self) -> State {
        self.shared.lock().router.snapshot()
    }

    /// Adds a silence.
    ///
    /// # Errors
    /// Where it is wrong; then nothing changes.
    pub fn silence(&self, silence: Silence) -> Result<(), NotAdded> {
        self.shared.lock().router.silence(silence, self.shared.clock.now())
    }

    /// Ends a silence that was added; false where none has the name.
    pub fn expire(&self, name: &str) -> bool {
        self.shared.lock().router.expire(name)
    }

    /// All silences: those of the pipeline, of its file, and those that were added.
    pub fn silences(&self) -> Vec<Silence> {
        self.shared.lock().router.silences()
    }

    /// How often the file of silences was wrong when it was read.
    pub fn wrong_files(&self) -> u64 {
        self.shared.wrong_files.load(Relaxed)
    }

    /// Messages of which even the dead letter was lost, because too many were to be written down at once.
    pub fn lost(&self) -> u64 {
        self.shared.lost.load(Relaxed)
    }

    /// What was counted, by action.
    pub fn counts(&self) -> BTreeMap<String, ActionCounts> {
        counts(&self.shared)
    }

    /// Tells at once all that waits for its time, and waits for what is on its way, at most `drain_timeout`. What is not sent by
    /// then is a dead letter. Gives what was counted.
    pub fn finish(mut self) -> BTreeMap<String, ActionCounts> {
        let mut core = self.shared.lock();
        let messages = core.router.finish(self.shared.clock.now());
        self.shared.post(&mut core, messages);
        core.closing = true;
        drop(core);
        self.shared.work.notify_all();
        let end = Instant::now() + self.drain;
        self.shared.lanes.values().for_each(|lanes| lanes.close(end));
        if let Some(thread) = self.thread.take() {
            // It ends by itself; a panic of it is in its thread's own message.
            let _ = thread.join();
        }
        self.shared.lanes.values().for_each(Lanes::finish);
        counts(&self.shared)
    }
}

/// What those who look at a run see of its notifier, and may change: silences. It may outlive the notifier.
#[derive(Clone)]
pub struct Desk(Arc<Shared>);

impl Desk {
    /// Adds a silence, which holds from now on.
    ///
    /// # Errors
    /// Where it is wrong; then nothing changes.
    pub fn silence(&self, silence: Silence) -> Result<(), NotAdded> {
        self.0.lock().router.silence(silence, self.0.clock.now())
    }

    /// Ends a silence that was added; false where none has the name.
    pub fn expire(&self, name: &str) -> bool {
        self.0.lock().router.expire(name)
    }

    /// All silences and where they stand.
    pub fn silences(&self) -> Vec<(Origin, Silence)> {
        self.0.lock().router.all_silences()
    }

    /// For each alert, whether it is silenced now, and whether others keep it quiet.
    pub fn muted(&self, changes: &[Change]) -> Vec<(bool, bool)> {
        let (core, now) = (self.0.lock(), self.0.clock.now());
        changes.iter().map(|change| core.router.muted(change, now)).collect()
    }

    /// What was counted, by action.
    pub fn counts(&self) -> BTreeMap<String, ActionCounts> {
        counts(&self.0)
    }

    /// The time of the clock that silences go by; microseconds since 1970.
    pub fn now(&self) -> i64 {
        self.0.clock.now()
    }
}

impl Drop for Notifier {
    fn drop(&mut self) {
        // Not joined: a run that is being given up waits for nobody.
        self.shared.lock().closing = true;
        self.shared.work.notify_all();
    }
}

fn counts(shared: &Shared) -> BTreeMap<String, ActionCounts> {
    let kept = shared.lock().router.kept().clone();
    let of = |(name, lanes): (&String, &Lanes)| {
        let kept = kept.get(name).copied().unwrap_or_default();
        let counts = lanes.counts();
        let counts = ActionCounts {
            sent: counts.sent.load(Relaxed),
            retried: counts.retried.load(Relaxed),
            failed: counts.failed.load(Relaxed),
            dropped: counts.dropped.load(Relaxed),
            silenced: kept.silenced,
            inhibited: kept.inhibited,
            waiting: lanes.waiting() as u64,
            open: lanes.is_open(),
        };
        (name.clone(), counts)
    };
    shared.lanes.iter().map(of).collect()
}

/// The thread of the notifier.
fn run(shared: &Shared, mut file: Option<SilencesFile>) {
    loop {
        let mut core = shared.lock();
        let now = shared.clock.now();
        if !core.closing {
            let messages = core.router.on_timer(now);
            shared.post(&mut core, messages);
        }
        let overflow = std::mem::take(&mut core.overflow);
        let (closing, next) = (core.closing, core.router.next_wake());
        if !overflow.is_empty() {
            drop(core);
            shared.keep_overflow(overflow);
            continue;
        }
        if closing {
            return;
        }
        let due = next.map(|next| Duration::from_micros(next.saturating_sub(now).max(0) as u64));
        let wait = match (due, &file) {
            (Some(due), Some(_)) => Some(due.min(POLL)),
            (due, Some(_)) => Some(due.unwrap_or(POLL)),
            (due, None) => due,
        };
        match wait {
            Some(wait) => drop(shared.work.wait_timeout(core, wait).unwrap_or_else(PoisonError::into_inner)),
            None => drop(shared.work.wait(core).unwrap_or_else(PoisonError::into_inner)),
        }
        file.iter_mut().for_each(|file| file.look(shared));
    }
}

/// The file of silences, and what it was when it was read last.
struct SilencesFile {
    path: String,
    seen: Option<Option<(SystemTime, u64)>>,
    looked: Option<Instant>,
}

impl SilencesFile {
    fn new(path: String) -> Self {
        Self { path, seen: None, looked: None }
    }

    /// Reads it again where it has changed.
    fn look(&mut self, shared: &Shared) {
        if self.looked.is_some_and(|looked| looked.elapsed() < POLL) {
            return;
        }
        self.looked = Some(Instant::now());
        let found = std::fs::metadata(&self.path).ok().and_then(|file| Some((file.modified().ok()?, file.len())));
        if self.seen == Some(found) {
            return;
        }
        self.seen = Some(found);
        let text = match found {
            Some(_) => std::fs::read_to_string(&self.path).map_err(|error| error.to_string()),
            None => Ok(String::new()),
        };
        let read = text.and_then(|text| {
            read_silences(&self.path, &text, &|name| std::env::var(name).ok()).map_err(|wrong| wrong.to_string())
        });
        match read {
            Ok(silences) => {
                let count = silences.len();
                shared.lock().router.replace_file(silences);
                tracing::info!(count, "silences were read from {}", self.path);
            }
            Err(error) => {
                shared.wrong_files.fetch_add(1, Relaxed);
                tracing::error!("the silences before stay, as the file cannot be read: {error}");
            }
        }
    }
}
