//! The language of patterns: trees and texts, mistakes and their places, and random texts.

use super::*;
use Contiguity::{Any, Relaxed, Strict};
use proptest::prelude::*;

fn tree(text: &str) -> Tree {
    parse(text, Mode::Sequence).unwrap_or_else(|e| panic!("{text}: {e:?}"))
}

/// A tree without places, which its text does not keep.
fn placeless(mut tree: Tree) -> Tree {
    fn unit(of: &mut Of) {
        match of {
            Of::Step(_) => {}
            Of::Group(items) => sequence(items),
            Of::Choice(units) | Of::Permute(units) => units.iter_mut().for_each(|u| unit(&mut u.of)),
        }
    }
    fn sequence(items: &mut [Item]) {
        for item in items {
            item.place = Place::default();
            if let Term::Take(u) = &mut item.term {
                unit(&mut u.of);
            }
        }
    }
    sequence(&mut tree.root);
    tree
}

fn shown(text: &str) -> String {
    tree(text).to_string()
}

/// The unit of the only element.
fn only(text: &str) -> Unit {
    match tree(text).root.as_slice() {
        [Item { term: Term::Take(unit), .. }] => unit.clone(),
        other => panic!("{other:?}"),
    }
}

fn times(text: &str) -> Times {
    only(text).times.unwrap()
}

/// `column code message | help` of each mistake.
fn mistakes(text: &str) -> Vec<String> {
    let errors = parse(text, Mode::Sequence).expect_err(text);
    let place = |e: &crate::expr::ExprError| e.column.map_or_else(|| "-".to_owned(), |c| c.to_string());
    errors.iter().map(|e| format!("{} {} {}", place(e), e.code, e.message)).collect()
}

#[test]
fn steps_stand_in_the_order_of_their_first_mention_negated_and_until_ones_among_them() {
    let tree = tree("c -> !(x | a) ->> (a | c)+ until e, d");
    assert_eq!(tree.steps, ["c", "x", "a", "e", "d"]);
    let follows: Vec<_> = tree.root.iter().map(|i| i.follows).collect();
    assert_eq!(follows, [Relaxed, Relaxed, Any, Strict]);
    assert_eq!(tree.root[1].term, Term::Not(vec![1, 2]));
    let places: Vec<_> = tree.root.iter().map(|i| (i.place.start, i.place.end)).collect();
    assert_eq!(places, [(0, 1), (5, 13), (18, 34), (36, 37)]);
}

#[test]
fn alternatives_bind_tighter_than_what_stands_between_elements() {
    let tree = tree("a -> b | c, d | (e -> f)");
    assert_eq!(tree.root.len(), 3);
    assert_eq!(tree.to_string(), "a -> b | c, d | (e -> f)");
    assert!(matches!(&tree.root[1].term, Term::Take(Unit { of: Of::Choice(units), .. }) if units.len() == 2));
}

#[test]
fn quantifiers_are_read() {
    for (text, min, max) in [
        ("a?", 0, Some(1)),
        ("a*", 0, None),
        ("a+", 1, None),
        ("a{3}", 3, Some(3)),
        ("a{2,}", 2, None),
        ("a { 2 , 4 }", 2, Some(4)),
        ("a{,4}", 0, Some(4)),
        ("a{0,}", 0, None),
        ("a{1000}", 1000, Some(1000)),
    ] {
        let read = times(text);
        assert_eq!((read.min, read.max, read.greedy, read.inner, read.gap), (min, max, true, Relaxed, None), "{text}");
        assert!(!times(&format!("{text} ?")).greedy, "{text}");
    }
    let read = times("a+?[->> 1m30s]");
    assert_eq!((read.greedy, read.inner, read.gap), (false, Any, Some(90_000_000)));
    assert_eq!(times("a*[,]").inner, Strict);
}

#[test]
fn repetitions_follow_each_other_as_the_mode_has_it_where_nothing_is_said() {
    let inner = |text: &str, mode| match &parse(text, mode).unwrap().root[0].term {
        Term::Take(unit) => unit.times.unwrap().inner,
        Term::Not(_) => unreachable!(),
    };
    assert_eq!(inner("a+", Mode::Sequence), Relaxed);
    assert_eq!(inner("a+", Mode::Row), Strict);
    assert_eq!(inner("a+[->>]", Mode::Row), Any);
    assert_eq!(inner("a?", Mode::Row), Relaxed);
}

