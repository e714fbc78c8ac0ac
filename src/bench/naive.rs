//! The loops for patterns against the definition of a match: all assignments of a key's events to the steps are tried.
//!
//! It can catch a loop that is clever in a wrong way; it cannot catch a definition that both misread.

use super::jobs::Job;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// How a step follows the one before it.
#[derive(Clone, Copy, PartialEq)]
enum Follows {
    Strict,
    Relaxed,
    Any,
}

use Follows::{Any, Relaxed, Strict};

/// A place of an unrolled pattern.
#[derive(Clone, Copy)]
struct Place {
    step: usize,
    follows: Follows,
    /// No event that meets this step's condition comes before this place's, nor is it.
    ban: Option<usize>,
}

/// A step and an event for each place.
type Match = Vec<(usize, usize)>;

/// Whether an event meets a step's condition, given what was taken.
type Meets<'a> = dyn Fn(usize, usize, &[(usize, usize)]) -> bool + 'a;
/// The same of events as they are.
type MeetsEvent<'a> = dyn Fn(usize, &Value, &Taken<'_>) -> bool + 'a;
/// Puts what a match is measured by into its row.
type Measures<'a> = dyn Fn(&Taken<'_>, &mut Value) + 'a;
/// Steps and their events.
type Taken<'a> = [(usize, &'a Value)];

/// A pattern and the events of a key in order.
struct Naive<'a> {
    times: &'a [i64],
    within: i64,
    skips: bool,
    meets: &'a Meets<'a>,
}

impl Naive<'_> {
    /// Extends `taken` by all ways to fill the places after it. Partial ones get the event at which they end.
    fn extend(
        &self,
        places: &[Place],
        taken: &Match,
        full: &mut BTreeSet<Match>,
        partial: &mut BTreeMap<Match, usize>,
    ) {
        let Some(place) = places.get(taken.len()) else {
            full.insert(taken.clone());
            return;
        };
        let from = taken.last().map_or(0, |(_, event)| event + 1);
        let mut end = self.times.len();
        for event in from..self.times.len() {
            if taken.first().is_some_and(|(_, first)| self.times[event] - self.times[*first] >= self.within) {
                end = event;
                break;
            }
            let is_banned = place.ban.is_some_and(|step| (self.meets)(step, event, taken));
            let fits = (self.meets)(place.step, event, taken);
            if fits && !is_banned {
                let mut more = taken.clone();
                more.push((place.step, event));
                self.extend(places, &more, full, partial);
            }
            let may_skip = match place.follows {
                Strict => false,
                Relaxed => !fits,
                Any => true,
            };
            // The first event of a match may be any.
            if !taken.is_empty() && (is_banned || !may_skip) {
                end = event;
                break;
            }
        }
        if !taken.is_empty() {
            let known = partial.entry(taken.clone()).or_default();
            *known = end.max(*known);
        }
    }

    /// The matches that are stated.
    fn matches(&self, unrolled: &[Vec<Place>]) -> Vec<Match> {
        let (mut full, mut partial) = (BTreeSet::new(), BTreeMap::new());
        for places in unrolled {
            self.extend(places, &Vec::new(), &mut full, &mut partial);
        }
        if !self.skips {
            return full.into_iter().collect();
        }
        // What begins before this event is over.
        let mut over = 0;
        let (mut stated, mut waiting): (Vec<Match>, Vec<Match>) = (Vec::new(), Vec::new());
        for now in 0..=self.times.len() {
            let ended = |m: &&Match| m.last().is_some_and(|(_, event)| *event == now);
            waiting.extend(full.iter().filter(ended).cloned());
            waiting.retain(|m| m[0].1 >= over);
            waiting.sort_by_key(|m| (m[0].1, usize::MAX - m.len(), m.clone()));
            while let Some(first) = waiting.first().cloned() {
                let lives = |(m, end): (&Match, &usize)| {
                    m[0].1 >= over && m[m.len() - 1].1 <= now && *end > now && m[0].1 < first[0].1
                };
                // After the last event all time is over.
                if now < self.times.len() && partial.iter().any(lives) {
                    break;
                }
                over = first[first.len() - 1].1 + 1;
                stated.push(first);
                waiting.retain(|m| m[0].1 >= over);
            }
        }
        stated
    }
}

