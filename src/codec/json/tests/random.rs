//! Random and broken lines of the decoder, each block against the oracle at every SIMD level.

use super::*;
use proptest::prelude::*;

fn cases(n: u32) -> ProptestConfig {
    let times = std::env::var("HIGHWATER_FUZZ_CASES").ok().and_then(|t| t.parse().ok()).unwrap_or(1u32);
    ProptestConfig { cases: n * times, failure_persistence: None, ..ProptestConfig::default() }
}

fn key() -> impl Strategy<Value = String> {
    prop_oneof![
        10 => prop::sample::select(vec!["a", "b", "ts", "data", "x", "y", "z", "long_key_of_more_than_sixteen_bytes"]).prop_map(|k| format!("\"{k}\"")),
        1 => prop::sample::select(vec![r#""\u0061""#, r#""d\u0061ta""#, r#""a\\""#, r#""\"""#, r#""""#, "\"é\"", "\"a.b\""]).prop_map(str::to_owned),
        1 => "[a-z]{1,20}".prop_map(|k| format!("\"{k}\"")),
    ]
}

fn string() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => "[ -!#-\\[\\]-~]{0,24}",
        1 => "[a-zé漢😀]{0,10}",
        1 => r#"([a-z]|\\["\\/bfnrt]|\\u00[0-9a-fA-F]{2}|\\ud83d\\ude0[0-9]){0,8}"#,
    ]
    .prop_map(|s| format!("\"{s}\""))
}

fn number() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => (-1000i64..1000).prop_map(|n| n.to_string()),
        2 => any::<i64>().prop_map(|n| n.to_string()),
        2 => (any::<i32>(), 0u32..1_000_000).prop_map(|(a, b)| format!("{a}.{b}")),
        1 => any::<f64>().prop_filter("a number", |f| f.is_finite()).prop_map(|f| format!("{f:e}")),
        2 => "-?(0|[1-9][0-9]{0,19})(\\.[0-9]{1,18})?",
        1 => "-?(0|[1-9][0-9]{0,25})(\\.[0-9]{1,25})?([eE][+-]?[0-9]{1,3})?",
        1 => "1767614[0-9]{3}\\.[0-9]{0,3}5",
    ]
}

/// JSON text, with a white space of its own.
fn value() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        4 => string(),
        4 => number(),
        1 => prop::sample::select(vec!["true", "false", "null", "{}", "[]"]).prop_map(str::to_owned),
    ];
    leaf.prop_recursive(4, 24, 5, |inner| {
        prop_oneof![
            1 => (prop::collection::vec(inner.clone(), 0..5), space()).prop_map(|(v, s)| format!("[{s}{}{s}]", v.join(&format!("{s},{s}")))),
            3 => members(inner, 5),
        ]
    })
}

fn members(inner: impl Strategy<Value = String>, most: usize) -> impl Strategy<Value = String> {
    (prop::collection::vec((key(), inner), 0..most), space()).prop_map(|(members, s)| {
        let members: Vec<_> = members.into_iter().map(|(k, v)| format!("{k}{s}:{s}{v}")).collect();
        format!("{{{s}{}{s}}}", members.join(&format!("{s},{s}")))
    })
}

fn space() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["", "", "", " ", "  ", "\t", " \r "])
}

/// A line with a time, most times.
fn line() -> impl Strategy<Value = String> {
    (members(value(), 7), number(), 0..8).prop_map(|(object, time, with)| match with {
        0 => object,
        1 => format!("{},\"ts\":{time}}}", object.trim_end_matches('}')),
        _ => format!("{{\"ts\":{time}{}{}", if object.contains(':') { "," } else { "" }, &object[1..]),
    })
}

