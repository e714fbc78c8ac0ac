//! The checked settings of who is told about alerts, and when: `[actions]`, `[inhibitions]`, `[silences]`, `[notify]`.
//!
//! Invariants: (1) names of actions are unique, and none is `log`; (2) an address begins with `http://` or, where the
//! program was built with TLS, `https://`; (3) a silence ends after it begins; (4) nothing here prints a [`Secret`].

use super::settings::Located;
use super::size::ByteSize;
use crate::time::{EventTime, Span};
use std::fmt;

/// A text that is never printed: a password, a token, an address with a token in it.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Secret(String);

impl Secret {
    /// Keeps `text` to itself.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text, for whoever sends it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// What `[notify]` says.
#[derive(Debug, Clone, PartialEq)]
pub struct NotifySettings {
    /// A file of more silences, which is read again when it changes.
    pub silences: Option<String>,
    /// Where people find what runs this pipeline.
    pub external_url: Option<String>,
    /// How long a run waits at its end for messages that are on their way.
    pub drain_timeout: Span,
}

/// One action: `[actions.<name>]`.
#[derive(Debug, Clone, PartialEq)]
pub struct ActionConfig {
    /// The action's name.
    pub name: String,
    /// The line of its header; 0 for the one that is built in.
    pub line: usize,
    /// Who is told, and how.
    pub kind: ActionKind,
    /// Which alerts are told together, and when.
    pub grouping: Grouping,
    /// What is done where the receiver does not answer.
    pub delivery: DeliveryConfig,
}

/// Which alerts are told together, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grouping {
    /// Labels that the alerts of a group share; `None`: each alert is a group.
    pub by: Option<Vec<String>>,
    /// How long the first alert of a group waits for others.
    pub wait: Span,
    /// How often what has changed in a group is told.
    pub interval: Span,
    /// How often a group that does not change is told again; `None`: never.
    pub repeat: Option<Span>,
    /// Ends are told.
    pub send_resolved: bool,
    /// It is told where an alert hears nothing any more.
    pub no_data: bool,
    /// The most alerts of one message.
    pub max_alerts: u64,
}

/// What is done where the receiver does not answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryConfig {
    /// How long one try may take.
    pub timeout: Span,
    /// How often a message is tried again.
    pub retries: u64,
    /// How long the first pause is.
    pub backoff: Span,
    /// How long a pause is at most.
    pub max_backoff: Span,
    /// How many messages may wait.
    pub queue: u64,
    /// How many messages are on their way at once.
    pub concurrency: u64,
    /// After how many failures in a row no more is tried for a while.
    pub break_after: u64,
    /// How long that while is.
    pub break_for: Span,
    /// The file that keeps what could not be sent.
    pub dead_letters: Option<String>,
    /// How large it may become.
    pub dead_letters_max: ByteSize,
}

/// Who is told, and how. Texts with `{names}` are templates.
#[derive(Debug, Clone, PartialEq)]
pub enum ActionKind {
    /// The program's log.
    Log {
        /// The level.
        level: LogLevel,
    },
    /// A line of JSON an alert.
    File {
        /// The file; it is added to.
        path: String,
    },
    /// An HTTP request.
    Webhook(WebhookConfig),
    /// An incoming webhook of Slack, or of what takes the same.
    Slack(SlackConfig),
    /// The Alertmanager of Prometheus.
    Alertmanager {
        /// Where they are; every one is told.
        servers: Vec<HttpConfig>,
    },
    /// Events of PagerDuty, version 2.
    PagerDuty {
        /// Where events go.
        http: HttpConfig,
        /// The integration key.
        routing_key: Secret,
        /// The text of an event, a template over an alert.
        text: Option<Located<String>>,
    },
    /// Mail by SMTP.
    Email(EmailConfig),
    /// A program.
    Command {
        /// Its path, or its name on `PATH`.
        program: String,
        /// Its arguments, templates.
        args: Vec<Located<String>>,
    },
    /// A function of the program that runs the pipeline.
    Program,
}

