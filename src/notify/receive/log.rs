//! A message into lines of the log, one an alert.

use super::{Failure, Receiver};
use crate::config::LogLevel;
use crate::notify::message::Notification;
use std::time::Duration;

/// The log.
pub(super) struct Log(pub(super) LogLevel);

impl Receiver for Log {
    fn send(&mut self, message: &Notification, _: Duration) -> Result<(), Failure> {
        for alert in &message.alerts {
            let (line, id, alert) = (alert.line(), alert.change.id.as_str(), alert.change.rule.as_str());
            match self.0 {
                LogLevel::Error => tracing::error!(target: "highwater::alerts", alert, id, "{line}"),
                LogLevel::Warn => tracing::warn!(target: "highwater::alerts", alert, id, "{line}"),
                LogLevel::Info => tracing::info!(target: "highwater::alerts", alert, id, "{line}"),
            }
        }
        Ok(())
    }
}
