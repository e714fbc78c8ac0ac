//! The body of a request, turned in place into lines with one record each: NDJSON as it is, the elements of a JSON array,
//! or one JSON object over several lines.
//!
//! Invariants: (1) no byte moves, so a place in the lines is the place in the body; (2) a record is valid JSON exactly where
//! it was in the body: a line end between tokens becomes a blank, one inside of a string another character that must not be
//! there either; (3) an array whose elements are all valid is valid, and the other way round.
//! Cost: about a nanosecond a byte for arrays; NDJSON is looked at no further than its first line.

/// How a body was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// A record a line.
    Lines,
    /// The elements of an array.
    Array,
    /// One object.
    One,
}

/// A body that has no records, and where that shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Malformed {
    /// The byte of the body, from 0.
    pub(super) at: usize,
    pub(super) why: &'static str,
}

/// What stands in the place of a line end inside of a string: as wrong there as that is.
const WRONG: u8 = 0x0b;

/// The byte order mark that some programs put before their text.
const MARK: &[u8] = &[0xef, 0xbb, 0xbf];

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n')
}

/// Turns the text of a body into lines. `lines`: it says of itself that it is lines.
///
/// # Errors
/// Where it begins as an array and is none.
pub(super) fn settle(text: &mut [u8], lines: bool) -> Result<Form, Malformed> {
    if text.starts_with(MARK) {
        text[..MARK.len()].fill(b' ');
    }
    let Some(open) = text.iter().position(|b| !is_space(*b)).filter(|_| !lines) else { return Ok(Form::Lines) };
    match text[open] {
        b'[' => array(text, open).map(|()| Form::Array),
        b'{' if is_one(text, open) => {
            flatten(text, open);
            Ok(Form::One)
        }
        _ => Ok(Form::Lines),
    }
}

/// Passes the string that begins at `open`; the place behind it, or none where it has no end.
fn string(text: &mut [u8], open: usize) -> Option<usize> {
    let mut at = open + 1;
    loop {
        at += memchr::memchr3(b'"', b'\\', b'\n', text.get(at..)?)?;
        match text[at] {
            b'"' => return Some(at + 1),
            b'\n' => text[at] = WRONG,
            _ => {
                at += 1;
                if text.get(at) == Some(&b'\n') {
                    text[at] = WRONG;
                }
            }
        }
        at += 1;
    }
}

/// Lets each element of the array that begins at `open` be a line.
fn array(text: &mut [u8], open: usize) -> Result<(), Malformed> {
    text[open] = b' ';
    let wrong = |at, why| Err(Malformed { at, why });
    // Brackets that are open within the element; whether it has begun; whether there was one before it.
    let (mut at, mut depth, mut begun, mut more) = (open + 1, 0_usize, false, false);
    while let Some(byte) = text.get(at) {
        match byte {
            b'"' => {
                begun = true;
                match string(text, at) {
                    Some(behind) => at = behind,
                    None => return wrong(at, "the string that begins here has no end"),
                }
                continue;
            }
            b'{' | b'[' => (depth, begun) = (depth + 1, true),
            b'}' | b']' if depth > 0 => depth -= 1,
            b',' if depth == 0 => {
                if !begun {
                    return wrong(at, "there is no element before this comma");
                }
                text[at] = b'\n';
                (begun, more) = (false, true);
            }
            b']' => {
                if more && !begun {
                    return wrong(at, "there is no element behind the last comma");
                }
                text[at] = b'\n';
                let rest = &mut text[at + 1..];
                if let Some(found) = rest.iter().position(|b| !is_space(*b)) {
                    return wrong(at + 1 + found, "something follows behind the array");
                }
                rest.fill(b' ');
                return Ok(());
            }
            b'}' => return wrong(at, "this bracket closes nothing"),
            b'\n' => text[at] = b' ',
            byte => begun |= !is_space(*byte),
        }
        at += 1;
    }
    wrong(text.len(), "the array has no end")
}

/// True where the object that begins at `open` goes over several lines, and nothing is behind it.
fn is_one(text: &[u8], open: usize) -> bool {
    let (mut at, mut depth, mut lines) = (open, 0_usize, false);
    while let Some(byte) = text.get(at) {
        match byte {
            b'"' => {
                at += 1;
                loop {
                    let rest = text.get(at..).unwrap_or_default();
                    match memchr::memchr2(b'"', b'\\', rest) {
                        Some(found) if rest[found] == b'"' => {
                            at += found;
                            break;
                        }
                        Some(found) => at += found + 2,
                        None => return false,
                    }
                }
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' => {
                depth -= 1;
                if depth == 0 {
                    return lines && text[at + 1..].iter().all(|b| is_space(*b));
                }
            }
            b'\n' => lines = true,
            _ => {}
        }
        at += 1;
    }
    false
}

