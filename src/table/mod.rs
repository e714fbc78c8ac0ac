//! Reference tables: rows of a file or a server, turned into an index that events are looked up in.
//!
//! ```text
//! file, server --decoder--> batches of cells --Builder--> Table (immutable) --> Live (the newest one, shared by workers) --> Steps of streams
//!                                                     watch: what has changed --> a new Table --> Live
//! ```
//!
//! A [`Table`] never changes; a reload makes a new one and puts it in the place of the old. What changed between two is
//! [`Table::changes_since`].
//!
//! Invariants:
//! 1. A lookup depends on the rows, the key and the event time alone: not on the order of the file, but for rows of one
//!    key and time, of which the last counts (of a server: one that does not depend on the order).
//! 2. A key with a NULL is in no table, so looking one up finds nothing.
//! 3. Keys are [`crate::event::key`]s: `1` and `1.0` are one.

mod asker;
mod build;
mod changes;
mod desk;
mod file;
mod live;
#[cfg(not(all(feature = "postgres", feature = "redis")))]
mod missing;
mod pages;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(feature = "redis")]
mod redis;
mod rows;
#[cfg(any(feature = "postgres", feature = "redis"))]
mod server;
mod spec;
#[cfg(test)]
mod tests;
mod watch;

pub use asker::Asker;
pub use build::{Builder, Built};
pub use changes::Change;
pub use desk::{Desk, Rows, Ticket};
pub use file::Stamp;
pub use live::{Handles, Live, Tables};
pub use rows::{KeyRows, Table};
pub use spec::{Loaded, Spec, load};
pub use watch::{Watched, Watcher, set};

#[cfg(not(feature = "postgres"))]
use missing::postgres;
#[cfg(not(feature = "redis"))]
use missing::redis;

/// Why rows cannot be kept.
#[derive(Debug, thiserror::Error)]
pub enum TooLarge {
    /// A table counts its bytes in fewer digits.
    #[error("it has more than {0} bytes of rows")]
    Bytes(u64),
    /// The system has not so much memory.
    #[error("there is no memory for it: {0}")]
    Memory(std::io::Error),
}
