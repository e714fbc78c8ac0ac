//! The index of one line, turned into its plan: a parser of structural characters that never looks at a value.
//!
//! Errors: `None` where the grammar is broken, a key has an escape, or objects are nested very deep: not an answer,
//! but work for `careful`.

use super::index::class;
use super::projection::Projection;
use super::template::{Plan, Scalar, Source, View};

/// Nesting that the walk follows; what is deeper is rare.
const DEEPEST: usize = 64;

/// No node: nothing below is wanted.
const NOWHERE: u16 = u16::MAX;

/// An open object or array.
#[derive(Clone, Copy, Default)]
struct Frame {
    object: bool,
    /// The node whose children its keys are.
    node: u16,
    /// The node whose slots hold its text.
    filled: u16,
    opened: u16,
}

/// Fills `plan` with the plan of the line; `escapes`: it may have backslashes.
#[inline(never)]
pub(super) fn walk(view: &View<'_>, projection: &Projection, escapes: bool, plan: &mut Plan) -> Option<()> {
    plan.keys.clear();
    plan.scalars.clear();
    plan.slots.clear();
    plan.slots.resize(projection.slots + 1, Source::Null);
    let classes = view.line_classes();
    let class_at = |i: usize| classes.get(i).copied().unwrap_or(0);
    let mut stack = [Frame::default(); DEEPEST];
    let mut depth = 0;
    if class_at(0) != class::OPEN_OBJECT {
        return None;
    }
    let mut frame = Frame { object: true, node: 0, filled: NOWHERE, opened: 0 };
    let mut i = 1;
    let mut closed = class_at(1) == class::CLOSE_OBJECT;
    loop {
        if closed {
            if class_at(i) != if frame.object { class::CLOSE_OBJECT } else { class::CLOSE_ARRAY } {
                return None;
            }
            fill(projection, plan, frame.filled, Source::Json(frame.opened, i as u16));
            i += 1;
            if depth == 0 {
                plan.settle(projection);
                return (i == classes.len()).then_some(());
            }
            depth -= 1;
            frame = stack[depth];
        } else {
            // A member: a key where there is one, and a value.
            let mut node = NOWHERE;
            if frame.object {
                if [class_at(i), class_at(i + 1), class_at(i + 2)] != [class::QUOTE, class::QUOTE, class::COLON] {
                    return None;
                }
                let key = view.string(i as u16);
                if escapes && key.contains(&b'\\') {
                    return None;
                }
                plan.keys.push(i as u16);
                if frame.node != NOWHERE
                    && let Some(child) = projection.child(frame.node, key)
                {
                    node = child;
                    for slot in &projection.nodes[usize::from(child)].below {
                        plan.slots[usize::from(*slot)] = Source::Null;
                    }
                }
                i += 3;
            }
            let kind = class_at(i);
            let ordinal = i as u16;
            i += 1;
            match kind {
                class::QUOTE => {
                    // The index has quotes in pairs.
                    fill(projection, plan, node, Source::Text(ordinal));
                    i += 1;
                }
                class::NUMBER | class::TRUTH => {
                    fill(projection, plan, node, Source::Scalar(plan.scalars.len() as u16));
                    let scalar = if kind == class::NUMBER { Scalar::Number } else { Scalar::Truth };
                    plan.scalars.push((ordinal, scalar, false));
                }
                class::NULL => plan.scalars.push((ordinal, Scalar::Null, false)),
                class::OPEN_OBJECT | class::OPEN_ARRAY => {
                    let object = kind == class::OPEN_OBJECT;
                    *stack.get_mut(depth)? = frame;
                    depth += 1;
                    frame = Frame { object, node: if object { node } else { NOWHERE }, filled: node, opened: ordinal };
                    closed = matches!(class_at(i), class::CLOSE_OBJECT | class::CLOSE_ARRAY);
                    continue;
                }
                _ => return None,
            }
        }
        // After a value: another one, or the end of what it is in.
        closed = class_at(i) != class::COMMA;
        i += usize::from(!closed);
    }
}

#[inline]
fn fill(projection: &Projection, plan: &mut Plan, node: u16, source: Source) {
    if node != NOWHERE {
        for slot in &projection.nodes[usize::from(node)].slots {
            plan.slots[usize::from(*slot)] = source;
        }
    }
}
