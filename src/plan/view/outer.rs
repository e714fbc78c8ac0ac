//! The windows over rows of a view, as a step of its chain.

use super::draft::{Chain, Draft};
use super::{Planner, ViewFeed, shape};
use crate::aggregate::{Call, Layout};
use crate::config::{Located, ViewConfig};
use crate::error::Problem;
use crate::expr::Tree;
use crate::plan::Extensions;
use crate::plan::select::{Inputs, Selected, columns_of};
use crate::view::{Operation, Outer, Route};
use crate::window::Answer;

/// The most aggregate calls of one view.
const MOST_CALLS: usize = 64;

/// The columns of rows, for the aggregates of the windows over them.
struct OfRows<'a> {
    draft: &'a mut Draft,
    /// The columns that aggregates read, each once: a call knows them by their places here.
    inputs: &'a mut Vec<usize>,
    extensions: &'a Extensions,
    problems: &'a mut Vec<Problem>,
}

impl Inputs for OfRows<'_> {
    fn extensions(&self) -> &Extensions {
        self.extensions
    }

    fn report(&mut self, problem: Problem) {
        self.problems.push(problem);
    }

    fn has(&mut self, tree: &Tree, text: &Located<String>) -> bool {
        let before = self.problems.len();
        self.problems.extend(tree.paths().iter().filter_map(|path| self.draft.names.missing(path, text)));
        self.problems.len() == before
    }

    fn column(&mut self, tree: &Tree, _: &'static str) -> usize {
        let slot = self.draft.column(tree);
        self.inputs.iter().position(|one| *one == slot).unwrap_or_else(|| {
            self.inputs.push(slot);
            self.inputs.len() - 1
        })
    }
}

impl Planner<'_> {
    pub(super) fn windows(&mut self, view: &ViewConfig, chain: &mut Chain) {
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
        let mut selected = Selected::new(("a view with a size", "sum(errors)"), Some(size.value.0));
        for (_, text) in &view.select {
            let (extensions, problems) = (self.extensions, &mut *self.problems);
            selected.add(text, &mut OfRows { draft, inputs: &mut inputs, extensions, problems });
        }
        let Selected { calls, answers, .. } = selected;
        let read = |call: &Call| columns_of(call).fold(0, |m, column| m | 1u64.wrapping_shl(column as u32));
        let made_of = answers.iter().map(|answer| match answer {
            Answer::Call(call) => read(&calls[*call]),
            Answer::Post { calls: of, .. } => {
                let all = calls.iter().enumerate().filter(|(i, _)| of >> i & 1 == 1);
                all.fold(0, |m, (_, call)| m | read(call))
            }
        });
        let made_of: Vec<u64> = made_of.collect();
        if calls.len() > MOST_CALLS || inputs.len() > MOST_CALLS {
            let message = format!("the view has {} different aggregates of {} values", calls.len(), inputs.len());
            let help = format!("a view may have {MOST_CALLS} of each; make two views of it");
            self.problems.push(first.problem("window.aggregates", message, Some(help)));
        }
        let mut out = chain.schema.clone();
        shape::windows(&mut out, view);
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
}
