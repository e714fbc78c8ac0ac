//! Hashes of Redis, turned into a table.
//!
//! Names, or the fields of one hash, are gone through some thousand at a time (`SCAN`, `HSCAN`), and each time the hashes
//! behind these names are asked for together. A server may say a name twice; it is one row.
//!
//! Invariant: no wait is longer than `timeout`, but for the one for the address of a name, which the system limits.

use super::Builder;
use super::asker::Ask;
use super::desk::{Found, Key};
use super::server::{Answers, ROWS, away, no_address, no_row, silent, text_of, values_of};
use super::spec::{Loaded, Slots, Spec};
use crate::codec::json::{JsonDecoder, Projection, explain};
use crate::codec::scalar;
use crate::config::{FieldType, RedisRows, TableRedis};
use crate::error::Error;
use crate::event::{Cell, EventBatch};
use ::redis::{Client, Cmd, Connection, ConnectionAddr, RedisError, Value, cmd};
use std::collections::HashSet;
use std::time::Duration;

/// How many names are asked for at a time.
const NAMES: u32 = 1000;

/// A server and what is asked of it.
struct Asking {
    spec: Spec,
    from: TableRedis,
    client: Client,
    /// The host and port, for messages.
    host: String,
    limit: Duration,
}

/// Reads a table as a whole.
pub(super) fn load(spec: &Spec, from: &TableRedis) -> Result<Loaded, Error> {
    let asking = Asking::new(spec, from)?;
    let mut connection = asking.connect()?;
    let mut rows = Rows::new(&asking);
    let mut builder = Builder::new(rows.slots.values.len(), false).unordered();
    let mut known: HashSet<Box<[u8]>> = HashSet::new();
    let mut cursor = b"0".to_vec();
    loop {
        let (next, items) = asking.page(&mut connection, &cursor)?;
        match &from.rows {
            RedisRows::Prefix(prefix) => {
                let names = items.into_iter().filter(|name| known.insert(name.as_slice().into()));
                let names: Vec<Vec<u8>> = names.filter(|name| name.starts_with(prefix.as_bytes())).collect();
                asking.hashes(&mut connection, &names, |name, pairs| rows.hash(&name[prefix.len()..], pairs))?;
            }
            RedisRows::Hash(_) => {
                let mut items = items.into_iter();
                while let (Some(field), Some(value)) = (items.next(), items.next()) {
                    if known.insert(field.as_slice().into()) {
                        rows.object(&field, &value)?;
                    }
                }
            }
        }
        rows.give(&mut builder, ROWS)?;
        if next == b"0" {
            break;
        }
        cursor = next;
    }
    rows.give(&mut builder, 1)?;
    let unseen: Vec<String> = rows
        .slots
        .values
        .iter()
        .filter(|slot| !rows.seen[**slot])
        .map(|slot| rows.slots.names[*slot].clone())
        .collect();
    if builder.rows() > 0 {
        spec.warn_unseen(&spec.place(), &unseen);
    }
    spec.finish(builder, &spec.place(), None)
}

/// The bytes of a reply that is a text.
fn text(value: Value) -> Option<Vec<u8>> {
    match value {
        Value::BulkString(bytes) => Some(bytes),
        Value::SimpleString(text) => Some(text.into_bytes()),
        _ => None,
    }
}

impl Asking {
    fn new(spec: &Spec, from: &TableRedis) -> Result<Self, Error> {
        let no = |_: RedisError| no_address(spec, "redis://user:password@host:port/0");
        let client = Client::open(from.server.url.reveal()).map_err(no)?;
        let host = match client.get_connection_info().addr() {
            ConnectionAddr::Tcp(host, port) => format!("{host}:{port}"),
            other => other.to_string(),
        };
        let limit = Duration::from_micros(from.server.timeout.0.unsigned_abs());
        let (spec, from) = (spec.clone(), from.clone());
        Ok(Self { spec, from, client, host, limit })
    }

    fn away(&self, why: &RedisError) -> Error {
        if why.is_timeout() {
            return away(&self.spec, &self.host, silent(self.limit));
        }
        away(&self.spec, &self.host, why)
    }

    fn connect(&self) -> Result<Connection, Error> {
        let open = || {
            let connection = self.client.get_connection_with_timeout(self.limit)?;
            connection.set_read_timeout(Some(self.limit))?;
            connection.set_write_timeout(Some(self.limit))?;
            Ok(connection)
        };
        open().map_err(|e| self.away(&e))
    }

