//! Rows so far by the clock of the machine: of a window that is long not over.

use crate::harness::Scratch;
use std::fs::OpenOptions;
use std::io::Write;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

const JOB: &str = r#"
[sources.events]
type = "file"
path = "a.log"
follow = true

[windows.w]
from = "events"
size = "10h"
early = "20ms"
early_clock = "wall"
select = { n = "count(*)" }

[sinks.rows]
type = "stdout"
format = "json"
from = ["w"]
"#;

fn append(scratch: &Scratch, second: u32) {
    let mut file = OpenOptions::new().append(true).create(true).open(scratch.path("a.log")).unwrap();
    writeln!(file, "{{\"timestamp\": {}}}", 1_767_614_400 + second).unwrap();
}

#[test]
fn a_long_window_when_its_rows_so_far_are_wanted_then_says_what_has_come_and_takes_it_back() {
    for workers in ["1", "2"] {
        let scratch = Scratch::new();
        scratch.write("p.toml", JOB);
        append(&scratch, 0);
        let mut child = scratch.program(["run", "p.toml", "-w", workers]).start();
        std::thread::scope(|scope| {
            let (enough, told) = channel::<()>();
            let scratch = &scratch;
            // Events that keep coming: rows are seen when event time has moved on.
            scope.spawn(move || {
                (1..10_000)
                    .take_while(|_| told.recv_timeout(Duration::from_millis(5)) == Err(RecvTimeoutError::Timeout))
                    .for_each(|second| append(scratch, second));
            });
            child.until_out("\"early\":1,\"op\":\"+\"");
            child.until_out("\"early\":1,\"op\":\"-\"");
            child.until_out("\"early\":2,\"op\":\"+\"");
            drop(enough);
        });
        child.signal("INT");
        let ended = child.end();
        ended.expect(0, &[]);
        let with = |op: &str| ended.out.lines().filter(|l| l.contains("\"early\"") && l.contains(op)).count();
        assert_eq!(with("\"op\":\"+\""), with("\"op\":\"-\""), "{}", ended.out);
        let last = ended.out.lines().last().unwrap_or_default();
        assert!(last.ends_with("\"revision\":0,\"op\":\"+\"}"), "{last}");
    }
}
