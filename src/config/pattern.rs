//! One table of `[patterns]` into a [`PatternConfig`].

use super::reader::{Context, Fields, is_name};
use super::reference::{Key, KeyKind};
use super::sections::{MOST_TYPES, MOST_VALUES, PATTERN, PATTERN_RESERVED};
use super::settings::{Events, Expressions, Located, MatchMode, Matching, PatternConfig, Skip, WithinStep};
use super::tree::{Data, Node, one_line};
use super::value::{self, Read};
use crate::error::{Problem, Severity};

/// Reads one pattern; `None` where its input or what it matches is not known.
pub(super) fn read(name: &str, node: &Node, ctx: &mut Context) -> Option<PatternConfig> {
    let fields = Fields::open(node, &[&PATTERN], ctx)?;
    fields.unknown_keys(&[], ctx);
    let from = fields.list("from", ctx);
    let key = fields.get("key", ctx, value::text);
    let matching = matching(&fields, ctx);
    let define = fields.named("define", "a step", ctx);
    let within = fields.get("within", ctx, value::span);
    let within_step = within_step(&fields, ctx);
    let skip = fields.get("skip", ctx, skip).expect("the key has a default in the reference");
    let events = match fields.or_default("events", ctx, value::word) {
        "full" => Events::Full,
        "none" => Events::None,
        _ => Events::Ids,
    };
    let type_field = fields.get("type_field", ctx, value::field).expect("the key has a default in the reference");
    if let (Some(Matching::Text(_)), (_, Some(node))) = (&matching, fields.entry("type_field", ctx)) {
        let help = "remove it, or give match a list of event types";
        let problem =
            node.place.problem("pattern.type_field", "type_field is for a list of event types", Some(help.into()));
        ctx.problems.push(Problem { severity: Severity::Warning, ..problem });
    }
    let mode = match fields.or_default("mode", ctx, value::word) {
        "row" => MatchMode::Row,
        _ => MatchMode::Sequence,
    };
    let select = fields.expressions("select", ctx);
    check_columns(&select, ctx);
    let timed_out = fields.or_default("timed_out", ctx, value::flag);
    let allowed_lateness = fields.or_default("allowed_lateness", ctx, value::span);
    let max_partial_matches = fields.or_default("max_partial_matches", ctx, value::count);
    let event_id = fields.get("event_id", ctx, value::text).expect("the key has a default in the reference");
    let matching = matching?;
    if from.is_empty() {
        return None;
    }
    Some(PatternConfig {
        name: name.to_owned(),
        line: node.place.line,
        from,
        key,
        matching,
        define,
        within,
        within_step,
        skip,
        timed_out,
        allowed_lateness,
        max_partial_matches,
        event_id,
        events,
        type_field,
        mode,
        select,
    })
}

/// A pattern as text, or a list of event types.
fn matching(fields: &Fields<'_>, ctx: &mut Context) -> Option<Matching> {
    let (_, node) = fields.entry("match", ctx);
    let Some(Node { data: Data::Array(_), place }) = node else {
        return fields.get("match", ctx, value::text).map(Matching::Text);
    };
    let (key, node) = fields.entry("match", ctx);
    let items = ctx.keep(value::texts(node?, key), place)?;
    let count = items.len();
    if count > MOST_TYPES {
        let message = format!("match has {count} event types, more than {MOST_TYPES}");
        ctx.problems.push(place.problem("pattern.size", message, Some("write a pattern with quantifiers".into())));
        return None;
    }
    let mut types: Vec<Located<String>> = Vec::new();
    for (item, read) in items {
        types.extend(ctx.keep(read, &item.place).map(|text| item.located(text)));
    }
    (types.len() == count).then_some(Matching::Types(types))
}

/// A span for every gap, or a table of steps and spans.
fn within_step(fields: &Fields<'_>, ctx: &mut Context) -> WithinStep {
    let (key, node) = fields.entry("within_step", ctx);
    let (Some(node), KeyKind::SpanOrTable { least, most }) = (node, key.kind) else { return WithinStep::None };
    let span = Key { kind: KeyKind::Span { least, most }, ..*key };
    let Data::Table(entries) = &node.data else {
        let read = match value::span(node, &span) {
            // The table is as good as the span.
            Err(Some(wrong)) if wrong.code == "config.type" => value::wrong(
                wrong.code,
                wrong.message.replace(&span.kind.to_string(), &key.kind.to_string()),
                wrong.help,
            ),
            read => read,
        };
        return ctx.keep(read, &node.place).map_or(WithinStep::None, |s| WithinStep::Every(node.located(s)));
    };
    let mut steps = Vec::new();
    for (name, item) in entries {
        if let Some(read) = ctx.keep(value::span(item, &span), &item.place) {
            steps.push((name.clone(), item.located(read)));
        }
    }
    WithinStep::Steps(steps)
}

/// Where the search goes on after a match.
fn skip(node: &Node, key: &Key) -> Read<Skip> {
    let text = value::text(node, key)?;
    let text = text.trim();
    let step = |prefix: &str| {
        let step = text.strip_prefix(prefix)?.trim_start().strip_prefix('(')?.strip_suffix(')')?.trim();
        is_name(step, false).then(|| step.to_owned())
    };
    match text {
        "past_last" => return Ok(Skip::PastLast),
        "no_skip" => return Ok(Skip::NoSkip),
        "to_next" => return Ok(Skip::ToNext),
        _ => {}
    }
    if let Some(step) = step("to_first") {
        return Ok(Skip::ToFirst(step));
    }
    if let Some(step) = step("to_last") {
        return Ok(Skip::ToLast(step));
    }
    let help = match text {
        "to_first" | "to_last" => format!("name a step, such as skip = \"{text}(a)\""),
        _ => format!("skip is {}", key.kind),
    };
    value::wrong("config.value", format!("skip cannot be '{}'", one_line(value::shown(node).trim())), help)
}

/// Reports columns that are reserved, or too many.
fn check_columns(select: &Expressions, ctx: &mut Context) {
    for (name, at) in select {
        if PATTERN_RESERVED.contains(&name.as_str()) {
            let message = format!("'{name}' is a column that every match has");
            let help = format!("use another name, such as {name}_value");
            ctx.problems.push(at.problem("pattern.reserved", message, Some(help)));
        }
    }
    if let Some((_, at)) = select.get(MOST_VALUES) {
        let message = format!("select has {} values, more than {MOST_VALUES}", select.len());
        ctx.problems.push(at.problem("pattern.select", message, Some("use two patterns".into())));
    }
}
