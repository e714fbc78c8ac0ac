//! Stories on a clock that is set by hand: at 2.2 s this happens, between 3 s and 3.5 s that is told.
//!
//! - `stories`: grouping, repeats, flapping, ends, corrections, missing data.
//! - `quiet`: inhibitions and silences.
//! - `delivery`: real receivers that are slow, refuse, hang up, say nothing, and then work.
//! - `server`: those receivers.
//! - `restart`: each story cut at every moment and gone on with from what was written down.

mod delivery;
mod quiet;
mod restart;
pub(super) mod server;
mod stories;

use super::*;
use crate::alert::{Change, State as Life};
use crate::config;
use std::collections::BTreeMap;
use std::sync::Arc;

const PIPELINE: &str =
    "[sources.events]\ntype = 'stdin'\n[windows.w]\nfrom = 'events'\nsize = '1s'\nselect = { n = 'count(*)' }\n";

/// The setup that a pipeline with these tables has.
pub(super) fn setup(text: &str) -> Setup {
    let (config, problems) = config::parse("p.toml", &format!("{PIPELINE}{text}"), &[], &|_| None);
    assert!(!problems.has_errors(), "{problems}");
    let mut wrong = Vec::new();
    let setup = Setup::compile(&config.unwrap(), &mut wrong);
    assert_eq!(wrong, []);
    setup
}

/// A change of the alert `rule/service`, in the life that began at `since`.
pub(super) fn change(alert: &str, state: Life, since: i64) -> Change {
    let (rule, service) = alert.split_once('/').unwrap();
    let severity = if rule == "page" { "critical" } else { "warning" };
    let labels = [("alert", rule), ("severity", severity), ("service", service)];
    Change {
        id: format!("{alert}-{since}"),
        rule: rule.to_owned(),
        state,
        severity: severity.to_owned(),
        labels: labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect(),
        annotations: [("summary".to_owned(), format!("{service} is bad"))].into(),
        values: vec![("service".to_owned(), service.into()), ("errors".to_owned(), 7.into())],
        window: (since, since + 10_000_000),
        since,
        fired: (state != Life::Pending).then_some(since + 10_000_000),
        at: since + 20_000_000,
        notify: vec!["ops".to_owned()],
    }
}

pub(super) fn us(seconds: f64) -> i64 {
    (seconds * 1e6).round() as i64
}

/// What happens at a moment: `fire page/api`, in seconds; a third word is the life.
pub(super) type Happens<'a> = (f64, &'a [&'a str]);

/// A run of a router over a story.
pub(super) struct Run {
    pub router: Router,
    pub now: i64,
    pub told: Vec<(i64, String)>,
}

fn say(message: &Notification) -> String {
    let alerts = message
        .alerts
        .iter()
        .map(|alert| format!("{} {}/{}", alert.change.state.word(), alert.change.rule, alert.change.labels["service"]));
    let more = if message.left_out > 0 { format!(" +{}", message.left_out) } else { String::new() };
    format!("{}{more}", alerts.collect::<Vec<_>>().join(", "))
}

impl Run {
    pub fn new(setup: &Setup) -> Self {
        Self { router: Router::new(setup), now: 0, told: Vec::new() }
    }

    fn hear(&mut self, messages: Vec<Arc<Notification>>) {
        for message in messages {
            assert_eq!(message.at, self.now);
            self.router.done(message.number);
            self.told.push((self.now, say(&message)));
        }
    }

    /// Goes on to a moment, with every look on the way.
    pub fn until(&mut self, at: i64) {
        while let Some(wake) = self.router.next_wake().filter(|wake| *wake <= at) {
            self.now = self.now.max(wake);
            let messages = self.router.on_timer(self.now);
            self.hear(messages);
            assert!(self.router.next_wake().is_none_or(|next| next > self.now), "a look makes no other one due");
        }
        self.now = at;
    }

    /// What happens at a moment.
    pub fn happens(&mut self, (at, what): Happens<'_>) {
        self.until(us(at));
        let change_of = |text: &&str| {
            let words: Vec<&str> = text.split(' ').collect();
            let state = match words[0] {
                "hold" => Life::Pending,
                "fire" => Life::Firing,
                "end" => Life::Resolved,
                "lose" => Life::NoData,
                "correct" => Life::Corrected,
                other => panic!("{other}"),
            };
            change(words[1], state, words.get(2).map_or(0, |life| life.parse().unwrap()))
        };
        let changes: Vec<Change> = what.iter().map(change_of).collect();
        let messages = self.router.on_changes(self.now, &changes);
        self.hear(messages);
    }

    /// Holds what was told against what was expected between two moments each, in their order.
    pub fn expect(&self, name: &str, expected: &[(f64, f64, &str)]) {
        let told: Vec<(f64, &str)> = self.told.iter().map(|(at, text)| (*at as f64 / 1e6, text.as_str())).collect();
        let same = told.len() == expected.len()
            && told
                .iter()
                .zip(expected)
                .all(|((at, text), (from, to, what))| *text == *what && (us(*from)..=us(*to)).contains(&us(*at)));
        assert!(same, "{name}: told {told:#?}, expected {expected:#?}");
    }
}

/// A story: its name, its action, what happens, until when, and what is told.
pub(super) struct Story {
    pub name: &'static str,
    pub tables: &'static str,
    pub happens: &'static [Happens<'static>],
    pub until: f64,
    pub told: &'static [(f64, f64, &'static str)],
}

pub(super) fn tell(stories: &[Story]) {
    for story in stories {
        let mut run = Run::new(&setup(story.tables));
        story.happens.iter().for_each(|what| run.happens(*what));
        run.until(us(story.until));
        run.expect(story.name, story.told);
    }
}

/// Labels, for conditions.
pub(super) fn labels(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}
