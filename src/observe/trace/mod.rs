//! What happens to a step of event time in the dataflow, turned into spans of one trace.
//!
//! ```text
//! tick 12:00:10                         process 0, from the first of it that is read until its rows are written
//! ├─ source events                      a worker, while it stands at the tick
//! │  ├─ read, decode                    a block
//! ├─ window pages                       a worker, until the frontier there passes the tick
//! ├─ sink out                           from when the rows are complete until they are written
//! │  ├─ wait, write, flush
//! └─ action ops                         a try to tell of alerts of that time
//! ```
//!
//! A [`Trace`] is shared by all of a process, and is off where nobody asked for traces: then every call is a look at one pointer. Where it is
//! on, a block costs three looks at the clock, and a turn of an operator two and, while a step is under way, a lock. No event costs anything.
//!
//! Invariants: (1) nothing of it changes a result; (2) the trace of a step and the span at its root are functions of the run and the step, and
//! processes choose the same steps (by one rule, at the pace that event time has), so that spans of all of them are of one trace; now and then a step is traced by one
//! of them alone; (3) memory is bounded: so many steps are under way, and so many blocks of each are told of ([`BLOCKS`]).
//!
//! Units: nanoseconds since 1970 for the clock, by a clock that does not go back; microseconds for event time.

mod id;
mod notes;
mod sample;
mod span;
mod ticks;

pub use id::{Parent, SpanId, TraceId};
pub use notes::{BlockNote, PartNotes, SinkNotes, SourceNotes};
pub use span::{Attribute, Span, SpanKind};

use crate::time::{EventTime, format_rfc3339};
use std::fmt;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant, SystemTime};
use ticks::{Ticks, Traced};

/// Blocks of a step, of one worker and source, that have spans of their own.
pub const BLOCKS: usize = 16;
/// Requests of somebody who keeps their traces that have spans, in the time in which one step is traced.
const REQUESTS: u32 = 16;
/// Traced steps of which one message tells, at most.
const TOLD: usize = 4;

/// What a run is, for its traces.
#[derive(Debug, Clone)]
pub struct About {
    /// Common to its processes, and to no other run.
    pub run: [u8; 16],
    /// Which process this is.
    pub process: usize,
    /// How many there are.
    pub processes: usize,
    /// The name of the pipeline.
    pub pipeline: String,
    /// How long a step of event time is, microseconds.
    pub step: i64,
}

/// The traces of a process.
#[derive(Default)]
pub struct Trace {
    on: Option<On>,
}

/// Who takes the spans; it waits for nobody.
type Takes = Box<dyn Fn(Span) + Send + Sync>;

struct On {
    since: (u64, Instant),
    every: u64,
    takes: Takes,
    live: OnceLock<Live>,
}

/// A run that is under way.
struct Live {
    about: About,
    ticks: Mutex<Ticks>,
    open: AtomicUsize,
    spans: AtomicU64,
    requests: Mutex<Requests>,
}

#[derive(Default)]
struct Requests {
    since: u64,
    own: u32,
    others: u32,
}

/// A request that is traced.
#[derive(Debug, Clone, Copy)]
pub struct Incoming {
    trace: TraceId,
    id: SpanId,
    parent: Option<SpanId>,
    start: u64,
}

impl fmt::Debug for Trace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.on.is_some() { "Trace(on)" } else { "Trace(off)" })
    }
}

