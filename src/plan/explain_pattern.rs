//! Patterns, turned into what a person, a program or Graphviz reads: their conditions, limits and state, and their
//! automata.

use super::{PatternGroup, PatternPlan, Plan};
use crate::pattern::{Automaton, Contiguity, Edge, End, Events, Skip, Way};
use crate::time::Span;
use serde_json::{Value, json};
use std::fmt::Write;

/// Each pattern with its group, in the order of the file.
pub(super) fn all(plan: &Plan) -> Vec<(&PatternGroup, &PatternPlan)> {
    let mut list: Vec<_> = plan.pattern_groups.iter().flat_map(|g| g.patterns.iter().map(move |p| (g, p))).collect();
    list.sort_by_key(|(_, p)| p.shown.part);
    list
}

/// The lines about one pattern.
pub(super) fn lines(group: &PatternGroup, p: &PatternPlan) -> Vec<String> {
    let mut list = Vec::new();
    let mut say = |name: &str, text: &str| list.push(format!("{name:<13} {text}"));
    say("key", group.key.as_deref().unwrap_or("none: all events are one sequence"));
    say("match", &p.text);
    for (step, condition) in &p.define {
        say("step", &format!("{step} = {condition}"));
    }
    if let Some(within) = p.rules.within {
        say("within", &format!("{} of the first event", Span(within)));
    }
    say("skip", &skip(p));
    if p.rules.timed_out {
        say("timed out", "partial matches that ran out of time are rows too");
    }
    for (name, text) in &p.select {
        say("select", &format!("{name} = {text}"));
    }
    for text in automaton(&p.rules.automaton) {
        say("automaton", &text);
    }
    say("exchanges", &exchanged(group, p));
    let others = group.patterns.len() - 1;
    if others > 0 {
        let s = if others == 1 { "" } else { "s" };
        say("shares", &format!("its exchange with {others} other pattern{s}"));
    }
    say("state", &state(p));
    list
}

fn skip(p: &PatternPlan) -> String {
    let step = |s: &usize| p.rules.automaton.steps[*s].clone();
    match &p.rules.skip {
        Skip::No => "nothing: every match is a row".to_owned(),
        Skip::ToNext => "other matches with the same first event".to_owned(),
        Skip::PastLast => "matches that begin before the last event of one".to_owned(),
        Skip::ToFirst(s) => format!("matches that begin before the first {} of one", step(s)),
        Skip::ToLast(s) => format!("matches that begin before the last {} of one", step(s)),
    }
}

fn exchanged(group: &PatternGroup, p: &PatternPlan) -> String {
    let which = if p.sees_all() { "all events" } else { "events that meet a condition" };
    let columns = if group.columns.is_empty() { "nothing".to_owned() } else { group.columns.join(", ") };
    let by = group.key.as_ref().map_or(String::new(), |key| format!(" by {key}"));
    format!("{which}{by}, each with {} marks and {columns}", group.marks.len())
}

fn state(p: &PatternPlan) -> String {
    let most = p.rules.most;
    let until = match (p.rules.within, &p.rules.automaton.end) {
        (Some(within), _) => format!("until the watermark passes its first event + {}", Span(within + p.lateness)),
        (None, End::Pending(_, Some(_))) => "until the last gap has passed".to_owned(),
        (None, _) => "for ever: there is no within".to_owned(),
    };
    let late = match p.lateness {
        0 => String::new(),
        late => format!("; all events of a key for {}, to correct what late ones change", Span(late)),
    };
    format!("the events of partial matches, each once, {until}; at most {most} partial matches of a key{late}")
}

/// How an event follows, as one writes it, with what must not be before it.
fn way(a: &Automaton, edge: &Edge, first: bool) -> String {
    let names = |list: &[usize]| list.iter().map(|s| a.steps[*s].as_str()).collect::<Vec<_>>().join(" or ");
    let mut text = String::new();
    if !first {
        text.push_str(match edge.follows {
            Contiguity::Strict => ",",
            Contiguity::Relaxed => "->",
            Contiguity::Any => "->>",
        });
    }
    let mut and = |more: String| {
        let _ = write!(text, "{}{more}", if text.is_empty() { "" } else { " " });
    };
    if !edge.guards.not_first.is_empty() {
        and(format!("not next {}", names(&edge.guards.not_first)));
    }
    if !edge.guards.never.is_empty() {
        and(format!("no {}", names(&edge.guards.never)));
    }
    for (step, until) in &edge.guards.greedy {
        let until = until.map_or(String::new(), |u| format!(" unless {} came first", a.steps[u]));
        and(format!("no more {}{until}", a.steps[*step]));
    }
    if !edge.until.is_empty() {
        and(format!("not past {}", names(&edge.until)));
    }
    if !edge.rivals.is_empty() {
        and(format!("nor past {}", names(&edge.rivals)));
    }
    if let Some(gap) = edge.gap {
        and(format!("in less than {}", Span(gap)));
    }
    text
}

fn end(a: &Automaton) -> String {
    let names = |list: &[usize]| list.iter().map(|s| a.steps[*s].as_str()).collect::<Vec<_>>().join(" or ");
    match &a.end {
        End::Plain => "match".to_owned(),
        End::Next(steps) => format!("match if the next event is no {}", names(steps)),
        End::Pending(steps, gap) => {
            let by = gap.map_or(String::new(), |gap| format!(" of {}", Span(gap)));
            format!("match if no {} comes within the time{by}", names(steps))
        }
    }
}

