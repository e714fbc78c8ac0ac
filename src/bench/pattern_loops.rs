//! PB, PC, PCN, PE and PE0 by hand: ticks and keys that wait, turned into matches of one fixed pattern each.

use super::baseline;
use super::loops::{Present, groups};
use super::order::{Event, Matcher, Short, Wanted};
use super::rows::Rows;
use super::scan::{Cursor, Text};
use super::table::{Reset, Slice, Slices, Table, hash};

const SECOND: i64 = 1_000_000;

const A: u8 = 0;
const B: u8 = 1;

/// A flat object: its time, its id, and of two texts and a number those with the given names.
struct Line<'a> {
    time: i64,
    id: Option<Text<'a>>,
    key: Option<Text<'a>>,
    letter: Option<Text<'a>>,
    number: Option<f64>,
}

impl<'a> Line<'a> {
    /// Reads no further than what is named.
    #[inline]
    fn read(line: &'a [u8], [key, letter, number]: [&[u8]; 3]) -> Option<Self> {
        let mut cursor = Cursor::new(line);
        if !cursor.enter() {
            return None;
        }
        let mut found = Self { time: 0, id: None, key: None, letter: None, number: None };
        let mut time = None;
        while let Some(name) = cursor.key() {
            match name {
                b"id" => found.id = cursor.text(),
                b"timestamp" => time = cursor.seconds(),
                _ if name == key => found.key = cursor.text(),
                _ if name == letter => found.letter = cursor.text(),
                _ if name == number => found.number = cursor.number(),
                _ => {
                    cursor.skip();
                    continue;
                }
            }
            let is_whole =
                (found.letter.is_some() || letter.is_empty()) && (found.number.is_some() || number.is_empty());
            if is_whole && time.is_some() && found.id.is_some() && found.key.is_some() {
                break;
            }
        }
        found.time = time?;
        Some(found)
    }

    fn wanted(&self, step: u8) -> Option<Wanted<'a>> {
        let id = self.id.unwrap_or(Text { raw: b"", escaped: false });
        Some(Wanted { step, part: 0, key: self.key?, id, text: None, number: self.number })
    }
}

/// An event that is part of a match to be.
#[derive(Debug)]
struct Kept {
    time: i64,
    value: f64,
    id: Short,
}

impl Kept {
    fn new(event: &Event<'_>) -> Self {
        Self { time: event.time, value: event.number.unwrap_or(f64::NAN), id: Short::new(event.id) }
    }

    fn id(&self) -> &[u8] {
        self.id.bytes()
    }
}

/// PB: a price, then prices each above the average of those before it, then one that is not.
///
/// The oldest start that is still open is the only one that can be stated next, so a key has one run: its events are
/// kept, and only where a run takes too long are they gone through again from its second event on.
#[derive(Debug, Default)]
pub struct Climbs {
    keys: Table<Run>,
}

/// The first event, and those above the average; `sum` is of the latter.
#[derive(Debug, Default)]
struct Run {
    events: Vec<Kept>,
    sum: f64,
}

impl Reset for Run {
    fn reset(&mut self) {
        self.events.clear();
    }
}

impl Run {
    const WITHIN: i64 = 300 * SECOND;

    fn take(&mut self, key: &[u8], event: Kept, rows: &mut Rows) {
        if self.events.first().is_some_and(|first| event.time - first.time >= Self::WITHIN) {
            self.again(key, rows);
            return self.take(key, event, rows);
        }
        match &self.events[..] {
            [] => self.events.push(event),
            [first] => {
                if event.value > first.value {
                    self.sum = event.value;
                } else {
                    self.events.clear();
                }
                self.events.push(event);
            }
            [first, up @ ..] => {
                let average = self.sum / up.len() as f64;
                if event.value > average {
                    self.sum += event.value;
                    self.events.push(event);
                    return;
                }
                rows.matched(Climbs::NAME, key, first.time, event.time);
                rows.whole("ups", up.len() as u64).number("mean", Some(average)).number("low", Some(event.value));
                rows.step("a", [first.id()]).step("up", up.iter().map(Kept::id)).step("down", [event.id()]).end();
                self.events.clear();
            }
        }
    }

    /// The first event did not make it: those after it, from the beginning.
    fn again(&mut self, key: &[u8], rows: &mut Rows) {
        for event in std::mem::take(&mut self.events).into_iter().skip(1) {
            self.take(key, event, rows);
        }
    }
}

