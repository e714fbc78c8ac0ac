//! `[observe.otlp]` and the environment into an [`OtlpConfig`]: where traces and logs go, and how many of them.
//!
//! Invariants: (1) without the section the environment says nothing, so that a variable that is there for other programs changes no
//! run; (2) values of headers are secrets, and no problem shows one; (3) an address is one that this program can speak to.

use super::notify_settings::{HttpConfig, Secret};
use super::reader::{Context, Fields};
use super::sections::{OBSERVE, OBSERVE_OTLP};
use super::settings::Located;
use super::tree::Place;
use super::{notify, value};
use crate::error::{Problem, Severity};
use crate::time::Span;

/// Whether this program can send anything.
const OTLP: bool = cfg!(feature = "otlp");
/// Where a receiver is that nobody has named.
const DEFAULT_ENDPOINT: &str = "http://localhost:4318";
/// Variables of the environment, as the specification of OpenTelemetry names them.
const ENDPOINT: &str = "OTEL_EXPORTER_OTLP_ENDPOINT";
const HEADERS: &str = "OTEL_EXPORTER_OTLP_HEADERS";
const SERVICE_NAME: &str = "OTEL_SERVICE_NAME";

/// The least severe log that is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogsLevel {
    /// None is.
    Off,
    /// Errors.
    Error,
    /// And warnings.
    Warn,
    /// And what is told of the course of the run.
    Info,
    /// And what is for who looks for a fault.
    Debug,
}

/// Where traces and logs of a run go: `[observe.otlp]`.
#[derive(Debug, Clone, PartialEq)]
pub struct OtlpConfig {
    /// The receiver: the address before `/v1/traces`, the headers, the authorities that are trusted.
    pub http: HttpConfig,
    /// What the run is called there; `None`: as the pipeline.
    pub service_name: Option<String>,
    /// More that is said of each process.
    pub attributes: Vec<(String, String)>,
    /// Traces are sent.
    pub traces: bool,
    /// About so much time of the clock is between two steps that are traced; zero: each step is.
    pub sample: Span,
    /// Which logs are sent.
    pub logs: LogsLevel,
    /// How long one request may take.
    pub timeout: Span,
}

/// Reads `[observe]`; `None` where the file has no such section.
pub(super) fn read(top: &Fields<'_>, env: &dyn Fn(&str) -> Option<String>, ctx: &mut Context) -> Option<OtlpConfig> {
    let (_, node) = top.entry("observe", ctx);
    let fields = Fields::open(node?, &[&OBSERVE], ctx)?;
    fields.unknown_keys(&[], ctx);
    let (_, node) = fields.entry("otlp", ctx);
    let fields = Fields::open(node?, &[&OBSERVE_OTLP], ctx)?;
    fields.unknown_keys(&[], ctx);
    if !OTLP {
        let help = "build it with --features otlp, or remove the section".to_owned();
        let message = "this program was built without OpenTelemetry, and cannot run this";
        let problem = fields.place.problem("observe.otlp", message, Some(help));
        // What is not run, but tested or explained, needs none.
        ctx.problems.push(Problem { severity: Severity::Warning, ..problem });
    }
    // As in a shell, a variable that is empty is not there.
    let env = |name: &str| env(name).map(|text| text.trim().to_owned()).filter(|text| !text.is_empty());
    let given = fields.get("endpoint", ctx, value::text);
    let said = given.is_some() || fields.entry("endpoint", ctx).1.is_some();
    let mut headers = notify::headers(&fields, "observe.header", ctx);
    if !said
        && headers.is_empty()
        && let Some(text) = env(HEADERS)
    {
        match read_headers(&text) {
            Some(list) => headers = list,
            None => {
                let message = format!("the environment variable {HEADERS} cannot be read");
                let help = "write name=value,name=value, with other signs than letters and digits as %20".to_owned();
                ctx.problems.push(fields.place.problem("observe.header", message, Some(help)));
            }
        }
    }
    let url = match (given, said) {
        (Some(url), _) => endpoint(url, None, ctx),
        (None, true) => None,
        (None, false) => {
            let from = env(ENDPOINT).map(|text| (text, ENDPOINT));
            let variable = from.as_ref().map(|(_, name)| *name);
            let text = from.map_or_else(|| DEFAULT_ENDPOINT.to_owned(), |(text, _)| text);
            endpoint(at(fields.place, text), variable, ctx)
        }
    };
    let (key, node) = fields.entry("attributes", ctx);
    let mut attributes = Vec::new();
    let table = node.and_then(|node| ctx.keep(value::text_table(node, key), &node.place)).unwrap_or_default();
    for (name, node, read) in table {
        if let Some(text) = ctx.keep(read, &node.place) {
            attributes.push((name.to_owned(), text));
        }
    }
    let service_name = fields.get("service_name", ctx, value::text).map(|name| name.value);
    let http = HttpConfig {
        headers,
        ca: notify::trusted(&fields, "observe.tls", ctx),
        url: url.unwrap_or_default(),
        ..HttpConfig::plain()
    };
    Some(OtlpConfig {
        http,
        service_name: service_name.or_else(|| env(SERVICE_NAME)),
        attributes,
        traces: fields.or_default("traces", ctx, value::flag),
        sample: fields.or_default("sample", ctx, value::span),
        logs: match fields.or_default("logs", ctx, value::word) {
            "off" => LogsLevel::Off,
            "error" => LogsLevel::Error,
            "warn" => LogsLevel::Warn,
            "debug" => LogsLevel::Debug,
            _ => LogsLevel::Info,
        },
        timeout: fields.or_default("timeout", ctx, value::span),
    })
}

