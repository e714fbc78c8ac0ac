//! Changes of alerts and the time, turned into messages: grouping, inhibition, silences, repeats.
//!
//! Pure: no clock, no thread, no I/O. All that it has to remember is in one [`State`].
//!
//! Invariants:
//! 1. The same calls give the same messages, in the same order.
//! 2. A message stays in the state until [`Router::done`] says that it was sent or given up, so that after a restart it is
//!    sent again.
//! 3. What it keeps is bounded by the alerts that are active, the messages that may wait, and the silences.
//!
//! Cost: a change is hashed once, and looked up in the groups of its actions; a look at a group goes over its alerts.

use super::alert::Alert;
use super::group::{Group, Muted};
use super::inhibit::Inhibitor;
use super::message::{Notification, group_text};
use super::setup::{Action, Setup};
use super::silence::{NotAdded, Origin, Ready, Silence, Silences};
use crate::alert::Change;
use crate::config::Grouping;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// All that a router has to remember: what was told to whom, and when.
#[derive(Debug, Clone, PartialEq, Default, serde::Serialize, serde::Deserialize)]
pub struct State {
    /// How many messages there were.
    numbers: u64,
    /// The groups of each action.
    groups: BTreeMap<String, BTreeMap<String, Group>>,
    /// Alerts that keep others quiet.
    sources: BTreeMap<String, Arc<Alert>>,
    /// Silences that were added while it ran.
    silences: Vec<Silence>,
    /// Messages that are not known to be sent.
    on_the_way: BTreeMap<u64, Arc<Notification>>,
}

/// What was counted of an action.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Kept {
    /// Alerts that were silenced when they would have been told.
    pub silenced: u64,
    /// Alerts that others kept quiet.
    pub inhibited: u64,
}

/// Decides who is told what, and when.
#[derive(Debug)]
pub struct Router {
    actions: BTreeMap<String, Arc<Action>>,
    inhibitor: Inhibitor,
    silences: Silences,
    state: State,
    /// When which group is looked at; made of the state.
    wakes: BTreeSet<(i64, String, String)>,
    kept: BTreeMap<String, Kept>,
}

impl Router {
    /// A router that knows of no alert.
    pub fn new(setup: &Setup) -> Self {
        Self {
            actions: setup.actions.iter().map(|action| (action.config.name.clone(), Arc::clone(action))).collect(),
            inhibitor: Inhibitor::new(setup.inhibitions.clone()),
            silences: Silences::new(setup.silences.clone()),
            state: State::default(),
            wakes: BTreeSet::new(),
            kept: setup.actions.iter().map(|action| (action.config.name.clone(), Kept::default())).collect(),
        }
    }

    /// Takes in changes in their order; what is to be told at once.
    pub fn on_changes(&mut self, now: i64, changes: &[Change]) -> Vec<Arc<Notification>> {
        let mut out = Vec::new();
        for change in changes {
            let alert = Arc::new(Alert::of(change));
            if self.inhibitor.note(&alert) {
                self.state.sources.insert(alert.key.clone(), Arc::clone(&alert));
            } else {
                self.state.sources.remove(&alert.key);
            }
            for (i, name) in change.notify.iter().enumerate() {
                if !change.notify[..i].contains(name) {
                    self.change(name, &alert, now, &mut out);
                }
            }
            if !alert.is_active() {
                // Who was told of it is told of its end, also where the rule names them no longer.
                let others = self.actions.values().filter(|action| !change.notify.contains(&action.config.name));
                let knows = |action: &&Arc<Action>| {
                    let groups = self.state.groups.get(&action.config.name);
                    let group = |groups: &BTreeMap<String, Group>| {
                        groups
                            .get(&group_text(&group_labels(&action.config.grouping, &alert)))?
                            .has(&alert.key)
                            .then_some(())
                    };
                    groups.is_some_and(|groups| !groups.is_empty() && group(groups).is_some())
                };
                let told: Vec<String> = others.filter(knows).map(|action| action.config.name.clone()).collect();
                told.iter().for_each(|name| self.change(name, &alert, now, &mut out));
            }
        }
        self.look_at_due(now, &mut out);
        out
    }

