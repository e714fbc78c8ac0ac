//! Grouping, repeats, flapping, ends, corrections and missing data.
//!
//! The receiver's view is checked besides: over random lives it ends with what is true, and never hears of the end of what it
//! was not told of.

use super::*;
use std::collections::BTreeSet;

const OPS: &str = "[actions.ops]\ntype = 'webhook'\nurl = 'http://localhost/'\ngroup_wait = '1s'\ngroup_interval = '5s'\n\
    repeat_interval = '20s'\n";
const QUICK: &str = "[actions.ops]\ntype = 'log'\n";

pub(super) const STORIES: &[Story] = &[
    Story {
        name: "the first alert of a group waits for others, later ones for the next look",
        tables: OPS,
        happens: &[
            (2.2, &["fire page/api"]),
            (2.9, &["fire page/web"]),
            (4.0, &["fire page/db"]),
            (4.5, &["fire slow/api"]),
        ],
        until: 12.0,
        told: &[
            (3.0, 3.5, "firing page/api, firing page/web"),
            (5.4, 5.6, "firing slow/api"),
            (8.1, 8.3, "firing page/api, firing page/db, firing page/web"),
        ],
    },
    Story {
        name: "looks go on in step with the first one",
        tables: OPS,
        happens: &[(2.0, &["fire page/api"]), (10.5, &["fire page/web"])],
        until: 15.0,
        told: &[(3.0, 3.0, "firing page/api"), (13.0, 13.0, "firing page/api, firing page/web")],
    },
    Story {
        name: "what does not change is told again at the first look after the time for it",
        tables: OPS,
        happens: &[(1.0, &["fire page/api"]), (9.0, &["fire page/web"])],
        until: 60.0,
        told: &[
            (2.0, 2.0, "firing page/api"),
            (12.0, 12.0, "firing page/api, firing page/web"),
            (32.0, 32.0, "firing page/api, firing page/web"),
            (52.0, 52.0, "firing page/api, firing page/web"),
        ],
    },
    Story {
        name: "an end is told at the next look, once, and the group begins anew",
        tables: OPS,
        happens: &[
            (1.0, &["fire page/api", "fire page/web"]),
            (4.0, &["end page/api"]),
            (8.0, &["end page/web"]),
            (13.0, &["fire page/api 9"]),
        ],
        until: 15.0,
        told: &[
            (2.0, 2.0, "firing page/api, firing page/web"),
            (7.0, 7.0, "firing page/web, resolved page/api"),
            (12.0, 12.0, "resolved page/web"),
            (14.0, 14.0, "firing page/api"),
        ],
    },
    Story {
        name: "what ends before it was told is not told",
        tables: OPS,
        happens: &[(1.0, &["fire page/api"]), (1.5, &["end page/api"])],
        until: 60.0,
        told: &[],
    },
    Story {
        name: "what ends and fires again between two looks is no news",
        tables: OPS,
        happens: &[
            (1.0, &["fire page/api"]),
            (2.5, &["end page/api"]),
            (3.0, &["fire page/api 3"]),
            (4.0, &["end page/api 3"]),
            (5.0, &["fire page/api 5"]),
        ],
        until: 20.0,
        told: &[(2.0, 2.0, "firing page/api")],
    },
    Story {
        name: "without ends only what fires is told",
        tables: "[actions.ops]\ntype = 'webhook'\nurl = 'http://localhost/'\ngroup_interval = '5s'\nsend_resolved = false\n",
        happens: &[
            (1.0, &["fire page/api"]),
            (2.0, &["end page/api"]),
            (4.0, &["fire page/api 4"]),
            (7.0, &["end page/api 4"]),
            (20.0, &["fire page/api 20"]),
        ],
        until: 40.0,
        told: &[(1.0, 1.0, "firing page/api"), (20.0, 20.0, "firing page/api")],
    },
    Story {
        name: "at once means each change by itself, also of several at one moment",
        tables: QUICK,
        happens: &[
            (1.0, &["hold page/api", "fire page/api", "end page/api", "fire page/api 5"]),
            (2.0, &["end page/api 5", "fire slow/db"]),
        ],
        until: 3.0,
        told: &[
            (1.0, 1.0, "firing page/api"),
            (1.0, 1.0, "resolved page/api"),
            (1.0, 1.0, "firing page/api"),
            (2.0, 2.0, "resolved page/api"),
            (2.0, 2.0, "firing slow/db"),
        ],
    },
    Story {
        name: "alerts of one moment are told together without a wait",
        tables: "[actions.ops]\ntype = 'webhook'\nurl = 'http://localhost/'\n",
        happens: &[(1.0, &["fire page/api", "fire page/web", "fire page/db"])],
        until: 3.0,
        told: &[(1.0, 1.0, "firing page/api, firing page/db, firing page/web")],
    },
    Story {
        name: "of very many alerts some are left out and counted",
        tables: "[actions.ops]\ntype = 'webhook'\nurl = 'http://localhost/'\nmax_alerts = 2\n",
        happens: &[(1.0, &["fire page/api", "fire page/web", "fire page/db"])],
        until: 3.0,
        told: &[(1.0, 1.0, "firing page/api, firing page/db +1")],
    },
    Story {
        name: "what was told and never was is told as corrected, what was not told is not",
        tables: OPS,
        happens: &[
            (1.0, &["fire page/api"]),
            (3.0, &["correct page/api", "fire page/web"]),
            (3.5, &["correct page/web"]),
        ],
        until: 20.0,
        told: &[(2.0, 2.0, "firing page/api"), (7.0, 7.0, "corrected page/api")],
    },
    Story {
        name: "a correction that moves only the beginning is no news",
        tables: OPS,
        happens: &[
            (1.0, &["fire page/api 7"]),
            (3.0, &["fire page/api 5", "correct page/api 7"]),
            (11.0, &["end page/api 7"]),
        ],
        until: 20.0,
        told: &[(2.0, 2.0, "firing page/api")],
    },
    Story {
        name: "no data is told, is no end, and what is heard again is told too",
        tables: QUICK,
        happens: &[
            (1.0, &["fire page/api"]),
            (2.0, &["lose page/api"]),
            (3.0, &["fire page/api"]),
            (4.0, &["lose page/api"]),
            (5.0, &["end page/api"]),
        ],
        until: 6.0,
        told: &[
            (1.0, 1.0, "firing page/api"),
            (2.0, 2.0, "no_data page/api"),
            (3.0, 3.0, "firing page/api"),
            (4.0, 4.0, "no_data page/api"),
            (5.0, 5.0, "resolved page/api"),
        ],
    },
    Story {
        name: "what never fired and is heard again is over",
        tables: QUICK,
        happens: &[(1.0, &["lose page/api"]), (2.0, &["hold page/api 2"]), (3.0, &["fire page/api 2"])],
        until: 4.0,
        told: &[(1.0, 1.0, "no_data page/api"), (2.0, 2.0, "resolved page/api"), (3.0, 3.0, "firing page/api")],
    },
    Story {
        name: "who does not want to hear of no data hears of what was before",
        tables: "[actions.ops]\ntype = 'log'\nno_data = false\n",
        happens: &[
            (1.0, &["lose page/web"]),
            (2.0, &["fire page/api"]),
            (3.0, &["lose page/api"]),
            (4.0, &["end page/api"]),
        ],
        until: 6.0,
        told: &[(2.0, 2.0, "firing page/api"), (4.0, 4.0, "resolved page/api")],
    },
    Story {
        name: "pending is never told",
        tables: QUICK,
        happens: &[(1.0, &["hold page/api"]), (2.0, &["end page/api"])],
        until: 6.0,
        told: &[],
    },
];

