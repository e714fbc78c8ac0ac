//! A tree and one row, turned into one value, the slow and obvious way: the judge of the code over columns.
//!
//! It shares the tree with the engine, and how floats and times are written; nothing else. For `exp`, `ln`, `log` and
//! `power` both call `libm`: there it judges what is around the call (NULLs, types, what is not finite), and the values
//! in the catalogue judge the rest. Every part is computed for every row (no part has a side effect but the count of
//! failures, which this does not judge).

use super::Type;
use super::library;
use super::tree::{Arithmetic, Comparison, Literal, Node, Test};
use crate::event::FieldPath;
use crate::time::{EventTime, format_rfc3339, parse_rfc3339};
use std::cmp::Ordering;

/// The functions that it computes itself; [`library`] has more.
const OWN: &[&str] = &[
    "coalesce",
    "nullif",
    "greatest",
    "least",
    "lower",
    "upper",
    "length",
    "substr",
    "left",
    "right",
    "trim",
    "ltrim",
    "rtrim",
    "replace",
    "concat",
    "starts_with",
    "ends_with",
    "contains",
    "strpos",
    "split_part",
    "abs",
    "floor",
    "ceil",
    "trunc",
    "round",
    "sign",
    "sqrt",
    "power",
    "exp",
    "ln",
    "log",
    "mod",
    "event_time",
    "date_trunc",
    "date_part",
    "to_timestamp",
    "epoch_ms",
];

/// All functions that it knows.
pub(super) fn known() -> Vec<&'static str> {
    [OWN, library::KNOWN].concat()
}

/// A value that owns its text.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum V {
    Null,
    Bool(bool),
    Int(i64),
    Float(f64),
    Time(i64),
    Str(String),
    Json(String),
}

/// One row: the fields and the event time.
pub(super) struct Row<'a> {
    pub(super) fields: &'a dyn Fn(&FieldPath) -> V,
    pub(super) time: i64,
}

fn float(v: f64) -> V {
    if v.is_finite() { V::Float(v) } else { V::Null }
}

fn int(v: i128) -> V {
    i64::try_from(v).map_or(V::Null, V::Int)
}

fn time(us: i128) -> V {
    let range = i128::from(EventTime::EARLIEST.0)..=i128::from(EventTime::LATEST.0);
    if range.contains(&us) { V::Time(us as i64) } else { V::Null }
}

fn truth(v: &V) -> Option<bool> {
    match v {
        V::Bool(b) => Some(*b),
        _ => None,
    }
}

fn from_truth(v: Option<bool>) -> V {
    v.map_or(V::Null, V::Bool)
}

fn and(a: Option<bool>, b: Option<bool>) -> Option<bool> {
    if a == Some(false) || b == Some(false) {
        Some(false)
    } else if a.is_none() || b.is_none() {
        None
    } else {
        Some(true)
    }
}

fn not(a: Option<bool>) -> Option<bool> {
    a.map(|v| !v)
}

fn or(a: Option<bool>, b: Option<bool>) -> Option<bool> {
    not(and(not(a), not(b)))
}

fn order(a: &V, b: &V) -> Option<Ordering> {
    match (a, b) {
        (V::Bool(a), V::Bool(b)) => Some(a.cmp(b)),
        (V::Int(a), V::Int(b)) | (V::Time(a), V::Time(b)) => Some(a.cmp(b)),
        (V::Float(a), V::Float(b)) => a.partial_cmp(b),
        (V::Int(a), V::Float(b)) => Some(exact(*a, *b)),
        (V::Float(a), V::Int(b)) => Some(exact(*b, *a).reverse()),
        (V::Str(a), V::Str(b)) | (V::Json(a), V::Json(b)) => Some(a.cmp(b)),
        _ => None,
    }
}

fn exact(a: i64, b: f64) -> Ordering {
    // casts to i128 saturate, far outside of i64
    let floor = b.floor() as i128;
    i128::from(a).cmp(&floor).then(if b.fract() != 0.0 { Ordering::Less } else { Ordering::Equal })
}

