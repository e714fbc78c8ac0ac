//! The command line, one file a command.
//!
//! Exit codes: 0 fine, 1 a check found a difference, 2 the user's input, 3 something outside, 4 our bug, 5 followed
//! another process down, 130 stopped at once by a second signal.

#![allow(clippy::print_stdout, reason = "this is the program: standard output is where its answers go")]

mod backtest;
mod bench;
mod check;
mod completions;
mod explain;
mod export;
mod generate;
mod history;
mod reference;
mod run;
mod schema;
mod test;
mod trace;
mod why;

use crate::config::{self, Config};
use crate::error::{Error, Problems};
use crate::observe::{Console, LogFormat, init_logs};
use crate::plan::{Plan, all_problems, compile};
use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

pub use reference::reference;

/// Real-time analytics: events in, event-time windows out, the same answer at any width.
#[derive(Debug, Parser)]
#[command(name = "highwater", version, about, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    /// How log lines are written to standard error; RUST_LOG chooses which.
    #[arg(long, global = true, value_enum, default_value = "text")]
    log_format: LogWord,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum LogWord {
    Text,
    Json,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a pipeline to the end of its input, or until Ctrl-C.
    Run(run::RunArgs),
    /// Report every problem of a pipeline file.
    Check(FileArgs),
    /// Run the test cases of pipelines: input, rows expected, what differs.
    Test(test::TestArgs),
    /// Show what a pipeline compiles to.
    Explain(explain::ExplainArgs),
    /// Write a dashboard or alerting rules that watch a run, for Grafana and Prometheus.
    Export(export::ExportArgs),
    /// Follow the partial matches of a pattern, event by event.
    Trace(trace::TraceArgs),
    /// Tell the life of an alert, with the rows and the events behind it.
    Why(why::WhyArgs),
    /// Run history through the alerts of a pipeline, without telling anybody: when each would have fired.
    Backtest(backtest::BacktestArgs),
    /// Write a realistic stream of events.
    Generate(generate::GenerateArgs),
    /// Measure the engine against a hand-written loop for the same jobs.
    Bench(bench::BenchArgs),
    /// Print the reference of every option, function and aggregate, in Markdown.
    Reference,
    /// Print the JSON Schema of a pipeline file, by which editors complete and check it.
    Schema,
    /// Print completions for a shell.
    Completions(completions::CompletionsArgs),
}

/// A pipeline file and what is changed in it.
#[derive(Debug, Args)]
struct FileArgs {
    /// The pipeline file (TOML).
    file: PathBuf,
    /// Change a setting: sources.events.path=other.ndjson. The value is TOML where it can be read as such.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,
}

/// Why a command ended.
enum Failure {
    /// One error.
    Error(Error),
    /// Problems of a pipeline file.
    Problems(Problems),
    /// All has been said; this is the exit code.
    Said(u8),
}

impl From<Error> for Failure {
    fn from(e: Error) -> Self {
        Failure::Error(e)
    }
}

impl From<Problems> for Failure {
    fn from(p: Problems) -> Self {
        Failure::Problems(p)
    }
}

/// Reads the command line of this process and obeys it.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let console = Console::stderr();
    let format = match cli.log_format {
        LogWord::Text => LogFormat::Text,
        LogWord::Json => LogFormat::Json,
    };
    let result = init_logs(format, &console).map_err(Failure::from).and_then(|()| match &cli.command {
        Command::Run(args) => run::run(args, &console),
        Command::Check(args) => check::check(args),
        Command::Test(args) => test::test(args),
        Command::Explain(args) => explain::explain(args),
        Command::Export(args) => export::export(args),
        Command::Trace(args) => trace::trace(args),
        Command::Why(args) => why::why(args),
        Command::Backtest(args) => backtest::backtest(args),
        Command::Generate(args) => generate::generate(args, &console),
        Command::Bench(args) => bench::bench(args, &console),
        Command::Reference => write_out(reference().as_bytes()),
        Command::Schema => schema::schema(),
        Command::Completions(args) => completions::completions(args),
    });
    let (text, code) = match result {
        Ok(()) => return ExitCode::SUCCESS,
        // The reader of our output has gone: nobody is left to tell.
        Err(Failure::Error(e)) if crate::sink::is_closed(&e) => return ExitCode::SUCCESS,
        Err(Failure::Error(e)) => (e.to_string(), e.kind.exit_code()),
        Err(Failure::Problems(p)) => (p.to_string(), 2),
        Err(Failure::Said(code)) => return ExitCode::from(code),
    };
    console.say(format!("{text}\n").as_bytes());
    ExitCode::from(code)
}

/// Writes to standard output; a closed pipe is a clean end.
fn write_out(bytes: &[u8]) -> Result<(), Failure> {
    use std::io::Write;
    let mut out = std::io::stdout().lock();
    match out.write_all(bytes).and_then(|()| out.flush()) {
        Err(e) if e.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Error::outside("output.write", format!("cannot write to standard output: {e}")).into())
        }
        _ => Ok(()),
    }
}

/// Reads, checks and compiles a pipeline file. Problems of settings and of expressions are reported together;
/// warnings are in the configuration.
fn plan(file: &Path, set: &[String]) -> Result<(Plan, Config), Problems> {
    let env = |name: &str| std::env::var(name).ok();
    let settings = match config::load(file, set, &env) {
        Ok(mut config) => {
            let mut plan = compile(&config)?;
            config.warnings.append(&mut plan.warnings);
            config.warnings.sort_by_key(|w| w.line);
            return Ok((plan, config));
        }
        Err(problems) => problems,
    };
    // The settings are wrong; the SQL of what could be read is looked at all the same.
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let (config, _) = config::parse(&settings.file, &text, set, &env);
    Err(all_problems(config.as_ref(), settings))
}

/// The command line's own description, for completions and the reference.
fn command() -> clap::Command {
    Cli::command()
}
