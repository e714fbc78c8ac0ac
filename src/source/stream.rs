//! Readers that are read in order (standard input, compressed and followed files), turned into numbered blocks of whole
//! lines.
//!
//! A thread reads, cuts at the last line end it has, and puts the block into a bounded queue, so that a slow pipeline
//! stops the reading and, through the pipe, the writer. What has arrived live is handed on at once: a live stream is not
//! held back until a block is full. Buffers come back from the workers and are used again.
//!
//! Errors: `source.read`, `source.damaged`, `source.header`, each with the input's name and the place. A reader that
//! fails is never taken for one that has ended.

use super::{Block, Found, Lines, MARK, Next, Partition, head_too_long};
use crate::error::Error;
use std::collections::VecDeque;
use std::io::Read;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Blocks that wait between the reading thread and the workers, at most.
const QUEUE: usize = 8;

/// One input of a partition.
pub(super) struct Input {
    /// What users call it.
    pub(super) name: String,
    /// Its bytes.
    pub(super) reader: Box<dyn Read + Send>,
    /// What is read is handed on at once; otherwise when a block is full.
    pub(super) live: bool,
    /// How many bytes it is asked for next: what is asked for must be cleared before, so a live input that has little is
    /// asked for little.
    pub(super) room: usize,
}

/// What an input is asked for at first.
pub(super) const ROOM: usize = 4 << 10;

/// The inputs of a partition, one after the other; each is opened when the one before it has ended.
pub(super) type Inputs = Box<dyn FnMut(&Stop) -> Option<Result<Input, Error>> + Send>;

struct Ready {
    index: u64,
    bytes: Vec<u8>,
    start: usize,
    position: u64,
    oversized: Vec<(u64, u64)>,
    head: Option<Arc<[u8]>>,
    /// When it was read.
    arrived: Instant,
}

#[derive(Default)]
struct State {
    ready: VecDeque<Ready>,
    /// Bytes of the blocks that are ready.
    waiting: u64,
    spare: Vec<Vec<u8>>,
    produced: u64,
    claimed: u64,
    ended: bool,
    stopped: bool,
    /// Since when there is nothing though somebody asked.
    silent: Option<Instant>,
    failed: Option<Error>,
    wake: Vec<Box<dyn Fn() + Send + Sync>>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    room: Condvar,
    restarts: AtomicU64,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tells a reader that nobody will read on.
#[derive(Clone)]
pub(super) struct Stop(Arc<Shared>);

impl Stop {
    /// Waits for `time`, or until the partition is stopped; true where it is.
    pub(super) fn wait(&self, time: Duration) -> bool {
        let state = self.0.room.wait_timeout_while(self.0.lock(), time, |state| !state.stopped);
        state.unwrap_or_else(PoisonError::into_inner).0.stopped
    }

    /// Counts a file that was rotated or truncated.
    pub(super) fn restarted(&self) {
        self.0.restarts.fetch_add(1, Ordering::Relaxed);
    }
}

/// Readers as a partition; belongs to one process.
pub struct StreamPartition {
    name: String,
    files: Vec<Found>,
    shared: Arc<Shared>,
}

impl StreamPartition {
    /// Starts the thread that reads `reader`, which may be live, to its end.
    pub fn start(name: &str, reader: impl Read + Send + 'static, lines: Lines) -> Self {
        let mut input = Some(Input { name: name.to_owned(), reader: Box::new(reader), live: true, room: ROOM });
        Self::of(name, Vec::new(), Box::new(move |_| input.take().map(Ok)), lines)
    }

    /// A partition that another process reads: nothing here.
    pub(super) fn nothing(name: &str, files: Vec<Found>) -> Self {
        let shared = Arc::new(Shared::default());
        shared.lock().ended = true;
        Self { name: name.to_owned(), files, shared }
    }

