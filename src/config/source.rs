//! One table of `[sources]` into a [`SourceConfig`].

use super::reader::{Context, Fields};
use super::sections::{SOURCE, SOURCE_FILE, SOURCE_GENERATE, SOURCE_STDIN, SOURCE_TIME};
use super::settings::{GenerateConfig, OnBad, Pace, SourceConfig, SourceFormat, SourceKind, TimeField};
use super::tree::Node;
use super::value;
use crate::event::FieldPath;
use crate::time::{EventTime, TimeUnit};

/// Endings of files that are read as they are in a later version.
const COMPRESSED: [&str; 5] = [".gz", ".zst", ".bz2", ".xz", ".lz4"];

/// Reads one source; `None` where its kind or its input is not known.
pub(super) fn read(name: &str, node: &Node, ctx: &mut Context) -> Option<SourceConfig> {
    let mut fields = Fields::open(node, &[&SOURCE], ctx)?;
    let kind = fields.get("type", ctx, value::word).map(|kind| kind.value);
    let section = match kind {
        Some("file") => Some(&SOURCE_FILE),
        Some("stdin") => Some(&SOURCE_STDIN),
        Some("generate") => Some(&SOURCE_GENERATE),
        _ => None,
    };
    let all = [&SOURCE_FILE, &SOURCE_STDIN, &SOURCE_GENERATE];
    match section {
        Some(section) => fields.also(section),
        // Of a source whose type is not known any key may be right.
        None => all.iter().for_each(|section| fields.also(section)),
    }
    fields.unknown_keys(&all, ctx);
    // There is one format so far; asking reports every other.
    fields.or_default("format", ctx, value::word);
    let common = SourceConfig {
        name: name.to_owned(),
        line: node.place.line,
        kind: SourceKind::Stdin,
        format: SourceFormat::Json,
        time: time(&fields, ctx),
        out_of_orderness: fields.or_default("out_of_orderness", ctx, value::span),
        on_bad: match fields.or_default("on_bad", ctx, value::word) {
            "stop" => OnBad::Stop,
            _ => OnBad::Skip,
        },
        dead_letters: fields.get("dead_letters", ctx, value::text).map(|path| path.value),
        max_line: fields.or_default("max_line", ctx, value::size),
    };
    let kind = match kind? {
        "file" => SourceKind::File { paths: paths(&fields, ctx)? },
        "generate" => SourceKind::Generate(generate(&fields, ctx)),
        _ => SourceKind::Stdin,
    };
    Some(SourceConfig { kind, ..common })
}

fn time(fields: &Fields<'_>, ctx: &mut Context) -> TimeField {
    let (_, node) = fields.entry("time", ctx);
    let empty = Node { data: super::tree::Data::Table(Vec::new()), place: fields.place.clone() };
    let table = node.and_then(|node| Fields::open(node, &[&SOURCE_TIME], ctx));
    let table = match table {
        Some(table) => table,
        None => Fields::open(&empty, &[&SOURCE_TIME], ctx).expect("it is a table"),
    };
    table.unknown_keys(&[], ctx);
    let field = table.or_default("field", ctx, |node, key| {
        let text = value::text(node, key)?;
        if text.split('.').any(|step| step.trim().is_empty()) {
            let message = format!("'{}' is not the name of a field", value::shown(node));
            return value::wrong("config.value", message, "write names with dots between, such as data.at".to_owned());
        }
        Ok(FieldPath::dotted(&text))
    });
    let unit = table.or_default("unit", ctx, value::word);
    let unit = TimeUnit::ALL.iter().find(|(word, _)| *word == unit).map_or(TimeUnit::Seconds, |(_, unit)| *unit);
    TimeField { field, unit }
}

fn paths(fields: &Fields<'_>, ctx: &mut Context) -> Option<Vec<String>> {
    let mut paths = Vec::new();
    for path in fields.list("path", ctx) {
        let lower = path.value.to_ascii_lowercase();
        if path.value.contains('*') {
            let message = "a pattern for files is planned but not in this version";
            let help = "write a list of paths, such as path = [\"a.ndjson\", \"b.ndjson\"]";
            ctx.problems.push(path.problem("config.planned", message, Some(help.into())));
        } else if COMPRESSED.iter().any(|ending| lower.ends_with(ending)) {
            let message = "a compressed file is planned but not in this version";
            let help = "decompress it, or pipe it into a source of type stdin";
            ctx.problems.push(path.problem("config.planned", message, Some(help.into())));
        }
        paths.push(path.value);
    }
    if paths.is_empty() { None } else { Some(paths) }
}

/// A count whose bound in the reference is that of `u32` or less.
fn small(count: u64) -> u32 {
    u32::try_from(count).unwrap_or(u32::MAX)
}

fn generate(fields: &Fields<'_>, ctx: &mut Context) -> GenerateConfig {
    let settings = GenerateConfig {
        events: fields.or_default("events", ctx, value::count),
        seed: fields.or_default("seed", ctx, value::count),
        rate: fields.or_default("rate", ctx, value::number),
        disorder: fields.or_default("disorder", ctx, value::number),
        max_delay: fields.or_default("max_delay", ctx, value::span),
        late: fields.or_default("late", ctx, value::number),
        bad: fields.or_default("bad", ctx, value::number),
        users: fields.or_default("users", ctx, value::count),
        pages: small(fields.or_default("pages", ctx, value::count)),
        partitions: small(fields.or_default("partitions", ctx, value::count)),
        start: fields.or_default("start", ctx, value::time),
        pace: match fields.or_default("pace", ctx, value::word) {
            "real-time" => Pace::RealTime,
            _ => Pace::None,
        },
    };
    if settings.disorder + settings.late > 1.0 {
        let message = "disorder and late are together more than all events";
        let help = "let their sum be at most 1".to_owned();
        ctx.problems.push(fields.place.problem("source.generate", message, Some(help)));
    }
    let last = settings.start.0 as f64 + settings.events as f64 / settings.rate * 1e6;
    if last > EventTime::LATEST.0 as f64 {
        let message = "the last event would be after the year 9999";
        let help = "use fewer events, a higher rate or an earlier start".to_owned();
        ctx.problems.push(fields.place.problem("source.generate", message, Some(help)));
    }
    settings
}
