//! Rows, turned into lines of CSV.
//!
//! One output has one header and one table. Where it holds several parts, its columns are those of all of them: each
//! name once, in the order in which the parts and then their schemas name it; a row leaves the columns of other parts
//! empty. So every line has the same number of fields, and any reader of CSV takes it; `name` tells the parts apart.
//!
//! Columns: `name,window_start,window_end` (of matches `match_start,match_end`, of both `start,end`), dimensions and values, `revision`, where a part has provisional rows `early`
//! (empty in all others), in a change stream `op`, where a part has a cap on its groups `overflow` (`true`, or empty), and
//! `approx`: the names of the values that came from a sketch, with
//! blanks between.
//!
//! Invariants:
//! 1. NULL is an empty field; empty text is `""`.
//! 2. A field is quoted where it is empty text or has a comma, a quote or a line break, and never else (RFC 4180).
//!
//! Cost: as for JSON; where several parts share an output, one pass more over the row's bytes to find its cells.

use super::Times;
use super::output::{write_plain, write_time};
use crate::event::{Value, key};
use crate::result::{RowRef, RowSchema};

/// What is known of a part before its first row.
struct Part {
    /// `pages,`
    name: Vec<u8>,
    /// For each column of the table between `window_end` and `revision`: which cell of the row, if any.
    cells: Vec<Option<usize>>,
    /// The table has this part's cells, in their order, and no others.
    alone: bool,
    /// The names of the values.
    values: Vec<String>,
    /// The number of dimensions.
    dimensions: usize,
}

/// Writes rows as lines of CSV.
pub struct Encoder {
    /// By part index; `None` for parts of other sinks.
    parts: Vec<Option<Part>>,
    columns: Vec<String>,
    times: Times,
    /// The names of the two times.
    moments: [&'static str; 2],
    with_early: bool,
    with_op: bool,
    with_overflow: bool,
    /// The part and window that `head` is of.
    window: (u32, i64, i64),
    /// `pages,2026-01-05T12:00:00Z,2026-01-05T12:00:10Z`
    head: Vec<u8>,
    /// Where each cell of the row begins, in the key and then the values: scratch of [`Encoder::row`].
    starts: Vec<usize>,
    /// The names of the row's approximate values: scratch of [`Encoder::row`].
    names: Vec<u8>,
}

impl Encoder {
    /// An encoder for rows of these parts.
    pub fn new<'a>(parts: impl IntoIterator<Item = (u32, &'a RowSchema)>, times: Times, with_op: bool) -> Self {
        let parts: Vec<(u32, &RowSchema)> = parts.into_iter().collect();
        let mut columns: Vec<String> = Vec::new();
        for name in parts.iter().flat_map(|(_, s)| s.dimensions.iter().chain(&s.values)) {
            if !columns.contains(name) {
                columns.push(name.clone());
            }
        }
        let with_early = parts.iter().any(|(_, schema)| schema.early);
        // Windows and matches in one table have the names that they share.
        let moments = match parts.first() {
            Some((_, first)) if parts.iter().all(|(_, s)| s.times() == first.times()) => first.times(),
            Some(_) => ["start", "end"],
            None => ["window_start", "window_end"],
        };
        let with_overflow = parts.iter().any(|(_, schema)| schema.capped);
        let mut list = Vec::new();
        for (index, schema) in parts {
            let index = index as usize;
            if list.len() <= index {
                list.resize_with(index + 1, || None);
            }
            let own: Vec<&String> = schema.dimensions.iter().chain(&schema.values).collect();
            let mut name = Vec::new();
            write_field(schema.name.as_bytes(), &mut name);
            name.push(b',');
            list[index] = Some(Part {
                name,
                cells: columns.iter().map(|c| own.iter().position(|o| *o == c)).collect(),
                alone: own.iter().copied().eq(&columns),
                values: schema.values.clone(),
                dimensions: schema.dimensions.len(),
            });
        }
        let window = (u32::MAX, 0, 0);
        let (head, starts, names) = (Vec::new(), Vec::new(), Vec::new());
        Self { parts: list, columns, times, moments, with_early, with_op, with_overflow, window, head, starts, names }
    }

    /// The same for an output that takes no provisional rows.
    pub fn without_early(self) -> Self {
        Self { with_early: false, ..self }
    }

    /// Appends the header line.
    pub fn header(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(format!("name,{}", self.moments.join(",")).as_bytes());
        for column in &self.columns {
            out.push(b',');
            write_field(column.as_bytes(), out);
        }
        out.extend_from_slice(b",revision");
        out.extend_from_slice(if self.with_early { b",early" } else { b"" });
        out.extend_from_slice(if self.with_op { b",op" } else { b"" });
        out.extend_from_slice(if self.with_overflow { b",overflow" } else { b"" });
        out.extend_from_slice(b",approx\n");
    }

    /// Appends one row; false where the row's part is not one of this encoder's.
    #[inline]
    pub fn row(&mut self, row: RowRef<'_>, out: &mut Vec<u8>) -> bool {
        let head = row.head;
        let Some(Some(part)) = self.parts.get(head.part as usize) else {
            return false;
        };
        let window = (head.part, head.window_start, head.window_end);
        if self.window != window {
            self.window = window;
            self.head.clear();
            self.head.extend_from_slice(&part.name);
            write_time(self.times, head.window_start, &mut self.head);
            self.head.push(b',');
            write_time(self.times, head.window_end, &mut self.head);
        }
        out.extend_from_slice(&self.head);
        if part.alone {
            write_cells(self.times, part.dimensions, row.key, out);
            write_cells(self.times, part.values.len(), row.values, out);
        } else {
            self.starts.clear();
            find_cells(row.key, part.dimensions, &mut self.starts);
            find_cells(row.values, part.values.len(), &mut self.starts);
            for cell in &part.cells {
                out.push(b',');
                let Some(cell) = *cell else {
                    continue;
                };
                let bytes = if cell < part.dimensions { row.key } else { row.values };
                let start = self.starts[cell];
                let value = bytes.get(start..).and_then(key::decode).map_or(Value::Null, |(v, _)| v);
                write_value(self.times, value, out);
            }
        }
        out.push(b',');
        out.extend_from_slice(itoa::Buffer::new().format(head.revision).as_bytes());
        if self.with_early {
            out.push(b',');
            if head.early > 0 {
                out.extend_from_slice(itoa::Buffer::new().format(head.early).as_bytes());
            }
        }
        if self.with_op {
            out.extend_from_slice(&[b',', head.op.sign() as u8]);
        }
        if self.with_overflow {
            out.extend_from_slice(if row.is_overflow() { b",true" } else { b"," });
        }
        out.push(b',');
        if head.approximate != 0 {
            self.names.clear();
            for (_, name) in part.values.iter().enumerate().take(64).filter(|(i, _)| head.approximate >> i & 1 == 1) {
                if !self.names.is_empty() {
                    self.names.push(b' ');
                }
                self.names.extend_from_slice(name.as_bytes());
            }
            write_field(&self.names, out);
        }
        out.push(b'\n');
        true
    }
}

