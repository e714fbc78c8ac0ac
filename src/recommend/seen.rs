//! Sightings of users, in the order of their moments, turned into pairs.
//!
//! Invariants: (1) the pairs of a sighting depend on the sightings of its user that were taken before it alone; what is
//! forgotten could be in none; (2) of a user twice `most` sightings are kept, the last by event time, as no sighting that is
//! on time reaches further back.
//!
//! Cost: a sighting looks at the sightings that it is put together with; memory is some 80 bytes and the item for each that is
//! kept.

use super::Rules;
use crate::event::Origin;
use crate::stream::KeyHash;
use std::collections::{BTreeMap, HashMap};

/// A user has seen an item.
#[derive(Debug, Clone, Copy)]
pub struct Sighting<'a> {
    /// Which user.
    pub user: KeyHash,
    /// When, and where it stands in the input.
    pub origin: Origin,
    /// Its tick.
    pub tick: i64,
    /// The canonical bytes of the item.
    pub item: &'a [u8],
    /// How much it counts: more than nothing.
    pub weight: f64,
}

/// An item and another that was seen with it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pair<'a> {
    /// The item.
    pub item: &'a [u8],
    /// The other.
    pub other: &'a [u8],
    /// When the later of both was seen.
    pub time: i64,
    /// The product of both weights.
    pub weight: f64,
}

#[derive(Debug)]
struct Kept {
    origin: Origin,
    item: Box<[u8]>,
    weight: f64,
}

/// Memory of a sighting without its item, and of a user without its sightings.
const BYTES: usize = size_of::<Kept>() + 16;
const USER: usize = 96;

#[derive(Debug, Default)]
struct User {
    /// By origin.
    kept: Vec<Kept>,
    /// The stretch in which it was noted last.
    noted: Option<i64>,
}

/// What sightings were.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Behind their tick.
    pub late: u64,
    /// Dropped.
    pub too_late: u64,
    /// Not put together with all that were near.
    pub left_out: u64,
}

/// The sightings that others may still be put together with.
#[derive(Debug)]
pub struct Seen {
    within: i64,
    lateness: i64,
    most: usize,
    users: HashMap<KeyHash, User>,
    /// Users with sightings in a stretch of event time, which are forgotten together.
    stretches: BTreeMap<i64, Vec<KeyHash>>,
    stretch: i64,
    bytes: usize,
    counts: Counts,
}

impl Seen {
    /// Nothing yet.
    pub fn new(rules: &Rules) -> Self {
        Self {
            within: rules.within,
            lateness: rules.lateness,
            most: rules.most.max(1),
            users: HashMap::new(),
            stretches: BTreeMap::new(),
            stretch: (rules.within.saturating_add(rules.lateness) / 16).max(1),
            bytes: 0,
            counts: Counts::default(),
        }
    }

    /// Takes the next sighting in the order; gives each pair twice, once for either item. `false`: it is too late.
    pub fn take(&mut self, seen: &Sighting<'_>, give: &mut dyn FnMut(Pair<'_>)) -> bool {
        let time = seen.origin.time;
        if seen.tick > time.saturating_add(self.lateness) {
            self.counts.too_late += 1;
            return false;
        }
        self.counts.late += u64::from(seen.tick > time);
        let user = self.users.entry(seen.user).or_insert_with(|| {
            self.bytes += USER;
            User::default()
        });
        let at = user.kept.partition_point(|kept| kept.origin < seen.origin);
        let (from, to) = (time.saturating_sub(self.within), time.saturating_add(self.within));
        let first = user.kept[..at].partition_point(|kept| kept.origin.time < from);
        let last = at + user.kept[at..].partition_point(|kept| kept.origin.time <= to);
        let (low, high) = (first.max(at.saturating_sub(self.most)), last.min(at.saturating_add(self.most)));
        self.counts.left_out += u64::from(low > first || high < last);
        for kept in user.kept[low..high].iter().filter(|kept| &*kept.item != seen.item) {
            let (time, weight) = (time.max(kept.origin.time), seen.weight * kept.weight);
            give(Pair { item: seen.item, other: &kept.item, time, weight });
            give(Pair { item: &kept.item, other: seen.item, time, weight });
        }
        user.kept.insert(at, Kept { origin: seen.origin, item: seen.item.into(), weight: seen.weight });
        self.bytes += BYTES + seen.item.len();
        if user.kept.len() > self.most.saturating_mul(2) {
            let gone = user.kept.remove(0);
            self.bytes -= BYTES + gone.item.len();
        }
        let stretch = time.div_euclid(self.stretch);
        if user.noted.replace(stretch) != Some(stretch) {
            self.stretches.entry(stretch).or_default().push(seen.user);
            self.bytes += size_of::<KeyHash>();
        }
        true
    }

    /// Forgets what no sighting with a tick of at least `frontier` (`None`: none will come) is put together with.
    pub fn advance(&mut self, frontier: Option<i64>) {
        let span = self.within.saturating_add(self.lateness);
        let over = |s: i64| frontier.is_none_or(|f| (s + 1).saturating_mul(self.stretch).saturating_add(span) <= f);
        while let Some(entry) = self.stretches.first_entry().filter(|entry| over(*entry.key())) {
            let (stretch, users) = entry.remove_entry();
            self.bytes -= users.len() * size_of::<KeyHash>();
            for key in users {
                let Some(user) = self.users.get_mut(&key) else { continue };
                let gone = user.kept.partition_point(|kept| kept.origin.time.div_euclid(self.stretch) <= stretch);
                self.bytes -= user.kept.drain(..gone).map(|kept| BYTES + kept.item.len()).sum::<usize>();
                if user.noted == Some(stretch) {
                    user.noted = None;
                }
                if user.kept.is_empty() {
                    self.users.remove(&key);
                    self.bytes -= USER;
                }
            }
        }
    }

    /// How many users have sightings that are kept.
    pub fn users(&self) -> usize {
        self.users.len()
    }

    /// True where nothing is kept.
    pub fn is_empty(&self) -> bool {
        self.users.is_empty()
    }

    /// Memory of what is kept, about.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// What sightings were, since this was last asked.
    pub fn count(&mut self) -> Counts {
        std::mem::take(&mut self.counts)
    }
}
