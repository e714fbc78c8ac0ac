//! Tables and the lookups of streams, turned into what is kept of a table (the columns that something reads) and into the
//! steps that look up.

use super::HeadPlan;
use super::building::{Building, Names};
use crate::config::{Config, PostgresRows, RedisRows, StreamConfig, TableConfig, TableKind, TablePostgres, TableRedis};
use crate::error::Problem;
use crate::expr;
use crate::result::{RowKind, RowSchema};
use crate::stream::Enrich;
use serde_json::{Value, json};

/// What `explain` calls the columns of lookups among those that are computed: no name that a stream can set.
pub(super) const LOOKUP: &str = "enrich by";

/// A table with what is kept of it.
#[derive(Debug)]
pub struct TablePlan {
    /// The table's name.
    pub name: String,
    /// Its settings.
    pub config: TableConfig,
    /// The columns beside the key that something reads, by their names in the table.
    pub columns: Vec<String>,
}

/// A lookup, as it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnrichText {
    /// The table's name.
    pub table: String,
    /// The expressions of the key.
    pub key: Vec<String>,
    /// The fields that are added, with the columns they are.
    pub add: Vec<(String, String)>,
}

/// The tables.
pub(super) fn tables(config: &Config) -> Vec<TablePlan> {
    let mut list = Vec::new();
    for table in &config.tables {
        let columns = columns(config, &table.name);
        list.push(TablePlan { name: table.name.clone(), config: table.clone(), columns });
    }
    list
}

/// The columns of a table beside its key that something reads.
pub(super) fn columns(config: &Config, table: &str) -> Vec<String> {
    let lookups = config.streams.iter().flat_map(|stream| &stream.enrich).filter(|enrich| enrich.table.value == table);
    let mut columns: Vec<String> = Vec::new();
    let key = config.tables.iter().filter(|one| one.name == table).flat_map(|table| &table.key);
    let key: Vec<&str> = key.map(|column| column.value.as_str()).collect();
    let joins = config.views.iter().flat_map(|view| &view.join).filter(|join| join.with.value == table);
    let joined = joins.flat_map(|join| join.on.iter().chain(&join.add));
    let joined = joined.filter(|(_, column)| !key.contains(&column.value.as_str()));
    for (_, column) in lookups.flat_map(|enrich| &enrich.add).chain(joined) {
        if !columns.contains(&column.value) {
            columns.push(column.value.clone());
        }
    }
    columns
}

/// What the rows of tables that views join look like.
pub(super) fn schemas(config: &Config, problems: &mut Vec<Problem>) -> Vec<RowSchema> {
    let joins = || config.views.iter().flat_map(|view| &view.join);
    let mut list = Vec::new();
    for table in config.joined_tables() {
        let versions = table.kind.time().is_some() || matches!(table.kind, TableKind::Stream { .. });
        for join in joins().filter(|join| join.with.value == table.name) {
            if let TableKind::Stream { columns, .. } = &table.kind {
                let known = || columns.iter().chain(&table.key).map(|column| column.value.as_str());
                let wrong = |column: &str| !columns.is_empty() && !known().any(|one| one == column);
                for (_, column) in join.on.iter().chain(&join.add).filter(|(_, column)| wrong(&column.value)) {
                    let message = format!("table {} has no column '{}'", table.name, column.value);
                    let help = format!("its columns are {}", known().collect::<Vec<_>>().join(", "));
                    problems.push(column.problem("view.column", message, Some(help)));
                }
            }
            if table.kind.is_asked() {
                let message =
                    "a join of rows with a table that is not read as a whole is planned but not in this version";
                let help = "set mode = \"load\", or look events up in it: enrich of a stream";
                problems.push(join.with.problem("config.planned", message, Some(help.into())));
            } else if join.add.is_empty() {
                let message = format!("what is added of table '{}' is not said", table.name);
                problems.push(join.with.problem("view.join", message, Some("name columns: add = [\"..\"]".into())));
            }
        }
        list.push(RowSchema {
            name: table.name.clone(),
            dimensions: table.key.iter().map(|column| column.value.clone()).collect(),
            values: columns(config, &table.name),
            capped: false,
            early: false,
            kind: if versions { RowKind::Versions } else { RowKind::Table },
            keep: RowSchema::FOREVER,
        });
    }
    list
}

/// Reports lookups behind heads in tables that are not read as a whole: there is nothing that could be held while they are
/// answered.
pub(super) fn asked_behind(config: &Config, heads: &[HeadPlan], problems: &mut Vec<Problem>) {
    let steps = heads.iter().flat_map(|head| &head.stage.steps);
    let names: Vec<&str> = steps.filter(|step| !step.enrich.is_empty()).map(|step| step.name.as_str()).collect();
    let asked = |name: &str| config.tables.iter().any(|table| table.name == name && table.kind.is_asked());
    for stream in config.streams.iter().filter(|stream| names.contains(&stream.name.as_str())) {
        for enrich in stream.enrich.iter().filter(|enrich| asked(&enrich.table.value)) {
            let message = "a lookup in a table that is not read as a whole, behind a join, a dedup or a lookup in a table of \
                           events, is planned but not in this version";
            let help = "set mode = \"load\", or look up before it";
            problems.push(enrich.table.problem("config.planned", message, Some(help.into())));
        }
    }
}

