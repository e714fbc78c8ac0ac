//! A `select` entry, turned into aggregate calls and an answer.

use super::Extensions;
use crate::aggregate::{Call, Function, UserAggregates, aggregates};
use crate::config::Located;
use crate::error::{Problem, nearest};
use crate::event::{Column, Value, key};
use crate::expr::{self, AggregateCall, ExprError, Program, Rows, Scratch, Tree, Type};
use crate::window::Answer;
use std::cmp::Ordering;
use std::sync::Arc;

/// The most values that `top_k` gives.
const MOST_TOP: u32 = 1000;
/// The most bounds of a histogram.
const MOST_BOUNDS: usize = 256;

/// Where the aggregates of a `select` find what they read.
pub(super) trait Inputs {
    /// What a program has added to the language.
    fn extensions(&self) -> &Extensions;
    /// Takes a problem.
    fn report(&mut self, problem: Problem);
    /// True where all that a tree reads is there; else it has been reported.
    fn has(&mut self, tree: &Tree, text: &Located<String>) -> bool;
    /// The column that holds an expression; `what` it is for, as `explain` says it.
    fn column(&mut self, tree: &Tree, what: &'static str) -> usize;
}

/// The aggregates that a `select` calls, each once, and what is answered of them, entry by entry.
pub(super) struct Selected {
    /// Who selects, and an example of what.
    noun: (&'static str, &'static str),
    /// How long the windows are, where all are equally long.
    length: Option<i64>,
    pub(super) calls: Vec<Call>,
    /// The calls as text.
    pub(super) texts: Vec<String>,
    pub(super) answers: Vec<Answer>,
}

impl Selected {
    pub(super) fn new(noun: (&'static str, &'static str), length: Option<i64>) -> Self {
        Self { noun, length, calls: Vec::new(), texts: Vec::new(), answers: Vec::new() }
    }

    /// The place of a call, which is made where there is none.
    pub(super) fn place(&mut self, call: Call, text: impl FnOnce() -> String) -> usize {
        self.calls.iter().position(|c| *c == call).unwrap_or_else(|| {
            self.calls.push(call);
            self.texts.push(text());
            self.calls.len() - 1
        })
    }

    /// Adds an entry; of one that is wrong nothing is answered.
    pub(super) fn add(&mut self, text: &Located<String>, inputs: &mut dyn Inputs) {
        let select = match inputs.extensions().select(&text.value) {
            Ok(select) => select,
            Err(list) => return list.into_iter().for_each(|e| inputs.report(problem(text, e))),
        };
        if select.aggregates.is_empty() {
            let (noun, example) = self.noun;
            let help = format!("{noun} selects aggregates, such as {example}; a plain value belongs in group_by");
            return inputs.report(text.problem("window.select", "the value has no aggregate", Some(help)));
        }
        let called: Vec<usize> =
            select.aggregates.iter().filter_map(|aggregate| self.call(aggregate, text, inputs)).collect();
        if called.len() < select.aggregates.len() {
            return;
        }
        let program = expr::compile_post(&select.post, &|i| called[i]);
        self.answers.push(match program.as_slot() {
            Some(call) => Answer::Call(call),
            None => Answer::Post { program, calls: called.iter().fold(0, |m, c| m | 1u64.wrapping_shl(*c as u32)) },
        });
    }

