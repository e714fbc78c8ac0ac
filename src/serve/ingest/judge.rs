//! Lines, turned into what they are by the engine's own decoder: how many events, and which are none, and why.
//!
//! Invariants: (1) a line that is an event here is one for the workers too: the same decoder reads it, for nothing but its
//! time; (2) a line that is longer than the limit is blank afterwards, and named.
//! Cost: that of decoding without columns; nothing is copied. Of lines that are no events only [`MOST`] are told apart.

use super::form::Form;
use crate::codec::json::{JsonDecoder, Projection, Reject, explain};
use crate::event::EventBatch;
use crate::plan::SourcePlan;
use crate::source::LINE_TOO_LONG;
use serde_json::{Value, json as value};

/// Bad records that are listed, of one batch.
const MOST: usize = 100;
/// Of a batch with more bytes the memory is given back.
const LARGE: usize = 1 << 20;

/// A record that is no event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Bad {
    /// Where it begins in the text.
    pub(super) offset: u64,
    /// Its line, from 1, or its place in the array, from 0.
    pub(super) number: u64,
    /// The byte of the fault in it, from 1; 0 where it is not known.
    pub(super) column: u32,
    pub(super) reason: &'static str,
    pub(super) detail: String,
}

impl Bad {
    /// As it is shown to who has sent it.
    pub(super) fn shown(&self, form: Form) -> Value {
        let mut shown = value!({ "offset": self.offset, "reason": self.reason, "detail": self.detail });
        match form {
            Form::Array => shown["index"] = self.number.into(),
            Form::Lines => shown["line"] = self.number.into(),
            Form::One => {}
        }
        if self.column > 0 {
            shown["column"] = self.column.into();
        }
        shown
    }
}

/// What the lines of a batch are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Verdict {
    pub(super) events: u64,
    /// Records that are no events.
    pub(super) rejected: u64,
    /// The first of them.
    pub(super) bad: Vec<Bad>,
    /// Lines that are too long: where they begin, and their bytes.
    pub(super) oversized: Vec<(u64, u64)>,
}

/// Reads lines for nothing but their time.
pub(super) struct Judge {
    decoder: JsonDecoder,
    batch: EventBatch,
    rejects: Vec<Reject>,
    max_line: u64,
}

/// What the judges of a source are made of.
#[derive(Debug, Clone)]
pub(super) struct Rules {
    projection: Projection,
    max_line: u64,
}

impl Rules {
    /// Those of a source.
    pub(super) fn new(plan: &SourcePlan) -> Self {
        let time = &plan.config.time;
        let projection = match plan.processing {
            true => Projection::untimed(&[], None),
            false => Projection::new(&[], &time.field, time.unit, None).with_format(time.format.clone()),
        };
        Self { projection, max_line: plan.config.max_line.0 }
    }
}

impl Judge {
    /// A judge by these rules.
    pub(super) fn new(rules: &Rules) -> Self {
        let decoder = JsonDecoder::new(rules.projection.clone());
        Self { decoder, batch: EventBatch::new(0), rejects: Vec::new(), max_line: rules.max_line }
    }

    /// Looks at the lines of `text`. `form`: how they were written.
    pub(super) fn judge(&mut self, text: &mut Vec<u8>, form: Form) -> Verdict {
        let oversized = blank_long(text, self.max_line);
        let length = text.len();
        self.rejects.clear();
        self.batch.clear();
        self.batch.bytes = std::mem::take(text);
        self.decoder.decode(&mut self.batch, 0..length, &mut self.rejects);
        *text = std::mem::take(&mut self.batch.bytes);
        text.truncate(length);
        let rejected = (self.rejects.len() + oversized.len()) as u64;
        let bad = if rejected > 0 { self.list(text, form, &oversized) } else { Vec::new() };
        let events = self.batch.events;
        if length > LARGE {
            self.batch = EventBatch::new(0);
            self.rejects = Vec::new();
        }
        Verdict { events, rejected, bad, oversized }
    }

