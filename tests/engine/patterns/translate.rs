//! A case in the neutral form, turned into a pipeline of ours and its input.
//!
//! What other engines say otherwise is put into our words where that says the same:
//! - an optional step of more than one is an optional group of it: `(a{2})?`;
//! - under Flink's rules a loop at the head of a group has the group's inner contiguity, and a limit on the gap before a
//!   quantified step holds for none;
//! - watermarks are given by events that a stream filters out and that lie so far ahead that the others never move the
//!   clock; a watermark w there is a frontier w + 1 here;
//! - ties are broken by position, so events come in the order that the case's `tie_break` wants;
//! - where a case's times go back though its pattern does not look at time, they ascend here.

use super::form::{Case, Contiguity, Entry, Event, Node, Quantifier, WithinKind};
use super::sql::{Sql, step_names};
use super::unroll::Rules;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write;

/// How far the events of the clock are ahead, milliseconds: more than any case lasts.
const AHEAD: i64 = 100_000_000_000;

/// How a case is to be said.
#[derive(Debug, Clone, Copy)]
pub struct Manner {
    pub rules: Rules,
    /// `mode = "row"`, instead of "sequence".
    pub row: bool,
    /// Calls of conditions see the event under test, though those of sequences do not.
    pub including: bool,
    /// Partial matches that ran out of time are wanted, too.
    pub timed_out: bool,
    /// `allowed_lateness`, milliseconds.
    pub lateness: i64,
}

impl Manner {
    /// A sequence by these rules.
    pub fn sequence(rules: Rules) -> Self {
        Self { rules, row: false, including: false, timed_out: false, lateness: 0 }
    }
}

fn op(contiguity: Contiguity) -> &'static str {
    match contiguity {
        Contiguity::Strict => ",",
        Contiguity::Relaxed => "->",
        Contiguity::NonDeterministicRelaxed => "->>",
    }
}

/// The text of a pattern, with what is to be defined for it.
struct Text<'a> {
    manner: Manner,
    names: &'a BTreeMap<String, String>,
    /// Our names and their conditions, in the order in which they are needed.
    defined: Vec<(String, &'a Node, &'a Value)>,
    untils: usize,
}

impl<'a> Text<'a> {
    fn define(&mut self, name: String, node: &'a Node, condition: &'a Value) -> String {
        match self.defined.iter().find(|(n, ..)| *n == name) {
            Some((_, _, known)) => assert_eq!(*known, condition, "{name} has one condition"),
            None => self.defined.push((name.clone(), node, condition)),
        }
        name
    }

    fn sequence(&mut self, nodes: &'a [Node], inner_of_group: Option<Contiguity>) -> String {
        let mut text = String::new();
        for (i, node) in nodes.iter().enumerate() {
            if i > 0 {
                // A row pattern need not say it.
                let follows = node.contiguity.unwrap_or(Contiguity::Strict);
                let comma = follows == Contiguity::Strict;
                let _ = write!(text, "{}{} ", if comma { "" } else { " " }, op(follows));
            }
            text.push_str(&self.item(node, inner_of_group.filter(|_| i == 0)));
        }
        text
    }

    fn item(&mut self, node: &'a Node, inner_of_group: Option<Contiguity>) -> String {
        if node.negated {
            let name = self.names[node.name.as_deref().expect("a negation has a name")].clone();
            // Alternatives, said as such.
            if node.condition[0] == "or" && self.manner.rules == Rules::Ours {
                let conditions = &node.condition.as_array().expect("a list")[1..];
                let names = conditions.iter().enumerate().map(|(i, c)| self.define(format!("{name}_{i}"), node, c));
                return format!("!({})", names.collect::<Vec<_>>().join(" | "));
            }
            return format!("!{}", self.define(name, node, &node.condition));
        }
        let quantifier = node.quantifier.as_ref();
        let inner = quantifier.map(|q| match inner_of_group.filter(|_| self.manner.rules != Rules::Ours) {
            Some(inner) => inner,
            None => q.inner_contiguity,
        });
        let mut text = match (&node.group, &node.alt) {
            // Of a group that is no loop, the one that there is by default.
            (Some(group), _) => format!("({})", self.sequence(group, inner.or(Some(Contiguity::Relaxed)))),
            (_, Some(alternatives)) if node.permute => {
                let all: Vec<_> = alternatives[0].iter().map(|n| self.item(n, None)).collect();
                format!("PERMUTE({})", all.join(", "))
            }
            (_, Some(alternatives)) => {
                let all: Vec<_> = alternatives.iter().map(|a| self.alternative(a)).collect();
                let all = all.join(" | ");
                if quantifier.is_some() || node.until.is_some() { format!("({all})") } else { all }
            }
            _ => {
                let name = node.name.as_deref().expect("a step has a name");
                self.define(self.names[name].clone(), node, &node.condition)
            }
        };
        if let Some((q, inner)) = quantifier.zip(inner) {
            text.push_str(&self.times(q, inner, node));
        }
        if let Some(until) = &node.until {
            self.untils += 1;
            let name = self.define(format!("until_{}", self.untils), node, until);
            let _ = write!(text, " until {name}");
        }
        if quantifier.is_some_and(|q| q.optional && q.min > 1) {
            text = format!("({text})?{}", self.reluctant(quantifier.is_some_and(|q| q.greedy)));
        }
        text
    }

