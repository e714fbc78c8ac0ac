//! SQL over the labels of an alert, turned into yes or no.
//!
//! Labels are text; one that an alert does not have is NULL. A dotted name is one label. What is not TRUE is no.

use crate::error::Problem;
use crate::event::{Cell, Column};
use crate::expr::{self, ExprError, Program, Rows, Scratch, Type};
use std::collections::BTreeMap;

/// A condition over labels.
#[derive(Debug, Clone)]
pub struct Condition {
    program: Program,
    labels: Vec<String>,
}

impl Condition {
    /// Reads a condition.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn parse(text: &str) -> Result<Self, Vec<ExprError>> {
        let tree = expr::parse(text)?;
        if !matches!(tree.ty(), Type::Any | Type::Bool) {
            return Err(vec![ExprError {
                code: "notify.condition",
                message: format!("the condition is {}, not true or false", tree.ty().word()),
                column: None,
                help: Some("write a comparison, such as service = 'api'".to_owned()),
            }]);
        }
        let mut labels: Vec<String> = Vec::new();
        let program = expr::compile(&tree, &mut |path| {
            let name = path.to_string();
            labels.iter().position(|label| *label == name).unwrap_or_else(|| {
                labels.push(name);
                labels.len() - 1
            })
        });
        Ok(Self { program, labels })
    }

    /// Whether it holds for these labels.
    pub fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        let mut arena = Vec::new();
        let cell = |name: &String, arena: &mut Vec<u8>| {
            let Some(text) = labels.get(name) else { return Cell::NULL };
            let at = arena.len();
            arena.extend_from_slice(text.as_bytes());
            match (u32::try_from(at), u32::try_from(text.len())) {
                (Ok(at), Ok(length)) => Cell::str(at, length),
                _ => Cell::NULL,
            }
        };
        let columns: Vec<Column> = self.labels.iter().map(|name| vec![cell(name, &mut arena)]).collect();
        let mut kept = vec![0];
        let rows = Rows { columns: &columns, time: &[0] };
        self.program.filter(&rows, &mut arena, &mut kept, &mut Scratch::default());
        !kept.is_empty()
    }
}

/// What is wrong with an expression, at the place of its text.
pub(super) fn problem(place: &crate::config::Located<String>, e: ExprError) -> Problem {
    let at = e.column.map_or(String::new(), |column| format!(" (at character {column})"));
    Problem { column: e.column, ..place.problem(e.code, format!("{}{at}", e.message), e.help) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_text_and_missing_ones_are_null() {
        let labels = [("service", "api"), ("severity", "critical"), ("tags.env", "prod"), ("n", "7")];
        let labels = labels.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        for (text, holds) in [
            ("service = 'api'", true),
            ("service = 'api' AND severity IN ('critical', 'page')", true),
            ("service LIKE 'w%'", false),
            ("tags.env = 'prod'", true),
            ("team = 'shop'", false),
            ("team IS NULL", true),
            ("NOT team = 'shop'", false),
            ("CAST(n AS bigint) > 5", true),
            ("true", true),
        ] {
            assert_eq!(Condition::parse(text).unwrap().matches(&labels), holds, "{text}");
        }
    }

    #[test]
    fn what_gives_no_truth_is_refused() {
        let wrong = Condition::parse("lower(service)").unwrap_err();
        assert_eq!(
            (wrong[0].code, &*wrong[0].message),
            ("notify.condition", "the condition is text, not true or false")
        );
        assert!(Condition::parse("service =").is_err());
    }
}
