//! Random pipelines over random input: the complete change stream and the counts, against the oracle, bit for bit.
//!
//! `HIGHWATER_CASES` says how many cases, `HIGHWATER_SEED` runs one. A case that fails names its seed and leaves its
//! pipeline and input behind.

use super::harness::{Ran, Width, in_time, run, same_bytes, write_case};
use super::oracle::{self, OracleRow};
use super::random::Case;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

/// What a row says, numbers to the last bit; of the overflow group it says no key. `number`: revision and early.
fn told(
    name: &str,
    (start, end): (i64, i64),
    key: Option<&[Value]>,
    values: &[Value],
    number: (u64, u64),
    op: &str,
) -> String {
    let key = key.map_or("overflow".into(), |key| Value::from(key.to_vec()).to_string());
    let values = Value::from(values.to_vec());
    let (revision, early) = number;
    format!("{name} [{start},{end}) {key} {values} {op}{revision} early {early}")
}

/// The rows that the engine has written, in its order.
fn engine_rows(case: &Case, ran: &Ran) -> Vec<String> {
    ran.rows()
        .iter()
        .map(|row| {
            let name = row["name"].as_str().expect("a row has a name");
            let window: usize = name[1..].parse().expect("windows are numbered");
            let (dimensions, values) = case.columns(window);
            let get = |names: &[String]| -> Vec<Value> {
                names.iter().map(|n| row.get(n).unwrap_or_else(|| panic!("no {n}: {row}")).clone()).collect()
            };
            let overflow = row.get("overflow").map(|o| o == &Value::Bool(true));
            assert_ne!(overflow, Some(false), "it is there only where it is true");
            let early =
                row.get("early").map_or(0, |early| early.as_u64().filter(|n| *n > 0).expect("a number from 1 on"));
            let fields = 5 + dimensions.len() + values.len() + usize::from(early > 0) + usize::from(overflow.is_some());
            assert_eq!(row.as_object().map(|o| o.len()), Some(fields), "{row}");
            let time = |name: &str| row[name].as_i64().expect("a time in milliseconds");
            let (revision, op) = (row["revision"].as_u64().expect("a number"), row["op"].as_str().expect("a sign"));
            let (key, values) = (get(&dimensions), get(&values));
            assert!(overflow.is_none() || key.iter().all(Value::is_null), "{row}");
            let key = Some(&key[..]).filter(|_| overflow.is_none());
            told(name, (time("window_start"), time("window_end")), key, &values, (revision, early), op)
        })
        .collect()
}

/// The rows that the oracle states, in the engine's order: by time, then by window as in the file.
fn oracle_rows(case: &Case) -> Vec<String> {
    let mut all: Vec<(i64, usize, OracleRow)> = Vec::new();
    for w in 0..case.windows() {
        all.extend(stated(case, w).rows.into_iter().map(|row| (row.time, w, row)));
    }
    all.sort_by_key(|(time, w, _)| (*time, *w));
    all.iter()
        .map(|(_, w, row)| {
            let window = (row.window_start.div_euclid(1_000), row.window_end.div_euclid(1_000));
            let key = Some(&row.key[..]).filter(|_| !row.overflow);
            let number = (u64::from(row.revision), u64::from(row.early));
            told(&format!("w{w}"), window, key, &row.values, number, &row.op.to_string())
        })
        .collect()
}

/// The rows of a window, and what is counted of it.
struct Stated {
    rows: Vec<OracleRow>,
    too_late: u64,
    late: u64,
    duplicates: u64,
}

fn stated(case: &Case, w: usize) -> Stated {
    let (events, duplicates) = case.events(w);
    let window = case.oracle(w);
    let late = oracle::late_of_window(&window, &events);
    let (rows, too_late) = oracle::run_arrived(&window, events);
    Stated { rows, too_late, late, duplicates }
}

