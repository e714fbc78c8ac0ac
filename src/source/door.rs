//! Batches of lines that others send, turned into numbered blocks of whole lines: the bounded queue between who accepts
//! them and the workers.
//!
//! Who accepts asks for room first ([`Door::room`]), for all that it holds of a batch while that is on its way, and then
//! enters the batch. Neither ever waits; who has found no room is told when there may be some ([`Door::on_room`]).
//!
//! Invariants: (1) what waits and what is on its way are together at most the limit, or one batch alone; (2) the partition
//! is the batches in the order in which they entered: how they are cut into blocks changes no line and no position; (3) a
//! batch that has entered is read, also when the run is drained: then the door is closed, and the partition ends behind the
//! last batch.
//! Units: bytes. Cost: a batch is copied once, into the blocks that the workers decode.

use super::{Block, Next, Partition};
use crate::error::Error;
use std::collections::VecDeque;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// What a batch costs beside its bytes, so that empty ones are bounded too.
const COST: u64 = 128;

/// Whom to call.
type Call = Box<dyn Fn() + Send + Sync>;

/// Why there is no way in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shut {
    /// There is no room now.
    Full,
    /// The run takes nothing any more.
    Closed,
}

struct Batch {
    text: Arc<Vec<u8>>,
    /// Where the rest begins that is still to be read.
    at: usize,
    /// Where the batch begins in the partition.
    position: u64,
    /// When it entered.
    arrived: Instant,
    /// Lines that are too long, which are blank in the text: where they begin in it, and how long they were.
    oversized: VecDeque<(u64, u64)>,
}

#[derive(Default)]
struct State {
    batches: VecDeque<Batch>,
    /// What waits, with the cost of each batch.
    waiting: u64,
    /// What was given room and has not entered.
    promised: u64,
    /// Bytes of all batches so far.
    position: u64,
    blocks: u64,
    closed: bool,
    /// The last who came found no room.
    turned_away: bool,
    /// Since when there is nothing though somebody asked.
    silent: Option<Instant>,
}

/// The way into a source.
pub struct Door {
    limit: u64,
    state: Mutex<State>,
    readers: Mutex<Vec<Call>>,
    waiting: Mutex<Vec<Call>>,
}

impl std::fmt::Debug for Door {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Door").field("limit", &self.limit).finish_non_exhaustive()
    }
}

fn call(list: &Mutex<Vec<Call>>) {
    list.lock().unwrap_or_else(PoisonError::into_inner).iter().for_each(|call| call());
}

impl Door {
    /// A door behind which at most `limit` bytes wait.
    pub fn new(limit: u64) -> Arc<Self> {
        let (state, readers, waiting) = Default::default();
        Arc::new(Self { limit, state, readers, waiting })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Room for `bytes`, which can be made more or less as a batch comes in.
    ///
    /// # Errors
    /// Where there is none.
    pub fn room(self: &Arc<Self>, bytes: u64) -> Result<Room, Shut> {
        let mut room = Room { door: Arc::clone(self), bytes: 0 };
        room.resize(bytes)?;
        Ok(room)
    }

    /// Nothing more comes in; what has entered is read.
    pub fn close(&self) {
        self.lock().closed = true;
        call(&self.readers);
        call(&self.waiting);
    }

    /// True where nothing comes in any more.
    pub fn is_closed(&self) -> bool {
        self.lock().closed
    }

    /// Bytes that wait, or have room and are on their way.
    pub fn taken(&self) -> u64 {
        let state = self.lock();
        state.waiting + state.promised
    }

    /// Bytes that may wait.
    pub fn limit(&self) -> u64 {
        self.limit
    }

    /// True where the last who came found no room, and there is not yet much again.
    pub fn is_full(&self) -> bool {
        let state = self.lock();
        state.turned_away && state.waiting + state.promised > self.limit / 2
    }

    /// Asks to be called when there may be room again, or none ever.
    pub fn on_room(&self, call: impl Fn() + Send + Sync + 'static) {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).push(Box::new(call));
    }
}

/// Room for a batch that is on its way; it is free again when this is dropped.
#[derive(Debug)]
pub struct Room {
    door: Arc<Door>,
    /// With what a batch costs; 0 before it has any room.
    bytes: u64,
}

impl Room {
    /// Makes it room for `bytes`, and for what a batch costs beside them.
    ///
    /// # Errors
    /// Where there is no room for more; it is then as large as before.
    pub fn resize(&mut self, bytes: u64) -> Result<(), Shut> {
        let bytes = bytes.saturating_add(COST);
        let mut state = self.door.lock();
        if bytes > self.bytes {
            if state.closed {
                return Err(Shut::Closed);
            }
            let others = state.waiting + (state.promised - self.bytes);
            if others > 0 && others.saturating_add(bytes) > self.door.limit {
                state.turned_away = true;
                return Err(Shut::Full);
            }
        }
        state.promised = state.promised - self.bytes + bytes;
        self.bytes = bytes;
        Ok(())
    }

