//! VT by hand: seconds of events by user, near 100,000 of them, turned into the ten of each second with the longest visit, and
//! these into a row a user and ten seconds.

use super::baseline::Job;
use super::loops::{Simple, by_user, groups};
use super::rows::Rows;
use super::table::{Reset, Slice, Slices, Table};

const SECOND: i64 = 1_000_000;
/// The length of a window over windows.
const OUTER: i64 = 10 * SECOND;
/// How many of a second are kept.
const TOP: usize = 10;
/// Visits that are not longer are left out.
const LEAST: f64 = 1.0;

/// What is said of a user in ten seconds.
#[derive(Debug, Default)]
pub struct Best {
    seconds: u64,
    events: u64,
    longest: f64,
}

impl Reset for Best {
    fn reset(&mut self) {
        *self = Self::default();
    }
}

/// VT: where, the top ten, windows over windows.
#[derive(Debug, Default)]
pub struct Views {
    scratch: Vec<u8>,
    outer: Table<Best>,
    /// The end of the window over windows that is open.
    open: Option<i64>,
}

impl Views {
    fn say(&mut self, rows: &mut Rows) {
        if let Some(end) = self.open.take() {
            rows.window(end - OUTER, end);
            for (_, user, best) in self.outer.groups() {
                rows.begin().text("user_id", user).whole("seconds", best.seconds).whole("events", best.events);
                rows.number("longest", Some(best.longest)).end();
            }
            self.outer.clear();
        }
    }
}

impl Job for Views {
    type State = Simple;
    const NAME: &'static str = "vt";
    const SIZE: i64 = SECOND;
    const SLIDE: i64 = SECOND;

    fn event(&mut self, line: &[u8], slices: &mut Slices<Simple>, late: &mut u64) -> Option<i64> {
        by_user(line, slices, late, &mut self.scratch)
    }

    fn state(&mut self, slices: &mut [Slice<Simple>], rows: &mut Rows) {
        let Some(end) = slices.first().map(|slice| slice.start + SECOND) else { return };
        let outer = ((end - 1).div_euclid(OUTER) + 1) * OUTER;
        if self.open.is_some_and(|open| open != outer) {
            self.say(rows);
        }
        let long = groups(slices).filter(|(_, _, state)| state.values > 0 && state.max > LEAST);
        let mut list: Vec<(f64, &[u8], u64, u64)> =
            long.map(|(hash, user, state)| (state.max, user, hash, state.events)).collect();
        let order =
            |a: &(f64, &[u8], u64, u64), b: &(f64, &[u8], u64, u64)| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(b.1));
        if list.len() > TOP {
            list.select_nth_unstable_by(TOP - 1, order);
            list.truncate(TOP);
        }
        for (longest, user, hash, events) in list {
            let best = self.outer.state(hash, user);
            best.seconds += 1;
            best.events += events;
            best.longest = best.longest.max(longest);
            self.open = Some(outer);
        }
    }

    fn finish(&mut self, rows: &mut Rows) {
        self.say(rows);
    }
}
