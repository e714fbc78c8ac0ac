//! Timely's log of a worker, turned into what each operator costs: how long it runs, how often, and what is on its way to it.
//!
//! Timely logs when it runs an operator, and when that is over; a scope runs the operators in it, whose time is theirs and not
//! the scope's. Operators are known by their names, `part:kind`, in the order in which they are built, which is that of the plan
//! and the same on all workers; several of one name are one. What has no such name (the dataflow itself, and what only puts
//! streams together) is [`REST`], the last.
//!
//! Invariants: 1. The times of all operators of a worker add up to the time that it was busy. 2. What is kept is bounded by the
//! operators and channels of the plan.
//! Cost: the clock, twice for each time an operator is run, and about 100 bytes of log that is read at the end of a step. So it is
//! installed only where somebody looks ([`Metrics::counts_costs`]).

use crate::observe::{Metrics, OperatorMetrics};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use timely::logging::{ParkEvent, StartStop, TimelyEvent, TimelyEventBuilder};
use timely::worker::Worker;

/// The name of what is no part's.
pub(super) const REST: &str = "dataflow:rest";

/// What a worker's log has said so far.
#[derive(Default)]
struct Log {
    /// The names of operators by their numbers, and their numbers by where they are.
    names: Vec<(usize, String)>,
    places: BTreeMap<Vec<usize>, usize>,
    /// Where channels lead to.
    channels: Vec<(usize, Vec<usize>)>,
    /// The place of each operator among the metrics, by its number; of each channel that of the operator it leads to.
    slots: Vec<Option<usize>>,
    ends: Vec<Option<usize>>,
    rest: usize,
    /// What runs now: its place, since when, and how much of that other operators ran in it.
    running: Vec<(usize, Duration, Duration)>,
    parked: Option<Duration>,
}

/// What one step adds to an operator.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Run {
    busy: Duration,
    runs: u64,
    queued: i64,
}

/// What one step adds to its worker.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Day {
    busy: Duration,
    parked: Duration,
}

fn put(list: &mut Vec<Option<usize>>, at: usize, slot: usize) {
    if list.len() <= at {
        list.resize(at + 1, None);
    }
    list[at] = Some(slot);
}

impl Log {
    /// The names of operators, each once, in the order in which they were built.
    fn operators(&self) -> Vec<String> {
        let mut all: Vec<String> = Vec::new();
        for (_, name) in self.names.iter().filter(|(_, name)| name.contains(':')) {
            if !all.contains(name) {
                all.push(name.clone());
            }
        }
        all.push(REST.to_owned());
        all
    }

    /// Gives all operators and channels their places; `order`: as of [`Log::operators`], perhaps of another worker.
    fn settle(&mut self, order: &[&str]) {
        self.rest = order.len() - 1;
        for (id, name) in std::mem::take(&mut self.names) {
            let slot = order.iter().position(|other| *other == name).unwrap_or(self.rest);
            put(&mut self.slots, id, slot);
        }
        let places = std::mem::take(&mut self.places);
        for (channel, place) in std::mem::take(&mut self.channels) {
            let slot = places.get(&place).and_then(|id| self.slots.get(*id).copied().flatten());
            if let Some(slot) = slot.filter(|slot| *slot != self.rest) {
                put(&mut self.ends, channel, slot);
            }
        }
    }

    /// Takes one event; `runs` has a place for each operator.
    fn take(&mut self, at: Duration, event: TimelyEvent, runs: &mut [Run], day: &mut Day) {
        match event {
            TimelyEvent::Operates(event) => {
                self.places.insert(event.addr, event.id);
                self.names.push((event.id, event.name));
            }
            TimelyEvent::Channels(event) => {
                let mut place = event.scope_addr;
                place.push(event.target.0);
                self.channels.push((event.id, place));
            }
            TimelyEvent::Schedule(event) => match event.start_stop {
                StartStop::Start => {
                    let slot = self.slots.get(event.id).copied().flatten().unwrap_or(self.rest);
                    self.running.push((slot, at, Duration::ZERO));
                }
                StartStop::Stop => {
                    // After a panic the pairs may not be whole; then the run is over.
                    let Some((slot, since, inside)) = self.running.pop() else { return };
                    let whole = at.saturating_sub(since);
                    if let Some(run) = runs.get_mut(slot) {
                        run.busy += whole.saturating_sub(inside);
                        run.runs += 1;
                    }
                    match self.running.last_mut() {
                        Some((.., inside)) => *inside += whole,
                        None => day.busy += whole,
                    }
                }
            },
            TimelyEvent::Messages(event) => {
                if let Some(slot) = self.ends.get(event.channel).copied().flatten()
                    && let Some(run) = runs.get_mut(slot)
                {
                    run.queued += if event.is_send { event.record_count } else { -event.record_count };
                }
            }
            TimelyEvent::Park(ParkEvent::Park(_)) => self.parked = Some(at),
            TimelyEvent::Park(ParkEvent::Unpark) => {
                day.parked += self.parked.take().map_or(Duration::ZERO, |since| at.saturating_sub(since));
            }
            _ => {}
        }
    }
}

fn nanoseconds(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}

