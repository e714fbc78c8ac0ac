//! Standard input (or any reader), turned into numbered blocks of whole lines.
//!
//! A thread reads, cuts at the last line end it has, and puts the block into a bounded queue, so that a slow pipeline
//! stops the reading and, through the pipe, the writer. What has arrived is handed on at once: a live stream is not
//! held back until a block is full.

use super::{BLOCK_BYTES, Block, Next, Partition};
use crate::error::Error;
use std::collections::VecDeque;
use std::io::Read;
use std::sync::{Arc, Condvar, Mutex, MutexGuard};

/// Blocks that wait between the reading thread and the workers, at most.
const QUEUE: usize = 8;

struct Ready {
    index: u64,
    bytes: Vec<u8>,
    position: u64,
    oversized: Vec<(u64, u64)>,
}

#[derive(Default)]
struct State {
    ready: VecDeque<Ready>,
    spare: Vec<Vec<u8>>,
    produced: u64,
    claimed: u64,
    ended: bool,
    stopped: bool,
    failed: Option<Error>,
    wake: Vec<Box<dyn Fn() + Send + Sync>>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    room: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// A reader as a partition; belongs to one process.
pub struct StdinPartition {
    name: String,
    shared: Arc<Shared>,
}

impl StdinPartition {
    /// Starts the thread that reads `reader` to its end. `max_line`: bytes of the longest line that is kept.
    pub fn start(name: &str, reader: impl Read + Send + 'static, max_line: u64) -> Self {
        let shared = Arc::new(Shared::default());
        let theirs = Arc::clone(&shared);
        let started = std::thread::Builder::new()
            .name(format!("source:{name}"))
            .spawn(move || Reading { shared: theirs, max_line, position: 0 }.run(reader));
        if let Err(e) = started {
            let mut state = shared.lock();
            state.ended = true;
            state.failed = Some(Error::outside("source.thread", format!("cannot start a thread: {e}")));
        }
        Self { name: name.to_owned(), shared }
    }
}

struct Reading {
    shared: Arc<Shared>,
    max_line: u64,
    position: u64,
}

impl Reading {
    fn run(mut self, mut reader: impl Read) {
        // Bytes behind the last line end: the beginning of the next block.
        let mut rest: Vec<u8> = Vec::new();
        // Bytes already thrown away of a line that is too long.
        let mut skipped: Option<(u64, u64)> = None;
        let mut oversized = Vec::new();
        loop {
            let mut bytes = self.shared.lock().spare.pop().unwrap_or_default();
            bytes.clear();
            bytes.append(&mut rest);
            let old = bytes.len();
            bytes.resize(old + BLOCK_BYTES as usize, 0);
            let read = loop {
                match reader.read(&mut bytes[old..]) {
                    Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
                    other => break other,
                }
            };
            let n = match read {
                Ok(n) => n,
                Err(e) => {
                    let error = Error::outside("source.read", format!("cannot read standard input: {e}"));
                    return self.end(Some(error));
                }
            };
            bytes.truncate(old + n);
            if let Some((at, length)) = skipped {
                // Inside a line that is too long: throw away up to its end.
                let stop = memchr::memchr(b'\n', &bytes);
                let gone = stop.map_or(bytes.len(), |i| i + 1);
                let more = stop.unwrap_or(bytes.len()) as u64;
                bytes.drain(..gone);
                self.position += gone as u64;
                if stop.is_some() || n == 0 {
                    oversized.push((at, length + more));
                    skipped = None;
                } else {
                    skipped = Some((at, length + more));
                    rest = bytes;
                    continue;
                }
            }
            let whole = if n == 0 { bytes.len() } else { memchr::memrchr(b'\n', &bytes).map_or(0, |i| i + 1) };
            rest.extend_from_slice(&bytes[whole..]);
            bytes.truncate(whole);
            self.blank_long_lines(&mut bytes, &mut oversized);
            let position = self.position;
            self.position += whole as u64;
            if n > 0 && rest.len() as u64 > self.max_line {
                skipped = Some((self.position, rest.len() as u64));
                self.position += rest.len() as u64;
                rest.clear();
            }
            if !bytes.is_empty() || !oversized.is_empty() {
                let oversized = std::mem::take(&mut oversized);
                if !self.put(Ready { index: 0, bytes, position, oversized }) {
                    return;
                }
            }
            if n == 0 {
                return self.end(None);
            }
        }
    }

    fn blank_long_lines(&self, bytes: &mut [u8], oversized: &mut Vec<(u64, u64)>) {
        if self.max_line >= bytes.len() as u64 {
            return;
        }
        let mut at = 0;
        while at < bytes.len() {
            let stop = memchr::memchr(b'\n', &bytes[at..]).map_or(bytes.len(), |i| at + i + 1);
            let length = stop - at - usize::from(bytes[stop - 1] == b'\n');
            if length as u64 > self.max_line {
                oversized.push((self.position + at as u64, length as u64));
                bytes[at..stop].fill(b' ');
                bytes[stop - 1] = b'\n';
            }
            at = stop;
        }
    }

