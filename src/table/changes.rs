//! Two versions of a table, turned into what is different.

use super::rows::{KeyRows, Table};
use crate::event::key;
use std::cmp::Ordering;

/// A key whose rows are different.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change<'t> {
    /// The canonical key.
    pub key: &'t [u8],
    /// The rows that were; `None`: there was none.
    pub old: Option<KeyRows<'t>>,
    /// The rows that are; `None`: there is none.
    pub new: Option<KeyRows<'t>>,
}

impl Table {
    /// What is different from `old`, in an order that depends on the keys alone.
    ///
    /// Cost: one look at every key of both, in the order of memory.
    pub fn changes_since<'t>(&'t self, old: &'t Table) -> impl Iterator<Item = Change<'t>> {
        let (mut before, mut after) = (old.iter().peekable(), self.iter().peekable());
        std::iter::from_fn(move || {
            loop {
                let order = match (before.peek(), after.peek()) {
                    (None, None) => return None,
                    (Some(_), None) => Ordering::Less,
                    (None, Some(_)) => Ordering::Greater,
                    (Some((a, _)), Some((b, _))) if a == b => Ordering::Equal,
                    (Some((a, _)), Some((b, _))) => (key::hash(a), *a).cmp(&(key::hash(b), *b)),
                };
                let was = if order.is_le() { before.next() } else { None };
                let is = if order.is_ge() { after.next() } else { None };
                let (old, new) = (was.map(|(_, rows)| rows), is.map(|(_, rows)| rows));
                if old != new
                    && let Some((key, _)) = was.or(is)
                {
                    return Some(Change { key, old, new });
                }
            }
        })
    }
}
