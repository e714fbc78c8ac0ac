//! The partial matches of one key, moved on event by event.
//!
//! A partial match is a [`Run`]: the last link of its chain in the [`Store`], and the edge on which it waits. An event
//! is shown to every run; one that can go several ways has a run for each. In `mode = "sequence"` every way is taken, and
//! what is said is decided by the skip strategy; in `mode = "row"` the runs of a start are in order of preference, and a
//! match ends all that are less preferred than it.
//!
//! Time goes on before an event is looked at: limits that it has reached are passed in their own order, so that what is
//! said does not depend on how often time is looked at.
//!
//! Invariants:
//! 1. Each run and each finished match is one user of its link.
//! 2. Runs with one link stand together.
//! 3. In `mode = "row"` runs are in the order of their starts, then of preference.
//! 4. Under a skip strategy no match is said while a run with an earlier start lives.

use super::automaton::{Automaton, Edge, EdgeId, End, Guards, Way};
use super::store::{NONE, Store};
use super::trace::Teller;
use super::tree::{Contiguity, StepId};
use std::cmp::Ordering;

/// Where a match was said, the next one may begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Skip {
    /// Anywhere: every match is said.
    No,
    /// Behind its first event.
    ToNext,
    /// Behind its last event.
    PastLast,
    /// At the first event of this step.
    ToFirst(StepId),
    /// At the last event of this step.
    ToLast(StepId),
}

/// What of a pattern the matcher goes by.
#[derive(Debug, Clone)]
pub struct Rules {
    /// The automaton.
    pub automaton: Automaton,
    /// All events of a match are less than this behind the first, microseconds.
    pub within: Option<i64>,
    /// The skip strategy.
    pub skip: Skip,
    /// One preferred match for each start, as SQL has it.
    pub preferred: bool,
    /// Partial matches that ran out of time are said.
    pub timed_out: bool,
    /// Partial matches of a key, at most.
    pub most: usize,
    /// Steps whose conditions look at the match so far.
    pub looks_back: Vec<bool>,
}

impl Rules {
    /// Runs that stand at the same place have the same future, and one of them is preferred in all of them.
    fn prunes(&self) -> bool {
        matches!(self.skip, Skip::ToNext | Skip::PastLast)
            && !self.timed_out
            && !self.preferred
            && !self.looks_back.contains(&true)
            && self.automaton.branches()
    }

    fn has_gaps(&self) -> bool {
        self.automaton.edges.iter().any(|e| e.gap.is_some()) || matches!(self.automaton.end, End::Pending(_, Some(_)))
    }
}

/// It has taken all its events; a negation at the end is still open.
const PENDING: EdgeId = u32::MAX;
/// It has taken all its events; the next one must not meet the negation at the end.
const NEXT: EdgeId = u32::MAX - 1;
/// It is a match, unless a preferred one comes of its start.
const DONE: EdgeId = u32::MAX - 2;

/// A partial match at one place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run {
    /// Its chain.
    pub link: u32,
    /// Its first event.
    start: u32,
    /// The time of that.
    start_time: i64,
    /// Where it waits.
    edge: EdgeId,
    /// An event was skipped since the last one taken.
    seen: bool,
    /// Greedy bans of the edge that were lifted.
    lifted: u8,
}

impl Run {
    /// No run.
    pub const NONE: Run = Run { link: NONE, start: NONE, start_time: 0, edge: 0, seen: false, lifted: 0 };
}

/// A match that is not said yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Finished {
    /// Its chain.
    pub link: u32,
    start: u32,
}

/// What one key has open.
#[derive(Debug, Clone, Default)]
pub struct Live {
    /// Partial matches.
    pub runs: Vec<Run>,
    /// Matches that wait for earlier starts.
    pub finished: Vec<Finished>,
}

/// What the matcher says of a chain. Whoever takes it is a user of the link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Said {
    /// The chain.
    pub link: u32,
    /// When: the time of the event, or of the limit, that decided it.
    pub time: i64,
    /// It ran out of time, and is no match.
    pub timed_out: bool,
}

