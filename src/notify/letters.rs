//! Messages that could not be sent, into a file that is bounded.
//!
//! One JSON object a line: `at`, `action`, `reason`, `tries`, and the whole `message`. When a line finds no room the file is
//! renamed to end in `.1`, in the place of the one before: so the newest are kept, at most twice the bound. A letter that
//! cannot be written is counted like any other, and told of in the log.

use super::message::Notification;
use crate::time::{EventTime, format_rfc3339};
use serde_json::json;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// The dead letters of one action.
#[derive(Debug)]
pub struct Letters {
    path: Option<PathBuf>,
    most: u64,
}

impl Letters {
    /// Letters in `path`, or nowhere.
    pub fn new(path: Option<&str>, most: u64) -> Self {
        Self { path: path.map(PathBuf::from), most }
    }

    /// Keeps a message.
    pub fn keep(&mut self, message: &Notification, reason: &str, tries: u64, now: i64) {
        let (action, alerts) = (&message.action, message.alerts.len());
        tracing::warn!(%action, alerts, tries, reason, "a message about alerts was not sent: {}", message.title());
        let Some(path) = &self.path else { return };
        let line = json!({
            "at": format_rfc3339(EventTime(now)),
            "action": action,
            "reason": reason,
            "tries": tries,
            "message": message,
        });
        if let Err(error) = append(path, self.most, &format!("{line}\n")) {
            tracing::error!(%action, "the dead letter cannot be written to {}: {error}", path.display());
        }
    }
}

fn append(path: &Path, most: u64, line: &str) -> io::Result<()> {
    let written = fs::metadata(path).map_or(0, |file| file.len());
    if written > 0 && written + line.len() as u64 > most {
        let mut older = path.as_os_str().to_owned();
        older.push(".1");
        fs::rename(path, older)?;
    }
    open(path)?.write_all(line.as_bytes())
}

/// A file to add to; its folder is made.
pub fn open(path: &Path) -> io::Result<File> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs::create_dir_all(folder)?;
    }
    OpenOptions::new().create(true).append(true).open(path)
}