fn check_counts(case: &Case, ran: &Ran) {
    // A source that no window reads is not read.
    for source in (0..case.sources()).filter(|s| (0..case.windows()).any(|w| case.roads(w)[*s] > 0)) {
        let whole = oracle::OracleWindow {
            shape: oracle::Shape::sliding(1_000_000, 1_000_000),
            early: None,
            lateness: 0,
            tick: 1_000_000,
            group: Vec::new(),
            max_groups: None,
            filter: None,
            aggregates: Vec::new(),
        };
        let (_, counts) = oracle::run(&whole, &case.partitions(source));
        assert_eq!(ran.sum(|s| s.sources[source].events), counts.events, "events of s{source}");
        let rejected = ran.sum(|s| s.sources[source].rejected.iter().map(|(_, n)| n).sum());
        assert_eq!(rejected, counts.rejected, "rejected of s{source}");
    }
    let mut duplicates = 0;
    for w in 0..case.windows() {
        let stated = stated(case, w);
        duplicates += stated.duplicates;
        let overflowed = stated.rows.iter().filter(|r| r.overflow && r.revision == 0 && r.op == '+').count() as u64;
        assert_eq!(ran.sum(|s| s.parts[w].overflowed), overflowed, "overflowed of w{w}");
        assert_eq!(ran.sum(|s| s.parts[w].too_late), stated.too_late, "too late for w{w}");
        assert_eq!(ran.sum(|s| s.parts[w].late), stated.late - stated.too_late, "late for w{w}");
        let provisional = stated.rows.iter().filter(|row| row.early > 0 && row.op == '+').count() as u64;
        assert_eq!(ran.sum(|s| s.parts[w].early), provisional, "provisional rows of w{w}");
    }
    assert_eq!(ran.sum(|s| s.parts.iter().map(|p| p.duplicates).sum()), duplicates, "duplicates");
}

fn compare(case: &Case, ran: &Ran) {
    let (engine, oracle) = (engine_rows(case, ran), oracle_rows(case));
    if let Some(i) = (0..engine.len().max(oracle.len())).find(|i| engine.get(*i) != oracle.get(*i)) {
        panic!(
            "row {i} of {} (oracle: {}) differs\n  engine: {:?}\n  oracle: {:?}\n  engine then: {:?}\n  oracle then: {:?}",
            engine.len(),
            oracle.len(),
            engine.get(i),
            oracle.get(i),
            engine.get(i + 1),
            oracle.get(i + 1)
        );
    }
    check_counts(case, ran);
}

/// All widths that a case is run at where all are wanted.
fn all_widths(seed: u64, case: &Case) -> Vec<Width> {
    let small = case.files.iter().map(Vec::len).sum::<usize>() < 8_000;
    let mut widths = Vec::new();
    for workers in 1..=3 {
        for block in [Some(if small { 1 } else { 53 }), Some(100), Some(8_192)] {
            widths.push(Width::new(workers, block));
        }
    }
    // The hand-shake of two processes takes longer than such a run.
    if seed.is_multiple_of(10) {
        widths.push(Width::two_processes(1, Some(100)));
        widths.push(Width::two_processes(2, Some(1_000)));
    }
    widths
}

fn check(seed: u64, everywhere: bool, folder: &Path) {
    let case = Case::new(seed);
    let text = write_case(folder, &case.pipeline(), &case.files);
    let ran = run(&text, case.width).unwrap_or_else(|e| panic!("{e}"));
    compare(&case, &ran);
    if everywhere {
        for width in all_widths(seed, &case) {
            let other = run(&text, width).unwrap_or_else(|e| panic!("{e}"));
            same_bytes(&other, &ran, &format!("{width:?} and {:?}", case.width));
            check_counts(&case, &other);
        }
        let plain = run(&without_early(&case, &text), case.width).unwrap_or_else(|e| panic!("{e}"));
        let mut rest = ran.rows();
        rest.retain(|row| row.get("early").is_none());
        assert!(rest == plain.rows(), "rows that are not provisional differ from those without provisional ones");
        let wall = run(&with_wall(&case, &without_early(&case, &text)), case.width).unwrap_or_else(|e| panic!("{e}"));
        let mut rest = wall.rows();
        // Each provisional row is taken back before the next one of its window and group.
        let mut stand: BTreeMap<String, Value> = BTreeMap::new();
        rest.retain(|row| {
            if row.get("early").is_none() {
                return true;
            }
            let (dimensions, _) =
                case.columns(row["name"].as_str().map_or(0, |name| name[1..].parse().expect("a number")));
            let names = ["name", "window_start", "window_end", "overflow"]
                .into_iter()
                .chain(dimensions.iter().map(String::as_str));
            let place = names.map(|name| format!("{} ", row.get(name).unwrap_or(&Value::Null))).collect();
            let asserted = Value::from_iter(
                row.as_object()
                    .into_iter()
                    .flatten()
                    .map(|(name, value)| (name.clone(), if name == "op" { "+".into() } else { value.clone() })),
            );
            let before = if row["op"] == "+" {
                stand.insert(place, asserted)
            } else {
                stand.remove(&place).filter(|r| *r != asserted)
            };
            assert_eq!(before, None, "{row}");
            false
        });
        assert!(stand.is_empty(), "provisional rows are left: {stand:?}");
        assert!(rest == plain.rows(), "provisional rows by the clock of the machine change others");
    }
}

