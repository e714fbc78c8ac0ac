//! Joins and lookups in tables of events: random ones, before and behind streams, dedups and each other, against nested loops over all events; and some by
//! hand, as a user is told.
//!
//! The reference (`joins/reference.rs`) follows the rules of the documentation by the plainest road and shares no code with
//! the engine. It cannot catch a rule that is stated wrongly there. `HIGHWATER_CASES` says how many cases, `HIGHWATER_SEED`
//! runs one.

mod reference;

use super::harness::{Ran, Width, in_time, run, same_bytes, write_case};
use super::oracle::{self, Agg, Counts, OracleAgg, OracleWindow, Partition, Shape, Unit};
use super::random::Random;
use reference::{Graph, Kind, Near, Node};
use serde_json::Value;
use std::fmt::Write;
use std::path::Path;

/// A span as a file has it, and its microseconds.
type Span = (&'static str, i64);
const SPANS: [Span; 7] = [
    ("0s", 0),
    ("500ms", 500_000),
    ("1s", 1_000_000),
    ("1700ms", 1_700_000),
    ("3s", 3_000_000),
    ("10s", 10_000_000),
    ("30s", 30_000_000),
];

struct Source {
    late: Span,
    partitions: Vec<Vec<String>>,
}

struct Case {
    sources: Vec<Source>,
    graph: Graph,
    from: Vec<String>,
    tick: i64,
    shape: (String, Shape),
    lateness: Span,
    group: Option<String>,
    values: Vec<(String, Agg)>,
    width: Width,
}

/// Lines of events: few keys, some NULL, and times that tie, run back and come late.
fn lines(r: &mut Random, count: u64) -> Vec<String> {
    let grain = r.pick(&[100, 500, 1_000]);
    let (disorder, late) = (r.pick(&[0, 1_000, 4_000]), r.pick(&[0, 5, 12]));
    let keys = r.pick(&[1, 2, 4]);
    let step = r.pick(&[200, 1_000, 2_500]);
    let mut now = 1_767_614_400_000_i64 + r.below(8_000) as i64;
    let mut list = Vec::new();
    for _ in 0..count {
        now += r.below(step) as i64 + if r.one_in(15) { 20_000 } else { 0 };
        let back = if late > 0 && r.one_in(late) { r.below(40_000) } else { r.below(disorder + 1) };
        let time = (now - back as i64) / grain * grain;
        let key = |r: &mut Random| match r.below(keys + 1) {
            n if n == keys => r.pick(&["null", "1.0", "\"1\"", "1", "null"]).to_owned(),
            n => n.to_string(),
        };
        let (k, g) = (key(r), key(r));
        let v = r.pick(&["1", "2", "0.1", "1e15", "-3", "null", "\"x\""]);
        list.push(format!("{{\"t\":{time},\"k\":{k},\"g\":{g},\"v\":{v}}}"));
    }
    list
}

impl Case {
    fn new(seed: u64) -> Self {
        let mut r = Random::new(seed);
        let events = 15 + r.below(50);
        let sources: Vec<Source> = (0..1 + r.below(2))
            .map(|_| {
                let partitions = 1 + r.below(3);
                let partitions = (0..partitions).map(|_| lines(&mut r, events / partitions)).collect();
                Source { late: r.pick(&SPANS[..5]), partitions }
            })
            .collect();
        // Each node with the prefix of a field that it has.
        let mut fields: Vec<(String, Vec<String>)> =
            (0..sources.len()).map(|s| (format!("s{s}"), vec![String::new()])).collect();
        let mut nodes: Vec<Node> = Vec::new();
        for i in 0..1 + r.below(4) {
            let name = format!("n{i}");
            // The last one before is likely.
            let pick = |r: &mut Random| if r.one_in(2) { fields[fields.len() - 1].clone() } else { r.pick(&fields) };
            let joins = nodes.iter().filter(|n| matches!(n.kind, Kind::Join { .. })).count();
            let (from, prefixes) = pick(&mut r);
            let prefix = r.pick(&prefixes);
            // Joins of joins of joins have too many pairs.
            let what = if joins == 2 { r.below(4) } else { r.below(10) };
            let (kind, prefixes) = match what {
                0 => {
                    let mut from = vec![from];
                    let (other, its) = pick(&mut r);
                    if its == prefixes && !from.contains(&other) {
                        from.push(other);
                    }
                    (Kind::Plain { from, field: format!("{prefix}g"), below: 1 + r.below(4) as i64 }, prefixes)
                }
                1 => {
                    let (within, by) = (r.pick(&SPANS[1..]), r.pick(&["k", "v"]));
                    (Kind::Dedup { from, by: format!("{prefix}{by}"), within }, prefixes)
                }
                2 | 3 => {
                    let (rows, its) = pick(&mut r);
                    let other = r.pick(&its);
                    let key = format!("{prefix}{}", r.pick(&["k", "g"]));
                    let column = format!("{other}{}", r.pick(&["k", "g"]));
                    let keep = if r.one_in(3) { Some(r.pick(&SPANS[1..])) } else { None };
                    let mut prefixes = prefixes;
                    prefixes.push(String::new());
                    prefixes.dedup();
                    (Kind::Lookup { events: from, rows, key, column, prefix: other, keep }, prefixes)
                }
                _ => {
                    let (right, its) = pick(&mut r);
                    let other = r.pick(&its);
                    let key = |r: &mut Random, prefix: &str| format!("{prefix}{}", r.pick(&["k", "k", "g"]));
                    let on = [key(&mut r, &prefix), key(&mut r, &other)];
                    let [before, after, lateness] = [(); 3].map(|()| r.pick(&SPANS));
                    let outer = r.one_in(2);
                    let prefixed = |side: &str, list: &[String]| {
                        list.iter().map(|prefix| format!("{side}.{prefix}")).collect::<Vec<_>>()
                    };
                    let prefixes = [prefixed("left", &prefixes), prefixed("right", &its)].concat();
                    (Kind::Join { from: [from, right], on, near: Near { before, after, lateness, outer } }, prefixes)
                }
            };
            fields.push((name.clone(), prefixes));
            nodes.push(Node { name, kind });
        }
        let (last, prefixes) = fields[fields.len() - 1].clone();
        let mut from = vec![last];
        if r.one_in(4) {
            let same: Vec<_> = fields.iter().filter(|(name, its)| *its == prefixes && *name != from[0]).collect();
            if !same.is_empty() {
                from.push(r.pick(&same).0.clone());
            }
        }
        let field = |r: &mut Random, name: &str| format!("{}{name}", r.pick(&prefixes));
        let values = (0..2 + r.below(4)).map(|i| {
            let path = field(&mut r, "v");
            let agg = match r.below(8) {
                0 => Agg::Sum(path),
                1 => Agg::Count(path),
                2 => Agg::First(path),
                3 => Agg::Last(path),
                4 => Agg::Max(path),
                5 => Agg::Min(path),
                6 => Agg::ArgMax(path, field(&mut r, "t")),
                _ => Agg::CountRows,
            };
            (format!("v{i}"), agg)
        });
        let values = values.collect();
        let shapes = [
            ("size = \"1s\"", Shape::sliding(1_000_000, 1_000_000)),
            ("size = \"10s\"", Shape::sliding(10_000_000, 10_000_000)),
            ("size = \"6s\"\nslide = \"1500ms\"", Shape::sliding(6_000_000, 1_500_000)),
            ("gap = \"2s\"", Shape::Session { gap: 2_000_000 }),
            ("global = \"5s\"", Shape::Global { every: 5_000_000, offset: 0 }),
        ];
        let (shape, kind) = r.pick(&shapes);
        let ticks: &[i64] = if shape.contains("slide") { &[500_000, 100_000] } else { &[1_000_000, 500_000, 250_000] };
        Self {
            graph: Graph { nodes },
            from,
            tick: r.pick(ticks),
            shape: (shape.to_owned(), kind),
            lateness: r.pick(&SPANS),
            group: if r.one_in(2) { Some(field(&mut r, "g")) } else { None },
            values,
            width: Width::new(1 + r.below(3) as usize, r.pick(&[Some(1), Some(60), Some(200), None])),
            sources,
        }
    }

    fn global(&self) -> bool {
        matches!(self.shape.1, Shape::Global { .. })
    }

    fn pipeline(&self) -> String {
        let mut out = format!("[run]\ntick = \"{}ms\"\n", self.tick / 1_000);
        let mut file = 0;
        for (s, source) in self.sources.iter().enumerate() {
            let paths: Vec<String> = (0..source.partitions.len()).map(|p| format!("\"{{{}}}\"", file + p)).collect();
            file += paths.len();
            let _ = writeln!(
                out,
                "[sources.s{s}]\ntype = \"file\"\npath = [{}]\ntime = {{ field = \"t\", unit = \"ms\" }}\n\
                 out_of_orderness = \"{}\"",
                paths.join(", "),
                source.late.0
            );
        }
        out += &self.graph.toml();
        let _ = writeln!(out, "[windows.w]\nfrom = {:?}\n{}", self.from, self.shape.0);
        if !self.global() {
            let _ = writeln!(out, "allowed_lateness = \"{}\"", self.lateness.0);
        }
        if let Some(group) = &self.group {
            let _ = writeln!(out, "group_by = {{ g = \"{group}\" }}");
        }
        out += "[windows.w.select]\n";
        for (name, agg) in &self.values {
            let sql = match agg {
                Agg::CountRows => "count(*)".to_owned(),
                Agg::Sum(path) => format!("sum({path})"),
                Agg::Count(path) => format!("count({path})"),
                Agg::First(path) => format!("first({path})"),
                Agg::Last(path) => format!("last({path})"),
                Agg::Max(path) => format!("max({path})"),
                Agg::Min(path) => format!("min({path})"),
                Agg::ArgMax(path, by) => format!("arg_max({path}, {by})"),
                other => unreachable!("{other:?} is not drawn"),
            };
            let _ = writeln!(out, "{name} = \"{sql}\"");
        }
        out + "[sinks.out]\ntype = \"stdout\"\nformat = \"json\"\ntimes = \"unix_ms\"\nfrom = \"w\"\n"
    }

    fn files(&self) -> Vec<Vec<u8>> {
        let all = self.sources.iter().flat_map(|s| &s.partitions);
        all.map(|lines| lines.iter().map(|line| format!("{line}\n")).collect::<String>().into_bytes()).collect()
    }

    /// What the window must say, and what is counted: too late for joins, duplicates, lookups without a row, too late for
    /// the window.
    fn expected(&self) -> (Vec<String>, [u64; 4]) {
        let mut number = 0;
        let sources = self.sources.iter().map(|source| {
            let mut events = Vec::new();
            for lines in &source.partitions {
                let mut at = 0;
                let positions: Vec<u64> = lines
                    .iter()
                    .map(|line| {
                        at += line.len() as u64 + 1;
                        at - line.len() as u64 - 1
                    })
                    .collect();
                let partition = Partition {
                    lines: lines.clone(),
                    out_of_orderness: source.late.1,
                    time_path: "t".to_owned(),
                    unit: Unit::Millis,
                };
                let counts = &mut Counts::default();
                events.extend(oracle::arrivals(&partition, number, &positions, self.tick, counts));
                number += 1;
            }
            events
        });
        let sources: Vec<_> = sources.collect();
        let longest = match self.shape.1 {
            Shape::Sliding { size, .. } => Some(size),
            Shape::Session { gap } => Some(gap + 1),
            _ => None,
        };
        let reach = longest.map(|longest| longest + self.lateness.1);
        let run = reference::run(&self.graph, &self.from, sources, self.tick, reach);
        let group = self.group.iter().map(|path| -> oracle::Field {
            let path = path.clone();
            Box::new(move |event: &Value| oracle::at_path(event, &path))
        });
        let window = OracleWindow {
            shape: self.shape.1.clone(),
            early: None,
            lateness: self.lateness.1,
            tick: self.tick,
            group: group.collect(),
            max_groups: None,
            filter: None,
            aggregates: self.values.iter().map(|(_, agg)| OracleAgg { agg: agg.clone(), filter: None }).collect(),
        };
        let (rows, too_late) = oracle::run_arrived(&window, run.events);
        let rows = rows.iter().map(|row| {
            let times = (row.window_start.div_euclid(1_000), row.window_end.div_euclid(1_000));
            told(times, &row.key, &row.values, u64::from(row.revision), &row.op.to_string())
        });
        (rows.collect(), [run.too_late, run.duplicates, run.missing, too_late])
    }

    fn said(&self, ran: &Ran) -> (Vec<String>, [u64; 4]) {
        let rows = ran.rows();
        let rows = rows.iter().map(|row| {
            let time = |name: &str| row[name].as_i64().expect("a time in milliseconds");
            let key: Vec<Value> = self.group.iter().map(|_| row["g"].clone()).collect();
            let values: Vec<Value> = self.values.iter().map(|(name, _)| row[name].clone()).collect();
            let (revision, op) = (row["revision"].as_u64().expect("a number"), row["op"].as_str().expect("a sign"));
            told((time("window_start"), time("window_end")), &key, &values, revision, op)
        });
        let heads =
            |count: fn(&highwater::observe::PartCounts) -> u64| ran.sum(|s| s.parts[1..].iter().map(count).sum());
        let missing = ran.sum(|s| s.tables.iter().map(|t| t.missing).sum());
        let counts = [heads(|p| p.too_late), heads(|p| p.duplicates), missing, ran.sum(|s| s.parts[0].too_late)];
        (rows.collect(), counts)
    }
}

fn told((start, end): (i64, i64), key: &[Value], values: &[Value], revision: u64, op: &str) -> String {
    format!("[{start},{end}) {} {} {op}{revision}", Value::from(key.to_vec()), Value::from(values.to_vec()))
}

fn check(seed: u64, folder: &Path) {
    let case = Case::new(seed);
    let text = write_case(folder, &case.pipeline(), &case.files());
    let ran = run(&text, case.width).unwrap_or_else(|e| panic!("{e}"));
    let ((said, counted), (expected, counts)) = (case.said(&ran), case.expected());
    if let Some(i) = (0..said.len().max(expected.len())).find(|i| said.get(*i) != expected.get(*i)) {
        panic!(
            "row {i} of {} (reference: {}) differs\n  engine:    {:?}\n  reference: {:?}",
            said.len(),
            expected.len(),
            said.get(i).map(|row| row.chars().take(500).collect::<String>()),
            expected.get(i).map(|row| row.chars().take(500).collect::<String>())
        );
    }
    assert_eq!(counted, counts, "too late for joins, duplicates, lookups without a row, too late for the window");
    // Another width says the same.
    let mut widths = vec![Width::new(1 + (case.width.workers % 3), Some(if seed.is_multiple_of(3) { 1 } else { 150 }))];
    if seed.is_multiple_of(10) {
        widths.extend([
            Width::new(2, Some(100)),
            Width::two_processes(1, Some(100)),
            Width::two_processes(2, Some(300)),
        ]);
    }
    for width in widths {
        let other = run(&text, width).unwrap_or_else(|e| panic!("{e}"));
        same_bytes(&other, &ran, &format!("{width:?} and {:?}", case.width));
        assert_eq!(case.said(&other).1, counts, "{width:?}");
    }
}

#[test]
fn random_joins_agree_with_nested_loops_over_all_events() {
    let number = |name: &str| std::env::var(name).ok().map(|n| n.parse::<u64>().expect("a number"));
    let seeds: Vec<u64> = match number("HIGHWATER_SEED") {
        Some(seed) => vec![seed],
        None => (0..number("HIGHWATER_CASES").unwrap_or(120)).collect(),
    };
    for seed in seeds {
        let folder = tempfile::Builder::new().prefix("highwater-join-").tempdir().expect("a scratch folder");
        let path = folder.path().to_owned();
        let result = std::panic::catch_unwind(|| in_time(&format!("seed {seed}"), move || check(seed, &path)));
        if result.is_err() {
            panic!("HIGHWATER_SEED={seed} fails; its pipeline and input are in {}", folder.keep().display());
        }
    }
}

/// The rows of a pipeline over one file of events, the same at all widths, without the columns that say when.
fn rows(parts: &str, events: &str) -> Vec<Value> {
    let folder = tempfile::tempdir().expect("a scratch folder");
    let pipeline = format!(
        "[sources.e]\ntype = \"file\"\npath = \"{{0}}\"\nout_of_orderness = \"3s\"\n\
         [streams.a]\nfrom = \"e\"\nwhere = \"s = 'a'\"\n[streams.b]\nfrom = \"e\"\nwhere = \"s = 'b'\"\n{parts}\n\
         [sinks.out]\ntype = \"stdout\"\nformat = \"json\"\ntimes = \"unix_ms\"\nfrom = \"w\"\nmode = \"corrections\"\n"
    );
    let text = write_case(folder.path(), &pipeline, &[events.as_bytes().to_vec()]);
    let widths =
        [Width::new(1, None), Width::new(2, Some(1)), Width::new(3, Some(70)), Width::two_processes(1, Some(50))];
    let mut all: Vec<Vec<Value>> =
        widths.into_iter().map(|width| run(&text, width).unwrap_or_else(|e| panic!("{e}")).rows()).collect();
    assert!(all.windows(2).all(|two| two[0] == two[1]), "{all:?}");
    all.remove(0)
}

fn event(t: i64, s: &str, k: &str, v: i64) -> String {
    format!("{{\"timestamp\":{t},\"s\":\"{s}\",\"k\":\"{k}\",\"v\":{v}}}\n")
}

#[test]
fn a_join_when_it_is_read_by_a_pattern_then_pairs_are_its_events() {
    let parts = "[joins.j]\nleft = \"a\"\nright = \"b\"\non = \"k\"\nwithin = \"2s\"\nkind = \"left\"\n\
                 [patterns.w]\nfrom = \"j\"\nkey = \"left.k\"\nmatch = \"met -> alone\"\nwithin = \"1m\"\n\
                 define = { met = \"right.v > 0\", alone = \"right.v IS NULL\" }\n\
                 select = { first = \"met.left.v\", other = \"met.right.v\", last = \"alone.left.v\" }";
    let events = [(1, "a", "x", 1), (2, "b", "x", 2), (3, "a", "y", 3), (9, "a", "x", 4), (20, "a", "z", 5)];
    let rows = rows(parts, &events.map(|(t, s, k, v)| event(t, s, k, v)).concat());
    let told: Vec<_> = rows.iter().map(|r| (&r["key"], &r["first"], &r["other"], &r["last"])).collect();
    assert_eq!(told, [(&"x".into(), &1.into(), &2.into(), &4.into())]);
}

#[test]
fn a_left_join_when_windows_are_short_then_what_has_no_partner_is_in_its_window_on_time() {
    let parts = "[joins.j]\nleft = \"a\"\nright = \"b\"\non = \"k\"\nwithin = { after = \"1h\" }\nkind = \"left\"\n\
                 [windows.w]\nfrom = \"j\"\nsize = \"1s\"\nselect = { n = \"count(*)\", met = \"count(right.v)\" }";
    // The watermark passes an hour, and so does what waits for it; no lateness is allowed anywhere.
    let events = [(1, "a", "x", 1), (2, "a", "y", 2), (3_601, "b", "x", 3), (3_603, "b", "y", 4), (9_000, "a", "z", 5)];
    let rows = rows(parts, &events.map(|(t, s, k, v)| event(t, s, k, v)).concat());
    let told: Vec<_> = rows.iter().map(|r| (r["window_start"].as_i64(), r["n"].as_i64(), r["met"].as_i64())).collect();
    let row = |start: i64, n, met| (Some(start * 1_000), Some(n), Some(met));
    assert_eq!(told, [row(2, 1, 0), row(3_601, 1, 1), row(9_000, 1, 0)]);
}

#[test]
fn a_table_of_events_when_an_event_is_late_then_it_sees_the_row_of_its_own_time() {
    let parts = "[tables.t]\ntype = \"stream\"\nfrom = \"b\"\nkey = \"k\"\ncolumns = [\"v\"]\n\
                 [streams.c]\nfrom = \"a\"\nenrich = { table = \"t\", key = \"upper(k)\", add = { seen = \"v\" } }\nset = { twice = \"2 * seen\" }\n\
                 [windows.w]\nfrom = \"c\"\nsize = \"100s\"\nallowed_lateness = \"1h\"\n\
                 select = { seen = \"collect(coalesce(twice, 0))\" }";
    let events = [
        (5, "b", "X", 1),
        // Of one time the row is first.
        (5, "a", "x", 0),
        (4, "a", "x", 0),
        (20, "b", "X", 2),
        (30, "a", "x", 0),
        (60, "b", "Y", 3),
        // Late: as of 10.
        (10, "a", "x", 0),
        (99, "a", "y", 0),
    ];
    let rows = rows(parts, &events.map(|(t, s, k, v)| event(t, s, k, v)).concat());
    let told: Vec<_> = rows.iter().map(|r| r["seen"].to_string()).collect();
    assert_eq!(told, ["[0,2,2,4,6]"]);
}
