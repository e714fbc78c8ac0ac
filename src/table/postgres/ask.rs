//! Keys, turned into the rows that PostgreSQL has of them: one query for all keys that wait.
//!
//! A key that its column cannot hold (text where it is a number) is not asked for: it has no row.

use super::super::asker::Ask;
use super::super::desk::{Found, Key};
use super::super::server::{Answers, text_of, values_of};
use super::{Asking, Column, quoted, runtime};
use crate::config::TablePostgres;
use crate::error::Error;
use crate::event::EventBatch;
use crate::table::Spec;
use crate::table::spec::Slots;
use futures_util::TryStreamExt;
use std::pin::pin;
use tokio::runtime::Runtime;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Statement};

/// A connection and the query that is prepared on it.
struct Open {
    client: Client,
    statement: Statement,
    columns: Vec<Column>,
}

/// Asks for rows of one table.
struct Asker {
    asking: Asking,
    slots: Slots,
    open: Option<Open>,
    /// After what lives on it.
    runtime: Runtime,
}

/// Reaches the server, and gives what asks it.
pub(in super::super) fn asker(spec: &Spec, from: &TablePostgres) -> Result<Box<dyn Ask>, Error> {
    let (asking, runtime) = (Asking::new(spec, from)?, runtime(spec)?);
    let slots = spec.slots();
    let open = Some(runtime.block_on(asking.open(&slots))?);
    Ok(Box::new(Asker { asking, slots, open, runtime }))
}

impl Asking {
    async fn open(&self, slots: &Slots) -> Result<Open, Error> {
        let client = self.connect().await?;
        let columns = self.columns(&client, slots).await?;
        let list: Vec<String> = columns.iter().map(|column| quoted(&column.name)).collect();
        let (mut names, mut arrays) = (Vec::new(), Vec::new());
        for (i, slot) in slots.keys.iter().enumerate() {
            let Column { name, kind } = &columns[*slot];
            let Some(cast) = kind.cast() else {
                let message =
                    format!("column '{name}' of table {} is of a type that no key can be asked for by", self.spec.name);
                let help = "cast it to text in query, or set mode = \"load\"";
                return Err(Error::user("table.type", message).at(self.spec.place()).help(help));
            };
            // Of all that is text: an enum too.
            names.push(if cast == "text" { format!("{}::text", quoted(name)) } else { quoted(name) });
            arrays.push(format!("(${}::text[])::{cast}[]", i + 1));
        }
        let found = match (&names[..], &arrays[..]) {
            ([name], [array]) => format!("{name} = ANY({array})"),
            _ => format!("({}) IN (SELECT * FROM unnest({}))", names.join(", "), arrays.join(", ")),
        };
        let sql = format!("SELECT {} FROM ({}) AS highwater_rows WHERE {found}", list.join(", "), self.sql());
        let statement = self.within(client.prepare(&sql)).await?;
        Ok(Open { client, statement, columns })
    }

    async fn answer(&self, open: &Open, slots: &Slots, texts: &[Vec<String>]) -> Result<Found, Error> {
        let texts: Vec<&(dyn ToSql + Sync)> = texts.iter().map(|list| list as &(dyn ToSql + Sync)).collect();
        let rows = self.within(open.client.query_raw(&open.statement, texts)).await?;
        let (mut rows, mut batch, mut answers) = (pin!(rows), EventBatch::new(slots.names.len()), Answers::default());
        while let Some(row) = self.within(rows.try_next()).await? {
            self.take(&row, &open.columns, slots, &mut batch)?;
            answers.add(&batch, &slots.keys, &slots.values);
            batch.clear();
        }
        Ok(answers.finish())
    }
}

impl Ask for Asker {
    fn ask(&mut self, keys: &[Key]) -> Result<Found, Error> {
        let Self { asking, slots, open, runtime } = self;
        // Not open any more until all went well: nothing of a question that failed is left on a connection.
        let before = open.take();
        let all = async {
            let now = match before {
                Some(open) if !open.client.is_closed() => open,
                _ => asking.open(slots).await?,
            };
            let mut texts: Vec<Vec<String>> = vec![Vec::new(); slots.keys.len()];
            for key in keys {
                let values = values_of(key);
                let fits = slots.keys.iter().zip(&values).all(|(slot, value)| now.columns[*slot].kind.may_be(*value));
                let all: Option<Vec<String>> = values.into_iter().map(text_of).collect();
                let all = all.filter(|all| fits && all.len() == slots.keys.len());
                texts.iter_mut().zip(all.into_iter().flatten()).for_each(|(list, text)| list.push(text));
            }
            if texts.iter().all(Vec::is_empty) {
                return Ok((now, Found::new()));
            }
            let rows = asking.answer(&now, slots, &texts).await?;
            Ok((now, rows))
        };
        let (now, rows) = runtime.block_on(async {
            match tokio::time::timeout(asking.limit, all).await {
                Ok(done) => done,
                Err(_) => Err(asking.silent()),
            }
        })?;
        *open = Some(now);
        Ok(rows)
    }
}
