//! Clients that follow rows, turned into what they cost the dataflow: the bench `su`.
//!
//! What it shows: how many events a second a run takes over HTTP as fast as it goes, without clients and, in the same round, while a
//! thousand follow its rows by WebSockets, a hundred rows a second each; each of them has to get every row. Who sends and all clients are on the same machine, and their work counts against the run.
//!
//! What it does not show: networks, TLS, clients that are slow.

use super::ingest::Settings;
use super::send::{BATCH, Load, connect};
use super::served::{Served, failed};
use super::statistics::{median, spread};
use crate::error::Error;
use crate::observe::grouped;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::io::{BufRead, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::runtime::{Builder, Runtime};

/// The event time of a batch.
const INTERVAL: Duration = Duration::from_micros(2_500);

/// Ten rows for each second of event time, of which there are more than ten a second.
const PIPELINE: &str = r#"
name = "subscribers"

[sources.events]
type = "http"
time = { field = "timestamp", unit = "ms" }
out_of_orderness = "50ms"

[windows.pages]
from = "events"
size = "1s"
group_by = { last = "substr(data.page, length(data.page))" }
select = { views = "count(*)", duration = "avg(data.duration)", p95 = "percentile(data.duration, 0.95)" }

[sinks.rows]
type = "file"
path = "${BENCH_OUTPUT}"
from = "pages"
"#;

/// What one run took.
struct Taken {
    seconds: f64,
    events: u64,
    /// Rows that each client got.
    rows: u64,
}

/// Where a message of a WebSocket ends, and whether it is text; a server's are not masked.
fn frame(bytes: &[u8]) -> Option<(bool, usize, usize)> {
    let [first, second, ..] = *bytes else { return None };
    let (start, length): (usize, usize) = match second & 0x7f {
        126 => (4, usize::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?))),
        127 => (10, usize::try_from(u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?)).ok()?),
        short => (2, usize::from(short)),
    };
    let end = start.checked_add(length)?;
    (bytes.len() >= end).then_some((first & 0x0f == 1, start, end))
}

/// How many rows a message has: each has this key once.
fn rows(message: &[u8]) -> u64 {
    memchr::memmem::find_iter(message, b"\"window_end\":").count() as u64
}

/// Counts the rows that come over a connection until it ends.
async fn count(mut stream: TcpStream, mut waiting: Vec<u8>, counted: Arc<AtomicU64>) {
    let mut room = vec![0; 16 << 10];
    loop {
        let mut at = 0;
        while let Some((text, start, end)) = frame(&waiting[at..]) {
            counted.fetch_add(if text { rows(&waiting[at + start..at + end]) } else { 0 }, Relaxed);
            at += end;
        }
        waiting.drain(..at);
        match stream.read(&mut room).await {
            Ok(0) | Err(_) => return,
            Ok(n) => waiting.extend_from_slice(&room[..n]),
        }
    }
}

/// Connects clients, each when the one before it follows; how many rows each has got.
fn follow(runtime: &Runtime, address: &str, clients: usize) -> Result<Vec<Arc<AtomicU64>>, Error> {
    let wrong = failed("rows cannot be followed");
    let head = format!(
        "GET /v1/stream?name=pages&snapshot=0 HTTP/1.1\r\nHost: {address}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: MDEyMzQ1Njc4OTAxMjM0NQ==\r\n\r\n"
    );
    let mut all = Vec::new();
    for _ in 0..clients {
        let mut stream = connect(address).map_err(&wrong)?;
        stream.get_mut().write_all(head.as_bytes()).map_err(&wrong)?;
        let mut line = String::new();
        while line != "\r\n" {
            line.clear();
            if stream.read_line(&mut line).map_err(&wrong)? == 0 {
                return Err(Error::outside("bench.run", "a client that follows was sent away"));
            }
        }
        let waiting = stream.buffer().to_vec();
        let stream = stream.into_inner();
        stream.set_nonblocking(true).map_err(&wrong)?;
        let _inside = runtime.enter();
        let counted = Arc::new(AtomicU64::new(0));
        runtime.spawn(count(TcpStream::from_std(stream).map_err(&wrong)?, waiting, Arc::clone(&counted)));
        all.push(counted);
    }
    Ok(all)
}