/// Blocks in which shapes come again with other values, and some lines are broken.
fn block() -> impl Strategy<Value = Vec<u8>> {
    let change = (any::<prop::sample::Index>(), any::<u8>(), 0..9, any::<prop::sample::Index>());
    let lines = prop::collection::vec((line(), prop::collection::vec(change, 0..3), 0..4usize), 1..12);
    (lines, any::<bool>()).prop_map(|(lines, end)| {
        let mut block = Vec::new();
        for (line, changes, repeat) in lines {
            let line = line.into_bytes();
            let mut lines = vec![line.clone(); repeat];
            let mut broken = line;
            for (at, byte, how, other) in changes {
                let n = broken.len();
                if n == 0 {
                    break;
                }
                let at = at.index(n);
                const SIGNS: &[u8] = b"\"\\{}[]:,0-. \n\tet\xc3n1+";
                match how {
                    0 => broken[at] ^= 1 << (byte & 7),
                    1 => broken.truncate(at),
                    2 => drop(broken.remove(at)),
                    3 => broken.insert(at, byte),
                    4 | 5 => broken.insert(at, SIGNS[usize::from(byte) % SIGNS.len()]),
                    6 => broken[at] = SIGNS[usize::from(byte) % SIGNS.len()],
                    7 => broken.swap(at, other.index(n)),
                    // A digit for a digit keeps the line good.
                    _ => broken
                        .iter_mut()
                        .filter(|b| b.is_ascii_digit())
                        .for_each(|b| *b = b'0' + b.wrapping_add(byte) % 10),
                }
            }
            lines.push(broken);
            for line in lines {
                block.extend_from_slice(&line);
                block.push(b'\n');
            }
        }
        block.truncate(block.len() - usize::from(end));
        block
    })
}

proptest! {
    #![proptest_config(cases(300))]

    #[test]
    fn agree_with_the_oracle_on_random_blocks(block in block(), unit in 0..5usize, filter in any::<bool>()) {
        let mut setup = usual();
        setup.unit = TimeUnit::ALL[unit].1;
        if unit == 4 && filter {
            setup.unit = TimeUnit::Seconds;
            setup.prefilter = Some(Prefilter { slot: 0, allowed: vec!["a".into(), String::new()] });
        }
        agree(&setup, &block);
    }

    #[test]
    fn agree_with_the_oracle_along_tracks(block in block(), unit in 0..5usize, filter in any::<bool>()) {
        let mut setup = plain();
        setup.unit = TimeUnit::ALL[unit].1;
        if filter {
            setup.prefilter = Some(Prefilter { slot: 0, allowed: vec!["a".into(), String::new()] });
        }
        agree(&setup, &block.repeat(2));
    }

    #[test]
    fn a_line_is_read_the_same_whatever_came_before(first in block(), second in block()) {
        let setup = if first.len() % 2 == 0 { usual() } else { plain() };
        let want = oracle(&setup, &second);
        for level in LEVELS {
            let mut decoder = setup.decoder(level);
            decode(&mut decoder, setup.paths.len(), &first, 0, b"");
            let (got, rejects) = decode(&mut decoder, setup.paths.len(), &second, 0, b"");
            prop_assert_eq!(&got, &want);
            let (_, fresh) = decode(&mut setup.decoder(level), setup.paths.len(), &second, 0, b"");
            prop_assert_eq!(rejects, fresh);
        }
    }

    #[test]
    fn lines_that_are_broken_when_their_tracks_are_known_then_are_read_as_ever(
        block in block(),
        filter in any::<bool>(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), 0..3usize, prop::sample::select(b"\"\"\\{}[]:,1e-. \n\ta0\xc3".to_vec())), 1..12),
    ) {
        let mut setup = plain();
        if filter {
            setup.prefilter = Some(Prefilter { slot: 0, allowed: vec!["a".into(), "more than the thirty-two bytes that are compared at once".into()] });
        }
        let whole = block.repeat(2);
        let mut broken = whole.clone();
        for (at, how, byte) in &changes {
            if broken.is_empty() {
                break;
            }
            let at = at.index(broken.len());
            match how {
                0 => broken[at] = *byte,
                1 => broken.insert(at, *byte),
                _ => drop(broken.remove(at)),
            }
        }
        let want = oracle(&setup, &broken);
        for level in LEVELS {
            let mut decoder = setup.decoder(level);
            for _ in 0..2 {
                decode(&mut decoder, setup.paths.len(), &whole, 0, b"");
            }
            let (got, _) = decode(&mut decoder, setup.paths.len(), &broken, 0, b"");
            prop_assert_eq!(&got, &want, "{:?} {:?}", level, String::from_utf8_lossy(&broken));
        }
    }

    #[test]
    fn noise_is_refused_without_a_panic(noise in prop::collection::vec(prop::sample::select(b"\"\\{}[]:,1e-. \n\ta\xc3\xa9".to_vec()), 0..300)) {
        agree(&usual(), &noise);
    }
}
