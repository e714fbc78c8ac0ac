//! What is odd about patterns, by example: what is said, and what is not.

use super::*;
use crate::error::Severity;
use crate::expr::{Functions, MatchExpr, MatchPlace, parse_match_with};

/// The findings as `column code message`; errors with `!`.
fn odd(text: &str, define: &[(&str, &str)], change: impl Fn(&mut Facts<'_>)) -> Vec<String> {
    let mode = if text.contains("PERMUTE") { Mode::Row } else { Mode::Sequence };
    let tree = parse(text, mode).unwrap_or_else(|e| panic!("{text}: {e:?}"));
    let condition = |step: &String| -> Option<MatchExpr> {
        let (name, sql) = define.iter().find(|(name, _)| name == step)?;
        let place = MatchPlace::Condition { of: Some(name) };
        Some(
            parse_match_with(sql, &tree.steps, Functions::NONE, place, false)
                .unwrap_or_else(|e| panic!("{sql}: {e:?}")),
        )
    };
    let conditions: Vec<Option<MatchExpr>> = tree.steps.iter().map(condition).collect();
    let mut facts =
        Facts { mode, within: true, gaps: Gaps::None, timed_out: false, skip: None, conditions: &conditions };
    change(&mut facts);
    let show = |f: Finding| {
        let grave = if f.severity == Severity::Error { "!" } else { "" };
        let column = f.error.column.map_or_else(|| "-".to_owned(), |c| c.to_string());
        format!("{grave}{column} {} {}", f.error.code, f.error.message)
    };
    lint(&tree, &facts).into_iter().map(show).collect()
}

fn none(_: &mut Facts<'_>) {}

fn without(facts: &mut Facts<'_>) {
    facts.within = false;
}

#[test]
fn patterns_of_every_day_are_not_odd() {
    for text in [
        "a -> b -> c",
        "a -> !b -> c",
        "a -> !a -> b",
        "a, !b -> b",
        "a, !b -> b -> c",
        "a{2}, !a -> b",
        "a -> !b -> b -> c?",
        "a -> !b -> b+",
        "a -> !b -> b",
        "a -> !b",
        "a+ until b",
        "(a | b)+ until a",
        "(a -> b?)+ until b",
        "(x -> !b -> b)+",
        "a -> b* -> !c -> (d | c)",
        "PERMUTE(a, b?)",
    ] {
        assert_eq!(odd(text, &[], none), [""; 0], "{text}");
    }
    assert_eq!(odd("a, b, c{3}[,]", &[], without), [""; 0]);
}

#[test]
fn what_is_kept_for_ever_is_told_once_with_its_place() {
    for (text, told) in [
        ("a -> b -> c", vec!["6 pattern.unbounded what waits for b is kept for ever: there is no within"]),
        (
            "a, b ->> (c? -> d) -> e",
            vec!["10 pattern.unbounded what waits for c or d is kept for ever: there is no within"],
        ),
        ("a, b{2}", vec!["4 pattern.unbounded what waits for b is kept for ever: there is no within"]),
        (
            "a, (x, b+[,])",
            vec!["8 pattern.unbounded the loop has no end, so a match may grow for ever: there is no within"],
        ),
        (
            "a, b+[-> 3s]",
            vec!["4 pattern.unbounded the loop has no end, so a match may grow for ever: there is no within"],
        ),
        ("a, !b", vec![]),
        ("a, b{2}[-> 3s]", vec![]),
    ] {
        assert_eq!(odd(text, &[], without), told, "{text}");
    }
    let limited = |gaps: Gaps<'static>| {
        move |facts: &mut Facts<'_>| {
            facts.within = false;
            facts.gaps = gaps.clone();
        }
    };
    assert_eq!(odd("a -> b -> c{2}", &[], limited(Gaps::Every)), [""; 0]);
    assert_eq!(odd("a -> b, c", &[], limited(Gaps::Before(vec!["b"]))), [""; 0]);
    assert_eq!(odd("a -> b -> c", &[], limited(Gaps::Before(vec!["b"]))).len(), 1);
}

#[test]
fn a_negation_at_the_end_needs_a_limit() {
    let told = "!6 pattern.negation that no b comes can be said when time is up, and there is no limit";
    assert_eq!(odd("a -> !b", &[], without), [told]);
    assert_eq!(odd("a -> !b", &[], |f| (f.within, f.gaps) = (false, Gaps::Every)), [""; 0]);
    assert_eq!(odd("a -> !(x | b)", &[], |f| (f.within, f.gaps) = (false, Gaps::Before(vec!["b"]))), [""; 0]);
    assert_eq!(odd("a -> !b", &[], |f| (f.within, f.gaps) = (false, Gaps::Before(vec!["a"]))).len(), 1);
    assert_eq!(odd("a, !b", &[], |f| f.gaps = Gaps::Before(vec!["b"])).len(), 1);
    assert_eq!(odd("a, !b", &[], without), [""; 0]);
}

