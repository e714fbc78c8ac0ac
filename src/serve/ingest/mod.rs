//! Batches of events that are sent, turned into lines behind the door of a source: `POST /v1/ingest/{source}`, and a
//! WebSocket at the same path.
//!
//! ```text
//! body ─▶ room behind the door ─▶ unpacked ─▶ lines ─▶ judged by the engine's decoder ─▶ the door
//! ```
//!
//! Invariants: (1) a batch enters as a whole and once, or nothing of it does; (2) what is said to be accepted is behind the
//! door, and is read by the run unless that dies; (3) all that a request holds has room behind the door of the source before
//! it is held, so that bodies on their way, unpacked ones, and those that wait are bounded together (a message of a WebSocket
//! is held before it finds room: at most [`socket::LARGEST`] a connection); (4) no thread of the server waits: large and
//! packed bodies are looked at on threads for that.

mod form;
mod judge;
mod memory;
mod receive;
mod socket;

pub(super) use receive::post;
pub(super) use socket::socket;

use super::access::Refusal;
use super::answer::Wrong;
use super::face::{Face, Phase};
use super::question::Question;
use crate::config::SourceKind;
use crate::error::nearest;
use crate::observe::IngestMetrics;
use crate::plan::{Plan, SourcePlan};
use crate::source::{Compression, Door, Room, Shut};
use axum::http::{HeaderValue, StatusCode, header};
use form::{Form, Malformed, settle};
use judge::{Judge, Rules, Verdict};
use memory::Memory;
use serde_json::{Value, json as value};
use std::io::Read;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;
use tokio::sync::watch;

/// What becomes of batches; labels of the counter.
const OUTCOMES: [&str; 6] = ["accepted", "repeated", "bad", "large", "full", "closed"];

/// Bytes that are unpacked at a time.
const PIECE: usize = 64 << 10;

/// The least window that is granted to a frame of zstd: what its format asks every reader to have.
const WINDOW: usize = 8 << 20;

/// The way into one source.
pub(super) struct Inlet {
    /// The source.
    pub(super) name: String,
    pub(super) door: Arc<Door>,
    pub(super) counts: IngestMetrics,
    max_body: usize,
    rules: Rules,
    /// Judges that nobody uses now.
    judges: Mutex<Vec<Judge>>,
    memory: Mutex<Memory>,
    /// Rings when there may be room.
    bell: Arc<watch::Sender<()>>,
}

/// How a batch was sent.
#[derive(Debug, Clone, Copy)]
struct How {
    packing: Compression,
    /// It says of itself that it is lines.
    lines: bool,
    /// Records that are no events are left out, and the others taken.
    skip: bool,
}

/// A batch that may enter.
struct Parcel {
    room: Room,
    text: Vec<u8>,
    form: Form,
    verdict: Verdict,
}

/// What is said of a batch that was accepted.
struct Said {
    answer: Arc<str>,
    /// It had been sent before.
    repeated: bool,
}

impl Inlet {
    /// The ways into all sources that are sent their events.
    pub(super) fn all(plan: &Plan) -> Vec<Arc<Self>> {
        plan.sources.iter().filter_map(Self::new).map(Arc::new).collect()
    }

    fn new(plan: &SourcePlan) -> Option<Self> {
        let SourceKind::Http(settings) = plan.config.kind else { return None };
        let door = Door::new(settings.queue.0);
        let bell = Arc::new(watch::Sender::new(()));
        let rings = Arc::clone(&bell);
        door.on_room(move || {
            rings.send_replace(());
        });
        Some(Self {
            name: plan.name.clone(),
            door,
            counts: IngestMetrics::new(&plan.name, &OUTCOMES),
            max_body: usize::try_from(settings.max_body.0).unwrap_or(usize::MAX),
            rules: Rules::new(plan),
            judges: Mutex::default(),
            memory: Mutex::default(),
            bell,
        })
    }

