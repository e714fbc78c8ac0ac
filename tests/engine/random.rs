//! A seed, turned into a pipeline and its input, both for the engine and for the oracle.
//!
//! Everything that a case is comes from its seed alone. Expressions are trees that can say themselves as SQL and as a
//! closure over JSON; the closures follow SQL's three-valued logic by plain Rust and share nothing with the engine.

mod events;
mod expression;
mod graph;
mod kind;

use super::harness::Width;
use super::oracle::{self, Arrived, Counts, OracleAgg, OracleWindow, Partition, Unit};
use expression::{Calc, Group, Test};
use graph::Graph;
use kind::Kind;
use serde_json::Value;
use std::fmt::Write;

/// A stream of numbers from a seed: SplitMix64.
#[derive(Debug, Clone)]
pub struct Random(u64);

impl Random {
    /// The stream of a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `n`.
    pub fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    /// True in one of `n` cases.
    pub fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    /// One of them.
    pub fn pick<T: Clone>(&mut self, list: &[T]) -> T {
        list[self.below(list.len() as u64) as usize].clone()
    }
}

/// A source: its partitions, and how its times are written.
#[derive(Debug)]
struct Source {
    out_of_orderness: &'static str,
    rate_limit: Option<&'static str>,
    unit: Unit,
    time_path: &'static str,
    partitions: Vec<Vec<String>>,
}

#[derive(Debug)]
struct Window {
    graph: Graph,
    kind: Kind,
    early: Option<&'static str>,
    lateness: &'static str,
    pre_aggregate: Option<&'static str>,
    groups: Vec<Group>,
    max_groups: Option<usize>,
    values: Vec<(Calc, Option<Test>)>,
}

/// A pipeline and its input.
#[derive(Debug)]
pub struct Case {
    sources: Vec<Source>,
    windows: Vec<Window>,
    tick: Option<&'static str>,
    /// The files, in the order of the sources.
    pub files: Vec<Vec<u8>>,
    /// A width to run it at.
    pub width: Width,
}

/// The spans that cases use, in microseconds.
fn micros(span: &str) -> i64 {
    let (number, unit) = span.split_at(span.find(|c: char| c.is_alphabetic()).expect("a span has a unit"));
    let unit = match unit {
        "ms" => 1_000,
        "s" => 1_000_000,
        "m" => 60_000_000,
        "h" => 3_600_000_000,
        "d" => 86_400_000_000,
        _ => unreachable!("no case has this unit"),
    };
    number.parse::<i64>().expect("a number") * unit
}

impl Window {
    /// True where every time at which it states rows is a multiple of the tick.
    fn takes_tick(&self, tick: i64) -> bool {
        self.kind.takes_tick(tick) && self.early.is_none_or(|early| micros(early) % tick == 0)
    }
}

impl Case {
    /// The case of a seed.
    pub fn new(seed: u64) -> Self {
        let mut r = Random::new(seed);
        let mut events = 20 + r.below(60);
        if r.one_in(10) {
            events += 120;
        }
        // Days of a time zone need events of days.
        let days = r.one_in(8);
        let shape = events::Shape::new(&mut r, days);
        let mut sources = Vec::new();
        for _ in 0..if r.one_in(3) { 2 } else { 1 } {
            let unit = r.pick(&[Unit::Seconds, Unit::Seconds, Unit::Millis, Unit::Micros, Unit::Nanos, Unit::Rfc3339]);
            let time_path = r.pick(&["t", "t", "data.at"]);
            let partitions = r.pick(&[1, 1, 1, 2, 2, 3]);
            let partitions =
                (0..partitions).map(|_| shape.lines(&mut r, events / partitions, unit, time_path)).collect();
            let spans =
                if days { ["0s", "0s", "1s", "10m", "1h", "3h"] } else { ["0s", "0s", "500ms", "1s", "2s", "5s"] };
            let out_of_orderness = r.pick(&spans);
            let rate_limit = if r.one_in(8) { Some(r.pick(&["20000/s", "3600000000/h"])) } else { None };
            sources.push(Source { out_of_orderness, rate_limit, unit, time_path, partitions });
        }
        let count = if r.one_in(3) { 2 } else { 1 };
        let windows: Vec<Window> = (0..count).map(|w| window(&mut r, w, sources.len(), days)).collect();
        let fitting: Vec<_> = ["50ms", "125ms", "250ms", "1s"]
            .into_iter()
            .filter(|tick| windows.iter().all(|w| w.takes_tick(micros(tick))))
            .collect();
        let tick = if r.one_in(3) && !fitting.is_empty() { Some(r.pick(&fitting)) } else { None };
        let files: Vec<Vec<u8>> =
            sources.iter().flat_map(|s| &s.partitions).map(|lines| events::file(&mut r, lines)).collect();
        let bytes: usize = files.iter().map(Vec::len).sum();
        let blocks: &[Option<u64>] = if bytes < 4_000 {
            &[Some(1), Some(7), Some(100), Some(1_000), Some(8_192), None]
        } else {
            &[Some(37), Some(100), Some(100), Some(1_000), Some(8_192), None]
        };
        let width = Width::new(1 + r.below(3) as usize, r.pick(blocks));
        Self { sources, windows, tick, files, width }
    }

