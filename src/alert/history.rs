//! The rows of alerts of a whole history, into the alerts there were, and two histories into what differs.
//!
//! Invariant: what comes out is in the order of when alerts fired, then of rules, groups and ids.

use super::{State, Told};
use crate::event::key;
use crate::result::{Op, RowRef};
use std::cmp::Ordering;
use std::collections::BTreeMap;

/// One alert from when it fired to when it was over.
#[derive(Debug, Clone, PartialEq)]
pub struct Episode {
    /// The index of its rule's part.
    pub part: u32,
    /// The alert.
    pub id: String,
    /// The bytes of its group.
    pub group: Vec<u8>,
    /// When its condition began to hold.
    pub since: i64,
    /// When it fired, or had no data without having fired.
    pub fired: i64,
    /// When it was over; `None`: it is not.
    pub ended: Option<i64>,
    /// How often there was no data of it.
    pub silences: usize,
    /// What happened when it fired.
    pub summary: String,
    /// The window of the row at which it fired.
    pub window: (i64, i64),
}

/// A change of an alert as its row tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fact {
    /// What the row tells of the alert.
    pub told: Told,
    /// The bytes of the group.
    pub group: Vec<u8>,
    /// The window of the row behind it.
    pub window: (i64, i64),
    /// The bytes of the row's values, those of the alert before those of the row behind it.
    pub values: Vec<u8>,
}

/// The changes that hold, of all alerts.
#[derive(Debug, Default)]
pub struct History {
    facts: BTreeMap<(u32, String), Vec<Fact>>,
    /// Firings that were taken back and not said again.
    unfired: u64,
}

impl History {
    /// Takes a row of an alert; others are left out.
    pub fn take(&mut self, row: RowRef<'_>) {
        let Some(told) = Told::of(row) else { return };
        let window = (row.head.window_start, row.head.window_end);
        let fact = Fact { told, group: row.key.to_vec(), window, values: row.values.to_vec() };
        let place = (row.head.part, fact.told.id.clone());
        let fires = fact.told.state == State::Firing.word() && fact.told.fired == Some(fact.told.at);
        match row.head.op {
            Op::Assert => {
                self.unfired -= u64::from(fires && row.head.revision > 0 && self.unfired > 0);
                self.facts.entry(place).or_default().push(fact);
            }
            Op::Retract => {
                self.unfired += u64::from(fires);
                if let Some(facts) = self.facts.get_mut(&place) {
                    if let Some(at) = facts.iter().position(|one| *one == fact) {
                        facts.remove(at);
                    }
                    if facts.is_empty() {
                        self.facts.remove(&place);
                    }
                }
            }
        }
    }

    /// The changes of an alert, in order, with the part of its rule.
    pub fn of(&self, id: &str) -> Option<(u32, Vec<&Fact>)> {
        let ((part, _), facts) = self.facts.iter().find(|((_, one), _)| one == id)?;
        Some((*part, in_order(facts)))
    }

    /// The ids of all alerts.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.facts.keys().map(|(_, id)| id.as_str())
    }

    /// Firings that were taken back by what came late.
    pub fn unfired(&self) -> u64 {
        self.unfired
    }

    /// All alerts that fired. `once`: of rules whose alerts are moments.
    pub fn episodes(&self, once: &dyn Fn(u32) -> bool) -> Vec<Episode> {
        let of = |((part, id), facts): (&(u32, String), &Vec<Fact>)| -> Option<Episode> {
            let facts = in_order(facts);
            let fact = facts.iter().find(|fact| fact.told.fired == Some(fact.told.at))?;
            let fired = fact.told.fired?;
            let is = |state: State| facts.iter().filter(move |fact| fact.told.state == state.word());
            let over = is(State::Resolved).next_back().map(|fact| fact.told.at);
            Some(Episode {
                part: *part,
                id: id.clone(),
                group: fact.group.clone(),
                since: fact.told.since,
                fired,
                ended: if once(*part) { Some(fired) } else { over },
                silences: is(State::NoData).count(),
                summary: fact.told.summary.clone(),
                window: fact.window,
            })
        };
        let mut all: Vec<Episode> = self.facts.iter().filter_map(of).collect();
        all.sort_by(|a, b| {
            let group = || key::compare(&a.group, &b.group);
            (a.fired, a.part).cmp(&(b.fired, b.part)).then_with(group).then_with(|| a.id.cmp(&b.id))
        });
        all
    }
}

