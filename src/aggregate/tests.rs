//! The room against a naive recomputation from the list of values: any split into tables, any tree of merges, with and
//! without a trip through bytes, must give the same bits as the oracle.
//!
//! The oracle sums with big integers over the bits of the doubles, sorts for percentiles and extremes and collects
//! sets of canonical bytes; it shares only the order of values and the sketches' documented error bounds with the code.

use super::*;
use crate::event::{Cell, Column, Origin, Origins, RowKeys, Tag, Value, key};
use oracle::{average, bucketed, distinct, extreme, nearest, percentile, sum};
use proptest::prelude::*;
use std::sync::Arc;

const KEYS: [&[u8]; 3] = [b"\0", b"a key of more than eight bytes", b""];

mod families;
mod oracle;

/// All kinds of calls over column 0, filtered ones by column 1; column 2 decides for others.
fn calls() -> Vec<Call> {
    let call = |function, filter| Call { function, input: Some(0), filter };
    vec![
        Call { function: Function::CountRows, input: None, filter: None },
        call(Function::Count, None),
        call(Function::CountDistinct, None),
        call(Function::Sum, None),
        call(Function::Avg, None),
        call(Function::Min, None),
        call(Function::Max, None),
        call(Function::Percentile(0.99), None),
        call(Function::Percentile(0.5), None),
        call(Function::Percentile(0.0), None),
        Call { function: Function::CountRows, input: None, filter: Some(1) },
        call(Function::Sum, Some(1)),
        call(Function::Max, Some(1)),
        call(Function::Percentile(0.25), Some(1)),
        call(Function::CountDistinct, Some(1)),
    ]
    .into_iter()
    .chain(families::calls())
    .collect()
}

/// Rows of (group, value, filter).
#[derive(Debug, Clone, Default)]
struct Rows {
    arena: Vec<u8>,
    groups: Vec<usize>,
    columns: [Column; 3],
    origins: Vec<Origin>,
    /// The place of the first row among all.
    first: usize,
}

impl Rows {
    fn push(&mut self, group: usize, value: Cell, pass: bool) {
        self.groups.push(group);
        self.columns[0].push(value);
        self.columns[1].push(if pass { Cell::bool(true) } else { [Cell::NULL, Cell::bool(false)][group % 2] });
        let i = self.first + self.origins.len();
        let by =
            [Cell::int(i as i64 * 7 % 5), Cell::float((i * 3 % 4) as f64), Cell::NULL, Cell::bool(i.is_multiple_of(2))];
        self.columns[2].push(by[i * 5 % 13 % 4]);
        self.origins.push(Origin {
            time: (i * 31 % 11) as i64 - 4,
            partition: (i % 3) as u32,
            position: (i * 7919 % 100_003) as u64 + ((i / 100_003) as u64) * 1_000_000,
        });
    }

    fn text(&mut self, text: &str) -> Cell {
        let start = self.arena.len() as u32;
        self.arena.extend_from_slice(text.as_bytes());
        Cell::str(start, text.len() as u32)
    }

    /// Adds the given rows, a few at a time, to a table.
    fn add(&self, table: &mut GroupTable, rows: &[u32], tally: &mut Tally) {
        for rows in rows.chunks(700) {
            let (mut keys, mut groups) = (RowKeys::default(), Vec::new());
            for row in rows {
                let key = KEYS[self.groups[*row as usize]];
                keys.push(key::hash(key), key);
            }
            let picks: Vec<u32> = (0..rows.len() as u32).collect();
            table.groups_of(&keys, &picks, &mut groups);
            let origins = Origins::List(&self.origins);
            table.add_from(&groups, rows, &self.columns, &self.arena, origins, tally);
        }
    }

    /// What one group's values are, all of them or those that pass the filter.
    fn of(&self, group: usize, filtered: bool) -> Vec<Cell> {
        self.rows_of(group, filtered).map(|r| self.columns[0][r]).collect()
    }

    fn rows_of(&self, group: usize, filtered: bool) -> impl Iterator<Item = usize> {
        let passes = move |r: &usize| !filtered || matches!(self.columns[1][*r].value(&[]), Value::Bool(true));
        (0..self.groups.len()).filter(move |r| self.groups[*r] == group).filter(passes)
    }
}

