//! The operators of a view: rows in, rows and corrections out, each time when the frontier has passed it.
//!
//! ```text
//! rows => feed: computes, filters, makes keys      (where the rows are)
//!      => exchanged by key
//! wait => each row at its time, and taken out again at the end of its life
//!      => arranged by key, reduced: differential dataflow
//! answer => what rows that have left change is dropped
//!      => the next step, or
//! state => by window and group: revisions, one message a time
//! ```
//!
//! `wait` keeps what is not due in buckets by time, so that the arrangement holds only what counts now: a batch of updates
//! whose time lies ahead would be looked through at every tick. It retains a capability for each bucket, at its time,
//! dropped with it; when the input has ended nothing is taken out any more, as nothing can change.
//!
//! Invariants: those of [`crate::view`]. State is bounded by the rows that are live: an arrangement that has lost rows is
//! compacted while the worker is idle.

use super::bytes::{Arrangement, Batcher, Builder, Given, Made, Piece, Strings, bytes_of};
use super::container::{Routed, RowBox, to_target};
use super::rows::{Results, by_key};
use super::sent::Sent;
use crate::event::key;
use crate::observe::trace::PartNotes;
use crate::observe::{Metrics, PartId, Share};
use crate::plan::{Keyed, Plan, ViewFeed, ViewPlan};
use crate::result::{Op, RowBatch, RowHead, RowRef, RowSchema};
use crate::view::{Feed, Operation, Project, Projector, Reduce, Route, Stater, Stored};
use crate::window::PreAggregate;
use differential_dataflow::operators::arrange::TraceAgent;
use differential_dataflow::operators::arrange::arrangement::{Arranged, arrange_core};
use differential_dataflow::trace::{Cursor, Navigable, TraceReader};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use timely::container::CapacityContainerBuilder;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::core::Concatenate;
use timely::dataflow::operators::generic::operator::Operator;
use timely::dataflow::operators::{Capability, InputCapability};
use timely::dataflow::{Scope, Stream};
use timely::progress::frontier::MutableAntichain;

/// Bytes of a message of rows, about.
const MESSAGE: usize = 1 << 18;
/// Bytes of a part of a bucket, about.
const CHUNK: usize = 1 << 26;

/// Builds the operators of view `v`; gives its rows.
pub(super) fn view<'scope>(
    scope: Scope<'scope, i64>,
    results: &Results<'scope>,
    plan: &Arc<Plan>,
    v: usize,
    metrics: &Arc<Metrics>,
) -> Stream<'scope, i64, RowBox> {
    let view = &plan.views[v];
    let mut rows: Option<Stream<'scope, i64, RowBox>> = None;
    for (s, step) in view.steps.iter().enumerate() {
        let mut fed = Vec::new();
        for one in &step.feeds {
            let from = match &one.parts {
                Some(parts) => results.of(scope, parts),
                None => rows.clone().expect("a step that reads no part has one before it"),
            };
            fed.push(feed(from, view, one, metrics));
        }
        let fed = if fed.len() == 1 { fed.remove(0) } else { scope.concatenate(fed) };
        rows = Some(keyed(fed, view, (s, step), metrics));
    }
    let rows = match rows {
        Some(rows) => project(rows, view, None, metrics),
        None => project(results.of(scope, &view.parts), view, Some(&view.parts), metrics),
    };
    let schema = &plan.schemas[view.part as usize];
    if view.steps.is_empty() && view.last.keeps_all() {
        return rows;
    }
    let name = format!("{}:state", view.name);
    if stays(view) {
        return state(rows, &name, view.part, schema, metrics);
    }
    let mut bytes = Vec::new();
    let routed = by_key(rows, &format!("{}:route", view.name), move |row| {
        bytes.clear();
        bytes.extend_from_slice(&row.head.window_start.to_le_bytes());
        bytes.extend_from_slice(row.key);
        Some(key::hash(&bytes))
    });
    // Rows come to the operator behind from where their keys are.
    let pact = to_target(Sent::to(&name, scope, metrics));
    let rows = routed.unary::<CapacityContainerBuilder<RowBox>, _, _, _>(pact, &name, |_, _| {
        |input, output| {
            input.for_each(|capability, container| {
                let rows = std::mem::take(&mut container.rows);
                output.session(&capability).give_container(&mut RowBox(rows));
            });
        }
    });
    state(rows, &name, view.part, schema, metrics)
}

