//! The settings of a view and the schemas of what it reads, turned into the schema of its rows, clause by clause.
//!
//! Invariant: `keep` of a view is the least span such that every change of a row that it makes comes at a time below the
//! row's `window_end` and this, given that this holds for what it reads:
//! - `join`: a partner's window ends with the row's or before it, so the longer of both; with a table that of the rows;
//! - `size`: a row is in windows that end with its own or later, so that of the rows;
//! - all else changes rows of one window by rows of that window or of earlier ones, so that of the rows.

use crate::config::{Config, ViewConfig, ViewJoin};
use crate::result::{RowKind, RowSchema};

/// Fills in the schemas of the views behind those of the parts before them; of a view in a circle or without input it is
/// that of a window without columns.
pub(in crate::plan) fn schemas(config: &Config, schemas: &mut Vec<RowSchema>) {
    let first = schemas.len();
    schemas.extend(config.views.iter().map(|view| RowSchema {
        name: view.name.clone(),
        dimensions: Vec::new(),
        values: Vec::new(),
        capped: false,
        early: false,
        kind: RowKind::Window,
        keep: 0,
    }));
    for i in config.views_in_order() {
        if let Some(schema) = of(&config.views[i], schemas) {
            schemas[first + i] = schema;
        }
    }
}

/// The schema of the part named `name`.
pub(super) fn named<'a>(schemas: &'a [RowSchema], name: &str) -> Option<&'a RowSchema> {
    schemas.iter().find(|schema| schema.name == name)
}

fn of(view: &ViewConfig, schemas: &[RowSchema]) -> Option<RowSchema> {
    let mut schema = input(view, schemas)?;
    if let Some(join) = &view.join {
        let with = named(schemas, &join.with.value)?;
        joined(&mut schema, join, with);
    }
    for (name, _) in &view.set {
        if !schema.values.contains(name) {
            schema.values.push(name.clone());
        }
    }
    if view.size.is_some() {
        windows(&mut schema, view);
    }
    if !view.distinct.is_empty() {
        schema.dimensions = view.distinct.iter().map(|name| name.value.clone()).collect();
        schema.values.clear();
        schema.capped = false;
    }
    if view.top.is_some() {
        schema.values.push(RANK.into());
    }
    if !view.columns.is_empty() {
        let values = std::mem::take(&mut schema.values);
        let chosen = view.columns.iter().filter(|name| values.contains(&name.value));
        schema.values = chosen.map(|name| name.value.clone()).collect();
    }
    Some(schema)
}

/// The column that `top` adds.
pub(super) const RANK: &str = "rank";

/// The rows of `from`, as those of the view.
pub(super) fn input(view: &ViewConfig, schemas: &[RowSchema]) -> Option<RowSchema> {
    let mut all = view.from.iter().filter_map(|from| named(schemas, &from.value));
    let mut schema = RowSchema { name: view.name.clone(), early: false, ..all.next()?.clone() };
    for other in all {
        schema.keep = schema.keep.max(other.keep);
        schema.capped |= other.capped;
    }
    Some(schema)
}

/// Adds the columns of a join.
pub(super) fn joined(schema: &mut RowSchema, join: &ViewJoin, with: &RowSchema) {
    for name in extra_dimensions(join, with) {
        let new = join.add.iter().find(|(_, column)| column.value == name).map_or(name, |(new, _)| new);
        schema.dimensions.push(new.to_owned());
    }
    for (new, _) in added(join, with) {
        schema.values.push(new.to_owned());
    }
    // A row of a table may change at any time, and changes the rows that are still kept.
    if !with.kind.is_table() {
        schema.keep = schema.keep.max(with.keep);
    }
}

/// The dimensions of the other part that `on` does not name.
pub(super) fn extra_dimensions<'a>(join: &'a ViewJoin, with: &'a RowSchema) -> impl Iterator<Item = &'a str> {
    let named = |name: &str| join.on.iter().any(|(_, there)| there.value == name);
    let all = with.dimensions.iter().filter(move |name| join.within.is_none() && !named(name));
    all.map(String::as_str)
}

/// The values that a join adds: their new names, and their names in the other part.
pub(super) fn added<'a>(join: &'a ViewJoin, with: &'a RowSchema) -> Vec<(&'a str, &'a str)> {
    if join.add.is_empty() {
        return with.values.iter().map(|name| (name.as_str(), name.as_str())).collect();
    }
    let extra: Vec<&str> = extra_dimensions(join, with).collect();
    let wanted = join.add.iter().map(|(new, column)| (new.as_str(), column.value.as_str()));
    wanted.filter(|(_, column)| !extra.contains(column) && with.columns().any(|one| one == *column)).collect()
}

/// The rows of the windows that a view makes.
pub(super) fn windows(schema: &mut RowSchema, view: &ViewConfig) {
    schema.dimensions = view.group_by.iter().map(|(name, _)| name.clone()).collect();
    schema.values = view.select.iter().map(|(name, _)| name.clone()).collect();
    schema.capped = false;
    schema.kind = RowKind::Window;
}
