//! The wider library: naive functions over vectors of characters for the oracle, and every function over any cells.
//!
//! The second catches a panic, a result that depends on the selection, and a text that is not UTF-8; it cannot catch a
//! wrong value, which the examples and the oracle are for.

use super::oracle::V;
use super::tree::{Literal, Node};
use super::{Function, Program, Rows, Scratch, Tree, compile, functions, parse};
use crate::event::{Cell, Column, FieldPath, Tag, Value};
use proptest::prelude::*;
use proptest::sample::select;

/// The functions that [`naive`] computes.
pub(super) const KNOWN: &[&str] = &[
    "initcap",
    "octet_length",
    "translate",
    "overlay",
    "reverse",
    "repeat",
    "lpad",
    "rpad",
    "ascii",
    "levenshtein",
    "gcd",
    "bitand",
    "bitor",
    "bitxor",
    "bitnot",
    "bit_count",
    "url_decode",
    "to_hex",
];

fn chars(v: &V) -> Option<Vec<char>> {
    match v {
        V::Str(text) => Some(text.chars().collect()),
        _ => None,
    }
}

fn whole(v: &V) -> Option<i64> {
    match v {
        V::Int(n) => Some(*n),
        V::Float(f) if f.fract() == 0.0 && (-9_223_372_036_854_775_808.0..9_223_372_036_854_775_808.0).contains(f) => {
            Some(*f as i64)
        }
        _ => None,
    }
}

fn distance(a: &[char], b: &[char]) -> i64 {
    let mut table = vec![vec![0_i64; b.len() + 1]; a.len() + 1];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            table[i][j] = match (i, j) {
                (0, n) | (n, 0) => n as i64,
                _ => {
                    let change = table[i - 1][j - 1] + i64::from(a[i - 1] != b[j - 1]);
                    change.min(table[i - 1][j] + 1).min(table[i][j - 1] + 1)
                }
            };
        }
    }
    table[a.len()][b.len()]
}

/// What a function gives for arguments none of which is NULL; `None` where it fails.
pub(super) fn naive(name: &str, args: &[V]) -> Option<V> {
    let text = |list: Vec<char>| V::Str(list.into_iter().collect());
    Some(match name {
        "initcap" => {
            let mut out = String::new();
            let mut within = false;
            for c in chars(&args[0])? {
                let one = c.to_string();
                out += &if within { one.chars().flat_map(char::to_lowercase).collect() } else { one.to_uppercase() };
                within = c.is_alphanumeric();
            }
            V::Str(out)
        }
        "octet_length" => match &args[0] {
            V::Str(text) => V::Int(text.len() as i64),
            _ => return None,
        },
        "reverse" => text(chars(&args[0])?.into_iter().rev().collect()),
        "repeat" => {
            let (list, n) = (chars(&args[0])?, whole(&args[1])?.max(0));
            let len = list.iter().map(|c| c.len_utf8()).sum::<usize>() as i128;
            if len * i128::from(n) > 65_536 {
                return None;
            }
            text(list.repeat(if len == 0 { 0 } else { n as usize }))
        }
        "lpad" | "rpad" => {
            let (list, n) = (chars(&args[0])?, whole(&args[1])?.max(0));
            let fill = args.get(2).map_or(Some(vec![' ']), chars)?;
            if n <= list.len() as i64 {
                return Some(text(list[..n as usize].to_vec()));
            }
            if fill.is_empty() {
                return Some(text(list));
            }
            let missing = n as usize - list.len();
            if missing > 65_536 {
                return None;
            }
            let more: Vec<char> = fill.into_iter().cycle().take(missing).collect();
            let all = if name == "lpad" { [more, list].concat() } else { [list, more].concat() };
            if all.iter().map(|c| c.len_utf8()).sum::<usize>() > 65_536 {
                return None;
            }
            text(all)
        }
        "translate" => {
            let (list, from, to) = (chars(&args[0])?, chars(&args[1])?, chars(&args[2])?);
            text(
                list.into_iter()
                    .filter_map(|c| match from.iter().position(|f| *f == c) {
                        Some(at) => to.get(at).copied(),
                        None => Some(c),
                    })
                    .collect(),
            )
        }
        "overlay" => {
            let (list, part, start) = (chars(&args[0])?, chars(&args[1])?, whole(&args[2])?);
            let count = args.get(3).map_or(Some(part.len() as i64), whole)?;
            if start < 1 || count < 0 {
                return None;
            }
            let head: Vec<char> = list.iter().take(start as usize - 1).copied().collect();
            let tail = list.iter().skip((start as usize - 1).saturating_add(count as usize)).copied().collect();
            text([head, part, tail].concat())
        }
        "ascii" => V::Int(chars(&args[0])?.first().map_or(0, |c| i64::from(*c as u32))),
        "levenshtein" => V::Int(distance(&chars(&args[0])?, &chars(&args[1])?)),
        "gcd" => {
            let (mut a, mut b) = (i128::from(whole(&args[0])?), i128::from(whole(&args[1])?));
            while b != 0 {
                (a, b) = (b, a % b);
            }
            V::Int(i64::try_from(a.abs()).ok()?)
        }
        "bitand" => V::Int(whole(&args[0])? & whole(&args[1])?),
        "bitor" => V::Int(whole(&args[0])? | whole(&args[1])?),
        "bitxor" => V::Int(whole(&args[0])? ^ whole(&args[1])?),
        "bitnot" => V::Int(-1 - whole(&args[0])?),
        "bit_count" => V::Int(format!("{:b}", whole(&args[0])?).matches('1').count() as i64),
        "to_hex" => V::Str(format!("{:x}", whole(&args[0])?)),
        // no text of the pool has a percent sign before two digits of hex
        "url_decode" => text(chars(&args[0])?),
        other => panic!("the oracle does not know {other}"),
    })
}

