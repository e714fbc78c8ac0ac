//! Patterns of a program: closures against SQL, the rows that functions hear, wrong calls and their places.

use super::*;
use crate::event::Value;
use crate::result::Op;
use std::sync::mpsc::channel;

/// 600 events of 5 users over 60 s, every eleventh late by 3 s.
fn events() -> Vec<serde_json::Value> {
    let event = |i: i64| {
        let time = 100.0 + i as f64 / 10.0 - if i % 11 == 0 { 3.0 } else { 0.0 };
        let does = ["view", "cart", "view", "buy"][(i * i % 13 % 4) as usize];
        serde_json::json!({"timestamp": time, "id": i, "user": format!("U{}", i % 5), "does": does, "price": (i * 37) % 100})
    };
    (0..600).map(event).collect()
}

fn pipeline() -> Pipeline {
    Pipeline::new("p").source("e", Source::events(events()))
}

fn funnel() -> Pattern {
    Pattern::from("e")
        .matching("view -> cart+ -> buy")
        .step("view", "does = 'view'")
        .within("5s")
        .allowed_lateness("10s")
}

/// What a pipeline says of its pattern `m`, as text.
fn said(pipeline: Pipeline) -> Vec<String> {
    let (say, rows) = channel();
    pipeline.on_rows("m", move |row| say.send(row.to_string())).run().unwrap();
    rows.iter().collect()
}

