//! The expressions of a pattern: over the event under test, and over the events that its match has so far.
//!
//! ```text
//! price > avg(a.price) AND region = 'eu'   --parse_match_with-->   tree:  price > #0 AND region = 'eu'
//!                                                                  calls: #0 = avg over the events of a, of price
//! ```
//!
//! A path whose first part is the name of a step is a step's, all others are the event's own. What a step's path stands
//! alone for is its last event: `a.price` is `last(a.price)`.
//!
//! Invariants: (1) a call stands once among the calls, however often it is written; (2) an `Aggregate` leaf of the tree
//! is the call of that index, a `Path` a field of the event itself, of the last one of a match in a `select`; (3) the
//! argument of a call reads fields of one event, as that event has them.

use super::ExprError;
use super::build::{Builder, steps};
use super::never::{never_true, reads_calls};
use super::select::COMMON;
use super::step::StepFunction;
use super::tree::{Literal, Node, Tree, Type};
use super::user::Functions;
use crate::event::FieldPath;
use sqlparser::ast::{Expr, Function as Call, FunctionArg, FunctionArgExpr, FunctionArgumentList};

/// How far `prev` looks back, at most.
const MOST_BACK: u32 = 1_000;
/// The greatest number behind the field of `first` and `last`.
const MOST_OFFSET: u32 = 1_000_000;

/// Where an expression of a pattern stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MatchPlace<'a> {
    /// The condition of a step, where it is one's.
    Condition {
        /// The step.
        of: Option<&'a str>,
    },
    /// A value of a finished match.
    Measure,
}

/// One call over the events of a match.
#[derive(Debug, Clone)]
pub struct StepCall {
    /// The function.
    pub call: StepFunction,
    /// Whose events it is over; `None`: all of the match, or (of `prev`) of the key.
    pub step: Option<usize>,
    /// What it is of, over the fields of one event.
    pub arg: Option<Tree>,
    /// How many events from the first, the last, or this one.
    pub offset: u32,
    /// Where it stands in the text: the character, from 1.
    pub column: Option<usize>,
}

impl PartialEq for StepCall {
    /// The same computation, wherever it stands.
    fn eq(&self, other: &Self) -> bool {
        (self.call, self.step, &self.arg, self.offset) == (other.call, other.step, &other.arg, other.offset)
    }
}

/// An expression of a pattern.
#[derive(Debug, Clone, PartialEq)]
pub struct MatchExpr {
    /// The value; its leaves are fields of the event and results of calls.
    pub tree: Tree,
    /// The calls, each once, in the order of their first use.
    pub calls: Vec<StepCall>,
}

impl MatchExpr {
    /// True where it reads nothing but the event under test.
    pub fn is_plain(&self) -> bool {
        self.calls.is_empty()
    }

    /// One that reads nothing but the event under test.
    pub fn plain(tree: Tree) -> Self {
        Self { tree, calls: Vec::new() }
    }

    /// The condition that holds where `tree` and this one do.
    pub fn with(self, tree: Tree) -> Self {
        let mut list = Vec::new();
        for node in [tree.0, self.tree.0] {
            match node {
                Node::And(more) => list.extend(more),
                other => list.push(other),
            }
        }
        Self { tree: Tree(Node::And(list)), calls: self.calls }
    }

    /// What it demands of the event alone, and the rest; it holds where both do.
    pub fn split(self) -> (Option<Tree>, Option<MatchExpr>) {
        if self.is_plain() {
            return (Some(self.tree), None);
        }
        let Node::And(list) = self.tree.0 else { return (None, Some(self)) };
        let (plain, rest): (Vec<Node>, Vec<Node>) = list.into_iter().partition(|n| !reads_calls(n));
        let all = |mut list: Vec<Node>| match list.len() {
            0 | 1 => list.pop().map(Tree),
            _ => Some(Tree(Node::And(list))),
        };
        // every call is in the rest, at its index
        (all(plain), all(rest).map(|tree| MatchExpr { tree, calls: self.calls }))
    }

    /// True where it cannot be TRUE as long as the match has no event of the steps for which `empty` holds.
    pub fn never_holds(&self, empty: &dyn Fn(usize) -> bool) -> bool {
        let null = |i: usize| {
            let call = &self.calls[i];
            call.call != StepFunction::Count && call.step.is_some_and(empty)
        };
        never_true(&self.tree.0, &null)
    }
}

/// Parses and checks an expression of a pattern with the steps `steps`; `row`: of `mode = "row"`.
///
/// # Errors
/// Everything that is wrong with it.
pub fn parse_match_with(
    text: &str,
    steps: &[String],
    functions: &Functions,
    place: MatchPlace<'_>,
    row: bool,
) -> Result<MatchExpr, Vec<ExprError>> {
    let mut builder = Builder::new(text, functions);
    builder.matching = Some(Matching { steps, place, row, calls: Vec::new(), inside: None });
    let Some(tree) = builder.build() else { return Err(builder.errors) };
    if matches!(place, MatchPlace::Condition { .. })
        && builder.expect(&tree.0, Type::Bool, None, "a condition").is_none()
    {
        return Err(builder.errors);
    }
    Ok(MatchExpr { tree, calls: builder.matching.map(|m| m.calls).unwrap_or_default() })
}

