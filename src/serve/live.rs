//! Changes of rows as they come, to clients that follow: over a WebSocket, or as server-sent events.
//!
//! Messages are JSON objects with a `type`: `hello` (the parts, where it begins), `snapshot` (the newest rows, in one or several
//! messages, `more` until the last), `changes` (rows with `op` and `revision`, in order), `gap` (how many changes a slow client has
//! missed; a snapshot follows, if it had asked for one), and for who asks for this kind `engine` (what is counted of the run, each
//! second). Each has a `cursor` from which a client can go on later.
//!
//! Invariants: (1) the engine waits for no client: all read the same bounded list of changes, each at its own pace; (2) a client that
//! is too slow for that list is told how much it missed, and goes on; (3) what a client holds is bounded by one snapshot and one
//! message.

use super::answer::{Answer, Wrong, text};
use super::face::{Counted, Face};
use super::figures;
use super::question::Filter;
use super::results::{array, no_part};
use super::routes::{Ask, route};
use super::store::{Change, Row, Scan};
use crate::result::{RowKind, RowSchema};
use crate::sink::{JsonRows, Times};
use axum::body::{Body, Bytes};
use axum::extract::FromRequestParts;
use axum::extract::ws::{CloseFrame, Message as Frame, WebSocket, WebSocketUpgrade, close_code};
use axum::http::StatusCode;
use hyper::body::Frame as Piece;
use std::collections::VecDeque;
use std::fmt::Write;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, interval, sleep_until, timeout};

/// Changes or rows in one message, at most.
const CHUNK: usize = 500;
/// The most rows of a snapshot, of each part.
const MOST: usize = 10_000;
/// How many rows are looked at for a snapshot, of each part.
const LOOK: usize = 200_000;
/// After this time without a message a client is asked whether it is there.
const PING: Duration = Duration::from_secs(20);
/// A client that takes nothing for so long is given up.
const STUCK: Duration = Duration::from_secs(60);
/// The longest message that a client may send.
const LONGEST: usize = 64 << 10;
/// Bytes that are read of a client at once. It says little, and each look whether it has said something clears as many.
const HEARD: usize = 4 << 10;

/// How often what is counted is said to who asks for it.
const EVERY: Duration = Duration::from_secs(1);
/// The kinds that can be followed: those of rows, and the figures of the run.
const KINDS: [&str; 4] = ["rows", "matches", "alerts", ENGINE];
const ENGINE: &str = "engine";

/// One message.
struct Message {
    kind: &'static str,
    cursor: String,
    text: String,
}

/// A client that follows.
struct Follower {
    face: Arc<Face>,
    parts: Vec<(u32, Filter)>,
    /// The number of the last change that it has.
    after: u64,
    /// When it is next told what is counted, where it asks for that.
    due: Option<Instant>,
    /// Rows of a snapshot; 0: none.
    snapshot: usize,
    bell: watch::Receiver<u64>,
    stop: watch::Receiver<bool>,
    encoder: JsonRows,
    /// Messages and rows of a snapshot that wait for the client.
    waiting: VecDeque<Message>,
    rows: VecDeque<Arc<Row>>,
}

impl Follower {
    fn new(face: Arc<Face>, ask: &Ask) -> Result<Self, Wrong> {
        let known = route("/v1/stream").known();
        let question = &ask.question;
        let (names, kinds) = (question.list("name"), question.list("kind"));
        if let Some(wrong) = kinds.iter().find(|kind| !KINDS.contains(*kind)) {
            let help = "write rows, matches, alerts or engine, several with commas between";
            return Err(Wrong::question(format!("kind is '{wrong}'"), help));
        }
        let wanted = |schema: &RowSchema| kinds.is_empty() || kinds.contains(&kind(schema));
        let all = || face.schemas.iter().map(|s| s.name.as_str()).collect();
        let names: Vec<&str> = if names.is_empty() { all() } else { names };
        let mut parts: Vec<(u32, Filter)> = Vec::new();
        for name in names {
            let (part, schema) = face.part(name).ok_or_else(|| no_part(&face, name))?;
            if wanted(schema) {
                parts.push((part, question.filter(&known, schema)?));
            }
        }
        let due = kinds.contains(&ENGINE).then(Instant::now);
        let snapshot = match question.get("snapshot") {
            Some("0") => 0,
            _ => question.count("snapshot", 1000, MOST)?,
        };
        let last_id = ask.head.headers.get("last-event-id").and_then(|id| id.to_str().ok());
        let cursor = last_id.or(question.get("cursor"));
        let schemas = face.schemas.iter().enumerate().map(|(i, s)| (i as u32, s));
        let encoder = JsonRows::new(schemas, Times::Rfc3339, true);
        let (bell, stop) = (face.shelf.listen(), face.stop.clone());
        let (waiting, rows) = (VecDeque::new(), VecDeque::new());
        let mut follower = Self { face, parts, after: 0, due, snapshot, bell, stop, encoder, waiting, rows };
        follower.begin(cursor)?;
        Ok(follower)
    }

