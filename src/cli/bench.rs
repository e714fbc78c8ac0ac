//! `bench`: the engine against a hand-written loop for the same jobs, and where the time goes.

use super::{Failure, write_out};
use crate::bench::jobs::Job;
use crate::bench::{ingest, profile, session, subscribers};
use crate::error::Error;
use crate::observe::Console;
use clap::Args;
use std::path::{Path, PathBuf};

#[derive(Debug, Args)]
pub(super) struct BenchArgs {
    /// Which jobs: j1, j2, j0, j0b, jx, js, jc, ja, jf, jg, jz; of patterns pa, pb, pc, pcn, pd, pd1, pe, pe0; of views vt; in: events
    /// over HTTP, and su: what clients that follow rows cost, both without a loop.
    #[arg(long, value_delimiter = ',', default_value = "j1,j2,j0,jx", value_parser = chosen)]
    jobs: Vec<Chosen>,
    /// Of in and su: connections that send.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u64).range(1..=1000))]
    connections: u64,
    /// Of su: clients that follow.
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u64).range(1..=4000))]
    subscribers: u64,
    /// Events of each input.
    #[arg(long, default_value_t = 5_000_000)]
    events: u64,
    /// Widths of one process; begin with 1 to see how the others scale.
    #[arg(long, value_delimiter = ',', default_value = "1,2")]
    workers: Vec<usize>,
    /// Also run as two processes of one worker.
    #[arg(long)]
    processes: bool,
    /// Rounds; each runs the loop and then the engine at every width.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u16).range(1..))]
    repeat: u16,
    /// A folder for inputs (about 250 MB a million events) and rows; what is made there is kept and used again.
    #[arg(long, value_name = "FOLDER")]
    dir: Option<PathBuf>,
    /// Print all figures as JSON.
    #[arg(long)]
    json: bool,
    /// Instead show where the time goes: nanoseconds an event by stage, on one thread.
    #[arg(long)]
    profile: bool,
    /// Run the hand-written loop of a job; the bench starts itself so.
    #[arg(long = "loop", hide = true, value_parser = job, requires_all = ["input", "output"])]
    only_loop: Option<Job>,
    #[arg(long, hide = true)]
    input: Option<PathBuf>,
    #[arg(long, hide = true)]
    output: Option<PathBuf>,
}

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Chosen {
    Job(Job),
    /// Events over HTTP.
    Ingest,
    /// Clients that follow rows.
    Subscribers,
}

fn chosen(text: &str) -> Result<Chosen, String> {
    match text.to_ascii_lowercase().as_str() {
        "in" => Ok(Chosen::Ingest),
        "su" => Ok(Chosen::Subscribers),
        _ => job(text).map(Chosen::Job),
    }
}

fn job(text: &str) -> Result<Job, String> {
    Job::named(text).ok_or_else(|| {
        let names: Vec<&str> = Job::ALL.iter().map(|job| job.name()).chain(["in", "su"]).collect();
        format!("there is no job {text}; the jobs are {}", names.join(", "))
    })
}

pub(super) fn bench(args: &BenchArgs, console: &Console) -> Result<(), Failure> {
    if let (Some(job), Some(input), Some(output)) = (args.only_loop, &args.input, &args.output) {
        job.baseline(input, output).map_err(|e| {
            Error::outside("bench.loop", format!("the loop failed: {e}")).at(input.display().to_string())
        })?;
        return Ok(());
    }
    let (folder, is_ours) = match &args.dir {
        Some(folder) => (folder.clone(), false),
        None => (std::env::temp_dir().join(format!("highwater-bench-{}", std::process::id())), true),
    };
    let failed = |e: std::io::Error| {
        Error::outside("bench.dir", format!("the folder cannot be made: {e}")).at(folder.display().to_string())
    };
    std::fs::create_dir_all(&folder).map_err(failed)?;
    let mut tell = |text: &str| console.say(format!("{text}\n").as_bytes());
    let result = if args.profile { profiles(args, &folder, &mut tell) } else { session(args, &folder, &mut tell) };
    if is_ours {
        // Nobody would look for it again.
        let _ = std::fs::remove_dir_all(&folder);
    }
    write_out(result?.as_bytes())
}

/// The jobs that have a loop.
fn jobs(args: &BenchArgs) -> Vec<Job> {
    let job = |chosen: &Chosen| match chosen {
        Chosen::Job(job) => Some(*job),
        Chosen::Ingest | Chosen::Subscribers => None,
    };
    args.jobs.iter().filter_map(job).collect()
}

fn session(args: &BenchArgs, folder: &Path, tell: &mut dyn FnMut(&str)) -> Result<String, Failure> {
    let program = std::env::current_exe()
        .map_err(|e| Error::outside("bench.program", format!("this program cannot find itself: {e}")))?;
    let (jobs, mut out, mut list) = (jobs(args), String::new(), Vec::new());
    let over_http = ingest::Settings {
        events: args.events,
        workers: args.workers.clone(),
        repeat: usize::from(args.repeat),
        connections: args.connections,
        folder: folder.to_owned(),
        program: program.clone(),
    };
    let mut take = |(text, figures): (String, serde_json::Value)| {
        out.push_str(&text);
        list.push(figures);
    };
    if args.jobs.contains(&Chosen::Ingest) {
        take(ingest::run(&over_http, tell)?);
    }
    if args.jobs.contains(&Chosen::Subscribers) {
        let clients = usize::try_from(args.subscribers).unwrap_or(usize::MAX);
        take(subscribers::run(&over_http, clients, tell)?);
    }
    if jobs.is_empty() && !list.is_empty() {
        return Ok(if args.json { format!("{:#}\n", serde_json::Value::from(list)) } else { out });
    }
    let settings = session::Settings {
        jobs,
        events: args.events,
        workers: args.workers.clone(),
        processes: args.processes,
        repeat: usize::from(args.repeat),
        folder: folder.to_owned(),
        program,
    };
    let report = session::run(&settings, tell)?;
    if args.json {
        let mut report = report.json();
        if !list.is_empty() {
            report["ingest"] = list.into();
        }
        return Ok(format!("{report:#}\n"));
    }
    Ok(report.text() + &out)
}

fn profiles(args: &BenchArgs, folder: &Path, tell: &mut dyn FnMut(&str)) -> Result<String, Failure> {
    let mut out = String::new();
    let mut list = Vec::new();
    for job in &jobs(args) {
        let input = session::input(job.input(), args.events, folder, tell)?;
        let output = folder.join("profile.ndjson");
        tell(&format!("profiling {}", job.name()));
        let stages = profile::profile(&session::plan(*job, &input, &output)?, &output, usize::from(args.repeat))?;
        // It may have no rows.
        let _ = std::fs::remove_file(&output);
        out.push_str(&format!("{}  {}\n{}\n", job.name().to_uppercase(), job.title(), profile::text(&stages)));
        list.push(serde_json::json!({
            "job": job.name(),
            "nanoseconds_per_event":
                stages.iter().map(|s| (s.name.to_owned(), s.nanoseconds.into())).collect::<serde_json::Map<_, _>>(),
        }));
    }
    Ok(if args.json { format!("{:#}\n", serde_json::Value::from(list)) } else { out })
}
