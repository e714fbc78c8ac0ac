//! Changes of alerts, turned into messages that reach those who are to be told.
//!
//! ```text
//! Change --Router--> Notification --Lanes--> Receiver
//!            |                        |
//!            State (serde)            retries, breaker, dead letters
//! ```
//!
//! - [`Setup::compile`] makes settings ready, and says what is wrong with them; a plan has it as `notify`.
//! - [`Router`] decides, and is pure: grouping, repeats, inhibitions, silences, what was told to whom. It is given the time. All
//!   that it remembers is its [`State`].
//! - [`Notifier`] is a router with the clock of the machine and a bounded queue and threads for each action. It is what a dataflow
//!   drives, at one worker of one process, so that each message is sent once:
//!
//! ```text
//! let notifier = Notifier::start(&plan.notify, Arc::new(SystemClock), None)?;    // or Some(state) of a checkpoint
//! notifier.changes(&changes);     // of one event time after the other, each in one fixed order; waits for nobody
//! notifier.snapshot();            // the state for a checkpoint: all that `changes` has been given is in it
//! let counts = notifier.finish(); // tells what waits for its time, waits at most `drain_timeout`, and counts
//! ```
//!
//! An action whose `type` is given as the program's own calls a function: [`Programs`] with [`Notifier::start_with`].
//!
//! What it must be given: every change of every alert, also of alerts that notify nobody, as these may keep others quiet. An
//! alert is known by its labels; its lives are told apart by their ids. Pending alerts are told to nobody.
//!
//! Times: windows and `since`, `fired`, `at` of an alert are event time; waits, repeats and silences go by the clock of the
//! machine. So what is told of history that is read at once is less than what would have been told at the time: an alert that
//! fires and ends between two looks at its group is told as far as its group has not been looked at yet.
//!
//! Units: microseconds. Errors: settings are checked by [`Setup`]; a receiver that fails is counted, and what it did not get is a
//! dead letter. Nothing here ends a run.

mod alert;
mod clock;
mod condition;
mod group;
mod inhibit;
mod lane;
mod letters;
mod message;
mod notifier;
mod pause;
mod receive;
mod router;
mod setup;
mod silence;
#[cfg(test)]
mod tests;

pub use alert::{Alert, key_of};
pub use clock::{Clock, ManualClock, SystemClock};
pub use condition::Condition;
pub use group::{Group, Look, Muted};
pub use inhibit::{Inhibition, Inhibitor};
pub use message::{Notification, group_text, json_of};
pub use notifier::{ActionCounts, Desk, Notifier};
#[cfg(feature = "otlp")]
pub(crate) use receive::{Asked, Http};
pub use receive::{Failure, OnAlerts, Programs, Receiver};
pub use router::{Kept, Router, State};
pub use setup::{Action, Body, Setup, read_silences};
pub use silence::{NotAdded, Origin, Ready, Silence, Silences};
