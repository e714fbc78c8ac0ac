//! What a case file may say, what is wrong with one that says something else, and what a person reads of a difference.

use super::*;
use proptest::prelude::*;
use std::path::Path;

/// A pipeline of one source and two windows, between the quotes of TOML.
const PIPELINE: &str = r#"pipeline = '''
[sources.events]
type = "stdin"

[windows.w]
from = "events"
size = "10s"
allowed_lateness = "1m"
group_by = ["page"]
select = { n = "count(*)", mean = "avg(x)" }

[windows.all]
from = "events"
size = "20s"
select = { n = "count(*)" }
'''
"#;

const EVENTS: &str = r#"input.events = '''
{"timestamp": 1, "page": "a", "x": 1}
{"timestamp": 2, "page": "b", "x": 0.1}
{"timestamp": 11, "page": "a", "x": 2}
{"timestamp": 3, "page": "a", "x": 2}
'''
"#;

fn w(end: u32, page: &str, rest: &str) -> String {
    let start = end - 10;
    format!(
        "{{\"window_start\":\"1970-01-01T00:00:{start:02}Z\",\"window_end\":\"1970-01-01T00:00:{end}Z\",\
         \"page\":\"{page}\"{rest}}}\n"
    )
}

fn right() -> String {
    let rows = [
        w(10, "a", r#","n":1,"mean":1"#),
        w(10, "b", r#","n":1,"mean":0.1"#),
        w(10, "a", r#","n":1,"mean":1,"op":"-""#),
        w(10, "a", r#","n":2,"mean":1.5,"revision":1"#),
        w(20, "a", r#","n":1"#),
    ];
    format!("# A story.\n{PIPELINE}{EVENTS}\n[expect]\nw = '''\n{}'''\n", rows.concat())
}

fn verdict(text: &str) -> Verdict {
    match parse("x.case.toml", text) {
        Ok(case) => tell(&case, None).map_or_else(|verdict| verdict, |told| judge(&case, &told)),
        Err(problems) => Verdict::Wrong(problems),
    }
}

fn said(text: &str) -> String {
    super::text("x.case.toml", "A story.", &verdict(text))
}

#[test]
fn a_case_whose_rows_come_in_any_order_passes() {
    assert_eq!(verdict(&right()), Verdict::Passed);
    let case = parse("x.case.toml", &right()).unwrap();
    assert_eq!((case.story.as_str(), &case.workers[..]), ("A story.", &[1, 2, 3][..]));
    let mut rows: Vec<&str> = case.expects[0].rows.text.lines().collect();
    rows.reverse();
    let turned = right().replace(&case.expects[0].rows.text, &format!("{}\n\n", rows.join("\n")));
    assert_ne!(turned, right());
    assert_eq!(verdict(&turned), Verdict::Passed);
}

#[test]
fn rows_and_counts_that_differ_are_said_in_the_order_of_their_windows() {
    let text = right()
        .replace(r#""n":2,"mean":1.5"#, r#""n":3,"mean":1.25"#)
        .replace(&w(10, "b", r#","n":1,"mean":0.1"#), &w(20, "b", r#","n":1"#))
        + "\n[expect_counts]\nw.late = 0\nevents = 4\nrejected = 10\n";
    let expected = r#"FAILED  x.case.toml: A story.
  3 rows as expected, 1 missing, 1 differs, 1 unexpected
  differs     w  1970-01-01T00:00:00Z .. 1970-01-01T00:00:10Z  page="a"  revision 1 +  line 30
              n     expected 3     got 2
              mean  expected 1.25  got 1.5
  unexpected  w  1970-01-01T00:00:00Z .. 1970-01-01T00:00:10Z  page="b"  revision 0 +
              n=1 mean=0.1
  missing     w  1970-01-01T00:00:10Z .. 1970-01-01T00:00:20Z  page="b"  revision 0 +  line 28
              n=1
  counter     w.late    expected 0   got 1  line 35
  counter     rejected  expected 10  got 0  line 37
"#;
    assert_eq!(said(&text), expected);
    let told = json("x.case.toml", "A story.", &verdict(&text));
    assert_eq!((&told["result"], told["rows"].as_array().map(Vec::len)), (&"failed".into(), Some(3)));
    assert_eq!(told["rows"][0]["group"]["page"], "a");
    assert_eq!(told["rows"][0]["values"][0]["got"], 2);
}

#[test]
fn all_windows_count_where_the_rows_are_one_text_and_all_values_where_they_are_exact() {
    let one = right()
        .replace("[expect]\nw = '''\n", "expect = '''\n")
        .replace("{\"window_start", "{\"name\":\"w\",\"window_start");
    let missing = said(&one);
    assert!(missing.contains("5 rows as expected, 1 unexpected\n  unexpected  all  1970"), "{missing}");
    let exact = said(&right().replace("[expect]", "exact = true\n[expect]"));
    assert!(exact.contains("mean  expected nothing  got 2.0"), "{exact}");
    let near = right().replace("\"mean\":0.1", "\"mean\":0.1000001");
    assert!(matches!(verdict(&near), Verdict::Failed(_)));
    assert_eq!(verdict(&near.replace("[expect]", "tolerance = 1e-6\n[expect]")), Verdict::Passed);
}

#[test]
fn a_row_that_is_there_twice_in_the_case_is_missing_once() {
    let row = w(20, "a", r#","n":1"#);
    let twice = said(&right().replace(&row, &format!("{row}{row}")));
    assert!(twice.contains("5 rows as expected, 1 missing\n"), "{twice}");
}

#[test]
fn a_run_that_must_fail_is_held_against_its_error() {
    let stop = right().replace("type = \"stdin\"", "type = \"stdin\"\non_bad = \"stop\"");
    let stop = stop.replace("{\"timestamp\": 3,", "{\"timestamp\" 3,");
    let (head, _) = stop.split_once("[expect]").unwrap();
    assert!(matches!(verdict(&stop), Verdict::Broke(_)));
    assert_eq!(verdict(&stop).exit_code(), 1);
    assert!(said(&stop).contains("the run failed:\n  error[source.bad]: "), "{}", said(&stop));
    assert_eq!(verdict(&format!("{head}expect_error = \"source.bad\"\n")), Verdict::Passed);
    let other = said(&format!("{head}expect_error = \"no such thing\"\n"));
    assert!(other.contains("was expected to fail with \"no such thing\", but:\n  error[source.bad]"), "{other}");
    let (head, _) = right().split_once("[expect]").map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
    let well = said(&format!("{head}expect_error = \"x\"\n"));
    assert!(well.contains("but:\n  the run ended well\n"), "{well}");
    let sql = head.replace("count(*)", "counted(*)");
    assert_eq!(verdict(&format!("{sql}expect_error = \"unknown aggregate\"\n")).exit_code(), 1);
    assert_eq!(verdict(&format!("{sql}expect_error = \"counted\"\n")), Verdict::Passed);
}

#[test]
fn what_is_wrong_with_a_case_is_said_with_its_line_and_what_to_do() {
    let all = right();
    let change = |from: &str, to: &str| {
        assert!(all.contains(from), "{from}");
        all.replacen(from, to, 1)
    };
    let head = all.split_once("[expect]").map(|(head, _)| head.to_owned()).unwrap();
    for (text, code, line, words) in [
        (change("input.events", "imput.events"), "case.key", 18, "did you mean input?"),
        (change("input.events", "input.event"), "case.input", 18, "did you mean events?"),
        (change(EVENTS, ""), "case.input", 0, "[input]: events = '''...'''"),
        (change(EVENTS, "input.events = []\n"), "case.value", 18, "for no events write ''"),
        (change(EVENTS, "input.events = { files = 'x' }\n"), "case.type", 18, "{ file = \"events.ndjson\" }"),
        (change(EVENTS, "input.events = { file = 'x' }\n"), "case.input", 18, "there is no x"),
        (change("[expect]", "workers = [0]\n[expect]"), "case.type", 25, "1 to 64"),
        (change("[expect]", "workers = []\n[expect]"), "case.type", 25, "1 to 64"),
        (change("[expect]", "tolerance = -1\n[expect]"), "case.value", 25, "0 or more"),
        (change("[expect]", "tolerance = nan\n[expect]"), "case.value", 25, "0 or more"),
        (change("[expect]", "exact = 1\n[expect]"), "case.type", 25, "true or false, found a whole number"),
        (change("[expect]", "set = { a = 1 }\n[expect]"), "case.type", 25, "a list of texts, found a table"),
        (change("[expect]", "set = ['windows.v.size=5s']\n[expect]"), "config.set", 0, "--set windows.v.size=5s"),
        (change("[expect]", "expect_error = 'x'\n[expect]"), "case.value", 25, "a run that fails has no rows"),
        (head.clone() + "expect_error = 'x'\nexpect_counts.late = 1\n", "case.value", 25, "no rows and no counts"),
        (change("[expect]", "expect_counts = { lat = 1 }\n[expect]"), "case.count", 25, "did you mean late?"),
        (change("[expect]", "expect_counts.w = { lat = 1 }\n[expect]"), "case.count", 25, "did you mean late?"),
        (change("[expect]", "expect_counts.rejected.syntx = 1\n[expect]"), "case.count", 25, "did you mean syntax?"),
        (change("[expect]", "expect_counts.late = -1\n[expect]"), "case.value", 25, "-1 is not a count"),
        (change("[expect]", "expect_counts = 5\n[expect]"), "case.type", 25, "a table of counters"),
        (change("[expect]", "[expect"), "case.syntax", 25, "not TOML"),
        (change("w = '''\n", "v = '''\n"), "case.row", 26, "there is no window or pattern 'v'"),
        (change("\"page\":\"b\"", "\"pag\":\"b\""), "case.row", 28, "did you mean page?"),
        (change("\"mean\":1}", "\"mean\":}"), "case.row", 27, "not a JSON object"),
        (change(PIPELINE, ""), "case.required", 0, "relative to the case"),
        (change(PIPELINE, "pipeline = 'no.toml'\n"), "case.pipeline", 2, "cannot read no.toml"),
        (change(PIPELINE, "[pipeline.sources.x]\n"), "case.type", 2, "between ''' and '''"),
        // The pipeline's own mistakes stand where they are written in the case.
        (change("type = \"stdin\"", "type = \"stdim\""), "config.value", 4, "did you mean stdin?"),
        (change("avg(x)", "avg(x"), "expr.syntax", 11, ""),
        (change("type = \"stdin\"", "type = \"${KIND}\""), "config.env", 4, "env = { NAME"),
    ] {
        let Verdict::Wrong(problems) = verdict(&text) else { panic!("{code}: {:?}\n{text}", verdict(&text)) };
        let found = problems.list.iter().find(|p| p.line == line && p.to_string_has(words));
        assert!(found.is_some_and(|p| p.code == code || code.starts_with("expr")), "{code} {line} {words}\n{problems}");
    }
    assert!(
        said(&head).contains("error[case.required]: the case expects nothing\n    --> x.case.toml\n"),
        "{}",
        said(&head)
    );
}

trait Has {
    fn to_string_has(&self, words: &str) -> bool;
}

impl Has for crate::error::Problem {
    fn to_string_has(&self, words: &str) -> bool {
        [&self.message, &self.text, self.help.as_ref().unwrap_or(&String::new())]
            .iter()
            .any(|text| text.contains(words))
    }
}

#[test]
fn every_key_of_the_reference_is_read_as_its_example_has_it() {
    for key in KEYS {
        let pipeline = if key.name == "pipeline" { "" } else { "pipeline = \"x\"\n" };
        let text = format!("{pipeline}{} = {}\n", key.name, key.example);
        assert!(parse("x.case.toml", &text).is_ok_and(|case| case != parse("", "pipeline = \"x\"").unwrap()), "{text}");
    }
}

#[test]
fn of_many_rows_that_differ_some_are_shown() {
    let (head, _) = right().split_once("input.events").map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
    let many = head.replace("\"stdin\"", "\"generate\"\nevents = 1000\nrate = 1");
    let said = said(&format!("{many}expect = ''\n"));
    assert!(said.starts_with("FAILED  x.case.toml: A story.\n  0 rows as expected, "), "{said}");
    assert_eq!(said.lines().filter(|line| line.starts_with("  unexpected")).count(), 20);
    assert!(
        said.lines()
            .last()
            .is_some_and(|last| last.starts_with("  ... and ") && last.ends_with(" rows that are not as expected")),
        "{said}"
    );
}

#[test]
fn the_environment_of_a_case_is_what_it_says() {
    let text = right().replace("type = \"stdin\"", "type = \"${KIND}\"");
    assert_eq!(verdict(&text.replace("input.events", "env = { KIND = 'stdin' }\ninput.events")), Verdict::Passed);
}

#[test]
fn a_rewritten_case_passes_and_keeps_every_other_byte() {
    let text = right().replace("\"n\":2,\"mean\":1.5", "\"n\":9,\"mean\":9")
        + "# the end\n[expect_counts]\nw.late = 7 # seven\n";
    let case = parse("x.case.toml", &text).unwrap();
    let told = tell(&case, Some(&[2])).unwrap();
    let new = rewrite(&case, &told).unwrap();
    assert_eq!(verdict(&new), Verdict::Passed);
    // As these rows came in this order, and name their values as those before did, nothing else is new.
    let w20 = w(20, "a", r#","n":1"#);
    let right = right().replace(&w20, &w(20, "a", r#","n":1,"mean":2.0"#)).replace("\"mean\":1,", "\"mean\":1.0,");
    let right = right.replace("\"mean\":1}", "\"mean\":1.0}");
    assert_eq!(new, right + "# the end\n[expect_counts]\nw.late = 1 # seven\n");
    let again = parse("x.case.toml", &new).unwrap();
    assert_eq!(rewrite(&again, &tell(&again, None).unwrap()).unwrap(), new);
}

#[test]
fn a_case_that_expects_nothing_is_filled_in_whatever_stands_at_its_end() {
    let (head, _) = right().split_once("[expect]").map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
    for text in [head.clone(), head.trim_end().to_owned(), head.replace("input.events", "[input]\nevents")] {
        let case = parse("x.case.toml", &text).unwrap();
        let new = rewrite(&case, &tell(&case, None).unwrap()).unwrap();
        assert!(new.starts_with(&text) && new.contains("\n[expect]\nw = '''\n{\"name\":\"w\""), "{new}");
        assert_eq!(verdict(&new), Verdict::Passed);
    }
}

