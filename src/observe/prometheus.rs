//! Samples, turned into figures with the names and units of Prometheus, and these into its text format.
//!
//! A name is `highwater_<scope>_<name>`, a unit where the name does not say it, and `_total` where it only counts up;
//! times and spans are seconds. Labels are the scope with the name of the source, partition, part or sink, `source` of a
//! partition, and `reason`, `outcome` or `value` where a metric is counted by label.
//!
//! Invariant: all figures of one name stand together, each with labels that no other has.

use super::metrics::{IngestCounts, Metric, Moves, Sample, ServerCounts, Snapshot};
use std::fmt::Write;

/// One number with its name and labels.
#[derive(Debug, Clone, PartialEq)]
pub struct Figure {
    /// The name, such as `highwater_source_events_total`.
    pub name: String,
    /// What it means.
    pub help: &'static str,
    /// True where it only counts up.
    pub counts: bool,
    /// Labels, in their order.
    pub labels: Vec<(&'static str, String)>,
    /// The number, in base units.
    pub value: f64,
}

/// The name of a metric's figures.
pub(super) fn name(metric: &Metric) -> String {
    let mut name = format!("highwater_{}_{}", metric.scope, metric.name);
    name.push_str(match metric.unit {
        "us" => "_timestamp_seconds",
        "bytes" if !metric.name.ends_with("bytes") => "_bytes",
        _ => "",
    });
    if metric.moves == Moves::Up {
        name.push_str("_total");
    }
    name
}

fn figure(s: Sample<'_>, source: Option<&str>) -> Figure {
    let mut labels = Vec::new();
    labels.extend(source.map(|source| ("source", source.to_owned())));
    labels.push((s.metric.scope, s.of.to_owned()));
    if let Some(label) = s.label {
        let by = match s.metric.name {
            "non_numeric" => "value",
            "batches" => "outcome",
            _ => "reason",
        };
        labels.push((by, label.to_owned()));
    }
    let value = if s.metric.unit == "us" { s.value as f64 / 1e6 } else { s.value as f64 };
    Figure { name: name(s.metric), help: s.metric.doc, counts: s.metric.moves == Moves::Up, labels, value }
}

/// All figures: those of the run, where it has begun, with the lag of each source at `now` (microseconds since 1970), and those of the
/// server and of the sources that are sent to it. `partitions`: how many each source has.
pub fn figures(
    run: Option<(&Snapshot, &[usize])>,
    (server, ingest): (&ServerCounts, &[IngestCounts]),
    now: i64,
) -> Vec<Figure> {
    let mut all = vec![Figure {
        name: "highwater_build_info".into(),
        help: "1; the label says which version this is.",
        counts: false,
        labels: vec![("version", env!("CARGO_PKG_VERSION").into())],
        value: 1.0,
    }];
    if let Some((snapshot, partitions)) = run {
        snapshot.sources.iter().for_each(|s| s.each(&mut |s| all.push(figure(s, None))));
        let mut rest = &snapshot.partitions[..];
        for (source, n) in snapshot.sources.iter().zip(partitions) {
            let (own, others) = rest.split_at((*n).min(rest.len()));
            rest = others;
            own.iter().for_each(|p| p.each(&mut |s| all.push(figure(s, Some(&source.name)))));
            let moving = own.iter().filter(|p| p.ended == 0 && p.idle == 0).filter_map(|p| p.position).min();
            all.extend(moving.map(|position| Figure {
                name: "highwater_source_lag_seconds".into(),
                help: "How far the event time of a source is behind the clock of the machine.",
                counts: false,
                labels: vec![("source", source.name.clone())],
                value: now.saturating_sub(position) as f64 / 1e6,
            }));
        }
        snapshot.parts.iter().for_each(|s| s.each(&mut |s| all.push(figure(s, None))));
        snapshot.tables.iter().for_each(|s| s.each(&mut |s| all.push(figure(s, None))));
        snapshot.sinks.iter().for_each(|s| s.each(&mut |s| all.push(figure(s, None))));
        snapshot.actions.iter().for_each(|s| s.each(&mut |s| all.push(figure(s, None))));
    }
    server.each(&mut |s| all.push(figure(s, None)));
    ingest.iter().for_each(|s| s.each(&mut |s| all.push(figure(s, None))));
    let mut names: Vec<String> = Vec::new();
    for figure in &all {
        if !names.contains(&figure.name) {
            names.push(figure.name.clone());
        }
    }
    // A stable sort: within a name the order of the plan stays.
    all.sort_by_key(|figure| names.iter().position(|name| *name == figure.name));
    all
}

/// The text that Prometheus reads.
pub fn prometheus(figures: &[Figure]) -> String {
    let mut out = String::new();
    let mut last = "";
    for figure in figures {
        if figure.name != last {
            last = &figure.name;
            let kind = if figure.counts { "counter" } else { "gauge" };
            let _ = write!(out, "# HELP {last} {}\n# TYPE {last} {kind}\n", figure.help);
        }
        out.push_str(&figure.name);
        for (i, (label, text)) in figure.labels.iter().enumerate() {
            let text = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            let _ = write!(out, "{}{label}=\"{text}\"", if i == 0 { '{' } else { ',' });
        }
        let end = if figure.labels.is_empty() { "" } else { "}" };
        let _ = writeln!(out, "{end} {}", figure.value);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::{IngestMetrics, Metrics, PartShape, ServerMetrics, SourceId, SourceShape};
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn names_have_units_and_figures_of_a_name_stand_together() {
        let source = |name: &str| SourceShape {
            name: name.into(),
            partitions: vec!["0".into(), "a \"b\"\\".into()],
            reasons: &["not_json"],
        };
        let parts = [PartShape { name: "pages".into(), values: vec!["n".into()] }];
        let metrics = Metrics::new(&[source("a"), source("b")], &parts, &["out".into()]);
        metrics.source(SourceId(1)).bytes.add(5);
        let p = metrics.partition(metrics.partition_id(SourceId(1), 1));
        p.position.raise(2_500_000);
        p.offset.raise(7);
        let server = ServerMetrics::new("http", &["token"]);
        let ingest = IngestMetrics::new("b", &["full"]);
        let snapshot = metrics.snapshot();
        let figures = figures(Some((&snapshot, &[2, 2])), (&server.read(), &[ingest.read()]), 4_000_000);
        let text = prometheus(&figures);
        for line in [
            "# TYPE highwater_source_bytes_total counter",
            "highwater_source_bytes_total{source=\"b\"} 5",
            "highwater_source_rejected_total{source=\"a\",reason=\"not_json\"} 0",
            "highwater_partition_position_timestamp_seconds{source=\"b\",partition=\"a \\\"b\\\"\\\\\"} 2.5",
            "highwater_partition_offset_bytes{source=\"b\",partition=\"a \\\"b\\\"\\\\\"} 7",
            "highwater_source_lag_seconds{source=\"b\"} 1.5",
            "highwater_part_state_bytes{part=\"pages\"} 0",
            "highwater_sink_backlog_bytes{sink=\"out\"} 0",
            "highwater_ingest_batches_total{ingest=\"b\",outcome=\"full\"} 0",
            "highwater_ingest_waiting_bytes{ingest=\"b\"} 0",
            "highwater_server_refused_total{server=\"http\",reason=\"token\"} 0",
        ] {
            assert!(text.lines().any(|l| l == line), "{line}\n{text}");
        }
        let mut types = BTreeSet::new();
        let mut series = BTreeSet::new();
        for line in text.lines() {
            match line.strip_prefix("# TYPE ") {
                Some(rest) => assert!(types.insert(rest.to_owned()), "{rest} twice"),
                None if !line.starts_with('#') => {
                    let (labels, _) = line.rsplit_once(' ').unwrap();
                    assert!(series.insert(labels.to_owned()), "{labels} twice");
                }
                None => {}
            }
        }
    }
}