/// A cell of any class, its text at the end of the arena.
fn cell(kind: u8, n: usize, arena: &mut Vec<u8>) -> Cell {
    const INTS: [i64; 9] = [0, 1, -1, 2, 5, 64, i64::MAX, i64::MIN, 1_000_000];
    const FLOATS: [f64; 8] = [0.0, -0.0, 0.5, -1.5, 1e308, 5e-324, 9.3e18, 3.0];
    const TIMES: [i64; 5] =
        [0, 1_767_616_496_789_000, -62_135_596_800_000_000, 253_402_300_799_999_999, 1_743_296_400_000_000];
    const TEXTS: [&str; 22] = [
        "",
        "a",
        "äöü💧",
        "e\u{301}ß",
        "[1, 2.5, null, \"x\\n\"]",
        "{\"a\": [1], \"b\\u0061\": {}}",
        "[",
        "hex",
        "base64",
        "%zz%c3%A4%",
        "https://u@h:80/p/q?a=b+c&d#f",
        "//",
        "?",
        "aGk=",
        "6869",
        "day",
        "month",
        "microseconds",
        "%Y-%m-%d",
        "2026-01-05",
        "[-0.0, 0, 0.0, -0.0]",
        "\u{0}'\\",
    ];
    const JSONS: [&str; 8] = [
        "[]",
        "{}",
        "[[1],{\"a\":\"]\"}]",
        "{\"a\":{\"b\":[\"\\\"\",1e5]}}",
        "[3,1,2]",
        "[true,\"a\",0]",
        "[-0.0,0,0.0]",
        "[\"\\ud83d\\udca7\"]",
    ];
    let mut text = |t: &str| {
        let start = arena.len() as u32;
        arena.extend_from_slice(t.as_bytes());
        (start, t.len() as u32)
    };
    match kind % 7 {
        0 => Cell::NULL,
        1 => Cell::bool(n.is_multiple_of(2)),
        2 => Cell::int(INTS[n % INTS.len()]),
        3 => Cell::float(FLOATS[n % FLOATS.len()]),
        4 => Cell::time(TIMES[n % TIMES.len()]),
        5 => {
            let (start, len) = text(TEXTS[n % TEXTS.len()]);
            Cell::str(start, len)
        }
        _ => {
            let (start, len) = text(JSONS[n % JSONS.len()]);
            Cell::json(start, len)
        }
    }
}

/// What can be looked at after the arena is gone; floats by their bits.
fn owned(cell: Cell, arena: &[u8]) -> String {
    match cell.value(arena) {
        Value::Str(t) | Value::Json(t) => {
            format!("{:?} {}", cell.tag(), std::str::from_utf8(t).expect("text is UTF-8"))
        }
        _ => format!("{:?} {}", cell.tag(), if cell.tag() == Tag::Null { 0 } else { cell.bits() }),
    }
}

