//! Several processes on this machine.
//!
//! - The answer: files of two and three processes, of one and two workers each, are those of one process to the byte.
//! - The beginning: who does not belong, is missing, or is a stranger.
//! - The end: one process dies, hangs, is drained or fails, and all end, with a message that names it.

use crate::harness::{Child, Ended, Output, Program, Scratch, ports};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

/// Sliding windows with every kind of aggregate, late events and corrections; and a small one beside.
const JOB: &str = r#"
[sources.events]
SOURCE
out_of_orderness = "1s"

[streams.shopping]
from = "events"
where = "event_type IN ('user_action', 'transaction')"
set = { segment = "coalesce(tags.user_type, 'unknown')" }

[windows.activity]
from = "shopping"
size = "10s"
slide = "5s"
allowed_lateness = "3s"
group_by = { segment = "segment", page = "coalesce(data.page, 'unknown')" }

[windows.activity.select]
n = "count(*)"
total = "sum(data.duration)"
mean = "avg(data.duration)"
least = "min(data.duration)"
most = "max(data.duration)"
p95 = "percentile(data.duration, 0.95)"
p99 = "percentile(data.duration, 0.99)"
users = "count(DISTINCT user_id)"

[windows.health]
from = "events"
size = "5s"
group_by = ["source"]
select = { n = "count(*)", sum = "sum(data.response_time)", most = "max(data.response_time)" }

[sinks.rows]
type = "file"
path = "out/{name}.ndjson"
from = ["activity", "health"]
"#;

const FILE: &str = "type = \"file\"\npath = [\"a.ndjson\", \"b.ndjson\"]";

const GENERATOR: &str = "type = \"generate\"\nevents = 100_000\nrate = 2000\nusers = 500\npages = 50\ndisorder = 0.2\n\
                         max_delay = \"3s\"\nlate = 0.01\nbad = 0.001\npartitions = 3";

/// Goes on for days, at the pace of the clock.
const PACED: &str = r#"
[sources.events]
type = "generate"
pace = "real-time"
events = 1_000_000_000
rate = 2000

[windows.w]
from = "events"
size = "100ms"
select = { n = "count(*)" }

[sinks.rows]
type = "stdout"
format = "json"
from = ["w"]

[sinks.file]
type = "file"
path = "w.ndjson"
from = ["w"]
"#;

/// A cluster on free ports, all in one folder.
pub struct Hosts<'a> {
    scratch: &'a Scratch,
    ports: Vec<u16>,
}

impl<'a> Hosts<'a> {
    pub fn new(scratch: &'a Scratch, n: usize) -> Self {
        let ports = ports(n);
        let text: String = ports.iter().map(|p| format!("127.0.0.1:{p}\n")).collect();
        scratch.write("hosts.txt", &text);
        Self { scratch, ports }
    }

    pub fn program(&self, p: usize, args: &[&str]) -> Program {
        let (n, p) = (self.ports.len().to_string(), p.to_string());
        let program = self.scratch.program(["run", "p.toml", "-n", &n, "-p", &p, "--hosts", "hosts.txt"]);
        program.args(args).env("HIGHWATER_TOKEN", "a shared secret").env("RUST_LOG", "info")
    }

    /// Starts all, the last first.
    fn start(&self, args: &[&str]) -> Vec<Child> {
        let mut all: Vec<Child> = (0..self.ports.len()).rev().map(|p| self.program(p, args).start()).collect();
        all.reverse();
        all
    }

    /// Starts all and waits until they have met.
    pub fn meet(&self, args: &[&str]) -> Vec<Child> {
        let mut all = self.start(args);
        all.iter_mut().for_each(|child| child.until_err("ready"));
        all
    }

    fn name(&self, p: usize) -> String {
        format!("process {p} (127.0.0.1:{})", self.ports[p])
    }
}

fn end(all: Vec<Child>) -> Vec<Ended> {
    all.into_iter().map(Child::end).collect()
}

/// The rows of the job in both files.
fn rows(scratch: &Scratch) -> (String, String) {
    (scratch.read("out/activity.ndjson"), scratch.read("out/health.ndjson"))
}

