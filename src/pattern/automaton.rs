//! A pattern's tree, turned into an automaton whose nodes take events and whose edges say how the next one may follow.
//!
//! Every quantifier with a limit is written out, so a node stands for one place of the pattern; a loop without a limit
//! goes back to its last node. What lies between two nodes, skipped elements and negations, is on the edge, as in
//! Glushkov's construction (V. M. Glushkov, *The abstract theory of automata*, 1961): there are no moves without an
//! event. The ways out of a node are in order of preference, greedy loops first, for the mode that has one.
//!
//! Guards of an edge, with the rules they come from:
//! - `never`: a negation `-> !a` before the next event taken; also inside of a loop that it follows.
//! - `not_first`: a negation `, !a`: the first event after the last one taken does not meet it.
//! - `greedy`: a greedy loop was left: no event of the gap, nor the one taken, may meet the loop's condition, unless the
//!   first of them meets its `until`.
//! - `until`: an event that ends a loop may not be skipped inside of it.
//! - `rivals`: the other alternatives: under relaxed contiguity an event that begins one is not skipped.

use super::tree::{Contiguity, Mode, Of, Sequence, StepId, Term, Times, Tree, Unit};

/// The most nodes and edges of an automaton, together.
pub const MOST_PARTS: usize = 50_000;
/// Elements of a `PERMUTE`, at most.
pub const MOST_PERMUTED: usize = 5;

/// Index of a node.
pub type NodeId = u32;
/// Index of an edge.
pub type EdgeId = u32;

/// How far apart neighbouring events of a match may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StepGaps {
    /// As far as they like.
    None,
    /// Less than this, microseconds.
    Every(i64),
    /// The event of the step less than this behind the one before it.
    Steps(Vec<(StepId, i64)>),
}

impl StepGaps {
    /// The limit before an event of this step.
    pub fn before(&self, step: StepId) -> Option<i64> {
        match self {
            StepGaps::None => None,
            StepGaps::Every(gap) => Some(*gap),
            StepGaps::Steps(list) => list.iter().find(|(s, _)| *s == step).map(|(_, gap)| *gap),
        }
    }
}

/// What makes a match of the last event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// Nothing more.
    Plain,
    /// `-> !a` at the end: no event that meets one of these before the limit.
    Pending(Vec<StepId>, Option<i64>),
    /// `, !a` at the end: a next event, that meets none of these.
    Next(Vec<StepId>),
}

/// Where a node leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// To a next event.
    Edge(EdgeId),
    /// To a match.
    Accept,
}

/// A place of the pattern that takes one event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Whose condition the event meets.
    pub step: StepId,
    /// Conditions that it does not meet: those that end the loops it is in.
    pub until: Vec<StepId>,
    /// What may come after it, preferred ones first.
    pub next: Vec<Way>,
}

/// How an event follows the one before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edge {
    /// The node that takes it.
    pub to: NodeId,
    /// What may be skipped before it.
    pub follows: Contiguity,
    /// See the head of this file.
    pub guards: Guards,
    /// Conditions that no skipped event meets.
    pub until: Vec<StepId>,
    /// Steps whose conditions no event skipped under relaxed contiguity meets, beside that of the node.
    pub rivals: Vec<StepId>,
    /// How far behind the event before it, less than, microseconds.
    pub gap: Option<i64>,
}

/// What must not be between two events.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Guards {
    /// Not met by a skipped event, nor by the one taken, unless that completes the match.
    pub never: Vec<StepId>,
    /// Not met by the first event behind.
    pub not_first: Vec<StepId>,
    /// Loops that were left greedily: condition and `until`.
    pub greedy: Vec<(StepId, Option<StepId>)>,
}

impl Guards {
    fn and(&self, more: &Guards) -> Guards {
        let mut all = self.clone();
        let add = |list: &mut Vec<StepId>, more: &[StepId]| {
            more.iter().for_each(|s| {
                if !list.contains(s) {
                    list.push(*s);
                }
            });
        };
        add(&mut all.never, &more.never);
        add(&mut all.not_first, &more.not_first);
        more.greedy.iter().for_each(|g| {
            if !all.greedy.contains(g) {
                all.greedy.push(*g);
            }
        });
        all
    }
}

/// The automaton of a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Automaton {
    /// The names of the steps.
    pub steps: Vec<String>,
    /// Its nodes.
    pub nodes: Vec<Node>,
    /// Its edges; those of `start` have no event before them.
    pub edges: Vec<Edge>,
    /// How a match begins.
    pub start: Vec<EdgeId>,
    /// How it ends.
    pub end: End,
}

