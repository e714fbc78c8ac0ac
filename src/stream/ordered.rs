//! Narrow events, sent to the worker that has their key and given out there in one order, whichever road they came.
//!
//! In: rows of batches, as [`Writer`] puts them into packets, one a worker. Out of [`Ordered`]: each event once the
//! frontier has passed its *moment*, the later of its event time and its tick, in the order of (moment, event time,
//! partition, place). That order depends on the input alone.
//!
//! Form of an event in a packet: its length in bytes without these 4 (the highest bit says that it has no key), two
//! hashes of its key (8 bytes each), its tick (8), its [`Origin`], its marks (8 bytes for 64 of them, as many as both sides
//! have agreed on), and the cells of its columns ([`key::encode_value`]). All little-endian.
//!
//! Invariants:
//! 1. What is given out at a frontier is complete: nothing that comes later belongs before it, as the tick of an event,
//!    and so its moment, is never below the frontier.
//! 2. Memory is what has come and is not given out yet: the span by which the frontier lies behind.
//!
//! Cost: an event is copied twice and sorted among those of its tick.

use crate::event::{Cell, EventBatch, Origin, Value, key};
use std::collections::BTreeMap;

/// Says that an event has no key.
const NO_KEY: u32 = 1 << 31;
/// Events that are seen ahead.
const AHEAD: usize = 32;
/// Bytes of an event before its cells.
const HEAD: usize = 24 + Origin::BYTES;

/// A packet that cannot be read: a bug or a damaged link, never user input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a packet of events is damaged")]
pub struct Damaged;

/// Two hashes of a key; equal keys have the same, different ones others (they are 128 bits together).
pub type KeyHash = (u64, u64);

/// The hashes of a key by its canonical bytes, to which one is added.
fn hash(bytes: &mut Vec<u8>) -> KeyHash {
    let first = key::hash(bytes);
    bytes.push(0xff);
    (first, key::hash(bytes))
}

/// The hashes of a key that is this value.
pub fn hash_of(value: Value<'_>) -> KeyHash {
    let (mut arena, mut bytes) = (Vec::new(), Vec::new());
    let cell = match value {
        Value::Null => Cell::NULL,
        Value::Bool(v) => Cell::bool(v),
        Value::Int(v) => Cell::int(v),
        Value::Float(v) => Cell::float(v),
        Value::Time(v) => Cell::time(v),
        Value::Str(text) | Value::Json(text) => {
            arena.extend_from_slice(text);
            let length = text.len() as u32;
            if matches!(value, Value::Str(_)) { Cell::str(0, length) } else { Cell::json(0, length) }
        }
    };
    key::encode(cell, &arena, &mut bytes);
    hash(&mut bytes)
}

/// Writes events into packets.
#[derive(Debug)]
pub struct Writer {
    keys: Vec<usize>,
    columns: Vec<usize>,
    bytes: Vec<u8>,
}

impl Writer {
    /// Events with the key in these columns, or, without any, all with one key, and these columns.
    pub fn new(keys: &[usize], columns: Vec<usize>) -> Self {
        Self { keys: keys.to_vec(), columns, bytes: Vec::new() }
    }

    /// Appends row `row`, which has this tick and these marks, to the packet of the worker that has its key. `bare`: without
    /// its cells.
    pub fn write(
        &mut self,
        batch: &EventBatch,
        row: u32,
        (tick, marks, bare): (i64, &[u64], bool),
        owner: impl Fn(u64) -> usize,
        packets: &mut [Vec<u8>],
    ) {
        let origin = batch.origins().of(row);
        self.bytes.clear();
        let mut no_key = false;
        for column in &self.keys {
            let cell = batch.columns[*column][row as usize];
            no_key |= cell.is_null();
            key::encode(cell, &batch.bytes, &mut self.bytes);
        }
        if no_key {
            // What has no key may be anywhere, and should be everywhere.
            self.bytes.clear();
            origin.encode(&mut self.bytes);
        }
        let (first, second) = hash(&mut self.bytes);
        let packet = &mut packets[owner(first)];
        let start = packet.len();
        packet.extend_from_slice(&[0; 4]);
        for word in [first, second, tick as u64] {
            packet.extend_from_slice(&word.to_le_bytes());
        }
        origin.encode(packet);
        for word in marks {
            packet.extend_from_slice(&word.to_le_bytes());
        }
        if !bare {
            for column in &self.columns {
                key::encode_value(batch.columns[*column][row as usize], &batch.bytes, packet);
            }
        }
        let length = (packet.len() - start - 4) as u32 | if no_key { NO_KEY } else { 0 };
        packet[start..start + 4].copy_from_slice(&length.to_le_bytes());
    }
}

