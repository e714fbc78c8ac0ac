//! Rows of complete times, turned into the rows that hold now, in a file.
//!
//! Tables of the file: `highwater` has its form and, by number, what is known of each part ([`About`]); `rows/N` the rows of part N.
//! A part is known by its name, kind, dimensions and values: rows of one that looks otherwise are left out, not misread, and leave with
//! time or for want of room. Parts whose rows are over all of time are not here: what they say is what one run has seen, and no history.
//!
//! Invariants:
//! 1. A transaction is all of a batch, with what it makes of the accounts, or nothing of it; it is on the disk when [`Disk::apply`] returns.
//! 2. A row is here that was asserted and not taken back, by any run, unless it has left: when its window ended longer than `keep`
//!    before the newest statement of its part, or when there is no room, the oldest windows of all parts first.
//! 3. Rows take at most half of `max_bytes`, so that the file, whose pages are rarely full, takes about that. Memory is bounded by
//!    [`CACHE`] and the batch.
//!
//! Errors: `history.open`, `history.locked`, `history.format`, of opening; later ones are the caller's to count.
//!
//! Cost: a search in a tree of pages for each update, one wait for the disk a transaction.

use super::form::{self, About, FORM, OVER, Place};
use super::read::Reader;
use crate::error::Error;
use crate::result::{Op, RowBatch, RowSchema};
use redb::{
    Database, DatabaseError, ReadableDatabase, ReadableTable, ReadableTableMetadata, StorageError, Table,
    TableDefinition, TableError, WriteTransaction,
};
use std::io::ErrorKind;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The form of the file, and what is known of its parts.
pub(super) const META: TableDefinition<'static, &'static str, &'static [u8]> = TableDefinition::new("highwater");
/// The key of the form.
const FORM_KEY: &str = "form";
/// Memory for pages of the file.
const CACHE: usize = 16 << 20;
/// Bytes of a file that is read as a whole, and checked, when it is opened; a larger one is trusted until what is asked for is damaged.
const CHECKED: u64 = 2 << 30;
/// Rows that leave in one transaction, at most.
const MOST_LEAVE: u64 = 100_000;
/// Bytes of a row that is kept on disk, at most.
const LARGEST: usize = 32 << 20;
/// How far ahead of the clock a statement may be and still make others old: a wrong clock must not empty the file.
const AHEAD: i64 = 86_400_000_000;

/// How much is kept.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// Event time that a window's end may be behind the newest statement of its part, microseconds.
    pub(super) keep: i64,
    /// Bytes of the file, about.
    pub(super) bytes: u64,
}

/// Opens the database; again after a failure.
pub(super) type Opener = Box<dyn Fn() -> Result<Database, DatabaseError> + Send>;

/// A part in the file.
#[derive(Debug, Clone)]
struct Kept {
    number: u32,
    about: About,
}

/// The name of the table of a part's rows.
pub(super) struct Name(String);

impl Name {
    pub(super) fn new(number: u32) -> Self {
        Self(format!("rows/{number}"))
    }

    pub(super) fn table(&self) -> TableDefinition<'_, Place, &'static [u8]> {
        TableDefinition::new(&self.0)
    }
}

/// Where it is said what is known of a part.
pub(super) fn meta_key(number: u32) -> String {
    format!("part/{number:08}")
}

/// What a batch came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Applied {
    /// Updates that were written.
    pub(super) written: u64,
    /// Rows that left as too old, or for want of room.
    pub(super) dropped: u64,
    /// Rows that are too large to be kept.
    pub(super) too_large: u64,
    /// Rows that are there now, those that are left out among them.
    pub(super) rows: u64,
}

/// The file, open.
#[derive(Debug)]
pub(super) struct Disk {
    db: Arc<Database>,
    /// Of each part of the plan, which of `parts` it is; those that are not kept have none.
    slots: Vec<Option<usize>>,
    /// The parts of the plan that are kept, in its order.
    parts: Vec<(Kept, bool)>,
    /// Parts that the plan does not have so.
    others: Vec<Kept>,
    limits: Limits,
}

/// What opens the file at a path, and makes it where there is none.
pub(super) fn opener(path: PathBuf) -> Opener {
    Box::new(move || {
        if !path.exists() {
            make(&path)?;
        }
        let checked = std::fs::metadata(&path)?.len() <= CHECKED;
        Database::builder().set_cache_size(CACHE).set_check_integrity_on_open(checked).open(&path)
    })
}

