//! One input in every format, packed, cut and listed in every way, against the plain JSON file.
//!
//! Catches: lines lost or doubled at the seams of files, members and blocks; clocks that differ; values read otherwise.
//! Cannot catch: what is wrong in the plain JSON file too; `ends` and `oracle_random` look at that.

use super::harness::{Width, in_time, run, write_case};
use highwater::error::Error;
use serde_json::json;
use std::io::Write;
use std::path::Path;

const PIPELINE: &str = r#"
[sources.events]
type = "file"
SOURCE
time = { field = "t", unit = "s" }
out_of_orderness = "1s"
dead_letters = "{dir}/dead.out"

[streams.some]
from = "events"
where = "k IN ('a', 'b\"c', 'd,e')"

[windows.counts]
from = "some"
size = "10s"
slide = "5s"
allowed_lateness = "3s"
group_by = { k = "k", ok = "ok" }
select = { n = "count(*)", total = "sum(v)", texts = "count(DISTINCT s)" }

[sinks.out]
type = "stdout"
format = "json"
times = "unix_ms"
from = ["counts"]
"#;

const WIDTHS: &[Width] = &[
    Width { workers: 1, processes: 1, block: None },
    Width { workers: 2, processes: 1, block: Some(300) },
    Width { workers: 3, processes: 1, block: Some(17) },
    Width { workers: 1, processes: 2, block: Some(4_000) },
];

/// An event, with disorder and lateness.
struct Event(f64, &'static str, i64, bool, String);

fn events() -> Vec<Event> {
    let names = ["a", "b\"c", "d,e", "f"];
    let mut state = 7u64;
    let mut draw = |n: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % n
    };
    (0..2_000)
        .map(|i| {
            let late = if draw(20) == 0 { draw(80) } else { draw(10) };
            let t = (i * 2 + 100 - late) as f64 / 10.0;
            let name = names[draw(4) as usize];
            Event(t, name, draw(1_000) as i64 - 500, draw(2) == 0, format!("s{}", draw(50)))
        })
        .collect()
}

fn as_json(events: &[Event]) -> String {
    let line = |e: &Event| json!({"t": e.0, "k": e.1, "v": e.2, "ok": e.3, "s": e.4}).to_string() + "\n";
    events.iter().map(line).collect()
}

fn as_csv(events: &[Event], header: bool) -> Vec<u8> {
    let mut out = csv::Writer::from_writer(Vec::new());
    if header {
        out.write_record(["t", "k", "unread", "v", "ok", "s"]).expect("memory takes it");
    }
    for e in events {
        let fields = [&e.0.to_string(), e.1, "x", &e.2.to_string(), &e.3.to_string(), &e.4];
        out.write_record(fields).expect("memory takes it");
    }
    out.into_inner().expect("memory takes it")
}

fn as_lines(events: &[Event]) -> String {
    events.iter().map(|e| format!("[{}] {} <{}> {} {}\n", e.0, e.2, e.1, e.3, e.4)).collect()
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    out.write_all(text).expect("memory takes it");
    out.finish().expect("memory takes it")
}

fn zstd(text: &[u8]) -> Vec<u8> {
    ruzstd::encoding::compress_to_vec(text, ruzstd::encoding::CompressionLevel::Fastest)
}

/// Cuts a text anywhere into members of an archive.
fn members(text: &[u8], pack: impl Fn(&[u8]) -> Vec<u8>) -> Vec<u8> {
    text.chunks(text.len() / 7 + 1).flat_map(pack).collect()
}

fn put(folder: &Path, name: &str, bytes: impl AsRef<[u8]>) {
    let path = folder.join(name);
    std::fs::create_dir_all(path.parent().expect("it is in a folder")).expect("the scratch folder takes folders");
    std::fs::write(path, bytes).expect("the scratch folder takes files");
}

fn rows(folder: &Path, source: &str, width: Width) -> Result<Vec<u8>, Error> {
    let text = write_case(folder, &PIPELINE.replace("SOURCE", source), &[]);
    run(&text, width).map(|ran| ran.output)
}

/// Every way to say the source gives the rows of the plain file, at every width.
fn same_as_plain(files: impl Fn(&Path, &[Event]), sources: &'static [&'static str]) {
    let folder = tempfile::tempdir().expect("a scratch folder");
    let events = events();
    put(folder.path(), "plain.ndjson", as_json(&events));
    files(folder.path(), &events);
    in_time("runs", move || {
        let expected = rows(folder.path(), "path = \"{dir}/plain.ndjson\"", WIDTHS[0]).expect("the plain file");
        assert!(expected.iter().filter(|b| **b == b'\n').count() > 100);
        for source in sources {
            for width in WIDTHS {
                let found = rows(folder.path(), source, *width).unwrap_or_else(|e| panic!("{source} {width:?}: {e}"));
                assert!(found == expected, "{source} at {width:?} says something else");
            }
        }
    });
}

