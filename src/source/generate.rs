//! The built-in generator as a partition: any worker makes any block.
//!
//! Paced in real time, a block is given out when the wall clock reaches its event time (counted from the start of the
//! run); otherwise as fast as it is asked for.

use super::{Block, Claims, Draw, Next, Partition, Share};
use crate::error::Error;
use crate::generate::{Generator, Settings};
use std::time::{Duration, Instant};

/// A partition of a `generate` source.
pub struct GeneratePartition {
    name: String,
    generator: Generator,
    share: Share,
    claims: Claims,
    /// When the run began, where the pace is real time.
    began: Option<Instant>,
    first: i64,
}

impl GeneratePartition {
    /// Partition `partition` of the generator with these settings.
    pub fn new(settings: Settings, partition: u32, real_time: bool, share: Share) -> Self {
        let generator = Generator::new(settings, partition);
        let first = generator.block_time(0).0;
        Self {
            name: format!("generate/{partition}"),
            generator,
            share,
            claims: Claims::new(share),
            began: real_time.then(Instant::now),
            first,
        }
    }
}

impl Partition for GeneratePartition {
    fn next(&self, buffer: &mut Vec<u8>) -> Result<Next, Error> {
        buffer.clear();
        let exists = |index: u64| self.generator.blocks().is_none_or(|n| index < n);
        if let Some(began) = self.began
            && let Some(index) = self.claims.peek().filter(|index| exists(*index))
        {
            let due = Duration::from_micros((self.generator.block_time(index).0 - self.first).max(0) as u64);
            let now = began.elapsed();
            if now < due {
                return Ok(Next::Wait(Some(due - now)));
            }
        }
        let Some(index) = self.claims.next(exists)? else { return Ok(Next::End) };
        self.generator.block(index, buffer);
        Ok(Next::Block(Block {
            index,
            range: 0..buffer.len(),
            position: 0,
            oversized: Vec::new(),
            head: None,
            arrived: None,
        }))
    }

    fn stop(&self) -> u64 {
        self.claims.stop()
    }

    fn name(&self) -> &str {
        &self.name
    }

    /// Blocks are made alone, so that nobody knows how many bytes are before one; each is shorter than 4 GiB.
    fn place(&self, block: &Block) -> u64 {
        block.index << 32
    }

    fn is_shared(&self) -> bool {
        self.share.processes > 1
    }

    /// In real time a block is looked at before it is taken.
    fn can_draw(&self) -> bool {
        self.is_shared() && self.began.is_none()
    }

    fn draw_from(&self, draw: Draw) {
        self.claims.draw_from(draw);
    }
}
