//! Rows of PostgreSQL, turned into a table.
//!
//! A query is asked once as it is written, to know its columns, and then for those that something reads. Its rows are
//! taken as they come, some thousands together, so that beside the table itself there are never more of them.
//!
//! Invariant: whatever the server does, each wait ends after `timeout`.
//!
//! Errors never show the address of the server but its host: they are of the table, and say what the server says.

mod ask;
mod value;

pub(super) use ask::asker;

use super::Builder;
use super::server::{ROWS, away, no_address, no_row, silent};
use super::spec::{Loaded, Slots, Spec};
use crate::config::{PostgresRows, TablePostgres};
use crate::error::{Error, suggest};
use crate::event::EventBatch;
use futures_util::TryStreamExt;
use std::future::Future;
use std::pin::pin;
use std::time::Duration;
use tokio::runtime::Runtime;
use tokio_postgres::config::Host;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Config, NoTls};
use value::{Kind, Raw};

/// A server and what is asked of it.
struct Asking {
    spec: Spec,
    from: TablePostgres,
    config: Config,
    /// The host and port, for messages.
    host: String,
    limit: Duration,
}

/// Reads a table as a whole.
pub(super) fn load(spec: &Spec, from: &TablePostgres) -> Result<Loaded, Error> {
    let asking = Asking::new(spec, from)?;
    run(spec, async {
        let client = asking.connect().await?;
        asking.read(&client).await
    })
}

/// Runs `work` on this thread, and what is left of it no longer.
fn run<T>(spec: &Spec, work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    let runtime = runtime(spec)?;
    let done = runtime.block_on(work);
    // The name of a host may still be looked up; nobody waits for that.
    runtime.shutdown_background();
    done
}

fn runtime(spec: &Spec) -> Result<Runtime, Error> {
    tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|e| {
        Error::outside("table.thread", format!("the system gives nothing to wait with: {e}")).at(spec.place())
    })
}

impl Asking {
    fn new(spec: &Spec, from: &TablePostgres) -> Result<Self, Error> {
        let limit = Duration::from_micros(from.server.timeout.0.unsigned_abs());
        let read = from.server.url.reveal().parse::<Config>();
        let mut config = read.map_err(|_| no_address(spec, "postgres://user:password@host:port/database"))?;
        config.application_name("highwater").connect_timeout(limit);
        let host = match config.get_hosts().first() {
            Some(Host::Tcp(host)) => format!("{host}:{}", config.get_ports().first().unwrap_or(&5432)),
            #[cfg(unix)]
            Some(Host::Unix(path)) => path.display().to_string(),
            None => return Err(no_address(spec, "postgres://user:password@host:port/database")),
        };
        Ok(Self { spec: spec.clone(), from: from.clone(), config, host, limit })
    }

