//! A pipeline file, turned into checked settings, with every problem of the file reported at once.
//!
//! In: TOML text, `--set` flags, the environment. Out: a [`Config`] and [`Problems`], sorted by line; each says where
//! it is (`file:line` and the text as written), what is wrong and what to write instead. SQL inside strings is not
//! read here: it is kept with its line ([`Located`]), so that the plan can add its problems to the same list.
//!
//! Invariants: (1) [`parse`] is pure and never panics, whatever the text; (2) everything the file can say is in
//! [`reference()`], and nothing else is read; (3) problems show the text of the file, never what an environment variable
//! put there; (4) a file that has no sink gets one that prints every window, pattern, view and alert as a table.

mod alert;
mod check;
mod depth;
mod early;
mod environment;
mod fingerprint;
mod given;
mod join;
mod notify;
mod notify_settings;
mod observe;
mod origin;
mod pattern;
mod rate;
mod reader;
mod recommendation;
mod reference;
mod schema;
mod sections;
mod serve;
mod set;
mod settings;
mod shape;
mod sink;
mod size;
mod slide;
mod source;
mod stream;
mod table;
mod table_server;
#[cfg(test)]
mod tests;
mod tree;
mod value;
mod view;
mod views;
mod window;

pub(crate) use depth::too_deep;
pub use fingerprint::fingerprint;
pub use given::{Given, Setting};
pub use notify::parse_silences;
pub use notify_settings::{
    ActionConfig, ActionKind, DeliveryConfig, EmailConfig, Grouping, HttpConfig, InhibitionConfig, LogLevel, MailTls,
    NotifySettings, Secret, SilenceConfig, SlackConfig, WebhookConfig,
};
pub use observe::{LogsLevel, OtlpConfig};
pub use rate::{EventRate, parse_rate};
pub use recommendation::{PerUserConfig, RecommendationConfig};
pub use reference::{Key, KeyKind, Section};
pub use schema::schema;
pub use sections::reference;
pub use serve::{Access, AfterEnd, Listen, PUBLIC_HELP, ServeConfig, TlsFiles, check_token, parse_listen};
pub use settings::{
    AlertConfig, Config, CsvConfig, DedupConfig, Events, Expressions, FieldType, FileCompression, FileConfig,
    FileFormat, GenerateConfig, IngestConfig, JoinConfig, JoinKind, LinesConfig, Located, LookupConfig, MatchMode,
    Matching, OnBad, Pace, PatternConfig, PreAggregate, RunSettings, SampleConfig, SinkConfig, SinkKind, SinkMode,
    Skip, SourceConfig, SourceFormat, SourceKind, StdoutFormat, StreamConfig, TimeClock, TimeField, Times, TopConfig,
    ViewConfig, ViewJoin, WindowConfig, WindowShape, WithinStep,
};
pub use size::{ByteSize, parse_size};
pub use table::{EnrichConfig, TableConfig, TableFile, TableKind, TableTime};
pub use table_server::{PostgresRows, RedisRows, TableAsked, TablePostgres, TableRedis, TableServer};

use crate::error::{Problem, Problems, Severity};
use check::Role;
use reader::{Context, Fields};
use std::fs::File;
use std::io::Read;
use std::path::Path;
use tree::{Data, Node, Place};

/// The largest pipeline file, in bytes.
const LARGEST: usize = 8 << 20;

/// Reads the file at `file`, applies `overrides` (`path=value`, as given to `--set`), fills in the variables that
/// `env` knows, and checks all of it. Reading the file is the only I/O.
///
/// # Errors
/// Every problem of the file, warnings too, where at least one is an error. Without an error the warnings are in
/// [`Config::warnings`].
pub fn load(file: &Path, overrides: &[String], env: &dyn Fn(&str) -> Option<String>) -> Result<Config, Problems> {
    let name = file.display().to_string();
    let text = read_file(file)?;
    match parse(&name, &text, overrides, env) {
        (Some(config), problems) if !problems.has_errors() => Ok(Config { warnings: problems.list, ..config }),
        (_, problems) => Err(problems),
    }
}

