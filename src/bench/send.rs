//! Batches of events, sent by connections that are kept, each answered before the next: the load of [`super::ingest`].
//!
//! A batch is one text in which only the times change, so that making it costs next to nothing beside what is measured.
//! Batches are numbered over all connections; number k is due at k times the interval, and holds the events of the time up to
//! then. Whoever is free takes the next one, waits until it is due, and sends it: where all are busy it is sent later, and
//! that counts.

use std::io::{BufRead, BufReader, Error, ErrorKind, Read, Result, Write};
use std::net::TcpStream;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Events of a batch.
pub const BATCH: u64 = 1_000;
/// The event time of the beginning, milliseconds since 1970: thirteen digits, as of all times of a bench.
pub const BEGIN: u64 = 1_767_614_400_000;
/// Digits of a time.
const DIGITS: usize = 13;
/// How long an answer may take.
const LIMIT: Duration = Duration::from_secs(60);

/// How batches are sent.
#[derive(Debug, Clone, Copy)]
pub struct Load {
    /// Connections, each with a thread.
    pub connections: u64,
    /// Batches in all.
    pub batches: u64,
    /// The event time of a batch.
    pub interval: Duration,
    /// A batch is sent when it is due; else at once.
    pub paced: bool,
}

/// What has become of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sent {
    /// Events that were accepted.
    pub events: u64,
    /// Bytes of them.
    pub bytes: u64,
    /// How often there was no room.
    pub refused: u64,
}

/// The text of a batch.
struct Batch {
    text: Vec<u8>,
    /// Where the time of each event stands.
    times: Vec<usize>,
}

impl Batch {
    fn new() -> Self {
        let mut batch = Self { text: Vec::new(), times: Vec::new() };
        for i in 0..BATCH {
            batch.text.extend_from_slice(b"{\"timestamp\":");
            batch.times.push(batch.text.len());
            // Small primes spread them.
            let (user, page, place) = (i * 7_919 % 100_000, i * 31 % 50, i * 13 % 900);
            let rest = format!(
                "{BEGIN},\"event_id\":\"e{i:06}\",\"event_type\":\"page_view\",\"user_id\":\"user_{user:06}\",\
                 \"data\":{{\"page\":\"product_{page}\",\"duration\":{}.{},\"position\":{place}}},\
                 \"tags\":{{\"env\":\"prod\"}}}}\n",
                i * 37 % 400,
                i % 10
            );
            batch.text.extend_from_slice(rest.as_bytes());
        }
        batch
    }

    /// Spreads the events over the `interval` milliseconds before `end`.
    fn stamp(&mut self, end: u64, interval: f64) {
        for (i, at) in self.times.iter().enumerate() {
            let behind = interval * (BATCH - 1 - i as u64) as f64 / BATCH as f64;
            let mut time = end - behind as u64;
            for digit in self.text[*at..*at + DIGITS].iter_mut().rev() {
                *digit = b'0' + (time % 10) as u8;
                time /= 10;
            }
        }
    }
}

/// The event time at which batch `k` is due, milliseconds since 1970.
fn due(k: u64, interval: Duration) -> u64 {
    BEGIN + (interval * u32::try_from(k).unwrap_or(u32::MAX)).as_millis() as u64
}

/// When a window is told to close: the batch that holds the first event at `time` (milliseconds since 1970) or behind it
/// is due then, counted from the beginning.
pub fn arrives(time: u64, interval: Duration) -> Duration {
    let behind = Duration::from_millis(time.saturating_sub(BEGIN)).as_nanos();
    let mut k = u64::try_from(behind.div_ceil(interval.as_nanos().max(1))).unwrap_or(u64::MAX);
    while due(k, interval) < time {
        k += 1;
    }
    interval * u32::try_from(k).unwrap_or(u32::MAX)
}

/// Sends a request on a kept connection; gives the status and the body of the answer.
pub fn ask(stream: &mut BufReader<TcpStream>, head: &str, body: &[u8]) -> Result<(u16, Vec<u8>)> {
    stream.get_mut().write_all(head.as_bytes())?;
    stream.get_mut().write_all(body)?;
    let (mut status, mut length, mut line) = (0, 0, String::new());
    loop {
        line.clear();
        if stream.read_line(&mut line)? == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        let text = line.trim_end();
        if text.is_empty() {
            break;
        }
        if status == 0 {
            status = text.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
        } else if let Some((name, value)) = text.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            length = value.trim().parse().map_err(|_| Error::from(ErrorKind::InvalidData))?;
        }
    }
    let mut answer = vec![0; length];
    stream.read_exact(&mut answer)?;
    Ok((status, answer))
}

