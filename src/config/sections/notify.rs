//! The part of the one list that says who is told about alerts: `[actions]`, `[inhibitions]`, `[silences]`, `[notify]`.

use super::{ANY_SPAN, SHORTEST, key, optional, required, word};
use crate::config::reference::{KeyKind, Section};
use crate::config::size::ByteSize;
use crate::time::Span;

const DAY: Span = Span(86_400_000_000);
const PAUSE: KeyKind = KeyKind::Span { least: SHORTEST, most: DAY };

pub(in crate::config) static NOTIFY: Section = Section {
    path: "notify",
    of: None,
    noun: "[notify]",
    doc: "What holds for all who are told about alerts.",
    keys: &[
        key(
            "silences",
            KeyKind::Path,
            "A file of more silences, `[silences.<name>]` as here. It is read again when it changes, so that a silence needs no \
             restart; it need not be there. A file that is wrong is told of in the log, and the silences before it stay.",
            "\"silences.toml\"",
        ),
        key(
            "external_url",
            KeyKind::Text,
            "The address where people find what runs this pipeline, for messages that have a place for it.",
            "\"http://highwater.example.org\"",
        ),
        optional(
            "drain_timeout",
            PAUSE,
            "\"10s\"",
            "How long a run waits at its end for messages that are on their way. What is not sent by then is a dead letter.",
            "\"10s\"",
        ),
    ],
    planned: &[],
};

pub(in crate::config) static ACTION: Section = Section {
    path: "actions.<name>",
    of: None,
    noun: "an action",
    doc: "Who is told about alerts that have its name in `notify`. `log` is an action that is always there. Rows of alerts are \
          rows like any others too: a sink takes them by the alert's name. In templates `{name}` stands for a label, an \
          annotation or a value of the alert's row, and `{alert}`, `{id}`, `{state}`, `{severity}`, `{summary}`, `{window}`, \
          `{window_start}`, `{window_end}`, `{since}`, `{fired}`, `{at}`; in those over a whole message for a label or \
          annotation that all of its alerts share, and `{status}`, `{action}`, `{group}`, `{count}`, `{firing}`, `{resolved}`, \
          `{alerts}`.",
    keys: &[
        required(
            "type",
            word(&["alertmanager", "command", "email", "file", "log", "pagerduty", "slack", "webhook"], &[]),
            "What kind of receiver it is.",
            "\"webhook\"",
        ),
        key(
            "group_by",
            KeyKind::Names,
            "Labels: alerts that share them are told in one message. `\"...\"`: each alert by itself. Not given: `alert`, which \
             is the rule's name; of `log`, `file` and `pagerduty` each by itself.",
            "[\"service\", \"env\"]",
        ),
        optional(
            "group_wait",
            ANY_SPAN,
            "\"0s\"",
            "How long the first alert of a group waits for others of the group before it is told.",
            "\"30s\"",
        ),
        key(
            "group_interval",
            ANY_SPAN,
            "After its first message a group is looked at this often, and what has changed is told. Not given: `5m`; of \
             `log`, `file` and `pagerduty` at once, of `alertmanager` `5s`.",
            "\"1m\"",
        ),
        key(
            "repeat_interval",
            ANY_SPAN,
            "How long after its last message a group that has not changed is told again, `0s`: never. Not given: `4h`; of \
             `log`, `file` and `pagerduty` never, of `alertmanager` `1m`, as it takes an alert that it no longer hears of as \
             resolved.",
            "\"1h\"",
        ),
        optional("send_resolved", KeyKind::Flag, "true", "Whether the end of an alert is told.", "false"),
        optional(
            "no_data",
            KeyKind::Flag,
            "true",
            "Whether it is told where an alert hears nothing any more of what it watches. Where it is not, such an alert goes on \
             as it was.",
            "false",
        ),
        optional(
            "max_alerts",
            KeyKind::Count { least: 1, most: 100_000 },
            "1000",
            "The most alerts of one message; how many are left out is said in it.",
            "100",
        ),
        optional(
            "timeout",
            PAUSE,
            "\"10s\"",
            "How long one try may take; a program that takes longer is ended.",
            "\"5s\"",
        ),
        optional(
            "retries",
            KeyKind::Count { least: 0, most: 1000 },
            "8",
            "How often a message is tried again where the receiver does not answer, or answers with a fault of its own. A \
             message that it refuses is not tried again.",
            "3",
        ),
        optional(
            "backoff",
            PAUSE,
            "\"500ms\"",
            "How long it waits before the first try again; each further wait is twice as long, up to `max_backoff`, and up to \
             half of it is left out by chance.",
            "\"1s\"",
        ),
        optional("max_backoff", PAUSE, "\"1m\"", "The longest of these waits.", "\"30s\""),
        optional(
            "queue",
            KeyKind::Count { least: 1, most: 1_000_000 },
            "1000",
            "How many messages may wait for the receiver. One more is a dead letter.",
            "100",
        ),
        optional(
            "concurrency",
            KeyKind::Count { least: 1, most: 64 },
            "1",
            "How many messages are on their way at once. Those of one group stay in order.",
            "4",
        ),
        optional(
            "break_after",
            KeyKind::Count { least: 1, most: 1_000_000 },
            "5",
            "After so many failures in a row nothing is tried for `break_for`, and then one message; the first that goes \
             through ends this.",
            "3",
        ),
        optional("break_for", PAUSE, "\"30s\"", "See `break_after`.", "\"1m\""),
        key(
            "dead_letters",
            KeyKind::Path,
            "A file that keeps what could not be sent, one JSON object a line with reason and message. Not given: it is \
             counted, and told of in the log.",
            "\"out/not-sent.ndjson\"",
        ),
        optional(
            "dead_letters_max",
            KeyKind::Size { least: ByteSize(1 << 10), most: ByteSize(1 << 40) },
            "\"16MiB\"",
            "How large that file may become. When it is full it is renamed to end in `.1`, in the place of the one before, \
             and begun anew.",
            "\"64MiB\"",
        ),
    ],
    planned: &[],
};