    /// What is to be told now that it is `now`.
    pub fn on_timer(&mut self, now: i64) -> Vec<Arc<Notification>> {
        let mut out = Vec::new();
        self.silences.forget(now);
        self.look_at_due(now, &mut out);
        out
    }

    /// All that waits for its time is told now: nothing follows.
    pub fn finish(&mut self, now: i64) -> Vec<Arc<Notification>> {
        let mut out = Vec::new();
        let mut waiting = Vec::new();
        for (name, groups) in &self.state.groups {
            let Some(action) = self.actions.get(name) else { continue };
            let news = groups.iter().filter(|(_, group)| group.has_news(&action.config.grouping));
            waiting.extend(news.map(|(key, _)| (name.clone(), key.clone())));
        }
        waiting.into_iter().for_each(|(name, key)| self.look(&name, &key, now, &mut out));
        out
    }

    /// When [`Router::on_timer`] has something to do next.
    pub fn next_wake(&self) -> Option<i64> {
        self.wakes.first().map(|(at, _, _)| *at)
    }

    /// A message was sent, or given up and kept elsewhere.
    pub fn done(&mut self, number: u64) {
        self.state.on_the_way.remove(&number);
    }

    /// Messages that are not known to be sent, in their order; after [`Router::restore`] they are to be sent again.
    pub fn unsent(&self) -> Vec<Arc<Notification>> {
        self.state.on_the_way.values().cloned().collect()
    }

    /// All that it has to remember.
    pub fn snapshot(&self) -> State {
        State { silences: self.silences.added(), ..self.state.clone() }
    }

    /// Goes on from a snapshot. Groups of actions that are no more are left out; where an action groups by other labels now, its
    /// alerts go to the groups that they are in now.
    pub fn restore(&mut self, state: State) {
        for silence in &state.silences {
            // What was added was right; one that is over now is forgotten at the next look.
            let _ = self.silences.add(silence.clone(), i64::MIN);
        }
        for alert in state.sources.values() {
            self.inhibitor.note(alert);
        }
        self.state = state;
        let actions = &self.actions;
        self.state.groups.retain(|name, _| actions.contains_key(name));
        self.state.on_the_way.retain(|_, message| actions.contains_key(&message.action));
        for (name, groups) in &mut self.state.groups {
            let Some(action) = actions.get(name) else { continue };
            regroup(&action.config.grouping, groups);
        }
        self.wakes = (self.state.groups.iter())
            .flat_map(|(name, groups)| groups.iter().map(move |(key, group)| (name, key, group)))
            .filter_map(|(name, key, group)| Some((group.next()?, name.clone(), key.clone())))
            .collect();
    }

    /// What was counted of each action.
    pub fn kept(&self) -> &BTreeMap<String, Kept> {
        &self.kept
    }

    /// Adds a silence.
    ///
    /// # Errors
    /// Where it is wrong; then nothing changes.
    pub fn silence(&mut self, silence: Silence, now: i64) -> Result<(), NotAdded> {
        self.silences.add(silence, now)
    }

    /// Ends a silence that was added; false where none has the name.
    pub fn expire(&mut self, name: &str) -> bool {
        self.silences.expire(name)
    }

    /// Puts the silences of the file in the place of those before.
    pub fn replace_file(&mut self, silences: Vec<Ready>) {
        self.silences.replace_file(silences);
    }

    /// All silences.
    pub fn silences(&self) -> Vec<Silence> {
        self.silences.list().map(|(_, silence)| silence.clone()).collect()
    }

    /// All silences and where they stand.
    pub fn all_silences(&self) -> Vec<(Origin, Silence)> {
        self.silences.list().map(|(origin, silence)| (origin, silence.clone())).collect()
    }

    /// Whether nobody would be told of an alert now: it is silenced, and others keep it quiet.
    pub fn muted(&self, change: &Change, now: i64) -> (bool, bool) {
        (self.silences.silence(&change.labels, now), self.inhibitor.inhibits(&Alert::of(change)))
    }