/// Bits and text of the cells, so that equal means equal to the last bit.
fn bits(cells: &[Cell], arena: &[u8]) -> Vec<(Tag, u64, Vec<u8>)> {
    let number = |c: &Cell| if matches!(c.tag(), Tag::Str | Tag::Json) { 0 } else { c.bits() };
    cells.iter().map(|c| (c.tag(), number(c), c.text(arena).to_vec())).collect()
}

/// Checks an answer of [`calls`] against the oracle.
fn check(rows: &Rows, group: usize, cells: &[Cell], arena: &[u8], approximate: u64) {
    for (i, (call, cell)) in calls().iter().zip(cells).enumerate() {
        let values = rows.of(group, call.filter.is_some());
        let numbers = values.iter().filter(|c| c.as_f64().is_some()).count();
        let different = distinct(&values, &rows.arena);
        let same = |expected: Cell, arena_of: &[u8]| {
            assert_eq!(bits(&[*cell], arena), bits(&[expected], arena_of), "{call:?} of {values:?}");
        };
        let mut sketch = false;
        match call.function {
            Function::CountRows => same(Cell::int(values.len() as i64), &[]),
            Function::Count => same(Cell::int(values.iter().filter(|c| !c.is_null()).count() as i64), &[]),
            Function::Sum => same(sum(&values), &[]),
            Function::Avg => same(average(&values), &[]),
            Function::Min => same(extreme(&values, &rows.arena, false).unwrap_or(Cell::NULL), &rows.arena),
            Function::Max => same(extreme(&values, &rows.arena, true).unwrap_or(Cell::NULL), &rows.arena),
            Function::CountDistinct => {
                sketch = different > EXACT_DISTINCT;
                let off = (cell.bits() as f64 - different as f64).abs();
                assert!(if sketch { off / different as f64 <= 0.0325 } else { off == 0.0 }, "{off} of {different}");
            }
            Function::Percentile(p) => {
                sketch = numbers > EXACT_VALUES;
                match percentile(&values, p) {
                    None => same(Cell::NULL, &[]),
                    Some((low, high, part)) if !sketch => {
                        let v = if part == 0.0 || low == high { low } else { low + (high - low) * part };
                        let v = if (high - low).is_finite() { v } else { low * (1.0 - part) + high * part };
                        same(Cell::float(v.max(low).min(high)), &[]);
                    }
                    Some((low, high, part)) => {
                        let (a, b) = (low * (1.0 - part) + high * part, cell.as_f64().unwrap());
                        let bound = low.abs().max(high.abs()) / 256.0 + f64::MIN_POSITIVE;
                        assert!((a - b).abs() <= bound * 1.000_001, "p{p}: {b} is not near {a}");
                    }
                }
            }
            _ => sketch = families::check(rows, group, call, *cell, arena),
        }
        assert_eq!(approximate >> i & 1 == 1, sketch, "{call:?}: {numbers} numbers, {different} distinct");
    }
}

/// A small generator for shapes; proptest gives the seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((self.0 >> 33) as usize) % sides
    }

    fn shuffle(&mut self, list: &mut [u32]) {
        for i in (1..list.len()).rev() {
            list.swap(i, self.roll(i + 1));
        }
    }
}

type Answers = Vec<Option<(Vec<(Tag, u64, Vec<u8>)>, u64)>>;

fn finish(tables: &[GroupTable], rows: Option<&Rows>) -> Answers {
    let mut finisher = Finisher::new(tables[0].layout().clone());
    let (mut cells, mut arena) = (Vec::new(), Vec::new());
    let answer = |(group, key): (usize, &&[u8])| {
        let part = |t| Some((t, GroupTable::find(t, key::hash(key), key)?));
        let parts: Vec<(&GroupTable, u32)> = tables.iter().filter_map(part).collect();
        if parts.is_empty() {
            return None;
        }
        let start = cells.len();
        let approximate = finisher.finish(&parts, &mut cells, &mut arena);
        if let Some(rows) = rows {
            check(rows, group, &cells[start..], &arena, approximate);
        }
        Some((bits(&cells[start..], &arena), approximate))
    };
    KEYS.iter().enumerate().map(answer).collect()
}

