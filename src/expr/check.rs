//! What SQL knows about types before it runs: a mistake in the text is an error, not a NULL in every row.

use super::build::Builder;
use super::calendar;
use super::function::{Code, Function};
use super::tree::{Arithmetic, Literal, Node, Type};
use crate::error::nearest;
use sqlparser::ast::DataType;

impl Builder<'_> {
    /// Requires that a value may be of type `wanted`.
    pub(super) fn expect(&mut self, node: &Node, wanted: Type, at: Option<usize>, taker: &str) -> Option<()> {
        let found = node.ty();
        // text is read as JSON where JSON is wanted
        if !found.clashes(wanted) || (wanted == Type::Json && found == Type::Str) {
            return Some(());
        }
        let help = match (wanted, found) {
            (Type::Json, _) => "give an object or an array of the event, or text that is JSON".to_owned(),
            (Type::Bool, _) => "write a condition, such as x = 5 or x IS NOT NULL".to_owned(),
            (Type::Str, _) => format!("write CAST({} AS text)", Show(node)),
            (Type::Time, Type::Int | Type::Float | Type::Number) => {
                format!("write to_timestamp({}) where it is seconds since 1970", Show(node))
            }
            (Type::Time, _) => format!("write CAST({} AS timestamp)", Show(node)),
            (_, Type::Time) => format!("write extract(epoch FROM {})", Show(node)),
            (_, Type::Bool) => format!("write CASE WHEN {} THEN 1 ELSE 0 END", Show(node)),
            _ => format!("write CAST({} AS double precision)", Show(node)),
        };
        self.wrong("expr.type", at, format!("{taker} takes {}, not {}", wanted.word(), found.word()), help)
    }

    /// Requires that two values may be compared. A text literal beside a time is read as a time.
    pub(super) fn comparable(&mut self, a: Node, b: Node, at: Option<usize>) -> Option<(Node, Node)> {
        let (a, b) = match (&a, &b) {
            (Node::Const(Literal::Str(text)), b) if b.ty() == Type::Time => {
                let text = text.clone();
                (self.time_literal(&text, at)?, b.clone())
            }
            (a, Node::Const(Literal::Str(text))) if a.ty() == Type::Time => {
                let text = text.clone();
                (a.clone(), self.time_literal(&text, at)?)
            }
            _ => (a, b),
        };
        let (left, right) = (a.ty(), b.ty());
        if !left.clashes(right) {
            return Some((a, b));
        }
        let help = match (&a, &b) {
            (Node::Const(Literal::Str(text)), _) | (_, Node::Const(Literal::Str(text)))
                if (left.is_number() || right.is_number()) && text.trim().parse::<f64>().is_ok() =>
            {
                format!("write {} without quotes", text.trim())
            }
            (Node::Const(Literal::Str(text)), _) | (_, Node::Const(Literal::Str(text)))
                if left == Type::Bool || right == Type::Bool =>
            {
                format!("write TRUE or FALSE, not '{text}'")
            }
            _ if left == Type::Str || right == Type::Str => "use CAST(x AS text) on the other side".to_owned(),
            _ => "use CAST(x AS type) so that both sides are of one type".to_owned(),
        };
        self.wrong("expr.type", at, format!("{} cannot be compared with {}", left.word(), right.word()), help)
    }

    /// Requires that values may be of one type, as the results of CASE and COALESCE are.
    pub(super) fn alike(&mut self, nodes: Vec<Node>, at: Option<usize>, taker: &str) -> Option<Vec<Node>> {
        let is_time = nodes.iter().any(|n| n.ty() == Type::Time);
        let mut out: Vec<Node> = Vec::with_capacity(nodes.len());
        let mut known: Option<Type> = None;
        for node in nodes {
            let node = match node {
                Node::Const(Literal::Str(text)) if is_time => self.time_literal(&text, at)?,
                other => other,
            };
            let ty = node.ty();
            if ty != Type::Any {
                let first = *known.get_or_insert(ty);
                if first.clashes(ty) {
                    return self.wrong(
                        "expr.type",
                        at,
                        format!("the values of {taker} are {} and {}", first.word(), ty.word()),
                        "use CAST(x AS type) so that all values are of one type",
                    );
                }
            }
            out.push(node);
        }
        Some(out)
    }

    pub(super) fn arithmetic(&mut self, op: Arithmetic, a: &Node, b: &Node, at: Option<usize>) -> Option<()> {
        let (left, right) = (a.ty(), b.ty());
        let times = match op {
            Arithmetic::Add => left != Type::Time || right != Type::Time,
            Arithmetic::Sub => right != Type::Time || !left.is_number(),
            _ => left != Type::Time && right != Type::Time,
        };
        if !times {
            return self.wrong(
                "expr.type",
                at,
                format!("{} {} {} has no meaning", left.word(), op.symbol(), right.word()),
                "a timestamp + or - seconds is a timestamp; a timestamp - a timestamp is seconds",
            );
        }
        for (node, ty) in [(a, left), (b, right)] {
            if ty == Type::Str && op == Arithmetic::Add {
                return self.wrong("expr.type", at, "+ takes numbers, not text", "write || to join text");
            }
            if ty != Type::Time {
                self.expect(node, Type::Number, at, op.symbol())?;
            }
        }
        Some(())
    }

    /// Checks the count and the types of a function's arguments.
    pub(super) fn arguments(
        &mut self,
        function: &'static Function,
        mut args: Vec<Node>,
        at: Option<usize>,
    ) -> Option<Vec<Node>> {
        if args.len() < function.least || args.len() > function.most {
            let wanted = match (function.least, function.most) {
                (least, usize::MAX) => format!("at least {least}"),
                (least, most) if least == most => least.to_string(),
                (least, most) => format!("{least} to {most}"),
            };
            let plural = if wanted == "1" || wanted == "at least 1" { "" } else { "s" };
            return self.wrong(
                "expr.function",
                at,
                format!("{} takes {wanted} argument{plural}, not {}", function.name, args.len()),
                format!("write {}", function.signature),
            );
        }
        match function.code {
            Code::Coalesce | Code::Greatest | Code::Least => return self.alike(args, at, function.name),
            Code::NullIf => {
                let [a, b]: [Node; 2] = args.try_into().ok()?;
                let (a, b) = self.comparable(a, b, at)?;
                return Some(vec![a, b]);
            }
            _ => {}
        }
        if matches!(function.name, "date_trunc" | "date_part" | "date_add" | "date_diff") {
            if let Node::Const(Literal::Str(unit)) = &args[0] {
                args[0] = Node::str(self.unit(function, unit, at)?);
            }
            if function.name == "date_part"
                && let Node::Const(Literal::Str(text)) = &args[1]
            {
                let text = text.clone();
                args[1] = self.time_literal(&text, at)?;
            }
            let epoch = matches!(&args[0], Node::Const(Literal::Str(unit)) if unit == "epoch");
            if function.name == "date_part" && !(epoch && args[1].ty().is_number()) {
                self.expect(&args[1], Type::Time, at, function.name)?;
            }
        }
        for (i, arg) in args.iter_mut().enumerate() {
            let Some(wanted) = function.args.get(i).or(function.args.last()) else { continue };
            if let (Type::Time, Node::Const(Literal::Str(text))) = (wanted, &*arg) {
                let text = text.clone();
                *arg = self.time_literal(&text, at)?;
            }
            self.expect(arg, *wanted, at, function.name)?;
        }
        self.literals(function, &args, at)?;
        Some(args)
    }

    /// The listed spelling of a unit or field of time.
    fn unit(&mut self, function: &Function, unit: &str, at: Option<usize>) -> Option<&'static str> {
        let known: Vec<&'static str> = if function.name != "date_part" {
            calendar::UNITS.iter().map(|(name, _)| *name).collect()
        } else {
            calendar::FIELDS.to_vec()
        };
        let lower = unit.trim().to_lowercase();
        let stem = |word: &str| word.strip_suffix('s').unwrap_or(word).to_owned();
        if let Some(name) = known.iter().find(|name| stem(name) == stem(&lower)) {
            return Some(name);
        }
        let help = match nearest(&lower, known.iter().copied()) {
            Some(near) => format!("did you mean '{near}'?"),
            None => format!("write one of {}", known.join(", ")),
        };
        self.wrong("expr.function", at, format!("{} knows no '{unit}'", function.name), help)
    }

    /// The type that the name of an SQL type stands for.
    pub(super) fn target(&mut self, ty: &DataType, at: Option<usize>) -> Option<Type> {
        use sqlparser::ast::ExactNumberInfo::None as Plain;
        Some(match ty {
            DataType::BigInt(None)
            | DataType::Int(None)
            | DataType::Integer(None)
            | DataType::SmallInt(None)
            | DataType::Int2(None)
            | DataType::Int4(None)
            | DataType::Int8(None)
            | DataType::Int64 => Type::Int,
            DataType::Double(Plain)
            | DataType::DoublePrecision
            | DataType::Float(Plain)
            | DataType::Float4
            | DataType::Float8
            | DataType::Float64
            | DataType::Real
            | DataType::Numeric(Plain)
            | DataType::Decimal(Plain)
            | DataType::Dec(Plain) => Type::Float,
            DataType::Text
            | DataType::String(None)
            | DataType::Varchar(None)
            | DataType::CharVarying(None)
            | DataType::CharacterVarying(None) => Type::Str,
            DataType::Bool | DataType::Boolean => Type::Bool,
            DataType::Timestamp(..) | DataType::TimestampNtz(_) | DataType::Datetime(_) => Type::Time,
            other => {
                let help = match other {
                    DataType::Date => "write date_trunc('day', CAST(x AS timestamp))",
                    DataType::Numeric(_) | DataType::Decimal(_) | DataType::Dec(_) => "write round(x, places)",
                    DataType::Varchar(_) | DataType::Char(_) | DataType::CharVarying(_) => "write left(x, n)",
                    _ => "types are bigint, double precision, boolean, timestamp, json and text",
                };
                return self.wrong("expr.type", at, format!("the type {other} is not known here"), help);
            }
        })
    }

    /// Requires that a cast can succeed for some value.
    pub(super) fn castable(&mut self, arg: &Node, target: Type, at: Option<usize>) -> Option<()> {
        let found = arg.ty();
        let help = match (found, target) {
            (Type::Time, Type::Int | Type::Float) => format!("write extract(epoch FROM {})", Show(arg)),
            (Type::Int | Type::Float | Type::Number, Type::Time) => {
                format!("write to_timestamp({}) where it is seconds since 1970", Show(arg))
            }
            (Type::Bool, Type::Float) => format!("write CASE WHEN {} THEN 1.0 ELSE 0.0 END", Show(arg)),
            (Type::Float, Type::Bool) => format!("write {} <> 0", Show(arg)),
            (Type::Time, Type::Bool) | (Type::Bool, Type::Time) => "write a comparison".to_owned(),
            _ => return Some(()),
        };
        self.wrong("expr.type", at, format!("{} cannot be cast to {}", found.word(), target.word()), help)
    }
}

