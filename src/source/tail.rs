//! The files of a partition, turned into the inputs of its reading thread: packed or plain ones, and at the end perhaps
//! one that is followed.
//!
//! A followed file is looked at in steps: what was added is read, and at its end three things can be seen. Its name
//! leads to another file, and that has something in it: it was *rotated*; it is read to its end once more a step later,
//! then the new file from its beginning. While the new file is empty its writer may still hold the old one, as between
//! the two acts of a log rotator. It is shorter than what was read of it: it was *truncated*, and
//! is read from its beginning again. Otherwise there is more to come. Rotations and truncations are counted and logged.
//! A file that is truncated and has grown past its old length within one step cannot be told from one that has grown, and
//! one that is rotated again within a step is not seen.

use super::stream::{Input, Inputs, ROOM, Stop, StreamPartition};
use super::{Compression, Found, Lines, find::cannot_open};
use crate::error::Error;
use std::fs::File;
use std::io::{Read, Seek};
use std::os::unix::fs::MetadataExt;
use std::time::Duration;

/// From one look at a followed file to the next.
const STEP: Duration = Duration::from_millis(100);

/// Files that are read in order by a thread.
#[derive(Debug, Clone)]
pub struct InOrder {
    /// Each with how it is compressed.
    pub files: Vec<(Found, Compression)>,
    /// The last one is followed.
    pub follow: bool,
}

impl InOrder {
    /// The files; one that is followed without its length.
    fn found(&self) -> Vec<Found> {
        let mut found: Vec<Found> = self.files.iter().map(|(found, _)| found.clone()).collect();
        if let Some(last) = found.last_mut().filter(|_| self.follow) {
            last.length = 0;
        }
        found
    }
}

impl StreamPartition {
    /// Starts the thread that reads `ordered`.
    pub fn files(name: &str, ordered: InOrder, lines: Lines) -> Self {
        let found = ordered.found();
        let InOrder { files, follow } = ordered;
        let mut left = files.into_iter().peekable();
        // The path that is followed, once all before it are read.
        let mut followed: Option<String> = None;
        let inputs: Inputs = Box::new(move |stop| {
            if let Some(path) = &followed {
                return tail(path, stop);
            }
            let (Found { path, .. }, compression) = left.next()?;
            if follow && left.peek().is_none() {
                followed = Some(path.clone());
                return tail(&path, stop);
            }
            Some(match File::open(&path) {
                Ok(file) => Ok(Input { reader: compression.unpack(file), name: path, live: false, room: ROOM }),
                Err(e) => Err(cannot_open(&path, &e)),
            })
        });
        Self::of(name, found, inputs, lines)
    }

    /// The partition where another process reads it: nothing here.
    pub fn elsewhere(name: &str, ordered: &InOrder) -> Self {
        Self::nothing(name, ordered.found())
    }
}

/// Opens the file that now has the name, waiting until there is one; `None` where the run was stopped.
fn tail(path: &str, stop: &Stop) -> Option<Result<Input, Error>> {
    loop {
        match File::open(path).and_then(|file| Ok((file.metadata()?, file))) {
            Ok((meta, file)) => {
                let tail = Tail {
                    path: path.to_owned(),
                    file,
                    id: (meta.dev(), meta.ino()),
                    read: 0,
                    rotated: false,
                    stop: stop.clone(),
                };
                return Some(Ok(Input { name: path.to_owned(), reader: Box::new(tail), live: true, room: ROOM }));
            }
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Some(Err(cannot_open(path, &e))),
            // Between the two steps of a rotation.
            Err(_) if stop.wait(STEP) => return None,
            Err(_) => {}
        }
    }
}

/// A followed file, up to its rotation or truncation.
struct Tail {
    path: String,
    file: File,
    /// Device and number of the file.
    id: (u64, u64),
    read: u64,
    /// Another file has the name now, and is written to; seen one step ago.
    rotated: bool,
    stop: Stop,
}

impl Read for Tail {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        loop {
            let n = self.file.read(out)?;
            self.read += n as u64;
            if n > 0 {
                return Ok(n);
            }
            if self.rotated {
                self.stop.restarted();
                tracing::info!(file = self.path, bytes = self.read, "the file was rotated; going on with the new one");
                return Ok(0);
            }
            if self.file.metadata()?.len() < self.file.stream_position()? {
                self.stop.restarted();
                tracing::warn!(
                    file = self.path,
                    bytes = self.read,
                    "the file was truncated; reading it from its beginning"
                );
                return Ok(0);
            }
            if self.stop.wait(STEP) {
                return Err(std::io::Error::other("stopped"));
            }
            // One that is gone for the moment will be back under its name.
            self.rotated =
                std::fs::metadata(&self.path).is_ok_and(|meta| meta.len() > 0 && (meta.dev(), meta.ino()) != self.id);
        }
    }
}
