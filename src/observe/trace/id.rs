//! A run and a step of its event time into the names of traces and spans, and the header `traceparent` into the same.
//!
//! Invariants: (1) the trace of a step, and the span at its root, are functions of the run and the step alone, so that every process
//! makes spans of one trace without asking another; (2) no name is all zeros, which would be none.
//! Source: W3C Trace Context, version 00, for `traceparent`.

use sha2::{Digest, Sha256};
use std::fmt;

/// The name of a trace.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TraceId(pub [u8; 16]);

/// The name of a span of a trace.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SpanId(pub [u8; 8]);

fn hex(bytes: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}

impl fmt::Debug for TraceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex(&self.0, f)
    }
}

impl fmt::Debug for SpanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        hex(&self.0, f)
    }
}

/// The first bytes of a hash of all parts, never all zeros.
fn hash<const N: usize>(what: &str, parts: &[&[u8]]) -> [u8; N] {
    let mut hash = Sha256::new_with_prefix(what);
    parts.iter().for_each(|part| hash.update(part));
    let mut bytes = [0; N];
    bytes.copy_from_slice(&hash.finalize()[..N]);
    if bytes == [0; N] { [1; N] } else { bytes }
}

impl TraceId {
    /// The trace of the step of event time that ends at `tick`.
    pub(super) fn of_tick(run: &[u8; 16], tick: i64) -> Self {
        Self(hash("highwater tick", &[run, &tick.to_le_bytes()]))
    }

    /// The trace of a request that came without one.
    pub(super) fn of_request(run: &[u8; 16], process: usize, number: u64) -> Self {
        Self(hash("highwater request", &[run, &(process as u64).to_le_bytes(), &number.to_le_bytes()]))
    }
}

impl SpanId {
    /// The span at the root of a trace.
    pub fn root(trace: TraceId) -> Self {
        Self(hash("root", &[&trace.0]))
    }

    /// The nth span that a process makes.
    pub(super) fn nth(trace: TraceId, process: usize, number: u64) -> Self {
        Self(hash("span", &[&trace.0, &(process as u64).to_le_bytes(), &number.to_le_bytes()]))
    }
}

/// What a request says of the trace that it belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Parent {
    /// The trace.
    pub trace: TraceId,
    /// The span of whoever sent the request.
    pub span: SpanId,
    /// The trace is kept by whoever sent it.
    pub sampled: bool,
}

impl Parent {
    /// Reads a header `traceparent`; `None` where it is none.
    pub fn read(text: &str) -> Option<Self> {
        fn bytes<const N: usize>(text: &str) -> Option<[u8; N]> {
            if text.len() != 2 * N || !text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b)) {
                return None;
            }
            let mut bytes = [0; N];
            for (i, byte) in bytes.iter_mut().enumerate() {
                *byte = u8::from_str_radix(&text[2 * i..2 * i + 2], 16).ok()?;
            }
            Some(bytes)
        }
        let mut fields = text.trim().split('-');
        let [version]: [u8; 1] = bytes(fields.next()?)?;
        let (trace, span, [flags]): ([u8; 16], [u8; 8], [u8; 1]) =
            (bytes(fields.next()?)?, bytes(fields.next()?)?, bytes(fields.next()?)?);
        // A later version may have more fields; version 255 is none.
        let ends = version != 0 || fields.next().is_none();
        let named = trace != [0; 16] && span != [0; 8];
        (ends && named && version != 255).then_some(Self {
            trace: TraceId(trace),
            span: SpanId(span),
            sampled: flags & 1 == 1,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_functions_of_run_and_tick_and_differ_otherwise() {
        let (a, b) = ([1; 16], [2; 16]);
        let trace = TraceId::of_tick(&a, 5);
        assert_eq!(trace, TraceId::of_tick(&a, 5));
        let others = [TraceId::of_tick(&b, 5), TraceId::of_tick(&a, 6), TraceId::of_request(&a, 0, 5)];
        assert!(!others.contains(&trace));
        let spans = [SpanId::root(trace), SpanId::nth(trace, 0, 0), SpanId::nth(trace, 1, 0), SpanId::nth(trace, 0, 1)];
        assert_eq!(spans.iter().collect::<std::collections::BTreeSet<_>>().len(), 4);
        assert_eq!(format!("{:?}", SpanId([0, 1, 0xab, 3, 4, 5, 6, 255])), "0001ab03040506ff");
    }

    #[test]
    fn traceparent_is_read_as_the_standard_has_it() {
        let text = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
        let parent = Parent::read(text).unwrap();
        assert_eq!(format!("{:?}-{:?}", parent.trace, parent.span), &text[3..52]);
        assert!(parent.sampled);
        assert!(!Parent::read(&text.replace("-01", "-00")).unwrap().sampled);
        assert!(Parent::read(&text.replacen("00", "cc", 1).replace("-01", "-01-what")).unwrap().sampled);
        for wrong in [
            "",
            "00",
            &text[..54],
            &text.replace("-01", "-01-what"),
            &text.replacen("00", "ff", 1),
            &text.to_uppercase(),
            "00-00000000000000000000000000000000-b7ad6b7169203331-01",
            "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
            "00-0af7651916cd43dd8448eb211c80319\u{fc}-b7ad6b7169203331-01",
        ] {
            assert_eq!(Parent::read(wrong), None, "{wrong}");
        }
    }
}