fn place(step: usize, follows: Follows) -> Place {
    Place { step, follows, ban: None }
}

/// `0, 1+[inner], 2`-like patterns: `head` once, a greedy loop from one to `most` times, `tail` once.
fn with_loop(head: Option<Place>, looped: (usize, Follows), tail: Place, most: usize) -> Vec<Vec<Place>> {
    let unroll = |n: usize| {
        let mut places: Vec<Place> = head.into_iter().collect();
        places.extend((0..n).map(|_| place(looped.0, looped.1)));
        places.push(Place { ban: Some(looped.0), ..tail });
        places
    };
    (1..=most).map(unroll).collect()
}

/// Runs the loop of `job` over `lines`, whose order is that of arrival; gives its rows without what all have.
fn by_hand(job: Job, lines: &[Value], folder: &Path) -> Vec<String> {
    let (input, output) = (folder.join("in"), folder.join("out"));
    let text: String = lines.iter().map(|line| format!("{line}\n")).collect();
    std::fs::write(&input, text).unwrap();
    let outcome = job.baseline(&input, &output).unwrap();
    assert_eq!((outcome.events, outcome.bad, outcome.late), (lines.len() as u64, 0, 0));
    let rows = std::fs::read_to_string(&output).unwrap();
    let mut rows: Vec<String> = rows
        .lines()
        .map(|line| {
            let mut row: Value = serde_json::from_str(line).unwrap();
            let removed = ["match_start", "match_end", "revision", "op"].map(|name| row[name].take());
            assert!(removed.iter().all(|value| !value.is_null()));
            without_nulls(row)
        })
        .collect();
    assert_eq!(rows.len() as u64, outcome.rows);
    rows.sort();
    rows
}

/// Columns in the order of their names, without nulls.
fn without_nulls(row: Value) -> String {
    let columns: BTreeMap<&String, &Value> = row.as_object().unwrap().iter().filter(|(_, v)| !v.is_null()).collect();
    json!(columns).to_string()
}

/// The events of each key in order.
fn by_key(lines: &[Value], key: impl Fn(&Value) -> String) -> BTreeMap<String, Vec<&Value>> {
    let mut keys: BTreeMap<String, Vec<&Value>> = BTreeMap::new();
    for line in lines {
        keys.entry(key(line)).or_default().push(line);
    }
    for events in keys.values_mut() {
        events.sort_by_key(|event| micros(event));
    }
    keys
}

fn micros(event: &Value) -> i64 {
    (event["timestamp"].as_f64().unwrap() * 1e6).round() as i64
}

/// The pattern of a job.
struct Definition<'a> {
    name: &'a str,
    steps: &'a [&'a str],
    within: i64,
    skips: bool,
    unrolled: Vec<Vec<Place>>,
    id: &'a str,
    meets: &'a MeetsEvent<'a>,
    measures: &'a Measures<'a>,
}

/// The rows of all keys.
fn rows_of(definition: &Definition<'_>, keys: &BTreeMap<String, Vec<&Value>>) -> Vec<String> {
    let mut rows = Vec::new();
    for (key, events) in keys {
        let times: Vec<i64> = events.iter().map(|event| micros(event)).collect();
        let resolved = |taken: &[(usize, usize)]| -> Vec<(usize, &Value)> {
            taken.iter().map(|(step, event)| (*step, events[*event])).collect()
        };
        let meets = |step: usize, event: usize, taken: &[(usize, usize)]| {
            (definition.meets)(step, events[event], &resolved(taken))
        };
        let (within, skips) = (definition.within, definition.skips);
        for found in (Naive { times: &times, within, skips, meets: &meets }).matches(&definition.unrolled) {
            let found = resolved(&found);
            let mut by_step: Value = json!({});
            for (step, event) in &found {
                let list = &mut by_step[definition.steps[*step]];
                let mut ids = list.as_array().cloned().unwrap_or_default();
                ids.push(event[definition.id].clone());
                *list = ids.into();
            }
            let mut row = json!({ "name": definition.name, "key": key, "events": by_step });
            (definition.measures)(&found, &mut row);
            rows.push(without_nulls(row));
        }
    }
    rows.sort();
    rows
}

