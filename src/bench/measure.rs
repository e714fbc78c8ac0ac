//! Commands, turned into what running them took: wall time, CPU seconds and peak memory.
//!
//! Every subject is measured with this one instrument, from outside: wall time from the start of the first process to
//! the end of the last (the start-up of the program is in it), CPU seconds (user and system) as the kernel charges
//! them to this process for its ended children, peak memory as the kernel's own high-water mark of each process, read
//! every few milliseconds. Units: seconds; bytes. CPU seconds come in hundredths.
//!
//! Linux only: elsewhere CPU seconds and memory are not known.

use crate::error::Error;
use std::io::Read;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// How often memory is read.
const LOOK: Duration = Duration::from_millis(5);
/// The kernel's unit of CPU time in `/proc`: hundredths of a second on every Linux.
const TICKS: f64 = 100.0;

/// What a run took.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Usage {
    /// Seconds from start to end.
    pub wall: f64,
    /// CPU seconds of all processes together; NaN where not known.
    pub cpu: f64,
    /// Peak bytes of memory, each process's added up; 0 where not known.
    pub peak: u64,
}

/// Runs the commands at the same time and waits for all. A run that takes more than `most` bytes of memory is stopped.
///
/// # Errors
/// Where a command cannot be started, fails, or takes too much memory.
pub fn measure(commands: Vec<Command>, most: u64) -> Result<Usage, Error> {
    let before = children_cpu();
    let (done, ended) = channel();
    let mut children: Vec<Child> = Vec::new();
    let began = Instant::now();
    for mut command in commands {
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let started = command.spawn();
        let mut child = match started {
            Ok(child) => child,
            Err(e) => {
                stop(&mut children);
                return Err(Error::outside("bench.start", format!("a run cannot be started: {e}")));
            }
        };
        if let Some(mut stderr) = child.stderr.take() {
            let done = done.clone();
            // The pipe closes when the process ends.
            std::thread::spawn(move || {
                let mut text = Vec::new();
                let _ = stderr.read_to_end(&mut text);
                let _ = done.send((Instant::now(), text));
            });
        }
        children.push(child);
    }
    drop(done);
    let mut peaks = vec![0; children.len()];
    let (mut last, mut said) = (began, Vec::new());
    loop {
        match ended.recv_timeout(LOOK) {
            Ok((at, text)) => {
                last = last.max(at);
                said.extend_from_slice(&text);
            }
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => {
                for (child, peak) in children.iter().zip(&mut peaks) {
                    *peak = peak_memory(child.id()).unwrap_or(*peak);
                }
                if peaks.iter().sum::<u64>() > most {
                    stop(&mut children);
                    let text = format!("a run took more than {} MB of memory and was stopped", most / 1_000_000);
                    return Err(Error::new(crate::error::Kind::Bug, "bench.memory", text));
                }
            }
        }
    }
    for child in &mut children {
        let status = child.wait().map_err(|e| Error::outside("bench.wait", format!("a run is lost: {e}")))?;
        if !status.success() {
            let text = String::from_utf8_lossy(&said);
            let text = text.trim();
            stop(&mut children);
            return Err(Error::outside("bench.run", format!("a run failed ({status}): {text}")));
        }
    }
    let cpu = match (before, children_cpu()) {
        (Some(before), Some(after)) => after - before,
        _ => f64::NAN,
    };
    Ok(Usage { wall: (last - began).as_secs_f64(), cpu, peak: peaks.iter().sum() })
}

/// Ends processes that we started.
fn stop(children: &mut [Child]) {
    for child in children {
        // It may have ended by itself.
        let _ = child.kill();
        let _ = child.wait();
    }
}

/// The CPU seconds of all children that have ended and were waited for.
fn children_cpu() -> Option<f64> {
    parse_children_cpu(&std::fs::read_to_string("/proc/self/stat").ok()?)
}

fn parse_children_cpu(stat: &str) -> Option<f64> {
    // The name in parentheses may hold anything; the fields after it are numbers, the first of them is the third.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = |field: usize| fields.get(field - 3)?.parse::<f64>().ok();
    Some((ticks(16)? + ticks(17)?) / TICKS)
}

fn peak_memory(process: u32) -> Option<u64> {
    kilobytes(&std::fs::read_to_string(format!("/proc/{process}/status")).ok()?, "VmHWM:")
}

/// Half of the memory that the machine can give now, in bytes; no bound where that is not known.
pub fn half_of_memory() -> u64 {
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    kilobytes(&text, "MemAvailable:").map_or(u64::MAX, |bytes| bytes / 2)
}

fn kilobytes(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok().map(|kb| kb * 1024)
}

/// A clock for one thread's own work.
///
/// On Linux it counts the nanoseconds that the thread was on a CPU, so that others on the machine do not count;
/// elsewhere it is the wall clock.
#[derive(Debug, Clone, Copy)]
pub struct ThreadClock {
    began: Instant,
    on_cpu: Option<u64>,
}

impl ThreadClock {
    /// Starts at 0, for the thread that calls it.
    pub fn start() -> Self {
        Self { began: Instant::now(), on_cpu: on_cpu() }
    }

    /// Seconds since the start; to be asked by the same thread.
    pub fn seconds(&self) -> f64 {
        match (self.on_cpu, on_cpu()) {
            (Some(before), Some(now)) => (now - before) as f64 / 1e9,
            _ => self.began.elapsed().as_secs_f64(),
        }
    }
}

fn on_cpu() -> Option<u64> {
    std::fs::read_to_string("/proc/thread-self/schedstat").ok()?.split_whitespace().next()?.parse().ok()
}

/// How many threads want to run, on average over the last minute; `None` where not known.
pub fn load() -> Option<f64> {
    std::fs::read_to_string("/proc/loadavg").ok()?.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernel_texts_when_read_then_give_seconds_and_bytes() {
        let stat = "12 (a b) c) S 1 12 12 0 -1 4194560 100 200 0 0 7 3 250 50 20 0 1 0 100 1000 100";
        assert_eq!(parse_children_cpu(stat), Some(3.0));
        assert_eq!(parse_children_cpu("12 (a"), None);
        assert_eq!(kilobytes("VmPeak:\t 9 kB\nVmHWM:\t    1024 kB\n", "VmHWM:"), Some(1_048_576));
        assert_eq!(kilobytes("Name: x\n", "VmHWM:"), None);
    }

    #[test]
    fn commands_when_they_fail_or_are_missing_then_are_errors() {
        let missing = measure(vec![Command::new("/no/such/program")], u64::MAX).unwrap_err();
        assert_eq!(missing.code, "bench.start");
        let mut failing = Command::new("sh");
        failing.args(["-c", "echo what went wrong >&2; exit 3"]);
        let failed = measure(vec![failing], u64::MAX).unwrap_err();
        assert!(failed.message.contains("what went wrong"), "{failed}");
    }
}
