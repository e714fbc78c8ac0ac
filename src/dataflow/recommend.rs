//! The operators of a recommendation: sightings in, by user; rows of items and of users out, at each moment that the frontier
//! has passed.
//!
//! ```text
//! events  => seen: in one order, put together with those near them       (where the user is)
//!         => pairs, exchanged by item; and to all workers which moments there are
//! lists   => the first others of each item, stated when a moment is complete
//!         => rows; and the lists that have changed, to all workers
//! users   => what each user may like, stated when the lists of a moment are complete
//!         => rows
//! ```
//!
//! A moment is one at which something is seen, on whichever worker: every worker states at the same ones, and at no other
//! time, so that what leaves does so at the same moments whatever the width, and also at the end of the input.
//!
//! Capabilities: `seen` retains one an output while events wait, at the frontier as it was last seen, and drops it when none
//! does. `lists` and `users` retain one an output while moments wait, at the first of them, downgraded when that is stated, and
//! dropped with the last.

use super::container::{PacketBox, Routed, RowBox, to_target};
use super::sent::Sent;
use super::shared::Shared;
use super::window::damaged;
use crate::event::{Value, key};
use crate::observe::trace::PartNotes;
use crate::observe::{Metrics, PartId, PartMetrics, Share};
use crate::plan::{HeadPlan, Plan, RecommendationPlan};
use crate::recommend::{Lists, Pair, Seen, Sighting, Stated, Users};
use crate::result::{RowBatch, RowHead, RowRef};
use crate::stream::{Damaged, Event, Ordered};
use crate::window::PreAggregate;
use std::sync::Arc;
use timely::container::CapacityContainerBuilder;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::generic::OutputBuilder;
use timely::dataflow::operators::generic::builder_rc::OperatorBuilder;
use timely::dataflow::operators::{Capability, InputCapability};
use timely::dataflow::{Scope, Stream};

/// Bytes of a message of rows, about.
const MESSAGE: usize = 1 << 18;

type Rows = OutputBuilder<i64, CapacityContainerBuilder<RowBox>>;
type Shares = OutputBuilder<i64, CapacityContainerBuilder<Routed>>;

/// Builds the operators of a recommendation; gives its rows, each stream with the part that they are of.
pub(super) fn recommendation<'scope>(
    scope: Scope<'scope, i64>,
    packets: Stream<'scope, i64, PacketBox>,
    plan: &Arc<Plan>,
    (head, of): (&HeadPlan, &RecommendationPlan),
    shared: &Arc<Shared>,
    metrics: &Arc<Metrics>,
) -> Vec<(u32, Stream<'scope, i64, RowBox>)> {
    let (pairs, sightings) = seen(scope, packets, plan.tick, (head, of), (shared, metrics));
    let (items, told) = lists(scope, pairs, (head, of), (shared, metrics));
    let mut rows = vec![(head.part, items)];
    if let (Some(part), Some(sightings), Some(told)) = (of.users, sightings, told)
        && let Some(state) = Users::new(&of.rules, part)
    {
        let name = format!("{}:users", head.name);
        rows.push((part, users(scope, (sightings, told), state, (&name, part), (shared, metrics))));
    }
    rows
}

/// Rows for each worker, in parts that are no messages too large.
struct Outbox(Vec<Vec<RowBatch>>);

impl Outbox {
    fn new(peers: usize) -> Self {
        Self(vec![Vec::new(); peers])
    }

    /// Appends a row for a worker; its values may be in two parts.
    fn push(&mut self, target: usize, head: RowHead, key: &[u8], values: [&[u8]; 2]) {
        let batches = &mut self.0[target];
        if batches.last().is_none_or(|rows| rows.bytes.len() > MESSAGE) {
            batches.push(RowBatch::default());
        }
        if let Some(rows) = batches.last_mut() {
            let start = rows.bytes.len() as u32;
            rows.bytes.extend_from_slice(key);
            values.iter().for_each(|part| rows.bytes.extend_from_slice(part));
            let (key_len, values_len) = (key.len() as u32, (values[0].len() + values[1].len()) as u32);
            rows.heads.push(RowHead { start, key_len, values_len, ..head });
        }
    }

    fn flush(&mut self, send: &mut dyn FnMut(&mut Routed)) {
        for (target, batches) in self.0.iter_mut().enumerate() {
            batches.drain(..).for_each(|rows| send(&mut Routed { target: target as u32, rows }));
        }
    }
}

