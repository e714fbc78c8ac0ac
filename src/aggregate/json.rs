//! Values, turned into JSON text inside of an answer: as a sink writes them, times as RFC 3339.

use crate::event::Value;
use crate::time::{EventTime, write_rfc3339};
use std::io::Write;

/// Appends `[a,b,...]`.
pub(super) fn array<'a>(values: impl Iterator<Item = Value<'a>>, out: &mut Vec<u8>) {
    out.push(b'[');
    for (i, value) in values.enumerate() {
        if i > 0 {
            out.push(b',');
        }
        write(value, out);
    }
    out.push(b']');
}

/// Appends a value.
pub(super) fn write(value: Value<'_>, out: &mut Vec<u8>) {
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Bool(v) => out.extend_from_slice(if v { b"true" } else { b"false" }),
        Value::Int(v) => out.extend_from_slice(itoa::Buffer::new().format(v).as_bytes()),
        Value::Float(v) => out.extend_from_slice(zmij::Buffer::new().format(v).as_bytes()),
        Value::Time(us) => {
            out.push(b'"');
            write_time(us, out);
            out.push(b'"');
        }
        Value::Str(text) => string(text, out),
        Value::Json(text) => out.extend_from_slice(text),
    }
}

/// Appends a time in RFC 3339.
pub(super) fn write_time(us: i64, out: &mut Vec<u8>) {
    write_rfc3339(EventTime(us.clamp(EventTime::EARLIEST.0, EventTime::LATEST.0)), out);
}

fn string(text: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    for &byte in text {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            0..0x20 => write!(out, "\\u{byte:04x}").expect("a Vec takes all bytes"),
            _ => out.push(byte),
        }
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_written_as_json_reads_them_back() {
        let mut out = Vec::new();
        let text = "a\"\\\n\r\t\u{1}é";
        let values = [
            Value::Null,
            Value::Bool(true),
            Value::Int(i64::MIN),
            Value::Float(0.1),
            Value::Float(-0.0),
            Value::Str(text.as_bytes()),
            Value::Json(b"{\"a\":[1]}"),
            Value::Time(0),
        ];
        array(values.into_iter(), &mut out);
        let read: serde_json::Value = serde_json::from_slice(&out).unwrap();
        let expected = serde_json::json!([null, true, i64::MIN, 0.1, -0.0, text, {"a": [1]}, "1970-01-01T00:00:00Z"]);
        assert_eq!(read, expected);
    }
}