/// Makes the file: whole, or not at all.
fn make(path: &Path) -> Result<(), DatabaseError> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    let new = tempfile::Builder::new().prefix(".history-").tempfile_in(folder)?;
    let db = Database::builder().set_cache_size(CACHE).create(new.path())?;
    begin(&db).map_err(|e| match e {
        redb::Error::Io(e) => DatabaseError::from(e),
        other => DatabaseError::Storage(StorageError::Corrupted(other.to_string())),
    })?;
    db.close()?;
    match new.persist_noclobber(path) {
        Ok(_) => Ok(()),
        // Another run was faster; whose the file is shows when it is opened.
        Err(e) if e.error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(e) => Err(e.error.into()),
    }
}

/// Writes the form into a new file.
pub(super) fn begin(db: &Database) -> Result<(), redb::Error> {
    let txn = db.begin_write()?;
    txn.open_table(META)?.insert(FORM_KEY, FORM)?;
    txn.commit()?;
    Ok(())
}

/// What is said where the file cannot be opened.
fn wrong(place: &str, why: &DatabaseError) -> Error {
    let move_away = "give another history_path, or move the file away: it has only what was served";
    let damaged = |why: &str| Error::user("history.format", format!("the file of the history {why}")).help(move_away);
    let error = match why {
        DatabaseError::DatabaseAlreadyOpen | DatabaseError::LockProtocolMismatch => {
            Error::outside("history.locked", "another run has the file of the history open")
                .help("stop that run, or give this one its own history_path")
        }
        DatabaseError::UpgradeRequired(_) => damaged("is of another version"),
        DatabaseError::Storage(StorageError::Io(e)) if e.kind() == ErrorKind::InvalidData => {
            damaged("is no file of a history")
        }
        DatabaseError::Storage(StorageError::Io(e)) if e.kind() == ErrorKind::UnexpectedEof => {
            damaged("is damaged: it is cut off")
        }
        DatabaseError::Storage(StorageError::Io(e)) => {
            Error::outside("history.open", format!("cannot open the file of the history: {e}"))
                .help("check the folder and the permission to write")
        }
        other => damaged(&format!("is damaged: {other}")),
    };
    error.at(place.to_owned())
}

impl Disk {
    /// Opens the file for the parts of a plan; `place` is how the user calls it. What is too old or too much by now leaves.
    ///
    /// # Errors
    /// `history.open`, `history.locked`, `history.format`.
    pub(super) fn open(
        opener: &Opener,
        place: &str,
        schemas: &[RowSchema],
        limits: Limits,
        now: i64,
    ) -> Result<Self, Error> {
        let broken = |why: String| {
            Error::user("history.format", format!("the file of the history is damaged: {why}"))
                .at(place.to_owned())
                .help("move the file away: it has only what was served")
        };
        // A damaged file may be found out by what cannot be.
        let opened = catch_unwind(AssertUnwindSafe(opener));
        let db = opened.map_err(|_| broken("its parts do not fit together".into()))?.map_err(|e| wrong(place, &e))?;
        let opened = catch_unwind(AssertUnwindSafe(|| Self::read(db, schemas, limits)));
        let opened = opened.map_err(|_| broken("its parts do not fit together".into()))?;
        let mut disk = match opened.map_err(|e| broken(e.to_string()))? {
            Ok(disk) => disk,
            Err(why) => {
                let help = "give another history_path, or move the file away: it has only what was served";
                let message = format!("the file of the history {why}");
                return Err(Error::user("history.format", message).at(place.to_owned()).help(help));
            }
        };
        let nothing = RowBatch::default();
        while disk.apply(&nothing, now).map_err(|e| failed(place, &e))?.dropped >= MOST_LEAVE {}
        Ok(disk)
    }