/// A row that says that there is a moment.
fn mark(moment: i64) -> RowHead {
    RowHead::new(MARK, moment, (0, moment))
}

/// The part of a row that is only a mark; all others have 0.
const MARK: u32 = 1;

/// What the first operator does between its input and its outputs.
struct First {
    ordered: Ordered,
    seen: Seen,
    rules: crate::recommend::Rules,
    weighed: bool,
    /// The sightings themselves are told.
    told: bool,
    no_key: u64,
    /// The moment that was told last; they ascend.
    marked: Option<i64>,
    /// Canonical bytes of the item, and of the user.
    item: Vec<u8>,
    name: Vec<u8>,
    pairs: Outbox,
    sightings: RowBatch,
}

impl First {
    /// Looks at all events that the frontier has passed.
    fn advance(&mut self, frontier: Option<i64>) -> Result<(), Damaged> {
        let Self { ordered, seen, rules, weighed, told, no_key, marked, item, name, pairs, sightings } = self;
        let peers = pairs.0.len();
        ordered.release(frontier, &mut |_| {}, &mut |event: Event<'_>| {
            let (value, mut rest) = key::decode(event.marked(0).1).ok_or(Damaged)?;
            let (Some(user), false) = (event.key, matches!(value, Value::Null)) else {
                *no_key += 1;
                return Ok(());
            };
            let mut weight = 1.0;
            if *weighed {
                let (value, after) = key::decode(rest).ok_or(Damaged)?;
                (weight, rest) = (value.as_f64().unwrap_or(0.0), after);
            }
            if weight.is_nan() || weight <= 0.0 {
                return Ok(());
            }
            let origin = event.origin;
            item.clear();
            key::canonical(event.marked(0).1, item).ok_or(Damaged)?;
            let moment = rules.fading.moment(origin.time.max(event.tick));
            let mut give = |pair: Pair<'_>| {
                let weight = rules.fading.weigh(pair.time, pair.weight);
                let head = RowHead::new(0, moment, (rules.fading.stretch_of(pair.time), moment));
                let target = PreAggregate::owner(key::hash(pair.item), peers);
                pairs.push(target, head, pair.item, [pair.other, &weight.to_le_bytes()]);
            };
            if !seen.take(&Sighting { user, origin, tick: event.tick, item, weight }, &mut give) {
                return Ok(());
            }
            if *told {
                name.clear();
                key::canonical(rest, name).ok_or(Damaged)?;
                let head = RowHead {
                    key_len: name.len() as u32,
                    values_len: item.len() as u32,
                    ..RowHead::new(0, moment, (origin.time, moment))
                };
                sightings.push(RowRef { head: &head, key: name, values: item });
            }
            if marked.replace(moment) != Some(moment) {
                (0..peers).for_each(|target| pairs.push(target, mark(moment), &[], [&[], &[]]));
            }
            Ok(())
        })?;
        seen.advance(frontier);
        Ok(())
    }
}

