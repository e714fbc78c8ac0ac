//! JC by hand: hours of events, turned into the totals of the day so far, stated at the end of each hour.

use super::baseline::{Fields, Job};
use super::loops::{Simple, groups};
use super::rows::Rows;
use super::table::{Slice, Slices, Table, hash};

const HOUR: i64 = 3_600_000_000;
const DAY: i64 = 24 * HOUR;

/// JC: cumulating days by page.
#[derive(Debug, Default)]
pub struct Days {
    scratch: Vec<u8>,
    totals: Table<Simple>,
    /// The end of the last hour that was stated.
    stated: Option<i64>,
}

impl Days {
    fn say(&mut self, end: i64, rows: &mut Rows) {
        rows.window((end - 1).div_euclid(DAY) * DAY, end);
        for (_, page, total) in self.totals.groups() {
            rows.begin().text("page", page).whole("events", total.events);
            rows.number("sum_duration", total.some(total.sum)).number("max_duration", total.some(total.max)).end();
        }
        self.stated = Some(end);
        if end.rem_euclid(DAY) == 0 {
            self.totals.clear();
        }
    }

    /// The hours before `end` that had no event.
    fn catch_up(&mut self, end: i64, rows: &mut Rows) {
        while let Some(stated) = self.stated.filter(|stated| stated + HOUR < end && stated.rem_euclid(DAY) != 0) {
            self.say(stated + HOUR, rows);
        }
    }
}

impl Job for Days {
    type State = Simple;
    const NAME: &'static str = "jc";
    const SIZE: i64 = HOUR;
    const SLIDE: i64 = HOUR;

    fn event(&mut self, line: &[u8], slices: &mut Slices<Simple>, late: &mut u64) -> Option<i64> {
        let fields = Fields::read(line, |_| true)?;
        let time = fields.time?;
        match slices.at(time) {
            Some(table) => {
                let page = fields.page.map_or(b"unknown".as_slice(), |page| page.plain(&mut self.scratch));
                table.state(hash(page), page).add(fields.duration);
            }
            None => *late += 1,
        }
        Some(time)
    }

    fn state(&mut self, slices: &mut [Slice<Simple>], rows: &mut Rows) {
        let Some(end) = slices.first().map(|slice| slice.start + HOUR) else { return };
        self.catch_up(end, rows);
        for (hash, page, state) in groups(slices) {
            self.totals.state(hash, page).merge(state);
        }
        self.say(end, rows);
    }

    fn finish(&mut self, rows: &mut Rows) {
        self.catch_up(i64::MAX, rows);
    }
}
