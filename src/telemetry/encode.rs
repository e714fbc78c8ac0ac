//! Spans and log lines into the messages of OTLP, and answers into what was not taken.
//!
//! Source: `opentelemetry/proto` 1.x: `collector/trace/v1`, `collector/logs/v1`.

use crate::observe::LogRecord;
use crate::observe::trace::{Attribute, Span, SpanKind};
use opentelemetry_proto::tonic::collector::logs::v1::{ExportLogsServiceRequest, ExportLogsServiceResponse};
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTraceServiceRequest, ExportTraceServiceResponse};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::logs::v1 as logs;
use opentelemetry_proto::tonic::resource::v1::Resource;
use opentelemetry_proto::tonic::trace::v1 as trace;
use prost::Message;
use tracing::Level;

/// The version of the program.
const VERSION: &str = env!("CARGO_PKG_VERSION");

fn pair(key: &str, value: Value) -> KeyValue {
    KeyValue { key: key.to_owned(), value: Some(AnyValue { value: Some(value) }), ..KeyValue::default() }
}

fn text(key: &str, text: impl Into<String>) -> KeyValue {
    pair(key, Value::StringValue(text.into()))
}

/// What a process is: what the user says of it goes before what it says of itself.
pub(super) fn resource(service: &str, process: usize, attributes: &[(String, String)]) -> Resource {
    let own = [
        ("service.name", service.to_owned()),
        ("service.instance.id", process.to_string()),
        ("service.version", VERSION.to_owned()),
        ("process.pid", std::process::id().to_string()),
        ("telemetry.sdk.language", "rust".to_owned()),
        ("telemetry.sdk.name", "highwater".to_owned()),
        ("telemetry.sdk.version", VERSION.to_owned()),
    ];
    let unsaid = own.into_iter().filter(|(name, _)| !attributes.iter().any(|(said, _)| said == name));
    let own = unsaid.map(|(name, value)| match name {
        "process.pid" => pair(name, Value::IntValue(i64::from(std::process::id()))),
        _ => text(name, value),
    });
    let said = attributes.iter().map(|(name, value)| text(name, value));
    Resource { attributes: own.chain(said).collect(), ..Resource::default() }
}

fn scope() -> InstrumentationScope {
    InstrumentationScope {
        name: "highwater".to_owned(),
        version: VERSION.to_owned(),
        ..InstrumentationScope::default()
    }
}

