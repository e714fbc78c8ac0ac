//! A global window by the plainest road: at each of its moments every group's row is made anew from all events that count.
//!
//! Rules, for period P and offset o; x is an event's time, t its tick:
//! 1. Moments are o + k * P. An event counts from the first moment on that is greater than both x and t. All count.
//! 2. A group is stated at the first moment at which it has events, with revision 0; at a later one where its values are
//!    others: the last row is retracted as it was, the new one asserted with the next revision.
//! 3. A row's window begins with 1970 and ends with the moment of its statement.
//! 4. With a cap on the groups the rows are those of the page of such windows, at the same moments.

use super::capped::{self, Moment};
use super::{Arrived, OracleRow, OracleWindow, compute, key_of};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

pub(super) fn rows<'a>(
    window: &OracleWindow,
    (every, offset): (i64, i64),
    taken: impl Iterator<Item = &'a Arrived>,
) -> Vec<OracleRow> {
    let moment = |a: &Arrived| {
        let behind = a.tick.map_or(a.time, |tick| tick.max(a.time)) - offset;
        offset + (behind.div_euclid(every) + 1) * every
    };
    if let Some(most) = window.max_groups {
        let events: Vec<_> = taken.map(|a| (key_of(window, a).0, a)).collect();
        let times: BTreeSet<i64> = events.iter().map(|(_, a)| moment(a)).collect();
        let moments = times.into_iter().map(|time| Moment { time, bounds: (0, time), last: time });
        return capped::rows(window, most, moments, &moment, &events);
    }
    let mut groups: BTreeMap<String, (Vec<Value>, Vec<&Arrived>)> = BTreeMap::new();
    for arrived in taken {
        let (key, name) = key_of(window, arrived);
        groups.entry(name).or_insert_with(|| (key, Vec::new())).1.push(arrived);
    }
    let mut rows = Vec::new();
    for (key, mut events) in groups.into_values() {
        // They come by partition and place: equal times stay in that order.
        events.sort_by_key(|a| a.time);
        let mut stands: Option<OracleRow> = None;
        for time in events.iter().map(|a| moment(a)).collect::<BTreeSet<i64>>() {
            let of: Vec<&Value> = events.iter().filter(|a| moment(a) <= time).map(|a| &a.event).collect();
            let values: Vec<Value> = window.aggregates.iter().map(|wanted| compute(wanted, &of)).collect();
            if stands.as_ref().is_some_and(|row| row.values == values) {
                continue;
            }
            let row = OracleRow {
                time,
                window_start: 0,
                window_end: time,
                key: key.clone(),
                overflow: false,
                values,
                revision: stands.as_ref().map_or(0, |row| row.revision + 1),
                early: 0,
                op: '+',
            };
            rows.extend(stands.map(|old| OracleRow { time, op: '-', ..old }));
            rows.push(row.clone());
            stands = Some(row);
        }
    }
    rows
}
