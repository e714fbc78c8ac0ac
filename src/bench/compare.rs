//! Two files of rows, turned into a verdict: the same rows or not, whatever their order.
//!
//! Rows are matched by a hash of all their texts (the window and the group, or the key and the events of a match, an
//! object or list counting as the text it is written as), so one pass over two sorted lists
//! compares every value of every row. Whole numbers and nulls must be equal. Other numbers may differ in the last
//! bits, as a plain loop rounds its sums at every step: [`CLOSE`]. Values that a row says came from a sketch (`approx`)
//! are held against the loop's exact ones and may differ by [`ROUGH`].
//!
//! Cost: for each row 24 bytes and 8 for each number.

use super::scan::{Cursor, Item};
use super::table::hash;
use std::io;
use std::path::Path;

/// How far apart numbers may be, relative to the larger.
pub const CLOSE: f64 = 1e-9;
/// How far a sketch may be from the truth: six standard errors of a distinct count, and far more than the bound of a
/// percentile.
pub const ROUGH: f64 = 0.05;

/// The rows of a file.
#[derive(Debug, Default)]
pub struct RowSet {
    /// The names of the numbers, in file order.
    columns: Vec<String>,
    rows: Vec<Row>,
    /// Row by row; NaN for null.
    numbers: Vec<f64>,
}

#[derive(Debug, Clone, Copy)]
struct Row {
    key: u64,
    first: usize,
    /// Bit i: number i came from a sketch.
    approximate: u64,
}

/// Two files agree.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Agreement {
    /// Rows in each.
    pub rows: usize,
    /// Values of the second file that came from a sketch.
    pub approximate: usize,
    /// The greatest relative distance of such a value from the truth.
    pub worst: f64,
}

impl RowSet {
    /// Reads a file of NDJSON rows.
    ///
    /// # Errors
    /// Where the file cannot be read, or a line is not a row with the columns of the first.
    pub fn read(path: &Path) -> io::Result<Self> {
        Self::parse(&std::fs::read(path)?)
    }

    fn parse(bytes: &[u8]) -> io::Result<Self> {
        let mut set = Self::default();
        let mut texts = Vec::new();
        for (i, line) in bytes.split(|b| *b == b'\n').enumerate() {
            if !line.is_empty() && set.line(line, &mut texts).is_none() {
                let message = format!("line {} is not a row like the first", i + 1);
                return Err(io::Error::new(io::ErrorKind::InvalidData, message));
            }
        }
        set.rows.sort_unstable_by_key(|row| row.key);
        Ok(set)
    }

