//! A message into the JSON of an incoming webhook of Slack.

use super::http::Http;
use super::{Failure, Receiver};
use crate::config::SlackConfig;
use crate::event::OwnedValue;
use crate::notify::alert::Alert;
use crate::notify::message::Notification;
use crate::notify::setup::Action;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;

/// An incoming webhook.
pub(super) struct Slack {
    http: Http,
    config: SlackConfig,
    action: Arc<Action>,
}

impl Slack {
    pub(super) fn new(config: &SlackConfig, action: &Arc<Action>) -> Self {
        Self { http: Http::new(&config.http, ""), config: config.clone(), action: Arc::clone(action) }
    }
}

/// What Slack would take as marks, as text.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// Of a template only what stands for names is escaped: its own text may have marks.
fn escaped(value: Option<OwnedValue>) -> Option<OwnedValue> {
    match value {
        Some(OwnedValue::Text(text) | OwnedValue::Json(text)) => Some(OwnedValue::Text(escape(&text))),
        other => other,
    }
}

impl Receiver for Slack {
    fn send(&mut self, message: &Notification, timeout: Duration) -> Result<(), Failure> {
        let title = match &self.action.title {
            Some(title) => title.render(&|name| escaped(message.find(name))),
            None => format!("*{}*", escape(&message.title())),
        };
        let line = |alert: &Alert| match &self.action.text {
            Some(text) => text.render(&|name| escaped(alert.find(name))),
            None => escape(&alert.line()),
        };
        let mut body = json!({ "text": format!("{title}\n{}", message.lines(&line)) });
        let more =
            [("channel", &self.config.channel), ("username", &self.config.username), ("icon_emoji", &self.config.icon)];
        for (key, value) in more {
            if let Some(value) = value {
                body[key] = value.as_str().into();
            }
        }
        self.http.send(false, body.to_string().as_bytes(), &[], timeout)
    }
}
