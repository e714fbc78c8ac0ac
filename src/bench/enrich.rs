//! EN and EN0: events of users, enriched from a table of a fifth as many users, and the same without a table; as pipeline
//! files, as the file of the table, and as hand-written loops.
//!
//! Some users are not in the table: those whose numbers end in 7, and those beyond its end.

use super::baseline::Job;
use super::loops::{Simple, groups};
use super::rows::Rows;
use super::scan::{Cursor, Text};
use super::table::{Reset, Slice, Slices, Table, hash};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

pub(super) const EN: &str = r#"name = "en"

[sources.events]
type = "file"
path = "${BENCH_INPUT}"
time = { field = "timestamp", unit = "s" }
out_of_orderness = "2s"

[tables.users]
type = "file"
path = "${BENCH_INPUT}.users.csv"
key = "user_id"

[streams.visits]
from = "events"
where = "user_id IS NOT NULL"
enrich = { table = "users", key = "user_id", add = ["country", "plan"] }

[windows.en]
from = "visits"
size = "10s"
group_by = { user_type = "coalesce(tags.user_type, 'unknown')", country = "coalesce(country, 'unknown')" }
select = { events = "count(*)", known = "count(plan)", sum_duration = "sum(data.duration)" }

[sinks.rows]
type = "file"
from = ["en"]
path = "${BENCH_OUTPUT}"
format = "json"
"#;

pub(super) const EN0: &str = r#"name = "en0"

[sources.events]
type = "file"
path = "${BENCH_INPUT}"
time = { field = "timestamp", unit = "s" }
out_of_orderness = "2s"

[streams.visits]
from = "events"
where = "user_id IS NOT NULL"

[windows.en0]
from = "visits"
size = "10s"
group_by = { user_type = "coalesce(tags.user_type, 'unknown')" }
select = { events = "count(*)", known = "count(user_id)", sum_duration = "sum(data.duration)" }

[sinks.rows]
type = "file"
from = ["en0"]
path = "${BENCH_OUTPUT}"
format = "json"
"#;

const COUNTRIES: [&str; 16] =
    ["at", "be", "br", "ca", "ch", "cn", "de", "es", "fr", "gb", "in", "it", "jp", "nl", "se", "us"];
const PLANS: [&str; 3] = ["free", "plus", "business"];

/// The file of the table beside an input.
pub fn path(input: &Path) -> PathBuf {
    let mut name = input.as_os_str().to_owned();
    name.push(".users.csv");
    PathBuf::from(name)
}

/// Writes the table of `users` users beside an input.
///
/// # Errors
/// Where it cannot be written.
pub fn write(input: &Path, users: u64) -> io::Result<()> {
    let part = path(input).with_extension("part");
    let mut out = io::BufWriter::new(std::fs::File::create(&part)?);
    writeln!(out, "user_id,name,country,plan,since")?;
    // Not in the order of the numbers.
    let step = 982_451_653 % users.max(1);
    for i in 0..users {
        let user = i.wrapping_mul(step.max(1)) % users;
        if user % 10 != 7 {
            let chance = hash(&user.to_le_bytes());
            let country = COUNTRIES[(chance % 16) as usize];
            let plan = PLANS[((chance >> 8) % 3) as usize];
            writeln!(out, "user_{user},\"The user, {user}\",{country},{plan},{}", 1_600_000_000 + (chance >> 40))?;
        }
    }
    out.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
    std::fs::rename(&part, path(input))
}

/// What the loop knows of a user: the country, and whether there is a plan.
#[derive(Debug, Default)]
struct User {
    country: Vec<u8>,
    plan: bool,
}

impl Reset for User {
    fn reset(&mut self) {
        self.country.clear();
    }
}

/// EN, or, without a table, EN0.
#[derive(Debug)]
pub struct Visits<const NAMED: bool> {
    users: Table<User>,
    key: Vec<u8>,
    scratch: Vec<u8>,
}

impl<const NAMED: bool> Visits<NAMED> {
    /// Reads the table beside the input, where it is used.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub fn new(input: &Path) -> io::Result<Self> {
        let mut users: Table<User> = Table::default();
        if NAMED {
            super::baseline::lines(std::fs::File::open(path(input))?, |line| {
                // The name is in quotes and has one comma.
                let mut fields = line.split(|b| *b == b',');
                if let (Some(user), Some(country), Some(plan)) = (fields.next(), fields.nth(2), fields.next()) {
                    let known = users.state(hash(user), user);
                    known.country = country.to_vec();
                    known.plan = !plan.is_empty();
                }
            })?;
        }
        Ok(Self { users, key: Vec::new(), scratch: Vec::new() })
    }
}

/// A user's type, user, time and value.
type Seen<'a> = (Option<Text<'a>>, Option<Text<'a>>, Option<i64>, Option<f64>);

fn read(line: &[u8]) -> Option<Seen<'_>> {
    let mut cursor = Cursor::new(line);
    if !cursor.enter() {
        return None;
    }
    let (mut user_type, mut user, mut time, mut value) = (None, None, None, None);
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
            b"tags" if cursor.enter() => {
                while let Some(key) = cursor.key() {
                    if key == b"user_type" {
                        user_type = cursor.text();
                    } else {
                        cursor.skip();
                    }
                }
            }
            b"user_id" => user = cursor.text(),
            _ => cursor.skip(),
        }
        if time.is_some() && value.is_some() && user.is_some() && user_type.is_some() {
            break;
        }
    }
    Some((user_type, user, time, value))
}

/// The state of a group: all, and how many of them have a plan.
#[derive(Debug, Default)]
pub struct Named {
    all: Simple,
    known: u64,
}

impl Reset for Named {
    fn reset(&mut self) {
        self.all.reset();
        self.known = 0;
    }
}

impl<const NAMED: bool> Job for Visits<NAMED> {
    type State = Named;
    const NAME: &'static str = if NAMED { "en" } else { "en0" };
    const SIZE: i64 = 10_000_000;
    const SLIDE: i64 = 10_000_000;

    fn event(&mut self, line: &[u8], slices: &mut Slices<Named>, late: &mut u64) -> Option<i64> {
        let (user_type, user, time, value) = read(line)?;
        let time = time?;
        let Some(user) = user else { return Some(time) };
        let Some(table) = slices.at(time) else {
            *late += 1;
            return Some(time);
        };
        self.key.clear();
        self.key.extend_from_slice(user_type.map_or(b"unknown", |text| text.plain(&mut self.scratch)));
        let mut known = true;
        if NAMED {
            let user = user.plain(&mut self.scratch);
            let found = self.users.find(hash(user), user);
            self.key.push(0);
            self.key.extend_from_slice(found.map_or(b"unknown", |user| &user.country));
            known = found.is_some_and(|user| user.plan);
        }
        let state = table.state(hash(&self.key), &self.key);
        state.all.add(value);
        state.known += u64::from(known);
        Some(time)
    }

    fn state(&mut self, slices: &mut [Slice<Named>], rows: &mut Rows) {
        for (_, key, state) in groups(slices) {
            let split = memchr::memchr(0, key).unwrap_or(key.len());
            rows.begin().text("user_type", &key[..split]);
            if NAMED {
                rows.text("country", &key[(split + 1).min(key.len())..]);
            }
            let all = &state.all;
            rows.whole("events", all.events).whole("known", state.known);
            rows.number("sum_duration", all.some(all.sum)).end();
        }
    }
}
