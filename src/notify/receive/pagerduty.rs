//! A message into events of PagerDuty, version 2, one an alert.
//!
//! The key of an incident is that of the alert, so an event that is sent twice makes one incident.

use super::http::Http;
use super::{Failure, Receiver};
use crate::config::{HttpConfig, Secret};
use crate::notify::alert::Alert;
use crate::notify::message::{Notification, json_of};
use crate::notify::setup::Action;
use crate::time::{EventTime, format_rfc3339};
use serde_json::{Map, Value, json};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The longest summary, in characters.
const LONGEST: usize = 1024;

/// A service of PagerDuty.
pub(super) struct PagerDuty {
    http: Http,
    routing_key: Secret,
    action: Arc<Action>,
    url: String,
}

impl PagerDuty {
    pub(super) fn new(http: &HttpConfig, routing_key: &Secret, action: &Arc<Action>, url: &str) -> Self {
        let http = Http::new(http, "");
        Self { http, routing_key: routing_key.clone(), action: Arc::clone(action), url: url.to_owned() }
    }

    fn event(&self, alert: &Alert) -> Value {
        let change = &alert.change;
        let mut event = json!({
            "routing_key": self.routing_key.reveal(),
            "event_action": if alert.is_active() { "trigger" } else { "resolve" },
            "dedup_key": alert.key,
        });
        if !alert.is_active() {
            return event;
        }
        let summary = match &self.action.text {
            Some(text) => text.render(&|name| alert.find(name)),
            None => alert.summary(),
        };
        let labels = change.labels.iter().filter(|(name, _)| !matches!(name.as_str(), "alert" | "severity"));
        let source: Vec<&str> = labels.map(|(_, value)| value.as_str()).collect();
        let values: Map<String, Value> =
            change.values.iter().map(|(name, value)| (name.clone(), json_of(value))).collect();
        event["payload"] = json!({
            "summary": summary.chars().take(LONGEST).collect::<String>(),
            "source": if source.is_empty() { change.rule.clone() } else { source.join("/") },
            "severity": severity(&change.severity),
            "timestamp": format_rfc3339(EventTime(alert.starts())),
            "class": change.rule,
            "custom_details": {
                "id": change.id,
                "state": change.state.word(),
                "labels": change.labels,
                "annotations": change.annotations,
                "values": values,
            },
        });
        event["client"] = "Highwater".into();
        if !self.url.is_empty() {
            event["client_url"] = self.url.as_str().into();
        }
        event
    }
}

/// One of the words that PagerDuty has.
fn severity(word: &str) -> &'static str {
    match word.to_ascii_lowercase().as_str() {
        "critical" | "page" | "fatal" => "critical",
        "warning" | "warn" => "warning",
        "info" | "notice" | "debug" => "info",
        _ => "error",
    }
}

impl Receiver for PagerDuty {
    fn send(&mut self, message: &Notification, timeout: Duration) -> Result<(), Failure> {
        let end = Instant::now() + timeout;
        for alert in &message.alerts {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(Failure::again(format!("not all events were taken within {timeout:?}")));
            }
            let event = self.event(alert).to_string();
            self.http.send(false, event.as_bytes(), &[], left)?;
        }
        Ok(())
    }
}
