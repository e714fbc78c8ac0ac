//! The inputs of the jobs: for each its generator, block by block.
//!
//! All have 10 % of their events out of order by up to 2 s, and none late.

use super::ticks::{Ticks, Waiting};
use crate::generate::{Generator, Settings};

/// A generated file that jobs read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input {
    /// The generator as it is by default: 10,000 events a second of event time, 100,000 users, 750 pages.
    Shop,
    /// 100,000 events a second and 1.5 million users, of whom about a million are seen among 5 million events.
    Users,
    /// `Users`, with a table of a fifth as many users as there are events beside it: see [`super::enrich`].
    Known,
    /// The events of `Shop` over five days of event time, however many they are.
    Days,
    /// `Shop`, as gzip.
    Gzip,
    /// `Shop`, as zstd.
    Zstd,
    /// Prices and letters of 1,000 symbols: see [`Ticks`].
    Ticks,
    /// Five events for each of as many keys as there is room for: see [`Waiting`].
    Waiting,
}

impl Input {
    /// The shop generator's settings for `events` events; of the inputs that it does not make, those of `Shop`.
    pub fn settings(self, events: u64) -> Settings {
        let shop = Settings { events, block: 16_384, ..Settings::default() };
        match self {
            Input::Days => Settings { rate: (events as f64 / 432_000.0).max(0.001), ..shop },
            Input::Users | Input::Known => Settings { users: 1_500_000, rate: 100_000.0, ..shop },
            _ => shop,
        }
    }

    /// What makes `events` events of it.
    pub fn maker(self, events: u64) -> Maker {
        match self {
            Input::Ticks => Maker::Ticks(Ticks { events, symbols: 1_000 }),
            Input::Waiting => Maker::Waiting(Waiting { events, rate: 10_000 }),
            _ => Maker::Shop(Generator::new(self.settings(events), 0)),
        }
    }

    /// The name of the file.
    pub fn name(self) -> &'static str {
        match self {
            Input::Shop | Input::Gzip | Input::Zstd => "shop",
            Input::Users | Input::Known => "users",
            Input::Days => "days",
            Input::Ticks => "ticks",
            Input::Waiting => "waiting",
        }
    }
}

/// Makes the lines of an input.
#[derive(Debug, Clone)]
pub enum Maker {
    /// The stream of a shop.
    Shop(Generator),
    /// Prices and letters.
    Ticks(Ticks),
    /// Keys that wait.
    Waiting(Waiting),
}

impl Maker {
    /// Events of a block of the inputs that are made here.
    const BLOCK: u64 = 16_384;

    /// How many blocks there are.
    pub fn blocks(&self) -> u64 {
        match self {
            Maker::Shop(generator) => generator.blocks().unwrap_or(0),
            Maker::Ticks(ticks) => ticks.events.div_ceil(Self::BLOCK),
            Maker::Waiting(waiting) => waiting.events.div_ceil(Self::BLOCK),
        }
    }

    /// Appends block `k` to `out`.
    pub fn block(&self, k: u64, out: &mut Vec<u8>) {
        let range = |events: u64| (k * Self::BLOCK).min(events)..((k + 1) * Self::BLOCK).min(events);
        match self {
            Maker::Shop(generator) => generator.block(k, out),
            Maker::Ticks(ticks) => range(ticks.events).for_each(|i| ticks.write(i, out)),
            Maker::Waiting(waiting) => range(waiting.events).for_each(|i| waiting.write(i, out)),
        }
    }
}
