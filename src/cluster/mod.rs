//! Processes, turned into one computation: sockets, hand-shake, heartbeats.
//!
//! | file | what turns into what |
//! |---|---|
//! | [`hosts`] | a hosts file into one address a process |
//! | [`hello`] | what a process says of itself into bytes, proofs and mismatches (pure) |
//! | [`handshake`] | a fresh connection into a proven one, or a reason why not |
//! | [`link`] | addresses into two proven connections for each pair of processes |
//! | [`message`] | control messages into frames, and back (pure) |
//! | [`control`] | proven control connections into heartbeats, messages, and news of lost peers |
//! | `counter` | memory that the processes of a machine share into numbers that each draw once |
//! | `data`, `ear` | many small messages into few, and looks of busy workers into messages |
//! | [`fate`] | the first failure anywhere into the end of the whole, with one message |
//! | [`handle`] | what a worker may ask of the cluster: send, drain, fail |
//! | [`run`] | a [`Topology`] and a function that builds dataflows into their results |
//!
//! Process `p` listens on its own address and connects to every process before it, twice: a *data* connection, which
//! timely gets, and a *control* connection, which is ours. No byte of a dataflow moves before both ends have proved
//! that they know the shared token and run the same version, pipeline, process count and worker count.
//!
//! What it does not do: encrypt. The hand-shake proves who is at the other end when a connection begins; on a network
//! that strangers can write to, put the addresses inside a tunnel.
//!
//! Errors: the codes are `cluster.hosts`, `cluster.topology`, `cluster.open`, `cluster.address`, `cluster.port`,
//! `cluster.token`, `cluster.version`, `cluster.processes`, `cluster.workers`, `cluster.fingerprint`, `cluster.index`,
//! `cluster.missing`, `cluster.lost`, `cluster.message`, `cluster.counter`, `cluster.start`, and `bug`.

pub mod control;
mod counter;
mod data;
mod desk;
mod ear;
mod explain;
pub mod fate;
pub mod handle;
pub mod handshake;
pub mod hello;
pub mod hosts;
pub mod link;
pub mod message;
pub mod run;
mod topology;
#[cfg(test)]
mod trial;

pub use counter::{Counter, MAX_COUNTERS};
pub use fate::Fate;
pub use handle::Handle;
pub use run::{execute, execute_with};
pub use topology::{MAX_PROCESSES, Topology};
