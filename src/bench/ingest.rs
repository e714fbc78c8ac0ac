//! Events over HTTP, turned into events a second and into how long a row takes: the bench `in`.
//!
//! What it shows: (1) how many events a second the program takes in batches of 1,000 on kept connections, decodes, groups and
//! has read, with who sends them on the same machine; (2) at half of that, sent by the clock whatever the program does
//! (open loop), how long after the batch that closes a window its rows are pushed to a client: from when that batch was due,
//! so that all waiting counts.
//!
//! What it does not show: networks, many clients, TLS, bodies that are packed.
//!
//! Each run is a program of its own, as users start it.

use super::send::{BATCH, Load, arrives, connect};
use super::served::{Served, failed};
use super::statistics::{median, spread};
use crate::error::Error;
use crate::observe::grouped;
use crate::time::parse_rfc3339;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::io::{BufRead, Write};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

/// How far the events of several connections may be out of order, milliseconds.
const DISORDER: u64 = 50;
/// The event time of a batch where it is sent at once: that of 500,000 events a second.
const AT_ONCE: Duration = Duration::from_millis(2);
/// What is sent by the clock takes at least so long; windows of the beginning do not count.
const LEAST: Duration = Duration::from_secs(2);
const WARM: Duration = Duration::from_millis(500);
const PIPELINE: &str = r#"
name = "ingest"

# A row goes out when event time is a tick behind the end of its window.
[run]
tick = "5ms"

[sources.events]
type = "http"
time = { field = "timestamp", unit = "ms" }
out_of_orderness = "50ms"

[windows.pages]
from = "events"
size = "200ms"
group_by = { page = "data.page" }
select = { views = "count(*)", duration = "avg(data.duration)", p95 = "percentile(data.duration, 0.95)" }

[sinks.rows]
type = "file"
path = "${BENCH_OUTPUT}"
from = "pages"
"#;

/// What is measured, here and in [`super::subscribers`].
#[derive(Debug, Clone)]
pub struct Settings {
    /// Events of each run.
    pub events: u64,
    /// Widths.
    pub workers: Vec<usize>,
    /// Rounds.
    pub repeat: usize,
    /// Connections that send.
    pub connections: u64,
    /// A folder for rows.
    pub folder: PathBuf,
    /// The program: this one.
    pub program: PathBuf,
}

/// What was measured at one width.
#[derive(Debug, Clone)]
struct Width {
    /// Events a second, of each round.
    rates: Vec<f64>,
    /// Bytes a second, of each round.
    bytes: Vec<f64>,
    refused: u64,
    /// Events a second at which the rows were timed.
    paced: f64,
    /// Milliseconds from when it was due to when it was pushed, of each row, in order.
    delays: Vec<f64>,
}

/// The value below which `share` of the sorted values are.
fn quantile(sorted: &[f64], share: f64) -> f64 {
    let at = ((sorted.len() as f64 * share).ceil() as usize).clamp(1, sorted.len().max(1)) - 1;
    sorted.get(at).copied().unwrap_or(f64::NAN)
}

/// Follows the rows of the window: when each was pushed, and the end of its window (milliseconds since 1970).
fn follow(address: &str) -> Result<Receiver<(Instant, u64)>, Error> {
    let mut stream = connect(address).map_err(failed("rows cannot be followed"))?;
    let head = format!("GET /v1/events?name=pages&snapshot=0 HTTP/1.1\r\nHost: {address}\r\n\r\n");
    stream.get_mut().write_all(head.as_bytes()).map_err(failed("rows cannot be followed"))?;
    let (push, pushed) = channel();
    std::thread::spawn(move || {
        // The stream ends with the program.
        for line in stream.lines().map_while(Result::ok) {
            let now = Instant::now();
            let Some(text) = line.strip_prefix("data: ") else { continue };
            let message: Value = serde_json::from_str(text).unwrap_or(Value::Null);
            for row in message["changes"].as_array().into_iter().flatten() {
                let end = row["window_end"].as_str().and_then(|text| parse_rfc3339(text.as_bytes()));
                if let Some(end) = end.filter(|_| row["revision"] == 0 && row["op"] == "+") {
                    let _ = push.send((now, u64::try_from(end.0 / 1_000).unwrap_or(0)));
                }
            }
        }
    });
    Ok(pushed)
}

