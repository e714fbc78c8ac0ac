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
//! 3. `schemas[w]` describes the rows of window `w`, those of the patterns are behind, then those of recommendations, of
//!    views and of alerts; a row's `part` is its index there.

mod alert;
mod building;
mod compile;
mod dedup;
mod explain;
mod explain_alert;
mod explain_pattern;
mod explain_recommendation;
mod extensions;
mod graph;
mod head;
mod join;
mod lookup;
mod pattern;
mod pattern_check;
mod recommendation;
mod road;
mod row;
mod select;
mod table;
mod view;
mod window;

pub use alert::AlertPlan;
pub use compile::{compile, compile_with};
pub use explain::{explain_dot, explain_json, explain_text};
pub use extensions::Extensions;
pub use graph::{Graph, Node, NodeKind, graph};
pub use pattern::{Marks, PatternGroup, PatternInput, PatternPlan};
pub use pattern_check::{PatternParts, problems as pattern_problems, read as read_pattern};
pub use recommendation::RecommendationPlan;
pub use row::RowNames;
pub use table::{EnrichText, TablePlan};
pub use view::{Keyed, ViewFeed, ViewPlan};

use crate::aggregate::Layout;
use crate::codec::json::Projection;
use crate::config::{Config, OnBad, SinkConfig, SourceConfig};
use crate::error::{Problem, Problems};
use crate::event::FieldPath;
use crate::notify::Setup;
use crate::pattern::Trace;
use crate::result::RowSchema;
use crate::stream::{Bounds, Step};
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
    /// The tables, in file order.
    pub tables: Vec<TablePlan>,
    /// What stands at the worker of a key, each after all that it reads: streams that drop duplicates, joins,
    /// lookups in tables of events, and recommendations.
    pub heads: Vec<HeadPlan>,
    /// How far behind that of the sources the watermark is where it is furthest behind, microseconds.
    pub held: i64,
    /// The window parts, in file order.
    pub windows: Vec<WindowPlan>,
    /// The patterns, those that look at the same events together.
    pub pattern_groups: Vec<PatternGroup>,
    /// The views, each after those it reads.
    pub views: Vec<ViewPlan>,
    /// The alerts, in file order.
    pub alerts: Vec<AlertPlan>,
    /// Who is told about alerts, and when.
    pub notify: Setup,
    /// The sinks, in file order.
    pub sinks: Vec<SinkPlan>,
    /// What the rows of each window, pattern, view and alert look like.
    pub schemas: Vec<RowSchema>,
    /// What is odd about its expressions and patterns, in the order of the lines; that of its settings is in
    /// [`Config::warnings`].
    pub warnings: Vec<Problem>,
    /// The pattern and key that are told about, step by step; of `highwater trace`.
    pub trace: Option<Trace>,
    /// Tells pipelines apart: the same settings give the same, any other another.
    pub fingerprint: [u8; 32],
}

/// What is planned behind a source, or behind what stands at the worker of a key.
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
    /// For each step its lookups, as text.
    pub enriches: Vec<Vec<EnrichText>>,
    /// All columns: those that come and those that are computed.
    pub columns: usize,
    /// What it feeds: windows, each with the number of its feed.
    pub feeds: Vec<(usize, usize)>,
    /// What stands at the workers of keys behind it, each with the number of its input.
    pub heads: Vec<(usize, usize)>,
    /// Groups of patterns, each with the number of its input.
    pub patterns: Vec<(usize, usize)>,
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

/// What stands at the worker of a key, with everything behind it: it is there what a source is where the events come in.
#[derive(Debug)]
pub struct HeadPlan {
    /// The name of the stream or join.
    pub name: String,
    /// What it does.
    pub kind: HeadKind,
    /// The roads on which events reach it; those to the left side of a join before those to its right.
    pub inputs: Vec<HeadInput>,
    /// How far behind the watermark before it the one behind it is, microseconds; a multiple of the tick.
    pub delay: i64,
    /// What is planned behind it; its first columns come with the events.
    pub stage: Stage,
    /// Its index among what is counted, behind the parts that have rows; of a recommendation that of its rows.
    pub part: u32,
}

/// What becomes of the events at the worker of their key.
#[derive(Debug)]
pub enum HeadKind {
    /// Duplicates among them are dropped.
    Dedup(DedupPlan),
    /// Those of two sides are put together.
    Join(JoinPlan),
    /// Those of one side are rows of a table, in which those of the other are looked up.
    Lookup(LookupPlan),
    /// They are rows of a table that views join.
    Versions(VersionsPlan),
    /// They are sightings, of which recommendations are made; nothing is behind but the rows of these.
    Recommendation(Box<RecommendationPlan>),
}