/// One random way from rows to the tables of a window: split, add in any order, merge in a random tree, some tables
/// through bytes; between one and four tables stay.
fn wander(rows: &Rows, dice: &mut Dice) -> Vec<GroupTable> {
    let layout = Layout::new(&calls());
    let mut order: Vec<u32> = (0..rows.groups.len() as u32).collect();
    dice.shuffle(&mut order);
    let leaves = 1 + dice.roll(8);
    let mut split = vec![Vec::new(); leaves];
    for row in order {
        split[dice.roll(leaves)].push(row);
    }
    let mut tally = Tally::new(&layout);
    let mut tables: Vec<GroupTable> = Vec::new();
    for rows_of_leaf in &split {
        let mut table = GroupTable::new(layout.clone());
        if dice.roll(4) == 0 {
            table.group(key::hash(b"forgotten"), b"forgotten");
            rows.add(&mut table, rows_of_leaf, &mut tally.clone());
            table.clear();
        }
        rows.add(&mut table, rows_of_leaf, &mut tally);
        tables.push(table);
    }
    let strange = rows.columns[0].iter().filter(|c| !c.is_null() && c.as_f64().is_none()).count() as u64;
    let expected: Vec<u64> = [0, 0, 0, 1, 1, 0, 0, 1, 1, 1].iter().map(|n| n * strange).collect();
    assert_eq!(tally.non_numeric[..10], expected[..]);
    let stay = 1 + dice.roll(4.min(leaves));
    while tables.len() > stay {
        let mut from = tables.swap_remove(dice.roll(tables.len()));
        let i = dice.roll(tables.len());
        let into = &mut tables[i];
        if dice.roll(2) == 0 {
            from.seal();
        }
        if dice.roll(2) == 0 {
            into.seal();
        }
        match dice.roll(3) {
            0 => into.merge(&from),
            1 => {
                for group in 0..from.len() as u32 {
                    let mine = into.group(from.hash(group), from.key(group));
                    into.merge_group(mine, &from, group);
                }
            }
            _ => {
                let mut out = vec![Vec::new(); 2];
                from.encode(&|hash| (hash % 2) as usize, &mut out);
                let groups: usize = out.iter().map(|bytes| into.merge_encoded(bytes).unwrap()).sum();
                assert_eq!(groups, from.len());
            }
        }
    }
    for table in &mut tables {
        if dice.roll(3) > 0 {
            table.seal();
        }
    }
    tables
}

