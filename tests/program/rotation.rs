//! A file that a process of its own writes, rotates and truncates while it is followed, against a quiet run over what
//! was written.
//!
//! The writer is this test program, started as a child. It never waits for the reader within a file; the test tells it
//! when to rotate, and rotates again only when the last rotation was seen (a file that lives for less than a look at it
//! cannot be seen), and lets it truncate only what was read (what is cut off unread is gone).
//!
//! What it can catch: lines that are lost, doubled or torn at a rotation or truncation, under a writer that goes on.

use crate::harness::{Child as Running, LIMIT, Scratch};
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

const JOB: &str = r#"
[sources.events]
type = "file"
path = PATHS
idle_after = "365d"

[windows.w]
from = "events"
size = "1s"
select = { n = "count(*)", low = "min(i)", high = "max(i)" }

[sinks.rows]
type = "stdout"
format = "json"
from = ["w"]
"#;

/// The folder in which the child writes; set in the child alone.
const FOLDER: &str = "HIGHWATER_TEST_WRITER";

/// Lines of a window.
const WINDOW: u64 = 100;

fn line(i: u64) -> String {
    format!("{{\"timestamp\":{}.{:02},\"i\":{i}}}\n", 1_767_614_400 + i / WINDOW, i % WINDOW)
}

/// The file that is written and followed, and those it was before.
struct Log<'a> {
    folder: &'a Path,
    file: File,
    next: u64,
    kept: u32,
}

impl Log<'_> {
    fn open(folder: &Path) -> File {
        OpenOptions::new().append(true).create(true).open(folder.join("app.log")).unwrap()
    }

    /// A line, now and then in two parts.
    fn write(&mut self) {
        let text = line(self.next);
        let cut = if self.next.is_multiple_of(7) { text.len() / 2 } else { 0 };
        self.file.write_all(&text.as_bytes()[..cut]).unwrap();
        self.file.write_all(&text.as_bytes()[cut..]).unwrap();
        self.next += 1;
    }

    fn older(&mut self) -> std::path::PathBuf {
        self.kept += 1;
        self.folder.join(format!("app.log.{}", self.kept))
    }

    /// As a log rotator does: the file gets another name, a new one is made, and only a while later the writer takes it.
    fn rotate(&mut self, breathe: impl Fn()) -> u64 {
        let older = self.older();
        std::fs::rename(self.folder.join("app.log"), &older).unwrap();
        let new = Self::open(self.folder);
        for _ in 0..40 {
            (0..10).for_each(|_| self.write());
            breathe();
        }
        self.file = new;
        std::fs::metadata(older).unwrap().len()
    }

    /// Up to the first line of a window.
    fn fill_window(&mut self) {
        while !self.next.is_multiple_of(WINDOW) {
            self.write();
        }
        self.write();
    }

    /// Copied away and cut off.
    fn truncate(&mut self) {
        let older = self.older();
        std::fs::copy(self.folder.join("app.log"), older).unwrap();
        self.file.set_len(0).unwrap();
    }
}

/// The row of a window that is whole and begins after line `i`.
fn full(i: u64) -> String {
    format!("\"n\":{WINDOW},\"low\":{0},\"high\":{1},", (i / WINDOW + 1) * WINDOW, (i / WINDOW + 2) * WINDOW - 1)
}

/// The child. It obeys the lines of its input: `rotate`, `pause`, `truncate`, `go`, `end`; meanwhile it writes.
#[test]
#[ignore = "the writing child of the other test"]
fn writer() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let folder = Path::new(&folder);
    let (tell, told) = channel();
    std::thread::spawn(move || {
        // The end of the input is the end of the test.
        let stdin = std::io::stdin();
        stdin.lock().lines().map_while(Result::ok).try_for_each(|word| tell.send(word))
    });
    let mut log = Log { folder, file: Log::open(folder), next: 0, kept: 0 };
    let say = |text: String| {
        // Past the capture of the test runner, in a line of its own.
        let mut out = std::io::stderr();
        out.write_all(format!("{text}\n").as_bytes()).unwrap();
    };
    let mut going = true;
    loop {
        // Between lines a breath, so that the test does not write gigabytes.
        let word = told.recv_timeout(if going { Duration::from_millis(1) } else { LIMIT }).ok();
        match word.as_deref() {
            Some("rotate") => {
                // No word comes before the answer.
                let length = log.rotate(|| drop(told.recv_timeout(Duration::from_millis(10))));
                say(format!("rotated {length} {}", log.next));
            }
            Some("pause") => {
                log.fill_window();
                going = false;
                say(format!("paused {}", log.next));
            }
            Some("truncate") => {
                log.truncate();
                say(format!("truncated {}", log.next));
            }
            Some("go") => going = true,
            Some(_) => return,
            None if !going => return,
            None => (0..20).for_each(|_| log.write()),
        }
    }
}

