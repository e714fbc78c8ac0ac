//! The nesting of a TOML text, measured before it is parsed.
//!
//! The parser bounds brackets and dotted keys each on its own, not their product: 80 inline tables with keys of 80
//! steps are a tree of 6400 levels, enough to overflow a thread's stack when it is dropped. This scan counts both
//! together. It reads strings and comments as TOML does; on text that is not TOML it may count too much, never panics.
//! Cost: one pass over the bytes.

/// The byte at which `text` is nested more than `deepest` levels.
pub(crate) fn too_deep(text: &str, deepest: usize) -> Option<usize> {
    let bytes = text.as_bytes();
    // Dots of the key being read, at each open bracket; the first is outside of all.
    let mut open: Vec<usize> = vec![0];
    // Levels of the header in force, and of all that `open` holds.
    let (mut header, mut total) = (0, 0);
    let mut in_header = false;
    let mut line_start = true;
    let mut at = 0;
    while at < bytes.len() {
        let b = bytes[at];
        match b {
            b'"' | b'\'' => {
                at = string_end(bytes, at);
                line_start = false;
                continue;
            }
            b'#' => {
                at = memchr::memchr(b'\n', &bytes[at..]).map_or(bytes.len(), |n| at + n);
                continue;
            }
            b'[' | b'{' => {
                if line_start && open.len() == 1 && b == b'[' {
                    (in_header, header) = (true, 0);
                }
                open.push(0);
                total += 1;
            }
            b']' | b'}' if open.len() > 1 => total -= 1 + open.pop().unwrap_or(0),
            b'.' => {
                if let Some(dots) = open.last_mut() {
                    *dots += 1;
                    total += 1;
                }
                if in_header {
                    header += 1;
                }
            }
            b',' | b'\n' => {
                if let Some(dots) = open.last_mut() {
                    total -= std::mem::take(dots);
                }
                if b == b'\n' && open.len() == 1 {
                    in_header = false;
                }
            }
            _ => {}
        }
        let above = if in_header { 0 } else { header };
        if total + above > deepest {
            return Some(at);
        }
        line_start = if b == b'\n' { true } else { line_start && b.is_ascii_whitespace() };
        at += 1;
    }
    None
}

/// The byte after the string that begins at `at`; a string of one line ends with its line at the latest.
fn string_end(bytes: &[u8], at: usize) -> usize {
    let quote = bytes[at];
    let long = bytes[at..].starts_with(&[quote; 3]);
    let mut i = at + if long { 3 } else { 1 };
    while i < bytes.len() {
        match bytes[i] {
            b'\\' if quote == b'"' => i += 1,
            b'\n' if !long => return i,
            b if b == quote && !long => return i + 1,
            b if b == quote && bytes[i..].starts_with(&[quote; 3]) => return i + 3,
            _ => {}
        }
        i += 1;
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brackets_and_dots_count_together() {
        assert_eq!(too_deep("a.b.c = { d.e = [1.5, [2]] }", 6), None);
        assert!(too_deep("a.b.c = { d.e = [1.5, [2]] }", 5).is_some());
        assert!(too_deep("[a.b]\nc.d = { e = 1 }", 2).is_some());
        assert_eq!(too_deep("[a.b]\nc.d = { e = 1 }", 3), None);
        let bomb = format!("{}1", format!("{}a={{", "a.".repeat(70)).repeat(70));
        assert!(too_deep(&bomb, 32).is_some());
    }

    #[test]
    fn strings_and_comments_are_passed_over() {
        for text in [
            "a = '[[[[[[[[' # [[[[[[[[",
            "a = \"[[[[\\\"[[[[\"",
            "a = \"\"\"[[[[\n\"[[[[\"\"\"",
            "a = '''......'''",
            "a = 1\nb = 2.5\nc = [1.5, 2.5, 3.5, 4.5]",
        ] {
            assert_eq!(too_deep(text, 3), None, "{text}");
        }
    }
}
