//! Changes of a result, turned into statements: which revision each row has, and what takes back what.
//!
//! A row is told from others by window and group, where its part says so by all of its values. Its first statement has
//! revision 0, each later one the next, also where it had gone in between.
//!
//! Invariant: what is known of a row is forgotten when the frontier has passed its `window_end + keep`; no change of it
//! comes after that.

use super::row::Stored;
use crate::result::{Op, RowBatch, RowHead, RowRef, RowSchema};
use std::cmp::Ordering;
use std::collections::{BTreeMap, HashMap};

/// How much was said.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Said {
    /// First statements.
    pub rows: u64,
    /// Corrections: later statements, and rows that were taken back and not replaced.
    pub corrections: u64,
}

/// Which rows of a part are stated.
#[derive(Debug)]
pub struct Stater {
    part: u32,
    by_values: bool,
    keep: i64,
    /// By the end of the life of rows, for each its last revision.
    known: BTreeMap<i64, HashMap<Vec<u8>, u32>>,
    held: usize,
    /// What that takes, about.
    bytes: usize,
    order: Vec<(u32, isize)>,
    name: Vec<u8>,
}

impl Stater {
    /// Of the rows of `schema`, which is that of `part`.
    pub fn new(part: u32, schema: &RowSchema) -> Self {
        Self {
            part,
            by_values: schema.by_values(),
            keep: schema.keep,
            known: BTreeMap::new(),
            held: 0,
            bytes: 0,
            order: Vec::new(),
            name: Vec::new(),
        }
    }

    /// True where the rows of all of time are one window.
    fn for_ever(&self) -> bool {
        self.keep >= RowSchema::FOREVER
    }

    fn compare(&self, a: RowRef<'_>, b: RowRef<'_>) -> Ordering {
        let window = |row: RowRef<'_>| (row.head.window_start, if self.for_ever() { 0 } else { row.head.window_end });
        let rest =
            (a.head.window_end, a.values, a.head.approximate).cmp(&(b.head.window_end, b.values, b.head.approximate));
        (window(a), a.key).cmp(&(window(b), b.key)).then(rest)
    }

    fn same(&self, a: RowRef<'_>, b: RowRef<'_>) -> bool {
        let ends = self.for_ever() || a.head.window_end == b.head.window_end;
        a.head.window_start == b.head.window_start
            && ends
            && a.key == b.key
            && (!self.by_values || a.values == b.values)
    }

    /// Says what changes at `time`: asserted and retracted rows, in any order, that cancel each other where they are the
    /// same.
    pub fn state(&mut self, time: i64, changes: &RowBatch, out: &mut RowBatch) -> Said {
        let mut order = std::mem::take(&mut self.order);
        order.clear();
        let sign = |head: &RowHead| if head.op == Op::Assert { 1 } else { -1 };
        order.extend(changes.heads.iter().enumerate().map(|(i, head)| (i as u32, sign(head))));
        order.sort_unstable_by(|a, b| self.compare(changes.row(a.0 as usize), changes.row(b.0 as usize)));
        order.dedup_by(|next, first| {
            let (a, b) = (changes.row(next.0 as usize), changes.row(first.0 as usize));
            let same = Stored::of(a) == Stored::of(b);
            if same {
                first.1 += next.1;
            }
            same
        });
        order.retain(|(_, count)| *count != 0);
        let mut said = Said::default();
        let mut at = 0;
        while at < order.len() {
            let first = changes.row(order[at].0 as usize);
            let end = order[at..]
                .iter()
                .position(|(i, _)| !self.same(first, changes.row(*i as usize)))
                .map_or(order.len(), |more| at + more);
            self.one(time, changes, &order[at..end], out, &mut said);
            at = end;
        }
        self.order = order;
        said
    }

    /// Says what changes of one row.
    fn one(&mut self, time: i64, changes: &RowBatch, list: &[(u32, isize)], out: &mut RowBatch, said: &mut Said) {
        let first = changes.row(list[0].0 as usize);
        self.name.clear();
        self.name.extend_from_slice(&first.head.window_start.to_le_bytes());
        self.name.extend_from_slice(first.key);
        if self.by_values {
            // The lengths tell keys from values.
            self.name.extend_from_slice(&(first.key.len() as u64).to_le_bytes());
            self.name.extend_from_slice(first.values);
        }
        let life = if self.for_ever() { i64::MAX } else { first.head.window_end.saturating_add(self.keep) };
        let known = self.known.entry(life).or_default();
        let mut last = known.get(&self.name).copied();
        let mut push = |i: u32, op: Op, revision: u32| {
            let row = changes.row(i as usize);
            let head = RowHead { time, part: self.part, revision, early: 0, op, ..*row.head };
            out.push(RowRef { head: &head, ..row });
        };
        let (mut asserted, mut corrected) = (false, false);
        for (i, count) in list.iter().filter(|(_, count)| *count < 0) {
            (0..count.unsigned_abs()).for_each(|_| push(*i, Op::Retract, last.unwrap_or(0)));
        }
        for (i, count) in list.iter().filter(|(_, count)| *count > 0) {
            let revision = last.map_or(0, |last| last + 1);
            (0..count.unsigned_abs()).for_each(|_| push(*i, Op::Assert, revision));
            asserted = true;
            corrected |= last.is_some();
            last = Some(revision);
        }
        said.rows += u64::from(asserted && !corrected);
        said.corrections += u64::from(corrected || !asserted);
        if let Some(last) = last {
            match known.get_mut(&self.name) {
                Some(known) => *known = last,
                None => {
                    known.insert(self.name.clone(), last);
                    self.held += 1;
                    self.bytes += size(&self.name);
                }
            }
        }
    }

