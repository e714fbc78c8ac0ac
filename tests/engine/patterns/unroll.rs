//! A pattern, turned into every list of slots that it can be: each loop a number of times, each optional step with and
//! without, each of the alternatives.
//!
//! What guards the gap before a slot stands at the slot, also what a negation or a greedy loop before it forbids.

use super::form::{Contiguity, Node, Pattern, WithinKind};
use serde_json::Value;
use std::collections::HashSet;

/// Index of a condition among those of the pattern.
pub type Condition = usize;

/// Whose rules hold where Flink departs from what it documents, or where we decided otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rules {
    /// Those of Flink, as it is.
    Flink,
    /// Flink's, but the window of a loop bounds every gap inside the loop, as documented.
    Documented,
    /// Ours: as documented; a loop at the head of a group keeps its own inner contiguity; `within_step` bounds the gaps
    /// of loops too; a group of optional steps that is not repeated may take nothing.
    Ours,
}

/// A place for one event.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Slot {
    /// Index among the pattern's names.
    pub step: usize,
    pub condition: Condition,
    pub contiguity: Contiguity,
    /// Under relaxed contiguity an event that meets one of these is not skipped.
    pub holds: Vec<Condition>,
    /// An event that meets one of these is not taken,
    pub take_until: Vec<Condition>,
    /// and one that meets one of these is not skipped.
    pub gap_until: Vec<Condition>,
    /// No event up to the one taken meets one of these.
    pub not_before: Vec<Condition>,
    /// The first event after the slot before does not meet one of these.
    pub not_next: Vec<Condition>,
    /// No event up to the one taken meets one of these, unless the first one meets the `until` beside it.
    pub greedy: Vec<(Condition, Option<Condition>)>,
    /// It is less than this after the slot before.
    pub gap: Option<i64>,
    /// True where the gap is bounded only as long as no event has been skipped.
    pub gap_at_once: bool,
}

/// What a piece says about the gap behind it.
#[derive(Debug, Clone, Default)]
struct Trail {
    not_before: Vec<Condition>,
    not_next: Vec<Condition>,
    greedy: Vec<(Condition, Option<Condition>)>,
}

impl Trail {
    fn guard(&self, slot: &mut Slot) {
        slot.not_before.extend(&self.not_before);
        slot.not_next.extend(&self.not_next);
        slot.greedy.extend(&self.greedy);
    }

    fn and(mut self, other: &Trail) -> Self {
        self.not_before.extend(&other.not_before);
        self.not_next.extend(&other.not_next);
        self.greedy.extend(&other.greedy);
        self
    }
}

/// One way to unroll a piece.
type Way = (Vec<Slot>, Trail);

fn join((slots, trail): &Way, (rest, behind): Way) -> Way {
    let mut all = slots.clone();
    if rest.is_empty() {
        return (all, trail.clone().and(&behind));
    }
    let start = all.len();
    all.extend(rest);
    trail.guard(&mut all[start]);
    (all, behind)
}

/// Where a piece stands.
#[derive(Debug, Clone, Copy)]
struct At<'a> {
    /// How the first of a group follows, and how its repetitions do.
    head: Option<(Option<Contiguity>, Contiguity)>,
    /// The `until` of the loop around it.
    until: Option<Condition>,
    /// What follows the whole piece.
    following: Option<&'a Node>,
    /// The first conditions of all alternatives, this one's among them.
    rivals: &'a [Condition],
}

/// A pattern, unrolled.
#[derive(Debug)]
pub struct Unrolled {
    /// The names of its steps, in the order in which they are written.
    pub names: Vec<String>,
    pub conditions: Vec<Value>,
    pub lists: Vec<Vec<Slot>>,
}

/// Unrolls a pattern for a stream of `events` events.
pub fn unroll(pattern: &Pattern, rules: Rules, events: usize) -> Unrolled {
    let mut unroller = Unroller {
        pattern,
        rules,
        names: pattern.names().into_iter().map(str::to_owned).collect(),
        conditions: Vec::new(),
    };
    let at = At { head: None, until: None, following: None, rivals: &[] };
    let limit = events + 1 + pattern.steps.iter().map(least).sum::<usize>();
    let ways = unroller.sequence(&pattern.steps, true, limit, at);
    let mut seen = HashSet::new();
    let lists = ways.into_iter().map(|(slots, _)| slots);
    let lists = lists.filter(|slots| !slots.is_empty() && seen.insert(slots.clone())).collect();
    Unrolled { names: unroller.names, conditions: unroller.conditions, lists }
}

