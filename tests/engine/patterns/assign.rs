//! The lists of slots of a pattern over the events of one key: every assignment of events to slots whose gaps are legal,
//! what ran out of time, and what the skip strategy leaves.
//!
//! Cost: exponential in the number of events; it is for a dozen of them.

use super::expression::Seen;
use super::form::{Contiguity, Entry, Event, Pattern, WithinKind};
use super::unroll::{Condition, Rules, Slot, Unrolled, unroll};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// The events of a match: step and place in the feed, in order.
pub type Assignment = Vec<(usize, usize)>;

/// The skip target is not in the match, or is its first event, and the pattern says that this is an error.
#[derive(Debug, PartialEq, Eq)]
pub struct Miss;

/// When something happens: at an entry; there as time goes on to it (at that time), or behind that by the event in it.
type Moment = (usize, bool, i64);

/// The moment of an event.
fn event_of(x: usize) -> Moment {
    (x, true, 0)
}

/// Until when a partial match lives, and whether it ran out of time then.
type Death = (Moment, bool);

/// What one key's events give.
#[derive(Debug, Default)]
pub struct Found {
    /// The matches, in the order in which they come out.
    pub matches: Vec<Assignment>,
    /// Partial matches that ran out of time, and when.
    pub timed_out: Vec<(Assignment, i64)>,
}

/// The events of one key, in the order in which they count.
pub struct Matcher<'a> {
    pattern: &'a Pattern,
    unrolled: Unrolled,
    feed: &'a [Entry],
    events: Vec<Option<&'a Event>>,
    within: Option<i64>,
    /// The condition of a negation at the end, and whether it is one of the very next event.
    last: Option<(Condition, bool)>,
    known: HashMap<(Condition, usize, Assignment), bool>,
    full: BTreeMap<Assignment, Moment>,
    partial: BTreeMap<Assignment, Death>,
    deadlines: BTreeMap<Assignment, i64>,
}

impl<'a> Matcher<'a> {
    /// A pattern over a feed.
    pub fn new(pattern: &'a Pattern, rules: Rules, feed: &'a [Entry]) -> Self {
        let events: Vec<Option<&Event>> = feed.iter().map(Entry::event).collect();
        let mut unrolled = unroll(pattern, rules, events.iter().flatten().count());
        let last = pattern.last_negation().map(|node| {
            unrolled.conditions.push(node.condition.clone());
            (unrolled.conditions.len() - 1, node.contiguity == Some(Contiguity::Strict))
        });
        let within = pattern.within_ms.filter(|_| pattern.within_kind == WithinKind::FirstAndLast);
        Self {
            pattern,
            unrolled,
            feed,
            events,
            within,
            last,
            known: HashMap::new(),
            full: BTreeMap::new(),
            partial: BTreeMap::new(),
            deadlines: BTreeMap::new(),
        }
    }

    /// All that is found. `ends`: behind the last entry nothing can come any more, so nothing waits for it.
    pub fn run(mut self, ends: bool) -> Result<Found, Miss> {
        for slots in std::mem::take(&mut self.unrolled.lists) {
            self.extend(&slots, &mut Vec::new());
        }
        let timed_out = self.partial.iter().filter(|(_, (_, out_of_time))| *out_of_time);
        let timed_out = timed_out.map(|(taken, _)| (taken.clone(), self.deadlines[taken])).collect();
        Ok(Found { matches: self.select(ends)?, timed_out })
    }

    /// The steps of an assignment and the ids of their events.
    pub fn named(pattern: &Pattern, feed: &[Entry], taken: &[(usize, usize)]) -> BTreeMap<String, Vec<String>> {
        let names = pattern.names();
        let mut steps: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for (step, x) in taken {
            let event = feed[*x].event().expect("only events are taken");
            steps.entry(names[*step].to_owned()).or_default().push(event.id.clone());
        }
        steps
    }

    /// Behind the last entry.
    fn end(&self) -> Moment {
        (self.feed.len(), false, i64::MIN)
    }

    fn time(&self, x: usize) -> i64 {
        self.feed[x].time()
    }

    /// How long after `from` the time of an entry is.
    fn since(&self, from: usize, x: usize) -> i64 {
        self.time(x).saturating_sub(self.time(from))
    }

    fn meets(&mut self, condition: Condition, x: usize, taken: &[(usize, usize)]) -> bool {
        let key = (condition, x, taken.to_vec());
        if let Some(known) = self.known.get(&key) {
            return *known;
        }
        let event = |x: usize| self.events[x].expect("only events are taken");
        let taken = taken.iter().map(|(step, x)| (self.unrolled.names[*step].as_str(), event(*x))).collect();
        let met = Seen { taken, rows: None }.meets(&self.unrolled.conditions[condition], event(x));
        self.known.insert(key, met);
        met
    }

