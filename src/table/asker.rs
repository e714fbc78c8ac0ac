//! Keys that wait at a [`Desk`], taken to the server of the table, and its answers brought back.
//!
//! One thread a table and process. It ends with the [`Asker`], which does not wait for it: it may wait for the server.

use super::desk::{Desk, Found, Key};
use super::spec::Spec;
use crate::config::{TableAsked, TableKind};
use crate::error::Error;
use crate::observe::{Metrics, TableId};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Keys that are asked for in one question.
const TOGETHER: usize = 1_000;
/// The rest before a server is asked again that could not be, at first and at most.
const REST: (Duration, Duration) = (Duration::from_millis(10), Duration::from_secs(1));

/// The code of errors of one row.
pub(super) const NO_ROW: &str = "table.row";

/// What asks the server of one table; it may be asked for other keys when it has failed.
pub(super) trait Ask: Send {
    /// The rows of these keys; one that is not there has none.
    ///
    /// # Errors
    /// Where the server cannot be asked, or not be understood, now.
    fn ask(&mut self, keys: &[Key]) -> Result<Found, Error>;
}

/// A table whose rows are asked for one by one. What is asked when this is dropped is answered by nobody.
pub struct Asker {
    name: String,
    desk: Arc<Desk>,
    /// What asks the server, until there is a thread for it.
    ask: Option<Box<dyn Ask>>,
}

impl std::fmt::Debug for Asker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {:?}", self.name, self.desk)
    }
}

impl Asker {
    /// Reaches the server, and looks whether it has the columns.
    ///
    /// # Errors
    /// Where the server cannot be reached or has not the columns, or this program cannot speak to it.
    pub fn reach(spec: &Spec, asked: TableAsked) -> Result<Self, Error> {
        let timeout = spec.from.server().map_or(Duration::ZERO, |server| span(server.timeout));
        let ask: Box<dyn Ask> = match &spec.from {
            TableKind::Postgres(from) => super::postgres::asker(spec, from)?,
            TableKind::Redis(from) => super::redis::asker(spec, from)?,
            // Planning knows none of them.
            TableKind::File(_) | TableKind::Stream { .. } => Box::new(Nothing),
        };
        let desk = Desk::new(usize::try_from(asked.cache).unwrap_or(usize::MAX), span(asked.cache_for), timeout);
        Ok(Self { name: spec.name.clone(), desk, ask: Some(ask) })
    }

    /// Begins to ask. `table`: its number in the plan.
    ///
    /// # Errors
    /// Where the system gives no thread.
    pub fn start(&mut self, table: usize, metrics: &Arc<Metrics>) -> Result<(), Error> {
        let Some(ask) = self.ask.take() else { return Ok(()) };
        let (name, desk, metrics) = (self.name.clone(), Arc::clone(&self.desk), Arc::clone(metrics));
        std::thread::Builder::new()
            .name(format!("table {name}"))
            .spawn(move || serve(ask, &name, &desk, (table, &metrics)))
            .map_err(|e| Error::outside("table.thread", format!("no thread to ask for rows of tables: {e}")))?;
        Ok(())
    }

    /// Where keys are asked for.
    pub fn desk(&self) -> Arc<Desk> {
        Arc::clone(&self.desk)
    }
}

impl Drop for Asker {
    fn drop(&mut self) {
        self.desk.stop();
    }
}

fn span(span: crate::time::Span) -> Duration {
    Duration::from_micros(span.0.unsigned_abs())
}

/// Takes keys to the server until nobody asks any more.
fn serve(mut ask: Box<dyn Ask>, name: &str, desk: &Desk, (table, metrics): (usize, &Metrics)) {
    let counts = metrics.table(TableId(table as u32));
    let (mut failed, mut told, mut rest) = (false, false, REST.0);
    while let Some(keys) = desk.take(TOGETHER) {
        let bad = &mut |error: &Error| {
            counts.timeouts.add(1);
            if !std::mem::replace(&mut told, true) {
                tracing::warn!(table = name, %error, "a row of the table is none; its events get NULL, as those of others like it");
            }
        };
        match ask_all(&mut *ask, &keys, bad) {
            Ok(rows) => {
                desk.answer(keys, &rows, Instant::now());
                counts.rows.set(desk.kept() as i64);
                counts.state_bytes.set(desk.bytes() as i64);
                rest = REST.0;
                if std::mem::take(&mut failed) {
                    tracing::info!(table = name, "the server of the table answers again");
                }
            }
            Err(error) => {
                desk.give_back(keys, Instant::now(), |late| counts.timeouts.add(late));
                if !std::mem::replace(&mut failed, true) {
                    tracing::warn!(table = name, %error, "rows of the table cannot be asked for; events that wait for too long get NULL");
                }
                if desk.rest(rest.min(desk.timeout())) {
                    return;
                }
                rest = (rest * 2).min(REST.1);
            }
        }
    }
}