#[test]
fn the_row_of_groups_beyond_a_cap_is_told_by_overflow_alone() {
    let capped = right().replace("group_by = [\"page\"]\n", "group_by = [\"page\"]\nmax_groups = 1\n");
    let (head, _) = capped.split_once("[expect]").unwrap();
    let row = |n: u32| {
        let window = "\"window_start\":\"1970-01-01T00:00:00Z\",\"window_end\":\"1970-01-01T00:00:10Z\"";
        format!("{{{window},\"overflow\":true,\"n\":{n}}}\n")
    };
    let text = format!("{head}[expect]\nw = '''\n{}'''\n", row(7));
    let shown = said(&text);
    assert!(
        shown.contains("differs     w  1970-01-01T00:00:00Z .. 1970-01-01T00:00:10Z  overflow  revision 0 +"),
        "{shown}"
    );
    let rows = json("x.case.toml", "", &verdict(&text))["rows"].clone();
    assert!(rows.as_array().unwrap().iter().any(|row| row["overflow"] == true), "{rows}");
    let case = parse("x.case.toml", &text).unwrap();
    let new = rewrite(&case, &tell(&case, None).unwrap()).unwrap();
    assert_eq!(verdict(&new), Verdict::Passed);
    assert!(new.contains("\"page\":null,\"n\":1,\"overflow\":true}\n"), "{new}");
    // Of a window without a cap no row has it.
    let without = said(&text.replace("max_groups = 1\n", ""));
    assert!(without.contains("rows of w have no overflow"), "{without}");
}

