//! A file of events, turned into rows by a hand-written loop on one thread: what a good programmer would write in an
//! afternoon for one fixed job, and what the engine is measured against.
//!
//! What it has over the engine: the fields, the filter, the aggregates and the window are compiled in; lines are
//! trusted ([`super::scan`]); rows come in the order of a hash table; sums are rounded at every step; nothing is
//! configurable, and only one thread can do it. Late events, which the benches' input does not have, are counted and
//! left out, never corrected.
//!
//! What it does as the engine does: it reads the file in pieces, waits `out_of_orderness` before it closes a window,
//! holds only the slices that are open, and writes every row to a file.

use super::rows::Rows;
use super::scan::Cursor;
use super::table::{Reset, Slice, Slices};
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// Bytes read at a time: what fits the second-level cache.
const READ: usize = 256 * 1024;
/// How far events may be out of order, microseconds.
pub(super) const OUT_OF_ORDERNESS: i64 = 2_000_000;

/// What a loop counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Good events.
    pub events: u64,
    /// Lines that are no event.
    pub bad: u64,
    /// Events that came after the last of their windows was closed.
    pub late: u64,
    /// Rows written.
    pub rows: u64,
}

/// What one job does with a line and with a window.
pub trait Job {
    /// The state of a group in a slice.
    type State: Reset;
    /// The name of the rows.
    const NAME: &'static str;
    /// The length of a window, microseconds.
    const SIZE: i64;
    /// From one window to the next; the length of a slice, too.
    const SLIDE: i64;

    /// Takes an event and gives its time; `None` where the line is no event.
    fn event(&mut self, line: &[u8], slices: &mut Slices<Self::State>, late: &mut u64) -> Option<i64>;

    /// Writes the rows of a window, whose slices these are, oldest first.
    fn state(&mut self, slices: &mut [Slice<Self::State>], rows: &mut Rows);

    /// Writes the rows of windows that have no slice of their own, at the end of the input.
    fn finish(&mut self, _rows: &mut Rows) {}
}

/// Runs a job over the events in `input`; the rows go to `output`.
///
/// # Errors
/// Where a file cannot be read or written.
pub fn run<J: Job>(mut job: J, input: &Path, output: &Path) -> io::Result<Outcome> {
    let mut rows = Rows::create(output, J::NAME)?;
    let mut slices = Slices::new(J::SLIDE);
    let mut outcome = Outcome::default();
    let (mut newest, mut due) = (i64::MIN, i64::MIN);
    lines(open(input)?, |line| match job.event(line, &mut slices, &mut outcome.late) {
        Some(time) => {
            outcome.events += 1;
            if time > newest {
                newest = time;
                let watermark = newest - OUT_OF_ORDERNESS;
                if watermark >= due {
                    close(&mut job, &mut slices, watermark, &mut rows);
                    slices.pass(watermark);
                    due = (watermark.div_euclid(J::SLIDE) + 1) * J::SLIDE;
                }
            }
        }
        None => outcome.bad += 1,
    })?;
    close(&mut job, &mut slices, i64::MAX, &mut rows);
    job.finish(&mut rows);
    outcome.rows = rows.finish()?;
    Ok(outcome)
}

/// States the windows that end at `watermark` or before, and drops the slices that no later window needs.
fn close<J: Job>(job: &mut J, slices: &mut Slices<J::State>, watermark: i64, rows: &mut Rows) {
    while let Some(first) = slices.first() {
        // A slice leaves with its last window, so the next window is the first that ends behind the oldest slice
        // and was not stated: `slices` remembers what left.
        let end = slices.next_end().max(first + J::SLIDE);
        if end > watermark {
            return;
        }
        let start = end - J::SIZE;
        rows.window(start, end);
        job.state(slices.range(start, end), rows);
        slices.stated(end, J::SIZE);
    }
}

/// The plain bytes of a file, unpacked on this thread by the library that the engine uses.
pub(super) fn open(path: &Path) -> io::Result<Box<dyn Read>> {
    let file = File::open(path)?;
    Ok(match path.extension().and_then(|e| e.to_str()) {
        Some("gz") => Box::new(flate2::read::MultiGzDecoder::new(file)),
        Some("zst") => {
            Box::new(ruzstd::decoding::StreamingDecoder::new(io::BufReader::new(file)).map_err(io::Error::other)?)
        }
        _ => Box::new(file),
    })
}

/// Calls `each` with every line of a file.
pub(super) fn lines(mut file: impl Read, mut each: impl FnMut(&[u8])) -> io::Result<()> {
    let mut buffer = vec![0; READ];
    let mut held = 0;
    loop {
        if held == buffer.len() {
            buffer.resize(held * 2, 0);
        }
        let read = file.read(&mut buffer[held..])?;
        let filled = held + read;
        let mut start = 0;
        while let Some(length) = memchr::memchr(b'\n', &buffer[start..filled]) {
            each(&buffer[start..start + length]);
            start += length + 1;
        }
        if read == 0 {
            if start < filled {
                each(&buffer[start..filled]);
            }
            return Ok(());
        }
        buffer.copy_within(start..filled, 0);
        held = filled - start;
    }
}

/// Fields of an event that more than one job reads.
#[derive(Debug, Default, Clone, Copy)]
pub struct Fields<'a> {
    /// Its time, microseconds.
    pub time: Option<i64>,
    /// Whether the event is one of those wanted; unknown until its type is seen.
    pub wanted: Option<bool>,
    /// `data.page`.
    pub page: Option<super::scan::Text<'a>>,
    /// `data.duration`.
    pub duration: Option<f64>,
    /// `tags.user_type`.
    pub user_type: Option<super::scan::Text<'a>>,
    /// `user_id`.
    pub user: Option<super::scan::Text<'a>>,
}

impl<'a> Fields<'a> {
    /// Reads the fields of J1. Stops where the event turns out not to be wanted and its time is known, and where
    /// everything is found. `None` where the line is no object.
    #[inline]
    pub fn read(line: &'a [u8], wanted: impl Fn(&[u8]) -> bool) -> Option<Self> {
        let mut cursor = Cursor::new(line);
        if !cursor.enter() {
            return None;
        }
        let mut fields = Self::default();
        while let Some(key) = cursor.key() {
            match key {
                b"event_type" => {
                    fields.wanted = Some(cursor.text().is_some_and(|text| wanted(text.raw)));
                    if fields.wanted == Some(false) && fields.time.is_some() {
                        break;
                    }
                }
                b"timestamp" => {
                    fields.time = cursor.seconds();
                    if fields.wanted == Some(false) {
                        break;
                    }
                }
                b"data" if cursor.enter() => {
                    while let Some(key) = cursor.key() {
                        match key {
                            b"page" => fields.page = cursor.text(),
                            b"duration" => fields.duration = cursor.number(),
                            _ => cursor.skip(),
                        }
                    }
                }
                b"tags" if cursor.enter() => {
                    while let Some(key) = cursor.key() {
                        match key {
                            b"user_type" => fields.user_type = cursor.text(),
                            _ => cursor.skip(),
                        }
                    }
                }
                b"user_id" => {
                    fields.user = cursor.text();
                    if fields.is_complete() {
                        break;
                    }
                }
                _ => cursor.skip(),
            }
        }
        Some(fields)
    }

    fn is_complete(&self) -> bool {
        let seen = self.time.is_some() && self.wanted.is_some();
        seen && self.page.is_some() && self.duration.is_some() && self.user_type.is_some()
    }
}