/// What a builder knows while it reads an expression of a pattern.
pub(super) struct Matching<'a> {
    steps: &'a [String],
    place: MatchPlace<'a>,
    row: bool,
    calls: Vec<StepCall>,
    /// The call whose argument is read, and the step that this has named.
    inside: Option<(StepFunction, Option<usize>)>,
}

impl Matching<'_> {
    /// Whether a function is of the events of a match, or would be.
    pub(super) fn takes(&self, name: &str) -> bool {
        StepFunction::find(name).is_some() || (COMMON.contains(&name) && super::function::find(name).is_none())
    }

    fn step(&self, path: &FieldPath) -> Option<usize> {
        self.steps.iter().position(|s| *s == path.steps()[0])
    }

    /// A step for an example: the one under test, or the first.
    fn example(&self) -> &str {
        match self.place {
            MatchPlace::Condition { of: Some(step) } => step,
            _ => self.steps.first().map_or("a", String::as_str),
        }
    }

    fn event(&self) -> &'static str {
        match self.place {
            MatchPlace::Condition { .. } => "the event under test",
            MatchPlace::Measure => "the match's last event",
        }
    }
}

impl Builder<'_> {
    /// A path, in an expression of a pattern.
    pub(super) fn match_field(&mut self, path: FieldPath, at: Option<usize>) -> Option<Node> {
        let state = self.matching.as_ref()?;
        let step = state.step(&path);
        match (state.inside, step) {
            (None, None) => Some(Node::Path(path)),
            (None, Some(step)) => {
                let arg = Some(Tree(Node::Path(self.own(&path, at)?)));
                self.leaf(StepCall { call: StepFunction::Last, step: Some(step), arg, offset: 0, column: at })
            }
            (Some((StepFunction::Prev, _)), None) => Some(Node::Path(path)),
            (Some((StepFunction::Prev, _)), Some(_)) => {
                if state.place == (MatchPlace::Condition { of: Some(&path.steps()[0]) }) {
                    return Some(Node::Path(self.own(&path, at)?));
                }
                self.wrong(
                    "expr.step",
                    at,
                    format!("prev takes fields of {}, and '{path}' is a step's", state.event()),
                    format!("write prev(field), or last({path}) for the last event of {}", path.steps()[0]),
                )
            }
            (Some((call, _)), None) => {
                let name = call.name();
                let head = &path.steps()[0];
                let near = (path.steps().len() > 1)
                    .then(|| crate::error::nearest(head, state.steps.iter().map(String::as_str)))
                    .flatten();
                let (message, help) = match near {
                    Some(near) => {
                        let meant = FieldPath::new(
                            std::iter::once(near.to_owned()).chain(path.steps()[1..].iter().cloned()).collect(),
                        );
                        (format!("'{head}' is not a step of the pattern"), format!("did you mean {name}({meant})?"))
                    }
                    None => (
                        format!("'{path}' is a field of {}, and {name} takes the events of a step", state.event()),
                        format!("name the step: {name}({}.{path})", state.example()),
                    ),
                };
                self.wrong("expr.step", at, message, help)
            }
            (Some((call, Some(other))), Some(step)) if other != step => {
                let (name, steps) = (call.name(), state.steps);
                self.wrong(
                    "expr.step",
                    at,
                    format!("{name} takes the events of one step, and here are {} and {}", steps[other], steps[step]),
                    "write a call for each, and put together what they give",
                )
            }
            (Some((call, _)), Some(step)) => {
                if let Some(state) = &mut self.matching {
                    state.inside = Some((call, Some(step)));
                }
                Some(Node::Path(self.own(&path, at)?))
            }
        }
    }

    /// A step's path without the step.
    fn own(&mut self, path: &FieldPath, at: Option<usize>) -> Option<FieldPath> {
        match path.steps() {
            [step] => {
                let message = format!("'{step}' is a step, and has no value of its own");
                self.wrong("expr.step", at, message, format!("name a field, such as {step}.id, or write count({step})"))
            }
            [_, rest @ ..] => Some(FieldPath::new(rest.to_vec())),
            [] => None,
        }
    }

    /// The leaf of a call.
    fn leaf(&mut self, call: StepCall) -> Option<Node> {
        let calls = &mut self.matching.as_mut()?.calls;
        let index = calls.iter().position(|c| *c == call).unwrap_or_else(|| {
            calls.push(call);
            calls.len() - 1
        });
        Some(Node::Aggregate(index))
    }

    /// Takes a call over the events of a match out of the expression and leaves its result's leaf.
    pub(super) fn step_call(
        &mut self,
        name: &str,
        call: &Call,
        list: &FunctionArgumentList,
        depth: usize,
        at: Option<usize>,
    ) -> Option<Node> {
        let state = self.matching.as_ref()?;
        let Some(function) = StepFunction::find(name) else {
            return self.wrong(
                "expr.aggregate",
                at,
                format!("{name} is not known over the events of a match"),
                "there are count, sum, avg, min, max, first, last and collect",
            );
        };
        if let Some((outer, _)) = state.inside {
            return self.wrong(
                "expr.aggregate",
                at,
                format!("{name} is inside of {}", outer.name()),
                "a call takes fields of events; put together outside of them what calls give",
            );
        }
        if function == StepFunction::Prev && !state.row {
            return self.wrong(
                "expr.step",
                at,
                "prev is known in mode = \"row\" only",
                format!("write last({}.field) for the last event of a step", state.example()),
            );
        }
        if function == StepFunction::MatchEnd && state.place != MatchPlace::Measure {
            return self.wrong(
                "expr.step",
                at,
                "match_end() is known in select only: here the match is not at its end",
                "write event_time() for the time of the event under test",
            );
        }
        if call.filter.is_some()
            || list.duplicate_treatment.is_some()
            || !call.within_group.is_empty()
            || !list.clauses.is_empty()
            || call.null_treatment.is_some()
        {
            return self.wrong(
                "expr.aggregate",
                at,
                format!("{name} takes arguments only, no DISTINCT, FILTER or ORDER BY"),
                "use CASE WHEN condition THEN a.field END inside of it to leave events out",
            );
        }
        let args = self.step_args(function, list, at)?;
        if matches!(function, StepFunction::MatchStart | StepFunction::MatchEnd) {
            let leaf = self.leaf(StepCall { call: function, step: None, arg: None, offset: 0, column: at })?;
            // so that what it is compared with is read as a time
            return Some(Node::Cast(leaf.into(), Type::Time));
        }
        let Some(arg) = args.first() else {
            return self.leaf(StepCall { call: function, step: None, arg: None, offset: 0, column: at });
        };
        let offset = match args.get(1) {
            Some(n) => self.offset(function, n, depth, at)?,
            None => u32::from(function == StepFunction::Prev),
        };
        let state = self.matching.as_ref()?;
        if let (StepFunction::Count, Some([step])) = (function, steps(arg).as_deref())
            && let Some(step) = state.steps.iter().position(|s| s == step)
        {
            return self.leaf(StepCall { call: function, step: Some(step), arg: None, offset, column: at });
        }
        self.inside_step(Some((function, None)));
        let node = self.node(arg, depth + 1);
        let step = self.matching.as_ref()?.inside.and_then(|(_, step)| step);
        self.inside_step(None);
        let node = node?;
        if matches!(function, StepFunction::Sum | StepFunction::Avg) {
            self.expect(&node, Type::Number, at, name)?;
        }
        if step.is_none() && function != StepFunction::Prev {
            let example = self.matching.as_ref()?.example().to_owned();
            return self.wrong(
                "expr.step",
                at,
                format!("{name} takes the events of a step, and names none"),
                format!("write {name}({example}.field), or count({example}) for how many there are"),
            );
        }
        self.leaf(StepCall { call: function, step, arg: Some(Tree(node)), offset, column: at })
    }

    fn inside_step(&mut self, inside: Option<(StepFunction, Option<usize>)>) {
        if let Some(state) = &mut self.matching {
            state.inside = inside;
        }
    }

    /// The arguments, in the number that a function takes; none for the `*` of `count`.
    fn step_args<'e>(
        &mut self,
        function: StepFunction,
        list: &'e FunctionArgumentList,
        at: Option<usize>,
    ) -> Option<Vec<&'e Expr>> {
        let wanted = match function {
            StepFunction::MatchStart | StepFunction::MatchEnd => 0..=0,
            StepFunction::First | StepFunction::Last | StepFunction::Prev => 1..=2,
            _ => 1..=1,
        };
        if let ([FunctionArg::Unnamed(FunctionArgExpr::Wildcard)], StepFunction::Count) = (&*list.args, function) {
            return Some(Vec::new());
        }
        let args: Option<Vec<&Expr>> = list
            .args
            .iter()
            .map(|arg| match arg {
                FunctionArg::Unnamed(FunctionArgExpr::Expr(arg)) => Some(arg),
                _ => None,
            })
            .collect();
        match args {
            Some(args) if wanted.contains(&args.len()) => Some(args),
            _ => {
                let given: Vec<String> = list.args.iter().map(ToString::to_string).collect();
                let message = format!("{} does not take ({})", function.name(), given.join(", "));
                self.wrong("expr.function", at, message, format!("write {}", function.written()))
            }
        }
    }

    /// The number behind the argument of `first`, `last` and `prev`.
    fn offset(&mut self, function: StepFunction, expr: &Expr, depth: usize, at: Option<usize>) -> Option<u32> {
        let at = self.place(expr).or(at);
        let most = if function == StepFunction::Prev { MOST_BACK } else { MOST_OFFSET };
        match self.node(expr, depth + 1)? {
            Node::Const(Literal::Int(n)) if (0..=i64::from(most)).contains(&n) => Some(n as u32),
            _ => {
                let message = format!("how far {} goes is a whole number from 0 to {most}", function.name());
                self.wrong("expr.function", at, message, format!("write {}", function.written()))
            }
        }
    }
}
