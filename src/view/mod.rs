//! Rows of windows, patterns and views, turned into the rows of a view: what is kept, computed, joined, aggregated, ordered.
//!
//! A view is a chain of two kinds of work. A [`Projector`] takes rows as they come: computes columns, filters, chooses. A
//! [`Reduce`] has all rows that are live under one key, and says what rows these make: windows over windows, the top n,
//! one of each, partners of a join, series of a group. It is a function of the set of its rows, and is asked again when the
//! set changes; the library of differential dataflow keeps the sets, and finds what has changed in the answer.
//!
//! A row lives until nothing can change any more that it has a part in ([`Feed`] says when); what an answer loses because
//! rows have left is no change of the result, and is dropped: it comes at or after the row's `window_end + keep`, and no
//! change of the result does (invariant of [`crate::result::RowSchema::keep`]). So:
//!
//! Invariants:
//! 1. A row that a live row of the result depends on is live: its life ends no earlier than the `window_end + keep` of each
//!    such row.
//! 2. A change of the result comes before the `window_end + keep` of its row; a change that comes later is dropped.
//! 3. From 1 and 2: what is stated at a time is what the view makes of all rows stated so far, whether they have left or not.
//!
//! The [`Stater`] at the end knows which rows are stated, and gives each its revision.
//!
//! Everything here is pure: no clock, no thread, no dataflow.

mod feed;
mod join;
mod outer;
mod project;
mod row;
mod series;
mod stater;
mod top;

pub use feed::{Feed, Route, Sent};
pub use join::Join;
pub use outer::Outer;
pub use project::{Project, Projector, Series, Step};
pub use row::Stored;
pub use stater::{Said, Stater};
pub use top::Top;

/// What all live rows under one key make; see each for what is asked.
#[derive(Debug, Clone)]
pub enum Operation {
    /// Partners of rows.
    Join(Join),
    /// Windows over windows.
    Outer(Box<Outer>),
    /// One row for each key.
    Distinct,
    /// The first rows of a window.
    Top(Top),
    /// Rows with columns that look at earlier rows of their group.
    Series {
        /// What is computed and kept.
        project: Box<Project>,
        /// As of the rows' schema.
        keep: i64,
    },
}

impl Operation {
    /// What it is called.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Join(_) => "join",
            Self::Outer(_) => "windows",
            Self::Distinct => "distinct",
            Self::Top(_) => "top",
            Self::Series { .. } => "series",
        }
    }

    /// The machine that does it.
    pub fn machine(&self) -> Box<dyn Reduce> {
        match self {
            Self::Join(join) => Box::new(join.clone()),
            Self::Outer(outer) => Box::new(outer::Windows::new(outer)),
            Self::Distinct => Box::new(top::Distinct),
            Self::Top(top) => Box::new(top.clone()),
            Self::Series { project, keep } => Box::new(series::History::new(project, *keep)),
        }
    }
}

/// All live rows under one key, turned into rows of the answer.
pub trait Reduce {
    /// Appends the answer for `key`, of these rows, each with how often it is there (at least once), in the order of their
    /// bytes. The rows are what [`Feed`] has made of them.
    fn reduce(&mut self, key: &[u8], rows: &[(&[u8], isize)], out: &mut Vec<(Vec<u8>, isize)>);
}
