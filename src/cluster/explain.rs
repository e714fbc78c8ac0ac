//! What went wrong between processes, turned into what the user reads: who, what, and what to do.

use super::hello::Mismatch;
use super::topology::Topology;
use crate::error::{Error, Kind};

pub(super) const SAME_TOKEN: &str = "give every process the same HIGHWATER_TOKEN or --token-file";
pub(super) const SAME_PROGRAM: &str = "run the same version of highwater everywhere";

/// The error of a process that ends because another did; `reporter` is who told us, where it is not the culprit.
pub(super) fn followed(topology: &Topology, culprit: usize, what: &str, reporter: Option<usize>) -> Error {
    // What a peer says stands in one line of ours.
    let what = what.replace(char::is_control, " ");
    let told = match reporter {
        Some(q) if q != culprit => format!(" (reported by {})", topology.name(q)),
        _ => String::new(),
    };
    Error::new(Kind::Followed, "cluster.lost", format!("{} {what}{told}", topology.name(culprit)))
        .help("this process stops with it; look at that process's own message, then start all again")
}

pub(super) fn twice(index: u32) -> Error {
    Error::user("cluster.index", format!("two processes say that they are process {index}"))
        .help("give each process its own --process, from 0")
}

pub(super) fn differs(topology: &Topology, found: &Mismatch, theirs: u32, from: &str) -> Error {
    let who = format!("process {theirs} ({from})");
    match found {
        Mismatch::Version(ours, other) => {
            let other = other.escape_debug();
            Error::user("cluster.version", format!("{who} is version {other}, this process is version {ours}"))
                .help(SAME_PROGRAM)
        }
        Mismatch::Processes(ours, other) => {
            Error::user("cluster.processes", format!("{who} counts {other} processes, this process counts {ours}"))
                .help("give every process the same --processes and hosts file")
        }
        Mismatch::Workers(ours, other) => {
            Error::user("cluster.workers", format!("{who} has {other} workers, this process has {ours}"))
                .help("give every process the same --workers")
        }
        Mismatch::Fingerprint(ours, other) => {
            Error::user("cluster.fingerprint", format!("{who} runs another pipeline, or reads files of other lengths"))
                .at(format!("fingerprint here {}, there {}", hex(ours), hex(other)))
                .help("give every process the same pipeline file, overrides and environment")
        }
        Mismatch::Twice(index) => twice(*index).at(format!("this process and {from}")),
        Mismatch::Place(meant, met) => {
            let text = format!("the address of process {meant} was called, and process {met} answered");
            Error::user("cluster.index", text)
                .at(format!("{from}, called by or answering {}", topology.name(topology.process)))
                .help("give every process the same hosts file and its own --process")
        }
    }
}

fn hex(fingerprint: &[u8; 32]) -> String {
    fingerprint[..6].iter().map(|b| format!("{b:02x}")).collect::<String>() + ".."
}
