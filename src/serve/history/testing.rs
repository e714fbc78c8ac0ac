//! What the tests of this room share.

use crate::event::{Cell, key};
use crate::result::{Op, RowBatch, RowHead, RowKind, RowRef, RowSchema};

pub(super) fn schema(name: &str, kind: RowKind) -> RowSchema {
    RowSchema {
        name: name.into(),
        dimensions: vec!["page".into()],
        values: vec!["n".into()],
        capped: false,
        early: false,
        kind,
        keep: 0,
    }
}

/// Adds a row of a part, stated at the end of its window.
pub(super) fn add(batch: &mut RowBatch, op: Op, part: u32, window: (i64, i64), group: &str, n: i64) {
    let (mut k, mut v) = (Vec::new(), Vec::new());
    key::encode(Cell::str(0, group.len() as u32), group.as_bytes(), &mut k);
    key::encode_value(Cell::int(n), &[], &mut v);
    let (key_len, values_len) = (k.len() as u32, v.len() as u32);
    let head = RowHead { key_len, values_len, op, ..RowHead::new(part, window.1, window) };
    batch.push(RowRef { head: &head, key: &k, values: &v });
}

/// The end of its window, the group and the value of a row.
pub(super) fn plain(row: RowRef<'_>) -> (i64, String, i64) {
    let group = row.dimensions().next().and_then(|v| v.as_str().map(str::to_owned)).unwrap();
    let crate::event::Value::Int(n) = row.values().next().unwrap() else { panic!("a number") };
    (row.head.window_end, group, n)
}