    /// The first messages.
    fn begin(&mut self, cursor: Option<&str>) -> Result<(), Wrong> {
        let split = cursor.map(|cursor| {
            let number = cursor.split_once('-').and_then(|(epoch, n)| Some((epoch, n.parse::<u64>().ok()?)));
            number.ok_or_else(|| {
                Wrong::question(
                    format!("'{cursor}' is no cursor"),
                    "give the cursor of a message, or none for a snapshot",
                )
            })
        });
        let known = split.transpose()?;
        let resumed = known.filter(|(epoch, _)| *epoch == self.face.epoch);
        self.after = match resumed {
            Some((_, number)) => number.min(self.face.shelf.store().latest()),
            None => self.face.shelf.store().latest(),
        };
        let names: Vec<&str> = self.parts.iter().map(|(p, _)| self.face.schemas[*p as usize].name.as_str()).collect();
        let names = serde_json::Value::from(names);
        self.say("hello", &format!(",\"parts\":{names}"));
        match (known, resumed) {
            // A cursor of another run: nobody knows how much there was.
            (Some(_), None) => {
                self.say("gap", ",\"missed\":null");
                self.look();
            }
            (None, _) => self.look(),
            (Some(_), Some(_)) => {}
        }
        Ok(())
    }

    fn cursor(&self) -> String {
        format!("{}-{}", self.face.epoch, self.after)
    }

    fn message(&self, kind: &'static str, rest: &str) -> Message {
        let cursor = self.cursor();
        let text = format!("{{\"type\":\"{kind}\",\"cursor\":\"{cursor}\"{rest}}}");
        Message { kind, cursor, text }
    }

    fn say(&mut self, kind: &'static str, rest: &str) {
        let message = self.message(kind, rest);
        self.waiting.push_back(message);
    }

    /// Takes the newest rows that it may see, and the number of the change that they are at.
    fn look(&mut self) {
        if self.snapshot == 0 {
            return;
        }
        self.rows.clear();
        let store = self.face.shelf.store();
        self.after = store.latest();
        for (part, filter) in &self.parts {
            let scan = Scan { newest_first: true, limit: self.snapshot, look: LOOK, ..Scan::default() };
            let page = store.rows(*part, &scan, |row| filter.takes(row));
            // The oldest first, as changes come.
            self.rows.extend(page.rows.into_iter().rev());
        }
        drop(store);
        if self.rows.is_empty() {
            self.say("snapshot", ",\"rows\":[],\"more\":false");
        }
    }

    /// The next message; `None` when the server stops.
    async fn next(&mut self) -> Option<Message> {
        loop {
            if let Some(message) = self.waiting.pop_front() {
                return Some(message);
            }
            if !self.rows.is_empty() {
                let rows: Vec<Arc<Row>> = self.rows.drain(..CHUNK.min(self.rows.len())).collect();
                let mut out = Vec::new();
                array(&rows, &mut self.encoder, &mut out);
                let more = !self.rows.is_empty();
                let rest = format!(",\"rows\":{},\"more\":{more}", String::from_utf8_lossy(&out));
                return Some(self.message("snapshot", &rest));
            }
            if let Some(due) = self.due.filter(|due| *due <= Instant::now()) {
                // One that was late is not made up for.
                self.due = Some((due + EVERY).max(Instant::now()));
                return Some(self.message(ENGINE, &figures::said(&self.face)));
            }
            // Seen before the look, so that a ring behind it is not lost.
            self.bell.borrow_and_update();
            let changes = self.face.shelf.store().changes(self.after, CHUNK);
            if changes.missed > 0 {
                self.after += changes.missed;
                self.face.counts.missed.add(changes.missed);
                self.say("gap", &format!(",\"missed\":{}", changes.missed));
                self.look();
                continue;
            }
            if let Some(last) = changes.list.last() {
                self.after = last.number;
                if let Some(rest) = self.changes(&changes.list) {
                    return Some(self.message("changes", &rest));
                }
                // None was for this client; others may have their turn.
                tokio::task::yield_now().await;
                continue;
            }
            tokio::select! {
                rung = self.bell.changed() => rung.ok()?,
                () = until(self.due) => {}
                _ = self.stop.wait_for(|stop| *stop) => return None,
            }
        }
    }