impl Matcher for Climbs {
    const NAME: &'static str = "pb";

    fn read<'a>(&self, line: &'a [u8]) -> Option<(i64, Option<Wanted<'a>>)> {
        let line = Line::read(line, [b"symbol", b"", b"price"])?;
        Some((line.time, line.wanted(A)))
    }

    fn event(&mut self, event: &Event<'_>, rows: &mut Rows) {
        self.keys.state(event.hash, event.key).take(event.key, Kept::new(event), rows);
    }

    fn finish(&mut self, rows: &mut Rows) {
        for (key, run) in self.keys.groups_mut() {
            while !run.events.is_empty() {
                run.again(key, rows);
            }
        }
    }
}

/// The events `a` of a key that a `b` may follow, oldest first.
#[derive(Debug, Default)]
struct Letters {
    list: Vec<Kept>,
}

impl Reset for Letters {
    fn reset(&mut self) {
        self.list.clear();
    }
}

impl Letters {
    #[inline]
    fn expire(&mut self, time: i64, within: i64) {
        let gone = self.list.iter().take_while(|kept| time - kept.time >= within).count();
        if gone > 0 {
            self.list.drain(..gone);
        }
    }
}

fn read_letter<'a>(line: &'a [u8], field: &[u8]) -> Option<(i64, Option<Wanted<'a>>)> {
    let line = Line::read(line, [b"symbol", field, b""])?;
    let step = match line.letter.map(|text| text.raw) {
        Some(b"a") => Some(A),
        Some(b"b") => Some(B),
        _ => None,
    };
    Some((line.time, step.and_then(|step| line.wanted(step))))
}

/// PC: any `a`s, then a `b`; of all that end at it the longest is stated, and none is open after it.
#[derive(Debug, Default)]
pub struct Longest {
    keys: Table<Letters>,
}

impl Longest {
    const WITHIN: i64 = 60 * SECOND;
}

impl Matcher for Longest {
    const NAME: &'static str = "pc";

    fn read<'a>(&self, line: &'a [u8]) -> Option<(i64, Option<Wanted<'a>>)> {
        read_letter(line, b"kind")
    }

    fn event(&mut self, event: &Event<'_>, rows: &mut Rows) {
        let letters = self.keys.state(event.hash, event.key);
        letters.expire(event.time, Self::WITHIN);
        if event.step == A {
            letters.list.push(Kept::new(event));
            return;
        }
        if let Some(first) = letters.list.first() {
            rows.matched(Self::NAME, event.key, first.time, event.time).whole("n", letters.list.len() as u64);
            rows.step("a", letters.list.iter().map(Kept::id)).step("b", [event.id]).end();
        }
        letters.list.clear();
    }
}

/// PCN: any `a`s, the last of them the last before the `b`; all matches are stated.
#[derive(Debug, Default)]
pub struct Every {
    keys: Table<Letters>,
}

impl Every {
    const WITHIN: i64 = 5 * SECOND;
}

impl Matcher for Every {
    const NAME: &'static str = "pcn";

    fn read<'a>(&self, line: &'a [u8]) -> Option<(i64, Option<Wanted<'a>>)> {
        read_letter(line, b"rare")
    }

    fn event(&mut self, event: &Event<'_>, rows: &mut Rows) {
        let letters = self.keys.state(event.hash, event.key);
        letters.expire(event.time, Self::WITHIN);
        if event.step == A {
            letters.list.push(Kept::new(event));
            return;
        }
        let Some((last, others)) = letters.list.split_last() else { return };
        // Each subset of the others.
        for subset in 0..1_u64.checked_shl(others.len() as u32).unwrap_or(u64::MAX) {
            let taken = |i: usize| subset >> i & 1 == 1;
            let start = others.get(subset.trailing_zeros() as usize).unwrap_or(last).time;
            rows.matched(Self::NAME, event.key, start, event.time).whole("n", u64::from(subset.count_ones()) + 1);
            let list = letters.list.iter().enumerate().filter(|(i, _)| *i == others.len() || taken(*i));
            rows.step("a", list.map(|(_, kept)| kept.id())).step("b", [event.id]).end();
        }
    }
}

