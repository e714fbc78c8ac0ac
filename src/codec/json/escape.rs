//! The inside of a JSON string with escapes, turned into the text it stands for.
//!
//! In: the bytes between the quotes, free of control characters. Errors: an unknown escape, bad hex digits, half of
//! a surrogate pair; the same as `serde_json` refuses.

/// Appends the text of `raw` to `out`. `None` where an escape is wrong; `out` may then have some of the text.
pub(super) fn unescape(raw: &[u8], out: &mut Vec<u8>) -> Option<()> {
    let mut rest = raw;
    while let Some(at) = memchr::memchr(b'\\', rest) {
        out.extend_from_slice(&rest[..at]);
        let (c, after) = one(&rest[at..])?;
        out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
        rest = after;
    }
    out.extend_from_slice(rest);
    Some(())
}

/// True where every escape in `raw`, a whole line or a part of it, is right. A backslash outside a string counts as
/// an escape too; whoever reads that part refuses it.
pub(super) fn escapes_are_right(raw: &[u8]) -> bool {
    let mut rest = raw;
    while let Some(at) = memchr::memchr(b'\\', rest) {
        match one(&rest[at..]) {
            Some((_, after)) => rest = after,
            None => return false,
        }
    }
    true
}

/// Reads the escape at the start of `raw` (a backslash), giving its character and the rest.
fn one(raw: &[u8]) -> Option<(char, &[u8])> {
    let c = match raw.get(1)? {
        b'"' => '"',
        b'\\' => '\\',
        b'/' => '/',
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'u' => return unicode(raw),
        _ => return None,
    };
    Some((c, &raw[2..]))
}

fn unicode(raw: &[u8]) -> Option<(char, &[u8])> {
    let first = hex(raw.get(2..6)?)?;
    if !(0xd800..0xdc00).contains(&first) {
        // A trailing half without a leading one is no character.
        return Some((char::from_u32(first)?, &raw[6..]));
    }
    let second = raw.get(6..12).filter(|r| r.starts_with(b"\\u")).and_then(|r| hex(&r[2..]))?;
    if !(0xdc00..0xe000).contains(&second) {
        return None;
    }
    Some((char::from_u32(0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00))?, &raw[12..]))
}

fn hex(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0, |n, d| Some(n << 4 | (*d as char).to_digit(16)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_become_text_or_are_refused() {
        let text = |raw: &str| {
            let mut out = Vec::new();
            let good = unescape(raw.as_bytes(), &mut out).is_some();
            assert_eq!(good, escapes_are_right(raw.as_bytes()), "{raw}");
            good.then(|| String::from_utf8(out).unwrap())
        };
        assert_eq!(text(r#"a\n\"\\\/\b\f\r\t\u0041\u00e9\ud83d\uDE00z"#).unwrap(), "a\n\"\\/\u{8}\u{c}\r\tAé😀z");
        for bad in [r"\x", r"\", r"\u12", r"\u12g4", r"\ud800", r"\ud800\n", r"\ud800\u0041", r"\udc00", r"\ud800x"] {
            assert_eq!(text(bad), None, "{bad}");
        }
    }
}
