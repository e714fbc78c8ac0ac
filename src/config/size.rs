//! Text such as `64MiB` into a number of bytes, and back.
//!
//! Units: powers of 1024 (`KiB`, `MiB`, `GiB`) and of 1000 (`kB`, `MB`, `GB`), and `B`; the case of letters is free.

use std::fmt;

const UNITS: [(&str, u64); 7] = [
    ("GiB", 1 << 30),
    ("GB", 1_000_000_000),
    ("MiB", 1 << 20),
    ("MB", 1_000_000),
    ("KiB", 1 << 10),
    ("kB", 1_000),
    ("B", 1),
];

/// A number of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ByteSize(pub u64);

impl fmt::Display for ByteSize {
    /// The shortest exact text that [`parse_size`] reads back.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (word, unit) in UNITS {
            if self.0 != 0 && self.0.is_multiple_of(unit) {
                return write!(f, "{}{word}", self.0 / unit);
            }
        }
        f.write_str("0B")
    }
}

/// Reads a size such as `64MiB`, `1MB` or `512 B`.
///
/// # Errors
/// A sentence that says what is wrong and which units there are.
pub fn parse_size(text: &str) -> Result<ByteSize, String> {
    const KNOWN: &str = "units are B, kB, MB, GB, KiB, MiB, GiB";
    let trimmed = text.trim();
    let split = trimmed.find(|c: char| !c.is_ascii_digit()).unwrap_or(trimmed.len());
    let (digits, unit) = (&trimmed[..split], trimmed[split..].trim_start());
    if digits.is_empty() {
        return Err(format!("'{text}' is not a size; write a number and a unit, such as 64MiB ({KNOWN})"));
    }
    if unit.is_empty() {
        return Err(format!("'{text}' has no unit; write {digits}B for bytes ({KNOWN})"));
    }
    let Some((_, factor)) = UNITS.iter().find(|(word, _)| word.eq_ignore_ascii_case(unit)) else {
        return Err(format!("'{unit}' in '{text}' is not a unit of size ({KNOWN})"));
    };
    let bytes = digits.parse::<u64>().ok().and_then(|n| n.checked_mul(*factor)).filter(|n| *n <= 1 << 60);
    bytes.map(ByteSize).ok_or_else(|| format!("'{text}' is too large a size"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_and_written_back() {
        for text in ["64MiB", "1MB", "512B", "3kB", "0B", "1GiB", "7GB", "1KiB"] {
            assert_eq!(parse_size(text).unwrap().to_string(), text);
        }
        assert_eq!(parse_size(" 2 mib ").unwrap(), ByteSize(2 << 20));
    }

    #[test]
    fn what_is_no_size_says_why() {
        for (text, why) in [
            ("", "is not a size"),
            ("MiB", "is not a size"),
            ("-1B", "is not a size"),
            ("64", "write 64B"),
            ("1.5MB", "is not a unit of size"),
            ("6 parsecs", "'parsecs' in '6 parsecs' is not a unit"),
            ("99999999999999999999B", "too large"),
            ("99999999999GiB", "too large"),
        ] {
            let said = parse_size(text).unwrap_err();
            assert!(said.contains(why), "{text}: {said}");
        }
    }
}
