//! One pattern on one worker: the partial matches of all its keys, the limits of time they wait for, and what late
//! events change.
//!
//! Events come in the order of (moment, event time, partition, place), where an event's moment is the later of its time
//! and its tick; a late one, whose time is before its tick, comes behind events that are after it in event time. Within
//! the allowed lateness a key keeps its events and what it had open before them (its *past*); a late event is put where
//! it belongs, all is derived again from there, and what differs is stated: taken back, or said now. Late events of one
//! tick come before all others of it, and are derived together: of a match one thing is said in a tick.
//!
//! Invariants:
//! 1. What has been said of a key and not been taken back is what its events so far give in event-time order, up to the
//!    time that has passed.
//! 2. What is older than the frontier by more than the lateness is settled: no event that may still come changes it. It
//!    is forgotten; when is a matter of cost and of no answer.
//! 3. A key without partial matches, unsaid matches and past has no state.

use super::matcher::{Finished, Judge, Live, Matcher, Now, Run, Said};
use super::store::Store;
use super::trace::Teller;
use crate::event::Origin;
use crate::result::Op;
use crate::stream::KeyHash;
use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasherDefault, Hasher};

/// Runs of a key that are kept in the list of all; more have one of their own.
const FEW: usize = 4;
/// No place in the list of runs.
const NONE: u32 = u32::MAX;
/// Events of a key that are settled, at least, before they are folded into what it has open.
const FOLD: usize = 32;

/// Something said of a match.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Statement {
    /// Whether it holds, or is taken back.
    pub op: Op,
    /// The chain of its events.
    pub link: u32,
    /// When it is said: the event time, limit or tick that decided it.
    pub time: i64,
    /// 0 for a first statement, n for the nth after it was taken back.
    pub revision: u32,
    /// It is a partial match that ran out of time.
    pub timed_out: bool,
}

/// An event as the machine takes it.
#[derive(Debug, Clone, Copy)]
pub struct Taken<'a> {
    /// Its key.
    pub key: KeyHash,
    /// Its time and place.
    pub origin: Origin,
    /// Its tick; [`i64::MIN`] where it has none yet.
    pub tick: i64,
    /// Bit s: what of step s's condition looks at this event alone is met.
    pub mask: u64,
    /// The cells of its columns.
    pub cells: &'a [u8],
}

/// What was counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Matches that were said.
    pub matches: u64,
    /// Partial matches that ran out of time and were said.
    pub timed_out: u64,
    /// Statements that late events led to.
    pub corrections: u64,
    /// Events that came late and were in time to correct something.
    pub late: u64,
    /// Events that came too late, and were dropped.
    pub too_late: u64,
}

/// The hash of a key is one already.
#[derive(Debug, Default, Clone, Copy)]
struct FirstHalf(u64);

impl Hasher for FirstHalf {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|b| self.0 = self.0.rotate_left(8) ^ u64::from(*b));
    }

    fn write_u64(&mut self, word: u64) {
        // Workers share keys out by these bits; mixed, those of one worker still differ in all.
        self.0 = (self.0 ^ word).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29);
    }
}

/// What a key has open: a line of the cache.
#[derive(Debug)]
#[repr(align(64))]
struct Key {
    hash: KeyHash,
    /// The earliest time at which it is to be looked at.
    timer: i64,
    more: Option<Box<More>>,
    /// How often the place was used: a timer of a key that is gone is told by it.
    turn: u32,
    /// Its second run, and so on.
    rest: u32,
    /// Its first run.
    first: Run,
}

/// A key that an event is of, or a timer.
#[derive(Debug, Clone, Copy)]
struct Place {
    key: KeyHash,
    /// Its place, where it has something open.
    at: Option<u32>,
}

/// What few keys have.
#[derive(Debug, Default)]
struct More {
    /// All its runs, where they are many.
    runs: Vec<Run>,
    finished: Vec<Finished>,
    past: Option<Past>,
}

/// What is needed to derive again what late events can change.
#[derive(Debug, Default)]
struct Past {
    /// What was open before the events in `log`.
    before: Live,
    /// Events and their masks, in event-time order.
    log: Vec<(u32, u64)>,
    /// What was said of them.
    said: Vec<Told>,
    /// When something happened last.
    changed: i64,
    /// Late events have come at this tick, and nothing is derived from them yet.
    dirty: Option<i64>,
}

