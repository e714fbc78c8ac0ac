//! Contributions and rows as timely containers: what crosses between workers and processes, as flat bytes.
//!
//! Each message names its target worker; a distributor passes it on whole. Bytes that come in are length-checked and
//! never trusted; a message that does not decode is dropped and remembered as a failure of the link, which ends the
//! run with an error.

use super::sent::Sent;
use crate::result::{Op, RowBatch, RowHead};
use crate::window::{Segment, SegmentKind};
use std::cell::RefCell;
use std::io::Write;
use timely::bytes::arc::Bytes;
use timely::communication::Push;
use timely::dataflow::channels::pact::DistributorPact;
use timely::dataflow::channels::pushers::exchange::Distributor;
use timely::dataflow::channels::{ContainerBytes, Message};
use timely::progress::Stamp;
use timely::{Accountable, Container};

/// A container that is sent whole to one worker.
pub(super) trait Addressed {
    /// The worker it is for.
    fn target(&self) -> usize;
}

/// A contribution on its way; none once taken, or where it came in damaged.
#[derive(Default)]
pub(super) struct SegmentBox {
    segment: Option<Segment>,
    /// Of one that came in as bytes: its body, where it arrived. It is merged from there, and the segment has none.
    body: Option<Bytes>,
}

impl SegmentBox {
    /// A contribution that is to be sent.
    pub(super) fn new(segment: Segment) -> Self {
        Self { segment: Some(segment), body: None }
    }

    /// Takes the contribution out, and its body where it is not in it.
    pub(super) fn take(&mut self) -> Option<(Segment, Option<Bytes>)> {
        self.segment.take().map(|segment| (segment, self.body.take()))
    }
}

/// Rows on their way to worker 0.
#[derive(Default, Clone)]
pub(super) struct RowBox(pub(super) RowBatch);

/// Rows on their way to the worker of their keys.
#[derive(Default, Clone)]
pub(super) struct Routed {
    pub(super) target: u32,
    pub(super) rows: RowBatch,
}

/// Events on their way to the worker of their keys; of no bytes once taken.
#[derive(Default, Clone)]
pub(super) struct PacketBox {
    pub(super) target: u32,
    pub(super) bytes: Vec<u8>,
}

impl Accountable for PacketBox {
    fn record_count(&self) -> i64 {
        i64::from(!self.bytes.is_empty())
    }
}

impl Addressed for PacketBox {
    fn target(&self) -> usize {
        self.target as usize
    }
}

impl ContainerBytes for PacketBox {
    fn from_bytes(bytes: Bytes) -> Self {
        let read = || -> Option<Self> {
            let mut words = Words(&bytes);
            let (target, length) = (words.next()?, words.next()?);
            let body = words.0.get(..usize::try_from(length).ok()?)?.to_vec();
            Some(Self { target: target as u32, bytes: body })
        };
        // A damaged one is one record that no reader takes for an event.
        read().unwrap_or(Self { target: 0, bytes: vec![0] })
    }

    fn length_in_bytes(&self) -> usize {
        16 + padded(self.bytes.len())
    }

    fn into_bytes<W: Write>(&self, writer: &mut W) {
        for word in [u64::from(self.target), self.bytes.len() as u64] {
            writer.write_all(&word.to_le_bytes()).expect(WRITE);
        }
        writer.write_all(&self.bytes).expect(WRITE);
        pad(self.bytes.len(), writer);
    }
}

impl Accountable for Routed {
    fn record_count(&self) -> i64 {
        self.rows.heads.len() as i64
    }
}

impl Addressed for Routed {
    fn target(&self) -> usize {
        self.target as usize
    }
}

impl ContainerBytes for Routed {
    fn from_bytes(mut bytes: Bytes) -> Self {
        let Some(target) = Words(&bytes).next() else { return Self::default() };
        let _ = bytes.extract_to(8);
        Self { target: target as u32, rows: RowBox::from_bytes(bytes).0 }
    }

    fn length_in_bytes(&self) -> usize {
        8 + rows_length(&self.rows)
    }