/// The second file beside itself, packed.
fn pack(scratch: &Scratch) {
    let text = scratch.read("b.ndjson");
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gz.write_all(text.as_bytes()).unwrap();
    std::fs::write(scratch.path("b.gz"), gz.finish().unwrap()).unwrap();
    let zst = ruzstd::encoding::compress_to_vec(text.as_bytes(), ruzstd::encoding::CompressionLevel::Fastest);
    std::fs::write(scratch.path("c.zst"), zst).unwrap();
}

fn the_same_answer_at_every_width(source: &str) {
    let scratch = Scratch::new();
    for (name, seed) in [("a.ndjson", "1"), ("b.ndjson", "2")] {
        let late = ["--disorder", "0.2", "--max-delay", "3s", "--late", "0.01", "--bad", "0.001", "--users", "500"];
        let args = ["generate", "-e", "60000", "--rate", "1000", "--seed", seed, "-o", name];
        scratch.run(args.iter().chain(&late)).expect(0, &[]);
    }
    pack(&scratch);
    scratch.write("p.toml", &JOB.replace("SOURCE", source));
    scratch.run(["run", "p.toml"]).expect(0, &["corrections", "too late", "rejected"]);
    let expected = rows(&scratch);
    assert!(expected.0.lines().count() > 1000 && expected.1.lines().count() > 100);
    for processes in [2, 3] {
        for workers in ["1", "2"] {
            std::fs::remove_dir_all(scratch.path("out")).unwrap();
            let hosts = Hosts::new(&scratch, processes);
            for ended in end(hosts.start(&["-w", workers])) {
                ended.expect(0, &["ready", "events in "]);
            }
            assert!(rows(&scratch) == expected, "{processes} processes of {workers} workers say something else");
        }
    }
}

#[test]
fn files_read_by_several_processes_give_the_answer_of_one() {
    the_same_answer_at_every_width(FILE);
}

#[test]
fn packed_files_each_read_by_one_process_give_the_answer_of_one() {
    the_same_answer_at_every_width(
        "type = \"file\"\npath = [\"a.ndjson\", \"?.gz\", \"c.zst\"]\ndead_letters = \"bad\"",
    );
}

#[test]
fn events_made_by_several_processes_give_the_answer_of_one() {
    the_same_answer_at_every_width(GENERATOR);
}

#[test]
fn a_wrong_token_is_told_where_it_is_and_the_process_is_missed_elsewhere() {
    let scratch = Scratch::new();
    scratch.write("p.toml", PACED);
    scratch.write("token", "another secret\n");
    let hosts = Hosts::new(&scratch, 2);
    let first = hosts.program(0, &["--connect-timeout", "3s"]).start();
    let second = hosts.program(1, &["--connect-timeout", "3s", "--token-file", "token"]).start();
    let (first, second) = (first.end(), second.end());
    second.expect(2, &["error[cluster.token]", &hosts.name(0), "HIGHWATER_TOKEN"]);
    first.expect(3, &["error[cluster.missing]", &hosts.name(1), "its token is another"]);
    assert!(!first.err.contains("secret") && !second.err.contains("secret"));
}

#[test]
fn processes_that_differ_say_in_what() {
    let cases: [(&[&str], &str); 3] = [
        (&["--set", "windows.w.size=200ms"], "error[cluster.fingerprint]"),
        (&["-w", "2"], "error[cluster.workers]"),
        (&["-n", "3"], "error[cluster.hosts]"),
    ];
    for (args, code) in cases {
        let scratch = Scratch::new();
        scratch.write("p.toml", PACED);
        let hosts = Hosts::new(&scratch, 2);
        if code == "error[cluster.hosts]" {
            let three = ["run", "p.toml", "-p", "1", "--hosts", "hosts.txt"];
            scratch.run(three.iter().chain(args)).expect(2, &[code, "2 addresses for 3 processes"]);
            continue;
        }
        let first = hosts.program(0, &[]).start();
        let second = hosts.program(1, args).start();
        for ended in [first.end(), second.end()] {
            ended.expect(2, &[code, "help: "]);
        }
        assert!(!scratch.path("w.ndjson").exists());
    }
}

