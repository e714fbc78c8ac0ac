//! Random rows with corrections, against a reference that goes through all rows of a group moment by moment, from the
//! beginning, each time it is asked.
//!
//! Catches: wrong order of rows and time, corrections that leave something behind, what is forgotten too early, states that
//! do not survive. Cannot catch: a rule that both understand wrongly; for that there are the scripts.

use super::*;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

/// A change: state, when, since, fired; and the time of the row behind it.
type Fact = (State, i64, i64, Option<i64>, i64);

/// What is to be known at the end of moment `now`, of rows by moment: their values.
fn reference(rule: &Rule, rows: &BTreeMap<i64, Option<i64>>, now: i64) -> Vec<Fact> {
    let mut facts = Vec::new();
    // Since when it holds, when it fired, since when the end holds; the last row; whether silence was told, and when first.
    let (mut since, mut fired, mut ending) = (None::<i64>, None::<i64>, None::<i64>);
    let (mut last, mut silent, mut quiet_since, mut heard) = (None::<i64>, false, None::<i64>, None::<i64>);
    for t in 0..=now {
        let mut over = false;
        if let Some(v) = rows.get(&t) {
            let (holds, ends) = (v.is_some_and(|v| v > 5), v.is_some_and(|v| v < 3));
            let again = std::mem::take(&mut silent);
            last = Some(t);
            if let Some(q) = quiet_since.take() {
                facts.push((State::Resolved, t, q, Some(q), last.unwrap()));
            }
            if fired.is_some() {
                ending = if holds || !ends { None } else { ending.or(Some(t)) };
                over = ending.is_some_and(|e| t - e >= rule.linger);
                if again && !over {
                    facts.push((State::Firing, t, since.unwrap(), fired, last.unwrap()));
                }
            } else if !holds {
                if let Some(s) = since.take()
                    && (rule.pending && rule.hold > 0 || heard.is_some())
                {
                    facts.push((State::Resolved, t, s, heard, last.unwrap()));
                }
                heard = None;
            } else {
                let fresh = since.is_none();
                let s = *since.get_or_insert(t);
                if t - s >= rule.hold {
                    fired = Some(t);
                    heard = None;
                    facts.push((State::Firing, t, s, fired, last.unwrap()));
                } else if rule.pending && (fresh || again) {
                    facts.push((State::Pending, t, s, None, last.unwrap()));
                }
            }
        }
        over |= fired.is_some() && ending.is_some_and(|e| t == e + rule.linger);
        if over {
            facts.push((State::Resolved, t, since.unwrap(), fired, last.unwrap()));
            (since, fired, ending) = (None, None, None);
        }
        if let (Some(n), Some(l)) = (rule.silence, last)
            && t == l + n
            && !silent
            && quiet_since.is_none()
        {
            if let Some(s) = since {
                silent = true;
                if fired.is_none() {
                    heard = heard.or(Some(t));
                }
                facts.push((State::NoData, t, s, fired.or(heard), last.unwrap()));
            } else if rule.silence_of_all {
                (silent, quiet_since) = (true, Some(t));
                facts.push((State::NoData, t, t, Some(t), last.unwrap()));
            }
        }
    }
    facts
}

fn told(row: crate::result::RowRef<'_>) -> (String, Fact) {
    let told = Told::of(row).unwrap();
    let state = State::ALL.into_iter().find(|state| state.word() == told.state).unwrap();
    let group = row.dimensions().next().unwrap().as_str().unwrap().to_owned();
    (group, (state, told.at, told.since, told.fired, row.head.window_end))
}

/// An update of a row: group, end, how late it is, value; and then perhaps a correction: how late, value (none: no row).
type Update = (u8, i64, i64, Option<i64>, Option<(i64, Option<Option<i64>>)>);

fn updates() -> impl Strategy<Value = Vec<Update>> {
    let value = || prop_oneof![Just(None), Just(Some(1)), Just(Some(4)), Just(Some(7)), Just(Some(8))];
    let correction = (1..10i64, proptest::option::weighted(0.8, value()));
    let late = prop_oneof![3 => Just(0i64), 1 => 0..8i64];
    proptest::collection::vec((0..2u8, 1..60i64, late, value(), proptest::option::weighted(0.4, correction)), 1..40)
}

fn rules() -> impl Strategy<Value = Rule> {
    let span = || prop_oneof![Just(0i64), 1..9i64];
    let linger = prop_oneof![Just(0i64), 1..18i64];
    (span(), linger, proptest::option::of(1..12i64), any::<bool>(), any::<bool>()).prop_map(
        |(hold, linger, silence, silence_of_all, pending)| Rule {
            hold,
            linger,
            silence,
            silence_of_all,
            pending,
            keep: 20,
            ..plain()
        },
    )
}

