//! Sightings of a user and the lists of items, turned into the items that the user may like, as rows and their changes.
//!
//! In: who saw what and when, and lists that have changed, each with the moment from which on it counts. Out: at each moment,
//! when it is complete, the rows of the users whose items, or whose items' lists, have changed. A row's key is user and item,
//! its values the score at the moment of the statement, and the rank.
//!
//! Invariants: (1) of a user `recent` items are kept, the last by time: an older one leaves before they do, and so never comes
//! back; (2) lists are those of all items, so that each worker has them for its users.
//!
//! Cost: a user that has changed costs the lists of its items.

use super::fading::{Fading, Grown, Sum};
use super::lists::{Name, push, read_list};
use super::{Rules, Stands, Stated, UserRules};
use crate::event::Cell;
use crate::result::{Op, RowBatch, RowHead};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

/// A row of a user that stands, by rank.
#[derive(Debug, Clone)]
struct Row {
    item: Name,
    score: f64,
    stands: Stands,
}

#[derive(Debug, Default)]
struct User {
    /// What it saw last and when, the last first; of one time the lesser item.
    seen: Vec<(i64, Name)>,
    rows: Vec<Row>,
    /// When it is looked at for what has left; of notes at other times nothing is thought any more.
    noted: Option<i64>,
}

/// What counts from a moment on.
#[derive(Debug, Default)]
struct Waiting {
    sightings: Vec<(Name, Name, i64)>,
    lists: Vec<(Name, Vec<(Name, Grown)>)>,
}

/// Memory of a user, of an item that it saw, and of one of a list, about, without names.
const USER: usize = 200;
const SEEN: usize = 120;
const LISTED: usize = 48;

/// The users of a worker.
#[derive(Debug)]
pub struct Users {
    fading: Fading,
    rules: UserRules,
    part: u32,
    users: HashMap<Name, User>,
    /// Who saw an item.
    readers: HashMap<Name, HashSet<Name>>,
    lists: HashMap<Name, Vec<(Name, Grown)>>,
    waiting: BTreeMap<i64, Waiting>,
    /// By when users are looked at for what has left.
    leaving: BTreeMap<i64, Vec<Name>>,
    bytes: usize,
    stated: Stated,
}

impl Users {
    /// Nothing yet; `None` where users get nothing. `part`: the index of the rows' schema.
    pub fn new(rules: &Rules, part: u32) -> Option<Self> {
        Some(Self {
            fading: rules.fading.clone(),
            rules: rules.users.clone()?,
            part,
            users: HashMap::new(),
            readers: HashMap::new(),
            lists: HashMap::new(),
            waiting: BTreeMap::new(),
            leaving: BTreeMap::new(),
            bytes: 0,
            stated: Stated::default(),
        })
    }

    /// Notes that something counts from a moment on, whichever worker has it.
    pub fn mark(&mut self, moment: i64) {
        self.waiting.entry(moment).or_default();
    }

    /// Takes what a user saw at a time, which counts from a moment on.
    pub fn saw(&mut self, moment: i64, user: &[u8], item: &[u8], time: i64) {
        let sighting = (Name(user.into()), Name(item.into()), time);
        self.waiting.entry(moment).or_default().sightings.push(sighting);
    }

    /// Takes the list of an item that holds from a moment on; `false` where its bytes are damaged.
    pub fn list(&mut self, moment: i64, item: &[u8], list: &[u8]) -> bool {
        let Some(list) = read_list(list) else { return false };
        self.waiting.entry(moment).or_default().lists.push((Name(item.into()), list));
        true
    }

    /// The next moment at which there is something to say.
    pub fn next_moment(&self) -> Option<i64> {
        self.waiting.keys().next().copied()
    }

    /// States all moments that are complete, ascending.
    pub fn advance(&mut self, complete: &dyn Fn(i64) -> bool, emit: &mut dyn FnMut(i64, &mut RowBatch)) {
        let mut out = RowBatch::default();
        while let Some(entry) = self.waiting.first_entry().filter(|entry| complete(*entry.key())) {
            let (moment, waiting) = entry.remove_entry();
            for user in self.change(moment, waiting) {
                self.state(moment, &user, &mut out);
            }
            emit(moment, &mut out);
            out.clear();
        }
    }

    /// Takes what counts from a moment on, and takes away what has left; gives the users that this changes.
    fn change(&mut self, moment: i64, waiting: Waiting) -> BTreeSet<Name> {
        let mut changed = BTreeSet::new();
        while let Some(entry) = self.leaving.first_entry().filter(|entry| *entry.key() <= moment) {
            let (due, names) = entry.remove_entry();
            for name in names {
                self.leave((moment, due), &name, &mut changed);
            }
        }
        for (name, item, time) in waiting.sightings {
            if time.saturating_add(self.rules.keep) > moment && self.see(&name, item, time) {
                changed.insert(name);
            }
        }
        for (item, list) in waiting.lists {
            changed.extend(self.readers.get(&item).into_iter().flatten().cloned());
            let size = |list: &[(Name, Grown)]| list.iter().map(|(name, _)| LISTED + name.0.len()).sum::<usize>();
            self.bytes += size(&list);
            let old = if list.is_empty() { self.lists.remove(&item) } else { self.lists.insert(item, list) };
            self.bytes -= old.map_or(0, |old| size(&old));
        }
        changed
    }

