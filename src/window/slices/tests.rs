//! The rules of windows whose bounds are known beforehand, one by one.

use super::super::Early;
use super::super::answer::Answer;
use super::*;
use crate::aggregate::{Call, Function, Tally};
use crate::event::{Cell, Value, key};

/// Size 10, slide 5, lateness 7, tick 1; count and sum of column 0 by one text key.
fn slices() -> Slices {
    of(WindowSpec::sliding(10, 5, 7, 1))
}

fn of(spec: WindowSpec) -> Slices {
    let call = |function, input| Call { function, input, filter: None };
    let layout = Layout::new(&[call(Function::CountRows, None), call(Function::Sum, Some(0))]);
    let answers = Answers::new(Arc::clone(&layout), vec![Answer::Call(0), Answer::Call(1)]);
    Slices::new(spec, 3, layout, answers)
}

fn add(slices: &mut Slices, slice: i64, late: Option<i64>, name: &str, value: i64) {
    let mut bytes = Vec::new();
    key::encode(Cell::str(0, name.len() as u32), name.as_bytes(), &mut bytes);
    let table = slices.table(slice, late);
    let group = table.group(key::hash(&bytes), &bytes);
    let mut tally = Tally::new(table.layout());
    table.add(&[group], &[0], &[vec![Cell::int(value)]], &[], &mut tally);
}

/// Rows as `time op end key count sum revision`, in the order of the engine.
fn advance(slices: &mut Slices, frontier: Option<i64>) -> Vec<String> {
    let mut all = RowBatch::default();
    slices.advance(frontier, &mut |time, rows| {
        assert!(rows.iter().all(|r| r.head.time == time && r.head.part == 3));
        rows.iter().for_each(|row| all.push(row));
    });
    let mut rows: Vec<_> = all.iter().collect();
    rows.sort_by(|a, b| a.order(b));
    let say = |row: &crate::result::RowRef<'_>| {
        let name = match row.dimensions().next() {
            None if row.is_overflow() => "overflow".to_owned(),
            Some(Value::Str(name)) => String::from_utf8_lossy(name).into_owned(),
            other => panic!("{other:?}"),
        };
        let values: Vec<String> = row.values().map(|v| format!("{v:?}")).collect();
        let h = row.head;
        let number = if h.early > 0 { format!("e{}", h.early) } else { format!("r{}", h.revision) };
        format!("{} {}{} {name} {} {number}", h.time, h.op.sign(), h.window_end, values.join(" "))
    };
    rows.iter().map(say).collect()
}

#[test]
fn windows_are_stated_at_their_end_and_share_slices() {
    let mut s = slices();
    add(&mut s, 0, None, "a", 1);
    add(&mut s, 5, None, "a", 2);
    add(&mut s, 5, None, "b", 4);
    assert_eq!(advance(&mut s, Some(4)), [""; 0]);
    assert_eq!(advance(&mut s, Some(5)), ["5 +5 a Int(1) Int(1) r0"]);
    assert_eq!(s.next_time(), Some(10));
    let rows = ["10 +10 a Int(2) Int(3) r0", "10 +10 b Int(1) Int(4) r0"];
    assert_eq!(advance(&mut s, Some(12)), rows);
    let rows = ["15 +15 a Int(1) Int(2) r0", "15 +15 b Int(1) Int(4) r0"];
    assert_eq!(advance(&mut s, None), rows);
    assert_eq!(s.stated(), Stated { rows: 5, ..Stated::default() });
}

#[test]
fn late_contributions_correct_what_was_stated_before_their_tick_and_nothing_else() {
    let mut s = slices();
    add(&mut s, 0, None, "a", 1);
    assert_eq!(advance(&mut s, Some(6)), ["5 +5 a Int(1) Int(1) r0"]);
    // With tick 8: window 5 was stated, window 10 was not.
    add(&mut s, 0, Some(8), "a", 10);
    add(&mut s, 0, Some(8), "c", 20);
    assert_eq!(s.next_time(), Some(9));
    assert_eq!(advance(&mut s, Some(8)), [""; 0]);
    let rows = ["9 -5 a Int(1) Int(1) r0", "9 +5 a Int(2) Int(11) r1", "9 +5 c Int(1) Int(20) r0"];
    assert_eq!(advance(&mut s, Some(9)), rows);
    // With tick 11 a second correction of window 5, the first of window 10; with tick 12 window 5 is closed.
    add(&mut s, 0, Some(11), "a", 100);
    add(&mut s, 0, Some(12), "c", 200);
    let rows = [
        "10 +10 a Int(2) Int(11) r0",
        "10 +10 c Int(1) Int(20) r0",
        "12 -5 a Int(2) Int(11) r1",
        "12 +5 a Int(3) Int(111) r2",
        "12 -10 a Int(2) Int(11) r0",
        "12 +10 a Int(3) Int(111) r1",
        "13 -10 c Int(1) Int(20) r0",
        "13 +10 c Int(2) Int(220) r1",
    ];
    assert_eq!(advance(&mut s, Some(16)), rows);
    assert_eq!(s.size().2, 1, "window 10 takes corrections until 17");
    assert_eq!(advance(&mut s, Some(17)), [""; 0]);
    assert_eq!(s.size().2, 0);
    assert_eq!(s.stated(), Stated { rows: 4, corrections: 4, ..Stated::default() });
}

