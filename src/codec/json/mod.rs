//! Lines of JSON, turned into the cells of the wanted paths, the event time of each line, and the list of bad lines.
//!
//! In: a block of complete lines in the arena of an [`EventBatch`](crate::event::EventBatch). Out: rows appended to
//! that batch, and a [`Reject`] for each line that cannot be an event.
//!
//! What is read: a line is accepted exactly where `serde_json` reads it as a value, that value is an object, and the
//! time field is good. Nothing is taken on trust, also not in the parts that nobody wants. Cells:
//!
//! | JSON | cell |
//! |---|---|
//! | `null`, or no such field, or a path through a string, number or array | NULL |
//! | `true`, `false` | `Bool` |
//! | a whole number in the range of `i64` | `Int` |
//! | any other number (`-0` too, as `serde_json` has it) | `Float`, correctly rounded |
//! | a string | `Str`, unescaped; without escapes it stays where it is in the block |
//! | an object or array | `Json`: the text exactly as it was written, white space and all |
//!
//! Of duplicate keys the last counts, also where it is a whole object that replaces one before it.
//!
//! How: `track` knows the shapes seen lately as text with values between, `guide` finds the quotes and line ends of a
//! window of the block with SIMD, and `follow` reads all its lines that fit, node by node. What does not fit goes on:
//! `index` marks the structure of a window or of one line; `template` knows the shapes seen lately, so that a line of a
//! known shape needs no parsing, only compares; `walk` parses the index of any other line and makes its template;
//! `careful` has `serde_json` judge whatever is left (bad lines, escaped keys, depth).
//! The fast parts only ever accept; all refusals are `careful`'s, so that they do not depend on what was read before.
//!
//! Cost: no allocation a line, except in `careful`. Linear in the block, whatever is in it.

mod careful;
mod decoder;
mod escape;
mod follow;
mod guide;
mod index;
pub(super) mod number;
mod projection;
mod reject;
mod rows;
mod simd;
mod template;
#[cfg(test)]
mod tests;
mod track;
mod walk;

pub use decoder::JsonDecoder;
pub use projection::{Prefilter, Projection};
pub use reject::{Reject, RejectReason, explain};
pub use simd::SimdLevel;
