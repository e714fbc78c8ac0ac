//! Lines of JSON, turned into rows that can be told apart and compared.
//!
//! A row is told apart by its part, window, group, revision, op and, where it is provisional, `early`; the overflow group
//! by that it is. A match has its times in place of the window and its key in place of the group; of those that have all
//! of this in common, which there may be many, the values tell. What is equal has one canonical text: numbers by value (5
//! is 5.0), objects by their sorted names.

use crate::error::suggest;
use crate::result::RowSchema;
use crate::time::{EventTime, format_rfc3339, parse_rfc3339};
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Map, Number, Value};
use std::fmt;

/// One row, expected or stated.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// The line of the file, from 1; 0 for a row that was stated.
    pub line: usize,
    /// The index of its part.
    pub part: usize,
    /// First moment of the window; of a match the time of its first event.
    pub start: EventTime,
    /// First moment after it; of a match the time of its last event.
    pub end: EventTime,
    /// The dimensions; of a match its key.
    pub group: Vec<Value>,
    /// It is of all groups beyond a cap.
    pub overflow: bool,
    /// 0 for a first statement, n for the nth correction.
    pub revision: u64,
    /// n for the nth provisional row of its window and group; 0 for all others.
    pub early: u64,
    /// `+` or `-`.
    pub op: char,
    /// The values it names by their place in the schema; one after the last value stands for `approx`.
    pub values: Vec<(usize, Value)>,
    /// What it is told apart by, as text.
    pub identity: String,
    /// All of it as text, in the order it is written.
    pub written: Vec<(String, String)>,
}

/// What is wrong with a line, and what to do.
pub(super) type Wrong = (String, Option<String>);

/// A JSON object in the order it is written.
struct Fields(Vec<(String, Box<RawValue>)>);

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;
        impl<'de> Visitor<'de> for InOrder {
            type Value = Fields;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a JSON object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
                let mut list = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    list.push(entry);
                }
                Ok(Fields(list))
            }
        }
        deserializer.deserialize_map(InOrder)
    }
}

/// Reads one row. `part`: the window or pattern it is of, where it need not say so.
pub(super) fn row(text: &str, line: usize, schemas: &[RowSchema], part: Option<usize>) -> Result<Row, Wrong> {
    let wrong = |e: serde_json::Error| -> Wrong {
        let why = e.to_string();
        let why = why.split(" at line ").next().unwrap_or_default();
        (format!("the row is not a JSON object: {why} (column {})", e.column()), None)
    };
    let Fields(raw) = serde_json::from_str(text).map_err(wrong)?;
    let mut written: Vec<(String, Value)> = Vec::new();
    for (name, value) in &raw {
        written.push((name.clone(), serde_json::from_str(value.get()).map_err(wrong)?));
    }
    if let Some((name, _)) = written.iter().enumerate().find_map(|(i, one)| {
        let before = &written[..i];
        before.iter().any(|(name, _)| *name == one.0).then_some(one)
    }) {
        return Err((format!("the row has {name} twice"), Some("remove one".into())));
    }
    let get = |name: &str| written.iter().find(|(one, _)| one == name).map(|(_, value)| value);
    let part = part_of(get("name"), schemas, part)?;
    let schema = &schemas[part];
    let known = || {
        let own = ["name", "revision", "op", "approx"];
        own.into_iter()
            .chain(schema.times())
            .chain(schema.early.then_some("early"))
            .chain(schema.capped.then_some("overflow"))
            .chain(schema.dimensions.iter().chain(&schema.values).map(String::as_str))
    };
    if let Some((name, _)) = written.iter().find(|(name, _)| !known().any(|one| one == name)) {
        let help = suggest(name, known(), "its columns are");
        return Err((format!("rows of {} have no {name}", schema.name), Some(help)));
    }
    let missing = |name: &str| {
        let group: String = schema.dimensions.iter().map(|d| format!("{d}, ")).collect();
        let more = if schema.by_values() { ", and then by its values" } else { "" };
        let times = schema.times().join(", ");
        let help = format!("a row of {} is told by {times}, {group}revision and op{more}", schema.name);
        (format!("the row has no {name}"), Some(help))
    };
    let moment = |name: &str| {
        let value = get(name).ok_or_else(|| missing(name))?;
        let time = value.as_str().and_then(|text| parse_rfc3339(text.as_bytes()));
        let help = "for example \"2026-01-05T12:00:00Z\"".to_owned();
        time.ok_or_else(|| (format!("{name} must be a time as RFC 3339 text, found {value}"), Some(help)))
    };
    let [start, end] = schema.times();
    let (start, end) = (moment(start)?, moment(end)?);
    let overflow = match get("overflow") {
        None => false,
        Some(value) => {
            value.as_bool().ok_or_else(|| (format!("overflow must be true or false, found {value}"), None))?
        }
    };
    let mut group = Vec::new();
    for name in &schema.dimensions {
        group.push(match get(name) {
            // All groups beyond a cap have no dimensions, so they need not be named.
            None if overflow => Value::Null,
            Some(value) if overflow && !value.is_null() => {
                let help = "remove it, or remove overflow: the row of all groups beyond max_groups has no dimensions";
                return Err((format!("{name} of an overflow row is null, found {value}"), Some(help.into())));
            }
            value => value.ok_or_else(|| missing(name))?.clone(),
        });
    }
    let revision = match get("revision") {
        None => 0,
        Some(value) => {
            value.as_u64().ok_or_else(|| (format!("revision must be a whole number, found {value}"), None))?
        }
    };
    let early = match get("early") {
        None => 0,
        Some(value) => value
            .as_u64()
            .filter(|n| *n > 0)
            .ok_or_else(|| (format!("early must be a whole number from 1 on, found {value}"), None))?,
    };
    let op = match get("op").map(|op| (op, op.as_str())) {
        None | Some((_, Some("+"))) => '+',
        Some((_, Some("-"))) => '-',
        Some((op, _)) => return Err((format!("op must be \"+\" or \"-\", found {op}"), None)),
    };
    let mut values: Vec<(usize, Value)> = Vec::new();
    for (i, name) in schema.values.iter().map(String::as_str).chain(["approx"]).enumerate() {
        values.extend(get(name).map(|value| (i, value.clone())));
    }
    let groups: Vec<Value> = group.iter().map(canonical).collect();
    let of = if overflow { "overflow".to_owned() } else { Value::Array(groups).to_string() };
    let identity = format!("{part} {} {} {of} {revision} {early} {op}", start.0, end.0);
    let written = raw.into_iter().map(|(name, value)| (name, value.get().to_owned())).collect();
    Ok(Row { line, part, start, end, group, overflow, revision, early, op, values, identity, written })
}

