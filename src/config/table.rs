//! One table of `[tables]` into a [`TableConfig`], and the `enrich` of a stream into [`EnrichConfig`]s.

use super::reader::{Context, Fields, is_name};
use super::reference::KeyKind;
use super::sections::{STREAM_ENRICH, TABLE, TABLE_FILE, TABLE_POSTGRES, TABLE_REDIS, TABLE_STREAM, TABLE_TIME};
use super::settings::{CsvConfig, Located, SourceFormat};
use super::source::{types, unit_or_format};
use super::table_server::{TablePostgres, TableRedis, TableServer, postgres, redis};
use super::tree::{Data, Node, one_line};
use super::value;
use crate::error::{Problem, Severity};
use crate::event::FieldPath;
use crate::time::{Span, TimeFormat, TimeUnit};

/// One table: `[tables.<name>]`.
#[derive(Debug, Clone, PartialEq)]
pub struct TableConfig {
    /// The table's name.
    pub name: String,
    /// The line of its header.
    pub line: usize,
    /// Where its rows come from.
    pub kind: TableKind,
    /// The columns of the key; at least one.
    pub key: Vec<Located<String>>,
}

/// Where the rows of a table come from.
#[derive(Debug, Clone, PartialEq)]
#[allow(clippy::large_enum_variant, reason = "a pipeline has few tables")]
pub enum TableKind {
    /// A file.
    File(TableFile),
    /// The events of a source or stream.
    Stream {
        /// The source or stream; one.
        from: Vec<Located<String>>,
        /// The fields of a row beside its key; none: all that are asked for.
        columns: Vec<Located<String>>,
        /// How long a row is there; `None`: until there is a newer one.
        keep: Option<Span>,
    },
    /// A table or query of PostgreSQL.
    Postgres(TablePostgres),
    /// Hashes of Redis.
    Redis(TableRedis),
}

impl TableKind {
    /// The server that the rows are on.
    pub fn server(&self) -> Option<&TableServer> {
        match self {
            TableKind::Postgres(table) => Some(&table.server),
            TableKind::Redis(table) => Some(&table.server),
            TableKind::File(_) | TableKind::Stream { .. } => None,
        }
    }

    /// True where rows are asked for one by one, when events need them.
    pub fn is_asked(&self) -> bool {
        self.server().is_some_and(|server| server.asked.is_some())
    }

    /// How often the whole table is looked at again.
    pub fn refresh(&self) -> Option<Span> {
        match self {
            TableKind::File(file) => file.refresh,
            TableKind::Stream { .. } => None,
            TableKind::Postgres(_) | TableKind::Redis(_) => self.server().and_then(|server| server.refresh),
        }
    }

    /// From when on a row is valid.
    pub fn time(&self) -> Option<&TableTime> {
        match self {
            TableKind::File(file) => file.time.as_ref(),
            TableKind::Postgres(table) => table.time.as_ref(),
            TableKind::Stream { .. } | TableKind::Redis(_) => None,
        }
    }
}

/// A file of rows.
#[derive(Debug, Clone, PartialEq)]
pub struct TableFile {
    /// Its path, relative to the working directory.
    pub path: Located<String>,
    /// How its lines are written: JSON, or CSV with a header.
    pub format: SourceFormat,
    /// How often it is looked whether it has changed; `None`: never.
    pub refresh: Option<Span>,
    /// From when on a row is valid; `None`: a key has one row.
    pub time: Option<TableTime>,
}

/// The column that says from when on a row is valid.
#[derive(Debug, Clone, PartialEq)]
pub struct TableTime {
    /// The column.
    pub field: Located<FieldPath>,
    /// How it is written.
    pub unit: TimeUnit,
    /// The format of text, which holds instead.
    pub format: Option<TimeFormat>,
}

/// One lookup of a stream in a table.
#[derive(Debug, Clone, PartialEq)]
pub struct EnrichConfig {
    /// The table.
    pub table: Located<String>,
    /// What is looked up: one expression for each column of the table's key.
    pub key: Vec<Located<String>>,
    /// The fields that events get, with the columns they are.
    pub add: Vec<(String, Located<String>)>,
}

/// Reads one table; `None` where its kind, key or input is not known.
pub(super) fn read(name: &str, node: &Node, ctx: &mut Context) -> Option<TableConfig> {
    let mut fields = Fields::open(node, &[&TABLE], ctx)?;
    let kind = fields.get("type", ctx, value::word).map(|kind| kind.value);
    let all = [&TABLE_FILE, &TABLE_STREAM, &TABLE_POSTGRES, &TABLE_REDIS];
    // Where the type is not known any key may be right.
    let kind = kind?;
    all.iter().filter(|section| section.of == Some(kind)).for_each(|section| fields.also(section));
    fields.unknown_keys(&all, ctx);
    let key = fields.list("key", ctx);
    let kind = match kind {
        "stream" => stream(&fields, ctx),
        "postgres" => postgres(&fields, ctx).map(TableKind::Postgres),
        "redis" => redis(&fields, &key, ctx).map(TableKind::Redis),
        _ => file(&fields, ctx).map(TableKind::File),
    };
    if key.is_empty() {
        return None;
    }
    Some(TableConfig { name: name.to_owned(), line: node.place.line, kind: kind?, key })
}

fn stream(fields: &Fields<'_>, ctx: &mut Context) -> Option<TableKind> {
    let from = fields.list("from", ctx);
    let columns = fields.list("columns", ctx);
    if let Some(second) = from.get(1) {
        let help = "let a stream read them all, and the table that stream".to_owned();
        ctx.problems.push(second.problem("table.from", "a table reads one source or stream", Some(help)));
    }
    let keep = fields.get("keep", ctx, value::span).map(|span| span.value);
    (!from.is_empty()).then_some(TableKind::Stream { from, columns, keep })
}