#[test]
fn archives_when_of_many_members_then_are_read_as_the_plain_file() {
    let files = |folder: &Path, events: &[Event]| {
        let text = as_json(events);
        put(folder, "a.gz", members(text.as_bytes(), gzip));
        put(folder, "a.zst", members(text.as_bytes(), zstd));
        put(folder, "gz", gzip(text.as_bytes()));
    };
    same_as_plain(
        files,
        &["path = \"{dir}/a.gz\"", "path = \"{dir}/*.zst\"", "path = \"{dir}/gz\"\ncompression = \"gzip\""],
    );
}

#[test]
fn files_when_read_as_one_then_are_the_file_that_was_cut() {
    let files = |folder: &Path, events: &[Event]| {
        for (i, part) in events.chunks(333).enumerate() {
            let text = as_json(part);
            // A last line without its end is whole at the end of its file.
            let text = text.trim_end();
            put(folder, &format!("parts/{i}.ndjson"), text);
            put(folder, &format!("parts/.{i}.ndjson"), "hidden");
            let (name, bytes) = match i % 3 {
                0 => (format!("mixed/{i}.gz"), gzip(text.as_bytes())),
                1 => (format!("mixed/{i}.zst"), zstd(text.as_bytes())),
                _ => (format!("mixed/{i}"), text.as_bytes().to_vec()),
            };
            put(folder, &name, bytes);
        }
        put(folder, "parts/00.ndjson", "");
    };
    same_as_plain(
        files,
        &[
            "path = \"{dir}/parts/*.ndjson\"\nas_one = true",
            "path = \"{dir}/parts\"\nas_one = true",
            "path = [\"{dir}/parts/0.ndjson\", \"{dir}/**/[0-9].ndjson\"]\nas_one = true",
            "path = \"{dir}/mixed\"\nas_one = true",
        ],
    );
}

#[test]
fn fields_when_between_delimiters_or_found_by_a_pattern_then_are_those_of_json() {
    let files = |folder: &Path, events: &[Event]| {
        put(folder, "a.csv", as_csv(events, true));
        put(folder, "a.csv.gz", members(&as_csv(events, true), gzip));
        put(folder, "bare.csv", as_csv(events, false));
        for (i, part) in events.chunks(500).enumerate() {
            put(folder, &format!("csv/{i}.csv"), as_csv(part, true));
        }
        put(folder, "a.log", as_lines(events));
    };
    same_as_plain(
        files,
        &[
            "path = \"{dir}/a.csv\"\nformat = \"csv\"",
            "path = \"{dir}/a.csv.gz\"\nformat = \"csv\"",
            "path = \"{dir}/bare.csv\"\nformat = \"csv\"\nheader = false\n\
             columns = [\"t\", \"k\", \"unread\", \"v\", \"ok\", \"s\"]\ntypes = { v = \"int\", ok = \"bool\", k = \"text\" }",
            "path = \"{dir}/csv\"\nas_one = true\nformat = \"csv\"",
            "path = \"{dir}/a.log\"\nformat = \"lines\"\ntypes = { v = \"auto\", ok = \"bool\" }\n\
             pattern = '^\\[(?<t>[^]]+)\\] (?<v>\\S+) <(?<k>.*)> (?<ok>\\S+) (?<s>.*)$'",
        ],
    );
}

#[test]
fn archive_when_cut_short_then_the_run_fails_and_names_it() {
    let folder = tempfile::tempdir().expect("a scratch folder");
    let text = as_json(&events());
    for (name, packed) in [("a.gz", members(text.as_bytes(), gzip)), ("a.zst", members(text.as_bytes(), zstd))] {
        put(folder.path(), name, &packed[..packed.len() - 30]);
        for width in [WIDTHS[0], WIDTHS[2]] {
            let source = format!("path = \"{{dir}}/{name}\"");
            let e = rows(folder.path(), &source, width).expect_err("the archive is cut short");
            assert_eq!(e.code, "source.damaged");
            assert!(e.to_string().contains(name) && e.to_string().contains("after byte"), "{e}");
        }
    }
}