    fn into_bytes<W: Write>(&self, writer: &mut W) {
        writer.write_all(&u64::from(self.target).to_le_bytes()).expect(WRITE);
        write_rows(&self.rows, writer);
    }
}

impl Accountable for SegmentBox {
    fn record_count(&self) -> i64 {
        i64::from(self.segment.is_some())
    }
}

impl Accountable for RowBox {
    fn record_count(&self) -> i64 {
        self.0.heads.len() as i64
    }
}

impl Addressed for SegmentBox {
    fn target(&self) -> usize {
        self.segment.as_ref().map_or(0, |s| s.target as usize)
    }
}

impl Addressed for RowBox {
    fn target(&self) -> usize {
        0
    }
}

/// A container of rows, in either form.
pub(super) trait Carried: Addressed + Container + ContainerBytes + Default + Clone + Send {
    /// Takes the rows out.
    fn take(&mut self) -> RowBatch;
}

impl Carried for RowBox {
    fn take(&mut self) -> RowBatch {
        std::mem::take(&mut self.0)
    }
}

impl Carried for Routed {
    fn take(&mut self) -> RowBatch {
        std::mem::take(&mut self.rows)
    }
}

/// Sends each container to the worker it names.
pub(super) struct ToTarget(Sent);

impl<C: Addressed + ContainerBytes + Default> Distributor<C> for ToTarget {
    fn partition<T: Clone, P: Push<Message<T, C>>>(&mut self, container: &mut C, stamp: &Stamp<T>, pushers: &mut [P]) {
        let target = container.target();
        self.0.count(target, || container.length_in_bytes());
        Message::push_at(container, stamp.clone(), &mut pushers[target]);
    }

    fn flush<T: Clone, P: Push<Message<T, C>>>(&mut self, _stamp: &Stamp<T>, _pushers: &mut [P]) {}
}

/// The pact for [`Addressed`] containers.
pub(super) fn to_target(sent: Sent) -> DistributorPact<impl FnOnce(usize) -> ToTarget> {
    DistributorPact(|_peers| ToTarget(sent))
}

const WRITE: &str = "timely's buffers take what length_in_bytes announced";

fn padded(n: usize) -> usize {
    n.next_multiple_of(8)
}

fn pad(n: usize, writer: &mut impl Write) {
    writer.write_all(&[0; 8][..padded(n) - n]).expect(WRITE);
}

/// Reads little-endian words off the front of a message.
struct Words<'a>(&'a [u8]);

impl Words<'_> {
    fn next(&mut self) -> Option<u64> {
        let (word, rest) = self.0.split_first_chunk::<8>()?;
        self.0 = rest;
        Some(u64::from_le_bytes(*word))
    }
}

impl ContainerBytes for SegmentBox {
    fn from_bytes(mut bytes: Bytes) -> Self {
        let mut read = || -> Option<Self> {
            let mut words = Words(&bytes);
            let (head, slice, late, length) = (words.next()?, words.next()?, words.next()?, words.next()?);
            let (kind, has_body) = match head >> 32 {
                1 => (SegmentKind::Groups(Vec::new()), true),
                2 => (SegmentKind::Rows(Vec::new()), true),
                3 => (SegmentKind::Left(length), false),
                _ => return None,
            };
            let length = usize::try_from(length).ok().filter(|length| !has_body || *length <= words.0.len());
            let late = (late as i64 != i64::MIN).then_some(late as i64);
            let segment = Segment { target: head as u32, slice: slice as i64, late, kind };
            let body = has_body.then(|| {
                let _ = bytes.extract_to(SEGMENT_HEAD);
                length.map(|length| bytes.extract_to(length))
            });
            match body {
                Some(None) => None,
                body => Some(Self { segment: Some(segment), body: body.flatten() }),
            }
        };
        read().unwrap_or_default()
    }

    fn length_in_bytes(&self) -> usize {
        SEGMENT_HEAD
            + self.segment.as_ref().map_or(0, |s| match &s.kind {
                SegmentKind::Groups(body) | SegmentKind::Rows(body) => padded(body.len()),
                SegmentKind::Table(_) | SegmentKind::Left(_) => 0,
            })
    }

