//! Each story, cut at every moment: what was written down as JSON goes on in a new router as if nothing had been.

use super::*;

fn again(run: &Run, setup: &Setup) -> Run {
    let written = serde_json::to_string(&run.router.snapshot()).unwrap();
    let mut router = Router::new(setup);
    router.restore(serde_json::from_str(&written).unwrap());
    assert_eq!(router.next_wake(), run.router.next_wake());
    assert_eq!(serde_json::to_string(&router.snapshot()).unwrap(), written, "the same state is written the same");
    Run { router, now: run.now, told: run.told.clone() }
}

#[test]
fn a_router_goes_on_from_its_state_at_every_moment() {
    for story in stories::STORIES.iter().chain(quiet::STORIES) {
        let setup = setup(story.tables);
        for cut in 0..=story.happens.len() {
            let mut run = Run::new(&setup);
            for (i, what) in story.happens.iter().enumerate() {
                if i == cut {
                    run = again(&run, &setup);
                }
                run.happens(*what);
            }
            let mut run = if cut == story.happens.len() { again(&run, &setup) } else { run };
            run.until(us(story.until));
            run.expect(&format!("{}, cut before {cut}", story.name), story.told);
        }
    }
}

#[test]
fn messages_that_are_not_known_to_be_sent_and_added_silences_are_in_the_state() {
    let setup = setup("[actions.ops]\ntype = 'log'\n");
    let mut router = Router::new(&setup);
    let sent = router.on_changes(5, &[change("page/api", Life::Firing, 0), change("page/web", Life::Firing, 0)]);
    router.done(sent[0].number);
    let silence = Silence {
        name: "a".into(),
        matching: "service = 'db'".into(),
        from: 0,
        until: us(50.0),
        comment: String::new(),
        by: String::new(),
    };
    router.silence(silence.clone(), 5).unwrap();
    let state = router.snapshot();
    let mut next = Router::new(&setup);
    next.restore(serde_json::from_str(&serde_json::to_string(&state).unwrap()).unwrap());
    assert_eq!(next.unsent(), [Arc::clone(&sent[1])]);
    assert_eq!(next.silences(), [silence]);
    let more = next.on_changes(6, &[change("page/db", Life::Firing, 0), change("late/x", Life::Firing, 0)]);
    assert_eq!(more.iter().map(|message| message.number).collect::<Vec<_>>(), [3], "numbers go on");
    // What is told to nobody any more is let go.
    let mut other = Router::new(&super::setup("[actions.dev]\ntype = 'log'\n"));
    other.restore(state);
    assert_eq!((other.unsent().len(), other.next_wake()), (0, None));
}

#[test]
fn settings_may_change_over_a_restart_and_who_was_told_hears_of_the_end() {
    let by = |labels: &str| {
        setup(&format!(
            "[actions.ops]\ntype = 'webhook'\nurl = 'http://localhost/'\ngroup_by = {labels}\ngroup_interval = '5s'\n\
             repeat_interval = '20s'\n[actions.dev]\ntype = 'log'\n"
        ))
    };
    let mut run = Run::new(&by("['service']"));
    run.happens((1.0, &["fire page/api", "fire slow/api", "fire slow/web"]));
    let mut router = Router::new(&by("['alert']"));
    router.restore(run.router.snapshot());
    let mut run = Run { router, now: run.now, told: Vec::new() };
    run.happens((2.0, &["end slow/api"]));
    run.until(us(3.0));
    run.expect("nothing is told twice, and looks go on in step", &[]);
    // The rule names another action now.
    let mut end = change("page/api", Life::Resolved, 0);
    end.notify = vec!["dev".into()];
    run.now = us(4.0);
    let told = run.router.on_changes(run.now, &[end]);
    assert_eq!(told, []);
    run.until(us(27.0));
    run.expect(
        "what is over is told to whom it was told, and the rest is repeated",
        &[
            (6.0, 6.0, "resolved page/api"),
            (6.0, 6.0, "firing slow/web, resolved slow/api"),
            (26.0, 26.0, "firing slow/web"),
        ],
    );
}
