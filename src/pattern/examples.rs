//! Examples of the pattern language, which the reference prints and a test runs.

/// A pattern, events, and the matches that there are.
#[derive(Debug, Clone, Copy)]
pub struct Example {
    /// What it shows.
    pub shows: &'static str,
    /// The pattern. Step `a` is met by the events `a`, `a1`, `a2` and so on; `any` by all.
    pub pattern: &'static str,
    /// `no_skip`, `past_last`, `to_next`, `to_first(a)` or `to_last(a)`.
    pub skip: &'static str,
    /// In seconds.
    pub within: Option<u32>,
    /// `mode = "row"`.
    pub row: bool,
    /// Events, each a second after the one before it.
    pub events: &'static str,
    /// Matches, with `;` between them.
    pub matches: &'static str,
}

const fn all(shows: &'static str, pattern: &'static str, events: &'static str, matches: &'static str) -> Example {
    Example { shows, pattern, skip: "no_skip", within: None, row: false, events, matches }
}

const fn skip(skip: &'static str, pattern: &'static str, events: &'static str, matches: &'static str) -> Example {
    Example { shows: skip, pattern, skip, within: None, row: false, events, matches }
}

const fn row(shows: &'static str, pattern: &'static str, events: &'static str, matches: &'static str) -> Example {
    Example { shows, pattern, skip: "past_last", within: None, row: true, events, matches }
}