/// Sightings into pairs for the workers of items, and, where they are asked for, the sightings themselves.
fn seen<'scope>(
    scope: Scope<'scope, i64>,
    packets: Stream<'scope, i64, PacketBox>,
    tick: i64,
    (head, of): (&HeadPlan, &RecommendationPlan),
    (shared, metrics): (&Arc<Shared>, &Arc<Metrics>),
) -> (Stream<'scope, i64, Routed>, Option<Stream<'scope, i64, RowBox>>) {
    let peers = scope.peers();
    let name = format!("{}:seen", head.name);
    let mut builder = OperatorBuilder::new(name.clone(), scope);
    let mut input = builder.new_input(packets, to_target(Sent::to(&name, scope, metrics)));
    let (output, pairs) = builder.new_output::<Routed>();
    let mut pairs_out = Shares::from(output);
    let (mut sightings_out, sightings) = match of.users {
        Some(_) => {
            let (output, stream) = builder.new_output::<RowBox>();
            (Some(Rows::from(output)), Some(stream))
        }
        None => (None, None),
    };
    let mut state = First {
        ordered: Ordered::new(tick),
        seen: Seen::new(&of.rules),
        rules: of.rules.clone(),
        weighed: of.weight.is_some(),
        told: of.users.is_some(),
        no_key: 0,
        marked: None,
        item: Vec::new(),
        name: Vec::new(),
        pairs: Outbox::new(peers),
        sightings: RowBatch::default(),
    };
    let (shared, metrics, id) = (Arc::clone(shared), Arc::clone(metrics), PartId(head.part));
    let mut share = Share::default();
    builder.build(move |first| {
        // Nothing can be said before something has come.
        let outputs = first.len();
        drop(first);
        let mut held: Vec<Capability<i64>> = Vec::new();
        move |frontiers| {
            let mut result = Ok(());
            input.for_each(|capability, packet| {
                let taken = state.ordered.take(&packet.bytes);
                packet.bytes.clear();
                result = result.and(taken);
                if let Some(time) = capability.least() {
                    hold(&mut held, *time, &capability, outputs);
                }
            });
            let frontier = frontiers[0].frontier().first().copied();
            if let Err(e) = result.and_then(|()| state.advance(frontier)) {
                shared.fail(damaged(&e.to_string()));
            }
            if let Some(capability) = held.first() {
                let mut output = pairs_out.activate();
                let mut session = output.session_with_builder(capability);
                state.pairs.flush(&mut |rows| session.give_container(rows));
            }
            if let (Some(output), Some(capability)) = (&mut sightings_out, held.get(1))
                && !state.sightings.heads.is_empty()
            {
                let mut output = output.activate();
                let rows = std::mem::take(&mut state.sightings);
                output.session_with_builder(capability).give_container(&mut RowBox(rows));
            }
            match frontier {
                Some(frontier) if !state.ordered.is_empty() => {
                    held.iter_mut().filter(|c| frontier > *c.time()).for_each(|c| c.downgrade(&frontier));
                }
                _ => held.clear(),
            }
            let (counts, counted) = (metrics.part(id), state.seen.count());
            counts.late.add(counted.late);
            counts.too_late.add(counted.too_late);
            counts.left_out.add(counted.left_out);
            counts.no_key.add(std::mem::take(&mut state.no_key));
            share.set(&counts.state_bytes, (state.ordered.bytes() + state.seen.bytes()) as i64);
        }
    });
    (pairs, sightings)
}

/// Holds capabilities at a time, one an output, where none are held at it or before.
fn hold(held: &mut Vec<Capability<i64>>, time: i64, of: &InputCapability<i64>, outputs: usize) {
    if held.first().is_none_or(|h| time < *h.time()) {
        let time = of.least().copied().unwrap_or(time).max(time);
        *held = (0..outputs).map(|output| of.delayed(&time, output)).collect();
    }
}

/// Lets capabilities go on to the next moment, or go.
fn go_on(held: &mut Vec<Capability<i64>>, next: Option<i64>) {
    match next {
        Some(next) => held.iter_mut().filter(|c| next > *c.time()).for_each(|c| c.downgrade(&next)),
        None => held.clear(),
    }
}

fn count(counts: &PartMetrics, stated: Stated) {
    counts.rows.add(stated.rows);
    counts.corrections.add(stated.corrections);
}