/// Adds what happened to the counts.
fn count(metrics: &Metrics, local: usize, runs: &mut [Run], day: &mut Day) {
    for (run, counts) in runs.iter_mut().zip(metrics.operators()).filter(|(run, _)| **run != Run::default()) {
        counts.busy.add(nanoseconds(run.busy));
        counts.runs.add(run.runs);
        counts.queued.add(run.queued);
        *run = Run::default();
    }
    if let Some(counts) = metrics.worker(local) {
        counts.busy.add(nanoseconds(day.busy));
        counts.parked.add(nanoseconds(day.parked));
    }
    *day = Day::default();
}

/// Listens to the log of `worker`, number `local` of its process, from now on; before its dataflow is built.
pub(super) fn listen(worker: &Worker, local: usize, metrics: &Arc<Metrics>) {
    if !metrics.counts_costs() {
        return;
    }
    let metrics = Arc::clone(metrics);
    let (mut log, mut runs, mut day) = (Log::default(), Vec::new(), Day::default());
    let mut settled = false;
    let hear = move |_: &Duration, events: &mut Option<Vec<(Duration, TimelyEvent)>>| match events {
        Some(events) => events.drain(..).for_each(|(at, event)| log.take(at, event, &mut runs, &mut day)),
        // The end of a step, and first that of building.
        None if settled => count(&metrics, local, &mut runs, &mut day),
        None if log.names.is_empty() => {}
        None => {
            let named = metrics.name_operators(&log.operators());
            let order: Vec<&str> = named.iter().map(|one: &OperatorMetrics| one.name.as_str()).collect();
            log.settle(&order);
            runs = vec![Run::default(); order.len()];
            settled = true;
        }
    };
    if let Some(mut register) = worker.log_register() {
        register.insert::<TimelyEventBuilder, _>("timely", hear);
    }
}

/// The dataflow is built: what was logged of it says what operators there are.
pub(super) fn built(worker: &Worker) {
    if let Some(mut register) = worker.log_register() {
        register.flush();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use timely::logging::{ChannelsEvent, MessagesEvent, OperatesEvent, ScheduleEvent};

    fn operator(id: usize, addr: &[usize], name: &str) -> TimelyEvent {
        OperatesEvent { id, addr: addr.to_vec(), name: name.to_owned() }.into()
    }

    fn message(channel: usize, is_send: bool, record_count: i64) -> TimelyEvent {
        MessagesEvent { is_send, channel, source: 0, target: 1, seq_no: 0, record_count }.into()
    }

    /// A dataflow with a source, a concatenation and two operators of one name.
    fn built() -> (Log, Vec<Run>, Day) {
        let mut log = Log::default();
        let (mut runs, mut day) = (vec![Run::default(); 3], Day::default());
        let events = [
            operator(0, &[0], "shop"),
            ChannelsEvent { id: 3, scope_addr: vec![0], source: (1, 0), target: (4, 0), typ: String::new() }.into(),
            ChannelsEvent { id: 4, scope_addr: vec![0], source: (1, 0), target: (2, 0), typ: String::new() }.into(),
            operator(5, &[0, 1], "events:source"),
            operator(6, &[0, 2], "Concatenate"),
            operator(7, &[0, 3], "pages:view"),
            operator(8, &[0, 4], "pages:view"),
        ];
        events.into_iter().for_each(|event| log.take(Duration::ZERO, event, &mut runs, &mut day));
        assert_eq!(log.operators(), ["events:source", "pages:view", REST]);
        log.settle(&["events:source", "pages:view", REST]);
        (log, runs, day)
    }

    #[test]
    fn time_when_operators_run_in_a_scope_then_is_theirs_and_adds_up_to_that_of_the_worker() {
        let (mut log, mut runs, mut day) = built();
        let ms = Duration::from_millis;
        let start = |id| TimelyEvent::from(ScheduleEvent::start(id));
        let stop = |id| TimelyEvent::from(ScheduleEvent::stop(id));
        for (at, event) in [
            (10, start(0)),
            (11, start(5)),
            (15, stop(5)),
            (15, start(7)),
            (16, stop(7)),
            (17, start(8)),
            (20, stop(8)),
            (20, start(6)),
            (21, stop(6)),
            (23, stop(0)),
            (24, ParkEvent::park(None).into()),
            (90, ParkEvent::unpark().into()),
            // Of a worker that has lost count.
            (91, stop(0)),
        ] {
            log.take(ms(at), event, &mut runs, &mut day);
        }
        let busy: Vec<(u64, u64)> = runs.iter().map(|run| (run.busy.as_millis() as u64, run.runs)).collect();
        // The scope itself: from 10 to 11, from 16 to 17, from 21 to 23.
        assert_eq!(busy, [(4, 1), (4, 2), (5, 2)]);
        assert_eq!((day.busy, day.parked), (ms(13), ms(66)));
        assert_eq!(runs.iter().map(|run| run.busy).sum::<Duration>(), day.busy);
    }

    #[test]
    fn records_when_they_are_sent_and_not_yet_taken_then_are_queued_at_the_operator_they_go_to() {
        let (mut log, mut runs, mut day) = built();
        for event in [message(3, true, 10), message(3, true, 5), message(3, false, 10), message(4, true, 7)] {
            log.take(Duration::ZERO, event, &mut runs, &mut day);
        }
        assert_eq!(runs.iter().map(|run| run.queued).collect::<Vec<_>>(), [0, 5, 0]);
    }
}