    /// The next names, or fields and values, and where to go on.
    fn page(&self, connection: &mut Connection, cursor: &[u8]) -> Result<(Vec<u8>, Vec<Vec<u8>>), Error> {
        let mut command = match &self.from.rows {
            RedisRows::Prefix(prefix) => {
                let mut scan = cmd("SCAN");
                scan.arg(cursor).arg("MATCH").arg(format!("{prefix}*")).arg("TYPE").arg("hash");
                scan
            }
            RedisRows::Hash(name) => {
                let mut scan = cmd("HSCAN");
                scan.arg(name).arg(cursor);
                scan
            }
        };
        command.arg("COUNT").arg(NAMES).query(connection).map_err(|e| self.away(&e))
    }

    /// Asks for the hashes of these names; those that are gone by now are passed over.
    fn hashes(
        &self,
        connection: &mut Connection,
        names: &[Vec<u8>],
        mut each: impl FnMut(&[u8], Vec<Value>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        if names.is_empty() {
            return Ok(());
        }
        let commands = names.iter().flat_map(|name| cmd("HGETALL").arg(name).get_packed_command());
        connection.send_packed_command(&commands.collect::<Vec<u8>>()).map_err(|e| self.away(&e))?;
        for name in names {
            match connection.recv_response().map_err(|e| self.away(&e))? {
                Value::Array(pairs) if pairs.is_empty() => {}
                Value::Array(pairs) => each(name, pairs)?,
                // Another kind of value has its name by now.
                Value::ServerError(why) if why.code() == "WRONGTYPE" => {}
                Value::ServerError(why) => return Err(self.away(&why.into())),
                _ => return Err(away(&self.spec, &self.host, "what it sends is no reply to what it was asked")),
            }
        }
        Ok(())
    }
}

/// Asks for rows of one table.
struct Asker {
    asking: Asking,
    connection: Option<Connection>,
}

/// Reaches the server, and gives what asks it.
pub(super) fn asker(spec: &Spec, from: &TableRedis) -> Result<Box<dyn Ask>, Error> {
    let asking = Asking::new(spec, from)?;
    let mut connection = asking.connect()?;
    cmd("PING").exec(&mut connection).map_err(|e| asking.away(&e))?;
    Ok(Box::new(Asker { asking, connection: Some(connection) }))
}

impl Ask for Asker {
    fn ask(&mut self, keys: &[Key]) -> Result<Found, Error> {
        // Not open any more until all went well: nothing of a question that failed is left on a connection.
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.asking.connect()?,
        };
        let asking = &self.asking;
        let texts = keys.iter().filter_map(|key| text_of(*values_of(key).first()?));
        let (mut rows, mut answers) = (Rows::new(asking), Answers::default());
        match &asking.from.rows {
            RedisRows::Prefix(prefix) => {
                let names: Vec<Vec<u8>> = texts.map(|text| format!("{prefix}{text}").into_bytes()).collect();
                asking.hashes(&mut connection, &names, |name, pairs| rows.hash(&name[prefix.len()..], pairs))?;
            }
            RedisRows::Hash(name) => {
                let fields: Vec<String> = texts.collect();
                let mut command = Cmd::new();
                command.arg("HMGET").arg(name).arg(&fields);
                let values: Vec<Option<Vec<u8>>> = match fields.is_empty() {
                    true => Vec::new(),
                    false => command.query(&mut connection).map_err(|e| asking.away(&e))?,
                };
                for (field, value) in fields.iter().zip(values) {
                    if let Some(json) = value {
                        rows.object(field.as_bytes(), &json)?;
                    }
                }
            }
        }
        rows.decode()?;
        answers.add(&rows.batch, &rows.slots.keys, &rows.slots.values);
        self.connection = Some(connection);
        Ok(answers.finish())
    }
}

/// Rows on their way to the builder.
struct Rows<'a> {
    spec: &'a Spec,
    slots: Slots,
    /// What each slot is.
    types: Vec<FieldType>,
    decoder: JsonDecoder,
    batch: EventBatch,
    /// The names of rows whose JSON is in the arena and not decoded yet.
    waiting: Vec<Vec<u8>>,
    /// Which columns have had a value.
    seen: Vec<bool>,
}