/// A connection that is kept.
pub fn connect(address: &str) -> Result<BufReader<TcpStream>> {
    let stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(LIMIT))?;
    stream.set_write_timeout(Some(LIMIT))?;
    Ok(BufReader::new(stream))
}

/// Lets time pass.
#[allow(clippy::disallowed_methods, reason = "it is the clock that says when a batch is due")]
pub fn pause(time: Duration) {
    std::thread::sleep(time);
}

/// Sends all batches to a source; `began` is when number 0 is due.
///
/// # Errors
/// Where a connection fails, or a batch is refused for another reason than that there is no room.
pub fn send(address: &str, path: &str, load: Load, began: Instant) -> Result<Sent> {
    let next = AtomicU64::new(0);
    let results: Vec<Result<Sent>> = std::thread::scope(|scope| {
        let one = || scope.spawn(|| work(address, path, load, began, &next));
        let all: Vec<_> = (0..load.connections).map(|_| one()).collect();
        let ended = all.into_iter().map(|thread| thread.join());
        ended.map(|sent| sent.unwrap_or_else(|_| Err(Error::other("a thread that sends has panicked")))).collect()
    });
    results.into_iter().try_fold(Sent::default(), |all, sent| {
        let Sent { events, bytes, refused } = sent?;
        Ok(Sent { events: all.events + events, bytes: all.bytes + bytes, refused: all.refused + refused })
    })
}

/// What one connection does.
fn work(address: &str, path: &str, load: Load, began: Instant, next: &AtomicU64) -> Result<Sent> {
    let mut stream = connect(address)?;
    let (mut batch, mut sent) = (Batch::new(), Sent::default());
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/x-ndjson\r\nContent-Length: {}\r\n\r\n",
        batch.text.len()
    );
    loop {
        let k = next.fetch_add(1, Ordering::Relaxed);
        if k >= load.batches {
            return Ok(sent);
        }
        batch.stamp(due(k + 1, load.interval), load.interval.as_secs_f64() * 1e3);
        if load.paced {
            let due = began + load.interval * u32::try_from(k + 1).unwrap_or(u32::MAX);
            pause(due.saturating_duration_since(Instant::now()));
        }
        loop {
            let (status, answer) = ask(&mut stream, &head, &batch.text)?;
            match status {
                202 => break,
                429 => {
                    sent.refused += 1;
                    pause(Duration::from_millis(2));
                }
                _ => return Err(Error::other(format!("{status}: {}", String::from_utf8_lossy(&answer)))),
            }
        }
        sent.events += BATCH;
        sent.bytes += batch.text.len() as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_holds_the_events_of_the_time_before_it_is_due() {
        let mut batch = Batch::new();
        let before = batch.text.len();
        batch.stamp(due(3, Duration::from_millis(4)), 4.0);
        assert_eq!(batch.text.len(), before);
        let text = String::from_utf8(batch.text).unwrap();
        let events: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let times: Vec<u64> = events.iter().map(|event| event["timestamp"].as_u64().unwrap()).collect();
        assert_eq!((times.len() as u64, times[0], times[999]), (BATCH, BEGIN + 9, BEGIN + 12));
        assert!(times.is_sorted());
        assert_eq!(events[999]["user_id"], "user_011081");
    }

    #[test]
    fn a_window_is_told_to_close_by_the_first_batch_that_goes_so_far() {
        let interval = Duration::from_millis(4);
        for (time, ms) in [(0, 0), (1, 4), (4, 4), (5, 8), (200, 200), (201, 204)] {
            assert_eq!(arrives(BEGIN + time, interval), Duration::from_millis(ms), "{time}");
        }
        let interval = Duration::from_micros(3_333);
        for time in [1, 7, 250, 999] {
            let at = arrives(BEGIN + time, interval);
            assert!(at.as_millis() as u64 >= time && at < Duration::from_millis(time) + interval * 2);
        }
    }
}
