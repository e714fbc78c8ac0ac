//! `run`: a pipeline to the end of its input, or until a signal drains it.

use super::{Failure, FileArgs, plan};
use crate::cluster::{Fate, Topology, hosts};
use crate::config::{Pace, SourceKind};
use crate::engine::{Options, Running, run as run_plan};
use crate::error::{Error, Severity};
use crate::observe::{Console, Ending, Progress, summary};
use crate::time::parse_span;
use clap::Args;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

#[derive(Debug, Args)]
pub(super) struct RunArgs {
    #[command(flatten)]
    file: FileArgs,
    /// Worker threads of this process.
    #[arg(short, long, default_value_t = 1)]
    workers: usize,
    /// How many processes run the pipeline together.
    #[arg(short = 'n', long, default_value_t = 1)]
    processes: usize,
    /// Which of them this is, from 0.
    #[arg(short = 'p', long, default_value_t = 0)]
    process: usize,
    /// A file with one host:port a process; without it 127.0.0.1:2101 and up.
    #[arg(long, value_name = "FILE")]
    hosts: Option<PathBuf>,
    /// A file with the shared secret of the processes; HIGHWATER_TOKEN does the same.
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// How long to wait for the other processes.
    #[arg(long, value_name = "SPAN", default_value = "60s", value_parser = span)]
    connect_timeout: Duration,
    /// After how long a silence another process counts as lost.
    #[arg(long, value_name = "SPAN", default_value = "5s", value_parser = span)]
    peer_timeout: Duration,
    /// A dead-letter file whose lines are read too, once they or the pipeline are mended; may be given more than once.
    #[arg(long, value_name = "FILE")]
    dead_letters: Vec<PathBuf>,
    /// Neither a progress line nor a summary.
    #[arg(short, long)]
    quiet: bool,
}

fn span(text: &str) -> Result<Duration, String> {
    parse_span(text).map(|s| Duration::from_micros(s.0.unsigned_abs()))
}

fn topology(args: &RunArgs) -> Result<Topology, Failure> {
    let hosts = match &args.hosts {
        _ if args.processes == 1 => Vec::new(),
        Some(file) => hosts::read(file, args.processes)?,
        None => hosts::default_hosts(args.processes),
    };
    let token = match &args.token_file {
        None => std::env::var("HIGHWATER_TOKEN").ok().map(String::into_bytes),
        Some(file) => Some(std::fs::read(file).map(|t| t.trim_ascii().to_vec()).map_err(|e| {
            Error::user("cluster.token", format!("cannot read the token file: {e}"))
                .at(file.display().to_string())
                .help("put the shared secret into a file that only you can read")
        })?),
    };
    Ok(Topology {
        processes: args.processes,
        process: args.process,
        hosts,
        token,
        connect_timeout: args.connect_timeout,
        peer_timeout: args.peer_timeout,
        ..Topology::local(args.workers)
    })
}

pub(super) fn run(args: &RunArgs, console: &Console) -> Result<(), Failure> {
    let (plan, config) = plan(&args.file.file, &args.file.set)?;
    for warning in config.warnings.iter().filter(|w| w.severity == Severity::Warning) {
        tracing::warn!(code = warning.code, line = warning.line, "{}", warning.message);
    }
    let topology = topology(args)?;
    let fate = Fate::exiting();
    fate.install();
    let signals = Signals::install()?;
    let real_time = config.sources.iter().any(|s| match &s.kind {
        SourceKind::Stdin | SourceKind::Program => true,
        SourceKind::Generate(g) => g.pace == Pace::RealTime,
        SourceKind::File(files) => files.follow,
    });
    let dead_letters = config.sources.iter().filter_map(|s| Some((s.name.clone(), s.dead_letters.clone()?)));
    let dead_letters: Vec<(String, String)> = dead_letters.collect();
    let too_late =
        config.windows.iter().filter_map(|w| Some((w.name.clone(), w.too_late.as_ref()?.value.clone()))).collect();
    let letters = args.dead_letters.iter().map(|path| path.to_string_lossy().into_owned()).collect();
    let sinks: Vec<String> = config.sinks.iter().map(|s| s.name.clone()).collect();

    let progress: Arc<Mutex<Option<Progress>>> = Arc::default();
    let began = Arc::new(Mutex::new(Instant::now()));
    let on_ready = {
        let (progress, began, console) = (Arc::clone(&progress), Arc::clone(&began), console.clone());
        let quiet = args.quiet;
        move |running: &Running| {
            signals.hand_to(running.clone());
            *began.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
            tracing::info!("ready");
            if !quiet {
                let line = Progress::start(Arc::clone(&running.metrics), console, real_time);
                *progress.lock().unwrap_or_else(PoisonError::into_inner) = Some(line);
            }
        }
    };
    let stdout = Box::new(console.around(std::io::stdout()));
    let on_ready = Box::new(on_ready);
    let options = Options { topology, fate, stdout, dead_letters: letters, on_ready, ..Options::local(args.workers) };
    let result = run_plan(plan, options);
    let elapsed = began.lock().unwrap_or_else(PoisonError::into_inner).elapsed();
    if let Some(line) = progress.lock().unwrap_or_else(PoisonError::into_inner).take() {
        line.stop();
    }
    let outcome = result?;
    if !args.quiet {
        let places = sinks.into_iter().zip(outcome.sinks).map(|(name, f)| (name, f.places)).collect();
        let ending = Ending { elapsed, dead_letters, too_late, places };
        console.say(summary(&outcome.metrics.snapshot(), &ending).as_bytes());
    }
    Ok(())
}

/// Ctrl-C and SIGTERM: the first drains, a second one stops at once.
struct Signals {
    state: Arc<SignalState>,
}

#[derive(Default)]
struct SignalState {
    asked: AtomicBool,
    running: Mutex<Option<Running>>,
}

impl Signals {
    fn install() -> Result<Self, Error> {
        let state = Arc::new(SignalState::default());
        let theirs = Arc::clone(&state);
        ctrlc::set_handler(move || {
            if theirs.asked.swap(true, Ordering::SeqCst) {
                std::process::exit(130);
            }
            match &*theirs.running.lock().unwrap_or_else(PoisonError::into_inner) {
                Some(running) => {
                    tracing::warn!("finishing what was read; a second signal stops at once");
                    running.drain();
                }
                // Nothing has begun: there is nothing to finish.
                None => std::process::exit(130),
            }
        })
        .map_err(|e| Error::outside("signal", format!("cannot listen for signals: {e}")))?;
        Ok(Self { state })
    }

    fn hand_to(&self, running: Running) {
        *self.state.running.lock().unwrap_or_else(PoisonError::into_inner) = Some(running);
    }
}