#[test]
fn parentheses_that_say_nothing_are_left_out() {
    for (text, same) in [
        ("(a)", "a"),
        ("((a -> b))", "(a -> b)"),
        ("(a | b) | c", "a | b | c"),
        ("((a | (b)))+", "(a | b)+[->]"),
        ("(a)+", "a+[->]"),
        ("(a+)", "a+[->]"),
        ("a -> (b)", "a -> b"),
        ("(a+)?", "(a+[->])?"),
        ("(a+ until b)*", "(a+[->] until b)*[->]"),
        ("a, !(b)", "a, !b"),
        ("a ->> !b -> c", "a -> !b -> c"),
        ("a{1}", "a{1}"),
        ("a{0,1}?", "a??"),
        ("a{0,3}", "a{,3}[->]"),
        ("a+[-> 90s]", "a+[-> 90s]"),
    ] {
        assert_eq!(shown(text), same, "{text}");
        assert_eq!(shown(same), same);
    }
}

#[test]
fn the_first_of_a_group_follows_as_the_group_does() {
    let tree = tree("a, (b -> c) ->> (d | (e, f))");
    let Term::Take(Unit { of: Of::Group(items), .. }) = &tree.root[1].term else { panic!("{tree}") };
    assert_eq!((items[0].follows, items[1].follows), (Strict, Relaxed));
    let Term::Take(Unit { of: Of::Choice(units), .. }) = &tree.root[2].term else { panic!("{tree}") };
    let Of::Group(items) = &units[1].of else { panic!("{tree}") };
    assert_eq!((items[0].follows, items[1].follows), (Any, Strict));
}

#[test]
fn permute_is_of_mode_row_and_a_name_without_parentheses() {
    let text = "a, PERMUTE(b+?, (c | d), (e, f)){2}";
    let read = parse(text, Mode::Row).unwrap();
    assert_eq!(read.to_string(), "a, PERMUTE(b+?[,], (c | d), (e, f)){2}[,]");
    assert_eq!(parse("permute(a, b)", Mode::Row).unwrap().to_string(), "PERMUTE(a, b)");
    assert_eq!(mistakes("PERMUTE(a, b)"), ["1 pattern.syntax PERMUTE is known in mode = \"row\" only"]);
    assert_eq!(shown("permute -> until"), "permute -> until");
    assert!(parse("PERMUTE(a, b, c, d, e, f)", Mode::Row).is_ok());
    assert!(parse("PERMUTE(a, b, c, d, e, f, g)", Mode::Row).is_err());
}

