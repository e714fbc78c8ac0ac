//! One table of `[sources]` into a [`SourceConfig`].

use super::reader::{Context, Fields};
use super::sections::{SOURCE, SOURCE_FILE, SOURCE_GENERATE, SOURCE_HTTP, SOURCE_STDIN, SOURCE_TIME};
use super::settings::{
    CsvConfig, FieldType, FileCompression, FileConfig, GenerateConfig, IngestConfig, LinesConfig, OnBad, Pace,
    SourceConfig, SourceFormat, SourceKind, TimeClock, TimeField,
};
use super::tree::{Data, Node};
use super::value;
use crate::error::{Problem, Severity};
use crate::time::{EventTime, Span, TimeFormat, TimeUnit};

/// The `idle_after` of files that are followed, and of events that are sent: that nobody writes any more is nothing
/// unusual there.
const FOLLOWED_IDLE: Span = Span(30_000_000);

/// The kind of a source whose events a program brings; no word of the file.
const PROGRAM: &str = "program";

/// Reads one source; `None` where its kind or its input is not known.
pub(super) fn read(name: &str, node: &Node, ctx: &mut Context) -> Option<SourceConfig> {
    let mut fields = Fields::open(node, &[&SOURCE], ctx)?;
    let kind = match fields.entry("type", ctx) {
        (_, Some(Node { data: Data::Program, .. })) => Some(PROGRAM),
        _ => fields.get("type", ctx, value::word).map(|kind| kind.value),
    };
    let section = match kind {
        Some("file") => Some(&SOURCE_FILE),
        Some("stdin") => Some(&SOURCE_STDIN),
        Some("generate") => Some(&SOURCE_GENERATE),
        Some("http") => Some(&SOURCE_HTTP),
        _ => None,
    };
    let all = [&SOURCE_FILE, &SOURCE_STDIN, &SOURCE_HTTP, &SOURCE_GENERATE];
    match section {
        Some(section) => fields.also(section),
        None if kind == Some(PROGRAM) => {}
        // Of a source whose type is not known any key may be right.
        None => all.iter().for_each(|section| fields.also(section)),
    }
    // Where the type is misspelt, what the other keys should be is a guess.
    if kind.is_some() {
        fields.unknown_keys(&all, ctx);
    }
    let format = format(&fields, kind.unwrap_or_default(), ctx);
    let common = SourceConfig {
        name: name.to_owned(),
        line: node.place.line,
        kind: SourceKind::Stdin,
        format,
        time: time(&fields, ctx),
        out_of_orderness: fields.or_default("out_of_orderness", ctx, value::span),
        idle_after: fields.get("idle_after", ctx, value::span).map(|span| span.value),
        on_bad: match fields.or_default("on_bad", ctx, value::word) {
            "stop" => OnBad::Stop,
            _ => OnBad::Skip,
        },
        dead_letters: fields.get("dead_letters", ctx, value::text).map(|path| path.value),
        max_line: fields.or_default("max_line", ctx, value::size),
        rate_limit: fields.get("rate_limit", ctx, value::rate).map(|rate| rate.value),
    };
    let kind = match kind? {
        "file" => SourceKind::File(files(&fields, ctx)?),
        "generate" => SourceKind::Generate(generate(&fields, ctx)),
        "http" => SourceKind::Http(http(&fields, ctx)),
        PROGRAM => SourceKind::Program,
        _ => SourceKind::Stdin,
    };
    if common.time.clock == TimeClock::Processing {
        // The clock goes on by itself: it waits for no event, and no partition holds another back.
        return Some(SourceConfig { kind, out_of_orderness: Span::ZERO, idle_after: None, ..common });
    }
    let follows = matches!(&kind, SourceKind::File(file) if file.follow) || matches!(&kind, SourceKind::Http(_));
    let idle_after = common.idle_after.or(follows.then_some(FOLLOWED_IDLE));
    Some(SourceConfig { kind, idle_after, ..common })
}

