//! What is wrong with a pipeline of a program, as it is shown.

use super::*;

/// The problems of a pipeline as they are shown, with `tests.rs` for this file.
fn shown(pipeline: Pipeline) -> String {
    pipeline.check().unwrap_err().to_string().replace(file!(), "tests.rs")
}

fn counts() -> Window {
    Window::tumbling("5s").from("e").select("n", "count(*)")
}

#[test]
fn every_mistake_is_told_at_once_with_its_call_and_a_hint() {
    let line = line!();
    let pipeline = Pipeline::new("p")
        .source("e", Source::stdin().time("at", "sec").out_of_orderness("2"))
        .stream("s", Stream::from("ee").filter("lowr(a) = 'x'"))
        .window("w", Window::cumulating("60s", "7s").from("s").select("n", "cont(*)").select("name", "count(*)"))
        .window("w", counts());
    let place = |down: u32, call: &str| format!("  --> tests.rs:{}  {call}\n", line + down);
    let text = shown(pipeline);
    for (down, call, code, help) in [
        (2, "sources.e.time(\"at\", \"sec\")", "config.value", "unit is one of"),
        (2, "sources.e.out_of_orderness(\"2\")", "config.span", ""),
        (3, "streams.s.from([\"ee\"])", "config.from", "did you mean e?"),
        (3, "streams.s.filter(\"lowr(a) = 'x'\")", "expr.function", "did you mean lower(text)?"),
        (4, "windows.w.cumulating(\"60s\", \"7s\")", "window.step", "size is"),
        (4, "windows.w.select(\"n\", \"cont(*)\")", "expr.function", "did you mean count?"),
        (4, "windows.w.select(\"name\", \"count(*)\")", "window.reserved", "such as name_value"),
        (5, "window(\"w\")", "config.name", "rename one; a window has the name in tests.rs:"),
    ] {
        let at = text.find(&place(down, call)).unwrap_or_else(|| panic!("{call} is not in\n{text}"));
        let before = text[..at].rfind("error[").unwrap();
        assert!(text[before..].starts_with(&format!("error[{code}]")), "{call}: {}", &text[before..]);
        let end = text[at..].find("\nerror[").map_or(text.len(), |end| at + end);
        assert!(text[at..end].contains(help), "{call}: {}", &text[at..end]);
    }
}

#[test]
fn a_pipeline_without_a_source_and_values_that_are_said_twice_are_problems() {
    let text = shown(Pipeline::new("p"));
    assert!(text.starts_with("error[config.required]: the pipeline has no source\n  --> tests.rs:"), "{text}");
    assert!(text.contains(".source(\"events\", Source::stdin())"), "{text}");
    let twice = Pipeline::new("p")
        .source("e", Source::stdin())
        .window("w", counts().allowed_lateness("1s").allowed_lateness("2s"));
    let text = shown(twice);
    assert!(text.starts_with("error[config.duplicate]: allowed_lateness is said twice\n"), "{text}");
    assert!(text.contains("windows.w.allowed_lateness(\"2s\")"), "{text}");
}

#[test]
fn a_key_that_is_not_known_and_a_key_of_another_kind_are_problems() {
    let with = |source: Source| shown(Pipeline::new("p").source("e", source).window("w", counts()));
    let text = with(Source::stdin().with("idle_aftr", "1s"));
    assert!(text.contains("a source of type stdin has no key 'idle_aftr'"), "{text}");
    assert!(text.contains("did you mean idle_after?"), "{text}");
    let text = with(Source::lines(["{}"]).with("path", "x"));
    assert!(text.contains("'path' is a key of a source of type file"), "{text}");
    // The words by which the reader tells the program's own parts are no words of a file.
    assert!(with(Source::of_type("program")).contains("type cannot be 'program'"));
}

#[test]
fn what_can_run_but_is_odd_is_a_warning() {
    let pipeline =
        Pipeline::new("p").source("e", Source::stdin()).source("f", Source::lines(["{}"])).window("w", counts());
    let warnings = pipeline.check().unwrap();
    assert_eq!(warnings.iter().map(|w| w.code).collect::<Vec<_>>(), ["config.unused"]);
}

#[test]
fn who_logs_in_to_the_server_of_a_table_is_shown_nowhere() {
    let pipeline = Pipeline::from_toml("p.toml", "[sources.e]\ntype = \"stdin\"\n")
        .table("a", Table::postgres("ftp://me:hunter2@h", "users", "id"))
        .table("b", Table::postgres_query("postgres://me:hunter2@h", "SELECT 1", "id").timeout("1"))
        .table("c", Table::redis("redis://:hunter2@h", "x", "id").with("url", "redis://:hunter2@h"))
        .table("d", Table::redis_hash("nothing:hunter2", "x", "id").mode("both").cache(0).cache_for("1d"));
    let text = pipeline.config().unwrap_err().to_string();
    for problem in [
        "error[table.url]: this is not an address of postgres",
        "tables.a.postgres(\"***\", \"users\", [\"id\"])",
        "tables.c.with(\"url\", \"***\")",
        "tables.d.redis_hash(\"***\", \"x\", [\"id\"])",
        "tables.d.mode(\"both\")",
        "cache must be at least 1",
        "error[table.match]",
    ] {
        assert!(text.contains(problem), "{text}\n\n{problem}");
    }
    assert!(!text.contains("hunter2"), "{text}");
}