    /// The pipeline file.
    pub fn pipeline(&self) -> String {
        let mut out = String::new();
        if let Some(tick) = self.tick {
            let _ = writeln!(out, "[run]\ntick = \"{tick}\"\n");
        }
        let mut file = 0;
        for (i, s) in self.sources.iter().enumerate() {
            let paths: Vec<String> = (0..s.partitions.len()).map(|p| format!("\"{{{}}}\"", file + p)).collect();
            file += s.partitions.len();
            let unit = match s.unit {
                Unit::Seconds => "s",
                Unit::Millis => "ms",
                Unit::Micros => "us",
                Unit::Nanos => "ns",
                Unit::Rfc3339 => "rfc3339",
            };
            let _ = writeln!(
                out,
                "[sources.s{i}]\ntype = \"file\"\npath = [{}]\ntime = {{ field = \"{}\", unit = \"{unit}\" }}\n\
                 out_of_orderness = \"{}\"\n",
                paths.join(", "),
                s.time_path,
                s.out_of_orderness
            );
            if let Some(rate) = s.rate_limit {
                let _ = writeln!(out, "rate_limit = \"{rate}\"\n");
            }
        }
        self.windows.iter().for_each(|w| out.push_str(&w.graph.toml()));
        for (w, window) in self.windows.iter().enumerate() {
            let from = graph::list(&window.graph.from);
            let _ = writeln!(out, "[windows.w{w}]\nfrom = {from}\n{}", window.kind.toml().trim_end());
            if window.kind.takes_lateness() {
                let _ = writeln!(out, "allowed_lateness = \"{}\"", window.lateness);
            }
            if let Some(early) = window.early {
                let _ = writeln!(out, "early = \"{early}\"");
            }
            if let Some(mode) = window.pre_aggregate {
                let _ = writeln!(out, "pre_aggregate = \"{mode}\"");
            }
            if let Some(most) = window.max_groups {
                let _ = writeln!(out, "max_groups = {most}");
            }
            let _ = writeln!(out, "[windows.w{w}.group_by]");
            for (g, group) in window.groups.iter().enumerate() {
                let _ = writeln!(out, "g{g} = '''{}'''", group.sql());
            }
            let _ = writeln!(out, "[windows.w{w}.select]");
            for (v, (calc, filter)) in window.values.iter().enumerate() {
                let filter = filter.as_ref().map_or(String::new(), |f| format!(" FILTER (WHERE {})", f.sql()));
                let _ = writeln!(out, "v{v} = '''{}{filter}'''", calc.sql());
            }
            out.push('\n');
        }
        let names: Vec<String> = (0..self.windows.len()).map(|w| format!("\"w{w}\"")).collect();
        let names = names.join(", ");
        let _ =
            writeln!(out, "[sinks.out]\ntype = \"stdout\"\nformat = \"json\"\ntimes = \"unix_ms\"\nfrom = [{names}]");
        out
    }

    /// How many windows there are.
    pub fn windows(&self) -> usize {
        self.windows.len()
    }

    /// How many sources there are.
    pub fn sources(&self) -> usize {
        self.sources.len()
    }

    /// The names of a window's dimensions and values.
    pub fn columns(&self, w: usize) -> (Vec<String>, Vec<String>) {
        let window = &self.windows[w];
        let names = |letter, n| (0..n).map(|i| format!("{letter}{i}")).collect();
        (names('g', window.groups.len()), names('v', window.values.len()))
    }

    /// The tick that the engine is to choose where none is set: the greatest that divides a second and every slide.
    pub fn tick(&self) -> i64 {
        let divides = |tick: i64| 1_000_000 % tick == 0 && self.windows.iter().all(|w| w.takes_tick(tick));
        let chosen = (1..=1_000).rev().map(|ms| ms * 1_000).find(|tick| divides(*tick));
        self.tick.map_or_else(|| chosen.expect("all slides are whole milliseconds"), micros)
    }

    /// How many roads there are to window `w` from each source.
    pub fn roads(&self, w: usize) -> Vec<usize> {
        self.windows[w].graph.roads_of_sources(self.sources.len())
    }

