//! The checked tree of an expression: what it reads, what it gives, what must hold for it to be TRUE.
//!
//! Invariants:
//! 1. A tree is at most [`MAX_DEPTH`] nodes deep, so that every walk over it (and its drop) may recurse.
//! 2. Constant operands that SQL types before it runs (a time written as text, a negative number) are already typed.
//! 3. Only the `post` tree of a select, which has no `Path`, and the trees of a pattern or series have `Aggregate` leaves.

use super::function::{Function, Returns};
use super::user::UserFunction;
use crate::event::FieldPath;
use std::sync::Arc;

/// The deepest tree that is accepted.
pub const MAX_DEPTH: usize = 100;

/// What is known about the values of an expression before it runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Type {
    /// TRUE or FALSE.
    Bool,
    /// A whole number.
    Int,
    /// A number with a fraction.
    Float,
    /// A whole number or one with a fraction, by row.
    Number,
    /// A moment.
    Time,
    /// Text.
    Str,
    /// An object or an array.
    Json,
    /// Any value: a field of an event, or NULL.
    Any,
}

impl Type {
    /// The word that messages use.
    pub fn word(self) -> &'static str {
        match self {
            Type::Bool => "boolean",
            Type::Int => "integer",
            Type::Float => "float",
            Type::Number => "number",
            Type::Time => "timestamp",
            Type::Str => "text",
            Type::Json => "JSON",
            Type::Any => "any",
        }
    }

    /// True for the types of numbers.
    pub fn is_number(self) -> bool {
        matches!(self, Type::Int | Type::Float | Type::Number)
    }

    /// True where a value of type `self` can never be compared with one of type `other`.
    pub fn clashes(self, other: Type) -> bool {
        self != Type::Any && other != Type::Any && self != other && !(self.is_number() && other.is_number())
    }
}

/// A value written in the text of an expression.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Literal {
    Null,
    Bool(bool),
    Int(i64),
    /// Never NaN or infinite.
    Float(f64),
    /// Microseconds since 1970, UTC.
    Time(i64),
    Str(String),
}

/// In the order of the table in `compare.rs`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparison {
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Arithmetic {
    Add,
    Sub,
    Mul,
    Div,
    Rem,
}

/// What `IS` asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Test {
    Null,
    True,
    False,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Node {
    Const(Literal),
    Path(FieldPath),
    Aggregate(usize),
    /// Two or more.
    And(Vec<Node>),
    /// Two or more.
    Or(Vec<Node>),
    Not(Box<Node>),
    Compare(Comparison, Box<Node>, Box<Node>),
    /// `IS DISTINCT FROM`, or `IS NOT DISTINCT FROM` where negated.
    Distinct {
        a: Box<Node>,
        b: Box<Node>,
        negated: bool,
    },
    Arithmetic(Arithmetic, Box<Node>, Box<Node>),
    Negate(Box<Node>),
    /// `||`; NULL where one part is.
    Join(Box<Node>, Box<Node>),
    In {
        arg: Box<Node>,
        list: Vec<Node>,
        negated: bool,
    },
    Between {
        arg: Box<Node>,
        low: Box<Node>,
        high: Box<Node>,
        negated: bool,
    },
    Like {
        arg: Box<Node>,
        pattern: Box<Node>,
        /// `None`: nothing escapes.
        escape: Option<char>,
        insensitive: bool,
        negated: bool,
    },
    Is {
        arg: Box<Node>,
        test: Test,
        negated: bool,
    },
    Case {
        operand: Option<Box<Node>>,
        branches: Vec<(Node, Node)>,
        otherwise: Option<Box<Node>>,
    },
    /// The target is one of Bool, Int, Float, Time, Str.
    Cast(Box<Node>, Type),
    Call(&'static Function, Vec<Node>),
    /// A function of the program.
    User(Arc<UserFunction>, Vec<Node>),
}

impl Comparison {
    pub(super) fn symbol(self) -> &'static str {
        match self {
            Comparison::Eq => "=",
            Comparison::Ne => "<>",
            Comparison::Lt => "<",
            Comparison::Le => "<=",
            Comparison::Gt => ">",
            Comparison::Ge => ">=",
        }
    }

    /// The comparison with its sides exchanged.
    pub(super) fn flipped(self) -> Self {
        match self {
            Comparison::Lt => Comparison::Gt,
            Comparison::Le => Comparison::Ge,
            Comparison::Gt => Comparison::Lt,
            Comparison::Ge => Comparison::Le,
            same => same,
        }
    }
}

