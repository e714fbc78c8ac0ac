//! A command line, turned into a watched child process and what came of it.
//!
//! Invariants: 1. every wait has a limit, after which the child is killed and the test fails with all it said. 2. A
//! child that is dropped is killed and waited for, by its own handle. 3. Pipes are emptied by threads, so that a child
//! never waits for a test that waits for the child, unless the test asked for just that.

use std::ffi::OsStr;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::time::{Duration, Instant};

/// The longest wait for anything: far above what is needed, as the machine may be busy.
pub const LIMIT: Duration = Duration::from_secs(90);

/// A folder that goes with the test.
pub struct Scratch(tempfile::TempDir);

impl Scratch {
    pub fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap_or_else(|e| panic!("{name}: {e}"))
    }

    /// The program, to be run in this folder.
    pub fn program<I: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = I>) -> Program {
        Program::new(self.0.path(), args)
    }

    /// Runs the program to its end.
    pub fn run<I: AsRef<OsStr>>(&self, args: impl IntoIterator<Item = I>) -> Ended {
        self.program(args).start().end()
    }
}

/// What a child's standard input is.
pub enum Input {
    /// Nothing.
    Empty,
    /// What [`Child::feed`] gives it, until [`Child::close_input`].
    Fed,
    /// A file.
    File(PathBuf),
}

/// What becomes of a child's standard output.
pub enum Output {
    /// It is kept.
    Kept,
    /// It is not read before [`Child::open_gate`], and then counted, not kept.
    Gated,
    /// So many bytes are read and kept, then the pipe is closed.
    Head(usize),
}

/// The program with its arguments.
pub struct Program {
    command: Command,
    input: Input,
    output: Output,
}

impl Program {
    pub fn new<I: AsRef<OsStr>>(folder: &Path, args: impl IntoIterator<Item = I>) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_highwater"));
        command.args(args).current_dir(folder);
        for name in ["RUST_LOG", "HIGHWATER_TOKEN", "RUST_BACKTRACE"] {
            command.env_remove(name);
        }
        // Those that OpenTelemetry knows.
        std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("OTEL_")).for_each(|(name, _)| {
            command.env_remove(name);
        });
        Self { command, input: Input::Empty, output: Output::Kept }
    }

    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.command.env(name, value);
        self
    }

    pub fn args<I: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = I>) -> Self {
        self.command.args(args);
        self
    }

    pub fn input(mut self, input: Input) -> Self {
        self.input = input;
        self
    }

    pub fn output(mut self, output: Output) -> Self {
        self.output = output;
        self
    }

    pub fn start(mut self) -> Child {
        self.command.stdin(match &self.input {
            Input::Empty => Stdio::null(),
            Input::Fed => Stdio::piped(),
            Input::File(path) => std::fs::File::open(path).unwrap().into(),
        });
        self.command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = self.command.spawn().unwrap();
        let (gate, gated) = channel();
        let out = child.stdout.take().unwrap();
        let out = match self.output {
            Output::Kept => Pipe::start(out, None, usize::MAX, true),
            Output::Gated => Pipe::start(out, Some(gated), usize::MAX, false),
            Output::Head(bytes) => Pipe::start(out, None, bytes, true),
        };
        let err = Pipe::start(child.stderr.take().unwrap(), None, usize::MAX, true);
        let input = child.stdin.take().map(|mut stdin| {
            let (feed, food) = channel::<Vec<u8>>();
            std::thread::spawn(move || {
                // A child that has ended takes no more.
                food.iter().all(|bytes| stdin.write_all(&bytes).and_then(|()| stdin.flush()).is_ok())
            });
            feed
        });
        Child { child, out, err, input, gate }
    }
}

/// What a child has written to a pipe so far.
#[derive(Default)]
struct Heard {
    bytes: Vec<u8>,
    total: u64,
    lines: u64,
    ended: bool,
}

#[derive(Clone, Default)]
struct Pipe(Arc<(Mutex<Heard>, Condvar)>);

