//! Windows with a cap on their groups, by the plainest road: at every moment at which something might be said, all groups
//! are made anew from all events that count by then, and what is said is the difference to the moment before.
//!
//! Rules, for a cap of k:
//! 1. A window's moments are those of its groups (rules 4 and 5 of the oracle), all together.
//! 2. Of the groups that have events at a moment the k least are kept, by hash and then bytes of their names. The events of
//!    all others are those of one group more.
//! 3. A group that is not kept any more is retracted. A group that was not there before has revision 0.
//!
//! The name of a group is its dimensions in order: a byte for the type (0 null, 1 truth value, 2 whole number, 3 other
//! number, 5 text, 6 object or list), then 1 byte of a truth value, 8 of a number, the length in 4 and the bytes of text;
//! numbers little-endian. The hash is rapidhash v3.

use super::{Arrived, Keyed, OracleRow, OracleWindow, compute, moments};
use rapidhash::v3::rapidhash_v3;
use serde_json::Value;
use std::collections::BTreeMap;

/// What is told apart: a group by its hash and name, all groups that are not kept as none.
type Group = Option<(u64, Vec<u8>)>;

fn named(key: &[Value]) -> (u64, Vec<u8>) {
    let mut name = Vec::new();
    for value in key {
        match value {
            Value::Null => name.push(0),
            Value::Bool(truth) => name.extend([1, u8::from(*truth)]),
            Value::Number(n) if n.is_i64() => {
                name.push(2);
                name.extend(n.as_i64().unwrap_or(0).to_le_bytes());
            }
            Value::Number(n) => {
                name.push(3);
                name.extend(n.as_f64().unwrap_or(0.0).to_le_bytes());
            }
            Value::String(text) => {
                name.push(5);
                name.extend((text.len() as u32).to_le_bytes());
                name.extend(text.bytes());
            }
            nested => {
                let text = nested.to_string();
                name.push(6);
                name.extend((text.len() as u32).to_le_bytes());
                name.extend(text.bytes());
            }
        }
    }
    (rapidhash_v3(&name), name)
}

/// Everything that is said of one window: `events` are those of all its groups, each with its dimensions.
pub(super) fn rows(
    window: &OracleWindow,
    most: usize,
    (start, end): (i64, i64),
    events: &[Keyed<'_>],
) -> Vec<OracleRow> {
    let all: Vec<&Arrived> = events.iter().map(|(_, a)| *a).collect();
    let nothing: Vec<Value> = window.group.iter().map(|_| Value::Null).collect();
    let mut holds: BTreeMap<Group, (Vec<Value>, Vec<Value>, u32)> = BTreeMap::new();
    let mut rows = Vec::new();
    for (time, last_tick) in moments(window, end, &all) {
        let mut applied: Vec<_> = events.iter().filter(|(_, a)| a.tick.is_none_or(|tick| tick <= last_tick)).collect();
        applied.sort_by_key(|(_, a)| a.time);
        let mut names: Vec<_> = applied.iter().map(|(key, _)| named(key)).collect();
        names.sort();
        names.dedup();
        names.truncate(most);
        let mut groups: BTreeMap<Group, (Vec<Value>, Vec<&Value>)> = BTreeMap::new();
        for (key, a) in applied {
            let name = Some(named(key)).filter(|name| names.contains(name));
            let key = if name.is_some() { key } else { &nothing };
            groups.entry(name).or_insert_with(|| (key.clone(), Vec::new())).1.push(&a.event);
        }
        let row = |overflow: bool, key: &[Value], values: &[Value], revision, op| OracleRow {
            time,
            window_start: start,
            window_end: end,
            key: key.to_vec(),
            overflow,
            values: values.to_vec(),
            revision,
            op,
        };
        for (name, (key, values, revision)) in &holds {
            if !groups.contains_key(name) {
                rows.push(row(name.is_none(), key, values, *revision, '-'));
            }
        }
        holds.retain(|name, _| groups.contains_key(name));
        for (name, (key, events)) in groups {
            let values: Vec<Value> = window.aggregates.iter().map(|wanted| compute(wanted, &events)).collect();
            let revision = match holds.get(&name) {
                Some((_, old, _)) if *old == values => continue,
                Some((_, old, revision)) => {
                    rows.push(row(name.is_none(), &key, old, *revision, '-'));
                    revision + 1
                }
                None => 0,
            };
            rows.push(row(name.is_none(), &key, &values, revision, '+'));
            holds.insert(name, (key, values, revision));
        }
    }
    rows
}
