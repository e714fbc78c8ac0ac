//! What is told at once to one receiver, and the documents that are made of it.

use super::alert::Alert;
use crate::event::OwnedValue;
use crate::time::{EventTime, format_rfc3339};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A message: the alerts of a group that fire, and those of it that have ended since the last one.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Notification {
    /// Counts the messages of the router, also over restarts.
    pub number: u64,
    /// Who is told.
    pub action: String,
    /// The group, as text: `{service="api"}`.
    pub group_key: String,
    /// The labels that its alerts share because they are grouped by them.
    pub group: BTreeMap<String, String>,
    /// Those that fire, then those that have ended; each in the order of rules and labels.
    pub alerts: Vec<Arc<Alert>>,
    /// How many more there are.
    pub left_out: usize,
    /// When it was made, by the clock of the machine; microseconds.
    pub at: i64,
}

/// Labels as text.
pub fn group_text(labels: &BTreeMap<String, String>) -> String {
    let labels: Vec<String> = labels.iter().map(|(name, value)| format!("{name}={value:?}")).collect();
    format!("{{{}}}", labels.join(","))
}

/// What all of these share.
fn common<'a>(mut of: impl Iterator<Item = &'a BTreeMap<String, String>>) -> BTreeMap<String, String> {
    let mut shared = of.next().cloned().unwrap_or_default();
    of.for_each(|labels| shared.retain(|name, value| labels.get(name) == Some(value)));
    shared
}

fn moment(us: i64) -> String {
    format_rfc3339(EventTime(us))
}

/// A value as JSON.
pub fn json_of(value: &OwnedValue) -> Value {
    match value {
        OwnedValue::Null => Value::Null,
        OwnedValue::Bool(v) => (*v).into(),
        OwnedValue::Int(v) => (*v).into(),
        OwnedValue::Float(v) => (*v).into(),
        OwnedValue::Time(us) => moment(*us).into(),
        OwnedValue::Text(text) => text.as_str().into(),
        OwnedValue::Json(text) => serde_json::from_str(text).unwrap_or_else(|_| text.as_str().into()),
    }
}

impl Alert {
    /// It as a document, as the webhooks of the Alertmanager have it and with more.
    pub fn document(&self, url: &str) -> Value {
        let change = &self.change;
        let values: Map<String, Value> =
            change.values.iter().map(|(name, value)| (name.clone(), json_of(value))).collect();
        json!({
            "status": self.status(),
            "labels": change.labels,
            "annotations": change.annotations,
            "startsAt": moment(self.starts()),
            // As the Alertmanager writes that it has no end yet.
            "endsAt": self.ends().map_or_else(|| "0001-01-01T00:00:00Z".to_owned(), moment),
            "generatorURL": url,
            "fingerprint": self.key,
            "id": change.id,
            "state": change.state.word(),
            "values": values,
            "window": { "start": moment(change.window.0), "end": moment(change.window.1) },
        })
    }
}

impl Notification {
    /// `firing` where at least one alert does.
    pub fn status(&self) -> &'static str {
        if self.alerts.iter().any(|alert| alert.is_active()) { "firing" } else { "resolved" }
    }

    fn firing(&self) -> usize {
        self.alerts.iter().filter(|alert| alert.is_active()).count()
    }

    /// Labels of all of its alerts.
    pub fn common_labels(&self) -> BTreeMap<String, String> {
        common(self.alerts.iter().map(|alert| &alert.change.labels))
    }

    /// Annotations of all of its alerts.
    pub fn common_annotations(&self) -> BTreeMap<String, String> {
        common(self.alerts.iter().map(|alert| &alert.change.annotations))
    }

    /// The first line of a message where nobody said what: `FIRING 2: alert=errors service=api`.
    pub fn title(&self) -> String {
        let labels = if self.group.is_empty() { self.common_labels() } else { self.group.clone() };
        let labels: Vec<String> = labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let count = if self.status() == "firing" { self.firing() } else { self.alerts.len() };
        format!("{} {}: {}", self.status().to_uppercase(), count + self.left_out, labels.join(" "))
    }

    /// The lines of its alerts, one below the other.
    pub fn lines(&self, line: &dyn Fn(&Alert) -> String) -> String {
        let mut lines: Vec<String> = self.alerts.iter().map(|alert| line(alert)).collect();
        if self.left_out > 0 {
            lines.push(format!("and {} more", self.left_out));
        }
        lines.join("\n")
    }

    /// The document that the webhooks of the Alertmanager send, version 4.
    pub fn document(&self, url: &str) -> Value {
        json!({
            "version": "4",
            "groupKey": self.group_key,
            "truncatedAlerts": self.left_out,
            "status": self.status(),
            "receiver": self.action,
            "groupLabels": self.group,
            "commonLabels": self.common_labels(),
            "commonAnnotations": self.common_annotations(),
            "externalURL": url,
            "alerts": self.alerts.iter().map(|alert| alert.document(url)).collect::<Vec<_>>(),
        })
    }

    /// What a name in a template over a message stands for.
    pub fn find(&self, name: &str) -> Option<OwnedValue> {
        let count = |n: usize| Some(OwnedValue::from(n));
        match name {
            "status" => Some(self.status().into()),
            "action" => Some(self.action.as_str().into()),
            "group" => Some(self.group_key.as_str().into()),
            "title" => Some(self.title().into()),
            "count" => count(self.alerts.len() + self.left_out),
            "firing" => count(self.firing()),
            "resolved" => count(self.alerts.len() - self.firing()),
            "alerts" => {
                let list: Value = self.alerts.iter().map(|alert| alert.document("")).collect();
                Some(OwnedValue::Json(list.to_string()))
            }
            "lines" => Some(self.lines(&Alert::line).into()),
            _ => {
                let mut values = self.alerts.iter().map(|alert| alert.find(name));
                let first = values.next()??;
                values.all(|value| value.as_ref() == Some(&first)).then_some(first)
            }
        }
    }
}