impl ActionKind {
    /// The `type` of the file.
    pub fn word(&self) -> &'static str {
        match self {
            ActionKind::Log { .. } => "log",
            ActionKind::File { .. } => "file",
            ActionKind::Webhook(_) => "webhook",
            ActionKind::Slack(_) => "slack",
            ActionKind::Alertmanager { .. } => "alertmanager",
            ActionKind::PagerDuty { .. } => "pagerduty",
            ActionKind::Email(_) => "email",
            ActionKind::Command { .. } => "command",
            ActionKind::Program => "program",
        }
    }
}

/// How grave a line of the log is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogLevel {
    /// Errors.
    Error,
    /// Warnings.
    Warn,
    /// What is good to know.
    Info,
}

/// Where a request goes and what it says of who sends it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpConfig {
    /// The address; there may be a token in it.
    pub url: Secret,
    /// More headers.
    pub headers: Vec<(String, Secret)>,
    /// A bearer token.
    pub token: Option<Secret>,
    /// A user, with `password`.
    pub user: Option<String>,
    /// The user's password.
    pub password: Option<Secret>,
    /// The file of the authorities that are trusted; `None`: those that the program brings.
    pub ca: Option<String>,
}

/// An HTTP request for each message.
#[derive(Debug, Clone, PartialEq)]
pub struct WebhookConfig {
    /// Where it goes.
    pub http: HttpConfig,
    /// `PUT` instead of `POST`.
    pub put: bool,
    /// The document, whose texts are templates; `None`: that of the Alertmanager's webhooks.
    pub body: Option<Located<serde_json::Value>>,
    /// What it is signed with.
    pub secret: Option<Secret>,
}

/// An incoming webhook of Slack.
#[derive(Debug, Clone, PartialEq)]
pub struct SlackConfig {
    /// Where it goes.
    pub http: HttpConfig,
    /// Another channel than that of the webhook.
    pub channel: Option<String>,
    /// Another name of the sender.
    pub username: Option<String>,
    /// Its picture, such as `:fire:`.
    pub icon: Option<String>,
    /// The first line, a template over the message.
    pub title: Option<Located<String>>,
    /// A line, a template over an alert.
    pub text: Option<Located<String>>,
}

/// Mail by SMTP.
#[derive(Debug, Clone, PartialEq)]
pub struct EmailConfig {
    /// The server's name.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// How the connection is kept private.
    pub tls: MailTls,
    /// Who logs in, with `password`.
    pub user: Option<String>,
    /// The user's password.
    pub password: Option<Secret>,
    /// The file of the authorities that are trusted; `None`: those that the program brings.
    pub ca: Option<String>,
    /// The sender.
    pub from: String,
    /// Who gets it.
    pub to: Vec<String>,
    /// The subject, a template over the message.
    pub subject: Option<Located<String>>,
    /// A paragraph, a template over an alert.
    pub text: Option<Located<String>>,
}

/// How the connection to a mail server is kept private.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MailTls {
    /// It is not.
    None,
    /// The server is asked to, on the connection.
    StartTls,
    /// From the beginning.
    Tls,
}

/// One inhibition: `[inhibitions.<name>]`.
#[derive(Debug, Clone, PartialEq)]
pub struct InhibitionConfig {
    /// Its name.
    pub name: String,
    /// The line of its header.
    pub line: usize,
    /// Which alerts keep others quiet.
    pub source: Located<String>,
    /// Which alerts are kept quiet.
    pub target: Located<String>,
    /// Labels that both share.
    pub equal: Vec<String>,
}

/// One silence: `[silences.<name>]`.
#[derive(Debug, Clone, PartialEq)]
pub struct SilenceConfig {
    /// Its name.
    pub name: String,
    /// The line of its header.
    pub line: usize,
    /// Which alerts it is about.
    pub matching: Located<String>,
    /// When it begins; `None`: at once.
    pub from: Option<EventTime>,
    /// When it ends.
    pub until: EventTime,
    /// Why.
    pub comment: Option<String>,
    /// Whose it is.
    pub by: Option<String>,
}