    fn call(&mut self, aggregate: &AggregateCall, text: &Located<String>, inputs: &mut dyn Inputs) -> Option<usize> {
        // All that is missing is said, not the first alone.
        let trees = aggregate.args.iter().chain(&aggregate.filter);
        if trees.map(|tree| inputs.has(tree, text)).filter(|has| !has).count() > 0 {
            return None;
        }
        let mut function = match function(aggregate, text, self.length, &inputs.extensions().aggregates) {
            Ok(function) => function,
            Err(problem) => {
                inputs.report(problem);
                return None;
            }
        };
        let input = aggregate.args.first().filter(|_| !aggregate.star).map(|tree| inputs.column(tree, "input"));
        if let Function::ArgMin(by) | Function::ArgMax(by) = &mut function
            && let Some(tree) = aggregate.args.get(1)
        {
            *by = inputs.column(tree, "input");
        }
        let filter = aggregate.filter.as_ref().map(|tree| inputs.column(tree, "filter"));
        Some(self.place(Call { function, input, filter }, || show(aggregate)))
    }
}

/// The columns that a call reads.
pub(super) fn columns_of(call: &Call) -> impl Iterator<Item = usize> {
    let by = match &call.function {
        Function::ArgMin(by) | Function::ArgMax(by) => Some(*by),
        _ => None,
    };
    call.input.into_iter().chain(by).chain(call.filter)
}

/// The aggregate function of a call over windows of `length` microseconds (none where they differ), checked. The input, if any, is the call's
/// first argument; the column of a second one that is not constant is left to the caller ([`Function::ArgMin`]).
pub(super) fn function(
    call: &AggregateCall,
    place: &Located<String>,
    length: Option<i64>,
    users: &UserAggregates,
) -> Result<Function, Problem> {
    let fail = |code, message: String, help: &str| Err(place.problem(code, message, Some(help.to_owned())));
    let name = canonical(&call.function);
    if let Some(aggregate) = users.find(name) {
        return match (call.args.len(), call.star || call.distinct) {
            (1, false) => Ok(Function::User(aggregate.clone())),
            _ => fail(
                "aggregate.arguments",
                format!("{name} is an aggregate of the program, which takes one argument, without DISTINCT"),
                &format!("it is written {name}(x)"),
            ),
        };
    }
    let Some(doc) = aggregates().iter().find(|a| a.name == name) else {
        let help = nearest(name, aggregates().iter().map(|a| a.name)).map(|n| format!("did you mean {n}?"));
        return fail("aggregate.unknown", format!("{name} is not an aggregate function"), &help.unwrap_or_default());
    };
    let wanted = match name {
        "percentile" | "approx_percentile" | "arg_min" | "arg_max" | "top_k" | "approx_top_k" | "string_agg" => 2..=2,
        "histogram" => 2..=MOST_BOUNDS + 1,
        _ => 1..=1,
    };
    let star = call.star && !call.distinct && matches!(name, "count" | "rate");
    if !star && (call.star || !wanted.contains(&call.args.len())) {
        let given = if call.star { "*".to_owned() } else { format!("{} arguments", call.args.len()) };
        return fail(
            "aggregate.arguments",
            format!("{} is called with {given}", call.function),
            &format!("it is written {}", doc.signature),
        );
    }
    let size = match (name, length) {
        ("rate", None) => {
            return fail(
                "aggregate.rate",
                "rate needs windows that are all equally long".to_owned(),
                "select count(*) or sum(x), and divide by the length of the row's window",
            );
        }
        _ => length.unwrap_or(0),
    };
    let function = match (name, call.distinct) {
        ("count", _) if star => return Ok(Function::CountRows),
        ("rate", _) if star => return Ok(Function::RateRows(size)),
        ("count", true) => Function::CountDistinct,
        ("sum", true) => Function::SumDistinct,
        ("avg", true) => Function::AvgDistinct,
        ("collect", true) => Function::CollectDistinct,
        ("string_agg", true) => Function::StringAggDistinct(separator(call, place)?),
        ("count", false) => Function::Count,
        ("sum", false) => Function::Sum,
        ("avg", false) => Function::Avg,
        ("collect", false) => Function::Collect,
        ("string_agg", false) => Function::StringAgg(separator(call, place)?),
        // Of these a value says as much once as often.
        ("min", _) => Function::Min,
        ("max", _) => Function::Max,
        ("bool_and", _) => Function::BoolAnd,
        ("bool_or", _) => Function::BoolOr,
        ("approx_count_distinct", _) => Function::ApproxCountDistinct,
        (_, true) => {
            return fail(
                "aggregate.distinct",
                format!("DISTINCT is not available in {name}"),
                "it is in count, sum, avg, collect and string_agg, and changes nothing in min, max, bool_and and bool_or",
            );
        }
        ("median", _) => Function::Percentile(0.5),
        ("approx_median", _) => Function::ApproxPercentile(0.5),
        ("percentile", _) => Function::Percentile(fraction(call, place)?),
        ("approx_percentile", _) => Function::ApproxPercentile(fraction(call, place)?),
        ("var_pop", _) => Function::VarPop,
        ("var_samp", _) => Function::VarSamp,
        ("stddev_pop", _) => Function::StddevPop,
        ("stddev_samp", _) => Function::StddevSamp,
        ("rate", _) => Function::Rate(size),
        ("first", _) => Function::First,
        ("last", _) => Function::Last,
        ("arg_min", _) => Function::ArgMin(0),
        ("arg_max", _) => Function::ArgMax(0),
        ("mode", _) => Function::Mode,
        ("top_k", _) => Function::TopK(most(call, place)?),
        ("approx_top_k", _) => Function::ApproxTopK(most(call, place)?),
        ("histogram", _) => Function::Histogram(bounds(call, place)?),
        _ => {
            return fail(
                "aggregate.unknown",
                format!("{name} is not available in a window"),
                "it is a part of another",
            );
        }
    };
    let ty = call.args[0].ty();
    if takes_numbers(&function) && ty != Type::Any && !ty.is_number() {
        return fail(
            "aggregate.type",
            format!("{name} takes numbers, and its argument is {}", ty.word()),
            &format!("convert the argument first, such as {name}(cast(x AS double))"),
        );
    }
    if matches!(function, Function::BoolAnd | Function::BoolOr) && !matches!(ty, Type::Any | Type::Bool) {
        return fail(
            "aggregate.type",
            format!("{name} takes true and false, and its argument is {}", ty.word()),
            &format!("write a comparison, such as {name}(x > 0)"),
        );
    }
    Ok(function)
}

fn takes_numbers(function: &Function) -> bool {
    matches!(
        function,
        Function::Sum
            | Function::Avg
            | Function::Percentile(_)
            | Function::ApproxPercentile(_)
            | Function::VarPop
            | Function::VarSamp
            | Function::StddevPop
            | Function::StddevSamp
            | Function::Rate(_)
            | Function::SumDistinct
            | Function::AvgDistinct
            | Function::Histogram(_)
    )
}

fn fraction(call: &AggregateCall, place: &Located<String>) -> Result<f64, Problem> {
    number(&call.args[1]).map(as_f64).filter(|p| (0.0..=1.0).contains(p)).ok_or_else(|| {
        place.problem(
            "aggregate.percentile",
            format!("the second argument of {} is not a number from 0 to 1", call.function),
            Some(format!("write {}(x, 0.95) for the 95th percentile", call.function)),
        )
    })
}

fn most(call: &AggregateCall, place: &Located<String>) -> Result<u32, Problem> {
    match number(&call.args[1]) {
        Some(Value::Int(k)) if (1..=i64::from(MOST_TOP)).contains(&k) => Ok(k as u32),
        _ => Err(place.problem(
            "aggregate.top_k",
            format!("the second argument of {} is not a whole number from 1 to {MOST_TOP}", call.function),
            Some(format!("write {}(x, 10) for the ten most frequent values", call.function)),
        )),
    }
}

fn bounds(call: &AggregateCall, place: &Located<String>) -> Result<Arc<[Value<'static>]>, Problem> {
    let bounds: Option<Vec<Value<'static>>> = call.args[1..].iter().map(number).collect();
    let ascending =
        |list: &Vec<Value<'static>>| list.windows(2).all(|w| key::compare_values(w[0], w[1]) == Ordering::Less);
    match bounds.filter(ascending) {
        Some(list) => Ok(list.into()),
        None => Err(place.problem(
            "aggregate.histogram",
            "the bounds of histogram are not ascending numbers".to_owned(),
            Some("write histogram(x, 10, 100, 1000): counts below 10, from 10, from 100, and from 1000 on".into()),
        )),
    }
}

fn separator(call: &AggregateCall, place: &Located<String>) -> Result<Arc<str>, Problem> {
    let text = constant(&call.args[1], |value| match value {
        Value::Str(text) => std::str::from_utf8(text).ok().map(Arc::from),
        _ => None,
    });
    text.flatten().ok_or_else(|| {
        place.problem(
            "aggregate.separator",
            format!("the second argument of {} is not a text", call.function),
            Some(format!("write {}(x, ', ')", call.function)),
        )
    })
}

fn canonical(name: &str) -> &str {
    aggregates().iter().find(|a| a.name == name || a.aliases.contains(&name)).map_or(name, |a| a.name)
}

/// The number that a constant expression is; without the sign of zero.
fn number(tree: &Tree) -> Option<Value<'static>> {
    constant(tree, |value| match value {
        Value::Int(v) => Some(Value::Int(v)),
        Value::Float(v) => Some(Value::Float(v + 0.0)),
        _ => None,
    })?
}