    fn changes(&mut self, list: &[Arc<Change>]) -> Option<String> {
        let mut out = String::new();
        for change in list {
            let row = change.row.get();
            let filter = self.parts.iter().find(|(part, _)| *part == row.head.part);
            if !filter.is_some_and(|(_, filter)| filter.takes(row)) {
                continue;
            }
            let text = change.text.get_or_init(|| {
                let mut bytes = Vec::new();
                self.encoder.row(row, &mut bytes);
                bytes.pop();
                String::from_utf8_lossy(&bytes).into_owned()
            });
            let _ = write!(out, "{}{text}", if out.is_empty() { "" } else { "," });
        }
        (!out.is_empty()).then(|| format!(",\"changes\":[{out}]"))
    }
}

/// Which kind the rows of a part are.
fn kind(schema: &RowSchema) -> &'static str {
    match schema.kind {
        RowKind::Window | RowKind::Table | RowKind::Versions => "rows",
        RowKind::Match => "matches",
        RowKind::Alert => "alerts",
    }
}

/// Waits for a moment; where there is none, for ever.
async fn until(due: Option<Instant>) {
    match due {
        Some(due) => sleep_until(due).await,
        None => std::future::pending().await,
    }
}

/// Counts a client that follows for as long as it is there.
fn follows(face: &Arc<Face>) -> Counted {
    Counted::new(face, |counts| &counts.streams)
}

/// `/v1/stream`
pub(super) async fn stream(face: Arc<Face>, mut ask: Ask) -> Answer {
    let follower = Follower::new(Arc::clone(&face), &ask)?;
    let upgrade = WebSocketUpgrade::from_request_parts(&mut ask.head, &()).await.map_err(|_| {
        let help = "open it as a WebSocket, or read /v1/events";
        let refusal = super::access::Refusal::Question;
        Wrong::new(StatusCode::UPGRADE_REQUIRED, refusal, "api.upgrade", "this path is a WebSocket", help)
    })?;
    let upgrade = upgrade.max_message_size(LONGEST).max_frame_size(LONGEST).max_write_buffer_size(64 << 20);
    let upgrade = upgrade.read_buffer_size(HEARD);
    Ok(upgrade.on_upgrade(move |socket| async move {
        // It took a connection over.
        let counted = (follows(&face), Counted::connection(&face));
        talk(socket, follower).await;
        drop(counted);
    }))
}

async fn talk(mut socket: WebSocket, mut follower: Follower) {
    let mut ping = interval(PING);
    ping.tick().await;
    // A client that did not answer the last question is gone.
    let mut asked = false;
    loop {
        let frame = tokio::select! {
            message = follower.next() => match message {
                Some(message) => Frame::Text(message.text.into()),
                None => break,
            },
            heard = socket.recv() => match heard {
                Some(Ok(Frame::Close(_)) | Err(_)) | None => return,
                Some(Ok(_)) => {
                    asked = false;
                    continue;
                }
            },
            _ = ping.tick() => {
                if asked {
                    return;
                }
                asked = true;
                Frame::Ping(Bytes::new())
            }
        };
        if !matches!(timeout(STUCK, socket.send(frame)).await, Ok(Ok(()))) {
            return;
        }
    }
    let close = CloseFrame { code: close_code::AWAY, reason: "the server stops".into() };
    let _ = timeout(Duration::from_secs(1), socket.send(Frame::Close(Some(close)))).await;
}

/// A body that is what a channel gives.
struct Pieces(mpsc::Receiver<Bytes>);

impl hyper::body::Body for Pieces {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Piece<Bytes>, Self::Error>>> {
        self.0.poll_recv(context).map(|bytes| bytes.map(|bytes| Ok(Piece::data(bytes))))
    }
}

/// `/v1/events`
pub(super) async fn events(face: Arc<Face>, ask: Ask) -> Answer {
    let mut follower = Follower::new(Arc::clone(&face), &ask)?;
    let (send, pieces) = mpsc::channel::<Bytes>(1);
    tokio::spawn(async move {
        let _counted = follows(&face);
        loop {
            let piece = match timeout(PING, follower.next()).await {
                Ok(Some(Message { kind, cursor, text })) => {
                    format!("event: {kind}\nid: {cursor}\ndata: {text}\n\n")
                }
                Ok(None) => return,
                // A comment keeps the connection, and shows that the client is gone.
                Err(_) => ":\n\n".to_owned(),
            };
            if !matches!(timeout(STUCK, send.send(piece.into())).await, Ok(Ok(()))) {
                return;
            }
        }
    });
    Ok(text("text/event-stream", Body::new(Pieces(pieces))))
}
