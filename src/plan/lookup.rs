//! Lookups of streams in tables of events, made parts of their own and planned: the rows and the events that are looked up
//! come to the worker of their key.
//!
//! A stream with such a lookup becomes a chain: a stream with the lookups before it, where there are some; the lookup, named
//! `stream.table`; and the stream itself with what is left.

use super::building::{Building, Built, Local, Names};
use super::table::columns;
use super::{HeadInput, LookupPlan, VersionsPlan};
use crate::config::{Config, EnrichConfig, Located, LookupConfig, StreamConfig, TableConfig, TableKind};
use crate::error::Problem;
use crate::event::FieldPath;

/// What `explain` calls a column that is only the key of a lookup.
pub(super) const KEY: &str = "look up by";

/// The configuration in which streams look up in tables of events by parts of their own.
pub(super) fn lowered(config: &Config, problems: &mut Vec<Problem>) -> Config {
    let of_events = |enrich: &EnrichConfig| {
        let table = config.tables.iter().find(|table| table.name == enrich.table.value)?;
        matches!(table.kind, TableKind::Stream { .. }).then_some(table)
    };
    let (mut streams, mut lookups) = (Vec::new(), Vec::new());
    for stream in &config.streams {
        let mut left = stream.clone();
        while let Some((at, table)) = left.enrich.iter().enumerate().find_map(|(i, e)| Some((i, of_events(e)?))) {
            split(&mut left, at, table, (&mut streams, &mut lookups));
        }
        if left.from != stream.from {
            for rest in config.streams.iter().flat_map(|s| &s.rest_of).filter(|rest| rest.value == stream.name) {
                problems.push(rest.problem(
                    "config.planned",
                    "the rest of a stream that looks up in a table of events is planned but not in this version",
                    Some("look up in a stream behind it".into()),
                ));
            }
        }
        streams.push(left);
    }
    lookups.extend(config.joined_tables().filter_map(|table| rows(config, table)));
    Config { streams, lookups, ..config.clone() }
}

/// The rows of a table of events that views join.
fn rows(config: &Config, table: &TableConfig) -> Option<LookupConfig> {
    let TableKind::Stream { from, keep, .. } = &table.kind else { return None };
    let place = |column: String| (column.clone(), Located { value: column, ..from[0].clone() });
    Some(LookupConfig {
        name: format!("{}.rows", table.name),
        table: table.name.clone(),
        from: [from.clone(), Vec::new()],
        columns: table.key.iter().map(|key| key.value.clone()).collect(),
        key: Vec::new(),
        add: columns(&Config { streams: Vec::new(), ..config.clone() }, &table.name).into_iter().map(place).collect(),
        keep: *keep,
    })
}

/// Takes the lookup at `at` and all before it out of a stream.
fn split(
    stream: &mut StreamConfig,
    at: usize,
    table: &TableConfig,
    (streams, lookups): (&mut Vec<StreamConfig>, &mut Vec<LookupConfig>),
) {
    let mut before: Vec<EnrichConfig> = stream.enrich.drain(..=at).collect();
    let (Some(own), TableKind::Stream { from: rows, keep, .. }) = (before.pop(), &table.kind) else { return };
    let same = |name: &str| lookups.iter().filter(|l| l.name.starts_with(name)).count();
    let mut name = format!("{}.{}", stream.name, table.name);
    let again = same(&name);
    if again > 0 {
        name = format!("{name}.{}", again + 1);
    }
    let named = |name: &str| Located { value: name.to_owned(), ..stream.from[0].clone() };
    let mut events = stream.from.clone();
    if !before.is_empty() || !stream.rest_of.is_empty() {
        let first = format!("{name}.before");
        let rest_of = std::mem::take(&mut stream.rest_of);
        events = vec![named(&first)];
        streams.push(StreamConfig {
            name: first,
            line: stream.line,
            from: stream.from.clone(),
            rest_of,
            enrich: before,
            filter: None,
            sample: None,
            set: Vec::new(),
            dedup: None,
        });
    }
    stream.from = vec![named(&name)];
    lookups.push(LookupConfig {
        name,
        table: table.name.clone(),
        from: [rows.clone(), events],
        columns: table.key.iter().map(|key| key.value.clone()).collect(),
        key: own.key,
        add: own.add,
        keep: *keep,
    });
}

