//! Counts of a run, turned into a live line, a summary and samples; and the set-up of logs.
//!
//! [`Metrics`] is the registry: plain atomics that workers add to once a batch; [`Snapshot`] is what they are at one moment. The list
//! of what is counted, with unit and meaning, is [`list`]; the structs are made from the same text. [`Progress`] shows a live line on a
//! terminal, [`summary`] the end of a run. All that a run writes to standard error goes through one [`Console`], so
//! that log lines and the live line never mix.
//!
//! Threads and the clock are used in `progress`, `pulse`, `histogram` and `reached` only; what is shown is made by pure functions.

mod console;
pub mod export;
mod histogram;
mod kinds;
mod list;
mod logs;
mod metrics;
mod number;
mod progress;
mod prometheus;
mod pulse;
mod reached;
mod rejects;
mod snapshot;
mod summary;
mod tap;
pub mod trace;

pub use console::{Around, Console};
pub use histogram::{Histogram, Spread};
pub use kinds::{ByLabel, Counter, Depth, Gauge, Mark, Moves, Share};
pub use list::{
    ActionCounts, ActionMetrics, IngestCounts, IngestMetrics, Metric, OperatorCounts, OperatorMetrics, PartCounts,
    PartMetrics, PartitionCounts, PartitionMetrics, Sample, ServerCounts, ServerMetrics, SinkCounts, SinkMetrics,
    SourceCounts, SourceMetrics, TableCounts, TableMetrics, TelemetryCounts, TelemetryMetrics, WorkerCounts,
    WorkerMetrics, list,
};
pub use logs::{DEFAULT_FILTER, LogFormat, init as init_logs};
pub use metrics::{Metrics, PartId, PartShape, PartitionId, SinkId, SourceId, SourceShape, TableId, Telemetry};
pub use number::{grouped, short};
pub use progress::{Progress, Rate, progress_line, terminal_width};
pub use prometheus::{Figure, figures, prometheus};
pub use pulse::Pulse;
pub use reached::{Reached, moment};
pub use rejects::{Fault, OF_BLOCK, Rejected, Rejects};
pub use snapshot::Snapshot;
pub use summary::{Ending, summary};
pub use tap::{LogRecord, tap_logs, untap_logs};
