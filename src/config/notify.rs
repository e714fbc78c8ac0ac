//! Tables of `[actions]`, `[inhibitions]` and `[silences]`, and `[notify]`, into their settings.

use super::notify_settings::{
    ActionConfig, ActionKind, DeliveryConfig, EmailConfig, Grouping, HttpConfig, InhibitionConfig, LogLevel, MailTls,
    NotifySettings, Secret, SilenceConfig, SlackConfig, WebhookConfig,
};
use super::reader::{Context, Fields, is_name};
use super::sections::notify::{
    ACTION, ACTION_ALERTMANAGER, ACTION_COMMAND, ACTION_EMAIL, ACTION_FILE, ACTION_LOG, ACTION_PAGERDUTY, ACTION_SLACK,
    ACTION_WEBHOOK, INHIBITION, NOTIFY, SILENCE,
};
use super::settings::Located;
use super::tree::{Data, Node, Place, one_line};
use super::value;
use crate::error::{Problem, Problems};
use crate::time::Span;

/// The action that is always there.
pub(super) const BUILT_IN: &str = "log";
/// The kind of an action that a program brings; no word of the file.
const PROGRAM: &str = "program";
/// Where PagerDuty takes events.
const PAGERDUTY: &str = "https://events.pagerduty.com/v2/enqueue";
/// What stands for all labels in `group_by`.
const ALL_LABELS: &str = "...";

/// Whether this program can speak TLS.
const TLS: bool = cfg!(feature = "tls");

/// Reads `[notify]`.
pub(super) fn settings(top: &Fields<'_>, ctx: &mut Context) -> NotifySettings {
    let (_, node) = top.entry("notify", ctx);
    let place = Place { path: "notify".into(), ..top.place.clone() };
    let empty = Node { data: Data::Table(Vec::new()), place };
    let given = node.and_then(|node| Fields::open(node, &[&NOTIFY], ctx));
    let fields = match given {
        Some(fields) => fields,
        None => Fields::open(&empty, &[&NOTIFY], ctx).expect("it is a table"),
    };
    fields.unknown_keys(&[], ctx);
    NotifySettings {
        silences: fields.get("silences", ctx, value::text).map(|path| path.value),
        external_url: fields.get("external_url", ctx, value::text).map(|url| url.value),
        drain_timeout: fields.or_default("drain_timeout", ctx, value::span),
    }
}

/// Reports names that are no names. The names of each section are their own.
fn check_name(name: &str, node: &Node, what: &str, ctx: &mut Context) {
    if !is_name(name, true) {
        let message = format!("'{}' is not a name for {what}", one_line(name));
        let help = "use letters, digits, _ and -, beginning with a letter".to_owned();
        ctx.problems.push(node.place.problem("config.name", message, Some(help)));
    }
}

