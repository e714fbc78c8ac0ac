//! A line of JSON, turned into the few fields that a hand-written loop wants.
//!
//! A [`Cursor`] walks one line from left to right. It trusts the line: what is not wanted is passed over without a
//! look, so invalid JSON may go unnoticed, and of a key that comes twice the first counts. The engine's decoder does
//! neither; the difference is part of what the engine is measured with.
//!
//! Cost: eight bytes at a time inside strings, one byte at a time elsewhere; nothing is allocated.

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGH: u64 = 0x8080_8080_8080_8080;
const QUOTES: u64 = ONES * b'"' as u64;
const SLASHES: u64 = ONES * b'\\' as u64;

/// Text of a line as it is written there, without its quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Text<'a> {
    /// The bytes between the quotes.
    pub raw: &'a [u8],
    /// True where there is a backslash among them.
    pub escaped: bool,
}

impl<'a> Text<'a> {
    /// The text without escapes; `scratch` holds it where there were some.
    #[inline]
    pub fn plain<'b>(self, scratch: &'b mut Vec<u8>) -> &'b [u8]
    where
        'a: 'b,
    {
        if self.escaped { unescape(self.raw, scratch) } else { self.raw }
    }
}

/// A value of any kind.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Item<'a> {
    /// A string.
    Text(Text<'a>),
    /// A number.
    Number(f64),
    /// Anything else, as it is written.
    Other(&'a [u8]),
}

/// A place in a line.
#[derive(Debug, Clone)]
pub struct Cursor<'a> {
    line: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    /// The beginning of a line.
    #[inline]
    pub fn new(line: &'a [u8]) -> Self {
        Self { line, at: 0 }
    }

    /// The next byte that is no white space; 0 at the end.
    #[inline(always)]
    fn peek(&mut self) -> u8 {
        while let Some(&byte) = self.line.get(self.at) {
            if byte > b' ' {
                return byte;
            }
            self.at += 1;
        }
        0
    }

    /// Steps into an object; false where there is none here.
    #[inline]
    pub fn enter(&mut self) -> bool {
        let is_object = self.peek() == b'{';
        self.at += usize::from(is_object);
        is_object
    }

    /// The next key of the object, the cursor then being before its value; `None` after the object's end, which is
    /// passed, and where the line is broken.
    #[inline(always)]
    pub fn key(&mut self) -> Option<&'a [u8]> {
        let mut byte = self.peek();
        if byte == b',' {
            self.at += 1;
            byte = self.peek();
        }
        if byte != b'"' {
            self.at += usize::from(byte == b'}');
            return None;
        }
        let key = self.string()?.raw;
        if self.peek() != b':' {
            return None;
        }
        self.at += 1;
        Some(key)
    }

    /// The string here, passed; `None`, and the value passed, where it is something else.
    #[inline(always)]
    pub fn text(&mut self) -> Option<Text<'a>> {
        if self.peek() == b'"' {
            return self.string();
        }
        self.skip();
        None
    }

    /// The string here, the cursor being on its quote.
    #[inline(always)]
    fn string(&mut self) -> Option<Text<'a>> {
        let start = self.at + 1;
        let mut at = start;
        let mut escaped = false;
        loop {
            let special = match self.line.get(at..at + 8) {
                Some(eight) => {
                    let word = u64::from_le_bytes(eight.try_into().expect("a slice of 8 bytes"));
                    let (quote, slash) = (word ^ QUOTES, word ^ SLASHES);
                    // The lowest bit set is right; higher ones may be too many.
                    let found = ((quote.wrapping_sub(ONES) & !quote) | (slash.wrapping_sub(ONES) & !slash)) & HIGH;
                    if found == 0 {
                        at += 8;
                        continue;
                    }
                    at + found.trailing_zeros() as usize / 8
                }
                None => at + self.line.get(at..)?.iter().position(|b| matches!(b, b'"' | b'\\'))?,
            };
            if self.line[special] == b'"' {
                self.at = special + 1;
                return Some(Text { raw: &self.line[start..special], escaped });
            }
            escaped = true;
            at = special + 2;
        }
    }

    /// The number here, passed; `None`, and the value passed, where it is something else.
    #[inline]
    pub fn number(&mut self) -> Option<f64> {
        self.peek();
        let start = self.at;
        let mut whole = 0u64;
        while let Some(digit) = self.digit() {
            whole = whole.wrapping_mul(10).wrapping_add(digit);
        }
        let digits = self.at - start;
        if (1..16).contains(&digits) && !self.goes_on() {
            return Some(whole as f64);
        }
        if digits > 0 && digits < 16 && self.line.get(self.at) == Some(&b'.') {
            self.at += 1;
            let point = self.at;
            while let Some(digit) = self.digit() {
                whole = whole.wrapping_mul(10).wrapping_add(digit);
            }
            let decimals = self.at - point;
            // Both are exact in a double, so the quotient is the nearest one.
            if digits + decimals < 16 && !self.goes_on() {
                return Some(whole as f64 / POWERS[decimals]);
            }
        }
        self.at = start;
        self.uncommon_number()
    }

    /// Seconds since 1970 as microseconds, passed; finer digits are cut. `None` where it is no number.
    #[inline]
    pub fn seconds(&mut self) -> Option<i64> {
        self.peek();
        let start = self.at;
        let mut us = 0u64;
        while let Some(digit) = self.digit() {
            us = us.wrapping_mul(10).wrapping_add(digit);
        }
        let digits = self.at - start;
        let mut missing = 6;
        if self.line.get(self.at) == Some(&b'.') {
            self.at += 1;
            while let Some(digit) = self.digit() {
                if missing > 0 {
                    us = us.wrapping_mul(10).wrapping_add(digit);
                    missing -= 1;
                }
            }
        }
        if (1..13).contains(&digits) && !self.goes_on() {
            return Some((us * [1, 10, 100, 1_000, 10_000, 100_000, 1_000_000][missing]) as i64);
        }
        self.at = start;
        self.uncommon_number().map(|v| (v * 1e6).floor() as i64)
    }

    #[inline(always)]
    fn digit(&mut self) -> Option<u64> {
        let digit = self.line.get(self.at)?.wrapping_sub(b'0');
        if digit > 9 {
            return None;
        }
        self.at += 1;
        Some(u64::from(digit))
    }

    /// True where the number does not end here.
    #[inline(always)]
    fn goes_on(&self) -> bool {
        matches!(self.line.get(self.at), Some(b'.' | b'e' | b'E' | b'-' | b'+'))
    }

    #[cold]
    fn uncommon_number(&mut self) -> Option<f64> {
        let start = self.at;
        self.skip();
        std::str::from_utf8(&self.line[start..self.at]).ok()?.trim().parse().ok()
    }

    /// The value here, passed; `None` where there is none.
    pub fn item(&mut self) -> Option<Item<'a>> {
        match self.peek() {
            b'"' => self.string().map(Item::Text),
            b'-' | b'0'..=b'9' => self.number().map(Item::Number),
            0 => None,
            _ => {
                let start = self.at;
                self.skip();
                Some(Item::Other(&self.line[start..self.at]))
            }
        }
    }

    /// Passes the value here, whatever it is.
    #[inline]
    pub fn skip(&mut self) {
        match self.peek() {
            b'"' => {
                if self.string().is_none() {
                    self.at = self.line.len();
                }
            }
            b'{' | b'[' => self.skip_nested(),
            _ => {
                let rest = self.line.get(self.at..).unwrap_or_default();
                let end = rest.iter().position(|b| matches!(b, b',' | b'}' | b']')).unwrap_or(rest.len());
                self.at += end;
            }
        }
    }

    fn skip_nested(&mut self) {
        let mut depth = 0;
        while let Some(&byte) = self.line.get(self.at) {
            match byte {
                b'"' => {
                    if self.string().is_none() {
                        break;
                    }
                    continue;
                }
                b'{' | b'[' => depth += 1,
                b'}' | b']' => depth -= 1,
                _ => {}
            }
            self.at += 1;
            if depth == 0 {
                return;
            }
        }
        self.at = self.line.len();
    }
}

