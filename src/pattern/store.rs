//! The shared match buffer: every event that a partial match has taken once, and chains of links through them.
//!
//! As the versioned buffer of SASE (J. Agrawal et al., *Efficient pattern matching over event streams*, SIGMOD 2008) it
//! is shared by all partial matches of all keys: a partial match is the last link of its chain, chains share what they
//! have in common, and an event is there once however many chains go through it. Links and events are counted by who
//! needs them, and their places are used again.
//!
//! Invariants:
//! 1. A link's event, and the link before it, live as long as the link.
//! 2. The bytes of an event lie in blocks of one size class, each of which is given out once at a time.

use crate::event::Origin;

/// No link: before the first event.
pub const NONE: u32 = u32::MAX;

/// The unit of the arena, bytes.
const UNIT: usize = 16;

/// An event that is kept.
#[derive(Debug, Clone, Copy)]
struct Kept {
    origin: Origin,
    refs: u32,
    /// Where its bytes begin, in units; the next free place where it is not used.
    start: u32,
    length: u32,
}

/// An event taken by a step, behind others.
#[derive(Debug, Clone, Copy)]
pub struct Link {
    /// The link before it; the greatest number there is before the first.
    pub before: u32,
    /// The event.
    pub event: u32,
    /// The events of the chain, this one among them.
    pub depth: u32,
    /// The step that took it.
    pub step: u16,
    refs: u32,
}

/// The buffer.
#[derive(Debug, Default)]
pub struct Store {
    events: Vec<Kept>,
    free_events: Vec<u32>,
    links: Vec<Link>,
    free_links: Vec<u32>,
    arena: Vec<u8>,
    /// Free blocks by their number of units.
    free_blocks: Vec<Vec<u32>>,
    live_events: usize,
    live_links: usize,
    live_units: usize,
}

/// Units of a block that holds so many bytes: sizes grow by a quarter at most, so that blocks fit again.
fn units(bytes: usize) -> usize {
    let units = bytes.div_ceil(UNIT);
    if units <= 8 {
        return units;
    }
    let step = (units.next_power_of_two() / 8).max(1);
    units.div_ceil(step) * step
}

impl Store {
    /// Keeps an event with its bytes; it has one user.
    pub fn keep(&mut self, origin: Origin, bytes: &[u8]) -> u32 {
        let size = units(bytes.len());
        let start = match self.free_blocks.get_mut(size).and_then(Vec::pop) {
            Some(start) => start,
            None => {
                let start = self.arena.len() / UNIT;
                self.arena.resize((start + size) * UNIT, 0);
                start as u32
            }
        };
        let at = start as usize * UNIT;
        self.arena[at..at + bytes.len()].copy_from_slice(bytes);
        self.live_units += size;
        self.live_events += 1;
        let kept = Kept { origin, refs: 1, start, length: bytes.len() as u32 };
        match self.free_events.pop() {
            Some(event) => {
                self.events[event as usize] = kept;
                event
            }
            None => {
                self.events.push(kept);
                self.events.len() as u32 - 1
            }
        }
    }

    /// One more user of the event.
    pub fn share_event(&mut self, event: u32) {
        self.events[event as usize].refs += 1;
    }

    /// One user less.
    pub fn drop_event(&mut self, event: u32) {
        let kept = &mut self.events[event as usize];
        kept.refs -= 1;
        if kept.refs == 0 {
            let size = units(kept.length as usize);
            if size > 0 {
                if self.free_blocks.len() <= size {
                    self.free_blocks.resize_with(size + 1, Vec::new);
                }
                self.free_blocks[size].push(kept.start);
            }
            self.live_units -= size;
            self.live_events -= 1;
            self.free_events.push(event);
        }
    }

