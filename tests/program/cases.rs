//! `highwater test` as a user types it: what it says, how it ends, and what it writes.

use crate::harness::Scratch;
use serde_json::Value;

const PIPELINE: &str = r#"
[sources.events]
type = "file"
path = "events.ndjson"
dead_letters = "out/bad.ndjson"

[windows.w]
from = "events"
size = "10s"
group_by = ["page"]
select = { n = "count(*)" }

[sinks.out]
type = "file"
path = "out/{name}.ndjson"
from = "w"
"#;

const CASE: &str = r#"# Two clicks on one page.
pipeline = "../p.toml"

[input]
events = '''
{"timestamp": 1, "page": "a"}
{"timestamp": 2, "page": "a"}
no event
'''

[expect]   # all of it
w = '''
{"window_start":"1970-01-01T00:00:00Z","window_end":"1970-01-01T00:00:10Z","page":"a","n":2}
'''
"#;

fn scratch() -> Scratch {
    let scratch = Scratch::new();
    std::fs::create_dir_all(scratch.path("cases/more")).unwrap();
    scratch.write("p.toml", PIPELINE);
    scratch.write("cases/clicks.case.toml", CASE);
    scratch
}

#[test]
fn cases_that_hold_end_with_0_and_write_nothing() {
    let scratch = scratch();
    scratch.write("cases/more/again.case.toml", &CASE.replace("../p", "../../p").replace("Two", "The same two"));
    scratch.write("cases/more/notes.toml", "not a case");
    let ended = scratch.run(["test", "cases"]);
    assert_eq!(ended.expect(0, &[]).err, "");
    let expected = "ok      cases/clicks.case.toml: Two clicks on one page.\n\
                    ok      cases/more/again.case.toml: The same two clicks on one page.\n2 cases: 2 ok\n";
    assert_eq!(ended.out, expected);
    assert!(!scratch.path("out").exists());
    let one = scratch.run(["test", "cases", "--filter", "same", "--workers", "1,4"]);
    assert!(one.expect(0, &[]).out.ends_with("page.\n1 case: 1 ok\n"), "{}", one.out);
    let list = scratch.run(["test", "cases", "--list"]);
    assert_eq!(list.expect(0, &[]).out.lines().count(), 2);
}

#[test]
fn a_difference_is_shown_and_ends_with_1() {
    let scratch = scratch();
    scratch.write("cases/wish.case.toml", &CASE.replace("\"n\":2", "\"n\":3"));
    let ended = scratch.run(["test", "cases"]);
    ended.expect(1, &[]);
    let expected = "  0 rows as expected, 1 differs\n  \
         differs     w  1970-01-01T00:00:00Z .. 1970-01-01T00:00:10Z  page=\"a\"  revision 0 +  line 13\n              \
         n  expected 3  got 2\n2 cases: 1 ok, 1 failed; --rewrite takes what came as what is expected\n";
    assert!(ended.out.ends_with(expected), "{}", ended.out);
    let json = scratch.run(["test", "cases", "--format", "json"]);
    let told: Vec<Value> = json.expect(1, &[]).out.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert_eq!((&told[0]["result"], &told[1]["result"]), (&"ok".into(), &"failed".into()));
    assert_eq!(told[1]["rows"][0]["values"][0]["expected"], 3);
}

#[test]
fn a_wrong_case_ends_with_2_and_the_others_run() {
    let scratch = scratch();
    scratch.write("cases/a.case.toml", &CASE.replace("events = '''", "event = '''"));
    scratch.write("cases/b.case.toml", &CASE.replace("[expect]", "[expected]"));
    scratch.write("cases/c.case.toml", &CASE.replace("\"n\":2", "\"n\":3"));
    let ended = scratch.run(["test", "cases"]);
    ended.expect(2, &[]);
    for text in [
        "error[case.input]: the pipeline has no source 'event'\n    --> cases/a.case.toml:5  event = '''\n",
        "error[case.key]: a case has no key 'expected'\n    --> cases/b.case.toml:11  [expected]",
        "help: did you mean expect?\n",
        "\n4 cases: 1 ok, 1 failed, 2 wrong",
    ] {
        assert!(ended.out.contains(text), "{text}\n{}", ended.out);
    }
    scratch.run(["test"]).expect(2, &["Usage"]);
    scratch.run(["test", "nowhere"]).expect(2, &["error[case.open]", "nowhere"]);
    scratch.run(["test", "cases/more"]).expect(2, &["error[case.none]", ".case.toml"]);
    scratch.run(["test", "cases", "--filter", "zebra"]).expect(2, &["error[case.none]", "zebra"]);
    scratch.run(["test", "cases", "--workers", "0"]).expect(2, &["--workers"]);
}

#[test]
fn rewrite_puts_what_came_into_the_case_and_nothing_else() {
    let scratch = scratch();
    scratch.write("cases/wish.case.toml", &CASE.replace("\"n\":2", "\"n\":3"));
    let ended = scratch.run(["test", "cases", "--rewrite"]);
    assert!(ended.expect(0, &[]).out.contains("wrote   cases/wish.case.toml: Two"), "{}", ended.out);
    assert!(ended.out.ends_with("\n2 cases: 1 ok, 1 rewritten\n"), "{}", ended.out);
    assert_eq!(scratch.read("cases/wish.case.toml"), CASE);
    assert_eq!(scratch.read("cases/clicks.case.toml"), CASE);
    scratch.run(["test", "cases"]).expect(0, &[]);
    // What cannot be run is not written.
    let wrong = CASE.replace("../p.toml", "../q.toml");
    scratch.write("cases/wish.case.toml", &wrong);
    scratch.run(["test", "cases", "--rewrite"]).expect(2, &[]);
    assert_eq!(scratch.read("cases/wish.case.toml"), wrong);
}
