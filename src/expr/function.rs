//! The one list of functions and operators: the checker, the compiler and the reference all read it.

use super::heap::Heap;
use super::tree::Type;
use crate::event::Cell;
use jiff::tz::TimeZone;
use regex::Regex;
use std::sync::LazyLock;

mod any;
mod codes;
mod json;
mod number;
mod text;
mod time;

/// A function of the language.
#[derive(Debug, Clone)]
pub struct Function {
    /// Its name, lower case.
    pub name: &'static str,
    /// Other names for it.
    pub aliases: &'static [&'static str],
    /// How it is written, with its optional arguments in brackets.
    pub signature: &'static str,
    /// One line that says what it gives.
    pub doc: &'static str,
    /// An expression that uses it; no fields, and the event time is 2026-01-05T12:34:56.789Z.
    pub example: &'static str,
    /// The example's value as text; `NULL` for NULL.
    pub result: &'static str,
    /// The types of the arguments; the last one repeats.
    pub(super) args: &'static [Type],
    pub(super) least: usize,
    pub(super) most: usize,
    pub(super) returns: Returns,
    pub(super) code: Code,
}

impl Function {
    /// Which of `count` arguments is a zone.
    pub(super) fn zone(&self, count: usize) -> Option<usize> {
        (matches!(self.code, Code::Zoned(_)) && count == self.most).then(|| count - 1)
    }
}

