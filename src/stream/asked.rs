//! The keys of one batch that are looked up in tables which are not read as a whole, turned into tables of their own.
//!
//! Keys are asked for when a step needs them; later steps, whose keys may be what an earlier one added, when that one has its
//! answers. So a batch is gone through again whenever answers have come, and each time what was answered before is the same.
//!
//! Invariant: all lookups of one key in one batch find the same rows.

use crate::event::{RowKeys, key};
use crate::table::{Builder, Desk, Rows, Table, Ticket};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What was asked for one batch, and answered so far.
#[derive(Debug, Default)]
pub struct Asked {
    /// By table of the plan.
    tables: BTreeMap<usize, Answers>,
    /// What is on its way, and for which table.
    waits: Option<(usize, Arc<Ticket>)>,
}

#[derive(Debug)]
struct Answers {
    rows: BTreeMap<Arc<[u8]>, Rows>,
    table: Table,
}

impl Asked {
    /// Forgets all, for the next batch.
    pub fn clear(&mut self) {
        self.tables.clear();
        self.waits = None;
    }

    /// True where answers are on their way.
    pub fn waits(&self) -> bool {
        self.waits.as_ref().is_some_and(|(_, ticket)| !ticket.is_done())
    }

    /// Takes the answers that have come; false where some have not.
    pub(super) fn settle(&mut self) -> bool {
        if self.waits() {
            return false;
        }
        if let Some((table, ticket)) = self.waits.take()
            && let Some(answers) = self.tables.get_mut(&table)
        {
            answers.take(&ticket);
        }
        true
    }

    /// The table of the answers for `keys`; none where it must be waited for. `columns`: of table `table` of the plan;
    /// `versioned`: its rows have times.
    pub(super) fn table(
        &mut self,
        (table, desk): (usize, &Desk),
        (columns, versioned): (usize, bool),
        keys: &RowKeys,
    ) -> Option<&Table> {
        let answers =
            self.tables.entry(table).or_insert_with(|| Answers { rows: BTreeMap::new(), table: Table::empty(columns) });
        let mut missing: Vec<&[u8]> = (0..keys.len() as u32)
            .map(|i| keys.key(i))
            .filter(|key| !answers.rows.contains_key(*key) && !has_null(key))
            .collect();
        missing.sort_unstable();
        missing.dedup();
        if !missing.is_empty() {
            let ticket = desk.ask(missing);
            if !ticket.is_done() {
                self.waits = Some((table, ticket));
                return None;
            }
            answers.take(&ticket);
            answers.build(columns, versioned);
        } else if answers.table.keys() == 0 {
            answers.build(columns, versioned);
        }
        Some(&answers.table)
    }
}

impl Answers {
    fn take(&mut self, ticket: &Ticket) {
        self.rows.extend(ticket.take());
        // It is built anew when it is looked at.
        self.table = Table::empty(self.table.columns());
    }

    fn build(&mut self, columns: usize, versioned: bool) {
        let mut builder = Builder::new(columns, versioned).unordered();
        for (key, rows) in &self.rows {
            rows.iter().for_each(|(time, values)| builder.push(key, *time, values));
        }
        if let Ok(built) = builder.build() {
            self.table = built.table;
        }
    }
}

/// True where a cell of the key is NULL: there is no row.
fn has_null(mut bytes: &[u8]) -> bool {
    while let Some((value, rest)) = key::decode(bytes) {
        if value == crate::event::Value::Null {
            return true;
        }
        bytes = rest;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Cell, EventBatch};
    use crate::stream::{Enrich, Step, Steps};
    use crate::table::Tables;
    use std::collections::HashMap;
    use std::time::{Duration, Instant};

    fn bytes(n: i64) -> Vec<u8> {
        let mut out = Vec::new();
        key::encode(Cell::int(n), &[], &mut out);
        out
    }

    /// The row of `n` is `n + 1`; of what is not below 10 there is none.
    fn rows() -> Vec<(Vec<u8>, Vec<u8>)> {
        (0..10).map(|n| (bytes(n), bytes(n + 1))).collect()
    }

    /// Looks up column 0 into 1, then 1 into 2, then 0 into 3 of another step.
    fn steps(tables: &Arc<Tables>) -> Steps {
        let enrich = |from, to| Enrich { table: 0, sets: Vec::new(), keys: vec![from], add: vec![(0, to)] };
        let step = |from, enrich| Step {
            name: String::new(),
            from,
            minus: Vec::new(),
            enrich,
            enrich_first: true,
            filter: None,
            sample: None,
            sets: Vec::new(),
        };
        Steps::new(vec![step(0, vec![enrich(0, 1), enrich(1, 2)]), step(1, vec![enrich(0, 3)])], tables)
    }

    fn batch() -> EventBatch {
        let mut batch = EventBatch::new(4);
        let keys = [Cell::int(3), Cell::int(9), Cell::NULL, Cell::int(77), Cell::int(3)];
        batch.columns[0].extend(keys);
        batch.time.extend([0; 5]);
        batch
    }

    fn shown(batch: &EventBatch) -> Vec<Vec<String>> {
        let value = |cell: &Cell| format!("{:?}", cell.value(&batch.bytes));
        batch.columns.iter().map(|column| column.iter().map(value).collect()).collect()
    }

    #[test]
    fn lookups_whose_keys_are_answers_wait_in_turn_and_are_those_in_the_whole_table() {
        let mut builder = Builder::new(1, false);
        rows().iter().for_each(|(key, values)| builder.push(key, 0, values));
        let whole = Tables::new(vec![builder.build().unwrap().table]);
        let (mut expected, mut selections, mut whole) = (batch(), Vec::new(), steps(&whole));
        whole.run(&mut expected, &mut selections);

        // A cache of one key, which forgets at once.
        let desk = Desk::new(1, Duration::ZERO, Duration::from_secs(60));
        let tables = Tables::with_desks(vec![Table::empty(1)], vec![Some(Arc::clone(&desk))]);
        let (mut steps, mut batch, mut asked) = (steps(&tables), batch(), Asked::default());
        let known: HashMap<Arc<[u8]>, Rows> =
            rows().into_iter().map(|(key, values)| (key.into(), Arc::new(vec![(0, values)]))).collect();
        let mut questions = Vec::new();
        while !steps.try_run(&mut batch, &mut selections, &mut asked) {
            assert!(asked.waits() && !steps.try_run(&mut batch, &mut selections, &mut asked));
            let keys = desk.take(100).unwrap();
            questions.push(keys.len());
            desk.answer(keys, &known, Instant::now());
            assert!(!asked.waits());
        }
        assert_eq!(shown(&batch), shown(&expected));
        // 3, 9 and 77; then 4 and 10: nothing is asked for twice.
        assert_eq!(questions, [3, 2]);
        let counts = |steps: &mut Steps| steps.lookups().collect::<Vec<_>>();
        assert_eq!(counts(&mut steps), counts(&mut whole));
        asked.clear();
        assert!(!steps.try_run(&mut batch, &mut selections, &mut asked));
    }
}
