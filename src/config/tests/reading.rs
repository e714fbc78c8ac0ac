//! What a right file becomes: values, defaults, places, flags, environment, fingerprint.

use super::*;
use crate::event::FieldPath;
use crate::time::{EventTime, Span, TimeUnit};

fn files(paths: &[&str]) -> SourceKind {
    let paths = paths.iter().map(|path| (*path).to_owned()).collect();
    SourceKind::File(FileConfig { paths, as_one: false, compression: FileCompression::Auto, follow: false })
}

#[test]
fn a_small_file_becomes_its_settings_and_the_defaults() {
    let config = settings(GOOD, &[]);
    let source = SourceConfig {
        name: "events".into(),
        line: 2,
        kind: files(&["shop.ndjson"]),
        format: SourceFormat::Json,
        time: TimeField {
            clock: TimeClock::Event,
            field: FieldPath::dotted("timestamp"),
            unit: TimeUnit::Seconds,
            format: None,
        },
        out_of_orderness: Span::ZERO,
        idle_after: None,
        on_bad: OnBad::Skip,
        dead_letters: None,
        max_line: ByteSize(1 << 20),
        rate_limit: None,
    };
    assert_eq!(config.sources, [source]);
    let run = RunSettings { tick: None, max_inflight: ByteSize(64 << 20), max_drift: Span(60_000_000) };
    assert_eq!(config.run, run);
    let window = &config.windows[0];
    let minute = Span(60_000_000);
    assert_eq!(window.shape, WindowShape::Sliding { size: minute, slide: minute, offset: Span::ZERO });
    assert_eq!((window.allowed_lateness, window.pre_aggregate), (Span::ZERO, PreAggregate::Auto));
    let (name, group) = &window.group_by[0];
    assert_eq!((name.as_str(), group.value.as_str(), group.line), ("user_id", "user_id", 10));
    let sink = &config.sinks[0];
    assert_eq!(sink.kind, SinkKind::Stdout { format: StdoutFormat::Table });
    assert_eq!((sink.times, sink.mode, sink.implied, sink.line), (Times::Rfc3339, SinkMode::Changes, false, 12));
    assert_eq!(config.name, "shop");
}

#[test]
fn a_generator_without_settings_has_the_documented_ones() {
    let config = settings("sources.g.type = 'generate'", &[]);
    let expected = GenerateConfig {
        events: 100_000,
        seed: 1,
        rate: 10_000.0,
        disorder: 0.0,
        max_delay: Span(2_000_000),
        late: 0.0,
        bad: 0.0,
        users: 100_000,
        pages: 750,
        partitions: 1,
        start: EventTime(1_767_614_400_000_000),
        pace: Pace::None,
    };
    assert_eq!(config.sources[0].kind, SourceKind::Generate(expected));
}

#[test]
fn the_example_and_the_files_of_the_design_load() {
    let example = settings(include_str!("../../../examples/shop.toml"), &[]);
    assert_eq!((example.windows.len(), example.views.len(), example.alerts.len()), (4, 1, 2));
    assert_eq!(example.recommendations.len(), 1);
    let funnel = settings(include_str!("../../../examples/funnel.toml"), &[]);
    assert_eq!((funnel.patterns.len(), funnel.sinks[0].from.len()), (2, 2));
    let design = r#"
name = "shop"

[sources.events]
type = "file"                          # file | stdin | generate | http | kafka | nats | ...
path = "examples/data/shop.ndjson"
format = "json"                        # json | csv | lines | ...
time = { field = "timestamp", unit = "s" }   # s | ms | us | ns | rfc3339 ; s accepts fractions
out_of_orderness = "2s"

[streams.shopping]
from = "events"
where = "event_type IN ('user_action', 'transaction')"
set = { segment = "coalesce(tags.user_type, 'unknown')" }

[windows.user_activity]
from = "shopping"
size = "10s"
slide = "5s"                           # no slide: tumbling
allowed_lateness = "1m"
group_by = { user_type = "segment", page = "coalesce(data.page, 'unknown')" }
[windows.user_activity.select]
events = "count(*)"
avg_duration = "avg(data.duration)"
p95_duration = "percentile(data.duration, 0.95)"
users = "count(DISTINCT user_id)"

[windows.service_health]
from = "events"
size = "15s"
slide = "5s"
group_by = { service = "source", env = "coalesce(tags.env, 'unknown')" }
select = { requests = "count(*)", errors = "count(*) FILTER (WHERE event_type = 'error')", p95_ms = "percentile(data.response_time, 0.95)" }

[sinks.activity]
type = "file"
from = ["user_activity", "service_health"]
path = "out/{name}.ndjson"
"#;
    let (config, problems) = parse("design.toml", design, &[], &no_env);
    assert_eq!(problems.to_string(), "");
    let config = config.unwrap();
    let names: Vec<&str> = config.windows[0].select.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["events", "avg_duration", "p95_duration", "users"], "the order of the file");
    assert_eq!(config.windows[0].select[1].1.line, 24);
    let set = &config.streams[0].set[0].1;
    assert_eq!(
        (set.path.as_str(), set.line, set.text.as_str()),
        ("streams.shopping.set.segment", 14, "streams.shopping.set.segment = \"coalesce(tags.user_type, 'unknown')\"")
    );
    assert_eq!(config.sinks[0].kind.path_for("user_activity").as_deref(), Some("out/user_activity.ndjson"));
}