    /// The first records that are no events, in their order.
    fn list(&self, text: &[u8], form: Form, oversized: &[(u64, u64)]) -> Vec<Bad> {
        let rejects = self.rejects.iter().take(MOST).map(|reject| {
            let at = reject.offset as usize;
            let line = &text[at..at + reject.len as usize];
            Bad {
                offset: u64::from(reject.offset),
                number: 0,
                column: reject.column,
                reason: reject.reason.code(),
                detail: explain(line, reject.reason),
            }
        });
        let long = oversized.iter().take(MOST).map(|(offset, length)| Bad {
            offset: *offset,
            number: 0,
            column: 0,
            reason: LINE_TOO_LONG,
            detail: format!("the record has {length} bytes, and max_line is {}", self.max_line),
        });
        let mut bad: Vec<Bad> = rejects.chain(long).collect();
        bad.sort_by_key(|bad| bad.offset);
        bad.truncate(MOST);
        let (mut at, mut lines) = (0, u64::from(form == Form::Lines));
        for bad in &mut bad {
            let offset = bad.offset as usize;
            lines += memchr::memchr_iter(b'\n', &text[at..offset]).count() as u64;
            (at, bad.number) = (offset, lines);
            // What stands before an element is no part of it.
            bad.offset += text[offset..].iter().take_while(|b| matches!(b, b' ' | b'\t' | b'\r')).count() as u64;
        }
        bad
    }
}

/// Blanks the lines with more than `most` bytes; gives where they begin, and their bytes.
fn blank_long(text: &mut [u8], most: u64) -> Vec<(u64, u64)> {
    let mut long = Vec::new();
    if text.len() as u64 <= most {
        return long;
    }
    let mut at = 0;
    while at < text.len() {
        let end = memchr::memchr(b'\n', &text[at..]).map_or(text.len(), |i| at + i);
        if (end - at) as u64 > most {
            long.push((at as u64, (end - at) as u64));
            text[at..end].fill(b' ');
        }
        at = end + 1;
    }
    long
}

#[cfg(test)]
mod tests {
    use super::super::form::settle;
    use super::*;
    use crate::config;
    use crate::plan::{Plan, compile};

    fn plan(more: &str) -> Plan {
        let text = format!(
            "[sources.e]\ntype = \"http\"\nmax_line = \"1KiB\"\n{more}\n[windows.w]\nfrom = \"e\"\nsize = \"1s\"\n\
             group_by = {{ k = \"a.b\" }}\nselect = {{ n = \"sum(v)\", t = \"last(s)\" }}\n"
        );
        let (config, problems) = config::parse("p.toml", &text, &[], &|_| None);
        compile(&config.unwrap_or_else(|| panic!("{problems}"))).unwrap()
    }

    fn judged(plan: &Plan, body: &str) -> (Verdict, Form) {
        let mut text = body.as_bytes().to_vec();
        let form = settle(&mut text, false).unwrap();
        (Judge::new(&Rules::new(&plan.sources[0])).judge(&mut text, form), form)
    }

    #[test]
    fn bad_records_are_told_by_line_or_index_with_reason_and_place() {
        let plan = plan("");
        let good = "{\"timestamp\":1}";
        let (verdict, form) = judged(&plan, &format!("{good}\n\n{{\"timestamp\":\n{good}\n  {{}}\n"));
        assert_eq!((verdict.events, verdict.rejected), (2, 2));
        let list: Vec<Value> = verdict.bad.iter().map(|bad| bad.shown(form)).collect();
        assert_eq!(
            (&list[0]["line"], &list[0]["offset"], &list[0]["reason"]),
            (&3.into(), &17.into(), &"syntax".into())
        );
        assert_eq!(
            (&list[1]["line"], &list[1]["offset"], &list[1]["reason"]),
            (&5.into(), &49.into(), &"time_missing".into())
        );
        let (verdict, form) = judged(&plan, &format!("[{good},\n 7, {good}, {{\"timestamp\":\"x\"}}]"));
        assert_eq!((verdict.events, verdict.rejected), (2, 2));
        let list: Vec<Value> = verdict.bad.iter().map(|bad| bad.shown(form)).collect();
        assert_eq!((&list[0]["index"], &list[0]["offset"]), (&1.into(), &19.into()));
        assert_eq!((&list[1]["index"], &list[1]["reason"]), (&3.into(), &"time_type".into()));
    }

