//! The jobs of the bench: for each its input, its pipeline file, and its hand-written loop.
//!
//! Axes, in one place: J1 has about 3,000 groups and all aggregates; J2 has five groups and drops four of five
//! events; J0 drops all (what the filter costs); J0B drops none and groups nothing (what decoding the fields of J1
//! costs); JX has nearly as many groups as events; JS has sessions of 100,000 users, JC cumulating days, JA 21
//! aggregates, JF a chain of two hundred functions; JG and JZ are J2 on packed input. All inputs have 10 % of their events out of order by up to 2 s,
//! and none late.

use super::baseline::{self, Outcome};
use super::chain::{self, Chain};
use super::days::Days;
use super::loops::{Activity, Decode, Health, Nothing, Users};
use super::many::Many;
use super::sessions;
use crate::generate::Settings;
use std::borrow::Cow;
use std::io;
use std::path::Path;

/// One job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Job {
    /// All aggregates over a sliding window of many groups.
    J1,
    /// A selective filter and few groups.
    J2,
    /// A filter that nothing passes.
    J0,
    /// The fields of J1, counted, in one group.
    J0b,
    /// A group for nearly every event.
    Jx,
    /// Sessions by user.
    Js,
    /// Cumulating days.
    Jc,
    /// Many aggregates at once.
    Ja,
    /// A chain of two hundred functions.
    Jf,
    /// J2 on gzip.
    Jg,
    /// J2 on zstd.
    Jz,
}

/// A generated file that jobs read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input {
    /// The generator as it is by default: 10,000 events a second of event time, 100,000 users, 750 pages.
    Shop,
    /// 100,000 events a second and 1.5 million users, of whom about a million are seen among 5 million events.
    Users,
    /// The events of `Shop` over five days of event time, however many they are.
    Days,
    /// `Shop`, as gzip.
    Gzip,
    /// `Shop`, as zstd.
    Zstd,
}

impl Input {
    /// The generator's settings for `events` events.
    pub fn settings(self, events: u64) -> Settings {
        let shop = Settings { events, block: 16_384, ..Settings::default() };
        match self {
            Input::Shop | Input::Gzip | Input::Zstd => shop,
            Input::Days => Settings { rate: (events as f64 / 432_000.0).max(0.001), ..shop },
            Input::Users => Settings { users: 1_500_000, rate: 100_000.0, ..shop },
        }
    }

    /// The name of the file.
    pub fn name(self) -> &'static str {
        match self {
            Input::Shop => "shop",
            Input::Users => "users",
            Input::Days => "days",
            Input::Gzip | Input::Zstd => "shop",
        }
    }
}

impl Job {
    /// All jobs, in the order in which they are shown.
    pub const ALL: [Job; 11] =
        [Job::J1, Job::J2, Job::J0, Job::J0b, Job::Jx, Job::Js, Job::Jc, Job::Ja, Job::Jf, Job::Jg, Job::Jz];