/// A pipeline without provisional rows, with some by the clock of the machine.
fn with_wall(case: &Case, text: &str) -> String {
    let mut text = text.to_owned();
    for w in 0..case.windows() {
        let head = format!("[windows.w{w}]\n");
        let at = text.find(&head).expect("the window is there") + head.len();
        let keys = &text[at..at + text[at..].find("\n[").expect("a group follows")];
        if !keys.lines().any(|key| key.starts_with("gap") || key.starts_with("global")) {
            text.insert_str(at, "early = \"1ms\"\nearly_clock = \"wall\"\n");
        }
    }
    text
}

/// The pipeline without provisional rows, at the tick that it has with them.
fn without_early(case: &Case, text: &str) -> String {
    let lines = text.lines().filter(|line| !line.starts_with("early = "));
    let text: String = lines.map(|line| format!("{line}\n")).collect();
    if text.contains("[run]") { text } else { format!("[run]\ntick = \"{}us\"\n{text}", case.tick()) }
}

/// [`check`] with a clear last word where it fails.
fn case(seed: u64, everywhere: bool) {
    let folder = tempfile::Builder::new().prefix("highwater-case-").tempdir().expect("a scratch folder");
    let path = folder.path().to_owned();
    let result = std::panic::catch_unwind(|| {
        in_time(&format!("seed {seed}"), move || check(seed, everywhere, &path));
    });
    if result.is_err() {
        let kept = folder.keep();
        panic!("HIGHWATER_SEED={seed} fails; its pipeline and input are in {}", kept.display());
    }
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{variable} is a number")))
}

/// Runs seeds on as many threads as make sense, and stops at the first that fails.
fn cases(first: u64, count: u64, everywhere: bool) {
    if let Some(seed) = number("HIGHWATER_SEED") {
        return case(seed, everywhere);
    }
    let next = AtomicU64::new(first);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= first + count {
                        return;
                    }
                    if let Err(panic) = std::panic::catch_unwind(|| case(seed, everywhere)) {
                        next.store(u64::MAX / 2, Ordering::Relaxed);
                        std::panic::resume_unwind(panic);
                    }
                }
            });
        }
    });
}

#[test]
fn oracle_random_pipelines_when_run_at_any_width_then_say_what_the_oracle_says() {
    cases(0, number("HIGHWATER_CASES").unwrap_or(1_800), false);
}

#[test]
fn agree_random_pipelines_when_run_at_all_widths_then_write_the_same_bytes() {
    cases(1_000_000, number("HIGHWATER_CASES").map_or(200, |n| n.div_ceil(10)), true);
}

/// How many lines of a source are no events.
fn rejected(case: &Case, source: usize) -> u64 {
    let mut counts = oracle::Counts::default();
    for partition in case.partitions(source) {
        oracle::arrivals(&partition, 0, &[], 1, &mut counts);
    }
    counts.rejected
}

