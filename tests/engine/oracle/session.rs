//! Sessions by the plainest road: at every moment at which something might be said, all sessions are made anew from
//! all events that count by then, and what is said is the difference to the moment before.
//!
//! Rules, for gap G, lateness L, tick D; x is an event's time, t its tick:
//! 1. Events of a group are in one session where neighbours are at most G apart. Its window is [first, last + G).
//! 2. An event with x + G + L < t is too late. All others count.
//! 3. What holds at a moment m: the sessions over all events that are on time or whose t < m, each where m is at least
//!    T, the first multiple of D that is greater than last + G.
//! 4. Moments are all T and all t + D of late events. A session that no longer holds, or holds other values, is
//!    retracted; a new one is asserted.
//! 5. Its revision is one more than the greatest of all sessions asserted before with one of its events; 0 else.

use super::{Arrived, Counts, OracleRow, OracleWindow, compute, key_of};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

struct One<'a> {
    arrived: &'a Arrived,
    late: Option<i64>,
    revision: Option<u32>,
}

pub(super) fn rows<'a>(
    window: &OracleWindow,
    gap: i64,
    taken: impl Iterator<Item = &'a Arrived>,
    counts: &mut Counts,
) -> Vec<OracleRow> {
    let mut groups: BTreeMap<String, (Vec<Value>, Vec<One>)> = BTreeMap::new();
    for arrived in taken {
        if arrived.tick.is_some_and(|tick| arrived.time + gap + window.lateness < tick) {
            counts.too_late += 1;
            continue;
        }
        let (key, name) = key_of(window, arrived);
        let late = arrived.tick.filter(|tick| arrived.time < *tick);
        groups.entry(name).or_insert_with(|| (key, Vec::new())).1.push(One { arrived, late, revision: None });
    }
    groups.into_values().flat_map(|(key, events)| group(window, gap, &key, events)).collect()
}

fn group(window: &OracleWindow, gap: i64, key: &[Value], mut events: Vec<One>) -> Vec<OracleRow> {
    events.sort_by_key(|one| one.arrived.time);
    let due = |last: i64| (last + gap).div_euclid(window.tick) * window.tick + window.tick;
    let mut moments: BTreeSet<i64> = events.iter().map(|one| due(one.arrived.time)).collect();
    moments.extend(events.iter().filter_map(|one| one.late.map(|tick| tick + window.tick)));
    // First and last time, to values and revision.
    let mut holds: BTreeMap<(i64, i64), (Vec<Value>, u32)> = BTreeMap::new();
    let mut rows = Vec::new();
    for moment in moments {
        let known: Vec<usize> =
            (0..events.len()).filter(|i| events[*i].late.is_none_or(|tick| tick < moment)).collect();
        let time = |i: &usize| events[*i].arrived.time;
        let sessions: Vec<Vec<usize>> =
            known.chunk_by(|a, b| time(b) - time(a) <= gap).map(<[usize]>::to_vec).collect();
        let mut now: BTreeMap<(i64, i64), (Vec<Value>, Vec<usize>)> = BTreeMap::new();
        for session in sessions {
            let bounds = (time(&session[0]), time(&session[session.len() - 1]));
            if due(bounds.1) <= moment {
                let of: Vec<&Value> = session.iter().map(|i| &events[*i].arrived.event).collect();
                now.insert(bounds, (window.aggregates.iter().map(|wanted| compute(wanted, &of)).collect(), session));
            }
        }
        let row = |(first, last): (i64, i64), values, revision, op| OracleRow {
            time: moment,
            window_start: first,
            window_end: last + gap,
            key: key.to_vec(),
            overflow: false,
            values,
            revision,
            early: 0,
            op,
        };
        let before = std::mem::take(&mut holds);
        for (bounds, (values, revision)) in &before {
            if now.get(bounds).is_none_or(|(new, _)| new != values) {
                rows.push(row(*bounds, values.clone(), *revision, '-'));
            }
        }
        for (bounds, (values, session)) in now {
            let revision = match before.get(&bounds) {
                Some((old, revision)) if *old == values => *revision,
                _ => {
                    let greatest = session.iter().filter_map(|i| events[*i].revision).max();
                    let revision = greatest.map_or(0, |r| r + 1);
                    rows.push(row(bounds, values.clone(), revision, '+'));
                    revision
                }
            };
            for i in session {
                events[i].revision = events[i].revision.max(Some(revision));
            }
            holds.insert(bounds, (values, revision));
        }
    }
    rows
}
