//! Rows, turned into tables for people, at the end of the run.
//!
//! Each part has a table of its newest rows as they stand in the end: by window end, window start and group, at most
//! [`KEEP`] of them. A correction takes the place of the row it corrects, and its revision is shown; a retraction
//! without a successor takes the row away. The line above the table says how many rows and corrections there were.
//! A value from a sketch has `~` before it; the row of all groups beyond a cap is marked in a column `overflow`. A
//! provisional row that is left, as of a run that was cut off, shows its number in a column `early`. Control characters in
//! text are shown escaped: data never drives a
//! terminal. With [`Mode::First`] corrections are passed over; other modes are the same here.
//!
//! Cost: memory of [`KEEP`] rows a part; a row that comes in order re-uses the room of the one it pushes out.

use super::output::{write_error, write_time};
use super::stream::PLACE;
use super::{Delivery, Finished, Mode, Sink, SinkSpec, Times, Written};
use crate::error::Error;
use crate::event::{Value, key};
use crate::observe::grouped;
use crate::result::{Op, RowBatch, RowRef, RowSchema};
use comfy_table::{CellAlignment, Table, presets};
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::io::Write;

/// How many rows of each part a table shows.
const KEEP: usize = 40;

/// How many characters of a text a table shows.
const WIDTH: usize = 48;

/// The place of a row in its table.
#[derive(Debug, Default, Clone)]
struct Place {
    window_end: i64,
    window_start: i64,
    group: Vec<u8>,
}

impl Place {
    fn set(&mut self, row: RowRef<'_>, matches: bool) {
        (self.window_end, self.window_start) = (row.head.window_end, row.head.window_start);
        self.group.clear();
        self.group.extend_from_slice(row.key);
        // There may be several of a key at the same times.
        self.group.extend_from_slice(if matches { row.values } else { &[] });
    }
}

impl Ord for Place {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.window_end, self.window_start)
            .cmp(&(other.window_end, other.window_start))
            .then_with(|| key::compare(&self.group, &other.group))
    }
}

impl PartialOrd for Place {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Place {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Place {}

/// The rest of a row.
#[derive(Debug, Default)]
struct Kept {
    values: Vec<u8>,
    revision: u32,
    early: u32,
    approximate: u64,
}

/// The newest rows of one part.
struct Newest {
    schema: RowSchema,
    rows: BTreeMap<Place, Kept>,
    /// The newest place that was pushed out: nothing up to it comes back, or the table would have holes.
    floor: Option<Place>,
    /// Room to re-use.
    spare: (Place, Kept),
    /// Assertions less retractions.
    standing: i64,
    corrections: u64,
}

impl Newest {
    fn take(&mut self, row: RowRef<'_>) {
        let (mut place, mut kept) = std::mem::take(&mut self.spare);
        place.set(row, self.schema.by_values());
        match row.head.op {
            Op::Retract => {
                self.standing -= 1;
                self.spare = self.rows.remove_entry(&place).unwrap_or((place, kept));
            }
            Op::Assert => {
                self.standing += 1;
                self.corrections += u64::from(row.head.revision > 0);
                if self.floor.as_ref().is_some_and(|floor| place <= *floor) {
                    self.spare = (place, kept);
                    return;
                }
                kept.values.clear();
                kept.values.extend_from_slice(row.values);
                (kept.revision, kept.early) = (row.head.revision, row.head.early);
                kept.approximate = row.head.approximate;
                self.rows.insert(place, kept);
                if self.rows.len() > KEEP
                    && let Some((place, kept)) = self.rows.pop_first()
                {
                    let room = self.floor.replace(place).unwrap_or_default();
                    self.spare = (room, kept);
                }
            }
        }
    }

