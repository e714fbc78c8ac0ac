//! The checked settings: one struct a section of the pipeline file, parts in the order of the file.
//!
//! Invariants of a [`Config`] without errors: (1) part names are unique and well-formed; (2) every `from` names a part
//! of the right kind and streams make no circle; (3) a window's spans fit together as [`WindowShape`] says; (4) columns of a window
//! are unique and not reserved; (5) no two outputs are one file. SQL is kept as text with its place.

use super::notify_settings::{ActionConfig, InhibitionConfig, NotifySettings, SilenceConfig};
use super::observe::OtlpConfig;
use super::rate::EventRate;
use super::recommendation::RecommendationConfig;
use super::serve::ServeConfig;
use super::size::ByteSize;
use super::table::{EnrichConfig, TableConfig};
use crate::error::{Problem, Severity};
use crate::event::FieldPath;
use crate::time::{EventTime, Span, TimeFormat, TimeUnit};

/// A value and where it stands in the pipeline file.
#[derive(Debug, Clone, PartialEq)]
pub struct Located<T> {
    /// The value, with environment variables filled in.
    pub value: T,
    /// The line of the file, from 1; 0 where the value came from `--set`.
    pub line: usize,
    /// The full name, such as `windows.per_user.slide`.
    pub path: String,
    /// The text a problem shows: `windows.per_user.slide = "7s"` as the file has it, or `--set path=value`.
    pub text: String,
}

impl<T> Located<T> {
    /// An error at this value.
    pub fn problem(&self, code: &'static str, message: impl Into<String>, help: Option<String>) -> Problem {
        Problem {
            severity: Severity::Error,
            code,
            message: message.into(),
            line: self.line,
            text: self.text.clone(),
            column: None,
            help,
        }
    }
}

/// Named SQL expressions in the order of the file.
pub type Expressions = Vec<(String, Located<String>)>;

/// A pipeline file as checked settings.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// The file's name, as the user gave it.
    pub file: String,
    /// The pipeline's name; the file's name without its ending where the file has none.
    pub name: String,
    /// How the pipeline is run.
    pub run: RunSettings,
    /// How it can be looked at.
    pub serve: ServeConfig,
    /// Where traces and logs of the run go, where they go anywhere.
    pub otlp: Option<OtlpConfig>,
    /// The sources.
    pub sources: Vec<SourceConfig>,
    /// The tables.
    pub tables: Vec<TableConfig>,
    /// The streams.
    pub streams: Vec<StreamConfig>,
    /// The joins, in file order.
    pub joins: Vec<JoinConfig>,
    /// Lookups in tables of events, as planning makes them of the streams; a file has none.
    pub lookups: Vec<LookupConfig>,
    /// The windows.
    pub windows: Vec<WindowConfig>,
    /// The patterns.
    pub patterns: Vec<PatternConfig>,
    /// What is seen together.
    pub recommendations: Vec<RecommendationConfig>,
    /// The queries over rows.
    pub views: Vec<ViewConfig>,
    /// The alerts.
    pub alerts: Vec<AlertConfig>,
    /// The sinks; a file without one gets a table on standard output with every part that makes rows (`implied`).
    pub sinks: Vec<SinkConfig>,
    /// Who is told about alerts.
    pub actions: Vec<ActionConfig>,
    /// Alerts that keep others quiet.
    pub inhibitions: Vec<InhibitionConfig>,
    /// Times in which nobody is told.
    pub silences: Vec<SilenceConfig>,
    /// What holds for all who are told.
    pub notify: NotifySettings,
    /// What is odd but can run, in the order of the lines; filled by [`super::load`].
    pub warnings: Vec<Problem>,
}

impl Config {
    /// The names of the parts that make rows, in the order of the plan's schemas: windows, patterns, recommendations,
    /// each with that of its users, tables that views join, views, alerts.
    pub fn row_parts(&self) -> impl Iterator<Item = &str> {
        let windows = self.windows.iter().map(|part| part.name.as_str());
        let patterns = self.patterns.iter().map(|part| part.name.as_str());
        let views = self.views.iter().map(|part| part.name.as_str());
        let tables = self.joined_tables().map(|table| table.name.as_str());
        let alerts = self.alerts.iter().map(|part| part.name.as_str());
        windows.chain(patterns).chain(self.recommended_parts()).chain(tables).chain(views).chain(alerts)
    }

