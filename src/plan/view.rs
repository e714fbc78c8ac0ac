//! The settings of a view, turned into the chain of work that makes its rows.
//!
//! Clauses are read in their order. What needs no other row (`set`, `where`, the choice of columns) gathers in a draft of one
//! [`Project`]; what needs others ends the draft with a [`Keyed`] step and begins the next.

use super::row::RowNames;
use super::select::{function, problem};
use super::{Extensions, view_shape};
use crate::aggregate::{Call, Function, Layout};
use crate::config::{Config, Expressions, Located, TopConfig, ViewConfig, ViewJoin, WindowShape};
use crate::error::Problem;
use crate::expr::{self, Program, SeriesExpr, Tree, Type};
use crate::result::{RowKind, RowSchema};
use crate::time::Span;
use crate::view::{Join, Operation, Outer, Project, Route, Series, Step, Top};
use crate::window::Answer;

/// In how many shares the first rows of a window are found.
const SHARDS: u64 = 64;
/// The most aggregate calls of one view.
const MOST_CALLS: usize = 64;
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
    let first = config.windows.len() + config.patterns.len() + config.joined_tables().count();
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

struct Planner<'a> {
    extensions: &'a Extensions,
    schemas: &'a [RowSchema],
    steps: &'a [(&'a str, Option<i64>)],
    problems: &'a mut Vec<Problem>,
}

/// A [`Project`] that is still written.
struct Draft {
    project: Project,
    names: RowNames,
    /// The columns of the group, and of the values, by name.
    dimensions: Vec<(String, usize)>,
    values: Vec<(String, usize)>,
    /// For each column how far it looks back, microseconds.
    back: Vec<i64>,
    /// How far back the conditions so far look.
    kept_back: i64,
    /// It has series functions, so it needs all rows of a group.
    series: bool,
    /// Where its rows come from; `None`: from the step before.
    parts: Option<Vec<u32>>,
}

impl Draft {
    fn new(schema: &RowSchema, parts: Option<Vec<u32>>) -> Self {
        let first = 2 + schema.dimensions.len();
        let place = |list: &[String], from: usize| {
            list.iter().enumerate().map(|(i, name)| (name.clone(), from + i)).collect::<Vec<_>>()
        };
        Self {
            project: Project::identity(schema),
            names: RowNames::of(schema),
            dimensions: place(&schema.dimensions, 2),
            values: place(&schema.values, first),
            back: vec![0; first + schema.values.len()],
            kept_back: 0,
            series: false,
            parts,
        }
    }

    /// A new column, made of others.
    fn slot(&mut self, made_of: u64, back: i64) -> usize {
        self.project.computed += 1;
        self.project.made_of.push(made_of);
        self.back.push(back);
        self.project.made_of.len() - 1
    }

    /// What a tree is made of, and how far its columns look back.
    fn reads(&self, tree: &Tree) -> (u64, i64) {
        let slots = tree.paths().into_iter().filter_map(|path| self.names.slot(&path.to_string()));
        slots.fold((0, 0), |(made_of, back), slot| (made_of | self.project.made_of[slot], back.max(self.back[slot])))
    }

    /// The column of a plain expression, computed where it is none.
    fn column(&mut self, tree: &Tree) -> usize {
        let program = self.names.compile(tree);
        if let Some(slot) = program.as_slot() {
            return slot;
        }
        let (made_of, back) = self.reads(tree);
        let slot = self.slot(made_of, back);
        self.project.steps.push(Step::Set(slot, program));
        slot
    }

    /// The column of an expression with series functions, whose windows are `step` apart.
    fn expression(&mut self, of: &SeriesExpr, step: i64) -> Column {
        let mut slots: Vec<usize> = Vec::new();
        for call in &of.calls {
            let from = match self.compile(&call.arg, &slots) {
                Column::Slot(slot) => slot,
                Column::Program(program, made_of, back) => {
                    let slot = self.slot(made_of, back);
                    self.project.steps.push(Step::Set(slot, program));
                    slot
                }
            };
            let back = self.back[from].max(self.kept_back).saturating_add(call.back(step));
            let slot = self.slot(self.project.made_of[from], back);
            self.project.steps.push(Step::Series(Series {
                slot,
                from,
                function: call.function,
                n: call.n,
                span: call.span,
                alpha: call.alpha,
                step,
                reach: 0,
            }));
            self.series = true;
            slots.push(slot);
        }
        self.compile(&of.tree, &slots)
    }