#[test]
fn a_port_in_use_and_a_missing_process_are_told_by_name() {
    let scratch = Scratch::new();
    scratch.write("p.toml", PACED);
    let hosts = Hosts::new(&scratch, 3);
    let taken = TcpListener::bind(("127.0.0.1", hosts.ports[0])).unwrap();
    let ended = hosts.program(0, &[]).start().end();
    ended.expect(3, &["error[cluster.port]", &hosts.ports[0].to_string()]);
    drop(taken);
    let two: Vec<Child> = [0, 1].iter().map(|p| hosts.program(*p, &["--connect-timeout", "1s"]).start()).collect();
    let two = end(two);
    // Whoever gives up first tells the other.
    assert!(two.iter().any(|e| e.err.contains("error[cluster.missing]")));
    for ended in &two {
        assert!([3, 5].contains(&ended.code()), "{}", ended.err);
    }
    let alone = hosts.program(1, &["--connect-timeout", "1s"]).start().end();
    alone.expect(3, &["error[cluster.missing]", "2 of 3", &hosts.name(0), &hosts.name(2), "--connect-timeout"]);
}

#[test]
fn strangers_at_the_door_do_no_harm() {
    let scratch = Scratch::new();
    scratch.write("p.toml", &JOB.replace("SOURCE", GENERATOR));
    scratch.run(["run", "p.toml"]).expect(0, &[]);
    let expected = rows(&scratch);
    let hosts = Hosts::new(&scratch, 2);
    let first = hosts.program(0, &[]).start();
    let mut open = Vec::new();
    for bytes in [&b"GET / HTTP/1.1\r\n\r\n"[..], b"", &[0; 5000], &[255; 300], b"\x16\x03\x01"] {
        // The process listens a moment after it was started.
        let mut stranger = None;
        assert!(crate::harness::eventually(|| {
            stranger = TcpStream::connect(("127.0.0.1", hosts.ports[0])).ok();
            stranger.is_some()
        }));
        let mut stranger = stranger.unwrap();
        // It may hang up as soon as it has seen enough.
        let _ = stranger.write_all(bytes);
        open.push(stranger);
    }
    let second = hosts.program(1, &[]).start();
    for ended in [first.end(), second.end()] {
        ended.expect(0, &["events in "]);
    }
    assert!(rows(&scratch) == expected);
    // Every stranger was hung up on.
    for mut stranger in open {
        stranger.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        let mut rest = Vec::new();
        if let Err(e) = stranger.read_to_end(&mut rest) {
            assert_eq!(e.kind(), std::io::ErrorKind::ConnectionReset);
        }
    }
}

#[test]
fn a_killed_process_ends_the_others_and_is_named() {
    for (n, victim, workers) in [(2, 0, "1"), (2, 1, "2"), (3, 1, "1"), (3, 2, "2")] {
        let scratch = Scratch::new();
        scratch.write("p.toml", PACED);
        let hosts = Hosts::new(&scratch, n);
        let mut all = hosts.meet(&["-w", workers]);
        all[0].until_out("12:00:00.200Z");
        all[victim].signal("KILL");
        for (p, child) in all.into_iter().enumerate() {
            let ended = child.end_within(Duration::from_secs(20));
            match p == victim {
                true => assert_eq!(ended.code(), -1),
                false => _ = ended.expect(5, &["error[cluster.lost]", &hosts.name(victim), "help: "]),
            }
        }
        assert!(!scratch.path("w.ndjson").exists());
    }
}

#[test]
fn a_hung_process_ends_the_others_and_itself_when_it_wakes() {
    for (n, victim) in [(2, 1), (3, 0)] {
        let scratch = Scratch::new();
        scratch.write("p.toml", PACED);
        let hosts = Hosts::new(&scratch, n);
        let mut all = hosts.meet(&["--peer-timeout", "2s"]);
        all[0].until_out("12:00:00.200Z");
        all[victim].signal("STOP");
        let hung = all.remove(victim);
        for child in all {
            let ended = child.end_within(Duration::from_secs(20));
            ended.expect(5, &["error[cluster.lost]", &hosts.name(victim)]);
        }
        hung.signal("CONT");
        hung.end_within(Duration::from_secs(20)).expect(5, &["error[cluster.lost]"]);
    }
}

