//! Rows, turned into lines of JSON.
//!
//! `{"name":"pages","window_start":"..","window_end":"..",dimensions..,values..,"revision":0,"op":"+"}`, behind the
//! revision of a provisional row `"early":1`, and at the end, only in the row of all groups beyond a cap, whose dimensions
//! are null, `"overflow":true`, and only where a value came from a sketch, `"approx":["p95"]`.
//!
//! Invariants:
//! 1. A line is one JSON object and holds no line break; every number is one that JSON allows.
//! 2. Strings are escaped as JSON demands and no further; text that is not ASCII is kept.
//! 3. JSON values are embedded as they are (line breaks between their tokens become blanks).
//!
//! Cost: all keys are written once, at the start; everything before the first dimension is kept for as long as rows
//! have the same part and window. No allocation a row.

use super::Times;
use super::output::{write_plain, write_time};
use crate::event::{Value, key};
use crate::result::{RowRef, RowSchema};

/// What is known of a part before its first row.
struct Part {
    /// `{"name":"pages","window_start":`
    open: Vec<u8>,
    /// `,"window_end":`
    end: Vec<u8>,
    /// `,"page":` for each dimension and then each value.
    keys: Vec<Vec<u8>>,
    /// `"p95"` for each value.
    values: Vec<Vec<u8>>,
}

/// Writes rows as lines of JSON.
pub struct Encoder {
    /// By part index; `None` for parts of other sinks.
    parts: Vec<Option<Part>>,
    times: Times,
    with_op: bool,
    /// The part and window that `head` is of.
    window: (u32, i64, i64),
    /// `{"name":..,"window_start":..,"window_end":..`
    head: Vec<u8>,
}

impl Encoder {
    /// An encoder for rows of these parts.
    pub fn new<'a>(parts: impl IntoIterator<Item = (u32, &'a RowSchema)>, times: Times, with_op: bool) -> Self {
        let mut list = Vec::new();
        for (index, schema) in parts {
            let mut open = b"{\"name\":".to_vec();
            write_str(schema.name.as_bytes(), &mut open);
            let [start, end] = schema.times();
            open.extend_from_slice(format!(",\"{start}\":").as_bytes());
            let end = format!(",\"{end}\":").into_bytes();
            let quoted = |name: &String, before: &[u8], after: &[u8]| {
                let mut out = before.to_vec();
                write_str(name.as_bytes(), &mut out);
                out.extend_from_slice(after);
                out
            };
            let keys = schema.dimensions.iter().chain(&schema.values).map(|n| quoted(n, b",", b":")).collect();
            let values = schema.values.iter().map(|n| quoted(n, b"", b"")).collect();
            let index = index as usize;
            if list.len() <= index {
                list.resize_with(index + 1, || None);
            }
            list[index] = Some(Part { open, end, keys, values });
        }
        Self { parts: list, times, with_op, window: (u32::MAX, 0, 0), head: Vec::new() }
    }

    /// Appends one row and a line break; false where the row's part is not one of this encoder's.
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
            self.head.extend_from_slice(&part.open);
            write_moment(self.times, head.window_start, &mut self.head);
            self.head.extend_from_slice(&part.end);
            write_moment(self.times, head.window_end, &mut self.head);
        }
        out.extend_from_slice(&self.head);
        // The key ends where its last dimension does, so the two can be read as one run of cells only where the
        // counts agree; reading them apart keeps a damaged key from moving the values under wrong names.
        let split = part.keys.len() - part.values.len();
        write_cells(self.times, &part.keys[..split], row.key, out);
        write_cells(self.times, &part.keys[split..], row.values, out);
        if head.revision == 0 {
            out.extend_from_slice(b",\"revision\":0");
        } else {
            out.extend_from_slice(b",\"revision\":");
            out.extend_from_slice(itoa::Buffer::new().format(head.revision).as_bytes());
        }
        if head.early > 0 {
            out.extend_from_slice(b",\"early\":");
            out.extend_from_slice(itoa::Buffer::new().format(head.early).as_bytes());
        }
        if self.with_op {
            out.extend_from_slice(b",\"op\":\"");
            out.extend_from_slice(&[head.op.sign() as u8, b'"']);
        }
        if row.is_overflow() {
            out.extend_from_slice(b",\"overflow\":true");
        }
        if head.approximate != 0 {
            out.extend_from_slice(b",\"approx\":[");
            let mut first = true;
            for (i, name) in part.values.iter().enumerate().take(64) {
                if head.approximate >> i & 1 == 1 {
                    if !first {
                        out.push(b',');
                    }
                    first = false;
                    out.extend_from_slice(name);
                }
            }
            out.push(b']');
        }
        out.extend_from_slice(b"}\n");
        true
    }
}