/// A value that is not in the file, at the section that would have it.
fn at(place: &Place, value: String) -> Located<String> {
    Located { value, line: place.line, path: place.path.clone(), text: place.text() }
}

/// The address, without a slash at its end. `variable`: where it comes from, where that is not the file.
fn endpoint(url: Located<String>, variable: Option<&str>, ctx: &mut Context) -> Option<Secret> {
    let text = url.value.trim_end_matches('/').to_owned();
    let path_of_one = ["/v1/traces", "/v1/logs", "/v1/metrics"].iter().find(|path| text.ends_with(**path));
    if let Some(path) = path_of_one {
        let help = format!("leave {path} out: it is put behind the address");
        ctx.problems.push(url.problem("observe.url", "endpoint is the address before the paths of OTLP", Some(help)));
        return None;
    }
    if text.contains(['?', '#']) {
        let help = "write http://host:port or http://host:port/path".to_owned();
        ctx.problems.push(url.problem("observe.url", "endpoint has more than a path behind the host", Some(help)));
        return None;
    }
    let host = text.split_once("://").map_or("", |(_, rest)| rest.split('/').next().unwrap_or_default());
    if host.ends_with(":4317") {
        let help = "if it does, write the port of OTLP/HTTP, which is 4318 where nobody chose another".to_owned();
        let message = "a receiver usually speaks gRPC at port 4317, and this program speaks OTLP/HTTP";
        let problem = url.problem("observe.url", message, Some(help));
        ctx.problems.push(Problem { severity: Severity::Warning, ..problem });
    }
    let what = variable.map_or_else(|| "this".to_owned(), |name| format!("the environment variable {name}"));
    let message = format!("{what} is not an address of HTTP");
    notify::http_address(Located { value: text, ..url }, ("observe.url", "observe.tls"), &message, ctx)
}

/// `name=value,name=value`, each value with other signs as `%20`; `None` where it is something else.
fn read_headers(text: &str) -> Option<Vec<(String, Secret)>> {
    let mut list = Vec::new();
    for pair in text.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=')?;
        // What follows a semicolon says something about the value.
        let value = value.split(';').next().unwrap_or_default().trim();
        let (name, value) = (name.trim(), decoded(value)?);
        if !notify::is_header_name(name) || !notify::is_header_value(&value) {
            return None;
        }
        list.push((name.to_owned(), Secret::new(value)));
    }
    Some(list)
}