    /// Reads what is in the file; the inner error says that it is none of ours.
    fn read(db: Database, schemas: &[RowSchema], limits: Limits) -> Result<Result<Self, &'static str>, redb::Error> {
        let mut kept = Vec::new();
        {
            let txn = db.begin_read()?;
            let meta = match txn.open_table(META) {
                Ok(meta) => meta,
                Err(TableError::TableDoesNotExist(_) | TableError::TableTypeMismatch { .. }) => {
                    return Ok(Err("is of another program"));
                }
                Err(e) => return Err(e.into()),
            };
            if meta.get(FORM_KEY)?.is_none_or(|form| form.value() != FORM) {
                return Ok(Err("is of another version of highwater"));
            }
            for entry in meta.range("part/".."part0")? {
                let (key, value) = entry?;
                let number = key.value().strip_prefix("part/").and_then(|n| n.parse().ok());
                let about = serde_json::from_slice(value.value()).ok();
                let (Some(number), Some(about)) = (number, about) else {
                    return Ok(Err("is damaged: it does not say what is in it"));
                };
                kept.push(Kept { number, about });
            }
        }
        let mut next = kept.iter().map(|kept| kept.number + 1).max().unwrap_or(0);
        let (mut slots, mut parts) = (Vec::new(), Vec::new());
        for schema in schemas {
            if schema.keep >= RowSchema::FOREVER {
                slots.push(None);
                continue;
            }
            slots.push(Some(parts.len()));
            let found = kept.iter().position(|kept| kept.about.is_of(schema));
            let kept = match found {
                Some(i) => kept.swap_remove(i),
                None => {
                    next += 1;
                    Kept { number: next - 1, about: About::new(schema) }
                }
            };
            parts.push((kept, schema.by_values()));
        }
        Ok(Ok(Self { db: Arc::new(db), slots, parts, others: kept, limits }))
    }

    /// What reads, beside what writes.
    pub(super) fn reader(&self) -> Reader {
        let shape = |slot: &Option<usize>| slot.map(|at| (self.parts[at].0.number, self.parts[at].1));
        Reader::new(Arc::clone(&self.db), self.slots.iter().map(shape).collect())
    }

    /// What is known of a part of the plan.
    pub(super) fn about(&self, part: u32) -> Option<&About> {
        let at = self.slots.get(part as usize).copied().flatten()?;
        self.parts.get(at).map(|(kept, _)| &kept.about)
    }

    /// Names of parts whose rows are left out, and how many these are.
    pub(super) fn left_out(&self) -> Result<Vec<(String, u64)>, redb::Error> {
        let txn = self.db.begin_read()?;
        let mut all = Vec::new();
        for kept in &self.others {
            let rows = match txn.open_table(Name::new(kept.number).table()) {
                Ok(table) => table.len()?,
                Err(TableError::TableDoesNotExist(_)) => 0,
                Err(e) => return Err(e.into()),
            };
            if rows > 0 {
                all.push((kept.about.name.clone(), rows));
            }
        }
        all.sort();
        Ok(all)
    }

    /// Takes the updates of complete times, in their final order, and lets go of what is too old at `now` or too much.
    pub(super) fn apply(&mut self, batch: &RowBatch, now: i64) -> Result<Applied, redb::Error> {
        let mut txn = self.db.begin_write()?;
        // After a kill the file is open at once, and not read as a whole.
        txn.set_quick_repair(true);
        // The accounts count when the transaction does.
        let mut abouts: Vec<About> = self.all().map(|kept| kept.about.clone()).collect();
        let numbers: Vec<u32> = self.all().map(|kept| kept.number).collect();
        let (applied, lengths) =
            write(&txn, (&self.slots, &self.parts), (&numbers, &mut abouts), batch, (self.limits, now))?;
        txn.commit()?;
        let kept = self.parts.iter_mut().map(|(kept, _)| kept).chain(&mut self.others);
        kept.zip(abouts).for_each(|(kept, about)| kept.about = about);
        let mut lengths = lengths[self.parts.len()..].iter();
        self.others.retain(|_| lengths.next().is_some_and(|length| *length > 0));
        Ok(applied)
    }

    fn all(&self) -> impl Iterator<Item = &Kept> {
        self.parts.iter().map(|(kept, _)| kept).chain(&self.others)
    }
}

/// What is said where the file was opened and cannot be written.
fn failed(place: &str, why: &redb::Error) -> Error {
    Error::outside("history.open", format!("cannot write the file of the history: {why}"))
        .at(place.to_owned())
        .help("check the room on the disk and the permission to write")
}

fn weight(place: &[u8], value: &[u8]) -> u64 {
    (place.len() + value.len() + OVER) as u64
}

