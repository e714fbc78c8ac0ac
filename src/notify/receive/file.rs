//! A message into lines of a file, one JSON object an alert.
//!
//! The file is opened for each message, so that it may be moved away at any time.

use super::{Failure, Receiver};
use crate::notify::letters::open;
use crate::notify::message::Notification;
use crate::time::{EventTime, format_rfc3339};
use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

/// A file of lines.
pub(super) struct Lines(PathBuf);

impl Lines {
    pub(super) fn new(path: &str) -> Self {
        Self(PathBuf::from(path))
    }
}

impl Receiver for Lines {
    fn send(&mut self, message: &Notification, _: Duration) -> Result<(), Failure> {
        let mut text = String::new();
        for alert in &message.alerts {
            let mut line = alert.document("");
            if let Some(line) = line.as_object_mut() {
                line.remove("generatorURL");
                line.insert("told".to_owned(), format_rfc3339(EventTime(message.at)).into());
                line.insert("action".to_owned(), message.action.as_str().into());
            }
            text.push_str(&format!("{line}\n"));
        }
        open(&self.0)
            .and_then(|mut file| file.write_all(text.as_bytes()))
            .map_err(|error| Failure::again(format!("{} cannot be written: {error}", self.0.display())))
    }
}