/// Appends a key and a value for each name; a value that the bytes lack is null.
#[inline]
fn write_cells(times: Times, names: &[Vec<u8>], mut bytes: &[u8], out: &mut Vec<u8>) {
    for name in names {
        out.extend_from_slice(name);
        let (value, rest) = key::decode(bytes).unwrap_or((Value::Null, &[]));
        bytes = rest;
        write_value(times, value, out);
    }
}

/// Appends one value.
#[inline]
fn write_value(times: Times, value: Value<'_>, out: &mut Vec<u8>) {
    match value {
        Value::Str(text) => write_str(text, out),
        Value::Time(us) => write_moment(times, us, out),
        Value::Json(text) => {
            let start = out.len();
            out.extend_from_slice(text);
            if memchr::memchr2(b'\n', b'\r', text).is_some() {
                out[start..].iter_mut().filter(|b| matches!(b, b'\n' | b'\r')).for_each(|b| *b = b' ');
            }
        }
        plain => {
            if !write_plain(plain, out) {
                out.extend_from_slice(b"null");
            }
        }
    }
}

/// Appends a moment as a JSON string or number.
fn write_moment(times: Times, us: i64, out: &mut Vec<u8>) {
    match times {
        Times::Rfc3339 => {
            out.push(b'"');
            write_time(times, us, out);
            out.push(b'"');
        }
        Times::UnixMs => write_time(times, us, out),
    }
}

/// True where a byte of the word is a control character, a quote or a backslash. Exact: no false alarms matter, but
/// none is missed, and text without any of them is copied whole.
#[inline]
fn needs_escape(word: u64) -> bool {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let control = word.wrapping_sub(ONES * 0x20) & !word;
    let (quote, slash) = (word ^ (ONES * 0x22), word ^ (ONES * 0x5c));
    let quote = quote.wrapping_sub(ONES) & !quote;
    let slash = slash.wrapping_sub(ONES) & !slash;
    (control | quote | slash) & HIGH != 0
}

/// Appends text as a JSON string.
#[inline]
pub(super) fn write_str(text: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    let mut words = text.chunks_exact(8);
    let plain = words.all(|w| !needs_escape(u64::from_le_bytes(w.try_into().expect("chunks of 8 bytes"))))
        && text[text.len() / 8 * 8..].iter().all(|b| !is_special(*b));
    if plain {
        out.extend_from_slice(text);
    } else {
        write_escaped(text, out);
    }
    out.push(b'"');
}

#[inline]
fn is_special(byte: u8) -> bool {
    byte < 0x20 || byte == b'"' || byte == b'\\'
}