    /// Takes a change to the group of its alert in one action.
    fn change(&mut self, name: &str, alert: &Arc<Alert>, now: i64, out: &mut Vec<Arc<Notification>>) {
        let Some(action) = self.actions.get(name).cloned() else { return };
        let grouping = &action.config.grouping;
        let labels = group_labels(grouping, alert);
        let key = group_text(&labels);
        let groups = self.state.groups.entry(name.to_owned()).or_default();
        if groups.get(&key).is_some_and(|group| group.would_hide(alert, grouping, now)) {
            self.look(name, &key, now, out);
        }
        let groups = self.state.groups.entry(name.to_owned()).or_default();
        let group = groups.entry(key.clone()).or_insert_with(|| Group::new(labels));
        let before = group.next();
        group.apply(Arc::clone(alert), grouping, now);
        let (after, gone) = (group.next(), group.is_empty());
        self.rescheduled(name, &key, before, after, gone);
    }

    /// Keeps [`Router::next_wake`] in step with a group, and lets go of one that is empty.
    fn rescheduled(&mut self, name: &str, key: &str, before: Option<i64>, after: Option<i64>, gone: bool) {
        if let Some(at) = before {
            self.wakes.remove(&(at, name.to_owned(), key.to_owned()));
        }
        if gone {
            if let Some(groups) = self.state.groups.get_mut(name) {
                groups.remove(key);
            }
        } else if let Some(at) = after {
            self.wakes.insert((at, name.to_owned(), key.to_owned()));
        }
    }

    fn look_at_due(&mut self, now: i64, out: &mut Vec<Arc<Notification>>) {
        let due: Vec<(String, String)> = (self.wakes.iter())
            .take_while(|(at, _, _)| *at <= now)
            .map(|(_, name, key)| (name.clone(), key.clone()))
            .collect();
        due.into_iter().for_each(|(name, key)| self.look(&name, &key, now, out));
    }

    fn look(&mut self, name: &str, key: &str, now: i64, out: &mut Vec<Arc<Notification>>) {
        let Some(action) = self.actions.get(name) else { return };
        let Some(group) = self.state.groups.get_mut(name).and_then(|groups| groups.get_mut(key)) else { return };
        let before = group.next();
        let (silences, inhibitor) = (&self.silences, &self.inhibitor);
        let look = group.look(&action.config.grouping, now, &|alert| {
            if silences.silence(&alert.change.labels, now) {
                Some(Muted::Silenced)
            } else {
                inhibitor.inhibits(alert).then_some(Muted::Inhibited)
            }
        });
        let labels = group.labels.clone();
        let (after, gone) = (group.next(), group.is_empty());
        if let Some(kept) = self.kept.get_mut(name) {
            kept.silenced += look.muted.iter().filter(|muted| **muted == Muted::Silenced).count() as u64;
            kept.inhibited += look.muted.iter().filter(|muted| **muted == Muted::Inhibited).count() as u64;
        }
        self.rescheduled(name, key, before, after, gone);
        if look.alerts.is_empty() {
            return;
        }
        self.state.numbers += 1;
        let message = Arc::new(Notification {
            number: self.state.numbers,
            action: name.to_owned(),
            group_key: key.to_owned(),
            group: labels,
            alerts: look.alerts,
            left_out: look.left_out,
            at: now,
        });
        self.state.on_the_way.insert(message.number, Arc::clone(&message));
        out.push(message);
    }
}

/// The labels of the group that an alert is in.
fn group_labels(grouping: &Grouping, alert: &Alert) -> BTreeMap<String, String> {
    match &grouping.by {
        None => alert.change.labels.clone(),
        Some(by) => {
            let of = |label: &String| alert.change.labels.get(label).cloned().unwrap_or_default();
            by.iter().map(|label| (label.clone(), of(label))).collect()
        }
    }
}

/// Moves alerts to the groups that they are in by settings that may have changed.
fn regroup(grouping: &Grouping, groups: &mut BTreeMap<String, Group>) {
    let mut moved = Vec::new();
    for (key, group) in groups.iter_mut() {
        moved.extend(group.split(&|alert| group_text(&group_labels(grouping, alert)) == *key));
    }
    groups.retain(|_, group| !group.is_empty());
    for (alert, group) in moved {
        let labels = group_labels(grouping, &alert);
        groups.entry(group_text(&labels)).or_insert_with(|| Group::new(labels)).merge(group);
    }
}
