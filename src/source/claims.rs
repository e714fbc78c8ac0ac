//! The blocks of a partition, given out once each to the workers of this process.

use super::Share;
use std::sync::atomic::{AtomicU64, Ordering};

/// Set once no more blocks are given out; the bits below count those that were.
const STOPPED: u64 = 1 << 63;

/// Counts the blocks that this process has given out: block `n * processes + process` is the `n`th.
#[derive(Debug)]
pub(super) struct Claims {
    given: AtomicU64,
    share: Share,
}

impl Claims {
    pub(super) fn new(share: Share) -> Self {
        Self { given: AtomicU64::new(0), share }
    }

    fn index(&self, given: u64) -> u64 {
        (given & !STOPPED) * self.share.processes + self.share.process
    }

    /// The block that would be given out next; `None` once stopped.
    pub(super) fn peek(&self) -> Option<u64> {
        let given = self.given.load(Ordering::SeqCst);
        (given & STOPPED == 0).then(|| self.index(given))
    }

    /// Gives out the next block, where `exists` says that there is one and nobody has stopped.
    pub(super) fn next(&self, exists: impl Fn(u64) -> bool) -> Option<u64> {
        let mut given = self.given.load(Ordering::SeqCst);
        loop {
            let index = self.index(given);
            if given & STOPPED != 0 || !exists(index) {
                return None;
            }
            match self.given.compare_exchange_weak(given, given + 1, Ordering::SeqCst, Ordering::SeqCst) {
                Ok(_) => return Some(index),
                Err(now) => given = now,
            }
        }
    }

    /// Gives out no more; the first block of this process that was not given out, the same at every call.
    pub(super) fn stop(&self) -> u64 {
        self.index(self.given.fetch_or(STOPPED, Ordering::SeqCst))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_block_is_given_out_once_and_none_after_the_stop() {
        let claims = Claims::new(Share { process: 1, processes: 3 });
        let given = std::sync::Mutex::new(Vec::new());
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    while let Some(index) = claims.next(|index| index < 900) {
                        given.lock().unwrap().push(index);
                    }
                });
            }
        });
        let mut given = given.into_inner().unwrap();
        given.sort_unstable();
        assert_eq!(given, (0..300).map(|n| n * 3 + 1).collect::<Vec<_>>());
        assert_eq!((claims.stop(), claims.stop()), (901, 901));
        assert_eq!((claims.peek(), claims.next(|_| true)), (None, None));
    }
}
