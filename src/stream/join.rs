//! Events of two sides, in the order of [`super::Ordered`], turned into pairs of those that have one key and are near in
//! event time, and, where asked for, left events that have no partner.
//!
//! Rules, for spans B (`before`), A (`after`) and L (`lateness`). An event has a time t and a tick k; both sides may be one
//! stream, and an event of both is two events here.
//! 1. A left event l and a right one r are *near* where t(l) - B <= t(r) <= t(l) + A.
//! 2. A left event is kept until t(l) + A + L, a right one until t(r) + B + L: what comes with a tick beyond that does not
//!    find it. So a near pair of one key is joined where k(r) <= t(l) + A + L and k(l) <= t(r) + B + L: which one comes first
//!    does not matter. Of events that are late by no more than L (k <= t + L) all near pairs are joined.
//! 3. An event with k > t + A + B + L finds nothing: it is too late, dropped and counted.
//! 4. An event without a key has no partner.
//! 5. Of an outer join, a left event that is joined with nothing is said alone. Where it is late by more than L, partners of
//!    it may have left before it came, so it is dropped and counted as too late instead, but for one without a key.
//!
//! Time behind the join. A pair's time is the later of both, its tick the later of both ticks, less H (`hold`), by which the
//! watermark behind the join is behind the one before it: 0 of an inner join; of an outer one A + L, rounded up to ticks, so
//! that a left event that is said alone, at its own time, when nothing can join it any more, is on time there. So:
//! 6. A pair is on time where its events are, and late as the later of both ticks says; a left event that is said alone is
//!    never late, but for one without a key, which is as late as its tick less H says.
//! 7. What is given out when the frontier becomes f has not been promised before: neither its time nor its tick is below
//!    the frontier behind the join as it was, f' - H, but for what is late, whose tick is not.
//! 8. What is late is given out with ascending ticks.
//! 9. The place of what is given out has a hash of the places of its events, so that ties are in one order whatever the
//!    width.
//!
//! Cost: for each event a search in a tree and one more for each partner; some 120 bytes and its cells for each event that
//! is kept.

use super::ordered::{Event, KeyHash};
use crate::event::{Origin, key};
use std::collections::{BTreeMap, BTreeSet};

/// Which events are partners, and how long they are kept; microseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// How much earlier than the left event the right one may be.
    pub before: i64,
    /// How much later.
    pub after: i64,
    /// How late events may be and find all partners.
    pub lateness: i64,
    /// Left events without a partner are there too.
    pub outer: bool,
    /// How far behind that before the join the watermark behind it is.
    pub hold: i64,
}

impl Bounds {
    /// The bounds, with the `hold` that follows from them.
    pub fn new(before: i64, after: i64, lateness: i64, outer: bool, tick: i64) -> Self {
        let decided = after.saturating_add(lateness);
        let hold = if outer { decided.saturating_add(tick - 1).div_euclid(tick).saturating_mul(tick) } else { 0 };
        Self { before, after, lateness, outer, hold }
    }

    /// How long after its time an event of a side is kept.
    pub fn kept(&self, side: usize) -> i64 {
        let ahead = if side == LEFT { self.after } else { self.before };
        ahead.saturating_add(self.lateness)
    }

    /// How far behind its tick an event finds nothing.
    pub fn reach(&self) -> i64 {
        self.before.saturating_add(self.after).saturating_add(self.lateness).saturating_add(1)
    }
}

const LEFT: usize = 0;

/// A pair, or a left event alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Joined<'a> {
    /// Its time and place.
    pub place: Origin,
    /// Its tick behind the join; [`i64::MIN`] where there is none yet.
    pub tick: i64,
    /// The cells of both events; of the right one none where there is none.
    pub cells: [Option<&'a [u8]>; 2],
}

/// An event that is kept.
#[derive(Debug)]
struct Kept {
    tick: i64,
    /// Where its cells are in its stretch.
    start: usize,
    length: u32,
}

/// Events of a stretch of event time, which leave together.
#[derive(Debug, Default)]
struct Stretch {
    cells: Vec<u8>,
    events: Vec<(KeyHash, Origin)>,
}

/// The events of one side that are kept.
#[derive(Debug)]
struct Side {
    kept: BTreeMap<(KeyHash, Origin), Kept>,
    stretches: BTreeMap<i64, Stretch>,
    /// Event time of a stretch.
    stretch: i64,
}