/// Lets the object that begins at `open` be one line.
fn flatten(text: &mut [u8], open: usize) {
    let mut at = open;
    while let Some(byte) = text.get(at) {
        match byte {
            b'"' => at = string(text, at).unwrap_or(text.len()),
            b'\n' => {
                text[at] = b' ';
                at += 1;
            }
            _ => at += 1,
        }
    }
    text[..open].fill(b' ');
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::Value;

    fn of(text: &str) -> (Result<Form, Malformed>, String) {
        let mut bytes = text.as_bytes().to_vec();
        let form = settle(&mut bytes, false);
        assert_eq!(bytes.len(), text.len());
        (form, String::from_utf8(bytes).unwrap())
    }

    #[test]
    fn bodies_of_each_form_are_lines_of_the_same_length() {
        for (text, form, lines) in [
            ("", Form::Lines, ""),
            (" \n\n", Form::Lines, " \n\n"),
            ("{\"a\":1}", Form::Lines, "{\"a\":1}"),
            ("{\"a\":1}\n{\"b\":2}\n", Form::Lines, "{\"a\":1}\n{\"b\":2}\n"),
            // A bad first line is a line: the others may be good.
            ("{\"a\":1\n{\"b\":2}\n", Form::Lines, "{\"a\":1\n{\"b\":2}\n"),
            ("{\"a\n{\"b\":2}\n", Form::Lines, "{\"a\n{\"b\":2}\n"),
            ("no\n", Form::Lines, "no\n"),
            ("\u{feff}{}", Form::Lines, "   {}"),
            ("[]", Form::Array, " \n"),
            (" [ \n] \n", Form::Array, "    \n  "),
            ("[1]", Form::Array, " 1\n"),
            ("[{\"a\":[1,2]},\r\n {\"b\":\"],[\\\"\"}]\n", Form::Array, " {\"a\":[1,2]}\n\r  {\"b\":\"],[\\\"\"}\n "),
            ("[\"a\nb\",\"\\\n\"]", Form::Array, " \"a\u{b}b\"\n\"\\\u{b}\"\n"),
            ("\n{\n \"a\": {\n}}\n", Form::One, " {  \"a\": { }} "),
            ("{\"a\": \"}\",\n\"b\":\"x\ny\"}", Form::One, "{\"a\": \"}\", \"b\":\"x\u{b}y\"}"),
        ] {
            assert_eq!(of(text), (Ok(form), lines.to_owned()), "{text:?}");
        }
        let mut bytes = b"[1,\n2]".to_vec();
        assert_eq!(settle(&mut bytes, true), Ok(Form::Lines));
        assert_eq!(bytes, b"[1,\n2]");
    }

    #[test]
    fn arrays_that_are_none_are_refused_at_their_place() {
        for (text, at) in [
            ("[", 1),
            ("[{}", 3),
            ("[{}}]", 3),
            ("[,1]", 1),
            ("[1,,2]", 3),
            ("[1, ]", 4),
            ("[1] x", 4),
            ("[1][2]", 3),
            ("[\"a]", 1),
            ("[\"a\\", 1),
        ] {
            let (form, _) = of(text);
            assert_eq!(form.unwrap_err().at, at, "{text}");
        }
    }

    /// Texts of JSON, and what is nearly that.
    fn texts() -> impl Strategy<Value = String> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i32>().prop_map(Value::from),
            "[\\[\\]{},:\"\\\\\n\r a\u{fc}]{0,8}".prop_map(Value::from),
        ];
        let value = leaf.prop_recursive(3, 24, 5, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::vec(("[\"\\\\,\\]} a]{0,3}", inner), 0..5)
                    .prop_map(|pairs| Value::Object(pairs.into_iter().collect())),
            ]
        });
        let array = prop::collection::vec(value, 0..6).prop_map(Value::from);
        let text = (array, any::<bool>()).prop_map(|(array, pretty)| match pretty {
            true => serde_json::to_string_pretty(&array).unwrap(),
            false => array.to_string(),
        });
        let any_text = "[\\[\\]{},:\"\\\\\n a1]{0,12}".prop_map(|text| format!("[{text}"));
        let damaged =
            (text.clone(), any::<prop::sample::Index>(), "[\\[\\]{},:\"\\\\\n a1]{0,1}").prop_map(|(text, at, put)| {
                let at = at.index(text.chars().count());
                text.chars().enumerate().map(|(i, c)| if i == at { put.clone() } else { c.to_string() }).collect()
            });
        prop_oneof![3 => text, 3 => damaged, 2 => any_text]
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2000) })]
        #[test]
        fn an_array_is_what_its_lines_are(text in texts()) {
            let whole = serde_json::from_str::<Vec<Value>>(&text);
            let mut bytes = text.clone().into_bytes();
            let form = if text.trim_start().starts_with('[') { settle(&mut bytes, false) } else { return Ok(()) };
            let lines: Vec<&[u8]> =
                bytes.split(|b| *b == b'\n').filter(|line| !line.iter().all(|b| is_space(*b))).collect();
            let read: Result<Vec<Value>, _> = lines.iter().map(|line| serde_json::from_slice(line)).collect();
            match whole {
                Ok(whole) => {
                    prop_assert_eq!(form, Ok(Form::Array));
                    prop_assert_eq!(read.unwrap(), whole);
                }
                Err(_) => prop_assert!(form.is_err() || read.is_err(), "{:?}", text),
            }
        }

        #[test]
        fn an_object_over_lines_is_the_same_object(text in texts(), spaces in "[ \n]{0,3}") {
            let text = format!("{spaces}{{\"a\":\n{text}{spaces}}}{spaces}");
            let whole = serde_json::from_str::<Value>(&text);
            let mut bytes = text.clone().into_bytes();
            let form = settle(&mut bytes, false).unwrap();
            match whole {
                Ok(whole) => {
                    prop_assert_eq!(form, Form::One);
                    prop_assert!(!bytes.contains(&b'\n'));
                    prop_assert_eq!(serde_json::from_slice::<Value>(&bytes).unwrap(), whole);
                }
                Err(_) if form == Form::One => prop_assert!(serde_json::from_slice::<Value>(&bytes).is_err()),
                Err(_) => {}
            }
        }
    }
}
