//! Inhibitions: alerts that keep others quiet while they fire.
//!
//! Invariants: (1) an alert never keeps itself quiet; (2) of two alerts that both meet source and target neither keeps the
//! other quiet; (3) a label that neither has is shared. Cost: a look-up for each rule whose target an alert meets.

use super::alert::Alert;
use super::condition::Condition;
use crate::alert::State;
use std::collections::BTreeMap;

/// An inhibition that is ready to be asked.
#[derive(Debug, Clone)]
pub struct Inhibition {
    /// Its name.
    pub name: String,
    /// Which alerts keep others quiet.
    pub source: Condition,
    /// Which alerts are kept quiet.
    pub target: Condition,
    /// Labels that both share.
    pub equal: Vec<String>,
}

impl Inhibition {
    fn shared<'a>(&self, labels: &'a BTreeMap<String, String>) -> Vec<Option<&'a str>> {
        self.equal.iter().map(|name| labels.get(name).map(String::as_str)).collect()
    }
}

/// Alerts that are sources now, by the labels that are shared: for each its key, and whether it is a target too.
type Sources = BTreeMap<Vec<Option<String>>, BTreeMap<String, bool>>;

/// All inhibitions, and the alerts that are sources of each.
#[derive(Debug, Clone, Default)]
pub struct Inhibitor {
    rules: Vec<(Inhibition, Sources)>,
}

impl Inhibitor {
    /// No alert fires.
    pub fn new(rules: Vec<Inhibition>) -> Self {
        Self { rules: rules.into_iter().map(|rule| (rule, Sources::new())).collect() }
    }

    /// Takes note of how an alert stands now; true where it is a source.
    pub fn note(&mut self, alert: &Alert) -> bool {
        let change = &alert.change;
        // One that fired and hears nothing any more is not known to be over.
        let fires = change.state == State::Firing || (change.state == State::NoData && change.fired.is_some());
        let mut any = false;
        for (rule, sources) in &mut self.rules {
            let shared: Vec<Option<String>> =
                rule.shared(&change.labels).into_iter().map(|value| value.map(str::to_owned)).collect();
            if fires && rule.source.matches(&change.labels) {
                let both = rule.target.matches(&change.labels);
                sources.entry(shared).or_default().insert(alert.key.clone(), both);
                any = true;
            } else if let Some(keys) = sources.get_mut(&shared) {
                keys.remove(&alert.key);
                if keys.is_empty() {
                    sources.remove(&shared);
                }
            }
        }
        any
    }

    /// Whether an alert is kept quiet.
    pub fn inhibits(&self, alert: &Alert) -> bool {
        let labels = &alert.change.labels;
        self.rules.iter().any(|(rule, sources)| {
            if sources.is_empty() || !rule.target.matches(labels) {
                return false;
            }
            let shared: Vec<Option<String>> =
                rule.shared(labels).into_iter().map(|value| value.map(str::to_owned)).collect();
            let Some(keys) = sources.get(&shared) else { return false };
            let both = rule.source.matches(labels);
            keys.iter().any(|(key, source_is_target)| *key != alert.key && !(both && *source_is_target))
        })
    }
}
