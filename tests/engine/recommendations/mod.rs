//! Recommendations against a recomputation from scratch, at every moment at which something was stated.
//!
//! The whole change stream and the counts are compared: rows, moments, revisions, what is taken back. Scores are compared to
//! nine digits, as the naive code adds them up in its own order; what two widths say is compared byte by byte. What this
//! cannot catch is a rule that the naive code states wrongly itself, as the engine does; the case files have answers by hand.

mod naive;

use self::naive::{Event, Name, Row, Rules};
use super::harness::{Ran, Width, in_time, run, same_bytes, seeds, write_case};
use super::live::Live;
use super::random::Random;
use serde_json::Value;

struct Case {
    text: String,
    files: Vec<Vec<u8>>,
    events: Vec<Event>,
    rules: Rules,
}

impl Case {
    fn new(seed: u64) -> Self {
        let mut r = Random::new(seed);
        // With weights no two sums are the same by chance; without them and without fading those that are are equal.
        let weighed = r.one_in(2);
        let every = r.pick(&[1_000, 2_500, 10_000]);
        let rules = Rules {
            within: r.pick(&[1, 3_000, 20_000]),
            half_life: (weighed && !r.one_in(4)).then_some(37_123),
            every,
            keep: r.pick(&[1_000, 60_000, 200_000, 3_600_000]),
            n: r.pick(&[1, 2, 5]),
            min_times: r.pick(&[1, 1, 3]),
            most: r.pick(&[1, 2, 100]),
            lateness: r.pick(&[0, 5_000, 60_000]),
            users: (!r.one_in(3)).then(|| (r.pick(&[1, 3]), r.pick(&[1, 2, 4]), r.pick(&[10_000, 100_000]))),
        };
        let (out_of_orderness, count) = (r.below(4) as i64 * 1_000, 30 + r.below(150));
        // The greatest common divisor of a second and every.
        let tick = if every == 2_500 { 500 } else { 1_000 };
        let mut events: Vec<Event> =
            (0..2).flat_map(|p| naive::events(&mut r, p, (count, out_of_orderness, tick))).collect();
        if !weighed {
            events.iter_mut().for_each(|event| event.weight = Some(1.0));
        }
        let line = |event: &Event| {
            let name = |name: &Option<Name>| name.as_ref().map_or(Value::Null, Name::json);
            let (time, user, item, seen) = (event.time, name(&event.user), name(&event.item), event.seen);
            let weight = event.weight.map_or("null".to_owned(), |weight| weight.to_string());
            format!("{{\"t\":{time},\"user\":{user},\"item\":{item},\"weight\":{weight},\"seen\":{seen}}}\n")
        };
        let files =
            (0..2).map(|p| events.iter().filter(|e| e.partition == p).map(line).collect::<String>().into_bytes());
        let files = files.collect();
        let mut text = format!(
            "[sources.e]\ntype = \"file\"\npath = [\"{{0}}\", \"{{1}}\"]\ntime = {{ field = \"t\", unit = \"ms\" }}\n\
             out_of_orderness = \"{out_of_orderness}ms\"\n[recommendations.also]\nfrom = \"e\"\nwhere = \"seen\"\nby = \"user\"\nitem = \"item\"\n\
             within = \"{}ms\"\nevery = \"{}ms\"\nkeep = \"{}ms\"\nn = {}\nmin_times = {}\nmax_pairs = {}\n\
             allowed_lateness = \"{}ms\"\n",
            rules.within, rules.every, rules.keep, rules.n, rules.min_times, rules.most, rules.lateness
        );
        if weighed {
            text += "weight = \"weight\"\n";
        }
        if let Some(half_life) = rules.half_life {
            text += &format!("half_life = \"{half_life}ms\"\n");
        }
        let mut parts = "\"also\"".to_owned();
        if let Some((n, recent, keep)) = rules.users {
            text += &format!("per_user = {{ n = {n}, recent = {recent}, keep = \"{keep}ms\" }}\n");
            parts += ", \"also.users\"";
        }
        text += &format!("[sinks.out]\ntype = \"stdout\"\nformat = \"json\"\ntimes = \"unix_ms\"\nfrom = [{parts}]\n");
        Self { text, files, events, rules }
    }
}

/// Holds a row of the output against the one that is expected.
fn same(expected: &Row, row: &Value) -> bool {
    let (name, [of, other]) = match expected.part {
        0 => ("also", ["item", "other"]),
        _ => ("also.users", ["user", "item"]),
    };
    let score = row["score"].as_f64().unwrap_or(f64::NAN);
    row["name"] == name
        && row["window_start"] == 0
        && row["window_end"] == expected.end
        && row[of] == expected.key.0.json()
        && row[other] == expected.key.1.json()
        && row["revision"] == expected.revision
        && row["op"] == if expected.asserts { "+" } else { "-" }
        && row["rank"] == expected.rank
        && expected.times.is_none_or(|times| row["times"] == times)
        && (score - expected.score).abs() <= 1e-9 * expected.score
}

/// How much the cases of a test have shown.
#[derive(Debug, Default)]
struct Shown {
    rows: usize,
    taken_back: usize,
    users: usize,
    late: u64,
    too_late: u64,
    left_out: u64,
}