    /// Waits for room in the queue. False where the run was stopped.
    fn put(&self, mut ready: Ready) -> bool {
        let mut state = self.shared.lock();
        while state.ready.len() >= QUEUE && !state.stopped {
            state = self.shared.room.wait(state).unwrap_or_else(std::sync::PoisonError::into_inner);
        }
        if state.stopped {
            return false;
        }
        ready.index = state.produced;
        state.produced += 1;
        state.ready.push_back(ready);
        state.wake.iter().for_each(|wake| wake());
        true
    }

    fn end(&self, failed: Option<Error>) {
        let mut state = self.shared.lock();
        state.ended = true;
        state.failed = failed;
        state.wake.iter().for_each(|wake| wake());
    }
}

impl Partition for StdinPartition {
    fn next(&self, buffer: &mut Vec<u8>) -> Result<Next, Error> {
        let mut state = self.shared.lock();
        if state.stopped {
            return Ok(Next::End);
        }
        if let Some(mut ready) = state.ready.pop_front() {
            state.claimed = ready.index + 1;
            std::mem::swap(buffer, &mut ready.bytes);
            if state.spare.len() < QUEUE {
                state.spare.push(ready.bytes);
            }
            self.shared.room.notify_one();
            let range = 0..buffer.len();
            return Ok(Next::Block(Block {
                index: ready.index,
                range,
                position: ready.position,
                oversized: ready.oversized,
            }));
        }
        if let Some(e) = state.failed.take() {
            return Err(e);
        }
        Ok(if state.ended { Next::End } else { Next::Wait(None) })
    }

    fn stop(&self) -> u64 {
        let mut state = self.shared.lock();
        state.stopped = true;
        self.shared.room.notify_one();
        state.claimed
    }

    fn name(&self) -> &str {
        &self.name
    }

    fn is_shared(&self) -> bool {
        false
    }

    fn on_ready(&self, wake: Box<dyn Fn() + Send + Sync>) {
        let mut state = self.shared.lock();
        wake();
        state.wake.push(wake);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    /// Gives its bytes in pieces of the sizes given, in turn.
    struct Pieces(Vec<u8>, usize, Vec<usize>, usize);

    impl Read for Pieces {
        fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
            let n = self.2[self.3 % self.2.len()].min(self.0.len() - self.1).min(out.len());
            self.3 += 1;
            out[..n].copy_from_slice(&self.0[self.1..self.1 + n]);
            self.1 += n;
            Ok(n)
        }
    }

    fn all(p: &StdinPartition) -> (Vec<String>, Vec<(u64, u64)>) {
        let (wake, woken) = mpsc::channel();
        p.on_ready(Box::new(move || {
            let _ = wake.send(());
        }));
        let (mut lines, mut long, mut buffer, mut index) = (Vec::new(), Vec::new(), Vec::new(), 0);
        loop {
            match p.next(&mut buffer).unwrap() {
                Next::Block(b) => {
                    assert_eq!(b.index, index);
                    index += 1;
                    let text = String::from_utf8(buffer[b.range].to_vec()).unwrap();
                    lines.extend(text.lines().filter(|l| !l.trim().is_empty()).map(str::to_owned));
                    long.extend(b.oversized);
                }
                Next::Wait(_) => woken.recv().unwrap(),
                Next::End => return (lines, long),
            }
        }
    }

    #[test]
    fn lines_arrive_whole_however_they_are_cut() {
        let text = "one\ntwo\n\nthree\nno end";
        for sizes in [vec![1], vec![2, 3], vec![100], vec![4, 1, 9]] {
            let p = StdinPartition::start("stdin", Pieces(text.into(), 0, sizes.clone(), 0), 100);
            assert_eq!(all(&p).0, ["one", "two", "three", "no end"], "{sizes:?}");
        }
    }

    #[test]
    fn long_lines_are_named_and_left_out_however_they_are_cut() {
        let text = format!("a\n{}\nb\n{}\nc\n{}", "x".repeat(30), "y".repeat(11), "z".repeat(40));
        for sizes in [vec![1], vec![7], vec![13, 2], vec![1000]] {
            let p = StdinPartition::start("stdin", Pieces(text.clone().into(), 0, sizes.clone(), 0), 10);
            let (lines, long) = all(&p);
            assert_eq!(lines, ["a", "b", "c"], "{sizes:?}");
            assert_eq!(long, [(2, 30), (35, 11), (49, 40)], "{sizes:?}");
        }
    }
}
