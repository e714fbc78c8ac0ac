//! The one list of receivers: a message into what one of them takes.
//!
//! A receiver is called on a thread of its own, with how long it may take. What it gives says whether to try again.

mod alertmanager;
mod command;
mod email;
mod file;
mod http;
mod log;
mod pagerduty;
mod program;
mod slack;
mod smtp;
mod traced;
mod webhook;

/// HTTP, for whoever else sends something to a receiver.
#[cfg(feature = "otlp")]
pub(crate) use http::{Asked, Http};
pub use program::{OnAlerts, Programs};
pub(super) use traced::traced;

use super::message::Notification;
use super::setup::Action;
use crate::config::ActionKind;
use std::sync::Arc;
use std::time::Duration;

/// Why a message was not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// It may be taken later.
    Again {
        /// Why.
        reason: String,
        /// How long the receiver asks to wait.
        after: Option<Duration>,
    },
    /// It never will be.
    Refused {
        /// Why.
        reason: String,
    },
}

impl Failure {
    /// It may be taken later.
    pub fn again(reason: impl Into<String>) -> Self {
        Failure::Again { reason: reason.into(), after: None }
    }

    /// It never will be.
    pub fn refused(reason: impl Into<String>) -> Self {
        Failure::Refused { reason: reason.into() }
    }
}

/// Who is told.
pub trait Receiver: Send {
    /// Tells it of a message, within `timeout`.
    ///
    /// # Errors
    /// Why it was not taken.
    fn send(&mut self, message: &Notification, timeout: Duration) -> Result<(), Failure>;
}

/// The receiver of an action. `url`: where people find what runs the pipeline.
pub fn receiver(action: &Arc<Action>, url: &str, programs: &Programs) -> Box<dyn Receiver> {
    match &action.config.kind {
        ActionKind::Log { level } => Box::new(log::Log(*level)),
        ActionKind::File { path } => Box::new(file::Lines::new(path)),
        ActionKind::Webhook(webhook) => Box::new(webhook::Webhook::new(webhook, action, url)),
        ActionKind::Slack(slack) => Box::new(slack::Slack::new(slack, action)),
        ActionKind::Alertmanager { servers } => {
            Box::new(alertmanager::Alertmanager::new(servers, action.config.grouping.repeat, url))
        }
        ActionKind::PagerDuty { http, routing_key, .. } => {
            Box::new(pagerduty::PagerDuty::new(http, routing_key, action, url))
        }
        ActionKind::Email(email) => Box::new(email::Email::new(email, action)),
        ActionKind::Program => Box::new(programs.receiver(&action.config.name)),
        ActionKind::Command { program, .. } => Box::new(command::Command::new(program, action, url)),
    }
}

/// The text of a file of certificates.
#[cfg(feature = "tls")]
fn read_authorities(path: &str) -> Result<Vec<u8>, Failure> {
    std::fs::read(path).map_err(|error| Failure::again(format!("the certificates in {path} cannot be read: {error}")))
}

/// The beginning of a text on one line, for a reason.
fn short(text: &str) -> String {
    let line: Vec<&str> = text.split_whitespace().collect();
    let line: String = line.join(" ").chars().filter(|c| !c.is_control()).collect();
    match line.char_indices().nth(200) {
        Some((at, _)) => format!("{}...", &line[..at]),
        None => line,
    }
}