#[test]
fn closures_say_what_the_same_sql_says_at_any_width() {
    let keyed = || funnel().key("lower(\"user\")").step("cart", "does = 'cart' AND price < 90");
    let gain = |pattern: Pattern| pattern.select("dearest", "max(cart.price)").select("gain", "buy.price - view.price");
    let dearer = gain(keyed().step("buy", "does = 'buy' AND price > view.price"));
    let near = gain(keyed().step("buy", "does = 'buy' AND price > view.price AND price + 5 > avg(cart.price)"));
    let (dearer, near) = (said(pipeline().pattern("m", dearer)), said(pipeline().pattern("m", near)));
    assert!(dearer.len() > near.len() && near.len() > 30, "{} {}", dearer.len(), near.len());
    assert!(near.iter().any(|row| row.contains("\"op\":\"-\"")), "{near:#?}");
    for workers in 1..=3 {
        let closures = funnel()
            .key_fn(["user"], |[user]| user.as_str().map(str::to_lowercase))
            .step_fn("cart", ["does", "price"], |[does, price]| Some(does.as_str()? == "cart" && price.as_i64()? < 90))
            .step_fn("buy", ["does", "price", "view.price"], |[does, price, viewed]| {
                Some(does.as_str()? == "buy" && price.as_i64()? > viewed.as_i64()?)
            })
            .select("dearest", "max(cart.price)")
            .select_fn("gain", ["buy.price", "view.price"], |[buy, view]| Some(buy.as_i64()? - view.as_i64()?));
        assert_eq!(said(pipeline().pattern("m", closures).workers(workers)), dearer);
        let called =
            gain(keyed().step("buy", "does = 'buy' AND price > view.price AND nearly(price, avg(cart.price))"));
        let nearly = |[price, mean]: [Value<'_>; 2]| Some(price.as_f64()? + 5.0 > mean.as_f64()?);
        let built = pipeline().function("nearly", nearly).pattern("m", called);
        assert_eq!(said(built.workers(workers)), near);
    }
}

#[test]
fn what_closures_read_is_all_that_is_decoded_and_explain_shows_their_calls() {
    let pattern = funnel()
        .step_fn("cart", ["odd name.x", "view.deep.price"], |[a, _]| a.is_null())
        .step_fn("buy", ["does"], |[does]| does.as_str().map(|does| does == "buy"))
        .events("none");
    let built = pipeline().pattern("m", pattern);
    let plan = built.plan().unwrap();
    let paths: Vec<String> = plan.sources[0].stage.paths.iter().map(ToString::to_string).collect();
    assert_eq!(paths, ["does", "odd name.x", "deep.price"]);
    let text = built.explain().unwrap();
    assert!(text.contains("\"define buy of m\"(does)"), "{text}");
}

#[test]
fn a_function_hears_matches_with_their_key_times_values_and_events() {
    let lines = [
        r#"{"timestamp": 1, "id": "a", "user": "u1", "does": "view"}"#,
        r#"{"timestamp": 2, "id": "b", "user": "u2", "does": "view"}"#,
        r#"{"timestamp": 3, "id": "c", "user": "u1", "does": "buy", "price": 7.5}"#,
        r#"{"timestamp": 20, "user": "u3", "does": "look"}"#,
        // Late: the view that the match begins with is another one.
        r#"{"timestamp": 2.5, "id": "d", "user": "u2", "does": "buy", "price": 2}"#,
    ];
    let pattern = Pattern::from("e").key("\"user\"").types(["view", "buy"]).type_field("does").within("10s");
    let pattern = pattern.allowed_lateness("1m").timed_out(true).select("paid", "sum(buy.price)");
    let (say, rows) = channel();
    let hear = move |row: &crate::Row<'_>| {
        let times = [row.match_start(), row.match_end(), row.window_start(), row.window_end()].map(|time| time.0);
        let values: Vec<_> = row.values().map(|(name, value)| (name.to_owned(), value.into_owned())).collect();
        say.send((row.name().to_owned(), row.get("key").into_owned(), times, values, row.revision(), row.op()))
    };
    Pipeline::new("p").source("e", Source::lines(lines)).pattern("m", pattern).on_rows("m", hear).run().unwrap();
    let row = |key: &str, from: i64, to: i64, paid: OwnedValue, timed_out: OwnedValue, events: &str, revision, op| {
        let values = [("paid", paid), ("timed_out", timed_out), ("events", OwnedValue::Json(events.into()))];
        let values: Vec<_> = values.map(|(name, value)| (name.to_owned(), value)).into();
        ("m".to_owned(), OwnedValue::from(key), [from, to, from, to], values, revision, op)
    };
    use crate::event::OwnedValue::{self, Float, Null};
    let out = || OwnedValue::from("view");
    let both = r#"{"view":["a"],"buy":["c"]}"#;
    assert_eq!(
        rows.iter().collect::<Vec<_>>(),
        [
            row("u1", 1_000_000, 3_000_000, Float(7.5), Null, both, 0, Op::Assert),
            row("u2", 2_000_000, 2_000_000, Null, out(), r#"{"view":["b"]}"#, 0, Op::Assert),
            row("u2", 2_000_000, 2_000_000, Null, out(), r#"{"view":["b"]}"#, 0, Op::Retract),
            row("u2", 2_000_000, 2_500_000, OwnedValue::Int(2), Null, r#"{"view":["b"],"buy":["d"]}"#, 0, Op::Assert),
        ]
    );
}

#[test]
fn mistakes_are_told_with_their_calls() {
    let line = line!();
    let pipeline = pipeline()
        .pattern("m", Pattern::from("ee").matching("view -> buy").step_fn("by", ["x"], |[x]| x.is_null()))
        .pattern("n", Pattern::from("e").matching("a -> (b").within_step("soon").skip("to_firts(a)"))
        .pattern("o", funnel().step_fn("buy", ["does"], |[does]| does.as_i64()).select("key", "count(buy)"))
        .pattern("m", funnel().step("buy", "sum(price) > 1"));
    let text = pipeline.check().unwrap_err().to_string().replace(file!(), "tests.rs");
    for (down, call, code, help) in [
        (2, "patterns.m.from([\"ee\"])", "config.from", "did you mean e?"),
        (2, "patterns.m.step_fn(\"by\", [\"x\"], the program's own)", "pattern.define", "did you mean buy?"),
        (3, "patterns.n.matching(\"a -> (b\")", "pattern.syntax", ""),
        (3, "patterns.n.within_step(\"soon\")", "config.span", ""),
        (3, "patterns.n.skip(\"to_firts(a)\")", "config.value", "skip is"),
        (4, "patterns.o.step_fn(\"buy\", [\"does\"], the program's own)", "expr.type", ""),
        (4, "patterns.o.select(\"key\", \"count(buy)\")", "pattern.reserved", "such as key_value"),
        (5, "pattern(\"m\")", "config.name", "rename one; a pattern has the name in tests.rs:"),
    ] {
        let place = format!("  --> tests.rs:{}  {call}\n", line + down);
        let at = text.find(&place).unwrap_or_else(|| panic!("{call} is not in\n{text}"));
        let before = text[..at].rfind("error[").unwrap();
        assert!(text[before..].starts_with(&format!("error[{code}]")), "{call}: {}", &text[before..]);
        let end = text[at..].find("\nerror[").map_or(text.len(), |end| at + end);
        assert!(text[at..end].contains(help), "{call}: {}", &text[at..end]);
    }
}

#[test]
fn a_panic_of_a_closure_ends_the_run_with_its_name() {
    for (paths, what) in [(["price"], "step of the event"), (["view.price"], "step over the match")] {
        let pattern = Pattern::from("e").matching("view -> buy").within("5s").step_fn("buy", paths, |[price]| {
            assert!(price.is_null(), "on purpose");
            true
        });
        let error = pipeline().pattern("m", pattern).workers(2).run().unwrap_err().to_string();
        assert!(
            error.starts_with("error[program.panic]: function define buy of m panicked: on purpose"),
            "{what}: {error}"
        );
    }
}
