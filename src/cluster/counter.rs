//! Numbers that the processes of one machine draw together, each once: counters in shared memory.
//!
//! A counter is a file of its own below [`SHARED`], which is memory that all processes of a machine see. To draw a
//! number is to append a byte: the system appends one after the other, and the place where a process's byte came to
//! stand is its number. So nobody waits for anybody, and a process that is killed holds nothing. A thousand million
//! numbers are a GB; what is counted are blocks of a file.
//!
//! Process 0 makes the files, under a name that holds what it has drawn at random for this run; the others open them
//! while they connect. Whether all have them is told with *ready*, so that all know it or none: where one runs on
//! another machine, or sees another memory, there are no counters.

use crate::error::Error;
use std::fs::{File, OpenOptions};
use std::io::{self, Seek, Write};
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use tempfile::TempPath;

/// Memory that all processes of a machine see as files.
const SHARED: &str = "/dev/shm";
/// More counters than these are not made: each is a file.
pub const MAX_COUNTERS: usize = 64;

/// Draws numbers from 0 on, each once among all processes.
#[derive(Debug)]
pub struct Counter(Mutex<File>);

impl Counter {
    /// The next number that nobody has drawn.
    ///
    /// # Errors
    /// `cluster.counter` where the system takes no byte.
    pub fn draw(&self) -> Result<u64, Error> {
        let mut file = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let drawn = file.write_all(&[0]).and_then(|()| file.stream_position());
        drawn.map(|end| end.saturating_sub(1)).map_err(|e| {
            Error::outside("cluster.counter", format!("the processes cannot share out the blocks of a file: {e}"))
                .at(SHARED)
                .help("make room there: a byte for each block of 256 KiB is needed")
        })
    }
}

/// The counters of a run, where this process has them.
#[derive(Debug, Default)]
pub(super) struct Counters {
    files: Vec<File>,
    /// Of process 0, which takes the names away when all have opened them.
    names: Vec<TempPath>,
}

impl Counters {
    /// Makes the counters of the run; for process 0.
    pub(super) fn make(run: [u8; 16], count: usize) -> Option<Self> {
        Self::make_in(Path::new(SHARED), run, count)
    }

    /// Opens those that process 0 has made.
    pub(super) fn open(run: [u8; 16], count: usize) -> Option<Self> {
        Self::open_in(Path::new(SHARED), run, count)
    }

    fn make_in(folder: &Path, run: [u8; 16], count: usize) -> Option<Self> {
        let mut counters = Self::default();
        for i in 0..wanted(count)? {
            let name = name(run, i);
            let named = tempfile::Builder::new().prefix(&name).rand_bytes(0).tempfile_in(folder).ok()?;
            counters.files.push(append(named.path()).ok()?);
            counters.names.push(named.into_temp_path());
        }
        Some(counters)
    }

    fn open_in(folder: &Path, run: [u8; 16], count: usize) -> Option<Self> {
        let files = (0..wanted(count)?).map(|i| append(&folder.join(name(run, i))));
        Some(Self { files: files.collect::<io::Result<_>>().ok()?, names: Vec::new() })
    }

    /// All processes have them: nobody opens them any more.
    pub(super) fn into_counters(self) -> Vec<Counter> {
        self.files.into_iter().map(|file| Counter(Mutex::new(file))).collect()
    }
}

fn wanted(count: usize) -> Option<usize> {
    (1..=MAX_COUNTERS).contains(&count).then_some(count)
}

fn name(run: [u8; 16], counter: usize) -> String {
    format!("highwater-{:032x}-{counter}", u128::from_be_bytes(run))
}

fn append(path: &Path) -> io::Result<File> {
    OpenOptions::new().append(true).open(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn each_number_is_drawn_once_by_those_who_have_opened_the_same_counter() {
        let folder = tempfile::tempdir().unwrap();
        let made = Counters::make_in(folder.path(), [7; 16], 2).unwrap();
        let opened: Vec<Counters> =
            (0..3).map(|_| Counters::open_in(folder.path(), [7; 16], 2).unwrap()).chain([made]).collect();
        let all: Vec<Vec<Counter>> = opened.into_iter().map(Counters::into_counters).collect();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "the names are gone");
        let drawn: Vec<Vec<u64>> = std::thread::scope(|scope| {
            // Two threads a process.
            let draws = |counters: &'_ [Counter]| (0..500).map(|_| counters[1].draw().unwrap()).collect();
            let threads: Vec<_> = all.iter().chain(&all).map(|one| scope.spawn(move || draws(one))).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        for one in &drawn {
            assert!(one.is_sorted(), "who draws later has a greater number");
        }
        let numbers: BTreeSet<u64> = drawn.into_iter().flatten().collect();
        assert_eq!(numbers.into_iter().collect::<Vec<_>>(), (0..4_000).collect::<Vec<_>>());
        assert_eq!(all[2][0].draw().unwrap(), 0, "the other counter is at its beginning");
    }

    #[test]
    fn there_are_none_of_another_run_nor_too_many_nor_when_their_maker_is_gone() {
        let folder = tempfile::tempdir().unwrap();
        let made = Counters::make_in(folder.path(), [7; 16], 1).unwrap();
        assert!(Counters::open_in(folder.path(), [8; 16], 1).is_none());
        assert!(Counters::open_in(folder.path(), [7; 16], 2).is_none());
        assert!(Counters::make_in(folder.path(), [7; 16], 1).is_none(), "a name is taken once");
        assert!(Counters::make_in(folder.path(), [9; 16], MAX_COUNTERS + 1).is_none());
        assert!(Counters::make_in(folder.path(), [9; 16], 0).is_none());
        assert!(Counters::make_in(&folder.path().join("none"), [9; 16], 1).is_none());
        drop(made);
        assert!(Counters::open_in(folder.path(), [7; 16], 1).is_none());
    }
}
