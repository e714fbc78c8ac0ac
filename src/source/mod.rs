//! Files, standard input and the generator, turned into numbered blocks of bytes.
//!
//! A [`Partition`] is shared by all workers of a process: each asks for the [`Partition::next`] block when it is ready
//! for more. Blocks are numbered in the order of the input, each holds whole lines, and the blocks of one partition
//! together hold every line once. Several processes divide a file's or the generator's blocks among them
//! (block modulo processes); standard input belongs to process 0.
//!
//! Reading a file's block happens on the worker that decodes it: a copy out of the page cache into the worker's own
//! cache, which is where the decoder wants it. Standard input, which can block, has a thread of its own.

mod claims;
mod deadletter;
mod file;
mod generate;
mod stdin;

use claims::Claims;
pub use deadletter::{DeadLetter, DeadLetters};
pub use file::FilePartition;
pub use generate::GeneratePartition;
pub use stdin::StdinPartition;

use crate::error::Error;
use std::ops::Range;
use std::time::Duration;

/// Bytes of one block of a file: large enough that switching costs nothing, small enough to stay in the L2 cache.
pub const BLOCK_BYTES: u64 = 256 * 1024;

/// The reason of lines that are longer than `max_line`; counted behind the decoder's reasons.
pub const LINE_TOO_LONG: &str = "line_too_long";

/// Which share of the blocks a process reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    /// This process, from 0.
    pub process: u64,
    /// All processes.
    pub processes: u64,
}

/// A block of whole lines in the caller's buffer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// Its number in the partition.
    pub index: u64,
    /// Where its lines lie in the buffer.
    pub range: Range<usize>,
    /// Position of the first byte of `range` in the partition, in bytes.
    pub position: u64,
    /// Lines of the block that are longer than the limit: (position in the partition, length seen). They are not in
    /// the buffer.
    pub oversized: Vec<(u64, u64)>,
}

/// What a partition answers when asked for more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// A block was put into the buffer.
    Block(Block),
    /// Nothing yet; ask again when woken, or after the time given.
    Wait(Option<Duration>),
    /// This process will get no more blocks of this partition.
    End,
}

/// One partition of a source, shared by all workers of a process.
pub trait Partition: Send + Sync {
    /// Puts the next block into `buffer`, over whatever was in it.
    ///
    /// # Errors
    /// Where reading fails: what, where, what to do.
    fn next(&self, buffer: &mut Vec<u8>) -> Result<Next, Error>;

    /// No more blocks are to be given out: the number of the first block that this process will not read.
    fn stop(&self) -> u64;

    /// What users call the partition: a file's path, `stdin`, `generate/0`.
    fn name(&self) -> &str;

    /// All bytes, where the partition has an end that is known.
    fn length(&self) -> Option<u64> {
        None
    }

    /// True where all processes read blocks of it, so that they must tell each other its clock.
    fn is_shared(&self) -> bool;

    /// Asks to be woken when a [`Next::Wait`] without a time may be over.
    fn on_ready(&self, _wake: Box<dyn Fn() + Send + Sync>) {}
}
