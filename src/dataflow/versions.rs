//! The operator of a table's rows that views join: events in, by key; rows that hold for a time, and corrections of them, out.
//!
//! When the frontier has passed events they are looked at in one order; what they change is stated at the end of their tick,
//! which is no later than rows of windows that end there.
//!
//! A capability is retained while events wait, at the least time that one of them came with, and dropped when none does.

use super::container::{PacketBox, RowBox, to_target};
use super::sent::Sent;
use super::shared::Shared;
use super::window::damaged;
use crate::event::key;
use crate::observe::{Metrics, PartId, Share};
use crate::plan::{HeadPlan, Plan, VersionsPlan};
use crate::result::{Op, RowBatch, RowHead};
use crate::stream::{Damaged, Event, Ordered, Versions};
use crate::time::EventTime;
use std::sync::Arc;
use timely::container::CapacityContainerBuilder;
use timely::dataflow::Stream;
use timely::dataflow::operators::Capability;
use timely::dataflow::operators::generic::operator::Operator;

/// Bytes of a message of rows, about.
const MESSAGE: usize = 1 << 18;

/// What the operator does between its input and its output. Pure.
struct Machine {
    ordered: Ordered,
    versions: Versions,
    part: u32,
    /// How many cells are of the key.
    keys: usize,
    tick: i64,
    no_key: u64,
    /// What is to be said at one time.
    out: RowBatch,
}

impl Machine {
    fn new(of: &VersionsPlan, tick: i64) -> Self {
        Self {
            ordered: Ordered::new(tick),
            versions: Versions::new(of.horizon, of.keep),
            part: of.part,
            keys: of.key.len(),
            tick,
            no_key: 0,
            out: RowBatch::default(),
        }
    }

    /// Looks at all events that the frontier has passed; `say` gets what is said at a time, in the order of time.
    fn advance(&mut self, frontier: Option<i64>, say: &mut dyn FnMut(i64, RowBatch)) -> Result<(), Damaged> {
        let Self { ordered, versions, part, keys, tick, no_key, out } = self;
        let mut now = i64::MIN;
        let mut full = |now: i64, out: &mut RowBatch, least: usize| {
            if out.bytes.len() >= least && !out.heads.is_empty() {
                say(now, std::mem::take(out));
            }
        };
        ordered.release(frontier, &mut |_| {}, &mut |event: Event<'_>| {
            let Some(of) = event.key else {
                *no_key += 1;
                return Ok(());
            };
            let time = (event.origin.time.max(event.tick).div_euclid(*tick) + 1) * *tick;
            if time > now {
                full(now, out, 0);
                now = time;
            }
            let mut whole = true;
            versions.put(of, event.origin, event.marked(0).1, &mut |(cells, from, until, is)| {
                let start = out.bytes.len() as u32;
                whole &= row(cells, *keys, &mut out.bytes).is_some_and(|(key_len, values_len)| {
                    let until = until.unwrap_or(EventTime::LATEST.0);
                    let op = if is { Op::Assert } else { Op::Retract };
                    out.heads.push(RowHead {
                        start,
                        key_len,
                        values_len,
                        op,
                        ..RowHead::new(*part, time, (from, until))
                    });
                    true
                });
            });
            full(now, out, MESSAGE);
            if whole { Ok(()) } else { Err(Damaged) }
        })?;
        full(now, out, 0);
        versions.advance(frontier);
        Ok(())
    }
}

/// Appends the key, in canonical form, and the values of a version, and gives their lengths.
fn row(mut cells: &[u8], keys: usize, out: &mut Vec<u8>) -> Option<(u32, u32)> {
    let start = out.len();
    for _ in 0..keys {
        cells = key::canonical(cells, out)?;
    }
    let key_len = out.len() - start;
    out.extend_from_slice(cells);
    Some((key_len as u32, cells.len() as u32))
}

/// Builds the operator of head `p`.
pub(super) fn versions<'scope>(
    packets: Stream<'scope, i64, PacketBox>,
    plan: &Plan,
    p: &HeadPlan,
    of: &VersionsPlan,
    shared: &Arc<Shared>,
    metrics: &Arc<Metrics>,
) -> Stream<'scope, i64, RowBox> {
    let mut machine = Machine::new(of, plan.tick);
    let (shared, metrics, id) = (Arc::clone(shared), Arc::clone(metrics), PartId(p.part));
    let name = format!("{}:rows", of.table.1);
    let pact = to_target(Sent::to(&name, packets.scope(), &metrics));
    packets.unary_frontier::<CapacityContainerBuilder<RowBox>, _, _, _>(pact, &name, move |first, _| {
        // Nothing can be said before something has come.
        drop(first);
        let mut held: Option<Capability<i64>> = None;
        let mut shares: [Share; 2] = Default::default();
        move |(input, frontier), output| {
            let mut result = Ok(());
            input.for_each(|capability, packet| {
                result = result.and(machine.ordered.take(&packet.bytes));
                if let Some(time) = capability.least()
                    && held.as_ref().is_none_or(|h| time < h.time())
                {
                    held = Some(capability.delayed(time, output.output_index()));
                }
            });
            let frontier = frontier.frontier().first().copied();
            if let Some(held) = &held {
                let advanced = machine.advance(frontier, &mut |time, rows| {
                    let at = held.delayed(&time.max(*held.time()));
                    output.session(&at).give_container(&mut RowBox(rows));
                });
                result = result.and(advanced);
            }
            if let Err(e) = result {
                shared.fail(damaged(&e.to_string()));
            }
            match (frontier, &mut held) {
                (Some(now), Some(capability)) if !machine.ordered.is_empty() => {
                    if now > *capability.time() {
                        capability.downgrade(&now);
                    }
                }
                _ => held = None,
            }
            let counts = metrics.part(id);
            counts.no_key.add(std::mem::take(&mut machine.no_key));
            shares[0].set(&counts.state_bytes, (machine.ordered.bytes() + machine.versions.bytes()) as i64);
            shares[1].set(&counts.groups, machine.versions.len() as i64);
        }
    })
}
