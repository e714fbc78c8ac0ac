//! Each command as a user types it: what is printed where, and the exit code.

use crate::harness::{Input, Output, Program, Scratch};
use serde_json::Value;
use std::path::Path;

/// Counts by source from a file, to a file, with a file for bad lines.
pub const COUNTS: &str = r#"
[sources.events]
type = "file"
path = "${EVENTS:-events.ndjson}"
dead_letters = "out/bad.ndjson"

[windows.w]
from = "events"
size = "10s"
group_by = ["source"]
select = { n = "count(*)" }

[sinks.counts]
type = "file"
path = "out/{name}.ndjson"
from = ["w"]
"#;

fn shop() -> String {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/shop.toml").display().to_string()
}

fn with_events(args: &[&str]) -> Scratch {
    let scratch = Scratch::new();
    scratch.write("p.toml", COUNTS);
    scratch.run(["generate", "-o", "events.ndjson"].iter().chain(args)).expect(0, &[]);
    scratch
}

fn counted(rows: &str) -> u64 {
    let row = |line: &str| serde_json::from_str::<Value>(line).unwrap();
    rows.lines().map(row).map(|r| r["n"].as_u64().unwrap()).sum()
}

#[test]
fn the_example_prints_its_tables_and_a_summary_and_no_live_line_when_piped() {
    // Its table of users is beside it, relative to the repository.
    let ended =
        Program::new(Path::new(env!("CARGO_MANIFEST_DIR")), ["run", "examples/shop.toml", "-w", "2"]).start().end();
    ended.expect(0, &["2,400 events in ", "  rows  ", "  alert  ", "firing [critical]: "]);
    let parts = [
        "user_activity: ",
        "sales: ",
        "top_pages: 6 rows",
        "also_seen: 16 rows",
        "purchase_funnel: ",
        "high_error_rate: ",
        "slow: ",
    ];
    for text in parts.into_iter().chain(["p95_duration", "2026-01-05T12:01:"]) {
        assert!(ended.out.contains(text), "no {text:?} in {}", ended.out);
    }
    // Nothing moves the cursor, and the summary and what is told of alerts is all there is.
    assert!(!ended.err.contains(['\r', '\x1b']), "{:?}", ended.err);
    let before = ended.err.lines().take_while(|line| !line.starts_with("2,400 events in "));
    assert!(before.into_iter().all(|line| line.contains("highwater::alerts: ")), "{}", ended.err);
}

/// The story of the example over the 14 events that stand beside it.
#[test]
fn the_example_over_the_demo_tells_one_purchase_and_the_alerts_of_its_services() {
    let scratch = Scratch::new();
    let source = "sources.events={ type = 'file', path = 'examples/demo.ndjson', out_of_orderness = '2s' }";
    let path = scratch.path("{name}.ndjson").display().to_string();
    let parts = "'purchase_funnel', 'high_error_rate', 'slow', 'sales', 'service_health'";
    let sink = format!("sinks.activity={{ type = 'file', path = '{path}', from = [{parts}] }}");
    for workers in ["1", "3"] {
        let args = ["run", "-q", "examples/shop.toml", "-w", workers, "--set", source, "--set", &sink];
        Program::new(Path::new(env!("CARGO_MANIFEST_DIR")), args).start().end().expect(0, &[]);
        let rows = |name: &str| -> Vec<Value> {
            let text = scratch.read(&format!("{name}.ndjson"));
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
        };
        let [funnel] = &rows("purchase_funnel")[..] else { panic!("one purchase") };
        assert_eq!((&funnel["user"], &funnel["amount"]), (&"user_1".into(), &99.99.into()));
        assert_eq!(funnel["events"], serde_json::json!({ "view": ["evt_1"], "cart": ["evt_2"], "buy": ["evt_3"] }));
        let told = |name: &str| -> Vec<String> {
            let text = |row: &Value, column: &str| row[column].as_str().unwrap_or_default().to_owned();
            let tell = |row: &Value| ["state", "service", "env", "at"].map(|column| text(row, column)).join(" ");
            rows(name).iter().map(tell).collect()
        };
        let errors = [
            "firing api_service production 2026-01-05T12:00:15Z",
            "resolved api_service production 2026-01-05T12:00:25Z",
        ];
        assert_eq!(told("high_error_rate"), errors);
        let many = |row: &&Value| row["errors"].as_i64() > Some(5);
        let windows: Vec<Value> =
            rows("service_health").iter().filter(many).map(|row| row["window_start"].clone()).collect();
        assert_eq!(windows, ["2026-01-05T12:00:00Z", "2026-01-05T12:00:05Z"]);
        let slow: Vec<String> = told("slow").into_iter().filter(|row| row.starts_with("firing ")).collect();
        let all = ["api_service", "database"];
        assert!(slow.len() == 2 && slow.iter().zip(all).all(|(row, service)| row.contains(service)), "{slow:?}");
        assert_eq!(rows("sales")[0]["purchases"], 1);
    }
}

