//! `bench`: the engine against a hand-written loop for the same jobs, and where the time goes.

use super::{Failure, write_out};
use crate::bench::jobs::Job;
use crate::bench::{profile, session};
use crate::error::Error;
use crate::observe::Console;
use clap::Args;
use std::path::{Path, PathBuf};

#[derive(Debug, Args)]
pub(super) struct BenchArgs {
    /// Which jobs: j1, j2, j0, j0b, jx, js, jc, ja, jf, jg, jz; of patterns pa, pb, pc, pcn, pd, pd1, pe, pe0; of views vt.
    #[arg(long, value_delimiter = ',', default_value = "j1,j2,j0,jx", value_parser = job)]
    jobs: Vec<Job>,
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

fn job(text: &str) -> Result<Job, String> {
    Job::named(text).ok_or_else(|| {
        let names: Vec<&str> = Job::ALL.iter().map(|job| job.name()).collect();
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

fn session(args: &BenchArgs, folder: &Path, tell: &mut dyn FnMut(&str)) -> Result<String, Failure> {
    let program = std::env::current_exe()
        .map_err(|e| Error::outside("bench.program", format!("this program cannot find itself: {e}")))?;
    let settings = session::Settings {
        jobs: args.jobs.clone(),
        events: args.events,
        workers: args.workers.clone(),
        processes: args.processes,
        repeat: usize::from(args.repeat),
        folder: folder.to_owned(),
        program,
    };
    let report = session::run(&settings, tell)?;
    Ok(if args.json { format!("{:#}\n", report.json()) } else { report.text() })
}

fn profiles(args: &BenchArgs, folder: &Path, tell: &mut dyn FnMut(&str)) -> Result<String, Failure> {
    let mut out = String::new();
    let mut list = Vec::new();
    for job in &args.jobs {
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
