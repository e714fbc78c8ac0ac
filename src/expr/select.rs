//! A selected value of a window, turned into aggregate calls and an expression over their results.

use super::ExprError;
use super::build::Builder;
use super::tree::{Node, Tree, Type};
use super::user::Functions;
use sqlparser::ast::{
    DuplicateTreatment, Expr, Function as Call, FunctionArg, FunctionArgExpr, FunctionArgumentClause,
    FunctionArgumentList,
};

/// Names of aggregates, for messages where there is no list at hand.
pub(super) const COMMON: &[&str] = &[
    "count",
    "sum",
    "avg",
    "min",
    "max",
    "percentile",
    "percentile_cont",
    "percentile_disc",
    "median",
    "first",
    "last",
    "arg_min",
    "arg_max",
    "stddev",
    "stddev_pop",
    "stddev_samp",
    "variance",
    "var_pop",
    "var_samp",
    "rate",
    "top_k",
    "histogram",
    "collect",
    "distinct_count",
    "count_distinct",
    "bool_and",
    "bool_or",
    "string_agg",
    "array_agg",
];

/// A selected value: aggregates, and what is made of their results.
#[derive(Debug, Clone, PartialEq)]
pub struct Select {
    /// The calls, each once, in the order of their first use.
    pub aggregates: Vec<AggregateCall>,
    /// The value; its leaves are results of aggregates.
    pub post: Tree,
}

/// One call of an aggregate over the events of a group.
#[derive(Debug, Clone)]
pub struct AggregateCall {
    /// Its name, lower case.
    pub function: String,
    /// Whether `DISTINCT` was written.
    pub distinct: bool,
    /// Whether the argument is `*`.
    pub star: bool,
    /// The arguments; none for `*`.
    pub args: Vec<Tree>,
    /// The condition of `FILTER (WHERE ...)`.
    pub filter: Option<Tree>,
    /// Where it stands in the text: the character, from 1.
    pub column: Option<usize>,
}

impl PartialEq for AggregateCall {
    /// The same computation, wherever it stands.
    fn eq(&self, other: &Self) -> bool {
        (&self.function, self.distinct, self.star, &self.args, &self.filter)
            == (&other.function, other.distinct, other.star, &other.args, &other.filter)
    }
}

/// What a builder knows while it reads a select.
pub(super) struct SelectState<'a> {
    pub(super) is_aggregate: &'a dyn Fn(&str) -> bool,
    pub(super) calls: Vec<AggregateCall>,
    /// Inside of an aggregate's arguments, where paths are welcome and aggregates are not.
    pub(super) inside: bool,
}

/// Parses and checks the value of a `select`. `is_aggregate` tells which functions (lower case) are aggregates.
///
/// # Errors
/// Everything that is wrong with it; a field outside of an aggregate is.
pub fn parse_select(text: &str, is_aggregate: &dyn Fn(&str) -> bool) -> Result<Select, Vec<ExprError>> {
    parse_select_with(text, is_aggregate, Functions::NONE)
}

/// [`parse_select`], where a program has added functions.
///
/// # Errors
/// As [`parse_select`].
pub fn parse_select_with(
    text: &str,
    is_aggregate: &dyn Fn(&str) -> bool,
    functions: &Functions,
) -> Result<Select, Vec<ExprError>> {
    let mut builder = Builder::new(text, functions);
    builder.select = Some(SelectState { is_aggregate, calls: Vec::new(), inside: false });
    match builder.build() {
        Some(post) => Ok(Select { aggregates: builder.select.map(|s| s.calls).unwrap_or_default(), post }),
        None => Err(builder.errors),
    }
}

impl Builder<'_> {
    /// Takes an aggregate call out of the expression and leaves its result's leaf.
    pub(super) fn aggregate(
        &mut self,
        name: &str,
        call: &Call,
        list: &FunctionArgumentList,
        depth: usize,
        at: Option<usize>,
    ) -> Option<Node> {
        match &self.select {
            None => {
                return self.wrong(
                    "expr.aggregate",
                    at,
                    format!("{name} is an aggregate: it needs the events of a window, and here is one event"),
                    "write it in the select of a window: [windows.name.select]",
                );
            }
            Some(state) if state.inside => {
                return self.wrong(
                    "expr.aggregate",
                    at,
                    format!("the aggregate {name} is inside of another aggregate"),
                    "compute the inner one in a window of its own, and build on that window",
                );
            }
            Some(_) => {}
        }
        let clause = list.clauses.first();
        if !call.within_group.is_empty() || matches!(clause, Some(FunctionArgumentClause::OrderBy(_))) {
            return self.wrong(
                "expr.aggregate",
                at,
                format!("{name} takes no ORDER BY"),
                "write percentile(x, 0.95) for a percentile; first and last follow event time",
            );
        }
        if clause.is_some() || call.null_treatment.is_some() {
            return self.wrong(
                "expr.aggregate",
                at,
                format!("{name} takes arguments, DISTINCT and FILTER only"),
                "write FILTER (WHERE x IS NOT NULL) to skip NULLs",
            );
        }
        self.inside(true);
        let args = self.aggregate_args(name, list, depth, at);
        let filter = match &call.filter {
            Some(filter) => self.filter(filter, depth).map(Some),
            None => Some(None),
        };
        self.inside(false);
        let ((star, args), filter) = (args?, filter?);
        let distinct = list.duplicate_treatment == Some(DuplicateTreatment::Distinct);
        let call = AggregateCall { function: name.to_owned(), distinct, star, args, filter, column: at };
        let calls = &mut self.select.as_mut()?.calls;
        let index = calls.iter().position(|c| *c == call).unwrap_or_else(|| {
            calls.push(call);
            calls.len() - 1
        });
        Some(Node::Aggregate(index))
    }

    fn inside(&mut self, inside: bool) {
        if let Some(state) = &mut self.select {
            state.inside = inside;
        }
    }

    fn filter(&mut self, filter: &Expr, depth: usize) -> Option<Tree> {
        let at = self.place(filter);
        let node = self.node(filter, depth + 1)?;
        self.expect(&node, Type::Bool, at, "FILTER")?;
        Some(Tree(node))
    }

    fn aggregate_args(
        &mut self,
        name: &str,
        list: &FunctionArgumentList,
        depth: usize,
        at: Option<usize>,
    ) -> Option<(bool, Vec<Tree>)> {
        let (mut star, mut args) = (false, Vec::new());
        for arg in &list.args {
            match arg {
                FunctionArg::Unnamed(FunctionArgExpr::Wildcard) if list.args.len() == 1 => star = true,
                FunctionArg::Unnamed(FunctionArgExpr::Expr(arg)) => args.push(self.node(arg, depth + 1).map(Tree)),
                other => {
                    return self.wrong(
                        "expr.aggregate",
                        at,
                        format!("{name} does not take '{other}'"),
                        "write values with commas between them",
                    );
                }
            }
        }
        Some((star, args.into_iter().collect::<Option<_>>()?))
    }

    /// Refuses what has no value for a whole window.
    pub(super) fn row_only(&mut self, what: &str, at: Option<usize>) -> Option<()> {
        if self.select.as_ref().is_some_and(|s| !s.inside) {
            return self.wrong(
                "expr.path",
                at,
                format!("{what} has a value for each event, not one for the window"),
                format!("wrap it in an aggregate, such as max({what})"),
            );
        }
        Some(())
    }
}
