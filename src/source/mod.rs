//! Files, standard input, the generator, and what is sent, turned into numbered blocks of bytes.
//!
//! A [`Partition`] is shared by all workers of a process: each asks for the [`Partition::next`] block when it is ready
//! for more. Blocks are numbered in the order of the input, each holds whole lines, and the blocks of one partition
//! together hold every line once. Several processes divide a plain file's or the generator's blocks among them: on one
//! machine each draws the next that nobody has, otherwise block modulo processes; compressed and followed files belong to one process each (partition modulo processes),
//! standard input and what is sent to process 0.
//!
//! Reading a file's block happens on the worker that decodes it: a copy out of the page cache into the worker's own
//! cache, which is where the decoder wants it. What can block or must be read in order (standard input, compressed and
//! followed files) has a thread of its own.

mod claims;
mod deadletter;
mod door;
mod file;
mod find;
mod generate;
mod letters;
mod limit;
mod stream;
mod tail;
mod unpack;
mod wall;

use claims::Claims;
pub use deadletter::{DeadLetter, DeadLetters, Lane};
pub use door::{Door, DoorPartition, Room, Shut};
pub use file::FilePartition;
pub use find::{Found, find, is_same_file};
pub use generate::GeneratePartition;
pub use letters::Letters;
pub use limit::{Limit, LimitedPartition};
pub use stream::StreamPartition;
pub use tail::InOrder;
pub use unpack::Compression;
pub use wall::WallClock;

use crate::error::Error;
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Bytes of one block of a file: large enough that switching costs nothing, small enough to stay in the L2 cache.
pub const BLOCK_BYTES: u64 = 256 * 1024;

/// The reason of lines that are longer than `max_line`; counted behind the decoder's reasons.
pub const LINE_TOO_LONG: &str = "line_too_long";

/// The reason of events that came after the allowed lateness of a window.
pub const TOO_LATE: &str = "too_late";

/// The byte order mark that some editors put before a file's first line; it is no part of it.
const MARK: [u8; 3] = [0xef, 0xbb, 0xbf];

/// How bytes are cut into blocks of lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lines {
    /// Bytes of the longest line that is kept.
    pub max_line: u64,
    /// Bytes of a block.
    pub block: u64,
    /// The first line of each file is a header: no data, and told with every block of the file.
    pub header: bool,
}

impl Lines {
    /// Blocks of the usual size, no header.
    pub fn new(max_line: u64) -> Self {
        Self { max_line, block: BLOCK_BYTES, header: false }
    }
}

fn head_too_long(path: &str) -> Error {
    Error::user("source.header", format!("the first line of {path} is too long to be a header"))
        .help("set header = false and name the columns, or raise max_line")
}

/// Which share of the blocks a process reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    /// This process, from 0.
    pub process: u64,
    /// All processes.
    pub processes: u64,
}

/// Draws the number of a block, each once among all processes, from 0 on without a gap.
pub type Draw = Box<dyn Fn() -> Result<u64, Error> + Send + Sync>;

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
    /// The header of the file that the block is of, without its line end; the same one for all its blocks.
    pub head: Option<Arc<[u8]>>,
    /// When the first of it came, where that was before it was asked for.
    pub arrived: Option<Instant>,
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

    /// The files it reads; 0 is the length of one that may grow.
    fn inputs(&self) -> Vec<Found> {
        Vec::new()
    }

    /// True where all processes read blocks of it, so that they must tell each other its clock.
    fn is_shared(&self) -> bool;

    /// True where the processes of one machine can draw the numbers of the blocks they read, so that who is ahead reads
    /// more: see [`Partition::draw_from`].
    fn can_draw(&self) -> bool {
        false
    }

    /// Draws the numbers of blocks, as all other processes do too; said before the first block is asked for.
    fn draw_from(&self, _draw: Draw) {}

    /// Where a block's events stand among those of the partition; with an event's offset in the block this gives the
    /// order of the partition.
    fn place(&self, block: &Block) -> u64 {
        block.position
    }

    /// How often the file that is followed was rotated or truncated.
    fn restarts(&self) -> u64 {
        0
    }

    /// Bytes that have come and that nobody has taken yet.
    fn waiting(&self) -> u64 {
        0
    }

    /// How long nothing has come, where there is nothing to read now although somebody asked. Time in which it was not
    /// asked, or in which what has come was not taken, is no silence.
    fn silent_for(&self) -> Option<Duration> {
        None
    }

    /// Asks to be woken when a [`Next::Wait`] without a time may be over.
    fn on_ready(&self, _wake: Box<dyn Fn() + Send + Sync>) {}
}
