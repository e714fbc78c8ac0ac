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
//! 3. `schemas[w]` describes the rows of window `w`, and those of the patterns are behind; a row's `part` is its index there.

mod compile;
mod dedup;
mod explain;
mod explain_pattern;
mod extensions;
mod pattern;
mod pattern_check;
mod road;
mod select;

pub use compile::{compile, compile_with};
pub use explain::{explain_dot, explain_json, explain_text};
pub use extensions::Extensions;
pub use pattern::{Marks, PatternGroup, PatternInput, PatternPlan};
pub use pattern_check::{PatternParts, problems as pattern_problems, read as read_pattern};

use crate::aggregate::Layout;
use crate::codec::json::Projection;
use crate::config::{Config, OnBad, SinkConfig, SourceConfig};
use crate::error::{Problem, Problems};
use crate::event::FieldPath;
use crate::pattern::Trace;
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
    /// The streams that drop duplicates, in file order.
    pub dedups: Vec<DedupPlan>,
    /// The window parts, in file order.
    pub windows: Vec<WindowPlan>,
    /// The patterns, those that look at the same events together.
    pub pattern_groups: Vec<PatternGroup>,
    /// The sinks, in file order.
    pub sinks: Vec<SinkPlan>,
    /// What the rows of each window and pattern look like.
    pub schemas: Vec<RowSchema>,
    /// What is odd about its expressions and patterns, in the order of the lines; that of its settings is in
    /// [`Config::warnings`].
    pub warnings: Vec<Problem>,
    /// The pattern and key that are told about, step by step; of `highwater trace`.
    pub trace: Option<Trace>,
    /// Tells pipelines apart: the same settings give the same, any other another.
    pub fingerprint: [u8; 32],
}

/// What is planned behind a source, or behind a stream that drops duplicates.
#[derive(Debug)]
pub struct Stage {
    /// What is read of an event: the columns that come with it.
    pub paths: Vec<FieldPath>,
    /// Streams and windows, each after what it reads.
    pub steps: Vec<Step>,
    /// For each step its `where`, as text.
    pub filters: Vec<Option<String>>,
    /// For each step its `sample`, as text.
    pub samples: Vec<Option<String>>,
    /// For each step the columns it computes: name or purpose, and expression.
    pub computed: Vec<Vec<(String, String)>>,
    /// All columns: those that come and those that are computed.
    pub columns: usize,
    /// What it feeds: windows, each with the number of its feed.
    pub feeds: Vec<(usize, usize)>,
}

/// A source with everything its operator does.
#[derive(Debug)]
pub struct SourcePlan {
    /// The source's name.
    pub name: String,
    /// Its settings.
    pub config: SourceConfig,
    /// What is planned behind it; its first columns are the decoded slots.
    pub stage: Stage,
    /// What the decoder reads.
    pub projection: Projection,
    /// The decoder drops events whose value at the path is none of these texts, where there is such a condition.
    pub prefilter: Option<(FieldPath, Vec<String>)>,
    /// Streams that drop duplicates, each with the number of its input.
    pub dedups: Vec<(usize, usize)>,
    /// Groups of patterns, each with the number of its input.
    pub patterns: Vec<(usize, usize)>,
    /// The time of its events is that of the wall clock.
    pub processing: bool,
    /// Microseconds.
    pub out_of_orderness: i64,
    /// After which silence a partition no longer holds the others back, microseconds; `None`: never.
    pub idle_after: Option<i64>,
    /// What becomes of bad lines.
    pub on_bad: OnBad,
}

/// A window part.
#[derive(Debug)]
pub struct WindowPlan {
    /// The window's name.
    pub name: String,
    /// The streams and sources it reads, by name.
    pub from: Vec<String>,
    /// The roads on which events reach it; at least one.
    pub feeds: Vec<Feed>,
    /// The aggregates' state, over the columns of the road that was planned first.
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
    /// How often its rows so far are stated by the clock of the machine, microseconds; `None`: never.
    pub early_wall: Option<i64>,
    /// Of sessions: the aggregates that are their bounds.
    pub ends: Option<Ends>,
    /// The file that keeps events which are too late.
    pub too_late: Option<String>,
    /// Whether to aggregate before the exchange.
    pub mode: Mode,
    /// How many groups of a window are kept; all others are one.
    pub max_groups: Option<usize>,
    /// Its index among the schemas.
    pub part: u32,
}

/// A stream that drops duplicates, with everything behind it: at the worker of a key it is what a source is where the
/// events come in.
#[derive(Debug)]
pub struct DedupPlan {
    /// The stream's name.
    pub name: String,
    /// What duplicates have in common, as text.
    pub by: String,
    /// Microseconds.
    pub within: i64,
    /// How far behind its tick an event is too late for every window; microseconds.
    pub horizon: i64,
    /// The roads on which events reach it, from sources.
    pub inputs: Vec<DedupInput>,
    /// What is planned behind it; its first columns come with the events.
    pub stage: Stage,
    /// Its index among what is counted, behind the windows.
    pub part: u32,
}

/// A road on which events reach a stream that drops duplicates.
#[derive(Debug)]
pub struct DedupInput {
    /// Index of the source at its beginning.
    pub source: usize,
    /// The selection of the source's steps that the stream takes.
    pub selection: usize,
    /// The column of the key.
    pub key: usize,
    /// For each of the stream's paths its column.
    pub columns: Vec<usize>,
    /// As of a [`Feed`].
    pub road: Vec<usize>,
}

/// Where a road to a window begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Head {
    /// At this source.
    Source(usize),
    /// At this stream that drops duplicates.
    Dedup(usize),
}

/// A road on which events reach a window.
#[derive(Debug)]
pub struct Feed {
    /// Where it begins.
    pub head: Head,
    /// The selection of the steps there that the window takes.
    pub selection: usize,
    /// The columns of the group.
    pub keys: Vec<usize>,
    /// The aggregates' state, over the columns of this road; of the same form as the window's.
    pub layout: Arc<Layout>,
    /// Which of its inputs the road takes, at the window, then at the stream before it, and so on to its beginning.
    pub road: Vec<usize>,
}

/// A sink and the windows and patterns it takes.
#[derive(Debug)]
pub struct SinkPlan {
    /// The sink's settings.
    pub config: SinkConfig,
    /// The windows and patterns, by schema.
    pub parts: Vec<u32>,
}

/// All problems of a file whose settings have some: those, and the problems of the expressions that could be read.
pub fn all_problems(config: Option<&Config>, settings: Problems) -> Problems {
    all_problems_with(config, &Extensions::default(), settings)
}

/// [`all_problems`], where a program has added to the language.
pub fn all_problems_with(config: Option<&Config>, extensions: &Extensions, settings: Problems) -> Problems {
    let Problems { file, mut list } = settings;
    if let Some(Err(more)) = config.map(|config| compile_with(config, extensions)) {
        list.extend(more.list);
    }
    list.sort_by_key(|p| p.line);
    list.dedup();
    Problems { file, list }
}
