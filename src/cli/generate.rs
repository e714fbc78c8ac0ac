//! `generate`: a realistic stream of events, at full speed to a file or paced in real time to standard output.

use super::Failure;
use crate::error::Error;
use crate::generate::{Generator, Settings};
use crate::observe::{Console, grouped};
use crate::time::{EventTime, Span, parse_rfc3339, parse_span};
use clap::Args;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

#[derive(Debug, Args)]
pub(super) struct GenerateArgs {
    /// How many events; without it 1,000,000, or no end with --real-time.
    #[arg(long, short)]
    events: Option<u64>,
    /// The file to write; standard output without it.
    #[arg(long, short, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Another seed gives another stream; the same seed the same bytes.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Events per second of event time.
    #[arg(long, default_value_t = 10_000.0)]
    rate: f64,
    /// Give events out when the wall clock reaches them, beginning now.
    #[arg(long)]
    real_time: bool,
    /// Event time of the first event (RFC 3339); now with --real-time.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    start: Option<EventTime>,
    /// How many users there are.
    #[arg(long, default_value_t = 100_000)]
    users: u64,
    /// Share of events out of order, 0 to 1.
    #[arg(long, default_value_t = 0.1)]
    disorder: f64,
    /// How far back such an event lies at most.
    #[arg(long, value_name = "SPAN", default_value = "2s", value_parser = parse_span)]
    max_delay: Span,
    /// Share of events later than that, 0 to 1.
    #[arg(long, default_value_t = 0.0)]
    late: f64,
    /// Share of lines that are no event, 0 to 1.
    #[arg(long, default_value_t = 0.0)]
    bad: f64,
}

fn moment(text: &str) -> Result<EventTime, String> {
    parse_rfc3339(text.as_bytes()).ok_or_else(|| format!("'{text}' is not a time such as 2026-01-05T12:00:00Z"))
}

pub(super) fn generate(args: &GenerateArgs, console: &Console) -> Result<(), Failure> {
    let defaults = Settings::default();
    let now = || {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
        EventTime(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
    };
    let mut settings = Settings {
        events: args.events.unwrap_or(if args.real_time { u64::MAX } else { 1_000_000 }),
        seed: args.seed,
        rate: args.rate,
        start: args.start.unwrap_or_else(|| if args.real_time { now() } else { defaults.start }),
        users: args.users,
        disorder: args.disorder,
        max_delay: args.max_delay,
        late: args.late,
        bad: args.bad,
        ..defaults
    };
    if args.real_time {
        settings.block = settings.paced_block();
    }
    if let Some((field, what)) = settings.problems().into_iter().next() {
        return Err(Error::user("generate", what).at(format!("--{}", field.replace('_', "-"))).into());
    }
    let began = Instant::now();
    let (events, bytes) = match &args.output {
        Some(path) => to_file(settings, args.real_time, path)?,
        None => {
            let out = std::io::stdout().lock();
            match write(settings, args.real_time, out) {
                Err(e) if e.kind() == std::io::ErrorKind::BrokenPipe => return Ok(()),
                other => other.map_err(|e| Error::outside("output.write", format!("cannot write: {e}")))?,
            }
        }
    };
    let seconds = began.elapsed().as_secs_f64().max(1e-9);
    let rate = grouped((events as f64 / seconds) as u64);
    if let Some(path) = &args.output {
        let text = format!(
            "{} events, {:.1} MB in {} ({seconds:.2} s, {rate} events/s)\n",
            grouped(events),
            bytes as f64 / 1e6,
            path.display()
        );
        console.say(text.as_bytes());
    }
    Ok(())
}

fn to_file(settings: Settings, real_time: bool, path: &Path) -> Result<(u64, u64), Error> {
    let failed = |e: std::io::Error| {
        Error::outside("output.write", format!("cannot write: {e}"))
            .at(path.display().to_string())
            .help("check the folder, the permission to write and the room on the disk")
    };
    if let Some(folder) = path.parent().filter(|f| !f.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder).map_err(failed)?;
    }
    write(settings, real_time, BufWriter::new(File::create(path).map_err(failed)?)).map_err(failed)
}

/// Writes all blocks; gives events and bytes.
fn write(settings: Settings, real_time: bool, mut out: impl Write) -> std::io::Result<(u64, u64)> {
    let generator = Generator::new(settings, 0);
    let (mut buffer, mut events, mut bytes) = (Vec::new(), 0, 0);
    let began = Instant::now();
    let first = generator.block_time(0).0;
    // A channel on which nothing comes: waiting on it is waiting for a time.
    let (_keep, clock) = channel::<()>();
    for k in 0..generator.blocks().unwrap_or(u64::MAX) {
        if real_time {
            let due = Duration::from_micros((generator.block_time(k).0 - first).max(0).unsigned_abs());
            while let Some(rest) = due.checked_sub(began.elapsed()).filter(|r| !r.is_zero()) {
                if clock.recv_timeout(rest) == Err(RecvTimeoutError::Disconnected) {
                    break;
                }
            }
        }
        buffer.clear();
        generator.block(k, &mut buffer);
        out.write_all(&buffer)?;
        if real_time {
            out.flush()?;
        }
        events += generator.block_events(k);
        bytes += buffer.len() as u64;
    }
    out.flush()?;
    Ok((events, bytes))
}