    fn into_bytes<W: Write>(&self, writer: &mut W) {
        debug_assert!(self.body.is_none(), "what came is not sent on");
        let segment = self.segment.as_ref().expect("an empty contribution is never sent");
        let (kind, body, number) = match &segment.kind {
            SegmentKind::Groups(body) => (1u64, &body[..], body.len() as u64),
            SegmentKind::Rows(body) => (2, &body[..], body.len() as u64),
            SegmentKind::Left(place) => (3, &[][..], *place),
            SegmentKind::Table(_) => unreachable!("tables change hands only on a single worker"),
        };
        let late = segment.late.unwrap_or(i64::MIN);
        for word in [kind << 32 | u64::from(segment.target), segment.slice as u64, late as u64, number] {
            writer.write_all(&word.to_le_bytes()).expect(WRITE);
        }
        writer.write_all(body).expect(WRITE);
        pad(body.len(), writer);
    }
}

/// Bytes of a contribution before its body.
const SEGMENT_HEAD: usize = 32;

/// Words of one row's head on the wire: one where only its lengths are other than of the row before it, which is usual.
const HEAD_WORDS: usize = 7;
/// In the word of the lengths, which then comes first: nothing else is other, and the row's bytes follow.
const SAME: u64 = 1 << 63;
/// In the word of the part: the row is a retraction.
const RETRACT: u64 = 0x8000_0000;
/// In the word of the part: the row is provisional, and the number with it is that of its statement.
const EARLY: u64 = 0x4000_0000;
/// The bits of the part.
const PART: u32 = 0x3fff_ffff;

impl ContainerBytes for RowBox {
    fn from_bytes(bytes: Bytes) -> Self {
        let read = || -> Option<RowBatch> {
            let mut words = Words(&bytes);
            let (rows, length) = (usize::try_from(words.next()?).ok()?, usize::try_from(words.next()?).ok()?);
            if words.0.len() < rows.checked_mul(8)?.checked_add(length)? {
                return None;
            }
            let RowBatch { mut heads, bytes: mut arena } = ARENAS.with_borrow_mut(Vec::pop).unwrap_or_default();
            heads.reserve(rows);
            for _ in 0..rows {
                let lengths = words.next()?;
                let (key_len, values_len) = (lengths as u32, ((lengths & !SAME) >> 32) as u32);
                if lengths & SAME != 0 {
                    let last = heads.last()?;
                    let head = RowHead { start: behind(last)?, key_len, values_len, ..*last };
                    (u64::from(behind(&head)?) <= length as u64).then(|| heads.push(head))?;
                    continue;
                }
                let (time, start, end) = (words.next()? as i64, words.next()? as i64, words.next()? as i64);
                let (part, approximate, place) = (words.next()?, words.next()?, words.next()?);
                let head = RowHead {
                    time,
                    window_start: start,
                    window_end: end,
                    part: part as u32 & PART,
                    revision: if part & EARLY == 0 { (part >> 32) as u32 } else { 0 },
                    early: if part & EARLY == 0 { 0 } else { (part >> 32) as u32 },
                    approximate,
                    start: place as u32,
                    key_len,
                    values_len,
                    op: if part & RETRACT == 0 { Op::Assert } else { Op::Retract },
                };
                (u64::from(behind(&head)?) <= length as u64).then(|| heads.push(head))?;
            }
            arena.extend_from_slice(words.0.get(..length)?);
            Some(RowBatch { heads, bytes: arena })
        };
        Self(read().unwrap_or_default())
    }

    fn length_in_bytes(&self) -> usize {
        rows_length(&self.0)
    }

    fn into_bytes<W: Write>(&self, writer: &mut W) {
        write_rows(&self.0, writer);
    }
}

thread_local! {
    /// Batches that came to this worker and were used, with their allocations: memory that is asked for anew each time is
    /// given back and cleared by the system each time.
    static ARENAS: RefCell<Vec<RowBatch>> = const { RefCell::new(Vec::new()) };
}

/// So many are kept, of at most so many bytes each.
const KEPT: (usize, usize) = (4, 4 << 20);

