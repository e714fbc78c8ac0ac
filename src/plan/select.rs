//! A `select` entry, turned into aggregate calls and an answer.

use crate::aggregate::{Call, Function};
use crate::config::Located;
use crate::error::{Problem, nearest};
use crate::event::{Column, Value};
use crate::expr::{AggregateCall, ExprError, Program, Rows, Scratch, Tree, Type};

/// The aggregate function of a call, checked. The input, if any, is the call's first argument.
pub(super) fn function(call: &AggregateCall, place: &Located<String>) -> Result<Function, Problem> {
    let fail = |code, message: String, help: &str| Err(place.problem(code, message, Some(help.to_owned())));
    let wants = |n: usize| call.args.len() == n && !call.star;
    let name = canonical(&call.function);
    if call.distinct && name != "count" {
        return fail(
            "aggregate.distinct",
            format!("DISTINCT is not available in {name}"),
            "only count(DISTINCT x) takes DISTINCT in this version",
        );
    }
    let function = match name {
        "count" if call.star && !call.distinct => return Ok(Function::CountRows),
        "count" if wants(1) && call.distinct => Function::CountDistinct,
        "count" if wants(1) => Function::Count,
        "sum" if wants(1) => Function::Sum,
        "avg" if wants(1) => Function::Avg,
        "min" if wants(1) => Function::Min,
        "max" if wants(1) => Function::Max,
        "median" if wants(1) => Function::Percentile(0.5),
        "percentile" if wants(2) => {
            let p = constant(&call.args[1]).filter(|p| (0.0..=1.0).contains(p));
            match p {
                Some(p) => Function::Percentile(p),
                None => {
                    return fail(
                        "aggregate.percentile",
                        format!("the second argument of {} is not a number from 0 to 1", call.function),
                        "write percentile(x, 0.95) for the 95th percentile",
                    );
                }
            }
        }
        "count" | "sum" | "avg" | "min" | "max" | "median" | "percentile" => {
            let signature = crate::aggregate::aggregates().iter().find(|a| a.name == name).map_or("", |a| a.signature);
            return fail(
                "aggregate.arguments",
                format!("{} is called with {} arguments", call.function, call.args.len()),
                &format!("it is written {signature}"),
            );
        }
        other => {
            let known = crate::aggregate::aggregates().iter().map(|a| a.name);
            let help = nearest(other, known).map_or(String::new(), |n| format!("did you mean {n}?"));
            return fail("aggregate.unknown", format!("{other} is not an aggregate function"), &help);
        }
    };
    let numeric = matches!(function, Function::Sum | Function::Avg | Function::Percentile(_));
    let ty = call.args[0].ty();
    if numeric && !matches!(ty, Type::Any) && !ty.is_number() {
        return fail(
            "aggregate.type",
            format!("{name} takes numbers, and its argument is {}", ty.word()),
            "convert the argument first, such as sum(cast(x AS double))",
        );
    }
    Ok(function)
}

fn canonical(name: &str) -> &str {
    crate::aggregate::aggregates().iter().find(|a| a.name == name || a.aliases.contains(&name)).map_or(name, |a| a.name)
}

/// The number that a constant expression is.
fn constant(tree: &Tree) -> Option<f64> {
    if !tree.is_constant() {
        return None;
    }
    let program: Program = crate::expr::compile(tree, &mut |_| 0);
    let (mut arena, mut out) = (Vec::new(), Column::new());
    program.eval(&Rows { columns: &[], time: &[0] }, &mut arena, &[0], &mut Scratch::default(), &mut out);
    match out.first()?.value(&arena) {
        Value::Int(v) => Some(v as f64),
        Value::Float(v) => Some(v),
        _ => None,
    }
}

/// An expression's error as a problem at its place.
pub(super) fn problem(place: &Located<String>, e: ExprError) -> Problem {
    let at = e.column.map_or(String::new(), |c| format!(" (at character {c})"));
    place.problem(e.code, format!("{}{at}", e.message), e.help)
}

/// Two calls with the same function and columns are one.
pub(super) fn same(a: &Call, b: &Call) -> bool {
    let percentile = match (&a.function, &b.function) {
        (Function::Percentile(p), Function::Percentile(q)) => p == q,
        (x, y) => std::mem::discriminant(x) == std::mem::discriminant(y),
    };
    percentile && a.input == b.input && a.filter == b.filter
}

/// A call as SQL.
pub(super) fn show(call: &AggregateCall) -> String {
    let args: Vec<String> = call.args.iter().map(ToString::to_string).collect();
    let inside = if call.star { "*".to_owned() } else { args.join(", ") };
    let distinct = if call.distinct { "DISTINCT " } else { "" };
    let filter = call.filter.as_ref().map_or(String::new(), |f| format!(" FILTER (WHERE {f})"));
    format!("{}({distinct}{inside}){filter}", call.function)
}
