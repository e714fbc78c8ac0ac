//! Events of `tracing`, turned into lines of text or JSON on the console.
//!
//! Lines go through the [`Console`], which clears the live line first. They have no colours: the crate's `ansi`
//! feature is off. Which lines are kept is said by `RUST_LOG`, in the syntax of `tracing_subscriber`'s `EnvFilter`;
//! without it, warnings and errors.
//!
//! Errors: `logs.filter` where `RUST_LOG` cannot be read, `logs.twice` where logs were set up before.

use super::{Console, tap};
use crate::error::{Error, Kind};
use tracing::Subscriber;
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::{EnvFilter, fmt, registry};

/// What is kept where `RUST_LOG` is unset or empty.
pub const DEFAULT_FILTER: &str = "warn";

/// The form of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// `2026-01-05T12:00:00.000000Z  WARN highwater::source: message key=value`
    Text,
    /// One JSON object a line.
    Json,
}

impl LogFormat {
    /// The words of the command line, in the order of the reference.
    pub const ALL: [(&'static str, LogFormat); 2] = [("text", LogFormat::Text), ("json", LogFormat::Json)];
}

/// Sets up the logs of the process.
///
/// # Errors
/// `logs.filter`, `logs.twice`.
pub fn init(format: LogFormat, console: &Console) -> Result<(), Error> {
    let filter = match std::env::var("RUST_LOG") {
        Ok(text) if !text.trim().is_empty() => text,
        Err(std::env::VarError::NotUnicode(text)) => return Err(bad_filter(&text.to_string_lossy(), "not UTF-8")),
        _ => DEFAULT_FILTER.into(),
    };
    let subscriber = subscriber(format, &filter, console, true)?;
    tracing::subscriber::set_global_default(subscriber)
        .map_err(|_| Error::new(Kind::Bug, "logs.twice", "logs were set up twice"))
}

fn bad_filter(text: &str, why: &str) -> Error {
    Error::user("logs.filter", format!("RUST_LOG cannot be read: {why}"))
        .at(format!("RUST_LOG={text}"))
        .help("write a level (error, warn, info, debug, trace), or levels by module such as warn,highwater=debug")
}

/// What turns events into lines on `console`, and, where it is that of the process, passes them on to who listens.
fn subscriber(
    format: LogFormat,
    filter: &str,
    console: &Console,
    of_process: bool,
) -> Result<Box<dyn Subscriber + Send + Sync>, Error> {
    let filter = EnvFilter::builder().parse(filter).map_err(|e| bad_filter(filter, &e.to_string()))?;
    let lines = fmt::layer().with_ansi(false).with_writer({
        let console = console.clone();
        move || console.clone()
    });
    Ok(match format {
        LogFormat::Text => {
            Box::new(registry().with(lines.with_filter(filter)).with(of_process.then(tap::layer_of_process)))
        }
        LogFormat::Json => Box::new(
            registry()
                .with(lines.json().flatten_event(true).with_filter(filter))
                .with(of_process.then(tap::layer_of_process)),
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::super::console::testing::Screen;
    use super::*;

    fn log(format: LogFormat, filter: &str) -> String {
        let screen = Screen::default();
        let console = Console::new(screen.clone(), true);
        console.show("10 events");
        tracing::subscriber::with_default(subscriber(format, filter, &console, false).unwrap(), || {
            tracing::warn!(line = 3, "a \u{1b}[31mbad line");
            tracing::info!("not kept");
        });
        screen.text()
    }

    #[test]
    fn a_text_line_clears_the_live_line_and_has_no_colours() {
        let text = log(LogFormat::Text, DEFAULT_FILTER);
        assert!(text.starts_with("10 events<clear>") && text.ends_with("line=3\n10 events"), "{text}");
        assert!(text.contains(" WARN highwater::observe::logs::tests: a ") && !text.contains('\u{1b}'), "{text}");
        assert!(!text.contains("not kept"));
    }

    #[test]
    fn a_json_line_is_one_object() {
        let text = log(LogFormat::Json, "info");
        let lines: Vec<&str> = text.split("10 events").flat_map(|t| t.trim_start_matches("<clear>").lines()).collect();
        let line = lines.iter().find(|l| !l.is_empty()).unwrap();
        let value: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!((&value["level"], &value["line"]), (&"WARN".into(), &3.into()));
        assert!(text.contains("not kept"));
    }

    #[test]
    fn a_bad_filter_is_the_users_error() {
        let console = Console::new(std::io::sink(), false);
        let error = subscriber(LogFormat::Text, "highwater=loud", &console, false).err().unwrap();
        assert_eq!((error.kind, error.code), (Kind::User, "logs.filter"));
        assert!(error.place.unwrap().contains("highwater=loud"));
    }
}
