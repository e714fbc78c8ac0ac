//! The sink operator on worker 0: rows in, complete times out to the sink's thread, in order.
//!
//! Its output carries nothing; its frontier is what has been handed to the sink. While the sink is full the operator
//! keeps the capability of the first time it could not hand over.

use super::container::{Carried, RowBox, recycle, to_target};
use super::sent::Sent;
use super::shared::Shared;
use crate::error::Error;
use crate::observe::trace::SinkNotes;
use crate::observe::{Metrics, SinkId};
use crate::result::RowBatch;
use crate::sink::SinkHandle;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use timely::container::CapacityContainerBuilder;
use timely::dataflow::Stream;
use timely::dataflow::operators::Capability;
use timely::dataflow::operators::generic::operator::Operator;
use timely::scheduling::SyncActivator;

/// A sink's queue; empty on workers that have no sink, and once it is finished.
pub(super) type SinkCell = Rc<RefCell<Option<SinkHandle>>>;

/// Starts the thread of a sink, given how to wake the operator.
pub(super) type Start = Box<dyn FnOnce(SyncActivator) -> Result<SinkHandle, Error>>;

/// How often the backlog of a busy sink is looked at.
const LOOK: Duration = Duration::from_millis(10);

/// Builds the operator of the sink in the cell, which has this place in the plan.
pub(super) fn sink<'scope, C: Carried>(
    rows: Stream<'scope, i64, C>,
    name: &str,
    (cell, index): (SinkCell, usize),
    (start, notes): (Option<Start>, Arc<SinkNotes>),
    shared: &Arc<Shared>,
    metrics: &Arc<Metrics>,
) -> Stream<'scope, i64, RowBox> {
    let (shared, metrics) = (Arc::clone(shared), Arc::clone(metrics));
    let name = format!("{name}:sink");
    let worker = rows.scope().worker().clone();
    let alone = worker.peers() == 1;
    let scope = rows.scope();
    let pact = to_target(Sent::to(&name, scope, &metrics));
    rows.unary_frontier::<CapacityContainerBuilder<RowBox>, _, _, _>(pact, &name, move |first, info| {
        drop(first);
        let again = scope.activator_for(info.address.clone());
        if let Some(start) = start {
            match start(worker.sync_activator_for(info.address.to_vec())) {
                Ok(handle) => *cell.borrow_mut() = Some(handle),
                Err(error) => shared.fail(error),
            }
        }
        let mut open: BTreeMap<i64, (Capability<i64>, RowBatch)> = BTreeMap::new();
        move |(input, frontier), output| {
            let handle = cell.borrow();
            input.for_each(|capability, container| {
                let rows = container.take();
                let Some(time) = rows.heads.first().map(|h| h.time) else { return };
                // Dropped when the rows of this time have been handed to the sink.
                let entry = open.entry(time).or_insert_with(|| {
                    let least = capability.least().copied().unwrap_or(time);
                    (capability.delayed(&time.max(least), output.output_index()), RowBatch::default())
                });
                if alone && entry.1.heads.is_empty() {
                    entry.1 = rows;
                    return;
                }
                // What came from a worker is copied behind what others sent, into memory that the sink has used before.
                if entry.1.heads.is_empty() {
                    entry.1 = handle.as_ref().map(SinkHandle::spare).unwrap_or_default();
                }
                entry.1.append(&rows);
                recycle(rows);
            });
            let Some(handle) = handle.as_ref() else {
                open.clear();
                return;
            };
            let counts = metrics.sink(SinkId(index as u32));
            let mut pushed = false;
            while let Some(entry) = open.first_entry() {
                if frontier.less_equal(entry.key()) {
                    break;
                }
                let (time, (capability, rows)) = entry.remove_entry();
                notes.complete(time, rows.heads.len(), rows.bytes.len());
                if let Err(rows) = handle.try_push(rows) {
                    open.insert(time, (capability, rows));
                    break;
                }
                pushed = true;
                if let Some(span) = metrics.counts_costs().then(|| shared.passed_since(time)).flatten() {
                    counts.latency.add(span);
                }
            }
            if pushed {
                handle.flush();
            }
            // Rows whose time is not complete do not count: they wait for sources, which must not wait for them.
            let complete = open.iter().filter(|(time, _)| !frontier.less_equal(time));
            let held: usize = complete.map(|(_, (_, rows))| rows.bytes.len()).sum();
            if handle.backlog_bytes() + held > 0 {
                // The sink wakes us only after it gave something back, and sources wait for this number to fall.
                again.activate_after(LOOK);
            }
            shared.set_backlog(index, (handle.backlog_bytes() + held) as u64);
            let written = handle.written();
            counts.rows.set(written.rows);
            counts.bytes.set(written.bytes);
            counts.backlog.set((handle.backlog_bytes() + held) as i64);
            if let Some(error) = handle.failed() {
                shared.sink_failed(error);
            }
        }
    })
}
