//! Numbers, turned into text for people.

/// A whole number with commas: `1,234,567`.
pub fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, c) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(c);
    }
    out
}

/// Three digits and a unit: `950`, `3.61 k`, `12.3 M`, `1.20 G`; what is no number is `0`.
pub fn short(n: f64) -> String {
    let n = if n.is_finite() { n.max(0.0) } else { 0.0 };
    for (size, unit) in [(1e9, "G"), (1e6, "M"), (1e3, "k")] {
        // 999.5 of the smaller unit would be shown as 1000 of it.
        if n >= size * 0.9995 {
            let n = n / size;
            let places = if n >= 99.95 {
                0
            } else if n >= 9.995 {
                1
            } else {
                2
            };
            return format!("{n:.places$} {unit}");
        }
    }
    format!("{n:.0}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_by_thousands() {
        let cases = [(0, "0"), (999, "999"), (1_000, "1,000"), (1_234_567, "1,234,567")];
        for (n, text) in cases {
            assert_eq!(grouped(n), text);
        }
    }

    #[test]
    fn large_numbers_are_shown_with_three_digits() {
        let cases = [
            (0.0, "0"),
            (949.6, "950"),
            (999.7, "1.00 k"),
            (3_612.0, "3.61 k"),
            (12_345_678.0, "12.3 M"),
            (123_456_789.0, "123 M"),
            (1.2e9, "1.20 G"),
            (f64::NAN, "0"),
            (-1.0, "0"),
        ];
        for (n, text) in cases {
            assert_eq!(short(n), text);
        }
    }
}
