//! A receiver, into the same with a span for each try, where the step of event time in which its alerts changed is traced.

use super::{Failure, Receiver};
use crate::notify::message::Notification;
use crate::observe::trace::Trace;
use std::sync::Arc;
use std::time::Duration;

struct Traced {
    receiver: Box<dyn Receiver>,
    trace: Arc<Trace>,
}

/// `receiver`, which says in `trace` what it did.
pub(in crate::notify) fn traced(receiver: Box<dyn Receiver>, trace: &Arc<Trace>) -> Box<dyn Receiver> {
    Box::new(Traced { receiver, trace: Arc::clone(trace) })
}

impl Receiver for Traced {
    fn send(&mut self, message: &Notification, timeout: Duration) -> Result<(), Failure> {
        let start = self.trace.now();
        let sent = self.receiver.send(message, timeout);
        if start > 0 {
            let error = match &sent {
                Ok(()) => None,
                Err(Failure::Again { reason, .. } | Failure::Refused { reason }) => Some(reason.as_str()),
            };
            self.trace.told(&message.action, message.alerts.iter().map(|alert| alert.change.at), start, error);
        }
        sent
    }
}
