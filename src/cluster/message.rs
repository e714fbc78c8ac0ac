//! Control messages, turned into frames and back. Pure.
//!
//! Shapes, numbers little-endian: a frame is the length of the rest `u32` (1 to [`MAX_FRAME`]), a tag `u8`, and the
//! tag's content. Invariants: 1. decoding any bytes gives a message, "not yet", or [`BadFrame`]; never a panic. 2. The
//! buffer grows by what has arrived, not by a length that was read. 3. Cutting the bytes anywhere changes nothing.

use crate::cluster::hello::clipped;

/// The longest application message.
pub const MAX_APP: usize = 1 << 20;
/// The longest frame after its length.
pub const MAX_FRAME: usize = MAX_APP + 1;
/// The longest text of a failure, in bytes; longer ones are cut.
pub const MAX_TEXT: usize = 4096;

/// The tag of application messages.
const APP: u8 = 6;

/// What processes say to each other while they run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// All connections of the speaker are there; and it has the counters of the run, or not.
    Ready(bool),
    /// The speaker lives.
    Heartbeat,
    /// The workers of the speaker are done.
    Bye,
    /// The run is over: process `culprit` was the first to fail.
    Failed {
        /// Index of the process at fault, as far as the speaker knows.
        culprit: u32,
        /// What the speaker says of it.
        text: String,
    },
    /// Finish what was read, read no more.
    Drain,
    /// Opaque bytes for the application.
    App(Vec<u8>),
}

/// A frame that is too long, empty, or with a tag or content that does not exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadFrame;

impl Message {
    /// The message's frame.
    pub fn encode(&self) -> Vec<u8> {
        match self {
            Message::Ready(counts) => frame(1, &[u8::from(*counts)]),
            Message::Heartbeat => frame(2, &[]),
            Message::Bye => frame(3, &[]),
            Message::Failed { culprit, text } => {
                let mut content = culprit.to_le_bytes().to_vec();
                content.extend_from_slice(clipped(text, MAX_TEXT).as_bytes());
                frame(4, &content)
            }
            Message::Drain => frame(5, &[]),
            Message::App(bytes) => app_frame(bytes),
        }
    }

    fn decode(body: &[u8]) -> Result<Self, BadFrame> {
        let (tag, content) = body.split_first().ok_or(BadFrame)?;
        match (tag, content) {
            (1, [counts @ (0 | 1)]) => Ok(Message::Ready(*counts == 1)),
            (2, []) => Ok(Message::Heartbeat),
            (3, []) => Ok(Message::Bye),
            (4, _) => {
                let (culprit, text) = content.split_first_chunk().ok_or(BadFrame)?;
                if text.len() > MAX_TEXT {
                    return Err(BadFrame);
                }
                let text = std::str::from_utf8(text).map_err(|_| BadFrame)?.to_string();
                Ok(Message::Failed { culprit: u32::from_le_bytes(*culprit), text })
            }
            (5, []) => Ok(Message::Drain),
            (&APP, _) => Ok(Message::App(content.to_vec())),
            _ => Err(BadFrame),
        }
    }
}

/// The frame of an application message of at most [`MAX_APP`] bytes.
pub fn app_frame(bytes: &[u8]) -> Vec<u8> {
    frame(APP, bytes)
}

fn frame(tag: u8, content: &[u8]) -> Vec<u8> {
    debug_assert!(content.len() < MAX_FRAME);
    let mut out = Vec::with_capacity(5 + content.len());
    out.extend_from_slice(&(content.len() as u32 + 1).to_le_bytes());
    out.push(tag);
    out.extend_from_slice(content);
    out
}

/// Bytes as they arrive, cut into messages.
#[derive(Debug, Default)]
pub struct Inbox {
    bytes: Vec<u8>,
    start: usize,
}

/// What an [`Inbox`] has next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// No whole message yet.
    Part,
    /// A message of the application.
    App,
    /// Another message, or something that is none.
    Other,
}

