//! The alerts of one group of one action: what its receiver has been told of each, and when the group is looked at next.
//!
//! The times are those of the Alertmanager of Prometheus. A group is looked at `wait` after its first alert, and then every
//! `interval`; a look tells all that fires and all that has ended since the last message, where anything of that is new, or
//! where `repeat` has passed. A group without alerts is gone, and begins anew with its next one.
//!
//! Invariants:
//! 1. Nobody is told of the end of what they were not told of.
//! 2. An alert that is muted is left out of messages. Its end, where its beginning was told, is told when it is no longer
//!    muted. (The Alertmanager forgets it then; who has an incident open would keep it open.)
//! 3. Of two lives of one alert between two looks, the newer counts: an alert that was told as firing, ended and fires again
//!    is no news.

use super::alert::Alert;
use crate::alert::{Change, State};
use crate::config::Grouping;
use std::collections::BTreeMap;
use std::sync::Arc;

/// How soon a group is looked at again whose alerts are muted, at least; microseconds.
const RECHECK: i64 = 1_000_000;

/// Why an alert is left out of messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Muted {
    /// By a silence.
    Silenced,
    /// By another alert.
    Inhibited,
}

#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
struct Member {
    alert: Arc<Alert>,
    /// What the receiver takes it to be; `None`: nothing, or over.
    told: Option<State>,
    /// Why it was left out at the last look.
    muted: Option<Muted>,
}

impl Member {
    /// There is something about it that the receiver does not know.
    fn is_news(&self, send_resolved: bool) -> bool {
        if self.alert.is_active() {
            self.told != Some(self.alert.change.state)
        } else {
            self.told.is_some() && send_resolved
        }
    }
}

/// One group.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Group {
    /// The labels its alerts share because they are grouped by them.
    pub labels: BTreeMap<String, String>,
    members: BTreeMap<String, Member>,
    /// When it is looked at next; microseconds of the clock of the machine.
    next: Option<i64>,
    /// When it was looked at last.
    looked: Option<i64>,
    /// When its last message was.
    sent: Option<i64>,
}

/// What a look at a group gave.
#[derive(Debug, Default)]
pub struct Look {
    /// What is to be told; none where nothing is.
    pub alerts: Vec<Arc<Alert>>,
    /// How many alerts more there would be.
    pub left_out: usize,
    /// How many alerts were found muted that were not before.
    pub muted: Vec<Muted>,
}

impl Group {
    /// A group without alerts.
    pub fn new(labels: BTreeMap<String, String>) -> Self {
        Self { labels, members: BTreeMap::new(), next: None, looked: None, sent: None }
    }

    /// When it is to be looked at.
    pub fn next(&self) -> Option<i64> {
        self.next
    }

    /// True where nothing is left to know about it.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// True where a look at the end would have something to tell.
    pub fn has_news(&self, grouping: &Grouping) -> bool {
        self.members.values().any(|member| member.is_news(grouping.send_resolved))
    }

    /// True where an alert is of this group.
    pub fn has(&self, key: &str) -> bool {
        self.members.contains_key(key)
    }

    /// Takes out the alerts that `stays` does not hold for, each as a group of its own: they go where they are grouped now.
    pub fn split(&mut self, stays: &dyn Fn(&Alert) -> bool) -> Vec<(Arc<Alert>, Group)> {
        let gone: Vec<String> =
            self.members.iter().filter(|(_, member)| !stays(&member.alert)).map(|(key, _)| key.clone()).collect();
        let mut out = Vec::new();
        for key in gone {
            let Some(member) = self.members.remove(&key) else { continue };
            let alert = Arc::clone(&member.alert);
            let members = [(key, member)].into();
            out.push((alert, Group { labels: BTreeMap::new(), members, ..self.clone() }));
        }
        out
    }

    /// Takes in the alerts of another group, and looks as soon as that would have.
    pub fn merge(&mut self, other: Group) {
        self.members.extend(other.members);
        self.next = [self.next, other.next].into_iter().flatten().min();
        self.looked = self.looked.max(other.looked);
        self.sent = self.sent.max(other.sent);
    }

    /// True where this change would hide from the receiver what a look that is due would tell.
    pub fn would_hide(&self, alert: &Alert, grouping: &Grouping, now: i64) -> bool {
        self.next.is_some_and(|next| next <= now)
            && self.members.get(&alert.key).is_some_and(|member| {
                member.is_news(grouping.send_resolved) && member.alert.change.state != alert.change.state
            })
    }

