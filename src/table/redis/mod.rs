//! Hashes of Redis, turned into a table.
//!
//! Names, or the fields of one hash, are gone through some thousand at a time (`SCAN`, `HSCAN`), and each time the hashes
//! behind these names are asked for together. A server may say a name twice; it is one row.
//!
//! The protocol is small and spoken here, in [`talk`].

mod talk;

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
use std::collections::HashSet;
use std::time::Duration;
use talk::{Address, Broken, Reply, Talk};

/// How many names are asked for at a time.
const NAMES: &[u8] = b"1000";

/// A server and what is asked of it.
struct Asking {
    spec: Spec,
    from: TableRedis,
    address: Address,
    limit: Duration,
}

/// Reads a table as a whole.
pub(super) fn load(spec: &Spec, from: &TableRedis) -> Result<Loaded, Error> {
    let asking = Asking::new(spec, from)?;
    let mut talk = asking.start()?;
    let mut rows = Rows::new(&asking);
    let mut builder = Builder::new(rows.slots.values.len(), false).unordered();
    let mut known: HashSet<Box<[u8]>> = HashSet::new();
    let mut cursor = b"0".to_vec();
    loop {
        let (next, items) = asking.page(&mut talk, &cursor)?;
        match &from.rows {
            RedisRows::Prefix(prefix) => {
                let names = items.into_iter().filter(|name| known.insert(name.as_slice().into()));
                let names: Vec<Vec<u8>> = names.filter(|name| name.starts_with(prefix.as_bytes())).collect();
                asking.hashes(&mut talk, &names, |name, pairs| rows.hash(&name[prefix.len()..], pairs))?;
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

impl Asking {
    fn new(spec: &Spec, from: &TableRedis) -> Result<Self, Error> {
        let address = Address::of(from.server.url.reveal());
        let address = address.ok_or_else(|| no_address(spec, "redis://user:password@host:port/0"))?;
        let limit = Duration::from_micros(from.server.timeout.0.unsigned_abs());
        let (spec, from) = (spec.clone(), from.clone());
        Ok(Self { spec, from, address, limit })
    }

    fn away(&self, why: &Broken) -> Error {
        let host = format!("{}:{}", self.address.host, self.address.port);
        match why {
            Broken::Silent => away(&self.spec, &host, silent(self.limit)),
            why => away(&self.spec, &host, why),
        }
    }

    fn start(&self) -> Result<Talk, Error> {
        Talk::start(&self.address, self.limit).map_err(|e| self.away(&e))
    }

    /// The next names, or fields and values, and where to go on.
    fn page(&self, talk: &mut Talk, cursor: &[u8]) -> Result<(Vec<u8>, Vec<Vec<u8>>), Error> {
        let command = match &self.from.rows {
            RedisRows::Prefix(prefix) => {
                let pattern = format!("{prefix}*");
                talk.ask(&[b"SCAN", cursor, b"MATCH", pattern.as_bytes(), b"COUNT", NAMES, b"TYPE", b"hash"])
            }
            RedisRows::Hash(name) => talk.ask(&[b"HSCAN", name.as_bytes(), cursor, b"COUNT", NAMES]),
        };
        let texts = |list: Vec<Reply>| -> Option<Vec<Vec<u8>>> {
            list.into_iter().map(|one| if let Reply::Text(text) = one { Some(text) } else { None }).collect()
        };
        if let Reply::List(list) = command.map_err(|e| self.away(&e))?
            && let Ok([Reply::Text(next), Reply::List(items)]) = <[Reply; 2]>::try_from(list)
            && let Some(items) = texts(items)
        {
            return Ok((next, items));
        }
        Err(self.away(&Broken::NoReply))
    }

    /// Asks for the hashes of these names; those that are gone by now are passed over.
    fn hashes(
        &self,
        talk: &mut Talk,
        names: &[Vec<u8>],
        mut each: impl FnMut(&[u8], &[Reply]) -> Result<(), Error>,
    ) -> Result<(), Error> {
        names.iter().for_each(|name| talk.put(&[b"HGETALL", name]));
        talk.send().map_err(|e| self.away(&e))?;
        for name in names {
            match talk.reply().map_err(|e| self.away(&e))? {
                Reply::List(pairs) if pairs.is_empty() => {}
                Reply::List(pairs) => each(name, &pairs)?,
                // Another kind of value has its name by now.
                Reply::Refused(why) if why.starts_with("WRONGTYPE") => {}
                Reply::Refused(why) => return Err(self.away(&Broken::Refused(why))),
                _ => return Err(self.away(&Broken::NoReply)),
            }
        }
        Ok(())
    }
}

/// Asks for rows of one table.
struct Asker {
    asking: Asking,
    talk: Option<Talk>,
}

/// Reaches the server, and gives what asks it.
pub(super) fn asker(spec: &Spec, from: &TableRedis) -> Result<Box<dyn Ask>, Error> {
    let asking = Asking::new(spec, from)?;
    let mut talk = asking.start()?;
    talk.ask(&[b"PING"]).map_err(|e| asking.away(&e))?;
    Ok(Box::new(Asker { asking, talk: Some(talk) }))
}

impl Ask for Asker {
    fn ask(&mut self, keys: &[Key]) -> Result<Found, Error> {
        // Not open any more until all went well: nothing of a question that failed is left on a connection.
        let mut talk = match self.talk.take() {
            Some(talk) => talk,
            None => self.asking.start()?,
        };
        let asking = &self.asking;
        let texts = keys.iter().filter_map(|key| text_of(*values_of(key).first()?));
        let (mut rows, mut answers) = (Rows::new(asking), Answers::default());
        match &asking.from.rows {
            RedisRows::Prefix(prefix) => {
                let names: Vec<Vec<u8>> = texts.map(|text| format!("{prefix}{text}").into_bytes()).collect();
                asking.hashes(&mut talk, &names, |name, pairs| rows.hash(&name[prefix.len()..], pairs))?;
            }
            RedisRows::Hash(name) => {
                let fields: Vec<String> = texts.collect();
                let words = [&b"HMGET"[..], name.as_bytes()].into_iter().chain(fields.iter().map(String::as_bytes));
                let words: Vec<&[u8]> = words.collect();
                let reply = match fields.is_empty() {
                    true => Reply::List(Vec::new()),
                    false => talk.ask(&words).map_err(|e| asking.away(&e))?,
                };
                let Reply::List(values) = reply else { return Err(asking.away(&Broken::NoReply)) };
                for (field, value) in fields.iter().zip(&values) {
                    if let Reply::Text(json) = value {
                        rows.object(field.as_bytes(), json)?;
                    }
                }
            }
        }
        rows.decode()?;
        answers.add(&rows.batch, &rows.slots.keys, &rows.slots.values);
        self.talk = Some(talk);
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
    fn hash(&mut self, name: &[u8], pairs: &[Reply]) -> Result<(), Error> {
        let row = self.batch.rows();
        self.batch.columns.iter_mut().for_each(|column| column.push(Cell::NULL));
        self.batch.time.push(0);
        for pair in pairs.chunks_exact(2) {
            let [Reply::Text(field), Reply::Text(value)] = pair else {
                return Err(no_row(self.spec, &format!("'{}' is no hash", shown(name))));
            };
            if let Some(slot) = self.slots.names.iter().position(|one| one.as_bytes() == field) {
                self.batch.columns[slot][row] = self.cell(slot, name, value)?;
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
