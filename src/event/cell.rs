//! One value of one event: 16 bytes, copied freely; text lies in the batch's arena.

/// What a [`Cell`] holds. 32 bits wide, so that a cell has no padding and is copied in whole words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u32)]
pub enum Tag {
    /// SQL NULL: the field is missing, or JSON `null`.
    Null = 0,
    /// A boolean.
    Bool = 1,
    /// A whole number in the range of `i64`.
    Int = 2,
    /// Any other number; never NaN or infinite.
    Float = 3,
    /// A moment: microseconds since 1970-01-01T00:00:00Z.
    Time = 4,
    /// Text (UTF-8) in the arena.
    Str = 5,
    /// A nested object or array as its JSON text (UTF-8) in the arena.
    Json = 6,
}

/// One value. Text and JSON are a range of the arena of the batch the cell is in.
#[derive(Debug, Clone, Copy)]
pub struct Cell {
    tag: Tag,
    len: u32,
    bits: u64,
}

/// A [`Cell`] with its text looked up. Text is valid UTF-8 (the decoder has checked it), kept as bytes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value<'a> {
    /// SQL NULL.
    Null,
    /// A boolean.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// Any other number.
    Float(f64),
    /// Microseconds since 1970-01-01T00:00:00Z.
    Time(i64),
    /// UTF-8 text.
    Str(&'a [u8]),
    /// The UTF-8 JSON text of an object or array.
    Json(&'a [u8]),
}

impl Cell {
    /// SQL NULL.
    pub const NULL: Cell = Cell { tag: Tag::Null, len: 0, bits: 0 };

    /// A boolean.
    #[inline]
    pub const fn bool(v: bool) -> Self {
        Self { tag: Tag::Bool, len: 0, bits: v as u64 }
    }

    /// A whole number.
    #[inline]
    pub const fn int(v: i64) -> Self {
        Self { tag: Tag::Int, len: 0, bits: v as u64 }
    }

    /// A number; NULL where it is NaN or infinite, which SQL numbers here never are.
    #[inline]
    pub fn float(v: f64) -> Self {
        if v.is_finite() { Self { tag: Tag::Float, len: 0, bits: v.to_bits() } } else { Self::NULL }
    }

    /// A moment in microseconds since 1970-01-01T00:00:00Z.
    #[inline]
    pub const fn time(us: i64) -> Self {
        Self { tag: Tag::Time, len: 0, bits: us as u64 }
    }

    /// Text at `start..start + len` of the arena.
    #[inline]
    pub const fn str(start: u32, len: u32) -> Self {
        Self { tag: Tag::Str, len, bits: start as u64 }
    }

    /// JSON text at `start..start + len` of the arena.
    #[inline]
    pub const fn json(start: u32, len: u32) -> Self {
        Self { tag: Tag::Json, len, bits: start as u64 }
    }

    /// What the cell holds.
    #[inline]
    pub const fn tag(self) -> Tag {
        self.tag
    }

    /// True for SQL NULL.
    #[inline]
    pub const fn is_null(self) -> bool {
        matches!(self.tag, Tag::Null)
    }

    /// True for the boolean that is true.
    #[inline]
    pub const fn is_true(self) -> bool {
        matches!(self.tag, Tag::Bool) && self.bits != 0
    }

    /// The raw payload: the number's bits, or the start of the text in the arena.
    #[inline]
    pub const fn bits(self) -> u64 {
        self.bits
    }

    /// Bytes of the text of a `Str` or `Json` cell; 0 for any other.
    #[inline]
    pub const fn text_len(self) -> usize {
        self.len as usize
    }

    /// The text of a `Str` or `Json` cell; empty for any other.
    #[inline]
    pub fn text(self, arena: &[u8]) -> &[u8] {
        match self.tag {
            Tag::Str | Tag::Json => &arena[self.bits as usize..self.bits as usize + self.len as usize],
            _ => &[],
        }
    }

    /// The number in a numeric cell, as a float.
    #[inline]
    pub fn as_f64(self) -> Option<f64> {
        match self.tag {
            Tag::Int => Some(self.bits as i64 as f64),
            Tag::Float => Some(f64::from_bits(self.bits)),
            _ => None,
        }
    }

    /// The value, with its text looked up in `arena`.
    #[inline]
    pub fn value(self, arena: &[u8]) -> Value<'_> {
        match self.tag {
            Tag::Null => Value::Null,
            Tag::Bool => Value::Bool(self.bits != 0),
            Tag::Int => Value::Int(self.bits as i64),
            Tag::Float => Value::Float(f64::from_bits(self.bits)),
            Tag::Time => Value::Time(self.bits as i64),
            Tag::Str => Value::Str(self.text(arena)),
            Tag::Json => Value::Json(self.text(arena)),
        }
    }
}
