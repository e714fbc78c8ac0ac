//! Expressions of a random case: as SQL, and as what they mean.

use super::super::oracle::{Agg, at_path, compare_values};
use super::Random;
use serde_json::Value;
use std::cmp::Ordering;

/// The paths of text, as SQL and as the oracle has them.
const TEXTS: &[&str] = &["kind", "data.page", "tags.env"];
/// Paths where anything may stand.
const ANYTHING: &[&str] = &["v", "data.v", "n", "kind", "nowhere.at.all"];

/// A dimension.
#[derive(Debug, Clone)]
pub(super) enum Group {
    Path(&'static str),
    /// `coalesce(a, b, 'text')`.
    Coalesce(Vec<&'static str>, &'static str),
    Test(Box<Test>),
    /// `CASE WHEN test THEN 'text' ELSE path END`.
    Case(Box<Test>, &'static str, &'static str),
    /// A column that a stream has set.
    Own(String),
}

impl Group {
    pub(super) fn random(r: &mut Random) -> Self {
        match r.below(8) {
            0..3 => Group::Path(r.pick(TEXTS)),
            3 => Group::Path(r.pick(ANYTHING)),
            4 | 5 => Group::Coalesce(vec![r.pick(TEXTS)], r.pick(&["unknown", "a", ""])),
            6 => Group::Case(Box::new(Test::random(r)), "yes", r.pick(TEXTS)),
            _ if r.one_in(2) => Group::Test(Box::new(Test::random(r))),
            _ => Group::Coalesce(vec![r.pick(TEXTS), r.pick(TEXTS)], "none"),
        }
    }

    pub(super) fn sql(&self) -> String {
        match self {
            Group::Path(path) => (*path).to_owned(),
            Group::Coalesce(paths, text) => format!("coalesce({}, '{text}')", paths.join(", ")),
            Group::Test(test) => test.sql(),
            Group::Case(test, text, path) => format!("CASE WHEN {} THEN '{text}' ELSE {path} END", test.sql()),
            Group::Own(name) => name.clone(),
        }
    }

