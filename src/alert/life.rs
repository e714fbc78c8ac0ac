//! The rows of one group, one after the other, and the time that passes between them, into changes.

use super::{Rule, State};
use crate::event::key;
use serde::{Deserialize, Serialize};

/// A row that a rule looks at, with what is known of its conditions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moment {
    /// Its window; the end is its time.
    pub window: (i64, i64),
    /// `when` is TRUE.
    pub holds: bool,
    /// What ends the alert is TRUE.
    pub ends: bool,
    /// Values that came from a sketch.
    pub approximate: u64,
    /// The bytes of its values.
    pub values: Vec<u8>,
}

impl Moment {
    /// When it is.
    pub fn at(&self) -> i64 {
        self.window.1
    }

    /// What rows of a group are in order of; it depends on their content alone.
    pub(super) fn order(&self) -> ((i64, i64), &[u8]) {
        ((self.window.1, self.window.0), &self.values)
    }
}

/// A change that was said of an alert.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Said {
    /// What it is from then on.
    pub state: State,
    /// When the change was.
    pub at: i64,
    /// When its condition began to hold.
    pub since: i64,
    /// When it fired, or had no data without having fired.
    pub fired: Option<i64>,
    /// The last row until then.
    pub row: Moment,
    /// It is told by its row, and not by `since` alone: a match that is told once.
    pub once: bool,
    /// How often it was said otherwise before.
    pub revision: u32,
}

impl Said {
    /// What tells alerts of one rule and group apart.
    pub(super) fn mark(&self) -> (i64, Option<u64>) {
        let own = || {
            let mut bytes = self.row.window.0.to_le_bytes().to_vec();
            bytes.extend_from_slice(&self.row.values);
            key::hash(&bytes)
        };
        (self.since, self.once.then(own))
    }

    /// The alert: 16 hexadecimal digits of its rule, group and beginning.
    pub fn id(&self, rule: &str, group: &[u8]) -> String {
        let (since, own) = self.mark();
        let mut bytes = (rule.len() as u64).to_le_bytes().to_vec();
        bytes.extend_from_slice(rule.as_bytes());
        bytes.extend_from_slice(group);
        bytes.extend_from_slice(&since.to_le_bytes());
        own.iter().for_each(|own| bytes.extend_from_slice(&own.to_le_bytes()));
        format!("{:016x}", key::hash(&bytes))
    }

    /// True where both say the same, whichever time they say it.
    pub(super) fn same(&self, other: &Said) -> bool {
        (self.state, self.at, self.since, self.fired, self.once)
            == (other.state, other.at, other.since, other.fired, other.once)
            && self.row == other.row
    }
}

/// What a group is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) enum Kind {
    /// Nothing.
    #[default]
    Quiet,
    /// The condition holds since then; `told`: when it had no data, where that was said, or was said to be pending.
    Pending { since: i64, told: Option<i64>, shown: bool },
    /// It fired; `over`: since when what ends it holds.
    Firing { since: i64, fired: i64, over: Option<i64> },
    /// Nothing held, and then there was no data.
    Silent { since: i64 },
}

/// What is known of a group after some rows and some time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Phase {
    pub(super) kind: Kind,
    /// The time of the last row.
    last: i64,
    /// It was said that there is no data since.
    silent: bool,
}

impl Default for Phase {
    fn default() -> Self {
        Self { kind: Kind::Quiet, last: i64::MIN, silent: false }
    }
}

/// What hears changes: state, when, since, fired.
type Hear<'a> = &'a mut dyn FnMut(State, i64, i64, Option<i64>);

impl Phase {
    /// When something changes next if no row comes, and whether that is an end.
    fn next(&self, rule: &Rule) -> Option<(i64, bool)> {
        let end = match self.kind {
            Kind::Firing { over: Some(over), .. } => Some((over.saturating_add(rule.linger), true)),
            _ => None,
        };
        let heard = match self.kind {
            Kind::Pending { .. } | Kind::Firing { .. } => true,
            Kind::Quiet => rule.silence_of_all && self.last > i64::MIN,
            Kind::Silent { .. } => false,
        };
        let silence = rule.silence.filter(|_| heard && !self.silent);
        let silence = silence.map(|silence| (self.last.saturating_add(silence), false));
        // Of both at once the end is first.
        end.into_iter().chain(silence).min_by_key(|(time, end)| (*time, !*end))
    }