impl Building<'_> {
    /// The lookups of a stream, how they are shown, and the columns that they need and fill. What they add is in `names`
    /// then.
    pub(super) fn lookups(
        &mut self,
        stream: &StreamConfig,
        first: usize,
        names: &mut Names,
    ) -> (Vec<Enrich>, Vec<EnrichText>, Vec<(String, String)>) {
        let (mut list, mut texts, mut computed) = (Vec::new(), Vec::new(), Vec::new());
        for enrich in &stream.enrich {
            let (mut keys, mut sets) = (Vec::new(), Vec::new());
            for text in &enrich.key {
                let Some(tree) = self.parse(text) else { continue };
                let program = self.compile(names, &tree);
                keys.push(program.as_slot().unwrap_or_else(|| {
                    let slot = self.base() + first + computed.len();
                    computed.push((LOOKUP.to_owned(), text.value.clone()));
                    sets.push((slot, program));
                    slot
                }));
            }
            // A table that is not there has been reported.
            let table = self.config.tables.iter().position(|table| table.name == enrich.table.value);
            let known = columns(self.config, &enrich.table.value);
            let mut add = Vec::new();
            for (name, column) in &enrich.add {
                let slot = self.base() + first + computed.len();
                computed.push((LOOKUP.to_owned(), name.clone()));
                names.insert(name.clone(), slot);
                add.extend(known.iter().position(|one| *one == column.value).map(|at| (at, slot)));
            }
            add.sort_unstable();
            list.extend(table.map(|table| Enrich { table, sets, keys, add }));
            texts.push(EnrichText {
                table: enrich.table.value.clone(),
                key: enrich.key.iter().map(|text| text.value.clone()).collect(),
                add: enrich.add.iter().map(|(name, column)| (name.clone(), column.value.clone())).collect(),
            });
        }
        (list, texts, computed)
    }

    /// True where something that chooses rows of the stream reads what its lookups add.
    pub(super) fn reads_added(&self, stream: &StreamConfig, enriches: &[EnrichText]) -> bool {
        let by = stream.sample.iter().filter_map(|sample| sample.by.as_ref());
        let trees = stream.filter.iter().chain(by).filter_map(|text| {
            // What is wrong with it has been reported.
            expr::parse_with(&text.value, &self.extensions.functions).ok()
        });
        let added: Vec<&String> = enriches.iter().flat_map(|enrich| &enrich.add).map(|(name, _)| name).collect();
        let mut paths = trees.flat_map(|tree| tree.paths());
        paths.any(|path| matches!(path.steps(), [step] if added.contains(&step)))
    }
}

/// Where the rows come from, as it is shown.
pub(super) fn kind(table: &TablePlan) -> String {
    match &table.config.kind {
        TableKind::File(file) => format!("file {}", file.path.value),
        TableKind::Stream { from, .. } => format!("events of {}", from[0].value),
        TableKind::Postgres(TablePostgres { rows: PostgresRows::Table(name), .. }) => {
            format!("postgres {}", name.value)
        }
        TableKind::Postgres(_) => "postgres query".to_owned(),
        TableKind::Redis(TableRedis { rows: RedisRows::Prefix(prefix), .. }) => format!("redis {prefix}*"),
        TableKind::Redis(TableRedis { rows: RedisRows::Hash(name), .. }) => format!("redis hash {name}"),
    }
}

/// Which row of a key is seen.
pub(super) fn versions(table: &TablePlan) -> String {
    match (&table.config.kind, table.config.kind.time()) {
        (TableKind::Stream { .. }, _) => "the newest that is not after the event".to_owned(),
        (_, Some(time)) => format!("the newest whose {} is not after the event", time.field.value),
        (TableKind::File(_), None) => "none: the last row of a key counts".to_owned(),
        (_, None) => "none: a key has one row".to_owned(),
    }
}

/// What becomes of changes.
pub(super) fn refresh(table: &TablePlan) -> String {
    let kind = &table.config.kind;
    match (kind, kind.refresh()) {
        (TableKind::Stream { .. }, _) => "with each event".to_owned(),
        _ if kind.is_asked() => "rows are asked for when events need them: results depend on the clock".to_owned(),
        (_, Some(every)) => {
            let clock = if kind.time().is_some() { "" } else { ": results depend on the clock" };
            format!("looked for every {every}{clock}")
        }
        (_, None) => "not looked for".to_owned(),
    }
}

