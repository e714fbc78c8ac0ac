//! Windows with a cap on their groups, by the plainest road: at every moment at which something might be said, all groups
//! are made anew from all events that count by then, and what is said is the difference to the moment before.
//!
//! Rules, for a cap of k:
//! 1. A window's moments are those of its groups (rules 4 and 5 of the oracle, or rule 1 of a global window), all together.
//! 2. Of the groups that have events at a moment the k least are kept, by hash and then bytes of their names. The events of
//!    all others are those of one group more.
//! 3. A group that is not kept any more is retracted. A group that was not there before has revision 0.
//!
//! The name of a group is its dimensions in order: a byte for the type (0 null, 1 truth value, 2 whole number, 3 other
//! number, 5 text, 6 object or list), then 1 byte of a truth value, 8 of a number, the length in 4 and the bytes of text;
//! numbers little-endian. The hash is rapidhash v3.

use super::{Arrived, Keyed, OracleRow, OracleWindow, compute};
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

/// When something may be said.
pub(super) struct Moment {
    pub(super) time: i64,
    /// The window of what is said then.
    pub(super) bounds: (i64, i64),
    /// Events that count up to this are in it.
    pub(super) last: i64,
}

/// What is said of a group, as it stands.
struct Holds {
    key: Vec<Value>,
    values: Vec<Value>,
    revision: u32,
    bounds: (i64, i64),
}

/// Everything that is said of one window: `events` are those of all its groups, each with its dimensions; `counts`: from
/// when on an event does.
pub(super) fn rows(
    window: &OracleWindow,
    most: usize,
    moments: impl Iterator<Item = Moment>,
    counts: &dyn Fn(&Arrived) -> i64,
    events: &[Keyed<'_>],
) -> Vec<OracleRow> {
    let nothing: Vec<Value> = window.group.iter().map(|_| Value::Null).collect();
    let mut holds: BTreeMap<Group, Holds> = BTreeMap::new();
    let mut rows = Vec::new();
    for Moment { time, bounds, last } in moments {
        let mut applied: Vec<_> = events.iter().filter(|(_, a)| counts(a) <= last).collect();
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
        let row = |name: &Group, holds: &Holds, op| OracleRow {
            time,
            window_start: holds.bounds.0,
            window_end: holds.bounds.1,
            key: holds.key.clone(),
            overflow: name.is_none(),
            values: holds.values.clone(),
            revision: holds.revision,
            early: 0,
            op,
        };
        rows.extend(holds.iter().filter(|(name, _)| !groups.contains_key(name)).map(|(name, h)| row(name, h, '-')));
        holds.retain(|name, _| groups.contains_key(name));
        for (name, (key, events)) in groups {
            let values: Vec<Value> = window.aggregates.iter().map(|wanted| compute(wanted, &events)).collect();
            let revision = match holds.get(&name) {
                Some(old) if old.values == values => continue,
                Some(old) => {
                    rows.push(row(&name, old, '-'));
                    old.revision + 1
                }
                None => 0,
            };
            let new = Holds { key, values, revision, bounds };
            rows.push(row(&name, &new, '+'));
            holds.insert(name, new);
        }
    }
    rows
}