    /// Looks at a batch: all that can be wrong with it is found here. `room` is that of the bytes that were sent.
    fn check(&self, mut room: Room, sent: Vec<u8>, how: How) -> Result<Parcel, Wrong> {
        let mut text = match how.packing {
            Compression::None => sent,
            packing => self.unpack(packing, &sent, &mut room)?,
        };
        let form = settle(&mut text, how.lines).map_err(malformed)?;
        let idle = || self.judges.lock().unwrap_or_else(PoisonError::into_inner);
        let judge = idle().pop();
        let mut judge = judge.unwrap_or_else(|| Judge::new(&self.rules));
        let verdict = judge.judge(&mut text, form);
        idle().push(judge);
        if verdict.rejected > 0 && !how.skip {
            return Err(bad_records(form, &verdict));
        }
        // Never more than there was but for a line end.
        let _ = room.resize(text.len() as u64 + 1);
        Ok(Parcel { room, text, form, verdict })
    }

    fn unpack(&self, packing: Compression, sent: &[u8], room: &mut Room) -> Result<Vec<u8>, Wrong> {
        let window = self.max_body.max(WINDOW) as u64;
        let mut reader = packing.unpack_bytes(sent, window);
        let mut text = Vec::new();
        loop {
            let old = text.len();
            room.resize((sent.len() + old + PIECE) as u64).map_err(shut)?;
            text.resize(old + PIECE, 0);
            let read = reader.read(&mut text[old..]);
            text.truncate(old + *read.as_ref().unwrap_or(&0));
            match read {
                Ok(0) => return Ok(text),
                Ok(_) if text.len() > self.max_body => return Err(self.too_large("decompressed")),
                Ok(_) => {}
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
                Err(e) => {
                    let message = format!("the compressed body is damaged, or cut short: {e}");
                    let help = "send it as Content-Encoding says, or without compression";
                    return Err(Wrong::new(StatusCode::BAD_REQUEST, Refusal::Body, "api.body", message, help));
                }
            }
        }
    }

    /// Lets a batch in, unless it was let in before under the same key.
    fn enter(&self, parcel: Parcel, key: Option<&str>) -> Result<Said, Wrong> {
        let Parcel { room, text, form, verdict } = parcel;
        let answer: Arc<str> = accepted(form, &verdict).to_string().into();
        // Of two that come at once one is the first.
        let mut memory = key.map(|key| (key, self.memory.lock().unwrap_or_else(PoisonError::into_inner)));
        if let Some((key, memory)) = &mut memory
            && let Some(answer) = memory.get(key, Instant::now())
        {
            return Ok(Said { answer, repeated: true });
        }
        let bytes = text.len() as u64;
        room.enter(text, verdict.oversized).map_err(shut)?;
        if let Some((key, memory)) = &mut memory {
            memory.put(key, Arc::clone(&answer), Instant::now());
        }
        drop(memory);
        self.counts.events.add(verdict.events);
        self.counts.bytes.add(bytes);
        Ok(Said { answer, repeated: false })
    }

    /// The answer to a batch that was accepted under this key before.
    fn known(&self, key: &str) -> Option<Arc<str>> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner).get(key, Instant::now())
    }

    /// Counts what has become of a batch.
    fn count(&self, became: &Result<Said, Wrong>) {
        let outcome = match became {
            Ok(Said { repeated: false, .. }) => 0,
            Ok(Said { repeated: true, .. }) => 1,
            Err(wrong) => match wrong.status {
                StatusCode::PAYLOAD_TOO_LARGE => 3,
                StatusCode::TOO_MANY_REQUESTS => 4,
                StatusCode::SERVICE_UNAVAILABLE => 5,
                _ => 2,
            },
        };
        self.counts.batches.add(outcome, 1);
    }

    fn too_large(&self, how: &str) -> Wrong {
        let message = format!("the body has more than {} bytes {how}", self.max_body);
        let help = "send smaller batches, or raise max_body of the source";
        Wrong::new(StatusCode::PAYLOAD_TOO_LARGE, Refusal::Body, "api.body", message, help)
    }
}

