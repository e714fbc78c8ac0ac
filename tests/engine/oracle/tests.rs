//! The oracle itself: small stories with answers computed by hand, and sums against the processor's addition.

use super::exact::Exact;
use super::*;
use highwater::generate::{Generator, Settings};
use proptest::prelude::*;
use serde_json::json;

const S: i64 = 1_000_000;

/// A window that counts its events and sums `v` by `k`, with a tick of a second; lengths in seconds.
fn window(size: i64, slide: i64, lateness: i64) -> OracleWindow {
    OracleWindow {
        shape: Shape::sliding(size * S, slide * S),
        early: None,
        lateness: lateness * S,
        tick: S,
        group: vec![Box::new(|e| e["k"].clone())],
        max_groups: None,
        filter: None,
        aggregates: vec![plain(Agg::CountRows), plain(Agg::Sum("v".to_owned()))],
    }
}

fn plain(agg: Agg) -> OracleAgg {
    OracleAgg { agg, filter: None }
}

fn partition(lines: &[Value]) -> Partition {
    text_partition(lines.iter().map(Value::to_string).collect())
}

fn text_partition(lines: Vec<String>) -> Partition {
    Partition { lines, out_of_orderness: 0, time_path: "t".to_owned(), unit: Unit::Seconds }
}

/// `[(time, group, value), ...]` as events.
fn events(of: &[(f64, &str, i64)]) -> Vec<Value> {
    of.iter().map(|(t, k, v)| json!({"t": t, "k": k, "v": v})).collect()
}

/// Rows as text: `time [start, end) key values revision op`, times in seconds.
fn told(rows: &[OracleRow]) -> Vec<String> {
    let told = |r: &OracleRow| {
        let (time, start, end) = (r.time / S, r.window_start / S, r.window_end / S);
        let early = if r.early > 0 { format!(" early {}", r.early) } else { String::new() };
        format!("{time} [{start},{end}) {} {} {}{}{early}", json!(r.key), json!(r.values), r.op, r.revision)
    };
    rows.iter().map(told).collect()
}

#[test]
fn late_event_when_within_the_lateness_then_corrects_and_when_beyond_it_is_dropped() {
    // Ticks: none, 1, 12, 12, 16.
    let lines = events(&[(1.0, "a", 1), (12.0, "a", 2), (5.0, "a", 4), (16.5, "a", 8), (6.0, "a", 16)]);
    let (rows, counts) = run(&window(10, 10, 5), &[partition(&lines)]);
    // The third event comes at tick 12, which is after the end at 10 and before 15: said at 12 + 1. The fifth comes
    // at tick 16, after 15.
    assert_eq!(
        told(&rows),
        [
            r#"10 [0,10) ["a"] [1,1] +0"#,
            r#"13 [0,10) ["a"] [1,1] -0"#,
            r#"13 [0,10) ["a"] [2,5] +1"#,
            r#"20 [10,20) ["a"] [2,10] +0"#,
        ]
    );
    assert_eq!(counts, Counts { events: 5, rejected: 0, late: 2, too_late: 1 });
}

#[test]
fn provisional_row_when_it_differs_then_takes_the_place_of_the_last_one() {
    // Ticks: none, 1, 3, 3, 5. The third event is late, and there at 4.
    let lines = events(&[(1.0, "a", 1), (3.0, "b", 2), (1.5, "a", 4), (5.0, "b", 0), (7.0, "c", 16)]);
    let window = OracleWindow { early: Some(2 * S), ..window(6, 6, 0) };
    assert_eq!(
        told(&run(&window, &[partition(&lines)]).0),
        [
            r#"2 [0,6) ["a"] [1,1] +0 early 1"#,
            r#"4 [0,6) ["a"] [1,1] -0 early 1"#,
            r#"4 [0,6) ["a"] [2,5] +0 early 2"#,
            r#"4 [0,6) ["b"] [1,2] +0 early 1"#,
            r#"6 [0,6) ["a"] [2,5] -0 early 2"#,
            r#"6 [0,6) ["a"] [2,5] +0"#,
            r#"6 [0,6) ["b"] [1,2] -0 early 1"#,
            r#"6 [0,6) ["b"] [2,2] +0"#,
            r#"8 [6,12) ["c"] [1,16] +0 early 1"#,
            r#"12 [6,12) ["c"] [1,16] -0 early 1"#,
            r#"12 [6,12) ["c"] [1,16] +0"#,
        ]
    );
}

