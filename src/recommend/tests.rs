//! Small stories, computed by hand, of each of the three machines.

use super::*;
use crate::event::{Cell, Origin, Value, key};
use crate::result::RowBatch;

fn rules() -> Rules {
    Rules {
        within: 30,
        lateness: 20,
        most: 100,
        fading: Fading::new(None, 10, 1_000),
        n: 2,
        min_times: 1,
        users: Some(UserRules { n: 2, recent: 2, keep: 100 }),
    }
}

fn name(text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    key::encode(Cell::str(0, text.len() as u32), text.as_bytes(), &mut bytes);
    bytes
}

fn text(bytes: &[u8]) -> String {
    match key::decode(bytes) {
        Some((Value::Str(text), _)) => String::from_utf8_lossy(text).into_owned(),
        other => panic!("{other:?}"),
    }
}

/// Sightings as user, item, time, tick; gives the pairs as `item other time weight`.
fn pairs(seen: &mut Seen, list: &[(u64, &str, i64, i64)]) -> Vec<String> {
    let mut found = Vec::new();
    for (i, (user, item, time, tick)) in list.iter().enumerate() {
        let origin = Origin { time: *time, partition: 0, position: i as u64 };
        let item = name(item);
        let sighting = Sighting { user: (*user, 0), origin, tick: *tick, item: &item, weight: 1.5 };
        seen.take(&sighting, &mut |pair| {
            found.push(format!("{} {} {} {}", text(pair.item), text(pair.other), pair.time, pair.weight));
        });
    }
    found
}

#[test]
fn two_sightings_of_a_user_are_a_pair_for_either_item_where_they_are_near_and_differ() {
    let mut seen = Seen::new(&rules());
    let list = [(1, "a", 0, -9), (2, "b", 5, -9), (1, "c", 30, 20), (1, "a", 31, 20), (1, "d", 62, 50)];
    assert_eq!(pairs(&mut seen, &list), ["c a 30 2.25", "a c 30 2.25", "a c 31 2.25", "c a 31 2.25"]);
    // A late one finds what is before and behind it; 21 late is too late.
    let found = pairs(&mut seen, &[(1, "e", 32, 52), (1, "f", 32, 53)]);
    assert_eq!(found, ["e c 32 2.25", "c e 32 2.25", "e a 32 2.25", "a e 32 2.25", "e d 62 2.25", "d e 62 2.25"]);
    let counts = seen.count();
    assert_eq!((counts.late, counts.too_late, counts.left_out), (1, 1, 0));
}

#[test]
fn of_many_sightings_the_nearest_are_put_together_and_the_rest_is_counted() {
    let mut seen = Seen::new(&Rules { most: 1, ..rules() });
    let found = pairs(&mut seen, &[(1, "a", 0, -9), (1, "b", 1, -9), (1, "c", 2, -9), (1, "d", 1, 5)]);
    assert_eq!(
        found,
        [
            "b a 1 2.25",
            "a b 1 2.25",
            "c b 2 2.25",
            "b c 2 2.25",
            "d b 1 2.25",
            "b d 1 2.25",
            "d c 2 2.25",
            "c d 2 2.25"
        ]
    );
    // Of c's two the farther one; the others had no more, as a had left by then.
    assert_eq!(seen.count().left_out, 1);
    // What is the same item is looked at all the same.
    let mut seen = Seen::new(&Rules { most: 1, ..rules() });
    assert_eq!(pairs(&mut seen, &[(1, "a", 0, -9), (1, "b", 1, -9), (1, "b", 2, -9)]).len(), 2);
}

#[test]
fn sightings_leave_when_nothing_can_be_near_them_and_memory_goes_with_them() {
    let mut seen = Seen::new(&rules());
    for time in 0..1_000 {
        pairs(&mut seen, &[((time / 7) as u64, "a", time, time - 9)]);
    }
    seen.advance(Some(1_000));
    // Those of the last 50, and at most a stretch of 3 more.
    assert!((7..=9).contains(&seen.users()), "{}", seen.users());
    let held = seen.bytes();
    seen.advance(None);
    assert!(held > 0 && seen.is_empty() && seen.bytes() == 0, "{}", seen.bytes());
}

/// Rows as `op end name name values revision`.
fn show(rows: &RowBatch) -> Vec<String> {
    let mut list: Vec<_> = rows.iter().collect();
    list.sort_by(|a, b| a.order(b));
    let show = |row: &crate::result::RowRef<'_>| {
        let names: Vec<String> = row.dimensions().map(|value| format!("{value:?}")).collect();
        assert_eq!(names.len(), 2);
        let (first, second) = (text(row.key), text(&row.key[name(&text(row.key)).len()..]));
        let values: Vec<String> = row.values().map(|value| value.as_f64().unwrap().to_string()).collect();
        let h = row.head;
        format!("{}{} {first} {second} {} r{}", h.op.sign(), h.window_end, values.join(" "), h.revision)
    };
    list.iter().map(show).collect()
}

fn add(lists: &mut Lists, fading: &Fading, moment: i64, item: &str, other: &str, time: i64, weight: f64) {
    lists.mark(moment);
    let stretch = fading.stretch_of(time);
    lists.pair(moment, &name(item), &name(other), stretch, fading.weigh(time, weight));
}

fn said(lists: &mut Lists, frontier: Option<i64>) -> Vec<String> {
    let mut all = Vec::new();
    lists.advance(frontier, &mut |_, said| all.extend(show(&said.rows)));
    all
}

