//! Million events a second through a window with nearly 100,000 groups a second, and through what stands behind it: a view, an
//! alert with a state for each group, both one after the other.
//!
//! Shows: what rows cost behind a window, beside that window alone, over the same file in the same run, round by round; with
//! one worker and with two. Wall time, the median of the rounds with the least and the greatest. Alerts tell nobody: what is
//! measured is their life, not the receivers.
//!
//! Does not show: how fast a hand-written loop would be (`highwater bench --jobs vt` has one for views), corrections, or
//! groups that stay from window to window: here most of a window's users are others than those of the one before.

#![allow(clippy::print_stdout, reason = "a bench prints its figures")]

use highwater::Pipeline;
use highwater::bench::inputs::Input;
use highwater::result::Op;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

const EVENTS: u64 = 2_000_000;
const ROUNDS: usize = 3;

const WINDOW: &str = r#"
[sources.events]
type = "file"
path = "INPUT"
out_of_orderness = "2s"
[streams.visits]
from = "events"
where = "user_id IS NOT NULL"
[windows.users]
from = "visits"
size = "1s"
group_by = ["user_id"]
select = { events = "count(*)", longest = "max(data.duration)" }
"#;

const VIEW: &str = r#"
[views.best]
from = "users"
where = "longest > 1"
top = { n = 10, by = "longest" }
"#;

const ALERT: &str = r#"
[alerts.long]
from = "users"
when = "longest > 100"
until = "longest < 50"
"#;

const BOTH: &str = r#"
[views.long_ones]
from = "users"
set = { score = "longest / events" }
where = "longest > 1"
[alerts.long]
from = "long_ones"
when = "score > 100"
until = "score < 50"
"#;

/// What is measured: its name, what stands behind the window, and the part whose rows are counted.
const CHAINS: [(&str, &str, &str); 4] = [
    ("the window alone", "", "users"),
    ("+ a view: where, the top ten", VIEW, "best"),
    ("+ an alert on each row", ALERT, "long"),
    ("+ a view, then an alert", BOTH, "long"),
];

/// Seconds of one run, and how many rows there were.
fn run(input: &Path, behind: &str, part: &str, workers: usize) -> (f64, u64) {
    let text = format!("{}{behind}", WINDOW.replace("INPUT", &input.display().to_string()));
    let rows = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&rows);
    let begin = Instant::now();
    Pipeline::from_toml("chains", &text)
        .workers(workers)
        .on_rows(part, move |row| {
            counted.fetch_add(u64::from(row.op() == Op::Assert), Ordering::Relaxed);
        })
        .run()
        .expect("the run ends well");
    (begin.elapsed().as_secs_f64(), rows.load(Ordering::Relaxed))
}

fn main() {
    let file = tempfile::NamedTempFile::new().expect("a scratch file");
    let (maker, mut block) = (Input::Users.maker(EVENTS), Vec::new());
    for k in 0..maker.blocks() {
        block.clear();
        maker.block(k, &mut block);
        file.as_file().write_all(&block).expect("the events are written");
    }
    println!("{EVENTS} events of nearly 100,000 users a second; million events/s, median (least-greatest) of {ROUNDS}");
    println!("{:<32} {:>9} {:>22} {:>22}", "", "rows", "1 worker", "2 workers");
    let mut all: Vec<[Vec<f64>; 2]> = CHAINS.iter().map(|_| Default::default()).collect();
    let mut rows = [0; CHAINS.len()];
    for _ in 0..ROUNDS {
        for (i, (_, behind, part)) in CHAINS.iter().enumerate() {
            for workers in [1, 2] {
                let (seconds, n) = run(file.path(), behind, part, workers);
                assert!(rows[i] == 0 || rows[i] == n, "the same rows at every width");
                rows[i] = n;
                all[i][workers - 1].push(EVENTS as f64 / seconds / 1e6);
            }
        }
    }
    for (((name, _, _), speeds), rows) in CHAINS.iter().zip(&mut all).zip(rows) {
        let shown = speeds.each_mut().map(|speeds| {
            speeds.sort_by(f64::total_cmp);
            format!("{:.2} ({:.2}-{:.2})", speeds[ROUNDS / 2], speeds[0], speeds[ROUNDS - 1])
        });
        println!("{name:<32} {rows:>9} {:>22} {:>22}", shown[0], shown[1]);
    }
}
