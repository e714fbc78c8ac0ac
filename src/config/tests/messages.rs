//! The cases of `messages.txt`.

use super::*;

pub(super) struct Case<'a> {
    pub(super) head: Vec<&'a str>,
    pub(super) answer: String,
}

pub(super) fn cases(text: &str) -> (String, Vec<Case<'_>>) {
    let mut blocks = text.split("\n=== ");
    let intro = blocks.next().unwrap().to_owned();
    let cases = blocks.map(|block| {
        let lines: Vec<&str> = block.trim_end().lines().collect();
        let is_head =
            |(i, line): (usize, &&str)| i == 0 || ["- ", "+ ", "$ ", "% "].iter().any(|mark| line.starts_with(mark));
        let split = lines.iter().enumerate().take_while(|at| is_head(*at)).count();
        Case { head: lines[..split].to_vec(), answer: lines[split..].join("\n") }
    });
    (intro, cases.collect())
}

fn marked(case: &Case<'_>, mark: &str) -> Vec<String> {
    case.head[1..].iter().filter_map(|line| line.strip_prefix(mark)).map(str::to_owned).collect()
}

/// The file of a case.
pub(super) fn text_of(case: &Case<'_>) -> String {
    let old = marked(case, "- ").join("\n");
    assert!(GOOD.contains(&old), "{old}");
    GOOD.replacen(&old, &marked(case, "+ ").join("\n"), 1)
}

fn run(case: &Case<'_>) -> String {
    let variables = marked(case, "% ");
    let env = |name: &str| {
        let pairs = variables.iter().filter_map(|pair| pair.split_once('='));
        pairs.into_iter().find(|(one, _)| *one == name).map(|(_, value)| value.to_owned())
    };
    parse("shop.toml", &text_of(case), &marked(case, "$ "), &env).1.to_string()
}

#[test]
fn problems_read_as_written_down() {
    let (intro, cases) = cases(include_str!("messages.txt"));
    assert!(cases.len() > 40);
    if std::env::var_os("REWRITE").is_some() {
        let blocks: Vec<String> =
            cases.iter().map(|case| format!("\n=== {}\n{}\n", case.head.join("\n"), run(case))).collect();
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/src/config/tests/messages.txt");
        std::fs::write(path, format!("{intro}{}", blocks.concat())).unwrap();
        return;
    }
    for case in &cases {
        assert_eq!(run(case), case.answer, "{}", case.head[0]);
        assert!(!case.answer.is_empty(), "{}", case.head[0]);
    }
}

#[test]
fn the_message_of_the_house_style_is_given_to_the_letter() {
    let text = format!("\n\n\n\n{}", GOOD.replace("size = \"60s\"", "size = \"60s\"\nstep = \"7s\""));
    assert_eq!(
        parse("shop.toml", &text, &[], &no_env).1.to_string(),
        "error[window.step]: step does not divide size\n  \
           --> shop.toml:14  windows.per_user.step = \"7s\"\n  \
           help: size is 60s; use a step that divides it, such as 5s or 10s"
    );
}

#[test]
fn problems_when_there_are_many_come_all_at_once_in_the_order_of_lines() {
    let text = r#"
nam = "x"
[sources.events]
type = "fil"
out_of_orderness = 5
[sources.more]
type = "generate"
events = "many"
[streams.a]
from = "event"
where = 5
[windows.w]
from = "a"
size = "10s"
step = "3s"
select = { name = "count(*)", x = 1 }
[sinks.s]
type = "file"
from = ["w", "v"]
path = "out.txt"
"#;
    let (config, problems) = parse("shop.toml", text, &["run.tock=1s".into()], &no_env);
    let found: Vec<(usize, &str)> = problems.list.iter().map(|problem| (problem.line, problem.code)).collect();
    assert_eq!(
        found,
        [
            (0, "config.key"),
            (2, "config.key"),
            (4, "config.value"),
            (5, "config.type"),
            (8, "config.type"),
            (10, "config.from"),
            (11, "config.type"),
            (15, "window.step"),
            (16, "config.type"),
            (16, "window.reserved"),
            (19, "config.from"),
            (20, "sink.path"),
            (20, "sink.path"),
        ]
    );
    // What could be read is there, so that SQL can be checked too.
    let config = config.unwrap();
    assert_eq!(config.windows[0].select[0].1.text, "windows.w.select.name = \"count(*)\"");
}

