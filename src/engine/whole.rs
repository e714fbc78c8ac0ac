//! What the processes of a run tell each other of themselves, turned into what each of them can show of the whole.
//!
//! Before they begin each says whether somebody looks at it; those get the rows of all parts. While they run each tells those that
//! are looked at, every second, what it has counted and which lines it has rejected, and for the last time when its workers are done.
//! Whom alerts are told to, and which silences there are, process 0 knows: the others ask it.
//!
//! Invariants:
//! 1. Nothing here changes a result: it goes over the control connections, and what is lost or late is only shown late.
//! 2. What waits is bounded: [`MOST_ASKED`] questions of others, [`MOST_REJECTS`] rejected lines a message, one snapshot a process.
//! 3. Nothing is sent behind the last word of a process.
//!
//! Cost: where nobody looks, one message to each other process at the beginning and one to process 0 at the end.

use crate::alert::Change;
use crate::cluster::Handle;
use crate::error::Error;
use crate::notify::{Desk, NotAdded, Origin, Silence};
use crate::observe::{Metrics, Rejected, Snapshot};
use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, VecDeque};
use std::io::{Read, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// The first byte of these messages; those of the dataflow begin with smaller ones.
const TAG: u8 = 16;
/// How often a process says what it has counted.
const EVERY: Duration = Duration::from_secs(1);
/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(3);
/// How often those who wait for the others look whether the run has failed.
const LOOK: Duration = Duration::from_millis(50);
/// Questions that wait, at most; further ones are not answered.
const MOST_ASKED: usize = 256;
/// Rejected lines in one message, at most; the newest.
const MOST_REJECTS: usize = 200;
/// Alerts in one question, at most, and bytes of their labels; one alone may have more.
const MOST_CHANGES: usize = 200;
const MOST_LABELS: usize = 256 << 10;
/// Bytes of a message when it is unpacked, at most.
const LARGEST: u64 = 64 << 20;

/// What one process says to another.
#[derive(Debug, Serialize, Deserialize)]
enum Word {
    /// Somebody looks at the speaker.
    Looks(bool),
    /// What the speaker has counted, and the lines it has rejected since it last said so.
    Figures(Snapshot, Vec<Rejected>),
    /// A question to process 0, with a number.
    Ask(u64, Question),
    /// The answer to the question of that number.
    Answer(u64, Reply),
}

impl Word {
    fn encode(&self) -> Option<Vec<u8>> {
        let mut packed = ZlibEncoder::new(vec![TAG], Compression::fast());
        serde_json::to_writer(&mut packed, self).ok()?;
        packed.flush().ok()?;
        packed.finish().ok()
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let (_, packed) = bytes.split_first()?;
        serde_json::from_reader(std::io::BufReader::new(ZlibDecoder::new(packed).take(LARGEST))).ok()
    }
}

/// What process 0 is asked.
#[derive(Debug, Serialize, Deserialize)]
enum Question {
    Silences,
    Now,
    Muted(Vec<Change>),
    Silence(Silence),
    Expire(String),
}

/// What it answers.
#[derive(Debug, Serialize, Deserialize)]
enum Reply {
    Silences(Vec<(Origin, Silence)>),
    Now(i64),
    Muted(Vec<(bool, bool)>),
    Silence(Result<(), NotAdded>),
    Expired(bool),
}

impl Question {
    fn answer(self, desk: &Desk) -> Reply {
        match self {
            Question::Silences => Reply::Silences(desk.silences()),
            Question::Now => Reply::Now(desk.now()),
            Question::Muted(changes) => Reply::Muted(desk.muted(&changes)),
            Question::Silence(silence) => Reply::Silence(desk.silence(silence)),
            Question::Expire(name) => Reply::Expired(desk.expire(&name)),
        }
    }
}

/// Process 0, which knows, gives no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("process 0, which tells of alerts, does not answer")]
pub struct NoAnswer;

#[derive(Debug, Default)]
struct State {
    /// Whether somebody looks, by process; `None` until it has said so.
    looks: Vec<Option<bool>>,
    /// What each other process has last said.
    figures: Vec<Option<Snapshot>>,
    /// Questions that wait for an answer of ours: from whom, their number, what.
    asked: VecDeque<(usize, u64, Question)>,
    /// Answers that are waited for.
    answers: BTreeMap<u64, Option<Reply>>,
    next: u64,
    /// The process has had its last word.
    over: bool,
}

/// What this process knows of the others.
#[derive(Debug)]
pub struct Whole {
    process: usize,
    state: Mutex<State>,
    changed: Condvar,
}

impl Whole {
    /// Of process `process` of `processes`; `looks`: somebody looks at this one.
    pub(super) fn new((process, processes): (usize, usize), looks: bool) -> Arc<Self> {
        let looks = (0..processes).map(|p| (p == process).then_some(looks)).collect();
        let state = State { looks, figures: vec![None; processes], ..State::default() };
        Arc::new(Self { process, state: Mutex::new(state), changed: Condvar::new() })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// True where a message between processes is of here.
    pub(super) fn is_ours(bytes: &[u8]) -> bool {
        bytes.first() == Some(&TAG)
    }

    /// Process `from` says something; garbage is ignored.
    pub(super) fn hear(&self, from: usize, bytes: &[u8], metrics: &Metrics) {
        let Some(word) = Word::decode(bytes) else {
            tracing::warn!(from, "what another process says of itself was not understood");
            return;
        };
        let mut state = self.state();
        match word {
            Word::Looks(looks) => {
                if let Some(place) = state.looks.get_mut(from) {
                    *place = Some(looks);
                }
            }
            Word::Figures(snapshot, rejects) => {
                if let Some(place) = state.figures.get_mut(from) {
                    *place = Some(snapshot);
                }
                drop(state);
                metrics.rejects().adopt(rejects);
                return;
            }
            Word::Ask(id, question) if state.asked.len() < MOST_ASKED => state.asked.push_back((from, id, question)),
            Word::Ask(..) => {}
            // One that nobody waits for any more is let go.
            Word::Answer(id, reply) => {
                if let Some(place) = state.answers.get_mut(&id) {
                    *place = Some(reply);
                }
            }
        }
        drop(state);
        self.changed.notify_all();
    }

    /// Says whether somebody looks here, waits until all others have, and gives the processes that are looked at. Where the run fails
    /// meanwhile, none.
    pub(super) fn meet(&self, handle: &Handle) -> Vec<usize> {
        let mut state = self.state();
        if state.looks.len() > 1 {
            let looks = state.looks.get(self.process).copied().flatten().unwrap_or(false);
            // A failed send is a lost peer, and the control plane says so itself.
            let _ = Word::Looks(looks).encode().map(|bytes| handle.broadcast(&bytes));
        }
        while state.looks.iter().any(Option::is_none) {
            if handle.verdict().is_some() {
                return Vec::new();
            }
            state = self.changed.wait_timeout(state, LOOK).unwrap_or_else(PoisonError::into_inner).0;
        }
        let looks = state.looks.iter().enumerate();
        looks.filter(|(_, looks)| **looks == Some(true)).map(|(process, _)| process).collect()
    }

    /// Makes a snapshot of this process one of the whole run, as far as it is known.
    pub fn add_to(&self, snapshot: &mut Snapshot) {
        for other in self.state().figures.iter().flatten() {
            snapshot.join(other);
        }
    }

    /// Asks process 0. Waits for the answer, some seconds at most.
    fn ask(&self, handle: &Handle, question: Question) -> Result<Reply, NoAnswer> {
        let mut state = self.state();
        if state.over {
            return Err(NoAnswer);
        }
        let id = state.next;
        state.next += 1;
        let bytes = Word::Ask(id, question).encode().ok_or(NoAnswer)?;
        handle.send(0, &bytes).map_err(|_| NoAnswer)?;
        state.answers.insert(id, None);
        let waits = |state: &mut State| !state.over && state.answers.get(&id).is_some_and(Option::is_none);
        let waited = self.changed.wait_timeout_while(state, PATIENCE, waits);
        let mut state = waited.unwrap_or_else(PoisonError::into_inner).0;
        state.answers.remove(&id).flatten().ok_or(NoAnswer)
    }
}

/// The thread that speaks for this process.
pub(super) struct Speaker {
    whole: Arc<Whole>,
    handle: Handle,
    metrics: Arc<Metrics>,
    thread: Mutex<Option<JoinHandle<u64>>>,
}

impl Speaker {
    /// Starts it. `lookers`: the processes that are told what is counted; `desk`: of process 0, where alerts are told to somebody.
    ///
    /// # Errors
    /// The system gives no thread.
    pub(super) fn start(
        whole: &Arc<Whole>,
        handle: &Handle,
        metrics: &Arc<Metrics>,
        lookers: Vec<usize>,
        desk: Option<Desk>,
    ) -> Result<Self, Error> {
        let lookers: Vec<usize> = lookers.into_iter().filter(|process| *process != whole.process).collect();
        let said = Said { handle: handle.clone(), metrics: Arc::clone(metrics), told: 0, warned: false };
        let at_work = Arc::clone(whole);
        let thread = std::thread::Builder::new()
            .name("highwater:whole".into())
            .spawn(move || at_work.speak(said, &lookers, desk.as_ref()))
            .map_err(|e| Error::outside("cluster.start", format!("the system gives no thread: {e}")))?;
        let (whole, handle, metrics) = (Arc::clone(whole), handle.clone(), Arc::clone(metrics));
        Ok(Self { whole, handle, metrics, thread: Mutex::new(Some(thread)) })
    }

    /// The workers are done: the last word, to all that are looked at and to process 0.
    pub(super) fn last_word(&self) {
        let Some(told) = self.stop() else { return };
        let mut said = Said { handle: self.handle.clone(), metrics: Arc::clone(&self.metrics), told, warned: false };
        let looks: Vec<Option<bool>> = self.whole.state().looks.clone();
        let looks = looks
            .iter()
            .enumerate()
            .filter(|(p, looks)| *p != self.whole.process && (*p == 0 || **looks == Some(true)));
        said.figures(&looks.map(|(process, _)| process).collect::<Vec<_>>());
    }

    /// Ends the thread; what it has told of rejected lines.
    fn stop(&self) -> Option<u64> {
        self.whole.state().over = true;
        self.whole.changed.notify_all();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take()?;
        thread.join().ok()
    }
}

impl Drop for Speaker {
    fn drop(&mut self) {
        let _ = self.stop();
    }
}

/// What was said, and to whom it is said.
struct Said {
    handle: Handle,
    metrics: Arc<Metrics>,
    /// The number of the last rejected line that was told.
    told: u64,
    /// It was logged that something could not be told.
    warned: bool,
}

impl Said {
    /// Tells some processes what was counted.
    fn figures(&mut self, to: &[usize]) {
        if to.is_empty() {
            return;
        }
        let (told, rejects) = self.metrics.rejects().since(self.told, MOST_REJECTS);
        self.told = told;
        let Some(bytes) = Word::Figures(self.metrics.snapshot(), rejects).encode() else { return };
        for process in to {
            // A message that is too long today is so in a second too: said once.
            if let Err(error) = self.handle.send(*process, &bytes)
                && !std::mem::replace(&mut self.warned, true)
            {
                tracing::warn!(process, "what is counted here cannot be told: {}", error.message);
            }
        }
    }
}

impl Whole {
    fn speak(&self, mut said: Said, lookers: &[usize], desk: Option<&Desk>) -> u64 {
        let mut due = Instant::now() + EVERY;
        let mut state = self.state();
        loop {
            if state.over {
                return said.told;
            }
            if let Some((from, id, question)) = state.asked.pop_front() {
                drop(state);
                let answer = desk.map(|desk| Word::Answer(id, question.answer(desk)));
                if let Some(bytes) = answer.and_then(|answer| answer.encode()) {
                    // An asker that is gone needs no answer; one that gets none waits no longer than it wants to.
                    let _ = said.handle.send(from, &bytes);
                }
            } else if lookers.is_empty() {
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            } else if let Some(left) = due.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
                state = self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
                continue;
            } else {
                drop(state);
                said.figures(lookers);
                due = Instant::now() + EVERY;
            }
            state = self.state();
        }
    }
}

/// Alerts with what decides whether they are muted, their labels, in lists that have room in a message.
fn bare(changes: &[Change]) -> Vec<Vec<Change>> {
    let (mut all, mut room) = (Vec::new(), 0);
    for change in changes {
        let length: usize = change.labels.iter().map(|(name, value)| name.len() + value.len()).sum();
        if room < length || all.last().is_none_or(|list: &Vec<Change>| list.len() >= MOST_CHANGES) {
            all.push(Vec::new());
            room = MOST_LABELS;
        }
        room = room.saturating_sub(length);
        if let Some(list) = all.last_mut() {
            list.push(Change { annotations: BTreeMap::new(), values: Vec::new(), ..change.clone() });
        }
    }
    all
}

/// Who is told of alerts, and which silences there are, seen from any process of a run that is under way.
#[derive(Clone)]
pub struct Notices(Place);

#[derive(Clone)]
enum Place {
    Here(Desk, Arc<Metrics>),
    /// In process 0.
    There(Arc<Whole>, Handle),
}

impl Notices {
    pub(super) fn here(desk: Desk, metrics: Arc<Metrics>) -> Self {
        Self(Place::Here(desk, metrics))
    }

    pub(super) fn there(whole: Arc<Whole>, handle: Handle) -> Self {
        Self(Place::There(whole, handle))
    }

    fn ask(&self, question: Question) -> Result<Reply, NoAnswer> {
        match &self.0 {
            Place::Here(desk, _) => Ok(question.answer(desk)),
            Place::There(whole, handle) => whole.ask(handle, question),
        }
    }

    /// Hands what was counted up to now to the metrics of the run, where it is counted.
    pub fn refresh(&self) {
        if let Place::Here(desk, metrics) = &self.0 {
            super::told::show(&desk.counts(), metrics);
        }
    }

    /// All silences and where they stand.
    ///
    /// # Errors
    /// Another process is to answer, and does not; so too for what follows.
    pub fn silences(&self) -> Result<Vec<(Origin, Silence)>, NoAnswer> {
        match self.ask(Question::Silences)? {
            Reply::Silences(all) => Ok(all),
            _ => Err(NoAnswer),
        }
    }

    /// The time of the clock that silences go by; microseconds since 1970.
    pub fn now(&self) -> Result<i64, NoAnswer> {
        match self.ask(Question::Now)? {
            Reply::Now(now) => Ok(now),
            _ => Err(NoAnswer),
        }
    }

    /// For each alert, whether it is silenced now, and whether others keep it quiet.
    pub fn muted(&self, changes: &[Change]) -> Result<Vec<(bool, bool)>, NoAnswer> {
        let mut all = Vec::new();
        for some in bare(changes) {
            let asked = some.len();
            match self.ask(Question::Muted(some))? {
                Reply::Muted(muted) if muted.len() == asked => all.extend(muted),
                _ => return Err(NoAnswer),
            }
        }
        Ok(all)
    }

    /// Adds a silence, which holds from now on; the inner error: it is wrong.
    pub fn silence(&self, silence: Silence) -> Result<Result<(), NotAdded>, NoAnswer> {
        match self.ask(Question::Silence(silence))? {
            Reply::Silence(added) => Ok(added),
            _ => Err(NoAnswer),
        }
    }

    /// Ends a silence that was added; false where none has the name.
    pub fn expire(&self, name: &str) -> Result<bool, NoAnswer> {
        match self.ask(Question::Expire(name.to_owned()))? {
            Reply::Expired(done) => Ok(done),
            _ => Err(NoAnswer),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn words_come_back_as_they_were() {
        let mut snapshot = Snapshot::default();
        snapshot.sources.push(crate::observe::SourceCounts { name: "a".into(), events: 5, ..Default::default() });
        let said = Word::Figures(snapshot.clone(), Vec::new()).encode().unwrap();
        assert!(Whole::is_ours(&said));
        let whole = Whole::new((0, 3), true);
        let metrics = Metrics::default();
        whole.hear(1, &said, &metrics);
        whole.hear(2, &said, &metrics);
        // The latest word of a process takes the place of the one before.
        whole.hear(2, &said, &metrics);
        // Of a process that is none.
        whole.hear(7, &said, &metrics);
        whole.add_to(&mut snapshot);
        assert_eq!((snapshot.sources.len(), snapshot.sources[0].events), (1, 15));
    }

    #[test]
    fn questions_that_nobody_answers_are_bounded() {
        let whole = Whole::new((0, 2), false);
        for id in 0..1000 {
            whole.hear(1, &Word::Ask(id, Question::Now).encode().unwrap(), &Metrics::default());
        }
        assert_eq!(whole.state().asked.len(), MOST_ASKED);
        whole.hear(1, &Word::Answer(5, Reply::Now(1)).encode().unwrap(), &Metrics::default());
        assert!(whole.state().answers.is_empty());
    }

    #[test]
    fn alerts_are_asked_for_in_messages_that_are_not_too_long() {
        let change = |id: usize, length: usize| Change {
            id: id.to_string(),
            rule: "r".into(),
            state: crate::alert::State::Firing,
            severity: "critical".into(),
            labels: [("service".into(), "x".repeat(length))].into(),
            annotations: [("summary".into(), "y".repeat(MOST_LABELS))].into(),
            values: vec![("n".into(), crate::event::OwnedValue::Int(1))],
            window: (0, 1),
            since: 0,
            fired: None,
            at: 1,
            notify: Vec::new(),
        };
        let lengths = [10, MOST_LABELS / 2, MOST_LABELS / 2 - 100, 200, 2 * MOST_LABELS, 1];
        let mut all: Vec<Change> = lengths.iter().enumerate().map(|(i, length)| change(i, *length)).collect();
        all.extend((0..2 * MOST_CHANGES).map(|i| change(9 + i, 1)));
        let lists = bare(&all);
        let ids: Vec<&str> = lists.iter().flatten().map(|one| one.id.as_str()).collect();
        assert_eq!(ids, all.iter().map(|one| one.id.as_str()).collect::<Vec<_>>(), "all, in their order");
        assert!(lists.iter().flatten().all(|one| one.annotations.is_empty() && one.values.is_empty()));
        let sizes: Vec<usize> = lists.iter().map(Vec::len).collect();
        assert_eq!(sizes, [3, 1, 1, MOST_CHANGES, MOST_CHANGES, 1]);
        assert!(bare(&[]).is_empty());
    }

    proptest! {
        #[test]
        fn garbage_is_ignored(bytes in proptest::collection::vec(any::<u8>(), 0..200), cut in 0usize..60) {
            let whole = Whole::new((0, 2), false);
            whole.hear(1, &[&[TAG], &bytes[..]].concat(), &Metrics::default());
            let mut word = Word::Looks(true).encode().unwrap();
            word.truncate(cut.min(word.len() - 1));
            whole.hear(1, &word, &Metrics::default());
            prop_assert_eq!(whole.state().looks[1], None);
        }
    }
}