#[test]
fn a_mistake_is_told_with_its_place() {
    for (text, told) in [
        ("", "- pattern.syntax the pattern is empty"),
        (" \n", "- pattern.syntax the pattern is empty"),
        ("a -> ", "6 pattern.syntax a step is missing behind '->'"),
        ("-> a", "1 pattern.syntax a step is missing before '->'"),
        ("a b", "3 pattern.syntax how 'b' follows is not said"),
        ("a+b", "3 pattern.syntax how 'b' follows is not said"),
        ("a => b", "3 pattern.syntax '=>' is not known in a pattern"),
        ("a.b", "2 pattern.syntax '.' is not known in a pattern"),
        ("a -> 2b", "6 pattern.syntax '2b' is no name of a step"),
        ("a(b)", "2 pattern.syntax 'a' takes nothing in parentheses"),
        ("(a -> b", "1 pattern.syntax a ')' is missing for this '('"),
        ("a -> b)", "7 pattern.syntax there is no '(' for this ')'"),
        ("()", "2 pattern.syntax a step is missing before ')'"),
        ("a, , b", "4 pattern.syntax a step is missing before ','"),
        ("!a -> b", "1 pattern.negation a pattern cannot begin with a negation"),
        ("a -> (!b -> c)", "7 pattern.negation a group cannot begin with a negation"),
        ("a -> (b -> !c) -> d", "12 pattern.negation a group cannot end with a negation"),
        ("a -> !b+", "8 pattern.negation a negation cannot be quantified"),
        ("a -> !(b -> c)", "10 pattern.negation a negation takes names of steps with | between them, not '->'"),
        ("a -> !b | c", "9 pattern.negation a negation is no alternative"),
        ("a | !b", "5 pattern.negation a negation takes no event: it is no alternative and nothing to repeat"),
        ("a -> !", "7 pattern.negation '!' takes the name of a step, not the end"),
        ("a until b", "3 pattern.until only a loop ends before an event"),
        ("a? until b", "4 pattern.until only a loop ends before an event"),
        ("a+ until", "9 pattern.until until takes the name of a step, not the end"),
        ("a -> !b until c", "9 pattern.until only a loop ends before an event"),
        ("a*+", "3 pattern.times '+' is one quantifier too many"),
        ("a -> +", "6 pattern.times there is nothing that '+' could repeat"),
        ("a{0}", "2 pattern.times no times at all takes no event"),
        ("a{0,0}", "2 pattern.times no times at all takes no event"),
        ("a{4,2}", "2 pattern.times the greatest number of times is less than the least"),
        ("a{}", "2 pattern.times a quantifier in braces has one or two whole numbers"),
        ("a{,}", "2 pattern.times a quantifier in braces has one or two whole numbers"),
        ("a{2", "2 pattern.times a quantifier in braces has one or two whole numbers"),
        ("a{2s}", "2 pattern.times a quantifier in braces has one or two whole numbers"),
        ("a{1001}", "3 pattern.times a quantifier counts to at most 1000"),
        ("a{99999999999999999999}", "3 pattern.times a quantifier counts to at most 1000"),
        ("a[,]", "2 pattern.times '[' says how repetitions follow each other, and here are none"),
        ("a+[]", "3 pattern.times brackets take how repetitions follow each other, and how far apart they may be"),
        ("a+[-> 0s]", "7 pattern.times repetitions that are less than no time apart are none"),
        ("a+[-> 3]", "7 pattern.times '3' has no unit; write 3s for seconds (units are us, ms, s, m, h, d)"),
    ] {
        assert_eq!(mistakes(text), [told], "{text}");
        assert!(parse(text, Mode::Sequence).unwrap_err()[0].help.is_some(), "{text}");
    }
}

#[test]
fn all_mistakes_are_told_at_once() {
    assert_eq!(
        mistakes("a{0} -> b c -> (d{5,2} -> !e) until f"),
        [
            "2 pattern.times no times at all takes no event",
            "11 pattern.syntax how 'c' follows is not said",
            "18 pattern.times the greatest number of times is less than the least",
            "31 pattern.until only a loop ends before an event",
        ]
    );
    assert_eq!(
        mistakes("ä_1 $ b"),
        ["1 pattern.syntax 'ä_1' is no name of a step", "5 pattern.syntax '$' is not known in a pattern"]
    );
}

#[test]
fn what_is_too_large_or_too_deep_is_refused() {
    let nested = |n: usize| format!("{}a{}", "(x -> ".repeat(n), ")".repeat(n));
    assert!(parse(&nested(MAX_NESTING), Mode::Sequence).is_ok());
    assert_eq!(mistakes(&nested(MAX_NESTING + 1)), ["193 pattern.size parentheses are nested deeper than 32"]);
    assert_eq!(mistakes(&"(".repeat(10_000)), ["33 pattern.size parentheses are nested deeper than 32"]);
    assert_eq!(mistakes(&"a".repeat(20_000)), ["- pattern.size the pattern is longer than 16384 bytes"]);
    assert_eq!(mistakes(&"a b -> ".repeat(100)).len(), 16);
    let steps = |n: usize| (0..n).map(|i| format!("s{i}")).collect::<Vec<_>>().join(",");
    assert!(parse(&steps(1_000), Mode::Sequence).is_ok());
    assert_eq!(mistakes(&steps(1_001)), ["- pattern.size the pattern has 1001 steps, more than 1000"]);
}

#[test]
fn a_list_of_types_is_a_relaxed_sequence_of_steps_named_like_them() {
    let simple = |types: &[&str]| simple(&types.iter().map(|t| (*t).to_owned()).collect::<Vec<_>>());
    let tree = simple(&["user_action", "user_action", "page-view", "404", "user_action", "page.view", "größe"]);
    assert_eq!(
        tree.to_string(),
        "user_action -> user_action_2 -> page_view -> _404 -> user_action_3 -> page_view_2 -> gr__e"
    );
    // a name that is taken is passed over
    assert_eq!(simple(&["a", "a_2", "a"]).steps, ["a", "a_2", "a_3"]);
    assert_eq!(placeless(parse(&tree.to_string(), Mode::Sequence).unwrap()), placeless(tree));
    assert_eq!(simple(&[""]).steps, ["_"]);
}