fn as_f64(value: Value<'_>) -> f64 {
    match value {
        Value::Int(v) => v as f64,
        Value::Float(v) => v,
        _ => f64::NAN,
    }
}

/// What `read` makes of the value that a constant expression is.
fn constant<T>(tree: &Tree, read: impl Fn(Value<'_>) -> T) -> Option<T> {
    if !tree.is_constant() {
        return None;
    }
    let program: Program = crate::expr::compile(tree, &mut |_| 0);
    let (mut arena, mut out) = (Vec::new(), Column::new());
    program.eval(&Rows { columns: &[], time: &[0] }, &mut arena, &[0], &mut Scratch::default(), &mut out);
    out.first().map(|cell| read(cell.value(&arena)))
}

/// An expression's error as a problem at its place.
pub(super) fn problem<T>(place: &Located<T>, e: ExprError) -> Problem {
    let at = e.column.map_or(String::new(), |c| format!(" (at character {c})"));
    Problem { column: e.column, ..place.problem(e.code, format!("{}{at}", e.message), e.help) }
}

/// A call as SQL.
fn show(call: &AggregateCall) -> String {
    let args: Vec<String> = call.args.iter().map(ToString::to_string).collect();
    let inside = if call.star { "*".to_owned() } else { args.join(", ") };
    let distinct = if call.distinct { "DISTINCT " } else { "" };
    let filter = call.filter.as_ref().map_or(String::new(), |f| format!(" FILTER (WHERE {f})"));
    format!("{}({distinct}{inside}){filter}", call.function)
}
