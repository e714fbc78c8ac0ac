//! A pipeline, turned into a file of alerting rules for Prometheus: what is wrong with the run itself, and, for each alert of
//! the pipeline, that it fires.
//!
//! The file is YAML; every text in it is quoted as JSON, which YAML reads.

use super::Watched;
use serde_json::Value;
use std::fmt::Write;

/// A rule.
struct Rule {
    name: &'static str,
    expr: String,
    /// How long it must hold.
    hold: &'static str,
    severity: &'static str,
    summary: &'static str,
    description: String,
}

/// The file of rules.
pub fn rules(of: &Watched) -> String {
    let mut out = String::from("# Made by highwater export prometheus-rules.\ngroups:\n");
    let group = |out: &mut String, what: &str| {
        let _ = write!(out, "  - name: {}\n    rules:\n", quoted(&format!("{} {what}", of.name)));
    };
    group(&mut out, "run");
    for rule in run(of) {
        let _ = write!(
            out,
            "      - alert: {}\n        expr: {}\n        for: {}\n        labels: {{ severity: {}, pipeline: {} }}\n        \
             annotations:\n          summary: {}\n          description: {}\n",
            rule.name,
            quoted(&rule.expr),
            rule.hold,
            rule.severity,
            quoted(&of.name),
            quoted(rule.summary),
            quoted(&rule.description),
        );
    }
    if !of.alerts.is_empty() {
        group(&mut out, "alerts");
    }
    for (alert, severity) in &of.alerts {
        let what = format!(
            "{{{{ $value }}}} alerts of {alert} fire; /v1/alerts of the run says which, and the events behind each"
        );
        let _ = write!(
            out,
            "      - alert: {}\n        expr: {}\n        labels: {{ severity: {}, pipeline: {}, rule: {} }}\n        annotations:\n          \
             summary: {}\n",
            camel(alert),
            quoted(&format!("highwater_part_firing{} > 0", labels(of, &[("part", alert)]))),
            quoted(severity),
            quoted(&of.name),
            quoted(alert),
            quoted(&what),
        );
    }
    out
}