/// PE: an `a`, then a `c` with a greater value, a million keys at a time.
///
/// Of a key's open `a`s the oldest is stated first; one that is served before it waits.
#[derive(Debug, Default)]
pub struct Waits {
    keys: Table<Waiters>,
}

/// The open `a`s of a key, oldest first.
#[derive(Debug, Default)]
struct Waiters {
    list: Vec<Waiter>,
}

#[derive(Debug)]
struct Waiter {
    a: Kept,
    /// The `c` that serves it, and how many `a`s behind it came before that.
    c: Option<Box<(Kept, usize)>>,
}

impl Reset for Waiters {
    fn reset(&mut self) {
        self.list.clear();
    }
}

impl Waiters {
    const WITHIN: i64 = 3_600 * SECOND;

    fn add(&mut self, event: &Event<'_>) {
        // Few have a second one.
        if self.list.capacity() == 0 {
            self.list.reserve_exact(1);
        }
        self.list.push(Waiter { a: Kept::new(event), c: None });
    }

    /// States the oldest ones that are served, those too old for `time` being gone.
    #[inline]
    fn settle(&mut self, key: &[u8], time: i64, rows: &mut Rows) {
        while let Some(first) = self.list.first() {
            match first.c.as_deref() {
                Some((c, behind)) => {
                    rows.matched(Waits::NAME, key, first.a.time, c.time);
                    rows.number("a", Some(first.a.value)).number("c", Some(c.value));
                    rows.step("a", [first.a.id()]).step("c", [c.id()]).end();
                    // Whatever began before the `c` is over.
                    let over = behind + 1;
                    self.list.drain(..over);
                }
                None if time.saturating_sub(first.a.time) >= Self::WITHIN => drop(self.list.remove(0)),
                None => return,
            }
        }
    }
}

impl Matcher for Waits {
    const NAME: &'static str = "pe";

    fn read<'a>(&self, line: &'a [u8]) -> Option<(i64, Option<Wanted<'a>>)> {
        let line = Line::read(line, [b"key", b"kind", b"value"])?;
        let step = match line.letter.map(|text| text.raw) {
            Some(b"a") => Some(A),
            Some(b"c") => Some(B),
            _ => None,
        };
        Some((line.time, step.and_then(|step| line.wanted(step))))
    }

    fn event(&mut self, event: &Event<'_>, rows: &mut Rows) {
        if event.step == A {
            let waiters = self.keys.state(event.hash, event.key);
            waiters.settle(event.key, event.time, rows);
            waiters.add(event);
            return;
        }
        let Some(waiters) = self.keys.find_mut(event.hash, event.key) else { return };
        waiters.settle(event.key, event.time, rows);
        for (behind, waiter) in waiters.list.iter_mut().rev().enumerate() {
            if waiter.c.is_none() && event.number.is_some_and(|value| value > waiter.a.value) {
                waiter.c = Some(Box::new((Kept::new(event), behind)));
            }
        }
        waiters.settle(event.key, event.time, rows);
    }

    fn finish(&mut self, rows: &mut Rows) {
        for (key, waiters) in self.keys.groups_mut() {
            waiters.settle(key, i64::MAX, rows);
        }
    }
}

/// PE0: how many of PE's events have each of the fields that PE reads.
#[derive(Debug)]
pub struct Given;

impl baseline::Job for Given {
    type State = Present;
    const NAME: &'static str = "pe0";
    const SIZE: i64 = 10 * SECOND;
    const SLIDE: i64 = 10 * SECOND;

    fn event(&mut self, line: &[u8], slices: &mut Slices<Present>, late: &mut u64) -> Option<i64> {
        let line = Line::read(line, [b"key", b"kind", b"value"])?;
        match slices.at(line.time) {
            Some(table) => {
                let has = [true, line.key.is_some(), line.id.is_some(), line.letter.is_some(), line.number.is_some()];
                for (count, has) in table.state(hash(b""), b"").0.iter_mut().zip(has) {
                    *count += u64::from(has);
                }
            }
            None => *late += 1,
        }
        Some(line.time)
    }

    fn state(&mut self, slices: &mut [Slice<Present>], rows: &mut Rows) {
        for (_, _, state) in groups(slices) {
            let [events, keys, ids, kinds, values] = state.0;
            rows.begin().whole("events", events).whole("keys", keys).whole("ids", ids);
            rows.whole("kinds", kinds).whole("values", values).end();
        }
    }
}