fn time(fields: &Fields<'_>, ctx: &mut Context) -> TimeField {
    let (_, node) = fields.entry("time", ctx);
    let empty = Node { data: Data::Table(Vec::new()), place: fields.place.clone() };
    let table = node.and_then(|node| Fields::open(node, &[&SOURCE_TIME], ctx));
    let table = match table {
        Some(table) => table,
        None => Fields::open(&empty, &[&SOURCE_TIME], ctx).expect("it is a table"),
    };
    table.unknown_keys(&[], ctx);
    let field = table.or_default("field", ctx, value::field);
    let (unit, format) = unit_or_format(&table, ctx);
    let clock = match table.or_default("clock", ctx, value::word) {
        "processing" => TimeClock::Processing,
        _ => TimeClock::Event,
    };
    if clock == TimeClock::Processing {
        for (fields, keys) in
            [(&table, &["field", "unit", "format"][..]), (fields, &["out_of_orderness", "idle_after"])]
        {
            for key in keys {
                if let (_, Some(node)) = fields.entry(key, ctx) {
                    let message = format!("{key} means something for the clock event only");
                    let problem = node.place.problem("source.clock", message, Some("remove it".into()));
                    ctx.problems.push(Problem { severity: Severity::Warning, ..problem });
                }
            }
        }
    }
    TimeField { clock, field, unit, format }
}

/// How a time is written, by the keys `unit` and `format`.
pub(super) fn unit_or_format(table: &Fields<'_>, ctx: &mut Context) -> (TimeUnit, Option<TimeFormat>) {
    let unit = table.or_default("unit", ctx, value::word);
    let unit = TimeUnit::ALL.iter().find(|(word, _)| *word == unit).map_or(TimeUnit::Seconds, |(_, unit)| *unit);
    let format = table.get("format", ctx, value::text).and_then(|format| {
        if let (_, Some(unit)) = table.entry("unit", ctx) {
            let message = "unit and format both say how the time is written";
            ctx.problems.push(unit.place.problem("source.time", message, Some("remove one".into())));
        }
        match TimeFormat::new(&format.value) {
            Ok(read) => Some(read),
            Err(why) => {
                let message = format!("the format says no moment: {why}");
                let help = "name year, month, day and time, such as \"%d/%b/%Y:%H:%M:%S %z\"".to_owned();
                ctx.problems.push(format.problem("source.time", message, Some(help)));
                None
            }
        }
    });
    (if format.is_some() { TimeUnit::Rfc3339 } else { unit }, format)
}

fn files(fields: &Fields<'_>, ctx: &mut Context) -> Option<FileConfig> {
    let paths: Vec<String> = fields.list("path", ctx).into_iter().map(|path| path.value).collect();
    let as_one = fields.or_default("as_one", ctx, value::flag);
    let compression = fields.get("compression", ctx, value::word)?;
    let follow = fields.get("follow", ctx, value::flag)?;
    if follow.value && matches!(compression.value, "gzip" | "zstd") {
        let message = "a compressed file cannot be followed";
        let help =
            "remove follow, or set compression = \"auto\": with as_one the files before the last may be compressed";
        ctx.problems.push(follow.problem("source.follow", message, Some(help.into())));
    }
    let compression = match compression.value {
        "none" => FileCompression::None,
        "gzip" => FileCompression::Gzip,
        "zstd" => FileCompression::Zstd,
        _ => FileCompression::Auto,
    };
    let config = FileConfig { paths, as_one, compression, follow: follow.value };
    if config.paths.is_empty() { None } else { Some(config) }
}

