//! The jobs of the bench as hand-written loops: fields and filter in, groups and rows out.

use super::baseline::{Fields, Job};
use super::rows::Rows;
use super::scan::{Cursor, Text};
use super::table::{Reset, Slice, Slices, Table, hash};

/// The smallest event: its type first, and its time.
fn type_and_time(line: &[u8], wanted: &[u8]) -> Option<(bool, i64)> {
    let mut cursor = Cursor::new(line);
    if !cursor.enter() {
        return None;
    }
    let (mut is_wanted, mut time) = (None, None);
    while let Some(key) = cursor.key() {
        match key {
            b"event_type" => is_wanted = Some(cursor.text().is_some_and(|text| text.raw == wanted)),
            b"timestamp" => time = cursor.seconds(),
            _ => cursor.skip(),
        }
        if let (Some(is_wanted), Some(time)) = (is_wanted, time) {
            return Some((is_wanted, time));
        }
    }
    time.map(|time| (false, time))
}

/// J0: a filter that nothing passes.
#[derive(Debug, Default)]
pub struct Nothing;

impl Job for Nothing {
    type State = Simple;
    const NAME: &'static str = "j0";
    const SIZE: i64 = 10_000_000;
    const SLIDE: i64 = 10_000_000;

    fn event(&mut self, line: &[u8], slices: &mut Slices<Simple>, late: &mut u64) -> Option<i64> {
        let (wanted, time) = type_and_time(line, b"none")?;
        if wanted {
            match slices.at(time) {
                Some(table) => table.state(hash(b""), b"").events += 1,
                None => *late += 1,
            }
        }
        Some(time)
    }

    fn state(&mut self, slices: &mut [Slice<Simple>], rows: &mut Rows) {
        for (_, _, state) in groups(slices) {
            rows.begin().whole("events", state.events).end();
        }
    }
}

pub(super) fn groups<S: Reset>(slices: &[Slice<S>]) -> impl Iterator<Item = (u64, &[u8], &S)> {
    slices.iter().flat_map(|slice| slice.table.groups())
}

/// J0B: how many events have each of the fields that J1 reads.
#[derive(Debug, Default)]
pub struct Decode;

/// The state of [`Decode`]: events, and for each field how many have it.
#[derive(Debug, Default)]
pub struct Present(pub(super) [u64; 5]);

impl Reset for Present {
    fn reset(&mut self) {
        self.0 = [0; 5];
    }
}

impl Job for Decode {
    type State = Present;
    const NAME: &'static str = "j0b";
    const SIZE: i64 = 10_000_000;
    const SLIDE: i64 = 10_000_000;

    fn event(&mut self, line: &[u8], slices: &mut Slices<Present>, late: &mut u64) -> Option<i64> {
        let fields = Fields::read(line, |_| true)?;
        let time = fields.time?;
        match slices.at(time) {
            Some(table) => {
                let counts = &mut table.state(hash(b""), b"").0;
                let has = [
                    true,
                    fields.page.is_some(),
                    fields.user_type.is_some(),
                    fields.duration.is_some(),
                    fields.user.is_some(),
                ];
                for (count, has) in counts.iter_mut().zip(has) {
                    *count += u64::from(has);
                }
            }
            None => *late += 1,
        }
        Some(time)
    }

    fn state(&mut self, slices: &mut [Slice<Present>], rows: &mut Rows) {
        for (_, _, state) in groups(slices) {
            let [events, pages, user_types, durations, users] = state.0;
            rows.begin().whole("events", events).whole("pages", pages).whole("user_types", user_types);
            rows.whole("durations", durations).whole("users", users).end();
        }
    }
}

/// J1: what visitors do, by user type and page.
#[derive(Debug, Default)]
pub struct Activity {
    key: Vec<u8>,
    scratch: Vec<u8>,
}

/// The state of [`Activity`].
#[derive(Debug, Default)]
pub struct Visits {
    events: u64,
    sum: f64,
    min: f64,
    max: f64,
    /// Sorted once the slice is sealed.
    durations: Vec<f64>,
    /// Hashes of users; sorted and each once when the slice is sealed.
    users: Vec<u64>,
}

