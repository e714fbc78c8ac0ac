//! One table of `[sinks]` into a [`SinkConfig`]; the sink of a file that has none.

use super::reader::{Context, Fields};
use super::sections::{SINK, SINK_FILE, SINK_STDOUT};
use super::settings::{FileFormat, Located, SinkConfig, SinkKind, SinkMode, StdoutFormat, Times};
use super::tree::{Data, Node};
use super::value;

/// The kind of a sink that a program brings; no word of the file.
const PROGRAM: &str = "program";

/// Reads one sink; `None` where its kind or its path is not known.
pub(super) fn read(name: &str, node: &Node, ctx: &mut Context) -> Option<SinkConfig> {
    let mut fields = Fields::open(node, &[&SINK], ctx)?;
    let kind = match fields.entry("type", ctx) {
        (_, Some(Node { data: Data::Program, .. })) => Some(PROGRAM),
        _ => fields.get("type", ctx, value::word).map(|kind| kind.value),
    };
    let all = [&SINK_STDOUT, &SINK_FILE];
    match kind {
        Some("stdout") => fields.also(&SINK_STDOUT),
        Some(PROGRAM) => {}
        Some(_) => fields.also(&SINK_FILE),
        None => all.iter().for_each(|section| fields.also(section)),
    }
    fields.unknown_keys(&all, ctx);
    let from = fields.list("from", ctx);
    let times = match fields.or_default("times", ctx, value::word) {
        "unix_ms" => Times::UnixMs,
        _ => Times::Rfc3339,
    };
    let mode = match fields.or_default("mode", ctx, value::word) {
        "corrections" => SinkMode::Corrections,
        "first" => SinkMode::First,
        _ => SinkMode::Changes,
    };
    let kind = match kind? {
        "stdout" => SinkKind::Stdout {
            format: match fields.or_default("format", ctx, value::word) {
                "json" => StdoutFormat::Json,
                "csv" => StdoutFormat::Csv,
                _ => StdoutFormat::Table,
            },
        },
        PROGRAM => SinkKind::Program,
        _ => file(&fields, &from, ctx)?,
    };
    Some(SinkConfig { name: name.to_owned(), line: node.place.line, implied: false, kind, from, times, mode })
}

fn file(fields: &Fields<'_>, from: &[Located<String>], ctx: &mut Context) -> Option<SinkKind> {
    let path = fields.get("path", ctx, value::text);
    let (_, format_node) = fields.entry("format", ctx);
    let format = fields.get("format", ctx, value::word);
    let path = path?;
    if from.len() > 1 && !path.value.contains("{name}") {
        let message = format!("{} parts would be written to one file", from.len());
        let help = "put {name} into the path, such as out/{name}.ndjson";
        ctx.problems.push(path.problem("sink.path", message, Some(help.into())));
    }
    let lower = path.value.to_ascii_lowercase();
    let ends = |endings: &[&str]| endings.iter().any(|ending| lower.ends_with(ending));
    let format = match format.as_ref().map(|format| format.value) {
        Some("csv") => FileFormat::Csv,
        Some(_) => FileFormat::Json,
        None if ends(&[".csv"]) => FileFormat::Csv,
        None if format_node.is_some() || ends(&[".ndjson", ".jsonl", ".json"]) => FileFormat::Json,
        None => {
            let help = "end the path in .ndjson or .csv, or add format = \"json\" or \"csv\"";
            ctx.problems.push(path.problem(
                "sink.path",
                "the path does not say how rows are written",
                Some(help.into()),
            ));
            FileFormat::Json
        }
    };
    Some(SinkKind::File { path: path.value, format })
}

/// The sink of a file that has none: a table of every part on standard output, named `stdout`.
pub(super) fn implied<'a>(parts: impl Iterator<Item = &'a str>, taken: &dyn Fn(&str) -> bool) -> SinkConfig {
    let mut name = "stdout".to_owned();
    while taken(&name) {
        name.push('_');
    }
    let from = parts.map(|part| Located {
        value: part.to_owned(),
        line: 0,
        path: format!("sinks.{name}.from"),
        text: String::new(),
    });
    SinkConfig {
        from: from.collect(),
        line: 0,
        implied: true,
        kind: SinkKind::Stdout { format: StdoutFormat::Table },
        times: Times::Rfc3339,
        mode: SinkMode::Changes,
        name,
    }
}