/// The names of some groups by their hashes, the least first.
fn by_hash(names: &[&str]) -> Vec<String> {
    let hash = |name: &str| {
        let mut bytes = Vec::new();
        key::encode(Cell::str(0, name.len() as u32), name.as_bytes(), &mut bytes);
        key::hash(&bytes)
    };
    let mut names: Vec<String> = names.iter().map(|n| (*n).to_owned()).collect();
    names.sort_by_key(|name| hash(name));
    names
}

#[test]
fn groups_beyond_the_cap_are_one_row_and_a_lesser_hash_that_comes_late_takes_a_place() {
    let names = by_hash(&["a", "b", "c", "d"]);
    let [first, second, third, fourth] = &names[..] else { panic!("four names") };
    let mut s = slices().capped(2);
    // In each slice there is room, in the window over both there is not.
    add(&mut s, 0, None, third, 1);
    add(&mut s, 0, None, second, 2);
    add(&mut s, 5, None, third, 4);
    add(&mut s, 5, None, fourth, 8);
    let sorted = |mut rows: Vec<String>| {
        rows.sort();
        rows
    };
    let row = |rest: &str, name: &str, values: &str| format!("{rest} {name} {values}");
    let rows = [row("5 +5", second, "Int(1) Int(2) r0"), row("5 +5", third, "Int(1) Int(1) r0")];
    assert_eq!(sorted(advance(&mut s, Some(5))), sorted(rows.into()));
    let rows = [
        row("10 +10", second, "Int(1) Int(2) r0"),
        row("10 +10", third, "Int(2) Int(5) r0"),
        row("10 +10", "overflow", "Int(1) Int(8) r0"),
    ];
    assert_eq!(sorted(advance(&mut s, Some(10))), sorted(rows.into()));
    assert_eq!(s.stated(), Stated { rows: 5, overflowed: 1, ..Stated::default() });
    // Late: a kept group changes, and one that is not kept.
    add(&mut s, 5, Some(10), third, 16);
    add(&mut s, 5, Some(10), fourth, 32);
    let rows = [
        row("11 -10", third, "Int(2) Int(5) r0"),
        row("11 +10", third, "Int(3) Int(21) r1"),
        row("11 -10", "overflow", "Int(1) Int(8) r0"),
        row("11 +10", "overflow", "Int(2) Int(40) r1"),
    ];
    assert_eq!(sorted(advance(&mut s, Some(11))), sorted(rows.into()));
    // A lesser hash: in the first window third falls out, and so there is an overflow group; in the second too.
    add(&mut s, 0, Some(11), first, 64);
    let rows = [
        row("12 -5", third, "Int(1) Int(1) r0"),
        row("12 +5", first, "Int(1) Int(64) r0"),
        row("12 +5", "overflow", "Int(1) Int(1) r0"),
        row("12 -10", third, "Int(3) Int(21) r1"),
        row("12 +10", first, "Int(1) Int(64) r0"),
        row("12 -10", "overflow", "Int(2) Int(40) r1"),
        row("12 +10", "overflow", "Int(5) Int(61) r2"),
    ];
    assert_eq!(sorted(advance(&mut s, Some(12))), sorted(rows.into()));
    // What comes for a group that fell out changes the overflow group alone.
    add(&mut s, 5, Some(12), third, 128);
    let rows = [row("13 -10", "overflow", "Int(5) Int(61) r2"), row("13 +10", "overflow", "Int(6) Int(189) r3")];
    assert_eq!(sorted(advance(&mut s, Some(13))), sorted(rows.into()));
    assert_eq!(s.stated(), Stated { rows: 8, corrections: 4, overflowed: 2, early: 0 });
}