impl Pipe {
    fn start(mut from: impl Read + Send + 'static, gate: Option<Receiver<()>>, limit: usize, keep: bool) -> Self {
        let pipe = Self::default();
        let theirs = pipe.clone();
        std::thread::spawn(move || {
            if let Some(gate) = gate {
                // Opened, or the child was dropped.
                let _ = gate.recv();
            }
            let mut buffer = vec![0; 64 * 1024];
            let mut left = limit;
            while left > 0 {
                let most = left.min(buffer.len());
                let Ok(n @ 1..) = from.read(&mut buffer[..most]) else { break };
                left -= n;
                let mut heard = theirs.lock();
                heard.total += n as u64;
                heard.lines += buffer[..n].iter().filter(|b| **b == b'\n').count() as u64;
                if keep {
                    heard.bytes.extend_from_slice(&buffer[..n]);
                }
                drop(heard);
                theirs.0.1.notify_all();
            }
            drop(from);
            theirs.lock().ended = true;
            theirs.0.1.notify_all();
        });
        pipe
    }

    fn lock(&self) -> MutexGuard<'_, Heard> {
        self.0.0.lock().unwrap()
    }

    /// Waits until `enough` or the end; false after the limit.
    fn wait(&self, limit: Duration, enough: impl Fn(&Heard) -> bool) -> bool {
        let stop = |heard: &mut Heard| !(heard.ended || enough(heard));
        !self.0.1.wait_timeout_while(self.lock(), limit, stop).unwrap().1.timed_out()
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.lock().bytes).into_owned()
    }
}

/// A child process.
pub struct Child {
    child: std::process::Child,
    out: Pipe,
    err: Pipe,
    input: Option<Sender<Vec<u8>>>,
    gate: Sender<()>,
}

/// A child that has ended.
#[derive(Debug)]
pub struct Ended {
    status: ExitStatus,
    pub out: String,
    pub err: String,
    /// Lines of standard output, kept or not.
    pub lines: u64,
}

impl Child {
    /// Waits until standard error holds `text`.
    pub fn until_err(&mut self, text: &str) {
        let pipe = self.err.clone();
        self.until(&pipe, text);
    }

    /// What stands behind `text` on its line of standard error, once it is there.
    pub fn said(&mut self, text: &str) -> String {
        self.until_err(text);
        // The line may still be on its way.
        self.err.wait(LIMIT, |heard| {
            let at = memchr::memmem::find(&heard.bytes, text.as_bytes()).unwrap_or(heard.bytes.len());
            heard.bytes[at..].contains(&b'\n')
        });
        let all = self.err.text();
        all.split_once(text).map(|(_, rest)| rest.lines().next().unwrap_or_default().to_owned()).unwrap_or_default()
    }

    /// Waits until standard output holds `text`.
    pub fn until_out(&mut self, text: &str) {
        let pipe = self.out.clone();
        self.until(&pipe, text);
    }

    /// What standard output holds so far.
    #[allow(dead_code, reason = "asked for where there are servers")]
    pub fn heard(&self) -> String {
        self.out.text()
    }

    fn until(&mut self, pipe: &Pipe, text: &str) {
        let found = |heard: &Heard| memchr::memmem::find(&heard.bytes, text.as_bytes()).is_some();
        let in_time = pipe.wait(LIMIT, found);
        if !in_time || !found(&pipe.lock()) {
            self.give_up(&format!("it never said {text:?}"));
        }
    }

    /// Puts bytes into standard input, without waiting until they are taken.
    pub fn feed(&self, bytes: impl Into<Vec<u8>>) {
        let feed = self.input.as_ref().expect("the input is fed");
        // A child that has ended takes no more.
        let _ = feed.send(bytes.into());
    }

    pub fn close_input(&mut self) {
        self.input = None;
    }

    /// Begins to read a gated output.
    pub fn open_gate(&self) {
        self.gate.send(()).unwrap();
    }