impl Arithmetic {
    pub(super) fn symbol(self) -> &'static str {
        match self {
            Arithmetic::Add => "+",
            Arithmetic::Sub => "-",
            Arithmetic::Mul => "*",
            Arithmetic::Div => "/",
            Arithmetic::Rem => "%",
        }
    }

    fn ty(self, a: Type, b: Type) -> Type {
        use Type::{Any, Float, Int, Number, Time};
        match (self, a, b) {
            (Arithmetic::Sub, _, Time) => Float,
            (Arithmetic::Sub, Time, Any) => Any,
            (Arithmetic::Add | Arithmetic::Sub, Time, _) | (Arithmetic::Add, _, Time) => Time,
            (_, Int, Int) => Int,
            (_, Float, b) if b.is_number() => Float,
            (_, a, Float) if a.is_number() => Float,
            (Arithmetic::Add, a, b) if a == Any || b == Any => Any,
            (Arithmetic::Sub, Any, _) => Any,
            _ => Number,
        }
    }
}

impl Node {
    pub(super) fn str(text: &str) -> Node {
        Node::Const(Literal::Str(text.to_owned()))
    }

    /// Calls `f` for each child, in the order of the text.
    pub(super) fn children<'a>(&'a self, f: &mut dyn FnMut(&'a Node)) {
        match self {
            Node::Const(_) | Node::Path(_) | Node::Aggregate(_) => {}
            Node::And(list) | Node::Or(list) | Node::Call(_, list) | Node::User(_, list) => list.iter().for_each(f),
            Node::Not(a) | Node::Negate(a) | Node::Is { arg: a, .. } | Node::Cast(a, _) => f(a),
            Node::Compare(_, a, b)
            | Node::Distinct { a, b, .. }
            | Node::Arithmetic(_, a, b)
            | Node::Join(a, b)
            | Node::Like { arg: a, pattern: b, .. } => {
                f(a);
                f(b);
            }
            Node::In { arg, list, .. } => {
                f(arg);
                list.iter().for_each(f);
            }
            Node::Between { arg, low, high, .. } => {
                f(arg);
                f(low);
                f(high);
            }
            Node::Case { operand, branches, otherwise } => {
                operand.iter().for_each(|n| f(n));
                for (condition, result) in branches {
                    f(condition);
                    f(result);
                }
                otherwise.iter().for_each(|n| f(n));
            }
        }
    }

    pub(super) fn ty(&self) -> Type {
        match self {
            Node::Const(literal) => match literal {
                Literal::Null => Type::Any,
                Literal::Bool(_) => Type::Bool,
                Literal::Int(_) => Type::Int,
                Literal::Float(_) => Type::Float,
                Literal::Time(_) => Type::Time,
                Literal::Str(_) => Type::Str,
            },
            Node::Path(_) | Node::Aggregate(_) => Type::Any,
            Node::And(_)
            | Node::Or(_)
            | Node::Not(_)
            | Node::Compare(..)
            | Node::Distinct { .. }
            | Node::In { .. }
            | Node::Between { .. }
            | Node::Like { .. }
            | Node::Is { .. } => Type::Bool,
            Node::Arithmetic(op, a, b) => op.ty(a.ty(), b.ty()),
            Node::Negate(a) => Some(a.ty()).filter(|t| t.is_number()).unwrap_or(Type::Number),
            Node::Join(..) => Type::Str,
            Node::Case { branches, otherwise, .. } => {
                common(branches.iter().map(|(_, result)| result).chain(otherwise.as_deref()))
            }
            Node::Cast(_, target) => *target,
            Node::User(function, _) => function.returns,
            Node::Call(function, args) => match function.returns {
                Returns::Always(ty) => ty,
                Returns::First => args.first().map_or(Type::Any, Node::ty),
                Returns::FirstNumber => args.first().map(Node::ty).filter(|t| t.is_number()).unwrap_or(Type::Number),
                Returns::Common => common(args.iter()),
                Returns::Remainder => match args.as_slice() {
                    [a, b] => Arithmetic::Rem.ty(a.ty(), b.ty()),
                    _ => Type::Number,
                },
            },
        }
    }

    /// True where the value is the same for every row.
    pub(super) fn is_constant(&self) -> bool {
        let mut constant = match self {
            Node::Path(_) | Node::Aggregate(_) | Node::User(..) => false,
            Node::Call(function, _) => function.name != "event_time",
            _ => true,
        };
        self.children(&mut |child| constant = constant && child.is_constant());
        constant
    }