#[test]
fn stories_are_told_as_they_are_expected() {
    tell(STORIES);
}

#[test]
fn at_the_end_of_the_input_what_waits_is_told_at_once() {
    let mut run = Run::new(&setup(OPS));
    run.happens((1.0, &["fire page/api"]));
    run.happens((3.0, &["end page/api", "fire page/web", "fire slow/web"]));
    let messages = run.router.finish(run.now);
    run.hear(messages);
    run.expect(
        "the end",
        &[
            (2.0, 2.0, "firing page/api"),
            (3.0, 3.0, "firing page/web, resolved page/api"),
            (3.0, 3.0, "firing slow/web"),
        ],
    );
    assert_eq!(run.router.finish(run.now), []);
}

#[test]
fn groups_go_by_labels_and_missing_ones_are_empty() {
    let mut run = Run::new(&setup(
        "[actions.ops]\ntype = 'webhook'\nurl = 'http://localhost/'\ngroup_by = ['service', 'team']\n",
    ));
    run.router
        .on_changes(
            0,
            &[
                change("page/api", Life::Firing, 0),
                change("slow/api", Life::Firing, 0),
                change("slow/db", Life::Firing, 0),
            ],
        )
        .iter()
        .zip([("{service=\"api\",team=\"\"}", 2), ("{service=\"db\",team=\"\"}", 1)])
        .for_each(|(message, (key, count))| {
            assert_eq!((message.group_key.as_str(), message.alerts.len()), (key, count))
        });
}

