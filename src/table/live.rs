//! The tables of a run as its workers see them: the newest version of each.
//!
//! A reload puts a new table in the place of the old; a worker looks once a block whether there is one, and keeps what it
//! has for the block.

use super::Table;
use super::desk::Desk;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// One table, of which there may be a newer version at any time.
#[derive(Debug)]
pub struct Live {
    newest: Mutex<Arc<Table>>,
    version: AtomicU64,
}

impl Live {
    /// A table as it is at first.
    pub fn new(table: Table) -> Self {
        Self { newest: Mutex::new(Arc::new(table)), version: AtomicU64::new(0) }
    }

    /// The newest version.
    pub fn newest(&self) -> Arc<Table> {
        Arc::clone(&self.newest.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The number of the newest version, from 0.
    pub fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// Puts a new version in the place of the old, and gives that.
    pub fn replace(&self, table: Table) -> Arc<Table> {
        let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        let old = std::mem::replace(&mut *newest, Arc::new(table));
        // Inside of the lock: whoever sees the number finds at least this version.
        self.version.fetch_add(1, Ordering::Release);
        old
    }
}

/// The tables of a plan, in its order.
#[derive(Debug, Default)]
pub struct Tables {
    list: Vec<Live>,
    /// Where the keys of those are asked for that are not read as a whole.
    desks: Vec<Option<Arc<Desk>>>,
}

impl Tables {
    /// These tables.
    pub fn new(tables: Vec<Table>) -> Arc<Self> {
        Self::with_desks(tables, Vec::new())
    }

    /// These tables, and where the keys of those are asked for that are not read as a whole.
    pub fn with_desks(tables: Vec<Table>, desks: Vec<Option<Arc<Desk>>>) -> Arc<Self> {
        Arc::new(Self { list: tables.into_iter().map(Live::new).collect(), desks })
    }

    /// Where the keys of table `i` are asked for, where that is not read as a whole.
    pub fn desk(&self, i: usize) -> Option<&Arc<Desk>> {
        self.desks.get(i).and_then(Option::as_ref)
    }

    /// Everywhere where keys are asked for.
    pub fn desks(&self) -> impl Iterator<Item = &Arc<Desk>> {
        self.desks.iter().flatten()
    }

    /// Table `i` of the plan.
    ///
    /// # Panics
    /// Where the plan has fewer.
    pub fn get(&self, i: usize) -> &Live {
        &self.list[i]
    }
}

/// What one worker sees of the tables.
#[derive(Debug, Clone, Default)]
pub struct Handles {
    tables: Arc<Tables>,
    /// The version that was last looked at, and its number.
    seen: Vec<(u64, Arc<Table>)>,
}

impl Handles {
    /// A worker's view.
    pub fn new(tables: &Arc<Tables>) -> Self {
        let seen = tables.list.iter().map(|live| (live.version(), live.newest())).collect();
        Self { tables: Arc::clone(tables), seen }
    }

    /// Looks whether there are newer versions.
    pub fn refresh(&mut self) {
        for (live, (version, table)) in self.tables.list.iter().zip(&mut self.seen) {
            let now = live.version();
            if now != *version {
                (*version, *table) = (now, live.newest());
            }
        }
    }

    /// Where the keys of table `i` are asked for, where that is not read as a whole.
    #[inline]
    pub fn desk(&self, i: usize) -> Option<&Arc<Desk>> {
        self.tables.desk(i)
    }

    /// Table `i` of the plan, as it was when it was last refreshed.
    #[inline]
    pub fn get(&self, i: usize) -> &Table {
        &self.seen[i].1
    }
}