/// The event that is looked at.
#[derive(Debug, Clone, Copy)]
pub struct Now {
    /// Its place in the store.
    pub event: u32,
    /// Its time.
    pub time: i64,
    /// Bit s: the part of step s's condition that looks at this event alone is met.
    pub mask: u64,
}

/// Decides conditions that look at the match so far.
pub trait Judge {
    /// Another event is looked at.
    fn turn(&mut self) {}

    /// True where the condition of `step` is met by the event behind this chain.
    fn met(&mut self, store: &Store, step: StepId, before: u32, event: u32) -> bool;
}

/// What happened, for whoever counts or traces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Tallies {
    /// Runs that were given up as a key had too many.
    pub overflowed: u64,
    /// Runs that were dropped by the skip strategy, or as another was preferred in all that can come.
    pub pruned: u64,
}

/// The steps that a run on this edge asks of; all where any event matters to it.
fn asks(automaton: &Automaton, edge: &Edge) -> u64 {
    if edge.follows == Contiguity::Strict || looks_first(&edge.guards) {
        return u64::MAX;
    }
    let node = &automaton.nodes[edge.to as usize];
    let steps = [node.step].into_iter().chain(edge.until.iter().chain(&node.until).copied());
    let steps = steps.chain(edge.rivals.iter().chain(&edge.guards.never).copied());
    steps.chain(edge.guards.greedy.iter().map(|(s, _)| *s)).fold(0, |mask, s| mask | 1 << s)
}

/// True where something is asked of the first event behind the last one taken.
fn looks_first(guards: &Guards) -> bool {
    !guards.not_first.is_empty() || guards.greedy.iter().any(|(_, until)| until.is_some())
}

/// What is known of the conditions that look back from a chain.
#[derive(Debug, Clone, Copy, Default)]
struct Known {
    link: u32,
    /// Bit s: the condition of step s was asked, and was met.
    asked: u64,
    met: u64,
}

/// The matcher, with its room to work in.
#[derive(Debug)]
pub struct Matcher {
    rules: Rules,
    /// The buffer of all keys.
    pub store: Store,
    /// What was counted.
    pub tallies: Tallies,
    /// Tells what happens, where somebody asks.
    pub teller: Option<Box<Teller>>,
    prunes: bool,
    gaps: bool,
    known: Known,
    /// Steps that a match begins with.
    first: u64,
    /// For each edge the steps that a run which waits there asks of: an event that meets none leaves it as it is.
    asks: Vec<u64>,
    spawned: Vec<Run>,
    /// Nodes that have taken the event behind the chain that is looked at: node, link, whether with what may follow.
    taken: Vec<(u32, u32, bool)>,
    /// Links made for the event.
    fresh: Vec<u32>,
    /// Of the event, where somebody asks: chains that runs were dropped of, with why, and chains that went on.
    drops: Vec<(u32, String)>,
    went: Vec<u32>,
    order: Vec<(u32, EdgeId, u16, i64, u32)>,
    left: Vec<(usize, u32)>,
    right: Vec<(usize, u32)>,
}

impl Matcher {
    /// A matcher that goes by these rules.
    pub fn new(rules: Rules) -> Self {
        let nodes = rules.automaton.start.iter().map(|e| rules.automaton.edges[*e as usize].to as usize);
        let first = nodes.fold(0, |m, n| m | 1 << rules.automaton.nodes[n].step);
        Self {
            prunes: rules.prunes(),
            gaps: rules.has_gaps(),
            known: Known::default(),
            first,
            asks: rules.automaton.edges.iter().map(|e| asks(&rules.automaton, e)).collect(),
            rules,
            store: Store::default(),
            tallies: Tallies::default(),
            teller: None,
            spawned: Vec::new(),
            taken: Vec::new(),
            fresh: Vec::new(),
            drops: Vec::new(),
            went: Vec::new(),
            order: Vec::new(),
            left: Vec::new(),
            right: Vec::new(),
        }
    }