/// A line for each node: its number, its step, and its ways.
fn automaton(a: &Automaton) -> Vec<String> {
    let target = |edge: &Edge, first: bool| {
        let how = way(a, edge, first);
        let node = &a.nodes[edge.to as usize];
        format!("{how}{}{} {}", if how.is_empty() { "" } else { " " }, edge.to, a.steps[node.step])
    };
    let start: Vec<String> = a.start.iter().map(|e| target(&a.edges[*e as usize], true)).collect();
    let mut list = vec![format!("begins with {}", start.join("; "))];
    for (i, node) in a.nodes.iter().enumerate() {
        let ways = node.next.iter().map(|way| match way {
            Way::Edge(e) => target(&a.edges[*e as usize], false),
            Way::Accept => end(a),
        });
        list.push(format!("{i} {}: {}", a.steps[node.step], ways.collect::<Vec<_>>().join("; ")));
    }
    list
}

/// A pattern as JSON.
pub(super) fn json(group: &PatternGroup, p: &PatternPlan) -> Value {
    let a = &p.rules.automaton;
    let pairs = |list: &[(String, String)]| -> Value {
        list.iter().map(|(name, text)| json!({ "name": name, "expression": text })).collect()
    };
    let ways = |list: &[Way]| -> Value {
        list.iter()
            .map(|w| match w {
                Way::Edge(e) => {
                    let edge = &a.edges[*e as usize];
                    json!({ "to": edge.to, "how": way(a, edge, false) })
                }
                Way::Accept => json!({ "to": "match", "how": end(a) }),
            })
            .collect()
    };
    let start: Vec<u32> = a.start.iter().map(|e| a.edges[*e as usize].to).collect();
    json!({
        "name": p.name,
        "from": group.from,
        "key": group.key,
        "match": p.text,
        "define": pairs(&p.define),
        "select": pairs(&p.select),
        "within_us": p.rules.within,
        "skip": skip(p),
        "mode": if p.rules.preferred { "row" } else { "sequence" },
        "timed_out": p.rules.timed_out,
        "events": match p.shown.events { Events::None => "none", Events::Ids => "ids", Events::Full => "full" },
        "allowed_lateness_us": p.lateness,
        "max_partial_matches": p.rules.most,
        "exchange": exchanged(group, p),
        "state": state(p),
        "automaton": {
            "start": start,
            "nodes": a.nodes.iter().map(|n| json!({ "step": a.steps[n.step], "ways": ways(&n.next) })).collect::<Vec<_>>(),
        },
    })
}

/// The automaton as a part of a Graphviz graph.
pub(super) fn dot(p: &PatternPlan, quoted: &dyn Fn(&str) -> String, out: &mut String) {
    let a = &p.rules.automaton;
    let id = |what: &str| quoted(&format!("{}: {what}", p.name));
    let _ = writeln!(out, "  subgraph {} {{", quoted(&format!("cluster {}", p.name)));
    let _ = writeln!(out, "    label={}; style=dashed;", quoted(&format!("{}\n{}", p.name, p.text)));
    let _ = writeln!(out, "    {} [shape=point];", id("start"));
    for (i, node) in a.nodes.iter().enumerate() {
        let label = if node.next.contains(&Way::Accept) { ", peripheries=2" } else { "" };
        let _ =
            writeln!(out, "    {} [label={}, shape=ellipse{label}];", id(&i.to_string()), quoted(&a.steps[node.step]));
    }
    let mut arrow = |from: &str, edge: &Edge, first: bool| {
        let label = quoted(&way(a, edge, first));
        let _ = writeln!(out, "    {} -> {} [label={label}];", id(from), id(&edge.to.to_string()));
    };
    for e in &a.start {
        arrow("start", &a.edges[*e as usize], true);
    }
    for (i, node) in a.nodes.iter().enumerate() {
        for w in &node.next {
            if let Way::Edge(e) = w {
                arrow(&i.to_string(), &a.edges[*e as usize], false);
            }
        }
    }
    let _ = writeln!(out, "  }}");
}

#[cfg(test)]
mod tests {
    use super::super::{compile, explain_dot, explain_json, explain_text};

    fn plan(pattern: &str) -> super::Plan {
        let text = format!("[sources.e]\ntype = \"stdin\"\n[patterns.p]\nfrom = \"e\"\nkey = \"k\"\n{pattern}");
        let (config, problems) = crate::config::parse("t.toml", &text, &[], &|_| None);
        compile(&config.unwrap_or_else(|| panic!("{problems}"))).unwrap_or_else(|e| panic!("{e}"))
    }

    #[test]
    fn a_pattern_is_told_with_its_automaton_in_all_forms() {
        let plan = plan(
            "match = \"a -> b+ -> !c -> d\"\nwithin = \"5m\"\ndefine.a = \"x = 1\"\ndefine.b = \"x > last(b.x)\"\n\
             define.c = \"x = 3\"\ndefine.d = \"x = 4\"\nselect = { n = \"count(b)\" }\n",
        );
        let text = explain_text(&plan);
        for line in [
            "pattern p  from e",
            "step          b = x > last(b: x)",
            "within        5m of the first event",
            "automaton     begins with 0 a",
            "automaton     1 b: -> no c 1 b; -> no c no more b 2 d",
            "automaton     2 d: match",
            "exchanges     all events by k, each with 3 marks and k, x, coalesce(event_id, id)",
        ] {
            assert!(text.contains(line), "{line}\n{text}");
        }
        let json = explain_json(&plan);
        assert_eq!(json["patterns"][0]["automaton"]["nodes"][1]["ways"][0]["to"], 1);
        let dot = explain_dot(&plan);
        assert!(dot.contains("\"p: 1\" -> \"p: 2\" [label=\"-> no c no more b\"]"), "{dot}");
        assert!(dot.contains("\"e\" -> \"p\""), "{dot}");
    }
}