    fn line(&mut self, line: &[u8], texts: &mut Vec<u8>) -> Option<()> {
        let is_first = self.rows.is_empty();
        let mut row = Row { key: 0, first: self.numbers.len(), approximate: 0 };
        let mut cursor = Cursor::new(line);
        // A sum, so that the order of columns does not matter.
        let mut add = |key: &[u8], text: &[u8]| {
            texts.clear();
            texts.extend_from_slice(key);
            texts.push(0);
            texts.extend_from_slice(text);
            row.key = row.key.wrapping_add(hash(texts));
        };
        if !cursor.enter() {
            return None;
        }
        while let Some(key) = cursor.key() {
            let number = match cursor.item()? {
                Item::Text(text) => {
                    add(key, text.plain(&mut Vec::new()));
                    continue;
                }
                Item::Number(v) => v,
                Item::Other(b"null") => f64::NAN,
                Item::Other(b"true") => 1.0,
                Item::Other(b"false") => 0.0,
                Item::Other(list) if key == b"approx" => {
                    for (i, column) in self.columns.iter().enumerate().take(64) {
                        let quoted = format!("\"{column}\"");
                        row.approximate |= u64::from(memchr::memmem::find(list, quoted.as_bytes()).is_some()) << i;
                    }
                    continue;
                }
                Item::Other(nested) => {
                    add(key, nested);
                    continue;
                }
            };
            let at = self.numbers.len() - row.first;
            if is_first {
                self.columns.push(String::from_utf8_lossy(key).into_owned());
            } else if self.columns.get(at).is_none_or(|c| c.as_bytes() != key) {
                return None;
            }
            self.numbers.push(number);
        }
        self.rows.push(row);
        (self.numbers.len() - row.first == self.columns.len()).then_some(())
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// True without rows.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}

/// Compares the exact rows of the loop with those of the engine.
///
/// # Errors
/// The first difference, as one sentence.
pub fn compare(exact: &RowSet, other: &RowSet) -> Result<Agreement, String> {
    if exact.len() != other.len() {
        return Err(format!("{} rows against {}", exact.len(), other.len()));
    }
    if exact.columns != other.columns {
        return Err(format!("columns {:?} against {:?}", exact.columns, other.columns));
    }
    let width = exact.columns.len();
    let mut agreement = Agreement { rows: exact.len(), ..Agreement::default() };
    for (a, b) in exact.rows.iter().zip(&other.rows) {
        if a.key != b.key {
            return Err("a window, a group or a match is in one of the two only".to_owned());
        }
        let numbers = exact.numbers[a.first..a.first + width].iter().zip(&other.numbers[b.first..b.first + width]);
        for (i, (x, y)) in numbers.enumerate() {
            let apart = if x == y || x.is_nan() && y.is_nan() { 0.0 } else { (x - y).abs() / x.abs().max(y.abs()) };
            let is_rough = i < 64 && b.approximate >> i & 1 == 1;
            if is_rough {
                agreement.approximate += 1;
                agreement.worst = agreement.worst.max(apart);
            }
            // NaN is a null against a number.
            if apart.is_nan() || apart > if is_rough { ROUGH } else { CLOSE } {
                return Err(format!("{} is {x} against {y}", exact.columns[i]));
            }
        }
    }
    Ok(agreement)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(text: &str) -> RowSet {
        RowSet::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn rows_when_in_another_order_and_off_by_bits_then_agree() {
        let a = rows(
            "{\"w\":\"1\",\"g\":\"x\",\"n\":3,\"s\":0.30000000000000004}\n{\"w\":\"1\",\"g\":\"y\",\"n\":1,\"s\":null}\n",
        );
        let b = rows("{\"w\":\"1\",\"g\":\"y\",\"n\":1,\"s\":null}\n{\"g\":\"x\",\"w\":\"1\",\"n\":3,\"s\":0.3}\n");
        assert_eq!(compare(&a, &b), Ok(Agreement { rows: 2, approximate: 0, worst: 0.0 }));
    }

    #[test]
    fn rows_when_anything_differs_then_disagree() {
        let a = rows("{\"g\":\"x\",\"n\":300,\"s\":1.5}\n");
        for other in [
            "{\"g\":\"y\",\"n\":300,\"s\":1.5}\n",
            "{\"g\":\"x\",\"n\":301,\"s\":1.5}\n",
            "{\"g\":\"x\",\"n\":300,\"s\":1.50001}\n",
            "{\"g\":\"x\",\"n\":300,\"s\":null}\n",
            "{\"g\":\"x\",\"n\":300}\n",
            "",
            "{\"g\":\"x\",\"n\":300,\"s\":1.5}\n{\"g\":\"x\",\"n\":300,\"s\":1.5}\n",
        ] {
            assert!(compare(&a, &rows(other)).is_err(), "{other}");
        }
        let a = rows("{\"k\":\"x\",\"n\":3,\"events\":{\"a\":[\"e1\",\"e2\"]}}\n");
        assert!(compare(&a, &rows("{\"k\":\"x\",\"n\":3,\"events\":{\"a\":[\"e1\",\"e2\"]}}\n")).is_ok());
        assert!(compare(&a, &rows("{\"k\":\"x\",\"n\":3,\"events\":{\"a\":[\"e1\",\"e3\"]}}\n")).is_err());
        assert!(RowSet::parse(b"{\"n\":1}\n{\"m\":1}\n").is_err());
        assert!(RowSet::parse(b"[]\n").is_err());
    }

    #[test]
    fn sketched_values_when_near_then_agree_and_are_counted() {
        let a = rows("{\"g\":\"x\",\"n\":5000,\"u\":4500}\n");
        let near = rows("{\"g\":\"x\",\"n\":5000,\"u\":4545,\"approx\":[\"u\"]}\n");
        let found = compare(&a, &near).unwrap();
        assert_eq!(found.approximate, 1);
        assert!((found.worst - 0.0099).abs() < 0.0001);
        assert!(compare(&a, &rows("{\"g\":\"x\",\"n\":5000,\"u\":5545,\"approx\":[\"u\"]}\n")).is_err());
        assert!(compare(&a, &rows("{\"g\":\"x\",\"n\":5000,\"u\":4545}\n")).is_err());
    }
}