    /// The job's name.
    pub fn name(self) -> &'static str {
        match self {
            Job::J1 => "j1",
            Job::J2 => "j2",
            Job::J0 => "j0",
            Job::J0b => "j0b",
            Job::Jx => "jx",
            Job::Js => "js",
            Job::Jc => "jc",
            Job::Ja => "ja",
            Job::Jf => "jf",
            Job::Jg => "jg",
            Job::Jz => "jz",
        }
    }

    /// The job of that name.
    pub fn named(name: &str) -> Option<Job> {
        Self::ALL.into_iter().find(|job| job.name().eq_ignore_ascii_case(name))
    }

    /// What it does and what it shows, one line.
    pub fn title(self) -> &'static str {
        match self {
            Job::J1 => "10 s / 5 s by user type and page: count, sum, avg, min, max, p95, p99, distinct users",
            Job::J2 => "system metrics, 10 s by source: count, sum, max",
            Job::J0 => "a filter on the event type that nothing passes: what an event costs that is dropped early",
            Job::J0b => "the fields of J1 counted in one group, nothing dropped: what decoding them costs",
            Job::Jx => "10 s by user, near a million of them: count and sum where nearly every event is a new group",
            Job::Js => "sessions by user, of 100,000, with a gap of 30 s: count and sum",
            Job::Jc => "days by page, stated every hour with all since midnight: count, sum, max",
            Job::Ja => "10 s by page: 21 aggregates at once, variances, first and last, arg_min and arg_max among them",
            Job::Jf => "a chain of two hundred functions for each event with a page, summed over 10 s",
            Job::Jg => "J2 on a file packed with gzip",
            Job::Jz => "J2 on a file packed with zstd",
        }
    }

    /// The file it reads.
    pub fn input(self) -> Input {
        match self {
            Job::Jx => Input::Users,
            Job::Jc => Input::Days,
            Job::Jg => Input::Gzip,
            Job::Jz => Input::Zstd,
            _ => Input::Shop,
        }
    }

    /// Whether it is also measured with pre-aggregation forced on and off.
    pub fn compares_pre_aggregation(self) -> bool {
        self == Job::Jx
    }

    /// The pipeline file. It names the variables `BENCH_INPUT` and `BENCH_OUTPUT`, and may name
    /// `BENCH_PRE_AGGREGATE`.
    pub fn pipeline(self) -> Cow<'static, str> {
        let text = match self {
            Job::J1 => J1,
            Job::J2 | Job::Jg | Job::Jz => J2,
            Job::J0 => J0,
            Job::J0b => J0B,
            Job::Jx => JX,
            Job::Js => JS,
            Job::Jc => JC,
            Job::Ja => JA,
            Job::Jf => {
                let text = JF.replace("FIELDS", &chain::fields());
                return Cow::Owned(text.replace("LAST", &chain::last()));
            }
        };
        Cow::Borrowed(text)
    }

    /// Runs its hand-written loop.
    ///
    /// # Errors
    /// Where a file cannot be read or written.
    pub fn baseline(self, input: &Path, output: &Path) -> io::Result<Outcome> {
        match self {
            Job::J1 => baseline::run(Activity::default(), input, output),
            Job::J2 | Job::Jg | Job::Jz => baseline::run(Health::default(), input, output),
            Job::J0 => baseline::run(Nothing, input, output),
            Job::J0b => baseline::run(Decode, input, output),
            Job::Jx => baseline::run(Users::default(), input, output),
            Job::Js => sessions::run(input, output),
            Job::Jc => baseline::run(Days::default(), input, output),
            Job::Ja => baseline::run(Many::default(), input, output),
            Job::Jf => baseline::run(Chain::default(), input, output),
        }
    }
}

const J1: &str = r#"name = "j1"

[sources.events]
type = "file"
path = "${BENCH_INPUT}"
time = { field = "timestamp", unit = "s" }
out_of_orderness = "2s"

[streams.visits]
from = "events"
where = "event_type IN ('user_action', 'transaction')"

[windows.j1]
from = "visits"
size = "10s"
slide = "5s"
group_by = { user_type = "coalesce(tags.user_type, 'unknown')", page = "coalesce(data.page, 'unknown')" }
[windows.j1.select]
events = "count(*)"
sum_duration = "sum(data.duration)"
avg_duration = "avg(data.duration)"
min_duration = "min(data.duration)"
max_duration = "max(data.duration)"
p95_duration = "percentile(data.duration, 0.95)"
p99_duration = "percentile(data.duration, 0.99)"
users = "count(DISTINCT user_id)"

[sinks.rows]
type = "file"
from = ["j1"]
path = "${BENCH_OUTPUT}"
format = "json"
"#;

const J2: &str = r#"name = "j2"

[sources.events]
type = "file"
path = "${BENCH_INPUT}"
time = { field = "timestamp", unit = "s" }
out_of_orderness = "2s"

[streams.metrics]
from = "events"
where = "event_type = 'system_metric'"

[windows.j2]
from = "metrics"
size = "10s"
group_by = ["source"]
select = { requests = "count(*)", sum_ms = "sum(data.response_time)", max_ms = "max(data.response_time)" }

[sinks.rows]
type = "file"
from = ["j2"]
path = "${BENCH_OUTPUT}"
format = "json"
"#;

const J0: &str = r#"name = "j0"

[sources.events]
type = "file"
path = "${BENCH_INPUT}"
time = { field = "timestamp", unit = "s" }
out_of_orderness = "2s"

[streams.none]
from = "events"
where = "event_type = 'none'"

[windows.j0]
from = "none"
size = "10s"
select = { events = "count(*)" }

[sinks.rows]
type = "file"
from = ["j0"]
path = "${BENCH_OUTPUT}"
format = "json"
"#;

const J0B: &str = r#"name = "j0b"