/// The text of the file at `file`.
///
/// # Errors
/// Where it cannot be read, is too large or is not text.
pub fn read_file(file: &Path) -> Result<String, Problems> {
    let name = file.display().to_string();
    read_text(file).map_err(|message| Problems {
        list: vec![Problem {
            severity: Severity::Error,
            code: "config.open",
            message,
            line: 0,
            text: name.clone(),
            column: None,
            help: Some("give the path of a pipeline file".into()),
        }],
        file: name,
    })
}

fn read_text(file: &Path) -> Result<String, String> {
    let mut bytes = Vec::new();
    File::open(file)
        .and_then(|file| file.take(LARGEST as u64 + 1).read_to_end(&mut bytes))
        .map_err(|error| format!("the pipeline file cannot be read: {error}"))?;
    if bytes.len() > LARGEST {
        return Err(format!("the pipeline file is larger than {}", ByteSize(LARGEST as u64)));
    }
    String::from_utf8(bytes).map_err(|error| {
        let before = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        format!("the pipeline file is not UTF-8 text (line {})", memchr::memchr_iter(b'\n', before).count() + 1)
    })
}

/// Reads the text of a pipeline file; pure.
///
/// The configuration is `None` where the text is not TOML. Where there are errors it holds the parts that could be
/// read, for finding more problems in their SQL; it must not be run.
pub fn parse(
    file_name: &str,
    text: &str,
    overrides: &[String],
    env: &dyn Fn(&str) -> Option<String>,
) -> (Option<Config>, Problems) {
    assemble(file_name, text, overrides, env, &[])
}

/// [`parse`], of a file and what a program adds to it; the text is empty where there is no file, and `file_name` is the
/// place in the program then.
pub fn assemble(
    file_name: &str,
    text: &str,
    overrides: &[String],
    env: &dyn Fn(&str) -> Option<String>,
    given: &[Setting],
) -> (Option<Config>, Problems) {
    let mut ctx = Context::default();
    let config = read(file_name, text, (overrides, given), env, &mut ctx);
    let mut list = ctx.problems;
    // What concerns the file as a whole is shown at its name.
    for problem in list.iter_mut().filter(|problem| problem.line == 0 && problem.text.is_empty()) {
        problem.text = file_name.to_owned();
    }
    list.sort_by_key(|problem| problem.line);
    (config, Problems { file: file_name.to_owned(), list })
}

/// [`assemble`], with what it gathers.
fn read(
    file_name: &str,
    text: &str,
    (overrides, given): (&[String], &[Setting]),
    env: &dyn Fn(&str) -> Option<String>,
    ctx: &mut Context,
) -> Option<Config> {
    let mut entries = tree::read(text, env, &mut ctx.problems)?;
    for flag in overrides {
        set::apply(flag, &mut entries, env, &mut ctx.problems);
    }
    given::add(given, &mut entries, &mut ctx.problems);
    let of_program = !given.is_empty() && text.is_empty();
    let set = of_program.then(|| file_name.to_owned());
    let place = Place { line: 0, path: String::new(), written: String::new(), set };
    let root = Node { data: Data::Table(entries), place };
    let top = Fields::open(&root, &[&sections::TOP], ctx)?;
    top.unknown_keys(&[], ctx);
    let name = top.get("name", ctx, value::text).map(|name| name.value);
    let run = run_settings(&top, ctx);
    let serve = serve::read(&top, ctx);
    let otlp = observe::read(&top, env, ctx);
    let tables = |name: &str, ctx: &mut Context| parts_of(&top, name, ctx);
    let [sources, lookups, streams] = ["sources", "tables", "streams"].map(|name| tables(name, ctx));
    let [joins, windows, patterns, sinks] = ["joins", "windows", "patterns", "sinks"].map(|name| tables(name, ctx));
    let [recommendations, views, alerts] = ["recommendations", "views", "alerts"].map(|name| tables(name, ctx));
    let [actions, inhibitions, silences] = ["actions", "inhibitions", "silences"].map(|name| tables(name, ctx));
    let notify = notify::settings(&top, ctx);
    let recommended: Vec<(String, &Node)> = check::users(recommendations);
    let parts: Vec<check::Part<'_>> = check::parts(Role::Source, sources)
        .chain(check::parts(Role::Table, lookups))
        .chain(check::parts(Role::Stream, streams))
        .chain(check::parts(Role::Join, joins))
        .chain(check::parts(Role::Window, windows))
        .chain(check::parts(Role::Pattern, patterns))
        .chain(check::parts(Role::Recommendation, recommendations))
        .chain(recommended.iter().map(|(name, node)| check::part(Role::Users, name, node)))
        .chain(check::parts(Role::View, views))
        .chain(check::parts(Role::Alert, alerts))
        .chain(check::parts(Role::Sink, sinks))
        .collect();
    let mut config = Config {
        file: file_name.to_owned(),
        name: name.unwrap_or_else(|| stem(file_name)),
        run,
        serve,
        otlp,
        sources: each(sources, ctx, source::read),
        tables: each(lookups, ctx, table::read),
        streams: each(streams, ctx, stream::read),
        joins: each(joins, ctx, join::read),
        lookups: Vec::new(),
        windows: each(windows, ctx, window::read),
        patterns: each(patterns, ctx, pattern::read),
        recommendations: each(recommendations, ctx, recommendation::read),
        views: each(views, ctx, view::read),
        alerts: each(alerts, ctx, alert::read),
        sinks: each(sinks, ctx, sink::read),
        actions: each(actions, ctx, notify::action),
        inhibitions: each(inhibitions, ctx, notify::inhibition),
        silences: each(silences, ctx, notify::silence),
        notify,
        warnings: Vec::new(),
    };
    if sinks.is_empty() {
        let taken = |name: &str| parts.iter().any(|part| part.name == name);
        let implied = sink::implied(config.sunk_parts(), &taken);
        config.sinks.push(implied);
    }
    check::check(&config, &parts, ctx);
    Some(config)
}

