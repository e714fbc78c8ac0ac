//! One table of `[joins]` into a [`JoinConfig`].

use super::reader::{Context, Fields};
use super::reference::{Key, KeyKind};
use super::sections::{JOIN, JOIN_ON, JOIN_WITHIN};
use super::settings::{JoinConfig, JoinKind, Located};
use super::tree::{Data, Node};
use super::value;
use crate::time::Span;

/// Reads one join; `None` where what it joins, or how, is not known.
pub(super) fn read(name: &str, node: &Node, ctx: &mut Context) -> Option<JoinConfig> {
    let fields = Fields::open(node, &[&JOIN], ctx)?;
    fields.unknown_keys(&[], ctx);
    let [left, right] = ["left", "right"].map(|side| fields.get(side, ctx, value::text));
    let on = on(&fields, ctx);
    let within = within(&fields, ctx);
    let kind = match fields.or_default("kind", ctx, value::word) {
        "left" => JoinKind::Left,
        _ => JoinKind::Inner,
    };
    let allowed_lateness = fields.or_default("allowed_lateness", ctx, value::span);
    let (before, after) = within?;
    Some(JoinConfig {
        name: name.to_owned(),
        line: node.place.line,
        from: [left?, right?],
        on: on?,
        before,
        after,
        kind,
        allowed_lateness,
    })
}

/// One expression for both sides, or a table of two.
fn on(fields: &Fields<'_>, ctx: &mut Context) -> Option<[Located<String>; 2]> {
    let (_, node) = fields.entry("on", ctx);
    if let Some(node) = node.filter(|node| matches!(node.data, Data::Table(_))) {
        let table = Fields::open(node, &[&JOIN_ON], ctx)?;
        table.unknown_keys(&[], ctx);
        let [left, right] = ["left", "right"].map(|side| table.get(side, ctx, value::text));
        return Some([left?, right?]);
    }
    let one = fields.get("on", ctx, value::text)?;
    Some([one.clone(), one])
}

/// How much earlier and later than the left event the right one may be: one span for both, or a table of two.
fn within(fields: &Fields<'_>, ctx: &mut Context) -> Option<(Span, Span)> {
    let (key, node) = fields.entry("within", ctx);
    let KeyKind::SpanOrSection { least, most } = key.kind else { return None };
    if let Some(node) = node.filter(|node| matches!(node.data, Data::Table(_))) {
        let table = Fields::open(node, &[&JOIN_WITHIN], ctx)?;
        table.unknown_keys(&[], ctx);
        let [before, after] = ["before", "after"].map(|side| table.or_default(side, ctx, value::span));
        return Some((before, after));
    }
    let span = KeyKind::Span { least, most };
    let read = |node: &Node, key: &Key| match value::span(node, &Key { kind: span, ..*key }) {
        // The table is as good as the span.
        Err(Some(wrong)) if wrong.code == "config.type" => {
            let message = wrong.message.replace(&span.to_string(), &key.kind.to_string());
            value::wrong(wrong.code, message, wrong.help)
        }
        read => read,
    };
    let both = fields.get("within", ctx, read)?;
    Some((both.value, both.value))
}
