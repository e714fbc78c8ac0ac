//! JA by hand: 21 aggregates of each page at once.

use super::baseline::{Fields, Job};
use super::loops::{distinct, groups, percentile};
use super::rows::Rows;
use super::table::{Reset, Slice, Slices, hash};

/// JA: all that can be said of the visits of a page.
#[derive(Debug, Default)]
pub struct Many {
    scratch: Vec<u8>,
    /// The number of the line: of two events of one time the earlier line counts as earlier.
    line: u64,
}

/// A value of an event, where it stands among all, and whose it is.
#[derive(Debug, Default)]
struct Best {
    value: f64,
    at: (i64, u64),
    user: Vec<u8>,
    any: bool,
}

impl Best {
    fn name(&self) -> &[u8] {
        if self.any { &self.user } else { b"nobody" }
    }

    fn offer(&mut self, wins: bool, value: f64, at: (i64, u64), user: &[u8]) {
        if !self.any || wins {
            (self.any, self.value, self.at) = (true, value, at);
            self.user.clear();
            self.user.extend_from_slice(user);
        }
    }
}

/// The state of [`Many`].
#[derive(Debug, Default)]
pub struct Page {
    events: u64,
    sum: f64,
    squares: f64,
    durations: Vec<f64>,
    users: Vec<u64>,
    first: Option<((i64, u64), f64)>,
    last: Option<((i64, u64), f64)>,
    longest: Best,
    shortest: Best,
    long: u64,
    short: u64,
}

impl Reset for Page {
    fn reset(&mut self) {
        self.durations.clear();
        self.users.clear();
        (self.events, self.sum, self.squares, self.long, self.short) = (0, 0.0, 0.0, 0, 0);
        (self.first, self.last) = (None, None);
        (self.longest.any, self.shortest.any) = (false, false);
    }
}

impl Page {
    fn add(&mut self, duration: Option<f64>, at: (i64, u64), user: Option<&[u8]>) {
        self.events += 1;
        if let Some(user) = user {
            self.users.push(hash(user));
        }
        let Some(duration) = duration else { return };
        self.sum += duration;
        self.squares += duration * duration;
        self.durations.push(duration);
        self.long += u64::from(duration > 60.0);
        self.short += u64::from(duration > 1.0);
        if self.first.is_none_or(|(first, _)| at < first) {
            self.first = Some((at, duration));
        }
        if self.last.is_none_or(|(last, _)| at > last) {
            self.last = Some((at, duration));
        }
        // The event where it is greatest counts also where it has no user.
        if let Some(user) = user {
            let best = &mut self.longest;
            best.offer((duration, best.at) > (best.value, at), duration, at, user);
            let best = &mut self.shortest;
            best.offer((duration, at) < (best.value, best.at), duration, at, user);
        }
    }
}

impl Job for Many {
    type State = Page;
    const NAME: &'static str = "ja";
    const SIZE: i64 = 10_000_000;
    const SLIDE: i64 = 10_000_000;

    fn event(&mut self, line: &[u8], slices: &mut Slices<Page>, late: &mut u64) -> Option<i64> {
        self.line += 1;
        let fields = Fields::read(line, |kind| kind == b"user_action")?;
        let time = fields.time?;
        if fields.wanted == Some(true)
            && let Some(user) = fields.user
        {
            let Some(table) = slices.at(time) else {
                *late += 1;
                return Some(time);
            };
            let page = fields.page.map_or(b"unknown".as_slice(), |page| page.plain(&mut self.scratch));
            let state = table.state(hash(page), page);
            let user = user.plain(&mut self.scratch);
            state.add(fields.duration, (time, self.line), Some(user));
        }
        Some(time)
    }

    fn state(&mut self, slices: &mut [Slice<Page>], rows: &mut Rows) {
        for slice in slices.iter_mut() {
            for state in slice.table.states() {
                state.durations.sort_unstable_by(f64::total_cmp);
                state.users.sort_unstable();
                state.users.dedup();
            }
        }
        for (_, page, s) in groups(slices) {
            let values = &s.durations;
            let n = values.len() as f64;
            let some = |v: f64| (!values.is_empty()).then_some(v);
            let spread = (n * s.squares - s.sum * s.sum).max(0.0);
            let sample = (values.len() > 1).then(|| spread / (n * (n - 1.0)));
            rows.begin().text("page", page).whole("events", s.events).whole("timed", values.len() as u64);
            rows.number("sum_duration", some(s.sum)).number("avg_duration", some(s.sum / n));
            rows.number("min_duration", values.first().copied()).number("max_duration", values.last().copied());
            rows.number("median_duration", percentile(values, &[], 0.5));
            rows.number("p95_duration", percentile(values, &[], 0.95));
            rows.number("p99_duration", percentile(values, &[], 0.99));
            rows.whole("users", distinct(&s.users, &[]));
            rows.number("var_pop", some(spread / (n * n))).number("stddev_pop", some((spread / (n * n)).sqrt()));
            rows.number("var_samp", sample).number("stddev_samp", sample.map(f64::sqrt));
            rows.number("first_duration", s.first.map(|(_, v)| v)).number("last_duration", s.last.map(|(_, v)| v));
            rows.text("longest", s.longest.name()).text("shortest", s.shortest.name());
            rows.truth("any_long", (!values.is_empty()).then_some(s.long > 0));
            rows.truth("all_real", (!values.is_empty()).then_some(s.short == values.len() as u64));
            rows.number("per_second", Some(s.events as f64 / 10.0)).end();
        }
    }
}