    fn alternative(&mut self, nodes: &'a [Node]) -> String {
        match nodes {
            [node] if node.alt.is_none() => self.item(node, None),
            _ => format!("({})", self.sequence(nodes, None)),
        }
    }

    /// In sequences an option has no preference.
    fn reluctant(&self, greedy: bool) -> &'static str {
        if self.manner.row && !greedy { "?" } else { "" }
    }

    fn times(&self, q: &Quantifier, inner: Contiguity, node: &Node) -> String {
        let optional = q.optional && q.min == 1;
        let times = match (q.min, q.max) {
            (1, None) => if optional { "*" } else { "+" }.to_owned(),
            (1, Some(1)) if optional => "?".to_owned(),
            (1, Some(max)) if optional => format!("{{,{max}}}"),
            (min, Some(max)) if min == max => format!("{{{min}}}"),
            (min, Some(max)) => format!("{{{min},{max}}}"),
            (min, None) => format!("{{{min},}}"),
        };
        let preference = node.name.is_some() && q.max != Some(q.min);
        let reluctant = if self.manner.row || preference { !q.greedy } else { false };
        let default = if self.manner.row { Contiguity::Strict } else { Contiguity::Relaxed };
        let inner = match q.window_ms {
            Some(window) => format!("[{} {window}ms]", op(inner)),
            None if inner != default => format!("[{}]", op(inner)),
            None => String::new(),
        };
        format!("{times}{}{inner}", if reluctant { "?" } else { "" })
    }
}

/// The keys of `[patterns.NAME]`, and the tables below it.
pub fn pattern(case: &Case, name: &str, from: &str, manner: Manner) -> String {
    let pattern = &case.pattern;
    let names = step_names(pattern);
    let mut text = Text { manner, names: &names, defined: Vec::new(), untils: 0 };
    let written = text.sequence(&pattern.steps, None);
    let mut out = format!("[patterns.{name}]\nfrom = \"{from}\"\nmatch = '''{written}'''\n");
    if manner.row {
        out.push_str("mode = \"row\"\n");
    }
    let sql = Sql { case, names: &names, including: None, finished: false, row: manner.row };
    let key: Vec<String> = case.key().iter().map(|f| sql.text(&json!(["field", f]))).collect();
    match &key[..] {
        [] => {}
        [key] => {
            let _ = writeln!(out, "key = '''{key}'''");
        }
        keys => {
            let _ = writeln!(out, "key = '''concat({})'''", keys.join(", '/', "));
        }
    }
    let negation = pattern.last_negation().filter(|n| n.contiguity != Some(Contiguity::Strict));
    let mut gaps = pattern.gaps.clone();
    match (pattern.within_ms, pattern.within_kind) {
        (Some(within), WithinKind::FirstAndLast) => {
            let _ = writeln!(out, "within = \"{within}ms\"");
        }
        (Some(within), WithinKind::PreviousAndCurrent) => {
            let last = pattern.steps.last().and_then(|n| n.name.clone());
            let step = pattern.within_step.clone().or(last).expect("it is said of a step");
            let quantified = pattern.nodes().iter().any(|n| n.name.as_ref() == Some(&step) && n.quantifier.is_some());
            let takes = pattern.nodes().iter().any(|n| n.name.as_ref() == Some(&step) && !n.negated);
            if (takes && (!quantified || manner.rules == Rules::Ours)) || negation.is_some() {
                gaps.insert(step, within);
            }
        }
        (None, _) => {}
    }
    if let Some(gap) = pattern.gap_ms {
        let _ = writeln!(out, "within_step = \"{gap}ms\"");
    } else if !gaps.is_empty() {
        let gaps: Vec<_> = gaps.iter().map(|(step, gap)| format!("{} = \"{gap}ms\"", names[step])).collect();
        let _ = writeln!(out, "within_step = {{ {} }}", gaps.join(", "));
    }
    let skip = match pattern.skip() {
        ("skip_past_last", _) => "past_last".to_owned(),
        ("skip_to_next", _) => "to_next".to_owned(),
        ("skip_to_first", Some(step)) => format!("to_first({})", names[step]),
        ("skip_to_last", Some(step)) => format!("to_last({})", names[step]),
        _ => "no_skip".to_owned(),
    };
    // The default, unsaid.
    if skip != "past_last" {
        let _ = writeln!(out, "skip = \"{skip}\"");
    }
    if manner.timed_out {
        out.push_str("timed_out = true\n");
    }
    if manner.lateness > 0 {
        let _ = writeln!(out, "allowed_lateness = \"{}ms\"", manner.lateness);
    }
    let _ = writeln!(out, "[patterns.{name}.define]");
    for (step, node, condition) in text.defined.iter().filter(|(_, _, c)| **c != json!(true)) {
        let including = node.name.as_deref().filter(|_| manner.including);
        let sql = Sql { including, ..sql };
        let _ = writeln!(out, "{step} = '''{}'''", sql.text(condition));
    }
    let _ = writeln!(out, "[patterns.{name}.select]");
    for (measure, expression) in &case.measures {
        let sql = Sql { finished: true, ..sql };
        let _ = writeln!(out, "m_{measure} = '''{}'''", sql.text(expression));
    }
    out.push('\n');
    out
}

