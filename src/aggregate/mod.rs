//! Cells, turned into mergeable, order-independent group states, and those into the values of result rows.
//!
//! A [`Layout`] says which physical kernels answer the calls of a `select`; a [`GroupTable`] keeps one state for each
//! group: the worker that reads fills one before the exchange, the worker that owns a (window, slice) keeps another; a
//! [`Finisher`] turns the states of the same group in several slices into the cells of a row.
//!
//! Invariants:
//! 1. An answer is a function of the multiset of its inputs, to the last bit: no order of arrival, no split into
//!    tables, no tree of merges and no trip through [`GroupTable::encode`] changes it.
//! 2. `sum` and `avg` are exact until they are rounded, once, to the nearest double.
//! 3. Whether a percentile or a distinct count is exact or from a sketch depends on how many values the window's group
//!    has ([`EXACT_VALUES`], [`EXACT_DISTINCT`]) and on nothing else.
//!
//! NULL is skipped by all aggregates but `count(*)`; over no value at all counts are 0 and all others are NULL.
//! Numeric aggregates (`sum`, `avg`, `percentile`, `median`) count the values that are neither NULL nor a number in a
//! [`Tally`] and skip them: text that holds digits is not a number, cast it first.

mod add;
mod bools;
mod buckets;
mod catalogue;
mod distinct;
mod exchange;
mod extreme;
mod finish;
mod json;
mod kept;
mod keys;
mod layout;
mod list;
mod pick;
mod prefix;
mod quantile;
mod squares;
mod sum;
mod table;
#[cfg(test)]
mod tests;
mod tops;
mod uniques;
mod user;

pub use add::Tally;
pub use catalogue::{AggregateDoc, aggregates, is_aggregate};
pub use distinct::EXACT_DISTINCT;
pub use exchange::DecodeError;
pub use finish::Finisher;
pub use layout::{Call, Function, Layout};
pub use prefix::{COLLECTED_BYTES, COLLECTED_VALUES};
pub use quantile::EXACT_VALUES;
pub use table::GroupTable;
pub use tops::{COUNTED_BYTES, COUNTED_VALUES};
pub use user::{Aggregate, UserAggregate, UserAggregates, check_law};

/// Empties a buffer that will be filled again, and gives memory back where it is far larger than lately used.
///
/// `recent` is a slowly sinking high-water mark of the buffer's length, kept by the caller.
fn recycle<T>(buffer: &mut Vec<T>, recent: &mut usize) {
    *recent = buffer.len().max(*recent - *recent / 8);
    buffer.clear();
    if buffer.capacity() > 8 * *recent + 8192 {
        buffer.shrink_to(2 * *recent);
    }
}