/// Writes a batch, in a transaction; also gives how many rows each part has.
fn write(
    txn: &WriteTransaction,
    (slots, parts): (&[Option<usize>], &[(Kept, bool)]),
    (numbers, abouts): (&[u32], &mut [About]),
    batch: &RowBatch,
    (limits, now): (Limits, i64),
) -> Result<(Applied, Vec<u64>), redb::Error> {
    let mut applied = Applied::default();
    let names: Vec<Name> = numbers.iter().map(|number| Name::new(*number)).collect();
    let mut tables = Vec::new();
    for name in &names {
        tables.push(txn.open_table(name.table())?);
    }
    for row in batch.iter() {
        let Some(at) = slots.get(row.head.part as usize).copied().flatten() else { continue };
        let (Some((_, by_values)), Some(table)) = (parts.get(at), tables.get_mut(at)) else { continue };
        let about = &mut abouts[at];
        let (place, value) = form::write(row, *by_values);
        let old = match row.head.op {
            Op::Assert if place.len() + value.len() > LARGEST => {
                applied.too_large += 1;
                table.remove(&place[..])?.map(|old| weight(&place, old.value()))
            }
            Op::Assert => {
                about.newest = about.newest.max(row.head.time);
                about.longest = about.longest.max(row.head.window_end.saturating_sub(row.head.window_start));
                about.bytes += weight(&place, &value);
                table.insert(&place[..], &value[..])?.map(|old| weight(&place, old.value()))
            }
            Op::Retract => table.remove(&place[..])?.map(|old| weight(&place, old.value())),
        };
        about.bytes = about.bytes.saturating_sub(old.unwrap_or(0));
        applied.written += 1;
    }
    applied.dropped = retain(&mut tables, abouts, parts.len(), (limits, now))?;
    let mut lengths = Vec::new();
    for table in &tables {
        lengths.push(table.len()?);
    }
    drop(tables);
    applied.rows = lengths.iter().sum();
    let mut meta = txn.open_table(META)?;
    for (i, (number, about)) in numbers.iter().zip(abouts).enumerate() {
        let key = meta_key(*number);
        if i >= parts.len() && lengths[i] == 0 {
            // Nobody will ask for it again.
            meta.remove(&key[..])?;
            txn.delete_table(names[i].table())?;
        } else {
            let text = serde_json::to_vec(about).expect("names and numbers are text");
            meta.insert(&key[..], &text[..])?;
        }
    }
    Ok((applied, lengths))
}

/// Lets go of what is too old, and of the oldest windows where there is too much; at most [`MOST_LEAVE`] rows.
fn retain(
    tables: &mut [Table<'_, Place, &'static [u8]>],
    abouts: &mut [About],
    own: usize,
    (limits, now): (Limits, i64),
) -> Result<u64, redb::Error> {
    let mut dropped = 0;
    // What is left out ages with the others.
    let newest = abouts.iter().map(|about| about.newest).max().unwrap_or(i64::MIN);
    for (i, (table, about)) in tables.iter_mut().zip(abouts.iter_mut()).enumerate() {
        let newest = if i < own { about.newest } else { newest };
        let least = newest.min(now.saturating_add(AHEAD)).saturating_sub(limits.keep);
        while dropped < MOST_LEAVE && first(table)?.is_some_and(|end| end < least) {
            dropped += pop(table, about)?;
        }
    }
    let mut bytes: u64 = abouts.iter().map(|about| about.bytes).sum();
    while bytes > limits.bytes / 2 && dropped < MOST_LEAVE {
        let mut oldest = None;
        for (i, table) in tables.iter().enumerate() {
            if let Some(end) = first(table)?
                && oldest.is_none_or(|(_, least)| end < least)
            {
                oldest = Some((i, end));
            }
        }
        let Some((i, end)) = oldest else { break };
        // All of the window at once: the others are newer, or as old.
        while bytes > limits.bytes / 2 && dropped < MOST_LEAVE && first(&tables[i])? == Some(end) {
            bytes -= abouts[i].bytes;
            dropped += pop(&mut tables[i], &mut abouts[i])?;
            bytes += abouts[i].bytes;
        }
    }
    Ok(dropped)
}

fn first(table: &Table<'_, Place, &'static [u8]>) -> Result<Option<i64>, redb::Error> {
    Ok(table.first()?.map(|(place, _)| form::end(place.value())))
}

fn pop(table: &mut Table<'_, Place, &'static [u8]>, about: &mut About) -> Result<u64, redb::Error> {
    let Some((place, value)) = table.pop_first()? else { return Ok(0) };
    about.bytes = about.bytes.saturating_sub(weight(place.value(), value.value()));
    Ok(1)
}
