//! Streams by example: what routes, unions, samples and dedups give, with answers written by hand. Random pipelines with
//! them are held against the oracle elsewhere; here stands what a user is told.

use super::harness::{Width, run, write_case};
use serde_json::Value;

/// The values `n` by `k` of the rows of a run over two partitions, and the duplicates that were counted; the same at
/// all widths.
fn counts(streams: &str, window: &str, partitions: [&str; 2]) -> (Vec<(String, u64)>, u64) {
    let folder = tempfile::tempdir().expect("a scratch folder");
    let pipeline = format!(
        "[sources.a]\ntype = \"file\"\npath = \"{{0}}\"\nout_of_orderness = \"3s\"\n\
         [sources.b]\ntype = \"file\"\npath = \"{{1}}\"\nout_of_orderness = \"3s\"\nrate_limit = \"100000/s\"\n\
         {streams}\n[windows.w]\n{window}\nsize = \"20s\"\nallowed_lateness = \"1m\"\n\
         [sinks.out]\ntype = \"stdout\"\nformat = \"json\"\ntimes = \"unix_ms\"\nfrom = \"w\"\nmode = \"corrections\"\n"
    );
    let files = partitions.map(|text| text.as_bytes().to_vec());
    let text = write_case(folder.path(), &pipeline, &files);
    let mut answers = Vec::new();
    for width in
        [Width::new(1, None), Width::new(2, Some(1)), Width::new(3, Some(30)), Width::two_processes(1, Some(20))]
    {
        let ran = run(&text, width).unwrap_or_else(|e| panic!("{e}"));
        let text = |v: &Value| v.as_str().map_or_else(|| v.to_string(), str::to_owned);
        let rows = ran.rows().iter().map(|row| (text(&row["k"]), row["n"].as_u64().expect("a count"))).collect();
        answers.push((rows, ran.sum(|s| s.parts.iter().map(|p| p.duplicates).sum())));
    }
    assert!(answers.windows(2).all(|two| two[0] == two[1]), "{answers:?}");
    answers.remove(0)
}

fn rows(list: &[(&str, u64)]) -> Vec<(String, u64)> {
    list.iter().map(|(k, n)| ((*k).to_owned(), *n)).collect()
}

const COUNT: &str = "group_by = [\"k\"]\nselect = { n = \"count(*)\" }";

#[test]
fn events_when_no_other_stream_takes_them_then_are_the_rest() {
    let streams = "[streams.ones]\nfrom = [\"a\", \"b\"]\nwhere = \"v = 1\"\n\
                   [streams.big]\nfrom = [\"b\", \"a\"]\nwhere = \"v > 5\"\n\
                   [streams.rest]\nfrom = [\"a\", \"b\"]\nrest_of = [\"ones\", \"big\"]\n";
    let first =
        "{\"timestamp\":1,\"k\":\"x\",\"v\":1}\n{\"timestamp\":2,\"k\":\"x\",\"v\":2}\n{\"timestamp\":3,\"k\":\"x\"}\n";
    let second = "{\"timestamp\":1,\"k\":\"y\",\"v\":9}\n{\"timestamp\":2,\"k\":\"y\",\"v\":\"1\"}\n";
    let window = format!("from = \"rest\"\n{COUNT}");
    assert_eq!(counts(streams, &window, [first, second]).0, rows(&[("x", 2), ("y", 1)]), "NULL is not TRUE");
}

#[test]
fn a_union_when_an_event_comes_by_two_roads_then_counts_it_twice_and_a_field_of_one_is_null_for_the_other() {
    let streams = "[streams.named]\nfrom = \"a\"\nset = { k = \"'named'\", z = \"1\" }\n";
    let first = "{\"timestamp\":1,\"k\":\"x\"}\n";
    let second = "{\"timestamp\":2,\"k\":\"y\"}\n";
    let window = "from = [\"named\", \"a\", \"b\"]\ngroup_by = [\"k\"]\nselect = { n = \"count(*) + count(z)\" }";
    let expected = rows(&[("named", 2), ("x", 1), ("y", 1)]);
    assert_eq!(counts(streams, window, [first, second]).0, expected);
}

#[test]
fn duplicates_when_they_come_by_other_partitions_or_late_then_are_dropped_and_counted() {
    let streams = "[streams.unique]\nfrom = [\"a\", \"b\"]\ndedup = { by = \"id\", within = \"10s\" }\n";
    // Of id 1: 1 is kept, 5 and 1 are duplicates, 12 is 11 s from 1 and kept. Without an id all are.
    let first = "{\"timestamp\":1,\"id\":1,\"k\":\"x\"}\n{\"timestamp\":5,\"id\":1,\"k\":\"x\"}\n{\"timestamp\":5,\"k\":\"x\"}\n\
                 {\"timestamp\":5,\"k\":\"x\"}\n{\"timestamp\":2,\"id\":\"1\",\"k\":\"x\"}\n";
    // The second of id 7 is late (its tick is 27 s), and a duplicate of the first; the third is 10 s from it and corrects.
    let second = "{\"timestamp\":1,\"id\":1.0,\"k\":\"y\"}\n{\"timestamp\":12,\"id\":1,\"k\":\"y\"}\n{\"timestamp\":15,\"id\":7,\"k\":\"y\"}\n\
                  {\"timestamp\":30,\"id\":8,\"k\":\"y\"}\n{\"timestamp\":6,\"id\":7,\"k\":\"y\"}\n{\"timestamp\":5,\"id\":7,\"k\":\"y\"}\n";
    let window = format!("from = \"unique\"\n{COUNT}");
    let expected = rows(&[("x", 4), ("y", 2), ("y", 3), ("y", 1)]);
    assert_eq!(counts(streams, &window, [first, second]), (expected, 3));
}
