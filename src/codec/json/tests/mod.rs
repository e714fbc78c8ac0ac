//! The decoder against an oracle: `serde_json` decides on each line alone, a plain parser finds the raw texts.
//!
//! What this can catch: any line that is read differently from `serde_json`, at any SIMD level, with any lines before
//! it. What it cannot: a fault that `serde_json` shares. `HIGHWATER_FUZZ_CASES` multiplies the number of cases.

mod cases;
mod random;

use super::*;
use crate::event::{EventBatch, FieldPath, Tag, Value};
use crate::time::{EventTime, TimeFormat, TimeUnit, parse_rfc3339};
use serde_json::Value as Json;

/// A cell, independent of any arena.
#[derive(Debug, Clone, PartialEq)]
enum Plain {
    Null,
    Bool(bool),
    Int(i64),
    /// Bits, so that -0 is not 0.
    Float(u64),
    Str(Vec<u8>),
    Json(Vec<u8>),
}

#[derive(Debug, Clone, PartialEq)]
struct Row {
    time: i64,
    clock: i64,
    offset: u32,
    cells: Vec<Plain>,
}

#[derive(Debug, Default, PartialEq)]
struct Decoded {
    rows: Vec<Row>,
    rejects: Vec<(u32, u32, RejectReason)>,
    events: u64,
    min_time: i64,
    max_time: i64,
}

struct Setup {
    paths: Vec<FieldPath>,
    time: FieldPath,
    unit: TimeUnit,
    /// Times are texts as [`oracle_log_time`] reads them.
    log_time: bool,
    /// Lines have no time.
    untimed: bool,
    prefilter: Option<Prefilter>,
}

impl Setup {
    fn new(paths: &[&str], time: &str, unit: TimeUnit) -> Self {
        let paths = paths.iter().map(|p| FieldPath::dotted(p)).collect();
        Self { paths, time: FieldPath::dotted(time), unit, log_time: false, untimed: false, prefilter: None }
    }

    fn projection(&self) -> Projection {
        if self.untimed {
            return Projection::untimed(&self.paths, self.prefilter.clone());
        }
        let format = self.log_time.then(|| TimeFormat::new("%d/%b/%Y:%H:%M:%S %z").unwrap());
        Projection::new(&self.paths, &self.time, self.unit, self.prefilter.clone()).with_format(format)
    }

    fn decoder(&self, level: SimdLevel) -> JsonDecoder {
        JsonDecoder::with_level(self.projection(), level)
    }
}

const LEVELS: [SimdLevel; 3] = [SimdLevel::Portable, SimdLevel::Avx2, SimdLevel::Avx512];

/// Decodes a block that lies behind `before` other bytes of the arena and before `after`.
fn decode(
    decoder: &mut JsonDecoder,
    slots: usize,
    block: &[u8],
    before: usize,
    after: &[u8],
) -> (Decoded, Vec<Reject>) {
    let mut batch = EventBatch::new(slots);
    batch.bytes = [vec![b'"'; before], block.to_vec(), after.to_vec()].concat();
    let mut rejects = Vec::new();
    decoder.decode(&mut batch, before..before + block.len(), &mut rejects);
    assert_eq!(&batch.bytes[before..before + block.len()], block);
    let plain = |slot: usize, row: usize| match batch.columns[slot][row].value(&batch.bytes) {
        Value::Null => Plain::Null,
        Value::Bool(v) => Plain::Bool(v),
        Value::Int(v) => Plain::Int(v),
        Value::Float(v) => Plain::Float(v.to_bits()),
        Value::Time(_) => unreachable!("no cell is a time"),
        Value::Str(v) => Plain::Str(std::str::from_utf8(v).unwrap().into()),
        Value::Json(v) => Plain::Json(std::str::from_utf8(v).unwrap().into()),
    };
    for column in &batch.columns {
        assert_eq!(column.len(), batch.rows());
        assert!(column.iter().all(|c| c.tag() != Tag::Time));
    }
    let row = |i: usize| Row {
        time: batch.time[i],
        clock: batch.clock[i],
        offset: batch.offset[i],
        cells: (0..slots).map(|s| plain(s, i)).collect(),
    };
    let decoded = Decoded {
        rows: (0..batch.rows()).map(row).collect(),
        rejects: rejects.iter().map(|r| (r.offset, r.len, r.reason)).collect(),
        events: batch.events,
        min_time: batch.min_time,
        max_time: batch.max_time,
    };
    (decoded, rejects)
}

/// A parser of JSON that is known to be good, which keeps what was written.
enum Tree {
    Scalar(String),
    Str(String),
    Array(String),
    Object(String, Vec<(String, Tree)>),
}

struct Parser<'a> {
    rest: &'a str,
}

