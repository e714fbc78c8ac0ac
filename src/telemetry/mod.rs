//! Spans and log lines of a run, into requests to a receiver of OpenTelemetry.
//!
//! ```text
//! operators, sinks, actions --Span--> Lane "traces" --POST /v1/traces--> receiver
//! log lines ----------------LogRecord--> Lane "logs" --POST /v1/logs----> receiver
//! ```
//!
//! Invariants: (1) whoever says something waits for nobody: what finds no room is dropped and counted; (2) nothing that is said here about
//! the receiver is sent to it; (3) at its end a run waits for the receiver at most [`FLUSH`].
//!
//! Source: OTLP 1.x over HTTP with protobuf. The types of the messages are those of the crate `opentelemetry-proto`; its own tracer and exporter are
//! not used, as the spans here are of steps of event time that many processes take part in: they are made afterwards, with names that all
//! processes know.

#[cfg(feature = "otlp")]
mod encode;
#[cfg(any(feature = "otlp", test))]
mod lane;
#[cfg(feature = "otlp")]
mod send;
#[cfg(not(feature = "otlp"))]
mod without;

use crate::observe::Telemetry as Shown;
use std::time::Duration;

/// How long the end of a run waits for what is not sent.
pub const FLUSH: Duration = Duration::from_secs(3);

/// What sends traces and logs of a run, while it lasts.
pub struct Telemetry {
    shown: Shown,
    #[cfg(feature = "otlp")]
    lanes: send::Lanes,
}

impl Telemetry {
    /// What the run is given of it.
    pub fn shown(&self) -> Shown {
        self.shown.clone()
    }
}
