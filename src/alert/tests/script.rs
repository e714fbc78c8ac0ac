//! Stated times: each script pushes rows at moments of a clock that is set by hand, and says what is told between two of them.
//!
//! `3.2 row 7`: at 3.2 s there is a row of value 7 with a window that ends then. `9 late 3.2 7 1`: at 9 s the row of 3.2 s
//! becomes 1 instead of 7 (`-`: none). `to 5 | a, b`: event time comes to 5 s, and what is said before is just that: a state
//! and when it was, `since` when where that is another time, `said` when where that is, `-` where it is taken back, `r1` for its
//! revision.

use super::*;
use std::collections::BTreeMap;

fn seconds(text: &str) -> i64 {
    (text.parse::<f64>().unwrap_or_else(|_| panic!("{text} is no time")) * S as f64).round() as i64
}

fn text(us: i64) -> String {
    (us as f64 / S as f64).to_string()
}

fn value(text: &str) -> Option<Option<i64>> {
    match text {
        "-" => None,
        "NULL" => Some(None),
        n => Some(Some(n.parse().unwrap())),
    }
}

fn said(out: &mut BTreeMap<i64, RowBatch>) -> String {
    let mut list = Vec::new();
    for (time, rows) in std::mem::take(out) {
        let mut order: Vec<_> = rows.iter().collect();
        order.sort_by(|a, b| {
            let at = |row: &crate::result::RowRef<'_>| Told::of(*row).map(|told| told.at);
            (a.head.op, at(a)).cmp(&(b.head.op, at(b)))
        });
        for row in order {
            let told = Told::of(row).unwrap();
            let sign = if row.head.op == Op::Retract { "-" } else { "" };
            let mut one = format!("{sign}{} {}", told.state, text(told.at));
            if told.since != told.at {
                one += &format!(" since {}", text(told.since));
            }
            if time != told.at {
                one += &format!(" said {}", text(time));
            }
            if row.head.revision > 0 {
                one += &format!(" r{}", row.head.revision);
            }
            list.push(one);
        }
    }
    list.join(", ")
}

fn tell(what: &str, rule: Rule, until: Option<&str>, script: &str) {
    let mut lives = lives(rule, "v > 5", until);
    let (mut out, mut known) = (BTreeMap::new(), i64::MIN);
    for (n, line) in script.lines().map(str::trim).filter(|line| !line.is_empty()).enumerate() {
        let (line, expected) = line.split_once('|').unwrap_or((line, ""));
        let words: Vec<&str> = line.split_whitespace().collect();
        let mut batch = RowBatch::default();
        match words[..] {
            ["to", time] => {
                known = seconds(time) - 1;
                lives.advance(Some(known + 1), known, &mut out);
                assert_eq!(said(&mut out), expected.trim(), "{what}, line {}: {line}", n + 1);
            }
            ["end"] => {
                lives.advance(None, known, &mut out);
                lives.end();
                assert_eq!(lives.next_time(), None);
                assert_eq!(said(&mut out), expected.trim(), "{what}, line {}: {line}", n + 1);
            }
            [time, "row", v] => {
                let (time, v) = (seconds(time), value(v).unwrap());
                push(&mut batch, ("a", v), time, (time, 0, Op::Assert));
            }
            [time, "late", end, old, new] => {
                let (time, end) = (seconds(time), seconds(end));
                for (v, revision, op) in [(old, 0, Op::Retract), (new, 1, Op::Assert)] {
                    if let Some(v) = value(v) {
                        push(&mut batch, ("a", v), end, (time, revision, op));
                    }
                }
            }
            _ => panic!("{line}"),
        }
        lives.take(&batch);
    }
}

#[test]
fn an_alert_fires_at_once_and_is_over_when_its_condition_is() {
    tell(
        "plain (3)",
        plain(),
        None,
        "
        2.2 row 7
        to 2.2 |
        to 3 | firing 2.2
        3.2 row 9
        to 4 |
        4.5 row NULL
        to 5 |
        5.5 row 5
        to 6 | resolved 5.5 since 2.2
        7 row 6
        to 8 | firing 7
        end |
    ",
    );
}