pub(in crate::config) static ACTION_LOG: Section = Section {
    path: "actions.<name>",
    of: Some("log"),
    noun: "an action of type log",
    doc: "The program's log, a line an alert.",
    keys: &[optional(
        "level",
        word(&["error", "warn", "info"], &[]),
        "\"warn\"",
        "The level of its lines. By itself the log shows warnings and errors.",
        "\"info\"",
    )],
    planned: &[],
};

pub(in crate::config) static ACTION_FILE: Section = Section {
    path: "actions.<name>",
    of: Some("file"),
    noun: "an action of type file",
    doc: "A file that lines are added to, one JSON object an alert.",
    keys: &[required("path", KeyKind::Path, "The file, relative to the working directory.", "\"out/alerts.ndjson\"")],
    planned: &[],
};

const URL: &str = "The address, with `http://`, or `https://` where the program was built with `--features tls`.";
const HEADERS: &str = "More headers. Their values are never printed.";
const TOKEN: &str = "A bearer token for the header `Authorization`. It is never printed.";
const USER: &str = "Who logs in, with `password`.";
const CA: &str = "A file of certificates (PEM): the authorities that are trusted, instead of those that the program brings. Needs a \
                  program that was built with `--features tls`.";
const PASSWORD: &str = "The user's password. It is never printed.";

pub(in crate::config) static ACTION_WEBHOOK: Section = Section {
    path: "actions.<name>",
    of: Some("webhook"),
    noun: "an action of type webhook",
    doc: "An HTTP request for each message. An answer of 2xx means that it was taken; 408, 429 and 5xx that it is to be tried \
          again, after `Retry-After` where the answer has that; any other that it is refused.",
    keys: &[
        required("url", KeyKind::Text, URL, "\"http://127.0.0.1:9000/alerts\""),
        optional("method", word(&["POST", "PUT"], &[]), "\"POST\"", "The method.", "\"PUT\""),
        key("headers", KeyKind::TextTable, HEADERS, "{ X-Team = \"shop\" }"),
        key("token", KeyKind::Secret, TOKEN, "\"${OPS_TOKEN:-none}\""),
        key("user", KeyKind::Text, USER, "\"highwater\""),
        key("password", KeyKind::Secret, PASSWORD, "\"${OPS_PASSWORD:-none}\""),
        key("ca", KeyKind::Path, CA, "\"/etc/ssl/own-ca.pem\""),
        key(
            "body",
            KeyKind::Tree,
            "The document, as JSON; texts in it are templates over the message, and one that is nothing but a `{name}` \
             becomes the value itself, `\"{alerts}\"` the list of the alerts. Not given: the document of the webhooks of the \
             Alertmanager, version 4, with `id`, `state`, `values` and `window` for each alert besides.",
            "{ text = \"{count} x {alert}\", alerts = \"{alerts}\" }",
        ),
        key(
            "secret",
            KeyKind::Secret,
            "Signs the body: the header `X-Highwater-Signature` is `sha256=` and the HMAC-SHA256 in hexadecimal. It is never \
             printed.",
            "\"${OPS_SECRET:-none}\"",
        ),
    ],
    planned: &[],
};

