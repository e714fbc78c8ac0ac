//! Closures, functions and aggregates of the program, against SQL and against plain computations.

use super::*;
use crate::aggregate::{Aggregate, check_law};
use crate::event::{OwnedValue, Value};
use std::collections::BTreeMap;
use std::sync::mpsc::channel;

/// 600 events over 60 s in two partitions' worth of disorder: some late, some without a price.
fn events() -> Vec<serde_json::Value> {
    let event = |i: i64| {
        let late = if i % 11 == 0 { 13.0 } else { 0.0 };
        let price = if i % 5 == 0 { serde_json::Value::Null } else { ((i * 37) % 100).into() };
        let (user, page) = (format!("u{}", i % 4), format!("Shop{}/p{}", i % 3, i % 7));
        serde_json::json!({"timestamp": 100.0 + i as f64 / 10.0 - late, "user": user, "data": {"price": price, "page": page}})
    };
    (0..600).map(event).collect()
}

/// What a pipeline says on its window `w`, as text.
fn said(pipeline: Pipeline) -> Vec<String> {
    let (say, rows) = channel();
    pipeline.on_rows("w", move |row| say.send(row.to_string())).run().unwrap();
    rows.iter().collect()
}

fn pipeline() -> Pipeline {
    Pipeline::new("p").source("e", Source::events(events()))
}

#[test]
fn closures_and_functions_say_what_the_same_sql_says_at_any_width() {
    let window = || Window::tumbling("10s").from("s").allowed_lateness("1m").select("n", "count(*)");
    let sql = pipeline()
        .stream(
            "s",
            Stream::from("e")
                .filter("data.price > 20 AND \"user\" <> 'u3'")
                .field("shop", "lower(split_part(data.page, '/', 1))"),
        )
        .window(
            "w",
            window()
                .group_by("shop", "shop")
                .group_by("half", "data.price >= 50")
                .select("paid", "sum(data.price * 0.5)"),
        );
    let expected = said(sql);
    assert!(expected.len() > 30 && expected.iter().any(|row| row.contains("\"op\":\"-\"")));
    for workers in 1..=3 {
        let built = pipeline()
            .function("halve", |[price]| price.as_f64().map(|price| price * 0.5))
            .stream(
                "s",
                Stream::from("e")
                    .filter_fn(["data.price"], |[price]| price.as_f64().map(|price| price > 20.0))
                    .filter("\"user\" <> 'u3'")
                    .field_fn("shop", ["data.page"], |[page]| page.as_str()?.split('/').next().map(str::to_lowercase)),
            )
            .window(
                "w",
                window()
                    .group_by("shop", "shop")
                    .group_by_fn("half", ["data.price"], |[price]| price.as_f64().map(|price| price >= 50.0))
                    .select("paid", "sum(halve(data.price))"),
            );
        assert_eq!(said(built.workers(workers)), expected);
    }
}

#[test]
fn what_closures_read_is_all_that_is_decoded_and_explain_shows_their_calls() {
    let built = pipeline()
        .stream(
            "s",
            Stream::from("e").filter_fn(["data.price", "odd name.x"], |[a, _]| a.is_null()).filter("user = 'u1'"),
        )
        .window(
            "w",
            Window::tumbling("10s")
                .from("s")
                .group_by_fn("k", ["user"], |[user]| user.as_str().map(str::len))
                .select("n", "count(*)"),
        );
    let plan = built.plan().unwrap();
    let paths: Vec<String> = plan.sources[0].stage.paths.iter().map(ToString::to_string).collect();
    assert_eq!(paths, ["data.price", "odd name.x", "user"]);
    let filter = plan.sources[0].stage.filters[0].clone().unwrap();
    assert_eq!(filter, "(\"where of s\"(data.price, \"odd name\".x)) AND (user = 'u1')");
    assert!(built.explain().unwrap().contains("group_by k of w"));
}

#[test]
fn wrong_closures_and_names_are_problems_with_their_calls() {
    let window = || Window::tumbling("10s").from("e");
    let pipeline = pipeline()
        .function("lower", |[v]| v.is_null())
        .function("two words", |[v]| v.is_null())
        .function("twice", |[v]| v.is_null())
        .function("Twice", |[v]| v.is_null())
        .stream("s", Stream::from("e").filter_fn(["user"], |[user]| user.as_str().map(str::to_owned)))
        .window("w", window().select("n", "count(*)").select("m", "max(twice(a, b))"))
        .window("v", Window::tumbling("1s").from("s").select("n", "sm(twice(a))"));
    let text = pipeline.check().unwrap_err().to_string();
    for words in [
        "error[function.name]: 'lower' is a function of the language already",
        "error[function.name]: 'two words' is not a name for a function",
        "error[function.name]: two functions are named 'Twice'",
        "streams.s.filter_fn([\"user\"], the program's own)",
        "the condition is text, not true or false",
        "twice takes 1 argument, not 2",
        "there is no function 'sm'",
    ] {
        assert!(text.contains(words), "{words} is not in\n{text}");
    }
}

