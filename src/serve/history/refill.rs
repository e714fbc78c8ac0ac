//! Rows on disk, turned into the memory of a run that begins.
//!
//! Invariants: (1) the memory takes no more than its bounds allow, the newest windows first; (2) it knows up to where it has all, so that a
//! question goes on on the disk.

use super::super::book::Book;
use super::super::store::{Scan, Store};
use super::disk::Disk;
use crate::result::{RowKind, RowSchema};

/// Rows that are read at a time.
const PAGE: usize = 10_000;
/// Rows of an alert's part that are read, at most: the newest.
const ALERTS: usize = 200_000;

/// Fills the memory.
pub(super) fn fill(disk: &Disk, schemas: &[RowSchema], store: &mut Store, book: &mut Book) -> Result<(), redb::Error> {
    let reader = disk.reader();
    let newest = |part: u32| disk.about(part).map_or(i64::MIN, |about| about.newest);
    let all = (0..schemas.len() as u32).map(newest).max().unwrap_or(i64::MIN);
    for (part, schema) in schemas.iter().enumerate() {
        let part = part as u32;
        let mut fits = true;
        let mut told = if schema.kind == RowKind::Alert { ALERTS } else { 0 };
        let mut scan = Scan { newest_first: true, limit: usize::MAX, look: PAGE, ..Scan::default() };
        while fits || told > 0 {
            let page = reader.rows(part, &scan, (None, None), |_| true)?;
            for row in page.rows {
                if told > 0 {
                    book.restore(row.get());
                    told -= 1;
                }
                fits = fits && store.restore(row, newest(part));
            }
            match page.stopped {
                Some(spot) => scan.behind = Some(spot),
                None => break,
            }
        }
    }
    book.restored(all);
    Ok(())
}