fn number() -> impl Strategy<Value = Cell> {
    prop_oneof![
        4 => (-1000i64..1000).prop_map(|v| Cell::float(v as f64 / 10.0)),
        4 => (-50i64..50).prop_map(Cell::int),
        2 => any::<f64>().prop_map(Cell::float),
        1 => any::<i64>().prop_map(Cell::int),
        2 => prop::sample::select(vec![
            1e300, -1e300, 1e-300, -1e-300, 5e-324, -5e-324, 0.1, 0.2, 0.3, -0.0, 0.0, 1e16, 1.0, f64::MAX, f64::MIN,
            9.9e27, 1e28, 9_223_372_036_854_775_808.0, f64::MIN_POSITIVE, 2e-29, 1.262_177_448_353_619e-29,
        ]).prop_map(Cell::float),
        1 => prop::sample::select(vec![i64::MAX, i64::MIN, i64::MAX - 1, (1 << 53) + 1, 0]).prop_map(Cell::int),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn any_way_to_a_window_gives_the_bits_of_the_oracle(
        input in prop::collection::vec((0usize..3, number(), 0u8..16, any::<bool>()), 0..120),
        seed in any::<u64>(),
    ) {
        let mut rows = Rows::default();
        for (i, (group, value, kind, pass)) in input.into_iter().enumerate() {
            let value = match kind {
                0 => Cell::NULL,
                1 if group == 1 => Cell::time(i as i64 - 20),
                2 if group == 1 => Cell::bool(pass),
                3 if group < 2 => rows.text(["", "abcdefgh", "abcdefghi", "abcdefgha", "12", "é"][i % 6]),
                _ => value,
            };
            rows.push(group, value, pass);
        }
        let mut dice = Dice(seed);
        let first = finish(&wander(&rows, &mut dice), Some(&rows));
        for _ in 0..3 {
            prop_assert_eq!(&finish(&wander(&rows, &mut dice), None), &first);
        }
        // Groups folded into one are what they would be had it been one from the beginning.
        let mut one = rows.clone();
        one.groups.fill(0);
        let fold = |table: &GroupTable| {
            let mut folded = GroupTable::new(Arc::clone(table.layout()));
            folded.merge_as(table, |_| (key::hash(KEYS[0]), KEYS[0]));
            folded
        };
        let folded: Vec<GroupTable> = wander(&rows, &mut dice).iter().map(fold).collect();
        finish(&folded, Some(&one));
    }

    #[test]
    fn damaged_bytes_never_panic(
        input in prop::collection::vec((0usize..3, number()), 1..60),
        hits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in any::<prop::sample::Index>(),
        large in any::<bool>(),
    ) {
        let mut rows = Rows::default();
        for (i, (group, value)) in input.into_iter().enumerate() {
            let value = if i % 7 == 3 { rows.text("some longer text") } else { value };
            rows.push(group, value, i % 2 == 0);
        }
        if large {
            (0..5000).for_each(|i| rows.push(0, Cell::int(i), true));
        }
        let mut bytes = encoded(&rows);
        for (at, byte) in &hits {
            let at = at.index(bytes.len().min(800));
            bytes[at] = *byte;
        }
        if hits.len() % 3 == 0 {
            bytes.truncate(cut.index(bytes.len()));
        }
        let mut table = GroupTable::new(Layout::new(&calls()));
        let _ = table.merge_encoded(&bytes);
        let _ = table.merge_encoded(&bytes);
        finish(&[table], None);
    }
}

fn encoded(rows: &Rows) -> Vec<u8> {
    let layout = Layout::new(&calls());
    let mut table = GroupTable::new(layout.clone());
    let all: Vec<u32> = (0..rows.groups.len() as u32).collect();
    rows.add(&mut table, &all, &mut Tally::new(&layout));
    let mut out = vec![Vec::new()];
    table.encode(&|_| 0, &mut out);
    out.swap_remove(0)
}

#[test]
fn every_byte_that_is_damaged_is_survived() {
    let mut rows = Rows::default();
    let text = rows.text("text that is long");
    for i in 0..20 {
        rows.push(i % 3, Cell::float(i as f64 * 1e-40), i % 2 == 0);
    }
    rows.push(1, text, true);
    let bytes = encoded(&rows);
    assert_eq!(GroupTable::new(Layout::new(&calls())).merge_encoded(&bytes), Ok(3));
    // Keys and text are checked for what they are, not only for their lengths.
    for (part, byte) in [(&b"a key of more"[..], b'b'), (b"text that is long", 0xff)] {
        let at = bytes.windows(part.len()).position(|w| w == part).unwrap();
        let mut damaged = bytes.clone();
        damaged[at] = byte;
        let mut table = GroupTable::new(Layout::new(&calls()));
        assert_eq!(table.merge_encoded(&damaged), Err(DecodeError::Damaged));
    }
    for at in 0..bytes.len() {
        for byte in [0, 1, 0x7f, 0xff, bytes[at].wrapping_add(1)] {
            let mut damaged = bytes.clone();
            damaged[at] = byte;
            let mut table = GroupTable::new(Layout::new(&calls()));
            let _ = table.merge_encoded(&damaged);
            finish(&[table], None);
        }
        let cut = GroupTable::new(Layout::new(&calls())).merge_encoded(&bytes[..at]);
        assert!(cut.is_err() || at == 0, "{at} of {} bytes are not a whole", bytes.len());
    }
    let other = Layout::new(&calls()[..2]);
    assert_eq!(GroupTable::new(other).merge_encoded(&bytes), Err(DecodeError::Layout));
}

#[test]
fn the_choice_of_a_sketch_follows_the_windows_content_alone() {
    for n in [1023, 1024, 1025, 4095, 4096, 4097, 5000] {
        let mut rows = Rows::default();
        for i in 0..n {
            let v = i as f64 * 0.37 - 200.0;
            rows.push(0, if i % 3 == 0 { Cell::int(i) } else { Cell::float(v) }, i % 2 == 0);
        }
        let mut dice = Dice(n as u64);
        let first = finish(&wander(&rows, &mut dice), Some(&rows));
        for _ in 0..6 {
            assert_eq!(finish(&wander(&rows, &mut dice), None), first, "{n} values");
        }
    }
}

#[test]
fn long_logs_settle_into_the_same_answers() {
    // More than the log holds, so that lists are grouped and sketched on the way; few distinct values in one group.
    let mut rows = Rows::default();
    let mut dice = Dice(5);
    for i in 0..200_000 {
        let v = (dice.roll(1 << 20) as f64 - 1000.0) / 7.0;
        let group = if i % 97 == 0 { 1 } else { 2 * (i % 2) };
        rows.push(group, Cell::float(if group == 0 { (v as i64 % 900) as f64 } else { v }), i % 5 == 0);
    }
    let layout = Layout::new(&calls());
    let mut table = GroupTable::new(layout.clone());
    let all: Vec<u32> = (0..rows.groups.len() as u32).collect();
    rows.add(&mut table, &all, &mut Tally::new(&layout));
    assert!(table.bytes() < 12 << 20, "{} bytes for three groups", table.bytes());
    table.seal();
    let one = finish(&[table], Some(&rows));
    for _ in 0..2 {
        assert_eq!(finish(&wander(&rows, &mut dice), None), one);
    }
}

#[test]
fn a_total_of_a_trillion_greatest_integers_does_not_wrap() {
    let call = |function| Call { function, input: Some(0), filter: None };
    let layout = Layout::new(&[call(Function::Sum), call(Function::Avg), call(Function::Count)]);
    let mut table = GroupTable::new(layout.clone());
    let group = table.group(key::hash(b""), b"");
    table.add(&[group], &[0], &[vec![Cell::int(i64::MAX)]], &[], &mut Tally::new(&layout));
    for _ in 0..40 {
        let mut out = vec![Vec::new()];
        table.encode(&|_| 0, &mut out);
        table.merge_encoded(&out[0]).unwrap();
    }
    let mut cells = Vec::new();
    Finisher::new(layout).finish(&[(&table, 0), (&table, 0)], &mut cells, &mut Vec::new());
    let n = 2f64.powi(41);
    assert_eq!(cells[0].as_f64(), Some(i64::MAX as f64 * n));
    assert_eq!(cells[1].as_f64(), Some(i64::MAX as f64));
    assert_eq!(cells[2].bits(), 1 << 41);
}

#[test]
fn totals_at_the_edge_of_the_narrow_form_do_not_wrap() {
    let mut rows = Rows::default();
    for i in 0..3000 {
        rows.push(0, Cell::float(9.9e27 - f64::from(i) * 1e13), i % 2 == 0);
        rows.push(1, Cell::float(-9.9e27), i % 3 == 0);
    }
    finish(&wander(&rows, &mut Dice(1)), Some(&rows));
}

#[test]
fn a_sketch_that_meets_a_list_takes_it_along() {
    let (mut few, mut many, mut all) = (Rows::default(), Rows::default(), Rows::default());
    many.first = 300;
    for i in 0..6000 {
        let rows = if i < 300 { &mut few } else { &mut many };
        rows.push(0, Cell::int(i * 3), true);
        all.push(0, Cell::int(i * 3), true);
    }
    let layout = Layout::new(&calls());
    let mut tally = Tally::new(&layout);
    let mut tables = [&few, &many, &all].map(|rows| {
        let mut table = GroupTable::new(layout.clone());
        rows.add(&mut table, &(0..rows.groups.len() as u32).collect::<Vec<_>>(), &mut tally);
        table.seal();
        table
    });
    let expected = finish(&tables[2..], Some(&all));
    let [few, from, _] = &mut tables;
    few.merge(from);
    let (mut out, mut last) = (vec![Vec::new()], GroupTable::new(layout));
    few.encode(&|_| 0, &mut out);
    last.merge_encoded(&out[0]).unwrap();
    last.trim();
    assert_eq!(finish(&[last], None), expected);
}

#[test]
fn whole_numbers_stay_whole_while_they_fit() {
    let call = |function| Call { function, input: Some(0), filter: None };
    let layout = Layout::new(&[call(Function::Sum), call(Function::Min), call(Function::Max)]);
    let run = |values: &[Cell]| {
        let mut table = GroupTable::new(layout.clone());
        let group = table.group(key::hash(b""), b"");
        let rows: Vec<u32> = (0..values.len() as u32).collect();
        table.add(&vec![group; rows.len()], &rows, &[values.to_vec()], &[], &mut Tally::new(&layout));
        let mut cells = Vec::new();
        Finisher::new(layout.clone()).finish(&[(&table, group)], &mut cells, &mut Vec::new());
        bits(&cells, &[])
    };
    let max = Cell::int(i64::MAX);
    assert_eq!(run(&[max, Cell::int(1), Cell::int(-1)]), bits(&[max, Cell::int(-1), max], &[]));
    assert_eq!(run(&[max, Cell::int(1)])[0], bits(&[Cell::float(9_223_372_036_854_775_808.0)], &[])[0]);
    assert_eq!(run(&[Cell::float(2.0), Cell::int(2)]), bits(&[Cell::float(4.0), Cell::int(2), Cell::int(2)], &[]));
    assert_eq!(run(&[Cell::float(-0.0)]), bits(&[Cell::float(0.0), Cell::float(0.0), Cell::float(0.0)], &[]));
    assert_eq!(run(&[]), bits(&[Cell::NULL; 3], &[]));
}

/// Floats of all magnitudes, with many that cancel.
fn awkward(dice: &mut Dice) -> f64 {
    let v = match dice.roll(8) {
        0 => f64::from_bits((dice.roll(1 << 31) as u64) << 33 | dice.roll(1 << 31) as u64),
        1 => dice.roll(1 << 30) as f64 * 1e-310,
        2 => dice.roll(1000) as f64 * 1e290,
        _ => dice.roll(1 << 30) as f64 * 0.1,
    };
    let v = if v.is_finite() { v } else { 0.1 };
    if dice.roll(2) == 0 { -v } else { v }
}

fn sums_of_awkward_floats(n: usize) {
    let call = |function| Call { function, input: Some(0), filter: None };
    let layout = Layout::new(&[call(Function::Sum), call(Function::Avg), call(Function::Percentile(0.5))]);
    let mut dice = Dice(n as u64);
    let values: Vec<Cell> = (0..n).map(|_| Cell::float(awkward(&mut dice))).collect();
    let columns = [values];
    let mut answers = Vec::new();
    for leaves in [1, 2, 3, 16, 129] {
        let mut tables: Vec<GroupTable> = (0..leaves).map(|_| GroupTable::new(layout.clone())).collect();
        let mut rows: Vec<u32> = (0..n as u32).collect();
        if leaves > 1 {
            dice.shuffle(&mut rows);
        }
        for (i, rows) in rows.chunks(n.div_ceil(3 * leaves)).enumerate() {
            let table = &mut tables[i % leaves];
            for rows in rows.chunks(8192) {
                let group = table.group(key::hash(b"all"), b"all");
                table.add(&vec![group; rows.len()], rows, &columns, &[], &mut Tally::new(&layout));
            }
        }
        while tables.len() > 3 {
            let from = tables.swap_remove(dice.roll(tables.len()));
            let i = dice.roll(tables.len());
            tables[i].merge(&from);
        }
        let parts: Vec<(&GroupTable, u32)> = tables.iter().map(|t| (t, 0)).collect();
        let mut cells = Vec::new();
        Finisher::new(layout.clone()).finish(&parts, &mut cells, &mut Vec::new());
        answers.push(bits(&cells, &[]));
    }
    assert!(answers.iter().all(|a| *a == answers[0]), "{answers:?}");
    // An oracle of another make: integers of 2^-1074 in buckets by exponent, carried once.
    let (negative, magnitude) = bucketed(&columns[0]);
    let v = nearest(&magnitude);
    assert_eq!(answers[0][0], bits(&[Cell::float(if negative { -v } else { v })], &[])[0]);
}

#[test]
fn awkward_floats_sum_to_the_same_bits_in_any_tree() {
    sums_of_awkward_floats(100_000);
}

/// By hand: `cargo test --release --lib ten_million -- --ignored`.
#[test]
#[ignore = "takes a while; run by hand in release"]
fn ten_million_awkward_floats_sum_to_the_same_bits_in_any_tree() {
    sums_of_awkward_floats(10_000_000);
}