/// An event as it is given out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Event<'a> {
    /// The hashes of its key; none where that is NULL.
    pub key: Option<KeyHash>,
    /// Its tick; [`i64::MIN`] before the first of its partition.
    pub tick: i64,
    /// Its event time and place.
    pub origin: Origin,
    /// Its marks and its cells.
    rest: &'a [u8],
}

impl<'a> Event<'a> {
    /// Its marks, where each event has `words` times 64 of them, and its cells.
    pub fn marked(&self, words: usize) -> (impl Iterator<Item = u64> + use<'a>, &'a [u8]) {
        let (marks, cells) = self.rest.split_at(self.rest.len().min(8 * words));
        let word = |bytes: &[u8]| bytes.try_into().map_or(0, u64::from_le_bytes);
        (marks.chunks_exact(8).map(word), cells)
    }

    /// The event as one that is on time whatever its tick.
    pub fn without_tick(self) -> Self {
        Self { tick: i64::MIN, ..self }
    }

    /// Appends an event without marks as a row: its cells to the first columns, its tick as its clock.
    ///
    /// # Errors
    /// Where the cells cannot be read.
    pub fn push(&self, columns: usize, batch: &mut EventBatch) -> Result<(), Damaged> {
        let mut rest = self.rest;
        for column in 0..columns {
            let (cell, after) = key::decode_cell(rest, &mut batch.bytes).ok_or(Damaged)?;
            batch.columns[column].push(cell);
            rest = after;
        }
        batch.push_place(self.origin, self.tick);
        Ok(())
    }
}

/// Where an event stands in the order: moment and origin.
type Order = (i64, Origin);

/// The events of one tick.
#[derive(Debug, Default)]
struct Bucket {
    bytes: Vec<u8>,
    events: Vec<(Order, usize)>,
}

/// Events that wait for the frontier.
#[derive(Debug)]
pub struct Ordered {
    tick: i64,
    buckets: BTreeMap<i64, Bucket>,
    spare: Vec<Bucket>,
    bytes: usize,
}

impl Ordered {
    /// `tick`: the step in which the frontier moves, microseconds.
    pub fn new(tick: i64) -> Self {
        Self { tick: tick.max(1), buckets: BTreeMap::new(), spare: Vec::new(), bytes: 0 }
    }

    /// Takes the events of a packet.
    ///
    /// # Errors
    /// Where it is damaged; events before the damage are taken.
    pub fn take(&mut self, mut packet: &[u8]) -> Result<(), Damaged> {
        while !packet.is_empty() {
            let (event, whole, rest) = read(packet).ok_or(Damaged)?;
            let moment = event.origin.time.max(event.tick);
            let spare = &mut self.spare;
            let bucket = self.buckets.entry(moment.div_euclid(self.tick));
            let bucket = bucket.or_insert_with(|| spare.pop().unwrap_or_default());
            bucket.events.push(((moment, event.origin), bucket.bytes.len()));
            bucket.bytes.extend_from_slice(whole);
            self.bytes += whole.len() + size_of::<(Order, usize)>();
            packet = rest;
        }
        Ok(())
    }