fn compare(op: Comparison, a: &V, b: &V) -> Option<bool> {
    let order = order(a, b)?;
    Some(match op {
        Comparison::Eq => order == Ordering::Equal,
        Comparison::Ne => order != Ordering::Equal,
        Comparison::Lt => order == Ordering::Less,
        Comparison::Le => order != Ordering::Greater,
        Comparison::Gt => order == Ordering::Greater,
        Comparison::Ge => order != Ordering::Less,
    })
}

fn equal(a: &V, b: &V) -> Option<bool> {
    compare(Comparison::Eq, a, b)
}

/// The value of `node` for one row.
pub(super) fn eval(node: &Node, row: &Row<'_>) -> V {
    let get = |n: &Node| eval(n, row);
    let all = |list: &[Node]| list.iter().map(|n| eval(n, row)).collect::<Vec<V>>();
    match node {
        Node::Const(literal) => match literal {
            Literal::Null => V::Null,
            Literal::Bool(v) => V::Bool(*v),
            Literal::Int(v) => V::Int(*v),
            Literal::Float(v) => V::Float(*v),
            Literal::Time(v) => V::Time(*v),
            Literal::Str(v) => V::Str(v.clone()),
        },
        Node::Path(path) => (row.fields)(path),
        Node::Aggregate(_) => V::Null,
        Node::And(list) => from_truth(all(list).iter().map(truth).fold(Some(true), and)),
        Node::Or(list) => from_truth(all(list).iter().map(truth).fold(Some(false), or)),
        Node::Not(a) => from_truth(not(truth(&get(a)))),
        Node::Compare(op, a, b) => from_truth(compare(*op, &get(a), &get(b))),
        Node::Distinct { a, b, negated } => {
            let (a, b) = (get(a), get(b));
            let same = (a == V::Null && b == V::Null) || equal(&a, &b) == Some(true);
            V::Bool(same == *negated)
        }
        Node::Arithmetic(op, a, b) => arithmetic(*op, &get(a), &get(b)),
        Node::Negate(a) => match get(a) {
            V::Int(v) => int(-i128::from(v)),
            V::Float(v) => V::Float(-v),
            _ => V::Null,
        },
        Node::Join(a, b) => match (text(&get(a)), text(&get(b))) {
            (Some(a), Some(b)) => V::Str(a + &b),
            _ => V::Null,
        },
        Node::In { arg, list, negated } => {
            let arg = get(arg);
            let found = all(list).iter().map(|item| equal(&arg, item)).fold(Some(false), or);
            from_truth(if *negated { not(found) } else { found })
        }
        Node::Between { arg, low, high, negated } => {
            let (arg, low, high) = (get(arg), get(low), get(high));
            let found = and(compare(Comparison::Ge, &arg, &low), compare(Comparison::Le, &arg, &high));
            from_truth(if *negated { not(found) } else { found })
        }
        Node::Like { arg, pattern, escape, insensitive, negated } => match (get(arg), get(pattern)) {
            (V::Str(text), V::Str(pattern)) => {
                let fold = |s: String| if *insensitive { s.to_lowercase() } else { s };
                let text: Vec<char> = fold(text).chars().collect();
                let pattern: Vec<char> = fold(pattern).chars().collect();
                from_truth(like(&text, &pattern, *escape).map(|found| found != *negated))
            }
            _ => V::Null,
        },
        Node::Is { arg, test, negated } => {
            let arg = get(arg);
            let found = match test {
                Test::Null => arg == V::Null,
                Test::True => arg == V::Bool(true),
                Test::False => arg == V::Bool(false),
            };
            V::Bool(found != *negated)
        }
        Node::Case { operand, branches, otherwise } => {
            for (test, result) in branches {
                let hit = match operand {
                    Some(operand) => equal(&get(operand), &get(test)),
                    None => truth(&get(test)),
                };
                if hit == Some(true) {
                    return get(result);
                }
            }
            otherwise.as_ref().map_or(V::Null, |n| get(n))
        }
        Node::Cast(arg, target) => cast(get(arg), *target),
        Node::User(..) => unreachable!("programs of tests have no functions of their own"),
        Node::Call(function, args) => call(function.name, all(args), row.time),
    }
}