/// A pattern that would need too many nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooLarge;

/// A way while the automaton is built.
#[derive(Debug, Clone)]
enum Draft {
    To(DraftEdge),
    /// Out of the fragment, with what must not be behind it.
    Exit(Guards),
}

#[derive(Debug, Clone)]
struct DraftEdge {
    edge: Edge,
    /// It leads to the first element: how that follows is said outside.
    head: bool,
}

/// A part of the automaton while it is built.
struct Fragment {
    entry: Vec<Draft>,
    /// Nodes that have ways out of the fragment.
    exits: Vec<usize>,
}

/// What holds round an element.
#[derive(Clone, Copy)]
struct Around<'a> {
    /// Ends of the groups it is in.
    until: &'a [StepId],
    /// What a negation right behind it forbids.
    not: Option<(Contiguity, &'a [StepId])>,
}

struct Builder<'a> {
    gaps: &'a StepGaps,
    /// A greedy loop that was left bars what it could have taken; in `mode = "row"` it is only preferred.
    bans: bool,
    nodes: Vec<(StepId, Vec<StepId>, Vec<Draft>)>,
    /// Drafts made so far: a bound on the work.
    parts: usize,
}

impl Automaton {
    /// Builds the automaton.
    ///
    /// # Errors
    /// Where it would have more than [`MOST_PARTS`] nodes and edges.
    pub fn new(tree: &Tree, gaps: &StepGaps, mode: Mode) -> Result<Self, TooLarge> {
        let mut taking = &tree.root[..];
        let mut last: Vec<(Contiguity, &[StepId])> = Vec::new();
        while let Some((item, rest)) = taking.split_last()
            && let Term::Not(steps) = &item.term
        {
            last.insert(0, (item.follows, steps));
            taking = rest;
        }
        let mut builder = Builder { gaps, bans: mode == Mode::Sequence, nodes: Vec::new(), parts: 0 };
        let around = Around { until: &[], not: last.first().copied() };
        let whole = builder.sequence(taking, around)?;
        let steps: Vec<StepId> = last.iter().flat_map(|(_, steps)| steps.iter().copied()).collect();
        let end = match last.first() {
            None => End::Plain,
            Some((Contiguity::Strict, _)) => End::Next(steps),
            Some(_) => {
                let gap = steps.iter().filter_map(|s| gaps.before(*s)).min();
                End::Pending(steps, gap)
            }
        };
        builder.finish(tree, whole, end)
    }

    /// The places of all nodes that can take an event of the step.
    pub fn nodes_of(&self, step: StepId) -> impl Iterator<Item = usize> {
        self.nodes.iter().enumerate().filter(move |(_, n)| n.step == step).map(|(i, _)| i)
    }

    /// True where an event that meets no condition can matter: it may be in the way.
    pub fn sees_all(&self) -> bool {
        let strict = |e: &Edge| e.follows == Contiguity::Strict || !e.guards.not_first.is_empty();
        // The first edges have nothing before them.
        let inner = self.nodes.iter().flat_map(|n| &n.next).filter_map(|w| match w {
            Way::Edge(e) => Some(&self.edges[*e as usize]),
            Way::Accept => None,
        });
        inner.into_iter().any(strict) || self.greedy_until() || matches!(self.end, End::Next(_))
    }

    /// The first event behind a greedy loop may lift its ban.
    fn greedy_until(&self) -> bool {
        self.edges.iter().any(|e| e.guards.greedy.iter().any(|(_, until)| until.is_some()))
    }

    /// True where one partial match can lead to several that stand at the same place.
    pub fn branches(&self) -> bool {
        let ways = |n: &Node| n.next.len() > 1;
        self.nodes.iter().any(ways) || self.start.len() > 1 || self.edges.iter().any(|e| e.follows == Contiguity::Any)
    }
}

