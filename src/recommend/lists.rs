//! Pairs, turned into the first n others of each item, as rows and their changes, and as lists for those who recommend them.
//!
//! In: pairs, each with the moment from which on it counts. Out: at each moment, when it is complete, the rows of the items
//! whose lists have changed. A row's key is item and other, its values how often they were seen together, the score at the
//! moment of the statement, and the rank.
//!
//! Invariants: (1) the others of an item stand in one order, by what they weigh, which only pairs that come or leave change;
//! (2) a row stands until another takes its place: what has the same values is not stated again.
//!
//! Cost: a pair that comes or leaves moves one of the others of an item in a tree; a statement looks at the first n of each
//! item that has changed.

use super::fading::{Fading, Grown};
use super::{Rules, Stands, Stated};
use crate::event::{Cell, key};
use crate::result::{Op, RowBatch, RowHead};
use std::cmp::{Ordering, Reverse};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// The canonical bytes of an item; ordered by its value.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Name(pub(super) Arc<[u8]>);

impl Ord for Name {
    fn cmp(&self, other: &Self) -> Ordering {
        key::compare(&self.0, &other.0).then_with(|| self.0.cmp(&other.0))
    }
}

impl PartialOrd for Name {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl std::borrow::Borrow<[u8]> for Name {
    fn borrow(&self) -> &[u8] {
        &self.0
    }
}

/// What pairs of two items weigh and how many they are, by stretch, ascending.
#[derive(Debug, Clone, Default)]
struct Weights(Vec<(i64, i128, u64)>);

impl Weights {
    /// `true` where the stretch is a new one.
    fn add(&mut self, stretch: i64, weight: i128, times: u64) -> bool {
        match self.0.binary_search_by_key(&stretch, |(one, ..)| *one) {
            Ok(at) => {
                self.0[at].1 = self.0[at].1.saturating_add(weight);
                self.0[at].2 += times;
                false
            }
            Err(at) => {
                self.0.insert(at, (stretch, weight, times));
                true
            }
        }
    }

    fn remove(&mut self, stretch: i64) {
        self.0.retain(|(one, ..)| *one != stretch);
    }

    fn times(&self) -> u64 {
        self.0.iter().map(|(.., times)| times).sum()
    }
}

/// One of the others of an item, with its place in the order.
#[derive(Debug, Default)]
struct Other {
    weights: Weights,
    /// Its weight in the order, where it is in it.
    ordered: Option<Grown>,
}

/// One of the first others of an item, and the row that stands for it.
#[derive(Debug, Clone)]
struct Row {
    other: Name,
    times: u64,
    grown: Grown,
    /// As it was stated.
    score: f64,
    stands: Stands,
}

#[derive(Debug, Default)]
struct Item {
    others: HashMap<Name, Other>,
    /// Those that were seen often enough, the first first.
    order: BTreeSet<(Reverse<Grown>, Name)>,
    /// Its list as it was stated last, by rank.
    rows: Vec<Row>,
}

/// Pairs that wait for a moment: by item and other.
#[derive(Debug, Default)]
struct Waiting {
    pairs: HashMap<Name, HashMap<Name, Weights>>,
    /// How many others there are.
    others: usize,
}

/// What is said at a moment.
#[derive(Debug, Default)]
pub struct Said {
    /// Changes of rows.
    pub rows: RowBatch,
    /// Lists that have changed; see [`super::Users::list`]. Empty where nobody asks for them.
    pub lists: RowBatch,
}

/// Memory of one of the others, and of a stretch of it, without names.
const OTHER: usize = 240;
const STRETCH: usize = size_of::<(i64, i128, u64)>() + 48;

/// The items of a worker.
#[derive(Debug)]
pub struct Lists {
    fading: Fading,
    n: usize,
    min_times: u64,
    part: u32,
    /// Lists are asked for.
    told: bool,
    items: HashMap<Name, Item>,
    waiting: BTreeMap<i64, Waiting>,
    /// By stretch, whose pairs they have.
    leaving: BTreeMap<i64, Vec<(Name, Name)>>,
    bytes: usize,
    stated: Stated,
}

impl Lists {
    /// Nothing yet. `part`: the index of the rows' schema.
    pub fn new(rules: &Rules, part: u32) -> Self {
        Self {
            fading: rules.fading.clone(),
            n: rules.n,
            min_times: rules.min_times.max(1),
            part,
            told: rules.users.is_some(),
            items: HashMap::new(),
            waiting: BTreeMap::new(),
            leaving: BTreeMap::new(),
            bytes: 0,
            stated: Stated::default(),
        }
    }

    /// Notes that something counts from a moment on, whichever worker has it.
    pub fn mark(&mut self, moment: i64) {
        self.waiting.entry(moment).or_default();
    }