#[test]
fn a_file_without_sinks_prints_every_window() {
    let text = GOOD.replace("[sinks.out]\ntype = \"stdout\"\nfrom = \"per_user\"\n", "");
    let (config, problems) = parse("shop.toml", &text.replace("per_user", "stdout"), &[], &no_env);
    assert_eq!(problems.to_string(), "");
    let sink = &config.unwrap().sinks[0];
    assert_eq!((sink.name.as_str(), sink.implied, sink.from[0].value.as_str()), ("stdout_", true, "stdout"));
}

#[test]
fn flags_change_and_add_keys() {
    let config = settings(
        GOOD,
        &[
            "windows.per_user.slide=5 s",
            "run.tick=100ms",
            "sources.events.path=[\"a\", 'b']",
            "sources.events.dead_letters = 2026",
            "windows.'per_user'.select.longest=max(data.duration)",
            "windows.per_user.select.one=1",
            "streams.shopping.set={ a = 1, b = 'c' }",
            "streams.shopping.where=true",
            "name=x=y",
        ],
    );
    let shape = config.windows[0].shape;
    assert!(matches!(shape, WindowShape::Sliding { slide: Span(5_000_000), .. }), "{shape:?}");
    let tick = config.run.tick.unwrap();
    assert_eq!((tick.value, tick.line, tick.text.as_str()), (Span(100_000), 0, "--set run.tick=100ms"));
    assert_eq!(config.sources[0].kind, files(&["a", "b"]));
    assert_eq!(config.sources[0].dead_letters.as_deref(), Some("2026"));
    let (name, longest) = &config.windows[0].select[1];
    assert_eq!((name.as_str(), longest.value.as_str()), ("longest", "max(data.duration)"));
    assert_eq!(longest.path, "windows.per_user.select.longest");
    assert_eq!(config.windows[0].select[2].1.value, "1");
    let stream = &config.streams[0];
    assert_eq!(stream.filter.as_ref().map(|filter| filter.value.as_str()), Some("true"));
    let set: Vec<_> = stream.set.iter().map(|(name, sql)| (name.as_str(), sql.value.as_str())).collect();
    assert_eq!(set, [("a", "1"), ("b", "c")]);
    assert_eq!(stream.set[1].1.text, "--set streams.shopping.set={ a = 1, b = 'c' }");
    assert_eq!(config.name, "x=y");
}

#[test]
fn a_part_that_is_set_to_a_table_has_nothing_of_the_file() {
    let text = "[sources.events]\ntype = \"generate\"\nusers = 5\n[windows.w]\nfrom = \"events\"\nsize = \"1s\"\n\
                select.n = \"count(*)\"\n";
    let config = settings(text, &["sources.events={ type = 'file', path = 'a' }"]);
    assert_eq!(config.sources[0].kind, files(&["a"]));
    let (_, problems) = parse("shop.toml", text, &["sources.events=5".to_owned()], &no_env);
    assert_eq!(problems.list[0].message, "'sources.events' is a part, and the value is no table");
}

#[test]
fn variables_are_filled_in_and_never_printed() {
    let env = |name: &str| match name {
        "SECRET" => Some("hunter2".to_owned()),
        "EVENTS" => Some("7".to_owned()),
        _ => None,
    };
    let text =
        "[sources.g]\ntype = 'generate'\nevents = '${EVENTS}'\nusers = '${USERS:-8}'\ndead_letters = '${SECRET}'";
    let (config, problems) = parse("x.toml", text, &[], &env);
    assert!(!problems.has_errors(), "{problems}");
    let source = &config.unwrap().sources[0];
    let SourceKind::Generate(generate) = &source.kind else { panic!("{source:?}") };
    assert_eq!((generate.events, generate.users), (7, 8));
    assert_eq!(source.dead_letters.as_deref(), Some("hunter2"));
    // Wherever the variable stands in a file that is wrong or right, no problem shows its value.
    for base in [GOOD, include_str!("../../../examples/shop.toml"), include_str!("../../../examples/funnel.toml")] {
        for (i, line) in base.lines().enumerate() {
            let Some((key, _)) = line.split_once(" = ").filter(|(key, _)| !key.contains('#')) else { continue };
            for value in
                ["\"${SECRET}\"", "[\"${SECRET}\", \"${SECRET}\"]", "{ a = \"${SECRET}\" }", "\"x.${SECRET} y\""]
            {
                let changed: Vec<String> = base
                    .lines()
                    .enumerate()
                    .map(|(j, old)| if i == j { format!("{key} = {value}") } else { old.to_owned() })
                    .collect();
                let shown = parse("x.toml", &changed.join("\n"), &[], &env).1.to_string();
                assert!(!shown.contains("hunter2"), "{shown}");
            }
        }
    }
}