    /// Enters a batch of whole lines, behind all that have entered. `oversized`: lines that are too long, which are blank in
    /// the text; where they begin in it, and how long they were. A batch without bytes changes nothing.
    ///
    /// # Errors
    /// [`Shut::Closed`]; then nothing of it has entered.
    pub fn enter(self, mut text: Vec<u8>, oversized: Vec<(u64, u64)>) -> Result<(), Shut> {
        if text.is_empty() {
            return if self.door.is_closed() { Err(Shut::Closed) } else { Ok(()) };
        }
        if text.last() != Some(&b'\n') {
            text.push(b'\n');
        }
        if text.capacity() > text.len() + text.len() / 4 {
            text.shrink_to_fit();
        }
        let mut state = self.door.lock();
        if state.closed {
            return Err(Shut::Closed);
        }
        let (position, length) = (state.position, text.len() as u64);
        state.position += length;
        state.waiting += length + COST;
        state.turned_away = false;
        state.silent = None;
        let (text, oversized) = (Arc::new(text), oversized.into());
        state.batches.push_back(Batch { text, at: 0, position, arrived: Instant::now(), oversized });
        drop(state);
        call(&self.door.readers);
        Ok(())
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        if self.bytes > 0 {
            self.door.lock().promised -= self.bytes;
            call(&self.door.waiting);
        }
    }
}

/// What is behind a door, as a partition; belongs to process 0.
pub struct DoorPartition {
    door: Arc<Door>,
    block: usize,
}

impl DoorPartition {
    /// The partition behind `door`, in blocks of about `block` bytes.
    pub fn new(door: Arc<Door>, block: u64) -> Self {
        Self { door, block: usize::try_from(block).unwrap_or(usize::MAX).max(1) }
    }