    /// A link to an event behind a chain; it has one user, and uses both.
    pub fn link(&mut self, before: u32, event: u32, step: usize) -> u32 {
        self.share_event(event);
        let depth = match before {
            NONE => 1,
            before => {
                self.share(before);
                self.links[before as usize].depth + 1
            }
        };
        let link = Link { before, event, depth, step: step as u16, refs: 1 };
        self.live_links += 1;
        match self.free_links.pop() {
            Some(place) => {
                self.links[place as usize] = link;
                place
            }
            None => {
                self.links.push(link);
                self.links.len() as u32 - 1
            }
        }
    }

    /// One more user of the chain.
    pub fn share(&mut self, link: u32) {
        if link != NONE {
            self.links[link as usize].refs += 1;
        }
    }

    /// One user less; what nobody needs is given back.
    pub fn drop_link(&mut self, mut link: u32) {
        while link != NONE {
            let of = &mut self.links[link as usize];
            of.refs -= 1;
            if of.refs > 0 {
                return;
            }
            let (event, before) = (of.event, of.before);
            self.free_links.push(link);
            self.live_links -= 1;
            self.drop_event(event);
            link = before;
        }
    }

    /// A link.
    pub fn of(&self, link: u32) -> &Link {
        &self.links[link as usize]
    }

    /// Where the event stands.
    pub fn origin(&self, event: u32) -> Origin {
        self.events[event as usize].origin
    }

    /// The event's bytes.
    pub fn bytes(&self, event: u32) -> &[u8] {
        let kept = &self.events[event as usize];
        let at = kept.start as usize * UNIT;
        &self.arena[at..at + kept.length as usize]
    }

    /// The event time of the last event of a chain.
    pub fn last_time(&self, link: u32) -> i64 {
        self.origin(self.of(link).event).time
    }

    /// The steps and events of a chain, from the last one back.
    pub fn back(&self, link: u32) -> impl Iterator<Item = (usize, u32)> + '_ {
        let mut at = link;
        std::iter::from_fn(move || {
            (at != NONE).then(|| {
                let of = self.of(at);
                at = of.before;
                (of.step as usize, of.event)
            })
        })
    }

    /// Memory in use, bytes.
    pub fn size(&self) -> usize {
        self.live_events * size_of::<Kept>() + self.live_links * size_of::<Link>() + self.live_units * UNIT
    }

    /// Events and links in use.
    pub fn live(&self) -> (usize, usize) {
        (self.live_events, self.live_links)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(time: i64) -> Origin {
        Origin { time, ..Origin::default() }
    }

    #[test]
    fn chains_share_what_they_have_in_common_and_give_back_what_nobody_needs() {
        let mut store = Store::default();
        let (a, b, c) = (store.keep(origin(1), b"first"), store.keep(origin(2), b""), store.keep(origin(3), &[7; 200]));
        let first = store.link(NONE, a, 0);
        let (left, right) = (store.link(first, b, 1), store.link(first, c, 2));
        [a, b, c].into_iter().for_each(|e| store.drop_event(e));
        store.drop_link(first);
        assert_eq!(store.live(), (3, 3));
        assert_eq!(store.back(right).collect::<Vec<_>>(), [(2, c), (0, a)]);
        assert_eq!((store.bytes(a), store.bytes(c).len(), store.of(left).depth), (&b"first"[..], 200, 2));
        store.drop_link(right);
        assert_eq!((store.live(), store.last_time(left)), ((2, 2), 2));
        store.drop_link(left);
        assert_eq!((store.live(), store.size()), ((0, 0), 0));
    }

    #[test]
    fn places_are_used_again() {
        let mut store = Store::default();
        for round in 0..1_000u32 {
            let bytes = vec![round as u8; (round % 300) as usize];
            let event = store.keep(origin(i64::from(round)), &bytes);
            let link = store.link(NONE, event, 0);
            store.drop_event(event);
            assert_eq!(store.bytes(event), &bytes[..]);
            store.drop_link(link);
        }
        assert_eq!((store.events.len(), store.links.len()), (1, 1));
        assert!(store.arena.len() < 10_000, "{}", store.arena.len());
    }
}