/// Takes back a batch that came from another worker.
pub(super) fn recycle(mut rows: RowBatch) {
    if rows.bytes.capacity() <= KEPT.1 {
        rows.clear();
        ARENAS.with_borrow_mut(|kept| {
            if kept.len() < KEPT.0 {
                kept.push(rows);
            }
        });
    }
}

/// Where a row's bytes end.
fn behind(head: &RowHead) -> Option<u32> {
    head.start.checked_add(head.key_len)?.checked_add(head.values_len)
}

/// Whether only the lengths of a row are other than of the row before it, and its bytes follow.
fn is_same(head: &RowHead, last: &RowHead) -> bool {
    let RowHead { time, window_start, window_end, part, revision, early, approximate, start, op, .. } = *last;
    behind(last).is_some_and(|start| start == head.start)
        && RowHead { time, window_start, window_end, part, revision, early, approximate, start, op, ..*head }
            == RowHead { start, ..*head }
}

fn rows_length(rows: &RowBatch) -> usize {
    let same = rows.heads.windows(2).filter(|pair| is_same(&pair[1], &pair[0])).count();
    16 + (rows.heads.len() * HEAD_WORDS - same * (HEAD_WORDS - 1)) * 8 + padded(rows.bytes.len())
}

fn write_rows(rows: &RowBatch, writer: &mut impl Write) {
    let mut put = |word: u64| writer.write_all(&word.to_le_bytes()).expect(WRITE);
    put(rows.heads.len() as u64);
    put(rows.bytes.len() as u64);
    let mut last: Option<&RowHead> = None;
    for head in &rows.heads {
        // The arena of a batch is shorter than 4 GiB, and the values of a row than 2.
        let lengths = u64::from(head.values_len) << 32 | u64::from(head.key_len);
        if last.replace(head).is_some_and(|last| is_same(head, last)) {
            put(SAME | lengths);
            continue;
        }
        put(lengths);
        put(head.time as u64);
        put(head.window_start as u64);
        put(head.window_end as u64);
        // A provisional row has no revision but the number of its statement.
        let op = if head.op == Op::Retract { RETRACT } else { 0 };
        let (number, early) = if head.early > 0 { (head.early, EARLY) } else { (head.revision, 0) };
        put(u64::from(number) << 32 | op | early | u64::from(head.part));
        put(head.approximate);
        put(u64::from(head.start));
    }
    writer.write_all(&rows.bytes).expect(WRITE);
    pad(rows.bytes.len(), writer);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes_of<C: ContainerBytes>(c: &C) -> Vec<u8> {
        let mut out = Vec::new();
        c.into_bytes(&mut out);
        assert_eq!(out.len(), c.length_in_bytes());
        assert_eq!(out.len() % 8, 0);
        out
    }

    fn read<C: ContainerBytes>(bytes: &[u8]) -> C {
        C::from_bytes(timely::bytes::arc::BytesMut::from(bytes.to_vec()).freeze())
    }

    fn rows() -> RowBox {
        let head = |start, op| RowHead {
            time: -5,
            window_start: -10,
            window_end: 20,
            part: 3,
            revision: if op == Op::Assert { 7 } else { 0 },
            early: if op == Op::Assert { 0 } else { 9 },
            approximate: 5,
            start,
            key_len: 2,
            values_len: 3,
            op,
        };
        RowBox(RowBatch { heads: vec![head(0, Op::Assert), head(5, Op::Retract)], bytes: b"aabbbccddd".to_vec() })
    }

    #[test]
    fn rows_survive_the_wire() {
        let sent = rows();
        let got: RowBox = read(&bytes_of(&sent));
        assert_eq!(got.0.heads, sent.0.heads);
        assert_eq!(got.0.bytes, sent.0.bytes);
    }

    #[test]
    fn rows_that_come_into_memory_that_was_used_before_have_nothing_of_it() {
        let sent = rows();
        let bytes = bytes_of(&sent);
        for _ in 0..KEPT.0 + 2 {
            recycle(rows().0);
        }
        for _ in 0..KEPT.0 + 2 {
            let got: RowBox = read(&bytes);
            assert_eq!((got.0.heads, got.0.bytes), (sent.0.heads.clone(), sent.0.bytes.clone()));
        }
    }

    #[test]
    fn rows_that_differ_in_their_lengths_alone_have_a_short_head_and_others_do_not() {
        let first = RowHead { key_len: 2, values_len: 3, ..RowHead::new(3, 20, (-10, 20)) };
        let next = RowHead { start: 5, key_len: 4, values_len: 0, ..first };
        let others = [
            RowHead { time: 21, ..next },
            RowHead { window_start: -9, ..next },
            RowHead { window_end: 19, ..next },
            RowHead { part: 2, ..next },
            RowHead { revision: 1, ..next },
            RowHead { early: 1, ..next },
            RowHead { approximate: 1, ..next },
            RowHead { op: Op::Retract, ..next },
            // Behind a gap, and before the end of the row before it.
            RowHead { start: 6, ..next },
            RowHead { start: 4, ..next },
        ];
        for (other, words) in [(next, 1)].into_iter().chain(others.map(|other| (other, HEAD_WORDS))) {
            let sent = RowBox(RowBatch { heads: vec![first, other, first], bytes: b"aabbbccccdd".to_vec() });
            let bytes = bytes_of(&sent);
            assert_eq!(bytes.len(), 16 + (2 * HEAD_WORDS + words) * 8 + 16, "{other:?}");
            assert_eq!(read::<RowBox>(&bytes).0.heads, sent.0.heads);
        }
    }

    #[test]
    fn routed_rows_survive_the_wire() {
        let sent = Routed { target: 5, rows: rows().0 };
        let got: Routed = read(&bytes_of(&sent));
        assert_eq!((got.target, got.rows.heads, got.rows.bytes), (5, sent.rows.heads, sent.rows.bytes));
    }

    #[test]
    fn packets_survive_the_wire_and_damaged_ones_are_seen() {
        let sent = PacketBox { target: 3, bytes: b"hello".to_vec() };
        let bytes = bytes_of(&sent);
        let got: PacketBox = read(&bytes);
        assert_eq!((got.target, got.bytes), (3, b"hello".to_vec()));
        for cut in 0..21 {
            let got: PacketBox = read(&bytes[..cut]);
            assert_eq!(got.record_count(), 1);
            assert!(crate::stream::Ordered::new(1).take(&got.bytes).is_err(), "cut at {cut}");
        }
    }

    #[test]
    fn segments_survive_the_wire() {
        for late in [None, Some(-40)] {
            let kind = SegmentKind::Rows(b"hello".to_vec());
            let bytes = bytes_of(&SegmentBox::new(Segment { target: 2, slice: -7, late, kind }));
            let (got, body) = read::<SegmentBox>(&bytes).take().unwrap();
            assert_eq!((got.target, got.slice, got.late), (2, -7, late));
            assert!(matches!(got.kind, SegmentKind::Rows(_)));
            assert_eq!(&body.unwrap()[..], b"hello");
            for cut in 0..bytes.len() - 3 {
                assert!(read::<SegmentBox>(&bytes[..cut]).take().is_none(), "cut at {cut}");
            }
        }
    }

    #[test]
    fn places_of_tables_survive_the_wire() {
        let sent = SegmentBox::new(Segment { target: 1, slice: 50, late: None, kind: SegmentKind::Left(77) });
        let (got, body) = read::<SegmentBox>(&bytes_of(&sent)).take().unwrap();
        assert!(body.is_none());
        assert_eq!((got.target, got.slice, got.late), (1, 50, None));
        assert!(matches!(got.kind, SegmentKind::Left(77)));
    }

    #[test]
    fn damaged_messages_do_not_panic_and_give_nothing() {
        let sent = rows();
        let bytes = bytes_of(&sent);
        let whole = bytes.len() - (padded(sent.0.bytes.len()) - sent.0.bytes.len());
        for cut in 0..whole {
            let got: RowBox = read(&bytes[..cut]);
            assert!(got.0.heads.is_empty(), "cut at {cut}");
        }
        for i in 0..bytes.len() {
            let mut broken = bytes.clone();
            broken[i] ^= 0x80;
            let got: RowBox = read(&broken);
            for row in got.0.iter() {
                let _ = (row.dimensions().count(), row.values().count());
            }
        }
    }
}
