//! A configuration, turned into the typed graph that both `run` and `explain` read.
//!
//! Planning resolves every name, parses and compiles every expression, collects every path that anything reads into
//! the slots of the decoder, shares what is the same (computed columns, aggregates), picks the tick, and finds the
//! prefilter that lets the decoder drop events early. Every problem of every expression is reported at once, at its
//! line of the file.
//!
//! Invariants:
//! 1. Every window end is a multiple of the tick, but for sessions.
//! 2. Slots `0..paths.len()` of a source are decoded; the rest are computed by its steps, each before it is read.
//! 3. `schemas[w]` describes the rows of window `w`; a row's `part` is the window's index.

mod compile;
mod explain;
mod select;

pub use compile::compile;
pub use explain::{explain_dot, explain_json, explain_text};

use crate::aggregate::Layout;
use crate::codec::json::Projection;
use crate::config::{Config, OnBad, SinkConfig, SourceConfig};
use crate::error::Problems;
use crate::event::FieldPath;
use crate::result::RowSchema;
use crate::stream::Step;
use crate::window::{Answer, Ends, Mode, WindowSpec};
use std::sync::Arc;

/// A pipeline, ready to run.
#[derive(Debug)]
pub struct Plan {
    /// The pipeline's name.
    pub name: String,
    /// The tick, microseconds.
    pub tick: i64,
    /// How far a partition's tick may be ahead of the frontier, microseconds.
    pub max_drift: i64,
    /// Bytes that may wait in the sinks before sources pause.
    pub max_inflight: u64,
    /// The sources, in file order.
    pub sources: Vec<SourcePlan>,
    /// The window parts, in file order.
    pub windows: Vec<WindowPlan>,
    /// The sinks, in file order.
    pub sinks: Vec<SinkPlan>,
    /// What the rows of each window look like.
    pub schemas: Vec<RowSchema>,
    /// Tells pipelines apart: the same settings give the same, any other another.
    pub fingerprint: [u8; 32],
}

/// A source with everything its operator does.
#[derive(Debug)]
pub struct SourcePlan {
    /// The source's name.
    pub name: String,
    /// Its settings.
    pub config: SourceConfig,
    /// The decoded slots.
    pub paths: Vec<FieldPath>,
    /// What the decoder reads.
    pub projection: Projection,
    /// The decoder drops events whose value at the path is none of these texts, where there is such a condition.
    pub prefilter: Option<(FieldPath, Vec<String>)>,
    /// Streams and windows, each after what it reads.
    pub steps: Vec<Step>,
    /// For each step its `where`, as text.
    pub filters: Vec<Option<String>>,
    /// For each step the columns it computes: name or purpose, and expression.
    pub computed: Vec<Vec<(String, String)>>,
    /// All columns: decoded and computed.
    pub columns: usize,
    /// The windows it feeds.
    pub windows: Vec<usize>,
    /// Microseconds.
    pub out_of_orderness: i64,
    /// What becomes of bad lines.
    pub on_bad: OnBad,
}

/// A window part.
#[derive(Debug)]
pub struct WindowPlan {
    /// The window's name.
    pub name: String,
    /// The stream or source it reads, by name.
    pub from: String,
    /// Index of the source at the beginning of its road.
    pub source: usize,
    /// The selection of the source's steps that it takes.
    pub selection: usize,
    /// The columns of the group.
    pub keys: Vec<usize>,
    /// The aggregates' state.
    pub layout: Arc<Layout>,
    /// What is selected, in file order.
    pub answers: Vec<Answer>,
    /// For each aggregate call its text.
    pub calls: Vec<String>,
    /// Dimension names and expressions, and value names and expressions, for `explain`.
    pub group_by: Vec<(String, String)>,
    /// See `group_by`.
    pub select: Vec<(String, String)>,
    /// Shape, lateness, tick.
    pub spec: WindowSpec,
    /// Of sessions: the aggregates that are their bounds.
    pub ends: Option<Ends>,
    /// Whether to aggregate before the exchange.
    pub mode: Mode,
    /// Its index among the schemas.
    pub part: u32,
}

/// A sink and the windows it takes.
#[derive(Debug)]
pub struct SinkPlan {
    /// The sink's settings.
    pub config: SinkConfig,
    /// The windows.
    pub parts: Vec<u32>,
}

/// All problems of a file whose settings have some: those, and the problems of the expressions that could be read.
pub fn all_problems(config: Option<&Config>, settings: Problems) -> Problems {
    let Problems { file, mut list } = settings;
    if let Some(Err(more)) = config.map(compile) {
        list.extend(more.list);
    }
    list.sort_by_key(|p| p.line);
    list.dedup();
    Problems { file, list }
}
