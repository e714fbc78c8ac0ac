//! Milliseconds from a change of a table until the rows that are joined with it are corrected.
//!
//! Shows: 10,000 rows of a window, joined with tables of 10,000 to 1,000,000 rows, of which 10,000 change: all that the rows
//! are joined with. A table of events gets the changes as events; the file of another one is replaced, and is read again as a
//! whole. Beside them the time until the rows stand the first time, with the reading of the table. Wall time, the median of
//! the rounds with the least and the greatest.
//!
//! Does not show: what it costs to look up events (`highwater bench --jobs en,en0`), nor a table whose changes touch nothing.

#![allow(clippy::print_stdout, reason = "a bench prints its figures")]

use highwater::result::Op;
use highwater::{Pipeline, Sender, Source};
use std::fmt::Write;
use std::path::Path;
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

/// Rows of the window, and rows of the table that change.
const ROWS: u64 = 10_000;
const ROUNDS: usize = 5;

const EVENTS: &str = r#"
[tables.users]
type = "stream"
from = "profiles"
key = "user"
[streams.profiles]
from = "e"
where = "plan IS NOT NULL"
"#;

const REST: &str = r#"
[streams.visits]
from = "e"
where = "plan IS NULL AND user IS NOT NULL"
[windows.w]
from = "visits"
size = "10s"
allowed_lateness = "1h"
group_by = ["user"]
select = { n = "count(*)" }
[views.v]
from = "w"
join = { with = "users", on = ["user"], add = ["plan"] }
"#;

/// What is joined with, for so many rows of the table.
enum Kind<'a> {
    Events,
    File(&'a Path),
}

/// Waits until so many rows have been stated and taken back, and lets the watermark go on meanwhile: what has changed in a
/// file is stated then.
fn wait(said: &Receiver<bool>, (asserted, retracted): (u64, u64), sender: &Sender, now: &mut u64) {
    let (mut a, mut r) = (0, 0);
    while (a, r) != (asserted, retracted) {
        match said.recv_timeout(Duration::from_millis(2)) {
            Ok(true) => a += 1,
            Ok(false) => r += 1,
            Err(_) => {
                send(sender, &[format!("{{\"timestamp\":{now}}}")]);
                *now += 1;
            }
        }
    }
}

/// A text for each user.
fn lines(users: std::ops::Range<u64>, line: impl Fn(u64, &mut String)) -> Vec<String> {
    let text = |user| {
        let mut text = String::new();
        line(user, &mut text);
        text
    };
    users.map(text).collect()
}

fn write(path: &Path, size: u64, changed: u64) {
    let mut text = String::from("user,plan\n");
    for user in 0..size {
        let _ = writeln!(text, "{user},{}", if user < changed { "new" } else { "old" });
    }
    let part = path.with_extension("part");
    std::fs::write(&part, text).expect("the table is written");
    std::fs::rename(&part, path).expect("it gets its name");
}

fn send(sender: &Sender, lines: &[String]) {
    lines.iter().for_each(|line| sender.send(line).expect("the run goes on"));
}

/// The times until the rows stand, and until they are corrected.
fn round(kind: &Kind<'_>, size: u64) -> [Duration; 2] {
    let (sender, source) = Source::channel();
    let (say, said) = channel();
    let table = match kind {
        Kind::Events => EVENTS.to_owned(),
        Kind::File(path) => {
            write(path, size, 0);
            format!(
                "[tables.users]\ntype = \"file\"\nkey = \"user\"\nrefresh = \"1ms\"\npath = {:?}\n",
                path.display().to_string()
            )
        }
    };
    let profile = |time: u64, plan: &'static str| {
        move |user: u64, text: &mut String| {
            let _ = write!(text, "{{\"timestamp\":{time},\"user\":{user},\"plan\":\"{plan}\"}}");
        }
    };
    let visits = lines(0..ROWS, |user, text| {
        let _ = write!(text, "{{\"timestamp\":5,\"user\":{user}}}");
    });
    let (old, new) = (lines(0..size, profile(1, "old")), lines(0..ROWS, profile(6, "new")));
    let begin = Instant::now();
    let run = std::thread::spawn(move || {
        Pipeline::from_toml("tables", &format!("{table}{REST}"))
            .source("e", source)
            .tick("1s")
            .on_rows("v", move |row| say.send(row.op() == Op::Assert).unwrap_or_default())
            .run()
    });
    if matches!(kind, Kind::Events) {
        send(&sender, &old);
    }
    send(&sender, &visits);
    let mut now = 20;
    wait(&said, (ROWS, 0), &sender, &mut now);
    let stand = begin.elapsed();
    let begin = Instant::now();
    match kind {
        Kind::Events => send(&sender, &new),
        Kind::File(path) => write(path, size, ROWS),
    }
    wait(&said, (ROWS, ROWS), &sender, &mut now);
    let corrected = begin.elapsed();
    drop(sender);
    run.join().expect("no panic").expect("the run ends well");
    [stand, corrected]
}

fn main() {
    let folder = tempfile::tempdir().expect("a scratch folder");
    let path = folder.path().join("users.csv");
    println!(
        "{ROWS} rows joined with a table, all of whose partners change; milliseconds, median (least-greatest) of {ROUNDS}"
    );
    println!("{:<8} {:>10} {:>22} {:>22}", "table", "its rows", "first rows", "corrected");
    // What is asked for: `cargo bench --bench tables -- events 1000000`; else all.
    let asked: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with('-')).collect();
    let wanted = |word: &str| asked.is_empty() || asked.iter().any(|arg| arg == word);
    for (name, kind) in [("events", Kind::Events), ("file", Kind::File(&path))]
        .into_iter()
        .filter(|(name, _)| asked.len() < 2 || wanted(name))
    {
        for size in
            [10_000, 100_000, 1_000_000].into_iter().filter(|size: &u64| asked.len() < 2 || wanted(&size.to_string()))
        {
            let rounds: Vec<[Duration; 2]> = (0..ROUNDS).map(|_| round(&kind, size)).collect();
            let show = |which: usize| {
                let mut all: Vec<f64> = rounds.iter().map(|times| times[which].as_secs_f64() * 1e3).collect();
                all.sort_by(f64::total_cmp);
                format!("{:.0} ({:.0}-{:.0})", all[ROUNDS / 2], all[0], all[ROUNDS - 1])
            };
            println!("{name:<8} {size:>10} {:>22} {:>22}", show(0), show(1));
        }
    }
}
