//! Recommendations, from scratch at every moment: all sightings so far, all pairs of them, all sums, all in order.
//!
//! Times are in milliseconds. Nothing is kept from one moment to the next but the rows as they were stated.

use super::super::random::Random;
use serde_json::Value;
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

/// The settings that matter.
#[derive(Debug, Clone)]
pub struct Rules {
    pub within: i64,
    pub half_life: Option<i64>,
    pub every: i64,
    pub keep: i64,
    pub n: usize,
    pub min_times: usize,
    pub most: usize,
    pub lateness: i64,
    /// How many items, of how many, kept how long.
    pub users: Option<(usize, usize, i64)>,
}

/// An item or a user: numbers come before texts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Name {
    Number(i64),
    Text(&'static str),
}

impl Name {
    /// As JSON.
    pub fn json(&self) -> Value {
        match self {
            Name::Number(n) => Value::from(*n),
            Name::Text(text) => Value::from(*text),
        }
    }
}

/// An event of a partition.
#[derive(Debug, Clone)]
pub struct Event {
    pub time: i64,
    pub partition: usize,
    pub place: usize,
    pub user: Option<Name>,
    pub item: Option<Name>,
    /// None: NULL.
    pub weight: Option<f64>,
    /// It is a sighting.
    pub seen: bool,
    /// The watermark just before it was read, in steps of the tick.
    pub tick: i64,
}

impl Event {
    fn moment(&self) -> i64 {
        self.time.max(self.tick)
    }

    fn origin(&self) -> (i64, usize, usize) {
        (self.time, self.partition, self.place)
    }
}

/// A row as it is stated.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// 0 for items, 1 for users.
    pub part: usize,
    /// When it was said.
    pub said: i64,
    pub end: i64,
    pub key: (Name, Name),
    pub revision: u64,
    pub asserts: bool,
    pub times: Option<usize>,
    pub score: f64,
    pub rank: usize,
}

/// What was counted.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    pub late: u64,
    pub too_late: u64,
    pub no_key: u64,
    pub left_out: u64,
}

/// A pair, seen from one of its items.
#[derive(Debug, Clone, PartialEq)]
struct Pair {
    item: Name,
    other: Name,
    time: i64,
    weight: f64,
    counts: i64,
}

/// One of a list: who, how often, and all its pairs, in order.
type Listed = (Name, f64, Vec<(i64, u64)>);

fn near(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-9 * a.abs().max(b.abs())
}

/// The greatest score first; of what is about the same the lesser name.
fn by_score(a: &(Name, f64), b: &(Name, f64)) -> Ordering {
    if near(a.1, b.1) { a.0.cmp(&b.0) } else { b.1.total_cmp(&a.1) }
}

fn up(span: i64, every: i64) -> i64 {
    (span + every - 1).div_euclid(every) * every
}

impl Rules {
    fn score(&self, weight: f64, time: i64, moment: i64) -> f64 {
        self.half_life.map_or(weight, |half| weight * 2f64.powf((time - moment) as f64 / half as f64))
    }

    /// All pairs there ever are.
    fn pairs(&self, sightings: &[Event], counts: &mut Counts) -> Vec<Pair> {
        let mut pairs = Vec::new();
        for (i, new) in sightings.iter().enumerate() {
            let mut before: Vec<&Event> = sightings[..i].iter().filter(|old| old.user == new.user).collect();
            before.sort_by_key(|old| old.origin());
            // No more are kept of a user.
            let before = &before[before.len().saturating_sub(2 * self.most)..];
            let close = before.iter().filter(|old| (old.time - new.time).abs() <= self.within);
            let (less, more): (Vec<&&Event>, Vec<&&Event>) = close.partition(|old| old.origin() < new.origin());
            counts.left_out += u64::from(less.len() > self.most || more.len() > self.most);
            let taken = less.into_iter().rev().take(self.most).chain(more.into_iter().take(self.most));
            for old in taken.filter(|old| old.item != new.item) {
                for (one, other) in [(new, *old), (*old, new)] {
                    pairs.push(Pair {
                        item: one.item.clone().expect("a sighting has an item"),
                        other: other.item.clone().expect("a sighting has an item"),
                        time: one.time.max(other.time),
                        weight: one.weight.unwrap_or(1.0) * other.weight.unwrap_or(1.0),
                        counts: (new.moment().div_euclid(self.every) + 1) * self.every,
                    });
                }
            }
        }
        pairs
    }