/// Appends a comma and a value, `count` times; a value that the bytes lack is NULL.
#[inline]
fn write_cells(times: Times, count: usize, mut bytes: &[u8], out: &mut Vec<u8>) {
    for _ in 0..count {
        out.push(b',');
        let (value, rest) = key::decode(bytes).unwrap_or((Value::Null, &[]));
        bytes = rest;
        write_value(times, value, out);
    }
}

/// Notes where each of `count` cells begins.
fn find_cells(bytes: &[u8], count: usize, starts: &mut Vec<usize>) {
    let mut rest = bytes;
    for _ in 0..count {
        starts.push(bytes.len() - rest.len());
        rest = key::decode(rest).map_or(&[], |(_, r)| r);
    }
}

#[inline]
fn write_value(times: Times, value: Value<'_>, out: &mut Vec<u8>) {
    match value {
        Value::Str([]) => out.extend_from_slice(b"\"\""),
        Value::Str(text) | Value::Json(text) => write_field(text, out),
        Value::Time(us) => write_time(times, us, out),
        plain => {
            write_plain(plain, out);
        }
    }
}

/// Appends text as one field, quoted where it must be.
#[inline]
fn write_field(text: &[u8], out: &mut Vec<u8>) {
    if text.iter().all(|b| !matches!(b, b',' | b'"' | b'\n' | b'\r')) {
        out.extend_from_slice(text);
        return;
    }
    out.push(b'"');
    for &byte in text {
        if byte == b'"' {
            out.push(b'"');
        }
        out.push(byte);
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;
    use crate::result::{Op, RowBatch, RowHead};
    use proptest::prelude::*;

    fn encode(batch: &RowBatch, schemas: &[RowSchema], times: Times, with_op: bool) -> String {
        let mut encoder = Encoder::new(schemas.iter().enumerate().map(|(i, s)| (i as u32, s)), times, with_op);
        let mut out = Vec::new();
        encoder.header(&mut out);
        for row in batch.iter() {
            assert!(encoder.row(row, &mut out));
        }
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn one_part_has_its_own_columns() {
        let schemas = [schema("pages", &["page"], &["n", "a,b"])];
        let mut batch = RowBatch::default();
        let fix = RowHead { approximate: 3, revision: 1, ..head(0, 10) };
        add(&mut batch, head(0, 10), &[Value::Str(b"")], &[Value::Null, Value::Float(0.5)]);
        add(&mut batch, fix, &[Value::Str(b"x\"y")], &[Value::Int(-1), Value::Bool(false)]);
        assert_eq!(
            encode(&batch, &schemas, Times::UnixMs, false),
            "name,window_start,window_end,page,n,\"a,b\",revision,approx\n\
             pages,0,10000,\"\",,0.5,0,\n\
             pages,0,10000,\"x\"\"y\",-1,false,1,\"n a,b\"\n"
        );
    }

    #[test]
    fn provisional_rows_have_a_column_where_a_part_has_them() {
        let schemas = [RowSchema { early: true, ..schema("a", &[], &["n"]) }, schema("b", &[], &["n"])];
        let mut batch = RowBatch::default();
        add(&mut batch, RowHead { early: 2, ..head(0, 10) }, &[], &[Value::Int(5)]);
        add(&mut batch, head(1, 10), &[], &[Value::Int(6)]);
        let lines = "name,window_start,window_end,n,revision,early,op,approx\na,0,10000,5,0,2,+,\nb,0,10000,6,0,,+,\n";
        assert_eq!(encode(&batch, &schemas, Times::UnixMs, true), lines);
    }

    #[test]
    fn several_parts_share_one_table() {
        let schemas = [schema("a", &["x", "env"], &["n"]), schema("b", &["env"], &["n", "p"])];
        let mut batch = RowBatch::default();
        add(&mut batch, head(0, 10), &[Value::Int(1), Value::Str(b"dev")], &[Value::Int(5)]);
        let out = RowHead { op: Op::Retract, ..head(1, 10) };
        add(&mut batch, out, &[Value::Str(b"live")], &[Value::Int(6), Value::Time(0)]);
        assert_eq!(
            encode(&batch, &schemas, Times::Rfc3339, true),
            "name,window_start,window_end,x,env,n,p,revision,op,approx\n\
             a,1970-01-01T00:00:00Z,1970-01-01T00:00:10Z,1,dev,5,,0,+,\n\
             b,1970-01-01T00:00:00Z,1970-01-01T00:00:10Z,,live,6,1970-01-01T00:00:00Z,0,-,\n"
        );
    }

    #[test]
    fn the_row_of_groups_beyond_a_cap_is_told_from_a_group_of_nulls() {
        let capped = RowSchema { capped: true, ..schema("a", &["x"], &["n"]) };
        let mut batch = RowBatch::default();
        add(&mut batch, head(0, 10), &[Value::Null], &[Value::Int(5)]);
        add_overflow(&mut batch, head(0, 10), &[Value::Int(6)]);
        let head = "name,window_start,window_end,x,n,revision,op,overflow,approx\n";
        let rows = format!("{head}a,0,10000,,5,0,+,,\na,0,10000,,6,0,+,true,\n");
        assert_eq!(encode(&batch, std::slice::from_ref(&capped), Times::UnixMs, true), rows);
        let other = schema("b", &["y"], &["n"]);
        let text = encode(&batch, &[capped, other], Times::UnixMs, false);
        assert_eq!(text.lines().nth(2), Some("a,0,10000,,6,,0,true,"), "{text}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]
        #[test]
        fn fields_are_those_of_the_csv_crate(
            fields in prop::collection::vec(prop_oneof![".{1,12}", "[,\"\n\r a;']{1,8}"], 4),
            wide in any::<bool>(),
        ) {
            let mut schemas = vec![schema(&fields[0], &["d"], &[&fields[1]])];
            if wide {
                schemas.push(schema("other", &["q"], &["d"]));
            }
            let mut batch = RowBatch::default();
            add(&mut batch, head(0, 10), &[Value::Str(fields[2].as_bytes())], &[Value::Str(fields[3].as_bytes())]);
            let text = encode(&batch, &schemas, Times::UnixMs, true);
            let mut columns = vec!["name", "window_start", "window_end", "d"];
            let mut row = vec![fields[0].as_str(), "0", "10000", &fields[2]];
            if fields[1] != "d" {
                columns.push(&fields[1]);
                row.push(&fields[3]);
            }
            if wide && fields[1] != "q" {
                columns.push("q");
                row.push("");
            }
            columns.extend(["revision", "op", "approx"]);
            row.extend(["0", "+", ""]);
            let mut theirs = csv::Writer::from_writer(Vec::new());
            theirs.write_record(&columns).unwrap();
            theirs.write_record(&row).unwrap();
            prop_assert_eq!(&text, &String::from_utf8(theirs.into_inner().unwrap()).unwrap());
            let mut reader = csv::Reader::from_reader(text.as_bytes());
            prop_assert_eq!(reader.headers().unwrap(), &columns);
            let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
            prop_assert_eq!(rows.len(), 1);
            prop_assert_eq!(&rows[0], &row);
        }
    }
}
