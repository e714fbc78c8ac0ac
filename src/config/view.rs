//! One table of `[views]` into a [`ViewConfig`]; the rules for what its clauses mean together.
//!
//! Rules:
//! 1. `select`, `slide` and `group_by` belong to a view with a `size`, and one with a `size` has a `select`.
//! 2. The slide divides the size or is a multiple of it; a row is in a bounded number of windows.
//! 3. Columns are unique and not reserved; `rank` is that of `top`.

use super::reader::{Context, Fields};
use super::sections::{MOST_OVERLAP, MOST_VALUES, RESERVED};
use super::sections::{VIEW, VIEW_JOIN, VIEW_TOP};
use super::settings::{Expressions, Located, TopConfig, ViewConfig, ViewJoin};
use super::tree::Node;
use super::value;
use super::{slide, window};

/// The column that `top` adds.
pub(super) const RANK: &str = "rank";

/// Reads one view; `None` where its input is not known.
pub(super) fn read(name: &str, node: &Node, ctx: &mut Context) -> Option<ViewConfig> {
    let fields = Fields::open(node, &[&VIEW], ctx)?;
    fields.unknown_keys(&[], ctx);
    let from = fields.list("from", ctx);
    let join = join(&fields, ctx);
    let set = fields.expressions("set", ctx);
    let filter = fields.get("where", ctx, value::text);
    let size = fields.get("size", ctx, value::span);
    let slide = fields.get("slide", ctx, value::span);
    let group_by = window::dimensions(&fields, ctx);
    let select = fields.expressions("select", ctx);
    let having = fields.get("having", ctx, value::text);
    let distinct = fields.list("distinct", ctx);
    let top = top(&fields, ctx);
    let columns = fields.list("columns", ctx);
    if fields.entry("size", ctx).1.is_none() {
        for key in ["slide", "group_by", "select"] {
            if let Some(node) = fields.entry(key, ctx).1 {
                let message = format!("{key} is for a view with windows of its own");
                let help = "add a size, such as size = \"1h\": a row is in the window that its own window ends in";
                ctx.problems.push(node.place.problem("view.size", message, Some(help.into())));
            }
        }
    } else if fields.entry("select", ctx).1.is_none() && !fields.misspells(&["select"]) {
        let help = "for example select = { errors = \"sum(errors)\" }";
        ctx.problems.push(fields.place.problem("config.required", "a view with size needs select", Some(help.into())));
    }
    if let (Some(size), Some(slide)) = (&size, &slide)
        && size.value.0 / slide.value.0 > MOST_OVERLAP
    {
        let message =
            format!("every row would be in {} windows, more than {MOST_OVERLAP}", size.value.0 / slide.value.0);
        let help = format!("use a slide of at least {}", slide::at_least(size.value, MOST_OVERLAP));
        ctx.problems.push(slide.problem("view.size", message, Some(help)));
    }
    check_columns(&set, top.is_some() && size.is_none(), ctx);
    let both: Expressions = group_by.iter().chain(&select).cloned().collect();
    check_columns(&both, top.is_some(), ctx);
    if let Some((_, at)) = select.get(MOST_VALUES) {
        let message = format!("select has {} values, more than {MOST_VALUES}", select.len());
        ctx.problems.push(at.problem("view.column", message, Some("use two views".into())));
    }
    if from.is_empty() {
        return None;
    }
    Some(ViewConfig {
        name: name.to_owned(),
        line: node.place.line,
        from,
        join,
        set,
        filter,
        size,
        slide,
        group_by,
        select,
        having,
        distinct,
        top,
        columns,
    })
}

fn join(fields: &Fields<'_>, ctx: &mut Context) -> Option<ViewJoin> {
    let (_, node) = fields.entry("join", ctx);
    let table = Fields::open(node?, &[&VIEW_JOIN], ctx)?;
    table.unknown_keys(&[], ctx);
    let with = table.get("with", ctx, value::text);
    let on = table.pairs("on", ctx);
    let left = table.or_default("kind", ctx, value::word) == "left";
    let within = table.get("within", ctx, value::span);
    let add = table.pairs("add", ctx);
    for (name, at) in &add {
        reserved(name, at, ctx);
    }
    Some(ViewJoin { with: with?, on, left, within, add })
}

fn top(fields: &Fields<'_>, ctx: &mut Context) -> Option<TopConfig> {
    let (_, node) = fields.entry("top", ctx);
    let table = Fields::open(node?, &[&VIEW_TOP], ctx)?;
    table.unknown_keys(&[], ctx);
    let n = table.get("n", ctx, value::count);
    let by = table.get("by", ctx, value::text);
    let ascending = table.or_default("order", ctx, value::word) == "asc";
    let mut per = table.list("per", ctx);
    per.retain(|column| column.value != "window");
    Some(TopConfig { n: n?.value, by: by?, ascending, per })
}

fn reserved(name: &str, at: &Located<String>, ctx: &mut Context) -> bool {
    let known = RESERVED.contains(&name);
    if known {
        let message = format!("'{name}' is a column that every row has");
        let help = format!("use another name, such as {name}_value");
        ctx.problems.push(at.problem("view.column", message, Some(help)));
    }
    known
}

/// Reports columns that are reserved or used twice.
fn check_columns(list: &Expressions, ranked: bool, ctx: &mut Context) {
    let mut seen: Vec<&str> = Vec::new();
    for (name, at) in list {
        if reserved(name, at, ctx) {
            continue;
        }
        if seen.contains(&name.as_str()) {
            let message = format!("two columns are named '{name}'");
            ctx.problems.push(at.problem("view.column", message, Some("rename one".into())));
        } else if ranked && name == RANK {
            let message = format!("'{name}' is the column that top adds");
            ctx.problems.push(at.problem("view.column", message, Some("rename it, such as rank_before".into())));
        }
        seen.push(name);
    }
}
