//! The events of a group, turned into a value; the order of values.
//!
//! Numbers: one that `i64` holds and that is written without point and exponent is an integer, any other is an `f64`.
//! `-0.0` is `0.0`. `null` and a missing field are the same. Booleans are not numbers. A value that would be infinite is null.

use super::at_path;
use super::exact::Exact;
use serde_json::Value;
use std::cmp::Ordering;
use std::collections::BTreeSet;

/// An aggregate over the field at a dotted path.
#[derive(Debug, Clone, PartialEq)]
pub enum Agg {
    /// How many events.
    CountRows,
    /// How many events have the field, whatever it is.
    Count(String),
    /// How many different values; `1` and `1.0` are one. Objects and arrays go by their text without spaces.
    CountDistinct(String),
    /// The exact sum of the numbers, rounded once: an integer where all of them are and `i64` holds it, else a float;
    /// null without numbers.
    Sum(String),
    /// The sum as a float divided by the count of numbers; where the sum is no float, at 2^-64 of the size.
    Avg(String),
    /// The least value, in the order of [`compare_values`]. Of equal numbers the integer.
    Min(String),
    /// The greatest value; as `Min`.
    Max(String),
    /// As SQL's `percentile_cont` over the numbers as floats: a float.
    Percentile(String, f64),
    /// Whether all booleans are true; null without any.
    BoolAnd(String),
    /// Whether any boolean is true; null without any.
    BoolOr(String),
    /// The first value by time, partition and place.
    First(String),
    /// The last value.
    Last(String),
    /// The first path's value where the second's is least, the first of several.
    ArgMin(String, String),
    /// Where it is greatest.
    ArgMax(String, String),
    /// The sum of the different numbers.
    SumDistinct(String),
    /// The most frequent value, the least of several.
    Mode(String),
    /// The most frequent values with their counts.
    TopK(String, usize),
    /// How many numbers lie below, between and above these bounds.
    Histogram(String, Vec<i64>),
    /// All values in order.
    Collect(String),
    /// The different values by size.
    CollectDistinct(String),
}

impl Agg {
    /// Its value over events, which are in order of time, partition and place.
    pub fn of(&self, events: &[&Value]) -> Value {
        let fields = |path: &str| -> Vec<Value> {
            events.iter().map(|e| plain(&at_path(e, path))).filter(|v| !v.is_null()).collect()
        };
        let numbers = |path: &str| -> Vec<Value> { fields(path).into_iter().filter(Value::is_number).collect() };
        match self {
            Agg::CountRows => Value::from(events.len()),
            Agg::Count(path) => Value::from(fields(path).len()),
            Agg::CountDistinct(path) => {
                let different: BTreeSet<String> = fields(path).iter().map(|v| canonical(v).to_string()).collect();
                Value::from(different.len())
            }
            Agg::Sum(path) => {
                let numbers = numbers(path);
                match exact_sum(&numbers) {
                    _ if numbers.is_empty() => Value::Null,
                    sum if numbers.iter().all(Value::is_i64) => {
                        sum.to_i64().map_or_else(|| Value::from(sum.to_f64()), Value::from)
                    }
                    sum => Value::from(sum.to_f64()),
                }
            }
            Agg::Avg(path) => {
                let numbers = numbers(path);
                if numbers.is_empty() {
                    return Value::Null;
                }
                let (sum, count) = (exact_sum(&numbers), numbers.len() as f64);
                match sum.to_f64() {
                    sum if sum.is_finite() => Value::from(sum / count),
                    _ => Value::from(sum.halved(64) / count * 2f64.powi(64)),
                }
            }
            Agg::Min(path) => extreme(fields(path), Ordering::Less),
            Agg::Max(path) => extreme(fields(path), Ordering::Greater),
            Agg::Percentile(path, p) => {
                let mut sorted: Vec<f64> = numbers(path).iter().filter_map(Value::as_f64).collect();
                sorted.sort_by(f64::total_cmp);
                percentile(&sorted, *p).map_or(Value::Null, Value::from)
            }
            Agg::BoolAnd(path) | Agg::BoolOr(path) => {
                let values: Vec<bool> = fields(path).iter().filter_map(Value::as_bool).collect();
                match self {
                    _ if values.is_empty() => Value::Null,
                    Agg::BoolAnd(_) => Value::from(!values.contains(&false)),
                    _ => Value::from(values.contains(&true)),
                }
            }
            Agg::First(path) => given(events, path).first().cloned().unwrap_or(Value::Null),
            Agg::Last(path) => given(events, path).last().cloned().unwrap_or(Value::Null),
            Agg::ArgMin(path, by) | Agg::ArgMax(path, by) => {
                let wanted = if matches!(self, Agg::ArgMin(..)) { Ordering::Less } else { Ordering::Greater };
                let mut best: Option<(Value, Value)> = None;
                for event in events {
                    let (by, value) = (at_path(event, by), given(&[*event], path));
                    let Some(value) = value.first().filter(|_| !by.is_null()) else { continue };
                    if best.as_ref().is_none_or(|(least, _)| compare_values(&by, least) == wanted) {
                        best = Some((by, value.clone()));
                    }
                }
                best.map_or(Value::Null, |(_, value)| value)
            }
            Agg::SumDistinct(path) => {
                let numbers: Vec<Value> = different(&numbers(path)).into_iter().map(|(v, _)| v).collect();
                match exact_sum(&numbers) {
                    _ if numbers.is_empty() => Value::Null,
                    sum if numbers.iter().all(Value::is_i64) => {
                        sum.to_i64().map_or_else(|| Value::from(sum.to_f64()), Value::from)
                    }
                    sum => Value::from(sum.to_f64()),
                }
            }
            Agg::Mode(path) => top(&fields(path)).first().map_or(Value::Null, |(v, _)| v.clone()),
            Agg::TopK(path, k) => match top(&fields(path)) {
                list if list.is_empty() => Value::Null,
                list => list.iter().take(*k).map(|(v, n)| serde_json::json!({"value": v, "count": n})).collect(),
            },
            Agg::Histogram(path, bounds) => {
                let numbers = numbers(path);
                let mut counts = vec![0; bounds.len() + 1];
                for v in &numbers {
                    let below = |b: &&i64| compare_values(&Value::from(**b), v) != Ordering::Greater;
                    counts[bounds.iter().filter(below).count()] += 1;
                }
                if numbers.is_empty() { Value::Null } else { Value::from(counts) }
            }
            Agg::Collect(path) => match given(events, path) {
                list if list.is_empty() => Value::Null,
                list => Value::from(list),
            },
            Agg::CollectDistinct(path) => match different(&fields(path)) {
                list if list.is_empty() => Value::Null,
                list => list.into_iter().map(|(v, _)| v).collect(),
            },
        }
    }
}