    /// The rules.
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// True where an event with this mask can begin a match.
    pub fn begins(&self, mask: u64) -> bool {
        mask & self.first != 0
    }

    /// The next limit of time: nothing happens before it unless an event comes.
    pub fn next_limit(&self, live: &Live) -> Option<i64> {
        live.runs.iter().filter_map(|run| self.limit(run)).min()
    }

    /// When the run is out of time, or a negation at the end has held.
    fn limit(&self, run: &Run) -> Option<i64> {
        if run.edge == DONE {
            return None;
        }
        let whole = self.rules.within.map(|w| run.start_time.saturating_add(w));
        if !self.gaps {
            return whole;
        }
        let gap = match run.edge {
            PENDING => match &self.rules.automaton.end {
                End::Pending(_, gap) => *gap,
                _ => None,
            },
            NEXT => None,
            edge => self.rules.automaton.edges[edge as usize].gap,
        };
        let gap = gap.map(|gap| self.store.last_time(run.link).saturating_add(gap));
        whole.into_iter().chain(gap).min()
    }

    /// Lets time go on to `now`: limits up to it are passed, one after the other.
    pub fn pass(&mut self, live: &mut Live, now: i64, said: &mut Vec<Said>) {
        while let Some(limit) = self.next_limit(live).filter(|limit| *limit <= now) {
            let finished = live.finished.len();
            let (mut expired, mut same): (Vec<u32>, Vec<u32>) = (Vec::new(), Vec::new());
            live.runs.retain(|run| {
                let over = self.limit(run).is_some_and(|l| l <= limit);
                if over {
                    match run.edge {
                        // It has come to its end in two ways.
                        PENDING if live.finished[finished..].last().is_some_and(|f| f.link == run.link) => {
                            same.push(run.link);
                        }
                        PENDING => live.finished.push(Finished { link: run.link, start: run.start }),
                        _ => expired.push(run.link),
                    }
                }
                !over
            });
            if self.rules.timed_out {
                let mut told = NONE;
                for link in &expired {
                    // A chain that can still go on elsewhere has not run out of time.
                    if *link != told && !live.runs.iter().any(|r| r.link == *link) {
                        self.store.share(*link);
                        said.push(Said { link: *link, time: limit, timed_out: true });
                        told = *link;
                    }
                }
            }
            if self.is_told() && !expired.is_empty() {
                self.tell_time(limit, &expired);
            }
            for link in expired.into_iter().chain(same) {
                self.store.drop_link(link);
            }
            self.say(live, finished, limit, said);
        }
    }

    /// Ends the input: nothing more comes, at no time.
    pub fn end(&mut self, live: &mut Live, time: i64, said: &mut Vec<Said>) {
        self.pass(live, i64::MAX, said);
        for run in live.runs.iter().filter(|r| r.edge != DONE) {
            self.store.drop_link(run.link);
        }
        live.runs.retain(|r| r.edge == DONE);
        let finished = live.finished.len();
        self.say(live, finished, time, said);
    }

    /// Shows an event; time has been passed up to it.
    pub fn feed(&mut self, live: &mut Live, now: Now, judge: &mut dyn Judge, said: &mut Vec<Said>) {
        let finished = live.finished.len();
        self.known = Known { link: NONE, ..Known::default() };
        judge.turn();
        if self.rules.preferred {
            self.feed_preferred(live, now, judge);
        } else {
            self.feed_all(live, now, judge);
        }
        if !self.drops.is_empty() {
            self.tell_drops(live);
        }
        self.went.clear();
        let mut fresh = std::mem::take(&mut self.fresh);
        fresh.drain(..).for_each(|link| self.store.drop_link(link));
        self.fresh = fresh;
        if live.runs.len() > 1 && self.prunes {
            self.prune(live);
        }
        if live.runs.len() > self.rules.most {
            self.cap(live);
        }
        if self.rules.preferred || live.finished.len() > finished || !live.finished.is_empty() {
            self.say(live, finished, now.time, said);
        }
    }

