//! An event as a struct, turned into its line of JSON.
//!
//! Cost: about 20 copies of short pieces of text and a few whole numbers; nothing is allocated but the room in `out`.

use super::event::{Body, Defect, GeneratedEvent, Number, Visitor};

impl GeneratedEvent {
    /// Appends the event as one line of JSON with its line end. A line with a [`Defect`] is not a valid event.
    #[inline]
    pub fn write(&self, out: &mut Vec<u8>) {
        let start = out.len();
        match self.defect {
            None => self.write_object(out),
            Some(Defect::NotAnObject) => {
                put(out, b"[\"evt_");
                integer(out, self.index);
                put(out, b"\", \"");
                put(out, self.source.as_bytes());
                put(out, b"\"]");
            }
            Some(Defect::NotJson) => {
                put(out, b"event evt_");
                integer(out, self.index);
                put(out, b" was lost by ");
                put(out, self.source.as_bytes());
            }
            Some(Defect::CutShort) => {
                self.write_object(out);
                // Every line is longer than this, and ASCII up to here.
                out.truncate(start + 10 + (self.index % 80) as usize);
            }
            Some(Defect::NoTime | Defect::WordTime | Defect::RawControl) => self.write_object(out),
        }
        out.push(b'\n');
    }

    #[inline]
    fn write_object(&self, out: &mut Vec<u8>) {
        put(out, b"{\"event_id\": \"evt_");
        if self.defect == Some(Defect::RawControl) {
            out.push(b'\x07');
        }
        integer(out, self.index);
        match self.defect {
            None | Some(Defect::CutShort | Defect::RawControl) => {
                put(
                    out,
                    match self.body {
                        Body::PageAction { .. } | Body::Search { .. } => {
                            b"\", \"event_type\": \"user_action\", \"timestamp\": ".as_slice()
                        }
                        Body::Transaction { .. } => b"\", \"event_type\": \"transaction\", \"timestamp\": ",
                        Body::SystemMetric { .. } => b"\", \"event_type\": \"system_metric\", \"timestamp\": ",
                        Body::Error { .. } => b"\", \"event_type\": \"error\", \"timestamp\": ",
                        Body::Custom { .. } => b"\", \"event_type\": \"custom\", \"timestamp\": ",
                    },
                );
                seconds(out, self.time.0);
            }
            _ => {
                put(out, b"\", \"event_type\": \"");
                put(out, self.body.event_type().as_bytes());
                put(out, b"\"");
                if self.defect == Some(Defect::WordTime) {
                    put(out, b", \"timestamp\": \"soon\"");
                }
            }
        }
        put(out, b", \"source\": \"");
        put(out, self.source.as_bytes());
        self.write_data(out);
        self.write_tags(out);
        if let Some(visitor) = self.visitor {
            write_visitor(visitor, out);
        } else {
            out.push(b'}');
        }
    }

    /// From the end of the source's text to the end of the data.
    #[inline]
    fn write_data(&self, out: &mut Vec<u8>) {
        match self.body {
            Body::PageAction { action, page, duration, escaped } => {
                put(out, b"\", \"data\": {\"action\": \"");
                put(out, action.as_bytes());
                if escaped {
                    put(out, b"\", \"page\": \"product\\u005f");
                } else {
                    put(out, b"\", \"page\": \"product_");
                }
                integer(out, page);
                out.push(b'"');
                write_duration(duration, out);
            }
            Body::Search { query, duration } => {
                put(out, b"\", \"data\": {\"action\": \"search\", \"query\": \"");
                put(out, query.json.as_bytes());
                out.push(b'"');
                write_duration(duration, out);
            }
            Body::Transaction { kind, amount, currency, duration } => {
                put(out, b"\", \"data\": {\"type\": \"");
                put(out, kind.as_bytes());
                put(out, b"\", \"amount\": ");
                number(out, amount);
                if let Some(currency) = currency {
                    put(out, b", \"currency\": \"");
                    put(out, currency.as_bytes());
                    out.push(b'"');
                }
                write_duration(duration, out);
            }
            Body::SystemMetric { response_time, request } => {
                put(out, b"\", \"data\": {\"response_time\": ");
                number(out, response_time);
                if self.source == "database" {
                    put(out, b", \"query\": \"");
                } else {
                    put(out, b", \"endpoint\": \"");
                }
                put(out, request.as_bytes());
                put(out, b"\"}");
            }
            Body::Error { code, endpoint, message } => {
                put(out, b"\", \"data\": {\"error_code\": \"");
                put(out, code.as_bytes());
                put(out, b"\", \"endpoint\": \"");
                put(out, endpoint.as_bytes());
                if let Some(message) = message {
                    put(out, b"\", \"message\": \"");
                    put(out, message.json.as_bytes());
                }
                put(out, b"\"}");
            }
            Body::Custom { name, variant, step, score } => {
                put(out, b"\", \"data\": {\"name\": \"");
                put(out, name.as_bytes());
                put(out, b"\", \"context\": {\"variant\": \"");
                put(out, variant.as_bytes());
                put(out, b"\", \"path\": [\"shop\", ");
                integer(out, step);
                put(out, b"]}, \"score\": ");
                number(out, score);
                put(out, b"}");
            }
        }
    }