    /// Takes away what of a user has left, and notes when the next does.
    fn leave(&mut self, (moment, due): (i64, i64), name: &Name, changed: &mut BTreeSet<Name>) {
        let Some(user) = self.users.get_mut(name).filter(|user| user.noted == Some(due)) else { return };
        let kept = user.seen.partition_point(|(time, _)| time.saturating_add(self.rules.keep) > moment);
        let gone: Vec<(i64, Name)> = user.seen.drain(kept..).collect();
        user.noted = None;
        if !gone.is_empty() {
            changed.insert(name.clone());
        }
        gone.into_iter().for_each(|(_, item)| self.unread(name, &item));
        self.note(name);
    }

    /// Notes a user at the time at which the oldest of its items leaves, where it is not noted at that or before: an item that
    /// is seen again leaves later, and the note is made anew when it is looked at.
    fn note(&mut self, name: &Name) {
        let Some(user) = self.users.get_mut(name) else { return };
        let Some((oldest, _)) = user.seen.last() else { return };
        let due = oldest.saturating_add(self.rules.keep);
        if user.noted.is_none_or(|noted| due < noted) {
            user.noted = Some(due);
            self.leaving.entry(due).or_default().push(name.clone());
        }
    }

    fn unread(&mut self, name: &Name, item: &Name) {
        self.bytes -= SEEN + item.0.len();
        if let Some(readers) = self.readers.get_mut(item) {
            readers.remove(name);
            if readers.is_empty() {
                self.readers.remove(item);
            }
        }
    }

    /// A user has seen an item; `false` where this changes nothing of what it saw last.
    fn see(&mut self, name: &Name, item: Name, time: i64) -> bool {
        let user = self.users.entry(name.clone()).or_insert_with(|| {
            self.bytes += USER + 2 * name.0.len();
            User::default()
        });
        match user.seen.iter().position(|(_, one)| *one == item) {
            Some(at) if user.seen[at].0 >= time => return false,
            Some(at) => drop(user.seen.remove(at)),
            None => {
                self.readers.entry(item.clone()).or_default().insert(name.clone());
                self.bytes += SEEN + item.0.len();
            }
        }
        let at = user.seen.partition_point(|(other, one)| (Reverse(time), &item) > (Reverse(*other), one));
        user.seen.insert(at, (time, item));
        let over = if user.seen.len() > self.rules.recent { user.seen.pop() } else { None };
        if let Some((_, over)) = over {
            self.unread(name, &over);
            if at == self.rules.recent {
                return false;
            }
        }
        self.note(name);
        true
    }

    /// Says what has changed of a user.
    fn state(&mut self, moment: i64, name: &Name, out: &mut RowBatch) {
        let Some(user) = self.users.get_mut(name) else { return };
        let list = liked(&self.fading, self.rules.n, &user.seen, &self.lists, moment);
        let old = std::mem::take(&mut user.rows);
        let mut gone = vec![true; old.len()];
        for (rank, (item, score)) in list.into_iter().enumerate() {
            let before = old.iter().position(|row| row.item == item);
            if let Some(before) = before {
                gone[before] = false;
                if before == rank && old[before].score.to_bits() == score.to_bits() {
                    user.rows.push(old[before].clone());
                    continue;
                }
                write(self.part, moment, (Op::Retract, name, before), &old[before], out);
                self.stated.corrections += 1;
            } else {
                self.stated.rows += 1;
            }
            let revision = before.map_or(0, |before| old[before].stands.revision + 1);
            let row = Row { item, score, stands: Stands { end: moment, revision } };
            write(self.part, moment, (Op::Assert, name, rank), &row, out);
            user.rows.push(row);
        }
        for (rank, row) in old.iter().enumerate().filter(|(rank, _)| gone[*rank]) {
            write(self.part, moment, (Op::Retract, name, rank), row, out);
            self.stated.corrections += 1;
        }
        if user.seen.is_empty() {
            self.users.remove(name);
            self.bytes -= USER + 2 * name.0.len();
        }
    }

    /// How many users are kept.
    pub fn users(&self) -> usize {
        self.users.len()
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

/// The first n of what stands in the lists of these items and is none of them.
fn liked(
    fading: &Fading,
    n: usize,
    seen: &[(i64, Name)],
    lists: &HashMap<Name, Vec<(Name, Grown)>>,
    moment: i64,
) -> Vec<(Name, f64)> {
    let items: BTreeSet<&Name> = seen.iter().map(|(_, item)| item).collect();
    let listed =
        || items.iter().filter_map(|item| lists.get(*item)).flatten().filter(|(other, _)| !items.contains(other));
    let Some(base) = listed().map(|(_, grown)| grown.exponent).max() else { return Vec::new() };
    let mut scores: BTreeMap<&Name, Sum> = BTreeMap::new();
    listed().for_each(|(other, grown)| scores.entry(other).or_default().add(*grown, base));
    let mut list: Vec<(&Name, Sum)> = scores.into_iter().collect();
    // Those of one score stay in the order of their names.
    list.sort_by_key(|(_, sum)| Reverse(*sum));
    list.truncate(n);
    list.into_iter().map(|(name, sum)| (name.clone(), fading.at(sum.grown(base), moment))).collect()
}

fn write(part: u32, moment: i64, (op, user, rank): (Op, &Name, usize), row: &Row, out: &mut RowBatch) {
    let Stands { end, revision } = row.stands;
    let head = RowHead { op, revision, window_end: end, ..RowHead::new(part, moment, (0, end)) };
    push(head, [&user.0, &row.item.0], &[Cell::float(row.score), Cell::int(rank as i64 + 1)], out);
}