#[test]
fn rows_that_cannot_be_read_are_no_hindrance_to_new_ones() {
    let text =
        right().replace("\"page\":\"b\"", "\"side\":\"b\"").replace("[expect]\n", "[expect]\nall = 'nonsense'\n");
    let case = parse("x.case.toml", &text).unwrap();
    let told = tell(&case, None).unwrap();
    assert!(matches!(judge(&case, &told), Verdict::Wrong(_)));
    assert_eq!(verdict(&rewrite(&case, &told).unwrap()), Verdict::Passed);
    // A window that is not there stays an error: what was meant by it is not known.
    let gone = parse("x.case.toml", &text.replace("[expect]\nall", "[expect]\nnone")).unwrap();
    assert!(matches!(rewrite(&gone, &told), Err(Verdict::Wrong(_))));
}

#[test]
fn csv_lines_and_generated_events_are_input_too() {
    let csv = right().replace("type = \"stdin\"", "type = \"stdin\"\nformat = \"csv\"");
    let (head, tail) = csv.split_once("input.events").unwrap();
    let (_, tail) = tail.split_once("\n'''\n").unwrap();
    let text = format!("{head}input.events = '''\ntimestamp,page,x\n1,a,1\n2,b,0.1\n11,a,2\n3,a,2\n'''\n{tail}");
    assert_eq!(verdict(&text), Verdict::Passed, "{}", said(&text));
    let generated = right().replace("type = \"stdin\"", "type = \"generate\"\nevents = 500");
    assert_eq!(verdict(&generated), Verdict::Passed, "the input stands for its events");
    let (head, _) = generated.split_once("input.events").unwrap();
    assert_eq!(verdict(&format!("{head}expect_counts.events = 500\n")), Verdict::Passed);
}