/// How a stream drops duplicates.
#[derive(Debug)]
pub struct DedupPlan {
    /// What duplicates have in common, as text.
    pub by: String,
    /// Microseconds.
    pub within: i64,
    /// How far behind its tick an event is too late for everything behind; microseconds.
    pub horizon: i64,
}

/// How a join puts events together.
#[derive(Debug)]
pub struct JoinPlan {
    /// The parts it reads, left and right.
    pub from: [String; 2],
    /// What the events of a pair have in common, for each side, as text.
    pub on: [String; 2],
    /// Which events are partners, and how long they are kept.
    pub bounds: Bounds,
    /// Of the paths behind it the places of those that come with an event of each side.
    pub columns: [Vec<usize>; 2],
}

/// How events are looked up in a table of events.
#[derive(Debug)]
pub struct LookupPlan {
    /// The table, by its place in [`Plan::tables`], and its name.
    pub table: (usize, String),
    /// The parts whose events are rows, and those whose events are looked up.
    pub from: [Vec<String>; 2],
    /// The columns of the key, and what is looked up, as text.
    pub on: [Vec<String>; 2],
    /// The fields that events get, with the columns they are.
    pub add: Vec<(String, String)>,
    /// Of the paths behind it the places of those that come with a row, and with an event that is looked up.
    pub columns: [Vec<usize>; 2],
    /// How long a row is there, microseconds; `None`: until there is a newer one.
    pub keep: Option<i64>,
    /// How far behind its tick an event is too late for everything behind; microseconds.
    pub horizon: i64,
}

/// How events become rows of a table that views join.
#[derive(Debug)]
pub struct VersionsPlan {
    /// The table, by its place in [`Plan::tables`], and its name.
    pub table: (usize, String),
    /// The parts whose events are rows.
    pub from: Vec<String>,
    /// The columns of the key.
    pub key: Vec<String>,
    /// The columns beside it.
    pub columns: Vec<String>,
    /// How long a row holds, microseconds; `None`: until there is a newer one.
    pub keep: Option<i64>,
    /// The index of the rows among the schemas.
    pub part: u32,
    /// How long behind their end rows of views may change that it is joined with; microseconds.
    pub horizon: i64,
}

/// A road on which events reach what stands at the worker of their key.
#[derive(Debug)]
pub struct HeadInput {
    /// Where it begins.
    pub from: Head,
    /// Of a join the side, 0 or 1; of a lookup 0 for rows and 1 for what is looked up; else 0.
    pub side: usize,
    /// The selection of the steps there that is taken.
    pub selection: usize,
    /// The columns of the key.
    pub keys: Vec<usize>,
    /// The columns that come with an event, as what is behind has them.
    pub columns: Vec<usize>,
    /// As of a [`Feed`].
    pub road: Vec<usize>,
}

/// Where a road begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Head {
    /// At this source.
    Source(usize),
    /// At what stands at the worker of a key, by its place in [`Plan::heads`].
    Keyed(usize),
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

impl Plan {
    /// The sources whose events lead to the rows of a part.
    pub fn sources_of(&self, part: u32) -> Vec<usize> {
        let mut sources = Vec::new();
        for view in self.views.iter().filter(|view| view.part == part) {
            let read = view.steps.iter().flat_map(|step| &step.feeds).filter_map(|feed| feed.parts.as_ref());
            let read = read.flatten().chain(&view.parts);
            read.for_each(|of| sources.extend(self.sources_of(*of)));
        }
        for feed in self.windows.iter().filter(|w| w.part == part).flat_map(|w| &w.feeds) {
            self.sources_behind(feed.head, &mut sources);
        }
        for head in &self.heads {
            if matches!(&head.kind, HeadKind::Versions(versions) if versions.part == part) {
                head.inputs.iter().for_each(|input| self.sources_behind(input.from, &mut sources));
            }
        }
        let has = |group: &&PatternGroup| group.patterns.iter().any(|p| p.shown.part == part);
        for input in self.pattern_groups.iter().filter(has).flat_map(|g| &g.inputs) {
            self.sources_behind(input.from, &mut sources);
        }
        for (h, head) in self.heads.iter().enumerate() {
            if matches!(&head.kind, HeadKind::Recommendation(of) if head.part == part || of.users == Some(part)) {
                self.sources_behind(Head::Keyed(h), &mut sources);
            }
        }
        sources.sort_unstable();
        sources.dedup();
        sources
    }

    fn sources_behind(&self, head: Head, sources: &mut Vec<usize>) {
        match head {
            Head::Source(source) => sources.push(source),
            // Heads are in an order in which none leads to itself.
            Head::Keyed(at) => self.heads[at].inputs.iter().for_each(|input| self.sources_behind(input.from, sources)),
        }
    }
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