/// The table for programs.
pub(super) fn json(table: &TablePlan) -> Value {
    let (refresh, time) = (table.config.kind.refresh(), table.config.kind.time());
    json!({
        "name": table.name,
        "from": kind(table),
        "key": table.config.key.iter().map(|key| &key.value).collect::<Vec<_>>(),
        "columns": table.columns,
        "time": time.map(|time| time.field.value.to_string()),
        "refresh_us": refresh.map(|every| every.0),
    })
}

#[cfg(test)]
mod tests {
    use super::super::{compile, explain_json, explain_text};

    const TEXT: &str = "[sources.e]\ntype = \"stdin\"\n[tables.t]\ntype = \"file\"\npath = \"t.csv\"\nkey = [\"a\", \"b\"]\n\
        [streams.s]\nfrom = \"e\"\nenrich = { table = \"t\", key = [\"land\", \"lower(y)\"], add = { land = \"l\", plan = \"p\", same = \"l\" } }\n\
        where = \"FILTER\"\nset = { z = \"plan\" }\n[windows.w]\nfrom = \"s\"\nsize = \"1s\"\ngroup_by = [\"land\", \"z\", \"same\"]\n\
        select = { n = \"count(*)\" }\n";

    #[test]
    fn what_a_lookup_adds_is_a_column_and_no_field_of_the_event() {
        for (filter, first, early) in [("kind = 'a'", false, true), ("land = 'de'", true, false)] {
            let (config, problems) = crate::config::parse("t.toml", &TEXT.replace("FILTER", filter), &[], &|_| None);
            assert!(!problems.has_errors(), "{problems}");
            let plan = compile(&config.unwrap()).unwrap();
            let (stage, step) = (&plan.sources[0].stage, &plan.sources[0].stage.steps[0]);
            let fields = stage.paths.len();
            // Decoded: land, y, and the field of the filter; computed: the second key, land, plan, same, z.
            assert_eq!((fields, stage.columns), (2 + usize::from(early), fields + 5));
            let enrich = &step.enrich[0];
            assert_eq!((&enrich.keys[..], enrich.sets.len(), step.enrich_first), (&[0, fields][..], 1, first));
            assert_eq!(plan.tables[0].columns, ["l", "p"]);
            assert_eq!(enrich.add, [(0, fields + 1), (0, fields + 3), (1, fields + 2)]);
            assert_eq!(plan.windows[0].feeds[0].keys, [fields + 1, fields + 4, fields + 3]);
            // The decoder drops nothing by a field that the lookup hides.
            assert_eq!(plan.sources[0].prefilter.is_some(), early, "{filter}");
            let text = explain_text(&plan);
            assert!(text.contains("enrich        land = l, plan = p, same = l of t by land, lower(y)\n"), "{text}");
            let json = explain_json(&plan);
            assert_eq!(json["streams"][0]["set"].as_array().map(Vec::len), Some(1));
            assert_eq!(json["streams"][0]["enrich"][0]["key"][1], "lower(y)");
        }
    }

    #[test]
    fn tables_that_are_not_read_as_a_whole_are_looked_up_in_at_sources_alone() {
        let text = "[sources.e]\ntype = \"stdin\"\n[tables.t]\ntype = \"postgres\"\nurl = \"postgres://h\"\nfrom = \"t\"\n\
            key = \"a\"\nmode = \"lookup\"\n[streams.s]\nfrom = \"e\"\nenrich = { table = \"t\", key = \"a\", add = [\"b\"] }\n\
            [streams.once]\nfrom = \"s\"\ndedup = { by = \"b\", within = \"1m\" }\n[streams.behind]\nfrom = \"once\"\nLOOKUP\n\
            [windows.w]\nfrom = \"behind\"\nsize = \"1s\"\ngroup_by = [\"b\"]\nselect = { n = \"count(*)\" }\n\
            [views.v]\nfrom = \"w\"\njoin = { with = \"JOINED\", on = { b = \"a\" }, add = [\"c\"] }\n";
        let said = |lookup: &str, joined: &str| {
            let text = text.replace("LOOKUP", lookup).replace("JOINED", joined);
            let (config, problems) = crate::config::parse("t.toml", &text, &[], &|_| None);
            assert!(!problems.has_errors(), "{problems}");
            compile(&config.unwrap()).map(|plan| explain_text(&plan)).map_err(|problems| problems.to_string())
        };
        let text = said("enrich = { table = \"t\", key = \"b\", add = { d = \"b\" } }", "t").unwrap_err();
        for problem in ["behind a join, a dedup", "a join of rows with a table that is not read as a whole"] {
            assert_eq!(text.matches(problem).count(), 1, "{text}");
        }
        assert!(text.contains("t.toml:17  streams.behind.enrich.table = \"t\"\n  help: set mode = \"load\""), "{text}");
    }
}
