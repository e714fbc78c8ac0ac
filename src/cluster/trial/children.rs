//! What ends a process, tried with processes: the test program starts itself again, with the trial's part in the
//! environment. Catches: panics, kills and hangs that leave others running, the wrong exit code, the wrong process
//! blamed, more than one message. The program itself is tried in `tests/`.

use super::LONG;
use crate::cluster::handle::Handle;
use crate::cluster::run::execute;
use crate::cluster::topology::Topology;
use crate::error::Error;
use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;
use timely::dataflow::operators::vec::Input;
use timely::dataflow::operators::{Exchange, Inspect, Probe};
use timely::worker::Worker;

const PART: &str = "HIGHWATER_TRIAL_PART";
const SHAPE: &str = "HIGHWATER_TRIAL_SHAPE";

/// Not a trial: what a started process does. The part is what it shall do; the shape is its index, its workers, its
/// peer time-out in milliseconds and all addresses.
#[test]
fn part() {
    let (Ok(part), Ok(shape)) = (std::env::var(PART), std::env::var(SHAPE)) else { return };
    let mut shape = shape.split(' ');
    let mut number = || shape.next().unwrap().parse::<usize>().unwrap();
    let (process, workers, timeout) = (number(), number(), number());
    let hosts: Vec<String> = shape.map(String::from).collect();
    let topology = Topology {
        processes: hosts.len().max(1),
        process,
        hosts,
        connect_timeout: LONG,
        peer_timeout: Duration::from_millis(timeout as u64),
        ..Topology::local(workers)
    };
    let fails = part == "fail";
    let (panics, now) = (part == "panic", Arc::new(AtomicBool::new(false)));
    let soon = Arc::clone(&now);
    let ready = move |handle: &Handle| {
        eprintln!("ready");
        let handle = handle.clone();
        // The trial says when: a line on standard input.
        thread::spawn(move || {
            let mut line = String::new();
            if std::io::stdin().read_line(&mut line).unwrap() > 0 {
                if fails {
                    handle.fail(Error::outside("sink.write", "the disk is full"));
                }
                soon.store(true, Ordering::Release);
                if !panics {
                    handle.request_drain();
                }
            }
        });
    };
    let build = move |worker: &mut Worker, handle: &Handle| {
        let panics = panics && worker.index().is_multiple_of(handle.workers());
        let (mut input, probe) = worker.dataflow::<u64, _, _>(|scope| {
            let (input, numbers) = scope.new_input::<u64>();
            let (probe, _) =
                numbers.exchange(|x| *x).inspect(move |x| assert!(!panics || *x < 1000, "seen {x}")).probe();
            (input, probe)
        });
        for round in 0.. {
            if handle.draining() {
                break;
            }
            input.send(round % 1000);
            input.advance_to(round + 1);
            worker.step_or_park(Some(Duration::from_millis(1)));
            if panics && now.load(Ordering::Acquire) {
                // Every worker gets one of these from here, its own operator too.
                (0..64).for_each(|x| input.send(1000 + x));
            }
        }
        input.close();
        while !probe.done() {
            worker.step_or_park(None);
        }
    };
    match execute(topology, ready, build) {
        Ok(_) => std::process::exit(0),
        Err(error) => {
            eprintln!("{error}");
            std::process::exit(i32::from(error.kind.exit_code()));
        }
    }
}

/// A started process; killed when the trial leaves early.
struct Part {
    child: Child,
    lines: mpsc::Receiver<String>,
}

impl Drop for Part {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Part {
    fn start(part: &str, shape: &str) -> Part {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "cluster::trial::children::part", "--nocapture"])
            .env(PART, part)
            .env(SHAPE, shape)
            .env("RUST_BACKTRACE", "0")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (tx, lines) = mpsc::channel();
        let stderr = child.stderr.take().unwrap();
        thread::spawn(move || BufReader::new(stderr).lines().map_while(Result::ok).try_for_each(|line| tx.send(line)));
        Part { child, lines }
    }

    fn ready(&self) {
        let line = self.lines.recv_timeout(LONG).unwrap();
        assert_eq!(line, "ready");
    }

    /// The trial's line: drains, or fails or panics where that is the part.
    fn go(&mut self) {
        drop(std::io::Write::write_all(self.child.stdin.as_mut().unwrap(), b"go\n"));
    }

    /// Waits for the end: the exit code (`None` where a signal ended it) and what stood on standard error.
    fn end(mut self) -> (Option<i32>, String) {
        let mut text = String::new();
        loop {
            match self.lines.recv_timeout(LONG) {
                Ok(line) => text = text + &line + "\n",
                Err(mpsc::RecvTimeoutError::Disconnected) => break,
                Err(mpsc::RecvTimeoutError::Timeout) => panic!("it runs on, saying: {text}"),
            }
        }
        (self.child.wait().unwrap().code(), text)
    }

    fn signal(&self, name: &str) {
        assert!(Command::new("kill").args([name, &self.child.id().to_string()]).status().unwrap().success());
    }
}