/// Reads one action; `None` where its kind or what it needs is not known.
pub(super) fn action(name: &str, node: &Node, ctx: &mut Context) -> Option<ActionConfig> {
    check_name(name, node, "an action", ctx);
    if name == BUILT_IN {
        let help = "rename it; log is an action that is always there".to_owned();
        ctx.problems.push(node.place.problem("action.name", "an action cannot be named 'log'", Some(help)));
    }
    let mut fields = Fields::open(node, &[&ACTION], ctx)?;
    let kind = match fields.entry("type", ctx) {
        (_, Some(Node { data: Data::Program, .. })) => Some(PROGRAM),
        _ => fields.get("type", ctx, value::word).map(|kind| kind.value),
    };
    let all = [
        &ACTION_LOG,
        &ACTION_FILE,
        &ACTION_WEBHOOK,
        &ACTION_SLACK,
        &ACTION_ALERTMANAGER,
        &ACTION_PAGERDUTY,
        &ACTION_EMAIL,
        &ACTION_COMMAND,
    ];
    match kind {
        Some(kind) => all.iter().filter(|s| s.of == Some(kind)).for_each(|section| fields.also(section)),
        None => all.iter().for_each(|section| fields.also(section)),
    }
    if kind.is_some() {
        fields.unknown_keys(&all, ctx);
    }
    let grouping = grouping(&fields, kind.unwrap_or_default(), ctx);
    let delivery = delivery(&fields, ctx);
    let kind = match kind? {
        "log" => ActionKind::Log {
            level: match fields.or_default("level", ctx, value::word) {
                "error" => LogLevel::Error,
                "info" => LogLevel::Info,
                _ => LogLevel::Warn,
            },
        },
        "file" => ActionKind::File { path: fields.get("path", ctx, value::text)?.value },
        "webhook" => webhook(&fields, ctx)?,
        "slack" => {
            let url = fields.get("url", ctx, value::text);
            let text = |key: &str, ctx: &mut Context| fields.get(key, ctx, value::text);
            let (channel, username, icon) = (text("channel", ctx), text("username", ctx), text("icon", ctx));
            let (title, text) = (text("title", ctx), text("text", ctx));
            let ca = authorities(&fields, ctx);
            let http = HttpConfig { url: address(url?, ctx)?, ca, ..HttpConfig::plain() };
            let [channel, username, icon] = [channel, username, icon].map(|text| text.map(|text| text.value));
            ActionKind::Slack(SlackConfig { http, channel, username, icon, title, text })
        }
        "alertmanager" => {
            let urls = fields.list("url", ctx);
            let common = http(&fields, ctx);
            let servers: Vec<_> = urls
                .into_iter()
                .filter_map(|url| Some(HttpConfig { url: address(url, ctx)?, ..common.clone() }))
                .collect();
            if servers.is_empty() {
                return None;
            }
            ActionKind::Alertmanager { servers }
        }
        "pagerduty" => {
            let routing_key = fields.get("routing_key", ctx, value::text).map(|key| Secret::new(key.value));
            let text = fields.get("text", ctx, value::text);
            let unsaid = || {
                let place = Place { path: format!("{}.url", fields.place.path), ..fields.place.clone() };
                Located { value: PAGERDUTY.to_owned(), line: place.line, path: place.path.clone(), text: place.text() }
            };
            let url = fields.get("url", ctx, value::text).unwrap_or_else(unsaid);
            let ca = authorities(&fields, ctx);
            let http = HttpConfig { url: address(url, ctx)?, ca, ..HttpConfig::plain() };
            ActionKind::PagerDuty { http, routing_key: routing_key?, text }
        }
        "email" => email(&fields, ctx)?,
        PROGRAM => ActionKind::Program,
        _ => {
            let program = fields.get("program", ctx, value::text);
            let (key, node) = fields.entry("args", ctx);
            let args = node.and_then(|node| ctx.keep(value::any_texts(node, key), &node.place)).unwrap_or_default();
            let args = args.into_iter().filter_map(|(item, read)| Some(item.located(ctx.keep(read, &item.place)?)));
            let args = args.collect();
            ActionKind::Command { program: program?.value, args }
        }
    };
    Some(ActionConfig { name: name.to_owned(), line: node.place.line, kind, grouping, delivery })
}

fn grouping(fields: &Fields<'_>, kind: &str, ctx: &mut Context) -> Grouping {
    let at_once = matches!(kind, "log" | "file" | "pagerduty" | PROGRAM);
    let labels = fields.list("group_by", ctx);
    let by = match labels.as_slice() {
        [] if at_once => None,
        [] => Some(vec!["alert".to_owned()]),
        labels if labels.iter().any(|label| label.value == ALL_LABELS) => {
            if let [_, second, ..] = labels {
                let help = "remove the others, or \"...\"".to_owned();
                let message = "\"...\" stands for all labels";
                ctx.problems.push(second.problem("action.group_by", message, Some(help)));
            }
            None
        }
        labels => Some(labels.iter().map(|label| label.value.clone()).collect()),
    };
    let minutes = |n: i64| Span(n * 60_000_000);
    let interval = match kind {
        "alertmanager" => Span(5_000_000),
        _ if at_once => Span::ZERO,
        _ => minutes(5),
    };
    let repeat = match kind {
        "alertmanager" => minutes(1),
        _ if at_once => Span::ZERO,
        _ => minutes(240),
    };
    let mut span = |key: &str, unsaid: Span| fields.get(key, ctx, value::span).map_or(unsaid, |span| span.value);
    let (interval, repeat) = (span("group_interval", interval), span("repeat_interval", repeat));
    Grouping {
        by,
        wait: fields.or_default("group_wait", ctx, value::span),
        interval,
        repeat: Some(repeat).filter(|repeat| *repeat > Span::ZERO),
        send_resolved: fields.or_default("send_resolved", ctx, value::flag),
        no_data: fields.or_default("no_data", ctx, value::flag),
        max_alerts: fields.or_default("max_alerts", ctx, value::count),
    }
}