fn part_of(name: Option<&Value>, schemas: &[RowSchema], given: Option<usize>) -> Result<usize, Wrong> {
    let names = || schemas.iter().map(|schema| schema.name.as_str());
    match (name, given) {
        (None, Some(part)) => Ok(part),
        (None, None) => {
            Err(("the row has no name".into(), Some("name is the window or pattern that the row is of".into())))
        }
        (Some(value), given) => {
            let text = value.as_str().unwrap_or_default();
            let Some(part) = names().position(|one| one == text) else {
                return Err((format!("there is no window or pattern {value}"), Some(like(text, names()))));
            };
            match given {
                Some(other) if other != part => {
                    Err((format!("a row of {text} among those of {}", schemas[other].name), None))
                }
                _ => Ok(part),
            }
        }
    }
}

/// What could have been meant by `name`, or all there are.
pub(super) fn like<'a>(name: &str, known: impl Iterator<Item = &'a str> + Clone) -> String {
    suggest(name, known.clone(), "there are")
}

impl Row {
    /// The value at a place of the schema; `approx` of a row that has none is an empty list.
    pub(super) fn value(&self, place: usize, schema: &RowSchema) -> Option<Value> {
        let value = self.values.iter().find(|(i, _)| *i == place).map(|(_, value)| value.clone());
        value.or_else(|| (place == schema.values.len()).then(|| Value::Array(Vec::new())))
    }

    /// The window, or the times of a match, as text.
    pub(super) fn window(&self) -> String {
        format!("{} .. {}", format_rfc3339(self.start), format_rfc3339(self.end))
    }
}

/// The name of a value by its place in the schema.
pub(super) fn value_name(schema: &RowSchema, place: usize) -> &str {
    schema.values.get(place).map_or("approx", String::as_str)
}

/// One of all the values that are equal.
pub(super) fn canonical(value: &Value) -> Value {
    match value {
        Value::Number(n) => match n.as_f64() {
            // Whole, and in the range of i64: the cast is exact.
            Some(f) if n.is_f64() && f.fract() == 0.0 && (-9.2e18..9.2e18).contains(&f) => {
                Number::from(f as i64).into()
            }
            _ => value.clone(),
        },
        Value::Array(items) => items.iter().map(canonical).collect(),
        Value::Object(map) => {
            let mut sorted: Vec<_> = map.iter().map(|(name, value)| (name.clone(), canonical(value))).collect();
            sorted.sort_by(|a, b| a.0.cmp(&b.0));
            Value::Object(sorted.into_iter().collect::<Map<_, _>>())
        }
        _ => value.clone(),
    }
}

