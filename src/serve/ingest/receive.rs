//! `POST /v1/ingest/{source}`: a request, turned into a batch behind the door and an answer.
//!
//! What is left of a body that is not taken is read and thrown away as far as [`DISCARD`], so that the answer arrives, and
//! the connection can go on.

use super::super::access::Refusal;
use super::super::answer::{Answer, Wrong, text};
use super::super::face::Face;
use super::super::routes::Ask;
use super::{How, Inlet, Said, find, is_open, shut, skips};
use crate::observe::Metrics;
use crate::observe::trace::Incoming;
use crate::source::{Compression, Room, Shut};
use axum::body::{Body, HttpBody};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

/// How long a body may take.
const SLOW: Duration = Duration::from_secs(60);
/// How much of a body is thrown away, and for how long.
const DISCARD: (u64, Duration) = (4 << 20, Duration::from_secs(5));
/// A plain body that is longer is looked at on another thread.
const HERE: usize = 1 << 20;
/// Bytes of a key, at most.
const LONGEST_KEY: usize = 256;

/// `POST /v1/ingest/{source}`
pub(in super::super) async fn post(face: Arc<Face>, mut ask: Ask) -> Answer {
    let inlet = find(&face, &ask.name)?;
    let traced = traced(&face, &ask.head.headers);
    let became = match asked(&ask) {
        Ok((how, key)) => receive(&face, &inlet, &mut ask.body, how, key.as_deref()).await,
        Err(wrong) => Err(wrong),
    };
    inlet.count(&became);
    if let Some((metrics, request)) = traced {
        let status = became.as_ref().map_or_else(|wrong| wrong.status, |_| StatusCode::ACCEPTED);
        metrics.trace().answered(request, &inlet.name, status.as_u16());
    }
    let slow = matches!(&became, Err(wrong) if wrong.status == StatusCode::REQUEST_TIMEOUT);
    // Who asks first whether to send need not send.
    if !slow && !ask.head.headers.contains_key(header::EXPECT) {
        discard(&mut ask.body).await;
    }
    let Said { answer, repeated } = became?;
    let mut response = text("application/json", answer.to_string());
    *response.status_mut() = StatusCode::ACCEPTED;
    if repeated {
        let name = HeaderName::from_static("highwater-repeated");
        response.headers_mut().insert(name, HeaderValue::from_static("true"));
    }
    Ok(response)
}

/// The request's place in a trace, where it is traced, and who is told of its end.
fn traced(face: &Face, headers: &HeaderMap) -> Option<(Arc<Metrics>, Incoming)> {
    let metrics = Arc::clone(face.phase().metrics()?);
    let parent = headers.get("traceparent").and_then(|parent| parent.to_str().ok());
    let request = metrics.trace().request(parent)?;
    Some((metrics, request))
}

/// What the head of a request says of its body.
fn asked(ask: &Ask) -> Result<(How, Option<String>), Wrong> {
    let headers = &ask.head.headers;
    let how = How { packing: packing(headers)?, lines: is_lines(headers), skip: skips(&ask.question)? };
    let key = headers.get("idempotency-key").map(|key| {
        let key = key.to_str().ok().map(str::trim).filter(|key| (1..=LONGEST_KEY).contains(&key.len()));
        key.map(str::to_owned).ok_or_else(|| {
            let message = format!("Idempotency-Key is empty, longer than {LONGEST_KEY} bytes, or not of ASCII");
            Wrong::question(message, "send a word that no other batch has, such as a UUID")
        })
    });
    Ok((how, key.transpose()?))
}

fn packing(headers: &HeaderMap) -> Result<Compression, Wrong> {
    let Some(value) = headers.get(header::CONTENT_ENCODING) else { return Ok(Compression::None) };
    let word = value.to_str().unwrap_or_default().trim().to_ascii_lowercase();
    match word.as_str() {
        "" | "identity" => Ok(Compression::None),
        "gzip" | "x-gzip" => Ok(Compression::Gzip),
        "zstd" => Ok(Compression::Zstd),
        _ => {
            let message = format!("Content-Encoding is '{word}', which is not known here");
            let help = "use gzip or zstd, or no compression";
            Err(Wrong::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, Refusal::Body, "api.body", message, help))
        }
    }
}

/// True for the media types of lines; of all others the first byte tells.
fn is_lines(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    ["ndjson", "x-ndjson", "jsonl", "jsonlines", "x-jsonlines", "json-lines"]
        .contains(&kind.strip_prefix("application/").unwrap_or_default())
}