/// True where all rows of a window and group come from one worker.
fn stays(view: &ViewPlan) -> bool {
    let Some(step) = view.steps.last() else { return true };
    match (&step.operation, step.feeds.first().map(|one| &one.route)) {
        (Operation::Outer(_) | Operation::Distinct | Operation::Series { .. }, _) => true,
        (Operation::Top(_), Some(Route::Window { cells, .. })) => cells.is_empty(),
        _ => false,
    }
}

/// Rows, made ready to be arranged, on the way to the workers of their keys.
fn feed<'scope>(
    rows: Stream<'scope, i64, RowBox>,
    view: &ViewPlan,
    of: &ViewFeed,
    metrics: &Arc<Metrics>,
) -> Stream<'scope, i64, Routed> {
    let peers = rows.scope().peers();
    let mut feed = Feed::new(&of.project, &of.route);
    let mut batches: Vec<RowBatch> = vec![RowBatch::default(); peers];
    let (parts, part, metrics) = (of.parts.clone(), PartId(view.part), Arc::clone(metrics));
    let name = format!("{}:feed", view.name);
    rows.unary::<CapacityContainerBuilder<Routed>, _, _, _>(Pipeline, &name, move |_, _| {
        move |input, output| {
            input.for_each(|capability, container| {
                let wanted = |head: &RowHead| head.early == 0 && parts.as_ref().is_none_or(|p| p.contains(&head.part));
                container.0.iter().filter(|row| wanted(row.head)).for_each(|row| feed.push(row));
                container.0.clear();
                let before = feed.failures();
                feed.flush(&mut |sent| {
                    let (key_len, values_len) = (sent.key.len() as u32, sent.value.len() as u32);
                    let head = RowHead {
                        op: sent.op,
                        key_len,
                        values_len,
                        ..RowHead::new(0, sent.time, (sent.from, sent.until))
                    };
                    let batch = &mut batches[PreAggregate::owner(key::hash(sent.key), peers)];
                    batch.push(RowRef { head: &head, key: sent.key, values: sent.value });
                });
                metrics.part(part).expression_failures.add(feed.failures() - before);
                let mut session = output.session(&capability);
                for (target, rows) in batches.iter_mut().enumerate().filter(|(_, rows)| !rows.heads.is_empty()) {
                    session.give_container(&mut Routed { target: target as u32, rows: std::mem::take(rows) });
                }
            });
        }
    })
}

/// A step that needs all rows under a key.
fn keyed<'scope>(
    fed: Stream<'scope, i64, Routed>,
    view: &ViewPlan,
    (s, step): (usize, &Keyed),
    metrics: &Arc<Metrics>,
) -> Stream<'scope, i64, RowBox> {
    let kind = step.operation.name();
    let name = format!("{}:{kind}", view.name);
    let name = if s == 0 { name } else { format!("{name} {}", s + 1) };
    let updates = wait(fed, &format!("{name} wait"), view.part, metrics);
    let arranged: Arranged<'_, TraceAgent<Arrangement>> =
        arrange_core(updates, Pipeline, &format!("{name} arrange"), Batcher::new);
    let input = arranged.trace.clone();
    let mut machine: Box<dyn Reduce> = step.operation.machine();
    let reduced = arranged.reduce_abelian::<_, Builder, Arrangement, Strings, _>(
        &name,
        move |key: &[u8], rows: &[(&[u8], isize)], out: &mut Vec<(Vec<u8>, isize)>| {
            if rows.iter().all(|(_, count)| *count > 0) {
                machine.reduce(key, rows, out);
            } else {
                let rows: Vec<(&[u8], isize)> = rows.iter().copied().filter(|(_, count)| *count > 0).collect();
                if !rows.is_empty() {
                    machine.reduce(key, &rows, out);
                }
            }
        },
        |updates: &mut Vec<Made>, key: &[u8], changes: &mut Vec<(Vec<u8>, i64, isize)>| {
            updates.clear();
            updates.extend(changes.drain(..).map(|(row, time, diff)| ((key.to_vec(), row), time, diff)));
        },
    );
    answer(reduced, input, &format!("{name} answer"), step.keep, view.part, metrics)
}