/// The way into the source of a request.
fn find(face: &Face, name: &str) -> Result<Arc<Inlet>, Wrong> {
    let found = face.inlets.iter().find(|inlet| inlet.name == name);
    found.cloned().ok_or_else(|| {
        let names: Vec<&str> = face.inlets.iter().map(|inlet| inlet.name.as_str()).collect();
        let help = match nearest(name, names.iter().copied()) {
            Some(near) => format!("did you mean {near}?"),
            None if names.is_empty() => "the pipeline has none: write [sources.NAME] with type = \"http\"".into(),
            None => format!("such sources are {}", names.join(", ")),
        };
        let message = format!("there is no source '{name}' that events are sent to");
        Wrong::new(StatusCode::NOT_FOUND, Refusal::Path, "api.source", message, help)
    })
}

/// What becomes of a batch with records that are no events.
fn skips(question: &Question) -> Result<bool, Wrong> {
    Ok(question.word("on_bad", &["reject", "skip"])? == "skip")
}

/// Nothing is taken before the run reads, nor after its end.
fn is_open(face: &Face) -> Result<(), Wrong> {
    match face.phase() {
        Phase::Running(_) if face.process != 0 => {
            let message = "the events of this source are taken by process 0, and this is another one";
            let help = "send them to the server of process 0: start it with --serve too";
            Err(Wrong::new(StatusCode::MISDIRECTED_REQUEST, Refusal::Closed, "api.process", message, help))
        }
        Phase::Running(_) => Ok(()),
        Phase::Starting => Err(not_yet()),
        Phase::Ended(_) | Phase::Failed => Err(shut(Shut::Closed)),
    }
}

fn later(wrong: Wrong) -> Wrong {
    Wrong { headers: vec![(header::RETRY_AFTER, HeaderValue::from_static("1"))], ..wrong }
}

fn not_yet() -> Wrong {
    let (message, help) = ("the run has not begun to read", "send it again after the time in Retry-After");
    later(Wrong::new(StatusCode::SERVICE_UNAVAILABLE, Refusal::Closed, "api.closed", message, help))
}

fn shut(shut: Shut) -> Wrong {
    match shut {
        Shut::Full => {
            let message = "there is no room: the pipeline does not keep up with what is sent; nothing was taken";
            let help = "send it again after the time in Retry-After, or raise queue of the source";
            later(Wrong::new(StatusCode::TOO_MANY_REQUESTS, Refusal::Full, "api.full", message, help))
        }
        Shut::Closed => {
            let (message, help) = ("the run takes no more events", "send it again where there is a run again");
            Wrong::new(StatusCode::SERVICE_UNAVAILABLE, Refusal::Closed, "api.closed", message, help)
        }
    }
}

fn malformed(found: Malformed) -> Wrong {
    let message = format!("the body is no JSON array: {}, at byte {}; nothing was taken", found.why, found.at);
    let help = "send an array of objects, or lines with one object each";
    let mut wrong = Wrong::new(StatusCode::BAD_REQUEST, Refusal::Body, "api.body", message, help);
    wrong.more.insert("accepted".into(), 0.into());
    wrong.more.insert("offset".into(), found.at.into());
    wrong
}

fn list(form: Form, verdict: &Verdict) -> Value {
    verdict.bad.iter().map(|bad| bad.shown(form)).collect()
}

fn bad_records(form: Form, verdict: &Verdict) -> Wrong {
    let all = verdict.events + verdict.rejected;
    let message = format!("{} of {all} records are no events; nothing was taken", verdict.rejected);
    let help = "mend those that are listed, or send the batch with ?on_bad=skip to have the others taken";
    let mut wrong = Wrong::new(StatusCode::UNPROCESSABLE_ENTITY, Refusal::Body, "api.records", message, help);
    wrong.more.insert("accepted".into(), 0.into());
    wrong.more.insert("rejected".into(), verdict.rejected.into());
    wrong.more.insert("bad".into(), list(form, verdict));
    wrong
}

fn accepted(form: Form, verdict: &Verdict) -> Value {
    let mut answer = value!({ "accepted": verdict.events, "rejected": verdict.rejected });
    if verdict.rejected > 0 {
        answer["bad"] = list(form, verdict);
    }
    answer
}