    /// Takes in a change of an alert.
    pub fn apply(&mut self, alert: Arc<Alert>, grouping: &Grouping, now: i64) {
        let Change { state, id, .. } = &alert.change;
        let known = self.members.get_mut(&alert.key);
        match (state, known) {
            (State::NoData, _) if !grouping.no_data => return,
            (State::Firing | State::NoData, Some(member)) => member.alert = alert,
            (State::Firing | State::NoData, None) => {
                self.members.insert(alert.key.clone(), Member { alert, told: None, muted: None });
            }
            // It hears again, and does not fire: what was said of no data is over.
            (State::Pending, Some(member)) if member.alert.change.state == State::NoData => member.end(alert),
            (State::Resolved | State::Corrected, Some(member)) if member.alert.change.id == *id => member.end(alert),
            _ => return,
        }
        self.members.retain(|_, member| member.alert.is_active() || member.told.is_some());
        if self.members.values().any(|member| member.is_news(true)) {
            let due = self.due(grouping, now);
            self.next = Some(self.next.map_or(due, |next| next.min(due)));
        }
    }

    /// When news of now are looked at.
    fn due(&self, grouping: &Grouping, now: i64) -> i64 {
        match self.looked {
            None => now.saturating_add(grouping.wait.0),
            Some(looked) => after(looked, grouping.interval.0, now),
        }
    }

    /// Looks at the group: what is told now, and when the next look is.
    pub fn look(&mut self, grouping: &Grouping, now: i64, mutes: &dyn Fn(&Alert) -> Option<Muted>) -> Look {
        let mut look = Look::default();
        let (mut news, mut again) = (false, false);
        let mut firing = Vec::new();
        let mut ended = Vec::new();
        for member in self.members.values_mut() {
            let was = member.muted;
            member.muted = mutes(&member.alert);
            let is_news = member.is_news(grouping.send_resolved);
            if member.muted.is_some() {
                look.muted.extend(member.muted.filter(|_| was.is_none() && is_news));
                continue;
            }
            news |= is_news;
            match (member.alert.is_active(), member.told) {
                (true, told) => {
                    again |= told.is_some();
                    firing.push(Arc::clone(&member.alert));
                }
                (false, Some(_)) if grouping.send_resolved => ended.push(Arc::clone(&member.alert)),
                (false, _) => {}
            }
        }
        let repeats = match (grouping.repeat, self.sent) {
            (Some(repeat), Some(sent)) => again && sent.saturating_add(repeat.0) <= now,
            _ => false,
        };
        if news || repeats {
            self.sent = Some(now);
            for member in self.members.values_mut().filter(|member| member.muted.is_none()) {
                member.told = member.alert.is_active().then_some(member.alert.change.state);
            }
            let order = |alert: &Arc<Alert>| (alert.change.rule.clone(), alert.change.labels.clone());
            firing.sort_by_cached_key(order);
            ended.sort_by_cached_key(order);
            firing.append(&mut ended);
            let most = usize::try_from(grouping.max_alerts).unwrap_or(usize::MAX);
            look.left_out = firing.len().saturating_sub(most);
            firing.truncate(most);
            look.alerts = firing;
        }
        // What is over is forgotten, but for what is to be told when it is no longer muted.
        self.members.retain(|_, member| {
            member.alert.is_active() || (grouping.send_resolved && member.told.is_some() && member.muted.is_some())
        });
        self.looked = Some(now);
        self.next = self.next_look(grouping, now);
        look
    }

    /// When the group is looked at again where nothing changes.
    fn next_look(&self, grouping: &Grouping, now: i64) -> Option<i64> {
        if self.has_news(grouping) {
            return Some(now.saturating_add(grouping.interval.0.max(RECHECK)));
        }
        let (repeat, sent) = (grouping.repeat?, self.sent?);
        let told = self.members.values().any(|member| member.told.is_some());
        told.then(|| after(now, grouping.interval.0.max(1), sent.saturating_add(repeat.0)))
    }
}

impl Member {
    fn end(&mut self, alert: Arc<Alert>) {
        // What it was is over, whatever the change is called.
        let state = if alert.is_corrected() { State::Corrected } else { State::Resolved };
        let ended = Alert { change: Change { state, ..alert.change.clone() }, key: alert.key.clone() };
        self.alert = Arc::new(ended);
    }
}

/// The first of the moments `from + n * step`, n from 1 on, that is not before `least`; without a step `least` itself.
fn after(from: i64, step: i64, least: i64) -> i64 {
    if step <= 0 {
        return least.max(from);
    }
    let steps = least.saturating_sub(from).max(1);
    let whole = steps.saturating_add(step - 1) / step;
    from.saturating_add(whole.max(1).saturating_mul(step))
}
