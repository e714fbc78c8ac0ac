//! Views against a recomputation from scratch, at every moment at which something was stated.
//!
//! The rows of a run say, in the order in which they were stated, what the windows are and what the views are. After each
//! moment the rows that hold of a view are compared with what [`naive`] makes of the rows that hold of what it reads. The
//! naive code looks at all rows there ever were, so it also shows that nothing is forgotten too early. What it cannot
//! catch is a rule that it states wrongly itself, as the engine does; case files have answers by hand.
//!
//! A long run shows that state leaves.

mod naive;
mod versions;

use self::naive::{Query, Row, Shape};
use super::harness::{Width, in_time, run, same_bytes, seeds, write_case};
use super::live::Live;
use super::random::Random;
use serde_json::Value;
use std::collections::BTreeMap;

/// A pipeline of two windows and some views, and its input.
struct Case {
    text: String,
    files: Vec<Vec<u8>>,
    /// The parts in the order of their rows at one time: their columns, and how a view makes them of which parts.
    parts: Vec<(Shape, Option<Query>)>,
}

impl Case {
    fn new(seed: u64) -> Self {
        let mut r = Random::new(seed);
        let lateness = r.below(40);
        let (step, size) = r.pick(&[(5, 5), (5, 10), (10, 10)]);
        let mut text = format!(
            "[sources.e]\ntype = \"file\"\npath = [\"{{0}}\", \"{{1}}\"]\nout_of_orderness = \"{}s\"\n\
             [windows.w]\nfrom = \"e\"\nsize = \"{size}s\"\nslide = \"{step}s\"\nallowed_lateness = \"{lateness}s\"\ngroup_by = [\"k\"]\n\
             select = {{ n = \"count(*)\", s = \"sum(v)\" }}\n\
             [windows.x]\nfrom = \"e\"\nsize = \"{size}s\"\nslide = \"{step}s\"\nallowed_lateness = \"{}s\"\ngroup_by = [\"k\", \"j\"]\n\
             select = {{ n = \"count(v)\", s = \"max(v)\" }}\n",
            r.below(4),
            r.below(40),
        );
        let window = |name: &str, dimensions: &[&str]| Shape {
            name: name.into(),
            dimensions: dimensions.iter().map(|d| (*d).to_owned()).collect(),
            values: vec!["n".into(), "s".into()],
            step: step * 1000,
        };
        let mut parts = vec![(window("w", &["k"]), None), (window("x", &["k", "j"]), None)];
        for v in 0..1 + r.below(4) {
            let readable: Vec<usize> = (0..parts.len())
                .filter(|i| ["n", "s"].iter().all(|c| parts[*i].0.values.iter().any(|o| o == c)))
                .collect();
            let from = r.pick(&readable);
            let with = r.pick(&readable);
            let query = Query::draw(&mut r, v as usize, (from, with), &parts[from].0, &parts[with].0);
            let name = format!("v{v}");
            text += &format!("[views.{name}]\n{}", query.text(&parts[from].0, &parts[with].0));
            let shape = query.shape(name, &parts[from].0, &parts[with].0);
            parts.push((shape, Some(query)));
        }
        // Rows at every time at which there are any: what stands behind them is of a later one.
        text += "[views.zw]\nfrom = \"w\"\n[views.zx]\nfrom = \"x\"\n";
        for (at, name) in [(0, "zw"), (1, "zx")] {
            let shape: Shape = parts[at].0.clone();
            parts.push((Shape { name: name.into(), ..shape }, Some(Query::Same { from: at })));
        }
        let names: Vec<String> = parts.iter().map(|(shape, _)| format!("\"{}\"", shape.name)).collect();
        text += &format!(
            "[sinks.out]\ntype = \"stdout\"\nformat = \"json\"\ntimes = \"unix_ms\"\nfrom = [{}]\n",
            names.join(", ")
        );
        let events = 40 + r.below(200);
        let files = (0..2).map(|_| events_of(&mut r, events)).collect();
        Self { text, files, parts }
    }
}