/// A random pattern's text.
fn pattern() -> impl Strategy<Value = String> {
    let name = "[a-d]";
    let quantifier = || {
        let often = prop_oneof![
            Just("?".to_owned()),
            Just("*".to_owned()),
            Just("+".to_owned()),
            (0..3_u32, 1..4_u32).prop_map(|(a, b)| format!("{{{a},{}}}", a + b)),
            (1..4_u32).prop_map(|n| format!("{{{n}}}")),
            (0..4_u32).prop_map(|n| format!("{{{n},}}")),
            (1..4_u32).prop_map(|n| format!("{{,{n}}}")),
        ];
        let inner = prop_oneof![Just(""), Just("[,]"), Just("[->]"), Just("[->>]"), Just("[-> 3s]"), Just("[,1h5m]")];
        (often, prop::bool::ANY, inner, prop_oneof![3 => Just(""), 1 => Just(" until e")]).prop_map(
            |(often, reluctant, inner, until)| {
                // there is no loop to end
                let until = if matches!(&*often, "?" | "{1}" | "{,1}" | "{0,1}") { "" } else { until };
                format!("{often}{}{inner}{until}", if reluctant { "?" } else { "" })
            },
        )
    };
    name.prop_recursive(3, 30, 4, move |inner| {
        let unit = || (inner.clone(), prop::option::of(quantifier()));
        let unit = move || {
            unit().prop_map(|(of, times)| match times {
                Some(times) => format!("({of}){times}"),
                None => format!("({of})"),
            })
        };
        let sign = prop_oneof![Just(", "), Just(" -> "), Just("->>"), Just("-> !a->"), Just(", !(b|c) ,")];
        prop_oneof![
            unit(),
            prop::collection::vec(unit(), 2..4).prop_map(|units| units.join("|")),
            prop::collection::vec(unit(), 2..4).prop_map(|units| format!("PERMUTE({})", units.join(","))),
            (unit(), prop::collection::vec((sign, unit()), 1..4))
                .prop_map(|(first, rest)| rest.iter().fold(first, |text, (sign, unit)| text + sign + unit)),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn parse_when_a_pattern_is_shown_gives_it_back(text in pattern()) {
        let read = parse(&text, Mode::Row).unwrap_or_else(|e| panic!("{text}: {e:?}"));
        for mode in [Mode::Row, Mode::Sequence] {
            if mode == Mode::Row || !text.contains("PERMUTE") {
                let shown = read.to_string();
                let again = parse(&shown, mode).unwrap_or_else(|e| panic!("{text}: {shown}: {e:?}"));
                prop_assert_eq!(placeless(again), placeless(read.clone()), "{}", shown);
            }
        }
    }

    #[test]
    fn parse_when_text_is_random_never_panics(text in "\\PC{0,60}") {
        let _ = parse(&text, Mode::Sequence);
        let _ = parse(&text, Mode::Row);
    }

    #[test]
    fn parse_when_signs_are_random_never_panics_and_places_are_in_the_text(
        parts in prop::collection::vec(prop_oneof![
            Just("a"), Just("b"), Just("until"), Just("PERMUTE"), Just("PERMUTE("), Just("->"), Just("->>"), Just(","),
            Just("!"), Just("!("), Just("("), Just(")"), Just("|"), Just("?"), Just("*"), Just("+"), Just("{"),
            Just("{2,3}"), Just("}"), Just("["), Just("[->]"), Just("]"), Just("2"), Just("3s"), Just("ß"), Just("-"),
        ], 0..40),
        mode in prop_oneof![Just(Mode::Sequence), Just(Mode::Row)],
    ) {
        let text = parts.join(" ");
        match parse(&text, mode) {
            Ok(tree) => prop_assert_eq!(parse(&tree.to_string(), mode).map(placeless), Ok(placeless(tree))),
            Err(errors) => {
                prop_assert!(!errors.is_empty());
                for error in errors {
                    prop_assert!(error.column.is_none_or(|c| (1..=text.chars().count() + 1).contains(&c)), "{:?}", error);
                }
            }
        }
    }
}
