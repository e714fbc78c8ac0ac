//! An iterator of the program's events, turned into bytes of lines.
//!
//! Errors: an item that cannot be written, and a panic of the iterator, end the run; a reader that fails is never taken
//! for one that has ended.

use super::caught;
use std::io::{Error, Read, Result};

/// Lines of an iterator.
pub(super) struct Items<I> {
    items: I,
    /// A line, and how much of it was read.
    line: Vec<u8>,
    read: usize,
}

impl<I> Items<I> {
    pub(super) fn new(items: I) -> Self {
        Self { items, line: Vec::new(), read: 0 }
    }
}

impl<I: Iterator<Item = Result<Vec<u8>>>> Read for Items<I> {
    fn read(&mut self, mut out: &mut [u8]) -> Result<usize> {
        let room = out.len();
        while !out.is_empty() {
            if self.read == self.line.len() {
                let next = caught(|| self.items.next());
                match next.map_err(|text| Error::other(format!("the iterator panicked: {text}")))? {
                    None => break,
                    Some(line) => (self.line, self.read) = (line_of(line?), 0),
                }
            }
            let n = out.len().min(self.line.len() - self.read);
            let (now, later) = out.split_at_mut(n);
            now.copy_from_slice(&self.line[self.read..self.read + n]);
            (out, self.read) = (later, self.read + n);
        }
        Ok(room - out.len())
    }
}

/// An event as one line, with its end.
pub(super) fn line_of(mut event: Vec<u8>) -> Vec<u8> {
    event.iter_mut().filter(|byte| matches!(byte, b'\n' | b'\r')).for_each(|byte| *byte = b' ');
    event.push(b'\n');
    event
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_are_lines_however_they_are_read_and_have_no_line_ends_inside() {
        for size in [1, 2, 3, 100] {
            let items = ["a\nb", "", "cd"].map(|text| Ok(text.as_bytes().to_vec())).into_iter();
            let (mut reader, mut all, mut buffer) = (Items::new(items), Vec::new(), vec![0; size]);
            loop {
                match reader.read(&mut buffer).unwrap() {
                    0 => break,
                    n => all.extend_from_slice(&buffer[..n]),
                }
            }
            assert_eq!(String::from_utf8(all).unwrap(), "a b\n\ncd\n", "{size}");
        }
    }
}