/// Times of arrival in steps of one of `steps` milliseconds, some moved back by up to two seconds.
fn times(count: usize, steps: &'static [i64]) -> impl Strategy<Value = Vec<f64>> {
    let one = (proptest::sample::select(steps), 0i64..8);
    proptest::collection::vec(one, count).prop_map(|list| {
        let mut now = 1_000_000;
        let each = list.into_iter().map(|(step, back)| {
            now += step;
            (now - if back < 4 { back * 666 } else { 0 }) as f64 / 1_000.0
        });
        each.collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn funnels_when_random_then_are_those_of_the_definition(
        times in times(40, &[0, 500, 20_000, 90_000]),
        what in proptest::collection::vec((0usize..7, 0usize..4, 0u32..3), 40),
    ) {
        let line = |(i, (time, (what, who, page))): (usize, (&f64, &(usize, usize, u32)))| {
            let page = format!("product_{page}");
            let (kind, data) = match what {
                0 | 1 => ("user_action", json!({ "action": "view_product", "page": page })),
                2 | 3 => ("user_action", json!({ "action": "add_to_cart", "page": page })),
                4 => ("user_action", json!({ "action": "share", "page": page })),
                5 => ("transaction", json!({ "type": "purchase", "amount": i })),
                _ => ("transaction", json!({ "type": "refund", "amount": i })),
            };
            let mut event = json!({ "event_id": format!("e{i}"), "event_type": kind, "timestamp": time, "data": data });
            match who {
                0 => (event["session_id"], event["user_id"]) = ("s0".into(), "u0".into()),
                1 => event["user_id"] = "u1".into(),
                2 => event["session_id"] = "a session with a name that is long".into(),
                _ => {}
            }
            event
        };
        let lines: Vec<Value> = times.iter().zip(&what).enumerate().map(line).collect();
        let key = |event: &Value| {
            let named = event["session_id"].as_str().or(event["user_id"].as_str());
            named.unwrap_or("global").to_owned()
        };
        let folder = tempfile::tempdir().unwrap();
        let measures = |found: &Taken<'_>, row: &mut Value| {
            row["user"] = found[0].1["user_id"].clone();
            row["amount"] = found[2].1["data"]["amount"].as_f64().into();
        };
        let check = |name: &str, product: Option<usize>| {
            let meets = |step: usize, event: &Value, _: &Taken<'_>| {
                let data = &event["data"];
                let is_product = product.is_none_or(|p| data["page"] == format!("product_{p}"));
                match step {
                    0 => data["action"] == "view_product" && is_product,
                    1 => data["action"] == "add_to_cart" && is_product,
                    _ => data["type"] == "purchase",
                }
            };
            let definition = Definition {
                name, steps: &["view", "cart", "buy"], within: 300_000_000, skips: true,
                unrolled: vec![vec![place(0, Relaxed), place(1, Relaxed), place(2, Relaxed)]],
                id: "event_id", meets: &meets, measures: &measures,
            };
            rows_of(&definition, &by_key(&lines, key))
        };
        prop_assert_eq!(by_hand(Job::Pa, &lines, folder.path()), check("pa", None));
        prop_assert_eq!(by_hand(Job::Pd1, &lines, folder.path()), check("pd_0", Some(0)));
        let mut all: Vec<String> = (0..3).flat_map(|p| check(&format!("pd_{p}"), Some(p))).collect();
        all.sort();
        prop_assert_eq!(by_hand(Job::Pd, &lines, folder.path()), all);
    }

    #[test]
    fn climbs_when_random_then_are_those_of_the_definition(
        times in times(24, &[0, 1_000, 60_000, 150_000]),
        what in proptest::collection::vec((0u32..12, 0u32..2), 24),
    ) {
        let line = |(i, (time, (price, symbol))): (usize, (&f64, &(u32, u32)))| {
            json!({ "id": format!("t{i}"), "timestamp": time, "symbol": format!("s{symbol}"), "price": price })
        };
        let lines: Vec<Value> = times.iter().zip(&what).enumerate().map(line).collect();
        let price = |event: &Value| event["price"].as_f64().unwrap();
        let mean = |taken: &Taken<'_>| {
            let up: Vec<f64> = taken.iter().filter(|(step, _)| *step == 1).map(|(_, event)| price(event)).collect();
            (!up.is_empty()).then(|| up.iter().sum::<f64>() / up.len() as f64)
        };
        let meets = |step: usize, event: &Value, taken: &Taken<'_>| match step {
            0 => true,
            1 => price(event) > mean(taken).unwrap_or_else(|| taken.first().map_or(0.0, |(_, a)| price(a))),
            _ => mean(taken).is_some_and(|mean| price(event) <= mean),
        };
        let measures = |found: &Taken<'_>, row: &mut Value| {
            row["ups"] = (found.len() - 2).into();
            row["mean"] = mean(found).into();
            row["low"] = price(found[found.len() - 1].1).into();
        };
        let definition = Definition {
            name: "pb", steps: &["a", "up", "down"], within: 300_000_000, skips: true,
            unrolled: with_loop(Some(place(0, Strict)), (1, Strict), place(2, Strict), 24),
            id: "id", meets: &meets, measures: &measures,
        };
        let folder = tempfile::tempdir().unwrap();
        let expected = rows_of(&definition, &by_key(&lines, |event| event["symbol"].as_str().unwrap().to_owned()));
        prop_assert_eq!(by_hand(Job::Pb, &lines, folder.path()), expected);
    }

    #[test]
    fn letters_when_random_then_give_the_longest_or_all_matches(
        times in times(18, &[0, 500, 1_500, 20_000]),
        what in proptest::collection::vec((0usize..5, 0u32..2), 18),
    ) {
        let line = |(i, (time, (letter, symbol))): (usize, (&f64, &(usize, u32)))| {
            let letter = ["a", "a", "a", "b", "x"][*letter];
            let symbol = format!("s{symbol}");
            json!({ "id": format!("t{i}"), "timestamp": time, "symbol": symbol, "kind": letter, "rare": letter })
        };
        let lines: Vec<Value> = times.iter().zip(&what).enumerate().map(line).collect();
        let meets = |step: usize, event: &Value, _: &Taken<'_>| event["kind"] == ["a", "b"][step];
        let measures = |found: &Taken<'_>, row: &mut Value| row["n"] = (found.len() - 1).into();
        let folder = tempfile::tempdir().unwrap();
        for (job, seconds, skips) in [(Job::Pc, 60, true), (Job::Pcn, 5, false)] {
            let definition = Definition {
                name: job.name(), steps: &["a", "b"], within: seconds * 1_000_000, skips,
                unrolled: with_loop(None, (0, Any), place(1, Any), 18),
                id: "id", meets: &meets, measures: &measures,
            };
            let expected = rows_of(&definition, &by_key(&lines, |event| event["symbol"].as_str().unwrap().to_owned()));
            prop_assert_eq!(by_hand(job, &lines, folder.path()), expected);
        }
    }

    #[test]
    fn keys_that_wait_when_random_then_are_served_as_the_definition_says(
        times in times(24, &[0, 1_000, 600_000, 2_000_000]),
        what in proptest::collection::vec((0usize..3, 0u32..6, 0u32..2), 24),
    ) {
        let line = |(i, (time, (letter, value, key))): (usize, (&f64, &(usize, u32, u32)))| {
            let letter = ["a", "c", "x"][*letter];
            json!({ "id": format!("w{i}"), "timestamp": time, "key": format!("k{key}"), "kind": letter, "value": value })
        };
        let lines: Vec<Value> = times.iter().zip(&what).enumerate().map(line).collect();
        let value = |event: &Value| event["value"].as_f64().unwrap();
        let meets = |step: usize, event: &Value, taken: &Taken<'_>| match step {
            0 => event["kind"] == "a",
            _ => event["kind"] == "c" && taken.first().is_some_and(|(_, a)| value(event) > value(a)),
        };
        let measures = |found: &Taken<'_>, row: &mut Value| {
            (row["a"], row["c"]) = (value(found[0].1).into(), value(found[1].1).into());
        };
        let definition = Definition {
            name: "pe", steps: &["a", "c"], within: 3_600_000_000, skips: true,
            unrolled: vec![vec![place(0, Relaxed), place(1, Relaxed)]],
            id: "id", meets: &meets, measures: &measures,
        };
        let folder = tempfile::tempdir().unwrap();
        let expected = rows_of(&definition, &by_key(&lines, |event| event["key"].as_str().unwrap().to_owned()));
        prop_assert_eq!(by_hand(Job::Pe, &lines, folder.path()), expected);
    }
}