/// True where the clock is moved by entries of its own.
pub fn has_watermarks(case: &Case) -> bool {
    case.events.iter().any(|e| e.event().is_none())
}

/// The events in the order in which a case wants those of one time, and with times that do not go back where it wants
/// that.
pub fn arranged(case: &Case) -> Vec<Entry> {
    let mut entries = case.events.clone();
    if case.list_order {
        entries.iter_mut().enumerate().for_each(|(i, entry)| {
            if let Entry::Event(event) = entry {
                event.t = i as i64 + 1;
            }
        });
    }
    if !case.tie_break.is_empty() {
        let rank = |entry: &Entry| -> Vec<i64> {
            let event = entry.event().expect("watermarks stay where they are");
            let field = |name: &String| event.fields[name].as_i64().expect("whole numbers break ties");
            std::iter::once(event.t).chain(case.tie_break.iter().map(field)).collect()
        };
        entries.split_mut(|e| e.event().is_none()).for_each(|events| events.sort_by_key(rank));
    }
    entries
}

/// How far the times of a list go back, milliseconds.
pub fn disorder(entries: &[Entry]) -> i64 {
    let mut latest = i64::MIN;
    let mut most = 0;
    for event in entries.iter().filter_map(Entry::event) {
        latest = latest.max(event.t);
        most = most.max(latest - event.t);
    }
    most
}

/// A source file.
pub fn input(entries: &[Entry]) -> Vec<u8> {
    let mut text = String::new();
    for entry in entries {
        let line = match entry {
            Entry::Event(event) => serde_json::to_value::<&Event>(event).expect("an event is JSON"),
            // The end of the input says that, and its beginning the other.
            Entry::Watermark { watermark: i64::MAX | i64::MIN } => continue,
            Entry::Watermark { watermark } => json!({"t": watermark + 1 + AHEAD, "clock": true}),
        };
        let _ = writeln!(text, "{line}");
    }
    text.into_bytes()
}

/// The sections of a case: its source with these files, a stream where that is needed, and its pattern.
pub fn sections(case: &Case, number: usize, files: &[String], disorder: i64, manner: Manner) -> String {
    let watermarks = has_watermarks(case);
    let files: Vec<String> = files.iter().map(|f| format!("\"{f}\"")).collect();
    let disorder = if watermarks { AHEAD } else { disorder };
    let mut out = format!(
        "[sources.s{number}]\ntype = \"file\"\npath = [{}]\ntime = {{ field = \"t\", unit = \"ms\" }}\n\
         out_of_orderness = \"{disorder}ms\"\n",
        files.join(", ")
    );
    if watermarks {
        let _ = writeln!(out, "[streams.r{number}]\nfrom = \"s{number}\"\nwhere = \"clock IS NULL\"");
    }
    let from = format!("{}{number}", if watermarks { "r" } else { "s" });
    out.push_str(&pattern(case, &format!("p{number}"), &from, manner));
    out
}

/// A pipeline of such sections.
pub fn pipeline(sections: &[String]) -> String {
    let names: Vec<String> = (0..sections.len()).map(|i| format!("\"p{i}\"")).collect();
    format!(
        "[run]\ntick = \"1ms\"\n\n{}[sinks.out]\ntype = \"stdout\"\nformat = \"json\"\ntimes = \"unix_ms\"\nfrom = [{}]\n",
        sections.concat(),
        names.join(", ")
    )
}