/// A statement that may still be taken back, or one that was.
#[derive(Debug, Clone, Copy)]
struct Told {
    said: Said,
    holds: bool,
    revision: u32,
}

/// The machine.
#[derive(Debug)]
pub struct Machine<J> {
    matcher: Matcher,
    judge: J,
    lateness: i64,
    tick: i64,
    /// As it was seen last.
    frontier: i64,
    places: HashMap<KeyHash, u32, BuildHasherDefault<FirstHalf>>,
    keys: Vec<Key>,
    free_keys: Vec<u32>,
    runs: Vec<(Run, u32)>,
    free: u32,
    runs_live: usize,
    timers: BTreeMap<i64, Vec<(u32, u32)>>,
    /// Keys to which late events have come, and from which nothing is derived yet.
    dirty: Vec<KeyHash>,
    /// Limits of time are said something at.
    urgent: bool,
    sees_all: bool,
    counts: Counts,
    /// Bytes of what keys have beside their runs.
    past_bytes: usize,
    said: Vec<Said>,
    live: Live,
}

impl<J: Judge> Machine<J> {
    /// A machine whose frontier moves in steps of `tick` microseconds.
    pub fn new(matcher: Matcher, judge: J, lateness: i64, tick: i64) -> Self {
        let rules = matcher.rules();
        let pending = matches!(rules.automaton.end, super::automaton::End::Pending(..));
        Self {
            urgent: rules.timed_out || pending || rules.preferred,
            sees_all: rules.automaton.sees_all(),
            matcher,
            judge,
            lateness,
            tick: tick.max(1),
            frontier: i64::MIN,
            places: HashMap::default(),
            keys: Vec::new(),
            free_keys: Vec::new(),
            runs: Vec::new(),
            free: NONE,
            runs_live: 0,
            timers: BTreeMap::new(),
            dirty: Vec::new(),
            counts: Counts::default(),
            past_bytes: 0,
            said: Vec::new(),
            live: Live::default(),
        }
    }

    /// The buffer, in which statements are looked up.
    pub fn store(&self) -> &Store {
        &self.matcher.store
    }

    /// Its conditions.
    pub fn judge(&self) -> &J {
        &self.judge
    }

    /// How many partial matches a key may have.
    pub fn most(&self) -> usize {
        self.matcher.rules().most
    }

    /// What was counted so far.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// What the matcher counted so far.
    pub fn tallies(&self) -> super::matcher::Tallies {
        self.matcher.tallies
    }

    /// Keys and partial matches that are open.
    pub fn open(&self) -> (usize, usize) {
        (self.places.len(), self.runs_live)
    }

    /// Memory of what is open, bytes: the buffer's, and all.
    pub fn bytes(&self) -> (usize, usize) {
        let keys = self.places.len() * (size_of::<(KeyHash, u32)>() + 1 + size_of::<Key>());
        let buffer = self.matcher.store.size();
        (buffer, buffer + keys + self.runs_live * size_of::<(Run, u32)>() + self.past_bytes)
    }