fn take(settings: &Settings, workers: usize, clients: usize, runtime: &Runtime) -> Result<Taken, Error> {
    let served = Served::start(&settings.program, &settings.folder, PIPELINE, workers)?;
    let following = follow(runtime, &served.address, clients)?;
    let began = Instant::now();
    let load = Load {
        connections: settings.connections,
        batches: (settings.events / BATCH).max(1),
        interval: INTERVAL,
        paced: false,
    };
    let sent = served.send(load, began)?;
    served.until_read(sent.events)?;
    let seconds = began.elapsed().as_secs_f64();
    // Each client gets each row, and no more.
    let mut rows = 0;
    let have_all = |answer: &Value| {
        let changes = answer["metrics"][0]["value"].as_f64().unwrap_or(f64::NAN);
        following.iter().all(|client| client.load(Relaxed) as f64 == changes).then_some(changes as u64)
    };
    served.until("/v1/metrics?prefix=server_changes", |_, answer| have_all(answer).map(|all| rows = all).is_some())?;
    Ok(Taken { seconds, events: sent.events, rows })
}

/// Runs the bench with so many clients; gives its figures as text and as JSON.
///
/// # Errors
/// Where a run cannot be started or fails.
pub fn run(settings: &Settings, clients: usize, tell: &mut dyn FnMut(&str)) -> Result<(String, Value), Error> {
    // One thread for all of them: what they cost is taken from the run.
    let runtime = Builder::new_multi_thread()
        .worker_threads(1)
        .enable_io()
        .build()
        .map_err(|e| Error::outside("bench.run", format!("clients cannot be made: {e}")))?;
    let mut text = format!(
        "SU  {} events over HTTP, as fast as it goes, without clients and with {} that follow each row by a WebSocket\n",
        grouped(settings.events),
        grouped(clients as u64)
    );
    let mut list = Vec::new();
    for workers in &settings.workers {
        let (mut alone, mut followed, mut share, mut each) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for round in 1..=settings.repeat {
            tell(&format!("su, {workers} workers, round {round}"));
            let without = take(settings, *workers, 0, &runtime)?;
            let with = take(settings, *workers, clients, &runtime)?;
            let rate = |taken: &Taken| taken.events as f64 / taken.seconds;
            alone.push(rate(&without));
            followed.push(rate(&with));
            share.push(rate(&with) / rate(&without));
            each.push(with.rows as f64 / with.seconds);
        }
        let n = |value: f64| grouped(value.round() as u64);
        let (least, most) = spread(&share);
        let _ = writeln!(
            text,
            "  {workers} workers: {} events/s without, {} with them: {:.3} ({least:.3} to {most:.3}); each got {} rows a \
             second",
            n(median(&alone)),
            n(median(&followed)),
            median(&share),
            n(median(&each)),
        );
        list.push(json!({
            "workers": workers,
            "events_per_second": { "without": alone, "with": followed },
            "share": share,
            "rows_per_second_each": each,
        }));
    }
    Ok((text, json!({ "job": "su", "events": settings.events, "subscribers": clients, "widths": list })))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{config, plan};

    #[test]
    fn frames_end_where_their_length_says() {
        assert_eq!(frame(&[0x81]), None);
        assert_eq!(frame(&[0x81, 2, b'a']), None);
        assert_eq!(frame(&[0x81, 2, b'a', b'b', 9]), Some((true, 2, 4)));
        let mut long = vec![0x89, 126, 1, 0];
        long.extend([0; 256]);
        assert_eq!(frame(&long), Some((false, 4, 260)));
        assert_eq!(frame(&[0x81, 127, 0, 0, 0, 0, 0, 0, 0, 1, b'x']), Some((true, 10, 11)));
        assert_eq!(frame(&[0x81, 127, 255, 255, 255, 255, 255, 255, 255, 255]), None);
        assert_eq!(rows(br#"{"changes":[{"window_end":"x"},{"window_end":"y"}]}"#), 2);
    }

    #[test]
    fn the_pipeline_is_right() {
        let (config, problems) = config::parse("served.toml", PIPELINE, &[], &|_| Some("rows.ndjson".into()));
        assert!(!problems.has_errors(), "{problems}");
        plan::compile(&config.unwrap()).unwrap();
    }
}
