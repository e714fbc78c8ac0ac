//! Runs whose standard input stays open: time that is the clock's, and sources that wait for each other.
//!
//! The test sets the clock and gives the lines; it waits for what must come, and for nothing else.
//! What it cannot catch: a clock that is read too late to be of use.

use crate::harness::{Captured, Width, in_time, plan_of, run, write_case};
use highwater::engine::{self, Options, Outcome, Running};
use highwater::source::WallClock;
use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering::SeqCst};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{JoinHandle, yield_now};

/// Standard input that the test writes.
struct Fed {
    from: Receiver<Vec<u8>>,
    left: Vec<u8>,
}

impl Read for Fed {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        if self.left.is_empty() {
            // Closed: the end.
            self.left = self.from.recv().unwrap_or_default();
        }
        let n = self.left.len().min(out.len());
        out[..n].copy_from_slice(&self.left[..n]);
        self.left.drain(..n);
        Ok(n)
    }
}

/// A run that is under way.
pub struct Live {
    feed: Sender<Vec<u8>>,
    output: Captured,
    /// What it counts.
    pub running: Running,
    run: JoinHandle<Outcome>,
}

impl Live {
    pub fn start(text: &str, workers: usize, clock: WallClock) -> Self {
        let (feed, from) = channel();
        let (ready, told) = channel();
        let (text, output) = (text.to_owned(), Captured::default());
        let stdout = Box::new(output.clone());
        let run = std::thread::spawn(move || {
            let options = Options {
                stdin: Some(Box::new(Fed { from, left: Vec::new() })),
                stdout,
                clock,
                on_ready: Box::new(move |running| ready.send(running.clone()).expect("the test waits for it")),
                ..Options::local(workers)
            };
            engine::run(plan_of(&text), options).expect("nothing of it fails")
        });
        Self { feed, output, running: told.recv().expect("the run begins"), run }
    }

    pub fn feed(&self, line: &str) {
        self.feed.send(line.as_bytes().to_vec()).expect("the run reads");
    }

    /// Waits until so many events are in.
    pub fn until_events(&self, n: u64) {
        while self.running.metrics.snapshot().sources.iter().map(|s| s.events).sum::<u64>() < n {
            yield_now();
        }
    }

    fn until_row(&self, text: &str) {
        while !self.output.text().contains(text) {
            yield_now();
        }
    }

    pub fn end(self) -> (String, Outcome) {
        drop(self.feed);
        let outcome = self.run.join().expect("the run does not panic");
        (self.output.text(), outcome)
    }
}

const BY_CLOCK: &str = r#"
[sources.events]
type = "stdin"
format = "lines"
time = { clock = "processing" }

[windows.w]
from = "events"
size = "10s"
select = { n = "count(*)", first = "min(event_time())", last = "max(event_time())" }

[sinks.out]
type = "stdout"
format = "json"
times = "unix_ms"
from = ["w"]
"#;

#[test]
fn windows_by_the_clock_when_nothing_comes_then_close_all_the_same() {
    for workers in [1, 2, 3] {
        in_time("silence", move || {
            let time = Arc::new(AtomicI64::new(1_500_000));
            let theirs = Arc::clone(&time);
            let live = Live::start(BY_CLOCK, workers, WallClock::of(move || theirs.load(SeqCst)));
            // Lines without any time, also in one block.
            live.feed("one\ntwo\n");
            live.until_events(2);
            time.store(9_999_999, SeqCst);
            live.feed("three\n");
            live.until_events(3);
            // The clock alone closes the window; what was stated at its end is written a tick later.
            time.store(11_000_000, SeqCst);
            live.until_row("\"window_end\":10000,\"n\":3,");
            // It is set back, which changes nothing: it stands still.
            time.store(3_000_000, SeqCst);
            live.feed("four\n");
            live.until_events(4);
            time.store(35_000_000, SeqCst);
            live.until_row("\"window_end\":20000,\"n\":1,");
            live.feed("five\n");
            live.until_events(5);
            let (out, outcome) = live.end();
            let rows: Vec<serde_json::Value> = out.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
            let told = |r: &serde_json::Value| {
                let number = |key: &str| r[key].as_i64().unwrap();
                ["window_start", "n", "first", "last", "revision"].map(number)
            };
            let expected = [[0, 3, 1_500, 9_999, 0], [10_000, 1, 11_000, 11_000, 0], [30_000, 1, 35_000, 35_000, 0]];
            assert_eq!(rows.iter().map(told).collect::<Vec<_>>(), expected, "{workers} workers");
            let counts = outcome.metrics.snapshot();
            assert!(counts.parts.iter().all(|p| (p.late, p.too_late) == (0, 0)), "{counts:?}");
        });
    }
}