    /// The names of the parts of recommendations: of each that of items, and behind it that of users where there is one.
    pub fn recommended_parts(&self) -> impl Iterator<Item = &str> {
        self.recommendations
            .iter()
            .flat_map(|part| [Some(part.name.as_str()), part.per_user.as_ref().map(|of| of.name.as_str())])
            .flatten()
    }

    /// Those of [`Config::row_parts`] that sinks can take: all but tables.
    pub fn sunk_parts(&self) -> impl Iterator<Item = &str> {
        self.row_parts().filter(|name| self.tables.iter().all(|table| table.name != *name))
    }

    /// The tables that views join, in the order of the file.
    pub fn joined_tables(&self) -> impl Iterator<Item = &TableConfig> {
        let joins = |name: &str| self.views.iter().any(|view| view.join.iter().any(|join| join.with.value == name));
        self.tables.iter().filter(move |table| joins(&table.name))
    }
}

/// One alert: `[alerts.<name>]`.
#[derive(Debug, Clone, PartialEq)]
pub struct AlertConfig {
    /// The rule's name.
    pub name: String,
    /// The line of its header.
    pub line: usize,
    /// Where it stands, for what concerns it as a whole.
    pub place: Located<()>,
    /// The window, view or pattern whose rows it looks at.
    pub from: Located<String>,
    /// What is to be told.
    pub when: Option<Located<String>>,
    /// When it is over; `None`: where `when` is FALSE.
    pub until: Option<Located<String>>,
    /// How long `when` must have been TRUE (`for`).
    pub hold: Located<Span>,
    /// How long what ends it must have held.
    pub keep_firing_for: Span,
    /// After which time without a row there is no data; `None`: never.
    pub no_data_after: Option<Located<Span>>,
    /// The silence of every group is told, and not only of open alerts.
    pub no_data_of_all: bool,
    /// Pending ones are told in rows.
    pub pending: bool,
    /// How grave it is.
    pub severity: String,
    /// Labels beside those of the group: names and templates.
    pub labels: Vec<(String, Located<String>)>,
    /// What happened, as a template.
    pub summary: Option<Located<String>>,
    /// Further texts: names and templates.
    pub annotations: Vec<(String, Located<String>)>,
    /// The actions that are told.
    pub notify: Vec<Located<String>>,
}

/// How a pipeline is run: `[run]`.
#[derive(Debug, Clone, PartialEq)]
pub struct RunSettings {
    /// The step in which event time advances; `None`: the plan chooses it from the slides, at most one second.
    pub tick: Option<Located<Span>>,
    /// Bytes of input that one process may have read and not yet worked off.
    pub max_inflight: ByteSize,
    /// Event time that one partition may be ahead of the slowest.
    pub max_drift: Span,
}

/// One source: `[sources.<name>]`.
#[derive(Debug, Clone, PartialEq)]
pub struct SourceConfig {
    /// The source's name.
    pub name: String,
    /// The line of its header.
    pub line: usize,
    /// Where the events come from.
    pub kind: SourceKind,
    /// How its lines are written.
    pub format: SourceFormat,
    /// Which field is the event time.
    pub time: TimeField,
    /// How far behind the newest event of its partition an event may be without being late.
    pub out_of_orderness: Span,
    /// After which silence a partition no longer holds the windows of the others open; `None`: never.
    pub idle_after: Option<Span>,
    /// What becomes of a line that is not an event.
    pub on_bad: OnBad,
    /// The file that keeps bad lines.
    pub dead_letters: Option<String>,
    /// The longest line that is read.
    pub max_line: ByteSize,
    /// How many lines are read in a second, at most.
    pub rate_limit: Option<EventRate>,
}

/// Where the events of a source come from.
#[derive(Debug, Clone, PartialEq)]
pub enum SourceKind {
    /// Files; each is one partition.
    File(FileConfig),
    /// Standard input; one partition.
    Stdin,
    /// The built-in generator.
    Generate(GenerateConfig),
    /// Whoever sends events to the server of the run; one partition.
    Http(IngestConfig),
    /// The program that runs the pipeline; one partition.
    Program,
}

/// How much is taken of those who send events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IngestConfig {
    /// Bytes that are accepted and not yet read, at most.
    pub queue: ByteSize,
    /// Bytes of a batch, at most; not more than `queue`.
    pub max_body: ByteSize,
}

