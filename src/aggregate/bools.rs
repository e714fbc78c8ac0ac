//! Booleans, turned into how many are true and how many are false; whether all are, or any is.

use super::layout::Function;
use crate::event::{Cell, Tag};

/// The row words of no values: trues, falses.
pub(super) const EMPTY: [u64; 2] = [0; 2];

/// Adds a value; false where it is neither NULL nor a boolean.
#[inline]
pub(super) fn add(state: &mut [u64; 2], cell: Cell) -> bool {
    match cell.tag() {
        Tag::Bool => {
            let at = usize::from(cell.bits() == 0);
            state[at] = state[at].wrapping_add(1);
            true
        }
        tag => tag == Tag::Null,
    }
}

/// Adds another count.
#[inline]
pub(super) fn merge(state: &mut [u64; 2], other: &[u64; 2]) {
    for (mine, theirs) in state.iter_mut().zip(other) {
        *mine = mine.wrapping_add(*theirs);
    }
}

/// Whether all are true, or any is; NULL over no value.
pub(super) fn answer(state: [u64; 2], function: &Function) -> Cell {
    match state {
        [0, 0] => Cell::NULL,
        [trues, falses] => Cell::bool(if *function == Function::BoolAnd { falses == 0 } else { trues > 0 }),
    }
}
