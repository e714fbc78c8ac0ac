//! Whether the process lives, and whether its run does its work.
//!
//! Ready: sources are open; event time has moved while events came, or nothing came, or the input has ended; no sink has
//! failed; events that are sent find room. Event time that has stood still for [`STILL`] while events came is a fault: a partition that holds the others back, or a
//! part that does not keep up.

use super::answer::{Answer, json};
use super::face::{Face, Phase};
use super::routes::Ask;
use crate::observe::Snapshot;
use axum::http::StatusCode;
use serde_json::{Value, json as value};
use std::sync::PoisonError;
use std::time::{Duration, Instant};

/// How long event time may stand still while events come.
const STILL: Duration = Duration::from_secs(60);

/// When event time last moved, and how many events there were.
#[derive(Debug, Default)]
pub(super) struct Motion {
    position: Option<i64>,
    events: u64,
    /// Since when events came without a move of event time.
    stuck: Option<Instant>,
}

impl Motion {
    /// Takes a look at the counts; gives how long event time has stood still although events came.
    pub(super) fn look(&mut self, position: Option<i64>, events: u64, now: Instant) -> Duration {
        if position != self.position {
            *self = Self { position, events, stuck: None };
        } else if events > self.events {
            self.events = events;
            self.stuck.get_or_insert(now);
        }
        self.stuck.map_or(Duration::ZERO, |since| now.saturating_duration_since(since))
    }
}

/// `/healthz`
pub(super) fn alive(_: &Face, _: &Ask) -> Answer {
    Ok(json(&value!({ "alive": true, "version": env!("CARGO_PKG_VERSION") })))
}

fn frontier(face: &Face, snapshot: &Snapshot) -> (bool, String) {
    if snapshot.partitions.iter().all(|p| p.ended != 0) {
        return (true, "the input has ended".into());
    }
    let mut motion = face.motion.lock().unwrap_or_else(PoisonError::into_inner);
    let still = motion.look(snapshot.position(), snapshot.events(), Instant::now());
    if still > STILL {
        return (false, format!("events come, and event time has stood still for {} s", still.as_secs()));
    }
    (true, "event time moves with the events".into())
}

/// `/readyz`
pub(super) fn ready(face: &Face, _: &Ask) -> Answer {
    let phase = face.phase();
    let mut checks: Vec<(&str, bool, String)> = Vec::new();
    match &phase {
        Phase::Starting => checks.push(("sources", false, "they are not open yet".into())),
        Phase::Failed => checks.push(("run", false, "it has failed; its log says why".into())),
        Phase::Running(_) | Phase::Ended(_) => {
            let snapshot = face.snapshot().map(|(snapshot, _)| snapshot).unwrap_or_default();
            let ended = snapshot.partitions.iter().filter(|p| p.ended != 0).count();
            let partitions = snapshot.partitions.len();
            checks.push(("sources", true, format!("{partitions} partitions, {ended} of them at their end")));
            let (moves, detail) = frontier(face, &snapshot);
            checks.push(("frontier", moves, detail));
            for inlet in &face.inlets {
                let (taken, limit) = (inlet.door.taken(), inlet.door.limit());
                let full = if inlet.door.is_full() { "full: " } else { "" };
                let detail = format!("{full}{taken} of {limit} bytes wait for source {}", inlet.name);
                checks.push(("queue", full.is_empty(), detail));
            }
            // A sink that fails ends the run.
            let waiting: i64 = snapshot.sinks.iter().map(|s| s.backlog).sum();
            checks.push(("sinks", true, format!("{waiting} bytes wait")));
        }
    }
    let ready = checks.iter().all(|(_, ok, _)| *ok);
    let checks: Vec<Value> =
        checks.into_iter().map(|(name, ok, detail)| value!({ "name": name, "ok": ok, "detail": detail })).collect();
    let mut response = json(&value!({ "ready": ready, "state": phase.word(), "checks": checks }));
    if !ready {
        *response.status_mut() = StatusCode::SERVICE_UNAVAILABLE;
    }
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn event_time_stands_still_only_where_events_come() {
        let mut motion = Motion::default();
        let began = Instant::now();
        let at = |s: u64| began + Duration::from_secs(s);
        assert_eq!(motion.look(None, 0, at(0)), Duration::ZERO);
        assert_eq!(motion.look(Some(1), 5, at(1)), Duration::ZERO);
        // Silence is no fault.
        assert_eq!(motion.look(Some(1), 5, at(500)), Duration::ZERO);
        assert_eq!(motion.look(Some(1), 6, at(501)), Duration::ZERO);
        assert_eq!(motion.look(Some(1), 9, at(600)), Duration::from_secs(99));
        assert_eq!(motion.look(Some(2), 10, at(601)), Duration::ZERO);
    }
}
