//! A WebSocket at `/v1/ingest/{source}`: each message is a batch, and is answered before the next is read.
//!
//! Message n, from 1, is answered by `{"ack": n, "accepted": .., "rejected": ..}`, or, where nothing of it was taken, with
//! an `error` as a request would have it. Where there is no room behind the door nothing is read until there is: so a client
//! that sends faster than the pipeline reads is slowed down by its own connection.

use super::super::access::Refusal;
use super::super::answer::{Answer, Wrong};
use super::super::face::{Counted, Face};
use super::super::routes::Ask;
use super::{How, Inlet, Said, find, is_open, shut, skips};
use crate::source::{Compression, Room, Shut};
use axum::body::Bytes;
use axum::extract::FromRequestParts;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code};
use axum::http::StatusCode;
use serde_json::{Value, json as value};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{interval, timeout};

/// Bytes of a message, at most.
pub(super) const LARGEST: usize = 1 << 20;
/// After this time without a message a client is asked whether it is there.
const PING: Duration = Duration::from_secs(20);
/// A client that takes no answer for so long is given up.
const STUCK: Duration = Duration::from_secs(60);

/// `GET /v1/ingest/{source}`
pub(in super::super) async fn socket(face: Arc<Face>, mut ask: Ask) -> Answer {
    let inlet = find(&face, &ask.name)?;
    let how = How { packing: Compression::None, lines: false, skip: skips(&ask.question)? };
    let upgrade = WebSocketUpgrade::from_request_parts(&mut ask.head, &()).await.map_err(|_| {
        let help = "open it as a WebSocket, or send events with POST";
        let refusal = Refusal::Question;
        Wrong::new(StatusCode::UPGRADE_REQUIRED, refusal, "api.upgrade", "this path is a WebSocket, or sent to", help)
    })?;
    let most = inlet.max_body.min(LARGEST);
    let upgrade = upgrade.max_message_size(most).max_frame_size(most).read_buffer_size(16 << 10);
    Ok(upgrade.on_upgrade(move |socket| async move {
        // It took the connection over.
        let counted = Counted::connection(&face);
        talk(&face, &inlet, socket, how).await;
        drop(counted);
    }))
}

async fn talk(face: &Arc<Face>, inlet: &Arc<Inlet>, mut socket: WebSocket, how: How) {
    let mut stop = face.stop.clone();
    let mut ping = interval(PING);
    ping.tick().await;
    // A client that did not answer the last question is gone.
    let (mut asked, mut number) = (false, 0_u64);
    let (code, reason) = loop {
        let heard = tokio::select! {
            heard = socket.recv() => Some(heard),
            _ = ping.tick() => None,
            _ = stop.wait_for(|stop| *stop) => break (close_code::AWAY, "the server stops"),
        };
        let Some(heard) = heard else {
            if asked || !send(&mut socket, Message::Ping(Bytes::new())).await {
                return;
            }
            asked = true;
            continue;
        };
        asked = false;
        let batch = match heard {
            Some(Ok(Message::Text(text))) => Bytes::from(text),
            Some(Ok(Message::Binary(bytes))) => bytes,
            Some(Ok(Message::Close(_))) | None => return,
            Some(Ok(_)) => continue,
            Some(Err(_)) => break (close_code::SIZE, "a message is too large, or not as the protocol has it"),
        };
        number += 1;
        let became = take(face, inlet, batch, how, &mut stop).await;
        inlet.count(&became);
        let closed = matches!(&became, Err(wrong) if wrong.status == StatusCode::SERVICE_UNAVAILABLE);
        if !send(&mut socket, Message::Text(answer(number, became).into())).await {
            return;
        }
        if closed {
            break (close_code::AWAY, "the run takes no more events");
        }
        // Whoever sends is there.
        ping.reset();
    };
    let close = CloseFrame { code, reason: reason.into() };
    let _ = timeout(Duration::from_secs(1), socket.send(Message::Close(Some(close)))).await;
}

async fn send(socket: &mut WebSocket, message: Message) -> bool {
    matches!(timeout(STUCK, socket.send(message)).await, Ok(Ok(())))
}

/// The answer to message `number`.
fn answer(number: u64, became: Result<Said, Wrong>) -> String {
    match became {
        // The answer is an object; the number goes first.
        Ok(Said { answer, .. }) => format!("{{\"ack\":{number},{}", answer.trim_start_matches('{')),
        Err(wrong) => {
            let mut said: Value = value!({ "ack": number, "accepted": 0, "error": wrong.error() });
            wrong.more.iter().for_each(|(name, value)| said[name] = value.clone());
            said.to_string()
        }
    }
}

async fn take(
    face: &Face,
    inlet: &Arc<Inlet>,
    batch: Bytes,
    how: How,
    stop: &mut watch::Receiver<bool>,
) -> Result<Said, Wrong> {
    is_open(face)?;
    let room = wait(inlet, batch.len() as u64, stop).await.map_err(shut)?;
    let parcel = inlet.check(room, Vec::from(batch), how)?;
    inlet.enter(parcel, None)
}

/// Room for a batch, as soon as there is some.
async fn wait(inlet: &Inlet, bytes: u64, stop: &mut watch::Receiver<bool>) -> Result<Room, Shut> {
    let mut bell = inlet.bell.subscribe();
    loop {
        // Seen before the look, so that a ring behind it is not lost.
        bell.borrow_and_update();
        match inlet.door.room(bytes) {
            Err(Shut::Full) => {}
            room => return room,
        }
        tokio::select! {
            _ = bell.changed() => {}
            _ = stop.wait_for(|stop| *stop) => return Err(Shut::Closed),
        }
    }
}