/// An update as it is said: group, end, value, what it does.
type Stated = (String, i64, Option<i64>, Op);

/// The updates by the moment at which they are said: group, end, value, what they do.
fn stated(updates: &[Update]) -> BTreeMap<i64, Vec<Stated>> {
    let (mut all, mut seen) = (BTreeMap::<i64, Vec<_>>::new(), BTreeSet::new());
    for (group, end, late, value, correction) in updates {
        if !seen.insert((*group, *end)) {
            continue;
        }
        let (group, first) = (format!("g{group}"), end + late);
        all.entry(first).or_default().push((group.clone(), *end, *value, Op::Assert));
        if let Some((later, new)) = correction {
            let of = all.entry(first + later).or_default();
            of.push((group.clone(), *end, *value, Op::Retract));
            of.extend(new.map(|new| (group, *end, new, Op::Assert)));
        }
    }
    all
}

/// What is said up to the end, by time; checked at each frontier, where there is something to check against.
fn run(
    rule: &Rule,
    updates: &[Update],
    frontiers: &[i64],
    restored: &[bool],
    check: bool,
) -> Vec<(i64, bool, String, Fact, u32)> {
    let until = Some("v < 3");
    let mut lives = lives(rule.clone(), "v > 5", until);
    let (mut all, mut out) = (Vec::new(), BTreeMap::new());
    let (mut holds, mut rows) = (BTreeMap::<(String, Fact), i64>::new(), BTreeMap::<String, BTreeMap<_, _>>::new());
    let mut waiting = stated(updates);
    for (frontier, restored) in frontiers.iter().zip(restored.iter().cycle()) {
        let later = waiting.split_off(frontier);
        let mut batch = RowBatch::default();
        // The order within a frontier is of no meaning.
        for (time, list) in std::mem::replace(&mut waiting, later).into_iter().rev() {
            for (group, end, value, op) in list {
                push(&mut batch, (&group, value), end, (time, 0, op));
            }
        }
        lives.take(&batch);
        if *restored {
            let text = serde_json::to_string(&lives.snapshot()).unwrap();
            lives = super::lives(rule.clone(), "v > 5", until);
            lives.restore(serde_json::from_str(&text).unwrap());
            assert_eq!(serde_json::to_string(&lives.snapshot()).unwrap(), text);
        }
        lives.advance(Some(*frontier), frontier - 1, &mut out);
        for (time, rows) in std::mem::take(&mut out) {
            assert!(time < *frontier);
            for row in rows.iter() {
                let (group, fact) = told(row);
                assert_eq!(row.head.time, time);
                let sign = if row.head.op == Op::Assert { 1 } else { -1 };
                *holds.entry((group.clone(), fact)).or_default() += sign;
                all.push((time, row.head.op == Op::Assert, group, fact, row.head.revision));
            }
        }
        if !check {
            continue;
        }
        for (_, list) in stated(updates).range(..frontier) {
            for pass in [Op::Retract, Op::Assert] {
                for (group, end, value, op) in list.iter().filter(|(.., op)| *op == pass) {
                    let of = rows.entry(group.clone()).or_default();
                    match op {
                        Op::Assert => of.insert(*end, *value),
                        Op::Retract => of.remove(end),
                    };
                }
            }
        }
        holds.retain(|_, n| *n != 0);
        let expected: BTreeMap<(String, Fact), i64> = std::mem::take(&mut rows)
            .iter()
            .flat_map(|(group, rows)| {
                reference(rule, rows, frontier - 1).into_iter().map(move |fact| ((group.clone(), fact), 1))
            })
            .collect();
        assert_eq!(holds, expected, "at {frontier} by {rule:?}");
    }
    all.sort();
    all
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, ..ProptestConfig::default() })]

    #[test]
    fn lives_are_what_the_reference_says_at_every_frontier_and_are_said_alike_however_it_moves(
        rule in rules(),
        updates in updates(),
        steps in proptest::collection::vec(1..15i64, 1..20),
        restored in proptest::collection::vec(any::<bool>(), 1..5),
    ) {
        let every: Vec<i64> = (1..=110).collect();
        let mut frontiers = Vec::new();
        let mut at = 0;
        for step in steps {
            at += step;
            frontiers.extend((at < 110).then_some(at));
        }
        frontiers.push(110);
        let fine = run(&rule, &updates, &every, &[false], true);
        let coarse = run(&rule, &updates, &frontiers, &restored, true);
        prop_assert_eq!(&fine, &coarse);
        prop_assert_eq!(&run(&rule, &updates, &[110], &[false], false), &fine);
    }
}