#[test]
fn nothing_is_left_of_a_run() {
    let scratch = super::scratch::Scratch::new().unwrap();
    let path = std::path::PathBuf::from(scratch.write("input.events", "{}").unwrap());
    assert!(path.exists() && path.starts_with(std::env::temp_dir()));
    let error = crate::error::Error::user("x", "y").at(format!("{} at byte 5", path.display()));
    assert_eq!(scratch.hide(error).place.as_deref(), Some("input.events at byte 5"));
    drop(scratch);
    assert!(!path.exists() && !path.parent().is_some_and(Path::exists));
}

/// A pattern with two matches of the same times and key, with `rows` as what is expected.
fn routes(rows: &str) -> String {
    format!(
        "# A story.\npipeline = '''\n[sources.events]\ntype = \"stdin\"\n[patterns.m]\nfrom = \"events\"\nkey = \"k\"\n\
         match = \"b ->> a -> z\"\nwithin = \"1m\"\nskip = \"no_skip\"\n\
         define = {{ b = \"s = 'b'\", a = \"s = 'a'\", z = \"s = 'z'\" }}\nselect = {{ x = \"a.x\", y = \"z.x\" }}\n'''\n\
         input.events = '''\n\
         {{\"timestamp\": 1, \"id\": 1, \"k\": \"u\", \"s\": \"b\"}}\n{{\"timestamp\": 2, \"id\": 2, \"k\": \"u\", \"s\": \"a\", \"x\": 5}}\n\
         {{\"timestamp\": 3, \"id\": 3, \"k\": \"u\", \"s\": \"a\", \"x\": 6}}\n{{\"timestamp\": 4, \"id\": 4, \"k\": \"u\", \"s\": \"z\", \"x\": 7}}\n\
         '''\n\n[expect]\nm = '''\n{rows}'''\n"
    )
}

