//! The aggregates beyond the first eight against the same kind of oracle: all rows kept, sorted and looked at.

use super::oracle::{deviations, distinct, is_deviation, sum, variance};
use super::*;
use std::collections::BTreeMap;
use std::sync::Arc;

const BOUNDS: [Value<'static>; 4] = [Value::Float(-20.5), Value::Int(0), Value::Float(0.1), Value::Int((1 << 53) + 1)];
const MICROS: i64 = 2_500_000;

/// Calls over column 0, of `arg_min` and `arg_max` by column 2.
pub fn calls() -> Vec<Call> {
    let bounds: Arc<[Value<'static>]> = BOUNDS.into();
    let functions = [
        Function::BoolAnd,
        Function::BoolOr,
        Function::VarPop,
        Function::VarSamp,
        Function::StddevPop,
        Function::StddevSamp,
        Function::Rate(MICROS),
        Function::First,
        Function::Last,
        Function::ArgMin(2),
        Function::ArgMax(2),
        Function::SumDistinct,
        Function::AvgDistinct,
        Function::Mode,
        Function::TopK(3),
        Function::ApproxTopK(2),
        Function::Histogram(bounds),
        Function::Collect,
        Function::CollectDistinct,
        Function::StringAgg(", ".into()),
        Function::StringAggDistinct("".into()),
        Function::ApproxCountDistinct,
        Function::ApproxPercentile(0.5),
    ];
    let filtered = [Function::First, Function::VarSamp, Function::BoolOr, Function::TopK(1), Function::ArgMax(2)];
    let call = |function, filter| Call { function, input: Some(0), filter };
    let rows = [None, Some(1)].map(|filter| Call { function: Function::RateRows(MICROS), input: None, filter });
    let plain = functions.into_iter().map(|f| call(f, None));
    plain.chain(filtered.into_iter().map(|f| call(f, Some(1)))).chain(rows).collect()
}

fn text(value: Value<'_>) -> serde_json::Value {
    match value {
        Value::Null => serde_json::Value::Null,
        Value::Bool(v) => v.into(),
        Value::Int(v) => v.into(),
        Value::Float(v) => v.into(),
        Value::Time(v) => crate::time::format_rfc3339(crate::time::EventTime(v)).into(),
        Value::Str(v) => String::from_utf8(v.to_vec()).unwrap().into(),
        Value::Json(v) => serde_json::from_slice(v).unwrap(),
    }
}

/// The value with numbers that are equal made one.
fn canonical(cell: Cell, arena: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    key::encode(cell, arena, &mut out);
    out
}

fn back(bytes: &[u8]) -> Value<'_> {
    key::decode(bytes).unwrap().0
}

/// True where `found` is the variance, or its root, as two passes over the numbers give it: scaled by their greatest,
/// so that nothing overflows, it is within a small part of the square of that. NULL only where the answer is none, or
/// beyond a double.
fn is_nearly(numbers: &[f64], sample: bool, root: bool, found: Option<f64>) -> bool {
    let divisor = numbers.len() as f64 - if sample { 1.0 } else { 0.0 };
    if divisor < 1.0 {
        return found.is_none();
    }
    let greatest = numbers.iter().fold(0.0, |m: f64, v| m.max(v.abs()));
    if greatest == 0.0 {
        return found == Some(0.0);
    }
    let scaled = || numbers.iter().map(|v| v / greatest);
    let mean = scaled().sum::<f64>() / numbers.len() as f64;
    let variance = scaled().map(|v| (v - mean) * (v - mean)).sum::<f64>() / divisor;
    match (found, root) {
        (None, true) => variance.sqrt().log2() + greatest.log2() > 1023.9,
        (None, false) => variance.log2() + 2.0 * greatest.log2() > 1023.9,
        (Some(v), true) => ((v / greatest) * (v / greatest) - variance).abs() < 1e-12,
        (Some(v), false) => v >= 0.0 && (v / greatest / greatest - variance).abs() < 1e-12,
    }
}

/// Panics where `cell` is not the answer; gives whether it is to be marked as approximate.
pub fn check(rows: &Rows, group: usize, call: &Call, cell: Cell, arena: &[u8]) -> bool {
    let filtered = call.filter.is_some();
    let values = rows.of(group, filtered);
    let mut places: Vec<usize> = rows.rows_of(group, filtered).filter(|r| !rows.columns[0][*r].is_null()).collect();
    places.sort_by_key(|r| rows.origins[*r]);
    let value = |r: usize| rows.columns[0][r];
    let numbers: Vec<Cell> = values.iter().copied().filter(|c| c.as_f64().is_some()).collect();
    let same = |expected: Cell| {
        assert_eq!(
            bits(&[cell], arena),
            bits(&[expected], &rows.arena),
            "{call:?} of {} values: {:?}",
            values.len(),
            &values[..values.len().min(50)]
        );
        false
    };
    let json = |expected: serde_json::Value| {
        assert_eq!(cell.tag(), Tag::Json, "{call:?} of {values:?}");
        let found: serde_json::Value = serde_json::from_slice(cell.text(arena)).unwrap();
        assert_eq!(found.to_string(), expected.to_string(), "{call:?} of {values:?}");
    };
    let seconds = MICROS as f64 / 1e6;
    let different = |cells: &mut dyn Iterator<Item = Cell>| -> BTreeMap<Vec<u8>, usize> {
        let mut counts = BTreeMap::new();
        cells.for_each(|c| *counts.entry(canonical(c, &rows.arena)).or_insert(0) += 1);
        counts
    };
    let all = different(&mut places.iter().map(|r| value(*r)));
    let mut ordered: Vec<&Vec<u8>> = all.keys().collect();
    ordered.sort_by(|a, b| key::compare(a, b));
    match &call.function {
        Function::RateRows(_) => same(Cell::float(values.len() as f64 / seconds)),
        Function::Rate(_) => same(match sum(&values) {
            s if s.is_null() => s,
            s => Cell::float(s.as_f64().unwrap() / seconds),
        }),
        Function::BoolAnd | Function::BoolOr => {
            let mut list = values.iter().filter(|c| c.tag() == Tag::Bool).map(|c| c.bits() != 0).peekable();
            same(match (list.peek(), &call.function) {
                (None, _) => Cell::NULL,
                (_, Function::BoolAnd) => Cell::bool(list.all(|v| v)),
                _ => Cell::bool(list.any(|v| v)),
            })
        }
        // The exact way takes too long for many values.
        Function::VarPop | Function::VarSamp | Function::StddevPop | Function::StddevSamp if values.len() > 24 => {
            let sample = matches!(call.function, Function::VarSamp | Function::StddevSamp);
            let root = matches!(call.function, Function::StddevPop | Function::StddevSamp);
            let numbers: Vec<f64> = numbers.iter().filter_map(|c| c.as_f64()).collect();
            assert!(is_nearly(&numbers, sample, root, cell.as_f64()), "{call:?} of {numbers:?}: {cell:?}");
            false
        }
        Function::VarPop => same(variance(&values, false)),
        Function::VarSamp => same(variance(&values, true)),
        Function::StddevPop | Function::StddevSamp => {
            let sample = call.function == Function::StddevSamp;
            assert!(is_deviation(&values, sample, cell), "{call:?} of {values:?}: {cell:?}");
            assert_eq!(
                deviations(&values, sample).is_none_or(|(d, _)| d.is_empty()),
                cell.as_f64().is_none_or(|v| v <= 0.0)
            );
            false
        }
        Function::First => same(places.first().map_or(Cell::NULL, |r| value(*r))),
        Function::Last => same(places.last().map_or(Cell::NULL, |r| value(*r))),
        Function::ArgMin(_) | Function::ArgMax(_) => {
            let by = |r: usize| rows.columns[2][r].value(&rows.arena);
            let mut best: Option<usize> = None;
            for r in places.iter().copied().filter(|r| by(*r) != Value::Null) {
                let order = best.map(|best| key::compare_values(by(r), by(best)));
                let order = if call.function == Function::ArgMin(2) { order } else { order.map(|o| o.reverse()) };
                if order.is_none_or(|o| o.is_lt()) {
                    best = Some(r);
                }
            }
            same(best.map_or(Cell::NULL, value))
        }
        Function::SumDistinct | Function::AvgDistinct => {
            let list = different(&mut numbers.iter().copied());
            let cells: Vec<Cell> = list.keys().map(|k| kept::cell(back(k), &mut Vec::new())).collect();
            if list.len() <= EXACT_DISTINCT {
                let expected =
                    if call.function == Function::SumDistinct { sum(&cells) } else { oracle::average(&cells) };
                return same(expected);
            }
            let (expected, found) = (sum(&cells).as_f64().unwrap(), cell.as_f64().unwrap());
            let expected = if call.function == Function::AvgDistinct { expected / list.len() as f64 } else { expected };
            assert!((found - expected).abs() <= expected.abs() * 0.1, "{call:?}: {found} is not near {expected}");
            true
        }
        Function::Mode | Function::TopK(_) | Function::ApproxTopK(_) => {
            let mut top: Vec<(usize, &Vec<u8>)> = all.iter().map(|(value, n)| (*n, value)).collect();
            top.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| key::compare(a.1, b.1)));
            if top.is_empty() {
                return same(Cell::NULL);
            }
            let k = match call.function {
                Function::TopK(k) | Function::ApproxTopK(k) => k as usize,
                _ => 1,
            };
            let sampled = matches!(call.function, Function::ApproxTopK(_)) || top.len() > COUNTED_VALUES;
            let bytes: usize = top.iter().map(|(_, v)| v.len()).sum();
            if bytes > COUNTED_BYTES || sampled && places.len() > 4096 {
                return true;
            }
            if call.function == Function::Mode {
                let (mut arena_of, value) = (Vec::new(), back(top[0].1));
                let expected = kept::cell(value, &mut arena_of);
                assert_eq!(bits(&[cell], arena), bits(&[expected], &arena_of));
                return sampled;
            }
            let list = top.iter().take(k).map(|(n, v)| serde_json::json!({"value": text(back(v)), "count": n}));
            let found: serde_json::Value = serde_json::from_slice(cell.text(arena)).unwrap();
            assert_eq!(found, list.collect::<serde_json::Value>(), "{call:?} of {values:?}");
            sampled
        }
        Function::Histogram(_) => {
            if numbers.is_empty() {
                return same(Cell::NULL);
            }
            let mut counts = [0; BOUNDS.len() + 1];
            for v in &numbers {
                let zero = v.as_f64() == Some(0.0);
                let v = if zero { Value::Int(0) } else { v.value(&[]) };
                counts[BOUNDS.iter().filter(|b| key::compare_values(**b, v).is_le()).count()] += 1;
            }
            json(serde_json::json!(counts));
            false
        }
        Function::Collect | Function::StringAgg(_) | Function::CollectDistinct | Function::StringAggDistinct(_) => {
            let once = matches!(call.function, Function::CollectDistinct | Function::StringAggDistinct(_));
            let encoded = |r: &usize| {
                let mut out = Vec::new();
                key::encode_value(value(*r), &rows.arena, &mut out);
                out
            };
            let list: Vec<Vec<u8>> = if once {
                ordered.iter().map(|v| (*v).clone()).collect()
            } else {
                places.iter().map(encoded).collect()
            };
            let mut bytes = 0;
            let fits = |v: &&Vec<u8>| {
                bytes += v.len();
                bytes <= COLLECTED_BYTES
            };
            let given: Vec<serde_json::Value> =
                list.iter().take(COLLECTED_VALUES).take_while(fits).map(|v| text(back(v))).collect();
            let cut = given.len() < list.len();
            if given.is_empty() {
                same(Cell::NULL);
                return cut;
            }
            if let Function::StringAgg(separator) | Function::StringAggDistinct(separator) = &call.function {
                let words: Vec<String> =
                    given.iter().map(|v| v.as_str().map_or_else(|| v.to_string(), str::to_owned)).collect();
                assert_eq!(cell.tag(), Tag::Str);
                assert_eq!(std::str::from_utf8(cell.text(arena)).unwrap(), words.join(separator));
            } else {
                json(given.into_iter().collect());
            }
            cut
        }
        Function::ApproxCountDistinct => {
            let n = distinct(&values, &rows.arena) as f64;
            let off = (cell.bits() as f64 - n).abs();
            assert!(off <= n * 0.04 + 1.0, "{} of {n}", cell.bits());
            true
        }
        Function::ApproxPercentile(p) => match oracle::percentile(&values, *p) {
            None => same(Cell::NULL),
            Some((low, high, part)) => {
                let (a, b) = (low * (1.0 - part) + high * part, cell.as_f64().unwrap());
                let bound = low.abs().max(high.abs()) / 256.0 + f64::MIN_POSITIVE;
                assert!((a - b).abs() <= bound * 1.000_001, "{b} is not near {a}");
                true
            }
        },
        other => panic!("{other:?} has no check"),
    }
}