    /// Takes an event whose moment the frontier has passed.
    pub fn event(&mut self, e: Taken<'_>, out: &mut dyn FnMut(&Store, Statement)) {
        let late = e.origin.time < e.tick;
        if late && e.origin.time < e.tick.saturating_sub(self.lateness) {
            self.counts.too_late += 1;
            self.turn(e.key);
            if let Some(teller) = self.matcher.teller.as_ref().filter(|t| t.is_on()) {
                teller.say(&format!("{}  an event that is too late is dropped", crate::time::EventTime(e.origin.time)));
            }
            return;
        }
        if e.mask == 0 && !self.sees_all {
            return;
        }
        let place = self.place(e.key);
        // Within the lateness an earlier one may come that it follows.
        if place.at.is_none() && !self.matcher.begins(e.mask) && self.lateness == 0 {
            return;
        }
        self.turn(e.key);
        let (mut live, mut more) = self.load(place);
        let moment = e.origin.time.max(e.tick);
        if more.past.as_ref().and_then(|past| past.dirty).is_some_and(|dirty| !late || dirty != moment) {
            self.derive_again(&mut live, &mut more, out);
        }
        // What happens at this very time is derived with the event.
        self.pass(&mut live, &mut more, if late { moment - 1 } else { moment }, out);
        self.lapse(&mut more, moment);
        let event = self.matcher.store.keep(e.origin, e.cells);
        if let Some(teller) = self.matcher.teller.as_ref().filter(|t| t.is_on()) {
            teller.event(&self.matcher.store, event, e.mask, late);
        }
        if late {
            self.counts.late += 1;
            self.matcher.store.share_event(event);
            self.past(&live, &mut more);
            let Some(past) = &mut more.past else { return };
            past.dirty = Some(moment);
            past.changed = past.changed.max(moment);
            let store = &self.matcher.store;
            let at = past.log.partition_point(|(other, _)| store.origin(*other) < e.origin);
            past.log.insert(at, (event, e.mask));
            self.dirty.push(e.key);
        } else {
            if self.lateness > 0 {
                self.matcher.store.share_event(event);
                let past = self.past(&live, &mut more);
                past.log.push((event, e.mask));
                past.changed = past.changed.max(moment);
            }
            let now = Now { event, time: e.origin.time, mask: e.mask };
            let mut said = std::mem::take(&mut self.said);
            self.matcher.feed(&mut live, now, &mut self.judge, &mut said);
            self.state(&mut said, &mut more, out);
            self.said = said;
            if more.past.as_ref().is_some_and(|past| past.log.len() >= 2 * FOLD && past.log.len().is_multiple_of(FOLD))
            {
                self.settle(&mut more, self.frontier);
            }
        }
        self.matcher.store.drop_event(event);
        self.put(place, live, more);
    }

    /// Looks for what an event of the key will need, so that it is in the cache then: called for several events, one
    /// waits for the memory of all at once. Gives a number that depends on it.
    pub fn warm(&self, key: KeyHash) -> u32 {
        match self.places.get(&key) {
            Some(at) => self.keys[*at as usize].rest.wrapping_add(self.keys[*at as usize].first.link),
            None => 0,
        }
    }

    fn place(&self, key: KeyHash) -> Place {
        Place { key, at: self.places.get(&key).copied() }
    }

    /// Lets time go on to the frontier (`None`: to its end).
    pub fn advance(&mut self, frontier: Option<i64>, out: &mut dyn FnMut(&Store, Statement)) {
        for key in std::mem::take(&mut self.dirty) {
            self.turn(key);
            let place = self.place(key);
            let (mut live, mut more) = self.load(place);
            self.derive_again(&mut live, &mut more, out);
            self.put(place, live, more);
        }
        let Some(frontier) = frontier else {
            let mut keys: Vec<KeyHash> = self.places.keys().copied().collect();
            keys.sort_unstable();
            for key in keys {
                self.turn(key);
                let place = self.place(key);
                let (mut live, mut more) = self.load(place);
                self.pass(&mut live, &mut more, i64::MAX, out);
                let mut said = std::mem::take(&mut self.said);
                self.matcher.end(&mut live, i64::MAX, &mut said);
                self.state(&mut said, &mut more, out);
                self.said = said;
                more.past.take().into_iter().for_each(|past| self.forget(past));
                self.matcher.drop(std::mem::take(&mut live));
                self.put(place, live, more);
            }
            self.timers.clear();
            return;
        };
        self.frontier = frontier;
        // A late event may still come at the frontier itself: what is said there is derived with it.
        let passed = if self.lateness > 0 { frontier.saturating_sub(1) } else { frontier };
        while let Some(entry) = self.timers.first_entry().filter(|e| *e.key() <= frontier) {
            let (time, keys) = entry.remove_entry();
            for (at, turn) in keys {
                let of = &mut self.keys[at as usize];
                // It has been looked at before, or is gone.
                if of.turn != turn || of.timer != time {
                    continue;
                }
                of.timer = i64::MAX;
                let place = Place { key: of.hash, at: Some(at) };
                self.turn(place.key);
                let (mut live, mut more) = self.load(place);
                self.pass(&mut live, &mut more, passed, out);
                self.settle(&mut more, frontier);
                self.put(place, live, more);
            }
        }
    }

    /// Tells the teller, where there is one, whose events come now.
    fn turn(&mut self, key: KeyHash) {
        if let Some(teller) = &mut self.matcher.teller {
            teller.turn(key);
        }
    }

    /// Has somebody told what happens.
    pub fn tell(&mut self, teller: Teller) {
        self.matcher.teller = Some(Box::new(teller));
    }