    fn feed_all(&mut self, live: &mut Live, now: Now, judge: &mut dyn Judge) {
        let mut spawned = std::mem::take(&mut self.spawned);
        let mut at = None;
        let mut kept = 0;
        let mut from = live.finished.len();
        // Where those begin that have come of one link.
        let mut group = 0;
        for i in 0..live.runs.len() {
            let run = live.runs[i];
            if self.asks.get(run.edge as usize).is_some_and(|asks| *asks != u64::MAX && asks & now.mask == 0) {
                live.runs[kept] = run;
                kept += 1;
                continue;
            }
            if at != Some(run.link) {
                at = Some(run.link);
                self.taken.clear();
                from = live.finished.len();
                self.together(&mut spawned[group..]);
                group = spawned.len();
            }
            match self.look(run, now, judge, &mut spawned, &mut live.finished, from) {
                Some(run) => {
                    live.runs[kept] = run;
                    kept += 1;
                }
                None => self.store.drop_link(run.link),
            }
        }
        live.runs.truncate(kept);
        self.together(&mut spawned[group..]);
        if self.begins(now.mask) {
            self.taken.clear();
            (from, group) = (live.finished.len(), spawned.len());
            for i in 0..self.rules.automaton.start.len() {
                let run = self.new_run(self.rules.automaton.start[i], now);
                self.look(run, now, judge, &mut spawned, &mut live.finished, from);
            }
            self.together(&mut spawned[group..]);
        }
        live.runs.append(&mut spawned);
        self.spawned = spawned;
    }

    /// Puts runs with one link together, of those that have come of one link and one event: their links differ by step.
    fn together(&self, spawned: &mut [Run]) {
        if spawned.len() > 2 {
            spawned.sort_by_key(|run| self.store.of(run.link).step);
        }
    }

    fn new_run(&self, edge: EdgeId, now: Now) -> Run {
        Run { link: NONE, start: now.event, start_time: now.time, edge, seen: false, lifted: 0 }
    }

    /// In `mode = "row"`: runs of one start after the other, in order of preference.
    fn feed_preferred(&mut self, live: &mut Live, now: Now, judge: &mut dyn Judge) {
        let mut next = std::mem::take(&mut self.spawned);
        let mut runs = std::mem::take(&mut live.runs);
        if self.begins(now.mask) {
            runs.extend(self.rules.automaton.start.iter().map(|edge| self.new_run(*edge, now)));
        }
        let (mut start, mut group, mut ended) = (None, 0, false);
        let mut none = Vec::new();
        for run in runs.drain(..) {
            if start != Some(run.start) {
                (start, group, ended) = (Some(run.start), next.len(), false);
                self.taken.clear();
            }
            if ended {
                self.store.drop_link(run.link);
                continue;
            }
            if run.edge == DONE {
                next.push(run);
                continue;
            }
            // Chains of one start are all looked at in turn, so what was taken is remembered by chain.
            self.taken.clear();
            let before = next.len();
            let stays = self.look(run, now, judge, &mut next, &mut none, 0);
            // What stands where a preferred one stands has its future and no more.
            let by_place = !self.gaps && !self.rules.looks_back.contains(&true);
            let mut i = before;
            while i < next.len() {
                let new = next[i];
                let same = |r: &Run| {
                    r.edge == new.edge
                        && r.seen == new.seen
                        && r.lifted == new.lifted
                        && (by_place || r.link == new.link)
                };
                if ended || next[group..i].iter().any(same) {
                    self.store.drop_link(new.link);
                    next.remove(i);
                } else {
                    ended = new.edge == DONE;
                    i += 1;
                }
            }
            match stays.filter(|_| !ended) {
                Some(run) => next.push(run),
                None => self.store.drop_link(run.link),
            }
        }
        live.runs = next;
        self.spawned = runs;
    }

