//! The window operator: contributions in, rows and corrections out, when the frontier passes.
//!
//! One capability is retained, at the next time at which there is something to say; it is downgraded as times pass
//! and dropped when nothing is open. Where rows so far are stated by the clock of the machine it stays at the frontier, at
//! which they are stated: at most once at each, as sinks see them when it has moved on.

use super::container::{RowBox, SegmentBox, to_target};
use super::sent::Sent;
use super::shared::Shared;
use crate::aggregate::{GroupTable, Tally};
use crate::error::{Error, Kind};
use crate::observe::trace::PartNotes;
use crate::observe::{Metrics, PartId, PartMetrics, Pulse, Share};
use crate::plan::Plan;
use crate::window::{Answers, Handover, RawRows, SegmentKind, State};
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use timely::container::CapacityContainerBuilder;
use timely::dataflow::Stream;
use timely::dataflow::operators::Capability;
use timely::dataflow::operators::generic::operator::Operator;

/// Empty tables on their way back from the window to the source of the same worker.
pub(super) type Tables = Rc<RefCell<Vec<GroupTable>>>;

/// Tables that are on their way back, at most.
const SPARE: usize = 8;

/// Builds the operator of window part `window`.
pub(super) fn window<'scope>(
    contributions: Stream<'scope, i64, SegmentBox>,
    plan: &Arc<Plan>,
    window: usize,
    shared: &Arc<Shared>,
    metrics: &Arc<Metrics>,
    tables: Option<Tables>,
) -> Stream<'scope, i64, RowBox> {
    let p = &plan.windows[window];
    let answers = Answers::new(Arc::clone(&p.layout), p.answers.clone());
    let state = State::new(p.spec.clone(), p.part, Arc::clone(&p.layout), answers, p.ends).capped(p.max_groups);
    let (raw, tally) = (RawRows::new(&p.layout), Tally::new(&p.layout));
    let handover = shared.handovers.get(window).cloned();
    let (shared, metrics) = (Arc::clone(shared), Arc::clone(metrics));
    let mut shares: [Share; 3] = Default::default();
    let mut before = state.stated();
    let (part, max_groups) = (p.name.clone(), p.max_groups);
    let fail = move |error| shared.fail(error);
    let pulse = p.early_wall.map(|us| Pulse::new(Duration::from_micros(us.unsigned_abs())));
    let notes = PartNotes::new(metrics.trace(), "window", &p.name, contributions.scope().index());
    let name = format!("{}:window", p.name);
    let sent = Sent::to(&name, contributions.scope(), &metrics);
    stated(contributions, (&name, sent), (state, pulse), (raw, tally, handover), (fail, notes), move |state, tally| {
        if let Some(tables) = &tables {
            let mut tables = tables.borrow_mut();
            while tables.len() < SPARE
                && let Some(table) = state.spare()
            {
                tables.push(table);
            }
        }
        let counts = metrics.part(PartId(window as u32));
        let (bytes, groups, open) = state.size();
        shares[0].set(&counts.state_bytes, bytes as i64);
        shares[1].set(&counts.groups, groups as i64);
        shares[2].set(&counts.open_slices, open as i64);
        let now = state.stated();
        counts.rows.add(now.rows - before.rows);
        counts.corrections.add(now.corrections - before.corrections);
        counts.early.add(now.early - before.early);
        counts.overflowed.add(now.overflowed - before.overflowed);
        if before.overflowed == 0 && now.overflowed > 0 {
            tracing::warn!(
                part,
                max_groups,
                "a window has more groups than max_groups: the others are one row, overflow; the metric overflowed counts \
                 such windows"
            );
        }
        before = now;
        count_non_numeric(tally, counts);
    })
}

