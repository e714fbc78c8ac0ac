//! Those who hear of alerts in a run: a program's own, and the actions of the pipeline.

use crate::alert::{Change, Hears};
use crate::error::Error;
use crate::notify::{ActionCounts, Desk, Notifier, SystemClock};
use crate::observe::Metrics;
use crate::plan::Plan;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The actions of a run, while it lasts.
pub(super) struct Actions(Option<Arc<Notifier>>, Arc<Metrics>);

impl Actions {
    /// Starts those that an alert of the plan names, where `wanted`.
    ///
    /// # Errors
    /// As [`Notifier::start`].
    pub(super) fn start(plan: &Plan, wanted: bool, metrics: &Arc<Metrics>) -> Result<Self, Error> {
        if !wanted || !Self::are_told(plan) {
            return Ok(Self(None, Arc::clone(metrics)));
        }
        let named = |name: &str| plan.alerts.iter().any(|p| p.shown.notify.iter().any(|one| one == name));
        let mut setup = plan.notify.clone();
        setup.actions.retain(|action| named(&action.config.name));
        setup.trace = Arc::clone(metrics.trace());
        let notifier = Notifier::start(&setup, Arc::new(SystemClock), None)?;
        Ok(Self(Some(Arc::new(notifier)), Arc::clone(metrics)))
    }

    /// What the dataflow tells: `own` first, then these.
    pub(super) fn with(&self, own: Option<Box<dyn Hears>>) -> Option<Box<dyn Hears>> {
        match (own, &self.0) {
            (own, None) => own,
            (own, Some(notifier)) => {
                Some(Box::new(Both { own, notifier: Arc::clone(notifier), metrics: Arc::clone(&self.1) }))
            }
        }
    }

    /// The actions that an alert of the plan names; nobody is told where there are none.
    pub(super) fn are_told(plan: &Plan) -> bool {
        let named = |name: &str| plan.alerts.iter().any(|p| p.shown.notify.iter().any(|one| one == name));
        plan.notify.actions.iter().any(|action| named(&action.config.name))
    }

    /// What others may see and change; `None` where nobody is notified.
    pub(super) fn desk(&self) -> Option<Desk> {
        self.0.as_ref().map(|notifier| notifier.desk())
    }

    /// Tells what still waits, within the time that the pipeline gives for it; what was counted.
    pub(super) fn finish(self) -> BTreeMap<String, ActionCounts> {
        // The dataflow has let go of its own handle: it has come to its end.
        let counts = self.0.and_then(Arc::into_inner).map(Notifier::finish).unwrap_or_default();
        show(&counts, &self.1);
        counts
    }
}

struct Both {
    own: Option<Box<dyn Hears>>,
    notifier: Arc<Notifier>,
    metrics: Arc<Metrics>,
}

/// Hands what was counted to the metrics.
pub(super) fn show(counts: &BTreeMap<String, ActionCounts>, metrics: &Metrics) {
    for (name, counts) in counts {
        let Some(action) = metrics.action(name) else { continue };
        action.sent.set(counts.sent);
        action.retried.set(counts.retried);
        action.failed.set(counts.failed);
        action.dropped.set(counts.dropped);
        action.silenced.set(counts.silenced);
        action.inhibited.set(counts.inhibited);
        action.waiting.set(i64::try_from(counts.waiting).unwrap_or(i64::MAX));
        action.open.set(i64::from(counts.open));
    }
}

impl Hears for Both {
    fn changes(&mut self, changes: &[Change]) {
        if let Some(own) = &mut self.own {
            own.changes(changes);
        }
        self.notifier.changes(changes);
        show(&self.notifier.counts(), &self.metrics);
    }
}
