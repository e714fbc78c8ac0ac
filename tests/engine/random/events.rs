//! Events of a random case: lines of JSON with everything in them that may go wrong.

use super::super::oracle::Unit;
use super::Random;
use std::fmt::Write;

/// Whole and broken numbers at the edges of what numbers can be; each as it is written.
const AWKWARD: &[&str] = &[
    "1e300",
    "-1e300",
    "1e-300",
    "0.1",
    "0.2",
    "0.30000000000000004",
    "-0.0",
    "-0",
    "0",
    "9007199254740993",
    "9007199254740993.0",
    "9223372036854775807",
    "-9223372036854775808",
    "9223372036854775806",
    "18446744073709551615",
    "123456789012345678901234567890",
    "1.7976931348623157e308",
    "-1.7976931348623157E+308",
    "5e-324",
    "2.2250738585072014e-308",
    "1E2",
    "100",
    "1.0",
    "1",
    "3.141592653589793",
    "1e-5",
    "12345.678901234567",
];

/// Values that are no numbers.
const STRANGE: &[&str] =
    &["\"7\"", "\"x\"", "\"\"", "null", "true", "false", "{\"a\":1}", "[1,2]", "{}", "[]", "{\"b\":{\"c\":[null]}}"];

/// Texts, as they are written; some are one text written twice.
const WRITTEN: &[&str] = &[
    "\"a\"",
    "\"a\"",
    "\"\\u0061\"",
    "\"b\"",
    "\"c\"",
    "\"é\"",
    "\"\\u00e9\"",
    "\"e\\u0301\"",
    "\"日本語\"",
    "\"\\ud83d\\ude00\"",
    "\"😀\"",
    "\"x y\"",
    "\"\\\"q\\\"\"",
    "\"back\\\\slash\"",
    "\"line\\nbreak\"",
    "\"\\/\"",
    "\"/\"",
    "\"\"",
    "\"a rather long text that does not fit any small buffer, one to compare to its end: 1\"",
    "\"a rather long text that does not fit any small buffer, one to compare to its end: 2\"",
];

/// Lines that are no events, whatever the pipeline says of its time.
const BAD: &[&str] = &[
    "{",
    "[1]",
    "7",
    "nul",
    "{\"t\":1,}",
    "{\"t\" 1}",
    "{\"t\":1} x",
    "\"text\"",
    "{\"t\":null,\"data\":{\"at\":null}}",
    "{\"v\":1}",
    "{\"t\":1e300,\"data\":{\"at\":1e300}}",
    "{\"t\":true,\"data\":{\"at\":[1]}}",
    "{\"t\":1,\"data\":{\"at\":1},\"s\":\"\\ud800\"}",
    "{\"t\":01,\"data\":{\"at\":01}}",
    "{\"t\":\"yesterday\",\"data\":{\"at\":\"yesterday\"}}",
    "{\"t\":1,\"data\":{\"at\":1},\"v\":1e999}",
    "{\"t\":1,\"data\":{\"at\":1},\"s\":\"open",
];

/// What the events of a case are like.
#[derive(Debug)]
pub(super) struct Shape {
    /// The first time, milliseconds.
    start: i64,
    /// Times are multiples of this many milliseconds.
    grain: i64,
    /// Most milliseconds from one event to the next.
    step: u64,
    disorder: u64,
    late: u64,
    /// How many milliseconds late those are, at most.
    reach: u64,
    gaps: bool,
    /// 0: small whole numbers, 1: floats, 2: awkward ones, 3: everything.
    values: u64,
    /// How many of the texts are used.
    texts: u64,
    bad: u64,
}

impl Shape {
    /// `days`: events that are up to hours apart, about a change of the clocks.
    pub(super) fn new(r: &mut Random, days: bool) -> Self {
        let shape = Self::seconds(r);
        if !days {
            return shape;
        }
        let hour = 3_600_000;
        Self {
            // Two days before the clocks change: in Europe, Egypt, North America, and the south.
            start: r.pick(&[
                1_774_569_600_000,
                1_792_713_600_000,
                1_776_988_800_000,
                1_772_755_200_000,
                1_775_174_400_000,
            ]),
            step: r.pick(&[600_000, hour, 2 * hour]) as u64,
            disorder: r.pick(&[0, 600_000, 3 * hour]) as u64,
            reach: 40 * hour as u64,
            gaps: shape.gaps,
            ..shape
        }
    }

    fn seconds(r: &mut Random) -> Self {
        Self {
            start: r.pick(&[1_767_614_400_000, 1_767_614_400_000, 1_767_614_399_990, -20_000, 0]),
            grain: r.pick(&[1, 1, 50, 250, 1_000]),
            step: r.pick(&[0, 100, 300, 1_000, 2_000]),
            disorder: r.pick(&[0, 0, 700, 3_000, 8_000]),
            late: r.pick(&[0, 4, 10, 30]),
            reach: 40_000,
            gaps: r.one_in(3),
            values: r.below(4),
            texts: r.pick(&[1, 4, WRITTEN.len() as u64]),
            bad: r.pick(&[0, 0, 15, 5]),
        }
    }