fn in_order(facts: &[Fact]) -> Vec<&Fact> {
    let mut facts: Vec<&Fact> = facts.iter().collect();
    let rank = |fact: &Fact| State::ALL.iter().position(|state| state.word() == fact.told.state);
    facts.sort_by_key(|fact| (fact.told.at, rank(fact)));
    facts
}

/// How two histories differ, by the indices of their alerts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Difference {
    /// Alerts of the first alone.
    pub new: Vec<usize>,
    /// Alerts of the second alone.
    pub gone: Vec<usize>,
    /// Alerts of both that fired or were over at other times.
    pub moved: Vec<(usize, usize)>,
    /// How many are the same.
    pub same: usize,
}

/// Holds alerts against those of another history. Two of one rule and group are the same alert where they overlap in time.
pub fn differ(new: &[Episode], old: &[Episode], rules: (&dyn Fn(u32) -> String, &dyn Fn(u32) -> String)) -> Difference {
    let mut out = Difference::default();
    let place = |rule: String, episode: &Episode| (rule, episode.group.clone());
    let mut groups: BTreeMap<(String, Vec<u8>), [Vec<usize>; 2]> = BTreeMap::new();
    for (side, (episodes, name)) in [(new, rules.0), (old, rules.1)].into_iter().enumerate() {
        for (i, episode) in episodes.iter().enumerate() {
            groups.entry(place(name(episode.part), episode)).or_default()[side].push(i);
        }
    }
    for [ours, theirs] in groups.into_values() {
        let (mut ours, mut theirs) = (ours.into_iter().peekable(), theirs.into_iter().peekable());
        loop {
            match (ours.peek(), theirs.peek()) {
                (None, None) => break,
                (Some(i), None) => {
                    out.new.push(*i);
                    ours.next();
                }
                (None, Some(j)) => {
                    out.gone.push(*j);
                    theirs.next();
                }
                (Some(i), Some(j)) => match apart(&new[*i], &old[*j]) {
                    Ordering::Less => out.new.extend(ours.next()),
                    Ordering::Greater => out.gone.extend(theirs.next()),
                    Ordering::Equal => {
                        if (new[*i].fired, new[*i].ended) == (old[*j].fired, old[*j].ended) {
                            out.same += 1;
                        } else {
                            out.moved.push((*i, *j));
                        }
                        ours.next();
                        theirs.next();
                    }
                },
            }
        }
    }
    out.new.sort_unstable();
    out.gone.sort_unstable();
    out.moved.sort_unstable();
    out
}

/// Which of two is over before the other begins; `Equal`: neither.
fn apart(a: &Episode, b: &Episode) -> Ordering {
    if a.ended.is_some_and(|end| end < b.fired) {
        Ordering::Less
    } else if b.ended.is_some_and(|end| end < a.fired) {
        Ordering::Greater
    } else {
        Ordering::Equal
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn episode(group: u8, fired: i64, ended: Option<i64>) -> Episode {
        Episode {
            part: 1,
            id: format!("{group}-{fired}"),
            group: vec![2, group, 0, 0, 0, 0, 0, 0, 0],
            since: fired,
            fired,
            ended,
            silences: 0,
            summary: String::new(),
            window: (0, fired),
        }
    }

    #[test]
    fn alerts_of_two_histories_are_paired_where_they_overlap() {
        let new = [
            episode(1, 10, Some(20)),
            episode(2, 10, Some(20)),
            episode(1, 30, Some(40)),
            episode(1, 50, None),
            episode(3, 60, Some(60)),
        ];
        let old = [
            episode(1, 10, Some(20)),
            episode(2, 15, Some(25)),
            episode(1, 41, Some(45)),
            episode(1, 49, Some(70)),
            episode(3, 60, Some(60)),
        ];
        let name = |_: u32| "rule".to_owned();
        let found = differ(&new, &old, (&name, &name));
        assert_eq!(found, Difference { new: vec![2], gone: vec![2], moved: vec![(1, 1), (3, 3)], same: 2 });
        let other = |_: u32| "other".to_owned();
        let found = differ(&new, &old, (&name, &other));
        assert_eq!((found.new.len(), found.gone.len(), found.same), (5, 5, 0));
    }
}
