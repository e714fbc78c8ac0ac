//! Keys that events need, turned into rows that were asked for: a bounded cache, and what is on its way.
//!
//! Workers ask for the keys of a block at once and get a [`Ticket`], which has all their rows some time later. Whoever speaks
//! to the server takes keys from the desk and gives answers back.
//!
//! Invariants: 1. a key that is on its way is not asked for again, whoever needs it; 2. what a ticket has does not change and
//! does not depend on what the cache has forgotten since; 3. at most `cache` keys are kept, those without rows among them;
//! 4. a key waits no longer than `timeout` and the question that is under way when that is over.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// A row: the time from which it is valid, and its values as [`crate::event::key::encode_value`] has them.
pub type Version = (i64, Vec<u8>);
/// The rows of a key. None: the key has no row.
pub type Rows = Arc<Vec<Version>>;
/// A canonical key.
pub type Key = Arc<[u8]>;
/// The keys that have rows, of those that were asked for.
pub type Found = HashMap<Key, Rows>;

/// The rows of the keys that were asked for together.
#[derive(Debug, Default)]
pub struct Ticket {
    left: AtomicUsize,
    rows: Mutex<Vec<(Key, Rows)>>,
}

impl Ticket {
    /// True where all rows are there.
    pub fn is_done(&self) -> bool {
        self.left.load(Ordering::Acquire) == 0
    }

    /// Takes the rows; those of all keys, once it is done.
    pub fn take(&self) -> Vec<(Key, Rows)> {
        std::mem::take(&mut *lock(&self.rows))
    }

    fn put(&self, key: &Key, rows: &Rows) {
        lock(&self.rows).push((Arc::clone(key), Arc::clone(rows)));
    }
}

/// A key on its way.
#[derive(Debug)]
struct Open {
    since: Instant,
    waiting: Vec<Arc<Ticket>>,
}

/// Two halves: when the young one is full it becomes the old one, and what was old is forgotten.
#[derive(Debug, Default)]
struct Cache {
    young: HashMap<Key, (Instant, Rows)>,
    old: HashMap<Key, (Instant, Rows)>,
    /// What each takes, about.
    young_bytes: usize,
    old_bytes: usize,
}

/// What a key and its rows take.
fn size(key: &[u8], rows: &Rows) -> usize {
    let rows: usize = rows.iter().map(|(_, values)| size_of::<Version>() + values.len()).sum();
    key.len() + size_of::<(Key, (Instant, Rows))>() + rows
}

#[derive(Debug, Default)]
struct State {
    cache: Cache,
    open: HashMap<Key, Open>,
    /// Keys that nobody has taken to the server yet, oldest first.
    queue: VecDeque<Key>,
    stopped: bool,
}

/// Where keys of one table are asked for and answered.
pub struct Desk {
    state: Mutex<State>,
    /// There are keys, or the end.
    came: Condvar,
    /// Who is to hear of answers.
    answered: Mutex<Option<Box<dyn Fn() + Send + Sync>>>,
    cache: usize,
    cache_for: Duration,
    timeout: Duration,
}

impl std::fmt::Debug for Desk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let state = lock(&self.state);
        write!(f, "{} keys on their way, {} kept", state.open.len(), state.cache.young.len() + state.cache.old.len())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Cache {
    fn get(&mut self, key: &[u8], fresh: impl Fn(Instant) -> bool, half: usize) -> Option<Rows> {
        if let Some((at, rows)) = self.young.get(key) {
            return fresh(*at).then(|| Arc::clone(rows));
        }
        let (key, (at, rows)) = self.old.remove_entry(key)?;
        self.old_bytes -= size(&key, &rows);
        let found = fresh(at).then(|| Arc::clone(&rows));
        if found.is_some() {
            self.put(key, at, rows, half);
        }
        found
    }

    fn put(&mut self, key: Key, at: Instant, rows: Rows, half: usize) {
        if self.young.len() >= half && !self.young.contains_key(&key) {
            self.old = std::mem::take(&mut self.young);
            self.old_bytes = std::mem::take(&mut self.young_bytes);
        }
        if let Some((_, rows)) = self.old.remove(&key) {
            self.old_bytes -= size(&key, &rows);
        }
        let (bytes, length) = (size(&key, &rows), key.len());
        self.young_bytes += bytes;
        if let Some((_, before)) = self.young.insert(key, (at, rows)) {
            self.young_bytes -= size(&[], &before) + length;
        }
    }
}

impl Desk {
    /// An empty desk.
    pub fn new(cache: usize, cache_for: Duration, timeout: Duration) -> Arc<Self> {
        let (state, came, answered) = (Mutex::default(), Condvar::new(), Mutex::default());
        Arc::new(Self { state, came, answered, cache, cache_for, timeout })
    }