impl Inbox {
    /// Adds bytes that have arrived.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.start > 0 && self.start >= self.bytes.len() / 2 {
            self.bytes.drain(..self.start);
            self.start = 0;
        }
        self.bytes.extend_from_slice(bytes);
    }

    /// What [`Inbox::take`] would give, without taking it.
    pub fn next(&self) -> Next {
        let waiting = &self.bytes[self.start..];
        let Some((length, rest)) = waiting.split_first_chunk() else { return Next::Part };
        match u32::from_le_bytes(*length) as usize {
            0 => Next::Other,
            length if length > MAX_FRAME => Next::Other,
            length => match rest.get(..length) {
                None => Next::Part,
                Some(body) if body[0] == APP => Next::App,
                Some(_) => Next::Other,
            },
        }
    }

    /// The next whole message. After [`BadFrame`] the connection is of no more use.
    pub fn take(&mut self) -> Result<Option<Message>, BadFrame> {
        let waiting = &self.bytes[self.start..];
        let Some((length, rest)) = waiting.split_first_chunk() else { return Ok(None) };
        let length = u32::from_le_bytes(*length) as usize;
        if length == 0 || length > MAX_FRAME {
            return Err(BadFrame);
        }
        let Some(body) = rest.get(..length) else { return Ok(None) };
        let message = Message::decode(body)?;
        self.start += 4 + length;
        Ok(Some(message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn any_message() -> impl Strategy<Value = Message> {
        prop_oneof![
            any::<bool>().prop_map(Message::Ready),
            Just(Message::Heartbeat),
            Just(Message::Bye),
            (any::<u32>(), ".{0,40}").prop_map(|(culprit, text)| Message::Failed { culprit, text }),
            Just(Message::Drain),
            proptest::collection::vec(any::<u8>(), 0..50).prop_map(Message::App),
        ]
    }

    proptest! {
        #[test]
        fn messages_come_back_when_the_bytes_are_cut_anywhere(
            said in proptest::collection::vec(any_message(), 0..20), step in 1usize..40,
        ) {
            let bytes: Vec<u8> = said.iter().flat_map(Message::encode).collect();
            let (mut inbox, mut heard) = (Inbox::default(), Vec::new());
            for part in bytes.chunks(step) {
                inbox.push(part);
                while let Some(message) = inbox.take().unwrap() {
                    heard.push(message);
                }
            }
            prop_assert_eq!(heard, said);
        }

        #[test]
        fn garbage_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200), short in any::<bool>()) {
            let mut inbox = Inbox::default();
            if short {
                inbox.push(&[(bytes.len() as u8).max(1), 0, 0, 0]);
            }
            inbox.push(&bytes);
            while let Ok(Some(_)) = inbox.take() {}
        }
    }

    #[test]
    fn long_and_empty_frames_are_refused_before_their_bytes_arrive() {
        for length in [0u32, MAX_FRAME as u32 + 1, u32::MAX] {
            let mut inbox = Inbox::default();
            inbox.push(&length.to_le_bytes());
            assert_eq!(inbox.take(), Err(BadFrame), "{length}");
        }
        let mut inbox = Inbox::default();
        inbox.push(&frame(2, b"x"));
        assert_eq!(inbox.take(), Err(BadFrame));
    }

    #[test]
    fn a_long_text_is_cut_at_a_letter() {
        let mut inbox = Inbox::default();
        inbox.push(&Message::Failed { culprit: 1, text: "é".repeat(3000) }.encode());
        let Ok(Some(Message::Failed { text, .. })) = inbox.take() else { panic!("no message") };
        assert_eq!(text, "é".repeat(MAX_TEXT / 2));
    }

    #[test]
    fn the_longest_application_message_passes() {
        let mut inbox = Inbox::default();
        inbox.push(&app_frame(&vec![3; MAX_APP]));
        assert_eq!(inbox.take(), Ok(Some(Message::App(vec![3; MAX_APP]))));
    }
}