/// Builds an operator that states the rows of a window, and with a pulse its rows so far; tables that change hands are
/// fetched from `handover`. `fail` hears of contributions that cannot be read, `after` is called at the end of each turn.
pub(super) fn stated<'scope>(
    contributions: Stream<'scope, i64, SegmentBox>,
    (name, sent): (&str, Sent),
    (mut state, mut pulse): (State, Option<Pulse>),
    (mut raw, mut tally, handover): (RawRows, Tally, Option<Arc<Handover>>),
    (fail, mut notes): (impl Fn(Error) + 'static, PartNotes),
    mut after: impl FnMut(&mut State, &mut Tally) + 'static,
) -> Stream<'scope, i64, RowBox> {
    let scope = contributions.scope();
    let pact = to_target(sent);
    contributions.unary_frontier::<CapacityContainerBuilder<RowBox>, _, _, _>(pact, name, move |first, info| {
        // Nothing can be said before something has come.
        drop(first);
        let again = scope.activator_for(info.address.clone());
        // When rows so far were stated last.
        let mut said = i64::MIN;
        // Held at the next time there is something to say; dropped when nothing is open.
        let mut held: Option<Capability<i64>> = None;
        move |(input, frontier), output| {
            let (begun, before) = (notes.begin(), state.stated());
            input.for_each(|capability, container| {
                let Some((segment, body)) = container.take() else {
                    fail(damaged("a contribution does not decode"));
                    return;
                };
                match segment.kind {
                    SegmentKind::Table(table) => state.adopt(segment.slice, segment.late, *table),
                    SegmentKind::Left(place) => match handover.as_ref().and_then(|h| h.fetch(place)) {
                        Some(table) => state.adopt(segment.slice, segment.late, table),
                        None => fail(damaged("a table is not where it was left")),
                    },
                    SegmentKind::Groups(bytes) => {
                        if let Err(e) =
                            state.table(segment.slice, segment.late).merge_encoded(body.as_deref().unwrap_or(&bytes))
                        {
                            fail(damaged(&e.to_string()));
                        }
                    }
                    SegmentKind::Rows(bytes) => {
                        let table = state.table(segment.slice, segment.late);
                        if let Err(e) = raw.add_to(body.as_deref().unwrap_or(&bytes), table, &mut tally) {
                            fail(damaged(&e.to_string()));
                        }
                    }
                }
                // The message's time is below everything it can cause to be said.
                if let Some(next) = state.next_time() {
                    let least = capability.least().copied().unwrap_or(next);
                    let wanted = if pulse.is_some() { least } else { next };
                    if held.as_ref().is_some_and(|h| *h.time() <= wanted) {
                        return;
                    }
                    let next = wanted;
                    held = Some(capability.delayed(&next.max(least), output.output_index()));
                }
            });
            let frontier = frontier.frontier().first().copied();
            if let Some(capability) = &held {
                state.advance(frontier, &mut |time, rows| {
                    let at = capability.delayed(&time.max(*capability.time()));
                    output.session(&at).give_container(&mut RowBox(std::mem::take(rows)));
                });
            }
            if let (Some(pulse), Some(frontier)) = (&mut pulse, frontier) {
                let (due, wake) = pulse.look();
                if let Some(capability) = held.as_ref().filter(|_| due) {
                    let at = capability.delayed(&frontier.max(*capability.time()));
                    if *at.time() > said {
                        said = *at.time();
                        state.state_so_far(said, &mut |_, rows| {
                            output.session(&at).give_container(&mut RowBox(std::mem::take(rows)));
                        });
                    }
                }
                if let Some(after) = wake {
                    again.activate_after(after);
                }
            }
            let next =
                state.next_time().map(|next| if pulse.is_some() { frontier.unwrap_or(next).min(next) } else { next });
            match (next, &mut held) {
                (Some(next), Some(capability)) if next > *capability.time() => capability.downgrade(&next),
                (None, held) => *held = None,
                _ => {}
            }
            let now = state.stated();
            notes.end(begun, frontier, now.rows + now.corrections - before.rows - before.corrections);
            after(&mut state, &mut tally);
        }
    })
}

/// Hands the values that numeric aggregates could not take to the metrics.
pub(super) fn count_non_numeric(tally: &mut Tally, counts: &PartMetrics) {
    for (call, n) in tally.non_numeric.iter_mut().enumerate() {
        counts.non_numeric.add(call, std::mem::take(n));
    }
}

pub(super) fn damaged(what: &str) -> Error {
    Error::new(Kind::Bug, "exchange.damaged", format!("what another worker sent cannot be read: {what}"))
}