fn delivery(fields: &Fields<'_>, ctx: &mut Context) -> DeliveryConfig {
    DeliveryConfig {
        timeout: fields.or_default("timeout", ctx, value::span),
        retries: fields.or_default("retries", ctx, value::count),
        backoff: fields.or_default("backoff", ctx, value::span),
        max_backoff: fields.or_default("max_backoff", ctx, value::span),
        queue: fields.or_default("queue", ctx, value::count),
        concurrency: fields.or_default("concurrency", ctx, value::count),
        break_after: fields.or_default("break_after", ctx, value::count),
        break_for: fields.or_default("break_for", ctx, value::span),
        dead_letters: fields.get("dead_letters", ctx, value::text).map(|path| path.value),
        dead_letters_max: fields.or_default("dead_letters_max", ctx, value::size),
    }
}

impl ActionConfig {
    /// The action that is always there.
    pub fn built_in() -> Self {
        let node = Node {
            data: Data::Table(vec![(
                "type".to_owned(),
                Node {
                    data: Data::Text { text: BUILT_IN.to_owned(), from_env: false },
                    place: Place { line: 0, path: String::new(), written: String::new(), set: None },
                },
            )]),
            place: Place { line: 0, path: "actions.log".to_owned(), written: String::new(), set: None },
        };
        let built_in = action("built_in", &node, &mut Context::default()).expect("log needs nothing");
        Self { name: BUILT_IN.to_owned(), ..built_in }
    }
}

impl HttpConfig {
    pub(super) fn plain() -> Self {
        Self { url: Secret::default(), headers: Vec::new(), token: None, user: None, password: None, ca: None }
    }
}

/// The address of a receiver of alerts.
fn address(url: Located<String>, ctx: &mut Context) -> Option<Secret> {
    http_address(url, ("action.url", "action.tls"), "this is not an address of HTTP", ctx)
}

/// The address where it is one that this program can speak to; else reports it, as the first code and with the message, or, where
/// it is TLS that this program has not, as the second.
pub(super) fn http_address(
    url: Located<String>,
    (none, no_tls): (&'static str, &'static str),
    message: &str,
    ctx: &mut Context,
) -> Option<Secret> {
    let lower = url.value.to_ascii_lowercase();
    let host = lower.split_once("://").map(|(_, rest)| rest.split(['/', '?', '#']).next().unwrap_or_default());
    let odd = url.value.chars().any(|c| c.is_whitespace() || c.is_control());
    match lower.split("://").next() {
        Some("http" | "https") if host.is_none_or(str::is_empty) || odd => {}
        Some("http") => return Some(Secret::new(url.value)),
        Some("https") if TLS => return Some(Secret::new(url.value)),
        Some("https") => {
            let help = "build it with --features tls, or use an address with http://".to_owned();
            ctx.problems.push(url.problem(no_tls, "this program was built without TLS", Some(help)));
            return None;
        }
        _ => {}
    }
    let help = "write http://host:port/path, or https:// where the program was built with TLS".to_owned();
    ctx.problems.push(url.problem(none, message, Some(help)));
    None
}

/// The file of the authorities that are trusted; reported where nothing can come of it.
fn authorities(fields: &Fields<'_>, ctx: &mut Context) -> Option<String> {
    trusted(fields, "action.tls", ctx)
}

/// The file of the authorities that are trusted; reported as `code` where nothing can come of it.
pub(super) fn trusted(fields: &Fields<'_>, code: &'static str, ctx: &mut Context) -> Option<String> {
    let ca = fields.get("ca", ctx, value::text)?;
    if !TLS {
        let help = "build it with --features tls, or remove ca".to_owned();
        ctx.problems.push(ca.problem(code, "this program was built without TLS", Some(help)));
    }
    Some(ca.value)
}

/// True for what can be the name of a header.
pub(super) fn is_header_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.!#$%&'*+^`|~".contains(&b))
}