impl Builder<'_> {
    fn count(&mut self, n: usize) -> Result<(), TooLarge> {
        self.parts += n;
        if self.parts > MOST_PARTS { Err(TooLarge) } else { Ok(()) }
    }

    /// Elements, one after the other. The heads of its first element are heads of the fragment.
    fn sequence(&mut self, items: &[super::tree::Item], around: Around<'_>) -> Result<Fragment, TooLarge> {
        let mut whole = Fragment { entry: vec![Draft::Exit(Guards::default())], exits: Vec::new() };
        for (i, item) in items.iter().enumerate() {
            let mut part = match &item.term {
                Term::Not(steps) => {
                    let mut guards = Guards::default();
                    match item.follows {
                        Contiguity::Strict => guards.not_first.clone_from(steps),
                        _ => guards.never.clone_from(steps),
                    }
                    Fragment { entry: vec![Draft::Exit(guards)], exits: Vec::new() }
                }
                Term::Take(unit) => {
                    let not = match items.get(i + 1) {
                        Some(next) => match &next.term {
                            Term::Not(steps) => Some((next.follows, &steps[..])),
                            Term::Take(_) => None,
                        },
                        None => around.not,
                    };
                    self.unit(unit, Around { not, ..around })?
                }
            };
            if i > 0 {
                heads(&mut part.entry, item.follows, false);
            }
            whole = self.then(whole, part)?;
        }
        Ok(whole)
    }

    /// `first`, then `second`.
    fn then(&mut self, mut first: Fragment, second: Fragment) -> Result<Fragment, TooLarge> {
        first.entry = self.replace(first.entry, &second.entry)?;
        let mut exits = second.exits;
        for node in first.exits {
            let next = std::mem::take(&mut self.nodes[node].2);
            self.nodes[node].2 = self.replace(next, &second.entry)?;
            if self.leaves(node) && !exits.contains(&node) {
                exits.push(node);
            }
        }
        Ok(Fragment { entry: first.entry, exits })
    }

    fn leaves(&self, node: usize) -> bool {
        self.nodes[node].2.iter().any(|d| matches!(d, Draft::Exit(_)))
    }

    /// Puts `by` where ways lead out.
    fn replace(&mut self, ways: Vec<Draft>, by: &[Draft]) -> Result<Vec<Draft>, TooLarge> {
        let mut list = Vec::new();
        for way in ways {
            match way {
                Draft::To(edge) => list.push(Draft::To(edge)),
                Draft::Exit(guards) => {
                    self.count(by.len())?;
                    list.extend(by.iter().map(|to| match to {
                        Draft::To(to) => {
                            let mut to = to.clone();
                            to.edge.guards = guards.and(&to.edge.guards);
                            Draft::To(to)
                        }
                        Draft::Exit(more) => Draft::Exit(guards.and(more)),
                    }));
                }
            }
        }
        Ok(list)
    }

    fn unit(&mut self, unit: &Unit, around: Around<'_>) -> Result<Fragment, TooLarge> {
        match &unit.of {
            Of::Step(step) => self.step(*step, unit.times.as_ref(), unit.until, around),
            of => match &unit.times {
                None => self.once(of, around),
                Some(times) => self.group(of, times, unit.until, around),
            },
        }
    }

    /// What is not a step, once.
    fn once(&mut self, of: &Of, around: Around<'_>) -> Result<Fragment, TooLarge> {
        match of {
            Of::Step(step) => self.step(*step, None, None, around),
            Of::Group(items) => self.sequence(items, around),
            Of::Choice(units) => {
                let parts = units.iter().map(|u| self.unit(u, around)).collect::<Result<Vec<_>, _>>()?;
                Ok(self.choice(parts))
            }
            Of::Permute(units) => {
                let mut parts = Vec::new();
                for order in orders(units.len().min(MOST_PERMUTED)) {
                    let item = |i: &usize| super::tree::Item {
                        follows: Contiguity::Strict,
                        term: Term::Take(units[*i].clone()),
                        place: super::tree::Place::default(),
                    };
                    let items: Sequence = order.iter().map(item).collect();
                    parts.push(self.sequence(&items, around)?);
                }
                Ok(self.choice(parts))
            }
        }
    }

    /// One of the fragments, the first preferred.
    fn choice(&mut self, parts: Vec<Fragment>) -> Fragment {
        let mut heads: Vec<StepId> = Vec::new();
        for draft in parts.iter().flat_map(|p| &p.entry) {
            if let Draft::To(to) = draft
                && to.head
                && !heads.contains(&self.nodes[to.edge.to as usize].0)
            {
                heads.push(self.nodes[to.edge.to as usize].0);
            }
        }
        let mut whole = Fragment { entry: Vec::new(), exits: Vec::new() };
        for mut part in parts {
            for draft in &mut part.entry {
                if let Draft::To(to) = draft
                    && to.head
                {
                    let own = self.nodes[to.edge.to as usize].0;
                    let more = heads.iter().copied().filter(|s| *s != own);
                    let new: Vec<StepId> = more.filter(|s| !to.edge.rivals.contains(s)).collect();
                    to.edge.rivals.extend(new);
                }
            }
            whole.entry.append(&mut part.entry);
            whole.exits.append(&mut part.exits);
        }
        whole
    }

    /// A step, as often as is said.
    fn step(
        &mut self,
        step: StepId,
        times: Option<&Times>,
        until: Option<StepId>,
        around: Around<'_>,
    ) -> Result<Fragment, TooLarge> {
        let once = Times { min: 1, max: Some(1), greedy: true, inner: Contiguity::Relaxed, gap: None };
        let times = times.unwrap_or(&once);
        let (optional, least) = (times.min == 0, times.min.max(1));
        let ends: Vec<StepId> = until.iter().chain(around.until).copied().collect();
        let exact = times.max == Some(least);
        let left = Guards {
            greedy: if times.greedy && !exact && self.bans { vec![(step, until)] } else { Vec::new() },
            ..Guards::default()
        };
        let within = self.gaps.before(step);
        let edge = |to: usize, repetition: u32| {
            let mut guards = Guards::default();
            if repetition > 0
                && let Some((follows, steps)) = around.not
            {
                match follows {
                    Contiguity::Strict if repetition >= least => guards.not_first = steps.to_vec(),
                    Contiguity::Strict => {}
                    _ => guards.never = steps.to_vec(),
                }
            }
            let own = times.gap.filter(|_| repetition > 0);
            Draft::To(DraftEdge {
                edge: Edge {
                    to: to as u32,
                    // Of the first the element before says how it follows.
                    follows: times.inner,
                    guards,
                    until: if repetition > 0 { ends.clone() } else { around.until.to_vec() },
                    rivals: Vec::new(),
                    gap: own.into_iter().chain(within).min(),
                },
                head: repetition == 0,
            })
        };
        let count = times.max.unwrap_or(least) as usize;
        self.count(2 * count)?;
        let first = self.nodes.len();
        let mut exits = Vec::new();
        for i in 0..count {
            let taken = i as u32 + 1;
            let more = match times.max {
                Some(most) => (taken < most).then(|| edge(first + i + 1, taken)),
                None if taken < least => Some(edge(first + i + 1, taken)),
                None => Some(edge(first + i, taken)),
            };
            let out = (taken >= least).then(|| Draft::Exit(left.clone()));
            if out.is_some() {
                exits.push(first + i);
            }
            let next = if times.greedy { [more, out] } else { [out, more] };
            self.nodes.push((step, ends.clone(), next.into_iter().flatten().collect()));
        }
        let (enter, skip) = (Some(edge(first, 0)), optional.then_some(Draft::Exit(left)));
        let entry = if times.greedy { [enter, skip] } else { [skip, enter] };
        Ok(Fragment { entry: entry.into_iter().flatten().collect(), exits })
    }

    /// A group or alternatives, as often as is said. No repetition is empty.
    fn group(
        &mut self,
        of: &Of,
        times: &Times,
        until: Option<StepId>,
        around: Around<'_>,
    ) -> Result<Fragment, TooLarge> {
        let ends: Vec<StepId> = until.iter().chain(around.until).copied().collect();
        let (optional, least) = (times.min == 0, times.min.max(1));
        let count = times.max.unwrap_or(least);
        // A negation behind the group holds in loops at the end of its last repetition, and in no other.
        let last = Around { until: &ends, not: around.not };
        let inner = Around { until: &ends, not: None };
        let both = around.not.is_some();
        let mut next: Option<Vec<Draft>> = None;
        let mut exits = Vec::new();
        for i in (0..count).rev() {
            let taken = i + 1;
            let mut entry = Vec::new();
            let mut part = |builder: &mut Self, around, more: Option<Vec<Draft>>, leave: bool, again: bool| {
                let mut part = builder.once(of, around)?;
                part.entry.retain(|d| matches!(d, Draft::To(_)));
                let mut back = part.entry.clone();
                builder.behind(&mut back, times);
                let more = if again { Some(back) } else { more };
                let out = leave.then(|| vec![Draft::Exit(Guards::default())]);
                let ways = if times.greedy { [more, out] } else { [out, more] };
                let ways: Vec<Draft> = ways.into_iter().flatten().flatten().collect();
                for node in std::mem::take(&mut part.exits) {
                    let next = std::mem::take(&mut builder.nodes[node].2);
                    builder.nodes[node].2 = builder.replace(next, &ways)?;
                    if builder.leaves(node) {
                        exits.push(node);
                    }
                }
                entry.append(&mut part.entry);
                Ok::<(), TooLarge>(())
            };
            let again = times.max.is_none() && taken == least;
            match both {
                false => part(self, last, next.take(), taken >= least, again)?,
                true => {
                    let mut all = Vec::new();
                    if taken >= least {
                        part(self, last, None, true, false)?;
                    }
                    if again {
                        // The copy that is not the last one leads to itself and to the last one.
                        let mut to_last = entry.clone();
                        self.behind(&mut to_last, times);
                        let mut copy = self.once(of, inner)?;
                        copy.entry.retain(|d| matches!(d, Draft::To(_)));
                        let mut ways = copy.entry.clone();
                        self.behind(&mut ways, times);
                        if times.greedy {
                            ways.append(&mut to_last);
                        } else {
                            ways.splice(0..0, to_last);
                        }
                        for node in copy.exits {
                            let next = std::mem::take(&mut self.nodes[node].2);
                            self.nodes[node].2 = self.replace(next, &ways)?;
                        }
                        all.append(&mut copy.entry);
                    } else if let Some(next) = next.take() {
                        let mut copy = self.once(of, inner)?;
                        copy.entry.retain(|d| matches!(d, Draft::To(_)));
                        for node in copy.exits {
                            let old = std::mem::take(&mut self.nodes[node].2);
                            self.nodes[node].2 = self.replace(old, &next)?;
                        }
                        all.append(&mut copy.entry);
                    }
                    if times.greedy {
                        all.append(&mut entry);
                        entry = all;
                    } else {
                        entry.append(&mut all);
                    }
                }
            }
            if i == 0 {
                let skip = optional.then(|| Draft::Exit(Guards::default()));
                let entry = if times.greedy {
                    entry.into_iter().chain(skip).collect()
                } else {
                    skip.into_iter().chain(entry).collect()
                };
                exits.sort_unstable();
                exits.dedup();
                return Ok(Fragment { entry, exits });
            }
            self.behind(&mut entry, times);
            next = Some(entry);
        }
        Ok(Fragment { entry: vec![Draft::Exit(Guards::default())], exits })
    }

    /// Turns the entry of a repetition into the way from the one before it.
    fn behind(&self, entry: &mut [Draft], times: &Times) {
        heads(entry, times.inner, false);
        for draft in entry {
            if let (Draft::To(to), Some(gap)) = (draft, times.gap) {
                to.edge.gap = Some(to.edge.gap.map_or(gap, |g| g.min(gap)));
            }
        }
    }

    fn finish(self, tree: &Tree, whole: Fragment, end: End) -> Result<Automaton, TooLarge> {
        let mut edges = Vec::new();
        let mut ways = |drafts: Vec<Draft>| -> Vec<Way> {
            let mut list = Vec::new();
            for draft in drafts {
                match draft {
                    Draft::To(to) => {
                        edges.push(to.edge);
                        list.push(Way::Edge(edges.len() as u32 - 1));
                    }
                    // What was forbidden behind it no longer matters.
                    Draft::Exit(_) if list.contains(&Way::Accept) => {}
                    Draft::Exit(_) => list.push(Way::Accept),
                }
            }
            list
        };
        let start = ways(whole.entry);
        let nodes: Vec<Node> =
            self.nodes.into_iter().map(|(step, until, next)| Node { step, until, next: ways(next) }).collect();
        let start = start.into_iter().filter_map(|w| match w {
            Way::Edge(e) => Some(e),
            // A match has events.
            Way::Accept => None,
        });
        let start: Vec<EdgeId> = start.collect();
        if nodes.len() + edges.len() > MOST_PARTS {
            return Err(TooLarge);
        }
        Ok(Automaton { steps: tree.steps.clone(), nodes, edges, start, end })
    }
}

/// Says how heads follow, and whether they are heads still.
fn heads(entry: &mut [Draft], follows: Contiguity, still: bool) {
    for draft in entry {
        if let Draft::To(to) = draft {
            if to.head {
                to.edge.follows = follows;
            }
            to.head &= still;
        }
    }
}

/// All orders of `n` things, in order.
fn orders(n: usize) -> Vec<Vec<usize>> {
    if n == 0 {
        return vec![Vec::new()];
    }
    let mut list = Vec::new();
    for shorter in orders(n - 1) {
        // Not in order yet.
        (0..n).for_each(|at| {
            let mut order = shorter.clone();
            order.insert(at, n - 1);
            list.push(order);
        });
    }
    list.sort_unstable();
    list
}
