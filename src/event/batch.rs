//! A block of input, decoded: one column of cells for each slot, and the clock of its events.

use super::{Cell, Origin, Origins};

/// The cells of one slot, one for each row of the batch.
pub type Column = Vec<Cell>;

/// The events of one block of a partition, in the order they were read.
///
/// Invariants:
/// 1. `time`, `clock`, `offset` and every decoded column have one entry a row.
/// 2. Every text cell lies inside `bytes`, is valid UTF-8, and starts below 4 GiB.
/// 3. `clock[i]` is the greatest event time of this block before row `i` (rows a prefilter dropped count too),
///    [`i64::MIN`] where there is none; `max_time` is the greatest of the whole block.
/// 4. A batch is re-used: [`EventBatch::clear`] keeps every allocation.
#[derive(Debug, Default)]
pub struct EventBatch {
    /// The arena: the block's bytes first, then text that was unescaped or computed.
    pub bytes: Vec<u8>,
    /// Columns by slot: the decoded ones first, then those that streams compute.
    pub columns: Vec<Column>,
    /// Event time of each row, microseconds.
    pub time: Vec<i64>,
    /// The block's own clock before each row (invariant 3).
    pub clock: Vec<i64>,
    /// Where each row begins, in bytes from the start of the block.
    pub offset: Vec<u32>,
    /// The partition of [`crate::event::Origin`]; the reader sets it.
    pub partition: u32,
    /// Where the block begins in the partition, so that with `offset` it orders the events; the reader sets it.
    pub position: u64,
    /// The place of each row, where the rows are not those of one block; else empty.
    pub places: Vec<Origin>,
    /// Events decoded, those that a prefilter dropped among them; rejects are not.
    pub events: u64,
    /// The least event time of the rows kept; [`i64::MAX`] without rows.
    pub min_time: i64,
    /// The greatest event time of all events of the block; [`i64::MIN`] without events.
    pub max_time: i64,
}

impl EventBatch {
    /// A batch with `slots` decoded columns.
    pub fn new(slots: usize) -> Self {
        let mut batch = Self { columns: vec![Column::new(); slots], ..Self::default() };
        batch.clear();
        batch
    }

    /// The number of rows.
    pub fn rows(&self) -> usize {
        self.time.len()
    }

    /// Where the rows stand among all events of the source.
    pub fn origins(&self) -> Origins<'_> {
        if !self.places.is_empty() {
            return Origins::List(&self.places);
        }
        let (partition, position) = (self.partition, self.position);
        Origins::Block { time: &self.time, offset: &self.offset, partition, position }
    }

    /// Says where the row whose cells have just been appended to the columns stands, and its clock.
    pub fn push_place(&mut self, place: Origin, clock: i64) {
        self.time.push(place.time);
        self.clock.push(clock);
        self.offset.push(0);
        self.places.push(place);
        self.min_time = self.min_time.min(place.time);
        self.max_time = self.max_time.max(place.time);
    }

    /// Empties the batch for the next block; allocations stay.
    pub fn clear(&mut self) {
        self.bytes.clear();
        for column in &mut self.columns {
            column.clear();
        }
        self.time.clear();
        self.clock.clear();
        self.offset.clear();
        self.places.clear();
        self.events = 0;
        self.min_time = i64::MAX;
        self.max_time = i64::MIN;
    }

    /// Appends text to the arena and gives its cell; NULL where the arena would pass 4 GiB.
    pub fn push_str(&mut self, text: &[u8]) -> Cell {
        let start = self.bytes.len();
        if start + text.len() > u32::MAX as usize {
            return Cell::NULL;
        }
        self.bytes.extend_from_slice(text);
        Cell::str(start as u32, text.len() as u32)
    }
}