/// The values as they are given, those that are null left out.
fn given(events: &[&Value], path: &str) -> Vec<Value> {
    let value = |event: &&Value| match at_path(event, path) {
        v if v.is_u64() && !v.is_i64() => v.as_f64().map_or(Value::Null, Value::from),
        v => v,
    };
    events.iter().map(value).filter(|v| !v.is_null()).collect()
}

/// The different values by size, and how often each occurs.
fn different(values: &[Value]) -> Vec<(Value, usize)> {
    let mut list: Vec<(Value, usize)> = Vec::new();
    for value in values.iter().map(canonical) {
        match list.iter_mut().find(|(v, _)| *v == value) {
            Some((_, n)) => *n += 1,
            None => list.push((value, 1)),
        }
    }
    list.sort_by(|a, b| compare_values(&a.0, &b.0));
    list
}

/// The most frequent first.
fn top(values: &[Value]) -> Vec<(Value, usize)> {
    let mut list = different(values);
    list.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
    list
}

fn exact_sum(numbers: &[Value]) -> Exact {
    let exact = |n: &Value| match n.as_i64() {
        Some(n) => Some(Exact::from_i64(n)),
        None => n.as_f64().map(Exact::from_f64),
    };
    numbers.iter().filter_map(exact).fold(Exact::default(), |sum, n| sum.plus(&n))
}

/// Linear between the two values round position `p * (n - 1)`, and never outside of them; by their shares where their
/// distance is no float.
fn percentile(sorted: &[f64], p: f64) -> Option<f64> {
    let position = p * (sorted.len().checked_sub(1)? as f64);
    let below = *sorted.get(position.floor() as usize)?;
    let above = *sorted.get(position.ceil() as usize)?;
    let part = position - position.floor();
    let between = match above - below {
        distance if distance.is_finite() => below + part * distance,
        _ => below * (1.0 - part) + above * part,
    };
    Some(if below == above || part == 0.0 { below } else { between.clamp(below, above) })
}

fn extreme(values: Vec<Value>, wanted: Ordering) -> Value {
    let better = |best: Value, v: Value| match compare_values(&v, &best) {
        Ordering::Equal if v.is_i64() => v,
        order if order == wanted => v,
        _ => best,
    };
    values.into_iter().reduce(better).unwrap_or(Value::Null)
}

/// A value with whole numbers beyond `i64` as floats, and without the sign of zero.
fn plain(value: &Value) -> Value {
    match value.as_u64() {
        Some(n) if n > i64::MAX as u64 => Value::from(n as f64),
        _ if value.as_f64() == Some(0.0) && value.is_f64() => Value::from(0.0),
        _ => value.clone(),
    }
}

/// One form for all that are equal: a whole float that `i64` holds as an integer.
pub fn canonical(value: &Value) -> Value {
    let value = plain(value);
    match value.as_f64() {
        Some(v) if value.is_f64() && v.fract() == 0.0 && (-(2f64.powi(63))..2f64.powi(63)).contains(&v) => {
            Value::from(v as i64)
        }
        _ => value,
    }
}

/// The order of values: null, booleans, numbers by size, text by bytes, objects and arrays by their text.
pub fn compare_values(a: &Value, b: &Value) -> Ordering {
    let class = |v: &Value| match v {
        Value::Null => 0,
        Value::Bool(_) => 1,
        Value::Number(_) => 2,
        Value::String(_) => 3,
        Value::Array(_) | Value::Object(_) => 4,
    };
    match (a, b) {
        (Value::Bool(a), Value::Bool(b)) => a.cmp(b),
        (Value::Number(_), Value::Number(_)) => compare_numbers(&plain(a), &plain(b)),
        (Value::String(a), Value::String(b)) => a.as_bytes().cmp(b.as_bytes()),
        _ if class(a) == 4 && class(b) == 4 => a.to_string().cmp(&b.to_string()),
        _ => class(a).cmp(&class(b)),
    }
}

/// By exact value: the sign of the exact difference.
fn compare_numbers(a: &Value, b: &Value) -> Ordering {
    let negated = match b.as_i64() {
        // -i64::MIN is a power of two, which a float holds.
        Some(i64::MIN) => Value::from(2f64.powi(63)),
        Some(n) => Value::from(-n),
        None => b.as_f64().map_or(Value::Null, |v| Value::from(-v)),
    };
    exact_sum(&[a.clone(), negated]).to_f64().partial_cmp(&0.0).unwrap_or(Ordering::Equal)
}