/// Memory of one event that is kept, without its cells.
const BYTES: usize = 120;

impl Side {
    fn new(span: i64) -> Self {
        Self { kept: BTreeMap::new(), stretches: BTreeMap::new(), stretch: (span / 16).max(1) }
    }

    fn keep(&mut self, key: KeyHash, origin: Origin, tick: i64, cells: &[u8]) {
        let stretch = self.stretches.entry(origin.time.div_euclid(self.stretch)).or_default();
        let (start, length) = (stretch.cells.len(), cells.len() as u32);
        stretch.cells.extend_from_slice(cells);
        stretch.events.push((key, origin));
        self.kept.insert((key, origin), Kept { tick, start, length });
    }

    /// The events of a key in a span of time that includes its ends.
    fn of(&self, key: KeyHash, from: i64, to: i64) -> impl Iterator<Item = (Origin, i64, &[u8])> {
        let first = Origin { time: from, partition: 0, position: 0 };
        let last = Origin { time: to, partition: u32::MAX, position: u64::MAX };
        let range = self.kept.range((key, first)..=(key, last));
        range.map(|((_, origin), kept)| (*origin, kept.tick, self.cells(*origin, kept)))
    }

    fn cells(&self, origin: Origin, kept: &Kept) -> &[u8] {
        let stretch = self.stretches.get(&origin.time.div_euclid(self.stretch));
        let cells = stretch.and_then(|s| s.cells.get(kept.start..kept.start + kept.length as usize));
        cells.expect("the cells of an event are kept as long as it is")
    }

    /// Forgets the stretches that are over `span` before the frontier; gives the bytes of their cells.
    fn forget(&mut self, frontier: Option<i64>, span: i64) -> usize {
        let over = |s: i64| frontier.is_none_or(|f| (s + 1).saturating_mul(self.stretch).saturating_add(span) <= f);
        let mut bytes = 0;
        while let Some(entry) = self.stretches.first_entry().filter(|entry| over(*entry.key())) {
            let stretch = entry.remove();
            bytes += stretch.cells.len();
            for event in stretch.events {
                self.kept.remove(&event);
            }
        }
        bytes
    }
}

/// The events of both sides that may still find a partner.
#[derive(Debug)]
pub struct Join {
    bounds: Bounds,
    sides: [Side; 2],
    /// Left events that have no partner yet, where they would be said alone.
    alone: BTreeSet<(Origin, KeyHash)>,
    cells: usize,
    too_late: u64,
}

impl Join {
    /// Nothing yet.
    pub fn new(bounds: Bounds) -> Self {
        let sides = [0, 1].map(|side| Side::new(bounds.kept(side)));
        Self { bounds, sides, alone: BTreeSet::new(), cells: 0, too_late: 0 }
    }