    /// A tree whose calls are in `slots`.
    fn compile(&self, tree: &Tree, slots: &[usize]) -> Column {
        let column = &mut |path: &crate::event::FieldPath| {
            self.names.slot(&path.to_string()).expect("parse has found all of its columns")
        };
        let program = expr::compile_match(tree, column, &|i| slots[i]);
        match program.as_slot() {
            Some(slot) => Column::Slot(slot),
            None => {
                let (mut made_of, mut back) = self.reads(tree);
                // Which of the calls it reads is not asked: all of one expression count.
                for slot in slots {
                    made_of |= self.project.made_of[*slot];
                    back = back.max(self.back[*slot]);
                }
                Column::Program(program, made_of, back)
            }
        }
    }

    /// How far back anything in it looks.
    fn longest_back(&self) -> i64 {
        self.back.iter().copied().max().unwrap_or(0).max(self.kept_back)
    }

    /// The finished project; its rows have these columns.
    fn finish(mut self, key: Option<Vec<usize>>, values: Vec<usize>) -> (Project, Option<Vec<u32>>) {
        let longest = self.longest_back();
        for step in &mut self.project.steps {
            if let Step::Series(of) = step {
                of.reach = longest - self.back[of.slot];
            }
        }
        (self.project.key, self.project.values) = (key, values);
        (self.project, self.parts)
    }

    fn value_slots(&self) -> Vec<usize> {
        self.values.iter().map(|(_, slot)| *slot).collect()
    }

    fn names_of(list: &[(String, usize)]) -> Vec<String> {
        list.iter().map(|(name, _)| name.clone()).collect()
    }
}

/// A column, or what computes it, what of and how far back.
enum Column {
    Slot(usize),
    Program(Program, u64, i64),
}

/// A view that is being planned: the steps so far, the rows that come out of them, and what is to be made of these.
struct Chain {
    steps: Vec<Keyed>,
    /// Of the rows that the draft reads.
    schema: RowSchema,
    draft: Draft,
}

impl Chain {
    /// Ends the draft with a step; `out` describes its rows.
    fn step(&mut self, feeds: Vec<ViewFeed>, operation: Operation, out: RowSchema) {
        self.steps.push(Keyed { feeds, operation, keep: out.keep });
        self.draft = Draft::new(&out, None);
        self.schema = out;
    }

    /// The rows of the draft as they are now.
    fn current(&self) -> RowSchema {
        RowSchema {
            dimensions: Draft::names_of(&self.draft.dimensions),
            values: Draft::names_of(&self.draft.values),
            ..self.schema.clone()
        }
    }

    /// Ends a draft that has series functions.
    fn settle(&mut self) {
        if !self.draft.series {
            return;
        }
        let out = self.current();
        let input = self.schema.clone();
        let parts = self.draft.parts.take();
        let draft = std::mem::replace(&mut self.draft, Draft::new(&input, None));
        let (longest, values) = (draft.longest_back(), draft.value_slots());
        let (project, _) = draft.finish(None, values);
        let route = Route::Group { life: longest.saturating_add(input.keep) };
        let feed = ViewFeed { parts, project: Project::identity(&input), route };
        let keep = input.keep;
        self.step(vec![feed], Operation::Series { project: Box::new(project), keep }, out);
    }
}

