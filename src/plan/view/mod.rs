//! The settings of a view, turned into the chain of work that makes its rows.
//!
//! Clauses are read in their order. What needs no other row (`set`, `where`, the choice of columns) gathers in a draft of one
//! [`Project`]; what needs others ends the draft with a [`Keyed`] step and begins the next.

mod clauses;
mod draft;
mod explain;
mod join;
mod outer;
mod shape;
#[cfg(test)]
mod tests;
mod text;

pub(super) use explain::{json, label, lines};
pub(super) use shape::schemas;

use super::Extensions;
use crate::config::{Config, Located, ViewConfig, WindowShape};
use crate::error::Problem;
use crate::result::{RowKind, RowSchema};
use crate::view::{Operation, Project, Route};
use draft::{Chain, Draft};

/// The most values of a row.
const MOST_VALUES: usize = 64;

/// A view.
#[derive(Debug)]
pub struct ViewPlan {
    /// Its name.
    pub name: String,
    /// The parts whose rows it reads, those of its join too.
    pub from: Vec<String>,
    /// What needs all rows under a key, in order.
    pub steps: Vec<Keyed>,
    /// What is done at the end.
    pub last: Project,
    /// The parts that the last step reads, where there is no step before it.
    pub parts: Vec<u32>,
    /// Its index among the schemas.
    pub part: u32,
    /// Its clauses, for `explain`.
    pub clauses: Vec<(&'static str, String)>,
}

/// A step that needs all rows under a key.
#[derive(Debug)]
pub struct Keyed {
    /// What comes in.
    pub feeds: Vec<ViewFeed>,
    /// What is done.
    pub operation: Operation,
    /// As of the schema of the rows that come out.
    pub keep: i64,
}

/// Rows that come into a step.
#[derive(Debug)]
pub struct ViewFeed {
    /// The parts that they are of; `None`: what the step before has made.
    pub parts: Option<Vec<u32>>,
    /// What is made of them first.
    pub project: Project,
    /// Where they go.
    pub route: Route,
}

/// Plans the views, each after those it reads; of one with problems there is none.
pub(super) fn views(
    (config, extensions): (&Config, &Extensions),
    schemas: &[RowSchema],
    problems: &mut Vec<Problem>,
) -> Vec<ViewPlan> {
    let before = config.windows.len() + config.patterns.len() + config.recommended_parts().count();
    let first = before + config.joined_tables().count();
    let steps = windows_apart(config);
    let mut list = Vec::new();
    for i in config.views_in_order() {
        let view = &config.views[i];
        let before = problems.len();
        let planner = Planner { extensions, schemas, steps: &steps, problems };
        let plan = planner.view(view, (first + i) as u32);
        if problems.len() == before {
            list.extend(plan);
        }
    }
    list
}

/// For each part how far apart its windows are, where that is always the same.
fn windows_apart(config: &Config) -> Vec<(&str, Option<i64>)> {
    let mut steps: Vec<(&str, Option<i64>)> = Vec::new();
    for window in &config.windows {
        let apart = match window.shape {
            WindowShape::Sliding { slide, .. } if window.time_zone.is_none() => Some(slide.0),
            _ => None,
        };
        steps.push((&window.name, apart));
    }
    for i in config.views_in_order() {
        let view = &config.views[i];
        let of = |name: &str| steps.iter().find(|(one, _)| *one == name).and_then(|(_, step)| *step);
        let mut all = view.from.iter().map(|from| of(&from.value));
        let first = all.next().flatten().filter(|first| all.all(|other| other == Some(*first)));
        let own = view.slide.as_ref().or(view.size.as_ref()).map(|span| span.value.0);
        steps.push((&view.name, own.or(first)));
    }
    steps
}

/// A view that is being planned.
struct Planner<'a> {
    extensions: &'a Extensions,
    schemas: &'a [RowSchema],
    steps: &'a [(&'a str, Option<i64>)],
    problems: &'a mut Vec<Problem>,
}