/// Rows that wait for a time.
#[derive(Default)]
struct Buckets {
    by_time: BTreeMap<i64, (Option<Capability<i64>>, Vec<RowBatch>)>,
    bytes: usize,
}

impl Buckets {
    fn push(&mut self, time: i64, row: RowRef<'_>, capability: impl FnOnce() -> Capability<i64>) {
        let (held, chunks) = self.by_time.entry(time).or_default();
        held.get_or_insert_with(capability);
        if chunks.last().is_none_or(|chunk| chunk.bytes.len() > CHUNK) {
            chunks.push(RowBatch::default());
        }
        if let Some(chunk) = chunks.last_mut() {
            chunk.push(row);
        }
        self.bytes += row.key.len() + row.values.len() + size_of::<RowHead>();
    }

    /// The next bucket whose time is complete.
    fn pop(&mut self, frontier: &MutableAntichain<i64>) -> Option<(i64, Capability<i64>, Vec<RowBatch>)> {
        let entry = self.by_time.first_entry().filter(|entry| !frontier.less_equal(entry.key()))?;
        let (time, (capability, rows)) = entry.remove_entry();
        for rows in &rows {
            self.bytes -= rows.bytes.len() + rows.heads.len() * size_of::<RowHead>();
        }
        Some((time, capability?, rows))
    }
}

/// A capability at `time`, of one at or before it.
fn at(time: i64, capability: &InputCapability<i64>, port: usize) -> Capability<i64> {
    let least = capability.least().copied().unwrap_or(time);
    capability.delayed(&time.max(least), port)
}

/// Each row at the time from which on it counts, and taken out at the end of its life.
fn wait<'scope>(
    fed: Stream<'scope, i64, Routed>,
    name: &str,
    part: u32,
    metrics: &Arc<Metrics>,
) -> Stream<'scope, i64, Vec<Given>> {
    let metrics = Arc::clone(metrics);
    let mut share = Share::default();
    let pact = to_target(Sent::to(name, fed.scope(), &metrics));
    fed.unary_frontier::<CapacityContainerBuilder<Vec<Given>>, _, _, _>(pact, name, move |first, _| {
        drop(first);
        // Capabilities are at the times of the buckets, and go with these.
        let (mut due, mut leaving) = (Buckets::default(), Buckets::default());
        move |(input, frontier), output| {
            let port = output.output_index();
            input.for_each(|capability, container| {
                for row in container.rows.iter() {
                    let RowHead { time, window_start: from, window_end: until, .. } = *row.head;
                    let time = time.max(from);
                    // What comes after the end of its life has no part in anything.
                    if time >= until {
                        continue;
                    }
                    due.push(time, row, || at(time, &capability, port));
                    if until < RowSchema::FOREVER {
                        let op = if row.head.op == Op::Assert { Op::Retract } else { Op::Assert };
                        let head = RowHead { op, ..*row.head };
                        leaving.push(until, RowRef { head: &head, ..row }, || at(until, &capability, port));
                    }
                }
                container.rows.clear();
            });
            if frontier.is_empty() {
                leaving = Buckets::default();
            }
            for buckets in [&mut due, &mut leaving] {
                while let Some((time, capability, rows)) = buckets.pop(frontier) {
                    let mut session = output.session(&capability);
                    for RowBatch { heads, bytes } in rows {
                        let bytes = Rc::new(bytes);
                        for RowHead { op, start, key_len, values_len, .. } in heads {
                            let (split, diff) = (start + key_len, if op == Op::Assert { 1 } else { -1 });
                            let (key, row) = (start..split, split..split + values_len);
                            session.give(((Piece::new(&bytes, key), Piece::new(&bytes, row)), time, diff));
                        }
                    }
                }
            }
            share.set(&metrics.part(PartId(part)).state_bytes, (due.bytes + leaving.bytes) as i64);
        }
    })
}