#[test]
fn a_sample_finds_what_is_frequent_among_many_values() {
    let mut rows = Rows::default();
    for i in 0..60_000i64 {
        // A fifth of all is 7, a tenth is text, the rest different.
        let value = match i % 10 {
            0 | 5 => Cell::int(7),
            1 => rows.text("often"),
            _ => Cell::int(1000 + i),
        };
        rows.push(0, value, i % 2 == 0);
    }
    let mut dice = Dice(9);
    let first = finish(&wander(&rows, &mut dice), Some(&rows));
    assert_eq!(finish(&wander(&rows, &mut dice), None), first);
    let at = super::calls().iter().position(|c| c.function == Function::TopK(3)).unwrap();
    let (cells, approximate) = first[0].clone().unwrap();
    let top: serde_json::Value = serde_json::from_slice(&cells[at].2).unwrap();
    assert_eq!((&top[0]["value"], &top[1]["value"]), (&7.into(), &"often".into()));
    assert!((top[0]["count"].as_i64().unwrap() - 12_000).abs() < 1_200, "{top}");
    assert!((top[1]["count"].as_i64().unwrap() - 6_000).abs() < 1_000, "{top}");
    assert!(approximate >> at & 1 == 1);
}

#[test]
fn what_is_collected_is_the_same_prefix_however_it_is_cut() {
    let mut rows = Rows::default();
    let mut dice = Dice(4);
    for i in 0..4_000 {
        let group = i % 3;
        let value = match group {
            // By count, by bytes, and by one value that is too long alone.
            0 => Cell::int(i as i64 % 1500),
            1 => rows.text(&"x".repeat(dice.roll(900))),
            _ => rows.text(&if i == 2000 { "y".repeat(COLLECTED_BYTES) } else { format!("z{}", i % 40) }),
        };
        rows.push(group, value, i % 2 == 0);
    }
    let first = finish(&wander(&rows, &mut dice), Some(&rows));
    for _ in 0..8 {
        assert_eq!(finish(&wander(&rows, &mut dice), None), first);
    }
}

#[test]
fn states_stay_bounded_whatever_comes() {
    let layout = Layout::new(&calls());
    let mut table = GroupTable::new(layout.clone());
    let mut tally = Tally::new(&layout);
    for block in 0..60 {
        let mut rows = Rows::default();
        for i in 0..2_000 {
            let value = rows.text(&format!("{block} {i} {}", "t".repeat(i % 700)));
            rows.push(0, value, true);
        }
        let all: Vec<u32> = (0..2_000).collect();
        rows.add(&mut table, &all, &mut tally);
        assert!(table.bytes() < 6 << 20, "{} after block {block}", table.bytes());
    }
    table.clear();
    assert!(table.bytes() < 2 << 20, "{}", table.bytes());
}
