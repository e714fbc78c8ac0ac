//! A seed, turned into a realistic stream of events: the same bytes on every machine, block by block.
//!
//! The stream is that of a shop and its services: user actions, transactions, system metrics, errors and custom
//! events, with skewed users and pages, sessions, disorder, and, where asked for, late events and bad lines. It is
//! used by `highwater generate`, as a source, and in examples, tests and benches.
//!
//! Shapes: event `i` of the stream has the event time `start + i / rate`, less its delay where it is out of order; it
//! is in partition `i % partitions`. A block is a fixed number of events of one partition, each a line of JSON with
//! its line end; the order of lines is the order of arrival.
//!
//! Invariants: (1) an event is a function of the settings and its index alone, so any worker can make any block.
//! (2) where `late` is 0, no event lies more than `max_delay` behind any event before it. (3) every line is valid
//! UTF-8; without `bad`, every line is a valid JSON object with a time.

mod draw;
mod event;
mod settings;
mod text;
mod words;

pub use event::{Body, Defect, GeneratedEvent, Number, Visitor};
pub use settings::Settings;
pub use words::Phrase;

use crate::time::EventTime;
use event::Recipe;

/// The stream of one partition.
#[derive(Debug, Clone)]
pub struct Generator {
    settings: Settings,
    recipe: Recipe,
    partition: u64,
}

impl Generator {
    /// Partition `partition` (from 0) of the stream. Settings that cannot be are repaired, see
    /// [`Settings::problems`]; a partition that is not one of the stream's is empty.
    pub fn new(settings: Settings, partition: u32) -> Self {
        let settings = settings.repaired();
        Self { recipe: Recipe::new(&settings), settings, partition: u64::from(partition) }
    }

    /// How many events the partition has; `None` where it has no end.
    pub fn events(&self) -> Option<u64> {
        let partitions = u64::from(self.settings.partitions);
        if self.partition >= partitions {
            return Some(0);
        }
        let all = self.settings.events;
        (all != u64::MAX).then(|| all / partitions + u64::from(self.partition < all % partitions))
    }

    /// How many blocks the partition has; `None` where it has no end.
    pub fn blocks(&self) -> Option<u64> {
        self.events().map(|n| n.div_ceil(u64::from(self.settings.block)))
    }

    /// How many events block `k` has: the block size, less in the last block, 0 after it.
    pub fn block_events(&self, k: u64) -> u64 {
        let size = u64::from(self.settings.block);
        self.events().map_or(size, |n| n.saturating_sub(k.saturating_mul(size)).min(size))
    }

    /// Appends block `k` to `out`.
    pub fn block(&self, k: u64, out: &mut Vec<u8>) {
        let first = k.wrapping_mul(u64::from(self.settings.block));
        let count = self.block_events(k);
        out.reserve(count as usize * 256);
        for i in 0..count {
            self.event(first.wrapping_add(i)).write(out);
        }
    }

    /// The event time at which block `k` is due, for pacing: that of its last event, were it in order.
    pub fn block_time(&self, k: u64) -> EventTime {
        let first = k.wrapping_mul(u64::from(self.settings.block));
        self.recipe.due(self.index(first.wrapping_add(self.block_events(k).saturating_sub(1))))
    }

    /// Event `i` (from 0) of this partition, as a struct; its line in the block says the same.
    #[inline]
    pub fn event(&self, i: u64) -> GeneratedEvent {
        self.recipe.event(self.index(i))
    }

    /// The index in the whole stream of event `i` of this partition.
    #[inline]
    fn index(&self, i: u64) -> u64 {
        i.wrapping_mul(u64::from(self.settings.partitions)).wrapping_add(self.partition)
    }
}

#[cfg(test)]
mod tests;