    /// A partition that another process reads: nothing here.
    pub fn elsewhere() -> Self {
        let door = Door::new(0);
        door.close();
        Self::new(door, 1)
    }
}

impl Drop for DoorPartition {
    /// Nobody will read on.
    fn drop(&mut self) {
        self.door.close();
    }
}

/// Text of one batch in a block.
type Piece = (Arc<Vec<u8>>, Range<usize>);

impl State {
    /// Takes whole lines, of one batch or of several, until they fill a block; of a line that is longer all.
    fn take(&mut self, block: usize) -> (Vec<Piece>, Vec<(u64, u64)>) {
        let (mut pieces, mut oversized, mut taken) = (Vec::new(), Vec::new(), 0);
        while let Some(batch) = self.batches.front_mut() {
            let rest = &batch.text[batch.at..];
            let space = block - taken;
            let cut = if rest.len() <= space {
                rest.len()
            } else {
                match memchr::memrchr(b'\n', &rest[..space]) {
                    Some(end) => end + 1,
                    None if taken > 0 => break,
                    None => memchr::memchr(b'\n', rest).map_or(rest.len(), |end| end + 1),
                }
            };
            let range = batch.at..batch.at + cut;
            let inside = batch.oversized.iter().take_while(|(at, _)| *at < range.end as u64).count();
            oversized.extend(batch.oversized.drain(..inside).map(|(at, length)| (batch.position + at, length)));
            pieces.push((Arc::clone(&batch.text), range.clone()));
            batch.at = range.end;
            self.waiting -= cut as u64;
            if batch.at < batch.text.len() {
                break;
            }
            self.waiting -= COST;
            self.batches.pop_front();
            taken += cut;
            if taken >= block {
                break;
            }
        }
        (pieces, oversized)
    }
}

impl Partition for DoorPartition {
    fn next(&self, buffer: &mut Vec<u8>) -> Result<Next, Error> {
        let mut state = self.door.lock();
        let first = state.batches.front().map(|batch| (batch.position + batch.at as u64, batch.arrived));
        let Some((position, arrived)) = first else {
            if state.closed {
                return Ok(Next::End);
            }
            state.silent.get_or_insert_with(Instant::now);
            return Ok(Next::Wait(None));
        };
        let (pieces, oversized) = state.take(self.block);
        let index = state.blocks;
        state.blocks += 1;
        drop(state);
        call(&self.door.waiting);
        buffer.clear();
        // The decoder wants some room behind the lines.
        buffer.reserve(pieces.iter().map(|(_, range)| range.len()).sum::<usize>() + 64);
        pieces.iter().for_each(|(text, range)| buffer.extend_from_slice(&text[range.clone()]));
        let (range, arrived) = (0..buffer.len(), Some(arrived));
        Ok(Next::Block(Block { index, range, position, oversized, head: None, arrived }))
    }

    /// Closes the door. What has entered is read, so that no block is cut off.
    fn stop(&self) -> u64 {
        self.door.close();
        u64::MAX
    }

    fn name(&self) -> &str {
        "http"
    }

    fn is_shared(&self) -> bool {
        false
    }

    fn waiting(&self) -> u64 {
        self.door.lock().waiting
    }

    fn silent_for(&self) -> Option<Duration> {
        self.door.lock().silent.map(|since| since.elapsed())
    }

