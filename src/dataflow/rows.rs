//! The streams of rows by part, and rows sent to the workers of their keys.

use super::container::{Routed, RowBox};
use crate::result::{RowBatch, RowRef};
use crate::window::PreAggregate;
use timely::container::CapacityContainerBuilder;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::core::Concatenate;
use timely::dataflow::operators::generic::operator::Operator;
use timely::dataflow::{Scope, Stream};

/// The rows of all parts. A stream may carry the rows of several: who reads it leaves those of others out.
#[derive(Default)]
pub(super) struct Results<'scope> {
    streams: Vec<(Vec<u32>, Stream<'scope, i64, RowBox>)>,
}

impl<'scope> Results<'scope> {
    /// Adds a stream with the rows of `parts`, and of no other stream's.
    pub(super) fn add(&mut self, parts: Vec<u32>, rows: Stream<'scope, i64, RowBox>) {
        self.streams.push((parts, rows));
    }

    /// The rows of `parts`, and perhaps of others.
    pub(super) fn of(&self, scope: Scope<'scope, i64>, parts: &[u32]) -> Stream<'scope, i64, RowBox> {
        let carries = |of: &[u32]| of.iter().any(|part| parts.contains(part));
        let taken: Vec<_> = self.streams.iter().filter(|(of, _)| carries(of)).map(|(_, rows)| rows.clone()).collect();
        scope.concatenate(taken)
    }
}

/// Rows, each of which goes to all of these workers.
pub(super) fn to_all<'scope>(
    rows: Stream<'scope, i64, RowBox>,
    name: &str,
    workers: Vec<usize>,
) -> Stream<'scope, i64, Routed> {
    let name = format!("{name}:to all");
    rows.unary::<CapacityContainerBuilder<Routed>, _, _, _>(Pipeline, &name, move |_, _| {
        move |input, output| {
            input.for_each(|capability, container| {
                let rows = std::mem::take(&mut container.0);
                let mut session = output.session(&capability);
                for worker in &workers {
                    session.give_container(&mut Routed { target: *worker as u32, rows: rows.clone() });
                }
            });
        }
    })
}

/// Rows, made ready for [`super::container::to_target`]: each goes to the worker of its hash, one without stays away.
/// An early row stays away too: whoever works with rows works with statements.
pub(super) fn by_key<'scope>(
    rows: Stream<'scope, i64, RowBox>,
    name: &str,
    mut hash: impl FnMut(RowRef<'_>) -> Option<u64> + 'static,
) -> Stream<'scope, i64, Routed> {
    let peers = rows.scope().peers();
    let mut batches: Vec<RowBatch> = vec![RowBatch::default(); peers];
    rows.unary::<CapacityContainerBuilder<Routed>, _, _, _>(Pipeline, name, move |_, _| {
        move |input, output| {
            input.for_each(|capability, container| {
                for row in container.0.iter().filter(|row| row.head.early == 0) {
                    if let Some(hash) = hash(row) {
                        batches[PreAggregate::owner(hash, peers)].push(row);
                    }
                }
                container.0.clear();
                let mut session = output.session(&capability);
                for (target, rows) in batches.iter_mut().enumerate().filter(|(_, rows)| !rows.heads.is_empty()) {
                    session.give_container(&mut Routed { target: target as u32, rows: std::mem::take(rows) });
                }
            });
        }
    })
}