    /// The list of each item at a moment.
    fn lists(&self, pairs: &[Pair], moment: i64) -> BTreeMap<Name, Vec<Listed>> {
        let stretch = up((self.keep / 64).max(1), self.every);
        let keep = up(self.keep, self.every);
        let leaves = |time: i64| (time.div_euclid(stretch) + 1) * stretch + keep;
        let mut all: BTreeMap<(Name, Name), Vec<&Pair>> = BTreeMap::new();
        for pair in pairs.iter().filter(|pair| pair.counts <= moment && leaves(pair.time) > moment) {
            all.entry((pair.item.clone(), pair.other.clone())).or_default().push(pair);
        }
        let mut lists: BTreeMap<Name, Vec<Listed>> = BTreeMap::new();
        for ((item, other), pairs) in all.into_iter().filter(|(_, pairs)| pairs.len() >= self.min_times) {
            let score = pairs.iter().map(|pair| self.score(pair.weight, pair.time, moment)).sum();
            let mut content: Vec<(i64, u64)> = pairs.iter().map(|pair| (pair.time, pair.weight.to_bits())).collect();
            content.sort_unstable();
            lists.entry(item).or_default().push((other, score, content));
        }
        for list in lists.values_mut() {
            list.sort_by(|a, b| by_score(&(a.0.clone(), a.1), &(b.0.clone(), b.1)));
            list.truncate(self.n);
        }
        lists
    }

    /// All that is ever said, in order.
    pub fn run(&self, events: &[Event]) -> (Vec<Row>, Counts) {
        let mut counts = Counts::default();
        let mut sightings = Vec::new();
        for event in events.iter().filter(|event| event.seen) {
            if event.user.is_none() || event.item.is_none() {
                counts.no_key += 1;
            } else if event.weight.is_some_and(|weight| weight > 0.0) {
                if event.tick > event.time + self.lateness {
                    counts.too_late += 1;
                } else {
                    counts.late += u64::from(event.tick > event.time);
                    sightings.push(event.clone());
                }
            }
        }
        sightings.sort_by_key(|event| (event.moment(), event.origin()));
        let pairs = self.pairs(&sightings, &mut counts);
        let counts_from = |event: &Event| (event.moment().div_euclid(self.every) + 1) * self.every;
        let moments: BTreeSet<i64> = sightings.iter().map(counts_from).collect();
        let (mut said, mut items, mut users) = (Vec::new(), Stood::default(), Stood::default());
        let mut before: BTreeMap<Name, Vec<Listed>> = BTreeMap::new();
        let mut saw_before: BTreeMap<Name, Vec<(i64, Name)>> = BTreeMap::new();
        for moment in moments {
            let lists = self.lists(&pairs, moment);
            let content = |list: Option<&Vec<Listed>>| -> Vec<(Name, Vec<(i64, u64)>)> {
                list.into_iter().flatten().map(|(name, _, content)| (name.clone(), content.clone())).collect()
            };
            let all: BTreeSet<Name> = lists.keys().chain(before.keys()).cloned().collect();
            let changed: BTreeSet<Name> =
                all.into_iter().filter(|name| content(lists.get(name)) != content(before.get(name))).collect();
            for item in &changed {
                let list = lists.get(item).into_iter().flatten();
                let list = list.map(|(other, score, content)| (other.clone(), Some(content.len()), *score)).collect();
                items.state((0, moment), item, list, &mut said);
            }
            if let Some((n, recent, keep)) = self.users {
                let so_far = sightings.iter().filter(|event| counts_from(event) <= moment);
                let saw = saw(so_far, recent, keep, moment);
                let all: BTreeSet<Name> = saw.keys().chain(saw_before.keys()).cloned().collect();
                for user in all {
                    let (now, old) = (saw.get(&user), saw_before.get(&user));
                    let of_changed = now.into_iter().flatten().any(|(_, item)| changed.contains(item));
                    if now != old || of_changed {
                        let list = liked(now, &lists, n).into_iter().map(|(item, score)| (item, None, score)).collect();
                        users.state((1, moment), &user, list, &mut said);
                    }
                }
                saw_before = saw;
            }
            before = lists;
        }
        said.sort_by(|a, b| {
            let place = |row: &Row| (row.said, row.part, row.end, row.key.clone(), row.revision, row.asserts);
            place(a).cmp(&place(b))
        });
        (said, counts)
    }
}