impl Reset for Visits {
    fn reset(&mut self) {
        self.events = 0;
        self.durations.clear();
        self.users.clear();
    }
}

impl Visits {
    #[inline]
    fn add(&mut self, duration: Option<f64>, user: Option<u64>) {
        self.events += 1;
        if let Some(duration) = duration {
            if self.durations.is_empty() {
                (self.sum, self.min, self.max) = (0.0, duration, duration);
            }
            self.sum += duration;
            self.min = self.min.min(duration);
            self.max = self.max.max(duration);
            self.durations.push(duration);
        }
        if let Some(user) = user {
            self.users.push(user);
        }
    }

    fn seal(&mut self) {
        self.durations.sort_unstable_by(f64::total_cmp);
        self.users.sort_unstable();
        self.users.dedup();
    }
}

impl Job for Activity {
    type State = Visits;
    const NAME: &'static str = "j1";
    const SIZE: i64 = 10_000_000;
    const SLIDE: i64 = 5_000_000;

    fn event(&mut self, line: &[u8], slices: &mut Slices<Visits>, late: &mut u64) -> Option<i64> {
        let fields = Fields::read(line, |kind| matches!(kind, b"user_action" | b"transaction"))?;
        let time = fields.time?;
        if fields.wanted == Some(true) {
            let Some(table) = slices.at(time) else {
                *late += 1;
                return Some(time);
            };
            self.key.clear();
            push(fields.user_type, &mut self.key, &mut self.scratch);
            self.key.push(0);
            push(fields.page, &mut self.key, &mut self.scratch);
            let state = table.state(hash(&self.key), &self.key);
            state.add(fields.duration, fields.user.map(|user| hash(user.plain(&mut self.scratch))));
        }
        Some(time)
    }

    fn state(&mut self, slices: &mut [Slice<Visits>], rows: &mut Rows) {
        for slice in slices.iter_mut().filter(|s| !s.sealed) {
            slice.table.states().for_each(Visits::seal);
            slice.sealed = true;
        }
        let empty = Visits::default();
        let (older, newer) = match slices {
            [older, newer] => (Some(&older.table), &newer.table),
            [only] => (None, &only.table),
            _ => return,
        };
        for (hash, key, state) in newer.groups() {
            visits_row(key, older.and_then(|older| older.find(hash, key)).unwrap_or(&empty), state, rows);
        }
        for (hash, key, state) in older.into_iter().flat_map(Table::groups) {
            if newer.find(hash, key).is_none() {
                visits_row(key, state, &empty, rows);
            }
        }
    }
}

/// A text, or `unknown`.
#[inline]
fn push(text: Option<Text<'_>>, key: &mut Vec<u8>, scratch: &mut Vec<u8>) {
    key.extend_from_slice(text.map_or(b"unknown", |text| text.plain(scratch)));
}

fn visits_row(key: &[u8], a: &Visits, b: &Visits, rows: &mut Rows) {
    let split = memchr::memchr(0, key).unwrap_or(key.len());
    let (user_type, page) = (&key[..split], &key[(split + 1).min(key.len())..]);
    let values = (a.durations.len() + b.durations.len()) as u64;
    let some = |v: f64| (values > 0).then_some(v);
    let (sum, min, max) = match (a.durations.is_empty(), b.durations.is_empty()) {
        (false, false) => (a.sum + b.sum, a.min.min(b.min), a.max.max(b.max)),
        (false, true) => (a.sum, a.min, a.max),
        _ => (b.sum, b.min, b.max),
    };
    rows.begin().text("user_type", user_type).text("page", page).whole("events", a.events + b.events);
    rows.number("sum_duration", some(sum)).number("avg_duration", some(sum / values as f64));
    rows.number("min_duration", some(min)).number("max_duration", some(max));
    rows.number("p95_duration", percentile(&a.durations, &b.durations, 0.95));
    rows.number("p99_duration", percentile(&a.durations, &b.durations, 0.99));
    rows.whole("users", distinct(&a.users, &b.users)).end();
}

