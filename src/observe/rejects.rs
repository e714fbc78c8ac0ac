//! Lines that are no events, and events that were too late, turned into a short list of the newest.
//!
//! Invariants: (1) memory is bounded by [`MOST`] entries of [`LONGEST`] bytes each, whatever comes; (2) of one block of input at most
//! [`OF_BLOCK`] are written down, so that input which is all wrong costs little more than input which is right; how many there were is
//! counted elsewhere; (3) where nobody looks nothing is kept.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use std::time::SystemTime;

/// Entries that are kept.
const MOST: usize = 1000;
/// Bytes of a line that are kept.
const LONGEST: usize = 500;
/// Entries of one block of input; the newest.
pub const OF_BLOCK: usize = 20;

/// A line that was rejected.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Rejected {
    /// Its number, from 1, in the order in which this process has come to know of them.
    pub number: u64,
    /// When it was seen, by the clock of the machine; microseconds since 1970.
    pub seen: i64,
    /// The source.
    pub source: String,
    /// The partition.
    pub partition: String,
    /// Bytes from the partition's start.
    pub position: u64,
    /// Bytes of the line.
    pub length: u64,
    /// The stable code of the reason.
    pub reason: Cow<'static, str>,
    /// What exactly is wrong.
    pub detail: String,
    /// The beginning of the line; bytes that are no text are shown as U+FFFD.
    pub line: String,
    /// The line goes on.
    pub cut: bool,
}

/// What is wrong with a line, and where it is in its partition.
#[derive(Debug, Clone)]
pub struct Fault<'a> {
    /// Bytes from the partition's start.
    pub position: u64,
    /// Bytes of the line.
    pub length: u64,
    /// The stable code of the reason.
    pub reason: &'static str,
    /// What exactly is wrong.
    pub detail: &'a str,
    /// The line; empty where it was too long to keep.
    pub line: &'a [u8],
}

/// The newest rejected lines.
#[derive(Debug, Default)]
pub struct Rejects {
    wanted: AtomicBool,
    list: Mutex<(u64, VecDeque<Kept>)>,
}

/// A line, and whether this process has rejected it.
#[derive(Debug)]
struct Kept(Rejected, bool);

impl Rejects {
    /// Somebody looks: from now on they are kept.
    pub fn keep(&self) {
        self.wanted.store(true, Relaxed);
    }

    /// True where somebody looks.
    pub fn wanted(&self) -> bool {
        self.wanted.load(Relaxed)
    }

    /// Takes the faults of one block of a partition.
    pub fn take<'a>(&self, source: &str, partition: &str, faults: impl Iterator<Item = Fault<'a>>) {
        if !self.wanted() {
            return;
        }
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let seen = i64::try_from(since.as_micros()).unwrap_or(i64::MAX);
        let mut list = self.list.lock().unwrap_or_else(PoisonError::into_inner);
        let (number, list) = &mut *list;
        for fault in faults {
            *number += 1;
            let end = fault.line.len().min(LONGEST);
            let line = Rejected {
                number: *number,
                seen,
                source: source.to_owned(),
                partition: partition.to_owned(),
                position: fault.position,
                length: fault.length,
                reason: Cow::Borrowed(fault.reason),
                detail: short(fault.detail),
                line: String::from_utf8_lossy(&fault.line[..end]).into_owned(),
                cut: (end as u64) < fault.length,
            };
            list.push_back(Kept(line, true));
        }
        while list.len() > MOST {
            list.pop_front();
        }
    }

    /// The lines that this process has rejected behind number `told`, the newest `most` of them, and the number to ask behind next.
    pub fn since(&self, told: u64, most: usize) -> (u64, Vec<Rejected>) {
        let list = self.list.lock().unwrap_or_else(PoisonError::into_inner);
        let new = list.1.iter().rev().filter(|Kept(one, ours)| *ours && one.number > told);
        let mut new: Vec<Rejected> = new.take(most).map(|Kept(one, _)| one.clone()).collect();
        new.reverse();
        (list.0, new)
    }

    /// Takes lines that another process has rejected.
    pub fn adopt(&self, lines: Vec<Rejected>) {
        if !self.wanted() {
            return;
        }
        let mut list = self.list.lock().unwrap_or_else(PoisonError::into_inner);
        let (number, list) = &mut *list;
        for line in lines {
            *number += 1;
            let at = list.iter().rposition(|Kept(one, _)| one.seen <= line.seen).map_or(0, |at| at + 1);
            list.insert(at, Kept(Rejected { number: *number, ..line }, false));
        }
        while list.len() > MOST {
            list.pop_front();
        }
    }

    /// The newest first, at most `limit`, for which `wanted` holds; and how many of all are like that.
    pub fn newest(&self, limit: usize, wanted: impl Fn(&Rejected) -> bool) -> (Vec<Rejected>, usize) {
        let list = self.list.lock().unwrap_or_else(PoisonError::into_inner);
        let found = || list.1.iter().rev().map(|Kept(one, _)| one).filter(|one| wanted(one));
        (found().take(limit).cloned().collect(), found().count())
    }
}

fn short(text: &str) -> String {
    let end = (0..=text.len().min(LONGEST)).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    text[..end].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(position: u64, line: &[u8]) -> Fault<'_> {
        Fault { position, length: line.len() as u64, reason: "syntax", detail: "it is none", line }
    }

    #[test]
    fn the_newest_are_kept_and_long_lines_are_cut() {
        let rejects = Rejects::default();
        rejects.keep();
        let long = "\u{fc}".repeat(LONGEST);
        for i in 0..MOST as u64 + 5 {
            rejects.take("events", "a", [fault(i, b"x"), fault(i, long.as_bytes())].into_iter());
        }
        let (list, all) = rejects.newest(3, |_| true);
        assert_eq!((list.len(), all), (3, MOST));
        assert!(list[0].cut && list[0].line.len() <= LONGEST + 3 && list[0].length == 2 * LONGEST as u64);
        assert!(!list[1].cut && list[1].line == "x" && list[1].position == MOST as u64 + 4);
        assert_eq!(list[0].number, 2 * (MOST as u64 + 5));
        assert_eq!(rejects.newest(9, |one| one.source == "others"), (Vec::new(), 0));
    }

    #[test]
    fn what_one_process_tells_of_another_stands_in_the_order_of_the_clock_and_is_told_once() {
        let (here, there) = (Rejects::default(), Rejects::default());
        here.keep();
        there.keep();
        there.take("events", "b", [fault(1, b"x"), fault(2, b"y")].into_iter());
        let (told, lines) = there.since(0, 9);
        assert_eq!((told, lines.len(), there.since(told, 9).1.len(), there.since(0, 1).1[0].position), (2, 2, 0, 2));
        here.take("events", "a", [fault(7, b"z")].into_iter());
        // It was seen before, and heard of behind.
        here.adopt(lines);
        let (list, all) = here.newest(9, |_| true);
        let said: Vec<(u64, u64)> = list.iter().map(|one| (one.number, one.position)).collect();
        assert_eq!((said, all), (vec![(1, 7), (3, 2), (2, 1)], 3));
        // What others have told is not told on.
        assert_eq!(here.since(0, 9).1.len(), 1);
    }

    #[test]
    fn where_nobody_looks_nothing_is_kept() {
        let rejects = Rejects::default();
        rejects.take("events", "a", [fault(1, b"x")].into_iter());
        assert_eq!(rejects.newest(9, |_| true).1, 0);
    }
}
