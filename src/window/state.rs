//! The owner's side of a window part, whatever its shape: one face for [`Slices`], [`Sessions`] and [`Global`].

use super::answer::Answers;
use super::{Ends, Global, Sessions, Shape, Slices, Stated, WindowSpec};
use crate::aggregate::{GroupTable, Layout};
use crate::result::RowBatch;
use std::sync::Arc;

/// The state of one window part on one worker.
pub enum State {
    /// Windows whose bounds are known beforehand.
    Slices(Box<Slices>),
    /// Windows whose bounds are those of their events.
    Sessions(Box<Sessions>),
    /// One window over all of time.
    Global(Box<Global>),
}

impl State {
    /// An empty state. `part`: the index of the rows' schema; `ends`: the aggregates that sessions need.
    pub fn new(spec: WindowSpec, part: u32, layout: Arc<Layout>, answers: Answers, ends: Option<Ends>) -> Self {
        match (spec.gap(), ends) {
            (Some(gap), Some(ends)) => Self::Sessions(Box::new(Sessions::new(spec, gap, part, layout, answers, ends))),
            _ if matches!(spec.shape, Shape::Global { .. }) => {
                Self::Global(Box::new(Global::new(spec, part, layout, answers)))
            }
            _ => Self::Slices(Box::new(Slices::new(spec, part, layout, answers))),
        }
    }

    /// The same with a cap on the groups of a window, where there is one. Sessions have none: each is of one group.
    pub fn capped(self, most: Option<usize>) -> Self {
        match (self, most) {
            (Self::Slices(s), Some(most)) => Self::Slices(Box::new(s.capped(most))),
            (Self::Global(s), Some(most)) => Self::Global(Box::new(s.capped(most))),
            (state, _) => state,
        }
    }

    /// The table that takes a contribution: events of `slice`, on time, or late with the tick given.
    pub fn table(&mut self, slice: i64, late: Option<i64>) -> &mut GroupTable {
        match self {
            Self::Slices(s) => s.table(slice, late),
            Self::Sessions(s) => s.table(slice, late),
            Self::Global(s) => s.table(slice, late),
        }
    }

    /// Takes a whole table as a contribution.
    pub fn adopt(&mut self, slice: i64, late: Option<i64>, table: GroupTable) {
        match self {
            Self::Slices(s) => s.adopt(slice, late, table),
            Self::Sessions(s) => s.adopt(slice, late, table),
            Self::Global(s) => s.adopt(slice, late, table),
        }
    }

    /// A time before which there is nothing to say; `None` where nothing is open.
    pub fn next_time(&self) -> Option<i64> {
        match self {
            Self::Slices(s) => s.next_time(),
            Self::Sessions(s) => s.next_time(),
            Self::Global(s) => s.next_time(),
        }
    }

    /// States and corrects all that the frontier allows (`None`: the input has ended).
    pub fn advance(&mut self, frontier: Option<i64>, emit: &mut dyn FnMut(i64, &mut RowBatch)) {
        match self {
            Self::Slices(s) => s.advance(frontier, emit),
            Self::Sessions(s) => s.advance(frontier, emit),
            Self::Global(s) => s.advance(frontier, emit),
        }
    }

    /// States at `time` the rows of all windows that end later, with what has come; only where bounds are known beforehand.
    pub fn state_so_far(&mut self, time: i64, emit: &mut dyn FnMut(i64, &mut RowBatch)) {
        if let Self::Slices(s) = self {
            s.state_so_far(time, emit);
        }
    }

    /// An empty table that was used before, where there is one.
    pub fn spare(&mut self) -> Option<GroupTable> {
        match self {
            Self::Slices(s) => s.spare(),
            Self::Sessions(s) => s.spare(),
            Self::Global(s) => s.spare(),
        }
    }

    /// Bytes held, groups and slices, for the metrics.
    pub fn size(&self) -> (usize, usize, usize) {
        match self {
            Self::Slices(s) => s.size(),
            Self::Sessions(s) => s.size(),
            Self::Global(s) => s.size(),
        }
    }

    /// What was stated so far.
    pub fn stated(&self) -> Stated {
        match self {
            Self::Slices(s) => s.stated(),
            Self::Sessions(s) => s.stated(),
            Self::Global(s) => s.stated(),
        }
    }
}