fn attributes(list: &[(&'static str, Attribute)]) -> Vec<KeyValue> {
    let value = |attribute: &Attribute| match attribute {
        Attribute::Text(text) => Value::StringValue(text.clone()),
        Attribute::Int(n) => Value::IntValue(*n),
        Attribute::Float(n) => Value::DoubleValue(*n),
        Attribute::Flag(flag) => Value::BoolValue(*flag),
    };
    list.iter().map(|(name, attribute)| pair(name, value(attribute))).collect()
}

fn span(of: &Span) -> trace::Span {
    let kind = match of.kind {
        SpanKind::Internal => trace::span::SpanKind::Internal,
        SpanKind::Server => trace::span::SpanKind::Server,
        SpanKind::Client => trace::span::SpanKind::Client,
    };
    trace::Span {
        trace_id: of.trace.0.to_vec(),
        span_id: of.id.0.to_vec(),
        parent_span_id: of.parent.map_or_else(Vec::new, |parent| parent.0.to_vec()),
        // Sampled.
        flags: 1,
        name: of.name.clone(),
        kind: kind as i32,
        start_time_unix_nano: of.start,
        end_time_unix_nano: of.end,
        attributes: attributes(&of.attributes),
        status: of
            .error
            .as_ref()
            .map(|why| trace::Status { code: trace::status::StatusCode::Error as i32, message: why.clone() }),
        ..trace::Span::default()
    }
}

/// The request that sends these.
pub(super) fn traces(resource: &Resource, spans: &[Span]) -> Vec<u8> {
    let scope_spans =
        trace::ScopeSpans { scope: Some(scope()), spans: spans.iter().map(span).collect(), ..Default::default() };
    let of = trace::ResourceSpans {
        resource: Some(resource.clone()),
        scope_spans: vec![scope_spans],
        ..trace::ResourceSpans::default()
    };
    ExportTraceServiceRequest { resource_spans: vec![of] }.encode_to_vec()
}

fn record(of: &LogRecord) -> logs::LogRecord {
    let severity = match of.level {
        Level::ERROR => logs::SeverityNumber::Error,
        Level::WARN => logs::SeverityNumber::Warn,
        Level::INFO => logs::SeverityNumber::Info,
        Level::DEBUG => logs::SeverityNumber::Debug,
        Level::TRACE => logs::SeverityNumber::Trace,
    };
    let mut attributes = attributes(&of.fields);
    attributes.push(text("target", of.target.as_str()));
    logs::LogRecord {
        time_unix_nano: of.at,
        observed_time_unix_nano: of.at,
        severity_number: severity as i32,
        severity_text: of.level.as_str().to_owned(),
        body: Some(AnyValue { value: Some(Value::StringValue(of.text.clone())) }),
        attributes,
        ..logs::LogRecord::default()
    }
}

/// The request that sends these.
pub(super) fn logs(resource: &Resource, records: &[LogRecord]) -> Vec<u8> {
    let scope_logs = logs::ScopeLogs {
        scope: Some(scope()),
        log_records: records.iter().map(record).collect(),
        ..logs::ScopeLogs::default()
    };
    let of = logs::ResourceLogs {
        resource: Some(resource.clone()),
        scope_logs: vec![scope_logs],
        ..logs::ResourceLogs::default()
    };
    ExportLogsServiceRequest { resource_logs: vec![of] }.encode_to_vec()
}

/// How many spans of a request were not taken, and why. An answer that says nothing of it, such as one that is no message, says that
/// all were.
pub(super) fn refused_spans(answer: &[u8]) -> Option<(u64, String)> {
    let said = ExportTraceServiceResponse::decode(answer).ok()?.partial_success?;
    Some((u64::try_from(said.rejected_spans).ok().filter(|n| *n > 0)?, said.error_message))
}

/// [`refused_spans`], of logs.
pub(super) fn refused_logs(answer: &[u8]) -> Option<(u64, String)> {
    let said = ExportLogsServiceResponse::decode(answer).ok()?.partial_success?;
    Some((u64::try_from(said.rejected_log_records).ok().filter(|n| *n > 0)?, said.error_message))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::trace::{SpanId, TraceId};
    use opentelemetry_proto::tonic::collector::logs::v1::ExportLogsPartialSuccess;
    use opentelemetry_proto::tonic::collector::trace::v1::ExportTracePartialSuccess;

    fn said(list: &[KeyValue]) -> Vec<String> {
        list.iter()
            .map(|one| format!("{} {:?}", one.key, one.value.as_ref().unwrap().value.as_ref().unwrap()))
            .collect()
    }

    #[test]
    fn a_span_and_a_log_come_back_as_they_were() {
        let resource = resource("shop", 2, &[("service.version".into(), "mine".into()), ("env".into(), "prod".into())]);
        let one = Span {
            trace: TraceId([7; 16]),
            id: SpanId([8; 8]),
            parent: Some(SpanId([9; 8])),
            name: "sink out".into(),
            kind: SpanKind::Client,
            start: 5,
            end: 6,
            attributes: vec![("a", "b".into()), ("n", 3u64.into()), ("f", true.into())],
            error: Some("no answer".into()),
        };
        let root = Span { parent: None, error: None, kind: SpanKind::Internal, ..one.clone() };
        let sent = ExportTraceServiceRequest::decode(&traces(&resource, &[one, root])[..]).unwrap();
        let of = &sent.resource_spans[0];
        let about = said(&of.resource.as_ref().unwrap().attributes);
        assert!(about.contains(&"service.name StringValue(\"shop\")".to_owned()), "{about:?}");
        assert!(about.contains(&"service.instance.id StringValue(\"2\")".to_owned()));
        assert_eq!(
            about.iter().filter(|one| one.starts_with("service.version")).collect::<Vec<_>>(),
            ["service.version StringValue(\"mine\")"]
        );
        let [one, root] = &of.scope_spans[0].spans[..] else { panic!("{of:?}") };
        assert_eq!(
            (&one.trace_id[..], &one.span_id[..], &one.parent_span_id[..]),
            (&[7; 16][..], &[8; 8][..], &[9; 8][..])
        );
        assert_eq!(
            (one.kind(), one.start_time_unix_nano, one.end_time_unix_nano),
            (trace::span::SpanKind::Client, 5, 6)
        );
        assert_eq!(said(&one.attributes), ["a StringValue(\"b\")", "n IntValue(3)", "f BoolValue(true)"]);
        assert_eq!(one.status.as_ref().unwrap().message, "no answer");
        assert!(root.parent_span_id.is_empty() && root.status.is_none());

        let line =
            LogRecord { fields: vec![("rows", 3i64.into())], ..LogRecord::new(Level::WARN, "highwater::sink", "slow") };
        let sent = ExportLogsServiceRequest::decode(&logs(&resource, std::slice::from_ref(&line))[..]).unwrap();
        let one = &sent.resource_logs[0].scope_logs[0].log_records[0];
        assert_eq!((one.severity_number(), one.severity_text.as_str()), (logs::SeverityNumber::Warn, "WARN"));
        assert_eq!(one.time_unix_nano, line.at);
        assert_eq!(said(&one.attributes), ["rows IntValue(3)", "target StringValue(\"highwater::sink\")"]);
    }

    #[test]
    fn what_was_not_taken_is_in_the_answer() {
        let some = ExportTracePartialSuccess { rejected_spans: 3, error_message: "too old".into() };
        let answer = ExportTraceServiceResponse { partial_success: Some(some) }.encode_to_vec();
        assert_eq!(refused_spans(&answer), Some((3, "too old".into())));
        let some = ExportLogsPartialSuccess { rejected_log_records: 1, error_message: String::new() };
        let answer = ExportLogsServiceResponse { partial_success: Some(some) }.encode_to_vec();
        assert_eq!(refused_logs(&answer), Some((1, String::new())));
        for answer in [&b""[..], b"{}", b"<html>"] {
            assert_eq!((refused_spans(answer), refused_logs(answer)), (None, None));
        }
    }
}
