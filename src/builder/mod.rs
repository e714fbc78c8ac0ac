//! A program's calls, turned into the settings of a pipeline, checked and run like those of a file.
//!
//! A part ([`Source`], [`Table`], [`Stream`], [`Join`], [`Window`], [`Pattern`], [`Recommendation`], [`View`],
//! [`Alert`], [`Sink`]) gathers what is said of it, each with the line of the program; a
//! [`Pipeline`] makes settings of them that go through the reader of files ([`crate::config::assemble`]): the same
//! reference, bounds, defaults and messages. Nothing is checked twice or here.
//!
//! Invariants: (1) what a file says and the builder says alike compiles to the same plan, with the same fingerprint;
//! (2) every key of [`crate::config::reference()`] can be said, those without a method of their own by `with`; (3) every
//! problem shows the call that is at fault, with its line.

mod alert;
mod channel;
mod items;
mod join;
mod part;
mod pattern;
mod pipeline;
mod recommendation;
mod sink;
mod source;
mod stream;
mod table;
#[cfg(test)]
mod tests;
mod view;
mod window;

pub use alert::Alert;
pub use channel::{Closed, Sender};
pub use join::Join;
pub use part::{IntoNames, IntoSpan};
pub use pattern::Pattern;
pub use pipeline::Pipeline;
pub use recommendation::Recommendation;
pub use sink::Sink;
pub use source::Source;
pub use stream::Stream;
pub use table::Table;
pub use view::View;
pub use window::Window;

use crate::error::{Error, Problems, panic_text};
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Why a pipeline of a program did not run to its end. It shows itself (also by `{:?}`, so that `main` may return it) as
/// the command line would.
#[derive(Clone, PartialEq, Eq)]
pub enum PipelineError {
    /// What is wrong with the pipeline, all at once; nothing has run.
    Pipeline(Problems),
    /// The first failure of the run.
    Run(Error),
}

impl From<Problems> for PipelineError {
    fn from(problems: Problems) -> Self {
        PipelineError::Pipeline(problems)
    }
}

impl From<Error> for PipelineError {
    fn from(error: Error) -> Self {
        PipelineError::Run(error)
    }
}

impl fmt::Display for PipelineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PipelineError::Pipeline(problems) => problems.fmt(f),
            PipelineError::Run(error) => error.fmt(f),
        }
    }
}

impl fmt::Debug for PipelineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::error::Error for PipelineError {}

/// Calls code of the program; what it says where it panics.
fn caught<T>(call: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(call)).map_err(|cause| panic_text(&*cause))
}