/// The format, and the keys that belong to it.
fn format(fields: &Fields<'_>, kind: &str, ctx: &mut Context) -> SourceFormat {
    let format = fields.get("format", ctx, value::word).expect("the format has a default");
    let only_json = match kind {
        "generate" => Some("the generator writes JSON"),
        "http" => Some("events that are sent over HTTP are JSON in this version"),
        _ => None,
    };
    let json = format.value == "json" || only_json.is_some();
    if let Some(message) = only_json.filter(|_| format.value != "json") {
        ctx.problems.push(format.problem("source.format", message, Some("remove format".to_owned())));
    }
    let types = types(fields, ctx);
    let csv = CsvConfig {
        header: fields.or_default("header", ctx, value::flag),
        columns: fields.list("columns", ctx).into_iter().map(|name| name.value).collect(),
        delimiter: fields.or_default("delimiter", ctx, value::character).unwrap_or(b','),
        quote: fields.or_default("quote", ctx, value::character),
        null: fields.or_default("null", ctx, value::any_text),
        types: types.clone(),
    };
    let pattern = fields.get("pattern", ctx, value::text);
    for (key, of) in [
        ("header", "csv"),
        ("columns", "csv"),
        ("delimiter", "csv"),
        ("quote", "csv"),
        ("null", "csv"),
        ("types", "csv and lines"),
        ("pattern", "lines"),
    ] {
        if let (_, Some(node)) = fields.entry(key, ctx)
            && !of.split(" and ").any(|of| of == format.value)
        {
            let message = format!("{key} means something for the format {of} only");
            let problem = node.place.problem("source.format", message, Some("remove it, or set format".into()));
            ctx.problems.push(Problem { severity: Severity::Warning, ..problem });
        }
    }
    match format.value {
        _ if json => SourceFormat::Json,
        "csv" => {
            if !csv.header && csv.columns.is_empty() {
                let help = "write columns = [\"at\", \"user\"], or header = true".to_owned();
                ctx.problems.push(format.problem("source.columns", "the columns have no names", Some(help)));
            }
            if Some(csv.delimiter) == csv.quote {
                let help = "let them differ".to_owned();
                ctx.problems.push(format.problem("source.quote", "delimiter and quote are the same", Some(help)));
            }
            SourceFormat::Csv(csv)
        }
        _ => {
            if let Some(pattern) = &pattern {
                match regex::bytes::Regex::new(&pattern.value) {
                    Err(e) => {
                        let why = e.to_string();
                        let why = why.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned();
                        let message = format!("the pattern is not a regular expression: {why}");
                        ctx.problems.push(pattern.problem("source.pattern", message, None));
                    }
                    Ok(regex) if regex.capture_names().flatten().next().is_none() => {
                        let help = "name what is to be a field: (?<level>[A-Z]+)".to_owned();
                        let message = "the pattern has no named groups, so it gives no fields";
                        ctx.problems.push(pattern.problem("source.pattern", message, Some(help)));
                    }
                    Ok(_) => {}
                }
            }
            SourceFormat::Lines(LinesConfig { pattern: pattern.map(|pattern| pattern.value), types })
        }
    }
}

pub(super) fn types(fields: &Fields<'_>, ctx: &mut Context) -> Vec<(String, FieldType)> {
    let (key, Some(node)) = fields.entry("types", ctx) else { return Vec::new() };
    let mut types = Vec::new();
    for (name, node, word) in ctx.keep(value::types(node, key), &node.place).unwrap_or_default() {
        if let Some(word) = ctx.keep(word, &node.place) {
            types.extend(FieldType::ALL.iter().filter(|(w, _)| *w == word).map(|(_, ty)| (name.to_owned(), *ty)));
        }
    }
    types
}

fn http(fields: &Fields<'_>, ctx: &mut Context) -> IngestConfig {
    let queue = fields.or_default("queue", ctx, value::size);
    let mut max_body = fields.or_default("max_body", ctx, value::size);
    let (_, said) = fields.entry("max_body", ctx);
    if said.is_none() {
        max_body = max_body.min(queue);
    }
    if let Some(Node { place, .. }) = said
        && max_body > queue
    {
        let message = "a batch of max_body bytes would never find room in the queue";
        let help = format!("let queue ({queue}) be at least max_body ({max_body})");
        ctx.problems.push(place.problem("source.queue", message, Some(help)));
    }
    if let (_, Some(node)) = fields.entry("on_bad", ctx)
        && fields.or_default("on_bad", ctx, value::word) == "stop"
    {
        let message = "whoever may send events could end the run by one that is none";
        let help = "remove on_bad: what is no event is refused, and said to who sent it".to_owned();
        ctx.problems.push(node.place.problem("source.on_bad", message, Some(help)));
    }
    IngestConfig { queue, max_body }
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