[sources.events]
type = "file"
path = "${BENCH_INPUT}"
time = { field = "timestamp", unit = "s" }
out_of_orderness = "2s"

[windows.j0b]
from = "events"
size = "10s"
[windows.j0b.select]
events = "count(*)"
pages = "count(data.page)"
user_types = "count(tags.user_type)"
durations = "count(data.duration)"
users = "count(user_id)"

[sinks.rows]
type = "file"
from = ["j0b"]
path = "${BENCH_OUTPUT}"
format = "json"
"#;

const JX: &str = r#"name = "jx"

[sources.events]
type = "file"
path = "${BENCH_INPUT}"
time = { field = "timestamp", unit = "s" }
out_of_orderness = "2s"

[streams.visits]
from = "events"
where = "user_id IS NOT NULL"

[windows.jx]
from = "visits"
size = "10s"
group_by = ["user_id"]
select = { events = "count(*)", sum_duration = "sum(data.duration)" }
pre_aggregate = "${BENCH_PRE_AGGREGATE:-auto}"

[sinks.rows]
type = "file"
from = ["jx"]
path = "${BENCH_OUTPUT}"
format = "json"
"#;

const JS: &str = r#"name = "js"

[sources.events]
type = "file"
path = "${BENCH_INPUT}"
time = { field = "timestamp", unit = "s" }
out_of_orderness = "2s"

[streams.visits]
from = "events"
where = "user_id IS NOT NULL"

[windows.js]
from = "visits"
gap = "30s"
group_by = ["user_id"]
select = { events = "count(*)", sum_duration = "sum(data.duration)" }

[sinks.rows]
type = "file"
from = ["js"]
path = "${BENCH_OUTPUT}"
format = "json"
"#;

const JC: &str = r#"name = "jc"

[sources.events]
type = "file"
path = "${BENCH_INPUT}"
time = { field = "timestamp", unit = "s" }
out_of_orderness = "2s"

[windows.jc]
from = "events"
size = "1d"
step = "1h"
group_by = { page = "coalesce(data.page, 'unknown')" }
select = { events = "count(*)", sum_duration = "sum(data.duration)", max_duration = "max(data.duration)" }

[sinks.rows]
type = "file"
from = ["jc"]
path = "${BENCH_OUTPUT}"
format = "json"
"#;

const JA: &str = r#"name = "ja"

[sources.events]
type = "file"
path = "${BENCH_INPUT}"
time = { field = "timestamp", unit = "s" }
out_of_orderness = "2s"

[streams.visits]
from = "events"
where = "event_type = 'user_action' AND user_id IS NOT NULL"

[windows.ja]
from = "visits"
size = "10s"
group_by = { page = "coalesce(data.page, 'unknown')" }
[windows.ja.select]
events = "count(*)"
timed = "count(data.duration)"
sum_duration = "sum(data.duration)"
avg_duration = "avg(data.duration)"
min_duration = "min(data.duration)"
max_duration = "max(data.duration)"
median_duration = "median(data.duration)"
p95_duration = "percentile(data.duration, 0.95)"
p99_duration = "percentile(data.duration, 0.99)"
users = "count(DISTINCT user_id)"
var_pop = "var_pop(data.duration)"
stddev_pop = "stddev_pop(data.duration)"
var_samp = "var_samp(data.duration)"
stddev_samp = "stddev_samp(data.duration)"
first_duration = "first(data.duration)"
last_duration = "last(data.duration)"
longest = "coalesce(arg_max(user_id, data.duration), 'nobody')"
shortest = "coalesce(arg_min(user_id, data.duration), 'nobody')"
any_long = "bool_or(data.duration > 60)"
all_real = "bool_and(data.duration > 1)"
per_second = "rate(*)"

[sinks.rows]
type = "file"
from = ["ja"]
path = "${BENCH_OUTPUT}"
format = "json"
"#;

const JF: &str = r#"name = "jf"

[sources.events]
type = "file"
path = "${BENCH_INPUT}"
time = { field = "timestamp", unit = "s" }
out_of_orderness = "2s"

[streams.chain]
from = "events"
where = "data.duration IS NOT NULL AND data.page IS NOT NULL"
[streams.chain.set]
FIELDS
[windows.jf]
from = "chain"
size = "10s"
select = { events = "count(*)", total = "sum(LAST)", most = "max(LAST)" }

[sinks.rows]
type = "file"
from = ["jf"]
path = "${BENCH_OUTPUT}"
format = "json"
"#;
