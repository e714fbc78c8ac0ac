//! Patterns against the cases of other engines and against a brute-force reference.
//!
//! The reference:
//! - `form`: the neutral form of a pattern and its events.
//! - `expression`: the value of its conditions and measures.
//! - `unroll`: a pattern as lists of slots.
//! - `assign`: events to slots, and what a skip strategy leaves.
//! - `reference`: the judge of sequences, and its own tests against Flink's cases.
//! - `row`: the judge of row patterns, and its own tests against Flink's and Esper's.
//!
//! The engine against it:
//! - `sql`, `translate`: a pattern in our words.
//! - `ask`: many patterns in one run, and what is said of each.
//! - `conformance`: the cases of other engines.
//! - `draw`: a seed as a pattern and its events.
//! - `random`: random patterns over events in time.
//! - `corrections`: the same with late ones.

mod ask;
mod assign;
mod conformance;
mod corrections;
mod draw;
mod expression;
mod form;
mod random;
mod reference;
mod row;
mod sql;
mod translate;
mod unroll;