#[test]
fn a_signal_to_one_process_drains_all() {
    for (n, asked, workers) in [(2, 0, "1"), (2, 1, "2"), (3, 2, "1")] {
        let scratch = Scratch::new();
        scratch.write("p.toml", PACED);
        let hosts = Hosts::new(&scratch, n);
        let mut all = hosts.meet(&["-w", workers]);
        all[0].until_out("12:00:00.200Z");
        all[asked].signal("INT");
        let all = end(all);
        for ended in &all {
            ended.expect(0, &["events in "]);
        }
        assert_eq!(scratch.read("w.ndjson"), all[0].out);
        // Each window is stated once, and all but the last are whole.
        let counts: Vec<u64> = (all[0].out.lines())
            .map(|l| serde_json::from_str::<serde_json::Value>(l).unwrap()["n"].as_u64().unwrap())
            .collect();
        let (last, whole) = counts.split_last().unwrap();
        assert!(whole.len() >= 2 && whole.iter().all(|n| *n == 200) && *last <= 200, "{counts:?}");
    }
}

#[test]
fn a_reader_that_goes_away_ends_all_processes_well() {
    for workers in ["1", "2"] {
        let scratch = Scratch::new();
        scratch.write("p.toml", PACED);
        let hosts = Hosts::new(&scratch, 2);
        let second = hosts.program(1, &["-w", workers]).start();
        let first = hosts.program(0, &["-w", workers]).output(Output::Head(100)).start();
        for ended in end(vec![first, second]) {
            ended.expect(0, &["ready"]);
            assert!(!ended.err.contains("error"), "{}", ended.err);
        }
    }
}

#[test]
fn a_process_that_fails_stops_the_others() {
    // A sink that cannot write: it belongs to process 0.
    let scratch = Scratch::new();
    scratch.write("p.toml", PACED);
    let hosts = Hosts::new(&scratch, 2);
    let full = ["--set", "sinks.file.path=/dev/full", "--set", "sinks.file.format=json"];
    let all = end(hosts.start(&full));
    all[0].expect(3, &["error[sink.write]", "/dev/full"]);
    all[1].expect(5, &["error[cluster.lost]", &hosts.name(0), "failed: "]);

    // A bad line under on_bad = "stop", wherever it is read.
    let scratch = Scratch::new();
    scratch.write("p.toml", &JOB.replace("SOURCE", "type = \"file\"\npath = \"events.ndjson\"\non_bad = \"stop\""));
    let fine = scratch.run(["generate", "-e", "20000"]).out;
    scratch.write("events.ndjson", &(fine + "not an event\n"));
    let hosts = Hosts::new(&scratch, 3);
    let all = end(hosts.start(&["-w", "2"]));
    let culprit = all.iter().position(|e| e.code() == 2).expect("one has read the bad line");
    all[culprit].expect(2, &["error[source.bad]", "events.ndjson at byte "]);
    for (_, ended) in all.iter().enumerate().filter(|(p, _)| *p != culprit) {
        ended.expect(5, &["error[cluster.lost]", &hosts.name(culprit)]);
    }
    assert!(!scratch.path("out/activity.ndjson").exists());
}

#[test]
fn a_process_that_cannot_begin_says_why_and_the_others_miss_it() {
    let scratch = Scratch::new();
    scratch.write("p.toml", &COUNTED.replace("FILE", "${EVENTS}"));
    scratch.run(["generate", "-e", "10", "-o", "events.ndjson"]).expect(0, &[]);
    let hosts = Hosts::new(&scratch, 2);
    let first = hosts.program(0, &["--connect-timeout", "1s"]).env("EVENTS", "events.ndjson").start();
    let second = hosts.program(1, &["--connect-timeout", "1s"]).env("EVENTS", "absent.ndjson").start();
    second.end().expect(3, &["error[source.open]", "absent.ndjson"]);
    first.end().expect(3, &["error[cluster.missing]", &hosts.name(1)]);
}

/// The least pipeline over a file.
const COUNTED: &str = r#"
[sources.events]
type = "file"
path = "FILE"

[windows.w]
from = "events"
size = "1s"
select = { n = "count(*)" }
"#;
