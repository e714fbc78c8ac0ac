//! Expressions of a pattern, by example: what is a step's and what the event's, calls, splits, messages, values.

use super::tests::run;
use super::*;
use crate::event::{Cell, Column, FieldPath, Value};

const STEPS: [&str; 3] = ["a", "b", "user"];

fn steps() -> Vec<String> {
    STEPS.map(str::to_owned).to_vec()
}

fn parse_at(text: &str, place: MatchPlace<'_>, row: bool) -> Result<MatchExpr, Vec<ExprError>> {
    parse_match_with(text, &steps(), Functions::NONE, place, row)
}

fn condition(text: &str) -> MatchExpr {
    parse_at(text, MatchPlace::Condition { of: Some("b") }, false).unwrap_or_else(|e| panic!("{text}: {e:?}"))
}

fn measure(text: &str) -> MatchExpr {
    parse_at(text, MatchPlace::Measure, true).unwrap_or_else(|e| panic!("{text}: {e:?}"))
}

/// The tree and its calls as text.
fn shown(expr: &MatchExpr) -> String {
    let call = |c: &StepCall| {
        let step = c.step.map_or("*", |s| STEPS[s]);
        let arg = c.arg.as_ref().map_or(String::new(), |a| format!(" of {a}"));
        let offset = if c.offset == 0 { String::new() } else { format!(" {}", c.offset) };
        format!("; {} {step}{arg}{offset}", c.call.name())
    };
    expr.tree.to_string() + &expr.calls.iter().map(call).collect::<String>()
}

#[test]
fn a_path_that_begins_with_a_step_is_its_and_all_others_are_the_events() {
    for (text, wanted) in [
        ("price > 5", "price > 5"),
        ("price > avg(a.price)", "price > aggregate_0; avg a of price"),
        ("a.price < price", "aggregate_0 < price; last a of price"),
        ("last(a.x) = a.x", "aggregate_0 = aggregate_0; last a of x"),
        ("data.a.x = a.data.x", "data.a.x = aggregate_0; last a of data.x"),
        ("first(a.x, 2) = last(a.x, 2)", "aggregate_0 = aggregate_1; first a of x 2; last a of x 2"),
        ("sum(a.x * a.data['q y'] + 1) > 1", "aggregate_0 > 1; sum a of x * data.\"q y\" + 1"),
        (
            "count(*) + count(b) + count(b.x) > 2",
            "aggregate_0 + aggregate_1 + aggregate_2 > 2; count *; count b; count b of x",
        ),
        ("user.id = user_id", "aggregate_0 = user_id; last user of id"),
        ("array_length(collect(\"a\".tags[1])) > 1", "array_length(aggregate_0) > 1; collect a of array_get(tags, 1)"),
        ("a.items[1] = 1", "array_get(aggregate_0, 1) = 1; last a of items"),
        ("max(event_time() - a.sent) > 1", "aggregate_0 > 1; max a of event_time() - sent"),
        ("event_time() - match_start() < 5", "event_time() - CAST(aggregate_0 AS timestamp) < 5; match_start *"),
        (
            "match_start() > '2026-01-05T00:00:00Z'",
            "CAST(aggregate_0 AS timestamp) > TIMESTAMP '2026-01-05T00:00:00Z'; match_start *",
        ),
        ("MIN(a.x) > 1 OR lower(t) = 'x'", "aggregate_0 > 1 OR lower(t) = 'x'; min a of x"),
    ] {
        assert_eq!(shown(&condition(text)), wanted, "{text}");
    }
    assert_eq!(shown(&measure("match_end()")), "CAST(aggregate_0 AS timestamp); match_end *");
    assert_eq!(shown(&measure("coalesce(a.id, id)")), "coalesce(aggregate_0, id); last a of id");
}

#[test]
fn prev_is_of_the_keys_events_and_of_mode_row() {
    let read = |text| parse_at(text, MatchPlace::Condition { of: Some("b") }, true);
    assert_eq!(shown(&read("price < prev(price)").unwrap()), "price < aggregate_0; prev * of price 1");
    assert_eq!(shown(&read("price < prev(price * qty, 3)").unwrap()), "price < aggregate_0; prev * of price * qty 3");
    // as SQL writes it: the event under test is one of its step
    assert_eq!(shown(&read("price < prev(b.price)").unwrap()), "price < aggregate_0; prev * of price 1");
    assert_eq!(read("price < prev(a.price)").unwrap_err()[0].code, "expr.step");
    assert_eq!(read("price < prev(price, 1001)").unwrap_err()[0].column, Some(21));
    assert_eq!(shown(&measure("prev(price)")), "aggregate_0; prev * of price 1");
}