/// The column of the table that a field behind a lookup is.
fn added<'a>(lookup: &'a LookupConfig, path: &FieldPath) -> Option<&'a str> {
    let [name] = path.steps() else { return None };
    lookup.add.iter().find(|(one, _)| one == name).map(|(_, column)| column.value.as_str())
}

/// The plan of a lookup behind which these fields are read.
pub(super) fn plan(config: &Config, lookup: &LookupConfig, paths: &[FieldPath]) -> LookupPlan {
    let places = |rows: bool| {
        let all = paths.iter().enumerate();
        all.filter(|(_, path)| added(lookup, path).is_some() == rows).map(|(at, _)| at).collect()
    };
    let table = config.tables.iter().position(|table| table.name == lookup.table).unwrap_or(0);
    LookupPlan {
        table: (table, lookup.table.clone()),
        from: lookup.from.each_ref().map(|list| list.iter().map(|from| from.value.clone()).collect()),
        on: [lookup.columns.clone(), lookup.key.iter().map(|key| key.value.clone()).collect()],
        add: lookup.add.iter().map(|(name, column)| (name.clone(), column.value.clone())).collect(),
        columns: [places(true), places(false)],
        keep: lookup.keep.map(|span| span.0),
        horizon: 0,
    }
}

/// The plan of a table's rows. `part`: the schema that they have.
pub(super) fn versions(config: &Config, lookup: &LookupConfig, part: usize) -> VersionsPlan {
    VersionsPlan {
        table: (config.tables.iter().position(|table| table.name == lookup.table).unwrap_or(0), lookup.table.clone()),
        from: lookup.from[0].iter().map(|from| from.value.clone()).collect(),
        key: lookup.columns.clone(),
        columns: lookup.add.iter().map(|(name, _)| name.clone()).collect(),
        keep: lookup.keep.map(|span| span.0),
        part: part as u32,
        horizon: 0,
    }
}

impl Building<'_> {
    /// Ends a road at each lookup that reads `from`, as rows or as events.
    pub(super) fn lookup_roads(&mut self, from: &str, selection: usize, names: &Names) {
        let config = self.config;
        for lookup in config.lookups.iter().filter(|lookup| self.needed.contains(lookup.name.as_str())) {
            for side in 0..2 {
                let Some(input) = lookup.from[side].iter().position(|name| name.value == from) else { continue };
                if !self.has_room(&lookup.name, &lookup.from[side][input]) {
                    continue;
                }
                self.lookup_road(lookup, (side, input), selection, names);
            }
        }
    }

    fn lookup_road(&mut self, lookup: &LookupConfig, (side, input): (usize, usize), from: usize, names: &Names) {
        let mut local = Local { first: self.computed(), ..Local::default() };
        self.at = Some(lookup.from[side][input].clone());
        let keys: Vec<usize> = if side == 0 {
            lookup.columns.iter().map(|column| self.slot(names, &FieldPath::dotted(column))).collect()
        } else {
            let trees: Vec<_> = lookup.key.iter().filter_map(|text| Some((text, self.parse(text)?))).collect();
            trees.iter().map(|(text, tree)| self.column(tree, names, KEY, text.value.clone(), &mut local)).collect()
        };
        let heads = self.heads;
        let found = heads.iter().enumerate().find_map(|(h, head)| {
            let head = head.as_ref().filter(|head| head.name == lookup.name)?;
            Some((h, &head.stage.paths))
        });
        if let Some((h, paths)) = found {
            self.at = Some(lookup.from[side][input].clone());
            let columns: Vec<FieldPath> = match lookup.is_rows() {
                true => {
                    let all = lookup.columns.iter().chain(lookup.add.iter().map(|(name, _)| name));
                    all.map(|column| FieldPath::dotted(column)).collect()
                }
                false => {
                    let columns = paths.iter().filter_map(|path| match (side, added(lookup, path)) {
                        (0, Some(column)) => Some(FieldPath::dotted(column)),
                        (1, None) => Some(path.clone()),
                        _ => None,
                    });
                    columns.collect()
                }
            };
            let columns = columns.iter().map(|path| self.slot(names, path)).collect();
            let mut road: Vec<usize> = self.road.iter().map(|(_, input)| *input).collect();
            road.push(input);
            road.reverse();
            let (head, selection) = (self.head, self.steps.len() + 1);
            self.inputs.push((h, HeadInput { from: head, side, selection, keys, columns, road }));
        }
        self.steps.push(Built::computing(&lookup.name, from, local));
    }
}