    /// Takes an event without marks of side 0 (left) or 1 (right), the next in the order; gives its pairs with those that
    /// are kept.
    ///
    /// # Errors
    /// The first one of `give`.
    pub fn take<E>(
        &mut self,
        side: usize,
        event: &Event<'_>,
        give: &mut dyn FnMut(Joined<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let Self { bounds, sides, alone, too_late, .. } = self;
        let (time, tick, cells) = (event.origin.time, event.tick, event.marked(0).1);
        let Some(key) = event.key else {
            return if bounds.outer && side == LEFT {
                give(said_alone(event.origin, behind(bounds, tick), cells))
            } else {
                Ok(())
            };
        };
        if tick > time.saturating_add(bounds.reach() - 1) {
            *too_late += 1;
            return Ok(());
        }
        let other = 1 - side;
        let (back, ahead) = if side == LEFT { (bounds.before, bounds.after) } else { (bounds.after, bounds.before) };
        let mut found = false;
        for (origin, its_tick, its_cells) in sides[other].of(key, time.saturating_sub(back), time.saturating_add(ahead))
        {
            let gone = |time: i64, side: usize, tick: i64| tick > time.saturating_add(bounds.kept(side));
            if gone(origin.time, other, tick) || gone(time, side, its_tick) {
                continue;
            }
            found = true;
            if bounds.outer && side != LEFT {
                alone.remove(&(origin, key));
            }
            let (mut places, mut both) = ([event.origin, origin], [Some(cells), Some(its_cells)]);
            if side != LEFT {
                places.swap(0, 1);
                both.swap(0, 1);
            }
            give(Joined { place: place(&places), tick: behind(bounds, tick.max(its_tick)), cells: both })?;
        }
        if bounds.outer && side == LEFT && !found {
            alone.insert((event.origin, key));
        }
        self.sides[side].keep(key, event.origin, tick, cells);
        self.cells += cells.len();
        Ok(())
    }

    /// Gives the left events that no event with a tick of at least `frontier` (`None`: none will come) can join any more,
    /// and forgets what nothing can.
    ///
    /// # Errors
    /// The first one of `give`.
    pub fn advance<E>(
        &mut self,
        frontier: Option<i64>,
        give: &mut dyn FnMut(Joined<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let Self { bounds, sides, alone, cells, too_late } = self;
        let over = |origin: &Origin| frontier.is_none_or(|f| origin.time < f.saturating_sub(bounds.hold));
        while let Some((origin, key)) = alone.first().copied().filter(|(origin, _)| over(origin)) {
            alone.pop_first();
            let Some(kept) = sides[LEFT].kept.get(&(key, origin)) else { continue };
            if kept.tick > origin.time.saturating_add(bounds.lateness) {
                *too_late += 1;
            } else {
                give(said_alone(origin, behind(bounds, kept.tick), sides[LEFT].cells(origin, kept)))?;
            }
        }
        for (side, events) in sides.iter_mut().enumerate() {
            // What is said alone is kept until then.
            let span = bounds.kept(side).max(if side == LEFT { bounds.hold } else { 0 });
            *cells -= events.forget(frontier, span);
        }
        Ok(())
    }

    /// Events that were too late, since this was last asked.
    pub fn count_too_late(&mut self) -> u64 {
        std::mem::take(&mut self.too_late)
    }

    /// How many events are kept.
    pub fn len(&self) -> usize {
        self.sides.iter().map(|side| side.kept.len()).sum()
    }

    /// True where nothing is kept.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Memory of what is kept.
    pub fn bytes(&self) -> usize {
        self.cells + self.len() * BYTES
    }
}

/// A tick as it is behind the join.
fn behind(bounds: &Bounds, tick: i64) -> i64 {
    if tick == i64::MIN { tick } else { tick.saturating_sub(bounds.hold) }
}

fn said_alone(origin: Origin, tick: i64, cells: &[u8]) -> Joined<'_> {
    Joined { place: place(&[origin]), tick, cells: [Some(cells), None] }
}

/// The place of what is made of events with these: rule 9.
fn place(origins: &[Origin]) -> Origin {
    let mut bytes = [0; 2 * Origin::BYTES];
    for (origin, bytes) in origins.iter().zip(bytes.chunks_exact_mut(Origin::BYTES)) {
        bytes.copy_from_slice(&origin.bytes());
    }
    let time = origins.iter().map(|origin| origin.time).max().unwrap_or(0);
    Origin { time, partition: 0, position: key::hash(&bytes[..origins.len() * Origin::BYTES]) }
}

#[cfg(test)]
mod tests {
    use super::super::{Damaged, Ordered, Writer};
    use super::*;
    use crate::event::{Cell, EventBatch};

    /// Events in order: side, key (negative: NULL), time, tick.
    type Sent = (u32, i64, i64, i64);
    /// Left time, right time, tick.
    type Given = (i64, Option<i64>, i64);

    /// What a join gives for events that all come before the first frontier, and then at each of the frontiers.
    fn run(bounds: Bounds, events: &[Sent], frontiers: &[Option<i64>]) -> (Vec<Vec<Given>>, Join) {
        let (mut join, mut ordered, mut packets) = (Join::new(bounds), Ordered::new(10), vec![Vec::new()]);
        for (i, (side, name, time, tick)) in events.iter().enumerate() {
            let mut batch = EventBatch::new(1);
            (batch.partition, batch.position) = (*side, i as u64);
            batch.time.push(*time);
            batch.offset.push(0);
            batch.columns[0].push(if *name < 0 { Cell::NULL } else { Cell::int(*name) });
            // The time is the one cell that comes with an event.
            batch.columns.push(vec![Cell::time(*time)]);
            let mut writer = Writer::new(&[0], vec![1]);
            writer.write(&batch, 0, (*tick, &[], false), |_| 0, &mut packets);
        }
        ordered.take(&packets[0]).unwrap();
        let mut all = Vec::new();
        for frontier in frontiers {
            let mut given = Vec::new();
            let mut give = |joined: Joined<'_>| {
                let time = |cells: Option<&[u8]>| {
                    cells.map(|cells| match key::decode(cells) {
                        Some((crate::event::Value::Time(time), [])) => time,
                        other => panic!("{other:?}"),
                    })
                };
                given.push((time(joined.cells[0]).unwrap(), time(joined.cells[1]), joined.tick));
                assert_eq!(joined.place.time, given.last().map_or(0, |(l, r, _)| r.map_or(*l, |r| r.max(*l))));
                Ok::<(), Damaged>(())
            };
            let mut take = |event: Event<'_>| join.take(event.origin.partition as usize, &event, &mut give);
            ordered.release(*frontier, &mut |_| {}, &mut take).unwrap();
            join.advance(*frontier, &mut give).unwrap();
            all.push(given);
        }
        (all, join)
    }