    /// Forgets the rows whose life is over.
    pub fn forget(&mut self, frontier: Option<i64>) {
        while let Some(entry) = self.known.first_entry()
            && frontier.is_none_or(|frontier| *entry.key() <= frontier)
        {
            let gone = entry.remove();
            self.held -= gone.len();
            self.bytes -= gone.keys().map(|name| size(name)).sum::<usize>();
        }
    }

    /// How many rows are known.
    pub fn held(&self) -> usize {
        self.held
    }

    /// Bytes of what is known of them.
    pub fn bytes(&self) -> usize {
        self.bytes
    }
}

/// What a row that is known takes.
fn size(name: &[u8]) -> usize {
    name.len() + size_of::<(Vec<u8>, u32)>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::result::RowKind;

    fn stater(kind: RowKind, keep: i64) -> Stater {
        let schema = RowSchema {
            name: "v".into(),
            dimensions: vec!["k".into()],
            values: vec!["n".into()],
            capped: false,
            early: false,
            kind,
            keep,
        };
        Stater::new(7, &schema)
    }

    type Change<'a> = (Op, i64, &'a [u8], &'a [u8]);

    fn batch(list: &[Change<'_>]) -> RowBatch {
        let mut rows = RowBatch::default();
        for (op, end, key, values) in list {
            let (key_len, values_len) = (key.len() as u32, values.len() as u32);
            let head = RowHead { op: *op, key_len, values_len, ..RowHead::new(0, 0, (end - 10, *end)) };
            rows.push(RowRef { head: &head, key, values });
        }
        rows
    }

    fn said(stater: &mut Stater, time: i64, list: &[Change<'_>]) -> (Vec<(char, u32, Vec<u8>)>, Said) {
        let mut out = RowBatch::default();
        let said = stater.state(time, &batch(list), &mut out);
        assert!(out.heads.iter().all(|head| (head.part, head.time) == (7, time)));
        let list = out.iter().map(|row| (row.head.op.sign(), row.head.revision, row.values.to_vec())).collect();
        (list, said)
    }

    #[test]
    fn revisions_count_statements_and_what_cancels_is_not_said() {
        use Op::{Assert, Retract};
        let mut s = stater(RowKind::Window, 5);
        let (list, counts) = said(&mut s, 10, &[(Assert, 10, b"a", b"1"), (Assert, 10, b"b", b"2")]);
        assert_eq!(list, [('+', 0, b"1".to_vec()), ('+', 0, b"2".to_vec())]);
        assert_eq!(counts, Said { rows: 2, corrections: 0 });
        let changes = [
            (Assert, 10, &b"a"[..], &b"3"[..]),
            (Retract, 10, b"a", b"1"),
            (Assert, 10, b"b", b"2"),
            (Retract, 10, b"b", b"2"),
        ];
        let (list, counts) = said(&mut s, 11, &changes);
        assert_eq!(list, [('-', 0, b"1".to_vec()), ('+', 1, b"3".to_vec())]);
        assert_eq!(counts, Said { rows: 0, corrections: 1 });
        let (list, counts) = said(&mut s, 12, &[(Retract, 10, b"a", b"3")]);
        assert_eq!((list, counts.corrections), (vec![('-', 1, b"3".to_vec())], 1));
        let (list, _) = said(&mut s, 13, &[(Assert, 10, b"a", b"1")]);
        assert_eq!(list, [('+', 2, b"1".to_vec())]);
        assert_eq!(s.held(), 2);
        s.forget(Some(14));
        assert_eq!(s.held(), 2);
        s.forget(Some(15));
        assert_eq!(s.held(), 0);
    }

    #[test]
    fn matches_are_told_apart_by_their_values() {
        use Op::{Assert, Retract};
        let mut s = stater(RowKind::Match, 5);
        let (list, _) = said(&mut s, 10, &[(Assert, 10, b"a", b"1"), (Assert, 10, b"a", b"2")]);
        assert_eq!(list, [('+', 0, b"1".to_vec()), ('+', 0, b"2".to_vec())]);
        said(&mut s, 11, &[(Retract, 10, b"a", b"1")]);
        let (list, _) = said(&mut s, 12, &[(Assert, 10, b"a", b"1"), (Assert, 10, b"a", b"3")]);
        assert_eq!(list, [('+', 1, b"1".to_vec()), ('+', 0, b"3".to_vec())]);
    }

    #[test]
    fn rows_over_all_of_time_are_one_wherever_their_window_ends() {
        use Op::{Assert, Retract};
        let mut s = stater(RowKind::Window, RowSchema::FOREVER);
        let head = |op, end| {
            let mut rows = batch(&[(op, end, b"a", b"1")]);
            rows.heads[0].window_start = 0;
            rows
        };
        let mut out = RowBatch::default();
        s.state(10, &head(Assert, 10), &mut out);
        let mut both = head(Retract, 10);
        head(Assert, 20).iter().for_each(|row| both.push(row));
        s.state(20, &both, &mut out);
        let found: Vec<_> = out.heads.iter().map(|h| (h.op.sign(), h.window_end, h.revision)).collect();
        assert_eq!(found, [('+', 10, 0), ('-', 10, 0), ('+', 20, 1)]);
        s.forget(Some(1 << 60));
        assert_eq!(s.held(), 1);
    }
}