#[test]
fn a_flood_of_groups_leaves_a_slice_with_few() {
    let mut s = slices().capped(100);
    for i in 0..50_000 {
        // Those with tick 8 are late for the first window and not for the second.
        add(&mut s, 0, None, &format!("g{i}"), 1);
        add(&mut s, 0, Some(8), &format!("h{i}"), 1);
        assert!(s.size().1 <= 402, "{} groups in two tables", s.size().1);
    }
    let rows: Vec<String> = advance(&mut s, Some(10)).into_iter().filter(|row| row.starts_with("10 +10")).collect();
    assert_eq!(rows.len(), 101);
    assert_eq!(rows[100], "10 +10 overflow Int(99900) Int(99900) r0");
}

#[test]
fn windows_of_many_slices_keep_the_least_hashes_of_all() {
    // 20 slices in a window, so that runs of them are merged; each slice has groups of its own.
    let spec = WindowSpec::sliding(20, 1, 50, 1);
    let layout = Arc::clone(&slices().layout);
    let answers = Answers::new(Arc::clone(&layout), vec![Answer::Call(0), Answer::Call(1)]);
    let mut s = Slices::new(spec, 3, layout, answers).capped(3);
    let names: Vec<String> = (0..80).map(|i| format!("g{i}")).collect();
    let least = by_hash(&names.iter().map(String::as_str).collect::<Vec<_>>());
    for (i, name) in names.iter().enumerate().filter(|(_, name)| **name != least[1]) {
        add(&mut s, i as i64 % 20, None, name, 1);
    }
    let of_window = |rows: Vec<String>| -> Vec<String> {
        let mut rows: Vec<String> =
            rows.into_iter().filter(|row| row.contains("+20 ") || row.contains("-20 ")).collect();
        rows.sort();
        rows
    };
    let mut rows = Vec::new();
    for end in 1..=20 {
        rows.extend(advance(&mut s, Some(end)));
    }
    let one = |sign: char, time: i64, name: &str| format!("{time} {sign}20 {name} Int(1) Int(1) r0");
    let rest = |sign: char, time: i64, n: i64, r: u32| format!("{time} {sign}20 overflow Int({n}) Int({n}) r{r}");
    let mut expected: Vec<String> = [0, 2, 3].iter().map(|i| one('+', 20, &least[*i])).collect();
    expected.push(rest('+', 20, 76, 0));
    expected.sort();
    assert_eq!(of_window(rows), expected);
    add(&mut s, 7, Some(30), &least[1], 1);
    add(&mut s, 19, Some(30), &least[70], 1);
    let mut expected =
        vec![one('+', 31, &least[1]), one('-', 31, &least[3]), rest('-', 31, 76, 0), rest('+', 31, 78, 1)];
    expected.sort();
    assert_eq!(of_window(advance(&mut s, Some(31))), expected);
}

#[test]
fn a_late_contribution_that_comes_first_of_all_hides_no_later_window() {
    let mut s = slices();
    add(&mut s, 5, Some(14), "a", 1);
    assert_eq!(advance(&mut s, None), ["15 +10 a Int(1) Int(1) r0", "15 +15 a Int(1) Int(1) r0"]);
}

/// Windows of 6 every 3, rows so far every unit of time.
fn early(lateness: i64) -> Slices {
    let early = Some(Early { every: 1, days: false });
    of(WindowSpec { early, ..WindowSpec::sliding(6, 3, lateness, 1) })
}

#[test]
fn groups_that_fall_out_of_the_cap_take_their_provisional_rows_with_them() {
    let names = by_hash(&["a", "b"]);
    let [first, second] = &names[..] else { panic!("two names") };
    let mut s = early(0).capped(1);
    let sorted = |mut rows: Vec<String>| {
        rows.sort();
        rows
    };
    add(&mut s, 0, None, second, 1);
    let rows = [3, 6].map(|end| format!("1 +{end} {second} Int(1) Int(1) e1"));
    assert_eq!(sorted(advance(&mut s, Some(2))), rows);
    // At 3 one window ends, the other goes on: in both there is room for the lesser hash only.
    add(&mut s, 2, None, first, 2);
    let rows = [(3, "r0"), (6, "e1")].map(|(end, number)| {
        [
            format!("3 -{end} {second} Int(1) Int(1) e1"),
            format!("3 +{end} {first} Int(1) Int(2) {number}"),
            format!("3 +{end} overflow Int(1) Int(1) {number}"),
        ]
    });
    assert_eq!(sorted(advance(&mut s, Some(3))), sorted(rows.concat()));
    let rows = [
        format!("6 -6 {first} Int(1) Int(2) e1"),
        format!("6 +6 {first} Int(1) Int(2) r0"),
        "6 -6 overflow Int(1) Int(1) e1".to_owned(),
        "6 +6 overflow Int(1) Int(1) r0".to_owned(),
    ];
    assert_eq!(sorted(advance(&mut s, None)), sorted(rows.into()));
    assert_eq!(s.told.bytes(), 0);
}

