//! What texts look like, as regular expressions of the kind that JSON Schema and our own library both read (no
//! look-ahead, no classes of Unicode).

use crate::config::size::ByteSize;
use crate::time::Span;

/// The name of a part.
pub(super) const PART: &str = "^[A-Za-z_][A-Za-z0-9_-]*$";
/// The name of a column.
pub(super) const COLUMN: &str = "^[A-Za-z_][A-Za-z0-9_]*$";
/// A field that gives a column its name.
pub(super) const COLUMNS: &str = r"^[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*$";
/// A dotted field.
pub(super) const FIELD: &str = r"^[^.]*[^.\s][^.]*(\.[^.]*[^.\s][^.]*)*$";
/// Events in a span of time.
pub(super) const RATE: &str = r"^\s*\+?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?\s*/\s*[smh]\s*$";
/// A skip strategy.
pub(super) const SKIP: &str = r"^\s*(past_last|no_skip|to_next|to_(first|last)\s*\(\s*[A-Za-z_][A-Za-z0-9_]*\s*\))\s*$";
/// RFC 3339.
pub(super) const TIME: &str =
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2})$";

/// One character of ASCII, or none.
pub(super) fn character(none: bool) -> String {
    format!(r"^[\x01-\x09\x0b\x0c\x0e-\x7f]{}$", if none { "?" } else { "" })
}

/// Units of a span, with how many microseconds each is.
const SPANS: [(&str, u64); 6] =
    [("us", 1), ("ms", 1_000), ("s", 1_000_000), ("(m|min)", 60_000_000), ("h", 3_600_000_000), ("d", 86_400_000_000)];

/// A span of one unit within bounds, or a sum of several, of which the bounds are not looked at.
pub(super) fn span(least: Span, most: Span) -> String {
    let (least, most) = (least.0.unsigned_abs(), most.0.unsigned_abs());
    let units: Vec<&str> = SPANS.iter().map(|(unit, _)| *unit).collect();
    format!(r"^\s*({}|([0-9]+\s*({})\s*){{2,}})\s*$", within(&SPANS, least, most), units.join("|"))
}

/// Units of a size, with how many bytes each is.
const SIZES: [(&str, u64); 7] = [
    ("[gG][iI][bB]", 1 << 30),
    ("[gG][bB]", 1_000_000_000),
    ("[mM][iI][bB]", 1 << 20),
    ("[mM][bB]", 1_000_000),
    ("[kK][iI][bB]", 1 << 10),
    ("[kK][bB]", 1_000),
    ("[bB]", 1),
];

/// A size within bounds.
pub(super) fn size(least: ByteSize, most: ByteSize) -> String {
    format!(r"^\s*({})\s*$", within(&SIZES, least.0, most.0))
}

/// A number and a unit that are together within bounds.
fn within(units: &[(&str, u64)], least: u64, most: u64) -> String {
    let one = |(unit, factor): &(&str, u64)| {
        let (least, most) = (least.div_ceil(*factor), most / factor);
        (least <= most).then(|| format!(r"0*({})\s*{unit}", numbers(least, most)))
    };
    units.iter().filter_map(one).collect::<Vec<_>>().join("|")
}

/// The whole numbers from `least` to `most`, without leading zeros.
///
/// The range is cut where a number of last digits runs from all 0 to all 9; in each piece the digits are independent.
fn numbers(least: u64, most: u64) -> String {
    let (least, most) = (u128::from(least), u128::from(most));
    let tens = || (1..=38).map(|n| 10_u128.pow(n));
    let mut ends: Vec<u128> = vec![most];
    ends.extend(tens().map(|ten| least - least % ten + ten - 1).take_while(|end| *end < most));
    ends.extend(tens().map(|ten| (most + 1) - (most + 1) % ten).take_while(|next| *next > least).map(|next| next - 1));
    ends.retain(|end| (least..=most).contains(end));
    ends.sort_unstable();
    ends.dedup();
    let mut begin = least;
    let mut pieces = Vec::new();
    for end in ends {
        pieces.push(piece(&begin.to_string(), &end.to_string()));
        begin = end + 1;
    }
    pieces.join("|")
}

/// Numbers of as many digits, each digit for itself.
fn piece(first: &str, last: &str) -> String {
    let mut out = String::new();
    let mut any = 0;
    for (a, b) in first.chars().zip(last.chars()) {
        match (a, b) {
            ('0', '9') => any += 1,
            _ if a == b => out.push(a),
            _ => out.push_str(&format!("[{a}-{b}]")),
        }
    }
    match any {
        0 => {}
        1 => out.push_str("[0-9]"),
        n => out.push_str(&format!("[0-9]{{{n}}}")),
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::size::parse_size;
    use crate::time::parse_span;
    use proptest::prelude::*;
    use regex::Regex;

    fn fits(pattern: &str, text: &str) -> bool {
        Regex::new(pattern).unwrap().is_match(text)
    }

    #[test]
    fn numbers_fit_where_they_are_within_and_nowhere_else() {
        for (least, most) in [(0, 0), (0, 9), (1, 9), (3, 17), (10, 10), (99, 100), (1, 1000), (87, 4321), (500, 1099)]
        {
            let pattern = Regex::new(&format!("^({})$", numbers(least, most))).unwrap();
            for n in 0..12_000 {
                assert_eq!(pattern.is_match(&n.to_string()), (least..=most).contains(&n), "{n} in {least}..={most}");
            }
        }
        assert!(fits(&format!("^({})$", numbers(5, u64::MAX)), &u64::MAX.to_string()));
        assert!(!fits(&format!("^({})$", numbers(5, u64::MAX)), "18446744073709551616"));
    }

    #[test]
    fn sums_and_spaces_of_spans_fit_and_what_is_no_span_does_not() {
        let pattern = span(Span(1_000), Span(86_400_000_000));
        for good in ["5s", " 5 s ", "005s", "1h30m", "1h 30min", "86400s", "1d", "1000us", "23h59m"] {
            assert!(fits(&pattern, good), "{good}");
        }
        for bad in ["5", "s", "", "5 parsecs", "-5s", "5s,", "0s", "999us", "25h", "86401s", "2d", "1.5s", "5S"] {
            assert!(!fits(&pattern, bad), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn a_size_fits_exactly_where_it_is_within(n in 0_u64..5_000_000_000, unit in "(GiB|gb|MiB|MB|kib|kB|B)") {
            let text = format!("{n}{unit}");
            let (least, most) = (ByteSize(1 << 10), ByteSize(1 << 40));
            let within = parse_size(&text).is_ok_and(|size| (least..=most).contains(&size));
            prop_assert_eq!(fits(&size(least, most), &text), within);
        }

        #[test]
        fn a_span_of_one_unit_fits_exactly_where_it_is_within(n in 0_i64..2_000_000, unit in "(us|ms|s|m|min|h|d)") {
            let text = format!("{n}{unit}");
            let (least, most) = (Span(1_500), Span(3_650 * 86_400_000_000));
            let within = parse_span(&text).is_ok_and(|span| (least..=most).contains(&span));
            prop_assert_eq!(fits(&span(least, most), &text), within);
        }
    }
}
