//! What happens in a run, turned into counts: a registry built from the plan, of which snapshots are taken.
//!
//! What there is to count is in [`super::list`], with what in [`super::kinds`].
//!
//! Operators and workers are counted only where somebody looks ([`Metrics::look`]): that takes the clock twice for each time an
//! operator is run.

use super::kinds::ByLabel;
use super::list::{
    ActionMetrics, OperatorMetrics, PartMetrics, PartitionMetrics, SinkMetrics, SourceMetrics, TableMetrics,
    TelemetryMetrics, WorkerMetrics,
};
use super::rejects::Rejects;
use super::snapshot::Snapshot;
use super::trace::Trace;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};

/// What a run tells of itself to a receiver of OpenTelemetry; by default nothing.
#[derive(Debug, Clone, Default)]
pub struct Telemetry {
    /// Its traces.
    pub trace: Arc<Trace>,
    /// What is counted of traces and logs, where they are sent.
    pub counts: Vec<Arc<TelemetryMetrics>>,
}

/// A source of the plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SourceId(pub u32);

/// A partition of a source, numbered through all sources; see [`Metrics::partition_id`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PartitionId(u32);

/// A part of the plan: the index of its row schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct PartId(pub u32);

/// A table of the plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TableId(pub u32);

/// A sink of the plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct SinkId(pub u32);

/// What must be known of a source to count it.
#[derive(Debug, Clone)]
pub struct SourceShape {
    /// Its name.
    pub name: String,
    /// The names of its partitions.
    pub partitions: Vec<String>,
    /// The reasons for which its records are rejected, by reason index.
    pub reasons: &'static [&'static str],
}

/// What must be known of a part to count it.
#[derive(Debug, Clone)]
pub struct PartShape {
    /// Its name.
    pub name: String,
    /// The names of its selected values.
    pub values: Vec<String>,
}

/// The registry: shared by all workers of a process.
#[derive(Debug, Default)]
pub struct Metrics {
    sources: Vec<SourceMetrics>,
    partitions: Vec<PartitionMetrics>,
    /// Where each source's partitions begin.
    first_partition: Vec<u32>,
    parts: Vec<PartMetrics>,
    tables: Vec<TableMetrics>,
    sinks: Vec<SinkMetrics>,
    actions: Vec<ActionMetrics>,
    /// Known once the first worker has built the dataflow; all build the same.
    operators: OnceLock<Vec<OperatorMetrics>>,
    /// Those of this process.
    workers: Vec<WorkerMetrics>,
    looked_at: AtomicBool,
    rejects: Rejects,
    telemetry: Telemetry,
}

impl Metrics {
    /// A registry with all counts at zero.
    pub fn new(sources: &[SourceShape], parts: &[PartShape], sinks: &[String]) -> Self {
        let mut metrics = Self::default();
        for shape in sources {
            metrics.first_partition.push(metrics.partitions.len() as u32);
            let rejected = ByLabel::new(shape.reasons.iter().copied());
            metrics.sources.push(SourceMetrics { name: shape.name.clone(), rejected, ..Default::default() });
            let partitions = shape.partitions.iter();
            metrics.partitions.extend(partitions.map(|n| PartitionMetrics { name: n.clone(), ..Default::default() }));
        }
        metrics.parts.extend(parts.iter().map(|shape| PartMetrics {
            name: shape.name.clone(),
            non_numeric: ByLabel::new(&shape.values),
            ..Default::default()
        }));
        metrics.sinks.extend(sinks.iter().map(|n| SinkMetrics { name: n.clone(), ..Default::default() }));
        metrics
    }

    /// With tables of these names.
    #[must_use]
    pub fn with_tables(mut self, names: impl IntoIterator<Item = String>) -> Self {
        self.tables = names.into_iter().map(|name| TableMetrics { name, ..Default::default() }).collect();
        self
    }

    /// With actions.
    #[must_use]
    pub fn with_actions(mut self, actions: impl IntoIterator<Item = String>) -> Self {
        self.actions = actions.into_iter().map(|name| ActionMetrics { name, ..Default::default() }).collect();
        self
    }

    /// With what goes to a receiver of OpenTelemetry.
    #[must_use]
    pub fn with_telemetry(mut self, telemetry: Telemetry) -> Self {
        self.telemetry = telemetry;
        self
    }

    /// The traces of the process; off where nobody asked for them.
    pub fn trace(&self) -> &Arc<Trace> {
        &self.telemetry.trace
    }

    /// With workers of these numbers.
    #[must_use]
    pub fn with_workers(mut self, workers: Range<usize>) -> Self {
        self.workers = workers.map(|i| WorkerMetrics { name: i.to_string(), ..Default::default() }).collect();
        self
    }

