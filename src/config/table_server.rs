//! Tables of servers of `[tables]` into their settings.
//!
//! Invariants: 1. an address begins with the scheme of its type and is never printed; 2. of the keys that say which rows
//! there are exactly one is given; 3. what a program was built with is not looked at: the file is right or wrong wherever it
//! is checked.

use super::notify_settings::Secret;
use super::reader::{Context, Fields};
use super::settings::{FieldType, Located};
use super::source::types;
use super::table::{TableTime, time};
use super::value;
use crate::error::{Problem, Severity};
use crate::time::Span;

/// What all tables of servers say.
#[derive(Debug, Clone, PartialEq)]
pub struct TableServer {
    /// The address, with who logs in.
    pub url: Secret,
    /// How often the whole table is read again; `None`: never.
    pub refresh: Option<Span>,
    /// How long the server may be silent.
    pub timeout: Span,
    /// How rows are asked for one by one; `None`: the table is read as a whole.
    pub asked: Option<TableAsked>,
}

/// What holds where rows are asked for one by one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TableAsked {
    /// How many keys are kept.
    pub cache: u64,
    /// How long each is kept.
    pub cache_for: Span,
}

/// A table or query of PostgreSQL.
#[derive(Debug, Clone, PartialEq)]
pub struct TablePostgres {
    /// The server.
    pub server: TableServer,
    /// Which rows.
    pub rows: PostgresRows,
    /// From when on a row is valid; `None`: a key has one row.
    pub time: Option<TableTime>,
}

/// The rows of a table of PostgreSQL.
#[derive(Debug, Clone, PartialEq)]
pub enum PostgresRows {
    /// All of a table or view.
    Table(Located<String>),
    /// Those of a query.
    Query(Located<String>),
}

/// Hashes of Redis.
#[derive(Debug, Clone, PartialEq)]
pub struct TableRedis {
    /// The server.
    pub server: TableServer,
    /// Which rows.
    pub rows: RedisRows,
    /// What columns are; not named: each value says for itself.
    pub types: Vec<(String, FieldType)>,
}

/// The rows of a table of Redis.
#[derive(Debug, Clone, PartialEq)]
pub enum RedisRows {
    /// Hashes whose names begin so.
    Prefix(String),
    /// The fields of one hash.
    Hash(String),
}

/// Reads what a table of PostgreSQL says.
pub(super) fn postgres(fields: &Fields<'_>, ctx: &mut Context) -> Option<TablePostgres> {
    let server = server(fields, &["postgres", "postgresql"], "postgres://user:password@host/database", ctx);
    let rows = either(fields, ["from", "query"], ctx);
    let rows = rows.map(|(first, text)| if first { PostgresRows::Table(text) } else { PostgresRows::Query(text) });
    let time = time(fields, ctx);
    Some(TablePostgres { server: server?, rows: rows?, time })
}

/// Reads what a table of Redis says.
pub(super) fn redis(fields: &Fields<'_>, key: &[Located<String>], ctx: &mut Context) -> Option<TableRedis> {
    let server = server(fields, &["redis"], "redis://user:password@host/0", ctx);
    let rows = either(fields, ["match", "hash"], ctx);
    let types = types(fields, ctx);
    if let [_, second, ..] = key {
        let help = "name the one column that is the name of the row".to_owned();
        ctx.problems.push(second.problem(
            "table.match",
            "a row of Redis has one name, so its key is one column",
            Some(help),
        ));
    }
    let rows = match rows? {
        (false, name) => RedisRows::Hash(name.value),
        (true, pattern) => match pattern.value.strip_suffix('*') {
            Some(prefix) if !prefix.is_empty() && !prefix.contains(['*', '?', '[', ']', '\\']) => {
                RedisRows::Prefix(prefix.to_owned())
            }
            _ => {
                let message = "match is a prefix and one * behind it";
                let help = "for example match = \"user:*\"".to_owned();
                ctx.problems.push(pattern.problem("table.match", message, Some(help)));
                return None;
            }
        },
    };
    Some(TableRedis { server: server?, rows, types })
}

/// The one of two keys that is given, and whether it is the first.
fn either(fields: &Fields<'_>, keys: [&str; 2], ctx: &mut Context) -> Option<(bool, Located<String>)> {
    let [first, second] = keys.map(|key| fields.get(key, ctx, value::text));
    let [is_first, is_second] = keys.map(|key| fields.entry(key, ctx).1.is_some());
    let [one, other] = keys;
    match (first, second) {
        (Some(_), Some(second)) => {
            let message = format!("{one} and {other} both say which rows there are");
            ctx.problems.push(second.problem("table.rows", message, Some("remove one".into())));
            None
        }
        (Some(text), None) if !is_second => Some((true, text)),
        (None, Some(text)) if !is_first => Some((false, text)),
        _ => {
            if !is_first && !is_second && !fields.misspells(&keys) {
                let message = format!("the table does not say which rows it has: it needs {one} or {other}");
                let help = format!("for example {one} = {}", fields.entry(one, ctx).0.example);
                ctx.problems.push(fields.place.problem("table.rows", message, Some(help)));
            }
            None
        }
    }
}

fn server(fields: &Fields<'_>, schemes: &[&str], example: &str, ctx: &mut Context) -> Option<TableServer> {
    let url = fields.get("url", ctx, value::text);
    let refresh = fields.get("refresh", ctx, value::span);
    let timeout = fields.or_default("timeout", ctx, value::span);
    let asked = fields.or_default("mode", ctx, value::word) == "lookup";
    let cache = fields.or_default("cache", ctx, value::count);
    let cache_for = fields.or_default("cache_for", ctx, value::span);
    let wrong = if asked { &["refresh"][..] } else { &["cache", "cache_for"] };
    for key in wrong {
        if let (_, Some(node)) = fields.entry(key, ctx) {
            let mode = if asked { "load" } else { "lookup" };
            let message = format!("{key} means something for mode = \"{mode}\" only");
            let problem = node.place.problem("table.mode", message, Some("remove it, or set mode".into()));
            ctx.problems.push(Problem { severity: Severity::Warning, ..problem });
        }
    }
    let url = url?;
    let scheme = url.value.split_once("://").map(|(scheme, _)| scheme.to_ascii_lowercase());
    if !scheme.is_some_and(|scheme| schemes.contains(&scheme.as_str())) {
        let message = format!("this is not an address of {}", schemes[0]);
        ctx.problems.push(url.problem("table.url", message, Some(format!("write {example}"))));
        return None;
    }
    let asked = asked.then_some(TableAsked { cache, cache_for });
    let refresh = refresh.map(|span| span.value).filter(|_| asked.is_none());
    Some(TableServer { url: Secret::new(url.value), refresh, timeout, asked })
}
