//! The rows of a table as a collection that changes: what joins of results read.
//!
//! Every worker gives the rows whose keys it owns, from the copy of its process. A row is asserted at the least time, and
//! when the table is read again, what is different is retracted and asserted at the frontier of the stream that the
//! operator is given, and at no other time: which that is depends on the clock. The window of a row is the time in which it
//! holds: all of it, where keys have no versions.
//!
//! The capability stands at the frontier of that stream, below everything that can still be said, and is dropped when
//! the stream has ended. So a table holds nothing back that the stream does not.

use super::container::RowBox;
use super::shared::Shared;
use crate::event::key;
use crate::result::{Op, RowBatch, RowHead};
use crate::table::{Change, KeyRows, Table};
use crate::time::EventTime;
use crate::window::PreAggregate;
use std::collections::BTreeMap;
use std::sync::Arc;
use timely::container::CapacityContainerBuilder;
use timely::dataflow::Stream;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::generic::operator::Operator;

/// Rows that go together.
const ROWS: usize = 4_096;

/// A row: from when on it holds, until when, and its values.
type Row<'t> = (i64, Option<i64>, &'t [u8]);

/// A table as one worker states it. Pure.
pub(super) struct Stated {
    part: u32,
    owner: usize,
    peers: usize,
    /// The version that has been stated, and its number.
    known: Option<(u64, Arc<Table>)>,
    /// How often the row of a key was said anew, where it was: as many as keys that have changed.
    revisions: BTreeMap<Vec<u8>, u32>,
}

impl Stated {
    /// Nothing is stated yet. `part`: the part of its rows; this worker is `owner` of `peers`.
    pub(super) fn new(part: u32, owner: usize, peers: usize) -> Self {
        Self { part, owner, peers, known: None, revisions: BTreeMap::new() }
    }

    fn owns(&self, of: &[u8]) -> bool {
        PreAggregate::owner(key::hash(of), self.peers) == self.owner
    }

    fn row(&self, time: i64, (of, revision): (&[u8], u32), row: Row<'_>, op: Op, out: &mut RowBatch) {
        let (from, until, values) = row;
        // What holds always has done so since 1970.
        let from = if from == i64::MIN { 0 } else { from };
        let start = out.bytes.len() as u32;
        out.bytes.extend_from_slice(of);
        out.bytes.extend_from_slice(values);
        out.heads.push(RowHead {
            revision,
            start,
            key_len: of.len() as u32,
            values_len: values.len() as u32,
            op,
            ..RowHead::new(self.part, time, (from, until.unwrap_or(EventTime::LATEST.0)))
        });
    }

    /// What is to be said at `time`, now that `table` is the newest version. `say` gets batches.
    pub(super) fn state(&mut self, version: u64, table: &Arc<Table>, time: i64, say: &mut dyn FnMut(RowBatch)) {
        let mut batch = RowBatch::default();
        let mut full = |batch: &mut RowBatch, least: usize| {
            if batch.heads.len() >= least {
                say(std::mem::take(batch));
            }
        };
        match self.known.replace((version, Arc::clone(table))) {
            Some((known, _)) if known == version => return,
            Some((_, old)) => {
                for Change { key, old, new } in table.changes_since(&old) {
                    if !self.owns(key) {
                        continue;
                    }
                    let revision = self.revisions.get(key).copied().unwrap_or(0);
                    // The next one, also where the rows were away in between.
                    let again = old.is_some() || self.revisions.contains_key(key);
                    let next = if again { revision + 1 } else { 0 };
                    let [old, new] =
                        [old, new].map(|rows| rows.into_iter().flat_map(KeyRows::iter).collect::<Vec<_>>());
                    for row in old.iter().filter(|row| !new.contains(row)) {
                        self.row(time, (key, revision), *row, Op::Retract, &mut batch);
                    }
                    for row in new.iter().filter(|row| !old.contains(row)) {
                        self.row(time, (key, next), *row, Op::Assert, &mut batch);
                    }
                    if next > 0 || new.is_empty() {
                        self.revisions.insert(key.to_owned(), if new.is_empty() { revision } else { next });
                    }
                    full(&mut batch, ROWS);
                }
            }
            None => {
                for (key, rows) in table.iter().filter(|(key, _)| self.owns(key)) {
                    rows.iter().for_each(|row| self.row(time, (key, 0), row, Op::Assert, &mut batch));
                    full(&mut batch, ROWS);
                }
            }
        }
        full(&mut batch, 1);
    }
}