/// True for what can be the value of a header.
pub(super) fn is_header_value(text: &str) -> bool {
    text.is_ascii() && !text.chars().any(char::is_control)
}

/// The headers of requests; what can be none is reported as `code`.
pub(super) fn headers(fields: &Fields<'_>, code: &'static str, ctx: &mut Context) -> Vec<(String, Secret)> {
    let (key, node) = fields.entry("headers", ctx);
    let mut headers = Vec::new();
    let table = node.and_then(|node| ctx.keep(value::text_table(node, key), &node.place)).unwrap_or_default();
    for (name, node, read) in table {
        let Some(text) = ctx.keep(read, &node.place) else { continue };
        let named = is_header_name(name);
        if !named || !is_header_value(&text) {
            let what = if named { "its value" } else { "its name" };
            let message = format!("'{}' is not a header: {what} has a character that is not allowed", one_line(name));
            let help = "use letters, digits and - in names, and one line of ASCII as a value".to_owned();
            ctx.problems.push(node.place.problem(code, message, Some(help)));
        } else {
            headers.push((name.to_owned(), Secret::new(text)));
        }
    }
    headers
}

/// Headers and who logs in; the address is left open.
fn http(fields: &Fields<'_>, ctx: &mut Context) -> HttpConfig {
    let headers = headers(fields, "action.header", ctx);
    let token = fields.get("token", ctx, value::text);
    let user = fields.get("user", ctx, value::text);
    let password = fields.get("password", ctx, value::text);
    if let (Some(one), Some(_)) = (&token, &user) {
        let help = "remove one of token and user".to_owned();
        ctx.problems.push(one.problem("action.login", "both token and user say who logs in", Some(help)));
    }
    login(fields, user.as_ref(), password.as_ref(), ctx);
    HttpConfig {
        headers,
        token: token.map(|text| Secret::new(text.value)),
        user: user.map(|text| text.value),
        password: password.map(|text| Secret::new(text.value)),
        ca: authorities(fields, ctx),
        url: Secret::default(),
    }
}

/// Reports a user without a password, and a password without a user.
fn login(fields: &Fields<'_>, user: Option<&Located<String>>, password: Option<&Located<String>>, ctx: &mut Context) {
    let problem = match (user, password) {
        (Some(user), None) if fields.entry("password", ctx).1.is_none() => {
            user.problem("action.login", "a user needs a password", Some("add password, or remove user".into()))
        }
        (None, Some(password)) if fields.entry("user", ctx).1.is_none() => {
            password.problem("action.login", "a password needs a user", Some("add user, or remove password".into()))
        }
        _ => return,
    };
    ctx.problems.push(problem);
}

fn webhook(fields: &Fields<'_>, ctx: &mut Context) -> Option<ActionKind> {
    let url = fields.get("url", ctx, value::text);
    let put = fields.or_default("method", ctx, value::word) == "PUT";
    let http = http(fields, ctx);
    let (key, node) = fields.entry("body", ctx);
    let body = node.and_then(|node| ctx.keep(value::tree(node, key), &node.place).map(|body| node.located(body)));
    let secret = fields.get("secret", ctx, value::text).map(|secret| Secret::new(secret.value));
    let http = HttpConfig { url: address(url?, ctx)?, ..http };
    Some(ActionKind::Webhook(WebhookConfig { http, put, body, secret }))
}

