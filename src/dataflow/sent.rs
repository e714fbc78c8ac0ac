//! Messages on their way to other workers, turned into counts of the operator that they go to.
//!
//! Cost: two relaxed atomic additions a message; where nobody looks, one comparison.

use crate::observe::{Metrics, OperatorMetrics};
use std::sync::Arc;
use timely::dataflow::Scope;

/// Counts what is sent from one worker to an operator.
pub(super) struct Sent {
    from: usize,
    metrics: Option<Arc<Metrics>>,
    name: String,
    /// Where the operator stands, once it is known: the first message comes after the dataflow is built.
    at: Option<usize>,
}

impl Sent {
    /// What the worker of `scope` sends to the operator `name`.
    pub(super) fn to<'scope>(name: &str, scope: Scope<'scope, i64>, metrics: &Arc<Metrics>) -> Self {
        let metrics = metrics.counts_costs().then(|| Arc::clone(metrics));
        Self { from: scope.index(), metrics, name: name.to_owned(), at: None }
    }

    /// Nothing is counted.
    pub(super) fn uncounted() -> Self {
        Self { from: 0, metrics: None, name: String::new(), at: None }
    }

    /// A message of `bytes` goes to worker `target`.
    pub(super) fn count(&mut self, target: usize, bytes: impl FnOnce() -> usize) {
        let Some(metrics) = self.metrics.as_ref().filter(|_| target != self.from) else { return };
        let all = metrics.operators();
        let named = |one: &OperatorMetrics| one.name == self.name;
        let at = self.at.or_else(|| all.iter().position(named));
        if let Some(counts) = at.and_then(|at| all.get(at)) {
            counts.sent.add(bytes() as u64);
            counts.messages.add(1);
        }
        self.at = at;
    }
}
