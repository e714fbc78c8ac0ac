//! What `[observe]` can say.

use super::{ANY_SPAN, SHORTEST, key, optional, word};
use crate::config::reference::{KeyKind, Section};
use crate::time::Span;

pub(in crate::config) static OBSERVE: Section = Section {
    path: "observe",
    of: None,
    noun: "[observe]",
    doc: "What a run tells of itself to others. Nothing of it changes a result.",
    keys: &[key(
        "otlp",
        KeyKind::Table,
        "Traces and logs for a receiver of OpenTelemetry. Not given: none are sent.",
        "{ endpoint = \"http://127.0.0.1:4318\" }",
    )],
    planned: &[],
};

pub(in crate::config) static OBSERVE_OTLP: Section = Section {
    path: "observe.otlp",
    of: None,
    noun: "[observe.otlp]",
    doc: "Traces and logs over OTLP/HTTP (protobuf), from every process, by a program that is built with `--features otlp`. The section alone, without a \
          key, is enough: then the variables of the environment that OpenTelemetry knows say where to. A receiver that is slow or away \
          never holds a run up: what finds no room, or is not taken after some tries, is dropped and counted (`telemetry` among the metrics).",
    keys: &[
        key(
            "endpoint",
            KeyKind::Text,
            "The address of the receiver; `/v1/traces` and `/v1/logs` are put behind it. Not given: that of `OTEL_EXPORTER_OTLP_ENDPOINT`, or \
             `http://localhost:4318`.",
            "\"http://127.0.0.1:4318\"",
        ),
        key(
            "headers",
            KeyKind::TextTable,
            "Headers of each request. Their values are secrets; best from the environment. Without them and without `endpoint` those of \
             `OTEL_EXPORTER_OTLP_HEADERS` are sent, `name=value,name=value`.",
            "{ Authorization = \"${OTLP_TOKEN:-Bearer 0}\" }",
        ),
        key(
            "ca",
            KeyKind::Path,
            "A file of certificates (PEM) of the authorities that are trusted, of an address with `https://`. Not given: those of the web.",
            "\"/etc/ssl/own-ca.pem\"",
        ),
        key(
            "service_name",
            KeyKind::Text,
            "What the run is called there (`service.name`). Not given: `OTEL_SERVICE_NAME`, or the name of the pipeline. Its processes are told apart \
             by `service.instance.id`: 0, 1, ...",
            "\"shop-analytics\"",
        ),
        key(
            "attributes",
            KeyKind::TextTable,
            "More that is said of each process (attributes of the resource).",
            "{ \"deployment.environment\" = \"prod\" }",
        ),
        optional("traces", KeyKind::Flag, "true", "Whether traces are sent.", "false"),
        optional(
            "sample",
            ANY_SPAN,
            "\"1s\"",
            "How often a step of event time is traced, from its events to its results: about once in so much time of the clock. `0s`: each step. A \
             step is as long as the shortest slide of a window; without windows it is a tick.",
            "\"10s\"",
        ),
        optional(
            "logs",
            word(&["off", "error", "warn", "info", "debug"], &[]),
            "\"info\"",
            "The least severe of the logs that are sent. What is written to standard error is chosen by `RUST_LOG`, as without this.",
            "\"warn\"",
        ),
        optional(
            "timeout",
            KeyKind::Span { least: SHORTEST, most: Span(3_600_000_000) },
            "\"10s\"",
            "How long one request may take.",
            "\"5s\"",
        ),
    ],
    planned: &["compression", "metrics", "protocol"],
};