/// The examples, in the order of the language.
pub const EXAMPLES: &[Example] = &[
    all("strict", "a, b", "a1 b1 a2 c b2", "a1 b1"),
    all("relaxed", "a -> b", "a1 c b1 b2", "a1 b1"),
    all("non-deterministic relaxed", "a ->> b", "a1 c b1 b2", "a1 b1; a1 b2"),
    all("every event may begin a match", "a -> b", "a1 a2 b1", "a1 b1; a2 b1"),
    all("optional", "a -> b? -> c", "a1 b1 c1", "a1 b1 c1; a1 c1"),
    all("one or more, greedy: no b between the last b and c", "a -> b+ -> c", "a1 b1 b2 c1", "a1 b1 b2 c1"),
    all("one or more, reluctant", "a -> b+? -> c", "a1 b1 b2 c1", "a1 b1 b2 c1; a1 b1 c1"),
    all("any number", "a -> b* -> c", "a1 c1 a2 b1 c2", "a1 c1; a1 b1 c2; a2 b1 c2"),
    all("exactly two", "a{2} -> b", "a1 a2 a3 b1", "a1 a2 b1; a2 a3 b1"),
    all("two or more", "a -> b{2,} -> c", "a1 b1 c1 b2 c2", "a1 b1 b2 c2"),
    all("two to three", "a{2,3}", "a1 a2 a3", "a1 a2; a1 a2 a3; a2 a3"),
    all("repetitions next to each other", "a -> b{2}[,] -> c", "a1 b1 d b2 b3 c1", ""),
    all("repetitions in any choice", "a -> b{2}[->>] -> c", "a1 b1 b2 b3 c1", "a1 b1 b2 c1; a1 b1 b3 c1"),
    all("repetitions less than 2 s apart", "a -> b{2}[-> 2s] -> c", "a1 b1 d b2 c1 a2 b3 b4 c2", "a2 b3 b4 c2"),
    all("until", "a -> b+? until d -> c", "a1 b1 d b2 c1", "a1 b1 c1"),
    all("group", "a -> (b -> c){2} -> d", "a1 b1 c1 b2 c2 d1", "a1 b1 c1 b2 c2 d1"),
    all("alternatives", "a -> b | c -> d", "a1 c1 b1 d1", "a1 c1 d1"),
    all("alternatives of groups", "a -> (b -> c) | d", "a1 d1 b1 c1", "a1 d1"),
    all("not next", "a, !b -> c", "a1 b1 c1 a2 d c2", "a2 c2"),
    all("not in between", "a -> !b -> c", "a1 d c1 a2 b1 c2", "a1 c1"),
    Example {
        shows: "not within the time, at the end",
        pattern: "a -> !b",
        skip: "no_skip",
        within: Some(3),
        row: false,
        events: "a1 c b1 a2 c c c b2",
        matches: "a2",
    },
    Example {
        shows: "within: all events less than that behind the first",
        pattern: "a -> b",
        skip: "no_skip",
        within: Some(2),
        row: false,
        events: "a1 b1 a2 c b2",
        matches: "a1 b1",
    },
    skip("no_skip", "a{2}", "a1 a2 a3 a4", "a1 a2; a2 a3; a3 a4"),
    skip("past_last", "a{2}", "a1 a2 a3 a4", "a1 a2; a3 a4"),
    skip("to_next", "a -> b+?", "a1 b1 b2 a2 b3", "a1 b1; a2 b3"),
    skip("to_first(b)", "a -> b -> c", "a1 a2 b1 c1", "a1 b1 c1"),
    skip("to_last(b)", "a+? -> b -> c", "a1 b1 c1 a2 b2 c2", "a1 b1 c1; a2 b2 c2"),
    row("row: greedy, giving back what is needed", "a+, any", "a1 a2 a3", "a1 a2 a3"),
    row("row: one match for a start", "a, b*", "a1 b1 b2 a2 b3", "a1 b1 b2; a2 b3"),
    row("row: reluctant", "a, b*?, c?", "a1 b1 c1", "a1"),
    row("row: the first alternative that matches", "a, b | any, c", "a1 d c1", "a1 d c1"),
    row("row: any order", "PERMUTE(a, b, c)", "b1 a1 c1 a2", "b1 a1 c1"),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Origin;
    use crate::pattern::{Automaton, Judge, Machine, Matcher, Mode, Rules, Skip, StepGaps, Store, Taken, Tree, parse};
    use crate::result::Op;

    struct Plain;

    impl Judge for Plain {
        fn met(&mut self, _: &Store, _: usize, _: u32, _: u32) -> bool {
            true
        }
    }

    fn mode(example: &Example) -> Mode {
        if example.row { Mode::Row } else { Mode::Sequence }
    }

    fn rules(example: &Example, tree: &Tree) -> Rules {
        let step = |skip: &str| {
            let name = skip.split(['(', ')']).nth(1).unwrap();
            tree.steps.iter().position(|s| s == name).unwrap()
        };
        Rules {
            automaton: Automaton::new(tree, &StepGaps::None, mode(example)).unwrap(),
            within: example.within.map(|s| i64::from(s) * 1_000_000),
            skip: match example.skip {
                "no_skip" => Skip::No,
                "past_last" => Skip::PastLast,
                "to_next" => Skip::ToNext,
                other if other.starts_with("to_first") => Skip::ToFirst(step(other)),
                other => Skip::ToLast(step(other)),
            },
            preferred: example.row,
            timed_out: false,
            most: 1_000,
            looks_back: vec![false; tree.steps.len()],
        }
    }

    /// The matches, and how many partial ones were given up where a key may have `most`.
    fn matches(example: &Example, most: usize) -> (Vec<String>, u64) {
        let tree = parse(example.pattern, mode(example)).unwrap_or_else(|e| panic!("{}: {e:?}", example.pattern));
        let mut machine = Machine::new(Matcher::new(Rules { most, ..rules(example, &tree) }), Plain, 0, 1_000_000);
        let mut found = Vec::new();
        let mut hear = |store: &Store, said: crate::pattern::Statement| {
            assert_eq!(said.op, Op::Assert);
            let mut events: Vec<String> =
                store.back(said.link).map(|(_, e)| String::from_utf8(store.bytes(e).to_vec()).unwrap()).collect();
            events.reverse();
            found.push(events.join(" "));
        };
        for (i, name) in example.events.split(' ').enumerate() {
            let met = |step: &String| step == "any" || name.trim_end_matches(|c: char| c.is_ascii_digit()) == step;
            let mask = tree.steps.iter().enumerate().fold(0, |m, (s, step)| m | u64::from(met(step)) << s);
            let time = i as i64 * 1_000_000;
            let origin = Origin { time, partition: 0, position: i as u64 };
            machine.advance(Some(time), &mut hear);
            let taken = Taken { key: (0, 0), origin, tick: i64::MIN, mask, cells: name.as_bytes() };
            machine.event(taken, &mut hear);
        }
        machine.advance(None, &mut hear);
        assert_eq!((machine.open(), machine.bytes()), ((0, 0), (0, 0)), "{example:?}");
        found.sort();
        (found, machine.tallies().overflowed)
    }

    #[test]
    fn each_example_has_the_matches_it_says() {
        let mut wrong = Vec::new();
        for example in EXAMPLES {
            let mut expected: Vec<&str> = example.matches.split("; ").filter(|m| !m.is_empty()).collect();
            expected.sort_unstable();
            let (found, _) = matches(example, 1_000);
            if found != expected {
                wrong.push(format!("{} over {}: {found:?}, not {expected:?}", example.pattern, example.events));
            }
        }
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }

    #[test]
    fn a_step_in_several_places_when_another_is_between_them_then_is_said_once() {
        let example = all("", "a | any | a{1,2}?[->>] ->> b", "a1 b1", "a1 b1; a1 b1");
        // As `a`, and as `any`.
        assert_eq!(matches(&example, 1_000).0, ["a1 b1", "a1 b1"]);
        let pending = Example { within: Some(4), ..all("", "a? ->> a{2,3}[->>] -> !b", "a1 a2 a3", "") };
        assert_eq!(matches(&pending, 1_000).0, ["a1 a2", "a1 a2 a3", "a1 a3", "a2 a3"]);
    }

    #[test]
    fn where_a_key_has_too_many_partial_matches_those_that_began_first_are_given_up() {
        let example = all("", "a -> b+ -> c", "a1 a2 b1 a3 c1", "");
        let three = ["a1 b1 c1", "a2 b1 c1"].map(str::to_owned).to_vec();
        assert_eq!(matches(&example, 3), (three, 0));
        // A partial match in a loop waits at two places, and is one.
        assert_eq!(matches(&example, 2), (vec!["a2 b1 c1".to_owned()], 1));
        assert_eq!(matches(&example, 1), (vec![], 2));
    }

    #[test]
    fn where_late_events_may_come_a_limit_is_passed_at_the_first_tick_behind_it() {
        let example = Example { within: Some(3), ..all("", "a -> !b", "", "") };
        let tree = parse(example.pattern, mode(&example)).unwrap();
        for (lateness, at, said_by) in [(0, 300_000, 4), (5_000_000, 300_000, 4), (0, 0, 3), (5_000_000, 0, 4)] {
            let mut machine = Machine::new(Matcher::new(rules(&example, &tree)), Plain, lateness, 1_000_000);
            let origin = Origin { time: at, partition: 0, position: 0 };
            let taken = Taken { key: (0, 0), origin, tick: i64::MIN, mask: 1, cells: b"a1" };
            let mut said = Vec::new();
            machine.event(taken, &mut |_, of| said.push(of.time));
            for second in 1..said_by {
                machine.advance(Some(second * 1_000_000), &mut |_, of| said.push(of.time));
                assert!(said.is_empty(), "{lateness} {at}: {said:?} at {second} s");
            }
            machine.advance(Some(said_by * 1_000_000), &mut |_, of| said.push(of.time));
            assert_eq!(said, [at + 3_000_000], "{lateness} {at}");
        }
    }
}