pub(in crate::config) static ACTION_SLACK: Section = Section {
    path: "actions.<name>",
    of: Some("slack"),
    noun: "an action of type slack",
    doc: "An incoming webhook of Slack, or of a server that takes the same (Mattermost, Rocket.Chat, Discord with `/slack`).",
    keys: &[
        required("url", KeyKind::Text, URL, "\"${SLACK_URL:-http://127.0.0.1:9000/hook}\""),
        key("ca", KeyKind::Path, CA, "\"/etc/ssl/own-ca.pem\""),
        key("channel", KeyKind::Text, "Another channel than that of the webhook.", "\"#alerts\""),
        key("username", KeyKind::Text, "Another name of the sender.", "\"Highwater\""),
        key("icon", KeyKind::Text, "Its picture, an emoji.", "\":ocean:\""),
        key(
            "title",
            KeyKind::Template,
            "The first line, over the message. Not given: status, number and group.",
            "\"{status}: {count} in {group}\"",
        ),
        key(
            "text",
            KeyKind::Template,
            "A line for each alert. Not given: state, severity and summary.",
            "\"{state} {alert}: {summary}\"",
        ),
    ],
    planned: &[],
};

pub(in crate::config) static ACTION_ALERTMANAGER: Section = Section {
    path: "actions.<name>",
    of: Some("alertmanager"),
    noun: "an action of type alertmanager",
    doc: "The Alertmanager of Prometheus, by its API v2. It groups, silences and routes itself, so alerts are given to it as they \
          change, and again every `repeat_interval` while they fire. The label `alertname` is the rule's name; what is not a \
          letter, digit or `_` in the name of a label is `_` there.",
    keys: &[
        required(
            "url",
            KeyKind::SomeTexts,
            "The addresses of one or several, without `/api/v2`; each is told of every alert.",
            "[\"http://127.0.0.1:9093\"]",
        ),
        key("headers", KeyKind::TextTable, HEADERS, "{ X-Team = \"shop\" }"),
        key("token", KeyKind::Secret, TOKEN, "\"${AM_TOKEN:-none}\""),
        key("user", KeyKind::Text, USER, "\"highwater\""),
        key("password", KeyKind::Secret, PASSWORD, "\"${AM_PASSWORD:-none}\""),
        key("ca", KeyKind::Path, CA, "\"/etc/ssl/own-ca.pem\""),
    ],
    planned: &[],
};

pub(in crate::config) static ACTION_PAGERDUTY: Section = Section {
    path: "actions.<name>",
    of: Some("pagerduty"),
    noun: "an action of type pagerduty",
    doc: "Events of PagerDuty, version 2: an alert triggers an incident, its end resolves it.",
    keys: &[
        required(
            "routing_key",
            KeyKind::Secret,
            "The integration key of the service. It is never printed.",
            "\"${PAGERDUTY_KEY:-none}\"",
        ),
        key(
            "url",
            KeyKind::Text,
            "Where events go. Not given: `https://events.pagerduty.com/v2/enqueue`.",
            "\"http://127.0.0.1:9000/v2/enqueue\"",
        ),
        key("ca", KeyKind::Path, CA, "\"/etc/ssl/own-ca.pem\""),
        key(
            "text",
            KeyKind::Template,
            "The summary of an incident. Not given: that of the alert.",
            "\"{alert}: {summary}\"",
        ),
    ],
    planned: &[],
};

