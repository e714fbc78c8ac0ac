//! Where computed text goes: the end of the batch's arena; also the count of rows that failed.
//!
//! Cost: appending only; a part of a text that is there already is a cell of that part, not a copy.

use crate::event::{Cell, Tag};

/// The most bytes of a text that a count or a replacement makes longer than its argument: a longer one is NULL, counted.
pub(super) const LONGEST: usize = 65_536;

/// Gives NULL (already counted) from the function where an argument is of the wrong class.
macro_rules! get {
    ($value:expr) => {
        match $value {
            Some(v) => v,
            None => return Cell::NULL,
        }
    };
}
pub(super) use get;

/// The arena while an expression runs.
pub(super) struct Heap<'a> {
    pub(super) arena: &'a mut Vec<u8>,
    pub(super) failures: &'a mut u64,
}

impl Heap<'_> {
    /// Counts a failure; its value is NULL.
    #[cold]
    pub(super) fn fail(&mut self) -> Cell {
        *self.failures += 1;
        Cell::NULL
    }

    /// A float, or a counted NULL where it is NaN or infinite.
    pub(super) fn float(&mut self, v: f64) -> Cell {
        if v.is_finite() { Cell::float(v) } else { self.fail() }
    }

    /// An integer, or a counted NULL where there is none.
    pub(super) fn int(&mut self, v: Option<i64>) -> Cell {
        match v {
            Some(v) => Cell::int(v),
            None => self.fail(),
        }
    }

    /// A time, or a counted NULL where it is not one of the years 1 to 9999.
    pub(super) fn time(&mut self, us: Option<i64>) -> Cell {
        use crate::time::EventTime;
        match us {
            Some(us) if (EventTime::EARLIEST.0..=EventTime::LATEST.0).contains(&us) => Cell::time(us),
            _ => self.fail(),
        }
    }

    /// The bytes of a text cell; `None` (counted) for any other.
    pub(super) fn text(&mut self, cell: Cell) -> Option<&[u8]> {
        if cell.tag() != Tag::Str {
            self.fail();
            return None;
        }
        Some(cell.text(self.arena))
    }

    /// A whole number; floats without a fraction are whole numbers too. `None` (counted) for any other.
    pub(super) fn whole(&mut self, cell: Cell) -> Option<i64> {
        let whole = match cell.tag() {
            Tag::Int => Some(cell.bits() as i64),
            Tag::Float => match crate::event::key::canonical_float(f64::from_bits(cell.bits())) {
                (Tag::Int, bits) => Some(bits as i64),
                _ => None,
            },
            _ => None,
        };
        if whole.is_none() {
            self.fail();
        }
        whole
    }

    /// A number as a float; `None` (counted) for any other.
    pub(super) fn number(&mut self, cell: Cell) -> Option<f64> {
        let number = cell.as_f64();
        if number.is_none() {
            self.fail();
        }
        number
    }

    /// The part `from..to` (in bytes) of a text cell.
    pub(super) fn part(&self, cell: Cell, from: usize, to: usize) -> Cell {
        Cell::str(cell.bits() as u32 + from as u32, (to - from) as u32)
    }

    /// Appends `text`; a counted NULL where the arena would pass 4 GiB.
    pub(super) fn push(&mut self, text: &[u8]) -> Cell {
        self.build(|arena| arena.extend_from_slice(text))
    }

    /// The text that `write` appends to the arena; a counted NULL where the arena would pass 4 GiB.
    pub(super) fn build(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> Cell {
        let start = self.arena.len();
        write(self.arena);
        self.finish(start)
    }

    /// The text from `start` to the end of the arena; a counted NULL where it has more than `most` bytes.
    pub(super) fn grown(&mut self, start: usize, most: usize) -> Cell {
        if self.arena.len() - start > most {
            self.arena.truncate(start);
            return self.fail();
        }
        self.finish(start)
    }

    /// The text from `start` to the end of the arena.
    pub(super) fn finish(&mut self, start: usize) -> Cell {
        if self.arena.len() > u32::MAX as usize {
            self.arena.truncate(start);
            return self.fail();
        }
        Cell::str(start as u32, (self.arena.len() - start) as u32)
    }
}

/// The bytes of a cell inside the arena.
pub(super) fn range(cell: Cell, arena: &[u8]) -> std::ops::Range<usize> {
    let start = cell.bits() as usize;
    start..start + cell.text(arena).len()
}

/// The first character of `text` and its length in bytes; bytes that are not UTF-8 read as U+FFFD one by one.
pub(super) fn first_char(text: &[u8]) -> Option<(char, usize)> {
    let &lead = text.first()?;
    if lead < 0x80 {
        return Some((lead as char, 1));
    }
    let width = match lead {
        0xC0..=0xDF => 2,
        0xE0..=0xEF => 3,
        _ => 4,
    };
    let read = text.get(..width).and_then(|b| std::str::from_utf8(b).ok()).and_then(|s| s.chars().next());
    Some(read.map_or((char::REPLACEMENT_CHARACTER, 1), |c| (c, width)))
}

/// The number of characters.
pub(super) fn char_count(text: &[u8]) -> usize {
    text.iter().filter(|b| **b & 0xC0 != 0x80).count()
}

/// Where character `n` (from 0) begins; the length of the text where there are fewer.
pub(super) fn char_offset(text: &[u8], n: usize) -> usize {
    if text.len() <= n {
        return text.len();
    }
    text.iter().enumerate().filter(|(_, b)| **b & 0xC0 != 0x80).nth(n).map_or(text.len(), |(at, _)| at)
}
