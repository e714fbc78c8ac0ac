//! The keys by which batches were sent, turned into the answers that they were given: what is sent again gets the same.
//!
//! Invariants: (1) at most [`MOST`] keys and [`BYTES`] bytes are remembered, none longer than [`KEEP`]; the oldest leave first;
//! (2) only of what was accepted: all else has changed nothing, and may be tried again.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Keys, at most.
const MOST: usize = 65_536;
/// Bytes of keys and answers, at most.
const BYTES: usize = 16 << 20;
/// How long.
const KEEP: Duration = Duration::from_secs(600);

/// Answers by key.
#[derive(Debug, Default)]
pub(super) struct Memory {
    answers: HashMap<Arc<str>, Arc<str>>,
    /// The keys, the oldest first.
    order: VecDeque<(Instant, Arc<str>)>,
    bytes: usize,
}

impl Memory {
    /// The answer that was given to `key`.
    pub(super) fn get(&mut self, key: &str, now: Instant) -> Option<Arc<str>> {
        self.forget(now);
        self.answers.get(key).cloned()
    }

    /// Remembers the answer to a key that is not known.
    pub(super) fn put(&mut self, key: &str, answer: Arc<str>, now: Instant) {
        let key: Arc<str> = key.into();
        self.bytes += key.len() + answer.len();
        self.order.push_back((now, Arc::clone(&key)));
        self.answers.insert(key, answer);
        self.forget(now);
    }

    fn forget(&mut self, now: Instant) {
        while let Some((since, key)) = self.order.front() {
            let old = now.saturating_duration_since(*since) > KEEP;
            if !old && self.order.len() <= MOST && self.bytes <= BYTES {
                return;
            }
            let answer = self.answers.remove(key);
            self.bytes -= key.len() + answer.map_or(0, |answer| answer.len());
            self.order.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_remembered_for_their_time() {
        let (mut memory, began) = (Memory::default(), Instant::now());
        let at = |seconds| began + Duration::from_secs(seconds);
        memory.put("a", "1".into(), at(0));
        memory.put("b", "2".into(), at(500));
        assert_eq!(memory.get("a", at(600)).as_deref(), Some("1"));
        assert_eq!(memory.get("a", at(601)), None);
        assert_eq!(memory.get("b", at(601)).as_deref(), Some("2"));
        assert_eq!(memory.get("b", at(1101)), None);
        assert_eq!((memory.bytes, memory.order.len(), memory.answers.len()), (0, 0, 0));
    }

    #[test]
    fn the_oldest_leave_where_there_are_too_many_or_too_large_ones() {
        let (mut memory, now) = (Memory::default(), Instant::now());
        for i in 0..MOST + 10 {
            memory.put(&i.to_string(), "x".into(), now);
        }
        assert_eq!((memory.order.len(), memory.answers.len()), (MOST, MOST));
        assert_eq!((memory.get("9", now), memory.get("10", now).as_deref()), (None, Some("x")));
        for i in 0..20 {
            memory.put(&format!("large {i}"), "y".repeat(BYTES / 10).into(), now);
        }
        assert!(memory.bytes <= BYTES && memory.answers.len() < 11, "{}", memory.bytes);
        assert!(memory.get("large 19", now).is_some());
    }
}
