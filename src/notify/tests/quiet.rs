//! Inhibitions and silences.

use super::*;

pub(super) const STORIES: &[Story] = &[
    Story {
        name: "an alert keeps others of its service quiet while it fires",
        tables: "[actions.ops]\ntype = 'webhook'\nurl = 'http://localhost/'\ngroup_interval = '2s'\n\
            [inhibitions.i]\nsource = \"alert = 'page'\"\ntarget = \"severity = 'warning'\"\nequal = ['service']\n",
        happens: &[(1.0, &["fire page/api", "fire slow/api", "fire slow/web"]), (6.0, &["end page/api"])],
        until: 12.0,
        told: &[
            (1.0, 1.0, "firing page/api"),
            (1.0, 1.0, "firing slow/web"),
            (7.0, 7.0, "resolved page/api"),
            (7.0, 7.0, "firing slow/api, firing slow/web"),
        ],
    },
    Story {
        name: "what comes before its source is told, and what it is told of later waits",
        tables: "[actions.ops]\ntype = 'log'\n\
            [inhibitions.i]\nsource = \"alert = 'page'\"\ntarget = \"alert = 'slow'\"\nequal = ['service', 'team']\n",
        happens: &[
            (1.0, &["fire slow/api"]),
            (2.0, &["fire page/api"]),
            (3.0, &["end slow/api"]),
            (5.5, &["end page/api"]),
        ],
        until: 12.0,
        told: &[
            (1.0, 1.0, "firing slow/api"),
            (2.0, 2.0, "firing page/api"),
            (5.5, 5.5, "resolved page/api"),
            // The end was held back, and is told as soon as nothing keeps it quiet.
            (5.5, 6.5, "resolved slow/api"),
        ],
    },
    Story {
        name: "alerts that are source and target keep neither themselves nor each other quiet",
        tables: "[actions.ops]\ntype = 'log'\n\
            [inhibitions.i]\nsource = \"service IN ('api', 'web')\"\ntarget = \"severity = 'warning' AND service <> 'web'\"\n",
        happens: &[
            (1.0, &["fire slow/api", "fire late/api"]),
            (2.0, &["fire slow/db"]),
            (3.0, &["fire slow/web", "fire more/api"]),
        ],
        until: 12.0,
        told: &[(1.0, 1.0, "firing late/api"), (1.0, 1.0, "firing slow/api"), (3.0, 3.0, "firing slow/web")],
    },
    Story {
        name: "a source that is silenced or hears nothing keeps others quiet all the same",
        tables: "[actions.ops]\ntype = 'log'\n[silences.s]\nmatch = \"alert = 'page'\"\nuntil = 2030-01-01T00:00:00Z\n\
            [inhibitions.i]\nsource = \"alert = 'page'\"\ntarget = \"alert = 'slow'\"\n",
        happens: &[(1.0, &["fire page/api", "fire slow/api"]), (2.0, &["lose page/api"]), (8.0, &["correct page/api"])],
        until: 12.0,
        told: &[(8.0, 9.0, "firing slow/api")],
    },
    Story {
        name: "a silence holds from its beginning to its end, and what still fires then is told",
        tables: "[actions.ops]\ntype = 'webhook'\nurl = 'http://localhost/'\ngroup_by = '...'\ngroup_interval = '2s'\n[silences.s]\n\
            match = \"service = 'api'\"\nfrom = 1970-01-01T00:00:02Z\nuntil = 1970-01-01T00:00:10Z\n",
        happens: &[
            (1.0, &["fire page/api"]),
            (3.0, &["fire slow/api", "fire slow/web"]),
            (4.0, &["end page/api"]),
            (5.0, &["fire late/api"]),
            (7.0, &["end late/api"]),
        ],
        until: 20.0,
        told: &[
            (1.0, 1.0, "firing page/api"),
            (3.0, 3.0, "firing slow/web"),
            // It was told of before: so its end is, when the silence is over.
            (10.0, 12.0, "resolved page/api"),
            (10.0, 12.0, "firing slow/api"),
        ],
    },
    Story {
        name: "what is silenced is not repeated",
        tables: "[actions.ops]\ntype = 'webhook'\nurl = 'http://localhost/'\ngroup_interval = '1s'\nrepeat_interval = '3s'\n[silences.s]\n\
            match = \"service = 'api'\"\nfrom = 1970-01-01T00:00:05Z\nuntil = 1970-01-01T00:00:10Z\n",
        happens: &[(1.0, &["fire page/api"])],
        until: 12.5,
        told: &[(1.0, 1.0, "firing page/api"), (4.0, 4.0, "firing page/api"), (10.0, 10.5, "firing page/api")],
    },
];

#[test]
fn stories_are_told_as_they_are_expected() {
    tell(STORIES);
}

#[test]
fn what_is_kept_quiet_is_counted_once_an_alert() {
    let mut run = Run::new(&setup(
        "[actions.ops]\ntype = 'log'\n[silences.s]\nmatch = \"service = 'api'\"\nuntil = 1970-01-01T00:00:10Z\n\
         [inhibitions.i]\nsource = \"alert = 'page'\"\ntarget = \"alert = 'slow'\"\n",
    ));
    run.happens((1.0, &["fire page/api", "fire slow/web", "fire late/api"]));
    run.until(us(5.0));
    assert_eq!(run.router.kept()["ops"], Kept { silenced: 2, inhibited: 1 });
}