    /// The events that reach window `w`, and how many duplicates are dropped before it.
    pub fn events(&self, w: usize) -> (Vec<Arrived>, u64) {
        let (graph, tick) = (&self.windows[w].graph, self.tick());
        let mut number = 0;
        let mut sources = Vec::new();
        for s in 0..self.sources.len() {
            let mut all = Vec::new();
            for (partition, positions) in self.partitions(s).iter().zip(self.positions(s)) {
                all.extend(oracle::arrivals(partition, number, &positions, tick, &mut Counts::default()));
                number += 1;
            }
            sources.push(all);
        }
        let horizon = self.windows[w].kind.reach().map(|reach| reach + micros(self.windows[w].lateness));
        (graph.events(&sources, horizon), graph.duplicates(&sources, horizon))
    }

    /// True where a stream before window `w` is the rest of others.
    pub fn routes(&self, w: usize) -> bool {
        self.windows[w].graph.routes()
    }

    /// True where a stream before window `w` keeps a share, of keys or of events.
    pub fn samples(&self, w: usize, keys: bool) -> bool {
        self.windows[w].graph.samples(keys)
    }

    /// Window `w` for the oracle.
    pub fn oracle(&self, w: usize) -> OracleWindow {
        let window = &self.windows[w];
        let condition = |test: &Test| -> super::oracle::Condition {
            let test = test.clone();
            Box::new(move |event: &Value| test.of(event) == Some(true))
        };
        let group = window.groups.iter().map(|group| -> super::oracle::Field {
            let group = group.clone();
            Box::new(move |event: &Value| group.of(event))
        });
        let aggregates = window
            .values
            .iter()
            .map(|(calc, filter)| OracleAgg { agg: calc.agg(), filter: filter.as_ref().map(condition) });
        OracleWindow {
            shape: window.kind.oracle(),
            early: window.early.map(micros),
            lateness: micros(window.lateness),
            tick: self.tick(),
            group: group.collect(),
            max_groups: window.max_groups,
            filter: None,
            aggregates: aggregates.collect(),
        }
    }

    /// Where the lines of each partition of a source begin that are no blank ones, in bytes.
    fn positions(&self, source: usize) -> Vec<Vec<u64>> {
        let before: usize = self.sources[..source].iter().map(|s| s.partitions.len()).sum();
        let files = &self.files[before..before + self.sources[source].partitions.len()];
        let of = |file: &Vec<u8>| {
            let mut at = 0;
            let mut list = Vec::new();
            for line in file.split_inclusive(|b| *b == b'\n') {
                if !line.iter().all(u8::is_ascii_whitespace) {
                    list.push(at);
                }
                at += line.len() as u64;
            }
            list
        };
        files.iter().map(of).collect()
    }

    /// The partitions of a source for the oracle. Blank lines are passed over by the engine, and no lines here.
    pub fn partitions(&self, source: usize) -> Vec<Partition> {
        let s = &self.sources[source];
        s.partitions
            .iter()
            .map(|lines| Partition {
                lines: lines.iter().filter(|line| !line.trim().is_empty()).cloned().collect(),
                out_of_orderness: micros(s.out_of_orderness),
                time_path: s.time_path.to_owned(),
                unit: s.unit,
            })
            .collect()
    }
}

fn window(r: &mut Random, w: usize, sources: usize, days: bool) -> Window {
    let graph = Graph::random(r, w, sources);
    let own = graph.own();
    let kind = Kind::random(r, days);
    let earlies = kind.earlies();
    let early = if earlies.is_empty() || r.one_in(2) { None } else { Some(r.pick(&earlies)) };
    let groups: Vec<Group> = (0..r.below(3))
        .map(|_| if !own.is_empty() && r.one_in(2) { Group::Own(r.pick(&own)) } else { Group::random(r) })
        .collect();
    let values = (0..1 + r.below(5))
        .map(|_| {
            let calc = if !own.is_empty() && r.one_in(4) { Calc::of_own(r, &own) } else { Calc::random(r) };
            (calc, if r.one_in(3) { Some(Test::random(r)) } else { None })
        })
        .collect();
    let capped = !groups.is_empty() && !kind.is_session() && early.is_none() && r.one_in(2);
    let max_groups = if capped { Some(r.pick(&[1, 1, 2, 2, 3, 5])) } else { None };
    Window {
        graph,
        early,
        kind,
        lateness: if days {
            r.pick(&["0s", "1h", "5h", "30h"])
        } else {
            r.pick(&["0s", "0s", "1s", "700ms", "3s", "10s", "30s", "60s"])
        },
        pre_aggregate: r
            .pick(&[None, Some("auto"), Some("always"), Some("never")])
            .filter(|m| !capped || *m != "never"),
        groups,
        max_groups,
        values,
    }
}