#[test]
fn a_window_takes_64_values_and_no_more() {
    for (count, said) in [(64, None), (65, Some("select has 65 values, more than 64"))] {
        let flags: Vec<String> = (1..count).map(|i| format!("windows.per_user.select.v{i}=max(a)")).collect();
        let problems = parse("shop.toml", GOOD, &flags, &no_env).1;
        assert_eq!(problems.list.first().map(|problem| problem.message.as_str()), said);
    }
}

#[test]
fn spans_of_a_window_that_do_not_fit_together_are_told_with_what_to_do() {
    for (spans, said, help) in [
        ("", "a window needs size, gap or global", "gap = \"30s\" for a session"),
        ("global = '5s'\nslide = '10s'", "slide is not for a global window", "one window over all of time"),
        ("global = '5s'\ntoo_late = 'x'", "too_late is not for a global window", "no event is too late"),
        ("gap = '5s'\nsize = '10s'", "size is not for a session", "remove one"),
        ("gap = '5s'\noffset = '1s'", "offset is not for a session", "remove it"),
        ("gap = '5s'\ntime_zone = 'UTC'", "time_zone is not for a session", "remove it"),
        ("size = '10s'\nslide = '5s'\nstep = '1s'", "step is for windows without slide", "remove one"),
        ("size = '10s'\nstep = '20s'", "step is longer than size", "size is 10s"),
        ("size = '1d'\nstep = '1ms'", "every event would be in up to 86400000 windows, more than 100000", "at least"),
        ("size = '1d'\nslide = '1ms'", "every event would be in 86400000 windows, more than 100000", "at least"),
        ("size = '10s'\nslide = '5s'\noffset = '7s'", "offset is not less than slide (5s)", "offset = \"2s\""),
        ("size = '10s'\nstep = '5s'\noffset = '10s'", "offset is not less than size (10s)", "offset = \"0s\""),
        ("size = '1d'\ntime_zone = 'Europe/Berln'", "there is no such time zone", "did you mean Europe/Berlin?"),
        ("size = '36h'\ntime_zone = 'UTC'", "size is not whole days, which time_zone counts", "size = \"1d\""),
        (
            "size = '2d'\nstep = '48h'\noffset = '3h'\ntime_zone = 'UTC'",
            "offset is not whole days, which time_zone counts",
            "whole days",
        ),
        (
            "size = '3d'\nstep = '36h'\ntime_zone = 'UTC'",
            "step is not whole days, which time_zone counts",
            "whole days",
        ),
    ] {
        let problems = parse("x.toml", &GOOD.replace("size = \"60s\"", spans), &[], &no_env).1;
        let found: Vec<_> =
            problems.list.iter().filter(|p| p.code.starts_with("window.") || p.code == "config.required").collect();
        assert_eq!(found.len(), 1, "{spans}: {problems}");
        assert_eq!(found[0].message, said);
        assert!(found[0].help.as_ref().is_some_and(|h| h.contains(help)), "{spans}: {:?}", found[0].help);
    }
    for spans in [
        "gap = '5s'",
        "global = '5s'\noffset = '1s'",
        "size = '10s'\nearly = '3s'\nearly_clock = 'wall'",
        "size = '10s'\nstep = '5s'\nearly = '7s'\nearly_clock = 'wall'",
        "size = '10s'\nslide = '4s'\nearly = '2s'",
        "size = '7d'\ntime_zone = 'UTC'\nearly = '6h'",
        "size = '10s'\nslide = '3s'",
        "size = '3s'\nslide = '10s'\noffset = '9s'",
        "size = '7d'\nstep = '1d'\noffset = '4d'\ntime_zone = 'America/New_York'",
        "size = '1d'\nstep = '1h'\ntime_zone = 'UTC'",
    ] {
        assert_eq!(parse("x.toml", &GOOD.replace("size = \"60s\"", spans), &[], &no_env).1.to_string(), "");
    }
}