#[test]
fn the_example_of_patterns_prints_a_table_of_each() {
    let funnel = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/funnel.toml").display().to_string();
    let ended = Scratch::new().run(["run", &funnel, "-w", "2"]);
    ended.expect(0, &["50,000 events in ", "46, 2 corrections"]);
    for text in ["purchases: 30 rows", "abandoned: 15 rows", "│ match_start ", "┆ session_", "{\"view\":[\"evt_"] {
        assert!(ended.out.contains(text), "no {text:?} in {}", ended.out);
    }
}

#[test]
fn the_summary_says_what_was_written_when_a_run_is_done() {
    let scratch = with_events(&["-e", "3000"]);
    let ended = scratch.run(["run", "p.toml"]);
    let rows = scratch.read("out/w.ndjson");
    let bytes = format!("{},{:03} bytes", rows.len() / 1000, rows.len() % 1000);
    let size = format!("  counts       {} rows, {bytes} in out/w.ndjson", rows.lines().count());
    ended.expect(0, &["3,000 events in ", &size]);
    scratch.run(["run", "p.toml", "--quiet"]).expect(0, &[]);
    assert_eq!(scratch.run(["run", "p.toml", "--quiet"]).err, "");
}

#[test]
fn check_reports_every_mistake_with_its_line_and_help() {
    let scratch = Scratch::new();
    let text = "[sources.events]\ntype = \"generate\"\nevent = 10\nout_of_orderness = \"2 fortnights\"\n\n\
                [streams.shop]\nfrom = \"events\"\nwhere = \"event_type = \"\n\n\
                [windows.w]\nfrom = \"shop\"\nsize = \"10s\"\nstep = \"7s\"\nselect = { n = \"cuont(*)\" }\n\n\
                [sinks.s]\ntype = \"stdout\"\nfrom = [\"wmdows\"]\n";
    scratch.write("bad.toml", text);
    let ended = scratch.run(["check", "bad.toml"]);
    ended.expect(
        2,
        &[
            "error[config.key]",
            "  --> bad.toml:3  sources.events.event = 10",
            "did you mean events?",
            "error[config.span]",
            "  --> bad.toml:4  ",
            "error[expr.syntax]",
            "  --> bad.toml:8  streams.shop.where",
            "error[window.step]",
            "  --> bad.toml:13  windows.w.step = \"7s\"",
            "such as 5s",
            "error[expr.function]",
            "  --> bad.toml:14  windows.w.select.n",
            "did you mean count?",
            "error[config.from]",
            "  --> bad.toml:18  sinks.s.from",
        ],
    );
    assert_eq!(ended.err.matches("error[").count(), 6, "{}", ended.err);
    // A run refuses the same file, and makes nothing.
    scratch.run(["run", "bad.toml"]).expect(2, &["error[config.key]"]);
    let fine = scratch.run(["check", &shop()]);
    assert!(fine.expect(0, &[]).out.ends_with("shop.toml: fine\n"));
}

#[test]
fn explain_shows_every_part_in_each_form() {
    let scratch = Scratch::new();
    let parts =
        ["events", "shopping", "users", "user_activity", "top_pages", "also_seen", "high_error_rate", "activity"];
    for form in ["text", "json", "dot"] {
        let ended = scratch.run(["explain", &shop(), "--format", form]);
        ended.expect(0, &[]);
        assert!(parts.iter().all(|p| ended.out.contains(p)), "{form}: {}", ended.out);
        match form {
            "json" => {
                let plan: Value = serde_json::from_str(&ended.out).unwrap();
                assert_eq!(plan["windows"].as_array().map(Vec::len), Some(4));
                assert_eq!(plan["recommendations"][0]["users"]["name"], "also_seen.users");
            }
            "dot" => {
                assert!(ended.out.starts_with("digraph") && ended.out.trim_end().ends_with('}'));
                assert!(ended.out.contains("\"shopping\" -> \"user_activity\""));
            }
            _ => {}
        }
    }
}