    /// What `future` gives, or that the server was silent.
    async fn within<T>(&self, future: impl Future<Output = Result<T, tokio_postgres::Error>>) -> Result<T, Error> {
        match tokio::time::timeout(self.limit, future).await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => Err(self.wrong(&error)),
            Err(_) => Err(self.silent()),
        }
    }

    fn silent(&self) -> Error {
        away(&self.spec, &self.host, silent(self.limit))
    }

    /// What the server says, or what became of the connection.
    fn wrong(&self, error: &tokio_postgres::Error) -> Error {
        let Some(said) = error.as_db_error() else {
            let mut why = error.to_string();
            let mut cause = std::error::Error::source(error);
            while let Some(inner) = cause {
                why = format!("{why}: {inner}");
                cause = inner.source();
            }
            return away(&self.spec, &self.host, why);
        };
        let code = said.code();
        // Of the connection, of who logs in, of a database that is not there, of the server's own state.
        let classes = ["08", "28", "3D", "53", "57", "58", "XX"];
        if classes.iter().any(|class| code.code().starts_with(class)) && *code != SqlState::QUERY_CANCELED {
            return away(&self.spec, &self.host, said.message());
        }
        let (what, key) = match &self.from.rows {
            PostgresRows::Table(_) => ("table", "from"),
            PostgresRows::Query(_) => ("query", "query"),
        };
        let message = format!("the server cannot run the {what} of table {}: {}", self.spec.name, said.message());
        let error = Error::user("table.query", message).at(format!("tables.{}.{key}", self.spec.name));
        match said.hint().or(said.detail()) {
            Some(hint) => error.help(hint.to_owned()),
            None => error.help("try it in psql, as the user of url"),
        }
    }

    async fn connect(&self) -> Result<Client, Error> {
        let (client, connection) = self.within(self.config.connect(NoTls)).await?;
        // Ends with the client. What goes wrong with it whoever waits for an answer hears too.
        tokio::spawn(async move {
            let _ = connection.await;
        });
        Ok(client)
    }

    /// All rows, as an SQL query.
    fn sql(&self) -> String {
        match &self.from.rows {
            PostgresRows::Table(name) => {
                let steps: Vec<String> = name.value.split('.').map(quoted).collect();
                format!("SELECT * FROM {}", steps.join("."))
            }
            // A comment may end it.
            PostgresRows::Query(query) => format!("{}\n", query.value.trim_end_matches([';', ' ', '\n', '\r', '\t'])),
        }
    }

    /// The columns that are read: the slots of key and values, and behind them the time.
    async fn columns(&self, client: &Client, slots: &Slots) -> Result<Vec<Column>, Error> {
        let (spec, sql) = (&self.spec, self.sql());
        let statement = self.within(client.prepare(&sql)).await?;
        let time = self.from.time.as_ref().map(|time| time.field.value.to_string());
        let mut read = Vec::new();
        for name in slots.names.iter().chain(&time) {
            let Some(column) = statement.columns().iter().find(|column| column.name() == name) else {
                let names: Vec<&str> = statement.columns().iter().map(tokio_postgres::Column::name).collect();
                let message = format!("table {} has no column '{name}'", spec.name);
                let help = suggest(name, names.iter().copied(), "its columns are");
                return Err(Error::user("table.column", message).at(spec.place()).help(help));
            };
            let ty = column.type_();
            let Some(kind) = Kind::of(ty, column.type_modifier()) else {
                let message =
                    format!("column '{name}' of table {} is of type {}, which is no value here", spec.name, ty.name());
                let help = match &self.from.rows {
                    PostgresRows::Query(_) => format!("cast it in query: {}::text AS {}", quoted(name), quoted(name)),
                    PostgresRows::Table(_) => {
                        format!("give query instead of from, and cast it: {}::text AS {}", quoted(name), quoted(name))
                    }
                };
                return Err(Error::user("table.type", message).at(spec.place()).help(help));
            };
            read.push(Column { name: name.clone(), kind });
        }
        Ok(read)
    }

    async fn read(&self, client: &Client) -> Result<Loaded, Error> {
        let slots = self.spec.slots();
        let columns = self.columns(client, &slots).await?;
        let list: Vec<String> = columns.iter().map(|column| quoted(&column.name)).collect();
        let sql = format!("SELECT {} FROM ({}) AS highwater_rows", list.join(", "), self.sql());
        let mut builder = Builder::new(slots.values.len(), self.from.time.is_some()).unordered();
        let nothing: [&(dyn ToSql + Sync); 0] = [];
        let rows = self.within(client.query_raw(&sql, nothing)).await?;
        let (mut rows, mut batch) = (pin!(rows), EventBatch::new(slots.names.len()));
        loop {
            let row = self.within(rows.try_next()).await?;
            if let Some(row) = &row {
                self.take(row, &columns, &slots, &mut batch)?;
            }
            if row.is_none() || batch.rows() >= ROWS {
                builder.add(&batch, &slots.keys, &slots.values);
                batch.clear();
            }
            if row.is_none() {
                return self.spec.finish(builder, &self.spec.place(), None);
            }
        }
    }

    /// Appends a row to a batch.
    fn take(
        &self,
        row: &tokio_postgres::Row,
        columns: &[Column],
        slots: &Slots,
        batch: &mut EventBatch,
    ) -> Result<(), Error> {
        let broken = |name: &str| no_row(&self.spec, &format!("column '{name}' is not what its type says"));
        for (i, column) in columns.iter().enumerate() {
            let Raw(bytes) = row.try_get(i).map_err(|e| self.wrong(&e))?;
            let cell = column.kind.cell(bytes, batch).ok_or_else(|| broken(&column.name))?;
            if i < slots.names.len() {
                batch.columns[i].push(cell);
            } else if let Some(time) = &self.from.time {
                let at = value::time(cell, &batch.bytes, time).ok_or_else(|| {
                    let why = format!("column '{}' has no time, which the table's time is", column.name);
                    no_row(&self.spec, &why)
                        .help("leave such rows out in query, or mend time: its unit, or a cast to timestamptz")
                })?;
                batch.time.push(at);
            }
        }
        if self.from.time.is_none() {
            batch.time.push(0);
        }
        Ok(())
    }
}

/// A column that is read.
struct Column {
    name: String,
    kind: Kind,
}

/// A name as SQL has it, whatever is in it.
fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