/// A call with fields for arguments, and literals where it takes them.
fn call(function: &'static Function, count: usize, pick: usize) -> Tree {
    let count = count.clamp(function.least, function.most.min(8));
    let mut args: Vec<Node> = (0..count).map(|i| Node::Path(FieldPath::new(vec![format!("f{i}")]))).collect();
    if let Some(at) = function.zone(count) {
        args[at] = Node::str(["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"][pick % 4]);
    }
    if let super::function::Code::Regex(flags, _) = function.code {
        args[1] = Node::str(["", "a|(b)", "[^x]*", "(?i)Ä(.)?"][pick % 4]);
        if let Some(arg) = args.get_mut(flags) {
            *arg = Node::str(["", "g", "ig"][pick % 3]);
        }
    }
    // a unit of time in a field is seldom one that there is
    if function.name.starts_with("date_") && function.name != "date_bin" && !pick.is_multiple_of(3) {
        args[0] = Node::Const(Literal::Str(["day", "month", "hour", "week", "year"][pick % 5].to_owned()));
    }
    Tree(Node::Call(function, args))
}

fn eval(program: &Program, columns: &[Column], time: &[i64], arena: &[u8], sel: &[u32]) -> (Vec<String>, u64) {
    let (mut arena, mut scratch, mut out) = (arena.to_vec(), Scratch::default(), Column::new());
    program.eval(&Rows { columns, time }, &mut arena, sel, &mut scratch, &mut out);
    (sel.iter().map(|row| owned(out[*row as usize], &arena)).collect(), scratch.failures())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(4_000) })]

    #[test]
    fn functions_when_given_any_cells_never_panic_and_a_selection_equals_its_rows(
        function in select((0..functions().len()).collect::<Vec<_>>()).prop_map(|i| &functions()[i]),
        count in 0..9_usize,
        pick in 0..60_usize,
        rows in prop::collection::vec((prop::collection::vec((any::<u8>(), any::<u8>()), 8), any::<bool>(), any::<bool>()), 1..6),
    ) {
        let tree = call(function, count, pick);
        let mut arena = b"#".to_vec();
        let columns: Vec<Column> = (0..8)
            .map(|c| {
                rows.iter()
                    .map(|(cells, fitting, _)| {
                        // every other row has the classes that the function wants, so that it gets past them
                        let wanted = function.args.get(c).or(function.args.last());
                        let kind = match wanted.filter(|_| *fitting) {
                            Some(super::Type::Int) => 2,
                            Some(super::Type::Float | super::Type::Number) => 2 + cells[c].0 % 2,
                            Some(super::Type::Time) => 4,
                            Some(super::Type::Str) => 5,
                            Some(super::Type::Json) => 5 + cells[c].0 % 2,
                            _ => cells[c].0,
                        };
                        cell(kind, usize::from(cells[c].1), &mut arena)
                    })
                    .collect()
            })
            .collect();
        let time: Vec<i64> = (0..rows.len() as i64).collect();
        let program = compile(&tree, &mut |path| path.to_string()[1..].parse().expect("f and a number"));
        let sel: Vec<u32> = (0..rows.len() as u32).filter(|row| rows[*row as usize].2).collect();
        let (all, failures) = eval(&program, &columns, &time, &arena, &sel);
        let (mut single, mut counted) = (Vec::new(), 0);
        for row in &sel {
            let (one, failed) = eval(&program, &columns, &time, &arena, &[*row]);
            single.extend(one);
            counted += failed;
        }
        prop_assert_eq!((all, failures), (single, counted), "{}", tree);
    }

    #[test]
    fn clocks_when_read_and_set_again_show_the_same(us in -62_000_000_000_000_000..253_000_000_000_000_000_i64, pick in 0..3_usize) {
        // the first of two equal local times is taken, and none is in a gap: shown, set, shown again is shown
        let zone = ["Europe/Berlin", "America/New_York", "Asia/Tokyo"][pick];
        let text = format!("to_local(from_local(to_local(event_time(), '{zone}'), '{zone}'), '{zone}') = to_local(event_time(), '{zone}')");
        let program = compile(&parse(&text).unwrap(), &mut |_| 0);
        let (found, failures) = eval(&program, &[], &[us], b"", &[0]);
        prop_assert_eq!((found, failures), (vec!["Bool 1".to_owned()], 0));
    }
}