fn check(case: &Case, ran: &Ran, shown: &mut Shown, what: &str) {
    let (expected, counts) = case.rules.run(&case.events);
    let rows = ran.rows();
    for (i, (expected, row)) in expected.iter().zip(&rows).enumerate() {
        assert!(same(expected, row), "{what}: row {i}\nexpected {expected:?}\nfound    {row}\n{}", case.text);
    }
    assert_eq!(expected.len(), rows.len(), "{what}: rows\n{}", case.text);
    let sum = |of: fn(&highwater::observe::PartCounts) -> u64| ran.sum(|counts| counts.parts.iter().map(of).sum());
    let found = naive::Counts {
        late: sum(|p| p.late),
        too_late: sum(|p| p.too_late),
        no_key: sum(|p| p.no_key),
        left_out: sum(|p| p.left_out),
    };
    assert_eq!(found, counts, "{what}\n{}", case.text);
    let stated = |part: &highwater::observe::PartCounts| part.rows;
    let first = expected.iter().filter(|row| row.asserts && row.revision == 0).count();
    assert_eq!(sum(stated), first as u64, "{what}: first statements");
    shown.rows += rows.len();
    shown.taken_back += expected.iter().filter(|row| !row.asserts).count();
    shown.users += expected.iter().filter(|row| row.part == 1).count();
    shown.late += counts.late;
    shown.too_late += counts.too_late;
    shown.left_out += counts.left_out;
}

fn oracle(seeds: std::ops::Range<u64>) -> Shown {
    let mut shown = Shown::default();
    for seed in seeds {
        let case = Case::new(seed);
        let folder = tempfile::tempdir().expect("a scratch folder");
        let text = write_case(folder.path(), &case.text, &case.files);
        let first = run(&text, Width::new(1, None)).unwrap_or_else(|e| panic!("seed {seed}: {e}\n{text}"));
        check(&case, &first, &mut shown, &format!("seed {seed}"));
        for width in [Width::new(2, Some(100)), Width::new(3, Some(1))] {
            let other = run(&text, width).unwrap_or_else(|e| panic!("seed {seed}: {e}\n{text}"));
            same_bytes(&first, &other, &format!("seed {seed}: {width:?}\n{text}\n"));
        }
    }
    shown
}

#[test]
fn recommendations_of_random_sightings_then_are_at_every_moment_what_a_recomputation_gives() {
    in_time("random recommendations", || {
        let shown = oracle(0..16);
        let Shown { rows, taken_back, users, late, too_late, left_out } = shown;
        assert!(rows > 3_000 && taken_back > 1_500 && users > 1_000, "{shown:?}");
        assert!(late > 50 && too_late > 50 && left_out > 50, "{shown:?}");
    });
}

/// More seeds, by hand: `HIGHWATER_SEEDS=100..400 cargo test --test engine -- --ignored many_recommendations`.
#[test]
#[ignore = "as long as one likes"]
fn many_recommendations() {
    println!("{:?}", oracle(seeds()));
}

#[test]
fn recommendations_when_there_are_two_processes_then_say_the_same_bytes() {
    in_time("two processes", || {
        for seed in 1_000..1_003 {
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
[recommendations.also]
from = "e"
by = "user"
item = "item"
within = "20s"
half_life = "30s"
every = "5s"
keep = "60s"
allowed_lateness = "10s"
per_user = { recent = 4, keep = "2m" }
[sinks.out]
type = "stdout"
format = "json"
times = "unix_ms"
from = ["also", "also.users"]
"#;

#[test]
fn state_of_recommendations_when_nothing_is_seen_any_more_then_is_gone_and_so_are_the_rows() {
    for workers in [1, 2] {
        in_time("a long run", move || {
            let live = Live::start(LONG, workers, highwater::source::WallClock::of(|| 0));
            let (mut events, mut r) = (0, Random::new(11));
            for block in 0..20 {
                let mut text = String::new();
                for second in 0..20 {
                    for _ in 0..4 {
                        let time = (100 + block * 20 + second - u64::from(r.one_in(5)) * r.below(15)).max(1);
                        // New ones come all the time.
                        let (user, item) = (block * 3 + r.below(6), block * 2 + r.below(8));
                        text += &format!("{{\"timestamp\":{time},\"user\":{user},\"item\":\"page {item}\"}}\n");
                        events += 1;
                    }
                }
                live.feed(&text);
            }
            for time in [100_000, 200_000, 300_000] {
                live.feed(&format!("{{\"timestamp\":{time},\"user\":1,\"item\":\"the last\"}}\n"));
                events += 1;
                live.until_events(events);
            }
            let held = || {
                let parts = live.running.metrics.snapshot().parts;
                parts.iter().map(|p| (p.groups, p.state_bytes)).collect::<Vec<_>>()
            };
            while held().iter().any(|(groups, bytes)| *groups > 1 || *bytes > 2_000) {
                std::thread::yield_now();
            }
            let (output, outcome) = live.end();
            let parts = outcome.metrics.snapshot().parts;
            assert!(parts.iter().all(|part| part.rows > 200), "{parts:?}");
            let mut stand = std::collections::BTreeSet::new();
            for line in output.lines() {
                let row: Value = serde_json::from_str(line).expect("JSON");
                let key = format!("{} {} {} {}", row["name"], row["user"], row["item"], row["other"]);
                let changed = if row["op"] == "+" { stand.insert(key) } else { stand.remove(&key) };
                assert!(changed, "{row}");
            }
            assert_eq!(stand.len(), 0, "{stand:?}");
        });
    }
}