    /// Sets who is to hear of answers.
    pub fn on_answer(&self, hear: Box<dyn Fn() + Send + Sync>) {
        *lock(&self.answered) = Some(hear);
    }

    /// How many keys each half of the cache may have.
    fn half(&self) -> usize {
        self.cache.div_ceil(2).max(1)
    }

    /// How many keys are kept.
    pub fn kept(&self) -> usize {
        let state = lock(&self.state);
        state.cache.young.len() + state.cache.old.len()
    }

    /// Bytes of the keys that are kept and their rows.
    pub fn bytes(&self) -> usize {
        let state = lock(&self.state);
        state.cache.young_bytes + state.cache.old_bytes
    }

    /// Asks for keys, now.
    pub fn ask<'k>(&self, keys: impl IntoIterator<Item = &'k [u8]>) -> Arc<Ticket> {
        self.ask_at(keys, Instant::now())
    }

    /// Asks for keys.
    pub fn ask_at<'k>(&self, keys: impl IntoIterator<Item = &'k [u8]>, now: Instant) -> Arc<Ticket> {
        let ticket = Arc::new(Ticket::default());
        let (half, mut left, mut news) = (self.half(), 0, false);
        let mut state = lock(&self.state);
        for key in keys {
            if let Some(rows) = state.cache.get(key, |at| now.saturating_duration_since(at) < self.cache_for, half) {
                ticket.put(&Key::from(key), &rows);
                continue;
            }
            left += 1;
            if let Some(open) = state.open.get_mut(key) {
                open.waiting.push(Arc::clone(&ticket));
                continue;
            }
            let key = Key::from(key);
            state.open.insert(Arc::clone(&key), Open { since: now, waiting: vec![Arc::clone(&ticket)] });
            state.queue.push_back(key);
            news = true;
        }
        // Under the lock: no answer has come in between.
        ticket.left.store(left, Ordering::Release);
        drop(state);
        if news {
            self.came.notify_one();
        }
        ticket
    }

    /// Waits until there are keys, and gives up to `most` of them, oldest first; none at the end.
    pub fn take(&self, most: usize) -> Option<Vec<Key>> {
        let state = lock(&self.state);
        let wait = self.came.wait_while(state, |state| state.queue.is_empty() && !state.stopped);
        let mut state = wait.unwrap_or_else(PoisonError::into_inner);
        if state.stopped {
            return None;
        }
        let count = most.min(state.queue.len());
        Some(state.queue.drain(..count).collect())
    }

    /// Puts keys that were taken back, as the server could not be asked; those that have waited for too long are answered
    /// with nothing, after `count` has heard of their number.
    pub fn give_back(&self, keys: Vec<Key>, now: Instant, count: impl FnOnce(u64)) {
        let mut state = lock(&self.state);
        for key in keys.into_iter().rev() {
            state.queue.push_front(key);
        }
        // Behind one that may wait on are only younger ones.
        let State { open, queue, .. } = &mut *state;
        let over =
            |key: &Key| open.get(key).is_none_or(|open| now.saturating_duration_since(open.since) >= self.timeout);
        let late = queue.iter().take_while(|key| over(key)).count();
        let late: Vec<Key> = queue.drain(..late).collect();
        count(late.len() as u64);
        let nothing = Rows::default();
        late.iter().for_each(|key| Self::close(open, key, &nothing));
        drop(state);
        self.tell();
    }

    /// Answers keys that were taken. Of those that are not in `rows` there are none.
    pub fn answer(&self, keys: Vec<Key>, rows: &Found, now: Instant) {
        let (half, nothing) = (self.half(), Rows::default());
        let mut state = lock(&self.state);
        for key in keys {
            let rows = rows.get(&key).unwrap_or(&nothing);
            Self::close(&mut state.open, &key, rows);
            state.cache.put(key, now, Arc::clone(rows), half);
        }
        drop(state);
        self.tell();
    }

    fn close(open: &mut HashMap<Key, Open>, key: &Key, rows: &Rows) {
        for ticket in open.remove(key).into_iter().flat_map(|open| open.waiting) {
            ticket.put(key, rows);
            ticket.left.fetch_sub(1, Ordering::Release);
        }
    }

    fn tell(&self) {
        if let Some(hear) = &*lock(&self.answered) {
            hear();
        }
    }

    /// How long a key may wait.
    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Nobody asks any more.
    pub fn stop(&self) {
        lock(&self.state).stopped = true;
        self.came.notify_all();
    }

    /// Waits for so long, or the end; true at the end.
    pub fn rest(&self, time: Duration) -> bool {
        let state = lock(&self.state);
        let wait = self.came.wait_timeout_while(state, time, |state| !state.stopped);
        wait.unwrap_or_else(PoisonError::into_inner).0.stopped
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: Duration = Duration::from_secs(1);

    fn key(n: u8) -> Vec<u8> {
        vec![n]
    }

    fn ask(desk: &Desk, keys: &[u8], now: Instant) -> Arc<Ticket> {
        let keys: Vec<Vec<u8>> = keys.iter().map(|n| key(*n)).collect();
        desk.ask_at(keys.iter().map(Vec::as_slice), now)
    }

    /// Answers all keys that wait, each with itself as its values, but for 0, which has no row; the keys.
    fn serve(desk: &Desk, now: Instant) -> Vec<u8> {
        let keys = desk.take(100).unwrap();
        let numbers: Vec<u8> = keys.iter().map(|key| key[0]).collect();
        let rows = keys.iter().filter(|key| key[0] > 0).map(|key| (Arc::clone(key), Arc::new(vec![(0, key.to_vec())])));
        desk.answer(keys.clone(), &rows.collect(), now);
        numbers
    }

    fn found(ticket: &Ticket) -> Vec<(u8, bool)> {
        assert!(ticket.is_done());
        let mut found: Vec<_> = ticket.take().into_iter().map(|(key, rows)| (key[0], !rows.is_empty())).collect();
        found.sort_unstable();
        found
    }

    #[test]
    fn a_key_that_is_on_its_way_is_asked_for_once_and_answers_all() {
        let (desk, now) = (Desk::new(10, 60 * S, S), Instant::now());
        let (first, second) = (ask(&desk, &[1, 0], now), ask(&desk, &[2, 1], now));
        assert!(!first.is_done() && !second.is_done());
        assert_eq!(serve(&desk, now), [1, 0, 2]);
        assert_eq!((found(&first), found(&second)), (vec![(0, false), (1, true)], vec![(1, true), (2, true)]));
        // From the cache, also that there is no row; and after a minute anew.
        assert_eq!(found(&ask(&desk, &[0, 1], now + 59 * S)), [(0, false), (1, true)]);
        let late = ask(&desk, &[1], now + 60 * S);
        assert!(!late.is_done());
        assert_eq!(serve(&desk, now + 60 * S), [1]);
        assert_eq!(found(&late), [(1, true)]);
    }

    #[test]
    fn the_cache_is_bounded_and_what_was_not_asked_for_the_longest_leaves() {
        let (desk, now) = (Desk::new(10, 60 * S, S), Instant::now());
        for n in 0..200 {
            let ticket = ask(&desk, &[n, 7], now);
            if !ticket.is_done() {
                serve(&desk, now);
            }
            assert_eq!(found(&ticket).len(), 2);
            assert!(desk.kept() <= 10, "{}", desk.kept());
            let kept = |half: &HashMap<Key, (Instant, Rows)>| {
                half.iter().map(|(key, (_, rows))| size(key, rows)).sum::<usize>()
            };
            let state = lock(&desk.state);
            let kept = kept(&state.cache.young) + kept(&state.cache.old);
            drop(state);
            assert!(desk.bytes() == kept && kept > 0);
        }
        assert!(ask(&desk, &[7, 199], now).is_done() && !ask(&desk, &[100], now).is_done());
        // A block of more keys than the cache has room for has them all.
        let many = ask(&desk, &(0..90).collect::<Vec<u8>>(), now + 61 * S);
        serve(&desk, now + 61 * S);
        assert_eq!(found(&many).len(), 90);
    }

    #[test]
    fn a_key_that_waits_for_too_long_is_answered_with_nothing_and_not_kept() {
        let (desk, now) = (Desk::new(10, 60 * S, S), Instant::now());
        let (first, second) = (ask(&desk, &[1], now), ask(&desk, &[2], now + S / 2));
        for (at, late) in [(now + S / 2, 0), (now + S, 1)] {
            let (keys, mut counted) = (desk.take(1).unwrap(), 9);
            assert_eq!(keys[0][0], 1);
            desk.give_back(keys, at, |n| counted = n);
            assert_eq!(counted, late);
        }
        assert_eq!(found(&first), [(1, false)]);
        assert!(!second.is_done());
        assert_eq!((serve(&desk, now + S), desk.kept()), (vec![2], 1));
        assert!(!ask(&desk, &[1], now + S).is_done());
        desk.stop();
        assert!(desk.take(1).is_none() && desk.rest(60 * S));
    }
}