    fn meets_any(&mut self, conditions: &[Condition], x: usize, taken: &[(usize, usize)]) -> bool {
        conditions.iter().any(|c| self.meets(*c, x, taken))
    }

    /// What holds for skipped and for taken events alike.
    fn passes(&mut self, slot: &Slot, x: usize, taken: &[(usize, usize)], first: usize, completes: bool) -> bool {
        // An event that completes the match does so though a negation before it speaks of it, too.
        if !completes && self.meets_any(&slot.not_before, x, taken) {
            return false;
        }
        if x == first && self.meets_any(&slot.not_next, x, taken) {
            return false;
        }
        slot.greedy.iter().all(|(condition, until)| {
            until.is_some_and(|until| self.meets(until, first, taken)) || !self.meets(*condition, x, taken)
        })
    }

    fn takes(&mut self, slot: &Slot, x: usize, taken: &[(usize, usize)], first: usize, completes: bool) -> bool {
        self.meets(slot.condition, x, taken)
            && !self.meets_any(&slot.take_until, x, taken)
            && self.passes(slot, x, taken, first, completes)
    }

    fn skips(&mut self, slot: &Slot, x: usize, taken: &[(usize, usize)], first: usize) -> bool {
        let held = match slot.contiguity {
            Contiguity::Strict => true,
            Contiguity::Relaxed => self.meets_any(&slot.holds, x, taken),
            Contiguity::NonDeterministicRelaxed => false,
        };
        !held && !self.meets_any(&slot.gap_until, x, taken) && self.passes(slot, x, taken, first, false)
    }

    /// The time at which a partial match that waits for this slot ends, where entry `x` has reached it.
    fn expired(&self, slot: &Slot, x: usize, taken: &[(usize, usize)]) -> Option<i64> {
        let (start, last) = (taken[0].1, taken[taken.len() - 1].1);
        if let Some(within) = self.within.filter(|within| self.since(start, x) >= *within) {
            return Some(self.time(start) + within);
        }
        let skipped = || self.events[last + 1..x].iter().any(Option::is_some);
        let gap = slot.gap.filter(|gap| self.since(last, x) >= *gap && !(slot.gap_at_once && skipped()));
        gap.map(|gap| self.time(last) + gap)
    }

    /// Every way to go on from the events taken.
    fn extend(&mut self, slots: &[Slot], taken: &mut Assignment) {
        let Some(slot) = slots.get(taken.len()) else { return self.complete(taken) };
        let completes = taken.len() + 1 == slots.len() && self.last.is_none();
        let take = |this: &mut Self, x: usize, taken: &mut Assignment| {
            taken.push((slot.step, x));
            this.extend(slots, taken);
            taken.pop();
        };
        if taken.is_empty() {
            for x in 0..self.feed.len() {
                if self.events[x].is_some() && self.takes(slot, x, taken, x, completes) {
                    take(self, x, taken);
                }
            }
            return;
        }
        let mut first = None;
        let mut death = (self.end(), false);
        for x in taken[taken.len() - 1].1 + 1..self.feed.len() {
            if let Some(deadline) = self.expired(slot, x, taken) {
                self.deadlines.insert(taken.clone(), deadline);
                death = ((x, false, deadline), true);
                break;
            }
            if self.events[x].is_none() {
                continue;
            }
            let first = *first.get_or_insert(x);
            if self.takes(slot, x, taken, first, completes) {
                take(self, x, taken);
            }
            if !self.skips(slot, x, taken, first) {
                death = (event_of(x), false);
                break;
            }
        }
        self.lives(taken, death);
    }

    /// A partial match lives as long as the last of its branches.
    fn lives(&mut self, taken: &Assignment, death: Death) {
        let known = self.partial.entry(taken.clone()).or_default();
        *known = death.max(*known);
    }

    /// All slots have their event; what is left is a negation at the end.
    fn complete(&mut self, taken: &Assignment) {
        let (start, last) = (taken[0].1, taken[taken.len() - 1].1);
        match self.last {
            None => {
                self.full.entry(taken.clone()).or_insert(event_of(last));
            }
            Some((not, true)) => {
                let mut death = (self.end(), false);
                for x in last + 1..self.feed.len() {
                    if let Some(within) = self.within.filter(|within| self.since(start, x) >= *within) {
                        let deadline = self.time(start) + within;
                        self.deadlines.insert(taken.clone(), deadline);
                        death = ((x, false, deadline), true);
                        break;
                    }
                    if self.events[x].is_some() {
                        if !self.meets(not, x, taken) {
                            self.full.entry(taken.clone()).or_insert(event_of(x));
                        }
                        death = (event_of(x), false);
                        break;
                    }
                }
                self.lives(taken, death);
            }
            Some((not, false)) => {
                let limit = self.limit(taken);
                let mut end = self.end();
                for x in last + 1..self.feed.len() {
                    if self.time(x) >= limit {
                        self.full.entry(taken.clone()).or_insert((x, false, limit));
                        end = (x, false, limit);
                        break;
                    }
                    if self.events[x].is_some() && self.meets(not, x, taken) {
                        end = event_of(x);
                        break;
                    }
                }
                self.lives(taken, (end, false));
            }
        }
    }

