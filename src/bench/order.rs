//! The hand-written loops for patterns, what they share: a file of events that are out of order, turned into those a
//! pattern wants, in the order of (event time, place in the file).
//!
//! Events wait in slots of a tenth of a second; a slot is sorted, by small keys, when the watermark has passed it. The
//! texts of a slot lie one after the other in one buffer. Slots and their buffers are used again.

use super::baseline::{OUT_OF_ORDERNESS, Outcome, lines, open};
use super::rows::Rows;
use super::scan::Text;
use super::table::hash;
use std::io;
use std::path::Path;

/// The length of a slot, microseconds.
const SLOT: i64 = 100_000;

/// An event that a pattern may take, as it is read from its line.
#[derive(Debug, Clone, Copy)]
pub struct Wanted<'a> {
    /// Which step it may be of; each job has its own numbers.
    pub step: u8,
    /// A number for which there is no column of its own, such as that of a page.
    pub part: u32,
    /// The key.
    pub key: Text<'a>,
    /// What names the event.
    pub id: Text<'a>,
    /// Another text that a match states.
    pub text: Option<Text<'a>>,
    /// A number that a condition looks at or a match states.
    pub number: Option<f64>,
}

/// Such an event when its turn has come.
#[derive(Debug, Clone, Copy)]
pub struct Event<'a> {
    /// Its time, microseconds.
    pub time: i64,
    /// See [`Wanted`].
    pub step: u8,
    /// See [`Wanted`].
    pub part: u32,
    /// The hash of its key.
    pub hash: u64,
    /// See [`Wanted`].
    pub key: &'a [u8],
    /// See [`Wanted`].
    pub id: &'a [u8],
    /// See [`Wanted`].
    pub text: Option<&'a [u8]>,
    /// See [`Wanted`].
    pub number: Option<f64>,
}

/// What one job does with a line and with an event in its turn.
pub trait Matcher {
    /// The name of the rows.
    const NAME: &'static str;

