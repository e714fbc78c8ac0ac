//! What a program adds to the language of expressions: who is asked for a name, and how plans that use it are told apart.

use crate::aggregate::{UserAggregates, is_aggregate};
use crate::expr::{ExprError, Functions, Select, parse_select_with};
use sha2::{Digest, Sha256};

/// What a program adds to the language of expressions.
#[derive(Debug, Clone, Default)]
pub struct Extensions {
    /// Functions.
    pub functions: Functions,
    /// Aggregates.
    pub aggregates: UserAggregates,
    /// The version of the program's functions: another one may give other values.
    pub version: u32,
}

impl Extensions {
    /// A value of a `select`.
    pub(super) fn select(&self, text: &str) -> Result<Select, Vec<ExprError>> {
        parse_select_with(text, &|name| is_aggregate(name) || self.aggregates.find(name).is_some(), &self.functions)
    }

    /// A fingerprint that holds the names and versions of what was added; the same where that is nothing.
    pub(super) fn mark(&self, fingerprint: [u8; 32]) -> [u8; 32] {
        let functions = self.functions.iter().map(|f| ("function", f.name.as_str(), self.version, f.arguments));
        let aggregates = self.aggregates.iter().map(|a| ("aggregate", &*a.name, a.version, 1));
        let mut all: Vec<_> = functions.chain(aggregates).collect();
        if all.is_empty() {
            return fingerprint;
        }
        all.sort_unstable();
        let mut hash = Sha256::new_with_prefix(fingerprint);
        for (what, name, version, arguments) in all {
            hash.update(format!("{what}:{}:{name}:{version}:{arguments}\n", name.len()));
        }
        hash.finalize().into()
    }
}