/// The percentile of two sorted lists together, linear between order statistics. High percentiles are near the end,
/// so the walk from there is short.
pub(super) fn percentile(mut a: &[f64], mut b: &[f64], p: f64) -> Option<f64> {
    let count = a.len() + b.len();
    if count == 0 {
        return None;
    }
    let position = p * (count - 1) as f64;
    let rank = position.floor() as usize;
    let mut above = f64::NAN;
    loop {
        let last = match (a.last(), b.last()) {
            (Some(x), Some(y)) if x > y => *x,
            (Some(x), None) => *x,
            (_, Some(y)) => *y,
            (None, None) => return None,
        };
        if a.len() + b.len() == rank + 1 {
            let part = position - rank as f64;
            return Some(if part > 0.0 { last + (above - last) * part } else { last });
        }
        above = last;
        if a.last() == Some(&last) { a = &a[..a.len() - 1] } else { b = &b[..b.len() - 1] }
    }
}

/// How many values are in two sorted lists, each once.
pub(super) fn distinct(mut a: &[u64], mut b: &[u64]) -> u64 {
    let mut count = (a.len() + b.len()) as u64;
    while let ([x, rest_a @ ..], [y, rest_b @ ..]) = (a, b) {
        count -= u64::from(x == y);
        if x <= y {
            a = rest_a;
        }
        if y <= x {
            b = rest_b;
        }
    }
    count
}

/// Counts, a sum and a maximum: the state of the small jobs.
#[derive(Debug, Default)]
pub struct Simple {
    pub(super) events: u64,
    pub(super) values: u64,
    pub(super) sum: f64,
    pub(super) max: f64,
}

impl Reset for Simple {
    fn reset(&mut self) {
        *self = Self::default();
    }
}

impl Simple {
    #[inline]
    pub(super) fn add(&mut self, value: Option<f64>) {
        self.events += 1;
        if let Some(value) = value {
            self.max = if self.values == 0 { value } else { self.max.max(value) };
            self.values += 1;
            self.sum += value;
        }
    }

    pub(super) fn merge(&mut self, other: &Self) {
        if other.values > 0 {
            self.max = if self.values == 0 { other.max } else { self.max.max(other.max) };
        }
        self.events += other.events;
        self.values += other.values;
        self.sum += other.sum;
    }

    pub(super) fn some(&self, v: f64) -> Option<f64> {
        (self.values > 0).then_some(v)
    }
}

/// J2: response times by service. The type comes first in most events, so four of five are put aside at once.
#[derive(Debug, Default)]
pub struct Health {
    scratch: Vec<u8>,
}

impl Job for Health {
    type State = Simple;
    const NAME: &'static str = "j2";
    const SIZE: i64 = 10_000_000;
    const SLIDE: i64 = 10_000_000;

    fn event(&mut self, line: &[u8], slices: &mut Slices<Simple>, late: &mut u64) -> Option<i64> {
        let mut cursor = Cursor::new(line);
        if !cursor.enter() {
            return None;
        }
        let (mut wanted, mut time, mut source, mut value) = (None, None, None, None);
        'line: while let Some(key) = cursor.key() {
            match key {
                b"event_type" => {
                    wanted = Some(cursor.text().is_some_and(|text| text.raw == b"system_metric"));
                    if wanted == Some(false) && time.is_some() {
                        break;
                    }
                }
                b"timestamp" => {
                    time = cursor.seconds();
                    if wanted == Some(false) {
                        break;
                    }
                }
                b"source" => source = cursor.text(),
                b"data" if cursor.enter() => {
                    while let Some(key) = cursor.key() {
                        if key == b"response_time" {
                            value = cursor.number();
                            if wanted.is_some() && time.is_some() && source.is_some() {
                                break 'line;
                            }
                        } else {
                            cursor.skip();
                        }
                    }
                }
                _ => cursor.skip(),
            }
        }
        let time = time?;
        if wanted == Some(true) {
            match slices.at(time) {
                Some(table) => {
                    let key = source.map_or(b"".as_slice(), |text| text.plain(&mut self.scratch));
                    table.state(hash(key), key).add(value);
                }
                None => *late += 1,
            }
        }
        Some(time)
    }

    fn state(&mut self, slices: &mut [Slice<Simple>], rows: &mut Rows) {
        for (_, key, state) in groups(slices) {
            rows.begin().text("source", key).whole("requests", state.events);
            rows.number("sum_ms", state.some(state.sum)).number("max_ms", state.some(state.max)).end();
        }
    }
}