fn file(fields: &Fields<'_>, ctx: &mut Context) -> Option<TableFile> {
    let path = fields.get("path", ctx, value::text);
    let refresh = fields.get("refresh", ctx, value::span).map(|span| span.value);
    let time = time(fields, ctx);
    let format = format(fields, path.as_ref(), ctx);
    Some(TableFile { path: path?, format, refresh, time })
}

/// The column that says from when on a row is valid.
pub(super) fn time(fields: &Fields<'_>, ctx: &mut Context) -> Option<TableTime> {
    let (_, node) = fields.entry("time", ctx);
    let table = Fields::open(node?, &[&TABLE_TIME], ctx)?;
    table.unknown_keys(&[], ctx);
    let field = table.get("field", ctx, value::field);
    let (unit, format) = unit_or_format(&table, ctx);
    Some(TableTime { field: field?, unit, format })
}

/// The format, by its key or the ending of the path.
fn format(fields: &Fields<'_>, path: Option<&Located<String>>, ctx: &mut Context) -> SourceFormat {
    let (_, node) = fields.entry("format", ctx);
    let given = fields.get("format", ctx, value::word).map(|format| format.value);
    let lower = path.map(|path| path.value.to_ascii_lowercase()).unwrap_or_default();
    let ends = |endings: &[&str]| endings.iter().any(|ending| lower.ends_with(ending));
    let json = match given {
        Some(word) => word == "json",
        None if ends(&[".csv"]) => false,
        None => {
            if let Some(path) = path.filter(|_| node.is_none() && !ends(&[".ndjson", ".jsonl", ".json"])) {
                let help = "end the path in .csv or .ndjson, or add format = \"csv\" or \"json\"".to_owned();
                let message = "the path does not say how rows are written";
                ctx.problems.push(path.problem("table.path", message, Some(help)));
            }
            true
        }
    };
    let csv = CsvConfig {
        header: true,
        columns: Vec::new(),
        delimiter: fields.or_default("delimiter", ctx, value::character).unwrap_or(b','),
        quote: fields.or_default("quote", ctx, value::character),
        null: fields.or_default("null", ctx, value::any_text),
        types: types(fields, ctx),
    };
    if json {
        for key in ["delimiter", "quote", "null", "types"] {
            if let (_, Some(node)) = fields.entry(key, ctx) {
                let message = format!("{key} means something for the format csv only");
                let problem = node.place.problem("source.format", message, Some("remove it, or set format".into()));
                ctx.problems.push(Problem { severity: Severity::Warning, ..problem });
            }
        }
        return SourceFormat::Json;
    }
    if Some(csv.delimiter) == csv.quote {
        let place = fields.entry("delimiter", ctx).1.or(fields.entry("quote", ctx).1).map(|node| &node.place);
        let place = place.unwrap_or(fields.place);
        let help = "let them differ".to_owned();
        ctx.problems.push(place.problem("source.quote", "delimiter and quote are the same", Some(help)));
    }
    SourceFormat::Csv(csv)
}

/// Reads the lookups of a stream: one table, or a list of them.
pub(super) fn enrich(fields: &Fields<'_>, ctx: &mut Context) -> Vec<EnrichConfig> {
    let (key, node) = fields.entry("enrich", ctx);
    let Some(node) = node else { return Vec::new() };
    let items = match &node.data {
        Data::Array(items) if !items.is_empty() => &items[..],
        Data::Array(_) => {
            let help = format!("for example enrich = {}", key.example);
            ctx.problems.push(node.place.problem("config.value", "enrich is an empty list", Some(help)));
            return Vec::new();
        }
        _ => std::slice::from_ref(node),
    };
    let read: Vec<EnrichConfig> = items.iter().filter_map(|item| one(item, ctx)).collect();
    let mut names: Vec<&str> = Vec::new();
    for (name, column) in read.iter().flat_map(|one| &one.add) {
        if names.contains(&name.as_str()) {
            let message = format!("the stream gets '{}' twice", one_line(name));
            let help = format!("give one another name, such as add = {{ {name}_2 = \"{}\" }}", one_line(&column.value));
            ctx.problems.push(column.problem("enrich.add", message, Some(help)));
        }
        names.push(name);
    }
    read
}

fn one(node: &Node, ctx: &mut Context) -> Option<EnrichConfig> {
    let table = Fields::open(node, &[&STREAM_ENRICH], ctx)?;
    table.unknown_keys(&[], ctx);
    let name = table.get("table", ctx, value::text);
    let key = table.items("key", ctx);
    let add = add(&table, ctx);
    if key.is_empty() || add.is_empty() {
        return None;
    }
    Some(EnrichConfig { table: name?, key, add })
}

/// New fields and the columns they are.
fn add(table: &Fields<'_>, ctx: &mut Context) -> Vec<(String, Located<String>)> {
    let (key, node) = table.entry("add", ctx);
    if let Some(Node { data: Data::Table(entries), .. }) = node
        && matches!(key.kind, KeyKind::Columns)
    {
        if entries.is_empty()
            && let Some(node) = node
        {
            let help = format!("for example add = {}", key.example);
            ctx.problems.push(node.place.problem("config.value", "add is an empty table", Some(help)));
        }
        return table.named("add", "a field", ctx);
    }
    let mut list = Vec::new();
    for column in table.list("add", ctx) {
        let name = column.value.rsplit('.').next().unwrap_or_default().to_owned();
        if is_name(&name, false) {
            list.push((name, column));
        } else {
            let message = format!("'{}' is not a name for a field", one_line(&name));
            let help = "give the field a name: add = { field = \"column\" }".to_owned();
            ctx.problems.push(column.problem("config.name", message, Some(help)));
        }
    }
    list
}