/// Pairs into the rows of items, and, where they are asked for, the lists that have changed.
fn lists<'scope>(
    scope: Scope<'scope, i64>,
    pairs: Stream<'scope, i64, Routed>,
    (head, of): (&HeadPlan, &RecommendationPlan),
    (shared, metrics): (&Arc<Shared>, &Arc<Metrics>),
) -> (Stream<'scope, i64, RowBox>, Option<Stream<'scope, i64, Routed>>) {
    let peers = scope.peers();
    let mine = scope.index();
    let name = format!("{}:lists", head.name);
    let mut builder = OperatorBuilder::new(name.clone(), scope);
    let mut input = builder.new_input(pairs, to_target(Sent::to(&name, scope, metrics)));
    let (output, rows) = builder.new_output::<RowBox>();
    let mut rows_out = Rows::from(output);
    let (mut lists_out, lists) = match of.users {
        Some(_) => {
            let (output, stream) = builder.new_output::<Routed>();
            (Some(Shares::from(output)), Some(stream))
        }
        None => (None, None),
    };
    let mut state = Lists::new(&of.rules, head.part);
    let (shared, metrics, id) = (Arc::clone(shared), Arc::clone(metrics), PartId(head.part));
    let mut shares: [Share; 2] = Default::default();
    let mut notes = PartNotes::new(metrics.trace(), "recommendation", &head.name, scope.index());
    builder.build(move |first| {
        let outputs = first.len();
        drop(first);
        let mut held: Vec<Capability<i64>> = Vec::new();
        let mut outbox = Outbox::new(peers);
        move |frontiers| {
            let (begun, mut stated) = (notes.begin(), 0);
            input.for_each(|capability, container| {
                for row in container.rows.iter() {
                    let moment = row.head.time;
                    hold(&mut held, moment, &capability, outputs);
                    if row.head.part == MARK {
                        state.mark(moment);
                        continue;
                    }
                    match row.values.split_last_chunk() {
                        Some((other, weight)) => {
                            let weight = i128::from_le_bytes(*weight);
                            state.pair(moment, row.key, other, row.head.window_start, weight);
                        }
                        None => shared.fail(damaged(&Damaged.to_string())),
                    }
                }
                container.rows.clear();
            });
            let frontier = frontiers[0].frontier().first().copied();
            state.advance(frontier, &mut |moment, said| {
                stated += said.rows.heads.len() as u64;
                if let Some(capability) = held.first()
                    && !said.rows.heads.is_empty()
                {
                    let at = capability.delayed(&moment.max(*capability.time()));
                    let mut output = rows_out.activate();
                    output.session_with_builder(&at).give_container(&mut RowBox(std::mem::take(&mut said.rows)));
                }
                if let (Some(output), Some(capability)) = (&mut lists_out, held.get(1)) {
                    for row in said.lists.iter() {
                        let each = |target| outbox.push(target, *row.head, row.key, [row.values, &[]]);
                        (0..peers).for_each(each);
                    }
                    // All workers have the same moments, and each tells its own.
                    outbox.push(mine, mark(moment), &[], [&[], &[]]);
                    let at = capability.delayed(&moment.max(*capability.time()));
                    let mut output = output.activate();
                    let mut session = output.session_with_builder(&at);
                    outbox.flush(&mut |rows| session.give_container(rows));
                }
            });
            go_on(&mut held, state.next_moment());
            let counts = metrics.part(id);
            count(counts, state.count());
            shares[0].set(&counts.state_bytes, state.bytes() as i64);
            shares[1].set(&counts.groups, state.items() as i64);
            notes.end(begun, frontier, stated);
        }
    });
    (rows, lists)
}

/// Sightings and lists into the rows of users.
fn users<'scope>(
    scope: Scope<'scope, i64>,
    (sightings, lists): (Stream<'scope, i64, RowBox>, Stream<'scope, i64, Routed>),
    mut state: Users,
    (name, part): (&str, u32),
    (shared, metrics): (&Arc<Shared>, &Arc<Metrics>),
) -> Stream<'scope, i64, RowBox> {
    let mut builder = OperatorBuilder::new(name.to_owned(), scope);
    let mut sightings = builder.new_input(sightings, Pipeline);
    let mut lists = builder.new_input(lists, to_target(Sent::to(name, scope, metrics)));
    let (output, rows) = builder.new_output::<RowBox>();
    let mut rows_out = Rows::from(output);
    let (shared, metrics, id) = (Arc::clone(shared), Arc::clone(metrics), PartId(part));
    let mut shares: [Share; 2] = Default::default();
    builder.build(move |first| {
        drop(first);
        let mut held: Vec<Capability<i64>> = Vec::new();
        move |frontiers| {
            sightings.for_each(|capability, container| {
                for row in container.0.iter() {
                    hold(&mut held, row.head.time, &capability, 1);
                    state.saw(row.head.time, row.key, row.values, row.head.window_start);
                }
                container.0.clear();
            });
            lists.for_each(|capability, container| {
                for row in container.rows.iter() {
                    hold(&mut held, row.head.time, &capability, 1);
                    if row.head.part == MARK {
                        state.mark(row.head.time);
                    } else if !state.list(row.head.time, row.key, row.values) {
                        shared.fail(damaged(&Damaged.to_string()));
                    }
                }
                container.rows.clear();
            });
            let [seen, told] = [0, 1].map(|input| frontiers[input].frontier().first().copied());
            // Lists of a moment come at it.
            let complete = |moment: i64| seen.is_none_or(|f| moment <= f) && told.is_none_or(|f| moment < f);
            state.advance(&complete, &mut |moment, rows| {
                if let Some(capability) = held.first()
                    && !rows.heads.is_empty()
                {
                    let at = capability.delayed(&moment.max(*capability.time()));
                    let mut output = rows_out.activate();
                    output.session_with_builder(&at).give_container(&mut RowBox(std::mem::take(rows)));
                }
            });
            go_on(&mut held, state.next_moment());
            let counts = metrics.part(id);
            count(counts, state.count());
            shares[0].set(&counts.state_bytes, state.bytes() as i64);
            shares[1].set(&counts.groups, state.users() as i64);
        }
    });
    rows
}