/// `None` where the pattern ends in its escape character.
fn like(text: &[char], pattern: &[char], escape: Option<char>) -> Option<bool> {
    // the pattern as a list: None is %, Some(None) is _, Some(Some(c)) is c
    let mut parts = Vec::new();
    let mut rest = pattern.iter();
    while let Some(c) = rest.next() {
        parts.push(if Some(*c) == escape {
            Some(Some(*rest.next()?))
        } else {
            match c {
                '%' => None,
                '_' => Some(None),
                c => Some(Some(*c)),
            }
        });
    }
    fn from(text: &[char], parts: &[Option<Option<char>>]) -> bool {
        match parts.split_first() {
            None => text.is_empty(),
            Some((None, rest)) => (0..=text.len()).any(|n| from(&text[n..], rest)),
            Some((Some(part), rest)) => {
                text.first().is_some_and(|c| part.is_none_or(|p| p == *c)) && from(&text[1..], rest)
            }
        }
    }
    Some(from(text, &parts))
}

fn number(v: &V) -> Option<f64> {
    match v {
        V::Int(v) => Some(*v as f64),
        V::Float(v) => Some(*v),
        _ => None,
    }
}

fn arithmetic(op: Arithmetic, a: &V, b: &V) -> V {
    use Arithmetic::{Add, Div, Mul, Rem, Sub};
    let micros = |v: &V| match v {
        V::Int(s) => Some(i128::from(*s) * 1_000_000),
        V::Float(s) if (s * 1e6).abs() < 9.2e18 => Some((s * 1e6).round() as i128),
        _ => None,
    };
    match (op, a, b) {
        (Add, V::Int(a), V::Int(b)) => int(i128::from(*a) + i128::from(*b)),
        (Sub, V::Int(a), V::Int(b)) => int(i128::from(*a) - i128::from(*b)),
        (Mul, V::Int(a), V::Int(b)) => int(i128::from(*a) * i128::from(*b)),
        (Div | Rem, V::Int(_), V::Int(0)) => V::Null,
        (Div, V::Int(a), V::Int(b)) => int(i128::from(*a) / i128::from(*b)),
        (Rem, V::Int(a), V::Int(b)) => int(i128::from(*a) % i128::from(*b)),
        (Sub, V::Time(a), V::Time(b)) => float((a - b) as f64 / 1e6),
        (Add, V::Time(t), s) | (Add, s, V::Time(t)) => micros(s).map_or(V::Null, |s| time(i128::from(*t) + s)),
        (Sub, V::Time(t), s) => micros(s).map_or(V::Null, |s| time(i128::from(*t) - s)),
        _ => match (number(a), number(b)) {
            (Some(a), Some(b)) => float(match op {
                Add => a + b,
                Sub => a - b,
                Mul => a * b,
                Div => a / b,
                Rem => a % b,
            }),
            _ => V::Null,
        },
    }
}

fn text(v: &V) -> Option<String> {
    Some(match v {
        V::Null => return None,
        V::Bool(v) => v.to_string(),
        V::Int(v) => v.to_string(),
        V::Float(v) if v.fract() == 0.0 && v.abs() < 1e15 => (*v as i64).to_string(),
        V::Float(v) => zmij::Buffer::new().format(*v).to_owned(),
        V::Time(us) => format_rfc3339(EventTime(*us)),
        V::Str(v) | V::Json(v) => v.clone(),
    })
}

fn rounded(v: f64) -> V {
    if v.abs() > 1e19 { V::Null } else { int(v.round() as i128) }
}

fn cast(v: V, target: Type) -> V {
    match (target, v) {
        (_, V::Null) => V::Null,
        (Type::Bool, V::Bool(v)) => V::Bool(v),
        (Type::Bool, V::Int(v)) => V::Bool(v != 0),
        (Type::Bool, V::Str(v)) => match v.trim().to_lowercase().as_str() {
            "true" | "t" | "yes" | "y" | "on" | "1" => V::Bool(true),
            "false" | "f" | "no" | "n" | "off" | "0" => V::Bool(false),
            _ => V::Null,
        },
        (Type::Int, V::Int(v)) => V::Int(v),
        (Type::Int, V::Bool(v)) => V::Int(v.into()),
        (Type::Int, V::Float(v)) => rounded(v),
        (Type::Int, V::Str(v)) => v.trim().parse().map_or(V::Null, V::Int),
        (Type::Float, V::Int(v)) => V::Float(v as f64),
        (Type::Float, V::Float(v)) => V::Float(v),
        (Type::Float, V::Str(v)) => v.trim().parse().map_or(V::Null, float),
        (Type::Time, V::Time(v)) => V::Time(v),
        (Type::Time, V::Str(v)) => {
            let v = v.trim();
            [v.to_owned(), format!("{v}Z"), format!("{v}T00:00:00Z")]
                .iter()
                .find_map(|v| parse_rfc3339(v.as_bytes()))
                .map_or(V::Null, |t| V::Time(t.0))
        }
        (Type::Str, v) => text(&v).map_or(V::Null, V::Str),
        _ => V::Null,
    }
}

