//! A dotted name, turned into the steps into an event.

use std::fmt;

/// A path into an event: `data.page` is `["data", "page"]`. Never empty.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FieldPath(Vec<String>);

impl FieldPath {
    /// A path of the given steps; at least one.
    pub fn new(steps: Vec<String>) -> Self {
        assert!(!steps.is_empty(), "a field path has at least one step");
        Self(steps)
    }

    /// Splits a dotted name: `data.page`.
    pub fn dotted(name: &str) -> Self {
        Self(name.split('.').map(str::to_owned).collect())
    }

    /// The steps, outermost first.
    pub fn steps(&self) -> &[String] {
        &self.0
    }
}

impl fmt::Display for FieldPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("."))
    }
}