#[test]
fn the_fingerprint_changes_with_every_setting_and_with_nothing_else() {
    let base = settings(GOOD, &[]);
    let same = settings(
        &format!("# a comment\n{}", GOOD.replace(" = ", "  =  ")),
        &["run.max_inflight=1MiB", "sources.events.rate_limit=7/s"],
    );
    assert_eq!(fingerprint(&base), fingerprint(&same));
    let mut seen = vec![fingerprint(&base)];
    for flag in [
        "name=other",
        "run.tick=1s",
        "sources.events.path=other.ndjson",
        "sources.events.path=[\"a\", \"b\"]",
        "sources.events.time.field=a.b",
        "sources.events.time.unit=ms",
        "sources.events.time.unit=rfc3339",
        "sources.events.time.format=%Y-%m-%d",
        "sources.events.time.format=%Y-%d-%m",
        "sources.events.time.clock=processing",
        "sources.events.out_of_orderness=1s",
        "sources.events.on_bad=stop",
        "sources.events.dead_letters=x",
        "sources.events.max_line=2MiB",
        "streams.shopping.where=true",
        "streams.shopping.set.a=b",
        "streams.shopping.sample=0.5",
        "streams.shopping.sample={ rate = 0.5, by = 'a' }",
        "streams.shopping.sample={ rate = 0.5, by = 'a', seed = 1 }",
        "streams.shopping.dedup={ by = 'a', within = '1m' }",
        "streams.shopping.dedup={ by = 'a', within = '2m' }",
        "streams.shopping.dedup={ by = 'b', within = '2m' }",
        "joins.j={ left = 'events', right = 'shopping', on = 'id', within = '1m' }",
        "joins.j={ left = 'shopping', right = 'events', on = 'id', within = '1m' }",
        "joins.j={ left = 'events', right = 'shopping', on = { left = 'id', right = 'order' }, within = '1m' }",
        "joins.j={ left = 'events', right = 'shopping', on = 'id', within = { after = '1m' } }",
        "joins.j={ left = 'events', right = 'shopping', on = 'id', within = { before = '1m' } }",
        "joins.j={ left = 'events', right = 'shopping', on = 'id', within = '1m', kind = 'left' }",
        "joins.j={ left = 'events', right = 'shopping', on = 'id', within = '1m', allowed_lateness = '1s' }",
        "windows.per_user.from=events",
        "windows.per_user.from=[\"shopping\", \"events\"]",
        "windows.per_user.from=[\"events\", \"shopping\"]",
        "windows.per_user.size=61s",
        "windows.per_user.slide=5s",
        "windows.per_user.allowed_lateness=5s",
        "windows.per_user.group_by=[\"a\"]",
        "windows.per_user.select.events=count(a)",
        "windows.per_user.select.more=count(a)",
        "windows.per_user.pre_aggregate=never",
        "windows.per_user.max_groups=100",
        "sinks.out.format=csv",
        "sinks.out.times=unix_ms",
        "sinks.out.mode=first",
    ] {
        let changed = fingerprint(&settings(GOOD, &[flag]));
        assert!(!seen.contains(&changed), "{flag}");
        seen.push(changed);
    }
    let generate = "sources.g.type = 'generate'";
    let mut seen = vec![fingerprint(&settings(generate, &[]))];
    for (key, value) in [
        ("events", "7"),
        ("seed", "7"),
        ("rate", "7"),
        ("disorder", "0.7"),
        ("max_delay", "7s"),
        ("late", "0.7"),
        ("bad", "0.7"),
        ("users", "7"),
        ("pages", "7"),
        ("partitions", "7"),
        ("start", "2027-01-01T00:00:00Z"),
        ("pace", "real-time"),
    ] {
        let changed = fingerprint(&settings(generate, &[&format!("sources.g.{key}={value}")]));
        assert!(!seen.contains(&changed), "{key}");
        seen.push(changed);
    }
}