fn email(fields: &Fields<'_>, ctx: &mut Context) -> Option<ActionKind> {
    let host = fields.get("host", ctx, value::text);
    let port = fields.get("port", ctx, value::count).map(|port| port.value);
    let tls = fields.get("tls", ctx, value::word).expect("it has a default");
    let user = fields.get("user", ctx, value::text);
    let password = fields.get("password", ctx, value::text);
    login(fields, user.as_ref(), password.as_ref(), ctx);
    let from = fields.get("from", ctx, value::text);
    let to = fields.list("to", ctx);
    let (subject, text) = (fields.get("subject", ctx, value::text), fields.get("text", ctx, value::text));
    for address in from.iter().chain(&to) {
        if !is_mail_address(&address.value) {
            let help = "write name@example.org, without a name before it".to_owned();
            ctx.problems.push(address.problem("action.address", "this is not an address of mail", Some(help)));
        }
    }
    let mode = match tls.value {
        "none" => MailTls::None,
        "tls" => MailTls::Tls,
        _ => MailTls::StartTls,
    };
    if mode != MailTls::None && !TLS {
        let help = "build it with --features tls, or write tls = \"none\" for a server that is near".to_owned();
        ctx.problems.push(tls.problem("action.tls", "this program was built without TLS", Some(help)));
    }
    let unsaid = match mode {
        MailTls::None => 25,
        MailTls::StartTls => 587,
        MailTls::Tls => 465,
    };
    if to.is_empty() {
        return None;
    }
    Some(ActionKind::Email(EmailConfig {
        host: host?.value,
        port: port.and_then(|port| u16::try_from(port).ok()).unwrap_or(unsaid),
        tls: mode,
        user: user.map(|user| user.value),
        password: password.map(|password| Secret::new(password.value)),
        ca: authorities(fields, ctx),
        from: from?.value,
        to: to.into_iter().map(|to| to.value).collect(),
        subject,
        text,
    }))
}

/// True for `name@domain`, of characters that need no quotes in a command of SMTP.
fn is_mail_address(text: &str) -> bool {
    let fine = |part: &str| {
        !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || ".!#$%&'*+-/=?^_`{|}~".contains(c))
    };
    text.rsplit_once('@').is_some_and(|(name, domain)| fine(name) && fine(domain))
}

/// Reads one inhibition; `None` where a condition is missing.
pub(super) fn inhibition(name: &str, node: &Node, ctx: &mut Context) -> Option<InhibitionConfig> {
    check_name(name, node, "an inhibition", ctx);
    let fields = Fields::open(node, &[&INHIBITION], ctx)?;
    fields.unknown_keys(&[], ctx);
    let source = fields.get("source", ctx, value::text);
    let target = fields.get("target", ctx, value::text);
    let equal = fields.list("equal", ctx).into_iter().map(|label| label.value).collect();
    Some(InhibitionConfig { name: name.to_owned(), line: node.place.line, source: source?, target: target?, equal })
}

/// Reads one silence; `None` where its condition or its end is missing.
pub(super) fn silence(name: &str, node: &Node, ctx: &mut Context) -> Option<SilenceConfig> {
    check_name(name, node, "a silence", ctx);
    let fields = Fields::open(node, &[&SILENCE], ctx)?;
    fields.unknown_keys(&[], ctx);
    let matching = fields.get("match", ctx, value::text);
    let from = fields.get("from", ctx, value::time);
    let until = fields.get("until", ctx, value::time);
    let comment = fields.get("comment", ctx, value::text).map(|text| text.value);
    let by = fields.get("by", ctx, value::text).map(|text| text.value);
    if let (Some(from), Some(until)) = (&from, &until)
        && until.value <= from.value
    {
        let message = format!("until is not after from, which is {}", from.value);
        ctx.problems.push(until.problem("silence.until", message, Some("use a later time".into())));
    }
    Some(SilenceConfig {
        name: name.to_owned(),
        line: node.place.line,
        matching: matching?,
        from: from.map(|from| from.value),
        until: until?.value,
        comment,
        by,
    })
}

/// Reads the text of a file of silences; pure.
///
/// # Errors
/// Everything that is wrong with its settings; its conditions are looked at by whoever compiles them.
pub fn parse_silences(
    file_name: &str,
    text: &str,
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<Vec<SilenceConfig>, Problems> {
    let mut ctx = Context::default();
    let mut silences = Vec::new();
    for (name, node) in super::tree::read(text, env, &mut ctx.problems).unwrap_or_default() {
        let entries = match &node.data {
            Data::Table(entries) if name == "silences" => entries,
            _ => {
                let message = format!("a file of silences has no '{}'", one_line(&name));
                let help = "write [silences.<name>] with match and until below".to_owned();
                ctx.problems.push(node.place.problem("config.key", message, Some(help)));
                continue;
            }
        };
        silences.extend(entries.iter().filter_map(|(name, node)| silence(name, node, &mut ctx)));
    }
    let mut list: Vec<Problem> = ctx.problems;
    list.sort_by_key(|problem| problem.line);
    if list.is_empty() { Ok(silences) } else { Err(Problems { file: file_name.to_owned(), list }) }
}