impl<'a> Planner<'a> {
    fn view(mut self, view: &ViewConfig, part: u32) -> Option<ViewPlan> {
        let schema = view_shape::input(view, self.schemas)?;
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
        Some(ViewPlan {
            name: view.name.clone(),
            from: view.reads().map(|from| from.value.clone()).collect(),
            steps,
            last,
            parts: parts.unwrap_or_default(),
            part,
            clauses: clauses(view),
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

    /// Reads an expression that may have series functions.
    fn parse(
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

    fn set(&mut self, view: &ViewConfig, name: &str, text: &Located<String>, step: Option<i64>, chain: &mut Chain) {
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

    fn keep(&mut self, what: &str, view: &ViewConfig, text: &Located<String>, step: Option<i64>, chain: &mut Chain) {
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
    fn column(&mut self, name: &Located<String>, draft: &Draft) -> Option<usize> {
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
    fn refuse(&mut self, what: &str, at: &Located<String>, schema: &RowSchema, matches_too: bool) {
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

    fn join(&mut self, join: &ViewJoin, chain: &mut Chain) {
        let Some(at) = self.schemas.iter().position(|schema| schema.name == join.with.value) else { return };
        let with = &self.schemas[at];
        let input = chain.schema.clone();
        let before = self.problems.len();
        self.refuse("a join", &join.with, &input, false);
        let table = with.kind == RowKind::Table;
        if !table {
            self.refuse("a join", &join.with, with, false);
        }
        if let Some(within) = join.within.as_ref().filter(|_| table) {
            let message = "the rows of a table have no window that could end before";
            let help = "remove within: the partner is the row of the table as it is now";
            self.problems.push(within.problem("view.join", message, Some(help.into())));
        }
        let other_kind = !table && (input.kind != RowKind::Window || with.kind != RowKind::Window);
        if join.within.is_none() && other_kind {
            let message = "a match has no window that another row could be of";
            let help = "add within, such as within = \"1m\": the partner is the newest at or before";
            self.problems.push(join.with.problem("view.join", message, Some(help.into())));
        }
        let mut right = Draft::new(with, Some(vec![at as u32]));
        let (mut here, mut there) = (Vec::new(), Vec::new());
        for (name, other) in &join.on {
            let name = Located { value: name.clone(), ..other.clone() };
            here.extend(self.column(&name, &chain.draft));
            there.extend(self.column(other, &right));
        }
        for (_, column) in &join.add {
            self.column(column, &right);
        }
        let mut out = input.clone();
        view_shape::joined(&mut out, join, with);
        // Where a name is wrong, another may only seem to be there twice.
        let right_so_far = self.problems.len() == before;
        let mut seen: Vec<&String> = Vec::new();
        for name in out.dimensions.iter().chain(&out.values) {
            if seen.contains(&name) && right_so_far {
                let message = format!("two columns of the joined rows are named '{name}'");
                let help = format!(
                    "rename that of {0}: add = {{ {1}_{name} = \"{name}\" }}",
                    with.name,
                    with.name.replace('-', "_")
                );
                self.problems.push(join.with.problem("view.column", message, Some(help)));
            }
            seen.push(name);
        }
        if out.values.len() > MOST_VALUES {
            let message = format!("the joined rows have {} values, more than {MOST_VALUES}", out.values.len());
            let help = "name those that are needed: add = [..]";
            self.problems.push(join.with.problem("view.column", message, Some(help.into())));
        }
        if self.problems.len() > before {
            // What comes behind is looked at all the same.
            chain.draft = Draft::new(&out, None);
            chain.schema = out;
            return;
        }
        let slots = |draft: &Draft, names: &[&str]| -> Vec<usize> {
            names.iter().filter_map(|name| draft.names.slot(name)).collect()
        };
        let extra: Vec<&str> = view_shape::extra_dimensions(join, with).collect();
        let added: Vec<&str> = view_shape::added(join, with).into_iter().map(|(_, there)| there).collect();
        let (key, values) = (slots(&right, &extra), slots(&right, &added));
        right.parts = Some(vec![at as u32]);
        let (window, all) = (join.within.is_none() && !table, join.within.is_none());
        let (project, parts) = right.finish(all.then_some(key), values);
        let within = join.within.as_ref().map(|span| span.value.0);
        let life = if table { RowSchema::FOREVER } else { out.keep.saturating_add(within.unwrap_or(0)) };
        let partners =
            ViewFeed { parts, project, route: Route::Partner { cells: there, window, side: 1, stays: false, life } };
        let draft = std::mem::replace(&mut chain.draft, Draft::new(&input, None));
        let values = draft.value_slots();
        let (project, parts) = draft.finish(None, values);
        let route = Route::Partner { cells: here, window, side: 0, stays: join.left, life: out.keep };
        let lefts = ViewFeed { parts, project, route };
        let operation = Operation::Join(Join {
            left: join.left,
            within,
            dimensions: extra.len(),
            values: added.len(),
            own: input.values.len() as u32,
            keep: out.keep,
        });
        chain.step(vec![lefts, partners], operation, out);
    }

    fn windows(&mut self, view: &ViewConfig, chain: &mut Chain) {
        let (Some(size), Some((_, first))) = (&view.size, view.select.first()) else { return };
        let at = Located { value: String::new(), line: size.line, path: size.path.clone(), text: size.text.clone() };
        self.refuse("size", &at, &chain.schema, false);
        let draft = &mut chain.draft;
        let mut cells = Vec::new();
        for (_, text) in &view.group_by {
            if let Some(tree) = draft.names.parse(text, self.extensions, self.problems) {
                cells.push(draft.column(&tree));
            }
        }
        let mut inputs: Vec<usize> = Vec::new();
        let (mut calls, mut answers, mut made_of) = (Vec::<Call>::new(), Vec::new(), Vec::new());
        for (_, text) in &view.select {
            let select = match self.extensions.select(&text.value) {
                Ok(select) => select,
                Err(list) => {
                    self.problems.extend(list.into_iter().map(|e| problem(text, e)));
                    continue;
                }
            };
            if select.aggregates.is_empty() {
                self.problems.push(text.problem(
                    "window.select",
                    "the value has no aggregate",
                    Some("a view with a size selects aggregates, such as sum(errors); a plain value belongs in group_by".into()),
                ));
                continue;
            }
            let (mut of, mut read) = (Vec::new(), 0u64);
            for aggregate in &select.aggregates {
                let trees = aggregate.args.iter().chain(&aggregate.filter);
                let missing: Vec<Problem> =
                    trees.flat_map(Tree::paths).filter_map(|path| draft.names.missing(&path, text)).collect();
                if !missing.is_empty() {
                    self.problems.extend(missing);
                    continue;
                }
                let mut function = match function(aggregate, text, Some(size.value.0), &self.extensions.aggregates) {
                    Ok(function) => function,
                    Err(problem) => {
                        self.problems.push(problem);
                        continue;
                    }
                };
                let mut input = |tree: &Tree| {
                    let slot = draft.column(tree);
                    let index = inputs.iter().position(|one| *one == slot).unwrap_or_else(|| {
                        inputs.push(slot);
                        inputs.len() - 1
                    });
                    read |= 1u64.wrapping_shl(index as u32);
                    index
                };
                let first = aggregate.args.first().filter(|_| !aggregate.star).map(&mut input);
                if let Function::ArgMin(by) | Function::ArgMax(by) = &mut function
                    && let Some(tree) = aggregate.args.get(1)
                {
                    *by = input(tree);
                }
                let filter = aggregate.filter.as_ref().map(&mut input);
                let call = Call { function, input: first, filter };
                of.push(calls.iter().position(|c| *c == call).unwrap_or_else(|| {
                    calls.push(call);
                    calls.len() - 1
                }));
            }
            if of.len() < select.aggregates.len() {
                continue;
            }
            let program = expr::compile_post(&select.post, &|i| of[i]);
            answers.push(match program.as_slot() {
                Some(call) => Answer::Call(call),
                None => Answer::Post { program, calls: of.iter().fold(0, |m, c| m | 1u64.wrapping_shl(*c as u32)) },
            });
            made_of.push(read);
        }
        if calls.len() > MOST_CALLS || inputs.len() > MOST_CALLS {
            let message = format!("the view has {} different aggregates of {} values", calls.len(), inputs.len());
            let help = format!("a view may have {MOST_CALLS} of each; make two views of it");
            self.problems.push(first.problem("window.aggregates", message, Some(help)));
        }
        let mut out = chain.schema.clone();
        view_shape::windows(&mut out, view);
        let layout = Layout::new(&calls);
        let slide = view.slide.as_ref().unwrap_or(size).value.0;
        let route =
            Route::Outer { cells, size: size.value.0, slide, timed: layout.needs_origins(), life: chain.schema.keep };
        let count = inputs.len();
        let input = chain.schema.clone();
        let draft = std::mem::replace(&mut chain.draft, Draft::new(&input, None));
        let (project, parts) = draft.finish(Some(Vec::new()), inputs);
        let feed = ViewFeed { parts, project, route };
        let operation = Operation::Outer(Box::new(Outer { layout, answers, made_of, inputs: count }));
        chain.step(vec![feed], operation, out);
    }

    fn distinct(&mut self, columns: &[Located<String>], chain: &mut Chain) {
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

    fn top(&mut self, top: &TopConfig, chain: &mut Chain) {
        self.refuse("top", &top.by, &chain.schema, true);
        if chain.draft.values.iter().chain(&chain.draft.dimensions).any(|(name, _)| name == view_shape::RANK) {
            let message = "the rows have a column 'rank', which top adds";
            let help = "choose other columns in a view before, or give it another name there";
            self.problems.push(top.by.problem("view.column", message, Some(help.into())));
        }
        let by = chain.draft.names.parse(&top.by, self.extensions, self.problems);
        let per: Vec<usize> = top.per.iter().filter_map(|name| self.column(name, &chain.draft)).collect();
        let Some(by) = by.map(|tree| chain.draft.column(&tree)) else {
            chain.draft.values.push((view_shape::RANK.into(), 0));
            chain.draft.names.add(view_shape::RANK, 0);
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
        out.values.push(view_shape::RANK.into());
        chain.step(vec![feed], Operation::Top(last), out);
    }

    fn columns(&mut self, columns: &[Located<String>], chain: &mut Chain) {
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

/// What a view says, clause by clause.
fn clauses(view: &ViewConfig) -> Vec<(&'static str, String)> {
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
        let within =
            join.within.as_ref().map_or(", of the same window".to_owned(), |w| format!(", newest within {}", w.value));
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

#[cfg(test)]
mod tests {
    use crate::plan::{compile, explain_dot, explain_json, explain_text};

    const WINDOWS: &str = "[sources.e]\ntype = \"stdin\"\n\
        [windows.w]\nfrom = \"e\"\nsize = \"10s\"\nslide = \"5s\"\nallowed_lateness = \"20s\"\ngroup_by = [\"k\"]\nselect = { n = \"count(*)\" }\n\
        [windows.u]\nfrom = \"e\"\nsize = \"10s\"\nslide = \"5s\"\nallowed_lateness = \"1m\"\ngroup_by = [\"k\", \"j\"]\nselect = { m = \"sum(v)\" }\n\
        [windows.s]\nfrom = \"e\"\ngap = \"5s\"\ngroup_by = [\"k\"]\nselect = { n = \"count(*)\" }\n\
        [windows.all]\nfrom = \"e\"\nglobal = \"5s\"\ngroup_by = [\"k\"]\nselect = { n = \"count(*)\" }\n\
        [patterns.p]\nfrom = \"e\"\nkey = \"k\"\nmatch = \"a\"\ndefine.a = \"v > 1\"\n";

    fn plan(views: &str) -> Result<crate::plan::Plan, Vec<(&'static str, String, String)>> {
        let (config, problems) = crate::config::parse("t.toml", &format!("{WINDOWS}{views}"), &[], &|_| None);
        assert!(!problems.has_errors(), "{problems}");
        let list = |list: Vec<crate::error::Problem>| {
            list.into_iter().map(|p| (p.code, p.message, p.help.unwrap_or_default())).collect()
        };
        compile(&config.unwrap()).map_err(|problems| list(problems.list))
    }

    fn wrong(view: &str) -> Vec<(&'static str, String, String)> {
        plan(&format!("[views.v]\n{view}\n")).err().unwrap_or_else(|| panic!("{view} is taken"))
    }

    #[test]
    fn each_clause_that_cannot_be_is_said_with_what_to_write_instead() {
        for (view, code, part) in [
            ("from = 'w'\nwhere = 'm > 1'", "row.column", "did you mean"),
            ("from = 'w'\nwhere = \"'yes'\"", "view.where", "write a comparison"),
            ("from = 'w'\nset = { k = 'n' }", "view.column", "use another name"),
            ("from = 'w'\nset = { a = 'prve(n)' }", "expr.function", "did you mean prev?"),
            ("from = 's'\nset = { a = 'prev(n)' }", "view.series", "read a window with a size"),
            ("from = 'all'\nset = { a = 'prev(n)' }", "view.series", "read a window with a size"),
            ("from = 'w'\nset = { a = \"ago(n, '7 seconds')\" }", "view.series", "use a multiple of 5s"),
            ("from = ['w', 'u']", "view.from", "u has window_start, window_end, k, j, m"),
            ("from = ['w', 'all']", "view.from", "read them in two views"),
            ("from = 'w'\njoin = { with = 'u', on = ['kk'] }", "row.column", "did you mean k?"),
            ("from = 'w'\njoin = { with = 'w', on = ['k'] }", "view.column", "add = { w_n = \"n\" }"),
            ("from = 'w'\njoin = { with = 'p', on = { k = 'key' } }", "view.join", "add within"),
            ("from = 'w'\njoin = { with = 'all', on = ['k'] }", "view.kind", "read a window that has a size"),
            ("from = 'w'\nsize = '1h'\nselect = { a = 'n' }", "expr.path", "max(n)"),
            ("from = 'w'\nsize = '1h'\nselect = { a = '1' }", "window.select", "plain value"),
            ("from = 'w'\nsize = '1h'\nselect = { a = 'sum(o)' }", "row.column", "did you mean"),
            ("from = 'all'\nsize = '1h'\nselect = { a = 'sum(n)' }", "view.kind", "read a window that has a size"),
            ("from = 'w'\nsize = '1h'\nselect = { a = 'sum(n)' }\nhaving = 'n > 1'", "row.column", "did you mean"),
            ("from = 'p'\ntop = { n = 1, by = 'match_end' }", "view.kind", "give the view a size"),
            ("from = 'p'\ndistinct = ['key']", "view.kind", "give the view a size"),
            ("from = 'w'\ntop = { n = 1, by = 'n', per = ['window', 'kk'] }", "row.column", "did you mean k?"),
            ("from = 'w'\ncolumns = ['m']", "row.column", "did you mean"),
        ] {
            let found = wrong(view);
            assert_eq!(found.len(), 1, "{view}: {found:?}");
            assert_eq!(found[0].0, code, "{view}: {found:?}");
            assert!(found[0].2.contains(part), "{view}: {found:?}");
        }
    }

    #[test]
    fn all_problems_of_a_view_and_of_those_behind_it_are_said_at_once() {
        let views = "[views.a]\nfrom = 'b'\nwhere = 'z > 1'\n[views.b]\nfrom = 'w'\nset = { x = 'y', z = 'lowr(x)' }\n\
                     where = 'n >'\ntop = { n = 2, by = 'q' }\ncolumns = ['z', 'nn']\n";
        let found = plan(views).unwrap_err();
        let codes: Vec<&str> = found.iter().map(|(code, ..)| *code).collect();
        // The view that reads it is right: what it reads is in the settings of the other one.
        assert_eq!(codes, ["row.column", "expr.function", "expr.syntax", "row.column", "row.column"], "{found:?}");
    }

    #[test]
    fn rows_change_as_long_as_those_that_they_are_made_of() {
        let views = "[views.a]\nfrom = 'w'\nwhere = 'n > 1'\n[views.b]\nfrom = 'a'\njoin = { with = 'u', on = ['k'] }\n\
                     [views.c]\nfrom = 'b'\nsize = '1h'\ngroup_by = ['j']\nselect = { m = 'sum(m)' }\ntop = { n = 3, by = 'm' }\n\
                     [views.d]\nfrom = 's'\n[views.t]\nfrom = 'all'\ntop = { n = 3, by = 'n' }\n";
        let plan = plan(views).unwrap();
        let schema = |name: &str| plan.schemas.iter().find(|s| s.name == name).unwrap();
        let keep = |name: &str| schema(name).keep / 1_000_000;
        assert_eq!((keep("w"), keep("u"), keep("s")), (22, 62, 7));
        assert_eq!((keep("a"), keep("b"), keep("c"), keep("d")), (22, 62, 62, 7));
        assert_eq!(schema("t").keep, crate::result::RowSchema::FOREVER);
        assert_eq!(
            (&schema("b").dimensions[..], &schema("b").values[..]),
            (&["k".into(), "j".into()][..], &["n".into(), "m".into()][..])
        );
        assert_eq!(
            (&schema("c").dimensions[..], &schema("c").values[..]),
            (&["j".into()][..], &["m".into(), "rank".into()][..])
        );
        // Views stand behind windows and patterns, whatever the order in which they are planned.
        assert!(plan.views.iter().all(|view| plan.schemas[view.part as usize].name == view.name));
    }

    #[test]
    fn a_view_is_explained_with_its_clauses_and_how_long_its_rows_are_kept() {
        let views = "[views.a]\nfrom = 'w'\nset = { z = 'zscore(n, 4)' }\nwhere = 'z > 3'\ntop = { n = 3, by = 'z' }\n";
        let plan = plan(views).unwrap();
        let said = explain_text(&plan);
        for line in [
            "view a  from w",
            "set           z = zscore(n, 4)",
            "top           3 by z, greatest first, per window",
            "columns       window_start, window_end, k, n, z, rank",
            "exchanges     rows by group",
            "kept          a row until the watermark passes its window_end + 42s",
            "state         the last revision of each row, until the watermark passes its window_end + 22s",
        ] {
            assert!(said.contains(line), "{line}\n{said}");
        }
        let json = explain_json(&plan);
        assert_eq!(json["views"][0]["steps"][0]["kept_us"][0], 42_000_000);
        assert_eq!(json["views"][0]["changes_for_us"], 22_000_000);
        let dot = explain_dot(&plan);
        assert!(dot.contains("\"w\" -> \"a\";"), "{dot}");
    }
}