fn whole(v: &V) -> Option<i128> {
    match v {
        V::Int(v) => Some(i128::from(*v)),
        V::Float(v) if v.fract() == 0.0 && v.abs() < 9e18 => Some(*v as i128),
        _ => None,
    }
}

fn chars(v: &V) -> Option<Vec<char>> {
    match v {
        V::Str(v) => Some(v.chars().collect()),
        _ => None,
    }
}

fn strings(args: &[V]) -> Option<Vec<String>> {
    args.iter().map(|v| chars(v).map(|c| c.into_iter().collect())).collect()
}

fn part(chars: &[char], from: i128, to: i128) -> V {
    let picked = (0_i128..).zip(chars).filter(|(i, _)| (from..to).contains(i)).map(|(_, c)| *c);
    V::Str(picked.collect())
}

fn call(name: &str, args: Vec<V>, event_time: i64) -> V {
    match name {
        "coalesce" => return args.into_iter().find(|v| *v != V::Null).unwrap_or(V::Null),
        "nullif" => return if equal(&args[0], &args[1]) == Some(true) { V::Null } else { args[0].clone() },
        "greatest" | "least" => {
            let wanted = if name == "greatest" { Ordering::Greater } else { Ordering::Less };
            let mut best = V::Null;
            for next in args.into_iter().filter(|v| *v != V::Null) {
                if best == V::Null {
                    best = next;
                    continue;
                }
                match order(&next, &best) {
                    None => return V::Null,
                    Some(order) if order == wanted => best = next,
                    Some(_) => {}
                }
            }
            return best;
        }
        "concat" => return V::Str(args.iter().filter_map(text).collect()),
        "event_time" => return V::Time(event_time),
        _ if args.contains(&V::Null) => return V::Null,
        _ => {}
    }
    scalar(name, &args).unwrap_or(V::Null)
}