/// The changes of an answer that are changes of the result, as rows.
fn answer<'scope>(
    reduced: Arranged<'scope, TraceAgent<Arrangement>>,
    mut input: TraceAgent<Arrangement>,
    name: &str,
    keep: i64,
    part: u32,
    metrics: &Arc<Metrics>,
) -> Stream<'scope, i64, RowBox> {
    let metrics = Arc::clone(metrics);
    let mut output_trace = reduced.trace;
    let mut shares: [Share; 2] = Default::default();
    reduced.stream.unary_frontier::<CapacityContainerBuilder<RowBox>, _, _, _>(Pipeline, name, move |first, _| {
        drop(first);
        move |(changes, frontier), output| {
            changes.for_each(|capability, spans| {
                let mut rows = RowBatch::default();
                let mut session = output.session(&capability);
                for batch in spans.drain(..).filter_map(|span| span.inner) {
                    let mut cursor = batch.cursor();
                    while cursor.get_key(&batch).is_some() {
                        while let Some(bytes) = cursor.get_val(&batch) {
                            let row = Stored::read(bytes).expect("the machines write whole rows");
                            let life = row.window.1.saturating_add(keep);
                            cursor.map_times(&batch, |time, diff| {
                                // Later ones are those of rows that have left; see the room of views.
                                if *time >= life {
                                    return;
                                }
                                let op = if *diff > 0 { Op::Assert } else { Op::Retract };
                                let head = RowHead { op, ..row.head(part, *time) };
                                let row = RowRef { head: &head, key: row.key, values: row.values };
                                (0..diff.unsigned_abs()).for_each(|_| rows.push(row));
                            });
                            cursor.step_val(&batch);
                            if rows.bytes.len() > MESSAGE {
                                session.give_container(&mut RowBox(std::mem::take(&mut rows)));
                            }
                        }
                        cursor.step_key(&batch);
                    }
                }
                if !rows.heads.is_empty() {
                    session.give_container(&mut RowBox(rows));
                }
            });
            // Who holds a trace lets it forget; without that nothing would be compacted.
            let (mut updates, mut bytes) = (0, 0);
            for trace in [&mut input, &mut output_trace] {
                trace.set_logical_compaction(frontier.frontier());
                trace.set_physical_compaction(frontier.frontier());
                trace.map_spans(|span| {
                    if let Some(batch) = &span.inner {
                        updates += batch.updates;
                        bytes += bytes_of(batch);
                    }
                });
            }
            let counts = metrics.part(PartId(part));
            shares[0].set(&counts.arranged, updates as i64);
            shares[1].set(&counts.state_bytes, bytes as i64);
        }
    })
}