#[test]
fn generate_writes_the_same_bytes_to_a_file_and_to_a_pipe() {
    let scratch = Scratch::new();
    let args = ["generate", "--events", "2000", "--seed", "7", "--bad", "0.01", "--late", "0.01"];
    let piped = scratch.run(args);
    let filed = scratch.run(args.iter().copied().chain(["--output", "deep/er/events.ndjson"]));
    filed.expect(0, &["2,000 events, "]);
    piped.expect(0, &[]);
    assert_eq!((piped.err.as_str(), filed.out.as_str(), piped.lines), ("", "", 2000));
    assert!(scratch.read("deep/er/events.ndjson") == piped.out);
    let other = scratch.run(["generate", "--events", "2000", "--seed", "8"]);
    assert!(other.out != piped.out);
    scratch.run(["generate", "--late", "2"]).expect(2, &["--late"]);
    scratch.run(["generate", "--max-delay", "soon"]).expect(2, &["--max-delay"]);
    scratch.run(["generate", "-e", "10", "-o", "/dev/null/x"]).expect(3, &["error[output.write]", "/dev/null/x"]);
}

#[test]
fn a_reader_that_goes_away_ends_a_command_cleanly() {
    let scratch = Scratch::new();
    let json = "sinks.activity.format=\"json\"";
    let source = "[sources.events]\ntype = \"generate\"\nevents = 200000\nrate = 2000\n";
    let sink = "[sinks.activity]\ntype = \"stdout\"\nformat = \"table\"\nfrom = \"w\"\n";
    let window =
        "[windows.w]\nfrom = \"events\"\nsize = \"10s\"\nslide = \"5s\"\ngroup_by = [\"source\", \"event_type\"]\n";
    scratch.write("shop.toml", &format!("{source}{window}select = {{ n = \"count(*)\" }}\n{sink}"));
    let shop = "shop.toml";
    let commands: [&[&str]; 4] = [
        &["generate", "--events", "10000000"],
        &["generate", "--real-time", "--rate", "100000"],
        &["run", shop, "--set", json],
        &["run", shop, "--set", json, "-w", "2", "--set", "sources.events.events=100000000"],
    ];
    for args in commands {
        let ended = scratch.program(args).output(Output::Head(1000)).start().end();
        ended.expect(0, &[]);
        assert_eq!((ended.out.len(), ended.err.as_str()), (1000, ""), "{args:?}");
    }
}

#[test]
fn completions_and_the_reference_are_printed() {
    let scratch = Scratch::new();
    for shell in ["bash", "zsh", "fish"] {
        let ended = scratch.run(["completions", shell]);
        assert!(ended.expect(0, &[]).out.contains("generate"), "{shell}");
    }
    assert!(scratch.run(["reference"]).expect(0, &[]).out.starts_with("# Reference"));
    for args in [&["--help"][..], &["--version"], &["run", "--help"]] {
        assert!(!scratch.run(args).expect(0, &[]).out.is_empty());
    }
}

#[test]
fn what_the_command_line_gets_wrong_ends_with_2_and_says_what() {
    let scratch = with_events(&["-e", "10"]);
    let cases: [(&[&str], &str); 14] = [
        (&[], "Usage"),
        (&["rnu"], "rnu"),
        (&["run"], "FILE"),
        (&["run", "p.toml", "--worker-count", "2"], "--worker-count"),
        (&["run", "p.toml", "-w", "0"], "a process needs a worker"),
        (&["run", "p.toml", "-w", "many"], "many"),
        (&["run", "p.toml", "-n", "2", "-p", "2"], "error[cluster.topology]"),
        (&["run", "p.toml", "-n", "2", "--hosts", "nowhere"], "error[cluster.hosts]"),
        (&["run", "p.toml", "-n", "2", "--token-file", "nowhere"], "error[cluster.token]"),
        (&["run", "nowhere.toml"], "error[config.open]"),
        (&["check", "nowhere.toml"], "error[config.open]"),
        (&["run", "p.toml", "--set", "nonsense"], "error[config.set]"),
        (&["run", "p.toml", "--set", "windows.w.sise=\"5s\""], "--> --set windows.w.sise"),
        (&["completions", "tcsh"], "tcsh"),
    ];
    for (args, text) in cases {
        scratch.run(args).expect(2, &[text]);
    }
    assert!(!scratch.path("out").exists());
}