/// Which files a source reads, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileConfig {
    /// Files, folders and patterns, in the order of the file. At least one, none empty, relative to the working
    /// directory.
    pub paths: Vec<String>,
    /// All files are one partition.
    pub as_one: bool,
    /// How they are compressed.
    pub compression: FileCompression,
    /// They are read on as they grow.
    pub follow: bool,
}

/// How files are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileCompression {
    /// As their names say.
    Auto,
    /// Not at all.
    None,
    /// gzip.
    Gzip,
    /// zstd.
    Zstd,
}

/// The settings of the built-in generator.
#[derive(Debug, Clone, PartialEq)]
pub struct GenerateConfig {
    /// How many events, over all partitions.
    pub events: u64,
    /// The same seed gives the same events.
    pub seed: u64,
    /// Events a second of event time, over all partitions; above 0 and finite.
    pub rate: f64,
    /// The share of events that come out of order by up to `max_delay`, 0 to 1.
    pub disorder: f64,
    /// How far behind such an event is, at most.
    pub max_delay: Span,
    /// The share of events that are further behind than `max_delay`, 0 to 1; at most 1 with `disorder`.
    pub late: f64,
    /// The share of lines that are not an event, 0 to 1.
    pub bad: f64,
    /// How many users act; at least 1.
    pub users: u64,
    /// How many pages there are; at least 1.
    pub pages: u32,
    /// How many partitions; at least 1.
    pub partitions: u32,
    /// The time of the first event.
    pub start: EventTime,
    /// How fast events are given out.
    pub pace: Pace,
}

/// How fast the generator gives out its events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// As fast as they are read.
    None,
    /// One second of event time in one second.
    RealTime,
}

/// How the bytes of a source become events.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SourceFormat {
    /// One JSON object a line.
    Json,
    /// Fields between delimiters.
    Csv(CsvConfig),
    /// Any text.
    Lines(LinesConfig),
}

/// How lines of fields between delimiters are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CsvConfig {
    /// The first line of each file names the columns.
    pub header: bool,
    /// The names of the columns; empty where only the header has them.
    pub columns: Vec<String>,
    /// What stands between fields.
    pub delimiter: u8,
    /// What stands around fields.
    pub quote: Option<u8>,
    /// The text of a field without a value.
    pub null: String,
    /// What fields are; [`FieldType::Auto`] where they are not named.
    pub types: Vec<(String, FieldType)>,
}

/// How lines of any text are read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinesConfig {
    /// A regular expression that is right; its named groups are fields.
    pub pattern: Option<String>,
    /// What the groups are; [`FieldType::Text`] where they are not named.
    pub types: Vec<(String, FieldType)>,
}

/// What a field of text becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldType {
    /// A number, a truth value or text, by what it looks like.
    Auto,
    /// Text.
    Text,
    /// A whole number.
    Int,
    /// A number.
    Float,
    /// A truth value.
    Bool,
    /// RFC 3339.
    Time,
}

impl FieldType {
    /// The words of the pipeline file.
    pub const ALL: [(&'static str, FieldType); 6] = [
        ("auto", FieldType::Auto),
        ("text", FieldType::Text),
        ("int", FieldType::Int),
        ("float", FieldType::Float),
        ("bool", FieldType::Bool),
        ("time", FieldType::Time),
    ];
}

/// Whose time the events of a source have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeClock {
    /// That of the event.
    Event,
    /// That of the wall clock, when the line is read.
    Processing,
}

impl TimeClock {
    /// The word of the pipeline file.
    pub fn word(self) -> &'static str {
        match self {
            TimeClock::Event => "event",
            TimeClock::Processing => "processing",
        }
    }
}

/// Which field is the event time, and how it is written.
#[derive(Debug, Clone, PartialEq)]
pub struct TimeField {
    /// Whose time it is; the field is not looked at where it is the wall clock's.
    pub clock: TimeClock,
    /// The field.
    pub field: FieldPath,
    /// How it is written; RFC 3339 where there is a format, which then holds instead.
    pub unit: TimeUnit,
    /// The format of text.
    pub format: Option<TimeFormat>,
}

impl TimeField {
    /// How it is written, in words.
    pub fn written(&self) -> String {
        self.format.as_ref().map_or_else(|| self.unit.word().to_owned(), ToString::to_string)
    }
}

/// What becomes of a line that is not an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnBad {
    /// It is counted, and kept where there is a dead-letter file.
    Skip,
    /// The run stops with an error that says where.
    Stop,
}

