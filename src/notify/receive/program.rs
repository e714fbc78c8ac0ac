//! A message into a call of a function of the program that runs the pipeline.

use super::{Failure, Receiver};
use crate::notify::message::Notification;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// A function that is told of alerts, on a thread of the action. What it gives says whether it is called again.
pub type OnAlerts = Box<dyn FnMut(&Notification) -> Result<(), Failure> + Send>;

/// The functions of a program, by action.
#[derive(Clone, Default)]
pub struct Programs(BTreeMap<String, Arc<Mutex<OnAlerts>>>);

impl Programs {
    /// Adds the function of an action.
    pub fn add(&mut self, action: &str, call: impl FnMut(&Notification) -> Result<(), Failure> + Send + 'static) {
        self.0.insert(action.to_owned(), Arc::new(Mutex::new(Box::new(call))));
    }

    /// The receiver of an action.
    pub(super) fn receiver(&self, action: &str) -> Program {
        Program(self.0.get(action).cloned())
    }
}

/// A function of the program.
pub(super) struct Program(Option<Arc<Mutex<OnAlerts>>>);

impl Receiver for Program {
    fn send(&mut self, message: &Notification, _: Duration) -> Result<(), Failure> {
        match &self.0 {
            // One that panicked is called again for the next message: what it keeps is its own.
            Some(call) => call.lock().unwrap_or_else(PoisonError::into_inner)(message),
            None => Err(Failure::refused("the program has no function for this action")),
        }
    }
}