fn each<T>(tables: &[(String, Node)], ctx: &mut Context, read: fn(&str, &Node, &mut Context) -> Option<T>) -> Vec<T> {
    tables.iter().filter_map(|(name, node)| read(name, node, ctx)).collect()
}

/// True for a name that an expression can use without quotes.
pub fn is_column(name: &str) -> bool {
    reader::is_name(name, false)
}

/// The tables of one section, in the order of the file.
fn parts_of<'a>(top: &Fields<'a>, name: &str, ctx: &mut Context) -> &'a [(String, Node)] {
    let (key, node) = top.entry(name, ctx);
    match node {
        Some(Node { data: Data::Table(entries), .. }) if !(key.required && entries.is_empty()) => entries,
        Some(Node { data: Data::Table(_), .. }) | None if key.required => {
            let place = node.map_or(top.place, |node| &node.place);
            let (message, help) = match place.set {
                None => ("the file has no source", "for example [sources.events] with type = \"stdin\""),
                Some(_) => ("the pipeline has no source", "for example .source(\"events\", Source::stdin())"),
            };
            ctx.problems.push(place.problem("config.required", message, Some(help.to_owned())));
            &[]
        }
        Some(node) => {
            let message = format!("{name} must be tables with names, found {}", node.found());
            let help = format!("write [{name}.<name>] with its keys below");
            ctx.problems.push(node.place.problem("config.type", message, Some(help)));
            &[]
        }
        None => &[],
    }
}

fn run_settings(top: &Fields<'_>, ctx: &mut Context) -> RunSettings {
    let (_, node) = top.entry("run", ctx);
    let place = Place { path: "run".into(), ..top.place.clone() };
    let empty = Node { data: Data::Table(Vec::new()), place };
    let given = node.and_then(|node| Fields::open(node, &[&sections::RUN], ctx));
    let fields = match given {
        Some(fields) => fields,
        None => Fields::open(&empty, &[&sections::RUN], ctx).expect("it is a table"),
    };
    fields.unknown_keys(&[], ctx);
    RunSettings {
        tick: fields.get("tick", ctx, value::span),
        max_inflight: fields.or_default("max_inflight", ctx, value::size),
        max_drift: fields.or_default("max_drift", ctx, value::span),
    }
}

/// A file's name without its folders and its ending.
fn stem(file_name: &str) -> String {
    let stem = Path::new(file_name).file_stem().map(|stem| stem.to_string_lossy().into_owned());
    stem.filter(|stem| !stem.is_empty()).unwrap_or_else(|| "pipeline".into())
}