/// A node as text in a message, cut where it is long.
struct Show<'a>(&'a Node);

impl std::fmt::Display for Show<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let text = super::Tree(self.0.clone()).to_string();
        f.write_str(if text.chars().count() > 40 { "x" } else { &text })
    }
}

/// The seconds of `90 seconds`, `1 hour 30 minutes` or `1h30m`.
pub(super) fn interval_seconds(text: &str) -> Option<f64> {
    if let Ok(span) = crate::time::parse_span(text) {
        return Some(span.0 as f64 / 1e6);
    }
    let mut words = text.split_whitespace();
    let mut micros = 0.0;
    while let Some(number) = words.next() {
        let number: f64 = number.parse().ok()?;
        micros += number
            * match words.next().map(str::to_ascii_lowercase)?.as_str() {
                "microsecond" | "microseconds" | "us" => 1.0,
                "millisecond" | "milliseconds" | "ms" => 1e3,
                "second" | "seconds" | "sec" | "secs" | "s" => 1e6,
                "minute" | "minutes" | "min" | "mins" | "m" => 6e7,
                "hour" | "hours" | "h" => 3.6e9,
                "day" | "days" | "d" => 8.64e10,
                "week" | "weeks" | "w" => 6.048e11,
                _ => return None,
            };
    }
    let seconds = micros / 1e6;
    (seconds.is_finite() && !text.is_empty()).then_some(seconds)
}
