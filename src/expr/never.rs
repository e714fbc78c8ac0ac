//! Conditions that hold in no row, as far as that can be seen before there are rows.

use super::compile::compile_match;
use super::eval::{Rows, Scratch};
use super::tree::{Literal, Node, Test, Tree};
use crate::event::Value;

/// Whether there is a call in it.
pub(super) fn reads_calls(node: &Node) -> bool {
    let mut found = matches!(node, Node::Aggregate(_));
    node.children(&mut |child| found = found || reads_calls(child));
    found
}

/// True where a condition is FALSE or NULL in every row; `null` tells which calls are NULL.
pub(super) fn never_true(node: &Node, null: &dyn Fn(usize) -> bool) -> bool {
    if node.is_constant() {
        return !matches!(constant(node), Some(true));
    }
    match node {
        Node::And(list) => list.iter().any(|n| never_true(n, null)),
        Node::Or(list) => list.iter().all(|n| never_true(n, null)),
        Node::Is { arg, test: Test::Null, negated: true } => always_null(arg, null),
        Node::Is { arg, test: Test::True, negated: false } => never_true(arg, null),
        other => always_null(other, null),
    }
}

fn always_null(node: &Node, null: &dyn Fn(usize) -> bool) -> bool {
    match node {
        Node::Const(literal) => *literal == Literal::Null,
        Node::Aggregate(i) => null(*i),
        Node::Not(a) | Node::Negate(a) | Node::Cast(a, _) | Node::Between { arg: a, .. } | Node::In { arg: a, .. } => {
            always_null(a, null)
        }
        Node::Compare(_, a, b)
        | Node::Arithmetic(_, a, b)
        | Node::Join(a, b)
        | Node::Like { arg: a, pattern: b, .. } => always_null(a, null) || always_null(b, null),
        _ => false,
    }
}

/// The truth value of a constant condition.
fn constant(node: &Node) -> Option<bool> {
    let program = compile_match(&Tree(node.clone()), &mut |_| 0, &|i| i);
    let (mut arena, mut out) = (Vec::new(), Vec::new());
    program.eval(&Rows { columns: &[], time: &[0] }, &mut arena, &[0], &mut Scratch::default(), &mut out);
    match out.first()?.value(&arena) {
        Value::Bool(truth) => Some(truth),
        _ => None,
    }
}
