//! Bytes, turned into event batches.
//!
//! One file format so far: lines of JSON ([`json`]).

pub mod json;