/// A file that workers read together, by a clock that moves on whenever somebody looks at it.
#[test]
fn time_by_the_clock_when_blocks_are_read_by_many_then_never_runs_back() {
    let text = r#"
[sources.events]
type = "file"
path = ["{0}", "{1}"]
format = "csv"
columns = ["lane", "i"]
header = false
time = { clock = "processing" }

[streams.all]
from = "events"
set = { second = "date_trunc('second', event_time())" }

[windows.w]
from = "all"
size = "1s"
group_by = ["lane"]
select = { n = "count(*)", low = "min(i)", high = "max(i)", right = "count(*) FILTER (WHERE second <= event_time())" }

[sinks.out]
type = "stdout"
format = "json"
times = "unix_ms"
from = ["w"]
"#;
    const LINES: i64 = 3_000;
    let lines = |lane: usize| (0..LINES).map(|i| format!("{lane},{i}\n")).collect::<String>().into_bytes();
    let folder = tempfile::tempdir().unwrap();
    let text = write_case(folder.path(), text, &[lines(0), lines(1)]);
    for (workers, block) in [(1, 100), (2, 100), (3, 700)] {
        let (text, output) = (text.clone(), Captured::default());
        let stdout = Box::new(output.clone());
        let outcome = in_time("a clock that runs", move || {
            let time = AtomicI64::new(0);
            let clock = WallClock::of(move || time.fetch_add(300_000, SeqCst));
            let options = Options { block_bytes: Some(block), stdin: None, stdout, clock, ..Options::local(workers) };
            engine::run(plan_of(&text), options).unwrap()
        });
        let rows: Vec<serde_json::Value> =
            output.text().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        for lane in 0..2 {
            let mut next = 0;
            for row in rows.iter().filter(|row| row["lane"] == lane) {
                let number = |key: &str| row[key].as_i64().unwrap();
                // Windows have the lines of the file in its order, and each line once.
                assert_eq!((number("low"), number("high") + 1 - number("low")), (next, number("n")), "{workers} {row}");
                assert_eq!((number("revision"), number("right")), (0, number("n")), "{row}");
                next = number("high") + 1;
            }
            assert_eq!(next, LINES, "lane {lane} at {workers} workers");
        }
        // Of several workers one may have the first block when the others have read all behind it, which then have its time.
        assert!(rows.len() > if workers == 1 { 20 } else { 0 }, "the clock runs: {}", rows.len());
        let counts = outcome.metrics.snapshot();
        assert!(counts.parts.iter().all(|p| (p.late, p.too_late) == (0, 0)), "{counts:?}");
    }
}

/// Sources with both clocks in one pipeline: neither waits for the other.
#[test]
fn a_source_by_the_clock_when_another_has_its_own_time_then_changes_nothing_there() {
    let text = r#"
[run]
max_drift = "1s"

[sources.old]
type = "file"
path = "{0}"
idle_after = "1ms"

[sources.now]
type = "file"
path = "{0}"
time = { clock = "processing" }

[windows.w]
from = "old"
size = "10s"
select = { n = "count(*)" }

[windows.by_clock]
from = "now"
size = "3650d"
select = { n = "count(*)" }

[sinks.out]
type = "stdout"
format = "json"
times = "unix_ms"
from = ["w", "by_clock"]
"#;
    let lines = |seconds: std::ops::Range<i64>| seconds.map(|s| format!("{{\"timestamp\":{s}}}\n")).collect::<String>();
    let folder = tempfile::tempdir().unwrap();
    let text = write_case(folder.path(), text, &[lines(0..3_000).into_bytes()]);
    for workers in [1, 2, 3] {
        let text = text.clone();
        let ran = in_time("both clocks", move || run(&text, Width::new(workers, Some(500))).unwrap());
        let rows = ran.rows();
        let (by_clock, own): (Vec<_>, Vec<_>) = rows.iter().partition(|row| row["name"] == "by_clock");
        assert!(own.len() == 300 && own.iter().all(|row| row["n"] == 10), "{own:?}");
        assert_eq!(by_clock.iter().map(|row| row["n"].as_i64().unwrap()).sum::<i64>(), 3_000);
        assert_eq!(ran.sum(|c| c.parts.iter().map(|p| p.late + p.too_late).sum()), 0);
    }
}

const BESIDE: &str = r#"
[sources.old]
type = "stdin"
idle_after = "1ms"

[sources.now]
type = "file"
path = "{0}"
follow = true
time = { clock = "processing" }

