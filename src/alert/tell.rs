//! The rows of an alert that are said at one time, into what those hear who are notified.
//!
//! A correction is several rows: what was said is taken back, and what holds is said. Those who are notified hear what
//! holds now: an alert that has been restated is told anew, one whose firing was taken back is `corrected`, and one whose end
//! alone was taken back fires again.

use super::{Change, Shown, State};
use crate::result::{Op, RowBatch, RowRef};
use std::collections::BTreeMap;

/// Who hears of changes. It must not wait.
pub trait Hears: Send {
    /// Takes the changes of one time, in a fixed order; each is said once over all workers and processes.
    fn changes(&mut self, changes: &[Change]);
}

/// What the rows of one time say; `shown`: of the part of a row.
pub fn changes<'a>(rows: &RowBatch, shown: impl Fn(u32) -> Option<&'a Shown>) -> Vec<Change> {
    let mut order: Vec<RowRef<'_>> = rows.iter().collect();
    order.sort_by(|a, b| a.order(b));
    // By alert, in the order of their first rows.
    let mut alerts: Vec<(Vec<Change>, Vec<Change>)> = Vec::new();
    let mut places: BTreeMap<(u32, String), usize> = BTreeMap::new();
    for row in order {
        let Some(change) = shown(row.head.part).and_then(|shown| shown.change(row)) else { continue };
        let place = *places.entry((row.head.part, change.id.clone())).or_insert_with(|| {
            alerts.push(Default::default());
            alerts.len() - 1
        });
        match row.head.op {
            Op::Assert => alerts[place].0.push(change),
            Op::Retract => alerts[place].1.push(change),
        }
    }
    let mut said = Vec::new();
    for (mut holds, taken_back) in alerts {
        holds.sort_by_key(|change| (change.at, change.state));
        if !holds.is_empty() {
            said.append(&mut holds);
            continue;
        }
        // The first of its life that is taken back takes the rest with it.
        let began = |change: &&Change| change.fired == Some(change.at);
        match taken_back.iter().find(began) {
            Some(change) => said.push(Change { state: State::Corrected, ..change.clone() }),
            None => said.extend(taken_back.into_iter().next().map(|change| Change { state: State::Firing, ..change })),
        }
    }
    said
}