    const NONE: i64 = i64::MIN;

    #[test]
    fn pairs_are_near_with_bounds_that_belong_to_them_and_have_one_key() {
        let bounds = Bounds::new(10, 20, 0, false, 10);
        let left = [(0, 1, 100, NONE)];
        let right = [(1, 1, 89, NONE), (1, 1, 90, NONE), (1, 2, 100, NONE), (1, 1, 120, NONE), (1, 1, 121, NONE)];
        let (given, join) = run(bounds, &[&left[..], &right].concat(), &[None]);
        assert_eq!(given, [[(100, Some(90), NONE), (100, Some(120), NONE)]]);
        assert!(join.is_empty() && join.bytes() == 0);
    }

    #[test]
    fn a_late_event_finds_what_is_kept_and_makes_a_pair_that_is_late_as_it_is() {
        let bounds = Bounds::new(0, 20, 30, false, 10);
        // Kept until 150: what comes with tick 150 finds it, what comes with 160 does not.
        let events = [(0, 1, 100, NONE), (1, 1, 105, 150), (1, 1, 106, 160), (0, 1, 90, 130), (1, 1, 102, 100)];
        let (given, mut join) = run(bounds, &events, &[None]);
        assert_eq!(given, [[(100, Some(102), 100), (90, Some(102), 130), (100, Some(105), 150)]]);
        // By 54 nothing is there that 106 could be near to; at 50 there may be.
        assert_eq!(join.count_too_late(), 1);
        let (_, mut join) = run(bounds, &[(1, 1, 110, 160)], &[None]);
        assert_eq!(join.count_too_late(), 0);
    }

    #[test]
    fn without_a_partner_is_said_when_none_can_come_at_the_own_time_of_the_event() {
        let bounds = Bounds::new(50, 15, 0, true, 10);
        assert_eq!(bounds.hold, 20);
        let events = [(0, 1, 100, 90), (0, 2, 105, 90), (1, 2, 120, 110), (0, -1, 101, 90), (0, 3, 80, 90)];
        let (given, mut join) = run(bounds, &events, &[Some(110), Some(120), Some(130), Some(140), None]);
        // Behind it the watermark is at 90, 100, 110, ...; the one without a key waits for nothing.
        assert_eq!(given[0], [(101, None, 70)]);
        assert_eq!((&given[1][..], &given[2][..]), (&[][..], &[(105, Some(120), 90), (100, None, 70)][..]));
        assert_eq!((&given[3][..], &given[4][..]), (&[][..], &[][..]));
        // 80 came with tick 90: it may have had partners that had left.
        assert_eq!((join.count_too_late(), join.len()), (1, 0));
    }

    #[test]
    fn an_event_of_both_sides_makes_a_pair_with_itself() {
        let (given, _) = run(Bounds::new(5, 5, 0, false, 10), &[(0, 1, 7, NONE), (1, 1, 7, NONE)], &[None]);
        assert_eq!(given, [[(7, Some(7), NONE)]]);
    }

    #[test]
    fn what_nothing_can_join_any_more_is_forgotten() {
        let bounds = Bounds::new(100, 100, 60, false, 10);
        let events: Vec<Sent> = (0..1_000).flat_map(|t| [(0, t, t * 10, NONE), (1, -1 - t, t * 10, NONE)]).collect();
        let (_, join) = run(bounds, &events, &[Some(10_000)]);
        // Those of the last 160, and at most a stretch of 10 more; none without a key.
        assert!((16..=18).contains(&join.len()), "{}", join.len());
    }
}