    /// Gives out, in order, the events whose moments are below the frontier (`None`: all); `ahead` sees some before they
    /// are given out.
    ///
    /// # Errors
    /// The first one of `give`.
    pub fn release<E>(
        &mut self,
        frontier: Option<i64>,
        ahead: &mut dyn FnMut(Event<'_>),
        give: &mut dyn FnMut(Event<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        let passed = |bucket: i64| frontier.is_none_or(|f| (bucket + 1) * self.tick <= f);
        while let Some(entry) = self.buckets.first_entry().filter(|entry| passed(*entry.key())) {
            let mut bucket = entry.remove();
            bucket.events.sort_unstable();
            for some in bucket.events.chunks(AHEAD) {
                for (_, start) in some {
                    if let Some((event, _, _)) = read(&bucket.bytes[*start..]) {
                        ahead(event);
                    }
                }
                for (_, start) in some {
                    if let Some((event, _, _)) = read(&bucket.bytes[*start..]) {
                        give(event)?;
                    }
                }
            }
            self.bytes -= bucket.bytes.len() + bucket.events.len() * size_of::<(Order, usize)>();
            bucket.bytes.clear();
            bucket.events.clear();
            if self.spare.len() < 4 {
                self.spare.push(bucket);
            }
        }
        Ok(())
    }

    /// True where nothing waits.
    pub fn is_empty(&self) -> bool {
        self.buckets.is_empty()
    }

    /// Memory of what waits.
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

/// The first event of a packet, its bytes, and the rest.
fn read(packet: &[u8]) -> Option<(Event<'_>, &[u8], &[u8])> {
    let (length, body) = packet.split_first_chunk()?;
    let length = u32::from_le_bytes(*length);
    let (body, rest) = body.split_at_checked((length & !NO_KEY) as usize)?;
    if body.len() < HEAD {
        return None;
    }
    let word = |i: usize| body.get(i * 8..i * 8 + 8).and_then(|b| b.try_into().ok()).map(u64::from_le_bytes);
    let key = (length & NO_KEY == 0).then_some((word(0)?, word(1)?));
    let tick = word(2)? as i64;
    let (origin, cells) = Origin::decode(&body[24..])?;
    Some((Event { key, tick, origin, rest: cells }, &packet[..4 + body.len()], rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A block of one partition: times, ticks and keys (negative: NULL), with a text in column 1.
    fn packets(partition: u32, events: &[(i64, i64, i64)], peers: usize) -> Vec<Vec<u8>> {
        let mut batch = EventBatch::new(2);
        batch.partition = partition;
        let mut packets = vec![Vec::new(); peers];
        let mut writer = Writer::new(&[0], vec![1, 0]);
        for (i, (time, _, name)) in events.iter().enumerate() {
            batch.time.push(*time);
            batch.offset.push(i as u32);
            batch.columns[0].push(if *name < 0 { Cell::NULL } else { Cell::int(*name) });
            let text = batch.push_str(format!("text {name}").as_bytes());
            batch.columns[1].push(text);
        }
        for (row, (_, tick, _)) in events.iter().enumerate() {
            writer.write(&batch, row as u32, (*tick, &[], false), |hash| hash as usize % peers, &mut packets);
        }
        packets
    }

    fn given(ordered: &mut Ordered, frontier: Option<i64>) -> Vec<(i64, i64, u32)> {
        let mut list = Vec::new();
        ordered
            .release(frontier, &mut |_| {}, &mut |e| {
                list.push((e.origin.time.max(e.tick), e.origin.time, e.origin.partition));
                Ok::<(), Damaged>(())
            })
            .unwrap();
        list
    }

    #[test]
    fn events_come_by_moment_time_partition_and_place_once_the_frontier_has_passed() {
        let first = packets(0, &[(5, i64::MIN, 1), (21, 0, 2), (7, 20, 1), (21, 10, -1)], 1);
        let second = packets(1, &[(21, 0, 3), (5, 0, 1), (29, 20, 9)], 1);
        let mut ordered = Ordered::new(10);
        ordered.take(&second[0]).unwrap();
        ordered.take(&first[0]).unwrap();
        assert!(ordered.bytes() > 0);
        assert_eq!(given(&mut ordered, Some(9)), []);
        assert_eq!(given(&mut ordered, Some(20)), [(5, 5, 0), (5, 5, 1)]);
        let rest = [(20, 7, 0), (21, 21, 0), (21, 21, 0), (21, 21, 1), (29, 29, 1)];
        assert_eq!(given(&mut ordered, None), rest);
        assert!(ordered.is_empty() && ordered.bytes() == 0);
    }

    #[test]
    fn cells_and_keys_survive_and_equal_keys_go_to_one_worker() {
        let mut ordered = Ordered::new(10);
        let sent = packets(3, &[(1, 0, 7), (2, 0, 7), (3, 0, -1), (4, 0, 8)], 2);
        assert!(sent.iter().any(|p| !p.is_empty()));
        sent.iter().for_each(|p| ordered.take(p).unwrap());
        let mut batch = EventBatch::new(2);
        let mut keys = Vec::new();
        ordered
            .release(None, &mut |_| {}, &mut |e| {
                keys.push(e.key);
                e.push(2, &mut batch)
            })
            .unwrap();
        assert_eq!((batch.rows(), keys[0] == keys[1], keys[2], keys[3] == keys[0]), (4, true, None, false));
        assert_eq!(batch.columns[0][1].value(&batch.bytes), Value::Str(b"text 7"));
        assert_eq!(batch.columns[1][2].value(&batch.bytes), Value::Null);
        assert_eq!(batch.origins().of(3), Origin { time: 4, partition: 3, position: 3 });
    }

    #[test]
    fn damaged_packets_do_not_panic() {
        let whole = packets(0, &[(5, 0, 1), (6, 0, -1)], 1).remove(0);
        for cut in 1..whole.len() {
            let mut ordered = Ordered::new(10);
            let _ = ordered.take(&whole[..cut]);
            let mut broken = whole.clone();
            broken[cut] ^= 0x80;
            let mut batch = EventBatch::new(2);
            if ordered.take(&broken).is_ok() {
                let _ = ordered.release(None, &mut |_| {}, &mut |e| e.push(2, &mut batch));
            }
        }
    }
}
