//! A tree, turned into normalised SQL text that parses back to the same tree.

use super::Tree;
use super::tree::{Literal, Node, Test, Type};
use crate::event::FieldPath;
use crate::time::{EventTime, format_rfc3339};
use std::fmt::{self, Display, Formatter, Write};

/// How tightly a node binds; an operand that binds less than its place needs is put in parentheses.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    Or,
    And,
    Not,
    Predicate,
    Join,
    Add,
    Mul,
    Unary,
    Atom,
}

impl Display for Tree {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        show(&self.0, Level::Or, f)
    }
}

fn level(node: &Node) -> Level {
    use super::tree::Arithmetic::{Add, Sub};
    match node {
        Node::Const(Literal::Int(n)) if *n < 0 => Level::Unary,
        Node::Const(Literal::Float(n)) if n.is_sign_negative() => Level::Unary,
        Node::Const(_)
        | Node::Path(_)
        | Node::Aggregate(_)
        | Node::Call(..)
        | Node::User(..)
        | Node::Cast(..)
        | Node::Case { .. } => Level::Atom,
        Node::Or(_) => Level::Or,
        Node::And(_) => Level::And,
        Node::Not(_) => Level::Not,
        Node::Compare(..)
        | Node::Distinct { .. }
        | Node::In { .. }
        | Node::Between { .. }
        | Node::Like { .. }
        | Node::Is { .. } => Level::Predicate,
        Node::Join(..) => Level::Join,
        Node::Arithmetic(Add | Sub, ..) => Level::Add,
        Node::Arithmetic(..) => Level::Mul,
        Node::Negate(_) => Level::Unary,
    }
}

fn show(node: &Node, least: Level, f: &mut Formatter<'_>) -> fmt::Result {
    let own = level(node);
    if own < least {
        f.write_char('(')?;
        body(node, own, f)?;
        return f.write_char(')');
    }
    body(node, own, f)
}

fn body(node: &Node, own: Level, f: &mut Formatter<'_>) -> fmt::Result {
    let not = |negated: bool| if negated { "NOT " } else { "" };
    match node {
        Node::Const(literal) => constant(literal, f),
        Node::Path(path) => show_path(path, f),
        Node::Aggregate(i) => write!(f, "aggregate_{i}"),
        Node::And(list) => separated(list, " AND ", Level::Not, f),
        Node::Or(list) => separated(list, " OR ", Level::And, f),
        Node::Not(a) => {
            f.write_str("NOT ")?;
            show(a, Level::Not, f)
        }
        Node::Compare(op, a, b) => binary(a, op.symbol(), b, Level::Join, f),
        Node::Distinct { a, b, negated } => {
            binary(a, if *negated { "IS NOT DISTINCT FROM" } else { "IS DISTINCT FROM" }, b, Level::Join, f)
        }
        Node::Arithmetic(op, a, b) => {
            show(a, own, f)?;
            write!(f, " {} ", op.symbol())?;
            show(b, if own == Level::Add { Level::Mul } else { Level::Unary }, f)
        }
        Node::Negate(a) => {
            f.write_char('-')?;
            show(a, Level::Atom, f)
        }
        Node::Join(a, b) => {
            show(a, Level::Join, f)?;
            f.write_str(" || ")?;
            show(b, Level::Add, f)
        }
        Node::In { arg, list, negated } => {
            show(arg, Level::Join, f)?;
            write!(f, " {}IN (", not(*negated))?;
            separated(list, ", ", Level::Or, f)?;
            f.write_char(')')
        }
        Node::Between { arg, low, high, negated } => {
            show(arg, Level::Join, f)?;
            write!(f, " {}BETWEEN ", not(*negated))?;
            show(low, Level::Join, f)?;
            f.write_str(" AND ")?;
            show(high, Level::Join, f)
        }
        Node::Like { arg, pattern, escape, insensitive, negated } => {
            show(arg, Level::Join, f)?;
            write!(f, " {}{} ", not(*negated), if *insensitive { "ILIKE" } else { "LIKE" })?;
            show(pattern, Level::Join, f)?;
            match escape {
                Some('\\') => Ok(()),
                Some(c) => {
                    f.write_str(" ESCAPE ")?;
                    quoted(c.encode_utf8(&mut [0; 4]), '\'', f)
                }
                None => f.write_str(" ESCAPE ''"),
            }
        }
        Node::Is { arg, test, negated } => {
            show(arg, Level::Join, f)?;
            let word = match test {
                Test::Null => "NULL",
                Test::True => "TRUE",
                Test::False => "FALSE",
            };
            write!(f, " IS {}{word}", not(*negated))
        }
        Node::Case { operand, branches, otherwise } => {
            f.write_str("CASE")?;
            if let Some(operand) = operand {
                f.write_char(' ')?;
                show(operand, Level::Or, f)?;
            }
            for (condition, result) in branches {
                f.write_str(" WHEN ")?;
                show(condition, Level::Or, f)?;
                f.write_str(" THEN ")?;
                show(result, Level::Or, f)?;
            }
            if let Some(otherwise) = otherwise {
                f.write_str(" ELSE ")?;
                show(otherwise, Level::Or, f)?;
            }
            f.write_str(" END")
        }
        Node::Cast(arg, target) => {
            f.write_str("CAST(")?;
            show(arg, Level::Or, f)?;
            let word = match target {
                Type::Int => "bigint",
                Type::Float | Type::Number => "double precision",
                Type::Bool => "boolean",
                Type::Time => "timestamp",
                Type::Str | Type::Json | Type::Any => "text",
            };
            write!(f, " AS {word})")
        }
        Node::User(function, args) => {
            show_path(&FieldPath::new(vec![function.name.clone()]), f)?;
            f.write_char('(')?;
            separated(args, ", ", Level::Or, f)?;
            f.write_char(')')
        }
        Node::Call(function, args) => {
            write!(f, "{}(", function.name)?;
            separated(args, ", ", Level::Or, f)?;
            f.write_char(')')
        }
    }
}

