//! A pipeline run over its input for what it says, with nothing written and nobody told: what `backtest` and `why` stand on.

use super::Failure;
use crate::config::{self, Config, Located, Pace, SinkConfig, SinkKind, SinkMode, SourceKind, TimeClock, Times};
use crate::engine::{Brought, Options, Outcome, run as run_plan};
use crate::error::{Error, Problems};
use crate::event::{OwnedValue, Value, key};
use crate::plan::{Plan, all_problems, compile};
use crate::result::{RowBatch, RowRef};
use crate::sink::{Delivery, Finished, Sink, Written};
use crate::time::{EventTime, format_rfc3339};
use clap::ValueEnum;
use std::path::Path;

/// The form of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Form {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// What looks at rows, with their part.
pub(super) type Look = Box<dyn FnMut(RowRef<'_>) + Send>;

/// Reads a pipeline for looking at it alone: nothing is written, followed, or waited for.
pub(super) fn load(file: &Path, set: &[String]) -> Result<Config, Failure> {
    let env = |name: &str| std::env::var(name).ok();
    let mut config = match config::load(file, set, &env) {
        Ok(config) => config,
        Err(settings) => {
            let text = std::fs::read_to_string(file).unwrap_or_default();
            let (config, _) = config::parse(&settings.file, &text, set, &env);
            return Err(all_problems(config.as_ref(), settings).into());
        }
    };
    config.sinks.clear();
    config.windows.iter_mut().for_each(|window| window.too_late = None);
    for source in &mut config.sources {
        (source.dead_letters, source.rate_limit, source.idle_after) = (None, None, None);
        match &mut source.kind {
            SourceKind::File(files) => files.follow = false,
            SourceKind::Generate(generate) => generate.pace = Pace::None,
            SourceKind::Stdin | SourceKind::Program => {}
            SourceKind::Http(_) => {
                let message = format!("the events of source '{}' are sent to a run, and kept nowhere", source.name);
                let flag = format!("--set sources.{}", source.name);
                let help =
                    format!("give them as a file, without queue and max_body: {flag}.type=file {flag}.path=FILE");
                return Err(Error::user("history.input", message).help(help).into());
            }
        }
        if source.time.clock == TimeClock::Processing {
            let message =
                format!("the events of source '{}' have the time of the clock when they are read", source.name);
            let help = "another run gives other times; use events that have a time of their own";
            return Err(Error::user("history.clock", message).help(help).into());
        }
    }
    Ok(config)
}

/// A pipeline without alerts has no history of them.
pub(super) fn needs_alerts(config: &Config) -> Result<(), Failure> {
    match config.alerts.is_empty() {
        false => Ok(()),
        true => {
            let error = Error::user("history.alerts", "the pipeline has no alert").at(config.file.clone());
            Err(error.help("for example [alerts.busy] with from, when and notify").into())
        }
    }
}

/// Where the input must be read more than once.
pub(super) fn needs_files(config: &Config) -> Result<(), Failure> {
    match config.sources.iter().find(|source| source.kind == SourceKind::Stdin) {
        None => Ok(()),
        Some(source) => {
            let message = format!("source '{}' is standard input, which can be read only once", source.name);
            let help = "write it to a file, and read that: --set sources.NAME.type=file --set sources.NAME.path=FILE";
            Err(Error::user("history.input", message).help(help).into())
        }
    }
}

/// Runs a pipeline and shows the rows of `parts`, in their order, to what `look` makes of the plan.
pub(super) fn run(
    mut config: Config,
    parts: &[&str],
    workers: usize,
    look: impl FnOnce(&Plan) -> Look,
) -> Result<Outcome, Failure> {
    let from = |part: &&str| Located {
        value: (*part).to_owned(),
        line: 0,
        path: "sinks.history.from".to_owned(),
        text: String::new(),
    };
    config.sinks = vec![SinkConfig {
        name: "history".to_owned(),
        line: 0,
        implied: true,
        kind: SinkKind::Program,
        from: parts.iter().map(from).collect(),
        times: Times::Rfc3339,
        mode: SinkMode::Changes,
    }];
    let plan = compile(&config).map_err(|problems: Problems| Failure::from(problems))?;
    let look = look(&plan);
    let sink: Box<dyn Sink> = Box::new(Looking { look, rows: 0 });
    let given = Brought { sinks: vec![("history".to_owned(), sink)], ..Brought::default() };
    Ok(run_plan(plan, Options { given, ..Options::local(workers) })?)
}

/// Rows that are only looked at.
struct Looking {
    look: Look,
    rows: u64,
}

impl Sink for Looking {
    fn write(&mut self, batch: &RowBatch) -> Result<(), Error> {
        for row in batch.iter() {
            self.rows += 1;
            (self.look)(row);
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<(), Error> {
        Ok(())
    }

    fn finish(&mut self) -> Result<Finished, Error> {
        Ok(Finished { rows: self.rows, bytes: 0, places: Vec::new() })
    }

    fn promise(&self) -> Delivery {
        Delivery::AtLeastOnce
    }

    fn written(&self) -> Written {
        Written { rows: self.rows, bytes: 0 }
    }
}

/// The cells of a row's key or values.
pub(super) fn cells(mut bytes: &[u8]) -> Vec<OwnedValue> {
    let mut list = Vec::new();
    while let Some((value, rest)) = key::decode(bytes) {
        list.push(value.into_owned());
        bytes = rest;
    }
    list
}

/// A value as people read it, with nothing that drives a terminal.
pub(super) fn shown(value: &OwnedValue) -> String {
    match value {
        OwnedValue::Null => "NULL".to_owned(),
        OwnedValue::Bool(v) => v.to_string(),
        OwnedValue::Int(v) => v.to_string(),
        OwnedValue::Float(v) => json(value.as_value()).as_f64().map_or_else(|| v.to_string(), |v| v.to_string()),
        OwnedValue::Time(us) => format_rfc3339(EventTime(*us)),
        OwnedValue::Text(text) | OwnedValue::Json(text) => plain(text),
    }
}

/// A text on one line, with control characters escaped.
pub(super) fn plain(text: &str) -> String {
    text.chars().flat_map(|c| if c.is_control() { c.escape_default().collect() } else { vec![c] }).collect()
}

/// A value as JSON.
pub(super) fn json(value: Value<'_>) -> serde_json::Value {
    match value {
        Value::Null => serde_json::Value::Null,
        Value::Bool(v) => v.into(),
        Value::Int(v) => v.into(),
        Value::Float(v) => v.into(),
        Value::Time(us) => time(us).into(),
        Value::Str(text) => String::from_utf8_lossy(text).into_owned().into(),
        Value::Json(text) => {
            serde_json::from_slice(text).unwrap_or_else(|_| String::from_utf8_lossy(text).into_owned().into())
        }
    }
}

/// A moment in RFC 3339.
pub(super) fn time(us: i64) -> String {
    format_rfc3339(EventTime(us))
}

/// How long something lasted, in its two largest units.
pub(super) fn lasting(us: i64) -> String {
    const UNITS: [(i64, &str); 5] =
        [(86_400_000_000, "d"), (3_600_000_000, "h"), (60_000_000, "m"), (1_000_000, "s"), (1_000, "ms")];
    let Some(first) = UNITS.iter().position(|(unit, _)| us >= *unit) else {
        return if us == 0 { "0s".to_owned() } else { format!("{us}us") };
    };
    let (unit, word) = UNITS[first];
    let mut text = format!("{}{word}", us / unit);
    if let Some((next, word)) = UNITS.get(first + 1).filter(|(next, _)| us % unit >= *next) {
        text += &format!(" {}{word}", us % unit / next);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_shown_in_their_two_largest_units() {
        for (us, text) in [
            (0, "0s"),
            (7, "7us"),
            (1_500_000, "1s 500ms"),
            (10_000_000, "10s"),
            (3_600_000_000, "1h"),
            (3_725_000_000, "1h 2m"),
            (90_000_000_000, "1d 1h"),
        ] {
            assert_eq!(lasting(us), text);
        }
    }
}