    /// Somebody looks: what operators and workers cost is counted from now on, and rejected lines are kept.
    pub fn look(&self) {
        self.looked_at.store(true, Relaxed);
        self.rejects.keep();
    }

    /// True where it is counted what operators and workers cost.
    pub fn counts_costs(&self) -> bool {
        self.looked_at.load(Relaxed)
    }

    /// Says what operators there are, in the order of the plan; the first who says it is heard. Gives them.
    pub fn name_operators(&self, names: &[String]) -> &[OperatorMetrics] {
        let of = |name: &String| OperatorMetrics { name: name.clone(), ..Default::default() };
        self.operators.get_or_init(|| names.iter().map(of).collect())
    }

    /// The operators, as far as they are known.
    pub fn operators(&self) -> &[OperatorMetrics] {
        self.operators.get().map_or(&[], |all| all)
    }

    /// The counts of worker `i` of this process.
    pub fn worker(&self, i: usize) -> Option<&WorkerMetrics> {
        self.workers.get(i)
    }

    /// The newest rejected lines.
    pub fn rejects(&self) -> &Rejects {
        &self.rejects
    }

    /// How many partitions each source has.
    pub fn partitions(&self) -> Vec<usize> {
        let ends = self.first_partition.iter().skip(1).map(|n| *n as usize).chain([self.partitions.len()]);
        self.first_partition.iter().zip(ends).map(|(first, end)| end - *first as usize).collect()
    }

    /// The counts of a source.
    ///
    /// # Panics
    /// Where the registry was made without it; so too for the other scopes.
    pub fn source(&self, id: SourceId) -> &SourceMetrics {
        &self.sources[id.0 as usize]
    }

    /// The handle of partition `i` of a source.
    pub fn partition_id(&self, source: SourceId, i: usize) -> PartitionId {
        PartitionId(self.first_partition[source.0 as usize] + i as u32)
    }

    /// The counts of a partition.
    pub fn partition(&self, id: PartitionId) -> &PartitionMetrics {
        &self.partitions[id.0 as usize]
    }

    /// The counts of a part.
    pub fn part(&self, id: PartId) -> &PartMetrics {
        &self.parts[id.0 as usize]
    }

    /// The counts of a table.
    pub fn table(&self, id: TableId) -> &TableMetrics {
        &self.tables[id.0 as usize]
    }

    /// The counts of a sink.
    pub fn sink(&self, id: SinkId) -> &SinkMetrics {
        &self.sinks[id.0 as usize]
    }

    /// The counts of an action.
    pub fn action(&self, name: &str) -> Option<&ActionMetrics> {
        self.actions.iter().find(|action| action.name == name)
    }