/// The least number of events that a node takes.
fn least(node: &Node) -> usize {
    if node.negated {
        return 0;
    }
    let once = match (&node.group, &node.alt) {
        (Some(group), _) => group.iter().map(least).sum(),
        (_, Some(alt)) => alt.iter().map(|a| a.iter().map(least).sum()).min().unwrap_or(0),
        _ => 1,
    };
    once * node.quantifier.as_ref().map_or(1, |q| q.min)
}

struct Unroller<'a> {
    pattern: &'a Pattern,
    rules: Rules,
    names: Vec<String>,
    conditions: Vec<Value>,
}

impl Unroller<'_> {
    fn condition(&mut self, condition: &Value) -> Condition {
        self.conditions.iter().position(|c| c == condition).unwrap_or_else(|| {
            self.conditions.push(condition.clone());
            self.conditions.len() - 1
        })
    }

    fn sequence(&mut self, nodes: &[Node], first: bool, left: usize, at: At) -> Vec<Way> {
        let Some(node) = nodes.first() else { return vec![Default::default()] };
        let next = nodes.get(1).or(at.following);
        let mut ways = Vec::new();
        for way in self.node(node, first, left, next, at) {
            for rest in self.sequence(&nodes[1..], false, left - way.0.len(), at) {
                ways.push(join(&way, rest));
            }
        }
        ways
    }

    fn node(&mut self, node: &Node, first: bool, left: usize, next: Option<&Node>, at: At) -> Vec<Way> {
        if node.negated {
            let condition = vec![self.condition(&node.condition)];
            let trail = match node.contiguity {
                Some(Contiguity::Strict) => Trail { not_next: condition, ..Trail::default() },
                _ => Trail { not_before: condition, ..Trail::default() },
            };
            return vec![(Vec::new(), trail)];
        }
        let quantifier = node.quantifier.as_ref();
        let (min, max) = quantifier.map_or((1, Some(1)), |q| (q.min, q.max));
        let mut inner = quantifier.map_or(Contiguity::Relaxed, |q| q.inner_contiguity);
        let mut outer = node.contiguity;
        if let Some((of_group, inner_of_group)) = at.head.filter(|_| first) {
            outer = of_group;
            if quantifier.is_some() && self.rules != Rules::Ours {
                inner = inner_of_group;
            }
        }
        let outer = outer.unwrap_or(Contiguity::Relaxed);
        let optional = quantifier.is_some_and(|q| q.optional);
        let mut counts: Vec<usize> = (min..=max.unwrap_or(left.max(min))).filter(|k| *k <= left).collect();
        if optional {
            counts.retain(|k| *k > 0);
            counts.insert(0, 0);
        }
        let at = At { rivals: if first { at.rivals } else { &[] }, ..at };
        let mut ways = Vec::new();
        for count in counts {
            if node.group.is_some() || node.alt.is_some() {
                let empty = self.rules == Rules::Ours && quantifier.is_none();
                ways.extend(self.repeated(node, count, empty, left, (outer, inner), next, at));
            } else {
                ways.push(self.steps(node, count, (outer, inner), next, at));
            }
        }
        ways
    }

    /// A group or alternatives, `count` times. `empty`: it may take nothing.
    #[allow(clippy::too_many_arguments, reason = "it is one step of a recursion")]
    fn repeated(
        &mut self,
        node: &Node,
        count: usize,
        empty: bool,
        left: usize,
        (outer, inner): (Contiguity, Contiguity),
        next: Option<&Node>,
        at: At,
    ) -> Vec<Way> {
        if count == 0 {
            return vec![Default::default()];
        }
        let until = node.until.as_ref().map(|u| self.condition(u)).or(at.until);
        let following = next.filter(|_| count == 1);
        let once = At { head: Some((Some(outer), inner)), until, following, rivals: at.rivals };
        let firsts = match (&node.group, &node.alt) {
            (Some(group), _) => self.sequence(group, true, left, once),
            (_, Some(alt)) => {
                let mut rivals = at.rivals.to_vec();
                for alternative in alt {
                    rivals.extend(self.heads(&alternative[0]));
                }
                alt.iter().flat_map(|a| self.sequence(a, true, left, At { rivals: &rivals, ..once })).collect()
            }
            _ => unreachable!("a step is no group"),
        };
        let mut ways = Vec::new();
        for way in firsts.into_iter().filter(|(slots, _)| empty || !slots.is_empty()) {
            let left = left - way.0.len();
            let at = At { rivals: &[], ..at };
            for mut rest in self.repeated(node, count - 1, empty, left, (inner, inner), next, at) {
                // What bounds a loop's gaps bounds those between its repetitions.
                let window = node.quantifier.as_ref().and_then(|q| q.window_ms);
                if let Some(slot) = rest.0.first_mut() {
                    slot.gap = slot.gap.into_iter().chain(window).min();
                }
                ways.push(join(&way, rest));
            }
        }
        ways
    }

    /// The conditions by which an alternative may begin.
    fn heads(&mut self, node: &Node) -> Vec<Condition> {
        match (&node.group, &node.alt) {
            (Some(group), _) => self.heads(&group[0]),
            (_, Some(alt)) => alt.iter().flat_map(|a| self.heads(&a[0])).collect(),
            _ => vec![self.condition(&node.condition)],
        }
    }

    /// A step, `count` times.
    fn steps(
        &mut self,
        node: &Node,
        count: usize,
        (outer, inner): (Contiguity, Contiguity),
        next: Option<&Node>,
        at: At,
    ) -> Way {
        let name = node.name.as_deref().expect("a step has a name");
        let step = self.names.iter().position(|n| n == name).expect("all names are there");
        let condition = self.condition(&node.condition);
        let until = node.until.as_ref().map(|u| self.condition(u));
        let negation = next.filter(|n| n.negated).map(|n| (n.contiguity, self.condition(&n.condition)));
        let quantifier = node.quantifier.as_ref();
        let (min, max) = quantifier.map_or((1, Some(1)), |q| (q.min, q.max));
        let mut slots = Vec::new();
        for j in 0..count {
            let mut slot = Slot {
                step,
                condition,
                contiguity: if j == 0 { outer } else { inner },
                holds: vec![condition],
                take_until: until.into_iter().chain(at.until).collect(),
                gap_until: until.filter(|_| j > 0).into_iter().chain(at.until).collect(),
                not_before: Vec::new(),
                not_next: Vec::new(),
                greedy: Vec::new(),
                gap: self.gap(name, quantifier.is_some()),
                gap_at_once: false,
            };
            if j == 0 {
                slot.holds.extend(at.rivals);
            }
            if let Some(window) = quantifier.and_then(|q| q.window_ms) {
                if self.rules != Rules::Flink {
                    let window = Some(window).filter(|_| j > 0);
                    slot.gap = slot.gap.into_iter().chain(window).min();
                } else if max.map_or(j < min, |max| j + 1 < max) {
                    // Flink names the states of a loop from its end, and the one named first has no window.
                    slot.gap = Some(window);
                    slot.gap_at_once = j >= min || (j == 0 && quantifier.is_some_and(|q| q.optional));
                }
            }
            match negation {
                Some((Some(Contiguity::Strict), not)) if j >= min => slot.not_next.push(not),
                Some((contiguity, not)) if j > 0 && contiguity != Some(Contiguity::Strict) => slot.not_before.push(not),
                _ => {}
            }
            slots.push(slot);
        }
        let greedy = quantifier.is_some_and(|q| q.greedy) && max != Some(min);
        (slots, Trail { greedy: greedy.then_some((condition, until)).into_iter().collect(), ..Trail::default() })
    }

    /// How far a step may be from the one before it.
    fn gap(&self, name: &str, quantified: bool) -> Option<i64> {
        let pattern = self.pattern;
        let declared = pattern.within_step.as_deref().or_else(|| pattern.steps.last()?.name.as_deref());
        let previous = pattern.within_kind == WithinKind::PreviousAndCurrent && declared == Some(name);
        let previous = pattern.within_ms.filter(|_| previous && (!quantified || self.rules == Rules::Ours));
        previous.into_iter().chain(pattern.gap_ms).chain(pattern.gaps.get(name).copied()).min()
    }
}
