//! What a span says: when something began and ended, of which trace, and what is known of it.

use super::id::{SpanId, TraceId};

/// Which side of a call a span is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpanKind {
    /// No call.
    Internal,
    /// It answers a request.
    Server,
    /// It sends one.
    Client,
}

/// The value of an attribute.
#[derive(Debug, Clone, PartialEq)]
pub enum Attribute {
    /// Text.
    Text(String),
    /// A number.
    Int(i64),
    /// A number with a fraction.
    Float(f64),
    /// True or false.
    Flag(bool),
}

impl From<&str> for Attribute {
    fn from(text: &str) -> Self {
        Attribute::Text(text.to_owned())
    }
}

impl From<String> for Attribute {
    fn from(text: String) -> Self {
        Attribute::Text(text)
    }
}

impl From<u64> for Attribute {
    fn from(n: u64) -> Self {
        Attribute::Int(i64::try_from(n).unwrap_or(i64::MAX))
    }
}

impl From<usize> for Attribute {
    fn from(n: usize) -> Self {
        (n as u64).into()
    }
}

impl From<i64> for Attribute {
    fn from(n: i64) -> Self {
        Attribute::Int(n)
    }
}

impl From<bool> for Attribute {
    fn from(flag: bool) -> Self {
        Attribute::Flag(flag)
    }
}

/// Something that took time. Times are nanoseconds since 1970.
#[derive(Debug, Clone, PartialEq)]
pub struct Span {
    /// Its trace.
    pub trace: TraceId,
    /// Its name in the trace.
    pub id: SpanId,
    /// The span that it is a part of.
    pub parent: Option<SpanId>,
    /// What happened.
    pub name: String,
    /// Which side of a call it is.
    pub kind: SpanKind,
    /// When it began.
    pub start: u64,
    /// When it ended; not before that.
    pub end: u64,
    /// What is known of it.
    pub attributes: Vec<(&'static str, Attribute)>,
    /// Why it failed, where it did.
    pub error: Option<String>,
}

impl Span {
    /// A span without attributes.
    pub(super) fn new(
        (trace, id, parent): (TraceId, SpanId, Option<SpanId>),
        name: impl Into<String>,
        (start, end): (u64, u64),
    ) -> Self {
        let (name, end) = (name.into(), end.max(start));
        Self { trace, id, parent, name, kind: SpanKind::Internal, start, end, attributes: Vec::new(), error: None }
    }

    /// With one more attribute.
    #[must_use]
    pub(super) fn with(mut self, name: &'static str, value: impl Into<Attribute>) -> Self {
        self.attributes.push((name, value.into()));
        self
    }
}