#[test]
fn global_row_when_its_group_changes_then_is_stated_anew_with_all_that_came_before() {
    // Ticks: none, 1, 9, 9, 21. The late event counts from its tick on, the last one too.
    let lines = events(&[(1.0, "a", 1), (9.0, "b", 2), (2.0, "a", 4), (21.0, "b", 8), (3.0, "a", 16)]);
    let window = OracleWindow { shape: Shape::Global { every: 5 * S, offset: 0 }, ..window(1, 1, 0) };
    let (rows, counts) = run(&window, &[partition(&lines)]);
    assert_eq!(
        told(&rows),
        [
            r#"5 [0,5) ["a"] [1,1] +0"#,
            r#"10 [0,5) ["a"] [1,1] -0"#,
            r#"10 [0,10) ["a"] [2,5] +1"#,
            r#"10 [0,10) ["b"] [1,2] +0"#,
            r#"25 [0,10) ["a"] [2,5] -1"#,
            r#"25 [0,10) ["b"] [1,2] -0"#,
            r#"25 [0,25) ["a"] [3,21] +2"#,
            r#"25 [0,25) ["b"] [2,10] +1"#,
        ]
    );
    assert_eq!(counts, Counts { events: 5, rejected: 0, late: 2, too_late: 0 });
}

#[test]
fn lateness_when_it_ends_on_the_tick_then_the_event_is_dropped() {
    let lines = events(&[(15.0, "a", 1), (5.0, "a", 2)]);
    let too_late = |lateness| run(&window(10, 10, lateness), &[partition(&lines)]).1.too_late;
    assert_eq!((too_late(5), too_late(6)), (1, 0));
}