    /// All counts at this moment.
    pub fn snapshot(&self) -> Snapshot {
        Snapshot {
            sources: self.sources.iter().map(SourceMetrics::read).collect(),
            partitions: self.partitions.iter().map(PartitionMetrics::read).collect(),
            parts: self.parts.iter().map(PartMetrics::read).collect(),
            tables: self.tables.iter().map(TableMetrics::read).collect(),
            sinks: self.sinks.iter().map(SinkMetrics::read).collect(),
            actions: self.actions.iter().map(ActionMetrics::read).collect(),
            operators: self.operators().iter().map(OperatorMetrics::read).collect(),
            workers: self.workers.iter().filter(|_| self.counts_costs()).map(WorkerMetrics::read).collect(),
            telemetry: self.telemetry.counts.iter().map(|counts| counts.read()).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::kinds::{Gauge, Moves, Share};
    use super::super::list::{IngestMetrics, Sample, ServerMetrics, list};
    use super::*;
    use std::collections::BTreeSet;

    fn metrics() -> Metrics {
        let source = |name: &str, n: usize| SourceShape {
            name: name.into(),
            partitions: (0..n).map(|i| format!("{name}-{i}")).collect(),
            reasons: &["not_json", "no_time"],
        };
        let parts = [PartShape { name: "pages".into(), values: vec!["n".into(), "avg".into()] }];
        let metrics = Metrics::new(&[source("a", 2), source("b", 1)], &parts, &["out".into()])
            .with_tables(["users".into()])
            .with_actions(["ops".to_owned()])
            .with_telemetry(Telemetry { counts: vec![TelemetryMetrics::new("logs").into()], ..Telemetry::default() })
            .with_workers(2..3);
        metrics.look();
        metrics
    }

    #[test]
    fn the_list_names_each_metric_once_and_a_snapshot_shows_them_all() {
        let names: BTreeSet<_> = list().map(|m| (m.scope, m.name)).collect();
        assert_eq!(names.len(), list().count());
        assert!(list().all(|m| m.doc.ends_with('.') && !m.unit.is_empty()));
        let m = metrics();
        m.name_operators(&["pages:window".to_owned()]);
        assert_eq!(m.name_operators(&["other".to_owned()])[0].name, "pages:window");
        let unseen = Metrics::default().with_workers(0..4);
        assert!(!unseen.counts_costs() && m.counts_costs() && unseen.snapshot().workers.is_empty());
        let p = m.partition(m.partition_id(SourceId(1), 0));
        p.position.raise(1);
        p.offset.raise(1);
        p.length.raise(1);
        let mut seen = BTreeSet::new();
        let mut see = |s: Sample<'_>| {
            assert_eq!(s.label.is_some(), matches!(s.metric.name, "rejected" | "non_numeric" | "refused" | "batches"));
            assert!(!s.of.is_empty() && s.value <= 1);
            assert_eq!(s.spread.is_some(), s.metric.moves == Moves::Spread);
            seen.insert((s.metric.scope, s.metric.name));
        };
        m.snapshot().each(&mut see);
        ServerMetrics::new("http", &["token"]).read().each(&mut see);
        IngestMetrics::new("events", &["accepted"]).read().each(&mut see);
        assert_eq!(seen, names);
    }

    #[test]
    fn counts_land_where_their_handle_says() {
        let m = metrics();
        m.source(SourceId(1)).events.add(3);
        m.source(SourceId(1)).rejected.add(1, 2);
        m.source(SourceId(1)).rejected.add(9, 5);
        m.part(PartId(0)).non_numeric.add(1, 4);
        m.partition(m.partition_id(SourceId(1), 0)).position.raise(7);
        let s = m.snapshot();
        assert_eq!((s.events(), s.rejected()), (3, 2));
        assert_eq!(s.sources[1].rejected, [("not_json".into(), 0), ("no_time".into(), 2)]);
        assert_eq!(s.parts[0].non_numeric[1], ("avg".into(), 4));
        assert_eq!(s.partitions[2].position, Some(7));
        assert_eq!(s.partitions[2].name, "b-0");
    }

    #[test]
    fn what_processes_counted_joins_in_any_order() {
        let count = |n: i64| {
            let m = metrics();
            m.source(SourceId(0)).events.add(n as u64);
            m.source(SourceId(0)).rejected.add(1, n as u64);
            let p = m.partition(m.partition_id(SourceId(0), 1));
            p.position.raise(n * 10);
            p.ended.set(i64::from(n == 2));
            m.part(PartId(0)).groups.add(n);
            m.table(TableId(0)).rows.set(7);
            m.table(TableId(0)).state_bytes.set(n);
            m.snapshot()
        };
        let mut all = count(1);
        all.join(&count(2));
        let mut other = count(2);
        other.join(&count(1));
        assert_eq!(all, other);
        assert_eq!((all.events(), all.sources[0].rejected[1].1, all.parts[0].groups), (3, 3, 3));
        assert_eq!(
            (all.partitions[1].position, all.partitions[1].ended, all.partitions[0].position),
            (Some(20), 1, None)
        );
        assert_eq!((all.tables[0].rows, all.tables[0].state_bytes), (7, 3));
        // A process without sinks.
        let mut bare = Snapshot { sinks: Vec::new(), ..count(0) };
        bare.join(&count(1));
        assert_eq!((bare.sinks.len(), bare.sources.len()), (1, 2));
        let told = serde_json::to_string(&all).unwrap();
        assert_eq!(serde_json::from_str::<Snapshot>(&told).unwrap(), all);
    }

    #[test]
    fn shares_of_a_gauge_add_up() {
        let gauge = Gauge::default();
        let (mut a, mut b) = (Share::default(), Share::default());
        a.set(&gauge, 10);
        b.set(&gauge, 5);
        a.set(&gauge, 3);
        assert_eq!(gauge.get(), 8);
    }

    #[test]
    fn the_position_is_that_of_the_slowest_partition_not_at_its_end() {
        let m = metrics();
        assert_eq!((m.snapshot().position(), m.snapshot().fraction()), (None, None));
        let p: Vec<_> = [(0, 0), (0, 1), (1, 0)].map(|(s, i)| m.partition(m.partition_id(SourceId(s), i))).into();
        for (p, n) in p.iter().zip([30, 10, 20]) {
            p.position.raise(n);
            p.position.raise(n - 1);
            p.length.raise(100);
        }
        assert_eq!((m.snapshot().position(), m.snapshot().fraction()), (Some(10), Some(0.0)));
        p[1].idle.set(1);
        assert_eq!(m.snapshot().position(), Some(20));
        p[1].idle.set(0);
        p[1].ended.set(1);
        p[0].offset.raise(50);
        assert_eq!((m.snapshot().position(), m.snapshot().fraction()), (Some(20), Some(0.5)));
        p[0].ended.set(1);
        p[2].ended.set(1);
        assert_eq!((m.snapshot().position(), m.snapshot().fraction()), (Some(30), Some(1.0)));
    }
}
