//! What all requests look at: the run, its rows, who may ask.

use super::access::{Refusal, Tokens};
use super::alerts::Rule;
use super::answer::Wrong;
use super::book::Book;
use super::graph::Looks;
use super::health::Motion;
use super::history::History;
use super::ingest::Inlet;
use super::recommendations::Recommended;
use super::store::Store;
use crate::engine::{NoAnswer, Notices, Whole};
use crate::observe::{Gauge, Metrics, ServerMetrics, Snapshot};
use crate::plan::Graph;
use crate::result::RowSchema;
use axum::http::StatusCode;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Instant, SystemTime};
use tokio::sync::watch;

/// How far the run is.
#[derive(Clone, Default)]
pub(super) enum Phase {
    /// Other processes or sources are waited for.
    #[default]
    Starting,
    /// It reads.
    Running(Arc<Metrics>),
    /// The input has ended, and every row is out.
    Ended(Arc<Metrics>),
    /// It failed.
    Failed,
}

impl Phase {
    /// Its word.
    pub(super) fn word(&self) -> &'static str {
        match self {
            Phase::Starting => "starting",
            Phase::Running(_) => "running",
            Phase::Ended(_) => "ended",
            Phase::Failed => "failed",
        }
    }

    /// What is counted, once the run has begun.
    pub(super) fn metrics(&self) -> Option<&Arc<Metrics>> {
        match self {
            Phase::Running(metrics) | Phase::Ended(metrics) => Some(metrics),
            Phase::Starting | Phase::Failed => None,
        }
    }
}

/// The store, the alerts, and the bell that rings when something came into it.
pub(super) struct Shelf {
    store: Mutex<Store>,
    book: Mutex<Book>,
    /// The number of the latest change.
    bell: watch::Sender<u64>,
}

impl Shelf {
    pub(super) fn new(store: Store, book: Book) -> Self {
        Self { store: Mutex::new(store), book: Mutex::new(book), bell: watch::Sender::new(0) }
    }

    /// The store; held for no longer than a look.
    pub(super) fn store(&self) -> MutexGuard<'_, Store> {
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The alerts; held for no longer than a look.
    pub(super) fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says that there are changes up to `latest`.
    pub(super) fn ring(&self, latest: u64) {
        self.bell.send_replace(latest);
    }

    pub(super) fn listen(&self) -> watch::Receiver<u64> {
        self.bell.subscribe()
    }
}

/// Counts something for as long as it is there.
pub(super) struct Counted {
    face: Arc<Face>,
    gauge: fn(&ServerMetrics) -> &Gauge,
}

impl Counted {
    /// One more of what the gauge counts.
    pub(super) fn new(face: &Arc<Face>, gauge: fn(&ServerMetrics) -> &Gauge) -> Self {
        gauge(&face.counts).add(1);
        Self { face: Arc::clone(face), gauge }
    }

    /// A connection.
    pub(super) fn connection(face: &Arc<Face>) -> Self {
        Self::new(face, |counts| &counts.connections)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        (self.gauge)(&self.face.counts).add(-1);
    }
}

/// What all requests look at.
pub(super) struct Face {
    pub(super) tokens: Tokens,
    pub(super) counts: Arc<ServerMetrics>,
    pub(super) shelf: Arc<Shelf>,
    /// The rows on disk.
    pub(super) history: Option<Arc<History>>,
    /// The ways into sources that are sent their events.
    pub(super) inlets: Vec<Arc<Inlet>>,
    pub(super) schemas: Vec<RowSchema>,
    /// The rules of alerts, in the order of the plan.
    pub(super) rules: Vec<Rule>,
    /// The recommendations, in the order of the plan.
    pub(super) recommended: Vec<Recommended>,
    /// What reads what.
    pub(super) graph: Graph,
    pub(super) looks: Mutex<Looks>,
    /// The figures that clients which follow were last told, and when they were made.
    pub(super) told: Mutex<Option<(Instant, Arc<str>)>>,
    /// Who is notified of alerts, once the run has begun.
    pub(super) notices: Mutex<Option<Notices>>,
    /// What other processes have counted, once the run has begun.
    pub(super) whole: Mutex<Option<Arc<Whole>>>,
    /// Which process of the run this is.
    pub(super) process: usize,
    /// The file of silences of the pipeline.
    pub(super) silences_file: Option<String>,
    /// The pipeline as it is shown: name, file, text, plan.
    pub(super) pipeline: serde_json::Value,
    /// Tells this run from others in cursors.
    pub(super) epoch: String,
    pub(super) phase: Mutex<Phase>,
    pub(super) motion: Mutex<Motion>,
    pub(super) stop: watch::Receiver<bool>,
}

impl Face {
    pub(super) fn phase(&self) -> Phase {
        self.phase.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Who is notified of alerts; `None` where nobody is, or the run has not begun.
    pub(super) fn notices(&self) -> Option<Notices> {
        self.notices.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Asks of those who are notified. Where another process knows, this waits for it.
    pub(super) fn of_notices<T>(&self, ask: impl FnOnce(&Notices) -> Result<T, NoAnswer>) -> Result<Option<T>, Wrong> {
        let Some(notices) = self.notices() else { return Ok(None) };
        match tokio::task::block_in_place(|| ask(&notices)) {
            Ok(told) => Ok(Some(told)),
            // Nobody is told any more.
            Err(NoAnswer) if matches!(self.phase(), Phase::Ended(_)) => Ok(None),
            Err(error) => {
                let help = "look at process 0: it may have ended";
                let status = StatusCode::SERVICE_UNAVAILABLE;
                Err(Wrong::new(status, Refusal::Closed, "api.process", error.to_string(), help))
            }
        }
    }

    /// What is counted of the whole run at this moment, once it has begun; of other processes, up to a second ago.
    pub(super) fn snapshot(&self) -> Option<(Snapshot, Vec<usize>)> {
        if let Some(notices) = self.notices() {
            notices.refresh();
        }
        let phase = self.phase();
        let metrics = phase.metrics()?;
        let mut snapshot = metrics.snapshot();
        if let Some(whole) = &*self.whole.lock().unwrap_or_else(PoisonError::into_inner) {
            whole.add_to(&mut snapshot);
        }
        Some((snapshot, metrics.partitions()))
    }

    /// The index and schema of a part.
    pub(super) fn part(&self, name: &str) -> Option<(u32, &RowSchema)> {
        self.schemas.iter().enumerate().find(|(_, s)| s.name == name).map(|(i, s)| (i as u32, s))
    }
}

/// Microseconds since 1970 by the clock of the machine.
pub(super) fn now() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}