    pub fn is_alive(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Sends a signal by its name, such as `INT`.
    pub fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args([&format!("-{name}"), &id]).status().unwrap().success());
    }

    /// The most memory the child has had so far, bytes.
    #[cfg(target_os = "linux")]
    pub fn peak(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:")).expect("the child lives");
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
    }

    /// Processor time so far, in ticks of the system.
    #[cfg(target_os = "linux")]
    fn used(&self) -> u64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
        fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
    }

    /// Looks at the child until it has done next to nothing for a second, or ends.
    #[cfg(target_os = "linux")]
    pub fn until_still(&mut self) {
        let (began, mut quiet) = (Instant::now(), 0);
        // It must have begun: reading a pipeline file takes less than this.
        while self.used() < 5 && self.is_alive() && began.elapsed() < LIMIT {
            self.err.wait(Duration::from_millis(20), |_| false);
        }
        while quiet < 4 && self.is_alive() {
            let before = self.used();
            self.err.wait(Duration::from_millis(250), |_| false);
            quiet = if self.used() <= before + 5 { quiet + 1 } else { 0 };
            if began.elapsed() > LIMIT {
                self.give_up("it never came to rest");
            }
        }
    }

    /// Waits for the end.
    pub fn end(self) -> Ended {
        self.end_within(LIMIT)
    }

    /// Waits for the end, at most `limit`.
    pub fn end_within(mut self, limit: Duration) -> Ended {
        // The pipe of standard error closes when the child ends, and never before.
        if !self.err.wait(limit, |_| false) {
            self.give_up("it did not end");
        }
        let status = self.child.wait().unwrap();
        // Nobody else has the pipe, so what is in it ends.
        let _ = self.gate.send(());
        assert!(self.out.wait(LIMIT, |_| false), "the output of a process that is gone did not end");
        Ended { status, out: self.out.text(), err: self.err.text(), lines: self.out.lock().lines }
    }

    fn give_up(&mut self, why: &str) -> ! {
        let ended = self.child.try_wait();
        let _ = self.child.kill();
        let (out, err) = (self.out.text(), self.err.text());
        let tail: String = out.chars().skip(out.chars().count().saturating_sub(2000)).collect();
        panic!("{why} (status {ended:?})\nstandard error:\n{err}\nstandard output ends with:\n{tail}");
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Ended {
    /// The exit code; -1 after a signal.
    pub fn code(&self) -> i32 {
        self.status.code().unwrap_or(-1)
    }

    /// Fails unless the code is `code` and standard error holds all of `texts`.
    #[track_caller]
    pub fn expect(&self, code: i32, texts: &[&str]) -> &Self {
        assert_eq!(self.code(), code, "{:?}\n{}", self.status, self.err);
        for text in texts {
            assert!(self.err.contains(text), "no {text:?} in:\n{}", self.err);
        }
        assert!(!self.err.contains("panicked"), "{}", self.err);
        self
    }
}

/// Waits for a condition that the file system shows; false after the limit.
pub fn eventually(mut condition: impl FnMut() -> bool) -> bool {
    let began = Instant::now();
    let (_keep, clock) = channel::<()>();
    while !condition() {
        if began.elapsed() > LIMIT {
            return false;
        }
        let _ = clock.recv_timeout(Duration::from_millis(20));
    }
    true
}

/// `n` ports of this machine that nothing listens on, no two alike in this test run. They are below those that the system gives
/// to whoever asks for any: it may give such a one away before the server that it is for has begun to listen.
pub fn ports(n: usize) -> Vec<u16> {
    const FIRST: u32 = 12_000;
    const COUNT: u32 = 20_000;
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let mut ports = Vec::new();
    while ports.len() < n {
        // Another run of tests begins elsewhere.
        let at = NEXT.fetch_add(1, Ordering::Relaxed) + std::process::id().wrapping_mul(617) % COUNT;
        let port = (FIRST + at % COUNT) as u16;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            ports.push(port);
        }
    }
    ports
}
