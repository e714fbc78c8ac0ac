//! What is read of a table, turned into its rows, wherever they are.

use super::file::{self, Stamp};
use super::{Builder, Table};
use crate::config::{TableConfig, TableKind};
use crate::error::Error;
use crate::event::FieldPath;

/// What is read of a table, and as what.
#[derive(Debug, Clone)]
pub struct Spec {
    /// The table's name.
    pub name: String,
    /// Where its rows are.
    pub from: TableKind,
    pub(super) keys: Vec<String>,
    pub(super) columns: Vec<String>,
}

/// A table that was read.
#[derive(Debug)]
pub struct Loaded {
    /// Its rows.
    pub table: Table,
    /// Its file before it was read, where it has one.
    pub stamp: Option<Stamp>,
    /// A hash of what was read: of all bytes of the file, or of all rows of the server.
    pub content: u64,
    /// Rows in whose place there is another one with the same key and time.
    pub replaced: u64,
    /// Rows with a NULL in the key.
    pub without_key: u64,
}

/// Each name once, with where the columns of the key and of the values are among them.
pub(super) struct Slots {
    pub(super) names: Vec<String>,
    pub(super) keys: Vec<usize>,
    pub(super) values: Vec<usize>,
}

impl Slots {
    /// The names as paths, dots between their steps.
    pub(super) fn paths(&self) -> Vec<FieldPath> {
        self.names.iter().map(|name| FieldPath::dotted(name)).collect()
    }
}

impl Spec {
    /// What is read of a table: its key and these columns. `None`: its rows are events.
    pub fn new(config: &TableConfig, columns: &[String]) -> Option<Self> {
        let keys = config.key.iter().map(|key| key.value.clone()).collect();
        let (name, from) = (config.name.clone(), config.kind.clone());
        (!matches!(from, TableKind::Stream { .. })).then(|| Self { name, from, keys, columns: columns.to_vec() })
    }

    /// Where the rows are, as problems and logs show it.
    pub fn place(&self) -> String {
        match &self.from {
            TableKind::File(file) => file.path.value.clone(),
            TableKind::Stream { .. } | TableKind::Postgres(_) | TableKind::Redis(_) => format!("tables.{}", self.name),
        }
    }

    /// Its file as it is now; `None` where there is none, or it cannot be looked at.
    pub(super) fn stamp(&self) -> Option<Stamp> {
        match &self.from {
            TableKind::File(from) => file::stamp(from),
            TableKind::Stream { .. } | TableKind::Postgres(_) | TableKind::Redis(_) => None,
        }
    }

    pub(super) fn slots(&self) -> Slots {
        let mut names: Vec<String> = Vec::new();
        let mut slot = |name: &String| {
            names.iter().position(|one| one == name).unwrap_or_else(|| {
                names.push(name.clone());
                names.len() - 1
            })
        };
        let keys = self.keys.iter().map(&mut slot).collect();
        let values = self.columns.iter().map(&mut slot).collect();
        Slots { names, keys, values }
    }

    /// Says that no row has a value in these columns.
    pub(super) fn warn_unseen(&self, place: &str, columns: &[String]) {
        if !columns.is_empty() {
            let (table, columns) = (&self.name, columns.join(", "));
            tracing::warn!(table, place, columns, "no row of the table has a value in these columns");
        }
    }

    /// The table of all rows that a builder has. `file`: what the file was, and the hash of its bytes.
    pub(super) fn finish(&self, builder: Builder, place: &str, file: Option<(Stamp, u64)>) -> Result<Loaded, Error> {
        let built = builder
            .build()
            .map_err(|e| Error::user("table.size", format!("table {} cannot be kept: {e}", self.name)).at(place))?;
        let (replaced, without_key) = (built.replaced, built.without_key);
        if replaced > 0 || without_key > 0 {
            // The summary of the run says so too.
            let table = &self.name;
            tracing::info!(
                table,
                place,
                replaced,
                without_key,
                "rows of the table have the key of another one, or none"
            );
        }
        let (stamp, content) = match file {
            Some((stamp, content)) => (Some(stamp), content),
            None => (None, built.table.content()),
        };
        Ok(Loaded { table: built.table, stamp, content, replaced, without_key })
    }
}

/// Reads a table as a whole.
///
/// # Errors
/// Where its rows cannot be read, have not the columns, or are no rows; where this program cannot speak to its server.
pub fn load(spec: &Spec) -> Result<Loaded, Error> {
    match &spec.from {
        TableKind::File(from) => file::load(spec, from),
        TableKind::Postgres(from) => super::postgres::load(spec, from),
        TableKind::Redis(from) => super::redis::load(spec, from),
        // Its rows come as events.
        TableKind::Stream { .. } => spec.finish(Builder::new(spec.columns.len(), true), &spec.place(), None),
    }
}