impl Parser<'_> {
    fn eat(&mut self, n: usize) -> String {
        let (a, b) = self.rest.split_at(n);
        self.rest = b;
        a.to_owned()
    }

    fn string(&mut self) -> String {
        let mut escaped = false;
        let end = self.rest[1..].find(|c| {
            let ends = c == '"' && !escaped;
            escaped = c == '\\' && !escaped;
            ends
        });
        self.eat(end.unwrap() + 2)
    }

    fn tree(&mut self) -> Tree {
        self.rest = self.rest.trim_start();
        let whole = self.rest;
        match self.rest.as_bytes()[0] {
            b'"' => Tree::Str(serde_json::from_str(&self.string()).unwrap()),
            open @ (b'{' | b'[') => {
                let mut members = Vec::new();
                self.eat(1);
                loop {
                    self.rest = self.rest.trim_start_matches([' ', '\t', '\r', ',']);
                    if self.rest.starts_with(['}', ']']) {
                        self.eat(1);
                        let raw = whole[..whole.len() - self.rest.len()].to_owned();
                        return if open == b'{' { Tree::Object(raw, members) } else { Tree::Array(raw) };
                    }
                    if open == b'{' {
                        let key = serde_json::from_str(&self.string()).unwrap();
                        self.rest = self.rest.trim_start();
                        self.eat(1);
                        let value = self.tree();
                        members.push((key, value));
                    } else {
                        self.tree();
                    }
                }
            }
            _ => {
                let end = self.rest.find([',', '}', ']', ' ', '\t', '\r']).unwrap_or(self.rest.len());
                Tree::Scalar(self.eat(end))
            }
        }
    }
}

fn find<'a>(tree: &'a Tree, steps: &[String]) -> Option<&'a Tree> {
    let Some((step, rest)) = steps.split_first() else { return Some(tree) };
    let Tree::Object(_, members) = tree else { return None };
    find(&members.iter().rev().find(|(key, _)| key == step)?.1, rest)
}

/// A time such as `10/Oct/2000:13:55:36 -0700`, written anew as RFC 3339.
fn oracle_log_time(tree: Option<&Tree>) -> Result<i64, RejectReason> {
    let text = match tree {
        Some(Tree::Str(text)) => text,
        Some(Tree::Scalar(text)) if text != "null" => return Err(RejectReason::TimeType),
        Some(Tree::Array(_) | Tree::Object(..)) => return Err(RejectReason::TimeType),
        _ => return Err(RejectReason::TimeMissing),
    };
    let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let read = || {
        let month = months.iter().position(|m| text.get(3..6) == Some(m))? + 1;
        let (day, year, clock) = (text.get(..2)?, text.get(7..11)?, text.get(12..20)?);
        let (sign, hours, minutes) = (text.get(21..22)?, text.get(22..24)?, text.get(24..)?);
        parse_rfc3339(format!("{year}-{month:02}-{day}T{clock}{sign}{hours}:{minutes}").as_bytes())
    };
    read().map(|t| t.0).ok_or(RejectReason::TimeType)
}

