//! Values with their places, turned into one of them: the first, the last, or that of the row where another is least or
//! greatest.
//!
//! Invariant: the choice is by (deciding value,) event time, partition and position, which no two rows share; of equal
//! deciding values the earliest row is chosen. Numbers that are equal decide alike, whole or not.
//!
//! Cost: a value is copied only where it is chosen; memory is one value a group.

use super::extreme;
use super::kept::{Bytes, How, Keep, Row, cell, is_value, put_bytes};
use super::layout::Function;
use crate::event::{Cell, Origin, key};
use std::cmp::Ordering;

/// The chosen row.
#[derive(Debug, Default)]
pub(super) struct Pick {
    origin: Origin,
    /// The deciding value: its key, and its text where it is text.
    key: u128,
    text: Vec<u8>,
    /// The value; empty where there is none yet.
    value: Vec<u8>,
}

impl Pick {
    /// True where a row is to be chosen instead.
    #[inline]
    fn loses_to(&self, how: &How, origin: Origin, key: u128, text: &[u8]) -> bool {
        if self.value.is_empty() {
            return true;
        }
        let by = || key.cmp(&self.key).then_with(|| text.cmp(&self.text));
        let earlier = origin < self.origin;
        match how {
            How::Last => origin > self.origin,
            How::ArgMin(_) => match by() {
                Ordering::Equal => earlier,
                order => order == Ordering::Less,
            },
            How::ArgMax(_) => match by() {
                Ordering::Equal => earlier,
                order => order == Ordering::Greater,
            },
            _ => earlier,
        }
    }
}

impl Keep for Pick {
    #[inline]
    fn add(&mut self, how: &How, row: &Row<'_>) -> bool {
        // The last bit tells whole numbers from others that are equal.
        let key = if row.by.is_null() { 0 } else { extreme::key::<false>(row.by, row.arena) & !1 };
        let text = row.by.text(row.arena);
        if self.loses_to(how, row.origin, key, text) {
            (self.origin, self.key) = (row.origin, key);
            self.text.clear();
            self.text.extend_from_slice(text);
            self.value.clear();
            key::encode_value(row.value, row.arena, &mut self.value);
        }
        true
    }

    fn merge(&mut self, how: &How, other: &Self) {
        if !other.value.is_empty() && self.loses_to(how, other.origin, other.key, &other.text) {
            (self.origin, self.key) = (other.origin, other.key);
            self.text.clone_from(&other.text);
            self.value.clone_from(&other.value);
        }
    }

    fn bytes(&self) -> usize {
        self.text.capacity() + self.value.capacity()
    }

    fn encode(&self, out: &mut Vec<u8>) {
        self.origin.encode(out);
        for word in extreme::split(self.key) {
            out.extend_from_slice(&word.to_le_bytes());
        }
        put_bytes(&self.text, out);
        put_bytes(&self.value, out);
    }

    fn decode(_how: &How, bytes: &[u8]) -> Option<Self> {
        let mut bytes = Bytes(bytes);
        let origin = bytes.origin()?;
        let key = extreme::join(&[bytes.u64()?, bytes.u64()?]);
        let (text, value) = (bytes.bytes()?.to_vec(), bytes.bytes()?.to_vec());
        (bytes.0.is_empty() && is_value(&value)).then_some(Self { origin, key, text, value })
    }

    fn answer(&mut self, _how: &How, _function: &Function, arena: &mut Vec<u8>) -> (Cell, bool) {
        (key::decode(&self.value).map_or(Cell::NULL, |(value, _)| cell(value, arena)), false)
    }
}
