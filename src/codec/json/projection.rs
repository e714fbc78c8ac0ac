//! The wanted paths, turned into a tree of keys that names the slots to fill.
//!
//! Invariants: node 0 is the root; `slots[n]` are the slots that end at node n; `below[n]` are the slots of n and of
//! all nodes under it, which a later duplicate of n's key makes NULL again.

use super::number;
use crate::event::FieldPath;
use crate::time::{TimeFormat, TimeUnit};

/// Keeps only the rows whose slot is a string equal to one of `allowed`; a missing or other value is dropped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Prefilter {
    /// The slot, an index of the projection's paths.
    pub slot: usize,
    /// The texts that pass.
    pub allowed: Vec<String>,
}

/// What to read of each event: slot i is path i; and where its time is.
#[derive(Debug, Clone)]
pub struct Projection {
    pub(super) nodes: Vec<Node>,
    /// Slots of the columns; slot `slots` is the time.
    pub(super) slots: usize,
    /// Rows have no time of their own: it is 0.
    pub(super) untimed: bool,
    pub(super) unit: TimeUnit,
    /// The format that holds instead of RFC 3339, where there is one.
    pub(super) format: Option<TimeFormat>,
    /// The power of ten from the time unit to microseconds; `None` for text.
    pub(super) scale: Option<i32>,
    pub(super) prefilter: Option<Prefilter>,
}

/// A key on the way to a slot.
#[derive(Debug, Clone, Default)]
pub(super) struct Node {
    pub(super) children: Vec<(Box<[u8]>, u16)>,
    pub(super) slots: Vec<u16>,
    pub(super) below: Vec<u16>,
}

impl Projection {
    /// The projection of `paths`; a path may be the beginning of another one, or be there twice. Rows have the time
    /// that is at `time`, written in `unit`.
    ///
    /// # Panics
    /// Where there are more than 65,000 steps in all paths together, or the prefilter's slot is none of the paths.
    pub fn new(paths: &[FieldPath], time: &FieldPath, unit: TimeUnit, prefilter: Option<Prefilter>) -> Self {
        Self::of(paths, Some(time), unit, prefilter)
    }

    /// [`Projection::new`] of rows that have no time of their own: theirs is 0.
    ///
    /// # Panics
    /// See there.
    pub fn untimed(paths: &[FieldPath], prefilter: Option<Prefilter>) -> Self {
        Self::of(paths, None, TimeUnit::Seconds, prefilter)
    }

    fn of(paths: &[FieldPath], time: Option<&FieldPath>, unit: TimeUnit, prefilter: Option<Prefilter>) -> Self {
        let steps: usize = paths.iter().chain(time).map(|p| p.steps().len()).sum();
        assert!(steps < 65_000, "a projection has at most 65,000 steps");
        assert!(prefilter.as_ref().is_none_or(|p| p.slot < paths.len()), "a prefilter looks at one of the paths");
        let mut nodes = vec![Node::default()];
        for (slot, path) in paths.iter().chain(time).enumerate() {
            let mut at = 0;
            for step in path.steps() {
                let known = nodes[at].children.iter().find(|(key, _)| **key == *step.as_bytes()).map(|(_, n)| *n);
                let next = known.unwrap_or(nodes.len() as u16);
                if known.is_none() {
                    nodes[at].children.push((step.as_bytes().into(), next));
                    nodes.push(Node::default());
                }
                at = next as usize;
                nodes[at].below.push(slot as u16);
            }
            nodes[at].slots.push(slot as u16);
        }
        Self {
            nodes,
            slots: paths.len(),
            untimed: time.is_none(),
            unit,
            scale: number::scale(unit),
            format: None,
            prefilter,
        }
    }

    /// With times that are texts in this format, where there is one.
    #[must_use]
    pub fn with_format(self, format: Option<TimeFormat>) -> Self {
        match format {
            Some(_) => Self { unit: TimeUnit::Rfc3339, scale: None, format, ..self },
            None => self,
        }
    }

    /// The child of `node` with this key, where one is wanted.
    #[inline]
    pub(super) fn child(&self, node: u16, key: &[u8]) -> Option<u16> {
        self.nodes[node as usize].children.iter().find(|(name, _)| **name == *key).map(|(_, n)| *n)
    }

    /// True where the prefilter lets a row with this text pass.
    #[inline]
    pub(super) fn allows(&self, text: &[u8]) -> bool {
        self.prefilter.as_ref().is_none_or(|p| p.allowed.iter().any(|a| a.as_bytes() == text))
    }
}
