//! Room for the records of a table: where it is large, memory of its own that the system may give in large pages.
//!
//! A lookup goes anywhere in a table. With pages of 4 KiB the CPU would have to find the page itself, each time, before it
//! finds the record.

use memmap2::MmapMut;
use std::ops::Deref;

/// Below this it is ordinary memory.
const LARGE: usize = 4 << 20;

/// Bytes that are written once, from the first to the last.
pub(super) enum Pages {
    /// Ordinary memory.
    Heap(Vec<u8>),
    /// Memory of its own, of which so much is written.
    Mapped(MmapMut, usize),
}

impl Pages {
    /// Room for `most` bytes.
    ///
    /// # Errors
    /// Where the system has not so much.
    pub(super) fn new(most: usize) -> std::io::Result<Self> {
        if most < LARGE {
            return Ok(Pages::Heap(Vec::with_capacity(most)));
        }
        let map = MmapMut::map_anon(most)?;
        #[cfg(target_os = "linux")]
        {
            // A system that has no large pages gives small ones.
            let _ = map.advise(memmap2::Advice::HugePage);
        }
        Ok(Pages::Mapped(map, 0))
    }

    /// Appends bytes; there is room for all that was asked for.
    #[inline]
    pub(super) fn put(&mut self, bytes: &[u8]) {
        match self {
            Pages::Heap(heap) => heap.extend_from_slice(bytes),
            Pages::Mapped(map, used) => {
                map[*used..*used + bytes.len()].copy_from_slice(bytes);
                *used += bytes.len();
            }
        }
    }

    /// Writes over bytes that are there.
    pub(super) fn set(&mut self, at: usize, bytes: &[u8]) {
        let all = match self {
            Pages::Heap(heap) => &mut heap[..],
            Pages::Mapped(map, used) => &mut map[..*used],
        };
        all[at..at + bytes.len()].copy_from_slice(bytes);
    }
}

impl Deref for Pages {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        match self {
            Pages::Heap(heap) => heap,
            Pages::Mapped(map, used) => &map[..*used],
        }
    }
}