impl Planner<'_> {
    fn view(mut self, view: &ViewConfig, part: u32) -> Option<ViewPlan> {
        let schema = shape::input(view, self.schemas)?;
        let parts = self.parts(view)?;
        let draft = Draft::new(&schema, Some(parts));
        let mut chain = Chain { steps: Vec::new(), schema, draft };
        let step = self.step_of(view);
        if let Some(join) = &view.join {
            self.join(join, &mut chain);
        }
        // Windows have one row a window and group, so what looks back knows which row.
        let before = (view.join.is_none() || chain.schema.kind == RowKind::Window).then_some(step).flatten();
        for (name, text) in &view.set {
            self.set(view, name, text, before, &mut chain);
        }
        if let Some(text) = &view.filter {
            self.keep("where", view, text, before, &mut chain);
        }
        if view.size.is_some() {
            chain.settle();
            self.windows(view, &mut chain);
        }
        let own = view.slide.as_ref().or(view.size.as_ref()).map(|span| span.value.0);
        if let Some(text) = &view.having {
            self.keep("having", view, text, own.or(before), &mut chain);
        }
        chain.settle();
        if !view.distinct.is_empty() {
            self.distinct(&view.distinct, &mut chain);
        }
        if let Some(top) = &view.top {
            self.top(top, &mut chain);
        }
        self.columns(&view.columns, &mut chain);
        if let Some((_, at)) = chain.draft.values.get(MOST_VALUES).zip(view.from.first()) {
            let message = format!("the rows of '{}' have {} values", view.name, chain.draft.values.len());
            let help = format!("choose up to {MOST_VALUES} with columns = [..]");
            self.problems.push(at.problem("view.column", message, Some(help)));
        }
        let Chain { steps, draft, .. } = chain;
        let values = draft.value_slots();
        let (last, parts) = draft.finish(None, values);
        let with = view.join.as_ref().and_then(|join| shape::named(self.schemas, &join.with.value));
        let with = with.map(|schema| schema.kind);
        Some(ViewPlan {
            name: view.name.clone(),
            from: view.reads().map(|from| from.value.clone()).collect(),
            steps,
            last,
            parts: parts.unwrap_or_default(),
            part,
            clauses: text::clauses(view, with),
        })
    }

    /// The parts that are read, where their columns agree.
    fn parts(&mut self, view: &ViewConfig) -> Option<Vec<u32>> {
        let mut parts = Vec::new();
        let mut first: Option<(&Located<String>, &RowSchema)> = None;
        for from in &view.from {
            let part = self.schemas.iter().position(|schema| schema.name == from.value)?;
            let schema = &self.schemas[part];
            if let Some((one, other)) = first {
                let columns = |schema: &RowSchema| schema.columns().map(str::to_owned).collect::<Vec<_>>();
                let same = columns(other) == columns(schema) && other.dimensions.len() == schema.dimensions.len();
                if !same || other.kind != schema.kind {
                    let message = format!("{} and {} have other columns", one.value, from.value);
                    let help = format!(
                        "{} has {}; {} has {}; views of one of them each can make them alike",
                        one.value,
                        columns(other).join(", "),
                        from.value,
                        columns(schema).join(", ")
                    );
                    self.problems.push(from.problem("view.from", message, Some(help)));
                    return None;
                }
                if (other.keep >= RowSchema::FOREVER) != (schema.keep >= RowSchema::FOREVER) {
                    let message = "windows over all of time have no rows in common with others";
                    self.problems.push(from.problem("view.from", message, Some("read them in two views".into())));
                    return None;
                }
            }
            first = first.or(Some((from, schema)));
            parts.push(part as u32);
        }
        Some(parts)
    }

    /// How far apart the windows are that the view reads.
    fn step_of(&self, view: &ViewConfig) -> Option<i64> {
        let mut all = view
            .from
            .iter()
            .map(|from| self.steps.iter().find(|(name, _)| *name == from.value).and_then(|(_, step)| *step));
        let first = all.next().flatten()?;
        all.all(|other| other == Some(first)).then_some(first)
    }
}