fn separated(list: &[Node], between: &str, least: Level, f: &mut Formatter<'_>) -> fmt::Result {
    for (i, node) in list.iter().enumerate() {
        if i > 0 {
            f.write_str(between)?;
        }
        show(node, least, f)?;
    }
    Ok(())
}

fn binary(a: &Node, op: &str, b: &Node, least: Level, f: &mut Formatter<'_>) -> fmt::Result {
    show(a, least, f)?;
    write!(f, " {op} ")?;
    show(b, least, f)
}

fn constant(literal: &Literal, f: &mut Formatter<'_>) -> fmt::Result {
    match literal {
        Literal::Null => f.write_str("NULL"),
        Literal::Bool(v) => f.write_str(if *v { "TRUE" } else { "FALSE" }),
        Literal::Int(v) => write!(f, "{v}"),
        Literal::Float(v) => write!(f, "{v:?}"),
        Literal::Time(us) => write!(f, "TIMESTAMP '{}'", format_rfc3339(EventTime(*us))),
        Literal::Str(text) => quoted(text, '\'', f),
    }
}

fn quoted(text: &str, quote: char, f: &mut Formatter<'_>) -> fmt::Result {
    f.write_char(quote)?;
    for c in text.chars() {
        if c == quote {
            f.write_char(quote)?;
        }
        f.write_char(c)?;
    }
    f.write_char(quote)
}

fn show_path(path: &FieldPath, f: &mut Formatter<'_>) -> fmt::Result {
    for (i, step) in path.steps().iter().enumerate() {
        if i > 0 {
            f.write_char('.')?;
        }
        let mut chars = step.chars();
        let plain = chars.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
            && chars.all(|c| c.is_ascii_alphanumeric() || c == '_');
        if plain && (i > 0 || super::parse::reads_as_name(step)) {
            f.write_str(step)?;
        } else {
            quoted(step, '"', f)?;
        }
    }
    Ok(())
}