#[test]
fn load_reads_a_file_and_keeps_warnings() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("shop.toml");
    std::fs::write(&path, format!("{GOOD}[sources.spare]\ntype = 'stdin'\n")).unwrap();
    let config = load(&path, &[], &no_env).unwrap();
    assert_eq!(config.warnings.len(), 1);
    assert_eq!(config.warnings[0].message, "nothing reads source 'spare'");

    std::fs::write(&path, b"a = 1\nb = \"\xff\"").unwrap();
    let problems = load(&path, &[], &no_env).unwrap_err();
    assert_eq!(problems.list[0].message, "the pipeline file is not UTF-8 text (line 2)");
    let problems = load(&folder.path().join("none.toml"), &[], &no_env).unwrap_err();
    assert_eq!(problems.list[0].code, "config.open");
}

#[test]
fn a_source_by_the_clock_waits_for_no_event_and_is_never_idle() {
    let source = |more: &str| {
        settings(&GOOD.replace("path =", &format!("follow = true\n{more}\npath =")), &[]).sources.remove(0)
    };
    assert_eq!((source("").time.clock, source("").idle_after), (TimeClock::Event, Some(Span(30_000_000))));
    let by_clock = source("time = { clock = 'processing' }\nidle_after = '5s'\nout_of_orderness = '2s'");
    assert_eq!(by_clock.time.clock, TimeClock::Processing);
    assert_eq!((by_clock.out_of_orderness, by_clock.idle_after), (Span::ZERO, None));
}

#[test]
fn a_pattern_becomes_its_settings_and_the_defaults() {
    let text = GOOD.replace(
        "[sinks.out]\ntype = \"stdout\"\nfrom = \"per_user\"\n",
        r#"[patterns.funnel]
from = "shopping"
key = "session_id"
match = "view -> cart+ -> buy"
within = "5m"
within_step = { buy = "30s" }
skip = "to_last( cart )"
define.view = "action = 'view'"
define.buy = "action = 'buy'"
select = { user = "first(view.user_id)" }
[patterns.plain]
from = ["events", "shopping"]
match = ["view", "buy", "view"]
within_step = "10s"
"#,
    );
    let config = settings(&text, &[]);
    let funnel = &config.patterns[0];
    assert!(
        matches!(&funnel.matching, Matching::Text(text) if text.value == "view -> cart+ -> buy" && text.line == 15)
    );
    assert_eq!(funnel.within.as_ref().unwrap().value, Span(300_000_000));
    let WithinStep::Steps(steps) = &funnel.within_step else { panic!("{funnel:?}") };
    assert_eq!((steps[0].0.as_str(), steps[0].1.value), ("buy", Span(30_000_000)));
    assert_eq!(funnel.skip.value, Skip::ToLast("cart".into()));
    let names: Vec<&str> = funnel.define.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!((names, funnel.define[1].1.line), (vec!["view", "buy"], 20));
    let plain = &config.patterns[1];
    let Matching::Types(types) = &plain.matching else { panic!("{plain:?}") };
    assert_eq!(types.iter().map(|ty| ty.value.as_str()).collect::<Vec<_>>(), ["view", "buy", "view"]);
    assert!(matches!(&plain.within_step, WithinStep::Every(span) if span.value == Span(10_000_000)));
    assert_eq!((&plain.key, &plain.within, plain.timed_out, plain.allowed_lateness), (&None, &None, false, Span::ZERO));
    assert_eq!((&plain.skip.value, plain.max_partial_matches), (&Skip::PastLast, 10_000));
    assert_eq!(
        (plain.events, plain.mode, plain.event_id.value.as_str()),
        (Events::Ids, MatchMode::Sequence, "coalesce(event_id, id)")
    );
    assert_eq!((&plain.type_field.value, plain.select.len()), (&FieldPath::dotted("event_type"), 0));
    // a file without sinks prints patterns too
    let from: Vec<&str> = config.sinks[0].from.iter().map(|from| from.value.as_str()).collect();
    assert_eq!(from, ["per_user", "funnel", "plain"]);
}

#[test]
fn every_setting_of_a_pattern_is_in_the_fingerprint() {
    let text = format!("{GOOD}[patterns.p]\nfrom = \"shopping\"\nmatch = [\"a\", \"b\"]\n");
    let mark = |flags: &[&str]| fingerprint(&settings(&text, flags));
    let mut seen = vec![fingerprint(&settings(GOOD, &[])), mark(&[])];
    for flag in [
        "from=events",
        "key=k",
        "match=a -> b",
        "match=['a', 'c']",
        "define.a=x = 1",
        "within=5s",
        "within_step=5s",
        "within_step={ a = '5s' }",
        "within_step={ b = '5s' }",
        "skip=no_skip",
        "skip=to_first(b)",
        "skip=to_last(b)",
        "timed_out=true",
        "allowed_lateness=5s",
        "max_partial_matches=5",
        "event_id=x",
        "events=none",
        "type_field=kind",
        "mode=row",
        "select.n=count(*)",
    ] {
        let found = mark(&[&format!("patterns.p.{flag}")]);
        assert!(!seen.contains(&found), "{flag}");
        seen.push(found);
    }
}