#[test]
fn settings_come_from_flags_and_from_the_environment() {
    let scratch = with_events(&["-e", "2000", "--disorder", "0"]);
    scratch.run(["generate", "-e", "1000", "--disorder", "0", "-o", "other.ndjson"]).expect(0, &[]);
    let sets = ["run", "p.toml", "--set", "sinks.counts.path=set.ndjson", "--set", "windows.w.group_by=[]"];
    scratch.run(sets).expect(0, &["2,000 events"]);
    assert_eq!((scratch.read("set.ndjson").lines().count(), counted(&scratch.read("set.ndjson"))), (1, 2000));
    let ended = scratch.program(["run", "p.toml"]).env("EVENTS", "other.ndjson").start().end();
    ended.expect(0, &["1,000 events"]);
    assert_eq!(counted(&scratch.read("out/w.ndjson")), 1000);
    // A flag says more than the file, and so than the environment.
    let sets = ["run", "p.toml", "--set", "sources.events.path=events.ndjson"];
    scratch.program(sets).env("EVENTS", "other.ndjson").start().end().expect(0, &["2,000 events"]);
    let absent = scratch.program(["run", "p.toml"]).env("EVENTS", "absent.ndjson").start().end();
    absent.expect(3, &["error[source.open]", "absent.ndjson"]);
}

#[test]
fn standard_input_gives_what_the_file_gives() {
    let scratch = with_events(&["-e", "20000", "--disorder", "0"]);
    scratch.run(["run", "p.toml"]).expect(0, &[]);
    let expected = scratch.read("out/w.ndjson");
    scratch.write(
        "stdin.toml",
        &COUNTS.replace("type = \"file\"\npath = \"${EVENTS:-events.ndjson}\"", "type = \"stdin\""),
    );
    for workers in ["1", "3"] {
        let args = ["run", "stdin.toml", "-w", workers];
        scratch.program(args).input(Input::File(scratch.path("events.ndjson"))).start().end().expect(0, &[]);
        assert!(scratch.read("out/w.ndjson") == expected, "from a file, {workers} workers");
        let mut child = scratch.program(args).input(Input::Fed).start();
        for piece in scratch.read("events.ndjson").as_bytes().chunks(100_003) {
            child.feed(piece);
        }
        child.close_input();
        child.end().expect(0, &["20,000 events"]);
        assert!(scratch.read("out/w.ndjson") == expected, "from a pipe, {workers} workers");
    }
    assert_eq!(counted(&expected), 20_000);
}

#[test]
fn log_lines_are_json_when_asked_for() {
    let scratch = with_events(&["-e", "10"]);
    let run = ["run", "p.toml", "--quiet", "--log-format", "json"];
    let ended = scratch.program(run).env("RUST_LOG", "info").start().end();
    ended.expect(0, &["\"ready\""]);
    for line in ended.err.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        assert!(line["timestamp"].is_string() && line["level"].is_string(), "{line}");
    }
    let ended = scratch.program(["run", "p.toml", "--quiet"]).env("RUST_LOG", "info").start().end();
    assert!(ended.expect(0, &[]).err.contains(" INFO "), "{}", ended.err);
    scratch.program(["run", "p.toml"]).env("RUST_LOG", "=,=").start().end().expect(2, &["error[logs.filter]"]);
}

#[test]
fn bad_lines_are_kept_and_counted_or_stop_the_run() {
    let scratch = with_events(&["-e", "5000", "--bad", "0.01", "--disorder", "0"]);
    let events = scratch.read("events.ndjson");
    for workers in ["1", "2"] {
        let ended = scratch.run(["run", "p.toml", "-w", workers]);
        let letters = scratch.read("out/bad.ndjson");
        let rejected = letters.lines().count() as u64;
        assert!(rejected > 10);
        ended.expect(0, &[&format!("  rejected     {rejected} ("), "kept in out/bad.ndjson"]);
        assert_eq!(counted(&scratch.read("out/w.ndjson")) + rejected, 5000);
        for letter in letters.lines() {
            let letter: Value = serde_json::from_str(letter).unwrap();
            let at = letter["position"].as_u64().unwrap() as usize;
            let line = &events[at..at + letter["length"].as_u64().unwrap() as usize];
            assert_eq!((letter["line"].as_str(), letter["source"].as_str()), (Some(line), Some("events")));
        }
    }
    let first: Value = serde_json::from_str(scratch.read("out/bad.ndjson").lines().next().unwrap()).unwrap();
    let place = format!("--> events.ndjson at byte {}", first["position"]);
    std::fs::remove_file(scratch.path("out/w.ndjson")).unwrap();
    for workers in ["1", "2"] {
        let ended = scratch.run(["run", "p.toml", "-w", workers, "--set", "sources.events.on_bad=stop"]);
        ended.expect(2, &["error[source.bad]", &place, "help: "]);
        assert!(!scratch.path("out/w.ndjson").exists(), "a run that failed leaves no result");
    }
}