#[cold]
fn write_escaped(text: &[u8], out: &mut Vec<u8>) {
    for &byte in text {
        let short = match byte {
            b'"' | b'\\' => byte,
            b'\n' => b'n',
            b'\r' => b'r',
            b'\t' => b't',
            0x08 => b'b',
            0x0c => b'f',
            0..0x20 => {
                let digit = |n: u8| if n < 10 { b'0' + n } else { b'a' + n - 10 };
                out.extend_from_slice(&[b'\\', b'u', b'0', b'0', digit(byte >> 4), digit(byte & 15)]);
                continue;
            }
            _ => {
                out.push(byte);
                continue;
            }
        };
        out.extend_from_slice(&[b'\\', short]);
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;
    use crate::result::{Op, RowBatch, RowHead};
    use crate::time::{EventTime, format_rfc3339};
    use proptest::prelude::*;

    fn encode(batch: &RowBatch, schemas: &[RowSchema], times: Times, with_op: bool) -> String {
        let mut encoder = Encoder::new(schemas.iter().enumerate().map(|(i, s)| (i as u32, s)), times, with_op);
        let mut out = Vec::new();
        for row in batch.iter() {
            assert!(encoder.row(row, &mut out));
        }
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_row_is_flat_and_in_the_order_of_the_file() {
        let schemas = [schema("pages", &["page", "hot"], &["n", "avg", "seen", "tags"])];
        let mut batch = RowBatch::default();
        let dims = [Value::Str("/ü\"x\"\n".as_bytes()), Value::Bool(true)];
        let values = [Value::Int(3), Value::Float(2.0), Value::Time(1_500_000), Value::Json(b"{\"a\":\n[1]}")];
        add(&mut batch, head(0, 10), &dims, &values);
        let fix = RowHead { revision: 2, op: Op::Retract, approximate: 0b1010, ..head(0, 20) };
        add(&mut batch, fix, &[Value::Null, Value::Null], &[Value::Null; 4]);
        let rest = RowHead { approximate: 1, ..head(0, 20) };
        add_overflow(&mut batch, rest, &[Value::Int(7), Value::Null, Value::Null, Value::Null]);
        add(&mut batch, RowHead { early: 12, ..head(0, 20) }, &[Value::Null, Value::Null], &[Value::Null; 4]);
        assert_eq!(
            encode(&batch, &schemas, Times::Rfc3339, true),
            concat!(
                r#"{"name":"pages","window_start":"1970-01-01T00:00:00Z","window_end":"1970-01-01T00:00:10Z","#,
                r#""page":"/ü\"x\"\n","hot":true,"n":3,"avg":2.0,"seen":"1970-01-01T00:00:01.500Z","tags":{"a": [1]},"#,
                r#""revision":0,"op":"+"}"#,
                "\n",
                r#"{"name":"pages","window_start":"1970-01-01T00:00:10Z","window_end":"1970-01-01T00:00:20Z","#,
                r#""page":null,"hot":null,"n":null,"avg":null,"seen":null,"tags":null,"#,
                r#""revision":2,"op":"-","approx":["avg","tags"]}"#,
                "\n",
                r#"{"name":"pages","window_start":"1970-01-01T00:00:10Z","window_end":"1970-01-01T00:00:20Z","#,
                r#""page":null,"hot":null,"n":7,"avg":null,"seen":null,"tags":null,"#,
                r#""revision":0,"op":"+","overflow":true,"approx":["n"]}"#,
                "\n",
                r#"{"name":"pages","window_start":"1970-01-01T00:00:10Z","window_end":"1970-01-01T00:00:20Z","#,
                r#""page":null,"hot":null,"n":null,"avg":null,"seen":null,"tags":null,"#,
                r#""revision":0,"early":12,"op":"+"}"#,
                "\n",
            )
        );
        let ms = encode(&batch, &schemas, Times::UnixMs, false);
        let first: serde_json::Value = serde_json::from_str(ms.lines().next().unwrap()).unwrap();
        assert_eq!((&first["window_end"], &first["seen"]), (&10_000.into(), &1_500.into()));
        assert!(first.get("op").is_none());
    }

    #[test]
    fn a_row_of_another_part_is_passed_over() {
        let mut batch = RowBatch::default();
        add(&mut batch, head(7, 10), &[], &[]);
        let s = schema("pages", &[], &[]);
        let mut encoder = Encoder::new([(0, &s)], Times::Rfc3339, true);
        let mut out = Vec::new();
        assert!(!encoder.row(batch.row(0), &mut out));
        assert!(out.is_empty());
    }

    #[test]
    fn every_byte_is_escaped_as_serde_json_does() {
        let text: String = (0..=0x17f_u32).filter_map(char::from_u32).collect();
        for start in text.char_indices().map(|(i, _)| i) {
            let mut out = Vec::new();
            write_str(&text.as_bytes()[start..], &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), serde_json::to_string(&text[start..]).unwrap());
        }
    }

    #[derive(Debug, Clone)]
    enum Odd {
        Null,
        Bool(bool),
        Int(i64),
        Float(f64),
        Time(i64),
        Str(String),
        Json(String),
    }

    fn odd() -> impl Strategy<Value = Odd> {
        let floats = prop_oneof![
            any::<f64>().prop_filter("finite", |f| f.is_finite()),
            prop::sample::select(vec![0.0, -0.0, 1e30, -1e-300, 5e-324, f64::MAX, 3.0, 1e16, 0.1, 1e21]),
        ];
        prop_oneof![
            Just(Odd::Null),
            any::<bool>().prop_map(Odd::Bool),
            any::<i64>().prop_map(Odd::Int),
            floats.prop_map(Odd::Float),
            (EventTime::EARLIEST.0..=EventTime::LATEST.0).prop_map(Odd::Time),
            ".{0,20}".prop_map(Odd::Str),
            "[\\x00-\\x7f]{0,20}".prop_map(Odd::Str),
            "[\"\\\\,\n\r\u{7f}\u{2028}é😀a]{0,20}".prop_map(Odd::Str),
            "[a\"\\\\é]{0,5}".prop_map(|s| Odd::Json(serde_json::json!({"k": [s, 1, null]}).to_string())),
        ]
    }

    impl Odd {
        fn value(&self) -> Value<'_> {
            match self {
                Odd::Null => Value::Null,
                Odd::Bool(v) => Value::Bool(*v),
                Odd::Int(v) => Value::Int(*v),
                Odd::Float(v) => Value::Float(*v),
                Odd::Time(v) => Value::Time(*v),
                Odd::Str(v) => Value::Str(v.as_bytes()),
                Odd::Json(v) => Value::Json(v.as_bytes()),
            }
        }

        fn json(&self) -> serde_json::Value {
            match self {
                Odd::Null => serde_json::Value::Null,
                Odd::Bool(v) => (*v).into(),
                Odd::Int(v) => (*v).into(),
                Odd::Float(v) => (*v).into(),
                Odd::Time(v) => format_rfc3339(EventTime(*v)).into(),
                Odd::Str(v) => v.as_str().into(),
                Odd::Json(v) => serde_json::from_str(v).unwrap(),
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]
        #[test]
        fn a_line_reads_back_as_the_row(
            name in ".{0,8}", value in odd(), dim in odd(), revision in any::<u32>(), approx in any::<bool>()
        ) {
            let schemas = [schema(&name, &["d\"im"], &["v\n1"])];
            let mut batch = RowBatch::default();
            let h = RowHead { revision, approximate: u64::from(approx), ..head(0, 10) };
            // A key holds whole floats as integers, so the dimension is compared as a number.
            let dims = if matches!(dim, Odd::Float(_)) { Odd::Null } else { dim };
            add(&mut batch, h, &[dims.value()], &[value.value()]);
            let text = encode(&batch, &schemas, Times::Rfc3339, true);
            prop_assert_eq!(text.matches('\n').count(), 1);
            let got: serde_json::Value = serde_json::from_str(&text).unwrap();
            let mut expected = serde_json::json!({
                "name": name, "window_start": "1970-01-01T00:00:00Z", "window_end": "1970-01-01T00:00:10Z",
                "d\"im": dims.json(), "v\n1": value.json(), "revision": revision, "op": "+",
            });
            if approx {
                expected["approx"] = serde_json::json!(["v\n1"]);
            }
            prop_assert_eq!(&got, &expected);
            if let Odd::Float(f) = value {
                prop_assert_eq!(got["v\n1"].as_f64().unwrap().to_bits(), f.to_bits());
            }
        }
    }
}
