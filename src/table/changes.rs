//! Two versions of a table, turned into what is different.

use super::rows::Table;
use crate::event::key;
use std::cmp::Ordering;

/// A key whose row is different. Values are in the form of [`key::encode_value`], one after the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The canonical key.
    pub key: Vec<u8>,
    /// The values that were; `None`: there was no row.
    pub old: Option<Vec<u8>>,
    /// The values that are; `None`: there is no row.
    pub new: Option<Vec<u8>>,
}

impl Table {
    /// What is different from `old`; of versions the newest are compared. In an order that depends on the keys alone.
    ///
    /// Cost: one look at every key of both, in the order of memory, and a copy of what is different.
    pub fn changes_since(&self, old: &Table) -> Vec<Change> {
        let (mut before, mut after) = (old.iter().peekable(), self.iter().peekable());
        let mut changes = Vec::new();
        loop {
            let order = match (before.peek(), after.peek()) {
                (None, None) => return changes,
                (Some(_), None) => Ordering::Less,
                (None, Some(_)) => Ordering::Greater,
                (Some((a, _)), Some((b, _))) if a == b => Ordering::Equal,
                (Some((a, _)), Some((b, _))) => (key::hash(a), *a).cmp(&(key::hash(b), *b)),
            };
            let was = if order.is_le() { before.next() } else { None };
            let is = if order.is_ge() { after.next() } else { None };
            if was.map(|(_, values)| values) != is.map(|(_, values)| values) {
                let key = was.or(is).map_or(&[][..], |(key, _)| key).to_vec();
                let owned = |row: Option<(&[u8], &[u8])>| row.map(|(_, values)| values.to_vec());
                changes.push(Change { key, old: owned(was), new: owned(is) });
            }
        }
    }
}
