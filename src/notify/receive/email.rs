//! A message into a mail: headers, and a text in base 64.

use super::smtp::{self, Server};
use super::{Failure, Receiver};
use crate::config::EmailConfig;
use crate::notify::alert::Alert;
use crate::notify::message::Notification;
use crate::notify::setup::Action;
use crate::time::{EventTime, format_rfc3339};
use base64::{Engine, prelude::BASE64_STANDARD};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

/// How long a line of base 64 is.
const LINE: usize = 76;
/// How many bytes of a subject stand in one encoded word.
const WORD: usize = 42;

/// A mail server and who gets mail from it.
pub(super) struct Email {
    config: EmailConfig,
    action: Arc<Action>,
}

impl Email {
    pub(super) fn new(config: &EmailConfig, action: &Arc<Action>) -> Self {
        Self { config: config.clone(), action: Arc::clone(action) }
    }

    fn paragraph(&self, alert: &Alert) -> String {
        if let Some(text) = &self.action.text {
            return text.render(&|name| alert.find(name));
        }
        let change = &alert.change;
        let mut lines = vec![alert.line()];
        lines.extend(change.labels.iter().map(|(name, value)| format!("  {name}: {value}")));
        lines.extend(change.values.iter().filter(|(name, _)| !change.labels.contains_key(name)).map(
            |(name, value)| {
                let text = crate::notify::message::json_of(value).to_string();
                format!("  {name}: {}", text.trim_matches('"'))
            },
        ));
        let other = change.annotations.iter().filter(|(name, _)| *name != "summary");
        lines.extend(other.map(|(name, value)| format!("  {name}: {value}")));
        lines.push(format!("  since: {}", format_rfc3339(EventTime(alert.starts()))));
        lines.push(format!("  id: {}", change.id));
        lines.join("\n") + "\n"
    }

    /// The mail, with lines that end as SMTP has them.
    fn mail(&self, message: &Notification) -> String {
        let subject = match &self.action.title {
            Some(title) => title.render(&|name| message.find(name)),
            None => message.title(),
        };
        let text = message.lines(&|alert| self.paragraph(alert)) + "\n";
        let domain = self.config.from.rsplit('@').next().unwrap_or("localhost");
        let mut hash = DefaultHasher::new();
        (&message.action, &message.group_key).hash(&mut hash);
        let thread = hash.finish();
        let headers = [
            format!("From: Highwater <{}>", self.config.from),
            format!("To: {}", self.config.to.join(", ")),
            format!("Subject: {}", header_text(&subject)),
            format!("Date: {}", date(message.at)),
            format!("Message-ID: <{}.{}.{thread:016x}@{domain}>", message.at, message.number),
            // All mails about one group stand together.
            format!("References: <{thread:016x}@{domain}>"),
            "Auto-Submitted: auto-generated".to_owned(),
            "MIME-Version: 1.0".to_owned(),
            "Content-Type: text/plain; charset=utf-8".to_owned(),
            "Content-Transfer-Encoding: base64".to_owned(),
        ];
        let encoded = BASE64_STANDARD.encode(text.replace('\n', "\r\n"));
        let lines: Vec<&str> =
            encoded.as_bytes().chunks(LINE).map(|line| std::str::from_utf8(line).unwrap_or_default()).collect();
        format!("{}\r\n\r\n{}\r\n", headers.join("\r\n"), lines.join("\r\n"))
    }
}

/// A text on one line, as a header takes it: in encoded words where it is not plain ASCII.
fn header_text(text: &str) -> String {
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    if line.is_ascii() && line.len() <= 900 && !line.contains("=?") {
        return line;
    }
    let mut words = vec![String::new()];
    for c in line.chars() {
        let last = words.last_mut().expect("there is one");
        if last.len() + c.len_utf8() > WORD {
            words.push(c.to_string());
        } else {
            last.push(c);
        }
    }
    let words: Vec<String> = words.iter().map(|word| format!("=?utf-8?B?{}?=", BASE64_STANDARD.encode(word))).collect();
    words.join("\r\n ")
}

/// A moment as mail has it.
fn date(us: i64) -> String {
    let moment = jiff::Timestamp::from_microsecond(us).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    moment.strftime("%a, %d %b %Y %H:%M:%S +0000").to_string()
}

impl Receiver for Email {
    fn send(&mut self, message: &Notification, timeout: Duration) -> Result<(), Failure> {
        let config = &self.config;
        let login = config.user.as_deref().zip(config.password.as_ref().map(|password| password.reveal()));
        let ca = config.ca.as_deref();
        let server = Server { host: &config.host, port: config.port, tls: config.tls, ca, login };
        smtp::send(&server, &config.from, &config.to, &self.mail(message), timeout)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_stay_on_their_line_and_other_characters_are_encoded() {
        assert_eq!(header_text("FIRING 1: a\r\nBcc: x@y"), "FIRING 1: a  Bcc: x@y");
        assert_eq!(header_text("zu spät"), "=?utf-8?B?enUgc3DDpHQ=?=");
        let long = header_text(&"ä".repeat(60));
        assert!(long.lines().count() == 3 && long.lines().all(|line| line.len() <= 76), "{long}");
        assert_eq!(date(1_767_614_400_000_000), "Mon, 05 Jan 2026 12:00:00 +0000");
    }
}
