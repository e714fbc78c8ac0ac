//! Settings, turned into figures: makes the inputs, runs loop and engine in turn, checks that they agree.
//!
//! Every run is a process of its own, so that memory and CPU seconds are its own: the loop as a hidden form of
//! `highwater bench`, the engine as `highwater run`, as users start it. A round runs every subject once, the loop
//! first; rounds follow each other, so that a change of the machine's mood meets all subjects.
//!
//! The rows of the engine's first run are compared with the loop's, value by value; every other run of the engine
//! must write the same bytes.

use super::baseline;
use super::compare::{Agreement, RowSet, compare};
use super::enrich;
use super::inputs::{Input, Maker};
use super::jobs::Job;
use super::measure::{Usage, half_of_memory, load, measure};
use super::report::{JobReport, Report, SubjectReport};
use super::table::hash;
use crate::error::{Error, Kind, Problems};
use crate::plan::{Plan, compile};
use std::fs::File;
use std::io::{BufReader, Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What is measured.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The jobs, in this order.
    pub jobs: Vec<Job>,
    /// Events of each input.
    pub events: u64,
    /// Widths of a single process.
    pub workers: Vec<usize>,
    /// Also two processes of one worker.
    pub processes: bool,
    /// Rounds.
    pub repeat: usize,
    /// The folder for inputs and rows; it must be there. Inputs found in it are used again.
    pub folder: PathBuf,
    /// The program: this one.
    pub program: PathBuf,
}