async fn receive(face: &Face, inlet: &Arc<Inlet>, body: &mut Body, how: How, key: Option<&str>) -> Result<Said, Wrong> {
    let length = body.size_hint().exact().unwrap_or(0);
    if length > inlet.max_body as u64 {
        return Err(inlet.too_large("as it is sent"));
    }
    if let Some(answer) = key.and_then(|key| inlet.known(key)) {
        return Ok(Said { answer, repeated: true });
    }
    is_open(face)?;
    let mut room = inlet.door.room(length).map_err(shut)?;
    let sent = match timeout(SLOW, collect(body, &mut room, inlet.max_body)).await {
        Ok(Ok(sent)) => sent,
        Ok(Err(Cut::Large)) => return Err(inlet.too_large("as it is sent")),
        Ok(Err(Cut::Shut(why))) => return Err(shut(why)),
        Ok(Err(Cut::Gone)) | Err(_) => {
            let message = format!("the body has not come whole within {} s; nothing was taken", SLOW.as_secs());
            let help = "send smaller batches, or over a better connection";
            return Err(Wrong::new(StatusCode::REQUEST_TIMEOUT, Refusal::Body, "api.body", message, help));
        }
    };
    let parcel = if how.packing == Compression::None && sent.len() <= HERE {
        inlet.check(room, sent, how)?
    } else {
        let theirs = Arc::clone(inlet);
        match tokio::task::spawn_blocking(move || theirs.check(room, sent, how)).await {
            Ok(checked) => checked?,
            Err(e) if e.is_panic() => std::panic::resume_unwind(e.into_panic()),
            Err(_) => return Err(shut(Shut::Closed)),
        }
    };
    inlet.enter(parcel, key)
}

/// Why a body was not read to its end.
enum Cut {
    Large,
    Shut(Shut),
    Gone,
}

/// The next piece of a body; none at its end.
async fn piece(body: &mut Body) -> Option<Result<axum::body::Bytes, axum::Error>> {
    loop {
        match poll_fn(|context| Pin::new(&mut *body).poll_frame(context)).await? {
            Ok(frame) => match frame.into_data() {
                Ok(data) => return Some(Ok(data)),
                // What stands behind a body in pieces says nothing here.
                Err(_) => continue,
            },
            Err(e) => return Some(Err(e)),
        }
    }
}

/// Reads a body of at most `most` bytes, each with room before it is kept.
async fn collect(body: &mut Body, room: &mut Room, most: usize) -> Result<Vec<u8>, Cut> {
    let length = body.size_hint().exact().map_or(0, |length| usize::try_from(length).unwrap_or(0).min(most));
    // With what the decoder wants behind it.
    let mut sent = Vec::with_capacity(length + 128);
    while let Some(piece) = piece(body).await {
        let piece = piece.map_err(|_| Cut::Gone)?;
        let whole = sent.len() + piece.len();
        if whole > most {
            return Err(Cut::Large);
        }
        if whole > length {
            room.resize(whole as u64).map_err(Cut::Shut)?;
        }
        sent.extend_from_slice(&piece);
    }
    Ok(sent)
}

/// Reads what is left of a body, up to a bound.
async fn discard(body: &mut Body) {
    let (most, time) = DISCARD;
    let gone = async {
        let mut read = 0;
        while let Some(Ok(piece)) = piece(body).await {
            read += piece.len() as u64;
            if read > most {
                return;
            }
        }
    };
    let _ = timeout(time, gone).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: HeaderName, value: &str) -> HeaderMap {
        [(name, value.parse().unwrap())].into_iter().collect()
    }

    #[test]
    fn media_types_of_lines_are_lines_and_encodings_are_known_or_refused() {
        for (kind, lines) in [
            ("application/x-ndjson", true),
            ("Application/NDJSON; charset=utf-8", true),
            ("application/jsonl", true),
            ("application/json", false),
            ("text/plain", false),
            ("", false),
        ] {
            assert_eq!(is_lines(&headers(header::CONTENT_TYPE, kind)), lines, "{kind}");
        }
        for (word, packing_of) in [
            ("gzip", Some(Compression::Gzip)),
            ("ZSTD", Some(Compression::Zstd)),
            ("identity", Some(Compression::None)),
            ("br", None),
            ("gzip, gzip", None),
        ] {
            let found = packing(&headers(header::CONTENT_ENCODING, word));
            assert_eq!(found.as_ref().ok().copied(), packing_of, "{word}");
            assert!(found.is_ok() || found.unwrap_err().status == StatusCode::UNSUPPORTED_MEDIA_TYPE);
        }
    }
}
