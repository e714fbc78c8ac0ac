//! A change of an alert, turned into what is told of it: an identity by its labels, and values for the names of templates.

use crate::alert::{Change, State};
use crate::event::OwnedValue;
use crate::time::{EventTime, format_rfc3339};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// An alert as it stands.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Alert {
    /// 16 hexadecimal digits of its labels: the same for all lives of one alert.
    pub key: String,
    /// Its last change.
    pub change: Change,
}

/// What alerts with these labels have in common.
pub fn key_of(labels: &BTreeMap<String, String>) -> String {
    let mut hash = Sha256::new();
    for (name, value) in labels {
        for text in [name, value] {
            hash.update((text.len() as u64).to_le_bytes());
            hash.update(text.as_bytes());
        }
    }
    hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

impl Alert {
    /// The alert behind a change.
    pub fn of(change: &Change) -> Self {
        Self { key: key_of(&change.labels), change: change.clone() }
    }

    /// True while it is to be heard of: it fires, or hears nothing.
    pub fn is_active(&self) -> bool {
        matches!(self.change.state, State::Firing | State::NoData)
    }

    /// `firing` or `resolved`, as receivers tell alerts apart.
    pub fn status(&self) -> &'static str {
        if self.is_active() { "firing" } else { "resolved" }
    }

    /// True where it is over because it never was.
    pub fn is_corrected(&self) -> bool {
        self.change.state == State::Corrected
    }

    /// When it began, for receivers: when it fired, or began to hold.
    pub fn starts(&self) -> i64 {
        self.change.fired.unwrap_or(self.change.since)
    }

    /// When it ended.
    pub fn ends(&self) -> Option<i64> {
        (!self.is_active()).then(|| self.change.at.max(self.starts()))
    }

    /// The summary, or where it has none its rule and labels.
    pub fn summary(&self) -> String {
        self.change.annotations.get("summary").cloned().unwrap_or_else(|| {
            let own = |name: &str| !matches!(name, "alert" | "severity");
            let labels = self.change.labels.iter().filter(|(name, _)| own(name));
            let labels: Vec<String> = labels.map(|(name, value)| format!("{name}={value}")).collect();
            if labels.is_empty() {
                self.change.rule.clone()
            } else {
                format!("{} ({})", self.change.rule, labels.join(", "))
            }
        })
    }

    /// What a line says of it where nobody said what: state, severity, summary.
    pub fn line(&self) -> String {
        let state = match self.change.state {
            State::NoData => "no data",
            State::Corrected => "corrected: it did not fire",
            state => state.word(),
        };
        match self.change.severity.as_str() {
            "" => format!("{state}: {}", self.summary()),
            severity => format!("{state} [{severity}]: {}", self.summary()),
        }
    }

    /// What a name in a template over an alert stands for. A label goes before an annotation, and that before a value.
    pub fn find(&self, name: &str) -> Option<OwnedValue> {
        let change = &self.change;
        let moment = |us: i64| Some(OwnedValue::Time(us));
        match name {
            "id" => return Some(change.id.as_str().into()),
            "key" => return Some(self.key.as_str().into()),
            "state" => return Some(change.state.word().into()),
            "status" => return Some(self.status().into()),
            "line" => return Some(self.line().into()),
            _ => {}
        }
        let text = change.labels.get(name).or_else(|| change.annotations.get(name));
        let value = || change.values.iter().find(|(one, _)| one == name).map(|(_, value)| value.clone());
        text.map(|text| text.as_str().into()).or_else(value).or_else(|| match name {
            "alert" | "rule" => Some(change.rule.as_str().into()),
            "severity" => Some(change.severity.as_str().into()),
            "summary" => Some(self.summary().into()),
            "window" => Some(window(change.window).into()),
            "window_start" => moment(change.window.0),
            "window_end" => moment(change.window.1),
            "since" => moment(change.since),
            "fired" => change.fired.map(OwnedValue::Time),
            "at" => moment(change.at),
            _ => None,
        })
    }
}

/// A window as people read it.
fn window((start, end): (i64, i64)) -> String {
    let [start, end] = [start, end].map(|us| format_rfc3339(EventTime(us)));
    format!("{start}/{end}")
}
