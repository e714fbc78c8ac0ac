//! Pipelines of a program on several processes: closures and aggregates at both ends of a socket. What they compute is
//! tested beside them; here is that more processes change nothing, and that programs that differ refuse each other.

use crate::harness::{Width, in_time, topologies};
use highwater::engine::Options;
use highwater::{Aggregate, Pipeline, PipelineError, Source, Stream, Value, Window};
use std::path::{Path, PathBuf};
use std::sync::mpsc::channel;

/// The greatest common divisor of whole numbers.
#[derive(Default)]
struct Divisor(i64);

impl Aggregate for Divisor {
    type Output = Option<i64>;

    fn add(&mut self, value: Value<'_>) -> bool {
        value.as_i64().map(|v| self.merge(&Divisor(v))).is_some()
    }

    fn merge(&mut self, other: &Self) {
        let (mut a, mut b) = (self.0, other.0);
        while b != 0 {
            (a, b) = (b, a % b);
        }
        self.0 = a;
    }

    fn finish(&self) -> Option<i64> {
        Some(self.0).filter(|divisor| *divisor != 0)
    }

    fn encode(&self, out: &mut Vec<u8>) {
        out.extend(self.0.to_le_bytes());
    }

    fn decode(&self, bytes: &[u8]) -> Option<Self> {
        Some(Divisor(i64::from_le_bytes(bytes.try_into().ok()?)))
    }
}

fn pipeline(path: &Path, version: u32) -> Pipeline {
    Pipeline::new("p")
        .version(version)
        .aggregate("divisor", Divisor::default)
        .function("half", |[n]| n.as_i64().map(|n| n / 2))
        .source("e", Source::file(path.display().to_string()))
        .stream("s", Stream::from("e").filter_fn(["n"], |[n]| n.as_i64().is_some_and(|n| n % 60 != 6)))
        .window(
            "w",
            Window::sliding("10s", "5s")
                .from("s")
                .allowed_lateness("30s")
                .group_by_fn("k", ["n"], |[n]| n.as_i64().map(|n| n % 7))
                .select("divisor", "divisor(n)")
                .select("halves", "sum(half(n))"),
        )
}

/// The rows at a width; `versions` are those of the processes.
fn rows(path: PathBuf, width: Width, versions: [u32; 2]) -> Result<Vec<String>, PipelineError> {
    let (say, rows) = channel();
    let processes: Vec<_> = topologies(width)
        .into_iter()
        .zip(versions)
        .map(|(topology, version)| {
            let (say, path) = (say.clone(), path.clone());
            std::thread::spawn(move || {
                let options = Options { topology, block_bytes: width.block, ..Options::local(width.workers) };
                pipeline(&path, version).on_rows("w", move |row| say.send(row.to_string())).run_with(options)
            })
        })
        .collect();
    drop(say);
    for process in processes {
        process.join().expect("a process of the test does not panic")?;
    }
    Ok(rows.iter().collect())
}

#[test]
fn closures_and_aggregates_say_the_same_on_two_processes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("in.ndjson");
    let line = |i: i64| format!("{{\"timestamp\": {}, \"n\": {}}}\n", i / 20 - if i % 9 == 0 { 12 } else { 0 }, i * 6);
    std::fs::write(&path, (400..2400).map(line).collect::<String>()).unwrap();
    let run = |width| {
        let path = path.clone();
        in_time("a run", move || rows(path, width, [1, 1]))
    };
    let expected = run(Width::new(1, None)).unwrap();
    assert!(expected.len() > 200 && expected.iter().any(|row| row.contains("\"op\":\"-\"")), "{}", expected.len());
    for width in [Width::new(3, Some(500)), Width::two_processes(1, Some(500)), Width::two_processes(2, Some(700))] {
        assert_eq!(run(width).unwrap(), expected, "{width:?}");
    }
    let path = path.clone();
    let refused = in_time("a refusal", move || rows(path, Width::two_processes(1, None), [1, 2])).unwrap_err();
    assert!(refused.to_string().contains("pipeline"), "{refused}");
}