#[test]
fn who_looks_sees_what_is_kept_quiet_now_and_where_silences_stand() {
    let mut run = Run::new(&setup(
        "[actions.ops]\ntype = 'log'\n[silences.s]\nmatch = \"service = 'api'\"\nuntil = 1970-01-01T00:00:10Z\n\
         [inhibitions.i]\nsource = \"alert = 'page'\"\ntarget = \"alert = 'slow'\"\nequal = ['service']\n",
    ));
    run.happens((1.0, &["fire page/web", "fire slow/web", "fire slow/api"]));
    let muted = |run: &Run, alert: &str, at: f64| run.router.muted(&change(alert, Life::Firing, us(1.0)), us(at));
    assert_eq!(muted(&run, "page/web", 2.0), (false, false));
    assert_eq!(muted(&run, "slow/web", 2.0), (false, true));
    assert_eq!(muted(&run, "slow/api", 2.0), (true, false));
    assert_eq!(muted(&run, "slow/api", 10.0), (false, false));
    run.router.silence(silence("a", "alert = 'slow'", 100.0), run.now).unwrap();
    assert_eq!(muted(&run, "slow/web", 20.0), (true, true));
    run.happens((21.0, &["end page/web"]));
    assert_eq!(muted(&run, "slow/web", 22.0), (true, false));
    let all: Vec<(Origin, String)> = run.router.all_silences().into_iter().map(|(of, one)| (of, one.name)).collect();
    assert_eq!(all, [(Origin::Pipeline, "s".into()), (Origin::Added, "a".into())]);
}

fn silence(name: &str, matching: &str, until: f64) -> Silence {
    Silence {
        name: name.into(),
        matching: matching.into(),
        from: i64::MIN,
        until: us(until),
        comment: "deploy".into(),
        by: "ada".into(),
    }
}

#[test]
fn silences_are_added_listed_and_ended_while_it_runs() {
    let mut run = Run::new(&setup("[actions.ops]\ntype = 'log'\n"));
    run.until(us(1.0));
    run.router.silence(silence("a", "service = 'api'", 100.0), run.now).unwrap();
    run.router.silence(silence("a", "service = 'web'", 100.0), run.now).unwrap();
    run.router.silence(silence("b", "service = 'db'", 4.0), run.now).unwrap();
    assert_eq!(run.router.silence(silence("c", "service = 'db'", 1.0), run.now), Err(NotAdded::Over));
    assert!(matches!(run.router.silence(silence("c", "service =", 9.0), run.now), Err(NotAdded::Condition(_))));
    run.happens((2.0, &["fire page/api", "fire page/web", "fire page/db"]));
    assert_eq!(run.router.silences().iter().map(|one| one.name.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    run.until(us(6.0));
    assert!(run.router.expire("a") && !run.router.expire("b"));
    run.until(us(8.0));
    run.expect("added", &[(2.0, 2.0, "firing page/api"), (4.0, 5.0, "firing page/db"), (6.0, 7.0, "firing page/web")]);
}

#[test]
fn silences_of_a_file_take_the_place_of_those_before() {
    let file = |text: &str| read_silences("s.toml", text, &|_| None);
    let mut run = Run::new(&setup("[actions.ops]\ntype = 'log'\n"));
    run.router.replace_file(file("[silences.x]\nmatch = \"service = 'api'\"\nuntil = 2030-01-01T00:00:00Z\n").unwrap());
    run.happens((1.0, &["fire page/api", "fire page/web"]));
    run.router.replace_file(file("").unwrap());
    run.until(us(5.0));
    run.expect("file", &[(1.0, 1.0, "firing page/web"), (1.0, 2.0, "firing page/api")]);
    let wrong =
        file("[silences.x]\nmatch = \"lower(service)\"\nuntil = 2030-01-01T00:00:00Z\n").unwrap_err().to_string();
    assert!(wrong.contains("error[notify.condition]") && wrong.contains("s.toml:2"), "{wrong}");
}

#[test]
fn conditions_and_templates_that_are_wrong_are_all_reported_with_their_places() {
    let text = format!(
        "{PIPELINE}[actions.s]\ntype = 'slack'\nurl = 'http://h'\ntitle = 'a {{b'\ntext = '{{x:3}}'\n[actions.w]\ntype = 'webhook'\n\
         url = 'http://h'\nbody = {{ text = ['ok', '}}'] }}\n[actions.c]\ntype = 'command'\nprogram = 'p'\nargs = ['{{}}']\n\
         [inhibitions.i]\nsource = 'service ='\ntarget = '1 + 1'\n[silences.q]\nmatch = 'foo(a)'\nuntil = 2030-01-01T00:00:00Z\n"
    );
    let config = config::parse("p.toml", &text, &[], &|_| None).0.unwrap();
    let mut problems = Vec::new();
    Setup::compile(&config, &mut problems);
    let found: Vec<_> = problems.iter().map(|p| (p.code, p.line, p.column)).collect();
    assert_eq!(
        found,
        [
            ("notify.template", 10, Some(3)),
            ("notify.template", 11, Some(1)),
            ("notify.template", 15, None),
            ("notify.template", 19, Some(1)),
            ("expr.syntax", 21, problems[4].column),
            ("notify.condition", 22, None),
            ("expr.function", 24, Some(1)),
        ]
    );
    assert!(labels(&[("a", "b")]).contains_key("a"));
}
