//! Rows that are not aggregated before the exchange, as bytes, and back into columns.
//!
//! Form of a row: the hash of its key (8 bytes little-endian), the length of the key (4 bytes), the canonical key, and
//! then each input cell ([`key::encode_value`]) in the order of the layout's inputs. Where an aggregate asks for it, the
//! row ends with its [`Origin`].

use crate::aggregate::{GroupTable, Layout, Tally};
use crate::event::{Column, EventBatch, Origin, Origins, RowKeys, key};

/// Bytes that do not hold rows: a bug or a damaged link, never user input.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a packet of rows is damaged at byte {0}")]
pub struct PacketError(pub usize);

/// Writes and reads raw rows; owns the columns they are read into.
#[derive(Debug)]
pub struct RawRows {
    inputs: Vec<usize>,
    /// Rows carry their origins.
    origins: Option<Vec<Origin>>,
    columns: Vec<Column>,
    arena: Vec<u8>,
    keys: RowKeys,
    groups: Vec<u32>,
    rows: Vec<u32>,
}

impl RawRows {
    /// Rows that carry what `layout` reads.
    pub fn new(layout: &Layout) -> Self {
        let inputs = layout.inputs();
        let columns = vec![Column::new(); inputs.iter().max().map_or(0, |m| m + 1)];
        Self {
            inputs: inputs.to_vec(),
            origins: layout.needs_origins().then(Vec::new),
            columns,
            arena: Vec::new(),
            keys: RowKeys::default(),
            groups: Vec::new(),
            rows: Vec::new(),
        }
    }

    /// Appends row `row` of `batch` with its key to `out`.
    #[inline]
    pub fn write(&self, hash: u64, key: &[u8], row: u32, batch: &EventBatch, out: &mut Vec<u8>) {
        out.extend_from_slice(&hash.to_le_bytes());
        out.extend_from_slice(&(key.len() as u32).to_le_bytes());
        out.extend_from_slice(key);
        for input in &self.inputs {
            key::encode_value(batch.columns[*input][row as usize], &batch.bytes, out);
        }
        if self.origins.is_some() {
            batch.origins().of(row).encode(out);
        }
    }

    /// Adds the rows in `bytes` to `table`.
    ///
    /// # Errors
    /// [`PacketError`] where the bytes do not hold rows; those before the damage are added.
    pub fn add_to(&mut self, bytes: &[u8], table: &mut GroupTable, tally: &mut Tally) -> Result<usize, PacketError> {
        for column in &mut self.columns {
            column.clear();
        }
        self.origins.iter_mut().for_each(Vec::clear);
        self.arena.clear();
        self.keys.clear();
        self.rows.clear();
        let mut at = 0;
        let mut result = Ok(());
        while at < bytes.len() {
            match self.read(&bytes[at..]) {
                Some(length) => at += length,
                None => {
                    result = Err(PacketError(at));
                    break;
                }
            }
        }
        let n = self.keys.len();
        for input in &self.inputs {
            self.columns[*input].truncate(n);
        }
        self.rows.extend(0..n as u32);
        self.groups.clear();
        table.groups_of(&self.keys, &self.rows, &mut self.groups);
        let origins = self.origins.as_deref().map_or(Origins::None, Origins::List);
        table.add_from(&self.groups, &self.rows, &self.columns, &self.arena, origins, tally);
        result.map(|()| n)
    }

    fn read(&mut self, bytes: &[u8]) -> Option<usize> {
        let hash = u64::from_le_bytes(bytes.get(..8)?.try_into().ok()?);
        let length = u32::from_le_bytes(bytes.get(8..12)?.try_into().ok()?) as usize;
        let key = bytes.get(12..12 + length)?;
        let mut rest = &bytes[12 + length..];
        for input in &self.inputs {
            let (cell, after) = key::decode_cell(rest, &mut self.arena)?;
            rest = after;
            self.columns[*input].push(cell);
        }
        if let Some(origins) = &mut self.origins {
            let (origin, after) = Origin::decode(rest)?;
            origins.push(origin);
            rest = after;
        }
        self.keys.push(hash, key);
        Some(bytes.len() - rest.len())
    }
}