/// One stream: `[streams.<name>]`.
#[derive(Debug, Clone, PartialEq)]
pub struct StreamConfig {
    /// The stream's name.
    pub name: String,
    /// The line of its header.
    pub line: usize,
    /// The sources and streams it reads; at least one. Of several it is the union.
    pub from: Vec<Located<String>>,
    /// Streams with the same inputs, where it has the events that none of them took.
    pub rest_of: Vec<Located<String>>,
    /// Its lookups in tables, before all else.
    pub enrich: Vec<EnrichConfig>,
    /// The events it keeps (key `where`); `None`: all.
    pub filter: Option<Located<String>>,
    /// The share of these that it keeps; `None`: all.
    pub sample: Option<SampleConfig>,
    /// The fields it sets.
    pub set: Expressions,
    /// Which of its events are duplicates, and dropped.
    pub dedup: Option<DedupConfig>,
}

/// One join: `[joins.<name>]`.
#[derive(Debug, Clone, PartialEq)]
pub struct JoinConfig {
    /// The join's name.
    pub name: String,
    /// The line of its header.
    pub line: usize,
    /// The part on its left and the one on its right: sources, streams or joins.
    pub from: [Located<String>; 2],
    /// What the two events of a pair have in common, over the fields of each side.
    pub on: [Located<String>; 2],
    /// How much earlier than the left event the right one may be.
    pub before: Span,
    /// How much later than the left event the right one may be.
    pub after: Span,
    /// Which events are there.
    pub kind: JoinKind,
    /// How long, beyond that, events are kept for late ones of the other side.
    pub allowed_lateness: Span,
}

/// Which events a join has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JoinKind {
    /// Pairs.
    Inner,
    /// Pairs, and events of the left side that have no partner.
    Left,
}

/// The events of a stream, each with what a table of events has for it; or, where nothing is looked up, the table's rows for
/// views that join it.
#[derive(Debug, Clone, PartialEq)]
pub struct LookupConfig {
    /// Its name, which is no name of a part.
    pub name: String,
    /// The table.
    pub table: String,
    /// The parts whose events are versions of rows, and those whose events are looked up; none for rows alone.
    pub from: [Vec<Located<String>>; 2],
    /// The columns of the table's key.
    pub columns: Vec<String>,
    /// What is looked up.
    pub key: Vec<Located<String>>,
    /// The fields that events get, with the columns they are.
    pub add: Vec<(String, Located<String>)>,
    /// How long a row is there; `None`: until there is a newer one.
    pub keep: Option<Span>,
}

impl LookupConfig {
    /// Whether nothing is looked up: the rows alone are wanted.
    pub fn is_rows(&self) -> bool {
        self.from[1].is_empty()
    }
}

/// Which events of a stream are duplicates.
#[derive(Debug, Clone, PartialEq)]
pub struct DedupConfig {
    /// What they have in common.
    pub by: Located<String>,
    /// How much closer in event time than this they are to one that was kept.
    pub within: Span,
}

/// Which share of its events a stream keeps.
#[derive(Debug, Clone, PartialEq)]
pub struct SampleConfig {
    /// How many of all, 0 to 1.
    pub rate: f64,
    /// What is kept or left out as a whole; `None`: each event for itself.
    pub by: Option<Located<String>>,
    /// Another seed makes another choice.
    pub seed: u64,
}

/// One window: `[windows.<name>]`.
#[derive(Debug, Clone, PartialEq)]
pub struct WindowConfig {
    /// The window's name; the `name` of its rows.
    pub name: String,
    /// The line of its header.
    pub line: usize,
    /// The sources and streams it reads; at least one. Of several it is the union.
    pub from: Vec<Located<String>>,
    /// Where windows begin and end.
    pub shape: WindowShape,
    /// The time zone whose days `shape` counts, where there is one: its sizes are whole days then.
    pub time_zone: Option<String>,
    /// How often its rows so far are stated before its end; `None`: never. Only of [`WindowShape::Sliding`].
    pub early: Option<Span>,
    /// The same by the clock of the machine; of any window with a size.
    pub early_wall: Option<Span>,
    /// How long after its end a window takes late events, in event time.
    pub allowed_lateness: Span,
    /// The file that keeps events which come later than that.
    pub too_late: Option<Located<String>>,
    /// The dimensions.
    pub group_by: Expressions,
    /// How many groups of a window have rows of their own; `None`: all.
    pub max_groups: Option<u64>,
    /// The values; 1 to 64.
    pub select: Expressions,
    /// Whether events are aggregated before the exchange.
    pub pre_aggregate: PreAggregate,
}

