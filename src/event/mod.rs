//! Events as columns: [`Cell`]s in an [`EventBatch`], and the canonical [`key`] of a group.
//!
//! A planner gives every path that anything reads a *slot*; a decoder fills one column of cells for each slot, and
//! streams append the columns they compute. No event is an object of its own.

mod batch;
mod cell;
pub mod key;
mod keys;
mod origin;
mod owned;
mod path;

pub use batch::{Column, EventBatch};
pub use cell::{Cell, Tag, Value};
pub use keys::RowKeys;
pub use origin::{Origin, Origins};
pub use owned::OwnedValue;
pub use path::FieldPath;