    /// The tags, where there is one.
    #[inline]
    fn write_tags(&self, out: &mut Vec<u8>) {
        let user_type = self.visitor.and_then(|v| v.user_type);
        let tags: [(&[u8], Option<&str>); 3] =
            [(b"\"user_type\": \"", user_type), (b"\"env\": \"", self.env), (b"\"device\": \"", self.device)];
        let mut first = true;
        for (name, value) in tags {
            if let Some(value) = value {
                put(out, if first { b", \"tags\": {".as_slice() } else { b", " });
                put(out, name);
                put(out, value.as_bytes());
                out.push(b'"');
                first = false;
            }
        }
        if !first {
            out.push(b'}');
        }
    }
}

#[inline]
fn write_duration(duration: Option<Number>, out: &mut Vec<u8>) {
    if let Some(duration) = duration {
        put(out, b", \"duration\": ");
        number(out, duration);
    }
    out.push(b'}');
}

#[inline]
fn write_visitor(visitor: Visitor, out: &mut Vec<u8>) {
    if let Some(session) = visitor.session {
        put(out, b", \"session_id\": \"session_");
        integer(out, visitor.user);
        out.push(b'_');
        integer(out, session);
        out.push(b'"');
    }
    put(out, b", \"user_id\": \"user_");
    integer(out, visitor.user);
    put(out, b"\"}");
}

#[inline]
fn put(out: &mut Vec<u8>, text: &[u8]) {
    out.extend_from_slice(text);
}

#[inline]
fn integer(out: &mut Vec<u8>, n: u64) {
    out.extend_from_slice(itoa::Buffer::new().format(n).as_bytes());
}

/// A decimal number with all its decimals.
#[inline]
fn number(out: &mut Vec<u8>, n: Number) {
    let unit = [1, 10, 100, 1_000][usize::from(n.decimals.min(3))];
    integer(out, n.scaled / unit);
    let (mut rest, mut unit) = (n.scaled % unit, unit);
    if unit > 1 {
        out.push(b'.');
        while unit > 1 {
            unit /= 10;
            out.push(b'0' + (rest / unit) as u8);
            rest %= unit;
        }
    }
}

/// Microseconds as seconds with 3 to 6 decimals.
#[inline]
fn seconds(out: &mut Vec<u8>, micros: i64) {
    if micros < 0 {
        out.push(b'-');
    }
    let micros = micros.unsigned_abs();
    integer(out, micros / 1_000_000);
    let part = (micros % 1_000_000) as u32;
    let digit = |unit: u32| b'0' + (part / unit % 10) as u8;
    let form = [b'.', digit(100_000), digit(10_000), digit(1_000), digit(100), digit(10), digit(1)];
    let zeros = form[4..].iter().rev().take_while(|d| **d == b'0').count();
    out.extend_from_slice(&form[..7 - zeros]);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(write: impl Fn(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        write(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn times_when_written_then_have_three_to_six_decimals() {
        let at = |micros| text(|out| seconds(out, micros));
        assert_eq!(at(1_767_614_400_000_000), "1767614400.000");
        assert_eq!(at(1_767_614_400_000_100), "1767614400.0001");
        assert_eq!(at(1_767_614_400_120_000), "1767614400.120");
        assert_eq!(at(1_767_614_400_654_321), "1767614400.654321");
        assert_eq!(at(-1_500_000), "-1.500");
    }

    #[test]
    fn numbers_when_written_then_have_all_their_decimals() {
        let of = |scaled, decimals| text(|out| number(out, Number { scaled, decimals }));
        assert_eq!(of(30, 0), "30");
        assert_eq!(of(9_999, 2), "99.99");
        assert_eq!(of(10_005, 2), "100.05");
        assert_eq!(of(7, 3), "0.007");
    }
}