/// One thing that is measured.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Subject {
    name: String,
    way: Way,
    narrow: Option<usize>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Way {
    Loop,
    Engine { workers: usize, processes: usize, pre_aggregate: &'static str },
}

/// The subjects of a job: the loop, then for each way of pre-aggregation every width.
fn subjects(job: Job, settings: &Settings) -> Vec<Subject> {
    let mut list = vec![Subject { name: "loop".to_owned(), way: Way::Loop, narrow: None }];
    let ways: &[&str] = if job.compares_pre_aggregation() { &["auto", "always", "never"] } else { &["auto"] };
    for pre_aggregate in ways {
        let said = if ways.len() > 1 { format!(", {pre_aggregate}") } else { String::new() };
        let first = list.len();
        let narrow = (settings.workers.first() == Some(&1)).then_some(first);
        for &workers in &settings.workers {
            let name = if workers == 1 { "1 worker".to_owned() } else { format!("{workers} workers") };
            list.push(Subject {
                name: format!("{name}{said}"),
                way: Way::Engine { workers, processes: 1, pre_aggregate },
                narrow: narrow.filter(|n| *n != list.len()),
            });
        }
        if settings.processes {
            list.push(Subject {
                name: format!("2 processes{said}"),
                way: Way::Engine { workers: 1, processes: 2, pre_aggregate },
                narrow,
            });
        }
    }
    list
}

/// Measures everything. `tell` is told what goes on.
///
/// # Errors
/// Where a file cannot be made, a run fails, or rows differ (exit code 1).
pub fn run(settings: &Settings, tell: &mut dyn FnMut(&str)) -> Result<Report, Error> {
    let cpus = std::thread::available_parallelism().map_or(1, usize::from);
    let mut report = Report { cpus, load: load(), jobs: Vec::new() };
    for job in with_partners(&settings.jobs) {
        let input = input(job.input(), settings.events, &settings.folder, tell)?;
        report.jobs.push(measure_job(job, &input, settings, tell)?);
    }
    Ok(report)
}

/// The jobs, each after the one that it is held against.
fn with_partners(jobs: &[Job]) -> Vec<Job> {
    let mut list = Vec::new();
    for &job in jobs {
        for job in job.against().into_iter().chain([job]) {
            if !list.contains(&job) {
                list.push(job);
            }
        }
    }
    list
}

fn measure_job(job: Job, input: &Path, settings: &Settings, tell: &mut dyn FnMut(&str)) -> Result<JobReport, Error> {
    let bytes = warm(input)?;
    let subjects = subjects(job, settings);
    let mut runs: Vec<Vec<Usage>> = vec![Vec::new(); subjects.len()];
    let file = |name: &str| settings.folder.join(format!("{}-{name}.ndjson", job.name()));
    let (exact, first) = (file("loop"), file("first"));
    let mut agreement: Option<Agreement> = None;
    for round in 1..=settings.repeat {
        for (subject, runs) in subjects.iter().zip(&mut runs) {
            tell(&format!("{} round {round} of {}: {}", job.name(), settings.repeat, subject.name));
            let is_first = agreement.is_none() && subject.way != Way::Loop;
            let output = match subject.way {
                Way::Loop => exact.clone(),
                _ if is_first => first.clone(),
                _ => file("again"),
            };
            runs.push(measure(commands(job, subject, input, &output, settings)?, half_of_memory())?);
            if subject.way != Way::Loop {
                gather(job, &output)?;
            }
            let name = format!("{}, {}", job.name(), subject.name);
            if is_first {
                agreement = Some(agree(&exact, &output, &name)?);
            } else if subject.way != Way::Loop {
                same(&first, &output, &name)?;
            }
        }
    }
    for name in ["loop", "first", "again"] {
        // What is left over does no harm.
        let _ = std::fs::remove_file(file(name));
    }
    let of =
        |(subject, runs): (Subject, Vec<Usage>)| SubjectReport { name: subject.name, narrow: subject.narrow, runs };
    Ok(JobReport {
        job,
        events: settings.events,
        bytes,
        agreement: agreement.unwrap_or_default(),
        subjects: subjects.into_iter().zip(runs).map(of).collect(),
    })
}

/// Puts the files of a job's parts into one.
fn gather(job: Job, output: &Path) -> Result<(), Error> {
    let parts = job.parts();
    if parts.is_empty() {
        return Ok(());
    }
    let mut all = File::create(output).map_err(|e| unwritable(output, &e))?;
    for name in parts {
        let part = PathBuf::from(format!("{}.{name}", output.display()));
        File::open(&part).and_then(|mut part| std::io::copy(&mut part, &mut all)).map_err(|e| unreadable(&part, &e))?;
        std::fs::remove_file(&part).map_err(|e| unwritable(&part, &e))?;
    }
    Ok(())
}

fn commands(
    job: Job,
    subject: &Subject,
    input: &Path,
    output: &Path,
    settings: &Settings,
) -> Result<Vec<Command>, Error> {
    let Way::Engine { workers, processes, pre_aggregate } = &subject.way else {
        let mut command = Command::new(&settings.program);
        command.args(["bench", "--loop", job.name(), "--input"]).arg(input).arg("--output").arg(output);
        return Ok(vec![command]);
    };
    let pipeline = settings.folder.join(format!("{}.toml", job.name()));
    std::fs::write(&pipeline, &*job.pipeline()).map_err(|e| unwritable(&pipeline, &e))?;
    let hosts = settings.folder.join("hosts.txt");
    if *processes > 1 {
        std::fs::write(&hosts, free_addresses(*processes)?).map_err(|e| unwritable(&hosts, &e))?;
    }
    let one = |process: usize| {
        let mut command = Command::new(&settings.program);
        command.arg("run").arg(&pipeline).args(["--quiet", "-w", &workers.to_string()]);
        if *processes > 1 {
            command.args(["-n", &processes.to_string(), "-p", &process.to_string(), "--hosts"]).arg(&hosts);
        }
        command.env("BENCH_INPUT", input).env("BENCH_OUTPUT", output).env("BENCH_PRE_AGGREGATE", pre_aggregate);
        command
    };
    Ok((0..*processes).map(one).collect())
}

/// A hosts file of addresses that nobody listens on.
fn free_addresses(n: usize) -> Result<String, Error> {
    let failed = |e: std::io::Error| Error::outside("bench.port", format!("no free port can be had: {e}"));
    // All are held until all are known, so that no two are the same.
    let held: Vec<TcpListener> =
        (0..n).map(|_| TcpListener::bind("127.0.0.1:0")).collect::<Result<_, _>>().map_err(failed)?;
    held.iter().map(|l| l.local_addr().map(|a| format!("{a}\n")).map_err(failed)).collect()
}

fn agree(exact: &Path, other: &Path, name: &str) -> Result<Agreement, Error> {
    let read = |path: &Path| RowSet::read(path).map_err(|e| unreadable(path, &e));
    compare(&read(exact)?, &read(other)?).map_err(|what| {
        Error::new(Kind::Difference, "bench.rows", format!("the loop and the engine ({name}) differ: {what}"))
            .at(format!("{} and {}", exact.display(), other.display()))
    })
}

/// Two files must hold the same bytes.
fn same(a: &Path, b: &Path, name: &str) -> Result<(), Error> {
    let open = |path: &Path| File::open(path).map(BufReader::new).map_err(|e| unreadable(path, &e));
    let (mut x, mut y) = (open(a)?, open(b)?);
    let mut pieces = [vec![0; 1 << 16], vec![0; 1 << 16]];
    loop {
        let [p, q] = &mut pieces;
        let n = fill(&mut x, p).map_err(|e| unreadable(a, &e))?;
        let m = fill(&mut y, q).map_err(|e| unreadable(b, &e))?;
        if p[..n] != q[..m] {
            let text = format!("two runs of the engine wrote different rows; the second is {name}");
            return Err(Error::new(Kind::Difference, "bench.rows", text).at(format!(
                "{} and {}",
                a.display(),
                b.display()
            )));
        }
        if n == 0 {
            return Ok(());
        }
    }
}

fn fill(from: &mut impl Read, piece: &mut [u8]) -> std::io::Result<usize> {
    let mut filled = 0;
    while filled < piece.len() {
        match from.read(&mut piece[filled..])? {
            0 => break,
            n => filled += n,
        }
    }
    Ok(filled)
}

/// The input file, made where it is not there. Its name holds a hash of its first block, so that a file of another
/// version of the generator is not taken for it.
///
/// # Errors
/// Where it cannot be written.
pub fn input(input: Input, events: u64, folder: &Path, tell: &mut dyn FnMut(&str)) -> Result<PathBuf, Error> {
    let maker = input.maker(events);
    let mut block = Vec::new();
    maker.block(0, &mut block);
    let path = folder.join(format!("{}-{events}-{:08x}.ndjson", input.name(), hash(&block) as u32));
    if !path.exists() {
        generate(&maker, &path, tell)?;
    }
    form(input, path, tell)
}

/// A plain file in the form of an input, beside it.
fn form(input: Input, plain: PathBuf, tell: &mut dyn FnMut(&str)) -> Result<PathBuf, Error> {
    match input {
        Input::Gzip => packed(plain, "gz", tell, |mut from, to| {
            let mut gzip = flate2::write::GzEncoder::new(to, flate2::Compression::fast());
            std::io::copy(&mut from, &mut gzip)?;
            gzip.finish().map(drop)
        }),
        Input::Zstd => packed(plain, "zst", tell, |from, to| {
            ruzstd::encoding::compress(from, to, ruzstd::encoding::CompressionLevel::Fastest);
            Ok(())
        }),
        Input::Known => {
            if !enrich::path(&plain).exists() {
                tell(&format!("generating {}", enrich::path(&plain).display()));
                let mut lines = 0;
                let counted = baseline::lines(File::open(&plain).map_err(|e| unreadable(&plain, &e))?, |_| lines += 1);
                counted.map_err(|e| unreadable(&plain, &e))?;
                enrich::write(&plain, lines / 5).map_err(|e| unwritable(&enrich::path(&plain), &e))?;
            }
            Ok(plain)
        }
        _ => Ok(plain),
    }
}

fn generate(maker: &Maker, path: &Path, tell: &mut dyn FnMut(&str)) -> Result<(), Error> {
    let mut block = Vec::new();
    tell(&format!("generating {}", path.display()));
    // Under another name first: a file that was cut short is never taken for the input.
    let part = path.with_extension("part");
    let mut write = || -> std::io::Result<()> {
        let mut file = File::create(&part)?;
        for k in 0..maker.blocks() {
            block.clear();
            maker.block(k, &mut block);
            file.write_all(&block)?;
        }
        std::fs::rename(&part, path)
    };
    write().map_err(|e| unwritable(path, &e))
}

/// The file, packed beside the plain one where it is not there.
fn packed(
    plain: PathBuf,
    ending: &str,
    tell: &mut dyn FnMut(&str),
    pack: impl FnOnce(File, File) -> std::io::Result<()>,
) -> Result<PathBuf, Error> {
    let path = plain.with_extension(format!("ndjson.{ending}"));
    if path.exists() {
        return Ok(path);
    }
    tell(&format!("packing {}", path.display()));
    let part = path.with_extension("part");
    let made = || -> std::io::Result<()> {
        pack(File::open(&plain)?, File::create(&part)?)?;
        std::fs::rename(&part, &path)
    };
    made().map_err(|e| unwritable(&path, &e))?;
    Ok(path)
}

/// The plan of a job over `input`, with its rows going to `output`.
///
/// # Errors
/// Where its pipeline file has problems; it has none.
pub fn plan(job: Job, input: &Path, output: &Path) -> Result<Plan, Problems> {
    let env = |name: &str| match name {
        "BENCH_INPUT" => Some(input.display().to_string()),
        "BENCH_OUTPUT" => Some(output.display().to_string()),
        _ => None,
    };
    match crate::config::parse(job.name(), &job.pipeline(), &[], &env) {
        (Some(config), problems) if !problems.has_errors() => compile(&config),
        (_, problems) => Err(problems),
    }
}

/// Reads the file once, so that every run finds it in the page cache; gives its length.
fn warm(path: &Path) -> Result<u64, Error> {
    let read = || std::io::copy(&mut File::open(path)?, &mut std::io::sink());
    read().map_err(|e| unreadable(path, &e))
}

fn unwritable(path: &Path, e: &std::io::Error) -> Error {
    Error::outside("bench.write", format!("cannot write {}: {e}", path.display()))
        .help("give a folder with a few gigabytes of room: --dir FOLDER")
}

fn unreadable(path: &Path, e: &std::io::Error) -> Error {
    Error::outside("bench.read", format!("cannot read {}: {e}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::ticks::{Ticks, Waiting};
    use crate::generate::Generator;

    fn settings(folder: &Path) -> Settings {
        Settings {
            jobs: Job::ALL.to_vec(),
            events: 1,
            workers: vec![1, 2],
            processes: true,
            repeat: 1,
            folder: folder.to_owned(),
            program: PathBuf::from("highwater"),
        }
    }

    #[test]
    fn subjects_when_listed_then_are_scaled_against_one_worker_of_their_way() {
        let list = subjects(Job::Jx, &settings(Path::new(".")));
        let names: Vec<&str> = list.iter().map(|s| s.name.as_str()).collect();
        assert_eq!(names[..4], ["loop", "1 worker, auto", "2 workers, auto", "2 processes, auto"]);
        assert_eq!(list.len(), 10);
        let narrow: Vec<Option<usize>> = list.iter().map(|s| s.narrow).collect();
        let expected = [None, None, Some(1), Some(1), None, Some(4), Some(4), None, Some(7), Some(7)];
        assert_eq!(narrow, expected);
        assert_eq!(subjects(Job::J1, &settings(Path::new("."))).len(), 4);
    }

    #[test]
    fn jobs_when_held_against_another_then_come_after_it() {
        assert_eq!(with_partners(&[Job::Pd, Job::J1, Job::Pd1, Job::J1]), [Job::Pd1, Job::Pd, Job::J1]);
    }

    #[test]
    fn inputs_when_there_then_are_used_again() {
        let folder = tempfile::tempdir().unwrap();
        let mut told = Vec::new();
        let path = input(Input::Shop, 100, folder.path(), &mut |text| told.push(text.to_owned())).unwrap();
        let bytes = std::fs::read(&path).unwrap();
        assert_eq!(memchr::memchr_iter(b'\n', &bytes).count(), 100);
        assert_eq!(input(Input::Shop, 100, folder.path(), &mut |text| told.push(text.to_owned())).unwrap(), path);
        assert_eq!(told.len(), 1);
        assert_eq!(warm(&path).unwrap(), bytes.len() as u64);
        assert!(same(&path, &path, "x").is_ok());
        let other = folder.path().join("other");
        std::fs::write(&other, &bytes[..bytes.len() - 1]).unwrap();
        assert_eq!(same(&path, &other, "x").unwrap_err().kind, Kind::Difference);
    }

    /// 9,000 events, slow enough for some windows and matches.
    fn small(input: Input) -> Maker {
        let events = 9_000;
        match input {
            Input::Ticks => Maker::Ticks(Ticks { events, symbols: 20 }),
            Input::Waiting => Maker::Waiting(Waiting { events, rate: 300 }),
            _ => {
                let rate = if input == Input::Days { input.settings(events).rate } else { 300.0 };
                let settings = crate::generate::Settings { rate, pages: 40, users: 900, ..input.settings(events) };
                Maker::Shop(Generator::new(settings, 0))
            }
        }
    }

    #[test]
    fn jobs_when_run_by_loop_and_engine_then_give_the_same_rows() {
        let folder = tempfile::tempdir().unwrap();
        for job in Job::ALL {
            let plain = folder.path().join(format!("{}.ndjson", job.name()));
            generate(&small(job.input()), &plain, &mut |_| {}).unwrap();
            let input = form(job.input(), plain, &mut |_| {}).unwrap();
            let [by_hand, rows] = ["loop", "engine"].map(|name| folder.path().join(name));
            let outcome = job.baseline(&input, &by_hand).unwrap();
            assert_eq!((outcome.events, outcome.bad, outcome.late), (9_000, 0, 0), "{job:?}");
            let plan = plan(job, &input, &rows).unwrap();
            crate::engine::run(plan, crate::engine::Options::local(2)).unwrap();
            gather(job, &rows).unwrap();
            let agreement = agree(&by_hand, &rows, job.name()).unwrap();
            assert!(agreement.rows as u64 == outcome.rows && (agreement.rows > 2 || job == Job::J0), "{job:?}");
        }
    }

    #[test]
    fn addresses_when_asked_for_then_are_free_and_different() {
        let text = free_addresses(3).unwrap();
        let mut lines: Vec<&str> = text.lines().collect();
        lines.dedup();
        assert_eq!(lines.len(), 3);
        assert!(lines.iter().all(|l| l.starts_with("127.0.0.1:")));
    }
}