    /// Starts the thread that reads `inputs`.
    pub(super) fn of(name: &str, files: Vec<Found>, inputs: Inputs, lines: Lines) -> Self {
        let shared = Arc::new(Shared::default());
        let theirs = Arc::clone(&shared);
        let started = std::thread::Builder::new()
            .name(format!("source:{name}"))
            .spawn(move || Reading { shared: theirs, lines, position: 0, file: 0, head: None }.run(inputs));
        if let Err(e) = started {
            let mut state = shared.lock();
            state.ended = true;
            state.failed = Some(Error::outside("source.thread", format!("cannot start a thread: {e}")));
        }
        Self { name: name.to_owned(), files, shared }
    }
}

impl Drop for StreamPartition {
    /// Nobody will read on: the thread ends, and lets go of what it reads.
    fn drop(&mut self) {
        self.stop();
    }
}

struct Reading {
    shared: Arc<Shared>,
    lines: Lines,
    /// Bytes of the partition that were handed on.
    position: u64,
    /// Where the input began.
    file: u64,
    /// The header of the input.
    head: Option<Arc<[u8]>>,
}

/// Why reading ends before its inputs do.
enum Halt {
    Stopped,
    Failed(Error),
}

impl Reading {
    fn run(mut self, mut inputs: Inputs) {
        let stop = Stop(Arc::clone(&self.shared));
        let failed = loop {
            match inputs(&stop) {
                None => break None,
                Some(Err(error)) => break Some(error),
                Some(Ok(input)) => match self.read(input) {
                    Ok(()) => {}
                    Err(Halt::Failed(error)) => break Some(error),
                    Err(Halt::Stopped) => return,
                },
            }
        };
        let mut state = self.shared.lock();
        state.ended = true;
        state.failed = failed;
        state.wake.iter().for_each(|wake| wake());
    }

    /// Reads one input to its end.
    fn read(&mut self, mut input: Input) -> Result<(), Halt> {
        (self.file, self.head) = (self.position, None);
        // Nothing of the input has been handed on.
        let mut fresh = true;
        // Bytes behind the last line end: the beginning of the next block.
        let mut rest: Vec<u8> = Vec::new();
        // Bytes already thrown away of a line that is too long.
        let mut skipped: Option<(u64, u64)> = None;
        let mut oversized = Vec::new();
        loop {
            let mut bytes = self.shared.lock().spare.pop().unwrap_or_default();
            bytes.clear();
            bytes.append(&mut rest);
            let n = self.fill(&mut input, &mut bytes).map_err(Halt::Failed)?;
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
            let mut start = 0;
            if fresh && !bytes.is_empty() {
                start = self.begin(&bytes, &input.name).map_err(Halt::Failed)?;
                fresh = false;
            }
            self.blank_long_lines(&mut bytes, start, &mut oversized);
            let position = self.position + start as u64;
            self.position += whole as u64;
            if n > 0 && rest.len() as u64 > self.lines.max_line {
                if fresh && self.lines.header {
                    return Err(Halt::Failed(head_too_long(&input.name)));
                }
                fresh = false;
                skipped = Some((self.position, rest.len() as u64));
                self.position += rest.len() as u64;
                rest.clear();
            }
            if bytes.len() > start || !oversized.is_empty() {
                let oversized = std::mem::take(&mut oversized);
                let (head, arrived) = (self.head.clone(), Instant::now());
                self.put(Ready { index: 0, bytes, start, position, oversized, head, arrived })?;
            } else {
                self.shared.lock().spare.push(bytes);
            }
            if n == 0 {
                return Ok(());
            }
        }
    }

    /// Reads behind what is in `bytes`: once where the input is live, otherwise a block; 0 at the end of the input.
    fn fill(&self, input: &mut Input, bytes: &mut Vec<u8>) -> Result<usize, Error> {
        let old = bytes.len();
        let mut end = old;
        let block = self.lines.block as usize;
        bytes.resize(old + if input.live { input.room.min(block) } else { block }, 0);
        while end < bytes.len() {
            match input.reader.read(&mut bytes[end..]) {
                Ok(0) => break,
                Ok(n) => end += n,
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(e) => return Err(self.failed(input, end, &e)),
            }
            if input.live {
                input.room = (2 * (end - old)).clamp(ROOM, block.max(ROOM));
                break;
            }
        }
        bytes.truncate(end);
        Ok(end - old)
    }

    fn failed(&self, input: &Input, read: usize, e: &std::io::Error) -> Error {
        let place = format!("{} after byte {}", input.name, self.position - self.file + read as u64);
        if input.live {
            return Error::outside("source.read", format!("cannot read {}: {e}", input.name)).at(place);
        }
        match e.kind() {
            std::io::ErrorKind::UnexpectedEof => {
                Error::user("source.damaged", "the file ends before its compressed data does")
                    .at(format!("{place}, decompressed"))
                    .help("the file is cut short: copy or write it again, or leave it out")
            }
            std::io::ErrorKind::InvalidData | std::io::ErrorKind::InvalidInput | std::io::ErrorKind::Other => {
                Error::user("source.damaged", format!("the compressed data is damaged: {e}"))
                    .at(format!("{place}, decompressed"))
                    .help("copy or write the file again, leave it out, or set compression = \"none\" where it is plain")
            }
            _ => Error::outside("source.read", format!("cannot read: {e}"))
                .at(place)
                .help("check the disk and run again"),
        }
    }