    /// The line above the table, and the table.
    fn show(&self, times: Times, out: &mut String) {
        use std::fmt::Write as _;
        let total = self.standing.max(0) as u64;
        let _ = write!(out, "{}: {} row{}", plain_text(&self.schema.name), grouped(total), plural(total));
        if self.corrections > 0 {
            let _ = write!(out, ", {} correction{}", grouped(self.corrections), plural(self.corrections));
        }
        if (self.rows.len() as u64) < total {
            let _ = write!(out, "; the newest {}", self.rows.len());
        }
        out.push('\n');
        if self.rows.is_empty() {
            return;
        }
        let revised = self.rows.values().any(|k| k.revision > 0);
        let overflow = self.rows.keys().any(|place| place.group == key::OVERFLOW);
        let mut table = Table::new();
        table.load_style(presets::UTF8_FULL_CONDENSED);
        let names = self.schema.dimensions.iter().chain(&self.schema.values).map(|n| plain_text(n));
        let mut header: Vec<String> = self.schema.times().map(String::from).into();
        header.extend(names);
        header.extend(revised.then(|| "revision".to_owned()));
        let provisional = self.rows.values().any(|k| k.early > 0);
        header.extend(provisional.then(|| "early".to_owned()));
        header.extend(overflow.then(|| "overflow".to_owned()));
        let columns = header.len();
        table.set_header(header);
        let mut numeric = vec![true; columns];
        (numeric[0], numeric[1]) = (false, false);
        for (place, kept) in &self.rows {
            let mut cells = vec![moment(times, place.window_start), moment(times, place.window_end)];
            let groups = padded(&place.group, self.schema.dimensions.len()).map(|v| (v, false));
            let approximate = |i: usize| i < 64 && kept.approximate >> i & 1 == 1;
            let values = padded(&kept.values, self.schema.values.len()).enumerate().map(|(i, v)| (v, approximate(i)));
            for (value, approximate) in groups.chain(values) {
                numeric[cells.len()] &= matches!(value, Value::Int(_) | Value::Float(_) | Value::Null);
                let text = shown(times, value);
                cells.push(if approximate { format!("~{text}") } else { text });
            }
            if revised {
                cells.push(if kept.revision > 0 { kept.revision.to_string() } else { String::new() });
            }
            if provisional {
                cells.push(if kept.early > 0 { kept.early.to_string() } else { String::new() });
            }
            if overflow {
                numeric[cells.len()] = false;
                cells.push(if place.group == key::OVERFLOW { "true".to_owned() } else { String::new() });
            }
            table.add_row(cells);
        }
        for (i, _) in numeric.iter().enumerate().filter(|(_, n)| **n) {
            if let Some(column) = table.column_mut(i) {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        out.push_str(&table.to_string());
        out.push('\n');
        if self.rows.values().any(|k| k.approximate != 0) {
            out.push_str("~ a sketch's estimate; all other values are exact\n");
        }
    }
}

fn plural(n: u64) -> &'static str {
    if n == 1 { "" } else { "s" }
}

/// The cells of `bytes`, filled up with NULL to `count`.
fn padded(bytes: &[u8], count: usize) -> impl Iterator<Item = Value<'_>> {
    let mut rest = bytes;
    (0..count).map(move |_| {
        let (value, after) = key::decode(rest).unwrap_or((Value::Null, &[]));
        rest = after;
        value
    })
}

fn moment(times: Times, us: i64) -> String {
    let mut out = Vec::new();
    write_time(times, us, &mut out);
    String::from_utf8_lossy(&out).into_owned()
}

fn shown(times: Times, value: Value<'_>) -> String {
    match value {
        Value::Null => String::new(),
        Value::Bool(v) => v.to_string(),
        Value::Int(v) => v.to_string(),
        Value::Float(v) => short_float(v),
        Value::Time(us) => moment(times, us),
        Value::Str(text) | Value::Json(text) => plain_text(&String::from_utf8_lossy(text)),
    }
}

/// A float for people: about six digits, at least two of them after the point, no zeros at the end.
fn short_float(v: f64) -> String {
    let size = v.abs();
    if v == 0.0 {
        return "0".into();
    }
    if !(1e-4..1e15).contains(&size) {
        return format!("{v:.5e}");
    }
    let places = (5 - size.log10().floor() as i32).clamp(2, 9) as usize;
    let text = format!("{v:.places$}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Text without anything that a terminal would obey, cut to [`WIDTH`] characters.
fn plain_text(text: &str) -> String {
    let mut out = String::new();
    for (i, c) in text.chars().enumerate() {
        if i == WIDTH {
            out.push('…');
            break;
        }
        let turns = matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        if c.is_control() || turns {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
    }
    out
}

/// Tables on standard output.
pub(super) struct TableSink<W> {
    /// By part index.
    parts: Vec<Option<Newest>>,
    /// The order of the tables.
    order: Vec<u32>,
    mode: Mode,
    times: Times,
    writer: W,
    written: Written,
}

impl<W: Write> TableSink<W> {
    pub(super) fn new(spec: &SinkSpec, writer: W) -> Self {
        let mut parts: Vec<Option<Newest>> = spec.schemas.iter().map(|_| None).collect();
        let mut order = Vec::new();
        for (part, schema) in spec.taken() {
            order.push(part);
            parts[part as usize] = Some(Newest {
                schema: schema.clone(),
                rows: BTreeMap::new(),
                floor: None,
                spare: Default::default(),
                standing: 0,
                corrections: 0,
            });
        }
        Self { parts, order, mode: spec.mode, times: spec.times, writer, written: Written::default() }
    }
}

impl<W: Write + Send> Sink for TableSink<W> {
    fn write(&mut self, batch: &RowBatch) -> Result<(), Error> {
        for row in batch.iter() {
            let Some(Some(part)) = self.parts.get_mut(row.head.part as usize) else {
                continue;
            };
            if self.mode != Mode::First || Mode::First.takes(row.head) {
                part.take(row);
                self.written.rows += 1;
            }
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), Error> {
        Ok(())
    }

    fn finish(&mut self) -> Result<Finished, Error> {
        let mut text = String::new();
        for (i, part) in self.order.iter().enumerate() {
            if i > 0 {
                text.push('\n');
            }
            if let Some(part) = &self.parts[*part as usize] {
                part.show(self.times, &mut text);
            }
        }
        self.written.bytes = text.len() as u64;
        let written = self.writer.write_all(text.as_bytes()).and_then(|()| self.writer.flush());
        written.map_err(|e| write_error(&e, PLACE))?;
        Ok(Finished { rows: self.written.rows, bytes: self.written.bytes, places: vec![PLACE.into()] })
    }

    fn promise(&self) -> Delivery {
        Delivery::AtLeastOnce
    }

    fn written(&self) -> Written {
        self.written
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::super::{Format, SinkKind, open};
    use super::*;
    use crate::result::RowHead;

    fn table(batch: &RowBatch, mode: Mode) -> String {
        let out = Shared::default();
        let spec = SinkSpec { mode, ..spec(SinkKind::Stdout { format: Format::Table }) };
        let mut sink = open(&spec, out.clone()).unwrap();
        sink.write(batch).unwrap();
        sink.flush().unwrap();
        assert_eq!(out.text(), "");
        sink.finish().unwrap();
        out.text()
    }

    #[test]
    fn the_table_shows_rows_as_they_stand() {
        let mut batch = RowBatch::default();
        let a = [Value::Str(b"new"), Value::Str(b"/\x1b[31m")];
        let b = [Value::Str(b"old"), Value::Null];
        add(&mut batch, head(0, 10), &a, &[Value::Int(3), Value::Float(12.345678)]);
        add(&mut batch, head(0, 10), &b, &[Value::Int(1), Value::Null]);
        add(&mut batch, RowHead { op: Op::Retract, ..head(0, 10) }, &a, &[Value::Int(3), Value::Float(12.345678)]);
        let fix = RowHead { revision: 1, approximate: 2, ..head(0, 10) };
        add(&mut batch, fix, &a, &[Value::Int(4), Value::Float(1234567.891)]);
        assert_eq!(
            table(&batch, Mode::Changes),
            "\
pages: 2 rows, 1 correction
┌──────────────────────┬──────────────────────┬──────┬─────────────┬───┬─────────────┬──────────┐
│ window_start         ┆ window_end           ┆ kind ┆ page        ┆ n ┆         avg ┆ revision │
╞══════════════════════╪══════════════════════╪══════╪═════════════╪═══╪═════════════╪══════════╡
│ 1970-01-01T00:00:00Z ┆ 1970-01-01T00:00:10Z ┆ new  ┆ /\\u{1b}[31m ┆ 4 ┆ ~1234567.89 ┆        1 │
│ 1970-01-01T00:00:00Z ┆ 1970-01-01T00:00:10Z ┆ old  ┆             ┆ 1 ┆             ┆          │
└──────────────────────┴──────────────────────┴──────┴─────────────┴───┴─────────────┴──────────┘
~ a sketch's estimate; all other values are exact

health: 0 rows
"
        );
        assert!(table(&batch, Mode::First).starts_with("pages: 2 rows\n"));
    }

    #[test]
    fn the_row_of_groups_beyond_a_cap_is_marked() {
        let mut batch = RowBatch::default();
        add(&mut batch, head(1, 10), &[Value::Null], &[Value::Int(1)]);
        add_overflow(&mut batch, head(1, 10), &[Value::Int(2)]);
        let text = table(&batch, Mode::Changes);
        for line in
            [" service ┆ errors ┆ overflow │", "         ┆      1 ┆          │", "         ┆      2 ┆ true     │"]
        {
            assert!(text.contains(line), "{text}");
        }
    }

    #[test]
    fn a_provisional_row_stands_until_the_next_one() {
        let mut batch = RowBatch::default();
        let row = |batch: &mut RowBatch, end: i64, op, early, n| {
            add(batch, RowHead { op, early, ..head(1, end) }, &[Value::Str(b"api")], &[Value::Int(n)]);
        };
        for (op, early, n) in [(Op::Assert, 1, 3), (Op::Retract, 1, 3), (Op::Assert, 0, 4)] {
            row(&mut batch, 10, op, early, n);
        }
        assert!(table(&batch, Mode::Changes).contains("health: 1 row\n"));
        assert!(!table(&batch, Mode::Changes).contains("early"));
        row(&mut batch, 20, Op::Assert, 2, 5);
        let text = table(&batch, Mode::Changes);
        assert!(
            text.contains("health: 2 rows\n") && text.contains(" early ") && text.contains("5 ┆     2 │"),
            "{text}"
        );
        assert!(table(&batch, Mode::First).contains("health: 1 row\n"));
    }

    #[test]
    fn memory_holds_the_newest_rows_only_and_no_hole_appears() {
        let mut batch = RowBatch::default();
        let row = |batch: &mut RowBatch, end: i64, op, revision| {
            add(batch, RowHead { op, revision, ..head(1, end) }, &[Value::Str(b"api")], &[Value::Int(end)]);
        };
        for end in 0..1_234 {
            row(&mut batch, end, Op::Assert, 0);
        }
        // The newest row goes for good; then a row that was pushed out long ago is corrected: it stays out.
        row(&mut batch, 1_233, Op::Retract, 0);
        row(&mut batch, 500, Op::Retract, 0);
        row(&mut batch, 500, Op::Assert, 1);
        let text = table(&batch, Mode::Changes);
        assert!(text.contains("health: 1,233 rows, 1 correction; the newest 39\n"), "{text}");
        assert!(text.contains(" 1194 ") && text.contains(" 1232 ") && !text.contains(" 500 "), "{text}");
    }

    #[test]
    fn floats_are_short_for_people() {
        for (v, text) in [
            (0.0, "0"),
            (-0.0, "0"),
            (3.0, "3"),
            (12.345678, "12.3457"),
            (-1234567.891, "-1234567.89"),
            (0.001234567, "0.00123457"),
            (1e300, "1.00000e300"),
            (100.0, "100"),
            (5e-324, "4.94066e-324"),
        ] {
            assert_eq!(short_float(v), text);
        }
    }
}
