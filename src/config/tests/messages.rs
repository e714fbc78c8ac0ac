//! The cases of `messages.txt`.

use super::*;

struct Case<'a> {
    head: Vec<&'a str>,
    answer: String,
}

fn cases(text: &str) -> (String, Vec<Case<'_>>) {
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

fn run(case: &Case<'_>) -> String {
    let marked = |mark: &str| -> Vec<String> {
        case.head[1..].iter().filter_map(|line| line.strip_prefix(mark)).map(str::to_owned).collect()
    };
    let old = marked("- ").join("\n");
    assert!(GOOD.contains(&old), "{old}");
    let variables = marked("% ");
    let env = |name: &str| {
        let pairs = variables.iter().filter_map(|pair| pair.split_once('='));
        pairs.into_iter().find(|(one, _)| *one == name).map(|(_, value)| value.to_owned())
    };
    let text = GOOD.replacen(&old, &marked("+ ").join("\n"), 1);
    parse("shop.toml", &text, &marked("$ "), &env).1.to_string()
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
    let text = format!("\n\n\n\n{}", GOOD.replace("size = \"60s\"", "size = \"60s\"\nslide = \"7s\""));
    assert_eq!(
        parse("shop.toml", &text, &[], &no_env).1.to_string(),
        "error[window.slide]: slide does not divide size\n  \
           --> shop.toml:14  windows.per_user.slide = \"7s\"\n  \
           help: size is 60s; use a slide that divides it, such as 5s or 10s"
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
slide = "3s"
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
            (15, "window.slide"),
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
