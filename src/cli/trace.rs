//! `trace`: what happens to the partial matches of one key, event by event.

use super::{Failure, FileArgs};
use crate::config;
use crate::engine::{Options, run as run_plan};
use crate::error::{Error, nearest};
use crate::pattern::Trace;
use crate::plan::{all_problems, compile};
use clap::{Args, Subcommand};
use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

#[derive(Debug, Args)]
pub(super) struct TraceArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Which partial matches of a pattern begin, go on, are dropped and why, for one key; nothing is written to sinks.
    Pattern(PatternArgs),
}

#[derive(Debug, Args)]
struct PatternArgs {
    #[command(flatten)]
    file: FileArgs,
    /// The pattern, where the file has several.
    #[arg(long, value_name = "NAME")]
    pattern: Option<String>,
    /// The value of the pattern's key.
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
}

pub(super) fn trace(args: &TraceArgs) -> Result<(), Failure> {
    let What::Pattern(args) = &args.what;
    let env = |name: &str| std::env::var(name).ok();
    let mut config = match config::load(&args.file.file, &args.file.set, &env) {
        Ok(config) => config,
        Err(settings) => {
            let text = std::fs::read_to_string(&args.file.file).unwrap_or_default();
            let (config, _) = config::parse(&settings.file, &text, &args.file.set, &env);
            return Err(all_problems(config.as_ref(), settings).into());
        }
    };
    // It only looks: nothing of what a run leaves behind is written.
    config.sinks.clear();
    config.sources.iter_mut().for_each(|source| source.dead_letters = None);
    config.windows.iter_mut().for_each(|window| window.too_late = None);
    let names: Vec<&str> = config.patterns.iter().map(|p| p.name.as_str()).collect();
    let at = match (&args.pattern, &names[..]) {
        (Some(name), _) => names.iter().position(|n| n == name).ok_or_else(|| {
            let help = match nearest(name, names.iter().copied()) {
                Some(near) => format!("did you mean {near}?"),
                None => format!("it has {}", if names.is_empty() { "none".to_owned() } else { names.join(", ") }),
            };
            Error::user("trace.pattern", format!("the pipeline has no pattern '{name}'")).help(help)
        })?,
        (None, [_]) => 0,
        (None, []) => return Err(Error::user("trace.pattern", "the pipeline has no pattern").into()),
        (None, _) => {
            let error = Error::user("trace.pattern", format!("the pipeline has {} patterns", names.len()));
            return Err(error.help(format!("name one with --pattern: {}", names.join(", "))).into());
        }
    };
    let pattern = &config.patterns[at];
    let key = match (&pattern.key, &args.key) {
        (None, None) => None,
        (Some(_), Some(key)) => Some(key.clone()),
        (Some(key), None) => {
            let error = Error::user("trace.key", format!("the pattern has a sequence for each {}", key.value));
            return Err(error.help("name one with --key").into());
        }
        (None, Some(_)) => {
            let error = Error::user("trace.key", format!("the pattern '{}' has no key", pattern.name));
            return Err(error.help("leave --key out: all events are one sequence").into());
        }
    };
    let part = (config.windows.len() + at) as u32;
    let mut plan = compile(&config)?;
    let (heard, broken) = (Arc::new(AtomicBool::new(false)), Arc::new(Mutex::new(None)));
    let say = {
        let (heard, broken) = (Arc::clone(&heard), Arc::clone(&broken));
        move |line: &str| {
            heard.store(true, Ordering::Relaxed);
            let mut broken = broken.lock().unwrap_or_else(PoisonError::into_inner);
            if broken.is_none() {
                *broken = writeln!(std::io::stdout(), "{line}").err();
            }
        }
    };
    plan.trace = Some(Trace { part, key: key.clone(), say: Arc::new(say) });
    run_plan(plan, Options::local(1))?;
    let broken = broken.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some(error) = broken.filter(|e| e.kind() != std::io::ErrorKind::BrokenPipe) {
        return Err(Error::user("trace.output", format!("cannot write: {error}")).into());
    }
    if !heard.load(Ordering::Relaxed) {
        let of = key.map_or(String::new(), |key| format!(" of key {key}"));
        eprintln!("no event{of} can be a part of the pattern '{}'", names[at]);
    }
    Ok(())
}
