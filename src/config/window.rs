//! One table of `[windows]` into a [`WindowConfig`]; the rules for its columns.

use super::early;
use super::reader::{Context, Fields, is_name};
use super::sections::{MOST_VALUES, RESERVED, WINDOW};
use super::settings::{Expressions, Located, PreAggregate, WindowConfig, WindowShape};
use super::shape;
use super::tree::{Data, Node};
use super::value;

/// Reads one window; `None` where its input or size is not known.
pub(super) fn read(name: &str, node: &Node, ctx: &mut Context) -> Option<WindowConfig> {
    let fields = Fields::open(node, &[&WINDOW], ctx)?;
    fields.unknown_keys(&[], ctx);
    let from = fields.list("from", ctx);
    let (shape, time_zone) = shape::read(&fields, ctx);
    let (early, early_wall) = early::read(&fields, shape, time_zone.is_some(), ctx);
    let allowed_lateness = fields.or_default("allowed_lateness", ctx, value::span);
    let group_by = dimensions(&fields, ctx);
    let select = fields.expressions("select", ctx);
    check_columns(&fields, &group_by, &select, ctx);
    let mode = fields.get("pre_aggregate", ctx, value::word).expect("the key has a default in the reference");
    let pre_aggregate = match mode.value {
        "always" => PreAggregate::Always,
        "never" => PreAggregate::Never,
        _ => PreAggregate::Auto,
    };
    let max_groups = max_groups(&fields, shape, &mode, ctx);
    if from.is_empty() {
        return None;
    }
    Some(WindowConfig {
        name: name.to_owned(),
        line: node.place.line,
        from,
        shape: shape?,
        time_zone,
        early,
        early_wall,
        allowed_lateness,
        too_late: fields.get("too_late", ctx, value::text),
        group_by,
        max_groups,
        select,
        pre_aggregate,
    })
}

/// The cap on groups; reported where it stands with something that it has no meaning for.
fn max_groups(
    fields: &Fields<'_>,
    shape: Option<WindowShape>,
    pre_aggregate: &Located<&str>,
    ctx: &mut Context,
) -> Option<u64> {
    let most = fields.get("max_groups", ctx, value::count)?;
    let grouped = fields.entry("group_by", ctx).1.is_some() || fields.misspells(&["group_by"]);
    let mut wrong = |message: &str, help: &str| {
        ctx.problems.push(most.problem("window.max_groups", message, Some(help.to_owned())));
    };
    if let Some(WindowShape::Session { .. }) = shape {
        let help = "remove it; for fewer sessions group by less or sample by the key, or use a size instead of a gap";
        wrong("max_groups is not for a session, which is a window of one group", help);
    } else if !grouped {
        wrong("max_groups is not for a window without group_by, which has one group", "remove it, or add group_by");
    }
    if pre_aggregate.value == "never" {
        let help = "remove pre_aggregate; with max_groups events are always aggregated before they are sent";
        let message = "pre_aggregate cannot be never with max_groups";
        ctx.problems.push(pre_aggregate.problem("window.max_groups", message, Some(help.into())));
    }
    Some(most.value)
}

/// The dimensions: a table of expressions, or a list of fields, each named by its last step.
pub(super) fn dimensions(fields: &Fields<'_>, ctx: &mut Context) -> Expressions {
    let (_, node) = fields.entry("group_by", ctx);
    let Some(Node { data: Data::Array(items), .. }) = node else {
        return fields.expressions("group_by", ctx);
    };
    let mut list = Vec::new();
    for item in items {
        let Data::Text { text, from_env } = &item.data else {
            if !matches!(item.data, Data::Broken) {
                let message = format!("a field of group_by must be text, found {}", item.found());
                ctx.problems.push(item.place.problem("config.type", message, None));
            }
            continue;
        };
        if *from_env {
            let message = "a list of fields names its columns, so it cannot come from the environment";
            let help = "give it a name, such as group_by = { page = \"${FIELD}\" }";
            ctx.problems.push(item.place.problem("config.env", message, Some(help.into())));
        } else if text.split('.').all(|step| is_name(step, false)) {
            let name = text.rsplit('.').next().unwrap_or(text);
            list.push((name.to_owned(), item.located(text.clone())));
        } else {
            let message = format!("'{}' is not a field", value::shown(item));
            let help = "give an expression a name, such as group_by = { page = \"lower(data.page)\" }";
            ctx.problems.push(item.place.problem("config.value", message, Some(help.into())));
        }
    }
    list
}

/// Reports columns that are reserved, used twice, too many or none.
fn check_columns(fields: &Fields<'_>, group_by: &Expressions, select: &Expressions, ctx: &mut Context) {
    let mut seen: Vec<&str> = Vec::new();
    for (name, at) in group_by.iter().chain(select) {
        if RESERVED.contains(&name.as_str()) {
            let message = format!("'{name}' is a column that every row has");
            let help = format!("use another name, such as {name}_value");
            ctx.problems.push(at.problem("window.reserved", message, Some(help)));
        } else if seen.contains(&name.as_str()) {
            let message = format!("two columns are named '{name}'");
            let help = "rename one; a list of fields names each by its last step, a table { name = \"expression\" } as you say";
            ctx.problems.push(at.problem("window.column", message, Some(help.into())));
        }
        seen.push(name);
    }
    let (key, node) = fields.entry("select", ctx);
    let Some(Node { data: Data::Table(entries), place }) = node else { return };
    if entries.is_empty() {
        let help = format!("for example select = {}", key.example);
        ctx.problems.push(place.problem("window.select", "select has no values", Some(help)));
    } else if entries.len() > MOST_VALUES {
        let message = format!("select has {} values, more than {MOST_VALUES}", entries.len());
        ctx.problems.push(place.problem("window.select", message, Some("use two windows".into())));
    }
}