fn measure(settings: &Settings, workers: usize, tell: &mut dyn FnMut(&str)) -> Result<Width, Error> {
    let batches = (settings.events / BATCH).max(1);
    let connections = settings.connections;
    let mut width = Width { rates: vec![], bytes: vec![], refused: 0, paced: 0.0, delays: vec![] };
    for round in 1..=settings.repeat {
        tell(&format!("in, {workers} workers, round {round}: as fast as it goes"));
        let served = Served::start(&settings.program, &settings.folder, PIPELINE, workers)?;
        let began = Instant::now();
        let sent = served.send(Load { connections, batches, interval: AT_ONCE, paced: false }, began)?;
        served.until_read(sent.events)?;
        let seconds = began.elapsed().as_secs_f64();
        width.rates.push(sent.events as f64 / seconds);
        width.bytes.push(sent.bytes as f64 / seconds);
        width.refused += sent.refused;
    }
    width.paced = median(&width.rates) / 2.0;
    let interval = Duration::from_secs_f64(BATCH as f64 / width.paced.max(1.0));
    let least = (LEAST.as_secs_f64() / interval.as_secs_f64()).ceil() as u64;
    let load = Load { connections, batches: batches.max(least), interval, paced: true };
    for round in 1..=settings.repeat {
        tell(&format!("in, {workers} workers, round {round}: by the clock"));
        let served = Served::start(&settings.program, &settings.folder, PIPELINE, workers)?;
        let pushed = follow(&served.address)?;
        let began = Instant::now();
        let sent = served.send(load, began)?;
        served.until_read(sent.events)?;
        width.refused += sent.refused;
        drop(served);
        for (at, end) in pushed {
            let due = arrives(end + DISORDER, interval);
            // What the end of the run closes was not due.
            if due >= WARM && due <= interval * u32::try_from(load.batches).unwrap_or(u32::MAX) {
                width.delays.push(at.saturating_duration_since(began + due).as_secs_f64() * 1e3);
            }
        }
    }
    width.delays.sort_unstable_by(f64::total_cmp);
    Ok(width)
}

/// Runs the bench; gives its figures as text and as JSON.
///
/// # Errors
/// Where a run cannot be started or fails.
pub fn run(settings: &Settings, tell: &mut dyn FnMut(&str)) -> Result<(String, Value), Error> {
    let mut text = format!(
        "IN  {} events over HTTP in batches of 1,000 on {} connections; windows of 200 ms by 50 pages\n",
        grouped(settings.events),
        settings.connections
    );
    let mut list = Vec::new();
    for workers in &settings.workers {
        let Width { rates, bytes, refused, paced, delays, .. } = measure(settings, *workers, tell)?;
        let (least, most) = spread(&rates);
        let [p50, p99, all] = [0.5, 0.99, 1.0].map(|share| quantile(&delays, share));
        let n = |value: f64| grouped(value.round() as u64);
        let (middle, mb) = (median(&rates), median(&bytes) / 1e6);
        let _ = writeln!(
            text,
            "  {workers} workers: {} events/s ({} to {}), {mb:.0} MB/s; refused {refused} times\n    at {} events/s by the \
             clock {} rows were pushed after {p50:.1} ms (p50), {p99:.1} ms (p99), {all:.1} ms (all)",
            n(middle),
            n(least),
            n(most),
            n(paced),
            grouped(delays.len() as u64)
        );
        list.push(json!({
            "workers": workers,
            "events_per_second": rates,
            "bytes_per_second": bytes,
            "refused": refused,
            "paced_events_per_second": paced,
            "rows": delays.len(),
            "milliseconds": { "p50": p50, "p99": p99, "most": all },
        }));
    }
    Ok((text, json!({ "job": "in", "events": settings.events, "connections": settings.connections, "widths": list })))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{config, plan};

    #[test]
    fn quantiles_are_values_of_the_list() {
        let values: Vec<f64> = (1..=200).map(f64::from).collect();
        assert_eq!([0.5, 0.99, 1.0].map(|share| quantile(&values, share)), [100.0, 198.0, 200.0]);
        assert_eq!(quantile(&[7.0], 0.99), 7.0);
        assert!(quantile(&[], 0.5).is_nan());
    }

    #[test]
    fn the_pipeline_is_right_and_its_disorder_that_of_the_bench() {
        let (config, problems) = config::parse("ingest.toml", PIPELINE, &[], &|_| Some("rows.ndjson".into()));
        assert!(!problems.has_errors(), "{problems}");
        let plan = plan::compile(&config.unwrap()).unwrap();
        assert_eq!(plan.sources[0].out_of_orderness, DISORDER as i64 * 1_000);
    }
}
