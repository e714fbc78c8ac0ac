//! What is made of rows between two steps, while clauses still add to it.

use super::{Keyed, ViewFeed};
use crate::expr::{self, Program, SeriesExpr, Tree};
use crate::plan::row::RowNames;
use crate::result::RowSchema;
use crate::view::{Operation, Project, Route, Series, Step};

/// A [`Project`] that is still written.
pub(super) struct Draft {
    pub(super) project: Project,
    pub(super) names: RowNames,
    /// The columns of the group, and of the values, by name.
    pub(super) dimensions: Vec<(String, usize)>,
    pub(super) values: Vec<(String, usize)>,
    /// For each column how far it looks back, microseconds.
    pub(super) back: Vec<i64>,
    /// How far back the conditions so far look.
    pub(super) kept_back: i64,
    /// It has series functions, so it needs all rows of a group.
    pub(super) series: bool,
    /// Where its rows come from; `None`: from the step before.
    pub(super) parts: Option<Vec<u32>>,
}

impl Draft {
    pub(super) fn new(schema: &RowSchema, parts: Option<Vec<u32>>) -> Self {
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
    pub(super) fn slot(&mut self, made_of: u64, back: i64) -> usize {
        self.project.computed += 1;
        self.project.made_of.push(made_of);
        self.back.push(back);
        self.project.made_of.len() - 1
    }

    /// What a tree is made of, and how far its columns look back.
    pub(super) fn reads(&self, tree: &Tree) -> (u64, i64) {
        let slots = tree.paths().into_iter().filter_map(|path| self.names.slot(&path.to_string()));
        slots.fold((0, 0), |(made_of, back), slot| (made_of | self.project.made_of[slot], back.max(self.back[slot])))
    }

    /// The column of a plain expression, computed where it is none.
    pub(super) fn column(&mut self, tree: &Tree) -> usize {
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
    pub(super) fn expression(&mut self, of: &SeriesExpr, step: i64) -> Column {
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
    pub(super) fn compile(&self, tree: &Tree, slots: &[usize]) -> Column {
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
    pub(super) fn longest_back(&self) -> i64 {
        self.back.iter().copied().max().unwrap_or(0).max(self.kept_back)
    }

    /// The finished project; its rows have these columns.
    pub(super) fn finish(mut self, key: Option<Vec<usize>>, values: Vec<usize>) -> (Project, Option<Vec<u32>>) {
        let longest = self.longest_back();
        for step in &mut self.project.steps {
            if let Step::Series(of) = step {
                of.reach = longest - self.back[of.slot];
            }
        }
        (self.project.key, self.project.values) = (key, values);
        (self.project, self.parts)
    }

    pub(super) fn value_slots(&self) -> Vec<usize> {
        self.values.iter().map(|(_, slot)| *slot).collect()
    }

    pub(super) fn names_of(list: &[(String, usize)]) -> Vec<String> {
        list.iter().map(|(name, _)| name.clone()).collect()
    }
}

/// A column, or what computes it, what of and how far back.
pub(super) enum Column {
    Slot(usize),
    Program(Program, u64, i64),
}

/// A view that is being planned: the steps so far, the rows that come out of them, and what is to be made of these.
pub(super) struct Chain {
    pub(super) steps: Vec<Keyed>,
    /// Of the rows that the draft reads.
    pub(super) schema: RowSchema,
    pub(super) draft: Draft,
}

impl Chain {
    /// Ends the draft with a step; `out` describes its rows.
    pub(super) fn step(&mut self, feeds: Vec<ViewFeed>, operation: Operation, out: RowSchema) {
        self.steps.push(Keyed { feeds, operation, keep: out.keep });
        self.draft = Draft::new(&out, None);
        self.schema = out;
    }

    /// The rows of the draft as they are now.
    pub(super) fn current(&self) -> RowSchema {
        RowSchema {
            dimensions: Draft::names_of(&self.draft.dimensions),
            values: Draft::names_of(&self.draft.values),
            ..self.schema.clone()
        }
    }

    /// Ends a draft that has series functions.
    pub(super) fn settle(&mut self) {
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