#[test]
fn a_panic_of_a_function_ends_the_run_with_its_name_at_any_width() {
    for workers in 1..=3 {
        let bad = |[page]: [Value<'_>; 1]| -> bool {
            assert!(page.as_str() != Some("Shop2/p3"), "on purpose");
            true
        };
        let window = || Window::tumbling("10s").from("s").group_by("user", "\"user\"").select("n", "count(*)");
        let pipeline = pipeline().stream("s", Stream::from("e").filter_fn(["data.page"], bad)).window("w", window());
        let error = pipeline.workers(workers).run().unwrap_err().to_string();
        assert!(error.starts_with("error[program.panic]: function where of s panicked: on purpose"), "{error}");
        let pipeline =
            self::pipeline().aggregate("boom", || Boom).window("w", window().from("e").select("b", "boom(user)"));
        let pipeline = pipeline.stream("s", Stream::from("e"));
        let error = pipeline.workers(workers).run().unwrap_err().to_string();
        assert!(error.starts_with("error[program.panic]: aggregate boom panicked: on purpose"), "{error}");
    }
}

struct Boom;

impl Aggregate for Boom {
    type Output = i64;

    fn add(&mut self, _: Value<'_>) -> bool {
        true
    }

    fn merge(&mut self, _: &Self) {}

    fn finish(&self) -> i64 {
        panic!("on purpose")
    }

    fn encode(&self, _: &mut Vec<u8>) {}

    fn decode(&self, _: &[u8]) -> Option<Self> {
        Some(Boom)
    }
}

/// How often each text came, as `a:2,b:1`; times `factor`. As many bytes as there are texts.
#[derive(Debug, PartialEq)]
struct Tally {
    counts: BTreeMap<String, u64>,
    factor: u64,
}

impl Tally {
    fn new(factor: u64) -> Self {
        Tally { counts: BTreeMap::new(), factor }
    }
}

impl Aggregate for Tally {
    type Output = Option<String>;
    const VERSION: u32 = 4;

    fn add(&mut self, value: Value<'_>) -> bool {
        let Some(text) = value.as_str() else { return false };
        *self.counts.entry(text.to_owned()).or_default() += self.factor;
        true
    }

    fn merge(&mut self, other: &Self) {
        for (text, n) in &other.counts {
            *self.counts.entry(text.clone()).or_default() += n;
        }
    }

    fn finish(&self) -> Option<String> {
        let parts: Vec<String> = self.counts.iter().map(|(text, n)| format!("{text}:{n}")).collect();
        (!parts.is_empty()).then(|| parts.join(","))
    }

    fn encode(&self, out: &mut Vec<u8>) {
        serde_json::to_writer(out, &self.counts).unwrap();
    }

    fn decode(&self, bytes: &[u8]) -> Option<Self> {
        Some(Tally { counts: serde_json::from_slice(bytes).ok()?, ..Tally::new(self.factor) })
    }

    fn bytes(&self) -> usize {
        self.counts.keys().map(|text| text.len() + 32).sum()
    }
}

#[test]
fn aggregates_of_the_program_agree_with_a_plain_computation_with_corrections_at_any_width() {
    // The last word on every window: what each (window, user) has in the end.
    let mut plain: BTreeMap<(i64, String), [Tally; 2]> = BTreeMap::new();
    for event in events() {
        let (time, user) = (event["timestamp"].as_f64().unwrap(), event["user"].as_str().unwrap().to_owned());
        for start in [(time / 5.0).floor() as i64 * 5 - 5, (time / 5.0).floor() as i64 * 5] {
            let tallies = plain.entry((start, user.clone())).or_insert_with(|| [Tally::new(1), Tally::new(3)]);
            let page = event["data"]["page"].as_str().unwrap();
            tallies[0].add(Value::Str(page.as_bytes()));
            if event["data"]["price"].as_i64().is_some_and(|price| price > 50) {
                tallies[1].add(Value::Str(page.as_bytes()));
            }
        }
    }
    let plain: BTreeMap<_, _> =
        plain.into_iter().map(|(key, tallies)| (key, tallies.map(|t| OwnedValue::from(t.finish())))).collect();
    let mut first = None;
    for workers in 1..=3 {
        for pre_aggregate in ["always", "never"] {
            let window = Window::sliding("10s", "5s").from("e").allowed_lateness("1m").group_by("user", "\"user\"");
            let window = window
                .select("pages", "tally(data.page)")
                .select("dear", "tally3(data.page) FILTER (WHERE data.price > 50)")
                .select("both", "tally(data.page) || '/' || count(*)")
                .pre_aggregate(pre_aggregate);
            let (say, rows) = channel();
            let built = pipeline().aggregate("tally", || Tally::new(1)).aggregate("tally3", || Tally::new(3));
            let built = built.window("w", window).on_rows("w", move |row| {
                let user = row.get("user").as_str().unwrap().to_owned();
                let key = (row.window_start().0 / 1_000_000, user);
                let values = [row.get("pages").into_owned(), row.get("dear").into_owned()];
                say.send((row.op(), row.revision(), key, values, row.to_string())).map_err(|_| "nobody hears")
            });
            built.workers(workers).run().unwrap();
            let rows: Vec<_> = rows.iter().collect();
            let (mut held, mut corrections) = (BTreeMap::new(), 0);
            for (op, revision, key, values, text) in &rows {
                corrections += u32::from(*revision > 0);
                match op {
                    crate::result::Op::Assert => assert_eq!(held.insert(key.clone(), values.clone()), None, "{text}"),
                    crate::result::Op::Retract => assert_eq!(held.remove(key).as_ref(), Some(values), "{text}"),
                }
            }
            assert!(corrections > 20, "{corrections}");
            assert_eq!(held, plain, "{workers} workers, {pre_aggregate}");
            let texts: Vec<String> = rows.into_iter().map(|row| row.4).collect();
            assert_eq!(*first.get_or_insert_with(|| texts.clone()), texts, "{workers} workers, {pre_aggregate}");
        }
    }
    let texts = ["a", "b", "a", "", "cc"].map(|text| Value::Str(text.as_bytes()));
    assert_eq!(check_law(|| Tally::new(2), &texts), Ok(()));
}