#[test]
fn what_can_never_match_is_told() {
    for (text, told) in [
        ("a+ until a", "1 pattern.never the loop ends before an event that meets a, and needs one"),
        ("x -> (a -> b){2,} until b", "6 pattern.never the loop ends before an event that meets b, and needs one"),
        ("a -> !b -> b -> c", "12 pattern.never b cannot come here: !b before it forbids it"),
        ("a -> !b, b+ -> c", "10 pattern.never b cannot come here: !b before it forbids it"),
        ("a, !b, b", "8 pattern.never b cannot come here: !b before it forbids it"),
        ("a{2} -> !a -> b", "1 pattern.never the loop cannot match: !a behind it holds between its events too"),
        (
            "x -> a+[,] -> !(b | a)",
            "6 pattern.never the loop takes one event at most: !a behind it holds between its events too",
        ),
        ("a, !b, b, c", "8 pattern.never b cannot come here: !b before it forbids it"),
        ("a -> !(x | b) -> b{2}", "18 pattern.never b cannot come here: !b before it forbids it"),
        ("a -> (x -> !b -> b) -> c", "18 pattern.never b cannot come here: !b before it forbids it"),
    ] {
        assert_eq!(odd(text, &[], none), [told], "{text}");
    }
    assert_eq!(odd("a* until a", &[], none), [""; 0]);
}

#[test]
fn conditions_that_never_hold_are_told() {
    let told = |text: &str, define: &[(&str, &str)]| odd(text, define, none);
    let first = |text: &str, define: &[(&str, &str)]| told(text, define).first().cloned().unwrap_or_default();
    assert!(first("a -> b", &[("b", "x > 1 AND FALSE")]).contains("FALSE or NULL for all"));
    assert!(first("a -> b", &[("a", "price > b.price")]).contains("asks for events of b, which come later"));
    assert!(first("a -> b", &[("b", "price > b.price")]).contains("an event of b before it"));
    // only what is certain
    for (text, define) in [
        ("a -> b", &[("b", "price > a.price")][..]),
        ("a -> b", &[("b", "b.price IS NULL OR price > b.price")]),
        ("a -> b", &[("b", "count(b) < 1 AND coalesce(b.x, 1) = 1")]),
        ("(a | b)+", &[("a", "price > b.price")]),
        ("(a -> b){2}", &[("a", "b.price > 1")]),
        ("a? -> b", &[("b", "a.price > 1")]),
        ("a+ until c", &[("c", "count(a) = 3 AND last(a.x) > 1")]),
        ("a -> !n -> b", &[("n", "price > a.price")]),
        ("PERMUTE(a, b)", &[("a", "b.price > 1")]),
        ("PERMUTE(a, b)", &[("a", "a.price > 1")]),
    ] {
        assert_eq!(told(text, define), [""; 0], "{text} {define:?}");
    }
    assert_eq!(told("a -> !n -> b", &[("n", "price > b.price")]).len(), 1);
    assert_eq!(told("a -> (b | c)", &[("b", "c.price > 1")]).len(), 1);
}

#[test]
fn names_of_steps_in_other_settings_must_be_of_steps_that_take_events() {
    let skip = |text: &str, step: &'static str, last| odd(text, &[], move |f| f.skip = Some((step, last)));
    assert_eq!(skip("a -> bb -> c", "b", false), ["!- pattern.skip 'b' is not a step of the pattern"]);
    assert_eq!(
        skip("a -> !b -> c", "b", true),
        ["!- pattern.skip b takes no event: it only says what may not come, or where a loop ends"]
    );
    assert_eq!(
        skip("a+ -> b", "a", false),
        ["- pattern.skip every match begins with a, so it leaves all to others: no match is skipped"]
    );
    assert_eq!(skip("a -> b", "a", true).len(), 1);
    for (text, step, last) in
        [("a+ -> b", "a", true), ("a -> b -> a", "a", true), ("a? -> b", "a", false), ("a -> b", "b", false)]
    {
        assert_eq!(skip(text, step, last), [""; 0], "{text} {step}");
    }
    let gaps = odd("a -> b", &[], |f| f.gaps = Gaps::Before(vec!["b", "x"]));
    assert_eq!(gaps, ["!- pattern.within_step 'x' is not a step of the pattern"]);
    let timed_out = odd("a, b", &[], |f| (f.within, f.timed_out) = (false, true));
    assert_eq!(timed_out, ["- pattern.timed_out nothing runs out of time without within or within_step"]);
}