[windows.w]
from = "old"
size = "10s"
select = { n = "count(*)" }

[windows.by_clock]
from = "now"
size = "1s"
select = { n = "count(*)" }

[sinks.out]
type = "stdout"
format = "json"
times = "unix_ms"
from = ["w", "by_clock"]
"#;

#[test]
fn a_source_that_is_idle_when_another_goes_by_the_clock_then_is_not_taken_along() {
    for workers in [1, 2] {
        let folder = tempfile::tempdir().unwrap();
        let text = write_case(folder.path(), BESIDE, &[b"{}\n".to_vec()]);
        in_time("an idle source", move || {
            let live = Live::start(&text, workers, WallClock::system());
            live.until_events(1);
            for second in 1..40 {
                live.feed(&format!("{{\"timestamp\":{second}}}\n"));
                live.until_events(1 + second);
                while second == 1 && live.running.metrics.snapshot().partitions[0].idle != 1 {
                    yield_now();
                }
            }
            live.running.drain();
            let (out, outcome) = live.end();
            let counts = outcome.metrics.snapshot();
            assert!(counts.parts.iter().all(|p| (p.late, p.too_late) == (0, 0)), "{counts:?}");
            assert_eq!(out.lines().filter(|row| row.contains("\"name\":\"w\"")).count(), 4, "{out}");
        });
    }
}

/// A file that is a day ahead of standard input, which stays open.
const APART: &str = r#"
[run]
max_drift = "5s"

[sources.ahead]
type = "file"
path = "{0}"

[sources.slow]
type = "stdin"
IDLE

[windows.of_ahead]
from = "ahead"
size = "10s"
select = { n = "count(*)" }

[windows.of_slow]
from = "slow"
size = "10s"
select = { n = "count(*)" }

[sinks.out]
type = "stdout"
format = "json"
times = "unix_ms"
from = ["of_ahead", "of_slow"]
"#;

fn apart(idle: &str) -> (tempfile::TempDir, String) {
    let folder = tempfile::tempdir().expect("a scratch folder");
    let lines: String = (0..20_000).map(|s| format!("{{\"timestamp\":{s}}}\n")).collect();
    let text = write_case(folder.path(), &APART.replace("IDLE", idle), &[lines.into_bytes()]);
    (folder, text)
}

/// How many lines a block of 500 bytes has, at most.
const BLOCK: i64 = 500 / 16;

#[test]
fn a_source_that_is_ahead_when_another_goes_on_then_goes_on_as_far() {
    for workers in [1, 2] {
        let (_folder, text) = apart("");
        in_time("sources that are apart", move || {
            let output = Captured::default();
            let (feed, from) = channel::<Vec<u8>>();
            let (ready, told) = channel();
            let stdout = Box::new(output.clone());
            let run = std::thread::spawn(move || {
                let options = Options {
                    stdin: Some(Box::new(Fed { from, left: Vec::new() })),
                    stdout,
                    block_bytes: Some(500),
                    on_ready: Box::new(move |running| ready.send(running.clone()).unwrap()),
                    ..Options::local(workers)
                };
                engine::run(plan_of(&text), options).unwrap()
            });
            let running: Running = told.recv().unwrap();
            let reached = || running.metrics.snapshot().partitions[0].position.map_or(-1, |us| us / 1_000_000);
            for slow in (0..2_000).step_by(100) {
                feed.send(format!("{{\"timestamp\":{slow}}}\n").into_bytes()).unwrap();
                // It comes as far as the drift allows; and no further than the blocks at hand: one, and of each other worker
                // those that it may hold while the first is not known.
                while reached() < slow + 4 {
                    yield_now();
                }
                let most = slow + 6 + BLOCK * (1 + 17 * (workers as i64 - 1));
                assert!(reached() <= most, "{} while the other is at {slow}", reached());
            }
            drop(feed);
            run.join().unwrap();
            assert!(output.text().contains("\"window_end\":20000000,\"n\":10,"));
        });
    }
}

#[test]
fn a_source_that_is_ahead_when_another_is_idle_then_does_not_wait() {
    for workers in [1, 2] {
        let (_folder, text) = apart("idle_after = \"1ms\"");
        in_time("a source that is idle", move || {
            let live = Live::start(&text, workers, WallClock::system());
            live.feed("{\"timestamp\":3}\n");
            // The file is read to its end while standard input is open.
            live.until_events(20_001);
            live.until_row("\"window_end\":19990000,\"n\":10,");
            let (out, _) = live.end();
            assert_eq!(out.lines().filter(|row| row.contains("of_ahead")).count(), 2_000);
        });
    }
}
