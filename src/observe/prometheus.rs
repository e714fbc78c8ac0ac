//! Samples, turned into figures with the names and units of Prometheus, and these into its text format.
//!
//! A name is `highwater_<scope>_<name>`, a unit where the name does not say it, and `_total` where it only counts up;
//! times and spans are seconds. What is counted by size is a histogram, with buckets. Labels are the scope with the name of the source, partition, part or sink, `source` of a
//! partition, and `reason`, `outcome` or `value` where a metric is counted by label.
//!
//! Invariant: all figures of one name stand together, each with labels that no other has.

use super::histogram::Spread;
use super::kinds::Moves;
use super::list::{IngestCounts, Metric, Sample, ServerCounts};
use super::snapshot::Snapshot;
use std::fmt::Write;

/// One number with its name and labels.
#[derive(Debug, Clone, PartialEq)]
pub struct Figure {
    /// The name, such as `highwater_source_events_total`.
    pub name: String,
    /// What it means.
    pub help: &'static str,
    /// How it moves.
    pub moves: Moves,
    /// Labels, in their order.
    pub labels: Vec<(&'static str, String)>,
    /// The number, in base units; where there are many of a size each, how many.
    pub value: f64,
    /// How many there were of which size.
    pub spread: Option<Spread>,
}

impl Figure {
    /// What Prometheus calls its kind.
    pub fn kind(&self) -> &'static str {
        match self.moves {
            Moves::Up => "counter",
            Moves::Both => "gauge",
            Moves::Spread => "histogram",
        }
    }
}

/// The name of a metric's figures.
pub(super) fn name(metric: &Metric) -> String {
    let mut name = format!("highwater_{}_{}", metric.scope, metric.name);
    name.push_str(match metric.unit {
        "us" => "_timestamp_seconds",
        "ns" | "seconds" => "_seconds",
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
    let value = match s.metric.unit {
        "us" => s.value as f64 / 1e6,
        "ns" => s.value as f64 / 1e9,
        _ => s.value as f64,
    };
    let Metric { doc: help, moves, .. } = *s.metric;
    Figure { name: name(s.metric), help, moves, labels, value, spread: s.spread.cloned() }
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
        moves: Moves::Both,
        labels: vec![("version", env!("CARGO_PKG_VERSION").into())],
        value: 1.0,
        spread: None,
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
                moves: Moves::Both,
                labels: vec![("source", source.name.clone())],
                value: now.saturating_sub(position) as f64 / 1e6,
                spread: None,
            }));
        }
        snapshot.parts.iter().for_each(|s| s.each(&mut |s| all.push(figure(s, None))));
        snapshot.tables.iter().for_each(|s| s.each(&mut |s| all.push(figure(s, None))));
        snapshot.sinks.iter().for_each(|s| s.each(&mut |s| all.push(figure(s, None))));
        snapshot.actions.iter().for_each(|s| s.each(&mut |s| all.push(figure(s, None))));
        snapshot.operators.iter().for_each(|s| s.each(&mut |s| all.push(figure(s, None))));
        snapshot.workers.iter().for_each(|s| s.each(&mut |s| all.push(figure(s, None))));
        snapshot.telemetry.iter().for_each(|s| s.each(&mut |s| all.push(figure(s, None))));
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
            let _ = write!(out, "# HELP {last} {}\n# TYPE {last} {}\n", figure.help, figure.kind());
        }
        let mut line = |suffix: &str, least: Option<&str>, value: &dyn std::fmt::Display| {
            let _ = write!(out, "{}{suffix}", figure.name);
            let labels = figure.labels.iter().map(|(label, text)| (*label, text.as_str()));
            for (i, (label, text)) in labels.chain(least.map(|text| ("le", text))).enumerate() {
                let text = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
                let _ = write!(out, "{}{label}=\"{text}\"", if i == 0 { '{' } else { ',' });
            }
            let end = if figure.labels.is_empty() && least.is_none() { "" } else { "}" };
            let _ = writeln!(out, "{end} {value}");
        };
        let Some(spread) = &figure.spread else {
            line("", None, &figure.value);
            continue;
        };
        // One number for both, so that they agree whatever is counted meanwhile.
        let count = spread.count();
        spread.cumulated().for_each(|(limit, n)| line("_bucket", Some(&limit.to_string()), &n));
        line("_bucket", Some("+Inf"), &count);
        line("_sum", None, &spread.seconds());
        line("_count", None, &count);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::{IngestMetrics, Metrics, PartShape, ServerMetrics, SinkId, SourceId, SourceShape};
    use super::*;
    use std::collections::BTreeSet;
    use std::time::Duration;

    #[test]
    fn names_have_units_and_figures_of_a_name_stand_together() {
        let source = |name: &str| SourceShape {
            name: name.into(),
            partitions: vec!["0".into(), "a \"b\"\\".into()],
            reasons: &["not_json"],
        };
        let parts = [PartShape { name: "pages".into(), values: vec!["n".into()] }];
        let metrics = Metrics::new(&[source("a"), source("b")], &parts, &["out".into()]).with_workers(1..2);
        metrics.look();
        metrics.name_operators(&["a:source".to_owned()])[0].busy.add(2_500_000_000);
        let latency = &metrics.sink(SinkId(0)).latency;
        latency.add(Duration::from_millis(3));
        latency.add(Duration::from_millis(20));
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
            "# TYPE highwater_sink_latency_seconds histogram",
            "highwater_sink_latency_seconds_bucket{sink=\"out\",le=\"0.0025\"} 0",
            "highwater_sink_latency_seconds_bucket{sink=\"out\",le=\"0.005\"} 1",
            "highwater_sink_latency_seconds_bucket{sink=\"out\",le=\"+Inf\"} 2",
            "highwater_sink_latency_seconds_sum{sink=\"out\"} 0.023",
            "highwater_sink_latency_seconds_count{sink=\"out\"} 2",
            "highwater_sink_write_seconds_count{sink=\"out\"} 0",
            "highwater_operator_busy_seconds_total{operator=\"a:source\"} 2.5",
            "highwater_operator_sent_bytes_total{operator=\"a:source\"} 0",
            "highwater_worker_parked_seconds_total{worker=\"1\"} 0",
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