/// What may be wrong with a run.
fn run(of: &Watched) -> Vec<Rule> {
    let job = labels(of, &[]);
    let mut list = vec![
        Rule {
            name: "HighwaterDown",
            expr: format!("absent(highwater_build_info{job})"),
            hold: "1m",
            severity: "critical",
            summary: "The run gives no figures",
            description: "It does not run, is not scraped, or has another job than these rules ask for.".into(),
        },
        Rule {
            name: "HighwaterRejects",
            expr: format!(
                "sum by (source) (rate(highwater_source_rejected_total{job}[5m])) > 0.01 * sum by (source) \
                 (rate(highwater_source_events_total{job}[5m]))"
            ),
            hold: "5m",
            severity: "warning",
            summary: "More than 1 % of the records of {{ $labels.source }} are no events",
            description: "The label reason of highwater_source_rejected_total says why; dead letters keep the lines."
                .into(),
        },
    ];
    if !of.lasting.is_empty() {
        let sources = labels(of, &[("source", &any(&of.lasting))]);
        list.push(Rule {
            name: "HighwaterLag",
            expr: format!("highwater_source_lag_seconds{sources} > 300"),
            hold: "5m",
            severity: "warning",
            summary: "The event time of {{ $labels.source }} is {{ $value }} s behind the clock",
            description:
                "Nothing comes, what comes is old, or the run does not keep up: compare the rate of events and the \
                          backlog of the sinks."
                    .into(),
        });
        list.push(Rule {
            name: "HighwaterSilent",
            expr: format!("sum by (source) (rate(highwater_source_events_total{sources}[10m])) == 0"),
            hold: "5m",
            severity: "warning",
            summary: "No events come from {{ $labels.source }}",
            description: "Windows wait for it, unless idle_after is set.".into(),
        });
    }
    if of.parts {
        list.push(Rule {
            name: "HighwaterTooLate",
            expr: format!("sum by (part) (increase(highwater_part_too_late_total{job}[10m])) > 0"),
            hold: "0m",
            severity: "warning",
            summary: "Events come too late for {{ $labels.part }} and are dropped",
            description: "Raise its allowed_lateness, or out_of_orderness of the source; dead letters keep the events."
                .into(),
        });
    }
    if of.patterns {
        list.push(Rule {
            name: "HighwaterMatchesGivenUp",
            expr: format!("sum by (part) (increase(highwater_part_partial_overflow_total{job}[10m])) > 0"),
            hold: "0m",
            severity: "warning",
            summary: "Partial matches of {{ $labels.part }} are given up",
            description: "A key has more of them than max_partial_matches: narrow the pattern, or raise it.".into(),
        });
    }
    if of.sent {
        list.push(Rule {
            name: "HighwaterNoRoom",
            expr: format!(
                "sum by (ingest) (rate(highwater_ingest_batches_total{}[5m])) > 0",
                labels(of, &[("outcome", "full")])
            ),
            hold: "5m",
            severity: "warning",
            summary: "Events that are sent to {{ $labels.ingest }} find no room",
            description: "The pipeline does not keep up with what is sent: add workers, or raise queue of the source."
                .into(),
        });
    }
    if of.tables {
        list.push(Rule {
            name: "HighwaterTableStale",
            expr: format!("sum by (table) (increase(highwater_table_reload_failures_total{job}[30m])) > 0"),
            hold: "0m",
            severity: "warning",
            summary: "Table {{ $labels.table }} has changed and cannot be read",
            description: "Its old rows are used; the log says why.".into(),
        });
    }
    if of.sinks {
        list.push(Rule {
            name: "HighwaterSinkSlow",
            expr: format!("highwater_sink_backlog_bytes{job} > {}", of.max_inflight / 2),
            hold: "5m",
            severity: "warning",
            summary: "Sink {{ $labels.sink }} does not keep up",
            description: "Sources wait where what is not written reaches max_inflight.".into(),
        });
    }
    if !of.alerts.is_empty() {
        list.push(Rule {
            name: "HighwaterNotTold",
            expr: format!(
                "sum by (action) (increase(highwater_action_failed_total{job}[10m]) + increase(highwater_action_dropped_total{job}[10m])) > 0"
            ),
            hold: "0m",
            severity: "critical",
            summary: "Action {{ $labels.action }} could not tell of alerts",
            description: "What was not taken is in its dead letters; the log says what the receiver answered.".into(),
        });
    }
    list
}

/// A selector with the job and these labels; a value with `|` is a choice.
fn labels(of: &Watched, more: &[(&str, &str)]) -> String {
    let one = |name: &str, value: &str| {
        let how = if value.contains('|') { "=~" } else { "=" };
        format!("{name}{how}{}", quoted(value))
    };
    let all: Vec<String> =
        [one("job", &of.job)].into_iter().chain(more.iter().map(|(name, value)| one(name, value))).collect();
    format!("{{{}}}", all.join(","))
}

/// Names, as a choice.
fn any(names: &[String]) -> String {
    names.iter().map(|name| regex::escape(name)).collect::<Vec<_>>().join("|")
}

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

/// A name as rules are named.
fn camel(name: &str) -> String {
    let words = name.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.map(|word| word[..1].to_ascii_uppercase() + &word[1..]).collect()
}

#[cfg(test)]
mod tests {
    use super::super::tests::watched;
    use super::*;

    #[test]
    fn rules_when_there_are_alerts_then_have_one_for_each_and_ask_for_what_there_is_alone() {
        let text = rules(&watched());
        for part in [
            "- alert: HighErrors\n        expr: \"highwater_part_firing{job=\\\"shop\\\",part=\\\"high-errors\\\"} > 0\"\n",
            "source=\\\"events\\\"}[10m]",
            "- name: \"shop \\\"one\\\" run\"",
            "> 33554432\"",
        ] {
            assert!(text.contains(part), "{part}\n{text}");
        }
        let bounded = rules(&Watched { lasting: Vec::new(), alerts: Vec::new(), ..watched() });
        for part in ["HighwaterLag", "HighwaterSilent", "HighwaterNotTold", "highwater_part_firing"] {
            assert!(text.contains(part) && !bounded.contains(part), "{part}\n{bounded}");
        }
    }
}
