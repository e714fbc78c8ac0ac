//! Events that a program sends, turned into bytes of lines, with back-pressure.
//!
//! Invariants: (1) at most [`ROOM`] bytes wait, or one event that is larger; a sender waits for room; (2) the reader sees
//! the lines in the order in which they were sent, and the end when the last sender is gone; (3) no code of others runs
//! under the lock.

use super::items::line_of;
use serde::Serialize;
use std::collections::VecDeque;
use std::io::{Read, Result};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// How many bytes of events may wait to be read.
const ROOM: usize = 1 << 20;

#[derive(Default)]
struct State {
    bytes: VecDeque<u8>,
    senders: usize,
    /// Nobody reads any more.
    closed: bool,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The run that would read an event has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the run has ended: nobody reads the channel any more")]
pub struct Closed;

/// Sends events to a running pipeline, from any thread; clones send to the same source, which ends when the last one is
/// dropped. Where the pipeline does not keep up, sending waits.
///
/// What several threads send to one source comes in whatever order the threads run, and an event is late by the order in
/// which events come: where runs must be alike, give each thread a source of its own.
pub struct Sender(Arc<Shared>);

/// The end that a source reads.
pub(super) struct Receiver(Arc<Shared>);

pub(super) fn channel() -> (Sender, Receiver) {
    let shared = Arc::new(Shared::default());
    shared.lock().senders = 1;
    (Sender(Arc::clone(&shared)), Receiver(shared))
}

impl Sender {
    /// Sends an event as text, such as a JSON object; waits while there is no room.
    ///
    /// # Errors
    /// Where the run has ended.
    pub fn send(&self, event: &str) -> std::result::Result<(), Closed> {
        self.put(event.as_bytes().to_vec())
    }

    /// Sends an event that `serde` can write; as [`Sender::send`].
    ///
    /// # Errors
    /// Where the run has ended ([`Closed`] is inside of the error), or the event cannot be written as JSON.
    pub fn send_event(&self, event: &impl Serialize) -> Result<()> {
        self.put(serde_json::to_vec(event)?).map_err(std::io::Error::other)
    }

    fn put(&self, event: Vec<u8>) -> std::result::Result<(), Closed> {
        let line = line_of(event);
        let full =
            |state: &mut State| !state.closed && !state.bytes.is_empty() && state.bytes.len() + line.len() > ROOM;
        let state = self.0.changed.wait_while(self.0.lock(), full);
        let mut state = state.unwrap_or_else(PoisonError::into_inner);
        if state.closed {
            return Err(Closed);
        }
        state.bytes.extend(&line);
        self.0.changed.notify_all();
        Ok(())
    }
}

impl Clone for Sender {
    fn clone(&self) -> Self {
        self.0.lock().senders += 1;
        Self(Arc::clone(&self.0))
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        self.0.lock().senders -= 1;
        self.0.changed.notify_all();
    }
}

impl Read for Receiver {
    fn read(&mut self, out: &mut [u8]) -> Result<usize> {
        let empty = |state: &mut State| state.bytes.is_empty() && state.senders > 0;
        let state = self.0.changed.wait_while(self.0.lock(), empty);
        let mut state = state.unwrap_or_else(PoisonError::into_inner);
        let n = state.bytes.read(out)?;
        self.0.changed.notify_all();
        Ok(n)
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        (state.closed, state.bytes) = (true, VecDeque::new());
        self.0.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(receiver: &mut Receiver) -> String {
        let mut text = String::new();
        receiver.read_to_string(&mut text).unwrap();
        text
    }

    #[test]
    fn lines_come_in_order_and_end_with_the_last_sender() {
        let (sender, mut receiver) = channel();
        let other = sender.clone();
        sender.send("{\"a\":\n1}").unwrap();
        drop(sender);
        other.send_event(&serde_json::json!({"b": 2})).unwrap();
        drop(other);
        assert_eq!(read(&mut receiver), "{\"a\": 1}\n{\"b\":2}\n");
    }

    #[test]
    fn a_sender_waits_for_room_and_hears_of_the_end() {
        let (sender, mut receiver) = channel();
        let event = "x".repeat(ROOM / 4);
        let sending = std::thread::spawn(move || {
            let sent = (0..).take_while(|_| sender.send(&event).is_ok()).count();
            (sent, sender.send("y"))
        });
        let mut buffer = vec![0; 1000];
        let mut most = 0;
        for _ in 0..3000 {
            let n = receiver.read(&mut buffer).unwrap();
            assert!(n > 0);
            most = most.max(receiver.0.lock().bytes.len());
        }
        assert!(most <= ROOM, "{most}");
        drop(receiver);
        let (sent, last) = sending.join().unwrap();
        assert!(sent >= 3000 * 1000 / (ROOM / 4));
        assert_eq!(last, Err(Closed));
    }

    #[test]
    fn an_event_that_is_larger_than_the_room_passes_alone() {
        let (sender, mut receiver) = channel();
        let sending = std::thread::spawn(move || sender.send(&"x".repeat(3 * ROOM)));
        assert_eq!(read(&mut receiver).len(), 3 * ROOM + 1);
        sending.join().unwrap().unwrap();
    }
}
