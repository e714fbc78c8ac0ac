//! The jobs of the bench: for each its input, its pipeline file, and its hand-written loop.
//!
//! Axes, in one place: J1 has about 3,000 groups and all aggregates; J2 has five groups and drops four of five
//! events; J0 drops all (what the filter costs); J0B drops none and groups nothing (what decoding the fields of J1
//! costs); JX has nearly as many groups as events; JS has sessions of 100,000 users, JC cumulating days, JA 21
//! aggregates, JF a chain of two hundred functions; JG and JZ are J2 on packed input; EN looks a user of each event up in a table, EN0 does not; VT has views over nearly 100,000 groups a window. All inputs have 10 % of their events out of order by up to 2 s,
//! and none late.

use super::baseline::{self, Outcome};
use super::chain::{self, Chain};
use super::days::Days;
use super::enrich::{self, Visits};
use super::funnel::{Funnels, Products};
use super::inputs::Input;
use super::loops::{Activity, Decode, Health, Nothing, Users};
use super::many::Many;
use super::pattern_loops::{Climbs, Every, Given, Longest, Waits};
use super::patterns::{self, PRODUCTS};
use super::ticks::Waiting;
use super::views::Views;
use super::{order, pipelines, sessions};
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
    /// Events with columns of a table of a million users.
    En,
    /// The same without a table.
    En0,
    /// A funnel by session.
    Pa,
    /// A loop with a condition on what it took.
    Pb,
    /// A loop of any events, the longest match of each end.
    Pc,
    /// The same with all matches.
    Pcn,
    /// A hundred funnels at once.
    Pd,
    /// One of these.
    Pd1,
    /// A million keys that wait.
    Pe,
    /// The events of PE without a pattern.
    Pe0,
    /// Views over 100,000 groups a window.
    Vt,
}

impl Job {
    /// All jobs, in the order in which they are shown.
    #[rustfmt::skip]
    pub const ALL: [Job; 22] = [
        Job::J1, Job::J2, Job::J0, Job::J0b, Job::Jx, Job::Js, Job::Jc, Job::Ja, Job::Jf, Job::Jg, Job::Jz,
        Job::En, Job::En0,
        Job::Pa, Job::Pb, Job::Pc, Job::Pcn, Job::Pd, Job::Pd1, Job::Pe, Job::Pe0, Job::Vt,
    ];

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
            Job::En => "en",
            Job::En0 => "en0",
            Job::Pa => "pa",
            Job::Pb => "pb",
            Job::Pc => "pc",
            Job::Pcn => "pcn",
            Job::Pd => "pd",
            Job::Pd1 => "pd1",
            Job::Pe => "pe",
            Job::Pe0 => "pe0",
            Job::Vt => "vt",
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
            Job::En => "users of 5 million events looked up in a table of 1 million, 10 s by type and country",
            Job::En0 => "the events of EN without a table, 10 s by type",
            Job::Pa => "view -> cart -> buy within 5 minutes by session",
            Job::Pb => {
                "a, up+[,], down by symbol, of 1,000, each price of the loop above the average of those before it"
            }
            Job::Pc => "a+[->>] ->> b within a minute by symbol, some 31 times a, the longest match of 2^30",
            Job::Pcn => "a+[->>] ->> b by symbol, no_skip: all 128 matches of eight times a, which are rare",
            Job::Pd => "100 patterns at once: PA for each of 100 products",
            Job::Pd1 => "one of the patterns of PD",
            Job::Pe => "a -> c by key, a fifth as many keys as events, each with a match that waits",
            Job::Pe0 => "the events of PE counted, no pattern",
            Job::Vt => {
                "1 s by user, near 100,000 of them, then three views: where, the top ten of each second, these by 10 s and user"
            }
        }
    }

    /// The file it reads.
    pub fn input(self) -> Input {
        match self {
            Job::Jx | Job::Vt => Input::Users,
            Job::En | Job::En0 => Input::Known,
            Job::Jc => Input::Days,
            Job::Jg => Input::Gzip,
            Job::Jz => Input::Zstd,
            Job::Pb | Job::Pc | Job::Pcn => Input::Ticks,
            Job::Pe | Job::Pe0 => Input::Waiting,
            _ => Input::Shop,
        }
    }

    /// Whether it is a pattern and has no window.
    pub fn is_pattern(self) -> bool {
        matches!(self, Job::Pa | Job::Pb | Job::Pc | Job::Pcn | Job::Pd | Job::Pd1 | Job::Pe)
    }

    /// The job that this one is held against, and which is measured before it.
    pub fn against(self) -> Option<Job> {
        match self {
            Job::En => Some(Job::En0),
            Job::Pd => Some(Job::Pd1),
            Job::Pe => Some(Job::Pe0),
            _ => None,
        }
    }

    /// The names of the parts whose rows go each to a file of its own, which is that of the output, a point and the
    /// name; none where all rows go to one.
    pub fn parts(self) -> Vec<String> {
        match self {
            Job::Pd => patterns::names(PRODUCTS),
            Job::Pd1 => patterns::names(1),
            _ => Vec::new(),
        }
    }

    /// How many keys of `events` events wait at once, where that is what the job shows.
    pub fn waiting(self, events: u64) -> Option<u64> {
        (self == Job::Pe).then(|| Waiting::keys(events))
    }

    /// Whether it is also measured with pre-aggregation forced on and off.
    pub fn compares_pre_aggregation(self) -> bool {
        self == Job::Jx
    }

    /// The pipeline file. It names the variables `BENCH_INPUT` and `BENCH_OUTPUT`, and may name
    /// `BENCH_PRE_AGGREGATE`.
    pub fn pipeline(self) -> Cow<'static, str> {
        let text = match self {
            Job::J1 => pipelines::J1,
            Job::J2 | Job::Jg | Job::Jz => pipelines::J2,
            Job::J0 => pipelines::J0,
            Job::J0b => pipelines::J0B,
            Job::Jx => pipelines::JX,
            Job::Js => pipelines::JS,
            Job::Jc => pipelines::JC,
            Job::Ja => pipelines::JA,
            Job::Jf => {
                let text = pipelines::JF.replace("FIELDS", &chain::fields());
                return Cow::Owned(text.replace("LAST", &chain::last()));
            }
            Job::En => enrich::EN,
            Job::En0 => enrich::EN0,
            Job::Pa => patterns::PA,
            Job::Pb => patterns::PB,
            Job::Pc => patterns::PC,
            Job::Pcn => patterns::PCN,
            Job::Pd => return Cow::Owned(patterns::products(PRODUCTS)),
            Job::Pd1 => return Cow::Owned(patterns::products(1)),
            Job::Pe => patterns::PE,
            Job::Pe0 => patterns::PE0,
            Job::Vt => pipelines::VT,
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
            Job::En => baseline::run(Visits::<true>::new(input)?, input, output),
            Job::En0 => baseline::run(Visits::<false>::new(input)?, input, output),
            Job::Pa => order::run(Funnels::default(), input, output),
            Job::Pb => order::run(Climbs::default(), input, output),
            Job::Pc => order::run(Longest::default(), input, output),
            Job::Pcn => order::run(Every::default(), input, output),
            Job::Pd => order::run(Products::new(PRODUCTS), input, output),
            Job::Pd1 => order::run(Products::new(1), input, output),
            Job::Pe => order::run(Waits::default(), input, output),
            Job::Pe0 => baseline::run(Given, input, output),
            Job::Vt => baseline::run(Views::default(), input, output),
        }
    }
}