/// Builds the operator for table `table` of the plan, whose rows are those of `part`. `clock`: the stream whose frontier
/// says when changes are stated; its rows are not looked at.
pub(super) fn table<'scope>(
    clock: Stream<'scope, i64, RowBox>,
    name: &str,
    (table, part): (usize, u32),
    shared: &Arc<Shared>,
) -> Stream<'scope, i64, RowBox> {
    let worker = clock.scope().worker().clone();
    let mut stated = Stated::new(part, worker.index(), worker.peers());
    let tables = Arc::clone(&shared.tables);
    let name = format!("{name}:table");
    clock.unary_frontier::<CapacityContainerBuilder<RowBox>, _, _, _>(Pipeline, &name, move |first, _| {
        // Dropped when the stream has ended.
        let mut held = Some(first);
        move |(input, frontier), output| {
            input.for_each(|_, _| {});
            let Some(capability) = &mut held else { return };
            let live = tables.get(table);
            // The number first: a table that comes in between is said again, which is nothing.
            let (version, newest) = (live.version(), live.newest());
            let time = *capability.time();
            let mut session = output.session(capability);
            stated.state(version, &newest, time, &mut |rows| session.give_container(&mut RowBox(rows)));
            drop(session);
            match frontier.frontier().first() {
                Some(now) if *now > time => capability.downgrade(now),
                Some(_) => {}
                None => held = None,
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Cell;
    use crate::table::Builder;

    fn made(rows: &[(i64, i64)]) -> Arc<Table> {
        let mut builder = Builder::new(1, false);
        let bytes = |n: i64| {
            let mut out = Vec::new();
            key::encode(Cell::int(n), &[], &mut out);
            out
        };
        rows.iter().for_each(|(key, value)| builder.push(&bytes(*key), 0, &bytes(*value)));
        Arc::new(builder.build().unwrap().table)
    }

    /// Key, value, revision, op and time of what all workers say, sorted.
    fn said(workers: &mut [Stated], version: u64, table: &Arc<Table>, time: i64) -> Vec<(i64, i64, u32, Op, i64)> {
        let mut all = Vec::new();
        for worker in workers {
            worker.state(version, table, time, &mut |rows| {
                all.extend(rows.iter().map(|row| {
                    let number = |value: Option<crate::event::Value<'_>>| value.and_then(crate::event::Value::as_i64);
                    let (key, value) = (number(row.dimensions().next()), number(row.values().next()));
                    (key.unwrap(), value.unwrap(), row.head.revision, row.head.op, row.head.time)
                }));
            });
        }
        all.sort_by_key(|(key, value, revision, op, time)| (*time, *key, *op, *revision, *value));
        all
    }

    #[test]
    fn a_table_when_it_changes_then_what_is_different_is_taken_back_and_said_once_over_all_workers() {
        for peers in [1, 3] {
            let mut workers: Vec<Stated> = (0..peers).map(|owner| Stated::new(7, owner, peers)).collect();
            let first = made(&(0..10).map(|n| (n, n)).collect::<Vec<_>>());
            let rows = said(&mut workers, 0, &first, i64::MIN);
            assert_eq!(rows, (0..10).map(|n| (n, n, 0, Op::Assert, i64::MIN)).collect::<Vec<_>>());
            assert_eq!(said(&mut workers, 0, &first, 5), []);
            // 3 is another, 4 is gone, 11 is new.
            let rows: Vec<(i64, i64)> =
                (0..12).filter(|n| ![4, 10].contains(n)).map(|n| (n, if n == 3 { 33 } else { n })).collect();
            let changes = [
                (3, 3, 0, Op::Retract, 9),
                (3, 33, 1, Op::Assert, 9),
                (4, 4, 0, Op::Retract, 9),
                (11, 11, 0, Op::Assert, 9),
            ];
            assert_eq!(said(&mut workers, 1, &made(&rows), 9), changes);
            let back = [
                (3, 33, 1, Op::Retract, 12),
                (3, 3, 2, Op::Assert, 12),
                (4, 4, 1, Op::Assert, 12),
                (11, 11, 0, Op::Retract, 12),
            ];
            assert_eq!(said(&mut workers, 2, &first, 12), back);
        }
    }
}