#[test]
fn calls_are_equal_wherever_they_stand() {
    let read = condition("sum(a.x) > 1 AND 5 < sum(a.x) AND sum(b.x) > 1");
    assert_eq!(read.calls.len(), 2);
    assert_eq!(read.calls[0].column, Some(1));
    assert_ne!(read.calls[0], read.calls[1]);
    assert_eq!(read.calls[0], condition("  1 < sum(a.x)").calls[0]);
}

#[test]
fn a_mistake_is_told_with_its_place_and_what_to_write() {
    for (text, column, code, message, help) in [
        ("avg(price) > 1", 5, "expr.step", "'price' is a field of the event under test", "avg(b.price)"),
        ("sum(a.x * b.y) > 1", 11, "expr.step", "one step, and here are a and b", "a call for each"),
        ("sum(1) > 1", 1, "expr.step", "names none", "sum(b.field), or count(b)"),
        ("max(event_time()) > 1", 1, "expr.step", "names none", "max(b.field)"),
        ("last(aa.x.y) > 1", 6, "expr.step", "'aa' is not a step", "last(a.x.y)"),
        ("a > 1", 1, "expr.step", "'a' is a step", "a.id, or write count(a)"),
        ("x = 1 AND first(a) > 1", 17, "expr.step", "'a' is a step", "a.id"),
        ("prev(x) > 1", 1, "expr.step", "mode = \"row\" only", "last(b.field)"),
        ("match_end() > event_time()", 1, "expr.step", "select only", "event_time()"),
        ("sum(count(a)) > 1", 5, "expr.aggregate", "count is inside of sum", "outside"),
        ("percentile(a.x, 0.5) > 1", 1, "expr.aggregate", "percentile is not known", "count, sum, avg"),
        ("count(DISTINCT a.x) > 1", 1, "expr.aggregate", "no DISTINCT", "CASE WHEN"),
        ("count(a.x) FILTER (WHERE a.x > 1) > 1", 1, "expr.aggregate", "no DISTINCT, FILTER", "CASE WHEN"),
        ("sum(*) > 1", 1, "expr.function", "sum does not take (*)", "sum(a.field)"),
        ("sum(a.x, 1) > 1", 1, "expr.function", "sum does not take (a.x, 1)", "sum(a.field)"),
        ("match_start(a) > 1", 1, "expr.function", "does not take (a)", "match_start()"),
        ("first(a.x, 1.5) > 1", 12, "expr.function", "a whole number from 0 to 1000000", "first(a.field, 1)"),
        ("first(a.x, n) > 1", 12, "expr.function", "a whole number", "first(a.field, 1)"),
        ("first(a.x, -1) > 1", 13, "expr.function", "a whole number", "first(a.field, 1)"),
        ("collct(a.x) > 1", 1, "expr.function", "no function 'collct'", "did you mean collect?"),
        ("sum(a.x || 'y') > 1", 1, "expr.type", "sum takes number, not text", "CAST"),
        ("a.x = = 1", 7, "expr.syntax", "", ""),
    ] {
        let error = parse_at(text, MatchPlace::Condition { of: Some("b") }, false).expect_err(text).remove(0);
        assert_eq!((error.column, error.code), (Some(column), code), "{text}: {error:?}");
        assert!(error.message.contains(message), "{text}: {error:?}");
        assert!(error.help.as_deref().unwrap_or_default().contains(help), "{text}: {error:?}");
    }
    let error = &parse_at("sum(a.x) * 2", MatchPlace::Condition { of: None }, false).unwrap_err()[0];
    assert_eq!(error.code, "expr.type", "{error:?}");
    let error = &parse_at("price + sum(x)", MatchPlace::Measure, false).unwrap_err()[0];
    assert!(error.message.contains("the match's last event"), "{error:?}");
    let all = parse_at("sum(x) > 1 AND nope(y) AND a", MatchPlace::Condition { of: None }, false).unwrap_err();
    assert_eq!(all.iter().map(|e| e.column).collect::<Vec<_>>(), [Some(5), Some(16), Some(28)]);
    assert!(all[0].help.as_deref().unwrap().contains("sum(a.x)"));
}

