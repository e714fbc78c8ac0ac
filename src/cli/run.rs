//! `run`: a pipeline to the end of its input, or until a signal drains it.

use super::{Failure, FileArgs, plan};
use crate::cluster::{Fate, Topology, hosts};
use crate::config::{AfterEnd, Pace, SourceKind};
use crate::engine::{Brought, Options, Running, run as run_plan};
use crate::error::{Error, Problem, Severity};
use crate::observe::{Console, Ending, Progress, summary};
use crate::serve;
use crate::telemetry::Telemetry;
use crate::time::parse_span;
use clap::Args;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
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
    /// Serve results, live changes and figures of the run over HTTP at this address: host:port, or a port of 127.0.0.1. Each
    /// process with an address serves the whole run; `listen` of [serve] is that of process 0. A run goes on serving when its input has ended, until Ctrl-C, unless
    /// `after_end` of [serve] says otherwise.
    #[arg(long, value_name = "ADDRESS")]
    serve: Option<String>,
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
    // Before anything is said.
    let telemetry = Telemetry::start(&config, args.process)?.map(Arc::new);
    // Rows that no sink takes are served, and there is a server for events.
    let served = |w: &Problem| match w.code {
        "config.unused" => !["[sources", "[streams"].iter().any(|of| w.text.starts_with(of)),
        code => code == "source.http",
    };
    let warnings = config.warnings.iter().filter(|w| w.severity == Severity::Warning);
    for warning in warnings.filter(|w| args.serve.is_none() || !served(w)) {
        tracing::warn!(code = warning.code, line = warning.line, "{}", warning.message);
    }
    let topology = topology(args)?;
    let sent = telemetry.clone();
    let fate = Fate::exiting_after(move |error| {
        if let Some(telemetry) = &sent {
            telemetry.failed(error);
            telemetry.flush();
        }
    });
    fate.install();
    let signals = Signals::install()?;
    let real_time = config.sources.iter().any(|s| match &s.kind {
        SourceKind::Stdin | SourceKind::Program | SourceKind::Http(_) => true,
        SourceKind::Generate(g) => g.pace == Pace::RealTime,
        SourceKind::File(files) => files.follow,
    });
    let dead_letters = config.sources.iter().filter_map(|s| Some((s.name.clone(), s.dead_letters.clone()?)));
    let dead_letters: Vec<(String, String)> = dead_letters.collect();
    let too_late =
        config.windows.iter().filter_map(|w| Some((w.name.clone(), w.too_late.as_ref()?.value.clone()))).collect();
    let letters = args.dead_letters.iter().map(|path| path.to_string_lossy().into_owned()).collect();
    let sinks: Vec<String> = config.sinks.iter().map(|s| s.name.clone()).collect();

    let text = std::fs::read_to_string(&args.file.file).unwrap_or_default();
    // An address of the file is that of process 0.
    if args.serve.is_some() || (config.serve.listen.is_some() && args.process == 0) {
        serve::check(&config)?;
    }
    let server = serve::open(&config, &plan, &text, args.serve.as_deref(), args.process)?.map(Arc::new);
    if let Some(server) = &server {
        console.say(format!("serving on {}\n", server.url()).as_bytes());
    }
    let doors = server.as_ref().map(|server| server.doors()).unwrap_or_default();

    let progress: Arc<Mutex<Option<Progress>>> = Arc::default();
    let began = Arc::new(Mutex::new(Instant::now()));
    let on_ready = {
        let (progress, began, console) = (Arc::clone(&progress), Arc::clone(&began), console.clone());
        let (quiet, signals, server) = (args.quiet, signals.clone(), server.clone());
        move |running: &Running| {
            signals.hand_to(running.clone());
            if let Some(server) = &server {
                server.running(running);
            }
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
    let options = Options {
        topology,
        fate,
        stdout,
        dead_letters: letters,
        beside: server.as_ref().map(|server| server.rows()),
        given: Brought { doors, ..Brought::default() },
        on_ready,
        notify: true,
        telemetry: telemetry.as_ref().map(|telemetry| telemetry.shown()).unwrap_or_default(),
        ..Options::local(args.workers)
    };
    let result = run_plan(plan, options);
    let elapsed = began.lock().unwrap_or_else(PoisonError::into_inner).elapsed();
    if let Some(line) = progress.lock().unwrap_or_else(PoisonError::into_inner).take() {
        line.stop();
    }
    if let Some(server) = &server {
        server.ended(result.as_ref().ok().map(|outcome| Arc::clone(&outcome.metrics)));
    }
    if let Some(telemetry) = &telemetry {
        result.as_ref().err().into_iter().for_each(|error| telemetry.failed(error));
        telemetry.flush();
    }
    let outcome = match result {
        Ok(outcome) => outcome,
        Err(error) => {
            if let Some(server) = server.and_then(Arc::into_inner) {
                server.stop();
            }
            return Err(error.into());
        }
    };
    if !args.quiet {
        let mut snapshot = outcome.metrics.snapshot();
        if args.process == 0 {
            outcome.whole.add_to(&mut snapshot);
        }
        // The sinks are those of process 0.
        snapshot.sinks.retain(|sink| sink.name != serve::ROWS && args.process == 0);
        let places = sinks.into_iter().zip(outcome.sinks).map(|(name, f)| (name, f.places)).collect();
        let told = outcome.actions.iter().map(|(name, n)| (name.clone(), n.words().to_vec())).collect();
        let ending = Ending { elapsed, dead_letters, too_late, places, told };
        console.say(summary(&snapshot, &ending).as_bytes());
    }
    if let Some(server) = server {
        if config.serve.after_end == AfterEnd::Stay && !signals.asked() && !outcome.drained {
            console.say(format!("the input has ended; serving on {} until Ctrl-C\n", server.url()).as_bytes());
            signals.until_asked();
        }
        if let Some(server) = Arc::into_inner(server) {
            server.stop();
        }
    }
    Ok(())
}

/// Ctrl-C and SIGTERM: the first drains, a second one stops at once.
#[derive(Clone)]
struct Signals {
    state: Arc<SignalState>,
}

#[derive(Default)]
struct SignalState {
    asked: AtomicBool,
    stage: Mutex<Stage>,
    rung: Condvar,
}

/// How far the run is.
#[derive(Default)]
enum Stage {
    /// Nothing has begun: there is nothing to finish.
    #[default]
    Before,
    Running(Running),
    /// All is written; only the server goes on.
    Ended,
}

impl SignalState {
    fn stage(&self) -> MutexGuard<'_, Stage> {
        self.stage.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Signals {
    fn install() -> Result<Self, Error> {
        let state = Arc::new(SignalState::default());
        let theirs = Arc::clone(&state);
        ctrlc::set_handler(move || {
            if theirs.asked.swap(true, Ordering::SeqCst) {
                std::process::exit(130);
            }
            match &*theirs.stage() {
                Stage::Running(running) => {
                    tracing::warn!("finishing what was read; a second signal stops at once");
                    running.drain();
                }
                Stage::Before => std::process::exit(130),
                Stage::Ended => {}
            }
            theirs.rung.notify_all();
        })
        .map_err(|e| Error::outside("signal", format!("cannot listen for signals: {e}")))?;
        Ok(Self { state })
    }

    fn hand_to(&self, running: Running) {
        *self.state.stage() = Stage::Running(running);
    }

    /// True where a signal came.
    fn asked(&self) -> bool {
        self.state.asked.load(Ordering::SeqCst)
    }

    /// Waits for a signal, after the end of the run.
    fn until_asked(&self) {
        let mut stage = self.state.stage();
        *stage = Stage::Ended;
        while !self.asked() {
            stage = self.state.rung.wait(stage).unwrap_or_else(PoisonError::into_inner);
        }
    }
}