#[test]
fn random_cases_when_counted_then_have_all_that_is_to_be_tested() {
    use oracle::Shape;
    let mut seen = [0u64; 33];
    for case in (0..1_800).map(Case::new) {
        for w in 0..case.windows() {
            let window = case.oracle(w);
            let Stated { rows, too_late, late, duplicates } = stated(&case, w);
            let roads = case.roads(w);
            let read = (0..case.sources()).filter(|s| roads[*s] > 0);
            let partitions: usize = read.clone().map(|s| case.partitions(s).len()).sum();
            let routes = case.routes(w);
            let session = matches!(window.shape, Shape::Session { .. });
            // How many sessions of one group are retracted, and how many asserted, at one moment.
            let at_once =
                |r: &OracleRow, op| rows.iter().filter(|o| (o.time, &o.key, o.op) == (r.time, &r.key, op)).count();
            let bridges = |r: &OracleRow| r.op == '-' && at_once(r, '-') > at_once(r, '+');
            let many = match window.shape {
                Shape::Sliding { size, slide: apart, .. } | Shape::Cumulating { size, step: apart, .. } => {
                    size / apart >= 16
                }
                _ => false,
            };
            let overflow = |op, least| rows.iter().any(|r| r.overflow && r.op == op && r.revision >= least);
            let at_once_of = |r: &OracleRow| {
                let same = |o: &&OracleRow| (o.time, o.window_end, &o.key, o.op) == (r.time, r.window_end, &r.key, '+');
                rows.iter().filter(same).count()
            };
            let falls_out =
                |r: &OracleRow| window.max_groups.is_some() && !r.overflow && r.op == '-' && at_once_of(r) == 0;
            let falls_out_of_all = |r: &OracleRow| {
                let same = |o: &&OracleRow| (o.time, &o.key, o.op) == (r.time, &r.key, '+');
                !r.overflow && r.op == '-' && rows.iter().filter(same).count() == 0
            };
            let hours = |r: &OracleRow| (r.window_end - r.window_start) % 86_400_000_000 != 0;
            let found = [
                rows.iter().any(|r| r.revision == 0 && r.time == r.window_end),
                rows.iter().any(|r| r.revision == 0 && r.time > r.window_end),
                rows.iter().any(|r| r.op == '-'),
                rows.iter().any(|r| r.revision > 1),
                rows.iter().any(|r| r.key.iter().any(|k| !k.is_string())),
                read.clone().any(|s| rejected(&case, s) > 0),
                too_late > 0,
                late > too_late,
                partitions > 1
                    && matches!(window.shape, Shape::Sliding { size, slide, .. } if size > slide)
                    && rows.len() > 50,
                session && rows.iter().any(|r| bridges(r) && at_once(r, '+') == 1),
                session && rows.iter().any(|r| bridges(r) && at_once(r, '+') == 0),
                matches!(window.shape, Shape::Days { step: None, .. }) && rows.iter().any(hours),
                matches!(window.shape, Shape::Days { step: Some(_), .. }) && rows.iter().any(|r| r.op == '-'),
                matches!(window.shape, Shape::Cumulating { .. }) && rows.iter().any(|r| r.op == '-'),
                matches!(window.shape, Shape::Sliding { size, slide, .. } if size % slide != 0) && rows.len() > 20,
                roads.iter().any(|n| *n > 1) && rows.len() > 20,
                roads.iter().filter(|n| **n > 0).count() > 1 && rows.iter().any(|r| r.op == '-'),
                routes && rows.len() > 20,
                case.samples(w, true) && rows.len() > 20,
                case.samples(w, false) && rows.len() > 20,
                duplicates > 3 && rows.iter().any(|r| r.op == '-'),
                duplicates > 3 && too_late > 0,
                overflow('+', 0) && partitions > 1,
                overflow('-', 1),
                rows.iter().any(falls_out),
                many && overflow('-', 0),
                rows.iter().any(|r| r.early > 1 && r.op == '-') && rows.iter().any(|r| r.revision > 0),
                rows.iter().any(|r| r.early > 3) && partitions > 1,
                matches!(window.shape, Shape::Sliding { size, slide, .. } if size > slide)
                    && rows.iter().any(|r| r.early > 1),
                matches!(window.shape, Shape::Days { .. }) && rows.iter().any(|r| r.early > 1),
                matches!(window.shape, Shape::Global { .. }) && rows.iter().any(|r| r.revision > 2) && late > 0,
                matches!(window.shape, Shape::Global { .. }) && duplicates > 3,
                matches!(window.shape, Shape::Global { .. }) && rows.iter().any(falls_out_of_all),
            ];
            seen.iter_mut().zip(found).for_each(|(n, found)| *n += u64::from(found));
        }
    }
    assert!(seen.iter().all(|n| *n >= 3), "{seen:?}");
}