/// What each user saw last.
fn saw<'a>(
    sightings: impl Iterator<Item = &'a Event>,
    recent: usize,
    keep: i64,
    moment: i64,
) -> BTreeMap<Name, Vec<(i64, Name)>> {
    let mut last: BTreeMap<Name, BTreeMap<Name, i64>> = BTreeMap::new();
    for event in sightings.filter(|event| event.time + keep > moment) {
        let (user, item) = (event.user.clone().expect("it has one"), event.item.clone().expect("it has one"));
        let time = last.entry(user).or_default().entry(item).or_insert(event.time);
        *time = event.time.max(*time);
    }
    let in_order = |items: BTreeMap<Name, i64>| {
        let mut list: Vec<(i64, Name)> = items.into_iter().map(|(item, time)| (time, item)).collect();
        list.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
        list.truncate(recent);
        list
    };
    last.into_iter().map(|(user, items)| (user, in_order(items))).collect()
}

/// What a user may like, who saw these.
fn liked(saw: Option<&Vec<(i64, Name)>>, lists: &BTreeMap<Name, Vec<Listed>>, n: usize) -> Vec<(Name, f64)> {
    let saw: Vec<&Name> = saw.into_iter().flatten().map(|(_, item)| item).collect();
    let mut scores: BTreeMap<Name, f64> = BTreeMap::new();
    for (other, score, _) in saw.iter().filter_map(|item| lists.get(*item)).flatten() {
        if !saw.contains(&other) {
            *scores.entry(other.clone()).or_default() += score;
        }
    }
    let mut list: Vec<(Name, f64)> = scores.into_iter().collect();
    list.sort_by(by_score);
    list.truncate(n);
    list
}

/// The rows that stand, by whose they are.
#[derive(Default)]
struct Stood(BTreeMap<Name, Vec<Row>>);

impl Stood {
    /// Says a list anew.
    fn state(
        &mut self,
        (part, moment): (usize, i64),
        of: &Name,
        list: Vec<(Name, Option<usize>, f64)>,
        said: &mut Vec<Row>,
    ) {
        let old = self.0.remove(of).unwrap_or_default();
        let mut rows = Vec::new();
        for (i, (name, times, score)) in list.into_iter().enumerate() {
            let stood = old.iter().find(|row| row.key.1 == name);
            let key = (of.clone(), name);
            let revision = stood.map_or(0, |row| row.revision + 1);
            let row = Row { part, said: moment, end: moment, key, revision, asserts: true, times, score, rank: i + 1 };
            match stood {
                Some(old) if old.rank == row.rank && old.times == row.times && near(old.score, row.score) => {
                    rows.push(old.clone());
                }
                _ => {
                    said.push(row.clone());
                    rows.push(row);
                }
            }
        }
        for row in old.into_iter().filter(|row| !rows.contains(row)) {
            said.push(Row { said: moment, asserts: false, ..row });
        }
        self.0.insert(of.clone(), rows);
    }
}

/// Random events of a partition, with their ticks; as they stand in the file.
pub fn events(r: &mut Random, partition: usize, (count, out_of_orderness, tick): (u64, i64, i64)) -> Vec<Event> {
    let (mut now, mut newest, mut list) = (r.below(5_000) as i64, None, Vec::new());
    for place in 0..count as usize {
        now += if r.one_in(25) { r.below(90_000) as i64 } else { r.below(1_500) as i64 };
        let back = if r.one_in(4) { r.below(20_000) as i64 } else { 0 };
        // Some at one time.
        let time = if r.one_in(6) { (now - back).div_euclid(1_000) * 1_000 } else { now - back };
        let user = r.pick(&[Name::Text("u"), Name::Text("v"), Name::Number(7), Name::Text("w")]);
        let item = match r.below(7) {
            0 => Name::Number(3),
            1 => Name::Number(20),
            n => Name::Text(["a", "b", "c", "d", "e"][n as usize - 2]),
        };
        list.push(Event {
            time,
            partition,
            place,
            user: (!r.one_in(15)).then_some(user),
            item: (!r.one_in(15)).then_some(item),
            weight: match r.below(20) {
                0 => None,
                1 => Some(0.0),
                2 => Some(-1.0),
                // So that no two sums are about the same by chance.
                _ => Some(1.0 + r.below(100_003) as f64 / 7_919.0),
            },
            seen: !r.one_in(10),
            tick: newest.map_or(i64::MIN, |newest: i64| (newest - out_of_orderness).div_euclid(tick) * tick),
        });
        newest = newest.max(Some(time));
    }
    list
}