fn events_of(r: &mut Random, events: u64) -> Vec<u8> {
    let (mut now, mut text) = (r.below(20), String::new());
    for _ in 0..events {
        now += if r.one_in(30) { r.below(40) } else { r.below(3) };
        let time = if r.one_in(4) { now.saturating_sub(r.below(50)) } else { now };
        let key = r.pick(&["\"a\"", "\"b\"", "\"c\"", "null", "1"]);
        let other = r.pick(&["1", "2", "null"]);
        let value = r.pick(&["1", "2", "-3", "7", "100", "null", "0.5"]);
        text += &format!("{{\"timestamp\":{time},\"k\":{key},\"j\":{other},\"v\":{value}}}\n");
    }
    text.into_bytes()
}

/// Rows that hold, each with its revision.
type Holds = BTreeMap<String, (Row, u64)>;

/// Takes one row of the output into what holds; checks that it is allowed.
fn take(holds: &mut Holds, last: &mut BTreeMap<String, u64>, shape: &Shape, row: &Value, what: &str) {
    let read = Row::read(shape, row);
    let (id, revision) = (read.id(), row["revision"].as_u64().expect("a revision"));
    if row["op"] == "-" {
        let before = holds.remove(&id);
        assert_eq!(before, Some((read, revision)), "{what}: what is taken back held\n{row}");
    } else {
        let next = last.get(&id).map_or(0, |n| n + 1);
        assert_eq!(revision, next, "{what}: the next revision\n{row}");
        last.insert(id.clone(), revision);
        let before = holds.insert(id, (read, revision));
        assert!(before.is_none(), "{what}: there was another one\n{row}");
    }
}

/// Holds the output of a run against the recomputation; gives how often something was compared.
fn check(case: &Case, rows: &[Value], what: &str) -> usize {
    let count = case.parts.len();
    let mut holds: Vec<Holds> = vec![Holds::new(); count];
    let mut last: Vec<BTreeMap<String, u64>> = vec![BTreeMap::new(); count];
    let (mut at, mut now, mut compared) = (0, i64::MIN, 0);
    for (i, row) in rows.iter().enumerate() {
        let name = row["name"].as_str().expect("a name");
        let part = case.parts.iter().position(|(shape, _)| shape.name == name).expect("a part");
        if part < at {
            compared += compare(case, &holds, now, &format!("{what}, before row {i}"));
        }
        at = part;
        now = now.max(row["window_end"].as_i64().expect("a time"));
        take(&mut holds[part], &mut last[part], &case.parts[part].0, row, what);
    }
    compared + compare(case, &holds, i64::MAX, &format!("{what}, at the end"))
}

fn compare(case: &Case, holds: &[Holds], now: i64, what: &str) -> usize {
    let rows = |part: usize| -> Vec<Row> { holds[part].values().map(|(row, _)| row.clone()).collect() };
    let mut compared = 0;
    for (part, (shape, query)) in case.parts.iter().enumerate() {
        let Some(query) = query else { continue };
        let (from, with) = query.reads();
        let expected = query.naive(&case.parts[from].0, &rows(from), &case.parts[with].0, &rows(with));
        let expected: BTreeMap<String, Row> = expected.into_iter().map(|row| (row.id(), row)).collect();
        for (id, (row, _)) in &holds[part] {
            assert_eq!(
                expected.get(id),
                Some(row),
                "{what}: {} has a row that it should not\n{}",
                shape.name,
                case.text
            );
        }
        // Of a window that has not ended there is no row yet.
        for (id, row) in expected.iter().filter(|(_, row)| row.end <= now) {
            assert!(holds[part].contains_key(id), "{what}: {} misses {row:?}\n{}", shape.name, case.text);
        }
        compared += expected.len();
    }
    compared
}

fn oracle(seeds: std::ops::Range<u64>) {
    let mut compared = 0;
    for seed in seeds {
        let case = Case::new(seed);
        let folder = tempfile::tempdir().expect("a scratch folder");
        let text = write_case(folder.path(), &case.text, &case.files);
        let first = run(&text, Width::new(1, None)).unwrap_or_else(|e| panic!("seed {seed}: {e}\n{text}"));
        compared += check(&case, &first.rows(), &format!("seed {seed}"));
        for width in [Width::new(2, Some(100)), Width::new(3, Some(1))] {
            let other = run(&text, width).unwrap_or_else(|e| panic!("seed {seed}: {e}\n{text}"));
            same_bytes(&first, &other, &format!("seed {seed}: {width:?}\n{text}\n"));
        }
    }
    assert!(compared > 1000, "{compared}");
}