#[test]
fn a_condition_must_hold_at_every_row_for_as_long_as_is_asked() {
    let rule = Rule { hold: S, ..plain() };
    tell(
        "for (1)",
        rule.clone(),
        None,
        "
        2.2 row 7
        to 3 |
        3.1 row 7
        to 3.2 |
        3.2 row 7
        to 3.5 | firing 3.2 since 2.2
        4 row 0
        to 5 | resolved 4 since 2.2
    ",
    );
    tell(
        "flapping (1)",
        rule.clone(),
        None,
        "
        1 row 7
        1.5 row 0
        2 row 7
        2.5 row NULL
        3 row 7
        to 3.9 |
        4 row 7
        to 5 | firing 4 since 3
    ",
    );
    tell(
        "gaps (2)",
        rule,
        None,
        "
        1 row 7
        to 30 |
        30 row 7
        to 31 | firing 30 since 1
        to 100 |
    ",
    );
    tell(
        "pending is told where that is asked for",
        Rule { hold: S, pending: true, ..plain() },
        None,
        "
        1 row 7
        to 1.5 | pending 1
        1.5 row 0
        to 2 | resolved 1.5 since 1
        2 row 7
        3 row 7
        to 4 | pending 2, firing 3 since 2
    ",
    );
}

#[test]
fn hysteresis_leaves_an_alert_as_it_is_between_the_two() {
    tell(
        "until (3)",
        plain(),
        Some("v < 3"),
        "
        1 row 6
        2 row 4
        3 row 6
        4 row 3
        to 5 | firing 1
        5 row 2
        to 6 | resolved 5 since 1
        6 row 4
        to 7 |
        7 row 6
        to 8 | firing 7
    ",
    );
    tell(
        "where both are TRUE when counts",
        plain(),
        Some("v > 0"),
        "
        1 row 6
        2 row 7
        3 row 1
        to 4 | firing 1, resolved 3 since 1
    ",
    );
}

#[test]
fn an_alert_keeps_firing_until_its_end_has_held() {
    let rule = Rule { linger: 2 * S, ..plain() };
    tell(
        "keep_firing_for (4)",
        rule.clone(),
        None,
        "
        1 row 6
        2 row 1
        3 row 6
        3.5 row 1
        to 5.5 | firing 1
        to 5.6 | resolved 5.5 since 1
        6 row 6
        to 7 | firing 6
    ",
    );
    tell(
        "TRUE at the very moment",
        rule.clone(),
        None,
        "
        1 row 6
        2 row 1
        4 row 6
        to 5 | firing 1
    ",
    );
    tell(
        "a row at the very moment",
        rule.clone(),
        None,
        "
        1 row 6
        2 row 1
        4 row 1
        to 5 | firing 1, resolved 4 since 1
    ",
    );
    tell(
        "with until (4)",
        rule.clone(),
        Some("v < 3"),
        "
        1 row 6
        2 row 1
        3 row 4
        to 5 | firing 1
        5 row 1
        6 row 1
        to 7 |
        to 8 | resolved 7 since 1
    ",
    );
    tell(
        "the end of the input is no time (8)",
        rule,
        None,
        "
        1 row 6
        2 row 1
        to 3 | firing 1
        end |
    ",
    );
}

#[test]
fn silence_is_told_and_is_no_end() {
    let rule = Rule { silence: Some(3 * S), ..plain() };
    tell(
        "no_data_after (5)",
        rule.clone(),
        None,
        "
        1 row 6
        to 4 | firing 1
        to 4.1 | no_data 4 since 1
        to 20 |
        20 row 6
        to 21 | firing 20 since 1
        22 row 1
        to 30 | resolved 22 since 1
        30 row 6
        to 34 | firing 30, no_data 33 since 30
        34 row 1
        to 35 | resolved 34 since 30
    ",
    );
    tell(
        "a row in time",
        rule.clone(),
        None,
        "
        1 row 6
        4 row 6
        to 5 | firing 1
        end |
    ",
    );
    tell(
        "NULL after silence",
        rule.clone(),
        None,
        "
        1 row 6
        6 row NULL
        to 7 | firing 1, no_data 4 since 1, firing 6 since 1
    ",
    );
    tell(
        "pending and silent (1, 5)",
        Rule { hold: 6 * S, ..rule.clone() },
        None,
        "
        1 row 6
        to 5 | no_data 4 since 1
        5 row 6
        7 row 6
        to 8 | firing 7 since 1
        9 row 0
        10 row 6
        to 14 | resolved 9 since 1, no_data 13 since 10
        14 row 0
        to 20 | resolved 14 since 10
    ",
    );
    tell(
        "silent and over (4, 5)",
        Rule { linger: 5 * S, ..rule.clone() },
        None,
        "
        1 row 6
        2 row 1
        to 6 | firing 1, no_data 5 since 1
        to 8 | resolved 7 since 1
    ",
    );
    tell(
        "of all (5)",
        Rule { silence_of_all: true, ..rule },
        None,
        "
        1 row 0
        to 5 | no_data 4
        6 row 0
        to 7 | resolved 6 since 4
        to 10 | no_data 9
        10 row 7
        to 11 | resolved 10 since 9, firing 10
        to 14 | no_data 13 since 10
        end |
    ",
    );
}