#[test]
fn rows_so_far_are_stated_where_they_differ_and_taken_back_by_what_comes_next() {
    let mut s = early(0);
    add(&mut s, 0, None, "a", 1);
    add(&mut s, 2, None, "a", 2);
    assert_eq!(s.next_time(), Some(1));
    assert_eq!(advance(&mut s, Some(1)), ["1 +3 a Int(1) Int(1) e1", "1 +6 a Int(1) Int(1) e1"]);
    let held = s.size().0;
    // At 2 there is nothing new. At 3 the first window ends, and one begins that holds nothing yet.
    let rows =
        ["3 -3 a Int(1) Int(1) e1", "3 +3 a Int(2) Int(3) r0", "3 -6 a Int(1) Int(1) e1", "3 +6 a Int(2) Int(3) e2"];
    assert_eq!(advance(&mut s, Some(3)), rows);
    add(&mut s, 4, None, "b", 5);
    assert_eq!(s.next_time(), Some(5));
    let rows = [
        "5 +6 b Int(1) Int(5) e1",
        "5 +9 b Int(1) Int(5) e1",
        "6 -6 a Int(2) Int(3) e2",
        "6 +6 a Int(2) Int(3) r0",
        "6 -6 b Int(1) Int(5) e1",
        "6 +6 b Int(1) Int(5) r0",
        "9 -9 b Int(1) Int(5) e1",
        "9 +9 b Int(1) Int(5) r0",
    ];
    assert_eq!(advance(&mut s, None), rows);
    assert_eq!(s.stated(), Stated { rows: 4, early: 5, ..Stated::default() });
    assert_eq!(s.next_time(), None);
    assert!(held > 0 && s.told.bytes() == 0);
}

#[test]
fn late_contributions_are_in_the_rows_so_far_from_their_tick_on() {
    let mut s = early(2);
    add(&mut s, 0, None, "a", 1);
    add(&mut s, 1, None, "b", 7);
    assert_eq!(advance(&mut s, Some(2)).len(), 4);
    // With tick 3: the window that ended at 3 is corrected at 4, the row so far of the next one is another then.
    add(&mut s, 0, Some(3), "a", 10);
    let rows =
        ["3 -3 a Int(1) Int(1) e1", "3 +3 a Int(1) Int(1) r0", "3 -3 b Int(1) Int(7) e1", "3 +3 b Int(1) Int(7) r0"];
    assert_eq!(advance(&mut s, Some(3)), rows);
    let rows =
        ["4 -3 a Int(1) Int(1) r0", "4 +3 a Int(2) Int(11) r1", "4 -6 a Int(1) Int(1) e1", "4 +6 a Int(2) Int(11) e2"];
    assert_eq!(advance(&mut s, Some(4)), rows);
    // Too late for a row so far: at 6 the window ends.
    add(&mut s, 0, Some(5), "a", 100);
    let rows =
        ["6 -6 a Int(2) Int(11) e2", "6 +6 a Int(3) Int(111) r0", "6 -6 b Int(1) Int(7) e1", "6 +6 b Int(1) Int(7) r0"];
    assert_eq!(advance(&mut s, Some(9)), rows);
    assert_eq!((s.next_time(), s.told.bytes()), (None, 0));
}

#[test]
fn rows_with_what_has_come_are_stated_when_asked_for_and_change_no_other() {
    let mut s = slices();
    add(&mut s, 0, None, "a", 1);
    assert_eq!(advance(&mut s, Some(2)), [""; 0]);
    let ask = |s: &mut Slices, time| {
        let mut rows = Vec::new();
        s.state_so_far(time, &mut |at, batch| {
            assert_eq!(at, time);
            rows.extend(batch.iter().map(|r| (r.head.window_end, r.head.op.sign(), r.head.early)));
        });
        rows.sort_unstable_by_key(|(end, op, early)| (*end, *early, *op != '-'));
        rows
    };
    assert_eq!(ask(&mut s, 2), [(5, '+', 1), (10, '+', 1)]);
    assert_eq!(ask(&mut s, 3), []);
    // A window that ends by the moment of the statement is left to its first statement.
    add(&mut s, 0, None, "a", 2);
    assert_eq!(ask(&mut s, 5), [(10, '-', 1), (10, '+', 2)]);
    let rows = [
        "5 -5 a Int(1) Int(1) e1",
        "5 +5 a Int(2) Int(3) r0",
        "10 -10 a Int(2) Int(3) e2",
        "10 +10 a Int(2) Int(3) r0",
    ];
    assert_eq!(advance(&mut s, None), rows);
    assert_eq!(s.told.bytes(), 0);
}