#[test]
fn the_fingerprint_holds_what_the_program_adds_by_name_and_version() {
    let window = || Window::tumbling("10s").from("e").select("n", "count(*)");
    let print = |pipeline: Pipeline| pipeline.window("w", window()).plan().unwrap().fingerprint;
    let all = [
        print(pipeline()),
        print(pipeline().function("f", |[v]| v.is_null())),
        print(pipeline().function("g", |[v]| v.is_null())),
        print(pipeline().function("f", |[v, _]| v.is_null())),
        print(pipeline().function("f", |[v]| v.is_null()).version(2)),
        print(pipeline().aggregate("f", || Boom)),
        print(pipeline().aggregate("f", || Tally::new(1))),
    ];
    for (i, one) in all.iter().enumerate() {
        assert!(!all[..i].contains(one), "{i}");
    }
    assert_eq!(all[1], print(pipeline().function("f", |[v]| v.as_i64())));
    assert_eq!(all[0], print(pipeline().version(2)));
}

#[test]
fn tables_and_lookups_of_a_program_are_those_of_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("t.csv").display().to_string();
    std::fs::write(&path, "user,at,land\nu1,0,de\nu1,130,fr\nu2,0,de\n").unwrap();
    let pipeline = |table: &str| {
        pipeline()
            .table("t", Table::file(table, "user").time("at", "s"))
            .stream(
                "s",
                Stream::from("e").enrich("t", "\"user\"", "land").enrich("t", "land", ["at"]).filter("land = 'de'"),
            )
            .window("w", Window::tumbling("1h").from("s").group_by("user", "\"user\"").select("n", "count(*)"))
    };
    let text = "name = \"p\"\n[sources.e]\ntype = \"stdin\"\n[tables.t]\ntype = \"file\"\npath = \"t.csv\"\nkey = \"user\"\n\
                time = { field = \"at\", unit = \"s\" }\n[streams.s]\nfrom = \"e\"\nwhere = \"land = 'de'\"\n\
                enrich = [{ table = \"t\", key = \"\\\"user\\\"\", add = \"land\" }, { table = \"t\", key = \"land\", add = [\"at\"] }]\n\
                [windows.w]\nfrom = \"s\"\nsize = \"1h\"\ngroup_by = { user = \"\\\"user\\\"\" }\nselect = { n = \"count(*)\" }\n";
    let (config, problems) = config::parse("p.toml", text, &[], &|_| None);
    assert!(!problems.has_errors(), "{problems}");
    let plans = [explain_json(&compile(&config.unwrap()).unwrap()), explain_json(&pipeline("t.csv").plan().unwrap())];
    for part in ["tables", "streams", "windows"] {
        assert_eq!(plans[0][part], plans[1][part]);
        assert!(!plans[0][part].as_array().unwrap().is_empty());
    }
    // Of u1 those before 130 s, of u2 all.
    let rows = said(pipeline(&path));
    assert_eq!(rows.len(), 2, "{rows:?}");
    let count = |user: &str| {
        let at = |event: &&serde_json::Value| user == "u2" || event["timestamp"].as_f64().unwrap() < 130.0;
        events().iter().filter(|event| event["user"] == user).filter(at).count()
    };
    for (row, user) in rows.iter().zip(["u1", "u2"]) {
        assert!(row.contains(&format!("\"user\":\"{user}\",\"n\":{},", count(user))), "{row}");
    }
    let wrong =
        pipeline("t.csv").stream("x", Stream::from("e").enrich("tt", "a", "b")).config().unwrap_err().to_string();
    assert!(wrong.contains("enrich(\"tt\", [\"a\"], [\"b\"])\n  help: did you mean t?"), "{wrong}");
}