    #[test]
    fn long_lines_are_bad_and_blank_and_the_list_is_bounded() {
        let plan = plan("");
        let long = format!("{{\"timestamp\":1,\"x\":\"{}\"}}", "y".repeat(2000));
        let mut text = format!("{{\"timestamp\":1}}\n{long}\n{{\"timestamp\":2}}").into_bytes();
        let verdict = Judge::new(&Rules::new(&plan.sources[0])).judge(&mut text, Form::Lines);
        assert_eq!((verdict.events, verdict.rejected), (2, 1));
        assert_eq!(verdict.oversized, [(16, long.len() as u64)]);
        assert_eq!((verdict.bad[0].number, verdict.bad[0].reason), (2, LINE_TOO_LONG));
        assert!(!text.contains(&b'y'));
        let (verdict, _) = judged(&plan, &"no\n".repeat(5000));
        assert_eq!((verdict.rejected, verdict.bad.len(), verdict.bad[99].number), (5000, MOST, 100));
        assert_eq!(judged(&plan, "").0, Verdict::default());
    }

    /// What is judged here by the time alone is for the workers, who read more of it, the same.
    #[test]
    fn the_judgement_is_that_of_the_decoder_of_the_workers() {
        let values = [
            "1",
            "-0.5e3",
            "1e999",
            "01",
            "true",
            "tru",
            "null",
            "\"x\"",
            "\"\\u12\"",
            "\"\\ud800\"",
            "{\"b\":\"c\"}",
            "{\"b\":1e999}",
            "[1,{}]",
            "[1,",
            "\"a\tb\"",
            "",
            "{\"b\":{\"c\":[]}}",
            "1 2",
            "\"\u{fc}\"",
            "+1",
        ];
        for (more, unit) in [
            ("", ""),
            ("time = { unit = \"rfc3339\" }", "\"2026-01-05T12:00:00Z\""),
            ("time = { clock = \"processing\" }", ""),
        ] {
            let plan = plan(more);
            let p = &plan.sources[0];
            let mut text = String::new();
            for (i, value) in values.iter().enumerate() {
                let time = if unit.is_empty() { i.to_string() } else { unit.to_owned() };
                for name in ["a", "v", "s", "other"] {
                    text += &format!(
                        "{{\"timestamp\":{time},\"{name}\":{value}}}\n{{\"{name}\":{value},\"timestamp\":{time}}}\n"
                    );
                }
                text +=
                    &format!("{{\"timestamp\":{value}}}\n{{\"other\":{}{}}}\n", "[".repeat(i * 10), "]".repeat(i * 10));
            }
            let mut bytes = text.clone().into_bytes();
            let verdict = Judge::new(&Rules::new(p)).judge(&mut bytes, Form::Lines);
            assert_eq!(bytes, text.as_bytes());
            let mut batch = EventBatch::new(p.stage.columns);
            batch.bytes = bytes;
            let (length, mut rejects) = (batch.bytes.len(), Vec::new());
            JsonDecoder::new(p.projection.clone()).decode(&mut batch, 0..length, &mut rejects);
            assert_eq!((verdict.events, verdict.rejected), (batch.events, rejects.len() as u64), "{more}");
            assert!(verdict.events > 50 && verdict.rejected > 50);
            for (bad, reject) in verdict.bad.iter().zip(&rejects) {
                assert_eq!((bad.offset, bad.reason), (u64::from(reject.offset), reject.reason.code()));
            }
        }
    }
}