/// Whether two values are equal, numbers within `tolerance`.
pub(super) fn equal(a: &Value, b: &Value, tolerance: f64) -> bool {
    match (a, b) {
        (Value::Number(x), Value::Number(y)) if tolerance > 0.0 => match (x.as_f64(), y.as_f64()) {
            (Some(x), Some(y)) => (x - y).abs() <= tolerance * x.abs().max(y.abs()).max(1.0),
            _ => false,
        },
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| equal(a, b, tolerance))
        }
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len() && a.iter().all(|(name, a)| b.get(name).is_some_and(|b| equal(a, b, tolerance)))
        }
        _ => canonical(a) == canonical(b),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn schemas() -> Vec<RowSchema> {
        let names = |list: &[&str]| list.iter().map(|n| (*n).to_owned()).collect();
        vec![RowSchema {
            name: "w".into(),
            dimensions: names(&["page"]),
            values: names(&["n", "mean"]),
            capped: true,
            early: true,
            kind: crate::result::RowKind::Window,
            keep: 0,
        }]
    }

    const HEAD: &str = r#""window_start":"2026-01-05T12:00:00Z","window_end":"2026-01-05T13:00:10+01:00""#;

    #[test]
    fn a_row_is_told_apart_by_its_window_group_revision_op_and_early() {
        let read = |rest: &str| row(&format!("{{\"name\":\"w\",{HEAD},{rest}}}"), 1, &schemas(), None).unwrap();
        let plain = read(r#""page":1,"n":5"#);
        assert_eq!((plain.revision, plain.op, plain.values.len()), (0, '+', 1));
        assert_eq!(plain.identity, read(r#""page":1.0,"revision":0,"op":"+""#).identity);
        let others = [
            r#""page":"1""#,
            r#""page":1,"revision":1"#,
            r#""page":1,"op":"-""#,
            r#""page":1,"early":1"#,
            r#""overflow":true"#,
        ];
        for other in others {
            assert_ne!(plain.identity, read(other).identity, "{other}");
        }
        assert_eq!(read(r#""overflow":true"#).identity, read(r#""page":null,"overflow":true"#).identity);
        assert_ne!(read(r#""overflow":true"#).identity, read(r#""page":null"#).identity);
        let utc = r#"{"window_start":"2026-01-05T12:00:00.000Z","window_end":"2026-01-05T12:00:10Z","page":1}"#;
        assert_eq!(plain.identity, row(utc, 1, &schemas(), Some(0)).unwrap().identity);
    }

    #[test]
    fn what_is_wrong_with_a_row_is_said_with_what_to_do() {
        let full = |rest: &str| format!("{{\"name\":\"w\",{HEAD},{rest}}}");
        for (text, message, help) in [
            ("[1]".to_owned(), "the row is not a JSON object", ""),
            ("{\"name\":\"w\"".to_owned(), "not a JSON object: EOF", ""),
            ("{}".to_owned(), "the row has no name", "is the window or pattern"),
            ("{\"name\":\"zebra\"}".to_owned(), "there is no window or pattern \"zebra\"", "there are w"),
            ("{\"name\":\"w\"}".to_owned(), "no window_start", "window_start, window_end, page, revision and op"),
            ("{\"name\":\"w\",\"window_start\":5}".to_owned(), "window_start must be a time", "for example"),
            (full("\"n\":5"), "the row has no page", "told by"),
            (full("\"page\":1,\"menn\":5"), "rows of w have no menn", "did you mean mean?"),
            (full("\"page\":1,\"page\":2"), "the row has page twice", "remove one"),
            (full("\"page\":1,\"revision\":-1"), "revision must be a whole number", ""),
            (full("\"page\":1,\"early\":0"), "early must be a whole number from 1 on", ""),
            (full("\"page\":1,\"op\":\"add\""), "op must be \"+\" or \"-\"", ""),
            (full("\"overflow\":1"), "overflow must be true or false", ""),
            (full("\"page\":1,\"overflow\":true"), "page of an overflow row is null, found 1", "no dimensions"),
        ] {
            let (said, advice) = row(&text, 1, &schemas(), None).unwrap_err();
            assert!(said.contains(message) && advice.unwrap_or_default().contains(help), "{text}: {said}");
        }
    }

    #[test]
    fn values_are_equal_by_value_and_within_the_tolerance() {
        for (a, b, tolerance, is) in [
            (json!(5), json!(5.0), 0.0, true),
            (json!(-0.0), json!(0), 0.0, true),
            (json!(0.1), json!(0.10000000000000002), 0.0, false),
            (json!(0.1), json!(0.10000000000000002), 1e-9, true),
            (json!(1e12), json!(1.0000001e12), 1e-9, false),
            (json!(1e12), json!(1.000000000001e12), 1e-9, true),
            (json!(9007199254740993_i64), json!(9007199254740992.0), 0.0, false),
            (json!("5"), json!(5), 1.0, false),
            (json!(null), json!(0), 1.0, false),
            (json!([{"value": 1.0, "n": 2}]), json!([{"n": 2, "value": 1}]), 0.0, true),
            (json!([1.0, 2.5]), json!([1, 2.6]), 0.2, true),
            (json!({"a": 1}), json!({"b": 1}), 0.0, false),
        ] {
            assert_eq!(equal(&a, &b, tolerance), is, "{a} {b} {tolerance}");
            assert_eq!(equal(&b, &a, tolerance), is, "{b} {a} {tolerance}");
        }
    }
}