#[test]
fn what_comes_late_corrects_what_was_said() {
    tell(
        "an alert that was none (7)",
        plain(),
        None,
        "
        1 row 6
        2 row 1
        to 3 | firing 1, resolved 2 since 1
        3 late 1 6 5
        to 4 | -firing 1 said 3, -resolved 2 since 1 said 3
    ",
    );
    tell(
        "an alert that was (7)",
        plain(),
        None,
        "
        1 row 5
        2 row 1
        3 late 1 5 6
        to 4 | firing 1 said 3, resolved 2 since 1 said 3
    ",
    );
    tell(
        "an alert that moves (7)",
        plain(),
        None,
        "
        1 row 5
        2 row 6
        3 late 1 5 6
        4 row 0
        to 5 | firing 2, -firing 2 said 3, firing 1 said 3, resolved 4 since 1
    ",
    );
    tell(
        "an end that moves, and comes back",
        plain(),
        None,
        "
        1 row 6
        2 row 1
        3 late 2 1 6
        4 late 2 6 1
        to 5 | firing 1, resolved 2 since 1, -resolved 2 since 1 said 3, resolved 2 since 1 said 4 r1
    ",
    );
    tell(
        "a row that is new",
        Rule { hold: 2 * S, ..plain() },
        None,
        "
        1 row 6
        3 row 6
        to 4 | firing 3 since 1
        5 late 2 - 0
        to 6 | -firing 3 since 1 said 5
        6 row 6
        to 7 | firing 6 since 3
    ",
    );
    tell(
        "what is as it was is not said again",
        plain(),
        None,
        "
        1 row 6
        2 row 7
        3 late 2 7 8
        to 4 | firing 1
    ",
    );
    tell(
        "silence that was none",
        Rule { silence: Some(3 * S), ..plain() },
        None,
        "
        1 row 6
        to 6 | firing 1, no_data 4 since 1
        6 late 3 - 7
        to 7 | -no_data 4 since 1 said 6, no_data 6 since 1 r1
    ",
    );
    tell(
        "an end by time that was none",
        Rule { linger: 3 * S, ..plain() },
        None,
        "
        1 row 6
        2 row 1
        to 6 | firing 1, resolved 5 since 1
        6 late 4 - 7
        to 7 | -resolved 5 since 1 said 6
    ",
    );
}

#[test]
fn a_match_is_a_moment() {
    let rule = Rule { moments: true, ..plain() };
    tell(
        "once (6)",
        rule.clone(),
        None,
        "
        1 row 6
        2 row 7
        3 row 1
        to 5 | firing 1, firing 2
        5 late 1 6 -
        to 6 | -firing 1 said 5
        end |
    ",
    );
    tell(
        "kept firing (6)",
        Rule { linger: 3 * S, ..rule },
        None,
        "
        1 row 6
        2 row 7
        4 row 1
        to 6 | firing 1, resolved 5 since 1
        6 row 6
        9 row 8
        to 12 | firing 6
        to 13 | resolved 12 since 6
    ",
    );
}

#[test]
fn a_row_that_a_later_one_replaces_was_right_in_its_time() {
    tell(
        "global windows",
        Rule { running: true, ..plain() },
        None,
        "
        1 row 6
        2 late 1 6 -
        2 row 7
        3 late 2 7 -
        3 row 2
        to 4 | firing 1, resolved 3 since 1
    ",
    );
}

#[test]
fn a_row_that_is_gone_without_another_in_its_place_ends_the_alert() {
    tell(
        "rows of a recommendation that leave",
        Rule { running: true, ..plain() },
        Some("v < 3"),
        "
        1 row 6
        3 late 1 6 -
        to 4 | firing 1, resolved 3 since 1
        5 row 7
        to 6 | firing 5
    ",
    );
}