    /// When a negation at the end has held for long enough.
    fn limit(&self, taken: &Assignment) -> i64 {
        let pattern = self.pattern;
        let (start, last) = (self.time(taken[0].1), self.time(taken[taken.len() - 1].1));
        let step = pattern.last_negation().and_then(|n| n.name.as_ref());
        let previous = pattern.within_ms.filter(|_| self.within.is_none());
        let gap = previous.or(pattern.gap_ms).into_iter().chain(step.and_then(|s| pattern.gaps.get(s).copied())).min();
        let limits = self.within.map(|within| start + within).into_iter().chain(gap.map(|gap| last + gap));
        limits.min().expect("a negation at the end has a limit")
    }

    /// The matches that the skip strategy leaves, in the order in which they come out.
    fn select(&self, ends: bool) -> Result<Vec<Assignment>, Miss> {
        let mut by_moment: BTreeMap<Moment, Vec<&Assignment>> = BTreeMap::new();
        for (taken, moment) in &self.full {
            by_moment.entry(*moment).or_default().push(taken);
        }
        let skips = self.pattern.skip().0 != "no_skip";
        let mut out = Vec::new();
        let mut from = 0;
        let mut waiting: Vec<&Assignment> = Vec::new();
        let deaths = self.partial.values().map(|(end, _)| *end).filter(|end| *end < self.end());
        let moments: BTreeSet<Moment> = by_moment.keys().copied().chain(deaths).collect();
        for moment in moments {
            waiting.extend(by_moment.get(&moment).into_iter().flatten());
            while let Some(next) = self.next(&mut waiting, from) {
                let earlier = |(taken, death): (&Assignment, &Death)| {
                    taken[0].1 >= from && taken[0].1 < next[0].1 && self.is_alive(taken, *death, moment)
                };
                if skips && self.partial.iter().any(earlier) {
                    waiting.push(next);
                    break;
                }
                from = from.max(self.skip(next)?);
                out.push(next.clone());
            }
        }
        while let Some(next) = self.next(&mut waiting, from).filter(|_| ends) {
            from = from.max(self.skip(next)?);
            out.push(next.clone());
        }
        Ok(out)
    }

    /// The first of what waits: the earliest start, the longest, with more events in earlier steps.
    fn next<'b>(&self, waiting: &mut Vec<&'b Assignment>, from: usize) -> Option<&'b Assignment> {
        waiting.retain(|taken| taken[0].1 >= from);
        let rank = |taken: &Assignment| {
            let steps: Vec<usize> = taken.iter().map(|(step, _)| *step).collect();
            let events: Vec<usize> = taken.iter().map(|(_, x)| *x).collect();
            (taken[0].1, std::cmp::Reverse(taken.len()), steps, events)
        };
        let first = (0..waiting.len()).min_by_key(|i| rank(waiting[*i]))?;
        Some(waiting.remove(first))
    }

    /// True where a partial match is still there behind a moment.
    fn is_alive(&self, taken: &Assignment, (end, _): Death, moment: Moment) -> bool {
        event_of(taken[taken.len() - 1].1) <= moment && end > moment
    }

    /// The first entry at which another match may start.
    fn skip(&self, taken: &Assignment) -> Result<usize, Miss> {
        let (kind, step) = self.pattern.skip();
        let start = taken[0].1;
        let step = step.map(|step| self.unrolled.names.iter().position(|n| n == step));
        let mut of_step = taken.iter().filter(|(s, _)| Some(Some(*s)) == step).map(|(_, x)| *x);
        let target = match kind {
            "no_skip" => return Ok(0),
            "skip_past_last" => return Ok(taken[taken.len() - 1].1 + 1),
            "skip_to_next" => return Ok(start + 1),
            "skip_to_first" => of_step.next(),
            "skip_to_last" => of_step.next_back(),
            other => panic!("no skip strategy {other}"),
        };
        if self.pattern.after_match_miss.is_some() && target.is_none_or(|x| x == start) {
            return Err(Miss);
        }
        Ok(target.unwrap_or(0))
    }
}