    /// Looks whether a run takes the event, and what comes of that; gives the run as it waits on, if it does.
    fn look(
        &mut self,
        mut run: Run,
        now: Now,
        judge: &mut dyn Judge,
        spawned: &mut Vec<Run>,
        finished: &mut Vec<Finished>,
        from: usize,
    ) -> Option<Run> {
        let Self { rules, store, known, .. } = self;
        if known.link != run.link {
            *known = Known { link: run.link, ..Known::default() };
        }
        let mut met = |step: StepId| {
            let bit = 1 << step;
            if now.mask & bit == 0 || !rules.looks_back[step] {
                return now.mask & bit != 0;
            }
            if known.asked & bit == 0 {
                known.asked |= bit;
                known.met |= if judge.met(store, step, run.link, now.event) { bit } else { 0 };
            }
            known.met & bit != 0
        };
        match run.edge {
            PENDING => {
                let End::Pending(never, _) = &rules.automaton.end else { return None };
                let holds = !never.iter().any(|s| met(*s));
                if !holds && self.teller.as_ref().is_some_and(|t| t.is_on()) {
                    store.share(run.link);
                    self.drops.push((run.link, "an event came that must not come within the time".to_owned()));
                }
                return holds.then_some(run);
            }
            NEXT => {
                let End::Next(not) = &rules.automaton.end else { return None };
                let holds = !not.iter().any(|s| met(*s));
                if !holds && self.teller.as_ref().is_some_and(|t| t.is_on()) {
                    store.share(run.link);
                    self.drops.push((run.link, "the next event is one that must not be".to_owned()));
                }
                if holds && !finished[from..].iter().any(|f| f.link == run.link) {
                    store.share(run.link);
                    finished.push(Finished { link: run.link, start: run.start });
                }
                return None;
            }
            _ => {}
        }
        let edge = &rules.automaton.edges[run.edge as usize];
        let node = &rules.automaton.nodes[edge.to as usize];
        let first = !run.seen;
        let guards = &edge.guards;
        if first {
            for (i, (_, until)) in guards.greedy.iter().enumerate().take(8) {
                if until.is_some_and(&mut met) {
                    run.lifted |= 1 << i;
                }
            }
        }
        let meets = met(node.step);
        let lifted = run.lifted;
        let barred = (first && guards.not_first.iter().any(|s| met(*s)))
            || guards.greedy.iter().enumerate().any(|(i, (s, _))| (i >= 8 || lifted & (1 << i) == 0) && met(*s));
        let never = guards.never.iter().any(|s| met(*s));
        let stays = run.link != NONE
            && match edge.follows {
                Contiguity::Strict => false,
                Contiguity::Relaxed => !meets && !edge.rivals.iter().any(|s| met(*s)),
                Contiguity::Any => true,
            }
            && !barred
            && !never
            && !edge.until.iter().any(|s| met(*s));
        let takes = meets && !barred && !node.until.iter().any(|s| met(*s));
        if let Some(teller) = self.teller.as_ref().filter(|t| t.is_on() && !stays && !takes && run.link != NONE) {
            let not_first = guards.not_first.iter().copied().filter(|_| first).find(|s| met(*s));
            let forbidden = guards.never.iter().copied().find(|s| met(*s));
            let greedy = guards.greedy.iter().map(|(s, _)| *s).find(|s| met(*s));
            let until = edge.until.iter().chain(&node.until).copied().find(|s| met(*s));
            let name = |s: StepId| teller.step(s);
            let why = match (not_first, forbidden, greedy, until) {
                (Some(s), ..) => format!("it is {}, which must not be next", name(s)),
                (_, Some(s), ..) => format!("it is {}, which must not come here", name(s)),
                (_, _, Some(s), _) if barred => format!("it is {}, of which the loop before takes all", name(s)),
                (_, _, _, Some(s)) => format!("it is {}, which ends the loop", name(s)),
                _ => format!("the next event must be {}, and this is none", name(node.step)),
            };
            store.share(run.link);
            self.drops.push((run.link, why));
        }
        if takes {
            self.take(run, now, !never, spawned, finished, from);
        }
        // Where nothing is asked of the first event alone, runs that differ in it alone are the same.
        run.seen = looks_first(&self.rules.automaton.edges[run.edge as usize].guards);
        stays.then_some(run)
    }