/// One view: `[views.<name>]`. Its clauses hold in this order.
#[derive(Debug, Clone, PartialEq)]
pub struct ViewConfig {
    /// The view's name; the `name` of its rows.
    pub name: String,
    /// The line of its header.
    pub line: usize,
    /// The parts whose rows it reads; at least one. Of several it has the rows of all.
    pub from: Vec<Located<String>>,
    /// Another part whose columns are added.
    pub join: Option<ViewJoin>,
    /// Columns that are computed.
    pub set: Expressions,
    /// Which rows are kept.
    pub filter: Option<Located<String>>,
    /// How long a window over these rows is.
    pub size: Option<Located<Span>>,
    /// How far apart these windows begin; `None`: as long as they are.
    pub slide: Option<Located<Span>>,
    /// Their dimensions.
    pub group_by: Expressions,
    /// Their values.
    pub select: Expressions,
    /// Which rows are kept of what has been made so far.
    pub having: Option<Located<String>>,
    /// The columns of which each value is kept once a window; none: all rows are.
    pub distinct: Vec<Located<String>>,
    /// Which rows of a window are kept, by order.
    pub top: Option<TopConfig>,
    /// The values that rows have; none: all.
    pub columns: Vec<Located<String>>,
}

impl ViewConfig {
    /// The parts whose rows it reads: those of `from`, and that of the join.
    pub fn reads(&self) -> impl Iterator<Item = &Located<String>> {
        self.from.iter().chain(self.join.iter().map(|join| &join.with))
    }
}

/// Another part whose columns a view adds.
#[derive(Debug, Clone, PartialEq)]
pub struct ViewJoin {
    /// The part.
    pub with: Located<String>,
    /// Columns of the view's rows, each with that of the part which is equal.
    pub on: Expressions,
    /// Rows without a partner stay.
    pub left: bool,
    /// The partner is the newest row at or before, so far back at most; `None`: rows of the same window.
    pub within: Option<Located<Span>>,
    /// Columns that are added, each with that of the part which it is; none: all values.
    pub add: Expressions,
}

/// Which rows of a window a view keeps.
#[derive(Debug, Clone, PartialEq)]
pub struct TopConfig {
    /// How many.
    pub n: u64,
    /// What they are ordered by.
    pub by: Located<String>,
    /// The least come first.
    pub ascending: bool,
    /// So many for each value of these columns.
    pub per: Vec<Located<String>>,
}

/// Where the windows of a part begin and end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WindowShape {
    /// Every `slide` one of `size`; tumbling where both are equal.
    Sliding {
        /// How long a window is.
        size: Span,
        /// How far apart windows begin.
        slide: Span,
        /// Where they begin, from 1970-01-01 on; less than `slide`.
        offset: Span,
    },
    /// Windows that begin together and end one `step` apart, up to `size`.
    Cumulating {
        /// How long the longest one is.
        size: Span,
        /// How far apart they end; divides `size`.
        step: Span,
        /// Where they begin, from 1970-01-01 on; less than `size`.
        offset: Span,
    },
    /// Events of a group that are no further apart than the gap.
    Session {
        /// The greatest distance of two neighbours.
        gap: Span,
    },
    /// All of time.
    Global {
        /// From one statement to the next.
        every: Span,
        /// Where statements are made, from 1970-01-01 on; less than `every`.
        offset: Span,
    },
}

/// Whether the events of a window are aggregated on the reading worker, before the exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PreAggregate {
    /// Where it makes less of them.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

impl PreAggregate {
    /// The word of the pipeline file.
    pub fn word(self) -> &'static str {
        match self {
            PreAggregate::Auto => "auto",
            PreAggregate::Always => "always",
            PreAggregate::Never => "never",
        }
    }
}

