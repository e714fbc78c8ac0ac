//! The operator of a head, which is a stream that drops duplicates, a join, or a lookup: narrow events in, by key; contributions to
//! windows, and events for patterns and other heads, out.
//!
//! Events come to the worker that has their key. When the frontier passes, they are looked at in one order, and what is
//! kept or made of them goes on through the streams behind, and into the windows, as at a source.
//!
//! A capability for each output is retained while events wait or slices are open; it stands at the frontier as it was
//! last seen, below everything that can still come, and is dropped when nothing is left. Where the watermark behind is to
//! be behind the one before (a left join), they are retained from the beginning on, and stand that far behind, until the
//! input ends.

use super::behind::{Behind, Rows};
use super::container::{PacketBox, to_target};
use super::sender::LOOKED_UP;
use super::sent::Sent;
use super::shared::Shared;
use super::source::Made;
use super::window::damaged;
use crate::event::{Cell, EventBatch, key};
use crate::observe::trace::PartNotes;
use crate::observe::{Metrics, PartId, Share, TableId};
use crate::plan::{HeadKind, HeadPlan, Plan};
use crate::stream::{Damaged, Dedup, Event, Join, Joined, Lookup, Ordered};
use std::sync::Arc;
use timely::dataflow::operators::Capability;
use timely::dataflow::operators::generic::builder_rc::OperatorBuilder;
use timely::dataflow::{Scope, Stream};

const OWN: &str = "rows of tables and recommendations have operators of their own";

/// What the operator does between its input and its outputs.
struct Machine {
    ordered: Ordered,
    kind: Kind,
    on_time: Rows,
    late: Rows,
    behind: Behind,
}

/// What becomes of the events.
enum Kind {
    Dedup {
        dedup: Dedup,
        /// Columns that come with the events.
        columns: usize,
        duplicates: u64,
    },
    Join {
        join: Join,
        /// How many roads there are, and how many of them, the first ones, to the left side.
        roads: (u32, u32),
        /// For each side the columns that come with its events; and those of no side.
        columns: [Vec<usize>; 3],
    },
    Lookup {
        lookup: Lookup,
        table: TableId,
        /// The columns that come with a row, and those that come with an event; and none.
        columns: [Vec<usize>; 3],
        lookups: u64,
        missing: u64,
        no_key: u64,
    },
}

/// The columns of both sides, and those of neither, which are NULL.
fn columns(p: &HeadPlan, [first, second]: &[Vec<usize>; 2]) -> [Vec<usize>; 3] {
    let none = (0..p.stage.paths.len()).filter(|at| !first.contains(at) && !second.contains(at));
    [first.clone(), second.clone(), none.collect()]
}

impl Kind {
    fn new(p: &HeadPlan) -> Self {
        match &p.kind {
            HeadKind::Dedup(plan) => Kind::Dedup {
                dedup: Dedup::new(plan.within, plan.horizon),
                columns: p.stage.paths.len(),
                duplicates: 0,
            },
            HeadKind::Join(plan) => Kind::Join {
                join: Join::new(plan.bounds),
                roads: (p.inputs.len() as u32, p.inputs.iter().filter(|input| input.side == 0).count() as u32),
                columns: columns(p, &plan.columns),
            },
            HeadKind::Lookup(plan) => Kind::Lookup {
                lookup: Lookup::new(plan.horizon, plan.keep),
                table: TableId(plan.table.0 as u32),
                columns: columns(p, &plan.columns),
                lookups: 0,
                missing: 0,
                no_key: 0,
            },
            HeadKind::Versions(_) | HeadKind::Recommendation(_) => unreachable!("{OWN}"),
        }
    }
}

/// Where rows go: those whose ticks matter are apart, as theirs ascend, and the others have none to look at.
struct Outs<'a> {
    on_time: &'a mut Rows,
    late: &'a mut Rows,
    behind: &'a mut Behind,
}

