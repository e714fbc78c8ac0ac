//! Names and values of rows, as JSON in their own order.

use crate::event::Value;
use crate::time::{EventTime, format_rfc3339};
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::value::RawValue;

/// A moment in RFC 3339, from microseconds.
pub(super) fn moment(us: i64) -> String {
    format_rfc3339(EventTime(us))
}

/// A value of a row.
struct Cell<'a>(Value<'a>);

impl Serialize for Cell<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let text = |bytes| String::from_utf8_lossy(bytes);
        match self.0 {
            Value::Null => to.serialize_unit(),
            Value::Bool(v) => to.serialize_bool(v),
            Value::Int(v) => to.serialize_i64(v),
            // What is no number of JSON is null.
            Value::Float(v) => to.serialize_f64(v),
            Value::Time(us) => to.serialize_str(&moment(us)),
            Value::Str(bytes) => to.serialize_str(&text(bytes)),
            Value::Json(bytes) => match serde_json::from_slice::<&RawValue>(bytes) {
                Ok(json) => json.serialize(to),
                Err(_) => to.serialize_str(&text(bytes)),
            },
        }
    }
}

/// Names and values, as an object in this order.
pub(super) struct Fields<'a>(pub(super) Vec<(&'a str, Value<'a>)>);

impl Serialize for Fields<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(Some(self.0.len()))?;
        for (name, value) in &self.0 {
            map.serialize_entry(name, &Cell(*value))?;
        }
        map.end()
    }
}

/// A span of time.
#[derive(serde::Serialize)]
pub(super) struct Span {
    start: String,
    end: String,
}

impl Span {
    /// From two moments, microseconds.
    pub(super) fn of((start, end): (i64, i64)) -> Self {
        Self { start: moment(start), end: moment(end) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_stay_in_their_order_and_json_as_it_is() {
        let fields = Fields(vec![
            ("z", Value::Int(1)),
            ("a", Value::Json(b"{\"y\": [1], \"b\":2}")),
            ("n", Value::Float(f64::NAN)),
            ("t", Value::Time(0)),
            ("j", Value::Json(b"{no")),
        ]);
        let text = serde_json::to_string(&fields).unwrap();
        assert_eq!(text, r#"{"z":1,"a":{"y": [1], "b":2},"n":null,"t":"1970-01-01T00:00:00Z","j":"{no"}"#);
    }
}