#[test]
fn event_when_its_time_is_the_tick_or_the_end_then_it_is_on_time_and_in_the_next_window() {
    // The second event moves the tick to 10 for the third, whose time is 10: not late.
    let lines = events(&[(1.0, "a", 1), (10.9, "a", 2), (10.0, "a", 4)]);
    let (rows, counts) = run(&window(10, 10, 0), &[partition(&lines)]);
    assert_eq!(told(&rows), [r#"10 [0,10) ["a"] [1,1] +0"#, r#"20 [10,20) ["a"] [2,6] +0"#]);
    assert_eq!((counts.late, counts.too_late), (0, 0));
}

#[test]
fn late_event_when_its_tick_is_before_the_end_then_it_is_in_the_first_statement() {
    // The second event has moved the tick to 8: the third is late, but its window is not over.
    let lines = events(&[(1.0, "a", 1), (8.0, "a", 2), (2.0, "a", 4)]);
    let (rows, counts) = run(&window(10, 10, 0), &[partition(&lines)]);
    assert_eq!(told(&rows), [r#"10 [0,10) ["a"] [3,7] +0"#]);
    assert_eq!((counts.late, counts.too_late), (1, 0));
}

#[test]
fn late_event_when_its_tick_is_the_end_then_it_is_a_correction_one_tick_later() {
    let lines = events(&[(1.0, "a", 1), (10.0, "a", 2), (5.0, "a", 4), (5.0, "b", 8)]);
    let (rows, _) = run(&window(10, 10, 5), &[partition(&lines)]);
    assert_eq!(
        told(&rows),
        [
            r#"10 [0,10) ["a"] [1,1] +0"#,
            r#"11 [0,10) ["a"] [1,1] -0"#,
            r#"11 [0,10) ["a"] [2,5] +1"#,
            r#"11 [0,10) ["b"] [1,8] +0"#,
            r#"20 [10,20) ["a"] [1,2] +0"#,
        ]
    );
}

#[test]
fn late_events_when_they_have_one_tick_then_are_one_correction_across_partitions() {
    let first = events(&[(1.0, "a", 1), (12.1, "a", 0), (5.0, "a", 2), (6.0, "a", 4), (13.0, "a", 0), (7.0, "a", 8)]);
    // Another clock, at the same tick 12 when its last event comes.
    let second = events(&[(12.9, "b", 0), (8.0, "a", 16)]);
    let (rows, counts) = run(&window(10, 10, 5), &[partition(&first), partition(&second)]);
    let window_a: Vec<_> = told(&rows).into_iter().filter(|r| r.contains("[0,10)")).collect();
    assert_eq!(
        window_a,
        [
            r#"10 [0,10) ["a"] [1,1] +0"#,
            r#"13 [0,10) ["a"] [1,1] -0"#,
            r#"13 [0,10) ["a"] [4,23] +1"#,
            r#"14 [0,10) ["a"] [4,23] -1"#,
            r#"14 [0,10) ["a"] [5,31] +2"#,
        ]
    );
    assert_eq!(counts, Counts { events: 8, rejected: 0, late: 4, too_late: 0 });
}

#[test]
fn sliding_windows_when_an_event_is_too_late_for_one_then_the_other_still_takes_it() {
    // At tick 13 the event at 8 is too late for [0,10) with a lateness of 2, and on time for [5,15).
    let lines = events(&[(6.0, "a", 1), (13.0, "a", 2), (8.0, "a", 4)]);
    let (rows, counts) = run(&window(10, 5, 2), &[partition(&lines)]);
    assert_eq!(
        told(&rows),
        [r#"10 [0,10) ["a"] [1,1] +0"#, r#"15 [5,15) ["a"] [3,7] +0"#, r#"20 [10,20) ["a"] [1,2] +0"#,]
    );
    assert_eq!(counts, Counts { events: 3, rejected: 0, late: 1, too_late: 0 });
}

#[test]
fn group_when_its_first_event_is_late_then_its_first_row_has_revision_0_and_is_not_at_the_end() {
    let lines = events(&[(1.0, "a", 1), (11.0, "a", 2), (3.0, "b", 4), (12.0, "a", 0), (4.0, "b", 8)]);
    let (rows, _) = run(&window(10, 10, 5), &[partition(&lines)]);
    assert_eq!(
        told(&rows),
        [
            r#"10 [0,10) ["a"] [1,1] +0"#,
            r#"12 [0,10) ["b"] [1,4] +0"#,
            r#"13 [0,10) ["b"] [1,4] -0"#,
            r#"13 [0,10) ["b"] [2,12] +1"#,
            r#"20 [10,20) ["a"] [2,2] +0"#,
        ]
    );
}

#[test]
fn correction_when_no_value_changes_then_nothing_is_said_and_no_revision_is_used() {
    let mut greatest = window(10, 10, 5);
    greatest.aggregates = vec![plain(Agg::Max("v".to_owned()))];
    let lines = events(&[(1.0, "a", 5), (11.0, "a", 0), (2.0, "a", 3), (12.0, "a", 0), (3.0, "a", 7)]);
    let (rows, _) = run(&greatest, &[partition(&lines)]);
    assert_eq!(
        told(&rows),
        [
            r#"10 [0,10) ["a"] [5] +0"#,
            r#"13 [0,10) ["a"] [5] -0"#,
            r#"13 [0,10) ["a"] [7] +1"#,
            r#"20 [10,20) ["a"] [0] +0"#,
        ]
    );
}

#[test]
fn clock_when_a_line_is_rejected_then_stands_and_when_it_is_filtered_out_then_moves() {
    let late_after = |line: &str| {
        let mut only_a = window(10, 10, 0);
        only_a.filter = Some(Box::new(|e| e["k"] == "a"));
        let first = r#"{"t": 1, "k": "a"}"#.to_owned();
        let last = r#"{"t": 2, "k": "a"}"#.to_owned();
        let (rows, counts) = run(&only_a, &[text_partition(vec![first, line.to_owned(), last])]);
        (counts, rows.len())
    };
    let rejects = ["{", "", "[1]", "7", r#"{"k": "a"}"#, r#"{"t": "50"}"#, r#"{"t": null}"#, r#"{"t": 1e300}"#];
    for reject in rejects {
        assert_eq!(late_after(reject), (Counts { events: 2, rejected: 1, late: 0, too_late: 0 }, 1), "{reject}");
    }
    let filtered = late_after(r#"{"t": 50, "k": "b"}"#);
    assert_eq!(filtered, (Counts { events: 3, rejected: 0, late: 1, too_late: 1 }, 1));
    // An event that is filtered out is late, but never too late.
    let (_, counts) = {
        let mut none = window(10, 10, 0);
        none.filter = Some(Box::new(|_| false));
        run(&none, &[partition(&events(&[(50.0, "a", 1), (1.0, "a", 1)]))])
    };
    assert_eq!(counts, Counts { events: 2, rejected: 0, late: 1, too_late: 0 });
}

#[test]
fn clock_when_events_may_be_out_of_order_then_lies_behind_and_rounds_down_before_1970() {
    let mut lines = partition(&events(&[(-1.5, "a", 1), (-3.0, "a", 2), (-3.1, "a", 4), (-5.0, "a", 8)]));
    lines.out_of_orderness = S;
    // The watermark is -2.5, its tick -3: the second event is on time, the others are late.
    let (rows, counts) = run(&window(2, 2, 0), &[lines]);
    assert_eq!(counts, Counts { events: 4, rejected: 0, late: 2, too_late: 1 });
    assert_eq!(told(&rows), [r#"-2 [-4,-2) ["a"] [2,6] +0"#, r#"0 [-2,0) ["a"] [1,1] +0"#]);
}

#[test]
fn partitions_when_one_is_ahead_then_the_other_is_not_late() {
    let ahead = partition(&events(&[(100.0, "a", 1), (101.0, "a", 1)]));
    let behind = partition(&events(&[(1.0, "a", 1), (2.0, "a", 1)]));
    let (rows, counts) = run(&window(10, 10, 0), &[ahead, behind]);
    assert_eq!(counts.late, 0);
    assert_eq!(told(&rows), [r#"10 [0,10) ["a"] [2,2] +0"#, r#"110 [100,110) ["a"] [2,2] +0"#]);
}

#[test]
fn groups_when_equal_in_value_then_are_one_and_rows_are_ordered_by_value() {
    let keys = [json!("z"), json!(10), json!(1.0), json!(1), json!(true), json!(2.5), json!(null), json!("Z")];
    let lines: Vec<_> = keys.iter().map(|k| json!({"t": 1, "k": k, "v": 1})).chain([json!({"t": 1, "v": 1})]).collect();
    let (rows, _) = run(&window(10, 10, 0), &[partition(&lines)]);
    let shown: Vec<_> = rows.iter().map(|r| (r.key[0].to_string(), r.values[0].as_u64().unwrap())).collect();
    let expected = [("null", 2), ("true", 1), ("1", 2), ("2.5", 1), ("10", 1), ("\"Z\"", 1), ("\"z\"", 1)];
    assert_eq!(shown, expected.map(|(k, n)| (k.to_owned(), n)));
    assert_eq!(compare_values(&json!(i64::MAX), &json!(9_223_372_036_854_775_807.0)), Ordering::Less);
    assert_eq!(compare_values(&json!(i64::MIN), &json!(-9_223_372_036_854_775_808.0)), Ordering::Equal);
    assert_eq!(compare_values(&json!(u64::MAX), &json!(i64::MAX)), Ordering::Greater);
}

/// The value of an aggregate over `v`s.
fn over(agg: Agg, values: &[Value]) -> Value {
    let events: Vec<Value> = values.iter().map(|v| json!({"d": {"v": v}})).collect();
    agg.of(&events.iter().collect::<Vec<_>>())
}

fn path() -> String {
    "d.v".to_owned()
}

#[test]
fn sums_when_computed_then_are_exact_and_rounded_once() {
    let sum = |values: &[Value]| over(Agg::Sum(path()), values);
    assert_eq!(sum(&[json!(1e100), json!(1.0), json!(-1e100)]), json!(1.0));
    assert_eq!(sum(&vec![json!(0.1); 10]), json!(1.0));
    assert_eq!(sum(&[json!(1), json!(2), json!(-5)]), json!(-2));
    assert_eq!(sum(&[json!(1), json!(2.0)]), json!(3.0));
    assert_eq!(sum(&[json!(i64::MAX), json!(1), json!(-1)]), json!(i64::MAX));
    assert_eq!(sum(&[json!(i64::MAX), json!(1)]), json!(9_223_372_036_854_775_808.0));
    assert_eq!(sum(&[json!(i64::MIN), json!(0)]), json!(i64::MIN));
    assert_eq!(sum(&[json!(5e-324), json!(5e-324)]), json!(1e-323));
    // One, half of its last place (a tie, to even), and a little more (up).
    let half = 2f64.powi(-53);
    assert_eq!(sum(&[json!(1.0), json!(half)]), json!(1.0));
    assert_eq!(sum(&[json!(1.0), json!(half), json!(1e-300)]), json!(1.0 + 2.0 * half));
    assert_eq!(sum(&[json!(f64::MAX), json!(f64::MAX)]), json!(null), "infinite is null");
    assert_eq!(sum(&[json!(f64::MAX), json!(f64::MAX), json!(-f64::MAX)]), json!(f64::MAX));
    assert_eq!(sum(&[json!("1"), json!(true), json!(null), json!([1])]), json!(null));
    assert_eq!(sum(&[json!("1"), json!(2)]), json!(2));
    assert_eq!(sum(&[json!(u64::MAX)]), json!(18_446_744_073_709_551_616.0));
}

proptest! {
    #[test]
    fn sums_of_two_when_rounded_then_are_what_the_processor_says(a in any::<u64>(), b in any::<u64>(), near: bool) {
        let a = f64::from_bits(a);
        // Half of the pairs with exponents near each other, where rounding is decided.
        let b = if near { f64::from_bits((a.to_bits() & 0x7FF << 52) ^ (b >> 8)) } else { f64::from_bits(b) };
        prop_assume!(a.is_finite() && b.is_finite());
        prop_assert_eq!(Exact::from_f64(a).plus(&Exact::from_f64(b)).to_f64(), a + b);
    }

    #[test]
    fn sums_of_integers_when_they_fit_then_are_those_of_i128(values in proptest::collection::vec(any::<i64>(), 0..6)) {
        let sum: i128 = values.iter().map(|n| i128::from(*n)).sum();
        let exact = values.iter().fold(Exact::default(), |sum, n| sum.plus(&Exact::from_i64(*n)));
        prop_assert_eq!(exact.to_i64(), i64::try_from(sum).ok());
        prop_assert_eq!(exact.to_f64(), sum as f64);
    }
}

#[test]
fn other_aggregates_when_computed_then_follow_their_rules() {
    let some = [json!(4), json!(1.5), json!("x"), json!(null), json!(1.5), json!(true), json!([1])];
    assert_eq!(over(Agg::CountRows, &some), json!(7));
    assert_eq!(over(Agg::Count(path()), &some), json!(6));
    assert_eq!(over(Agg::CountDistinct(path()), &some), json!(5));
    assert_eq!(over(Agg::CountDistinct(path()), &[json!(1), json!(1.0), json!("1")]), json!(2));
    assert_eq!(over(Agg::Avg(path()), &some), json!(7.0 / 3.0));
    assert_eq!(over(Agg::Avg(path()), &[json!(1), json!(3)]), json!(2.0));
    assert_eq!(over(Agg::Min(path()), &[json!(4), json!(1.5), json!(2)]), json!(1.5));
    assert_eq!(over(Agg::Max(path()), &[json!(4), json!(1.5), json!(4.0)]), json!(4));
    assert_eq!(over(Agg::Min(path()), &[json!("b"), json!("B"), json!("é")]), json!("B"));
    assert_eq!(over(Agg::Max(path()), &[json!("b"), json!("B"), json!("é")]), json!("é"));
    for (p, expected) in [(0.0, 1.0), (0.5, 2.5), (0.95, 3.85), (1.0, 4.0)] {
        let found = over(Agg::Percentile(path(), p), &[json!(4), json!(1), json!("x"), json!(3.0), json!(2)]);
        assert!((found.as_f64().unwrap() - expected).abs() < 1e-12, "{p}: {found}");
    }
    assert_eq!(over(Agg::Percentile(path(), 0.9), &[json!(7)]), json!(7.0));
    let empty = [json!(null), json!("x")];
    for agg in [Agg::Sum(path()), Agg::Avg(path()), Agg::Percentile(path(), 0.5)] {
        assert_eq!(over(agg, &empty), json!(null));
    }
    assert_eq!(over(Agg::Max(path()), &[json!(null)]), json!(null));
    assert_eq!(over(Agg::Count(path()), &[json!(null)]), json!(0));
}

#[test]
fn aggregates_when_they_have_a_filter_then_see_only_its_events() {
    let mut filtered = window(10, 10, 0);
    let big = |e: &Value| e["v"].as_i64().is_some_and(|v| v > 1);
    filtered.aggregates = vec![
        OracleAgg { agg: Agg::CountRows, filter: Some(Box::new(big)) },
        OracleAgg { agg: Agg::Sum("v".to_owned()), filter: Some(Box::new(|_| false)) },
        plain(Agg::CountRows),
    ];
    let (rows, _) = run(&filtered, &[partition(&events(&[(1.0, "a", 1), (2.0, "a", 2), (3.0, "a", 3)]))]);
    assert_eq!(told(&rows), [r#"10 [0,10) ["a"] [2,null,3] +0"#]);
}

#[test]
fn times_when_read_then_are_cut_to_the_microsecond() {
    let time = |unit, text: &str| {
        let partition = Partition { lines: vec![], out_of_orderness: 0, time_path: "a.t".to_owned(), unit };
        partition.read(&format!(r#"{{"a": {{"t": {text}}}}}"#)).map(|(_, time)| time)
    };
    assert_eq!(time(Unit::Seconds, "1767614400.123456"), Some(1_767_614_400_123_456));
    assert_eq!(time(Unit::Seconds, "1767614400"), Some(1_767_614_400_000_000));
    assert_eq!(time(Unit::Seconds, "-0.0000019"), Some(-1));
    assert_eq!(time(Unit::Seconds, "1.7676144e9"), Some(1_767_614_400_000_000));
    assert_eq!(time(Unit::Millis, "1767614400123.5"), Some(1_767_614_400_123_500));
    assert_eq!(time(Unit::Micros, "1767614400123456"), Some(1_767_614_400_123_456));
    assert_eq!(time(Unit::Nanos, "1767614400123456789"), Some(1_767_614_400_123_456));
    assert_eq!(time(Unit::Nanos, "999"), Some(0));
    assert_eq!(time(Unit::Rfc3339, r#""2026-01-05T13:00:00.5+01:00""#), Some(1_767_614_400_500_000));
    assert_eq!(time(Unit::Rfc3339, "1767614400"), None);
    assert_eq!(time(Unit::Seconds, "253402300800"), None, "the year 10000");
    assert_eq!(time(Unit::Seconds, "-62135596801"), None, "before the year 1");
}

#[test]
fn generated_stream_when_run_then_every_event_is_in_one_row_or_too_late() {
    let settings = Settings { events: 4_000, rate: 100.0, late: 0.05, bad: 0.02, partitions: 2, ..Settings::default() };
    let partitions: Vec<Partition> = (0..2)
        .map(|p| {
            let generator = Generator::new(settings.clone(), p);
            let mut text = Vec::new();
            (0..generator.blocks().expect("it has an end")).for_each(|k| generator.block(k, &mut text));
            let lines = String::from_utf8(text).expect("text").lines().map(str::to_owned).collect();
            Partition {
                lines,
                out_of_orderness: settings.max_delay.0,
                time_path: "timestamp".to_owned(),
                unit: Unit::Seconds,
            }
        })
        .collect();
    let mut by_type = window(10, 10, 3);
    by_type.group = vec![Box::new(|e| e["event_type"].clone())];
    let (rows, counts) = run(&by_type, &partitions);
    assert_eq!(counts.events + counts.rejected, 4_000);
    assert!(counts.too_late > 20 && counts.late > counts.too_late && counts.late < 250, "{counts:?}");
    assert!(rows.iter().any(|r| r.revision > 1));
    let held = rows.iter().map(|r| if r.op == '+' { 1 } else { -1 } * r.values[0].as_i64().expect("a count"));
    assert_eq!(held.sum::<i64>() as u64 + counts.too_late, counts.events);
}