/// Adds the duration of an event to its user.
#[inline]
pub(super) fn by_user(line: &[u8], slices: &mut Slices<Simple>, late: &mut u64, scratch: &mut Vec<u8>) -> Option<i64> {
    let mut cursor = Cursor::new(line);
    if !cursor.enter() {
        return None;
    }
    let (mut time, mut value, mut user) = (None, None, None);
    while let Some(key) = cursor.key() {
        match key {
            b"timestamp" => time = cursor.seconds(),
            b"data" if cursor.enter() => {
                while let Some(key) = cursor.key() {
                    if key == b"duration" {
                        value = cursor.number();
                    } else {
                        cursor.skip();
                    }
                }
            }
            b"user_id" => user = cursor.text(),
            _ => cursor.skip(),
        }
        if time.is_some() && value.is_some() && user.is_some() {
            break;
        }
    }
    let time = time?;
    if let Some(user) = user {
        match slices.at(time) {
            Some(table) => {
                let key = user.plain(scratch);
                table.state(hash(key), key).add(value);
            }
            None => *late += 1,
        }
    }
    Some(time)
}

/// JX: one group a user, a million of them.
#[derive(Debug, Default)]
pub struct Users {
    scratch: Vec<u8>,
}

impl Job for Users {
    type State = Simple;
    const NAME: &'static str = "jx";
    const SIZE: i64 = 10_000_000;
    const SLIDE: i64 = 10_000_000;

    fn event(&mut self, line: &[u8], slices: &mut Slices<Simple>, late: &mut u64) -> Option<i64> {
        by_user(line, slices, late, &mut self.scratch)
    }