#[test]
fn views_of_random_pipelines_when_events_come_late_then_are_at_every_moment_what_a_recomputation_gives() {
    in_time("random views", || oracle(0..10));
}

#[test]
fn views_when_there_are_two_processes_then_say_the_same_bytes() {
    in_time("two processes", || {
        for seed in 1000..1004 {
            let case = Case::new(seed);
            let folder = tempfile::tempdir().expect("a scratch folder");
            let text = write_case(folder.path(), &case.text, &case.files);
            let first = run(&text, Width::new(1, None)).unwrap_or_else(|e| panic!("seed {seed}: {e}"));
            let other = run(&text, Width::two_processes(2, Some(64))).unwrap_or_else(|e| panic!("seed {seed}: {e}"));
            same_bytes(&first, &other, &format!("seed {seed}\n{text}\n"));
        }
    });
}

const LONG: &str = r#"
[sources.e]
type = "stdin"
out_of_orderness = "2s"
[windows.w]
from = "e"
size = "5s"
allowed_lateness = "20s"
group_by = ["k"]
select = { n = "count(*)", s = "sum(v)" }
[windows.x]
from = "e"
size = "5s"
allowed_lateness = "10s"
group_by = ["k", "j"]
select = { m = "max(v)" }
[views.kept]
from = "w"
where = "n > 1"
[views.best]
from = "w"
top = { n = 2, by = "s" }
[views.seen]
from = "x"
distinct = ["j"]
[views.longer]
from = "w"
size = "1m"
slide = "20s"
group_by = ["k"]
select = { n = "sum(n)" }
[views.odd]
from = "longer"
set = { z = "zscore(n, 6)", before = "ago(n, '1 minute')" }
[views.both]
from = "w"
join = { with = "x", on = ["k"], kind = "left" }
[views.newest]
from = "x"
join = { with = "longer", on = ["k"], within = "2m", add = { total = "n" } }
[sinks.out]
type = "stdout"
format = "json"
from = ["kept", "best", "seen", "longer", "odd", "both", "newest"]
"#;

/// Runs a pipeline over events with `k`, `j` and `v` in `blocks` times 20 s, some of them late, and then over three that are far
/// behind them; waits until the parts from `first` on hold next to nothing. Gives how many rows each of these has stated.
fn leaves(pipeline: &str, workers: usize, blocks: u64, first: usize) -> Vec<u64> {
    let live = Live::start(pipeline, workers, highwater::source::WallClock::of(|| 0));
    let (mut events, mut r) = (0, Random::new(7));
    for block in 0..blocks {
        let mut text = String::new();
        for second in 0..20 {
            for _ in 0..4 {
                let time = (100 + block * 20 + second - u64::from(r.one_in(5)) * r.below(20)).max(1);
                let (k, j, v) = (r.below(6), r.below(3), r.below(100));
                text += &format!("{{\"timestamp\":{time},\"k\":{k},\"j\":{j},\"v\":{v}}}\n");
                events += 1;
            }
        }
        live.feed(&text);
    }
    // The last moments let everything go, those of these lines too.
    for time in [100_000, 200_000, 300_000] {
        live.feed(&format!("{{\"timestamp\":{time},\"k\":1,\"j\":1,\"v\":1}}\n"));
        events += 1;
        live.until_events(events);
    }
    let held = || {
        let parts = live.running.metrics.snapshot().parts;
        parts[first..].iter().map(|p| (p.arranged, p.groups, p.state_bytes)).collect::<Vec<_>>()
    };
    // A few updates may not be compacted yet.
    while held().iter().any(|(arranged, groups, bytes)| *arranged > 40 || *groups > 6 || *bytes > 4_000) {
        std::thread::yield_now();
    }
    let (_, outcome) = live.end();
    outcome.metrics.snapshot().parts[first..].iter().map(|p| p.rows).collect()
}

#[test]
fn state_of_views_when_the_life_of_their_rows_is_over_then_is_gone() {
    for workers in [1, 2] {
        // The longest look back of `newest` is over then too.
        let rows = in_time("a long run", move || leaves(LONG, workers, 30, 2));
        assert!(rows.iter().all(|rows| *rows > 100), "{rows:?}");
    }
}

/// More seeds, by hand: `HIGHWATER_SEEDS=100..400 cargo test --test engine -- --ignored many_views`.
#[test]
#[ignore = "as long as one likes"]
fn many_views() {
    oracle(seeds());
}
