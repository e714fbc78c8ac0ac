//! The query of a request, turned into what is asked for: parameters, group filters, a range of time.
//!
//! A parameter that is none of the route's is a filter: the name of a dimension of the part, with `group.` before it where it
//! would be taken for a parameter. Several of one name are alternatives; of several names all must hold. `null` is a
//! dimension without a value.

use super::answer::Wrong;
use crate::error::nearest;
use crate::event::Value;
use crate::result::{RowRef, RowSchema};
use crate::time::{EventTime, format_rfc3339, parse_rfc3339};

/// The decoded pairs of a query, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Question {
    pub(super) pairs: Vec<(String, String)>,
}

/// Decodes `%xx` and `+`; bytes that are not UTF-8 are shown as U+FFFD.
pub(super) fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let (mut out, mut at) = (Vec::with_capacity(bytes.len()), 0);
    let digit = |at: usize| bytes.get(at).and_then(|b| char::from(*b).to_digit(16));
    while let Some(byte) = bytes.get(at) {
        at += 1;
        match (byte, digit(at), digit(at + 1)) {
            (b'%', Some(high), Some(low)) => {
                out.push((high * 16 + low) as u8);
                at += 2;
            }
            (b'+', ..) => out.push(b' '),
            _ => out.push(*byte),
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

impl Question {
    /// Reads the text behind `?`.
    pub(super) fn new(query: &str) -> Self {
        let pairs = query.split('&').filter(|pair| !pair.is_empty());
        let pairs = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        Self { pairs: pairs.map(|(name, value)| (decode(name), decode(value))).collect() }
    }

    /// The value of a parameter; the last where it is there several times.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.pairs.iter().rev().find(|(one, _)| one == name).map(|(_, value)| value.as_str())
    }

    /// All values of a parameter, those of lists with commas among them.
    pub(super) fn list(&self, name: &str) -> Vec<&str> {
        let all = self.pairs.iter().filter(|(one, _)| one == name);
        all.flat_map(|(_, value)| value.split(',')).map(str::trim).filter(|one| !one.is_empty()).collect()
    }

    /// A whole number within bounds.
    pub(super) fn count(&self, name: &str, default: usize, most: usize) -> Result<usize, Wrong> {
        let Some(text) = self.get(name) else { return Ok(default) };
        text.parse().ok().filter(|n| (1..=most).contains(n)).ok_or_else(|| {
            Wrong::question(
                format!("{name} is '{text}'"),
                format!("write a whole number from 1 to {most}, such as {name}={default}"),
            )
        })
    }

    /// One of some words; the first where it is not there.
    pub(super) fn word(&self, name: &str, words: &[&'static str]) -> Result<&'static str, Wrong> {
        let Some(text) = self.get(name) else { return Ok(words[0]) };
        let found = words.iter().find(|word| **word == text).copied();
        found.ok_or_else(|| Wrong::question(format!("{name} is '{text}'"), format!("write {}", words.join(", "))))
    }

    /// A moment, RFC 3339 or milliseconds since 1970, in microseconds.
    pub(super) fn moment(&self, name: &str) -> Result<Option<i64>, Wrong> {
        let Some(text) = self.get(name) else { return Ok(None) };
        let number = || text.parse::<i64>().ok().and_then(|ms| ms.checked_mul(1_000));
        let time = parse_rfc3339(text.as_bytes()).map(|time| time.0).or_else(number);
        time.map(Some).ok_or_else(|| {
            Wrong::question(
                format!("{name} is '{text}', which is no time"),
                format!("write {name}=2026-01-05T12:00:00Z, or milliseconds since 1970"),
            )
        })
    }

    /// Refuses parameters that are none of `known`.
    pub(super) fn only(&self, known: &[&str]) -> Result<(), Wrong> {
        let wrong = self.pairs.iter().find(|(name, _)| !known.contains(&name.as_str()));
        wrong.map_or(Ok(()), |(name, _)| Err(unknown(name, known)))
    }

    /// The filters among the parameters: what is none of `known` must be a dimension of the part.
    pub(super) fn filter(&self, known: &[&str], schema: &RowSchema) -> Result<Filter, Wrong> {
        let mut filter = Filter::default();
        for (name, value) in &self.pairs {
            let dimension = match name.strip_prefix("group.") {
                Some(dimension) => dimension,
                None if known.contains(&name.as_str()) => continue,
                None => name,
            };
            let Some(at) = schema.dimensions.iter().position(|d| d == dimension) else {
                let all = known.iter().copied().chain(schema.dimensions.iter().map(String::as_str));
                return Err(unknown(name, &all.collect::<Vec<_>>()));
            };
            match filter.groups.iter_mut().find(|(one, _)| *one == at) {
                Some((_, values)) => values.push(value.clone()),
                None => filter.groups.push((at, vec![value.clone()])),
            }
        }
        Ok(filter)
    }
}

fn unknown(name: &str, known: &[&str]) -> Wrong {
    let help = match nearest(name, known.iter().copied()) {
        Some(near) => format!("did you mean {near}?"),
        None if known.is_empty() => "this path has no parameters".to_owned(),
        None => format!("parameters are {}", known.join(", ")),
    };
    Wrong::question(format!("'{name}' is no parameter here"), help)
}

/// Which rows are asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Filter {
    /// Dimensions, each with the texts it may have.
    pub(super) groups: Vec<(usize, Vec<String>)>,
    /// The moment behind which windows end, microseconds.
    pub(super) from: Option<i64>,
    /// The moment before which windows begin, microseconds.
    pub(super) until: Option<i64>,
}

impl Filter {
    /// True for a row that is asked for.
    pub(super) fn takes(&self, row: RowRef<'_>) -> bool {
        self.from.is_none_or(|from| row.head.window_end > from)
            && self.until.is_none_or(|until| row.head.window_start < until)
            && self.groups.iter().all(|(at, texts)| {
                row.dimensions().nth(*at).is_some_and(|value| texts.iter().any(|text| is(value, text)))
            })
    }
}

/// True where a value is written so.
pub(super) fn is(value: Value<'_>, text: &str) -> bool {
    match value {
        Value::Null => text == "null",
        Value::Bool(v) => text == if v { "true" } else { "false" },
        Value::Int(v) => text.parse() == Ok(v),
        Value::Float(v) => text.parse() == Ok(v),
        Value::Time(v) => text == format_rfc3339(EventTime(v)),
        Value::Str(v) | Value::Json(v) => v == text.as_bytes(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::result::RowKind;

    fn schema() -> RowSchema {
        RowSchema {
            name: "w".into(),
            dimensions: vec!["page".into(), "limit".into()],
            values: vec!["n".into()],
            capped: false,
            early: false,
            kind: RowKind::Window,
            keep: 0,
        }
    }

    #[test]
    fn queries_are_decoded_as_browsers_write_them() {
        let q = Question::new("page=a%20b+c&page=%C3%BC&x&&y=1=2&z=%zz%f");
        let pairs: Vec<_> = q.pairs.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        assert_eq!(pairs, [("page", "a b c"), ("page", "\u{fc}"), ("x", ""), ("y", "1=2"), ("z", "%zz%f")]);
        assert_eq!(Question::new("name=a,b&name=c").list("name"), ["a", "b", "c"]);
    }

    #[test]
    fn filters_are_dimensions_and_what_is_neither_is_refused_with_the_nearest_name() {
        let filter = Question::new("page=a&page=b&limit=5&group.limit=7").filter(&["limit"], &schema()).unwrap();
        assert_eq!(filter.groups, [(0, vec!["a".into(), "b".into()]), (1, vec!["7".into()])]);
        let wrong = Question::new("pgae=a").filter(&["limit"], &schema()).unwrap_err();
        assert_eq!(wrong.help, "did you mean page?");
        assert!(Question::new("group.from=a").filter(&["from"], &schema()).is_err());
    }

    #[test]
    fn wrong_parameters_say_what_to_write() {
        let q = Question::new("limit=0&from=yesterday&format=xml&until=5");
        assert!(q.count("limit", 10, 100).unwrap_err().help.contains("from 1 to 100"));
        assert!(q.moment("from").unwrap_err().help.contains("2026-01-05T12:00:00Z"));
        assert_eq!(q.moment("until").unwrap(), Some(5_000));
        assert!(q.word("format", &["json", "csv"]).unwrap_err().help.contains("json, csv"));
        assert!(q.only(&["limit", "from", "until"]).is_err());
    }

    #[test]
    fn values_are_met_by_their_text() {
        for (value, text) in [
            (Value::Null, "null"),
            (Value::Bool(true), "true"),
            (Value::Int(-5), "-5"),
            (Value::Float(2.5), "2.50"),
            (Value::Time(0), "1970-01-01T00:00:00Z"),
            (Value::Str(b"a b"), "a b"),
        ] {
            assert!(is(value, text), "{text}");
            assert!(!is(value, "other"), "{text}");
        }
    }
}
