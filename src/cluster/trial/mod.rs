//! Trials of the room with real loopback sockets: threads play processes, and, for what ends a process, the test
//! program starts itself again.
//!
//! No trial sleeps or asserts a timing: each waits for what must happen, with a limit far above what it needs.

mod children;
mod control;
mod link;
mod run;

use super::topology::Topology;
use std::net::TcpListener;
use std::time::Duration;

/// Longer than anything here takes on a machine that works.
const LONG: Duration = Duration::from_secs(30);

/// `n` listening sockets on free ports, and the topology of each process that would own one.
fn places(n: usize) -> Vec<(Topology, TcpListener)> {
    let listeners: Vec<TcpListener> = (0..n).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
    let hosts: Vec<String> = listeners.iter().map(|l| l.local_addr().unwrap().to_string()).collect();
    let topology = |process| Topology {
        processes: n,
        process,
        hosts: hosts.clone(),
        token: Some(b"open sesame".to_vec()),
        connect_timeout: LONG,
        peer_timeout: LONG,
        ..Topology::local(1)
    };
    listeners.into_iter().enumerate().map(|(p, listener)| (topology(p), listener)).collect()
}