#[test]
fn a_sink_that_cannot_write_ends_with_3_and_leaves_what_was_there() {
    let scratch = with_events(&["-e", "5000"]);
    for workers in ["1", "2"] {
        let run = |path: &str| {
            let (path, format) = (format!("sinks.counts.path={path}"), "sinks.counts.format=json");
            scratch.run(["run", "p.toml", "-w", workers, "--set", &path, "--set", format])
        };
        run("/dev/null/rows.ndjson").expect(3, &["error[sink.open]", "/dev/null"]);
        run("p.toml/rows.ndjson").expect(3, &["error[sink.open]", "p.toml"]);
        #[cfg(target_os = "linux")]
        run("/dev/full").expect(3, &["error[sink.write]", "/dev/full", "help: "]);
        assert_eq!(scratch.read("p.toml"), COUNTS);
    }
    // An input that fails late leaves the rows of the run before.
    scratch.run(["run", "p.toml"]).expect(0, &[]);
    let before = scratch.read("out/w.ndjson");
    let mut events = scratch.read("events.ndjson");
    events.push_str("not an event\n");
    scratch.write("events.ndjson", &events);
    scratch.run(["run", "p.toml", "--set", "sources.events.on_bad=stop"]).expect(2, &["error[source.bad]"]);
    assert_eq!(scratch.read("out/w.ndjson"), before);
}

#[test]
fn run_with_more_groups_than_are_kept_warns_once_and_counts_the_windows() {
    let scratch = Scratch::new();
    let job = "[sources.events]\ntype = \"generate\"\nevents = 30_000\nrate = 1000\n[windows.users]\nfrom = \"events\"\nsize = \"5s\"\n\
               group_by = [\"user_id\"]\nmax_groups = 10\nselect = { n = \"count(*)\" }\n";
    scratch.write("p.toml", job);
    for workers in ["1", "3"] {
        let ended = scratch.run(["run", "p.toml", "-w", workers]);
        ended.expect(
            0,
            &["more groups than max_groups", "part=\"users\" max_groups=10", "  overflow     6 windows (users: 6)\n"],
        );
        assert_eq!(ended.err.matches("more groups than max_groups").count(), 1, "{}", ended.err);
        assert!(ended.out.starts_with("users: 66 rows;"), "{}", ended.out);
    }
}

#[test]
fn what_is_exported_when_others_read_it_then_is_a_dashboard_and_rules_that_are_right() {
    let scratch = Scratch::new();
    let board = scratch.run(["export", "grafana", &shop()]);
    board.expect(0, &[]);
    let board: Value = serde_json::from_str(&board.out).expect("a dashboard is JSON");
    assert_eq!(board["title"], "Highwater: shop");
    let rules = scratch.run(["export", "prometheus-rules", &shop(), "--job", "the \"shop\""]);
    rules.expect(0, &[]);
    for part in [
        "- alert: HighErrorRate",
        "severity: \"critical\"",
        "HighwaterTableStale",
        "job=\\\"the \\\\\\\"shop\\\\\\\"\\\"",
    ] {
        assert!(rules.out.contains(part), "{part}\n{}", rules.out);
    }
    scratch.run(["export", "grafana", "nowhere.toml"]).expect(2, &["nowhere.toml"]);
    scratch.run(["export", "kibana", &shop()]).expect(2, &["prometheus-rules"]);
    scratch.write("rules.yml", &rules.out);
    let tool = std::process::Command::new("promtool").args(["check", "rules"]).arg(scratch.path("rules.yml")).output();
    match tool {
        Ok(said) => assert!(said.status.success(), "{}{}", String::from_utf8_lossy(&said.stderr), rules.out),
        Err(why) => {
            assert!(std::env::var_os("REQUIRE_SERVERS").is_none(), "promtool: {why}");
            eprintln!("SKIP: promtool is not here ({why})");
        }
    }
}