#[test]
fn an_item_has_its_first_others_and_says_what_changes_of_them_and_no_more() {
    let (rules, mut lists) = (rules(), Lists::new(&rules(), 0));
    let fading = &rules.fading;
    add(&mut lists, fading, 10, "a", "b", 3, 1.0);
    add(&mut lists, fading, 10, "a", "c", 4, 1.0);
    add(&mut lists, fading, 10, "a", "d", 4, 0.5);
    add(&mut lists, fading, 20, "a", "c", 12, 1.0);
    assert_eq!(said(&mut lists, Some(9)), [""; 0]);
    // Of equals the lesser one is first.
    assert_eq!(said(&mut lists, Some(10)), ["+10 a b 1 1 1 r0", "+10 a c 1 1 2 r0"]);
    assert_eq!(lists.next_moment(), Some(20));
    assert_eq!(
        said(&mut lists, Some(20)),
        ["-10 a b 1 1 1 r0", "-10 a c 1 1 2 r0", "+20 a b 1 1 2 r1", "+20 a c 2 2 1 r1"]
    );
    // d is now before b, which begins again when it is back.
    add(&mut lists, fading, 30, "a", "d", 25, 1.0);
    assert_eq!(said(&mut lists, Some(30)), ["-20 a b 1 1 2 r1", "+30 a d 2 1.5 2 r0"]);
    add(&mut lists, fading, 40, "a", "b", 25, 1.0);
    assert_eq!(
        said(&mut lists, None),
        ["-20 a c 2 2 1 r1", "-30 a d 2 1.5 2 r0", "+40 a b 2 2 1 r0", "+40 a c 2 2 2 r2"]
    );
    let counted = lists.count();
    assert_eq!((counted.rows, counted.corrections), (4, 5));
}

#[test]
fn others_that_were_seen_too_seldom_are_left_out_and_those_not_seen_for_long_leave_when_something_is_seen() {
    let rules = Rules { min_times: 2, ..rules() };
    let (mut lists, fading) = (Lists::new(&rules, 0), &rules.fading);
    add(&mut lists, fading, 10, "a", "b", 3, 1.0);
    add(&mut lists, fading, 30, "a", "b", 29, 1.0);
    assert_eq!(said(&mut lists, Some(30)), ["+30 a b 2 2 1 r0"]);
    // Stretches are 20 long: the first pair counts until 20 + 1000.
    lists.mark(1_010);
    assert_eq!(said(&mut lists, Some(1_500)), [""; 0]);
    lists.mark(1_020);
    assert_eq!(said(&mut lists, Some(1_500)), ["-30 a b 2 2 1 r0"]);
    assert_eq!(lists.items(), 1);
    // What comes when its stretch has left is no part of anything.
    add(&mut lists, fading, 1_100, "a", "b", 39, 1.0);
    assert_eq!((said(&mut lists, None), lists.items(), lists.bytes()), (vec![], 0, 0));
}

/// Lists go from one machine to the other.
fn tell(lists: &mut Lists, users: &mut Users) {
    lists.advance(None, &mut |moment, said| {
        users.mark(moment);
        said.lists.iter().for_each(|row| assert!(users.list(moment, row.key, row.values)));
    });
}

fn stated(users: &mut Users, frontier: i64) -> Vec<String> {
    let mut all = Vec::new();
    users.advance(&|moment| moment <= frontier, &mut |_, rows| all.extend(show(rows)));
    all
}

#[test]
fn a_user_gets_what_stands_in_the_lists_of_what_it_saw_last_and_is_none_of_it() {
    let (mut lists, rules) = (Lists::new(&rules(), 0), rules());
    let (mut users, fading) = (Users::new(&rules, 1).unwrap(), &rules.fading);
    for (item, other, weight) in [("a", "b", 4.0), ("a", "c", 1.0), ("b", "a", 4.0), ("b", "c", 2.0), ("c", "d", 3.0)] {
        add(&mut lists, fading, 10, item, other, 5, weight);
    }
    tell(&mut lists, &mut users);
    users.saw(10, &name("u"), &name("a"), 5);
    users.saw(20, &name("u"), &name("b"), 15);
    assert_eq!(stated(&mut users, 10), ["+10 u b 4 1 r0", "+10 u c 1 2 r0"]);
    // It has seen b now, and c stands in both lists.
    assert_eq!(stated(&mut users, 20), ["-10 u b 4 1 r0", "-10 u c 1 2 r0", "+20 u c 3 1 r1"]);
    // A third item takes the place of the first; an older sighting of one that it has seen since changes nothing.
    users.saw(30, &name("u"), &name("c"), 25);
    users.saw(30, &name("u"), &name("b"), 1);
    assert_eq!(stated(&mut users, 30), ["-20 u c 3 1 r1", "+30 u a 4 1 r0", "+30 u d 3 2 r0"]);
    // One of its lists changes; the others' do not matter.
    add(&mut lists, fading, 40, "c", "d", 35, 2.0);
    add(&mut lists, fading, 50, "a", "b", 35, 2.0);
    tell(&mut lists, &mut users);
    assert_eq!(stated(&mut users, 50), ["-30 u a 4 1 r0", "-30 u d 3 2 r0", "+40 u a 4 2 r1", "+40 u d 5 1 r1"]);
    // b was seen at 15 and c at 25; each is kept for 100. What c's list says stays the same.
    users.mark(110);
    assert_eq!(stated(&mut users, 110), [""; 0]);
    users.mark(120);
    assert_eq!(stated(&mut users, 120), ["-40 u a 4 2 r1"]);
    users.mark(200);
    assert_eq!((stated(&mut users, 200), users.users()), (vec!["-40 u d 5 1 r1".to_owned()], 0));
}

#[test]
fn a_damaged_list_is_none() {
    let mut users = Users::new(&rules(), 1).unwrap();
    assert!(users.list(10, &name("a"), &[]));
    assert!(!users.list(10, &name("a"), &[1, 0, 0]));
    assert!(!users.list(10, &name("a"), &[200, 0, 0, 0, 1, 2, 3]));
}