    fn paths(&self, seen: &mut std::collections::BTreeSet<FieldPath>, out: &mut Vec<FieldPath>) {
        if let Node::Path(path) = self
            && seen.insert(path.clone())
        {
            out.push(path.clone());
        }
        self.children(&mut |child| child.paths(seen, out));
    }

    /// The path and the texts of a test that only those texts can pass.
    fn string_test(&self) -> Option<(FieldPath, Vec<String>)> {
        match self {
            Node::Compare(Comparison::Eq, a, b) => match (a.as_ref(), b.as_ref()) {
                (Node::Path(path), Node::Const(Literal::Str(text)))
                | (Node::Const(Literal::Str(text)), Node::Path(path)) => Some((path.clone(), vec![text.clone()])),
                _ => None,
            },
            Node::In { arg, list, negated: false } => {
                let Node::Path(path) = arg.as_ref() else { return None };
                let mut texts = Vec::new();
                for item in list {
                    match item {
                        Node::Const(Literal::Str(text)) if !texts.contains(text) => texts.push(text.clone()),
                        Node::Const(Literal::Str(_) | Literal::Null) => {}
                        _ => return None,
                    }
                }
                Some((path.clone(), texts))
            }
            Node::Or(list) => {
                let mut parts = list.iter().map(Node::string_test);
                let (path, mut texts) = parts.next()??;
                for part in parts {
                    let (other, more) = part?;
                    if other != path {
                        return None;
                    }
                    for text in more {
                        if !texts.contains(&text) {
                            texts.push(text);
                        }
                    }
                }
                Some((path, texts))
            }
            _ => None,
        }
    }

    fn string_conjuncts(&self, out: &mut Vec<(FieldPath, Vec<String>)>) {
        match self {
            Node::And(list) => list.iter().for_each(|n| n.string_conjuncts(out)),
            other => match (other.string_test(), other) {
                (Some(test), _) => out.push(test),
                // What every part asks of a path.
                (None, Node::Or(list)) => {
                    let mut parts = list.iter().map(|n| {
                        let mut of = Vec::new();
                        n.string_conjuncts(&mut of);
                        of
                    });
                    let mut common = parts.next().unwrap_or_default();
                    for part in parts {
                        common.retain_mut(|(path, texts)| match part.iter().find(|(p, _)| p == path) {
                            Some((_, more)) => {
                                texts.extend(more.iter().filter(|t| !texts.contains(t)).cloned().collect::<Vec<_>>());
                                true
                            }
                            None => false,
                        });
                    }
                    out.append(&mut common);
                }
                _ => {}
            },
        }
    }
}

/// The type that holds all of `nodes`; NULL literals fit any.
fn common<'a>(nodes: impl Iterator<Item = &'a Node>) -> Type {
    let mut found: Option<Type> = None;
    for node in nodes.filter(|n| !matches!(n, Node::Const(Literal::Null))) {
        let ty = node.ty();
        found = Some(match found {
            None => ty,
            Some(old) if old == ty => ty,
            Some(old) if old.is_number() && ty.is_number() => Type::Number,
            Some(_) => Type::Any,
        });
    }
    found.unwrap_or(Type::Any)
}

/// A parsed and checked expression; its names are not resolved yet. `Display` writes normalised SQL.
#[derive(Debug, Clone, PartialEq)]
pub struct Tree(pub(super) Node);

impl Tree {
    /// The paths it reads, each once, in the order of their first use.
    pub fn paths(&self) -> Vec<FieldPath> {
        let mut out = Vec::new();
        self.0.paths(&mut std::collections::BTreeSet::new(), &mut out);
        out
    }

    /// What is known about its values.
    pub fn ty(&self) -> Type {
        self.0.ty()
    }

    /// Tests of a path against texts, all of which must hold for the whole to be TRUE: `path = 'text'`,
    /// `path IN ('a', 'b')`, and an OR of such tests of one path. A row that fails one cannot pass.
    pub fn string_conjuncts(&self) -> Vec<(FieldPath, Vec<String>)> {
        let mut out = Vec::new();
        self.0.string_conjuncts(&mut out);
        out
    }

    /// True where it reads no field, no time and no aggregate.
    pub fn is_constant(&self) -> bool {
        self.0.is_constant()
    }
}
