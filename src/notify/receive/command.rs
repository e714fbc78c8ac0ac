//! A message into a program that is run: arguments by template, the document on its standard input.
//!
//! No shell has a part in it: an argument is what its template gives, whatever stands in that. A program that takes longer than
//! it may is killed; what it started itself is not. What it says on standard error is the reason where it fails.

use super::{Failure, Receiver, short};
use crate::notify::message::Notification;
use crate::notify::setup::Action;
use std::io::{ErrorKind, Read, Write};
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

/// How much of standard error is kept, in bytes.
const KEPT: u64 = 4096;
/// How often it is looked whether the program has ended, at first and at most.
const LOOKS: [Duration; 2] = [Duration::from_millis(1), Duration::from_millis(50)];
/// How long the end of its standard error is waited for.
const LAST_WORDS: Duration = Duration::from_millis(200);

/// A program.
pub(super) struct Command {
    program: String,
    action: Arc<Action>,
    url: String,
}

impl Command {
    pub(super) fn new(program: &str, action: &Arc<Action>, url: &str) -> Self {
        Self { program: program.to_owned(), action: Arc::clone(action), url: url.to_owned() }
    }

    fn start(&self, message: &Notification) -> Result<Child, Failure> {
        let args = self.action.args.iter().map(|arg| arg.render(&|name| message.find(name)).replace('\0', ""));
        std::process::Command::new(&self.program)
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| {
                let reason = format!("{} cannot be run: {error}", self.program);
                match error.kind() {
                    ErrorKind::NotFound | ErrorKind::PermissionDenied => Failure::refused(reason),
                    _ => Failure::again(reason),
                }
            })
    }
}

/// Runs `work` on a thread of its own: a program that does not read, or leaves its pipes to others, holds up nobody.
fn aside(work: impl FnOnce() + Send + 'static) {
    // Without a thread the program goes without input, and fails by itself.
    let _ = std::thread::Builder::new().name("alert command".to_owned()).spawn(work);
}

/// Waits for the end of a program; kills it when its time is over.
fn wait(child: &mut Child, timeout: Duration) -> Result<std::process::ExitStatus, String> {
    let end = Instant::now() + timeout;
    let mut pause = LOOKS[0];
    loop {
        match child.try_wait() {
            Ok(Some(status)) => return Ok(status),
            Ok(None) if Instant::now() < end => {
                std::thread::park_timeout(pause.min(end.saturating_duration_since(Instant::now())));
                pause = (pause * 2).min(LOOKS[1]);
            }
            Ok(None) => {
                let _ = child.kill();
                let _ = child.wait();
                return Err(format!("it took longer than {timeout:?} and was ended"));
            }
            Err(error) => return Err(format!("it cannot be waited for: {error}")),
        }
    }
}

impl Receiver for Command {
    fn send(&mut self, message: &Notification, timeout: Duration) -> Result<(), Failure> {
        let mut child = self.start(message)?;
        let document = message.document(&self.url).to_string();
        if let Some(mut input) = child.stdin.take() {
            aside(move || {
                // One that does not want it may close it.
                let _ = input.write_all(document.as_bytes());
            });
        }
        let (say, said) = channel();
        if let Some(output) = child.stderr.take() {
            aside(move || {
                let mut text = Vec::new();
                let mut output = output;
                let _ = output.by_ref().take(KEPT).read_to_end(&mut text);
                let _ = say.send(String::from_utf8_lossy(&text).into_owned());
                let _ = std::io::copy(&mut output, &mut std::io::sink());
            });
        }
        let reason = match wait(&mut child, timeout) {
            Ok(status) if status.success() => return Ok(()),
            Ok(status) => status.to_string(),
            Err(reason) => reason,
        };
        let words = said.recv_timeout(LAST_WORDS).map(|text| short(&text)).unwrap_or_default();
        Err(Failure::again(if words.is_empty() { reason } else { format!("{reason}: {words}") }))
    }
}