    /// Takes a pair of a stretch of time that counts from a moment on, with what it weighs.
    pub fn pair(&mut self, moment: i64, item: &[u8], other: &[u8], stretch: i64, weight: i128) {
        let waiting = self.waiting.entry(moment).or_default();
        let others = match waiting.pairs.get_mut(item) {
            Some(others) => others,
            None => waiting.pairs.entry(Name(item.into())).or_default(),
        };
        if let Some(weights) = others.get_mut(other) {
            weights.add(stretch, weight, 1);
            return;
        }
        others.entry(Name(other.into())).or_default().add(stretch, weight, 1);
        waiting.others += 1;
        self.bytes += OTHER;
    }

    /// The next moment at which there is something to say.
    pub fn next_moment(&self) -> Option<i64> {
        self.waiting.keys().next().copied()
    }

    /// States all moments that are complete: those up to `frontier` (`None`: all), ascending.
    pub fn advance(&mut self, frontier: Option<i64>, emit: &mut dyn FnMut(i64, &mut Said)) {
        let mut said = Said::default();
        while let Some(entry) = self.waiting.first_entry().filter(|entry| frontier.is_none_or(|f| *entry.key() <= f)) {
            let (moment, waiting) = entry.remove_entry();
            for item in self.change(moment, waiting) {
                self.state(moment, &item, &mut said);
            }
            emit(moment, &mut said);
            said.rows.clear();
            said.lists.clear();
        }
    }

    /// Takes away what has left by a moment, adds what counts from it on; gives the items that this changes.
    fn change(&mut self, moment: i64, waiting: Waiting) -> BTreeSet<Name> {
        let mut changed = BTreeSet::new();
        self.bytes -= waiting.others * OTHER;
        let first = self.fading.first_kept(moment);
        while let Some(entry) = self.leaving.first_entry().filter(|entry| *entry.key() < first) {
            let (stretch, list) = entry.remove_entry();
            for (item, other) in list {
                if let Some(of) = self.items.get_mut(&item)
                    && let Some(entry) = of.others.get_mut(&other)
                {
                    entry.weights.remove(stretch);
                    self.bytes -= STRETCH;
                    place(&self.fading, self.min_times, &mut of.order, &other, entry);
                    changed.insert(item);
                    if entry.weights.0.is_empty() {
                        of.others.remove(&other);
                        self.bytes -= OTHER + other.0.len();
                    }
                }
            }
        }
        for (item, others) in waiting.pairs {
            for (other, weights) in others {
                // What comes when its stretch has left is no part of anything.
                let kept = weights.0.into_iter().filter(|(stretch, ..)| *stretch >= first);
                let mut kept = kept.peekable();
                if kept.peek().is_none() {
                    continue;
                }
                let of = self.items.entry(item.clone()).or_default();
                let entry = of.others.entry(other.clone()).or_insert_with(|| {
                    self.bytes += OTHER + other.0.len();
                    Other::default()
                });
                for (stretch, weight, times) in kept {
                    if entry.weights.add(stretch, weight, times) {
                        self.leaving.entry(stretch).or_default().push((item.clone(), other.clone()));
                        self.bytes += STRETCH;
                    }
                }
                place(&self.fading, self.min_times, &mut of.order, &other, entry);
                changed.insert(item.clone());
            }
        }
        changed
    }

    /// Says what has changed of an item.
    fn state(&mut self, moment: i64, name: &Name, said: &mut Said) {
        let Some(item) = self.items.get(name) else { return };
        let times = |other: &Name| item.others.get(other).map_or(0, |one| one.weights.times());
        let first = item.order.iter().take(self.n);
        let list: Vec<(Name, u64, Grown)> =
            first.map(|(Reverse(grown), other)| (other.clone(), times(other), *grown)).collect();
        let stood = item.rows.iter().map(|row| (&row.other, row.times, row.grown));
        if !list.iter().map(|(other, times, grown)| (other, *times, *grown)).eq(stood) {
            if self.told {
                write_list(moment, &name.0, &list, &mut said.lists);
            }
            let old = self.items.get_mut(name).map(|item| std::mem::take(&mut item.rows)).unwrap_or_default();
            let rows = self.rewrite(moment, name, &old, list, &mut said.rows);
            if let Some(item) = self.items.get_mut(name) {
                item.rows = rows;
            }
        }
        if self.items.get(name).is_some_and(|item| item.others.is_empty()) {
            self.items.remove(name);
        }
    }