/// Starts one process a part, and returns when all have met.
fn start(parts: &[&str], workers: usize, timeout_ms: usize) -> Vec<Part> {
    let listeners: Vec<_> = parts.iter().map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
    let hosts: Vec<_> = listeners.iter().map(|l| l.local_addr().unwrap().to_string()).collect();
    drop(listeners);
    let started: Vec<Part> = parts
        .iter()
        .enumerate()
        .map(|(p, part)| Part::start(part, &format!("{p} {workers} {timeout_ms} {}", hosts.join(" "))))
        .collect();
    started.iter().for_each(Part::ready);
    started
}

fn one_message(text: &str, wanted: &[&str]) {
    assert_eq!(text.matches("error[").count(), 1, "{text}");
    assert!(!text.contains("panicked at"), "{text}");
    for want in wanted {
        assert!(text.contains(want), "{want} is not in: {text}");
    }
}

#[test]
fn a_panic_ends_the_only_process_with_one_message() {
    let mut part = Part::start("panic", "0 2 5000");
    part.ready();
    part.go();
    let (code, text) = part.end();
    assert_eq!(code, Some(4), "{text}");
    one_message(&text, &["error[bug]: seen 10", "src/cluster/trial/children.rs:", "timely:work-0", "please report"]);
}

#[test]
fn a_panic_in_one_process_ends_all_and_names_it() {
    let mut parts = start(&["", "panic", ""], 2, 5000);
    parts[1].go();
    for (n, part) in parts.into_iter().enumerate() {
        let (code, text) = part.end();
        if n == 1 {
            assert_eq!(code, Some(4), "{text}");
            one_message(&text, &["error[bug]: seen 10"]);
        } else {
            assert_eq!(code, Some(5), "process {n}: {text}");
            one_message(&text, &["error[cluster.lost]: process 1 (127.0.0.1:", "failed with a bug: seen 10"]);
        }
    }
}

#[test]
fn an_error_in_one_process_ends_all_with_its_message() {
    let mut parts = start(&["fail", ""], 1, 5000);
    parts[0].go();
    let (code, text) = parts.remove(0).end();
    assert_eq!(code, Some(3));
    one_message(&text, &["error[sink.write]: the disk is full"]);
    let (code, text) = parts.remove(0).end();
    assert_eq!(code, Some(5));
    one_message(&text, &["error[cluster.lost]: process 0 (127.0.0.1:", "failed: the disk is full"]);
}

#[test]
fn a_killed_process_is_named_by_all_others() {
    let mut parts = start(&["", "", ""], 1, 5000);
    parts[2].child.kill().unwrap();
    assert_eq!(parts.pop().unwrap().end().0, None);
    for part in parts {
        let (code, text) = part.end();
        assert_eq!(code, Some(5), "{text}");
        one_message(&text, &["error[cluster.lost]: process 2 (127.0.0.1:", "closed the connection"]);
    }
}

#[test]
#[cfg(unix)]
fn a_hung_process_is_named_and_ends_when_it_goes_on() {
    let mut parts = start(&["", "", ""], 1, 2000);
    parts[1].signal("-STOP");
    let hung = parts.remove(1);
    for part in parts {
        let (code, text) = part.end();
        assert_eq!(code, Some(5), "{text}");
        one_message(&text, &["error[cluster.lost]: process 1 (127.0.0.1:", "stopped answering"]);
    }
    hung.signal("-CONT");
    let (code, text) = hung.end();
    assert_eq!(code, Some(5), "{text}");
    one_message(&text, &["error[cluster.lost]: process "]);
}

#[test]
fn a_drain_asked_of_one_ends_all_in_good_order() {
    let mut parts = start(&["", "", ""], 2, 5000);
    parts[1].go();
    for part in parts {
        assert_eq!(part.end(), (Some(0), String::new()));
    }
}
