//! What the user said of processes and workers, turned into a checked shape of the computation.
//!
//! Invariants: 1. after [`Topology::check`], `process < processes`, `workers > 0`, and `hosts` has one address a
//! process. 2. Without a token no address outside the machine is listened on or connected to.

use crate::error::Error;
use std::fmt;
use std::net::{SocketAddr, ToSocketAddrs};
use std::time::Duration;

/// The most processes of one computation: each pair costs two connections, each process three threads a peer.
pub const MAX_PROCESSES: usize = 256;

/// The shape of the computation, the same on every process but for `process`.
#[derive(Clone)]
pub struct Topology {
    /// How many processes there are.
    pub processes: usize,
    /// Which one this is, from 0.
    pub process: usize,
    /// How many worker threads each process has.
    pub workers: usize,
    /// One `host:port` a process; not read where there is one process.
    pub hosts: Vec<String>,
    /// The shared secret; without it only loopback addresses are allowed.
    pub token: Option<Vec<u8>>,
    /// What the pipeline is: processes with another fingerprint are refused.
    pub fingerprint: [u8; 32],
    /// The version of the program; at most 64 bytes are compared.
    pub version: String,
    /// How many counters the processes could use, where they run on one machine; at most
    /// [`MAX_COUNTERS`](super::MAX_COUNTERS), or there are none. Follows from what the fingerprint is of.
    pub counters: usize,
    /// How long to wait for all processes to be there.
    pub connect_timeout: Duration,
    /// After how long a silence a process counts as lost.
    pub peer_timeout: Duration,
}

impl Topology {
    /// One process with `workers` workers, default time-outs, no peers.
    pub fn local(workers: usize) -> Self {
        Self {
            processes: 1,
            process: 0,
            workers,
            hosts: Vec::new(),
            token: None,
            fingerprint: [0; 32],
            version: env!("CARGO_PKG_VERSION").to_string(),
            counters: 0,
            connect_timeout: Duration::from_secs(60),
            peer_timeout: Duration::from_secs(5),
        }
    }

    /// The shape's own faults: counts, indices, an empty token, open addresses without one.
    pub fn check(&self) -> Result<(), Error> {
        let wrong = |text: String, help: &str| Err(Error::user("cluster.topology", text).help(help));
        if self.processes == 0 || self.processes > MAX_PROCESSES {
            return wrong(
                format!("{} processes cannot be had", self.processes),
                &format!("use 1 to {MAX_PROCESSES} processes"),
            );
        }
        if self.process >= self.processes {
            return wrong(
                format!("there is no process {} among {} processes", self.process, self.processes),
                "processes are counted from 0: with -n 3 they are -p 0, -p 1 and -p 2",
            );
        }
        if self.workers == 0 {
            return wrong("a process needs a worker".to_string(), "use -w 1 or more");
        }
        if self.peer_timeout.is_zero() || self.connect_timeout.is_zero() {
            return wrong("a time-out of 0 leaves no time to answer".to_string(), "use 1s or more");
        }
        if self.processes == 1 {
            return Ok(());
        }
        if self.hosts.len() != self.processes {
            return wrong(
                format!("{} addresses for {} processes", self.hosts.len(), self.processes),
                "give one host:port a process, in order of process index",
            );
        }
        if self.token.as_ref().is_some_and(Vec::is_empty) {
            return Err(Error::user("cluster.token", "the token is empty")
                .help("put a random text into HIGHWATER_TOKEN or the --token-file, the same for every process"));
        }
        if self.token.is_none() {
            for host in &self.hosts {
                // A name that cannot be resolved now is looked at again when it is used: see `resolve`.
                if let Ok(addresses) = host.to_socket_addrs() {
                    closed(host, addresses)?;
                }
            }
        }
        Ok(())
    }

    /// The socket addresses behind process `q`'s `host:port`; at least one.
    pub(crate) fn resolve(&self, q: usize) -> Result<Vec<SocketAddr>, Error> {
        let host = &self.hosts[q];
        let found: Vec<SocketAddr> =
            host.to_socket_addrs().map_err(|e| unresolved(q, host).at(format!("{host}: {e}")))?.collect();
        if found.is_empty() {
            return Err(unresolved(q, host));
        }
        if self.token.is_none() {
            closed(host, found.iter().copied())?;
        }
        Ok(found)
    }

    /// `process 2 (10.0.0.3:2101)`.
    pub(crate) fn name(&self, q: usize) -> String {
        match self.hosts.get(q) {
            Some(host) => format!("process {q} ({host})"),
            None => format!("process {q}"),
        }
    }
}

fn unresolved(q: usize, host: &str) -> Error {
    Error::outside("cluster.address", format!("the address of process {q} cannot be resolved: {host}"))
        .help("correct the line in the hosts file, or the name service of this machine")
}

fn closed(host: &str, addresses: impl IntoIterator<Item = SocketAddr>) -> Result<(), Error> {
    if addresses.into_iter().all(|a| a.ip().is_loopback()) {
        return Ok(());
    }
    Err(Error::user("cluster.open", format!("{host} can be reached from outside this machine, and there is no token"))
        .help("set HIGHWATER_TOKEN or --token-file to the same random text on every process, or use 127.0.0.1"))
}

// The token never prints.
impl fmt::Debug for Topology {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Topology")
            .field("processes", &self.processes)
            .field("process", &self.process)
            .field("workers", &self.workers)
            .field("hosts", &self.hosts)
            .field("token", &self.token.as_ref().map(|_| "***"))
            .field("version", &self.version)
            .field("connect_timeout", &self.connect_timeout)
            .field("peer_timeout", &self.peer_timeout)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn two(hosts: [&str; 2]) -> Topology {
        Topology { processes: 2, hosts: hosts.map(String::from).to_vec(), ..Topology::local(1) }
    }

    #[test]
    fn open_addresses_are_refused_when_there_is_no_token() {
        let mut open = two(["127.0.0.1:2101", "192.0.2.7:2101"]);
        assert_eq!(open.check().unwrap_err().code, "cluster.open");
        assert_eq!(open.resolve(1).unwrap_err().code, "cluster.open");
        open.token = Some(b"secret".to_vec());
        assert_eq!(open.check(), Ok(()));
        assert_eq!(open.resolve(1).unwrap().len(), 1);
        assert_eq!(two(["127.0.0.1:2101", "[::1]:2102"]).check(), Ok(()));
        assert_eq!(two(["0.0.0.0:2101", "127.0.0.1:1"]).check().unwrap_err().code, "cluster.open");
    }

    #[test]
    fn impossible_shapes_are_refused() {
        let good = two(["127.0.0.1:2101", "127.0.0.1:2102"]);
        for bad in [
            Topology { processes: 0, ..good.clone() },
            Topology { processes: MAX_PROCESSES + 1, ..good.clone() },
            Topology { process: 2, ..good.clone() },
            Topology { workers: 0, ..good.clone() },
            Topology { processes: 3, ..good.clone() },
            Topology { peer_timeout: Duration::ZERO, ..good.clone() },
        ] {
            assert_eq!(bad.check().unwrap_err().code, "cluster.topology", "{bad:?}");
        }
        let empty = Topology { token: Some(Vec::new()), ..good };
        assert_eq!(empty.check().unwrap_err().code, "cluster.token");
    }

    #[test]
    fn the_token_never_prints() {
        let t = Topology { token: Some(b"hush".to_vec()), ..Topology::local(1) };
        let text = format!("{t:?}");
        assert!(text.contains("***") && !text.contains("hush") && !text.contains("104"), "{text}");
    }
}
