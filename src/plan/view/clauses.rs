//! The clauses of a view that are about columns and about the order of rows, added to its chain.

use super::draft::{Chain, Column, Draft};
use super::{Planner, ViewFeed, shape};
use crate::config::{Located, TopConfig, ViewConfig};
use crate::error::Problem;
use crate::expr::{self, SeriesExpr, Tree, Type};
use crate::plan::select::problem;
use crate::result::{RowKind, RowSchema};
use crate::time::Span;
use crate::view::{Operation, Project, Route, Step, Top};

/// In how many shares the first rows of a window are found.
const SHARDS: u64 = 64;

impl Planner<'_> {
    /// Reads an expression that may have series functions.
    pub(super) fn parse(
        &mut self,
        view: &ViewConfig,
        text: &Located<String>,
        step: Option<i64>,
        draft: &Draft,
    ) -> Option<SeriesExpr> {
        let of = match expr::parse_series_with(&text.value, &self.extensions.functions) {
            Ok(of) => of,
            Err(list) => {
                self.problems.extend(list.into_iter().map(|e| problem(text, e)));
                return None;
            }
        };
        let before = self.problems.len();
        let trees = of.calls.iter().map(|call| &call.arg).chain([&of.tree]);
        for path in trees.flat_map(Tree::paths) {
            let problem = draft.names.missing(&path, text);
            if let Some(problem) = problem.filter(|problem| !self.problems[before..].contains(problem)) {
                self.problems.push(problem);
            }
        }
        if !of.calls.is_empty() {
            let forever = draft.project.input.keep >= RowSchema::FOREVER;
            match step.filter(|_| !forever && draft.project.input.kind == RowKind::Window) {
                None => {
                    let message = format!("'{}' has no windows that are equally far apart", view.name);
                    let help = "series functions look at the windows before: read a window with a size (and no time_zone or \
                                step), or give the view a size and write it in having";
                    self.problems.push(text.problem("view.series", message, Some(help.into())));
                }
                Some(step) => {
                    for call in of.calls.iter().filter(|call| call.span % step != 0) {
                        let message =
                            format!("{} is no whole number of slides, which are {}", Span(call.span), Span(step));
                        let help = format!("use a multiple of {}", Span(step));
                        self.problems
                            .push(Problem { column: call.column, ..text.problem("view.series", message, Some(help)) });
                    }
                }
            }
        }
        (self.problems.len() == before).then_some(of)
    }

    pub(super) fn set(
        &mut self,
        view: &ViewConfig,
        name: &str,
        text: &Located<String>,
        step: Option<i64>,
        chain: &mut Chain,
    ) {
        let draft = &mut chain.draft;
        if draft.dimensions.iter().any(|(one, _)| one == name) {
            let message = format!("'{name}' is a dimension of the rows");
            let help = "use another name; group_by of a view with a size makes other dimensions";
            self.problems.push(text.problem("view.column", message, Some(help.into())));
            return;
        }
        let slot = match self.parse(view, text, step, draft) {
            Some(of) => match draft.expression(&of, step.unwrap_or(1)) {
                Column::Slot(slot) => slot,
                Column::Program(program, made_of, back) => {
                    let slot = draft.slot(made_of, back);
                    draft.project.steps.push(Step::Set(slot, program));
                    slot
                }
            },
            // Later expressions may read it.
            None => draft.slot(0, 0),
        };
        draft.names.add(name, slot);
        match draft.values.iter_mut().find(|(one, _)| one == name) {
            Some(value) => value.1 = slot,
            None => draft.values.push((name.to_owned(), slot)),
        }
    }

    pub(super) fn keep(
        &mut self,
        what: &str,
        view: &ViewConfig,
        text: &Located<String>,
        step: Option<i64>,
        chain: &mut Chain,
    ) {
        let Some(of) = self.parse(view, text, step, &chain.draft) else { return };
        if !matches!(of.tree.ty(), Type::Any | Type::Bool) {
            let message = format!("{what} is {}, not true or false", of.tree.ty().word());
            let help = "write a comparison, such as errors > 5";
            self.problems.push(text.problem("view.where", message, Some(help.into())));
            return;
        }
        let draft = &mut chain.draft;
        match draft.expression(&of, step.unwrap_or(1)) {
            Column::Program(program, _, back) => {
                draft.project.steps.push(Step::Keep(program));
                draft.kept_back = draft.kept_back.max(back);
            }
            Column::Slot(slot) => {
                let tree = expr::field(&crate::event::FieldPath::new(vec!["kept".into()]));
                draft.project.steps.push(Step::Keep(expr::compile(&tree, &mut |_| slot)));
                draft.kept_back = draft.kept_back.max(draft.back[slot]);
            }
        }
    }

    /// A column of the rows as they are, by name.
    pub(super) fn column(&mut self, name: &Located<String>, draft: &Draft) -> Option<usize> {
        let path = crate::event::FieldPath::new(vec![name.value.clone()]);
        match draft.names.missing(&path, name) {
            None => draft.names.slot(&name.value),
            Some(problem) => {
                self.problems.push(problem);
                None
            }
        }
    }

    /// Reports a clause that rows over all of time, or matches, cannot have.
    pub(super) fn refuse(&mut self, what: &str, at: &Located<String>, schema: &RowSchema, matches_too: bool) {
        let (message, help) = match schema.kind {
            _ if schema.keep >= RowSchema::FOREVER && !matches_too => (
                format!("{what} is not for rows over all of time: they would be kept for ever"),
                "read a window that has a size",
            ),
            RowKind::Window => return,
            _ if matches_too => (
                format!("{what} is not for matches, which have no windows"),
                "give the view a size and select first, or read a view that has these",
            ),
            _ => return,
        };
        self.problems.push(at.problem("view.kind", message, Some(help.into())));
    }

    pub(super) fn distinct(&mut self, columns: &[Located<String>], chain: &mut Chain) {
        self.refuse("distinct", &columns[0], &chain.schema, true);
        let cells: Vec<usize> = columns.iter().filter_map(|name| self.column(name, &chain.draft)).collect();
        let mut out = chain.current();
        out.dimensions = columns.iter().map(|name| name.value.clone()).collect();
        out.values.clear();
        out.capped = false;
        let whole = chain.schema.keep >= RowSchema::FOREVER;
        if whole {
            self.refuse("distinct", &columns[0], &chain.schema, false);
        }
        let input = chain.schema.clone();
        let draft = std::mem::replace(&mut chain.draft, Draft::new(&input, None));
        let (project, parts) = draft.finish(None, Vec::new());
        let route = Route::Window { cells, whole, shards: 1, bare: true, life: chain.schema.keep };
        chain.step(vec![ViewFeed { parts, project, route }], Operation::Distinct, out);
    }

    pub(super) fn top(&mut self, top: &TopConfig, chain: &mut Chain) {
        self.refuse("top", &top.by, &chain.schema, true);
        if chain.draft.values.iter().chain(&chain.draft.dimensions).any(|(name, _)| name == shape::RANK) {
            let message = "the rows have a column 'rank', which top adds";
            let help = "choose other columns in a view before, or give it another name there";
            self.problems.push(top.by.problem("view.column", message, Some(help.into())));
        }
        let by = chain.draft.names.parse(&top.by, self.extensions, self.problems);
        let per: Vec<usize> = top.per.iter().filter_map(|name| self.column(name, &chain.draft)).collect();
        let Some(by) = by.map(|tree| chain.draft.column(&tree)) else {
            chain.draft.values.push((shape::RANK.into(), 0));
            chain.draft.names.add(shape::RANK, 0);
            return;
        };
        let mut out = chain.current();
        let whole = chain.schema.keep >= RowSchema::FOREVER;
        // The columns of `per` are where the draft has them in the first round, and where it has put them in the second.
        let place = |slot: usize, draft: &Draft| {
            let dimension = draft.dimensions.iter().position(|(_, one)| *one == slot).map(|at| 2 + at);
            let value = draft.values.iter().position(|(_, one)| *one == slot);
            match slot {
                0 | 1 => Some(slot),
                _ => dimension.or(value.map(|at| 2 + draft.dimensions.len() + 1 + at)),
            }
        };
        let later: Vec<usize> = per.iter().filter_map(|slot| place(*slot, &chain.draft)).collect();
        let mut between = out.clone();
        between.values.insert(0, "by".into());
        let input = chain.schema.clone();
        let draft = std::mem::replace(&mut chain.draft, Draft::new(&input, None));
        let values = std::iter::once(by).chain(draft.value_slots()).collect();
        let (project, parts) = draft.finish(None, values);
        let life = chain.schema.keep;
        let route = Route::Window { cells: per, whole, shards: SHARDS, bare: false, life };
        let first = Top { n: top.n, ascending: top.ascending, last: false };
        let last = Top { last: true, ..first.clone() };
        chain.step(vec![ViewFeed { parts, project, route }], Operation::Top(first), between.clone());
        let route = Route::Window { cells: later, whole, shards: 1, bare: false, life };
        let feed = ViewFeed { parts: None, project: Project::identity(&between), route };
        out.values.push(shape::RANK.into());
        chain.step(vec![feed], Operation::Top(last), out);
    }

    pub(super) fn columns(&mut self, columns: &[Located<String>], chain: &mut Chain) {
        let mut chosen = Vec::new();
        for name in columns {
            if self.column(name, &chain.draft).is_none() {
                continue;
            }
            chosen.extend(chain.draft.values.iter().find(|(one, _)| *one == name.value).cloned());
        }
        if !columns.is_empty() {
            chain.draft.values = chosen;
        }
    }
}