/// One pattern: `[patterns.<name>]`.
#[derive(Debug, Clone, PartialEq)]
pub struct PatternConfig {
    /// The pattern's name; the `name` of its rows.
    pub name: String,
    /// The line of its header.
    pub line: usize,
    /// The sources and streams it reads; at least one. Of several it is the union.
    pub from: Vec<Located<String>>,
    /// What the events of a sequence have in common; `None`: all are one sequence.
    pub key: Option<Located<String>>,
    /// What it looks for (key `match`).
    pub matching: Matching,
    /// The conditions of steps.
    pub define: Expressions,
    /// What the first and any other event of a match are less than apart.
    pub within: Option<Located<Span>>,
    /// What neighbouring events of a match are less than apart.
    pub within_step: WithinStep,
    /// What a match leaves to others.
    pub skip: Located<Skip>,
    /// Partial matches that run out of time are rows too.
    pub timed_out: bool,
    /// How long matches are corrected, in event time.
    pub allowed_lateness: Span,
    /// How many partial matches a key has, at most; at least 1.
    pub max_partial_matches: u64,
    /// What names an event in a row.
    pub event_id: Located<String>,
    /// What rows have of the events of the match.
    pub events: Events,
    /// The field of an event's type; only of [`Matching::Types`].
    pub type_field: Located<FieldPath>,
    /// Which matches there are.
    pub mode: MatchMode,
    /// The values; at most 64, or none.
    pub select: Expressions,
}

/// What a pattern looks for.
#[derive(Debug, Clone, PartialEq)]
pub enum Matching {
    /// The language of patterns.
    Text(Located<String>),
    /// Event types, one after the other; at least one.
    Types(Vec<Located<String>>),
}

impl Matching {
    /// Where it stands: of a list its first type.
    pub fn place(&self) -> &Located<String> {
        match self {
            Matching::Text(text) => text,
            Matching::Types(types) => types.first().expect("a list of types has one"),
        }
    }
}

/// Limits on the time between neighbouring events of a match.
#[derive(Debug, Clone, PartialEq)]
pub enum WithinStep {
    /// None.
    None,
    /// One for every two neighbours.
    Every(Located<Span>),
    /// Between each event of a step and the one before it.
    Steps(Vec<(String, Located<Span>)>),
}

/// What a match leaves to others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Skip {
    /// None begins before its last event has passed.
    PastLast,
    /// Everything.
    NoSkip,
    /// None other begins with its first event.
    ToNext,
    /// None begins before the first event of this step.
    ToFirst(String),
    /// None begins before the last event of this step.
    ToLast(String),
}

/// What rows have of the events of a match.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Events {
    /// What names them.
    Ids,
    /// The events themselves.
    Full,
    /// Nothing.
    None,
}

/// Which matches a pattern has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MatchMode {
    /// Every one that contiguity and skip strategy allow.
    Sequence,
    /// One for each first event, the preferred one.
    Row,
}

/// One sink: `[sinks.<name>]`.
#[derive(Debug, Clone, PartialEq)]
pub struct SinkConfig {
    /// The sink's name.
    pub name: String,
    /// The line of its header; 0 for the implied one.
    pub line: usize,
    /// True for the sink that a file without sinks gets.
    pub implied: bool,
    /// Where rows go.
    pub kind: SinkKind,
    /// The windows and patterns whose rows it takes; at least one, except in a file without any.
    pub from: Vec<Located<String>>,
    /// How times are written.
    pub times: Times,
    /// Which changes are written.
    pub mode: SinkMode,
}

/// Where the rows of a sink go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SinkKind {
    /// Standard output.
    Stdout {
        /// How rows are written.
        format: StdoutFormat,
    },
    /// Files.
    File {
        /// The path; `{name}` stands for the name of the window or pattern. See [`SinkKind::path_for`].
        path: String,
        /// How rows are written.
        format: FileFormat,
    },
    /// The program that runs the pipeline.
    Program,
}

impl SinkKind {
    /// The file that takes the rows of `part`; `None` where the sink is not a file.
    pub fn path_for(&self, part: &str) -> Option<String> {
        match self {
            SinkKind::Stdout { .. } | SinkKind::Program => None,
            SinkKind::File { path, .. } => Some(path.replace("{name}", part)),
        }
    }
}

/// How rows are written to standard output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StdoutFormat {
    /// A readable table at the end.
    Table,
    /// One JSON object a line.
    Json,
    /// CSV with a header.
    Csv,
}

/// How rows are written to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileFormat {
    /// One JSON object a line.
    Json,
    /// CSV with a header.
    Csv,
}

/// How times are written in rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Times {
    /// RFC 3339 text in UTC.
    Rfc3339,
    /// Milliseconds since 1970 as a number.
    UnixMs,
}

/// Which changes a sink that can only append writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SinkMode {
    /// The change stream: every assertion and retraction, with `op`.
    Changes,
    /// Provisional rows, first statements and corrections (`early` and `revision` tell them apart), no retractions, no
    /// `op`.
    Corrections,
    /// First statements only.
    First,
}