/// The last of what is computed, filtered and chosen. `parts`: rows of these alone.
fn project<'scope>(
    rows: Stream<'scope, i64, RowBox>,
    view: &ViewPlan,
    parts: Option<&Vec<u32>>,
    metrics: &Arc<Metrics>,
) -> Stream<'scope, i64, RowBox> {
    let project: &Project = &view.last;
    if project.is_identity() && parts.is_none() {
        return rows;
    }
    let mut projector = Projector::new(project, false);
    let plain = view.steps.is_empty() && project.keeps_all();
    let (parts, part, metrics) = (parts.cloned(), view.part, Arc::clone(metrics));
    let name = format!("{}:view", view.name);
    rows.unary::<CapacityContainerBuilder<RowBox>, _, _, _>(Pipeline, &name, move |_, _| {
        let mut taken: Vec<RowHead> = Vec::new();
        move |input, output| {
            input.for_each(|capability, container| {
                let wanted = |head: &RowHead| head.early == 0 && parts.as_ref().is_none_or(|p| p.contains(&head.part));
                for row in container.0.iter().filter(|row| wanted(row.head)) {
                    taken.push(*row.head);
                    projector.push(row);
                }
                container.0.clear();
                let before = projector.failures();
                projector.run(i64::MIN);
                let counts = metrics.part(PartId(part));
                counts.expression_failures.add(projector.failures() - before);
                let mut out = RowBatch::default();
                for i in projector.selected() {
                    let start = out.bytes.len();
                    projector.key(*i, &mut out.bytes);
                    let split = out.bytes.len();
                    projector.values(*i, &mut out.bytes);
                    let head = taken[*i as usize];
                    out.heads.push(RowHead {
                        part,
                        approximate: projector.approximate(*i),
                        start: start as u32,
                        key_len: (split - start) as u32,
                        values_len: (out.bytes.len() - split) as u32,
                        ..head
                    });
                    if plain && head.op == Op::Assert {
                        let counter = if head.revision == 0 { &counts.rows } else { &counts.corrections };
                        counter.add(1);
                    }
                }
                projector.clear();
                taken.clear();
                if !out.heads.is_empty() {
                    output.session(&capability).give_container(&mut RowBox(out));
                }
            });
        }
    })
}

/// Gives rows their revisions, when their time is complete.
fn state<'scope>(
    rows: Stream<'scope, i64, RowBox>,
    name: &str,
    part: u32,
    schema: &RowSchema,
    metrics: &Arc<Metrics>,
) -> Stream<'scope, i64, RowBox> {
    let metrics = Arc::clone(metrics);
    let mut notes = PartNotes::new(metrics.trace(), "view", &schema.name, rows.scope().index());
    let mut stater = Stater::new(part, schema);
    let mut shares: [Share; 2] = Default::default();
    rows.unary_frontier::<CapacityContainerBuilder<RowBox>, _, _, _>(Pipeline, name, move |first, _| {
        drop(first);
        // A capability is at the time of its rows, dropped when they are said.
        let mut open: BTreeMap<i64, (Capability<i64>, RowBatch)> = BTreeMap::new();
        move |(input, frontier), output| {
            let (begun, mut stated) = (notes.begin(), 0);
            let port = output.output_index();
            input.for_each(|capability, container| {
                for row in container.0.iter() {
                    let time = row.head.time;
                    let (_, rows) =
                        open.entry(time).or_insert_with(|| (at(time, &capability, port), RowBatch::default()));
                    rows.push(row);
                }
                container.0.clear();
            });
            let counts = metrics.part(PartId(part));
            while let Some(entry) = open.first_entry()
                && !frontier.less_equal(entry.key())
            {
                let (time, (capability, rows)) = entry.remove_entry();
                let mut out = RowBatch::default();
                let said = stater.state(time, &rows, &mut out);
                counts.rows.add(said.rows);
                counts.corrections.add(said.corrections);
                stated += said.rows + said.corrections;
                if !out.heads.is_empty() {
                    output.session(&capability).give_container(&mut RowBox(out));
                }
                stater.forget(Some(time));
            }
            stater.forget(frontier.frontier().first().copied());
            shares[0].set(&counts.groups, stater.held() as i64);
            shares[1].set(&counts.state_bytes, stater.bytes() as i64);
            notes.end(begun, frontier.frontier().first().copied(), stated);
        }
    })
}
