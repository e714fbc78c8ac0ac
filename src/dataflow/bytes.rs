//! Byte strings as what is arranged: pieces of what came together on the way in, one after the other in an arrangement.
//!
//! A key and a row are short, and there are millions of them. Each as a vector of its own would be an allocation to make, to
//! find and to give back; so none is.

use differential_dataflow::batcher::merge::MergeBatcher;
use differential_dataflow::batcher::merge::chunker::ContainerChunker;
use differential_dataflow::batcher::merge::vec::VecMerger;
use differential_dataflow::trace::implementations::ord_neu::{OrdValBatch, OrdValBuilder};
use differential_dataflow::trace::implementations::spine_fueled::Spine;
use differential_dataflow::trace::implementations::{BatchContainer, OffsetList};
use std::cmp::Ordering;
use std::ops::Range;
use std::rc::Rc;
use timely::container::PushInto;

/// A change of what is arranged, by pieces or by vectors: key and row, when, and by how much.
type Update<B> = ((B, B), i64, isize);
/// What came in.
pub(super) type Given = Update<Piece>;
/// What an operator over an arrangement has made.
pub(super) type Made = Update<Vec<u8>>;
type Columns = (Strings, Strings, Vec<i64>, Vec<isize>, OffsetList);
/// What is arranged.
pub(super) type Arrangement = Spine<Rc<OrdValBatch<Columns>>>;
/// Sorts what came in.
pub(super) type Batcher = MergeBatcher<
    ContainerChunker<Vec<Given>>,
    VecMerger<(Piece, Piece), i64, isize>,
    OrdValBuilder<Columns, Vec<Given>>,
>;
/// Puts together what an operator has made.
pub(super) type Builder = OrdValBuilder<Columns, Vec<Made>>;

/// What the updates of a batch take.
pub(super) fn bytes_of(batch: &OrdValBatch<Columns>) -> usize {
    let offsets = |list: &OffsetList| list.smol.len() * size_of::<u32>() + list.chonk.len() * size_of::<u64>();
    let strings = |list: &Strings| list.bytes.len() + list.ends.len() * size_of::<usize>();
    let (vals, upds) = (&batch.storage.vals, &batch.storage.upds);
    let changes = upds.times.len() * size_of::<i64>() + upds.diffs.len() * size_of::<isize>();
    strings(&batch.storage.keys) + strings(&vals.vals) + changes + offsets(&vals.offs) + offsets(&upds.offs)
}

/// A part of bytes that came together, which are there as long as one of their pieces.
#[derive(Debug, Clone)]
pub(super) struct Piece {
    all: Rc<Vec<u8>>,
    start: u32,
    end: u32,
}

impl Piece {
    /// `range` of the bytes.
    pub(super) fn new(all: &Rc<Vec<u8>>, range: Range<u32>) -> Self {
        Self { all: Rc::clone(all), start: range.start, end: range.end }
    }

    fn bytes(&self) -> &[u8] {
        &self.all[self.start as usize..self.end as usize]
    }
}

impl PartialEq for Piece {
    fn eq(&self, other: &Self) -> bool {
        self.bytes() == other.bytes()
    }
}

impl Eq for Piece {}

impl PartialOrd for Piece {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Piece {
    fn cmp(&self, other: &Self) -> Ordering {
        self.bytes().cmp(other.bytes())
    }
}

impl PartialEq<Piece> for [u8] {
    fn eq(&self, other: &Piece) -> bool {
        self == other.bytes()
    }
}

/// Byte strings, one after the other.
#[derive(Debug, Default)]
pub(super) struct Strings {
    bytes: Vec<u8>,
    /// Where each ends.
    ends: Vec<usize>,
}

impl Strings {
    fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        self.ends.push(self.bytes.len());
    }
}

impl PushInto<Piece> for Strings {
    fn push_into(&mut self, piece: Piece) {
        self.push(piece.bytes());
    }
}

impl PushInto<Vec<u8>> for Strings {
    fn push_into(&mut self, bytes: Vec<u8>) {
        self.push(&bytes);
    }
}

impl BatchContainer for Strings {
    type Owned = Vec<u8>;
    type ReadItem<'a> = &'a [u8];

    fn into_owned(item: &[u8]) -> Vec<u8> {
        item.to_vec()
    }

    fn clone_onto(item: &[u8], other: &mut Vec<u8>) {
        other.clear();
        other.extend_from_slice(item);
    }

    fn push_ref(&mut self, item: &[u8]) {
        self.push(item);
    }

    fn push_own(&mut self, item: &Vec<u8>) {
        self.push(item);
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.ends.clear();
    }

    fn with_capacity(size: usize) -> Self {
        Self { bytes: Vec::new(), ends: Vec::with_capacity(size) }
    }

    fn merge_capacity(one: &Self, other: &Self) -> Self {
        Self {
            bytes: Vec::with_capacity(one.bytes.len() + other.bytes.len()),
            ends: Vec::with_capacity(one.ends.len() + other.ends.len()),
        }
    }

    fn reborrow<'b, 'a: 'b>(item: &'a [u8]) -> &'b [u8] {
        item
    }

    fn index(&self, index: usize) -> &[u8] {
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.bytes[start..self.ends[index]]
    }

    fn len(&self) -> usize {
        self.ends.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_when_they_are_pushed_in_any_form_then_are_read_back_and_order_by_their_bytes() {
        let all = Rc::new(b"abcabd".to_vec());
        let (first, second) = (Piece::new(&all, 0..3), Piece::new(&all, 3..6));
        assert!(first < second && first == Piece::new(&Rc::new(b"abc".to_vec()), 0..3) && b"abd"[..] == second);
        let mut strings = Strings::with_capacity(1);
        strings.push_into(second);
        strings.push_into(Vec::new());
        strings.push_ref(b"x");
        strings.push_own(&b"yz".to_vec());
        let read: Vec<&[u8]> = (0..strings.len()).map(|i| strings.index(i)).collect();
        assert_eq!(read, [&b"abd"[..], b"", b"x", b"yz"]);
        let mut both = Strings::merge_capacity(&strings, &strings);
        both.push_ref(strings.index(0));
        assert_eq!((both.last(), Strings::into_owned(both.index(0))), (Some(&b"abd"[..]), b"abd".to_vec()));
        both.clear();
        assert_eq!((both.len(), both.get(0)), (0, None));
    }
}
