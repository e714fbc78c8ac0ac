//! A message into alerts of the API v2 of the Alertmanager of Prometheus.
//!
//! An alert that fires is given an end some time after its next repeat, so that it does not fire for ever where nothing more is
//! heard of it. It is taken where one of the servers took it: they tell each other.

use super::http::Http;
use super::{Failure, Receiver};
use crate::config::HttpConfig;
use crate::notify::alert::Alert;
use crate::notify::message::Notification;
use crate::time::{EventTime, Span, format_rfc3339};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;

/// After how many repeats without word an alert is over.
const REPEATS: i64 = 4;

/// One or several Alertmanagers.
pub(super) struct Alertmanager {
    servers: Vec<Http>,
    repeat: Option<Span>,
    url: String,
}

impl Alertmanager {
    pub(super) fn new(servers: &[HttpConfig], repeat: Option<Span>, url: &str) -> Self {
        let server = |config: &HttpConfig| {
            let base = config.url.reveal().trim_end_matches('/').to_owned();
            Http::new(&HttpConfig { url: crate::config::Secret::new(base), ..config.clone() }, "/api/v2/alerts")
        };
        Self { servers: servers.iter().map(server).collect(), repeat, url: url.to_owned() }
    }
}

/// A name as Prometheus takes it.
fn name_of(label: &str) -> String {
    let fine = |c: char| if c.is_ascii_alphanumeric() || c == '_' { c } else { '_' };
    let name: String = label.chars().map(fine).collect();
    if name.starts_with(|c: char| c.is_ascii_digit()) { format!("_{name}") } else { name }
}

fn moment(us: i64) -> String {
    format_rfc3339(EventTime(us))
}

/// An alert as the API takes it. `at`: when the message was made.
fn document(alert: &Alert, at: i64, repeat: Option<Span>, url: &str) -> Value {
    let change = &alert.change;
    // An empty label is as good as none there.
    let labels = change.labels.iter().filter(|(_, value)| !value.is_empty());
    let mut labels: BTreeMap<String, &str> = labels.map(|(name, value)| (name_of(name), value.as_str())).collect();
    labels.entry("alertname".to_owned()).or_insert(&change.rule);
    let mut annotations: BTreeMap<String, &str> =
        change.annotations.iter().map(|(name, value)| (name_of(name), value.as_str())).collect();
    annotations.insert("state".to_owned(), change.state.word());
    annotations.insert("alert_id".to_owned(), &change.id);
    // What is over must have ended before now there, and begun before it ended.
    let ends = alert.ends().map(|ends| ends.min(at));
    let starts = ends.map_or(alert.starts(), |ends| alert.starts().min(ends));
    let ends = ends.or_else(|| Some(at.saturating_add(repeat?.0.saturating_mul(REPEATS)).max(starts)));
    let mut document = json!({ "labels": labels, "annotations": annotations, "startsAt": moment(starts) });
    if let Some(ends) = ends {
        document["endsAt"] = moment(ends).into();
    }
    if !url.is_empty() {
        document["generatorURL"] = url.into();
    }
    document
}

impl Receiver for Alertmanager {
    fn send(&mut self, message: &Notification, timeout: Duration) -> Result<(), Failure> {
        let alerts: Value =
            message.alerts.iter().map(|alert| document(alert, message.at, self.repeat, &self.url)).collect();
        let body = alerts.to_string();
        let answers: Vec<_> =
            self.servers.iter_mut().map(|http| http.send(false, body.as_bytes(), &[], timeout)).collect();
        if answers.iter().any(Result::is_ok) {
            return Ok(());
        }
        // One that may take it later counts for more than one that refuses it.
        let again = |answer: &Result<(), Failure>| matches!(answer, Err(Failure::Again { .. }));
        let at = answers.iter().position(again).unwrap_or(0);
        answers.into_iter().nth(at).unwrap_or(Ok(()))
    }
}