#[test]
fn what_is_of_the_event_alone_is_split_from_the_rest() {
    let split = |text: &str| {
        let (plain, rest) = condition(text).split();
        (plain.map_or_else(|| "-".to_owned(), |t| t.to_string()), rest.map_or_else(|| "-".to_owned(), |r| shown(&r)))
    };
    let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
    assert_eq!(split("x = 1 AND y = 2"), pair("x = 1 AND y = 2", "-"));
    assert_eq!(split("a.x = 1"), pair("-", "aggregate_0 = 1; last a of x"));
    assert_eq!(split("x = 1 AND a.x = 1"), pair("x = 1", "aggregate_0 = 1; last a of x"));
    assert_eq!(
        split("a.x = 1 AND x = 1 AND (y = 1 AND (y > b.x)) AND x > 2"),
        pair("x = 1 AND y = 1 AND x > 2", "aggregate_0 = 1 AND y > aggregate_1; last a of x; last b of x")
    );
    assert_eq!(split("x = 1 OR a.x = 1"), pair("-", "x = 1 OR aggregate_0 = 1; last a of x"));
    assert!(condition("x = 1").is_plain() && !condition("count(*) = 1").is_plain());
}

#[test]
fn what_can_never_hold_is_seen_where_it_can_be() {
    // a is empty, b is not
    for (text, never) in [
        ("FALSE", true),
        ("NULL", true),
        ("1 > 2 AND x = 1", true),
        ("x = NULL", true),
        ("x > a.x", true),
        ("x > b.x", false),
        ("x > 1 AND NOT (a.x + 1 > x)", true),
        ("x > 1 OR a.x = x", false),
        ("FALSE OR a.x = x", true),
        ("a.x IS NULL", false),
        ("a.x IS NOT NULL", true),
        ("coalesce(a.x, 0) = 0", false),
        ("count(a) = 0", false),
        ("a.x IN (1, 2) OR a.t LIKE 'x%'", true),
        ("a.x BETWEEN 1 AND 2 AND x = 1", true),
        ("count(*) > 0", false),
        ("TRUE", false),
        ("x", false),
    ] {
        assert_eq!(condition(text).never_holds(&|step| step == 0), never, "{text}");
    }
}

#[test]
fn a_program_reads_fields_and_results_of_calls() {
    let read = condition("price > a.price AND count(b) = 1");
    let columns: Vec<Column> = [5, 3, 1].iter().map(|n| vec![Cell::int(*n), Cell::int(3)]).collect();
    let program = compile_match(&read.tree, &mut |path| usize::from(*path != FieldPath::dotted("price")), &|i| i + 1);
    let mut out = Vec::new();
    program.eval(
        &Rows { columns: &columns, time: &[0, 0] },
        &mut Vec::new(),
        &[0, 1],
        &mut Scratch::default(),
        &mut out,
    );
    let truths: Vec<_> = out.iter().map(|cell| cell.value(&[])).collect();
    assert_eq!(truths, [Value::Bool(true), Value::Bool(false)]);
    // what is read as a time stays one
    assert_eq!(run("CAST(event_time() AS timestamp)", &[], &[]).0, "2026-01-05T12:34:56.789Z");
}

#[test]
fn parse_when_words_are_random_never_panics() {
    let words = [
        "a",
        ".",
        "x",
        "sum(",
        "first(",
        "prev(",
        "count(*)",
        ")",
        ",",
        "1",
        ">",
        "AND",
        "b.y",
        "match_start()",
        "user",
        "NOT",
        "'t'",
        "[1]",
        "CASE WHEN",
        "THEN",
        "END",
    ];
    let mut random = 7_u64;
    for _ in 0..20_000 {
        let mut text = String::new();
        for _ in 0..random % 11 {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            text += words[(random >> 33) as usize % words.len()];
            text += if random & 1 << 20 == 0 { " " } else { "" };
        }
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407) >> 1;
        let place =
            if text.len().is_multiple_of(2) { MatchPlace::Measure } else { MatchPlace::Condition { of: Some("b") } };
        if let Ok(read) = parse_at(&text, place, text.len().is_multiple_of(3)) {
            let calls = read.calls.len();
            let _ = (read.never_holds(&|step| step == 0), compile_match(&read.tree, &mut |_| 0, &|i| i));
            let (_, rest) = read.split();
            assert!(rest.is_none_or(|r| r.calls.len() == calls));
        }
    }
}
