//! Tables on their way from one worker to another of the same process: what is sent is the number of a place.
//!
//! In a message a table would be bytes: written, copied, read, and each group looked up. Here it stays what it is.
//! A place is taken until the table in it is fetched, so there are never more than messages on their way.

use crate::aggregate::GroupTable;
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

/// Where tables of one window wait.
#[derive(Debug)]
pub struct Handover {
    workers: Range<usize>,
    places: Mutex<Places>,
}

#[derive(Debug, Default)]
struct Places {
    tables: Vec<Option<Box<GroupTable>>>,
    free: Vec<usize>,
}

impl Handover {
    /// Between these workers.
    pub fn new(workers: Range<usize>) -> Self {
        Self { workers, places: Mutex::default() }
    }

    /// True where the worker can fetch tables.
    pub(super) fn reaches(&self, worker: usize) -> bool {
        self.workers.contains(&worker)
    }

    /// Leaves a table; gives the number of its place.
    pub(super) fn leave(&self, table: GroupTable) -> u64 {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        let at = places.free.pop().unwrap_or(places.tables.len());
        if at == places.tables.len() {
            places.tables.push(None);
        }
        places.tables[at] = Some(Box::new(table));
        at as u64
    }

    /// Fetches the table at a place; none where there is none.
    pub fn fetch(&self, place: u64) -> Option<GroupTable> {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        let at = usize::try_from(place).ok()?;
        let table = places.tables.get_mut(at)?.take()?;
        places.free.push(at);
        Some(*table)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::aggregate::{Call, Function, Layout};

    #[test]
    fn tables_when_they_are_fetched_then_are_there_once_and_places_are_used_again() {
        let layout = Layout::new(&[Call { function: Function::CountRows, input: None, filter: None }]);
        let handover = Handover::new(2..4);
        assert!(!handover.reaches(1) && handover.reaches(3) && !handover.reaches(4));
        let table = |groups: u64| {
            let mut table = GroupTable::new(layout.clone());
            (0..groups).for_each(|g| {
                table.group(crate::event::key::hash(&g.to_le_bytes()), &g.to_le_bytes());
            });
            table
        };
        let (one, two) = (handover.leave(table(1)), handover.leave(table(2)));
        assert_eq!(handover.fetch(two).unwrap().len(), 2);
        assert!(handover.fetch(two).is_none() && handover.fetch(9).is_none() && handover.fetch(u64::MAX).is_none());
        assert_eq!(handover.leave(table(3)), two);
        assert_eq!((handover.fetch(one).unwrap().len(), handover.fetch(two).unwrap().len()), (1, 3));
    }
}
