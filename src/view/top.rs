//! Rows of a window, turned into the first n of them; and rows of a key, turned into one.
//!
//! The first n of many are found in two rounds: the first n of each of some shares, and of these the first n. A row that
//! changes is compared with those of its share, not with all.

use super::Reduce;
use super::row::{Stored, time_of, write_head};
use crate::event::{Cell, Value, key};
use std::cmp::Ordering;

/// Which rows come first. The first value of a row is what it is ordered by.
#[derive(Debug, Clone)]
pub struct Top {
    /// How many.
    pub n: u64,
    /// The least come first.
    pub ascending: bool,
    /// It is the last round: what rows were ordered by goes, and their rank comes.
    pub last: bool,
}

impl Top {
    /// NULLs last; ties by the group and then by all else.
    fn order(&self, a: &(Value<'_>, Stored<'_>), b: &(Value<'_>, Stored<'_>)) -> Ordering {
        let null = |v: &Value<'_>| matches!(v, Value::Null);
        let by = key::compare_values(a.0, b.0);
        (null(&a.0).cmp(&null(&b.0)))
            .then(if self.ascending { by } else { by.reverse() })
            .then_with(|| key::compare(a.1.key, b.1.key))
            .then_with(|| (a.1.window, a.1.key, a.1.values).cmp(&(b.1.window, b.1.key, b.1.values)))
    }
}

/// A row, what it is ordered by, and how often it is there.
type Ranked<'a> = ((Value<'a>, Stored<'a>), isize);

fn read<'a>((bytes, count): &(&'a [u8], isize)) -> Option<Ranked<'a>> {
    let row = Stored::read(bytes)?;
    let (by, _) = key::decode(row.values)?;
    Some(((by, row), *count))
}

impl Reduce for Top {
    fn reduce(&mut self, _: &[u8], rows: &[(&[u8], isize)], out: &mut Vec<(Vec<u8>, isize)>) {
        let mut list: Vec<Ranked<'_>> = rows.iter().filter_map(read).collect();
        let most = usize::try_from(self.n).unwrap_or(usize::MAX);
        if list.len() > most {
            list.select_nth_unstable_by(most - 1, |a, b| self.order(&a.0, &b.0));
            list.truncate(most);
        }
        list.sort_unstable_by(|a, b| self.order(&a.0, &b.0));
        let mut rank = 0;
        for ((_, row), count) in list {
            for _ in 0..count.unsigned_abs() {
                if rank == self.n {
                    return;
                }
                rank += 1;
                let mut bytes = Vec::with_capacity(row.key.len() + row.values.len() + 40);
                if self.last {
                    let rest = key::decode(row.values).map_or(row.values, |(_, rest)| rest);
                    Stored { approximate: row.approximate >> 1, values: rest, ..row }.write(&mut bytes);
                    key::encode_value(Cell::int(rank as i64), &[], &mut bytes);
                } else {
                    row.write(&mut bytes);
                }
                out.push((bytes, 1));
            }
        }
    }
}

/// One row for each window and columns, which are the key.
pub(super) struct Distinct;

impl Reduce for Distinct {
    fn reduce(&mut self, key: &[u8], _: &[(&[u8], isize)], out: &mut Vec<(Vec<u8>, isize)>) {
        let Some((window, cells)) = window_of(key) else { return };
        let mut bytes = Vec::new();
        write_head(window, 0, cells.len(), &mut bytes);
        bytes.extend_from_slice(cells);
        out.push((bytes, 1));
    }
}

/// The window that a key begins with, and the rest.
pub(super) fn window_of(key: &[u8]) -> Option<((i64, i64), &[u8])> {
    let (start, rest) = key.split_first_chunk()?;
    let (end, rest) = rest.split_first_chunk()?;
    Some(((time_of(*start), time_of(*end)), rest))
}
