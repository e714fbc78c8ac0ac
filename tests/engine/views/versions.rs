//! Views joined with tables whose rows have versions: rows of windows and of patterns, each with the version that holds in its
//! last moment, against a search through all versions there are.
//!
//! A version that comes late counts for the rows that may still change when it comes. What the search says is what must hold
//! at the end; that what is taken back held before is looked at for every row.

use super::super::harness::{Width, in_time, run, same_bytes, seeds, write_case};
use super::super::random::Random;
use serde_json::{Value, json};
use std::collections::BTreeMap;

const TICK: i64 = 1_000;

/// A version: its key, when it holds from, when it is seen, its place, and what it says. Times are milliseconds.
#[derive(Debug, Clone)]
struct Version {
    key: Value,
    time: i64,
    seen: i64,
    place: (usize, usize),
    says: i64,
}

struct Case {
    text: String,
    files: Vec<Vec<u8>>,
    table: String,
    versions: Vec<Version>,
    /// How long a version holds at most.
    keep: Option<i64>,
    left: bool,
    /// How long behind its end a row of a window changes, and one of a pattern.
    life: [i64; 2],
}

fn key(r: &mut Random) -> Value {
    r.pick(&[json!("a"), json!("b"), json!(1), json!(1.0), Value::Null])
}

fn same(a: &Value, b: &Value) -> bool {
    !a.is_null() && (a == b || (a.is_number() && a.as_f64() == b.as_f64()))
}

impl Case {
    fn new(seed: u64) -> Self {
        let mut r = Random::new(seed);
        let (of_file, left) = (r.one_in(3), r.one_in(2));
        let out_of_orderness = r.below(4) as i64;
        let (lateness, pattern_lateness) = (r.below(40) as i64, r.below(40) as i64);
        let keep = if !of_file && r.one_in(3) { Some(1 + r.below(20) as i64) } else { None };
        let (mut files, mut versions, mut table) = (Vec::new(), Vec::new(), String::new());
        for partition in 0..2 {
            let (mut now, mut text, mut newest) = (r.below(20) as i64, String::new(), None::<i64>);
            for line in 0..40 + r.below(160) as usize {
                now += if r.one_in(30) { r.below(40) } else { r.below(3) } as i64;
                let time = if r.one_in(4) { (now - r.below(50) as i64).max(0) } else { now };
                let (key, says) = (key(&mut r), r.below(1_000) as i64);
                if r.one_in(3) {
                    // Rounded down as the watermark is, and said at the end of that tick.
                    let tick = newest.map_or(i64::MIN, |newest| newest - out_of_orderness);
                    let seen = if of_file { i64::MIN } else { (time.max(tick) + 1) * 1_000 };
                    let place = (partition, line);
                    versions.push(Version { key: key.clone(), time: time * 1_000, seen, place, says });
                    let row = json!({ "timestamp": time, "id": key, "x": says, "version": true });
                    if of_file {
                        table += &format!("{row}\n")
                    } else {
                        text += &format!("{row}\n")
                    }
                    if of_file {
                        continue;
                    }
                } else {
                    text += &format!("{}\n", json!({ "timestamp": time, "k": key, "v": says }));
                }
                newest = newest.max(Some(time));
            }
            files.push(text.into_bytes());
        }
        let rows = match of_file {
            true => {
                "type = \"file\"\nformat = \"json\"\npath = \"{dir}/t\"\ntime = { field = \"timestamp\" }\n".to_owned()
            }
            false => {
                format!(
                    "type = \"stream\"\nfrom = \"changes\"\n{}",
                    keep.map_or(String::new(), |keep| format!("keep = \"{keep}s\"\n"))
                )
            }
        };
        let changes = if of_file { "" } else { "[streams.changes]\nfrom = \"e\"\nwhere = \"version\"\n" };
        let kind = if left { "left" } else { "inner" };
        let within = 1 + r.below(20) as i64;
        let text = format!(
            "[run]\ntick = \"1s\"\n[sources.e]\ntype = \"file\"\npath = [\"{{0}}\", \"{{1}}\"]\nout_of_orderness = \"{out_of_orderness}s\"\n\
             {changes}[streams.plain]\nfrom = \"e\"\nwhere = \"version IS NULL\"\n[tables.t]\n{rows}key = \"id\"\n\
             [windows.w]\nfrom = \"plain\"\nsize = \"{}s\"\nslide = \"5s\"\nallowed_lateness = \"{lateness}s\"\ngroup_by = [\"k\"]\n\
             select = {{ n = \"count(*)\" }}\n\
             [patterns.p]\nfrom = \"plain\"\nkey = \"k\"\nmatch = \"one -> two\"\nwithin = \"{within}s\"\nallowed_lateness = \"{pattern_lateness}s\"\n\
             define.one = \"v > 300\"\ndefine.two = \"v < 300\"\nselect = {{ first = \"first(one.v)\", last = \"last(two.v)\" }}\n\
             [views.vw]\nfrom = \"w\"\njoin = {{ with = \"t\", on = {{ k = \"id\" }}, kind = \"{kind}\", add = [\"x\"] }}\n\
             [views.vp]\nfrom = \"p\"\njoin = {{ with = \"t\", on = {{ key = \"id\" }}, kind = \"{kind}\", add = {{ y = \"x\" }} }}\n\
             [sinks.out]\ntype = \"stdout\"\nformat = \"json\"\ntimes = \"unix_ms\"\nfrom = [\"w\", \"p\", \"vw\", \"vp\"]\n",
            r.pick(&[5, 10, 20]),
        );
        let life = [2 * TICK + lateness * 1_000, 2 * TICK + (pattern_lateness + within) * 1_000];
        Self { text, files, table, versions, keep: keep.map(|keep| keep * 1_000), left, life }
    }

