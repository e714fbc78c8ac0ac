//! The builder against files, key by key and as plans; wrong calls and their places; runs of the program's own events.

mod closures;
mod keys;
mod patterns;
mod problems;
mod runs;

use super::*;
use crate::config::{self, Config};
use crate::plan::{compile, explain_json};

/// A file's settings that have no problem.
fn of_file(text: &str) -> Config {
    let (config, problems) = config::parse("p.toml", text, &[], &|_| None);
    assert!(!problems.has_errors(), "{problems}\n{text}");
    config.expect("there was no problem")
}

/// Settings as text without their places.
fn bare(config: &Config) -> String {
    let config = Config { file: String::new(), warnings: Vec::new(), ..config.clone() };
    let places = regex::Regex::new(r#"line: \d+|text: "(?:[^"\\]|\\.)*""#).unwrap();
    places.replace_all(&format!("{config:?}"), "").into_owned()
}

#[test]
fn a_file_and_a_builder_that_say_the_same_make_one_plan() {
    let text = r#"
        name = "shop"
        run = { tick = "1s", max_inflight = "32MiB", max_drift = "2m" }
        [sources.events]
        type = "file"
        path = ["a.csv", "b.csv"]
        format = "csv"
        header = false
        columns = ["at", "user_id", "event_type", "data.page"]
        delimiter = ";"
        quote = "'"
        null = "NA"
        types = { user_id = "int", "data.page" = "text" }
        time = { field = "at", unit = "ms" }
        out_of_orderness = "2s"
        idle_after = "30s"
        on_bad = "stop"
        dead_letters = "out/bad.ndjson"
        max_line = "64KiB"
        rate_limit = "1000/s"
        as_one = true
        compression = "none"
        follow = true
        [sources.made]
        type = "generate"
        events = 5000
        seed = 7
        rate = 500.0
        disorder = 0.1
        max_delay = "3s"
        late = 0.05
        bad = 0.01
        users = 50
        pages = 8
        partitions = 3
        start = "2026-01-05T12:00:00Z"
        pace = "real-time"
        [sources.log]
        type = "stdin"
        format = "lines"
        pattern = '^(?<timestamp>\S+) (?<level>[A-Z]+)'
        [streams.actions]
        from = ["events", "made"]
        where = "event_type = 'user_action'"
        sample = 0.5
        set = { segment = "coalesce(tags.user_type, 'unknown')", "long" = "length(data.page) > 10" }
        dedup = { by = "event_id", within = "10m" }
        [streams.rest]
        from = ["made", "events"]
        rest_of = "actions"
        sample = { rate = 0.25, by = "user_id", seed = 3 }
        [windows.pages]
        from = ["actions", "rest"]
        size = "10s"
        slide = "5s"
        offset = "1s"
        allowed_lateness = "1m"
        early = "1s"
        group_by = { segment = "segment", page = "coalesce(data.page, 'unknown')" }
        select = { n = "count(*)", p95 = "percentile(data.duration, 0.95)" }
        pre_aggregate = "never"
        [windows.days]
        from = "log"
        size = "1d"
        step = "12h"
        time_zone = "Europe/Berlin"
        select = { n = "count(*)" }
        [windows.visits]
        from = "made"
        gap = "90s"
        too_late = "out/late.ndjson"
        select = { n = "count(*)" }
        [windows.users]
        from = "made"
        global = "10s"
        max_groups = 100
        group_by = { user = "user_id" }
        select = { n = "count(*)" }
        [patterns.funnel]
        from = ["events", "made"]
        key = "coalesce(session_id, user_id)"
        match = "view -> cart+ -> buy"
        within = "5m"
        within_step = "1m"
        skip = "to_first(cart)"
        timed_out = true
        allowed_lateness = "30s"
        max_partial_matches = 500
        event_id = "event_id"
        events = "full"
        define = { view = "data.action = 'view_product'", cart = "data.price > avg(view.data.price)", "buy" = "data.type = 'purchase'" }
        select = { user = "first(view.user_id)", carts = "count(cart)" }
        [patterns.types]
        from = "made"
        match = ["user_action", "transaction"]
        type_field = "data.kind"
        within_step = { transaction = "10s" }
        events = "none"
        [patterns.preferred]
        from = "made"
        match = "a, b"
        mode = "row"
        [sinks.out]
        type = "file"
        path = "out/{name}.rows"
        format = "csv"
        from = ["pages", "days", "funnel"]
        times = "unix_ms"
        mode = "first"
        [sinks.screen]
        type = "stdout"
        from = "visits"
        format = "json"
    "#;
    let built = Pipeline::new("shop")
        .tick("1s")
        .max_inflight("32MiB")
        .max_drift(std::time::Duration::from_secs(120))
        .source(
            "events",
            Source::file(["a.csv", "b.csv"])
                .format("csv")
                .header(false)
                .columns(vec!["at", "user_id", "event_type", "data.page"])
                .delimiter(";")
                .quote("'")
                .null("NA")
                .field_type("user_id", "int")
                .field_type("data.page", "text")
                .time("at", "ms")
                .out_of_orderness("2s")
                .idle_after(crate::time::Span(30_000_000))
                .on_bad("stop")
                .dead_letters("out/bad.ndjson")
                .max_line("64KiB")
                .rate_limit("1000/s")
                .as_one(true)
                .compression("none")
                .follow(true),
        )
        .source(
            "made",
            Source::generate()
                .count(5000)
                .seed(7)
                .rate(500.0)
                .disorder(0.1)
                .max_delay("3s")
                .late(0.05)
                .bad(0.01)
                .users(50)
                .pages(8)
                .partitions(3)
                .start("2026-01-05T12:00:00Z")
                .pace("real-time"),
        )
        .source("log", Source::stdin().format("lines").pattern(r"^(?<timestamp>\S+) (?<level>[A-Z]+)"))
        .stream(
            "actions",
            Stream::from(["events", "made"])
                .filter("event_type = 'user_action'")
                .sample(0.5)
                .field("segment", "coalesce(tags.user_type, 'unknown')")
                .field("long", "length(data.page) > 10")
                .dedup("event_id", "10m"),
        )
        .stream("rest", Stream::from(vec!["made", "events"]).rest_of("actions").sample_by(0.25, "user_id", 3))
        .window(
            "pages",
            Window::sliding("10s", "5s")
                .from("actions")
                .from("rest")
                .offset("1s")
                .allowed_lateness("1m")
                .early("1s")
                .group_by("segment", "segment")
                .group_by("page", "coalesce(data.page, 'unknown')")
                .select("n", "count(*)")
                .select("p95", "percentile(data.duration, 0.95)")
                .pre_aggregate("never"),
        )
        .window("days", Window::cumulating("1d", "12h").from("log").time_zone("Europe/Berlin").select("n", "count(*)"))
        .window("visits", Window::session("90s").from("made").too_late("out/late.ndjson").select("n", "count(*)"))
        .window(
            "users",
            Window::global("10s").from("made").max_groups(100).group_by("user", "user_id").select("n", "count(*)"),
        )
        .pattern(
            "funnel",
            Pattern::from(["events", "made"])
                .key("coalesce(session_id, user_id)")
                .matching("view -> cart+ -> buy")
                .within("5m")
                .within_step("1m")
                .skip("to_first(cart)")
                .timed_out(true)
                .allowed_lateness("30s")
                .max_partial_matches(500)
                .event_id("event_id")
                .events("full")
                .step("view", "data.action = 'view_product'")
                .step("cart", "data.price > avg(view.data.price)")
                .step("buy", "data.type = 'purchase'")
                .select("user", "first(view.user_id)")
                .select("carts", "count(cart)"),
        )
        .pattern(
            "types",
            Pattern::from("made")
                .types(["user_action", "transaction"])
                .type_field("data.kind")
                .within_step_of("transaction", "10s")
                .events("none"),
        )
        .pattern("preferred", Pattern::from("made").matching("a, b").mode_row())
        .sink(
            "out",
            Sink::file("out/{name}.rows")
                .format("csv")
                .from(["pages", "days", "funnel"])
                .times("unix_ms")
                .mode("first"),
        )
        .sink("screen", Sink::stdout().from("visits").format("json"));
    let (file, config) = (of_file(text), built.config().unwrap());
    assert_eq!(bare(&file), bare(&config));
    let (file, plan) = (compile(&file).unwrap(), built.plan().unwrap());
    assert_eq!(explain_json(&file), explain_json(&plan));
    assert_eq!(file.fingerprint, plan.fingerprint);
}

#[test]
fn a_file_can_be_the_beginning_and_every_part_is_added_to_it() {
    let text = "name = \"p\"\n[sources.e]\ntype = \"stdin\"\n[windows.w]\nfrom = \"e\"\nsize = \"5s\"\nselect = { n = \"count(*)\" }\n";
    let more = "[windows.v]\nfrom = \"e\"\nsize = \"7s\"\nselect = { n = \"count(*)\" }\n[sinks.s]\ntype = \"stdout\"\nfrom = [\"w\", \"v\"]\n";
    let built = Pipeline::from_toml("p.toml", text)
        .window("v", Window::tumbling("7s").from("e").select("n", "count(*)"))
        .sink("s", Sink::stdout().from(["w", "v"]));
    assert_eq!(bare(&of_file(&format!("{text}{more}"))), bare(&built.config().unwrap()));
}