impl<'a> Rows<'a> {
    fn new(asking: &'a Asking) -> Self {
        let slots = asking.spec.slots();
        let known = &asking.from.types;
        let ty = |name: &String| known.iter().find(|(one, _)| one == name).map_or(FieldType::Auto, |(_, ty)| *ty);
        Self {
            spec: &asking.spec,
            types: slots.names.iter().map(ty).collect(),
            decoder: JsonDecoder::new(Projection::untimed(&slots.paths(), None)),
            batch: EventBatch::new(slots.names.len()),
            waiting: Vec::new(),
            seen: vec![false; slots.names.len()],
            slots,
        }
    }

    /// The slot of the key.
    fn key(&self) -> usize {
        self.slots.keys[0]
    }

    /// The cell of a text in a column.
    fn cell(&mut self, slot: usize, row: &[u8], text: &[u8]) -> Result<Cell, Error> {
        let wrong = |why: &str| {
            let (row, column) = (shown(row), &self.slots.names[slot]);
            no_row(self.spec, &format!("'{column}' of '{row}' {why}"))
        };
        if simdutf8::basic::from_utf8(text).is_err() {
            return Err(wrong("is not UTF-8"));
        }
        match scalar(self.types[slot], text) {
            Ok(Some(cell)) => Ok(cell),
            Ok(None) => Ok(self.batch.push_str(text)),
            Err(_) => Err(wrong("is not of the type that types says")),
        }
    }

    /// Takes a hash: fields and values, in turn.
    fn hash(&mut self, name: &[u8], pairs: Vec<Value>) -> Result<(), Error> {
        let row = self.batch.rows();
        self.batch.columns.iter_mut().for_each(|column| column.push(Cell::NULL));
        self.batch.time.push(0);
        let mut pairs = pairs.into_iter().map(text);
        while let Some(field) = pairs.next() {
            let (Some(field), Some(Some(value))) = (field, pairs.next()) else {
                return Err(no_row(self.spec, &format!("'{}' is no hash", shown(name))));
            };
            if let Some(slot) = self.slots.names.iter().position(|one| one.as_bytes() == field) {
                self.batch.columns[slot][row] = self.cell(slot, name, &value)?;
            }
        }
        // The name is the key, whatever the hash says.
        let key = self.key();
        self.batch.columns[key][row] = self.cell(key, name, name)?;
        Ok(())
    }

    /// Takes a JSON object.
    fn object(&mut self, name: &[u8], json: &[u8]) -> Result<(), Error> {
        if json.trim_ascii().is_empty() {
            return Err(no_row(self.spec, &format!("the value of '{}' is empty, and no JSON object", shown(name))));
        }
        // On one line; a line end inside a text is escaped, so these are between values.
        self.batch.bytes.extend(json.iter().map(|b| if matches!(b, b'\n' | b'\r') { b' ' } else { *b }));
        self.batch.bytes.push(b'\n');
        self.waiting.push(name.to_vec());
        Ok(())
    }

    /// Decodes the objects that wait.
    fn decode(&mut self) -> Result<(), Error> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        let (mut rejects, range) = (Vec::new(), 0..self.batch.bytes.len());
        self.decoder.decode(&mut self.batch, range, &mut rejects);
        if let Some(reject) = rejects.first() {
            let at = reject.offset as usize;
            let row = memchr::memchr_iter(b'\n', &self.batch.bytes[..at]).count();
            let line = &self.batch.bytes[at..at + reject.len as usize];
            let name = self.waiting.get(row).map_or(String::new(), |name| shown(name));
            let why = format!(
                "the value of '{name}' is no JSON object ({}): {}",
                reject.reason.code(),
                explain(line, reject.reason)
            );
            return Err(no_row(self.spec, &why));
        }
        let key = self.key();
        for (row, name) in std::mem::take(&mut self.waiting).into_iter().enumerate() {
            let cell = self.cell(key, &name, &name)?;
            self.batch.columns[key][row] = cell;
        }
        Ok(())
    }

    /// Gives what there is to the builder, where there are at least so many rows, or many bytes.
    fn give(&mut self, builder: &mut Builder, least: usize) -> Result<(), Error> {
        if self.batch.rows() + self.waiting.len() < least && self.batch.bytes.len() < 1 << 20 {
            return Ok(());
        }
        self.decode()?;
        for (seen, column) in self.seen.iter_mut().zip(&self.batch.columns) {
            *seen = *seen || column.iter().any(|cell| !cell.is_null());
        }
        builder.add(&self.batch, &self.slots.keys, &self.slots.values);
        self.batch.clear();
        Ok(())
    }
}

/// A name as messages show it.
fn shown(name: &[u8]) -> String {
    String::from_utf8_lossy(name).chars().take(60).collect()
}