    fn on_ready(&self, wake: Box<dyn Fn() + Send + Sync>) {
        let mut readers = self.door.readers.lock().unwrap_or_else(PoisonError::into_inner);
        wake();
        readers.push(wake);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    fn enter(door: &Arc<Door>, text: &str) -> Result<(), Shut> {
        door.room(text.len() as u64)?.enter(text.as_bytes().to_vec(), Vec::new())
    }

    /// A block: its text, its position, and its long lines.
    type Read = (String, u64, Vec<(u64, u64)>);

    fn all(partition: &DoorPartition) -> Vec<Read> {
        let (mut blocks, mut buffer) = (Vec::new(), Vec::new());
        while let Next::Block(block) = partition.next(&mut buffer).unwrap() {
            assert_eq!(block.index, blocks.len() as u64);
            let text = String::from_utf8(buffer[block.range].to_vec()).unwrap();
            blocks.push((text, block.position, block.oversized));
        }
        blocks
    }

    #[test]
    fn blocks_of_any_size_are_the_lines_in_the_order_in_which_they_entered() {
        let batches = ["one\ntwo\n", "three", "a line that is long\n\nb\n", "four\n"];
        let whole = "one\ntwo\nthree\na line that is long\n\nb\nfour\n";
        for block in [1, 4, 7, 8, 20, 1000] {
            let door = Door::new(1000);
            batches.iter().for_each(|text| enter(&door, text).unwrap());
            let partition = DoorPartition::new(Arc::clone(&door), block);
            let blocks = all(&partition);
            let mut position = 0;
            for (text, at, _) in &blocks {
                assert_eq!(*at, position, "{block}");
                assert!(text.ends_with('\n') && (text.len() <= block as usize || text.matches('\n').count() == 1));
                position += text.len() as u64;
            }
            assert_eq!(blocks.into_iter().map(|(text, ..)| text).collect::<String>(), whole, "{block}");
            assert_eq!(door.taken(), 0);
        }
    }

    #[test]
    fn long_lines_are_told_with_the_block_that_they_were_in() {
        let door = Door::new(1000);
        enter(&door, "first\n").unwrap();
        let text = b"a\n  \nb\n \n".to_vec();
        door.room(9).unwrap().enter(text, vec![(2, 50), (7, 60)]).unwrap();
        let blocks = all(&DoorPartition::new(door, 6));
        let long: Vec<_> = blocks.iter().map(|(text, _, long)| (text.as_str(), long.clone())).collect();
        assert_eq!(long, [("first\n", vec![]), ("a\n  \n", vec![(8, 50)]), ("b\n \n", vec![(13, 60)])]);
    }

    #[test]
    fn there_is_room_for_the_limit_and_for_one_batch_alone() {
        let door = Door::new(1000 + 2 * COST);
        let first = door.room(600).unwrap();
        assert_eq!(door.room(500).unwrap_err(), Shut::Full);
        assert!(door.is_full());
        let mut second = door.room(400).unwrap();
        assert_eq!(second.resize(401), Err(Shut::Full));
        // All that has room can enter, and is not more than the limit then.
        assert_eq!(door.taken(), door.limit());
        second.resize(100).unwrap();
        assert_eq!(door.taken(), 700 + 2 * COST);
        first.enter(vec![b'x'; 599], Vec::new()).unwrap();
        assert_eq!(door.taken(), 700 + 2 * COST);
        drop(second);
        assert_eq!(all(&DoorPartition::new(Arc::clone(&door), 64)).len(), 1);
        assert_eq!(door.taken(), 0);
        // Larger than the limit, but there is nothing else.
        let door = Door::new(1000);
        let alone = door.room(5000).unwrap();
        assert_eq!(door.room(1).unwrap_err(), Shut::Full);
        drop(alone);
        door.room(1).unwrap();
    }

    #[test]
    fn a_closed_door_lets_nothing_in_and_what_is_in_is_read() {
        let door = Door::new(1000);
        let partition = DoorPartition::new(Arc::clone(&door), 64);
        let late = door.room(10).unwrap();
        enter(&door, "x\n").unwrap();
        assert_eq!(partition.stop(), u64::MAX);
        assert_eq!(late.enter(b"y\n".to_vec(), Vec::new()), Err(Shut::Closed));
        assert_eq!(door.room(1).unwrap_err(), Shut::Closed);
        assert_eq!(all(&partition).len(), 1);
        assert_eq!(partition.next(&mut Vec::new()), Ok(Next::End));
        assert_eq!(DoorPartition::elsewhere().next(&mut Vec::new()), Ok(Next::End));
        // Nor where nobody reads any more.
        let door = Door::new(1000);
        drop(DoorPartition::new(Arc::clone(&door), 64));
        assert_eq!(door.room(1).unwrap_err(), Shut::Closed);
    }

    #[test]
    fn readers_and_those_who_wait_for_room_are_called() {
        let door = Door::new(1000);
        let partition = DoorPartition::new(Arc::clone(&door), 64);
        let counts: [Arc<AtomicUsize>; 2] = Default::default();
        let [read, room] = counts.clone();
        partition.on_ready(Box::new(move || {
            read.fetch_add(1, Ordering::SeqCst);
        }));
        door.on_room(move || {
            room.fetch_add(1, Ordering::SeqCst);
        });
        let seen = || counts.each_ref().map(|count| count.load(Ordering::SeqCst));
        assert_eq!(seen(), [1, 0]);
        assert!(partition.silent_for().is_none());
        assert_eq!(partition.next(&mut Vec::new()), Ok(Next::Wait(None)));
        assert!(partition.silent_for().is_some());
        enter(&door, "x\n").unwrap();
        assert!(partition.silent_for().is_none());
        assert_eq!(seen(), [2, 1]);
        partition.next(&mut Vec::new()).unwrap();
        assert_eq!(seen(), [2, 2]);
        door.close();
        assert_eq!(seen(), [3, 3]);
    }
}
