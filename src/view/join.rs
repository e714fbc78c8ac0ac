//! Rows that look for partners and rows that are some, turned into joined rows.

use super::Reduce;
use super::row::{Stored, write_head};
use crate::event::{Tag, key};

/// A join of rows under one key, which has the columns that are equal.
#[derive(Debug, Clone)]
pub struct Join {
    /// Rows without a partner stay, with NULLs.
    pub left: bool,
    /// The partner is the newest at or before, less than this far back; `None`: all, which are of the same window.
    pub within: Option<i64>,
    /// Partners hold for a time, and are those that hold in the last moment of a row, so far before its end.
    pub versions: Option<i64>,
    /// Dimensions that partners add.
    pub dimensions: usize,
    /// Values that partners add.
    pub values: usize,
    /// Values of the rows that look for partners.
    pub own: u32,
    /// As of the schema of the joined rows.
    pub keep: i64,
}

impl Join {
    fn pair(&self, row: &Stored<'_>, partner: Option<&Stored<'_>>, out: &mut Vec<(Vec<u8>, isize)>, count: isize) {
        let none = vec![Tag::Null as u8; self.dimensions.max(self.values)];
        let (more, values) = match partner {
            // The newest one is told from others by its group, which is no part of the row.
            Some(partner) if self.within.is_some() => (&[][..], partner.values),
            Some(partner) => (partner.key, partner.values),
            None => (&none[..self.dimensions], &none[..self.values]),
        };
        // A row of all other groups stays one where there is nothing to tell it by.
        let more = if row.key == key::OVERFLOW && partner.is_none() { &[] } else { more };
        let added = partner.map_or(0, |partner| partner.approximate.checked_shl(self.own).unwrap_or(0));
        let mut bytes = Vec::with_capacity(32 + row.key.len() + more.len() + row.values.len() + values.len());
        write_head(row.window, row.approximate | added, row.key.len() + more.len(), &mut bytes);
        for part in [row.key, more, row.values, values] {
            bytes.extend_from_slice(part);
        }
        out.push((bytes, count));
    }
}

/// A row behind the byte of its side.
fn read<'a>((bytes, count): &(&'a [u8], isize)) -> Option<(Stored<'a>, isize)> {
    Some((Stored::read(bytes.get(1..)?)?, *count))
}

impl Reduce for Join {
    fn reduce(&mut self, key: &[u8], rows: &[(&[u8], isize)], out: &mut Vec<(Vec<u8>, isize)>) {
        let split = rows.partition_point(|(bytes, _)| bytes.first() == Some(&0));
        let lefts = rows[..split].iter().filter_map(read);
        let mut partners: Vec<(Stored<'_>, isize)> = rows[split..].iter().filter_map(read).collect();
        if key.first() == Some(&1) {
            partners.clear();
        }
        let Some(within) = self.within else {
            for (row, count) in lefts {
                // In the order of their bytes those that begin to hold earlier come first.
                let upto = self.versions.map_or(partners.len(), |last| {
                    partners.partition_point(|(partner, _)| partner.window.0 <= row.window.1 - last)
                });
                let holds =
                    |partner: &Stored<'_>| self.versions.is_none_or(|last| row.window.1 - last < partner.window.1);
                let mut found = false;
                for (partner, more) in partners[..upto].iter().filter(|(partner, _)| holds(partner)) {
                    self.pair(&row, Some(partner), out, count * more);
                    found = true;
                }
                if !found && self.left {
                    self.pair(&row, None, out, count);
                }
            }
            return;
        };
        partners.sort_by(|(a, _), (b, _)| {
            let window = (a.window.1, a.window.0).cmp(&(b.window.1, b.window.0));
            window.then_with(|| key::compare(a.key, b.key)).then_with(|| a.values.cmp(b.values))
        });
        let lefts: Vec<(Stored<'_>, isize)> = lefts.collect();
        let newest = lefts.iter().chain(partners.last()).map(|(row, _)| row.window.1).max().unwrap_or(0);
        for (row, count) in &lefts {
            let end = row.window.1;
            if end.saturating_add(self.keep) <= newest {
                // Its life is over, so nobody asks for it; see invariant 2 of the room.
                continue;
            }
            let upto = partners.partition_point(|(partner, _)| partner.window.1 <= end);
            let found = partners[..upto].last().filter(|(partner, _)| partner.window.1 > end.saturating_sub(within));
            match found {
                Some((partner, _)) => self.pair(row, Some(partner), out, *count),
                None if self.left => self.pair(row, None, out, *count),
                None => {}
            }
        }
    }
}