impl Outs<'_> {
    fn event(&mut self, event: &Event<'_>, columns: usize) -> Result<(), Damaged> {
        if event.origin.time < event.tick {
            event.push(columns, &mut self.late.batch)?;
            self.late.pushed(self.behind);
        } else {
            event.without_tick().push(columns, &mut self.on_time.batch)?;
            self.on_time.pushed(self.behind);
        }
        Ok(())
    }

    fn joined(&mut self, joined: &Joined<'_>, columns: &[Vec<usize>; 3]) -> Result<(), Damaged> {
        if joined.place.time < joined.tick {
            push_joined(joined, joined.tick, columns, &mut self.late.batch)?;
            self.late.pushed(self.behind);
        } else {
            push_joined(joined, i64::MIN, columns, &mut self.on_time.batch)?;
            self.on_time.pushed(self.behind);
        }
        Ok(())
    }

    fn pass_on(self) {
        self.on_time.pass_on(self.behind);
        self.late.pass_on(self.behind);
    }
}

/// Appends a pair as a row: the cells of each side to its columns.
fn push_joined(
    joined: &Joined<'_>,
    tick: i64,
    columns: &[Vec<usize>; 3],
    batch: &mut EventBatch,
) -> Result<(), Damaged> {
    for (cells, columns) in joined.cells.into_iter().chain([None]).zip(columns) {
        let mut rest = cells;
        for column in columns {
            let cell = match rest {
                Some(bytes) => {
                    let (cell, after) = key::decode_cell(bytes, &mut batch.bytes).ok_or(Damaged)?;
                    rest = Some(after);
                    cell
                }
                None => Cell::NULL,
            };
            batch.columns[*column].push(cell);
        }
    }
    batch.push_place(joined.place, tick);
    Ok(())
}

impl Machine {
    fn new(plan: &Plan, p: &HeadPlan, behind: Behind) -> Self {
        Self {
            ordered: Ordered::new(plan.tick),
            kind: Kind::new(p),
            on_time: Rows::new(p.stage.columns),
            late: Rows::new(p.stage.columns),
            behind,
        }
    }

    /// Looks at all events that the frontier has passed.
    fn advance(&mut self, frontier: Option<i64>) -> Result<(), Damaged> {
        let Self { ordered, kind, on_time, late, behind } = self;
        let mut outs = Outs { on_time, late, behind };
        match kind {
            Kind::Dedup { dedup, columns, duplicates } => {
                ordered.release(frontier, &mut |_| {}, &mut |event: Event<'_>| {
                    if dedup.keeps(event.key, event.origin.time, event.tick) {
                        return outs.event(&event, *columns);
                    }
                    *duplicates += 1;
                    Ok(())
                })?;
                dedup.advance(frontier);
            }
            Kind::Join { join, roads, columns } => {
                ordered.release(frontier, &mut |_| {}, &mut |event: Event<'_>| {
                    let side = usize::from(event.origin.partition % roads.0 >= roads.1);
                    join.take(side, &event, &mut |joined| outs.joined(&joined, columns))
                })?;
                join.advance(frontier, &mut |joined| outs.joined(&joined, columns))?;
            }
            Kind::Lookup { lookup, columns, lookups, missing, no_key, .. } => {
                ordered.release(frontier, &mut |_| {}, &mut |event: Event<'_>| {
                    let (cells, mut place) = (event.marked(0).1, event.origin);
                    if place.partition & LOOKED_UP == 0 {
                        match event.key {
                            Some(key) => lookup.put(key, place, cells),
                            None => *no_key += 1,
                        }
                        return Ok(());
                    }
                    place.partition &= !LOOKED_UP;
                    let found = event.key.and_then(|key| lookup.find(key, place.time, event.tick));
                    *lookups += 1;
                    *missing += u64::from(found.is_none());
                    outs.joined(&Joined { place, tick: event.tick, cells: [found, Some(cells)] }, columns)
                })?;
                lookup.advance(frontier);
            }
        }
        outs.pass_on();
        Ok(())
    }

    fn is_open(&self) -> bool {
        !self.ordered.is_empty() || self.behind.is_open()
    }

    /// Hands what was counted to the metrics.
    fn count(&mut self, metrics: &Metrics, id: PartId, shares: &mut [Share; 2]) {
        let counts = metrics.part(id);
        let (bytes, groups) = match &mut self.kind {
            Kind::Dedup { dedup, duplicates, .. } => {
                counts.duplicates.add(std::mem::take(duplicates));
                (dedup.bytes(), dedup.len())
            }
            Kind::Join { join, .. } => {
                counts.too_late.add(join.count_too_late());
                (join.bytes(), join.len())
            }
            Kind::Lookup { lookup, table, lookups, missing, no_key, .. } => {
                counts.no_key.add(std::mem::take(no_key));
                let counts = metrics.table(*table);
                counts.lookups.add(std::mem::take(lookups));
                counts.missing.add(std::mem::take(missing));
                (lookup.bytes(), lookup.len())
            }
        };
        counts.expression_failures.add(self.behind.count(metrics));
        shares[0].set(&counts.state_bytes, (self.ordered.bytes() + bytes) as i64);
        shares[1].set(&counts.groups, groups as i64);
    }
}