impl Trace {
    /// Traces about one step of event time in `every` of the clock; none before [`Trace::begin`].
    pub fn new(every: Duration, takes: impl Fn(Span) + Send + Sync + 'static) -> Self {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let nanos = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        Self {
            on: Some(On {
                since: (nanos(now), Instant::now()),
                every: nanos(every),
                takes: Box::new(takes),
                live: OnceLock::new(),
            }),
        }
    }

    /// The run begins. Once.
    pub fn begin(&self, about: About) {
        let Some(on) = &self.on else { return };
        let ticks = Mutex::new(Ticks::new(about.run, about.step, on.every));
        let open = AtomicUsize::new(0);
        let _ = on.live.set(Live { about, ticks, open, spans: AtomicU64::new(0), requests: Mutex::default() });
    }

    fn live(&self) -> Option<(&On, &Live)> {
        let on = self.on.as_ref()?;
        Some((on, on.live.get()?))
    }

    /// True where a run is traced.
    pub fn is_on(&self) -> bool {
        self.live().is_some()
    }

    /// The clock; 0 where nothing is traced.
    pub fn now(&self) -> u64 {
        self.live().map_or(0, |(on, _)| on.now())
    }

    /// The frontier behind everything, as one worker of the process sees it: what is below it has been handed to the sinks.
    pub fn passed(&self, frontier: Option<i64>) {
        let Some((on, live)) = self.live().filter(|(_, live)| live.open.load(Relaxed) > 0) else { return };
        let (below, mut roots) = (frontier.unwrap_or(i64::MAX), Vec::new());
        let mut ticks = live.ticks();
        for one in ticks.known_mut().filter(|one| !one.passed && one.tick < below) {
            one.passed = true;
            roots.extend(live.settle(one, on.now()));
        }
        live.count(&ticks);
        drop(ticks);
        roots.into_iter().for_each(|span| (on.takes)(span));
    }

    /// The run has ended: what is under way is told of as it is.
    pub fn end(&self) {
        let Some((on, live)) = self.live() else { return };
        let mut ticks = live.ticks();
        let mut roots = Vec::new();
        for one in ticks.known_mut().filter(|one| !one.done) {
            (one.passed, one.waiting) = (true, 0);
            roots.extend(live.settle(one, on.now()).map(|root| root.with("highwater.unfinished", true)));
        }
        live.count(&ticks);
        drop(ticks);
        roots.into_iter().for_each(|span| (on.takes)(span));
    }

    /// An action was called, with alerts that changed at these event times: a span of each traced step among them.
    pub fn told(&self, action: &str, times: impl Iterator<Item = i64>, start: u64, error: Option<&str>) {
        let Some((on, live)) = self.live().filter(|_| start > 0) else { return };
        let mut traces: Vec<TraceId> = Vec::new();
        {
            let ticks = live.ticks();
            for time in times {
                let of = |one: &&Traced| one.tick == time;
                if let Some(one) = ticks.known().find(of).filter(|one| !traces.contains(&one.id))
                    && traces.len() < TOLD
                {
                    traces.push(one.id);
                }
            }
        }
        for trace in traces {
            let span = live.span(trace, SpanId::root(trace), format!("action {action}"), (start, on.now()));
            let span = Span { kind: SpanKind::Client, error: error.map(str::to_owned), ..span };
            (on.takes)(span.with("highwater.action", action));
        }
    }

    /// A request came, perhaps with a header `traceparent`; `None` where it is not traced.
    pub fn request(&self, traceparent: Option<&str>) -> Option<Incoming> {
        let (on, live) = self.live()?;
        let parent = traceparent.and_then(Parent::read);
        let start = on.now();
        let mut requests = live.requests.lock().unwrap_or_else(PoisonError::into_inner);
        if start.saturating_sub(requests.since) >= on.every {
            *requests = Requests { since: start, ..Requests::default() };
        }
        match &parent {
            // Whoever sent it does not keep the trace: neither do we.
            Some(parent) if !parent.sampled => return None,
            Some(_) if requests.others < REQUESTS => requests.others += 1,
            None if requests.own == 0 => requests.own += 1,
            _ => return None,
        }
        drop(requests);
        let number = live.spans.fetch_add(1, Relaxed);
        let own = || TraceId::of_request(&live.about.run, live.about.process, number);
        let trace = parent.map_or_else(own, |parent| parent.trace);
        let id = SpanId::nth(trace, live.about.process, number);
        Some(Incoming { trace, id, parent: parent.map(|parent| parent.span), start })
    }

    /// A request was answered, with this status of HTTP.
    pub fn answered(&self, request: Incoming, source: &str, status: u16) {
        let Some((on, _)) = self.live() else { return };
        let Incoming { trace, id, parent, start } = request;
        let span = Span::new((trace, id, parent), "POST /v1/ingest/{source}", (start, on.now()))
            .with("http.request.method", "POST")
            .with("http.route", "/v1/ingest/{source}")
            .with("http.response.status_code", i64::from(status))
            .with("highwater.source", source);
        let error = (status >= 500).then(|| format!("the answer was {status}"));
        (on.takes)(Span { kind: SpanKind::Server, error, ..span });
    }
}

impl On {
    fn now(&self) -> u64 {
        self.since.0 + self.since.1.elapsed().as_nanos() as u64
    }
}

impl Live {
    fn ticks(&self) -> MutexGuard<'_, Ticks> {
        self.ticks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn count(&self, ticks: &Ticks) {
        self.open.store(ticks.open(), Relaxed);
    }

    /// The next span of a trace.
    fn span(&self, trace: TraceId, parent: SpanId, name: impl Into<String>, times: (u64, u64)) -> Span {
        let number = self.spans.fetch_add(1, Relaxed);
        Span::new((trace, SpanId::nth(trace, self.about.process, number), Some(parent)), name, times)
    }

    /// Ends a step where it has come to its end; the span at the root, in process 0.
    fn settle(&self, one: &mut Traced, now: u64) -> Option<Span> {
        if !one.passed || one.waiting > 0 || one.done {
            return None;
        }
        one.done = true;
        let root = Span::new((one.id, SpanId::root(one.id), None), "tick", (one.began, now))
            .with("highwater.pipeline", self.about.pipeline.as_str())
            .with("highwater.tick", format_rfc3339(EventTime(one.tick)))
            .with("highwater.processes", self.about.processes);
        (self.about.process == 0).then_some(root)
    }
}

#[cfg(test)]
mod tests;