    /// What the version says that a row with this key, last moment and end has at the end.
    fn says(&self, key: &Value, last: i64, end: i64, life: i64) -> Option<i64> {
        let counts = |v: &&Version| same(&v.key, key) && v.time <= last && v.seen < end + life;
        let newest = self.versions.iter().filter(counts).max_by_key(|v| (v.time, v.place))?;
        self.keep.is_none_or(|keep| last < newest.time + keep).then_some(newest.says)
    }
}

/// The rows of a part that hold at the end, without revision; all that was taken back held before.
fn holds(rows: &[Value], name: &str) -> Vec<Value> {
    let mut holds: BTreeMap<String, (Value, i64)> = BTreeMap::new();
    for row in rows.iter().filter(|row| row["name"] == name) {
        let mut plain = row.clone();
        let fields = plain.as_object_mut().expect("a row is an object");
        let op = fields.remove("op").expect("a sign");
        let id = plain.to_string();
        let count = &mut holds.entry(id).or_insert((plain, 0)).1;
        *count += if op == "+" { 1 } else { -1 };
        assert!((0..=1).contains(count), "{row}");
    }
    let left = holds.into_values().filter(|(_, count)| *count == 1).map(|(mut row, _)| {
        row.as_object_mut().expect("a row is an object").retain(|name, _| !["name", "revision"].contains(&&name[..]));
        row
    });
    let mut left: Vec<Value> = left.collect();
    left.sort_by_key(Value::to_string);
    left
}

fn oracle(seeds: std::ops::Range<u64>) {
    let (mut found, mut none) = (0, 0);
    for seed in seeds {
        let case = Case::new(seed);
        let folder = tempfile::tempdir().expect("a scratch folder");
        std::fs::write(folder.path().join("t"), &case.table).expect("the table is written");
        let text = write_case(folder.path(), &case.text, &case.files);
        let first = run(&text, Width::new(1, None)).unwrap_or_else(|e| panic!("seed {seed}: {e}\n{text}"));
        let rows = first.rows();
        for (of, view, end, key, added) in [("w", "vw", "window_end", "k", "x"), ("p", "vp", "match_end", "key", "y")] {
            let mut expected = Vec::new();
            for mut row in holds(&rows, of) {
                let at = row[end].as_i64().expect("a time");
                let (last, life) = if of == "w" { (at - 1, case.life[0]) } else { (at, case.life[1]) };
                let says = case.says(&row[key], last, at, life);
                *(if says.is_some() { &mut found } else { &mut none }) += 1;
                if says.is_some() || case.left {
                    row[added] = json!(says);
                    expected.push(row);
                }
            }
            expected.sort_by_key(Value::to_string);
            let got = holds(&rows, view);
            let i = (0..got.len().max(expected.len())).find(|i| got.get(*i) != expected.get(*i));
            if let Some(i) = i {
                panic!(
                    "seed {seed}: row {i} of {view}\n  is      {:?}\n  must be {:?}\n{text}",
                    got.get(i),
                    expected.get(i)
                );
            }
        }
        let more = (seed % 10 == 0).then(|| Width::two_processes(2, Some(64)));
        for width in [Width::new(2, Some(100)), Width::new(3, Some(1))].into_iter().chain(more) {
            let other = run(&text, width).unwrap_or_else(|e| panic!("seed {seed}: {e}\n{text}"));
            same_bytes(&first, &other, &format!("seed {seed}: {width:?}\n{text}\n"));
        }
    }
    assert!(found > 100 && none > 50, "{found} with a version, {none} without");
}

#[test]
fn rows_joined_with_versions_when_these_come_late_then_have_those_of_their_last_moment() {
    in_time("versions", || oracle(0..20));
}

/// More seeds, by hand: `HIGHWATER_SEEDS=100..400 cargo test --test engine -- --ignored many_versions`.
#[test]
#[ignore = "as long as one likes"]
fn many_versions() {
    oracle(seeds());
}

const LONG: &str = r#"
[sources.e]
type = "stdin"
out_of_orderness = "2s"
[tables.t]
type = "stream"
from = "e"
key = "j"
[windows.w]
from = "e"
size = "5s"
allowed_lateness = "20s"
group_by = ["k", "j"]
select = { n = "count(*)" }
[views.known]
from = "w"
join = { with = "t", on = ["j"], add = ["v"] }
[sinks.out]
type = "stdout"
format = "json"
from = "known"
"#;

#[test]
fn versions_when_no_row_that_can_change_is_of_their_time_then_are_gone() {
    for workers in [1, 2] {
        // The newest of each key stay.
        let rows = in_time("a long run", move || super::leaves(LONG, workers, 20, 0));
        assert!(rows.iter().max() > Some(&300), "{rows:?}");
    }
}
