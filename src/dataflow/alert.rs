//! The operator of an alert: rows of its part in, by group; rows of the alert out, as time passes. And the one, on worker 0,
//! that tells those who are notified.
//!
//! Beside the rows there are the clocks of the sources: what only time brings happens when a source has come there. The
//! frontier of the rows alone does not say so: at the end of the input windows go on to their ends.
//!
//! A capability is retained while rows wait or time may bring something; it stands at the first such moment, and is dropped
//! when nothing waits or the input has ended.

use super::container::{PacketBox, RowBox, to_target};
use super::rows::by_key;
use super::sent::Sent;
use super::shared::Shared;
use super::window::damaged;
use crate::alert::{Hears, Lives, Tallies, changes};
use crate::event::key;
use crate::observe::trace::PartNotes;
use crate::observe::{Metrics, PartId, PartMetrics, Share};
use crate::plan::Plan;
use crate::result::RowBatch;
use std::collections::BTreeMap;
use std::sync::Arc;
use timely::container::CapacityContainerBuilder;
use timely::dataflow::Stream;
use timely::dataflow::operators::Capability;
use timely::dataflow::operators::generic::operator::Operator;

/// A clock on its way to every worker: how far event time has come.
pub(super) fn clock(tick: i64, peers: usize) -> impl Iterator<Item = PacketBox> {
    (0..peers as u32).map(move |target| PacketBox { target, bytes: tick.to_le_bytes().to_vec() })
}

/// Builds the operator of alert `alert`. `clocks`: of the sources whose events lead to its rows.
pub(super) fn alert<'scope>(
    rows: Stream<'scope, i64, RowBox>,
    clocks: Stream<'scope, i64, PacketBox>,
    plan: &Arc<Plan>,
    alert: usize,
    shared: &Arc<Shared>,
    metrics: &Arc<Metrics>,
) -> Stream<'scope, i64, RowBox> {
    let p = &plan.alerts[alert];
    let from = p.from;
    let name = format!("{}:alert", p.shown.rule);
    let scope = rows.scope();
    let rows =
        by_key(rows, &format!("{name}:by_group"), move |row| (row.head.part == from).then(|| key::hash(row.key)));
    let conditions = (p.when.clone(), p.until.clone());
    let mut lives = Lives::new(p.rule.clone(), Arc::clone(&p.shown), conditions, (from, &plan.schemas[from as usize]));
    let (part, shared, metrics) = (PartId(p.part), Arc::clone(shared), Arc::clone(metrics));
    let mut notes = PartNotes::new(metrics.trace(), "alert", &p.shown.rule, rows.scope().index());
    let (mut before, mut shares) = (Tallies::default(), Shares::default());
    rows.binary_frontier::<_, CapacityContainerBuilder<RowBox>, _, _, _, _>(
        clocks,
        to_target(Sent::to(&name, scope, &metrics)),
        to_target(Sent::to(&name, scope, &metrics)),
        &name,
        move |first, _| {
            // Nothing can be said before something has come.
            drop(first);
            let mut held: Option<Capability<i64>> = None;
            let (mut known, mut failures) = (i64::MIN, 0);
            let mut out: BTreeMap<i64, RowBatch> = BTreeMap::new();
            move |(rows, rows_frontier), (clocks, clocks_frontier), output| {
                let (begun, mut said) = (notes.begin(), 0);
                clocks.for_each(|_, packet| match <[u8; 8]>::try_from(&packet.bytes[..]) {
                    Ok(bytes) => known = known.max(i64::from_le_bytes(bytes)),
                    Err(_) => shared.fail(damaged("a clock does not decode")),
                });
                rows.for_each(|capability, container| {
                    lives.take(&container.rows);
                    container.rows.clear();
                    if let Some(time) = capability.least()
                        && held.as_ref().is_none_or(|held| time < held.time())
                    {
                        held = Some(capability.delayed(time, output.output_index()));
                    }
                });
                let frontier = rows_frontier.frontier().first().copied();
                let clock = clocks_frontier.frontier().first().copied();
                let now = clock.map_or(known, |clock| known.max(clock.saturating_sub(1)));
                lives.advance(frontier, now, &mut out);
                if frontier.is_none() && clock.is_none() {
                    lives.end();
                }
                if let Some(capability) = &held {
                    while let Some((time, rows)) = out.pop_first() {
                        let at = capability.delayed(&time.max(*capability.time()));
                        said += rows.heads.len() as u64;
                        output.session(&at).give_container(&mut RowBox(rows));
                    }
                }
                match (lives.next_time(), &mut held) {
                    (Some(next), Some(capability)) if next > *capability.time() => capability.downgrade(&next),
                    (None, held) => *held = None,
                    _ => {}
                }
                let counts = metrics.part(part);
                let now = lives.tallies();
                count(counts, (before, now), &mut shares);
                before = now;
                shares.groups.set(&counts.groups, lives.groups() as i64);
                counts.expression_failures.add(lives.failures() - failures);
                failures = lives.failures();
                notes.end(begun, frontier, said);
            }
        },
    )
}

#[derive(Default)]
struct Shares {
    pending: Share,
    firing: Share,
    groups: Share,
    bytes: Share,
}

fn count(counts: &PartMetrics, (before, now): (Tallies, Tallies), shares: &mut Shares) {
    counts.fired.add(now.fired - before.fired);
    counts.resolved.add(now.resolved - before.resolved);
    counts.no_data.add(now.no_data - before.no_data);
    counts.corrected.add(now.corrected - before.corrected);
    counts.rows.add(now.rows - before.rows);
    counts.corrections.add(now.corrections - before.corrections);
    shares.pending.set(&counts.pending, now.pending as i64);
    shares.firing.set(&counts.firing, now.firing as i64);
    shares.bytes.set(&counts.state_bytes, now.bytes as i64);
}

/// The name of the operator that tells of alerts.
const TELL: &str = "alerts:tell";

/// Builds the operator that tells `hears`, which is there on worker 0 alone. `rows`: those of alerts, and perhaps others.
/// Its output carries nothing.
pub(super) fn tell<'scope>(
    rows: Stream<'scope, i64, RowBox>,
    plan: &Arc<Plan>,
    mut hears: Option<Box<dyn Hears>>,
    metrics: &Arc<Metrics>,
) -> Stream<'scope, i64, RowBox> {
    let plan = Arc::clone(plan);
    let pact = to_target(Sent::to(TELL, rows.scope(), metrics));
    rows.unary_frontier::<CapacityContainerBuilder<RowBox>, _, _, _>(pact, TELL, move |first, _| {
        drop(first);
        // The rows of times that are not complete.
        let mut open: BTreeMap<i64, RowBatch> = BTreeMap::new();
        move |(input, frontier), _| {
            input.for_each(|_, container| {
                let rows = std::mem::take(&mut container.0);
                rows.iter().for_each(|row| open.entry(row.head.time).or_default().push(row));
            });
            while let Some(entry) = open.first_entry().filter(|entry| !frontier.less_equal(entry.key())) {
                let rows = entry.remove();
                let shown = |part: u32| plan.alerts.iter().find(|p| p.part == part).map(|p| &*p.shown);
                let said = changes(&rows, shown);
                if let Some(hears) = hears.as_mut().filter(|_| !said.is_empty()) {
                    hears.changes(&said);
                }
            }
        }
    })
}