    /// Takes the byte order mark and the header from the beginning of an input; gives how many bytes they are.
    fn begin(&mut self, bytes: &[u8], name: &str) -> Result<usize, Error> {
        let mark = if bytes.starts_with(&MARK) { MARK.len() } else { 0 };
        if !self.lines.header {
            return Ok(mark);
        }
        let end = memchr::memchr(b'\n', &bytes[mark..]).map_or(bytes.len(), |i| mark + i);
        if (end - mark) as u64 > self.lines.max_line {
            return Err(head_too_long(name));
        }
        self.head = Some(bytes[mark..end].into());
        Ok((end + 1).min(bytes.len()))
    }

    fn blank_long_lines(&self, bytes: &mut [u8], start: usize, oversized: &mut Vec<(u64, u64)>) {
        if self.lines.max_line >= bytes.len() as u64 {
            return;
        }
        let mut at = start;
        while at < bytes.len() {
            let stop = memchr::memchr(b'\n', &bytes[at..]).map_or(bytes.len(), |i| at + i + 1);
            let length = stop - at - usize::from(bytes[stop - 1] == b'\n');
            if length as u64 > self.lines.max_line {
                oversized.push((self.position + at as u64, length as u64));
                bytes[at..stop].fill(b' ');
                bytes[stop - 1] = b'\n';
            }
            at = stop;
        }
    }

    /// Waits for room in the queue.
    fn put(&self, mut ready: Ready) -> Result<(), Halt> {
        let mut state = self.shared.lock();
        while state.ready.len() >= QUEUE && !state.stopped {
            state = self.shared.room.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        if state.stopped {
            return Err(Halt::Stopped);
        }
        ready.index = state.produced;
        state.produced += 1;
        state.silent = None;
        state.waiting += ready.bytes.len() as u64;
        state.ready.push_back(ready);
        state.wake.iter().for_each(|wake| wake());
        Ok(())
    }
}

impl Partition for StreamPartition {
    fn next(&self, buffer: &mut Vec<u8>) -> Result<Next, Error> {
        let mut state = self.shared.lock();
        if state.stopped {
            return Ok(Next::End);
        }
        if let Some(mut ready) = state.ready.pop_front() {
            state.claimed = ready.index + 1;
            state.waiting -= ready.bytes.len() as u64;
            std::mem::swap(buffer, &mut ready.bytes);
            if state.spare.len() < QUEUE {
                state.spare.push(ready.bytes);
            }
            self.shared.room.notify_one();
            let Ready { index, start, position, oversized, head, arrived, .. } = ready;
            let (range, arrived) = (start..buffer.len(), Some(arrived));
            return Ok(Next::Block(Block { index, range, position, oversized, head, arrived }));
        }
        if let Some(e) = state.failed.take() {
            return Err(e);
        }
        if state.ended {
            return Ok(Next::End);
        }
        state.silent.get_or_insert_with(Instant::now);
        Ok(Next::Wait(None))
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

    fn inputs(&self) -> Vec<Found> {
        self.files.clone()
    }

    fn is_shared(&self) -> bool {
        false
    }

    fn restarts(&self) -> u64 {
        self.shared.restarts.load(Ordering::Relaxed)
    }

    fn waiting(&self) -> u64 {
        self.shared.lock().waiting
    }

    fn silent_for(&self) -> Option<Duration> {
        self.shared.lock().silent.map(|since| since.elapsed())
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

    fn all(p: &StreamPartition) -> (Vec<String>, Vec<(u64, u64)>) {
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
            let p = StreamPartition::start("stdin", Pieces(text.into(), 0, sizes.clone(), 0), Lines::new(100));
            assert_eq!(all(&p).0, ["one", "two", "three", "no end"], "{sizes:?}");
        }
    }

    #[test]
    fn long_lines_are_named_and_left_out_however_they_are_cut() {
        let text = format!("a\n{}\nb\n{}\nc\n{}", "x".repeat(30), "y".repeat(11), "z".repeat(40));
        for sizes in [vec![1], vec![7], vec![13, 2], vec![1000]] {
            let p = StreamPartition::start("stdin", Pieces(text.clone().into(), 0, sizes.clone(), 0), Lines::new(10));
            let (lines, long) = all(&p);
            assert_eq!(lines, ["a", "b", "c"], "{sizes:?}");
            assert_eq!(long, [(2, 30), (35, 11), (49, 40)], "{sizes:?}");
        }
    }
}