/// Asks for keys; where a row is none for fewer, until what is wrong is one key's own, which has no row then. `bad` hears of
/// it.
fn ask_all(ask: &mut dyn Ask, keys: &[Key], bad: &mut dyn FnMut(&Error)) -> Result<Found, Error> {
    match ask.ask(keys) {
        Err(error) if error.code == NO_ROW => {
            if keys.len() < 2 {
                bad(&error);
                return Ok(Found::new());
            }
            let (first, second) = keys.split_at(keys.len() / 2);
            let mut found = ask_all(ask, first, bad)?;
            found.extend(ask_all(ask, second, bad)?);
            Ok(found)
        }
        done => done,
    }
}

/// Has no row.
struct Nothing;

impl Ask for Nothing {
    fn ask(&mut self, _: &[Key]) -> Result<Found, Error> {
        Ok(Found::new())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::{Receiver, channel};

    /// Every key below 100 has a row, but 5 has one that is none; at first the server is away.
    struct Odd {
        away: u32,
        questions: Vec<usize>,
    }

    impl Ask for Odd {
        fn ask(&mut self, keys: &[Key]) -> Result<Found, Error> {
            self.questions.push(keys.len());
            if self.away > 0 {
                self.away -= 1;
                return Err(Error::outside("table.server", "away"));
            }
            if keys.iter().any(|key| key[0] == 5) {
                return Err(Error::user(NO_ROW, "no row"));
            }
            let rows = keys.iter().filter(|key| key[0] < 100);
            Ok(rows.map(|key| (Arc::clone(key), Arc::new(vec![(0, key.to_vec())]))).collect())
        }
    }

    fn keys(of: &[u8]) -> Vec<Key> {
        of.iter().map(|n| Key::from(&[*n][..])).collect()
    }

    #[test]
    fn a_row_that_is_none_spoils_no_other() {
        let (mut odd, mut bad) = (Odd { away: 0, questions: Vec::new() }, 0);
        let of: Vec<u8> = (0..16).chain([200]).collect();
        let found = ask_all(&mut odd, &keys(&of), &mut |_| bad += 1).unwrap();
        let mut rows: Vec<u8> = found.keys().map(|key| key[0]).collect();
        rows.sort_unstable();
        assert_eq!((rows, bad), ((0..16).filter(|n| *n != 5).collect(), 1));
        odd.away = 1;
        assert!(ask_all(&mut odd, &keys(&[1, 2]), &mut |_| bad += 1).is_err());
    }

    #[test]
    fn a_server_that_is_away_is_asked_again_until_a_key_has_waited_for_too_long() {
        for (timeout, found) in [(Duration::from_secs(3_600), true), (Duration::ZERO, false)] {
            let metrics = Arc::new(Metrics::new(&[], &[], &[]).with_tables(["t".to_owned()]));
            let desk = Desk::new(10, Duration::from_secs(60), timeout);
            let (say, said): (_, Receiver<()>) = channel();
            desk.on_answer(Box::new(move || say.send(()).unwrap_or(())));
            let ask = Box::new(Odd { away: if found { 3 } else { u32::MAX }, questions: Vec::new() });
            let mut asker = Asker { name: "t".into(), desk, ask: Some(ask) };
            asker.start(0, &metrics).unwrap();
            let ticket = asker.desk().ask([&[7_u8][..]]);
            while !ticket.is_done() {
                said.recv_timeout(Duration::from_secs(60)).unwrap();
            }
            let rows = ticket.take();
            assert_eq!((rows.len(), !rows[0].1.is_empty()), (1, found));
            assert_eq!(metrics.snapshot().tables[0].timeouts, u64::from(!found));
        }
    }
}
