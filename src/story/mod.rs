//! Case files, turned into verdicts: a pipeline, its input and the rows it must give, run at several widths.
//!
//! A [`Case`] is read from a file ([`read`]), run ([`tell`]), compared ([`judge`]) and, where its author wants so,
//! written anew ([`rewrite`]). Time is simulated by the events alone: the watermark of a partition is its newest event
//! less `out_of_orderness`, so an event moves the clock, also one that no `where` lets through.
//!
//! Invariants: (1) a run reads what the case names and writes to a scratch folder of its own alone: sinks and
//! dead-letter files of the pipeline are replaced, and so are its sources, save the generator; (2) no environment
//! reaches a case but what it states itself; (3) what is told of a case does not depend on other cases, on the time of
//! day or on the machine; (4) a rewritten file differs from the one before in values of `expect` and `expect_counts`
//! alone, and passes.
//!
//! Codes of problems: `case.open`, `case.none`, `case.syntax`, `case.key`, `case.type`, `case.value`, `case.required`,
//! `case.pipeline`, `case.input`, `case.row`, `case.count`, `case.scratch`, `case.write`; those of a pipeline are its
//! own.

mod case;
mod differ;
mod find;
mod keys;
mod pipeline;
mod read;
mod rewrite;
mod rows;
mod run;
mod scratch;
mod show;
#[cfg(test)]
mod tests;

pub use case::{Case, Count, Expect, Feed, Input, PipelineText, Written};
pub use differ::{CountDifference, Differences, RowDifference, RowKind, judge};
pub use find::{ENDING, find};
pub use keys::{KEYS, Key};
pub use read::{parse, read};
pub use rewrite::rewrite;
pub use rows::Row;
pub use run::{Told, tell};
pub use show::{json, text};

use crate::error::{Error, Problems};

/// What came of a case.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// All is as expected.
    Passed,
    /// Rows, counts or the end of the run are not as expected.
    Failed(Differences),
    /// The run failed, and was not expected to.
    Broke(Error),
    /// The case, or its pipeline, cannot be run.
    Wrong(Problems),
    /// The widths told different stories: a bug of ours. What differs, in words.
    Uneven(String),
}

impl Verdict {
    /// The exit code of a program that comes to this end.
    pub fn exit_code(&self) -> u8 {
        match self {
            Verdict::Passed => 0,
            Verdict::Failed(_) => 1,
            // The input of a case is part of what it tells: an error of it is a difference.
            Verdict::Broke(error) if error.kind.exit_code() == 2 => 1,
            Verdict::Broke(error) => error.kind.exit_code(),
            Verdict::Wrong(_) => 2,
            Verdict::Uneven(_) => 4,
        }
    }
}
