//! The join of a view, as a step of its chain.

use super::draft::{Chain, Draft};
use super::{MOST_VALUES, Planner, ViewFeed, shape};
use crate::config::{Located, ViewJoin};
use crate::result::{RowKind, RowSchema};
use crate::view::{Join, Operation, Route};

impl Planner<'_> {
    pub(super) fn join(&mut self, join: &ViewJoin, chain: &mut Chain) {
        let Some(at) = self.schemas.iter().position(|schema| schema.name == join.with.value) else { return };
        let with = &self.schemas[at];
        let input = chain.schema.clone();
        let before = self.problems.len();
        self.refuse("a join", &join.with, &input, false);
        let table = with.kind.is_table();
        if !table {
            self.refuse("a join", &join.with, with, false);
        }
        if let Some(within) = join.within.as_ref().filter(|_| table) {
            let message = "the rows of a table have no window that could end before";
            let help = "remove within: the partner is the row of the table that holds then";
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
        shape::joined(&mut out, join, with);
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
        let extra: Vec<&str> = shape::extra_dimensions(join, with).collect();
        let added: Vec<&str> = shape::added(join, with).into_iter().map(|(_, there)| there).collect();
        let (key, values) = (slots(&right, &extra), slots(&right, &added));
        right.parts = Some(vec![at as u32]);
        let (window, all) = (join.within.is_none() && !table, join.within.is_none());
        let (project, parts) = right.finish(all.then_some(key), values);
        let within = join.within.as_ref().map(|span| span.value.0);
        let versions = with.kind == RowKind::Versions;
        let life = match table && !versions {
            true => RowSchema::FOREVER,
            // A version may be the partner of rows that end at the end of its time, or before.
            false => out.keep.saturating_add(within.unwrap_or(0)),
        };
        // The last moment of a row: its window ends before its end, a match with its last event.
        let last = i64::from(input.kind == RowKind::Window);
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
            versions: versions.then_some(last),
            dimensions: extra.len(),
            values: added.len(),
            own: input.values.len() as u32,
            keep: out.keep,
        });
        chain.step(vec![lefts, partners], operation, out);
    }
}