    /// The lines of a partition.
    pub(super) fn lines(&self, r: &mut Random, count: u64, unit: Unit, time_path: &str) -> Vec<String> {
        let mut now = self.start + if r.one_in(3) { r.below(20_000) as i64 } else { 0 };
        let count = if r.one_in(20) { 0 } else { count };
        (0..count)
            .map(|_| {
                now += r.below(self.step + 1) as i64;
                if self.gaps && r.one_in(25) {
                    now += 1_000 * (10 + r.below(90)) as i64;
                }
                if self.bad > 0 && r.one_in(self.bad) {
                    return if r.one_in(6) { r.pick(&["", " ", "\t"]) } else { r.pick(BAD) }.to_owned();
                }
                let mut time = now - r.below(self.disorder + 1) as i64;
                if self.late > 0 && r.one_in(self.late) {
                    time -= r.below(self.reach) as i64;
                }
                self.line(r, time.div_euclid(self.grain) * self.grain, unit, time_path)
            })
            .collect()
    }

    fn line(&self, r: &mut Random, time: i64, unit: Unit, time_path: &str) -> String {
        let mut fields = Vec::new();
        let mut data = Vec::new();
        let time = written_time(r, time, unit);
        match time_path {
            "t" => fields.push(("t", time)),
            _ => data.push(("at", time)),
        }
        for name in ["kind", "v", "n", "extra"] {
            if !r.one_in(6) {
                let value = match name {
                    "kind" if r.one_in(30) => r.pick(STRANGE).to_owned(),
                    "kind" => self.text(r),
                    "n" => self.anything(r),
                    "extra" => r
                        .pick(&["[{\"t\":5},\"}\",[]]", "{\"v\":{\"kind\":1}}", "\"{\\\"t\\\":1}\"", "1.5e1"])
                        .to_owned(),
                    _ => self.number(r),
                };
                fields.push((name, value));
            }
        }
        if r.one_in(40) {
            // Of a name that is there twice the last one counts.
            fields.push(("v", self.number(r)));
        }
        for name in ["page", "v"] {
            if !r.one_in(5) {
                data.push((name, if name == "v" { self.number(r) } else { self.text(r) }));
            }
        }
        if !data.is_empty() || r.one_in(2) {
            fields.push(("data", object(r, &data)));
        }
        match r.below(5) {
            0 => {}
            1 => fields.push(("tags", r.pick(&["null", "[]", "7", "\"env\""]).to_owned())),
            _ => {
                let text = self.text(r);
                fields.push(("tags", object(r, &[("env", text)])));
            }
        }
        if r.one_in(3) && fields.iter().filter(|(name, _)| *name == "v").count() < 2 {
            let at = r.below(fields.len() as u64) as usize;
            fields.rotate_left(at);
        }
        object(r, &fields)
    }

    fn text(&self, r: &mut Random) -> String {
        WRITTEN[r.below(self.texts) as usize].to_owned()
    }

    fn number(&self, r: &mut Random) -> String {
        match self.values {
            0 => (r.below(25) as i64 - 5).to_string(),
            1 => format!("{:?}", (r.below(20_000) as f64 - 5_000.0) / 100.0),
            2 => r.pick(AWKWARD).to_owned(),
            _ => self.anything(r),
        }
    }

    fn anything(&self, r: &mut Random) -> String {
        match r.below(4) {
            0 => r.pick(STRANGE).to_owned(),
            1 => r.pick(AWKWARD).to_owned(),
            _ => (r.below(4) as i64 - 1).to_string(),
        }
    }
}

/// A time in milliseconds, as the unit writes it.
fn written_time(r: &mut Random, time: i64, unit: Unit) -> String {
    let (sign, whole, part) = (if time < 0 { "-" } else { "" }, time.abs() / 1_000, time.abs() % 1_000);
    match unit {
        Unit::Seconds if part == 0 && r.one_in(2) => format!("{sign}{whole}"),
        Unit::Seconds => format!("{sign}{whole}.{part:03}"),
        Unit::Millis if r.one_in(5) => format!("{time}.0"),
        Unit::Millis => time.to_string(),
        Unit::Micros => (time * 1_000).to_string(),
        Unit::Nanos => (time * 1_000_000).to_string(),
        Unit::Rfc3339 => {
            let moment = jiff::Timestamp::from_millisecond(time).expect("a time of this century or near 1970");
            format!("\"{moment}\"")
        }
    }
}

/// An object of names and written values, with or without blanks.
fn object(r: &mut Random, fields: &[(&str, String)]) -> String {
    let (comma, colon) = r.pick(&[(",", ":"), (", ", ": "), (" ,\t", " : ")]);
    let mut out = String::from("{");
    for (i, (name, value)) in fields.iter().enumerate() {
        let _ = write!(out, "{}\"{name}\"{colon}{value}", if i > 0 { comma } else { "" });
    }
    out.push('}');
    out
}

/// The file of some lines: one of two line ends, with or without one at the end.
pub(super) fn file(r: &mut Random, lines: &[String]) -> Vec<u8> {
    let end = if r.one_in(5) { "\r\n" } else { "\n" };
    let mut text = lines.join(end);
    if !lines.is_empty() && !r.one_in(4) {
        text.push_str(end);
    }
    text.into_bytes()
}