    /// The event is taken. `on`: the match may go on behind it.
    fn take(
        &mut self,
        run: Run,
        now: Now,
        on: bool,
        spawned: &mut Vec<Run>,
        finished: &mut Vec<Finished>,
        from: usize,
    ) {
        let Self { rules, store, taken, fresh, teller, went, .. } = self;
        let to = rules.automaton.edges[run.edge as usize].to;
        let node = &rules.automaton.nodes[to as usize];
        let mut told = false;
        match taken.iter_mut().find(|(n, ..)| *n == to) {
            Some((_, _, went_on)) if *went_on || !on => return,
            Some((_, _, went_on)) => (*went_on, told) = (true, true),
            None => {}
        }
        let same =
            |(n, link, _): &(u32, u32, bool)| (rules.automaton.nodes[*n as usize].step == node.step).then_some(*link);
        let link = match taken.iter().find_map(same) {
            Some(link) => link,
            None => {
                let link = store.link(run.link, now.event, node.step);
                fresh.push(link);
                link
            }
        };
        if !told {
            taken.push((to, link, on));
            if let Some(teller) = teller.as_ref().filter(|t| t.is_on()) {
                teller.took(store, &rules.automaton, to, link, run.link);
                went.push(run.link);
            }
        }
        for way in &node.next {
            let edge = match (way, &rules.automaton.end) {
                (Way::Edge(edge), _) if on => *edge,
                (Way::Edge(_), _) => continue,
                (Way::Accept, _) if rules.preferred => DONE,
                (Way::Accept, End::Plain) => {
                    if !told && !finished[from..].iter().any(|f| f.link == link) {
                        store.share(link);
                        finished.push(Finished { link, start: run.start });
                    }
                    continue;
                }
                (Way::Accept, _) if !on => continue,
                (Way::Accept, End::Pending(..)) => PENDING,
                (Way::Accept, End::Next(_)) => NEXT,
            };
            store.share(link);
            spawned.push(Run { link, edge, seen: false, lifted: 0, ..run });
        }
    }

    /// Of the runs that stand at one place with one start, all but the best: whatever comes, that will be said.
    fn prune(&mut self, live: &mut Live) {
        let mut order = std::mem::take(&mut self.order);
        order.clear();
        let last = |run: &Run| if self.gaps { self.store.last_time(run.link) } else { 0 };
        order.extend(
            live.runs
                .iter()
                .enumerate()
                .map(|(i, r)| (r.start, r.edge, u16::from(r.lifted) << 1 | u16::from(r.seen), last(r), i as u32)),
        );
        order.sort_unstable();
        let mut dropped = Vec::new();
        let mut at = 0;
        while at < order.len() {
            let place = |o: &(u32, EdgeId, u16, i64, u32)| (o.0, o.1, o.2, o.3);
            let end = at + order[at..].iter().take_while(|o| place(o) == place(&order[at])).count();
            let mut best = order[at].4;
            for other in &order[at + 1..end] {
                let (a, b) = (live.runs[best as usize].link, live.runs[other.4 as usize].link);
                if self.prefers(b, a) == Ordering::Less {
                    dropped.push(best);
                    best = other.4;
                } else {
                    dropped.push(other.4);
                }
            }
            at = end;
        }
        self.order = order;
        if dropped.is_empty() {
            return;
        }
        dropped.sort_unstable();
        self.tallies.pruned += dropped.len() as u64;
        self.tell_all(
            dropped.iter().map(|i| live.runs[*i as usize].link),
            "another at the same place will be said instead",
        );
        let (mut i, mut next) = (0u32, 0);
        live.runs.retain(|run| {
            let gone = dropped.get(next) == Some(&i);
            i += 1;
            if gone {
                next += 1;
                self.store.drop_link(run.link);
            }
            !gone
        });
    }