/// Text with `%20` and the like as what they stand for.
fn decoded(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, more)) = rest.split_first() {
        rest = more;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let digits = rest.get(..2).and_then(|two| core::str::from_utf8(two).ok())?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        rest = &rest[2..];
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, parse};
    use crate::error::Problems;

    fn read(otlp: &str, env: &[(&str, &str)]) -> (Option<Config>, Problems) {
        let text = format!("name = \"shop\"\n[sources.a]\ntype = \"stdin\"\n{otlp}");
        let env = |name: &str| env.iter().find(|(n, _)| *n == name).map(|(_, text)| (*text).to_owned());
        let (config, mut problems) = parse("p.toml", &text, &[], &env);
        problems.list.retain(|p| p.code.starts_with("observe.") || p.code == "config.type");
        if !OTLP {
            problems.list.retain(|p| p.code != "observe.otlp");
        }
        (config, problems)
    }

    fn said(otlp: &str, env: &[(&str, &str)]) -> String {
        read(otlp, env).1.to_string()
    }

    fn otlp(text: &str, env: &[(&str, &str)]) -> OtlpConfig {
        let (config, problems) = read(text, env);
        assert!(problems.list.is_empty(), "{problems}");
        config.unwrap().otlp.unwrap()
    }

    const ENV: &[(&str, &str)] = &[
        (ENDPOINT, "http://collector:4318/"),
        (HEADERS, "api-key=hush%201, x-scope = b ;property"),
        (SERVICE_NAME, "from-env"),
    ];

    #[test]
    fn the_file_says_where_to_and_the_environment_where_the_file_asks_and_does_not_say() {
        let header = |name: &str, text: &str| (name.to_owned(), Secret::new(text));
        let one = otlp("[observe.otlp]\n", ENV);
        assert_eq!(one.http.url.reveal(), "http://collector:4318");
        assert_eq!(one.http.headers, [header("api-key", "hush 1"), header("x-scope", "b")]);
        assert_eq!(one.service_name.as_deref(), Some("from-env"));
        assert_eq!((one.traces, one.sample, one.logs), (true, Span(1_000_000), LogsLevel::Info));
        assert!(!format!("{one:?}").contains("hush"));

        let two = otlp("[observe.otlp]\nendpoint = \"http://other:1/in\"\nservice_name = \"s\"\nlogs = \"off\"\n", ENV);
        assert_eq!((two.http.url.reveal(), &two.http.headers[..]), ("http://other:1/in", &[][..]));
        assert_eq!((two.service_name.as_deref(), two.logs), (Some("s"), LogsLevel::Off));

        let three =
            otlp("[observe.otlp]\nattributes = { \"deployment.environment\" = \"prod\" }\n", &[(ENDPOINT, " ")]);
        assert_eq!((three.http.url.reveal(), three.service_name), (DEFAULT_ENDPOINT, None));
        assert_eq!(three.attributes, [("deployment.environment".to_owned(), "prod".to_owned())]);

        assert!(read("", ENV).0.unwrap().otlp.is_none());
        assert!(read("[observe]\n", ENV).0.unwrap().otlp.is_none());
    }

    #[test]
    fn what_cannot_be_an_address_or_a_header_is_told_without_its_text() {
        for (text, code) in [
            ("endpoint = \"collector:4318\"", "observe.url"),
            ("endpoint = \"http://c:4318/v1/traces\"", "observe.url"),
            ("endpoint = \"http://c:4318/?a=b\"", "observe.url"),
            ("endpoint = \"http://c:4317\"", "warning[observe.url]"),
            ("headers = { \"a b\" = \"hush\" }", "observe.header"),
            ("headers = { a = \"hush\\nhush\" }", "observe.header"),
            ("headers = { a = [\"hush\"] }", "config.type"),
        ] {
            let said = said(&format!("[observe.otlp]\n{text}\n"), &[]);
            assert!(said.contains(code) && !said.contains("hush"), "{text}: {said}");
        }
        for (name, text) in [(ENDPOINT, "hush:4318"), (HEADERS, "hush"), (HEADERS, "a=hush%2"), (HEADERS, "a b=hush")] {
            let said = said("[observe.otlp]\n", &[(name, text)]);
            assert!(said.contains(name) && said.contains("p.toml:4") && !said.contains("hush"), "{text}: {said}");
        }
        assert_eq!(cfg!(feature = "tls"), said("[observe.otlp]\nendpoint = \"https://c\"\n", &[]).is_empty());
    }

    #[test]
    fn it_changes_no_fingerprint() {
        let fingerprint = |text: &str| crate::config::fingerprint(&read(text, &[]).0.unwrap());
        assert_eq!(fingerprint(""), fingerprint("[observe.otlp]\nendpoint = \"http://c\"\nsample = \"0s\"\n"));
    }
}
