//! JS by hand: events, turned into the sessions of each user, stated when the watermark has passed their ends.
//!
//! A user's open sessions are few and lie in a list; a wheel of seconds names the users to look at next.

use super::baseline::{Fields, OUT_OF_ORDERNESS, Outcome, lines, open};
use super::rows::Rows;
use super::table::{Reset, Table, hash};
use std::collections::VecDeque;
use std::io;
use std::path::Path;

/// The greatest distance of neighbours in a session, microseconds.
const GAP: i64 = 30_000_000;
/// A step of the wheel, microseconds.
const STEP: i64 = 1_000_000;

#[derive(Debug, Clone, Copy)]
struct Session {
    first: i64,
    last: i64,
    events: u64,
    values: u64,
    sum: f64,
}

/// The open sessions of a user.
#[derive(Debug, Default)]
struct User {
    name: Vec<u8>,
    open: Vec<Session>,
}

impl Reset for User {
    fn reset(&mut self) {
        self.open.clear();
    }
}

/// What is open, and who is due when.
struct Sessions {
    users: Table<User>,
    /// Hashes and names of users to look at, by second from `next` on.
    wheel: VecDeque<Vec<(u64, Vec<u8>)>>,
    next: i64,
    rows: Rows,
}

impl Sessions {
    fn add(&mut self, hash: u64, name: &[u8], time: i64, value: Option<f64>) {
        let user = self.users.state(hash, name);
        if user.name.is_empty() {
            user.name.extend_from_slice(name);
        }
        let mut one = Session {
            first: time,
            last: time,
            events: 1,
            values: u64::from(value.is_some()),
            sum: value.unwrap_or(0.0),
        };
        let before = user.open.len();
        user.open.retain(|other| {
            let apart = other.first > one.last + GAP || one.first > other.last + GAP;
            if !apart {
                one.first = one.first.min(other.first);
                one.last = one.last.max(other.last);
                one.events += other.events;
                one.values += other.values;
                one.sum += other.sum;
            }
            apart
        });
        let joined = user.open.len() < before;
        user.open.push(one);
        // One that goes on is looked at when it was to end, and then again.
        if !joined {
            self.look_at(hash, name.to_vec(), time);
        }
    }

    fn look_at(&mut self, hash: u64, name: Vec<u8>, last: i64) {
        let at = ((last + GAP).div_euclid(STEP) + 1 - self.next).max(0) as usize;
        while self.wheel.len() <= at {
            self.wheel.push_back(Vec::new());
        }
        self.wheel[at].push((hash, name));
    }

    /// States the sessions that end before `watermark`.
    fn close(&mut self, watermark: i64) {
        while self.next.saturating_mul(STEP) <= watermark {
            let Some(due) = self.wheel.pop_front() else {
                if watermark == i64::MAX {
                    return;
                }
                self.next = watermark.div_euclid(STEP) + 1;
                return;
            };
            let now = self.next * STEP;
            self.next += 1;
            for (hash, name) in due {
                let rows = &mut self.rows;
                let user = self.users.state(hash, &name);
                let mut again = None;
                user.open.retain(|s| {
                    let over = s.last + GAP < now;
                    if over {
                        rows.window(s.first, s.last + GAP);
                        rows.begin().text("user_id", &user.name).whole("events", s.events);
                        rows.number("sum_duration", (s.values > 0).then_some(s.sum)).end();
                    } else {
                        again = Some(again.map_or(s.last, |a: i64| a.min(s.last)));
                    }
                    !over
                });
                if let Some(last) = again {
                    self.look_at(hash, name, last);
                }
            }
        }
    }
}

/// Runs the job over the events in `input`; the rows go to `output`.
///
/// # Errors
/// Where a file cannot be read or written.
pub fn run(input: &Path, output: &Path) -> io::Result<Outcome> {
    let mut sessions =
        Sessions { users: Table::default(), wheel: VecDeque::new(), next: i64::MIN, rows: Rows::create(output, "js")? };
    let mut outcome = Outcome::default();
    let mut newest = i64::MIN;
    let mut scratch = Vec::new();
    lines(open(input)?, |line| {
        let fields = Fields::read(line, |_| true);
        let Some((fields, time)) = fields.and_then(|f| Some((f, f.time?))) else {
            outcome.bad += 1;
            return;
        };
        outcome.events += 1;
        if sessions.next == i64::MIN {
            sessions.next = (time - OUT_OF_ORDERNESS).div_euclid(STEP);
        }
        if let Some(user) = fields.user {
            if time + GAP < newest.saturating_sub(OUT_OF_ORDERNESS) {
                outcome.late += 1;
            } else {
                let name = user.plain(&mut scratch);
                sessions.add(hash(name), name, time, fields.duration);
            }
        }
        if time > newest {
            newest = time;
            sessions.close(newest - OUT_OF_ORDERNESS);
        }
    })?;
    sessions.close(i64::MAX);
    outcome.rows = sessions.rows.finish()?;
    Ok(outcome)
}
