//! Rows in the file, read in order, a page at a time, while others are written.
//!
//! A page is read from one state of the file, that of the newest transaction before it.
//!
//! Cost: a search, and as many rows as the scan may look at.

use super::super::store::{Page, Scan, Spot};
use super::disk::{META, Name, meta_key};
use super::form::{self, About, Place, Seen};
use crate::result::RowRef;
use redb::{Database, Key, ReadableDatabase, TableError};
use std::cmp::Ordering;
use std::ops::Bound;
use std::sync::Arc;

/// What reads the file.
#[derive(Debug, Clone)]
pub(in crate::serve) struct Reader {
    db: Arc<Database>,
    /// Of each part of the plan the table of its rows, and whether values tell them apart; none of those that are not kept.
    parts: Arc<[Option<(u32, bool)>]>,
}

/// The end of a range: a place, and whether it is within.
type Edge = Option<(Vec<u8>, bool)>;

/// The tighter of two ends; `wins`: how the place of the tighter compares with the other.
fn tighter(a: Edge, b: Edge, wins: Ordering) -> Edge {
    match (a, b) {
        (Some(a), Some(b)) => Some(match Place::compare(&a.0, &b.0) {
            Ordering::Equal => (a.0, a.1 && b.1),
            order if order == wins => a,
            _ => b,
        }),
        (a, b) => a.or(b),
    }
}

fn bound(edge: &Edge) -> Bound<&[u8]> {
    match edge {
        None => Bound::Unbounded,
        Some((place, true)) => Bound::Included(place),
        Some((place, false)) => Bound::Excluded(place),
    }
}

impl Reader {
    pub(super) fn new(db: Arc<Database>, parts: Vec<Option<(u32, bool)>>) -> Self {
        Self { db, parts: parts.into() }
    }

    /// True where rows of a part are kept on disk.
    pub(in crate::serve) fn has(&self, part: u32) -> bool {
        self.parts.get(part as usize).is_some_and(Option::is_some)
    }

    /// Rows of a part up to `top`, in the order that `scan` asks for, for which `wanted` holds. `until`: only windows that begin
    /// before it can be wanted.
    pub(in crate::serve) fn rows(
        &self,
        part: u32,
        scan: &Scan,
        (top, until): (Option<&Spot>, Option<i64>),
        wanted: impl Fn(RowRef<'_>) -> bool,
    ) -> Result<Page, redb::Error> {
        let mut page = Page::default();
        let Some((number, by_values)) = self.parts.get(part as usize).copied().flatten() else { return Ok(page) };
        let txn = self.db.begin_read()?;
        let longest = match txn.open_table(META)?.get(&meta_key(number)[..])? {
            Some(about) => serde_json::from_slice::<About>(about.value()).map_or(i64::MAX, |about| about.longest),
            None => return Ok(page),
        };
        let name = Name::new(number);
        let table = match txn.open_table(name.table()) {
            Err(TableError::TableDoesNotExist(_)) => return Ok(page),
            table => table?,
        };
        let behind = scan.behind.as_ref().map(|spot| (form::place_of(spot), false));
        let low = scan.ends_behind.map(|end| (form::place(end, i64::MAX, &[], &[]), false));
        let high = tighter(
            top.map(|spot| (form::place_of(spot), true)),
            // A window that begins before it ends before this.
            until.map(|until| (form::place(until.saturating_add(longest), i64::MIN, &[], &[]), false)),
            Ordering::Less,
        );
        let (low, high) = if scan.newest_first {
            (low, tighter(high, behind, Ordering::Less))
        } else {
            (tighter(low, behind, Ordering::Greater), high)
        };
        if let (Some((low, low_in)), Some((high, high_in))) = (&low, &high)
            && match Place::compare(low, high) {
                Ordering::Greater => true,
                Ordering::Equal => !(*low_in && *high_in),
                Ordering::Less => false,
            }
        {
            return Ok(page);
        }
        let mut range = table.range::<&[u8]>((bound(&low), bound(&high)))?;
        let mut looked = 0;
        while page.rows.len() < scan.limit {
            let entry = if scan.newest_first { range.next_back() } else { range.next() };
            let Some(entry) = entry else { return Ok(page) };
            let (place, value) = entry?;
            let Some(seen) = Seen::new(part, by_values, place.value(), value.value()) else { continue };
            if wanted(seen.get()) {
                page.rows.push(Arc::new(seen.row()));
            }
            looked += 1;
            if looked >= scan.look {
                page.stopped = Some(seen.spot(by_values));
                return Ok(page);
            }
        }
        Ok(page)
    }
}
