//! A row as one string of bytes, and back: what is arranged and compared.
//!
//! Form: window start and end, each 8 bytes big-endian with the sign turned, so that bytes order as times do; the mask of
//! approximate values, 8 bytes; the length of the key, 4 bytes; the key; the values.

use crate::result::{RowHead, RowRef};

/// Bytes before the key.
const HEAD: usize = 28;

/// A row without its time and op.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stored<'a> {
    /// Its window.
    pub window: (i64, i64),
    /// As of [`RowHead`].
    pub approximate: u64,
    /// The canonical bytes of the group.
    pub key: &'a [u8],
    /// The bytes of the values.
    pub values: &'a [u8],
}

/// A time as bytes that order as times do.
pub(super) fn ordered(time: i64) -> [u8; 8] {
    ((time as u64) ^ (1 << 63)).to_be_bytes()
}

/// The time that [`ordered`] has written.
pub(super) fn time_of(bytes: [u8; 8]) -> i64 {
    (u64::from_be_bytes(bytes) ^ (1 << 63)) as i64
}

impl<'a> Stored<'a> {
    /// The row without its time and op.
    pub fn of(row: RowRef<'a>) -> Self {
        let window = (row.head.window_start, row.head.window_end);
        Self { window, approximate: row.head.approximate, key: row.key, values: row.values }
    }

    /// Appends its bytes.
    pub fn write(&self, out: &mut Vec<u8>) {
        write_head(self.window, self.approximate, self.key.len(), out);
        out.extend_from_slice(self.key);
        out.extend_from_slice(self.values);
    }

    /// Reads a whole string; `None` where it is none.
    pub fn read(bytes: &'a [u8]) -> Option<Self> {
        let (start, rest) = bytes.split_first_chunk()?;
        let (end, rest) = rest.split_first_chunk()?;
        let (approximate, rest) = rest.split_first_chunk()?;
        let (length, rest) = rest.split_first_chunk()?;
        let (key, values) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
        let window = (time_of(*start), time_of(*end));
        Some(Self { window, approximate: u64::from_le_bytes(*approximate), key, values })
    }

    /// The row again, as a first statement of `part` at `time`; its bytes are still to be placed.
    pub fn head(&self, part: u32, time: i64) -> RowHead {
        RowHead {
            approximate: self.approximate,
            key_len: self.key.len() as u32,
            values_len: self.values.len() as u32,
            ..RowHead::new(part, time, self.window)
        }
    }
}

/// Appends what stands before the key.
pub(super) fn write_head(window: (i64, i64), approximate: u64, key: usize, out: &mut Vec<u8>) {
    out.reserve(HEAD + key);
    out.extend_from_slice(&ordered(window.0));
    out.extend_from_slice(&ordered(window.1));
    out.extend_from_slice(&approximate.to_le_bytes());
    out.extend_from_slice(&(key as u32).to_le_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_survive_their_bytes_which_order_by_window() {
        let row = |start, end| Stored { window: (start, end), approximate: 5, key: b"abc", values: b"xy" };
        let mut list: Vec<Vec<u8>> = Vec::new();
        for window in [(10, 20), (-5, 5), (i64::MIN, 0), (0, 10)] {
            let mut bytes = Vec::new();
            row(window.0, window.1).write(&mut bytes);
            assert_eq!(Stored::read(&bytes), Some(row(window.0, window.1)));
            for cut in 0..HEAD + 3 {
                assert_eq!(Stored::read(&bytes[..cut]), None);
            }
            list.push(bytes);
        }
        list.sort();
        let starts: Vec<i64> = list.iter().map(|b| Stored::read(b).unwrap().window.0).collect();
        assert_eq!(starts, [i64::MIN, -5, 0, 10]);
    }
}