    /// Lets time go on for a key, and states what that decides.
    fn pass(&mut self, live: &mut Live, more: &mut More, now: i64, out: &mut dyn FnMut(&Store, Statement)) {
        if self.matcher.next_limit(live).is_none_or(|limit| limit > now) {
            return;
        }
        let mut said = std::mem::take(&mut self.said);
        if self.lateness == 0 {
            self.matcher.pass(live, now, &mut said);
            self.state(&mut said, more, out);
        }
        // One after the other: what is forgotten between them depends on them alone.
        while self.lateness > 0
            && let Some(limit) = self.matcher.next_limit(live).filter(|limit| *limit <= now)
        {
            self.lapse(more, limit);
            let past = self.past(live, more);
            past.changed = past.changed.max(limit);
            self.matcher.pass(live, limit, &mut said);
            self.state(&mut said, more, out);
        }
        self.said = said;
    }

    /// Forgets the past of a key where it is settled at the tick before `time`, at which something happens: so that the
    /// revision of what is said then does not depend on when the key was looked at.
    fn lapse(&mut self, more: &mut More, time: i64) {
        let settled = time.div_euclid(self.tick).saturating_mul(self.tick).saturating_sub(self.lateness);
        if let Some(past) = more.past.take_if(|past| past.dirty.is_none() && past.changed < settled) {
            self.forget(past);
        }
    }

