//! The one list of functions and operators: the checker, the compiler and the reference all read it.

use super::heap::Heap;
use super::tree::Type;
use super::{calendar, number, text};
use crate::event::Cell;

/// A function of the language.
#[derive(Debug)]
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

/// What runs a call.
#[derive(Debug, Clone, Copy)]
pub(super) enum Code {
    /// NULL where an argument is NULL; otherwise this, row by row.
    Scalar(fn(&[Cell], &mut Heap<'_>) -> Cell),
    EventTime,
    Coalesce,
    NullIf,
    Greatest,
    Least,
    Concat,
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
    FUNCTIONS
}

/// All operators and forms, in the order of the reference.
pub fn operators() -> &'static [Operator] {
    OPERATORS
}

/// The function of that name or alias, in any case.
pub(super) fn find(name: &str) -> Option<&'static Function> {
    FUNCTIONS
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

use Returns::{Always, Common, First, FirstNumber, Remainder};
use Type::{Any, Bool, Float, Int, Number, Str, Time};

#[rustfmt::skip]
const FUNCTIONS: &[Function] = &[
    special(&["coalesce"], ["coalesce(a, b, ...)", "the first value that is not NULL; later ones are not computed", "coalesce(NULL, 'x', 'y')", "x"], &[Any], (1, MANY), Common, Code::Coalesce),
    special(&["nullif"], ["nullif(a, b)", "NULL where a = b, else a", "nullif('n/a', 'n/a')", "NULL"], &[Any, Any], (2, 2), First, Code::NullIf),
    special(&["greatest"], ["greatest(a, b, ...)", "the greatest value; NULLs are skipped", "greatest(1, NULL, 2.5)", "2.5"], &[Any], (1, MANY), Common, Code::Greatest),
    special(&["least"], ["least(a, b, ...)", "the least value; NULLs are skipped", "least('b', 'a', NULL)", "a"], &[Any], (1, MANY), Common, Code::Least),
    scalar(&["lower"], ["lower(text)", "the text in lower case", "lower('Ärger')", "ärger"], &[Str], (1, 1), Always(Str), text::lower),
    scalar(&["upper"], ["upper(text)", "the text in upper case", "upper('get')", "GET"], &[Str], (1, 1), Always(Str), text::upper),
    scalar(&["length", "char_length", "character_length"], ["length(text)", "the number of characters", "length('näh')", "3"], &[Str], (1, 1), Always(Int), text::length),
    scalar(&["substr", "substring"], ["substr(text, start[, count])", "count characters from start (the first is 1), or all from there", "substr('alphabet', 3, 2)", "ph"], &[Str, Int, Int], (2, 3), Always(Str), text::substr),
    scalar(&["left"], ["left(text, n)", "the first n characters; all but the last |n| where n is negative", "left('alphabet', 5)", "alpha"], &[Str, Int], (2, 2), Always(Str), text::left),
    scalar(&["right"], ["right(text, n)", "the last n characters; all but the first |n| where n is negative", "right('alphabet', -5)", "bet"], &[Str, Int], (2, 2), Always(Str), text::right),
    scalar(&["trim", "btrim"], ["trim(text[, characters])", "without spaces (or any of the characters) at both ends", "trim('  a b ')", "a b"], &[Str, Str], (1, 2), Always(Str), text::trim),
    scalar(&["ltrim"], ["ltrim(text[, characters])", "without spaces (or any of the characters) at the start", "ltrim('007', '0')", "7"], &[Str, Str], (1, 2), Always(Str), text::ltrim),
    scalar(&["rtrim"], ["rtrim(text[, characters])", "without spaces (or any of the characters) at the end", "rtrim('/a/b//', '/')", "/a/b"], &[Str, Str], (1, 2), Always(Str), text::rtrim),
    scalar(&["replace"], ["replace(text, from, to)", "every from in the text becomes to", "replace('a-b-c', '-', '+')", "a+b+c"], &[Str, Str, Str], (3, 3), Always(Str), text::replace),
    special(&["concat"], ["concat(a, b, ...)", "the values as text, one after the other; NULLs are skipped", "concat('n=', 3, NULL)", "n=3"], &[Any], (1, MANY), Always(Str), Code::Concat),
    scalar(&["starts_with"], ["starts_with(text, part)", "TRUE where the text begins with part", "starts_with('/api/x', '/api')", "true"], &[Str, Str], (2, 2), Always(Bool), text::starts_with),
    scalar(&["ends_with"], ["ends_with(text, part)", "TRUE where the text ends with part", "ends_with('a.png', '.jpg')", "false"], &[Str, Str], (2, 2), Always(Bool), text::ends_with),
    scalar(&["contains"], ["contains(text, part)", "TRUE where part is somewhere in the text", "contains('timed out', 'out')", "true"], &[Str, Str], (2, 2), Always(Bool), text::contains),
    scalar(&["strpos"], ["strpos(text, part)", "where part first is in the text, from 1; 0 where it is not; also position(part IN text)", "strpos('häuser', 'user')", "3"], &[Str, Str], (2, 2), Always(Int), text::strpos),
    scalar(&["split_part"], ["split_part(text, by, n)", "the nth part of the text cut at each by; negative n counts from the end", "split_part('a/b/c', '/', -1)", "c"], &[Str, Str, Int], (3, 3), Always(Str), text::split_part),
    scalar(&["abs"], ["abs(x)", "without its sign", "abs(-3)", "3"], &[Number], (1, 1), FirstNumber, number::abs),
    scalar(&["floor"], ["floor(x)", "the greatest whole number that is not above x", "floor(-1.5)", "-2"], &[Number], (1, 1), FirstNumber, number::floor),
    scalar(&["ceil", "ceiling"], ["ceil(x)", "the least whole number that is not below x", "ceil(1.2)", "2"], &[Number], (1, 1), FirstNumber, number::ceil),
    scalar(&["trunc"], ["trunc(x)", "without its fraction", "trunc(-1.9)", "-1"], &[Number], (1, 1), FirstNumber, number::trunc),
    scalar(&["round"], ["round(x[, places])", "the nearest number with that many decimal places (0), ties away from zero", "round(3.14159, 2)", "3.14"], &[Number, Int], (1, 2), FirstNumber, number::round),
    scalar(&["sign"], ["sign(x)", "-1, 0 or 1", "sign(-0.5)", "-1"], &[Number], (1, 1), FirstNumber, number::sign),
    scalar(&["sqrt"], ["sqrt(x)", "the square root; NULL below 0", "sqrt(2.25)", "1.5"], &[Number], (1, 1), Always(Float), number::sqrt),
    scalar(&["power", "pow"], ["power(x, y)", "x to the power of y, as a float", "power(2, 10)", "1024"], &[Number, Number], (2, 2), Always(Float), number::power),
    scalar(&["exp"], ["exp(x)", "e to the power of x", "exp(0)", "1"], &[Number], (1, 1), Always(Float), number::exp),
    scalar(&["ln"], ["ln(x)", "the natural logarithm; NULL at 0 and below", "ln(1)", "0"], &[Number], (1, 1), Always(Float), number::ln),
    scalar(&["log", "log10"], ["log(x)", "the logarithm to base 10; NULL at 0 and below", "log(1000)", "3"], &[Number], (1, 1), Always(Float), number::log10),
    scalar(&["mod"], ["mod(a, b)", "the remainder of a / b, with the sign of a; the same as a % b", "mod(-7, 3)", "-1"], &[Number, Number], (2, 2), Remainder, number::remainder),
    special(&["event_time"], ["event_time()", "the event time of the row", "event_time()", "2026-01-05T12:34:56.789Z"], &[], (0, 0), Always(Time), Code::EventTime),
    scalar(&["date_trunc"], ["date_trunc(unit, time)", "the start of the time's microseconds, milliseconds, second, minute, hour, day, week, month, quarter or year, UTC", "date_trunc('minute', event_time())", "2026-01-05T12:34:00Z"], &[Str, Time], (2, 2), Always(Time), calendar::date_trunc),
    scalar(&["date_part"], ["date_part(field, time)", "the epoch (seconds since 1970), year, quarter, month, day, hour, minute, second, milliseconds, microseconds, dow (0 is Sunday), isodow (1 is Monday) or doy, UTC; also extract(field FROM time)", "extract(hour FROM event_time())", "12"], &[Str, Any], (2, 2), Always(Number), calendar::date_part),
    scalar(&["to_timestamp"], ["to_timestamp(seconds)", "the time that many seconds after 1970-01-01T00:00:00Z", "to_timestamp(1.5)", "1970-01-01T00:00:01.500Z"], &[Number], (1, 1), Always(Time), calendar::to_timestamp),
    scalar(&["epoch_ms"], ["epoch_ms(time)", "whole milliseconds since 1970-01-01T00:00:00Z", "epoch_ms(event_time())", "1767616496789"], &[Time], (1, 1), Always(Int), calendar::epoch_ms),
];

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
    Operator { name: "a || b", doc: "the values as text, one after the other; NULL where one is NULL" },
    Operator { name: "a + b, a - b, a * b", doc: "arithmetic; NULL on overflow; a time + or - seconds is a time, a time - a time is seconds" },
    Operator { name: "a / b", doc: "division; of two integers the whole part (1.0 * a / b has a fraction); NULL by zero" },
    Operator { name: "a % b", doc: "remainder, with the sign of a; NULL by zero" },
    Operator { name: "-a, +a", doc: "sign" },
    Operator { name: "CASE WHEN condition THEN a ... [ELSE b] END", doc: "the first value whose condition is TRUE; NULL without ELSE" },
    Operator { name: "CASE x WHEN value THEN a ... [ELSE b] END", doc: "the first value for which x = value" },
    Operator { name: "CAST(a AS type), a::type", doc: "a as bigint, double precision, boolean, timestamp or text; NULL where it cannot be" },
    Operator { name: "TIMESTAMP '2026-01-05T12:00:00Z'", doc: "a moment; UTC where no offset is written" },
    Operator { name: "INTERVAL '5 minutes'", doc: "a length of time: a number of seconds" },
];
