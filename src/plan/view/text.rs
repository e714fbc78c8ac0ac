//! What a view says, as text for `explain`.

use crate::config::{Expressions, Located, ViewConfig};
use crate::result::RowKind;

/// What a view says, clause by clause.
/// `with`: what the rows that a join reads are.
pub(super) fn clauses(view: &ViewConfig, with: Option<RowKind>) -> Vec<(&'static str, String)> {
    let all = |list: &Expressions| {
        let each = list.iter().map(|(name, text)| format!("{name} = {}", text.value));
        each.collect::<Vec<_>>().join(", ")
    };
    let names = |list: &[Located<String>]| {
        let each: Vec<&str> = list.iter().map(|name| name.value.as_str()).collect();
        each.join(", ")
    };
    let mut clauses = vec![("from", names(&view.from))];
    if let Some(join) = &view.join {
        let kind = if join.left { "left " } else { "" };
        let on = all(&join.on);
        let on = if on.is_empty() { String::new() } else { format!(" on {on}") };
        let within = match (&join.within, with) {
            (Some(within), _) => format!(", newest within {}", within.value),
            (None, Some(RowKind::Table)) => ", as it is now".to_owned(),
            (None, Some(RowKind::Versions)) => ", as it was in the last moment".to_owned(),
            (None, _) => ", of the same window".to_owned(),
        };
        clauses.push(("join", format!("{kind}with {}{on}{within}", join.with.value)));
        if !join.add.is_empty() {
            clauses.push(("add", all(&join.add)));
        }
    }
    let text = |text: &Located<String>| text.value.clone();
    if !view.set.is_empty() {
        clauses.push(("set", all(&view.set)));
    }
    clauses.extend(view.filter.as_ref().map(|filter| ("where", text(filter))));
    if let Some(size) = &view.size {
        let slide = view.slide.as_ref().map_or(String::new(), |slide| format!(" every {}", slide.value));
        clauses.push(("windows", format!("{}{slide}", size.value)));
        if !view.group_by.is_empty() {
            clauses.push(("group_by", all(&view.group_by)));
        }
        clauses.push(("select", all(&view.select)));
    }
    clauses.extend(view.having.as_ref().map(|having| ("having", text(having))));
    if !view.distinct.is_empty() {
        clauses.push(("distinct", names(&view.distinct)));
    }
    if let Some(top) = &view.top {
        let order = if top.ascending { "least" } else { "greatest" };
        let per = if top.per.is_empty() { String::new() } else { format!(" and {}", names(&top.per)) };
        clauses.push(("top", format!("{} by {}, {order} first, per window{per}", top.n, top.by.value)));
    }
    if !view.columns.is_empty() {
        clauses.push(("columns", names(&view.columns)));
    }
    clauses
}