    /// Reads a line: its time, and the event where it is wanted; `None` where the line is no event.
    fn read<'a>(&self, line: &'a [u8]) -> Option<(i64, Option<Wanted<'a>>)>;

    /// Takes an event; all events of a key come in order.
    fn event(&mut self, event: &Event<'_>, rows: &mut Rows);

    /// The end of the input: time has passed every limit.
    fn finish(&mut self, _rows: &mut Rows) {}
}

/// Runs a job over the events in `input`; the rows go to `output`.
///
/// # Errors
/// Where a file cannot be read or written.
pub fn run<M: Matcher>(mut job: M, input: &Path, output: &Path) -> io::Result<Outcome> {
    let mut rows = Rows::create(output, M::NAME)?;
    let mut pending = Pending::default();
    let mut outcome = Outcome::default();
    let mut newest = i64::MIN;
    lines(open(input)?, |line| {
        let Some((time, wanted)) = job.read(line) else {
            outcome.bad += 1;
            return;
        };
        outcome.events += 1;
        if let Some(wanted) = wanted
            && !pending.add(time, &wanted)
        {
            outcome.late += 1;
        }
        if time > newest {
            newest = time;
            pending.release(newest - OUT_OF_ORDERNESS, |event| job.event(event, &mut rows));
        }
    })?;
    pending.release(i64::MAX, |event| job.event(event, &mut rows));
    job.finish(&mut rows);
    outcome.rows = rows.finish()?;
    Ok(outcome)
}

/// An event in its slot; its texts are in the slot's buffer, from `start` on: key, id, text.
#[derive(Debug, Clone, Copy)]
struct Entry {
    time: i64,
    hash: u64,
    number: Option<f64>,
    start: u32,
    key: u32,
    id: u32,
    text: Option<u32>,
    part: u32,
    step: u8,
}

#[derive(Debug, Default)]
struct Slot {
    first: i64,
    entries: Vec<Entry>,
    texts: Vec<u8>,
}

/// Events that wait for the watermark.
#[derive(Debug, Default)]
struct Pending {
    /// In order of time.
    slots: Vec<Slot>,
    /// All before this has been released; `None` where nothing has.
    released: Option<i64>,
    spare: Vec<Slot>,
    order: Vec<(i64, u32)>,
    scratch: Vec<u8>,
}

impl Pending {
    /// Keeps an event; false where it comes too late.
    #[inline]
    fn add(&mut self, time: i64, wanted: &Wanted<'_>) -> bool {
        if self.released.is_some_and(|released| time < released) {
            return false;
        }
        // Newest first: most events are for the newest slot.
        let found = self.slots.iter().rposition(|slot| time >= slot.first && time - slot.first < SLOT);
        let at = found.unwrap_or_else(|| self.open(time.div_euclid(SLOT) * SLOT));
        let slot = &mut self.slots[at];
        let start = slot.texts.len();
        let mut put = |text: Text<'_>| {
            let before = slot.texts.len();
            slot.texts.extend_from_slice(text.plain(&mut self.scratch));
            (slot.texts.len() - before) as u32
        };
        let (key, id, text) = (put(wanted.key), put(wanted.id), wanted.text.map(&mut put));
        slot.entries.push(Entry {
            time,
            hash: hash(&slot.texts[start..start + key as usize]),
            number: wanted.number,
            start: start as u32,
            key,
            id,
            text,
            part: wanted.part,
            step: wanted.step,
        });
        true
    }

    #[cold]
    fn open(&mut self, first: i64) -> usize {
        let at = self.slots.partition_point(|slot| slot.first < first);
        let mut slot = self.spare.pop().unwrap_or_default();
        slot.first = first;
        self.slots.insert(at, slot);
        at
    }

    /// Calls `each` with the events of all slots that end at `watermark` or before, in order.
    #[inline]
    fn release(&mut self, watermark: i64, mut each: impl FnMut(&Event<'_>)) {
        while let Some(slot) = self.slots.first()
            && slot.first.saturating_add(SLOT) <= watermark
        {
            let mut slot = self.slots.remove(0);
            self.released = Some(slot.first + SLOT);
            self.order.clear();
            self.order.extend(slot.entries.iter().enumerate().map(|(i, entry)| (entry.time, i as u32)));
            self.order.sort_unstable();
            for &(_, i) in &self.order {
                let entry = &slot.entries[i as usize];
                let texts = &slot.texts[entry.start as usize..];
                let (key, rest) = texts.split_at(entry.key as usize);
                let (id, rest) = rest.split_at(entry.id as usize);
                each(&Event {
                    time: entry.time,
                    step: entry.step,
                    part: entry.part,
                    hash: entry.hash,
                    key,
                    id,
                    text: entry.text.map(|length| &rest[..length as usize]),
                    number: entry.number,
                });
            }
            slot.entries.clear();
            slot.texts.clear();
            self.spare.push(slot);
        }
    }
}

/// A short text that is kept: most names of events fit into the place itself.
#[derive(Debug, Clone)]
pub enum Short {
    /// How many bytes, and the bytes.
    Inline(u8, [u8; 22]),
    /// A longer text.
    Long(Box<[u8]>),
}

impl Default for Short {
    fn default() -> Self {
        Short::Inline(0, [0; 22])
    }
}

impl Short {
    /// Keeps a text.
    #[inline]
    pub fn new(text: &[u8]) -> Self {
        let mut bytes = [0; 22];
        match bytes.get_mut(..text.len()) {
            Some(place) => {
                place.copy_from_slice(text);
                Short::Inline(text.len() as u8, bytes)
            }
            None => Short::Long(text.into()),
        }
    }

    /// The text.
    pub fn bytes(&self) -> &[u8] {
        match self {
            Short::Inline(length, bytes) => &bytes[..usize::from(*length)],
            Short::Long(bytes) => bytes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn text(raw: &str) -> Text<'_> {
        Text { raw: raw.as_bytes(), escaped: false }
    }

    proptest! {
        #[test]
        fn events_when_out_of_order_then_come_sorted_by_time_and_place(
            back in proptest::collection::vec(0i64..2_000_000, 1..300),
            step in 1i64..300_000,
        ) {
            let mut pending = Pending::default();
            let (mut given, mut found) = (Vec::new(), Vec::new());
            let mut take = |e: &Event<'_>| {
                found.push((e.time, String::from_utf8(e.id.to_vec()).unwrap().parse::<usize>().unwrap()));
                assert_eq!((e.key, e.text), (b"key".as_slice(), Some(b"".as_slice())));
                assert_eq!(e.hash, hash(b"key"));
            };
            let mut newest = i64::MIN;
            for (i, back) in back.iter().enumerate() {
                // Whole tenths of milliseconds, so that some times are equal.
                let time = (i as i64 * step - back) / 10_000 * 10_000;
                let id = i.to_string();
                let wanted = Wanted {
                    step: 0, part: 0, key: text("key"), id: text(&id), text: Some(text("")), number: None,
                };
                if time >= newest.saturating_sub(OUT_OF_ORDERNESS) {
                    prop_assert!(pending.add(time, &wanted));
                    given.push((time, i));
                }
                newest = newest.max(time);
                pending.release(newest - OUT_OF_ORDERNESS, &mut take);
            }
            pending.release(i64::MAX, &mut take);
            given.sort_unstable();
            prop_assert_eq!(given, found);
        }
    }

    #[test]
    fn texts_when_kept_then_are_the_same() {
        for length in [0, 1, 21, 22, 23, 100] {
            let text = vec![b'x'; length];
            assert_eq!(Short::new(&text).bytes(), text);
        }
    }
}