const MATCH: &str = r#"{"match_start":"1970-01-01T00:00:01Z","match_end":"1970-01-01T00:00:04Z","key":"u""#;

#[test]
fn matches_are_told_apart_by_key_times_and_then_by_values_and_events() {
    let rows = |list: &[&str]| list.iter().map(|rest| format!("{MATCH}{rest}}}\n")).collect::<String>();
    let (second, third) = (r#","events":{"a":[2],"b":[1],"z":[4]}"#, r#","events":{"b":[1],"a":[3],"z":[4]}"#);
    // However little a row names, it takes none that another one needs.
    for list in [
        [second, third],
        [third, second],
        ["", second],
        ["", third],
        [second, ""],
        [r#","y":7"#, r#","x":5"#],
        [r#","x":6"#, r#","y":7.0"#],
        ["", ""],
    ] {
        assert_eq!(verdict(&routes(&rows(&list))), Verdict::Passed, "{list:?}: {}", said(&routes(&rows(&list))));
    }
    let shown = said(&routes(&rows(&[second, second])));
    let expected = "  1 row as expected, 1 differs\n  \
        differs     m  1970-01-01T00:00:01Z .. 1970-01-01T00:00:04Z  key=\"u\"  revision 0 +  line 24\n              \
        events  expected {\"a\":[2],\"b\":[1],\"z\":[4]}  got {\"a\":[3],\"b\":[1],\"z\":[4]}\n";
    assert!(shown.ends_with(expected), "{shown}");
    let told = json("x.case.toml", "", &verdict(&routes(&rows(&[second, second]))));
    assert_eq!(told["rows"][0]["match_end"], "1970-01-01T00:00:04Z");
    assert!(told["rows"][0].get("window_end").is_none(), "{told}");
    let shown = said(&routes(&rows(&[second, third, r#","x":5"#])));
    assert!(shown.contains("2 rows as expected, 1 missing") && shown.contains(" x=5\n"), "{shown}");
    let shown = said(&routes(&rows(&[r#","x":6"#])));
    assert!(shown.contains("unexpected  m ") && shown.contains(" x=5 y=7 events={\"a\":[2]"), "{shown}");
    let shown =
        said(&routes("{\"window_start\":\"1970-01-01T00:00:01Z\"}\n{\"match_start\":\"1970-01-01T00:00:01Z\"}\n"));
    assert!(shown.contains("rows of m have no window_start"), "{shown}");
    let help = "a row of m is told by match_start, match_end, key, revision and op, and then by its values";
    assert!(shown.contains("the row has no match_end") && shown.contains(help), "{shown}");
}

#[test]
fn rewritten_matches_have_their_steps_in_order() {
    let case = parse("x.case.toml", &routes(&format!("{MATCH},\"events\":{{}}}}\n"))).unwrap();
    let new = rewrite(&case, &tell(&case, None).unwrap()).unwrap();
    let row = |a: u32| format!("{MATCH},\"events\":{{\"b\":[1],\"a\":[{a}],\"z\":[4]}}}}\n");
    assert_eq!(new, routes(&format!("{}{}", row(2), row(3))));
}

proptest! {
    #[test]
    fn any_text_is_read_without_a_panic(at in 0_usize..2000, cut in 0_usize..60, put in "(?s).{0,12}") {
        let all = right();
        let floor = |at: usize| (0..=at.min(all.len())).rev().find(|at| all.is_char_boundary(*at)).unwrap_or(0);
        let (from, to) = (floor(at), floor(at + cut));
        let text = format!("{}{put}{}", &all[..from], &all[to..]);
        let _ = parse("x.case.toml", &text);
    }
}