    /// Gives up the partial matches of the earliest starts, or where there is one start the least preferred ones.
    fn cap(&mut self, live: &mut Live) {
        // Runs of one chain, which stand together, are one partial match at several places.
        let chains = |runs: &[Run]| {
            runs.iter().zip(1..).filter(|(r, next)| runs.get(*next).is_none_or(|n| n.link != r.link)).count()
        };
        loop {
            let before = chains(&live.runs);
            if before <= self.rules.most {
                return;
            }
            let Some(first) = live.runs.iter().map(|r| self.store.origin(r.start)).min() else { return };
            let alone = live.runs.iter().all(|r| self.store.origin(r.start) == first);
            if self.is_told() {
                self.say_line("    dropped   the partial matches that began first: the key has too many");
            }
            let (mut seen, mut last) = (0, None);
            let most = self.rules.most;
            let store = &mut self.store;
            live.runs.retain(|run| {
                if last != Some(run.link) {
                    (seen, last) = (seen + 1, Some(run.link));
                }
                let gone = if alone { seen > most } else { store.origin(run.start) == first };
                if gone {
                    store.drop_link(run.link);
                }
                !gone
            });
            self.tallies.overflowed += (before - chains(&live.runs)) as u64;
        }
    }

    /// Which of two chains of one start is said first: the longer one, then the one with more events in earlier steps,
    /// then the one with earlier events.
    fn prefers(&mut self, a: u32, b: u32) -> Ordering {
        if a == b {
            return Ordering::Equal;
        }
        let longer = self.store.of(b).depth.cmp(&self.store.of(a).depth);
        if longer != Ordering::Equal {
            return longer;
        }
        let Self { store, left, right, .. } = self;
        left.clear();
        right.clear();
        left.extend(store.back(a));
        right.extend(store.back(b));
        left.reverse();
        right.reverse();
        let steps = left.iter().map(|(s, _)| *s).cmp(right.iter().map(|(s, _)| *s));
        let time = |list: &[(usize, u32)], i: usize| store.origin(list[i].1);
        steps.then_with(|| (0..left.len()).map(|i| time(left, i)).cmp((0..right.len()).map(|i| time(right, i))))
    }

    /// Says what can be said at this time. Matches from `new` on have just been finished.
    fn say(&mut self, live: &mut Live, new: usize, time: i64, said: &mut Vec<Said>) {
        if self.rules.preferred {
            return self.say_preferred(live, time, said);
        }
        if live.finished.is_empty() {
            return;
        }
        if live.finished.len() > 1 {
            let mut list = std::mem::take(&mut live.finished);
            list[if self.rules.skip == Skip::No { new } else { 0 }..].sort_by(|a, b| {
                let starts = self.store.origin(a.start).cmp(&self.store.origin(b.start));
                starts.then_with(|| self.prefers(a.link, b.link))
            });
            live.finished = list;
        }
        if self.rules.skip == Skip::No {
            let links: Vec<u32> = live.finished.drain(..).map(|f| f.link).collect();
            links.iter().for_each(|link| self.tell(*link, "match", ""));
            said.extend(links.into_iter().map(|link| Said { link, time, timed_out: false }));
            return;
        }
        while let Some(first) = live.finished.first().copied() {
            let start = self.store.origin(first.start);
            if live.runs.iter().any(|r| r.start != first.start && self.store.origin(r.start) < start) {
                self.tell(first.link, "waits", "complete, but a partial match that began earlier is still open");
                return;
            }
            live.finished.remove(0);
            self.tell(first.link, "match", "");
            said.push(Said { link: first.link, time, timed_out: false });
            self.skip(live, first.link);
        }
    }