    /// Takes back the rows that do not hold any more, and states those that do.
    fn rewrite(
        &mut self,
        moment: i64,
        item: &Name,
        old: &[Row],
        list: Vec<(Name, u64, Grown)>,
        out: &mut RowBatch,
    ) -> Vec<Row> {
        let (part, mut gone) = (self.part, vec![true; old.len()]);
        let mut rows = Vec::with_capacity(list.len());
        for (rank, (other, times, grown)) in list.into_iter().enumerate() {
            let score = self.fading.at(grown, moment);
            let before = old.iter().position(|row| row.other == other);
            let mut row = Row { other, times, grown, score, stands: Stands { end: moment, revision: 0 } };
            if let Some(before) = before {
                gone[before] = false;
                let stood = &old[before];
                if (before, stood.times, stood.score.to_bits()) == (rank, times, score.to_bits()) {
                    rows.push(Row { stands: stood.stands, ..row });
                    continue;
                }
                row.stands.revision = stood.stands.revision + 1;
                write((part, moment), (Op::Retract, item, before), stood, out);
                self.stated.corrections += 1;
            } else {
                self.stated.rows += 1;
            }
            write((part, moment), (Op::Assert, item, rank), &row, out);
            rows.push(row);
        }
        for (rank, row) in old.iter().enumerate().filter(|(rank, _)| gone[*rank]) {
            write((part, moment), (Op::Retract, item, rank), row, out);
            self.stated.corrections += 1;
        }
        rows
    }

    /// How many items have others.
    pub fn items(&self) -> usize {
        self.items.len()
    }

    /// Memory of what is kept, about.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// What was said since this was last asked.
    pub fn count(&mut self) -> Stated {
        std::mem::take(&mut self.stated)
    }
}

/// Puts one of the others into its place in the order, or out of it.
fn place(
    fading: &Fading,
    min_times: u64,
    order: &mut BTreeSet<(Reverse<Grown>, Name)>,
    other: &Name,
    entry: &mut Other,
) {
    let weights = &entry.weights;
    let enough = weights.times() >= min_times;
    let grown = enough.then(|| fading.grown(weights.0.iter().map(|(stretch, weight, _)| (*stretch, *weight))));
    if let Some(old) = std::mem::replace(&mut entry.ordered, grown) {
        order.remove(&(Reverse(old), other.clone()));
    }
    if let Some(grown) = grown {
        order.insert((Reverse(grown), other.clone()));
    }
}

fn write((part, moment): (u32, i64), (op, item, rank): (Op, &Name, usize), row: &Row, out: &mut RowBatch) {
    let Stands { end, revision } = row.stands;
    let times = i64::try_from(row.times).unwrap_or(i64::MAX);
    let values = [Cell::int(times), Cell::float(row.score), Cell::int(rank as i64 + 1)];
    let head = RowHead { op, revision, window_end: end, ..RowHead::new(part, moment, (0, end)) };
    push(head, [&item.0, &row.other.0], &values, out);
}

/// Appends a row with these parts of its key, which are canonical, and values.
pub(super) fn push(head: RowHead, cells: [&[u8]; 2], values: &[Cell], out: &mut RowBatch) {
    let start = out.bytes.len();
    cells.iter().for_each(|bytes| out.bytes.extend_from_slice(bytes));
    let split = out.bytes.len();
    values.iter().for_each(|cell| key::encode_value(*cell, &[], &mut out.bytes));
    let (key_len, values_len) = ((split - start) as u32, (out.bytes.len() - split) as u32);
    out.heads.push(RowHead { start: start as u32, key_len, values_len, ..head });
}

/// A list as a row: the item, and of each other its length, its bytes, and its weight.
fn write_list(moment: i64, item: &[u8], list: &[(Name, u64, Grown)], out: &mut RowBatch) {
    let start = out.bytes.len();
    out.bytes.extend_from_slice(item);
    let split = out.bytes.len();
    for (other, _, grown) in list {
        out.bytes.extend_from_slice(&(other.0.len() as u32).to_le_bytes());
        out.bytes.extend_from_slice(&other.0);
        out.bytes.extend_from_slice(&grown.exponent.to_le_bytes());
        out.bytes.extend_from_slice(&grown.mantissa.to_bits().to_le_bytes());
    }
    let (key_len, values_len) = ((split - start) as u32, (out.bytes.len() - split) as u32);
    let head = RowHead::new(0, moment, (0, moment));
    out.heads.push(RowHead { start: start as u32, key_len, values_len, ..head });
}

/// Reads what [`write_list`] wrote; `None` where it is damaged.
pub(super) fn read_list(mut bytes: &[u8]) -> Option<Vec<(Name, Grown)>> {
    let mut list = Vec::new();
    while !bytes.is_empty() {
        let (length, rest) = bytes.split_first_chunk()?;
        let (other, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
        let (exponent, rest) = rest.split_first_chunk()?;
        let (mantissa, rest) = rest.split_first_chunk()?;
        let grown =
            Grown { exponent: i64::from_le_bytes(*exponent), mantissa: f64::from_bits(u64::from_le_bytes(*mantissa)) };
        list.push((Name(other.into()), grown));
        bytes = rest;
    }
    Some(list)
}