    fn state(&mut self, slices: &mut [Slice<Simple>], rows: &mut Rows) {
        for (_, key, state) in groups(slices) {
            rows.begin().text("user_id", key).whole("events", state.events);
            rows.number("sum_duration", state.some(state.sum)).end();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::compare::{RowSet, compare};
    use crate::bench::jobs::Job as Name;
    use crate::generate::{Body, GeneratedEvent, Generator};
    use crate::time::{EventTime, format_rfc3339};
    use proptest::prelude::*;
    use serde_json::{Map, Value, json};
    use std::collections::{BTreeMap, BTreeSet};

    type Group = Vec<(&'static str, String)>;
    /// A value and a user.
    type Member = (Option<f64>, Option<u64>);

    fn part(job: Name, e: &GeneratedEvent) -> Option<(Group, Member)> {
        let duration = match e.body {
            Body::PageAction { duration, .. } | Body::Search { duration, .. } | Body::Transaction { duration, .. } => {
                duration.map(|d| d.as_f64())
            }
            _ => None,
        };
        let user = e.visitor.map(|v| v.user);
        match job {
            Name::J1 => {
                let page = match e.body {
                    Body::PageAction { page, .. } => format!("product_{page}"),
                    _ => "unknown".to_owned(),
                };
                let kind = e.visitor.and_then(|v| v.user_type).unwrap_or("unknown").to_owned();
                let wanted = ["user_action", "transaction"].contains(&e.body.event_type());
                wanted.then(|| (vec![("user_type", kind), ("page", page)], (duration, user)))
            }
            Name::J2 => match e.body {
                Body::SystemMetric { response_time, .. } => {
                    Some((vec![("source", e.source.to_owned())], (Some(response_time.as_f64()), None)))
                }
                _ => None,
            },
            Name::Jx => user.map(|user| (vec![("user_id", format!("user_{user}"))], (duration, None))),
            _ => None,
        }
    }

    fn exact_percentile(sorted: &[f64], p: f64) -> Option<f64> {
        let at = p * sorted.len().checked_sub(1)? as f64;
        let (low, high) = (sorted[at.floor() as usize], sorted[at.ceil() as usize]);
        Some(low + (high - low) * at.fract())
    }

    /// The rows of a job, each window computed by itself from all events.
    fn naive(job: Name, events: &[GeneratedEvent]) -> String {
        let (size, slide) = if job == Name::J1 { (10_000_000, 5_000_000) } else { (10_000_000, 10_000_000) };
        let mut windows: BTreeMap<(i64, Group), Vec<Member>> = BTreeMap::new();
        for e in events {
            let Some((group, member)) = part(job, e) else { continue };
            let mut start = e.time.0.div_euclid(slide) * slide;
            while start + size > e.time.0 {
                windows.entry((start, group.clone())).or_default().push(member);
                start -= slide;
            }
        }
        let mut out = String::new();
        for ((start, group), members) in windows {
            let mut values: Vec<f64> = members.iter().filter_map(|m| m.0).collect();
            values.sort_unstable_by(f64::total_cmp);
            let users: BTreeSet<u64> = members.iter().filter_map(|m| m.1).collect();
            let sum = (!values.is_empty()).then(|| values.iter().sum::<f64>());
            let mut row = Map::new();
            let mut put = |name: &str, value: Value| row.insert(name.to_owned(), value);
            put("name", json!(job.name()));
            put("window_start", json!(format_rfc3339(EventTime(start))));
            put("window_end", json!(format_rfc3339(EventTime(start + size))));
            group.into_iter().for_each(|(name, text)| drop(put(name, json!(text))));
            put("events", json!(members.len()));
            put("sum", json!(sum));
            if job != Name::Jx {
                put("max", json!(values.last()));
            }
            if job == Name::J1 {
                put("avg", json!(sum.map(|s| s / values.len() as f64)));
                put("min", json!(values.first()));
                put("p95", json!(exact_percentile(&values, 0.95)));
                put("p99", json!(exact_percentile(&values, 0.99)));
                put("users", json!(users.len()));
            }
            out.push_str(&Value::from(row).to_string());
            out.push('\n');
        }
        out
    }

    /// The rows of the loop with the columns named and ordered as [`naive`] does.
    fn renamed(text: &str) -> String {
        let mut out = String::new();
        for line in text.lines() {
            let row: Map<String, Value> = serde_json::from_str(line).unwrap();
            let row: Map<String, Value> = row
                .into_iter()
                .filter(|(name, _)| !["revision", "op"].contains(&name.as_str()))
                .map(|(name, value)| match name.as_str() {
                    "requests" => ("events".to_owned(), value),
                    _ => (name.trim_end_matches("_duration").trim_end_matches("_ms").to_owned(), value),
                })
                .collect();
            out.push_str(&Value::from(row).to_string());
            out.push('\n');
        }
        out
    }

    #[test]
    fn loops_when_run_over_generated_events_then_write_what_each_window_computed_by_itself_gives() {
        let folder = tempfile::tempdir().unwrap();
        let (input, output) = (folder.path().join("in"), folder.path().join("out"));
        for job in [Name::J1, Name::J2, Name::Jx] {
            // Slow enough for some windows, and not a whole number of blocks.
            let settings =
                crate::generate::Settings { rate: 300.0, pages: 40, users: 900, ..job.input().settings(12_345) };
            let generator = Generator::new(settings, 0);
            let (mut bytes, mut events) = (Vec::new(), Vec::new());
            for i in 0..12_345 {
                events.push(generator.event(i));
                generator.event(i).write(&mut bytes);
            }
            // The last line may lack its end.
            bytes.pop();
            std::fs::write(&input, &bytes).unwrap();
            let outcome = job.baseline(&input, &output).unwrap();
            assert_eq!((outcome.events, outcome.bad, outcome.late), (12_345, 0, 0));
            let written = std::fs::read_to_string(&output).unwrap();
            assert_eq!(written.lines().count() as u64, outcome.rows);
            let rows = |name: &str, text: String| {
                std::fs::write(folder.path().join(name), text).unwrap();
                RowSet::read(&folder.path().join(name)).unwrap()
            };
            let agreement = compare(&rows("a", naive(job, &events)), &rows("b", renamed(&written))).unwrap();
            assert!(agreement.rows > 10, "{job:?}: {agreement:?}");
        }
    }

    #[test]
    fn fields_when_counted_then_are_those_of_the_events() {
        let folder = tempfile::tempdir().unwrap();
        let (input, output) = (folder.path().join("in"), folder.path().join("out"));
        let generator = Generator::new(Name::J0b.input().settings(5_000), 0);
        let (mut bytes, mut users, mut pages) = (Vec::new(), 0, 0);
        for i in 0..5_000 {
            let event = generator.event(i);
            users += u64::from(event.visitor.is_some());
            pages += u64::from(matches!(event.body, Body::PageAction { .. }));
            event.write(&mut bytes);
        }
        std::fs::write(&input, &bytes).unwrap();
        Name::J0b.baseline(&input, &output).unwrap();
        let total = |name: &str| -> u64 {
            let text = std::fs::read_to_string(&output).unwrap();
            text.lines().map(|l| serde_json::from_str::<Value>(l).unwrap()[name].as_u64().unwrap()).sum()
        };
        assert_eq!((total("events"), total("users"), total("pages")), (5_000, users, pages));
        let nothing = Name::J0.baseline(&input, &output).unwrap();
        assert_eq!((nothing.events, nothing.rows), (5_000, 0));
    }

    #[test]
    fn late_events_and_bad_lines_when_met_then_are_counted() {
        let folder = tempfile::tempdir().unwrap();
        let (input, output) = (folder.path().join("in"), folder.path().join("out"));
        let line = |t: u32| format!("{{\"event_type\":\"system_metric\",\"timestamp\":{t},\"source\":\"s\"}}\n");
        std::fs::write(&input, [line(100), line(125), "no event\n".to_owned(), line(105), line(119)].concat()).unwrap();
        let outcome = Name::J2.baseline(&input, &output).unwrap();
        // The watermark stands at 123: 105 is late for a window that was stated, 119 for one that was empty.
        assert_eq!((outcome.events, outcome.bad, outcome.late, outcome.rows), (4, 1, 2, 2));
    }

    proptest! {
        #[test]
        fn percentiles_and_distinct_counts_when_from_two_lists_then_are_those_of_one(
            mut a in proptest::collection::vec(0u8..50, 0..40),
            mut b in proptest::collection::vec(0u8..50, 0..40),
        ) {
            a.sort_unstable();
            b.sort_unstable();
            let floats = |list: &[u8]| list.iter().map(|v| f64::from(*v)).collect::<Vec<_>>();
            let mut all = [floats(&a), floats(&b)].concat();
            all.sort_unstable_by(f64::total_cmp);
            for p in [0.0, 0.5, 0.95, 0.99, 1.0] {
                let (found, expected) = (percentile(&floats(&a), &floats(&b), p), exact_percentile(&all, p));
                prop_assert_eq!(found.is_some(), expected.is_some());
                prop_assert!((found.unwrap_or(0.0) - expected.unwrap_or(0.0)).abs() < 1e-9);
            }
            let once = |list: &[u8]| { let mut l: Vec<u64> = list.iter().map(|v| u64::from(*v)).collect(); l.dedup(); l };
            let union: BTreeSet<u8> = a.iter().chain(&b).copied().collect();
            prop_assert_eq!(distinct(&once(&a), &once(&b)), union.len() as u64);
        }
    }
}