    fn say_preferred(&mut self, live: &mut Live, time: i64, said: &mut Vec<Said>) {
        let waits = !matches!(self.rules.skip, Skip::No | Skip::ToNext);
        let mut i = 0;
        while i < live.runs.len() {
            let run = live.runs[i];
            let end = i + live.runs[i..].iter().take_while(|r| r.start == run.start).count();
            if run.edge == DONE {
                // The rest of its start is less preferred, and has ended.
                for other in live.runs.drain(i..end).skip(1) {
                    self.store.drop_link(other.link);
                }
                self.tell(run.link, "match", "");
                said.push(Said { link: run.link, time, timed_out: false });
                if waits {
                    self.skip(live, run.link);
                    i = 0;
                }
            } else if waits {
                return;
            } else {
                i = end;
            }
        }
    }

    /// Drops what begins where no match may begin behind the one that was said.
    fn skip(&mut self, live: &mut Live, link: u32) {
        let store = &self.store;
        let of = |step: StepId, last: bool| {
            let mut list = store.back(link).filter(|(s, _)| *s == step).map(|(_, e)| store.origin(e));
            if last { list.next() } else { list.last() }
        };
        // Up to which origin, and whether that itself is dropped.
        let (to, with) = match self.rules.skip {
            Skip::No => return,
            Skip::PastLast => (Some(store.origin(store.of(link).event)), true),
            Skip::ToNext => (store.back(link).last().map(|(_, e)| store.origin(e)), true),
            Skip::ToFirst(step) => (of(step, false), false),
            Skip::ToLast(step) => (of(step, true), false),
        };
        let Some(to) = to else { return };
        let store = &mut self.store;
        let mut gone = Vec::new();
        let mut drop = |start: u32, link: u32| {
            let start = store.origin(start);
            let dropped = start < to || (with && start == to);
            if dropped {
                gone.push(link);
            }
            !dropped
        };
        live.runs.retain(|run| drop(run.start, run.link));
        live.finished.retain(|f| drop(f.start, f.link));
        self.tallies.pruned += gone.len() as u64;
        self.tell_all(gone.iter().copied(), "no match may begin there after the one that was said");
        gone.into_iter().for_each(|link| self.store.drop_link(link));
    }

    /// True where somebody hears of the key that is looked at.
    fn is_told(&self) -> bool {
        self.teller.as_ref().is_some_and(|t| t.is_on())
    }

    fn say_line(&self, text: &str) {
        if let Some(teller) = self.teller.as_ref().filter(|t| t.is_on()) {
            teller.say(text);
        }
    }

    fn tell(&self, link: u32, what: &str, why: &str) {
        if let Some(teller) = self.teller.as_ref().filter(|t| t.is_on()) {
            teller.tell(&self.store, what, link, why);
        }
    }

    /// Tells of chains that are dropped, each once.
    fn tell_all(&self, links: impl Iterator<Item = u32>, why: &str) {
        if self.is_told() {
            let mut links: Vec<u32> = links.collect();
            links.dedup();
            links.iter().for_each(|link| self.tell(*link, "dropped", why));
        }
    }

    /// Tells of chains that no run is left of, and that did not go on.
    fn tell_drops(&mut self, live: &Live) {
        let drops = std::mem::take(&mut self.drops);
        for (i, (link, why)) in drops.iter().enumerate() {
            let known = drops[..i].iter().any(|(l, _)| l == link) || self.went.contains(link);
            if !known && !live.runs.iter().any(|r| r.link == *link) {
                self.tell(*link, "dropped", why);
            }
        }
        drops.iter().for_each(|(link, _)| self.store.drop_link(*link));
    }

    fn tell_time(&self, limit: i64, expired: &[u32]) {
        self.say_line(&format!("{}  time has come this far", crate::time::EventTime(limit)));
        self.tell_all(expired.iter().copied(), "out of time");
    }

    /// A copy of what a key has open, with users of its own.
    pub fn copy(&mut self, live: &Live) -> Live {
        live.runs.iter().for_each(|r| self.store.share(r.link));
        live.finished.iter().for_each(|f| self.store.share(f.link));
        live.clone()
    }

    /// Gives up what a key has open.
    pub fn drop(&mut self, live: Live) {
        live.runs.iter().for_each(|r| self.store.drop_link(r.link));
        live.finished.iter().for_each(|f| self.store.drop_link(f.link));
    }
}