const POWERS: [f64; 16] = [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];

/// Writes text without its escapes; a broken escape is left as it is.
#[cold]
fn unescape<'b>(raw: &[u8], scratch: &'b mut Vec<u8>) -> &'b [u8] {
    scratch.clear();
    let mut rest = raw;
    while let Some(at) = memchr::memchr(b'\\', rest) {
        scratch.extend_from_slice(&rest[..at]);
        let after = &rest[at + 1..];
        let short = match after.first() {
            Some(b'n') => Some(b'\n'),
            Some(b't') => Some(b'\t'),
            Some(b'r') => Some(b'\r'),
            Some(b'b') => Some(8),
            Some(b'f') => Some(12),
            Some(b'u') => None,
            Some(other) => Some(*other),
            None => Some(b'\\'),
        };
        if let Some(byte) = short {
            scratch.push(byte);
            rest = after.get(1..).unwrap_or_default();
            continue;
        }
        let unit = |from: usize| {
            let four = std::str::from_utf8(after.get(from..from + 4)?).ok()?;
            u32::from_str_radix(four, 16).ok()
        };
        let (code, used) = match (unit(1), after.get(5..7), unit(7)) {
            (Some(high @ 0xD800..0xDC00), Some(b"\\u"), Some(low @ 0xDC00..0xE000)) => {
                (Some(0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00)), 11)
            }
            (code, ..) => (code, 5),
        };
        let char = code.and_then(char::from_u32).unwrap_or(char::REPLACEMENT_CHARACTER);
        scratch.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes());
        rest = after.get(used..).unwrap_or_default();
    }
    scratch.extend_from_slice(rest);
    scratch
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All of an object, as text.
    fn walk(line: &str) -> Vec<String> {
        let mut cursor = Cursor::new(line.as_bytes());
        let mut found = Vec::new();
        let mut scratch = Vec::new();
        assert!(cursor.enter());
        while let Some(key) = cursor.key() {
            let key = String::from_utf8_lossy(key).into_owned();
            let value = match cursor.peek() {
                b'"' => {
                    let text = cursor.text().unwrap();
                    String::from_utf8(text.plain(&mut scratch).to_vec()).unwrap()
                }
                b'-' | b'0'..=b'9' => cursor.number().unwrap().to_string(),
                _ => {
                    cursor.skip();
                    "?".to_owned()
                }
            };
            found.push(format!("{key}={value}"));
        }
        found
    }

    #[test]
    fn lines_when_walked_then_give_what_a_full_reader_gives() {
        let lines = [
            r#"{"a": "x", "b": 1, "c": {"d": [1, "}"], "e": {}}, "f": -2.50e1, "g": true}"#,
            r#"{ "a" :"a long text that has more than eight bytes \" and a quote","b":12.25 , "c":null}"#,
            r#"{"a":"caf\u00e9 \ud83c\udf89 \\ \/ \n","b":123456789012345678,"c":0.1}"#,
            r#"{"a":"","b":[],"c":"1234567","d":"12345678","e":"123456789"}"#,
        ];
        for line in lines {
            let value: serde_json::Value = serde_json::from_str(line).unwrap();
            let mut expected: Vec<String> = value
                .as_object()
                .unwrap()
                .iter()
                .map(|(k, v)| match v {
                    serde_json::Value::String(s) => format!("{k}={s}"),
                    serde_json::Value::Number(n) => format!("{k}={}", n.as_f64().unwrap()),
                    _ => format!("{k}=?"),
                })
                .collect();
            expected.sort();
            let mut found = walk(line);
            found.sort();
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn seconds_when_read_then_are_cut_to_microseconds() {
        let read = |text: &str| Cursor::new(text.as_bytes()).seconds();
        assert_eq!(read("1767614400.5,"), Some(1_767_614_400_500_000));
        assert_eq!(read(" 1767614400 }"), Some(1_767_614_400_000_000));
        assert_eq!(read("1767614400.1234567"), Some(1_767_614_400_123_456));
        assert_eq!(read("1.5e3,"), Some(1_500_000_000));
        assert_eq!(read("-1.5,"), Some(-1_500_000));
        assert_eq!(read("\"soon\","), None);
    }

    #[test]
    fn broken_lines_when_walked_then_end() {
        for line in
            ["{", "{\"", "{\"a", "{\"a\"", "{\"a\":", "{\"a\":\"", "{\"a\":{\"b\":\"", "{\"a\":[[", "{\"a\\", "[]"]
        {
            let mut cursor = Cursor::new(line.as_bytes());
            cursor.enter();
            while cursor.key().is_some() {
                cursor.skip();
            }
            assert!(cursor.at <= line.len() + 2, "{line}");
        }
    }
}
