//! A size and a slide or step that does not fit it into ones that would.
//!
//! Cost: a walk over a fixed list of round spans, and at most a few thousand divisions.

use crate::time::Span;

/// How far a divisor is looked for that is not round.
const LOOK: i64 = 4096;

/// Round spans, rising.
fn round() -> impl Iterator<Item = i64> {
    const NUMBERS: [(i64, &[i64]); 5] = [
        (1_000, &[1, 2, 5, 10, 20, 25, 50, 100, 200, 250, 500]),
        (1_000_000, &[1, 2, 5, 10, 15, 20, 30]),
        (60_000_000, &[1, 2, 5, 10, 15, 20, 30]),
        (3_600_000_000, &[1, 2, 3, 4, 6, 8, 12]),
        (86_400_000_000, &[1, 2, 5, 7, 10, 14, 30, 90, 365]),
    ];
    NUMBERS.into_iter().flat_map(|(unit, numbers)| numbers.iter().map(move |n| n * unit))
}

/// Up to two spans that divide `size`, the nearest below `slide` and the nearest above, round ones first; never none.
pub(super) fn divisors(size: Span, slide: Span) -> Vec<Span> {
    let divides = |n: &i64| *n >= 1_000 && size.0 % n == 0;
    let below = round().filter(|n| *n < slide.0).filter(divides).last();
    let above = round().filter(|n| *n > slide.0 && *n < size.0).find(|n| divides(n));
    let parts = size.0 / slide.0.max(1);
    let finer =
        || (parts + 1..parts.saturating_add(LOOK)).filter(|k| size.0 % k == 0).map(|k| size.0 / k).find(divides);
    let coarser =
        || (1..=parts).rev().take(LOOK as usize).filter(|k| size.0 % k == 0).map(|k| size.0 / k).find(divides);
    let mut found: Vec<Span> = [below.or_else(finer), above.or_else(coarser)].into_iter().flatten().map(Span).collect();
    if found.is_empty() {
        found.push(size);
    }
    found.dedup();
    found
}

/// The least span that cuts `size` into at most `most` pieces of one length; round where one is near.
pub(super) fn at_least(size: Span, most: i64) -> Span {
    let least = size.0.div_euclid(most) + i64::from(size.0 % most != 0);
    let plain = round().find(|n| *n >= least && size.0 % n == 0);
    let any = || (1..=size.0 / least.max(1)).rev().take(LOOK as usize).find(|k| size.0 % k == 0).map(|k| size.0 / k);
    Span(plain.or_else(any).unwrap_or(size.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::parse_span;
    use proptest::prelude::*;

    #[test]
    fn round_divisors_are_offered_first() {
        for (size, slide, offered) in [
            ("60s", "7s", "5s 10s"),
            ("10s", "3s", "2s 5s"),
            ("1h", "7m", "5m 10m"),
            ("7s", "2s", "1s 3500ms"),
            ("1d", "5h", "4h 6h"),
            ("30s", "29s", "15s 30s"),
            ("1s", "300ms", "250ms 500ms"),
        ] {
            let found = divisors(parse_span(size).unwrap(), parse_span(slide).unwrap());
            let found: Vec<String> = found.iter().map(Span::to_string).collect();
            assert_eq!(found.join(" "), offered, "{size} {slide}");
        }
    }

    proptest! {
        #[test]
        fn what_is_offered_divides(size in 1_000i64..315_360_000_000_000, share in 0.0f64..1.0) {
            let slide = ((size as f64 * share) as i64).clamp(1_000, size);
            for offered in divisors(Span(size), Span(slide)) {
                prop_assert!(offered.0 >= 1_000 && size % offered.0 == 0);
            }
            let least = at_least(Span(size), 100_000);
            prop_assert!(size % least.0 == 0 && size / least.0 <= 100_000);
        }
    }
}