pub(in crate::config) static ACTION_EMAIL: Section = Section {
    path: "actions.<name>",
    of: Some("email"),
    noun: "an action of type email",
    doc: "Mail by SMTP, one for each message.",
    keys: &[
        required("host", KeyKind::Text, "The mail server.", "\"mail.example.org\""),
        key(
            "port",
            KeyKind::Count { least: 1, most: 65_535 },
            "Its port. Not given: 587; with `tls = \"tls\"` 465, with `tls = \"none\"` 25.",
            "2525",
        ),
        optional(
            "tls",
            word(&["starttls", "tls", "none"], &[]),
            "\"starttls\"",
            "How the connection is kept private: `starttls` asks the server to, and sends nothing where it cannot; `tls` does \
             so from the beginning. Both need a program that was built with `--features tls`.",
            "\"none\"",
        ),
        key("user", KeyKind::Text, USER, "\"highwater\""),
        key("password", KeyKind::Secret, PASSWORD, "\"${MAIL_PASSWORD:-none}\""),
        key("ca", KeyKind::Path, CA, "\"/etc/ssl/own-ca.pem\""),
        required("from", KeyKind::Text, "The sender's address.", "\"highwater@example.org\""),
        required("to", KeyKind::SomeTexts, "Who gets it, one address or several.", "[\"ops@example.org\"]"),
        key(
            "subject",
            KeyKind::Template,
            "The subject, over the message. Not given: status, number and group.",
            "\"{status}: {group}\"",
        ),
        key(
            "text",
            KeyKind::Template,
            "A paragraph for each alert. Not given: state, severity and summary, and what else there is to say.",
            "\"{state} {alert}: {summary}\"",
        ),
    ],
    planned: &[],
};

pub(in crate::config) static ACTION_COMMAND: Section = Section {
    path: "actions.<name>",
    of: Some("command"),
    noun: "an action of type command",
    doc: "A program that is run for each message, never by a shell. Its standard input is the document that a webhook gets; when \
          it ends with 0 the message was taken.",
    keys: &[
        required("program", KeyKind::Text, "Its path, or its name on `PATH`.", "\"/usr/local/bin/page\""),
        key(
            "args",
            KeyKind::Texts,
            "Its arguments, templates over the message. Each is one argument, whatever stands in it.",
            "[\"--status\", \"{status}\"]",
        ),
    ],
    planned: &[],
};

pub(in crate::config) static INHIBITION: Section = Section {
    path: "inhibitions.<name>",
    of: None,
    noun: "an inhibition",
    doc: "Alerts that keep others quiet while they fire. Conditions are over labels, which are text; a label that an alert does \
          not have is NULL.",
    keys: &[
        required("source", KeyKind::Sql, "The alerts that keep others quiet.", "\"alert = 'node_down'\""),
        required(
            "target",
            KeyKind::Sql,
            "The alerts that are kept quiet. One that is of both keeps itself and others of both quiet in no case.",
            "\"severity = 'warning'\"",
        ),
        key(
            "equal",
            KeyKind::Names,
            "Labels whose values both must share; one that neither has is shared. Not given: none.",
            "[\"service\", \"env\"]",
        ),
    ],
    planned: &[],
};

pub(in crate::config) static SILENCE: Section = Section {
    path: "silences.<name>",
    of: None,
    noun: "a silence",
    doc: "A time, by the clock of the machine, in which nobody is told of some alerts. What still fires at its end is told then, and \
          so is the end of what had been told before.",
    keys: &[
        required("match", KeyKind::Sql, "The alerts, by their labels, as in an inhibition.", "\"service = 'api'\""),
        key("from", KeyKind::Time, "When it begins. Not given: at once.", "\"2026-01-05T12:00:00Z\""),
        required("until", KeyKind::Time, "When it ends.", "\"2030-01-05T14:00:00Z\""),
        key("comment", KeyKind::Text, "Why.", "\"deploy of version 7\""),
        key("by", KeyKind::Text, "Whose it is.", "\"ada\""),
    ],
    planned: &[],
};
