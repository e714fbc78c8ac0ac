//! SQL scalar text, turned into code over columns.
//!
//! ```text
//! text --parse--> Tree (checked, names unresolved) --compile--> Program --eval/filter--> columns of cells, selections
//! text --parse_select--> Select (aggregate calls + a tree over their results) --compile_post--> Program
//! text --parse_match_with--> MatchExpr (calls over the events of a match + a tree) --compile_match--> Program
//! text --parse_series_with--> SeriesExpr (calls over earlier rows of a group + a tree) --compile_match--> Program
//! ```
//!
//! The language is PostgreSQL's, for scalar expressions over one row. A dotted name is a path into the event, spelled
//! as it is there (case matters; `"odd name"` in double quotes); a missing field is NULL. Values have classes, as JSON
//! has: boolean, number, time, text, JSON.
//!
//! | case | rule |
//! |---|---|
//! | NULL | three-valued logic, as in SQL |
//! | values of different classes compared | NULL, counted; an error at `parse` where both are known |
//! | integer with float | compared exactly, by value; `-0.0 = 0` |
//! | text | compared by bytes, which is the order of its characters' code points |
//! | literal with `.` or `e`, or beyond 64 bits | a float; all other numbers are 64-bit integers |
//! | integer overflow, division by zero | NULL, counted: a stream does not stop at one bad row |
//! | integer / integer | an integer, cut towards zero; write `1.0 * a / b` for a float |
//! | a float that would be NaN or infinite | NULL, counted |
//! | a cast that fails | NULL, counted (the table of casts is in `cast.rs`) |
//! | an argument of the wrong class, such as `lower(5)` | NULL, counted; an error at `parse` where it is known |
//! | a value that is not boolean in AND, OR, NOT, CASE WHEN | taken as NULL, counted |
//! | time + or - number; time - time | the number is seconds; the length is seconds, a float |
//! | `INTERVAL '5 minutes'` | the float 300.0 |
//! | text functions | count characters, not bytes |
//! | transcendental functions | the `libm` crate, compiled in: the same bits on every machine |
//! | zones | the zone database is compiled in; a zone and a pattern are literals, and wrong ones are errors at `parse` |
//! | a text that a count or a replacement makes longer | at most 65536 bytes (or as long as it was), else NULL, counted |
//! | AND, OR, CASE, COALESCE, IN | a later part is computed only for the rows it can still decide |
//!
//! *Counted* means [`Scratch::failures`] goes up by one for the row.
//!
//! Cost: a program walks its tree once a batch and loops over the selected rows at each node; nothing is allocated once
//! the pools of [`Scratch`] are warm. Tests of a column against constants need no column of their own.

mod build;
mod calendar;
mod cast;
mod check;
mod codes;
mod compare;
mod compile;
mod eval;
mod function;
mod heap;
mod json;
mod like;
mod literal;
mod matched;
mod maths;
mod never;
mod number;
mod parse;
mod pattern;
mod select;
mod series;
mod show;
mod step;
mod text;
mod tree;
mod user;
mod words;
mod zones;

#[cfg(test)]
mod agree;
#[cfg(test)]
mod catalogue;
#[cfg(test)]
mod library;
#[cfg(test)]
mod matching;
#[cfg(test)]
mod oracle;
#[cfg(test)]
mod tests;

pub use compile::{compile, compile_match, compile_post};
pub use eval::{Program, Rows, Scratch};
pub use function::{Function, Operator, functions, operators};
pub use matched::{MatchExpr, MatchPlace, StepCall, parse_match_with};
pub use select::{AggregateCall, Select, parse_select, parse_select_with};
pub use series::{
    MOST_WINDOWS, SeriesCall, SeriesExpr, SeriesFunction, SeriesFunctionDoc, parse_series_with, series_functions,
};
pub use step::{StepFunction, StepFunctionDoc, step_functions};
pub use tree::{MAX_DEPTH, Tree, Type};
pub use user::{Answer, Functions, UserFunction};

/// One thing that is wrong with an expression.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, serde::Serialize, serde::Deserialize)]
#[error("{message}")]
pub struct ExprError {
    /// A stable, dotted code such as `expr.function`; of one that another process has told, empty.
    #[serde(skip)]
    pub code: &'static str,
    /// What is wrong, one sentence without a full stop.
    pub message: String,
    /// Where in the text: the character, from 1.
    pub column: Option<usize>,
    /// What to write instead.
    pub help: Option<String>,
}

impl ExprError {
    pub(crate) fn new(code: &'static str, message: impl Into<String>, column: Option<usize>) -> Self {
        Self { code, message: message.into(), column, help: None }
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

/// Parses and checks a scalar expression over the fields of a row.
///
/// # Errors
/// Everything that is wrong with it; aggregates are, as they need the rows of a window.
pub fn parse(text: &str) -> Result<Tree, Vec<ExprError>> {
    parse_with(text, Functions::NONE)
}

/// The expression that is a field.
pub fn field(path: &crate::event::FieldPath) -> Tree {
    Tree(tree::Node::Path(path.clone()))
}

/// The condition that a field is a text.
pub fn is_text(path: &crate::event::FieldPath, text: &str) -> Tree {
    let field = tree::Node::Path(path.clone());
    Tree(tree::Node::Compare(tree::Comparison::Eq, field.into(), tree::Node::str(text).into()))
}

/// The expression that is TRUE where one of these is; FALSE of none.
pub fn any_of(list: &[Tree]) -> Tree {
    match list {
        [] => Tree(tree::Node::Const(tree::Literal::Bool(false))),
        [one] => one.clone(),
        list => Tree(tree::Node::Or(list.iter().map(|t| t.0.clone()).collect())),
    }
}

/// [`parse`], where a program has added functions.
///
/// # Errors
/// As [`parse`].
pub fn parse_with(text: &str, functions: &Functions) -> Result<Tree, Vec<ExprError>> {
    build::Builder::new(text, functions).tree()
}