    /// The past of a key; where there is none yet, it begins with what is open now.
    fn past<'m>(&mut self, live: &Live, more: &'m mut More) -> &'m mut Past {
        more.past.get_or_insert_with(|| Past { before: self.matcher.copy(live), changed: i64::MIN, ..Past::default() })
    }

    /// States what was said: for the first time, or again where a late event had put it off.
    fn state(&mut self, said: &mut Vec<Said>, more: &mut More, out: &mut dyn FnMut(&Store, Statement)) {
        for of in said.drain(..) {
            let known = more.past.as_ref().and_then(|past| {
                past.said.iter().position(|told| !told.holds && self.form(told.said) == self.form(of))
            });
            let revision = match (&more.past, known) {
                (Some(past), Some(i)) => past.said[i].revision + 1,
                _ => 0,
            };
            self.speak(of, Op::Assert, revision, of.time, out);
            let told = Told { said: of, holds: true, revision };
            let done = match (&mut more.past, known) {
                (Some(past), Some(i)) => Some(std::mem::replace(&mut past.said[i], told).said),
                (Some(past), None) => {
                    past.said.push(told);
                    None
                }
                (None, _) => Some(of),
            };
            if let Some(done) = done {
                self.matcher.store.drop_link(done.link);
            }
        }
    }

    fn speak(&mut self, said: Said, op: Op, revision: u32, time: i64, out: &mut dyn FnMut(&Store, Statement)) {
        if op == Op::Assert {
            match said.timed_out {
                true => self.counts.timed_out += 1,
                false => self.counts.matches += 1,
            }
        }
        let timed_out = said.timed_out;
        out(&self.matcher.store, Statement { op, link: said.link, time, revision, timed_out });
    }

    /// Derives all from what was before the events that are kept, and states what differs. Does nothing where no late
    /// event has come.
    fn derive_again(&mut self, live: &mut Live, more: &mut More, out: &mut dyn FnMut(&Store, Statement)) {
        let Some(mut past) = more.past.take() else { return };
        let Some(moment) = past.dirty.take() else {
            more.past = Some(past);
            return;
        };
        if let Some(teller) = self.matcher.teller.as_ref().filter(|t| t.is_on()) {
            teller.say("    all that late events can change is derived again, in the order of event time:");
        }
        let mut again = self.matcher.copy(&past.before);
        let mut said = Vec::new();
        self.replay(&mut again, &past.log, &mut said);
        self.matcher.pass(&mut again, moment, &mut said);
        self.matcher.drop(std::mem::replace(live, again));
        // What was said and is not any more is taken back; what was not is said.
        let mut before: HashMap<Vec<u32>, Vec<usize>> = HashMap::new();
        for (i, told) in past.said.iter().enumerate().rev() {
            before.entry(self.form(told.said)).or_default().push(i);
        }
        let mut next: Vec<Told> = Vec::with_capacity(said.len());
        let mut new = Vec::new();
        let mut gone: Vec<bool> = past.said.iter().map(|told| told.holds).collect();
        let mut used = vec![false; past.said.len()];
        for of in said {
            let known = before.get_mut(&self.form(of)).and_then(Vec::pop);
            match known {
                Some(i) if past.said[i].holds => {
                    (gone[i], used[i]) = (false, true);
                    next.push(Told { said: of, ..past.said[i] });
                }
                Some(i) => {
                    used[i] = true;
                    next.push(Told { said: of, holds: true, revision: past.said[i].revision + 1 });
                    new.push(next.len() - 1);
                }
                None => {
                    next.push(Told { said: of, holds: true, revision: 0 });
                    new.push(next.len() - 1);
                }
            }
        }
        for (i, told) in past.said.iter().enumerate().filter(|(i, _)| gone[*i]) {
            self.counts.corrections += 1;
            self.speak(told.said, Op::Retract, told.revision, moment, out);
            next.push(Told { holds: false, ..*told });
            self.matcher.store.share(past.said[i].said.link);
        }
        for i in new {
            self.counts.corrections += 1;
            let told = next[i];
            self.speak(told.said, Op::Assert, told.revision, moment, out);
        }
        for (i, told) in past.said.iter().enumerate() {
            // Those that were taken back before stay known, should they come again.
            if !told.holds && !used[i] {
                next.push(*told);
            } else {
                self.matcher.store.drop_link(told.said.link);
            }
        }
        past.said = next;
        more.past = Some(past);
    }

    /// Shows logged events, in event-time order.
    fn replay(&mut self, live: &mut Live, log: &[(u32, u64)], said: &mut Vec<Said>) {
        for (event, mask) in log {
            let now = Now { event: *event, time: self.matcher.store.origin(*event).time, mask: *mask };
            self.matcher.pass(live, now.time, said);
            self.matcher.feed(live, now, &mut self.judge, said);
        }
    }

    /// A statement by its content.
    fn form(&self, said: Said) -> Vec<u32> {
        let steps = self.matcher.store.back(said.link).flat_map(|(step, event)| [step as u32, event]);
        std::iter::once(u32::from(said.timed_out)).chain(steps).collect()
    }

    /// Forgets what can no longer change.
    fn settle(&mut self, more: &mut More, frontier: i64) {
        let Some(mut past) = more.past.take() else { return };
        let settled = frontier.saturating_sub(self.lateness);
        let time = |this: &Self, event: u32| this.matcher.store.origin(event).time;
        if past.changed < settled {
            return self.forget(past);
        }
        let old = past.log.partition_point(|(event, _)| time(self, *event) < settled);
        if old >= FOLD && old * 2 >= past.log.len() {
            let mut said = Vec::new();
            let log: Vec<(u32, u64)> = past.log.drain(..old).collect();
            let mut before = std::mem::take(&mut past.before);
            // It has all been told.
            let teller = self.matcher.teller.take();
            self.replay(&mut before, &log, &mut said);
            // Up to here and no further: an event may still come at this very time.
            self.matcher.pass(&mut before, settled - 1, &mut said);
            past.before = before;
            self.matcher.teller = teller;
            said.into_iter().for_each(|of| self.matcher.store.drop_link(of.link));
            log.into_iter().for_each(|(event, _)| self.matcher.store.drop_event(event));
            let store = &mut self.matcher.store;
            past.said.retain(|told| {
                let open = told.said.time >= settled;
                if !open {
                    store.drop_link(told.said.link);
                }
                open
            });
        }
        more.past = Some(past);
    }

    fn forget(&mut self, past: Past) {
        self.matcher.drop(past.before);
        past.log.into_iter().for_each(|(event, _)| self.matcher.store.drop_event(event));
        past.said.into_iter().for_each(|told| self.matcher.store.drop_link(told.said.link));
    }

    /// Takes what a key has open out of its place.
    fn load(&mut self, place: Place) -> (Live, More) {
        let mut live = std::mem::take(&mut self.live);
        let Some(at) = place.at else { return (live, More::default()) };
        let of = &mut self.keys[at as usize];
        let first = std::mem::replace(&mut of.first, Run::NONE);
        if first != Run::NONE {
            live.runs.push(first);
            self.runs_live -= 1;
        }
        let mut at = std::mem::replace(&mut of.rest, NONE);
        while at != NONE {
            let (run, next) = self.runs[at as usize];
            live.runs.push(run);
            self.runs[at as usize].1 = self.free;
            self.free = at;
            self.runs_live -= 1;
            at = next;
        }
        let mut more = of.more.take().map(|more| *more).unwrap_or_default();
        self.past_bytes -= bytes(&more);
        if !more.runs.is_empty() {
            // The list that was in use goes to the key, for the time being.
            std::mem::swap(&mut live.runs, &mut more.runs);
            self.runs_live -= live.runs.len();
        }
        live.finished.append(&mut more.finished);
        (live, more)
    }

    /// Puts it back, and sets the key's timer.
    fn put(&mut self, place: Place, mut live: Live, mut more: More) {
        if live.runs.is_empty() && live.finished.is_empty() && more.past.is_none() {
            if let Some(at) = place.at {
                self.places.remove(&place.key);
                let of = &mut self.keys[at as usize];
                (of.turn, of.timer) = (of.turn.wrapping_add(1), i64::MAX);
                self.free_keys.push(at);
            }
            self.live = live;
            return;
        }
        let wanted = self.wanted(&live, &more);
        let (mut rest, mut first) = (NONE, Run::NONE);
        self.runs_live += live.runs.len();
        if live.runs.len() > FEW {
            std::mem::swap(&mut live.runs, &mut more.runs);
        }
        for (i, run) in live.runs.drain(..).enumerate().rev() {
            if i == 0 {
                first = run;
                break;
            }
            let place = match self.free {
                NONE => {
                    self.runs.push((run, rest));
                    self.runs.len() as u32 - 1
                }
                place => {
                    self.free = self.runs[place as usize].1;
                    self.runs[place as usize] = (run, rest);
                    place
                }
            };
            rest = place;
        }
        more.finished.append(&mut live.finished);
        self.live = live;
        let at = place.at.unwrap_or_else(|| {
            let at = match self.free_keys.pop() {
                Some(at) => {
                    self.keys[at as usize].hash = place.key;
                    at
                }
                None => {
                    self.keys.push(Key {
                        hash: place.key,
                        timer: i64::MAX,
                        more: None,
                        turn: 0,
                        rest: NONE,
                        first: Run::NONE,
                    });
                    self.keys.len() as u32 - 1
                }
            };
            self.places.insert(place.key, at);
            at
        });
        let of = &mut self.keys[at as usize];
        (of.first, of.rest) = (first, rest);
        if !more.finished.is_empty() || more.past.is_some() || !more.runs.is_empty() {
            self.past_bytes += bytes(&more);
            of.more = Some(Box::new(more));
        }
        if let Some(time) = wanted.filter(|time| *time < of.timer) {
            of.timer = time;
            self.timers.entry(time).or_default().push((at, of.turn));
        }
    }

    /// When a key is to be looked at next: a multiple of the tick.
    fn wanted(&self, live: &Live, more: &More) -> Option<i64> {
        let limit = self.matcher.next_limit(live).map(|limit| {
            // Where nothing is said then, it is enough to look now and then.
            let within = self.matcher.rules().within.unwrap_or(0);
            let grid = if self.urgent || !live.finished.is_empty() { self.tick } else { self.tick.max(within / 2) };
            // Where late events may come it is passed when the frontier is behind it, and not at it.
            up(limit.saturating_add(i64::from(self.lateness > 0)), grid)
        });
        let past = more.past.as_ref().map(|past| {
            let settled = past.changed.saturating_add(self.lateness).saturating_add(1);
            up(settled, self.tick)
        });
        limit.into_iter().chain(past).min()
    }
}

/// Memory of what a key has beside its runs.
fn bytes(more: &More) -> usize {
    let live = |live: &Live| size_of::<Run>() * live.runs.len() + size_of::<Finished>() * live.finished.len();
    let past = |past: &Past| live(&past.before) + 16 * past.log.len() + size_of::<Told>() * past.said.len();
    let lists = size_of::<Finished>() * more.finished.len() + size_of::<Run>() * more.runs.len();
    let all = more.past.as_ref().map_or(0, past) + lists;
    if more.past.is_none() && lists == 0 { 0 } else { all + size_of::<More>() }
}

/// The least multiple of `grid` that is not before `time`.
fn up(time: i64, grid: i64) -> i64 {
    let rest = time.rem_euclid(grid.max(1));
    if rest == 0 { time } else { time.saturating_add(grid - rest) }
}
