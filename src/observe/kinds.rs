//! What can be counted with: how each kind of number moves, what is read of it, and how those of several processes join.
//!
//! Invariants: (1) counters and marks only grow; a gauge may be fed by several workers: each adds its changes ([`Share`]). (2) What is
//! counted or held is added up over processes, of marks and levels the greatest counts; the order does not matter.
//!
//! Cost: one relaxed atomic addition; meant for once a batch, not once an event.

use super::histogram::Spread;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};

/// How a number moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moves {
    /// It counts what happens: a rate of it means something.
    Up,
    /// It is how much there is at this moment.
    Both,
    /// It is how many there were of which size.
    Spread,
}

/// What can be counted with.
pub(super) trait Kind {
    /// How it moves.
    const MOVES: Moves;
    /// What is read of it.
    type Plain;
    /// Makes what one process counted what both did.
    fn join(one: &mut Self::Plain, other: &Self::Plain);
}

impl Kind for Counter {
    const MOVES: Moves = Moves::Up;
    type Plain = u64;
    fn join(one: &mut u64, other: &u64) {
        *one = one.saturating_add(*other);
    }
}

impl Kind for ByLabel {
    const MOVES: Moves = Moves::Up;
    type Plain = Vec<(String, u64)>;
    fn join(one: &mut Self::Plain, other: &Self::Plain) {
        for (label, n) in other {
            match one.iter_mut().find(|(of, _)| of == label) {
                Some((_, sum)) => *sum = sum.saturating_add(*n),
                None => one.push((label.clone(), *n)),
            }
        }
    }
}

impl Kind for Gauge {
    const MOVES: Moves = Moves::Both;
    type Plain = i64;
    fn join(one: &mut i64, other: &i64) {
        *one = one.saturating_add(*other);
    }
}

impl Kind for Level {
    const MOVES: Moves = Moves::Both;
    type Plain = i64;
    fn join(one: &mut i64, other: &i64) {
        *one = (*one).max(*other);
    }
}

impl Kind for Mark {
    const MOVES: Moves = Moves::Both;
    type Plain = Option<i64>;
    fn join(one: &mut Option<i64>, other: &Option<i64>) {
        *one = (*one).max(*other);
    }
}

impl Kind for Depth {
    const MOVES: Moves = Moves::Both;
    type Plain = Waiting;
    fn join(one: &mut Waiting, other: &Waiting) {
        one.0 = one.0.saturating_add(other.0);
    }
}

/// A number that only grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Adds `n`.
    pub fn add(&self, n: u64) {
        if n > 0 {
            self.0.fetch_add(n, Relaxed);
        }
    }

    /// Sets the count to one that another place keeps.
    pub fn set(&self, n: u64) {
        self.0.store(n, Relaxed);
    }

    /// The count.
    pub fn get(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// A number that goes up and down.
#[derive(Debug, Default)]
pub struct Gauge(AtomicI64);

impl Gauge {
    /// Changes it by `n`.
    pub fn add(&self, n: i64) {
        if n != 0 {
            self.0.fetch_add(n, Relaxed);
        }
    }

    /// Sets it; only where one place alone feeds it.
    pub fn set(&self, n: i64) {
        self.0.store(n, Relaxed);
    }

    /// The number.
    pub fn get(&self) -> i64 {
        self.0.load(Relaxed)
    }
}

/// How much waits between workers. What one has put in may be counted after another has taken it out: then nothing waits.
#[derive(Debug, Default)]
pub struct Depth(AtomicI64);

impl Depth {
    /// Changes it by `n`.
    pub fn add(&self, n: i64) {
        self.0.fetch_add(n, Relaxed);
    }

    /// How much waits, as far as this process knows.
    pub fn get(&self) -> Waiting {
        Waiting(self.0.load(Relaxed))
    }
}

/// What a [`Depth`] was at one moment. What one process has put in and another has taken out is below zero there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct Waiting(i64);

impl Waiting {
    /// How much waits.
    pub fn records(self) -> i64 {
        self.0.max(0)
    }
}

impl Samples for Waiting {
    fn samples(&self, f: &mut Tell<'_>) {
        f(None, self.records(), None);
    }
}

/// One worker's part of a [`Gauge`] that several workers feed.
#[derive(Debug, Default)]
pub struct Share(i64);

impl Share {
    /// Makes this worker's part `n`.
    pub fn set(&mut self, gauge: &Gauge, n: i64) {
        gauge.add(n - self.0);
        self.0 = n;
    }
}

/// A number that each process of a run has for itself, and that is one for the run: the greatest.
#[derive(Debug, Default)]
pub struct Level(AtomicI64);

impl Level {
    /// Sets it.
    pub fn set(&self, n: i64) {
        self.0.store(n, Relaxed);
    }

    /// The number.
    pub fn get(&self) -> i64 {
        self.0.load(Relaxed)
    }
}

/// A number that is unknown at first and then only grows, such as a watermark.
#[derive(Debug)]
pub struct Mark(AtomicI64);

impl Default for Mark {
    fn default() -> Self {
        Self(AtomicI64::new(i64::MIN))
    }
}

impl Mark {
    /// Raises the mark to `n` where it is below.
    pub fn raise(&self, n: i64) {
        self.0.fetch_max(n, Relaxed);
    }

    /// The mark; `None` where it was never raised.
    pub fn get(&self) -> Option<i64> {
        Some(self.0.load(Relaxed)).filter(|n| *n != i64::MIN)
    }
}

/// A count for each of a fixed list of labels, such as reasons.
#[derive(Debug, Default)]
pub struct ByLabel(Vec<(String, Counter)>);

impl ByLabel {
    pub(super) fn new(labels: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self(labels.into_iter().map(|l| (l.into(), Counter::default())).collect())
    }

    /// Adds `n` to the count of label `i`; a label that is not there counts nothing.
    pub fn add(&self, i: usize, n: u64) {
        if let Some((_, counter)) = self.0.get(i) {
            counter.add(n);
        }
    }

    /// Label and count, in the order of the list.
    pub fn get(&self) -> Vec<(String, u64)> {
        self.0.iter().map(|(l, c)| (l.clone(), c.get())).collect()
    }
}

/// Who is told a label, where there is one, a number, and what it is the count of.
pub(super) type Tell<'f> = dyn FnMut(Option<&str>, i64, Option<&Spread>) + 'f;

/// A number of a snapshot, or several with labels.
pub(super) trait Samples {
    /// Calls `f` for each.
    fn samples(&self, f: &mut Tell<'_>);
}

impl Samples for u64 {
    fn samples(&self, f: &mut Tell<'_>) {
        f(None, i64::try_from(*self).unwrap_or(i64::MAX), None);
    }
}

impl Samples for i64 {
    fn samples(&self, f: &mut Tell<'_>) {
        f(None, *self, None);
    }
}

impl Samples for Option<i64> {
    fn samples(&self, f: &mut Tell<'_>) {
        if let Some(n) = self {
            f(None, *n, None);
        }
    }
}

impl Samples for Vec<(String, u64)> {
    fn samples(&self, f: &mut Tell<'_>) {
        for (label, n) in self {
            f(Some(label), i64::try_from(*n).unwrap_or(i64::MAX), None);
        }
    }
}
