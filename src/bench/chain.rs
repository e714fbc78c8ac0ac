//! JF by hand: a chain of two hundred functions for each event, and sums of what comes out.

use super::baseline::{Fields, Job};
use super::loops::groups;
use super::rows::Rows;
use super::table::{Reset, Slice, Slices, hash};
use std::fmt::Write;

/// Links of ten functions.
const LINKS: usize = 20;

/// The fields of the stream: each is a function of the one before it.
pub(super) fn fields() -> String {
    let mut out = String::new();
    let mut before = "data.duration".to_owned();
    for link in 0..LINKS {
        let calls = ["abs({} - 0.5)", "sqrt({})", "ln({} + 1.0)", "exp({})", "power({}, 2.0)", "least({}, 100.0)"];
        let more = ["greatest({}, 0.001)", "cbrt({})", "coalesce({}, 0.0)"];
        for (i, call) in calls.iter().chain(&more).enumerate() {
            let name = format!("f{link}_{i}");
            let _ = writeln!(out, "{name} = \"{}\"", call.replace("{}", &before));
            before = name;
        }
        let name = format!("f{link}_9");
        let _ = writeln!(out, "{name} = \"{before} + 0.1 * length(data.page)\"");
        before = name;
    }
    out
}

/// The name of the last field.
pub(super) fn last() -> String {
    format!("f{}_9", LINKS - 1)
}

fn chain(mut x: f64, length: f64) -> f64 {
    for _ in 0..LINKS {
        x = (x - 0.5).abs().sqrt();
        x = (x + 1.0).ln().exp().powf(2.0).clamp(0.001, 100.0);
        x = x.cbrt() + 0.1 * length;
    }
    x
}

/// JF.
#[derive(Debug, Default)]
pub struct Chain {
    scratch: Vec<u8>,
}

/// The state of [`Chain`].
#[derive(Debug, Default)]
pub struct Sums {
    events: u64,
    sum: f64,
    max: f64,
}

impl Reset for Sums {
    fn reset(&mut self) {
        *self = Self::default();
    }
}

impl Job for Chain {
    type State = Sums;
    const NAME: &'static str = "jf";
    const SIZE: i64 = 10_000_000;
    const SLIDE: i64 = 10_000_000;

    fn event(&mut self, line: &[u8], slices: &mut Slices<Sums>, late: &mut u64) -> Option<i64> {
        let fields = Fields::read(line, |_| true)?;
        let time = fields.time?;
        if let (Some(duration), Some(page)) = (fields.duration, fields.page) {
            let Some(table) = slices.at(time) else {
                *late += 1;
                return Some(time);
            };
            let page = page.plain(&mut self.scratch);
            let length = String::from_utf8_lossy(page).chars().count() as f64;
            let state = table.state(hash(b""), b"");
            let value = chain(duration, length);
            state.max = if state.events == 0 { value } else { state.max.max(value) };
            state.events += 1;
            state.sum += value;
        }
        Some(time)
    }

    fn state(&mut self, slices: &mut [Slice<Sums>], rows: &mut Rows) {
        for (_, _, s) in groups(slices) {
            rows.begin().whole("events", s.events).number("total", Some(s.sum)).number("most", Some(s.max)).end();
        }
    }
}