    /// When something changes next if no row comes.
    pub(super) fn deadline(&self, rule: &Rule) -> Option<i64> {
        self.next(rule).map(|(time, _)| time)
    }

    /// Lets time pass, up to and with `until`.
    pub(super) fn pass(&mut self, rule: &Rule, until: i64, hear: Hear<'_>) {
        while let Some((at, end)) = self.next(rule).filter(|(at, _)| *at <= until) {
            match &mut self.kind {
                Kind::Firing { since, fired, .. } if end => {
                    hear(State::Resolved, at, *since, Some(*fired));
                    self.kind = Kind::Quiet;
                    continue;
                }
                Kind::Firing { since, fired, .. } => hear(State::NoData, at, *since, Some(*fired)),
                Kind::Pending { since, told, .. } => {
                    let told = *told.get_or_insert(at);
                    hear(State::NoData, at, *since, Some(told));
                }
                Kind::Quiet | Kind::Silent { .. } => {
                    hear(State::NoData, at, at, Some(at));
                    self.kind = Kind::Silent { since: at };
                }
            }
            self.silent = true;
        }
    }

    /// Looks at the next row, after the time before it.
    pub(super) fn see(&mut self, rule: &Rule, row: &Moment, hear: Hear<'_>) {
        let at = row.at();
        self.pass(rule, at.saturating_sub(1), hear);
        if rule.moments {
            return self.match_at(rule, row, hear);
        }
        self.last = at;
        let silent = std::mem::take(&mut self.silent);
        if let Kind::Silent { since } = self.kind {
            hear(State::Resolved, at, since, Some(since));
            self.kind = Kind::Quiet;
        }
        match &mut self.kind {
            Kind::Quiet | Kind::Silent { .. } if row.holds => {
                self.kind = Kind::Pending { since: at, told: None, shown: rule.pending && rule.hold > 0 };
                if rule.hold > 0 {
                    if rule.pending {
                        hear(State::Pending, at, at, None);
                    }
                } else {
                    self.fire(at, at, hear);
                }
            }
            Kind::Quiet | Kind::Silent { .. } => {}
            Kind::Pending { since, told, shown } => {
                let (since, told) = (*since, *told);
                if !row.holds {
                    if *shown || told.is_some() {
                        hear(State::Resolved, at, since, told);
                    }
                    self.kind = Kind::Quiet;
                } else if at.saturating_sub(since) >= rule.hold {
                    self.fire(at, since, hear);
                } else if silent && *shown {
                    hear(State::Pending, at, since, None);
                }
            }
            Kind::Firing { since, fired, over } => {
                if row.holds || !row.ends {
                    *over = None;
                } else if at.saturating_sub(*over.get_or_insert(at)) >= rule.linger {
                    hear(State::Resolved, at, *since, Some(*fired));
                    self.kind = Kind::Quiet;
                    return;
                }
                if silent {
                    hear(State::Firing, at, *since, Some(*fired));
                }
            }
        }
    }

    fn fire(&mut self, at: i64, since: i64, hear: Hear<'_>) {
        hear(State::Firing, at, since, Some(at));
        self.kind = Kind::Firing { since, fired: at, over: None };
    }

    /// A match, which begins and ends at once.
    fn match_at(&mut self, rule: &Rule, row: &Moment, hear: Hear<'_>) {
        if !row.holds {
            return;
        }
        let at = row.at();
        self.last = at;
        match &mut self.kind {
            Kind::Firing { over, .. } => *over = Some(at),
            _ => {
                hear(State::Firing, at, at, Some(at));
                if rule.linger > 0 {
                    self.kind = Kind::Firing { since: at, fired: at, over: Some(at) };
                }
            }
        }
    }
}