/// The child, as the test sees it.
struct Writer {
    child: Child,
    input: ChildStdin,
    answers: Receiver<String>,
}

impl Writer {
    fn start(scratch: &Scratch) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "rotation::writer", "--ignored", "--nocapture"])
            .env(FOLDER, scratch.path(""))
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let (input, err) = (child.stdin.take().unwrap(), child.stderr.take().unwrap());
        let (tell, answers) = channel();
        std::thread::spawn(move || BufReader::new(err).lines().map_while(Result::ok).try_for_each(|l| tell.send(l)));
        Self { child, input, answers }
    }

    fn say(&mut self, word: &str) {
        self.input.write_all(format!("{word}\n").as_bytes()).unwrap();
    }

    /// Says a word and waits for the numbers in the answer, of which the last is that of the next line.
    fn ask(&mut self, word: &str, answer: &str) -> Vec<u64> {
        self.say(word);
        loop {
            let line = self.answers.recv_timeout(LIMIT).unwrap_or_else(|e| panic!("no answer to {word}: {e}"));
            if let Some(number) = line.strip_prefix(answer) {
                return number.split_whitespace().map(|n| n.parse().unwrap()).collect();
            }
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_followed_file_when_a_process_writes_rotates_and_truncates_it_then_every_line_counts_once() {
    for workers in ["1", "2"] {
        let scratch = Scratch::new();
        scratch.write("p.toml", &JOB.replace("PATHS", "\"app.log\"\nfollow = true"));
        scratch.write("app.log", "");
        let mut reader = scratch.program(["run", "p.toml", "-w", workers]).env("RUST_LOG", "info").start();
        let mut writer = Writer::start(&scratch);
        reader.until_out(&full(0));
        let rotate = |reader: &mut Running, writer: &mut Writer| {
            let said = writer.ask("rotate", "rotated ");
            reader.until_err(&format!("going on with the new one file=\"app.log\" bytes={}\n", said[0]));
            // It has the new file, so that the next rotation can be seen.
            reader.until_out(&full(said[1]));
        };
        (0..3).for_each(|_| rotate(&mut reader, &mut writer));
        let read = writer.ask("pause", "paused ")[0];
        // The last line is the first of its window, and lets the one be written that was stated when the last began.
        reader.until_out(&format!("\"high\":{},", read - 2 - WINDOW));
        writer.ask("truncate", "truncated ");
        reader.until_err("the file was truncated");
        writer.say("go");
        reader.until_out(&full(read));
        rotate(&mut reader, &mut writer);
        let written = writer.ask("pause", "paused ")[0];
        reader.until_out(&format!("\"high\":{},", written - 2 - WINDOW));
        writer.say("end");
        assert!(writer.child.wait().unwrap().success());
        reader.signal("INT");
        let ended = reader.end();
        ended.expect(0, &[]);

        let all: String =
            (1..=5).map(|i| scratch.read(&format!("app.log.{i}"))).chain([scratch.read("app.log")]).collect();
        assert_eq!(all, (0..written).map(line).collect::<String>(), "the writer wrote what it says");
        scratch.write("all.log", &all);
        scratch.write("p.toml", &JOB.replace("PATHS", "\"all.log\""));
        let quiet = scratch.run(["run", "p.toml"]);
        quiet.expect(0, &[]);
        assert_eq!(ended.out, quiet.out, "{}", ended.err);
        assert_eq!(quiet.out.lines().count() as u64, written / WINDOW + 1);
    }
}
