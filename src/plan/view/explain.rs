//! Views, turned into what a person, a program or Graphviz reads: their clauses, their columns, what goes between workers
//! and how long rows are kept.

use super::{Keyed, ViewPlan};
use crate::plan::Plan;
use crate::result::RowSchema;
use crate::time::Span;
use crate::view::{Operation, Route};
use serde_json::{Value, json};

/// The lines about one view.
pub(in crate::plan) fn lines(plan: &Plan, view: &ViewPlan) -> Vec<String> {
    let schema = &plan.schemas[view.part as usize];
    let mut list = Vec::new();
    let mut say = |name: &str, text: &str| list.push(format!("{name:<13} {text}"));
    for (name, text) in view.clauses.iter().filter(|(name, _)| *name != "from") {
        say(name, text);
    }
    say("columns", &schema.columns().collect::<Vec<_>>().join(", "));
    for step in &view.steps {
        for (route, what) in routes(step) {
            say("exchanges", &what);
            say("kept", &kept(route));
        }
    }
    say("state", &revisions(view, schema));
    list
}

/// The ways of rows into a step, and what they are exchanged by.
fn routes(step: &Keyed) -> impl Iterator<Item = (&Route, String)> {
    step.feeds.iter().map(move |feed| {
        let what = match (&step.operation, &feed.route) {
            (Operation::Top(top), _) if !top.last => {
                "rows by window and share of the groups, for the first of each share"
            }
            (Operation::Top(_), _) => "the first rows of each share by window",
            (Operation::Distinct, _) => "rows by window and columns",
            (Operation::Series { .. }, _) => "rows by group",
            (Operation::Outer(_), _) => "rows by window and group",
            (_, Route::Partner { side: 0, window: true, .. }) => "rows by window and the columns of on",
            (_, Route::Partner { side: 0, .. }) => "rows by the columns of on",
            _ => "partners by the same",
        };
        (&feed.route, what.to_owned())
    })
}

/// How long a row is kept behind the end of its window, or that of a window it is in.
fn life(route: &Route) -> i64 {
    match route {
        Route::Window { life, .. }
        | Route::Group { life }
        | Route::Partner { life, .. }
        | Route::Outer { life, .. } => *life,
    }
}

fn kept(route: &Route) -> String {
    match (life(route), route) {
        (life, _) if life >= RowSchema::FOREVER => "a row for ever: the groups are of all time".to_owned(),
        (life, Route::Outer { .. }) => {
            format!("a row until the watermark passes the end of the window over windows + {}", Span(life))
        }
        (life, _) => format!("a row until the watermark passes its window_end + {}", Span(life)),
    }
}

fn revisions(view: &ViewPlan, schema: &RowSchema) -> String {
    if view.steps.is_empty() && view.last.keeps_all() {
        "none: each row that comes is one that goes".to_owned()
    } else if schema.keep >= RowSchema::FOREVER {
        "the last revision of each group, for ever".to_owned()
    } else {
        format!("the last revision of each row, until the watermark passes its window_end + {}", Span(schema.keep))
    }
}

/// A view as JSON.
pub(in crate::plan) fn json(plan: &Plan, view: &ViewPlan) -> Value {
    let schema = &plan.schemas[view.part as usize];
    let steps: Vec<Value> = view
        .steps
        .iter()
        .map(|step| {
            let forever = |us: i64| (us < RowSchema::FOREVER).then_some(us);
            json!({
                "does": step.operation.name(),
                "exchanges": routes(step).map(|(_, what)| what).collect::<Vec<_>>(),
                "kept_us": step.feeds.iter().map(|feed| forever(life(&feed.route))).collect::<Vec<_>>(),
            })
        })
        .collect();
    json!({
        "name": view.name,
        "from": view.from,
        "clauses": view.clauses.iter().map(|(name, text)| json!({ "clause": name, "text": text })).collect::<Vec<_>>(),
        "columns": schema.columns().collect::<Vec<_>>(),
        "dimensions": schema.dimensions,
        "steps": steps,
        "changes_for_us": (schema.keep < RowSchema::FOREVER).then_some(schema.keep),
    })
}

/// What stands in the node of a view.
pub(in crate::plan) fn label(view: &ViewPlan) -> String {
    let all = view.clauses.iter().filter(|(name, _)| *name != "from").map(|(name, text)| format!("\n{name} {text}"));
    format!("{}{}", view.name, all.collect::<String>())
}
