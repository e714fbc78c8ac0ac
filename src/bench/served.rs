//! A run that serves, as a program of its own: started, asked, sent its events, and ended.

use super::send::{Load, Sent, ask, connect, pause, send};
use crate::error::Error;
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

/// How long the program may take to begin, and to read what it has accepted.
const PATIENCE: Duration = Duration::from_secs(120);

const SOURCE: &str = "/v1/ingest/events";

/// What went wrong while a run was asked.
pub(super) fn failed(what: &str) -> impl Fn(std::io::Error) -> Error + '_ {
    move |e| Error::outside("bench.run", format!("{what}: {e}"))
}

/// A program that is served.
pub(super) struct Served {
    child: Child,
    /// Where it listens.
    pub(super) address: String,
    output: PathBuf,
}

impl Drop for Served {
    fn drop(&mut self) {
        // Nobody looks at its rows.
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = std::fs::remove_file(&self.output);
        let _ = std::fs::remove_file(self.output.with_extension("ndjson.part"));
    }
}

impl Served {
    /// Starts it with a pipeline, files in `folder`, and waits until it reads.
    pub(super) fn start(program: &Path, folder: &Path, pipeline: &str, workers: usize) -> Result<Self, Error> {
        let (file, output) = (folder.join("served.toml"), folder.join("served-rows.ndjson"));
        std::fs::write(&file, pipeline)
            .map_err(|e| Error::outside("bench.write", format!("cannot write {}: {e}", file.display())))?;
        let mut child = Command::new(program)
            .args(["run", "--quiet", "--serve", "127.0.0.1:0", "--workers", &workers.to_string()])
            .arg(&file)
            .env("BENCH_OUTPUT", &output)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|e| Error::outside("bench.start", format!("a run cannot be started: {e}")))?;
        let (say, said) = channel();
        if let Some(stderr) = child.stderr.take() {
            std::thread::spawn(move || {
                // Read to its end, so that the program never waits for us.
                for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                    let _ = say.send(line);
                }
            });
        }
        let mut served = Self { child, address: String::new(), output };
        let mut heard = String::new();
        while served.address.is_empty() {
            let Ok(line) = said.recv_timeout(PATIENCE) else {
                return Err(Error::outside("bench.run", format!("a run did not begin: {}", heard.trim())));
            };
            if let Some((_, address)) = line.split_once("serving on http://") {
                served.address = address.trim_end_matches('/').to_owned();
            }
            heard = line;
        }
        served.until("/readyz", |status, _| status == 200)?;
        Ok(served)
    }

    /// Asks until the answer is as it should be.
    pub(super) fn until(&self, path: &str, mut right: impl FnMut(u16, &Value) -> bool) -> Result<(), Error> {
        let began = Instant::now();
        let mut stream = connect(&self.address).map_err(failed("the program does not answer"))?;
        let head = format!("GET {path} HTTP/1.1\r\nHost: {}\r\n\r\n", self.address);
        while began.elapsed() < PATIENCE {
            let (status, body) = ask(&mut stream, &head, b"").map_err(failed("the program does not answer"))?;
            if right(status, &serde_json::from_slice(&body).unwrap_or(Value::Null)) {
                return Ok(());
            }
            pause(Duration::from_millis(1));
        }
        Err(Error::outside("bench.run", format!("{path} never said what was waited for")))
    }

    /// Waits until all that was sent is read.
    pub(super) fn until_read(&self, events: u64) -> Result<(), Error> {
        let is = |metric: &Value| metric["value"].as_f64() == Some(events as f64);
        self.until("/v1/metrics?prefix=source_events", |_, answer| is(&answer["metrics"][0]))
    }

    /// Sends events, and waits until they are accepted.
    pub(super) fn send(&self, load: Load, began: Instant) -> Result<Sent, Error> {
        send(&self.address, SOURCE, load, began).map_err(failed("events cannot be sent"))
    }
}