    pub(super) fn of(&self, event: &Value) -> Value {
        match self {
            Group::Path(path) => at_path(event, path),
            Group::Coalesce(paths, text) => {
                let found = paths.iter().map(|path| at_path(event, path)).find(|v| !v.is_null());
                found.unwrap_or_else(|| Value::from(*text))
            }
            Group::Test(test) => test.of(event).map_or(Value::Null, Value::from),
            Group::Case(test, text, path) => {
                if test.of(event) == Some(true) {
                    Value::from(*text)
                } else {
                    at_path(event, path)
                }
            }
            Group::Own(name) => at_path(event, name),
        }
    }
}

/// A condition.
#[derive(Debug, Clone)]
pub(super) enum Test {
    Equals(&'static str, &'static str),
    In(&'static str, Vec<&'static str>),
    Null(&'static str, bool),
    Compare(&'static str, &'static str, &'static str),
    Starts(&'static str, &'static str),
    Not(Box<Test>),
    And(Box<Test>, Box<Test>),
    Or(Box<Test>, Box<Test>),
}

impl Test {
    pub(super) fn random(r: &mut Random) -> Self {
        match r.below(12) {
            0..3 => Test::Equals(r.pick(TEXTS), r.pick(&["a", "b", "", "é"])),
            3..5 => Test::In(r.pick(TEXTS), r.pick(&[vec!["a", "b"], vec!["c"], vec!["a", "日本語", "x y"]])),
            5 => Test::Null(r.pick(&["kind", "data.page", "v", "nowhere.at.all"]), r.one_in(2)),
            6..8 => Test::Compare(
                r.pick(&["v", "data.v", "n"]),
                r.pick(&["<", "<=", ">", ">=", "=", "<>"]),
                r.pick(&["10", "0", "0.1", "9007199254740993", "1.5", "-3"]),
            ),
            8 => Test::Starts(r.pick(TEXTS), r.pick(&["a", "é", ""])),
            9 => Test::Not(Box::new(Test::random(r))),
            10 => Test::And(Box::new(Test::random(r)), Box::new(Test::random(r))),
            _ => Test::Or(Box::new(Test::random(r)), Box::new(Test::random(r))),
        }
    }

    pub(super) fn sql(&self) -> String {
        match self {
            Test::Equals(path, text) => format!("{path} = '{text}'"),
            Test::In(path, texts) => {
                let texts: Vec<String> = texts.iter().map(|t| format!("'{t}'")).collect();
                format!("{path} IN ({})", texts.join(", "))
            }
            Test::Null(path, is) => format!("{path} IS {}NULL", if *is { "" } else { "NOT " }),
            Test::Compare(path, op, number) => format!("{path} {op} {number}"),
            Test::Starts(path, text) => format!("{path} LIKE '{text}%'"),
            Test::Not(test) => format!("NOT ({})", test.sql()),
            Test::And(a, b) => format!("({} AND {})", a.sql(), b.sql()),
            Test::Or(a, b) => format!("({} OR {})", a.sql(), b.sql()),
        }
    }

    /// `None` is NULL. Values of different classes compare as NULL.
    pub(super) fn of(&self, event: &Value) -> Option<bool> {
        match self {
            Test::Equals(path, text) => Some(at_path(event, path).as_str()? == *text),
            Test::In(path, texts) => Some(texts.contains(&at_path(event, path).as_str()?)),
            Test::Null(path, is) => Some(at_path(event, path).is_null() == *is),
            Test::Compare(path, op, number) => {
                let value = at_path(event, path);
                if !value.is_number() {
                    return None;
                }
                let order = compare_values(&value, &serde_json::from_str(number).expect("a number"));
                Some(match *op {
                    "<" => order == Ordering::Less,
                    "<=" => order != Ordering::Greater,
                    ">" => order == Ordering::Greater,
                    ">=" => order != Ordering::Less,
                    "=" => order == Ordering::Equal,
                    _ => order != Ordering::Equal,
                })
            }
            Test::Starts(path, text) => Some(at_path(event, path).as_str()?.starts_with(text)),
            Test::Not(test) => test.of(event).map(|truth| !truth),
            Test::And(a, b) => match (a.of(event), b.of(event)) {
                (Some(false), _) | (_, Some(false)) => Some(false),
                (Some(true), Some(true)) => Some(true),
                _ => None,
            },
            Test::Or(a, b) => match (a.of(event), b.of(event)) {
                (Some(true), _) | (_, Some(true)) => Some(true),
                (Some(false), Some(false)) => Some(false),
                _ => None,
            },
        }
    }
}

/// An aggregate call.
#[derive(Debug, Clone)]
pub(super) struct Calc(Agg);

impl Calc {
    pub(super) fn random(r: &mut Random) -> Self {
        let path = r.pick(ANYTHING).to_owned();
        if r.one_in(2) {
            return Calc(Self::further(r, path));
        }
        Calc(match r.below(9) {
            0 => Agg::CountRows,
            1 => Agg::Count(path),
            2 => Agg::CountDistinct(path),
            3 | 4 => Agg::Sum(path),
            5 => Agg::Avg(path),
            6 => Agg::Min(path),
            7 => Agg::Max(path),
            _ => Agg::Percentile(path, r.pick(&[0.0, 0.5, 0.5, 0.9, 0.95, 1.0, 0.333])),
        })
    }

    /// A call over a column that a stream has set.
    pub(super) fn of_own(r: &mut Random, own: &[String]) -> Self {
        let path = r.pick(own);
        Calc(match r.below(7) {
            0 => Agg::Count(path),
            1 => Agg::CountDistinct(path),
            2 => Agg::Min(path),
            3 => Agg::First(path),
            4 => Agg::Last(path),
            5 => Agg::ArgMax(path, r.pick(ANYTHING).to_owned()),
            _ => Agg::Collect(path),
        })
    }

    fn further(r: &mut Random, path: String) -> Agg {
        let by = r.pick(ANYTHING).to_owned();
        match r.below(13) {
            0 => Agg::BoolAnd(path),
            1 => Agg::BoolOr(path),
            2 | 3 => Agg::First(path),
            4 => Agg::Last(path),
            5 => Agg::ArgMin(path, by),
            6 => Agg::ArgMax(path, by),
            7 => Agg::SumDistinct(path),
            8 => Agg::Mode(path),
            9 => Agg::TopK(path, r.pick(&[1, 2, 5])),
            10 => Agg::Histogram(path, r.pick(&[vec![0], vec![-3, 1, 100]])),
            11 => Agg::Collect(path),
            _ => Agg::CollectDistinct(path),
        }
    }

    pub(super) fn agg(&self) -> Agg {
        self.0.clone()
    }

    pub(super) fn sql(&self) -> String {
        match &self.0 {
            Agg::CountRows => "count(*)".to_owned(),
            Agg::Count(path) => format!("count({path})"),
            Agg::CountDistinct(path) => format!("count(DISTINCT {path})"),
            Agg::Sum(path) => format!("sum({path})"),
            Agg::Avg(path) => format!("avg({path})"),
            Agg::Min(path) => format!("min({path})"),
            Agg::Max(path) => format!("max({path})"),
            Agg::Percentile(path, p) if *p == 0.5 => format!("median({path})"),
            Agg::Percentile(path, p) => format!("percentile({path}, {p:?})"),
            Agg::BoolAnd(path) => format!("every({path})"),
            Agg::BoolOr(path) => format!("bool_or({path})"),
            Agg::First(path) => format!("first({path})"),
            Agg::Last(path) => format!("last({path})"),
            Agg::ArgMin(path, by) => format!("arg_min({path}, {by})"),
            Agg::ArgMax(path, by) => format!("max_by({path}, {by})"),
            Agg::SumDistinct(path) => format!("sum(DISTINCT {path})"),
            Agg::Mode(path) => format!("mode({path})"),
            Agg::TopK(path, k) => format!("top_k({path}, {k})"),
            Agg::Histogram(path, bounds) => {
                let bounds: Vec<String> = bounds.iter().map(i64::to_string).collect();
                format!("histogram({path}, {})", bounds.join(", "))
            }
            Agg::Collect(path) => format!("collect({path})"),
            Agg::CollectDistinct(path) => format!("array_agg(DISTINCT {path})"),
        }
    }
}