/// Builds the operator of head `head`; gives what it feeds.
pub(super) fn head<'scope>(
    scope: Scope<'scope, i64>,
    packets: Stream<'scope, i64, PacketBox>,
    plan: &Arc<Plan>,
    head: usize,
    peers: usize,
    shared: &Arc<Shared>,
    metrics: &Arc<Metrics>,
) -> Made<'scope> {
    let p = &plan.heads[head];
    let kind = match p.kind {
        HeadKind::Dedup(_) => "dedup",
        HeadKind::Join(_) => "join",
        HeadKind::Lookup(_) => "lookup",
        HeadKind::Versions(_) | HeadKind::Recommendation(_) => unreachable!("{OWN}"),
    };
    let name = format!("{}:{kind}", p.name);
    let mut builder = OperatorBuilder::new(name.clone(), scope);
    let mut input = builder.new_input(packets, to_target(Sent::to(&name, scope, metrics)));
    let (behind, given) = Behind::new(&mut builder, plan, &p.stage, peers, shared);
    let mut machine = Machine::new(plan, p, behind);
    let (shared, metrics, id, delay) = (Arc::clone(shared), Arc::clone(metrics), PartId(p.part), p.delay);
    let mut notes = PartNotes::new(metrics.trace(), kind, &p.name, scope.index());
    builder.build(move |first| {
        // One an output. Without a delay nothing can be said before something has come, and they are dropped when nothing
        // waits and no slice is open; with one they are dropped when the input has ended.
        let mut held: Vec<Capability<i64>> = if delay == 0 { Vec::new() } else { first };
        let mut shares: [Share; 2] = Default::default();
        move |frontiers| {
            let begun = notes.begin();
            let mut result = Ok(());
            input.for_each(|capability, packet| {
                let taken = machine.ordered.take(&packet.bytes);
                result = result.and(taken);
                if delay == 0
                    && let Some(time) = capability.least()
                    && held.first().is_none_or(|h| time < h.time())
                {
                    held = (0..machine.behind.outputs()).map(|output| capability.delayed(time, output)).collect();
                }
            });
            let frontier = frontiers[0].frontier().first().copied();
            let until = frontier.map(|f| f.saturating_sub(delay));
            machine.behind.refill();
            if let Err(e) = result.and_then(|()| machine.advance(frontier)) {
                shared.fail(damaged(&e.to_string()));
            }
            if !held.is_empty() {
                machine.behind.flush(until, &held, &metrics);
            }
            match until {
                Some(until) if delay > 0 || machine.is_open() => {
                    held.iter_mut().filter(|c| until > *c.time()).for_each(|c| c.downgrade(&until));
                }
                _ => held.clear(),
            }
            machine.count(&metrics, id, &mut shares);
            notes.end(begun, frontier, 0);
        }
    });
    given
}