#[test]
fn nobody_is_told_who_is_not_named_and_each_once() {
    let setup = setup("[actions.ops]\ntype = 'log'\n[actions.dev]\ntype = 'log'\n");
    let mut router = Router::new(&setup);
    let mut one = change("page/api", Life::Firing, 0);
    one.notify = ["dev", "nobody", "dev", "log"].map(str::to_owned).to_vec();
    let messages = router.on_changes(0, &[one]);
    assert_eq!(messages.iter().map(|m| m.action.as_str()).collect::<Vec<_>>(), ["dev", "log"]);
    assert_eq!(router.unsent().len(), 2);
    messages.iter().for_each(|message| router.done(message.number));
    assert_eq!(router.unsent(), []);
}

/// What a receiver takes to fire after these messages; an end of what it does not know is a fault.
fn believes(told: &[(i64, String)], seed: u64) -> BTreeSet<String> {
    let mut known = BTreeSet::new();
    for (at, text) in told {
        for alert in text.split(", ") {
            let (state, name) = alert.split_once(' ').unwrap();
            if matches!(state, "firing" | "no_data") {
                known.insert(name.to_owned());
            } else {
                assert!(known.remove(name), "seed {seed}: {alert} at {at} ends what was not told: {told:?}");
            }
        }
    }
    known
}

#[test]
fn after_random_lives_the_receiver_knows_what_fires() {
    for seed in 0..400u64 {
        let mut random = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let mut draw = |n: u64| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (random >> 33) % n
        };
        let wait = ["0s", "1s", "3s"][draw(3) as usize];
        let interval = ["0s", "2s", "5s"][draw(3) as usize];
        let repeat = ["0s", "7s"][draw(2) as usize];
        let mut run = Run::new(&setup(&format!(
            "[actions.ops]\ntype = 'webhook'\nurl = 'http://localhost/'\ngroup_wait = '{wait}'\ngroup_interval = '{interval}'\n\
             repeat_interval = '{repeat}'\n"
        )));
        let names = ["page/api", "page/web", "slow/api"];
        let mut lives: [Option<u64>; 3] = [None; 3];
        for step in 0..40u64 {
            let which = draw(3) as usize;
            let what = match lives[which] {
                None => {
                    lives[which] = Some(step);
                    format!("fire {} {step}", names[which])
                }
                Some(life) => match draw(4) {
                    0 => format!("lose {} {life}", names[which]),
                    1 => format!("fire {} {life}", names[which]),
                    kind => {
                        lives[which] = None;
                        format!("{} {} {life}", if kind == 2 { "end" } else { "correct" }, names[which])
                    }
                },
            };
            run.happens((step as f64 * 0.7, &[&what]));
        }
        let messages = run.router.finish(run.now);
        run.hear(messages);
        let fires: BTreeSet<String> = (0..3).filter(|i| lives[*i].is_some()).map(|i| names[i].to_owned()).collect();
        assert_eq!(believes(&run.told, seed), fires, "seed {seed}: {:?}", run.told);
        assert_eq!(run.router.unsent(), []);
    }
}
