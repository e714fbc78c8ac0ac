//! The settings of `[observe.otlp]` into lanes for spans and log lines, and who takes these to the receiver.

use super::lane::{Carries, Lane, Tries};
use super::{FLUSH, Shown, Telemetry, encode};
use crate::config::{Config, LogsLevel, OtlpConfig};
use crate::error::Error;
use crate::notify::{Asked, Failure, Http};
use crate::observe::trace::{Span, Trace};
use crate::observe::{LogRecord, TelemetryMetrics, tap_logs, untap_logs};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tracing::Level;

/// What is sent of which kind.
pub(super) struct Lanes {
    spans: Option<Arc<Lane<Span>>>,
    logs: Option<Arc<Lane<LogRecord>>>,
}

/// What makes a document of records.
type Encode<T> = Box<dyn Fn(&[T]) -> Vec<u8> + Send>;

/// Records to bytes, and what comes back to how many of them were not taken, and why.
struct Post<T> {
    http: Http,
    encode: Encode<T>,
    refused: fn(&[u8]) -> Option<(u64, String)>,
}

impl<T> Carries<T> for Post<T> {
    fn carry(&mut self, records: &[T], timeout: Duration) -> Result<Option<(u64, String)>, Failure> {
        let body = (self.encode)(records);
        let asked = Asked { put: false, kind: "application/x-protobuf", body: &body, headers: &[] };
        let answer = self.http.ask(&asked, timeout)?;
        Ok((self.refused)(&answer))
    }
}

fn micros(us: i64) -> Duration {
    Duration::from_micros(us.max(0).unsigned_abs())
}

impl Telemetry {
    /// Starts what the pipeline asks for, in process `process`; `None` where it asks for nothing.
    ///
    /// # Errors
    /// `observe.start` where the system gives no thread.
    pub fn start(config: &Config, process: usize) -> Result<Option<Self>, Error> {
        let Some(otlp) = &config.otlp else { return Ok(None) };
        let OtlpConfig { http, service_name, attributes, traces, sample, logs, timeout } = otlp;
        let service = service_name.as_deref().unwrap_or(&config.name);
        let resource = encode::resource(service, process, attributes);
        let tries = Tries { timeout: micros(timeout.0), ..Tries::default() };
        let mut shown = Shown::default();
        let mut lanes = Lanes { spans: None, logs: None };
        if *traces {
            let of = resource.clone();
            let post = Post {
                http: Http::new(http, "/v1/traces"),
                encode: Box::new(move |spans: &[Span]| encode::traces(&of, spans)),
                refused: encode::refused_spans,
            };
            let counts = Arc::new(TelemetryMetrics::new("traces"));
            let lane = Arc::new(Lane::start(Arc::clone(&counts), tries, post)?);
            let to = Arc::clone(&lane);
            shown.counts.push(counts);
            shown.trace = Arc::new(Trace::new(micros(sample.0), move |span| to.push(span)));
            lanes.spans = Some(lane);
        }
        let level = match logs {
            LogsLevel::Off => None,
            LogsLevel::Error => Some(Level::ERROR),
            LogsLevel::Warn => Some(Level::WARN),
            LogsLevel::Info => Some(Level::INFO),
            LogsLevel::Debug => Some(Level::DEBUG),
        };
        if let Some(level) = level {
            let post = Post {
                http: Http::new(http, "/v1/logs"),
                encode: Box::new(move |records: &[LogRecord]| encode::logs(&resource, records)),
                refused: encode::refused_logs,
            };
            let counts = Arc::new(TelemetryMetrics::new("logs"));
            let lane = Arc::new(Lane::start(Arc::clone(&counts), tries, post)?);
            let to = Arc::clone(&lane);
            shown.counts.push(counts);
            tap_logs(level, move |record| to.push(record));
            lanes.logs = Some(lane);
        }
        Ok(Some(Self { shown, lanes }))
    }

    /// The run has failed, with this as its last line.
    pub fn failed(&self, error: &Error) {
        if let Some(lane) = &self.lanes.logs {
            lane.push(LogRecord::new(Level::ERROR, "highwater", &error.to_string()));
        }
    }

    /// Sends what is left, for at most [`FLUSH`]; no more is taken. Once.
    pub fn flush(&self) {
        self.shown.trace.end();
        untap_logs();
        let end = Instant::now() + FLUSH;
        let Lanes { spans, logs } = &self.lanes;
        spans.iter().for_each(|lane| lane.close(end));
        logs.iter().for_each(|lane| lane.close(end));
        spans.iter().for_each(|lane| lane.finish());
        logs.iter().for_each(|lane| lane.finish());
    }
}