/// Microseconds by integer arithmetic of strings: an own way, as slow as it likes.
fn oracle_time(tree: Option<&Tree>, unit: TimeUnit) -> Result<i64, RejectReason> {
    let scale = match unit {
        TimeUnit::Seconds => 6,
        TimeUnit::Millis => 3,
        TimeUnit::Micros => 0,
        TimeUnit::Nanos => -3,
        TimeUnit::Rfc3339 => {
            return match tree {
                Some(Tree::Str(text)) => parse_rfc3339(text.as_bytes()).map(|t| t.0).ok_or(RejectReason::TimeType),
                Some(Tree::Scalar(text)) if text == "null" => Err(RejectReason::TimeMissing),
                None => Err(RejectReason::TimeMissing),
                _ => Err(RejectReason::TimeType),
            };
        }
    };
    let text = match tree {
        Some(Tree::Scalar(text)) if text == "null" => return Err(RejectReason::TimeMissing),
        Some(Tree::Scalar(text)) if text != "true" && text != "false" => text.to_lowercase(),
        None => return Err(RejectReason::TimeMissing),
        _ => return Err(RejectReason::TimeType),
    };
    let (number, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let (sign, number) = number.strip_prefix('-').map_or((1, number), |n| (-1, n));
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let digits = format!("{whole}{fraction}");
    if digits.bytes().all(|b| b == b'0') {
        return Ok(0);
    }
    let exponent: i64 = exponent.parse().unwrap_or(if exponent.starts_with('-') { -9_999_999 } else { 9_999_999 });
    let keep = whole.len() as i64 + exponent.clamp(-9_999_999, 9_999_999) + scale;
    let mut kept: String = digits.chars().take(keep.max(0) as usize).collect();
    if keep > 400 {
        return Err(RejectReason::TimeRange);
    }
    while (kept.len() as i64) < keep {
        kept.push('0');
    }
    let kept = kept.trim_start_matches('0');
    let us: i64 = if kept.is_empty() { 0 } else { kept.parse().map_err(|_| RejectReason::TimeRange)? };
    let us = us * sign;
    if (EventTime::EARLIEST.0..=EventTime::LATEST.0).contains(&us) { Ok(us) } else { Err(RejectReason::TimeRange) }
}

fn oracle_cell(json: &Json, tree: &Tree, steps: &[String]) -> Plain {
    let mut at = json;
    for step in steps {
        match at.as_object().and_then(|o| o.get(step)) {
            Some(next) => at = next,
            None => return Plain::Null,
        }
    }
    match at {
        Json::Null => Plain::Null,
        Json::Bool(v) => Plain::Bool(*v),
        Json::Number(n) => n.as_i64().map_or_else(|| Plain::Float(n.as_f64().unwrap().to_bits()), Plain::Int),
        Json::String(s) => Plain::Str(s.clone().into_bytes()),
        Json::Array(_) | Json::Object(_) => match find(tree, steps) {
            Some(Tree::Array(raw) | Tree::Object(raw, _)) => Plain::Json(raw.clone().into_bytes()),
            _ => panic!("the two parsers of the oracle differ"),
        },
    }
}

fn oracle(setup: &Setup, block: &[u8]) -> Decoded {
    let mut out = Decoded { min_time: i64::MAX, max_time: i64::MIN, ..Decoded::default() };
    let mut offset = 0;
    for line in block.split_inclusive(|b| *b == b'\n') {
        let start = offset as u32;
        offset += line.len();
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.iter().all(|b| b" \t\r".contains(b)) {
            continue;
        }
        let read = || -> Result<(i64, Vec<Plain>), RejectReason> {
            let text = std::str::from_utf8(line).map_err(|_| RejectReason::Encoding)?;
            let json: Json = serde_json::from_slice(line).map_err(|e| {
                let message = e.to_string();
                match () {
                    () if message.contains("recursion") => RejectReason::TooDeep,
                    () if message.contains("out of range") => RejectReason::NumberRange,
                    () => RejectReason::Syntax,
                }
            })?;
            if !json.is_object() {
                return Err(RejectReason::NotAnObject);
            }
            let tree = Parser { rest: text }.tree();
            let time = find(&tree, setup.time.steps());
            let time = match (setup.untimed, setup.log_time) {
                (true, _) => 0,
                (_, true) => oracle_log_time(time)?,
                _ => oracle_time(time, setup.unit)?,
            };
            Ok((time, setup.paths.iter().map(|p| oracle_cell(&json, &tree, p.steps())).collect()))
        };
        match read() {
            Err(reason) => out.rejects.push((start, line.len() as u32, reason)),
            Ok((time, cells)) => {
                let clock = out.max_time;
                out.events += 1;
                out.max_time = clock.max(time);
                let passes = setup.prefilter.as_ref().is_none_or(
                    |p| matches!(&cells[p.slot], Plain::Str(s) if p.allowed.iter().any(|a| a.as_bytes() == s)),
                );
                if passes {
                    out.min_time = out.min_time.min(time);
                    out.rows.push(Row { time, clock, offset: start, cells });
                }
            }
        }
    }
    out
}

/// Decodes the block at every level, twice with the same decoder (the second time its templates are warm), and once more
/// as lines without a time.
fn agree(setup: &Setup, block: &[u8]) {
    let untimed = Setup {
        paths: setup.paths.clone(),
        time: setup.time.clone(),
        untimed: true,
        prefilter: setup.prefilter.clone(),
        ..*setup
    };
    agree_as_it_is(setup, block);
    agree_as_it_is(&untimed, block);
}

fn agree_as_it_is(setup: &Setup, block: &[u8]) {
    let want = oracle(setup, block);
    let mut places: Option<Vec<Reject>> = None;
    for level in LEVELS {
        let mut decoder = setup.decoder(level);
        for (before, after) in [(0, &b""[..]), (3, &b"1\"\xff}\n\\"[..]), (64, &b"{"[..])] {
            let (got, rejects) = decode(&mut decoder, setup.paths.len(), block, before, after);
            if got != want {
                // The first line that differs says more than the block.
                for (a, b) in got.rows.iter().zip(&want.rows) {
                    assert_eq!(a, b, "{level:?} {:?}", String::from_utf8_lossy(&block[b.offset as usize..]));
                }
            }
            assert_eq!(got, want, "{level:?} {:?}", String::from_utf8_lossy(block));
            assert_eq!(&rejects, places.get_or_insert(rejects.clone()));
        }
    }
}

/// Paths of which none is read twice and none is a whole object, so that lines can have tracks.
fn plain() -> Setup {
    Setup::new(&["a", "data.x", "data.y.z", "b", "long_key_of_more_than_sixteen_bytes"], "ts", TimeUnit::Seconds)
}

fn usual() -> Setup {
    Setup::new(
        &["a", "b", "data", "data.x", "data.y.z", "ts", "b", "long_key_of_more_than_sixteen_bytes"],
        "ts",
        TimeUnit::Seconds,
    )
}
