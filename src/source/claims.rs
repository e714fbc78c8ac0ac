//! The blocks of a partition, given out once each to the workers of this process.

use super::{Draw, Share};
use crate::error::Error;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// Set once no more blocks are given out; the bits below count those that were.
const STOPPED: u64 = 1 << 63;

/// Counts the blocks that this process has given out: block `n * processes + process` is the `n`th, unless all processes
/// draw the numbers of their blocks from one counter.
pub(super) struct Claims {
    given: AtomicU64,
    share: Share,
    draw: OnceLock<Draw>,
}

impl std::fmt::Debug for Claims {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let drawn = self.draw.get().is_some();
        f.debug_struct("Claims").field("given", &self.given).field("share", &self.share).field("drawn", &drawn).finish()
    }
}

impl Claims {
    pub(super) fn new(share: Share) -> Self {
        Self { given: AtomicU64::new(0), share, draw: OnceLock::new() }
    }

    /// Draws the numbers from here on; set before the first is given out.
    pub(super) fn draw_from(&self, draw: Draw) {
        let _ = self.draw.set(draw);
    }

    fn index(&self, given: u64) -> u64 {
        (given & !STOPPED) * self.share.processes + self.share.process
    }

    /// The block that would be given out next; `None` once stopped. Not where they are drawn.
    pub(super) fn peek(&self) -> Option<u64> {
        let given = self.given.load(Ordering::SeqCst);
        (given & STOPPED == 0).then(|| self.index(given))
    }

    /// Gives out the next block, where `exists` says that there is one and nobody has stopped.
    pub(super) fn next(&self, exists: impl Fn(u64) -> bool) -> Result<Option<u64>, Error> {
        let mut given = self.given.load(Ordering::SeqCst);
        if let Some(draw) = self.draw.get() {
            // What is drawn is read, also where a stop comes in between.
            return if given & STOPPED == 0 {
                draw().map(|index| Some(index).filter(|i| exists(*i)))
            } else {
                Ok(None)
            };
        }
        loop {
            let index = self.index(given);
            if given & STOPPED != 0 || !exists(index) {
                return Ok(None);
            }
            match self.given.compare_exchange_weak(given, given + 1, Ordering::SeqCst, Ordering::SeqCst) {
                Ok(_) => return Ok(Some(index)),
                Err(now) => given = now,
            }
        }
    }

    /// Gives out no more; the first block of this process that was not given out, the same at every call. Where they are
    /// drawn there is none: those that were drawn are all that there will be, without a gap, and all are read.
    pub(super) fn stop(&self) -> u64 {
        let given = self.given.fetch_or(STOPPED, Ordering::SeqCst);
        if self.draw.get().is_some() { u64::MAX } else { self.index(given) }
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
                    while let Some(index) = claims.next(|index| index < 900).unwrap() {
                        given.lock().unwrap().push(index);
                    }
                });
            }
        });
        let mut given = given.into_inner().unwrap();
        given.sort_unstable();
        assert_eq!(given, (0..300).map(|n| n * 3 + 1).collect::<Vec<_>>());
        assert_eq!((claims.stop(), claims.stop()), (901, 901));
        assert_eq!((claims.peek(), claims.next(|_| true).unwrap()), (None, None));
    }
    #[test]
    fn what_is_drawn_is_given_out_and_none_after_the_stop_nor_behind_the_end() {
        let counter = std::sync::Arc::new(AtomicU64::new(0));
        let draws = |share| {
            let (claims, counter) = (Claims::new(share), std::sync::Arc::clone(&counter));
            claims.draw_from(Box::new(move || Ok(counter.fetch_add(1, Ordering::SeqCst))));
            claims
        };
        let (a, b) = (draws(Share { process: 0, processes: 2 }), draws(Share { process: 1, processes: 2 }));
        let next = |claims: &Claims| claims.next(|index| index < 4).unwrap();
        assert_eq!([next(&a), next(&a), next(&b)], [Some(0), Some(1), Some(2)]);
        assert_eq!((a.stop(), next(&a)), (u64::MAX, None));
        assert_eq!([next(&b), next(&b)], [Some(3), None]);
        let fails = Claims::new(Share { process: 0, processes: 2 });
        fails.draw_from(Box::new(|| Err(Error::outside("x", "no room"))));
        assert!(fails.next(|_| true).is_err());
    }
}