fn scalar(name: &str, args: &[V]) -> Option<V> {
    Some(match name {
        "lower" => V::Str(chars(&args[0])?.iter().flat_map(|c| c.to_lowercase()).collect()),
        "upper" => V::Str(chars(&args[0])?.iter().flat_map(|c| c.to_uppercase()).collect()),
        "length" => V::Int(chars(&args[0])?.len() as i64),
        "substr" => {
            let (text, start) = (chars(&args[0])?, whole(&args[1])? - 1);
            let end = match args.get(2) {
                Some(count) => start + Some(whole(count)?).filter(|n| *n >= 0)?,
                None => i128::MAX,
            };
            part(&text, start, end)
        }
        "left" => {
            let (text, n) = (chars(&args[0])?, whole(&args[1])?);
            part(&text, 0, if n < 0 { text.len() as i128 + n } else { n })
        }
        "right" => {
            let (text, n) = (chars(&args[0])?, whole(&args[1])?);
            part(&text, if n < 0 { -n } else { text.len() as i128 - n }, i128::MAX)
        }
        "trim" | "ltrim" | "rtrim" => {
            let text: String = chars(&args[0])?.into_iter().collect();
            let set = args.get(1).map_or(Some(vec![' ']), chars)?;
            V::Str(match name {
                "trim" => text.trim_matches(&set[..]).to_owned(),
                "ltrim" => text.trim_start_matches(&set[..]).to_owned(),
                _ => text.trim_end_matches(&set[..]).to_owned(),
            })
        }
        "replace" => {
            let s = strings(args)?;
            V::Str(if s[1].is_empty() { s[0].clone() } else { s[0].replace(&s[1], &s[2]) })
        }
        "starts_with" => V::Bool(strings(args).map(|s| s[0].starts_with(&s[1]))?),
        "ends_with" => V::Bool(strings(args).map(|s| s[0].ends_with(&s[1]))?),
        "contains" => V::Bool(strings(args).map(|s| s[0].contains(&s[1]))?),
        "strpos" => {
            let s = strings(args)?;
            V::Int(s[0].find(&s[1]).map_or(0, |at| s[0][..at].chars().count() as i64 + 1))
        }
        "split_part" => {
            let (s, n) = (strings(&args[..2])?, whole(&args[2])?);
            let parts: Vec<&str> = if s[1].is_empty() { vec![&s[0]] } else { s[0].split(&s[1]).collect() };
            let at = match n {
                0 => return None,
                n if n > 0 => n - 1,
                n => parts.len() as i128 + n,
            };
            V::Str(usize::try_from(at).ok().and_then(|at| parts.get(at)).map_or_else(String::new, |p| (*p).to_owned()))
        }
        "abs" | "floor" | "ceil" | "trunc" | "sign" => match (&args[0], name) {
            (V::Int(v), "abs") => int(i128::from(*v).abs()),
            (V::Int(v), "sign") => V::Int(v.signum()),
            (V::Int(v), _) => V::Int(*v),
            (V::Float(v), "abs") => V::Float(v.abs()),
            (V::Float(v), "floor") => V::Float(v.floor()),
            (V::Float(v), "ceil") => V::Float(v.ceil()),
            (V::Float(v), "trunc") => V::Float(v.trunc()),
            (V::Float(v), _) => V::Float(if *v > 0.0 {
                1.0
            } else if *v < 0.0 {
                -1.0
            } else {
                0.0
            }),
            _ => return None,
        },
        "round" if args.len() == 1 => match &args[0] {
            V::Int(v) => V::Int(*v),
            V::Float(v) => V::Float(v.round()),
            _ => return None,
        },
        "sqrt" => float(number(&args[0])?.sqrt()),
        "exp" => float(libm::exp(number(&args[0])?)),
        "ln" => float(libm::log(number(&args[0])?)),
        "log" => float(libm::log10(number(&args[0])?)),
        "power" => float(libm::pow(number(&args[0])?, number(&args[1])?)),
        "mod" => {
            number(&args[0])?;
            number(&args[1])?;
            arithmetic(Arithmetic::Rem, &args[0], &args[1])
        }
        "to_timestamp" => match &args[0] {
            V::Int(s) => time(i128::from(*s) * 1_000_000),
            V::Float(s) => time((s * 1e6).round() as i128),
            _ => return None,
        },
        "epoch_ms" => match &args[0] {
            V::Time(us) => V::Int(us.div_euclid(1000)),
            _ => return None,
        },
        "date_trunc" => {
            let (V::Str(unit), V::Time(us)) = (&args[0], &args[1]) else { return None };
            // through the text of the time: what is finer than the unit is overwritten
            let text = format_rfc3339(EventTime(*us));
            let kept = match unit.as_str() {
                "year" => 4,
                "month" => 7,
                "day" => 10,
                "hour" => 13,
                "minute" => 16,
                "second" => 19,
                _ => return None,
            };
            let full = format!("{}{}", &text[..kept], &"0000-01-01T00:00:00Z"[kept..]);
            V::Time(parse_rfc3339(full.as_bytes())?.0)
        }
        "date_part" => {
            let V::Str(field) = &args[0] else { return None };
            let us = match &args[1] {
                V::Time(us) => us,
                v if field == "epoch" && number(v).is_some() => return Some(v.clone()),
                _ => return None,
            };
            let text = format_rfc3339(EventTime(*us));
            let digits = |from: usize, to: usize| text[from..to].parse().map(V::Int).ok();
            match field.as_str() {
                "epoch" => float(*us as f64 / 1e6),
                "year" => digits(0, 4)?,
                "month" => digits(5, 7)?,
                "day" => digits(8, 10)?,
                "hour" => digits(11, 13)?,
                "minute" => digits(14, 16)?,
                "second" => float(text[17..].trim_end_matches('Z').parse().ok()?),
                _ => return None,
            }
        }
        other => return library::naive(other, args),
    })
}
