//! All counts of a process at one moment, joined with those of others, and what they say together.
//!
//! Invariant: a snapshot reads each number by itself; numbers of one may be a batch apart.

use super::list::{
    ActionCounts, OperatorCounts, PartCounts, PartitionCounts, Sample, SinkCounts, SourceCounts, TableCounts,
    TelemetryCounts, WorkerCounts,
};

/// All counts at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct Snapshot {
    /// By source.
    pub sources: Vec<SourceCounts>,
    /// By partition, those of the first source first.
    pub partitions: Vec<PartitionCounts>,
    /// By part.
    pub parts: Vec<PartCounts>,
    /// By table.
    pub tables: Vec<TableCounts>,
    /// By sink.
    pub sinks: Vec<SinkCounts>,
    /// By action.
    pub actions: Vec<ActionCounts>,
    /// By operator, where costs are counted.
    pub operators: Vec<OperatorCounts>,
    /// By worker of this process, where costs are counted.
    pub workers: Vec<WorkerCounts>,
    /// Of what is sent to a receiver of OpenTelemetry.
    pub telemetry: Vec<TelemetryCounts>,
}

/// Joins lists of the same names in the same order; what only the other has comes behind.
fn join<C: Clone>(one: &mut Vec<C>, other: &[C], name: fn(&C) -> &str, join: fn(&mut C, &C)) {
    for (i, theirs) in other.iter().enumerate() {
        match one.get_mut(i).filter(|ours| name(ours) == name(theirs)) {
            Some(ours) => join(ours, theirs),
            None => one.push(theirs.clone()),
        }
    }
}

impl Snapshot {
    /// Makes these counts of one process those of another process of the same run as well.
    pub fn join(&mut self, other: &Snapshot) {
        join(&mut self.sources, &other.sources, |c| &c.name, SourceCounts::join);
        join(&mut self.partitions, &other.partitions, |c| &c.name, PartitionCounts::join);
        join(&mut self.parts, &other.parts, |c| &c.name, PartCounts::join);
        join(&mut self.tables, &other.tables, |c| &c.name, TableCounts::join);
        join(&mut self.sinks, &other.sinks, |c| &c.name, SinkCounts::join);
        join(&mut self.actions, &other.actions, |c| &c.name, ActionCounts::join);
        join(&mut self.operators, &other.operators, |c| &c.name, OperatorCounts::join);
        // Workers are numbered through all processes.
        self.workers.extend_from_slice(&other.workers);
        self.workers.sort_by_key(|worker| worker.name.parse().unwrap_or(usize::MAX));
        join(&mut self.telemetry, &other.telemetry, |c| &c.name, TelemetryCounts::join);
    }

    /// Calls `f` for every number, in the order of the plan.
    pub fn each(&self, f: &mut dyn FnMut(Sample<'_>)) {
        self.sources.iter().for_each(|s| s.each(f));
        self.partitions.iter().for_each(|s| s.each(f));
        self.parts.iter().for_each(|s| s.each(f));
        self.tables.iter().for_each(|s| s.each(f));
        self.sinks.iter().for_each(|s| s.each(f));
        self.actions.iter().for_each(|s| s.each(f));
        self.operators.iter().for_each(|s| s.each(f));
        self.workers.iter().for_each(|s| s.each(f));
        self.telemetry.iter().for_each(|s| s.each(f));
    }

    /// Events of all sources.
    pub fn events(&self) -> u64 {
        self.sources.iter().map(|s| s.events).sum()
    }

    /// Bytes of all sources.
    pub fn bytes(&self) -> u64 {
        self.sources.iter().map(|s| s.bytes).sum()
    }

    /// Rejected records of all sources and reasons.
    pub fn rejected(&self) -> u64 {
        self.sources.iter().flat_map(|s| &s.rejected).map(|(_, n)| n).sum()
    }

    /// A sum over all parts.
    pub fn over_parts(&self, f: impl Fn(&PartCounts) -> u64) -> u64 {
        self.parts.iter().map(f).sum()
    }

    /// The event time up to which the run is complete: the least watermark of the partitions that have one and are
    /// neither idle nor at their end; where all are, the greatest. Microseconds.
    pub fn position(&self) -> Option<i64> {
        let known = |moves: bool| self.partitions.iter().filter(move |p| (p.ended == 0 && p.idle == 0) == moves);
        known(true).filter_map(|p| p.position).min().or_else(|| known(false).filter_map(|p| p.position).max())
    }

    /// How much of bounded input is read, from 0 to 1; `None` where the length of a partition is not known.
    pub fn fraction(&self) -> Option<f64> {
        let mut read = 0.0;
        let mut total = 0.0;
        for p in &self.partitions {
            let length = p.length?.max(0);
            let offset = if p.ended != 0 { length } else { p.offset.unwrap_or(0).clamp(0, length) };
            read += offset as f64;
            total += length as f64;
        }
        (total > 0.0).then(|| read / total)
    }
}