impl PartialEq for Function {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

/// How the type of a call follows from its arguments.
#[derive(Debug, Clone, Copy)]
pub(super) enum Returns {
    Always(Type),
    First,
    FirstNumber,
    Common,
    Remainder,
}

/// What runs a call with a pattern.
type Matcher = fn(&Regex, &[Cell], &mut Heap<'_>) -> Cell;

/// What runs a call.
#[derive(Debug, Clone, Copy)]
pub(super) enum Code {
    /// NULL where an argument is NULL; otherwise this, row by row.
    Scalar(fn(&[Cell], &mut Heap<'_>) -> Cell),
    /// The same with the pattern that is the second argument, a literal; the flags are the argument of that number.
    Regex(usize, Matcher),
    /// The same with the zone that is the last argument, a literal, where it is there.
    Zoned(fn(Option<&TimeZone>, &[Cell], &mut Heap<'_>) -> Cell),
    EventTime,
    Coalesce,
    NullIf,
    Greatest,
    Least,
    Concat,
    ConcatWs,
}

/// An operator of the language.
#[derive(Debug)]
pub struct Operator {
    /// How it is written.
    pub name: &'static str,
    /// One line that says what it gives.
    pub doc: &'static str,
}

/// All functions, in the order of the reference.
pub fn functions() -> &'static [Function] {
    static ALL: LazyLock<Vec<Function>> =
        LazyLock::new(|| [any::LIST, text::LIST, codes::LIST, number::LIST, time::LIST, json::LIST].concat());
    &ALL
}

/// All operators and forms, in the order of the reference.
pub fn operators() -> &'static [Operator] {
    OPERATORS
}

/// The function of that name or alias, in any case.
pub(super) fn find(name: &str) -> Option<&'static Function> {
    functions()
        .iter()
        .find(|f| f.name.eq_ignore_ascii_case(name) || f.aliases.iter().any(|a| a.eq_ignore_ascii_case(name)))
}

const MANY: usize = usize::MAX;

const fn scalar(
    names: &'static [&'static str],
    texts: [&'static str; 4],
    args: &'static [Type],
    counts: (usize, usize),
    returns: Returns,
    run: fn(&[Cell], &mut Heap<'_>) -> Cell,
) -> Function {
    special(names, texts, args, counts, returns, Code::Scalar(run))
}

const fn special(
    names: &'static [&'static str],
    texts: [&'static str; 4],
    args: &'static [Type],
    (least, most): (usize, usize),
    returns: Returns,
    code: Code,
) -> Function {
    let [signature, doc, example, result] = texts;
    let (first, aliases) = names.split_at(1);
    Function { name: first[0], aliases, signature, doc, example, result, args, least, most, returns, code }
}

const fn regex(
    names: &'static [&'static str],
    texts: [&'static str; 4],
    args: &'static [Type],
    counts: (usize, usize),
    returns: Returns,
    (flags, run): (usize, Matcher),
) -> Function {
    special(names, texts, args, counts, returns, Code::Regex(flags, run))
}

const fn zoned(
    names: &'static [&'static str],
    texts: [&'static str; 4],
    args: &'static [Type],
    counts: (usize, usize),
    returns: Returns,
    run: fn(Option<&TimeZone>, &[Cell], &mut Heap<'_>) -> Cell,
) -> Function {
    special(names, texts, args, counts, returns, Code::Zoned(run))
}

#[rustfmt::skip]
const OPERATORS: &[Operator] = &[
    Operator { name: "a OR b", doc: "TRUE where one is TRUE, else NULL where one is NULL, else FALSE" },
    Operator { name: "a AND b", doc: "FALSE where one is FALSE, else NULL where one is NULL, else TRUE" },
    Operator { name: "NOT a", doc: "the opposite; NULL of NULL" },
    Operator { name: "= <> != < <= > >=", doc: "comparison; NULL where a side is NULL or the sides are of different classes" },
    Operator { name: "a IS [NOT] DISTINCT FROM b", doc: "comparison in which NULL equals NULL; never NULL" },
    Operator { name: "a IS [NOT] NULL", doc: "whether there is a value; never NULL" },
    Operator { name: "a IS [NOT] TRUE | FALSE | UNKNOWN", doc: "whether it is exactly that; never NULL" },
    Operator { name: "a [NOT] IN (b, c, ...)", doc: "whether a equals one of the values" },
    Operator { name: "a [NOT] BETWEEN low AND high", doc: "low <= a AND a <= high" },
    Operator { name: "a [NOT] LIKE 'pattern' [ESCAPE 'c']", doc: "% stands for any text, _ for one character, \\ takes the next one as it is" },
    Operator { name: "a [NOT] ILIKE 'pattern' [ESCAPE 'c']", doc: "LIKE without regard to case" },
    Operator { name: "a ~ 'pattern', a ~* 'pattern', a !~ ..., a !~* ...", doc: "whether a regular expression matches (~), in any case (~*), or not (!~, !~*)" },
    Operator { name: "json -> step, json ->> step", doc: "the value of a name in an object or at a place (from 0) in an array; ->> as text" },
    Operator { name: "json #> '{a,0}', json #>> '{a,0}'", doc: "the same by several steps" },
    Operator { name: "array[n]", doc: "the nth element, from 1" },
    Operator { name: "a = ANY(array)", doc: "whether an element equals a" },
    Operator { name: "a & b, a | b, a # b, ~a, a << n, a >> n", doc: "and, or, exclusive or, not, shifts of the bits of whole numbers" },
    Operator { name: "a ^ b", doc: "a to the power of b, as a float" },
    Operator { name: "time AT TIME ZONE 'Europe/Berlin'", doc: "what the clocks there show, as if it were UTC" },
    Operator { name: "a || b", doc: "the values as text, one after the other; NULL where one is NULL" },
    Operator { name: "a + b, a - b, a * b", doc: "arithmetic; NULL on overflow; a time + or - seconds is a time, a time - a time is seconds" },
    Operator { name: "a / b", doc: "division; of two integers the whole part (1.0 * a / b has a fraction); NULL by zero" },
    Operator { name: "a % b", doc: "remainder, with the sign of a; NULL by zero" },
    Operator { name: "-a, +a", doc: "sign" },
    Operator { name: "CASE WHEN condition THEN a ... [ELSE b] END", doc: "the first value whose condition is TRUE; NULL without ELSE" },
    Operator { name: "CASE x WHEN value THEN a ... [ELSE b] END", doc: "the first value for which x = value" },
    Operator { name: "CAST(a AS type), TRY_CAST(a AS type), a::type", doc: "a as bigint, double precision, boolean, timestamp, json or text; NULL where it cannot be" },
    Operator { name: "TIMESTAMP '2026-01-05T12:00:00Z'", doc: "a moment; UTC where no offset is written" },
    Operator { name: "INTERVAL '5 minutes'", doc: "a length of time: a number of seconds" },
];
