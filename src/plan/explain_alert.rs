//! Alerts, turned into what a person, a program or Graphviz reads: conditions, spans, state, and who is told.

use super::{AlertPlan, Plan};
use crate::time::Span;
use serde_json::{Value, json};
use std::fmt::Write;

fn from<'a>(plan: &'a Plan, alert: &AlertPlan) -> &'a str {
    &plan.schemas[alert.from as usize].name
}

/// The first line about an alert, and the others.
pub(super) fn lines(plan: &Plan, alert: &AlertPlan) -> (String, Vec<String>) {
    let mut list = Vec::new();
    let mut say = |name: &str, text: String| list.push(format!("{name:<13} {text}"));
    let rule = &alert.rule;
    let (when, until) = &alert.texts;
    say("when", when.clone().unwrap_or_else(|| "every match".to_owned()));
    match until {
        Some(until) => say("until", until.clone()),
        None if rule.moments => {}
        None => say("until", "when is FALSE".to_owned()),
    }
    if rule.hold > 0 {
        say("for", Span(rule.hold).to_string());
    }
    if rule.linger > 0 {
        say("keeps firing", format!("for {}", Span(rule.linger)));
    }
    if let Some(silence) = rule.silence {
        let of = if rule.silence_of_all { "of any group" } else { "of an open alert" };
        say("no data", format!("after {} without a row {of}", Span(silence)));
    }
    say("severity", alert.shown.severity.clone());
    say("state", state(alert));
    let notify = &alert.shown.notify;
    say("notifies", if notify.is_empty() { "nobody".to_owned() } else { notify.join(", ") });
    (format!("alert {}  from {}", alert.shown.rule, from(plan, alert)), list)
}

fn state(alert: &AlertPlan) -> String {
    let keep = Span(alert.rule.keep);
    let until = format!("the rows of a group until the watermark passes their end + {keep}");
    match alert.rule.silence_of_all && alert.rule.silence.is_some() {
        true => format!("{until}; a group for ever"),
        false => format!("{until}; a group with an open alert until that is over"),
    }
}

/// An alert as JSON.
pub(super) fn json(plan: &Plan, alert: &AlertPlan) -> Value {
    let rule = &alert.rule;
    json!({
        "name": alert.shown.rule,
        "from": from(plan, alert),
        "when": alert.texts.0,
        "until": alert.texts.1,
        "for_us": rule.hold,
        "keep_firing_for_us": rule.linger,
        "no_data_after_us": rule.silence,
        "no_data": if rule.silence_of_all { "all" } else { "open" },
        "severity": alert.shown.severity,
        "labels": alert.shown.labels.iter().map(|(name, _)| name).collect::<Vec<_>>(),
        "state": state(alert),
        "notify": alert.shown.notify,
    })
}

/// An alert as nodes and an edge of a Graphviz graph.
pub(super) fn dot(plan: &Plan, alert: &AlertPlan, quoted: &dyn Fn(&str) -> String, out: &mut String) {
    let name = &alert.shown.rule;
    let when = alert.texts.0.as_deref().unwrap_or("every match");
    let label = quoted(&format!("{name}\n{when}\n{}", alert.shown.severity));
    let _ = writeln!(out, "  {} [label={label}, shape=octagon];", quoted(name));
    let _ = writeln!(out, "  {} -> {};", quoted(from(plan, alert)), quoted(name));
    for action in &alert.shown.notify {
        let node = quoted(&format!("action {action}"));
        let _ = writeln!(out, "  {node} [label={}, shape=cds];\n  {} -> {node};", quoted(action), quoted(name));
    }
}
