//! SQL over the rows of a part: names are its columns, and one that it has not is a problem.

use super::Extensions;
use super::select::problem;
use crate::config::Located;
use crate::error::{Problem, suggest};
use crate::event::FieldPath;
use crate::expr::{self, Program, Tree};
use crate::result::RowSchema;

/// The columns that expressions over rows can read, each with its slot; see [`crate::result::Columns`].
#[derive(Debug, Clone, Default)]
pub struct RowNames {
    names: Vec<(String, usize)>,
}

impl RowNames {
    /// The columns of the rows of `schema`.
    pub fn of(schema: &RowSchema) -> Self {
        Self { names: schema.columns().enumerate().map(|(slot, name)| (name.to_owned(), slot)).collect() }
    }

    /// Adds a column; it hides an earlier one of the same name.
    pub fn add(&mut self, name: &str, slot: usize) {
        self.names.push((name.to_owned(), slot));
    }

    /// The slot of a column.
    pub fn slot(&self, name: &str) -> Option<usize> {
        self.names.iter().rev().find(|(one, _)| one == name).map(|(_, slot)| *slot)
    }

    /// The names, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(|(name, _)| name.as_str())
    }

    /// Reads an expression; `None` where it is wrong or reads what is not there, and `problems` says so.
    pub fn parse(&self, text: &Located<String>, of: &Extensions, problems: &mut Vec<Problem>) -> Option<Tree> {
        let tree = match expr::parse_with(&text.value, &of.functions) {
            Ok(tree) => tree,
            Err(list) => {
                problems.extend(list.into_iter().map(|e| problem(text, e)));
                return None;
            }
        };
        let before = problems.len();
        problems.extend(tree.paths().iter().filter_map(|path| self.missing(path, text)));
        (problems.len() == before).then_some(tree)
    }

    /// The problem of a column that is not there.
    pub fn missing(&self, path: &FieldPath, text: &Located<String>) -> Option<Problem> {
        let name = path.to_string();
        if self.slot(&name).is_some() {
            return None;
        }
        let help = suggest(&name, self.names(), "the rows have");
        Some(text.problem("row.column", format!("the rows have no column '{name}'"), Some(help)))
    }

    /// Compiles what [`RowNames::parse`] has read.
    pub fn compile(&self, tree: &Tree) -> Program {
        expr::compile(tree, &mut |path| self.slot(&path.to_string()).expect("parse has found all of its columns"))
    }
}
