//! A tree, turned into code whose leaves are columns: constants folded, tests against constants made ready.
//!
//! A constant part is computed once, here, unless that fails: then it stays, so that each row counts the failure.

use super::compare::{FALSE, Needle, Predicate, TRUE, TextSet};
use super::eval::{Program, Rows, Scratch};
use super::function;
use super::heap::Heap;
use super::like::Pattern;
use super::tree::{Arithmetic, Comparison, Literal, Node, Test, Tree, Type};
use super::user::UserFunction;
use super::{pattern, zones};
use crate::event::{Cell, FieldPath, Value};
use jiff::tz::TimeZone;
use regex::Regex;
use std::sync::Arc;

/// A value known before any row.
#[derive(Debug, Clone)]
pub(super) enum Constant {
    /// Neither text nor JSON.
    Cell(Cell),
    Text(Box<[u8]>),
}

/// One step of a program. It reads columns and constants, and writes one cell for each selected row.
#[derive(Debug, Clone)]
pub(super) enum Code {
    Const(Constant),
    Slot(usize),
    EventTime,
    And(Vec<Code>),
    Or(Vec<Code>),
    Not(Box<Code>),
    Test(Box<Code>, Predicate),
    Compare(Comparison, Box<Code>, Box<Code>),
    Distinct(Box<Code>, Box<Code>, bool),
    Arithmetic(Arithmetic, Box<Code>, Box<Code>),
    Negate(Box<Code>),
    In {
        arg: Box<Code>,
        list: Vec<Code>,
        negated: bool,
    },
    Between {
        arg: Box<Code>,
        low: Box<Code>,
        high: Box<Code>,
        negated: bool,
    },
    Like {
        arg: Box<Code>,
        pattern: Box<Code>,
        escape: Option<char>,
        insensitive: bool,
        negated: bool,
    },
    Case {
        operand: Option<Box<Code>>,
        branches: Vec<(Code, Code)>,
        otherwise: Option<Box<Code>>,
    },
    Cast(Box<Code>, Type),
    Coalesce(Vec<Code>),
    NullIf(Box<Code>, Box<Code>),
    Extreme {
        list: Vec<Code>,
        greatest: bool,
    },
    /// Where strict, NULL if one part is.
    Concat {
        list: Vec<Code>,
        strict: bool,
    },
    /// The values as text with the first between them.
    ConcatWs(Vec<Code>),
    Call(fn(&[Cell], &mut Heap<'_>) -> Cell, Vec<Code>),
    Regex(Regex, fn(&Regex, &[Cell], &mut Heap<'_>) -> Cell, Vec<Code>),
    User(Arc<UserFunction>, Vec<Code>),
    Zoned(Option<TimeZone>, fn(Option<&TimeZone>, &[Cell], &mut Heap<'_>) -> Cell, Vec<Code>),
}

/// Turns a tree into a program; `resolve` gives the column of each path.
pub fn compile(tree: &Tree, resolve: &mut dyn FnMut(&FieldPath) -> usize) -> Program {
    Program { code: Compiler { path: resolve, aggregate: &|i| i }.code(&tree.0) }
}

/// Turns the `post` tree of a [`Select`](super::Select) into a program; `slot_of_aggregate` gives the column of each
/// aggregate's results.
pub fn compile_post(tree: &Tree, slot_of_aggregate: &dyn Fn(usize) -> usize) -> Program {
    let path = &mut |_: &FieldPath| unreachable!("the tree of a select has no paths (invariant 3 of tree.rs)");
    Program { code: Compiler { path, aggregate: slot_of_aggregate }.code(&tree.0) }
}

/// Turns the tree of a [`MatchExpr`](super::MatchExpr) into a program; `resolve` gives the column of each field of the
/// event, `slot_of_call` that of each call's results.
pub fn compile_match(
    tree: &Tree,
    resolve: &mut dyn FnMut(&FieldPath) -> usize,
    slot_of_call: &dyn Fn(usize) -> usize,
) -> Program {
    Program { code: Compiler { path: resolve, aggregate: slot_of_call }.code(&tree.0) }
}

struct Compiler<'a> {
    path: &'a mut dyn FnMut(&FieldPath) -> usize,
    aggregate: &'a dyn Fn(usize) -> usize,
}

impl Compiler<'_> {
    fn code(&mut self, node: &Node) -> Code {
        let code = self.plain(node);
        match code {
            Code::Const(_) => code,
            code if node.is_constant() => fold(code),
            code => code,
        }
    }

    fn boxed(&mut self, node: &Node) -> Box<Code> {
        Box::new(self.code(node))
    }

    fn list(&mut self, nodes: &[Node]) -> Vec<Code> {
        nodes.iter().map(|n| self.code(n)).collect()
    }

    fn plain(&mut self, node: &Node) -> Code {
        match node {
            Node::Const(literal) => Code::Const(match literal {
                Literal::Null => Constant::Cell(Cell::NULL),
                Literal::Bool(v) => Constant::Cell(Cell::bool(*v)),
                Literal::Int(v) => Constant::Cell(Cell::int(*v)),
                Literal::Float(v) => Constant::Cell(Cell::float(*v)),
                Literal::Time(v) => Constant::Cell(Cell::time(*v)),
                Literal::Str(v) => Constant::Text(v.as_bytes().into()),
            }),
            Node::Path(path) => Code::Slot((self.path)(path)),
            Node::Aggregate(i) => Code::Slot((self.aggregate)(*i)),
            Node::And(list) => Code::And(self.list(list)),
            Node::Or(list) => Code::Or(self.list(list)),
            Node::Not(a) => Code::Not(self.boxed(a)),
            Node::Compare(op, a, b) => match (self.boxed(a), self.boxed(b)) {
                (a, b) if matches!(*b, Code::Const(_)) => against(*op, a, b),
                (a, b) if matches!(*a, Code::Const(_)) => against(op.flipped(), b, a),
                (a, b) => Code::Compare(*op, a, b),
            },
            Node::Distinct { a, b, negated } => Code::Distinct(self.boxed(a), self.boxed(b), *negated),
            Node::Arithmetic(op, a, b) => Code::Arithmetic(*op, self.boxed(a), self.boxed(b)),
            Node::Negate(a) => Code::Negate(self.boxed(a)),
            Node::Join(a, b) => {
                // a chain is one step, so that no text is copied twice
                let mut list = match self.code(a) {
                    Code::Concat { list, strict: true } => list,
                    other => vec![other],
                };
                list.push(self.code(b));
                Code::Concat { list, strict: true }
            }
            Node::In { arg, list, negated } => {
                let (arg, list) = (self.boxed(arg), self.list(list));
                match text_set(&list) {
                    Some((set, with_null)) => Code::Test(arg, Predicate::TextIn { set, with_null, negated: *negated }),
                    None => Code::In { arg, list, negated: *negated },
                }
            }
            Node::Between { arg, low, high, negated } => {
                let [arg, low, high] = [arg, low, high].map(|n| self.boxed(n));
                // of a column, two tests against constants are cheaper than one loop over three operands
                if let (Code::Slot(_), Code::Const(_), Code::Const(_)) = (&*arg, &*low, &*high) {
                    return if *negated {
                        Code::Or(vec![against(Comparison::Lt, arg.clone(), low), against(Comparison::Gt, arg, high)])
                    } else {
                        Code::And(vec![against(Comparison::Ge, arg.clone(), low), against(Comparison::Le, arg, high)])
                    };
                }
                Code::Between { arg, low, high, negated: *negated }
            }
            Node::Like { arg, pattern, escape, insensitive, negated } => {
                let (arg, pattern) = (self.boxed(arg), self.boxed(pattern));
                if let Code::Const(Constant::Text(text)) = &*pattern
                    && let Some(pattern) = Pattern::new(text, *escape, *insensitive)
                {
                    return Code::Test(arg, Predicate::Like { pattern, negated: *negated });
                }
                Code::Like { arg, pattern, escape: *escape, insensitive: *insensitive, negated: *negated }
            }
            Node::Is { arg, test, negated } => {
                let negated = *negated;
                let predicate = match test {
                    Test::Null => Predicate::Null { negated },
                    Test::True => Predicate::Truth { wanted: TRUE, negated },
                    Test::False => Predicate::Truth { wanted: FALSE, negated },
                };
                Code::Test(self.boxed(arg), predicate)
            }
            Node::Case { operand, branches, otherwise } => Code::Case {
                operand: operand.as_ref().map(|n| self.boxed(n)),
                branches: branches.iter().map(|(test, result)| (self.code(test), self.code(result))).collect(),
                otherwise: otherwise.as_ref().map(|n| self.boxed(n)),
            },
            Node::Cast(arg, target) => Code::Cast(self.boxed(arg), *target),
            Node::User(function, args) => Code::User(Arc::clone(function), self.list(args)),
            Node::Call(function, args) => match function.code {
                function::Code::Scalar(run) => Code::Call(run, self.list(args)),
                function::Code::Regex(flags, run) => {
                    let flags = args.get(flags).and_then(text).unwrap_or("");
                    let regex = args.get(1).and_then(text).and_then(|p| pattern::regex(p, flags).ok());
                    Code::Regex(regex.expect("the checker has compiled it"), run, self.list(args))
                }
                function::Code::Zoned(run) => {
                    let name = function.zone(args.len()).and_then(|at| args.get(at));
                    let zone =
                        name.map(|n| text(n).and_then(|n| zones::find(n).ok()).expect("the checker has found it"));
                    Code::Zoned(zone, run, self.list(args))
                }
                function::Code::ConcatWs => Code::ConcatWs(self.list(args)),
                function::Code::EventTime => Code::EventTime,
                function::Code::Coalesce => Code::Coalesce(self.list(args)),
                function::Code::NullIf => Code::NullIf(self.boxed(&args[0]), self.boxed(&args[1])),
                function::Code::Greatest => Code::Extreme { list: self.list(args), greatest: true },
                function::Code::Least => Code::Extreme { list: self.list(args), greatest: false },
                function::Code::Concat => Code::Concat { list: self.list(args), strict: false },
            },
        }
    }
}

/// The text of a literal.
fn text(node: &Node) -> Option<&str> {
    match node {
        Node::Const(Literal::Str(text)) => Some(text),
        _ => None,
    }
}

/// A comparison with a constant.
fn against(op: Comparison, arg: Box<Code>, constant: Box<Code>) -> Code {
    let predicate = match &*constant {
        Code::Const(Constant::Text(text)) => match op {
            Comparison::Eq | Comparison::Ne => {
                Predicate::Text { needle: Needle::new(text), negated: op == Comparison::Ne }
            }
            _ => Predicate::Order { op, text: text.clone() },
        },
        Code::Const(Constant::Cell(cell)) => match cell.value(&[]) {
            Value::Int(value) => Predicate::Int { op, value },
            Value::Float(value) => Predicate::Float { op, value },
            Value::Time(value) => Predicate::Time { op, value },
            _ => return Code::Compare(op, arg, constant),
        },
        _ => return Code::Compare(op, arg, constant),
    };
    Code::Test(arg, predicate)
}

/// The texts of a list that is nothing but texts (at least one) and NULLs, and whether there is a NULL.
fn text_set(list: &[Code]) -> Option<(TextSet, bool)> {
    let (mut texts, mut with_null) = (Vec::new(), false);
    for item in list {
        match item {
            Code::Const(Constant::Text(text)) => texts.push(text.clone()),
            Code::Const(Constant::Cell(cell)) if cell.is_null() => with_null = true,
            _ => return None,
        }
    }
    (!texts.is_empty()).then(|| (TextSet::new(texts), with_null))
}

/// Computes code that reads no row.
fn fold(code: Code) -> Code {
    let program = Program { code };
    let (mut arena, mut scratch, mut out) = (Vec::new(), Scratch::default(), Vec::new());
    program.eval(&Rows { columns: &[], time: &[0] }, &mut arena, &[0], &mut scratch, &mut out);
    if scratch.failures() > 0 {
        return program.code;
    }
    Code::Const(match out[0].value(&arena) {
        Value::Str(text) => Constant::Text(text.into()),
        Value::Json(_) => return program.code,
        _ => Constant::Cell(out[0]),
    })
}
